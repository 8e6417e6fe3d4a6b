/* loop_prove.c - proving that an index expression is never negative; see loop_prove.h.
 *
 * By elimination: the variable defined innermost is replaced by the bound that makes the
 * sum smallest - of its loop, or of a test - until a number remains. A loop that starts at
 * the largest of several expressions has several lower bounds: each is tried, one that
 * works is enough. Quotients and remainders by constants have bounds by definition. */
#include "loop_prove.h"

enum { DEEPEST = 24, FACT = 8, PATIENCE = 4000 }; /* a fact is worth many steps */
static const int64_t LARGEST = (int64_t)1 << 50;

/* ---- linear forms -------------------------------------------------------------------- */

static bool same_part(const LoopExpr *a, const LoopExpr *b) {
    const VectorPart *p = &a->part, *q = &b->part;
    for (int i = 0; i < a->narg; i++)
        if (p->step[i] != q->step[i]) return false;
    bool optional = !p->count == !q->count && !p->mask == !q->mask;
    return p->lanes == q->lanes && optional && (!p->count || same_expr(p->count, q->count)) &&
           (!p->mask || same_expr(p->mask, q->mask));
}

bool same_expr(const LoopExpr *a, const LoopExpr *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->type != b->type || a->integer != b->integer || a->var != b->var ||
            a->narg != b->narg || a->array != b->array || a->op != b->op || a->real != b->real)
        return false;
    for (int i = 0; i < a->narg; i++)
        if (!same_expr(a->arg[i], b->arg[i])) return false;
    return a->kind != X_VLOAD || same_part(a, b);
}

Linear linear_number(int64_t c0) {
    return (Linear){.c0 = c0};
}

static void add_term(Linear *l, int64_t c, const LoopExpr *atom) {
    for (int i = 0; i < l->n; i++) {
        if (!same_expr(l->term[i].atom, atom)) continue;
        l->term[i].c += c;
        if (l->term[i].c == 0) l->term[i] = l->term[--l->n];
        return;
    }
    if (c == 0) return;
    if (l->n == LINEAR_TERMS || c > LARGEST || c < -LARGEST) {
        l->broken = true;
        return;
    }
    l->term[l->n].c = c;
    l->term[l->n++].atom = atom;
}

Linear linear_sum(const Linear *a, const Linear *b, int64_t factor) {
    Linear sum = *a;
    sum.broken |= b->broken || factor > LARGEST || factor < -LARGEST;
    sum.c0 += factor * b->c0;
    if (sum.c0 > LARGEST || sum.c0 < -LARGEST) sum.broken = true;
    for (int i = 0; i < b->n; i++) add_term(&sum, factor * b->term[i].c, b->term[i].atom);
    return sum;
}

static const VarFact *fact_of(const Known *k, const LoopVar *v) {
    for (int i = k->var.n - 1; i >= 0; i--)
        if (k->var.at[i].var == v) return &k->var.at[i];
    return NULL;
}

static bool is_integer(LoopType t) {
    return t == LT_INDEX || t == LT_I32 || t == LT_BOOL || t == LT_NVEC || t == LT_MASK;
}

static bool is_number(LoopType t) {
    return is_integer(t) && t != LT_BOOL && t != LT_MASK;
}

/* A scalar in every lane is that scalar. */
static const LoopExpr *scalar_of(const LoopExpr *e) {
    return e->kind == X_SPLAT ? e->arg[0] : e;
}

/* Sums and multiples of the language's integers, which wrap: false. */
static bool wrapping_sum(const Known *k, const LoopExpr *e, Linear *out) {
    if (e->kind != X_OP || (e->type != LT_I32 && e->type != LT_NVEC) || e->narg != 2) return false;
    const LoopExpr *y = scalar_of(e->arg[1]);
    Linear zero = {0}, a = linear_of(k, e->arg[0]);
    if (e->op == OP_mul) {
        if (y->kind != X_INT) return false;
        *out = linear_sum(&zero, &a, y->integer);
        return true;
    }
    if (e->op != OP_add && e->op != OP_sub) return false;
    Linear b = linear_of(k, y);
    *out = linear_sum(&a, &b, e->op == OP_add ? 1 : -1);
    return true;
}

bool fits_i32(const Known *k, const Linear *sum) {
    Linear least = linear_number(-(int64_t)INT32_MIN), most = linear_number(INT32_MAX);
    least = linear_sum(&least, sum, 1);
    most = linear_sum(&most, sum, -1);
    return is_never_negative(k, &least) && is_never_negative(k, &most);
}

