/* hoist.h - out of the loop: values of a scan's body seen from outside, and moving there
 * what need not be computed step by step. */
#ifndef DLC_HOIST_H
#define DLC_HOIST_H

#include "graph.h"

/* n[index] at a step of a closed scan, read from outside: from the stack of n; of a carry,
 * what the step before left, or the initial value. */
Expr *value_at_step(Graph *g, Scan *s, Node *n, Expr *time, Expr *const *index, Expr *guard);

/* Rebuilds what the roots need so that in every scan only the recurrence remains: a
 * comprehension of the body that does not depend on the carried values is computed before,
 * for all steps at once, and a fold that no step waits for is computed after; both have the
 * time as one more axis. Overwrites root[]; returns whether anything moved. */
bool hoist(Graph *g, Node **root, int n);

#endif
