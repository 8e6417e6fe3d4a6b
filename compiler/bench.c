/* bench.c - `dlc bench`: the model's generated code against the single-precision interpreter,
 * both beside the machine's limits; then every kernel of a training step.
 *
 * Generated code is built twice, the second time with a clock around every kernel. Systems are
 * measured in turn, several rounds of it, so that what else the machine does meets both; the
 * numbers are medians over the rounds. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/trainer/drawing.h"
#include "bench.h"
#include "embedded.h"
#include "eval32_routine.h"

enum { ROUNDS = 3 };

const char *const system_name[SYSTEMS] = {"generated", "interpreted"};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- options ------------------------------------------------------------------------------- */

static bool read_seconds(const Options *o, double *seconds) {
    char *end = NULL;
    *seconds = o->seconds ? strtod(o->seconds, &end) : 1;
    if (!o->seconds || (end != o->seconds && !*end && *seconds > 0 && *seconds <= 3600))
        return true;
    fprintf(stderr, "dlc: --seconds=%s: a number above 0, at most 3600, was expected\n",
            o->seconds);
    return false;
}

static bool read_threads(const Options *o, long *threads) {
    char *end = NULL;
    *threads = o->threads ? strtol(o->threads, &end, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    if (!o->threads) *threads = *threads < 1 ? 1 : *threads < 256 ? *threads : 256;
    if (!o->threads || (end != o->threads && !*end && *threads >= 1 && *threads <= 256))
        return true;
    fprintf(stderr, "dlc: --threads=%s: a number from 1 to 256 was expected\n", o->threads);
    return false;
}

/* ---- the two systems ----------------------------------------------------------------------- */

typedef struct Subject {
    Arena *arena;
    Model *model;
    void *library;
} Subject;

static const dl_model *generated_table(void *context) {
    const Subject *s = context;
    return library_table(s->arena, s->library, s->model);
}

static const dl_model *interpreted_table(void *context) {
    const Subject *s = context;
    return interpret_table32(s->arena, s->model);
}

/* Everything that a user waits for before the first step: reading the model, and building it. */
typedef struct Prepared {
    double read, build;
} Prepared;

static double middle(double a, double b, double c) {
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static Measured middle_of(const Measured *m) {
    Measured r;
    double *to = (double *)&r;
    const double *x = (const double *)&m[0], *y = (const double *)&m[1], *z = (const double *)&m[2];
    for (size_t k = 0; k < sizeof r / sizeof *to; k++) to[k] = middle(x[k], y[k], z[k]);
    return r;
}

static bool measure_threads(
        Subject *s, const Prepared *p, void *limits, double seconds, Result *r) {
    const System system[SYSTEMS] = {
            {generated_table, s, NULL}, {interpreted_table, s, routine32_bytes}};
    Measured round[SYSTEMS][ROUNDS];
    if (!measure_limits(limits, r->threads, seconds / 2, &r->limits)) return false;
    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < SYSTEMS; k++)
            if (!measure_system(&system[k], r->threads, seconds / ROUNDS, &round[k][i]))
                return false;
    for (int k = 0; k < SYSTEMS; k++) {
        r->of[k] = middle_of(round[k]);
        r->first_s[k] = p->read + (k == 0 ? p->build : 0) + r->of[k].first_us * 1e-6;
    }
    return true;
}

/* ---- kernels ------------------------------------------------------------------------------------
 */

static int timers_of(const Program *p) {
    int n = 0;
    for (int i = 0; i < p->all.n; i++)
        for (int k = 0; k < p->all.at[i]->plan->kernel.n; k++)
            if (p->all.at[i]->plan->kernel.at[k].timer >= n)
                n = p->all.at[i]->plan->kernel.at[k].timer + 1;
    return n + 1;
}

static bool time_kernels(
        Subject *s, const Options *o, double seconds, const Result *r, KernelTimes *out) {
    fprintf(stderr, "building it with a clock around every kernel\n");
    void *library = build_library(s->arena, o, s->model, true);
    const dl_model *table = library ? library_table(s->arena, library, s->model) : NULL;
    if (!table) return false;
    Program *p = driver_plan(s->arena, o, s->model);
    int timers = timers_of(p);
    double *spent = NEW_ARRAY(s->arena, double, timers + 1);
    TakeTimes *take;
    void *symbol = dlsym(library, "dl_timed_take");
    memcpy(&take, &symbol, sizeof take);
    if (!symbol || !measure_kernels(table, take, timers, r->threads, seconds, spent)) return false;
    *out = sort_kernels(s->arena, p->step->plan, spent, spent[timers]);
    return true;
}

/* ---- results ----------------------------------------------------------------------------------
 */

static bool read_reference(const char *text, Reference *r, Arena *a) {
    size_t name = strcspn(text, "=");
    char *end = NULL;
    double us = text[name] ? strtod(text + name + 1, &end) : 0;
    *r = (Reference){arena_printf(a, "%.*s", (int)name, text), us};
    if (name && end && end != text + name + 1 && !*end && us > 0 && us < 1e12) return true;
    fprintf(stderr,
            "dlc: --reference=%s: a name and the microseconds of a training step were "
            "expected, as in keras=15788\n",
            text);
    return false;
}

static bool check_picture(const Options *o) {
    DlError e = {""};
    if (!o->plot || dl_drawing_possible(&dl_gnuplot, o->plot, &e)) return true;
    fprintf(stderr, "dlc bench: error: %s\n", e.text);
    return false;
}

/* Tables, or an object a line; and the picture. */
static bool report(Subject *s, const Options *o, double seconds, const Result *r, int n,
        const Reference *reference) {
    KernelTimes times;
    bool timed = s->model->loss && (o->plot || !o->json);
    if (o->json)
        report_json(s->model, r, n);
    else
        report_systems(s->arena, s->model, r, n);
    fflush(stdout);
    if (timed && !time_kernels(s, o, seconds, &r[n - 1], &times)) return false;
    if (timed && !o->json) report_kernels(s->arena, &times, &r[n - 1]);
    fflush(stdout);
    return !o->plot || plot_bench(s->arena, o->plot, s->model, r, n, reference, o->nreference,
                               timed ? &times : NULL);
}

int bench_model(Arena *a, const Options *o) {
    double seconds, start = now();
    long threads;
    Reference *reference = NEW_ARRAY(a, Reference, o->nreference + 1);
    if (!read_seconds(o, &seconds) || !read_threads(o, &threads)) return 2;
    for (int i = 0; i < o->nreference; i++)
        if (!read_reference(o->reference[i], &reference[i], a)) return 2;
    if (!check_picture(o)) return 1;
    Subject s = {.arena = a, .model = driver_model(a, o)};
    if (!s.model) return 1;
    if (!s.model->loss && !s.model->entry.n) {
        fprintf(stderr,
                "%s: error: nothing to measure: the model has neither a loss nor an output\n",
                o->input);
        return 1;
    }
    Prepared p = {.read = now() - start};
    fprintf(stderr, "building %s\n", s.model->name);
    s.library = build_library(a, o, s.model, false);
    p.build = now() - start - p.read;
    void *limits = s.library ? build_text(a, embedded_text("limits.c.in")) : NULL;
    if (!limits) return 1;
    Result result[MOST_COUNTS] = {{.threads = 1}, {.threads = (int)threads}};
    int n = threads > 1 ? 2 : 1;
    for (int k = 0; k < n; k++) {
        fprintf(stderr, "measuring with %d thread%s\n", result[k].threads, k ? "s" : "");
        if (!measure_threads(&s, &p, limits, seconds, &result[k])) return 1;
    }
    return report(&s, o, seconds, result, n, reference) ? 0 : 1;
}
