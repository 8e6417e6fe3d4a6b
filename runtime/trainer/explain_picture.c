/* explain_picture.c - explanations as pictures, drawn by gnuplot. A row of panels for each row that
 * is explained: the input, what each place was given (with its scale), and the one over the other.
 * Words stand on grounds of colour; lists are bars.
 *
 * Orange raised the score, blue lowered it; saliency, which has no sign, goes from white to red. A
 * picture's scale ends at the size that one place in a hundred exceeds, so that single points do
 * not hide the rest. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "plot.h"

enum { PANEL = 300, BESIDE = 120, ABOVE = 40, MOST_ROWS = 24 };

typedef struct Colour {
    double r, g, b;
} Colour;

static const Colour orange = {0.90, 0.38, 0.0}, blue = {0.0, 0.35, 0.70}, red = {0.75, 0.0, 0.10};

static Colour between(Colour a, Colour b, double t) {
    return (Colour){a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)};
}

/* ---- pictures -----------------------------------------------------------------------------------
 */

/* A row of the input. */
typedef struct Given {
    dl_type type;
    const unsigned char *at;
} Given;

typedef struct Range {
    double least, most;
} Range;

static Range range_of(const DlPart *p, const Given *a) {
    Range r = {INFINITY, -INFINITY};
    if (a->type == DL_U8) return (Range){0, 255};
    for (size_t i = 0; i < p->elements; i++) {
        double v = dl_value_at(a->type, a->at, i);
        if (!isfinite(v)) continue;
        r.least = fmin(r.least, v);
        r.most = fmax(r.most, v);
    }
    return r;
}

