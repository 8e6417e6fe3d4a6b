/* steps.c - trains any model on made-up data through its table and prints a hash of the
 * parameters: the same for every number of threads, compiler and level.
 *
 *     cc -DTABLE=cifar10_model steps.c cifar10.c ...;  ./steps THREADS STEPS [SECONDS]
 *
 * With SECONDS, also how long a step takes (median), for people; no test looks at it. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dl.h"
#include "dl_random.h"

const dl_model *TABLE(void);

enum { MOST_DATA = 16, BATCHES = 4 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *aligned(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p) exit(3);
    return p;
}

/* Values that the tensor may have: floats in [-1, 1), indices in range, bytes. */
static void *make_data(const dl_tensor *t, uint32_t stream) {
    size_t width = t->type == DL_U8 ? 1 : 4, n = t->bytes / width;
    unsigned char *p = aligned(t->bytes + 64);
    for (size_t i = 0; i < n; i++) {
        float u = dl_uniform(7, 0, stream, i);
        int32_t k = (int32_t)(u * (float)(t->bound ? t->bound : 2));
        float f = t->role == DL_TARGET ? (float)(u > 0.5f) : 2 * u - 1;
        if (t->type == DL_U8) p[i] = (unsigned char)(u * 256);
        else if (t->type == DL_I32) memcpy(p + 4 * i, &k, 4);
        else memcpy(p + 4 * i, &f, 4);
    }
    return p;
}

static uint64_t hash(const dl_model *m, const void *model) {
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < m->ntensor; i++) {
        const dl_tensor *t = &m->tensor[i];
        if (t->role != DL_PARAMETER && t->role != DL_STATE && t->role != DL_SLOT) continue;
        const unsigned char *p = (const unsigned char *)model + t->offset;
        for (size_t k = 0; k < t->bytes; k++) h = (h ^ p[k]) * 1099511628211u;
    }
    return h;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1, steps = argc > 2 ? atoi(argv[2]) : 50;
    double seconds = argc > 3 ? atof(argv[3]) : 0;
    const dl_model *m = TABLE();
    void *model, *work;
    if (m->init(aligned(m->size()), m->size(), 1, &model)) return 3;
    if (m->work_init(aligned(m->work_size(threads)), m->work_size(threads), threads, &work)) return 3;
    const void *data[BATCHES][MOST_DATA];
    for (int b = 0; b < BATCHES; b++)
        for (int i = 0; i < m->ninput + m->ntarget; i++)
            data[b][i] = make_data(&m->input[i], (uint32_t)(b * MOST_DATA + i));
    float loss = 0;
    for (int s = 0; s < steps; s++) {
        int64_t rows = s % 5 == 4 && m->batch > 1 ? m->batch - 1 : m->batch;   /* short batches too */
        int status = m->train_step(model, work, rows, data[s % BATCHES], &loss);
        if (status) {
            fprintf(stderr, "step %d: %s\n", s, m->message(status));
            return 1;
        }
    }
    printf("%s loss %.9g hash %016" PRIx64 "\n", m->name, (double)loss, hash(m, model));
    static double time[100000];
    int n = 0;
    for (double end = now() + seconds; seconds > 0 && now() < end && n < 100000; n++) {
        double start = now();
        m->train_step(model, work, m->batch, data[n % BATCHES], &loss);
        time[n] = now() - start;
    }
    if (n) {
        qsort(time, (size_t)n, sizeof *time, by_value);
        printf("median step %.1f us, %.0f rows/s\n", time[n / 2] * 1e6, (double)m->batch / time[n / 2]);
    }
    return 0;
}
