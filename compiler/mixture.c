/* mixture.c - see mixture.h.
 *
 * Words: an expression or node is DISCRETE when it is no real and was made of a discrete input
 * by integer operations alone. Of a discrete thing there are four views:
 *
 *   its PRESENCE    the mean of the presences of what it reads, a real
 *   its BASELINE    the same thing of the baselines
 *   its IMAGE       the real number that stands for it in the mixture
 *   itself          as a branch or an index sees it
 *
 * Rewriting is a function of expressions alone, and equal expressions are one pointer: so what
 * was made of one is remembered by its id and used wherever it occurs.
 *
 * Integers carried from step to step of a scan, and folds over rows, are no function of single
 * elements; they stay as they are, and so does what is made of them (FIXED). */
#include "mixture.h"

#include "graph_tables.h"

#include <string.h>

typedef enum { UNKNOWN, PLAIN, DISCRETE, FIXED } Kind;

typedef struct NodeViews {
    Kind kind;
    Node *presence, *baseline, *image;
} NodeViews;

typedef struct ExprViews {
    Kind kind;
    Expr *mixed; /* rewritten */
} ExprViews;

typedef struct Mixer {
    Arena *arena;
    Graph *g;
    const Mixed *mixed;
    int n;
    Node **leaf, **baseline; /* of mixed[] */
    Vec(NodeViews) node;     /* by id */
    Vec(ExprViews) expr;
} Mixer;

static NodeViews *views_of(Mixer *x, const Node *n) {
    while (x->node.n <= n->id) vec_push(x->arena, &x->node, ((NodeViews){0}));
    return &x->node.at[n->id];
}

static ExprViews *seen(Mixer *x, const Expr *e) {
    while (x->expr.n <= e->id) vec_push(x->arena, &x->expr, ((ExprViews){0}));
    return &x->expr.at[e->id];
}

static const Mixed *mixed_input(const Mixer *x, const Node *n) {
    for (int k = 0; k < x->n; k++)
        if (x->mixed[k].leaf == n) return &x->mixed[k];
    return NULL;
}

/* ---- what is discrete ------------------------------------------------------------------ */

static Kind kind_of(Mixer *x, Node *n);

static Kind either(Kind a, Kind b) {
    return a > b ? a : b;
}

static Kind kind_of_expr(Mixer *x, Expr *e) {
    if (!e || !e->loads) return PLAIN;
    if (seen(x, e)->kind) return seen(x, e)->kind;
    Kind kind = e->kind == E_LOAD ? kind_of(x, e->node) : PLAIN;
    for (int k = 0; k < e->narg; k++) kind = either(kind, kind_of_expr(x, e->arg[k]));
    kind = either(kind, kind_of_expr(x, e->guard));
    if (e->dtype == T_F32 && kind == DISCRETE) kind = PLAIN;
    return seen(x, e)->kind = kind;
}

static bool folds_rows(const Node *n) {
    for (int k = 0; k < n->nfold; k++)
        if (n->fold_dim[k] == DIM_BATCH) return true;
    return false;
}

/* Reals are met as reals: what they were made of does not matter. */
static Kind kind_of(Mixer *x, Node *n) {
    if (n->dtype == T_F32) return n->nin ? FIXED : PLAIN;
    if (n->kind == N_CARRY || n->kind == N_STACK) return FIXED;
    if (n->kind == N_LEAF) return mixed_input(x, n) ? DISCRETE : PLAIN;
    Kind known = views_of(x, n)->kind;
    if (known) return known;
    Kind kind = either(kind_of_expr(x, n->body), kind_of_expr(x, n->guard));
    if (kind == DISCRETE && folds_rows(n)) kind = FIXED;
    return views_of(x, n)->kind = kind;
}

static bool is_discrete(Mixer *x, Expr *e) {
    return e && e->dtype != T_F32 && kind_of_expr(x, e) == DISCRETE;
}

static bool any_discrete(Mixer *x, Expr *const *e, int n) {
    for (int k = 0; k < n; k++)
        if (is_discrete(x, e[k])) return true;
    return false;
}

/* ---- presence ---------------------------------------------------------------------------- */

typedef struct Loads {
    Mixer *x;
    Vec(Expr *) at;
} Loads;

static void collect(void *ctx, Expr *e) {
    Loads *l = ctx;
    if (e->kind == E_LOAD && e->node->dtype != T_F32 && kind_of(l->x, e->node) == DISCRETE)
        vec_push(l->x->arena, &l->at, e);
}

static Node *presence_of(Mixer *x, Node *n);

