/* test_graph_check.c - the verifier accepts what the constructors build, and refuses (exit
 * 70) graphs with a fault planted behind their back. */
#include "../../compiler/graph.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const Span here = {0};

typedef struct Sample {
    Graph *g;
    Node *x, *y, *next;
    Scan *scan;
} Sample;

/* y[i] = sum(k) x[i, k] * x[k, i], and a scan of it. */
static Sample sample(void) {
    Graph *g = graph_new(arena_new());
    int64_t d[] = {3, 3};
    Node *x = node_leaf(g, L_INPUT, T_F32, 2, d, "x", here);
    Expr *i = ex_var(g, 0, 3), *k = ex_var(g, 1, 3);
    Expr *body = ex_op2(g, OP_mul, ex_load(g, x, (Expr *[]){i, k}, NULL),
            ex_load(g, x, (Expr *[]){k, i}, NULL));
    Node *y = node_comp(g, 1, d, F_SUM, 1, d, ex_op2(g, OP_lt, k, i), body, here);
    Scan *s = scan_open(g, 4, false, 1, &y, here);
    Node *next = node_map(g, OP_tanh, s->carry, here);
    scan_close(g, s, &next);
    return (Sample){g, x, y, next, s};
}

static void check(const Sample *s) {
    freopen("/dev/null", "w", stderr);
    Node *root[2] = {s->y, node_stack(s->g, s->scan, s->next, here)};
    graph_check(s->g, root, 2);
}

Test(graph_check, accepts) {
    Sample s = sample();
    check(&s);
}

Test(graph_check, an_index_too_few, .exit_code = 70) {
    Sample s = sample();
    s.y->body->arg[0]->narg = 1;
    check(&s);
}

Test(graph_check, an_index_that_is_never_in_bounds, .exit_code = 70) {
    Sample s = sample();
    Expr *at[] = {ex_int(s.g, 3), ex_int(s.g, 0)};
    s.y = node_comp(s.g, 0, NULL, F_NONE, 0, NULL, NULL, ex_load(s.g, s.x, at, NULL), here);
    check(&s);
}

Test(graph_check, a_variable_of_another_extent, .exit_code = 70) {
    Sample s = sample();
    s.y->body->arg[0]->arg[0] = ex_var(s.g, 0, 2);
    check(&s);
}

Test(graph_check, a_variable_of_nobody, .exit_code = 70) {
    Sample s = sample();
    s.y->body->arg[0]->arg[0] = ex_var(s.g, 2, 3);
    check(&s);
}

Test(graph_check, operands_of_two_types, .exit_code = 70) {
    Sample s = sample();
    s.y->body->arg[1] = ex_int(s.g, 3);
    check(&s);
}

Test(graph_check, a_body_of_another_type, .exit_code = 70) {
    Sample s = sample();
    s.y->dtype = T_I32;
    check(&s);
}

Test(graph_check, a_guard_that_is_no_test, .exit_code = 70) {
    Sample s = sample();
    s.y->guard = ex_var(s.g, 0, 3);
    check(&s);
}

Test(graph_check, a_guard_without_a_fold, .exit_code = 70) {
    Sample s = sample();
    s.y->fold = F_NONE;
    s.y->nfold = 0;
    check(&s);
}

Test(graph_check, a_node_before_its_operand, .exit_code = 70) {
    Sample s = sample();
    s.x->id = s.y->id;
    check(&s);
}

Test(graph_check, a_carry_of_another_shape, .exit_code = 70) {
    Sample s = sample();
    s.scan->next[0] = s.x;
    check(&s);
}

Test(graph_check, a_step_seen_from_outside, .exit_code = 70) {
    Sample s = sample();
    s.next->nin = 0;
    check(&s);
}

Test(graph_check, an_empty_axis, .exit_code = 70) {
    Sample s = sample();
    s.x->dim = (int64_t[]){3, 0};
    check(&s);
}
