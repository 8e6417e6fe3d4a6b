/* pool.c - memory that lives as long as a data set: allocated piece by piece, freed at once,
 * so that a reader that fails half way leaves nothing behind. Also the string pairs that
 * are stored with the weights. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

struct DlPool {
    void **piece;
    size_t n, capacity;
};

DlPool *dl_pool_new(void) {
    return calloc(1, sizeof(DlPool));
}

void dl_pool_free(DlPool *p) {
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) free(p->piece[i]);
    free(p->piece);
    free(p);
}

bool dl_times(int64_t a, int64_t b, int64_t *product) {
    if (a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b)) return false;
    *product = a * b;
    return true;
}

static bool reserve_piece(DlPool *p) {
    if (p->n < p->capacity) return true;
    size_t capacity = p->capacity ? 2 * p->capacity : 16;
    void **piece = realloc(p->piece, capacity * sizeof *piece);
    if (!piece) return false;
    p->piece = piece;
    p->capacity = capacity;
    return true;
}

void *dl_pool_array(DlPool *p, int64_t count, size_t size, DlError *e) {
    int64_t bytes;
    if (!dl_times(count, (int64_t)size, &bytes) || bytes > PTRDIFF_MAX - 64) {
        dl_error(e, "%lld elements of %zu bytes do not fit into memory", (long long)count, size);
        return NULL;
    }
    size_t rounded = ((size_t)bytes + 64) / 64 * 64;
    void *at = reserve_piece(p) ? aligned_alloc(64, rounded) : NULL;
    if (!at) {
        dl_error(e, "out of memory: %zu more bytes are needed for the data", rounded);
        return NULL;
    }
    memset(at, 0, rounded);
    p->piece[p->n++] = at;
    return at;
}

bool dl_pool_adopt(DlPool *p, void *at, DlError *e) {
    if (reserve_piece(p)) {
        p->piece[p->n++] = at;
        return true;
    }
    free(at);
    return dl_fail(e, "out of memory");
}

static void **piece_of(DlPool *p, const void *at) {
    size_t i = p->n;
    while (i > 0 && p->piece[i - 1] != at) i--;
    return i > 0 ? &p->piece[i - 1] : NULL;
}

void dl_pool_drop(DlPool *p, void *at) {
    void **piece = piece_of(p, at);
    if (!piece) return;
    *piece = p->piece[--p->n];
    free(at);
}

void *dl_pool_resize(DlPool *p, void *at, size_t size, DlError *e) {
    void **piece = piece_of(p, at), *to = realloc(at, size);
    if (to && piece) *piece = to;
    if (!to) dl_error(e, "out of memory: %zu bytes are needed for the data", size);
    return to;
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
