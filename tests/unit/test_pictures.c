/* test_pictures.c - what pictures are made of: the history of a run as text, calibration and
 * confusions that are known, texts for gnuplot, PNG files, and programs that draw. */
#include <criterion/criterion.h>
#include <png.h>

#include "../../runtime/trainer/drawing.h"
#include "../../runtime/trainer/history.h"
#include "../../runtime/trainer/index_names.h"
#include "../../runtime/trainer/picture.h"
#include "../../runtime/trainer/plot.h"
#include "../../runtime/trainer/plot_classes.h"
#include "trainer_line.h"

static void enter_folder(void) {
    make_folder();
    cr_assert(chdir(folder) == 0);
}

TestSuite(pictures, .init = enter_folder, .fini = remove_folder);

/* ---- history --------------------------------------------------------------------------------- */

static char *const two[] = {"train_loss", "rate"}, *const other[] = {"rate", "accuracy"};

Test(pictures, history_comes_back_from_its_text_by_name) {
    DlError e = {""};
    DlHistory h, g;
    cr_assert(dl_history_open(&h, 2, two, &e));
    for (int i = 1; i <= 40; i++) {
        double *row = dl_history_row(&h, i, &e);
        row[1] = i == 7 ? NAN : 1.0 / i;
        row[2] = 0.1 * i;
    }
    char *text = dl_history_text(&h);
    cr_assert(text && dl_history_open(&g, 2, other, &e) && dl_history_take(&g, text, &e));
    cr_assert(g.rows == 40);
    for (int i = 0; i < 40; i++) {
        const double *row = dl_history_at(&g, i);
        cr_assert(row[0] == i + 1 && row[1] == 0.1 * (i + 1), "the same bits, under its name");
        cr_assert(isnan(row[2]), "what the text does not have is not known");
    }
    free(text);
    dl_history_close(&h);
    dl_history_close(&g);
}

Test(pictures, history_refuses_what_is_none) {
    static const char *const wrong[] = {"", "train_loss", "train_loss\n1", "train_loss\n1 x\n",
            "train_loss\nx 1\n", "train_loss rate\n1 2\n3"};
    DlError e = {""};
    DlHistory h;
    cr_assert(dl_history_open(&h, 2, two, &e));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert(!dl_history_take(&h, wrong[i], &e) && h.rows == 0, "text %zu", i);
    cr_assert(dl_history_take(&h, "rate\n", &e) && h.rows == 0);
    dl_history_close(&h);
}

/* ---- classes --------------------------------------------------------------------------------- */

static const int64_t ten_by_two[] = {-1, 2}, one_a_row[] = {-1, 1};
static const dl_tensor two_classes = {"p", DL_OUTPUT, DL_F32, 2, ten_by_two, 0, 80, 0, 1};
static const dl_tensor sigmoid = {"p", DL_OUTPUT, DL_F32, 2, one_a_row, 0, 40, 0, 1};
static const char *const yes_no[] = {"no", "yes"};

/* Ten rows: eight as sure as 0.9, of which six are right; two as sure as 0.6, of which one is. */
static const float sure[] = {.9f, .1f, .9f, .1f, .9f, .1f, .9f, .1f, .1f, .9f, .1f, .9f, .1f, .9f,
        .1f, .9f, .6f, .4f, .4f, .6f};
static unsigned char labels[] = {0, 0, 0, 1, 1, 1, 1, 0, 0, 0};

static DlClassifier open_classifier(const dl_tensor *t, const float *output, DlArray *array) {
    const dl_entry entry = {.name = "predict", .noutput = 1, .output = t};
    const dl_model m = {.ninput = 1, .ntarget = 1, .nentry = 1, .entry = &entry};
    static DlSplit split;
    void *out[1] = {(void *)(uintptr_t)output};
    DlClassifier k;
    array[1] = (DlArray){.name = "label", .type = DL_U8, .stride = 1, .at = labels};
    split = (DlSplit){.rows = 10, .array = array};
    cr_assert(dl_classifier_open(&k, &m, out, &split, (DlClasses){2, yes_no}));
    return k;
}

