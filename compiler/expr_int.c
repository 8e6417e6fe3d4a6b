/* expr_int.c - the algebra of integers: sums of terms, quotients and remainders, ranges.
 *
 * Every i32 expression is a sum  c0 + c[1]*atom[1] + ...  and is built from it in one way,
 * so that equal sums are the same expression. Sums, differences and constant multiples are
 * exact modulo 2^32, wrapping or not. Whatever compares or divides first asks the range: an
 * expression whose exact range fits 32 bits does not wrap. */
#include "graph_tables.h"
#include "ops.h"

#include <string.h>

/* ---- sums ------------------------------------------------------------------------------ */

static bool fits(int64_t v) {
    return v >= INT32_MIN && v <= INT32_MAX;
}

Affine affine_of(const Expr *e) {
    Affine a = {0};
    if (e->kind == E_CONST) {
        a.c0 = (int64_t)e->value;
    } else if (e->affine) {
        a.c0 = e->affine->c0;
        a.n = e->affine->n;
        memcpy(a.term, e->affine->term, (size_t)a.n * sizeof *a.term);
    } else {
        a.n = 1;
        a.term[0] = (Term){1, (Expr *)(uintptr_t)e};
    }
    return a;
}

bool ex_affine(const Expr *e, Affine *out) {
    if (e->dtype != T_I32) return false;
    *out = affine_of(e);
    return true;
}

/* Variables by number, then times, then the rest by content. */
bool ex_before(const Expr *a, const Expr *b) {
    static const int rank[] = {[E_CONST] = 4, [E_VAR] = 0, [E_TIME] = 1, [E_LOAD] = 2, [E_OP] = 3};
    if (rank[a->kind] != rank[b->kind]) return rank[a->kind] < rank[b->kind];
    if (a->kind == E_VAR && a->var != b->var) return a->var < b->var;
    if (a->hash != b->hash) return a->hash < b->hash;
    return a->id < b->id;
}

static bool add_term(Affine *a, int64_t c, Expr *atom) {
    int k = 0;
    while (k < a->n && a->term[k].atom != atom && ex_before(a->term[k].atom, atom)) k++;
    if (k < a->n && a->term[k].atom == atom) {
        a->term[k].c += c;
        if (a->term[k].c == 0)
            memmove(&a->term[k], &a->term[k + 1], (size_t)(--a->n - k) * sizeof *a->term);
        return k >= a->n || fits(a->term[k].c);
    }
    if (a->n == MAX_TERMS) return false;
    memmove(&a->term[k + 1], &a->term[k], (size_t)(a->n++ - k) * sizeof *a->term);
    a->term[k] = (Term){c, atom};
    return fits(c);
}

bool affine_add(Affine *a, const Affine *b, int64_t k) {
    if (!fits(k) || !fits(a->c0) || !fits(b->c0)) return false;
    a->c0 += k * b->c0;
    for (int j = 0; k != 0 && j < b->n; j++)
        if (!add_term(a, k * b->term[j].c, b->term[j].atom)) return false;
    return fits(a->c0);
}

static int64_t saturated(int64_t v) {
    const int64_t limit = INT64_C(1) << 58; /* MAX_TERMS + 1 of them fit an int64 */
    return v > limit ? limit : v < -limit ? -limit : v;
}

bool affine_range(const Affine *a, int64_t *lo, int64_t *hi) {
    *lo = *hi = a->c0;
    for (int k = 0; k < a->n; k++) {
        const Expr *atom = a->term[k].atom;
        int64_t c = a->term[k].c;
        *lo += saturated(c * (c > 0 ? atom->lo : atom->hi));
        *hi += saturated(c * (c > 0 ? atom->hi : atom->lo));
    }
    return fits(*lo) && fits(*hi);
}

bool affine_sum(const Expr *key, Affine *out) {
    if (key->dtype != T_I32) return false;
    Affine b;
    *out = affine_of(key->arg[0]);
    switch (key->op) {
    case OP_add:
        b = affine_of(key->arg[1]);
        return affine_add(out, &b, 1);
    case OP_sub:
        b = affine_of(key->arg[1]);
        return affine_add(out, &b, -1);
    case OP_mul:
        b = affine_of(key->arg[1]);
        if (b.n > 0) return false;
        *out = (Affine){0};
        Affine a = affine_of(key->arg[0]);
        return affine_add(out, &a, b.c0);
    case OP_neg: {
        Affine zero = {0};
        b = *out;
        *out = zero;
        return affine_add(out, &b, -1);
    }
    default:
        return false;
    }
}

