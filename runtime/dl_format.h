/* dl_format.h - the file format, as dl_save.c and dl_load.c share it.
 *
 * A safetensors file is a length (8 bytes, little-endian), a header in JSON of that length,
 * padded with spaces, and the tensors' bytes without gaps, little-endian. Ours have the pairs
 * dlc.format, dlc.kind, dlc.model, in a checkpoint dlc.seed and dlc.step, then the caller's,
 * and last dlc.checksum. Names begin with dl_ since all this may be part of a generated file. */
#ifndef DL_FORMAT_H
#define DL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dl_file.h"

#define DL_FORMAT_VERSION "1"
enum { DL_CHUNK = 4096 };      /* bytes of a buffer on the stack */

static inline size_t dl_element_size(dl_type type) {
    return type == DL_U8 ? 1 : type == DL_F64 || type == DL_I64 ? 8 : 4;
}

static inline const char *dl_type_name(dl_type type) {
    static const char *const name[] = {
        [DL_F32] = "F32", [DL_I32] = "I32", [DL_U8] = "U8", [DL_F64] = "F64", [DL_I64] = "I64"};
    return name[type];
}

/* Does a file of this kind hold the tensor? */
static inline bool dl_is_stored(const dl_tensor *t, dl_kind kind) {
    if (t->role == DL_PARAMETER || t->role == DL_STATE) return true;
    return kind == DL_CHECKPOINT && (t->role == DL_SLOT || t->role == DL_NUMBER);
}

/* Turns elements from the host's byte order to the file's, or back. */
static inline void dl_file_order(unsigned char *at, size_t bytes, size_t element) {
    const uint16_t one = 1;
    if (*(const unsigned char *)&one == 1) return;
    for (size_t i = 0; i + element <= bytes; i += element)
        for (size_t k = 0; k < element / 2; k++) {
            unsigned char swap = at[i + k];
            at[i + k] = at[i + element - 1 - k];
            at[i + element - 1 - k] = swap;
        }
}

static inline uint64_t dl_read_u64(const unsigned char *at) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | at[i];
    return v;
}

/* A checksum over little-endian words: of the pairs with their terminators, then the data. */
typedef struct dl_sum {
    uint64_t hash, word;
    int filled;
} dl_sum;

static inline void dl_sum_byte(dl_sum *s, unsigned char byte) {
    s->word |= (uint64_t)byte << 8 * s->filled++;
    if (s->filled < 8) return;
    s->hash = (s->hash ^ s->word) * UINT64_C(0x9e3779b97f4a7c15);
    s->hash ^= s->hash >> 32;
    s->word = 0;
    s->filled = 0;
}

static inline void dl_sum_bytes(dl_sum *s, const unsigned char *at, size_t n) {
    size_t i = 0;
    for (; i < n && s->filled; i++) dl_sum_byte(s, at[i]);
    for (; i + 8 <= n; i += 8) {
        s->hash = (s->hash ^ dl_read_u64(at + i)) * UINT64_C(0x9e3779b97f4a7c15);
        s->hash ^= s->hash >> 32;
    }
    for (; i < n; i++) dl_sum_byte(s, at[i]);
}

static inline uint64_t dl_sum_end(dl_sum *s) {
    while (s->filled) dl_sum_byte(s, 0);
    return s->hash;
}

#endif
