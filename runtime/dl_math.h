/* dl_math.h - the functions behind the operators, in single precision and in int32.
 *
 * The same bits on every machine, compiler, level and vector width: every function is a
 * fixed sequence of IEEE operations, each rounded on its own (dl_arithmetic.h sees to it),
 * without tables, without branches, without libm. Only dl_fma differs: rounded once where the
 * target has a fused multiply-add, twice where not. So there is one result for all machines
 * with FMA, and one for those without.
 *
 * A function is a text, a macro DL_TEXT_..., over types and small functions (the primitives)
 * whose names start with S. It is compiled twice: here for one lane (S is dl_, the types are
 * float, uint32_t, int32_t and int), and in dl_word.h for the lanes of a vector of the target's.
 * F is a real, U its bits, I an integer, M a truth value; operators work on all of them.
 *
 * Bounds, against the exact value, in units of the last place (tests/unit/test_math.c): exp,
 * log, pow 1; expm1, log1p, sin, cos, atan, sigmoid, softplus 2; tanh, erf 3; the rest is exact.
 * sin and cos hold to |x| <= 1e5 and are some number in [-1, 1] beyond; +-0, infinities,
 * NaN, overflow and subnormal results are as in C's own functions.
 *
 * Method: Cody and Waite's reductions; polynomials are near-minimax fits (Remez) of our
 * own, their coefficients rounded to float one after the other, each time refitting the
 * rest. sin, cos reduce and pow computes in double, where Cody-Waite in float would not do. */
#ifndef DL_MATH_H
#define DL_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dl_arithmetic.h"

/* ---- primitives of one lane ---- */

DL_INLINE uint32_t dl_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

DL_INLINE float dl_from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

