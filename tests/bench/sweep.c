/* sweep.c - measures the emitted contractions beside OpenBLAS, and oneDNN where it was built in.
 *
 *     sweep CSV THREADS ROUNDS [PART OF A NAME]
 *
 * Each round runs the FMA peak, ours and the libraries' in turn, a few milliseconds each; a
 * row of the CSV holds medians over the rounds: GFLOP/s of the peak, ours and OpenBLAS, our share
 * of the peak, the median of the rounds' ratios, the largest difference of the results relative
 * to the largest element; then GFLOP/s of oneDNN and our ratio to it. A convolution by a matrix
 * product is given its copies of windows, as a user of OpenBLAS would have to make them. */
#define _POSIX_C_SOURCE 200809L

#include "sweep.h"
#ifdef SWEEP_ONEDNN
#include "sweep_onednn.h"
#endif

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sweep_table.h" /* sweep_kernels, made by sweep.sh */

void openblas_set_num_threads(int n);
double sweep_peak(int threads, double (*clock)(void));

enum { MOST_ROUNDS = 101 };

typedef struct Trial {
    const SweepShape *s;
    const SweepKernel *k;
    int threads;
    char *model, *arena;
    float *ours, *theirs, *window; /* copies of windows of one image */
#ifdef SWEEP_ONEDNN
    Onednn *onednn;
#endif
} Trial;

/* Of one thread the time that it ran: others may use the machine too. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *aligned(int64_t bytes) {
    void *p = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
    if (!p) exit(3);
    memset(p, 0, ((size_t)bytes + 127) / 64 * 64);
    return p;
}

/* ---- OpenBLAS ------------------------------------------------------------------------ */

static void products(const Trial *t, const float *a, const float *b, float *c) {
    const SweepShape *s = t->s;
    int m = (int)s->rows, n = (int)s->columns, k = (int)s->inner;
    int da = s->turn_a ? m : k, db = s->turn_b ? k : n, h = SWEEP_HEADS;
    int64_t size_a = (int64_t)m * k, size_b = (int64_t)k * n, size_c = (int64_t)m * n;
    for (int64_t i = 0; i < sweep_pairs(s); i++) {
        int64_t group = s->groups ? i / h * h : 0, head = s->groups ? i % h : 0;
        bool ia = s->inside & INSIDE_A, ib = s->inside & INSIDE_B, ic = s->inside & INSIDE_C;
        cblas_sgemm(CblasRowMajor, s->turn_a ? CblasTrans : CblasNoTrans,
                s->turn_b ? CblasTrans : CblasNoTrans, m, n, k, 1,
                a + group * size_a + head * (ia ? da : size_a), ia ? h * da : da,
                b + group * size_b + head * (ib ? db : size_b), ib ? h * db : db, 0,
                c + group * size_c + head * (ic ? n : size_c), ic ? h * n : n);
    }
}

/* Between an image and its windows, one row an output pixel. */
static void copy_windows(const SweepShape *s, float *image, float *window, bool back) {
    int64_t out = sweep_out(s), w = s->rows, c = s->inner;
    for (int64_t i = 0; i < out * out; i++)
        for (int64_t p = 0; p < w; p++)
            for (int64_t q = 0; q < w; q++, window += c) {
                int64_t y = i / out * s->stride + p - s->pad, x = i % out * s->stride + q - s->pad;
                bool inside = y >= 0 && y < s->size && x >= 0 && x < s->size;
                float *from = image + (y * s->size + x) * c;
                if (back)
                    for (int64_t k = 0; inside && k < c; k++) from[k] += window[k];
                else if (inside)
                    memcpy(window, from, (size_t)c * sizeof *from);
                else
                    memset(window, 0, (size_t)c * sizeof *from);
            }
}

static void convolutions(const Trial *t, float *a, const float *b, float *c) {
    const SweepShape *s = t->s;
    int pixels = (int)(sweep_out(s) * sweep_out(s)), n = (int)s->columns;
    int taps = (int)(s->rows * s->rows * s->inner);
    int64_t image = s->size * s->size * s->inner;
    if (s->kind == SWEEP_DATA) memset(c, 0, (size_t)(s->batch * image) * sizeof *c);
    for (int64_t i = 0; i < s->batch; i++) {
        if (s->kind == SWEEP_DATA) {
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, pixels, taps, n, 1,
                    a + i * pixels * n, n, b, n, 0, t->window, taps);
            copy_windows(s, c + i * image, t->window, true);
            continue;
        }
        copy_windows(s, a + i * image, t->window, false);
        if (s->kind == SWEEP_FORWARD)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, pixels, n, taps, 1, t->window,
                    taps, b, n, 0, c + i * pixels * n, n);
        else
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, taps, n, pixels, 1, t->window,
                    taps, b + i * pixels * n, n, i > 0, c, n);
    }
}

/* ---- a round ------------------------------------------------------------------------- */

static void run_ours(const Trial *t) {
    t->k->run(t->model, (char *)t->ours, t->arena, t->k->rows, t->threads, 0, 0);
}

static void run_theirs(const Trial *t) {
    float *a = (float *)(void *)(t->model + t->k->a), *b = (float *)(void *)(t->model + t->k->b);
    if (t->s->kind == SWEEP_PRODUCT)
        products(t, a, b, t->theirs);
    else
        convolutions(t, a, b, t->theirs);
}

