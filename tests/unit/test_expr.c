/* test_expr.c - what the constructors of expressions simplify: as equations, written in the
 * printed form, and on random expressions against an evaluation that simplifies nothing. */
#include "../../compiler/graph.h"
#include "../../compiler/ops.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const Span here = {0};

/* Every comprehension here runs over i0 < 5, i1 < 4, i2 < 12 and i3 < batch, and loads from
 * n0 = x f32[5], n1 = w i32[5] and n2 = u u8[5]. */
static const int64_t extent[] = {5, 4, 12, DIM_BATCH};

static const char *const leaves =
        "n0 = input \"x\" f32[5]\nn1 = input \"w\" i32[5]\nn2 = input \"u\" u8[5]\n";

/* The body's text after `text` went through the constructors. */
static char *simplified(const char *text) {
    Arena *a = arena_new();
    Graph *g = graph_new(a);
    char *all = arena_printf(a,
            "%sn3 = comp f32[5, 4, 12, batch] : %s\n"
            "out \"x\" = n0\nout \"w\" = n1\nout \"u\" = n2\nout \"\" = n3\n",
            leaves, text);
    NodeList root;
    const char **name;
    bool ok = graph_read(g, source_from_text(a, "test", all, strlen(all)), &root, &name);
    cr_assert(ok, "%s", text);
    static char out[4096];
    memset(out, 0, sizeof out);
    FILE *f = fmemopen(out, sizeof out - 1, "w");
    graph_print(f, g, root.at, name, 4);
    fclose(f);
    arena_free(a);
    char *body = strstr(out, " : ");
    cr_assert_not_null(body, "%s", out);
    body[strcspn(body, "\n")] = 0;
    return body + 3;
}

typedef struct Equation {
    const char *from, *to;
} Equation;

/* from becomes to; and to is what it becomes itself: simplifying is idempotent. */
static void check(int n, const Equation *e) {
    for (int k = 0; k < n; k++) {
        char *got = simplified(e[k].from);
        cr_expect_str_eq(got, e[k].to, "%s becomes %s, not %s", e[k].from, got, e[k].to);
        got = simplified(e[k].to);
        cr_expect_str_eq(got, e[k].to, "%s becomes %s", e[k].to, got);
    }
}
#define CHECK(...)                                                                                 \
    static const Equation e[] = {__VA_ARGS__};                                                     \
    check((int)(sizeof e / sizeof *e), e)

Test(expr, sums_take_one_form) {
    CHECK({"i0 + 0", "i0"}, {"i0 - i0", "0"}, {"i1 + i0", "i0 + i1"}, {"i0 + i0", "i0 * 2"},
            {"3 * (i0 + 2)", "(i0 * 3) + 6"}, {"(i0 + i1) - (i1 - 2)", "i0 + 2"},
            {"neg(i0 - i1)", "i1 - i0"}, {"5 - i0", "5 - i0"}, {"neg(i0)", "neg(i0)"},
            {"(i0 - 1) + 1", "i0"}, {"(i0 * i1) - (i0 * i1)", "0"}, {"i0 * 0", "0"},
            {"(i0 * -2) * 3", "i0 * -6"}, {"n1[i0] + (n1[i0] * 2)", "n1[i0] * 3"},
            {"2147483647 + 1", "-2147483648"}, {"abs(i0)", "i0"}, {"abs(neg(i0))", "i0"},
            {"max(i0, 4)", "4"}, {"min(i0, i0 + 3)", "i0"}, {"max(i0, i1)", "max(i0, i1)"});
}

Test(expr, quotients_and_remainders) {
    CHECK({"((4 * i0) + i1) // 4", "i0"}, {"((4 * i0) + i1) % 4", "i1"}, {"i1 // 4", "0"},
            {"i2 // 1", "i2"}, {"i2 % 1", "0"}, {"i2 // 0", "0"}, {"i2 % 0", "0"},
            {"(i2 // 2) // 3", "i2 // 6"}, {"(i2 % 6) % 3", "i2 % 3"},
            {"(i2 % 6) // 2", "(i2 // 2) % 3"}, {"((i2 // 5) * 5) + (i2 % 5)", "i2"},
            {"((2 * i2) + 1) // 4", "i2 // 2"}, {"((2 * i2) + 1) % 4", "((i2 % 2) * 2) + 1"},
            {"(i2 + 7) // 4", "((i2 + 3) // 4) + 1"}, {"(i2 + 8) % 4", "i2 % 4"},
            {"(i1 - 4) // 4", "-1"}, {"(i1 - 4) % 4", "i1"}, {"(12 * i0) % 6", "0"},
            {"((i2 // 4) + 3) // 2", "((i2 + 4) // 8) + 1"}, {"n1[i0] // 2", "n1[i0] // 2"},
            {"(n1[i0] * 2) // 2", "(n1[i0] * 2) // 2"}, {"(n2[i0] * 2) // 2", "n2[i0]"},
            {"((6 * i0) + i2) // 4", "((i0 * 6) + i2) // 4"});
}

