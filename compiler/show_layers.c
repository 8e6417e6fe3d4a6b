/* show_layers.c - the table of layers of `dlc show`, as in a paper's appendix: what each gives, and
 * what it costs to apply it to one row in evaluation mode.
 *
 * Every node belongs to the innermost layer that has made it, and counts for that one and for the
 * layers around it. A node that two layers would have made alike is computed once, and belongs to
 * the first. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph_tables.h"
#include "show.h"

/* ---- what a node costs --------------------------------------------------------------------- */

static void count_operator(void *ctx, Expr *e) {
    if (e->kind == E_OP && e->dtype == T_F32) ++*(int *)ctx;
}

static double extent(int64_t dim) {
    return (double)(dim == DIM_BATCH ? 1 : dim);
}

/* Operations on reals to compute a node's elements, for one row. */
static double flops_of(const Model *m, const Node *n) {
    if (n->kind != N_COMP) return 0;
    int operators = n->fold == F_SUM || n->fold == F_PROD;
    double points = node_steps(n);
    for (int i = 0; i < n->rank; i++) points *= extent(n->dim[i]);
    for (int i = 0; i < n->nfold; i++) points *= extent(n->fold_dim[i]);
    expr_walk(m->graph, n->body, count_operator, &operators);
    return points * operators;
}

int show_layer_of(const Model *m, const Node *n) {
    int best = -1;
    for (int i = 0; i < m->layer_nodes.n; i++) {
        const LayerNodes *k = &m->layer_nodes.at[i];
        bool inside = k->first <= n->id && n->id < k->last;
        if (inside && (best < 0 || k->first > m->layer_nodes.at[best].first ||
                              (k->first == m->layer_nodes.at[best].first &&
                                      k->last < m->layer_nodes.at[best].last)))
            best = i;
    }
    return best < 0 ? -1 : m->layer_nodes.at[best].layer;
}

NodeList show_forward(Arena *a, const Model *m) {
    NodeList roots = {0};
    if (m->loss) vec_push(a, &roots, m->loss);
    for (int i = 0; m->entry.n && i < m->entry.at[0].output.n; i++)
        vec_push(a, &roots, m->entry.at[0].output.at[i].node);
    return graph_order(m->graph, roots.at, roots.n);
}

int show_layer_around(const Model *m, const char *path) {
    int best = -1;
    size_t longest = 0;
    for (int i = 0; i < m->layer.n; i++) {
        size_t n = strlen(m->layer.at[i].path);
        bool around = strncmp(path, m->layer.at[i].path, n) == 0 && path[n] == '.';
        if (!around || n < longest) continue;
        best = i;
        longest = n;
    }
    return best;
}

/* ---- layers in order, each before those inside of it --------------------------------------------
 */

typedef struct Line {
    const Layer *layer;
    int first, last; /* nodes of its first application */
    double flops;    /* with those of the layers inside */
} Line;

static int by_place(const void *a, const void *b) {
    const Line *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    if (x->last != y->last) return x->last > y->last ? -1 : 1;
    return x->layer->depth - y->layer->depth;
}

static Line *lines_of(Arena *a, const Model *m) {
    Line *line = NEW_ARRAY(a, Line, m->layer.n + 1);
    for (int i = 0; i < m->layer.n; i++) line[i] = (Line){.layer = &m->layer.at[i], .last = -1};
    for (int i = m->layer_nodes.n - 1; i >= 0; i--) {
        const LayerNodes *k = &m->layer_nodes.at[i];
        line[k->layer].first = k->first;
        line[k->layer].last = k->last;
    }
    return line;
}

/* Whether the path of the one begins with the other's. */
static bool is_around(const Layer *outer, const Layer *inner) {
    size_t n = strlen(outer->path);
    return strncmp(outer->path, inner->path, n) == 0 && (inner->path[n] == '.' || !inner->path[n]);
}

/* What the outputs and the layers' results need. */
static NodeList forward_nodes(Arena *a, const Model *m) {
    NodeList roots = {0};
    for (int i = 0; i < m->layer.n; i++) vec_push(a, &roots, m->layer.at[i].out);
    for (int i = 0; m->entry.n && i < m->entry.at[0].output.n; i++)
        vec_push(a, &roots, m->entry.at[0].output.at[i].node);
    return graph_order(m->graph, roots.at, roots.n);
}

static double add_flops(Arena *a, const Model *m, Line *line) {
    NodeList order = forward_nodes(a, m);
    double all = 0;
    for (int i = 0; i < order.n; i++) {
        double flops = flops_of(m, order.at[i]);
        int of = flops > 0 ? show_layer_of(m, order.at[i]) : -1;
        for (int k = 0; of >= 0 && k < m->layer.n; k++)
            if (is_around(&m->layer.at[k], &m->layer.at[of])) line[k].flops += flops;
        all += flops;
    }
    return all;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Widths follow the longest entry, so that columns line up. */
enum { COLUMNS = 6, TEXTS = 3 }; /* texts to the left, then numbers to the right */
typedef struct Row {
    const char *cell[COLUMNS];
} Row;

static void print_rows(const Row *row, int n) {
    int width[COLUMNS] = {0};
    for (int i = 0; i < n; i++)
        for (int c = 0; c < COLUMNS; c++) {
            int k = (int)strlen(row[i].cell[c]);
            if (k > width[c]) width[c] = k;
        }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < COLUMNS; c++)
            printf("%s%*s%s", c ? "  " : "", c < TEXTS ? -width[c] : width[c], row[i].cell[c],
                    c == COLUMNS - 1 ? "\n" : "");
}

static double row_bytes(const Node *n) {
    return (double)dtype_size(n->dtype) * (double)node_elements(n, 1);
}

/* Inside of another layer the path's last part is enough. */
static const char *indented(Arena *a, const Model *m, const Layer *k) {
    int around = show_layer_around(m, k->path);
    const char *name = around < 0 ? k->path : k->path + strlen(m->layer.at[around].path) + 1;
    return arena_printf(a, "%*s%s", 2 * k->depth, "", name);
}

void show_layers(Arena *a, const Model *m) {
    int n = m->layer.n;
    Line *line = lines_of(a, m);
    double all = add_flops(a, m, line);
    Row *row = NEW_ARRAY(a, Row, n + 1);
    row[0] = (Row){{"layer", "kind", "output", "parameters", "FLOP a row", "output a row"}};
    qsort(line, (size_t)n, sizeof *line, by_place);
    for (int i = 0; i < n; i++) {
        const Layer *k = line[i].layer;
        row[i + 1] = (Row){
                {indented(a, m, k), k->kind, show_shape(a, k->out), show_grouped(a, k->params),
                        show_count(a, line[i].flops), show_bytes(a, row_bytes(k->out))}};
    }
    print_rows(row, n + 1);
    printf("\nforward      %14sFLOP a row\n", show_count(a, all));
}
