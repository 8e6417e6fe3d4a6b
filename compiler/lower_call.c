/* lower_call.c - calls: operators, built-in functions, functions and layers of the program,
 * instances, initializers. A definition's body is run anew at every call, in a scope of its
 * own over the definitions of the text that it was written in. */
#include "lower.h"

#include <string.h>

/* ---- running a definition's body ------------------------------------------------ */

/* What a call changes about where execution stands, to be put back after it. */
typedef struct State {
    Scope *scope;
    Module *module;
    const char *function;
    Value *returned;
    IndexContext *index;
    Expr *guard;
    ElseCatch *catching;
    const Shape *wanted;
    Span call_site;
    const char *called;
    bool in_library;
    int layer_depth;
} State;

static State state_save(const Lower *L) {
    return (State){L->scope, L->module, L->function, L->returned, L->index, L->guard, L->catching,
            L->wanted, L->call_site, L->called, L->in_library, L->layer_depth};
}

static void state_restore(Lower *L, const State *s) {
    L->scope = s->scope;
    L->module = s->module;
    L->function = s->function;
    L->returned = s->returned;
    L->index = s->index;
    L->guard = s->guard;
    L->catching = s->catching;
    L->wanted = s->wanted;
    L->call_site = s->call_site;
    L->called = s->called;
    L->in_library = s->in_library;
    L->layer_depth = s->layer_depth;
}

static bool is_element(Value v) {
    return v.kind == V_EXPR && v.expr->vars;
}

/* Called with elements, a function works on elements; otherwise on whole tensors. */
static bool element_mode(const Function *fn, const Value *given) {
    for (int k = 0; k < formal_count(fn); k++)
        if (is_element(given[k])) return true;
    return false;
}

static void enter(Lower *L, Function *fn, const Value *given, Span call) {
    if (!L->in_library) {
        L->call_site = call;
        L->called = fn->name;
    }
    L->in_library = fn->scope == L->library;
    L->wanted = NULL;
    L->function = fn->name;
    if (element_mode(fn, given)) return;
    L->index = NULL;
    L->guard = NULL;
    L->catching = NULL;
}

static Value run_body(Lower *L, const Ast *def) {
    if (def->a) return lower_expr(L, def->a);
    Value v = value_none();
    L->returned = &v;
    lower_block(L, def->body);
    return L->abandoned ? value_poison() : v;
}

static bool too_deep(Lower *L, const Function *fn, Span call) {
    if (L->depth < MAX_CALL_DEPTH) return false;
    if (L->depth == MAX_CALL_DEPTH) {
        lower_error(L, call, "calls nest deeper than %d: %s() calls itself without an end",
                MAX_CALL_DEPTH, fn->name);
        L->depth = 2 * MAX_CALL_DEPTH; /* once is enough */
    }
    return true;
}

/* The value of a call that the user wrote is called by the layer or function. */
static void name_result(Value v, const Function *fn, const char *path) {
    if (v.kind != V_TENSOR || v.node->kind == N_LEAF) return;
    if (v.node->name && !strchr(v.node->name, '.')) return;
    v.node->name = path ? path : fn->name;
}

static int layer_of_path(Lower *L, const Function *fn, const char *path, Span call) {
    for (int k = 0; k < L->model->layer.n; k++)
        if (L->model->layer.at[k].path == path) return k;
    Layer new = {.path = path, .kind = fn->name, .depth = L->layer_depth, .span = call};
    vec_push(L->arena, &L->model->layer, new);
    return L->model->layer.n - 1;
}

/* What the program itself applies; layers that one of the library's is made of are its own affair.
 * first: of the nodes that were built for it. */
static void record_layer(
        Lower *L, const Function *fn, const char *path, Value v, Span call, int first) {
    if (v.kind == V_LIST && v.i) v = v.item[0]; /* what it gives first */
    if (L->in_library || v.kind != V_TENSOR || L->entry) return;
    int k = layer_of_path(L, fn, path, call);
    Layer *layer = &L->model->layer.at[k];
    if (!L->training || !layer->out) layer->out = v.node;
    LayerNodes nodes = {k, first, graph_nodes(L->graph)};
    vec_push(L->arena, &L->model->layer_nodes, nodes);
}

Value run_definition(Lower *L, Function *fn, const Value *given, const Span *given_at, Span call,
        const char *path) {
    if (too_deep(L, fn, call)) return value_poison();
    State state = state_save(L);
    int errors = diag_errors(), depth = L->depth, first = graph_nodes(L->graph);
    Scope *s = scope_new(L, fn->scope);
    L->depth++;
    enter(L, fn, given, call);
    bool user_call = !state.in_library && L->in_library;
    Value v = value_poison();
    if (is_layer(fn) && L->index) {
        lower_error(L, call,
                "a layer is applied to whole tensors, not to elements under index variables");
    } else if (bind_formals(L, fn, s, given, given_at, call)) {
        L->scope = s;
        if (is_layer(fn)) {
            L->module = module_new(L, path);
            L->layer_depth++;
        }
        v = run_body(L, fn->def);
        if (diag_errors() > errors && v.kind == V_NONE) v = value_poison();
    }
    L->depth = depth;
    state_restore(L, &state);
    if (!L->in_library) L->abandoned = false;
    if (user_call) name_result(v, fn, path);
    if (is_layer(fn)) record_layer(L, fn, path, v, call, first);
    return v;
}

