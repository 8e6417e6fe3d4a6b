/* Activations and losses far out: values and gradients stay finite, where a text as on paper would
 * give infinity minus infinity or 0 times infinity. In double precision a square overflows at 1e154
 * and exp at 710, as in single precision at 1e19 and 88. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/grad.h"
#include "../../compiler/model.h"

enum { ROWS = 13 };
static const double far_out[ROWS] = {
        0, 1, -1, 30, -30, 1e3, -1e3, 1e10, -1e10, 1e100, -1e100, 1e150, -1e150};

static Model *model_of(Arena *a, const char *text) {
    diag_reset();
    Ast *program = ast_parse(a, source_from_text(a, "far.dl", text, strlen(text)));
    cr_assert_eq(diag_errors(), 0, "%s", text);
    Model *m = lower(a, ast_load_std(a), program, "far.dl", &(LowerOptions){0});
    cr_assert_not_null(m, "%s", text);
    return m;
}

static void expect_finite(Eval *e, Node *n, const char *what) {
    const double *v = eval_node(e, n);
    cr_assert_not_null(v, "%s: %s", what, eval_error(e));
    for (int64_t i = 0; i < node_elements(n, ROWS); i++)
        cr_expect(isfinite(v[i]), "%s: element %lld is %g", what, (long long)i, v[i]);
}

/* The text has an input x and a loss; kind and yes are targets. */
static void expect_finite_loss(const char *what, const char *text, const double *x) {
    static const double kind[ROWS] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
    Arena *a = arena_new();
    Model *m = model_of(a, text);
    Eval *e = eval_new(m->graph, ROWS, 1, 0);
    Node *gradient;
    eval_bind(e, m->input.at[0].node, x);
    for (int i = 0; i < m->target.n; i++) eval_bind(e, m->target.at[i].node, kind);
    expect_finite(e, m->loss, what);
    cr_assert(grad(m->graph, m->loss, &m->input.at[0].node, 1, &gradient) && gradient);
    expect_finite(e, gradient, what);
    eval_free(e);
    arena_free(a);
}

Test(large_arguments, activations) {
    static const char *const name[] = {"relu(x)", "relu(x, 0.1, 2, 0.5)", "relu6(x)",
            "leaky_relu(x)", "elu(x)", "celu(x, 0.1)", "selu(x)", "sparse_plus(x)", "squareplus(x)",
            "softsign(x)", "hard_tanh(x)", "hard_sigmoid(x)", "sparse_sigmoid(x)", "log_sigmoid(x)",
            "silu(x)", "hard_silu(x)", "mish(x)", "gelu(x)", "gelu(x, approximate: true)",
            "hard_shrink(x)", "soft_shrink(x)", "tanh_shrink(x)", "sigmoid(x)", "tanh(x)",
            "softplus(x)", "threshold(x, 1, 2)"};
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        char text[200];
        snprintf(text, sizeof text,
                "model m {\n    input x: f32[batch]\n    y = %s\n    output y\n    loss sum(n) y[n] / "
                "1e10\n}\n",
                name[k]);
        expect_finite_loss(name[k], text, far_out);
    }
}

Test(large_arguments, over_an_axis) {
    static const char *const name[] = {"softmax(x)", "log_softmax(x)", "sparsemax(x)", "glu(x)"};
    double x[ROWS * 4];
    for (int i = 0; i < ROWS * 4; i++) x[i] = far_out[(i * 5) % ROWS];
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        char text[200];
        snprintf(text, sizeof text,
                "model m {\n    input x: f32[batch, 4]\n    y = %s\n    output y\n    loss mean(y[:, "
                "0])\n}\n",
                name[k]);
        expect_finite_loss(name[k], text, x);
    }
}

Test(large_arguments, losses) {
    static const char *const name[] = {"cross_entropy(x, kind)",
            "cross_entropy(x, kind, label_smoothing: 0.1)", "categorical_focal_cross_entropy(x, kind)",
            "categorical_generalized_cross_entropy(x, kind, 0.5)",
            "cross_entropy(softmax(x), kind, from_logits: false)",
            "binary_cross_entropy(x[:, 0], kind % 2)", "binary_focal_cross_entropy(x[:, 0], kind % 2)",
            "binary_crossentropy(sigmoid(x[:, 0]), kind % 2)", "log_cosh(x[:, 0], kind)",
            "huber(x[:, 0], kind)", "hinge(x[:, 0], kind % 2)", "categorical_hinge(x, kind)",
            "kl_divergence(softmax(x), softmax(0.5 * x))", "cosine_similarity(x, 0 * x)",
            "dice(sigmoid(x), 0 * x)", "poisson(softplus(x[:, 0]), kind)",
            "contrastive(x, x, kind % 2)", "triplet(x, x, x)", "circle(unit_vectors(x), kind)",
            "ctc(reshape(x, batch, 2, 2), reshape(1 + 0 * kind, batch, 1))"};
    double x[ROWS * 4];
    for (int i = 0; i < ROWS * 4; i++) x[i] = far_out[(i * 5) % 9];
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        char text[240];
        snprintf(text, sizeof text,
                "model m {\n    input x: f32[batch, 4]\n    target kind: i32[batch]\n    output y = x "
                "+ 1\n    loss %s\n}\n",
                name[k]);
        expect_finite_loss(name[k], text, x);
    }
}
