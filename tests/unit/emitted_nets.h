/* emitted_nets.h - small networks as graphs, for tests of generated code. */
#ifndef DLC_EMITTED_NETS_H
#define DLC_EMITTED_NETS_H

#include "emitted.h"
#include "../../compiler/grad.h"

static inline Expr *var(Trial *t, int v, int64_t extent) {
    return ex_var(t->g, v, extent);
}

static inline Expr *sum_of(Trial *t, Expr *a, Expr *b) {
    return ex_op2(t->g, OP_add, a, b);
}

static inline Expr *product_of(Trial *t, Expr *a, Expr *b) {
    return ex_op2(t->g, OP_mul, a, b);
}

static inline Node *relu_of(Trial *t, Node *x) {
    Node *arg[] = {x, node_scalar(t->g, 0, (Span){0})};
    return node_map(t->g, OP_max, arg, (Span){0});
}

/* y[n, o] = sum(k) x[n, k] * w[k, o] + b[o] */
static inline Node *dense_of(Trial *t, Node *x, Node *w, Node *b) {
    int64_t in = w->dim[0], out = w->dim[1], dim[] = {DIM_BATCH, out};
    Expr *xi[] = {var(t, 0, DIM_BATCH), var(t, 2, in)}, *wi[] = {var(t, 2, in), var(t, 1, out)};
    Expr *body = product_of(t, ex_load(t->g, x, xi, NULL), ex_load(t->g, w, wi, NULL));
    Node *y = node_comp(t->g, 2, dim, F_SUM, 1, &in, NULL, body, (Span){0});
    return node_map(t->g, OP_add, (Node *[]){y, b}, (Span){0});
}

/* A convolution with `pad` zeros around. */
static inline Node *conv_of(Trial *t, Node *x, Node *k, int64_t pad) {
    Graph *g = t->g;
    int64_t h = x->dim[1] - k->dim[0] + 1 + 2 * pad, w = x->dim[2] - k->dim[1] + 1 + 2 * pad;
    int64_t dim[] = {DIM_BATCH, h, w, k->dim[3]}, fold[] = {k->dim[0], k->dim[1], k->dim[2]};
    Expr *p = var(t, 4, fold[0]), *q = var(t, 5, fold[1]), *c = var(t, 6, fold[2]);
    Expr *i = sum_of(t, sum_of(t, var(t, 1, h), p), ex_int(g, -pad));
    Expr *j = sum_of(t, sum_of(t, var(t, 2, w), q), ex_int(g, -pad));
    Expr *inside = ex_and(g, ex_in_range(g, i, x->dim[1]), ex_in_range(g, j, x->dim[2]));
    Expr *xi[] = {var(t, 0, DIM_BATCH), i, j, c}, *ki[] = {p, q, c, var(t, 3, dim[3])};
    Expr *body = product_of(t, ex_load(g, x, xi, inside), ex_load(g, k, ki, NULL));
    return node_comp(g, 4, dim, F_SUM, 3, fold, NULL, body, (Span){0});
}

/* The largest of each window of 2 x 2. */
static inline Node *pool_of(Trial *t, Node *x) {
    Graph *g = t->g;
    int64_t dim[] = {DIM_BATCH, x->dim[1] / 2, x->dim[2] / 2, x->dim[3]}, fold[] = {2, 2};
    Expr *i = sum_of(t, product_of(t, var(t, 1, dim[1]), ex_int(g, 2)), var(t, 4, 2));
    Expr *j = sum_of(t, product_of(t, var(t, 2, dim[2]), ex_int(g, 2)), var(t, 5, 2));
    Expr *at[] = {var(t, 0, DIM_BATCH), i, j, var(t, 3, dim[3])};
    return node_comp(g, 4, dim, F_MAX, 2, fold, NULL, ex_load(g, x, at, NULL), (Span){0});
}

/* The sum of squares of all elements. */
static inline Node *energy_of(Trial *t, Node *x) {
    Expr *at[MAX_RANK];
    for (int k = 0; k < x->rank; k++) at[k] = var(t, k, x->dim[k]);
    Expr *e = ex_load(t->g, x, at, NULL);
    return node_comp(t->g, 0, NULL, F_SUM, x->rank, x->dim, NULL, product_of(t, e, e), (Span){0});
}

