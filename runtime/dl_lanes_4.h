/* dl_lanes_4.h - the primitives of words of four lanes: SSE2, NEON, and what GNU C makes of
 * vectors on other machines. See dl_lanes.h. */
#ifndef DL_LANES_4_H
#define DL_LANES_4_H

#include "dl_lanes.h"

#if DL_LANES == 4

#if defined(__SSE4_1__)
DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)_mm_blendv_ps((__m128)y, (__m128)x, (__m128)m);
}
#elif defined(__aarch64__)
DL_INLINE dl_w dl_w_select(dl_wm m, dl_w x, dl_w y) {
    return (dl_w)vbslq_f32((uint32x4_t)m, (float32x4_t)x, (float32x4_t)y);
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
    __m128i first = _mm_cvttpd_epi32((__m128d)low);
    return (dl_wi)_mm_unpacklo_epi64(first, _mm_cvttpd_epi32((__m128d)high));
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    return (dl_wu)_mm_shuffle_ps((__m128)low, (__m128)high, 0x88);
}
DL_INLINE dl_wl dl_w_product(dl_wl x, dl_wl y) {
    return (dl_wl)_mm_mul_epu32((__m128i)x, (__m128i)y);
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

#ifdef __aarch64__
DL_INLINE dl_w dl_w_sqrt(dl_w x) { return (dl_w)vsqrtq_f32((float32x4_t)x); }
DL_INLINE dl_wd dl_w_low(dl_w x) { return (dl_wd)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
DL_INLINE dl_wd dl_w_high(dl_w x) { return (dl_wd)vcvt_high_f64_f32((float32x4_t)x); }
DL_INLINE dl_w dl_w_narrow(dl_wd low, dl_wd high) {
    return (dl_w)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}
DL_INLINE dl_wd dl_w_ilow(dl_wi x) {
    return (dl_wd)vcvtq_f64_s64(vmovl_s32(vget_low_s32((int32x4_t)x)));
}
DL_INLINE dl_wd dl_w_ihigh(dl_wi x) {
    return (dl_wd)vcvtq_f64_s64(vmovl_high_s32((int32x4_t)x));
}
DL_INLINE dl_wi dl_w_inarrow(dl_wd low, dl_wd high) {
    int32x2_t first = vmovn_s64(vcvtq_s64_f64((float64x2_t)low));
    return (dl_wi)vmovn_high_s64(first, vcvtq_s64_f64((float64x2_t)high));
}
DL_INLINE dl_wu dl_w_low_words(dl_wl low, dl_wl high) {
    return (dl_wu)vuzp1q_u32((uint32x4_t)low, (uint32x4_t)high);
}
DL_INLINE dl_wl dl_w_product(dl_wl x, dl_wl y) {
    return (dl_wl)vmull_u32(vmovn_u64((uint64x2_t)x), vmovn_u64((uint64x2_t)y));
}
DL_INLINE unsigned dl_w_truths(dl_wm m) {
    return vaddvq_u32((uint32x4_t)(m & (dl_wm){1, 2, 4, 8}));
}
#else
DL_INLINE dl_w dl_w_sqrt(dl_w x) {
    return (dl_w){dl_sqrt(x[0]), dl_sqrt(x[1]), dl_sqrt(x[2]), dl_sqrt(x[3])};
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
DL_INLINE dl_wl dl_w_product(dl_wl x, dl_wl y) {
    return (x & 0xffffffffu) * (y & 0xffffffffu);
}
DL_INLINE unsigned dl_w_truths(dl_wm m) {
    m &= (dl_wm){1, 2, 4, 8};
    return (unsigned)(m[0] | m[1] | m[2] | m[3]);
}
#endif

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

DL_INLINE dl_wu dl_w_zip_low(dl_wl x, dl_wl y) { return (dl_wu)(dl_wl){x[0], y[0]}; }
DL_INLINE dl_wu dl_w_zip_high(dl_wl x, dl_wl y) { return (dl_wu)(dl_wl){x[1], y[1]}; }

DL_INLINE dl_wi dl_w_lanes(int first) { return first + (dl_wi){0, 1, 2, 3}; }
DL_INLINE dl_wm dl_w_first(int count) { return dl_w_ilt(dl_w_lanes(0), dl_w_iset(count)); }

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

#define DL_WORD_LOAD_PART(word, lane, load)                                                \
    DL_INLINE word load##_part(const lane *p, int count) {                                 \
        if (count >= 4) return load(p);                                                    \
        if (count == 3) return (word){p[0], p[1], p[2], 0};                                \
        if (count == 2) return (word){p[0], p[1], 0, 0};                                   \
        return count == 1 ? (word){p[0], 0, 0, 0} : (word){0};                             \
    }
DL_WORD_LOAD_PART(dl_w, float, dl_w_load)
DL_WORD_LOAD_PART(dl_wi, int32_t, dl_w_iload)

/* The first `count` lanes, 0 < count < 4. */
DL_INLINE void dl_w_store_few(void *p, dl_w x, int count) {
    char *at = (char *)p;
    const float lane[3] = {x[0], x[1], x[2]};
    memcpy(at, &lane[0], 4);
    if (count > 1) memcpy(at + 4, &lane[1], 4);
    if (count > 2) memcpy(at + 8, &lane[2], 4);
}

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

#endif
