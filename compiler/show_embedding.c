/* show_embedding.c - the rows of a table that indices are looked up in, as points in the plane of
 * their first two principal components, with the names of the most frequent ones.
 *
 * Such a table is known by how it is read: a parameter of two axes, the first of which is indexed
 * by an input's element. The components are the largest eigenvectors of the rows' covariance, by
 * power iteration from a fixed vector, so that the same weights give the same picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/trainer/index_names.h"
#include "../runtime/trainer/plot.h"
#include "graph_tables.h"
#include "show_weights.h"

enum { MOST_ROWS = 2000, MOST_NAMES = 160, ITERATIONS = 300, WIDTH = 900, HEIGHT = 760 };
enum { INNER_WIDTH = 800, INNER_HEIGHT = 640, LETTER = 7, LINE = 13, NAME_LENGTH = 20 };

/* ---- finding the table --------------------------------------------------------------------- */

typedef struct Table {
    const Node *parameter, *input;
} Table;

/* The input whose element the expression is, or is a function of. */
static const Node *input_of(const Expr *e) {
    if (e->kind == E_LOAD && e->node->kind == N_LEAF && e->node->leaf == L_INPUT) return e->node;
    for (int i = 0; e->kind == E_OP && i < e->narg; i++) {
        const Node *n = input_of(e->arg[i]);
        if (n) return n;
    }
    return NULL;
}

static void see(void *ctx, Expr *e) {
    Table *t = ctx;
    bool table = e->kind == E_LOAD && e->node->kind == N_LEAF && e->node->leaf == L_PARAM &&
                 e->node->rank == 2;
    const Node *input = table && !t->parameter ? input_of(e->arg[0]) : NULL;
    if (input) *t = (Table){e->node, input};
}

static bool find_table(Arena *a, const Model *m, Table *t) {
    NodeList order = show_forward(a, m);
    *t = (Table){NULL, NULL};
    for (int i = 0; i < order.n && !t->parameter; i++)
        if (order.at[i]->kind == N_COMP) expr_walk(m->graph, order.at[i]->body, see, t);
    return t->parameter != NULL;
}

/* ---- principal components ------------------------------------------------------------------ */

typedef struct Points {
    int64_t n, width; /* rows, and elements of one */
    double *row;      /* [n][width], mean taken off */
    double *axis[2];  /* unit vectors */
    double share[2];  /* of the variance */
} Points;

static void centre(Points *p, const float *value) {
    for (int64_t k = 0; k < p->width; k++) {
        double mean = 0;
        for (int64_t i = 0; i < p->n; i++) mean += (double)value[i * p->width + k] / (double)p->n;
        for (int64_t i = 0; i < p->n; i++)
            p->row[i * p->width + k] = (double)value[i * p->width + k] - mean;
    }
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Covariance times v, without the matrix: over the rows twice. */
static void multiply(const Points *p, const double *v, double *to) {
    memset(to, 0, (size_t)p->width * sizeof *to);
    for (int64_t i = 0; i < p->n; i++) {
        const double *row = p->row + i * p->width;
        double along = dot(row, v, p->width) / (double)p->n;
        for (int64_t k = 0; k < p->width; k++) to[k] += along * row[k];
    }
}

/* The sign of a component is free: the largest element is positive. */
static void turn(double *v, int64_t n) {
    int64_t largest = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[largest])) largest = i;
    double sign = v[largest] < 0 ? -1 : 1;
    for (int64_t i = 0; i < n; i++) v[i] *= sign;
}

/* The eigenvalue; the second component keeps at right angles to the first. */
static double component(const Points *p, int which, double *next) {
    double *v = p->axis[which], value = 0;
    for (int64_t k = 0; k < p->width; k++) v[k] = 1 + (double)((k * (7 + 6 * which)) % 11);
    for (int i = 0; i < ITERATIONS; i++) {
        if (which) {
            double along = dot(v, p->axis[0], p->width);
            for (int64_t k = 0; k < p->width; k++) v[k] -= along * p->axis[0][k];
        }
        double length = sqrt(dot(v, v, p->width));
        for (int64_t k = 0; k < p->width && length > 0; k++) v[k] /= length;
        multiply(p, v, next);
        value = dot(v, next, p->width);
        if (!(value > 0) || i == ITERATIONS - 1) break;
        memcpy(v, next, (size_t)p->width * sizeof *v);
    }
    turn(v, p->width);
    return value;
}

static Points points_of(Arena *a, const float *value, int64_t n, int64_t width) {
    Points p = {.n = n, .width = width, .row = NEW_ARRAY(a, double, n *width)};
    double *next = NEW_ARRAY(a, double, width), all = 0;
    centre(&p, value);
    for (int64_t i = 0; i < n * width; i++) all += p.row[i] * p.row[i] / (double)n;
    for (int k = 0; k < 2; k++) {
        p.axis[k] = NEW_ARRAY(a, double, width);
        p.share[k] = component(&p, k, next) / (all > 0 ? all : 1);
    }
    return p;
}

/* ---- drawing ------------------------------------------------------------------------------- */

typedef struct Spot {
    double x, y;
} Spot; /* in the picture, in pixels */
typedef struct Box {
    double x, y, width;
} Box; /* of a name, LINE high */

