/* eval_expr.c - scalar expressions as flat programs over columns of points.
 *
 * A program has one instruction for each expression that is needed, operands first. Each
 * runs over a whole block of points, so that its dispatch costs little. A load adds up its
 * element number from the terms of its index expressions times the strides, and looks at
 * bounds only where the ranges do not prove them.
 *
 * Scales and margins (eval.h) are further columns, kept only when asked for. */
#include "eval_internal.h"
#include "graph_tables.h"
#include "ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- compiling ------------------------------------------------------------------------- */

static double *column(Eval *e, double fill) {
    double *c = NEW_ARRAY(e->arena, double, BLOCK);
    for (int k = 0; k < BLOCK; k++) c[k] = fill;
    return c;
}

static Values columns(Eval *e, const Expr *x, double *const *var) {
    double v = x->kind == E_CONST ? x->value : 0;
    Values r = {.value = x->kind == E_VAR ? var[x->var] : column(e, v)};
    if (e->keep_scale) r.scale = x->kind == E_VAR ? r.value : column(e, fabs(v));
    if (e->keep_margin) r.margin = column(e, HUGE_VAL);
    return r;
}

static int compile(Eval *e, Program *p, const Expr *x);

/* Adds stride * index to the load's element number. */
static void add_index(Eval *e, Program *p, Instr *in, const Expr *index, int64_t stride) {
    Affine a;
    ex_affine(index, &a);
    in->element->c0 += stride * a.c0;
    for (int k = 0; k < a.n; k++) {
        const Expr *atom = a.term[k].atom;
        int64_t c = stride * a.term[k].c;
        if (atom->kind == E_VAR && (p->counted >> atom->var & 1)) {
            in->element->stride[atom->var] += c;
            continue;
        }
        int reg = compile(e, p, atom), j = 0;
        while (j < in->nterm && in->term[j].reg != reg) j++;
        if (j == in->nterm) in->term[in->nterm++].reg = reg;
        in->term[j].c += c;
    }
}

static void compile_load(Eval *e, Program *p, Instr *in) {
    const Expr *x = in->expr;
    const Node *n = x->node;
    int64_t stride = 1;
    in->element = NEW(e->arena, Counter);
    vec_push(e->arena, &p->counter, in->element);
    in->term = NEW_ARRAY(e->arena, struct LoadTerm, n->rank * MAX_TERMS);
    in->check = NEW_ARRAY(e->arena, struct LoadCheck, n->rank);
    for (int axis = n->rank - 1; axis >= 0; axis--) {
        add_index(e, p, in, x->arg[axis], stride);
        if (!index_in_bounds(n, axis, x->arg[axis])) {
            in->check[in->ncheck].reg = compile(e, p, x->arg[axis]);
            in->check[in->ncheck++].axis = axis;
        }
        stride *= eval_extent(e, n->dim[axis]);
    }
    in->guard = x->guard ? compile(e, p, x->guard) : -1;
}

static int compile(Eval *e, Program *p, const Expr *x) {
    if (p->reg_of[x->id]) return p->reg_of[x->id] - 1;
    Instr in = {.expr = x, .guard = -1};
    if (x->kind == E_LOAD)
        compile_load(e, p, &in);
    else
        for (int k = 0; k < x->narg; k++) in.src[k] = compile(e, p, x->arg[k]);
    if (x->kind == E_VAR) p->used |= x->vars;
    if (p->n == p->cap) {
        int cap = p->cap;
        p->instr = vec_grow(e->arena, p->instr, &cap, sizeof *p->instr);
        p->reg = vec_grow(e->arena, p->reg, &p->cap, sizeof *p->reg);
    }
    p->instr[p->n] = in;
    p->reg[p->n] = columns(e, x, p->var);
    p->reg_of[x->id] = ++p->n;
    return p->n - 1;
}

