/* dictionary.c - see dictionary.h. */
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"

enum { LETTERS = 1 << 16, FIRST_SLOTS = 1024, FIRST_ENTRIES = 256 };

static uint32_t hash_of(const char *text, size_t n) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

/* The slot of a text: its own, or the free one where it belongs. */
static size_t slot_of(const DlDictionary *d, const char *text, size_t n, uint32_t hash) {
    for (size_t i = hash & (d->slots - 1);; i = (i + 1) & (d->slots - 1)) {
        if (d->slot[i] == 0) return i;
        const DlEntry *v = &d->entry[d->slot[i] - 1];
        if (v->hash == hash && v->length == n && memcmp(v->text, text, n) == 0) return i;
    }
}

static bool rehash(DlDictionary *d, size_t slots, DlError *e) {
    int32_t *slot = dl_pool_array(d->pool, (int64_t)slots, sizeof *slot, e);
    if (!slot) return false;
    dl_pool_drop(d->pool, d->slot);
    d->slot = slot;
    d->slots = slots;
    for (int32_t i = 0; i < d->n; i++) {
        const DlEntry *v = &d->entry[i];
        d->slot[slot_of(d, v->text, v->length, v->hash)] = i + 1;
    }
    return true;
}

static bool make_room(DlDictionary *d, DlError *e) {
    if (d->n == INT32_MAX / 2) return dl_fail(e, "more than %d different texts", INT32_MAX / 2);
    if (2 * ((size_t)d->n + 1) > d->slots &&
            !rehash(d, d->slots ? 2 * d->slots : FIRST_SLOTS, e))
        return false;
    if (d->n < d->capacity) return true;
    int32_t capacity = d->capacity ? 2 * d->capacity : FIRST_ENTRIES;
    DlEntry *entry = dl_pool_resize(d->pool, d->entry, (size_t)capacity * sizeof *entry, e);
    if (!entry) return false;
    d->entry = entry;
    d->capacity = capacity;
    return true;
}

static const char *keep(DlDictionary *d, const char *text, size_t n, DlError *e) {
    if (n >= d->room) {
        size_t room = n < LETTERS ? LETTERS : n + 1;
        char *letters = dl_pool_array(d->pool, (int64_t)room, 1, e);
        if (!letters) return NULL;
        d->letters = letters;
        d->room = room;
    }
    char *at = d->letters;
    memcpy(at, text, n);
    at[n] = '\0';
    d->letters += n + 1;
    d->room -= n + 1;
    return at;
}

int32_t dl_dictionary_add(DlDictionary *d, const char *text, size_t n, DlError *e) {
    uint32_t hash = hash_of(text, n);
    if (n > UINT32_MAX) {
        dl_error(e, "a text of %zu bytes is too long", n);
        return -1;
    }
    if (!make_room(d, e)) return -1;
    size_t at = slot_of(d, text, n, hash);
    if (d->slot[at] == 0) {
        const char *copy = keep(d, text, n, e);
        if (!copy) return -1;
        d->entry[d->n] =
                (DlEntry){.text = copy, .length = (uint32_t)n, .hash = hash, .seen = d->n};
        d->slot[at] = ++d->n;
    }
    d->entry[d->slot[at] - 1].count++;
    return d->slot[at] - 1;
}

int32_t dl_dictionary_find(const DlDictionary *d, const char *text, size_t n) {
    return d->slots == 0 ? -1 : d->slot[slot_of(d, text, n, hash_of(text, n))] - 1;
}

bool dl_dictionary_arrange(DlDictionary *d, int (*compare)(const void *, const void *),
        int32_t most, DlError *e) {
    if (d->n > 0) qsort(d->entry, (size_t)d->n, sizeof *d->entry, compare);
    if (d->n > most) d->n = most;
    return rehash(d, d->slots ? d->slots : FIRST_SLOTS, e);
}
