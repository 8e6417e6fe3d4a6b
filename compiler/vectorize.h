/* vectorize.h - what the parts of vectorize.c share: a loop's iterations side by side in the
 * lanes of vectors.
 *
 * Sixteen neighbouring iterations are one vector; a body may be made for several of these at
 * once (copies), so that their accumulators are independent. What does not change with the
 * loop's variable stays a scalar; what grows by a constant from lane to lane is the scalar of
 * the first lane and that step; everything else is a vector. */
#ifndef DLC_VECTORIZE_H
#define DLC_VECTORIZE_H

#include "loop_prove.h"

enum { MOST_COPIES = 4 };

/* What stands for a scalar that changes with the loop's variable. */
typedef struct Bound {
    const LoopVar *var;
    LoopVar *copy[MOST_COPIES];
    bool vector;              /* else: the first lane's, with a step to the next */
    int64_t step;
} Bound;

typedef struct Lanes {
    Arena *a;
    Known *known;             /* of the loop as it was */
    const LoopStmt *loop;
    int copies;
    LoopExpr *base[MOST_COPIES];   /* the loop's variable in the first lane */
    bool aligned;             /* all of these are multiples of LANES */
    int lanes;                /* that are iterations of the loop */
    LoopExpr *count;          /* not more than this either; NULL: no matter */
    LoopExpr *mask[MOST_COPIES];   /* of the condition that the statement is under, or NULL */
    Vec(Bound) bound;
    LoopBlock *to;            /* where statements go */
    int lazy;                 /* inside of a side of `?:`, which may not be evaluated */
    bool failed;              /* the body cannot be vector code */
} Lanes;

/* ---- vectorize_index.c --------------------------------------------------------------- */

const Bound *bound_of(const Lanes *l, const LoopVar *v);
bool varies(const Lanes *l, const LoopExpr *e);          /* from lane to lane */
bool reads(const LoopExpr *e);                           /* memory */
/* By what an integer grows from lane to lane; false: not by a constant. */
bool step_of(const Lanes *l, const LoopExpr *e, int64_t *step);
LoopExpr *first_lane(const Lanes *l, LoopExpr *e, int copy);   /* of what has a step */

/* ---- vectorize_code.c ---------------------------------------------------------------- */

/* The body's statements join `to`; false: it cannot be vector code. */
bool vector_body(Lanes *l, const LoopBlock *body, LoopBlock *to);

/* ---- vectorize_cost.c ---------------------------------------------------------------- */

/* An estimate of what a block takes, in simple operations. */
double block_cost(const LoopBlock *block, int64_t batch);

/* ---- promote.c ----------------------------------------------------------------------- */

/* Local arrays of which whole vectors are loaded and stored alone become named vectors. */
void promote_arrays(Arena *a, LoopBlock *body);

#endif
