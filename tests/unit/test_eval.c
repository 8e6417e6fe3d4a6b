/* test_eval.c - the interpreter against values worked out by hand or by plain loops. */
#include "../../compiler/eval.h"

#include <criterion/criterion.h>
#include <math.h>

static const Span here = {0};

typedef struct World {
    Arena *arena;
    Graph *g;
} World;

static World world(void) {
    Arena *a = arena_new();
    return (World){a, graph_new(a)};
}

static void near(const double *got, const double *want, int n) {
    cr_assert_not_null(got);
    for (int k = 0; k < n; k++)
        cr_assert(got[k] == want[k] || fabs(got[k] - want[k]) <= 1e-12 * fabs(want[k]) ||
                          (isnan(got[k]) && isnan(want[k])),
                "element %d is %.17g, not %.17g", k, got[k], want[k]);
}

static Node *leaf(World w, const char *name, DType t, int rank, const int64_t *dim) {
    return node_leaf(w.g, L_INPUT, t, rank, dim, name, here);
}

Test(eval, matrix_product) {
    World w = world();
    int64_t xd[] = {DIM_BATCH, 3}, wd[] = {3, 2}, yd[] = {DIM_BATCH, 2}, fold[] = {3};
    Node *x = leaf(w, "x", T_F32, 2, xd), *m = leaf(w, "m", T_F32, 2, wd);
    Expr *n = ex_var(w.g, 0, DIM_BATCH), *o = ex_var(w.g, 1, 2), *k = ex_var(w.g, 2, 3);
    Expr *body = ex_op2(w.g, OP_mul, ex_load(w.g, x, (Expr *[]){n, k}, NULL),
            ex_load(w.g, m, (Expr *[]){k, o}, NULL));
    Node *y = node_comp(w.g, 2, yd, F_SUM, 1, fold, NULL, body, here);
    Eval *e = eval_new(w.g, 2, 1, 0);
    eval_keep_scale(e);
    eval_bind(e, x, (double[]){1, 2, 3, -1, 0, 1});
    eval_bind(e, m, (double[]){1, 2, 3, 4, 5, 6});
    near(eval_node(e, y), (double[]){22, 28, 4, 4}, 4);
    near(eval_scale(e, y), (double[]){22, 28, 6, 8}, 4);
    eval_free(e);
    arena_free(w.arena);
}

Test(eval, folds_over_what_a_guard_leaves) {
    World w = world();
    int64_t d[] = {5}, fold[] = {5};
    Node *x = leaf(w, "x", T_F32, 1, d);
    Expr *i = ex_var(w.g, 0, 5), *k = ex_var(w.g, 1, 5);
    Expr *before = ex_op2(w.g, OP_lt, k, i), *xk = ex_load(w.g, x, &k, NULL);
    Eval *e = eval_new(w.g, 1, 1, 0);
    eval_bind(e, x, (double[]){3, -1, 4, 4, NAN});
    static const double want[][5] = {
            [F_SUM] = {0, 3, 2, 6, 10},
            [F_PROD] = {1, 3, -3, -12, -48},
            [F_MAX] = {-INFINITY, 3, 3, 4, 4},
            [F_MIN] = {INFINITY, 3, -1, -1, -1},
            [F_ARGMAX] = {0, 0, 0, 2, 2},
            [F_ARGMIN] = {0, 0, 1, 1, 1},
    };
    for (Fold f = F_SUM; f <= F_ARGMIN; f++) {
        Node *y = node_comp(w.g, 1, d, f, 1, fold, before, xk, here);
        near(eval_node(e, y), want[f], 5);
    }
    Node *all = node_comp(w.g, 0, NULL, F_MAX, 1, fold, NULL,
            ex_load(w.g, x, (Expr *[]){ex_var(w.g, 0, 5)}, NULL), here);
    cr_assert(isnan(*eval_node(e, all)), "NaN passes through a maximum");
    eval_free(e);
    arena_free(w.arena);
}

/* dT[v, d] = sum(n) if words[n] == v then dy[n, d], without a loop over v. */
Test(eval, gradient_of_a_gather) {
    World w = world();
    int64_t td[] = {1000000, 2}, nd[] = {4}, yd[] = {4, 2};
    Node *words = leaf(w, "words", T_I32, 1, nd), *dy = leaf(w, "dy", T_F32, 2, yd);
    Expr *v = ex_var(w.g, 0, td[0]), *d = ex_var(w.g, 1, 2), *n = ex_var(w.g, 2, 4);
    Expr *guard = ex_op2(w.g, OP_eq, ex_load(w.g, words, &n, NULL), v);
    Node *grad = node_comp(
            w.g, 2, td, F_SUM, 1, nd, guard, ex_load(w.g, dy, (Expr *[]){n, d}, NULL), here);
    Eval *e = eval_new(w.g, 1, 1, 0);
    eval_bind(e, words, (double[]){7, 999999, 7, -1});
    eval_bind(e, dy, (double[]){1, 2, 3, 4, 5, 6, 7, 8});
    const double *got = eval_node(e, grad);
    near(got + 14, (double[]){6, 8}, 2);
    near(got + 2 * 999999, (double[]){3, 4}, 2);
    near(got, (double[]){0, 0}, 2);
    eval_free(e);
    arena_free(w.arena);
}

