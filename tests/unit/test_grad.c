/* test_grad.c - gradients of programs that bend the core, each against central differences to
 * third order; what shape some gradients must have; that no NaN comes out of a branch not
 * taken; and that long chains stay linear. */
#include "grad_check.h"

#include <stdlib.h>

/* A program in the printed form of graphs: its params get random values, the last root is y. */
static Trial read_trial(const char *text, Node **y) {
    Trial t = trial_new(3);
    NodeList root = {0};
    const char **name;
    const Source *src = source_from_text(t.g->arena, "test", text, strlen(text));
    cr_assert(graph_read(t.g, src, &root, &name), "%s", text);
    *y = root.at[root.n - 1];
    NodeList order = graph_order(t.g, root.at, root.n);
    for (int k = 0; k < order.n; k++) {
        Node *n = order.at[k];
        if (n->kind != N_LEAF || n->leaf != L_PARAM) continue;
        int64_t size = size_in(&t, n);
        t.value[t.n] = NEW_ARRAY(t.g->arena, double, size);
        for (int64_t i = 0; i < size; i++) t.value[t.n][i] = random_real(-1, 1);
        t.leaf[t.n++] = n;
    }
    return t;
}

static Node *leaf_named(const Trial *t, const char *name) {
    for (int k = 0; k < t->n; k++)
        if (strcmp(t->leaf[k]->name, name) == 0) return t->leaf[k];
    return NULL;
}

typedef struct Example {
    const char *name, *text;
} Example;

