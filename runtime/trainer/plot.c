/* plot.c - see plot.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "utf8.h"

/* ---- the style ----------------------------------------------------------------------------- */

static const char *const colours[] = {
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#a6761d"};
enum { COLOURS = sizeof colours / sizeof *colours };

static void put_style(const DlPlot *p) {
    FILE *f = p->script;
    bool png = strcmp(p->kind, ".png") == 0;
    fprintf(f, "set encoding utf8\nset terminal %s noenhanced size %d,%d font 'sans-serif,%d' %s\n",
            png ? "pngcairo" : "svg", p->width, p->height, png ? 11 : 13,
            png ? "background rgb '#ffffff'" : "background rgb '#ffffff' dynamic");
    for (int i = 0; i < COLOURS; i++)
        fprintf(f, "set style line %d lc rgb '%s' lw 2 pt 7 ps 0.6\n", i + 1, colours[i]);
    fputs("set border 3 lc rgb '#606060'\n"
          "set tics nomirror out scale 0.6 textcolor rgb '#303030'\n"
          "set grid lc rgb '#e0e0e0' lw 1 lt 1\n"
          "set title textcolor rgb '#000000'\n"
          "set key noautotitle top right opaque samplen 2\n"
          "set style fill solid 1 noborder\n",
            f);
}

bool dl_plot_begin(DlPlot *p, const char *path, int width, int height, DlError *e) {
    *p = (DlPlot){.path = path, .width = width, .height = height};
    p->kind = dl_picture_kind(path, e);
    p->script = p->kind ? open_memstream(&p->text, &p->size) : NULL;
    if (!p->script) return dl_fail(e, "%s: out of memory for the picture", path);
    put_style(p);
    return true;
}

void dl_plot_drop(DlPlot *p) {
    if (p->script) fclose(p->script);
    free(p->text);
    *p = (DlPlot){0};
}

/* -d: as gnuplot comes, whatever the user's own settings are. */
bool dl_plot_end(DlPlot *p, DlError *e) {
    static const char *const argument[] = {"gnuplot", "-d", "-", NULL};
    bool ok = !ferror(p->script);
    ok = fclose(p->script) == 0 && ok;
    p->script = NULL;
    if (!ok) dl_error(e, "%s: out of memory for the picture", p->path);
    ok = ok && dl_drawing_make(&dl_gnuplot, argument, p->text, p->size, p->path, e);
    dl_plot_drop(p);
    return ok;
}

/* ---- texts --------------------------------------------------------------------------------- */

/* Within single quotes gnuplot knows no escapes but two quotes for one. Control characters would
 * end the line, and bytes that are no text would make an SVG file unreadable. */
void dl_plot_text(FILE *script, const char *text, size_t most) {
    const unsigned char *s = (const unsigned char *)text;
    fputc('\'', script);
    for (size_t done = 0; *s != '\0'; done++) {
        uint32_t code;
        size_t n = (size_t)dl_utf8_decode(s, 4, &code); /* the NUL ends what is cut short */
        if (most > 0 && done + 1 == most && s[n ? n : 1] != '\0') {
            fputs("\xe2\x80\xa6", script); /* ... */
            break;
        }
        if (n == 0)
            fputc('?', script);
        else if (*s == '\'')
            fputs("''", script);
        else if (*s < 32 || *s == 127)
            fputc(' ', script);
        else
            fwrite(s, 1, n, script);
        s += n ? n : 1;
    }
    fputc('\'', script);
}

/* ---- bars ---------------------------------------------------------------------------------- */

enum { NAME_LENGTH = 32, BAR_HEIGHT = 24, MARGINS = 118 };

static double error_of(const DlBars *b, int i) {
    return b->error && isfinite(b->error[i]) ? b->error[i] : 0;
}

/* Room to the right of the longest bar for its note; to the left, where bars go there. */
static void put_range(FILE *f, const DlBars *b) {
    double least = 0, most = 0;
    for (int i = 0; i < b->n; i++) {
        if (!isfinite(b->value[i])) continue;
        least = fmin(least, b->value[i] - error_of(b, i));
        most = fmax(most, b->value[i] + error_of(b, i));
    }
    double length = most - least > 0 ? most - least : 1;
    fprintf(f, "set xrange [%.9g:%.9g]\nset yrange [%d:0.4]\n",
            least < 0 ? least - 0.03 * length : 0, most + 0.18 * length, b->n + 1);
}

static void put_note(FILE *f, const DlBars *b, int i) {
    char value[32];
    double end = isfinite(b->value[i]) ? fmax(b->value[i] + error_of(b, i), 0) : 0;
    snprintf(value, sizeof value, "%.4g", b->value[i]);
    fputs("set label ", f);
    dl_plot_text(f, b->note ? b->note[i] : value, NAME_LENGTH);
    fprintf(f, " at first %.9g,%d offset character 0.7,0 left front\n", end, i + 1);
}

bool dl_plot_bars(const char *path, const DlBars *b, DlError *e) {
    DlPlot p;
    if (!dl_plot_begin(&p, path, 760, MARGINS + BAR_HEIGHT * b->n, e)) return false;
    FILE *f = p.script;
    put_range(f, b);
    fputs("set title ", f);
    dl_plot_text(f, b->title, 0);
    fputs("\nset bmargin 4.2\nset label ", f); /* may be longer than the axis */
    dl_plot_text(f, b->axis, 0);
    fputs(" at screen 0.5, screen 0 offset 0, character 1.2 center\nset grid xtics noytics\nset "
          "border 1\nset xzeroaxis lt 1\nset yzeroaxis lt 1 lc rgb "
          "'#606060'\nset ytics scale 0 (",
            f);
    for (int i = 0; i < b->n; i++) {
        fputs(i ? ", " : "", f);
        dl_plot_text(f, b->name[i], NAME_LENGTH);
        fprintf(f, " %d", i + 1);
    }
    fputs(")\n", f);
    for (int i = 0; i < b->n; i++) put_note(f, b, i);
    fputs("$bars << END\n", f);
    for (int i = 0; i < b->n; i++)
        fprintf(f, "%d %.9g %.9g %d\n", i + 1, isfinite(b->value[i]) ? b->value[i] : 0.0,
                error_of(b, i), b->style ? b->style[i] : 1);
    fputs("END\n", f);
    for (int k = 1; k <= COLOURS; k++)
        fprintf(f,
                "%s $bars using ($4 == %d ? 0.5 * $2 : NaN):1:(0.5 * abs($2)):(0.32) with "
                "boxxyerror ls %d",
                k == 1 ? "plot" : ",", k, k);
    if (b->error) fputs(", $bars using 2:1:3 with xerrorbars lc rgb '#000000' lw 1.5 pt -1", f);
    fputc('\n', f);
    return dl_plot_end(&p, e);
}
