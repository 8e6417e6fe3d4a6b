/* test_graph.c - nodes: what comprehensions simplify, the printed form and its reader, order,
 * scans, replacing; random graphs through text and back, with their values. */
#include "../../compiler/eval.h"
#include "../../compiler/ops.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const Span here = {0};

typedef struct World {
    Arena *arena;
    Graph *g;
    NodeList root;
    const char **name;
} World;

static World read_graph(const char *text) {
    World w = {.arena = arena_new()};
    w.g = graph_new(w.arena);
    const Source *src = source_from_text(w.arena, "test", text, strlen(text));
    cr_assert(graph_read(w.g, src, &w.root, &w.name), "%s", text);
    graph_check(w.g, w.root.at, w.root.n);
    return w;
}

static char *printed(World w) {
    static char *out;
    static size_t size;
    FILE *f = open_memstream(&out, &size);
    graph_print(f, w.g, w.root.at, w.name, w.root.n);
    fclose(f);
    return out;
}

/* The text of the last node after `comp` was read behind n0 = x f32[5], n1 = w i32[5]. */
static char *rebuilt(const char *comp) {
    char text[2048];
    snprintf(text, sizeof text,
            "n0 = input \"x\" f32[5]\nn1 = input \"w\" i32[5]\nn2 = %s\n"
            "out \"x\" = n0\nout \"w\" = n1\nout \"y\" = n2\n",
            comp);
    World w = read_graph(text);
    char *out = printed(w), *line = strstr(out, "\nn2 = ");
    char *got = strdup(line ? line + 6 : strstr(out, "out \"y\"") + 10);
    free(out);
    arena_free(w.arena);
    got[strcspn(got, "\n")] = 0;
    return got;
}

typedef struct Equation {
    const char *from, *to;
} Equation;

Test(graph, comprehensions_simplify) {
    static const Equation e[] = {
            {"comp f32[5] : n0[i0]", "n0"},
            {"comp f32[5] sum(1) : n0[i0 + i1]", "n0"},
            {"comp f32[5] prod(3, 1, 2) : n0[i0] + real(i3)",
                    "comp f32[5] prod(3, 2) : n0[i0] + real(i2)"},
            {"comp f32[5] sum(3, 1, 2) : n0[i0] + real(i3)",
                    "comp f32[5] sum(2) : n0[i0] + real(i1)"}, /* of which n3 is three times */
            {"comp f32[5] max(7) : n0[i0]", "n0"},
            {"comp f32[5] sum(7) : n0[i0]", "comp f32[5] : n0[i0] * 7.0"},
            {"comp i32[5] sum(7, 2) : n1[i0]", "comp i32[5] : n1[i0] * 14"},
            {"comp f32[5] prod(7) : n0[i0]", "comp f32[5] prod(7) : n0[i0]"},
            {"comp f32[5] sum(7) if i0 < 2 : n0[i0]", "comp f32[5] : n0[i0 ? i0 < 2] * 7.0"},
            {"comp f32[5] sum(5) if i1 == i0 : n0[i1]", "n0"},
            {"comp f32[5] sum(5) if (i1 + i0) == 4 : n0[i1]", "comp f32[5] : n0[4 - i0]"},
            {"comp f32[5] max(5) if (i1 + i0) == 4 : n0[i1]", "comp f32[5] : n0[4 - i0]"},
            {"comp i32[5] argmax(5) if i1 == i0 : n0[i1]",
                    "comp i32[5] argmax(5) if i0 == i1 : n0[i1]"},
            {"comp f32[10] sum(5, 2) if ((i1 * 2) + i2) == i0 : n0[i1]",
                    "comp f32[10] : n0[i0 // 2]"},
            {"comp f32[5] sum(5) if i1 == 9 : n0[i1]", "comp f32[5] : 0.0"},
            {"comp f32[5] max(5) if i1 == 9 : n0[i1]", "comp f32[5] : -inf"},
            {"comp i32[5] sum(5) if i1 == 9 : n1[i1]", "comp i32[5] : 0"},
            {"comp f32[5] sum(5) : select(i1 < i0, n0[i1], 0.0)",
                    "comp f32[5] sum(5) if i1 < i0 : n0[i1]"},
            {"comp f32[5] sum(4) if i1 < i0 : n0[i1 ? i1 < i0] * n0[i0]",
                    "comp f32[5] sum(4) if i1 < i0 : n0[i1] * n0[i0]"},
            {"comp f32[5] sum(4) if i1 < i0 : select(i1 < (i0 + 1), n0[i1] * n0[i0], 1.0)",
                    "comp f32[5] sum(4) if i1 < i0 : n0[i1] * n0[i0]"},
            {"comp i32[5] argmax(1) : n0[i0]", "comp i32[5] : 0"},
    };
    for (size_t k = 0; k < sizeof e / sizeof *e; k++) {
        char *got = rebuilt(e[k].from);
        cr_expect_str_eq(got, e[k].to, "%s becomes %s", e[k].from, got);
        free(got);
    }
}

