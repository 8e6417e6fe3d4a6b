/* tap.c - the entry `tap` (explain.h): tensors on the way from a model's inputs to its outputs.
 *
 * Names are sought in this order: what the model's text binds (a name that is bound again means
 * the last value), the paths of its layers, then names inside of layers ("attention.weight"), as
 * graphs and plans show them. */
#include <string.h>

#include "explain.h"
#include "graph_tables.h"

/* ---- names -------------------------------------------------------------------------------- */

/* Every tensor that evaluation computes or reads. */
static NodeList all_nodes(Arena *a, const Model *m) {
    NodeList roots = {0};
    for (int k = 0; k < m->entry.n; k++)
        for (int i = 0; i < m->entry.at[k].output.n; i++)
            vec_push(a, &roots, m->entry.at[k].output.at[i].node);
    for (int k = 0; k < m->metric.n; k++)
        for (int i = 0; i < m->metric.at[k].ntotal; i++)
            vec_push(a, &roots, m->metric.at[k].total[i]);
    return graph_order(m->graph, roots.at, roots.n);
}

static Node *find(const Model *m, NodeList inside, const char *name) {
    for (int k = 0; k < m->named.n; k++)
        if (strcmp(m->named.at[k].name, name) == 0) return m->named.at[k].node;
    for (int k = 0; k < m->layer.n; k++)
        if (strcmp(m->layer.at[k].path, name) == 0) return m->layer.at[k].out;
    for (int k = inside.n; k-- > 0;)
        if (inside.at[k]->name && strcmp(inside.at[k]->name, name) == 0) return inside.at[k];
    return NULL;
}

static const char *nearest(Arena *a, const Model *m, NodeList inside, const char *name) {
    Vec(const char *) names = {0};
    for (int k = 0; k < m->named.n; k++) vec_push(a, &names, m->named.at[k].name);
    for (int k = 0; k < m->layer.n; k++) vec_push(a, &names, m->layer.at[k].path);
    for (int k = 0; k < inside.n; k++)
        if (inside.at[k]->name) vec_push(a, &names, inside.at[k]->name);
    return diag_nearest(name, names.at, names.n);
}

/* ---- as an entry can give it ----------------------------------------------------------------- */

static Scan *innermost(const Model *m, const Node *n) {
    const Scan *deepest = n->in[0];
    for (int k = 1; k < n->nin; k++)
        if (n->in[k]->nin > deepest->nin) deepest = n->in[k];
    return m->graph->t->scan.at[deepest->id];
}

/* The same elements with the rows in front of the other axes. */
static Node *rows_first(Graph *g, Node *n) {
    int at = 0;
    while (at < n->rank && n->dim[at] != DIM_BATCH) at++;
    if (at == 0 || at == n->rank) return n;
    int64_t dim[MAX_RANK];
    Expr *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++) {
        int to = k == at ? 0 : k < at ? k + 1 : k;
        dim[to] = n->dim[k];
        index[k] = ex_var(g, to, n->dim[k]);
    }
    return node_comp(g, n->rank, dim, F_NONE, 0, NULL, NULL, ex_load(g, n, index, NULL), n->span);
}

Node *tap_tensor(Arena *a, const Model *m, const char *option, const char *name) {
    NodeList inside = all_nodes(a, m);
    Node *n = find(m, inside, name);
    if (!n) {
        const char *near = nearest(a, m, inside, name);
        diag_error(m->span, "%s %s: the model has no tensor and no layer of that name%s%s%s",
                option, name, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
        return NULL;
    }
    while (n->nin) n = node_stack(m->graph, innermost(m, n), n, n->span);
    n = rows_first(m->graph, n);
    bool small = n->dtype == T_BOOL || n->dtype == T_U8;
    return small ? node_map(m->graph, OP_int, &n, n->span) : n;
}

/* ---- the entry ------------------------------------------------------------------------------ */

bool tap_is_free(const Model *m, const char *name) {
    for (int k = 0; k < m->entry.n; k++) {
        if (strcmp(m->entry.at[k].name, name) != 0) continue;
        diag_error(m->entry.at[k].span,
                "the entry `%s` has the name of the one that --%s adds; give it another", name,
                name);
        return false;
    }
    return true;
}

/* Behind predict. */
void tap_insert(Arena *a, Model *m, const Entry *e) {
    vec_push(a, &m->entry, *e);
    for (int k = m->entry.n - 1; k > 1; k--) m->entry.at[k] = m->entry.at[k - 1];
    m->entry.at[1] = *e;
}

static bool add_inputs(Arena *a, const Model *m, Entry *e) {
    NodeList roots = {0};
    for (int k = 0; k < e->output.n; k++) vec_push(a, &roots, e->output.at[k].node);
    NodeList order = graph_order(m->graph, roots.at, roots.n);
    for (int k = 0; k < m->input.n; k++)
        if (node_list_has(order, m->input.at[k].node)) vec_push(a, &e->input, m->input.at[k]);
    for (int k = 0; k < m->target.n; k++) {
        if (!node_list_has(order, m->target.at[k].node)) continue;
        diag_error(m->span,
                "--tap: one of the tensors needs the target `%s`; take one that is "
                "made of inputs alone",
                m->target.at[k].name);
        return false;
    }
    return true;
}

bool tap_add(Arena *a, Model *m, const char *const *name, int n) {
    Entry e = {.name = "tap", .span = m->span};
    if (!tap_is_free(m, "tap")) return false;
    int errors = diag_errors();
    for (int k = 0; k < n; k++) {
        Node *node = tap_tensor(a, m, "--tap", name[k]);
        if (node) vec_push(a, &e.output, ((Port){.name = name[k], .node = node, .span = m->span}));
    }
    if (diag_errors() > errors || !add_inputs(a, m, &e)) return false;
    tap_insert(a, m, &e);
    return true;
}
