/* sweep_onednn.h - a contraction of the sweep by oneDNN, on the arrays a, b, c of sweep.h. */
#ifndef SWEEP_ONEDNN_H
#define SWEEP_ONEDNN_H

#include "sweep.h"

typedef struct Onednn Onednn;

Onednn *onednn_new(const SweepShape *s, int threads, float *a, float *b, float *c);
void onednn_run(Onednn *o);
void onednn_free(Onednn *o);

#endif
