/* Whatever bytes are in the files, a reader gives data or one message. Good files are
 * damaged at random places (from a fixed seed) and cut; the sanitizers watch. */
#include <criterion/criterion.h>
#include <lzma.h>
#include <zlib.h>

#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(data_damage, .init = setup, .fini = teardown);

enum { ROUNDS = 100 };

static uint64_t draw(int round, int what, uint64_t n) {
    return (uint64_t)(dl_draw(7, DL_DRAW_DATA, (uint64_t)round, (uint64_t)what) * (double)n);
}

/* A few bytes of the copy are changed; every third one is cut, too. */
static size_t damage(int round, const unsigned char *good, size_t n, unsigned char *bad) {
    static const unsigned char favourite[] = {
            0, 1, 0x7f, 0x80, 0xff, '\n', ',', '"', '\t', '-', '9'};
    memcpy(bad, good, n);
    for (int i = 0; i < 1 + round % 3; i++) {
        uint64_t c = draw(round, 3 * i, 2 * sizeof favourite);
        bad[draw(round, 3 * i + 1, n)] =
                c < sizeof favourite ? favourite[c] : (unsigned char)draw(round, 3 * i + 2, 256);
    }
    return round % 3 == 0 ? draw(round, 99, n) : n;
}

static int survive(const char *reader, const char *const *model, const char *name, const void *good,
        size_t n, const char *argument) {
    static unsigned char bad[8192];
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        Described d;
        write_file(name, bad, damage(round, good, n, bad));
        describe(&d, 1, model);
        d.arg[0].text = argument;
        d.tensor[1].bound = 10;
        DlData *data = open_data(&d, reader, NULL);
        cr_assert_neq(data != NULL, d.error.text[0] != '\0', "round %d: %s", round, d.error.text);
        accepted += data != NULL;
        close_described(&d, data);
    }
    return accepted;
}

static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4,
        5, 6, 250, 251, 252, 253, 254, 255};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9};
static const char *const image_model[] = {"image u8 -1 2 3", "label i32 -1", NULL};

static void write_labels(void) {
    write_file("train-labels", labels, sizeof labels);
    write_file("t10k-labels", labels, sizeof labels);
    write_file("t10k-images", images, sizeof images);
}

Test(data_damage, idx) {
    write_labels();
    int n = survive("idx", image_model, "train-images", images, sizeof images, NULL);
    cr_expect(n > 0 && n < ROUNDS);
}

Test(data_damage, gzip) {
    unsigned char packed[256];
    write_labels();
    gzFile g = gzopen(in_folder("good"), "wb");
    cr_assert(g && gzwrite(g, images, sizeof images) > 0 && gzclose(g) == Z_OK);
    FILE *f = fopen(in_folder("good"), "rb");
    size_t n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    cr_expect(survive("idx", image_model, "train-images.gz", packed, n, NULL) < ROUNDS);
}

Test(data_damage, xz) {
    unsigned char packed[512];
    size_t n = 0;
    write_labels();
    cr_assert_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, images, sizeof images, packed,
                         &n, sizeof packed),
            LZMA_OK);
    cr_expect(survive("idx", image_model, "train-images.xz", packed, n, NULL) < ROUNDS);
}

Test(data_damage, csv) {
    static const char *const model[] = {"x f32 -1 2", "kind i32 -1", NULL};
    static const char good[] = "a,b,kind\n1,2,cat\n\"3\",4,\"d\"\"og\"\r\n-5e3,.6,cat\n7,8,ant\n";
    int n = survive("csv", model, "t.csv", good, sizeof good - 1, "t.csv");
    cr_expect(n > 0 && n < ROUNDS);
}

Test(data_damage, reviews) {
    static const char *const model[] = {"words i32 -1 3", "label i32 -1", NULL};
    static const char good[] = "1\t9\t0\tgood film<br />it is\n0\t1\t1\tbad, bad film\n";
    write_text("a_test.tsv", good);
    int n = survive("imdb", model, "a_train.tsv", good, sizeof good - 1, NULL);
    cr_expect(n > 0 && n < ROUNDS);
}

Test(data_damage, npy) {
    static const char *const model[] = {"x f32 -1 2", "y f32 -1", NULL};
    static const float x[] = {1, 2, 3, 4, 5, 6};
    static const int64_t shape[] = {3, 2};
    static unsigned char good[512];
    DlError e = {""};
    cr_assert(dl_npy_write(in_folder("train_y.npy"), DL_F32, 1, shape, x, &e));
    cr_assert(dl_npy_write(in_folder("good"), DL_F32, 2, shape, x, &e));
    FILE *f = fopen(in_folder("good"), "rb");
    size_t n = fread(good, 1, sizeof good, f);
    fclose(f);
    int accepted = survive("npy", model, "train_x.npy", good, n, NULL);
    cr_expect(accepted > 0 && accepted < ROUNDS);
}

Test(data_damage, cifar) {
    static const char *const model[] = {"image u8 -1 32 32 3", "label i32 -1", NULL};
    static unsigned char good[2 * 3073];
    write_file("cifar10_test.bin", good, 3073);
    int n = survive("cifar10", model, "cifar10_train.bin", good, sizeof good, NULL);
    cr_expect(n > 0 && n < ROUNDS);
}
