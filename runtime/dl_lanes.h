/* dl_lanes.h - how many lanes a vector of the target's has (DL_LANES), and a word (dl_w): as
 * many floats. Sixteen with AVX-512, eight with AVX, four with SSE2, NEON and other machines, one
 * where the compiler has no vectors (also by -DDLC_PLAIN).
 *
 * dl_wi and dl_wu are as many integers, dl_wm truth values: a register of bits with AVX-512,
 * all bits of a lane or none elsewhere. Here and in dl_lanes_16.h, dl_lanes_8.h and dl_lanes_4.h,
 * of which one has text, stand the primitives of words: what C's operators do not do, and
 * loads and stores. DL_W(name) is a word's function, whose lanes have the bits of dl_name. */
#ifndef DL_LANES_H
#define DL_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dl_arithmetic.h"
#include "dl_math.h"

/* 32-bit ARM's vectors lose subnormal numbers. */
#if !defined(__GNUC__) || defined(DLC_PLAIN) || defined(__arm__)
#define DL_LANES 1
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
        defined(__AVX512VL__)
#define DL_LANES 16
#elif defined(__AVX__)
#define DL_LANES 8
#else
#define DL_LANES 4
#endif

#if DL_LANES > 4
#include <immintrin.h>
#elif DL_LANES == 4 && defined(__SSE4_1__)
#include <smmintrin.h>
#elif DL_LANES == 4 && defined(__SSE2__)
#include <emmintrin.h>
#elif DL_LANES == 4 && defined(__aarch64__)
#include <arm_neon.h>
#endif

#if DL_LANES == 1

/* ---- one lane: dl_math.h's functions are the words' ---- */

#define DL_W(name) dl_##name
typedef float dl_w;
typedef int32_t dl_wi;
typedef int dl_wm;

DL_INLINE int dl_xor(int x, int y) { return x ^ y; }
DL_INLINE int dl_mset(int x) { return x != 0; }
DL_INLINE dl_wi dl_w_lanes(int first) { return first; }
DL_INLINE dl_wm dl_w_first(int count) { return count > 0; }
DL_INLINE unsigned dl_w_truths(dl_wm m) { return (unsigned)m; }

#define DL_WORD_MEMORY(word, lane, load, store)                                            \
    DL_INLINE word load(const lane *p) { return *p; }                                      \
    DL_INLINE word load##_masked(const lane *p, dl_wm m) { return m ? *p : (word)0; }      \
    DL_INLINE word load##_part(const lane *p, int count) { return count > 0 ? *p : (word)0; } \
    DL_INLINE word load##_stride(const lane *p, ptrdiff_t s) { return (void)s, *p; }       \
    DL_INLINE void store(lane *p, word x) { *p = x; }                                      \
    DL_INLINE void store##_masked(lane *p, word x, dl_wm m) {                              \
        if (m) *p = x;                                                                     \
    }                                                                                      \
    DL_INLINE void store##_part(lane *p, word x, int count) {                              \
        if (count > 0) *p = x;                                                             \
    }
DL_WORD_MEMORY(dl_w, float, dl_w_load, dl_w_store)
DL_WORD_MEMORY(dl_wi, int32_t, dl_w_iload, dl_w_istore)

DL_INLINE dl_wi dl_w_iload_u8(const uint8_t *p) { return *p; }
DL_INLINE void dl_w_istore_u8(uint8_t *p, dl_wi x) { *p = (uint8_t)x; }
DL_INLINE dl_wm dl_w_mload_u8(const uint8_t *p) { return *p != 0; }
DL_INLINE void dl_w_mstore_u8(uint8_t *p, dl_wm m) { *p = (uint8_t)m; }
DL_INLINE dl_w dl_w_gather(const float *p, dl_wi index, dl_wm m) { return m ? p[index] : 0.0f; }
DL_INLINE dl_wi dl_w_igather(const int32_t *p, dl_wi index, dl_wm m) { return m ? p[index] : 0; }

#else

/* ---- types, and what C's operators on vectors do on all targets ---- */

