/* lower_param.c - what is stored: parameters, states and their paths, initial values, and
 * the streams of random numbers.
 *
 * A path is given out by the module (a layer's application, or the model) in which a name
 * is declared. Applying an instance again, and running the model again without `training`,
 * gives out the same paths, and a path that is known is the same variable: that is all
 * there is to sharing. */
#include "graph_tables.h"
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- paths ---------------------------------------------------------------------- */

Module *module_new(Lower *L, const char *path) {
    Module *m = NEW(L->arena, Module);
    m->path = path;
    m->suffix = "";
    return m;
}

static bool is_taken(const Module *m, const char *name) {
    for (int e = lookup_first(&m->place, hash_text(name)); e >= 0; e = lookup_next(&m->place, e))
        if (m->taken.at[lookup_item(&m->place, e)] == name) return true;
    return false;
}

/* conv2d, conv2d_1, ...; in a compile-time loop block.3, block_1.3. */
const char *module_name(Lower *L, Module *m, const char *name) {
    const char *own = intern(arena_printf(L->arena, "%s%s", name, m->suffix));
    for (int k = 1; is_taken(m, own); k++)
        own = intern(arena_printf(L->arena, "%s_%d%s", name, k, m->suffix));
    lookup_add(L->arena, &m->place, hash_text(own), m->taken.n);
    vec_push(L->arena, &m->taken, own);
    return *m->path ? intern(arena_printf(L->arena, "%s.%s", m->path, own)) : own;
}