Test(pictures, confusions_count_rows_by_class_and_prediction) {
    DlArray array[2] = {0};
    DlClassifier k = open_classifier(&two_classes, sure, array);
    int64_t count[4] = {0};
    dl_class_confusions(&k, count);
    cr_assert(count[0] == 4 && count[1] == 2 && count[2] == 1 && count[3] == 3);
}

Test(pictures, calibration_is_what_guo_defines) {
    DlArray array[2] = {0};
    DlClassifier k = open_classifier(&two_classes, sure, array);
    DlCalibration c;
    dl_calibration(&k, &c);
    cr_assert(dl_classifier_is_sure(&k));
    cr_assert(c.rows[13] == 8 && c.rows[9] == 2, "0.9 is in the 14th bin, 0.6 in the tenth");
    cr_assert_float_eq(c.right[13], 0.75, 1e-12);
    cr_assert_float_eq(c.sure[9], 0.6, 1e-7);
    cr_assert_float_eq(c.error, 0.8 * 0.15 + 0.2 * 0.1, 1e-6);
}

/* One number for two classes: what is far from 0 is as sure as what is near 1. */
Test(pictures, calibration_of_a_single_output) {
    static const float p[] = {.1f, .1f, .1f, .1f, .9f, .9f, .9f, .9f, .38f, .62f};
    DlArray array[2] = {0};
    DlClassifier k = open_classifier(&sigmoid, p, array);
    DlCalibration c;
    dl_calibration(&k, &c);
    cr_assert(c.rows[13] == 8 && c.rows[9] == 2);
    cr_assert_float_eq(c.error, 0.8 * 0.15 + 0.2 * 0.12, 1e-6);
}

