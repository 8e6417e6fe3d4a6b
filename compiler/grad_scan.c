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

#include <string.h>

/* ---- relocation --------------------------------------------------------------------- */

/* n[index] at a step of a scan that is already over. */
static Expr *load_step(Graph *g, Scan *s, Node *n, Expr *time, Expr *const *index, Expr *guard) {
    if (!node_in_scan(n, s)) return ex_load(g, n, index, guard);
    Expr *at[MAX_RANK + 1];
    if (n->rank > 0) memcpy(at + 1, index, (size_t)n->rank * sizeof *at);
    if (n->kind != N_CARRY || n->scan != s) {
        at[0] = time;
        return ex_load(g, node_stack(g, s, n, n->span), at, guard);
    }
    /* What the step before left; before the first, the initial value. */
    Expr *before = ex_op2(g, OP_add, time, ex_int(g, s->reversed ? 1 : -1));
    Expr *later = ex_in_range(g, before, s->extent);
    if (!later) later = ex_bool(g, true);
    Node *next = s->next[n->carry];
    Expr *then = ex_and(g, guard, later), *first = ex_op1(g, OP_not, later), *left;
    Expr *initial = ex_load(g, s->init[n->carry], index, ex_and(g, guard, first));
    if (next->kind == N_CARRY && next->scan == s) {
        at[0] = before;
        left = ex_load(g, node_stack(g, s, next, next->span), at, then);
    } else {
        left = load_step(g, s, next, before, index, then);
    }
    return ex_is_const(initial, 0) ? left : ex_select(g, later, left, initial);
}

static Expr *move_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    const Place *p = ctx;
    if (node_in_scan(n, p->scan)) return load_step(g, p->scan, n, p->time, index, guard);
    if (p->outside && node_in_scan(n, p->reverse))
        return load_step(g, p->reverse, n, p->time, index, guard);
    return ex_load(g, n, index, guard);
}

Expr *relocate(Grad *gr, Expr *e, const Place *place, int n) {
    for (int k = 0; e && k < n; k++) {
        Place p = place[k];
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
    int *of;            /* the forward scan's number of each */
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

/* Adds from[time..., o] (or from[o]) to the adjoint of to[o], as seen from a level. */
static void seed(Grad *gr, Scan *level, Node *to, Node *from, Expr *time, Span at) {
    Graph *g = gr->g;
    Contribution c = {.level = level, .n = to->rank, .to = to, .span = at};
    Expr *index[MAX_RANK + 1] = {time};
    for (int k = 0; k < to->rank; k++) {
        c.dim[k] = to->dim[k];
        c.index[k] = ex_var(g, k, to->dim[k]);
        index[time ? k + 1 : k] = c.index[k];
    }
    c.adjoint.value = ex_load(g, from, index, NULL);
    contribute(gr, &c);
}

static void seed_all(Grad *gr, Scan *s, const Carries *carries, NodeList *root) {
    ScanInfo *info = &gr->scan[s->id];
    Scan *reverse = info->reverse;
    for (int k = 0; k < info->stack.n; k++) {
        Node *stack = info->stack.at[k], *adjoint = adjoint_of(gr, stack);
        if (!adjoint) continue;
        seed(gr, s, stack->of, adjoint, ex_time(gr->g, reverse), stack->span);
        vec_push(gr->tmp, root, stack->of);
    }
    for (int k = 0; k < carries->n; k++) {
        Node *next = s->next[carries->of[k]];
        if (!is_active(gr, next)) continue;
        seed(gr, s, next, reverse->carry[k], NULL, s->span);
        if (node_in_scan(next, s)) vec_push(gr->tmp, root, next);
    }
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
        Node *init = s->init[carries->of[k]];
        if (!is_active(gr, init)) continue;
        Node *last = scan_last(gr->g, reverse, next[k], s->span);
        seed(gr, level_around(gr, s), init, last, NULL, s->span);
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
