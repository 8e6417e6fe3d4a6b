/* What watches, steers and saves a run, piece by piece: monitors, the log, checkpoints, the rows
 * that are validated, weights of classes, numbers, averages, weights of other models. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>

#include "../../runtime/trainer/training.h"
#include "trainer_line.h"

static DlError failure;

static void setup(void) {
    make_folder();
    failure.text[0] = '\0';
    if (chdir(folder) != 0) abort();
}

static void teardown(void) {
    if (chdir("/") != 0) abort();
    remove_folder();
}

TestSuite(control, .init = setup, .fini = teardown);

static void expect_message(const char *part) {
    cr_expect(strstr(failure.text, part) != NULL, "'%s' is not in: %s", part, failure.text);
    failure.text[0] = '\0';
}

/* ---- monitors ----------------------------------------------------------------------- */

static char train_loss[] = "train_loss", validation_loss[] = "validation_loss",
            validation_hits[] = "validation_hits";
static char *columns[] = {train_loss, validation_loss, validation_hits};

static DlRecord record_of(double *value) {
    return (DlRecord){
            .n = 3, .metric = 1, .rate = 3, .split = "validation", .name = columns, .value = value};
}

/* For each epoch's value whether it was the best: "1" or "0". */
static void look(const DlMonitor *m, const double *value, int n, const char *expected) {
    double row[3] = {0};
    DlRecord r = record_of(row);
    DlWatch w;
    cr_assert(dl_watch_open(&w, m, "stop_early", &r, &failure), "%s", failure.text);
    for (int i = 0; i < n; i++) {
        row[1] = row[2] = value[i];
        r.epoch = i + 1;
        cr_expect_eq(dl_watch_look(&w, &r), expected[i] == '1', "epoch %d", i + 1);
        if (expected[i] == '1') cr_expect_eq(w.best_epoch, i + 1);
    }
}

Test(control, a_loss_is_better_when_it_is_smaller) {
    const double loss[] = {3, 2, 2, 2.5, NAN, 1.5, -INFINITY};
    look(&(DlMonitor){0}, loss, 7, "1100011");
    look(&(DlMonitor){.min_delta = 0.5}, loss, 7, "1100001");
    look(&(DlMonitor){.name = "validation_loss", .better = 1}, loss, 7, "1000000");
}

Test(control, a_first_loss_that_is_not_finite_is_not_the_best) {
    const double loss[] = {NAN, INFINITY, 5, 4};
    look(&(DlMonitor){0}, loss, 4, "0011");
}

Test(control, a_metric_needs_a_direction) {
    double row[3] = {0};
    DlRecord r = record_of(row);
    DlWatch w;
    cr_expect_not(
            dl_watch_open(&w, &(DlMonitor){.name = "validation_hits"}, "stop_early", &r, &failure));
    expect_message(
            "stop_early: is a greater 'validation_hits' better, or a smaller one? Add mode: max");
    const double hits[] = {0.1, 0.3, 0.2, 0.4};
    look(&(DlMonitor){.name = "validation_hits", .better = 1}, hits, 4, "1101");
}

Test(control, a_column_that_is_not_there) {
    double row[3] = {0};
    DlRecord r = record_of(row);
    DlWatch w;
    cr_expect_not(
            dl_watch_open(&w, &(DlMonitor){.name = "validation_hit"}, "stop_early", &r, &failure));
    expect_message("did you mean 'validation_hits'? There are train_loss, validation_loss, "
                   "validation_hits");
    r.split = "test";
    cr_expect_not(
            dl_watch_open(&w, &(DlMonitor){.name = "validation_x"}, "stop_early", &r, &failure));
    expect_message(
            "nothing is validated, so that there is no 'validation_x'; add `validation 0.1`");
}

/* ---- the log ------------------------------------------------------------------------ */

static void log_epochs(const char *name, int first, int last, int64_t done) {
    double row[3] = {0.5, 0.25, NAN};
    DlRecord r = record_of(row);
    DlLog l;
    cr_assert(dl_log_open(&l, name, &r, done, &failure), "%s", failure.text);
    for (int i = first; i <= last; i++) {
        r.epoch = i;
        r.step = 10 * i;
        row[0] = i;
        cr_assert(dl_log_row(&l, &r, &failure), "%s", failure.text);
    }
    dl_log_close(&l);
}

