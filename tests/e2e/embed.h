/* embed.h - what steps.c and the hosts of embed_*.c share: checks that count, rows for any model, a
 * run of training through the table, and a hash of what came out of it. */
#ifndef EMBED_H
#define EMBED_H

#define _DEFAULT_SOURCE

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dl.h"
#include "dl_random.h"

enum { MOST_DATA = 16 };

typedef const dl_model *Table(void);

extern int passed, failed;

#define CHECK(ok)                                                                              \
    do {                                                                                       \
        if (ok) passed++;                                                                      \
        else failed++, printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #ok);                 \
    } while (0)

/* A model, its work area and a batch of rows, in memory of the host's. */
typedef struct Guest {
    const dl_model *table;
    void *memory, *scratch;    /* what was given */
    void *model, *work;
    void *data[MOST_DATA];
    int ndata;
} Guest;

static inline void *aligned_memory(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p) exit(3);
    return p;
}

/* Values that the tensor may have: floats in [-1, 1), indices in range, bytes. */
static inline void fill_tensor(const dl_tensor *t, void *to, uint32_t stream) {
    size_t n = t->bytes / (t->type == DL_U8 ? 1 : 4);
    unsigned char *p = to;
    for (size_t i = 0; i < n; i++) {
        float u = dl_uniform(7, 0, stream, i);
        int32_t k = (int32_t)(u * (float)(t->bound ? t->bound : 2));
        float f = t->role == DL_TARGET ? (float)(u > 0.5f) : 2 * u - 1;
        if (t->type == DL_U8) p[i] = (unsigned char)(u * 256);
        else memcpy(p + 4 * i, t->type == DL_I32 ? (void *)&k : (void *)&f, 4);
    }
}

static inline Guest guest_new(Table *table, int threads) {
    const dl_model *m = table();
    Guest g = {.table = m, .memory = aligned_memory(m->size()),
            .scratch = aligned_memory(m->work_size(threads)), .ndata = m->ninput + m->ntarget};
    int status = m->init(g.memory, m->size(), 1, &g.model);
    if (!status) status = m->work_init(g.scratch, m->work_size(threads), threads, &g.work);
    if (status || g.ndata > MOST_DATA) exit(3);
    for (int i = 0; i < g.ndata; i++) {
        g.data[i] = aligned_memory(m->input[i].bytes);
        fill_tensor(&m->input[i], g.data[i], (uint32_t)i);
    }
    return g;
}

static inline void guest_free(Guest *g) {
    for (int i = 0; i < g->ndata; i++) free(g->data[i]);
    free(g->memory);
    free(g->scratch);
}

/* The first status that is not DL_OK. */
static inline int guest_train(Guest *g, int steps) {
    int status = DL_OK;
    float loss;
    for (int i = 0; i < steps && !status; i++)
        status = g->table->train_step(g->model, g->work, g->table->batch,
                (const void *const *)g->data, &loss);
    return status;
}

/* FNV-1a over the model's tensors of the roles up to `last`. */
static inline uint64_t hash_to(const dl_model *m, const void *model, dl_role last) {
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < m->ntensor; i++) {
        const dl_tensor *t = &m->tensor[i];
        if (t->role > last) continue;
        const unsigned char *p = (const unsigned char *)model + t->offset;
        for (size_t k = 0; k < t->bytes; k++) h = (h ^ p[k]) * 1099511628211u;
    }
    return h;
}

/* Of all that training moves; of what a file of weights has. */
static inline uint64_t guest_hash(const Guest *g) { return hash_to(g->table, g->model, DL_SLOT); }
static inline uint64_t weights_hash(const Guest *g) { return hash_to(g->table, g->model, DL_STATE); }

static inline uint64_t trained_hash(Table *table, int threads, int steps) {
    Guest g = guest_new(table, threads);
    CHECK(guest_train(&g, steps) == DL_OK);
    uint64_t h = guest_hash(&g);
    guest_free(&g);
    return h;
}

/* Resident memory, in kilobytes. */
static inline long resident(void) {
    long pages = 0, unused;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &unused, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * 4;
}

#endif