/* A vector of integers is looked at in one lane, whose number is the atom X_LANE. */
Linear linear_of(const Known *k, const LoopExpr *e) {
    Linear sum = {0}, wrapping;
    e = scalar_of(e);
    if (e->kind == X_INT) {
        sum.c0 = e->integer;
    } else if (e->kind == X_ADD || e->kind == X_SUB) {
        Linear a = linear_of(k, e->arg[0]), b = linear_of(k, e->arg[1]);
        sum = linear_sum(&a, &b, e->kind == X_ADD ? 1 : -1);
    } else if (e->kind == X_MUL && e->arg[1]->kind == X_INT) {
        Linear a = linear_of(k, e->arg[0]);
        sum = linear_sum(&sum, &a, e->arg[1]->integer);
    } else if (e->kind == X_CAST && is_number(e->type)) {
        if (is_integer(e->arg[0]->type)) return linear_of(k, e->arg[0]);
        add_term(&sum, 1, e);
    } else if (e->kind == X_VAR && !e->var->mutable) {
        const VarFact *f = fact_of(k, e->var);
        bool integer = is_number(e->type);
        bool ranged = e->var->lo != INT64_MIN; /* whoever made it knows more */
        if (f && f->value && integer && !ranged) return linear_of(k, f->value);
        add_term(&sum, 1, e);
    } else if (wrapping_sum(k, e, &wrapping) && fits_i32(k, &wrapping)) {
        return wrapping;
    } else {
        add_term(&sum, 1, e);
    }
    return sum;
}

/* ---- facts --------------------------------------------------------------------------- */

static const LoopExpr *definition_of(const Known *k, const LoopExpr *e) {
    const VarFact *f = e->kind == X_VAR && !e->var->mutable ? fact_of(k, e->var) : NULL;
    return f && f->value ? f->value : e;
}

/* less < more, or less <= more; less than the least of several is less than each. */
static void assume_order(Known *k, const LoopExpr *less, const LoopExpr *more, bool strict) {
    const LoopExpr *least = definition_of(k, more);
    if (least->kind == X_MIN) {
        assume_order(k, less, least->arg[0], strict);
        assume_order(k, less, least->arg[1], strict);
        return;
    }
    Linear a = linear_of(k, more), b = linear_of(k, less);
    Linear f = linear_sum(&a, &b, -1);
    f.c0 -= strict;
    if (!f.broken) vec_push(k->arena, &k->fact, f);
}

static void assume_test(Known *k, Op op, const LoopExpr *x, const LoopExpr *y) {
    if (op == OP_lt) assume_order(k, x, y, true);
    if (op == OP_le) assume_order(k, x, y, false);
    if (op == OP_gt) assume_order(k, y, x, true);
    if (op == OP_ge) assume_order(k, y, x, false);
    if (op != OP_eq) return;
    assume_order(k, x, y, false);
    assume_order(k, y, x, false);
}

static void assume_not(Known *k, const LoopExpr *e) {
    if (e->kind == X_LT) assume_order(k, e->arg[1], e->arg[0], false);
    if (e->kind == X_LE) assume_order(k, e->arg[1], e->arg[0], true);
    if (e->kind == X_VAR) {
        const VarFact *f = fact_of(k, e->var);
        if (f && f->value) assume_not(k, f->value);
    }
    if (e->kind == X_OP && e->narg == 2 && is_integer(e->arg[0]->type)) {
        if (e->op == OP_lt) assume_order(k, e->arg[1], e->arg[0], false);
        if (e->op == OP_le) assume_order(k, e->arg[1], e->arg[0], true);
    }
}

void assume(Known *k, const LoopExpr *e) {
    if (e->kind == X_AND || (e->kind == X_OP && e->op == OP_and)) {
        assume(k, e->arg[0]);
        assume(k, e->arg[1]);
    } else if (e->kind == X_VAR) {
        const VarFact *f = fact_of(k, e->var);
        if (f && f->value) assume(k, f->value);
    } else if (e->kind == X_LT || e->kind == X_LE) {
        assume_order(k, e->arg[0], e->arg[1], e->kind == X_LT);
    } else if (e->kind == X_EQ) {
        assume_test(k, OP_eq, e->arg[0], e->arg[1]);
    } else if (e->kind == X_OP && e->op == OP_not) {
        assume_not(k, e->arg[0]);
    } else if (e->kind == X_SPLAT) {
        assume(k, e->arg[0]);
    } else if (e->kind == X_FIRST) {
        assume_order(k, lx_lane(k->arena), e->arg[0], true);
    } else if (e->kind == X_OP && e->narg == 2 && is_integer(e->arg[0]->type)) {
        assume_test(k, e->op, e->arg[0], e->arg[1]);
    }
}

/* ---- elimination --------------------------------------------------------------------- */

int order_of(const Known *k, const LoopExpr *e) {
    int order = -1;
    if (e->kind == X_VAR)
        for (int i = 0; i < k->var.n; i++)
            if (k->var.at[i].var == e->var) order = i;
    for (int i = 0; i < e->narg; i++) {
        int inner = order_of(k, e->arg[i]);
        if (inner > order) order = inner;
    }
    return order;
}

