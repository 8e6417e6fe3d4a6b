/* test_programs.c - programs that bend the core (tests/programs), and the library's.
 *
 * Each is lowered and evaluated in double; the gradients of its loss, and the gradients of
 * the sum of their squares, are held against central differences in every element of every
 * parameter and real input. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/grad.h"
#include "../../compiler/model.h"

enum { ROWS = 3, LEAVES = 48 };

/* Leaves and what they are bound to; the first `nreal` are differentiated by. */
typedef struct Binding {
    const char *file;
    Model *m;
    int n, nreal;
    Node *leaf[LEAVES];
    double *value[LEAVES];
    int64_t size[LEAVES];
} Binding;

/* A fixed sequence in (-1, 1). */
static double draw(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*state >> 11) / 4503599627370496.0 - 1;
}

static void add_leaf(Binding *b, Node *leaf, int64_t bound, uint64_t *state) {
    int k = b->n++;
    cr_assert_lt(k, LEAVES, "%s: too many leaves", b->file);
    b->leaf[k] = leaf;
    b->size[k] = node_elements(leaf, ROWS);
    b->value[k] = calloc((size_t)b->size[k], sizeof(double));
    for (int64_t i = 0; i < b->size[k]; i++) {
        double v = draw(state);
        b->value[k][i] = leaf->dtype == T_F32 ? 1.2 * v : floor((v + 1) / 2 * (double)bound);
    }
}

static void add_ports(Binding *b, const Port *port, int n, bool real, uint64_t *state) {
    for (int i = 0; i < n; i++)
        if ((port[i].node->dtype == T_F32) == real)
            add_leaf(b, port[i].node, port[i].bound > 0 ? port[i].bound : 5, state);
}

static Binding bind_model(const char *file, Model *m) {
    Binding b = {.file = file, .m = m};
    uint64_t state = 7;
    for (int i = 0; i < m->param.n; i++) add_leaf(&b, m->param.at[i]->leaf, 0, &state);
    add_ports(&b, m->input.at, m->input.n, true, &state);
    b.nreal = b.n;
    add_ports(&b, m->input.at, m->input.n, false, &state);
    add_ports(&b, m->target.at, m->target.n, true, &state);
    add_ports(&b, m->target.at, m->target.n, false, &state);
    for (int i = 0; i < m->state.n; i++) {
        add_leaf(&b, m->state.at[i]->leaf, 0, &state);
        for (int64_t k = 0; k < b.size[b.n - 1]; k++)
            b.value[b.n - 1][k] = fabs(b.value[b.n - 1][k]) + 0.5;
    }
    return b;
}

static Eval *evaluator(const Binding *b) {
    Eval *e = eval_new(b->m->graph, ROWS, 3, 0);
    for (int i = 0; i < b->n; i++) eval_bind(e, b->leaf[i], b->value[i]);
    return e;
}

static double scalar(const Binding *b, Node *y) {
    Eval *e = evaluator(b);
    const double *value = eval_node(e, y);
    cr_assert_not_null(value, "%s: %s", b->file, eval_error(e));
    double v = *value;
    eval_free(e);
    return v;
}

/* By differences at two distances, extrapolated: the error is of the fourth order. */
static double difference(Binding *b, Node *y, int k, int64_t i) {
    const double h = 2e-4, x = b->value[k][i];
    double slope[2];
    for (int s = 0; s < 2; s++) {
        double d = h * (s + 1);
        b->value[k][i] = x + d;
        double above = scalar(b, y);
        b->value[k][i] = x - d;
        slope[s] = (above - scalar(b, y)) / (2 * d);
        b->value[k][i] = x;
    }
    return (4 * slope[0] - slope[1]) / 3;
}

static void expect_gradient(Binding *b, Node *y, int k, Node *g, const char *which) {
    Eval *e = evaluator(b);
    const double *value = g ? eval_node(e, g) : NULL;
    cr_assert(!g || value, "%s: %s of %s: %s", b->file, which, b->leaf[k]->name, eval_error(e));
    for (int64_t i = 0; i < b->size[k]; i++) {
        double want = difference(b, y, k, i), got = value ? value[i] : 0;
        double error = fabs(got - want) / fmax(1, fabs(want));
        cr_expect(error < 1e-6, "%s: %s by %s, element %lld: %.12g, by differences %.12g", b->file,
                which, b->leaf[k]->name, (long long)i, got, want);
        if (!(error < 1e-6)) break;
    }
    eval_free(e);
}

/* The sum of the squares of all elements of n gradients (NULL: none). */
static Node *sum_of_squares(Graph *g, Node *const *grads, int n) {
    Node *total = node_scalar(g, 0, (Span){0});
    for (int k = 0; k < n; k++) {
        if (!grads[k]) continue;
        Expr *var[MAX_RANK], *load;
        for (int i = 0; i < grads[k]->rank; i++) var[i] = ex_var(g, i, grads[k]->dim[i]);
        load = ex_load(g, grads[k], var, NULL);
        Node *part = node_comp(g, 0, NULL, F_SUM, grads[k]->rank, grads[k]->dim, NULL,
                ex_op2(g, OP_mul, load, load), grads[k]->span);
        total = node_map(g, OP_add, (Node *[]){total, part}, part->span);
    }
    return total;
}

static void check_model(const char *file, Model *m) {
    Binding b = bind_model(file, m);
    Node *first[LEAVES], *second[LEAVES];
    cr_assert(grad(m->graph, m->loss, b.leaf, b.nreal, first), "%s: no gradient", file);
    for (int k = 0; k < b.nreal; k++) expect_gradient(&b, m->loss, k, first[k], "gradient");
    Node *squares = sum_of_squares(m->graph, first, b.nreal);
    cr_assert(grad(m->graph, squares, b.leaf, b.nreal, second), "%s: no second gradient", file);
    for (int k = 0; k < b.nreal; k++) expect_gradient(&b, squares, k, second[k], "second gradient");
    for (int i = 0; i < b.n; i++) free(b.value[i]);
}

static void run(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "tests/programs/%s.dl", name);
    Arena *a = arena_new();
    diag_reset();
    Ast *program = ast_load(a, path);
    cr_assert(program && diag_errors() == 0, "%s does not parse", path);
    Model *m = lower(a, ast_load_std(a), program, path, &(LowerOptions){0});
    cr_assert(m && diag_errors() == 0, "%s does not compile", path);
    check_model(path, m);
    arena_free(a);
}

#define PROGRAM(name)                                                                              \
    Test(programs, name) {                                                                         \
        run(#name);                                                                                \
    }

PROGRAM(attention)
PROGRAM(augmentation)
PROGRAM(bilinear)
PROGRAM(circular)
PROGRAM(concatenation)
PROGRAM(cumulative_sum_guard)
PROGRAM(cumulative_sum_scan)
PROGRAM(diagonals)
PROGRAM(exchange)
PROGRAM(gpt)
PROGRAM(gradient_penalty)
PROGRAM(grouped_convolution)
PROGRAM(images)
PROGRAM(log_sum_exp)
PROGRAM(nested_scans)
PROGRAM(orthogonal)
PROGRAM(pairs)
PROGRAM(pendulum)
PROGRAM(products)
PROGRAM(rank_and_top_k)
PROGRAM(reshape)
PROGRAM(row_state)
PROGRAM(sequences)
PROGRAM(shared_statistics)
PROGRAM(strided_convolution)
PROGRAM(tied_embedding)
PROGRAM(ties)
PROGRAM(transposed_convolution)
PROGRAM(valid_length)
