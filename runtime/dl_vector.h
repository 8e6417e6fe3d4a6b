/* dl_vector.h - sixteen floats as one value (dl_v16), on every machine: one vector of the
 * target's where it is that wide, else a pair of halves, these likewise, down to vectors of
 * four, or to four floats where the compiler has no vectors (also by -DDLC_PLAIN). Pairs and
 * not wider vector types, because compilers take those apart badly.
 *
 * DL_FMA is the only fused multiply-add of generated code: rounded once where the target has
 * one, twice where not; nothing else is contracted (dl_arithmetic.h). So there is one result
 * for all machines with FMA and one for those without. Folds of the lanes are fixed trees:
 * lane i with lane i + 8, then + 4, + 2, + 1.
 *
 * Memory need not be aligned. A part is the first `count` lanes, 0 <= count <= 16; the rest
 * is neither read (the value has zeros there) nor written. */
#ifndef DL_VECTOR_H
#define DL_VECTOR_H

#include <stddef.h>
#include <string.h>

#include "dl_arithmetic.h"
#include "dl_loop.h"
#include "dl_math.h"

#if !defined(__GNUC__) || defined(DLC_PLAIN)
#define DL_PLAIN 1
#elif defined(__AVX__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA) ||               \
        defined(__aarch64__) || defined(__riscv_flen) || defined(__powerpc64__) || defined(__s390x__)
#define DL_HAS_FMA 1
#endif

