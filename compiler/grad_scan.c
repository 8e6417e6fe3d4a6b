/* grad_scan.c - the gradient of a scan is a scan in the other direction.
 *
 * At step t of the reverse scan, its carry j holds the adjoint of what the forward scan's
 * carry j became after step t. The adjoint of a body's node comes from the stacks of it that
 * y uses, from the carries, and from its users in the body; the adjoint of a carry as it was
 * before step t is what the reverse scan carries on, and after its last step belongs to the
 * initial value. Values of the forward body are read from stacks over it.
 *
 * What the body adds to the adjoint of something outside is not summed up step by step: the
 * adjoints are stacked, and the contribution is formed outside with the time as one more
 * variable: the gradient of a weight is one contraction over rows and time. */
#include "grad_internal.h"
#include "hoist.h"

/* ---- relocation --------------------------------------------------------------------- */

static Expr *move_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    const Relocation *p = ctx;
    if (node_in_scan(n, p->scan)) return value_at_step(g, p->scan, n, p->time, index, guard);
    if (p->outside && node_in_scan(n, p->reverse))
        return value_at_step(g, p->reverse, n, p->time, index, guard);
    return ex_load(g, n, index, guard);
}

Expr *relocate(Grad *gr, Expr *e, const Relocation *place, int n) {
    for (int k = 0; e && k < n; k++) {
        Relocation p = place[k];
        e = ex_rewrite(gr->g, e, NULL, p.scan, p.time, move_load, &p);
        if (p.outside) e = ex_rewrite(gr->g, e, NULL, p.reverse, p.time, NULL, NULL);
    }
    return e && e->dtype == T_BOOL && ex_is_const(e, 1) ? NULL : e;
}

/* ---- which carries take part ----------------------------------------------------------- */

static void reach(Grad *gr, const Scan *s, Node *from, NodeList *todo) {
    Info *info = &gr->info[from->id];
    if (!info->active || info->mark == gr->mark || !node_in_scan(from, s)) return;
    info->mark = gr->mark;
    vec_push(gr->tmp, todo, from);
}

/* Marks what the stacks that have an adjoint depend on inside the scan. */
static void mark_reached(Grad *gr, const Scan *s, const NodeList *stack) {
    NodeList todo = {0};
    gr->mark++;
    for (int k = 0; k < stack->n; k++)
        if (adjoint_of(gr, stack->at[k])) reach(gr, s, stack->at[k]->of, &todo);
    for (int k = 0; k < todo.n; k++) {
        NodeList target = gr->info[todo.at[k]->id].target;
        for (int j = 0; j < target.n; j++) reach(gr, s, target.at[j], &todo);
    }
}

typedef struct Carries {
    int n;
    int *of; /* the forward scan's number of each */
    Node **init;
} Carries;

static Carries reached_carries(Grad *gr, const Scan *s) {
    Carries c = {.of = NEW_ARRAY(gr->tmp, int, s->n), .init = NEW_ARRAY(gr->tmp, Node *, s->n)};
    for (int k = 0; k < s->n; k++) {
        const Node *carry = s->carry[k];
        if (gr->info[carry->id].mark != gr->mark) continue;
        c.init[c.n] = node_zeros(gr->g, T_F32, carry->rank, carry->dim, s->span);
        c.of[c.n++] = k;
    }
    return c;
}

/* ---- the reverse scan ------------------------------------------------------------------- */

/* Adds a value over its axes to the adjoint of a node, as seen from a level. */
static void seed(Grad *gr, Scan *level, Node *to, Partial adjoint, Span at) {
    Contribution c = {.level = level, .n = to->rank, .to = to, .adjoint = adjoint, .span = at};
    for (int k = 0; k < to->rank; k++) {
        c.dim[k] = to->dim[k];
        c.index[k] = ex_var(gr->g, k, to->dim[k]);
    }
    contribute(gr, &c);
}

