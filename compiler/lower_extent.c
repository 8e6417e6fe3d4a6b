/* lower_extent.c - how far the variables of index notation run.
 *
 * Before a definition or fold is built its text is walked once: every subscript under the
 * variables is a use. Then
 *   1. a `...` stands for as many axes as the longest use leaves to it;
 *   2. a variable alone in an index has that axis's extent (loads in branches count only
 *      where no other load says it);
 *   3. one that occurs in compound indices only has the largest range from 0 that keeps
 *      every unguarded load in bounds, found by trial: an index expression is built with
 *      the variable's extent and the range that the constructors derive is looked at.
 * Whatever does not mention a variable is evaluated once and remembered (Memo). */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* Binders visible at a place of the text; an entry without binder hides a name. */
typedef struct Env {
    const struct Env *up;
    const char *name;
    Binder *binder;
} Env;

typedef struct Use {
    const Ast *ast; /* A_SUBSCRIPT */
    Node *node;
    const Env *env;
    bool guarded;
    int naxis;
    const Ast *item[MAX_RANK]; /* one an axis; NULL: of the pack */
    IndexVar *pack[MAX_RANK];  /* where item is NULL */
} Use;

typedef struct Walk {
    Lower *L;
    IndexContext *c;
    Vec(Use *) use;
    bool ok;
} Walk;

static void walk(Walk *w, const Ast *e, const Env *env, bool guarded);

/* ---- which variables occur ------------------------------------------------------ */

static const Env *env_find(const Env *env, const char *name) {
    for (; env; env = env->up)
        if (env->name == name) return env->binder ? env : NULL;
    return NULL;
}

static const char *pack_name(void) {
    return intern("...");
}

static bool mentions(const Ast *e, const Env *env);

static bool any_mentions(const Ast *list, const Env *env) {
    for (; list; list = list->next)
        if (mentions(list, env)) return true;
    return false;
}

static bool fold_mentions(const Ast *e, const Ast *binder, const Env *env) {
    if (!binder) return mentions(e->a, env);
    if (binder->a && mentions(binder->a, env)) return true;
    Env inner = {env, binder->flag ? pack_name() : binder->name, NULL};
    return fold_mentions(e, binder->next, &inner);
}

static bool mentions(const Ast *e, const Env *env) {
    if (!e) return false;
    if (e->kind == A_NAME) return env_find(env, e->name) != NULL;
    if (e->kind == A_ELLIPSIS) return env_find(env, pack_name()) != NULL;
    if (e->kind == A_FOLD) return fold_mentions(e, e->list, env);
    if (e->kind == A_ARG) return mentions(e->a, env);
    return mentions(e->a, env) || mentions(e->b, env) || mentions(e->c, env) ||
           any_mentions(e->list, env);
}

/* ---- evaluating what has no variables ------------------------------------------- */

static Value whole_value(Walk *w, const Ast *e) {
    Lower *L = w->L;
    const Value *known = memo_find(L, e);
    if (known) return *known;
    IndexContext *c = L->index;
    Expr *guard = L->guard;
    ElseCatch *catching = L->catching;
    L->guard = NULL, L->catching = NULL;
    L->index = NULL;
    Value v = lower_expr(L, e);
    L->index = c, L->guard = guard, L->catching = catching;
    vec_push(L->arena, &w->c->memo, ((Memo){e, v}));
    return v;
}

/* ---- binders -------------------------------------------------------------------- */

static IndexVar *index_var(Walk *w, const char *name, Span at) {
    IndexVar *v = NEW(w->L->arena, IndexVar);
    *v = (IndexVar){.name = name, .span = at, .number = -1};
    return v;
}

static bool range_end(Walk *w, const Ast *e, const Env *env, int64_t *out) {
    if (mentions(e, env)) {
        lower_error(w->L, e->span,
                "a range is known at compile time; to leave elements out, "
                "write `if condition then ...` in the fold");
        return false;
    }
    Value v = whole_value(w, e);
    if (v.kind == V_BATCH) {
        *out = DIM_BATCH;
        return true;
    }
    return value_to_int(w->L, v, e->span, "the end of a range", out);
}

