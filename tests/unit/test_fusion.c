/* test_fusion.c - what is computed together: numbers of kernels, and the values that come out. */
#include "emitted_nets.h"

#include <criterion/criterion.h>

/* Values written in place of leaves: the model after the step is compared. */
static void expect_in_place(Trial *t, EmittedStep *step, int threads) {
    char *model = memory64(t->model_bytes, 0), *arena = memory64(t->plan->arena, 0x7f);
    Eval *e = eval_new(t->g, t->rows, 7, 3);
    for (int k = 0; k < t->nleaf; k++) {
        eval_bind(e, t->leaf[k], t->value[k]);
        for (int64_t i = 0; i < node_elements(t->leaf[k], t->rows); i++)
            put(model + t->offset[k], t->leaf[k]->dtype, spread(t, t->leaf[k], i), t->value[k][i]);
    }
    cr_assert_eq(step(model, NULL, arena, t->rows, threads, 7, 3), 0);
    for (int k = 0; k < t->nroot; k++) {
        const Root *root = &t->root[k];
        const double *want = eval_node(e, root->value);
        for (int64_t i = 0; want && i < node_elements(root->value, t->rows); i++) {
            double got = get(model + root->to.offset, T_F32, i);
            cr_expect(fabs(got - want[i]) <= 1e-5 * fmax(1, fabs(want[i])), "root %d, %lld: %g, %g",
                    k, (long long)i, got, want[i]);
        }
    }
    eval_free(e);
    free(model);
    free(arena);
}

/* Emits the trial, runs it with one and three threads, compares with the interpreter. */
static void expect_kernels(Trial *t, int wanted) {
    char folder[] = "/tmp/dlc_fusion_XXXXXX", c_file[64], so_file[64];
    cr_assert(mkdtemp(folder));
    snprintf(c_file, sizeof c_file, "%s/x.c", folder);
    snprintf(so_file, sizeof so_file, "%s/x.so", folder);
    FILE *f = fopen(c_file, "w");
    cr_assert(f);
    emit_head(f);
    trial_emit(t, f, 0);
    fclose(f);
    void *handle = build_shared("cc", "-O1 -march=native -fopenmp", c_file, so_file);
    cr_assert(handle);
    EmittedStep *step;
    *(void **)&step = dlsym(handle, "run0");
    for (int threads = 1; threads <= 3; threads += 2) {
        if (t->root[0].to.object == P_MODEL) {
            expect_in_place(t, step, threads);
            continue;
        }
        cr_assert_eq(trial_run(t, step, threads), 0);
        Match m = trial_match(t, 1e-5);
        cr_expect(m.wrong == 0 && m.right > 0, "%lld elements are wrong", (long long)m.wrong);
    }
    cr_expect_eq(t->plan->kernel.n, wanted, "%d kernels, not %d", t->plan->kernel.n, wanted);
    dlclose(handle);
    unlink(c_file);
    unlink(so_file);
    rmdir(folder);
    free(t->work);
    arena_free(t->arena);
}

/* ---- folds over the same elements ---------------------------------------------------------- */

static Node *like(Trial *t, const Node *n, Fold fold, Expr *body) {
    return node_comp(
            t->g, n->rank, n->dim, fold, n->nfold, n->fold_dim, n->guard, body, (Span){0});
}

Test(fusion, largest_and_position) {
    Trial *t = trial_new(5, 3);
    Node *x = trial_leaf(t, 4, (int64_t[]){DIM_BATCH, 6, 6, 20}, -1, 1);
    Node *largest = pool_of(t, x);
    trial_root(t, largest);
    trial_root(t, like(t, largest, F_ARGMAX, largest->body));
    trial_root(t, like(t, largest, F_ARGMIN, largest->body));
    expect_kernels(t, 1);
}

/* Ties, infinities and NaN: the first position, and NaN stays. */
Test(fusion, positions_of_what_compares_badly) {
    static const double pick[] = {-INFINITY, NAN, 0, 1, 1, INFINITY, -INFINITY, -INFINITY};
    Trial *t = trial_new(64, 64);
    double value[64 * 3];
    for (int k = 0; k < 64 * 3; k++) value[k] = pick[random_int(0, 7)];
    Node *x = trial_leaf_of(t, T_F32, 2, (int64_t[]){DIM_BATCH, 3}, value);
    Expr *at[] = {var(t, 0, DIM_BATCH), var(t, 1, 3)}, *e = ex_load(t->g, x, at, NULL);
    static const Fold fold[] = {F_MAX, F_ARGMAX, F_MIN, F_ARGMIN};
    for (int k = 0; k < 4; k++)
        trial_root(t, node_comp(t->g, 1, x->dim, fold[k], 1, &x->dim[1], NULL, e, (Span){0}));
    expect_kernels(t, 1);
}