Program *program_new(Eval *e, Expr *body, double *const *var, uint32_t counted, Span span) {
    Program *p = NEW(e->arena, Program);
    *p = (Program){.var = var, .counted = counted, .span = span};
    if (!body) return p;
    p->reg_of = calloc((size_t)e->graph->t->expr.n, sizeof *p->reg_of);
    if (!p->reg_of) {
        eval_fail(e, span, "out of memory");
        return p;
    }
    compile(e, p, body);
    free(p->reg_of);
    p->reg_of = NULL;
    return p;
}

Values program_result(const Program *p) {
    return p->reg[p->n - 1];
}

/* ---- loads ----------------------------------------------------------------------------- */

static bool in_bounds(Eval *e, const Program *p, const Instr *in, int point) {
    const Node *n = in->expr->node;
    for (int k = 0; k < in->ncheck; k++) {
        int axis = in->check[k].axis;
        int64_t i = (int64_t)p->reg[in->check[k].reg].value[point];
        int64_t extent = eval_extent(e, n->dim[axis]);
        if (i >= 0 && i < extent) continue;
        return eval_fail(e, p->span, "index %lld of %s is outside of axis %d, which has %lld",
                (long long)i, n->name ? n->name : "a tensor", axis, (long long)extent);
    }
    return true;
}

static void add_columns(const Program *p, const Instr *in, int n, int64_t *at) {
    memcpy(at, in->element->column, (size_t)n * sizeof *at);
    for (int k = 0; k < in->nterm; k++) {
        const double *v = p->reg[in->term[k].reg].value;
        int64_t c = in->term[k].c;
        for (int i = 0; i < n; i++) at[i] += c * (int64_t)v[i];
    }
}

static bool run_load(Eval *e, const Program *p, const Instr *in, int n, Values out) {
    Values from = e->state[in->expr->node->id].v;
    const double *guard = in->guard >= 0 ? p->reg[in->guard].value : NULL;
    int64_t sum[BLOCK], *at = in->nterm ? sum : in->element->column;
    if (in->nterm) add_columns(p, in, n, at);
    for (int i = 0; in->ncheck && i < n; i++)
        if ((!guard || guard[i] != 0) && !in_bounds(e, p, in, i)) return false;
    if (!guard)
        for (int i = 0; i < n; i++) out.value[i] = from.value[at[i]];
    else
        for (int i = 0; i < n; i++) out.value[i] = guard[i] != 0 ? from.value[at[i]] : 0;
    for (int i = 0; out.scale && i < n; i++)
        out.scale[i] = guard && guard[i] == 0 ? 0 : from.scale[at[i]];
    for (int i = 0; out.margin && i < n; i++) {
        double m = guard && guard[i] == 0 ? HUGE_VAL : from.margin[at[i]];
        out.margin[i] = guard ? fmin(m, p->reg[in->guard].margin[i]) : m;
        for (int k = 0; k < in->nterm; k++) /* an index that was decided narrowly */
            out.margin[i] = fmin(out.margin[i], p->reg[in->term[k].reg].margin[i]);
    }
    return true;
}

/* ---- scales and margins of operators --------------------------------------------------- */

/* How fast op changes with operand k, by a central difference; 0 where there is none. */
static double slope(Op op, const double *x, int k) {
    double h = 1e-6 * fabs(x[k]) + 1e-12, up[3] = {x[0], x[1], x[2]}, down[3] = {x[0], x[1], x[2]};
    up[k] += h;
    down[k] -= h;
    double d =
            (op_real(op, up[0], up[1], up[2]) - op_real(op, down[0], down[1], down[2])) / (2 * h);
    return isfinite(d) ? fabs(d) : 0;
}

/* A sum of terms adds their scales; a product scales by the larger of what either operand
 * makes of the other's. */
static double linear_scale(Op op, const double *v, const double *s) {
    double left = fabs(op_real(op, s[0], 0, 0)), right = fabs(op_real(op, 0, s[1], 0));
    double one = fabs(op_real(op, s[0], v[1], 0)), other = fabs(op_real(op, v[0], s[1], 0));
    return fmax(left + right, fmax(one, other));
}

