/* test_meaning.c - what the language's constructs mean, in numbers worked out by hand.
 *
 * Each case is the body of a model over x: f32[batch, 4] of two rows, 1 2 3 4 and 5 6 7 8;
 * its output y must have the given elements. Further down, the paths of parameters. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/model.h"

static Model *lower_text(Arena *a, const char *text) {
    diag_reset();
    Ast *program = ast_parse(a, source_from_text(a, "meaning.dl", text, strlen(text)));
    cr_assert(diag_errors() == 0, "%s", text);
    ast_check(program);
    Model *m = lower(a, ast_load_std(a), program, "meaning.dl", &(LowerOptions){.batch = 4});
    cr_assert(m && diag_errors() == 0, "%s", text);
    return m;
}

typedef struct Meaning {
    const char *name, *body;
    int n;
    double want[12];
} Meaning;

static const Meaning meanings[] = {
        {"a fold takes the product, not the sum", "y[n] = sum(k) x[n, k] * 2 + 100", 2, {120, 152}},
        {"a fold takes a quotient", "y[n] = sum(k) x[n, k] / 2 - 1", 2, {4, 12}},
        {"floor division", "a = [7, -7, 7, -7]\n b = [2, 2, -2, -2]\n y = a // b + 0 * x[:, 0:1]",
                8, {3, -4, -4, 3, 3, -4, -4, 3}},
        {"the remainder has the divisor's sign",
                "a = [7, -7, 7, -7]\n b = [2, 2, -2, -2]\n y[n, i] = a[i] % b[i] + 0 * x[n, i]", 8,
                {1, 1, -1, -1, 1, 1, -1, -1}},
        {"real division of integers", "y = 7 / 2 + 0 * x[:, 0]", 2, {3.5, 3.5}},
        {"int is towards zero", "y = int(0.5 - x[:, 0:2])", 4, {0, -1, -4, -5}},
        {"windows end with the axis", "y[n, i] = sum(p in 0..2) x[n, 2 * i + p]", 4,
                {3, 7, 11, 15}},
        {"a compound index that runs backwards", "y[n, i] = x[n, 3 - i]", 8,
                {4, 3, 2, 1, 8, 7, 6, 5}},
        {"quotient and remainder", "z[n, i] = x[n, i // 2]\n y = z[:, 4:]", 8,
                {3, 3, 4, 4, 7, 7, 8, 8}},
        {"a load with a default", "y[n, i in 0..3] = x[n, 2 * i - 1] else -1", 6,
                {-1, 2, 4, -1, 6, 8}},
        {"loads in branches are guarded",
                "y[n, i in 0..6] = if i < 4 then x[n, i] else 10 * x[n, i - 4]", 12,
                {1, 2, 3, 4, 10, 20, 5, 6, 7, 8, 50, 60}},
        {"what a fold leaves out", "y[n] = max(i) if i % 2 == 0 then x[n, i]", 2, {3, 7}},
        {"nothing left: a product is 1", "y[n] = prod(i) if i > 9 then x[n, i]", 2, {1, 1}},
        {"the first of equals", "z[n, i] = (x[n, i] - 1) // 2\n y[n] = argmax(i) z[n, i]", 2,
                {2, 2}},
        {"the place of the least", "y[n] = argmin(i) abs(x[n, i] - 6)", 2, {3, 1}},
        {"several variables count row-major", "y[n] = argmax(i, j) x[n, i] * (3 - x[n, j])", 2,
                {12, 0}},
        {"max of two things", "y = max(x[:, 0], 3) - 1", 2, {2, 4}},
        {"or, and, not", "y = if x[:, 0] > 2 and not x[:, 1] > 7 or x[:, 3] == 4 then 1 else 0", 2,
                {1, 1}},
        {"power is right-associative and before the sign", "y = -2 ** 3 ** 1 + 0 * x[:, 0]", 2,
                {-8, -8}},
        {"a pipe is the last", "y = x[:, 0] + 1 |> abs |> max(3)", 2, {3, 6}},
        {"matrix products", "y = x @ [[1, 0], [0, 1], [1, 0], [0, 1]]", 4, {4, 6, 12, 14}},
        {"a vector before a matrix", "w = [[1, 2], [3, 4]]\n y = ([1, 1] @ w) + 0 * x[:, 0:1]", 4,
                {4, 6, 4, 6}},
        {"negative subscripts", "y = x[:, -2] * 10 + x[:, -3:][:, 0]", 2, {32, 76}},
        {"ellipsis as a fold", "s = sum(...) x[...]\n y = s + 0 * x[:, 0]", 2, {36, 36}},
        {"a mean over the batch divides by its rows", "y = mean(x) + 0 * x[:, 0]", 2, {4.5, 4.5}},
        {"batch is the number of rows", "y = batch * x[:, 0]", 2, {2, 10}},
        {"a former self", "x[n, i] = x[n, 3 - i] * 2\n x[n, i] = x[n, i] + 1\n y = x[:, 0:2]", 4,
                {9, 7, 17, 15}},
        {"unrolled loops bind again", "y = x[:, 0]\n for i in 1..4 { y = y * i }", 2, {6, 30}},
        {"compile-time branches", "if extent(x, -1) == 4 { y = x[:, 0] } else { y = nowhere }", 2,
                {1, 5}},
        {"a scan's last value", "scan t in 4 with y = zeros(batch) { y = 2 * y + x[:, t] }", 2,
                {26, 86}},
        {"a scan backwards, all of it",
                "scan t in 4 reversed with s = zeros(batch) { s = s + x[:, t] }\n y = all s", 8,
                {10, 9, 7, 4, 26, 21, 15, 8}},
        {"a scan with two values",
                "scan t in 3 with y = ones(batch), b = zeros(batch) { c = y\n y = y + b\n b = c }",
                2, {3, 3}},
        {"nested scans",
                "scan t in 2 with y = zeros(batch) {\n"
                "  scan s in 2 with z = y { z = z + x[:, 2 * t + s] }\n  y = z * 2\n }",
                2, {26, 74}},
        {"an embedding", "w = [[1, 2], [3, 4]]\n i = int(x) % 2\n y[n, d] = w[i[n, 0], d]", 4,
                {3, 4, 3, 4}},
        {"a gradient", "y = grad(x * x * x, x)[:, 0:2]", 4, {3, 12, 75, 108}},
        {"a gradient's gradient", "g = grad(x * x * x, x)\n y = grad(g, x)[:, 0]", 2, {6, 30}},
        {"a stopped gradient", "y = grad(x * stop_gradient(x), x)[:, 0]", 2, {1, 5}},
        {"a gradient by a name", "z = x * x\n y = grad(z * z, z)[:, 1]", 2, {8, 72}},
        {"reshape", "y = reshape(x, batch, 2, 2)[:, 1]", 4, {3, 4, 7, 8}},
        {"softmax of equals", "y = softmax(0 * x)[:, 0]", 2, {0.25, 0.25}},
        {"the sigma of a function on elements", "y[n] = sum(i) relu(x[n, i] - 3)", 2, {1, 14}},
};

enum { MEANINGS = sizeof meanings / sizeof *meanings };

/* By number: a parameter is copied to another process, where pointers mean nothing. */
ParameterizedTestParameters(meaning, numbers) {
    static int number[MEANINGS];
    for (int i = 0; i < MEANINGS; i++) number[i] = i;
    return cr_make_param_array(int, number, MEANINGS);
}

