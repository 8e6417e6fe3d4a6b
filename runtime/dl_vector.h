/* dl_vector.h - sixteen lanes as one value, on every machine: floats (dl_v16), int32
 * (dl_n16) and truth values (dl_m16), in as many words (dl_word.h) as that takes. A struct of
 * words and not a wider vector type, because compilers take those apart badly.
 *
 * Operator NAME of the language is dl_v_NAME on floats, dl_n_NAME on integers, dl_m_NAME on truth
 * values; every lane has the bits of the operator's function of one lane (dl_math.h). DL_FMA is
 * the only fused multiply-add of generated code, dl_fma on every lane. Folds of the lanes are
 * fixed trees: lane i with lane i + 8, then + 4, + 2, + 1.
 *
 * Memory need not be aligned. A part is the first `count` lanes, 0 <= count <= 16, a masked
 * access is of the lanes that are true; the rest is neither read (the value has zeros there)
 * nor written. Truth values are bytes in memory, small integers of data may be. */
#ifndef DL_VECTOR_H
#define DL_VECTOR_H

#include <stddef.h>
#include <string.h>

#include "dl_arithmetic.h"
#include "dl_loop.h"
#include "dl_math.h"
#include "dl_random.h"
#include "dl_word.h"

/* ---- sixteen lanes as words ---- */

/* DL_EACH(m, ...) is m(0, ...), m(1, ...), ... of the number of each word. */
#if DL_LANES == 16
#define DL_EACH(m, ...) m(0, __VA_ARGS__)
#elif DL_LANES == 8
#define DL_EACH(m, ...) m(0, __VA_ARGS__), m(1, __VA_ARGS__)
#elif DL_LANES == 4
#define DL_EACH(m, ...) \
    m(0, __VA_ARGS__), m(1, __VA_ARGS__), m(2, __VA_ARGS__), m(3, __VA_ARGS__)
#else
#define DL_EACH(m, ...)                                                                     \
    m(0, __VA_ARGS__), m(1, __VA_ARGS__), m(2, __VA_ARGS__), m(3, __VA_ARGS__),             \
    m(4, __VA_ARGS__), m(5, __VA_ARGS__), m(6, __VA_ARGS__), m(7, __VA_ARGS__),             \
    m(8, __VA_ARGS__), m(9, __VA_ARGS__), m(10, __VA_ARGS__), m(11, __VA_ARGS__),           \
    m(12, __VA_ARGS__), m(13, __VA_ARGS__), m(14, __VA_ARGS__), m(15, __VA_ARGS__)
#endif

#if DL_LANES == 16
typedef dl_w dl_v16;
typedef dl_wi dl_n16;
typedef dl_wm dl_m16;
#define DL_WORD(x, k) x
#define DL_VALUE(type, ...) __VA_ARGS__
#else
#define DL_MEMBER(k, name) name##k
typedef struct dl_v16 { dl_w DL_EACH(DL_MEMBER, w); } dl_v16;
typedef struct dl_n16 { dl_wi DL_EACH(DL_MEMBER, w); } dl_n16;
typedef struct dl_m16 { dl_wm DL_EACH(DL_MEMBER, w); } dl_m16;
#define DL_WORD(x, k) (x).w##k
#define DL_VALUE(type, ...) (type){__VA_ARGS__}
#endif

/* The place of word k's lanes, where any of them is among the first `count`. */
#define DL_AT(p, k, count) ((count) > (k) * DL_LANES ? (p) + (k) * DL_LANES : (p))

/* Kernels with tiles that fill the vector registers come in two sizes. */
#if DL_LANES == 16 || (defined(__aarch64__) && DL_LANES > 1)
#define DL_LARGE_TILES 1
#endif

