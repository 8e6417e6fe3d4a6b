/* expr_test.c - tests, logic and branches.
 *
 * A test of integers is decided by the range of the difference, or else takes one form:
 * positive terms on either side, divided by what the coefficients share, `<` for the four
 * orders. Conjunctions (and disjunctions) are sets: sorted, without repetitions, of two
 * bounds of one sum the stronger. Tests of reals keep their sense for NaN. */
#include "graph_tables.h"
#include "ops.h"

#include <string.h>

static bool is_op(const Expr *e, Op op) {
    return e->kind == E_OP && e->op == op;
}

/* ---- tests of integers ----------------------------------------------------------------- */

static int64_t floor_div(int64_t x, int64_t c) {
    return x / c - (x % c != 0 && (x < 0) != (c < 0));
}

static int64_t common_divisor(const Affine *a) {
    int64_t d = 0;
    for (int k = 0; k < a->n; k++) {
        int64_t x = a->term[k].c < 0 ? -a->term[k].c : a->term[k].c;
        while (x) {
            int64_t r = d % x;
            d = x;
            x = r;
        }
    }
    return d;
}

/* Sorts the terms of d (compared with 0) to the sides where they are positive. */
static void sides(const Affine *d, Affine *left, Affine *right) {
    *left = *right = (Affine){0};
    for (int k = 0; k < d->n; k++) {
        Affine *to = d->term[k].c > 0 ? left : right;
        to->term[to->n] = d->term[k];
        if (to == right) to->term[to->n].c = -to->term[to->n].c;
        to->n++;
    }
    /* The constant joins the terms that there are, where it is positive, or stands alone. */
    if (d->c0 < 0 || left->n == 0)
        right->c0 = -d->c0;
    else
        left->c0 = d->c0;
    if (left->n == 0 && right->n > 0) { /* c0 < terms reads as it should */
        left->c0 = d->c0;
        right->c0 = 0;
    } else if (right->n == 0) {
        right->c0 = -d->c0;
        left->c0 = 0;
    }
}

static Expr *bool_side(Graph *g, bool equal, Expr *a, Expr *b) {
    if (b->kind == E_OP && b->op == OP_int && a->kind == E_CONST) {
        Expr *swap = a;
        a = b;
        b = swap;
    }
    if (!is_op(a, OP_int) || a->arg[0]->dtype != T_BOOL || b->kind != E_CONST) return NULL;
    bool plain = (b->value != 0) == equal;
    return plain ? a->arg[0] : ex_op1(g, OP_not, a->arg[0]);
}

static Expr *build(Graph *g, Op op, const Affine *d) {
    Affine left, right;
    int64_t lo, hi;
    sides(d, &left, &right);
    bool safe = affine_range(&left, &lo, &hi) && affine_range(&right, &lo, &hi);
    if (op == OP_lt && !safe) return NULL;
    Expr *a = ex_from_affine(g, &left), *b = ex_from_affine(g, &right);
    if (op != OP_lt) {
        Expr *e = bool_side(g, op == OP_eq, a, b);
        if (e) return e;
    } else if (is_op(a, OP_int) && ex_is_const(b, 1)) {
        return bool_side(g, false, a, b);
    } else if (is_op(b, OP_int) && ex_is_const(a, 0)) {
        return bool_side(g, false, a, b);
    }
    return expr_raw(g, op, T_BOOL, (Expr *[]){a, b});
}

/* A bound of x//c is a bound of x:  x//c < k  is  x < k*c,  and  k < x//c  is  k*c + c <= x.
 * Loops narrow by bounds of their variables, not of quotients. */
static void unfold_quotient(Affine *d) {
    const Expr *q = d->n == 1 ? d->term[0].atom : NULL;
    if (!q || !is_op(q, OP_idiv) || q->arg[1]->kind != E_CONST || q->arg[1]->value <= 0) return;
    int64_t sign = d->term[0].c, c = (int64_t)q->arg[1]->value, lo, hi;
    Affine x = affine_of(q->arg[0]);
    if (!affine_range(&x, &lo, &hi)) return;
    if (sign == 1) {
        x.c0 += d->c0 * c;
        if (x.c0 < INT32_MIN || x.c0 > INT32_MAX) return;
    } else if (sign == -1) {
        Affine below = {.c0 = (d->c0 + 1) * c - 1};
        if (!affine_add(&below, &x, -1)) return;
        x = below;
    } else {
        return;
    }
    *d = x;
}

