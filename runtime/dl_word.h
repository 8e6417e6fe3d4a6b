/* dl_word.h - a word (dl_w): as many floats as one vector of the target's holds, and the
 * functions of dl_math.h on all its lanes at once. Sixteen lanes with AVX-512, eight with AVX,
 * four with SSE2, NEON and other machines, one where the compiler has no vectors (also by
 * -DDLC_PLAIN). dl_vector.h makes sixteen lanes of them, and is what generated code uses.
 *
 * dl_wi and dl_wu are as many integers, dl_wm truth values: a register of bits with AVX-512,
 * all bits of a lane or none elsewhere. Every lane has the bits of the function of one lane
 * with dl_ for dl_w_; DL_W(name) is a word's function.
 *
 * Memory need not be aligned. Lanes that are not loaded are 0 and their memory is not
 * touched. */
#ifndef DL_WORD_H
#define DL_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dl_arithmetic.h"
#include "dl_math.h"

#if !defined(__GNUC__) || defined(DLC_PLAIN)
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
/* Through pointers to these memory may be read and written. */
typedef float dl_w_at __attribute__((vector_size(DL_LANES * 4), aligned(4), may_alias));
typedef int32_t dl_wi_at __attribute__((vector_size(DL_LANES * 4), aligned(4), may_alias));

DL_INLINE dl_w dl_w_set(float x) { return x - (dl_w){0}; }
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

#endif

#if DL_LANES == 16

/* ---- AVX-512 ---- */

typedef __mmask16 dl_wm;

#define DL_WORD_COMPARE(name, relation)                                                    \
    DL_INLINE dl_wm dl_w_##name(dl_w x, dl_w y) {                                          \
        return _mm512_cmp_ps_mask((__m512)x, (__m512)y, relation);                         \
    }
DL_WORD_COMPARE(lt, _CMP_LT_OQ)
DL_WORD_COMPARE(le, _CMP_LE_OQ)
DL_WORD_COMPARE(gt, _CMP_GT_OQ)
DL_WORD_COMPARE(ge, _CMP_GE_OQ)
DL_WORD_COMPARE(eq, _CMP_EQ_OQ)
DL_WORD_COMPARE(ne, _CMP_NEQ_UQ)

#define DL_WORD_ICOMPARE(name, relation)                                                   \
    DL_INLINE dl_wm dl_w_##name(dl_wi x, dl_wi y) {                                        \
        return _mm512_cmp_epi32_mask((__m512i)x, (__m512i)y, relation);                    \
    }
DL_WORD_ICOMPARE(ilt, _MM_CMPINT_LT)
DL_WORD_ICOMPARE(ile, _MM_CMPINT_LE)
DL_WORD_ICOMPARE(igt, _MM_CMPINT_NLE)
DL_WORD_ICOMPARE(ige, _MM_CMPINT_NLT)
DL_WORD_ICOMPARE(ieq, _MM_CMPINT_EQ)
DL_WORD_ICOMPARE(ine, _MM_CMPINT_NE)

