/* dl_math.h - the functions behind the operators, in single precision and in int32.
 *
 * The same bits on every machine, compiler, level and vector width: every function is a
 * fixed sequence of IEEE operations, each rounded on its own (dl_arithmetic.h sees to it),
 * without tables, without branches, without libm. Choices are ternaries over values
 * already computed, so that a plain loop over any of these vectorises.
 *
 * Bounds, against the exact value, in units of the last place (tests/unit/test_math.c): exp,
 * log, pow 1; expm1, log1p, sin, cos, atan, sigmoid, softplus, erf 2; tanh 3; the rest is exact.
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

/* ---- bits ---- */

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

/* The sign of s on the magnitude of x. */
DL_INLINE float dl_copysign(float x, float s) {
    return dl_from_bits((dl_bits(x) & 0x7fffffffu) | (dl_bits(s) & 0x80000000u));
}

/* 2**k for -126 <= k <= 127. */
DL_INLINE float dl_exp2i(int32_t k) { return dl_from_bits((uint32_t)(k + 127) << 23); }

/* ---- exact functions ---- */

DL_INLINE float dl_abs(float x) { return dl_from_bits(dl_bits(x) & 0x7fffffffu); }
DL_INLINE float dl_sign(float x) {
    float s = x > 0.0f ? 1.0f : x;                       /* zero and NaN stay as they are */
    return x < 0.0f ? -1.0f : s;
}

/* The larger; NaN if either is. */
DL_INLINE float dl_max(float x, float y) {
    float m = x > y ? x : y;
    return x != x ? x : m;
}

DL_INLINE float dl_min(float x, float y) {
    float m = x < y ? x : y;
    return x != x ? x : m;
}

#ifdef __GNUC__
float sqrtf(float x) __attribute__((const));             /* errno aside: one instruction */
#endif
DL_INLINE float dl_sqrt(float x) { return sqrtf(x); }

/* To the nearest integer, ties to even: adding 2**23 leaves no fraction bits. */
DL_INLINE float dl_round(float x) {
    float a = dl_abs(x);
    float r = (a + 0x1p23f) - 0x1p23f;
    r = a < 0x1p23f ? r : a;
    return dl_copysign(r, x);
}

DL_INLINE float dl_floor(float x) {
    float r = dl_round(x), below = r - 1.0f;
    r = r > x ? below : r;
    return dl_copysign(r, x);
}

DL_INLINE float dl_ceil(float x) {
    float r = dl_round(x), above = r + 1.0f;
    r = r < x ? above : r;
    return dl_copysign(r, x);
}

DL_INLINE float dl_real(int32_t x) { return (float)x; }

/* Towards zero; beyond the range its nearest end; 0 for NaN. */
DL_INLINE int32_t dl_int(float x) {
    float c = x > -0x1p31f ? x : -0x1p31f;
    c = c < 0x1.fffffep30f ? c : 0x1.fffffep30f;
    c = x != x ? 0.0f : c;
    int32_t i = (int32_t)c;
    return x >= 0x1p31f ? INT32_MAX : i;
}

/* ---- int32: wrapping; division to minus infinity, by zero 0 ---- */

DL_INLINE int32_t dl_iadd(int32_t x, int32_t y) { return (int32_t)((uint32_t)x + (uint32_t)y); }
DL_INLINE int32_t dl_isub(int32_t x, int32_t y) { return (int32_t)((uint32_t)x - (uint32_t)y); }
DL_INLINE int32_t dl_imul(int32_t x, int32_t y) { return (int32_t)((uint32_t)x * (uint32_t)y); }
DL_INLINE int32_t dl_imax(int32_t x, int32_t y) { return x > y ? x : y; }
DL_INLINE int32_t dl_imin(int32_t x, int32_t y) { return x < y ? x : y; }
DL_INLINE int32_t dl_iabs(int32_t x) { return x < 0 ? dl_isub(0, x) : x; }
DL_INLINE int32_t dl_isign(int32_t x) { return (x > 0) - (x < 0); }

/* What may be divided by: y, or 1 where the quotient is undefined or overflows (where
 * x / 1 = INT32_MIN is the wrapped quotient). */
DL_INLINE int32_t dl_divisor(int32_t x, int32_t y) {
    return ((y == 0) | ((x == INT32_MIN) & (y == -1))) ? 1 : y;
}

DL_INLINE int32_t dl_idiv(int32_t x, int32_t y) {
    int32_t d = dl_divisor(x, y), q = x / d, r = x % d;
    q -= (r != 0) & ((r ^ d) < 0);
    return y == 0 ? 0 : q;
}

