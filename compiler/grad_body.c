/* grad_body.c - reverse mode over one body: from the adjoint of the root expression to what
 * each load contributes to the adjoint of the element it loads.
 *
 * The body is a DAG; its expressions are visited from the root down, users before operands,
 * so that an expression's adjoint is complete when it is passed on. A contribution that a
 * rule gives as `select(c, v, 0)` is absent where c fails: the branch not taken, the operand
 * of max that lost. Absence is a condition beside the value and not the value 0, so that no
 * factor further down, which may be infinite or NaN there, is ever multiplied to it.
 *
 * Values are safe to evaluate wherever the body is; the conditions only say where they count. */
#include "grad_internal.h"

/* ---- partials --------------------------------------------------------------------- */

static bool is_op(const Expr *e, OpType type) {
    return e->kind == E_OP && op_info[e->op].type == type;
}

static bool is_zero(const Expr *e) {
    return ex_is_const(e, 0) || ex_is_const(e, -0.0);
}

/* Moves what the value says of its own absence to the condition. */
static Partial absent_where_zero(Graph *g, Partial p) {
    while (is_op(p.value, OT_BRANCH)) {
        Expr *c = p.value->arg[0], *yes = p.value->arg[1], *no = p.value->arg[2];
        if (!is_zero(yes) && !is_zero(no)) break;
        if (!is_zero(no)) c = ex_op1(g, OP_not, c);
        p.where = ex_and(g, p.where, c);
        p.test = ex_and(g, p.test, c);
        p.value = is_zero(no) ? yes : no;
    }
    if (p.value->kind == E_LOAD && p.value->guard) p.where = ex_and(g, p.where, p.value->guard);
    return p;
}

Expr *partial_value(Graph *g, Partial p) {
    return p.test ? ex_select(g, p.test, p.value, ex_real(g, 0)) : p.value;
}

Partial partial_sum(Graph *g, const Partials *parts) {
    Expr *where = parts->at[0].where, *sum = NULL;
    bool alike = true;
    for (int k = 1; k < parts->n; k++) {
        alike = alike && parts->at[k].test == parts->at[0].test;
        where = where && parts->at[k].where ? ex_op2(g, OP_or, where, parts->at[k].where) : NULL;
    }
    for (int k = 0; k < parts->n; k++) {
        Expr *term = alike ? parts->at[k].value : partial_value(g, parts->at[k]);
        sum = sum ? ex_op2(g, OP_add, sum, term) : term;
    }
    if (where && ex_is_const(where, 1)) where = NULL;
    return (Partial){where, sum, alike ? parts->at[0].test : NULL};
}

/* ---- parts of conditions ------------------------------------------------------------- */

static bool is_conjunction(const Expr *e) {
    return e->kind == E_OP && e->op == OP_and;
}

Expr *outer_part(Graph *g, Expr *where, int rank) {
    if (!where || where->vars >> rank == 0) return where;
    if (!is_conjunction(where)) return NULL;
    return ex_and(g, outer_part(g, where->arg[0], rank), outer_part(g, where->arg[1], rank));
}

Expr *structural_part(Graph *g, Expr *where) {
    if (is_conjunction(where))
        return ex_and(g, structural_part(g, where->arg[0]), structural_part(g, where->arg[1]));
    return is_op(where, OT_TEST) && !ex_has_load(where) ? where : NULL;
}

/* ---- the expressions that matter ------------------------------------------------------ */

/* Expressions by id in a table of their own, so that a walk costs what it visits. */
typedef struct Slot {
    const Expr *e;
    int value;
} Slot;
typedef struct Table {
    Arena *tmp;
    Slot *slot;
    int cap, n;
} Table;

static Slot *slot_of(const Table *t, const Expr *e) {
    int k = (int)((unsigned)e->id * 2654435761u & (unsigned)(t->cap - 1));
    while (t->slot[k].e && t->slot[k].e != e) k = (k + 1) & (t->cap - 1);
    return &t->slot[k];
}

static Slot *find(Table *t, const Expr *e) {
    if (2 * t->n >= t->cap) {
        Table old = *t;
        t->cap = old.cap ? 2 * old.cap : 32;
        t->slot = NEW_ARRAY(t->tmp, Slot, t->cap);
        for (int k = 0; k < old.cap; k++)
            if (old.slot[k].e) *slot_of(t, old.slot[k].e) = old.slot[k];
    }
    Slot *s = slot_of(t, e);
    if (!s->e) {
        *s = (Slot){e, -1};
        t->n++;
    }
    return s;
}

static bool passes(const Expr *e, int k) {
    return e->kind == E_OP && e->arg[k]->dtype == T_F32 && op_derivative(e->op, k) != D_FLAT;
}

