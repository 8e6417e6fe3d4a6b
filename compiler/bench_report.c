/* bench_report.c - what `dlc bench` prints: a table of the two systems, one of the kernels, or
 * an object a line for programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* ---- numbers with units -------------------------------------------------------------------- */

const char *time_text(Arena *a, double us) {
    if (us <= 0) return "-";
    if (us < 10) return arena_printf(a, "%.2f us", us);
    if (us < 1e3) return arena_printf(a, "%.1f us", us);
    if (us < 1e4) return arena_printf(a, "%.2f ms", us * 1e-3);
    return us < 1e6 ? arena_printf(a, "%.1f ms", us * 1e-3) : arena_printf(a, "%.2f s", us * 1e-6);
}

static const char *ratio_text(Arena *a, double slow, double fast) {
    if (slow <= 0 || fast <= 0) return "-";
    double r = slow / fast;
    return arena_printf(a, r < 9.95 ? "%.2fx" : r < 99.5 ? "%.1fx" : "%.0fx", r);
}

static const char *grouped(Arena *a, double n) {
    if (n < 1000) return arena_printf(a, "%.0f", n);
    double thousands = (double)(int64_t)(n / 1000);
    return arena_printf(a, "%s,%03d", grouped(a, thousands), (int)(n - 1000 * thousands));
}

static const char *megabytes(Arena *a, double mb) {
    return arena_printf(a, mb < 10 ? "%.2f MB" : "%.1f MB", mb);
}

/* ---- the systems -------------------------------------------------------------------------------
 */

/* Texts of one line: what, then generated, interpreted and their ratio for every thread count. */
enum { CELLS = SYSTEMS + 1, COLUMNS = CELLS * MOST_COUNTS };
typedef struct Line {
    const char *what, *cell[COLUMNS];
} Line;

typedef struct Grid {
    Arena *arena;
    int counts, n;
    Line line[12];
} Grid;

static Line *add_line(Grid *g, const char *what) {
    g->line[g->n].what = what;
    return &g->line[g->n++];
}

static void add_times(Grid *g, const char *what, const Result *r, size_t member) {
    Line *l = add_line(g, what);
    bool any = false;
    for (int t = 0; t < g->counts; t++) {
        double us[SYSTEMS];
        for (int k = 0; k < SYSTEMS; k++) {
            memcpy(&us[k], (const char *)&r[t].of[k] + member, sizeof us[k]);
            l->cell[t * CELLS + k] = time_text(g->arena, us[k]);
            any = any || us[k] > 0;
        }
        l->cell[t * CELLS + SYSTEMS] = ratio_text(g->arena, us[1], us[0]);
    }
    if (!any) g->n--;
}

static void add_plain(Grid *g, const char *what, const char *const *cell) {
    Line *l = add_line(g, what);
    for (int k = 0; k < g->counts * CELLS; k++) l->cell[k] = cell[k] ? cell[k] : "";
}

static void add_others(Grid *g, const Model *m, const Result *r) {
    const char *rate[COLUMNS] = {0}, *first[COLUMNS] = {0}, *plan[COLUMNS] = {0},
               *rss[COLUMNS] = {0};
    for (int t = 0; t < g->counts; t++)
        for (int k = 0; k < SYSTEMS; k++) {
            const Measured *v = &r[t].of[k];
            int c = t * CELLS + k;
            if (v->step_us > 0) rate[c] = grouped(g->arena, 1e6 * (double)m->batch / v->step_us);
            first[c] = arena_printf(g->arena, "%.2f s", r[t].first_s[k]);
            plan[c] = megabytes(g->arena, v->plan_bytes * 1e-6);
            rss[c] = megabytes(g->arena, v->rss_mb);
        }
    if (m->loss) add_plain(g, "rows a second", rate);
    add_plain(g, m->loss ? "to the first step" : "to the first row", first);
    add_plain(g, "scratch memory", plan);
    add_plain(g, "resident, added", rss);
}

static void print_grid(const Grid *g) {
    int wide = 0, width[COLUMNS] = {0};
    for (int i = 0; i < g->n; i++) {
        int n = (int)strlen(g->line[i].what);
        wide = n > wide ? n : wide;
        for (int c = 0; c < g->counts * CELLS; c++) {
            int k = (int)strlen(g->line[i].cell[c]);
            width[c] = k > width[c] ? k : width[c];
        }
    }
    for (int i = 0; i < g->n; i++) {
        printf("%-*s", wide, g->line[i].what);
        for (int c = 0; c < g->counts * CELLS; c++)
            printf("%*s%*s", c && c % CELLS == 0 ? 6 : 3, "", width[c], g->line[i].cell[c]);
        printf("\n");
    }
}

static const char *threads_text(Arena *a, int threads) {
    return arena_printf(a, "%d thread%s", threads, threads == 1 ? "" : "s");
}

