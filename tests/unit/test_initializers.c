/* test_initializers.c - the library's initial values: bounds, moments and orthogonality of
 * what the interpreter draws, and that no two parameters share their numbers. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/model.h"

static Model *model_of(Arena *a, const char *text) {
    diag_reset();
    Ast *program = ast_parse(a, source_from_text(a, "initial.dl", text, strlen(text)));
    cr_assert_eq(diag_errors(), 0);
    Model *m = lower(a, ast_load_std(a), program, "initial.dl", &(LowerOptions){0});
    cr_assert_not_null(m);
    return m;
}

static Var *var_named(const Model *m, const char *path) {
    for (int i = 0; i < m->param.n; i++)
        if (strcmp(m->param.at[i]->path, path) == 0) return m->param.at[i];
    cr_assert_fail("there is no parameter %s", path);
    return NULL;
}

static const double *values(Eval *e, const Var *v) {
    const double *value = eval_node(e, v->init);
    cr_assert_not_null(value, "%s: %s", v->path, eval_error(e));
    return value;
}

/* ---- distributions ------------------------------------------------------------------------ */

typedef struct Moments {
    double mean, deviation, least, greatest;
} Moments;

static Moments moments(Eval *e, const Var *v) {
    const double *x = values(e, v);
    int64_t n = node_elements(v->leaf, 1);
    Moments m = {0, 0, x[0], x[0]};
    for (int64_t i = 0; i < n; i++) {
        m.mean += x[i] / (double)n;
        m.least = fmin(m.least, x[i]);
        m.greatest = fmax(m.greatest, x[i]);
    }
    for (int64_t i = 0; i < n; i++) m.deviation += (x[i] - m.mean) * (x[i] - m.mean) / (double)n;
    m.deviation = sqrt(m.deviation);
    return m;
}

/* Within four standard errors of the mean, 5 % of the deviation, and inside of +-limit. */
static void expect_moments(Eval *e, const Var *v, double mean, double deviation, double limit) {
    Moments m = moments(e, v);
    double n = (double)node_elements(v->leaf, 1);
    cr_expect(fabs(m.mean - mean) <= 4 * deviation / sqrt(n), "%s: mean %g", v->path, m.mean);
    cr_expect(fabs(m.deviation - deviation) <= 0.05 * deviation,
            "%s: standard deviation %g, not %g", v->path, m.deviation, deviation);
    cr_expect(m.least >= mean - limit && m.greatest <= mean + limit, "%s: %g to %g", v->path,
            m.least, m.greatest);
    cr_expect(m.greatest > mean + 0.8 * fmin(limit, 3 * deviation), "%s: greatest %g", v->path,
            m.greatest);
}

Test(initializers, distributions) {
    static const char text[] =
            "model m {\n"
            "    input x: f32[batch, 60]\n"
            "    param a: f32[60, 40] = glorot_uniform()\n"
            "    param b: f32[60, 40] = glorot_normal()\n"
            "    param c: f32[60, 40] = he_uniform()\n"
            "    param d: f32[60, 40] = he_normal()\n"
            "    param e: f32[3, 5, 8, 20] = glorot_uniform()\n"
            "    param f: f32[60, 40] = random_normal(mean: 2, stddev: 0.5)\n"
            "    param g: f32[60, 40] = random_uniform()\n"
            "    param h: f32[60, 40] = truncated_normal(stddev: 3)\n"
            "    param i: f32[60, 40] = glorot_uniform()\n"
            "    param j: f32[60, 40] = constant(0.25)\n"
            "    output y = x @ (a + b + c + d + f + g + h + i + j) + e[0, 0, 0, 0]\n"
            "}\n";
    const double cut = 0.87962566103423978; /* deviation of a normal cut at two */
    Arena *a = arena_new();
    Model *m = model_of(a, text);
    Eval *e = eval_new(m->graph, 1, 11, 0);
    double l = sqrt(6.0 / 100), s = sqrt(2.0 / 100);
    expect_moments(e, var_named(m, "a"), 0, l / sqrt(3), l);
    expect_moments(e, var_named(m, "b"), 0, s, 2 * s / cut);
    expect_moments(e, var_named(m, "c"), 0, sqrt(2.0 / 60), sqrt(6.0 / 60));
    expect_moments(e, var_named(m, "d"), 0, sqrt(2.0 / 60), 2 * sqrt(2.0 / 60) / cut);
    l = sqrt(6.0 / (3 * 5 * 8 + 3 * 5 * 20));
    expect_moments(e, var_named(m, "e"), 0, l / sqrt(3), l);
    expect_moments(e, var_named(m, "f"), 2, 0.5, 10);
    expect_moments(e, var_named(m, "g"), 0, 0.05 / sqrt(3), 0.05);
    expect_moments(e, var_named(m, "h"), 0, 3 * cut, 6);
    Moments j = moments(e, var_named(m, "j"));
    cr_expect(j.least == 0.25 && j.greatest == 0.25);
    const double *first = values(e, var_named(m, "a")), *other = values(e, var_named(m, "i"));
    int equal = 0;
    for (int k = 0; k < 60 * 40; k++) equal += first[k] == other[k];
    cr_expect_leq(equal, 1, "two parameters share %d numbers", equal);
    eval_free(e);
    arena_free(a);
}