/* sum < 0, for exact sums. */
static Expr *test_less(Graph *g, Affine *d) {
    int64_t lo, hi;
    affine_range(d, &lo, &hi);
    if (hi < 0) return ex_bool(g, true);
    if (lo >= 0) return ex_bool(g, false);
    int64_t c = common_divisor(d);
    d->c0 = floor_div(d->c0, c);
    for (int k = 0; k < d->n; k++) d->term[k].c /= c;
    const Expr *atom = d->term[0].atom;
    unfold_quotient(d);
    return atom == d->term[0].atom ? build(g, OP_lt, d) : test_less(g, d);
}

static Expr *test_equal(Graph *g, Op op, Affine *d, bool exact) {
    int64_t lo, hi;
    bool equal = op == OP_eq;
    if (d->n == 0) return ex_bool(g, (d->c0 == 0) == equal);
    affine_range(d, &lo, &hi);
    if (exact && (lo > 0 || hi < 0)) return ex_bool(g, !equal);
    int64_t c = exact ? common_divisor(d) : 1;
    if (d->c0 % c != 0) return ex_bool(g, !equal);
    if (d->term[0].c < 0) c = -c;
    d->c0 /= c;
    for (int k = 0; k < d->n; k++) d->term[k].c /= c;
    return build(g, op, d);
}

static Expr *test_integers(Graph *g, Op op, Expr *a, Expr *b) {
    Affine d = affine_of(a), other = affine_of(b);
    int64_t lo, hi;
    bool exact = affine_range(&d, &lo, &hi) && affine_range(&other, &lo, &hi);
    bool equality = op == OP_eq || op == OP_ne;
    bool swap = op == OP_gt || op == OP_ge;
    Expr *e = NULL;
    if (swap) {
        Affine first = d;
        d = other;
        other = first;
    }
    if (affine_add(&d, &other, -1) && (exact || equality)) {
        if (op == OP_le || op == OP_ge) d.c0--;
        e = equality ? test_equal(g, op, &d, exact) : test_less(g, &d);
    }
    if (e || !swap) return e;
    return expr_raw(g, op == OP_gt ? OP_lt : OP_le, T_BOOL, (Expr *[]){b, a});
}

static Expr *test(Graph *g, Op op, Expr *a, Expr *b) {
    if (a->dtype == T_I32) return test_integers(g, op, a, b);
    if (op == OP_lt && a == b) return ex_bool(g, false);
    if (op == OP_gt) return ex_op2(g, OP_lt, b, a);
    if (op == OP_ge) return ex_op2(g, OP_le, b, a);
    return NULL;
}

/* ---- logic ----------------------------------------------------------------------------- */

static Expr *negation(Graph *g, Expr *e) {
    if (e->kind != E_OP) return NULL;
    switch (e->op) {
    case OP_not:
        return e->arg[0];
    case OP_eq:
        return ex_op2(g, OP_ne, e->arg[0], e->arg[1]);
    case OP_ne:
        return ex_op2(g, OP_eq, e->arg[0], e->arg[1]);
    case OP_lt: /* of reals, NaN makes both false */
        return e->arg[0]->dtype == T_I32 ? ex_op2(g, OP_le, e->arg[1], e->arg[0]) : NULL;
    case OP_le:
        return e->arg[0]->dtype == T_I32 ? ex_op2(g, OP_lt, e->arg[1], e->arg[0]) : NULL;
    default:
        return NULL;
    }
}

/* The test  d < 0  (or d == 0) that e is, over exact sums. */
static bool as_difference(const Expr *e, Op op, Affine *d) {
    int64_t lo, hi;
    if (!is_op(e, op) || e->arg[0]->dtype != T_I32) return false;
    *d = affine_of(e->arg[0]);
    Affine other = affine_of(e->arg[1]);
    return affine_range(d, &lo, &hi) && affine_range(&other, &lo, &hi) && affine_add(d, &other, -1);
}