/* The mean over the discrete loads in n expressions. */
static Expr *presence(Mixer *x, Expr *const *e, int n) {
    Graph *g = x->g;
    Loads loads = {.x = x};
    expr_walk_begin(g);
    for (int k = 0; k < n; k++) expr_walk_more(g, e[k], collect, &loads);
    Expr *sum = NULL;
    for (int k = 0; k < loads.at.n; k++) {
        const Expr *load = loads.at.at[k];
        Expr *p = ex_load(g, presence_of(x, load->node), load->arg, load->guard);
        sum = sum ? ex_op2(g, OP_add, sum, p) : p;
    }
    return loads.at.n == 1 ? sum : ex_op2(g, OP_mul, sum, ex_real(g, 1.0 / loads.at.n));
}

/* Of a fold, the mean over the elements that it takes in. */
static Node *presence_of(Mixer *x, Node *n) {
    Graph *g = x->g;
    if (n->kind == N_LEAF) return mixed_input(x, n)->presence;
    if (views_of(x, n)->presence) return views_of(x, n)->presence;
    Expr *p = presence(x, (Expr *[]){n->body, n->guard}, n->guard ? 2 : 1);
    Fold fold = n->nfold ? F_SUM : F_NONE;
    Node *sum = node_comp(g, n->rank, n->dim, fold, n->nfold, n->fold_dim, n->guard, p, n->span);
    if (n->nfold) {
        Node *count = node_comp(
                g, n->rank, n->dim, fold, n->nfold, n->fold_dim, n->guard, ex_real(g, 1), n->span);
        Expr *least = ex_op2(g, OP_max, ex_element(g, count), ex_real(g, 1));
        sum = node_comp(g, n->rank, n->dim, F_NONE, 0, NULL, NULL,
                ex_op2(g, OP_div, ex_element(g, sum), least), n->span);
    }
    return views_of(x, n)->presence = sum;
}

/* ---- baseline ----------------------------------------------------------------------------- */

static Expr *load_baseline(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Mixer *x = ctx;
    if (n->dtype == T_F32 || kind_of(x, n) != DISCRETE) return ex_load(g, n, index, guard);
    Node *to = n->kind == N_LEAF ? mixed_input(x, n)->baseline : views_of(x, n)->baseline;
    if (!to) {
        to = n;
        graph_replace(g, &to, 1, x->leaf, x->baseline, x->n);
        views_of(x, n)->baseline = to;
    }
    return ex_load(g, to, index, guard);
}

static Expr *at_baseline(Mixer *x, Expr *e) {
    return e ? ex_rewrite(x->g, e, NULL, NULL, NULL, load_baseline, x) : NULL;
}

/* v0 + p (v - v0) */
static Expr *between(Graph *g, Expr *from, Expr *to, Expr *p) {
    return ex_op2(g, OP_add, from, ex_op2(g, OP_mul, p, ex_op2(g, OP_sub, to, from)));
}

/* ---- images ------------------------------------------------------------------------------- */

static Expr *mixed(Mixer *x, Expr *e);
static Expr *image(Mixer *x, Expr *e);

/* A tensor of the images of a discrete one's elements; NULL: a fold that gives positions. */
static Node *image_of(Mixer *x, Node *n) {
    if (n->kind == N_LEAF) return mixed_input(x, n)->point;
    if (n->fold == F_ARGMAX || n->fold == F_ARGMIN) return NULL;
    if (views_of(x, n)->image) return views_of(x, n)->image;
    Expr *guard = n->guard ? mixed(x, n->guard) : NULL;
    Node *to = node_comp(x->g, n->rank, n->dim, n->fold, n->nfold, n->fold_dim, guard,
            image(x, n->body), n->span);
    return views_of(x, n)->image = to;
}

/* A test of which place the input says, as in real(x[n] == c) for c in all places: a gather from
 * the unit matrix. Other tests say whether something counts, and do so as for x. */
static bool is_place(Mixer *x, const Expr *e) {
    if (e->kind != E_OP || e->op != OP_eq || e->arg[0]->dtype != T_I32) return false;
    bool first = is_discrete(x, e->arg[0]), second = is_discrete(x, e->arg[1]);
    return first != second && e->arg[first]->vars != 0;
}

/* An operator on integers that is the same function of reals. */
static bool is_real_too(const Expr *e) {
    const OpInfo *op = &op_info[e->op];
    if (e->dtype != T_I32) return false;
    return op->type == OT_BRANCH || (op->type == OT_SAME && (op->flags & (OPF_LINEAR | OPF_IDEM)));
}

static Expr *image_of_operator(Mixer *x, Expr *e) {
    Expr *arg[3];
    for (int k = 0; k < e->narg; k++) {
        bool condition = e->arg[k]->dtype == T_BOOL;
        arg[k] = condition ? mixed(x, e->arg[k]) : image(x, e->arg[k]);
    }
    return ex_op(x->g, e->op, arg);
}

