/* test_lower_train.c - losses, metrics, optimisers, frozen parameters, entries. */
#include "lower_text.h"

#define LINE                                                                                       \
    "model m {\n input x: f32[batch, 2]\n target y: f32[batch, 1]\n p = x |> dense(1)\n output "   \
    "p\n"                                                                                          \
    "loss mean_squared_error(p, y)\n"

/* Values of x's next after one step whose gradient is what the loss gives. */
static const double *next_of(Model *m, Eval *e, Var *v) {
    for (int k = 0; k < m->param.n; k++)
        if (m->param.at[k]->grad)
            eval_bind(e, m->param.at[k]->grad_leaf, values_of(e, m->param.at[k]->grad));
    return values_of(e, v->next);
}

Test(lower_train, settings) {
    Model *m = model_of(LINE
            "}\ntrain m {\n data csv(\"a.csv\", rows: 7)\n batch 12\n epochs 3\n shuffle false\n"
            "optimizer sgd(rate: 0.5)\n}\n");
    cr_assert_eq(m->batch, 12);
    cr_assert_eq(m->epochs, 3);
    cr_assert(!m->shuffle);
    cr_assert_str_eq(m->data.reader, "csv");
    cr_assert_str_eq(m->data.arg.at[0].text, "a.csv");
    cr_assert_str_eq(m->data.arg.at[1].name, "rows");
    cr_assert_str_eq(m->data.arg.at[1].text, "7");
    cr_assert_str_eq(m->number.at[0].path, "rate");
    cr_assert_eq(m->number.at[0].value, 0.5);
    arena_free(arena);
}

Test(lower_train, sgd_moves_against_the_gradient) {
    Model *m = model_of(LINE "}\ntrain m {\n optimizer sgd(rate: 0.5)\n}\n");
    Eval *e = bound_eval(m, 3);
    Var *w = var_at(m, "dense.w");
    const double *next = next_of(m, e, w), *old = values_of(e, w->leaf), *g = values_of(e, w->grad);
    expect_near(next, (double[]){old[0] - 0.5 * g[0], old[1] - 0.5 * g[1]}, 2, "w");
    eval_free(e);
}

Test(lower_train, optimisers_follow_patterns) {
    Model *m =
            model_of(LINE "}\ntrain m {\n optimizer sgd(rate: 0.5, momentum: 0.9) on \"dense.w\"\n"
                          "optimizer sgd(rate: 0.25)\n}\n");
    cr_assert_eq(m->slot.n, 1);
    cr_assert_str_eq(m->slot.at[0]->path, "sgd.v/dense.w");
    cr_assert_str_eq(m->number.at[0].path, "sgd.rate");
    cr_assert_str_eq(m->number.at[1].path, "sgd_1.rate");
    Eval *e = bound_eval(m, 3);
    Var *b = var_at(m, "dense.b");
    const double *next = next_of(m, e, b);
    expect_near(next, (double[]){-0.25 * values_of(e, b->grad)[0]}, 1, "b");
    eval_free(e);
}

/* Text before the loop may fold over all gradients. */
Test(lower_train, an_optimiser_sees_all_gradients) {
    Model *m = model_of(
            "optimizer clipped(rate = 1) {\n total = 0\n for p, g in parameters() { total = total "
            "+ sum(...) g[...] * g[...] }\n"
            "norm = sqrt(total)\n for p, g in parameters() { p = p - rate * g / norm }\n}\n" LINE
            "}\ntrain m {\n optimizer clipped()\n}\n");
    Eval *e = bound_eval(m, 3);
    Var *w = var_at(m, "dense.w"), *b = var_at(m, "dense.b");
    double step = 0;
    const double *next = next_of(m, e, w), *old = values_of(e, w->leaf);
    for (int i = 0; i < 2; i++) step += pow(next[i] - old[i], 2);
    step += pow(values_of(e, b->next)[0] - values_of(e, b->leaf)[0], 2);
    expect_near(&step, (double[]){1}, 1, "length of the step");
    eval_free(e);
}

Test(lower_train, slots_and_steps) {
    Model *m = model_of("optimizer o() {\n state all: f32[] = 2\n all = all + step\n"
                        "for p, g in parameters() {\n state n: like p = 3\n n = n + g\n p = p - n "
                        "* all\n}\n}\n" LINE "}\ntrain m {\n optimizer o()\n}\n");
    cr_assert_eq(m->slot.n, 3);
    Eval *e = bound_eval(m, 3);
    Var *b = var_at(m, "dense.b");
    double g = values_of(e, b->grad)[0];
    expect_near(next_of(m, e, b), (double[]){-(3 + g) * 2}, 1, "b");
    expect_near(values_of(e, var_at(m, "o.n/dense.b")->next), (double[]){3 + g}, 1, "n");
    eval_free(e);
}