static void bind_range(Walk *w, const Ast *binder, IndexVar *v, const Env *env) {
    int64_t from, to;
    if (!range_end(w, binder->a->a, env, &from) || !range_end(w, binder->a->b, env, &to)) {
        w->ok = false;
        return;
    }
    v->by_range = true;
    v->reason = binder->a->span;
    v->from = from;
    v->extent = to == DIM_BATCH ? DIM_BATCH : to - from;
    if (to == DIM_BATCH ? from == 0 : to > from && from >= INT32_MIN && to <= INT32_MAX) return;
    if (to == DIM_BATCH)
        lower_error(w->L, binder->a->span, "a range to `batch` begins at 0");
    else
        lower_error(w->L, binder->a->span,
                "the range %" PRId64 "..%" PRId64 " is empty or too long "
                "(the end is not part of it)",
                from, to);
    w->ok = false;
}

static void bind_axis(Walk *w, const Ast *binder, const Env *env) {
    Binder b = {.ast = binder};
    if (binder->flag) {
        b.pack = NEW(w->L->arena, Pack);
    } else {
        b.var = index_var(w, binder->name, binder->span);
        if (binder->a) bind_range(w, binder, b.var, env);
    }
    vec_push(w->L->arena, &w->c->binder, b);
}

/* The binders' environment, innermost last; entries live in the arena, since uses keep them.
 * Binder pointers are looked up late: the vector may move while it grows. */
static const Env *bind_axes(Walk *w, const Ast *list, const Env *env) {
    for (const Ast *b = list; b; b = b->next) {
        if (!binder_find(w->c, b)) bind_axis(w, b, env);
        Env *inner = NEW(w->L->arena, Env);
        Binder *copy = arena_copy(w->L->arena, binder_find(w->c, b), sizeof *copy);
        *inner = (Env){env, b->flag ? pack_name() : b->name, copy};
        env = inner;
    }
    return env;
}

/* ---- the walk ------------------------------------------------------------------- */

static void walk_list(Walk *w, const Ast *list, const Env *env, bool guarded) {
    for (; list; list = list->next) walk(w, list->kind == A_ARG ? list->a : list, env, guarded);
}

static void walk_subscript(Walk *w, const Ast *e, const Env *env, bool guarded) {
    if (mentions(e->a, env)) {
        lower_error(w->L, e->a->span,
                "what is indexed here has index variables itself; index the tensors "
                "in it instead");
        w->ok = false;
        return;
    }
    Value base = list_as_tensor(w->L, whole_value(w, e->a), e->a->span);
    walk_list(w, e->list, env, guarded);
    if (base.kind != V_TENSOR) {
        w->ok = w->ok && base.kind != V_POISON;
        return; /* reported when it is built */
    }
    Use *u = NEW(w->L->arena, Use);
    *u = (Use){.ast = e, .node = base.node, .env = env, .guarded = guarded};
    vec_push(w->L->arena, &w->use, u);
}

static void walk_if(Walk *w, const Ast *e, const Env *env, bool guarded) {
    if (!mentions(e->a, env)) {
        Value c = whole_value(w, e->a);
        if (c.kind == V_BOOL) {
            const Ast *taken = c.i ? e->b : e->c;
            if (taken) walk(w, taken, env, guarded);
            return;
        }
    } else {
        walk(w, e->a, env, guarded);
    }
    walk(w, e->b, env, true);
    if (e->c) walk(w, e->c, env, true);
}

static void walk(Walk *w, const Ast *e, const Env *env, bool guarded) {
    if (!w->ok || !mentions(e, env)) return;
    switch (e->kind) {
    case A_SUBSCRIPT:
        walk_subscript(w, e, env, guarded);
        return;
    case A_FOLD:
        walk(w, e->a, bind_axes(w, e->list, env), guarded);
        return;
    case A_IF:
        walk_if(w, e, env, guarded);
        return;
    case A_ELSE:
        walk(w, e->a, env, true);
        walk(w, e->b, env, guarded);
        return;
    case A_CALL:
        walk_list(w, e->list, env, guarded);
        return;
    case A_PIPE:
        walk(w, e->a, env, guarded);
        if (e->b->kind == A_CALL) walk_list(w, e->b->list, env, guarded);
        return;
    default:
        if (e->a) walk(w, e->a, env, guarded);
        if (e->b) walk(w, e->b, env, guarded);
        if (e->c) walk(w, e->c, env, guarded);
        walk_list(w, e->list, env, guarded);
    }
}