Test(fusion, sum_and_sum_of_squares) {
    Trial *t = trial_new(40, 33);
    Node *x = trial_leaf(t, 2, (int64_t[]){DIM_BATCH, 24}, -1, 1);
    Expr *at[] = {var(t, 1, DIM_BATCH), var(t, 0, 24)}, *e = ex_load(t->g, x, at, NULL);
    int64_t rows = DIM_BATCH;
    Node *sum = node_comp(t->g, 1, &x->dim[1], F_SUM, 1, &rows, NULL, e, (Span){0});
    trial_root(t, sum);
    trial_root(t, like(t, sum, F_SUM, product_of(t, e, ex_op1(t->g, OP_exp, e))));
    expect_kernels(t, 1);
}

/* Another guard is another nest. */
Test(fusion, folds_that_stay_apart) {
    Trial *t = trial_new(7, 7);
    Node *x = trial_leaf(t, 1, (int64_t[]){DIM_BATCH}, -1, 1);
    Expr *at = var(t, 0, DIM_BATCH), *e = ex_load(t->g, x, &at, NULL);
    Expr *guard = ex_op2(t->g, OP_lt, at, ex_int(t->g, 5));
    trial_root(t, node_comp(t->g, 0, NULL, F_MAX, 1, x->dim, NULL, e, (Span){0}));
    trial_root(t, node_comp(t->g, 0, NULL, F_MIN, 1, x->dim, guard, e, (Span){0}));
    expect_kernels(t, 2);
}

/* ---- line by line -------------------------------------------------------------------------- */

/* out[..., ] = fold(k) x[..., k] */
static Node *fold_last(Trial *t, Node *x, Fold fold) {
    Expr *at[MAX_RANK];
    for (int i = 0; i < x->rank; i++) at[i] = var(t, i, x->dim[i]);
    int last = x->rank - 1;
    Expr *body = ex_load(t->g, x, at, NULL);
    return node_comp(t->g, last, x->dim, fold, 1, &x->dim[last], NULL, body, (Span){0});
}

/* x[..., k] op y[...] */
static Node *with_line(Trial *t, Op op, Node *x, Node *y) {
    Expr *at[MAX_RANK];
    for (int i = 0; i < x->rank; i++) at[i] = var(t, i, x->dim[i]);
    Expr *body = ex_op2(t->g, op, ex_load(t->g, x, at, NULL), ex_load(t->g, y, at, NULL));
    return node_comp(t->g, x->rank, x->dim, F_NONE, 0, NULL, NULL, body, (Span){0});
}

static Node *softmax_of(Trial *t, Node *x) {
    Node *d = with_line(t, OP_sub, x, fold_last(t, x, F_MAX));
    Node *e = node_map(t->g, OP_exp, &d, (Span){0});
    return with_line(t, OP_div, e, fold_last(t, e, F_SUM));
}

Test(fusion, softmax_of_lines) {
    Trial *t = trial_new(5, 4);
    Node *x = trial_leaf(t, 3, (int64_t[]){DIM_BATCH, 6, 40}, -1, 1);
    trial_root(t, softmax_of(t, x));
    expect_kernels(t, 1);
}

/* Nobody else reads the scores, so that the result may be in their place. */
Test(fusion, softmax_of_what_dies) {
    Trial *t = trial_new(5, 5);
    Node *x = trial_leaf(t, 2, (int64_t[]){DIM_BATCH, 12}, -1, 1);
    Node *w = trial_leaf(t, 2, (int64_t[]){12, 40}, -1, 1);
    Node *b = trial_leaf(t, 1, (int64_t[]){40}, -1, 1);
    Node *p = softmax_of(t, dense_of(t, x, w, b));
    trial_root(t, dense_of(t, p, trial_leaf(t, 2, (int64_t[]){40, 8}, -1, 1),
                          trial_leaf(t, 1, (int64_t[]){8}, -1, 1)));
    expect_kernels(t, 3);
}

Test(fusion, gradient_of_softmax) {
    Trial *t = trial_new(6, 6);
    Node *x = trial_leaf(t, 2, (int64_t[]){DIM_BATCH, 33}, -1, 1);
    Node *energy = energy_of(t, softmax_of(t, x));
    Node *dx;
    cr_assert(grad(t->g, energy, &x, 1, &dx));
    trial_root(t, dx);
    expect_kernels(t, 1);
}

/* What is read of another line has to be complete. */
Test(fusion, lines_of_others) {
    Trial *t = trial_new(5, 5);
    Node *x = trial_leaf(t, 2, (int64_t[]){8, 40}, -1, 1);
    Node *e = node_map(t->g, OP_exp, &x, (Span){0});
    Expr *next = ex_op2(t->g, OP_imod, sum_of(t, var(t, 0, 8), ex_int(t->g, 3)), ex_int(t->g, 8));
    Expr *at[] = {next, var(t, 1, 40)}, *body = ex_load(t->g, e, at, NULL);
    trial_root(t, e);
    trial_root(t, node_comp(t->g, 1, x->dim, F_SUM, 1, &x->dim[1], NULL, body, (Span){0}));
    expect_kernels(t, 2);
}

/* ---- tables of which a step meets a few rows ----------------------------------------------- */