/* The result's size, or, to first order, its change when an operand changes by its scale. */
static double scale_of(const Expr *x, const double *v, const double *s, double result) {
    const OpInfo *info = &op_info[x->op];
    if (x->dtype != T_F32) return fabs(result);
    if (info->type == OT_BRANCH) return v[0] != 0 ? s[1] : s[2];
    if (info->type == OT_TOREAL) return s[0];
    double scale = fabs(result);
    if (info->flags & OPF_LINEAR) return fmax(scale, linear_scale(x->op, v, s));
    for (int k = 0; k < info->arity; k++) scale = fmax(scale, slope(x->op, v, k) * s[k]);
    return scale;
}

static double gap(double a, double b) {
    if (a == b) return HUGE_VAL; /* a tie to the bit is no accident of rounding */
    return fabs(a - b) / fmax(1, fmax(fabs(a), fabs(b)));
}

/* Whether the operator jumps within 1e-5 of its first operand: it changes there by far more
 * than on either side. */
static bool near_jump(Op op, const double *v) {
    double d = 1e-5 * fmax(1, fabs(v[0])), at[4];
    for (int k = 0; k < 4; k++) at[k] = op_real(op, v[0] + d * (2.0 * k - 3), v[1], v[2]);
    double here = fabs(at[2] - at[1]), beside = fabs(at[3] - at[2]) + fabs(at[1] - at[0]);
    return here > 10 * beside + 1e-9;
}

static double margin_of(const Expr *x, const double *v, const double *m) {
    const OpInfo *info = &op_info[x->op];
    if (info->type == OT_BRANCH) return fmin(m[0], v[0] != 0 ? m[1] : m[2]);
    double margin = HUGE_VAL;
    for (int k = 0; k < info->arity; k++) margin = fmin(margin, m[k]);
    if (x->arg[0]->dtype != T_F32) return margin;
    bool decides = info->type == OT_TEST || (info->flags & OPF_IDEM);
    if (decides) return fmin(margin, gap(v[0], v[1]));
    if (info->type != OT_REAL && info->type != OT_SAME && info->type != OT_TOINT) return margin;
    return near_jump(x->op, v) ? 0 : margin;
}

static void run_beside(const Program *p, const Instr *in, int n, Values out) {
    const Expr *x = in->expr;
    double v[3] = {0}, s[3] = {0}, m[3] = {0};
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < x->narg; k++) {
            Values from = p->reg[in->src[k]];
            v[k] = from.value[i];
            s[k] = out.scale ? fabs(from.scale[i]) : 0;
            m[k] = out.margin ? from.margin[i] : 0;
        }
        if (out.scale) out.scale[i] = scale_of(x, v, s, out.value[i]);
        if (out.margin) out.margin[i] = margin_of(x, v, m);
    }
}

/* ---- running ------------------------------------------------------------------------------------
 */

static void run_op(const Program *p, const Instr *in, int n, Values out) {
    const Expr *x = in->expr;
    const double *v[3];
    bool real = x->dtype == T_F32;
    for (int k = 0; k < 3; k++) {
        v[k] = p->reg[in->src[k < x->narg ? k : 0]].value;
        if (k < x->narg && x->arg[k]->dtype == T_F32) real = true;
    }
    (real ? op_real_block : op_integer_block)(x->op, n, v[0], v[1], v[2], out.value);
    if (out.scale || out.margin) run_beside(p, in, n, out);
}

static void fill(double *column, double v, int n) {
    for (int i = 0; i < n; i++) column[i] = v;
}

bool program_run(Eval *e, Program *p, int n) {
    for (int k = 0; k < p->n; k++) {
        const Instr *in = &p->instr[k];
        Values out = p->reg[k];
        switch (in->expr->kind) {
        case E_CONST:
        case E_VAR:
            break;
        case E_TIME:
            fill(out.value, (double)e->time[in->expr->scan->id], n);
            if (out.scale) fill(out.scale, out.value[0], n);
            break;
        case E_LOAD:
            if (!run_load(e, p, in, n, out)) return false;
            break;
        case E_OP:
            run_op(p, in, n, out);
            break;
        }
    }
    return true;
}
