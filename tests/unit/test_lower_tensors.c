/* test_lower_tensors.c - expressions of whole tensors: alignment, products, slices, choice,
 * literals and what is computed at compile time. The input x is 0.5, 1, 1.5, ... */
#include "lower_text.h"

Test(lower_tensors, operators_align_from_the_right) {
    expect_output("f32[batch, 2]", "y = x * [10, 100] + 1", VALUES(6, 101, 16, 201));
    expect_shape("f32[batch, 1, 4]", "y = x + zeros(3, 1)", "batch 3 4");
}

Test(lower_tensors, integers_become_real_where_they_meet_reals) {
    expect_output("u8[batch, 2]", "y = x / 2", VALUES(0, 0.5, 1, 1.5));
    expect_output("i32[batch, 2]", "y = x // 2 + x % 2 * 10", VALUES(0, 10, 1, 11));
    expect_output("i32[batch, 2]", "y = (x - 2) // 2", VALUES(-1, -1, 0, 0));
    expect_output("f32[batch, 2]", "y = x ** 2 + x ** 0.5 - sqrt(x)", VALUES(0.25, 1, 2.25, 4));
}

Test(lower_tensors, compile_time_numbers) {
    expect_output("f32[batch, 1]", "y = x * (7 / 2 + 7 // 2 + -7 % 3 + 2 ** 3)",
            VALUES(0.5 * 16.5, 16.5));
    expect_output("f32[batch, 1]", "y = x * (if 3 > 2 and not (1 == 2) then 2 else nonsense)",
            VALUES(1, 2));
    expect_output("f32[batch, 1]", "y = x * min(max(3, 4), 5.5)", VALUES(2, 4));
    expect_output("f32[batch, 1]", "y = x * 2 ** 0.5 ** 2 + 2 ** -1",
            VALUES(0.5 * pow(2, 0.25) + 0.5, pow(2, 0.25) + 0.5));
    expect_output(
            "f32[batch, 1]", "i = 7\n for i in 0..3 { x = x + i }\n y = x * 0 + i", VALUES(7, 7));
    expect_shape("f32[batch, 1]", "y = x + zeros(2 ** 10)", "batch 1024");
    expect_output("f32[batch, 1]",
            "n = 1\n for i in 1..5 { n = n * i }\n if n == 24 { y = x } else { y = -x }",
            VALUES(0.5, 1));
}

Test(lower_tensors, matrix_products) {
    expect_output("f32[batch, 2]", "y = x @ [[1, 2, 3], [10, 20, 30]]",
            VALUES(10.5, 21, 31.5, 21.5, 43, 64.5));
    expect_output("f32[batch, 2]", "y = x @ [1, 10]", VALUES(10.5, 21.5));
    expect_output("f32[batch, 2]", "y = [1, 10] @ [3, 4] + x", VALUES(43.5, 44, 44.5, 45));
    expect_shape("f32[batch, 5, 2]", "y = x @ zeros(2, 7)", "batch 5 7");
    expect_shape("f32[batch, 5, 2]", "y = x @ zeros(batch, 2, 7)", "batch 5 7");
    expect_shape("f32[batch, 2]", "y = zeros(3, batch) @ x", "3 2");
}

Test(lower_tensors, slices) {
    expect_output("f32[batch, 4]", "y = x[:, 1:3]", VALUES(1, 1.5, 3, 3.5));
    expect_output("f32[batch, 4]", "y = x[..., -1]", VALUES(2, 4));
    expect_output("f32[batch, 4]", "y = x[:, -2:]", VALUES(1.5, 2, 3.5, 4));
    expect_output("f32[batch, 4]", "y = x[0, :2]", VALUES(0.5, 1));
    expect_output("f32[batch, 4]", "y = x[:, [3, 0]]", VALUES(2, 0.5, 4, 2.5));
    expect_shape("f32[batch, 4, 5]", "y = x[:, 2]", "batch 5");
    expect_shape("f32[batch, 4, 5]", "y = x[..., 0]", "batch 4");
}

Test(lower_tensors, reshape_is_row_major) {
    expect_output(
            "f32[batch, 2, 2]", "y = reshape(x, batch, 4)", VALUES(0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4));
    expect_shape("f32[batch, 6, 4]", "y = reshape(x, batch, 8, 3)", "batch 8 3");
    expect_shape("f32[6, 4]", "y = reshape(x, 2, 12)", "2 12");
}

Test(lower_tensors, shapes_are_known) {
    expect_output(
            "f32[batch, 3]", "y = x[:, 0] * rank(x) * extent(x, -1) + extent(x, 0)", VALUES(5, 14));
    expect_output("f32[batch, 3]", "y = x[:, 0] + elements(x) + x.shape[1]", VALUES(9.5, 11));
    expect_output("f32[batch, 1]", "y = if is_real(x) then x * batch else 0", VALUES(1, 2));
}