enum { TABLE_ROWS = 300, WIDTH = 20, WORDS = 7 };

/* The gradient of a table whose rows are looked up. */
static Node *table_gradient(Trial *t) {
    Graph *g = t->g;
    Node *word = trial_integers(t, T_I32, 2, (int64_t[]){DIM_BATCH, WORDS}, -1, TABLE_ROWS / 3);
    Node *dy = trial_leaf(t, 3, (int64_t[]){DIM_BATCH, WORDS, WIDTH}, -1, 1);
    int64_t dim[] = {TABLE_ROWS, WIDTH}, fold[] = {DIM_BATCH, WORDS};
    Expr *at[] = {var(t, 2, DIM_BATCH), var(t, 3, WORDS), var(t, 1, WIDTH)};
    Expr *here = ex_op2(g, OP_eq, ex_load(g, word, at, NULL), var(t, 0, TABLE_ROWS));
    return node_comp(g, 2, dim, F_SUM, 2, fold, here, ex_load(g, dy, at, NULL), (Span){0});
}

/* A table; every other row of a `state` is zero. */
static Node *table_leaf(Trial *t, bool state) {
    static double value[TABLE_ROWS * WIDTH];
    for (int k = 0; k < TABLE_ROWS * WIDTH; k++)
        value[k] = state && k / WIDTH % 2 ? 0 : (double)(float)random_real(0.1, 1);
    return trial_leaf_of(t, T_F32, 2, (int64_t[]){TABLE_ROWS, WIDTH}, value);
}

static void write_in_place(Trial *t, Node *value, const Node *leaf) {
    int k = 0;
    while (t->leaf[k] != leaf) k++;
    Place to = {.object = P_MODEL, .offset = t->offset[k], .type = PT_F32};
    t->root[t->nroot++] = (Root){value, to, false, false};
}

static Node *map2(Trial *t, Op op, Node *a, Node *b) {
    return node_map(t->g, op, (Node *[]){a, b}, (Span){0});
}

/* a + share * (b - a) */
static Node *towards(Trial *t, Node *a, Node *b, double share) {
    Node *part = map2(t, OP_mul, node_scalar(t->g, share, (Span){0}), map2(t, OP_sub, b, a));
    return map2(t, OP_add, a, part);
}

static bool passes_over_rows(Trial *t) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    trial_emit(t, f, 0);
    fclose(f);
    bool passes = strstr(text, "if (moves)") != NULL;
    free(text);
    return passes;
}

Test(fusion, descent_on_a_table) {
    Trial *t = trial_new(9, 8);
    Node *table = table_leaf(t, false), *rate = trial_leaf(t, 0, NULL, 0.1, 0.2);
    write_in_place(t, map2(t, OP_sub, table, map2(t, OP_mul, rate, table_gradient(t))), table);
    cr_expect(passes_over_rows(t));
    expect_kernels(t, 1);
}

Test(fusion, averages_on_a_table) {
    Trial *t = trial_new(9, 9);
    Node *table = table_leaf(t, false), *m = table_leaf(t, true), *v = table_leaf(t, true);
    Node *g = table_gradient(t);
    Node *m1 = towards(t, m, g, 0.1), *v1 = towards(t, v, map2(t, OP_mul, g, g), 0.01);
    Node *root = node_map(t->g, OP_sqrt, &v1, (Span){0});
    Node *scale = map2(t, OP_add, root, node_scalar(t->g, 1e-3, (Span){0}));
    write_in_place(t, map2(t, OP_sub, table, map2(t, OP_div, m1, scale)), table);
    write_in_place(t, m1, m);
    write_in_place(t, v1, v);
    cr_expect(passes_over_rows(t));
    expect_kernels(t, 1);
}

/* Under weight decay a row stands still only when it is zero itself. */
Test(fusion, decay_of_a_table) {
    Trial *t = trial_new(9, 8);
    Node *table = table_leaf(t, true), *rate = trial_leaf(t, 0, NULL, 0.1, 0.2);
    Node *g = map2(t, OP_add, table_gradient(t), table);
    write_in_place(t, map2(t, OP_sub, table, map2(t, OP_mul, rate, g)), table);
    expect_kernels(t, 1);
}

/* A row that is not looked up moves, too. */
Test(fusion, drift_of_a_table) {
    Trial *t = trial_new(9, 8);
    Node *table = table_leaf(t, false);
    Node *g = map2(t, OP_add, table_gradient(t), node_scalar(t->g, 0.5, (Span){0}));
    write_in_place(t, map2(t, OP_sub, table, g), table);
    expect_kernels(t, 1);
}

/* Two updates that read one leaf are one pass. */
Test(fusion, updates_that_read_the_same) {
    Trial *t = trial_new(4, 4);
    Node *g = table_leaf(t, false), *m = table_leaf(t, false), *v = table_leaf(t, false);
    write_in_place(t, towards(t, m, g, 0.1), m);
    write_in_place(t, towards(t, v, map2(t, OP_mul, g, g), 0.01), v);
    expect_kernels(t, 1);
}