DL_INLINE int32_t dl_imod(int32_t x, int32_t y) {
    int32_t d = dl_divisor(x, y), r = x % d;
    return r + (((r != 0) & ((r ^ d) < 0)) ? d : 0);
}

/* ---- exponential family ---- */

/* exp(x) = 2**k (1 + p), |x - k ln 2| <= ln 2 / 2; returns p. |x| <= 128. */
DL_INLINE float dl_exp_parts(float x, int32_t *k) {
    const float shift = 0x1.8p23f;                       /* integers, in the low bits */
    float t = x * 1.44269502f + shift;
    float n = t - shift;
    float a = x - n * 0x1.62e4p-1f, b = n * 1.42860677e-06f;   /* a is exact */
    float r = a - b;
    float p = 1.38307945e-03f;
    p = p * r + 8.36875197e-03f;
    p = p * r + 4.16681655e-02f;
    p = p * r + 1.66665211e-01f;
    p = p * r + 4.99999940e-01f;
    *k = (int32_t)(dl_bits(t) - dl_bits(shift));
    return p * (r * r) + r;
}

/* x brought into [low, high]; NaN stays. */
DL_INLINE float dl_clamp(float x, float low, float high) {
    float c = x < low ? low : x;
    return c > high ? high : c;
}

DL_INLINE float dl_exp(float x) {
    int32_t k;
    float p = dl_exp_parts(dl_clamp(x, -104.0f, 89.0f), &k);
    int32_t half = k >> 1;                               /* in two steps, to reach subnormals */
    return (1.0f + p) * dl_exp2i(half) * dl_exp2i(k - half);
}

/* exp(x) for -87 <= x <= 88, where one scaling does. */
DL_INLINE float dl_exp_mid(float x) {
    int32_t k;
    float p = dl_exp_parts(x, &k);
    return (1.0f + p) * dl_exp2i(k);
}

/* 2**k (p + (1 - 2**-k)): the parenthesis is exact where it matters. */
DL_INLINE float dl_expm1(float x) {
    int32_t k;
    float p = dl_exp_parts(dl_clamp(x, -20.0f, 89.0f), &k);
    int32_t half = k >> 1;
    float y = (p + (1.0f - dl_exp2i(-dl_imin(k, 64)))) * dl_exp2i(half) * dl_exp2i(k - half);
    return x == 0.0f ? x : y;
}

/* 1 / (1 + e) or e / (1 + e), e = 2**k (1 + p) = exp(-|x|), as q + q (p - low): the sum's
 * rounding error is taken back, and e's own never enters. */
DL_INLINE float dl_sigmoid(float x) {
    int32_t k;
    float p = dl_exp_parts(-dl_clamp(dl_abs(x), 0.0f, 104.0f), &k);
    int32_t half = k >> 1;
    float s = dl_exp2i(half) * dl_exp2i(k - half);
    float e = s + s * p;
    float d = 1.0f + e;
    float low = e - (d - 1.0f);
    float w = 1.0f / d;
    float q = w * (x < 0.0f ? s : 1.0f);                 /* exact, s being a power of two */
    float tail = x < 0.0f ? p : 0.0f;
    return q + q * (tail - low * w);
}

/* -m / (2 + m) with m = expm1(-2 |x|). */
DL_INLINE float dl_tanh(float x) {
    int32_t k;
    float a = dl_abs(x);
    float p = dl_exp_parts(-2.0f * dl_clamp(a, 0.0f, 10.0f), &k);
    float s = dl_exp2i(k);
    float m = s * p + (s - 1.0f);
    return dl_copysign(-m / (2.0f + m), x);
}

/* ---- logarithms ---- */

/* e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */
DL_INLINE float dl_log_parts(float f, float e) {
    float z = f * f;
    float p = 4.19723205e-02f;
    p = p * f - 1.03174810e-01f;
    p = p * f + 1.23034634e-01f;
    p = p * f - 1.26658261e-01f;
    p = p * f + 1.41984701e-01f;
    p = p * f - 1.66522354e-01f;
    p = p * f + 2.00024977e-01f;
    p = p * f - 2.50003010e-01f;
    p = p * f + 3.33333105e-01f;
    p = p * (f * z) + e * 1.42860677e-06f;
    p = p - 0.5f * z;
    return (p + f) + e * 0x1.62e4p-1f;
}