DL_INLINE uint64_t dl_bits64(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

DL_INLINE double dl_from_bits64(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA) || \
        defined(__aarch64__) || defined(__riscv_flen) || defined(__powerpc64__) || \
        defined(__s390x__)
#define DL_HAS_FMA 1
#endif

/* a * b + c. */
DL_INLINE float dl_fma(float a, float b, float c) {
#ifdef DL_HAS_FMA
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

#ifdef __GNUC__
float sqrtf(float x) __attribute__((const));             /* errno aside: one instruction */
#endif
DL_INLINE float dl_sqrt(float x) { return sqrtf(x); }

DL_INLINE float dl_set(float x) { return x; }
DL_INLINE double dl_set64(double x) { return x; }
DL_INLINE int32_t dl_iset(int32_t x) { return x; }
DL_INLINE int dl_lt(float x, float y) { return x < y; }
DL_INLINE int dl_le(float x, float y) { return x <= y; }
DL_INLINE int dl_gt(float x, float y) { return x > y; }
DL_INLINE int dl_ge(float x, float y) { return x >= y; }
DL_INLINE int dl_eq(float x, float y) { return x == y; }
DL_INLINE int dl_ne(float x, float y) { return x != y; }
DL_INLINE int dl_ilt(int32_t x, int32_t y) { return x < y; }
DL_INLINE int dl_ile(int32_t x, int32_t y) { return x <= y; }
DL_INLINE int dl_igt(int32_t x, int32_t y) { return x > y; }
DL_INLINE int dl_ige(int32_t x, int32_t y) { return x >= y; }
DL_INLINE int dl_ieq(int32_t x, int32_t y) { return x == y; }
DL_INLINE int dl_ine(int32_t x, int32_t y) { return x != y; }
DL_INLINE int dl_and(int x, int y) { return x & y; }
DL_INLINE int dl_or(int x, int y) { return x | y; }
DL_INLINE int dl_not(int x) { return !x; }
DL_INLINE float dl_select(int m, float x, float y) { return m ? x : y; }
DL_INLINE int32_t dl_iselect(int m, int32_t x, int32_t y) { return m ? x : y; }

/* The larger and the smaller; of equal ones, and where one is NaN, y. */
DL_INLINE float dl_over(float x, float y) { return x > y ? x : y; }
DL_INLINE float dl_under(float x, float y) { return x < y ? x : y; }
DL_INLINE double dl_over64(double x, double y) { return x > y ? x : y; }
DL_INLINE double dl_under64(double x, double y) { return x < y ? x : y; }

/* To the nearest float, and towards zero (of a number in int32's range). */
DL_INLINE float dl_real(int32_t x) { return (float)x; }
DL_INLINE int32_t dl_truncate(float x) { return (int32_t)x; }

/* ---- signs, bounds ---- */

#define DL_TEXT_BASIC(S, F, U, I, M)                                                               \
/* The sign of s on the magnitude of x. */                                                         \
DL_INLINE F S##copysign(F x, F s) {                                                                \
    return S##from_bits((S##bits(x) & 0x7fffffffu) | (S##bits(s) & 0x80000000u));                  \
}                                                                                                  \
DL_INLINE F S##abs(F x) { return S##from_bits(S##bits(x) & 0x7fffffffu); }                         \
DL_INLINE F S##neg(F x) { return -x; }                                                             \
/* Zero and NaN stay as they are. */                                                               \
DL_INLINE F S##sign(F x) {                                                                         \
    F s = S##select(S##gt(x, S##set(0.0f)), S##set(1.0f), x);                                      \
    return S##select(S##lt(x, S##set(0.0f)), S##set(-1.0f), s);                                    \
}                                                                                                  \
DL_INLINE F S##add(F x, F y) { return x + y; }                                                     \
DL_INLINE F S##sub(F x, F y) { return x - y; }                                                     \
DL_INLINE F S##mul(F x, F y) { return x * y; }                                                     \
DL_INLINE F S##div(F x, F y) { return x / y; }                                                     \
/* The larger; NaN if either is. */                                                                \
DL_INLINE F S##max(F x, F y) { return S##select(S##ne(x, x), x, S##over(x, y)); }                  \
DL_INLINE F S##min(F x, F y) { return S##select(S##ne(x, x), x, S##under(x, y)); }                 \
/* x brought into [low, high]; NaN stays. */                                                       \
DL_INLINE F S##clamp(F x, float low, float high) {                                                 \
    return S##under(S##set(high), S##over(S##set(low), x));                                        \
}                                                                                                  \
/* p * x + c, a step of Horner's rule. */                                                          \
DL_INLINE F S##horner(F p, F x, float c) { return S##fma(p, x, S##set(c)); }                       \
/* Towards zero; beyond int32's range its nearest end; 0 for NaN. */                               \
DL_INLINE I S##int(F x) {                                                                          \
    F c = S##clamp(x, -0x1p31f, 0x1.fffffep30f);                                                   \
    I i = S##truncate(S##select(S##ne(x, x), S##set(0.0f), c));                                    \
    return S##iselect(S##ge(x, S##set(0x1p31f)), S##iset(INT32_MAX), i);                           \
}

/* ---- rounding to integers, where the target has no instruction for it ---- */

#define DL_TEXT_ROUND(S, F)                                                                        \
/* To the nearest integer, ties to even: adding 2**23 leaves no fraction bits. */                  \
DL_INLINE F S##round(F x) {                                                                        \
    F a = S##abs(x);                                                                               \
    F r = (a + 0x1p23f) - 0x1p23f;                                                                 \
    return S##copysign(S##select(S##lt(a, S##set(0x1p23f)), r, a), x);                             \
}                                                                                                  \
DL_INLINE F S##floor(F x) {                                                                        \
    F r = S##round(x);                                                                             \
    return S##copysign(S##select(S##gt(r, x), r - 1.0f, r), x);                                    \
}                                                                                                  \
DL_INLINE F S##ceil(F x) {                                                                         \
    F r = S##round(x);                                                                             \
    return S##copysign(S##select(S##lt(r, x), r + 1.0f, r), x);                                    \
}

/* ---- division to minus infinity ---- */

#define DL_TEXT_FLOORED(S, F)                                                                      \
DL_INLINE F S##floored(F x, F y) { return S##floor(x / y); }                                       \
DL_INLINE F S##remainder(F x, F y) { return x - y * S##floor(x / y); }

/* ---- int32: wrapping; division to minus infinity, by zero 0 ---- */

