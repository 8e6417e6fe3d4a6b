/* explain_print.c - explanations as text. Of words, on a terminal: the words themselves on a ground
 * of colour, orange for what raised the score, blue for what lowered it; elsewhere a line a word.
 * Of pictures, characters by the size of what each place is given; of lists, the largest as bars.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "progress.h"

enum { MOST_LISTED = 20, MOST_WIDE = 64, WIDTH = 78 };

static bool is_signed(const DlReport *r) {
    return r->method != DL_SALIENCY;
}

/* ---- what is explained --------------------------------------------------------------------------
 */

/* Of a single output with two classes, it is how much the second is. */
static const char *class_name(const DlReport *r, const DlExplained *e) {
    const DlExplainer *x = r->explainer;
    if (r->classes.n == x->classes && x->classes > 1) return r->classes.name[e->class];
    if (r->classes.n == 2 && x->classes == 1) return r->classes.name[e->sign > 0];
    return NULL;
}

void dl_explain_title(const DlReport *r, int64_t row, char *text, size_t size) {
    const DlExplained *e = &r->row[row];
    const char *name = class_name(r, e);
    if (name)
        snprintf(text, size, "row %lld: %s %.4g", (long long)e->row, name, e->score);
    else if (r->explainer->classes > 1)
        snprintf(text, size, "row %lld: element %d of the output, %.4g", (long long)e->row,
                e->class, e->score);
    else
        snprintf(text, size, "row %lld: output %.4g", (long long)e->row, e->score);
}

/* How far the attributions are from adding up, in parts of what they should. */
static double error_of(const DlExplained *e) {
    double way = fabs(e->score - e->absent);
    return way > 0 ? fabs(e->sum - (e->score - e->absent)) / way : fabs(e->sum);
}

static void print_head(const DlReport *r, int64_t row) {
    const DlExplained *e = &r->row[row];
    char title[256];
    dl_explain_title(r, row, title, sizeof title);
    printf("%s; of the baseline %.4g\n", title, e->absent);
    if (r->method != DL_INTEGRATED) return;
    printf("attributions add up to %+.4g of %+.4g (error %.2g %%%s)\n", e->sum,
            e->score - e->absent, 100 * error_of(e),
            error_of(e) > 0.05 ? "; more --steps make it smaller" : "");
}

/* ---- words --------------------------------------------------------------------------------------
 */

static bool colours(void) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 && !(no && *no);
}

/* A colour of the terminal's cube of 6 x 6 x 6, from white to orange or blue. */
static int ground(double v) {
    static const int up[] = {231, 230, 223, 222, 215, 208}, down[] = {231, 195, 153, 117, 75, 33};
    int k = (int)lround(5 * fmin(fabs(v), 1));
    return v > 0 ? up[k] : down[k];
}

static void print_coloured(
        const DlReport *r, const DlPart *p, const DlExplained *e, const float *v) {
    double most = dl_part_most(v, p->elements);
    int column = 0;
    char text[128];
    for (size_t i = 0; i < p->elements; i++) {
        if (!dl_part_is_shown(p, r->split, e->row, i, v[i])) continue;
        dl_part_text(p, r->split, e->row, i, text, sizeof text);
        int wide = (int)strlen(text) + 1;
        if (column + wide > WIDTH) column = (putchar('\n'), 0);
        printf("\x1b[30;48;5;%dm%s\x1b[0m ", ground((double)v[i] / most), text);
        column += wide;
    }
    putchar('\n');
}

static void print_lines(const DlReport *r, const DlPart *p, const DlExplained *e, const float *v) {
    char text[128];
    for (size_t i = 0; i < p->elements; i++)
        if (dl_part_is_shown(p, r->split, e->row, i, v[i]))
            printf(is_signed(r) ? "%+.6f  %s\n" : "%.6f  %s\n", (double)v[i],
                    dl_part_text(p, r->split, e->row, i, text, sizeof text));
}

/* ---- lists and pictures -----------------------------------------------------------------------
 */