#define DL_SQRT_HALF_BITS 0x3f3504f3u

/* The exponent e of x = 2**e m, sqrt(1/2) <= m < sqrt(2); x positive and normal. */
DL_INLINE int32_t dl_exponent(float x) {
    return (int32_t)(dl_bits(x) - DL_SQRT_HALF_BITS) >> 23;
}

DL_INLINE float dl_log(float x) {
    float up = x * 0x1p23f;                              /* subnormal numbers become normal */
    float n = x < 0x1p-126f ? up : x;
    float bias = x < 0x1p-126f ? -23.0f : 0.0f;
    int32_t k = dl_exponent(n);
    float m = dl_from_bits(dl_bits(n) - ((uint32_t)k << 23));
    float y = dl_log_parts(m - 1.0f, (float)k + bias);
    y = x > 0x1.fffffep127f ? x : y;
    y = x == 0.0f ? -INFINITY : y;
    return x >= 0.0f ? y : NAN;
}

/* log(u) for u + c = 1 + x exactly, c the rounding error, scaled into the fraction. */
DL_INLINE float dl_log1p(float x) {
    float u = 1.0f + x;
    float v = u - x;                                     /* Knuth's two-sum */
    float c = (x - (u - v)) + (1.0f - v);
    int32_t k = dl_exponent(u);
    float m = dl_from_bits(dl_bits(u) - ((uint32_t)k << 23));
    float f = (m - 1.0f) + c * dl_exp2i(-dl_imin(k, 126));
    float y = dl_log_parts(f, (float)k);
    y = x > 0x1.fffffep127f ? x : y;
    y = x == 0.0f ? x : y;
    y = x == -1.0f ? -INFINITY : y;
    return x >= -1.0f ? y : NAN;
}

/* max(x, 0) + log(1 + e), e = exp(-|x|) <= 1: the exponent of 1 + e is 0 or 1. */
DL_INLINE float dl_softplus(float x) {
    float top = x < 0.0f ? 0.0f : x;
    float e = dl_exp(-dl_abs(x));
    float u = 1.0f + e;
    float c = e - (u - 1.0f);
    float halved = (0.5f * u - 1.0f) + 0.5f * c;
    float f = u > 1.41421354f ? halved : e;
    return top + dl_log_parts(f, u > 1.41421354f ? 1.0f : 0.0f);
}

