/* rows.c - every entry's row has the same bits whatever number of rows it is asked for with.
 *
 *     cc -DTABLE=cifar10_model rows.c cifar10.c ...;  ./rows THREADS [SECONDS]
 *
 * Calls each entry of the model with made-up rows, as many as a batch and a few more where it
 * takes them, then with one, two and all but one of the same rows, and compares the rows of
 * the outputs. Entries whose arrays have no rows, or not in front, are left out. With SECONDS,
 * also how long a call with one row takes (median), for people; no test looks at it. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dl.h"
#include "dl_random.h"

const dl_model *TABLE(void);

enum { MOST_PORTS = 16, MORE = 3 };

static void *aligned(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p) exit(3);
    memset(p, 0, size);
    return p;
}

static int has_rows(const dl_tensor *t) { return t->rank > 0 && t->shape[0] == -1; }

static size_t row_bytes(const dl_model *m, const dl_tensor *t) {
    return t->bytes / (size_t)m->batch;
}

static void *make_data(const dl_model *m, const dl_tensor *t, uint32_t stream) {
    size_t bytes = row_bytes(m, t) * (size_t)(m->batch + MORE), width = t->type == DL_U8 ? 1 : 4;
    unsigned char *p = aligned(bytes + 64);
    for (size_t i = 0; i < bytes / width; i++) {
        float u = dl_uniform(7, 0, stream, i), f = 2 * u - 1;
        int32_t k = (int32_t)(u * (float)(t->bound ? t->bound : 2));
        if (t->type == DL_U8) p[i] = (unsigned char)(u * 256);
        else if (t->type == DL_I32) memcpy(p + 4 * i, &k, 4);
        else memcpy(p + 4 * i, &f, 4);
    }
    return p;
}

typedef struct Call {
    const dl_model *m;
    const dl_entry *e;
    void *model, *work;
    const void *input[MOST_PORTS];
    void *output[MOST_PORTS];
} Call;

static int takes_rows(const dl_entry *e) {
    for (int i = 0; i < e->ninput; i++)
        if (!has_rows(&e->input[i])) return 0;
    for (int i = 0; i < e->noutput; i++)
        if (!has_rows(&e->output[i])) return 0;
    return e->ninput + e->noutput <= MOST_PORTS;
}

static void make_room(Call *c) {
    for (int i = 0; i < c->e->ninput; i++)
        c->input[i] = make_data(c->m, &c->e->input[i], (uint32_t)i);
    for (int i = 0; i < c->e->noutput; i++)
        c->output[i] = aligned(row_bytes(c->m, &c->e->output[i]) * (size_t)(c->m->batch + MORE));
}

/* Row states are cleared first. */
static int run(Call *c, int64_t n) {
    if (c->e->reset && c->e->reset(c->work)) return -1;
    return c->e->run(c->model, c->work, n, c->input, c->output);
}

/* Rows that differ from those of the long call; fewer rows are the first of the same. */
static int differing(Call *c, int64_t n, void *const *wanted) {
    int bad = 0;
    for (int i = 0; i < c->e->noutput; i++)
        memset(c->output[i], 255, row_bytes(c->m, &c->e->output[i]) * (size_t)n);
    if (run(c, n)) return 1;
    for (int i = 0; i < c->e->noutput; i++) {
        size_t bytes = row_bytes(c->m, &c->e->output[i]) * (size_t)n;
        if (memcmp(c->output[i], wanted[i], bytes)) bad++;
    }
    if (bad) printf("%s %s: %d outputs differ in a call of %lld rows\n", c->m->name, c->e->name, bad, (long long)n);
    return bad;
}

static int check_entry(Call *c) {
    void *wanted[MOST_PORTS];
    int64_t most = c->m->batch + MORE;
    int bad = 0;
    if (run(c, most)) run(c, most = c->m->batch);       /* one that keeps row states takes no more */
    for (int i = 0; i < c->e->noutput; i++) {
        size_t bytes = row_bytes(c->m, &c->e->output[i]) * (size_t)most;
        wanted[i] = memcpy(aligned(bytes), c->output[i], bytes);
    }
    int64_t count[] = {1, 2, most - 1, most};
    for (int i = 0; i < 4; i++)
        if (count[i] >= 1 && count[i] <= most) bad += differing(c, count[i], wanted);
    return bad;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void measure(Call *c, double seconds) {
    enum { MOST = 1000, CALLS = 100 };
    static double time[MOST];
    int n = 0;
    for (double end = now() + seconds; now() < end && n < MOST; n++) {
        double start = now();
        for (int i = 0; i < CALLS; i++) c->e->run(c->model, c->work, 1, c->input, c->output);
        time[n] = (now() - start) / CALLS;
    }
    qsort(time, (size_t)n, sizeof *time, by_value);
    printf("%s %s: a row takes %.3f us, %.3f us at best\n", c->m->name, c->e->name, time[n / 2] * 1e6,
            time[0] * 1e6);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1, bad = 0;
    double seconds = argc > 2 ? atof(argv[2]) : 0;
    Call c = {.m = TABLE()};
    if (c.m->init(aligned(c.m->size()), c.m->size(), 1, &c.model)) return 3;
    size_t size = c.m->work_size(threads);
    if (c.m->work_init(aligned(size), size, threads, &c.work)) return 3;
    for (int i = 0; i < c.m->nentry; i++) {
        c.e = &c.m->entry[i];
        if (!takes_rows(c.e)) continue;
        make_room(&c);
        bad += check_entry(&c);
        if (seconds > 0) measure(&c, seconds);
    }
    return bad != 0;
}