DL_INLINE dl_wm dl_w_and(dl_wm x, dl_wm y) { return _kand_mask16(x, y); }
DL_INLINE dl_wm dl_w_or(dl_wm x, dl_wm y) { return _kor_mask16(x, y); }
DL_INLINE dl_wm dl_w_xor(dl_wm x, dl_wm y) { return _kxor_mask16(x, y); }
DL_INLINE dl_wm dl_w_not(dl_wm x) { return _knot_mask16(x); }
DL_INLINE dl_wm dl_w_mset(int x) { return (dl_wm)(x ? 0xffff : 0); }
DL_INLINE dl_wi dl_w_lanes(int first) {
    return first + (dl_wi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}
DL_INLINE dl_wm dl_w_first(int count) { return (dl_wm)((1u << count) - 1u); }
DL_INLINE unsigned dl_w_truths(dl_wm m) { return m; }

DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)_mm512_mask_mov_ps((__m512)y, m, (__m512)x);
}
DL_INLINE dl_wi dl_w_iselect(dl_wm m, dl_wi x, dl_wi y) {
    return (dl_wi)_mm512_mask_mov_epi32((__m512i)y, m, (__m512i)x);
}
DL_INLINE dl_w dl_w_over(dl_w x, dl_w y) { return (dl_w)_mm512_max_ps((__m512)x, (__m512)y); }
DL_INLINE dl_w dl_w_under(dl_w x, dl_w y) { return (dl_w)_mm512_min_ps((__m512)x, (__m512)y); }
DL_INLINE dl_wd dl_w_over64(dl_wd x, dl_wd y) {
    return (dl_wd)_mm512_max_pd((__m512d)x, (__m512d)y);
}
DL_INLINE dl_wd dl_w_under64(dl_wd x, dl_wd y) {
    return (dl_wd)_mm512_min_pd((__m512d)x, (__m512d)y);
}
DL_INLINE dl_w dl_w_fma(dl_w a, dl_w b, dl_w c) {
    return (dl_w)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
DL_INLINE dl_w dl_w_sqrt(dl_w x) { return (dl_w)_mm512_sqrt_ps((__m512)x); }
DL_INLINE dl_w dl_w_round(dl_w x) { return (dl_w)_mm512_roundscale_ps((__m512)x, 8); }
DL_INLINE dl_w dl_w_floor(dl_w x) { return (dl_w)_mm512_roundscale_ps((__m512)x, 9); }
DL_INLINE dl_w dl_w_ceil(dl_w x) { return (dl_w)_mm512_roundscale_ps((__m512)x, 10); }
/* y 2**(t - DL_SHIFT), rounded once. */
DL_INLINE dl_w dl_w_scale(dl_w y, dl_w t) {
    return (dl_w)_mm512_scalef_ps((__m512)y, (__m512)(t - DL_SHIFT));
}

DL_INLINE dl_wd dl_w_low(dl_w x) {
    return (dl_wd)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x));
}
DL_INLINE dl_wd dl_w_high(dl_w x) {
    return (dl_wd)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1));
}
DL_INLINE dl_w dl_w_narrow(dl_wd low, dl_wd high) {
    __m512 x = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
    return (dl_w)_mm512_insertf32x8(x, _mm512_cvtpd_ps((__m512d)high), 1);
}
DL_INLINE dl_wd dl_w_ilow(dl_wi x) {
    return (dl_wd)_mm512_cvtepi32_pd(_mm512_castsi512_si256((__m512i)x));
}
DL_INLINE dl_wd dl_w_ihigh(dl_wi x) {
    return (dl_wd)_mm512_cvtepi32_pd(_mm512_extracti32x8_epi32((__m512i)x, 1));
}
DL_INLINE dl_wi dl_w_inarrow(dl_wd low, dl_wd high) {
    __m512i x = _mm512_castsi256_si512(_mm512_cvttpd_epi32((__m512d)low));
    return (dl_wi)_mm512_inserti32x8(x, _mm512_cvttpd_epi32((__m512d)high), 1);
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    __m512i x = _mm512_castsi256_si512(_mm512_cvtepi64_epi32((__m512i)low));
    return (dl_wu)_mm512_inserti32x8(x, _mm512_cvtepi64_epi32((__m512i)high), 1);
}

