/* test_size.c - graphs stay as large as what they are made of: no construction, gradient or
 * walk turns a DAG into the tree that it stands for. */
#include "../../compiler/eval.h"
#include "../../compiler/grad.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

static const Span here = {0};

typedef struct World {
    Arena *arena;
    Graph *g;
    Node *x;
} World;

static World world(int64_t n) {
    World w = {.arena = arena_new()};
    w.g = graph_new(w.arena);
    w.x = node_leaf(w.g, L_PARAM, T_F32, 1, &n, "x", here);
    return w;
}

static size_t text_length(World w, Node *y) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    const char *name = "y";
    graph_print(f, w.g, &y, &name, 1);
    fclose(f);
    free(text);
    return size;
}

static Node *gradient(World w, Node *y) {
    Node *dx = NULL;
    cr_assert(grad(w.g, y, &w.x, 1, &dx));
    return dx;
}

static Node *sum_of(World w, Node *y) {
    Expr *i = ex_var(w.g, 0, y->dim[0]);
    return node_comp(w.g, 0, NULL, F_SUM, 1, y->dim, NULL, ex_load(w.g, y, &i, NULL), here);
}

/* x squared n times in one body: the gradient's gradient of its sum. */
static Node *squarings(World w, int n, bool one_body) {
    Node *y = w.x;
    Expr *i = ex_var(w.g, 0, 4), *e = ex_load(w.g, w.x, &i, NULL);
    for (int k = 0; k < n; k++) {
        e = ex_op2(w.g, OP_mul, e, e);
        if (!one_body) y = node_map(w.g, OP_mul, (Node *[]){y, y}, here);
    }
    if (one_body) y = node_comp(w.g, 1, w.x->dim, F_NONE, 0, NULL, NULL, e, here);
    return gradient(w, sum_of(w, gradient(w, sum_of(w, y))));
}

/* y[i] = x[i-1] + 2 x[i] + x[i+1] inside, n times. */
static Node *stencils(World w, int n) {
    Node *y = w.x;
    Expr *i = ex_var(w.g, 0, 100);
    for (int k = 0; k < n; k++) {
        Expr *sum = NULL;
        for (int d = -1; d <= 1; d++) {
            Expr *at = ex_op2(w.g, OP_add, i, ex_int(w.g, d));
            Expr *v = ex_load(w.g, y, &at, ex_in_range(w.g, at, 100));
            if (d == 0) v = ex_op2(w.g, OP_mul, v, ex_real(w.g, 2));
            sum = sum ? ex_op2(w.g, OP_add, sum, v) : v;
        }
        y = node_comp(w.g, 1, w.x->dim, F_NONE, 0, NULL, NULL, sum, here);
    }
    return gradient(w, sum_of(w, node_map(w.g, OP_mul, (Node *[]){y, y}, here)));
}

typedef Node *Build(World w, int n);
static Node *squarings_in_a_body(World w, int n) {
    return squarings(w, n, true);
}
static Node *squarings_of_nodes(World w, int n) {
    return squarings(w, n, false);
}

/* Twice as much makes at most 2.2 times the text, within a second where 0.1 s is usual. */
static void check_linear(Build *build, int n, int64_t extent) {
    size_t size[2];
    clock_t before = clock();
    for (int k = 0; k < 2; k++) {
        World w = world(extent);
        Node *y = build(w, n << k);
        graph_check(w.g, &y, 1);
        size[k] = text_length(w, y);
        arena_free(w.arena);
    }
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    cr_log_info("%zu bytes, %zu bytes, %.3f s", size[0], size[1], seconds);
    cr_expect((double)size[1] < 2.2 * (double)size[0], "%zu bytes become %zu", size[0], size[1]);
    cr_expect(seconds < 1, "%.2f s", seconds);
}

Test(size, squarings_in_one_body) {
    check_linear(squarings_in_a_body, 32, 4);
}
Test(size, squarings_of_nodes) {
    check_linear(squarings_of_nodes, 32, 4);
}
Test(size, chained_stencils) {
    check_linear(stencils, 15, 100);
}

Test(size, squarings_have_their_values) {
    World w = world(4);
    Node *y = squarings(w, 3, true); /* x^8: 56 x^6 */
    Eval *e = eval_new(w.g, 1, 0, 0);
    eval_bind(e, w.x, (double[]){1, -1, 0.5, 2});
    const double *v = eval_node(e, y), want[] = {56, 56, 56.0 / 64, 56.0 * 64};
    for (int k = 0; k < 4; k++) cr_assert_float_eq(v[k], want[k], 1e-9 * want[k]);
    eval_free(e);
    arena_free(w.arena);
}
