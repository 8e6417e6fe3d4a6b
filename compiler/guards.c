/* guards.c - what guards say about loops.
 *
 * A guard is a conjunction. Of its conditions
 *   - an affine inequality bounds a loop variable (padding, triangles, bands);
 *   - an equality with a remainder makes a loop take steps (strided convolutions'
 *     gradients);
 *   - an equality of an output variable with something looked up in the fold makes the
 *     fold a scatter: a loop in row order that adds at the row found.
 * What a loop takes over from the guard need not be tested inside. */
#include "graph_tables.h"
#include "guards.h"

void guard_conditions(Arena *a, Expr *e, ExprList *out) {
    if (!e) return;
    if (e->kind == E_OP && e->op == OP_and) {
        guard_conditions(a, e->arg[0], out);
        guard_conditions(a, e->arg[1], out);
        return;
    }
    for (int i = 0; i < out->n; i++)
        if (out->at[i] == e) return;
    vec_push(a, out, e);
}

/* ---- where a term of a sum may differ from zero -------------------------------------- */

void guard_of_term(Arena *a, Expr *e, ExprList *out) {
    if (e->kind == E_LOAD) {
        guard_conditions(a, e->guard, out);
    } else if (e->kind == E_OP && e->op == OP_select && ex_is_const(e->arg[2], 0)) {
        guard_conditions(a, e->arg[0], out);
        guard_of_term(a, e->arg[1], out);
    } else if (e->kind == E_OP && e->op == OP_mul) {
        guard_of_term(a, e->arg[0], out);
        guard_of_term(a, e->arg[1], out);
    } else if (e->kind == E_OP && (e->op == OP_neg || e->op == OP_real || e->op == OP_div)) {
        guard_of_term(a, e->arg[0], out);
    }
}

/* ---- conditions as inequalities ------------------------------------------------------ */

/* x - y as a sum; false where either may wrap. */
static bool difference(const Expr *x, const Expr *y, Affine *out) {
    Affine b;
    int64_t lo, hi;
    if (x->dtype != T_I32 || y->dtype != T_I32) return false;
    if (!ex_affine(x, out) || !ex_affine(y, &b)) return false;
    if (!affine_range(out, &lo, &hi) || !affine_range(&b, &lo, &hi)) return false;
    return affine_add(out, &b, -1);
}

/* Takes c * variable out of the sum; 0: it is not there, or also inside another term. */
static int64_t take_variable(Affine *sum, int var) {
    int64_t c = 0;
    int kept = 0;
    for (int i = 0; i < sum->n; i++) {
        Expr *atom = sum->term[i].atom;
        if (atom->kind == E_VAR && atom->var == var)
            c = sum->term[i].c;
        else if (atom->vars >> var & 1)
            return 0;
        else
            sum->term[kept++] = sum->term[i];
    }
    sum->n = kept;
    return c;
}

static void negate(Affine *sum) {
    sum->c0 = -sum->c0;
    for (int i = 0; i < sum->n; i++) sum->term[i].c = -sum->term[i].c;
}

static void at_least(Arena *a, Range *r, Expr *e) {
    vec_push(a, &r->lo, e);
}

static void below(Arena *a, Range *r, Expr *e) {
    vec_push(a, &r->hi, e);
}

/* c * v + sum <= 0 */
static void bound(Graph *g, Range *r, int64_t c, Affine sum) {
    Expr *unit = ex_int(g, c < 0 ? -c : c);
    if (c > 0) { /* v <= floor(-sum / c) */
        negate(&sum);
        Expr *top = ex_op2(g, OP_idiv, ex_from_affine(g, &sum), unit);
        below(g->arena, r, ex_op2(g, OP_add, top, ex_int(g, 1)));
    } else { /* v >= ceil(sum / -c) */
        sum.c0 += -c - 1;
        at_least(g->arena, r, ex_op2(g, OP_idiv, ex_from_affine(g, &sum), unit));
    }
}

static bool is_remainder(const Expr *e) {
    return e->kind == E_OP && e->op == OP_imod && e->dtype == T_I32 && e->arg[1]->kind == E_CONST &&
           e->arg[1]->value > 0;
}

/* (v + rest) % m == q makes v step by m from the first that fits. */
static bool stride(Graph *g, Range *r, int var, const Affine *sum) {
    if (r->step != 1 || sum->n != 1 || !is_remainder(sum->term[0].atom)) return false;
    Affine inner;
    if (!ex_affine(sum->term[0].atom->arg[0], &inner)) return false;
    int64_t c = take_variable(&inner, var), q = sum->term[0].c == 1 ? -sum->c0 : sum->c0;
    if ((c != 1 && c != -1) || (sum->term[0].c != 1 && sum->term[0].c != -1)) return false;
    inner.c0 -= q; /* c * v + inner == 0 modulo m */
    if (c == 1) negate(&inner);
    r->step = (int64_t)sum->term[0].atom->arg[1]->value;
    r->residue = ex_from_affine(g, &inner);
    return true;
}

