/* grad.h - symbolic gradients (DESIGN.md section 3, "Gradient"). */
#ifndef DLC_GRAD_H
#define DLC_GRAD_H

#include "graph.h"

/* d(sum of y's elements)/dx[k] for each k: nodes of the x's shapes, out[k] NULL where y
 * does not depend on x[k] differentiably. The x's may be leaves, comprehensions or stacks,
 * outside of any scan that y is not inside of. The graph only grows; results are ordinary nodes, to
 * be differentiated again. Returns false, after a diag_error at the user's span, when the path
 * meets an operator whose derivative is `none`. */
bool grad(Graph *g, Node *y, Node *const *x, int n, Node **out);

/* Uses y as if it had no inputs: what stop_gradient(x) builds. */
Node *node_stop(Graph *g, Node *x, Span at);

#endif
