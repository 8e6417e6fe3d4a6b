/* hoist.c - see hoist.h.
 *
 * Nodes of a body that move are comprehensions of two kinds:
 *   EARLY  depends on the time, but on no carried value: is computed before the scan (one
 *          that only reads something at the time stays as well, for what needs it inside);
 *   LATE   a fold that nothing in the body waits for but what is late itself: is computed
 *          after, from stacks, unless that would store more than it saves.
 * So the input projections of a recurrent layer become one contraction over rows and time,
 * and so do their gradients. Values do not change: every element is computed by the same
 * operations.
 *
 * Requires closed scans. Keeps everything but which scan a node stands in; scans are rebuilt,
 * since their bodies load other nodes. One round moves nodes out of their innermost scan;
 * rounds repeat until nothing moves. */
#include "hoist.h"

#include "graph_tables.h"
#include "mechanism.h"

#include <string.h>

/* ---- values of a step ---------------------------------------------------------------- */

static Expr *stacked(Graph *g, Scan *s, Node *n, Expr *time, Expr *const *index, Expr *guard) {
    Expr *at[MAX_RANK + 1] = {time};
    if (n->rank > 0) memcpy(at + 1, index, (size_t)n->rank * sizeof *at);
    return ex_load(g, node_stack(g, s, n, n->span), at, guard);
}

Expr *value_at_step(Graph *g, Scan *s, Node *n, Expr *time, Expr *const *index, Expr *guard) {
    if (!node_in_scan(n, s)) return ex_load(g, n, index, guard);
    if (n->kind != N_CARRY || n->scan != s) return stacked(g, s, n, time, index, guard);
    Expr *before = ex_op2(g, OP_add, time, ex_int(g, s->reversed ? 1 : -1));
    Expr *later = ex_in_range(g, before, s->extent);
    if (!later) later = ex_bool(g, true);
    Expr *first = ex_op1(g, OP_not, later), *left;
    Expr *initial = ex_load(g, s->init[n->carry], index, ex_and(g, guard, first));
    Node *next = s->next[n->carry];
    guard = ex_and(g, guard, later);
    if (next->kind == N_CARRY && next->scan == s)
        left = stacked(g, s, next, before, index, guard);
    else
        left = value_at_step(g, s, next, before, index, guard);
    return ex_is_const(initial, 0) ? left : ex_select(g, later, left, initial);
}

/* ---- what moves ------------------------------------------------------------------------ */

typedef enum { STAYS, EARLY, LATE } Move;

typedef struct Hoist {
    Graph *g;
    Arena *tmp;
    NodeList order;
    /* by id of the nodes in order */
    Move *move;
    bool *waited;    /* something that stays in the body loads it */
    bool *has_stack; /* is stacked anyway */
    Node **image;    /* what stands for it in the new graph */
    Node **moved;    /* of EARLY and LATE: the comprehension outside */
    Scan **scan;     /* by id: the new scan */
} Hoist;

static Scan *innermost(const Hoist *h, const Node *n) {
    const Scan *deepest = NULL;
    for (int k = 0; k < n->nin; k++)
        if (!deepest || n->in[k]->nin > deepest->nin) deepest = n->in[k];
    return deepest ? h->g->t->scan.at[deepest->id] : NULL;
}

static bool can_move(const Node *n) {
    return n->kind == N_COMP && n->rank < MAX_RANK && n->nin > 0;
}

/* Reads something in the step; moving it would leave the same reading. */
static bool is_reading(const Node *n) {
    return n->fold == F_NONE && n->body->kind == E_LOAD;
}

static bool leaves(const Hoist *h, const Node *n) {
    return h->move[n->id] == LATE || (h->move[n->id] == EARLY && !is_reading(n));
}

/* The stack of what need not be in the scan: the comprehension outside in its place. */
static bool is_needless_stack(const Hoist *h, const Node *n) {
    return n->kind == N_STACK && h->move[n->of->id] != STAYS && innermost(h, n->of) == n->scan;
}

static void find_early(Hoist *h) {
    for (int k = 0; k < h->order.n; k++) {
        const Node *n = h->order.at[k];
        if (!can_move(n)) continue;
        const Scan *s = innermost(h, n);
        NodeList operand = node_operands(h->g, n);
        bool early = true;
        for (int j = 0; j < operand.n; j++)
            if (node_in_scan(operand.at[j], s) && h->move[operand.at[j]->id] != EARLY)
                early = false;
        if (early) h->move[n->id] = EARLY;
    }
}

