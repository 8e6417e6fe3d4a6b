/* test_noise.c - the library's noise in training: means and variances are what they should be,
 * what shares its fate does, and outside of training nothing happens. */
#include "lower_text.h"

enum { ROWS = 50 };

static Model *noisy(const char *call, const char *loss) {
    char text[1024];
    snprintf(text, sizeof text,
            "model m {\n input x: f32[batch, 4, 5, 8]\n one = 0 * x + 1\n zero = 0 * x\n"
            " y = %s\n output z = y\n loss %s\n}\n",
            call, loss);
    return model_of(text);
}

static double loss_of(const char *call, const char *loss) {
    Model *m = noisy(call, loss);
    return eval_node(bound_eval(m, ROWS), m->loss)[0];
}

Test(noise, mean_and_variance) {
    static const struct {
        const char *call;
        double mean, square, tolerance;
    } row[] = {
            {"one |> gaussian_noise(0.5)", 1, 1.25, 0.06},
            {"one |> gaussian_dropout(0.2)", 1, 1.25, 0.06},
            {"one |> dropout(0.2)", 1, 1.25, 0.06},
            {"one |> spatial_dropout2d(0.2)", 1, 1.25, 0.12},
            {"one |> dropout(0.2, [batch, 4, 1, 1])", 1, 1.25, 0.2},
            /* 0 is kept as b or becomes a low + b: mean 0, variance a^2 low^2 (1 - rate) rate */
            {"zero |> alpha_dropout(0.2)", 0, 0.382, 0.03},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        double mean = loss_of(row[k].call, "mean(y)"), square = loss_of(row[k].call, "mean(y * y)");
        cr_expect_float_eq(mean, row[k].mean, row[k].tolerance, "%s: %g", row[k].call, mean);
        cr_expect_float_eq(square, row[k].square, row[k].tolerance, "%s: %g", row[k].call, square);
    }
}

/* The spread of places within what is dropped together is 0. */
Test(noise, shared_fates) {
    cr_expect_float_eq(
            loss_of("one |> spatial_dropout2d(0.5)", "mean((y - y[:, :1, :1]) ** 2)"), 0, 1e-12);
    cr_expect_float_eq(
            loss_of("one |> dropout(0.5, [batch, 4, 1, 1])", "mean((y - y[..., :1, :1]) ** 2)"), 0,
            1e-12);
    cr_expect(loss_of("one |> dropout(0.5)", "mean((y - y[:, :1, :1]) ** 2)") > 0.5);
}

Test(noise, nothing_outside_of_training) {
    static const char *const call[] = {"one |> gaussian_noise(0.5)", "one |> gaussian_dropout(0.2)",
            "one |> spatial_dropout2d(0.2)", "one |> alpha_dropout(0.2)"};
    for (size_t k = 0; k < sizeof call / sizeof *call; k++) {
        Model *m = noisy(call[k], "mean(y)");
        const double *y = eval_node(bound_eval(m, 1), m->entry.at[0].output.at[0].node);
        for (int i = 0; i < 4 * 5 * 8; i++) cr_expect_eq(y[i], 1, "%s: %g", call[k], y[i]);
    }
}