/* a, b = b, a + b: carries move on together; backwards over natural indices. */
Test(eval, scan) {
    World w = world();
    Node *one = node_scalar(w.g, 1, here);
    for (int reversed = 0; reversed < 2; reversed++) {
        Scan *s = scan_open(w.g, 6, reversed, 2, (Node *[]){one, one}, here);
        Node *sum = node_map(w.g, OP_add, s->carry, here);
        Expr *t = ex_time(w.g, s);
        Node *timed = node_comp(w.g, 0, NULL, F_NONE, 0, NULL, NULL,
                ex_op2(w.g, OP_mul, t, ex_load(w.g, sum, NULL, NULL)), here);
        scan_close(w.g, s, (Node *[]){s->carry[1], sum});
        Node *all = node_stack(w.g, s, timed, here), *last = scan_last(w.g, s, sum, here);
        Eval *e = eval_new(w.g, 1, 1, 0);
        if (reversed)
            near(eval_node(e, all), (double[]){0, 13, 16, 15, 12, 10}, 6);
        else
            near(eval_node(e, all), (double[]){0, 3, 10, 24, 52, 105}, 6);
        near(eval_node(e, last), (double[]){21}, 1);
        eval_free(e);
    }
    arena_free(w.arena);
}

/* The inner scan starts from what the outer one carries: x doubled t times, summed over t. */
Test(eval, scan_in_a_scan) {
    World w = world();
    Node *one = node_scalar(w.g, 1, here);
    Scan *outer = scan_open(w.g, 3, false, 1, &one, here);
    Scan *inner = scan_open(w.g, 2, false, 1, &one, here); /* changes with outer by its body only */
    Node *next = node_map(w.g, OP_add, (Node *[]){inner->carry[0], outer->carry[0]}, here);
    scan_close(w.g, inner, &next);
    cr_assert(node_in_scan(inner->carry[0], outer));
    Node *last = scan_last(w.g, inner, next, here);
    cr_assert(node_in_scan(last, outer) && !node_in_scan(last, inner));
    scan_close(w.g, outer, &last);
    Node *all = node_stack(w.g, outer, last, here);
    Eval *e = eval_new(w.g, 1, 1, 0);
    near(eval_node(e, all), (double[]){3, 7, 15}, 3);
    eval_free(e);
    arena_free(w.arena);
}

Test(eval, guarded_loads_read_nothing) {
    World w = world();
    int64_t d[] = {4};
    Node *x = leaf(w, "x", T_F32, 1, d);
    Expr *i = ex_var(w.g, 0, 4), *at = ex_op2(w.g, OP_sub, i, ex_int(w.g, 1));
    Expr *inside = ex_in_range(w.g, at, 4), *value = ex_load(w.g, x, &at, inside);
    Node *y = node_comp(
            w.g, 1, d, F_NONE, 0, NULL, NULL, ex_select(w.g, inside, value, ex_real(w.g, 7)), here);
    Node *bad = node_comp(w.g, 1, d, F_NONE, 0, NULL, NULL, ex_load(w.g, x, &at, NULL), here);
    Eval *e = eval_new(w.g, 1, 1, 0);
    eval_bind(e, x, (double[]){1, 2, 3, 4});
    near(eval_node(e, y), (double[]){7, 1, 2, 3}, 4);
    cr_assert_null(eval_node(e, bad));
    cr_assert_str_eq(eval_error(e), "index -1 of x is outside of axis 0, which has 4");
    eval_free(e);
    arena_free(w.arena);
}

Test(eval, an_unbound_leaf_is_an_error) {
    World w = world();
    Node *x = leaf(w, "x", T_F32, 0, NULL);
    Eval *e = eval_new(w.g, 1, 1, 0);
    cr_assert_null(eval_node(e, node_map(w.g, OP_exp, &x, here)));
    cr_assert_str_eq(eval_error(e), "x has no value");
    eval_free(e);
    arena_free(w.arena);
}

/* Known answer of Philox4x32-10 for a zero counter and key; rows are the slowest axis. */
Test(eval, uniform_numbers) {
    World w = world();
    Node *u = node_uniform(w.g, 1, (int64_t[]){4}, 0, here);
    Node *rows = node_uniform(w.g, 2, (int64_t[]){2, DIM_BATCH}, 0, here);
    Eval *e = eval_new(w.g, 2, 0, 0);
    const uint32_t word[] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
    double want[4];
    for (int k = 0; k < 4; k++) want[k] = (double)(word[k] >> 8) / 16777216.0;
    near(eval_node(e, u), want, 4);
    near(eval_node(e, rows), (double[]){want[0], want[2], want[1], want[3]}, 4);
    eval_free(e);
    arena_free(w.arena);
}

Test(eval, margins_of_decisions) {
    World w = world();
    int64_t d[] = {4};
    Node *x = leaf(w, "x", T_F32, 1, d), *zero = node_scalar(w.g, 0, here);
    Node *relu = node_map(w.g, OP_max, (Node *[]){x, zero}, here);
    Node *sum = node_comp(w.g, 0, NULL, F_SUM, 1, d, NULL,
            ex_load(w.g, relu, (Expr *[]){ex_var(w.g, 0, 4)}, NULL), here);
    Eval *e = eval_new(w.g, 1, 1, 0);
    eval_bind(e, x, (double[]){1, -1e-7, 0, 4});
    near(eval_margin(e, relu), (double[]){1, 1e-7, INFINITY, 1}, 4);
    near(eval_margin(e, sum), (double[]){1e-7}, 1);
    near(eval_node(e, sum), (double[]){5}, 1);
    eval_free(e);
    arena_free(w.arena);
}