/* The real number that stands for an integer or a test. */
static Expr *image(Mixer *x, Expr *e) {
    Graph *g = x->g;
    if (!is_discrete(x, e)) return ex_op1(g, OP_real, mixed(x, e));
    if (e->kind == E_OP && is_real_too(e)) return image_of_operator(x, e);
    if (e->kind == E_LOAD && !any_discrete(x, e->arg, e->narg)) {
        Node *to = image_of(x, e->node);
        if (to) return ex_load(g, to, e->arg, e->guard ? mixed(x, e->guard) : NULL);
    }
    if (e->kind == E_OP && op_info[e->op].type == OT_TOINT) return image(x, e->arg[0]);
    Expr *to = ex_op1(g, OP_real, mixed(x, e));
    if (e->dtype == T_BOOL && !is_place(x, e)) return to;
    return between(g, ex_op1(g, OP_real, at_baseline(x, e)), to, presence(x, &e, 1));
}

/* A load of reals at a place that the input says. */
static Expr *gathered(Mixer *x, const Expr *e) {
    Graph *g = x->g;
    Expr *index[MAX_RANK], *before[MAX_RANK];
    for (int k = 0; k < e->narg; k++) {
        index[k] = mixed(x, e->arg[k]);
        before[k] = at_baseline(x, e->arg[k]);
    }
    Expr *from = ex_load(g, e->node, before, at_baseline(x, e->guard));
    Expr *to = ex_load(g, e->node, index, e->guard ? mixed(x, e->guard) : NULL);
    return between(g, from, to, presence(x, e->arg, e->narg));
}

/* A branch of reals by a place that the input says. */
static Expr *chosen(Mixer *x, const Expr *e) {
    Graph *g = x->g;
    Expr *yes = mixed(x, e->arg[1]), *no = mixed(x, e->arg[2]);
    Expr *from = ex_select(g, at_baseline(x, e->arg[0]), yes, no);
    return between(g, from, ex_select(g, mixed(x, e->arg[0]), yes, no), presence(x, e->arg, 1));
}

static Expr *rebuilt(Mixer *x, Expr *e) {
    Expr *arg[MAX_RANK];
    for (int k = 0; k < e->narg; k++) arg[k] = mixed(x, e->arg[k]);
    if (e->kind == E_OP) return ex_op(x->g, e->op, arg);
    if (e->kind != E_LOAD) return e;
    return ex_load(x->g, e->node, arg, e->guard ? mixed(x, e->guard) : NULL);
}

static Expr *mixed(Mixer *x, Expr *e) {
    if (!e->loads) return e;
    if (seen(x, e)->mixed) return seen(x, e)->mixed;
    Expr *to;
    if (e->kind == E_OP && op_info[e->op].type == OT_TOREAL && is_discrete(x, e->arg[0]))
        to = image(x, e->arg[0]);
    else if (e->kind == E_LOAD && e->dtype == T_F32 && any_discrete(x, e->arg, e->narg))
        to = gathered(x, e);
    else if (e->kind == E_OP && op_info[e->op].type == OT_BRANCH && is_place(x, e->arg[0]))
        to = chosen(x, e);
    else
        to = rebuilt(x, e);
    return seen(x, e)->mixed = to;
}

/* ---- the graph ------------------------------------------------------------------------------ */

static Node *make(void *ctx, Graph *g, Node *n) {
    Mixer *x = ctx;
    if (n->kind != N_COMP) return n;
    Expr *guard = n->guard ? mixed(x, n->guard) : NULL;
    return node_comp(
            g, n->rank, n->dim, n->fold, n->nfold, n->fold_dim, guard, mixed(x, n->body), n->span);
}

/* Inputs of reals are replaced whole; nodes that read discrete ones are made anew. */
Node *mixture(Arena *a, Graph *g, Node *y, const Mixed *list, int n) {
    Mixer x = {.arena = a, .g = g, .mixed = list, .n = n};
    x.leaf = NEW_ARRAY(a, Node *, n + 1);
    x.baseline = NEW_ARRAY(a, Node *, n + 1);
    Node **real = NEW_ARRAY(a, Node *, n + 1), **point = NEW_ARRAY(a, Node *, n + 1);
    int reals = 0;
    for (int k = 0; k < n; k++) {
        x.leaf[k] = list[k].leaf;
        x.baseline[k] = list[k].baseline;
        if (list[k].leaf->dtype != T_F32) continue;
        real[reals] = list[k].leaf;
        point[reals++] = list[k].point;
    }
    graph_replace(g, &y, 1, real, point, reals);
    NodeList order = graph_order(g, &y, 1);
    bool *wanted = NEW_ARRAY(a, bool, g->t->node.n);
    for (int k = 0; k < order.n; k++) {
        Node *c = order.at[k];
        if (c->kind == N_COMP)
            wanted[c->id] =
                    mixed(&x, c->body) != c->body || (c->guard && mixed(&x, c->guard) != c->guard);
    }
    graph_remake(g, &y, 1, wanted, make, &x);
    return y;
}
