/* eval32_routine.c - see eval32_routine.h. Leaves are read where they are, roots are copied to
 * their places as soon as the order of eval32.h allows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval32.h"
#include "eval32_routine.h"

enum { MOST_KEPT = 24 }; /* a routine for a number of rows; the oldest goes first */

typedef struct Kept {
    const Routine *routine;
    int64_t rows;
    int threads;
    Eval32 *eval;
} Kept;

static Kept kept[MOST_KEPT];
static int nkept;

void routine32_forget(void) {
    while (nkept > 0) eval32_free(kept[--nkept].eval);
}

size_t routine32_bytes(void) {
    size_t bytes = 0;
    for (int k = 0; k < nkept; k++) bytes += eval32_bytes(kept[k].eval);
    return bytes;
}

/* The leaf that is bound to the place of a root. */
static const Node *leaf_at(const Routine *r, const Place *to) {
    for (int k = 0; k < r->leaf.n; k++) {
        const Place *from = &r->leaf.at[k].from;
        if (from->object == to->object && from->offset == to->offset && from->arg == to->arg)
            return r->leaf.at[k].leaf;
    }
    return NULL;
}

static Eval32 *compile(Graph *g, const Routine *r, const Call32 *c) {
    Root32 *root = calloc((size_t)r->root.n + 1, sizeof *root);
    if (!root) return NULL;
    for (int k = 0; k < r->root.n; k++)
        root[k] = (Root32){r->root.at[k].value, r->root.at[k].early, leaf_at(r, &r->root.at[k].to)};
    Eval32 *e = eval32_new(g, c->n, c->threads, root, r->root.n);
    free(root);
    return e;
}

static Eval32 *find(Graph *g, const Routine *r, const Call32 *c) {
    for (int k = 0; k < nkept; k++)
        if (kept[k].routine == r && kept[k].rows == c->n && kept[k].threads == c->threads)
            return kept[k].eval;
    if (nkept == MOST_KEPT) {
        eval32_free(kept[0].eval);
        memmove(kept, kept + 1, (size_t)--nkept * sizeof *kept);
    }
    Eval32 *e = compile(g, r, c);
    if (e) kept[nkept++] = (Kept){r, c->n, c->threads, e};
    return e;
}

static char *place_at(const Call32 *c, const Place *p) {
    char *base = p->object == P_MODEL ? c->model : p->object == P_WORK ? c->work : c->arg[p->arg];
    return base + p->offset;
}

/* The first element of an array of n that is not in [0, bound), or -1. */
static int64_t outside(const void *at, PlaceType t, int64_t n, int64_t bound) {
    const uint8_t *byte = at;
    if (t == PT_I32) return dl_outside(at, n, bound);
    for (int64_t k = 0; t == PT_U8 && k < n; k++)
        if (byte[k] >= bound) return k;
    return -1;
}

static int bind(Eval32 *e, const Call32 *c, const Binding *b) {
    const char *at = place_at(c, &b->from);
    if (b->bound) {
        int64_t bad = outside(at, b->from.type, node_elements(b->leaf, c->n), b->bound);
        if (bad >= 0) return dl_refuse(c->faults, DL_E_RANGE, -1, bad);
    }
    eval32_bind(e, b->leaf, at);
    return DL_OK;
}

/* ---- storing ----------------------------------------------------------------------------- */

static double number(const Node *n, const void *value, int64_t k) {
    if (n->dtype == T_F32) return (double)((const float *)value)[k];
    if (n->dtype == T_I32) return ((const int32_t *)value)[k];
    return ((const uint8_t *)value)[k];
}

static void add_to(char *at, PlaceType t, int64_t k, double v, bool add) {
    double *f64 = (double *)(void *)at;
    int64_t *i64 = (int64_t *)(void *)at;
    float *f32 = (float *)(void *)at;
    int32_t *i32 = (int32_t *)(void *)at;
    switch (t) {
    case PT_F64:
        f64[k] = v + (add ? f64[k] : 0);
        break;
    case PT_I64:
        i64[k] = (int64_t)v + (add ? i64[k] : 0);
        break;
    case PT_F32:
        f32[k] = (float)v + (add ? f32[k] : 0);
        break;
    case PT_I32:
        i32[k] = (int32_t)v + (add ? i32[k] : 0);
        break;
    case PT_U8:
        at[k] = (char)((uint8_t)v + (add ? (uint8_t)at[k] : 0));
        break;
    }
}

typedef struct StoreContext {
    const Routine *routine;
    const Call32 *call;
    int status;
} StoreContext;

static bool store(void *context, int root, const void *value) {
    StoreContext *s = context;
    const Root *r = &s->routine->root.at[root];
    char *at = place_at(s->call, &r->to);
    int64_t n = node_elements(r->value, s->call->n);
    if (r->to.type == place_type(r->value->dtype) && !r->accumulate)
        memmove(at, value, (size_t)n * dtype_size(r->value->dtype));
    else
        for (int64_t k = 0; k < n; k++)
            add_to(at, r->to.type, k, number(r->value, value, k), r->accumulate);
    bool infinite =
            r->early && r->value == s->routine->finite && !isfinite(number(r->value, value, 0));
    if (infinite) s->status = DL_E_LOSS;
    return !infinite;
}

int routine32_run(Graph *g, const Routine *r, const Call32 *c) {
    Eval32 *e = find(g, r, c);
    const dl_head *head = (const dl_head *)(const void *)c->model;
    if (!e) return DL_E_MEMORY;
    for (int k = 0; k < r->leaf.n; k++) {
        const Binding *b = &r->leaf.at[k];
        int status = b->from.object != P_WORK || c->work ? bind(e, c, b) : DL_OK;
        if (status) return status;
    }
    StoreContext s = {.routine = r, .call = c};
    if (eval32_run(e, c->seed, (uint32_t)head->step, store, &s)) return DL_OK;
    if (eval32_error(e)) fprintf(stderr, "dlc: %s\n", eval32_error(e));
    return s.status ? s.status : DL_E_MEMORY;
}
