/* solve.c - inverting index maps (contract: solve.h).
 *
 * The equations are kept as expressions that are to be 0, over the outer variables and the
 * UNKNOWNS: the old variables, and the quotients and remainders that stand for u//c and
 * u%c. An unknown k is variable nouter+k while we solve. (Old variables that an equation
 * gives as they stand, which most are, never become unknowns.) Every step keeps the set of
 * satisfying assignments of the unknowns, each determined by its old variables:
 *
 *   expand  u//c and u%c become unknowns q and r with  u - c*q - r = 0,  0 <= r < c
 *   peel    c*v + rest = t, where rest spans less than c:  v = (t - lo) // c  and
 *           rest - lo = (t - lo) % c  for lo the least value of rest; with nothing in rest
 *           that is divisibility
 *   pivot   c*v + rest = t  otherwise:  v = (t - rest) // c  if c divides it, and v leaves
 *           the other equations by an integer combination of the two
 *
 * An opaque term (a load, a product) is known once its unknowns are. Equations that have
 * opaque terms wait until the others are used up; what then remains unsolved is a guard,
 * and unknowns that remain are the fresh variables. A pivot is the unknown of the largest
 * extent, so that what stays to be enumerated is the least. */
#include "solve.h"

#include "graph_tables.h"

#include <string.h>

/* Wider than any extent: a quotient of the rows, which must not become a loop. */
#define UNBOUNDED INT64_MAX
enum { MAX_EQUATIONS = 2 * MAX_VARS + MAX_RANK };
/* Coefficients stay this small, so that sums of their products are exact. */
#define MAX_COEFFICIENT ((int64_t)1 << 30)

typedef struct Unknown {
    Expr *var;
    int64_t extent;
    int old;      /* which old variable, or -1 */
    bool implied; /* inside its extent whenever the old variables are */
    bool solved;
    Expr *value;   /* over what was not solved before it */
    Expr *divides; /* condition of the value; NULL: always */
} Unknown;

typedef struct System {
    Graph *g;
    int nouter;
    Unknown unknown[MAX_VARS];
    int n;
    Expr *zero[MAX_EQUATIONS]; /* each is to be 0; NULL: used up */
    int nzero;
    int solved[MAX_VARS], nsolved; /* in order of solution */
    Expr *given[MAX_VARS];         /* by old variable: its value, if an equation states it */
} System;

/* An equation by its terms: the unknowns that it is linear in, and the rest. */
typedef struct View {
    Affine sum;
    int nlinear, linear[MAX_TERMS]; /* positions in sum.term */
    uint32_t opaque;                /* variables of unknowns inside the other terms */
} View;

static uint32_t unknown_vars(const System *s) {
    return (uint32_t)(((uint64_t)1 << (s->nouter + s->n)) - ((uint64_t)1 << s->nouter));
}

static bool is_unknown(const System *s, const Expr *atom) {
    return atom->kind == E_VAR && atom->var >= s->nouter;
}

static Unknown *unknown_of(System *s, const Expr *atom) {
    return &s->unknown[atom->var - s->nouter];
}

static View view(const System *s, const Expr *zero) {
    View v = {0};
    if (!ex_affine(zero, &v.sum)) ICE((Span){0}, "an equation that is no integer");
    for (int k = 0; k < v.sum.n; k++) {
        const Expr *atom = v.sum.term[k].atom;
        if (is_unknown(s, atom))
            v.linear[v.nlinear++] = k;
        else
            v.opaque |= atom->vars & unknown_vars(s);
    }
    return v;
}

static int64_t magnitude(int64_t c) {
    return c < 0 ? -c : c;
}

/* The terms from which term `at` is missing, times sign: the other side of its equation. */
static Affine other_side(const Affine *sum, int at, int64_t sign) {
    Affine rest = {.c0 = sign * sum->c0};
    for (int k = 0; k < sum->n; k++)
        if (k != at) rest.term[rest.n++] = (Term){sign * sum->term[k].c, sum->term[k].atom};
    return rest;
}