/* A fold over a table's rows with a guard that fixes the row is the load again. */
Test(graph, a_fold_fixed_by_a_load_is_a_load) {
    World w = read_graph("n0 = input \"words\" i32[batch]\nn1 = param \"t\" f32[20, 3]\n"
                         "n2 = comp f32[batch, 3] sum(20) if n0[i0] == i2 : n1[i2, i1]\n"
                         "out \"y\" = n2\n");
    Node *y = w.root.at[0];
    cr_assert_eq(y->fold, F_NONE);
    Eval *e = eval_new(w.g, 3, 0, 0);
    double table[60];
    for (int k = 0; k < 60; k++) table[k] = k;
    NodeList order = graph_order(w.g, &y, 1);
    for (int k = 0; k < order.n; k++) {
        if (order.at[k]->kind != N_LEAF) continue;
        if (order.at[k]->leaf == L_INPUT) eval_bind(e, order.at[k], (double[]){19, -1, 2});
        if (order.at[k]->leaf == L_PARAM) eval_bind(e, order.at[k], table);
    }
    const double *v = eval_node(e, y);
    cr_assert_not_null(v, "%s", eval_error(e));
    cr_assert_eq(v[1], 58);
    cr_assert_eq(v[4], 0, "no row is the 21st");
    cr_assert_eq(v[8], 8);
    eval_free(e);
    arena_free(w.arena);
}

static const char *const example =
        "n0 = input \"x\" f32[batch, 3]\n"
        "n1 = param \"w\" f32[3, 3]\n"
        "n2 = comp \"y\" f32[batch, 3] sum(3) : n0[i0, i2] * n1[i2, i1]\n"
        "s0 = scan 10 reversed (n2)\n"
        "n3 = carry s0 0 \"h\"\n"
        "n4 = uniform f32[3] 17\n"
        "n5 = data i32[2] {0, 7}\n"
        "n6 = comp grad f32[batch, 3] : (e0 * e0) + real(t0 + n5[1 - (t0 % 2)]) "
        "with e0 = exp(n3[i0, i1] * n4[i1])\n"
        "close s0 (n6)\n"
        "n7 = stack s0 n6 grad\n"
        "n8 = comp f32[batch, 3] : n7[0, i0, i1 ? i1 < 2]\n"
        "out \"h\" = n8\n"
        "out \"y \\\"quoted\\\"\" = n2\n";

Test(graph, text_reads_back) {
    World w = read_graph(example);
    char *text = printed(w);
    cr_assert_str_eq(text, example, "%s", text);
    free(text);
    arena_free(w.arena);
}

Test(graph, wrong_text_is_an_error) {
    static const char *const bad[] = {
            "n0 = input \"x\" f33[3]\n",
            "n1 = input \"x\" f32[3]\n",
            "n0 = input \"x\" f32[0]\n",
            "n0 = comp f32[3] : i1\n",
            "n0 = comp f32[3] : e0 with e0 = e0\n",
            "n0 = comp f32[3] : e7\n",
            "n0 = comp f32[3] : foo(i0)\n",
            "n0 = comp f32[3] : i0 and i0\n",
            "out \"x\" = n0\n",
            "n0 = comp f32[3] : n0[i0]\n",
            "n0 = comp f32[3] : 1.0 junk\n",
            "\xff\xfe",
            "n0 = data f32[2] {1}\n",
            "s0 = scan 3 ()\nn0 = carry s0 0\n",
            "n0 = comp f32[3] : select(i0, i0, i0)\n",
            "n0 = comp f32[3",
            "n0 = comp f32[1,1,1,1,1,1,1,1,1,1,1,1,1] : 0\n",
            "n0 = input \"x\n",
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        Arena *a = arena_new();
        NodeList root;
        const char **name;
        diag_reset();
        freopen("/dev/null", "w", stderr);
        cr_expect_not(graph_read(graph_new(a), source_from_text(a, "bad", bad[k], strlen(bad[k])),
                              &root, &name),
                "%s", bad[k]);
        cr_expect_eq(diag_errors(), 1);
        arena_free(a);
    }
}