/* u//c and u%c of one u: k*c*(u//c) + k*(u%c) is k*u. Returns whether a pair was joined. */
static bool join_quotient(Affine *a) {
    for (int r = 0; r < a->n; r++) {
        const Expr *rest = a->term[r].atom;
        if (rest->kind != E_OP || rest->op != OP_imod) continue;
        for (int q = 0; q < a->n; q++) {
            const Expr *whole = a->term[q].atom;
            if (whole->kind != E_OP || whole->op != OP_idiv || whole->arg[0] != rest->arg[0] ||
                    whole->arg[1] != rest->arg[1] || rest->arg[1]->kind != E_CONST ||
                    a->term[q].c != a->term[r].c * (int64_t)rest->arg[1]->value)
                continue;
            Affine joined = *a, u = affine_of(rest->arg[0]);
            int64_t k = a->term[r].c;
            if (!add_term(&joined, -k, a->term[r].atom)) return false;
            if (!add_term(&joined, -a->term[q].c, a->term[q].atom)) return false;
            if (!affine_add(&joined, &u, k)) return false;
            *a = joined;
            return true;
        }
    }
    return false;
}

static Expr *times(Graph *g, Expr *atom, int64_t c) {
    return c == 1 ? atom : expr_raw(g, OP_mul, T_I32, (Expr *[]){atom, ex_int(g, c)});
}

static Expr *raw2(Graph *g, Op op, Expr *a, Expr *b) {
    return expr_raw(g, op, T_I32, (Expr *[]){a, b});
}

/* Positive terms first, then what is subtracted, the constant last. */
Expr *ex_from_affine(Graph *g, const Affine *given) {
    Affine a = *given;
    while (join_quotient(&a)) {
    }
    Expr *e = NULL;
    for (int k = 0; k < a.n; k++) {
        if (a.term[k].c < 0) continue;
        Expr *t = times(g, a.term[k].atom, a.term[k].c);
        e = e ? raw2(g, OP_add, e, t) : t;
    }
    int64_t c0 = a.c0;
    if (!e && (c0 != 0 || a.n == 0)) {
        e = ex_int(g, c0);
        c0 = 0;
    }
    for (int k = 0; k < a.n; k++) {
        if (a.term[k].c > 0) continue;
        bool first = !e;
        Expr *t = times(g, a.term[k].atom, first ? a.term[k].c : -a.term[k].c);
        if (first && a.term[k].c == -1) t = expr_raw(g, OP_neg, T_I32, &a.term[k].atom);
        e = first ? t : raw2(g, OP_sub, e, t);
    }
    if (c0 > 0) e = raw2(g, OP_add, e, ex_int(g, c0));
    if (c0 < 0) e = raw2(g, OP_sub, e, ex_int(g, -c0));
    return e;
}

/* ---- quotients and remainders by a positive constant ----------------------------------- */

static int64_t floor_div(int64_t x, int64_t c) {
    return x / c - (x % c != 0 && (x < 0) != (c < 0));
}
static int64_t floor_mod(int64_t x, int64_t c) {
    return x - c * floor_div(x, c);
}

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

/* Splits  a == c*quotient + rest, where rest has no multiple of c among its coefficients and
 * its constant lies in [0, c). False where something may wrap. */
static bool split(const Affine *a, int64_t c, Affine *quotient, Affine *rest) {
    int64_t lo, hi;
    *quotient = *rest = (Affine){0};
    quotient->c0 = floor_div(a->c0, c);
    rest->c0 = floor_mod(a->c0, c);
    for (int k = 0; k < a->n; k++) {
        Affine *to = a->term[k].c % c == 0 ? quotient : rest;
        to->term[to->n] = a->term[k];
        if (to == quotient) to->term[to->n].c /= c;
        to->n++;
    }
    return affine_range(a, &lo, &hi) && affine_range(quotient, &lo, &hi) &&
           affine_range(rest, &lo, &hi);
}

/* Where rest stays in one period [p*c, (p+1)*c), that period. */
static bool one_period(const Affine *rest, int64_t c, int64_t *period) {
    int64_t lo, hi;
    affine_range(rest, &lo, &hi);
    *period = floor_div(lo, c);
    return floor_div(hi, c) == *period;
}

/* Divides the coefficients and c by what they have in common; the constant's remainder of
 * that division (which no quotient sees) is returned, the divisor is in *common. */
