/* Text and arrays: words, reviews, .npy, and the data that are made. */
#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>

#include "../../runtime/trainer/words.h"
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
    DlWords *w = dl_words_new(DL_PLAIN_WORDS);
    DlError e = {""};
    DlPool *pool = dl_pool_new();
    cr_assert(dl_words_count(w, text, strlen(text), &e) && dl_words_rank(w, 20, &e));
    char *list = dl_words_list(w, pool, &e);
    cr_expect_str_eq(list, "a\nb\nc\n'tis\nx9\ni\nz\n"); /* ties by first occurrence */
    expect_words(w, "a b nobody", 5, (const int32_t[]){0, 0, 2, 3, 1});
    expect_words(w, "a b c a b c", 3, (const int32_t[]){2, 3, 4});
    expect_words(w, "", 2, (const int32_t[]){0, 0});
    expect_words(w, "\xe2\x84\xaa-C", 2, (const int32_t[]){1, 4}); /* the Kelvin sign is a k */
    DlWords *again = dl_words_new(DL_PLAIN_WORDS);
    cr_assert(dl_words_load(again, list, &e));
    expect_words(again, "x9 z", 2, (const int32_t[]){6, 8});
    dl_pool_free(pool);
    dl_words_free(again);
    dl_words_free(w);
}

Test(data_text, a_vocabulary_is_cut_at_its_size) {
    DlWords *w = dl_words_new(DL_PLAIN_WORDS);
    DlError e = {""};
    cr_assert(dl_words_count(w, "a a b b b c", 11, &e) && dl_words_rank(w, 4, &e));
    expect_words(w, "a b c", 3, (const int32_t[]){3, 2, 1});
    dl_words_free(w);
}

Test(data_text, a_word_without_end_and_no_words_at_all) {
    static char text[5000];
    int32_t got[4];
    memset(text, 'a', sizeof text);
    DlWords *w = dl_words_new(DL_PLAIN_WORDS);
    DlError e = {""};
    cr_assert(dl_words_rank(w, 20, &e));
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
    refused("imdb", NULL, review, 1, "test/neg: this folder holds no .txt files");
    write_text("test/neg/0_1.txt", "bad");
    describe(&d, 1, review);
    DlData *data = open_data(&d, "imdb", NULL);
    cr_assert(data, "%s", d.error.text);
    static const int32_t train[] = {0, 0, 3, 0, 0, 2, 0, 2, 2};
    cr_expect_arr_eq(data->train.array[0].at, train, sizeof train);
    cr_expect_eq(((const double *)(const void *)data->train.array[1].at)[2], 1);
    close_described(&d, data);
}

Test(data_text, reviews_that_are_none) {
    write_text("a_test.tsv", "1\t9\t0\tgood\n");
    write_text("a_train.tsv", "1\t9\t0\tgood\n2\t9\t0\tgood\n");
    refused("imdb", NULL, review, 1,
            "a_train.tsv: record 2: the label must be 0 or 1, and is 2");
    write_text("a_train.tsv", "1\t9\t0\tgood\n1\tgood");
    refused("imdb", NULL, review, 1, "a_train.tsv:2: has 2 fields");
    write_text("a_train.tsv", "");
    refused("imdb", NULL, review, 1, "a_train.tsv: holds no records");
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

/* ---- .npz ---------------------------------------------------------------------------- */

/* Adds an array to an archive as numpy.savez and savez_compressed do. */
static void add_array(struct archive *a, const char *name, dl_type type, int rank,
        const int64_t *shape, const void *at) {
    static char bytes[4096];
    DlError e = {""};
    cr_assert(dl_npy_write(in_folder("one.npy"), type, rank, shape, at, &e));
    FILE *f = fopen(in_folder("one.npy"), "rb");
    cr_assert(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (int64_t)n);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
    cr_assert_eq(archive_write_data(a, bytes, n), (la_ssize_t)n);
    archive_entry_free(entry);
}

static void write_npz(const char *file, const char *before, bool deflated) {
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const int32_t y[] = {1, 2, 3, 4, 5};
    static const int64_t five[] = {5, 2};
    char name[64];
    struct archive *a = archive_write_new();
    archive_write_set_format_zip(a);
    cr_assert_eq(deflated ? archive_write_zip_set_compression_deflate(a)
                          : archive_write_zip_set_compression_store(a), ARCHIVE_OK);
    cr_assert_eq(archive_write_open_filename(a, in_folder(file)), ARCHIVE_OK);
    snprintf(name, sizeof name, "%sy.npy", before);
    add_array(a, name, DL_I32, 1, five, y);
    snprintf(name, sizeof name, "%sx.npy", before);
    add_array(a, name, DL_F32, 2, five, x);
    cr_assert_eq(archive_write_free(a), ARCHIVE_OK);
}

Test(data_text, npz_as_training_data) {
    static const char *const model[] = {"x f32 -1 2", "y i32 -1", NULL};
    static const char *const other[] = {"x f32 -1 2", "z i32 -1", NULL};
    for (int deflated = 0; deflated < 2; deflated++) {
        Described d;
        write_npz("a.npz", deflated ? "train_" : "", deflated);
        describe(&d, 1, model);
        d.arg[0] = (DlArg){NULL, "a.npz"};
        DlData *data = open_data(&d, "npz", NULL);
        cr_assert(data, "%s", d.error.text);
        cr_expect_eq(data->train.rows, 4);
        cr_expect_eq(((const float *)(const void *)data->train.array[0].at)[7], 8);
        cr_expect_eq(((const int32_t *)(const void *)data->test.array[1].at)[0], 5);
        close_described(&d, data);
    }
    refused("npz", "a.npz", other, 1, "a.npz: holds no array train_z.npy; it has train_x.npy, train_y");
    refused("npz", NULL, model, 1, "name the file");
    write_text("a.npz", "something");
    refused("npz", "a.npz", model, 1, "a.npz: ");
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