static Expr *times(Graph *g, int64_t c, Expr *e) {
    return ex_op2(g, OP_mul, ex_int(g, c), e);
}

static Expr *plus(Graph *g, Expr *e, int64_t c) {
    return ex_op2(g, OP_add, e, ex_int(g, c));
}

/* ---- unknowns ------------------------------------------------------------------- */

static Unknown *add_unknown(System *s, int64_t extent, int old) {
    if (s->nouter + s->n == MAX_VARS) ICE((Span){0}, "an index map of too many variables");
    Unknown *u = &s->unknown[s->n];
    /* The variable's extent serves the ranges of expressions; no bound is said as batch. */
    *u = (Unknown){.extent = extent,
            .old = old,
            .var = ex_var(s->g, s->nouter + s->n, extent == UNBOUNDED ? DIM_BATCH : extent)};
    s->n++;
    if (u->var->kind == E_CONST) { /* extent 1 */
        u->solved = true;
        u->value = u->var;
    }
    return u;
}

static void settle(System *s, Unknown *u, Expr *value, Expr *divides) {
    u->solved = true;
    u->value = value;
    u->divides = divides && ex_is_const(divides, 1) ? NULL : divides;
    s->solved[s->nsolved++] = (int)(u - s->unknown);
}

static void substitute(System *s, const Unknown *u, Expr *value) {
    Expr *to[MAX_VARS] = {NULL};
    to[s->nouter + (int)(u - s->unknown)] = value;
    for (int k = 0; k < s->nzero; k++)
        if (s->zero[k]) s->zero[k] = ex_subst(s->g, s->zero[k], to);
}

/* ---- expand ---------------------------------------------------------------------- */

/* Whether u//c certainly has a range fit for a loop. */
static bool is_bounded(const Expr *u, int64_t c) {
    return u->lo > INT32_MIN / 2 && u->hi < INT32_MAX / 2 - c;
}

/* u//c or u%c with unknowns in u and a constant c > 0. */
static bool is_division(const System *s, const Expr *atom) {
    if (atom->kind != E_OP || (atom->op != OP_idiv && atom->op != OP_imod)) return false;
    const Expr *u = atom->arg[0], *c = atom->arg[1];
    return c->kind == E_CONST && c->value > 0 && (u->vars & unknown_vars(s)) &&
           (u->lo >= 0 || is_bounded(u, (int64_t)c->value));
}

static Expr *find_division(const System *s) {
    for (int k = 0; k < s->nzero; k++) {
        if (!s->zero[k]) continue;
        View v = view(s, s->zero[k]);
        for (int j = 0; j < v.sum.n; j++)
            if (is_division(s, v.sum.term[j].atom)) return v.sum.term[j].atom;
    }
    return NULL;
}

static void replace_term(System *s, const Expr *from, Expr *to) {
    for (int k = 0; k < s->nzero; k++) {
        if (!s->zero[k]) continue;
        View v = view(s, s->zero[k]);
        for (int j = 0; j < v.sum.n; j++) {
            if (v.sum.term[j].atom != from) continue;
            Affine rest = other_side(&v.sum, j, 1);
            s->zero[k] = ex_op2(
                    s->g, OP_add, ex_from_affine(s->g, &rest), times(s->g, v.sum.term[j].c, to));
            break;
        }
    }
}

/* Both u//c and u%c become unknowns, so that one that is alone leaves the other fresh, and
 * two together give u. */
static void expand(System *s, const Expr *division) {
    Graph *g = s->g;
    Expr *u = division->arg[0], *c = division->arg[1];
    Expr *quotient = ex_op2(g, OP_idiv, u, c), *remainder = ex_op2(g, OP_imod, u, c);
    bool bounded = is_bounded(u, (int64_t)c->value);
    int64_t lo = bounded ? quotient->lo : 0;
    Unknown *q = add_unknown(s, bounded ? quotient->hi - lo + 1 : UNBOUNDED, -1);
    q->implied = true;
    Unknown *r = add_unknown(s, (int64_t)c->value, -1);
    Expr *q_value = plus(g, q->var, lo);
    replace_term(s, quotient, q_value);
    replace_term(s, remainder, r->var);
    Expr *whole = ex_op2(g, OP_add, times(g, (int64_t)c->value, q_value), r->var);
    s->zero[s->nzero++] = ex_op2(g, OP_sub, u, whole);
}