Test(pictures, scores_are_no_probabilities) {
    static const float scores[20] = {3, -1, 2, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    DlArray array[2] = {0};
    DlError e = {""};
    DlClassifier k = open_classifier(&two_classes, scores, array);
    cr_assert(!dl_plot_calibration("a.png", "it", &k, &e));
    cr_assert(strstr(e.text, "'p', the first output"), "%s", e.text);
}

/* ---- names of indices ------------------------------------------------------------------------ */

static void has_names(dl_pair *pair, int n, const char *const *want, int64_t count) {
    DlError e = {""};
    DlPool *pool = dl_pool_new();
    int64_t known;
    const char **name = dl_index_names(pool, &(DlMeta){n, pair}, "kind", &known, &e);
    cr_assert(name && known == count);
    for (int64_t i = 0; i < count; i++) cr_assert_str_eq(name[i], want[i]);
    dl_pool_free(pool);
}

Test(pictures, indices_have_the_names_that_came_with_the_weights) {
    dl_pair words[] = {{"words", "film\ngood"}};
    dl_pair letters[] = {{"characters", "a\n\xc3\xa9"}};
    dl_pair column[] = {
            {"columns.kind", "Kind of fruit"}, {"categories.Kind of fruit", "apple\npear"}};
    has_names(words, 1, (const char *[]){"(padding)", "(unknown)", "film", "good"}, 4);
    has_names(letters, 1, (const char *[]){"a", "\n", "\xc3\xa9"}, 3);
    has_names(column, 2, (const char *[]){"apple", "pear"}, 2);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void is_quoted(const char *text, size_t most, const char *want) {
    char got[128] = "";
    FILE *f = fmemopen(got, sizeof got, "w");
    dl_plot_text(f, text, most);
    fclose(f);
    cr_assert_str_eq(got, want);
}

Test(pictures, texts_for_gnuplot_end_where_they_should) {
    is_quoted("it's `ls` \"x\" \\n", 0, "'it''s `ls` \"x\" \\n'");
    is_quoted("two\nlines\t\x7f", 0, "'two lines  '");
    is_quoted("caf\xc3\xa9 \xff\xc3", 0,
            "'caf\xc3\xa9 ?"
            "?'");
    is_quoted("abcdef", 4, "'abc\xe2\x80\xa6'");
    is_quoted("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4, "'\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9'");
    is_quoted("", 0, "''");
}

Test(pictures, a_picture_comes_back_from_its_file) {
    static const unsigned char red[3] = {200, 10, 20};
    DlError e = {""};
    DlPicture p;
    cr_assert(dl_picture_make(&p, 5, 3, &e));
    dl_picture_fill(&p, 3, 1, 100, 100, red);
    dl_picture_fill(&p, -5, -5, 6, 6, red);
    cr_assert(dl_picture_write(&p, "a.png", &e), "%s", e.text);
    png_image image = {.version = PNG_IMAGE_VERSION};
    unsigned char back[5 * 3 * 3];
    cr_assert(png_image_begin_read_from_file(&image, "a.png"));
    image.format = PNG_FORMAT_RGB;
    cr_assert(image.width == 5 && image.height == 3);
    cr_assert(png_image_finish_read(&image, NULL, back, 0, NULL));
    for (int i = 0; i < 15; i++) {
        bool filled = (i % 5 >= 3 && i / 5 >= 1) || i == 0;
        cr_assert(back[3 * i] == (filled ? 200 : 255) && back[3 * i + 1] == (filled ? 10 : 255),
                "pixel %d", i);
    }
    dl_picture_free(&p);
    cr_assert(!dl_picture_make(&p, INT64_MAX, INT64_MAX, &e));
}

static void write_script(const char *text) {
    FILE *f = fopen("script", "w");
    fputs(text, f);
    fclose(f);
    chmod("script", 0700);
}

static bool draw_by_script(const char *path, DlError *e) {
    static const char *const argument[] = {"./script", "a b'c", NULL};
    static const DlArtist artist = {"script", "scripts"};
    *e = (DlError){""};
    return dl_drawing_make(&artist, argument, "given", 5, path, e);
}

Test(pictures, a_program_is_given_its_text_and_no_shell_reads_its_arguments) {
    char got[64] = "";
    DlError e;
    write_script("#!/bin/sh\nread -r line\necho \"$# $1 $line\"\n");
    cr_assert(draw_by_script("a.svg", &e), "%s", e.text);
    FILE *f = fopen("a.svg", "r");
    cr_assert(fgets(got, sizeof got, f));
    fclose(f);
    cr_assert_str_eq(got, "1 a b'c given\n");
}

Test(pictures, a_program_that_fails_leaves_the_picture_that_was_there) {
    struct stat st;
    DlError e;
    write_script("#!/bin/sh\necho old\n");
    cr_assert(draw_by_script("a.svg", &e));
    write_script("#!/bin/sh\necho half\necho >&2\necho 'line 3: no' >&2\nexit 1\n");
    cr_assert(!draw_by_script("a.svg", &e));
    cr_assert_str_eq(e.text, "a.svg: script failed: line 3: no");
    write_script("#!/bin/sh\nkill -9 $$\n");
    cr_assert(!draw_by_script("a.svg", &e));
    write_script("#!/bin/sh\n");
    cr_assert(!draw_by_script("a.svg", &e), "nothing is no picture");
    cr_assert(stat("a.svg", &st) == 0 && st.st_size == 4);
    cr_assert(stat("a.svg.part", &st) != 0);
}

Test(pictures, a_program_that_is_not_there_is_named_with_its_package) {
    static const char *const argument[] = {"./nothing", NULL};
    static const DlArtist artist = {"nothing", "nothing-bin"};
    DlError e = {""};
    cr_assert(!dl_drawing_make(&artist, argument, "", 0, "a.svg", &e));
    cr_assert(strstr(e.text, "nothing is not installed; its package is nothing-bin"), "%s", e.text);
}

Test(pictures, bars_have_their_names) {
    static const char *const name[] = {"a <b> & c", "negative"};
    static const double value[] = {3, -1}, half[] = {0.5, NAN};
    DlBars b = {
            .title = "Bars", .axis = "metres", .n = 2, .name = name, .value = value, .error = half};
    char text[1 << 16] = "";
    DlError e = {""};
    cr_assert(dl_plot_bars("a.svg", &b, &e), "%s", e.text);
    FILE *f = fopen("a.svg", "r");
    cr_assert(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    cr_assert(strstr(text, "a &lt;b> &amp; c") && strstr(text, "negative") &&
              strstr(text, "metres") && strstr(text, "</svg>"));
    cr_assert(!dl_plot_bars("a.jpg", &b, &e));
}
