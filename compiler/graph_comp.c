/* graph_comp.c - building a comprehension: the simplifications that need more than its
 * expressions by themselves. Again and again until nothing changes: what a sum's body selects
 * joins the guard and the body is freed of tests that the guard makes, fold variables that do
 * not matter go, and equalities in the guard fix fold variables (solve.h). In the end a fold
 * of nothing or over nothing is a value, and a copy is what it copies. */
#include "graph_tables.h"
#include "solve.h"

#include <math.h>
#include <string.h>

typedef struct Comp {
    Graph *g;
    int rank;
    const int64_t *dim;
    Fold fold;
    int nfold;
    int64_t fold_dim[MAX_VARS];
    Expr *guard, *body;
} Comp;

static bool is_arg(Fold f) {
    return f == F_ARGMAX || f == F_ARGMIN;
}

/* Replaces the fold variables k by to[rank + k] (NULL: as they are). */
static void substitute(Comp *c, Expr *const *to) {
    c->body = ex_subst(c->g, c->body, to);
    if (c->guard) c->guard = ex_subst(c->g, c->guard, to);
}

/* ---- the guard as a list of tests ------------------------------------------------------ */

enum { MAX_TESTS = 48 };

/* What is left of a very long list counts as one test. */
static int tests_of(Expr *e, Expr **test) {
    int n = 0;
    for (; e && n < MAX_TESTS - 1 && e->kind == E_OP && e->op == OP_and; e = e->arg[0])
        test[n++] = e->arg[1];
    if (e) test[n++] = e;
    return n;
}

/* ---- fold variables of one value ------------------------------------------------------- */

/* Those of extent 1 are the constant 0 already; of a maximum, a minimum or a sum also those
 * that occur nowhere. The others close up. Returns what a sum has to be multiplied by: how
 * often it met each term. */
static Expr *drop_variables(Comp *c) {
    Expr *to[MAX_VARS] = {0}, *times = NULL;
    uint32_t used = c->body->vars | (c->guard ? c->guard->vars : 0);
    bool idle_goes = c->fold == F_MAX || c->fold == F_MIN || c->fold == F_SUM;
    int n = 0;
    for (int k = 0; k < c->nfold; k++) {
        int64_t d = c->fold_dim[k];
        bool idle = idle_goes && !(used >> (c->rank + k) & 1);
        if (d != 1 && idle && c->fold == F_SUM) {
            Expr *count = d == DIM_BATCH ? ex_rows(c->g) : ex_int(c->g, d);
            if (c->body->dtype == T_F32) count = ex_op1(c->g, OP_real, count);
            times = times ? ex_op2(c->g, OP_mul, times, count) : count;
        }
        if (d == 1 || idle) continue;
        if (n != k) to[c->rank + k] = ex_var(c->g, c->rank + n, d);
        c->fold_dim[n++] = d;
    }
    if (n == c->nfold) return NULL;
    c->nfold = n;
    substitute(c, to);
    return times;
}

/* ---- fold variables fixed by equalities ------------------------------------------------ */

typedef struct System {
    uint32_t fold_vars;
    uint32_t opaque; /* fold variables inside of terms that no one solves */
    int n;
    Expr *test[MAX_TESTS]; /* equalities over fold variables */
    Expr *rest;            /* the other tests */
} System;

/* The variables of e that are terms, or inside quotients and remainders of such sums. */
static uint32_t solvable_vars(const Expr *e) {
    Affine a;
    uint32_t vars = 0;
    if (!ex_affine(e, &a)) return 0;
    for (int k = 0; k < a.n; k++) {
        const Expr *atom = a.term[k].atom;
        if (atom->kind == E_VAR) vars |= atom->vars;
        if (atom->kind == E_OP && (atom->op == OP_idiv || atom->op == OP_imod) &&
                atom->arg[1]->kind == E_CONST)
            vars |= solvable_vars(atom->arg[0]);
    }
    return vars;
}

