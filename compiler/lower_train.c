/* lower_train.c - the train block: its settings, the gradient of the losses, and the
 * optimisers, whose text is run over the parameters that follow them. */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- settings ------------------------------------------------------------------- */

static bool positive(Lower *L, const Ast *s, int64_t *out) {
    if (!s->list) return false;
    if (!value_to_int(L, lower_expr(L, s->list), s->list->span,
                arena_printf(L->arena, "`%s`", s->name), out))
        return false;
    if (*out >= 1 && *out <= INT32_MAX) return true;
    lower_error(L, s->list->span, "`%s` is at least 1; this is %" PRId64, s->name, *out);
    return false;
}

static const char *data_text(Lower *L, const Ast *arg) {
    Value v = arg->a->kind == A_NAME ? value_text(arg->a->name) : lower_expr(L, arg->a);
    switch (v.kind) {
    case V_STRING:
        return v.text;
    case V_INT:
        return arena_printf(L->arena, "%" PRId64, v.i);
    case V_REAL:
        return arena_printf(L->arena, "%.17g", v.r);
    case V_BOOL:
        return v.i ? "true" : "false";
    case V_POISON:
        return NULL;
    default:
        break;
    }
    lower_error(L, arg->span, "a reader's arguments are strings and numbers; this is %s",
            value_text_of(L, v));
    return NULL;
}

static void set_data(Lower *L, const Ast *s) {
    const Ast *call = s->list;
    if (!call || call->kind != A_CALL || call->a->kind != A_NAME) return;
    L->model->data.reader = call->a->name;
    L->model->data.span = s->span;
    for (const Ast *a = call->list; a; a = a->next) {
        const char *text = data_text(L, a);
        if (text) vec_push(L->arena, &L->model->data.arg, ((DataArg){a->name, text}));
    }
}

static void set_shuffle(Lower *L, const Ast *s) {
    bool on;
    if (s->list && value_to_bool(L, lower_expr(L, s->list), s->list->span, "`shuffle`", &on))
        L->model->shuffle = on;
}

/* ---- lines with patterns: `optimizer adam() on "embedding"`, `loss critic on "critic"` ---- */

static const Ast *setting_pattern(const Ast *s) {
    return s->list && s->list->next && s->list->kind == A_STRING ? s->list : NULL;
}

static const Ast *setting_value(const Ast *s) {
    return setting_pattern(s) ? s->list->next : s->list;
}

/* The first line of that word whose pattern matches; else the one without a pattern. */
static const Ast *line_for(const Ast *train, const char *word, const char *path) {
    const Ast *rest = NULL;
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (s->kind != A_SETTING || strcmp(s->name, word) != 0) continue;
        const Ast *pattern = setting_pattern(s);
        if (!pattern)
            rest = s;
        else if (path_matches(pattern->text, path))
            return s;
    }
    return rest;
}

static void warn_unmatched_patterns(Lower *L, const Ast *train) {
    for (const Ast *s = train->body->list; s; s = s->next) {
        const Ast *pattern = s->kind == A_SETTING ? setting_pattern(s) : NULL;
        bool met = !pattern;
        for (int k = 0; k < L->model->param.n && !met; k++)
            met = path_matches(pattern->text, L->model->param.at[k]->path);
        if (!met) diag_warning(pattern->span, "no parameter's path matches \"%s\"", pattern->text);
    }
}

static Function *optimizer_of(Lower *L, const Ast *call) {
    if (!call || call->kind != A_CALL || call->a->kind != A_NAME) return NULL;
    Function *fn = find_definition(L, A_OPTIMIZER, call->a->name);
    if (fn) return fn;
    const char *near = nearest_definition(L, A_OPTIMIZER, call->a->name);
    if (near)
        lower_error(L, call->a->span, "there is no optimizer `%s`; did you mean `%s`?",
                call->a->name, near);
    else
        lower_error(L, call->a->span, "there is no optimizer `%s`", call->a->name);
    return NULL;
}

void lower_settings(Lower *L, const Ast *train) {
    int64_t n;
    for (const Ast *s = train ? train->body->list : NULL; s; s = s->next) {
        if (s->kind != A_SETTING) continue;
        if (!strcmp(s->name, "batch") && positive(L, s, &n)) L->model->batch = n;
        if (!strcmp(s->name, "epochs") && positive(L, s, &n)) L->model->epochs = (int)n;
        if (!strcmp(s->name, "shuffle")) set_shuffle(L, s);
        if (!strcmp(s->name, "data")) set_data(L, s);
        if (!strcmp(s->name, "optimizer")) optimizer_of(L, setting_value(s));
    }
}

/* ---- gradients ------------------------------------------------------------------ */

static Node *add_nodes(Lower *L, Node *a, Node *b, Span at) {
    if (!a || !b) return a ? a : b;
    Value v[] = {value_node(a), value_node(b)};
    return apply_op(L, OP_add, v, 2, at).node;
}