/* One word's call of f. */
#define DL_CALL1(k, f, x) f(DL_WORD(x, k))
#define DL_CALL2(k, f, x, y) f(DL_WORD(x, k), DL_WORD(y, k))
#define DL_CALL3(k, f, x, y, z) f(DL_WORD(x, k), DL_WORD(y, k), DL_WORD(z, k))
#define DL_CALL_SAME(k, f, x) f(x)
#define DL_CALL_COUNT(k, f, count) f((count) - (k) * DL_LANES)
#define DL_CALL_LOAD(k, f, p) f((p) + (k) * DL_LANES)
#define DL_CALL_STORE(k, f, p, x) f((p) + (k) * DL_LANES, DL_WORD(x, k))
#define DL_CALL_LOAD_PART(k, f, p, count) f(DL_AT(p, k, count), (count) - (k) * DL_LANES)
#define DL_CALL_STORE_PART(k, f, p, x, count) \
    f(DL_AT(p, k, count), DL_WORD(x, k), (count) - (k) * DL_LANES)
#define DL_CALL_STRIDE(k, f, p, s) f((p) + (k) * DL_LANES * (s), s)
#define DL_CALL_GATHER(k, f, p, index, m) f(p, DL_WORD(index, k), DL_WORD(m, k))
#define DL_CALL_LOAD_MASKED(k, f, p, m) f((p) + (k) * DL_LANES, DL_WORD(m, k))
#define DL_CALL_STORE_MASKED(k, f, p, x, m) f((p) + (k) * DL_LANES, DL_WORD(x, k), DL_WORD(m, k))

/* Functions of sixteen lanes from those of a word. */
#define DL_LIFT1(to, name, from, f) \
    DL_INLINE to name(from x) { return DL_VALUE(to, DL_EACH(DL_CALL1, f, x)); }
#define DL_LIFT2(to, name, from, f) \
    DL_INLINE to name(from x, from y) { return DL_VALUE(to, DL_EACH(DL_CALL2, f, x, y)); }
#define DL_LIFT_SELECT(type, name, f)                                 \
    DL_INLINE type name(dl_m16 m, type x, type y) {                   \
        return DL_VALUE(type, DL_EACH(DL_CALL3, f, m, x, y));         \
    }

/* ---- constants ---- */

DL_INLINE dl_v16 dl_set16(float x) { return DL_VALUE(dl_v16, DL_EACH(DL_CALL_SAME, DL_W(set), x)); }
DL_INLINE dl_n16 dl_nset16(int32_t x) {
    return DL_VALUE(dl_n16, DL_EACH(DL_CALL_SAME, DL_W(iset), x));
}
DL_INLINE dl_m16 dl_mset16(int x) {
    return DL_VALUE(dl_m16, DL_EACH(DL_CALL_SAME, DL_W(mset), x));
}
/* The number of each lane. */
#define DL_CALL_LANES(k, f) f((k) * DL_LANES)
DL_INLINE dl_n16 dl_lane16(void) { return DL_VALUE(dl_n16, DL_EACH(DL_CALL_LANES, dl_w_lanes)); }
/* The first `count` lanes, 0 <= count <= 16. */
DL_INLINE dl_m16 dl_first(int count) {
    return DL_VALUE(dl_m16, DL_EACH(DL_CALL_COUNT, dl_w_first, count));
}

/* ---- floats ---- */

