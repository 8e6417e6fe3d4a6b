/* Text and tables: words, reviews, CSV, .npy, and the data that are made. */
#include <criterion/criterion.h>

#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(data_text, .init = setup, .fini = teardown);

static void refused(const char *reader, const char *file, const char *const *model, int ninput,
        const char *part) {
    Described d;
    describe(&d, ninput, model);
    d.arg[0].text = file;
    DlData *data = open_data(&d, reader, NULL);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

/* ---- words -------------------------------------------------------------------------- */

static void expect_words(const DlWords *w, const char *text, int n, const int32_t *want) {
    int32_t got[8];
    dl_words_index(w, text, strlen(text), got, n);
    for (int i = 0; i < n; i++)
        cr_expect_eq(got[i], want[i], "'%s', word %d: %d, not %d", text, i, got[i], want[i]);
}

Test(data_text, words) {
    static const char text[] = "B a<br />a C<BR />a b 'tis x9 \xc4\xb0z";
    DlWords *w = dl_words_new();
    cr_assert(dl_words_count(w, text, strlen(text)) && dl_words_rank(w, 20));
    char *list = dl_words_list(w);
    cr_expect_str_eq(list, "a\nb\nc\n'tis\nx9\ni\nz\n"); /* ties by first occurrence */
    expect_words(w, "a b nobody", 5, (const int32_t[]){0, 0, 2, 3, 1});
    expect_words(w, "a b c a b c", 3, (const int32_t[]){2, 3, 4});
    expect_words(w, "", 2, (const int32_t[]){0, 0});
    expect_words(w, "\xe2\x84\xaa-C", 2, (const int32_t[]){1, 4}); /* the Kelvin sign is a k */
    DlWords *again = dl_words_new();
    cr_assert(dl_words_load(again, list));
    expect_words(again, "x9 z", 2, (const int32_t[]){6, 8});
    free(list);
    dl_words_free(again);
    dl_words_free(w);
}

Test(data_text, a_vocabulary_is_cut_at_its_size) {
    DlWords *w = dl_words_new();
    cr_assert(dl_words_count(w, "a a b b b c", 11) && dl_words_rank(w, 4));
    expect_words(w, "a b c", 3, (const int32_t[]){3, 2, 1});
    dl_words_free(w);
}

Test(data_text, a_word_without_end_and_no_words_at_all) {
    static char text[5000];
    int32_t got[4];
    memset(text, 'a', sizeof text);
    DlWords *w = dl_words_new();
    cr_assert(dl_words_rank(w, 20));
    dl_words_index(w, text, sizeof text, got, 4);
    cr_expect_eq(got[3], 1);
    dl_words_free(w);
}

/* ---- reviews ------------------------------------------------------------------------ */

static const char *const review[] = {"words i32 -1 3", "label i32 -1", NULL};

Test(data_text, reviews) {
    Described d;
    write_text("my_train.tsv", "1\t9\t0\tgood film\n0\t1\t1\tbad bad film\tmore\n");
    write_text("my_test.tsv", "1\t9\t0\tgood bad unseen film");
    describe(&d, 1, review);
    DlData *data = open_data(&d, "imdb", NULL);
    cr_assert(data, "%s", d.error.text);
    static const int32_t train[] = {0, 4, 2, 3, 3, 2}, test[] = {3, 1, 2};
    cr_expect_arr_eq(data->train.array[0].at, train, sizeof train);
    cr_expect_arr_eq(data->test.array[0].at, test, sizeof test);
    cr_expect_str_eq(dl_meta_get(&data->meta, "words"), "film\nbad\ngood\n");
    /* With a vocabulary that came with weights, the training text is not counted again. */
    dl_pair pair = {"words", "unseen\n"};
    DlData *again = open_data(&d, "imdb", &(DlMeta){1, &pair});
    static const int32_t other[] = {1, 2, 1};
    cr_assert(again, "%s", d.error.text);
    cr_expect_arr_eq(again->test.array[0].at, other, sizeof other);
    dl_data_free(again);
    close_described(&d, data);
}

Test(data_text, reviews_from_the_publisher) {
    static const char *const folders[] = {
            "train", "test", "train/pos", "train/neg", "test/pos", "test/neg"};
    Described d;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        cr_assert_eq(mkdir(in_folder(folders[i]), 0700), 0);
    write_text("imdb.vocab", "");
    write_text("train/pos/0_9.txt", "good");
    write_text("train/pos/1_9.txt", "good good");
    write_text("train/neg/0_1.txt", "bad");
    write_text("test/pos/0_9.txt", "good");
    refused("imdb", NULL, review, 1, "test/neg: holds no .txt files");
    write_text("test/neg/0_1.txt", "bad");
    describe(&d, 1, review);
    DlData *data = open_data(&d, "imdb", NULL);
    cr_assert(data, "%s", d.error.text);
    static const int32_t train[] = {0, 0, 2, 0, 2, 2, 0, 0, 3};
    cr_expect_arr_eq(data->train.array[0].at, train, sizeof train);
    cr_expect_eq(data->train.array[1].at[2], 0);
    close_described(&d, data);
}

Test(data_text, reviews_that_are_none) {
    write_text("a_test.tsv", "1\t9\t0\tgood\n");
    write_text("a_train.tsv", "1\t9\t0\tgood\n2\t9\t0\tgood\n");
    refused("imdb", NULL, review, 1,
            "a_train.tsv:2: the label must be 0 or 1, and the line begins with '2'");
    write_text("a_train.tsv", "1\t9\t0\tgood\n1\tgood");
    refused("imdb", NULL, review, 1, "a_train.tsv:2: has 2 fields");
    write_text("a_train.tsv", "");
    refused("imdb", NULL, review, 1, "a_train.tsv: holds no reviews");
}

/* ---- CSV ---------------------------------------------------------------------------- */

static double csv_value(const DlData *data, const DlSplit *s, int array, int64_t row, int column) {
    const DlArray *a = &s->array[array];
    (void)data;
    return ((const double *)(const void *)(a->at + (size_t)row * a->stride))[column];
}

Test(data_text, csv_columns_and_categories) {
    static const char *const model[] = {"age f32 -1", "x f32 -1 2", "kind i32 -1", NULL};
    Described d;
    write_text("t.csv", "\xef\xbb\xbfsize,kind,age,\"a \"\"b\"\", c\"\r\n"
                        "1.5,cat,3, red "
                        "\r\n\r\n2,\"d,o\ng\",4,blue\n-1e3,cat,5,red\n7,ant,6,red\n8,cat,7,blue\n");
    describe(&d, 2, model);
    d.arg[0].text = "t.csv";
    DlData *data = open_data(&d, "csv", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 4);
    cr_expect_eq(data->test.rows, 1);
    cr_expect_eq(csv_value(data, &data->train, 0, 1, 0), 4);
    cr_expect_eq(csv_value(data, &data->train, 1, 2, 0), -1000);
    cr_expect_eq(csv_value(data, &data->train, 1, 0, 1), 1); /* blue, red */
    cr_expect_eq(csv_value(data, &data->train, 2, 1, 0), 2); /* ant, cat, d,o\ng */
    cr_expect_eq(csv_value(data, &data->test, 0, 0, 0), 7);
    cr_expect_str_eq(data->class_name[0], "ant");
    cr_expect_str_eq(dl_meta_get(&data->meta, "categories.a \"b\", c"), "blue\nred");
    cr_expect_str_eq(dl_meta_get(&data->meta, "columns.x"), "size\na \"b\", c");
    close_described(&d, data);
}

Test(data_text, csv_of_scikit_learn) {
    static const char *const model[] = {"x f32 -1 2", "y i32 -1", NULL};
    Described d;
    write_text("t.csv", "3,2,one,two\n1,2,0\n3,4,1\n5,6,0\n");
    describe(&d, 1, model);
    d.arg[0].text = "t.csv.gz"; /* the name may be that of the packed file */
    d.arg[1] = (DlArg){"test", "0"};
    DlData *data = open_data(&d, "csv", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 3);
    cr_expect_eq(data->test.rows, 0);
    cr_expect_eq(data->nclass, 2);
    cr_expect_str_eq(data->class_name[1], "two");
    cr_expect_eq(csv_value(data, &data->train, 0, 2, 1), 6);
    close_described(&d, data);
}

Test(data_text, csv_that_is_wrong) {
    static const char *const model[] = {"x f32 -1 2", "y i32 -1", NULL};
    static const char *const two[] = {"x f32 -1", "u f32 -1", "y i32 -1", NULL};
    refused("csv", NULL, model, 1, "name the file");
    refused("csv", "none.csv", model, 1, "no file none.csv");
    write_text("t.csv", "");
    refused("csv", "t.csv", model, 1, "t.csv: holds no records");
    write_text("t.csv", "a,b,y\n");
    refused("csv", "t.csv", model, 1, "t.csv: holds no records after its header");
    write_text("t.csv", "a,b,y\n1,2,0\n1,2\n");
    refused("csv", "t.csv", model, 1, "t.csv:3: has 2 fields, and the records before it 3");
    write_text("t.csv", "a,b\n1,2,0\n1,2,3\n");
    refused("csv", "t.csv", model, 1, "t.csv:2: has 3 fields, and the first record 2");
    write_text("t.csv", "a,b,y\n1,,0\n1,2,0\n");
    refused("csv", "t.csv", model, 1, "t.csv:2: column 'b' has no value ('')");
    write_text("t.csv", "a,b,y\n1,2,0\n1,\"2,0\n");
    refused("csv", "t.csv", model, 1, "t.csv:3: a quoted field is not closed");
    write_text("t.csv", "a,b,y\n1,\"x\ny\",0\n1,2\n");
    refused("csv", "t.csv", model, 1, "t.csv:4: has 2 fields");
    write_text("t.csv", "2,2,one,two\n1,2,0\n1,2,0\n1,2,0\n");
    refused("csv", "t.csv", model, 1, "t.csv:2: has 3 fields, and the first record 4");
    write_text("t.csv", "a,b,y\n1,\"2\"3,0\n");
    refused("csv", "t.csv", model, 1, "t.csv:2: text follows a quoted field");
    write_file("t.csv", "a,b\0,y\n", 7);
    refused("csv", "t.csv", model, 1, "t.csv: is not text");
    write_text("t.csv", "a,b,y\n1,2,0.5\n1,2,0\n");
    refused("csv", "t.csv", model, 1,
            "m.dl:3: 'y' is i32, but row 0 of the training data ('y') holds 0.5");
    write_text("t.csv", "a,b,c,y\n1,2,3,0\n1,2,3,0\n");
    refused("csv", "t.csv", model, 1,
            "'x' is f32[batch, 2], but a row of the training data ('x') is f64[3]");
    refused("csv", "t.csv", two, 2, "t.csv: has no column 'u'; its columns are a, b, c, y");
}

Test(data_text, csv_arguments) {
    static const char *const model[] = {"x f32 -1 1", "y i32 -1", NULL};
    Described d;
    write_text("t.csv", "a,y\n1,0\n");
    describe(&d, 1, model);
    d.arg[0].text = "t.csv";
    d.arg[1] = (DlArg){"tset", "0"};
    cr_expect_null(open_data(&d, "csv", NULL));
    cr_expect_str_eq(d.error.text, "data csv: has no argument 'tset'; did you mean 'test'? It "
                                   "takes file target test header");
    d.arg[1] = (DlArg){"test", "2"};
    cr_expect_null(open_data(&d, "csv", NULL));
    cr_expect_str_eq(d.error.text, "data csv: test is '2', and must be a number from 0 to 1");
    d.arg[1] = (DlArg){"target", "z"};
    cr_expect_null(open_data(&d, "csv", NULL));
    cr_expect(strstr(d.error.text, "has no column 'z'; its columns are a, y"));
    cr_expect_null(open_data(&d, "cvs", NULL));
    cr_expect(strstr(d.error.text, "data cvs: there is no such reader; did you mean 'csv'? The "
                                   "readers are cifar10, mnist"));
    close_described(&d, NULL);
}

/* ---- .npy --------------------------------------------------------------------------- */

Test(data_text, npy_is_read_as_it_was_written) {
    static const float x[] = {1, 2, 3, 4, 5, 6};
    static const int64_t shape[] = {3, 2};
    DlError e = {""};
    DlPool *p = dl_pool_new();
    DlArray a;
    int64_t rows;
    cr_assert(dl_npy_write(in_folder("x.npy"), DL_F32, 2, shape, x, &e), "%s", e.text);
    cr_assert(dl_npy_read(p, in_folder("x.npy"), &a, &rows, &e), "%s", e.text);
    cr_expect_eq(rows, 3);
    cr_expect_eq(a.rank, 1);
    cr_expect_arr_eq(a.at, x, sizeof x);
    cr_expect_not(dl_npy_write("/no/where.npy", DL_F32, 2, shape, x, &e));
    cr_expect_str_eq(e.text, "/no/where.npy: cannot be written: No such file or directory");
    dl_pool_free(p);
}

static void write_npy(const char *dictionary, const void *values, size_t n) {
    char text[512] = "\x93NUMPY\x01";
    size_t length = strlen(dictionary);
    text[8] = (char)length;
    memcpy(text + 10, dictionary, length);
    memcpy(text + 10 + length, values, n);
    write_file("x.npy", text, 10 + length + n);
}

static void npy_refused(const char *part) {
    DlError e = {""};
    DlPool *p = dl_pool_new();
    DlArray a;
    int64_t rows;
    cr_expect_not(dl_npy_read(p, in_folder("x.npy"), &a, &rows, &e));
    cr_expect(strstr(e.text, part) != NULL, "'%s' is not in: %s", part, e.text);
    dl_pool_free(p);
}

Test(data_text, npy_that_is_wrong) {
    write_text("x.npy", "something");
    npy_refused("is not a .npy file");
    write_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "abcd", 4);
    npy_refused("column by column");
    write_npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "abcdefgh", 8);
    npy_refused("elements of type '<c8'");
    write_npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "abcd", 4);
    npy_refused("one element type");
    write_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "abcd", 4);
    npy_refused("announces other than the 4 bytes");
    write_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "abcdefgh", 8);
    npy_refused("announces other than the 8 bytes");
    write_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "abcd", 4);
    npy_refused("the shape in its header");
    write_npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "", 0);
    npy_refused("announces other than");
    write_npy("{'descr': '<f4', 'fortran_order': False, }", "abcd", 4);
    npy_refused("lacks descr");
    write_npy("{'descr': '<f4' 'fortran_order': False", "abcd", 4);
    npy_refused("header cannot be read");
}

