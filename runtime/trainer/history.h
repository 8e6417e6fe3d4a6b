/* history.h - what a run's epochs were like: the columns of its record (record.h), a row an epoch.
 *
 * A run keeps its history as it goes; a checkpoint has it as text, so that the curves of a resumed
 * run begin where the run began. A log that a run has left can be read as one. */
#ifndef DL_HISTORY_H
#define DL_HISTORY_H

#include "reader.h"
#include "record.h"

typedef struct DlHistory {
    int n; /* columns */
    char **name;
    int64_t rows, room;
    double *value; /* [rows][1 + n]: the epoch, then the columns; NaN: not known */
} DlHistory;

/* Empty, with columns of these names. */
bool dl_history_open(DlHistory *h, int n, char *const *name, DlError *e);
void dl_history_close(DlHistory *h);
/* A row of NaN to be filled, behind the others; NULL, with a message. */
double *dl_history_row(DlHistory *h, double epoch, DlError *e);
bool dl_history_add(DlHistory *h, const DlRecord *r, DlError *e);
static inline double *dl_history_at(const DlHistory *h, int64_t row) {
    return h->value + row * (1 + h->n);
}

/* As text, to be freed; NULL: out of memory. */
char *dl_history_text(const DlHistory *h);
/* The rows of such a text, in place of what there was: columns by name, of which those that only
 * the text has are left out. False: it is no such text. */
bool dl_history_take(DlHistory *h, const char *text, DlError *e);

/* history_log.c: of a .csv or .jsonl file that `--log` has written, without what is no result:
 * steps, times. */
bool dl_history_read(DlHistory *h, const char *path, DlError *e);

#endif