static const Example examples[] = {
        {"matrix product, tanh", "n0 = param \"x\" f32[batch, 3]\nn1 = param \"w\" f32[3, 2]\n"
                                 "n2 = comp f32[batch, 2] sum(3) : n0[i0, i2] * n1[i2, i1]\n"
                                 "n3 = comp f32[batch, 2] : tanh(n2[i0, i1])\nout \"y\" = n3\n"},
        {"convolution with stride, dilation, padding, groups",
                "n0 = param \"x\" f32[2, 9, 4]\nn1 = param \"k\" f32[3, 2, 4]\n"
                "n2 = comp f32[2, 4, 4] sum(3, 2) : "
                "n0[i0, ((i1 * 2) + (i3 * 2)) - 1, ((i2 // 2) * 2) + i4 ? (1 <= ((i1 * 2) + (i3 * "
                "2))) and "
                "(((i1 * 2) + (i3 * 2)) < 10)] * n1[i3, i4, i2]\n"
                "n3 = comp f32[2, 4, 4] : exp(tanh(n2[i0, i1, i2]))\nout \"y\" = n3\n"},
        {"circular padding", "n0 = param \"x\" f32[5]\nn1 = param \"k\" f32[3]\n"
                             "n2 = comp f32[5] sum(3) : tanh(n0[((i0 + i1) + 4) % 5]) * "
                             "n1[i1]\nout \"y\" = n2\n"},
        {"embedding with tied output weights",
                "n0 = param \"e\" f32[6, 3]\nn1 = data i32[2, 4] {0, 5, 2, 2, 1, 5, 5, 0}\n"
                "n2 = comp f32[2, 4, 3] : tanh(n0[n1[i0, i1], i2])\n"
                "n3 = comp f32[2, 4, 6] sum(3) : n2[i0, i1, i3] * n0[i2, i3]\nout \"y\" = n3\n"},
        {"cross entropy by an equality guard, log-sum-exp with a stopped maximum",
                "n0 = param \"z\" f32[3, 4]\nn1 = data i32[3] {3, 0, 1}\n"
                "n2 = comp f32[3] max(4) : n0[i0, i1]\n"
                "n3 = comp f32[3] : stop_gradient(n2[i0])\n"
                "n4 = comp f32[3] sum(4) : exp(n0[i0, i1] - n3[i0])\n"
                "n5 = comp f32[3] sum(4) if n1[i0] == i1 : n0[i0, i1]\n"
                "n6 = comp f32[3] : (log(n4[i0]) + n3[i0]) - n5[i0]\nout \"y\" = n6\n"},
        {"disjoint max pooling",
                "n0 = param \"x\" f32[2, 6, 4]\n"
                "n1 = comp f32[2, 3, 2] max(2, 2) : n0[i0, (i1 * 2) + i3, (i2 * 2) + i4]\n"
                "n2 = comp f32[2, 3, 2] : sin(n1[i0, i1, i2])\nout \"y\" = n2\n"},
        {"overlapping max pooling, min",
                "n0 = param \"x\" f32[7]\nn1 = comp f32[3] max(3) : n0[(i0 * 2) + i1] * n0[i0]\n"
                "n2 = comp f32[2] min(2) : exp(n1[i0 + i1])\nout \"y\" = n2\n"},
        {"product",
                "n0 = param \"x\" f32[3, 4]\nn1 = comp f32[3] prod(4) if i1 != i0 : n0[i0, i1]\n"
                "n2 = comp f32[] prod(3) : n1[i0] + n0[i0, i0]\nout \"y\" = n2\n"},
        {"cumulative sum by guard",
                "n0 = param \"x\" f32[5]\nn1 = comp f32[5] sum(5) if i1 <= i0 : n0[i1] * n0[i1]\n"
                "n2 = comp f32[5] : sin(n1[i0])\nout \"y\" = n2\n"},
        {"weights by rank",
                "n0 = param \"x\" f32[5]\nn1 = comp i32[5] sum(5) : int(n0[i1] < n0[i0])\n"
                "n2 = comp f32[] sum(5) : (n0[i0] * exp(n0[i0])) * real(n1[i0])\nout \"y\" = n2\n"},
        {"bilinear up-sampling",
                "n0 = param \"x\" f32[4]\n"
                "n1 = comp f32[9] : (n0[(i0 * 3) // 8] * (1.0 - (real((i0 * 3) % 8) / 8.0))) + "
                "(n0[((i0 * 3) // 8) + 1 ? ((i0 * 3) // 8) < 3] * (real((i0 * 3) % 8) / 8.0))\n"
                "n2 = comp f32[9] : exp(n1[i0])\nout \"y\" = n2\n"},
        {"reshape, transpose, diagonal, anti-diagonal",
                "n0 = param \"x\" f32[6, 4]\n"
                "n1 = comp f32[8, 3] : sin(n0[((i0 * 3) + i1) // 4, ((i0 * 3) + i1) % 4])\n"
                "n2 = comp f32[3] : n1[i0, i0] * n1[7 - i0, i0]\n"
                "n3 = comp f32[3, 3] : n1[i0 + i1, i0] * n1[(i0 - i1) + 2, i1]\n"
                "n4 = comp f32[3, 3] : n3[i1, i0] * n2[i0]\nout \"y\" = n4\n"},
        {"a loss over pairs",
                "n0 = param \"x\" f32[batch, 2]\n"
                "n1 = comp f32[] sum(batch, batch) if i0 < i1 : exp(n0[i0, 0] * n0[i1, 1])\n"
                "out \"y\" = n1\n"},
        {"attention with a causal guard",
                "n0 = param \"q\" f32[4, 3]\nn1 = param \"k\" f32[4, 3]\nn2 = param \"v\" f32[4, "
                "2]\n"
                "n3 = comp f32[4, 4] sum(3) : n0[i0, i2] * n1[i1, i2]\n"
                "n4 = comp f32[4] max(4) if i1 <= i0 : n3[i0, i1]\n"
                "n5 = comp f32[4, 4] : exp(n3[i0, i1] - n4[i0])\n"
                "n6 = comp f32[4] sum(4) if i1 <= i0 : n5[i0, i1]\n"
                "n7 = comp f32[4, 2] sum(4) if i2 <= i0 : (n5[i0, i2] / n6[i0]) * n2[i2, i1]\n"
                "out \"y\" = n7\n"},
        {"concatenation",
                "n0 = param \"a\" f32[2]\nn1 = param \"b\" f32[3]\n"
                "n2 = comp f32[5] : select(i0 < 2, n0[i0 ? i0 < 2], n1[i0 - 2 ? 2 <= i0])\n"
                "n3 = comp f32[5] : n2[i0] * exp(n2[4 - i0])\nout \"y\" = n3\n"},
        {"simple recurrent network",
                "n0 = param \"x\" f32[2, 4, 3]\nn1 = param \"w\" f32[3, 3]\nn2 = param \"u\" "
                "f32[3, 3]\n"
                "n3 = comp f32[2, 4, 3] sum(3) : n0[i0, i1, i3] * n1[i3, i2]\n"
                "n4 = comp f32[2, 3] : 0.0\ns0 = scan 4 (n4)\nn5 = carry s0 0\n"
                "n6 = comp f32[2, 3] sum(3) : n5[i0, i2] * n2[i2, i1]\n"
                "n7 = comp f32[2, 3] : tanh(n6[i0, i1] + n3[i0, t0, i1])\nclose s0 (n7)\n"
                "n8 = stack s0 n7\nn9 = comp f32[2, 3] : n8[3, i0, i1]\nout \"y\" = n9\n"},
        {"two carries, reversed, of each row's own length",
                "n0 = param \"x\" f32[3, 4]\nn1 = param \"c\" f32[3]\nn2 = param \"u\" f32[]\n"
                "n3 = data i32[3] {4, 2, 0}\ns0 = scan 4 reversed (n1, n1)\n"
                "n4 = carry s0 0\nn5 = carry s0 1\n"
                "n6 = comp f32[3] : (sigmoid(n0[i0, t0] * n5[i0]) * n4[i0]) + tanh(n2[] * n5[i0])\n"
                "n7 = comp f32[3] : select(t0 < n3[i0], n6[i0], n4[i0])\n"
                "n8 = comp f32[3] : select(t0 < n3[i0], tanh(n6[i0]), n5[i0])\nclose s0 (n7, n8)\n"
                "n9 = stack s0 n8\nn10 = stack s0 n7\n"
                "n11 = comp f32[3] : n9[0, i0] * n10[1, i0]\nout \"y\" = n11\n"},
        {"nested scans", "n0 = param \"x\" f32[3, 2]\nn1 = param \"w\" f32[]\n"
                         "s0 = scan 3 (n1)\nn2 = carry s0 0\ns1 = scan 2 (n2)\nn3 = carry s1 0\n"
                         "n4 = comp f32[] : sin((n3[] * n1[]) + n0[t0, t1])\nclose s1 (n4)\nn5 = "
                         "stack s1 n4\n"
                         "n6 = comp f32[] : n5[1] * n2[]\nclose s0 (n6)\nn7 = stack s0 n6\n"
                         "n8 = comp f32[3] : exp(n7[i0])\nout \"y\" = n8\n"},
        {"a delay line: carries that are handed on",
                "n0 = param \"x\" f32[5]\nn1 = param \"a\" f32[]\ns0 = scan 5 (n1, n1)\n"
                "n2 = carry s0 0\nn3 = carry s0 1\nn4 = comp f32[] : (n3[] * n0[t0]) + n2[]\n"
                "close s0 (n4, n2)\nn5 = stack s0 n3\nn6 = stack s0 n4\n"
                "n7 = comp f32[5] : n5[i0] * n6[4 - i0]\nout \"y\" = n7\n"},
        {"Gram-Schmidt as a scan",
                "n0 = param \"a\" f32[3, 4]\nn1 = comp f32[3, 4] : 0.0\ns0 = scan 3 (n1)\nn2 = "
                "carry s0 0\n"
                "n3 = comp f32[3] sum(4) : n2[i0, i1] * n0[t0, i1]\n"
                "n4 = comp f32[4] sum(3) : n3[i1] * n2[i1, i0]\n"
                "n5 = comp f32[4] : n0[t0, i0] - n4[i0]\n"
                "n6 = comp f32[] sum(4) : n5[i0] * n5[i0]\n"
                "n7 = comp f32[3, 4] : select(i0 == t0, n5[i1] / sqrt(n6[]), n2[i0, i1])\nclose s0 "
                "(n7)\n"
                "n8 = stack s0 n7\nn9 = comp f32[3, 4] : n8[2, i0, i1]\nout \"y\" = n9\n"},
};