DL_LIFT2(dl_v16, dl_v_add, dl_v16, DL_W(add))
DL_LIFT2(dl_v16, dl_v_sub, dl_v16, DL_W(sub))
DL_LIFT2(dl_v16, dl_v_mul, dl_v16, DL_W(mul))
DL_LIFT2(dl_v16, dl_v_div, dl_v16, DL_W(div))
DL_LIFT2(dl_v16, dl_v_idiv, dl_v16, DL_W(floored))
DL_LIFT2(dl_v16, dl_v_imod, dl_v16, DL_W(remainder))
DL_LIFT2(dl_v16, dl_v_max, dl_v16, DL_W(max))
DL_LIFT2(dl_v16, dl_v_min, dl_v16, DL_W(min))
DL_LIFT2(dl_v16, dl_v_pow, dl_v16, DL_W(pow))
DL_LIFT1(dl_v16, dl_v_neg, dl_v16, DL_W(neg))
DL_LIFT1(dl_v16, dl_v_abs, dl_v16, DL_W(abs))
DL_LIFT1(dl_v16, dl_v_sign, dl_v16, DL_W(sign))
DL_LIFT1(dl_v16, dl_v_floor, dl_v16, DL_W(floor))
DL_LIFT1(dl_v16, dl_v_ceil, dl_v16, DL_W(ceil))
DL_LIFT1(dl_v16, dl_v_round, dl_v16, DL_W(round))
DL_LIFT1(dl_v16, dl_v_sqrt, dl_v16, DL_W(sqrt))
DL_LIFT1(dl_v16, dl_v_exp, dl_v16, DL_W(exp))
DL_LIFT1(dl_v16, dl_v_expm1, dl_v16, DL_W(expm1))
DL_LIFT1(dl_v16, dl_v_log, dl_v16, DL_W(log))
DL_LIFT1(dl_v16, dl_v_log1p, dl_v16, DL_W(log1p))
DL_LIFT1(dl_v16, dl_v_sin, dl_v16, DL_W(sin))
DL_LIFT1(dl_v16, dl_v_cos, dl_v16, DL_W(cos))
DL_LIFT1(dl_v16, dl_v_atan, dl_v16, DL_W(atan))
DL_LIFT1(dl_v16, dl_v_tanh, dl_v16, DL_W(tanh))
DL_LIFT1(dl_v16, dl_v_sigmoid, dl_v16, DL_W(sigmoid))
DL_LIFT1(dl_v16, dl_v_softplus, dl_v16, DL_W(softplus))
DL_LIFT1(dl_v16, dl_v_erf, dl_v16, DL_W(erf))
DL_LIFT2(dl_m16, dl_v_lt, dl_v16, DL_W(lt))
DL_LIFT2(dl_m16, dl_v_le, dl_v16, DL_W(le))
DL_LIFT2(dl_m16, dl_v_gt, dl_v16, DL_W(gt))
DL_LIFT2(dl_m16, dl_v_ge, dl_v16, DL_W(ge))
DL_LIFT2(dl_m16, dl_v_eq, dl_v16, DL_W(eq))
DL_LIFT2(dl_m16, dl_v_ne, dl_v16, DL_W(ne))
DL_LIFT_SELECT(dl_v16, dl_v_select, DL_W(select))
DL_INLINE dl_v16 dl_v_stop_gradient(dl_v16 x) { return x; }

/* a * b + c. */
DL_INLINE dl_v16 dl_fma16(dl_v16 a, dl_v16 b, dl_v16 c) {
    return DL_VALUE(dl_v16, DL_EACH(DL_CALL3, DL_W(fma), a, b, c));
}
#define DL_FMA(a, b, c) dl_fma16(a, b, c)
DL_INLINE dl_v16 dl_add16(dl_v16 x, dl_v16 y) { return dl_v_add(x, y); }

/* ---- integers ---- */

DL_LIFT2(dl_n16, dl_n_add, dl_n16, DL_W(iadd))
DL_LIFT2(dl_n16, dl_n_sub, dl_n16, DL_W(isub))
DL_LIFT2(dl_n16, dl_n_mul, dl_n16, DL_W(imul))
DL_LIFT2(dl_n16, dl_n_idiv, dl_n16, DL_W(idiv))
DL_LIFT2(dl_n16, dl_n_imod, dl_n16, DL_W(imod))
DL_LIFT2(dl_n16, dl_n_max, dl_n16, DL_W(imax))
DL_LIFT2(dl_n16, dl_n_min, dl_n16, DL_W(imin))
DL_LIFT1(dl_n16, dl_n_neg, dl_n16, DL_W(ineg))
DL_LIFT1(dl_n16, dl_n_abs, dl_n16, DL_W(iabs))
DL_LIFT1(dl_n16, dl_n_sign, dl_n16, DL_W(isign))
DL_LIFT2(dl_m16, dl_n_lt, dl_n16, DL_W(ilt))
DL_LIFT2(dl_m16, dl_n_le, dl_n16, DL_W(ile))
DL_LIFT2(dl_m16, dl_n_gt, dl_n16, DL_W(igt))
DL_LIFT2(dl_m16, dl_n_ge, dl_n16, DL_W(ige))
DL_LIFT2(dl_m16, dl_n_eq, dl_n16, DL_W(ieq))
DL_LIFT2(dl_m16, dl_n_ne, dl_n16, DL_W(ine))
DL_LIFT_SELECT(dl_n16, dl_n_select, DL_W(iselect))
DL_INLINE dl_n16 dl_n_stop_gradient(dl_n16 x) { return x; }

