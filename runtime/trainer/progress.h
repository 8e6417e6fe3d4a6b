/* progress.h - what a run shows while it goes on. On a terminal, one line that is redrawn;
 * elsewhere, a line an epoch (fewer, evenly spaced, when there are very many). With --json,
 * an object an epoch on standard output. Colour, and a bar of other than ASCII characters, only
 * on a terminal that takes them. */
#ifndef DL_PROGRESS_H
#define DL_PROGRESS_H

#include "record.h"

typedef struct DlProgress {
    FILE *out;  /* standard error */
    FILE *json; /* standard output, or NULL */
    bool quiet, terminal, colour, utf8;
    bool rates; /* they change, and are shown */
    const dl_model *table;
    int64_t epochs, batches;          /* in all; in an epoch */
    double before;                    /* epochs done when this began, of a run that is resumed */
    int64_t rows_before;              /* of this epoch */
    double begun, epoch_begun, drawn; /* seconds of a clock that never goes back */
    double trained;                   /* seconds of this epoch's steps, without evaluation */
} DlProgress;

void dl_progress_begin(
        DlProgress *p, FILE *out, FILE *json, bool quiet, const DlRun *r, int64_t epochs);
/* An epoch, or the rest of one: from here on its time counts. */
void dl_progress_start(DlProgress *p, const DlRun *r);
void dl_progress_batch(DlProgress *p, const DlRun *r);
/* The epoch's rows are through, and others are evaluated, which may take a while. */
void dl_progress_evaluating(DlProgress *p, const DlRun *r);
/* Notes in the record how long the epoch took, and shows it; last: there is none after it. */
void dl_progress_epoch(DlProgress *p, const DlRun *r, DlRecord *record, bool last);
/* A line of its own, such as "epoch 7: rate 0.01 -> 0.001". */
void dl_progress_note(DlProgress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dl_progress_end(DlProgress *p); /* leaves the cursor on a line of its own */

/* json.c: numbers as short as they can be read back the same; null when not finite. */
void dl_json_number(FILE *f, double v);
void dl_json_text(FILE *f, const char *text);
/* {"epoch": 1, "step": 32, "train_loss": 0.5, ...} and the end of the line */
void dl_json_record(FILE *f, const DlRecord *r);
/* "loss": 0.5, "confusion": [[9, 1], [2, 8]] */
void dl_json_metrics(FILE *f, const dl_model *table, const double *metric);

#endif
