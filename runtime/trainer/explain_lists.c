/* explain_lists.c - pictures of explanations of lists: words stand as they were written, on grounds
 * of colour; columns of a table are bars. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "plot.h"

enum { COLUMNS = 84, CELL_WIDTH = 8, CELL_HEIGHT = 22, MOST_ROWS = 24, MOST_BARS = 30 };

/* ---- words
 * ---------------------------------------------------------------------------------------- */

/* A place in a page of words: the column and the line where the next one goes. */
typedef struct Page {
    FILE *f;
    int column, line;
} Page;

static size_t letters_of(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void next_line(Page *p) {
    p->column = 0;
    p->line++;
}

static void put_label(const Page *p, const char *text, bool bold) {
    fputs("set label ", p->f);
    dl_plot_text(p->f, text, COLUMNS);
    fprintf(p->f, " at first %d,%d left front font '%s'\n", p->column, p->line,
            bold ? "sans-serif:Bold,11" : "monospace,10");
}

/* White where nothing was added, full colour at the scale's end. */
static void put_ground(const Page *p, int wide, double v) {
    static const int up[3] = {230, 110, 20}, down[3] = {40, 120, 200};
    double t = 0.85 * fmin(fabs(v), 1);
    int c[3];
    for (int i = 0; i < 3; i++) c[i] = (int)lround(255 + t * ((v < 0 ? down : up)[i] - 255));
    fprintf(p->f,
            "set object rectangle from first %.2f,%.2f to first %.2f,%.2f fc rgb '#%02x%02x%02x' "
            "fs solid noborder behind\n",
            p->column - 0.3, p->line - 0.42, p->column + wide + 0.3, p->line + 0.42, c[0], c[1],
            c[2]);
}

static void put_words(Page *page, const DlReport *r, const DlPart *p, int part, int64_t row) {
    const float *v = r->row[row].attribution[part];
    double most = dl_part_most(v, p->elements);
    char text[128];
    for (size_t i = 0; i < p->elements; i++) {
        if (!dl_part_is_shown(p, r->split, r->row[row].row, i, v[i])) continue;
        dl_part_text(p, r->split, r->row[row].row, i, text, sizeof text);
        int wide = (int)letters_of(text);
        if (page->column > 0 && page->column + wide > COLUMNS) next_line(page);
        put_ground(page, wide, (double)v[i] / most);
        put_label(page, text, false);
        page->column += wide + 1;
    }
    next_line(page);
}

static void put_key(Page *p, const DlReport *r) {
    static const char *const text[] = {"lowered the score", "raised the score"};
    static const char *const how[] = {"the score's gradient there is large"};
    bool has_sign = r->method != DL_SALIENCY;
    p->column = 1;
    for (int i = has_sign ? 0 : 1; i < 2; i++) {
        const char *said = has_sign ? text[i] : how[0];
        put_ground(p, (int)strlen(said), i ? 0.7 : -0.7);
        put_label(p, said, false);
        p->column += (int)strlen(said) + 4;
    }
    next_line(p);
}

static bool draw_words(const DlReport *r, int part, const char *path, DlError *e) {
    char title[256], *body = NULL;
    size_t size = 0;
    Page page = {.f = open_memstream(&body, &size), .line = 1};
    if (!page.f) return dl_fail(e, "%s: out of memory for the picture", path);
    for (int64_t i = 0; i < r->rows && i < MOST_ROWS; i++) {
        dl_explain_title(r, i, title, sizeof title);
        put_label(&page, title, true);
        next_line(&page);
        put_words(&page, r, &r->explainer->part[part], part, i);
        page.line++;
    }
    put_key(&page, r);
    bool ok = fclose(page.f) == 0;
    DlPlot p;
    ok = ok && dl_plot_begin(&p, path, CELL_WIDTH * (COLUMNS + 2) + 20, CELL_HEIGHT * page.line, e);
    if (ok) {
        fputs("unset border\nunset tics\nunset grid\nunset key\nset lmargin 1\nset rmargin 1\nset "
              "tmargin 0\n"
              "set bmargin 0\n",
                p.script);
        fprintf(p.script, "set xrange [-1:%d]\nset yrange [%d:0]\n", COLUMNS + 1, page.line);
        fwrite(body, 1, size, p.script);
        fputs("plot NaN\n", p.script);
        ok = dl_plot_end(&p, e);
    }
    free(body);
    return ok;
}

/* ---- columns
 * --------------------------------------------------------------------------------------- */

static bool draw_columns(const DlReport *r, int part, const char *path, DlError *e) {
    const DlPart *p = &r->explainer->part[part];
    const float *v = r->row[0].attribution[part];
    int64_t *order = calloc(p->elements, sizeof *order);
    const char *name[MOST_BARS];
    char text[MOST_BARS][128], title[256];
    double value[MOST_BARS];
    int style[MOST_BARS], n = p->elements < MOST_BARS ? (int)p->elements : MOST_BARS;
    if (!order) return dl_fail(e, "%s: out of memory for the picture", path);
    dl_part_order(p, v, order);
    for (int i = 0; i < n; i++) {
        name[i] =
                dl_part_text(p, r->split, r->row[0].row, (size_t)order[i], text[i], sizeof text[i]);
        value[i] = (double)v[order[i]];
        style[i] = value[i] < 0 ? 1 : 2;
    }
    free(order);
    dl_explain_title(r, 0, title, sizeof title);
    DlBars b = {.title = title,
            .n = n,
            .name = name,
            .value = value,
            .style = style,
            .axis = r->method == DL_SALIENCY ? "size of the gradient"
                                             : "what the column added to the score"};
    return dl_plot_bars(path, &b, e);
}

bool dl_explain_lists(const DlReport *r, const char *path, DlError *e) {
    const DlExplainer *x = r->explainer;
    for (int k = 0; k < x->n; k++)
        if (x->part[k].text) return draw_words(r, k, path, e);
    if (r->rows > 1)
        return dl_fail(e, "%s: a picture of columns shows one row, and %lld are given", path,
                (long long)r->rows);
    return draw_columns(r, 0, path, e);
}