Test(lower_train, losses_and_penalties_add_up) {
    Model *m = model_of("layer kept(x: f32[..., n]) {\n param w: f32[n] = 2\n penalty 0.5 * sum(i) "
                        "w[i] * w[i]\n return x * w\n}\n"
                        "model m {\n input x: f32[batch, 2]\n h = x |> kept\n loss mean(h)\n loss "
                        "0.1 * mean(x)\n output h\n}\n");
    Eval *e = bound_eval(m, 2);
    expect_near(values_of(e, m->loss), (double[]){2.5 + 0.125 + 4}, 1, "loss");
    eval_free(e);
}

Test(lower_train, losses_follow_patterns) {
    Model *m =
            model_of("model m {\n input x: f32[batch]\n param a: f32[] = 1\n param b: f32[] = 1\n"
                     "output y = x * a * b\n loss first = mean(y)\n loss second = 2 * mean(y)\n}\n"
                     "train m {\n optimizer sgd()\n loss second on \"b\"\n}\n");
    Eval *e = bound_eval(m, 2);
    expect_near(values_of(e, var_at(m, "a")->grad), (double[]){2.25}, 1, "a");
    expect_near(values_of(e, var_at(m, "b")->grad), (double[]){1.5}, 1, "b");
    eval_free(e);
}

Test(lower_train, frozen_parameters_stay) {
    Model *m = model_of(LINE "freeze \"dense.w\"\n}\ntrain m {\n optimizer sgd()\n}\n");
    cr_assert(!var_at(m, "dense.w")->trained && !var_at(m, "dense.w")->next);
    cr_assert(var_at(m, "dense.b")->trained && var_at(m, "dense.b")->next);
    arena_free(arena);
}

Test(lower_train, metrics_have_totals_and_results) {
    Model *m = model_of(
            "metric hits(x, limit: real = 1) {\n total over = sum(...) int(x[...] > limit)\n"
            "total all = sum(...) x[...]\n result all / over\n}\n" LINE
            "metric hits(x, limit: 1.2)\n metric shift = abs(mean(x))\n metric hits(x)\n}\n");
    cr_assert_eq(m->metric.n, 4);
    cr_assert_str_eq(m->metric.at[0].name, "loss");
    cr_assert_str_eq(m->metric.at[1].name, "hits");
    cr_assert_str_eq(m->metric.at[2].name, "shift");
    cr_assert_str_eq(m->metric.at[3].name, "hits_1");
    Metric *hits = &m->metric.at[1];
    cr_assert_eq(hits->total[0]->dtype, T_I32);
    cr_assert_eq(hits->total[1]->dtype, T_F32);
    Eval *e = bound_eval(m, 3);
    expect_near(values_of(e, hits->total[0]), (double[]){4}, 1, "over");
    expect_near(values_of(e, hits->total[1]), (double[]){10.5}, 1, "all");
    eval_bind(e, hits->total_leaf[0], (double[]){4});
    eval_bind(e, hits->total_leaf[1], (double[]){10});
    expect_near(values_of(e, hits->result), (double[]){2.5}, 1, "result");
    expect_near(values_of(e, m->metric.at[2].total[0]), (double[]){1.75 * 3}, 1, "shift");
    eval_free(e);
}

Test(lower_train, predict_takes_what_its_outputs_need) {
    Model *m = model_of("model m {\n input a: f32[batch]\n input b: f32[batch]\n target t: "
                        "f32[batch]\n param w: f32[] = 1\n"
                        "output y = a * w\n loss mean((a * w + b - t) ** 2)\n}\n");
    cr_assert_eq(m->entry.at[0].input.n, 1);
    cr_assert_str_eq(m->entry.at[0].input.at[0].name, "a");
    cr_assert_eq(m->input.n, 2);
    arena_free(arena);
}

