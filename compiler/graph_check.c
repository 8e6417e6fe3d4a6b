/* graph_check.c - what holds of every graph: operands come before users, types fit their
 * operators, variables are the comprehension's own, loads have the rank of what they load
 * and are not out of bounds for certain, scans keep the shapes that they carry, and nothing
 * from inside of a scan is used outside but through a stack. An ICE where it does not. */
#include "graph_tables.h"

typedef struct Check {
    const Node *node;
} Check;

#define FAIL(c, ...) ICE((c)->node->span, __VA_ARGS__)

static void check_scope(const Check *c, const Scan *const *in, int nin) {
    for (int k = 0; k < nin; k++)
        if (!node_in_scan(c->node, in[k]))
            FAIL(c, "node %d uses what changes in scan %d", c->node->id, in[k]->id);
}

static void check_load(const Check *c, const Expr *e) {
    const Node *n = e->node;
    if (n->id >= c->node->id) FAIL(c, "node %d loads node %d", c->node->id, n->id);
    if (e->narg != n->rank) FAIL(c, "%d indices into a rank of %d", e->narg, n->rank);
    if (e->guard && e->guard->dtype != T_BOOL) FAIL(c, "a load's guard is no bool");
    check_scope(c, n->in, n->nin);
    for (int k = 0; k < e->narg; k++) {
        const Expr *i = e->arg[k];
        if (i->dtype != T_I32) FAIL(c, "index %d is no i32", k);
        bool never = i->hi < 0 || (n->dim[k] != DIM_BATCH && i->lo >= n->dim[k]);
        if (never && !e->guard && !c->node->guard)
            FAIL(c, "index %d of node %d is never in bounds", k, n->id);
    }
}

static void check_variable(const Check *c, const Expr *e) {
    const Node *n = c->node;
    int fold = e->var - n->rank;
    if (fold >= n->nfold) FAIL(c, "variable %d of %d", e->var, n->rank + n->nfold);
    int64_t extent = fold < 0 ? n->dim[e->var] : n->fold_dim[fold];
    if (e->extent != extent)
        FAIL(c, "variable %d runs to %lld and its axis to %lld", e->var, (long long)e->extent,
                (long long)extent);
}

static void check_types(const Check *c, const Expr *e) {
    const OpInfo *info = &op_info[e->op];
    bool fits = e->narg == info->arity;
    for (int k = 0; fits && k < e->narg; k++) {
        DType t = e->arg[k]->dtype;
        switch (info->type) {
        case OT_REAL:
            fits = t == T_F32 && e->dtype == T_F32;
            break;
        case OT_SAME:
            fits = t == e->dtype && t != T_BOOL;
            break;
        case OT_INT:
            fits = t == T_I32 && e->dtype == T_I32;
            break;
        case OT_TEST:
            fits = t == e->arg[0]->dtype && e->dtype == T_BOOL;
            break;
        case OT_LOGIC:
            fits = t == T_BOOL && e->dtype == T_BOOL;
            break;
        case OT_BRANCH:
            fits = t == (k == 0 ? T_BOOL : e->dtype);
            break;
        case OT_TOREAL:
            fits = e->dtype == T_F32;
            break;
        case OT_TOINT:
            fits = e->dtype == T_I32;
            break;
        }
    }
    if (!fits) FAIL(c, "%s of the wrong types", info->name);
}

static void check_expr(void *ctx, Expr *e) {
    const Check *c = ctx;
    switch (e->kind) {
    case E_CONST:
        break;
    case E_VAR:
        check_variable(c, e);
        break;
    case E_TIME:
        check_scope(c, (const Scan *[]){e->scan}, 1);
        break;
    case E_LOAD:
        check_load(c, e);
        break;
    case E_OP:
        check_types(c, e);
        break;
    }
}

static void check_comp(Graph *g, const Check *c) {
    const Node *n = c->node;
    bool arg = n->fold == F_ARGMAX || n->fold == F_ARGMIN;
    if ((n->fold == F_NONE) != (n->nfold == 0)) FAIL(c, "a fold over nothing, or none over some");
    if (n->fold == F_NONE && n->guard) FAIL(c, "a guard without a fold");
    if (n->guard && n->guard->dtype != T_BOOL) FAIL(c, "a guard that is no bool");
    if (n->dtype != (arg ? T_I32 : n->body->dtype)) FAIL(c, "a body of another type");
    for (int k = 0; k < n->nfold; k++)
        if (n->fold_dim[k] < 1 && n->fold_dim[k] != DIM_BATCH) FAIL(c, "an empty fold");
    expr_walk_begin(g);
    expr_walk_more(g, n->guard, check_expr, (void *)(uintptr_t)c);
    expr_walk_more(g, n->body, check_expr, (void *)(uintptr_t)c);
}

static void check_like(const Check *c, const Node *a, const Node *b) {
    bool like = a->rank == b->rank && a->dtype == b->dtype;
    for (int k = 0; like && k < a->rank; k++) like = a->dim[k] == b->dim[k];
    if (!like) FAIL(c, "a scan carries node %d and node %d", a->id, b->id);
}

static void check_scan(const Check *c, const Scan *s) {
    for (int k = 0; k < s->n; k++) {
        check_like(c, s->carry[k], s->init[k]);
        if (node_in_scan(s->init[k], s)) FAIL(c, "a scan begins with what is inside of it");
        if (s->closed) check_like(c, s->carry[k], s->next[k]);
    }
}

static void check_node(Graph *g, const Node *n) {
    Check c = {n};
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] < 1 && n->dim[k] != DIM_BATCH)
            FAIL(&c, "an axis of %lld", (long long)n->dim[k]);
    if (n->scan) check_scan(&c, n->scan);
    if (n->kind == N_COMP) check_comp(g, &c);
    if (n->kind == N_STACK && n->of->id >= n->id) FAIL(&c, "a stack of what comes later");
}

void graph_check(Graph *g, Node *const *root, int n) {
    NodeList order = graph_order(g, root, n);
    for (int k = 0; k < order.n; k++) check_node(g, order.at[k]);
}