/* Three channels are red, green and blue; of another number it is their mean. */
static Colour input_colour(const DlPart *p, const Given *a, int64_t place, Range in) {
    double c[3] = {0}, span = in.most > in.least ? in.most - in.least : 1;
    for (int64_t k = 0; k < p->depth; k++) {
        double v = (dl_value_at(a->type, a->at, (size_t)(place * p->depth + k)) - in.least) / span;
        if (p->depth == 3)
            c[k] = v;
        else
            for (int i = 0; i < 3; i++) c[i] += v / (double)p->depth;
    }
    return (Colour){c[0], c[1], c[2]};
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What one place in a hundred exceeds. */
static double scale_of(const float *heat, int64_t n) {
    float *size = calloc((size_t)n, sizeof *size);
    if (!size) return 1;
    for (int64_t i = 0; i < n; i++) size[i] = fabsf(heat[i]);
    qsort(size, (size_t)n, sizeof *size, by_value);
    double scale =
            (double)size[n - 1 - n / 100] > 0 ? (double)size[n - 1 - n / 100] : (double)size[n - 1];
    free(size);
    return scale > 0 ? scale : 1;
}

static void put_colour(FILE *f, Colour c) {
    fprintf(f, " %d %d %d", (int)lround(255 * c.r), (int)lround(255 * c.g), (int)lround(255 * c.b));
}

/* A table of the row: x, y, the input's colour, the heat, and the colour of the one over the other.
 */
static void put_places(
        FILE *f, const DlReport *r, int part, int64_t row, const float *heat, double scale) {
    const DlPart *p = &r->explainer->part[part];
    const Given a = {r->split->array[p->input].type, dl_row(r->split, p->input, r->row[row].row)};
    Range in = range_of(p, &a);
    bool has_sign = r->method != DL_SALIENCY;
    fprintf(f, "$row%lld << END\n", (long long)row);
    for (int64_t i = 0; i < p->height * p->width; i++) {
        Colour own = input_colour(p, &a, i, in);
        double grey = 0.299 * own.r + 0.587 * own.g + 0.114 * own.b;
        Colour ground = {0.25 + 0.75 * grey, 0.25 + 0.75 * grey, 0.25 + 0.75 * grey};
        Colour strong = has_sign ? (heat[i] < 0 ? blue : orange) : red;
        double t = fmin(fabs((double)heat[i]) / scale, 1);
        fprintf(f, "%lld %lld", (long long)(i % p->width), (long long)(i / p->width));
        put_colour(f, own);
        fprintf(f, " %.6g", (double)heat[i]);
        put_colour(f, between(ground, strong, 0.85 * t));
        fputc('\n', f);
    }
    fputs("END\n", f);
}

static void put_palette(FILE *f, bool has_sign) {
    if (has_sign)
        fputs("set palette defined (-1 '#0059b3', 0 '#ffffff', 1 '#e66100')\n", f);
    else
        fputs("set palette defined (0 '#ffffff', 1 '#bf001a')\n", f);
}

static void put_panel(
        FILE *f, const DlReport *r, int64_t row, int panel, double scale, double high) {
    static const char *const title[] = {"input", "attribution", "both"};
    double left[] = {0.01, 0.305, 0.705}, wide = 0.29;
    double bottom = 1 - (double)(row + 1) * high;
    fprintf(f, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", left[panel],
            left[panel] + wide - 0.01);
    fprintf(f, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", bottom + 0.04 * high,
            bottom + 0.82 * high);
    char text[256];
    if (panel == 0)
        dl_explain_title(r, row, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s",
                panel == 1 && r->method == DL_SALIENCY ? "size of the gradient" : title[panel]);
    fputs("set title ", f);
    dl_plot_text(f, text, 48);
    fputc('\n', f);
    if (panel == 1) {
        fprintf(f,
                "set cbrange [%.6g:%.6g]\nset cbtics %.6g\nset colorbox user origin %.4f,%.4f size "
                "0.012,%.4f\n",
                r->method == DL_SALIENCY ? 0 : -scale, scale, scale / 2, left[1] + wide,
                bottom + 0.04 * high, 0.78 * high);
        fprintf(f, "plot $row%lld using 1:2:6 with image\nunset colorbox\n", (long long)row);
    } else {
        fprintf(f, "plot $row%lld using 1:2:%s with rgbimage\n", (long long)row,
                panel ? "7:8:9" : "3:4:5");
    }
}

static bool draw_pictures(const DlReport *r, int part, const char *path, DlError *e) {
    const DlPart *p = &r->explainer->part[part];
    int64_t rows = r->rows < MOST_ROWS ? r->rows : MOST_ROWS;
    int64_t high = PANEL * p->height / p->width;
    high = (high < 60 ? 60 : high > 3 * PANEL ? 3 * PANEL : high) + ABOVE + 20;
    float *heat = calloc((size_t)(p->height * p->width), sizeof *heat);
    double *scale = calloc((size_t)rows, sizeof *scale);
    DlPlot plot;
    bool ok = (heat && scale) || dl_fail(e, "out of memory for a picture");
    ok = ok && dl_plot_begin(&plot, path, 3 * PANEL + BESIDE, (int)(rows * high), e);
    for (int64_t i = 0; ok && i < rows; i++) {
        dl_part_heat(p, r->method, r->row[i].attribution[part], heat);
        scale[i] = scale_of(heat, p->height * p->width);
        put_places(plot.script, r, part, i, heat, scale[i]);
    }
    if (ok) {
        FILE *f = plot.script;
        put_palette(f, r->method != DL_SALIENCY);
        fprintf(f,
                "set multiplot\nunset key\nunset xtics\nunset ytics\nunset xlabel\nunset "
                "ylabel\nunset grid\nset border 31 lw 0.5\n"
                "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\nunset colorbox\nset format cb "
                "'%%.2g'\n",
                (long long)p->width - 1, (long long)p->height - 1);
        for (int64_t i = 0; i < rows; i++)
            for (int k = 0; k < 3; k++) put_panel(f, r, i, k, scale[i], 1.0 / (double)rows);
        fputs("unset multiplot\n", f);
        ok = dl_plot_end(&plot, e);
    }
    free(heat);
    free(scale);
    return ok;
}

bool dl_explain_picture(const DlReport *r, const char *path, DlError *e) {
    const DlExplainer *x = r->explainer;
    for (int k = 0; k < x->n; k++)
        if (dl_part_is_picture(&x->part[k])) return draw_pictures(r, k, path, e);
    return dl_explain_lists(r, path, e);
}