/* 1 where the terms are the same, -1 where they are opposite, 0 otherwise. */
static int parallel(const Affine *a, const Affine *b) {
    if (a->n != b->n || a->n == 0) return 0;
    int sign = a->term[0].c == b->term[0].c ? 1 : -1;
    for (int k = 0; k < a->n; k++)
        if (a->term[k].atom != b->term[k].atom || a->term[k].c != sign * b->term[k].c) return 0;
    return sign;
}

/* Two bounds of one sum: a < 0 and (or) b < 0. NULL: neither says anything of the other. */
static Expr *join_bounds(Graph *g, bool both, Expr *x, Expr *y) {
    Affine a, b;
    if (!as_difference(x, OP_lt, &a) || !as_difference(y, OP_lt, &b)) return NULL;
    int sign = parallel(&a, &b);
    if (sign == 1) return (a.c0 > b.c0) == both ? x : y;
    if (sign == 0) return NULL;
    /* s < -a.c0 and s > b.c0 */
    int64_t room = -a.c0 - b.c0 - 1;
    if (!both) return room >= 0 || room == -1 ? ex_bool(g, true) : NULL;
    if (room <= 0) return ex_bool(g, false);
    if (room > 1) return NULL;
    a.c0++; /* s == -a.c0 - 1 */
    return test_equal(g, OP_eq, &a, true);
}

/* An equality and a bound, or two equalities, of one sum; in conjunctions. */
static Expr *join_equality(Graph *g, Expr *x, Expr *y) {
    Affine a, b;
    if (!as_difference(x, OP_eq, &a)) return NULL;
    bool bound = as_difference(y, OP_lt, &b);
    if (!bound && !as_difference(y, OP_eq, &b)) return NULL;
    int sign = parallel(&a, &b);
    if (sign == 0) return NULL;
    int64_t value = b.c0 - sign * a.c0; /* of b's difference where a's is zero */
    bool holds = bound ? value < 0 : value == 0;
    return holds ? x : ex_bool(g, false);
}

static Expr *join(Graph *g, bool both, Expr *x, Expr *y) {
    if (x == y) return x;
    if (negation(g, x) == y || negation(g, y) == x || (is_op(x, OP_not) && x->arg[0] == y) ||
            (is_op(y, OP_not) && y->arg[0] == x))
        return ex_bool(g, !both);
    Expr *e = join_bounds(g, both, x, y);
    if (!e && both) e = join_equality(g, x, y);
    if (!e && both) e = join_equality(g, y, x);
    return e;
}

enum { MAX_PARTS = 32 };

static int parts_of(Expr *e, Op op, Expr **part, int n) {
    for (; n < MAX_PARTS && is_op(e, op); e = e->arg[0]) part[n++] = e->arg[1];
    if (n < MAX_PARTS) part[n++] = e;
    return n;
}

/* Adds e to the set; returns the new size, or -1 when e and a member decide everything. */
static int add_part(Graph *g, bool both, Expr **part, int n, Expr *e) {
    for (int k = 0; k < n; k++) {
        Expr *joined = join(g, both, part[k], e);
        if (!joined) continue;
        if (joined->kind == E_CONST) return (joined->value != 0) == both ? n : -1;
        if (joined == part[k]) return n;
        memmove(&part[k], &part[k + 1], (size_t)(n - k - 1) * sizeof *part);
        return add_part(g, both, part, n - 1, joined);
    }
    int at = n;
    while (at > 0 && ex_before(e, part[at - 1])) at--;
    memmove(&part[at + 1], &part[at], (size_t)(n - at) * sizeof *part);
    part[at] = e;
    return n + 1;
}

