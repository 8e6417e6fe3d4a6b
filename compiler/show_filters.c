/* show_filters.c - the filters of the first convolution over an image, as small pictures.
 *
 * A convolution is known by its indices, by no name: a sum of products of a parameter and of what
 * is made of inputs alone. An axis of the parameter is one of the picture when its variable is
 * added to one of the output's in the image's index; it is the channel when the variable stands
 * there alone, and tells filters apart when it is not summed over. */
#include <math.h>
#include <string.h>

#include "../runtime/trainer/picture.h"
#include "show_weights.h"

enum { MOST_FILTERS = 1024, TILE = 56, GAP = 4 };

typedef enum { FILTER, CHANNEL, ROW, COLUMN } Role;

typedef struct Convolution {
    const Node *kernel;
    Role role[MAX_RANK];
    int64_t extent[COLUMN + 1]; /* by role; FILTER: all such axes together */
} Convolution;

/* ---- finding it ---------------------------------------------------------------------------------
 */

static bool of_inputs_alone(const Model *m, Node *n) {
    NodeList order = graph_order(m->graph, &n, 1);
    bool input = false;
    for (int i = 0; i < order.n; i++) {
        const Node *k = order.at[i];
        if (k->kind == N_LEAF && (k->leaf == L_PARAM || k->leaf == L_STATE)) return false;
        input = input || (k->kind == N_LEAF && k->leaf == L_INPUT);
    }
    return input;
}

/* Whether the image's index has the variable with one of the output's beside it (1), alone (0), or
 * not (-1). */
static int place_in_image(const Expr *image, int var, int rank) {
    for (int i = 0; i < image->narg; i++) {
        Affine a;
        bool here = false, output = false;
        if (!ex_affine(image->arg[i], &a)) continue;
        for (int k = 0; k < a.n; k++) {
            const Expr *atom = a.term[k].atom;
            here = here || (atom->kind == E_VAR && atom->var == var);
            output = output || (atom->kind == E_VAR && atom->var < rank);
        }
        if (here) return output;
    }
    return -1;
}

static bool assign_roles(const Node *n, const Expr *kernel, const Expr *image, Convolution *c) {
    int pictured = 0;
    *c = (Convolution){.kernel = kernel->node, .extent = {1, 1, 1, 1}};
    for (int i = 0; i < kernel->narg; i++) {
        const Expr *at = kernel->arg[i];
        c->role[i] = CHANNEL;
        if (at->kind == E_CONST && kernel->node->dim[i] == 1) continue;
        if (at->kind != E_VAR) return false;
        int place = at->var < n->rank ? -1 : place_in_image(image, at->var, n->rank);
        if (at->var >= n->rank && place < 0) return false;
        c->role[i] = at->var < n->rank ? FILTER : place == 0 ? CHANNEL : pictured++ ? COLUMN : ROW;
        c->extent[c->role[i]] *= kernel->node->dim[i];
    }
    return pictured == 2 && c->extent[ROW] > 1 && c->extent[COLUMN] > 1;
}

static bool is_convolution(const Model *m, const Node *n, Convolution *c) {
    if (n->kind != N_COMP || n->fold != F_SUM) return false;
    const Expr *product = n->body;
    if (product->kind != E_OP || product->op != OP_mul) return false;
    for (int k = 0; k < 2; k++) {
        const Expr *kernel = product->arg[k], *image = product->arg[1 - k];
        if (kernel->kind != E_LOAD || image->kind != E_LOAD) continue;
        if (kernel->node->kind != N_LEAF || kernel->node->leaf != L_PARAM) continue;
        if (of_inputs_alone(m, image->node) && assign_roles(n, kernel, image, c)) return true;
    }
    return false;
}

static bool find_convolution(Arena *a, const Model *m, Convolution *c) {
    NodeList order = show_forward(a, m);
    for (int i = 0; i < order.n; i++)
        if (is_convolution(m, order.at[i], c)) return true;
    return false;
}

/* ---- drawing it ---------------------------------------------------------------------------- */

typedef struct Sheet {
    const Convolution *c;
    const float *value;
    int64_t tiles, columns;
    int zoom;
    bool coloured; /* three channels are one tile; else each has a tile of its own */
} Sheet;

static float value_at(const Sheet *s, const int64_t index[COLUMN + 1]) {
    const Convolution *c = s->c;
    int64_t at = 0, filter = index[FILTER], step = c->extent[FILTER];
    for (int i = 0; i < c->kernel->rank; i++) {
        int64_t dim = c->kernel->dim[i], k = index[c->role[i]];
        if (c->role[i] == FILTER) {
            step /= dim;
            k = filter / step % dim;
        }
        at = at * dim + k;
    }
    return s->value[at];
}

