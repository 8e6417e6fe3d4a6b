/* test_memory.c - memory for hosts: aligned, usable from end to end, refused where there is none. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "../../runtime/dl_memory.h"

static void try_size(size_t size, size_t alignment) {
    unsigned char *p = dl_memory(size);
    cr_assert(p, "%zu bytes", size);
    cr_expect_eq((uintptr_t)p % alignment, 0, "%zu bytes", size);
    memset(p, 0x5a, size);
    if (size) cr_expect_eq(p[size - 1], 0x5a);
    free(p);
}

Test(memory, is_aligned_for_init_and_work_init) {
    size_t sizes[] = {0, 1, 63, 64, 65, 4097, (2 << 20) - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) try_size(sizes[i], 64);
}

Test(memory, is_aligned_for_the_large_pages_that_it_fills) {
    size_t sizes[] = {2 << 20, (2 << 20) + 1, 7 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) try_size(sizes[i], 2 << 20);
}

Test(memory, of_no_such_size_is_refused) {
    cr_expect_null(dl_memory(SIZE_MAX));
    cr_expect_null(dl_memory(SIZE_MAX - 4096));
    cr_expect_null(dl_memory(SIZE_MAX / 2));
}
