/* test_augmentation.c - what a train block's `augment` lines and the library's random layers of
 * images do: both outcomes of a flip occur and nothing else, a crop is a window of the image, rows
 * and steps differ, targets follow their inputs, and where nothing is trained images are left alone. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/model.h"

enum { ROWS = 64, SIDE = 5, CHANNELS = 2, IMAGE = SIDE * SIDE * CHANNELS, ALL = ROWS * IMAGE };

/* What training makes of the inputs is kept in states, whose next values are looked at. */
typedef struct Fixture {
    Arena *arena;
    Model *m;
    double image[ALL], angle[ROWS];
} Fixture;

/* A model of the image as it is seen, with these lines in its train block. */
static Fixture *fixture(const char *lines) {
    Fixture *f = malloc(sizeof *f);
    cr_assert(f != NULL);
    f->arena = arena_new();
    const char *text = arena_printf(f->arena,
            "fn mirrored(x, a: f32[batch]) {\n"
            "    turned = uniform(batch) < 0.5\n"
            "    return flipped(x, turned), if turned then -a else a\n"
            "}\n"
            "model m {\n"
            "    input  image: f32[batch, 5, 5, 2]\n"
            "    target angle: f32[batch]\n"
            "    param  w: f32[1] = random_normal()\n"
            "    state  drawn: f32[1] = zeros()\n"
            "    state  seen: f32[64, 5, 5, 2] = zeros()\n"
            "    state  turn: f32[64] = zeros()\n"
            "    if training {\n"
            "        drawn = uniform(1)\n"
            "        seen[b in 0..64, i, j, k] = sum(n) if n == b then image[n, i, j, k]\n"
            "        turn[b in 0..64] = sum(n) if n == b then angle[n]\n"
            "    }\n"
            "    output same = image\n"
            "    loss   mean(image) * w[0] + mean(angle)\n"
            "}\n"
            "train m {\n"
            "    optimizer sgd()\n"
            "%s"
            "    batch 64\n"
            "}\n",
            lines);
    diag_reset();
    Ast *program = ast_parse(f->arena, source_from_text(f->arena, "a.dl", text, strlen(text)));
    f->m = lower(f->arena, ast_load_std(f->arena), program, "a.dl", NULL);
    cr_assert(f->m != NULL && diag_errors() == 0);
    for (int i = 0; i < ALL; i++) f->image[i] = i % IMAGE + 100 * (i / IMAGE);
    for (int i = 0; i < ROWS; i++) f->angle[i] = i + 1;
    return f;
}

static void drop(Fixture *f) {
    arena_free(f->arena);
    free(f);
}

static Node *next_of(const Model *m, const char *path) {
    for (int k = 0; k < m->state.n; k++)
        if (strcmp(m->state.at[k]->path, path) == 0) return m->state.at[k]->next;
    cr_assert_fail("no state %s", path);
    return NULL;
}

/* What training sees in a step: images, and angles unless that is NULL. */
static void train(const Fixture *f, uint32_t step, double *image, double *angle) {
    Eval *e = eval_new(f->m->graph, ROWS, 2, step);
    eval_bind(e, f->m->input.at[0].node, f->image);
    eval_bind(e, f->m->target.at[0].node, f->angle);
    const double *seen = eval_node(e, next_of(f->m, "seen"));
    cr_assert_not_null(seen, "%s", eval_error(e));
    memcpy(image, seen, ALL * sizeof *image);
    const double *turn = eval_node(e, next_of(f->m, "turn"));
    cr_assert_not_null(turn, "%s", eval_error(e));
    if (angle) memcpy(angle, turn, ROWS * sizeof *angle);
    eval_free(e);
}

static double pixel(const double *image, int row, int i, int j, int k) {
    return image[((row * SIDE + i) * SIDE + j) * CHANNELS + k];
}

/* Whether a row of `seen` is the image, moved down and right, or its mirror; beyond the edges 0. */
static bool is_moved(
        const Fixture *f, const double *seen, int row, int down, int right, bool mirror) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            for (int k = 0; k < CHANNELS; k++) {
                int p = i - down, q = j - right;
                bool inside = p >= 0 && p < SIDE && q >= 0 && q < SIDE;
                if (mirror) q = SIDE - 1 - q;
                double wanted = inside ? pixel(f->image, row, p, q, k) : 0;
                if (pixel(seen, row, i, j, k) != wanted) return false;
            }
    return true;
}

