/* lower_augment.c - the `augment` lines of a train block: what becomes of inputs and targets in
 * training before the model sees them.
 *
 * `augment image = image |> random_flip` is carried out in the training run of the model's text
 * as if it stood there, behind the declaration of what it assigns to (behind the last one, where
 * these are several); the other run, and entries, see the caller's arrays. So the text of the
 * model, its parameters and its random numbers are the same with and without such lines. Lines
 * that share a name are carried out in their order. */
#include "lower.h"

#include <string.h>

static bool is_port(const Ast *s) { return s->kind == A_INPUT || s->kind == A_TARGET; }

/* What may stand between the declarations of what a line assigns to: it cannot have used any. */
static bool is_declaration(const Ast *s) {
    return is_port(s) || s->kind == A_CONST || s->kind == A_FREEZE;
}

static const Ast *port_statement(const Lower *L, const char *name) {
    for (const Ast *s = L->model_ast->body->list; s; s = s->next)
        if (is_port(s) && s->name == name) return s;
    return NULL;
}

static void no_such_port(Lower *L, const char *name, Span at) {
    NameList port = {0};
    for (const Ast *s = L->model_ast->body->list; s; s = s->next)
        if (is_port(s)) vec_push(L->arena, &port, s->name);
    const char *near = diag_nearest(name, port.at, port.n);
    if (near)
        lower_error(L, at, "the model `%s` has no input or target `%s`; did you mean `%s`?",
                L->model->name, name, near);
    else
        lower_error(L, at,
                "the model `%s` declares no input or target `%s`: these are what `augment` changes",
                L->model->name, name);
}

/* ---- where a line is carried out --------------------------------------------------- */

/* The later of two declarations of the model. */
static const Ast *later(const Lower *L, const Ast *a, const Ast *b) {
    for (const Ast *s = L->model_ast->body->list; s; s = s->next) {
        if (s == a) return b ? b : a;
        if (s == b) return a ? a : b;
    }
    return NULL;
}

static bool assigns_to(const Ast *assign, const char *name) {
    if (assign->kind == A_DEFINE) return assign->name == name;
    for (const Ast *t = assign->list; t; t = t->next)
        if (t->name == name) return true;
    return false;
}

/* Nothing that stands between a declaration and the place where its line is carried out may be
 * text that could have used what the line changes. */
static void check_unused_until(Lower *L, const Ast *port, const Ast *after) {
    for (const Ast *s = port; s != after; s = s->next) {
        if (is_declaration(s)) continue;
        lower_error(L, after->span,
                "`%s` is augmented together with `%s`: declare it beside `%s`, before the text "
                "that may use that",
                after->name, port->name, port->name);
        return;
    }
}

static void plan_name(Lower *L, const char *name, Span at, Augment *line) {
    const Ast *port = port_statement(L, name);
    if (!port) {
        no_such_port(L, name, at);
        return;
    }
    line->after = later(L, line->after, port);
    for (int k = 0; k < L->augment.n; k++)
        if (assigns_to(L->augment.at[k].line->list, name))
            line->after = later(L, line->after, L->augment.at[k].after);
}

static void plan_line(Lower *L, const Ast *s) {
    const Ast *assign = s->list;
    Augment line = {.line = s};
    if (assign->kind == A_DEFINE) plan_name(L, assign->name, assign->span, &line);
    const Ast *names = assign->kind == A_ASSIGN ? assign->list : NULL;
    for (const Ast *t = names; t; t = t->next) plan_name(L, t->name, t->span, &line);
    if (!line.after) return;
    vec_push(L->arena, &L->augment, line);
    for (const Ast *p = L->model_ast->body->list; p; p = p->next)
        if (is_port(p) && assigns_to(assign, p->name)) check_unused_until(L, p, line.after);
}

void plan_augmentation(Lower *L) {
    L->first = true;
    L->augmenting = module_new(L, "augment");
    for (const Ast *s = L->train_ast ? L->train_ast->body->list : NULL; s; s = s->next)
        if (s->kind == A_SETTING && !strcmp(s->name, "augment") && ast_assigns(s->list))
            plan_line(L, s);
}

/* ---- what it makes ------------------------------------------------------------------ */

static void check_shape(Lower *L, const Ast *port, const Ast *line) {
    Binding *b = scope_find_here(L->scope, port->name);
    Shape declared;
    if (!b || b->value.kind == V_POISON || !type_shape(L, port->a, &declared)) return;
    Node *n = value_to_node(L, b->value, line->span);
    if (!n) return;
    Shape made = shape_of_node(n);
    bool same = shape_equal(&made, &declared);
    if (!same)
        lower_error(L, line->list->span,
                "an augmented tensor keeps its shape: `%s` is %s, and this is %s", port->name,
                shape_text(L, &declared), node_shape_text(L, n));
    b->value = same ? value_node(n) : value_poison();
}

static void run_line(Lower *L, const Ast *line) {
    Module *module = L->module;
    int variables = L->var.n;
    L->module = L->augmenting;
    lower_block(L, line);
    L->module = module;
    if (L->var.n > variables)
        lower_error(L, line->span,
                "an augmentation has no parameters or states, and this one has `%s`: what is "
                "learnt belongs in the model",
                L->var.at[variables]->path);
    for (const Ast *s = L->model_ast->body->list; s; s = s->next)
        if (is_port(s) && assigns_to(line->list, s->name)) check_shape(L, s, line);
}

void lower_augmentation(Lower *L, const Ast *s) {
    for (int k = 0; k < L->augment.n; k++)
        if (L->augment.at[k].after == s) run_line(L, L->augment.at[k].line);
}