/* The sum of the losses of a name; of all when there is none. */
Node *total_loss(Lower *L, const char *name) {
    Node *sum = NULL;
    for (int k = 0; k < L->loss.n; k++)
        if (!name || L->loss.at[k].name == name)
            sum = add_nodes(L, sum, L->loss.at[k].node, L->loss.at[k].span);
    return sum;
}

/* What a parameter is to make small: the total, unless a `loss` line of the block says less. */
static Node *loss_for(Lower *L, const Var *v) {
    const Ast *line = L->train_ast ? line_for(L->train_ast, "loss", v->path) : NULL;
    const Ast *value = line ? setting_value(line) : NULL;
    if (!value) return L->model->loss;
    Node *loss = value->kind == A_NAME ? total_loss(L, value->name) : NULL;
    if (loss) return loss;
    lower_error(L, value->span, "the model has no loss of this name (`loss NAME = ...` gives one)");
    return NULL;
}

static void gradients_of(Lower *L, Node *loss, Var **var, int n) {
    Node **x = NEW_ARRAY(L->arena, Node *, n + 1), **out = NEW_ARRAY(L->arena, Node *, n + 1);
    for (int k = 0; k < n; k++) x[k] = var[k]->leaf;
    if (!grad(L->graph, loss, x, n, out)) return;
    for (int k = 0; k < n; k++) {
        Var *v = var[k];
        v->grad = out[k];
        if (out[k] && out[k]->kind == N_COMP && !out[k]->name) out[k]->name = v->path;
        v->grad_leaf =
                node_leaf(L->graph, L_GRAD, T_F32, v->leaf->rank, v->leaf->dim, v->path, v->span);
        if (!v->grad)
            diag_warning(v->span,
                    "the loss does not depend on the parameter `%s`; it is never trained", v->path);
    }
}

/* All parameters with one loss are differentiated together. */
void lower_gradients(Lower *L) {
    Model *m = L->model;
    int left = 0;
    Node **loss = NEW_ARRAY(L->arena, Node *, m->param.n + 1);
    for (int k = 0; k < m->param.n; k++) {
        loss[k] = m->param.at[k]->trained ? loss_for(L, m->param.at[k]) : NULL;
        left += loss[k] != NULL;
    }
    while (left > 0) {
        Var **group = NEW_ARRAY(L->arena, Var *, left + 1);
        Node *of = NULL;
        int n = 0;
        for (int k = 0; k < m->param.n; k++) {
            if (!loss[k] || (of && loss[k] != of)) continue;
            of = loss[k];
            loss[k] = NULL;
            group[n++] = m->param.at[k];
        }
        left -= n;
        gradients_of(L, of, group, n);
    }
}

/* ---- optimisers ----------------------------------------------------------------- */

typedef struct Optimizing {
    const Ast *line;
    Function *fn;
    const char *name; /* "adam", "adam_1": in front of slots' paths */
    Vec(Var *) param;
    const Var *current; /* in the loop */
} Optimizing;

static bool only_optimizer(const Ast *train) {
    int n = 0;
    for (const Ast *s = train->body->list; s; s = s->next)
        n += s->kind == A_SETTING && !strcmp(s->name, "optimizer");
    return n == 1;
}

/* A formal without a type that holds a number is a scalar of the model, settable at run time. */
static Value settable(Lower *L, const Optimizing *o, const Ast *f, Value v, Span at) {
    if (f->a || (v.kind != V_INT && v.kind != V_REAL)) return v;
    bool alone = only_optimizer(L->train_ast);
    const char *path = alone ? f->name : intern(arena_printf(L->arena, "%s.%s", o->name, f->name));
    Number n = {.path = path, .value = value_number(v), .span = at};
    n.leaf = node_leaf(L->graph, L_NUMBER, T_F32, 0, NULL, path, at);
    vec_push(L->arena, &L->model->number, n);
    return value_node(n.leaf);
}

static void bind_optimizer(Lower *L, const Optimizing *o, Scope *s) {
    for (const Ast *f = o->fn->def->params; f; f = f->next) {
        Binding *b = scope_find_here(s, f->name);
        if (b) b->value = settable(L, o, f, b->value, b->span);
    }
    Node *step = node_leaf(L->graph, L_STEP, T_I32, 0, NULL, "step", o->line->span);
    scope_bind(L, s, intern("step"), value_node(step), o->line->span);
}