DL_INLINE dl_w dl_w_load_masked(const float *p, dl_wm m) {
    return (dl_w)_mm512_maskz_loadu_ps(m, p);
}
DL_INLINE void dl_w_store_masked(float *p, dl_w x, dl_wm m) {
    _mm512_mask_storeu_ps(p, m, (__m512)x);
}
DL_INLINE dl_wi dl_w_iload_masked(const int32_t *p, dl_wm m) {
    return (dl_wi)_mm512_maskz_loadu_epi32(m, p);
}
DL_INLINE void dl_w_istore_masked(int32_t *p, dl_wi x, dl_wm m) {
    _mm512_mask_storeu_epi32(p, m, (__m512i)x);
}
DL_INLINE dl_wi dl_w_iload_u8(const uint8_t *p) {
    return (dl_wi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
DL_INLINE dl_wi dl_w_iload_u8_masked(const uint8_t *p, dl_wm m) {
    return (dl_wi)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, p));
}
DL_INLINE void dl_w_istore_u8(uint8_t *p, dl_wi x) {
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8((__m512i)x));
}
DL_INLINE void dl_w_istore_u8_masked(uint8_t *p, dl_wi x, dl_wm m) {
    _mm_mask_storeu_epi8(p, m, _mm512_cvtepi32_epi8((__m512i)x));
}
DL_INLINE dl_wm dl_w_mload_u8(const uint8_t *p) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm_test_epi8_mask(x, x);
}
DL_INLINE dl_wm dl_w_mload_u8_masked(const uint8_t *p, dl_wm m) {
    __m128i x = _mm_maskz_loadu_epi8(m, p);
    return _mm_test_epi8_mask(x, x);
}
DL_INLINE void dl_w_mstore_u8(uint8_t *p, dl_wm x) {
    _mm_storeu_si128((__m128i *)(void *)p, _mm_maskz_set1_epi8(x, 1));
}
DL_INLINE void dl_w_mstore_u8_masked(uint8_t *p, dl_wm x, dl_wm m) {
    _mm_mask_storeu_epi8(p, m, _mm_maskz_set1_epi8(x, 1));
}
DL_INLINE dl_w dl_w_load_part(const float *p, int count) {
    return dl_w_load_masked(p, dl_w_first(count));
}
DL_INLINE void dl_w_store_part(float *p, dl_w x, int count) {
    dl_w_store_masked(p, x, dl_w_first(count));
}
DL_INLINE dl_wi dl_w_iload_part(const int32_t *p, int count) {
    return dl_w_iload_masked(p, dl_w_first(count));
}
DL_INLINE void dl_w_istore_part(int32_t *p, dl_wi x, int count) {
    dl_w_istore_masked(p, x, dl_w_first(count));
}
DL_INLINE dl_w dl_w_gather(const float *p, dl_wi index, dl_wm m) {
    return (dl_w)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), m, (__m512i)index, p, 4);
}
DL_INLINE dl_wi dl_w_igather(const int32_t *p, dl_wi index, dl_wm m) {
    return (dl_wi)_mm512_mask_i32gather_epi32(_mm512_setzero_si512(), m, (__m512i)index, p, 4);
}

DL_INLINE dl_w dl_w_turn8(dl_w x) {
    return (dl_w)_mm512_shuffle_f32x4((__m512)x, (__m512)x, 0x4e);
}
DL_INLINE dl_w dl_w_turn4(dl_w x) {
    return (dl_w)_mm512_shuffle_f32x4((__m512)x, (__m512)x, 0xb1);
}
DL_INLINE dl_w dl_w_turn2(dl_w x) { return (dl_w)_mm512_permute_ps((__m512)x, 0x4e); }
DL_INLINE dl_w dl_w_turn1(dl_w x) { return (dl_w)_mm512_permute_ps((__m512)x, 0xb1); }

#elif DL_LANES > 1

/* ---- eight and four lanes: truth values are lanes of bits ---- */

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
DL_INLINE dl_wi dl_w_lanes(int first);
DL_INLINE dl_wm dl_w_first(int count) { return dl_w_ilt(dl_w_lanes(0), dl_w_iset(count)); }

#endif

#if DL_LANES == 8

/* ---- AVX ---- */

DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)_mm256_blendv_ps((__m256)y, (__m256)x, (__m256)m);
}
DL_INLINE dl_w dl_w_over(dl_w x, dl_w y) { return (dl_w)_mm256_max_ps((__m256)x, (__m256)y); }
DL_INLINE dl_w dl_w_under(dl_w x, dl_w y) { return (dl_w)_mm256_min_ps((__m256)x, (__m256)y); }
DL_INLINE dl_wd dl_w_over64(dl_wd x, dl_wd y) {
    return (dl_wd)_mm256_max_pd((__m256d)x, (__m256d)y);
}
DL_INLINE dl_wd dl_w_under64(dl_wd x, dl_wd y) {
    return (dl_wd)_mm256_min_pd((__m256d)x, (__m256d)y);
}
DL_INLINE dl_w dl_w_fma(dl_w a, dl_w b, dl_w c) {
#ifdef __FMA__
    return (dl_w)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
DL_INLINE dl_w dl_w_sqrt(dl_w x) { return (dl_w)_mm256_sqrt_ps((__m256)x); }
DL_INLINE dl_w dl_w_round(dl_w x) { return (dl_w)_mm256_round_ps((__m256)x, 8); }
DL_INLINE dl_w dl_w_floor(dl_w x) { return (dl_w)_mm256_round_ps((__m256)x, 9); }
DL_INLINE dl_w dl_w_ceil(dl_w x) { return (dl_w)_mm256_round_ps((__m256)x, 10); }

DL_INLINE dl_wd dl_w_low(dl_w x) {
    return (dl_wd)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x));
}
DL_INLINE dl_wd dl_w_high(dl_w x) {
    return (dl_wd)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1));
}
DL_INLINE dl_w dl_w_narrow(dl_wd low, dl_wd high) {
    __m256 x = _mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)low));
    return (dl_w)_mm256_insertf128_ps(x, _mm256_cvtpd_ps((__m256d)high), 1);
}
DL_INLINE dl_wd dl_w_ilow(dl_wi x) {
    return (dl_wd)_mm256_cvtepi32_pd(_mm256_castsi256_si128((__m256i)x));
}
DL_INLINE dl_wd dl_w_ihigh(dl_wi x) {
    return (dl_wd)_mm256_cvtepi32_pd(_mm256_extractf128_si256((__m256i)x, 1));
}
DL_INLINE dl_wi dl_w_inarrow(dl_wd low, dl_wd high) {
    __m256i x = _mm256_castsi128_si256(_mm256_cvttpd_epi32((__m256d)low));
    return (dl_wi)_mm256_insertf128_si256(x, _mm256_cvttpd_epi32((__m256d)high), 1);
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    __m256 a = _mm256_permute2f128_ps((__m256)low, (__m256)high, 0x20);
    __m256 b = _mm256_permute2f128_ps((__m256)low, (__m256)high, 0x31);
    return (dl_wu)_mm256_shuffle_ps(a, b, 0x88);
}

DL_INLINE dl_wi dl_w_lanes(int first) { return first + (dl_wi){0, 1, 2, 3, 4, 5, 6, 7}; }
DL_INLINE unsigned dl_w_truths(dl_wm m) { return (unsigned)_mm256_movemask_ps((__m256)m); }

DL_INLINE dl_w dl_w_load_masked(const float *p, dl_wm m) {
    return (dl_w)_mm256_maskload_ps(p, (__m256i)m);
}
DL_INLINE void dl_w_store_masked(float *p, dl_w x, dl_wm m) {
    _mm256_maskstore_ps(p, (__m256i)m, (__m256)x);
}
DL_INLINE dl_wi dl_w_iload_masked(const int32_t *p, dl_wm m) {
    return (dl_wi)_mm256_maskload_ps((const float *)(const void *)p, (__m256i)m);
}
DL_INLINE void dl_w_istore_masked(int32_t *p, dl_wi x, dl_wm m) {
    _mm256_maskstore_ps((float *)(void *)p, (__m256i)m, (__m256)x);
}
DL_INLINE dl_wi dl_w_iload_u8(const uint8_t *p) {
    __m128i x = _mm_loadl_epi64((const __m128i *)(const void *)p);
#ifdef __AVX2__
    return (dl_wi)_mm256_cvtepu8_epi32(x);
#else
    __m256i low = _mm256_castsi128_si256(_mm_cvtepu8_epi32(x));
    return (dl_wi)_mm256_insertf128_si256(low, _mm_cvtepu8_epi32(_mm_srli_epi64(x, 32)), 1);
#endif
}
DL_INLINE void dl_w_istore_u8(uint8_t *p, dl_wi x) {
    x &= 255;                                            /* so that nothing saturates below */
    __m128i low = _mm256_castsi256_si128((__m256i)x);
    __m128i words = _mm_packs_epi32(low, _mm256_extractf128_si256((__m256i)x, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(words, words));
}

DL_INLINE dl_w dl_w_turn4(dl_w x) {
    return (dl_w)_mm256_permute2f128_ps((__m256)x, (__m256)x, 1);
}
DL_INLINE dl_w dl_w_turn2(dl_w x) { return (dl_w)_mm256_permute_ps((__m256)x, 0x4e); }
DL_INLINE dl_w dl_w_turn1(dl_w x) { return (dl_w)_mm256_permute_ps((__m256)x, 0xb1); }

#elif DL_LANES == 4

/* ---- SSE2, NEON, and vectors of four of unknown targets ---- */

#if defined(__SSE4_1__)
DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)_mm_blendv_ps((__m128)y, (__m128)x, (__m128)m);
}
#else
DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)(((dl_wi)x & m) | ((dl_wi)y & ~m));
}
#endif

