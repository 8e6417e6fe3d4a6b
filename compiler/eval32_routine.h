/* eval32_routine.h - a routine (codegen.h) run by the single-precision interpreter. */
#ifndef DLC_EVAL32_ROUTINE_H
#define DLC_EVAL32_ROUTINE_H

#include "../runtime/dl_object.h"
#include "codegen.h"

/* Of one call: the objects, the arguments, and in whose head faults are noted. */
typedef struct Call32 {
    char *model, *work;
    void *const *arg;
    int64_t n;
    int threads;
    dl_work_head *faults;
    uint64_t seed;                    /* of the random numbers that it draws */
} Call32;

/* Runs it as the generated driver would; returns its status. What was compiled for a number of
 * rows is kept, since calls have few different ones. */
int routine32_run(Graph *g, const Routine *r, const Call32 *c);
void routine32_forget(void);          /* frees all that is kept */
size_t routine32_bytes(void);         /* of all that is kept */

#endif