static uint32_t opaque_vars(const Expr *e) {
    Affine a;
    uint32_t vars = 0;
    if (!ex_affine(e, &a)) return e->vars;
    for (int k = 0; k < a.n; k++) {
        const Expr *atom = a.term[k].atom;
        if (atom->kind == E_VAR) continue;
        bool inside = atom->kind == E_OP && (atom->op == OP_idiv || atom->op == OP_imod) &&
                      atom->arg[1]->kind == E_CONST;
        vars |= inside ? opaque_vars(atom->arg[0]) : atom->vars;
    }
    return vars;
}

static System find_system(const Comp *c) {
    System s = {0};
    Expr *test[MAX_TESTS];
    for (int k = 0; k < c->nfold; k++) s.fold_vars |= 1u << (c->rank + k);
    int n = tests_of(c->guard, test);
    for (int k = n - 1; k >= 0; k--) {
        Expr *e = test[k];
        bool equality = e->kind == E_OP && e->op == OP_eq && e->arg[0]->dtype == T_I32;
        uint32_t vars = equality ? solvable_vars(e->arg[0]) | solvable_vars(e->arg[1]) : 0;
        if (vars & s.fold_vars) {
            s.test[s.n++] = e;
            s.opaque |= opaque_vars(e->arg[0]) | opaque_vars(e->arg[1]);
        } else {
            s.rest = ex_and(c->g, s.rest, e);
        }
    }
    return s;
}

/* Moves the terms over old variables to the left. False where a term mixes old with other
 * variables, or where no old variable occurs. */
static bool as_equation(Graph *g, const Expr *test, uint32_t old, Equation *eq) {
    Affine a, b, left = {0}, right = {0};
    if (!ex_affine(test->arg[0], &a) || !ex_affine(test->arg[1], &b)) return false;
    if (!affine_add(&a, &b, -1)) return false;
    for (int k = 0; k < a.n; k++) {
        uint32_t vars = a.term[k].atom->vars;
        if ((vars & old) && (vars & ~old)) return false;
        Affine term = {.n = 1, .term = {a.term[k]}};
        if (!affine_add(vars & old ? &left : &right, &term, vars & old ? 1 : -1)) return false;
    }
    right.c0 = -a.c0;
    int64_t lo, hi;
    if (left.n == 0 || !affine_range(&left, &lo, &hi) || !affine_range(&right, &lo, &hi))
        return false;
    eq->lhs = ex_from_affine(g, &left);
    eq->rhs = ex_from_affine(g, &right);
    return true;
}

/* How old variables, those to be solved for, and the others are renumbered. */
typedef struct Renumbering {
    int nold, nkept;
    int old[MAX_VARS], kept[MAX_VARS]; /* fold variables, counted from 0 */
    int64_t old_dim[MAX_VARS];
    Expr *to_solver[MAX_VARS]; /* kept variables move up behind the out ones */
    Expr *to_old[MAX_VARS];    /* old ones count from 0 */
} Renumbering;

static Renumbering renumber(const Comp *c, uint32_t old) {
    Renumbering r = {0};
    for (int k = 0; k < c->nfold; k++) {
        int var = c->rank + k;
        if (old >> var & 1) {
            r.to_old[var] = ex_var(c->g, r.nold, c->fold_dim[k]);
            r.old_dim[r.nold] = c->fold_dim[k];
            r.old[r.nold++] = k;
        } else {
            r.to_solver[var] = ex_var(c->g, c->rank + r.nkept, c->fold_dim[k]);
            r.kept[r.nkept++] = k;
        }
    }
    return r;
}

static double volume(int n, const int64_t *dim) {
    double v = 1;
    for (int k = 0; k < n; k++) v *= dim[k] == DIM_BATCH ? (double)MAX_ROWS : (double)dim[k];
    return v;
}

