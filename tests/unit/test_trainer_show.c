/* Inputs that a user names, prepared as the training data were; predictions as text. */
#include <criterion/criterion.h>

#include "../../runtime/trainer/progress.h"
#include "../../runtime/trainer/show.h"
#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(trainer_show, .init = setup, .fini = teardown);

/* What --input gives, with what is stored with the weights. */
static DlData *given(Described *d, const char *reader, const char *value, const DlMeta *stored) {
    static DlOptions o;
    static char file[256];
    DlRequest q = {.table = &d->model, .config = &d->config, .stored = stored};
    snprintf(file, sizeof file, "%s", in_folder(value));
    o = (DlOptions){.ninput = 1, .input = {{NULL, 0, file}}};
    d->config.readers = dl_all_readers;
    d->config.reader = reader;
    d->error.text[0] = '\0';
    return dl_data_given(&q, &o, false, &d->error);
}

static const char *const review[] = {"words i32 -1 3", "label i32 -1", NULL};

Test(trainer_show, a_typed_review) {
    dl_pair pair = {"words", "film\nbad\n"};
    DlMeta stored = {1, &pair};
    Described d;
    describe(&d, 1, review);
    d.tensor[0].bound = 4;
    write_text("r.txt", "A bad film\nBad, BAD film by a bad director");
    DlData *data = given(&d, "imdb", "r.txt", &stored);
    cr_assert(data, "%s", d.error.text);
    static const int32_t want[] = {1, 3, 2, 1, 3, 1};
    cr_expect_eq(data->train.rows, 2);
    cr_expect_arr_eq(data->train.array[0].at, want, sizeof want);
    dl_data_free(data);

    cr_expect_null(given(&d, "imdb", "r.txt", NULL));
    cr_expect(strstr(d.error.text, "r.txt: text needs the vocabulary of the training"));
    d.tensor[0].bound = 3; /* a vocabulary too large for the model */
    cr_expect_null(given(&d, "imdb", "r.txt", &stored));
    cr_expect(strstr(d.error.text, "'words' must lie from 0 to 2, but row 0 of the given data"),
            "%s", d.error.text);
    cr_expect_null(given(&d, "linear", "r.txt", &stored));
    cr_expect(strstr(d.error.text, "r.txt: is not a .npy file"));
    write_text("r.txt", "");
    cr_expect_null(given(&d, "imdb", "r.txt", &stored));
    cr_expect(strstr(d.error.text, "holds no rows"), "%s", d.error.text);
    close_described(&d, NULL);
}

Test(trainer_show, one_row_without_an_axis_for_rows) {
    static const char *const model[] = {"x f32 -1 2 3", "y f32 -1", NULL};
    static const float x[6];
    static const int64_t shape[] = {2, 3};
    Described d;
    describe(&d, 1, model);
    cr_assert(dl_npy_write(in_folder("x.npy"), DL_F32, 2, shape, x, &d.error));
    cr_expect_null(given(&d, NULL, "x.npy", NULL));
    cr_expect(
            strstr(d.error.text, "is f32[3]; if it is one row, store x[None]"), "%s", d.error.text);
    close_described(&d, NULL);
}

/* ---- predictions as text ------------------------------------------------------------ */

static const int64_t three[] = {-1, 3};
static const dl_tensor scores = {"probabilities", DL_OUTPUT, DL_F32, 2, three, 0, 12, 0, 1};
static const dl_entry entry = {.name = "predict", .noutput = 1, .output = &scores};
static const char *const names[] = {"cat", "dog", "elephant"};
static float value[] = {0.5f, 0.25f, 0.25f, 0, 1, 0, 0.25f, 0.25f, 0.5f, 0.75f, 0.25f, 0};
static void *outputs[] = {value};

static char text[4096];

static FILE *open_text(void) {
    return fmemopen(text, sizeof text, "w");
}

Test(trainer_show, outputs_with_class_names) {
    dl_model m = {.nentry = 1, .entry = &entry};
    FILE *f = open_text();
    dl_show_outputs(f, &m, outputs, 2, (DlClasses){3, names}, false);
    dl_show_outputs(f, &m, outputs, 1, (DlClasses){3, names}, true);
    fclose(f);
    cr_expect_str_eq(text,
            "0:  probabilities 0.5 0.25 0.25  cat\n1:  probabilities 0 1 0  dog\n"
            "{\"row\": 0, \"probabilities\": [0.5, 0.25, 0.25], \"class\": \"cat\"}\n");
}

