/* dump.c - see dump.h. Printing only; each pass is printed once for every routine. */
#include "dump.h"

#include <string.h>

#include "passes.h"

static const char *const place_name[] = {"model", "work", "argument"};

void dump_roots(const char *pass, Graph *g, const Routine *r, Node *const *before,
        Node *const *after, int n) {
    bool changed = memcmp(before, after, (size_t)n * sizeof *before) != 0;
    FILE *f = changed ? passes_start_dump(pass) : NULL;
    if (f) {
        const char **name = NEW_ARRAY(g->arena, const char *, n);
        for (int i = 0; i < n; i++) {
            const Place *to = i < r->root.n ? &r->root.at[i].to : NULL;
            name[i] = !to ? "finite" : to->name ? to->name : place_name[to->object];
        }
        fprintf(f, "routine %s\n", r->name);
        graph_print(f, g, after, name, n);
    }
    passes_end_dump(pass);
}

static void print_member(FILE *f, const Node *n, int indent) {
    static const char *const fold[] = {"map", "sum", "prod", "max", "min", "argmax", "argmin"};
    fprintf(f, "%*sn%d %s %s%s\n", indent, "", n->id, n->kind == N_COMP ? fold[n->fold] : "value",
            n->is_grad ? "grad " : "", n->name ? n->name : "");
}

static void print_units(FILE *f, const UnitList *list, int indent) {
    for (int i = 0; i < list->n; i++) {
        const Unit *u = list->at[i];
        static const char *const kind[] = {"kernel", "scan", "check that the loss is finite"};
        fprintf(f, "%*s%d: %s", indent, "", u->id, kind[u->kind]);
        if (u->kind == U_SCAN)
            fprintf(f, " of %lld steps%s", (long long)u->scan->extent, u->scan->reversed ? ", reversed" : "");
        if (u->stretch && !u->parent) fprintf(f, ", by slices of rows");
        fprintf(f, "\n");
        for (int m = 0; m < u->member.n; m++) print_member(f, u->member.at[m], indent + 4);
        for (int w = 0; w < u->write.n; w++)
            fprintf(f, "%*swrites n%d to %s%s\n", indent + 4, "", u->write.at[w].value->id,
                    u->write.at[w].to->name ? u->write.at[w].to->name : "a place",
                    u->write.at[w].add ? ", adding" : "");
        print_units(f, &u->child, indent + 4);
    }
}

void dump_units(const char *pass, const Kernels *k) {
    FILE *f = passes_start_dump(pass);
    if (f) {
        fprintf(f, "routine %s\n", k->routine->name);
        print_units(f, &k->top, 2);
    }
    passes_end_dump(pass);
}

void dump_plan(const char *pass, const Kernels *k) {
    FILE *f = passes_start_dump(pass);
    if (f) {
        fprintf(f, "routine %s: %lld bytes, and %lld for each thread\n", k->routine->name,
                (long long)k->plan->arena, (long long)k->plan->local);
        for (int i = 0; i < k->plan->stretch.n; i++) {
            const PlanStretch *s = &k->plan->stretch.at[i];
            fprintf(f, "  kernels %d to %d: %lld groups of %lld rows, by slices of %lld\n", s->first,
                    s->last, (long long)k->plan->groups, (long long)k->plan->group_rows,
                    (long long)s->slice_rows);
        }
        for (int i = 0; i < k->plan->buffer.n; i++) {
            const PlanBuffer *b = &k->plan->buffer.at[i];
            fprintf(f, "  at %s%lld, %lld bytes, kernels %d to %d: %s\n",
                    b->local ? "its thread's " : "", (long long)b->offset, (long long)b->bytes, b->first, b->last, b->name ? b->name : "unnamed");
        }
    }
    passes_end_dump(pass);
}

void dump_functions(const char *pass, const Kernels *k, const char *const *text, int n) {
    FILE *f = passes_start_dump(pass);
    if (f) {
        fprintf(f, "routine %s\n", k->routine->name);
        for (int i = 0; i < n; i++) fprintf(f, "%s\n", text[i]);
    }
    passes_end_dump(pass);
}
