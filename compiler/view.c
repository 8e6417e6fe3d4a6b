/* view.c - fusion of producers: which nodes are stored, and what the others become.
 *
 * A comprehension that is not stored is inlined into the bodies that load it, at the index
 * of the load: reshapes, slices, transposes and paddings so become index substitutions,
 * elementwise chains one body. Requires a routine's roots; gives every needed node a View
 * whose body loads stored nodes only. Keeps: values, since an element is computed by the
 * same operations wherever it is computed.
 *
 * An element is never computed more often than a load would cost. A node is stored when
 *   - it is a fold, a root, or a scan's initial, next or stacked value; or
 *   - inlining would evaluate it more often than it has elements, unless it costs about
 *     as much as a load: at most two loads and a few cheap operators; or
 *   - a contraction loads it and it is more than another node's elements: the operands
 *     of contractions are read many times, and directly. */
#include "graph_tables.h"
#include "kernel.h"

#include <string.h>

enum { CHEAP_LOADS = 2, CHEAP_OPERATORS = 6 };

View *view_of(Kernels *k, Node *n) {
    while (k->view.n <= n->id) vec_push(k->arena, &k->view, NULL);
    if (!k->view.at[n->id]) {
        View *v = NEW(k->arena, View);
        v->node = n;
        k->view.at[n->id] = v;
    }
    return k->view.at[n->id];
}

int64_t extent_of(const Kernels *k, int64_t dim) { return dim == DIM_BATCH ? k->batch : dim; }

bool is_map(const Node *n) { return n->kind == N_COMP && n->fold == F_NONE; }

const Scan *innermost_scan(const Node *n) { return n->nin ? n->in[n->nin - 1] : NULL; }

double points_of(const Kernels *k, const Node *n) {
    double points = 1;
    for (int i = 0; i < n->rank; i++) points *= (double)extent_of(k, n->dim[i]);
    for (int i = 0; n->kind == N_COMP && i < n->nfold; i++)
        points *= (double)extent_of(k, n->fold_dim[i]);
    return points;
}

bool is_kernel(const Unit *u) { return u && u->kind == U_KERNEL; }

bool loads_node(const View *v, const Node *n) {
    for (int i = 0; i < v->loads.n; i++)
        if (v->loads.at[i] == n) return true;
    return false;
}

void view_visit(Kernels *k, const View *v, void (*visit)(void *ctx, Expr *e), void *ctx) {
    expr_walk_begin(k->graph);
    expr_walk_more(k->graph, v->body, visit, ctx);
    expr_walk_more(k->graph, v->guard, visit, ctx);
}

/* ---- who uses what --------------------------------------------------------------------- */

typedef struct UseCount {
    Kernels *k;
    double points;            /* evaluations of the user's body in a call */
    bool contraction;
} UseCount;

/* How often a node in these scans is computed. */
static double steps_of(const Node *n) {
    double steps = 1;
    for (int i = 0; i < n->nin; i++) steps *= (double)n->in[i]->extent;
    return steps;
}

static void count_load(void *ctx, Expr *e) {
    UseCount *use = ctx;
    if (e->kind != E_LOAD) return;
    View *v = view_of(use->k, e->node);
    v->load_count++;
    v->evaluations += use->points;
    v->operand |= use->contraction;
}

static bool is_product_of_loads(const Expr *e) {
    if (e->kind != E_OP || e->op != OP_mul || e->dtype != T_F32) return false;
    return e->arg[0]->kind == E_LOAD && e->arg[1]->kind == E_LOAD;
}

static void force(Kernels *k, Node *n) { view_of(k, n)->forced = true; }

static void count_uses(Kernels *k, Node *n) {
    if (n->kind == N_STACK) force(k, n->of);
    if (n->kind != N_COMP) return;
    bool contraction = n->fold == F_SUM && is_product_of_loads(n->body);
    UseCount use = {k, points_of(k, n) * steps_of(n), contraction};
    expr_walk_begin(k->graph);
    expr_walk_more(k->graph, n->body, count_load, &use);
    expr_walk_more(k->graph, n->guard, count_load, &use);
}

static void force_carries(Kernels *k, const Node *n) {
    if (n->kind != N_CARRY && n->kind != N_STACK) return;
    for (int i = 0; i < n->scan->n; i++) {
        force(k, n->scan->init[i]);
        force(k, n->scan->next[i]);
    }
}

/* ---- what an element costs -------------------------------------------------------------- */

/* Spends a budget of loads and operators; false when it does not suffice, or when an
 * operator is dear. Arithmetic of indices is free, their loads are not. */
