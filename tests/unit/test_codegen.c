/* test_codegen.c - generated C against the interpreter, on random programs in index
 * notation: compound, strided, divided, gathered and guarded indices, folds of every kind,
 * branches, scatters, scans, in every combination that chance finds. */
#include "emitted.h"
#include "../../compiler/grad.h"

#include <criterion/criterion.h>

enum { MAX_POOL = 12, PROGRAMS = 500, A_FILE = 125 };

typedef struct Maker {
    Trial *t;
    Graph *g;
    int npool, nbase; /* pool: what may be loaded; base: of it, outside of scans */
    Node *pool[MAX_POOL];
    int nvar; /* variables of the comprehension being made */
    int64_t dim[MAX_VARS];
    Scan *scan; /* the open one */
    bool wide;  /* extents beyond the vector width */
} Maker;

static Expr *variable(Maker *m) {
    int v = random_int(0, m->nvar - 1);
    return ex_var(m->g, v, m->dim[v]);
}

static Expr *scaled(Maker *m, Expr *e) {
    return ex_op2(m->g, OP_mul, ex_int(m->g, random_int(0, 3) ? 1 : random_int(-2, 2)), e);
}

static Expr *table_entry(Maker *m, Expr *e) {
    double v[4];
    for (int k = 0; k < 4; k++) v[k] = random_int(0, 3);
    Node *n = node_data(m->g, T_I32, 1, &(int64_t){4}, v, (Span){0});
    Expr *at = ex_op2(m->g, OP_imod, e, ex_int(m->g, 4));
    return ex_load(m->g, n, &at, NULL);
}

/* An integer over the variables; rows only as they are. */
static Expr *integer(Maker *m) {
    Graph *g = m->g;
    if (m->scan && random_int(0, 3) == 0) return ex_time(g, m->scan);
    if (m->nvar == 0) return ex_int(g, random_int(0, 3));
    Expr *e = scaled(m, variable(m)), *f = scaled(m, variable(m));
    if (e->hi > 1000 || f->hi > 1000) return ex_int(g, random_int(0, 2));
    Expr *sum = ex_op2(g, OP_add, e, f);
    switch (random_int(0, 6)) {
    case 0:
        return ex_op2(g, OP_add, e, ex_int(g, random_int(-2, 2)));
    case 1:
        return sum;
    case 2:
        return ex_op2(g, OP_idiv, sum, ex_int(g, random_int(2, 3)));
    case 3:
        return ex_op2(g, OP_imod, sum, ex_int(g, random_int(2, 5)));
    case 4:
        return table_entry(m, sum);
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
    static const Op op[] = {
            OP_tanh, OP_sigmoid, OP_sin, OP_cos, OP_softplus, OP_erf, OP_atan, OP_abs, OP_neg};
    int k = random_int(0, 13);
    if (k < 9) return ex_op1(m->g, op[k], e);
    if (k == 9) return ex_op1(m->g, OP_expm1, ex_op1(m->g, OP_tanh, e));
    if (k == 10) return ex_op1(m->g, OP_sqrt, positive(m, e));
    if (k == 11) return ex_op1(m->g, OP_log, positive(m, e));
    if (k == 12) return ex_op1(m->g, OP_real, integer(m));
    return ex_op1(m->g, OP_exp, ex_op1(m->g, OP_tanh, e));
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
        return ex_op2(m->g, OP_add, a, b);
    default:
        return ex_op2(m->g, OP_mul, a, b);
    }
}

static Expr *value(Maker *m, int depth) {
    if (depth <= 0 || random_int(0, 4) == 0) return load(m);
    return random_int(0, 2) ? binary(m, depth) : unary(m, value(m, depth - 1));
}

static int64_t extent(const Maker *m) {
    if (random_int(0, 9) == 0) return 1;
    return m->wide && random_int(0, 2) == 0 ? random_int(5, 37) : random_int(2, 4);
}

static void choose_extents(Maker *m) {
    bool rows = false;
    for (int k = 0; k < m->nvar; k++) {
        m->dim[k] = !rows && random_int(0, 5) == 0 ? DIM_BATCH : extent(m);
        rows = rows || m->dim[k] == DIM_BATCH;
    }
}

