/* tensor.c - what the table says of a tensor, in numbers: sizes of types and rows, and values of any
 * type as reals (exact but for integers beyond 2**53). */
#include "reader.h"

size_t dl_type_size(dl_type t) {
    static const size_t size[] = {
            [DL_F32] = 4, [DL_I32] = 4, [DL_U8] = 1, [DL_F64] = 8, [DL_I64] = 8};
    return size[t];
}

const char *dl_type_name(dl_type t) {
    static const char *const name[] = {
            [DL_F32] = "f32", [DL_I32] = "i32", [DL_U8] = "u8", [DL_F64] = "f64", [DL_I64] = "i64"};
    return name[t];
}

double dl_value_at(dl_type t, const void *at, size_t i) {
    switch (t) {
    case DL_F32:
        return (double)((const float *)at)[i];
    case DL_I32:
        return (double)((const int32_t *)at)[i];
    case DL_F64:
        return ((const double *)at)[i];
    case DL_I64:
        return (double)((const int64_t *)at)[i];
    case DL_U8:
        break;
    }
    return (double)((const unsigned char *)at)[i];
}

bool dl_tensor_has_rows(const dl_tensor *t) {
    return t->rank > 0 && t->shape[0] < 0;
}

size_t dl_tensor_elements(const dl_tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] >= 0) n *= (size_t)t->shape[i];
    return n;
}