#ifdef __SSE2__
DL_INLINE dl_w dl_w_over(dl_w x, dl_w y) { return (dl_w)_mm_max_ps((__m128)x, (__m128)y); }
DL_INLINE dl_w dl_w_under(dl_w x, dl_w y) { return (dl_w)_mm_min_ps((__m128)x, (__m128)y); }
DL_INLINE dl_wd dl_w_over64(dl_wd x, dl_wd y) { return (dl_wd)_mm_max_pd((__m128d)x, (__m128d)y); }
DL_INLINE dl_wd dl_w_under64(dl_wd x, dl_wd y) { return (dl_wd)_mm_min_pd((__m128d)x, (__m128d)y); }
DL_INLINE dl_w dl_w_sqrt(dl_w x) { return (dl_w)_mm_sqrt_ps((__m128)x); }
DL_INLINE dl_wd dl_w_low(dl_w x) { return (dl_wd)_mm_cvtps_pd((__m128)x); }
DL_INLINE dl_wd dl_w_high(dl_w x) {
    return (dl_wd)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x));
}
DL_INLINE dl_w dl_w_narrow(dl_wd low, dl_wd high) {
    return (dl_w)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}
DL_INLINE dl_wd dl_w_ilow(dl_wi x) { return (dl_wd)_mm_cvtepi32_pd((__m128i)x); }
DL_INLINE dl_wd dl_w_ihigh(dl_wi x) {
    return (dl_wd)_mm_cvtepi32_pd(_mm_unpackhi_epi64((__m128i)x, (__m128i)x));
}
DL_INLINE dl_wi dl_w_inarrow(dl_wd low, dl_wd high) {
    return (dl_wi)_mm_unpacklo_epi64(_mm_cvttpd_epi32((__m128d)low), _mm_cvttpd_epi32((__m128d)high));
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    return (dl_wu)_mm_shuffle_ps((__m128)low, (__m128)high, 0x88);
}
DL_INLINE unsigned dl_w_truths(dl_wm m) { return (unsigned)_mm_movemask_ps((__m128)m); }
#else
DL_INLINE dl_w dl_w_over(dl_w x, dl_w y) { return dl_w_select(dl_w_gt(x, y), x, y); }
DL_INLINE dl_w dl_w_under(dl_w x, dl_w y) { return dl_w_select(dl_w_lt(x, y), x, y); }
DL_INLINE dl_wd dl_w_over64(dl_wd x, dl_wd y) {
    dl_wq m = (dl_wq)(x > y);
    return (dl_wd)(((dl_wq)x & m) | ((dl_wq)y & ~m));
}
DL_INLINE dl_wd dl_w_under64(dl_wd x, dl_wd y) {
    dl_wq m = (dl_wq)(x < y);
    return (dl_wd)(((dl_wq)x & m) | ((dl_wq)y & ~m));
}
DL_INLINE dl_wd dl_w_low(dl_w x) { return (dl_wd){x[0], x[1]}; }
DL_INLINE dl_wd dl_w_high(dl_w x) { return (dl_wd){x[2], x[3]}; }
DL_INLINE dl_w dl_w_narrow(dl_wd low, dl_wd high) {
    return (dl_w){(float)low[0], (float)low[1], (float)high[0], (float)high[1]};
}
DL_INLINE dl_wd dl_w_ilow(dl_wi x) { return (dl_wd){x[0], x[1]}; }
DL_INLINE dl_wd dl_w_ihigh(dl_wi x) { return (dl_wd){x[2], x[3]}; }
DL_INLINE dl_wi dl_w_inarrow(dl_wd low, dl_wd high) {
    return (dl_wi){(int32_t)low[0], (int32_t)low[1], (int32_t)high[0], (int32_t)high[1]};
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    return (dl_wu){(uint32_t)low[0], (uint32_t)low[1], (uint32_t)high[0], (uint32_t)high[1]};
}
DL_INLINE unsigned dl_w_truths(dl_wm m) {
    m &= (dl_wm){1, 2, 4, 8};
    return (unsigned)(m[0] | m[1] | m[2] | m[3]);
}
#endif

