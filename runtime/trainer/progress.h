/* progress.h - what a run shows while it goes on. On a terminal, one line that is redrawn;
 * elsewhere, a line an epoch (fewer, evenly spaced, when there are very many). With --json,
 * an object an epoch on standard output. Colour only on a terminal that wants it. */
#ifndef DL_PROGRESS_H
#define DL_PROGRESS_H

#include "trainer.h"

typedef struct DlProgress {
    FILE *out;  /* standard error */
    FILE *json; /* standard output, or NULL */
    bool quiet, terminal, colour;
    int width;
    const dl_model *table;
    int64_t epochs, batches, rows;    /* in all; in an epoch */
    double begun, epoch_begun, drawn; /* seconds of a clock that never goes back */
    double trained;                   /* seconds of this epoch's steps, without evaluation */
} DlProgress;

typedef struct DlEpoch {  /* what is known when an epoch is over */
    int64_t epoch;        /* from 1 */
    double loss;          /* mean over its batches, while training */
    const double *metric; /* on the test split; NULL: there is none */
} DlEpoch;

void dl_progress_begin(
        DlProgress *p, FILE *out, FILE *json, bool quiet, const DlRun *r, int64_t epochs);
void dl_progress_batch(DlProgress *p, const DlRun *r);
void dl_progress_epoch(DlProgress *p, const DlRun *r, const DlEpoch *e);
void dl_progress_end(DlProgress *p); /* leaves the cursor on a line of its own */

/* json.c: numbers as short as they can be read back the same; null when not finite. */
void dl_json_number(FILE *f, double v);
void dl_json_text(FILE *f, const char *text);
/* "loss": 0.5, "confusion": [[9, 1], [2, 8]] */
void dl_json_metrics(FILE *f, const dl_model *table, const double *metric);

#endif
