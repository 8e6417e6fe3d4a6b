/* dl_memory.c - see dl_memory.h.
 *
 * Kernels go through arrays of the whole batch in strides of a row, a page or so at a time: on
 * pages of 4 KB the processor looks up thousands of them in every step (transformers and deep
 * residual networks gain 2 % by large ones). Only what fills large pages is asked for on them, so
 * that no more memory is resident than was asked for. It is a wish: where it is not granted,
 * memory is as ever. */
#define _DEFAULT_SOURCE

#include "dl_memory.h"

#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LINE = 64, LARGE_PAGE = 2 << 20 };

void *dl_memory(size_t size) {
    size_t whole = size / LARGE_PAGE * LARGE_PAGE;
    size_t unit = whole ? LARGE_PAGE : LINE;
    if (size > PTRDIFF_MAX - LARGE_PAGE) return NULL; /* no object is larger */
    void *memory = aligned_alloc(unit, size ? (size + unit - 1) / unit * unit : LINE);
#ifdef MADV_HUGEPAGE
    if (memory && whole) (void)madvise(memory, whole, MADV_HUGEPAGE);
#endif
    return memory;
}
