/* factor.h - a gradient's common factor.
 *
 * Input: a routine's roots. Where an elementwise gradient is a sum of products with one other
 * gradient, g a + g b, it becomes g (a + b), and a + b a node of its own: the derivative of what
 * was computed forwards, and made of nothing else. Where that takes several tensors, or a
 * function, it is kept: computed beside the value it is the derivative of, in its kernel, so
 * that one tensor is kept for the gradient instead of what the derivative is made of.
 *
 * What becomes a product follows from the gradient's own text alone, so every routine adds in
 * the same way. */
#ifndef DLC_FACTOR_H
#define DLC_FACTOR_H

#include "graph.h"

void factor(Graph *g, Node **root, int n);

#endif
