/* test_lower_list.c - lists at compile time: their items, their lengths, what they are where a
 * tensor is needed, and arguments that are lists. The input x is 0.5, 1, 1.5, ... */
#include "lower_text.h"

Test(lower_list, items_are_chosen_at_compile_time) {
    expect_output("f32[batch, 2]", "a = [x, 2 * x, [3, 4]]\n y = a[1] + a[-1][0]",
            VALUES(4, 5, 6, 7));
    expect_output("f32[batch, 2]", "a = [x, 10]\n y = 0 * x\n for v in a { y = y + v }",
            VALUES(10.5, 11, 11.5, 12));
    expect_output("f32[batch, 2]", "a = []\n for i in 0..3 { a = join(a, [i, i]) }\n"
            " y = x + length(a)", VALUES(6.5, 7, 7.5, 8));
    expect_output("f32[batch, 2]", "y = x + x.shape[1] * length(x.shape)", VALUES(4.5, 5, 5.5, 6));
}

Test(lower_list, numbers_are_a_tensor_where_one_is_needed) {
    expect_output("f32[batch, 2]", "w = [10, 20]\n y = x * w + w[1]", VALUES(25, 40, 35, 60));
    expect_output("f32[batch, 2]", "w = [[1, 2], [3, 4.5]]\n y[n, i] = x[n, i] + w[i, 0] * w[0, i]",
            VALUES(1.5, 7, 2.5, 8));
    expect_output("f32[batch, 2]", "w = [3, 5]\n s = [2, 1]\n"
            " y[n, i in 0..2] = x[n, i * s[1] + s[0] - 2] + w[s[1]]", VALUES(5.5, 6, 6.5, 7));
    expect_shape("f32[batch, 2]", "y = x * [[1, 2], [3, 4], [5, 6]][2]", "batch 2");
    expect_shape("f32[batch, 2]", "y = x[:, [0, 1, 0]]", "batch 3");
}

Test(lower_list, a_number_stands_for_each_item_of_an_argument) {
    const char *head = "fn f(x, size: int[2], pad: int[2, 2] = 0, rest: int[...] = 7) =\n"
                       "    x + size[0] * 10 + size[1] * 100 + pad[0][1] * 1000 + pad[1][0] * 10000"
                       " + length(rest) * 0.25\n"
                       "model m { input x: f32[batch]\n y = x |> ";
    static const struct {
        const char *call;
        double value; /* without x */
    } row[] = {
            {"f(3)", 330.25},
            {"f([3, 4])", 430.25},
            {"f(1, 2)", 22110.25},
            {"f(1, [3, 4])", 43110.25},
            {"f(1, [[5, 6], [7, 8]])", 76110.25},
            {"f(1, [[5, 6], 9])", 96110.25},
            {"f(1, rest: [1, 2, 3])", 110.75},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s\n output y }", head, row[k].call);
        Model *m = model_of(text);
        Eval *e = bound_eval(m, 1);
        const double *y = eval_node(e, m->entry.at[0].output.at[0].node);
        cr_expect_float_eq(y[0], row[k].value + 0.5, 1e-9, "%s is %g", row[k].call, y[0]);
    }
}

Test(lower_list, axes_are_put_into_any_order) {
    expect_shape("f32[batch, 2, 3]", "y = transpose(x, 0, [2, 1])", "batch 3 2");
    expect_shape("f32[batch, 2, 3]", "y = reshape(x, [3, -1])", "batch 3 2");
    expect_shape("f32[batch, 2, 3]", "y = reshape(x, -1)", "batch 6");
    expect_output("f32[batch, 2, 2]", "y = transpose(x, [0, 2, 1])",
            VALUES(0.5, 1.5, 1, 2, 2.5, 3.5, 3, 4));
    expect_output("f32[batch, 2, 2]", "y = transpose(transpose(x, 2, 0, 1), 1, 2, 0)",
            VALUES(0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4));
}

/* What a frozen layer keeps is not written, and nothing is differentiated for it. */
Test(lower_list, frozen_layers_keep_their_states) {
    const char *text = "model m {\n input x: f32[batch, 3]\n target y: f32[batch, 1]\n%s\n"
                       " z = x |> batch_norm |> dense(1)\n output z\n"
                       " loss mean_squared_error(z, y)\n}\n"
                       "train m { optimizer sgd() }\n";
    static const char *const line[] = {"", "freeze \"batch_norm\"", "freeze \"batch_norm.gamma\""};
    for (int k = 0; k < 3; k++) {
        char program[512];
        snprintf(program, sizeof program, text, line[k]);
        Model *m = model_of(program);
        cr_expect_eq(m->state.at[0]->next == NULL, k == 1, "%s", line[k]);
        int trained = 0;
        for (int i = 0; i < m->param.n; i++) trained += m->param.at[i]->next != NULL;
        cr_expect_eq(trained, k == 0 ? 4 : k == 1 ? 2 : 3, "%s: %d", line[k], trained);
    }
}
