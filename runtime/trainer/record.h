/* record.h - what is known when an epoch is over, by name, and who looks at it: the log, monitors.
 *
 * Columns are train_loss, the numbers among the metrics on the validation rows, as
 * validation_loss (test_loss, where test rows are evaluated instead), the optimisers' rates, and
 * epsilon, where rows are drawn by lot. */
#ifndef DL_RECORD_H
#define DL_RECORD_H

#include "trainer.h"

typedef struct DlRecord {
    int64_t epoch, step; /* done */
    double samples_per_second, seconds;
    double waited; /* seconds in which steps waited for their rows */
    int n, metric, rate; /* columns in all; the first of metrics, and of rates */
    int epsilon;         /* the column of what privacy was spent; 0: none */
    bool scheduled;      /* a rate follows a schedule */
    const char *split;   /* "validation", "test"; NULL: nothing is evaluated */
    char **name;
    double *value;
} DlRecord;

bool dl_record_open(DlRecord *r, const DlRun *run, const char *split, DlError *e);
void dl_record_close(DlRecord *r);
/* metric: what `results` gave, or NULL. */
void dl_record_fill(DlRecord *r, const DlRun *run, const double *metric);
int dl_record_column(const DlRecord *r, const char *name); /* -1: there is none */

/* ---- monitors (watch.c) -------------------------------------------------------------- */

typedef struct DlWatch {
    const DlMonitor *monitor;
    const char *name; /* of the column */
    int column;
    bool greater; /* is better */
    double best;
    int64_t best_epoch, waited, cooling; /* epochs: since it got better; until it counts again */
} DlWatch;

/* `setting` begins the messages. */
bool dl_watch_open(
        DlWatch *w, const DlMonitor *m, const char *setting, const DlRecord *r, DlError *e);
/* Whether this epoch's value is the best so far, which it then is; else one more was waited. */
bool dl_watch_look(DlWatch *w, const DlRecord *r);

/* ---- the log (log.c) ----------------------------------------------------------------- */

typedef struct DlLog {
    FILE *file;
    const char *path;
    bool json;
} DlLog;

/* A new file; or, after `epochs`, one that goes on, without what it says of later epochs. */
bool dl_log_open(DlLog *l, const char *path, const DlRecord *r, int64_t epochs, DlError *e);
/* False, with a message, when it cannot be written: the first time only. */
bool dl_log_row(DlLog *l, const DlRecord *r, DlError *e);
void dl_log_close(DlLog *l);

#endif
