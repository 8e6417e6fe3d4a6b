/* emitted.h - running graphs as generated C: many trials are compiled into one shared
 * object, run, and compared with the interpreter.
 *
 * A trial's leaves lie in the model object, its roots' values go to the work area; both are
 * laid out for `batch` rows, of which a call uses `rows`. */
#ifndef DLC_EMITTED_H
#define DLC_EMITTED_H

#include "../../compiler/codegen.h"
#include "../../compiler/eval.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIAL_LEAVES = 12, TRIAL_ROOTS = 8 };

typedef struct Trial {
    Graph *g;
    Arena *arena;
    int64_t batch, rows;
    int nleaf, nroot;
    Node *leaf[TRIAL_LEAVES];
    double *value[TRIAL_LEAVES]; /* of `rows` rows */
    Root root[TRIAL_ROOTS];
    int64_t offset[TRIAL_LEAVES];
    int64_t model_bytes, work_bytes;
    const Plan *plan;
    char *work; /* of the last run */
} Trial;

typedef int EmittedStep(
        char *model, char *work, char *arena, int64_t n, int threads, uint64_t seed, uint32_t step);

static uint64_t random_state = 1;

static inline void random_seed(uint64_t seed) {
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

static inline uint64_t random_next(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

/* Inclusive. */
static inline int random_int(int lo, int hi) {
    return lo + (int)(random_next() % (uint64_t)(hi - lo + 1));
}

static inline double random_real(double lo, double hi) {
    return lo + (hi - lo) * (double)random_next() / 2147483648.0;
}

static inline Trial *trial_new(int64_t batch, int64_t rows) {
    Arena *a = arena_new();
    Trial *t = NEW(a, Trial);
    t->arena = a;
    t->g = graph_new(a);
    t->batch = batch;
    t->rows = rows;
    return t;
}

static inline int64_t aligned64(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static inline int64_t element_bytes(DType t) {
    return t == T_F32 || t == T_I32 ? 4 : 1;
}

static inline Node *trial_leaf_of(
        Trial *t, DType type, int rank, const int64_t *dim, const double *value) {
    char *name = arena_printf(t->arena, "x%d", t->nleaf);
    Node *n = node_leaf(t->g, L_PARAM, type, rank, dim, name, (Span){0});
    t->leaf[t->nleaf] = n;
    t->offset[t->nleaf] = t->model_bytes;
    t->model_bytes += aligned64(node_elements(n, t->batch) * element_bytes(type));
    int64_t size = node_elements(n, t->rows);
    t->value[t->nleaf++] = arena_copy(t->arena, value, (size_t)size * sizeof *value);
    return n;
}

/* Floats in [lo, hi], that a float holds exactly. */
static inline Node *trial_leaf(Trial *t, int rank, const int64_t *dim, double lo, double hi) {
    int64_t size = 1;
    for (int k = 0; k < rank; k++) size *= dim[k] == DIM_BATCH ? t->rows : dim[k];
    double *value = NEW_ARRAY(t->arena, double, size + 1);
    for (int64_t k = 0; k < size; k++) value[k] = (double)(float)random_real(lo, hi);
    return trial_leaf_of(t, T_F32, rank, dim, value);
}

static inline Node *trial_integers(
        Trial *t, DType type, int rank, const int64_t *dim, int lo, int hi) {
    int64_t size = 1;
    for (int k = 0; k < rank; k++) size *= dim[k] == DIM_BATCH ? t->rows : dim[k];
    double *value = NEW_ARRAY(t->arena, double, size + 1);
    for (int64_t k = 0; k < size; k++) value[k] = random_int(lo, hi);
    return trial_leaf_of(t, type, rank, dim, value);
}

static inline void trial_root(Trial *t, Node *n) {
    Place to = {.object = P_WORK, .offset = t->work_bytes, .type = place_type(n->dtype)};
    t->work_bytes += aligned64(node_elements(n, t->batch) * element_bytes(n->dtype));
    t->root[t->nroot++] = (Root){n, to, false, false};
}

/* ---- emitting ------------------------------------------------------------------------ */

/* Kernels are named for one model a file; here each trial's get its number. */
static inline void print_numbered(Codegen *cg, FILE *f, int number) {
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return;
    codegen_print(cg, memory);
    fclose(memory);
    const char *at = text;
    for (const char *k; (k = strstr(at, "_kernel")); at = k + 7)
        fprintf(f, "%.*s_kernel_of%d", (int)(k - at), at, number);
    fputs(at, f);
    free(text);
}

static inline void trial_emit(Trial *t, FILE *f, int number) {
    const char *prefix = arena_printf(t->arena, "c%d", number);
    Codegen *cg = codegen_new(t->arena, t->g, prefix, "trial.dl", t->batch);
    Routine *r = NEW(t->arena, Routine);
    r->name = arena_printf(t->arena, "%s_step", prefix);
    for (int k = 0; k < t->nleaf; k++) {
        Place from = {
                .object = P_MODEL, .offset = t->offset[k], .type = place_type(t->leaf[k]->dtype)};
        vec_push(t->arena, &r->leaf, ((Binding){t->leaf[k], from, 0}));
    }
    for (int k = 0; k < t->nroot; k++) vec_push(t->arena, &r->root, t->root[k]);
    t->plan = codegen_routine(cg, r);
    print_numbered(cg, f, number);
    fprintf(f,
            "int run%d(char *model, char *work, char *arena, int64_t n, int threads, uint64_t "
            "seed, "
            "uint32_t step);\nint run%d(char *model, char *work, char *arena, int64_t n, int "
            "threads, "
            "uint64_t seed, uint32_t step)\n{\n    return dl_%s(model, work, arena, n, threads, seed, "
            "step);\n}\n\n",
            number, number, r->name);
}

static inline void emit_head(FILE *f) {
    fprintf(f, "#include \"dl_arithmetic.h\"\n#include \"dl.h\"\n#include \"dl_math.h\"\n"
               "#include \"dl_random.h\"\n#include \"dl_vector.h\"\n\n");
}

/* Compiles the file beside it; NULL with the compiler's messages on stderr when it fails. */
static inline void *build_shared(
        const char *cc, const char *flags, const char *c_file, const char *so_file) {
    char command[2048];
    snprintf(command, sizeof command,
            "%s -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror "
            "-Wno-unused-function -Iruntime %s -shared -fPIC -o %s %s -lm",
            cc, flags, so_file, c_file);
    if (system(command)) return NULL;
    void *handle = dlopen(so_file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) fprintf(stderr, "%s\n", dlerror());
    return handle;
}

/* ---- running ------------------------------------------------------------------------- */

/* Where element k of a tensor with `rows` rows is in one with `batch` rows. */
static inline int64_t spread(const Trial *t, const Node *n, int64_t k) {
    int64_t at = 0, stride = 1;
    for (int i = n->rank - 1; i >= 0; i--) {
        int64_t used = n->dim[i] == DIM_BATCH ? t->rows : n->dim[i];
        int64_t held = n->dim[i] == DIM_BATCH ? t->batch : n->dim[i];
        at += k % used * stride;
        k /= used;
        stride *= held;
    }
    return at;
}

static inline void put(char *base, DType type, int64_t at, double v) {
    if (type == T_F32)
        ((float *)(void *)base)[at] = (float)v;
    else if (type == T_I32)
        ((int32_t *)(void *)base)[at] = (int32_t)v;
    else
        ((uint8_t *)base)[at] = (uint8_t)v;
}

static inline double get(const char *base, DType type, int64_t at) {
    if (type == T_F32) return (double)((const float *)(const void *)base)[at];
    if (type == T_I32) return ((const int32_t *)(const void *)base)[at];
    return ((const uint8_t *)base)[at];
}

static inline char *memory64(int64_t bytes, int fill) {
    size_t size = (size_t)aligned64(bytes) + 64;
    char *p = aligned_alloc(64, size);
    if (p) memset(p, fill, size);
    return p;
}

static inline int trial_run(Trial *t, EmittedStep *step, int threads) {
    int64_t local = t->plan->local * threads;
    char *model = memory64(t->model_bytes, 0x7f), *arena = memory64(t->plan->arena + local, 0x7f);
    free(t->work);
    t->work = memory64(t->work_bytes, 0x7f);
    for (int k = 0; k < t->nleaf; k++)
        for (int64_t i = 0; i < node_elements(t->leaf[k], t->rows); i++)
            put(model + t->offset[k], t->leaf[k]->dtype, spread(t, t->leaf[k], i), t->value[k][i]);
    int status = step(model, t->work, arena, t->rows, threads, 7, 3);
    free(model);
    free(arena);
    return status;
}

/* ---- comparing ----------------------------------------------------------------------- */

typedef struct Match {
    int64_t right, wrong, undecided; /* elements; undecided: behind a comparison near a tie */
    double worst;                    /* error relative to the sum of absolute terms */
} Match;

static inline void match_root(
        const Trial *t, Eval *e, const Root *root, double tolerance, Match *m) {
    Node *n = root->value;
    const double *want = eval_node(e, n), *scale = eval_scale(e, n), *margin = eval_margin(e, n);
    if (!want) {
        fprintf(stderr, "interpreter: %s\n", eval_error(e));
        m->wrong++;
        return;
    }
    for (int64_t i = 0; i < node_elements(n, t->rows); i++) {
        double got = get(t->work + root->to.offset, n->dtype, spread(t, n, i));
        double error = fabs(got - want[i]) / fmax(scale ? scale[i] : fabs(want[i]), 1e-3);
        bool same = (isnan(got) && isnan(want[i])) || got == want[i];
        if (same) error = 0;
        if (same || error <= tolerance)
            m->right++;
        else if (margin && margin[i] < 1e-5)
            m->undecided++;
        else
            m->wrong++;
        if (error > m->worst && !(margin && margin[i] < 1e-5)) m->worst = error;
    }
}

static inline Match trial_match(const Trial *t, double tolerance) {
    Match m = {0};
    Eval *e = eval_new(t->g, t->rows, 7, 3);
    eval_keep_scale(e);
    for (int k = 0; k < t->nleaf; k++) eval_bind(e, t->leaf[k], t->value[k]);
    for (int k = 0; k < t->nroot; k++) match_root(t, e, &t->root[k], tolerance, &m);
    eval_free(e);
    return m;
}

#endif