static void expect_file(const char *name, const char *text) {
    char bytes[4096];
    FILE *f = fopen(name, "rb");
    cr_assert(f);
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
    fclose(f);
    cr_expect_str_eq(bytes, text);
}

#define HEADER "epoch,step,train_loss,validation_loss,validation_hits,samples_per_second,seconds," \
               "waiting_seconds\n"
#define ROW(n) #n "," #n "0," #n ",0.25,,0,0.000000,0.000000\n"

Test(control, a_log_goes_on_where_its_run_does) {
    log_epochs("a.csv", 1, 4, 0);
    expect_file("a.csv", HEADER ROW(1) ROW(2) ROW(3) ROW(4));
    log_epochs("a.csv", 3, 5, 2);
    expect_file("a.csv", HEADER ROW(1) ROW(2) ROW(3) ROW(4) ROW(5));
    FILE *f = fopen("a.csv", "a");
    fputs("6,60,0.", f); /* killed while it wrote */
    fclose(f);
    log_epochs("a.csv", 6, 6, 5);
    expect_file("a.csv", HEADER ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6));
    log_epochs("a.csv", 1, 1, 0);
    expect_file("a.csv", HEADER ROW(1));
    log_epochs("new.csv", 3, 3, 2);
    expect_file("new.csv", HEADER ROW(3));
}

Test(control, a_log_of_objects) {
    log_epochs("a.jsonl", 1, 2, 0);
    log_epochs("a.jsonl", 2, 2, 1);
    expect_file("a.jsonl",
            "{\"epoch\": 1, \"step\": 10, \"train_loss\": 1, \"validation_loss\": 0.25, "
            "\"validation_hits\": null, \"samples_per_second\": 0, \"seconds\": 0.000000, "
            "\"waiting_seconds\": 0.000000}\n"
            "{\"epoch\": 2, \"step\": 20, \"train_loss\": 2, \"validation_loss\": 0.25, "
            "\"validation_hits\": null, \"samples_per_second\": 0, \"seconds\": 0.000000, "
            "\"waiting_seconds\": 0.000000}\n");
}

Test(control, a_log_that_cannot_be_written) {
    double row[3] = {0};
    DlRecord r = record_of(row);
    DlLog l;
    cr_expect_not(dl_log_open(&l, "no/where.csv", &r, 0, &failure));
    expect_message("no/where.csv: the log cannot be written: No such file or directory");
}

/* ---- rows to validate on ------------------------------------------------------------ */

static const DlArg made[] = {{"rows", "100"}};

static DlData *line_data(DlConfig *c) {
    c->readers = dl_all_readers;
    c->reader = "linear";
    c->narg = 1;
    c->arg = made;
    DlRequest q = {.table = &line_model, .config = c};
    return dl_data_open(&q, &failure);
}

static double sum_of(const DlSplit *s) {
    double sum = 0;
    for (int64_t i = 0; i < s->rows; i++)
        sum += (double)((const float *)(const void *)s->array[0].at)[i];
    return sum;
}

Test(control, a_share_is_set_aside_and_nothing_is_lost) {
    DlConfig c = {0};
    DlData *all = line_data(&c);
    c.control.validation = 0.25;
    DlData *some = line_data(&c), *again = line_data(&c);
    cr_assert(all && some && again, "%s", failure.text);
    cr_expect_eq(some->train.rows, 75);
    cr_expect_eq(some->validation.rows, 25);
    cr_expect(fabs(sum_of(&some->train) + sum_of(&some->validation) - sum_of(&all->train)) < 1e-4);
    cr_expect_arr_eq(some->validation.array[0].at, again->validation.array[0].at, 100);
    c.control.validation_last = true;
    DlData *last = line_data(&c);
    cr_assert(last);
    cr_expect_arr_eq(last->train.array[0].at, all->train.array[0].at, 75 * 4);
    cr_expect_arr_eq(last->validation.array[1].at, all->train.array[1].at + 75 * 4, 25 * 4);
    c.control.validation = 0.999;
    cr_expect_null(line_data(&c));
    expect_message("validation 0.999: of 100 training rows none is left to train on");
    c.control.validation = 1e-9;
    DlData *one = line_data(&c);
    cr_expect_eq(one->validation.rows, 1);
    DlData *const opened[] = {all, some, again, last, one};
    for (int i = 0; i < 5; i++) dl_data_free(opened[i]);
}

