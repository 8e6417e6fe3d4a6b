/* test_lookup.c - items are found by their hash, the newest first, until they are dropped. */
#include "../../compiler/lookup.h"

#include <criterion/criterion.h>

enum { ITEMS = 1000, HASHES = 97 };

static Lookup filled(Arena *a) {
    Lookup l = {0};
    for (int i = 0; i < ITEMS; i++) lookup_add(a, &l, (uint64_t)(i % HASHES) * 64, i);
    return l;
}

/* Items of the hash are h, h + HASHES, ...; the newest of n comes first. */
static void expect_items(const Lookup *l, int h, int n) {
    int wanted = h + (n - 1 - h) / HASHES * HASHES;
    for (int e = lookup_first(l, (uint64_t)h * 64); e >= 0; e = lookup_next(l, e)) {
        cr_expect_eq(lookup_item(l, e), wanted);
        wanted -= HASHES;
    }
    cr_expect_eq(wanted, h - HASHES);
}

Test(lookup, finds_all_of_a_hash) {
    Arena *a = arena_new();
    Lookup l = filled(a);
    for (int h = 0; h < HASHES; h++) expect_items(&l, h, ITEMS);
    cr_expect_lt(lookup_first(&l, 1), 0);
    arena_free(a);
}

Test(lookup, drops_the_newest) {
    Arena *a = arena_new();
    Lookup l = filled(a);
    lookup_keep(&l, 500);
    for (int h = 0; h < HASHES; h++) expect_items(&l, h, 500);
    lookup_keep(&l, 0);
    for (int h = 0; h < HASHES; h++) cr_expect_lt(lookup_first(&l, (uint64_t)h * 64), 0);
    arena_free(a);
}

Test(lookup, nothing_is_in_an_empty_one) {
    Lookup l = {0};
    cr_expect_lt(lookup_first(&l, 0), 0);
}
