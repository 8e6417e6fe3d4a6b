/* dl_object.h - what every generated model needs around its kernels: the heads of its two
 * objects, and the checks that come before any work. Static inline: nothing to link. */
#ifndef DL_OBJECT_H
#define DL_OBJECT_H

#include <string.h>

#include "dl.h"

/* Head of a model object. Objects hold no pointers: they may be copied, mapped, forked. */
typedef struct dl_head {
    uint64_t magic;            /* of this model and layout; a wrong one is not our object */
    uint64_t seed;
    int64_t step;              /* training steps done */
} dl_head;

/* Head of a work area. */
typedef struct dl_work_head {
    uint64_t magic;
    int32_t threads;
    float rows;                /* rows accumulated since the last apply, */
    uint32_t parts;            /* in so many calls */
    float share;               /* of the running mean of gradients, what the next rows weigh */
    dl_fault fault;
} dl_work_head;

/* Parts of one step draw random numbers of their own; the first draws those of an undivided
 * step. (The multiplier is odd, so that no two parts have one seed: 2**64 / golden ratio.) */
static inline uint64_t dl_part_seed(uint64_t seed, uint32_t parts) {
    return seed + parts * UINT64_C(0x9e3779b97f4a7c15);
}

/* Is mem fit for an object of `need` bytes? */
static inline int dl_check_memory(const void *mem, size_t size, size_t need) {
    if (!mem) return DL_E_NULL;
    return size < need || (uintptr_t)mem % 64 != 0 ? DL_E_SIZE : DL_OK;
}

/* Notes in the work area where a call failed; returns the status, for `return`. */
static inline int dl_refuse(dl_work_head *work, int status, int32_t tensor, int64_t element) {
    work->fault.status = status;
    work->fault.tensor = tensor;
    work->fault.element = element;
    return status;
}

/* The first element outside [0, bound), or -1. */
static inline int64_t dl_outside(const int32_t *v, int64_t n, int64_t bound) {
    uint32_t worst = 0;
    for (int64_t i = 0; i < n; i++) worst = (uint32_t)v[i] > worst ? (uint32_t)v[i] : worst;
    if (n == 0 || (int64_t)worst < bound) return -1;
    int64_t i = 0;
    while ((int64_t)(uint32_t)v[i] < bound) i++;
    return i;
}

/* The magnitude's bits: those of infinity and NaN are the largest. */
static inline int32_t dl_magnitude(const float *v) {
    int32_t bits;
    memcpy(&bits, v, sizeof bits);
    return bits & INT32_MAX;
}

/* The first element that is infinite or NaN, or -1. */
static inline int64_t dl_nonfinite(const float *v, int64_t n) {
    const int32_t infinity = 0x7f800000;
    int32_t worst = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t here = dl_magnitude(v + i);
        worst = here > worst ? here : worst;
    }
    if (worst < infinity) return -1;
    int64_t i = 0;
    while (dl_magnitude(v + i) < infinity) i++;
    return i;
}

/* A member of an object that is to be finite; a list of them ends with one of no elements. */
typedef struct dl_span {
    size_t offset;
    int64_t elements;
    int32_t tensor;          /* its row in the model's table */
} dl_span;

static inline int dl_check_finite(dl_work_head *work, const void *object, const dl_span *s) {
    for (; s->elements; s++) {
        int64_t at = dl_nonfinite((const float *)((const char *)object + s->offset), s->elements);
        if (at >= 0) return dl_refuse(work, DL_E_GRADIENT, s->tensor, at);
    }
    return DL_OK;
}

#endif
