/* lower_update.c - what a training step does to the parameters: the optimizers and updates
 * that the lines of a train block name.
 *
 * A line's definition is text that is run over the parameters that the line is for. Updates of
 * the loss add penalties to it, in both runs of the model. The others make the step: first the
 * updates `before` the optimizer, then the optimizers, then the updates `after` them, each kind
 * in the order written. A Course holds what the lines so far have made of a parameter's
 * gradient and of its optimizer's numbers; the parameter's own next value is pending, as any
 * variable's is.
 *
 * Where updates have given some parameters numbers of their own (a smaller rate), the
 * optimizer's text is run once for each such group: it goes over all of the line's parameters
 * each time, so that a fold over all gradients stays one, but assigns those of the group only. */
#include "lower.h"

#include <string.h>

/* One of an optimizer's numbers, as a line before it has changed it for a parameter. */
typedef struct Changed {
    const char *name;
    Value value;
} Changed;

typedef struct Course {
    Var *var;
    Node *gradient;               /* NULL in updates of the loss */
    struct UpdateLine *optimizer; /* that moves the parameter */
    Vec(Changed) changed;
    int group;  /* of parameters with the same changed numbers */
    int depth;  /* layers of the model with parameters that come after its own */
    Node *old;  /* its value before the optimizer */
} Course;

typedef struct UpdateLine {
    const Ast *ast; /* the line: A_SETTING */
    Function *fn;
    const char *name; /* "adam", "decay_1": in front of its states' paths */
    Scope *formals;   /* its arguments, and `step` */
    bool bound;       /* they are right */
    Vec(Course *) course;
    int group;           /* the one that is assigned now */
    const Ast *each;     /* the running loop, A_EACH_PARAM, or NULL */
    Course *current;     /* where it is */
} UpdateLine;

static bool is_optimizer(const UpdateLine *u) { return u->fn->def->kind == A_OPTIMIZER; }

static bool in_stage(const UpdateLine *u, const char *stage) {
    const char *own = u->fn->def->text;
    return !is_optimizer(u) && (stage ? own && !strcmp(own, stage) : !own);
}

/* ---- which definition a line names ------------------------------------------------ */

