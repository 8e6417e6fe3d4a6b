/* lower_index.c - index notation: definitions `y[n, o] = body`, folds, and the loads in them.
 *
 * A definition becomes one comprehension over its free variables. A fold inside it becomes a
 * comprehension of its own, over the free variables that occur in it; its element is then
 * loaded. Variables carry one numbering per definition while it is written (free variables
 * first, folds as they nest), and get their places in a node when that node is made.
 *
 * L->guard holds the conditions of the branches around the present place. It permits loads
 * that may leave their tensor; these get a guard that says where they do not, since what
 * they give elsewhere is not looked at. */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- contexts ------------------------------------------------------------------- */

typedef struct Saved {
    IndexContext *index;
    Expr *guard;
    ElseCatch *catching;
    Scope *scope;
    Branch *branch;
} Saved;

static IndexContext *context_push(Lower *L, Saved *saved) {
    *saved = (Saved){L->index, L->guard, L->catching, L->scope, L->branch};
    IndexContext *c = NEW(L->arena, IndexContext);
    c->up = L->index;
    if (c->up) {
        c->nvar = c->up->nvar;
        memcpy(c->extent, c->up->extent, sizeof c->extent);
    }
    L->index = c;
    L->guard = NULL;
    L->catching = NULL;
    L->branch = NULL;
    return c;
}

static void context_pop(Lower *L, const Saved *saved) {
    L->index = saved->index;
    L->guard = saved->guard;
    L->catching = saved->catching;
    L->scope = saved->scope;
    L->branch = saved->branch;
}

const Value *memo_find(const Lower *L, const Ast *e) {
    if (!L->index) return NULL;
    for (int k = 0; k < L->index->memo.n; k++)
        if (L->index->memo.at[k].ast == e) return &L->index->memo.at[k].value;
    return NULL;
}

Binder *binder_find(IndexContext *c, const Ast *ast) {
    for (int k = 0; k < c->binder.n; k++)
        if (c->binder.at[k].ast == ast) return &c->binder.at[k];
    return NULL;
}

static bool number_var(Lower *L, IndexContext *c, IndexVar *v) {
    if (c->nvar == MAX_VARS) {
        lower_error(L, v->span, "more than %d index variables at once", MAX_VARS);
        return false;
    }
    v->number = c->nvar++;
    c->extent[v->number] = v->extent;
    return true;
}

static Value var_value(Lower *L, const IndexVar *v) {
    Expr *e = ex_var(L->graph, v->number, v->extent);
    return value_expr(v->from ? ex_op2(L->graph, OP_add, e, ex_int(L->graph, v->from)) : e);
}

/* An index variable may be called like a size; when it runs further or less far than that
 * size, the reader is told once. */
static void warn_hidden_size(Lower *L, const Ast *binder, const IndexVar *v) {
    Binding *b = L->first && !L->in_library ? scope_find(L->scope->up, binder->name) : NULL;
    if (!b || b->value.kind != V_INT || v->extent == b->value.i) return;
    for (int k = 0; k < L->warned.n; k++)
        if (L->warned.at[k] == binder) return;
    vec_push(L->arena, &L->warned, binder);
    diag_warning(binder->span, "the index variable `%s` hides the size %s = %" PRId64, binder->name,
            binder->name, b->value.i);
}

/* Numbers the binders' variables and binds their names in the present scope. */
static bool bind_vars(Lower *L, const Ast *list) {
    IndexContext *c = L->index;
    for (; list; list = list->next) {
        Binder *b = binder_find(c, list);
        if (b->var) {
            if (!number_var(L, c, b->var)) return false;
            warn_hidden_size(L, list, b->var);
            scope_bind(L, L->scope, list->name, var_value(L, b->var), list->span);
            continue;
        }
        for (int k = 0; k < b->pack->n; k++)
            if (!number_var(L, c, b->pack->var[k])) return false;
        Value pack = {.kind = V_PACK, .pack = b->pack};
        scope_bind(L, L->scope, intern("..."), pack, list->span);
    }
    return true;
}

