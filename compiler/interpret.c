/* interpret.c - the table of a model (dl.h) run by the interpreter instead of generated C.
 *
 * Objects have the layout of the generated structs (program.h), so that saving, loading and
 * every generic host work alike. A routine is run as it is written down: leaves are read
 * from their places, roots evaluated and stored to theirs; in double precision, which defines
 * what a model means (eval.h), or in single (eval32.h).
 * The table's functions take no context: there is one interpreted model a process. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/dl_file.h"
#include "../runtime/dl_object.h"
#include "driver.h"
#include "eval.h"
#include "eval32_routine.h"

static const Program *program;
static dl_model table;
static bool single;
static const uint64_t magic = UINT64_C(0x646c2d696e746572);

/* ---- reading and writing places ------------------------------------------------------- */

static double get(const void *at, PlaceType t, int64_t i) {
    switch (t) {
    case PT_F32: return (double)((const float *)at)[i];
    case PT_I32: return ((const int32_t *)at)[i];
    case PT_U8: return ((const uint8_t *)at)[i];
    case PT_F64: return ((const double *)at)[i];
    case PT_I64: return (double)((const int64_t *)at)[i];
    }
    return 0;
}

static void put(void *at, PlaceType t, int64_t i, double v) {
    switch (t) {
    case PT_F32: ((float *)at)[i] = (float)v; break;
    case PT_I32: ((int32_t *)at)[i] = (int32_t)v; break;
    case PT_U8: ((uint8_t *)at)[i] = (uint8_t)v; break;
    case PT_F64: ((double *)at)[i] = v; break;
    case PT_I64: ((int64_t *)at)[i] = (int64_t)v; break;
    }
}

/* The objects and arguments of one call. */
typedef struct Call {
    char *model, *work;
    void *const *arg;
    int64_t n;
} Call;

static char *place_at(const Call *c, const Place *p) {
    char *base = p->object == P_MODEL ? c->model : p->object == P_WORK ? c->work : c->arg[p->arg];
    return base + p->offset;
}

static int bind(Eval *e, const Call *c, const Binding *b, dl_work_head *head) {
    const char *at = place_at(c, &b->from);
    int64_t n = node_elements(b->leaf, c->n);
    double *value = malloc((size_t)(n ? n : 1) * sizeof *value);
    if (!value) return DL_E_MEMORY;
    int status = DL_OK;
    for (int64_t i = 0; i < n && !status; i++) {
        value[i] = get(at, b->from.type, i);
        if (b->bound && !(value[i] >= 0 && value[i] < (double)b->bound))
            status = dl_refuse(head, DL_E_RANGE, -1, i);
    }
    if (!status) eval_bind(e, b->leaf, value);
    free(value);
    return status;
}

static int store(Eval *e, const Call *c, const Root *r) {
    const double *value = eval_node(e, r->value);
    if (!value) return DL_E_MEMORY;
    char *at = place_at(c, &r->to);
    int64_t n = node_elements(r->value, c->n);
    for (int64_t i = 0; i < n; i++)
        put(at, r->to.type, i, value[i] + (r->accumulate ? get(at, r->to.type, i) : 0));
    return DL_OK;
}

/* All values are computed before the first is stored, since places are leaves' places too. */
static int evaluate_roots(Eval *e, const Call *c, const Routine *r) {
    for (int i = 0; i < r->root.n; i++) {
        const double *value = eval_node(e, r->root.at[i].value);
        if (!value) {
            fprintf(stderr, "dlc: %s\n", eval_error(e));
            return DL_E_MEMORY;
        }
        if (!r->root.at[i].early) continue;
        store(e, c, &r->root.at[i]);
        if (r->root.at[i].value == r->finite && !isfinite((float)value[0])) return DL_E_LOSS;
    }
    for (int i = 0; i < r->root.n; i++) {
        int status = r->root.at[i].early ? DL_OK : store(e, c, &r->root.at[i]);
        if (status) return status;
    }
    return DL_OK;
}

