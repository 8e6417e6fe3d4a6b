/* data_cifar10.c - CIFAR-10 in its binary form: records of 3,073 bytes, a label and three
 * planes (red, green, blue) of 32 x 32, which become channels-last. Takes the publisher's
 * folder (data_batch_1.bin to data_batch_5.bin, test_batch.bin) or one file a split
 * (cifar10_train*.bin, cifar10_test*.bin). */
#include <string.h>

#include "data_readers.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE, CLASSES = 10 };

static void channels_last(const unsigned char *planes, unsigned char *image) {
    for (int i = 0; i < PLANE; i++)
        for (int c = 0; c < 3; c++) image[3 * i + c] = planes[c * PLANE + i];
}

static bool check_records(const DlBytes *b, DlError *e) {
    if (b->size == 0 || b->size % RECORD != 0)
        return dl_fail(e,
                "%s: has %zu bytes, which is no whole number of records of %d (a label "
                "and 3 x 32 x 32 values); fetch the binary version again",
                b->path, b->size, RECORD);
    for (size_t i = 0; i < b->size; i += RECORD)
        if (b->at[i] >= CLASSES)
            return dl_fail(e,
                    "%s: record %zu has the label %d, and labels go from 0 to 9; is it "
                    "the binary version of CIFAR-10?",
                    b->path, i / RECORD, b->at[i]);
    return true;
}

/* The records of a file become its images, where they are: an image ends up in front of where
 * its record was. The labels go to an array of their own. */
static void divide(const DlBytes *part, unsigned char *label) {
    unsigned char planes[RECORD - 1];
    for (size_t i = 0; i < part->size / RECORD; i++) {
        const unsigned char *record = part->at + i * RECORD;
        label[i] = record[0];
        memcpy(planes, record + 1, sizeof planes);
        channels_last(planes, part->at + i * sizeof planes);
    }
}

/* One more file's images and labels at the end of those that are there already. */
static bool add_file(DlReading *r, const char *path, unsigned char **image, unsigned char **label,
        size_t *rows) {
    DlPool *pool = r->data->pool;
    DlBytes part;
    if (!dl_bytes_read(pool, path, &part, r->error) || !check_records(&part, r->error)) return false;
    size_t more = part.size / RECORD, first = *rows;
    unsigned char *labels = dl_pool_array(pool, (int64_t)(first + more), 1, r->error);
    if (!labels) return false;
    if (first > 0) memcpy(labels, *label, first);
    if (first > 0) dl_pool_drop(pool, *label);
    divide(&part, labels + first);
    *label = labels;
    *rows = first + more;
    if (first == 0) {
        *image = part.at;
        return true;
    }
    unsigned char *all = dl_pool_resize(pool, *image, *rows * (RECORD - 1), r->error);
    if (!all) return false;
    memcpy(all + first * (RECORD - 1), part.at, more * (RECORD - 1));
    dl_pool_drop(pool, part.at);
    *image = all;
    return true;
}

/* One split from `n` files, in their order. */
static bool read_files(DlReading *r, DlSplit *s, const char *const *path, int n) {
    static const int64_t shape[] = {SIDE, SIDE, 3};
    unsigned char *image = NULL, *label = NULL;
    size_t rows = 0;
    for (int i = 0; i < n; i++)
        if (!add_file(r, path[i], &image, &label, &rows)) return false;
    s->rows = (int64_t)rows;
    return dl_array_around(r, &s->array[0], "image", DL_U8, s->rows, 3, shape, image) &&
           dl_array_around(r, &s->array[1], "label", DL_U8, s->rows, 0, NULL, label);
}

/* The publisher's batches when the first of them is there: then all must be. */
static int find_train(DlReading *r, const char **path) {
    path[0] = dl_find(r, "data_batch_1.bin", false);
    if (!path[0]) {
        path[0] = r->error->text[0] ? NULL : dl_find(r, "cifar10_train*.bin", true);
        return path[0] ? 1 : 0;
    }
    for (int i = 1; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i + 1);
        path[i] = dl_find(r, name, true);
        if (!path[i]) return 0;
    }
    return 5;
}

bool dl_read_cifar10(DlReading *r) {
    static const char *const thing[] = {"airplane", "automobile", "bird", "cat", "deer", "dog",
            "frog", "horse", "ship", "truck"};
    const char *train[5], *test;
    int n = find_train(r, train);
    if (n == 0 || !dl_data_shape(r, 1, 1)) return false;
    test = dl_find(r, n == 5 ? "test_batch.bin" : "cifar10_test*.bin", true);
    return test && read_files(r, &r->data->train, train, n) &&
           read_files(r, &r->data->test, &test, 1) && dl_data_classes(r, CLASSES, thing) &&
           dl_data_select(r);
}
