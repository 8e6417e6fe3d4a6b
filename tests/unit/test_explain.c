/* test_explain.c - the entry that explains (compiler/explain.h, mixture.h), on models whose answer
 * is known: attributions of linear models are weights times ways, gradients of numbers are there
 * whatever type stores them, indices and pairs of them share what their vectors add, masks stay
 * masks; and along the way from baseline to input, attributions add up to the difference. */
#include "lower_text.h"

#include "../../compiler/explain.h"

enum { MOST = 64 };

typedef struct Trial {
    Model *m;
    const Entry *entry;
    double x[MOST], base[MOST]; /* of the input x, one row */
    int n;
    double value, attribution[MOST], gradient[MOST];
    bool has_gradient;
} Trial;

static Trial trial(const char *text, int n, const double *x, const double *base) {
    Trial t = {.m = model_of(text), .n = n};
    cr_assert(explain_add(arena, t.m, NULL), "%s", text);
    t.entry = &t.m->entry.at[1];
    for (int i = 0; i < n; i++) {
        t.x[i] = x[i];
        t.base[i] = base ? base[i] : 0;
    }
    return t;
}

static Node *output_of(const Trial *t, const char *name) {
    for (int i = 0; i < t->entry->output.n; i++)
        if (!strcmp(t->entry->output.at[i].name, name)) return t->entry->output.at[i].node;
    return NULL;
}

static void bind_inputs(const Trial *t, Eval *e, const double *presence) {
    double one[MOST];
    for (int i = 0; i < MOST; i++) one[i] = 1;
    for (int i = 0; i < t->entry->input.n; i++) {
        const Port *p = &t->entry->input.at[i];
        const double *v = !strcmp(p->name, "x")            ? t->x
                          : !strcmp(p->name, "x_baseline") ? t->base
                          : !strcmp(p->name, "x_presence") ? presence
                                                           : one;
        eval_bind(e, p->node, v);
    }
}

/* The entry where each element has its presence. */
static void look(Trial *t, const double *presence) {
    Eval *e = eval_new(t->m->graph, 1, 0, 0), *init = eval_new(t->m->graph, 1, 0, 0);
    bind_inputs(t, e, presence);
    for (int k = 0; k < t->m->param.n; k++) bind_initial(e, init, t->m->param.at[k]);
    Node *gradient = output_of(t, "x_gradient");
    t->has_gradient = gradient != NULL;
    t->value = values_of(e, output_of(t, "value"))[0];
    memcpy(t->attribution, values_of(e, output_of(t, "x_attribution")),
            (size_t)t->n * sizeof(double));
    if (gradient) memcpy(t->gradient, values_of(e, gradient), (size_t)t->n * sizeof(double));
    eval_free(e);
    eval_free(init);
}

static void look_at(Trial *t, double presence) {
    double all[MOST];
    for (int i = 0; i < MOST; i++) all[i] = presence;
    look(t, all);
}

/* Integrated gradients; they must add up to the difference of the values at the ends. */
static void integrate(Trial *t, int steps, double *out) {
    double sum = 0;
    for (int i = 0; i < t->n; i++) out[i] = 0;
    for (int s = 0; s < steps; s++) {
        look_at(t, (s + 0.5) / steps);
        for (int i = 0; i < t->n; i++) out[i] += t->attribution[i] / steps;
    }
    for (int i = 0; i < t->n; i++) sum += out[i];
    look_at(t, 0);
    double from = t->value;
    look_at(t, 1);
    cr_assert(fabs(sum - (t->value - from)) <= 1e-3 * fabs(t->value - from),
            "attributions add up to %g, and not to %g", sum, t->value - from);
}

Test(explain, a_linear_model_is_weights_times_ways) {
    Trial t = trial(
            "model m { input x: f32[batch, 3]\n y[n] = sum(i) x[n, i] * [2, -1, 5][i]\n output y }",
            3, (double[]){1, 2, 3}, (double[]){0.5, 0, -1});
    double got[3], want[] = {1, -2, 20}, w[] = {2, -1, 5};
    integrate(&t, 1, got);
    expect_near(got, want, 3, "attributions");
    expect_near(t.gradient, w, 3, "gradient");
}

