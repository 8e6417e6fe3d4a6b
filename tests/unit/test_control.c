/* test_control.c - what a train block says of watching and steering, as the compiler reads it,
 * and as it writes it into a program. */
#include "../../compiler/control.h"
#include "lower_text.h"

#define BEGIN                                                                                      \
    "model m {\n input x: f32[batch, 2]\n target y: i32[batch]\n target weight: f32[batch]\n"      \
    "z = dense(x, 1)\n output z\n loss mean(z[:, 0] * weight) + mean(real(y))\n}\n"                \
    "train m {\n optimizer sgd()\n"

Test(control_text, nothing_said) {
    Model *m = model_of(BEGIN "}\n");
    cr_assert_str_eq(control_initializer(arena, m), "0");
    cr_assert_null(m->validation.reader);
    arena_free(arena);
}

Test(control_text, keras_defaults) {
    Model *m = model_of(BEGIN "stop_early patience: 2\n reduce_on_plateau cooldown: 1\n}\n");
    const DlControl *c = &m->control;
    cr_assert(c->stops && c->stop_patience == 2 && c->stop.min_delta == 0 && !c->restore_best);
    cr_assert(c->reduces && c->reduce_patience == 10 && c->reduce.min_delta == 1e-4);
    cr_assert(c->factor == 0.1 && c->least == 0 && c->cooldown == 1 && !c->reduce.name);
    arena_free(arena);
}

Test(control_text, all_said) {
    Model *m = model_of(BEGIN "validation 1 / 8, last: true\n accumulate 2 * 2\n"
                              "class_weight weight, of: y\n"
                              "stop_early monitor: \"validation_accuracy\", mode: max, min_delta: "
                              "0.5, patience: 3, restore_best_weights: true\n"
                              "reduce_on_plateau monitor: train_loss, mode: min, factor: 0.5, "
                              "min_rate: 1e-5, number: beta_1\n}\n");
    cr_assert_str_eq(control_initializer(arena, m),
            ".validation = 0.125, .validation_last = 1, .accumulate = 4, .weight = \"weight\", "
            ".weight_of = \"y\", .stops = 1, .stop.name = \"validation_accuracy\", .stop.better = "
            "1, .stop.min_delta = 0.5, .stop_patience = 3, .restore_best = 1, .reduces = 1, "
            ".reduce.name = \"train_loss\", .reduce.better = -1, .reduce.min_delta = 0.0001, "
            ".reduce_patience = 10, .factor = 0.5, .least = 1e-05, .number = \"beta_1\"");
    arena_free(arena);
}

Test(control_text, rows_of_their_own) {
    Model *m = model_of(BEGIN "validation csv(\"b.csv\", header: true)\n}\n");
    cr_assert_str_eq(m->validation.reader, "csv");
    cr_assert_eq(m->validation.arg.n, 2);
    cr_assert_str_eq(m->validation.arg.at[1].name, "header");
    cr_assert_str_eq(m->validation.arg.at[1].text, "true");
    cr_assert_eq(m->control.validation, 0);
    arena_free(arena);
}