/* n[o], or n[first, o], over the axes that n has behind the first. */
static Expr *whole(Graph *g, Node *n, Expr *first) {
    Expr *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        index[k] = k == 0 && first ? first : ex_var(g, first ? k - 1 : k, n->dim[k]);
    return ex_load(g, n, index, NULL);
}

/* The adjoint of a stack in the step of the reverse scan. */
static Partial adjoint_in_step(Grad *gr, Node *stack, Scan *reverse) {
    Graph *g = gr->g;
    Expr *time = ex_time(g, reverse), *to[MAX_VARS] = {time}, *where = gr->info[stack->id].where;
    for (int k = 1; k < stack->rank; k++) to[k] = ex_var(g, k - 1, stack->dim[k]);
    return (Partial){
            where ? ex_subst(g, where, to) : NULL, whole(g, adjoint_of(gr, stack), time), NULL};
}

static void seed_all(Grad *gr, Scan *s, const Carries *carries, NodeList *root) {
    ScanInfo *info = &gr->scan[s->id];
    Scan *reverse = info->reverse;
    for (int k = 0; k < info->stack.n; k++) {
        Node *stack = info->stack.at[k];
        if (!adjoint_of(gr, stack)) continue;
        seed(gr, s, stack->of, adjoint_in_step(gr, stack, reverse), stack->span);
        vec_push(gr->tmp, root, stack->of);
    }
    for (int k = 0; k < carries->n; k++) {
        Node *next = s->next[carries->of[k]];
        if (!is_active(gr, next)) continue;
        seed(gr, s, next, (Partial){NULL, whole(gr->g, reverse->carry[k], NULL), NULL}, s->span);
        if (node_in_scan(next, s)) vec_push(gr->tmp, root, next);
    }
}

/* What the last step of the reverse scan leaves for the initial value of a carry. */
static Partial adjoint_of_initial(Grad *gr, Scan *reverse, const Node *carry, Node *next) {
    int64_t last = reverse->reversed ? 0 : reverse->extent - 1;
    Relocation there = {.scan = reverse, .time = ex_int(gr->g, last)};
    Expr *where = relocate(gr, gr->info[carry->id].where, &there, 1);
    Expr *value = whole(gr->g, scan_last(gr->g, reverse, next, carry->span), NULL);
    return (Partial){where, value, NULL};
}

static void close_reverse(Grad *gr, Scan *s, const Carries *carries) {
    Scan *reverse = gr->scan[s->id].reverse;
    Node **next = NEW_ARRAY(gr->tmp, Node *, carries->n);
    for (int k = 0; k < carries->n; k++) {
        next[k] = adjoint_of(gr, s->carry[carries->of[k]]);
        if (!next[k]) next[k] = carries->init[k];
    }
    scan_close(gr->g, reverse, next);
    for (int k = 0; k < carries->n; k++) {
        Node *init = s->init[carries->of[k]], *carry = s->carry[carries->of[k]];
        if (!is_active(gr, init) || !gr->info[carry->id].adjoint) continue;
        seed(gr, level_around(gr, s), init, adjoint_of_initial(gr, reverse, carry, next[k]),
                s->span);
    }
}

void grad_of_scan(Grad *gr, Scan *s) {
    ScanInfo *info = &gr->scan[s->id];
    mark_reached(gr, s, &info->stack);
    Carries carries = reached_carries(gr, s);
    info->reverse = scan_open(gr->g, s->extent, !s->reversed, carries.n, carries.init, s->span);
    Scan *around = scan_around_reverse(gr, s);
    if (around) scan_nest(gr->g, info->reverse, around);
    NodeList root = {0};
    seed_all(gr, s, &carries, &root);
    grad_level(gr, s, root.at, root.n);
    close_reverse(gr, s, &carries);
    for (int k = 0; k < info->waiting.n; k++) contribute(gr, &info->waiting.at[k]);
}