/* |x|**y in double: log2 by atanh's series, exp by a polynomial; both to 2**-40. */
DL_INLINE double dl_pow_positive(double x, double y) {
    const uint64_t root = 0x3fe6a09e667f3bcdu, one = (uint64_t)1023 << 52;
    const double shift = 0x1.8p52;
    uint64_t u = dl_bits64(x) - root;
    double e = dl_from_bits64(((u + one) >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
    double m = dl_from_bits64((u & 0x000fffffffffffffu) + root);
    double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 0.097813357285153862;
    p = p * z + 0.11088926155524842;
    p = p * z + 0.14286031793296231;
    p = p * z + 0.19999998067607103;
    p = p * z + 0.33333333336927357;
    double t = y * (e + s * 2.8853900817779268 * (1.0 + z * p));
    t = t < -200.0 ? -200.0 : t;
    t = t > 200.0 ? 200.0 : t;
    double n = t + shift;
    double r = (t - (n - shift)) * 0.69314718055994531;
    double q = 2.764387727013762e-06;
    q = q * r + 2.4882220203746743e-05;
    q = q * r + 0.00019841162708865033;
    q = q * r + 0.0013888807717277623;
    q = q * r + 0.0083333333888426682;
    q = q * r + 0.04166666698801736;
    q = q * r + 0.16666666666567431;
    q = q * r + 0.49999999999606354;
    q = 1.0 + (r + r * r * q);
    return q * dl_from_bits64((dl_bits64(n) - dl_bits64(shift) + 1023) << 52);
}

/* C's pow: x**0 and 1**y are 1 even of NaN; a negative base takes integer exponents. */
DL_INLINE float dl_pow(float x, float y) {
    float a = dl_abs(x);
    float power = (float)dl_pow_positive(a, y);
    int whole = dl_floor(y) == y;
    int odd = whole & (dl_floor(0.5f * y) != 0.5f * y);
    float at_zero = y < 0.0f ? INFINITY : 0.0f;          /* 0**y, and 1 / inf**y */
    float at_infinity = y < 0.0f ? 0.0f : INFINITY;
    power = a == 0.0f ? at_zero : power;
    power = a > 0x1.fffffep127f ? at_infinity : power;
    power = ((x < 0.0f) & !whole & (a <= 0x1.fffffep127f)) ? NAN : power;
    power = dl_from_bits(dl_bits(power) ^ (odd ? dl_bits(x) & 0x80000000u : 0u));
    power = ((a == 1.0f) & (dl_abs(y) > 0x1.fffffep127f)) ? 1.0f : power;
    power = ((x != x) | (y != y)) ? x + y : power;
    return ((x == 1.0f) | (y == 0.0f)) ? 1.0f : power;
}

/* ---- trigonometry ---- */

/* x = q pi/2 + r, |r| <= pi/4: q pi/2 is subtracted in two parts, the first exact to
 * q < 2**20. Returns r (clamped, for x too large to mean anything) and q mod 4. */
DL_INLINE float dl_quadrant(float x, uint32_t *q) {
    const double shift = 0x1.8p52;
    double t = (double)x * 0.63661977236758138 + shift;
    double n = t - shift;
    double r = ((double)x - n * 0x1.921fb544p+0) - n * 6.0771005065061922e-11;
    *q = (uint32_t)dl_bits64(t) & 3u;
    return dl_clamp((float)r, -0.7854f, 0.7854f);
}

/* sin(r + q pi/2). */
DL_INLINE float dl_sin_parts(float r, uint32_t q) {
    float z = r * r;
    float s = -1.95186047e-04f;
    s = s * z + 8.33219104e-03f;
    s = s * z - 1.66666552e-01f;
    s = s * (z * r) + r;
    float c = 2.44323273e-05f;
    c = c * z - 1.38873095e-03f;
    c = c * z + 4.16666456e-02f;
    c = c * (z * z) + (1.0f - 0.5f * z);
    float y = q & 1u ? c : s;
    return dl_from_bits(dl_bits(y) ^ ((q & 2u) << 30));
}

DL_INLINE float dl_sin(float x) {
    uint32_t q;
    float r = dl_quadrant(x, &q);
    float y = dl_sin_parts(r, q);
    return x == 0.0f ? x : y;
}

DL_INLINE float dl_cos(float x) {
    uint32_t q;
    float r = dl_quadrant(x, &q);
    return dl_sin_parts(r, q + 1u);
}

/* atan(|x|) on [0, 1], or pi/2 - atan(1 / |x|). */
DL_INLINE float dl_atan(float x) {
    float a = dl_abs(x);
    int far = a > 1.0f;
    float top = far ? -1.0f : a, bottom = far ? a : 1.0f;
    float t = top / bottom, z = t * t;
    float p = 1.13488373e-03f;
    p = p * z - 7.42266607e-03f;
    p = p * z + 2.27604043e-02f;
    p = p * z - 4.49465215e-02f;
    p = p * z + 6.75957799e-02f;
    p = p * z - 8.81885067e-02f;
    p = p * z + 1.10602453e-01f;
    p = p * z - 1.42801315e-01f;
    p = p * z + 1.99996933e-01f;
    p = p * z - 3.33333284e-01f;
    p = p * (z * t);
    float low = far ? -4.37113883e-08f : 0.0f, high = far ? 1.57079637f : 0.0f;
    float y = high + (t + (p + low));
    return dl_copysign(y, x);
}

/* ---- error function ---- */

/* x + x P(x**2) to |x| < 1; then 1 - exp(Q(|x|)), which is 1 from 3.92 on. */
DL_INLINE float dl_erf(float x) {
    float a = dl_clamp(dl_abs(x), 0.0f, 3.95f), z = a * a;
    float p = 7.80690316e-05f;
    p = p * z - 7.99785310e-04f;
    p = p * z + 5.18716220e-03f;
    p = p * z - 2.68533472e-02f;
    p = p * z + 1.12835787e-01f;
    p = p * z - 3.76126260e-01f;
    p = p * z + 1.28379166e-01f;
    float near = a + a * p;
    float q = -2.22086797e-07f;
    q = q * a - 1.85274366e-05f;
    q = q * a + 4.22088371e-04f;
    q = q * a - 4.13895166e-03f;
    q = q * a + 2.50713490e-02f;
    q = q * a - 1.08239420e-01f;
    q = q * a - 6.33363545e-01f;
    q = q * a - 1.12951386e+00f;
    q = q * a + 1.75578229e-04f;
    float away = 1.0f - dl_exp_mid(q);
    float y = a < 1.0f ? near : away;
    return dl_copysign(y, x);
}

#endif