#define DL_TEXT_INTEGER(S, U, I, M)                                                                \
DL_INLINE I S##iadd(I x, I y) { return (I)((U)x + (U)y); }                                         \
DL_INLINE I S##isub(I x, I y) { return (I)((U)x - (U)y); }                                         \
DL_INLINE I S##imul(I x, I y) { return (I)((U)x * (U)y); }                                         \
DL_INLINE I S##ineg(I x) { return S##isub(S##iset(0), x); }                                        \
DL_INLINE I S##imax(I x, I y) { return S##iselect(S##igt(x, y), x, y); }                           \
DL_INLINE I S##imin(I x, I y) { return S##iselect(S##ilt(x, y), x, y); }                           \
DL_INLINE I S##iabs(I x) { return S##iselect(S##ilt(x, S##iset(0)), S##ineg(x), x); }              \
/* -1 from the sign bit of x, 1 from that of -x. */                                                \
DL_INLINE I S##isign(I x) { return (I)((U)(x >> 31) | ((U)S##ineg(x) >> 31)); }                    \
/* What may be divided by: y, or 1 where the quotient is undefined or overflows (where             \
 * x / 1 = INT32_MIN is the wrapped quotient). */                                                  \
DL_INLINE I S##divisor(I x, I y) {                                                                 \
    M wraps = S##and(S##ieq(x, S##iset(INT32_MIN)), S##ieq(y, S##iset(-1)));                       \
    return S##iselect(S##or(S##ieq(y, S##iset(0)), wraps), S##iset(1), y);                         \
}                                                                                                  \
DL_INLINE I S##idiv(I x, I y) {                                                                    \
    I d = S##divisor(x, y), q = S##quotient(x, d), r = S##isub(x, S##imul(q, d));                  \
    M below = S##and(S##ine(r, S##iset(0)), S##ilt(r ^ d, S##iset(0)));                            \
    q = S##isub(q, S##iselect(below, S##iset(1), S##iset(0)));                                     \
    return S##iselect(S##ieq(y, S##iset(0)), S##iset(0), q);                                       \
}                                                                                                  \
DL_INLINE I S##imod(I x, I y) {                                                                    \
    I d = S##divisor(x, y), r = S##isub(x, S##imul(S##quotient(x, d), d));                         \
    M below = S##and(S##ine(r, S##iset(0)), S##ilt(r ^ d, S##iset(0)));                            \
    return S##iadd(r, S##iselect(below, d, S##iset(0)));                                           \
}

/* ---- powers of two ---- */

#define DL_SHIFT 0x1.8p23f      /* added, makes an integer stand in the low bits */
#define DL_SHIFT_BITS 0x4b400000u

#define DL_TEXT_SCALE(S, F, U, I)                                                                  \
/* 2**k for -126 <= k <= 127. */                                                                   \
DL_INLINE F S##exp2i(I k) { return S##from_bits((U)(k + 127) << 23); }                             \
/* The same of k + DL_SHIFT. */                                                                    \
DL_INLINE F S##power(F t) { return S##from_bits((S##bits(t) << 23) + 0x3f800000u); }               \
DL_INLINE I S##shifted(F t) { return (I)(S##bits(t) - DL_SHIFT_BITS); }

#define DL_TEXT_TWO_STEPS(S, F, I)                                                                 \
/* y 2**k, t = k + DL_SHIFT, -252 <= k <= 254: in two steps, to reach subnormals. y is near 1,     \
 * so that only the second one rounds. */                                                          \
DL_INLINE F S##scale(F y, F t) {                                                                   \
    I k = S##shifted(t), half = k >> 1;                                                            \
    return y * S##exp2i(half) * S##exp2i(k - half);                                                \
}

/* ---- exponential family ---- */