static uint32_t fnv1a(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

/* The stream of a key: its hash, or the next one that no other key has. Keys keep their
 * streams from run to run. */
static uint32_t stream_of(Lower *L, const char *key) {
    uint32_t hash = fnv1a(key), stream = hash;
    const Lookup *keys = &L->stream_key;
    for (int e = lookup_first(keys, hash); e >= 0; e = lookup_next(keys, e))
        if (L->stream.at[lookup_item(keys, e)].key == key)
            return L->stream.at[lookup_item(keys, e)].stream;
    while (lookup_first(&L->stream_used, stream) >= 0) stream++;
    lookup_add(L->arena, &L->stream_key, hash, L->stream.n);
    lookup_add(L->arena, &L->stream_used, stream, L->stream.n);
    vec_push(L->arena, &L->stream, ((Stream){key, stream}));
    return stream;
}

/* By the module's path and the number of draws made in it before: the same in every run of
 * the text, distinct for distinct places. */
uint32_t next_stream(Lower *L) {
    const char *path = L->module->path;
    uint64_t hash = hash_text(path);
    int e = lookup_first(&L->drawn, hash);
    while (e >= 0 && L->draws.at[lookup_item(&L->drawn, e)].path != path)
        e = lookup_next(&L->drawn, e);
    int k = e < 0 ? L->draws.n : lookup_item(&L->drawn, e);
    if (e < 0) {
        lookup_add(L->arena, &L->drawn, hash, k);
        vec_push(L->arena, &L->draws, ((Draws){path, 0}));
    }
    int n = L->draws.at[k].n++;
    return stream_of(L, intern(arena_printf(L->arena, "%s#%d", path, n)));
}

static bool segment_matches(const char *pattern, const char *path) {
    if (*pattern == '\0') return *path == '\0' || *path == '.';
    if (*pattern == '*') {
        for (;; path++) {
            if (segment_matches(pattern + 1, path)) return true;
            if (*path == '\0') return false;
        }
    }
    return *pattern == *path && segment_matches(pattern + 1, path + 1);
}

bool path_matches(const char *pattern, const char *path) {
    return segment_matches(pattern, path);
}

/* ---- variables ------------------------------------------------------------------ */

Var *find_var(Lower *L, const char *path) {
    for (int e = lookup_first(&L->path, hash_text(path)); e >= 0; e = lookup_next(&L->path, e)) {
        Var *v = L->var.at[lookup_item(&L->path, e)];
        if (v->path == path) return v;
    }
    return NULL;
}

void note_var(Lower *L, Var *v) {
    lookup_add(L->arena, &L->path, hash_text(v->path), L->var.n);
    vec_push(L->arena, &L->var, v);
}

static Pending *pending_of(Lower *L, const Var *v) {
    Pending *p = v->pending < L->pending.n ? &L->pending.at[v->pending] : NULL;
    return p && p->var == v ? p : NULL;
}

Node *present_value(Lower *L, Var *v) {
    const Pending *p = pending_of(L, v);
    return p ? p->value : v->leaf;
}

static bool dtype_of_type(Lower *L, const Ast *type, DType *out) {
    for (int t = T_F32; t <= T_BOOL; t++) {
        if (strcmp(dtype_name((DType)t), type->name) != 0) continue;
        *out = (DType)t;
        return true;
    }
    lower_error(L, type->span, "a tensor's elements are f32, i32, u8 or bool; not %s", type->name);
    return false;
}

static bool like_shape(Lower *L, const Ast *type, Shape *out) {
    Value v = scope_value(L, type->name, type->span);
    if (v.kind != V_POISON && value_shape_of(v, out)) return true;
    if (v.kind != V_POISON)
        lower_error(L, type->span, "`like` takes a tensor; this is %s", value_text_of(L, v));
    return false;
}

bool type_shape(Lower *L, const Ast *type, Shape *out) {
    *out = (Shape){0};
    if (type->kind == A_TYPE_LIKE) return like_shape(L, type, out);
    if (!dtype_of_type(L, type, &out->dtype)) return false;
    for (const Ast *d = type->list; d; d = d->next) {
        if (d->kind == A_ELLIPSIS) {
            lower_error(
                    L, d->span, "a declaration gives every size; `...` matches in a formal's type");
            return false;
        }
        if (!add_sizes(L, lower_expr(L, d), d->span, out)) return false;
    }
    return shape_check(L, out, type->span);
}

/* ---- initial values ------------------------------------------------------------- */

static bool converts(DType from, DType to) {
    return from == to || to == T_F32 ? from != T_BOOL || to == T_BOOL : to == T_I32 && from == T_U8;
}

Node *fit_to_shape(Lower *L, Value v, const Shape *s, const char *what, Span at) {
    Node *n = value_to_node(L, v, at);
    if (!n) return NULL;
    Shape own = shape_of_node(n), both;
    bool fits = own.rank <= s->rank;
    for (int k = 1; fits && k <= own.rank; k++)
        fits = own.dim[own.rank - k] == 1 || own.dim[own.rank - k] == s->dim[s->rank - k];
    both = *s;
    if (!fits) {
        lower_error(L, at, "%s is %s; it must be, or repeat to, %s", what, shape_text(L, &own),
                shape_text(L, s));
        return NULL;
    }
    if (!converts(n->dtype, s->dtype)) {
        lower_error(
                L, at, "%s is %s; it must be %s", what, dtype_name(n->dtype), dtype_name(s->dtype));
        return NULL;
    }
    return broadcast_to(L, convert_node(L, n, s->dtype, at), &both, at);
}

/* Initial values may use other parameters' initial values; the caller's data they may not. */
static Node *independent(Lower *L, Node *n, Span at) {
    Vec(Node *) from = {0}, to = {0};
    NodeList order = graph_order(L->graph, &n, 1);
    for (int k = 0; k < order.n; k++) {
        Node *leaf = order.at[k];
        if (leaf->kind != N_LEAF || leaf->leaf == L_DATA || leaf->leaf == L_UNIFORM) continue;
        Var *v = leaf->name ? find_var(L, intern(leaf->name)) : NULL;
        if (!v || v->leaf != leaf || !v->init) {
            lower_error(L, at,
                    "an initial value cannot depend on `%s`, which is not known when the model is "
                    "created",
                    leaf->name ? leaf->name : "this");
            return NULL;
        }
        vec_push(L->arena, &from, leaf);
        vec_push(L->arena, &to, v->init);
    }
    if (from.n) graph_replace(L->graph, &n, 1, from.at, to.at, from.n);
    return n;
}

Node *initial_value(Lower *L, const Ast *init, const Shape *s, const char *path, Span at) {
    Module *module = L->module;
    OpenScan *scan = L->scan;
    const Shape *wanted = L->wanted;
    L->module = module_new(L, path);
    L->scan = NULL;
    L->wanted = s;
    Value v = lower_expr(L, init);
    L->module = module;
    L->scan = scan;
    L->wanted = wanted;
    Node *n = fit_to_shape(L, v, s, "the initial value", at);
    return n ? independent(L, n, at) : NULL;
}

/* ---- declarations --------------------------------------------------------------- */

static bool has_batch(const Shape *s, int from) {
    for (int k = from; k < s->rank; k++)
        if (s->dim[k] == DIM_BATCH) return true;
    return false;
}

/* The variable of a path that was declared before, when its shape is the same. */
static Var *declared_before(Lower *L, const char *path, const Shape *s, Span at, bool *ok) {
    Var *v = find_var(L, path);
    *ok = true;
    if (!v) return NULL;
    Shape own = shape_of_node(v->leaf);
    if (shape_equal(&own, s) && own.dtype == s->dtype) return v;
    abandon(L);
    diag_error(user_span(L, at),
            "`%s` is %s here, but %s where it was made: what shares parameters is applied to "
            "tensors of one shape",
            path, shape_text(L, s), shape_text(L, &own));
    diag_note(v->span, "made here");
    *ok = false;
    return NULL;
}

static Var *new_var(Lower *L, LeafKind kind, const char *path, const Shape *s, const Ast *decl) {
    if (L->entry && kind != L_ROW_STATE) {
        abandon(L);
        diag_error(user_span(L, decl->span),
                "an entry uses the model's parameters and states; `%s` would be a new one "
                "(bind the layer to a name in the model and apply that)",
                path);
        return NULL;
    }
    Var *v = NEW(L->arena, Var);
    v->path = path;
    /* Of the library's text the user knows the call only. */
    v->span = user_span(L, decl->span);
    v->leaf = node_leaf(L->graph, kind, s->dtype, s->rank, s->dim, path, decl->span);
    if (decl->b)
        v->init = initial_value(L, decl->b, s, path, decl->b->span);
    else
        v->init = node_zeros(L->graph, s->dtype, s->rank, s->dim, decl->span);
    if (!v->init) return NULL;
    bool named = v->init->kind != N_COMP || v->init->name;
    if (!named) v->init->name = arena_printf(L->arena, "initial %s", path);
    return v;
}

static Var *declare_param(Lower *L, const Ast *s) {
    Shape shape;
    bool ok;
    if (!type_shape(L, s->a, &shape)) return NULL;
    if (has_batch(&shape, 0) || shape.dtype != T_F32) {
        lower_error(L, s->a->span,
                has_batch(&shape, 0) ? "a parameter has no batch axis: it is the same for every row"
                                     : "a parameter's elements are f32: gradients move them");
        return NULL;
    }
    if (!s->b) {
        lower_error(L, s->span,
                "a parameter needs its initial value: `param %s: ... = glorot_uniform()`", s->name);
        return NULL;
    }
    const char *path = module_name(L, L->module, s->name);
    Var *v = declared_before(L, path, &shape, s->span, &ok);
    if (v || !ok) return v;
    v = new_var(L, L_PARAM, path, &shape, s);
    if (!v) return NULL;
    v->trained = !parameter_frozen(L, path);
    vec_push(L->arena, &L->model->param, v);
    note_var(L, v);
    return v;
}

void lower_param(Lower *L, const Ast *s) {
    Var *v = declare_param(L, s);
    scope_bind(L, L->scope, s->name, v ? value_node(v->leaf) : value_poison(), s->span);
}

static Var *declare_state(Lower *L, const Ast *s) {
    Shape shape;
    bool ok;
    if (!type_shape(L, s->a, &shape)) return NULL;
    if (has_batch(&shape, 1)) {
        lower_error(L, s->a->span, "a state per row has the batch axis first");
        return NULL;
    }
    bool rows = has_batch(&shape, 0);
    const char *path = module_name(L, L->module, s->name);
    Var *v = declared_before(L, path, &shape, s->span, &ok);
    if (v || !ok) return v;
    v = new_var(L, rows ? L_ROW_STATE : L_STATE, path, &shape, s);
    if (v && rows)
        vec_push(L->arena, &L->model->row_state, v);
    else if (v)
        vec_push(L->arena, &L->model->state, v);
    if (v) note_var(L, v);
    return v;
}

/* A row's state is what calls of predict and entries left; training begins each row anew. */
void lower_state(Lower *L, const Ast *s) {
    Var *v = declare_state(L, s);
    if (!v) {
        scope_bind(L, L->scope, s->name, value_poison(), s->span);
        return;
    }
    Node *now = present_value(L, v);
    if (L->training && now == v->leaf && v->leaf->leaf == L_ROW_STATE) now = v->init;
    scope_bind(L, L->scope, s->name, value_node(now), s->span)->var = v;
}

/* ---- assignment to a variable --------------------------------------------------- */

static void set_pending(Lower *L, Var *v, Node *n) {
    Pending *p = pending_of(L, v);
    if (p) {
        p->value = n;
        return;
    }
    v->pending = L->pending.n;
    vec_push(L->arena, &L->pending, ((Pending){v, n}));
}

void assign_var(Lower *L, Binding *b, Value v, Span at) {
    Var *var = b->var;
    Shape s = shape_of_node(var->leaf);
    b->value = value_poison();
    if (v.kind == V_POISON) return;
    if (L->entry && var->leaf->leaf == L_STATE) {
        lower_error(L, at,
                "`%s` is a state of the model, which training alone writes; an entry writes states "
                "of rows, as in state %s: f32[batch, ...]",
                b->name, b->name);
        return;
    }
    if (L->scan) {
        lower_error(L, at,
                "`%s` is a state; inside of a scan carry a value and assign the state after it",
                b->name);
        return;
    }
    Node *n = fit_to_shape(L, v, &s, arena_printf(L->arena, "the next value of `%s`", b->name), at);
    if (!n) return;
    if (n->kind == N_COMP && !n->name) n->name = var->path;
    b->value = value_node(n);
    set_pending(L, var, n);
    if (L->optimizing || (L->training && var->leaf->leaf == L_STATE)) var->next = n;
}
