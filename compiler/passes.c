/* passes.c - see passes.h. The only state of the process besides interned names and the
 * message counters: which pass is to be shown, and when the last one ended. */
#include "passes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Pass { const char *name, *description; } Pass;

static const Pass passes[] = {
#define PASS(name, description) {#name, description},
#include "passes.def"
};
enum { PASSES = sizeof passes / sizeof *passes };

static const char *dump, *stop_after;
static bool timing, stopped;
static struct timespec last;

static void check_name(const char *name, const char *option) {
    if (!name || strcmp(name, "all") == 0) return;
    const char *names[PASSES];
    for (int i = 0; i < PASSES; i++) {
        names[i] = passes[i].name;
        if (strcmp(name, names[i]) == 0) return;
    }
    const char *near = diag_nearest(name, names, PASSES);
    fprintf(stderr, "dlc: %s=%s: there is no such pass%s%s%s; see dlc --list-passes\n", option, name,
            near ? ", did you mean '" : "", near ? near : "", near ? "'" : "");
    exit(2);
}

void passes_begin(const char *dump_pass, const char *stop, bool time) {
    check_name(dump_pass, "--dump");
    check_name(stop, "--stop-after");
    dump = dump_pass;
    stop_after = stop;
    timing = time;
    stopped = false;
    clock_gettime(CLOCK_MONOTONIC, &last);
}

FILE *passes_start_dump(const char *pass) {
    bool wanted = dump && (strcmp(dump, "all") == 0 || strcmp(dump, pass) == 0);
    /* A pass runs once for every routine: the one to stop after is shown for all of them. */
    bool over = stopped && strcmp(stop_after, pass) != 0;
    if (!wanted || over) return NULL;
    printf("---- %s ----\n", pass);
    return stdout;
}

void passes_end_dump(const char *pass) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ms = (double)(now.tv_sec - last.tv_sec) * 1e3 + (double)(now.tv_nsec - last.tv_nsec) * 1e-6;
    if (timing) fprintf(stderr, "%-10s %8.2f ms\n", pass, ms);
    last = now;
    if (stop_after && strcmp(stop_after, pass) == 0) stopped = true;
}

void passes_ast(const char *pass, const Ast *program) {
    FILE *f = passes_start_dump(pass);
    if (f) ast_print(f, program);
    passes_end_dump(pass);
}

typedef struct Roots { Vec(Node *) node; Vec(const char *) name; } Roots;

static void add_root(Arena *a, Roots *r, Node *n, const char *role, const char *name) {
    if (!n) return;
    vec_push(a, &r->node, n);
    vec_push(a, &r->name, arena_printf(a, "%s%s", role, name));
}

/* Everything that the model is for, by name. */
static void print_model(FILE *f, const Model *m) {
    Arena *a = arena_new();
    Roots r = {0};
    add_root(a, &r, m->loss, "loss", "");
    for (int i = 0; i < m->entry.n; i++)
        for (int k = 0; k < m->entry.at[i].output.n; k++)
            add_root(a, &r, m->entry.at[i].output.at[k].node, "output ", m->entry.at[i].output.at[k].name);
    for (int i = 0; i < m->param.n; i++) {
        add_root(a, &r, m->param.at[i]->grad, "gradient ", m->param.at[i]->path);
        add_root(a, &r, m->param.at[i]->next, "next ", m->param.at[i]->path);
    }
    graph_print(f, m->graph, r.node.at, r.name.at, r.node.n);
    arena_free(a);
}

void passes_model(const char *pass, const Model *m) {
    FILE *f = passes_start_dump(pass);
    if (f) print_model(f, m);
    passes_end_dump(pass);
}

bool passes_stopped(void) { return stopped; }

void passes_list(FILE *f) {
    for (int i = 0; i < PASSES; i++) fprintf(f, "%-10s %s\n", passes[i].name, passes[i].description);
}