Test(lower_train, entries_and_states_of_rows) {
    Model *m = model_of(
            "model m {\n input x: f32[batch, 2]\n d = dense(2)\n h = x |> d\n state seen: "
            "f32[batch] = zeros()\n"
            "output y = h\n entry more {\n input z: f32[batch, 2]\n seen = seen + z[:, 0]\n"
            "output q = (z |> d) + seen_of(seen)\n}\n}\nfn seen_of(s) {\n y[n, k in 0..1] = s[n]\n "
            "return y\n}\n");
    cr_assert_eq(m->entry.n, 2);
    Entry *more = &m->entry.at[1];
    cr_assert_eq(more->writes.n, 1);
    cr_assert_eq(m->entry.at[0].writes.n, 0);
    cr_assert_eq(m->param.n, 2);
    cr_assert_eq(m->row_state.at[0]->leaf->leaf, L_ROW_STATE);
    Eval *e = bound_eval(m, 2);
    expect_near(values_of(e, more->next.at[0]), (double[]){0.5, 1.5}, 2, "seen");
    eval_free(e);
}

/* Every row of an evaluation begins anew; a prediction goes on where the last one ended. */
Test(lower_train, evaluation_begins_with_initial_states) {
    Model *m = model_of("model m {\n input x: f32[batch]\n param w: f32[] = 1\n state s: "
                        "f32[batch] = zeros()\n s = s + x\n"
                        "output y = s\n loss mean(s * w)\n}\n");
    cr_assert_eq(m->entry.at[0].writes.n, 1);
    Eval *e = bound_eval(m, 2);
    eval_bind(e, m->row_state.at[0]->leaf, (double[]){10, 20});
    expect_near(values_of(e, output_node(m, "y")), (double[]){10.5, 21}, 2, "y");
    expect_near(values_of(e, m->loss), (double[]){0.75}, 1, "loss");
    expect_near(values_of(e, m->metric.at[0].total[0]), (double[]){1.5}, 1, "evaluated loss");
    eval_free(e);
}

/* Statistics of the model are written by training alone, a row's state by calls alone. */
Test(lower_train, predict_writes_no_state_of_the_model) {
    Model *m = model_of("metric any(x) {\n total hit = x[0] > 100\n result hit\n}\n"
                        "model m {\n input x: f32[batch]\n param w: f32[] = 1\n"
                        "state s: f32[] = 0\n s = s + 1\n output y = x * s\n loss mean(x * w)\n"
                        "metric any(x)\n}\n");
    cr_assert_eq(m->entry.at[0].writes.n, 0);
    cr_assert(var_at(m, "s")->next);
    cr_assert_eq(m->metric.at[1].total[0]->dtype, T_I32);
    arena_free(arena);
}

/* One word a call, with keys and values kept from call to call, gives what the whole text
 * gives at once. */
Test(lower_train, a_key_value_cache_gives_what_the_whole_gives) {
    enum { WORDS = 5, CLASSES = 7, ROWS = 2 };
    arena = arena_new();
    Ast *std = ast_load_std(arena), *program = ast_load(arena, "tests/programs/key_value_cache.dl");
    LowerOptions o = {0};
    Model *m = lower(arena, std, program, "key_value_cache.dl", &o);
    cr_assert(m);
    Entry *decode = &m->entry.at[1];
    double word[ROWS][WORDS] = {{3, 1, 4, 1, 5}, {6, 0, 2, 6, 3}}, *state[3];
    Eval *whole = bound_eval(m, ROWS);
    eval_bind(whole, m->input.at[0].node, word[0]);
    const double *scores = values_of(whole, output_node(m, "scores"));
    for (int k = 0; k < 3; k++)
        state[k] = calloc((size_t)node_elements(decode->writes.at[k]->leaf, ROWS), sizeof(double));
    for (int t = 0; t < WORDS; t++) {
        Eval *e = bound_eval(m, ROWS);
        eval_bind(e, decode->input.at[0].node, (double[]){word[0][t], word[1][t]});
        for (int k = 0; k < 3; k++) eval_bind(e, decode->writes.at[k]->leaf, state[k]);
        const double *got = values_of(e, decode->output.at[0].node);
        for (int row = 0; row < ROWS; row++)
            expect_near(
                    got + row * CLASSES, scores + (row * WORDS + t) * CLASSES, CLASSES, "logits");
        for (int k = 0; k < 3; k++)
            memcpy(state[k], values_of(e, decode->next.at[k]),
                    (size_t)node_elements(decode->writes.at[k]->leaf, ROWS) * sizeof(double));
        eval_free(e);
    }
    for (int k = 0; k < 3; k++) free(state[k]);
    eval_free(whole);
    arena_free(arena);
}