Test(grad, programs) {
    for (size_t k = 0; k < sizeof examples / sizeof *examples; k++) {
        for (int order = 1; order <= 3; order++) {
            random_seed(k + 17);
            Node *y;
            Trial t = read_trial(examples[k].text, &y);
            Verdict v = check_orders(&t, y, order);
            cr_expect(v == GRAD_RIGHT, "%s, order %d: %d", examples[k].name, order, (int)v);
            trial_free(&t);
        }
    }
}

/* ---- exact points ---------------------------------------------------------------------- */

/* Gradient of the sum of y in the only param, at a given value. */
static const double *gradient_at(const char *text, const double *x, int order, double *out) {
    Node *y, *d;
    Trial t = read_trial(text, &y);
    memcpy(t.value[0], x, (size_t)size_in(&t, t.leaf[0]) * sizeof *x);
    for (int k = 0; k < order; k++) {
        cr_assert(grad(t.g, y, t.leaf, 1, &d));
        y = d;
    }
    trial_eval(&t, d, NULL, 0, out);
    trial_free(&t);
    return out;
}

Test(grad, a_product_with_zeros_is_exact) {
    static const char text[] = "n0 = param \"x\" f32[4]\nn1 = comp f32[] prod(4) : n0[i0]\n"
                               "out \"y\" = n1\n";
    double d[4];
    gradient_at(text, (double[]){2, 0, 3, 5}, 1, d);
    cr_assert(d[0] == 0 && d[1] == 30 && d[2] == 0 && d[3] == 0);
    gradient_at(text, (double[]){2, 0, 3, 0}, 2, d);
    cr_assert(d[0] == 0 + 0 + 0 && d[1] == 6 && d[3] == 6);
}

