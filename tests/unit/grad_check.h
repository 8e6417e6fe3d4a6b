/* grad_check.h - comparing symbolic gradients with central differences, in double.
 *
 * A Trial is a graph with leaves that have values. Gradients are compared along a random
 * direction in all leaves at once: any wrong element shows. Where two step sizes disagree
 * the function has a kink there; such points are counted, not compared. */
#ifndef DLC_GRAD_CHECK_H
#define DLC_GRAD_CHECK_H

#include "../../compiler/eval.h"
#include "../../compiler/grad.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

enum { MAX_LEAVES = 12, MAX_SIZE = 4096 };

typedef struct Trial {
    Graph *g;
    int64_t rows;
    int n;
    Node *leaf[MAX_LEAVES];
    double *value[MAX_LEAVES];
} Trial;

typedef enum { GRAD_RIGHT, GRAD_WRONG, GRAD_KINK, GRAD_NONE } Verdict;

static uint64_t random_state = 1;

static inline void random_seed(uint64_t seed) {
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

static inline uint64_t random_next(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

/* Inclusive. */
static inline int random_int(int lo, int hi) {
    return lo + (int)(random_next() % (uint64_t)(hi - lo + 1));
}

static inline double random_real(double lo, double hi) {
    return lo + (hi - lo) * (double)random_next() / 2147483648.0;
}

static inline Trial trial_new(int64_t rows) {
    return (Trial){.g = graph_new(arena_new()), .rows = rows};
}

static inline void trial_free(Trial *p) {
    arena_free(p->g->arena);
}

static inline int64_t size_in(const Trial *p, const Node *n) {
    return node_elements(n, p->rows);
}

/* A leaf with random values in [lo, hi]. */
static inline Node *trial_leaf(Trial *p, int rank, const int64_t *dim, double lo, double hi) {
    char *name = arena_printf(p->g->arena, "x%d", p->n);
    Node *n = node_leaf(p->g, L_PARAM, T_F32, rank, dim, name, (Span){0});
    int64_t size = size_in(p, n);
    double *v = NEW_ARRAY(p->g->arena, double, size);
    for (int64_t k = 0; k < size; k++) v[k] = random_real(lo, hi);
    p->leaf[p->n] = n;
    p->value[p->n++] = v;
    return n;
}

/* The node's values with every leaf moved by step times direction (NULL: not moved). */
static inline const double *trial_eval(
        const Trial *p, Node *n, double *const *direction, double step, double *out) {
    Eval *e = eval_new(p->g, p->rows, 1, 0);
    double moved[MAX_SIZE];
    for (int k = 0; k < p->n; k++) {
        int64_t size = size_in(p, p->leaf[k]);
        for (int64_t i = 0; i < size; i++)
            moved[i] = p->value[k][i] + (direction ? step * direction[k][i] : 0);
        eval_bind(e, p->leaf[k], moved);
    }
    const double *v = eval_node(e, n);
    cr_assert(v, "%s", eval_error(e));
    memcpy(out, v, (size_t)size_in(p, n) * sizeof *out);
    eval_free(e);
    return out;
}

static inline void all_indices(Graph *g, const Node *n, Expr **index) {
    for (int k = 0; k < n->rank; k++) index[k] = ex_var(g, k, n->dim[k]);
}

/* sum(o) y[o] * c[o], where c is some function of the position. */
static inline Node *random_form(Trial *p, Node *y) {
    Graph *g = p->g;
    Expr *index[MAX_RANK], *phase = ex_real(g, random_real(0, 6));
    all_indices(g, y, index);
    for (int k = 0; k < y->rank; k++) {
        Expr *t = ex_op2(g, OP_mul, ex_real(g, random_real(0.5, 2)), index[k]);
        phase = ex_op2(g, OP_add, phase, t);
    }
    Expr *c = ex_op2(g, OP_add, ex_real(g, 0.2), ex_op1(g, OP_sin, phase));
    Expr *body = ex_op2(g, OP_mul, ex_load(g, y, index, NULL), c);
    return node_comp(g, 0, NULL, F_SUM, y->rank, y->dim, NULL, body, (Span){0});
}

static inline double at(const Trial *p, Node *y, double *const *direction, double step) {
    double v;
    trial_eval(p, y, direction, step, &v);
    return v;
}

/* Fourth order. */
static inline double difference(const Trial *p, Node *y, double *const *direction, double h) {
    double near = at(p, y, direction, h) - at(p, y, direction, -h);
    double far = at(p, y, direction, 2 * h) - at(p, y, direction, -2 * h);
    return (8 * near - far) / (12 * h);
}

/* Compares the gradient of the scalar y in all leaves with differences. */
static inline Verdict check_gradient(Trial *p, Node *y) {
    Node *gradient[MAX_LEAVES];
    double *direction[MAX_LEAVES] = {NULL}, sum = 0, scale = 1e-3;
    cr_assert(grad(p->g, y, p->leaf, p->n, gradient));
    bool any = false;
    for (int k = 0; k < p->n; k++) {
        int64_t size = size_in(p, p->leaf[k]);
        direction[k] = NEW_ARRAY(p->g->arena, double, size);
        for (int64_t i = 0; i < size; i++) direction[k][i] = random_real(-1, 1);
        if (!gradient[k]) continue;
        graph_check(p->g, &gradient[k], 1);
        any = true;
        double v[MAX_SIZE];
        trial_eval(p, gradient[k], NULL, 0, v);
        for (int64_t i = 0; i < size; i++) {
            sum += v[i] * direction[k][i];
            scale += fabs(v[i] * direction[k][i]);
        }
    }
    double d = difference(p, y, direction, 4e-4);
    if (!isfinite(d)) return GRAD_KINK;
    double error = fabs(d - sum) / scale;
    if (error < 1e-6) return any ? GRAD_RIGHT : GRAD_NONE;
    if (fabs(d - difference(p, y, direction, 1e-4)) > 1e-7 * scale) return GRAD_KINK;
    fprintf(stderr, "gradient %.12g, differences %.12g, scale %g\n", sum, d, scale);
    return GRAD_WRONG;
}

/* The same for a random form of y, of a random form of its gradient in a leaf, and so on up
 * to the order. */
static inline Verdict check_orders(Trial *p, Node *y, int order) {
    for (int k = 1;; k++) {
        y = random_form(p, y);
        Verdict v = check_gradient(p, y);
        if (v != GRAD_RIGHT || k == order) {
            if (v == GRAD_WRONG) fprintf(stderr, "  at order %d\n", k);
            return v;
        }
        Node *gradient[MAX_LEAVES], *some[MAX_LEAVES];
        int n = 0;
        grad(p->g, y, p->leaf, p->n, gradient);
        for (int j = 0; j < p->n; j++)
            if (gradient[j]) some[n++] = gradient[j];
        y = some[random_int(0, n - 1)];
    }
}

#endif
