/* test_ops.c - the operator table, a row at a time: its float text (runtime/dl_math.h) and
 * its integer text against the interpreter's, and its gradients, first and second, against
 * central differences over the row's domain. A new row is tested without a word here. */
#include "../../compiler/eval.h"
#include "../../compiler/grad.h"
#include "../../compiler/ops.h"
#include "../../runtime/dl_math.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

enum { POINTS = 40 };

static const Span here = {0};

/* ---- the texts, as generated code compiles them ---------------------------------------- */

#define NO 0

static float real_text(Op op, float x, float y, float z) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        return (float)(real);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include "../../compiler/ops.def"
#pragma GCC diagnostic pop
    case OP_COUNT:
        break;
    }
    return 0;
}

static int32_t integer_text(Op op, int32_t x, int32_t y, int32_t z) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        return (int32_t)(integer);
#include "../../compiler/ops.def"
    case OP_COUNT:
        break;
    }
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------
 */

static double point(const OpInfo *info, int operand, int k) {
    double u = fmod(0.5 + 0.618033988749895 * (k + 1) * (operand + 1), 1);
    return (double)(float)(info->lo + (info->hi - info->lo) * u);
}

Test(ops, rows_are_whole) {
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        cr_expect(info->arity >= 1 && info->arity <= 3, "%s", info->name);
        cr_expect_leq(info->lo, info->hi, "%s", info->name);
        cr_expect(info->real || info->integer, "%s has no text", info->name);
        cr_expect_eq(op_by_name(info->name), (Op)op);
        if (info->flags & OPF_COMM) cr_expect_eq(info->arity, 2, "%s", info->name);
    }
    cr_expect_eq(op_by_name("conv2d"), OP_COUNT);
}

Test(ops, float_text_agrees_with_double) {
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        for (int k = 0; info->real && k < POINTS; k++) {
            double v[3];
            for (int j = 0; j < 3; j++) v[j] = point(info, j, k);
            if (info->type == OT_BRANCH) v[0] = k % 2;
            double want = op_real((Op)op, v[0], v[1], v[2]);
            double got = (double)real_text((Op)op, (float)v[0], (float)v[1], (float)v[2]);
            double scale = fmax(fabs(want), (double)FLT_MIN);
            /* a remainder cancels: it is as exact as its operands */
            if (op == OP_imod) scale = fmax(fabs(v[0]), fabs(v[1]));
            cr_expect(fabs(got - want) <= 4 * (double)FLT_EPSILON / 2 * scale,
                    "%s(%g, %g, %g) is %.9g, not %.9g", info->name, v[0], v[1], v[2], got, want);
        }
    }
}

static bool alike(double a, double b) {
    return a == b ? signbit(a) == signbit(b) : a != a && b != b;
}

/* Where no rounding is involved, the special values are the same too. */
Test(ops, special_values_agree) {
    static const double special[] = {
            0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3e9, -3e9, INFINITY, -INFINITY, NAN};
    enum { N = sizeof special / sizeof *special };
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        bool exact =
                info->real && (info->flags & OPF_CHEAP || info->type == OT_TEST || op == OP_sign);
        for (int i = 0; exact && i < N * N; i++) {
            double x = special[i % N], y = special[i / N];
            double want = op_real((Op)op, x, y, 7);
            double got = (double)real_text((Op)op, (float)x, (float)y, 7);
            cr_expect(alike((double)(float)want, got), "%s(%g, %g) is %g, not %g", info->name, x, y,
                    got, want);
        }
    }
}

Test(ops, integer_text_agrees) {
    static const int32_t special[] = {
            0, 1, -1, 2, 3, -3, 7, -8, 255, 65536, INT32_MAX, INT32_MIN, INT32_MIN + 1};
    enum { N = sizeof special / sizeof *special };
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        for (int i = 0; info->integer && i < N * N; i++) {
            int32_t x = special[i % N], y = special[i / N];
            if (info->type == OT_LOGIC) x &= 1, y &= 1;
            if (info->type == OT_TOREAL) x %= 1 << 24; /* what a float holds */
            cr_expect_eq(integer_text((Op)op, x, y, 5), op_integer((Op)op, x, y, 5),
                    "%s(%d, %d) is %d, not %d", info->name, x, y, integer_text((Op)op, x, y, 5),
                    op_integer((Op)op, x, y, 5));
        }
    }
}

