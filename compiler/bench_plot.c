/* bench_plot.c - `dlc bench --plot`: above, a bar for each system; below, the roofline: what the
 * machine can move and multiply, and every kernel of a training step by the operations that it
 * does for each byte (after Williams, Waterman and Patterson, 2009). */
#include <math.h>
#include <string.h>

#include "../runtime/trainer/plot.h"
#include "bench.h"

enum { WIDTH = 900, TOP = 44, BAR = 26, BARS_BELOW = 56, ROOFLINE = 500, LEFT = 190, NAMED = 12 };
enum { INNER_WIDTH = 680, INNER_HEIGHT = 400, LETTER = 7, LINE = 14, MOST_BARS = 24 };

typedef struct Bar {
    const char *name;
    double us;
    int style; /* 1: generated, 2: interpreted, 3: measured elsewhere */
} Bar;

typedef struct Bars {
    int n;
    Bar at[MOST_BARS];
    const char *what;
} Bars;

static void add_bar(Bars *b, const char *name, double us, int style) {
    if (us > 0 && b->n < MOST_BARS) b->at[b->n++] = (Bar){name, us, style};
}

/* The most threads first: what a user has. */
static Bars bars_of(Arena *a, const Model *m, const Result *r, int n, const Reference *reference,
        int nreference) {
    Bars b = {.what = m->loss ? arena_printf(a, "a training step of %lld rows", (long long)m->batch)
                              : arena_printf(a, "a prediction of %lld rows", (long long)m->batch)};
    for (int t = n - 1; t >= 0; t--)
        for (int k = 0; k < SYSTEMS; k++) {
            const Measured *v = &r[t].of[k];
            const char *name = arena_printf(a, "%s, %d thread%s", system_name[k], r[t].threads,
                    r[t].threads == 1 ? "" : "s");
            add_bar(&b, name, m->loss ? v->step_us : v->predict_us, 1 + k);
        }
    for (int i = 0; i < nreference; i++) add_bar(&b, reference[i].name, reference[i].step_us, 3);
    return b;
}

static void put_bars(Arena *a, FILE *f, const Model *m, const Bars *b) {
    double most = 0;
    for (int i = 0; i < b->n; i++) most = fmax(most, b->at[i].us);
    double unit = most < 1e3 ? 1 : most < 1e6 ? 1e3 : 1e6;
    fputs("set label ", f);
    dl_plot_text(f, arena_printf(a, "%s: %s", m->name, b->what), 0);
    fprintf(f,
            " at screen 0.5, screen 1 offset 0, character -1.2 center\n"
            "set xrange [0:%.9g]\nset yrange [%d.5:0.5]\nset border 1\nset grid xtics noytics\n"
            "set xlabel 'time, %s'\nset ytics scale 0 (",
            1.15 * most / unit, b->n,
            unit < 2     ? "us"
            : unit < 2e3 ? "ms"
                         : "s");
    for (int i = 0; i < b->n; i++) {
        fputs(i ? ", " : "", f);
        dl_plot_text(f, b->at[i].name, 28);
        fprintf(f, " %d", i + 1);
    }
    fputs(")\n$bars << END\n", f);
    for (int i = 0; i < b->n; i++)
        fprintf(f, "%d %.9g %d\n", i + 1, b->at[i].us / unit, b->at[i].style);
    fputs("END\n", f);
    for (int i = 0; i < b->n; i++)
        fprintf(f, "set label '%s' at first %.9g,%d left offset character 0.7,0\n",
                time_text(a, b->at[i].us), b->at[i].us / unit, i + 1);
    for (int style = 1; style <= 3; style++)
        fprintf(f,
                "%s $bars using ($3 == %d ? 0.5 * $2 : NaN):1:(0.5 * $2):(0.34) with boxxyerror "
                "ls %d",
                style == 1 ? "plot" : ",", style, style);
    fputs("\nunset label\n", f);
}

/* ---- the roofline -------------------------------------------------------------------------- */

typedef struct Spot {
    double intensity, gflops, share;
    const char *name;
    bool gradient;
} Spot;

typedef struct Spots {
    int n, plain; /* plain: kernels without operations on reals */
    Spot *at;
    double plain_share;
    double x[2], y[2]; /* range */
} Spots;