/* h = tanh(x[:, step] @ w + h @ u), from zeros; the last h. */
static inline Node *recurrence_of(Trial *t, Node *x, Node *w, Node *u) {
    Graph *g = t->g;
    int64_t units = u->dim[0], dim[] = {DIM_BATCH, units}, in = x->dim[2];
    Node *zero = node_zeros(g, T_F32, 2, dim, (Span){0});
    Scan *s = scan_open(g, x->dim[1], false, 1, &zero, (Span){0});
    Expr *n = var(t, 0, DIM_BATCH), *o = var(t, 1, units), *f = var(t, 2, in);
    Expr *xi[] = {n, ex_time(g, s), f}, *wi[] = {f, o};
    Expr *body = product_of(t, ex_load(g, x, xi, NULL), ex_load(g, w, wi, NULL));
    Node *a = node_comp(g, 2, dim, F_SUM, 1, &in, NULL, body, (Span){0});
    f = var(t, 2, units);
    Expr *hi[] = {n, f}, *ui[] = {f, o};
    body = product_of(t, ex_load(g, s->carry[0], hi, NULL), ex_load(g, u, ui, NULL));
    Node *b = node_comp(g, 2, dim, F_SUM, 1, &units, NULL, body, (Span){0});
    Node *sum = node_map(g, OP_add, (Node *[]){a, b}, (Span){0});
    Node *next = node_map(g, OP_tanh, &sum, (Span){0});
    scan_close(g, s, &next);
    return scan_last(g, s, next, (Span){0});
}

/* table[word[n, k], d] */
static inline Node *embedding_of(Trial *t, Node *table, Node *word) {
    int64_t dim[] = {DIM_BATCH, word->dim[1], table->dim[1]};
    Expr *at[] = {var(t, 0, DIM_BATCH), var(t, 1, dim[1])};
    Expr *row = ex_load(t->g, word, at, NULL);
    Expr *ti[] = {row, var(t, 2, dim[2])};
    return node_comp(
            t->g, 3, dim, F_NONE, 0, NULL, NULL, ex_load(t->g, table, ti, NULL), (Span){0});
}

static inline void root_gradients(Trial *t, Node *loss, Node *const *x, int n) {
    Node *dx[TRIAL_ROOTS];
    trial_root(t, loss);
    if (!grad(t->g, loss, x, n, dx)) return;
    for (int k = 0; k < n; k++)
        if (dx[k]) trial_root(t, dx[k]);
}

/* Convolutions with and without padding, a pool, a dense layer; odd sizes. */
static inline Trial *convolution_net(int64_t batch, int64_t rows) {
    Trial *t = trial_new(batch, rows);
    Node *x = trial_leaf(t, 4, (int64_t[]){DIM_BATCH, 13, 12, 3}, -1, 1);
    Node *k1 = trial_leaf(t, 4, (int64_t[]){3, 3, 3, 24}, -.3, .3);
    Node *k2 = trial_leaf(t, 4, (int64_t[]){3, 3, 24, 40}, -.2, .2);
    Node *w = trial_leaf(t, 2, (int64_t[]){40, 10}, -.2, .2);
    Node *b = trial_leaf(t, 1, (int64_t[]){10}, -.2, .2);
    Node *y = pool_of(t, relu_of(t, conv_of(t, x, k1, 1)));
    y = pool_of(t, relu_of(t, conv_of(t, y, k2, 0)));
    Expr *at[] = {var(t, 0, DIM_BATCH), ex_int(t->g, 0), ex_int(t->g, 1), var(t, 1, 40)};
    int64_t dim[] = {DIM_BATCH, 40};
    y = node_comp(t->g, 2, dim, F_NONE, 0, NULL, NULL, ex_load(t->g, y, at, NULL), (Span){0});
    root_gradients(t, energy_of(t, dense_of(t, y, w, b)), (Node *[]){x, k1, k2, w, b}, 5);
    return t;
}

/* An embedding, a recurrence over it, a dense layer. */
static inline Trial *recurrent_net(int64_t batch, int64_t rows) {
    Trial *t = trial_new(batch, rows);
    Node *word = trial_integers(t, T_I32, 2, (int64_t[]){DIM_BATCH, 20}, 0, 49);
    Node *table = trial_leaf(t, 2, (int64_t[]){50, 16}, -1, 1);
    Node *w = trial_leaf(t, 2, (int64_t[]){16, 32}, -.3, .3);
    Node *u = trial_leaf(t, 2, (int64_t[]){32, 32}, -.3, .3);
    Node *h = recurrence_of(t, embedding_of(t, table, word), w, u);
    root_gradients(t, energy_of(t, h), (Node *[]){table, w, u}, 3);
    return t;
}

#endif
