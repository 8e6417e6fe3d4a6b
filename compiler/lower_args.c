/* lower_args.c - arguments meet formals: by position and by name, with defaults; and the
 * types of formals meet values, binding the sizes in their patterns. */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

int formal_count(const Function *fn) {
    return ast_count(fn->def->params);
}

const Ast *formal_at(const Function *fn, int k) {
    const Ast *p = fn->def->params;
    while (k-- > 0) p = p->next;
    return p;
}

bool is_layer(const Function *fn) {
    return fn->kind == FN_DEF && fn->def->kind == A_LAYER;
}

/* int[2], real[...]: lists of what is known at compile time. Other types with sizes are tensors. */
static bool is_list_type(const Ast *type) {
    static const char *const item[] = {"int", "real", "string", "function"};
    for (size_t k = 0; type->flag && k < sizeof item / sizeof *item; k++)
        if (!strcmp(type->name, item[k])) return true;
    return false;
}

static bool formal_is(const Ast *f, const char *type) {
    return f->a && f->a->kind == A_TYPE && !f->a->flag && !strcmp(f->a->name, type);
}

/* What a layer is applied to: formals in front that are tensors, a list of them, or anything. */
static bool is_tensor_formal(const Function *fn, const Ast *f) {
    if (f->b) return false;
    if (!f->a) return is_layer(fn);
    return f->a->flag ? !is_list_type(f->a) : formal_is(f, "list");
}

int leading_tensors(const Function *fn) {
    int n = 0;
    for (const Ast *f = fn->def->params; f && is_tensor_formal(fn, f); f = f->next) n++;
    return n;
}

bool list_comes_later(const Function *fn) {
    int k = leading_tensors(fn);
    const Ast *next = k < formal_count(fn) ? formal_at(fn, k) : NULL;
    return next && next->a && is_list_type(next->a) && !formal_is(fn->def->params, "list");
}


Args args_of(Lower *L, const Ast *list, const Value *first, Span first_at, Span span) {
    Args a = {.n = ast_count(list) + (first != NULL), .span = span};
    a.at = NEW_ARRAY(L->arena, Arg, a.n + 1);
    int n = 0;
    if (first) a.at[n++] = (Arg){.value = *first, .done = true, .span = first_at};
    for (; list; list = list->next)
        a.at[n++] = (Arg){.name = list->name, .ast = list->a, .span = list->span};
    return a;
}

Value arg_value(Lower *L, Arg *a) {
    if (!a->done) a->value = lower_expr(L, a->ast);
    a->done = true;
    return a->value;
}

/* ---- matching ------------------------------------------------------------------- */

static int formal_named(const Function *fn, const char *name) {
    int k = 0;
    for (const Ast *f = fn->def->params; f; f = f->next, k++)
        if (f->name == name) return k;
    return -1;
}

static const char *formal_list(Lower *L, const Function *fn) {
    const char *text = "";
    for (const Ast *f = fn->def->params; f; f = f->next)
        text = arena_printf(L->arena, "%s%s%s", text, *text ? ", " : "", f->name);
    return text;
}

static void unknown_argument(Lower *L, const Function *fn, const Arg *a) {
    const char *names[64];
    int n = 0;
    for (const Ast *f = fn->def->params; f && n < 64; f = f->next) names[n++] = f->name;
    const char *near = diag_nearest(a->name, names, n);
    if (near)
        lower_error(L, a->span, "%s() has no argument `%s`; did you mean `%s`?", fn->name, a->name,
                near);
    else
        lower_error(L, a->span, "%s() has no argument `%s`; it takes: %s", fn->name, a->name,
                formal_list(L, fn));
}

/* A string's bare name is its spelling, unless a variable of that name holds a string. */
static Value string_argument(Lower *L, const Ast *e) {
    if (e->kind != A_NAME) return lower_expr(L, e);
    Binding *b = scope_find(L->scope, e->name);
    return b && b->value.kind == V_STRING ? b->value : value_text(e->name);
}

/* A call where a function is wanted gives its arguments beforehand: leaky_relu(0.1). */
static Value function_argument(Lower *L, const Ast *e) {
    Function *fn = NULL;
    if (e->kind == A_CALL && e->a->kind == A_NAME) {
        Value v = scope_value(L, e->a->name, e->a->span);
        if (v.kind == V_FUNCTION && v.fn->kind == FN_DEF) fn = v.fn;
    }
    if (!fn) return lower_expr(L, e);
    Instance *inst = NEW(L->arena, Instance);
    int n = formal_count(fn);
    *inst = (Instance){.fn = fn,
            .span = e->span,
            .made_in = L->module,
            .given = NEW_ARRAY(L->arena, Value, n + 1),
            .given_at = NEW_ARRAY(L->arena, Span, n + 1)};
    for (int k = 0; k < n; k++) inst->given[k] = value_none();
    bool skip = fn->def->kind != A_INITIALIZER;
    Args args = args_of(L, e->list, NULL, e->span, e->span);
    return match_args(L, fn, args, skip, inst->given, inst->given_at) ? value_instance(inst)
                                                                      : value_poison();
}