Test(expr, tests_are_decided_by_ranges) {
    CHECK({"i0 < 5", "true"}, {"i0 < 0", "false"}, {"i0 >= 0", "true"}, {"i0 > 3", "3 < i0"},
            {"i0 == 7", "false"}, {"i0 != 7", "true"}, {"n2[i0] <= 255", "true"},
            {"n1[i0] <= 2147483647", "true"}, {"i3 >= 0", "true"}, {"(i0 * 2) == 3", "false"},
            {"i0 == i0", "true"}, {"n1[i0] == n1[i0]", "true"}, {"sign(n2[i0]) < 2", "true"});
}

Test(expr, tests_take_one_form) {
    CHECK({"(i0 - 1) < 0", "i0 < 1"}, {"(i0 - i1) >= 0", "i1 < (i0 + 1)"},
            {"(2 * i0) < 5", "i0 < 3"}, {"((2 * i0) + 1) == 5", "i0 == 2"},
            {"i1 == i0", "i0 == i1"}, {"not(i0 < i1)", "i1 < (i0 + 1)"},
            {"not(i0 == i1)", "i0 != i1"}, {"i0 >= (i1 + 2)", "(i1 + 1) < i0"},
            {"int(n0[i0] < 1.0) == 1", "n0[i0] < 1.0"},
            {"int(n0[i0] < 1.0) < 1", "not(n0[i0] < 1.0)"}, {"(i2 // 2) < 3", "i2 < 6"},
            {"(i2 // 2) >= 3", "5 < i2"}, {"((i2 // 2) // 2) <= 1", "i2 < 8"},
            {"n0[i0] > 1.0", "1.0 < n0[i0]"}, {"not(n0[i0] < 1.0)", "not(n0[i0] < 1.0)"},
            {"not(n0[i0] == 1.0)", "n0[i0] != 1.0"}, {"n0[i0] <= n0[i0]", "n0[i0] <= n0[i0]"},
            {"n0[i0] < n0[i0]", "false"}, {"(n1[i0] + 1) < n1[i0]", "(n1[i0] + 1) < n1[i0]"});
}

Test(expr, logic_is_of_sets) {
    CHECK({"(i0 < 3) and (i0 < 3)", "i0 < 3"}, {"(i0 < 3) and (i0 < 2)", "i0 < 2"},
            {"(i0 < 3) or (i0 < 2)", "i0 < 3"}, {"(i0 < 3) and (i0 > 3)", "false"},
            {"(i0 < 3) and (i0 > 1)", "i0 == 2"}, {"(i0 < 3) or (i0 > 2)", "true"},
            {"(i0 < 3) and not(i0 < 3)", "false"}, {"(i0 == 2) and (i0 < 3)", "i0 == 2"},
            {"(i0 == 2) and (i0 < 2)", "false"}, {"(i0 == 2) and (i0 == 3)", "false"},
            {"not(not(n0[i0] < 1.0))", "n0[i0] < 1.0"},
            {"(n0[i0] < 1.0) or not(n0[i0] < 1.0)", "true"});
    char *one = strdup(simplified("((i0 < 2) and (i1 < 3)) and (i2 < 7)"));
    cr_assert_str_eq(one, simplified("(i2 < 7) and ((i1 < 3) and (i0 < 2))"));
}

