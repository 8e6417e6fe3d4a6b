/* test_factor.c - taking common factors out of gradients keeps their values, and keeps the
 * derivative of what several tensors, or a function, would have to be read or computed for. */
#include "../../compiler/factor.h"
#include "random_program.h"

#include <stdlib.h>

/* Products of sums are not sums of products: rounded otherwise, in double. */
static bool is_near(double a, double b) {
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(1, fabs(b)) ||
           (!isfinite(a) && !isfinite(b));
}

static bool check_values(Trial *t, Node *y) {
    double before[MAX_SIZE], after[MAX_SIZE];
    trial_eval(t, y, NULL, 0, before);
    Node *to = y;
    factor(t->g, &to, 1);
    graph_check(t->g, &to, 1);
    trial_eval(t, to, NULL, 0, after);
    for (int64_t k = 0; k < size_in(t, y); k++)
        cr_assert(is_near(after[k], before[k]), "%g becomes %g", before[k], after[k]);
    return to != y;
}

Test(factor, keeps_values) {
    int changed = 0;
    for (int seed = 1; seed <= 400; seed++) {
        Maker m = make(seed, true);
        Node *y = m.pool[m.npool - 1], *d[MAX_LEAVES];
        cr_assert(grad(m.g, random_form(&m.t, y), m.t.leaf, m.t.n, d));
        for (int k = 0; k < m.t.n; k++)
            if (d[k]) changed += check_values(&m.t, d[k]);
        trial_free(&m.t);
    }
    cr_expect(changed > 0, "no gradient had a common factor");
}

/* The gradient by x of the sum of c[i] y(x), where y is elementwise. */
static Node *gradient_of(Graph *g, const char *body) {
    NodeList root = {0};
    const char **name;
    char *text = arena_printf(g->arena,
            "n0 = param \"x\" f32[5, 7]\nn1 = param \"w\" f32[7, 3]\nn2 = param \"v\" f32[3, 7]\n"
            "n3 = comp f32[5, 3] sum(7) : n0[i0, i2] * n1[i2, i1]\n%s"
            "n6 = comp f32[5, 7] sum(3) : n5[i0, i2] * n2[i2, i1]\n"
            "n7 = comp f32[] sum(5, 7) : n6[i0, i1] * n6[i0, i1]\nout \"y\" = n7\n",
            body);
    const Source *src = source_from_text(g->arena, "test", text, strlen(text));
    cr_assert(graph_read(g, src, &root, &name));
    NodeList order = graph_order(g, root.at, 1);
    Node *x = NULL, *d = NULL;
    for (int k = 0; k < order.n; k++)
        if (order.at[k]->kind == N_LEAF && !strcmp(order.at[k]->name, "x")) x = order.at[k];
    cr_assert(x && grad(g, root.at[0], &x, 1, &d) && d);
    return d;
}

static int kept(Graph *g, Node *d) {
    int count = 0;
    factor(g, &d, 1);
    NodeList order = graph_order(g, &d, 1);
    for (int k = 0; k < order.n; k++) count += order.at[k]->kept;
    return count;
}

Test(factor, keeps_the_derivative_of_a_function) {
    Graph *g = graph_new(arena_new());
    Node *d = gradient_of(g,
            "n4 = comp f32[5, 3] : erf(n3[i0, i1])\n"
            "n5 = comp f32[5, 3] : n3[i0, i1] * n4[i0, i1]\n");
    cr_expect_eq(kept(g, d), 1);
}

Test(factor, keeps_one_tensor_in_place_of_two) {
    Graph *g = graph_new(arena_new());
    Node *d = gradient_of(g,
            "n4 = comp f32[5, 3] : sigmoid(n3[i0, i1])\n"
            "n5 = comp f32[5, 3] : n3[i0, i1] * n4[i0, i1]\n");
    cr_expect_eq(kept(g, d), 1);
}

Test(factor, a_choice_stays_a_choice) {
    Graph *g = graph_new(arena_new());
    Node *d = gradient_of(g,
            "n4 = comp f32[5, 3] : exp(n3[i0, i1])\n"
            "n5 = comp f32[5, 3] : select(n3[i0, i1] > 0.0, n4[i0, i1], n3[i0, i1])\n");
    cr_expect_eq(kept(g, d), 0);
}