Test(lower_tensors, choice) {
    expect_output("f32[batch, 2]", "y = if x > 1 then x else -1", VALUES(-1, -1, 1.5, 2));
    expect_output(
            "f32[batch, 2]", "y = if x > 1 and not (x == 2) then 1 else 0", VALUES(0, 0, 1, 0));
}

/* The logarithm's branch is not taken where its argument is 0: its gradient there is not
 * infinite times zero, but absent. */
Test(lower_tensors, no_gradient_from_the_branch_not_taken) {
    expect_output("f32[batch, 2]",
            "z = x - 1\n l = if z > 0 then sqrt(log1p(z) * z) else z\n"
            "y = grad(sum(...) l[...], z)",
            VALUES(1, 1, (log(1.5) + 0.5 / 1.5) / (2 * sqrt(0.5 * log(1.5))),
                    (log(2) + 0.5) / (2 * sqrt(log(2)))));
    expect_output("f32[batch, 1]",
            "z = x - 1\n w = if z > 0 then gelu(z) / sqrt(z) else 0 * z\n"
            "v = grad(sum(...) w[...], z)\n y = if v == v then 1 else 0",
            VALUES(1, 1));
}

Test(lower_tensors, no_gradient_through_a_fold_in_the_branch_not_taken) {
    const char *root = "fn roots(v) {\n r[n] = sum(k) sqrt(v[n, k])\n return r\n}\n";
    const char *body = "input x: f32[batch, 2]\n z = x - 0.5\n"
                       "l = if z[:, 0] > 0 then roots(z) else 0\n m = if z[:, 0] <= 0 then 0 else "
                       "roots(z)\n output y = grad(sum(n) (l[n] + m[n]), z)\n";
    char text[1024];
    snprintf(text, sizeof text, "%smodel m {\n%s}\n", root, body);
    Model *m = model_of(text);
    Eval *e = bound_eval(m, 2);
    expect_near(values_of(e, output_node(m, "y")), (double[]){0, 0, 1, 1 / sqrt(1.5)}, 4, "y");
    eval_free(e);
}

Test(lower_tensors, literals) {
    expect_output(
            "f32[batch, 1]", "y = [[1, 2.5], [3, 4]] @ [1, 10] + 0 * x", VALUES(26, 43, 26, 43));
    expect_shape("f32[batch, 1]", "y = [[[1], [2]]]", "1 2 1");
}

Test(lower_tensors, gradients_are_expressions) {
    expect_output("f32[batch, 2]", "y = grad(sum(...) x[...] ** 3, x)", VALUES(0.75, 3, 6.75, 12));
    expect_output("f32[batch, 2]", "y = grad(x * x * stop_gradient(x), x)", VALUES(0.5, 2, 4.5, 8));
    expect_output("f32[batch, 2]", "g = grad(x ** 3, x)\n y = grad(g, x)", VALUES(3, 6, 9, 12));
}

/* One gradient a row: what the row's own value gives. */
Test(lower_tensors, gradients_per_row) {
    const char *text = "model m {\n input x: f32[batch, 3]\n input w: i32[batch, 4]\n"
                       "d = dense(2)\n e = embedding(5, 3)\n r = simple_rnn(2)\n"
                       "h = (x |> d |> tanh) + (w |> e |> r)\n l[n] = sum(k) h[n, k] * h[n, k]\n"
                       "gd = grad(l, d.w, per: n)\n gb = grad(l, d.b, per: batch)\n"
                       "ge = grad(l, e.table, per: n)\n gu = grad(l, r.u, per: n)\n"
                       "output y = (sum(...) abs(gd[0] - grad(l[0], d.w))[...])"
                       " + (sum(...) abs(gb[0] - grad(l[0], d.b))[...])"
                       " + (sum(...) abs(ge[0] - grad(l[0], e.table))[...])"
                       " + (sum(...) abs(gu[0] - grad(l[0], r.u))[...])\n"
                       "output size = (sum(...) abs(gd[0])[...]) * (sum(...) abs(gu[0])[...])\n}\n";
    Model *m = model_of(text);
    Eval *e = bound_eval(m, 3);
    cr_assert_lt(values_of(e, output_node(m, "y"))[0], 1e-12);
    cr_assert_gt(values_of(e, output_node(m, "size"))[0], 1e-6);
    eval_free(e);
    arena_free(arena);
}

/* The root is made outside of the choice, but only the branch not taken would use it. */
Test(lower_tensors, no_gradient_through_what_only_the_other_branch_uses) {
    expect_output("f32[batch, 2]",
            "z = x - 0.5\n s = sqrt(z)\n l = if z > 0 then s else z\n y = grad(l, z)",
            VALUES(1, 0.5 / sqrt(0.5), 0.5, 0.5 / sqrt(1.5)));
}