static bool prove(const Known *k, const Linear *e, int depth);

/* e with c * atom replaced by c * (bound + offset). */
static bool prove_with(
        const Known *k, const Linear *e, int t, const Linear *bound, int64_t offset, int depth) {
    Linear rest = *e;
    int64_t c = e->term[t].c;
    rest.term[t] = rest.term[--rest.n];
    rest = linear_sum(&rest, bound, c);
    rest.c0 += c * offset;
    return prove(k, &rest, depth + 1);
}

/* Any operand of a largest bounds from below, of a least from above. */
static bool prove_with_bound(const Known *k, const Linear *e, int t, const LoopExpr *bound,
        bool lower, int64_t offset, int depth) {
    if (bound->kind == (lower ? X_MAX : X_MIN))
        return prove_with_bound(k, e, t, bound->arg[0], lower, offset, depth) ||
               prove_with_bound(k, e, t, bound->arg[1], lower, offset, depth);
    Linear l = linear_of(k, bound);
    return !l.broken && prove_with(k, e, t, &l, offset, depth);
}

static bool prove_by_number(
        const Known *k, const Linear *e, int t, int64_t lo, int64_t hi, int depth) {
    int64_t bound = e->term[t].c > 0 ? lo : hi;
    if (bound > LARGEST || bound < -LARGEST) return false;
    Linear l = linear_number(bound);
    return prove_with(k, e, t, &l, 0, depth);
}

static bool prove_by_variable(const Known *k, const Linear *e, int t, int depth) {
    const LoopVar *v = e->term[t].atom->var;
    const VarFact *f = fact_of(k, v);
    bool lower = e->term[t].c > 0;
    if (f && f->lo) {
        if (!lower && f->last < INT64_MAX) return prove_by_number(k, e, t, 0, f->last, depth);
        if (lower) return prove_with_bound(k, e, t, f->lo, true, 0, depth);
        return prove_with_bound(k, e, t, f->hi, false, -f->below, depth);
    }
    return prove_by_number(k, e, t, v->lo, v->hi, depth);
}

/* The last lane that is looked at, as far as tests have a number for it. */
static int64_t last_lane(const Known *k) {
    int64_t last = LANES - 1;
    for (int i = 0; i < k->fact.n; i++) {
        const Linear *f = &k->fact.at[i];
        bool lane = f->n == 1 && f->term[0].atom->kind == X_LANE && f->term[0].c == -1;
        if (lane && f->c0 < last) last = f->c0;
    }
    return last;
}

/* The largest value of a sum of lanes, and of variables in loops with constant bounds;
 * false: not known. */
static bool largest(const Known *k, const Linear *x, int64_t *most) {
    *most = x->c0;
    for (int i = 0; i < x->n; i++) {
        const LoopExpr *atom = x->term[i].atom;
        const VarFact *f = atom->kind == X_VAR ? fact_of(k, atom->var) : NULL;
        bool up = x->term[i].c > 0;
        if (atom->kind == X_LANE) {
            *most += up ? x->term[i].c * last_lane(k) : 0;
            continue;
        }
        if (!f || !f->lo || (up ? f->last == INT64_MAX : f->lo->kind != X_INT)) return false;
        *most += x->term[i].c * (up ? f->last : f->lo->integer);
    }
    return !x->broken && *most >= 0;
}

