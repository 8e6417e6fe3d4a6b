/* batch.c - rows of a split, in the order wanted and in the model's types, as contiguous
 * arrays for one call. Data that are so already are passed as they are.
 *
 * Invariant: the data have been held against the model (data_check.c), so that rows have
 * as many elements as the model's and every value can be converted. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

size_t dl_batch_bytes(const dl_tensor *t, int64_t rows) {
    return dl_tensor_elements(t) * dl_type_size(t->type) * (dl_tensor_has_rows(t) ? (size_t)rows : 1);
}

bool dl_batch_open(DlBatch *b, const dl_tensor *tensor, int n, int64_t rows, DlError *e) {
    *b = (DlBatch){.n = n,
            .tensor = tensor,
            .rows = rows,
            .buffer = calloc((size_t)n + 1, sizeof(void *)),
            .data = calloc((size_t)n + 1, sizeof(void *))};
    bool ok = b->buffer && b->data;
    for (int k = 0; ok && k < n; k++) {
        size_t bytes = dl_batch_bytes(&tensor[k], rows);
        b->buffer[k] = aligned_alloc(64, (bytes + 64) / 64 * 64);
        ok = b->buffer[k] != NULL;
    }
    if (ok) return true;
    dl_batch_close(b);
    return dl_fail(e, "out of memory for a batch of %lld rows", (long long)rows);
}

void dl_batch_close(DlBatch *b) {
    for (int k = 0; b->buffer && k < b->n; k++) free(b->buffer[k]);
    free(b->buffer);
    free(b->data);
    b->buffer = NULL;
    b->data = NULL;
}

/* ---- conversion: the types of data to the types of models --------------------------- */

#define CONVERT(name, From, To)                                                                    \
    static void name(const void *from, void *to, size_t n) {                                       \
        const From *a = from;                                                                      \
        To *b = to;                                                                                \
        for (size_t i = 0; i < n; i++) b[i] = (To)a[i];                                            \
    }

CONVERT(f32_i32, float, int32_t)
CONVERT(f32_u8, float, uint8_t)
CONVERT(f64_f32, double, float)
CONVERT(f64_i32, double, int32_t)
CONVERT(f64_u8, double, uint8_t)
CONVERT(i32_f32, int32_t, float)
CONVERT(i32_u8, int32_t, uint8_t)
CONVERT(i64_f32, int64_t, float)
CONVERT(i64_i32, int64_t, int32_t)
CONVERT(i64_u8, int64_t, uint8_t)
CONVERT(u8_f32, uint8_t, float)
CONVERT(u8_i32, uint8_t, int32_t)

typedef void Convert(const void *from, void *to, size_t n);

/* Models take f32, i32 and u8. */
static Convert *const convert[][3] = {
        [DL_F32] = {[DL_I32] = f32_i32, [DL_U8] = f32_u8},
        [DL_I32] = {[DL_F32] = i32_f32, [DL_U8] = i32_u8},
        [DL_U8] = {[DL_F32] = u8_f32, [DL_I32] = u8_i32},
        [DL_F64] = {[DL_F32] = f64_f32, [DL_I32] = f64_i32, [DL_U8] = f64_u8},
        [DL_I64] = {[DL_F32] = i64_f32, [DL_I32] = i64_i32, [DL_U8] = i64_u8},
};

static void copy_row(
        const DlArray *a, const dl_tensor *t, const unsigned char *from, unsigned char *to) {
    if (a->type == t->type)
        memcpy(to, from, a->stride);
    else
        convert[a->type][t->type](from, to, a->stride / dl_type_size(a->type));
}

/* ---- filling ------------------------------------------------------------------------ */

static void fill_array(
        DlBatch *b, int k, const DlSplit *s, const int64_t *order, int64_t first, int64_t n) {
    const dl_tensor *t = &b->tensor[k];
    const DlArray *a = &s->array[k];
    size_t step = dl_tensor_elements(t) * dl_type_size(t->type);
    unsigned char *to = b->buffer[k];
    b->data[k] = to;
    if (a->fixed) {
        copy_row(a, t, a->at, to);
    } else if (!order && !s->row && a->type == t->type) {
        b->data[k] = a->at + (size_t)first * a->stride;
    } else {
        for (int64_t i = 0; i < n; i++, to += step) {
            int64_t row = order ? order[first + i] : first + i;
            copy_row(a, t, a->at + (size_t)(s->row ? s->row[row] : row) * a->stride, to);
        }
    }
}

void dl_batch_fill(DlBatch *b, const DlSplit *s, const int64_t *order, int64_t first, int64_t n) {
    for (int k = 0; k < b->n; k++) fill_array(b, k, s, order, first, n);
}
