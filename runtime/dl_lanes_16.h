/* dl_lanes_16.h - the primitives of words of sixteen lanes: AVX-512. See dl_lanes.h. */
#ifndef DL_LANES_16_H
#define DL_LANES_16_H

#include "dl_lanes.h"

#if DL_LANES == 16

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

DL_INLINE dl_wl dl_w_product(dl_wl x, dl_wl y) {
    return (dl_wl)_mm512_mul_epu32((__m512i)x, (__m512i)y);
}
DL_INLINE dl_wu dl_w_zip_low(dl_wl x, dl_wl y) {
    const __m512i from = (__m512i)(dl_wl){0, 8, 1, 9, 2, 10, 3, 11};
    return (dl_wu)_mm512_permutex2var_epi64((__m512i)x, from, (__m512i)y);
}
DL_INLINE dl_wu dl_w_zip_high(dl_wl x, dl_wl y) {
    const __m512i from = (__m512i)(dl_wl){4, 12, 5, 13, 6, 14, 7, 15};
    return (dl_wu)_mm512_permutex2var_epi64((__m512i)x, from, (__m512i)y);
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

#endif

#endif