/* ---- definitions ---------------------------------------------------------------- */

/* An axis begins at 0, and so do the free variables. */
static bool free_begin_at_zero(Lower *L, IndexContext *c, const Ast *list) {
    for (; list; list = list->next) {
        const IndexVar *v = binder_find(c, list)->var;
        if (!v || !v->from) continue;
        lower_error(L, v->reason,
                "a free variable begins at 0, where its axis begins; write `%s in 0..n` "
                "and shift the indices on the right",
                v->name);
        return false;
    }
    return true;
}

/* The comprehension over variables base..nvar-1, which must be all that occur in e. */
static Node *free_node(Lower *L, int base, Expr *e, Span at) {
    IndexContext *c = L->index;
    Expr *to[MAX_VARS] = {0};
    Shape s = {.rank = c->nvar - base, .dtype = e->dtype};
    if (s.rank > MAX_RANK || (e->vars & ((1u << base) - 1))) {
        if (s.rank > MAX_RANK)
            lower_error(L, at, "a tensor has at most %d axes", MAX_RANK);
        else
            lower_error(L, at, "an index variable of the caller occurs in this definition");
        return NULL;
    }
    for (int k = 0; k < s.rank; k++) {
        s.dim[k] = c->extent[base + k];
        to[base + k] = ex_var(L->graph, k, s.dim[k]);
    }
    if (!shape_check(L, &s, at)) return NULL;
    return make_node(L, s.rank, s.dim, F_NONE, 0, NULL, NULL, ex_subst(L->graph, e, to), at);
}

static Value define(Lower *L, const Ast *s) {
    IndexContext *c = L->index;
    if (!find_extents(L, c, s->list, s->a) || !free_begin_at_zero(L, c, s->list))
        return value_poison();
    int base = c->nvar;
    L->scope = scope_new(L, L->scope);
    if (!bind_vars(L, s->list)) return value_poison();
    Expr *e = value_to_expr(L, lower_expr(L, s->a), s->a->span);
    Node *n = e ? free_node(L, base, e, s->span) : NULL;
    return n ? value_node(n) : value_poison();
}

void lower_define(Lower *L, const Ast *s) {
    Saved saved;
    context_push(L, &saved);
    Value v = define(L, s);
    context_pop(L, &saved);
    assign(L, s->name, v, s->span);
}

/* ---- folds ---------------------------------------------------------------------- */

