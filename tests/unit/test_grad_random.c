/* test_grad_random.c - random programs of comprehensions against central differences, to
 * third order: compound, strided, divided, gathered and guarded indices, folds of every
 * kind, branches on indices and on values, every operator's rule. */
#include "grad_check.h"

enum { MAX_POOL = 10 };

typedef struct Maker {
    Trial t;
    Graph *g;
    int npool;
    Node *pool[MAX_POOL];
    int nvar;                   /* variables of the comprehension being made */
    int64_t dim[MAX_VARS];
} Maker;

static Expr *variable(Maker *m) {
    int v = random_int(0, m->nvar - 1);
    return ex_var(m->g, v, m->dim[v]);
}

static Expr *scaled(Maker *m, Expr *e) {
    return ex_op2(m->g, OP_mul, ex_int(m->g, random_int(0, 3) ? 1 : random_int(-2, 2)), e);
}

/* An integer over the variables; rows only as they are. */
static Expr *integer(Maker *m) {
    Graph *g = m->g;
    if (m->nvar == 0) return ex_int(g, random_int(0, 3));
    Expr *e = scaled(m, variable(m)), *f = scaled(m, variable(m));
    if (e->hi > 1000 || f->hi > 1000) return ex_int(g, random_int(0, 2));
    switch (random_int(0, 6)) {
    case 0: return ex_op2(g, OP_add, e, ex_int(g, random_int(-2, 2)));
    case 1: return ex_op2(g, OP_add, e, f);
    case 2: return ex_op2(g, OP_idiv, ex_op2(g, OP_add, e, f), ex_int(g, random_int(2, 3)));
    case 3: return ex_op2(g, OP_imod, ex_op2(g, OP_add, e, f), ex_int(g, random_int(2, 5)));
    case 4: {
        double v[4];
        for (int k = 0; k < 4; k++) v[k] = random_int(0, 3);
        Node *n = node_data(g, T_I32, 1, &(int64_t){4}, v, (Span){0});
        Expr *at = ex_op2(g, OP_imod, ex_op2(g, OP_add, e, f), ex_int(g, 4));
        return ex_load(g, n, &at, NULL);
    }
    default: return e;
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
    case 0: return ex_op2(m->g, OP_sub, a, b);
    case 1: return ex_op2(m->g, OP_div, a, positive(m, b));
    case 2: return ex_op2(m->g, OP_max, a, b);
    case 3: return ex_op2(m->g, OP_min, a, b);
    case 4: return ex_select(m->g, condition(m), a, b);
    case 5: return ex_op2(m->g, OP_pow, positive(m, a), b);
    case 6: return ex_op2(m->g, OP_add, a, b);
    default: return ex_op2(m->g, OP_mul, a, b);
    }
}

static Expr *value(Maker *m, int depth) {
    if (depth <= 0 || random_int(0, 4) == 0) return load(m);
    return random_int(0, 2) ? binary(m, depth) : unary(m, value(m, depth - 1));
}

static int64_t extent(void) { return random_int(0, 9) == 0 ? 1 : random_int(2, 4); }

static Node *comprehension(Maker *m) {
    int rank = random_int(0, 2);
    static const Fold folds[] = {F_NONE, F_NONE, F_SUM, F_SUM, F_SUM, F_MAX, F_MIN, F_PROD};
    Fold fold = folds[random_int(0, 7)];
    int nfold = fold == F_NONE ? 0 : random_int(1, 2);
    m->nvar = rank + nfold;
    bool rows = false;
    for (int k = 0; k < m->nvar; k++) {
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

static Maker make(int seed) {
    random_seed((uint64_t)seed);
    Maker m = {.t = trial_new(random_int(1, 3))};
    m.g = m.t.g;
    for (int k = 0; k < 3; k++) {
        int64_t dim[3];
        int rank = random_int(0, 3);
        for (int j = 0; j < rank; j++) dim[j] = j == 0 && random_int(0, 2) == 0 ? DIM_BATCH : extent();
        m.pool[m.npool++] = trial_leaf(&m.t, rank, dim, -1, 1);
    }
    int n = random_int(1, 4);
    for (int k = 0; k < n; k++) {
        Node *c = comprehension(&m);
        if (c->dtype == T_F32) m.pool[m.npool++] = c;
    }
    return m;
}

Test(grad, random_programs) {
    int count[4] = {0};
    for (int seed = 1; seed <= 1500; seed++) {
        Maker m = make(seed);
        Verdict v = check_orders(&m.t, m.pool[m.npool - 1], seed % 3 + 1);
        cr_expect(v != GRAD_WRONG, "seed %d", seed);
        count[v]++;
        trial_free(&m.t);
    }
    fprintf(stderr, "right %d, kinks %d, constant %d\n", count[GRAD_RIGHT], count[GRAD_KINK],
            count[GRAD_NONE]);
    cr_assert(count[GRAD_KINK] < 100 && count[GRAD_NONE] < 400);
}
