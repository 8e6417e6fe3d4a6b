/* The whole trainer with a model written by hand: commands, results, messages, exit codes. What
 * it draws on a terminal is in test_terminal.c. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "trainer_line.h"

static char out[1 << 16], err[1 << 16];
static DlConfig config;
static const DlArg args[] = {{"rows", "20"}, {"noise", "0"}};

static void setup(void) {
    make_folder();
    config = (DlConfig){
            .readers = dl_all_readers, .reader = "linear", .narg = 2, .arg = args, .epochs = 3,
            .directory = folder};
    if (chdir(folder) != 0) abort();
    unsetenv("NO_COLOR");
}

static void teardown(void) {
    if (chdir("/") != 0) abort();
    remove_folder();
}

TestSuite(trainer, .init = setup, .fini = teardown);

static void slurp(const char *name, char *text, size_t size) {
    FILE *f = fopen(in_folder(name), "rb");
    size_t n = f ? fread(text, 1, size - 1, f) : 0;
    text[n] = '\0';
    if (f) fclose(f);
}

static int split_words(char *line, char **argv) {
    int argc = 0;
    for (char *w = strtok(line, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    argv[argc] = NULL;
    return argc;
}

/* Runs `line ...` in this process; what it prints is in out and err. */
static int run(const char *command) {
    char line[512], *argv[32];
    snprintf(line, sizeof line, "/usr/bin/line %s", command);
    int argc = split_words(line, argv);
    fflush(NULL);
    int kept_out = dup(1), kept_err = dup(2);
    int to_out = open(in_folder("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int to_err = open(in_folder("err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(kept_out >= 0 && kept_err >= 0 && to_out >= 0 && to_err >= 0);
    dup2(to_out, 1);
    dup2(to_err, 2);
    int status = dl_main(&line_model, &config, argc, argv);
    fflush(NULL);
    dup2(kept_out, 1);
    dup2(kept_err, 2);
    int all[] = {kept_out, kept_err, to_out, to_err};
    for (int i = 0; i < 4; i++) close(all[i]);
    slurp("out", out, sizeof out);
    slurp("err", err, sizeof err);
    return status;
}

static void expect_in(const char *text, const char *part) {
    cr_expect(strstr(text, part) != NULL, "'%s' is not in: %s", part, text);
}

static int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* ---- training, evaluating, predicting ----------------------------------------------- */

Test(trainer, trains_and_finds_the_line) {
    cr_assert_eq(run("train --epochs 400 --seed 3"), 0, "%s", err);
    expect_in(err, "line: 20 training rows, 20 test rows");
    expect_in(err, "epoch 400/400  loss ");
    expect_in(err, "weights written to line.safetensors");
    cr_expect_eq(count_lines(err), 2 + 50);
    double loss, error;
    cr_assert_eq(sscanf(out, "loss %lf  mean_absolute_error %lf", &loss, &error), 2, "%s", out);
    cr_expect(loss < 1e-6 && error < 1e-3, "%s", out);

    char trained[256];
    strcpy(trained, out);
    cr_assert_eq(run("evaluate"), 0, "%s", err);
    cr_expect_str_eq(out, trained);
    cr_expect_str_eq(err, "");
}

Test(trainer, json_is_one_object_a_line_and_the_last_holds_the_metrics) {
    cr_assert_eq(run("train --json --quiet --weights=w.safetensors"), 0, "%s", err);
    cr_expect_eq(count_lines(out), 4);
    cr_expect_eq(strncmp(out, "{\"epoch\": 1, \"step\": 3, \"train_loss\": ", 37), 0, "%s", out);
    expect_in(out, ", \"rate\": 0.1, ");
    expect_in(out, "\n{\"loss\": ");
    cr_expect_str_eq(err, "");
    char last[256];
    strcpy(last, strstr(out, "\n{\"loss\": ") + 1);
    cr_assert_eq(run("evaluate --json --weights w.safetensors"), 0, "%s", err);
    cr_expect_str_eq(out, last);
}

Test(trainer, the_same_seed_gives_the_same_weights) {
    static char a[4096], b[4096];
    cr_assert_eq(run("train --quiet --seed 5 --weights a --threads 1"), 0, "%s", err);
    cr_assert_eq(run("train --quiet --seed 5 --weights b --threads 4"), 0, "%s", err);
    slurp("a", a, sizeof a);
    slurp("b", b, sizeof b);
    cr_expect_arr_eq(a, b, sizeof a);
    cr_assert_eq(run("train --quiet --seed 6 --weights b"), 0, "%s", err);
    slurp("b", b, sizeof b);
    cr_expect_arr_neq(a, b, sizeof a);
}

Test(trainer, a_run_is_resumed_to_the_same_bits) {
    DlError e = {""};
    DlRequest q = {.table = &line_model, .config = &config};
    DlData *d = dl_data_open(&q, &e);
    DlSession a, b;
    DlRun r, resumed;
    float loss;
    cr_assert(d && dl_session_open(&a, &line_model, 1, 3, &e) &&
              dl_session_open(&b, &line_model, 1, 9, &e));
    cr_assert(dl_run_open(&r, &a, d, &config, 3, &e));
    cr_expect_eq(dl_run_batches(&r), 3); /* 8, 8 and 4 rows */
    for (int i = 0; i < 5; i++) {
        if (r.batch == 3) dl_run_next(&r);
        cr_assert(dl_run_step(&r, &loss, &e));
    }
    memcpy(b.model, a.model, sizeof(Line));
    cr_assert(dl_run_open(&resumed, &b, d, &config, 3, &e));
    dl_run_next(&resumed);
    resumed.batch = r.batch;
    cr_assert(dl_run_step(&r, &loss, &e));
    cr_assert(dl_run_step(&resumed, &loss, &e));
    cr_expect_eq(r.rows->rows, 8);
    cr_expect_eq(r.rows_done, 20);
    cr_expect_not(dl_run_step(&r, &loss, &e));
    cr_expect_str_eq(e.text, "this epoch is over");
    cr_expect_arr_eq(a.model, b.model, sizeof(Line));
    dl_run_close(&r);
    dl_run_close(&resumed);
    dl_session_close(&a);
    dl_session_close(&b);
    dl_data_free(d);
}

static void write_rows(const char *name, int64_t rows, int64_t wide) {
    float x[32];
    int64_t shape[] = {rows, wide};
    DlError e = {""};
    for (int i = 0; i < 32; i++) x[i] = (float)i;
    cr_assert(dl_npy_write(in_folder(name), DL_F32, 2, shape, x, &e), "%s", e.text);
}

Test(trainer, predicts_what_it_learnt) {
    DlError e = {""};
    DlPool *p = dl_pool_new();
    DlArray y;
    int64_t rows;
    cr_assert_eq(run("train --quiet --epochs 400"), 0, "%s", err);
    write_rows("x.npy", 10, 1);
    cr_assert_eq(run("predict --input x.npy -o y.npy"), 0, "%s", err);
    cr_assert(dl_npy_read(p, in_folder("y.npy"), &y, &rows, &e), "%s", e.text);
    cr_expect_eq(rows, 10);
    for (int i = 0; i < 10; i++)
        cr_expect(fabsf(((const float *)(const void *)y.at)[i] - (float)(2 * i + 1)) < 1e-2f);
    cr_assert_eq(run("predict --input x=x.npy"), 0, "%s", err);
    cr_expect_eq(count_lines(out), 10);
    expect_in(out, "2:  prediction ");
    cr_assert_eq(run("predict --json --input=x.npy"), 0, "%s", err);
    cr_expect_eq(strncmp(out, "{\"row\": 0, \"prediction\": [", 26), 0, "%s", out);
    dl_pool_free(p);
}

Test(trainer, gradients_are_written_like_weights) {
    cr_assert_eq(run("train --quiet --epochs 1"), 0, "%s", err);
    write_rows("x.npy", 8, 1);
    cr_assert_eq(run("gradients --input x.npy --target x.npy -o g.safetensors"), 0, "%s", err);
    expect_in(out, "loss ");
    char text[4096];
    slurp("g.safetensors", text, sizeof text);
    expect_in(text + 8, "\"dense.w\"");
    write_rows("many.npy", 9, 1);
    cr_expect_eq(run("gradients --input many.npy --target many.npy -o g.safetensors"), 1);
    expect_in(err, "9 rows are given, and one step takes at most 8");
    cr_expect_eq(run("gradients --input x.npy -o g.safetensors"), 1);
    expect_in(err, "no file is given for 'y': add --target y=FILE.npy");
}

/* ---- messages and exit codes
 * ---------------------------------------------------------------------- */

static void expect_usage(const char *command, const char *message) {
    cr_expect_eq(run(command), 2, "%s", command);
    expect_in(err, message);
    cr_expect_str_eq(out, "");
}

Test(trainer, wrong_usage) {
    expect_usage("", "usage: line COMMAND [options]");
    expect_usage("trian", "line: there is no command 'trian'; did you mean 'train'?");
    expect_usage("train --epoch 3",
            "line train: there is no option '--epoch'; did you mean '--epochs'?");
    expect_usage("train --zzz", "line train: there is no option '--zzz'; see line --help");
    expect_usage("evaluate --epochs 3",
            "line evaluate: --epochs is an option of train; not of evaluate");
    expect_usage("train --epochs", "line train: --epochs needs a value: N");
    expect_usage("train --epochs 0", "line train: --epochs is '0', and must be a number from 1 to");
    expect_usage(
            "train --epochs=3x", "line train: --epochs is '3x', and must be a number from 1 to");
    expect_usage("train --seed -1", "--seed is '-1', and must be a number from 0 to");
    expect_usage("train --json=1", "--json takes no value, and '1' is given");
    expect_usage("predict", "line predict: --input FILE.npy is needed");
    expect_usage("predict --input x=", "--input is 'x=', and must be a file name");
}

static void expect_refused(const char *command, const char *message) {
    cr_expect_eq(run(command), 1, "%s", command);
    expect_in(err, message);
    cr_expect_str_eq(out, "");
}

Test(trainer, wrong_input) {
    expect_refused(
            "evaluate", "line evaluate: error: there are no weights: line.safetensors is not here");
    expect_refused("evaluate --weights none", "none: cannot be read: No such file or directory");
    write_text("w", "not weights");
    expect_refused("evaluate --weights w", "w: cannot be read: ");
    expect_refused("train --weights no/where", "no/where: the weights could not be written there: "
                                               "No such file or directory");
    cr_assert_eq(run("train --quiet"), 0);
    write_rows("x.npy", 5, 2);
    expect_refused("predict --input x.npy",
            "line.dl:2: 'x' is f32[batch, 1], but a row of the given data");
    write_rows("wide.npy", 1, 1);
    cr_assert_eq(run("predict --input wide.npy"), 0, "%s", err);
    float one = 1;
    DlError e = {""};
    cr_assert(dl_npy_write(in_folder("flat.npy"), DL_F32, 0, NULL, &one, &e));
    cr_assert_eq(run("predict --input flat.npy"), 0, "%s", err);
    expect_refused("predict --input u=x.npy", "there is no input of that name; there is x");
    expect_refused("predict --input none.npy", "none.npy: cannot be opened: No such file");
    expect_refused("predict --input words.txt", "words.txt: is not a .npy file");
    expect_refused("predict --input x.npy -o q=y.npy", "say which output goes there");
    expect_refused("train --weights /tmp", "/tmp: is not a file; name another for the weights");
    expect_refused("train --data no/such", "--data no/such: cannot be read: No such file or dir");
    config.reader = NULL;
    expect_refused("train", "line.dl: the train block has no `data` line; the readers are cifar10");
}

static void explain(void *context, const dl_model *table, const void *model, void *work, int64_t n,
        const void *const *data, char *text, size_t size) {
    (void)context, (void)table, (void)model, (void)work, (void)data;
    snprintf(text, size, "line.dl:5: 'dense' is the first, at %lld rows", (long long)n);
}

static const DlArg wild[] = {{"slope", "1e6"}, {"intercept", "1e6"}, {"noise", "1e6"}};

Test(trainer, a_loss_that_is_not_finite) {
    Line line = {.rate = 3, .w = 1e30f};
    config.explain = explain;
    DlError e = {""};
    DlRequest q = {.table = &line_model, .config = &config};
    DlData *d = dl_data_open(&q, &e);
    DlSession s;
    DlRun r;
    float loss;
    cr_assert(d && dl_session_open(&s, &line_model, 1, 3, &e) &&
              dl_run_open(&r, &s, d, &config, 3, &e));
    memcpy(s.model, &line, sizeof line);
    cr_expect_not(dl_run_step(&r, &loss, &e));
    expect_in(e.text,
            "line: the loss is not finite in epoch 1, batch 1 (step 1); the weights are those before "
            "this batch\nline.dl:5: 'dense' is the first, at 8 rows\n");
    cr_expect_arr_eq(s.model, &line, sizeof line);
    dl_run_close(&r);
    dl_session_close(&s);
    dl_data_free(d);
    config.arg = wild;
    config.narg = 3;
    cr_expect_eq(run("train --epochs 5"), 0, "%s", err);
}

Test(trainer, weights_of_another_model) {
    cr_assert_eq(run("train --quiet --weights w"), 0, "%s", err);
    char bytes[4096];
    FILE *f = fopen(in_folder("w"), "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t keep = 0; keep < n; keep += 7) {
        write_file("cut", bytes, keep);
        cr_expect_eq(run("evaluate --weights cut"), 1);
        expect_in(err, "line evaluate: error: cut: cannot be read: ");
    }
}

/* ---- what is shown
 * ------------------------------------------------------------------------------------ */

Test(trainer, help_of_a_command_names_its_options_and_no_others) {
    cr_expect_eq(run("--help"), 0);
    expect_in(out, "  train ");
    expect_in(out, "  predict ");
    cr_expect_eq(run("train --help"), 0);
    expect_in(out, "\nBreaking off and going on\n  --checkpoint-every N");
    cr_expect(!strstr(out, "--input"), "%s", out);
    cr_expect_eq(run("predict --quiet --help"), 0);
    expect_in(out, "  --input [NAME=]FILE");
    cr_expect(!strstr(out, "--epochs"), "%s", out);
}

Test(trainer, shows_values_beside_targets) {
    cr_assert_eq(run("train --quiet --show 2"), 0, "%s", err);
    expect_in(out, "row 1:  prediction ");
    expect_in(out, "  y (target) ");
    cr_expect_eq(count_lines(out), 3);
}