static uint64_t seed_of(const Use *u, const dl_head *model, const dl_work_head *work) {
    return u == program->accumulate ? dl_part_seed(model->seed, work->parts) : model->seed;
}

static int run(const Use *u, void *model, void *work, int64_t n, void *const *arg) {
    const dl_head *head = model;
    uint64_t seed = seed_of(u, head, work);
    if (single) {
        dl_work_head none = {.threads = 1}, *faults = work ? work : &none;
        Call32 c = {model, work, arg, n, faults->threads, faults, seed};
        return routine32_run(program->model->graph, &u->routine, &c);
    }
    Eval *e = eval_new(program->model->graph, n, seed, (uint32_t)head->step);
    if (!e) return DL_E_MEMORY;
    Call c = {.model = model, .work = work, .arg = arg, .n = n};
    dl_work_head unused, *faults = work ? work : &unused;
    int status = DL_OK;
    for (int i = 0; i < u->routine.leaf.n && !status; i++) {
        const Binding *b = &u->routine.leaf.at[i];
        if (b->from.object != P_WORK || work) status = bind(e, &c, b, faults);
    }
    if (!status) status = evaluate_roots(e, &c, &u->routine);
    eval_free(e);
    return status;
}

/* Rows of the caller's arrays from `row` on. */
static void advance(const Routine *r, const void *const *from, void **to, int64_t row) {
    for (int i = 0; i < r->arg.n; i++) to[i] = (char *)(uintptr_t)from[i];
    for (int i = 0; i < r->leaf.n; i++) {
        const Binding *b = &r->leaf.at[i];
        if (b->from.object != P_ARG || !b->leaf->rank || b->leaf->dim[0] != DIM_BATCH) continue;
        to[b->from.arg] = (char *)to[b->from.arg] +
                row * node_elements(b->leaf, 1) * place_bytes(b->from.type);
    }
    for (int i = 0; i < r->root.n; i++) {
        const Root *o = &r->root.at[i];
        if (o->to.object != P_ARG || !o->value->rank || o->value->dim[0] != DIM_BATCH) continue;
        to[o->to.arg] = (char *)to[o->to.arg] + row * node_elements(o->value, 1) * place_bytes(o->to.type);
    }
}

enum { MAX_ARGUMENTS = 1024 };

/* Any number of rows, a batch at a time. */
static int run_parts(const Use *u, const void *model, void *work, int64_t n, const void *const *arg) {
    int64_t batch = program->model->batch;
    for (int64_t row = 0; row < n; row += batch) {
        void *part[MAX_ARGUMENTS];
        advance(&u->routine, arg, part, row);
        int status = run(u, (void *)(uintptr_t)model, work, n - row < batch ? n - row : batch, part);
        if (status) return status;
    }
    return DL_OK;
}

/* ---- the table's functions ---------------------------------------------------------------- */

static size_t size(void) { return (size_t)program->model_bytes; }

static size_t work_size(int threads) {
    (void)threads;
    return (size_t)program->work_bytes;
}

static int init(void *mem, size_t bytes, uint64_t seed, void **out) {
    int status = out ? dl_check_memory(mem, bytes, size()) : DL_E_NULL;
    if (status) return status;
    memset(mem, 0, size());
    *(dl_head *)mem = (dl_head){.magic = magic, .seed = seed};
    for (int i = 0; i < program->in_model.n; i++) {
        const Member *m = &program->in_model.at[i];
        if (m->role == DL_NUMBER) put((char *)mem + m->offset, m->type, 0, m->value);
    }
    *out = mem;
    return run(program->init, mem, NULL, 1, NULL);
}

static int work_init(void *mem, size_t bytes, int threads, void **out) {
    int status = out ? dl_check_memory(mem, bytes, work_size(threads)) : DL_E_NULL;
    if (status) return status;
    if (threads < 1) return DL_E_THREADS;
    memset(mem, 0, work_size(threads));
    *(dl_work_head *)mem = (dl_work_head){.magic = magic, .threads = threads};
    *out = mem;
    return DL_OK;
}