Test(ops, properties_hold) {
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        for (int k = 0; info->real && k < POINTS; k++) {
            double x = point(info, 0, k), y = point(info, 1, k);
            if (info->flags & OPF_COMM)
                cr_expect_eq(op_real((Op)op, x, y, 0), op_real((Op)op, y, x, 0), "%s commutes",
                        info->name);
            if (info->flags & OPF_IDEM)
                cr_expect_eq(op_real((Op)op, x, x, 0), x, "%s(x, x) is x", info->name);
            if (info->flags & OPF_LINEAR) /* in the first operand; from 0 on */
                cr_expect_float_eq(op_real((Op)op, 2 * x, y, 0) - op_real((Op)op, x, y, 0),
                        op_real((Op)op, x, y, 0) - op_real((Op)op, 0, y, 0), 1e-12, "%s is linear",
                        info->name);
        }
    }
}

/* ---- gradients ------------------------------------------------------------------------- */

static double at(Graph *g, Node *y, Node *const *x, int n, const double *v) {
    Eval *e = eval_new(g, 1, 0, 0);
    for (int k = 0; k < n; k++) eval_bind(e, x[k], &v[k]);
    const double *value = eval_node(e, y);
    cr_assert_not_null(value, "%s", eval_error(e));
    double result = *value;
    eval_free(e);
    return result;
}

/* By central differences of two steps, which agree where the function is smooth; NaN elsewhere. */
static double difference(Graph *g, Node *y, Node *const *x, int n, const double *v, int k) {
    double d[2];
    for (int j = 0; j < 2; j++) {
        double h = j ? 2e-5 : 1e-5, up[3] = {v[0], v[1], v[2]}, down[3] = {v[0], v[1], v[2]};
        up[k] += h;
        down[k] -= h;
        d[j] = (at(g, y, x, n, up) - at(g, y, x, n, down)) / (2 * h);
    }
    return fabs(d[0] - d[1]) > 1e-5 * (1 + fabs(d[0])) ? (double)NAN : (4 * d[0] - d[1]) / 3;
}

static void check_gradient(const char *name, Graph *g, Node *y, Node *const *x, int n, int nth) {
    Node *dx[3] = {0};
    cr_assert(grad(g, y, x, n, dx), "%s", name);
    for (int k = 0; k < n; k++) {
        int smooth = 0;
        for (int p = 0; p < POINTS / 2; p++) {
            double v[3];
            for (int j = 0; j < 3; j++) v[j] = point(&op_info[op_by_name(name)], j, p);
            double want = difference(g, y, x, n, v, k), got = dx[k] ? at(g, dx[k], x, n, v) : 0;
            if (want != want) continue;
            smooth++;
            cr_expect(fabs(got - want) <= 1e-6 * fmax(1, fabs(want)),
                    "%s: derivative %d to operand %d at (%g, %g) is %g, not %g", name, nth, k, v[0],
                    v[1], got, want);
        }
        cr_expect(smooth > POINTS / 4, "%s", name);
        if (dx[k] && nth < 2) check_gradient(name, g, dx[k], x, n, nth + 1);
    }
}

Test(ops, gradients_against_differences) {
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        if (!info->real || info->type == OT_TEST || info->type == OT_TOINT) continue;
        if (info->lo == info->hi) continue; /* what it is to a derivative is not its slope */
        Arena *a = arena_new();
        Graph *g = graph_new(a);
        Node *x[3];
        Expr *arg[3];
        bool branch = info->type == OT_BRANCH;
        for (int k = 0; k < info->arity; k++) {
            x[k] = node_leaf(g, L_PARAM, T_F32, 0, NULL, arena_printf(a, "x%d", k), here);
            arg[k] = ex_load(g, x[k], NULL, NULL);
        }
        if (branch) arg[0] = ex_op2(g, OP_lt, arg[0], ex_real(g, 0.1));
        Node *y = node_comp(g, 0, NULL, F_NONE, 0, NULL, NULL, ex_op(g, (Op)op, arg), here);
        check_gradient(info->name, g, y, x, info->arity, 1);
        arena_free(a);
    }
}
