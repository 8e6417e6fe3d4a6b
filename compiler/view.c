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
 *     of contractions are read many times, and directly; or
 *   - it is all that becomes of a fold, element by element: then it is stored instead; or
 *   - it is a gradient's factor that is to be kept (factor.h). */
#include "contract.h"
#include "graph_tables.h"
#include "kernel.h"

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

int64_t extent_of(const Kernels *k, int64_t dim) {
    return dim == DIM_BATCH ? k->batch : dim;
}

bool same_extents(const Node *a, const Node *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i];
    return same;
}

bool is_map(const Node *n) {
    return n->kind == N_COMP && n->fold == F_NONE;
}

const Scan *innermost_scan(const Node *n) {
    return n->nin ? n->in[n->nin - 1] : NULL;
}

double points_of(const Kernels *k, const Node *n) {
    double points = 1;
    for (int i = 0; i < n->rank; i++) points *= (double)extent_of(k, n->dim[i]);
    for (int i = 0; n->kind == N_COMP && i < n->nfold; i++)
        points *= (double)extent_of(k, n->fold_dim[i]);
    const View *v = n->id < k->view.n ? k->view.at[n->id] : NULL;
    return v && v->partial ? points / (double)k->slicing.groups : points;
}

bool is_kernel(const Unit *u) {
    return u && u->kind == U_KERNEL;
}

bool is_carry_needed(Kernels *k, const Scan *s, int carry) {
    return view_of(k, s->carry[carry])->needed;
}

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

/* ---- who uses what ------------------------------------------------------------------- */

typedef struct UseCount {
    Kernels *k;
    const Node *user;
    double points; /* evaluations of the user's body in a call */
    bool contraction;
} UseCount;

static void count_load(void *ctx, Expr *e) {
    UseCount *use = ctx;
    if (e->kind != E_LOAD) return;
    View *v = view_of(use->k, e->node);
    v->load_count++;
    v->own_loads += is_map(use->user) && same_extents(use->user, e->node) && at_own_index(e);
    v->evaluations += use->points;
    v->operand |= use->contraction;
}

/* Of two: a sum of squares has one operand, and reads each of its elements once. */
static bool is_product_of_loads(const Expr *e) {
    if (e->kind != E_OP || e->op != OP_mul || e->dtype != T_F32) return false;
    if (e->arg[0] == e->arg[1]) return false;
    return e->arg[0]->kind == E_LOAD && e->arg[1]->kind == E_LOAD;
}

static void force(Kernels *k, Node *n) {
    view_of(k, n)->forced = true;
}

static void count_uses(Kernels *k, Node *n) {
    if (n->kind == N_STACK) force(k, n->of);
    if (n->kind != N_COMP) return;
    bool contraction = n->fold == F_SUM && is_product_of_loads(n->body);
    UseCount use = {k, n, points_of(k, n) * node_steps(n), contraction};
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

/* ---- what an element costs ----------------------------------------------------------- */

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

/* A reshape, slice, transpose, padding: nothing but another node's elements elsewhere. */
static bool is_substitution(const Expr *body) {
    if (body->kind != E_LOAD || ex_has_load(body->guard)) return false;
    for (int i = 0; i < body->narg; i++)
        if (ex_has_load(body->arg[i])) return false;
    return true;
}

typedef struct FoldLoad {
    Kernels *k;
    const Node *user;
    bool found;
} FoldLoad;

static void find_fold(void *ctx, Expr *e) {
    FoldLoad *f = ctx;
    if (e->kind != E_LOAD || e->node->kind != N_COMP || e->node->fold == F_NONE) return;
    const View *v = view_of(f->k, e->node);
    Scatter scatter;
    bool only =
            v->load_count == 1 && !v->forced && innermost_scan(e->node) == innermost_scan(f->user);
    bool own = same_extents(e->node, f->user) && at_own_index(e);
    if (only && own && !scatter_of(f->k, v, &scatter)) f->found = true;
}

/* Does it use up a fold element by element, and is not used up so itself? */
static bool ends_fold(Kernels *k, const View *v) {
    FoldLoad f = {k, v->node, false};
    if (v->load_count == 1 && v->own_loads == 1) return false;
    view_visit(k, v, find_fold, &f);
    return f.found;
}

static bool must_store(Kernels *k, const View *v) {
    const Node *n = v->node;
    if (n->fold != F_NONE || v->forced) return true;
    if (is_substitution(v->body)) return false;
    if (ends_fold(k, v)) return true;
    if (v->operand || n->kept) return true;
    if (cheap_as_load(v->body)) return false;
    double elements = points_of(k, n) * node_steps(n);
    return v->load_count > 1 || v->evaluations > elements;
}

/* ---- inlining ------------------------------------------------------------------------ */

static Expr *guard_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    return ex_load(g, n, index, ex_and(g, ctx, guard));
}

