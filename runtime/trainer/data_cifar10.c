/* data_cifar10.c - CIFAR-10 in its binary form: records of 3,073 bytes, a label and three
 * planes (red, green, blue) of 32 x 32, which become channels-last. Takes the publisher's
 * folder (data_batch_1.bin to data_batch_5.bin, test_batch.bin) or one file a split
 * (cifar10_train*.bin, cifar10_test*.bin). */
#include "data_readers.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, IMAGE = 3 * PLANE, RECORD = 1 + IMAGE, CLASSES = 10 };

static void channels_last(const unsigned char *planes, unsigned char *image) {
    for (int i = 0; i < PLANE; i++)
        for (int c = 0; c < 3; c++) image[3 * i + c] = planes[c * PLANE + i];
}

/* The images and labels of a split, while they grow. */
typedef struct Images {
    unsigned char *image, *label;
    int64_t n, room;
} Images;

static bool make_room(DlReading *r, Images *s) {
    if (s->n < s->room) return true;
    int64_t room = s->room ? 2 * s->room : 1024;
    unsigned char *image = dl_pool_resize(r->data->pool, s->image, (size_t)room * IMAGE, r->error);
    if (image) s->image = image;
    unsigned char *label =
            image ? dl_pool_resize(r->data->pool, s->label, (size_t)room, r->error) : NULL;
    if (label) s->label = label;
    s->room = label ? room : s->room;
    return label != NULL;
}

static bool add_record(DlReading *r, Images *s, const unsigned char *record, const char *path,
        int64_t number) {
    if (record[0] >= CLASSES)
        return dl_fail(r->error,
                "%s: record %lld has the label %d, and labels go from 0 to 9; is it the binary "
                "version of CIFAR-10?",
                path, (long long)number, record[0]);
    if (!make_room(r, s)) return false;
    s->label[s->n] = record[0];
    channels_last(record + 1, s->image + s->n++ * IMAGE);
    return true;
}

/* A record at a time: neither the file nor what it is packed from is ever whole in memory. */
static bool add_records(DlReading *r, Images *s, DlStream *file, const char *path) {
    unsigned char record[RECORD];
    size_t got;
    for (int64_t number = 0;; number++) {
        if (!dl_stream_read(file, record, RECORD, &got, r->error)) return false;
        if (got < RECORD && (got > 0 || number == 0))
            return dl_fail(r->error,
                    "%s: has %lld bytes, which is no whole number of records of %d (a label and "
                    "3 x 32 x 32 values); fetch the binary version again",
                    path, (long long)(number * RECORD + (int64_t)got), RECORD);
        if (got == 0) return true;
        if (!add_record(r, s, record, path, number)) return false;
    }
}

/* One split from `n` files, in their order. */
static bool read_files(DlReading *r, DlSplit *split, const char *const *path, int n) {
    static const int64_t shape[] = {SIDE, SIDE, 3};
    Images s = {NULL, NULL, 0, 0};
    for (int i = 0; i < n; i++) {
        DlStream *file = dl_stream_open(path[i], r->error);
        bool ok = file && add_records(r, &s, file, path[i]);
        dl_stream_close(file);
        if (!ok) return false;
    }
    split->rows = s.n;
    unsigned char *image = dl_pool_resize(r->data->pool, s.image, (size_t)s.n * IMAGE, r->error);
    unsigned char *label = dl_pool_resize(r->data->pool, s.label, (size_t)s.n, r->error);
    return image && label &&
           dl_array_around(r, &split->array[0], "image", DL_U8, s.n, 3, shape, image) &&
           dl_array_around(r, &split->array[1], "label", DL_U8, s.n, 0, NULL, label);
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

static bool read_cifar10(DlReading *r) {
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

const DlReader dl_reader_cifar10 = {
        .name = "cifar10",
        .arguments = "folder classes each",
        .folders = "cifar-10-batches-bin cifar10 cifar-10",
        .files = "data_batch_1.bin to data_batch_5.bin and test_batch.bin, or cifar10_train*.bin "
                 "and cifar10_test*.bin",
        .remedy = DL_FETCH,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_cifar10,
        .prepare = dl_prepare_images,
};