Test(data_text, npy_small_types_are_widened) {
    DlError e = {""};
    DlPool *p = dl_pool_new();
    DlArray a;
    int64_t rows;
    write_npy("{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", "\x01\xff", 2);
    cr_assert(dl_npy_read(p, in_folder("x.npy"), &a, &rows, &e), "%s", e.text);
    cr_expect_eq(((const int32_t *)(const void *)a.at)[1], -1);
    write_npy("{'descr': '<u4', 'fortran_order': False, 'shape': (), }", "\xff\xff\xff\xff", 4);
    cr_assert(dl_npy_read(p, in_folder("x.npy"), &a, &rows, &e), "%s", e.text);
    cr_expect_eq(*(const int64_t *)(const void *)a.at, 4294967295);
    dl_pool_free(p);
}

Test(data_text, npy_as_training_data) {
    static const char *const model[] = {"x f32 -1 2", "table f32 3 1", "y i32 -1", NULL};
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const int32_t y[] = {1, 2, 3, 4, 5};
    static const int64_t five[] = {5, 2}, three[] = {3, 1};
    Described d;
    DlError e = {""};
    cr_assert(dl_npy_write(in_folder("train_x.npy"), DL_F32, 2, five, x, &e));
    cr_assert(dl_npy_write(in_folder("table.npy"), DL_F32, 2, three, x, &e));
    refused("npy", NULL, model, 2, "no file train_y.npy");
    cr_assert(dl_npy_write(in_folder("train_y.npy"), DL_I32, 1, three, y, &e));
    refused("npy", NULL, model, 2, "train_y.npy: has 3 rows, and the arrays before it 5");
    cr_assert(dl_npy_write(in_folder("train_y.npy"), DL_I32, 1, five, y, &e));
    describe(&d, 2, model);
    DlData *data = open_data(&d, "npy", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 4);
    cr_expect(data->test.array[1].fixed && data->train.array[1].fixed);
    DlBatch b;
    cr_assert(dl_batch_open(&b, d.tensor, 3, 4, &e));
    dl_batch_fill(&b, &data->train, (const int64_t[]){3, 0}, 0, 2);
    cr_expect_eq(((const float *)b.data[0])[0], 7);
    cr_expect_eq(((const float *)b.data[1])[2], 3);
    cr_expect_eq(((const int32_t *)b.data[2])[1], 1);
    dl_batch_fill(&b, &data->train, (const int64_t[]){3, 0, 2}, 2, 1);
    cr_expect_eq(((const float *)b.data[0])[1], 6);
    dl_batch_close(&b);
    close_described(&d, data);
}