static int64_t divide_common(Affine *rest, int64_t *c, int64_t *common) {
    int64_t d = *c;
    for (int k = 0; k < rest->n; k++) d = gcd(d, rest->term[k].c);
    int64_t left = floor_mod(rest->c0, d);
    rest->c0 = floor_div(rest->c0, d);
    for (int k = 0; k < rest->n; k++) rest->term[k].c /= d;
    *c /= d;
    *common = d;
    return left;
}

static bool by_constant(const Expr *e, Op op) {
    return e->kind == E_OP && e->op == op && e->arg[1]->kind == E_CONST && e->arg[1]->value > 0;
}

static Expr *quotient(Graph *g, Expr *x, int64_t c) {
    Affine a = affine_of(x), whole, rest;
    int64_t period, common;
    if (!split(&a, c, &whole, &rest)) return NULL;
    if (one_period(&rest, c, &period)) {
        whole.c0 += period;
        return ex_from_affine(g, &whole);
    }
    divide_common(&rest, &c, &common);
    Expr *part = NULL;
    Expr *inner = rest.n == 1 && rest.term[0].c == 1 ? rest.term[0].atom : NULL;
    if (inner && by_constant(inner, OP_idiv) && fits(c * (int64_t)inner->arg[1]->value)) {
        /* (y//d + k) // c  is  (y + k*d) // (c*d) */
        int64_t d = (int64_t)inner->arg[1]->value;
        Affine y = affine_of(inner->arg[0]);
        y.c0 += rest.c0 * d;
        if (fits(y.c0)) part = ex_op2(g, OP_idiv, ex_from_affine(g, &y), ex_int(g, c * d));
    } else if (inner && by_constant(inner, OP_imod) && rest.c0 == 0 &&
               (int64_t)inner->arg[1]->value % c == 0) {
        /* (y%d) // c  is  (y//c) % (d/c)  where c divides d */
        int64_t d = (int64_t)inner->arg[1]->value;
        Expr *q = ex_op2(g, OP_idiv, inner->arg[0], ex_int(g, c));
        part = ex_op2(g, OP_imod, q, ex_int(g, d / c));
    }
    if (!part) part = raw2(g, OP_idiv, ex_from_affine(g, &rest), ex_int(g, c));
    Affine sum = affine_of(part);
    return affine_add(&sum, &whole, 1) ? ex_from_affine(g, &sum) : NULL;
}

/* k*(y%d) counts as k*y modulo c where c divides k*d. */
static bool drop_inner_moduli(Affine *a, int64_t c) {
    Affine out = {.c0 = a->c0};
    for (int k = 0; k < a->n; k++) {
        Expr *atom = a->term[k].atom;
        Affine y = {.n = 1, .term = {{1, atom}}};
        if (by_constant(atom, OP_imod) && a->term[k].c * (int64_t)atom->arg[1]->value % c == 0)
            y = affine_of(atom->arg[0]);
        if (!affine_add(&out, &y, a->term[k].c)) return false;
    }
    *a = out;
    return true;
}

static Expr *remainder_of(Graph *g, Expr *x, int64_t c) {
    Affine given = affine_of(x), a = given, whole, rest;
    int64_t period, common;
    if (!drop_inner_moduli(&a, c)) a = given;
    if (!split(&a, c, &whole, &rest) && !split(&given, c, &whole, &rest)) return NULL;
    if (one_period(&rest, c, &period)) {
        rest.c0 -= period * c;
        return ex_from_affine(g, &rest);
    }
    int64_t left = divide_common(&rest, &c, &common);
    Affine part = affine_of(raw2(g, OP_imod, ex_from_affine(g, &rest), ex_int(g, c)));
    Affine sum = {.c0 = left};
    return affine_add(&sum, &part, common) ? ex_from_affine(g, &sum) : NULL;
}

/* ---- the rest -------------------------------------------------------------------------- */

/* The larger operand where the ranges of the operands or of their difference tell. */
static Expr *extremum(Op op, Expr *a, Expr *b) {
    Affine d = affine_of(a), other = affine_of(b);
    int64_t lo, hi, al, ah, bl, bh;
    if (!affine_range(&d, &al, &ah) || !affine_range(&other, &bl, &bh)) return NULL;
    if (!affine_add(&d, &other, -1)) return NULL;
    affine_range(&d, &lo, &hi);
    if (lo >= 0) return op == OP_max ? a : b;
    if (hi <= 0) return op == OP_max ? b : a;
    return NULL;
}

static Expr *sum_of(Graph *g, Op op, Expr *const *arg) {
    Affine sum;
    Expr key = {.kind = E_OP,
            .dtype = T_I32,
            .op = op,
            .narg = op_info[op].arity,
            .arg = (Expr *[]){arg[0], op_info[op].arity > 1 ? arg[1] : NULL}};
    if (!affine_sum(&key, &sum)) return NULL;
    return ex_from_affine(g, &sum);
}