Test(initializers, variance_scaling) {
    static const char text[] =
            "model m {\n"
            "    input x: f32[batch, 60]\n"
            "    param a: f32[60, 40] = variance_scaling()\n"
            "    param b: f32[60, 40] = variance_scaling(2, mode: fan_out, distribution: uniform)\n"
            "    param c: f32[60, 40] = variance_scaling(mode: fan_avg,\n"
            "                                            distribution: untruncated_normal)\n"
            "    param d: f32[3, 5, 8, 20] = variance_scaling(0.5, fan_out, normal)\n"
            "    param e: f32[2400] = variance_scaling(2400, distribution: uniform)\n"
            "    output y = x @ (a + b + c) + d[0, 0, 0, 0] + e[0]\n"
            "}\n";
    const double cut = 0.87962566103423978;
    Arena *a = arena_new();
    Model *m = model_of(a, text);
    Eval *e = eval_new(m->graph, 1, 12, 0);
    expect_moments(e, var_named(m, "a"), 0, sqrt(1.0 / 60), 2 * sqrt(1.0 / 60) / cut);
    expect_moments(e, var_named(m, "b"), 0, sqrt(2.0 / 40), sqrt(6.0 / 40));
    expect_moments(e, var_named(m, "c"), 0, sqrt(1.0 / 50), 1);
    double s = sqrt(0.5 / (3 * 5 * 20));
    expect_moments(e, var_named(m, "d"), 0, s, 2 * s / cut);
    expect_moments(e, var_named(m, "e"), 0, 1, sqrt(3.0));
    eval_free(e);
    arena_free(a);
}

/* ---- orthogonal -------------------------------------------------------------------- */

/* The values as a matrix of all axes but the last by the last; rows or columns, whichever
 * are fewer, must be orthogonal with squared length `square`. */
static void expect_orthogonal(Eval *e, const Var *v, double square) {
    const double *q = values(e, v);
    int64_t cols = v->leaf->dim[v->leaf->rank - 1], rows = node_elements(v->leaf, 1) / cols;
    int64_t few = rows < cols ? rows : cols, many = rows < cols ? cols : rows;
    int64_t next = rows < cols ? cols : 1, along = rows < cols ? 1 : cols;
    for (int64_t i = 0; i < few; i++)
        for (int64_t j = 0; j < few; j++) {
            double dot = 0;
            for (int64_t k = 0; k < many; k++)
                dot += q[i * next + k * along] * q[j * next + k * along];
            cr_expect(fabs(dot - (i == j ? square : 0)) < 1e-12, "%s: %lld by %lld is %g", v->path,
                    (long long)i, (long long)j, dot);
        }
}

Test(initializers, orthogonal) {
    static const char text[] = "model m {\n"
                               "    input x: f32[batch, 4]\n"
                               "    param a: f32[4, 3] = orthogonal()\n"
                               "    param b: f32[3, 4] = orthogonal()\n"
                               "    param c: f32[5, 5] = orthogonal(gain: 2)\n"
                               "    param d: f32[2, 2, 3, 4] = orthogonal()\n"
                               "    param e: f32[1, 7] = orthogonal()\n"
                               "    param f: f32[2, 3, 20] = orthogonal()\n"
                               "    output y = x @ a + c[0, 0] + e[0, 0] + f[0, 0, 0] +\n"
                               "               b[0, 0] + d[0, 0, 0, 0]\n"
                               "}\n";
    Arena *a = arena_new();
    Model *m = model_of(a, text);
    Eval *e = eval_new(m->graph, 1, 5, 0);
    expect_orthogonal(e, var_named(m, "a"), 1);
    expect_orthogonal(e, var_named(m, "b"), 1);
    expect_orthogonal(e, var_named(m, "c"), 4);
    expect_orthogonal(e, var_named(m, "d"), 1);
    expect_orthogonal(e, var_named(m, "e"), 1);
    expect_orthogonal(e, var_named(m, "f"), 1);
    eval_free(e);
    arena_free(a);
}