Test(trainer_show, one_score_for_two_classes) {
    static const int64_t one[] = {-1, 1};
    static const dl_tensor score = {"p", DL_OUTPUT, DL_F32, 2, one, 0, 4, 0, 1};
    static const dl_entry binary = {.name = "predict", .noutput = 1, .output = &score};
    dl_model m = {.nentry = 1, .entry = &binary};
    FILE *f = open_text();
    dl_show_outputs(f, &m, outputs, 2, (DlClasses){2, names}, false);
    fclose(f);
    cr_expect_str_eq(text, "0:  p 0.5  dog\n1:  p 0.25  cat\n");
}

Test(trainer_show, numbers_as_json) {
    static const struct {
        double v;
        const char *text;
    } number[] = {
            {0.1, "0.1"},
            {1.0 / 3, "0.3333333333333333"},
            {NAN, "null"},
            {INFINITY, "null"},
            {-2, "-2"},
            {1e300, "1e+300"},
            {0, "0"},
    };
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        FILE *f = open_text();
        dl_json_number(f, number[i].v);
        fclose(f);
        cr_expect_str_eq(text, number[i].text);
    }
    FILE *f = open_text();
    dl_json_text(f, "a\"\\\n");
    fclose(f);
    cr_expect_str_eq(text, "\"a\\\"\\\\\\u000a\"");
}

Test(trainer_show, what_prepared_the_data_comes_back_with_the_weights) {
    static dl_pair pair[] = {{"classes", "cat\ndog"}, {"words", "it's\n\"so\"\n\xc3\xa9"}};
    DlError e = {""};
    DlSession s;
    DlMeta meta;
    DlPool *p = dl_pool_new();
    cr_assert(dl_session_open(&s, &line_model, 1, 0, &e));
    cr_assert(dl_weights_save(&s, &(DlMeta){2, pair}, in_folder("w"), &e), "%s", e.text);
    cr_assert(dl_weights_meta(in_folder("w"), p, &meta, &e), "%s", e.text);
    cr_expect_eq(meta.n, 2);
    cr_expect_str_eq(dl_meta_get(&meta, "classes"), pair[0].value);
    cr_expect_str_eq(dl_meta_get(&meta, "words"), pair[1].value);
    cr_expect_null(dl_meta_get(&meta, "others"));
    dl_session_close(&s);
    dl_pool_free(p);
}

Test(trainer_show, confusions) {
    static unsigned char label[] = {0, 1, 0, 1}, pixel[4];
    DlArray array[] = {{.name = "x", .type = DL_U8, .stride = 1, .at = pixel},
            {.name = "label", .type = DL_U8, .stride = 1, .at = label}};
    DlSplit s = {.rows = 4, .array = array};
    dl_model m = {.ninput = 1, .ntarget = 1, .nentry = 1, .entry = &entry};
    FILE *f = open_text();
    dl_show_split(f, &m, outputs, &s, (DlClasses){3, names}, 2);
    fclose(f);
    cr_expect_str_eq(text, "row 0: cat (50 %), is cat\n"
                           "row 1: dog (100 %), is dog\n\n"
                           "          predicted\n"
                           "is         cat   dog eleph\n"
                           "cat          1     .     1\n"
                           "dog          1     1     .\n"
                           "elephant     .     .     .\n");
}

Test(trainer_show, pictures) {
    static unsigned char image[2 * 64], label[] = {0, 2};
    DlArray array[] = {
            {.name = "x", .type = DL_U8, .rank = 2, .shape = {8, 8}, .stride = 64, .at = image},
            {.name = "label", .type = DL_U8, .stride = 1, .at = label}};
    for (int i = 0; i < 64; i++) image[i] = (unsigned char)(i % 8 * 36);
    for (int i = 64; i < 128; i++) image[i] = i % 16 < 8 ? 255 : 0;
    DlSplit s = {.rows = 2, .array = array};
    dl_model m = {.ninput = 1, .ntarget = 1, .nentry = 1, .entry = &entry};
    FILE *f = open_text();
    dl_show_split(f, &m, outputs, &s, (DlClasses){3, names}, 9);
    fclose(f);
    cr_expect_str_eq(text,
            " .:-+*#%  ========  \n .:-+*#%  ========  \n .:-+*#%  ========  \n"
            " .:-+*#%  ========  \ncat (50   dog (100  \nright     is: elep  \n\n"
            "          predicted\nis         cat   dog eleph\ncat          1     .     .\n"
            "dog          .     .     .\nelephant     .     1     .\n",
            "%s", text);
}