static double elements(const Node *n) { /* per row */
    double count = 1;
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] != DIM_BATCH) count *= (double)n->dim[k];
    return count;
}

static bool is_stored(const Hoist *h, const Node *n, const Scan *s) {
    if (!node_in_scan(n, s) || h->move[n->id] == EARLY) return true;
    if (n->kind == N_CARRY && n->scan == s) n = s->next[n->carry];
    return h->has_stack[n->id];
}

static bool becomes_late(const Hoist *h, const Node *n) {
    if (!can_move(n) || h->move[n->id] == EARLY || n->nfold == 0 || h->waited[n->id]) return false;
    const Scan *s = innermost(h, n);
    NodeList operand = node_operands(h->g, n);
    double more = 0;
    for (int j = 0; j < operand.n; j++)
        if (!is_stored(h, operand.at[j], s)) more += elements(operand.at[j]);
    return more <= elements(n);
}

/* Users before operands: whether a node is waited for is known when it is met. */
static void find_late(Hoist *h) {
    for (int k = 0; k < h->order.n; k++) {
        const Node *n = h->order.at[k];
        if (n->kind == N_STACK) h->has_stack[n->of->id] = true;
        for (int j = 0; n->scan && j < n->scan->n; j++) h->waited[n->scan->next[j]->id] = true;
    }
    for (int k = h->order.n; k-- > 0;) {
        const Node *n = h->order.at[k];
        bool late = becomes_late(h, n);
        if (late) h->move[n->id] = LATE;
        if (n->kind == N_STACK && innermost(h, n->of) == n->scan) continue;
        NodeList operand = node_operands(h->g, n);
        for (int j = 0; j < operand.n; j++) {
            bool from_stack = late && node_in_scan(operand.at[j], innermost(h, n));
            bool *how = from_stack ? h->has_stack : h->waited;
            how[operand.at[j]->id] = true;
        }
    }
}

/* ---- the new graph ------------------------------------------------------------------------ */

static Scan *new_scan(Hoist *h, const Scan *s) {
    if (h->scan[s->id]) return h->scan[s->id];
    Scan *around = s->around ? new_scan(h, s->around) : NULL;
    Node **init = NEW_ARRAY(h->tmp, Node *, s->n);
    for (int k = 0; k < s->n; k++) init[k] = h->image[s->init[k]->id];
    Scan *c = scan_open(h->g, s->extent, s->reversed, s->n, init, s->span);
    if (around) scan_nest(h->g, c, around);
    for (int k = 0; k < s->n; k++) c->carry[k]->name = s->carry[k]->name;
    return h->scan[s->id] = c;
}

static void close_scan(Hoist *h, const Scan *s) {
    Scan *c = new_scan(h, s);
    if (c->closed) return;
    Node **next = NEW_ARRAY(h->tmp, Node *, s->n);
    for (int k = 0; k < s->n; k++) next[k] = h->image[s->next[k]->id];
    scan_close(h->g, c, next);
}

/* Where an expression goes: out of a scan, at a time; or (NULL) nowhere. */
typedef struct Target {
    Hoist *h;
    const Scan *out_of;
    Expr *time;
} Target;

static Node *moved(Hoist *h, Node *n);

static Expr *new_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    const Target *t = ctx;
    Hoist *h = t->h;
    bool outside = t->out_of && node_in_scan(n, t->out_of);
    if (outside ? h->move[n->id] != STAYS : leaves(h, n)) {
        Expr *at[MAX_RANK + 1];
        at[0] = outside ? t->time : ex_time(g, new_scan(h, innermost(h, n)));
        if (n->rank > 0) memcpy(at + 1, index, (size_t)n->rank * sizeof *at);
        return ex_load(g, moved(h, n), at, guard);
    }
    if (outside)
        return value_at_step(g, new_scan(h, t->out_of), h->image[n->id], t->time, index, guard);
    return ex_load(g, h->image[n->id], index, guard);
}

static Expr *new_expr(Hoist *h, Expr *e, const Node *n, Expr *const *to, const Target *t) {
    if (!e) return NULL;
    Target target = *t;
    e = ex_rewrite(h->g, e, to, NULL, NULL, new_load, &target);
    for (int k = 0; k < n->nin; k++) {
        Scan *s = h->g->t->scan.at[n->in[k]->id];
        Expr *time = s == t->out_of ? t->time : ex_time(h->g, new_scan(h, s));
        e = ex_rewrite(h->g, e, NULL, s, time, NULL, NULL);
    }
    return e;
}

