/* test_lower_layers.c - layers and functions: arguments, patterns, paths, sharing, initial
 * values, states. */
#include "lower_text.h"

static void expect_paths(const char *text, int n, const char *const *path) {
    Model *m = model_of(text);
    cr_assert_eq(m->param.n, n, "%d parameters, not %d", m->param.n, n);
    for (int k = 0; k < n; k++) cr_assert_str_eq(m->param.at[k]->path, path[k]);
    arena_free(arena);
}

#define PATHS(...)                                                                                 \
    (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]) {              \
        __VA_ARGS__                                                                                \
    }

Test(lower_layers, paths_are_layer_names_numbered_from_the_second) {
    expect_paths("model m {\n input x: f32[batch, 2]\n y = x |> dense(2, bias: false) |> dense(3, "
                 "bias: false)\n"
                 "param w: f32[3] = ones()\n output z = y * w\n}\n",
            PATHS("dense.w", "dense_1.w", "w"));
}

Test(lower_layers, paths_have_bound_names_and_loop_indices) {
    expect_paths("layer block(x: f32[..., n]) {\n mix = dense(n, bias: false)\n return x |> mix |> "
                 "dense(n, bias: false)\n}\n"
                 "model m {\n input x: f32[batch, 2]\n for i in 0..2 { x = x |> block() }\n"
                 "head = dense(1, bias: false)\n output y = x |> head\n}\n",
            PATHS("block.0.mix.w", "block.0.dense.w", "block.1.mix.w", "block.1.dense.w",
                    "head.w"));
}

Test(lower_layers, an_instance_applied_twice_shares) {
    Model *m = model_of(
            "model m {\n input x: f32[batch, 2]\n e = dense(2)\n output y = x |> e |> e\n}\n");
    cr_assert_eq(m->param.n, 2);
    cr_assert_eq(m->layer.n, 1);
    arena_free(arena);
}

Test(lower_layers, member_of_an_instance) {
    Model *m = model_of("model m {\n input x: f32[batch, 2]\n e = dense(2)\n h = x |> e\n output y "
                        "= h @ e.w\n}\n");
    cr_assert_eq(m->param.n, 2);
    Eval *e = bound_eval(m, 1);
    const double *w = values_of(e, var_at(m, "e.w")->leaf), *y = values_of(e, output_node(m, "y"));
    double h[2] = {0.5 * w[0] + w[2], 0.5 * w[1] + w[3]};
    expect_near(y, (double[]){h[0] * w[0] + h[1] * w[2], h[0] * w[1] + h[1] * w[3]}, 2, "y");
    eval_free(e);
}

Test(lower_layers, arguments_by_position_name_and_default) {
    expect_output("f32[batch, 1]",
            "y = f(x, b: 3) + (x |> f(4)) + f(b: 1, x: x)\n}\n"
            "fn f(x, a: int = 2, b: int = a) = x * (10 * a + b)\n"
            "model n {\n input x: f32[batch, 1]\n y = f(x, b: 3) + (x |> f(4)) + f(b: 1, x: x)",
            VALUES(0.5 * (23 + 44 + 21), 23 + 44 + 21));
}

Test(lower_layers, functions_are_arguments) {
    const char *f = "fn twice(f: function, x) = f(f(x))\nfn add(x, n: real = 1) = x + n\n";
    char text[512];
    snprintf(text, sizeof text,
            "%smodel m {\n input x: f32[batch, 1]\n output y = twice(add, x) + twice(add(n: 10), "
            "x)\n}\n",
            f);
    Model *m = model_of(text);
    Eval *e = bound_eval(m, 1);
    expect_near(values_of(e, output_node(m, "y")), (double[]){2.5 + 20.5}, 1, "y");
    eval_free(e);
}

Test(lower_layers, strings_are_bare_names) {
    expect_output("f32[batch, 1]",
            "y = x * f(same) * f(\"full\")\n}\nfn f(padding: string) = g(padding)\n"
            "fn g(kind: string = same) = if kind == \"same\" then 2 else 3\n"
            "model n {\n input x: f32[batch, 1]\n y = x * f(same) * f(\"full\")",
            VALUES(3, 6));
}

Test(lower_layers, patterns_bind_sizes) {
    expect_output("f32[batch, 2, 3]",
            "y = f(x)\n}\nfn f(x: f32[n, ..., c]) {\n z[n, c] = sum(k) x[n, k, c]\n return z * c "
            "}\n"
            "model n {\n input x: f32[batch, 2, 3]\n y = f(x)",
            VALUES(7.5, 10.5, 13.5, 25.5, 28.5, 31.5));
}

