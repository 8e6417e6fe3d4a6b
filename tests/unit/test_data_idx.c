/* IDX and CIFAR files: good ones, packed ones, and every kind of bad one. */
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

TestSuite(data_idx, .init = setup, .fini = teardown);

/* Two images of 2 x 3 and their labels. */
static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4,
        5, 6, 250, 251, 252, 253, 254, 255};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9};

static const char *const small_image[] = {"image u8 -1 2 3", "label i32 -1", NULL};

static void write_both(const char *which) {
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", which);
    write_file(name, images, sizeof images);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", which);
    write_file(name, labels, sizeof labels);
}

static void write_gzip(const char *name, const void *bytes, unsigned n, int times) {
    for (int i = 0; i < times; i++) { /* each time one more member */
        gzFile f = gzopen(in_folder(name), i == 0 ? "wb" : "ab");
        cr_assert(f && gzwrite(f, bytes, n) == (int)n && gzclose(f) == Z_OK);
    }
}

static size_t write_xz(const char *name, const void *bytes, size_t n, size_t keep) {
    unsigned char out[4096];
    size_t used = 0;
    cr_assert_eq(
            lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, bytes, n, out, &used, sizeof out),
            LZMA_OK);
    write_file(name, out, keep < used ? keep : used);
    return used;
}

