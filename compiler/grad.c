/* grad.c - reverse mode over the graph (contract: grad.h).
 *
 * 1. Which nodes are ACTIVE: depend differentiably on one of the x's (carries make this a
 *    fixed point).
 * 2. From y, users before operands: the contributions to a node are summed up when all its
 *    users have been passed, and passed on (grad_comp.c). A scan is one unit: it comes when
 *    the users of all its stacks have been passed, and inside of it the same happens again
 *    (grad_scan.c). So order is by LEVEL: the innermost scan that a node stands in.
 *
 * Nothing recurses over the graph's depth; levels recurse as deep as scans nest. */
#include "grad_internal.h"

#include "graph_tables.h"

/* ---- levels ----------------------------------------------------------------------- */

static bool crossed(const Grad *gr, const Scan *s) {
    return !node_in_scan(gr->y, s);
}

/* The innermost scan of a set, of the crossed ones or of the others: scans nest, so it is the
 * one that stands in most others. */
static Scan *innermost(const Grad *gr, const Scan *const *in, int n, bool of_crossed) {
    const Scan *deepest = NULL;
    for (int k = 0; k < n; k++)
        if (crossed(gr, in[k]) == of_crossed && (!deepest || in[k]->nin > deepest->nin))
            deepest = in[k];
    return deepest ? gr->g->t->scan.at[deepest->id] : NULL;
}

Scan *level_of(const Grad *gr, const Node *n) {
    return innermost(gr, n->in, n->nin, true);
}
Scan *level_around(const Grad *gr, const Scan *s) {
    return innermost(gr, s->in, s->nin, true);
}

Scan *scan_around_reverse(const Grad *gr, const Scan *s) {
    const Scan *around = level_around(gr, s);
    if (around) return gr->scan[around->id].reverse;
    return innermost(gr, gr->y->in, gr->y->nin, false);
}

/* ---- active nodes -------------------------------------------------------------------- */

bool is_active(const Grad *gr, const Node *n) {
    return n->id < gr->ninfo && gr->info[n->id].active;
}

static bool has_gradient(const Node *n) {
    return n->dtype == T_F32 && n->fold != F_ARGMAX && n->fold != F_ARGMIN;
}

static void find_targets(Grad *gr, Node *n) {
    NodeList *target = &gr->info[n->id].target;
    if (!has_gradient(n)) return;
    if (n->kind == N_COMP) {
        ExprList load = {0};
        differentiable_loads(gr->tmp, n->body, &load);
        for (int k = 0; k < load.n; k++) vec_push(gr->tmp, target, load.at[k]->node);
    } else if (n->kind == N_STACK) {
        vec_push(gr->tmp, target, n->of);
    } else if (n->kind == N_CARRY && crossed(gr, n->scan)) {
        vec_push(gr->tmp, target, n->scan->init[n->carry]);
        vec_push(gr->tmp, target, n->scan->next[n->carry]);
    }
}

static bool becomes_active(const Grad *gr, const Node *n) {
    NodeList target = gr->info[n->id].target;
    for (int k = 0; k < target.n; k++)
        if (gr->info[target.at[k]->id].active) return true;
    return false;
}

/* Lists an active node with the scans that it stands in or leads out of. */
static void enlist(Grad *gr, Node *n) {
    for (int k = 0; k < n->nin; k++)
        if (crossed(gr, n->in[k])) vec_push(gr->tmp, &gr->scan[n->in[k]->id].body, n);
    if (n->kind == N_STACK && crossed(gr, n->scan))
        vec_push(gr->tmp, &gr->scan[n->scan->id].stack, n);
}

static void find_active(Grad *gr, Node *const *x, int n) {
    NodeList order = graph_order(gr->g, &gr->y, 1);
    for (int k = 0; k < order.n; k++) find_targets(gr, order.at[k]);
    for (int k = 0; k < n; k++) gr->info[x[k]->id].active = has_gradient(x[k]);
    for (bool more = true; more;) { /* an operand comes later only of a carry */
        more = false;
        for (int k = 0; k < order.n; k++) {
            Info *info = &gr->info[order.at[k]->id];
            if (info->active || !becomes_active(gr, order.at[k])) continue;
            info->active = true;
            more = true;
        }
    }
    for (int k = 0; k < order.n; k++)
        if (is_active(gr, order.at[k])) enlist(gr, order.at[k]);
}

/* ---- order within a level ---------------------------------------------------------------- */

/* A node, or a whole scan. */
typedef struct Unit {
    Node *node;
    Scan *scan;
} Unit;
typedef Vec(Unit) Units;
typedef struct Frame {
    Unit unit;
    int next;
    Units need;
} Frame;

typedef struct Walk {
    Grad *gr;
    Scan *level;
    Vec(Frame) stack;
    Units out;
} Walk;

static void need_targets(Walk *w, Units *need, const Node *n) {
    NodeList target = w->gr->info[n->id].target;
    for (int k = 0; k < target.n; k++) {
        Node *t = target.at[k];
        if (is_active(w->gr, t) && level_of(w->gr, t) == w->level)
            vec_push(w->gr->tmp, need, ((Unit){.node = t}));
    }
}

