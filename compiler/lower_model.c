/* lower_model.c - the statements of a model's body: inputs, targets, outputs, losses,
 * frozen parameters; and what a finished model is held against: every input used, every
 * parameter reached. */
#include "graph_tables.h"
#include "lower.h"

#include <string.h>

/* ---- inputs and targets --------------------------------------------------------- */

static Port *port_named(Lower *L, const char *name) {
    for (int k = 0; L->entry && k < L->entry->input.n; k++)
        if (L->entry->input.at[k].name == name) return &L->entry->input.at[k];
    for (int k = 0; !L->entry && k < L->model->input.n; k++)
        if (L->model->input.at[k].name == name) return &L->model->input.at[k];
    for (int k = 0; !L->entry && k < L->model->target.n; k++)
        if (L->model->target.at[k].name == name) return &L->model->target.at[k];
    return NULL;
}

static bool rows_first(const Shape *s) {
    for (int k = 1; k < s->rank; k++)
        if (s->dim[k] == DIM_BATCH) return false;
    return true;
}

static Node *declare_port(Lower *L, const Ast *s) {
    Shape shape;
    Port *known = port_named(L, s->name);
    if (known) return known->node;
    if (!type_shape(L, s->a, &shape)) return NULL;
    if (shape.dtype == T_BOOL || !rows_first(&shape)) {
        lower_error(L, s->a->span,
                rows_first(&shape) ? "the caller's arrays are f32, i32 or u8"
                                   : "the batch axis comes first in the caller's arrays");
        return NULL;
    }
    bool target = s->kind == A_TARGET;
    /* An entry's input is a leaf of its own, though the model may have one of that name. */
    const char *name =
            L->entry ? arena_printf(L->arena, "%s.%s", L->entry->name, s->name) : s->name;
    Port p = {.name = s->name, .span = s->span};
    p.node = node_leaf(L->graph, target ? L_TARGET : L_INPUT, shape.dtype, shape.rank, shape.dim,
            name, s->span);
    if (L->entry)
        vec_push(L->arena, &L->entry->input, p);
    else if (target)
        vec_push(L->arena, &L->model->target, p);
    else
        vec_push(L->arena, &L->model->input, p);
    return p.node;
}

static void lower_port(Lower *L, const Ast *s) {
    Node *n = declare_port(L, s);
    scope_bind(L, L->scope, s->name, n ? value_node(n) : value_poison(), s->span);
}

/* ---- outputs -------------------------------------------------------------------- */

static void lower_output(Lower *L, const Ast *s) {
    Value v = s->a ? lower_expr(L, s->a) : scope_value(L, s->name, s->span);
    Node *n = value_to_node(L, v, s->a ? s->a->span : s->span);
    if (s->a) assign(L, s->name, n ? value_node(n) : value_poison(), s->span);
    if (!n) return;
    Shape shape = shape_of_node(n);
    if (!rows_first(&shape)) {
        lower_error(L, s->span, "an output has the batch axis first; this is %s",
                shape_text(L, &shape));
        return;
    }
    if (n->dtype == T_BOOL || n->dtype == T_U8) n = convert_node(L, n, T_I32, s->span);
    Port p = {.name = s->name, .node = n, .span = s->span};
    if (L->entry)
        vec_push(L->arena, &L->entry->output, p);
    else
        vec_push(L->arena, &L->output, p);
}

/* ---- losses --------------------------------------------------------------------- */

static void lower_loss(Lower *L, const Ast *s) {
    Value v = lower_expr(L, s->a);
    if (value_is_number(v)) {
        lower_error(L, s->a->span, "this loss is the constant %g: nothing makes it smaller",
                value_number(v));
        return;
    }
    Node *n = value_to_node(L, v, s->a->span);
    if (!n) return;
    if (n->rank) {
        lower_error(L, s->a->span,
                "a loss is one number for the whole batch; this is %s: take its mean, mean(...)",
                node_shape_text(L, n));
        return;
    }
    if (n->dtype != T_F32) {
        lower_error(L, s->a->span,
                "a loss is a real number; this is %s, through which no gradient flows",
                node_shape_text(L, n));
        return;
    }
    vec_push(L->arena, &L->loss, ((LossTerm){n, s->span, s->name}));
}