/* Opens idx and expects a message that holds `part`. */
static void refused(const char *const *model, const char *part) {
    Described d;
    describe(&d, 1, model);
    DlData *data = open_data(&d, "idx", NULL);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

Test(data_idx, plain) {
    Described d;
    write_both("train");
    write_both("t10k");
    describe(&d, 1, small_image);
    DlData *data = open_data(&d, "idx", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 2);
    cr_expect_eq(data->test.rows, 2);
    cr_expect_eq(data->train.array[0].at[11], 255);
    cr_expect_eq(data->train.array[1].at[1], 9);
    close_described(&d, data);
}

Test(data_idx, gzip_of_two_members) {
    Described d;
    write_gzip("train-images.gz", images, 10, 1);
    gzFile f = gzopen(in_folder("train-images.gz"), "ab");
    cr_assert(gzwrite(f, images + 10, sizeof images - 10) > 0 && gzclose(f) == Z_OK);
    write_gzip("train-labels.gz", labels, sizeof labels, 1);
    write_both("t10k");
    describe(&d, 1, small_image);
    DlData *data = open_data(&d, "mnist", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.array[0].at[11], 255);
    cr_expect_eq(data->nclass, 10);
    cr_expect_str_eq(dl_meta_get(&data->meta, "classes"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9");
    close_described(&d, data);
}

Test(data_idx, an_axis_may_be_merged_but_not_permuted) {
    static const char *const flat[] = {"image f32 -1 6", "label f32 -1 1", NULL};
    static const char *const turned[] = {"image f32 -1 3 2", "label i32 -1", NULL};
    Described d;
    write_both("train");
    write_both("t10k");
    describe(&d, 1, flat);
    DlData *data = open_data(&d, "idx", NULL);
    cr_expect(data, "%s", d.error.text);
    close_described(&d, data);
    refused(turned, "m.dl:2: 'image' is f32[batch, 3, 2], but a row of the training data ('image') "
                    "is u8[2, 3]");
}

Test(data_idx, packed_files_cut_short_or_damaged) {
    write_both("t10k");
    write_file("train-labels", labels, sizeof labels);
    size_t whole = write_xz("train-images.xz", images, sizeof images, 4096);
    for (size_t keep = 6; keep < whole; keep++) {
        write_xz("train-images.xz", images, sizeof images, keep);
        refused(small_image, "train-images.xz: the xz data are cut short");
    }
    remove(in_folder("train-images.xz"));
    write_gzip("train-images.gz", images, sizeof images, 1);
    unsigned char packed[256];
    FILE *f = fopen(in_folder("train-images.gz"), "rb");
    size_t n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    for (size_t keep = 2; keep < n; keep++) {
        write_file("train-images.gz", packed, keep);
        refused(small_image, "train-images.gz: the gzip data are cut short");
    }
    packed[n - 6] ^= 1; /* the checksum */
    write_file("train-images.gz", packed, n);
    refused(small_image, "train-images.gz: the gzip data are damaged near byte");
}

/* Every file that is cut short is refused, and nothing is read beyond it. */
Test(data_idx, every_prefix_is_refused) {
    write_both("t10k");
    write_file("train-labels", labels, sizeof labels);
    for (size_t n = 0; n < sizeof images; n++) {
        write_file("train-images", images, n);
        refused(small_image, "train-images: ");
    }
}

Test(data_idx, sizes_that_overflow) {
    unsigned char head[20] = {0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
            255, 255, 255, 255, 255};
    write_both("t10k");
    write_file("train-labels", labels, sizeof labels);
    write_file("train-images", head, sizeof head);
    refused(small_image, "the sizes in its header are too large");
}

Test(data_idx, labels_without_a_class) {
    Described d;
    write_both("train");
    write_both("t10k");
    describe(&d, 1, small_image);
    d.tensor[1].bound = 9;
    DlData *data = open_data(&d, "idx", NULL);
    cr_expect_null(data);
    cr_expect_str_eq(d.error.text,
            "m.dl:3: 'label' must lie from 0 to 8, but row 1 of the training "
            "data ('label') holds 9");
    close_described(&d, data);
}

Test(data_idx, other_counts_of_labels_and_images) {
    unsigned char three[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3};
    write_both("t10k");
    write_file("train-images", images, sizeof images);
    write_file("train-labels", three, sizeof three);
    refused(small_image, "train-labels: has 3 labels for 2 images");
}

Test(data_idx, no_file_says_where_it_was_sought) {
    refused(small_image, "data idx: no file *train*images* (or with .gz, .xz, .zst) is in any of\n  ");
    refused(small_image, folder);
    write_both("train");
    write_file("train-images.idx", images, sizeof images);
    refused(small_image, "both train-images-idx3-ubyte and train-images.idx");
}

/* Files of two places are never mixed. */
Test(data_idx, all_files_come_from_one_folder) {
    Described d;
    cr_assert_eq(mkdir(in_folder("mnist"), 0700), 0);
    write_both("mnist/train");
    write_both("mnist/t10k");
    cr_assert_eq(remove(in_folder("mnist/train-images-idx3-ubyte")), 0);
    write_file("train-images", images, sizeof images);
    describe(&d, 1, small_image);
    cr_expect_null(open_data(&d, "mnist", NULL));
    cr_expect(
            strstr(d.error.text, "no file *train*labels* (or with .gz, .xz, .zst) is in any of\n  /tmp"));
    write_file("mnist/train-images-idx3-ubyte", images, sizeof images);
    DlData *data = open_data(&d, "mnist", NULL);
    cr_expect(data, "%s", d.error.text); /* the usual folder comes before the place itself */
    close_described(&d, data);
}

/* --data comes before the model's folder, DLC_DATA after it. */
Test(data_idx, the_places_in_order) {
    Described d;
    char folders[2][256];
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "said" : "variable", *path = in_folder(name);
        cr_assert_eq(mkdir(path, 0700), 0);
        strcpy(folders[i], path);
    }
    write_both("train");
    write_both("t10k");
    write_both("variable/train");
    write_both("variable/t10k");
    setenv("DLC_DATA", folders[1], 1);
    describe(&d, 1, small_image);
    d.config.readers = dl_all_readers;
    d.config.reader = "idx";
    d.config.directory = folders[0];
    DlRequest q = {.table = &d.model, .config = &d.config};
    DlData *data = dl_data_open(&q, &d.error);
    cr_assert(data, "%s", d.error.text);
    dl_data_free(data);
    unsigned char other[sizeof images];
    memcpy(other, images, sizeof images);
    other[16] = 99;
    write_file("train-images-idx3-ubyte", other, sizeof other);
    q.data_dir = folder;
    data = dl_data_open(&q, &d.error);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.array[0].at[0], 99);
    close_described(&d, data);
}

Test(data_idx, signed_and_real_types) {
    static const char *const real[] = {"image f32 -1 2", "label i32 -1", NULL};
    static const unsigned char reals[] = {
            0, 0, 13, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0};
    static const unsigned char negative[] = {0, 0, 0xb, 1, 0, 0, 0, 1, 0xff, 0xfe};
    Described d;
    write_file("train-images", reals, sizeof reals);
    write_file("train-labels", negative, sizeof negative);
    write_file("t10k-images", reals, sizeof reals);
    write_file("t10k-labels", negative, sizeof negative);
    describe(&d, 1, real);
    DlData *data = open_data(&d, "idx", NULL);
    cr_assert(data, "%s", d.error.text);
    const float *x = (const float *)(const void *)data->train.array[0].at;
    cr_expect(x[0] >= 1 && x[0] <= 1 && x[1] >= -2 && x[1] <= -2);
    cr_expect_eq(*(const int32_t *)(const void *)data->train.array[1].at, -2);
    close_described(&d, data);
}

/* ---- CIFAR-10 ----------------------------------------------------------------------- */

static const char *const cifar[] = {"image u8 -1 32 32 3", "label i32 -1", NULL};

static void write_cifar(const char *name, size_t bytes, unsigned char label) {
    static unsigned char record[2 * 3073];
    for (size_t i = 0; i < sizeof record; i++) record[i] = (unsigned char)(i / 1024 + i % 7);
    record[0] = record[3073] = label;
    write_file(name, record, bytes);
}

Test(data_idx, cifar_planes_become_channels_last) {
    Described d;
    write_cifar("cifar10_train.bin", 2 * 3073, 3);
    write_cifar("cifar10_test.bin", 3073, 9);
    describe(&d, 1, cifar);
    DlData *data = open_data(&d, "cifar10", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 2);
    cr_expect_eq(data->test.rows, 1);
    for (int c = 0; c < 3; c++) {
        size_t at = 1 + (size_t)c * 1024 + 5 * 32 + 7;
        cr_expect_eq(
                data->train.array[0].at[(5 * 32 + 7) * 3 + c], (unsigned char)(at / 1024 + at % 7));
    }
    cr_expect_eq(data->train.array[1].at[1], 3);
    cr_expect_str_eq(data->class_name[9], "truck");
    close_described(&d, data);
}

static void cifar_refused(const char *part) {
    Described d;
    describe(&d, 1, cifar);
    DlData *data = open_data(&d, "cifar10", NULL);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

Test(data_idx, cifar_of_a_wrong_size_or_label) {
    cifar_refused("examples/fetch.sh");
    write_cifar("cifar10_test.bin", 3073, 0);
    write_cifar("cifar10_train.bin", 3072, 0);
    cifar_refused("cifar10_train.bin: has 3072 bytes");
    write_cifar("cifar10_train.bin", 0, 0);
    cifar_refused("cifar10_train.bin: has 0 bytes");
    write_cifar("cifar10_train.bin", 2 * 3073, 10);
    cifar_refused("cifar10_train.bin: record 0 has the label 10");
    write_cifar("data_batch_1.bin", 3073, 1);
    cifar_refused("no file data_batch_2.bin");
}
