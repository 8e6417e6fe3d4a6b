/* sweep.h - the contractions of the sweep: what sweep_make.c emits and sweep.c measures. */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    SWEEP_PRODUCT,       /* c[g, h, i, j] = sum(k) a[g, h, i, k] * b[g, h, k, j] */
    SWEEP_FORWARD,       /* a convolution */
    SWEEP_DATA,          /* its gradient by the image */
    SWEEP_WEIGHT         /* its gradient by the filters */
} SweepKind;

enum { SWEEP_HEADS = 4, INSIDE_A = 1, INSIDE_B = 2, INSIDE_C = 4 };

/* A product of `groups` times SWEEP_HEADS pairs of matrices (0: of one), rows x inner and
 * inner x columns; either may be given transposed, and have the heads' axis inside of its
 * first one. `open`: the axis that is the batch, 'r' the rows of c, 'k' what is summed over.
 * A convolution of `batch` images of size x size x inner with a window of rows x rows,
 * `columns` filters. */
typedef struct SweepShape {
    const char *name;
    SweepKind kind;
    int64_t groups, rows, columns, inner;
    bool turn_a, turn_b;
    int inside;
    char open;
    int64_t batch, size, stride, pad;     /* convolutions */
} SweepShape;

static const SweepShape sweep_shape[] = {
#define PRODUCT(name, rows, columns, inner, ...) \
    {name, SWEEP_PRODUCT, 0, rows, columns, inner, __VA_ARGS__, 0, 0, 0, 0},
#define HEADS(name, groups, rows, columns, inner, ...) \
    {name, SWEEP_PRODUCT, groups, rows, columns, inner, __VA_ARGS__, 0, 0, 0, 0},
#define CONVOLUTION(name, batch, size, from, to, window, stride, pad)                    \
    {name " forward", SWEEP_FORWARD, 0, window, to, from, false, false, 0, 'r', batch, \
            size, stride, pad},                                                          \
    {name " data", SWEEP_DATA, 0, window, to, from, false, false, 0, 'r', batch, size, \
            stride, pad},                                                                \
    {name " weight", SWEEP_WEIGHT, 0, window, to, from, false, false, 0, 'k', batch, \
            size, stride, pad},
#include "sweep_shapes.def"
#undef PRODUCT
#undef HEADS
#undef CONVOLUTION
};

enum { SWEEP_COUNT = sizeof sweep_shape / sizeof sweep_shape[0] };

static inline int64_t sweep_pairs(const SweepShape *s) {
    return s->groups ? s->groups * SWEEP_HEADS : 1;
}

static inline int64_t sweep_out(const SweepShape *s) {
    return (s->size + 2 * s->pad - s->rows) / s->stride + 1;
}

/* Multiply-adds count twice; terms in the padding do not count. */
static inline double sweep_flops(const SweepShape *s) {
    if (s->kind == SWEEP_PRODUCT)
        return 2.0 * (double)sweep_pairs(s) * (double)(s->rows * s->columns) * (double)s->inner;
    int64_t taps = 0;
    for (int64_t i = 0; i < sweep_out(s); i++)
        for (int64_t p = 0; p < s->rows; p++) {
            int64_t at = i * s->stride + p - s->pad;
            taps += at >= 0 && at < s->size;
        }
    return 2.0 * (double)(s->batch * s->inner * s->columns) * (double)(taps * taps);
}

/* What sweep_make.c leaves of each: where its arrays are, in bytes, and how to run it. */
typedef struct SweepKernel {
    int64_t a, b, model_bytes, work_bytes, arena_bytes, thread_bytes, rows;
    int (*run)(char *model, char *work, char *arena, int64_t n, int threads, uint64_t seed,
            uint32_t step);
} SweepKernel;

#endif