static Value argument_for(Lower *L, const Ast *formal, Arg *a) {
    if (!a->done) {
        if (formal_is(formal, "string"))
            a->value = string_argument(L, a->ast);
        else if (formal_is(formal, "function"))
            a->value = function_argument(L, a->ast);
        else
            a->value = lower_expr(L, a->ast);
        a->done = true;
    }
    return a->value;
}

static bool give(Lower *L, const Function *fn, int k, Arg *a, Value *given, Span *given_at) {
    const Ast *f = formal_at(fn, k);
    if (given[k].kind != V_NONE) {
        lower_error(L, a->span, "`%s` of %s() is given twice", f->name, fn->name);
        return false;
    }
    given[k] = argument_for(L, f, a);
    given_at[k] = a->span;
    if (given[k].kind != V_NONE) return given[k].kind != V_POISON;
    lower_error(L, a->span, "this has no value to be given to `%s` of %s(): no `return` was met",
            f->name, fn->name);
    return false;
}

/* A partial application skips its leading formals, also those of a function without types. */
static int first_position(const Function *fn, bool skip) {
    if (!skip) return 0;
    int n = leading_tensors(fn);
    return n || !fn->def->params || fn->def->params->b ? n : 1;
}

bool match_args(Lower *L, const Function *fn, Args args, bool skip, Value *given, Span *given_at) {
    int n = formal_count(fn), next = first_position(fn, skip);
    bool ok = true;
    for (int k = 0; k < args.n; k++) {
        Arg *a = &args.at[k];
        int to = a->name ? formal_named(fn, a->name) : next;
        if (!a->name)
            while (to < n && given[to].kind != V_NONE) to++;
        if (a->name && to < 0) {
            unknown_argument(L, fn, a);
            ok = false;
        } else if (to >= n) {
            if (n)
                lower_error(L, a->span, "too many arguments: %s() takes %d (%s)", fn->name, n,
                        formal_list(L, fn));
            else
                lower_error(L, a->span, "%s() takes no arguments", fn->name);
            return false;
        } else {
            ok = give(L, fn, to, a, given, given_at) && ok;
            if (!a->name) next = to + 1;
        }
    }
    return ok;
}

/* ---- patterns ------------------------------------------------------------------- */

static bool is_size(Value v) {
    return v.kind == V_INT || v.kind == V_BATCH;
}

static const char *source_text(Lower *L, Span at) {
    return arena_printf(L->arena, "%.*s", (int)(at.end - at.start), at.src->text + at.start);
}

/* The type as written, and what its names are by now: "f32[batch, n] with n = 3". */
static const char *pattern_text(Lower *L, const Ast *type, Scope *s) {
    const char *text = arena_printf(L->arena, "%s[", type->name), *known = "";
    for (const Ast *d = type->list; d; d = d->next) {
        const char *name = d->kind == A_NAME ? d->name : NULL;
        Binding *b = name ? scope_find_here(s, name) : NULL;
        const char *item = source_text(L, d->span);
        text = arena_printf(L->arena, "%s%s%s", text, d == type->list ? "" : ", ", item);
        if (!b || !is_size(b->value)) continue;
        const char *size = size_text(L, b->value.kind == V_INT ? b->value.i : DIM_BATCH);
        known = arena_printf(L->arena, "%s%s%s = %s", known, *known ? ", " : " with ", name, size);
    }
    return arena_printf(L->arena, "%s]%s", text, known);
}

static Value size_value(int64_t dim) {
    return dim == DIM_BATCH ? value_batch() : value_int(dim);
}

/* A name in a pattern is bound by the axis, unless it is a size already. */
static bool match_axis(Lower *L, const Ast *d, int64_t dim, Scope *s) {
    Value v;
    if (d->kind == A_NAME) {
        Binding *b = scope_find_here(s, d->name);
        if (!b) b = scope_find(s->up, d->name);
        if (!b || !is_size(b->value)) {
            scope_bind(L, s, d->name, size_value(dim), d->span);
            return true;
        }
        v = b->value;
    } else {
        Scope *before = L->scope;
        L->scope = s;
        v = lower_expr(L, d);
        L->scope = before;
    }
    int64_t size;
    return value_to_size(L, v, d->span, &size) && size == dim;
}

