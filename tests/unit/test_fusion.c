/* test_fusion.c - what is computed together: numbers of kernels, and the values that come out. */
#include "emitted_nets.h"

#include <criterion/criterion.h>

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

/* Another guard is another nest, and so is what needs the first one's result. */
Test(fusion, folds_that_stay_apart) {
    Trial *t = trial_new(7, 7);
    Node *x = trial_leaf(t, 2, (int64_t[]){DIM_BATCH, 24}, -1, 1);
    Expr *at[] = {var(t, 0, DIM_BATCH), var(t, 1, 24)}, *e = ex_load(t->g, x, at, NULL);
    Node *all = node_comp(t->g, 1, x->dim, F_MAX, 1, &x->dim[1], NULL, e, (Span){0});
    Expr *guard = ex_op2(t->g, OP_lt, at[1], ex_int(t->g, 9));
    trial_root(t, all);
    trial_root(t, node_comp(t->g, 1, x->dim, F_MIN, 1, &x->dim[1], guard, e, (Span){0}));
    expect_kernels(t, 2);
}