void report_systems(Arena *a, const Model *m, const Result *r, int n) {
    Grid g = {.arena = a, .counts = n};
    const char *head[COLUMNS] = {0}, *name[COLUMNS] = {0};
    for (int t = 0; t < n; t++) {
        head[t * CELLS] = threads_text(a, r[t].threads);
        for (int k = 0; k < SYSTEMS; k++) name[t * CELLS + k] = system_name[k];
        name[t * CELLS + SYSTEMS] = "ratio";
        printf("%s: at most %.0f GFLOP/s, %.1f GB/s (%.1f past the caches)\n",
                threads_text(a, r[t].threads), r[t].limits.gflops, r[t].limits.triad,
                r[t].limits.stream);
    }
    printf("\n");
    add_plain(&g, "", head);
    add_plain(&g, arena_printf(a, "%s, batch %" PRId64, m->name, m->batch), name);
    add_times(&g, "training step", r, offsetof(Measured, step_us));
    add_times(&g, "predict one row", r, offsetof(Measured, predict1_us));
    add_times(&g, arena_printf(a, "predict %" PRId64 " rows", m->batch), r,
            offsetof(Measured, predict_us));
    add_others(&g, m, r);
    print_grid(&g);
}

void report_json(const Model *m, const Result *r, int n) {
    for (int t = 0; t < n; t++)
        for (int k = 0; k < SYSTEMS; k++) {
            const Measured *v = &r[t].of[k];
            printf("{\"model\": \"%s\", \"system\": \"%s\", \"threads\": %d, \"train_per_s\": "
                   "%.6g, "
                   "\"step_us\": %.6g, \"predict1_us\": %.6g, \"predict_us\": %.6g, "
                   "\"first_step_s\": %.4g, "
                   "\"rss_mb\": %.2f, \"plan_bytes\": %.0f, \"fma_gflops\": %.1f, \"triad_gbs\": "
                   "%.2f}\n",
                    m->name, system_name[k], r[t].threads,
                    v->step_us > 0 ? 1e6 * (double)m->batch / v->step_us : 0, v->step_us,
                    v->predict1_us, v->predict_us, r[t].first_s[k], v->rss_mb, v->plan_bytes,
                    r[t].limits.gflops, r[t].limits.triad);
        }
}

/* ---- the kernels --------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b) {
    const KernelTime *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return x->kernel < y->kernel ? -1 : x->kernel > y->kernel;
}

static void print_kernel(Arena *a, const KernelTime *k, double all, int name, const Result *r) {
    double wall = k->seconds / r->threads, times = k->kernel->times;
    double rate = wall > 0 ? times / wall * 1e-9 : 0;
    double gflops = k->kernel->flops * rate, gbs = k->kernel->bytes * rate;
    printf("%5.1f %%  %10s  %7.1f %4.0f %%  %6.1f %4.0f %%  %-*s  %s", 100 * k->seconds / all,
            time_text(a, wall * 1e6), gflops, 100 * gflops / r->limits.gflops, gbs,
            100 * gbs / r->limits.triad, name, k->kernel->function, k->kernel->what);
    if (times > 1) printf(", %.0f times", times);
    printf("\n");
}

KernelTimes sort_kernels(Arena *a, const Plan *p, const double *seconds, double step) {
    KernelTimes t = {.at = NEW_ARRAY(a, KernelTime, p->kernel.n + 1), .step = step};
    for (int i = 0; i < p->kernel.n; i++) {
        const PlanKernel *line = &p->kernel.at[i];
        if (!line->what) continue;
        t.at[t.n++] = (KernelTime){line, seconds[line->timer]};
        t.all += seconds[line->timer];
    }
    qsort(t.at, (size_t)t.n, sizeof *t.at, by_time);
    return t;
}

void report_kernels(Arena *a, const KernelTimes *k, const Result *r) {
    int name = 0;
    for (int i = 0; i < k->n; i++) {
        int wide = (int)strlen(k->at[i].kernel->function);
        name = wide > name ? wide : name;
    }
    printf("\na training step's %d kernels, %s: %s with clocks, of which kernels take %.0f %%\n",
            k->n, threads_text(a, r->threads), time_text(a, k->step * 1e6),
            100 * k->all / r->threads / k->step);
    printf("(where threads run a kernel for a slice of rows each: all their time, by the threads)\n"
           "(bytes are its arrays', each once: what lies in a cache may exceed the triad)\n\n");
    printf("%7s  %10s  %14s  %13s  %-*s  %s\n", "share", "time", "GFLOP/s  peak", "GB/s  triad",
            name, "kernel", "what it computes");
    for (int i = 0; i < k->n && k->all > 0; i++) print_kernel(a, &k->at[i], k->all, name, r);
}