static bool match_shape(Lower *L, const Ast *type, const Shape *shape, Scope *s) {
    int dims = ast_count(type->list), at = 0;
    bool ellipsis = false;
    for (const Ast *d = type->list; d; d = d->next) ellipsis = ellipsis || d->kind == A_ELLIPSIS;
    if (ellipsis ? shape->rank < dims - 1 : shape->rank != dims) return false;
    for (const Ast *d = type->list; d; d = d->next) {
        if (d->kind == A_ELLIPSIS)
            at += shape->rank - (dims - 1);
        else if (!match_axis(L, d, shape->dim[at++], s))
            return false;
    }
    return true;
}

static bool convert_to(Lower *L, const char *type, Value *v, DType have, Span at) {
    if (!strcmp(type, "f32")) {
        if (have == T_BOOL) return false;
        if (v->kind == V_TENSOR) v->node = convert_node(L, v->node, T_F32, at);
        if (v->kind == V_EXPR && have != T_F32) v->expr = ex_op1(L->graph, OP_real, v->expr);
        return true;
    }
    if (!strcmp(type, "i32")) {
        if (v->kind == V_TENSOR && have == T_U8) v->node = convert_node(L, v->node, T_I32, at);
        return have == T_I32 || have == T_U8;
    }
    return !strcmp(type, dtype_name(have));
}

static bool bind_tensor(Lower *L, const Function *fn, const Ast *f, Scope *s, Value *v, Span at) {
    Shape shape;
    if (value_shape_of(*v, &shape)) *v = list_as_tensor(L, *v, at);
    if (v->kind == V_SHAPE || !value_shape_of(*v, &shape)) {
        lower_error(L, at, "`%s` of %s() is a tensor, %s; this is %s", f->name, fn->name,
                pattern_text(L, f->a, s), value_text_of(L, *v));
        return false;
    }
    const char *pattern = pattern_text(L, f->a, s);
    if (match_shape(L, f->a, &shape, s) && convert_to(L, f->a->name, v, shape.dtype, at))
        return true;
    lower_error(L, at, "`%s` of %s() is %s; this is %s", f->name, fn->name, pattern,
            shape_text(L, &shape));
    return false;
}

/* ---- scalars -------------------------------------------------------------------- */

static bool is_scalar(Value v, DType *t) {
    Shape s;
    if (v.kind == V_SHAPE || !value_shape_of(v, &s) || s.rank) return false;
    *t = s.dtype;
    return true;
}

static bool scalar_fits(const char *type, Value *v) {
    DType t = T_F32;
    if (!strcmp(type, "int")) return v->kind == V_INT || v->kind == V_BATCH;
    if (!strcmp(type, "real")) {
        if (v->kind == V_INT) *v = value_real((double)v->i);
        return v->kind == V_REAL || (is_scalar(*v, &t) && t != T_BOOL);
    }
    if (!strcmp(type, "bool")) return v->kind == V_BOOL || (is_scalar(*v, &t) && t == T_BOOL);
    if (!strcmp(type, "string")) return v->kind == V_STRING;
    if (!strcmp(type, "list")) return v->kind == V_LIST;
    if (!strcmp(type, "function")) return v->kind == V_FUNCTION || v->kind == V_INSTANCE;
    return is_scalar(*v, &t) && (t != T_BOOL || !strcmp(type, "bool"));
}

static bool bind_scalar(Lower *L, const Function *fn, const Ast *f, Value *v, Span at) {
    if (scalar_fits(f->a->name, v)) return true;
    const char *article = !strcmp(f->a->name, "int") ? "an" : "a";
    bool quoted = v->kind == V_STRING && !strcmp(f->a->name, "function");
    lower_error(L, at, "`%s` of %s() is %s %s; this is %s%s", f->name, fn->name, article,
            f->a->name, value_text_of(L, *v), quoted ? " (a function's name has no quotes)" : "");
    return false;
}

/* An optional argument: `none` stands for it when it is left out. */
static bool is_optional(const Ast *f) {
    return f->b && f->b->kind == A_NAME && !strcmp(f->b->name, "none") && !formal_is(f, "string");
}

static bool bind_absent(Lower *L, const Function *fn, const Ast *f, Span at) {
    if (is_optional(f)) return true;
    lower_error(L, at, "`%s` of %s() cannot be left out; this is none", f->name, fn->name);
    return false;
}