/* Rewrites the comprehension over the solution: kept fold variables, then fresh ones. */
static void apply_solution(Comp *c, const Renumbering *r, const Solution *s, Expr *rest) {
    Expr *to[MAX_VARS] = {0};
    int64_t dim[MAX_VARS];
    for (int k = 0; k < r->nkept; k++) {
        to[c->rank + r->kept[k]] = r->to_solver[c->rank + r->kept[k]];
        dim[k] = c->fold_dim[r->kept[k]];
    }
    for (int k = 0; k < r->nold; k++) to[c->rank + r->old[k]] = s->value[k];
    for (int k = 0; k < s->nfresh; k++) dim[r->nkept + k] = s->fresh_dim[k];
    c->guard = rest;
    substitute(c, to);
    c->guard = ex_and_then(c->g, s->guard, c->guard);
    c->nfold = r->nkept + s->nfresh;
    memcpy(c->fold_dim, dim, sizeof dim);
}

/* Returns whether a fold variable went. */
static bool eliminate(Comp *c) {
    System s = find_system(c);
    uint32_t old = 0;
    for (int k = 0; k < s.n; k++)
        old |= solvable_vars(s.test[k]->arg[0]) | solvable_vars(s.test[k]->arg[1]);
    old &= s.fold_vars & ~s.opaque;
    if (!old) return false;
    Renumbering r = renumber(c, old);
    Equation eq[MAX_TESTS];
    int n = 0;
    Expr *rest = s.rest;
    for (int k = 0; k < s.n; k++) {
        if (as_equation(c->g, s.test[k], old, &eq[n])) {
            eq[n].lhs = ex_subst(c->g, eq[n].lhs, r.to_old);
            eq[n].rhs = ex_subst(c->g, eq[n].rhs, r.to_solver);
            n++;
        } else {
            rest = ex_and(c->g, rest, s.test[k]);
        }
    }
    if (n == 0) return false;
    Solution sol = solve(c->g, r.nold, r.old_dim, n, eq, c->rank + r.nkept);
    if (c->rank + r.nkept + sol.nfresh > MAX_VARS) return false;
    if (volume(sol.nfresh, sol.fresh_dim) >= volume(r.nold, r.old_dim)) return false;
    apply_solution(c, &r, &sol, rest);
    return true;
}

/* ---- what the guard says need not be asked again --------------------------------------- */

static bool is_zero(const Expr *e) {
    return ex_is_const(e, 0);
}

/* To a sum, absent and zero are the same: what its body selects belongs to the guard. (Loads
 * of the body relied on the guard; in the guard they need it themselves: ex_and_then.) */
static void lift_guard(Comp *c) {
    if (c->fold != F_SUM) return;
    Expr *b = c->body;
    if (b->kind == E_OP && b->op == OP_select && is_zero(b->arg[2])) {
        c->guard = ex_and_then(c->g, c->guard, b->arg[0]);
        c->body = b->arg[1];
    } else if (b->kind == E_LOAD && b->guard) {
        c->guard = ex_and_then(c->g, c->guard, b->guard);
        c->body = ex_load(c->g, b->node, b->arg, NULL);
    }
}

static void use_guard(Comp *c) {
    lift_guard(c);
    Expr *test[MAX_TESTS];
    int n = tests_of(c->guard, test);
    if (n > 0) c->body = expr_assume(c->g, c->body, n, test);
}

/* ---- folds that are values ------------------------------------------------------------- */

/* The value of a fold from which everything is left out. */
static Expr *nothing(const Comp *c) {
    if (is_arg(c->fold)) return ex_int(c->g, 0);
    bool real = c->body->dtype == T_F32;
    if (c->body->dtype == T_BOOL) return ex_bool(c->g, false);
    switch (c->fold) {
    case F_PROD:
        return real ? ex_real(c->g, 1) : ex_int(c->g, 1);
    case F_MAX:
        return real ? ex_real(c->g, -HUGE_VAL) : ex_int(c->g, INT32_MIN);
    case F_MIN:
        return real ? ex_real(c->g, HUGE_VAL) : ex_int(c->g, INT32_MAX);
    default:
        return real ? ex_real(c->g, 0) : ex_int(c->g, 0);
    }
}

