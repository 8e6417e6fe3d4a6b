/* Data larger than memory, and rows that are made ready ahead: the same values as of data in
 * memory, taken one after the other; and nothing is left on the disk. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "../../runtime/trainer/ahead.h"
#include "trainer_line.h"

static DlError error;

static void setup(void) {
    make_folder();
    setenv("TMPDIR", folder, 1);
    error.text[0] = '\0';
}

static void teardown(void) {
    remove_folder();
}

TestSuite(large_data, .init = setup, .fini = teardown);

static int files_in_folder(void) {
    DIR *d = opendir(folder);
    int n = 0;
    for (const struct dirent *f; (f = readdir(d)) != NULL;) n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- the pool ----------------------------------------------------------------------------- */

static bool all_are(const unsigned char *at, size_t n, unsigned char v) {
    size_t i = 0;
    while (i < n && at[i] == v) i++;
    return i == n;
}

Test(large_data, beyond_the_bound_pieces_are_files) {
    DlPool *p = dl_pool_new();
    dl_pool_bound(p, 10000);
    unsigned char *small = dl_pool_array(p, 100, 1, &error);
    unsigned char *first = dl_pool_array(p, 9000, 1, &error);
    unsigned char *large = dl_pool_array(p, 1 << 20, 1, &error);
    cr_assert(small && first && large, "%s", error.text);
    cr_expect(!dl_pool_is_file(p, small) && dl_pool_is_file(p, large + 1000));
    cr_expect(all_are(large, 1 << 20, 0));
    memset(large, 7, 1 << 20);
    cr_expect(all_are(large, 1 << 20, 7));
    cr_expect_eq(files_in_folder(), 0);
    dl_pool_drop(p, large);
    dl_pool_free(p);
}

static int open_files(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d) != NULL) n++;
    closedir(d);
    return n;
}

/* A whole file is read into a piece that is cut to its size: of thousands of them none stays open. */
Test(large_data, pieces_that_were_cut_keep_no_file_open) {
    DlPool *p = dl_pool_new();
    dl_pool_bound(p, 1000);
    int before = open_files();
    for (int i = 0; i < 50; i++) {
        unsigned char *at = dl_pool_resize(p, NULL, 1 << 16, &error);
        cr_assert(at && dl_pool_is_file(p, at), "%s", error.text);
        memset(at, i, 100);
        at = dl_pool_resize(p, at, 100, &error);
        cr_assert(at && all_are(at, 100, (unsigned char)i), "%s", error.text);
    }
    cr_expect_eq(open_files(), before);
    dl_pool_free(p);
}

/* A piece that grows moves out of memory, and goes on growing there. */
Test(large_data, growing) {
    DlPool *p = dl_pool_new();
    unsigned char *at = NULL;
    size_t size = 0;
    dl_pool_bound(p, 5000);
    for (size_t n = 1000; n < 1 << 18; n = n * 2 + 13) {
        at = dl_pool_resize(p, at, n, &error);
        cr_assert(at, "%s", error.text);
        cr_expect(all_are(at, size, 5));
        memset(at, 5, n);
        size = n;
    }
    cr_expect(dl_pool_is_file(p, at));
    at = dl_pool_resize(p, at, 10000, &error);
    cr_expect(at && all_are(at, 10000, 5));
    at = dl_pool_resize(p, at, 70000, &error);
    cr_expect(at && all_are(at, 10000, 5));
    dl_pool_free(p);
}

/* A disk without room is a message, and never a signal. */
Test(large_data, no_room_on_the_disk) {
    struct rlimit limit = {1 << 16, 1 << 16};
    DlPool *p = dl_pool_new();
    dl_pool_bound(p, 5000);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_null(dl_pool_array(p, 1 << 20, 1, &error));
    cr_expect(strstr(error.text, "the data need 1048640 bytes more than memory is to hold"));
    cr_expect(strstr(error.text, "Set TMPDIR to a folder on a larger disk"), "%s", error.text);
    setenv("TMPDIR", "/nowhere", 1);
    error.text[0] = '\0';
    cr_expect_null(dl_pool_array(p, 1 << 20, 1, &error));
    cr_expect(strstr(error.text, "/nowhere has no room for them: No such file"), "%s", error.text);
    dl_pool_free(p);
}