static Function *optimizer_named(Lower *L, const Ast *call) {
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

Function *line_definition(Lower *L, const Ast *s) {
    if (!strcmp(s->name, "optimizer")) return optimizer_named(L, s->list);
    Function *fn = find_definition(L, A_UPDATE, s->name);
    if (fn) return fn;
    NameList names = definition_names(L, A_UPDATE);
    setting_unknown(s, names.at, names.n);
    return NULL;
}

static bool names_definition(const Ast *s) {
    return s->kind == A_SETTING && (!strcmp(s->name, "optimizer") || !setting_is_known(s));
}

/* ---- arguments: numbers and schedules ----------------------------------------------- */

static bool only_optimizer(const Ast *train) {
    int n = 0;
    for (const Ast *s = train->body->list; s; s = s->next)
        n += s->kind == A_SETTING && !strcmp(s->name, "optimizer");
    return n == 1;
}

static const char *number_path(Lower *L, const UpdateLine *u, const char *name) {
    bool alone = is_optimizer(u) && only_optimizer(L->train_ast);
    return alone ? name : intern(arena_printf(L->arena, "%s.%s", u->name, name));
}

static Node *number_leaf(Lower *L, const char *path, double value, Span at) {
    for (int k = 0; k < L->model->number.n; k++)
        if (L->model->number.at[k].path == path) return L->model->number.at[k].leaf;
    Number n = {.path = path, .value = value, .span = at};
    n.leaf = node_leaf(L->graph, L_NUMBER, T_F32, 0, NULL, path, at);
    vec_push(L->arena, &L->model->number, n);
    return n.leaf;
}

/* What a schedule gives for this step is kept, for people to look at. */
static void keep_scheduled(Lower *L, const char *path, Node *value, Span at) {
    Var *v = NEW(L->arena, Var);
    *v = (Var){.path = path, .next = value, .span = at};
    v->leaf = node_leaf(L->graph, L_SLOT, T_F32, 0, NULL, path, at);
    v->init = node_zeros(L->graph, T_F32, 0, NULL, at);
    vec_push(L->arena, &L->model->slot, v);
    note_var(L, v);
}

static Node *step_leaf(Lower *L, Span at) {
    return node_leaf(L->graph, L_STEP, T_I32, 0, NULL, "step", at);
}

/* A function of the step, times a number that is 1 until somebody sets it. */
static Value scheduled(Lower *L, const UpdateLine *u, const Ast *f, Value schedule, Span at) {
    Value step = value_node(convert_node(L, step_leaf(L, u->ast->span), T_F32, at));
    Args args = args_of(L, NULL, &step, at, at);
    Value v = schedule.kind == V_FUNCTION ? call_function(L, schedule.fn, args)
                                          : apply_instance(L, schedule.inst, args);
    Node *n = v.kind == V_POISON ? NULL : value_to_node(L, v, at);
    if (!n) return value_poison();
    if (n->rank) {
        lower_error(L, at, "a schedule gives one number for a step; this gives %s",
                node_shape_text(L, n));
        return value_poison();
    }
    Value factor = value_node(number_leaf(L, number_path(L, u, f->name), 1, at));
    Value pair[] = {factor, value_node(convert_node(L, n, T_F32, at))};
    Value product = apply_op(L, OP_mul, pair, 2, at);
    const char *name = arena_printf(L->arena, "schedule.%s", f->name);
    keep_scheduled(L, intern(number_path(L, u, intern(name))), product.node, at);
    return product;
}

/* A formal without a type that holds a number is a scalar of the model, settable at run time. */
static Value settable(Lower *L, const UpdateLine *u, const Ast *f, Value v, Span at) {
    if (f->a) return v;
    if (v.kind == V_FUNCTION || v.kind == V_INSTANCE) return scheduled(L, u, f, v, at);
    if (v.kind != V_INT && v.kind != V_REAL) return v;
    return value_node(number_leaf(L, number_path(L, u, f->name), value_number(v), at));
}

/* `optimizer adam(rate: 0.1)` has a call's arguments; `decay 0.1` and `clip norm: 1` their own. */
static Args line_args(Lower *L, const UpdateLine *u) {
    const Ast *s = u->ast;
    if (is_optimizer(u)) return args_of(L, s->list->list, NULL, s->list->span, s->list->span);
    Args args = {.span = s->span};
    args.at = NEW_ARRAY(L->arena, Arg, ast_count(s->list) + 1);
    for (const Ast *x = s->list; x; x = x->next) {
        bool named = x->kind == A_ARG;
        args.at[args.n++] =
                (Arg){.name = named ? x->name : NULL, .ast = named ? x->a : x, .span = x->span};
    }
    return args;
}

static bool bind_line(Lower *L, UpdateLine *u) {
    Args args = line_args(L, u);
    Function *fn = u->fn;
    int n = formal_count(fn);
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) given[k] = value_none();
    u->formals = scope_new(L, fn->scope);
    if (!match_args(L, fn, args, false, given, given_at) ||
            !bind_formals(L, fn, u->formals, given, given_at, args.span))
        return false;
    for (const Ast *f = fn->def->params; f; f = f->next) {
        Binding *b = scope_find_here(u->formals, f->name);
        if (b) b->value = settable(L, u, f, b->value, b->span);
    }
    scope_bind(L, u->formals, intern("step"), value_node(step_leaf(L, u->ast->span)), u->ast->span);
    return true;
}

/* ---- states of a line ------------------------------------------------------------------ */

static bool assigns_current(const UpdateLine *u) {
    return u->current ? u->current->group == u->group : u->group == 0;
}