Test(explain, bytes_are_numbers_wherever_they_are_used) {
    Trial t = trial("model m { input x: u8[batch, 2, 2]\n a = x / 255\n flat = flatten(x)\n"
                    " y[n] = (sum(i, j) a[n, i, j]) + 3 * real(flat[n, 2]) + (2 * x[n, 0, 1] - "
                    "x[n, 1, 1] + 7)\n output y }",
            4, (double[]){255, 10, 20, 30}, NULL);
    double got[4], want[] = {1, 10 / 255.0 + 20, 20 / 255.0 + 60, 30 / 255.0 - 30};
    double slope[] = {1 / 255.0, 1 / 255.0 + 2, 1 / 255.0 + 3, 1 / 255.0 - 1};
    integrate(&t, 1, got);
    expect_near(got, want, 4, "attributions");
    expect_near(t.gradient, slope, 4, "gradient");
}

Test(explain, the_largest_of_bytes_is_one_of_reals) {
    Trial t = trial("model m { input x: u8[batch, 4, 4]\n p[n, i, j] = max(a in 0..2, b in 0..2) "
                    "x[n, 2*i + a, 2*j + b]\n"
                    " y[n] = sum(i, j) real(p[n, i, j])\n output y }",
            16, (double[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, NULL);
    double got[16], want[16] = {[5] = 6, [7] = 8, [13] = 14, [15] = 16};
    integrate(&t, 10, got);
    expect_near(got, want, 16, "attributions");
}

static const char words[] =
        "const vectors = [[0.0, 0], [1, 2], [3, -1], [-2, 5]]\n"
        "model m { input x: i32[batch, 3]\n"
        " y[n] = sum(t, d) vectors[x[n, t], d] * [1, 10][d] * [1, 2, 3][t]\n output y }";

Test(explain, a_word_has_what_its_vector_adds) {
    Trial t = trial(words, 3, (double[]){1, 2, 3}, (double[]){0, 0, 2});
    double got[3], want[] = {21, 2 * -7, 3 * (48 + 7)};
    integrate(&t, 1, got);
    expect_near(got, want, 3, "attributions");
    cr_assert(!t.has_gradient, "an index has no gradient");
}

Test(explain, a_byte_may_be_an_index_too) {
    Trial t = trial("const vectors = [[0.0], [7], [9]]\nmodel m { input x: u8[batch, 2]\n"
                    " y[n] = vectors[min(x[n, 0], 2), 0] + 0.5 * x[n, 1]\n output y }",
            2, (double[]){2, 6}, NULL);
    double got[2], want[] = {9, 3};
    integrate(&t, 1, got);
    expect_near(got, want, 2, "attributions");
}

Test(explain, neighbours_share_what_their_pair_adds) {
    Trial t = trial(
            "const vectors = [0.0, 1, 2, 30, 4, 5, 6, 7, 8]\nmodel m { input x: i32[batch, 3]\n"
            " y[n] = sum(t in 0..2) vectors[(3 * x[n, t] + x[n, t + 1]) % 9] * [1, 100][t]\n "
            "output y }",
            3, (double[]){1, 0, 2}, NULL);
    double got[3], want[] = {15, 15 + 100, 100};
    integrate(&t, 1, got);
    expect_near(got, want, 3, "attributions");
}

Test(explain, one_hot_places_are_vectors) {
    Trial t = trial("model m { input x: i32[batch, 2]\n"
                    " h[n, t, c in 0..3] = real(x[n, t] == c)\n g[n, t, c in 0..3] = if x[n, t] == "
                    "c then 1.0 else 0.0\n"
                    " y[n] = (sum(t, c) h[n, t, c] * [0, 5, 7][c]) + (sum(t, c) g[n, t, c] * [0, "
                    "100, 200][c])\n output y }",
            2, (double[]){1, 2}, NULL);
    double got[2], want[] = {105, 207};
    integrate(&t, 1, got);
    expect_near(got, want, 2, "attributions");
}

/* Three words of four count: the mean is over three, however much of them is there. */
Test(explain, a_mask_stays_a_mask) {
    Trial t =
            trial("const vectors = [0.0, 3, 6, 9]\nmodel m { input x: i32[batch, 4]\n"
                  " count[n] = sum(t) if x[n, t] != 0 then 1\n"
                  " y[n] = (sum(t) if x[n, t] != 0 then vectors[x[n, t]]) / count[n]\n output y }",
                    4, (double[]){1, 2, 0, 3}, NULL);
    double got[4], want[] = {1, 2, 0, 3};
    integrate(&t, 1, got);
    expect_near(got, want, 4, "attributions");
}

Test(explain, what_is_no_function_of_reals_goes_between_its_values) {
    Trial t = trial("model m { input x: i32[batch, 2]\n y[n] = real(x[n, 0] // 3) + real(x[n, 1] % "
                    "4)\n output y }",
            2, (double[]){7, 6}, (double[]){0, 1});
    double got[2], want[] = {2, 1};
    integrate(&t, 1, got);
    expect_near(got, want, 2, "attributions");
}

Test(explain, attributions_of_networks_add_up) {
    double got[MOST], pixel[48];
    for (int i = 0; i < 48; i++) pixel[i] = (37 * i) % 256;
    Trial t = trial(
            "model m { input x: u8[batch, 6, 8]\n image[n, i, j, c in 0..1] = x[n, i, j] / 255\n"
            " y = image |> conv2d(3, 3, activation: relu) |> max_pool2d(2) |> flatten |> dense(1) "
            "|> sigmoid\n"
            " output y }",
            48, pixel, NULL);
    integrate(&t, 400, got);
    t = trial("model m { input x: i32[batch, 6]\n"
              " y = x |> embedding(9, 4) |> gru(5) |> dense(1) |> sigmoid\n output y }",
            6, (double[]){0, 0, 3, 8, 2, 5}, NULL);
    integrate(&t, 100, got);
    cr_assert(got[0] == 0 && got[1] == 0 && got[3] != 0, "padding that is padding changes nothing");
    t = trial("model m { input x: i32[batch, 5]\n"
              " v = x |> embedding(9, 4)\n y = attention(v, v) |> flatten |> dense(1)\n output y }",
            5, (double[]){1, 2, 3, 4, 5}, NULL);
    integrate(&t, 100, got);
}

Test(explain, an_input_that_does_not_matter_has_zeros) {
    Trial t = trial("model m { input x: f32[batch, 2]\n input z: f32[batch]\n y[n] = z[n] * z[n] + "
                    "0 * floor(x[n, 0])\n output y }",
            2, (double[]){1, 2}, NULL);
    look_at(&t, 1);
    cr_assert(t.attribution[0] == 0 && t.attribution[1] == 0);
}

/* ---- tap ------------------------------------------------------------------------------------ */

static const char tapped[] = "model m { input x: f32[batch, 3, 2]\n h = x |> dense(4) |> relu\n"
                             " z = h |> simple_rnn(5)\n h = z * 2\n y = h |> dense(1)\n output y }";

static Node *tap_of(const char *name) {
    Model *m = model_of(tapped);
    cr_assert(tap_add(arena, m, &name, 1), "%s", name);
    return m->entry.at[1].output.at[0].node;
}

Test(tap, names_of_the_text_and_paths_of_layers) {
    cr_assert_eq(tap_of("h")->rank, 2);
    cr_assert_eq(tap_of("dense")->rank, 3);
    cr_assert_eq(tap_of("dense_1")->dim[1], 1);
    cr_assert_eq(tap_of("simple_rnn")->dim[1], 5);
    cr_assert_eq(tap_of("x")->rank, 3);
}

Test(tap, steps_of_a_scan_come_behind_the_rows) {
    Model *m = model_of(
            "model m { input x: f32[batch, 3, 2]\n scan t in 3 with s = zeros(batch, 2) {\n"
            " twice = 2 * (s + x[:, t])\n s = twice\n }\n output y = s }");
    const char *name = "twice";
    cr_assert(tap_add(arena, m, &name, 1));
    Node *n = m->entry.at[1].output.at[0].node;
    cr_assert_eq(n->dim[0], DIM_BATCH);
    Eval *e = eval_new(m->graph, 2, 0, 0);
    bind_sequence(e, &m->input.at[0], 2);
    cr_assert_eq(n->rank, 3);
    double want[] = {1, 2, 5, 8, 15, 22, 7, 8, 23, 26, 57, 64};
    expect_near(values_of(e, n), want, 12, "steps");
    eval_free(e);
}

Test(tap, a_name_that_is_not_there_has_a_near_one) {
    Model *m = model_of(tapped);
    const char *name = "simple_rn";
    cr_assert(!tap_add(arena, m, &name, 1));
    cr_assert_eq(diag_errors(), 1);
}
