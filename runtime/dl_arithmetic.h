/* dl_arithmetic.h - included before everything else by generated code: one result for all
 * compilers and levels.
 *
 * A product and a sum are contracted into one rounding only where the code says so (DL_FMA),
 * never where the compiler likes it; the elementary functions of dl_math.h rely on each
 * operation being rounded on its own. What a user's options would have to switch is
 * switched here: gcc ignores the standard pragma, so it has its own. By the same, two of gcc's
 * passes are off: predictive commoning spills the registers of large tiles; and if-conversion
 * makes wrong masks (gcc 12) of short nests of loads under conditions. The loops that matter
 * are vector code already (dl_vector.h), so no speed is lost by either. Nor is any where nothing
 * looks for vectors in straight code, which takes gcc up to a twentieth of its time. */
#ifndef DL_ARITHMETIC_H
#define DL_ARITHMETIC_H

/* Files are read and written as POSIX has it (dl_save.c, dl_load.c, which a single file
 * includes); that must be said before the first system header. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#if defined(__FAST_MATH__)
#error "generated code needs IEEE arithmetic: compile without -ffast-math"
#endif
#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ < 0 || __FLT_EVAL_METHOD__ == 1 || \
        __FLT_EVAL_METHOD__ == 2)
#error "generated code needs floats that are computed as floats: on x86, -msse2 -mfpmath=sse"
#endif

#if defined(__clang__)
#pragma clang fp contract(off)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("O3", "fp-contract=off", "no-math-errno", "no-trapping-math", \
        "no-predictive-commoning", "no-tree-loop-if-convert", "no-tree-slp-vectorize")
#else
#pragma STDC FP_CONTRACT OFF
#endif

/* Of the small functions of the runtime's headers: a loop over a function that a compiler
 * thought too large to inline would not be vectorised. */
#ifdef __GNUC__
#define DL_INLINE static inline __attribute__((always_inline, unused))
#else
#define DL_INLINE static inline
#endif

#endif