static void print_list(const DlReport *r, const DlPart *p, const DlExplained *e, const float *v) {
    static const char bar[] = "########################################";
    int64_t *order = calloc(p->elements, sizeof *order);
    double most = dl_part_most(v, p->elements);
    char text[128];
    if (!order) return;
    dl_part_order(p, v, order);
    for (int64_t i = 0; i < (int64_t)p->elements && i < MOST_LISTED; i++) {
        double a = (double)v[order[i]];
        dl_part_text(p, r->split, e->row, (size_t)order[i], text, sizeof text);
        printf(is_signed(r) ? "  %-24s %+12.5g  %.*s\n" : "  %-24s %12.5g  %.*s\n", text, a,
                (int)lround(30 * fabs(a) / most), bar);
    }
    if (p->elements > MOST_LISTED) printf("  ... and %zu more\n", p->elements - MOST_LISTED);
    free(order);
}

/* The mean of a cell's places; a character is twice as tall as wide. */
static double cell(const DlPart *p, const float *heat, int64_t y, int64_t v, double scale) {
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = (int64_t)(2 * (double)y * scale);
            i < (int64_t)(2 * (double)(y + 1) * scale) && i < p->height; i++)
        for (int64_t j = (int64_t)((double)v * scale);
                j < (int64_t)((double)(v + 1) * scale) && j < p->width; j++, n++)
            sum += fabs((double)heat[i * p->width + j]);
    return n ? sum / (double)n : 0;
}

static void print_map(const DlReport *r, const DlPart *p, const float *v) {
    static const char ink[] = " .:-=+*#%@";
    float *heat = calloc((size_t)(p->height * p->width), sizeof *heat);
    double scale = p->width > MOST_WIDE ? (double)p->width / MOST_WIDE : 1, most = 0;
    if (!heat) return;
    dl_part_heat(p, r->method, v, heat);
    int64_t wide = (int64_t)((double)p->width / scale),
            high = (int64_t)ceil((double)p->height / (2 * scale));
    for (int64_t y = 0; y < high; y++)
        for (int64_t c = 0; c < wide; c++) most = fmax(most, cell(p, heat, y, c, scale));
    for (int64_t y = 0; y < high; y++) {
        for (int64_t c = 0; c < wide; c++)
            putchar(ink[(int)fmin(9 * cell(p, heat, y, c, scale) / (most > 0 ? most : 1), 9)]);
        putchar('\n');
    }
    free(heat);
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static void json_number(const char *name, double v) {
    printf(", \"%s\": ", name);
    dl_json_number(stdout, v);
}

static void json_part(const DlReport *r, const DlPart *p, const DlExplained *e, const float *v) {
    char text[128];
    bool first = true;
    fputs(", ", stdout);
    dl_json_text(stdout, p->name);
    fputs(": [", stdout);
    for (size_t i = 0; i < p->elements; i++) {
        if (!dl_part_is_shown(p, r->split, e->row, i, v[i])) continue;
        fputs(first ? "" : ", ", stdout);
        first = false;
        if (p->text || p->column) {
            putchar('[');
            dl_json_text(stdout, dl_part_text(p, r->split, e->row, i, text, sizeof text));
            fputs(", ", stdout);
        }
        dl_json_number(stdout, (double)v[i]);
        if (p->text || p->column) putchar(']');
    }
    putchar(']');
}

static void print_object(const DlReport *r, int64_t row) {
    static const char *const method[] = {"saliency", "integrated", "occlusion", "permutation"};
    const DlExplainer *x = r->explainer;
    const DlExplained *e = &r->row[row];
    printf("{\"row\": %lld, \"method\": \"%s\"", (long long)e->row, method[r->method]);
    if (class_name(r, e)) {
        fputs(", \"class\": ", stdout);
        dl_json_text(stdout, class_name(r, e));
    } else {
        printf(", \"element\": %d", e->class);
    }
    json_number("score", e->score);
    json_number("baseline_score", e->absent);
    if (r->method == DL_INTEGRATED) json_number("sum", e->sum);
    for (int k = 0; k < x->n; k++) json_part(r, &x->part[k], e, e->attribution[k]);
    fputs("}\n", stdout);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

void dl_explain_print(const DlReport *r, int64_t row, bool json) {
    const DlExplainer *x = r->explainer;
    const DlExplained *e = &r->row[row];
    if (json) {
        print_object(r, row);
        return;
    }
    print_head(r, row);
    for (int k = 0; k < x->n; k++) {
        const DlPart *p = &x->part[k];
        const float *v = e->attribution[k];
        if (x->n > 1) printf("%s\n", p->name);
        if (dl_part_is_picture(p))
            print_map(r, p, v);
        else if (!p->text)
            print_list(r, p, e, v);
        else if (colours())
            print_coloured(r, p, e, v);
        else
            print_lines(r, p, e, v);
    }
}