static Fold fold_of_name(const char *name) {
    static const struct {
        const char *name;
        Fold fold;
    } table[] = {
            {"sum", F_SUM},
            {"prod", F_PROD},
            {"max", F_MAX},
            {"min", F_MIN},
            {"argmax", F_ARGMAX},
            {"argmin", F_ARGMIN},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (!strcmp(table[k].name, name)) return table[k].fold;
    return F_NONE;
}

/* Makes the node from body and guard over all numbers; `first` is the first folded one. */
static Value fold_node(Lower *L, Fold fold, int first, int last, Expr *guard, Expr *body, Span at) {
    Graph *g = L->graph;
    Expr *to[MAX_VARS] = {0}, *outer[MAX_VARS];
    int64_t dim[MAX_VARS], fold_dim[MAX_VARS];
    uint32_t used = body->vars | (guard ? guard->vars : 0);
    int rank = 0, nfold = last - first;
    for (int v = 0; v < first; v++) {
        if (!(used >> v & 1)) continue;
        dim[rank] = L->index->extent[v];
        outer[rank] = ex_var(g, v, dim[rank]);
        to[v] = ex_var(g, rank, dim[rank]);
        rank++;
    }
    if (rank > MAX_RANK || rank + nfold > MAX_VARS) {
        lower_error(L, at, "this fold stands under more than %d index variables", MAX_RANK);
        return value_poison();
    }
    for (int k = 0; k < nfold; k++) {
        fold_dim[k] = L->index->extent[first + k];
        to[first + k] = ex_var(g, rank + k, fold_dim[k]);
    }
    Node *n = make_node(L, rank, dim, fold, nfold, fold_dim, guard ? ex_subst(g, guard, to) : NULL,
            ex_subst(g, body, to), at);
    return rank ? value_expr(ex_load(g, n, outer, NULL)) : value_node(n);
}

static bool fold_condition(Lower *L, const Ast *e, Expr **guard) {
    *guard = NULL;
    if (e->a->kind != A_IF || e->a->c) return true;
    *guard = value_to_expr(L, lower_expr(L, e->a->a), e->a->a->span);
    if (*guard && (*guard)->dtype != T_BOOL) {
        lower_error(L, e->a->a->span, "a condition is needed here (bool); this is %s",
                dtype_name((*guard)->dtype));
        return false;
    }
    return *guard != NULL;
}

static Value build_fold(Lower *L, const Ast *e) {
    IndexContext *c = L->index;
    int first = c->nvar;
    Expr *guard, *before = L->guard;
    if (!bind_vars(L, e->list) || !fold_condition(L, e, &guard)) return value_poison();
    const Ast *inner = guard ? e->a->b : e->a;
    for (const Ast *b = e->list; b; b = b->next) vec_push(L->arena, &L->folded, b->name);
    L->guard = ex_and(L->graph, before, guard);
    Expr *body = value_to_expr(L, lower_expr(L, inner), inner->span);
    L->guard = before;
    if (!body) return value_poison();
    if (body->dtype == T_BOOL) {
        lower_error(L, inner->span,
                "`%s` folds numbers; this is a condition: int(c) is 1 where it holds", e->name);
        return value_poison();
    }
    return fold_node(L, fold_of_name(e->name), first, c->nvar, guard, body, e->span);
}

/* A fold that stands in no definition, or in a called function, is a context of its own. */
Value lower_fold(Lower *L, const Ast *e) {
    Saved saved = {0};
    bool own = !L->index || !binder_find(L->index, e->list);
    if (own) {
        context_push(L, &saved);
        if (!find_extents(L, L->index, e->list, e)) {
            context_pop(L, &saved);
            return value_poison();
        }
    }
    Scope *scope = L->scope;
    int nvar = L->index->nvar;
    Expr *guard = L->guard;
    ElseCatch *catching = L->catching;
    L->scope = scope_new(L, scope);
    L->catching = NULL; /* an `else` around a fold says nothing about loads in it */
    Value v = build_fold(L, e);
    L->scope = scope;
    L->index->nvar = nvar;
    L->guard = guard;
    L->catching = catching;
    if (own) context_pop(L, &saved);
    return v;
}

/* ---- loads ---------------------------------------------------------------------- */

static bool in_bounds(const Expr *e, int64_t dim) {
    if (dim == DIM_BATCH) return (e->kind == E_VAR && e->extent == DIM_BATCH) || ex_is_const(e, 0);
    return e->lo >= 0 && e->hi < dim;
}

static Port *port_of_leaf(Lower *L, const Node *n) {
    for (int k = 0; k < L->model->input.n; k++)
        if (L->model->input.at[k].node == n) return &L->model->input.at[k];
    for (int k = 0; k < L->model->target.n; k++)
        if (L->model->target.at[k].node == n) return &L->model->target.at[k];
    for (int k = 0; L->entry && k < L->entry->input.n; k++)
        if (L->entry->input.at[k].node == n) return &L->entry->input.at[k];
    return NULL;
}

/* Through copies: slices and transposes of an input have its values. */
Port *index_port(Lower *L, const Expr *e) {
    while (e->kind == E_LOAD && !e->guard) {
        const Node *n = e->node;
        if (n->kind == N_LEAF) return port_of_leaf(L, n);
        if (n->kind != N_COMP || n->fold != F_NONE) return NULL;
        e = n->body;
    }
    return NULL;
}

void bound_port(Port *p, int64_t extent) {
    if (!p->bound || extent < p->bound) p->bound = extent;
}

static void out_of_bounds(Lower *L, const Node *n, int axis, const Expr *e, Span at) {
    const char *shape = node_shape_text(L, n);
    int64_t last = n->dim[axis] - 1;
    if (n->dim[axis] == DIM_BATCH)
        lower_error(L, at,
                "the batch axis of %s is indexed by a variable over batch alone; this index may "
                "lie outside: guard it (`if`, or `x[...] else v`)",
                shape);
    else if (e->lo == e->hi)
        lower_error(L, at, "this index is %" PRId64 ", but the axis of %s goes from 0 to %" PRId64,
                e->lo, shape, last);
    else
        lower_error(L, at,
                "this index goes from %" PRId64 " to %" PRId64
                ", but the axis of %s only from 0 to %" PRId64
                "; guard the load (`x[...] else 0`) or give the variable a range",
                e->lo, e->hi, shape, last);
}

Expr *guarded_load(Lower *L, Node *n, Expr *const *index, const Span *at, Span whole) {
    Graph *g = L->graph;
    Expr *need = NULL;
    for (int k = 0; k < n->rank; k++) {
        if (in_bounds(index[k], n->dim[k])) continue;
        Expr *inside = ex_in_range(g, index[k], n->dim[k]);
        if (L->catching) {
            L->catching->in_range = ex_and(g, L->catching->in_range, inside);
        } else if (!L->guard && !ex_has_load(index[k])) {
            out_of_bounds(L, n, k, index[k], at ? at[k] : whole);
            return NULL;
        } else if (!L->guard) {
            Port *p = index_port(L, index[k]);
            if (p) {
                bound_port(p, n->dim[k]);
                continue;
            }
        }
        need = ex_and(g, need, inside);
    }
    return ex_load(g, n, index, need);
}

/* ---- subscripts ----------------------------------------------------------------- */

static Pack *visible_pack(const Lower *L) {
    Binding *b = L->index ? scope_find(L->scope, intern("...")) : NULL;
    return b ? b->value.pack : NULL;
}

static Expr *index_value(Lower *L, const Ast *item, int64_t dim) {
    Value v = lower_expr(L, item);
    if (v.kind == V_INT && v.i < 0 && dim > 0) v.i += dim;
    Expr *e = value_to_expr(L, v, item->span);
    if (!e || e->dtype == T_I32) return e;
    lower_error(L, item->span, "an index is an integer; this is %s (// divides integers)",
            dtype_name(e->dtype));
    return NULL;
}

static bool element_indices(Lower *L, Node *n, const Ast *e, Expr **index, Span *at) {
    int items = ast_count(e->list), axis = 0;
    Pack *p = visible_pack(L);
    for (const Ast *i = e->list; i; i = i->next) {
        if (i->kind == A_ELLIPSIS) {
            int own = n->rank - (items - 1);
            for (int k = 0; k < own; k++, axis++) {
                index[axis] = var_value(L, p->var[p->n - own + k]).expr;
                at[axis] = i->span;
            }
            continue;
        }
        if (!(index[axis] = index_value(L, i, n->dim[axis]))) return false;
        at[axis++] = i->span;
    }
    return true;
}

static Value element(Lower *L, Node *n, const Ast *e) {
    Expr *index[MAX_RANK];
    Span at[MAX_RANK];
    if (!element_indices(L, n, e, index, at)) return value_poison();
    Expr *load = guarded_load(L, n, index, at, e->span);
    return load ? value_expr(load) : value_poison();
}

typedef struct Items {
    int n;
    bool slice, ellipsis, variable;
} Items;

static bool mentions_variable(Lower *L, const Ast *e) {
    if (!e) return false;
    if (e->kind == A_NAME) {
        Binding *b = scope_find(L->scope, e->name);
        return b && b->value.kind == V_EXPR && b->value.expr->vars;
    }
    for (const Ast *x = e->list; x; x = x->next)
        if (mentions_variable(L, x)) return true;
    return mentions_variable(L, e->a) || mentions_variable(L, e->b) || mentions_variable(L, e->c);
}

static Items survey(Lower *L, const Ast *list) {
    Items s = {0};
    for (; list; list = list->next) {
        s.n++;
        s.slice = s.slice || list->kind == A_SLICE;
        s.ellipsis = s.ellipsis || list->kind == A_ELLIPSIS;
        s.variable = s.variable || mentions_variable(L, list);
    }
    return s;
}

static bool indices_fit(Lower *L, const Node *n, const Ast *e, Items s) {
    Pack *p = visible_pack(L);
    if (s.ellipsis && p && n->rank - (s.n - 1) >= 0 && n->rank - (s.n - 1) <= p->n) return true;
    if (!s.ellipsis && s.n == n->rank) return true;
    lower_error(L, e->span, "%s needs %d %s; there %s %d", node_shape_text(L, n), n->rank,
            n->rank == 1 ? "index" : "indices", s.n == 1 ? "is" : "are", s.n);
    return false;
}

Value lower_subscript(Lower *L, const Ast *e) {
    Value v = lower_expr(L, e->a);
    if (v.kind == V_POISON) return v;
    Value item;
    if (v.kind == V_LIST && list_item(L, v, e, &item)) return item;
    v = list_as_tensor(L, v, e->a->span);
    if (v.kind == V_POISON) return v;
    if (v.kind != V_TENSOR) {
        lower_error(L, e->a->span, "only tensors have elements; this is %s", value_text_of(L, v));
        return value_poison();
    }
    Items s = survey(L, e->list);
    bool packed = s.ellipsis && visible_pack(L);
    if (!L->index || (!s.variable && !packed && (s.slice || s.ellipsis || s.n < v.node->rank)))
        return lower_slice(L, v, e);
    if (s.slice) {
        lower_error(L, e->span,
                "a slice a:b and index variables do not mix; index each axis by a variable");
        return value_poison();
    }
    return indices_fit(L, v.node, e, s) ? element(L, v.node, e) : value_poison();
}

/* ---- x[...] else v -------------------------------------------------------------- */

static Value whole_else(Lower *L, Value a, Value b, Expr *cond, Span at) {
    Node *x = value_to_node(L, a, at), *y = value_to_node(L, b, at);
    if (!x || !y) return value_poison();
    Shape sx = shape_of_node(x), sy = shape_of_node(y), s;
    if (!broadcast(L, &sx, &sy, at, &s)) return value_poison();
    Expr *var[MAX_RANK];
    for (int k = 0; k < s.rank; k++) var[k] = ex_var(L->graph, k, s.dim[k]);
    Expr *e = ex_select(L->graph, cond, aligned_load(L, x, s.rank, var, cond),
            aligned_load(L, y, s.rank, var, NULL));
    return value_node(make_node(L, s.rank, s.dim, F_NONE, 0, NULL, NULL, e, at));
}

Value lower_else(Lower *L, const Ast *e) {
    ElseCatch own = {0}, *outer = L->catching;
    Expr *guard = L->guard;
    L->catching = &own;
    Value a = lower_expr(L, e->a);
    L->catching = outer;
    if (a.kind == V_POISON || !own.in_range) {
        if (a.kind != V_POISON) lower_expr(L, e->b);
        return a;
    }
    L->guard = ex_and(L->graph, guard, ex_op1(L->graph, OP_not, own.in_range));
    Value b = lower_expr(L, e->b);
    Expr *y = L->index ? value_to_expr(L, b, e->b->span) : NULL;
    L->guard = guard;
    if (!L->index) return whole_else(L, a, b, own.in_range, e->span);
    Expr *x = value_to_expr(L, a, e->a->span);
    return x && y ? value_expr(ex_select(L->graph, own.in_range, x, y)) : value_poison();
}
