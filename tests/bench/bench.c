/* bench.c - how fast a model trains and predicts, through its table.
 *
 *     dlc NAME.dl --prefix=bench -o NAME.c;  cc bench.c NAME.c libruntime.a ...
 *     ./bench THREADS SECONDS
 *
 * In: nothing but the model; data are made up, but fixed, and targets cover every class.
 * Out: one line of `name=value`:
 *     first_end   when the first step was done, in seconds since the epoch
 *     step_us     a training step of a full batch, the median over timed blocks of steps
 *     predict1_us a prediction of one row, the median over timed blocks of calls
 *     rss_mb      peak resident memory;   plan_bytes  the work area
 *     loss, last  of the first step and of the last;  hash  of what the model holds at the end
 * With SECONDS = 0 three steps are done and nothing is timed. Making data is never timed. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "dl.h"
#include "dl_memory.h"
#include "dl_random.h"

const dl_model *bench_model(void);

enum { MOST_DATA = 16, BATCHES = 8, MOST_BLOCKS = 4096, WARM = 4 };
static const double STEP_BLOCK = 0.1, PREDICT_BLOCK = 100e-6; /* seconds that a block takes */

typedef struct Bench {
    const dl_model *m;
    void *model, *work;
    const void *data[BATCHES][MOST_DATA]; /* inputs, then targets */
    const void *one[MOST_DATA];           /* what predict reads and writes */
    void *output[MOST_DATA];
    float loss;
    int next; /* the batch that the next step takes */
} Bench;

static double clock_now(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(const Bench *b, int status) {
    if (!status) return;
    fprintf(stderr, "%s: %s\n", b->m->name, b->m->message(status));
    exit(1);
}

static void *aligned(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

/* ---- data ------------------------------------------------------------------------------- */

/* Inputs are random: reals in [0, 1), indices and bytes over all they may be. Targets go
 * through the classes in turn; a real one is 0 and 1 in turn. */
static void *make_data(const dl_tensor *t, uint32_t stream) {
    size_t n = t->bytes / (t->type == DL_U8 ? 1 : 4);
    int64_t bound = t->bound ? t->bound : t->type == DL_U8 ? 256 : 2;
    void *p = aligned(t->bytes);
    for (size_t i = 0; i < n; i++) {
        float u = dl_uniform(7, 0, stream, i);
        int64_t k = t->role == DL_TARGET ? (int64_t)i % bound : (int64_t)(u * (float)bound);
        if (t->type == DL_U8)
            ((uint8_t *)p)[i] = (uint8_t)k;
        else if (t->type == DL_I32)
            ((int32_t *)p)[i] = (int32_t)k;
        else
            ((float *)p)[i] = t->role == DL_TARGET ? (float)(i % 2) : u;
    }
    return p;
}

static void open_model(Bench *b, int threads) {
    const dl_model *m = b->m = bench_model();
    const dl_entry *predict = &m->entry[0];
    size_t size = m->size(), work = m->work_size(threads);
    if (m->ninput + m->ntarget > MOST_DATA || predict->noutput > MOST_DATA) exit(1);
    check(b, m->init(dl_memory(size), size, 1, &b->model));
    check(b, m->work_init(dl_memory(work), work, threads, &b->work));
    for (int k = 0; k < BATCHES; k++)
        for (int i = 0; i < m->ninput + m->ntarget; i++)
            b->data[k][i] = make_data(&m->input[i], (uint32_t)(k * MOST_DATA + i));
    for (int i = 0; i < predict->ninput; i++)
        b->one[i] = make_data(&predict->input[i], (uint32_t)i);
    for (int i = 0; i < predict->noutput; i++) b->output[i] = aligned(predict->output[i].bytes);
}

static uint64_t hash_of(const Bench *b) {
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < b->m->ntensor; i++) {
        const dl_tensor *t = &b->m->tensor[i];
        if (t->role != DL_PARAMETER && t->role != DL_STATE && t->role != DL_SLOT) continue;
        const unsigned char *p = (const unsigned char *)b->model + t->offset;
        for (size_t k = 0; k < t->bytes; k++) h = (h ^ p[k]) * 1099511628211u;
    }
    return h;
}

/* ---- measuring ---------------------------------------------------------------------------- */

static void step(Bench *b) {
    check(b, b->m->train_step(b->model, b->work, b->m->batch, b->data[b->next], &b->loss));
    b->next = (b->next + 1) % BATCHES;
}

static void predict_one(Bench *b) {
    check(b, b->m->entry[0].run(b->model, b->work, 1, b->one, b->output));
}

/* Seconds that one call takes, in a block of `calls`. */
static double block(Bench *b, void (*call)(Bench *), int64_t calls) {
    double start = clock_now(CLOCK_MONOTONIC);
    for (int64_t i = 0; i < calls; i++) call(b);
    return (clock_now(CLOCK_MONOTONIC) - start) / (double)calls;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over blocks of about `length` seconds, for `seconds` and at least three blocks. */
static double median(Bench *b, void (*call)(Bench *), double length, double seconds) {
    static double time[MOST_BLOCKS];
    int n = 0;
    int64_t calls = 1;
    for (int i = 0; i < WARM; i++) call(b);
    while (block(b, call, calls) * (double)calls < length / 2) calls *= 2;
    double end = clock_now(CLOCK_MONOTONIC) + seconds;
    while (n < 3 || (n < MOST_BLOCKS && clock_now(CLOCK_MONOTONIC) < end))
        time[n++] = block(b, call, calls);
    qsort(time, (size_t)n, sizeof *time, by_value);
    return n % 2 ? time[n / 2] : (time[n / 2 - 1] + time[n / 2]) / 2;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bench THREADS SECONDS\n");
        return 2;
    }
    int threads = atoi(argv[1]);
    double seconds = atof(argv[2]), step_time = 0, predict_time = 0;
    Bench b = {0};
    open_model(&b, threads);
    step(&b);
    double first_end = clock_now(CLOCK_REALTIME), first_loss = (double)b.loss;
    step(&b);
    step(&b);
    if (seconds > 0) {
        step_time = median(&b, step, STEP_BLOCK, seconds);
        predict_time = median(&b, predict_one, PREDICT_BLOCK, seconds / 4);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("first_end=%.3f step_us=%.5g predict1_us=%.5g rss_mb=%.1f plan_bytes=%zu "
           "loss=%.6g last=%.6g hash=%016" PRIx64 "\n",
            first_end, step_time * 1e6, predict_time * 1e6, (double)used.ru_maxrss / 1024,
            b.m->work_size(threads), first_loss, (double)b.loss, hash_of(&b));
    return isfinite(b.loss) ? 0 : 1;
}