/* ---- truth values ---- */

DL_LIFT2(dl_m16, dl_m_and, dl_m16, DL_W(and))
DL_LIFT2(dl_m16, dl_m_or, dl_m16, DL_W(or))
DL_LIFT2(dl_m16, dl_m_ne, dl_m16, DL_W(xor))
DL_LIFT1(dl_m16, dl_m_not, dl_m16, DL_W(not))
DL_INLINE dl_m16 dl_m_eq(dl_m16 x, dl_m16 y) { return dl_m_not(dl_m_ne(x, y)); }
DL_INLINE dl_m16 dl_m_lt(dl_m16 x, dl_m16 y) { return dl_m_and(dl_m_not(x), y); }
DL_INLINE dl_m16 dl_m_gt(dl_m16 x, dl_m16 y) { return dl_m_and(x, dl_m_not(y)); }
DL_INLINE dl_m16 dl_m_le(dl_m16 x, dl_m16 y) { return dl_m_or(dl_m_not(x), y); }
DL_INLINE dl_m16 dl_m_ge(dl_m16 x, dl_m16 y) { return dl_m_or(x, dl_m_not(y)); }
DL_INLINE dl_m16 dl_m_select(dl_m16 m, dl_m16 x, dl_m16 y) {
    return dl_m_or(dl_m_and(m, x), dl_m_and(dl_m_not(m), y));
}
DL_INLINE dl_m16 dl_m_stop_gradient(dl_m16 x) { return x; }

/* Bit i of the result is lane i. */
#define DL_CALL_TRUTHS(k, x) dl_w_truths(DL_WORD(x, k)) << (k) * DL_LANES
DL_INLINE unsigned dl_truths16(dl_m16 m) {
    const unsigned bits[] = {DL_EACH(DL_CALL_TRUTHS, m)};
    unsigned all = 0;
    for (int k = 0; k < 16 / DL_LANES; k++) all |= bits[k];
    return all;
}
DL_INLINE int dl_any16(dl_m16 m) { return dl_truths16(m) != 0; }
DL_INLINE int dl_all16(dl_m16 m) { return dl_truths16(m) == 0xffff; }

/* ---- conversions ---- */

DL_LIFT1(dl_v16, dl_v_real, dl_n16, DL_W(real))
DL_LIFT1(dl_n16, dl_n_int, dl_v16, DL_W(int))
DL_INLINE dl_v16 dl_v_real_m(dl_m16 m) { return dl_v_select(m, dl_set16(1.0f), dl_set16(0.0f)); }
DL_INLINE dl_n16 dl_n_int_m(dl_m16 m) { return dl_n_select(m, dl_nset16(1), dl_nset16(0)); }

/* ---- memory ---- */

