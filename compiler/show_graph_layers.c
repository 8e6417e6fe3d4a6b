/* show_graph_layers.c - the graph for graphviz with a layer as one box: what to look at when a
 * model has more tensors than a page has room for. A layer that holds other layers is a frame
 * around them; what no layer has made stands by itself. Parameters are counted, not drawn. */
#include "show.h"

#include <string.h>

typedef struct Boxes {
    Arena *arena;
    const Model *m;
    FILE *f;
    NodeList order; /* of the outputs and the loss */
    int *layer;     /* of each; -1: none */
    bool *holds;    /* of each layer: others */
} Boxes;

static Boxes boxes_of(Arena *a, const Model *m, FILE *f) {
    Boxes b = {.arena = a, .m = m, .f = f};
    b.order = show_forward(a, m);
    b.layer = NEW_ARRAY(a, int, b.order.n + 1);
    b.holds = NEW_ARRAY(a, bool, m->layer.n + 1);
    for (int i = 0; i < b.order.n; i++)
        b.layer[i] = b.order.at[i]->kind == N_LEAF ? -1 : show_layer_of(m, b.order.at[i]);
    for (int i = 0; i < m->layer.n; i++) {
        int frame = show_layer_around(m, m->layer.at[i].path);
        if (frame >= 0) b.holds[frame] = true;
    }
    return b;
}

/* Inputs and targets stand for the caller; other leaves are a layer's affair. */
static bool is_drawn(const Node *n) {
    return n->kind != N_LEAF || n->leaf == L_INPUT || n->leaf == L_TARGET;
}

/* The box that a node is drawn as: "l3" of a layer, or "n17" of its own. */
static const char *box_of(const Boxes *b, int i) {
    int layer = b->layer[i];
    return layer >= 0 && !b->holds[layer] ? arena_printf(b->arena, "l%d", layer)
                                          : arena_printf(b->arena, "n%d", b->order.at[i]->id);
}

static void put_layer(const Boxes *b, int layer) {
    const Layer *k = &b->m->layer.at[layer];
    int frame = show_layer_around(b->m, k->path);
    const char *name = frame < 0 ? k->path : k->path + strlen(b->m->layer.at[frame].path) + 1;
    fprintf(b->f, "    l%d [label=\"%s\\n%s%s", layer, show_escaped(b->arena, name),
            strcmp(name, k->kind) ? k->kind : "", strcmp(name, k->kind) ? "\\n" : "");
    fprintf(b->f, "%s", show_shape(b->arena, k->out));
    if (k->params) fprintf(b->f, "\\n%s parameters", show_grouped(b->arena, k->params));
    fprintf(b->f, "\", fillcolor=\"#dcebf7\"];\n");
}

static void put_single(const Boxes *b, const Node *n) {
    const char *name = n->name ? n->name : n->kind == N_COMP && n->fold ? "sum" : "value";
    if (n == b->m->loss)
        name = "loss";
    else if (n->kind == N_COMP && !n->name && n->body->kind == E_OP && !n->fold)
        name = op_info[n->body->op].name;
    fprintf(b->f, "    n%d [label=\"%s\\n%s\", fillcolor=\"%s\"];\n", n->id,
            show_escaped(b->arena, name), show_shape(b->arena, n),
            n->kind == N_LEAF ? "#cfeadb" : "#ffffff");
}

/* A frame's boxes, then the frames in it. */
static void put_frame(const Boxes *b, int frame) {
    const Model *m = b->m;
    if (frame >= 0)
        fprintf(b->f,
                "    subgraph cluster_%d {\n    label=\"%s (%s)\"; style=rounded; "
                "color=\"#0072b2\"; bgcolor=\"#0072b20c\";\n",
                frame, show_escaped(b->arena, m->layer.at[frame].path), m->layer.at[frame].kind);
    for (int i = 0; i < m->layer.n; i++) {
        if (show_layer_around(m, m->layer.at[i].path) != frame) continue;
        if (b->holds[i])
            put_frame(b, i);
        else
            put_layer(b, i);
    }
    for (int i = 0; i < b->order.n; i++)
        if (b->layer[i] == frame && is_drawn(b->order.at[i]) && box_of(b, i)[0] == 'n')
            put_single(b, b->order.at[i]);
    if (frame >= 0) fprintf(b->f, "    }\n");
}

static void put_arrows(const Boxes *b) {
    Vec(int) place = {0}; /* in the order, by node id */
    for (int i = 0; i < b->order.n; i++) {
        while (place.n <= b->order.at[i]->id) vec_push(b->arena, &place, -1);
        place.at[b->order.at[i]->id] = i;
    }
    for (int i = 0; i < b->order.n; i++) {
        NodeList from = node_operands(b->m->graph, b->order.at[i]);
        for (int k = 0; k < from.n; k++) {
            int at = from.at[k]->id < place.n ? place.at[from.at[k]->id] : -1;
            if (at < 0 || !is_drawn(from.at[k])) continue;
            const char *tail = box_of(b, at), *head = box_of(b, i);
            if (strcmp(tail, head) != 0) fprintf(b->f, "    %s -> %s;\n", tail, head);
        }
    }
}

void show_dot_layers(Arena *a, const Model *m, FILE *f) {
    Boxes b = boxes_of(a, m, f);
    fprintf(f, "strict "); /* one arrow between two boxes, whatever passes between them */
    show_dot_begin(f, m->name);
    put_frame(&b, -1);
    put_arrows(&b);
    fprintf(f, "}\n");
}
