/* codegen.c - compiling routines into one file's functions and tables.
 *
 * Functions whose canonical texts are equal are one function; tables with equal elements
 * are one table. Every function is checked (loop_check.c) before it is kept. */
#include "codegen.h"
#include "alike.h"
#include "demand.h"
#include "dump.h"
#include "embedded.h"
#include "emit_text.h"
#include "factor.h"
#include "graph_tables.h"
#include "hoist.h"
#include "mechanism.h"
#include "routine.h"
#include "template.h"

#include <string.h>

typedef struct Function {
    const char *name, *text, *key;
    int count;               /* of names made from this one */
} Function;

/* What has become of a unit; others alike become the same. */
typedef struct Pattern {
    UnitKey key;             /* in the arena: the words and the hash alone */
    CallForm form;
    LoopFunction *function;
    const char *name;
    double flops;
} Pattern;

struct Codegen {
    Arena *arena;
    Graph *graph;
    const char *prefix, *file;
    int64_t batch;
    Threading threading;
    int64_t memory;
    Vec(Function) function;
    Lookup key, name;        /* of functions, by their keys and names */
    Vec(Pattern) pattern;
    Lookup alike;            /* of patterns, by their keys */
    Vec(Node *) table;
    Vec(const char *) driver;
    bool timed;
    int timers;
};

const char *codegen_prefix(const Codegen *cg) {
    return cg->prefix;
}

Codegen *codegen_new(Arena *a, Graph *g, const char *prefix, const char *file, int64_t batch) {
    Codegen *cg = NEW(a, Codegen);
    cg->arena = a;
    cg->graph = g;
    cg->prefix = prefix;
    cg->file = file;
    cg->batch = batch;
    return cg;
}

void codegen_threading(Codegen *cg, Threading how) {
    cg->threading = how;
}

void codegen_time_kernels(Codegen *cg) {
    cg->timed = true;
}

bool codegen_times_kernels(const Codegen *cg) {
    return cg->timed;
}

void codegen_memory(Codegen *cg, int64_t bytes) {
    cg->memory = bytes;
}

/* ---- tables -------------------------------------------------------------------------- */

int codegen_table(Codegen *cg, Node *data) {
    int64_t n = node_elements(data, cg->batch);
    for (int i = 0; i < cg->table.n; i++) {
        Node *t = cg->table.at[i];
        bool same = t->dtype == data->dtype && node_elements(t, cg->batch) == n &&
                    !memcmp(t->data, data->data, (size_t)n * sizeof *data->data);
        if (same) return i;
    }
    vec_push(cg->arena, &cg->table, data);
    return cg->table.n - 1;
}

const char *table_name(const Codegen *cg, int table) {
    return arena_printf(cg->arena, "%s_table%d", cg->prefix, table);
}

static void print_table(const Codegen *cg, FILE *f, int table) {
    const Node *n = cg->table.at[table];
    int64_t count = node_elements(n, cg->batch);
    fprintf(f, "static const %s %s[%lld] = {", place_type_c(place_type(n->dtype)),
            table_name(cg, table), (long long)count);
    for (int64_t i = 0; i < count; i++) {
        fprintf(f, i % 8 ? " " : "\n    ");
        if (n->dtype == T_F32)
            fprintf(f, "%s,", emit_real(cg->arena, n->data[i]));
        else
            fprintf(f, "%lld,", (long long)n->data[i]);
    }
    fprintf(f, "\n};\n\n");
}

/* ---- what a kernel computes, for people ---------------------------------------------- */

static const char *dims_text(Arena *a, int n, const int64_t *dim) {
    Text t = {.arena = a};
    for (int i = 0; i < n; i++) {
        if (i) text_printf(&t, ", ");
        if (dim[i] == DIM_BATCH)
            text_printf(&t, "batch");
        else
            text_printf(&t, "%lld", (long long)dim[i]);
    }
    return n ? t.at : "";
}

static const char *node_text(Codegen *cg, const Node *n) {
    static const char *const fold[] = {"", " = sum over [", " = product over [", " = max over [",
            " = min over [", " = argmax over [", " = argmin over ["};
    Arena *a = cg->arena;
    int line = 0, col = 0;
    if (n->span.src) span_line_col(n->span, &line, &col);
    const char *what = n->name ? n->name : "value";
    const char *of = n->is_grad ? "gradient of " : "";
    const char *over = n->kind == N_COMP && n->fold ? arena_printf(a, "%s%s]", fold[n->fold],
                                                              dims_text(a, n->nfold, n->fold_dim))
                                                    : "";
    const char *from = line ? arena_printf(a, " (%s:%d)", cg->file, line) : "";
    return arena_printf(a, "%s%s: %s[%s]%s%s", of, what, dtype_name(n->dtype),
            dims_text(a, n->rank, n->dim), over, from);
}