/* `output p = mean` in the loop: this state stands for the parameter where the model is used. */
static bool stands_for_parameter(const UpdateLine *u, const char *state) {
    for (const Ast *s = u->each ? u->each->body->list : NULL; s; s = s->next)
        if (s->kind == A_OUTPUT && s->a && s->a->kind == A_NAME && s->a->name == state) return true;
    return false;
}

static const char *slot_path(Lower *L, const UpdateLine *u, const char *name) {
    if (!u->current) return intern(arena_printf(L->arena, "%s.%s", u->name, name));
    const char *path = u->current->var->path;
    if (stands_for_parameter(u, name)) return intern(arena_printf(L->arena, "average/%s", path));
    return intern(arena_printf(L->arena, "%s.%s/%s", u->name, name, path));
}

/* In the initial value the parameter is its initial value. */
static Node *slot_init(Lower *L, const UpdateLine *u, const Ast *s, const Shape *shape, Var *v) {
    if (!s->b) return node_zeros(L->graph, shape->dtype, shape->rank, shape->dim, s->span);
    Binding *p = u->current ? scope_find_here(L->scope, u->each->name) : NULL;
    Value now = p ? p->value : value_none();
    if (p) p->value = value_node(u->current->var->leaf);
    Node *init = initial_value(L, s->b, shape, v->path, s->b->span);
    p = u->current ? scope_find_here(L->scope, u->each->name) : NULL;
    if (p) p->value = now;
    return init;
}

static void lower_slot(Lower *L, const Ast *s) {
    const UpdateLine *u = L->optimizing;
    Shape shape;
    if (in_stage(u, NULL)) {
        lower_error(L, s->span, "an update of the loss has no states: it is no step of training");
        return;
    }
    scope_bind(L, L->scope, s->name, value_poison(), s->span);
    if (!type_shape(L, s->a, &shape)) return;
    const char *path = slot_path(L, u, s->name);
    Var *v = find_var(L, path);
    if (!v) {
        v = NEW(L->arena, Var);
        v->path = path;
        v->span = s->span;
        v->leaf = node_leaf(L->graph, L_SLOT, shape.dtype, shape.rank, shape.dim, path, s->span);
        v->init = slot_init(L, u, s, &shape, v);
        if (!v->init) return;
        vec_push(L->arena, &L->model->slot, v);
        note_var(L, v);
    }
    Binding *b = scope_find_here(L->scope, s->name);
    bool assigns = assigns_current(u);
    b->value = value_node(assigns ? present_value(L, v) : v->leaf);
    b->var = assigns ? v : NULL;
}

static void lower_stand_in(Lower *L, const Ast *s) {
    const UpdateLine *u = L->optimizing;
    Binding *b = s->a && s->a->kind == A_NAME ? scope_find(L->scope, s->a->name) : NULL;
    bool slot = b && b->var && b->var->leaf->leaf == L_SLOT;
    if (slot && u->each && s->name == u->each->name) return;
    lower_error(L, s->span,
            "in an update, `output p = mean` says that the state `mean` of the parameter `p` "
            "stands for it where the model is evaluated and used");
}

/* ---- loops over the parameters ----------------------------------------------------------- */

static bool has_formal(const UpdateLine *u, const char *name) {
    return scope_find_here(u->formals, name) != NULL;
}

static const Changed *changed_number(const Course *c, const char *name) {
    for (int k = 0; k < c->changed.n; k++)
        if (c->changed.at[k].name == name) return &c->changed.at[k];
    return NULL;
}

/* A number of the optimizer that moves the parameter; V_NONE: that formal is none. */
static Value number_of(const Course *c, const Ast *f) {
    if (f->a) return value_none();
    const Changed *own = changed_number(c, f->name);
    const Binding *b = scope_find_here(c->optimizer->formals, f->name);
    return own ? own->value : b && b->value.kind == V_TENSOR ? b->value : value_none();
}