#if defined(__aarch64__)
DL_INLINE dl_w dl_w_sqrt(dl_w x) { return (dl_w)vsqrtq_f32((float32x4_t)x); }
#elif !defined(__SSE2__)
DL_INLINE dl_w dl_w_sqrt(dl_w x) {
    return (dl_w){dl_sqrt(x[0]), dl_sqrt(x[1]), dl_sqrt(x[2]), dl_sqrt(x[3])};
}
#endif

DL_INLINE dl_w dl_w_fma(dl_w a, dl_w b, dl_w c) {
#if defined(__aarch64__)
    return (dl_w)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(DL_HAS_FMA)
    return (dl_w){dl_fma(a[0], b[0], c[0]), dl_fma(a[1], b[1], c[1]), dl_fma(a[2], b[2], c[2]),
                  dl_fma(a[3], b[3], c[3])};
#else
    return a * b + c;
#endif
}

#if defined(__SSE4_1__)
DL_INLINE dl_w dl_w_round(dl_w x) { return (dl_w)_mm_round_ps((__m128)x, 8); }
DL_INLINE dl_w dl_w_floor(dl_w x) { return (dl_w)_mm_round_ps((__m128)x, 9); }
DL_INLINE dl_w dl_w_ceil(dl_w x) { return (dl_w)_mm_round_ps((__m128)x, 10); }
#elif defined(__aarch64__)
DL_INLINE dl_w dl_w_round(dl_w x) { return (dl_w)vrndnq_f32((float32x4_t)x); }
DL_INLINE dl_w dl_w_floor(dl_w x) { return (dl_w)vrndmq_f32((float32x4_t)x); }
DL_INLINE dl_w dl_w_ceil(dl_w x) { return (dl_w)vrndpq_f32((float32x4_t)x); }
#endif

DL_INLINE dl_wi dl_w_lanes(int first) { return first + (dl_wi){0, 1, 2, 3}; }

/* Truths as bits: lane 0 is bit 0. */
#define DL_WORD_MASKED(word, lane, load, store)                                            \
    DL_INLINE word load##_masked(const lane *p, dl_wm m) {                                 \
        unsigned bits = dl_w_truths(m);                                                    \
        return bits == 15 ? load(p) : (word){bits & 1 ? p[0] : 0, bits & 2 ? p[1] : 0,     \
                bits & 4 ? p[2] : 0, bits & 8 ? p[3] : 0};                                 \
    }                                                                                      \
    DL_INLINE void store##_masked(lane *p, word x, dl_wm m) {                              \
        unsigned bits = dl_w_truths(m);                                                    \
        if (bits & 1) p[0] = x[0];                                                         \
        if (bits & 2) p[1] = x[1];                                                         \
        if (bits & 4) p[2] = x[2];                                                         \
        if (bits & 8) p[3] = x[3];                                                         \
    }
DL_WORD_MASKED(dl_w, float, dl_w_load, dl_w_store)
DL_WORD_MASKED(dl_wi, int32_t, dl_w_iload, dl_w_istore)

#ifdef __SSE2__
DL_INLINE dl_wi dl_w_iload_u8(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    __m128i x = _mm_cvtsi32_si128(four), zero = _mm_setzero_si128();
    return (dl_wi)_mm_unpacklo_epi16(_mm_unpacklo_epi8(x, zero), zero);
}
DL_INLINE void dl_w_istore_u8(uint8_t *p, dl_wi x) {
    x &= 255;                                            /* so that nothing saturates below */
    __m128i words = _mm_packs_epi32((__m128i)x, (__m128i)x);
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(p, &four, sizeof four);
}
DL_INLINE dl_w dl_w_turn2(dl_w x) { return (dl_w)_mm_shuffle_ps((__m128)x, (__m128)x, 0x4e); }
DL_INLINE dl_w dl_w_turn1(dl_w x) { return (dl_w)_mm_shuffle_ps((__m128)x, (__m128)x, 0xb1); }
#else
typedef uint8_t dl_wb_at __attribute__((vector_size(4), aligned(1), may_alias));
DL_INLINE dl_wi dl_w_iload_u8(const uint8_t *p) {
    return __builtin_convertvector(*(const dl_wb_at *)p, dl_wi);
}
DL_INLINE void dl_w_istore_u8(uint8_t *p, dl_wi x) {
    *(dl_wb_at *)p = __builtin_convertvector(x, dl_wb_at);
}
DL_INLINE dl_w dl_w_turn2(dl_w x) { return (dl_w){x[2], x[3], x[0], x[1]}; }
DL_INLINE dl_w dl_w_turn1(dl_w x) { return (dl_w){x[1], x[0], x[3], x[2]}; }
#endif