/* Whatever happens to a text, it is read or refused with a message. */
Test(graph, damaged_text_is_read_or_refused) {
    static const char odd[] = "0123456789-nseit[](){},.:?=\"+*%<>/ \n\\x";
    uint32_t s = 1;
    size_t n = strlen(example);
    freopen("/dev/null", "w", stderr);
    for (int round = 0; round < 5000; round++) {
        Arena *a = arena_new();
        char *text = arena_copy(a, example, n + 1);
        for (int k = 0; k <= round % 3; k++) {
            s = s * 1664525u + 1013904223u;
            char *at = &text[(s >> 8) % n], *other = &text[(s >> 16) % n];
            if (round % 4 < 2)
                *at = odd[(s >> 20) % (sizeof odd - 1)];
            else if (round % 4 == 2)
                memmove(at, at + 1, strlen(at));
            else if (at + 8 < text + n && other + 8 < text + n)
                memmove(at, other, 7);
        }
        NodeList root;
        const char **name;
        diag_reset();
        bool ok = graph_read(
                graph_new(a), source_from_text(a, "damaged", text, strlen(text)), &root, &name);
        cr_assert_eq(ok, diag_errors() == 0, "%s", text);
        arena_free(a);
    }
}

/* ---- order and replacing --------------------------------------------------------------- */

Test(graph, deep_graphs_are_ordered_without_recursion) {
    Arena *a = arena_new();
    Graph *g = graph_new(a);
    Node *x = node_leaf(g, L_INPUT, T_F32, 1, (int64_t[]){3}, "x", here), *y = x;
    enum { DEPTH = 100000 };
    for (int k = 0; k < DEPTH; k++) y = node_map(g, OP_tanh, &y, here);
    NodeList order = graph_order(g, &y, 1);
    cr_assert_eq(order.n, DEPTH + 1);
    for (int k = 1; k < order.n; k++) cr_assert_lt(order.at[k - 1]->id, order.at[k]->id);
    arena_free(a);
}

/* What replaces reaches into scans: the scan is cloned, time and carries with it. */
Test(graph, replacing_clones_scans) {
    World w = read_graph("n0 = input \"x\" f32[3]\nn1 = input \"z\" f32[3]\n"
                         "n2 = comp f32[3] : 1.0\ns0 = scan 4 (n2)\nn3 = carry s0 0\n"
                         "n4 = comp f32[3] : (n3[i0] * n0[i0]) + real(t0)\n"
                         "n5 = comp f32[3] : real(t0) * 2.0\nclose s0 (n4)\n"
                         "n6 = stack s0 n4\nn7 = stack s0 n5\n"
                         "out \"a\" = n6\nout \"b\" = n7\nout \"z\" = n1\n");
    Node *z = w.root.at[2], *x = NULL, *changed[2] = {w.root.at[0], w.root.at[1]};
    NodeList order = graph_order(w.g, w.root.at, 2);
    for (int k = 0; k < order.n; k++)
        if (order.at[k]->kind == N_LEAF) x = order.at[k];
    graph_replace(w.g, changed, 2, &x, &z, 1);
    graph_check(w.g, changed, 2);
    cr_assert_neq(changed[0], w.root.at[0]);
    cr_assert_eq(changed[0]->scan, changed[1]->scan, "one clone for both");
    Eval *e = eval_new(w.g, 1, 0, 0);
    eval_bind(e, x, (double[]){1, 1, 1});
    eval_bind(e, z, (double[]){2, 3, 4});
    cr_assert_eq(eval_node(e, changed[0])[9], ((2 * 2 + 1) * 2 + 2) * 2 + 3);
    cr_assert_eq(eval_node(e, w.root.at[0])[9], 7);
    cr_assert_eq(eval_node(e, changed[1])[9], 6);
    eval_free(e);
    arena_free(w.arena);
}