/* ---- packs, and one item an axis ------------------------------------------------ */

static bool has_slice(const Ast *items) {
    for (; items; items = items->next)
        if (items->kind == A_SLICE) return true;
    return false;
}

static const Ast *ellipsis_of(const Ast *items) {
    for (; items; items = items->next)
        if (items->kind == A_ELLIPSIS) return items;
    return NULL;
}

static Pack *use_pack(const Use *u) {
    const Env *e = ellipsis_of(u->ast->list) ? env_find(u->env, pack_name()) : NULL;
    return e ? e->binder->pack : NULL;
}

static bool pack_length(Walk *w, const Use *u) {
    Pack *p = use_pack(u);
    if (!p || has_slice(u->ast->list)) return true;
    int n = u->node->rank - (ast_count(u->ast->list) - 1);
    if (n < 0) {
        lower_error(w->L, u->ast->span, "%s has fewer axes than the %d indices besides `...`",
                node_shape_text(w->L, u->node), ast_count(u->ast->list) - 1);
        return false;
    }
    if (n > p->n) p->n = n;
    p->known = true;
    return true;
}

static bool spread_items(Walk *w, Use *u) {
    int items = ast_count(u->ast->list), rank = u->node->rank;
    Pack *p = use_pack(u);
    if (has_slice(u->ast->list) || (ellipsis_of(u->ast->list) && !p)) return true; /* a slice */
    if (!p && items != rank) {
        lower_error(w->L, u->ast->span, "%s needs %d %s; there %s %d",
                node_shape_text(w->L, u->node), rank, rank == 1 ? "index" : "indices",
                items == 1 ? "is" : "are", items);
        return false;
    }
    int own = p ? rank - (items - 1) : 0, at = 0;
    for (const Ast *i = u->ast->list; i; i = i->next) {
        if (i->kind != A_ELLIPSIS) {
            u->item[at++] = i;
            continue;
        }
        for (int k = 0; k < own; k++) u->pack[at++] = p->var[p->n - own + k];
    }
    u->naxis = at;
    return true;
}

static bool make_packs(Walk *w) {
    for (int k = 0; k < w->c->binder.n; k++) {
        Pack *p = w->c->binder.at[k].pack;
        if (!p || p->var) continue;
        if (!p->known) {
            lower_error(w->L, w->c->binder.at[k].ast->span,
                    "no tensor on the right says what `...` stands for");
            return false;
        }
        p->var = NEW_ARRAY(w->L->arena, IndexVar *, p->n + 1);
        for (int i = 0; i < p->n; i++) p->var[i] = index_var(w, NULL, w->c->binder.at[k].ast->span);
    }
    return true;
}

/* ---- extents of variables that stand alone -------------------------------------- */

static IndexVar *alone(const Use *u, int axis) {
    if (!u->item[axis]) return u->pack[axis];
    if (u->item[axis]->kind != A_NAME) return NULL;
    const Env *e = env_find(u->env, u->item[axis]->name);
    return e ? e->binder->var : NULL;
}

static Span item_span(const Use *u, int axis) {
    return u->item[axis] ? u->item[axis]->span : ellipsis_of(u->ast->list)->span;
}

static bool alone_in(Walk *w, const Use *u, int axis) {
    IndexVar *v = alone(u, axis);
    int64_t dim = u->node->dim[axis];
    if (!v || v->by_range) return true;
    if (!v->extent) {
        v->extent = dim;
        v->reason = item_span(u, axis);
        v->in_branch = u->guarded;
        return true;
    }
    /* In a branch a load may lack elements that a load outside of all branches needs. */
    if (v->extent == dim || (u->guarded && !v->in_branch)) return true;
    const char *name = v->name ? v->name : "...";
    lower_error(w->L, item_span(u, axis), "`%s` runs over two different extents: %s here, in %s",
            name, size_text(w->L, dim), node_shape_text(w->L, u->node));
    diag_note(v->reason, "and %s here", size_text(w->L, v->extent));
    return false;
}