/* Inputs and targets, then where the loss goes. */
static int run_data(const Use *u, void *model, void *work, int64_t n, const void *const *data,
        void *last) {
    if (!model || !work || !data || !last) return DL_E_NULL;
    int count = table.ninput + table.ntarget;
    if (n < 1 || n > table.batch) return dl_refuse(work, DL_E_ROWS, -1, -1);
    void *arg[MAX_ARGUMENTS];
    for (int i = 0; i < count; i++) {
        if (!data[i]) return dl_refuse(work, DL_E_NULL, -1, -1);
        arg[i] = (void *)(uintptr_t)data[i];
    }
    arg[count] = last;
    return run(u, model, work, n, arg);
}

static int train_step(void *model, void *work, int64_t n, const void *const *data, float *loss) {
    int status = run_data(program->step, model, work, n, data, loss);
    if (!status) ((dl_head *)model)->step++;
    return status;
}

static int accumulate(void *model, void *work, int64_t n, const void *const *data, float *loss) {
    if (!work) return DL_E_NULL;
    dl_work_head *head = work;
    head->share = (float)n / (head->rows + (float)n);
    int status = run_data(program->accumulate, model, work, n, data, loss);
    if (status) return status;
    head->rows += (float)n;
    head->parts++;
    return DL_OK;
}

static int apply(void *model, void *work) {
    if (!model || !work) return DL_E_NULL;
    dl_work_head *head = work;
    if (head->rows <= 0) return dl_refuse(head, DL_E_ROWS, -1, -1);
    int status = run(program->apply, model, work, 1, NULL);
    if (status) return status;
    head->rows = 0;
    head->parts = 0;
    ((dl_head *)model)->step++;
    return DL_OK;
}

static int evaluate(const void *model, void *work, int64_t n, const void *const *data, void *totals) {
    if (!model || !work || !data || !totals) return DL_E_NULL;
    const void *arg[MAX_ARGUMENTS];
    int count = table.ninput + table.ntarget;
    for (int i = 0; i < count; i++) arg[i] = data[i];
    arg[count] = totals;
    return run_parts(program->evaluate, model, work, n, arg);
}

static void results(const void *totals, double *metric) {
    const char *at = totals;
    for (int i = 0; i < program->model->metric.n; i++) {
        const Metric *m = &program->model->metric.at[i];
        Eval *e = eval_new(program->model->graph, 1, 0, 0);
        for (int j = 0; j < m->ntotal; j++) {
            int64_t n = node_elements(m->total[j], 1);
            double *v = malloc((size_t)n * sizeof *v);
            for (int64_t k = 0; v && k < n; k++)
                v[k] = get(at, m->total[j]->dtype == T_F32 ? PT_F64 : PT_I64, k);
            if (v) eval_bind(e, m->total_leaf[j], v);
            free(v);
            at += 8 * n;
        }
        const double *value = eval_node(e, m->result);
        int64_t n = node_elements(m->result, 1);
        for (int64_t k = 0; k < n; k++) *metric++ = value ? value[k] : NAN;
        eval_free(e);
    }
}

static int run_entry(int at, const void *model, void *work, int64_t n, const void *const *input,
        void *const *output) {
    if (!model || !work || !input || !output) return DL_E_NULL;
    const EntryUse *entry = &program->entry.at[at];
    const void *arg[MAX_ARGUMENTS];
    int k = 0;
    for (int i = 0; i < entry->entry->input.n; i++) arg[k++] = input[i];
    for (int i = 0; i < entry->entry->output.n; i++) arg[k++] = output[i];
    return run_parts(entry->run, model, work, n, arg);
}