static void lower_freeze(Lower *L, const Ast *s) {
    if (!L->first) return;
    vec_push(L->arena, &L->freeze, s->text);
    vec_push(L->arena, &L->freeze_at, s->span);
}

bool lower_model_statement(Lower *L, const Ast *s) {
    switch (s->kind) {
    case A_INPUT:
    case A_TARGET:
        lower_port(L, s);
        return true;
    case A_OUTPUT:
        lower_output(L, s);
        return true;
    case A_LOSS:
        lower_loss(L, s);
        return true;
    case A_FREEZE:
        lower_freeze(L, s);
        return true;
    case A_METRIC_USE:
        lower_metric_use(L, s);
        return true;
    case A_ENTRY:
        vec_push(L->arena, &L->entry_ast, s);
        return true;
    default:
        return false;
    }
}

/* ---- the finished model --------------------------------------------------------- */

void apply_freezes(Lower *L) {
    for (int k = 0; k < L->freeze.n; k++) {
        int met = 0;
        for (int i = 0; i < L->model->param.n; i++) {
            if (!path_matches(L->freeze.at[k], L->model->param.at[i]->path)) continue;
            L->model->param.at[i]->trained = false;
            met++;
        }
        if (!met)
            diag_warning(L->freeze_at.at[k], "no parameter's path matches \"%s\"", L->freeze.at[k]);
    }
}

static void push_roots(Lower *L, NodeList *roots, Node *const *node, int n) {
    for (int k = 0; k < n; k++)
        if (node[k]) vec_push(L->arena, roots, node[k]);
}

static NodeList all_results(Lower *L) {
    Model *m = L->model;
    NodeList roots = {0};
    push_roots(L, &roots, &m->loss, 1);
    for (int k = 0; k < m->metric.n; k++)
        push_roots(L, &roots, m->metric.at[k].total, m->metric.at[k].ntotal);
    for (int k = 0; k < m->state.n; k++) push_roots(L, &roots, &m->state.at[k]->next, 1);
    for (int k = 0; k < m->entry.n; k++) {
        Entry *e = &m->entry.at[k];
        for (int i = 0; i < e->output.n; i++) push_roots(L, &roots, &e->output.at[i].node, 1);
        push_roots(L, &roots, e->next.at, e->next.n);
    }
    return roots;
}

bool node_list_has(NodeList list, const Node *n) {
    for (int k = 0; k < list.n; k++)
        if (list.at[k] == n) return true;
    return false;
}

static void warn_unused_ports(const Port *port, int n, NodeList used, const char *what) {
    for (int k = 0; k < n; k++)
        if (!node_list_has(used, port[k].node))
            diag_warning(port[k].span, "the %s `%s` is not used", what, port[k].name);
}

void warn_unused(Lower *L) {
    NodeList roots = all_results(L);
    NodeList used = graph_order(L->graph, roots.at, roots.n);
    warn_unused_ports(L->model->input.at, L->model->input.n, used, "input");
    warn_unused_ports(L->model->target.at, L->model->target.n, used, "target");
    for (int k = 0; k < L->model->entry.n; k++)
        if (k > 0)
            warn_unused_ports(
                    L->model->entry.at[k].input.at, L->model->entry.at[k].input.n, used, "input");
}

/* Parameters of all that was applied under a layer's path. */
static void add_parameters(Lower *L, const Lookup *by_path, const char *path, int64_t count) {
    int e = lookup_first(by_path, hash_text(path));
    for (; e >= 0; e = lookup_next(by_path, e)) {
        Layer *layer = &L->model->layer.at[lookup_item(by_path, e)];
        if (strcmp(layer->path, path) == 0) layer->params += count;
    }
}

/* Every layer whose path a parameter's begins with has that parameter. */
void count_layer_parameters(Lower *L) {
    Lookup path = {0};
    for (int k = 0; k < L->model->layer.n; k++)
        lookup_add(L->arena, &path, hash_text(L->model->layer.at[k].path), k);
    for (int i = 0; i < L->model->param.n; i++) {
        const Var *v = L->model->param.at[i];
        for (const char *dot = strchr(v->path, '.'); dot; dot = strchr(dot + 1, '.'))
            add_parameters(L, &path, intern_n(v->path, (size_t)(dot - v->path)),
                    node_elements(v->leaf, L->model->batch));
    }
}