static Node *comprehension(Maker *m) {
    static const Fold folds[] = {
            F_NONE, F_NONE, F_NONE, F_SUM, F_SUM, F_SUM, F_SUM, F_MAX, F_MIN, F_PROD};
    int rank = random_int(0, 3);
    Fold fold = folds[random_int(0, 9)];
    int nfold = fold == F_NONE ? 0 : random_int(1, 2);
    m->nvar = rank + nfold;
    choose_extents(m);
    Expr *guard = nfold && random_int(0, 1) ? condition(m) : NULL;
    bool product = fold == F_SUM && random_int(0, 1);
    Expr *body =
            product ? ex_op2(m->g, OP_mul, load(m), load(m)) : value(m, fold == F_NONE ? 3 : 2);
    if (fold == F_PROD) body = unary(m, ex_op1(m->g, OP_tanh, body));
    if (fold == F_MAX || fold == F_MIN) {
        body = ex_op1(m->g, OP_tanh, body);
        guard = NULL;
    }
    return node_comp(m->g, rank, m->dim, fold, nfold, m->dim + rank, guard, body, (Span){0});
}

/* Adds at rows that the fold looks up. */
static Node *scatter(Maker *m) {
    int64_t rows = random_int(2, 5), dim[2] = {rows, extent(m)};
    Node *index = trial_integers(m->t, T_I32, 1, &(int64_t){6}, -1, 5);
    int rank = random_int(1, 2);
    m->nvar = rank + 1;
    m->dim[0] = rows;
    m->dim[1] = dim[1];
    m->dim[rank] = 6;
    Expr *at = ex_var(m->g, rank, 6);
    Expr *guard = ex_op2(m->g, OP_eq, ex_load(m->g, index, &at, NULL), ex_var(m->g, 0, rows));
    return node_comp(m->g, rank, dim, F_SUM, 1, &(int64_t){6}, guard, value(m, 2), (Span){0});
}

/* A node of a shape, bounded, over what the pool has. */
static Node *of_shape(Maker *m, int rank, const int64_t *dim) {
    m->nvar = rank;
    memcpy(m->dim, dim, (size_t)rank * sizeof *dim);
    Expr *body = ex_op1(m->g, OP_tanh, value(m, 2));
    return node_comp(m->g, rank, dim, F_NONE, 0, NULL, NULL, body, (Span){0});
}

static void add(Maker *m, Node *n) {
    if (n->dtype == T_F32 && m->npool < MAX_POOL) m->pool[m->npool++] = n;
}

/* A scan with one or two carries; its stack or its last value joins the pool. */
static void scan(Maker *m) {
    int n = random_int(1, 2), rank = random_int(0, 2);
    int64_t dim[3];
    bool rows = false;
    for (int k = 0; k < rank; k++) {
        dim[k] = !rows && random_int(0, 2) == 0 ? DIM_BATCH : extent(m);
        rows = rows || dim[k] == DIM_BATCH;
    }
    Node *init[2], *next[2];
    for (int c = 0; c < n; c++) init[c] = of_shape(m, rank, dim);
    int outside = m->npool;
    m->scan = scan_open(m->g, random_int(1, 4), random_int(0, 1), n, init, (Span){0});
    for (int c = 0; c < n; c++) add(m, m->scan->carry[c]);
    for (int c = random_int(0, 2); c > 0; c--) add(m, comprehension(m));
    for (int c = 0; c < n; c++) next[c] = of_shape(m, rank, dim);
    if (n == 2 && random_int(0, 4) == 0) next[0] = m->scan->carry[1];
    Scan *s = m->scan;
    scan_close(m->g, s, next);
    m->scan = NULL;
    Node *of = random_int(0, 3) ? next[random_int(0, n - 1)] : m->pool[m->npool - 1];
    m->npool = outside;
    bool inside = node_in_scan(of, s);
    if (!inside) return;
    if (random_int(0, 1))
        add(m, scan_last(m->g, s, of, (Span){0}));
    else if (of->rank < 3)
        add(m, node_stack(m->g, s, of, (Span){0}));
}

