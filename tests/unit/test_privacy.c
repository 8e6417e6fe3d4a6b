/* The accountant of private training against published values and closed forms. */
#include <criterion/criterion.h>
#include <math.h>

#include "../../runtime/trainer/privacy.h"

/* Abadi et al. 2016, section 3.2: q = 0.01, noise 4, 100 epochs, delta 1e-5: 1.26. */
Test(privacy, moments_accountant_2016) {
    const DlPrivacy p = {0.01, 4, 10000};
    cr_expect_float_eq(dl_privacy_epsilon_2017(&p, 1e-5), 1.26, 0.005, "%g",
            dl_privacy_epsilon_2017(&p, 1e-5));
    cr_expect_lt(dl_privacy_epsilon(&p, 1e-5), dl_privacy_epsilon_2017(&p, 1e-5));
}

/* The table of TensorFlow Privacy's MNIST tutorial: 60,000 rows by 256, delta 1e-5. */
Test(privacy, tutorial_of_tensorflow_privacy) {
    static const struct {
        double noise, epochs, epsilon;
    } row[] = {{1.3, 15, 1.19}, {1.1, 60, 3.01}, {0.7, 45, 7.10}};
    for (int i = 0; i < 3; i++) {
        const DlPrivacy p = {256.0 / 60000, row[i].noise, (int64_t)(row[i].epochs * 60000 / 256)};
        double got = dl_privacy_epsilon_2017(&p, 1e-5);
        cr_expect_float_eq(got, row[i].epsilon, 0.02 * row[i].epsilon, "%g, not %g", got,
                row[i].epsilon);
    }
}

/* Without sampling, the divergence of a normal mechanism is order / (2 noise^2). */
Test(privacy, all_rows_in_every_step) {
    const DlPrivacy p = {1, 2, 3};
    for (int order = 2; order < 200; order += 7)
        cr_expect_float_eq(dl_privacy_divergence(&p, order), 3 * order / 8.0, 1e-9);
}

/* At order 2 the sum is 1 + q^2 (exp(1 / noise^2) - 1). */
Test(privacy, second_order) {
    for (double q = 0.001; q < 1; q *= 3) {
        const DlPrivacy p = {q, 0.8, 1};
        double want = log(1 + q * q * (exp(1 / 0.64) - 1));
        cr_expect_float_eq(dl_privacy_divergence(&p, 2), want, 1e-12 + 1e-9 * want);
    }
}

Test(privacy, more_steps_and_less_noise_cost_more) {
    cr_expect_eq(dl_privacy_epsilon(&(DlPrivacy){0.1, 1, 0}, 1e-5), 0);
    double last = 0;
    for (int64_t steps = 1; steps < 100000; steps *= 10) {
        double e = dl_privacy_epsilon(&(DlPrivacy){0.01, 1, steps}, 1e-5);
        cr_expect_gt(e, last);
        cr_expect_gt(dl_privacy_epsilon(&(DlPrivacy){0.01, 0.5, steps}, 1e-5), e);
        last = e;
    }
    cr_expect(isfinite(dl_privacy_epsilon(&(DlPrivacy){1, 0.01, 1000000}, 1e-5)));
}
