/* dl_lanes_8.h - the primitives of words of eight lanes: AVX. See dl_lanes.h. */
#ifndef DL_LANES_8_H
#define DL_LANES_8_H

#include "dl_lanes.h"

#if DL_LANES == 8

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

DL_INLINE dl_wl dl_w_product(dl_wl x, dl_wl y) {
#ifdef __AVX2__
    return (dl_wl)_mm256_mul_epu32((__m256i)x, (__m256i)y);
#else
    return (x & 0xffffffffu) * (y & 0xffffffffu);
#endif
}
DL_INLINE dl_wu dl_w_zip_low(dl_wl x, dl_wl y) {
    __m256d a = _mm256_unpacklo_pd((__m256d)x, (__m256d)y);
    return (dl_wu)_mm256_permute2f128_pd(a, _mm256_unpackhi_pd((__m256d)x, (__m256d)y), 0x20);
}
DL_INLINE dl_wu dl_w_zip_high(dl_wl x, dl_wl y) {
    __m256d a = _mm256_unpacklo_pd((__m256d)x, (__m256d)y);
    return (dl_wu)_mm256_permute2f128_pd(a, _mm256_unpackhi_pd((__m256d)x, (__m256d)y), 0x31);
}

DL_INLINE dl_wi dl_w_lanes(int first) { return first + (dl_wi){0, 1, 2, 3, 4, 5, 6, 7}; }
DL_INLINE dl_wm dl_w_first(int count) { return dl_w_ilt(dl_w_lanes(0), dl_w_iset(count)); }
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
/* A mask that is all true costs no more than a whole load. */
#define DL_WORD_LOAD_PART(word, lane, load)                                                \
    DL_INLINE word load##_part(const lane *p, int count) {                                 \
        if (__builtin_constant_p(count) && count <= 0) return (word){0};                   \
        if (__builtin_constant_p(count) && count >= 8) return load(p);                     \
        return load##_masked(p, dl_w_first(count));                                        \
    }
DL_WORD_LOAD_PART(dl_w, float, dl_w_load)
DL_WORD_LOAD_PART(dl_wi, int32_t, dl_w_iload)

/* The first `count` lanes, 0 < count < 8. Masked stores are slow on many machines; and which of
 * these are done, folds away where the count is known. */
DL_INLINE void dl_w_store_few(void *p, dl_w x, int count) {
    char *at = (char *)p;
    __m128 four = _mm256_castps256_ps128((__m256)x);
    if (count & 4) {
        _mm_storeu_ps((float *)(void *)at, four);
        four = _mm256_extractf128_ps((__m256)x, 1), at += 16;
    }
    if (count & 2) {
        _mm_storel_epi64((__m128i *)(void *)at, _mm_castps_si128(four));
        four = _mm_movehl_ps(four, four), at += 8;
    }
    int32_t last = _mm_cvtsi128_si32(_mm_castps_si128(four));
    if (count & 1) memcpy(at, &last, sizeof last);
}

#ifdef __AVX2__
DL_INLINE dl_w dl_w_gather(const float *p, dl_wi index, dl_wm m) {
    __m256 zero = _mm256_setzero_ps();
    return (dl_w)_mm256_mask_i32gather_ps(zero, p, (__m256i)index, (__m256)m, 4);
}
DL_INLINE dl_wi dl_w_igather(const int32_t *p, dl_wi index, dl_wm m) {
    __m256i zero = _mm256_setzero_si256();
    return (dl_wi)_mm256_mask_i32gather_epi32(zero, p, (__m256i)index, (__m256i)m, 4);
}
#endif

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

#endif

#endif
