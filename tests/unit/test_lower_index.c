/* test_lower_index.c - index notation: how far variables run, what is folded, what is
 * guarded. The input x is 0.5, 1, 1.5, ... in two rows. */
#include "lower_text.h"

Test(lower_index, a_variable_alone_has_the_axis) {
    expect_shape("f32[batch, 3, 4]", "y[n, j, i] = x[n, i, j]", "batch 4 3");
    expect_output(
            "f32[batch, 2]", "z[i, n] = x[n, i]\n y[n, i] = z[1 - i, n]", VALUES(1, 0.5, 2, 1.5));
}

Test(lower_index, compound_indices_keep_loads_in_bounds) {
    expect_shape("f32[batch, 10]", "y[n, i, p in 0..3] = x[n, 2*i + p]", "batch 4 3");
    expect_shape("f32[batch, 10]", "y[n, i] = sum(p in 0..3) x[n, 2*i + p]", "batch 4");
    expect_shape("f32[batch, 10]", "y[n, i] = x[n, 9 - i]", "batch 10");
    expect_shape("f32[batch, 10]", "y[n, i] = x[n, 2*i] + x[n, i + 6]", "batch 4");
    expect_shape("f32[batch, 10]", "y[n, i] = x[n, i + 3] + (x[n, i + 9] else 0)", "batch 7");
}

Test(lower_index, quotients_and_remainders) {
    expect_shape("f32[batch, 3, 4]", "y[n, i] = x[n, i // 4, i % 4]", "batch 12");
    expect_output("f32[batch, 2, 2]", "y[n, i] = x[n, i // 2, i % 2]",
            VALUES(0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4));
}

Test(lower_index, a_kernel_says_how_far_the_window_runs) {
    expect_output("f32[batch, 4]", "k = [1, 10]\n y[n, i] = sum(p) x[n, i + p] * k[p]",
            VALUES(10.5, 16, 21.5, 32.5, 38, 43.5));
}

Test(lower_index, ranges_override) {
    expect_output("f32[batch, 3]", "y[n] = sum(k in 1..3) x[n, k]", VALUES(2.5, 5.5));
    expect_output("f32[batch, 3]", "y[n, i in 0..2] = x[n, i] * (i + 1)", VALUES(0.5, 2, 2, 5));
}

Test(lower_index, a_fold_takes_the_product) {
    expect_output("f32[batch, 2]", "y[n] = sum(k) x[n, k] * 2 + 1", VALUES(4, 8));
    expect_output("f32[batch, 2]", "y[n] = (sum(k) x[n, k]) / sum(k) x[n, k] * x[n, k]",
            VALUES(1.5 / 1.25, 3.5 / 6.25));
}

Test(lower_index, all_folds) {
    expect_output("f32[batch, 2]", "y[n] = prod(k) x[n, k]", VALUES(0.5, 3));
    expect_output("f32[batch, 2]", "y[n] = max(k) x[n, k]", VALUES(1, 2));
    expect_output("f32[batch, 2]", "y[n] = min(k) (-x[n, k])", VALUES(-1, -2));
    expect_output("f32[batch, 2]", "y[n] = argmax(k) x[n, k] * x[n, k]", VALUES(1, 1));
    expect_output("f32[batch, 2]", "y[n] = argmin(k) x[n, k]", VALUES(0, 0));
    expect_output("f32[batch, 2]", "y = argmax(n, k) x[n, k]", VALUES(3));
    expect_output("f32[batch, 2]", "y = sum(...) x[...]", VALUES(5));
}

Test(lower_index, a_fold_stands_in_a_fold) {
    expect_output("f32[batch, 2]", "y[n] = max(k in 0..2) (sum(j) if j <= k then x[n, j])",
            VALUES(1.5, 3.5));
    expect_output("f32[batch, 2]", "y = sum(n, m) (sum(k) x[n, k] * x[m, k])", VALUES(13));
}

Test(lower_index, conditions_in_folds_leave_out) {
    expect_output("f32[batch, 3]", "y[n, i in 0..3] = sum(j) if j <= i then x[n, j]",
            VALUES(0.5, 1.5, 3, 2, 4.5, 7.5));
    expect_output(
            "f32[batch, 3]", "y[n] = max(j) if j > 5 then x[n, j]", VALUES(-INFINITY, -INFINITY));
    expect_output("f32[batch, 3]", "y[n] = prod(j) if x[n, j] > 1 then x[n, j]", VALUES(1.5, 15));
}

