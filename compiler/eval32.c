/* eval32.c - the interpreter in single precision: its life, leaves, and running the steps. */
#include "eval32_internal.h"
#include "graph_tables.h"

#include "../runtime/dl_random.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ------------------------------------------------------------------------------ */

int64_t eval32_extent(const Eval32 *e, int64_t dim) {
    return dim == DIM_BATCH ? e->rows : dim;
}

int64_t eval32_elements(const Eval32 *e, const Node *n) {
    return node_elements(n, e->rows);
}

void eval32_need(Eval32 *e, int64_t bytes) {
    if (bytes > e->spare_bytes) e->spare_bytes = bytes;
}

size_t eval32_bytes(const Eval32 *e) {
    return (size_t)(e->bytes + e->spare_bytes);
}

const char *eval32_error(const Eval32 *e) {
    return e->error;
}

bool eval32_fail(Eval32 *e, Span at, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (e->error) return false;
    int line = 0, col = 0;
    if (at.src) span_line_col(at, &line, &col);
    e->error = at.src ? arena_printf(e->arena, "%s:%d:%d: %s", at.src->path, line, col, text)
                      : arena_printf(e->arena, "%s", text);
    return false;
}

static bool make_frames(Eval32 *e) {
    int threads = pool_threads(e->pool);
    e->frame = NEW_ARRAY(e->arena, Frame, threads);
    size_t bytes = (size_t)(e->most_registers + 1) * COLUMN * 4;
    for (int k = 0; k < threads; k++) {
        e->frame[k].reg = NEW_ARRAY(e->arena, void *, e->most_registers + 1);
        e->frame[k].scratch = aligned_alloc(64, bytes);
        if (!e->frame[k].scratch) return eval32_fail(e, (Span){0}, "out of memory");
    }
    return true;
}

static void set_data(Eval32 *e, const Node *n) {
    void *to = e->array[n->id].own;
    for (int64_t k = 0; k < eval32_elements(e, n); k++) {
        if (n->dtype == T_F32)
            ((float *)to)[k] = (float)n->data[k];
        else if (n->dtype == T_I32)
            ((int32_t *)to)[k] = (int32_t)n->data[k];
        else
            ((uint8_t *)to)[k] = (uint8_t)n->data[k];
    }
}

static size_t bytes_of(const Eval32 *e, const Node *n) {
    return (size_t)eval32_elements(e, n) * dtype_size(n->dtype);
}

static void keep_leaves(Eval32 *e) {
    e->kept = NEW_ARRAY(e->arena, char *, e->nroot + 1);
    for (int k = 0; k < e->nroot; k++)
        if (e->root[k].value->kind == N_LEAF && e->root[k].value->leaf != L_UNIFORM)
            e->kept[k] = arena_alloc(e->arena, bytes_of(e, e->root[k].value) + 1);
}

Eval32 *eval32_new(Graph *g, int64_t rows, int threads, const Root32 *root, int n) {
    Arena *a = arena_new();
    Eval32 *e = NEW(a, Eval32);
    *e = (Eval32){.graph = g, .arena = a, .rows = rows, .nroot = n, .n = g->t->node.n};
    e->root = arena_copy(a, root, (size_t)n * sizeof *root);
    e->array = NEW_ARRAY(a, Array32, e->n + 1);
    e->time = NEW_ARRAY(a, int64_t, g->t->scan.n + 1);
    e->pool = pool_new(threads);
    if (!e->pool) ICE((Span){0}, "out of memory");
    keep_leaves(e);
    if (plan32(e) && make_frames(e))
        for (int k = 0; k < e->leaves.n; k++)
            if (e->leaves.at[k]->leaf == L_DATA) set_data(e, e->leaves.at[k]);
    return e;
}

void eval32_free(Eval32 *e) {
    if (!e) return;
    for (int k = 0; e->frame && k < pool_threads(e->pool); k++) free(e->frame[k].scratch);
    pool_free(e->pool);
    free(e->memory);
    free(e->spare);
    arena_free(e->arena);
}

void eval32_bind(Eval32 *e, const Node *leaf, const void *at) {
    if (leaf->id < e->n) e->array[leaf->id].at = at;
}

/* ---- leaves ---------------------------------------------------------------------------- */

/* Uniforms count the batch axis as the slowest, wherever it stands: rows of numbers that
 * follow each other are drawn at once, others one by one. */