static int64_t common(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* A number of which the value is always a multiple: 0 of 0, and 1 of anything. */
static int64_t divisor_of(const Known *k, const LoopExpr *e) {
    const VarFact *f = e->kind == X_VAR && !e->var->mutable ? fact_of(k, e->var) : NULL;
    if (e->kind == X_INT) return e->integer;
    if (f && f->value) return divisor_of(k, f->value);
    if (f && f->lo) return common(divisor_of(k, f->lo), f->step);
    if (e->kind == X_MUL && e->arg[1]->kind == X_INT) {
        int64_t x = divisor_of(k, e->arg[0]), c = e->arg[1]->integer;
        return x < INT32_MAX && c < INT32_MAX ? common(x * c, 0) : 1;
    }
    if (e->kind != X_ADD && e->kind != X_SUB) return 1;
    return common(divisor_of(k, e->arg[0]), divisor_of(k, e->arg[1]));
}

/* The largest remainder by c of multiples of a number. */
static int64_t largest_remainder(const Known *k, const LoopExpr *e, int64_t c) {
    return c - common(c, divisor_of(k, e));
}

/* q = x / c rounded down: x - c + 1 <= c * q <= x. */
static bool prove_by_quotient(const Known *k, const Linear *e, int t, int depth) {
    const LoopExpr *atom = e->term[t].atom;
    int64_t c = scalar_of(atom->arg[1])->integer, coefficient = e->term[t].c, most;
    Linear zero = {0}, scaled = linear_sum(&zero, e, c), x = linear_of(k, atom->arg[0]);
    for (int i = 0; i < scaled.n; i++)
        if (same_expr(scaled.term[i].atom, atom)) scaled.term[i] = scaled.term[--scaled.n];
    scaled = linear_sum(&scaled, &x, coefficient);
    if (coefficient > 0) scaled.c0 -= coefficient * (c - 1);
    scaled.c0 += c - 1; /* e is an integer: c * e >= 0 where c * e > -c */
    if (prove(k, &scaled, depth + 1)) return true;
    if (coefficient < 0)
        return largest(k, &x, &most) && prove_by_number(k, e, t, 0, most / c, depth);
    Linear never = x; /* x >= 0, so q >= 0 */
    return prove(k, &never, depth + 1) && prove_by_number(k, e, t, 0, 0, depth);
}

static bool prove_by_atom(const Known *k, const Linear *e, int t, int depth) {
    const LoopExpr *atom = e->term[t].atom;
    if (atom->kind == X_VAR) return prove_by_variable(k, e, t, depth);
    const LoopExpr *by = atom->narg == 2 ? scalar_of(atom->arg[1]) : NULL;
    bool by_number = atom->kind == X_OP && by && by->kind == X_INT && by->integer > 0;
    bool quotient = atom->kind == X_QUO || (by_number && atom->op == OP_idiv);
    if (quotient) return prove_by_quotient(k, e, t, depth);
    if (atom->kind == X_REM || (by_number && atom->op == OP_imod))
        return prove_by_number(
                k, e, t, 0, largest_remainder(k, atom->arg[0], by->integer), depth);
    if (atom->kind == X_LANE) return prove_by_number(k, e, t, 0, LANES - 1, depth);
    if (atom->kind == X_LOAD || atom->kind == X_VLOAD)
        return prove_by_number(k, e, t, atom->array->lo, atom->array->hi, depth);
    bool truth = atom->type == LT_BOOL || atom->type == LT_MASK;
    if (truth) return prove_by_number(k, e, t, 0, 1, depth);
    bool op = atom->kind == X_OP && is_integer(atom->type);
    bool least = atom->kind == X_MIN || (op && atom->op == OP_min);
    bool most = atom->kind == X_MAX || (op && atom->op == OP_max), lower = e->term[t].c > 0;
    bool either_side = atom->kind == X_SELECT || (op && op_info[atom->op].type == OT_BRANCH);
    if (least || most || either_side) {
        /* the last operand first: of a clamp it is the simple one */
        Linear y = linear_of(k, atom->arg[atom->narg - 2]),
               x = linear_of(k, atom->arg[atom->narg - 1]);
        bool either = (least && !lower) || (most && lower);
        bool first = prove_with(k, e, t, &x, 0, depth);
        if (either ? first : !first) return first;
        return prove_with(k, e, t, &y, 0, depth);
    }
    return false;
}

/* Facts that hold the same atom with the same sign make it vanish. */
static bool prove_by_fact(const Known *k, const Linear *e, int t, int depth) {
    for (int i = k->fact.n - 1; i >= 0; i--) {
        const Linear *f = &k->fact.at[i];
        for (int j = 0; j < f->n; j++) {
            int64_t c = e->term[t].c, cf = f->term[j].c;
            if (!same_expr(f->term[j].atom, e->term[t].atom) || c % cf || c / cf <= 0) continue;
            Linear rest = linear_sum(e, f, -(c / cf));
            if (prove(k, &rest, depth + FACT)) return true;
        }
    }
    return false;
}

static bool prove(const Known *k, const Linear *e, int depth) {
    if (e->broken || depth > DEEPEST || --k->patience->left < 0) return false;
    if (e->n == 0) return e->c0 >= 0;
    int inner = 0, order = -2;
    for (int i = 0; i < e->n; i++) {
        int o = order_of(k, e->term[i].atom);
        bool deeper = o > order || (o == order && e->term[i].atom->kind != X_VAR);
        if (deeper) inner = i, order = o;
    }
    return prove_by_atom(k, e, inner, depth) || prove_by_fact(k, e, inner, depth);
}

/* A question inside of a question shares its patience; whether a sum fits may be asked again
 * through a fact about that very sum, so questions are not nested without end. */
bool is_never_negative(const Known *k, const Linear *e) {
    struct Patience *p = k->patience;
    if (p->asking == 0) p->left = PATIENCE;
    if (p->asking > DEEPEST) return false;
    p->asking++;
    bool proved = p->left > 0 && prove(k, e, 0);
    p->asking--;
    return proved;
}