Test(control, rows_of_their_own) {
    static const DlArg more[] = {{"rows", "7"}, {"seed", "5"}};
    DlConfig c = {.validation_reader = "linear", .validation_narg = 2, .validation_arg = more};
    DlData *d = line_data(&c);
    cr_assert(d, "%s", failure.text);
    cr_expect_eq(d->train.rows, 100);
    cr_expect_eq(d->validation.rows, 7);
    dl_data_free(d);
}

/* ---- weights of classes ------------------------------------------------------------- */

static void classes(Described *d, const char *of) {
    static const char *const text[] = {"x f32 -1", "label i32 -1", "weight f32 -1", NULL};
    describe(d, 1, text);
    write_text("classes.csv", "x,label\n1,0\n2,0\n3,2\n4,0\n5,0\n6,0\n7,2\n8,0\n");
    d->arg[0] = (DlArg){"file", "classes.csv"};
    d->arg[1] = (DlArg){"test", "0.25"};
    d->config.control.weight = "weight";
    d->config.control.weight_of = of;
}

static float weight_at(const DlSplit *s, int64_t row) {
    return ((const float *)(const void *)s->array[2].at)[row];
}

Test(control, classes_count_alike) {
    Described d;
    classes(&d, "label");
    DlData *data = open_data(&d, "csv", NULL);
    cr_assert(data, "%s", d.error.text);
    double sum[3] = {0};
    cr_assert_eq(data->train.array[1].type, DL_F64);
    for (int64_t i = 0; i < data->train.rows; i++)
        sum[(int)((const double *)(const void *)data->train.array[1].at)[i]] +=
                (double)weight_at(&data->train, i);
    cr_expect(fabs(sum[0] - sum[2]) < 1e-6 && sum[1] < 1e-6 &&
              fabs(sum[0] + sum[2] - (double)data->train.rows) < 1e-5);
    cr_expect_eq(data->test.rows, 2);
    cr_expect(weight_at(&data->test, 0) > 0);
    /* An evaluation has the weights that training had. */
    DlMeta *m = &data->meta;
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->pair[i].key, "class_weight") == 0) m->pair[i].value = "0.5 1 7";
    DlData *later = open_data(&d, "csv", m);
    cr_assert(later, "%s", d.error.text);
    for (int64_t i = 0; i < later->train.rows; i++)
        cr_expect(weight_at(&later->train, i) == 0.5f || weight_at(&later->train, i) == 7);
    dl_data_free(later);
    close_described(&d, data);
}

Test(control, what_are_no_classes) {
    static const char *const vector[] = {"x f32 -1", "label i32 -1", "weight f32 -1 2", NULL};
    Described d;
    classes(&d, "label");
    write_text("classes.csv", "x,label\n1,0\n2,-1\n3,0\n");
    cr_expect_null(open_data(&d, "csv", NULL));
    failure = d.error;
    expect_message(
            "class_weight: 'label' has no class in each row, a whole number from 0 on: row 1");
    close_described(&d, NULL);
    describe(&d, 1, vector);
    d.config.control = (DlControl){.weight = "weight", .weight_of = "label"};
    cr_expect_null(open_data(&d, "csv", NULL));
    failure = d.error;
    expect_message("m.dl:4: the target 'weight' holds a weight for each row: f32[batch]");
    close_described(&d, NULL);
}

/* ---- numbers ------------------------------------------------------------------------ */