static void keep_name(Node *to, const Node *from, int before) {
    if (to->id < before) return;
    to->name = from->name;
    to->is_grad = from->is_grad;
}

/* The comprehension outside, with the time in front of the axes. */
static Node *moved(Hoist *h, Node *n) {
    if (h->moved[n->id]) return h->moved[n->id];
    const Scan *s = innermost(h, n);
    if (h->move[n->id] == LATE) close_scan(h, s);
    int64_t dim[MAX_RANK] = {s->extent};
    Expr *to[MAX_VARS] = {NULL};
    for (int k = 0; k < n->rank; k++) {
        dim[k + 1] = n->dim[k];
        to[k] = ex_var(h->g, k + 1, n->dim[k]);
    }
    for (int k = 0; k < n->nfold; k++)
        to[n->rank + k] = ex_var(h->g, n->rank + 1 + k, n->fold_dim[k]);
    Target t = {h, s, ex_var(h->g, 0, s->extent)};
    int before = h->g->t->node.n;
    Node *c = node_comp(h->g, n->rank + 1, dim, n->fold, n->nfold, n->fold_dim,
            new_expr(h, n->guard, n, to, &t), new_expr(h, n->body, n, to, &t), n->span);
    keep_name(c, n, before);
    return h->moved[n->id] = c;
}

/* What was computed early, in the step. */
static Node *reading(Hoist *h, Node *n) {
    Expr *index[MAX_RANK + 1] = {ex_time(h->g, new_scan(h, innermost(h, n)))};
    for (int k = 0; k < n->rank; k++) index[k + 1] = ex_var(h->g, k, n->dim[k]);
    Expr *load = ex_load(h->g, moved(h, n), index, NULL);
    return node_comp(h->g, n->rank, n->dim, F_NONE, 0, NULL, NULL, load, n->span);
}

static Node *rebuild(Hoist *h, Node *n) {
    Target here = {.h = h};
    switch (n->kind) {
    case N_LEAF:
        return n;
    case N_CARRY:
        return new_scan(h, n->scan)->carry[n->carry];
    case N_STACK:
        close_scan(h, n->scan);
        if (is_needless_stack(h, n)) return moved(h, n->of);
        return node_stack(h->g, new_scan(h, n->scan), h->image[n->of->id], n->span);
    case N_COMP:
        if (h->move[n->id] == LATE) return NULL; /* nothing in the body loads it */
        if (leaves(h, n)) return reading(h, n);
        return node_comp(h->g, n->rank, n->dim, n->fold, n->nfold, n->fold_dim,
                new_expr(h, n->guard, n, NULL, &here), new_expr(h, n->body, n, NULL, &here),
                n->span);
    }
    return n;
}

static void rebuild_all(Hoist *h) {
    for (int k = 0; k < h->order.n; k++) {
        Node *n = h->order.at[k];
        int before = h->g->t->node.n;
        h->image[n->id] = rebuild(h, n);
        if (h->image[n->id]) keep_name(h->image[n->id], n, before);
    }
    for (int k = 0; k < h->order.n; k++)
        if (h->order.at[k]->kind == N_CARRY) close_scan(h, h->order.at[k]->scan);
}

static bool hoist_once(Graph *g, Node **root, int n) {
    Hoist h = {.g = g, .tmp = arena_new(), .order = graph_order(g, root, n)};
    h.move = NEW_ARRAY(h.tmp, Move, g->t->node.n);
    h.waited = NEW_ARRAY(h.tmp, bool, g->t->node.n);
    h.has_stack = NEW_ARRAY(h.tmp, bool, g->t->node.n);
    h.image = NEW_ARRAY(h.tmp, Node *, g->t->node.n);
    h.moved = NEW_ARRAY(h.tmp, Node *, g->t->node.n);
    h.scan = NEW_ARRAY(h.tmp, Scan *, g->t->scan.n);
    find_early(&h);
    find_late(&h);
    bool moves = false;
    for (int k = 0; k < h.order.n; k++)
        moves = moves || leaves(&h, h.order.at[k]) || is_needless_stack(&h, h.order.at[k]);
    if (moves) {
        rebuild_all(&h);
        for (int k = 0; k < n; k++) root[k] = h.image[root[k]->id];
    }
    arena_free(h.tmp);
    return moves;
}

bool hoist(Graph *g, Node **root, int n) {
    bool any = false;
    while (mechanism_on(MECHANISM_hoist) && hoist_once(g, root, n)) any = true;
    return any;
}
