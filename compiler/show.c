/* show.c - `dlc show`: layers with shapes and parameters, what training stores, and the
 * memory plan of a training step. With --dot: the graph for graphviz; with --paths: what a
 * file of weights holds, for programs that write one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static const char *shape_text(Arena *a, const Node *n) {
    const char *text = "";
    for (int i = 0; i < n->rank; i++) {
        const char *comma = i ? ", " : "";
        text = n->dim[i] == DIM_BATCH ? arena_printf(a, "%s%sbatch", text, comma)
                                      : arena_printf(a, "%s%s%" PRId64, text, comma, n->dim[i]);
    }
    return arena_printf(a, "[%s]", text);
}

static const char *grouped(Arena *a, int64_t n) {
    if (n < 1000) return arena_printf(a, "%" PRId64, n);
    return arena_printf(a, "%s,%03d", grouped(a, n / 1000), (int)(n % 1000));
}

static const char *bytes_text(Arena *a, double bytes) {
    static const char *const unit[] = {"bytes", "kB", "MB", "GB"};
    int k = 0;
    for (; bytes >= 1000 && k < 3; k++) bytes /= 1000;
    return arena_printf(a, k ? "%.2f %s" : "%.0f %s", bytes, unit[k]);
}

/* Widths follow the longest entry, so that columns line up. */
typedef struct Row { const char *path, *kind, *shape, *params; } Row;

static int width(const Row *row, int n, size_t member) {
    size_t most = 0;
    for (int i = 0; i < n; i++) {
        size_t k = strlen(*(const char *const *)((const char *)&row[i] + member));
        if (k > most) most = k;
    }
    return (int)most;
}

static void print_layers(Arena *a, const Model *m) {
    int n = m->layer.n + 1;
    Row *row = NEW_ARRAY(a, Row, n);
    row[0] = (Row){"layer", "kind", "output", "parameters"};
    for (int i = 0; i < m->layer.n; i++) {
        const Layer *k = &m->layer.at[i];
        row[i + 1] = (Row){k->path, k->kind, k->out ? shape_text(a, k->out) : "", grouped(a, k->params)};
    }
    int w[4] = {width(row, n, offsetof(Row, path)), width(row, n, offsetof(Row, kind)),
            width(row, n, offsetof(Row, shape)), width(row, n, offsetof(Row, params))};
    for (int i = 0; i < n; i++)
        printf("%-*s  %-*s  %-*s  %*s\n", w[0], row[i].path, w[1], row[i].kind, w[2], row[i].shape,
                w[3], row[i].params);
}

static void print_vars(Arena *a, const char *title, Var *const *var, int n) {
    int64_t elements = 0, trained = 0;
    for (int i = 0; i < n; i++) {
        int64_t k = node_elements(var[i]->leaf, 1);
        elements += k;
        if (var[i]->grad) trained += k;
    }
    if (!n) return;
    printf("%-12s %14s  %s", title, grouped(a, elements), bytes_text(a, 4.0 * (double)elements));
    if (trained && trained != elements) printf("  (%s trained)", grouped(a, trained));
    printf("\n");
}

static void print_plan(Arena *a, const Use *u) {
    const Plan *p = u->plan;
    double flops = 0;
    for (int i = 0; i < p->kernel.n; i++) flops += p->kernel.at[i].flops;
    printf("\none training step: %d kernels, %.1f MFLOP, %s of scratch", p->kernel.n, flops * 1e-6,
            bytes_text(a, (double)p->arena));
    if (p->local) printf(" and %s for each thread", bytes_text(a, (double)p->local));
    printf("\n");
    for (int i = 0; i < p->stretch.n; i++)
        printf("  kernels %d to %d in slices of %" PRId64 " rows, %" PRId64 " groups of %" PRId64 "\n",
                p->stretch.at[i].first, p->stretch.at[i].last, p->stretch.at[i].slice_rows, p->groups,
                p->group_rows);
    for (int i = 0; i < p->kernel.n; i++) {
        const PlanKernel *k = &p->kernel.at[i];
        printf("  %3d %*s%-32s %10.2f MFLOP %12s  %s\n", i, 2 * k->depth, "", k->function,
                k->flops * 1e-6, bytes_text(a, k->bytes), k->what);
    }
    printf("\nscratch: offset, size, kernels from first write to last read\n");
    for (int i = 0; i < p->buffer.n; i++) {
        const PlanBuffer *b = &p->buffer.at[i];
        printf("  %12s  %12s  %3d to %3d  %s%s\n", grouped(a, b->offset),
                bytes_text(a, (double)b->bytes), b->first, b->last, b->name ? b->name : "",
                b->local ? " (a thread's)" : "");
    }
}

/* ---- graphviz ------------------------------------------------------------------------ */

static const char *node_label(Arena *a, const Node *n) {
    static const char *const fold[] = {"", "sum", "prod", "max", "min", "argmax", "argmin"};
    const char *name = n->name ? n->name : "";
    switch (n->kind) {
    case N_LEAF: return name;
    case N_CARRY: return arena_printf(a, "carry %d", n->carry);
    case N_STACK: return "stack";
    case N_COMP: break;
    }
    return arena_printf(a, "%s%s%s", fold[n->fold], n->fold && name[0] ? " " : "",
            name[0] || n->fold ? name : n->body->kind == E_OP ? op_info[n->body->op].name : "copy");
}

static void print_dot(Arena *a, const Model *m) {
    NodeList roots = {0};
    if (m->loss) vec_push(a, &roots, m->loss);
    for (int i = 0; i < m->entry.n; i++)
        for (int k = 0; k < m->entry.at[i].output.n; k++)
            vec_push(a, &roots, m->entry.at[i].output.at[k].node);
    NodeList order = graph_order(m->graph, roots.at, roots.n);
    printf("digraph %s {\n    rankdir=TB; node [shape=box, fontname=\"sans-serif\", fontsize=10];\n", m->name);
    for (int i = 0; i < order.n; i++) {
        Node *n = order.at[i];
        printf("    n%d [label=\"%s\\n%s\"%s];\n", n->id, node_label(a, n), shape_text(a, n),
                n->kind == N_LEAF ? ", style=filled, fillcolor=\"#e8eef7\"" : "");
        NodeList from = node_operands(m->graph, n);
        for (int k = 0; k < from.n; k++)
            printf("    n%d -> n%d%s;\n", from.at[k]->id, n->id, n->kind == N_CARRY ? " [style=dashed]" : "");
    }
    printf("}\n");
}

static void print_paths(Arena *a, const char *what, Var *const *var, int n) {
    for (int i = 0; i < n; i++)
        printf("%s %s %s%s\n", what, var[i]->path, dtype_name(var[i]->leaf->dtype),
                shape_text(a, var[i]->leaf));
}

int show_model(Arena *a, const Options *o, Model *m) {
    if (o->paths) {
        print_paths(a, "parameter", m->param.at, m->param.n);
        print_paths(a, "state", m->state.at, m->state.n);
        return 0;
    }
    if (o->dot) {
        print_dot(a, m);
        return 0;
    }
    printf("model %s, batch %" PRId64 "\n\n", m->name, m->batch);
    print_layers(a, m);
    printf("\n");
    print_vars(a, "parameters", m->param.at, m->param.n);
    print_vars(a, "states", m->state.at, m->state.n);
    print_vars(a, "optimiser", m->slot.at, m->slot.n);
    if (!m->loss) return 0;
    Program *p = driver_plan(a, o, m);
    print_plan(a, p->step);
    return 0;
}
