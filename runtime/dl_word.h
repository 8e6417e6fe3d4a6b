/* dl_word.h - the functions of dl_math.h on words (dl_lanes.h), all lanes at once; and of words
 * what follows from the target's primitives.
 *
 * Memory need not be aligned. A part is the first `count` lanes of a word, all if there are
 * more, none if `count` is negative; lanes that are not loaded are 0 and their memory is not
 * touched. */
#ifndef DL_WORD_H
#define DL_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dl_arithmetic.h"
#include "dl_lanes.h"
#include "dl_lanes_16.h"
#include "dl_lanes_4.h"
#include "dl_lanes_8.h"
#include "dl_math.h"

#if DL_LANES == 4 || DL_LANES == 8

/* ---- where truth values are lanes of bits ---- */

DL_INLINE dl_wi dl_w_iselect(dl_wm m, dl_wi x, dl_wi y) {
    return (dl_wi)dl_w_select(m, (dl_w)x, (dl_w)y);
}

DL_INLINE dl_wm dl_w_mload_u8(const uint8_t *p) {
    return dl_w_ine(dl_w_iload_u8(p), dl_w_iset(0));
}
DL_INLINE void dl_w_mstore_u8(uint8_t *p, dl_wm m) { dl_w_istore_u8(p, m & 1); }

/* A part is all lanes, or the target's few. */
#define DL_WORD_STORE_PART(word, lane, store)                       \
    DL_INLINE void store##_part(lane *p, word x, int count) {       \
        if (count >= DL_LANES) store(p, x);                         \
        else if (count > 0) dl_w_store_few(p, (dl_w)x, count);      \
    }
DL_WORD_STORE_PART(dl_w, float, dl_w_store)
DL_WORD_STORE_PART(dl_wi, int32_t, dl_w_istore)

#ifndef __AVX2__
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

#endif

#endif