#endif

#if DL_LANES == 4 || DL_LANES == 8

/* ---- of both ---- */

DL_INLINE dl_wi dl_w_iselect(dl_wm m, dl_wi x, dl_wi y) {
    return (dl_wi)dl_w_select(m, (dl_w)x, (dl_w)y);
}

DL_INLINE dl_wm dl_w_mload_u8(const uint8_t *p) {
    return dl_w_ine(dl_w_iload_u8(p), dl_w_iset(0));
}
DL_INLINE void dl_w_mstore_u8(uint8_t *p, dl_wm m) { dl_w_istore_u8(p, m & 1); }

/* The first `count` lanes, less than a word. A masked store would be slow on many machines;
 * which of the steps are taken, folds away where the count is known. */
#ifdef __SSE2__
DL_INLINE void dl_w_store_few(void *p, dl_w x, int count) {
    char *at = (char *)p;
#if DL_LANES == 8
    __m128 four = _mm256_castps256_ps128((__m256)x);
    if (count & 4) {
        _mm_storeu_ps((float *)(void *)at, four);
        four = _mm256_extractf128_ps((__m256)x, 1), at += 16;
    }
#else
    __m128 four = (__m128)x;
#endif
    if (count & 2) {
        _mm_storel_epi64((__m128i *)(void *)at, _mm_castps_si128(four));
        four = _mm_movehl_ps(four, four), at += 8;
    }
    int32_t last = _mm_cvtsi128_si32(_mm_castps_si128(four));
    if (count & 1) memcpy(at, &last, sizeof last);
}
#else
DL_INLINE void dl_w_store_few(void *p, dl_w x, int count) {
    char *at = (char *)p;
    float lane[3] = {x[0], x[1], x[2]};
    for (int i = 0; i < 3; i++)
        if (i < count) memcpy(at + i * 4, &lane[i], 4);
}
#endif

#define DL_WORD_STORE_PART(word, lane, store)                       \
    DL_INLINE void store##_part(lane *p, word x, int count) {       \
        if (count >= DL_LANES) store(p, x);                         \
        else if (count > 0) dl_w_store_few(p, (dl_w)x, count);      \
    }
DL_WORD_STORE_PART(dl_w, float, dl_w_store)
DL_WORD_STORE_PART(dl_wi, int32_t, dl_w_istore)

#if DL_LANES == 8
#define DL_WORD_LOAD_PART(word, lane, load)                                                \
    DL_INLINE word load##_part(const lane *p, int count) {                                 \
        return count >= DL_LANES ? load(p) : load##_masked(p, dl_w_first(count));          \
    }
#else
#define DL_WORD_LOAD_PART(word, lane, load)                                                \
    DL_INLINE word load##_part(const lane *p, int count) {                                 \
        if (count >= 4) return load(p);                                                    \
        if (count == 3) return (word){p[0], p[1], p[2], 0};                                \
        if (count == 2) return (word){p[0], p[1], 0, 0};                                   \
        return count == 1 ? (word){p[0], 0, 0, 0} : (word){0};                             \
    }
#endif
DL_WORD_LOAD_PART(dl_w, float, dl_w_load)
DL_WORD_LOAD_PART(dl_wi, int32_t, dl_w_iload)

#ifdef __AVX2__
DL_INLINE dl_w dl_w_gather(const float *p, dl_wi index, dl_wm m) {
    __m256 zero = _mm256_setzero_ps();
    return (dl_w)_mm256_mask_i32gather_ps(zero, p, (__m256i)index, (__m256)m, 4);
}
DL_INLINE dl_wi dl_w_igather(const int32_t *p, dl_wi index, dl_wm m) {
    __m256i zero = _mm256_setzero_si256();
    return (dl_wi)_mm256_mask_i32gather_epi32(zero, p, (__m256i)index, (__m256i)m, 4);
}
#else
#define DL_WORD_GATHER(word, lane, gather)                                                 \
    DL_INLINE word gather(const lane *p, dl_wi index, dl_wm m) {                           \
        word x = {0};                                                                      \
        for (int i = 0; i < DL_LANES; i++)                                                 \
            if (m[i]) x[i] = p[index[i]];                                                  \
        return x;                                                                          \
    }