Test(grad, ties_go_to_the_first) {
    double d[4];
    gradient_at("n0 = param \"x\" f32[4]\nn1 = comp f32[] max(4) : n0[i0]\nout \"y\" = n1\n",
            (double[]){1, 3, 3, 2}, 1, d);
    cr_assert(d[0] == 0 && d[1] == 1 && d[2] == 0 && d[3] == 0);
    gradient_at("n0 = param \"x\" f32[2]\nn1 = comp f32[2] : max(n0[i0], 0.0)\nout \"y\" = n1\n",
            (double[]){0, 1}, 1, d);
    cr_assert(d[0] == 0 && d[1] == 1);
}

/* sqrt and its derivatives are NaN or infinite where the branch is not taken. */
Test(grad, nothing_leaks_from_a_branch_not_taken) {
    static const char *const text[] = {
            "n0 = param \"x\" f32[3]\nn1 = comp f32[3] : select(0.0 < n0[i0], sqrt(n0[i0]), 0.0)\n"
            "out \"y\" = n1\n",
            /* as nodes of their own */
            "n0 = param \"x\" f32[3]\nn1 = comp f32[3] : sqrt(n0[i0])\n"
            "n2 = comp f32[3] : n1[i0] * n1[i0]\n"
            "n3 = comp f32[3] : select(0.0 < n0[i0], n2[i0] * n1[i0], 0.0)\nout \"y\" = n3\n",
            "n0 = param \"x\" f32[3]\nn1 = comp f32[3] : log(n0[i0])\n"
            "n2 = comp f32[] sum(3) if 0.0 < n0[i0] : n1[i0] * n1[i0]\nout \"y\" = n2\n",
            /* used twice, under two conditions */
            "n0 = param \"x\" f32[3]\nn1 = comp f32[3] : sqrt(n0[i0])\n"
            "n2 = comp f32[3] : select(0.0 < n0[i0], n1[i0], 1.0)\n"
            "n3 = comp f32[3] : select(1.0 < n0[i0], n1[i0], 2.0)\n"
            "n4 = comp f32[3] : n2[i0] * n3[i0]\nout \"y\" = n4\n",
            /* through a scan */
            "n0 = param \"x\" f32[3]\ns0 = scan 3 (n0)\nn1 = carry s0 0\n"
            "n2 = comp f32[3] : sqrt(n1[i0])\n"
            "n3 = comp f32[3] : select(0.0 < n0[i0], n2[i0], n0[i0])\nclose s0 (n3)\n"
            "n4 = stack s0 n3\nn5 = comp f32[3] : n4[2, i0]\nout \"y\" = n5\n",
            /* a window that meets only part of a tensor */
            "n0 = param \"x\" f32[3]\nn1 = comp f32[3] : log(n0[i0])\n"
            "n2 = comp f32[2] : n1[i0]\nn3 = comp f32[2] sum(2) : n2[i1] * n2[i0]\nout \"y\" = "
            "n3\n",
    };
    for (size_t k = 0; k < sizeof text / sizeof *text; k++)
        for (int order = 1; order <= 3; order++) {
            double d[3];
            gradient_at(text[k], (double[]){2, 0.5, -1}, order, d);
            for (int i = 0; i < 3; i++)
                cr_expect(
                        isfinite(d[i]), "program %d, order %d, x[%d]: %g", (int)k, order, i, d[i]);
        }
}

Test(grad, stops_and_integers_have_none) {
    Node *y, *d;
    Trial t = read_trial("n0 = param \"x\" f32[3]\nn1 = comp f32[3] : stop_gradient(n0[i0])\n"
                         "out \"y\" = n1\n",
            &y);
    cr_assert(grad(t.g, y, t.leaf, 1, &d) && !d);
    t = read_trial("n0 = param \"x\" f32[3]\nn1 = comp i32[] argmax(3) : n0[i0]\n"
                   "n2 = comp f32[] : real(n1[])\nout \"y\" = n2\n",
            &y);
    cr_assert(grad(t.g, y, t.leaf, 1, &d) && !d);
}

