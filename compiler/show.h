/* show.h - what `dlc show` is made of: texts (show.c), the table of layers (show_layers.c), the
 * graph as a drawing (show_graph.c), the memory plan as one (show_plan.c), and what trained
 * weights look like (show_weights.c). Drawings are .png or .svg files, by gnuplot, graphviz and
 * libpng; each function that makes one says what went wrong, and returns false. */
#ifndef DLC_SHOW_H
#define DLC_SHOW_H

#include "driver.h"

const char *show_extents(Arena *a, int n, const int64_t *dim);     /* batch, 28, 28 */
const char *show_shape(Arena *a, const Node *n);        /* [batch, 28, 28] */
const char *show_grouped(Arena *a, int64_t n);          /* 12,345 */
const char *show_bytes(Arena *a, double bytes);         /* 1.23 MB */
const char *show_count(Arena *a, double n);             /* 1.23 M */

/* One line a layer, those inside of another behind it, and the totals of the forward pass. */
void show_layers(Arena *a, const Model *m);
/* The layer that has made the node, the innermost; -1: none has. */
int show_layer_of(const Model *m, const Node *n);

/* What the loss and the outputs of the first entry need, operands first. */
NodeList show_forward(Arena *a, const Model *m);
/* The innermost layer that one of this path stands in, or -1. */
int show_layer_around(const Model *m, const char *path);

/* Where every buffer of a training step lies, and from when to when. */
bool show_plan_picture(Arena *a, const Model *m, const Plan *p, const char *path);

/* For graphviz: tensors as the model defines them, layers as boxes around them; a layer, a box, and
 * nothing in it; or the kernels that all this became. */
void show_dot(Arena *a, const Model *m, FILE *f);
void show_dot_layers(Arena *a, const Model *m, FILE *f);       /* show_graph_layers.c */
void show_dot_fused(Arena *a, const Model *m, const Plan *p, FILE *f);
/* The same drawn; plan NULL: before fusion. */
bool show_graph_picture(Arena *a, const Model *m, const Plan *plan, bool layers, const char *path);
void show_dot_begin(FILE *f, const char *name);
const char *show_escaped(Arena *a, const char *text);   /* within double quotes */

/* The filters of the first convolution over an image; the rows of an embedding in the plane of
 * their first two principal components, with words where the weights' file has a vocabulary. */
bool show_filters(Arena *a, const Model *m, const char *weights, const char *path);
bool show_embedding(Arena *a, const Model *m, const char *weights, const char *path);

#endif
