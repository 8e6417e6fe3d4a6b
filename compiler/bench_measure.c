/* bench_measure.c - how fast a table trains and predicts, on made-up data that cover every class.
 *
 * Times are medians over blocks of calls. Every measurement runs in a child process and sends
 * its numbers through a pipe: OpenMP's threads, the BLAS's and the interpreter's pool live in the
 * process that uses them, and its resident memory is its own. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/dl_memory.h"
#include "../runtime/dl_random.h"
#include "bench.h"

enum { MOST_DATA = 32, BATCHES = 4, MOST_BLOCKS = 4096 };
static const double BLOCK_SECONDS = 2e-3;

typedef struct Bench {
    const dl_model *m;
    const dl_entry *predict;
    void *model, *work;
    const void *data[BATCHES][MOST_DATA];
    const void *input[MOST_DATA];
    void *output[MOST_DATA];
    int64_t rows; /* of a prediction */
    int next;     /* the batch that the next step takes */
    int status;
} Bench;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- data ---------------------------------------------------------------------------------- */

static void *aligned(size_t size) {
    return aligned_alloc(64, (size + 63) / 64 * 64 + 64);
}

/* Inputs are random: reals in [0, 1), indices and bytes over all they may be. Targets go
 * through the classes in turn; a real one is 0 and 1 in turn. */
static void *make_data(const dl_tensor *t, uint32_t stream) {
    size_t n = t->bytes / (t->type == DL_U8 ? 1 : 4);
    int64_t bound = t->bound ? t->bound : t->type == DL_U8 ? 256 : 2;
    char *p = aligned(t->bytes);
    for (size_t i = 0; p && i < n; i++) {
        float u = dl_uniform(7, 0, stream, i), real = t->role == DL_TARGET ? (float)(i % 2) : u;
        int32_t k =
                t->role == DL_TARGET ? (int32_t)((int64_t)i % bound) : (int32_t)(u * (float)bound);
        if (t->type == DL_U8)
            p[i] = (char)(unsigned char)k;
        else if (t->type == DL_I32)
            memcpy(p + 4 * i, &k, 4);
        else
            memcpy(p + 4 * i, &real, 4);
    }
    return p;
}

static int open_data(Bench *b) {
    int n = b->m->ninput + b->m->ntarget;
    const dl_entry *e = b->predict;
    if (n > MOST_DATA || (e && (e->ninput > MOST_DATA || e->noutput > MOST_DATA)))
        return DL_E_MEMORY;
    for (int k = 0; k < BATCHES; k++)
        for (int i = 0; i < n; i++)
            if (!(b->data[k][i] = make_data(&b->m->input[i], (uint32_t)(k * MOST_DATA + i))))
                return DL_E_MEMORY;
    for (int i = 0; e && i < e->ninput; i++)
        if (!(b->input[i] = make_data(&e->input[i], (uint32_t)i))) return DL_E_MEMORY;
    for (int i = 0; e && i < e->noutput; i++)
        if (!(b->output[i] = aligned(e->output[i].bytes))) return DL_E_MEMORY;
    return DL_OK;
}

static int open_bench(Bench *b, const dl_model *m, int threads) {
    b->m = m;
    b->predict = m->nentry ? &m->entry[0] : NULL;
    size_t size = m->size(), work = m->work_size(threads);
    void *memory = dl_memory(size), *scratch = dl_memory(work);
    int status = memory && scratch ? open_data(b) : DL_E_MEMORY;
    if (!status) status = m->init(memory, size, 1, &b->model);
    return status ? status : m->work_init(scratch, work, threads, &b->work);
}

/* ---- timing -------------------------------------------------------------------------------- */

static void step(Bench *b) {
    float loss;
    int status = b->m->train_step(b->model, b->work, b->m->batch, b->data[b->next], &loss);
    b->next = (b->next + 1) % BATCHES;
    if (status) b->status = status;
}

static void predict(Bench *b) {
    int status = b->predict->run(b->model, b->work, b->rows, b->input, b->output);
    if (status) b->status = status;
}

typedef void Call(Bench *b);