/* ---- in a step of an open scan --------------------------------------------------------- */

/* Gradient descent as a scan, differentiated through: the gradient is taken of nodes in the
 * body before the scan is closed. */
Test(grad, inside_a_scan) {
    random_seed(5);
    Trial t = trial_new(1);
    Graph *g = t.g;
    Node *a = trial_leaf(&t, 2, (int64_t[]){3, 3}, -1, 1);
    Node *start = trial_leaf(&t, 1, (int64_t[]){3}, -1, 1);
    Scan *s = scan_open(g, 4, false, 1, &start, (Span){0});
    Node *h = s->carry[0], *d, *energy;
    Expr *i = ex_var(g, 0, 3), *j = ex_var(g, 1, 3);
    Expr *hi = ex_load(g, h, &i, NULL), *hj = ex_load(g, h, &j, NULL);
    Expr *product = ex_op2(g, OP_mul, ex_load(g, a, (Expr *[]){i, j}, NULL),
            ex_op1(g, OP_sin, ex_op2(g, OP_mul, hi, hj)));
    energy = node_comp(g, 0, NULL, F_SUM, 2, (int64_t[]){3, 3}, NULL, product, (Span){0});
    cr_assert(grad(g, energy, &h, 1, &d));
    Expr *step = ex_op2(g, OP_mul, ex_real(g, 0.3), ex_load(g, d, &i, NULL));
    Node *next = node_comp(
            g, 1, (int64_t[]){3}, F_NONE, 0, NULL, NULL, ex_op2(g, OP_sub, hi, step), (Span){0});
    scan_close(g, s, &next);
    cr_assert(check_orders(&t, scan_last(g, s, next, (Span){0}), 2) == GRAD_RIGHT);
}

/* ---- shape and size of gradients ---------------------------------------------------------- */

static int comps_with_folds(const Trial *t, Node *n, int nfold) {
    NodeList order = graph_order(t->g, &n, 1);
    int count = 0;
    for (int k = 0; k < order.n; k++) count += order.at[k]->is_grad && order.at[k]->nfold == nfold;
    return count;
}

/* dU is one contraction over rows and time, and so is the gradient of the input projection;
 * the gradient in the scan's input needs no fold over time. */
Test(grad, what_a_scan_does_not_change_is_folded_outside) {
    Node *y, *x[3], *d[3];
    Trial t = read_trial(examples[15].text, &y);
    for (int k = 0; k < 3; k++) x[k] = leaf_named(&t, (const char *[]){"x", "w", "u"}[k]);
    cr_assert(grad(t.g, y, x, 3, d));
    cr_assert(d[0]->nfold == 1 && d[0]->nin == 0, "dx = sum(j)");
    cr_assert(d[1]->nfold == 2 && d[1]->nin == 0, "dw = sum(n, t)");
    cr_assert(d[2]->nfold == 2 && d[2]->nin == 0, "du = sum(t, n)");
    cr_assert_eq(comps_with_folds(&t, d[2], 3), 0);
}

Test(grad, cross_entropy_is_a_select) {
    Node *y, *d;
    Trial t = read_trial(examples[4].text, &y);
    cr_assert(grad(t.g, y, t.leaf, 1, &d));
    cr_assert(d->fold == F_NONE);
    cr_assert_eq(comps_with_folds(&t, d, 1), 0, "p - [c == label], no fold");
}

static int nodes_in(const Trial *t, Node *n) {
    return graph_order(t->g, &n, 1).n;
}

Test(grad, squarings_stay_linear) {
    int size[2];
    for (int k = 0; k < 2; k++) {
        Trial t = trial_new(1);
        Node *y = trial_leaf(&t, 0, NULL, 0.9, 1);
        for (int j = 0; j < 32 << k; j++) y = node_map(t.g, OP_mul, (Node *[]){y, y}, (Span){0});
        Node *d = y;
        for (int order = 0; order < 2; order++) cr_assert(grad(t.g, d, t.leaf, 1, &d));
        size[k] = nodes_in(&t, d);
        trial_free(&t);
    }
    cr_assert(size[1] <= 2 * size[0] + 8, "%d, then %d nodes", size[0], size[1]);
}

