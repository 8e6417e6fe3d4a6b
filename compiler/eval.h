/* eval.h - the interpreter in double precision: what a graph means. */
#ifndef DLC_EVAL_H
#define DLC_EVAL_H

#include "graph.h"

typedef struct Eval Eval;

/* batch: planned rows; rows: those of this call (loops over DIM_BATCH run to it, arrays are
 * laid out with it: every DIM_BATCH axis has `rows` elements). All values are doubles,
 * integers and bools included. Memory is malloc'ed and freed with the Eval; a value that
 * does not fit in memory is an error from eval_node. */
Eval *eval_new(Graph *g, int64_t rows, uint64_t seed, uint32_t step);
void eval_free(Eval *e);

/* Values of a leaf, row-major, copied. L_UNIFORM, L_DATA, L_ROWS, L_STEP need none. */
void eval_bind(Eval *e, const Node *leaf, const double *value);

/* The node's values, row-major, valid until eval_free; computed once. Loads out of bounds
 * and unbound leaves are reported: NULL, and eval_error says what and where. */
const double *eval_node(Eval *e, Node *n);
const char *eval_error(const Eval *e);

/* Beside each value the sum of absolute terms that made it: what a float result's error is
 * measured against. A fold sum and the linear operators add (or multiply) the scales of their
 * terms; others have their result's size or, to first order, what they make of an operand's
 * scale, whichever is larger (so that exp of a cancelled sum is as uncertain as it is). NULL
 * unless asked for before the first eval_node. */
void eval_keep_scale(Eval *e);
const double *eval_scale(Eval *e, Node *n);

/* How near the closest decided comparison (lt le gt ge, max, min, select conditions, arg
 * folds) came to a tie, per element of n: |a - b| relative to max(|a|, |b|, 1), through
 * everything that n depends on; infinity when nothing was compared. Equal to the bit is no
 * tie: such operands came from the same computation, which float repeats. Within 1e-5 of a
 * jump (of floor, sign and the like) the margin is 0. */
const double *eval_margin(Eval *e, Node *n);

#endif