Test(expr, branches) {
    CHECK({"select(i0 < 5, 1.0, 2.0)", "1.0"}, {"select(i0 < 2, i1, i1)", "i1"},
            {"select(i0 < 2, n0[i0], 0.0)", "n0[i0 ? i0 < 2]"},
            {"select(i0 < 2, n0[i0 ? i0 < 2], 0.0)", "n0[i0 ? i0 < 2]"},
            {"select(i0 < 2, n0[i0], -0.0)", "select(i0 < 2, n0[i0], -0.0)"},
            {"n0[i0 ? i0 < 9]", "n0[i0]"}, {"n0[i0 ? i0 > 9]", "0.0"},
            {"select(i0 != 2, 1.0, 2.0)", "select(i0 == 2, 2.0, 1.0)"},
            {"select(i0 < 2, i0 < 1, false)", "i0 < 1"},
            {"select(i0 < 2, select(i0 < 2, i1, i2), 3)", "select(i0 < 2, i1, 3)"},
            {"select(i0 < 2, select(i1 == 1, i2, 3), 3)", "select((i1 == 1) and (i0 < 2), i2, 3)"});
}

Test(expr, reals_keep_every_bit) {
    CHECK({"n0[i0] * 1", "n0[i0]"}, {"n0[i0] / 1", "n0[i0]"}, {"n0[i0] - 0.0", "n0[i0]"},
            {"n0[i0] + 0.0", "n0[i0] + 0.0"}, {"n0[i0] + -0.0", "n0[i0]"},
            {"n0[i0] * 0.0", "n0[i0] * 0.0"}, {"n0[i0] - n0[i0]", "n0[i0] - n0[i0]"},
            {"neg(neg(n0[i0]))", "n0[i0]"}, {"pow(n0[i0], 2)", "n0[i0] * n0[i0]"},
            {"max(n0[i0], n0[i0])", "n0[i0]"}, {"max(n0[i0], 0)", "max(n0[i0], 0.0)"},
            {"n0[i0] + neg(n0[1])", "n0[i0] - n0[1]"}, {"1 / 4", "0.25"}, {"real(3)", "3.0"},
            {"int(real(i0))", "i0"}, {"int(real(n1[i0]))", "int(real(n1[i0]))"},
            {"(n0[i0] + n0[1]) * (n0[1] + n0[i0])", "e0 * e0 with e0 = n0[i0] + n0[1]"});
}

/* ---- random expressions ---------------------------------------------------------------- */

enum { NVARS = 3, TABLE = 6 };
static const int64_t fuzz_extent[NVARS] = {3, 5, 7};
static const double table[TABLE] = {0, 3, -2, 7, 2000000001, -2147483648.0};

typedef struct Tree Tree;
struct Tree {
    enum { CONSTANT, VARIABLE, LOAD, APPLY } kind;
    Op op;
    Tree *arg[3];
    DType dtype;
    int32_t value;
};

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static const Op int_ops[] = {OP_add, OP_sub, OP_mul, OP_idiv, OP_imod, OP_neg, OP_abs, OP_sign,
        OP_max, OP_min, OP_select, OP_int};
static const Op bool_ops[] = {OP_lt, OP_le, OP_gt, OP_ge, OP_eq, OP_ne, OP_and, OP_or, OP_not};

static Tree *grow(Arena *a, uint32_t *s, DType dtype, int depth) {
    Tree *t = NEW(a, Tree);
    t->dtype = dtype;
    if (dtype == T_I32 && (depth == 0 || next_random(s) % 5 == 0)) {
        static const int32_t odd[] = {
                0, 1, 2, 3, 4, -1, -2, 5, 6, 12, -7, 1 << 30, INT32_MAX, INT32_MIN};
        uint32_t which = next_random(s) % 10;
        t->kind = which < 4 ? CONSTANT : which < 8 ? VARIABLE : LOAD;
        t->value = t->kind == CONSTANT ? odd[next_random(s) % (next_random(s) % 8 ? 11 : 14)]
                                       : (int32_t)(next_random(s) % NVARS);
        if (t->kind == LOAD) t->arg[0] = grow(a, s, T_I32, depth > 0 ? depth - 1 : 0);
        return t;
    }
    t->kind = APPLY;
    t->op = dtype == T_I32 ? int_ops[next_random(s) % 12] : bool_ops[next_random(s) % 9];
    OpType type = op_info[t->op].type;
    for (int k = 0; k < op_info[t->op].arity; k++) {
        bool test = type == OT_LOGIC || (type == OT_BRANCH && k == 0) || type == OT_TOINT;
        int below = depth > 0 ? depth - 1 : 0;
        if (test && depth == 0) t->op = OP_lt, test = false;
        t->arg[k] = grow(a, s, test ? T_BOOL : T_I32, below);
    }
    return t;
}