#define DL_TEXT_EXP(S, F, I)                                                                       \
/* exp(x) = 2**k (1 + p), |x - k ln 2| <= ln 2 / 2; returns p, and k + DL_SHIFT. |x| <= 128. */    \
DL_INLINE F S##exp_parts(F x, F *t) {                                                              \
    F k = S##horner(x, S##set(1.44269502f), DL_SHIFT);                                             \
    F n = k - DL_SHIFT;                                                                            \
    F a = S##fma(n, S##set(-0x1.62e4p-1f), x);           /* exact */                               \
    F r = S##fma(n, S##set(-1.42860677e-06f), a);                                                  \
    F p = S##set(1.38307945e-03f);                                                                 \
    p = S##horner(p, r, 8.36875197e-03f);                                                          \
    p = S##horner(p, r, 4.16681655e-02f);                                                          \
    p = S##horner(p, r, 1.66665211e-01f);                                                          \
    p = S##horner(p, r, 4.99999940e-01f);                                                          \
    *t = k;                                                                                        \
    return S##fma(p, r * r, r);                                                                    \
}                                                                                                  \
DL_INLINE F S##exp(F x) {                                                                          \
    F t, p = S##exp_parts(S##clamp(x, -104.0f, 89.0f), &t);                                        \
    return S##scale(p + 1.0f, t);                                                                  \
}                                                                                                  \
/* 2**k (p + (1 - 2**-k)): the parenthesis is exact where it matters. */                           \
DL_INLINE F S##expm1(F x) {                                                                        \
    F t, p = S##exp_parts(S##clamp(x, -20.0f, 89.0f), &t);                                         \
    I k = S##imin(S##shifted(t), S##iset(64));                                                     \
    F y = S##scale(p + (1.0f - S##exp2i(S##ineg(k))), t);                                          \
    return S##select(S##eq(x, S##set(0.0f)), x, y);                                                \
}                                                                                                  \
/* 1 / (1 + e) or e / (1 + e), e = 2**k (1 + p) = exp(-|x|), as q + q (p - low): the sum's         \
 * rounding error is taken back, and e's own never enters. */                                      \
DL_INLINE F S##sigmoid(F x) {                                                                      \
    F t, p = S##exp_parts(S##neg(S##under(S##set(104.0f), S##abs(x))), &t);                        \
    F s = S##scale(S##set(1.0f), t);                                                               \
    F e = S##fma(s, p, s);                                                                         \
    F d = e + 1.0f;                                                                                \
    F low = e - (d - 1.0f);                                                                        \
    F w = 1.0f / d;                                                                                \
    F q = w * S##select(S##lt(x, S##set(0.0f)), s, S##set(1.0f));   /* exact */                    \
    F tail = S##select(S##lt(x, S##set(0.0f)), p, S##set(0.0f));                                   \
    return S##fma(q, S##fma(S##neg(low), w, tail), q);                                             \
}                                                                                                  \
/* -m / (2 + m) with m = expm1(-2 |x|). */                                                         \
DL_INLINE F S##tanh(F x) {                                                                         \
    F t, p = S##exp_parts(S##under(S##set(10.0f), S##abs(x)) * -2.0f, &t);                         \
    F s = S##power(t);                                                                             \
    F m = S##fma(s, p, s - 1.0f);                                                                  \
    return S##copysign(m / (m + 2.0f), x);                                                         \
}

/* ---- logarithms ---- */

#define DL_SQRT_HALF_BITS 0x3f3504f3u

