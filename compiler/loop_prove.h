/* loop_prove.h - proving that an index expression is never negative. */
#ifndef DLC_LOOP_PROVE_H
#define DLC_LOOP_PROVE_H

#include "loop.h"

enum { LINEAR_TERMS = 24 };

/* c0 + sum c * atom; atoms are variables, or expressions that are not linear. */
typedef struct Linear {
    int64_t c0;
    int n;
    struct { int64_t c; const LoopExpr *atom; } term[LINEAR_TERMS];
    bool broken;              /* too many terms, or too large: nothing is known */
} Linear;

/* What is known of a variable where it is defined. */
typedef struct VarFact {
    const LoopVar *var;
    const LoopExpr *lo, *hi;  /* of a loop: lo <= var <= hi - below */
    int64_t below, step;
    int64_t last;             /* of a loop with constant bounds: its last value; else INT64_MAX */
    const LoopExpr *value;    /* of a constant: its definition */
} VarFact;

typedef struct Known {
    Arena *arena;
    int64_t batch;
    Vec(VarFact) var;         /* in order of definition */
    Vec(Linear) fact;         /* never negative: what tests around have made sure */
    struct Patience { int left, asking; } *patience;   /* steps left for the question at hand */
} Known;

Linear linear_of(const Known *k, const LoopExpr *e);
Linear linear_sum(const Linear *a, const Linear *b, int64_t factor);     /* a + factor * b */
Linear linear_number(int64_t c0);
bool same_expr(const LoopExpr *a, const LoopExpr *b);
/* Where the innermost variable of the expression was defined, in Known.var; -1: none. */
int order_of(const Known *k, const LoopExpr *e);

/* What a condition makes sure of joins the facts. */
void assume(Known *k, const LoopExpr *condition);
bool is_never_negative(const Known *k, const Linear *e);
bool fits_i32(const Known *k, const Linear *sum);    /* does it stay in 32 bits, and not wrap? */

/* ---- loop_check.c -------------------------------------------------------------------- */

/* What is known inside of a loop or test, or after a definition. */
void known_enter(Known *k, const LoopStmt *s);

/* ---- loop_parallel.c ----------------------------------------------------------------- */

/* Are the iterations of a loop, which was entered last, independent? NULL, else what
 * they share: its name, after the reason. */
const char *loop_shares(Known *k, const LoopStmt *loop);

#endif