Test(augmentation, a_flip_is_the_image_or_its_mirror) {
    static double seen[ALL];
    double angle[ROWS];
    Fixture *f = fixture("    augment image, angle = mirrored(image, angle)\n");
    int flipped = 0;
    train(f, 0, seen, angle);
    for (int b = 0; b < ROWS; b++) {
        bool mirror = is_moved(f, seen, b, 0, 0, true);
        cr_expect(mirror || is_moved(f, seen, b, 0, 0, false), "row %d is neither", b);
        cr_expect_eq(angle[b], mirror ? -f->angle[b] : f->angle[b]);
        flipped += mirror;
    }
    cr_expect(flipped > ROWS / 4 && flipped < 3 * ROWS / 4, "%d of %d rows", flipped, ROWS);
    drop(f);
}

Test(augmentation, a_crop_is_a_window_of_the_padded_image) {
    static double seen[ALL];
    Fixture *f = fixture("    augment image = image |> zero_padding2d(1) |> random_crop(5, 5)\n");
    int count[3][3] = {{0}}, found = 0;
    train(f, 0, seen, NULL);
    for (int b = 0; b < ROWS; b++)
        for (int down = -1; down <= 1; down++)
            for (int right = -1; right <= 1; right++) {
                bool here = is_moved(f, seen, b, down, right, false);
                count[down + 1][right + 1] += here;
                found += here;
            }
    cr_expect_eq(found, ROWS, "%d of %d rows are windows", found, ROWS);
    for (int k = 0; k < 9; k++) cr_expect(count[k / 3][k % 3] > 0, "window %d never occurs", k);
    drop(f);
}

Test(augmentation, steps_differ_and_repeat) {
    static double first[ALL], second[ALL], again[ALL];
    Fixture *f = fixture("    augment image = image |> random_rotation(0.1)\n"
                         "    augment image = image |> random_brightness(0.1)\n");
    train(f, 0, first, NULL);
    train(f, 1, second, NULL);
    train(f, 0, again, NULL);
    cr_expect(memcmp(first, second, sizeof first) != 0);
    cr_expect_arr_eq(first, again, sizeof first);
    drop(f);
}

Test(augmentation, lines_are_carried_out_in_their_order) {
    static double seen[ALL];
    Fixture *f = fixture("    augment image = image + 1\n"
                         "    augment image[n, i, j, k] = 2 * image[n, i, j, k]\n");
    train(f, 0, seen, NULL);
    for (int i = 0; i < ALL; i++) cr_assert_eq(seen[i], 2 * (f->image[i] + 1));
    drop(f);
}

Test(augmentation, prediction_sees_the_image) {
    Fixture *f = fixture("    augment image = image |> random_flip |> random_erasing\n");
    Eval *e = eval_new(f->m->graph, ROWS, 2, 0);
    eval_bind(e, f->m->input.at[0].node, f->image);
    const double *same = eval_node(e, f->m->entry.at[0].output.at[0].node);
    cr_assert_not_null(same, "%s", eval_error(e));
    cr_expect_arr_eq(same, f->image, sizeof f->image);
    eval_free(e);
    drop(f);
}

static double number(const Fixture *f, Node *n) {
    Eval *e = eval_new(f->m->graph, ROWS, 2, 0);
    const double *value = eval_node(e, n);
    cr_assert_not_null(value, "%s", eval_error(e));
    double v = *value;
    eval_free(e);
    return v;
}

/* The initial weights and the model's own random numbers do not depend on the lines. */
Test(augmentation, the_rest_of_the_model_is_as_without) {
    Fixture *with = fixture("    augment image, angle = mirrored(image, angle)\n");
    Fixture *without = fixture("");
    cr_expect_eq(with->m->param.n, 1);
    cr_expect_eq(with->m->state.n, without->m->state.n);
    cr_expect_eq(number(with, with->m->param.at[0]->init),
            number(without, without->m->param.at[0]->init));
    cr_expect_eq(number(with, next_of(with->m, "drawn")),
            number(without, next_of(without->m, "drawn")));
    drop(with);
    drop(without);
}