/* ---- lists ---------------------------------------------------------------------- */

/* How long a list has to be by this part of its type; `present` where that is open. */
static bool wanted_length(Lower *L, const Ast *d, int64_t present, Scope *s, int64_t *out) {
    *out = present;
    if (d->kind == A_ELLIPSIS) return true;
    Binding *b = d->kind == A_NAME ? scope_find_here(s, d->name) : NULL;
    if (d->kind == A_NAME && !b) b = scope_find(s->up, d->name);
    if (d->kind == A_NAME && (!b || !is_size(b->value))) {
        scope_bind(L, s, d->name, value_int(present), d->span);
        return true;
    }
    Scope *before = L->scope;
    L->scope = s;
    Value v = lower_expr(L, d);
    L->scope = before;
    return value_to_size(L, v, d->span, out);
}

/* A number where the type has a list stands for each of its items. */
static bool fit_list(Lower *L, const Ast *type, const Ast *d, Scope *s, Value *v) {
    if (!d) return scalar_fits(type->name, v);
    bool one = v->kind != V_LIST;
    int64_t n;
    if (!wanted_length(L, d, one ? 1 : v->i, s, &n) || (!one && n != v->i)) return false;
    Value *item = NEW_ARRAY(L->arena, Value, n + 1);
    for (int64_t k = 0; k < n; k++) {
        item[k] = one ? *v : v->item[k];
        if (!fit_list(L, type, d->next, s, &item[k])) return false;
    }
    const Ast *ast = v->ast;
    *v = value_list(L, (int)n, item);
    v->ast = one ? NULL : ast;
    return true;
}

static bool bind_list(Lower *L, const Function *fn, const Ast *f, Scope *s, Value *v, Span at) {
    const Ast *d = f->a->list;
    Value given = *v;
    if (fit_list(L, f->a, d, s, v)) return true;
    const char *length = d->kind == A_ELLIPSIS ? "" : source_text(L, d->span);
    lower_error(L, at, "`%s` of %s() is %s: one for all, or a list%s%s; this is %s", f->name,
            fn->name, source_text(L, f->a->span), *length ? " of " : "", length,
            value_text_of(L, given));
    return false;
}

static bool bind_formal(Lower *L, const Function *fn, const Ast *f, Scope *s, Value v, Span at) {
    bool ok = true;
    if (v.kind == V_ABSENT)
        ok = bind_absent(L, fn, f, at);
    else if (f->a && f->a->flag && is_list_type(f->a))
        ok = bind_list(L, fn, f, s, &v, at);
    else if (f->a && f->a->flag)
        ok = bind_tensor(L, fn, f, s, &v, at);
    else if (f->a && f->a->name)
        ok = bind_scalar(L, fn, f, &v, at);
    scope_bind(L, s, f->name, ok ? v : value_poison(), at);
    return ok;
}

static Value default_value(Lower *L, const Ast *f, Scope *s) {
    Scope *before = L->scope;
    Arg a = {.ast = f->b, .span = f->b->span};
    L->scope = s;
    Value v = argument_for(L, f, &a);
    L->scope = before;
    return v;
}

bool bind_formals(Lower *L, const Function *fn, Scope *s, const Value *given, const Span *given_at,
        Span call) {
    bool ok = true;
    int k = 0;
    for (const Ast *f = fn->def->params; f; f = f->next, k++) {
        Value v = given[k];
        Span at = given_at[k];
        if (v.kind == V_NONE && f->b) {
            v = default_value(L, f, s);
            at = call;
        }
        if (v.kind == V_NONE) {
            lower_error(L, call, "%s() is missing its argument `%s` (%s)", fn->name, f->name,
                    formal_list(L, fn));
            ok = false;
        } else if (v.kind == V_POISON) {
            ok = false;
        } else {
            ok = bind_formal(L, fn, f, s, v, at) && ok;
        }
    }
    return ok;
}

bool instance_argument(Lower *L, const Instance *inst, const char *name, Value *out) {
    int wanted = inst->given ? formal_named(inst->fn, name) : -1, k = 0;
    if (wanted < 0) return false;
    Scope *s = scope_new(L, inst->fn->scope);
    for (const Ast *f = inst->fn->def->params; f; f = f->next, k++) {
        *out = inst->given[k];
        if (k == wanted && out->kind == V_NONE && !f->b) return false;
        if (out->kind == V_NONE && f->b) *out = default_value(L, f, s);
        if (k == wanted) return true;
        scope_bind(L, s, f->name, *out, f->span);
    }
    return false;
}
