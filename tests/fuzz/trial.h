/* trial.h - one model's table (generated code, or the interpreter's) held to the definition. */
#ifndef DLC_FUZZ_TRIAL_H
#define DLC_FUZZ_TRIAL_H

#include "../../compiler/driver.h"

typedef struct TrialOptions {
    const char *name; /* in messages */
    uint64_t seed;    /* of data and disturbances */
    int64_t rows;     /* 1 <= rows <= batch */
    bool interpreted; /* the bits of two calls need not agree */
} TrialOptions;

typedef struct Outcome {
    long compared, excused;  /* numbers; behind a comparison decided by less than 1e-5 */
    long differences, kinks; /* gradients against differences; skipped at a kink */
    long wrong;              /* what is wrong: told, one line each */
} Outcome;

/* Initial values, predict, evaluate, loss, gradients, apply and a training step. */
void trial_table(Model *m, const dl_model *table, const TrialOptions *o, Outcome *out);

/* The interpreter's gradients against central differences of the loss, in double. */
void trial_gradients(Model *m, const TrialOptions *o, Outcome *out);

#endif