#define DL_TEXT_LOG(S, F, U, I, M)                                                                 \
/* e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */                                           \
DL_INLINE F S##log_parts(F f, F e) {                                                               \
    F z = f * f;                                                                                   \
    F p = S##set(4.19723205e-02f);                                                                 \
    p = S##horner(p, f, -1.03174810e-01f);                                                         \
    p = S##horner(p, f, 1.23034634e-01f);                                                          \
    p = S##horner(p, f, -1.26658261e-01f);                                                         \
    p = S##horner(p, f, 1.41984701e-01f);                                                          \
    p = S##horner(p, f, -1.66522354e-01f);                                                         \
    p = S##horner(p, f, 2.00024977e-01f);                                                          \
    p = S##horner(p, f, -2.50003010e-01f);                                                         \
    p = S##horner(p, f, 3.33333105e-01f);                                                          \
    p = S##fma(p, f * z, e * 1.42860677e-06f);                                                     \
    p = S##fma(z, S##set(-0.5f), p);                                                               \
    return S##fma(e, S##set(0x1.62e4p-1f), p + f);                                                 \
}                                                                                                  \
/* The exponent e of x = 2**e m, sqrt(1/2) <= m < sqrt(2); x positive and normal. */               \
DL_INLINE I S##exponent(F x) { return (I)(S##bits(x) - DL_SQRT_HALF_BITS) >> 23; }                 \
DL_INLINE F S##fraction(F x, I e) { return S##from_bits(S##bits(x) - ((U)e << 23)); }              \
DL_INLINE F S##log(F x) {                                                                          \
    M subnormal = S##lt(x, S##set(0x1p-126f));                /* subnormals become normal */            \
    F n = S##select(subnormal, x * 0x1p23f, x);                                                         \
    I k = S##exponent(n);                                                                          \
    F e = S##real(k) + S##select(subnormal, S##set(-23.0f), S##set(0.0f));                              \
    F y = S##log_parts(S##fraction(n, k) - 1.0f, e);                                               \
    y = S##select(S##gt(x, S##set(0x1.fffffep127f)), x, y);                                        \
    y = S##select(S##eq(x, S##set(0.0f)), S##set(-INFINITY), y);                                   \
    return S##select(S##ge(x, S##set(0.0f)), y, S##set(NAN));                                      \
}                                                                                                  \
/* log(u) for u + c = 1 + x exactly, c the rounding error, scaled into the fraction. */            \
DL_INLINE F S##log1p(F x) {                                                                        \
    F u = x + 1.0f;                                                                                \
    F v = u - x;                                         /* Knuth's two-sum */                     \
    F c = (x - (u - v)) + (1.0f - v);                                                              \
    I k = S##exponent(u);                                                                          \
    F small = S##exp2i(S##ineg(S##imin(k, S##iset(126))));                                         \
    F y = S##log_parts(S##fma(c, small, S##fraction(u, k) - 1.0f), S##real(k));                    \
    y = S##select(S##gt(x, S##set(0x1.fffffep127f)), x, y);                                        \
    y = S##select(S##eq(x, S##set(0.0f)), x, y);                                                   \
    y = S##select(S##eq(x, S##set(-1.0f)), S##set(-INFINITY), y);                                  \
    return S##select(S##ge(x, S##set(-1.0f)), y, S##set(NAN));                                     \
}                                                                                                  \
/* max(x, 0) + log(1 + e), e = exp(-|x|) <= 1: the exponent of 1 + e is 0 or 1. */                 \
DL_INLINE F S##softplus(F x) {                                                                     \
    F e = S##exp(S##neg(S##abs(x)));                                                               \
    F u = e + 1.0f;                                                                                \
    F c = e - (u - 1.0f);                                                                          \
    M two = S##gt(u, S##set(1.41421354f));                                                         \
    F halved = S##fma(c, S##set(0.5f), S##fma(u, S##set(0.5f), S##set(-1.0f)));                    \
    F y = S##log_parts(S##select(two, halved, e), S##select(two, S##set(1.0f), S##set(0.0f)));     \
    return S##over(S##set(0.0f), x) + y;                                                           \
}

/* ---- in double: D has half the lanes of F, L are its bits ---- */

#define DL_TEXT_DOUBLE(S, D, L)                                                                    \
/* |x|**y: log2 by atanh's series, exp by a polynomial; both to 2**-40. */                         \
DL_INLINE D S##pow64(D x, D y) {                                                                   \
    const uint64_t root = 0x3fe6a09e667f3bcdu, one = (uint64_t)1023 << 52;                         \
    const double shift = 0x1.8p52;                                                                 \
    L u = S##bits64(x) - root;                                                                     \
    D e = S##from_bits64(((u + one) >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);             \
    D m = S##from_bits64((u & 0x000fffffffffffffu) + root);                                        \
    D s = (m - 1.0) / (m + 1.0), z = s * s;                                                        \
    D p = 0.097813357285153862 * z + 0.11088926155524842;                                          \
    p = p * z + 0.14286031793296231;                                                               \
    p = p * z + 0.19999998067607103;                                                               \
    p = p * z + 0.33333333336927357;                                                               \
    D t = y * (e + s * 2.8853900817779268 * (1.0 + z * p));                                        \
    t = S##under64(S##set64(200.0), S##over64(S##set64(-200.0), t));                               \
    D n = t + shift;                                                                               \
    D r = (t - (n - shift)) * 0.69314718055994531;                                                 \
    D q = 2.764387727013762e-06 * r + 2.4882220203746743e-05;                                      \
    q = q * r + 0.00019841162708865033;                                                            \
    q = q * r + 0.0013888807717277623;                                                             \
    q = q * r + 0.0083333333888426682;                                                             \
    q = q * r + 0.04166666698801736;                                                               \
    q = q * r + 0.16666666666567431;                                                               \
    q = q * r + 0.49999999999606354;                                                               \
    q = 1.0 + (r + r * r * q);                                                                     \
    return q * S##from_bits64((S##bits64(n) - 0x4338000000000000u + 1023) << 52);                  \
}                                                                                                  \
/* x = q pi/2 + r, |r| <= pi/4: q pi/2 is subtracted in two parts, the first exact to              \
 * q < 2**20. Returns r, and in the low bits q. */                                                 \