static Units needs(Walk *w, Unit u) {
    Units need = {0};
    if (u.scan) {
        NodeList body = w->gr->scan[u.scan->id].body;
        for (int k = 0; k < body.n; k++) need_targets(w, &need, body.at[k]);
    } else if (u.node->kind == N_STACK && crossed(w->gr, u.node->scan)) {
        vec_push(w->gr->tmp, &need, ((Unit){.scan = u.node->scan}));
    } else if (u.node->kind != N_CARRY) {
        need_targets(w, &need, u.node);
    }
    return need;
}

static void enter(Walk *w, Unit u) {
    bool *ordered = u.scan ? &w->gr->scan[u.scan->id].ordered : &w->gr->info[u.node->id].ordered;
    if (*ordered) return;
    *ordered = true;
    vec_push(w->gr->tmp, &w->stack, ((Frame){u, 0, needs(w, u)}));
}

static Units order_level(Grad *gr, Scan *level, Node *const *root, int n) {
    Walk w = {.gr = gr, .level = level};
    for (int k = 0; k < n; k++) {
        if (level_of(gr, root[k]) == level) enter(&w, (Unit){.node = root[k]});
        while (w.stack.n > 0) {
            Frame *top = &w.stack.at[w.stack.n - 1];
            if (top->next < top->need.n) {
                enter(&w, top->need.at[top->next++]);
            } else {
                vec_push(gr->tmp, &w.out, top->unit);
                w.stack.n--;
            }
        }
    }
    return w.out;
}

void grad_level(Grad *gr, Scan *level, Node *const *root, int n) {
    Units unit = order_level(gr, level, root, n);
    for (int k = unit.n; k-- > 0 && !gr->failed;) {
        Unit u = unit.at[k];
        if (u.scan)
            grad_of_scan(gr, u.scan);
        else if (adjoint_of(gr, u.node) && u.node->kind == N_COMP)
            grad_of_comp(gr, u.node);
    }
}

/* ---- adjoints ----------------------------------------------------------------------------- */

Node *grad_comp(Grad *gr, int rank, const int64_t *dim, int nfold, const int64_t *fold_dim,
        Expr *guard, Expr *body, Span at) {
    Node *n = node_comp(gr->g, rank, dim, nfold ? F_SUM : F_NONE, nfold, fold_dim, guard, body, at);
    if (n->id >= gr->ninfo) n->is_grad = true;
    return n;
}

/* A value over n's axes as a node of its own, loaded at those axes. */
static Expr *stored(Grad *gr, const Node *n, Expr *value) {
    return ex_element(gr->g, grad_comp(gr, n->rank, n->dim, 0, NULL, NULL, value, n->span));
}

/* So many terms stand in one sum, so many expressions in one condition; what is larger is
 * stored, so that the gradient of a long chain is as long as the chain. */
enum { MAX_SUM = 8, MAX_CONDITION = 24 };

static Partial sum_of_parts(Grad *gr, const Node *n) {
    Partials rest = gr->info[n->id].part;
    while (rest.n > MAX_SUM) {
        Partials sums = {0};
        for (int k = 0; k < rest.n; k += MAX_SUM) {
            Partials group = {rest.at + k, rest.n - k < MAX_SUM ? rest.n - k : MAX_SUM, 0};
            Partial sum = partial_sum(gr->g, &group);
            sum.value = stored(gr, n, partial_value(gr->g, sum));
            sum.test = NULL;
            vec_push(gr->tmp, &sums, sum);
        }
        rest = sums;
    }
    return partial_sum(gr->g, &rest);
}

Node *adjoint_of(Grad *gr, Node *n) {
    if (n->id >= gr->ninfo) return NULL;
    Info *info = &gr->info[n->id];
    if (info->adjoint || info->part.n == 0) return info->adjoint;
    Partial sum = sum_of_parts(gr, n);
    if (sum.where && is_larger(gr->tmp, sum.where, MAX_CONDITION))
        sum.where = stored(gr, n, sum.where);
    info->where = sum.where;
    info->adjoint =
            grad_comp(gr, n->rank, n->dim, 0, NULL, NULL, partial_value(gr->g, sum), n->span);
    return info->adjoint;
}

Node *node_stop(Graph *g, Node *x, Span at) {
    return node_map(g, OP_stop_gradient, &x, at);
}

/* ---- the whole ---------------------------------------------------------------------------- */

bool grad(Graph *g, Node *y, Node *const *x, int n, Node **out) {
    Arena *tmp = arena_new();
    Grad gr = {.g = g, .tmp = tmp, .y = y, .ninfo = g->t->node.n};
    gr.info = NEW_ARRAY(tmp, Info, gr.ninfo);
    gr.scan = NEW_ARRAY(tmp, ScanInfo, g->t->scan.n);
    find_active(&gr, x, n);
    if (is_active(&gr, y)) {
        Partial one = {NULL, ex_real(g, 1), NULL};
        vec_push(tmp, &gr.info[y->id].part, one);
        grad_level(&gr, NULL, &y, 1);
    }
    for (int k = 0; k < n; k++) out[k] = gr.failed ? NULL : adjoint_of(&gr, x[k]);
    bool ok = !gr.failed;
    arena_free(tmp);
    return ok;
}
