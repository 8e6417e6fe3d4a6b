/* lower.c - from the program's text to a Model: the body of the model is run twice in one
 * graph, with and without `training`, sharing parameters and states by path; then entries,
 * metrics, gradients and the train block's lines follow.
 *
 * Takes the parsed library and program; gives NULL after errors. Each run gives out the same
 * names in the same order, so the second one finds what the first one made. Messages come
 * from the first run; the second is only made when there were none. */
#include "lower.h"

#include <string.h>

/* ---- which model, which train block --------------------------------------------- */

static const Ast *find_model(const Ast *program, const char *name) {
    const Ast *found = NULL;
    for (const Ast *d = program->list; d; d = d->next)
        if (d->kind == A_MODEL && (!name || !strcmp(d->name, name))) found = d;
    return found;
}

static const Ast *find_train(const Ast *program, const char *model) {
    for (const Ast *d = program->list; d; d = d->next)
        if (d->kind == A_TRAIN && d->name == model) return d;
    return NULL;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static Lower *lower_new(
        Arena *a, const Ast *program, const Ast *model, const char *path, const LowerOptions *o) {
    Lower *L = NEW(a, Lower);
    L->arena = a;
    L->graph = graph_new(a);
    L->program = program;
    L->model_ast = model;
    L->train_ast = find_train(program, model->name);
    Model *m = L->model = NEW(a, Model);
    *m = (Model){.graph = L->graph,
            .name = model->name,
            .file = base_name(path),
            .batch = 32,
            .epochs = 1,
            .shuffle = true,
            .span = model->span};
    L->options = o;
    return L;
}

static void bind_globals(Lower *L, const Ast *std, const Ast *program) {
    Span none = {0};
    L->std = std;
    L->library = scope_new(L, NULL);
    scope_bind(L, L->library, intern("batch"), value_batch(), none);
    scope_bind(L, L->library, intern("training"), value_bool(true), none);
    L->globals = scope_new(L, L->library);
    L->module = module_new(L, "");
    L->in_library = true;
    scope_add_globals(L, L->library, std);
    L->in_library = false;
    scope_add_globals(L, L->globals, program);
    L->scope = L->globals;
}

/* ---- one run of the model's text ------------------------------------------------ */

static void run_model(Lower *L, bool training) {
    L->training = training;
    scope_bind(L, L->library, intern("training"), value_bool(training), (Span){0});
    L->model_scope = scope_new(L, L->globals);
    L->scope = L->model_scope;
    L->module = module_new(L, "");
    lookup_keep(&L->drawn, 0);
    L->draws.n = L->pending.n = L->loss.n = L->output.n = L->entry_ast.n = 0;
    L->model->metric.n = L->model->entry.n = 0;
    lower_block(L, L->model_ast->body);
    lower_loss_updates(L);
}

static void run_entries(Lower *L) {
    for (int k = 0; k < L->entry_ast.n; k++) {
        Entry e = run_entry(L, L->entry_ast.at[k]);
        vec_push(L->arena, &L->model->entry, e);
    }
}

/* In an evaluation every row begins with its initial state. */
static void initial_row_states(Lower *L, Node **root, int n) {
    int rows = L->model->row_state.n;
    if (!rows) return;
    Node **from = NEW_ARRAY(L->arena, Node *, rows), **to = NEW_ARRAY(L->arena, Node *, rows);
    for (int k = 0; k < rows; k++) {
        from[k] = L->model->row_state.at[k]->leaf;
        to[k] = L->model->row_state.at[k]->init;
    }
    graph_replace(L->graph, root, n, from, to, rows);
}

static void add_loss_metric(Lower *L) {
    Node *loss = total_loss(L, NULL);
    Model *m = L->model;
    if (loss) {
        Metric first = loss_metric(L, loss, L->loss.at[0].span);
        vec_push(L->arena, &m->metric, first);
        for (int k = m->metric.n - 1; k > 0; k--) m->metric.at[k] = m->metric.at[k - 1];
        m->metric.at[0] = first;
    }
    for (int k = 0; k < m->metric.n; k++)
        initial_row_states(L, m->metric.at[k].total, m->metric.at[k].ntotal);
}

static void note_names(Lower *L) {
    for (int k = 0; k < L->model_scope->binding.n; k++) {
        const Binding *b = &L->model_scope->binding.at[k];
        if (b->value.kind != V_TENSOR) continue;
        vec_push(L->arena, &L->model->named, ((Named){b->name, b->value.node}));
    }
}

static void run_evaluation(Lower *L) {
    L->first = false;
    run_model(L, false);
    note_names(L);
    Entry predict = make_predict(L);
    vec_push(L->arena, &L->model->entry, predict);
    add_loss_metric(L);
    run_entries(L);
}

/* ---- the whole ------------------------------------------------------------------ */

static void run_training(Lower *L) {
    L->first = true;
    run_model(L, true);
    L->model->loss = diag_errors() ? NULL : total_loss(L, NULL);
    int errors = diag_errors();
    run_entries(L);
    if (!errors && L->train_ast && !L->loss.n)
        lower_error(L, L->train_ast->span, "the model `%s` has no loss to be trained on",
                L->model->name);
}

static void finish(Lower *L) {
    L->scope = L->globals;
    L->pending.n = 0;
    check_freezes(L);
    if (L->model->loss) lower_gradients(L);
    if (!diag_errors() && L->train_ast) lower_updates(L, L->train_ast);
    if (diag_errors()) return;
    warn_unused(L);
    count_layer_parameters(L);
}

Model *lower(
        Arena *a, const Ast *std, const Ast *program, const char *path, const LowerOptions *o) {
    const Ast *model = find_model(program, o ? o->model : NULL);
    if (!model) {
        diag_error(program->span,
                o && o->model ? "there is no model `%s` in this file"
                              : "there is no model in this file",
                o ? o->model : "");
        return NULL;
    }
    Lower *L = lower_new(a, program, model, path, o);
    bind_globals(L, std, program);
    lower_settings(L, L->train_ast);
    if (o && o->batch) L->model->batch = o->batch;
    collect_freezes(L);
    plan_augmentation(L);
    run_training(L);
    if (diag_errors()) return NULL;
    /* The losses of the training run are differentiated; those of the other are measured. */
    Vec(LossTerm) losses = {0};
    for (int k = 0; k < L->loss.n; k++) vec_push(a, &losses, L->loss.at[k]);
    run_evaluation(L);
    L->loss.n = 0;
    for (int k = 0; k < losses.n; k++) vec_push(a, &L->loss, losses.at[k]);
    if (!diag_errors()) finish(L);
    return diag_errors() ? NULL : L->model;
}