/* Of floats and of int32: whole, a part, masked, lane i at p[i * stride], at p[index of i]. */
#define DL_MEMORY(vector, lane, wload, wstore, wgather, load, store, gather)               \
    DL_INLINE vector load##16(const lane *p) {                                             \
        return DL_VALUE(vector, DL_EACH(DL_CALL_LOAD, wload, p));                          \
    }                                                                                      \
    DL_INLINE void store##16(lane *p, vector x) { DL_EACH(DL_CALL_STORE, wstore, p, x); }  \
    DL_INLINE vector load##_part(const lane *p, int count) {                               \
        return DL_VALUE(vector, DL_EACH(DL_CALL_LOAD_PART, wload##_part, p, count));       \
    }                                                                                      \
    DL_INLINE void store##_part(lane *p, vector x, int count) {                            \
        DL_EACH(DL_CALL_STORE_PART, wstore##_part, p, x, count);                           \
    }                                                                                      \
    DL_INLINE vector load##_masked(const lane *p, dl_m16 m) {                              \
        return DL_VALUE(vector, DL_EACH(DL_CALL_LOAD_MASKED, wload##_masked, p, m));       \
    }                                                                                      \
    DL_INLINE void store##_masked(lane *p, vector x, dl_m16 m) {                           \
        DL_EACH(DL_CALL_STORE_MASKED, wstore##_masked, p, x, m);                           \
    }                                                                                      \
    DL_INLINE vector load##_stride(const lane *p, ptrdiff_t stride, int count) {           \
        lane at[16] = {0};                                                                 \
        if (count == 16)                                                                   \
            return DL_VALUE(vector, DL_EACH(DL_CALL_STRIDE, wload##_stride, p, stride));   \
        for (int i = 0; i < 16 && i < count; i++) at[i] = p[i * stride];                   \
        return load##16(at);                                                               \
    }                                                                                      \
    DL_INLINE void store##_stride(lane *p, ptrdiff_t stride, vector x, int count) {        \
        lane at[16];                                                                       \
        store##16(at, x);                                                                  \
        for (int i = 0; i < 16 && i < count; i++) p[i * stride] = at[i];                   \
    }                                                                                      \
    DL_INLINE vector gather##16(const lane *p, dl_n16 index, dl_m16 m) {                   \
        return DL_VALUE(vector, DL_EACH(DL_CALL_GATHER, wgather, p, index, m));            \
    }
DL_MEMORY(dl_v16, float, dl_w_load, dl_w_store, dl_w_gather, dl_load, dl_store, dl_gather)
DL_MEMORY(dl_n16, int32_t, dl_w_iload, dl_w_istore, dl_w_igather, dl_nload, dl_nstore, dl_ngather)

/* Of bytes: small integers, and truth values. */
DL_INLINE dl_n16 dl_nload16_u8(const uint8_t *p) {
    return DL_VALUE(dl_n16, DL_EACH(DL_CALL_LOAD, dl_w_iload_u8, p));
}
DL_INLINE void dl_nstore16_u8(uint8_t *p, dl_n16 x) {
    DL_EACH(DL_CALL_STORE, dl_w_istore_u8, p, x);
}
DL_INLINE dl_m16 dl_mload16_u8(const uint8_t *p) {
    return DL_VALUE(dl_m16, DL_EACH(DL_CALL_LOAD, dl_w_mload_u8, p));
}
DL_INLINE void dl_mstore16_u8(uint8_t *p, dl_m16 m) {
    DL_EACH(DL_CALL_STORE, dl_w_mstore_u8, p, m);
}

#if DL_LANES == 16
#define DL_BYTES(vector, wload, wstore, load, store)                                       \
    DL_INLINE vector load##_masked_u8(const uint8_t *p, dl_m16 m) { return wload(p, m); }  \
    DL_INLINE void store##_masked_u8(uint8_t *p, vector x, dl_m16 m) { wstore(p, x, m); }  \
    DL_INLINE vector load##_part_u8(const uint8_t *p, int count) {                         \
        return wload(p, dl_first(count));                                                  \
    }                                                                                      \
    DL_INLINE void store##_part_u8(uint8_t *p, vector x, int count) {                      \
        wstore(p, x, dl_first(count));                                                     \
    }
#else
#define DL_BYTES(vector, wload, wstore, load, store)                                       \
    DL_INLINE vector load##_masked_u8(const uint8_t *p, dl_m16 m) {                        \
        uint8_t at[16] = {0};                                                              \
        for (unsigned i = 0, bits = dl_truths16(m); i < 16; i++)                           \
            if (bits >> i & 1) at[i] = p[i];                                               \
        return load##16_u8(at);                                                            \
    }                                                                                      \
    DL_INLINE void store##_masked_u8(uint8_t *p, vector x, dl_m16 m) {                     \
        uint8_t at[16];                                                                    \
        store##16_u8(at, x);                                                               \
        for (unsigned i = 0, bits = dl_truths16(m); i < 16; i++)                           \
            if (bits >> i & 1) p[i] = at[i];                                               \
    }                                                                                      \
    DL_INLINE vector load##_part_u8(const uint8_t *p, int count) {                         \
        uint8_t at[16] = {0};                                                              \
        memcpy(at, p, (size_t)count);                                                      \
        return load##16_u8(at);                                                            \
    }                                                                                      \
    DL_INLINE void store##_part_u8(uint8_t *p, vector x, int count) {                      \
        uint8_t at[16];                                                                    \
        store##16_u8(at, x);                                                               \
        memcpy(p, at, (size_t)count);                                                      \
    }