static void add_gradients(Maker *m) {
    Node *y = m->pool[m->npool - 1], *x[3] = {m->pool[0], m->pool[1], m->pool[2]}, *dx[3];
    if (!grad(m->g, y, x, 3, dx)) return;
    for (int k = 0; k < 3; k++)
        if (dx[k]) trial_root(m->t, dx[k]);
}

static Trial *make_program(int seed) {
    random_seed((uint64_t)seed);
    int64_t batch = random_int(1, 5);
    Maker m = {.t = trial_new(batch, random_int(1, (int)batch))};
    m.g = m.t->g;
    m.wide = seed % 3 == 0;
    for (int k = 0; k < 3; k++) {
        int64_t dim[3];
        int rank = random_int(0, 3);
        bool rows = false;
        for (int j = 0; j < rank; j++) {
            dim[j] = !rows && random_int(0, 3) == 0 ? DIM_BATCH : extent(&m);
            rows = rows || dim[j] == DIM_BATCH;
        }
        add(&m, trial_leaf(m.t, rank, dim, -1, 1));
    }
    for (int k = random_int(1, 4); k > 0; k--) {
        int kind = random_int(0, 7);
        if (kind == 0)
            add(&m, scatter(&m));
        else if (kind == 1)
            scan(&m);
        else
            add(&m, comprehension(&m));
    }
    trial_root(m.t, m.pool[m.npool - 1]);
    if (m.npool > 4 && random_int(0, 1)) trial_root(m.t, m.pool[m.npool - 2]);
    if (seed % 2) add_gradients(&m);
    return m.t;
}

/* ---- building and running a file of programs ----------------------------------------- */

typedef struct Count {
    int64_t right, wrong, undecided;
    double worst;
} Count;

static void run_program(void *so, int seed, Trial *t, int threads, Count *count) {
    EmittedStep *step;
    char name[32];
    snprintf(name, sizeof name, "run%d", seed);
    *(void **)&step = dlsym(so, name);
    cr_assert(step, "%s is not there", name);
    cr_expect(trial_run(t, step, threads) == 0);
    Match m = trial_match(t, 1e-5);
    cr_expect(m.wrong == 0, "seed %d: %d wrong, worst %g", seed, (int)m.wrong, m.worst);
    count->right += m.right;
    count->wrong += m.wrong;
    count->undecided += m.undecided;
    if (m.worst > count->worst) count->worst = m.worst;
}

static void run_file(const char *folder, int first, int last, Count *count) {
    Trial *trial[A_FILE + 1];
    char *c_file = NULL, so_file[256];
    size_t size;
    snprintf(so_file, sizeof so_file, "%s/programs%d.c", folder, first);
    c_file = strdup(so_file);
    FILE *f = fopen(c_file, "w");
    cr_assert(f);
    (void)size;
    emit_head(f);
    for (int seed = first; seed <= last; seed++) {
        trial[seed - first] = make_program(seed);
        trial_emit(trial[seed - first], f, seed);
    }
    fclose(f);
    snprintf(so_file, sizeof so_file, "%s/programs%d.so", folder, first);
    void *so = build_shared(first % 2 ? "gcc" : "clang", "-O1 -march=native", c_file, so_file);
    cr_assert(so, "seeds %d to %d do not compile", first, last);
    for (int seed = first; seed <= last; seed++) {
        run_program(so, seed, trial[seed - first], 1 + seed % 3, count);
        free(trial[seed - first]->work);
        arena_free(trial[seed - first]->arena);
    }
    dlclose(so);
    remove(c_file);
    remove(so_file);
    free(c_file);
}

Test(codegen, random_programs) {
    char folder[] = "/tmp/dlc_codegen_XXXXXX";
    Count count = {0};
    cr_assert(mkdtemp(folder));
    for (int first = 1; first <= PROGRAMS; first += A_FILE) {
        int last = first + A_FILE - 1 < PROGRAMS ? first + A_FILE - 1 : PROGRAMS;
        run_file(folder, first, last, &count);
    }
    remove(folder);
    fprintf(stderr, "%lld elements right, %lld undecided, worst error %.2g\n",
            (long long)count.right, (long long)count.undecided, count.worst);
    cr_expect(count.undecided * 10000 <= count.right);
}