Test(graph, equal_nodes_are_one) {
    Arena *a = arena_new();
    Graph *g = graph_new(a);
    int64_t d[] = {DIM_BATCH, 4};
    Node *x = node_leaf(g, L_INPUT, T_F32, 2, d, "x", here);
    Node *row = node_leaf(g, L_PARAM, T_F32, 1, d + 1, "b", here);
    Node *s1 = node_map(g, OP_add, (Node *[]){x, row}, here);
    Node *s2 = node_map(g, OP_add, (Node *[]){row, x}, here);
    cr_assert_eq(s1, s2);
    cr_assert_eq(s1->dim[0], DIM_BATCH);
    cr_assert_eq(node_data(g, T_F32, 1, d + 1, (double[]){1, 2, 3, 4}, here),
            node_data(g, T_F32, 1, d + 1, (double[]){1, 2, 3, 4}, here));
    cr_assert_neq(node_uniform(g, 2, d, 1, here), node_uniform(g, 2, d, 2, here));
    arena_free(a);
}

/* ---- random graphs ------------------------------------------------------------------------------
 */

static uint32_t next_random(uint32_t *s) {
    *s = *s * 1664525u + 1013904223u;
    return *s >> 8;
}

typedef struct Maker {
    Graph *g;
    uint32_t s;
    NodeList pool; /* all of shape [4] or [batch] or [4, 3], f32 or i32 */
    int64_t extent[6];
    int nvar;
} Maker;

static Expr *make_index(Maker *m, int64_t dim) {
    int v = (int)(next_random(&m->s) % (uint32_t)m->nvar);
    Expr *i = ex_var(m->g, v, m->extent[v]);
    if (dim == DIM_BATCH) {
        for (int k = 0; k < m->nvar; k++)
            if (m->extent[k] == DIM_BATCH) return ex_var(m->g, k, DIM_BATCH);
        return ex_int(m->g, 0);
    }
    switch (m->extent[v] == DIM_BATCH ? 3 : next_random(&m->s) % 5) {
    case 0:
        return ex_op2(m->g, OP_sub, i, ex_int(m->g, 1));
    case 1:
        return ex_op2(m->g, OP_add, i, ex_var(m->g, 0, m->extent[0]));
    case 2:
        return ex_op2(m->g, OP_idiv, i, ex_int(m->g, 2));
    case 3:
        return ex_op2(m->g, OP_imod, i, ex_int(m->g, dim));
    default:
        return i;
    }
}

static Expr *make_load(Maker *m) {
    Node *n = m->pool.at[next_random(&m->s) % (uint32_t)m->pool.n];
    Expr *index[4], *guard = NULL;
    for (int k = 0; k < n->rank; k++) {
        index[k] = make_index(m, n->dim[k]);
        guard = ex_and(m->g, guard, ex_in_range(m->g, index[k], n->dim[k]));
    }
    return ex_load(m->g, n, index, guard);
}

static Expr *make_real(Maker *m, int depth) {
    static const Op op[] = {OP_add, OP_mul, OP_sub, OP_max, OP_tanh, OP_sigmoid, OP_neg, OP_select};
    if (depth == 0)
        return next_random(&m->s) % 4 ? make_load(m) : ex_real(m->g, next_random(&m->s) % 3);
    Op o = op[next_random(&m->s) % 8];
    Expr *a = make_real(m, depth - 1), *b = make_real(m, depth - 1);
    if (op_info[o].arity == 1) return ex_op1(m->g, o, a);
    if (op_info[o].arity == 2) return ex_op2(m->g, o, a, b);
    return ex_select(m->g, ex_op2(m->g, OP_lt, make_load(m), b), a, b);
}

static Expr *make_guard(Maker *m) {
    int a = (int)(next_random(&m->s) % (uint32_t)m->nvar),
        b = (int)(next_random(&m->s) % (uint32_t)m->nvar);
    if (m->extent[a] == DIM_BATCH || m->extent[b] == DIM_BATCH) return NULL;
    Expr *x = ex_var(m->g, a, m->extent[a]), *y = ex_var(m->g, b, m->extent[b]);
    Op op = next_random(&m->s) % 2 ? OP_eq : OP_le;
    return ex_op2(m->g, op, ex_op2(m->g, OP_add, x, ex_int(m->g, next_random(&m->s) % 3)), y);
}