/* The load of a node that is not stored is its body there: absent where the load is. */
static Expr *inline_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Kernels *k = ctx;
    View *v = view_of(k, n);
    if (n->kind != N_COMP || v->stored) return ex_load(g, n, index, guard);
    Expr *to[MAX_VARS] = {0};
    for (int i = 0; i < n->rank; i++) to[i] = index[i];
    Expr *body = ex_subst(g, v->body, to);
    if (!guard) return body;
    body = ex_rewrite(g, body, NULL, NULL, NULL, guard_load, guard);
    if (body->kind == E_LOAD) return body;
    Expr *absent = body->dtype == T_F32   ? ex_real(g, 0)
                   : body->dtype == T_I32 ? ex_int(g, 0)
                                          : ex_bool(g, false);
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

void view_note_loads(Kernels *k, View *v) {
    void *ctx[2] = {&v->loads, k};
    v->loads.n = 0;
    view_visit(k, v, note_load, ctx);
}

static void build_body(Kernels *k, View *v);

/* Operands that a contraction cannot read as they are come as copies. */
static void pack_operands(Kernels *k, View *v) {
    for (int i = 0; i < 2; i++) {
        Node *packed;
        Expr *arg[2] = {v->body->arg[0], v->body->arg[1]};
        Expr *to = contraction_pack(k, v, arg[i], &packed);
        if (!to || packed->kind != N_COMP || packed == arg[i]->node) continue;
        View *copy = view_of(k, packed);
        copy->forced = true;
        if (!copy->body) build_body(k, copy);
        copy->stored = true;
        arg[i] = to;
        v->body = ex_op(k->graph, OP_mul, arg);
    }
}

/* A sum of another node's elements need not test what makes these zero. Conditions over
 * variables alone stay: they bound loops, and indices. */
static void drop_conditions(Kernels *k, View *v) {
    if (v->node->fold != F_SUM || !v->guard || v->body->kind != E_LOAD) return;
    for (int i = 0; i < v->body->narg; i++)
        if (ex_has_load(v->body->arg[i])) return;
    View *term = view_of(k, v->body->node);
    ExprList absent = {0}, all = {0};
    Expr *to[MAX_VARS] = {0};
    if (term->body) guard_of_term(k->arena, term->body, &absent);
    for (int i = 0; i < v->body->narg; i++) to[i] = v->body->arg[i];
    guard_conditions(k->arena, v->guard, &all);
    v->guard = NULL;
    for (int i = 0; i < all.n; i++) {
        bool idle = false;
        for (int j = 0; ex_has_load(all.at[i]) && j < absent.n; j++)
            idle |= ex_subst(k->graph, absent.at[j], to) == all.at[i];
        if (!idle) v->guard = ex_and(k->graph, v->guard, all.at[i]);
    }
}

static void build_body(Kernels *k, View *v) {
    Node *n = v->node;
    v->body = ex_rewrite(k->graph, n->body, NULL, NULL, NULL, inline_load, k);
    if (n->guard) v->guard = ex_rewrite(k->graph, n->guard, NULL, NULL, NULL, inline_load, k);
    drop_conditions(k, v);
    v->stored = must_store(k, v);
    v->contraction = n->fold == F_SUM && is_product_of_loads(v->body);
    if (v->contraction) pack_operands(k, v);
    view_note_loads(k, v);
}

/* ---- what is needed ------------------------------------------------------------------ */

static void need(Kernels *k, Node *n);

/* What the carries that are read need for the next step; this may read other carries. */
static void need_steps(Kernels *k, const Scan *s) {
    for (bool more = true; more;) {
        more = false;
        for (int c = 0; c < s->n; c++) {
            if (!is_carry_needed(k, s, c) || view_of(k, s->next[c])->needed) continue;
            need(k, s->next[c]);
            more = true;
        }
    }
}

/* A body is complete, with all that it needs from outside, before a stack over it comes:
 * so whatever reads a scan's results comes after everything that the scan reads. */
static void need(Kernels *k, Node *n) {
    View *v = view_of(k, n);
    if (v->needed) return;
    v->needed = true;
    for (int i = 0; i < v->loads.n; i++) need(k, v->loads.at[i]);
    if (n->kind == N_CARRY) need(k, n->scan->init[n->carry]);
    if (n->kind == N_STACK) {
        need(k, n->of);
        need_steps(k, n->scan);
    }
    vec_push(k->arena, &k->order, n);
}

static void add_user(Kernels *k, Node *operand, Node *n) {
    vec_push(k->arena, &view_of(k, operand)->users, n);
}

static void add_uses(Kernels *k, Node *n) {
    const View *v = view_of(k, n);
    for (int i = 0; i < v->loads.n; i++) add_user(k, v->loads.at[i], n);
    if (n->kind == N_STACK) add_user(k, n->of, n);
    if (n->kind != N_CARRY) return;
    add_user(k, n->scan->init[n->carry], n);
    add_user(k, n->scan->next[n->carry], n);
}

void view_build(Kernels *k) {
    for (int i = 0; i < k->slicing.partial.n; i++)
        view_of(k, k->slicing.partial.at[i])->partial = true;
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
    for (int i = 0; i < root.n; i++) need(k, root.at[i]);
    if (k->routine->finite) need(k, k->routine->finite);
    for (int i = 0; i < k->order.n; i++) add_uses(k, k->order.at[i]);
}
