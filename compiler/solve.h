/* solve.h - inverting index maps: the heart of the gradient, and of eliminating folds.
 *
 * Given equations  lhs_k == rhs_k  where every lhs is an i32 expression over OLD variables
 * (each with an extent) and every rhs one that uses no old variable, describe the set of
 * all assignments of the old variables that satisfy them:
 *
 *     old_j = value[j](outer, fresh)   for fresh in the box fresh_dim, where guard holds
 *
 * as a bijection: each satisfying assignment is met exactly once. What cannot be solved
 * stays correct: an unsolved variable becomes fresh, an unsolved equation part of the guard.
 *
 *   - Gaussian elimination by unit coefficients, the variable with the largest extent
 *     first; then by other coefficients, leaving a divisibility guard and a quotient;
 *   - mixed radix: a*i + b*j + ... where each term fits below the next coefficient is
 *     solved outright by quotients and remainders (disjoint windows, reshapes);
 *   - u//c and u%c of one u together are u; one alone takes a fresh variable for the rest;
 *   - every solved variable leaves the guard that it is inside its extent, unless ranges
 *     prove it; opaque terms (loads) become equality guards.
 *
 * Variable numbers: rhs and results use 0..nouter-1 for what is outside (whatever the
 * caller means by them), nouter.. for fresh variables; lhs uses its own numbering 0..nold-1.
 */
#ifndef DLC_SOLVE_H
#define DLC_SOLVE_H

#include "graph.h"

typedef struct Equation { Expr *lhs, *rhs; } Equation;

typedef struct Solution {
    Expr *value[MAX_VARS];          /* one an old variable, over outer and fresh variables */
    int nfresh;
    int64_t fresh_dim[MAX_VARS];
    int fresh_old[MAX_VARS];        /* the old variable that it is, or -1 for a new one */
    Expr *guard;                    /* NULL: always */
} Solution;

Solution solve(Graph *g, int nold, const int64_t *old_dim, int neq, const Equation *eq, int nouter);

/* Conditions are not lazy: a load in one is evaluated wherever the condition is. So a
 * condition b that is only meaningful where a holds is joined to it by ex_and_then: loads of
 * b whose bounds the ranges do not prove get the guard a. ex_where does that to one
 * expression. NULL stands for true. */
Expr *ex_and_then(Graph *g, Expr *a, Expr *b);
Expr *ex_where(Graph *g, Expr *condition, Expr *e);

#endif