static Node *make_node(Maker *m) {
    static const int64_t shape[3][2] = {{4, 3}, {DIM_BATCH, 3}, {4, 3}};
    int rank = (int)(next_random(&m->s) % 2) + 1, which = (int)(next_random(&m->s) % 3);
    Fold f = next_random(&m->s) % 2 ? F_NONE : (Fold)(next_random(&m->s) % 6 + 1);
    int nfold = f == F_NONE ? 0 : (int)(next_random(&m->s) % 2) + 1;
    int64_t fold[2] = {3, 2};
    m->nvar = rank + nfold;
    for (int k = 0; k < m->nvar; k++) m->extent[k] = k < rank ? shape[which][k] : fold[k - rank];
    Expr *guard = f != F_NONE && next_random(&m->s) % 2 ? make_guard(m) : NULL;
    return node_comp(m->g, rank, shape[which], f, nfold, fold, guard, make_real(m, 2), here);
}

static World make_graph(uint32_t seed) {
    World w = {.arena = arena_new()};
    w.g = graph_new(w.arena);
    Maker m = {.g = w.g, .s = seed};
    static const int64_t dims[3][2] = {{4, 3}, {DIM_BATCH, 3}, {4}};
    static const char *const names[] = {"a", "b", "c"};
    for (int k = 0; k < 3; k++)
        vec_push(w.arena, &m.pool,
                node_leaf(w.g, L_INPUT, k == 2 ? T_I32 : T_F32, k == 2 ? 1 : 2, dims[k], names[k],
                        here));
    for (int k = 0; k < 6; k++) {
        Node *n = make_node(&m);
        vec_push(w.arena, &m.pool, n);
    }
    Node *init = m.pool.at[m.pool.n - 1];
    if (init->dtype == T_F32) {
        Scan *s = scan_open(w.g, 3, seed % 2, 1, &init, here);
        Node *next = node_map(w.g, OP_tanh, s->carry, here);
        if (seed % 3) { /* time as well */
            Expr *index[2] = {ex_var(w.g, 0, init->rank > 0 ? init->dim[0] : 1),
                    ex_var(w.g, 1, init->rank > 1 ? init->dim[1] : 1)};
            Expr *body =
                    ex_op2(w.g, OP_add, ex_load(w.g, s->carry[0], index, NULL), ex_time(w.g, s));
            next = node_comp(w.g, init->rank, init->dim, F_NONE, 0, NULL, NULL, body, here);
        }
        scan_close(w.g, s, &next);
        Node *last = scan_last(w.g, s, next, here);
        vec_push(w.arena, &m.pool, last);
    }
    static const char *outs[] = {"y", "z"};
    w.name = outs;
    vec_push(w.arena, &w.root, m.pool.at[m.pool.n - 1]);
    vec_push(w.arena, &w.root, m.pool.at[m.pool.n - 2]);
    graph_check(w.g, w.root.at, w.root.n);
    return w;
}

/* Values of root k with the same leaves in every graph. */
static void values_of(World w, int k, double *out, int64_t *count) {
    Eval *e = eval_new(w.g, 2, 5, 0);
    NodeList order = graph_order(w.g, w.root.at, w.root.n);
    static const double real[12] = {.5, -1, 2, 0, 1.5, -.25, 3, .125, -2, 1, .75, -.5};
    static const double whole[4] = {2, 0, -1, 5};
    for (int j = 0; j < order.n; j++)
        if (order.at[j]->kind == N_LEAF && order.at[j]->leaf == L_INPUT)
            eval_bind(e, order.at[j], order.at[j]->dtype == T_I32 ? whole : real);
    const double *v = eval_node(e, w.root.at[k]);
    cr_assert_not_null(v, "%s", eval_error(e));
    *count = node_elements(w.root.at[k], 2);
    memcpy(out, v, (size_t)*count * sizeof *v);
    eval_free(e);
}

static void same_values(World a, World b, uint32_t seed) {
    for (int k = 0; k < 2; k++) {
        double x[64], y[64];
        int64_t nx, ny;
        values_of(a, k, x, &nx);
        values_of(b, k, y, &ny);
        cr_assert_eq(nx, ny);
        for (int64_t j = 0; j < nx; j++)
            cr_assert(x[j] == y[j] || (isnan(x[j]) && isnan(y[j])), "graph %u: %g and %g", seed,
                    x[j], y[j]);
    }
}