static bool extents_alone(Walk *w, bool guarded) {
    bool ok = true;
    for (int k = 0; k < w->use.n; k++) {
        const Use *u = w->use.at[k];
        for (int axis = 0; axis < u->naxis && u->guarded == guarded; axis++)
            ok = alone_in(w, u, axis) && ok;
    }
    return ok;
}

/* ---- extents by trial ----------------------------------------------------------- */

static const Env *unknown_in(const Ast *e, const Env *env, const IndexVar *except);

static const Env *unknown_in_list(const Ast *list, const Env *env, const IndexVar *except) {
    for (; list; list = list->next) {
        const Env *found = unknown_in(list, env, except);
        if (found) return found;
    }
    return NULL;
}

/* A variable of unknown extent in e, other than one. */
static const Env *unknown_in(const Ast *e, const Env *env, const IndexVar *except) {
    if (!e) return NULL;
    if (e->kind == A_NAME) {
        const Env *f = env_find(env, e->name);
        return f && f->binder->var && !f->binder->var->extent && f->binder->var != except ? f
                                                                                          : NULL;
    }
    const Env *found = unknown_in(e->a, env, except);
    if (!found) found = unknown_in(e->b, env, except);
    if (!found) found = unknown_in(e->c, env, except);
    return found ? found : unknown_in_list(e->list, env, except);
}

static bool depends(const Ast *e, const Env *env, const IndexVar *v) {
    Env only = {NULL, v->name, NULL};
    const Env *f = env_find(env, v->name);
    if (!f || f->binder->var != v) return false;
    only.binder = f->binder;
    return mentions(e, &only);
}

static void bind_trial(Lower *L, Scope *s, const Env *env, int *number) {
    if (!env) return;
    bind_trial(L, s, env->up, number);
    IndexVar *v = env->binder ? env->binder->var : NULL;
    if (!v || *number >= MAX_VARS) return;
    Expr *e = ex_var(L->graph, (*number)++, v->extent ? v->extent : 1);
    scope_bind(L, s, v->name, value_expr(ex_op2(L->graph, OP_add, e, ex_int(L->graph, v->from))),
            v->span);
}

/* An index that reads tensors has values that no extent bounds; items of lists are no such
 * values. */
static bool reads_tensors(Walk *w, const Ast *e, const Env *env) {
    if (!e) return false;
    if (e->kind == A_SUBSCRIPT && !mentions(e, env)) return whole_value(w, e).kind != V_INT;
    if (e->kind == A_SUBSCRIPT || e->kind == A_FOLD || e->kind == A_ELSE) return true;
    for (const Ast *x = e->list; x; x = x->next)
        if (reads_tensors(w, x, env)) return true;
    return reads_tensors(w, e->a, env) || reads_tensors(w, e->b, env) ||
           reads_tensors(w, e->c, env);
}

/* The index expression with the extents as they stand; NULL where its range says nothing. */
static Expr *trial_index(Walk *w, const Use *u, const Ast *item) {
    Lower *L = w->L;
    if (reads_tensors(w, item, u->env)) return NULL;
    Scope *before = L->scope;
    int number = 0;
    L->scope = scope_new(L, before);
    bind_trial(L, L->scope, u->env, &number);
    Value v = lower_expr(L, item);
    L->scope = before;
    if (v.kind == V_POISON) w->ok = false;
    return v.kind == V_EXPR && v.expr->dtype == T_I32 ? v.expr : NULL;
}

static bool fits_with(Walk *w, const Use *u, int axis, IndexVar *v, int64_t extent) {
    v->extent = extent;
    Expr *e = trial_index(w, u, u->item[axis]);
    v->extent = 0;
    return !e || (e->lo >= 0 && e->hi < u->node->dim[axis]);
}

