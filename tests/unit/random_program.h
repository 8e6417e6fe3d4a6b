/* random_program.h - random programs of comprehensions and scans: compound, strided,
 * divided, gathered and guarded indices, folds of every kind, branches on indices and on
 * values, nested and reversed scans of several carries. */
#ifndef DLC_RANDOM_PROGRAM_H
#define DLC_RANDOM_PROGRAM_H

#include "grad_check.h"

enum { MAX_POOL = 24 };

typedef struct Maker {
    Trial t;
    Graph *g;
    int npool;
    Node *pool[MAX_POOL];
    int nvar; /* variables of the comprehension being made */
    int64_t dim[MAX_VARS];
    Scan *scan[3]; /* the open scans */
    int nscan;
} Maker;

static Expr *variable(Maker *m) {
    if (m->nscan && (m->nvar == 0 || random_int(0, 2) == 0))
        return ex_time(m->g, m->scan[random_int(0, m->nscan - 1)]);
    int v = random_int(0, m->nvar - 1);
    return ex_var(m->g, v, m->dim[v]);
}

static Expr *scaled(Maker *m, Expr *e) {
    return ex_op2(m->g, OP_mul, ex_int(m->g, random_int(0, 3) ? 1 : random_int(-2, 2)), e);
}

/* An integer over the variables; rows only as they are. */
static Expr *integer(Maker *m) {
    Graph *g = m->g;
    if (m->nvar == 0 && m->nscan == 0) return ex_int(g, random_int(0, 3));
    Expr *e = scaled(m, variable(m)), *f = scaled(m, variable(m));
    if (e->hi > 1000 || f->hi > 1000) return ex_int(g, random_int(0, 2));
    switch (random_int(0, 6)) {
    case 0:
        return ex_op2(g, OP_add, e, ex_int(g, random_int(-2, 2)));
    case 1:
        return ex_op2(g, OP_add, e, f);
    case 2:
        return ex_op2(g, OP_idiv, ex_op2(g, OP_add, e, f), ex_int(g, random_int(2, 3)));
    case 3:
        return ex_op2(g, OP_imod, ex_op2(g, OP_add, e, f), ex_int(g, random_int(2, 5)));
    case 4: {
        double v[4];
        for (int k = 0; k < 4; k++) v[k] = random_int(0, 3);
        Node *n = node_data(g, T_I32, 1, &(int64_t){4}, v, (Span){0});
        Expr *at = ex_op2(g, OP_imod, ex_op2(g, OP_add, e, f), ex_int(g, 4));
        return ex_load(g, n, &at, NULL);
    }
    default:
        return e;
    }
}

/* An index of an axis, and what it takes for it to be in bounds. */
static Expr *index_of(Maker *m, int64_t extent, Expr **guard) {
    Graph *g = m->g;
    if (extent == DIM_BATCH) {
        for (int k = 0; k < m->nvar; k++)
            if (m->dim[k] == DIM_BATCH) return ex_var(g, k, DIM_BATCH);
        return ex_int(g, 0); /* there is always a first row */
    }
    if (m->nscan && random_int(0, 2) == 0) {
        Scan *s = m->scan[random_int(0, m->nscan - 1)];
        if (s->extent <= extent) return ex_time(g, s);
    }
    for (int k = 0; k < 3; k++) { /* plain variables are the most frequent */
        int v = m->nvar ? random_int(0, m->nvar - 1) : 0;
        if (m->nvar && m->dim[v] != DIM_BATCH && m->dim[v] <= extent)
            return ex_var(g, v, m->dim[v]);
    }
    Expr *e = integer(m);
    if (random_int(0, 1)) return ex_op2(g, OP_imod, e, ex_int(g, extent));
    *guard = ex_and(g, *guard, ex_in_range(g, e, extent));
    return e;
}