ParameterizedTest(int *number, meaning, numbers) {
    const Meaning *c = &meanings[*number];
    const double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    Arena *a = arena_new();
    Model *m =
            lower_text(a, arena_printf(a,
                                  "model m {\n input x: f32[batch, 4]\n first = x\n %s\n output y\n"
                                  " output used = first\n}\n",
                                  c->body));
    Eval *e = eval_new(m->graph, 2, 1, 0);
    eval_bind(e, m->input.at[0].node, x);
    Node *y = m->entry.at[0].output.at[0].node;
    const double *got = eval_node(e, y);
    cr_assert(got != NULL, "%s: %s", c->name, eval_error(e));
    cr_assert_eq(node_elements(y, 2), c->n, "%s: %lld elements", c->name,
            (long long)node_elements(y, 2));
    for (int i = 0; i < c->n; i++)
        cr_expect(fabs(got[i] - c->want[i]) < 1e-12, "%s: element %d is %g and should be %g",
                c->name, i, got[i], c->want[i]);
    eval_free(e);
    arena_free(a);
}

/* ---- paths ---------------------------------------------------------------------------- */

static void expect_paths(const char *text, const char *paths) {
    Arena *a = arena_new();
    Model *m = lower_text(a, text);
    char got[1024] = "";
    for (int i = 0; i < m->param.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s%s", i > 0 ? " " : "",
                m->param.at[i]->path, m->param.at[i]->trained ? "" : "(frozen)");
    cr_expect_str_eq(got, paths);
    arena_free(a);
}

Test(meaning, paths_are_numbered_from_the_second_on) {
    expect_paths("model m {\n input x: f32[batch, 4]\n output y = x |> dense(3) |> dense(2) |> "
                 "dense(1, bias: false)\n}\n",
            "dense.w dense.b dense_1.w dense_1.b dense_2.w");
}

Test(meaning, bound_names_and_shared_weights) {
    expect_paths("model m {\n input x: f32[batch, 4]\n d = dense(4)\n output y = x |> d |> d\n}\n",
            "d.w d.b");
}

Test(meaning, paths_of_nested_layers_and_loops) {
    expect_paths("layer block(x, n: int) {\n first = dense(n)\n return x |> first |> dense(n)\n}\n"
                 "model m {\n input x: f32[batch, 4]\n y = x\n"
                 " for i in 0..2 { y = y |> block(4) }\n output y\n}\n",
            "block.0.first.w block.0.first.b block.0.dense.w block.0.dense.b "
            "block.1.first.w block.1.first.b block.1.dense.w block.1.dense.b");
}

Test(meaning, frozen_by_pattern) {
    expect_paths("model m {\n input x: f32[batch, 4]\n target t: f32[batch, 2]\n"
                 " y = x |> dense(3) |> dense(2)\n freeze \"dense\"\n output y\n"
                 " loss mean_squared_error(y, t)\n}\n",
            "dense.w(frozen) dense.b(frozen) dense_1.w dense_1.b");
}