Test(grad, squarings_in_one_body_stay_linear) {
    Trial t = trial_new(1);
    Node *x = trial_leaf(&t, 0, NULL, 0.9, 1), *d;
    Expr *e = ex_load(t.g, x, NULL, NULL);
    for (int j = 0; j < 64; j++) e = ex_op2(t.g, OP_mul, e, e);
    d = node_comp(t.g, 0, NULL, F_NONE, 0, NULL, NULL, e, (Span){0});
    for (int order = 0; order < 2; order++) cr_assert(grad(t.g, d, t.leaf, 1, &d));
    cr_assert(e->id > 0);
    double v;
    t.value[0][0] = 1;
    trial_eval(&t, d, NULL, 0, &v);
    cr_assert_float_eq(v, ldexp(1, 64) * (ldexp(1, 64) - 1), 1e30);
}

Test(grad, a_chain_of_a_thousand_layers) {
    Trial t = trial_new(2);
    Node *x = trial_leaf(&t, 2, (int64_t[]){DIM_BATCH, 2}, -1, 1), *y = x, *d[2];
    Node *w = trial_leaf(&t, 2, (int64_t[]){2, 2}, -1, 1);
    Graph *g = t.g;
    Expr *n = ex_var(g, 0, DIM_BATCH), *o = ex_var(g, 1, 2), *k = ex_var(g, 2, 2);
    for (int j = 0; j < 1000; j++) {
        Expr *body = ex_op2(g, OP_mul, ex_load(g, y, (Expr *[]){n, k}, NULL),
                ex_load(g, w, (Expr *[]){k, o}, NULL));
        y = node_comp(
                g, 2, (int64_t[]){DIM_BATCH, 2}, F_SUM, 1, (int64_t[]){2}, NULL, body, (Span){0});
        Node *relu[] = {y, node_scalar(g, 0, (Span){0})};
        y = node_map(g, OP_max, relu, (Span){0});
        y = node_map(g, OP_add, (Node *[]){y, x}, (Span){0});
    }
    cr_assert(grad(g, y, t.leaf, 2, d));
    cr_assert(nodes_in(&t, d[1]) < 10000);
}

/* Thirty stencils in a row: three loads each of one tensor. */
Test(grad, stencils_stay_linear) {
    Trial t = trial_new(1);
    Graph *g = t.g;
    Node *y = trial_leaf(&t, 1, (int64_t[]){100}, -1, 1), *d;
    Expr *i = ex_var(g, 0, 100);
    for (int j = 0; j < 30; j++) {
        Expr *left = ex_op2(g, OP_sub, i, ex_int(g, 1)),
             *right = ex_op2(g, OP_add, i, ex_int(g, 1));
        Expr *sum = ex_load(g, y, &i, NULL);
        sum = ex_op2(g, OP_add, sum, ex_load(g, y, &left, ex_in_range(g, left, 100)));
        sum = ex_op2(g, OP_mul, sum, ex_load(g, y, &right, ex_in_range(g, right, 100)));
        y = node_comp(g, 1, (int64_t[]){100}, F_NONE, 0, NULL, NULL, sum, (Span){0});
    }
    int before = ex_var(g, 0, 7)->id;
    d = y;
    for (int order = 0; order < 2; order++) cr_assert(grad(g, d, t.leaf, 1, &d));
    cr_assert(nodes_in(&t, d) < 300);
    cr_assert(ex_var(g, 0, 11)->id - before < 30000, "expressions");
}

/* Twelve axes and a fold: the map's inverse has room for all of them. */
Test(grad, as_many_axes_as_there_may_be) {
    Trial t = trial_new(1);
    Graph *g = t.g;
    int64_t dim[MAX_RANK], square[] = {2, 2};
    Expr *index[MAX_RANK];
    for (int k = 0; k < MAX_RANK; k++) {
        dim[k] = 2;
        index[k] = ex_var(g, k == 11 ? 12 : k, 2);
    }
    Node *x = trial_leaf(&t, MAX_RANK, dim, -1, 1), *w = trial_leaf(&t, 2, square, -1, 1), *d[2];
    Expr *factor = ex_load(g, w, (Expr *[]){ex_var(g, 12, 2), ex_var(g, 11, 2)}, NULL);
    Node *y = node_comp(g, MAX_RANK, dim, F_SUM, 1, square, NULL,
            ex_op2(g, OP_mul, ex_load(g, x, index, NULL), factor), (Span){0});
    cr_assert(grad(g, y, t.leaf, 2, d));
    cr_assert(d[0]->nfold == 1 && d[1]->nfold == 11);
}
