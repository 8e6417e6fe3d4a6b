/* control.h - how a run is watched and steered: what a `train` block says beside data, optimiser,
 * batch and epochs. Filled by the compiler, which has checked it, or written by it into a
 * program. All zeros: nothing is watched. */
#ifndef DL_CONTROL_H
#define DL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

/* A value of each epoch that is hoped to get better. */
typedef struct DlMonitor {
    const char *name; /* as in the log: "validation_accuracy"; NULL: validation_loss, or train_loss
                       * where nothing is validated */
    int better;       /* -1: when it is smaller, 1: greater; 0: not said */
    double min_delta; /* a smaller change is none */
} DlMonitor;

typedef struct DlControl {
    double validation;    /* of the training rows, this share is not trained on; 0: none */
    bool validation_last; /* the last rows, instead of rows from everywhere */

    int64_t accumulate; /* batches whose gradients make one step; 0 and 1: each does */

    const char *weight, *weight_of; /* the target that holds rows' weights, and the one whose
                                     * classes they balance; NULL: none */

    bool samples; /* privacy: rows by lot, and an account of what is given away */
    double delta;

    bool stops; /* stop_early */
    DlMonitor stop;
    int64_t stop_patience;
    bool restore_best;

    bool reduces; /* reduce_on_plateau */
    DlMonitor reduce;
    int64_t reduce_patience, cooldown;
    double factor, least; /* number = greater of number * factor, least */
    const char *number;   /* "rate": and each optimiser's, "adam.rate"; NULL: that */
} DlControl;

#endif