/* The table's functions take no context: each entry has one of its own. */
#define ENTRY(k)                                                                              \
    static int run_entry_##k(const void *model, void *work, int64_t n,                        \
            const void *const *input, void *const *output) {                                  \
        return run_entry(k, model, work, n, input, output);                                   \
    }
ENTRY(0) ENTRY(1) ENTRY(2) ENTRY(3) ENTRY(4) ENTRY(5) ENTRY(6) ENTRY(7)
ENTRY(8) ENTRY(9) ENTRY(10) ENTRY(11) ENTRY(12) ENTRY(13) ENTRY(14) ENTRY(15)
static int (*const run_entries[])(const void *, void *, int64_t, const void *const *,
        void *const *) = {run_entry_0, run_entry_1, run_entry_2, run_entry_3, run_entry_4,
        run_entry_5, run_entry_6, run_entry_7, run_entry_8, run_entry_9, run_entry_10,
        run_entry_11, run_entry_12, run_entry_13, run_entry_14, run_entry_15};
enum { MAX_ENTRIES = sizeof run_entries / sizeof *run_entries };

static int save(const void *model, const char *path) { return dl_save(&table, model, path); }
static int load(void *model, const char *path) { return dl_load(&table, model, path); }
static const dl_fault *fault(const void *work) { return &((const dl_work_head *)work)->fault; }

/* ---- the table ------------------------------------------------------------------------------ */

static dl_tensor tensor_of(const char *name, int role, PlaceType type, const Node *n, Span at) {
    int line = 0, col = 0;
    if (at.src) span_line_col(at, &line, &col);
    return (dl_tensor){.name = name, .role = (dl_role)role, .type = (dl_type)type, .rank = n->rank,
            .shape = n->dim, .line = line,
            .bytes = (size_t)(node_elements(n, program->model->batch) * place_bytes(type))};
}

static void add_ports(dl_tensor *to, const Port *port, int n, int role) {
    for (int i = 0; i < n; i++) {
        to[i] = tensor_of(port[i].name, role, place_type(port[i].node->dtype), port[i].node, port[i].span);
        to[i].bound = port[i].bound;
    }
}

static dl_tensor *all_tensors(Arena *a, const Model *m, int *stored) {
    int members = program->in_model.n + program->in_work.n;
    dl_tensor *t = NEW_ARRAY(a, dl_tensor, members + m->input.n + m->target.n + 1);
    for (int i = 0; i < members; i++) {
        const Member *k = i < program->in_model.n ? &program->in_model.at[i]
                                                  : &program->in_work.at[i - program->in_model.n];
        t[i] = tensor_of(k->path, k->role, k->type, k->leaf, k->span);
        t[i].offset = (size_t)k->offset;
    }
    add_ports(t + members, m->input.at, m->input.n, DL_INPUT);
    add_ports(t + members + m->input.n, m->target.at, m->target.n, DL_TARGET);
    *stored = members;
    return t;
}

static dl_entry entry_of(Arena *a, int at) {
    const Entry *e = program->entry.at[at].entry;
    dl_tensor *input = NEW_ARRAY(a, dl_tensor, e->input.n + e->output.n + 1);
    add_ports(input, e->input.at, e->input.n, DL_INPUT);
    add_ports(input + e->input.n, e->output.at, e->output.n, DL_OUTPUT);
    return (dl_entry){.name = e->name, .ninput = e->input.n, .noutput = e->output.n,
            .input = input, .output = input + e->input.n, .run = run_entries[at]};
}

/* Predict, and what else keeps nothing in the work area: that there is no way to clear here. */
static void add_entries(Arena *a) {
    dl_entry *entry = NEW_ARRAY(a, dl_entry, MAX_ENTRIES);
    for (int i = 0; i < program->entry.n && i < MAX_ENTRIES; i++) {
        const Entry *e = program->entry.at[i].entry;
        if (i > 0 && e->writes.n) continue;
        if (e->input.n + e->output.n > MAX_ARGUMENTS) continue;
        entry[table.nentry++] = entry_of(a, i);
    }
    table.entry = entry;
}