static bool batch_axis_compound(Walk *w, const Use *u, int axis) {
    if (u->node->dim[axis] != DIM_BATCH) return false;
    lower_error(w->L, item_span(u, axis),
            "the batch axis has no fixed extent to divide or shift: its index is "
            "a variable alone (keep it with `...`), or the load has an `else`");
    return true;
}

/* The largest extent of v that keeps this index inside its axis; INT32_MAX: any. */
static int64_t largest_extent(Walk *w, const Use *u, int axis, IndexVar *v) {
    if (fits_with(w, u, axis, v, INT32_MAX)) return INT32_MAX;
    int64_t good = 0, bad = INT32_MAX;
    while (bad - good > 1) {
        int64_t middle = good + (bad - good) / 2;
        if (fits_with(w, u, axis, v, middle))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

typedef enum { TRIAL_FOUND, TRIAL_WAITS, TRIAL_NOTHING, TRIAL_ERROR } Trial;

static bool constrains(const Use *u, int axis, const IndexVar *v) {
    return !u->guarded && u->item[axis] && depends(u->item[axis], u->env, v);
}

/* Looks at all loads that v's extent must keep in bounds. */
static Trial try_extent(Walk *w, IndexVar *v) {
    int64_t best = INT32_MAX;
    const Use *by = NULL;
    int by_axis = 0;
    for (int k = 0; k < w->use.n; k++) {
        const Use *u = w->use.at[k];
        for (int axis = 0; axis < u->naxis; axis++) {
            if (!constrains(u, axis, v)) continue;
            if (unknown_in(u->item[axis], u->env, v)) return TRIAL_WAITS;
            if (batch_axis_compound(w, u, axis)) return TRIAL_ERROR;
            int64_t e = largest_extent(w, u, axis, v);
            if (!w->ok) return TRIAL_ERROR;
            if (e < best) best = e, by = u, by_axis = axis;
        }
    }
    if (!by) return TRIAL_NOTHING;
    if (best == 0) {
        lower_error(w->L, item_span(by, by_axis),
                "no value of `%s` keeps this index inside the axis of %s, in %s", v->name,
                size_text(w->L, by->node->dim[by_axis]), node_shape_text(w->L, by->node));
        return TRIAL_ERROR;
    }
    v->extent = best;
    v->reason = item_span(by, by_axis);
    return TRIAL_FOUND;
}

static bool no_extent(Walk *w, const IndexVar *v, Trial why) {
    if (why == TRIAL_WAITS)
        lower_error(w->L, v->span,
                "how far `%s` runs cannot be told: it occurs only together with other variables "
                "of unknown extent; write `%s in 0..n`",
                v->name, v->name);
    else
        lower_error(w->L, v->span,
                "how far `%s` runs cannot be told: no index of a tensor says it; "
                "write `%s in 0..n`",
                v->name, v->name);
    return false;
}

/* One after the other, as long as one of them can be told. */
static bool extents_by_trial(Walk *w) {
    for (;;) {
        bool progress = false;
        IndexVar *stuck = NULL;
        Trial why = TRIAL_NOTHING;
        for (int k = 0; k < w->c->binder.n; k++) {
            IndexVar *v = w->c->binder.at[k].var;
            if (!v || v->extent) continue;
            Trial t = try_extent(w, v);
            if (t == TRIAL_ERROR) return false;
            if (t == TRIAL_FOUND)
                progress = true;
            else if (!stuck)
                stuck = v, why = t;
        }
        if (!stuck) return true;
        if (!progress) return no_extent(w, stuck, why);
    }
}

bool find_extents(Lower *L, IndexContext *c, const Ast *binders, const Ast *body) {
    Walk w = {.L = L, .c = c, .ok = true};
    const Env *env = bind_axes(&w, binders, NULL);
    if (body->kind == A_FOLD && body->list == binders) body = body->a;
    walk(&w, body, env, false);
    for (int k = 0; k < w.use.n && w.ok; k++) w.ok = pack_length(&w, w.use.at[k]);
    if (!w.ok || !make_packs(&w)) return false;
    for (int k = 0; k < w.use.n && w.ok; k++) w.ok = spread_items(&w, w.use.at[k]);
    return w.ok && extents_alone(&w, false) && extents_alone(&w, true) && extents_by_trial(&w);
}
