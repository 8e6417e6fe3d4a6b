/* dl_loop.h - small things in the loops of generated code: parallel loops and index
 * arithmetic. */
#ifndef DL_LOOP_H
#define DL_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "dl_arithmetic.h"

/* A kernel is never inlined: what is restricted to one call (of a step of a scan, which
 * reads what the step before wrote) clang 14 would take to hold for all of them. */
#ifdef __GNUC__
#define DL_KERNEL static __attribute__((noinline))
#else
#define DL_KERNEL static
#endif

/* A routine of so many calls that compilers would take minutes to optimise it, with nothing to
 * gain: all work is in the kernels. */
#if defined(__clang__)
#define DL_LONG_ROUTINE __attribute__((noinline, optnone))
#elif defined(__GNUC__)
#define DL_LONG_ROUTINE __attribute__((optimize("O0")))
#else
#define DL_LONG_ROUTINE
#endif

/* In front of a loop whose iterations are independent, or of `count` loops one in another.
 * Iterations are divided by number, and no result depends on how. */
#ifdef _OPENMP
#define DL_PRAGMA(text) _Pragma(#text)
#define DL_PARALLEL_FOR(threads) DL_PRAGMA(omp parallel for schedule(static) num_threads(threads))
#define DL_PARALLEL_LOOPS(threads, count) \
    DL_PRAGMA(omp parallel for collapse(count) schedule(static) num_threads(threads))
#else
#define DL_PARALLEL_FOR(threads) (void)(threads);
#define DL_PARALLEL_LOOPS(threads, count) (void)(threads);
#endif

/* The same in front of `groups` large iterations, each of which goes to a thread that is
 * free. dl_thread is the number of the thread that runs it, less than both arguments. */
#ifdef _OPENMP
int omp_get_thread_num(void); /* of OpenMP's omp.h, which not every compiler finds */
#define DL_PARALLEL_GROUPS(threads, groups) \
    DL_PRAGMA(omp parallel for schedule(dynamic, 1) \
            num_threads((threads) < (groups) ? (threads) : (groups)))
DL_INLINE size_t dl_thread(void) { return (size_t)omp_get_thread_num(); }
#else
#define DL_PARALLEL_GROUPS(threads, groups) (void)(threads);
DL_INLINE size_t dl_thread(void) { return 0; }
#endif

/* Asks for the line of word `index` of an array of floats or int32, into the second level of the
 * cache. Nothing is read: the index may lie outside of the array, so the address is a number. */
DL_INLINE void dl_prefetch(const void *array, int64_t index) {
#ifdef __GNUC__
    __builtin_prefetch((const void *)((uintptr_t)array + (uintptr_t)index * 4), 0, 2);
#else
    (void)array, (void)index;
#endif
}

/* The same of `rows` times `lines` lines, each row `step` words behind the one before. Never
 * inlined: its addresses would take the registers of the tile behind it. */
#ifdef __GNUC__
__attribute__((noinline, unused))
#endif
static void dl_prefetch_rows(const void *array, int64_t index, int rows, int step, int lines) {
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < lines; k++) dl_prefetch(array, index + (int64_t)i * step + k * 16);
}

DL_INLINE int64_t dl_least(int64_t x, int64_t y) { return x < y ? x : y; }
DL_INLINE int64_t dl_most(int64_t x, int64_t y) { return x > y ? x : y; }

/* Quotient and remainder of floor division, y > 0. */
DL_INLINE int64_t dl_floor_div(int64_t x, int64_t y) { return x >= 0 ? x / y : -((y - 1 - x) / y); }
DL_INLINE int64_t dl_floor_mod(int64_t x, int64_t y) { return x - y * dl_floor_div(x, y); }

#endif