/* In the loop of an update the optimizer's numbers are known by their names, and `depth`. */
static void bind_numbers(Lower *L, const UpdateLine *u, const Course *c, Span at) {
    const char *depth = intern("depth");
    if (!has_formal(u, depth)) scope_bind(L, L->scope, depth, value_int(c->depth), at);
    if (!c->optimizer) return;
    for (const Ast *f = c->optimizer->fn->def->params; f; f = f->next) {
        Value v = number_of(c, f);
        if (v.kind != V_NONE && !has_formal(u, f->name)) scope_bind(L, L->scope, f->name, v, at);
    }
}

static void set_number(Lower *L, Course *c, const char *name, Value v) {
    for (int k = 0; k < c->changed.n; k++) {
        if (c->changed.at[k].name != name) continue;
        c->changed.at[k].value = v;
        return;
    }
    vec_push(L->arena, &c->changed, ((Changed){name, v}));
}

/* Numbers that the loop's text has bound anew are the parameter's own from now on. */
static void take_numbers(Lower *L, const UpdateLine *u, Course *c, Span at) {
    for (const Ast *f = c->optimizer ? c->optimizer->fn->def->params : NULL; f; f = f->next) {
        Value before = number_of(c, f);
        Binding *b = has_formal(u, f->name) ? NULL : scope_find_here(L->scope, f->name);
        if (before.kind == V_NONE || !b || b->value.kind == V_POISON) continue;
        Node *n = value_to_node(L, b->value, b->span);
        if (!n || n == before.node) continue;
        if (n->rank)
            lower_error(L, b->span, "`%s` is a number; this is %s", f->name, node_shape_text(L, n));
        else if (!in_stage(u, "before"))
            lower_error(L, at, "`%s` is changed after the optimizer has used it; an update that "
                    "changes it is written with `before`", f->name);
        else
            set_number(L, c, f->name, value_node(convert_node(L, n, T_F32, at)));
    }
}

/* The gradients of the rows of the batch, [batch, ...p]: of each row as if it were alone. */
static bool loss_gradient(Lower *L, const Ast *s, const Course *c) {
    if (c->gradient && c->gradient == c->var->grad_leaf) return true;
    lower_error(L, s->span,
            "the gradients of rows are those of the loss: no line before this one may have "
            "changed the gradient of `%s`",
            c->var->path);
    return false;
}

static Node *row_gradients(Lower *L, const Ast *s, const Course *c) {
    if (!loss_gradient(L, s, c)) return NULL;
    Node *apart = gradient_per_row(L, c->var->grad, s->span);
    if (!apart) return NULL;
    Value v[] = {value_node(apart), value_node(value_to_node(L, value_batch(), s->span))};
    return apply_op(L, OP_mul, v, 2, s->span).node;
}

/* The weights of rows, `weight: keep`. */
static Node *row_weights(Lower *L, const Ast *s) {
    Node *w = value_to_node(L, lower_expr(L, s->a), s->a->span);
    if (!w) return NULL;
    if (w->rank == 1 && w->dim[0] == DIM_BATCH) return convert_node(L, w, T_F32, s->a->span);
    lower_error(L, s->a->span, "the weights of rows are f32[batch]; this is %s",
            node_shape_text(L, w));
    return NULL;
}

/* From here on the gradient is that of the loss in which row b counts weight[b] times. It is a
 * mean over the rows as before, which is what several parts of a step add up to. */
static Node *weigh_gradient(Lower *L, const Ast *s, Course *c, Node *weight) {
    if (!loss_gradient(L, s, c)) return NULL;
    Node *g = weighted_gradient(L, c->var->grad, weight, s->span);
    if (!g) return NULL;
    if (assigns_current(L->optimizing)) c->var->grad = g;
    return c->gradient;
}