/* ---- made data ---------------------------------------------------------------------- */

Test(data_text, made_data_follow_their_rule) {
    static const char *const line[] = {"x f32 -1 1", "y f32 -1", NULL};
    static const char *const plane[] = {"x f32 -1 2", "y i32 -1", NULL};
    static const char *const symbols[] = {"x i32 -1 10", "y i32 -1", NULL};
    Described d;
    describe(&d, 1, line);
    d.arg[0] = (DlArg){"noise", "0"};
    DlData *data = open_data(&d, "linear", NULL);
    cr_assert(data, "%s", d.error.text);
    const float *x = (const float *)(const void *)data->train.array[0].at;
    const float *y = (const float *)(const void *)data->train.array[1].at;
    for (int i = 0; i < 100; i++)
        cr_expect(x[i] >= 0 && x[i] < 1 && fabsf(y[i] - 2 * x[i] - 1) < 1e-6f);
    const float *other = (const float *)(const void *)data->test.array[0].at;
    cr_expect(fabsf(x[0] - x[99]) > 0 && fabsf(x[0] - other[0]) > 0);
    close_described(&d, data);

    describe(&d, 1, plane);
    data = open_data(&d, "logistic", NULL);
    cr_assert(data, "%s", d.error.text);
    x = (const float *)(const void *)data->test.array[0].at;
    for (int i = 0; i < 100; i++)
        cr_expect_eq(data->test.array[1].at[i], x[2 * i] + x[2 * i + 1] > 1);
    close_described(&d, data);

    describe(&d, 1, symbols);
    d.arg[0].text = "1000";
    data = open_data(&d, "random_sequences", NULL);
    cr_assert(data, "%s", d.error.text);
    const int32_t *s = (const int32_t *)(const void *)data->train.array[0].at;
    int ones = 0;
    for (int i = 0; i < 10000; i++) {
        cr_expect(s[i] == 0 || s[i] == 1);
        ones += s[i];
    }
    cr_expect(ones > 4800 && ones < 5200);
    close_described(&d, data);
}

Test(data_text, an_order_is_a_permutation_and_depends_on_seed_and_epoch) {
    int64_t a[100], b[100], c[100], sum = 0;
    dl_draw_order(1, 0, a, 100);
    dl_draw_order(1, 0, b, 100);
    dl_draw_order(1, 1, c, 100);
    cr_expect_arr_eq(a, b, sizeof a);
    cr_expect_arr_neq(a, c, sizeof a);
    dl_draw_order(2, 0, c, 100);
    cr_expect_arr_neq(a, c, sizeof a);
    char seen[100] = {0};
    for (int i = 0; i < 100; i++) sum += !seen[a[i]]++;
    cr_expect_eq(sum, 100);
}

Test(data_text, noise_has_mean_0_and_variance_1) {
    double sum = 0, square = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        double v = dl_draw_normal(5, i, 0);
        sum += v;
        square += v * v;
    }
    cr_expect(fabs(sum / 10000) < 0.04, "%g", sum / 10000);
    cr_expect(fabs(square / 10000 - 1) < 0.06, "%g", square / 10000);
}