static int32_t naive(const Tree *t, const int32_t *var) {
    int32_t v[3] = {0};
    if (t->kind == CONSTANT) return t->value;
    if (t->kind == VARIABLE) return var[t->value];
    if (t->kind == LOAD) {
        int32_t at = naive(t->arg[0], var);
        return at >= 0 && at < TABLE ? (int32_t)table[at] : 0;
    }
    for (int k = 0; k < op_info[t->op].arity; k++) v[k] = naive(t->arg[k], var);
    return op_integer(t->op, v[0], v[1], v[2]);
}

static Expr *built(Graph *g, Node *data, const Tree *t) {
    Expr *arg[3];
    if (t->kind == CONSTANT) return ex_int(g, t->value);
    if (t->kind == VARIABLE) return ex_var(g, t->value, fuzz_extent[t->value]);
    for (int k = 0; k < 3; k++) arg[k] = t->arg[k] ? built(g, data, t->arg[k]) : NULL;
    if (t->kind == LOAD) return ex_load(g, data, arg, ex_in_range(g, arg[0], TABLE));
    return ex_op(g, t->op, arg);
}

static int32_t value_of(const Expr *e, const int32_t *var) {
    int32_t v[3] = {0};
    if (e->kind == E_CONST) return (int32_t)e->value;
    if (e->kind == E_VAR) return var[e->var];
    if (e->kind == E_LOAD) {
        if (e->guard && !value_of(e->guard, var)) return 0;
        int32_t at = value_of(e->arg[0], var);
        cr_assert(at >= 0 && at < TABLE, "a load out of bounds");
        return (int32_t)table[at];
    }
    for (int k = 0; k < e->narg; k++) v[k] = value_of(e->arg[k], var);
    return op_integer(e->op, v[0], v[1], v[2]);
}

/* The sum that the expression claims to be has its value, and the range holds it. */
static void check_claims(const Expr *e, const int32_t *var, int32_t value) {
    cr_assert(value >= e->lo && value <= e->hi, "%d is not in [%lld, %lld]", value,
            (long long)e->lo, (long long)e->hi);
    Affine a;
    if (!ex_affine(e, &a)) return;
    int32_t sum = (int32_t)a.c0;
    for (int k = 0; k < a.n; k++) {
        int32_t atom = value_of(a.term[k].atom, var);
        sum = op_integer(OP_add, sum, op_integer(OP_mul, atom, (int32_t)a.term[k].c, 0), 0);
    }
    cr_assert_eq(sum, value);
}

Test(expr, random_expressions_keep_their_values) {
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        Arena *a = arena_new();
        Graph *g = graph_new(a);
        Node *data = node_leaf(g, L_INPUT, T_I32, 1, (int64_t[]){TABLE}, "table", here);
        Tree *t = grow(a, &seed, round % 2 ? T_I32 : T_BOOL, 1 + round % 5);
        Expr *e = built(g, data, t);
        int32_t v[NVARS];
        for (v[0] = 0; v[0] < fuzz_extent[0]; v[0]++)
            for (v[1] = 0; v[1] < fuzz_extent[1]; v[1]++)
                for (v[2] = 0; v[2] < fuzz_extent[2]; v[2]++) {
                    int32_t want = naive(t, v), got = value_of(e, v);
                    cr_assert_eq(want, got, "round %d: %d instead of %d", round, got, want);
                    check_claims(e, v, got);
                }
        arena_free(a);
    }
}

/* ---- random reals: every bit, for every special value ---------------------------------- */

enum { NREALS = 3 };
static const double special[] = {0, -0.0, 1, -1.5, INFINITY, -INFINITY, NAN, 1e-310};
enum { NSPECIAL = sizeof special / sizeof *special };

static double naive_real(const Tree *t, const double *v) {
    double x[3] = {0};
    if (t->kind == CONSTANT) return special[t->value];
    if (t->kind == VARIABLE) return v[t->value];
    for (int k = 0; k < op_info[t->op].arity; k++) x[k] = naive_real(t->arg[k], v);
    if (op_info[t->op].real) return op_real(t->op, x[0], x[1], x[2]);
    return op_integer(t->op, (int32_t)x[0], (int32_t)x[1], 0);
}