DL_INLINE float dl_fma(float a, float b, float c) {
#ifdef DL_HAS_FMA
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* The operations on `lanes` floats as a vector of the target's, but for dl_fma. `memory` is
 * the type through which a pointer to floats may be read and written. */
#define DL_VECTOR(vector, memory, load, store, set, add, bytes)                             \
    typedef float vector __attribute__((vector_size(bytes)));                              \
    typedef float memory __attribute__((vector_size(bytes), aligned(4), may_alias));       \
    DL_INLINE vector load(const float *p) { return *(const memory *)p; }                   \
    DL_INLINE void store(float *p, vector v) { *(memory *)p = v; }                         \
    DL_INLINE vector set(float x) { return x - (vector){0}; }                              \
    DL_INLINE vector add(vector a, vector b) { return a + b; }

/* The same, and the multiply-add, as a pair of halves. */
#define DL_PAIR(pair, half, lanes, load, store, set, add, fma, load_, store_, set_, add_, fma_) \
    typedef struct pair { half lo, hi; } pair;                                             \
    DL_INLINE pair load(const float *p) {                                                  \
        pair v = {load_(p), load_(p + lanes / 2)};                                         \
        return v;                                                                          \
    }                                                                                      \
    DL_INLINE void store(float *p, pair v) {                                               \
        store_(p, v.lo);                                                                   \
        store_(p + lanes / 2, v.hi);                                                       \
    }                                                                                      \
    DL_INLINE pair set(float x) {                                                          \
        pair v = {set_(x), set_(x)};                                                       \
        return v;                                                                          \
    }                                                                                      \
    DL_INLINE pair add(pair a, pair b) {                                                   \
        pair v = {add_(a.lo, b.lo), add_(a.hi, b.hi)};                                     \
        return v;                                                                          \
    }                                                                                      \
    DL_INLINE pair fma(pair a, pair b, pair c) {                                           \
        pair v = {fma_(a.lo, b.lo, c.lo), fma_(a.hi, b.hi, c.hi)};                         \
        return v;                                                                          \
    }

/* ---- four lanes (where eight are not one vector) ---- */

#if defined(DL_PLAIN)

typedef struct dl_v4 { float a, b, c, d; } dl_v4;

DL_INLINE dl_v4 dl_load4(const float *p) {
    dl_v4 v = {p[0], p[1], p[2], p[3]};
    return v;
}
DL_INLINE void dl_store4(float *p, dl_v4 v) { p[0] = v.a, p[1] = v.b, p[2] = v.c, p[3] = v.d; }
DL_INLINE dl_v4 dl_set4(float x) {
    dl_v4 v = {x, x, x, x};
    return v;
}
DL_INLINE dl_v4 dl_add4(dl_v4 x, dl_v4 y) {
    dl_v4 v = {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
    return v;
}
DL_INLINE dl_v4 dl_fma4(dl_v4 x, dl_v4 y, dl_v4 z) {
    dl_v4 v = {dl_fma(x.a, y.a, z.a), dl_fma(x.b, y.b, z.b), dl_fma(x.c, y.c, z.c),
               dl_fma(x.d, y.d, z.d)};
    return v;
}

#elif !defined(__AVX__)

DL_VECTOR(dl_v4, dl_memory4, dl_load4, dl_store4, dl_set4, dl_add4, 16)

DL_INLINE dl_v4 dl_fma4(dl_v4 a, dl_v4 b, dl_v4 c) {
#if defined(__aarch64__)
    return (dl_v4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(DL_HAS_FMA)
    dl_v4 v = {dl_fma(a[0], b[0], c[0]), dl_fma(a[1], b[1], c[1]), dl_fma(a[2], b[2], c[2]),
               dl_fma(a[3], b[3], c[3])};
    return v;
#else
    return a * b + c;
#endif
}

#endif

/* ---- eight (where sixteen are not one vector) ---- */

#if defined(DL_PLAIN) || !defined(__AVX__)

DL_PAIR(dl_v8, dl_v4, 8, dl_load8, dl_store8, dl_set8, dl_add8, dl_fma8,
        dl_load4, dl_store4, dl_set4, dl_add4, dl_fma4)

#elif !defined(__AVX512F__)

DL_VECTOR(dl_v8, dl_memory8, dl_load8, dl_store8, dl_set8, dl_add8, 32)

DL_INLINE dl_v8 dl_fma8(dl_v8 a, dl_v8 b, dl_v8 c) {
#ifdef __FMA__
    return (dl_v8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

#endif

/* ---- sixteen ---- */

#if defined(DL_PLAIN) || !defined(__AVX512F__)

DL_PAIR(dl_v16, dl_v8, 16, dl_load16, dl_store16, dl_set16, dl_add16, dl_fma16,
        dl_load8, dl_store8, dl_set8, dl_add8, dl_fma8)

DL_INLINE dl_v16 dl_load_part(const float *p, int count) {
    float lane[16] = {0};
    memcpy(lane, p, (size_t)count * sizeof *p);
    return dl_load16(lane);
}

DL_INLINE void dl_store_part(float *p, dl_v16 v, int count) {
    float lane[16];
    dl_store16(lane, v);
    memcpy(p, lane, (size_t)count * sizeof *p);
}

#else

DL_VECTOR(dl_v16, dl_memory16, dl_load16, dl_store16, dl_set16, dl_add16, 64)

DL_INLINE dl_v16 dl_fma16(dl_v16 a, dl_v16 b, dl_v16 c) {
    return (dl_v16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

DL_INLINE dl_v16 dl_load_part(const float *p, int count) {
    return (dl_v16)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1u), p);
}

DL_INLINE void dl_store_part(float *p, dl_v16 v, int count) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1u), (__m512)v);
}

#endif

/* a * b + c. */
#define DL_FMA(a, b, c) dl_fma16(a, b, c)

/* ---- folds of the lanes ---- */

DL_INLINE float dl_sum16(dl_v16 v) {
    float s[16];
    dl_store16(s, v);
    for (int i = 0; i < 8; i++) s[i] += s[i + 8];
    for (int i = 0; i < 4; i++) s[i] += s[i + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* NaN if any lane is. */
DL_INLINE float dl_max16(dl_v16 v) {
    float m[16];
    dl_store16(m, v);
    for (int i = 0; i < 8; i++) m[i] = dl_max(m[i], m[i + 8]);
    for (int i = 0; i < 4; i++) m[i] = dl_max(m[i], m[i + 4]);
    return dl_max(dl_max(m[0], m[2]), dl_max(m[1], m[3]));
}

DL_INLINE float dl_min16(dl_v16 v) {
    float m[16];
    dl_store16(m, v);
    for (int i = 0; i < 8; i++) m[i] = dl_min(m[i], m[i + 8]);
    for (int i = 0; i < 4; i++) m[i] = dl_min(m[i], m[i + 4]);
    return dl_min(dl_min(m[0], m[2]), dl_min(m[1], m[3]));
}

#endif
