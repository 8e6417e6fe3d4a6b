/* explain.c - the entry `explain` (explain.h): an output of the model of mixtures (mixture.h) and
 * its gradients, by the same rules as those of training. What a method makes of them (saliency,
 * integrated gradients, occlusion) is the caller's. */
#include "explain.h"

#include "grad.h"
#include "mixture.h"

typedef struct Explain {
    Arena *a;
    Model *m;
    Graph *g;
    Entry entry;
    Vec(Mixed) mixed;
    Vec(const char *) name; /* of the mixed inputs */
} Explain;

static Node *own_leaf(Explain *x, const char *name, DType type, const Node *like, int64_t bound) {
    Span at = x->entry.span;
    Node *n = node_leaf(
            x->g, L_INPUT, type, like->rank, like->dim, arena_printf(x->a, "explain.%s", name), at);
    vec_push(x->a, &x->entry.input, ((Port){.name = name, .node = n, .bound = bound, .span = at}));
    return n;
}

static Node *map_of(Graph *g, const Node *like, Expr *body) {
    return node_comp(g, like->rank, like->dim, F_NONE, 0, NULL, NULL, body, like->span);
}

static Expr *real_element(Graph *g, Node *n) {
    return ex_op1(g, OP_real, ex_element(g, n));
}

static Node *point(Graph *g, const Mixed *k) {
    Expr *from = real_element(g, k->baseline);
    Expr *way = ex_op2(g, OP_sub, real_element(g, k->leaf), from);
    return map_of(
            g, k->leaf, ex_op2(g, OP_add, from, ex_op2(g, OP_mul, ex_element(g, k->presence), way)));
}

/* The inputs that y needs; what is one for all rows is taken as it is. */
static void add_inputs(Explain *x, Node *y) {
    NodeList order = graph_order(x->g, &y, 1);
    for (int i = 0; i < x->m->input.n; i++) {
        const Port *in = &x->m->input.at[i];
        if (!node_list_has(order, in->node)) continue;
        vec_push(x->a, &x->entry.input, *in);
        if (!node_has_rows(in->node)) continue;
        Mixed k = {.leaf = in->node};
        k.baseline = own_leaf(x, arena_printf(x->a, "%s_baseline", in->name), in->node->dtype,
                in->node, in->bound);
        k.presence = own_leaf(x, arena_printf(x->a, "%s_presence", in->name), T_F32, in->node, 0);
        k.point = point(x->g, &k);
        vec_push(x->a, &x->mixed, k);
        vec_push(x->a, &x->name, in->name);
    }
}

/* sum(weight * value) */
static Node *weighted(Explain *x, Node *value) {
    Node *weight = own_leaf(x, "weight", T_F32, value, 0);
    Expr *term = ex_op2(x->g, OP_mul, ex_element(x->g, weight), ex_element(x->g, value));
    return node_comp(x->g, 0, NULL, F_SUM, value->rank, value->dim, NULL, term, value->span);
}

static void add_output(Explain *x, const char *name, Node *value) {
    vec_push(x->a, &x->entry.output, ((Port){.name = name, .node = value, .span = x->entry.span}));
}

/* An input that the value does not depend on has attributions, and they are 0. */
static bool add_gradients(Explain *x, Node *value) {
    int n = x->mixed.n;
    Node *score = weighted(x, value);
    Node **by = NEW_ARRAY(x->a, Node *, 2 * n + 1), **out = NEW_ARRAY(x->a, Node *, 2 * n + 1);
    for (int k = 0; k < n; k++) {
        by[2 * k] = x->mixed.at[k].presence;
        by[2 * k + 1] = x->mixed.at[k].point;
    }
    if (!grad(x->g, score, by, 2 * n, out)) return false;
    for (int k = 0; k < n; k++) {
        const Node *leaf = x->mixed.at[k].leaf;
        Node *none = node_zeros(x->g, T_F32, leaf->rank, leaf->dim, leaf->span);
        add_output(x, arena_printf(x->a, "%s_attribution", x->name.at[k]),
                out[2 * k] ? out[2 * k] : none);
        if (out[2 * k + 1])
            add_output(x, arena_printf(x->a, "%s_gradient", x->name.at[k]), out[2 * k + 1]);
    }
    return true;
}

/* Every row begins with its initial state. */
static Node *without_states(Explain *x, Node *y) {
    int n = x->m->row_state.n;
    Node **from = NEW_ARRAY(x->a, Node *, n + 1), **to = NEW_ARRAY(x->a, Node *, n + 1);
    for (int k = 0; k < n; k++) {
        from[k] = x->m->row_state.at[k]->leaf;
        to[k] = x->m->row_state.at[k]->init;
    }
    graph_replace(x->g, &y, 1, from, to, n);
    return y;
}

static Node *explained(Arena *a, const Model *m, const char *of) {
    if (of) return tap_tensor(a, m, "--output", of);
    const Entry *predict = &m->entry.at[0];
    for (int k = 0; k < predict->output.n; k++)
        if (predict->output.at[k].node->dtype == T_F32 && node_has_rows(predict->output.at[k].node))
            return predict->output.at[k].node;
    diag_error(m->span,
            "the model `%s` has no output of reals to explain: output NAME = expression", m->name);
    return NULL;
}

bool explain_add(Arena *a, Model *m, const char *of) {
    Explain x = {.a = a, .m = m, .g = m->graph, .entry = {.name = "explain", .span = m->span}};
    Node *y = tap_is_free(m, "explain") ? explained(a, m, of) : NULL;
    if (!y) return false;
    if (y->dtype != T_F32 || !node_has_rows(y)) {
        diag_error(m->span, "`%s` cannot be explained: it is no tensor of reals with rows", of);
        return false;
    }
    y = without_states(&x, y);
    add_inputs(&x, y);
    if (!x.mixed.n) {
        diag_error(m->span, "nothing can be explained: the output depends on no input with rows");
        return false;
    }
    Node *value = mixture(a, x.g, y, x.mixed.at, x.mixed.n);
    add_output(&x, "value", value);
    if (!add_gradients(&x, value)) return false;
    tap_insert(a, m, &x.entry);
    return true;
}