/* Names are placed by rank, to the right of their points, where they cover no other's. */
static bool find_room(Box *box, int n, double x, double y, double width) {
    for (int i = 0; i < n; i++)
        if (fabs(box[i].y - y) < LINE && x < box[i].x + box[i].width && box[i].x < x + width)
            return false;
    box[n] = (Box){x, y, width};
    return x + width < INNER_WIDTH;
}

static Spot *spots_of(Arena *a, const Points *p, double *range) {
    Spot *spot = NEW_ARRAY(a, Spot, p->n);
    for (int k = 0; k < 4; k++) range[k] = 0;
    for (int64_t i = 0; i < p->n; i++) {
        spot[i].x = dot(p->row + i * p->width, p->axis[0], p->width);
        spot[i].y = dot(p->row + i * p->width, p->axis[1], p->width);
        range[0] = fmin(range[0], spot[i].x), range[1] = fmax(range[1], spot[i].x);
        range[2] = fmin(range[2], spot[i].y), range[3] = fmax(range[3], spot[i].y);
    }
    for (int k = 0; k < 4; k += 2) {
        double beside = 0.04 * (range[k + 1] - range[k]) + 1e-9;
        range[k] -= beside;
        range[k + 1] += k ? beside : 2.5 * beside;
    }
    return spot;
}

static void put_names(Arena *a, FILE *f, const Spot *spot, int64_t n, const char *const *name,
        const double *range) {
    Box *box = NEW_ARRAY(a, Box, MOST_NAMES + 1);
    int named = 0;
    for (int64_t i = 0; i < n && named < MOST_NAMES; i++) {
        if (!name[i] || !name[i][strspn(name[i], " \t\n")]) continue;
        double x = (spot[i].x - range[0]) / (range[1] - range[0]) * INNER_WIDTH;
        double y = (spot[i].y - range[2]) / (range[3] - range[2]) * INNER_HEIGHT;
        size_t letters = strlen(name[i]) < NAME_LENGTH ? strlen(name[i]) : NAME_LENGTH;
        if (!find_room(box, named, x - 4, y, 12 + LETTER * (double)letters)) continue;
        named++;
        fputs("set label ", f);
        dl_plot_text(f, name[i], NAME_LENGTH);
        fprintf(f, " at %.6g,%.6g left offset character 0.6,0 front font ',9' point ls 2 ps 0.5\n",
                spot[i].x, spot[i].y);
    }
}

static void put_points(
        Arena *a, FILE *f, const Points *p, const Table *t, const char *const *name) {
    double range[4];
    const Spot *spot = spots_of(a, p, range);
    fputs("set title ", f);
    dl_plot_text(f,
            arena_printf(a, "%s: the first %lld of %lld rows", t->parameter->name, (long long)p->n,
                    (long long)t->parameter->dim[0]),
            0);
    fprintf(f,
            "\nset xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n"
            "set xlabel 'first principal component (%.0f %% of the variance)'\n"
            "set ylabel 'second (%.0f %%)'\n$points << END\n",
            range[0], range[1], range[2], range[3], 100 * p->share[0], 100 * p->share[1]);
    for (int64_t i = 0; i < p->n; i++) fprintf(f, "%.6g %.6g\n", spot[i].x, spot[i].y);
    fputs("END\n", f);
    if (name) put_names(a, f, spot, p->n, name, range);
    fprintf(f, "plot $points with points pt 7 ps 0.4 lc rgb '%s'\n", name ? "#b5cfe4" : "#0072b2");
}

/* Names for all rows, or NULL. */
static const char *const *names_of(Arena *a, Trained *t, const Table *table, int64_t n) {
    int64_t known;
    const char **given = dl_index_names(t->pool, &t->meta, table->input->name, &known, &t->error);
    if (!given) return NULL;
    const char **name = NEW_ARRAY(a, const char *, n);
    for (int64_t i = 0; i < n && i < known; i++) name[i] = given[i];
    return name;
}

static bool draw_table(Arena *a, Trained *t, const Table *table, const char *path) {
    int64_t n = table->parameter->dim[0], width = table->parameter->dim[1];
    const float *value = trained_values(t, table->parameter);
    DlPlot plot;
    if (!value) return false;
    if (n > MOST_ROWS) n = MOST_ROWS;
    for (int64_t i = 0; i < n * width; i++)
        if (!isfinite(value[i]))
            return dl_fail(
                    &t->error, "%s: has elements that are not finite", table->parameter->name);
    const char *const *name = names_of(a, t, table, n);
    if (t->error.text[0] || !dl_plot_begin(&plot, path, WIDTH, HEIGHT, &t->error)) return false;
    Points p = points_of(a, value, n, width);
    put_points(a, plot.script, &p, table, name);
    return dl_plot_end(&plot, &t->error);
}

bool show_embedding(Arena *a, const Model *m, const char *weights, const char *path) {
    Trained t = {.pool = NULL};
    Table table;
    bool ok = find_table(a, m, &table) ||
              dl_fail(&t.error, "%s looks no input up in a table of parameters", m->name);
    ok = ok && trained_open(a, &t, m, weights) && draw_table(a, &t, &table, path);
    if (!ok) fprintf(stderr, "dlc show: error: %s\n", t.error.text);
    trained_close(&t);
    return ok;
}
