/* still.h - rows of a table that an update leaves as they are; see still.c. */
#ifndef DLC_STILL_H
#define DLC_STILL_H

#include "kernel.h"

/* Elements whose gradient is zero, and at which all leaves of `zero` are zero, keep their
 * values when `given` holds (NULL: always). It depends on no element. */
typedef struct Still {
    NodeList zero;
    Expr *given;
} Still;

/* Do the unit's results stay as they are where `gradient`, one of its members, is zero? */
bool stands_still(Kernels *k, const Unit *u, const Node *gradient, Still *out);

#endif