Expr *expr_int(Graph *g, Op op, Expr *const *arg) {
    bool right = op_info[op].arity > 1 && arg[1]->kind == E_CONST;
    int64_t c = right ? (int64_t)arg[1]->value : 0;
    switch (op) {
    case OP_add:
    case OP_sub:
    case OP_neg:
        return sum_of(g, op, arg);
    case OP_mul:
        if (right) return sum_of(g, op, arg);
        return arg[0]->kind == E_CONST ? sum_of(g, op, (Expr *[]){arg[1], arg[0]}) : NULL;
    case OP_idiv:
        if (right && c == 0) return ex_int(g, 0);
        return right && c > 0 ? quotient(g, arg[0], c) : NULL;
    case OP_imod:
        if (right && c == 0) return ex_int(g, 0);
        return right && c > 0 ? remainder_of(g, arg[0], c) : NULL;
    case OP_max:
    case OP_min:
        return extremum(op, arg[0], arg[1]);
    case OP_abs:
        if (arg[0]->lo >= 0) return arg[0];
        return arg[0]->hi <= 0 && fits(-arg[0]->lo) ? ex_op1(g, OP_neg, arg[0]) : NULL;
    default:
        return NULL;
    }
}

/* ---- ranges of what is no sum ---------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Range of f over the corners of two ranges, for an f monotonic in each operand. */
static void corners(
        const Expr *a, const Expr *b, int64_t (*f)(int64_t, int64_t), int64_t *lo, int64_t *hi) {
    int64_t v[4] = {f(a->lo, b->lo), f(a->lo, b->hi), f(a->hi, b->lo), f(a->hi, b->hi)};
    *lo = least(least(v[0], v[1]), least(v[2], v[3]));
    *hi = most(most(v[0], v[1]), most(v[2], v[3]));
}

static int64_t product(int64_t a, int64_t b) {
    return a * b;
}

static void modulo_range(const Expr *a, const Expr *b, int64_t *lo, int64_t *hi) {
    if (b->lo <= 0) return;
    *lo = 0;
    *hi = b->hi - 1;
    if (a->lo >= 0) *hi = least(*hi, a->hi);
    if (b->lo == b->hi && floor_div(a->lo, b->lo) == floor_div(a->hi, b->lo)) {
        *lo = floor_mod(a->lo, b->lo);
        *hi = floor_mod(a->hi, b->lo);
    }
}

static void op_range(const Expr *key, int64_t *lo, int64_t *hi) {
    const Expr *a = key->arg[0], *b = key->narg > 1 ? key->arg[1] : NULL;
    const Expr *c = key->narg > 2 ? key->arg[2] : NULL;
    switch (key->op) {
    case OP_mul:
        corners(a, b, product, lo, hi);
        break;
    case OP_idiv:
        if (b->lo > 0) corners(a, b, floor_div, lo, hi);
        break;
    case OP_imod:
        modulo_range(a, b, lo, hi);
        break;
    case OP_abs:
        *lo = most(0, most(a->lo, -a->hi));
        *hi = most(a->hi, -a->lo);
        break;
    case OP_sign:
        *lo = a->lo > 0 ? 1 : a->lo == 0 ? 0 : -1;
        *hi = a->hi > 0 ? 1 : a->hi == 0 ? 0 : -1;
        break;
    case OP_max:
        *lo = most(a->lo, b->lo);
        *hi = most(a->hi, b->hi);
        break;
    case OP_min:
        *lo = least(a->lo, b->lo);
        *hi = least(a->hi, b->hi);
        break;
    case OP_select:
        *lo = least(b->lo, c->lo);
        *hi = most(b->hi, c->hi);
        break;
    case OP_int:
        if (a->dtype == T_BOOL) *lo = a->lo, *hi = a->hi;
        break;
    default:
        break;
    }
}

void expr_range(const Expr *key, int64_t *lo, int64_t *hi) {
    bool is_test = key->dtype == T_BOOL;
    *lo = is_test ? 0 : INT32_MIN;
    *hi = is_test ? 1 : INT32_MAX;
    if (is_test) return;
    if (key->affine)
        affine_range(key->affine, lo, hi);
    else
        op_range(key, lo, hi);
    if (fits(*lo) && fits(*hi)) return;
    *lo = INT32_MIN;
    *hi = INT32_MAX;
}
