/* demand.c - see demand.h. Two passes over the comprehensions that scans do not depend on:
 *
 *   - forwards, supports: where a guard makes every element of a sum or an elementwise node
 *     zero beyond some index, the axis ends there, and loads beyond are guarded; a fold's
 *     variable ends where its guard leaves everything out;
 *   - backwards, demand: an axis ends behind the last index that anybody loads.
 *
 * Only ends move, never beginnings, so that indices stay as they are. How a fold is computed,
 * and so its bits, depends on its last axis and on whether it has few elements; what is read of
 * a tensor differs from routine to routine. So demand leaves a fold's last axis, and few
 * elements, alone. */
#include "demand.h"

#include "graph_tables.h"
#include "guards.h"
#include "mechanism.h"

#include <string.h>

enum { FEW_ELEMENTS = 16 };   /* fewer make another form of a fold */

typedef struct Extents {
    int64_t out[MAX_RANK];
    int64_t fold[MAX_VARS];
} Extents;

typedef struct Demand {
    Graph *g;
    Node **root;
    int nroot;
    NodeList order;
    Vec(bool) keep;      /* by node id: stays as it is, with its operands */
    Vec(bool) root_mark; /* is a root */
    Vec(Node *) image;   /* what stands for it */
    Vec(int64_t *) need; /* extents that are read */
} Demand;

static void make_room(Demand *d, const Node *n) {
    Arena *a = d->g->arena;
    while (d->keep.n <= n->id) vec_push(a, &d->keep, false);
    while (d->root_mark.n <= n->id) vec_push(a, &d->root_mark, false);
    while (d->image.n <= n->id) vec_push(a, &d->image, (Node *)NULL);
    while (d->need.n <= n->id) vec_push(a, &d->need, (int64_t *)NULL);
}

static bool is_root(const Demand *d, const Node *n) {
    return d->root_mark.at[n->id];
}

/* Scans are left alone, with everything that they depend on. */
static void find_kept(Demand *d) {
    d->order = graph_order(d->g, d->root, d->nroot);
    for (int i = 0; i < d->order.n; i++) make_room(d, d->order.at[i]);
    for (int i = 0; i < d->nroot; i++) d->root_mark.at[d->root[i]->id] = true;
    for (int i = d->order.n - 1; i >= 0; i--) {
        Node *n = d->order.at[i];
        bool scan = n->kind == N_CARRY || n->kind == N_STACK || n->nin > 0;
        if (scan) d->keep.at[n->id] = true;
        if (!d->keep.at[n->id]) continue;
        NodeList operands = node_operands(d->g, n);
        for (int j = 0; j < operands.n; j++) d->keep.at[operands.at[j]->id] = true;
    }
}

/* ---- rebuilding ---------------------------------------------------------------------- */

static Expr *load_image(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Demand *d = ctx;
    Node *image = n->id < d->image.n ? d->image.at[n->id] : NULL;
    if (!image || image == n) return ex_load(g, n, index, guard);
    for (int i = 0; i < n->rank; i++) {
        bool beyond = image->dim[i] != DIM_BATCH && index[i]->hi >= image->dim[i];
        if (image->dim[i] == n->dim[i] || !beyond) continue;
        guard = ex_and(g, guard, ex_op2(g, OP_lt, index[i], ex_int(g, image->dim[i])));
    }
    return ex_load(g, image, index, guard);
}

static bool same_extents_as(const Node *n, const Extents *x) {
    for (int i = 0; i < n->rank; i++)
        if (x->out[i] != n->dim[i]) return false;
    for (int i = 0; i < n->nfold; i++)
        if (x->fold[i] != n->fold_dim[i]) return false;
    return true;
}

/* Is all that it loads as it was? */
static bool loads_the_same(Demand *d, const Node *n) {
    NodeList operands = node_operands(d->g, n);
    for (int i = 0; i < operands.n; i++) {
        const Node *operand = operands.at[i];
        const Node *image = operand->id < d->image.n ? d->image.at[operand->id] : NULL;
        if (image && image != operand) return false;
    }
    return true;
}

static Expr *rebuild_expr(Demand *d, const Node *n, Expr *e, const Extents *x) {
    if (!e) return NULL;
    if (same_extents_as(n, x) && loads_the_same(d, n)) return e;
    Expr *to[MAX_VARS] = {0};
    for (int i = 0; i < n->rank; i++) to[i] = ex_var(d->g, i, x->out[i]);
    for (int i = 0; i < n->nfold; i++) to[n->rank + i] = ex_var(d->g, n->rank + i, x->fold[i]);
    return ex_rewrite(d->g, e, to, NULL, NULL, load_image, d);
}

static void rebuild(Demand *d, Node *n, const Extents *x) {
    if (same_extents_as(n, x) && loads_the_same(d, n)) {
        d->image.at[n->id] = n;
        return;
    }
    Expr *guard = rebuild_expr(d, n, n->guard, x), *body = rebuild_expr(d, n, n->body, x);
    Node *made = node_comp(d->g, n->rank, x->out, n->fold, n->nfold, x->fold, guard, body, n->span);
    if (!made->name) made->name = n->name;
    if (made->kind == N_COMP) made->is_grad |= n->is_grad;
    make_room(d, made);
    d->image.at[n->id] = made;
}