static Expr *load(Maker *m) {
    Node *n = m->pool[random_int(0, m->npool - 1)];
    Expr *index[MAX_RANK] = {NULL}, *guard = NULL;
    for (int k = 0; k < n->rank; k++) index[k] = index_of(m, n->dim[k], &guard);
    Expr *e = ex_load(m->g, n, index, guard);
    if (guard && random_int(0, 1)) e = ex_select(m->g, guard, e, ex_real(m->g, 0.7));
    return e;
}

static Expr *condition(Maker *m) {
    if (random_int(0, 2) == 0) return ex_op2(m->g, OP_lt, load(m), load(m));
    return ex_op2(m->g, random_int(0, 3) ? OP_le : OP_eq, integer(m), integer(m));
}

/* 1.2 + x*x: a safe denominator, base or argument. */
static Expr *positive(Maker *m, Expr *e) {
    Expr *s = ex_op1(m->g, OP_tanh, e);
    return ex_op2(m->g, OP_add, ex_op2(m->g, OP_mul, s, s), ex_real(m->g, 1.2));
}

static Expr *value(Maker *m, int depth);

static Expr *unary(Maker *m, Expr *e) {
    static const Op op[] = {OP_tanh, OP_sigmoid, OP_sin, OP_cos, OP_softplus, OP_erf, OP_atan,
            OP_abs, OP_neg, OP_expm1};
    int k = random_int(0, 14);
    if (k < 9) return ex_op1(m->g, op[k], e);
    if (k == 9) return ex_op1(m->g, OP_expm1, ex_op1(m->g, OP_tanh, e));
    if (k == 10) return ex_op1(m->g, OP_sqrt, positive(m, e));
    if (k == 11) return ex_op1(m->g, OP_log, positive(m, e));
    if (k == 12) return ex_op1(m->g, OP_log1p, positive(m, e));
    if (k == 13) return ex_op1(m->g, OP_exp, ex_op1(m->g, OP_tanh, e));
    return ex_op2(m->g, OP_pow, positive(m, e), ex_real(m->g, 1.3));
}

static Expr *binary(Maker *m, int depth) {
    Expr *a = value(m, depth - 1), *b = value(m, depth - 1);
    switch (random_int(0, 9)) {
    case 0:
        return ex_op2(m->g, OP_sub, a, b);
    case 1:
        return ex_op2(m->g, OP_div, a, positive(m, b));
    case 2:
        return ex_op2(m->g, OP_max, a, b);
    case 3:
        return ex_op2(m->g, OP_min, a, b);
    case 4:
        return ex_select(m->g, condition(m), a, b);
    case 5:
        return ex_op2(m->g, OP_pow, positive(m, a), ex_op1(m->g, OP_tanh, b));
    case 6:
        return ex_op2(m->g, OP_add, a, b);
    default:
        return ex_op2(m->g, OP_mul, a, b);
    }
}

static Expr *value(Maker *m, int depth) {
    if (depth <= 0 || random_int(0, 4) == 0) return load(m);
    return random_int(0, 2) ? binary(m, depth) : unary(m, value(m, depth - 1));
}

static int64_t extent(void) {
    return random_int(0, 9) == 0 ? 1 : random_int(2, 4);
}

/* Of the given shape, or of a random one where rank is -1. */
static Node *comprehension(Maker *m, int rank, const int64_t *dim) {
    bool given = rank >= 0;
    if (!given) rank = random_int(0, 2);
    static const Fold folds[] = {F_NONE, F_NONE, F_SUM, F_SUM, F_SUM, F_MAX, F_MIN, F_PROD};
    Fold fold = folds[random_int(0, 7)];
    int nfold = fold == F_NONE ? 0 : random_int(1, 2);
    m->nvar = rank + nfold;
    bool rows = false;
    for (int k = 0; k < m->nvar; k++) {
        if (given && k < rank) {
            m->dim[k] = dim[k];
            rows = rows || dim[k] == DIM_BATCH;
            continue;
        }
        m->dim[k] = !rows && random_int(0, 5) == 0 ? DIM_BATCH : extent();
        rows = rows || m->dim[k] == DIM_BATCH;
    }
    Expr *guard = nfold && random_int(0, 1) ? condition(m) : NULL;
    Expr *body = value(m, fold == F_NONE ? 3 : 2);
    if (fold == F_PROD) body = unary(m, body);
    if ((fold == F_MAX || fold == F_MIN) && guard) { /* something remains */
        body = ex_op1(m->g, OP_tanh, body);
        guard = NULL;
    }
    return node_comp(m->g, rank, m->dim, fold, nfold, m->dim + rank, guard, body, (Span){0});
}