DL_INLINE D S##quadrant64(D x, L *q) {                                                             \
    const double shift = 0x1.8p52;                                                                 \
    D t = x * 0.63661977236758138 + shift;                                                         \
    D n = t - shift;                                                                               \
    *q = S##bits64(t);                                                                             \
    return (x - n * 0x1.921fb544p+0) - n * 6.0771005065061922e-11;                                 \
}

#define DL_TEXT_POW(S, F, U, M)                                                                    \
/* C's pow: x**0 and 1**y are 1 even of NaN; a negative base takes integer exponents. */           \
DL_INLINE F S##pow(F x, F y) {                                                                     \
    const float most = 0x1.fffffep127f;                                                            \
    F a = S##abs(x), zero = S##set(0.0f), one = S##set(1.0f), infinity = S##set(INFINITY);         \
    F power = S##pow_positive(a, y), half = y * 0.5f;                                              \
    M whole = S##eq(S##floor(y), y), falls = S##lt(y, zero);                                       \
    M odd = S##and(whole, S##ne(S##floor(half), half));                                            \
    power = S##select(S##eq(a, zero), S##select(falls, infinity, zero), power);                    \
    power = S##select(S##gt(a, S##set(most)), S##select(falls, zero, infinity), power);            \
    M none = S##and(S##lt(x, zero), S##and(S##not(whole), S##le(a, S##set(most))));                \
    power = S##select(none, S##set(NAN), power);                                                   \
    power = S##from_bits(S##bits(power) ^ (S##bits(S##select(odd, x, zero)) & 0x80000000u));       \
    power = S##select(S##and(S##eq(a, one), S##gt(S##abs(y), S##set(most))), one, power);          \
    power = S##select(S##or(S##ne(x, x), S##ne(y, y)), x + y, power);                              \
    return S##select(S##or(S##eq(x, one), S##eq(y, zero)), one, power);                            \
}

/* ---- trigonometry ---- */