static void draw(Eval32 *e, const Node *n) {
    float *to = (float *)(void *)e->array[n->id].own;
    int64_t count = eval32_elements(e, n), inner = 1, batch = 1;
    int axis = 0;
    while (axis < n->rank && n->dim[axis] != DIM_BATCH) axis++;
    if (axis == n->rank || axis == 0) {
        dl_uniforms(to, count, e->seed, e->step, n->stream, 0);
        return;
    }
    for (int k = axis + 1; k < n->rank; k++) inner *= n->dim[k];
    for (int k = 0; k < n->rank; k++) batch *= k == axis ? 1 : n->dim[k];
    for (int64_t k = 0; k < count; k += inner) {
        int64_t row = k / inner % e->rows, outer = k / inner / e->rows;
        dl_uniforms(to + k, inner, e->seed, e->step, n->stream,
                (uint64_t)(row * batch + outer * inner));
    }
}

static bool set_leaves(Eval32 *e) {
    for (int k = 0; k < e->leaves.n; k++) {
        const Node *n = e->leaves.at[k];
        int32_t *number = (int32_t *)(void *)e->array[n->id].own;
        if (n->leaf == L_ROWS) *number = (int32_t)e->rows;
        if (n->leaf == L_STEP) *number = (int32_t)e->step;
    }
    for (int k = 0; k < e->n; k++) {
        const Node *n = e->graph->t->node.at[k];
        if (e->array[k].planned && n->kind == N_LEAF && !e->array[k].at)
            return eval32_fail(e, n->span, "%s has no value", n->name ? n->name : "a leaf");
    }
    return true;
}

/* ---- running --------------------------------------------------------------------------- */

static bool run_steps(Eval32 *e, const StepList *list, Store32 *store, void *context);

/* A carry may be the next value of another: those that are change last, from copies. */
static void move_carries(Eval32 *e, const Scan *s) {
    char *spare = e->spare;
    for (int k = 0; k < s->n; k++) {
        if (s->next[k]->kind != N_CARRY) continue;
        memcpy(spare, e->array[s->next[k]->id].at, bytes_of(e, s->next[k]));
        spare += bytes_of(e, s->next[k]);
    }
    spare = e->spare;
    for (int k = 0; k < s->n; k++) {
        bool copied = s->next[k]->kind == N_CARRY;
        size_t bytes = bytes_of(e, s->next[k]);
        memcpy(e->array[s->carry[k]->id].own, copied ? spare : e->array[s->next[k]->id].at, bytes);
        if (copied) spare += bytes;
    }
}

static bool run_scan(Eval32 *e, const Loop32 *l) {
    const Scan *s = l->scan;
    for (int k = 0; k < s->n; k++)
        memcpy(e->array[s->carry[k]->id].own, e->array[s->init[k]->id].at,
                bytes_of(e, s->carry[k]));
    for (int64_t k = 0; k < s->extent; k++) {
        int64_t t = e->time[s->id] = s->reversed ? s->extent - 1 - k : k;
        if (!run_steps(e, &l->body, NULL, NULL)) return false;
        for (int j = 0; j < l->stacks.n; j++) {
            const Node *n = l->stacks.at[j];
            size_t bytes = bytes_of(e, n->of);
            memcpy(e->array[n->id].own + (size_t)t * bytes, e->array[n->of->id].at, bytes);
        }
        move_carries(e, s);
    }
    return true;
}

static bool run_step(Eval32 *e, const Step *s, Store32 *store, void *context) {
    if (s->kind == S_STORE && e->kept[s->root]) return store(context, s->root, e->kept[s->root]);
    if (s->kind == S_STORE) return store(context, s->root, e->array[e->root[s->root].value->id].at);
    if (s->kind == S_SCAN) return run_scan(e, s->loop);
    if (s->product) return product_run(e, s->product);
    if (s->comp) return comp_run(e, s->comp);
    draw(e, s->node);
    return true;
}

static bool run_steps(Eval32 *e, const StepList *list, Store32 *store, void *context) {
    for (int k = 0; k < list->n; k++)
        if (!run_step(e, &list->at[k], store, context)) return false;
    return true;
}

bool eval32_run(Eval32 *e, uint64_t seed, uint32_t step, Store32 *store, void *context) {
    e->seed = seed;
    e->step = step;
    if (e->error || !set_leaves(e)) return false;
    blas_threads(pool_threads(e->pool));
    for (int k = 0; k < e->nroot; k++) {
        const Node *n = e->root[k].value;
        if (e->kept[k]) memcpy(e->kept[k], e->array[n->id].at, bytes_of(e, n));
    }
    return run_steps(e, &e->steps, store, context);
}