static void add(Maker *m, Node *n) {
    if (n->dtype == T_F32 && m->npool < MAX_POOL) m->pool[m->npool++] = n;
}

static Node *bounded(Maker *m, Node *n) {
    return node_map(m->g, OP_tanh, &n, (Span){0});
}

static void scan(Maker *m);

/* What a carry becomes: now and then another carry as it was, or something outside. */
static Node *next_of(Maker *m, const Scan *s, int k) {
    const Node *c = s->carry[k];
    Node *other = m->pool[random_int(0, m->npool - 1)];
    bool same = other->rank == c->rank;
    for (int j = 0; same && j < c->rank; j++) same = other->dim[j] == c->dim[j];
    if (same && random_int(0, 2) == 0) return other;
    return bounded(m, comprehension(m, c->rank, c->dim));
}

static void body(Maker *m, Scan *s) {
    int outside = m->npool;
    m->scan[m->nscan++] = s;
    for (int k = 0; k < s->n; k++) add(m, s->carry[k]);
    int n = random_int(0, 3);
    for (int k = 0; k < n; k++) {
        if (m->nscan < 3 && random_int(0, 4) == 0)
            scan(m);
        else
            add(m, comprehension(m, -1, NULL));
    }
    Node *next[4], *inside[MAX_POOL];
    for (int k = 0; k < s->n; k++) next[k] = next_of(m, s, k);
    scan_close(m->g, s, next);
    m->nscan--;
    int ninside = m->npool - outside;
    for (int k = 0; k < ninside; k++) inside[k] = m->pool[outside + k];
    m->npool = outside;
    for (int k = 0; k < 2; k++) {
        Node *from = ninside && random_int(0, 1) ? inside[random_int(0, ninside - 1)]
                     : s->n                      ? next[random_int(0, s->n - 1)]
                                                 : NULL;
        if (!from) continue;
        add(m, random_int(0, 1) ? scan_last(m->g, s, from, (Span){0})
                                : node_stack(m->g, s, from, (Span){0}));
    }
}

static void scan(Maker *m) {
    Node *init[3];
    int n = random_int(1, 3);
    for (int k = 0; k < n; k++) {
        init[k] = m->pool[random_int(0, m->npool - 1)];
        if (random_int(0, 2) == 0)
            init[k] = node_zeros(m->g, T_F32, init[k]->rank, init[k]->dim, (Span){0});
    }
    Scan *s = scan_open(m->g, random_int(1, 4), random_int(0, 1), n, init, (Span){0});
    if (m->nscan) scan_nest(m->g, s, m->scan[m->nscan - 1]);
    body(m, s);
}

/* A program of so many leaves, comprehensions and scans; the last of the pool is its value. */
static Maker make(int seed, bool scans) {
    random_seed((uint64_t)seed);
    Maker m = {.t = trial_new(random_int(1, 3))};
    m.g = m.t.g;
    for (int k = 0; k < 3; k++) {
        int64_t dim[3];
        int rank = random_int(0, scans ? 2 : 3);
        for (int j = 0; j < rank; j++)
            dim[j] = j == 0 && random_int(0, 2) == 0 ? DIM_BATCH : extent();
        m.pool[m.npool++] = trial_leaf(&m.t, rank, dim, -1, 1);
    }
    int n = random_int(1, scans ? 2 : 4);
    for (int k = 0; k < n; k++) {
        if (scans) scan(&m);
        if (!scans || random_int(0, 1)) add(&m, comprehension(&m, -1, NULL));
    }
    return m;
}

#endif
