/* show_graph.c - the graph for graphviz, before fusion (tensors, in boxes for the layers that made
 * them) and after it (kernels, with what passes between them). */
#include "show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/trainer/drawing.h"

void show_dot_begin(FILE *f, const char *name) {
    fprintf(f,
            "digraph \"%s\" {\n"
            "    rankdir=TB; nodesep=0.25; ranksep=0.35; fontname=\"sans-serif\"; fontsize=11;\n"
            "    node [shape=box, style=\"filled,rounded\", fillcolor=\"#ffffff\", "
            "color=\"#707070\", "
            "fontname=\"sans-serif\", fontsize=10, margin=\"0.09,0.04\"];\n"
            "    edge [color=\"#606060\", arrowsize=0.6, fontname=\"sans-serif\", fontsize=9];\n",
            name);
}

/* Within double quotes, a quote and a backslash are escaped. */
const char *show_escaped(Arena *a, const char *text) {
    char *to = arena_alloc(a, 2 * strlen(text) + 1), *p = to;
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *p++ = '\\';
        *p++ = *text;
    }
    *p = '\0';
    return to;
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

static const char *comp_text(Arena *a, const Node *n) {
    static const char *const fold[] = {"", "sum", "product", "max", "min", "argmax", "argmin"};
    if (n->fold)
        return arena_printf(a, "%s over %s", fold[n->fold], show_extents(a, n->nfold, n->fold_dim));
    return n->body->kind == E_OP     ? op_info[n->body->op].name
           : n->body->kind == E_LOAD ? "copy"
                                     : "";
}

static const char *leaf_text(const Node *n) {
    static const char *const kind[] = {[L_INPUT] = "input",
            [L_TARGET] = "target",
            [L_PARAM] = "parameter",
            [L_STATE] = "state",
            [L_ROW_STATE] = "state of a row",
            [L_SLOT] = "optimiser's",
            [L_GRAD] = "gradient",
            [L_NUMBER] = "number",
            [L_STEP] = "steps",
            [L_ROWS] = "rows",
            [L_TOTAL] = "total",
            [L_DATA] = "constants",
            [L_UNIFORM] = "random"};
    return kind[n->leaf];
}

static const char *node_text(Arena *a, const Node *n) {
    if (n->kind == N_LEAF) return leaf_text(n);
    if (n->kind == N_CARRY) return arena_printf(a, "carried %d", n->carry);
    return n->kind == N_STACK ? "all steps" : comp_text(a, n);
}

static const char *fill_of(const Node *n) {
    if (n->kind != N_LEAF) return n->kind == N_COMP && n->fold ? "#dcebf7" : "#ffffff";
    return n->leaf == L_PARAM || n->leaf == L_STATE    ? "#fbe3c8"
           : n->leaf == L_INPUT || n->leaf == L_TARGET ? "#cfeadb"
                                                       : "#eeeeee";
}

/* In a layer's box the layer's name need not be said again. */
static const char *short_name(const Model *m, const Node *n, int layer) {
    const char *name = n->name ? n->name : "", *path = layer >= 0 ? m->layer.at[layer].path : "";
    size_t k = strlen(path);
    return k && strncmp(name, path, k) == 0 && name[k] == '.' ? name + k + 1 : name;
}

static void put_node(Arena *a, const Model *m, const Node *n, int layer, int depth, FILE *f) {
    const char *name = n == m->loss ? "loss" : show_escaped(a, short_name(m, n, layer)),
               *what = node_text(a, n);
    fprintf(f, "%*sn%d [label=\"%s%s%s%s%s\", fillcolor=\"%s\"];\n", 4 * depth + 4, "", n->id, name,
            *name && *what ? "\\n" : "", what, *name || *what ? "\\n" : "", show_shape(a, n),
            fill_of(n));
}

/* ---- boxes --------------------------------------------------------------------------------------
 */

typedef struct Drawing {
    Arena *arena;
    const Model *m;
    FILE *f;
    NodeList order;
    int *layer;  /* of each of `order`; -1: none */
    int *parent; /* of each layer */
    bool *used;  /* of each layer: it, or one in it, has nodes here */
} Drawing;

static void place_nodes(Drawing *d) {
    const Model *m = d->m;
    d->layer = NEW_ARRAY(d->arena, int, d->order.n + 1);
    d->parent = NEW_ARRAY(d->arena, int, m->layer.n + 1);
    d->used = NEW_ARRAY(d->arena, bool, m->layer.n + 1);
    for (int i = 0; i < m->layer.n; i++) d->parent[i] = show_layer_around(m, m->layer.at[i].path);
    for (int i = 0; i < d->order.n; i++) {
        const Node *n = d->order.at[i];
        bool stored = n->kind == N_LEAF && (n->leaf == L_PARAM || n->leaf == L_STATE);
        bool other = n->kind == N_LEAF && !stored && n->leaf != L_UNIFORM && n->leaf != L_DATA;
        d->layer[i] = stored ? show_layer_around(m, n->name) : other ? -1 : show_layer_of(m, n);
        for (int k = d->layer[i]; k >= 0; k = d->parent[k]) d->used[k] = true;
    }
}

static void put_box(Drawing *d, int layer, int depth) {
    const Model *m = d->m;
    int indent = 4 * depth + 4;
    if (layer >= 0)
        fprintf(d->f,
                "%*ssubgraph cluster_%d {\n%*s    label=\"%s (%s)\"; style=rounded; "
                "color=\"#0072b2\"; bgcolor=\"#0072b20c\";\n",
                indent - 4, "", layer, indent - 4, "",
                show_escaped(d->arena, m->layer.at[layer].path), m->layer.at[layer].kind);
    for (int i = 0; i < m->layer.n; i++)
        if (d->parent[i] == layer && d->used[i]) put_box(d, i, depth + 1);
    for (int i = 0; i < d->order.n; i++)
        if (d->layer[i] == layer) put_node(d->arena, m, d->order.at[i], layer, depth, d->f);
    if (layer >= 0) fprintf(d->f, "%*s}\n", indent - 4, "");
}

