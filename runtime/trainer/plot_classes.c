/* plot_classes.c - see plot_classes.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "plot_classes.h"

/* ---- confusions ---------------------------------------------------------------------------- */

/* Cells get smaller with more of them, and say less: both numbers, the count alone, nothing. */
enum { BOTH = 12, COUNTS = 24, MOST = 256, NAME_LENGTH = 24, LETTER = 8, TITLE = 60, SCALE = 130 };

static int cell_side(int n) {
    return n < 5 ? 300 / n : n <= BOTH ? 62 : n <= COUNTS ? 42 : 900 / n > 4 ? 900 / n : 4;
}

static int longest_name(DlClasses c) {
    size_t most = 0;
    for (int i = 0; i < c.n; i++)
        if (strlen(c.name[i]) > most) most = strlen(c.name[i]);
    return most < NAME_LENGTH ? (int)most : NAME_LENGTH;
}

/* Where names would run into one another, only some are written. */
static void put_names(FILE *f, const char *axis, DlClasses c, int side) {
    int every = side >= 14 ? 1 : (14 + side - 1) / side;
    fprintf(f, "set %stics scale 0 (", axis);
    for (int i = 0; i < c.n; i += every) {
        fputs(i ? ", " : "", f);
        dl_plot_text(f, c.name[i], NAME_LENGTH);
        fprintf(f, " %d", i);
    }
    fputs(")\n", f);
}

/* column, row, count, share of the row, colour of the text */
static void put_cells(FILE *f, int n, const int64_t *count) {
    fputs("$cells << END\n", f);
    for (int i = 0; i < n; i++) {
        int64_t row = 0;
        for (int j = 0; j < n; j++) row += count[i * n + j];
        for (int j = 0; j < n; j++) {
            double share = row > 0 ? (double)count[i * n + j] / (double)row : 0;
            fprintf(f, "%d %d %lld %.6g %d\n", j, i, (long long)count[i * n + j], share,
                    share > 0.45 ? 0xffffff
                    : share > 0  ? 0x202020
                                 : 0xa0a0a0);
        }
    }
    fputs("END\n", f);
}

static void put_confusion(const DlPlot *p, const DlClassifier *k, const int64_t *count, int side,
        int left, int below) {
    FILE *f = p->script;
    int n = k->c.n;
    put_cells(f, n, count);
    fprintf(f, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n", (double)left / p->width,
            (double)(left + n * side) / p->width);
    fprintf(f, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
            1 - (double)TITLE / p->height, (double)below / p->height);
    fprintf(f, "set xrange [-0.5:%d.5]\nset yrange [%d.5:-0.5]\nunset grid\nset border 0\n", n - 1,
            n - 1);
    put_names(f, "y", k->c, side);
    put_names(f, "x", k->c, side);
    if (longest_name(k->c) * LETTER > side) fputs("set xtics rotate by 45 right\n", f);
    fputs("set palette defined (0 '#f4f7fb', 0.15 '#c3d8ee', 0.5 '#4a90c8', 1 '#083a75')\n"
          "set cbrange [0:1]\nset cblabel 'share of the rows of a class' offset 1\nset format cb "
          "'%.1f'\n"
          "set xlabel 'predicted'\nset ylabel 'is'\nset border 0\nset colorbox\n",
            f);
    fputs("plot $cells using 1:2:(0.48):(0.48):4 with boxxyerror fc palette", f);
    if (n <= BOTH)
        fputs(", $cells using 1:2:(sprintf('%d', $3)):5 with labels tc rgb variable offset 0, 0.5"
              ", $cells using 1:2:($3 > 0 ? sprintf('%.0f %%', 100 * $4) : ''):5 with "
              "labels tc rgb variable font ',9' offset 0, -0.8",
                f);
    else if (n <= COUNTS)
        fputs(", $cells using 1:2:($3 > 0 ? sprintf('%d', $3) : ''):5 with labels tc rgb variable "
              "font ',9'",
                f);
    fputc('\n', f);
}

static int64_t count_right(const DlClassifier *k) {
    int64_t right = 0;
    double weight;
    for (int64_t r = 0; r < k->rows; r++)
        right += dl_class_true(k, r) == dl_class_predicted(k, r, &weight);
    return right;
}

static void put_title(FILE *f, const char *title, const DlClassifier *k) {
    char text[512];
    snprintf(text, sizeof text, "%.200s: %.1f %% of %lld rows right", title,
            100 * (double)count_right(k) / (double)k->rows, (long long)k->rows);
    fputs("set label ", f);
    dl_plot_text(f, text, 0);
    fputs(" at screen 0.5, screen 1 offset 0, character -1.2 center\n", f);
}