/* (x / m) + c0 < 0 is x + c0 * m < 0, and so on. */
static void open_quotient(Affine *sum, Op *op) {
    static const Op turned[OP_COUNT] = {
            [OP_lt] = OP_gt, [OP_le] = OP_ge, [OP_gt] = OP_lt, [OP_ge] = OP_le};
    Affine x;
    if (sum->n != 1 || !turned[*op]) return;
    const Expr *q = sum->term[0].atom;
    bool quotient = q->kind == E_OP && q->op == OP_idiv && q->arg[1]->kind == E_CONST;
    if (!quotient || q->arg[1]->value <= 0 || !ex_affine(q->arg[0], &x)) return;
    if (sum->term[0].c != 1 && sum->term[0].c != -1) return;
    if (sum->term[0].c == -1) {
        negate(sum);
        *op = turned[*op];
    }
    bool next = *op == OP_le || *op == OP_gt; /* the quotient after c0 */
    x.c0 += (sum->c0 - next) * (int64_t)q->arg[1]->value;
    *op = *op == OP_le || *op == OP_lt ? OP_lt : OP_ge;
    *sum = x;
}

static bool narrow_by(Graph *g, Range *r, int var, const Expr *e) {
    if (e->kind != E_OP || op_info[e->op].arity != 2) return false;
    Affine sum;
    Op op = e->op;
    if (!difference(e->arg[0], e->arg[1], &sum)) return false;
    if (op == OP_eq && stride(g, r, var, &sum)) return true;
    open_quotient(&sum, &op);
    int64_t c = take_variable(&sum, var);
    if (c == 0) return false;
    switch (op) {
    case OP_gt:
        sum.c0 = -sum.c0 + 1, c = -c;
        break;
    case OP_ge:
        sum.c0 = -sum.c0, c = -c;
        break;
    case OP_lt:
        sum.c0 += 1;
        break;
    case OP_le:
        break;
    case OP_eq:
        if (c != 1 && c != -1) return false;
        if (c == 1) negate(&sum);
        at_least(g->arena, r, ex_from_affine(g, &sum));
        sum.c0 += 1;
        below(g->arena, r, ex_from_affine(g, &sum));
        return true;
    default:
        return false;
    }
    for (int i = 0; (op == OP_gt || op == OP_ge) && i < sum.n; i++) sum.term[i].c = -sum.term[i].c;
    bound(g, r, c, sum);
    return true;
}

Range guard_range(Graph *g, int var, uint32_t known, const ExprList *conditions, ExprList *taken) {
    Range r = {.step = 1};
    for (int i = 0; i < conditions->n; i++) {
        Expr *e = conditions->at[i];
        bool here = e->vars >> var & 1 && !(e->vars & ~(known | 1u << var));
        if (here && narrow_by(g, &r, var, e)) vec_push(g->arena, taken, e);
    }
    return r;
}

/* ---- scatters ------------------------------------------------------------------------ */

static bool looks_up(const Affine *sum, int rank) {
    uint32_t vars = 0;
    bool load = false;
    for (int i = 0; i < sum->n; i++) {
        vars |= sum->term[i].atom->vars;
        load |= sum->term[i].atom->kind != E_VAR && sum->term[i].atom->kind != E_TIME;
    }
    return load && vars >> rank != 0;
}

/* An equality that fixes an output variable by what the fold looks up. */
static bool fixes_row(Graph *g, const Node *n, const Expr *e, Scatter *s) {
    Affine sum;
    if (e->kind != E_OP || e->op != OP_eq || !difference(e->arg[0], e->arg[1], &sum)) return false;
    for (int var = 0; var < n->rank; var++) {
        Affine rest = sum;
        int64_t c = take_variable(&rest, var);
        if ((c != 1 && c != -1) || s->row[var] || !looks_up(&rest, n->rank)) continue;
        uint32_t taken = 0;
        for (int i = 0; i < rest.n; i++) taken |= rest.term[i].atom->vars;
        if (taken & s->rows) continue;
        if (c == 1) negate(&rest);
        s->row[var] = ex_from_affine(g, &rest);
        s->rows |= 1u << var;
        s->outer |= taken & ((1u << n->rank) - 1);
        return !(s->outer & s->rows);
    }
    return false;
}

bool scatter_of(Kernels *k, const View *v, Scatter *out) {
    *out = (Scatter){0};
    if (v->node->fold != F_SUM || !v->guard) return false;
    ExprList all = {0};
    guard_conditions(k->arena, v->guard, &all);
    for (int i = 0; i < all.n; i++) {
        Scatter before = *out;
        if (fixes_row(k->graph, v->node, all.at[i], out)) continue;
        *out = before;
        out->rest = ex_and(k->graph, out->rest, all.at[i]);
    }
    return out->rows != 0;
}