static const char *unit_text(Codegen *cg, const Unit *u) {
    Text t = {.arena = cg->arena};
    for (int i = 0; i < u->member.n; i++)
        text_printf(&t, "%s%s", i ? "\n" : "", node_text(cg, u->member.at[i]));
    for (int i = 0; i < u->write.n && !u->member.n; i++)
        text_printf(&t, "copies %s", node_text(cg, u->write.at[i].value));
    return t.at;
}

/* Its last result, in a line. */
static const char *result_text(Codegen *cg, const Unit *u) {
    return node_text(cg, u->member.n ? u->member.at[u->member.n - 1] : u->write.at[0].value);
}

/* ---- functions ----------------------------------------------------------------------- */

static Function *function_named(Codegen *cg, const char *name) {
    for (int e = lookup_first(&cg->name, hash_text(name)); e >= 0; e = lookup_next(&cg->name, e)) {
        Function *f = &cg->function.at[lookup_item(&cg->name, e)];
        if (strcmp(f->name, name) == 0) return f;
    }
    return NULL;
}

static const char *function_name(Codegen *cg, const Unit *u) {
    const Node *n = NULL;
    for (int i = 0; i < u->member.n; i++)
        if (!n || u->member.at[i]->name) n = u->member.at[i];
    if (!n) n = u->write.at[0].value;
    const char *what = c_name(cg->arena, n->name, n->kind == N_COMP && n->fold ? "fold" : "map");
    const char *grad = n->is_grad ? "grad_" : u->member.n ? "" : "copy_";
    const char *wish = arena_printf(cg->arena, "%s%s", grad, what);
    const char *name = arena_printf(cg->arena, "%s_kernel", wish);
    Function *first = NULL;
    for (Function *f; (f = function_named(cg, name));) {
        if (!first) first = f;
        name = arena_printf(cg->arena, "%s_%d_kernel", wish, ++first->count);
    }
    return name;
}

/* What no guard is known to keep in bounds is kept there by force. */
static void schedule_checked(Kernels *k, Unit *u) {
    Clamp clamp = CLAMP_NONE;
    do schedule_unit(k, u, clamp);
    while (loop_check(k->scratch, u->function, k->batch) && clamp++ < CLAMP_ALL);
    if (mechanism_on(MECHANISM_vectors)) vectorize(k->scratch, u->function, k->batch);
}

static void keep_function(Kernels *k, Unit *u) {
    Codegen *cg = k->codegen;
    LoopFunction *f = u->function;
    const char *key = emit_function(k->scratch, f, k->batch, true);
    uint64_t hash = hash_text(key);
    for (int e = lookup_first(&cg->key, hash); e >= 0; e = lookup_next(&cg->key, e)) {
        const Function *old = &cg->function.at[lookup_item(&cg->key, e)];
        if (strcmp(old->key, key)) continue;
        u->function_name = old->name;
        return;
    }
    const char *wrong = loop_check(k->scratch, f, k->batch);
    f->name = function_name(cg, u);
    f->comment = unit_text(cg, u);
    f->avoid = cg->prefix;
    const char *text = emit_function(cg->arena, f, k->batch, false);
    if (wrong) ICE((Span){0}, "%s: %s\n%s", f->name, wrong, text);
    lookup_add(cg->arena, &cg->key, hash, cg->function.n);
    lookup_add(cg->arena, &cg->name, hash_text(f->name), cg->function.n);
    key = arena_copy(cg->arena, key, strlen(key) + 1);
    vec_push(cg->arena, &cg->function, ((Function){f->name, text, key, 1}));
    u->function_name = f->name;
}

/* ---- what a kernel costs, for people ------------------------------------------------- */

typedef struct Cost {
    int operators;
} Cost;

static void count_operator(void *ctx, Expr *e) {
    if (e->kind == E_OP && e->dtype == T_F32) ((Cost *)ctx)->operators++;
}

/* Operations on reals in a call with all rows. */
static double flops_of(Kernels *k, const Unit *u) {
    double flops = 0;
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(k, u->member.at[i]);
        Cost cost = {v->node->fold == F_SUM || v->node->fold == F_PROD};
        view_visit(k, v, count_operator, &cost);
        flops += points_of(k, v->node) * cost.operators;
    }
    return flops;
}

/* Of the arrays that it reads or writes, each counted once. */
static double bytes_of(const Kernels *k, const Unit *u) {
    double bytes = 0;
    for (int i = 0; i < u->argument.n; i++) {
        const Storage *s = u->argument.at[i];
        double slices = s->local ? (double)k->batch / (double)s->local->slice_rows : 1;
        bytes += (double)s->bytes * slices;
    }
    return bytes;
}