static const dl_model *make_table(Arena *a, Model *m) {
    program = program_build(a, m, NULL);
    int stored;
    const char **metric = NEW_ARRAY(a, const char *, m->metric.n + 1);
    dl_tensor *result = NEW_ARRAY(a, dl_tensor, m->metric.n + 1);
    size_t totals = 0, results_size = 0;
    for (int i = 0; i < m->metric.n; i++) {
        const Metric *k = &m->metric.at[i];
        metric[i] = k->name;
        for (int j = 0; j < k->ntotal; j++) totals += (size_t)node_elements(k->total[j], 1) * 8;
        result[i] = tensor_of(k->name, DL_RESULT, PT_F64, k->result, k->span);
        result[i].offset = results_size;
        results_size += result[i].bytes;
    }
    dl_tensor *t = all_tensors(a, m, &stored);
    table = (dl_model){.abi = DL_ABI, .name = m->name, .source = m->file, .version = "interpreted",
            .batch = m->batch, .tensor = t, .ntensor = stored + m->input.n + m->target.n,
            .ninput = m->input.n, .ntarget = m->target.n, .input = t + stored,
            .nmetric = m->metric.n, .metric = metric, .totals_size = totals,
            .result = result, .results_size = results_size, .size = size,
            .work_size = work_size, .init = init, .work_init = work_init,
            .train_step = m->loss ? train_step : NULL, .accumulate = m->loss ? accumulate : NULL,
            .apply = m->loss ? apply : NULL, .evaluate = m->metric.n ? evaluate : NULL,
            .results = results, .save = save, .load = load, .fault = fault, .message = dl_message};
    add_entries(a);
    return &table;
}

const dl_model *interpret_table(Arena *a, Model *m) {
    single = false;
    return make_table(a, m);
}

const dl_model *interpret_table32(Arena *a, Model *m) {
    routine32_forget();
    single = true;
    return make_table(a, m);
}

/* ---- why a loss is not finite ------------------------------------------------------------------ */

static bool finite_values(Eval *e, Node *n, int64_t rows) {
    const double *v = eval_node(e, n);
    int64_t count = node_elements(n, rows);
    for (int64_t i = 0; v && i < count; i++)
        if (!isfinite((float)v[i])) return false;
    return true;
}

static void explain_node(const Node *n, char *text, size_t size_left) {
    int line = 0, col = 0;
    if (n->span.src) span_line_col(n->span, &line, &col);
    size_t used = strlen(text);
    const char *file = n->span.src ? n->span.src->path : program->model->file;
    if (n->name)
        snprintf(text + used, size_left - used,
                "the first tensor that is not finite is '%s' (%s:%d)", n->name, file, line);
    else
        snprintf(text + used, size_left - used,
                "the first tensor that is not finite is computed at %s:%d", file, line);
}

void interpret_explain(const Model *m, const dl_model *described, const void *model, int64_t n,
        const void *const *data, char *text, size_t text_size) {
    Arena *a = arena_new();
    program = program_build(a, m, described->name);
    const dl_head *head = model;
    Eval *e = eval_new(m->graph, n, head->seed, (uint32_t)head->step);
    Call c = {.model = (char *)(uintptr_t)model, .arg = (void *const *)(uintptr_t)data, .n = n};
    dl_work_head unused;
    for (int i = 0; i < program->step->routine.leaf.n; i++) {
        const Binding *b = &program->step->routine.leaf.at[i];
        if (b->from.object != P_WORK) bind(e, &c, b, &unused);
    }
    Node *loss = m->loss;
    NodeList order = graph_order(m->graph, &loss, 1);
    for (int i = 0; i < order.n; i++) {
        Node *k = order.at[i];
        if (k->nin || k->kind == N_CARRY || finite_values(e, k, n)) continue;
        explain_node(k, text, text_size);
        break;
    }
    eval_free(e);
    arena_free(a);
}