DL_WORD_GATHER(dl_w, float, dl_w_gather)
DL_WORD_GATHER(dl_wi, int32_t, dl_w_igather)
#endif

#endif

#if DL_LANES > 1

/* ---- lanes that lie apart ---- */

#if DL_LANES == 16
#define DL_APART(p, s)                                                                     \
    (p)[0], (p)[s], (p)[2 * (s)], (p)[3 * (s)], (p)[4 * (s)], (p)[5 * (s)], (p)[6 * (s)],  \
            (p)[7 * (s)], (p)[8 * (s)], (p)[9 * (s)], (p)[10 * (s)], (p)[11 * (s)],        \
            (p)[12 * (s)], (p)[13 * (s)], (p)[14 * (s)], (p)[15 * (s)]
#elif DL_LANES == 8
#define DL_APART(p, s)                                                                     \
    (p)[0], (p)[s], (p)[2 * (s)], (p)[3 * (s)], (p)[4 * (s)], (p)[5 * (s)], (p)[6 * (s)],  \
            (p)[7 * (s)]
#else
#define DL_APART(p, s) (p)[0], (p)[s], (p)[2 * (s)], (p)[3 * (s)]
#endif
DL_INLINE dl_w dl_w_load_stride(const float *p, ptrdiff_t s) { return (dl_w){DL_APART(p, s)}; }
DL_INLINE dl_wi dl_w_iload_stride(const int32_t *p, ptrdiff_t s) {
    return (dl_wi){DL_APART(p, s)};
}

/* ---- the functions of dl_math.h ---- */

/* The quotient of two int32 is exact in double, cut off. */
DL_INLINE dl_wi dl_w_quotient(dl_wi x, dl_wi d) {
    return dl_w_inarrow(dl_w_ilow(x) / dl_w_ilow(d), dl_w_ihigh(x) / dl_w_ihigh(d));
}

DL_TEXT_BASIC(dl_w_, dl_w, dl_wu, dl_wi, dl_wm)
#if DL_LANES == 4 && !defined(__SSE4_1__) && !defined(__aarch64__)
DL_TEXT_ROUND(dl_w_, dl_w)
#endif
DL_TEXT_FLOORED(dl_w_, dl_w)
DL_TEXT_INTEGER(dl_w_, dl_wu, dl_wi, dl_wm)
DL_TEXT_SCALE(dl_w_, dl_w, dl_wu, dl_wi)
#if DL_LANES < 16
DL_TEXT_TWO_STEPS(dl_w_, dl_w, dl_wi)
#endif
DL_TEXT_EXP(dl_w_, dl_w, dl_wi)
DL_TEXT_LOG(dl_w_, dl_w, dl_wu, dl_wi, dl_wm)
DL_TEXT_DOUBLE(dl_w_, dl_wd, dl_wl)

DL_INLINE dl_w dl_w_pow_positive(dl_w x, dl_w y) {
    return dl_w_narrow(dl_w_pow64(dl_w_low(x), dl_w_low(y)),
            dl_w_pow64(dl_w_high(x), dl_w_high(y)));
}
DL_INLINE dl_w dl_w_quadrant(dl_w x, dl_wu *q) {
    dl_wl low, high;
    dl_wd a = dl_w_quadrant64(dl_w_low(x), &low), b = dl_w_quadrant64(dl_w_high(x), &high);
    *q = dl_w_low_words(low, high);
    return dl_w_narrow(a, b);
}

DL_TEXT_POW(dl_w_, dl_w, dl_wu, dl_wm)
DL_TEXT_TRIGONOMETRY(dl_w_, dl_w, dl_wu, dl_wi, dl_wm)
DL_TEXT_ERF(dl_w_, dl_w)

#else

DL_INLINE int dl_xor(int x, int y) { return x ^ y; }
DL_INLINE int dl_mset(int x) { return x != 0; }

#endif

#endif