static void expand_divisions(System *s) {
    Expr *division;
    while (s->nouter + s->n + 2 <= MAX_VARS && s->nzero < MAX_EQUATIONS &&
            (division = find_division(s)))
        expand(s, division);
}

/* ---- peel ------------------------------------------------------------------------- */

static int64_t span_of(System *s, const Term *t) {
    int64_t extent = unknown_of(s, t->atom)->extent;
    return extent == DIM_BATCH || extent == UNBOUNDED ? UNBOUNDED : magnitude(t->c) * (extent - 1);
}

/* The position of the term that the other unknowns together do not reach, or -1. */
static int find_peel(System *s, const View *v) {
    int top = -1;
    for (int k = 0; k < v->nlinear; k++)
        if (top < 0 || magnitude(v->sum.term[v->linear[k]].c) > magnitude(v->sum.term[top].c))
            top = v->linear[k];
    int64_t span = 0;
    for (int k = 0; k < v->nlinear; k++) {
        if (v->linear[k] == top) continue;
        int64_t more = span_of(s, &v->sum.term[v->linear[k]]);
        if (more == UNBOUNDED || (span += more) >= magnitude(v->sum.term[top].c)) return -1;
    }
    return top;
}

static void peel(System *s, Expr **zero, const View *v, int top) {
    Graph *g = s->g;
    int64_t c = v->sum.term[top].c, sign = c < 0 ? 1 : -1, lo = 0;
    Affine known = {.c0 = sign * v->sum.c0}, rest = {0};
    for (int k = 0; k < v->sum.n; k++) {
        Term t = v->sum.term[k];
        if (k == top) continue;
        if (!is_unknown(s, t.atom)) {
            known.term[known.n++] = (Term){sign * t.c, t.atom};
        } else {
            t.c *= -sign;
            if (t.c < 0) lo -= span_of(s, &t);
            rest.term[rest.n++] = t;
        }
    }
    rest.c0 = -lo;
    known.c0 -= lo;
    Expr *t = ex_from_affine(g, &known), *divisor = ex_int(g, magnitude(c));
    Expr *value = ex_op2(g, OP_idiv, t, divisor), *remainder = ex_op2(g, OP_imod, t, divisor);
    Expr *divides = NULL;
    if (rest.n == 0) {
        divides = ex_op2(g, OP_eq, remainder, ex_int(g, 0));
        *zero = NULL;
    } else {
        *zero = ex_op2(g, OP_sub, ex_from_affine(g, &rest), remainder);
    }
    Unknown *u = unknown_of(s, v->sum.term[top].atom);
    settle(s, u, value, divides);
    substitute(s, u, value);
}

static bool peel_any(System *s) {
    for (int k = 0; k < s->nzero; k++) {
        if (!s->zero[k]) continue;
        View v = view(s, s->zero[k]);
        int top = v.opaque ? -1 : find_peel(s, &v);
        if (top < 0) continue;
        peel(s, &s->zero[k], &v, top);
        return true;
    }
    return false;
}

/* ---- pivot ------------------------------------------------------------------------ */

typedef struct Pivot {
    int equation, term;
    int64_t extent, c;
} Pivot;

/* Rows count as more than any fixed extent. */
static int64_t weight(int64_t extent) {
    return extent == DIM_BATCH ? UNBOUNDED - 1 : extent;
}

static bool better(const Pivot *a, const Pivot *b) {
    if (b->equation < 0) return true;
    if (weight(a->extent) != weight(b->extent)) return weight(a->extent) > weight(b->extent);
    return magnitude(a->c) < magnitude(b->c);
}