static const Pattern *pattern_of(const Codegen *cg, const UnitKey *key) {
    if (!mechanism_on(MECHANISM_alike)) return NULL;
    for (int e = lookup_first(&cg->alike, key->hash); e >= 0; e = lookup_next(&cg->alike, e)) {
        const Pattern *p = &cg->pattern.at[lookup_item(&cg->alike, e)];
        if (same_key(&p->key, key)) return p;
    }
    return NULL;
}

static Pattern *keep_pattern(Codegen *cg, const UnitKey *key, const Unit *u) {
    Pattern p = {.form = call_form(cg->arena, key, u), .function = u->function};
    p.key.hash = key->hash;
    p.key.word.n = key->word.n;
    p.key.word.at = arena_copy(cg->arena, key->word.at, (size_t)key->word.n * sizeof *key->word.at);
    p.name = u->function_name;
    lookup_add(cg->arena, &cg->alike, key->hash, cg->pattern.n);
    vec_push(cg->arena, &cg->pattern, p);
    return &cg->pattern.at[cg->pattern.n - 1];
}

/* The unit's function and its call; the number of its operations. */
static double build_function(Kernels *k, Unit *u) {
    Codegen *cg = k->codegen;
    UnitKey key = unit_key(k, u);
    const Pattern *p = pattern_of(cg, &key);
    if (p) {
        call_alike(k->arena, &key, &p->form, u);
        u->function = p->function;
        u->function_name = p->name;
    } else {
        schedule_checked(k, u);
        keep_function(k, u);
        u->function = arena_copy(k->arena, u->function, sizeof *u->function);
        u->function->body = (LoopBlock){0};
        Pattern *new = keep_pattern(cg, &key, u);
        new->flops = flops_of(k, u);
        p = new;
    }
    arena_clear(k->scratch);
    return p->flops;
}

/* A step of a stack, or what a scan carries, lies in the memory of the whole. */
static const Storage *memory_of_array(Storage *s) {
    for (s = resolve(s); s->base; s = resolve(s->base)) continue;
    return s;
}

static void note_array(Kernels *k, PlanKernel *line, Storage *s, bool written) {
    PlanArray array = {.name = s ? s->name : NULL, .written = written};
    if (!s || s->kind == ST_TABLE) return;
    array.memory = memory_of_array(s);
    for (int i = 0; i < line->array.n; i++)
        if (line->array.at[i].memory == array.memory && line->array.at[i].written == written) return;
    vec_push(k->arena, &line->array, array);
}

static void note_arrays(Kernels *k, PlanKernel *line, const Unit *u) {
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(k, u->member.at[i]);
        for (int j = 0; j < v->loads.n; j++)
            note_array(k, line, view_of(k, v->loads.at[j])->storage, false);
        note_array(k, line, v->storage, true);
    }
    for (int i = 0; i < u->write.n; i++) note_array(k, line, u->write.at[i].to, true);
}

static void keep_functions(Kernels *k, UnitList *list, int depth, double times) {
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        PlanKernel line = {.function = "scan", .depth = depth, .times = times};
        if (u->kind == U_SCAN) vec_push(k->arena, &k->plan->kernel, line);
        if (u->kind == U_KERNEL) {
            line.flops = build_function(k, u);
            line.function = u->function_name;
            line.what = result_text(k->codegen, u);
            line.bytes = bytes_of(k, u);
            note_arrays(k, &line, u);
            line.timer = u->timer = k->codegen->timers++;
            vec_push(k->arena, &k->plan->kernel, line);
        }
        keep_functions(k, &u->child, depth + 1, u->scan ? times * (double)u->scan->extent : times);
    }
}

static int roots_of(Codegen *cg, const Routine *r, Node ***root) {
    int n = r->root.n;
    *root = NEW_ARRAY(cg->arena, Node *, n + 1);
    for (int i = 0; i < n; i++) (*root)[i] = r->root.at[i].value;
    (*root)[n] = r->finite;
    return r->finite ? n + 1 : n;
}

static Routine *with_roots(Codegen *cg, const Routine *given, Node *const *root) {
    Routine *r = arena_copy(cg->arena, given, sizeof *given);
    int n = r->root.n;
    r->root.at = arena_copy(cg->arena, r->root.at, (size_t)n * sizeof *r->root.at);
    for (int i = 0; i < n; i++) r->root.at[i].value = root[i];
    r->finite = root[n];
    return r;
}

static int64_t rows_of(const Codegen *cg, const Routine *r) {
    return r->rows ? r->rows : cg->batch;
}

