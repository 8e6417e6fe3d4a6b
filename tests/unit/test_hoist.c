/* test_hoist.c - moving nodes out of scans keeps every value, and leaves the recurrence. */
#include "../../compiler/hoist.h"
#include "random_program.h"

#include <stdlib.h>

/* Values before and after, of random programs and of their gradients. */
static void check_values(Trial *t, Node *y) {
    double before[MAX_SIZE], after[MAX_SIZE];
    trial_eval(t, y, NULL, 0, before);
    Node *to = y;
    hoist(t->g, &to, 1);
    graph_check(t->g, &to, 1);
    trial_eval(t, to, NULL, 0, after);
    for (int64_t k = 0; k < size_in(t, y); k++)
        cr_assert(before[k] == after[k] || (isnan(before[k]) && isnan(after[k])), "%g becomes %g",
                before[k], after[k]);
    cr_assert(!hoist(t->g, &to, 1), "nothing is left to move");
}

Test(hoist, keeps_values) {
    for (int seed = 1; seed <= 400; seed++) {
        Maker m = make(seed, true);
        Node *y = m.pool[m.npool - 1], *d[MAX_LEAVES];
        check_values(&m.t, y);
        cr_assert(grad(m.g, random_form(&m.t, y), m.t.leaf, m.t.n, d));
        for (int k = 0; k < m.t.n; k++)
            if (d[k]) check_values(&m.t, d[k]);
        trial_free(&m.t);
    }
}

static const char recurrent[] =
        "n0 = param \"x\" f32[batch, 7, 3]\nn1 = param \"w\" f32[3, 4]\nn2 = param \"u\" f32[4, "
        "4]\n"
        "n3 = comp f32[batch, 4] : 0.0\ns0 = scan 7 (n3)\nn4 = carry s0 0\n"
        "n5 = comp f32[batch, 3] : n0[i0, t0, i1]\n"
        "n6 = comp f32[batch, 4] sum(3) : n5[i0, i2] * n1[i2, i1]\n"
        "n7 = comp f32[batch, 4] sum(4) : n4[i0, i2] * n2[i2, i1]\n"
        "n8 = comp f32[batch, 4] : tanh(n6[i0, i1] + n7[i0, i1])\nclose s0 (n8)\n"
        "n9 = stack s0 n8\nn10 = comp f32[batch, 4] : n9[6, i0, i1]\nout \"y\" = n10\n";

static int folds_in_scans(Graph *g, Node *const *root, int n) {
    NodeList order = graph_order(g, root, n);
    int count = 0;
    for (int k = 0; k < order.n; k++) count += order.at[k]->nin > 0 && order.at[k]->nfold > 0;
    return count;
}

/* Of the four contractions of a step and its reverse, two belong to the recurrence. */
Test(hoist, only_the_recurrence_remains) {
    Graph *g = graph_new(arena_new());
    NodeList root = {0};
    const char **name;
    const Source *src = source_from_text(g->arena, "test", recurrent, strlen(recurrent));
    cr_assert(graph_read(g, src, &root, &name));
    Node *x[3] = {NULL}, *all[4] = {root.at[0]};
    NodeList order = graph_order(g, root.at, 1);
    for (int k = 0; k < order.n; k++)
        if (order.at[k]->kind == N_LEAF)
            x[order.at[k]->name[0] == 'x' ? 0 : order.at[k]->name[0] == 'w' ? 1 : 2] = order.at[k];
    cr_assert(grad(g, root.at[0], x, 3, all + 1));
    cr_assert_eq(folds_in_scans(g, all, 4), 4);
    hoist(g, all, 4);
    cr_assert_eq(folds_in_scans(g, all, 4), 2);
    order = graph_order(g, all, 4);
    int stacks = 0;
    for (int k = 0; k < order.n; k++) stacks += order.at[k]->kind == N_STACK;
    cr_assert_eq(stacks, 2, "of h and of its adjoint before tanh; x is read where it is");
}

/* A sum over what nobody stacks stays: its operands would be stored for every step. */
Test(hoist, a_fold_that_would_store_more_stays) {
    static const char text[] =
            "n0 = param \"x\" f32[50]\ns0 = scan 7 (n0)\nn1 = carry s0 0\n"
            "n2 = comp f32[50] : tanh(n1[i0] * n1[49 - i0])\n"
            "n3 = comp f32[50] : n2[i0] * n1[i0]\n"
            "n4 = comp f32[] sum(50) : n3[i0] * n2[i0]\nclose s0 (n2)\n"
            "n5 = stack s0 n4\nout \"y\" = n5\n";
    Graph *g = graph_new(arena_new());
    NodeList root = {0};
    const char **name;
    cr_assert(graph_read(
            g, source_from_text(g->arena, "test", text, strlen(text)), &root, &name));
    cr_assert(!hoist(g, root.at, 1));
    cr_assert_eq(folds_in_scans(g, root.at, 1), 1);
}