/* A select evaluates both of its branches: what the fold's guard kept in bounds, a load now
 * has to see to by itself. */
static Expr *value_under_guard(const Comp *c) {
    return ex_select(c->g, c->guard, ex_where(c->g, c->guard, c->body), nothing(c));
}

static void become_value(Comp *c) {
    bool never = c->guard && ex_is_const(c->guard, 0);
    if (c->guard && ex_is_const(c->guard, 1)) c->guard = NULL;
    if (c->nfold > 0 && !never) return;
    if (never)
        c->body = nothing(c);
    else if (is_arg(c->fold))
        c->body = ex_int(c->g, 0);
    else if (c->guard)
        c->body = value_under_guard(c);
    c->guard = NULL;
    c->fold = F_NONE;
    c->nfold = 0;
}

static Node *copied(const Comp *c) {
    const Expr *b = c->body;
    if (c->fold != F_NONE || b->kind != E_LOAD || b->guard || b->node->rank != c->rank ||
            b->node->dtype != b->dtype)
        return NULL;
    for (int k = 0; k < c->rank; k++) {
        bool plain = b->arg[k]->kind == E_VAR && b->arg[k]->var == k;
        if (b->node->dim[k] != c->dim[k] || (!plain && c->dim[k] != 1)) return NULL;
    }
    return b->node;
}

/* Returns what the sum has to be multiplied by; NULL: nothing. */
static Expr *simplify(Comp *c) {
    Expr *times = NULL;
    do {
        become_value(c);
        if (c->fold != F_NONE) use_guard(c);
        Expr *more = drop_variables(c);
        times = times && more ? ex_op2(c->g, OP_mul, times, more) : more ? more : times;
        become_value(c);
    } while (c->guard && !is_arg(c->fold) && eliminate(c));
    return times;
}

static Node *finished(const Comp *c, Span at) {
    Node *source = copied(c);
    if (source) return source;
    ScanSet in = scan_union(c->g, (ScanSet){c->body->in, c->body->nin},
            c->guard ? (ScanSet){c->guard->in, c->guard->nin} : (ScanSet){0});
    return node_intern(c->g, &(Node){.kind = N_COMP,
                                     .dtype = is_arg(c->fold) ? T_I32 : c->body->dtype,
                                     .rank = c->rank,
                                     .dim = c->dim,
                                     .span = at,
                                     .fold = c->fold,
                                     .nfold = c->nfold,
                                     .fold_dim = c->fold_dim,
                                     .guard = c->guard,
                                     .body = c->body,
                                     .in = in.at,
                                     .nin = in.n});
}

Node *node_comp(Graph *g, int rank, const int64_t *dim, Fold f, int nfold, const int64_t *fold_dim,
        Expr *guard, Expr *body, Span at) {
    if (rank > MAX_RANK || rank + nfold > MAX_VARS)
        ICE(at, "a comprehension of %d axes and %d folds", rank, nfold);
    Comp c = {.g = g,
            .rank = rank,
            .dim = dim,
            .fold = f,
            .nfold = nfold,
            .guard = guard,
            .body = body};
    if (nfold) memcpy(c.fold_dim, fold_dim, (size_t)nfold * sizeof *fold_dim);
    if (f != F_NONE && body->dtype == T_BOOL && !is_arg(f)) c.body = ex_op1(g, OP_int, body);
    Expr *times = simplify(&c);
    if (!times) return finished(&c, at);
    Expr *sum = c.body, *index[MAX_RANK];
    if (c.fold != F_NONE) { /* of the terms that differ, a node of its own */
        for (int k = 0; k < rank; k++) index[k] = ex_var(g, k, dim[k]);
        sum = ex_load(g, finished(&c, at), index, NULL);
    }
    Comp product = {.g = g, .rank = rank, .dim = dim, .body = ex_op2(g, OP_mul, sum, times)};
    return finished(&product, at);
}