Test(lower_layers, several_values) {
    expect_output("f32[batch, 1]",
            "a, b = f(x)\n y = a * 10 + b\n}\nfn f(x) {\n return x, x + 1\n}\n"
            "model n {\n input x: f32[batch, 1]\n a, b = f(x)\n y = a * 10 + b",
            VALUES(6.5, 12));
}

Test(lower_layers, initial_values) {
    Model *m = model_of("initializer ramp(step: real = 1) for p {\n y[i in 0..extent(p, 0)] = i * "
                        "step\n return y\n}\n"
                        "model m {\n input x: f32[batch, 3]\n param a: f32[3] = ramp(2)\n param b: "
                        "f32[2, 3] = a + 1\n"
                        "param c: f32[2] = 7\n param d: f32[3] = [1, 2, 3]\n"
                        "output y = x + a + d + sum(...) b[...] * c[0]\n output r = zeros(batch, "
                        "2) + ramp(4, step: 3)[1]\n}\n");
    Eval *e = bound_eval(m, 1);
    expect_near(values_of(e, var_at(m, "b")->init), (double[]){1, 3, 5, 1, 3, 5}, 6, "b");
    expect_near(values_of(e, var_at(m, "c")->init), (double[]){7, 7}, 2, "c");
    expect_near(values_of(e, output_node(m, "r")), (double[]){3, 3}, 2, "r");
    eval_free(e);
}

Test(lower_layers, random_streams_are_distinct_and_repeat) {
    Model *m = model_of("model m {\n input x: f32[batch, 4]\n param a: f32[4] = random_uniform()\n"
                        "param b: f32[4] = random_uniform()\n d = dropout(0.5)\n h = x |> d |> d\n"
                        "loss mean(h * a * b)\n output y = uniform(2) - uniform(2)\n}\n");
    Eval *e = bound_eval(m, 3);
    const double *a = values_of(e, var_at(m, "a")->init), *b = values_of(e, var_at(m, "b")->init);
    cr_assert(a[0] != b[0] && a[0] != a[1]);
    cr_assert(values_of(e, output_node(m, "y"))[0] != 0);
    eval_free(e);
    double first = values_of(bound_eval(m, 3), var_at(m, "a")->init)[0];
    Model *again = model_of("model m {\n input x: f32[batch, 4]\n param a: f32[4] = "
                            "random_uniform()\n output y = x * a\n}\n");
    cr_assert_eq(values_of(bound_eval(again, 3), var_at(again, "a")->init)[0], first);
}

Test(lower_layers, training_and_states) {
    Model *m = model_of("layer count(x) {\n state n: f32[] = 5\n if training { n = n + 1\n n = n * "
                        "10 }\n return x * n\n}\n"
                        "model m {\n input x: f32[batch]\n param w: f32[] = 1\n h = x |> count\n"
                        "output y = h\n loss mean(h * w)\n}\n");
    Eval *e = bound_eval(m, 1);
    expect_near(values_of(e, output_node(m, "y")), (double[]){2.5}, 1, "y");
    expect_near(values_of(e, m->loss), (double[]){30}, 1, "loss");
    expect_near(values_of(e, var_at(m, "count.n")->next), (double[]){60}, 1, "next");
    eval_free(e);
}

Test(lower_layers, layers_are_listed) {
    Model *m = model_of("model m {\n input x: f32[batch, 2]\n output y = x |> dense(3) |> relu |> "
                        "dense(1)\n}\n");
    cr_assert_eq(m->layer.n, 2);
    cr_assert_str_eq(m->layer.at[1].path, "dense_1");
    cr_assert_eq(m->layer.at[0].params, 9);
    cr_assert_eq(m->layer.at[1].params, 4);
    arena_free(arena);
}

Test(lower_layers, a_recursion_ends_in_a_message) {
    cr_assert_null(
            lower_text("fn f(x) = f(x)\nmodel m {\n input x: f32[batch]\n output y = f(x)\n}\n"));
    cr_assert_eq(diag_errors(), 1);
}

Test(lower_layers, a_recursion_with_an_end) {
    expect_output("f32[batch, 1]",
            "y = x * f(5)\n}\nfn f(n: int) = if n == 0 then 1 else n * f(n - 1)\n"
            "model n {\n input x: f32[batch, 1]\n y = x * f(5)",
            VALUES(60, 120));
}
