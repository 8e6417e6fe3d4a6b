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
    if (L->training && !L->entry) lower_augmentation(L, s);
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
    vec_push(L->arena, &L->loss, ((LossTerm){n, s->span, s->name, NULL}));
}


/* ---- what is frozen --------------------------------------------------------------- */

static bool any_matches(const char *const *pattern, int n, const char *path) {
    for (int k = 0; k < n; k++)
        if (path_matches(pattern[k], path)) return true;
    return false;
}

static bool excepted(const Ast *pattern, const char *path) {
    for (; pattern; pattern = pattern->next)
        if (path_matches(pattern->text, path)) return true;
    return false;
}

bool parameter_frozen(const Lower *L, const char *path) {
    const LowerOptions *o = L->options;
    if (o && any_matches(o->unfreeze, o->nunfreeze, path)) return false;
    if (o && any_matches(o->freeze, o->nfreeze, path)) return true;
    for (int k = 0; k < L->freeze.n; k++)
        if (path_matches(L->freeze.at[k], path) && !excepted(L->freeze_except.at[k], path))
            return true;
    return false;
}

/* A layer is frozen where its path is, or whatever may stand in it: "block.0", "norm.*". */
bool path_frozen(Lower *L, const char *path) {
    vec_push(L->arena, &L->asked_frozen, path);
    return parameter_frozen(L, path) || parameter_frozen(L, arena_printf(L->arena, "%s.", path));
}

static bool has_freeze(const Lower *L, const Ast *s) {
    for (int k = 0; k < L->freeze_at.n; k++)
        if (L->freeze_at.at[k].src == s->span.src && L->freeze_at.at[k].start == s->span.start)
            return true;
    return false;
}

/* Of a line that a condition decides about the layers before it have not heard. */
static void add_freeze(Lower *L, const char *pattern, const Ast *except, Span at) {
    for (int k = 0; k < L->asked_frozen.n; k++) {
        if (!path_matches(pattern, L->asked_frozen.at[k])) continue;
        lower_error(L, at,
                "the layer `%s` before this line has asked whether it is frozen: write the line "
                "outside of `if` and `for`, or before the layer",
                L->asked_frozen.at[k]);
        break;
    }
    vec_push(L->arena, &L->freeze, pattern);
    vec_push(L->arena, &L->freeze_at, at);
    vec_push(L->arena, &L->freeze_except, except);
}

/* Before the model's text is run, so that layers that stand before the line know. */
void collect_freezes(Lower *L) {
    for (const Ast *s = L->model_ast->body->list; s; s = s->next)
        if (s->kind == A_FREEZE) add_freeze(L, s->text, NULL, s->span);
    for (const Ast *s = L->train_ast ? L->train_ast->body->list : NULL; s; s = s->next) {
        if (s->kind != A_SETTING || strcmp(s->name, "freeze") != 0) continue;
        for (const Ast *p = s->list; p; p = p->next) {
            if (p->kind == A_STRING)
                add_freeze(L, p->text, s->b, p->span);
            else
                lower_error(L, p->span, "`freeze` takes patterns of paths: freeze \"conv2d*\"");
        }
    }
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
        if (!has_freeze(L, s)) add_freeze(L, s->text, NULL, s->span);
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

/* The path, or front of one, that is spelled most like the pattern. */
static const char *near_path(Lower *L, const char *pattern) {
    Vec(const char *) front = {0};
    for (int k = 0; k < L->model->param.n; k++) {
        const char *path = L->model->param.at[k]->path;
        for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
            vec_push(L->arena, &front, intern_n(path, (size_t)(dot - path)));
        vec_push(L->arena, &front, path);
    }
    return diag_nearest(pattern, front.at, front.n);
}

static bool matches_some(const Lower *L, const char *pattern) {
    for (int k = 0; k < L->model->param.n; k++)
        if (path_matches(pattern, L->model->param.at[k]->path)) return true;
    return false;
}

void warn_unmatched(Lower *L, const char *pattern, Span at) {
    if (matches_some(L, pattern)) return;
    const char *near = near_path(L, pattern);
    if (near)
        diag_warning(at, "no parameter's path matches \"%s\"; did you mean \"%s\"?", pattern, near);
    else
        diag_warning(at, "no parameter's path matches \"%s\"", pattern);
}

/* Of the command line, where a mistake is no text to be shown. */
static void check_option(Lower *L, const char *option, const char *pattern) {
    if (matches_some(L, pattern)) return;
    const char *near = near_path(L, pattern);
    diag_error(L->model->span, "--%s %s: no parameter's path matches%s%s%s", option, pattern,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

void check_freezes(Lower *L) {
    const LowerOptions *o = L->options;
    for (int k = 0; k < L->freeze.n; k++) warn_unmatched(L, L->freeze.at[k], L->freeze_at.at[k]);
    for (int k = 0; o && k < o->nfreeze; k++) check_option(L, "freeze", o->freeze[k]);
    for (int k = 0; o && k < o->nunfreeze; k++) check_option(L, "unfreeze", o->unfreeze[k]);
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