/* `g = ...` is the gradient that the lines after this one see. */
static void take_gradient(Lower *L, const Ast *s, Course *c) {
    Binding *b = s->name2 ? scope_find_here(L->scope, s->name2) : NULL;
    if (!b || b->value.kind == V_POISON) return;
    Shape shape = shape_of_node(c->var->leaf);
    if (b->value.kind == V_TENSOR && b->value.node == c->gradient) return;
    Node *g = fit_to_shape(L, b->value, &shape,
            arena_printf(L->arena, "the gradient `%s`", s->name2), b->span);
    if (g) c->gradient = g;
}

static bool bind_loop_names(
        Lower *L, const UpdateLine *u, const Ast *s, Course *c, Node *weight) {
    Binding *p = scope_bind(L, L->scope, s->name, value_node(present_value(L, c->var)), s->span);
    if (c->gradient && assigns_current(u)) p->var = c->var;
    if (s->name2 && !c->gradient) {
        lower_error(L, s->span,
                "in an update of the loss there are no gradients yet: write for %s in "
                "parameters(), or `before` in front of the update's body",
                s->name);
        return false;
    }
    Node *g = s->flag  ? row_gradients(L, s, c)
              : weight ? weigh_gradient(L, s, c, weight)
                       : c->gradient;
    if (s->name2) scope_bind(L, L->scope, s->name2, g ? value_node(g) : value_poison(), s->span);
    if (!is_optimizer(u)) bind_numbers(L, u, c, s->span);
    return true;
}

static void unbind_numbers(Lower *L, const UpdateLine *u, const Course *c) {
    const char *depth = intern("depth");
    if (!has_formal(u, depth)) scope_restore(L->scope, depth, (Binding){0});
    for (const Ast *f = c->optimizer ? c->optimizer->fn->def->params : NULL; f; f = f->next)
        if (!has_formal(u, f->name)) scope_restore(L->scope, f->name, (Binding){0});
}

/* A parameter's states are no other's: their names are free again after its round. */
static void forget_states(Lower *L) {
    for (int k = 0; k < L->scope->binding.n; k++) {
        Binding *b = &L->scope->binding.at[k];
        if (b->var && b->var->leaf->leaf == L_SLOT && strchr(b->var->path, '/')) b->var = NULL;
    }
}

static void for_each_param(Lower *L, const Ast *s) {
    UpdateLine *u = L->optimizing;
    int errors = diag_errors();
    const char *gradient = s->name2 ? s->name2 : s->name;
    Binding p = scope_keep(L->scope, s->name), g = scope_keep(L->scope, gradient);
    Node *weight = s->a ? row_weights(L, s) : NULL;
    u->each = s;
    for (int k = 0; k < u->course.n && diag_errors() == errors; k++) {
        Course *c = u->course.at[k];
        if (s->text && !path_matches(s->text, c->var->path)) continue;
        u->current = c;
        if (bind_loop_names(L, u, s, c, weight)) lower_block(L, s->body);
        if (!s->flag && assigns_current(u)) take_gradient(L, s, c);
        if (!is_optimizer(u)) take_numbers(L, u, c, s->span);
        if (!is_optimizer(u)) unbind_numbers(L, u, c);
        forget_states(L);
        u->current = NULL;
    }
    u->each = NULL;
    scope_restore(L->scope, gradient, g);
    scope_restore(L->scope, s->name, p);
}

bool optimizer_statement(Lower *L, const Ast *s) {
    if (!L->optimizing) return false;
    if (s->kind == A_STATE)
        lower_slot(L, s);
    else if (s->kind == A_EACH_PARAM)
        for_each_param(L, s);
    else if (s->kind == A_OUTPUT)
        lower_stand_in(L, s);
    else
        return false;
    return true;
}

const char *updated_path(const Lower *L) {
    const UpdateLine *u = L->optimizing;
    return u && u->current ? u->current->var->path : NULL;
}

