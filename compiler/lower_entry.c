/* lower_entry.c - entries: predict, made of the model's outputs, and the user's own. An
 * entry takes its own inputs only, and writes states of rows that it assigns. */
#include "lower.h"

#include <string.h>

static bool has_port(const Port *port, int n, const Node *leaf) {
    for (int k = 0; k < n; k++)
        if (port[k].node == leaf) return true;
    return false;
}

static NodeList entry_order(Lower *L, const Entry *e) {
    NodeList roots = {0};
    for (int k = 0; k < e->output.n; k++) vec_push(L->arena, &roots, e->output.at[k].node);
    for (int k = 0; k < e->next.n; k++) vec_push(L->arena, &roots, e->next.at[k]);
    return graph_order(L->graph, roots.at, roots.n);
}

/* What the caller of an entry does not give, it cannot use. */
static void check_inputs(Lower *L, const Entry *e) {
    NodeList order = entry_order(L, e);
    for (int k = 0; k < order.n; k++) {
        const Node *n = order.at[k];
        bool from_caller = n->kind == N_LEAF && (n->leaf == L_INPUT || n->leaf == L_TARGET);
        if (!from_caller || has_port(e->input.at, e->input.n, n)) continue;
        lower_error(L, e->span, "%s needs the %s `%s`, which is not among its inputs", e->name,
                n->leaf == L_TARGET ? "target" : "model's input", n->name);
    }
}

/* Row states that were assigned, with their next values. */
static void take_writes(Lower *L, Entry *e) {
    for (int k = 0; k < L->pending.n; k++) {
        if (L->pending.at[k].var->leaf->leaf != L_ROW_STATE) continue;
        vec_push(L->arena, &e->writes, L->pending.at[k].var);
        vec_push(L->arena, &e->next, L->pending.at[k].value);
    }
}

/* predict takes those of the model's inputs that its outputs need. */
Entry make_predict(Lower *L) {
    Entry e = {.name = "predict", .span = L->model->span};
    for (int k = 0; k < L->output.n; k++) vec_push(L->arena, &e.output, L->output.at[k]);
    if (e.output.n) e.span = e.output.at[0].span;
    take_writes(L, &e);
    NodeList order = entry_order(L, &e);
    for (int k = 0; k < L->model->input.n; k++)
        if (node_list_has(order, L->model->input.at[k].node))
            vec_push(L->arena, &e.input, L->model->input.at[k]);
    check_inputs(L, &e);
    return e;
}

/* The model's names as an entry sees them: states hold what the last call left. */
static Scope *entry_scope(Lower *L) {
    Scope *s = scope_new(L, L->model_scope);
    for (int k = 0; k < L->model_scope->binding.n; k++) {
        const Binding *b = &L->model_scope->binding.at[k];
        if (b->var) scope_bind(L, s, b->name, value_node(b->var->leaf), b->span)->var = b->var;
    }
    return s;
}

Entry run_entry(Lower *L, const Ast *ast) {
    if (ast->name == intern("predict"))
        lower_error(L, ast->span,
                "predict is the entry that the outputs of the model make; give this "
                "one another name");
    Entry e = {.name = ast->name, .span = ast->span};
    L->pending.n = 0;
    L->entry = &e;
    L->scope = entry_scope(L);
    L->module = module_new(L, ast->name);
    int errors = diag_errors();
    lower_block(L, ast->body);
    take_writes(L, &e);
    if (!e.output.n && diag_errors() == errors)
        lower_error(L, ast->span, "the entry `%s` has no output", ast->name);
    if (diag_errors() == errors) check_inputs(L, &e);
    L->entry = NULL;
    return e;
}