static bool spend(const Expr *e, int *loads, int *operators, bool index) {
    if (!e) return true;
    if (e->kind == E_LOAD) {
        bool drawn = e->node->kind == N_LEAF && e->node->leaf == L_UNIFORM;
        if (drawn || --*loads < 0 || !spend(e->guard, loads, operators, false)) return false;
        index = true;
    }
    if (e->kind == E_OP && !index) {
        if (!(op_info[e->op].flags & OPF_CHEAP) || --*operators < 0) return false;
    }
    for (int i = 0; i < e->narg; i++)
        if (!spend(e->arg[i], loads, operators, index)) return false;
    return true;
}

static bool cheap_as_load(const Expr *body) {
    int loads = CHEAP_LOADS, operators = CHEAP_OPERATORS;
    return spend(body, &loads, &operators, false);
}

static bool must_store(Kernels *k, const View *v) {
    const Node *n = v->node;
    if (n->fold != F_NONE || v->forced) return true;
    if (v->body->kind == E_LOAD) return false;
    if (v->operand) return true;
    if (cheap_as_load(v->body)) return false;
    double elements = points_of(k, n) * steps_of(n);
    return v->load_count > 1 || v->evaluations > elements;
}

/* ---- inlining ----------------------------------------------------------------------------- */

static Expr *guard_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    return ex_load(g, n, index, ex_and(g, ctx, guard));
}

/* The load of a node that is not stored is its body there: absent where the load is. */
static Expr *inline_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Kernels *k = ctx;
    View *v = view_of(k, n);
    if (n->kind != N_COMP || v->stored) return ex_load(g, n, index, guard);
    Expr *to[MAX_VARS] = {0};
    memcpy(to, index, (size_t)n->rank * sizeof *to);
    Expr *body = ex_subst(g, v->body, to);
    if (!guard) return body;
    body = ex_rewrite(g, body, NULL, NULL, NULL, guard_load, guard);
    if (body->kind == E_LOAD) return body;
    Expr *absent = body->dtype == T_F32 ? ex_real(g, 0)
                 : body->dtype == T_I32 ? ex_int(g, 0) : ex_bool(g, false);
    return ex_select(g, guard, body, absent);
}

static void note_load(void *ctx, Expr *e) {
    NodeList *loads = ((void **)ctx)[0];
    Kernels *k = ((void **)ctx)[1];
    if (e->kind != E_LOAD) return;
    for (int i = 0; i < loads->n; i++)
        if (loads->at[i] == e->node) return;
    vec_push(k->arena, loads, e->node);
}

static void build_body(Kernels *k, View *v) {
    Node *n = v->node;
    v->body = ex_rewrite(k->graph, n->body, NULL, NULL, NULL, inline_load, k);
    if (n->guard) v->guard = ex_rewrite(k->graph, n->guard, NULL, NULL, NULL, inline_load, k);
    v->stored = must_store(k, v);
    v->contraction = n->fold == F_SUM && is_product_of_loads(v->body);
    void *ctx[2] = {&v->loads, k};
    view_visit(k, v, note_load, ctx);
}

/* ---- what is needed -------------------------------------------------------------------------- */

typedef Vec(const Scan *) ScanList;

static void need(Kernels *k, Node *n, ScanList *scans) {
    View *v = view_of(k, n);
    if (v->needed) return;
    v->needed = true;
    for (int i = 0; i < v->loads.n; i++) need(k, v->loads.at[i], scans);
    if (n->kind == N_STACK) need(k, n->of, scans);
    if (n->kind == N_STACK || n->kind == N_CARRY) vec_push(k->arena, scans, n->scan);
    vec_push(k->arena, &k->order, n);
}

/* A carry needs the values of the step before, which may load what loads the carry; they
 * are visited when the walk that met the carry is done. */
static void find_needed(Kernels *k) {
    ScanList scans = {0};
    for (int i = 0; i < k->routine->root.n; i++) need(k, k->routine->root.at[i].value, &scans);
    for (int i = 0; i < scans.n; i++)
        for (int c = 0; c < scans.at[i]->n; c++) {
            need(k, scans.at[i]->init[c], &scans);
            need(k, scans.at[i]->next[c], &scans);
        }
}

void view_build(Kernels *k) {
    Vec(Node *) root = {0};
    for (int i = 0; i < k->routine->root.n; i++) {
        Node *value = k->routine->root.at[i].value;
        vec_push(k->arena, &root, value);
        force(k, value);
    }
    if (k->routine->finite) force(k, k->routine->finite);
    NodeList order = graph_order(k->graph, root.at, root.n);
    for (int i = 0; i < order.n; i++) count_uses(k, order.at[i]);
    for (int i = 0; i < order.n; i++) force_carries(k, order.at[i]);
    for (int i = 0; i < order.n; i++)
        if (order.at[i]->kind == N_COMP) build_body(k, view_of(k, order.at[i]));
    find_needed(k);
}
