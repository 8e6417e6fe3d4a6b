/* Sequences: windows of characters and of tables in time, sums as texts; and rows of some
 * classes of labelled images. */
#include <criterion/criterion.h>

#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(data_sequences, .init = setup, .fini = teardown);

static void refused(const char *reader, const DlArg *arg, const char *const *model,
        const DlMeta *stored, const char *part) {
    Described d;
    describe(&d, 1, model);
    for (int i = 0; i < 4 && arg[i].text; i++) d.arg[i] = arg[i];
    DlData *data = open_data(&d, reader, stored);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

/* ---- characters --------------------------------------------------------------------- */

static const char *const following[] = {"x i32 -1 3", "y i32 -1 3", NULL};
static const char *const one_after[] = {"x i32 -1 3", "y i32 -1", NULL};
#define TEXT "abc\xc3\xa4 bc\xe2\x82\xac" "aab" /* 11 characters */

static const int32_t *ints(const DlSplit *s, int array) {
    return (const int32_t *)(const void *)s->array[array].at;
}

Test(data_sequences, characters_become_windows) {
    Described d;
    write_text("t.txt", TEXT);
    describe(&d, 1, following);
    d.arg[0].text = "t.txt";
    d.arg[1] = (DlArg){"test", "0.34"};
    DlData *data = open_data(&d, "characters", NULL);
    cr_assert(data, "%s", d.error.text);
    /* blank, a, b, c, a-umlaut, euro; 7 characters for training, 4 for testing */
    static const int32_t x[] = {1, 2, 3, 4, 0, 2}, y[] = {2, 3, 4, 0, 2, 3};
    static const int32_t late[] = {5, 1, 1}, later[] = {1, 1, 2};
    cr_assert_eq(data->train.rows, 2);
    cr_expect_arr_eq(ints(&data->train, 0), x, sizeof x);
    cr_expect_arr_eq(ints(&data->train, 1), y, sizeof y);
    cr_assert_eq(data->test.rows, 1);
    cr_expect_arr_eq(ints(&data->test, 0), late, sizeof late);
    cr_expect_arr_eq(ints(&data->test, 1), later, sizeof later);
    cr_expect_str_eq(dl_meta_get(&data->meta, "characters"), " abc\xc3\xa4\xe2\x82\xac");
    close_described(&d, data);
}

Test(data_sequences, the_character_after_a_window) {
    Described d;
    write_text("t.txt", TEXT);
    describe(&d, 1, one_after);
    d.arg[0].text = "t.txt";
    d.arg[1] = (DlArg){"test", "0"};
    d.arg[2] = (DlArg){"stride", "4"};
    DlData *data = open_data(&d, "characters", NULL);
    cr_assert(data, "%s", d.error.text);
    static const int32_t x[] = {1, 2, 3, 0, 2, 3}, y[] = {4, 5};
    cr_assert_eq(data->train.rows, 2);
    cr_expect_arr_eq(ints(&data->train, 0), x, sizeof x);
    cr_expect_arr_eq(ints(&data->train, 1), y, sizeof y);
    cr_expect_eq(data->test.rows, 0);
    close_described(&d, data);
}

Test(data_sequences, characters_of_weights) {
    Described d;
    dl_pair pair = {"characters", "abcz"};
    write_text("t.txt", "cab");
    describe(&d, 1, following);
    d.arg[0].text = "t.txt";
    d.config.readers = dl_all_readers;
    d.config.reader = "characters";
    DlData data = {.pool = dl_pool_new()};
    DlRequest q = {.table = &d.model, .config = &d.config, .stored = &(DlMeta){1, &pair}};
    DlReading r = {.request = &q, .reader = dl_reader_named(dl_all_readers, "characters"), .data = &data,
            .error = &d.error};
    DlSplit out = {0};
    data.train.array = data.test.array = NULL;
    cr_assert(dl_data_shape(&r, 1, 1));
    out.array = data.train.array;
    cr_assert(r.reader->prepare(&r, in_folder("t.txt"), &out), "%s", d.error.text);
    static const int32_t x[] = {2, 0, 1};
    cr_expect_eq(out.rows, 1);
    cr_expect_arr_eq(ints(&out, 0), x, sizeof x);
    write_text("t.txt", "xab");
    cr_expect_not(r.reader->prepare(&r, in_folder("t.txt"), &out));
    cr_expect(strstr(d.error.text, "the character 'x' (U+0078) did not occur"), "%s", d.error.text);
    dl_pool_free(data.pool);
    close_described(&d, NULL);
}

Test(data_sequences, characters_that_are_none) {
    static const char *const other[] = {"x f32 -1 3", "y i32 -1", NULL};
    const DlArg file[] = {{NULL, "t.txt"}, {NULL, NULL}};
    refused("characters", (const DlArg[]){{0}}, following, NULL, "name the file");
    write_text("t.txt", "abc\nab\xc3(");
    refused("characters", file, following, NULL, "t.txt:2: is not UTF-8 text (a byte 0xc3)");
    write_text("t.txt", "\xed\xa0\x80"); /* half of a surrogate pair */
    refused("characters", file, following, NULL, "t.txt:1: is not UTF-8 text");
    write_text("t.txt", "abc");
    refused("characters", file, following, NULL, "has 3 characters for training, and a window");
    refused("characters", file, other, NULL, "is for a model with an input i32[batch, length]");
    write_text("t.txt", "abcde");
    refused("characters", file, following, &(DlMeta){0}, "came without the list of characters");
}

/* ---- tables in time ----------------------------------------------------------------- */

static const char *const narrow[] = {"x f32 -1 2", "y f32 -1", NULL};
static const char *const wide[] = {"x f32 -1 2 2", "y f32 -1 2", NULL};
#define TABLE "t,a,b\n0,1,10\n1,2,20\n2,3,30\n3,4,40\n4,5,50\n5,6,60\n"

static float real(const DlSplit *s, int array, int64_t i) {
    return ((const float *)(const void *)s->array[array].at)[i];
}

Test(data_sequences, series_of_one_column) {
    Described d;
    write_text("t.csv", TABLE);
    describe(&d, 1, narrow);
    d.arg[0].text = "t.csv";
    d.arg[1] = (DlArg){"target", "a"};
    d.arg[2] = (DlArg){"test", "0.34"};
    DlData *data = open_data(&d, "series", NULL);
    cr_assert(data, "%s", d.error.text);
    /* 1 2 3 4 are for training: mean 2.5, deviation sqrt(1.25); 5 and 6 are the tests. */
    const float unit = 1 / sqrtf(1.25f);
    cr_assert_eq(data->train.rows, 2);
    cr_expect_float_eq(real(&data->train, 0, 0), -1.5f * unit, 1e-6f);
    cr_expect_float_eq(real(&data->train, 1, 1), 1.5f * unit, 1e-6f);
    cr_assert_eq(data->test.rows, 2);
    cr_expect_float_eq(real(&data->test, 0, 0), 0.5f * unit, 1e-6f);
    cr_expect_float_eq(real(&data->test, 1, 1), 3.5f * unit, 1e-6f);
    cr_expect(strstr(dl_meta_get(&data->meta, "series"), "a\t2.5\t1.1180339887498949") != NULL);
    close_described(&d, data);
}

/* Another file is brought to the scale that came with the weights, and not to its own. */
Test(data_sequences, series_with_a_scale_that_is_known) {
    Described d;
    write_text("t.csv", TABLE);
    describe(&d, 1, narrow);
    d.arg[0].text = "t.csv";
    d.arg[1] = (DlArg){"target", "a"};
    DlMeta kept = {1, (dl_pair[]){{"series", "a\t1\t2\n"}}};
    DlData *data = open_data(&d, "series", &kept);
    cr_assert(data, "%s", d.error.text);
    cr_expect_float_eq(real(&data->train, 0, 0), 0, 1e-6f);
    cr_expect_float_eq(real(&data->train, 0, 1), 0.5f, 1e-6f);
    dl_data_free(data);
    kept.pair[0].value = "b\t1\t2\n";
    cr_expect_null(open_data(&d, "series", &kept));
    cr_expect(strstr(d.error.text, "of other columns"), "%s", d.error.text);
    close_described(&d, NULL);
}

Test(data_sequences, series_of_several_columns_and_times) {
    Described d;
    write_text("t.csv", TABLE);
    describe(&d, 1, wide);
    d.arg[0].text = "t.csv";
    d.arg[1] = (DlArg){"columns", "b t"};
    d.arg[2] = (DlArg){"target", "a"};
    d.arg[3] = (DlArg){"scale", "false"};
    DlData *data = open_data(&d, "series", NULL); /* test: 0.2, one row of six */
    cr_assert(data, "%s", d.error.text);
    cr_assert_eq(data->train.rows, 2);
    cr_expect_eq(real(&data->train, 0, 0), 10);
    cr_expect_eq(real(&data->train, 0, 1), 0);
    cr_expect_eq(real(&data->train, 0, 6), 30);
    cr_expect_eq(real(&data->train, 1, 2), 4);
    cr_expect_eq(real(&data->train, 1, 3), 5);
    cr_expect_eq(data->test.rows, 0); /* one row cannot be two times */
    close_described(&d, data);
}

Test(data_sequences, series_that_are_none) {
    static const char *const other[] = {"x i32 -1 3", "y f32 -1", NULL};
    const DlArg file[] = {{NULL, "t.csv"}, {NULL, NULL}};
    const DlArg missing[] = {{NULL, "t.csv"}, {"target", "c"}, {NULL, NULL}};
    refused("series", (const DlArg[]){{0}}, narrow, NULL, "name the file");
    write_text("t.csv", TABLE);
    refused("series", file, other, NULL, "is for a model with an input f32[batch, length]");
    refused("series", missing, narrow, NULL, "has no column 'c'; its columns are t, a, b");
    refused("series", file, wide, NULL, "the model's input has 2 columns, and 3 are given");
    write_text("t.csv", "t,a\n0,1\n1,2\n2,x\n3,3\n");
    refused("series", file, narrow, NULL, "t.csv:4: column 'a' holds 'x'");
    write_text("t.csv", "t,a\n0,1\n1,2\n");
    refused("series", file, narrow, NULL, "has 2 rows for training, and a window and its target");
}

/* ---- sums as texts ------------------------------------------------------------------ */

static int64_t read_digits(const int32_t *at, int *i, int end) {
    int64_t v = 0;
    cr_assert(*i < end && at[*i] < 10);
    while (*i < end && at[*i] < 10) v = 10 * v + at[(*i)++];
    return v;
}

/* The sum is right, and what is left is blank. */
static void expect_sum(const int32_t *question, const int32_t *answer, int64_t *x, int64_t *y) {
    int i = 0, k = 0;
    *x = read_digits(question, &i, 5);
    cr_assert_eq(question[i++], 10);
    *y = read_digits(question, &i, 5);
    cr_expect_eq(read_digits(answer, &k, 3), *x + *y);
    for (; i < 5; i++) cr_expect_eq(question[i], 11);
    for (; k < 3; k++) cr_expect_eq(answer[k], 11);
}

Test(data_sequences, sums_of_which_no_test_was_seen) {
    static const char *const model[] = {"x i32 -1 5", "y i32 -1 3", NULL};
    static bool seen[100][100];
    int64_t x, y;
    Described d;
    describe(&d, 1, model);
    d.arg[0] = (DlArg){"rows", "3000"};
    d.arg[1] = (DlArg){"tests", "200"};
    DlData *data = open_data(&d, "addition", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_assert_eq(data->train.rows, 3000);
    cr_assert_eq(data->test.rows, 200);
    for (int64_t i = 0; i < 3000; i++) {
        expect_sum(ints(&data->train, 0) + 5 * i, ints(&data->train, 1) + 3 * i, &x, &y);
        seen[x][y] = seen[y][x] = true;
    }
    for (int64_t i = 0; i < 200; i++) {
        expect_sum(ints(&data->test, 0) + 5 * i, ints(&data->test, 1) + 3 * i, &x, &y);
        cr_expect_not(seen[x][y], "%lld+%lld was seen", (long long)x, (long long)y);
    }
    close_described(&d, data);
    refused("addition", (const DlArg[]){{0}}, following, NULL, "numbers of up to d digits");
}

/* ---- some classes ------------------------------------------------------------------- */

static const char *const cifar[] = {"image u8 -1 32 32 3", "label i32 -1", NULL};

static void write_labels(const char *name, const char *labels) {
    static unsigned char bytes[16 * 3073];
    size_t n = strlen(labels);
    for (size_t i = 0; i < n; i++) {
        memset(bytes + i * 3073, (int)i, 3073);
        bytes[i * 3073] = (unsigned char)(labels[i] - '0');
    }
    write_file(name, bytes, n * 3073);
}

Test(data_sequences, some_classes_and_so_many_of_each) {
    Described d;
    write_labels("cifar10_train.bin", "3913933");
    write_labels("cifar10_test.bin", "9331");
    describe(&d, 1, cifar);
    d.arg[0] = (DlArg){"classes", "truck 3"};
    d.arg[1] = (DlArg){"each", "2"};
    DlData *data = open_data(&d, "cifar10", NULL);
    cr_assert(data, "%s", d.error.text);
    const unsigned char train[] = {1, 0, 1, 0}, image[] = {0, 1, 3, 4}, test[] = {0, 1, 1};
    cr_assert_eq(data->train.rows, 4);
    cr_expect_arr_eq(data->train.array[1].at, train, sizeof train);
    for (int i = 0; i < 4; i++) cr_expect_eq(data->train.array[0].at[i * 3072 + 5], image[i]);
    cr_assert_eq(data->test.rows, 3);
    cr_expect_arr_eq(data->test.array[1].at, test, sizeof test);
    cr_expect_eq(data->nclass, 2);
    cr_expect_str_eq(dl_meta_get(&data->meta, "classes"), "truck\ncat");
    close_described(&d, data);
    refused("cifar10", (const DlArg[]){{"classes", "cat cart"}, {NULL, NULL}}, cifar, NULL,
            "has no class 'cart'; its classes are airplane,");
    refused("cifar10", (const DlArg[]){{"classes", "cat 3"}, {NULL, NULL}}, cifar, NULL,
            "class '3' is named twice");
}