static Extents extents_of(const Node *n) {
    Extents x = {0};
    for (int i = 0; i < n->rank; i++) x.out[i] = n->dim[i];
    for (int i = 0; i < n->nfold; i++) x.fold[i] = n->fold_dim[i];
    return x;
}

/* ---- supports ------------------------------------------------------------------------ */

/* The largest value below which the conditions keep a variable. */
static int64_t end_of(Demand *d, int var, int64_t extent, const ExprList *conditions) {
    ExprList taken = {0};
    if (extent == DIM_BATCH) return extent;
    Range r = guard_range(d->g, var, ~0u, conditions, &taken);
    for (int i = 0; i < r.hi.n; i++)
        if (r.hi.at[i]->hi < extent) extent = r.hi.at[i]->hi;
    return extent < 1 ? 1 : extent;
}

static void find_support(Demand *d, Node *n) {
    Extents x = extents_of(n);
    Expr *guard = rebuild_expr(d, n, n->guard, &x), *body = rebuild_expr(d, n, n->body, &x);
    ExprList conditions = {0};
    bool sums = n->fold == F_SUM || n->fold == F_NONE;
    guard_conditions(d->g->arena, guard, &conditions);
    if (sums) guard_of_term(d->g->arena, body, &conditions);
    bool positions = n->fold == F_ARGMAX || n->fold == F_ARGMIN;
    for (int i = 0; i < n->nfold && !positions; i++)
        x.fold[i] = end_of(d, n->rank + i, x.fold[i], &conditions);
    for (int i = 0; i < n->rank && sums && n->dtype == T_F32 && !is_root(d, n); i++)
        x.out[i] = end_of(d, i, x.out[i], &conditions);
    rebuild(d, n, &x);
}

/* ---- demand -------------------------------------------------------------------------- */

static int64_t *need_of(Demand *d, const Node *n) {
    if (!d->need.at[n->id]) d->need.at[n->id] = NEW_ARRAY(d->g->arena, int64_t, n->rank + 1);
    return d->need.at[n->id];
}

static void need_load(void *ctx, Expr *e) {
    Demand *d = ctx;
    if (e->kind != E_LOAD || e->node->kind != N_COMP) return;
    int64_t *need = need_of(d, e->node);
    for (int i = 0; i < e->narg; i++) {
        int64_t dim = e->node->dim[i], end = e->arg[i]->hi + 1;
        if (dim == DIM_BATCH || end > dim) end = dim;
        if (dim == DIM_BATCH || end > need[i]) need[i] = end;
    }
}

static int last_axis(const Node *n) {
    int axis = n->rank - 1;
    while (axis > 0 && n->dim[axis] == 1) axis--;
    return axis;
}

static bool has_few(const Node *n, const Extents *x) {
    int64_t elements = 1;
    for (int i = 0; i < n->rank && elements < FEW_ELEMENTS; i++)
        elements *= x->out[i] == DIM_BATCH ? FEW_ELEMENTS : x->out[i];
    return elements < FEW_ELEMENTS;
}

static void find_need(Demand *d, Node *n) {
    Extents x = extents_of(n);
    int64_t *need = need_of(d, n);
    bool whole = is_root(d, n) || d->keep.at[n->id];
    bool fold = n->kind == N_COMP && n->fold != F_NONE;
    for (int i = 0; i < n->rank && !whole; i++)
        if (need[i] > 0 && x.out[i] != DIM_BATCH && !(fold && i == last_axis(n)))
            x.out[i] = need[i];
    if (fold && has_few(n, &x)) x = extents_of(n);
    memcpy(need, x.out, (size_t)n->rank * sizeof *need);
    if (n->kind != N_COMP) return;
    Expr *guard = rebuild_expr(d, n, n->guard, &x), *body = rebuild_expr(d, n, n->body, &x);
    expr_walk_begin(d->g);
    expr_walk_more(d->g, guard, need_load, d);
    expr_walk_more(d->g, body, need_load, d);
}

static void shrink(Demand *d, Node *n) {
    Extents x = extents_of(n);
    memcpy(x.out, need_of(d, n), (size_t)n->rank * sizeof *x.out);
    rebuild(d, n, &x);
}

/* ---- the passes ---------------------------------------------------------------------- */

typedef void Step(Demand *d, Node *n);

/* Replaces every comprehension that may change, operands first. */
static void replace_all(Demand *d, Step *step) {
    for (int i = 0; i < d->order.n; i++) {
        Node *n = d->order.at[i];
        if (n->kind == N_COMP && !d->keep.at[n->id]) step(d, n);
    }
    for (int i = 0; i < d->nroot; i++) {
        Node *image = d->image.at[d->root[i]->id];
        if (image) d->root[i] = image;
    }
}

static void forget(Demand *d) {
    d->keep.n = d->root_mark.n = d->image.n = d->need.n = 0;
}

void demand(Graph *g, Node **root, int n) {
    Demand d = {.g = g, .root = root, .nroot = n};
    if (!mechanism_on(MECHANISM_demand)) return;
    find_kept(&d);
    replace_all(&d, find_support);
    forget(&d);
    find_kept(&d);
    for (int i = d.order.n - 1; i >= 0; i--) find_need(&d, d.order.at[i]);
    replace_all(&d, shrink);
}