static Pivot find_pivot(System *s, bool with_opaque) {
    Pivot best = {.equation = -1};
    for (int k = 0; k < s->nzero; k++) {
        if (!s->zero[k]) continue;
        View v = view(s, s->zero[k]);
        if (v.opaque && !with_opaque) continue;
        for (int j = 0; j < v.nlinear; j++) {
            Term t = v.sum.term[v.linear[j]];
            if (v.opaque >> t.atom->var & 1 || magnitude(t.c) > MAX_COEFFICIENT) continue;
            Pivot p = {k, v.linear[j], unknown_of(s, t.atom)->extent, t.c};
            if (better(&p, &best)) best = p;
        }
    }
    return best;
}

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static int64_t largest(const Affine *a) {
    int64_t most = magnitude(a->c0);
    for (int k = 0; k < a->n; k++)
        if (magnitude(a->term[k].c) > most) most = magnitude(a->term[k].c);
    return most;
}

/* other := (c/f)*other - (d/f)*eq, in which the pivot's unknown cancels: c and d are its
 * coefficients in eq and other, f their common factor. */
static void cancel(
        System *s, Expr **other, Expr *eq, const Affine *sum, int64_t c, const Expr *atom) {
    View v = view(s, *other);
    int64_t d = 0;
    for (int k = 0; k < v.sum.n; k++)
        if (v.sum.term[k].atom == atom) d = v.sum.term[k].c;
    if (d == 0) return;
    int64_t f = gcd(magnitude(c), magnitude(d));
    if (magnitude(c / f) * largest(&v.sum) > MAX_COEFFICIENT ||
            magnitude(d / f) * largest(sum) > MAX_COEFFICIENT)
        return; /* substitution serves as well */
    *other = ex_op2(s->g, OP_sub, times(s->g, c / f, *other), times(s->g, d / f, eq));
}

static bool pivot_any(System *s, bool with_opaque) {
    Graph *g = s->g;
    Pivot p = find_pivot(s, with_opaque);
    if (p.equation < 0) return false;
    Expr *eq = s->zero[p.equation];
    View v = view(s, eq);
    Expr *atom = v.sum.term[p.term].atom;
    Affine side = other_side(&v.sum, p.term, p.c < 0 ? 1 : -1);
    Expr *t = ex_from_affine(g, &side), *divisor = ex_int(g, magnitude(p.c));
    Expr *value = ex_op2(g, OP_idiv, t, divisor);
    Expr *remainder = ex_op2(g, OP_imod, t, divisor);
    s->zero[p.equation] = NULL;
    for (int k = 0; k < s->nzero; k++)
        if (s->zero[k]) cancel(s, &s->zero[k], eq, &v.sum, p.c, atom);
    Unknown *u = unknown_of(s, atom);
    settle(s, u, value, ex_op2(g, OP_eq, remainder, ex_int(g, 0)));
    substitute(s, u, value);
    return true;
}

/* ---- conditions ---------------------------------------------------------------------- */

static Expr *guard_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    bool safe = true;
    for (int k = 0; k < n->rank; k++) safe = safe && index_in_bounds(n, k, index[k]);
    return ex_load(g, n, index, safe ? guard : ex_and(g, ctx, guard));
}

Expr *ex_where(Graph *g, Expr *condition, Expr *e) {
    return condition && e ? ex_rewrite(g, e, NULL, NULL, NULL, guard_load, condition) : e;
}

Expr *ex_and_then(Graph *g, Expr *a, Expr *b) {
    return ex_and(g, a, ex_where(g, a, b));
}

/* ---- the whole ------------------------------------------------------------------------ */

static void start(System *s, int nold, const int64_t *old_dim, int neq, const Equation *eq) {
    bool states[MAX_EQUATIONS] = {false};
    Expr *to[MAX_VARS] = {NULL};
    if (neq > MAX_RANK + MAX_VARS) ICE((Span){0}, "an index map of %d equations", neq);
    for (int k = 0; k < neq; k++) {
        int v = eq[k].lhs->kind == E_VAR ? eq[k].lhs->var : -1;
        states[k] = v >= 0 && !s->given[v];
        if (states[k]) to[v] = s->given[v] = eq[k].rhs;
    }
    for (int k = 0; k < nold; k++)
        if (!to[k]) to[k] = add_unknown(s, old_dim[k], k)->var;
    for (int k = 0; k < neq; k++) {
        if (states[k]) continue;
        Expr *lhs = ex_subst(s->g, eq[k].lhs, to);
        s->zero[s->nzero++] = ex_op2(s->g, OP_sub, lhs, eq[k].rhs);
    }
}