Test(control, numbers_are_set_by_name) {
    DlSession s;
    cr_assert(dl_session_open(&s, &line_model, 1, 0, &failure));
    cr_expect(dl_number_set(&s, "rate=0.25", &failure), "%s", failure.text);
    cr_expect_eq(*dl_number(&s, "rate"), 0.25f);
    static const char *const wrong[][2] = {
            {"rate", "a value is missing: --set rate=0.001"},
            {"rates=1", "there is no number 'rates'; did you mean 'rate'? The numbers of line are "
                        "rate"},
            {"rate=", "'' is not a number"},
            {"rate=1e99", "'1e99' is not a number"},
            {"rate=nan", "'nan' is not a number"},
            {"dense.w=1", "there is no number 'dense.w'. The numbers of line are rate"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_not(dl_number_set(&s, wrong[i][0], &failure));
        expect_message(wrong[i][1]);
    }
    cr_expect_eq(*dl_number(&s, "rate"), 0.25f);
    dl_tensor t = {.name = "adam_1.rate"};
    cr_expect(dl_number_is(&t, "rate") && !dl_number_is(&t, "ate") &&
              dl_number_is(&t, "adam_1.rate"));
    dl_session_close(&s);
}

Test(control, patterns_are_those_of_the_language) {
    static const struct {
        const char *pattern, *path;
        bool matches;
    } row[] = {
            {"dense", "dense", true},
            {"dense", "dense.w", true},
            {"dense", "dense_1.w", false},
            {"dense*", "dense_1.w", true},
            {"*.w", "a.b.w", true},
            {"*.w", "a.b.wide", false},
            {"*", "", true},
            {"", "a", false},
            {"a*c", "abc", true},
            {"a*c", "ab", false},
            {"block.*.w", "block.3.dense.w", true},
            {"**", "x", true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        cr_expect_eq(dl_pattern_matches(row[i].pattern, row[i].path), row[i].matches, "%s %s",
                row[i].pattern, row[i].path);
}

/* ---- averages ----------------------------------------------------------------------- */

Test(control, averages_change_places_with_their_parameters) {
    float object[4] = {1, 2, 3, 4};
    const dl_tensor t[] = {
            {"w", DL_PARAMETER, DL_F32, 0, NULL, 0, 4, 0, 1},
            {"b", DL_PARAMETER, DL_F32, 0, NULL, 4, 4, 0, 1},
            {"average/w", DL_SLOT, DL_F32, 0, NULL, 8, 4, 0, 1},
            {"average/x", DL_SLOT, DL_F32, 0, NULL, 12, 4, 0, 1},
    };
    const dl_model m = {.ntensor = 4, .tensor = t};
    DlSession s = {.table = &m, .model = object};
    dl_average_swap(&s);
    cr_expect_arr_eq(object, ((float[]){3, 2, 1, 4}), sizeof object);
    dl_average_swap(&s);
    cr_expect_arr_eq(object, ((float[]){1, 2, 3, 4}), sizeof object);
    dl_average_begin(&s, (const unsigned char[]){0, 1, 0, 0});
    cr_expect_eq(object[2], 3);
    dl_average_begin(&s, (const unsigned char[]){1, 1, 1, 0});
    cr_expect_eq(object[2], 3);
    dl_average_begin(&s, (const unsigned char[]){1, 0, 0, 0});
    cr_expect_eq(object[2], 1);
}

/* ---- checkpoints -------------------------------------------------------------------- */

typedef struct Running {
    DlConfig config;
    DlOptions options;
    DlData *data;
    DlSession session;
    DlTraining t;
} Running;

static void start(Running *r, uint64_t seed) {
    *r = (Running){.options = {.seed = seed}};
    r->data = line_data(&r->config);
    cr_assert(r->data && dl_session_open(&r->session, &line_model, 1, seed, &failure));
    r->t = (DlTraining){.options = &r->options, .meta = &r->data->meta};
    cr_assert(dl_run_open(&r->t.run, &r->session, r->data, &r->config, seed, &failure));
    r->t.best = calloc(1, sizeof(Line));
}

static void finish(Running *r) {
    free(r->t.best);
    dl_run_close(&r->t.run);
    dl_session_close(&r->session);
    dl_data_free(r->data);
}

static void steps(Running *r, int n) {
    float loss;
    for (int i = 0; i < n; i++) {
        if (r->t.run.batch == dl_run_batches(&r->t.run)) dl_run_next(&r->t.run);
        cr_assert(dl_run_step(&r->t.run, &loss, &failure), "%s", failure.text);
    }
}

Test(control, a_checkpoint_is_the_whole_run) {
    Running a, b;
    start(&a, 3);
    steps(&a, 20);
    a.t.stop = (DlWatch){.best = 1.0 / 3, .best_epoch = 4, .waited = 2};
    a.t.reduce = (DlWatch){.best = -INFINITY, .best_epoch = 1, .waited = 6, .cooling = 5};
    a.t.stopped = a.t.has_best = true;
    *(Line *)(void *)a.t.best = (Line){.w = 5, .b = 6, .rate = 7};
    cr_assert(dl_checkpoint_save(&a.t, "c", &failure), "%s", failure.text);
    start(&b, 9);
    b.t.stop.name = "kept";
    cr_assert(dl_checkpoint_load(&b.t, "c", &failure), "%s", failure.text);
    cr_expect_arr_eq(a.session.model, b.session.model, sizeof(Line));
    cr_expect_eq(b.t.run.epoch, 1);
    cr_expect_eq(b.t.run.batch, 7);
    cr_expect_eq(b.t.run.seed, 3);
    cr_expect_arr_eq(&a.t.run.loss_sum, &b.t.run.loss_sum, sizeof(double));
    cr_expect_eq(b.t.run.rows_done, 56);
    cr_expect(b.t.stop.best == a.t.stop.best && b.t.stop.best_epoch == 4 && b.t.stop.waited == 2);
    cr_expect_str_eq(b.t.stop.name, "kept");
    cr_expect(b.t.reduce.best == -INFINITY && b.t.reduce.waited == 6 && b.t.reduce.cooling == 5);
    cr_expect(b.t.stopped && b.t.has_best);
    const Line *best = (const Line *)(const void *)b.t.best;
    cr_expect(best->w == 5 && best->b == 6);
    steps(&a, 30);
    steps(&b, 30);
    cr_expect_arr_eq(a.session.model, b.session.model, sizeof(Line));
    finish(&a);
    finish(&b);
}

Test(control, a_checkpoint_of_another_run) {
    Running a, b;
    start(&a, 3);
    cr_assert(dl_checkpoint_save(&a.t, "c", &failure));
    start(&b, 9);
    Line before = *(const Line *)b.session.model;
    b.config.control.accumulate = 2;
    cr_expect_not(dl_checkpoint_load(&b.t, "c", &failure));
    expect_message("c: the run that is resumed has 1 batches a step, and now there are 2");
    b.config.control.accumulate = 0;
    b.config.keep_order = true;
    cr_expect_not(dl_checkpoint_load(&b.t, "c", &failure));
    expect_message("c: the run that is resumed was shuffled, and now it would not be");
    b.config.keep_order = false;
    b.data->train.array[0].at[5] ^= 1;
    cr_expect_not(dl_checkpoint_load(&b.t, "c", &failure));
    expect_message("c: the training data are not those that the run began with");
    b.data->train.array[0].at[5] ^= 1;
    cr_expect_not(dl_checkpoint_load(&b.t, "none", &failure));
    expect_message("there is nothing to resume: none is not here");
    cr_assert(dl_save(&line_model, a.session.model, "w") == DL_OK);
    cr_expect_not(dl_checkpoint_load(&b.t, "w", &failure));
    expect_message("w: holds weights alone, and no run to resume; --initial-weights w begins");
    cr_expect_arr_eq(b.session.model, &before, sizeof before);
    finish(&a);
    finish(&b);
}

Test(control, settings_that_the_run_began_with_are_not_made_again) {
    Running a, b;
    start(&a, 3);
    a.options.set[a.options.nset++] = "rate=0.5";
    cr_assert(dl_number_set(&a.session, "rate=0.25", &failure)); /* reduced since */
    cr_assert(dl_checkpoint_save(&a.t, "c", &failure));
    start(&b, 3);
    b.options.set[b.options.nset++] = "rate=0.5";
    cr_assert(dl_checkpoint_load(&b.t, "c", &failure), "%s", failure.text);
    cr_expect_eq(*dl_number(&b.session, "rate"), 0.25f);
    b.options.set[0] = "rate=0.125";
    cr_assert(dl_checkpoint_load(&b.t, "c", &failure), "%s", failure.text);
    cr_expect_eq(*dl_number(&b.session, "rate"), 0.125f);
    finish(&a);
    finish(&b);
}

/* A file that may not grow: the one before stays, and nothing beside it. */
Test(control, a_checkpoint_that_cannot_be_written) {
    Running a;
    struct rlimit before, small = {16, RLIM_INFINITY};
    start(&a, 3);
    cr_assert(dl_checkpoint_save(&a.t, "c", &failure));
    steps(&a, 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    bool saved = dl_checkpoint_save(&a.t, "c", &failure);
    setrlimit(RLIMIT_FSIZE, &before);
    cr_expect_not(saved);
    expect_message("c: the checkpoint cannot be written: File too large");
    cr_assert(dl_checkpoint_load(&a.t, "c", &failure), "%s", failure.text);
    cr_expect_eq(a.t.run.batch, 0);
    cr_expect_eq(unlink("c") + chdir("/") + rmdir(folder), 0);
    finish(&a);
    cr_assert(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
}

/* Every cut of a checkpoint is refused, and leaves the run as it is. */
Test(control, a_checkpoint_that_is_cut_short) {
    Running a;
    static char bytes[8192];
    start(&a, 3);
    steps(&a, 2);
    cr_assert(dl_checkpoint_save(&a.t, "c", &failure));
    FILE *f = fopen("c", "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    Line before = *(const Line *)a.session.model;
    for (size_t keep = 0; keep < n; keep += 13) {
        write_file("c", bytes, keep);
        cr_expect_not(dl_checkpoint_load(&a.t, "c", &failure));
        failure.text[0] = '\0';
        cr_assert_arr_eq(a.session.model, &before, sizeof before);
        cr_assert_eq(a.t.run.batch, 2);
    }
    finish(&a);
}

/* ---- weights of another model ------------------------------------------------------- */

Test(control, weights_that_fit_are_taken) {
    static const int64_t one[] = {1}, two[] = {2};
    const dl_tensor t[] = {
            {"dense.b", DL_PARAMETER, DL_F32, 1, two, 0, 8, 0, 1},
            {"dense.w", DL_PARAMETER, DL_F32, 1, one, 8, 4, 0, 1},
            {"head.w", DL_PARAMETER, DL_F32, 1, one, 12, 4, 0, 1},
    };
    const dl_model other = {.ntensor = 3, .tensor = t, .name = "other"};
    struct {
        dl_head head;
        float value[4];
    } object = {.value = {10, 20, 30, 40}};
    dl_tensor moved[3];
    for (int i = 0; i < 3; i++) {
        moved[i] = t[i];
        moved[i].offset += sizeof(dl_head);
    }
    dl_model placed = other;
    placed.tensor = moved;
    cr_assert_eq(dl_save(&placed, &object, "other"), DL_OK);
    DlSession s;
    cr_assert(dl_session_open(&s, &line_model, 1, 0, &failure));
    FILE *said = fopen("said", "w");
    cr_expect(dl_weights_begin(&s, "other", 0, NULL, said, &failure), "%s", failure.text);
    fclose(said);
    expect_file("said", "initial weights from other: 1 of 2 tensors\n"
                        "  of another shape in it: dense.b ([1] here, [2] there)\n"
                        "  in it alone: head.w\n");
    const Line *l = s.model;
    cr_expect(l->w == 30 && l->b == 0);
    const char *pattern[] = {"dense.b"};
    cr_expect_not(dl_weights_begin(&s, "other", 1, pattern, NULL, &failure));
    expect_message("other: none of its tensors has the name and the shape of a parameter of line");
    pattern[0] = "dens";
    cr_expect_not(dl_weights_begin(&s, "other", 1, pattern, NULL, &failure));
    expect_message("--match dens: no parameter of line has such a path");
    cr_expect_not(dl_weights_begin(&s, "none", 0, NULL, NULL, &failure));
    expect_message("none: cannot be read: No such file or directory");
    dl_session_close(&s);
}
