/* plot_curves.c - see plot_curves.h. What a column is follows from its name: a loss ends with
 * "loss", a rate is "rate" or ends with ".rate". Panels stand one below the other over the same
 * epochs, and each has no more curves than its key has room for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plot.h"
#include "plot_curves.h"

enum {
    WIDTH = 760,
    PANEL = 240,
    TOP = 34,
    BOTTOM = 50,
    MOST_PANELS = 8,
    KEY_ROOM = 70,
    KEY_SAMPLE = 7,
    FEW = 60
};

typedef enum { LOSS, METRIC, RATE, EPSILON, KINDS } Kind;

static const char *const label_of[KINDS] = {
        "loss", "metric", "learning rate", "epsilon (privacy spent)"};

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static Kind kind_of(const char *name) {
    if (ends_with(name, "loss")) return LOSS;
    if (strcmp(name, "rate") == 0 || ends_with(name, ".rate")) return RATE;
    return strcmp(name, "epsilon") == 0 ? EPSILON : METRIC;
}

/* ---- columns -----------------------------------------------------------------------------------
 */

typedef struct Extent {
    double least, most; /* of the finite values; least > most: there is none */
} Extent;

static Extent extent_of(const DlHistory *h, int column) {
    Extent x = {INFINITY, -INFINITY};
    for (int64_t r = 0; r < h->rows; r++) {
        double v = dl_history_at(h, r)[1 + column];
        if (!isfinite(v)) continue;
        x.least = fmin(x.least, v);
        x.most = fmax(x.most, v);
    }
    return x;
}

/* Of rates, those that change. */
static bool is_shown(const DlHistory *h, int column) {
    Extent x = extent_of(h, column);
    return kind_of(h->name[column]) == RATE ? x.most > x.least : x.most >= x.least;
}

static bool is_share(Extent x) {
    return x.least >= 0 && x.most <= 1;
}

/* ---- panels ------------------------------------------------------------------------------------
 */

typedef struct Panel {
    Kind kind;
    int n, *column; /* in h->name */
    size_t longest; /* letters of a column's name */
    Extent extent;  /* of all of its columns */
} Panel;

typedef struct Panels {
    int n;
    Panel at[MOST_PANELS];
} Panels;

/* Losses share a scale, and so do metrics that are shares of 1. In a key each name has as much
 * room as the longest. */
static bool belongs(const Panel *p, Kind kind, Extent x, size_t letters) {
    bool scale = kind != METRIC || (is_share(x) && is_share(p->extent));
    size_t longest = letters > p->longest ? letters : p->longest;
    return p->kind == kind && scale && (size_t)(p->n + 1) * (longest + KEY_SAMPLE) <= KEY_ROOM;
}

static void add_column(Panels *all, const DlHistory *h, int column, int *room) {
    Kind kind = kind_of(h->name[column]);
    Extent x = extent_of(h, column);
    size_t letters = strlen(h->name[column]);
    int k = 0;
    while (k < all->n && !belongs(&all->at[k], kind, x, letters)) k++;
    if (k == MOST_PANELS) return;
    Panel *p = &all->at[k];
    if (k == all->n) {
        all->n++;
        *p = (Panel){.kind = kind, .column = room + k * h->n, .extent = x};
    }
    p->column[p->n++] = column;
    p->longest = letters > p->longest ? letters : p->longest;
    p->extent = (Extent){fmin(p->extent.least, x.least), fmax(p->extent.most, x.most)};
}

static void make_panels(Panels *all, const DlHistory *h, int *room) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int c = 0; c < h->n; c++)
            if ((int)kind_of(h->name[c]) == kind && is_shown(h, c)) add_column(all, h, c, room);
}

/* ---- the script ---------------------------------------------------------------------------- */

static void put_data(FILE *f, const DlHistory *h) {
    fputs("set datafile missing 'NaN'\n$run << END\n", f);
    for (int64_t r = 0; r < h->rows; r++)
        for (int i = 0; i <= h->n; i++) {
            double v = dl_history_at(h, r)[i];
            if (isfinite(v))
                fprintf(f, "%.9g", v);
            else
                fputs("NaN", f);
            fputc(i == h->n ? '\n' : ' ', f);
        }
    fputs("END\n", f);
}

/* Epochs are whole numbers: so are their ticks, ten or fewer. */
static void put_epochs(FILE *f, const DlHistory *h) {
    double first = dl_history_at(h, 0)[0], last = dl_history_at(h, h->rows - 1)[0], step = 1;
    static const double next[] = {2, 2.5, 2};
    for (int i = 0; (last - first) / step > 10; i++) step *= next[i % 3];
    double beside = last > first ? 0.01 * (last - first) : 0.5;
    fprintf(f, "set xrange [%.9g:%.9g]\nset xtics %.9g\n", first - beside, last + beside, step);
}