static void eliminate(System *s) {
    do expand_divisions(s);
    while (peel_any(s) || pivot_any(s, false) || pivot_any(s, true));
}

/* Final expressions of all unknowns, by variable: fresh variables, and what was solved last
 * first, since the earlier values are made of the later. */
static void name_results(System *s, Solution *out, Expr **final) {
    for (int k = 0; k < s->n; k++) {
        Unknown *u = &s->unknown[k];
        if (u->solved) {
            final[s->nouter + k] = u->value; /* of extent 1, or replaced below */
            continue;
        }
        if (u->extent == UNBOUNDED) ICE((Span){0}, "a quotient of the rows is left unsolved");
        out->fresh_dim[out->nfresh] = u->extent;
        out->fresh_old[out->nfresh] = u->old;
        final[s->nouter + k] = ex_var(s->g, s->nouter + out->nfresh++, u->extent);
    }
    for (int k = s->nsolved; k-- > 0;) {
        int at = s->solved[k];
        final[s->nouter + at] = ex_subst(s->g, s->unknown[at].value, final);
    }
    memcpy(out->value, s->given, sizeof out->value);
    for (int k = 0; k < s->n; k++)
        if (s->unknown[k].old >= 0) out->value[s->unknown[k].old] = final[s->nouter + k];
}

typedef struct Condition {
    Expr *test;
    int after;
} Condition;
typedef struct Conditions {
    Condition at[3 * MAX_VARS + MAX_EQUATIONS];
    int n;
} Conditions;

/* Sorted by `after`: the id of the expression that the test is about. */
static void add_condition(Conditions *list, Expr *test, const Expr *about) {
    if (!test) return;
    int k = list->n++;
    for (; k > 0 && list->at[k - 1].after > about->id; k--) list->at[k] = list->at[k - 1];
    list->at[k] = (Condition){test, about->id};
}

/* The conditions in an order in which the loads of each are in bounds where those before
 * it hold: first what has no load. Then, a load whose index is made of a solved value was
 * built after the value, and so comes after the test of the value's range. */
static Expr *conditions(System *s, const int64_t *old_dim, Expr *const *final) {
    Conditions list = {.n = 0};
    for (int k = 0; k < MAX_VARS; k++)
        if (s->given[k])
            add_condition(&list, ex_in_range(s->g, s->given[k], old_dim[k]), s->given[k]);
    for (int k = 0; k < s->nsolved; k++) {
        const Unknown *u = &s->unknown[s->solved[k]];
        Expr *value = final[s->nouter + s->solved[k]];
        Expr *divides = u->divides ? ex_subst(s->g, u->divides, final) : NULL;
        add_condition(&list, divides, divides);
        if (!u->implied) add_condition(&list, ex_in_range(s->g, value, u->extent), value);
    }
    for (int k = 0; k < s->nzero; k++) {
        if (!s->zero[k]) continue;
        Expr *equal = ex_op2(s->g, OP_eq, ex_subst(s->g, s->zero[k], final), ex_int(s->g, 0));
        add_condition(&list, equal, equal);
    }
    Expr *guard = NULL;
    for (int loads = 0; loads < 2; loads++)
        for (int k = 0; k < list.n; k++)
            if (ex_has_load(list.at[k].test) == loads)
                guard = ex_and_then(s->g, guard, list.at[k].test);
    return guard;
}

Solution solve(
        Graph *g, int nold, const int64_t *old_dim, int neq, const Equation *eq, int nouter) {
    System s = {.g = g, .nouter = nouter};
    start(&s, nold, old_dim, neq, eq);
    eliminate(&s);
    Solution out = {0};
    Expr *final[MAX_VARS] = {NULL};
    name_results(&s, &out, final);
    out.guard = conditions(&s, old_dim, final);
    return out;
}