static double block(Bench *b, Call *call, int64_t calls) {
    double start = now();
    for (int64_t i = 0; i < calls && !b->status; i++) call(b);
    return now() - start;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Microseconds a call, the median over blocks, for `seconds` and at least three of them. */
static double median_us(Bench *b, Call *call, double seconds) {
    static double time[MOST_BLOCKS];
    int64_t calls = 1;
    int n = 0;
    double end = now() + seconds;
    while (block(b, call, calls) < BLOCK_SECONDS / 2 && !b->status) calls *= 2;
    while (!b->status && n < MOST_BLOCKS && (n < 3 || now() < end))
        time[n++] = block(b, call, calls) / (double)calls;
    if (n == 0) return 0;
    qsort(time, (size_t)n, sizeof *time, by_value);
    return 1e6 * (n % 2 ? time[n / 2] : (time[n / 2 - 1] + time[n / 2]) / 2);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* A line of /proc/self/status in megabytes; 0 where there is none. */
static double status_mb(const char *name) {
    char line[256];
    double mb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            mb = strtod(line + strlen(name) + 1, NULL) / 1024;
    if (f) fclose(f);
    return mb;
}

/* ---- children ------------------------------------------------------------------------------ */

typedef bool Work(void *context, void *out);

static bool read_all(int from, void *to, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = read(from, (char *)to + done, size - done);
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int to, const void *from, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = write(to, (const char *)from + done, size - done);
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

/* Does the work in a child; its result of `size` bytes comes back in `out`. */
static bool apart(Work *work, void *context, void *out, size_t size) {
    int end[2], status = 0;
    if (pipe(end) != 0) return false;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(end[0]);
        bool ok = work(context, out) && write_all(end[1], out, size);
        fflush(NULL);
        _exit(ok ? 0 : 1);
    }
    close(end[1]);
    bool ok = child > 0 && read_all(end[0], out, size);
    close(end[0]);
    if (child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        fprintf(stderr, "dlc: error: what was measured ended by signal %d\n", WTERMSIG(status));
    return ok;
}

static bool went_well(const Bench *b) {
    if (!b->status) return true;
    fprintf(stderr, "dlc: error: %s\n", b->m->message(b->status));
    return false;
}

typedef struct SystemJob {
    const System *system;
    int threads;
    double seconds;
} SystemJob;

static bool run_system(void *context, void *result) {
    const SystemJob *j = context;
    Measured *out = result;
    double before = status_mb("VmRSS"), start = now();
    const dl_model *m = j->system->make(j->system->context);
    Bench b = {.rows = 1};
    if (!m) return false;
    b.status = open_bench(&b, m, j->threads);
    *out = (Measured){0};
    if (!b.status) block(&b, m->train_step ? step : predict, 1);
    out->first_us = 1e6 * (now() - start);
    if (m->train_step) out->step_us = median_us(&b, step, j->seconds);
    if (b.predict) out->predict1_us = median_us(&b, predict, j->seconds / 4);
    b.rows = m->batch;
    if (b.predict) out->predict_us = median_us(&b, predict, j->seconds / 4);
    out->rss_mb = fmax(status_mb("VmHWM") - before, 0);
    out->plan_bytes = j->system->plan_bytes ? (double)j->system->plan_bytes()
                                            : (double)m->work_size(j->threads);
    return went_well(&b);
}

bool measure_system(const System *s, int threads, double seconds, Measured *out) {
    SystemJob j = {s, threads, seconds};
    return apart(run_system, &j, out, sizeof *out);
}

typedef struct KernelJob {
    const dl_model *table;
    TakeTimes *take;
    int timers, threads;
    double seconds;
} KernelJob;

static bool run_kernels(void *context, void *result) {
    const KernelJob *j = context;
    double *out = result;
    Bench b = {0};
    b.status = open_bench(&b, j->table, j->threads);
    for (int k = 0; k < 3 && !b.status; k++) step(&b);
    j->take(out);
    int64_t steps = 0;
    double start = now();
    for (; !b.status && (steps < 3 || now() - start < j->seconds); steps++) step(&b);
    double spent = now() - start;
    j->take(out);
    for (int k = 0; k < j->timers; k++) out[k] /= (double)steps;
    out[j->timers] = spent / (double)steps;
    return went_well(&b);
}

bool measure_kernels(const dl_model *table, TakeTimes *take, int timers, int threads,
        double seconds, double *out) {
    KernelJob j = {table, take, timers, threads, seconds};
    return apart(run_kernels, &j, out, (size_t)(timers + 1) * sizeof *out);
}

typedef int MeasureLimits(
        int threads, double seconds, double *gflops, double *triad, double *stream);
typedef struct LimitsJob {
    MeasureLimits *measure;
    int threads;
    double seconds;
} LimitsJob;

static bool run_limits(void *context, void *result) {
    const LimitsJob *j = context;
    Limits *l = result;
    return j->measure(j->threads, j->seconds, &l->gflops, &l->triad, &l->stream) != 0;
}

bool measure_limits(void *library, int threads, double seconds, Limits *out) {
    LimitsJob j = {.threads = threads, .seconds = seconds};
    void *symbol = dlsym(library, "dl_limits");
    memcpy(&j.measure, &symbol, sizeof j.measure);
    if (symbol && apart(run_limits, &j, out, sizeof *out)) return true;
    fprintf(stderr, "dlc: error: the machine's limits could not be measured\n");
    return false;
}