static Tree *grow_real(Arena *a, uint32_t *s, DType dtype, int depth) {
    static const Op real[] = {
            OP_add, OP_sub, OP_mul, OP_div, OP_neg, OP_abs, OP_max, OP_min, OP_select, OP_select};
    static const Op test[] = {OP_lt, OP_le, OP_gt, OP_ge, OP_eq, OP_ne, OP_and, OP_or, OP_not};
    Tree *t = NEW(a, Tree);
    t->dtype = dtype;
    if (dtype == T_F32 && (depth == 0 || next_random(s) % 5 == 0)) {
        t->kind = next_random(s) % 3 ? VARIABLE : CONSTANT;
        t->value = (int32_t)(next_random(s) % (t->kind == VARIABLE ? NREALS : NSPECIAL));
        return t;
    }
    t->kind = APPLY;
    t->op = dtype == T_F32 ? real[next_random(s) % 10] : test[next_random(s) % (depth ? 9 : 6)];
    OpType type = op_info[t->op].type;
    for (int k = 0; k < op_info[t->op].arity; k++) {
        bool is_test = type == OT_LOGIC || (type == OT_BRANCH && k == 0);
        t->arg[k] = grow_real(a, s, is_test ? T_BOOL : T_F32, depth > 0 ? depth - 1 : 0);
    }
    return t;
}

static Expr *built_real(Graph *g, Expr *const *var, const Tree *t) {
    Expr *arg[3];
    if (t->kind == CONSTANT) return ex_real(g, special[t->value]);
    if (t->kind == VARIABLE) return var[t->value];
    for (int k = 0; k < op_info[t->op].arity; k++) arg[k] = built_real(g, var, t->arg[k]);
    return ex_op(g, t->op, arg);
}

/* Variable k is an element of leaf k. */
static double value_of_real(const Expr *e, const double *v) {
    double x[3] = {0};
    if (e->kind == E_CONST) return e->value;
    if (e->kind == E_LOAD) {
        bool absent = e->guard && value_of_real(e->guard, v) == 0;
        return absent ? 0 : v[e->node->name[0] - 'a'];
    }
    for (int k = 0; k < e->narg; k++) x[k] = value_of_real(e->arg[k], v);
    if (op_info[e->op].real) return op_real(e->op, x[0], x[1], x[2]);
    return op_integer(e->op, (int32_t)x[0], (int32_t)x[1], 0);
}

Test(expr, random_reals_keep_every_bit) {
    uint32_t seed = 7;
    for (int round = 0; round < 5000; round++) {
        Arena *a = arena_new();
        Graph *g = graph_new(a);
        static const char *const name[NREALS] = {"a", "b", "c"};
        Expr *var[NREALS];
        for (int k = 0; k < NREALS; k++)
            var[k] = ex_load(g, node_leaf(g, L_INPUT, T_F32, 0, NULL, name[k], here), NULL, NULL);
        Tree *t = grow_real(a, &seed, round % 4 ? T_F32 : T_BOOL, 1 + round % 4);
        Expr *e = built_real(g, var, t);
        for (int at = 0; at < NSPECIAL * NSPECIAL * NSPECIAL; at++) {
            double v[NREALS] = {special[at % NSPECIAL], special[at / NSPECIAL % NSPECIAL],
                    special[at / NSPECIAL / NSPECIAL]};
            double want = naive_real(t, v), got = value_of_real(e, v);
            bool alike = want == got ? signbit(want) == signbit(got) : want != want && got != got;
            cr_assert(alike, "round %d: %g instead of %g at %g, %g, %g", round, got, want, v[0],
                    v[1], v[2]);
        }
        arena_free(a);
    }
}

Test(expr, substitution_is_linear_in_the_dag) {
    Arena *a = arena_new();
    Graph *g = graph_new(a);
    Node *x = node_leaf(g, L_INPUT, T_F32, 1, extent, "x", here);
    Expr *i = ex_var(g, 0, 5), *e = ex_load(g, x, &i, NULL);
    for (int k = 0; k < 64; k++) e = ex_op2(g, OP_mul, e, e);
    Expr *to[MAX_VARS] = {ex_var(g, 1, 5)};
    Expr *moved = ex_subst(g, e, to);
    cr_assert_eq(moved->vars, 2u);
    to[0] = NULL;
    to[1] = i;
    cr_assert_eq(ex_subst(g, moved, to), e);
    arena_free(a);
}