static void collect_loads(Table *met, Expr *e, ExprList *out) {
    Slot *s = find(met, e);
    if (s->value == 1 || e->dtype != T_F32) return;
    s->value = 1;
    if (e->kind == E_LOAD) vec_push(met->tmp, out, e);
    for (int k = 0; e->kind == E_OP && k < e->narg; k++)
        if (passes(e, k)) collect_loads(met, e->arg[k], out);
}

void differentiable_loads(Arena *tmp, Expr *e, ExprList *out) {
    Table met = {.tmp = tmp};
    collect_loads(&met, e, out);
}

static bool find_singular(Table *met, Expr *e) {
    Slot *s = find(met, e);
    if (s->value == 1 || e->kind != E_OP) return false;
    s->value = 1;
    if (op_info[e->op].flags & OPF_SINGULAR) return true;
    for (int k = 0; k < e->narg; k++)
        if (find_singular(met, e->arg[k])) return true;
    return false;
}

static int count(Table *met, Expr *e, int limit) {
    Slot *s = find(met, e);
    if (s->value == 1) return met->n;
    s->value = 1;
    for (int k = 0; k < e->narg && met->n <= limit; k++) count(met, e->arg[k], limit);
    return e->guard && met->n <= limit ? count(met, e->guard, limit) : met->n;
}

bool is_larger(Arena *tmp, Expr *e, int limit) {
    Table met = {.tmp = tmp};
    return count(&met, e, limit) > limit;
}

bool body_is_singular(Arena *tmp, Expr *root) {
    Table met = {.tmp = tmp};
    return find_singular(&met, root);
}

/* ---- reverse mode ------------------------------------------------------------------------ */

typedef struct Reverse {
    Graph *g;
    Arena *tmp;
    WantedFn *wanted;
    void *ctx;
    Table place;       /* position in order, or -2: nothing wanted in it */
    ExprList order;    /* operands first */
    Partials *adjoint; /* by position */
} Reverse;

/* Whether e depends on a wanted load; such expressions are put in order. */
static bool visit(Reverse *r, Expr *e) {
    int known = find(&r->place, e)->value;
    if (known != -1) return known >= 0;
    bool found = false;
    if (e->kind == E_LOAD) found = e->dtype == T_F32 && r->wanted(r->ctx, e->node);
    for (int k = 0; e->kind == E_OP && k < e->narg; k++)
        if (passes(e, k) && visit(r, e->arg[k])) found = true;
    find(&r->place, e)->value = found ? r->order.n : -2;
    if (found) vec_push(r->tmp, &r->order, e);
    return found;
}

/* Whether a contribution is the adjoint as it is, read under one more guard at most. */
static bool reads_alike(const Expr *a, const Expr *b) {
    bool alike = a->kind == E_LOAD && b->kind == E_LOAD && a->node == b->node;
    for (int k = 0; alike && k < a->narg; k++) alike = a->arg[k] == b->arg[k];
    return alike || a == b;
}

static bool pass_on(Reverse *r, Expr *e, Expr *result, Partial adjoint, Span at) {
    for (int k = 0; k < e->narg; k++) {
        if (!passes(e, k) || find(&r->place, e->arg[k])->value < 0) continue;
        if (op_derivative(e->op, k) == D_NONE) {
            diag_error(at, "`%s` has no derivative", op_info[e->op].name);
            return false;
        }
        Expr *value = op_contribution(r->g, e->op, k, e->arg, result, adjoint.value);
        Partial part = absent_where_zero(r->g, (Partial){adjoint.where, value, NULL});
        Expr *test = reads_alike(part.value, adjoint.value) ? adjoint.test : adjoint.where;
        part.test = ex_and(r->g, part.test, test);
        vec_push(r->tmp, &r->adjoint[find(&r->place, e->arg[k])->value], part);
    }
    return true;
}

bool body_uses(Graph *g, Arena *tmp, Expr *root, Expr *result, Partial adjoint, WantedFn *wanted,
        void *ctx, Span at, LoadAdjoints *out) {
    Reverse r = {.g = g, .tmp = tmp, .wanted = wanted, .ctx = ctx, .place = {.tmp = tmp}};
    if (!visit(&r, root)) return true;
    r.adjoint = NEW_ARRAY(tmp, Partials, r.order.n);
    vec_push(tmp, &r.adjoint[r.order.n - 1], absent_where_zero(g, adjoint));
    for (int k = r.order.n; k-- > 0;) {
        Expr *e = r.order.at[k];
        if (r.adjoint[k].n == 0) continue;
        Partial sum = partial_sum(g, &r.adjoint[k]);
        if (e->kind == E_LOAD)
            vec_push(tmp, out, ((LoadAdjoint){e, sum}));
        else if (!pass_on(&r, e, e == root ? result : e, sum, at))
            return false;
    }
    return true;
}