Test(graph, random_graphs_read_back) {
    for (uint32_t seed = 1; seed <= 1500; seed++) {
        World w = make_graph(seed);
        char *text = printed(w);
        World again = read_graph(text);
        char *second = printed(again);
        cr_assert_str_eq(text, second, "graph %u:\n%s\nbecomes\n%s", seed, text, second);
        same_values(w, again, seed);
        free(text);
        free(second);
        arena_free(again.arena);
        arena_free(w.arena);
    }
}

/* ---- comprehensions against plain loops --------------------------------------------------------
 */

/* Of x f32[5] and w i32[5], known by name. */
static const double real_leaf[5] = {1.5, -2, 0.25, 4, -0.5};
static const double whole_leaf[5] = {3, 0, 4, 1, 7};

static double plain(const Expr *e, const int64_t *var) {
    double v[3] = {0};
    switch (e->kind) {
    case E_CONST:
        return e->value;
    case E_VAR:
        return (double)var[e->var];
    case E_TIME:
        return 0;
    case E_LOAD: {
        if (e->guard && plain(e->guard, var) == 0) return 0;
        int at = (int)plain(e->arg[0], var);
        cr_assert(at >= 0 && at < 5, "a load at %d", at);
        return e->node->dtype == T_I32 ? whole_leaf[at] : real_leaf[at];
    }
    case E_OP:
        break;
    }
    bool real = e->dtype == T_F32;
    for (int k = 0; k < e->narg; k++) {
        v[k] = plain(e->arg[k], var);
        real = real || e->arg[k]->dtype == T_F32;
    }
    return real ? op_real(e->op, v[0], v[1], v[2])
                : op_integer(e->op, (int32_t)v[0], (int32_t)v[1], (int32_t)v[2]);
}

typedef struct Plain {
    Fold fold;
    int rank, nvar;
    int64_t extent[6];
    Expr *guard, *body;
} Plain;

static double plain_fold(const Plain *p, int64_t *var) {
    static const double first[] = {[F_NONE] = 0,
            [F_SUM] = 0,
            [F_PROD] = 1,
            [F_MAX] = -INFINITY,
            [F_MIN] = INFINITY,
            [F_ARGMAX] = 0,
            [F_ARGMIN] = 0};
    double value = first[p->fold], best = 0;
    bool seen = false;
    int64_t points = 1;
    for (int k = p->rank; k < p->nvar; k++) points *= p->extent[k];
    for (int64_t at = 0; at < points; at++) {
        int64_t rest = at;
        for (int k = p->nvar - 1; k >= p->rank; k--) {
            var[k] = rest % p->extent[k];
            rest /= p->extent[k];
        }
        if (p->guard && plain(p->guard, var) == 0) continue;
        double term = plain(p->body, var);
        bool better = !seen || (p->fold == F_ARGMAX ? term > best : term < best);
        switch (p->fold) {
        case F_NONE:
            value = term;
            break;
        case F_SUM:
            value += term;
            break;
        case F_PROD:
            value *= term;
            break;
        case F_MAX:
            value = fmax(value, term);
            break;
        case F_MIN:
            value = fmin(value, term);
            break;
        default:
            if (better) value = (double)at;
            if (better) best = term;
        }
        seen = true;
    }
    return value;
}

static Expr *index_of(Maker *m) {
    Expr *sum = ex_int(m->g, (int64_t)(next_random(&m->s) % 4));
    for (int k = 0; k < m->nvar; k++) {
        static const int64_t c[] = {0, 1, 1, -1, 2, 3};
        Expr *v = ex_var(m->g, k, m->extent[k]);
        int64_t by = c[next_random(&m->s) % 6];
        sum = ex_op2(m->g, OP_add, sum, ex_op2(m->g, OP_mul, v, ex_int(m->g, by)));
    }
    if (next_random(&m->s) % 3) return sum;
    Op op = next_random(&m->s) % 2 ? OP_idiv : OP_imod;
    return ex_op2(m->g, op, sum, ex_int(m->g, (int64_t)(next_random(&m->s) % 3 + 2)));
}

static Expr *element_of(Maker *m, Node *n, bool guarded) {
    Expr *i = index_of(m), *inside = ex_in_range(m->g, i, 5);
    if (!guarded) i = ex_op2(m->g, OP_imod, i, ex_int(m->g, 5)), inside = NULL;
    return ex_load(m->g, n, &i, inside);
}