/* ---- initializers --------------------------------------------------------------- */

/* Outside of an initial value the positional arguments are the shape. */
static bool shape_from_args(Lower *L, const Function *fn, Args *args, Shape *s) {
    int named = 0, positional = 0;
    for (int k = 0; k < args->n; k++) {
        Arg *a = &args->at[k];
        if (a->name) {
            args->at[named++] = *a;
            continue;
        }
        positional++;
        if (!add_sizes(L, arg_value(L, a), a->span, s)) return false;
    }
    args->n = named;
    if (positional) return shape_check(L, s, args->span);
    lower_error(L, args->span,
            "%s() gives an initial value's elements; elsewhere its arguments are the shape, "
            "as in %s(batch, 16)",
            fn->name, fn->name);
    return false;
}

Value call_initializer(
        Lower *L, Function *fn, Args args, const Value *before, const Span *before_at) {
    Shape s = {.dtype = T_F32};
    if (L->wanted)
        s = *L->wanted, s.dtype = T_F32;
    else if (!shape_from_args(L, fn, &args, &s))
        return value_poison();
    int n = formal_count(fn);
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++)
        given[k] = before ? before[k] : value_none(),
        given_at[k] = before ? before_at[k] : args.span;
    if (!match_args(L, fn, args, false, given, given_at) || too_deep(L, fn, args.span))
        return value_poison();
    State state = state_save(L);
    Scope *scope = scope_new(L, fn->scope);
    Value v = value_poison();
    L->depth++;
    enter(L, fn, given, args.span);
    if (bind_formals(L, fn, scope, given, given_at, args.span)) {
        scope_bind(L, scope, fn->def->name2, value_shape(L, &s), fn->def->span);
        L->scope = scope;
        v = run_body(L, fn->def);
    }
    L->depth--;
    state_restore(L, &state);
    if (!L->in_library) L->abandoned = false;
    if (v.kind == V_POISON) return v;
    Node *node = fit_to_shape(L, v, &s, "the initializer's value", args.span);
    return node ? value_node(node) : value_poison();
}

/* ---- functions, layers, instances ----------------------------------------------- */

static Value partial(Lower *L, Function *fn, Value *given, Span *given_at, Span span) {
    Instance *inst = NEW(L->arena, Instance);
    *inst = (Instance){
            .fn = fn, .given = given, .given_at = given_at, .made_in = L->module, .span = span};
    int k = 0;
    for (const Ast *f = fn->def->params; f; f = f->next, k++) {
        if (k < leading_tensors(fn) || k == 0 || given[k].kind != V_NONE || f->b) continue;
        lower_error(L, span, "%s() is missing its argument `%s`", fn->name, f->name);
        return value_poison();
    }
    return value_instance(inst);
}

/* dense(10): the first argument given is no tensor, though the first formal is one. */
static bool lacks_tensor(Lower *L, Function *fn, Args args) {
    if (!leading_tensors(fn) || !args.n || args.at[0].name) return false;
    Value v = arg_value(L, &args.at[0]);
    if (v.kind == V_LIST) return list_comes_later(fn);
    return value_is_number(v) || v.kind == V_STRING || v.kind == V_FUNCTION || v.kind == V_INSTANCE;
}

static Value call_definition(Lower *L, Function *fn, Args args) {
    int n = formal_count(fn);
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) given[k] = value_none();
    if (!match_args(L, fn, args, lacks_tensor(L, fn, args), given, given_at)) return value_poison();
    if (n && given[0].kind == V_NONE && !fn->def->params->b)
        return partial(L, fn, given, given_at, args.span);
    const char *path = is_layer(fn) ? module_name(L, L->module, fn->name) : NULL;
    return run_definition(L, fn, given, given_at, args.span, path);
}

/* Of an instance's call: is what it is applied to among the arguments? */
static bool is_applied(const Instance *inst, Args args) {
    const Ast *first = inst->fn->def->params;
    bool applied = !first || inst->given[0].kind != V_NONE;
    for (int k = 0; k < args.n; k++)
        applied = applied || !args.at[k].name || args.at[k].name == first->name;
    return applied;
}

/* An instance called without what it is applied to is a further one of its kind, with
 * parameters of its own; arguments that are named now replace those given before. */
