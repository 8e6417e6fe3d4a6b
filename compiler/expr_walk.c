/* expr_walk.c - visiting and rebuilding expressions. Each shared part is met once, so that
 * the cost is the size of the DAG and not of the tree that it stands for. */
#include "graph_tables.h"

#include <string.h>

void expr_walk_begin(Graph *g) {
    g->t->walk++;
}

static bool first_time(Graph *g, const Expr *e) {
    struct GraphTables *t = g->t;
    while (t->expr_mark.n < t->expr.n) vec_push(g->arena, &t->expr_mark, 0);
    if (t->expr_mark.at[e->id] == t->walk) return false;
    t->expr_mark.at[e->id] = t->walk;
    return true;
}

void expr_walk_more(Graph *g, Expr *e, ExprVisit *visit, void *ctx) {
    if (!e || !first_time(g, e)) return;
    for (int k = 0; k < e->narg; k++) expr_walk_more(g, e->arg[k], visit, ctx);
    expr_walk_more(g, e->guard, visit, ctx);
    visit(ctx, e);
}

void expr_walk(Graph *g, Expr *e, ExprVisit *visit, void *ctx) {
    expr_walk_begin(g);
    expr_walk_more(g, e, visit, ctx);
}

/* ---- rebuilding ------------------------------------------------------------------------ */

typedef struct Done {
    Expr *from, *to;
} Done;

typedef struct Rewrite {
    Graph *g;
    Expr *const *to;
    uint32_t replaced; /* variables with a replacement */
    Scan *scan;
    Expr *time;
    ExLoadFn *load;
    void *ctx;
    Expr *const *known; /* tests that hold */
    int nknown;
    Done *done; /* open addressing, by id */
    int log;    /* of its size */
    size_t cap, n;
} Rewrite;

static Done *done_slot(const Rewrite *r, const Expr *e) {
    size_t k = (size_t)hash_mix(3, (uint64_t)e->id) & (r->cap - 1);
    while (r->done[k].from && r->done[k].from != e) k = (k + 1) & (r->cap - 1);
    return &r->done[k];
}

/* Tables are used again by later rewrites. */
static void take_table(Rewrite *r, int log) {
    struct GraphTables *t = r->g->t;
    r->log = log;
    r->cap = (size_t)1 << log;
    r->done = t->memo[log].n ? t->memo[log].at[--t->memo[log].n] : NEW_ARRAY(r->g->arena, Done, r->cap);
}

static void give_table(Graph *g, Done *done, int log) {
    memset(done, 0, sizeof *done << log);
    vec_push(g->arena, &g->t->memo[log], done);
}

static void grow(Rewrite *r) {
    Rewrite old = *r;
    take_table(r, old.cap ? old.log + 1 : 4);
    for (size_t k = 0; k < old.cap; k++)
        if (old.done[k].from) *done_slot(r, old.done[k].from) = old.done[k];
    if (old.cap) give_table(r->g, old.done, old.log);
}

static void remember(Rewrite *r, Expr *from, Expr *to) {
    if (2 * (r->n + 1) > r->cap) grow(r);
    *done_slot(r, from) = (Done){from, to};
    r->n++;
}

static bool occurs(const Scan *s, const Expr *e) {
    for (int k = 0; k < e->nin; k++)
        if (e->in[k] == s) return true;
    return false;
}

static bool untouched(const Rewrite *r, const Expr *e) {
    if (e->kind == E_CONST) return true;
    return !r->load && r->nknown == 0 && !(e->vars & r->replaced) &&
           !(r->scan && occurs(r->scan, e));
}

static Expr *rewrite(Rewrite *r, Expr *e);

static Expr *rewrite_load(Rewrite *r, Expr *e, Expr *const *index) {
    Expr *guard = e->guard ? rewrite(r, e->guard) : NULL;
    if (guard && ex_is_const(guard, 1)) guard = NULL;
    return r->load ? r->load(r->ctx, r->g, e->node, index, guard)
                   : ex_load(r->g, e->node, index, guard);
}

/* What a test is where the known ones hold: true, false, or itself. */
static Expr *decided(const Rewrite *r, Expr *e) {
    for (int k = 0; k < r->nknown && e->kind == E_OP && e->dtype == T_BOOL; k++) {
        if (op_info[e->op].type != OT_TEST && e != r->known[k]) continue;
        Expr *both = ex_op2(r->g, OP_and, r->known[k], e);
        if (both == r->known[k]) return ex_bool(r->g, true);
        if (ex_is_const(both, 0)) return both;
    }
    return e;
}

static Expr *rewrite(Rewrite *r, Expr *e) {
    if (untouched(r, e)) return e;
    if (r->cap && done_slot(r, e)->from) return done_slot(r, e)->to;
    Expr *arg[MAX_RANK], *result = e;
    for (int k = 0; k < e->narg; k++) arg[k] = rewrite(r, e->arg[k]);
    switch (e->kind) {
    case E_CONST:
        break;
    case E_VAR:
        if (r->replaced >> e->var & 1) result = r->to[e->var];
        break;
    case E_TIME:
        if (r->scan == e->scan && r->time) result = r->time;
        break;
    case E_LOAD:
        result = rewrite_load(r, e, arg);
        break;
    case E_OP:
        result = decided(r, ex_op(r->g, e->op, arg));
        break;
    }
    remember(r, e, result);
    return result;
}

static Expr *rewrite_all(Rewrite *r, Expr *e) {
    Expr *result = rewrite(r, e);
    if (r->cap) give_table(r->g, r->done, r->log);
    return result;
}

Expr *ex_rewrite(
        Graph *g, Expr *e, Expr *const *to, Scan *scan, Expr *time, ExLoadFn *f, void *ctx) {
    Rewrite r = {.g = g, .to = to, .scan = time ? scan : NULL, .time = time, .load = f, .ctx = ctx};
    for (int k = 0; to && k < MAX_VARS; k++)
        if (e->vars >> k & 1 && to[k]) r.replaced |= 1u << k;
    return rewrite_all(&r, e);
}

Expr *ex_subst(Graph *g, Expr *e, Expr *const *to) {
    return ex_rewrite(g, e, to, NULL, NULL, NULL, NULL);
}

Expr *expr_assume(Graph *g, Expr *e, int n, Expr *const *known) {
    Rewrite r = {.g = g, .known = known, .nknown = n};
    return rewrite_all(&r, e);
}