/* A file of the user's where it lies, one NUL byte behind it also when it fills its last page. */
Test(large_data, mapped_files) {
    static const size_t sizes[] = {4096, 5000, 1 << 17};
    for (int i = 0; i < 3; i++) {
        DlPool *p = dl_pool_new();
        unsigned char *bytes = malloc(sizes[i]);
        DlBytes b;
        memset(bytes, 3, sizes[i]);
        write_file("plain", bytes, sizes[i]);
        dl_pool_bound(p, 1000);
        cr_assert(dl_bytes_read(p, in_folder("plain"), &b, &error), "%s", error.text);
        cr_expect(b.mapped && b.paged && b.size == sizes[i]);
        cr_expect(all_are(b.at, b.size, 3) && b.at[b.size] == 0);
        free(bytes);
        dl_pool_free(p);
    }
}

/* ---- readers and runs --------------------------------------------------------------------- */

enum { ROWS = 3000 };

static void write_line_files(void) {
    static const int64_t shape[] = {ROWS, 1};
    static float x[ROWS], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        x[i] = (float)(i * 37 % 101) / 101;
        y[i] = 2 * x[i] - 1 + (float)(i % 7) / 70;
    }
    cr_assert(dl_npy_write(in_folder("train_x.npy"), DL_F32, 2, shape, x, &error));
    cr_assert(dl_npy_write(in_folder("train_y.npy"), DL_F32, 2, shape, y, &error));
}

typedef struct Outcome {
    float w, b;
    double loss, metric[2];
} Outcome;

static Outcome outcome_of(const DlConfig *c, int64_t memory, int64_t broken_at) {
    DlRequest q = {.table = &line_model, .config = c, .data_memory = memory};
    DlData *d = dl_data_open(&q, &error);
    DlSession s;
    DlRun r;
    float loss;
    cr_assert(d, "%s", error.text);
    cr_expect_eq(d->train.array[0].mapped, memory > 0);
    cr_assert(dl_session_open(&s, &line_model, 1, 1, &error));
    cr_assert(dl_run_open(&r, &s, d, c, 5, &error));
    for (int epoch = 0; epoch < 2; epoch++) {
        while (r.batch < dl_run_batches(&r)) {
            if (epoch == 1 && r.batch == broken_at) dl_run_seek(&r, 1, broken_at);
            cr_assert(dl_run_step(&r, &loss, &error), "%s", error.text);
        }
        if (epoch == 0) dl_run_next(&r);
    }
    Outcome o = {.w = ((const Line *)s.model)->w, .b = ((const Line *)s.model)->b, .loss = loss};
    cr_assert(dl_evaluate(&s, &d->test, o.metric, &error));
    dl_run_close(&r);
    dl_session_close(&s);
    dl_data_free(d);
    return o;
}

static void expect_same(const DlConfig *c) {
    Outcome a = outcome_of(c, 0, -1), b = outcome_of(c, 1000, -1), broken = outcome_of(c, 1000, 11);
    cr_expect(memcmp(&a.w, &b.w, 4) == 0 && memcmp(&a.b, &b.b, 4) == 0);
    cr_expect(a.loss == b.loss && a.metric[0] == b.metric[0] && a.metric[1] == b.metric[1]);
    cr_expect(memcmp(&a.w, &broken.w, 4) == 0 && memcmp(&a.b, &broken.b, 4) == 0);
}

Test(large_data, a_run_has_the_same_bits) {
    DlConfig c = {.readers = dl_all_readers, .reader = "npy", .directory = folder};
    write_line_files();
    expect_same(&c);
    c.control.validation = 0.3; /* rows are set aside twice, and stay where they are */
    expect_same(&c);
    c.control.validation_last = true;
    c.keep_order = true;
    expect_same(&c);
    c.control.accumulate = 3;
    expect_same(&c);
}

