/* guards.h - conditions of guards as bounds of loops; see guards.c. */
#ifndef DLC_GUARDS_H
#define DLC_GUARDS_H

#include "kernel.h"

typedef Vec(Expr *) ExprList;

/* The conditions that a guard (NULL: none) is the conjunction of, each once. */
void guard_conditions(Arena *a, Expr *guard, ExprList *out);

/* Conditions without which a term of a sum is zero. A factor that is zero there counts,
 * whatever the other one is. */
void guard_of_term(Arena *a, Expr *term, ExprList *out);

/* Values of a variable: at least every lo, below every hi, congruent to residue modulo
 * step where that is not 1. */
typedef struct Range {
    ExprList lo, hi;
    int64_t step;
    Expr *residue;
} Range;

/* What the conditions over the variable and the known ones leave of it; the conditions
 * that are so taken care of are added to `taken`. */
Range guard_range(Graph *g, int var, uint32_t known, const ExprList *conditions, ExprList *taken);

#endif