/* A set of parts as a chain to the left. One that has grown too large stays as it is. */
static Expr *join_sets(Graph *g, Op op, Expr *a, Expr *b) {
    bool both = op == OP_and;
    Expr *given[2] = {a, b};
    for (int k = 0; k < 2; k++)
        if (given[k]->kind == E_CONST)
            return (given[k]->value != 0) == both ? given[1 - k] : given[k];
    Expr *from[2 * MAX_PARTS], *part[2 * MAX_PARTS];
    int n = 0, na = parts_of(a, op, from, 0), nb = parts_of(b, op, from + na, 0);
    if (na + nb > MAX_PARTS) return NULL;
    for (int k = 0; k < na + nb; k++) {
        n = add_part(g, both, part, n, from[k]);
        if (n < 0) return ex_bool(g, !both);
    }
    if (n == 0) return ex_bool(g, both);
    Expr *e = part[0];
    for (int k = 1; k < n; k++) e = expr_raw(g, op, T_BOOL, (Expr *[]){e, part[k]});
    return e;
}

/* ---- branches ----------------------------------------------------------------------------------
 */

static Expr *select_bool(Graph *g, Expr *c, Expr *a, Expr *b) {
    if (ex_is_const(a, 1)) return ex_op2(g, OP_or, c, b);
    if (ex_is_const(b, 0)) return ex_op2(g, OP_and, c, a);
    if (ex_is_const(a, 0)) return ex_op2(g, OP_and, ex_op1(g, OP_not, c), b);
    if (ex_is_const(b, 1)) return ex_op2(g, OP_or, ex_op1(g, OP_not, c), a);
    return NULL;
}

static Expr *branch(Graph *g, Expr *c, Expr *a, Expr *b) {
    if (c->kind == E_CONST) return c->value != 0 ? a : b;
    if (a == b) return a;
    if (a->dtype == T_BOOL) return select_bool(g, c, a, b);
    if (is_op(c, OP_not)) return ex_select(g, c->arg[0], b, a);
    if (is_op(c, OP_ne)) return ex_select(g, ex_op1(g, OP_not, c), b, a);
    if (is_op(a, OP_select) && a->arg[0] == c) return ex_select(g, c, a->arg[1], b);
    if (is_op(b, OP_select) && b->arg[0] == c) return ex_select(g, c, a, b->arg[2]);
    if (is_op(a, OP_select) && a->arg[2] == b)
        return ex_select(g, ex_op2(g, OP_and, c, a->arg[0]), a->arg[1], b);
    /* A load is 0 where its guard is false. */
    if (a->kind == E_LOAD && ex_is_const(b, 0))
        return ex_load(g, a->node, a->arg, ex_and(g, c, a->guard));
    return NULL;
}

Expr *expr_test(Graph *g, Op op, Expr *const *arg) {
    switch (op_info[op].type) {
    case OT_TEST:
        return test(g, op, arg[0], arg[1]);
    case OT_BRANCH:
        return branch(g, arg[0], arg[1], arg[2]);
    default:
        return op_info[op].arity == 1 ? negation(g, arg[0]) : join_sets(g, op, arg[0], arg[1]);
    }
}

/* ---- ranges as tests ------------------------------------------------------------------- */

/* Row numbers of this call are below n, and so is what is no larger than one of them. */
static bool below_rows(const Expr *e) {
    Affine a = affine_of(e);
    for (int k = 0; k < a.n; k++) {
        const Expr *v = a.term[k].atom;
        if (v->kind != E_VAR || v->extent != DIM_BATCH || a.term[k].c != 1) continue;
        Affine rest = a;
        int64_t lo, hi;
        memmove(&rest.term[k], &rest.term[k + 1], (size_t)(--rest.n - k) * sizeof *rest.term);
        if (affine_range(&rest, &lo, &hi) && hi <= 0) return true;
    }
    return false;
}

Expr *ex_rows(Graph *g) {
    Node *rows = node_leaf(g, L_ROWS, T_I32, 0, NULL, "rows", (Span){0});
    return ex_load(g, rows, NULL, NULL);
}

Expr *ex_in_range(Graph *g, Expr *e, int64_t extent) {
    Expr *from = ex_op2(g, OP_ge, e, ex_int(g, 0)), *to = NULL;
    if (extent != DIM_BATCH) {
        to = ex_op2(g, OP_lt, e, ex_int(g, extent));
    } else if (!below_rows(e)) {
        to = ex_op2(g, OP_lt, e, ex_rows(g));
    }
    return ex_and(g, from, to);
}
