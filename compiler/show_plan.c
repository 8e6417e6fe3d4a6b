/* show_plan.c - the memory plan of a training step as a picture: from left to right the kernels in
 * order of execution, from below to above the bytes of the scratch memory, each buffer a rectangle
 * from the kernel that first writes it to the one that last reads it. Behind what all threads
 * share lies what each thread has for itself, of which one thread's part is drawn. */
#include "show.h"

#include <inttypes.h>
#include <string.h>

#include "../runtime/trainer/plot.h"

enum { WIDTH = 1000, HEIGHT = 640, INNER_WIDTH = 880, INNER_HEIGHT = 510, LETTER = 7, LINE = 14 };

typedef enum { FORWARD, GRADIENT, KINDS } Kind;

static const char *const colour[2][KINDS] = {{"#0072b2", "#d55e00"}, {"#8cc6ea", "#f3b48c"}};
static const char *const title[2][KINDS] = {
        {"forward", "gradients"}, {"forward, of a thread", "gradients, of a thread"}};

/* By what the kernel that writes it first computes. */
static Kind kind_of(const Plan *p, const PlanBuffer *b) {
    bool known = b->first >= 0 && b->first < p->kernel.n;
    return known && plan_kernel_is_gradient(&p->kernel.at[b->first]) ? GRADIENT : FORWARD;
}

typedef struct Axes {
    double top, unit; /* bytes: of the axis's end, of its unit */
    const char *name; /* of the unit */
    int kernels;
} Axes;

static Axes axes_of(const Plan *p) {
    Axes x = {.top = (double)(p->arena + p->local),
            .unit = 1,
            .name = "bytes",
            .kernels = p->kernel.n};
    if (x.top >= 1e6)
        x.unit = 1e6, x.name = "MB";
    else if (x.top >= 1e3)
        x.unit = 1e3, x.name = "kB";
    return x;
}

static double start_of(const Plan *p, const PlanBuffer *b) {
    return (double)(b->offset + (b->local ? p->arena : 0));
}

static void put_rectangle(FILE *f, const Plan *p, const PlanBuffer *b, const Axes *x) {
    double from = start_of(p, b) / x->unit, to = from + (double)b->bytes / x->unit;
    bool bordered = INNER_HEIGHT * (double)b->bytes / x->top > 3;
    fprintf(f, "set object rectangle from %d,%.6g to %d,%.6g fc rgb '%s' fs solid 1 %s\n", b->first,
            from, b->last + 1, to, colour[b->local][kind_of(p, b)],
            bordered ? "border rgb '#ffffff' lw 0.5" : "noborder");
}

/* A name only where its letters fit. */
static void put_name(FILE *f, const Plan *p, const PlanBuffer *b, const Axes *x) {
    double wide = INNER_WIDTH * (double)(b->last + 1 - b->first) / (x->kernels + 1);
    double high = INNER_HEIGHT * (double)b->bytes / x->top;
    size_t fit = wide > 0 ? (size_t)(wide / LETTER) : 0;
    if (!b->name || high < LINE || fit < 4 || (fit < strlen(b->name) && fit < 8)) return;
    fputs("set label ", f);
    dl_plot_text(f, b->name, fit);
    fprintf(f, " at %.6g,%.6g center front font ',9' textcolor rgb '%s'\n",
            0.5 * (b->first + b->last + 1), (start_of(p, b) + 0.5 * (double)b->bytes) / x->unit,
            b->local ? "#000000" : "#ffffff");
}

static void put_stretches(FILE *f, const Plan *p) {
    for (int i = 0; i < p->stretch.n; i++) {
        const PlanStretch *s = &p->stretch.at[i];
        fprintf(f,
                "set object rectangle from %d,graph 0 to %d,graph 1 fc rgb '#f0f0f0' fs solid 1 "
                "noborder behind\n"
                "set label 'in slices of %" PRId64 " rows' at %d,graph 1 offset 0.5,-0.7 left "
                "front font ',9' textcolor rgb '#404040'\n",
                s->first, s->last + 1, s->slice_rows, s->first);
    }
}

static void put_key(FILE *f, const Plan *p) {
    const char *between = "plot";
    for (int local = 0; local < 2; local++)
        for (int k = 0; k < KINDS; k++) {
            bool there = false;
            for (int i = 0; i < p->buffer.n; i++)
                there = there ||
                        (p->buffer.at[i].local == local && (int)kind_of(p, &p->buffer.at[i]) == k);
            if (!there) continue;
            fprintf(f, "%s NaN with boxes fs solid 1 lc rgb '%s' title '%s'", between,
                    colour[local][k], title[local][k]);
            between = ",";
        }
    fputc('\n', f);
}

static void put_plan(Arena *a, const Model *m, const Plan *p, FILE *f) {
    Axes x = axes_of(p);
    const char *each =
            p->local ? arena_printf(a, " and %s for each thread", show_bytes(a, (double)p->local))
                     : "";
    fputs("set title ", f);
    dl_plot_text(f,
            arena_printf(a, "%s: a training step of %" PRId64 " rows, %s of scratch memory%s",
                    m->name, m->batch, show_bytes(a, (double)p->arena), each),
            0);
    fprintf(f,
            "\nset xrange [0:%d]\nset yrange [0:%.6g]\nset xlabel 'kernel, in order of execution'\n"
            "set ylabel 'place in memory, %s'\nset key at graph 1, graph 1 right bottom horizontal "
            "noopaque samplen 1.5\nset title offset 0,1.2\nset tmargin 4\nunset grid\n",
            x.kernels, 1.04 * x.top / x.unit, x.name);
    put_stretches(f, p);
    for (int i = 0; i < p->buffer.n; i++) put_rectangle(f, p, &p->buffer.at[i], &x);
    for (int i = 0; i < p->buffer.n; i++) put_name(f, p, &p->buffer.at[i], &x);
    if (p->local)
        fprintf(f,
                "set arrow from graph 0, first %.6g to graph 1, first %.6g nohead dt 2 lc rgb "
                "'#404040' front\n",
                (double)p->arena / x.unit, (double)p->arena / x.unit);
    put_key(f, p);
}

bool show_plan_picture(Arena *a, const Model *m, const Plan *p, const char *path) {
    DlError e = {""};
    DlPlot plot;
    bool ok = p->buffer.n > 0 ||
              dl_fail(&e, "%s: a training step of %s needs no scratch memory", path, m->name);
    ok = ok && dl_plot_begin(&plot, path, WIDTH, HEIGHT, &e);
    if (ok) {
        put_plan(a, m, p, plot.script);
        ok = dl_plot_end(&plot, &e);
    }
    if (!ok) fprintf(stderr, "dlc show: error: %s\n", e.text);
    return ok;
}