/* What is packed is unpacked into a file, and selected there or where it lies. */
Test(large_data, readers_give_the_same_rows) {
    static const char *const model[] = {"image u8 -1 8 8", "label i32 -1", NULL};
    static unsigned char images[16 + 500 * 64] = {0, 0, 8, 3, 0, 0, 1, 0xf4, 0, 0, 0, 8, 0, 0, 0, 8};
    static unsigned char labels[8 + 500] = {0, 0, 8, 1, 0, 0, 1, 0xf4};
    for (int i = 0; i < 500 * 64; i++) images[16 + i] = (unsigned char)(i * 7 / 64 + i % 13);
    for (int i = 0; i < 500; i++) labels[8 + i] = (unsigned char)(i * i % 10);
    write_file("train-labels", labels, sizeof labels);
    for (int packed = 0; packed < 2; packed++) {
        gzFile g = packed ? gzopen(in_folder("train-images.gz"), "wb") : NULL;
        if (packed) cr_assert(gzwrite(g, images, sizeof images) > 0 && gzclose(g) == Z_OK);
        if (packed) unlink(in_folder("train-images"));
        if (!packed) write_file("train-images", images, sizeof images);
        DlData *data[2];
        Described d[2];
        for (int i = 0; i < 2; i++) {
            describe(&d[i], 1, model);
            d[i].arg[0] = (DlArg){"classes", "3 6 1 9"};
            d[i].arg[1] = (DlArg){"each", "40"};
            d[i].config.reader = "mnist";
            d[i].config.readers = dl_all_readers;
            d[i].config.arg = d[i].arg;
            d[i].config.narg = 2;
            DlRequest q = {.table = &d[i].model, .config = &d[i].config, .data_memory = i * 300};
            data[i] = dl_data_open(&q, &d[i].error);
            cr_assert(data[i], "%s", d[i].error.text);
        }
        const DlSplit *a = &data[0]->train, *b = &data[1]->train;
        cr_expect(b->row && !a->row); /* the labels lie in their file in any case */
        cr_assert(a->rows == b->rows && data[0]->test.rows == data[1]->test.rows && a->rows > 50);
        for (int64_t i = 0; i < a->rows; i++) {
            cr_expect_arr_eq(dl_row(a, 0, i), dl_row(b, 0, i), 64);
            cr_expect_eq(*dl_row(a, 1, i), *dl_row(b, 1, i));
        }
        for (int i = 0; i < 2; i++) close_described(&d[i], data[i]);
    }
}

/* ---- ahead -------------------------------------------------------------------------------- */

static uint64_t draw(int round, int what, uint64_t n) {
    return (uint64_t)(dl_draw(9, DL_DRAW_DATA, (uint64_t)round, (uint64_t)what) * (double)n);
}

/* Whatever was guessed, and dropped: the rows that are asked for. */
Test(large_data, guesses_change_nothing) {
    static const int64_t shape[] = {-1, 3};
    static const dl_tensor tensor[] = {{"x", DL_INPUT, DL_F32, 2, shape, 0, 0, 0, 1},
            {"label", DL_TARGET, DL_I32, 1, shape, 0, 0, 0, 2}};
    static double x[3 * 100];
    static unsigned char label[100];
    int64_t order[2][100];
    DlArray array[] = {{.name = "x", .type = DL_F64, .rank = 1, .shape = {3}, .stride = 24,
                               .paged = true, .at = (unsigned char *)x},
            {.name = "label", .type = DL_U8, .stride = 1, .paged = true, .at = label}};
    DlSplit s = {.rows = 100, .array = array};
    for (int i = 0; i < 300; i++) x[i] = i;
    for (int i = 0; i < 100; i++) label[i] = (unsigned char)i;
    DlBatch b;
    cr_assert(dl_batch_open(&b, tensor, 2, 16, &error));
    DlAhead *a = dl_ahead_open(tensor, 2, 16, &s, &error);
    cr_assert(a);
    DlWanted next = {order[0], 0, 0};
    for (int round = 0; round < 400; round++) {
        if (round % 50 == 0) {
            dl_ahead_drop(a);
            for (int k = 0; k < 2; k++) dl_draw_order((uint64_t)round + 1, k, order[k], 100);
            next.n = 0;
        }
        bool follows = next.n > 0 && draw(round, 0, 4) > 0;
        DlWanted now = follows ? next
                               : (DlWanted){draw(round, 1, 3) ? order[draw(round, 2, 2)] : NULL,
                                         (int64_t)draw(round, 3, 84), 1 + (int64_t)draw(round, 4, 16)};
        next = (DlWanted){order[draw(round, 5, 2)], (int64_t)draw(round, 6, 84),
                (int64_t)draw(round, 7, 17)};
        const DlBatch *got = dl_ahead_take(a, now, next);
        dl_batch_fill(&b, &s, now.order, now.first, now.n);
        cr_expect_arr_eq(got->data[0], b.data[0], (size_t)now.n * 12);
        cr_expect_arr_eq(got->data[1], b.data[1], (size_t)now.n * 4);
    }
    cr_expect(dl_ahead_waited(a) > 0);
    dl_ahead_close(a);
    dl_batch_close(&b);
}
