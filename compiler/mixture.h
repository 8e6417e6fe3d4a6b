/* mixture.h - a model of inputs that are partly there.
 *
 * Each element x[e] of an input gets a PRESENCE, a real number: 0 where the input is as in a
 * baseline, 1 where it is as given. What the model computes from mixtures is a smooth function
 * of the presences where the model is one of its reals; so its gradient by the presences is
 * there for every kind of input, and along the straight line from 0 to 1 the gradients' mean adds
 * up to the difference of the outputs (integrated gradients).
 *
 * An input of reals becomes  x0 + p (x - x0). Of a discrete one (u8, i32) the same is done where
 * its values first become reals, which is all that a derivative can see of it:
 *
 *   real(x[e])            the POINT's element, x0[e] + p[e] (x[e] - x0[e]), a tensor of its own,
 *                         so that the gradient by the number itself can be asked for; through
 *                         sums, multiples, selections and folds of integers, which are the same
 *                         functions of reals
 *   table[x[e], d]        the vector between the two:  v0 + p[e] (v - v0)
 *   x[e] == c, c a place  as a number or in a branch: the same of the unit vectors
 *   other integers        likewise between the two values: a quotient, a remainder
 *
 * What was made of several elements has the mean of their presences, so each has an equal part.
 * An element that is used in several places has one presence for all of them. Tests (a mask, a
 * length that counts) are as for x: so with all presences 1 the mixture is the model of x, with
 * all 0 the model of the baseline seen through x's masks. */
#ifndef DLC_MIXTURE_H
#define DLC_MIXTURE_H

#include "graph.h"

typedef struct Mixed {
    Node *leaf;                /* the input, whose first axis is the rows */
    Node *baseline, *presence; /* leaves of its shape */
    Node *point;               /* the mixture as a tensor of reals */
} Mixed;

/* What y is when the inputs are mixtures. */
Node *mixture(Arena *a, Graph *g, Node *y, const Mixed *mixed, int n);

#endif
