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

/* One split from `n` files, in their order. */
static bool read_files(DlReading *r, DlSplit *s, const char *const *path, int n) {
    static const int64_t shape[] = {SIDE, SIDE, 3};
    DlBytes part[5];
    int64_t rows = 0;
    for (int i = 0; i < n; i++) {
        if (!dl_bytes_read(r->data->pool, path[i], &part[i], r->error) ||
                !check_records(&part[i], r->error))
            return false;
        rows += (int64_t)(part[i].size / RECORD);
    }
    if (!dl_array_make(r, &s->array[0], "image", DL_U8, rows, 3, shape) ||
            !dl_array_make(r, &s->array[1], "label", DL_U8, rows, 0, NULL))
        return false;
    for (int i = 0; i < n; i++)
        for (size_t at = 0; at < part[i].size; at += RECORD, s->rows++) {
            s->array[1].at[s->rows] = part[i].at[at];
            channels_last(part[i].at + at + 1, s->array[0].at + s->rows * (RECORD - 1));
        }
    return true;
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
           read_files(r, &r->data->test, &test, 1) && dl_data_classes(r, CLASSES, thing);
}
