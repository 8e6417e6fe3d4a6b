/* test_lower_scan.c - scans: what is carried, the order of steps, the sequences, and random
 * numbers in them. The input x is 0.5, 1, 1.5, ... in two rows. */
#include "lower_text.h"

Test(lower_scan, the_last_value_and_the_sequence) {
    expect_output("f32[batch, 3]", "scan t in 3 with s = zeros(batch) { s = s + x[:, t] }\n y = s",
            VALUES(3, 7.5));
    expect_output("f32[batch, 3]",
            "scan t in 3 with s = zeros(batch) { s = s + x[:, t] }\n y = all s",
            VALUES(0.5, 1.5, 3, 2, 4.5, 7.5));
    expect_shape("f32[batch, 3, 4]",
            "scan t in 3 with s = zeros(batch, 4) { s = s + x[:, t] }\n y = all s", "batch 3 4");
    expect_shape("f32[batch, 3]", "scan t in 5 with s = zeros(7) { s = s + t }\n y = all s", "5 7");
}

Test(lower_scan, reversed_and_over_a_range) {
    expect_output("f32[batch, 3]",
            "scan t in 3 reversed with s = zeros(batch) { s = 2 * s + x[:, t] }\n y = s",
            VALUES(8.5, 19));
    expect_output("f32[batch, 3]",
            "scan t in 3 reversed with s = zeros(batch) { s = s + x[:, t] }\n y = all s",
            VALUES(3, 2.5, 1.5, 7.5, 5.5, 3));
    expect_output("f32[batch, 3]",
            "scan t in 1..3 with s = zeros(batch) { s = s + t * x[:, t] }\n y = s",
            VALUES(1 + 3, 2.5 + 6));
}

Test(lower_scan, several_values_and_old_ones) {
    expect_output("f32[batch, 1]",
            "scan t in 5 with a = 0, b = 1 {\n c = a + b\n a = b\n b = c }\n y = x * a",
            VALUES(2.5, 5));
    expect_output("f32[batch, 3]",
            "scan t in 3 with s = zeros(batch) {\n d = x[:, t] * 2\n s = s + d }\n y = all d",
            VALUES(1, 2, 3, 4, 5, 6));
}

Test(lower_scan, indices_in_steps) {
    expect_output("f32[batch, 3]",
            "scan t in 3 with s = zeros(batch) { s[n] = s[n] + x[n, t] * (x[n, t - 1] else 1) }\n "
            "y = s",
            VALUES(0.5 + 0.5 + 1.5, 2 + 5 + 7.5));
    expect_output("f32[batch, 3]",
            "scan t in 3 with s = zeros(batch) { s = if t == 1 then x[:, t] else s }\n y = s",
            VALUES(1, 2.5));
}

Test(lower_scan, scans_nest) {
    expect_output("f32[batch, 2]",
            "scan t in 3 with a = zeros(batch) {\n"
            "scan u in 2 with b = a { b = b + x[:, u] * (t + 1) }\n a = b }\n y = a",
            VALUES(9, 21));
}

Test(lower_scan, numbers_are_drawn_in_each_step) {
    Model *m = model_of("model m {\n input x: f32[batch]\n scan t in 3 with s = x {\n u = "
                        "uniform_like(x)\n s = s + u }\n"
                        "output y = all u\n}\n");
    Eval *e = bound_eval(m, 1);
    const double *u = values_of(e, output_node(m, "y"));
    cr_assert(u[0] != u[1] && u[1] != u[2]);
    eval_free(e);
}

Test(lower_scan, a_layer_in_a_scan_has_one_set_of_parameters) {
    Model *m = model_of(
            "model m {\n input x: f32[batch, 4, 2]\n scan t in 4 with h = zeros(batch, 2) {\n"
            "h = (h + x[:, t]) |> dense(2) }\n output h\n loss mean(h)\n}\n");
    cr_assert_eq(m->param.n, 2);
    cr_assert(var_at(m, "dense.w")->grad);
    arena_free(arena);
}