#endif
DL_BYTES(dl_n16, dl_w_iload_u8_masked, dl_w_istore_u8_masked, dl_nload, dl_nstore)
DL_BYTES(dl_m16, dl_w_mload_u8_masked, dl_w_mstore_u8_masked, dl_mload, dl_mstore)

#define DL_BYTES_APART(vector, load, store, gather)                                        \
    DL_INLINE vector load##_stride_u8(const uint8_t *p, ptrdiff_t stride, int count) {     \
        uint8_t at[16] = {0};                                                              \
        for (int i = 0; i < 16 && i < count; i++) at[i] = p[i * stride];                   \
        return load##16_u8(at);                                                            \
    }                                                                                      \
    DL_INLINE void store##_stride_u8(uint8_t *p, ptrdiff_t stride, vector x, int count) {  \
        uint8_t at[16];                                                                    \
        store##16_u8(at, x);                                                               \
        for (int i = 0; i < 16 && i < count; i++) p[i * stride] = at[i];                   \
    }                                                                                      \
    DL_INLINE vector gather##16_u8(const uint8_t *p, dl_n16 index, dl_m16 m) {             \
        uint8_t at[16] = {0};                                                              \
        int32_t from[16];                                                                  \
        dl_nstore16(from, index);                                                          \
        for (unsigned i = 0, bits = dl_truths16(m); i < 16; i++)                           \
            if (bits >> i & 1) at[i] = p[from[i]];                                         \
        return load##16_u8(at);                                                            \
    }
DL_BYTES_APART(dl_n16, dl_nload, dl_nstore, dl_ngather)
DL_BYTES_APART(dl_m16, dl_mload, dl_mstore, dl_mgather)

/* ---- random numbers: elements first, first + 1, ... (dl_random.h) ---- */

#if DL_LANES == 1
enum { DL_RANDOM_RUN = 4 };      /* elements that one call draws, from the start of a block on */
DL_INLINE void dl_random_run(float *out, uint64_t seed, uint32_t step, uint32_t stream,
        uint64_t block) {
    dl_philox b = dl_random_block(seed, step, stream, 0, block);
    for (int i = 0; i < 4; i++) out[i] = dl_uniform_of(b.word[i]);
}
#else
enum { DL_RANDOM_RUN = 2 * DL_LANES };
/* Every 64 bits hold a word of another block, in the lower half. */
DL_INLINE void dl_random_run(float *out, uint64_t seed, uint32_t step, uint32_t stream,
        uint64_t block) {
    const dl_wl zero = {0}, low = zero + 0xffffffffu;
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    dl_wl number = block + dl_w_lanes64();
    dl_wl x0 = number, x1 = zero + stream, x2 = zero + step, x3 = number >> 32 << 16;
    for (int round = 0; round < 10; round++) {
        dl_wl a = dl_w_product(x0, zero + 0xd2511f53u), b = dl_w_product(x2, zero + 0xcd9e8d57u);
        x0 = b >> 32 ^ x1 ^ (zero + key0), x1 = b;
        x2 = a >> 32 ^ x3 ^ (zero + key1), x3 = a;
        key0 += 0x9e3779b9u, key1 += 0xbb67ae85u;
    }
    dl_wl first = (x0 & low) | x1 << 32, second = (x2 & low) | x3 << 32;
    dl_wu words[2] = {dl_w_zip_low(first, second), dl_w_zip_high(first, second)};
    for (int i = 0; i < 2; i++)
        dl_w_store(out + i * DL_LANES, dl_w_real((dl_wi)(words[i] >> 8)) * 0x1p-24f);
}
#endif