#define DL_TEXT_TRIGONOMETRY(S, F, U, I, M)                                                        \
/* sin(r + q pi/2); r is clamped, for x too large to mean anything. */                             \
DL_INLINE F S##sin_parts(F r, U q) {                                                               \
    r = S##clamp(r, -0.7854f, 0.7854f);                                                            \
    F z = r * r;                                                                                   \
    F s = S##set(-1.95186047e-04f);                                                                \
    s = S##horner(s, z, 8.33219104e-03f);                                                          \
    s = S##horner(s, z, -1.66666552e-01f);                                                         \
    s = S##fma(s, z * r, r);                                                                       \
    F c = S##set(2.44323273e-05f);                                                                 \
    c = S##horner(c, z, -1.38873095e-03f);                                                         \
    c = S##horner(c, z, 4.16666456e-02f);                                                          \
    c = S##fma(c, z * z, S##fma(z, S##set(-0.5f), S##set(1.0f)));                                  \
    F y = S##select(S##ine((I)(q & 1u), S##iset(0)), c, s);                                        \
    return S##from_bits(S##bits(y) ^ ((q & 2u) << 30));                                            \
}                                                                                                  \
DL_INLINE F S##sin(F x) {                                                                          \
    U q;                                                                                           \
    F r = S##quadrant(x, &q);                                                                      \
    return S##select(S##eq(x, S##set(0.0f)), x, S##sin_parts(r, q));                               \
}                                                                                                  \
DL_INLINE F S##cos(F x) {                                                                          \
    U q;                                                                                           \
    F r = S##quadrant(x, &q);                                                                      \
    return S##sin_parts(r, q + 1u);                                                                \
}                                                                                                  \
/* atan(|x|) on [0, 1], or pi/2 - atan(1 / |x|). */                                                \
DL_INLINE F S##atan(F x) {                                                                         \
    F a = S##abs(x), one = S##set(1.0f), zero = S##set(0.0f);                                      \
    M far = S##gt(a, one);                                                                         \
    F t = S##select(far, S##set(-1.0f), a) / S##select(far, a, one), z = t * t;                    \
    F p = S##set(1.13488373e-03f);                                                                 \
    p = S##horner(p, z, -7.42266607e-03f);                                                         \
    p = S##horner(p, z, 2.27604043e-02f);                                                          \
    p = S##horner(p, z, -4.49465215e-02f);                                                         \
    p = S##horner(p, z, 6.75957799e-02f);                                                          \
    p = S##horner(p, z, -8.81885067e-02f);                                                         \
    p = S##horner(p, z, 1.10602453e-01f);                                                          \
    p = S##horner(p, z, -1.42801315e-01f);                                                         \
    p = S##horner(p, z, 1.99996933e-01f);                                                          \
    p = S##horner(p, z, -3.33333284e-01f);                                                         \
    p = S##fma(p, z * t, S##select(far, S##set(-4.37113883e-08f), zero));                          \
    return S##copysign(S##select(far, S##set(1.57079637f), zero) + (t + p), x);                    \
}

/* ---- error function ---- */

#define DL_TEXT_ERF(S, F)                                                                          \
/* 1 - exp(-q) with q = -log(1 - erf(|x|)) = |x| P(|x|), as 1 - 2**k - 2**k p: what is small is    \
 * not taken from 1. P's first coefficient is two numbers; from 3.92 on the result is 1. */        \
DL_INLINE F S##erf(F x) {                                                                          \
    F a = S##under(S##set(3.95f), S##abs(x));                                                      \
    F p = S##set(9.26381381e-06f);                                                                 \
    p = S##horner(p, a, -1.17710864e-04f);                                                         \
    p = S##horner(p, a, 6.33093063e-04f);                                                          \
    p = S##horner(p, a, -1.66751083e-03f);                                                         \
    p = S##horner(p, a, 1.60894211e-04f);                                                          \
    p = S##horner(p, a, 1.91527884e-02f);                                                          \
    p = S##horner(p, a, -1.02777757e-01f);                                                         \
    p = S##horner(p, a, -6.36619389e-01f);                                                         \
    p = S##horner(p, a, 5.41196208e-08f);                                                          \
    F t, e = S##exp_parts(S##fma(p, a, a * -1.12837923f), &t);                                     \
    F s = S##power(t);                                                                             \
    return S##copysign(S##fma(s, e, s - 1.0f), x);                                                 \
}

/* ---- one lane ---- */

DL_INLINE int32_t dl_quotient(int32_t x, int32_t d) { return x / d; }

DL_TEXT_BASIC(dl_, float, uint32_t, int32_t, int)
DL_TEXT_ROUND(dl_, float)
DL_TEXT_FLOORED(dl_, float)
DL_TEXT_INTEGER(dl_, uint32_t, int32_t, int)
DL_TEXT_SCALE(dl_, float, uint32_t, int32_t)
DL_TEXT_TWO_STEPS(dl_, float, int32_t)
DL_TEXT_EXP(dl_, float, int32_t)
DL_TEXT_LOG(dl_, float, uint32_t, int32_t, int)
DL_TEXT_DOUBLE(dl_, double, uint64_t)

DL_INLINE float dl_pow_positive(float x, float y) { return (float)dl_pow64(x, y); }
DL_INLINE float dl_quadrant(float x, uint32_t *q) {
    uint64_t low;
    double r = dl_quadrant64(x, &low);
    *q = (uint32_t)low;
    return (float)r;
}

DL_TEXT_POW(dl_, float, uint32_t, int)
DL_TEXT_TRIGONOMETRY(dl_, float, uint32_t, int32_t, int)
DL_TEXT_ERF(dl_, float)

#endif