static void widen(double range[2], double v) {
    range[0] = fmin(range[0], v);
    range[1] = fmax(range[1], v);
}

static Spots spots_of(Arena *a, const KernelTimes *k, const Result *r) {
    Spots s = {.at = NEW_ARRAY(a, Spot, k->n + 1)};
    double ridge = r->limits.gflops / r->limits.triad;
    s.x[0] = s.x[1] = ridge;
    s.y[0] = s.y[1] = r->limits.gflops;
    widen(s.x, 4 * ridge);
    for (int i = 0; i < k->n; i++) {
        const PlanKernel *line = k->at[i].kernel;
        double seconds = k->at[i].seconds / r->threads, share = k->at[i].seconds / k->all;
        if (!(line->flops > 0 && line->bytes > 0 && seconds > 0)) {
            s.plain++;
            s.plain_share += share;
            continue;
        }
        Spot spot = {line->flops / line->bytes, line->flops * line->times / seconds * 1e-9, share,
                line->function, plan_kernel_is_gradient(line)};
        s.at[s.n++] = spot;
        widen(s.x, spot.intensity);
        widen(s.y, spot.gflops);
    }
    s.y[0] = fmax(s.y[0], 1e-4 * r->limits.gflops);
    for (int i = 0; i < 2; i++) {
        s.x[i] *= i ? 1.6 : 0.6;
        s.y[i] *= i ? 2.2 : 0.6;
    }
    return s;
}

static double place(double v, const double range[2], double pixels) {
    return log(v / range[0]) / log(range[1] / range[0]) * pixels;
}

/* What a name may not cover: other names, and the points of kernels that take some time. */
typedef struct Box {
    double left, right, bottom, top;
} Box;
typedef struct Boxes {
    int n;
    Box *at;
} Boxes;

static bool is_free(const Boxes *b, Box x) {
    bool inside = x.left >= 0 && x.right <= INNER_WIDTH && x.bottom >= 0 && x.top <= INNER_HEIGHT;
    for (int i = 0; inside && i < b->n; i++)
        inside = x.left >= b->at[i].right || x.right <= b->at[i].left || x.bottom >= b->at[i].top ||
                 x.top <= b->at[i].bottom;
    return inside;
}

static Boxes points_of_some_time(Arena *a, const Spots *s) {
    Boxes b = {.at = NEW_ARRAY(a, Box, 2 * s->n + 1)};
    for (int i = 0; i < s->n; i++) {
        double x = place(s->at[i].intensity, s->x, INNER_WIDTH),
               y = place(s->at[i].gflops, s->y, INNER_HEIGHT);
        double half = 2 + 12 * sqrt(s->at[i].share);
        if (s->at[i].share >= 0.005) b.at[b.n++] = (Box){x - half, x + half, y - half, y + half};
    }
    return b;
}

/* Beside its point, above or below it: the first place that is free. */
static void put_name(Arena *a, FILE *f, const Spots *s, const Spot *spot, Boxes *b) {
    static const struct {
        const char *align, *offset;
        double x, y, anchor;
    } side[] = {{"left", "1.6,0", 13, 0, 0}, {"right", "-1.6,0", -13, 0, 1},
            {"center", "0,1", 0, 17, 0.5}, {"center", "0,-1", 0, -17, 0.5},
            {"left", "1.2,0.9", 10, 15, 0}, {"right", "-1.2,0.9", -10, 15, 1},
            {"left", "1.2,-0.9", 10, -15, 0}, {"right", "-1.2,-0.9", -10, -15, 1},
            {"center", "0,1.9", 0, 32, 0.5}, {"center", "0,-1.9", 0, -32, 0.5}};
    const char *text = arena_printf(a, "%s, %.0f %%", spot->name, 100 * spot->share);
    double x = place(spot->intensity, s->x, INNER_WIDTH),
           y = place(spot->gflops, s->y, INNER_HEIGHT);
    double width = LETTER * (double)strlen(text);
    for (size_t i = 0; i < sizeof side / sizeof *side; i++) {
        double left = x + side[i].x - side[i].anchor * width, middle = y + side[i].y;
        Box box = {left, left + width, middle - LINE / 2.0, middle + LINE / 2.0};
        if (!is_free(b, box)) continue;
        b->at[b->n++] = box;
        fputs("set label ", f);
        dl_plot_text(f, text, 0);
        fprintf(f, " at first %.6g,%.6g %s offset character %s front font ',9'\n", spot->intensity,
                spot->gflops, side[i].align, side[i].offset);
        return;
    }
}

