/* graph_text.h - the words that the printed form of a graph is made of; graph_text.c prints
 * it and graph_read.c reads it.
 *
 *     n0 = input "x" f32[batch, 3]
 *     n1 = param "w" f32[3, 2]
 *     n2 = data i32[2] {0, 1}
 *     n3 = uniform f32[2] 17                      stream
 *     n4 = comp "y" f32[batch, 2] sum(3) if i2 < i1 : n0[i0, i2] * n1[i2, i1]
 *     s0 = scan 10 reversed (n4)                  initial values; `in s1` where it is said
 *                                                 (`in s0` before them: scan_nest)
 *     n5 = carry s0 0 "h"
 *     n6 = comp grad f32[batch, 2] : e0 * e0 with e0 = exp(n5[i0, i1])
 *     close s0 (n6)                               next values
 *     n7 = stack s0 n6
 *     out "h" = n7
 *
 * Nodes are numbered in graph_order. A comprehension's variables are i0, i1, ..., folds after
 * axes; t0 is the time of s0. What a body uses twice is named behind `with`, in the order of
 * need, so that the text is as long as the DAG and not as the tree. `n0[i0 - 1 ? 0 < i0]` is
 * a guarded load. Operators of the language have their symbols, others are called; operands
 * that have a symbol themselves stand in parentheses. */
#ifndef DLC_GRAPH_TEXT_H
#define DLC_GRAPH_TEXT_H

#include "graph.h"

/* "+" for add; NULL where the operator is called by its name. */
const char *op_symbol(Op op);
extern const char *const leaf_word[];      /* by LeafKind */
extern const char *const fold_word[];      /* by Fold */
enum { LEAF_WORDS = L_UNIFORM + 1, FOLD_WORDS = F_ARGMIN + 1 };

#endif