/* At a block's start as many runs as sixteen elements take, else as twenty. */
DL_INLINE dl_v16 dl_uniform16(uint64_t seed, uint32_t step, uint32_t stream, uint64_t first) {
    float at[48];
    int n = first & 3 ? 20 : 16;
    for (int i = 0; i < n; i += DL_RANDOM_RUN)
        dl_random_run(at + i, seed, step, stream, (first >> 2) + (uint64_t)i / 4);
    return dl_load16(at + (first & 3));
}

/* ---- folds of the lanes ---- */

/* Words are combined first, then the lanes of one: f of it and of itself, turned by four lanes,
 * by two and by one, has the tree's root in lane 0. */
#if DL_LANES == 1
#define DL_FOLD4(f, v, i, j, k, l) f(f(v.w##i, v.w##j), f(v.w##k, v.w##l))
#define DL_FOLD_WORDS(f, v)                                                    \
    f(f(DL_FOLD4(f, v, 0, 8, 4, 12), DL_FOLD4(f, v, 2, 10, 6, 14)),            \
            f(DL_FOLD4(f, v, 1, 9, 5, 13), DL_FOLD4(f, v, 3, 11, 7, 15)))
#define DL_FOLD_LANES(f, word, x) return x;
#else
#define DL_TURN(f, word, x, n) x = f(x, (word)dl_w_turn##n((dl_w)x));
#if DL_LANES == 4
#define DL_FOLD_WORDS(f, v) f(f(v.w0, v.w2), f(v.w1, v.w3))
#define DL_FOLD_LANES(f, word, x) DL_TURN(f, word, x, 2) DL_TURN(f, word, x, 1) return x[0];
#elif DL_LANES == 8
#define DL_FOLD_WORDS(f, v) f(v.w0, v.w1)
#define DL_FOLD_LANES(f, word, x) \
    DL_TURN(f, word, x, 4) DL_TURN(f, word, x, 2) DL_TURN(f, word, x, 1) return x[0];
#else
#define DL_FOLD_WORDS(f, v) v
#define DL_FOLD_LANES(f, word, x)                                   \
    DL_TURN(f, word, x, 8) DL_TURN(f, word, x, 4)                   \
    DL_TURN(f, word, x, 2) DL_TURN(f, word, x, 1) return x[0];
#endif
#endif
#define DL_FOLD(name, vector, word, lane, f)                        \
    DL_INLINE lane name(vector v) {                                 \
        word x = DL_FOLD_WORDS(f, v);                               \
        DL_FOLD_LANES(f, word, x)                                   \
    }
DL_FOLD(dl_sum16, dl_v16, dl_w, float, DL_W(add))
DL_FOLD(dl_prod16, dl_v16, dl_w, float, DL_W(mul))
DL_FOLD(dl_max16, dl_v16, dl_w, float, DL_W(max))
DL_FOLD(dl_min16, dl_v16, dl_w, float, DL_W(min))
DL_FOLD(dl_nsum16, dl_n16, dl_wi, int32_t, DL_W(iadd))
DL_FOLD(dl_nprod16, dl_n16, dl_wi, int32_t, DL_W(imul))
DL_FOLD(dl_nmax16, dl_n16, dl_wi, int32_t, DL_W(imax))
DL_FOLD(dl_nmin16, dl_n16, dl_wi, int32_t, DL_W(imin))

/* ---- sixteen rows of sixteen floats: rows become columns ---- */

#if DL_LANES > 1 && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define DL_HAS_SHUFFLES 1
#endif
#endif

#ifdef DL_HAS_SHUFFLES

#if DL_LANES == 16

/* Of four rows, quarter by quarter, the columns; then whole columns of their quarters. */
typedef dl_w dl_row_memory __attribute__((aligned(4), may_alias));
typedef struct dl_quarters { dl_w row[4]; } dl_quarters;
#define DL_IN_QUARTERS(x, y, i, j, k, l)                                                    \
    __builtin_shufflevector(x, y, i, j, k, l, i + 4, j + 4, k + 4, l + 4, i + 8, j + 8,     \
            k + 8, l + 8, i + 12, j + 12, k + 12, l + 12)