/* The number of rows and the like are read everywhere, and say nothing. */
static bool is_plain(const Node *n) {
    return n->kind == N_LEAF && (n->leaf == L_ROWS || n->leaf == L_STEP);
}

void show_dot(Arena *a, const Model *m, FILE *f) {
    NodeList all = show_forward(a, m);
    Drawing d = {.arena = a, .m = m, .f = f};
    for (int i = 0; i < all.n; i++)
        if (!is_plain(all.at[i])) vec_push(a, &d.order, all.at[i]);
    place_nodes(&d);
    show_dot_begin(f, m->name);
    put_box(&d, -1, 0);
    for (int i = 0; i < d.order.n; i++) {
        NodeList from = node_operands(m->graph, d.order.at[i]);
        for (int k = 0; k < from.n; k++)
            if (!is_plain(from.at[k]))
                fprintf(f, "    n%d -> n%d%s;\n", from.at[k]->id, d.order.at[i]->id,
                        d.order.at[i]->kind == N_CARRY ? " [style=dashed]" : "");
    }
    fprintf(f, "}\n");
}

/* ---- kernels ------------------------------------------------------------------------------- */

static const char *what_of(Arena *a, const char *what) {
    const char *end = what ? strstr(what, ": ") : NULL;
    const char *type = end ? end + 2 : "";
    const char *line = strrchr(type, '(');
    int n = line && line > type ? (int)(line - type) - 1 : (int)strlen(type);
    return arena_printf(a, "%s\\n%s",
            show_escaped(a, arena_printf(a, "%.*s", end ? (int)(end - what) : 0, what)),
            show_escaped(a, arena_printf(a, "%.*s", n, type)));
}

static void put_kernel(Arena *a, const PlanKernel *k, int i, FILE *f) {
    const char *fill = !k->what                               ? "#eeeeee"
                       : plan_kernel_is_gradient(k) ? "#fbe3c8"
                                                              : "#dcebf7";
    if (!k->what) {
        fprintf(f, "    k%d [label=\"%d  scan\", fillcolor=\"%s\"];\n", i, i, fill);
        return;
    }
    fprintf(f, "    k%d [label=\"%d  %s\\n%s\\n%sFLOP, %s\", fillcolor=\"%s\"];\n", i, i,
            show_escaped(a, k->function), what_of(a, k->what), show_count(a, k->flops * k->times),
            show_bytes(a, k->bytes), fill);
}

/* Names of what passes between more kernels than these would cover one another. */
enum { MOST_NAMED = 80 };

/* The last kernel before that one which has written what it reads. */
static int writer_of(const Plan *p, int reader, const void *memory) {
    for (int i = reader - 1; i >= 0; i--)
        for (int k = 0; k < p->kernel.at[i].array.n; k++) {
            const PlanArray *x = &p->kernel.at[i].array.at[k];
            if (x->written && x->memory == memory) return i;
        }
    return -1;
}

static void put_edges(Arena *a, const Plan *p, int i, FILE *f) {
    const PlanKernel *k = &p->kernel.at[i];
    for (int j = 0; j < k->array.n; j++) {
        const PlanArray *x = &k->array.at[j];
        int from = x->written ? -1 : writer_of(p, i, x->memory);
        if (from < 0) continue;
        fprintf(f, "    k%d -> k%d", from, i);
        if (x->name && p->kernel.n <= MOST_NAMED)
            fprintf(f, " [label=\"%s\"]", show_escaped(a, x->name));
        fprintf(f, ";\n");
    }
}

/* Kernels of a stretch, which run slice by slice, stand in a box. */
void show_dot_fused(Arena *a, const Model *m, const Plan *p, FILE *f) {
    show_dot_begin(f, m->name);
    int stretch = 0;
    for (int i = 0; i < p->kernel.n; i++) {
        const PlanStretch *s = stretch < p->stretch.n ? &p->stretch.at[stretch] : NULL;
        if (s && s->first == i)
            fprintf(f,
                    "    subgraph cluster_%d {\n    label=\"in slices of %" PRId64 " rows\"; "
                    "style=rounded; color=\"#009e73\"; bgcolor=\"#009e730c\";\n",
                    stretch, s->slice_rows);
        put_kernel(a, &p->kernel.at[i], i, f);
        if (s && s->last == i) {
            fprintf(f, "    }\n");
            stretch++;
        }
    }
    for (int i = 0; i < p->kernel.n; i++) put_edges(a, p, i, f);
    fprintf(f, "}\n");
}

/* ---- drawn --------------------------------------------------------------------------------- */

bool show_graph_picture(Arena *a, const Model *m, const Plan *plan, bool layers, const char *path) {
    DlError e = {""};
    char *text = NULL;
    size_t size = 0;
    const char *kind = dl_picture_kind(path, &e);
    FILE *f = kind ? open_memstream(&text, &size) : NULL;
    if (f && plan)
        show_dot_fused(a, m, plan, f);
    else if (f && layers)
        show_dot_layers(a, m, f);
    else if (f)
        show_dot(a, m, f);
    bool ok = f && fclose(f) == 0;
    const char *const argument[] = {
            "dot", kind && strcmp(kind, ".svg") == 0 ? "-Tsvg" : "-Tpng", NULL};
    ok = ok && dl_drawing_make(&dl_graphviz, argument, text, size, path, &e);
    free(text);
    if (!ok) fprintf(stderr, "dlc show: error: %s\n", e.text[0] ? e.text : "out of memory");
    return ok;
}