#ifdef SWEEP_ONEDNN
static void run_onednn(const Trial *t) {
    onednn_run(t->onednn);
}
#endif

static double rate(const Trial *t, void (*run)(const Trial *), int repeats) {
    double start = now();
    for (int i = 0; i < repeats; i++) run(t);
    return sweep_flops(t->s) * repeats / (now() - start) / 1e9;
}

/* Relative to the largest element. */
static double difference(const Trial *t, void (*run)(const Trial *)) {
    double most = 0, size = 0;
    int64_t n = t->k->work_bytes / 4;
    run_ours(t);
    run(t);
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)t->ours[i] - (double)t->theirs[i]));
        size = fmax(size, fabs((double)t->theirs[i]));
    }
    return most / size;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

static Trial trial_new(int number, int threads) {
    Trial t = {.s = &sweep_shape[number], .k = sweep_kernels[number], .threads = threads};
    const SweepShape *s = t.s;
    int64_t out = s->kind == SWEEP_PRODUCT ? 1 : sweep_out(s);
    t.model = aligned(t.k->model_bytes);
    t.arena = aligned(t.k->arena_bytes + threads * t.k->thread_bytes);
    t.ours = aligned(t.k->work_bytes);
    t.theirs = aligned(t.k->work_bytes);
    t.window = aligned(s->kind == SWEEP_PRODUCT ? 0 : out * out * s->rows * s->rows * s->inner * 4);
    float *x = (float *)(void *)t.model;
    uint32_t state = 1;
    for (int64_t i = 0; i < t.k->model_bytes / 4; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state * 4.656612873e-10f;
    }
#ifdef SWEEP_ONEDNN
    t.onednn = onednn_new(s, threads, x + t.k->a / 4, x + t.k->b / 4, t.theirs);
#endif
    return t;
}

static void trial_free(Trial *t) {
#ifdef SWEEP_ONEDNN
    onednn_free(t->onednn);
#endif
    free(t->model);
    free(t->arena);
    free(t->ours);
    free(t->theirs);
    free(t->window);
}

/* Rates by round, of one system or of ours in terms of it. */
typedef struct Rates {
    double of[MOST_ROUNDS];
} Rates;

static void measure(FILE *csv, int number, int threads, int rounds) {
    Trial t = trial_new(number, threads);
    double error = difference(&t, run_theirs), flops = sweep_flops(t.s);
    Rates peaks, ours, theirs, share, ratio, onednn = {{0}}, to_onednn = {{0}};
    int repeats = (int)(3e8 * threads / flops) + 1;
#ifdef SWEEP_ONEDNN
    error = fmax(error, difference(&t, run_onednn));
#endif
    for (int i = 0; i < rounds; i++) {
        peaks.of[i] = sweep_peak(threads, now);
        ours.of[i] = rate(&t, run_ours, repeats);
        theirs.of[i] = rate(&t, run_theirs, repeats);
        share.of[i] = ours.of[i] / peaks.of[i];
        ratio.of[i] = ours.of[i] / theirs.of[i];
#ifdef SWEEP_ONEDNN
        onednn.of[i] = rate(&t, run_onednn, repeats);
        to_onednn.of[i] = ours.of[i] / onednn.of[i];
#endif
    }
    double p = median(peaks.of, rounds), o = median(ours.of, rounds), b = median(theirs.of, rounds);
    double r = median(ratio.of, rounds), h = median(share.of, rounds);
    double d = median(onednn.of, rounds), q = median(to_onednn.of, rounds);
    fprintf(csv, "%s,%d,%.1f,%.1f,%.1f,%.3f,%.3f,%.2g", t.s->name, threads, p, o, b, h, r, error);
    if (d > 0) fprintf(csv, ",%.1f,%.3f", d, q);
    fprintf(csv, "%s\n", d > 0 ? "" : ",,");
    fflush(csv);
    printf("%-24s %d  peak %6.1f  ours %6.1f  %5.1f %%", t.s->name, threads, p, o, 100 * h);
    printf("  openblas %6.1f %6.2fx", b, r);
    if (d > 0) printf("  onednn %6.1f %6.2fx", d, q);
    printf("%s\n", error < 1e-4 ? "" : "  WRONG");
    fflush(stdout);
    trial_free(&t);
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: sweep CSV THREADS ROUNDS [NAME]\n"), 2;
    int threads = atoi(argv[2]), rounds = atoi(argv[3]);
    FILE *csv = fopen(argv[1], "a");
    if (!csv || rounds < 1 || rounds > MOST_ROUNDS) return 2;
    if (ftell(csv) == 0)
        fprintf(csv, "shape,threads,peak,ours,openblas,share,ratio,difference,onednn,to_onednn\n");
    openblas_set_num_threads(threads);
    if (threads == 1) clock_used = CLOCK_THREAD_CPUTIME_ID;
    for (int i = 0; i < (int)SWEEP_COUNT; i++)
        if (argc < 5 || strstr(sweep_shape[i].name, argv[4])) measure(csv, i, threads, rounds);
    return fclose(csv) != 0;
}
