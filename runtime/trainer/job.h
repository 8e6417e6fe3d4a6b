/* job.h - what the commands have in common. */
#ifndef DL_JOB_H
#define DL_JOB_H

#include "reader.h"
#include "show.h"

/* What a command has opened; all of it is closed in one place. */
typedef struct Job {
    const dl_model *table;
    const DlConfig *config;
    const DlOptions *options;
    DlError error;
    DlSession session;
    DlData *data;
    DlPool *pool; /* of what came with the weights */
    DlMeta stored;
    char weights[512]; /* the path */
    double *metric;
} Job;

bool dl_job_begin(Job *j, const dl_model *table, const DlConfig *c, const DlOptions *o);
/* Says what went wrong, closes everything; the exit code. */
int dl_job_end(Job *j, bool ok, const char *command);
DlRequest dl_job_request(const Job *j, const DlMeta *stored);
/* A model with the weights of the file, and what prepared their data. */
bool dl_job_load(Job *j);
DlClasses dl_job_classes(Job *j); /* their names as they were stored; none: 0 */
/* --tap: runs the entry `tap` on the split, and writes what is asked for. */
bool dl_job_tap(Job *j, const DlSplit *s);
/* The test rows, or else those of validation, or else of training. */
const DlSplit *dl_job_split(const Job *j);
void dl_job_say_split(const Job *j);
bool dl_job_print(Job *j); /* the metrics */
/* --show: predictions of the split's first rows. With --json, standard output is for objects
 * alone. */
bool dl_job_show(Job *j, const DlSplit *s);

#endif