/* Kernels are in order of their time, so that the first choose first. */
static void put_names(Arena *a, FILE *f, const Spots *s) {
    Boxes b = points_of_some_time(a, s);
    for (int i = 0; i < s->n && i < NAMED; i++)
        if (s->at[i].share >= 0.01) put_name(a, f, s, &s->at[i], &b);
}

static void put_roofline(Arena *a, FILE *f, const KernelTimes *k, const Result *r) {
    Spots s = spots_of(a, k, r);
    const Limits *l = &r->limits;
    fprintf(f,
            "set border 3\nset grid xtics ytics\nset logscale xy\nset xrange [%.6g:%.6g]\n"
            "set yrange [%.6g:%.6g]\nset xtics autofreq scale 0.6\nset ytics autofreq scale 0.6\n"
            "set format '%%g'\nset xlabel 'operations a byte%s'\n"
            "set ylabel 'GFLOP/s'\nset key bottom right noopaque\n$kernels << END\n",
            s.x[0], s.x[1], s.y[0], s.y[1],
            s.plain ? arena_printf(a,
                              " of the kernel''s arrays (%d kernels without any, %.0f %% of the "
                              "time, are not here)",
                              s.plain, 100 * s.plain_share)
                    : " of the kernel''s arrays");
    for (int i = s.n - 1; i >= 0; i--)
        fprintf(f, "%.6g %.6g %.6g %d\n", s.at[i].intensity, s.at[i].gflops,
                0.5 + 4.5 * sqrt(s.at[i].share), s.at[i].gradient);
    fputs("END\n", f);
    put_names(a, f, &s);
    fprintf(f,
            "set label 'the kernels of a training step, %d thread%s: a larger point takes more "
            "of the time' at screen 0.5, graph 1 center offset 0,0.9\n",
            r->threads, r->threads == 1 ? "" : "s");
    fprintf(f,
            "plot %.6g with lines lc rgb '#000000' lw 1.5 title 'multiply-adds: %.0f GFLOP/s', "
            "(x * %.6g < %.6g ? x * %.6g : NaN) with lines lc rgb '#000000' lw 1.5 dt 2 title "
            "'memory: %.1f GB/s (what lies in a cache may be above)', ",
            l->gflops, l->gflops, l->triad, l->gflops * 1.02, l->triad, l->triad);
    for (int gradient = 0; gradient < 2; gradient++)
        fprintf(f,
                "$kernels using 1:($4 == %d ? $2 : NaN):3 with points pt 7 ps variable lc rgb '%s' "
                "title '%s'%s",
                gradient, gradient ? "#80d55e00" : "#800072b2",
                gradient ? "gradients" : "forward, updates", gradient ? "\n" : ", ");
}

static void put_margins(FILE *f, int height, int from, int to) {
    fprintf(f,
            "set lmargin at screen %.5f\nset rmargin at screen 0.965\nset tmargin at screen %.5f\n"
            "set bmargin at screen %.5f\n",
            (double)LEFT / WIDTH, 1 - (double)from / height, 1 - (double)to / height);
}

bool plot_bench(Arena *a, const char *path, const Model *m, const Result *r, int n,
        const Reference *reference, int nreference, const KernelTimes *k) {
    Bars b = bars_of(a, m, r, n, reference, nreference);
    int below = TOP + BAR * b.n, height = below + BARS_BELOW + (k ? ROOFLINE : 0);
    DlError e = {""};
    DlPlot plot;
    bool ok = dl_plot_begin(&plot, path, WIDTH, height, &e);
    if (ok) {
        fputs("set multiplot\n", plot.script);
        put_margins(plot.script, height, TOP, below);
        put_bars(a, plot.script, m, &b);
        if (k) {
            put_margins(plot.script, height, below + BARS_BELOW + 40, height - 56);
            put_roofline(a, plot.script, k, &r[n - 1]);
        }
        fputs("unset multiplot\n", plot.script);
        ok = dl_plot_end(&plot, &e);
    }
    if (!ok) fprintf(stderr, "dlc bench: error: %s\n", e.text);
    return ok;
}