/* The parameter that a penalty is of; NULL outside of updates. */
const Var *penalised(Lower *L, Span at) {
    const UpdateLine *u = L->optimizing;
    if (!u) return NULL;
    if (!in_stage(u, NULL))
        lower_error(L, at, "a penalty is part of the loss: the update `%s` has it without `before` "
                "or `after`", u->fn->name);
    return u->current ? u->current->var : NULL;
}

/* ---- running lines --------------------------------------------------------------------- */

static void run_line(Lower *L, UpdateLine *u, int group) {
    Scope *around = L->scope;
    Module *module = L->module;
    L->optimizing = u;
    L->in_library = u->fn->scope == L->library;
    L->call_site = is_optimizer(u) ? u->ast->list->span : u->ast->span;
    L->called = u->fn->name;
    L->module = module_new(L, u->name);
    L->scope = scope_new(L, u->formals);
    u->group = group;
    for (int k = 0; k < u->course.n && is_optimizer(u); k++) {
        const Course *c = u->course.at[k];
        if (c->group != group) continue;
        for (int i = 0; i < c->changed.n; i++)
            scope_bind(L, L->scope, c->changed.at[i].name, c->changed.at[i].value, u->ast->span);
    }
    lower_block(L, u->fn->def->body);
    L->scope = around;
    L->module = module;
    L->in_library = false;
    L->optimizing = NULL;
}

static bool same_numbers(const Course *a, const Course *b) {
    if (a->changed.n != b->changed.n) return false;
    for (int k = 0; k < a->changed.n; k++) {
        const Changed *other = changed_number(b, a->changed.at[k].name);
        if (!other || other->value.node != a->changed.at[k].value.node) return false;
    }
    return true;
}

static int number_groups(UpdateLine *u) {
    int groups = 0;
    for (int k = 0; k < u->course.n; k++) {
        Course *c = u->course.at[k];
        int i = 0;
        while (i < k && !same_numbers(u->course.at[i], c)) i++;
        c->group = i < k ? u->course.at[i]->group : groups++;
    }
    return groups ? groups : 1;
}

static void check_assigned(Lower *L, const UpdateLine *u) {
    for (int k = 0; k < u->course.n; k++) {
        Course *c = u->course.at[k];
        if (present_value(L, c->var) != c->old) continue;
        lower_error(L, u->ast->span,
                "the optimizer %s leaves the parameter `%s` as it is: it never assigns it",
                u->fn->name, c->var->path);
        return;
    }
}

static void run_optimizer(Lower *L, UpdateLine *u) {
    int errors = diag_errors(), groups = number_groups(u);
    for (int k = 0; k < u->course.n; k++)
        u->course.at[k]->old = present_value(L, u->course.at[k]->var);
    for (int g = 0; g < groups && diag_errors() == errors; g++) run_line(L, u, g);
    if (diag_errors() == errors) check_assigned(L, u);
    for (int k = 0; k < u->course.n; k++) u->course.at[k]->group = 0;
}

/* ---- all lines ------------------------------------------------------------------------- */

typedef struct Lines {
    Vec(UpdateLine) line;
    Vec(Course) course;
} Lines;

/* The layer of the model itself that a path begins with, with the indices of its loops. */
static size_t front_length(const char *path) {
    const char *end = path + strcspn(path, ".");
    while (*end == '.' && end[1] >= '0' && end[1] <= '9') end += 1 + strcspn(end + 1, ".");
    return (size_t)(end - path);
}

/* Layers with parameters, from the last one that the model's text makes. */
static void count_depths(Lower *L, Lines *lines) {
    Vec(const char *) front = {0};
    for (int k = 0; k < L->model->param.n; k++) {
        const char *path = L->model->param.at[k]->path;
        const char *own = intern_n(path, front_length(path));
        int i = 0;
        while (i < front.n && front.at[i] != own) i++;
        if (i == front.n) vec_push(L->arena, &front, own);
    }
    for (int k = 0; k < lines->course.n; k++) {
        Course *c = &lines->course.at[k];
        const char *own = intern_n(c->var->path, front_length(c->var->path));
        for (int i = 0; i < front.n; i++)
            if (front.at[i] == own) c->depth = front.n - 1 - i;
    }
}

