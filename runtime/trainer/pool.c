/* pool.c - memory that lives as long as a data set: allocated piece by piece, freed at once,
 * so that a reader that fails half way leaves nothing behind. Also the string pairs that
 * are stored with the weights.
 *
 * Data larger than memory: once the pieces of a pool have reached its bound, further ones of some
 * size are mapped files (spill.c), which the system moves in and out as they are used. No reader
 * sees a difference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "spill.h"

/* Pieces smaller than this are never files, unless the bound is smaller still. */
#define LEAST_SPILLED ((size_t)1 << 16)

typedef struct Piece {
    void *at;
    size_t size;
    DlSpill spill; /* .at NULL: memory of malloc's */
} Piece;

struct DlPool {
    Piece *piece;
    size_t n, capacity;
    size_t bound, used; /* bytes of malloc's */
};

DlPool *dl_pool_new(void) {
    DlPool *p = calloc(1, sizeof(DlPool));
    if (p) p->bound = dl_spill_memory() / 2;
    return p;
}

void dl_pool_bound(DlPool *p, int64_t bytes) {
    if (bytes > 0) p->bound = (uint64_t)bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

static void release(DlPool *p, Piece *k) {
    if (k->spill.at) {
        dl_spill_close(&k->spill);
    } else {
        free(k->at);
        p->used -= k->size;
    }
}

void dl_pool_free(DlPool *p) {
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) release(p, &p->piece[i]);
    free(p->piece);
    free(p);
}

bool dl_times(int64_t a, int64_t b, int64_t *product) {
    if (a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b)) return false;
    *product = a * b;
    return true;
}

/* Room for one more piece, empty. */
static Piece *new_piece(DlPool *p) {
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 16;
        Piece *piece = realloc(p->piece, capacity * sizeof *piece);
        if (!piece) return NULL;
        p->piece = piece;
        p->capacity = capacity;
    }
    p->piece[p->n] = (Piece){.at = NULL};
    return &p->piece[p->n];
}

/* Whether `more` bytes, for a piece of `size`, are beyond what memory is to hold. */
static bool beyond(const DlPool *p, size_t size, size_t more) {
    size_t least = p->bound < LEAST_SPILLED ? p->bound : LEAST_SPILLED;
    return size >= least && (more > p->bound || p->used > p->bound - more);
}

static void *no_memory(size_t size, DlError *e) {
    dl_error(e, "out of memory: %zu more bytes are needed for the data", size);
    return NULL;
}

void *dl_pool_array(DlPool *p, int64_t count, size_t size, DlError *e) {
    int64_t bytes;
    if (!dl_times(count, (int64_t)size, &bytes) || bytes > PTRDIFF_MAX - 64) {
        dl_error(e, "%lld elements of %zu bytes do not fit into memory", (long long)count, size);
        return NULL;
    }
    size_t rounded = ((size_t)bytes + 64) / 64 * 64;
    Piece *k = new_piece(p);
    if (!k) return no_memory(rounded, e);
    if (beyond(p, rounded, rounded)) {
        if (!dl_spill_open(&k->spill, rounded, e)) return NULL;
        dl_spill_fix(&k->spill);
        k->at = k->spill.at;
    } else {
        k->at = aligned_alloc(64, rounded);
        if (!k->at) return no_memory(rounded, e);
        memset(k->at, 0, rounded);
        p->used += rounded;
    }
    k->size = rounded;
    p->n++;
    return k->at;
}

const void *dl_pool_map(DlPool *p, FILE *f, size_t size, DlError *e) {
    Piece *k = new_piece(p);
    if (!k) return no_memory(size, e);
    if (!beyond(p, size, size) || !dl_spill_map(&k->spill, f, size)) return NULL;
    k->at = k->spill.at;
    k->size = size;
    p->n++;
    return k->at;
}

static Piece *piece_of(DlPool *p, const void *at) {
    size_t i = p->n;
    while (i > 0 && p->piece[i - 1].at != at) i--;
    return i > 0 ? &p->piece[i - 1] : NULL;
}

bool dl_pool_is_file(const DlPool *p, const void *at) {
    uintptr_t place = (uintptr_t)at;
    for (size_t i = p->n; i > 0; i--) {
        const Piece *k = &p->piece[i - 1];
        if (place - (uintptr_t)k->at < k->size) return k->spill.at != NULL;
    }
    return false;
}

void dl_pool_drop(DlPool *p, const void *at) {
    Piece *k = at ? piece_of(p, at) : NULL;
    if (!k) return;
    release(p, k);
    *k = p->piece[--p->n];
}

/* A piece of malloc's becomes a file. */
static bool move_out(DlPool *p, Piece *k, size_t size, DlError *e) {
    DlSpill spill = {.at = NULL};
    if (!dl_spill_open(&spill, size, e)) return false;
    if (k->at) memcpy(spill.at, k->at, k->size < size ? k->size : size);
    free(k->at);
    p->used -= k->size;
    k->spill = spill;
    return true;
}

void *dl_pool_resize(DlPool *p, void *at, size_t size, DlError *e) {
    Piece *k = at ? piece_of(p, at) : new_piece(p);
    if (!k) return no_memory(size, e);
    if (!at) p->n++;
    size_t more = size > k->size ? size - k->size : 0;
    if (k->spill.at) {
        if (!dl_spill_resize(&k->spill, size, e)) return NULL;
    } else if (more > 0 && beyond(p, size, more)) {
        if (!move_out(p, k, size, e)) return NULL;
    } else {
        void *to = realloc(k->at, size);
        if (!to) return no_memory(size, e);
        k->at = to;
        p->used += size - k->size;
    }
    if (k->spill.at) k->at = k->spill.at;
    k->size = size;
    return k->at;
}

char *dl_pool_text(DlPool *p, const char *text, size_t length, DlError *e) {
    char *copy = dl_pool_array(p, (int64_t)length + 1, 1, e);
    if (copy) memcpy(copy, text, length);
    return copy;
}

static const char **meta_value(const DlMeta *m, const char *key) {
    for (int i = 0; m && i < m->n; i++)
        if (strcmp(m->pair[i].key, key) == 0) return &m->pair[i].value;
    return NULL;
}

bool dl_meta_put(DlMeta *m, DlPool *p, const char *key, const char *value, DlError *e) {
    const char **old = meta_value(m, key);
    if (old) return (*old = dl_pool_text(p, value, strlen(value), e)) != NULL;
    dl_pair *pair = dl_pool_array(p, m->n + 1, sizeof *pair, e);
    if (!pair) return false;
    if (m->n > 0) memcpy(pair, m->pair, (size_t)m->n * sizeof *pair);
    pair[m->n].key = dl_pool_text(p, key, strlen(key), e);
    pair[m->n].value = dl_pool_text(p, value, strlen(value), e);
    if (!pair[m->n].key || !pair[m->n].value) return false;
    m->pair = pair;
    m->n++;
    return true;
}

const char *dl_meta_get(const DlMeta *m, const char *key) {
    const char **value = meta_value(m, key);
    return value ? *value : NULL;
}
