/* show.c - `dlc show`: layers with shapes, parameters and what they cost, what training stores, and
 * the kernels and the memory plan of a training step; or one of the drawings (show.h). With
 * --paths: what a file of weights holds, for programs that write one. */
#include "show.h"

#include <inttypes.h>

const char *show_extents(Arena *a, int n, const int64_t *dim) {
    const char *text = "";
    for (int i = 0; i < n; i++) {
        const char *comma = i ? ", " : "";
        text = dim[i] == DIM_BATCH ? arena_printf(a, "%s%sbatch", text, comma)
                                   : arena_printf(a, "%s%s%" PRId64, text, comma, dim[i]);
    }
    return text;
}

const char *show_shape(Arena *a, const Node *n) {
    return arena_printf(a, "[%s]", show_extents(a, n->rank, n->dim));
}

const char *show_grouped(Arena *a, int64_t n) {
    if (n < 1000) return arena_printf(a, "%" PRId64, n);
    return arena_printf(a, "%s,%03d", show_grouped(a, n / 1000), (int)(n % 1000));
}

const char *show_bytes(Arena *a, double bytes) {
    static const char *const unit[] = {"bytes", "kB", "MB", "GB"};
    int k = 0;
    for (; bytes >= 1000 && k < 3; k++) bytes /= 1000;
    return arena_printf(a, k ? "%.2f %s" : "%.0f %s", bytes, unit[k]);
}

const char *show_count(Arena *a, double n) {
    static const char *const unit[] = {" ", " k", " M", " G", " T"};
    int k = 0;
    for (; n >= 1000 && k < 4; k++) n /= 1000;
    return arena_printf(a, k ? "%.2f%s" : "%.0f%s", n, unit[k]);
}

/* ---- tables -------------------------------------------------------------------------------- */

static int64_t elements_of(Var *const *var, int n, bool trained, bool frozen) {
    int64_t elements = 0;
    for (int i = 0; i < n; i++)
        if (var[i]->trained ? trained : frozen) elements += node_elements(var[i]->leaf, 1);
    return elements;
}

static void print_elements(Arena *a, const char *title, int64_t elements) {
    if (elements)
        printf("%-12s %14s  %s\n", title, show_grouped(a, elements),
                show_bytes(a, 4.0 * (double)elements));
}

static void print_totals(Arena *a, const Model *m) {
    int64_t frozen = elements_of(m->param.at, m->param.n, false, true);
    print_elements(a, "parameters", elements_of(m->param.at, m->param.n, true, true));
    if (frozen) print_elements(a, "  trained", elements_of(m->param.at, m->param.n, true, false));
    print_elements(a, "  frozen", frozen);
    print_elements(a, "states", elements_of(m->state.at, m->state.n, true, true));
    print_elements(a, "optimiser", elements_of(m->slot.at, m->slot.n, true, true));
}

static void print_plan(Arena *a, const Use *u) {
    const Plan *p = u->plan;
    printf("\none training step: %d kernels, %sFLOP, %s of scratch", p->kernel.n,
            show_count(a, p->flops), show_bytes(a, (double)p->arena));
    if (p->local) printf(" and %s for each thread", show_bytes(a, (double)p->local));
    printf("\n");
    for (int i = 0; i < p->stretch.n; i++)
        printf("  kernels %d to %d in slices of %" PRId64 " rows, %" PRId64 " groups of %" PRId64
               "\n",
                p->stretch.at[i].first, p->stretch.at[i].last, p->stretch.at[i].slice_rows,
                p->groups, p->group_rows);
    for (int i = 0; i < p->kernel.n; i++) {
        const PlanKernel *k = &p->kernel.at[i];
        printf("  %3d %*s%-32s %10.2f MFLOP %12s  %s\n", i, 2 * k->depth, "", k->function,
                k->flops * 1e-6, show_bytes(a, k->bytes), k->what ? k->what : "");
    }
    printf("\nscratch: offset, size, kernels from first write to last read\n");
    for (int i = 0; i < p->buffer.n; i++) {
        const PlanBuffer *b = &p->buffer.at[i];
        printf("  %12s  %12s  %3d to %3d  %s%s\n", show_grouped(a, b->offset),
                show_bytes(a, (double)b->bytes), b->first, b->last, b->name ? b->name : "",
                b->local ? " (a thread's)" : "");
    }
}

static void print_paths(Arena *a, const char *what, Var *const *var, int n) {
    for (int i = 0; i < n; i++)
        printf("%s %s %s%s\n", what, var[i]->path, dtype_name(var[i]->leaf->dtype),
                show_shape(a, var[i]->leaf));
}

static int print_model(Arena *a, const Options *o, Model *m) {
    printf("model %s, batch %" PRId64 "\n\n", m->name, m->batch);
    show_layers(a, m);
    print_totals(a, m);
    Program *p = m->loss ? driver_plan(a, o, m) : NULL;
    if (p) print_plan(a, p->step);
    return m->loss && !p ? 1 : 0;
}

/* ---- drawings ----------------------------------------------------------------------------------
 */

/* The plan of a training step; NULL after a message. */
static const Plan *step_plan(Arena *a, const Options *o, Model *m) {
    if (m->loss) {
        Program *p = driver_plan(a, o, m);
        return p ? p->step->plan : NULL;
    }
    fprintf(stderr, "dlc show: error: %s has no loss, so there is no training step to draw\n",
            m->name);
    return NULL;
}

static bool draw_step(Arena *a, const Options *o, Model *m) {
    const Plan *p = step_plan(a, o, m);
    if (p && o->dot_fused) show_dot_fused(a, m, p, stdout);
    return p && (!o->plot || show_plan_picture(a, m, p, o->plot)) &&
           (!o->graph_fused || show_graph_picture(a, m, p, false, o->graph_fused));
}

/* 0 or 1, when one is asked for; -1: none is. */
static int draw(Arena *a, const Options *o, Model *m) {
    bool step = o->plot || o->graph_fused || o->dot_fused;
    if (!step && !o->graph && !o->graph_layers && !o->dot && !o->filters && !o->embedding)
        return -1;
    const char *weights = o->weights ? o->weights : arena_printf(a, "%s.safetensors", m->name);
    if (o->dot) show_dot(a, m, stdout);
    bool ok = (!o->graph || show_graph_picture(a, m, NULL, false, o->graph)) &&
              (!o->graph_layers || show_graph_picture(a, m, NULL, true, o->graph_layers)) &&
              (!step || draw_step(a, o, m)) &&
              (!o->filters || show_filters(a, m, weights, o->filters)) &&
              (!o->embedding || show_embedding(a, m, weights, o->embedding));
    return ok ? 0 : 1;
}

int show_model(Arena *a, const Options *o, Model *m) {
    if (o->paths) {
        print_paths(a, "parameter", m->param.at, m->param.n);
        print_paths(a, "state", m->state.at, m->state.n);
        return 0;
    }
    int drawn = draw(a, o, m);
    return drawn >= 0 ? drawn : print_model(a, o, m);
}