typedef struct Range {
    float least, most;
} Range;

/* Of a filter over all of its channels: each is shown as bright as it can be. */
static Range range_of(const Sheet *s, int64_t filter) {
    const int64_t *n = s->c->extent;
    Range r = {INFINITY, -INFINITY};
    for (int64_t ch = 0; ch < n[CHANNEL]; ch++)
        for (int64_t y = 0; y < n[ROW]; y++)
            for (int64_t x = 0; x < n[COLUMN]; x++) {
                float v = value_at(s, (int64_t[]){filter, ch, y, x});
                if (!isfinite(v)) continue;
                r.least = fminf(r.least, v);
                r.most = fmaxf(r.most, v);
            }
    return r;
}

static unsigned char brightness(float v, Range r) {
    if (!(r.most > r.least) || !isfinite(v)) return 128;
    return (unsigned char)(255 * (v - r.least) / (r.most - r.least) + 0.5F);
}

static void draw_tile(const Sheet *s, DlPicture *p, int64_t tile) {
    const int64_t *n = s->c->extent;
    int64_t channels = s->coloured ? 1 : n[CHANNEL], filter = tile / channels, ch = tile % channels;
    int left = GAP + (int)(tile % s->columns) * (int)(n[COLUMN] * s->zoom + GAP);
    int top = GAP + (int)(tile / s->columns) * (int)(n[ROW] * s->zoom + GAP);
    Range r = range_of(s, filter);
    for (int64_t y = 0; y < n[ROW]; y++)
        for (int64_t x = 0; x < n[COLUMN]; x++) {
            unsigned char rgb[3];
            for (int k = 0; k < 3; k++)
                rgb[k] =
                        brightness(value_at(s, (int64_t[]){filter, s->coloured ? k : ch, y, x}), r);
            dl_picture_fill(
                    p, left + (int)x * s->zoom, top + (int)y * s->zoom, s->zoom, s->zoom, rgb);
        }
}

static Sheet sheet_of(const Convolution *c, const float *value) {
    Sheet s = {.c = c, .value = value, .coloured = c->extent[CHANNEL] == 3};
    s.tiles = c->extent[FILTER] * (s.coloured ? 1 : c->extent[CHANNEL]);
    if (s.tiles > MOST_FILTERS) s.tiles = MOST_FILTERS;
    int64_t side = c->extent[ROW] > c->extent[COLUMN] ? c->extent[ROW] : c->extent[COLUMN];
    s.zoom = side < TILE ? (int)(TILE / side) : 1;
    for (s.columns = 1; s.columns * s.columns < s.tiles;) s.columns++;
    if (s.columns < 8) s.columns = s.tiles < 8 ? s.tiles : 8;
    return s;
}

/* No grey, so that the edge of a tile is seen whatever is in it. */
static const unsigned char between[3] = {0x9e, 0xca, 0xe1};

static bool draw_filters(const Convolution *c, const float *value, const char *path, DlError *e) {
    Sheet s = sheet_of(c, value);
    int64_t rows = (s.tiles + s.columns - 1) / s.columns;
    DlPicture p;
    if (!dl_picture_make(&p, GAP + s.columns * (c->extent[COLUMN] * s.zoom + GAP),
                GAP + rows * (c->extent[ROW] * s.zoom + GAP), e))
        return false;
    dl_picture_fill(&p, 0, 0, p.width, p.height, between);
    for (int64_t i = 0; i < s.tiles; i++) draw_tile(&s, &p, i);
    bool ok = dl_picture_write(&p, path, e);
    dl_picture_free(&p);
    return ok;
}

bool show_filters(Arena *a, const Model *m, const char *weights, const char *path) {
    Convolution c;
    Trained t = {.pool = NULL};
    size_t n = strlen(path);
    bool ok =
            (n > 4 && strcmp(path + n - 4, ".png") == 0) ||
            dl_fail(&t.error, "%s: filters are drawn as a .png file: end the name with that", path);
    ok = ok && (find_convolution(a, m, &c) ||
                       dl_fail(&t.error, "%s has no convolution that reads an image", m->name));
    ok = ok && trained_open(a, &t, m, weights);
    const float *value = ok ? trained_values(&t, c.kernel) : NULL;
    ok = value && draw_filters(&c, value, path, &t.error);
    if (!ok)
        fprintf(stderr, "dlc show: error: %s\n", t.error.text);
    else
        printf("%s: %lld filters of %s, %lld x %lld\n", path, (long long)c.extent[FILTER],
                c.kernel->name, (long long)c.extent[ROW], (long long)c.extent[COLUMN]);
    trained_close(&t);
    return ok;
}
