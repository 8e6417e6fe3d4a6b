/* Rows by lot: how often each takes part, what the draw depends on, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../../runtime/trainer/privacy.h"
#include "../../runtime/trainer/reader.h"

enum { ROWS = 400 };

typedef struct Numbers {
    float expected, noise;
} Numbers;

static const dl_tensor numbers[] = {
        {"expected_batch", DL_NUMBER, DL_F32, 0, NULL, offsetof(Numbers, expected), 4, 0, 1},
        {"noise", DL_NUMBER, DL_F32, 0, NULL, offsetof(Numbers, noise), 4, 0, 1},
};

typedef struct Lot {
    Numbers number;
    dl_model table;
    DlSession session;
    DlData data;
    DlConfig config;
    DlRun run;
    DlError error;
    int64_t order[ROWS];
} Lot;

static void begin(Lot *l, float expected, int n) {
    *l = (Lot){.number = {expected, 1.5f}};
    l->table = (dl_model){.source = "m.dl", .ntensor = n, .tensor = numbers, .batch = 8};
    l->session = (DlSession){.table = &l->table, .model = &l->number};
    l->data.train.rows = ROWS;
    l->config.control.samples = true;
    l->config.control.delta = 1e-5;
    l->run = (DlRun){.session = &l->session, .data = &l->data, .config = &l->config, .seed = 3,
            .order = l->order};
}

Test(sample, each_row_takes_part_as_often_as_it_should) {
    enum { STEPS = 500 };
    static int times[ROWS];
    double sum = 0, square = 0;
    Lot l;
    begin(&l, 40, 2);
    cr_assert(dl_sample_open(&l.run, &l.error), "%s", l.error.text);
    for (l.run.batch = 0; l.run.batch < STEPS; l.run.batch++) {
        int64_t n = dl_sample_draw(&l.run);
        sum += (double)n;
        square += (double)(n * n);
        for (int64_t i = 0; i < n; i++) {
            cr_assert(i == 0 || l.order[i] > l.order[i - 1]);
            times[l.order[i]]++;
        }
    }
    /* A binomial distribution: mean 40, variance 400 * 0.1 * 0.9; each row 50 times, +-6.7. */
    double mean = sum / STEPS;
    cr_expect_float_eq(mean, 40, 1, "%g", mean);
    cr_expect_float_eq(square / STEPS - mean * mean, 36, 8);
    for (int i = 0; i < ROWS; i++) cr_expect(times[i] > 20 && times[i] < 80, "%d", times[i]);
}

Test(sample, a_draw_depends_on_seed_and_step_alone) {
    Lot l, other;
    begin(&l, 40, 2);
    begin(&other, 40, 2);
    cr_assert(dl_sample_open(&l.run, &l.error) && dl_sample_open(&other.run, &other.error));
    l.run.batch = other.run.batch = 7;
    int64_t n = dl_sample_draw(&l.run);
    cr_expect_eq(dl_sample_draw(&other.run), n);
    cr_expect_arr_eq(l.order, other.order, (size_t)n * sizeof *l.order);
    other.run.batch = 8;
    dl_sample_draw(&other.run);
    cr_expect(memcmp(l.order, other.order, 20 * sizeof *l.order) != 0);
    other.run.batch = 7;
    other.run.seed = 4;
    dl_sample_draw(&other.run);
    cr_expect(memcmp(l.order, other.order, 20 * sizeof *l.order) != 0);
}

Test(sample, what_is_given_away) {
    Lot l;
    begin(&l, 40, 2);
    cr_assert(dl_sample_open(&l.run, &l.error));
    l.run.epoch = 4; /* of ten steps each */
    cr_expect_eq(dl_run_batches(&l.run), 10);
    const DlPrivacy p = {0.1, 1.5, 40};
    cr_expect_float_eq(dl_sample_epsilon(&l.run), dl_privacy_epsilon(&p, 1e-5), 1e-12);
    l.number.noise = 0;
    cr_expect(isinf(dl_sample_epsilon(&l.run)));
}

static void refused(float expected, int n, int64_t accumulate, const char *part) {
    Lot l;
    begin(&l, expected, n);
    l.config.control.accumulate = accumulate;
    cr_expect_not(dl_sample_open(&l.run, &l.error));
    cr_expect(strstr(l.error.text, part) != NULL, "'%s' is not in: %s", part, l.error.text);
}

Test(sample, what_cannot_be) {
    refused(40, 1, 0, "needs an optimizer with the numbers expected_batch and noise");
    refused(0.5f, 2, 0, "expected_batch is 0.5, and must be from 1 to the 400 training rows");
    refused(401, 2, 0, "expected_batch is 401");
    refused(NAN, 2, 0, "expected_batch is nan");
    refused(40, 2, 2, "take `accumulate` out");
}
