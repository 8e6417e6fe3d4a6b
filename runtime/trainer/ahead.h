/* ahead.h - rows for call after call, the next ones made ready while a call runs. */
#ifndef DL_AHEAD_H
#define DL_AHEAD_H

#include "reader.h"

typedef struct DlAhead DlAhead;

/* Rows of a split, as dl_batch_fill takes them. */
typedef struct DlWanted {
    const int64_t *order;
    int64_t first, n; /* n 0: none */
} DlWanted;

/* Batches of at most `rows` rows, as `tensor` says; the split must stay. */
DlAhead *dl_ahead_open(
        const dl_tensor *tensor, int n, int64_t rows, const DlSplit *split, DlError *e);
void dl_ahead_close(DlAhead *a); /* NULL: nothing */
/* The rows of `now`, and a beginning with `next`: a guess, whose order stays as it is until the next
 * call here. What is returned is the caller's until then. */
const DlBatch *dl_ahead_take(DlAhead *a, DlWanted now, DlWanted next);
/* Nobody wants what was begun; its order may change after this. */
void dl_ahead_drop(DlAhead *a);
/* Seconds that calls of dl_ahead_take took, since the last call of this. */
double dl_ahead_waited(DlAhead *a);

#endif