#define DL_W(name) dl_w_##name
#define DL_VECTOR_OF(type, bytes) type __attribute__((vector_size(bytes)))
typedef DL_VECTOR_OF(float, DL_LANES * 4) dl_w;
typedef DL_VECTOR_OF(int32_t, DL_LANES * 4) dl_wi;
typedef DL_VECTOR_OF(uint32_t, DL_LANES * 4) dl_wu;
typedef DL_VECTOR_OF(double, DL_LANES * 4) dl_wd;      /* half as many lanes */
typedef DL_VECTOR_OF(int64_t, DL_LANES * 4) dl_wq;
typedef DL_VECTOR_OF(uint64_t, DL_LANES * 4) dl_wl;
/* dl_w_product multiplies the lower halves of 64 bits; dl_w_zip_low(x, y) is x[0], y[0], x[1],
 * y[1], ... as long as it fits, dl_w_zip_high the rest. */

/* Through pointers to these memory may be read and written. */
typedef float dl_w_at __attribute__((vector_size(DL_LANES * 4), aligned(4), may_alias));
typedef int32_t dl_wi_at __attribute__((vector_size(DL_LANES * 4), aligned(4), may_alias));

DL_INLINE dl_w dl_w_set(float x) { return x - (dl_w){0}; }
/* The number of each lane of 64 bits. */
DL_INLINE dl_wl dl_w_lanes64(void) {
    dl_wl x = {0};
    for (int i = 0; i < DL_LANES / 2; i++) x[i] = (uint64_t)i;
    return x;
}
DL_INLINE dl_wd dl_w_set64(double x) { return x - (dl_wd){0}; }
DL_INLINE dl_wi dl_w_iset(int32_t x) { return x - (dl_wi){0}; }
DL_INLINE dl_wu dl_w_bits(dl_w x) { return (dl_wu)x; }
DL_INLINE dl_w dl_w_from_bits(dl_wu x) { return (dl_w)x; }
DL_INLINE dl_wl dl_w_bits64(dl_wd x) { return (dl_wl)x; }
DL_INLINE dl_wd dl_w_from_bits64(dl_wl x) { return (dl_wd)x; }
DL_INLINE dl_w dl_w_load(const float *p) { return *(const dl_w_at *)p; }
DL_INLINE void dl_w_store(float *p, dl_w x) { *(dl_w_at *)p = x; }
DL_INLINE dl_wi dl_w_iload(const int32_t *p) { return *(const dl_wi_at *)p; }
DL_INLINE void dl_w_istore(int32_t *p, dl_wi x) { *(dl_wi_at *)p = x; }
DL_INLINE dl_w dl_w_real(dl_wi x) { return __builtin_convertvector(x, dl_w); }
DL_INLINE dl_wi dl_w_truncate(dl_w x) { return __builtin_convertvector(x, dl_wi); }

#if DL_LANES < 16

/* A truth value is a lane of bits, all or none. */
typedef dl_wi dl_wm;

#define DL_WORD_COMPARE(name, relation)                                                    \
    DL_INLINE dl_wm dl_w_##name(dl_w x, dl_w y) { return (dl_wm)(x relation y); }          \
    DL_INLINE dl_wm dl_w_i##name(dl_wi x, dl_wi y) { return (dl_wm)(x relation y); }
DL_WORD_COMPARE(lt, <)
DL_WORD_COMPARE(le, <=)
DL_WORD_COMPARE(gt, >)
DL_WORD_COMPARE(ge, >=)
DL_WORD_COMPARE(eq, ==)
DL_WORD_COMPARE(ne, !=)

DL_INLINE dl_wm dl_w_and(dl_wm x, dl_wm y) { return x & y; }
DL_INLINE dl_wm dl_w_or(dl_wm x, dl_wm y) { return x | y; }
DL_INLINE dl_wm dl_w_xor(dl_wm x, dl_wm y) { return x ^ y; }
DL_INLINE dl_wm dl_w_not(dl_wm x) { return ~x; }
DL_INLINE dl_wm dl_w_mset(int x) { return dl_w_iset(x ? -1 : 0); }

#endif

#endif

#endif