static void lower_slot(Lower *L, const Ast *s) {
    const Optimizing *o = L->optimizing;
    Shape shape;
    Binding *b = scope_bind(L, L->scope, s->name, value_poison(), s->span);
    if (!type_shape(L, s->a, &shape)) return;
    const char *path =
            o->current ? arena_printf(L->arena, "%s.%s/%s", o->name, s->name, o->current->path)
                       : arena_printf(L->arena, "%s.%s", o->name, s->name);
    Var *v = find_var(L, intern(path));
    if (!v) {
        v = NEW(L->arena, Var);
        v->path = intern(path);
        v->span = s->span;
        v->leaf = node_leaf(L->graph, L_SLOT, shape.dtype, shape.rank, shape.dim, v->path, s->span);
        v->init = s->b ? initial_value(L, s->b, &shape, v->path, s->b->span)
                       : node_zeros(L->graph, shape.dtype, shape.rank, shape.dim, s->span);
        if (!v->init) return;
        vec_push(L->arena, &L->model->slot, v);
        note_var(L, v);
    }
    b = scope_find_here(L->scope, s->name);
    b->value = value_node(present_value(L, v));
    b->var = v;
}

static void for_each_param(Lower *L, const Ast *s) {
    Optimizing *o = L->optimizing;
    Binding p = scope_keep(L->scope, s->name), g = scope_keep(L->scope, s->name2);
    int errors = diag_errors();
    for (int k = 0; k < o->param.n && diag_errors() == errors; k++) {
        Var *v = o->param.at[k];
        if (s->text && !path_matches(s->text, v->path)) continue;
        scope_bind(L, L->scope, s->name, value_node(present_value(L, v)), s->span)->var = v;
        scope_bind(L, L->scope, s->name2, value_node(v->grad_leaf), s->span);
        o->current = v;
        lower_block(L, s->body);
        o->current = NULL;
    }
    scope_restore(L->scope, s->name, p);
    scope_restore(L->scope, s->name2, g);
}

bool optimizer_statement(Lower *L, const Ast *s) {
    if (!L->optimizing) return false;
    if (s->kind == A_STATE)
        lower_slot(L, s);
    else if (s->kind == A_EACH_PARAM)
        for_each_param(L, s);
    else
        return false;
    return true;
}

static void check_assigned(Lower *L, const Optimizing *o) {
    for (int k = 0; k < o->param.n; k++) {
        if (o->param.at[k]->next) continue;
        lower_error(L, o->line->span,
                "the optimizer %s leaves the parameter `%s` as it is: it never assigns it",
                o->fn->name, o->param.at[k]->path);
        return;
    }
}

static void run_optimizer(Lower *L, Optimizing *o, Args args) {
    Function *fn = o->fn;
    int n = formal_count(fn), errors = diag_errors();
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) given[k] = value_none();
    Scope *s = scope_new(L, fn->scope);
    if (!match_args(L, fn, args, false, given, given_at) ||
            !bind_formals(L, fn, s, given, given_at, args.span))
        return;
    L->optimizing = o;
    L->in_library = fn->scope == L->library;
    L->call_site = args.span;
    L->called = fn->name;
    L->module = module_new(L, o->name);
    bind_optimizer(L, o, s);
    L->scope = s;
    lower_block(L, fn->def->body);
    L->scope = L->globals;
    L->in_library = false;
    L->optimizing = NULL;
    if (diag_errors() == errors) check_assigned(L, o);
}

static void take_params(Lower *L, Optimizing *o, const Ast *train) {
    for (int k = 0; k < L->model->param.n; k++) {
        Var *v = L->model->param.at[k];
        if (v->grad && line_for(train, "optimizer", v->path) == o->line)
            vec_push(L->arena, &o->param, v);
    }
}

static void warn_without_optimizer(Lower *L, const Ast *train) {
    for (int k = 0; k < L->model->param.n; k++) {
        const Var *v = L->model->param.at[k];
        if (!v->grad || line_for(train, "optimizer", v->path)) continue;
        diag_warning(v->span, "no optimizer line matches the parameter `%s`; it is never trained",
                v->path);
    }
}

static bool has_optimizer(const Ast *train) {
    for (const Ast *s = train->body->list; s; s = s->next)
        if (s->kind == A_SETTING && !strcmp(s->name, "optimizer")) return true;
    return false;
}

void lower_optimizers(Lower *L, const Ast *train) {
    Module *names = module_new(L, "");
    if (!has_optimizer(train)) {
        lower_error(L, train->span,
                "this train block has no optimizer, so nothing would be trained: "
                "write optimizer adam(rate: 0.001)");
        return;
    }
    warn_unmatched_patterns(L, train);
    warn_without_optimizer(L, train);
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (s->kind != A_SETTING || strcmp(s->name, "optimizer") != 0) continue;
        const Ast *call = setting_value(s);
        Optimizing o = {.line = s, .fn = optimizer_of(L, call)};
        if (!o.fn) continue;
        o.name = module_name(L, names, o.fn->name);
        take_params(L, &o, train);
        run_optimizer(L, &o, args_of(L, call->list, NULL, call->span, call->span));
    }
}
