/* data_idx.c - IDX files, the format of MNIST: two zero bytes, a type, the number of axes,
 * each axis as a big-endian 32-bit number, then the values, big-endian, row-major.
 * A set is four files; a name tells which is which: "train" or "t10k" or "test", "images"
 * or "labels". */
#include <string.h>

#include "data_readers.h"

typedef struct IdxType {
    int code, size;
    dl_type type;
    const char *name;
} IdxType;

static const IdxType idx_types[] = {
        {0x08, 1, DL_U8, "u8"},
        {0x09, 1, DL_I32, "i8"},
        {0x0b, 2, DL_I32, "i16"},
        {0x0c, 4, DL_I32, "i32"},
        {0x0d, 4, DL_F32, "f32"},
        {0x0e, 8, DL_F64, "f64"},
};

static const IdxType *idx_type(int code) {
    for (size_t i = 0; i < sizeof idx_types / sizeof *idx_types; i++)
        if (idx_types[i].code == code) return &idx_types[i];
    return NULL;
}

static uint64_t big_endian(const unsigned char *p, int size) {
    uint64_t v = 0;
    for (int i = 0; i < size; i++) v = v << 8 | p[i];
    return v;
}

/* Signed types of 1 and 2 bytes are widened to i32. */
static void store(const IdxType *t, const unsigned char *from, unsigned char *to) {
    uint64_t v = big_endian(from, t->size);
    uint32_t word = (uint32_t)v;
    if (t->size == 1) word = v & 0x80 ? word | 0xffffff00u : word;
    if (t->size == 2) word = v & 0x8000 ? word | 0xffff0000u : word;
    if (t->size == 8)
        memcpy(to, &v, 8);
    else
        memcpy(to, &word, 4);
}

/* The header's axes; `*count` becomes the number of values of one row. */
static bool read_header(const DlBytes *b, const IdxType **t, int *rank, int64_t *shape,
        int64_t *count, DlError *e) {
    if (b->size < 8 || b->at[0] != 0 || b->at[1] != 0)
        return dl_fail(e,
                "%s: is not an IDX file: it does not begin with two zero bytes, a type "
                "and a number of axes",
                b->path);
    *t = idx_type(b->at[2]);
    *rank = b->at[3];
    if (!*t || *rank < 1 || *rank > DL_RANK + 1)
        return dl_fail(e, "%s: is not an IDX file that can be used: type 0x%02x, %d axes", b->path,
                b->at[2], *rank);
    if (b->size < 4 + 4 * (size_t)*rank)
        return dl_fail(e, "%s: is cut short within its header; fetch the file again", b->path);
    *count = 1;
    for (int i = 0; i < *rank; i++) {
        shape[i] = (int64_t)big_endian(b->at + 4 + 4 * i, 4);
        if (i > 0 && !dl_times(*count, shape[i], count))
            return dl_fail(e, "%s: the sizes in its header are too large", b->path);
    }
    return true;
}

static bool read_array(
        DlReading *r, const char *path, const char *name, DlArray *a, int64_t *rows) {
    DlBytes b;
    const IdxType *t;
    int rank;
    int64_t shape[DL_RANK + 1], count, total;
    if (!dl_bytes_read(r->data->pool, path, &b, r->error) ||
            !read_header(&b, &t, &rank, shape, &count, r->error))
        return false;
    size_t header = 4 + 4 * (size_t)rank;
    if (!dl_times(count, shape[0], &total) || !dl_times(total, t->size, &total) ||
            (size_t)total != b.size - header)
        return dl_fail(r->error,
                "%s: %lld rows of %lld %s values need %lld bytes after the header, "
                "and the file has %zu; fetch it again",
                path, (long long)shape[0], (long long)count, t->name, (long long)total,
                b.size - header);
    *rows = shape[0];
    if (t->type == DL_U8)
        return dl_array_around(r, a, name, t->type, *rows, rank - 1, shape + 1, NULL) &&
               dl_bytes_array(&b, header, a);
    if (!dl_array_make(r, a, name, t->type, *rows, rank - 1, shape + 1)) return false;
    for (size_t i = 0; i < (size_t)(total / t->size); i++)
        store(t, b.at + header + i * (size_t)t->size, a->at + i * dl_type_size(t->type));
    dl_pool_drop(r->data->pool, b.at);
    return true;
}

static bool read_split(DlReading *r, const char *which, DlSplit *s, bool required) {
    static const char *const name[] = {"image", "label"};
    int64_t rows[2];
    for (int k = 0; k < 2; k++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "*%s*%ss*", which, name[k]);
        const char *path = dl_find(r, pattern, required || k == 1);
        if (!path) return !required && k == 0 && r->error->text[0] == '\0';
        if (!read_array(r, path, name[k], &s->array[k], &rows[k])) return false;
        if (k == 1 && rows[0] != rows[1])
            return dl_fail(r->error, "%s: has %lld labels for %lld images; both must be of one set",
                    path, (long long)rows[1], (long long)rows[0]);
        s->rows = rows[k];
    }
    return true;
}

static bool read_idx(DlReading *r) {
    DlData *d = r->data;
    if (!dl_data_shape(r, 1, 1) || !read_split(r, "train", &d->train, true) ||
            !read_split(r, "t10k", &d->test, false))
        return false;
    if (d->test.rows == 0 && !read_split(r, "test", &d->test, false)) return false;
    return d->test.rows > 0 || dl_data_divide(r, 0.2);
}

static bool read_mnist(DlReading *r) {
    static const char *const digit[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    return read_idx(r) && dl_data_classes(r, 10, digit) && dl_data_select(r);
}

static bool read_fashion_mnist(DlReading *r) {
    static const char *const garment[] = {
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
    };
    return read_idx(r) && dl_data_classes(r, 10, garment) && dl_data_select(r);
}

#define IDX_FILES                                                                                  \
    "four files: *train*images*, *train*labels*, *t10k*images*, *t10k*labels* (or test)"

const DlReader dl_reader_mnist = {
        .name = "mnist",
        .arguments = "folder classes each",
        .folders = "mnist MNIST/raw MNIST",
        .files = IDX_FILES,
        .remedy = DL_FETCH,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_mnist,
        .prepare = dl_prepare_images,
};

const DlReader dl_reader_fashion_mnist = {
        .name = "fashion_mnist",
        .arguments = "folder classes each",
        .folders = "fashion-mnist fashion_mnist FashionMNIST/raw fashion",
        .files = IDX_FILES,
        .remedy = DL_FETCH,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_fashion_mnist,
        .prepare = dl_prepare_images,
};

const DlReader dl_reader_idx = {
        .name = "idx",
        .arguments = "folder",
        .folders = "",
        .files = IDX_FILES,
        .remedy = DL_PLACE,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_idx,
        .prepare = dl_prepare_images,
};