static Expr *test_of(Maker *m, Node *whole) {
    static const Op op[] = {OP_eq, OP_eq, OP_eq, OP_lt, OP_le, OP_ne};
    Expr *a = index_of(m);
    Expr *b = next_random(&m->s) % 4 ? index_of(m) : element_of(m, whole, next_random(&m->s) % 2);
    return ex_op2(m->g, op[next_random(&m->s) % 6], a, b);
}

Test(graph, random_comprehensions_keep_their_values) {
    int gone = 0;
    for (uint32_t seed = 1; seed <= 5000; seed++) {
        Arena *a = arena_new();
        Maker m = {.g = graph_new(a), .s = seed};
        int64_t five = 5;
        Node *x = node_leaf(m.g, L_INPUT, T_F32, 1, &five, "x", here);
        Node *w = node_leaf(m.g, L_INPUT, T_I32, 1, &five, "w", here);
        Plain p = {.rank = (int)(next_random(&m.s) % 3)};
        p.nvar = p.rank + (int)(next_random(&m.s) % 3) + 1;
        for (int k = 0; k < p.nvar; k++)
            p.extent[k] = m.extent[k] = (int64_t)(next_random(&m.s) % 5 + 1);
        m.nvar = p.nvar;
        p.fold = (Fold)(next_random(&m.s) % 6 + 1);
        for (uint32_t k = next_random(&m.s) % 4; k > 0; k--)
            p.guard = ex_and(m.g, p.guard, test_of(&m, w));
        p.body = element_of(&m, x, true);
        if (next_random(&m.s) % 2) p.body = ex_op2(m.g, OP_mul, p.body, element_of(&m, x, false));
        if (next_random(&m.s) % 2)
            p.body = ex_select(m.g, test_of(&m, w), p.body, ex_real(m.g, seed % 2));
        Node *n = node_comp(m.g, p.rank, p.extent, p.fold, p.nvar - p.rank, p.extent + p.rank,
                p.guard, p.body, here);
        gone += n->nfold < p.nvar - p.rank;
        graph_check(m.g, &n, 1);
        Eval *e = eval_new(m.g, 1, 0, 0);
        eval_bind(e, x, real_leaf);
        eval_bind(e, w, whole_leaf);
        const double *got = eval_node(e, n);
        cr_assert_not_null(got, "%u: %s", seed, eval_error(e));
        for (int64_t at = 0; at < node_elements(n, 1); at++) {
            int64_t var[6] = {0}, rest = at;
            for (int k = p.rank - 1; k >= 0; k--) {
                var[k] = rest % p.extent[k];
                rest /= p.extent[k];
            }
            double want = plain_fold(&p, var);
            cr_assert(got[at] == want || fabs(got[at] - want) <= 1e-12 * fabs(want),
                    "%u: element %d is %g, not %g", seed, (int)at, got[at], want);
        }
        eval_free(e);
        arena_free(a);
    }
    cr_log_info("%d folds lost variables", gone);
    cr_assert(gone > 1000);
}

/* However many tests a guard makes, none is lost when a fold variable goes. */
Test(graph, long_guards_keep_every_test) {
    for (int fatal = 0; fatal < 80; fatal++) {
        Arena *a = arena_new();
        Graph *g = graph_new(a);
        int64_t five = 5;
        Node *x = node_leaf(g, L_INPUT, T_F32, 1, &five, "x", here);
        Node *w = node_leaf(g, L_INPUT, T_I32, 1, &five, "w", here);
        Expr *i = ex_var(g, 0, 5), *k = ex_var(g, 1, 5), *wk = ex_load(g, w, &k, NULL);
        Expr *guard = NULL;
        for (int c = 0; c < 80; c++) /* one of them is false at element 4, where w is 7 */
            guard = ex_and(g, guard, ex_op2(g, OP_ne, wk, ex_int(g, c == fatal ? 7 : 100 + c)));
        guard = ex_and(g, guard, ex_op2(g, OP_eq, i, k));
        Node *n = node_comp(g, 1, &five, F_SUM, 1, &five, guard, ex_load(g, x, &k, NULL), here);
        Eval *e = eval_new(g, 1, 0, 0);
        eval_bind(e, x, real_leaf);
        eval_bind(e, w, whole_leaf);
        const double *got = eval_node(e, n);
        cr_assert_not_null(got, "%s", eval_error(e));
        for (int at = 0; at < 5; at++) cr_assert_eq(got[at], at == 4 ? 0 : real_leaf[at]);
        eval_free(e);
        arena_free(a);
    }
}