#define DL_EVEN_QUARTERS(x, y) \
    __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define DL_ODD_QUARTERS(x, y) \
    __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

DL_INLINE dl_quarters dl_turned_quarters(const float *p) {
    dl_w a = *(const dl_row_memory *)p, b = *(const dl_row_memory *)(p + 16);
    dl_w c = *(const dl_row_memory *)(p + 32), d = *(const dl_row_memory *)(p + 48);
    dl_w e = DL_IN_QUARTERS(a, b, 0, 16, 1, 17), f = DL_IN_QUARTERS(a, b, 2, 18, 3, 19);
    dl_w g = DL_IN_QUARTERS(c, d, 0, 16, 1, 17), h = DL_IN_QUARTERS(c, d, 2, 18, 3, 19);
    return (dl_quarters){{DL_IN_QUARTERS(e, g, 0, 1, 16, 17), DL_IN_QUARTERS(e, g, 2, 3, 18, 19),
            DL_IN_QUARTERS(f, h, 0, 1, 16, 17), DL_IN_QUARTERS(f, h, 2, 3, 18, 19)}};
}

DL_INLINE void dl_transpose16(float *p) {
    dl_quarters a = dl_turned_quarters(p), b = dl_turned_quarters(p + 64);
    dl_quarters c = dl_turned_quarters(p + 128), d = dl_turned_quarters(p + 192);
    for (int i = 0; i < 4; i++) {
        dl_w even = DL_EVEN_QUARTERS(a.row[i], b.row[i]), odd = DL_ODD_QUARTERS(a.row[i], b.row[i]);
        dl_w later = DL_EVEN_QUARTERS(c.row[i], d.row[i]);
        dl_w last = DL_ODD_QUARTERS(c.row[i], d.row[i]);
        *(dl_row_memory *)(p + 16 * i) = DL_EVEN_QUARTERS(even, later);
        *(dl_row_memory *)(p + 16 * i + 64) = DL_EVEN_QUARTERS(odd, last);
        *(dl_row_memory *)(p + 16 * i + 128) = DL_ODD_QUARTERS(even, later);
        *(dl_row_memory *)(p + 16 * i + 192) = DL_ODD_QUARTERS(odd, last);
    }
}

#else

typedef float dl_four __attribute__((vector_size(16)));
typedef float dl_four_memory __attribute__((vector_size(16), aligned(4), may_alias));
typedef struct dl_block { dl_four row[4]; } dl_block;

/* Four by four of them, turned. */
DL_INLINE dl_block dl_turned_block(const float *p) {
    dl_four a = *(const dl_four_memory *)p, b = *(const dl_four_memory *)(p + 16);
    dl_four c = *(const dl_four_memory *)(p + 32), d = *(const dl_four_memory *)(p + 48);
    dl_four e = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    dl_four f = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    dl_four g = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    dl_four h = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    dl_block x = {{__builtin_shufflevector(e, g, 0, 1, 4, 5),
            __builtin_shufflevector(e, g, 2, 3, 6, 7), __builtin_shufflevector(f, h, 0, 1, 4, 5),
            __builtin_shufflevector(f, h, 2, 3, 6, 7)}};
    return x;
}

DL_INLINE void dl_store_block(float *p, dl_block x) {
    for (int i = 0; i < 4; i++) *(dl_four_memory *)(p + 16 * i) = x.row[i];
}

DL_INLINE void dl_transpose16(float *p) {
    for (int i = 0; i < 16; i += 4)
        for (int j = i; j < 16; j += 4) {
            dl_block upper = dl_turned_block(p + 16 * i + j);
            dl_block lower = dl_turned_block(p + 16 * j + i);
            dl_store_block(p + 16 * j + i, upper);
            dl_store_block(p + 16 * i + j, lower);
        }
}

#endif

#else

DL_INLINE void dl_transpose16(float *p) {
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < i; j++) {
            float x = p[16 * i + j];
            p[16 * i + j] = p[16 * j + i];
            p[16 * j + i] = x;
        }
}

#endif

#endif
