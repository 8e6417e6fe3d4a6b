/* explain.h - entries that look into a model: `explain`, how much each element of its inputs
 * matters to an output, and `tap`, tensors on the way. Both are made on request, after lowering,
 * and are entries like the model's own: compiled, interpreted, described in the table. */
#ifndef DLC_EXPLAIN_H
#define DLC_EXPLAIN_H

#include "model.h"

/* Adds the entry `explain` of an output, or of any other tensor of the text, by its name (NULL:
 * the first output of reals). Takes for each input x that has rows
 *
 *     x, x_baseline      the rows, and what they are compared with
 *     x_presence         f32 of x's shape: 0 is as in the baseline, 1 as in x, between a mixture
 *
 * the model's other inputs, and `weight`, f32 of the output's shape; gives `value`, the output
 * at the mixture, and of s = sum(weight * value)
 *
 *     x_attribution      ds / dx_presence
 *     x_gradient         ds / dx, for an x whose elements are numbers to the model
 *
 * False after a message. */
bool explain_add(Arena *a, Model *m, const char *of);

/* Adds the entry `tap`, whose outputs are the named tensors. False after a message. */
bool tap_add(Arena *a, Model *m, const char *const *name, int n);

/* A tensor by its name in the model's text, a layer's path, or a name inside of a layer, with
 * steps of scans stacked and rows first; NULL after a message that begins with `option`. */
Node *tap_tensor(Arena *a, const Model *m, const char *option, const char *name);

/* Whether the model has no entry of its own of that name; or a message. */
bool tap_is_free(const Model *m, const char *name);
void tap_insert(Arena *a, Model *m, const Entry *e); /* behind predict */

#endif