static Value renew(Lower *L, const Instance *inst, Args args) {
    int n = formal_count(inst->fn);
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) {
        given[k] = inst->given[k], given_at[k] = inst->given_at[k];
        for (int i = 0; i < args.n; i++)
            if (args.at[i].name == formal_at(inst->fn, k)->name) given[k] = value_none();
    }
    if (!match_args(L, inst->fn, args, true, given, given_at)) return value_poison();
    return partial(L, inst->fn, given, given_at, args.span);
}

Value apply_instance(Lower *L, Instance *inst, Args args) {
    Function *fn = inst->fn;
    int n = formal_count(fn);
    if (fn->def->kind == A_INITIALIZER)
        return call_initializer(L, fn, args, inst->given, inst->given_at);
    if (!inst->given) {
        lower_error(L, args.span, "`%s` stands for names inside of a layer; it cannot be applied",
                inst->path);
        return value_poison();
    }
    if (!is_applied(inst, args)) return renew(L, inst, args);
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) given[k] = inst->given[k], given_at[k] = inst->given_at[k];
    if (!match_args(L, fn, args, false, given, given_at)) return value_poison();
    if (is_layer(fn) && !inst->path) inst->path = module_name(L, inst->made_in, fn->name);
    return run_definition(L, fn, given, given_at, args.span, inst->path);
}

/* `per: n`: a name that means nothing yet stands for the rows, as an index variable would. */
static Value option_value(Lower *L, Arg *a) {
    bool fresh = a->ast && a->ast->kind == A_NAME && !scope_find(L->scope, a->ast->name);
    return fresh ? value_batch() : arg_value(L, a);
}

/* `option`: the name that the last argument may have, or NULL. */
static bool all_values(
        Lower *L, const char *name, const char *option, Args args, Value *v, Span *at) {
    for (int k = 0; k < args.n; k++) {
        const char *given = args.at[k].name;
        if (given && (!option || strcmp(given, option) != 0 || k + 1 < args.n)) {
            if (option)
                lower_error(L, args.at[k].span,
                        "of the arguments of %s() only the last has a name, `%s`", name, option);
            else
                lower_error(L, args.at[k].span, "the arguments of %s() have no names", name);
            return false;
        }
        v[k] = given ? option_value(L, &args.at[k]) : arg_value(L, &args.at[k]);
        at[k] = args.at[k].span;
        if (v[k].kind == V_POISON) return false;
    }
    return true;
}

static Value call_op(Lower *L, const Function *fn, Args args) {
    const OpInfo *op = &op_info[fn->op];
    if (args.n != op->arity) {
        lower_error(L, args.span, "%s() takes %d argument%s; there %s %d", fn->name, op->arity,
                op->arity == 1 ? "" : "s", args.n == 1 ? "is" : "are", args.n);
        return value_poison();
    }
    Value v[3];
    Span at[3];
    return all_values(L, fn->name, NULL, args, v, at) ? apply_op(L, fn->op, v, args.n, args.span)
                                                      : value_poison();
}

static Value call_builtin(Lower *L, const Function *fn, Args args) {
    const Builtin *b = fn->builtin;
    if (args.n < b->least || (b->most >= 0 && args.n > b->most)) {
        lower_error(L, args.span, "%s() does not take %d argument%s; it is used as %s", b->name,
                args.n, args.n == 1 ? "" : "s", b->usage);
        return value_poison();
    }
    Value *v = NEW_ARRAY(L->arena, Value, args.n + 1);
    Span *at = NEW_ARRAY(L->arena, Span, args.n + 1);
    return all_values(L, b->name, b->option, args, v, at) ? b->call(L, v, at, args.n, args.span)
                                                          : value_poison();
}

Value call_function(Lower *L, Function *fn, Args args) {
    if (fn->kind == FN_OP) return call_op(L, fn, args);
    if (fn->kind == FN_BUILTIN) return call_builtin(L, fn, args);
    if (fn->def->kind == A_INITIALIZER) return call_initializer(L, fn, args, NULL, NULL);
    return call_definition(L, fn, args);
}

/* A name that is called is looked for among what can be called: a tensor does not hide it. */
static Value callee_value(Lower *L, const Ast *callee) {
    if (callee->kind != A_NAME) return lower_expr(L, callee);
    for (Scope *s = L->scope; s; s = s->up) {
        Binding *b = scope_find_here(s, callee->name);
        if (!b || (b->value.kind != V_FUNCTION && b->value.kind != V_INSTANCE &&
                          b->value.kind != V_POISON))
            continue;
        return b->value;
    }
    Value v = scope_provided(L, callee->name);
    return v.kind == V_NONE ? lower_expr(L, callee) : v;
}

Value call_value(Lower *L, const Ast *callee, Args args) {
    Value v = callee_value(L, callee);
    if (v.kind == V_FUNCTION) return call_function(L, v.fn, args);
    if (v.kind == V_INSTANCE) return apply_instance(L, v.inst, args);
    if (v.kind != V_POISON)
        lower_error(L, callee->span, "only functions and layers can be called; this is %s",
                value_text_of(L, v));
    return value_poison();
}