Test(lower_index, guarded_loads) {
    expect_output("f32[batch, 2]", "y[n, i in 0..4] = x[n, i - 1] else 7",
            VALUES(7, 0.5, 1, 7, 7, 1.5, 2, 7));
    expect_output("f32[batch, 2]", "y[n, i in 0..3] = if i < 2 then x[n, i] else x[n, i - 2]",
            VALUES(0.5, 1, 0.5, 1.5, 2, 1.5));
    expect_output("f32[batch, 2]", "y[n] = x[n, 0] + (x[n - 1, 0] else 100)", VALUES(100.5, 2));
}

Test(lower_index, ellipsis) {
    expect_shape("f32[batch, 3, 4]", "y[..., j] = (sum(k) x[..., k]) * j + [1, 2][j]", "batch 3 2");
    expect_output("f32[batch, 2]", "y[...] = x[..., 1]", VALUES(1, 2));
    expect_output("f32[batch, 2]", "s[...] = sum(k) x[..., k]\n y[..., k] = x[..., k] / s[...]",
            VALUES(1 / 3., 2 / 3., 3 / 7., 4 / 7.));
    expect_output(
            "f32[batch, 2]", "b = [10, 20]\n y[...] = x[...] + b[...]", VALUES(10.5, 21, 11.5, 22));
    expect_output("f32[batch, 2, 2]", "y[k] = sum(...) x[..., k]", VALUES(8, 10));
}

Test(lower_index, integer_tensors_index) {
    expect_output("i32[batch, 2]",
            "t = [[1.5, 2], [3, 4], [5, 6], [7, 8]]\n y[n, k, d] = t[x[n, k], d]",
            VALUES(1.5, 2, 3, 4, 5, 6, 7, 8));
}

Test(lower_index, indices_from_outside_are_bounded) {
    Model *m = model_of(
            "model m {\n input w: i32[batch, 3]\n input c: i32[batch]\n input free: i32[batch]\n"
            "t = [[1.5, 2], [3, 4], [5, 6], [7, 8]]\n s = w[:, 1:]\n y[n, k, d] = t[s[n, k], d]\n"
            "z[n, v in 0..9] = int(v == c[n])\n output y\n output z\n output q = free * 2\n}\n");
    cr_assert_eq(m->input.at[0].bound, 4);
    cr_assert_eq(m->input.at[1].bound, 9);
    cr_assert_eq(m->input.at[2].bound, 0);
    arena_free(arena);
}

Test(lower_index, computed_indices_are_guarded) {
    expect_output("f32[batch, 2]", "i[n] = int(x[n, 1]) * 2\n y[n] = x[n, i[n]]", VALUES(0, 0));
}

Test(lower_index, a_function_works_on_elements) {
    expect_output("f32[batch, 2]",
            "y[n, i] = relu(x[n, i] - 1) + square_of(x[n, 1 - i])\n"
            "}\nfn square_of(a) = a * a\nmodel n {\n input x: f32[batch, 2]\n"
            "y[n, i] = relu(x[n, i] - 1)",
            VALUES(0, 0, 0.5, 1));
    expect_output("f32[batch, 2]", "y[n, i] = softplus(x[n, i]) - log(1 + exp(x[n, i]))",
            VALUES(0, 0, 0, 0));
}

Test(lower_index, the_right_side_means_the_old_tensor) {
    expect_output("f32[batch, 2]", "y = x\n y[n, i] = y[n, 1 - i]", VALUES(1, 0.5, 2, 1.5));
}

Test(lower_index, whole_tensors_stand_beside_elements) {
    expect_output("f32[batch, 2]", "y[n, i] = x[n, i] / sum(m, j) x[m, j] + mean(x) * 0",
            VALUES(0.1, 0.2, 0.3, 0.4));
}

Test(lower_index, a_negative_constant_counts_from_the_end) {
    expect_output("f32[batch, 3]", "y[n] = x[n, -1] - x[n, -3]", VALUES(1, 1));
}

Test(lower_index, a_function_loads_and_chooses_by_elements) {
    expect_output("f32[batch, 2]",
            "v = [10, 20]\n y[n, k] = at(v, k) + part(x[n, k])\n}\n"
            "fn at(v, i) = v[i]\nfn part(a) = if a > 1 then a else sum(i in 0..3) a * i\n"
            "model n {\n input x: f32[batch, 2]\n v = [10, 20]\n"
            "y[n, k] = at(v, k) + part(x[n, k])",
            VALUES(11.5, 23, 11.5, 22));
}

/* In the first row the fold has an infinite derivative; its branch is not taken there. */
Test(lower_index, no_gradient_from_a_fold_in_the_branch_not_taken) {
    expect_output("f32[batch, 2]",
            "z = x - 0.5\n l[n] = if z[n, 0] > 0 then sum(k) sqrt(z[n, k]) else 0\n"
            "y = grad(sum(n) l[n], z)",
            VALUES(0, 0, 0.5, 0.5 / sqrt(1.5)));
}
