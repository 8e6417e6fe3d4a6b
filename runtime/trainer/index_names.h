/* index_names.h - what the indices of an input mean, from what came with the weights. */
#ifndef DL_INDEX_NAMES_H
#define DL_INDEX_NAMES_H

#include "reader.h"

/* Words of a vocabulary ("words": from index 2 on; 0 pads, 1 is any other word), code points
 * ("characters") or the categories of the input's column, by index. n: how many; 0: nothing is
 * known, and NULL is no failure then. In the pool. */
const char **dl_index_names(
        DlPool *pool, const DlMeta *stored, const char *input, int64_t *n, DlError *e);

#endif