static void put_panel(
        FILE *f, const DlHistory *h, const Panel *p, int which, int panels, int height) {
    double top = 1 - (double)(TOP + which * PANEL) / height;
    double bottom = top - (double)PANEL / height;
    bool log = p->kind != METRIC && p->extent.least > 0 && p->extent.most / p->extent.least > 30;
    bool last = which == panels - 1;
    fprintf(f, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", top - 22.0 / height,
            bottom + 16.0 / height);
    fputs(log ? "set logscale y\nset offsets\n"
              : "unset logscale y\nset offsets 0, 0, graph 0.06, graph 0.06\n",
            f);
    fprintf(f, "set format y '%s'\nset format x '%s'\nset xlabel '%s'\n", log ? "%.3g" : "%.6g",
            last ? "%g" : "", last ? "epoch" : "");
    fprintf(f, "set label 2 '%s%s' at screen 0.022, graph 0.5 center rotate\n", label_of[p->kind],
            log ? " (log scale)" : "");
    for (int i = 0; i < p->n; i++) {
        fputs(i ? ", " : "plot ", f);
        fprintf(f, "$run using 1:%d with %s ls %d title ", p->column[i] + 2,
                h->rows <= FEW ? "linespoints" : "lines", i + 1);
        dl_plot_text(f, h->name[p->column[i]], 0);
    }
    fputc('\n', f);
}

/* The lowest loss on rows that were not trained on, which is what a run is judged by. */
static void put_title(FILE *f, const char *title, const DlHistory *h) {
    char text[512];
    int column = -1, used = snprintf(text, sizeof text, "%.200s", title);
    int64_t best = -1;
    for (int i = 0; i < h->n; i++)
        if (kind_of(h->name[i]) == LOSS && strcmp(h->name[i], "train_loss") != 0) column = i;
    for (int64_t r = 0; column >= 0 && r < h->rows; r++) {
        double v = dl_history_at(h, r)[1 + column];
        if (isfinite(v) && (best < 0 || v < dl_history_at(h, best)[1 + column])) best = r;
    }
    if (best >= 0)
        snprintf(text + used, sizeof text - (size_t)used, ": lowest %.60s %.4g, after epoch %.9g",
                h->name[column], dl_history_at(h, best)[1 + column], dl_history_at(h, best)[0]);
    fputs("set label 1 ", f);
    dl_plot_text(f, text, 0);
    fprintf(f, " at screen 0.5, graph 1 offset 0, character 2.5 center\n");
}

bool dl_plot_curves(const char *path, const char *title, const DlHistory *h, DlError *e) {
    Panels all = {0};
    DlPlot p;
    int *room = calloc((size_t)(MOST_PANELS * h->n) + 1, sizeof *room);
    if (!room) return dl_fail(e, "%s: out of memory for the picture", path);
    make_panels(&all, h, room);
    int height = TOP + all.n * PANEL + BOTTOM;
    bool ok = all.n > 0 || dl_fail(e, "%s: there is no finite number to draw", path);
    ok = ok && dl_plot_begin(&p, path, WIDTH, height, e);
    if (ok) {
        put_data(p.script, h);
        put_epochs(p.script, h);
        fprintf(p.script,
                "set multiplot\nset lmargin at screen 0.125\nset rmargin at screen 0.97\n"
                "set key at graph 1, graph 1 right bottom horizontal noopaque samplen 1.5 "
                "width 1\n");
        put_title(p.script, title, h);
        for (int k = 0; k < all.n; k++) {
            put_panel(p.script, h, &all.at[k], k, all.n, height);
            fputs("unset label 1\n", p.script);
        }
        fputs("unset multiplot\n", p.script);
        ok = dl_plot_end(&p, e);
    }
    free(room);
    return ok;
}

/* ---- while the run goes on ----------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool dl_curves_open(DlCurves *c, const char *path, const char *title, DlError *e) {
    *c = (DlCurves){.path = path, .title = title};
    return !path || dl_drawing_possible(&dl_gnuplot, path, e);
}

bool dl_curves_draw(DlCurves *c, const DlHistory *h, bool last, DlError *e) {
    double begun = now();
    if (!c->path || h->rows == 0 || h->rows == c->drawn || (!last && begun < c->before))
        return true;
    bool ok = dl_plot_curves(c->path, c->title, h, e);
    double end = now();
    c->before = end + PLOT_SHARE * (end - begun);
    c->drawn = h->rows;
    if (!ok) c->path = NULL;
    return ok;
}