/* For updates of the loss, all that is trained; else what has a gradient. */
static void find_lines(Lower *L, Lines *lines, const Ast *train, bool in_loss) {
    Module *names = module_new(L, "");
    for (int k = 0; k < L->model->param.n; k++) {
        Var *v = L->model->param.at[k];
        if (!(in_loss ? v->trained : v->grad != NULL)) continue;
        Course c = {.var = v, .gradient = in_loss ? NULL : v->grad_leaf};
        vec_push(L->arena, &lines->course, c);
    }
    count_depths(L, lines);
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (!names_definition(s)) continue;
        UpdateLine u = {.ast = s, .fn = line_definition(L, s)};
        if (!u.fn || (in_loss && !in_stage(&u, NULL))) continue;
        u.name = module_name(L, names, u.fn->name);
        vec_push(L->arena, &lines->line, u);
    }
}

static void take_parameters(Lower *L, Lines *lines, UpdateLine *u) {
    for (int k = 0; k < lines->course.n; k++) {
        Course *c = &lines->course.at[k];
        if (line_for(L->train_ast, u->ast->name, c->var->path) != u->ast) continue;
        if (is_optimizer(u)) c->optimizer = u;
        if (c->gradient && !c->optimizer) continue;
        vec_push(L->arena, &u->course, c);
    }
}

static void bind_lines(Lower *L, Lines *lines, bool optimizers) {
    for (int k = 0; k < lines->line.n; k++) {
        UpdateLine *u = &lines->line.at[k];
        if (is_optimizer(u) != optimizers) continue;
        take_parameters(L, lines, u);
        u->bound = bind_line(L, u);
    }
}

static void run_stage(Lower *L, Lines *lines, const char *stage) {
    for (int k = 0; k < lines->line.n; k++) {
        UpdateLine *u = &lines->line.at[k];
        if (u->bound && in_stage(u, stage)) run_line(L, u, 0);
    }
}

void lower_loss_updates(Lower *L) {
    if (!L->train_ast || diag_errors()) return;
    Lines lines = {0};
    Scope *scope = L->scope;
    L->scope = L->globals;
    find_lines(L, &lines, L->train_ast, true);
    bind_lines(L, &lines, false);
    run_stage(L, &lines, NULL);
    L->scope = scope;
}

static void warn_without_optimizer(const Lines *lines) {
    for (int k = 0; k < lines->course.n; k++) {
        const Course *c = &lines->course.at[k];
        if (!c->optimizer)
            diag_warning(c->var->span,
                    "no optimizer line matches the parameter `%s`; it is never trained",
                    c->var->path);
    }
}

static bool has_optimizer(const Ast *train) {
    for (const Ast *s = train->body->list; s; s = s->next)
        if (s->kind == A_SETTING && !strcmp(s->name, "optimizer")) return true;
    return false;
}

void lower_updates(Lower *L, const Ast *train) {
    if (!has_optimizer(train)) {
        lower_error(L, train->span,
                "this train block has no optimizer, so nothing would be trained: "
                "write optimizer adam(rate: 0.001)");
        return;
    }
    Lines lines = {0};
    warn_unmatched_lines(L, train);
    find_lines(L, &lines, train, false);
    bind_lines(L, &lines, true);
    bind_lines(L, &lines, false);
    warn_without_optimizer(&lines);
    run_stage(L, &lines, "before");
    for (int k = 0; k < lines.line.n; k++) {
        UpdateLine *u = &lines.line.at[k];
        if (u->bound && is_optimizer(u)) run_optimizer(L, u);
    }
    run_stage(L, &lines, "after");
}