/* The routine over the graph as scheduling wants it: scans hold their recurrence alone. */
static const Routine *prepare(Codegen *cg, const Routine *r) {
    Node **root;
    int count = roots_of(cg, r, &root);
    Node **before = arena_copy(cg->arena, root, (size_t)count * sizeof *root);
    hoist(cg->graph, root, count);
    dump_roots("hoist", cg->graph, r, before, root, count);
    memcpy(before, root, (size_t)count * sizeof *root);
    demand(cg->graph, root, count);
    dump_roots("demand", cg->graph, r, before, root, count);
    memcpy(before, root, (size_t)count * sizeof *root);
    factor(cg->graph, root, count);
    dump_roots("factor", cg->graph, r, before, root, count);
    return with_roots(cg, r, root);
}

/* Sums over the rows as sums of partial sums. */
static const Routine *divide(Codegen *cg, const Routine *r, Thrift thrift, Slicing *slicing) {
    Node **root;
    int count = roots_of(cg, r, &root);
    Node **before = arena_copy(cg->arena, root, (size_t)count * sizeof *root);
    *slicing = partial_build(cg->graph, root, count, rows_of(cg, r), cg->threading, thrift);
    dump_roots("partial", cg->graph, r, before, root, count);
    return with_roots(cg, r, root);
}

static void dump_new_functions(const Kernels *k, int first) {
    const Codegen *cg = k->codegen;
    Vec(const char *) text = {0};
    for (int i = first; i < cg->function.n; i++) vec_push(k->arena, &text, cg->function.at[i].text);
    dump_functions("schedule", k, text.at, text.n);
}

static double flops_of_units(Kernels *k, const UnitList *list, double times) {
    double flops = 0;
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        double steps = u->scan ? times * (double)u->scan->extent : times;
        flops += flops_of(k, u) * times + flops_of_units(k, &u->child, steps);
    }
    return flops;
}

/* From a routine to kernels in order, each thing with its place in memory. */
static Kernels *plan_routine(Codegen *cg, const Routine *prepared, Thrift thrift) {
    Kernels *k = NEW(cg->arena, Kernels);
    k->arena = cg->arena;
    k->graph = cg->graph;
    k->batch = rows_of(cg, prepared);
    k->model_batch = cg->batch;
    k->codegen = cg;
    k->routine = divide(cg, prepared, thrift, &k->slicing);
    k->plan = NEW(cg->arena, Plan);
    bindings_build(k);
    view_build(k);
    group_build(k);
    storage_build(k);
    order_build(k);
    stretch_build(k);
    recompute_build(k);
    lines_build(k);
    dump_units("fuse", k);
    plan_build(k);
    dump_plan("plan", k);
    k->plan->flops = k->plan->flops_before = flops_of_units(k, &k->top, 1);
    return k;
}

static int64_t memory_of(const Kernels *k) {
    return k->arena_bytes + k->local_bytes;
}

/* The first way that fits the limit, or else the one that needs least. */
static Kernels *fit_routine(Codegen *cg, const Routine *prepared) {
    Kernels *best = plan_routine(cg, prepared, THRIFT_NONE);
    double flops = best->plan->flops;
    for (Thrift t = THRIFT_NONE + 1; cg->memory && t < THRIFTS; t++) {
        if (memory_of(best) <= cg->memory) break;
        Kernels *k = plan_routine(cg, prepared, t);
        if (memory_of(k) < memory_of(best)) best = k;
    }
    best->plan->flops_before = flops;
    return best;
}

const Plan *codegen_routine(Codegen *cg, const Routine *given) {
    Kernels *k = fit_routine(cg, prepare(cg, given));
    int first = cg->function.n;
    k->scratch = arena_new();
    keep_functions(k, &k->top, 0, 1);
    arena_free(k->scratch);
    dump_new_functions(k, first);
    vec_push(cg->arena, &cg->driver, routine_text(k));
    return k->plan;
}

static void print_timers(const Codegen *cg, FILE *f) {
    Dict *d = dict_new(cg->arena, NULL);
    dict_set(d, "timers", "%d", cg->timers + 1);
    template_print(f, embedded_text("timed.h.in"), d);
}

void codegen_print(Codegen *cg, FILE *f) {
    if (cg->timed) print_timers(cg, f);
    for (int i = 0; i < cg->table.n; i++) print_table(cg, f, i);
    for (int i = 0; i < cg->function.n; i++) fprintf(f, "%s\n", cg->function.at[i].text);
    for (int i = 0; i < cg->driver.n; i++) fprintf(f, "%s\n", cg->driver.at[i]);
}

bool plan_kernel_is_gradient(const PlanKernel *k) {
    return k->what && strncmp(k->what, "gradient", 8) == 0;
}
