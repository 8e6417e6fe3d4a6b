/* show_weights.h - trained weights for the drawings of them. */
#ifndef DLC_SHOW_WEIGHTS_H
#define DLC_SHOW_WEIGHTS_H

#include "../runtime/trainer/reader.h"
#include "show.h"

typedef struct Trained {
    DlSession session;
    DlPool *pool;
    DlMeta meta;              /* what prepared the data */
    DlError error;
} Trained;

/* False, with a message in `error`; trained_close in either case. */
bool trained_open(Arena *a, Trained *t, const Model *m, const char *path);
void trained_close(Trained *t);
/* The elements of a parameter, row-major; NULL, with a message: it is no f32. */
const float *trained_values(Trained *t, const Node *parameter);

#endif