bool dl_plot_confusion(const char *path, const char *title, const DlClassifier *k, DlError *e) {
    int n = k->c.n, side = cell_side(n), name = longest_name(k->c) * LETTER;
    int left = 50 + name, below = 50 + (name > side ? (7 * name + 9) / 10 : 16);
    int width = left + n * side + SCALE;
    DlPlot p;
    if (n > MOST)
        return dl_fail(e, "%s: a picture has room for %d classes, and there are %d", path, MOST, n);
    int64_t *count = calloc((size_t)n * (size_t)n, sizeof *count);
    bool ok = (count || dl_fail(e, "%s: out of memory for the picture", path)) &&
              dl_plot_begin(&p, path, width > 480 ? width : 480, TITLE + n * side + below, e);
    if (ok) {
        dl_class_confusions(k, count);
        put_title(p.script, title, k);
        put_confusion(&p, k, count, side, left, below);
        ok = dl_plot_end(&p, e);
    }
    free(count);
    return ok;
}

/* ---- calibration --------------------------------------------------------------------------- */

static int bin_of(double sure) {
    int bin = (int)(sure * CALIBRATION_BINS);
    return bin < 0 ? 0 : bin < CALIBRATION_BINS ? bin : CALIBRATION_BINS - 1;
}

void dl_calibration(const DlClassifier *k, DlCalibration *c) {
    *c = (DlCalibration){0};
    for (int64_t r = 0; r < k->rows; r++) {
        double sure;
        int right = dl_class_predicted(k, r, &sure) == dl_class_true(k, r), bin = bin_of(sure);
        c->rows[bin]++;
        c->right[bin] += right;
        c->sure[bin] += sure;
    }
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        if (c->rows[b] == 0) continue;
        c->error += fabs(c->right[b] - c->sure[b]) / (double)k->rows;
        c->right[b] /= (double)c->rows[b];
        c->sure[b] /= (double)c->rows[b];
    }
}

static void put_bins(FILE *f, const DlCalibration *c, int64_t rows) {
    fputs("$bins << END\n", f);
    for (int b = 0; b < CALIBRATION_BINS; b++)
        if (c->rows[b] > 0)
            fprintf(f, "%.6f %.6g %.6g %.6g\n", (b + 0.5) / CALIBRATION_BINS, c->right[b],
                    c->sure[b], 100 * (double)c->rows[b] / (double)rows);
    fputs("END\n", f);
}

/* Above, how often it is right, beside the diagonal of a model that is as often right as it is
 * sure; below, which share of the rows is in each bin. */
static void put_calibration(FILE *f, double least, double error) {
    double half = 0.5 / CALIBRATION_BINS - 0.003;
    fprintf(f,
            "set multiplot\nset lmargin at screen 0.13\nset rmargin at screen 0.96\n"
            "set xrange [%.6g:1]\nset yrange [0:1]\nset xtics 0.1\nset ytics 0.2\n"
            "set label 'expected calibration error %.2f %%' at screen 0.5, screen 1 offset 0, "
            "character -2.5 center\nset tmargin at screen 0.885\nset bmargin at screen 0.35\n"
            "set format x ''\nset ylabel 'share that is right'\nset key at graph 1, graph 1 "
            "right bottom horizontal noopaque samplen 1.5\n",
            least, 100 * error);
    fprintf(f,
            "plot $bins using 1:2:($1 - %.6f):($1 + %.6f):(0):2 with boxxyerror ls 5 "
            "title 'right', x with lines lc rgb '#606060' dt 2 lw 1.5 title 'ideal', "
            "$bins using 3:2 with points ls 2 ps 0.9 title 'mean confidence'\n",
            half, half);
    fprintf(f,
            "unset label\nunset key\nset tmargin at screen 0.31\nset bmargin at screen 0.11\n"
            "set yrange [0:*]\nset ytics autofreq\nset format x '%%.1f'\n"
            "set xlabel 'confidence: probability of the class that is predicted'\n"
            "set ylabel '%% of the rows'\n"
            "plot $bins using 1:4:($1 - %.6f):($1 + %.6f):(0):4 with boxxyerror ls 1\n"
            "unset multiplot\n",
            half, half);
}

bool dl_plot_calibration(const char *path, const char *title, const DlClassifier *k, DlError *e) {
    DlCalibration c;
    DlPlot p;
    if (!dl_classifier_is_sure(k))
        return dl_fail(e,
                "%s: calibration is about probabilities, and '%s', the first output, has none: "
                "they are from 0 to 1 and add up to 1, as those of softmax or sigmoid",
                path, k->tensor->name);
    if (!dl_plot_begin(&p, path, 700, 680, e)) return false;
    dl_calibration(k, &c);
    put_title(p.script, title, k);
    put_bins(p.script, &c, k->rows);
    put_calibration(p.script, k->c.n == 2 ? 0.5 : 0, c.error);
    return dl_plot_end(&p, e);
}
