/* trial.c - one model's table against the interpreter in double precision.
 *
 * A number is right when it is within 1e-5 of the sum of absolute terms that made it; one
 * that is not is excused when a comparison it depends on was decided by less than 1e-5.
 * Memory that the model is given is filled with NaN first, so that what is read before it
 * was written shows; arrays end in marks that must survive. */
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../runtime/dl_random.h"

static const double TOLERANCE = 1e-5, TIE = 1e-5;

enum { MOST_PORTS = 64 };

/* Bytes behind an array, to see writes; the address sanitizer sees reads too. */
#ifdef __SANITIZE_ADDRESS__
enum { MARK = 0 };
#else
enum { MARK = 64 };
#endif

typedef struct Trial {
    Model *m;
    const dl_model *table;
    const TrialOptions *o;
    Outcome *out;
    Arena *arena;
    int64_t rows;
    char *model, *work;
    const void **data; /* of inputs, then targets */
} Trial;

/* ---- memory -------------------------------------------------------------------------------- */

/* Aligned as an object wants it; NaN throughout. Each is an allocation of its own, which
 * lives as long as the process. */
static char *filled(size_t size) {
    void *p = NULL;
    if (posix_memalign(&p, 64, size + MARK + (size == 0)) != 0) abort();
    memset(p, 0xff, size + MARK);
    return p;
}

static void check_mark(Trial *t, const char *p, size_t size, const char *what) {
    for (int i = 0; i < MARK; i++) {
        if ((unsigned char)p[size + (size_t)i] == 0xff) continue;
        printf("%s: %s: wrote past its end\n", t->o->name, what);
        t->out->wrong++;
        return;
    }
}

static int64_t elements(const Trial *t, const dl_tensor *of) {
    int64_t n = 1;
    for (int i = 0; i < of->rank; i++) n *= of->shape[i] < 0 ? t->rows : of->shape[i];
    return n;
}

static size_t bytes(const Trial *t, const dl_tensor *of) {
    static const size_t size[] = {4, 4, 1, 8, 8};
    return (size_t)elements(t, of) * size[of->type];
}

static double get(const void *at, dl_type type, int64_t i) {
    switch (type) {
    case DL_F32:
        return (double)((const float *)at)[i];
    case DL_I32:
        return ((const int32_t *)at)[i];
    case DL_U8:
        return ((const uint8_t *)at)[i];
    case DL_F64:
        return ((const double *)at)[i];
    case DL_I64:
        return (double)((const int64_t *)at)[i];
    }
    return 0;
}

static double *doubles(Trial *t, const void *at, const dl_tensor *of) {
    int64_t n = elements(t, of);
    double *value = NEW_ARRAY(t->arena, double, n + 1);
    for (int64_t i = 0; i < n; i++) value[i] = get(at, of->type, i);
    return value;
}

/* Values that the tensor may have. */
static void *make_data(Trial *t, const dl_tensor *of, uint32_t stream) {
    char *p = filled(bytes(t, of));
    for (int64_t i = 0; i < elements(t, of); i++) {
        double u = (double)dl_uniform(t->o->seed, 0, stream, (uint64_t)i);
        if (of->type == DL_U8)
            ((uint8_t *)p)[i] = (uint8_t)(u * (of->bound ? (double)of->bound : 256));
        else if (of->type == DL_I32)
            ((int32_t *)(void *)p)[i] = (int32_t)(u * (of->bound ? (double)of->bound : 4));
        else
            ((float *)(void *)p)[i] = (float)(3 * u - 1.5);
    }
    return p;
}

static const dl_tensor *tensor(const Trial *t, dl_role role, const char *name) {
    for (int i = 0; i < t->table->ntensor; i++)
        if (t->table->tensor[i].role == role && strcmp(t->table->tensor[i].name, name) == 0)
            return &t->table->tensor[i];
    return NULL;
}

static bool status_ok(Trial *t, int status, const char *what) {
    if (status == DL_OK) return true;
    printf("%s: %s: %s\n", t->o->name, what, t->table->message(status));
    t->out->wrong++;
    return false;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool close_to(double got, double want, double scale) {
    return fabs(got - want) <= TOLERANCE * fmax(scale, 1e-30) || got == want ||
           (isnan(got) && isnan(want));
}

static void compare_scaled(Trial *t, Eval *e, Node *node, const void *at, dl_type type,
        const char *what, const char *name, double times) {
    const double *want = eval_node(e, node), *scale = want ? eval_scale(e, node) : NULL;
    if (!want) {
        printf("%s: %s %s: %s\n", t->o->name, what, name, eval_error(e));
        t->out->wrong++;
        return;
    }
    const double *margin = NULL;
    int64_t n = node_elements(node, t->rows), bad = 0, first = 0;
    for (int64_t i = 0; i < n; i++) {
        t->out->compared++;
        if (close_to(get(at, type, i), want[i], times * scale[i])) continue;
        if (!margin) margin = eval_margin(e, node);
        if (margin && margin[i] < TIE)
            t->out->excused++;
        else if (bad++ == 0)
            first = i;
    }
    if (bad == 0) return;
    printf("%s: %s %s: %lld of %lld wrong: [%lld] is %.9g, not %.9g (of terms %.3g)\n", t->o->name,
            what, name, (long long)bad, (long long)n, (long long)first, get(at, type, first),
            want[first], times * scale[first]);
    t->out->wrong++;
}

static void compare(Trial *t, Eval *e, Node *node, const void *at, dl_type type, const char *what,
        const char *name) {
    compare_scaled(t, e, node, at, type, what, name, 1);
}

/* ---- evaluators ------------------------------------------------------------------------------ */

static void bind_vars(Trial *t, Eval *e, Var *const *var, int n, dl_role role) {
    for (int i = 0; i < n; i++) {
        const dl_tensor *of = tensor(t, role, var[i]->path);
        if (of) {
            eval_bind(e, var[i]->leaf, doubles(t, t->model + of->offset, of));
            continue;
        }
        printf("%s: the table lacks %s\n", t->o->name, var[i]->path);
        t->out->wrong++;
    }
}

/* With everything stored bound to what the model object holds now. */
static Eval *evaluator(Trial *t) {
    Eval *e = eval_new(t->m->graph, t->rows, t->o->seed, 0);
    eval_keep_scale(e);
    bind_vars(t, e, t->m->param.at, t->m->param.n, DL_PARAMETER);
    bind_vars(t, e, t->m->state.at, t->m->state.n, DL_STATE);
    bind_vars(t, e, t->m->slot.at, t->m->slot.n, DL_SLOT);
    for (int i = 0; i < t->m->number.n; i++) {
        const dl_tensor *of = tensor(t, DL_NUMBER, t->m->number.at[i].path);
        double value = of ? get(t->model + of->offset, of->type, 0) : t->m->number.at[i].value;
        eval_bind(e, t->m->number.at[i].leaf, &value);
    }
    return e;
}

static void bind_data(Trial *t, Eval *e) {
    int inputs = t->m->input.n;
    for (int i = 0; i < inputs + t->m->target.n; i++) {
        const Port *p = i < inputs ? &t->m->input.at[i] : &t->m->target.at[i - inputs];
        eval_bind(e, p->node, doubles(t, t->data[i], &t->table->input[i]));
    }
}

/* ---- what is compared
 * ---------------------------------------------------------------------------- */

static void compare_initial_of(Trial *t, Eval *e, Var *const *var, int n, dl_role role) {
    for (int i = 0; i < n; i++) {
        const dl_tensor *of = var[i]->init ? tensor(t, role, var[i]->path) : NULL;
        if (of)
            compare(t, e, var[i]->init, t->model + of->offset, of->type, "initial value",
                    var[i]->path);
    }
}

static void compare_initial(Trial *t) {
    Eval *e = eval_new(t->m->graph, t->rows, t->o->seed, 0);
    eval_keep_scale(e);
    compare_initial_of(t, e, t->m->param.at, t->m->param.n, DL_PARAMETER);
    compare_initial_of(t, e, t->m->state.at, t->m->state.n, DL_STATE);
    compare_initial_of(t, e, t->m->slot.at, t->m->slot.n, DL_SLOT);
    eval_free(e);
}

/* So that gains differ from 1 and biases from 0. */
static void disturb(Trial *t) {
    for (int i = 0; i < t->table->ntensor; i++) {
        const dl_tensor *of = &t->table->tensor[i];
        if ((of->role != DL_PARAMETER && of->role != DL_STATE) || of->type != DL_F32) continue;
        float *at = (float *)(void *)(t->model + of->offset);
        for (int64_t k = 0; k < elements(t, of); k++)
            at[k] += 0.1f * dl_uniform(9, 0, (uint32_t)i, (uint64_t)k);
    }
}

/* The entry's outputs by the definition, for all rows of these data or for one of them. */
static Eval *entry_evaluator(Trial *t, int k, void *const *input, int64_t only) {
    int64_t all = t->rows;
    t->rows = only < 0 ? all : 1;
    Eval *e = evaluator(t);
    for (int i = 0; i < t->table->entry[k].ninput; i++) {
        const dl_tensor *of = &t->table->entry[k].input[i];
        bool rows = of->rank > 0 && of->shape[0] < 0;
        const char *at = input[i];
        if (only > 0 && rows) at += (size_t)only * bytes(t, of);
        eval_bind(e, t->m->entry.at[k].input.at[i].node, doubles(t, at, of));
    }
    t->rows = all;
    return e;
}

static bool row_is_alone(Trial *t, int k, Eval *all, Eval *one, int64_t row) {
    for (int i = 0; i < t->table->entry[k].noutput; i++) {
        Node *node = t->m->entry.at[k].output.at[i].node;
        const double *a = eval_node(all, node), *b = eval_node(one, node);
        int64_t n = node_elements(node, 1);
        if (a && node_elements(node, 2) > n) a += row * n;
        for (int64_t j = 0; a && b && j < n; j++)
            if (a[j] != b[j] && !isnan(b[j])) return false;
    }
    return true;
}

/* Whether each row has values of its own. More rows than a batch are computed a batch at a
 * time, so that what couples them depends on how they were parted. */
static bool rows_apart(Trial *t, int k, void *const *input) {
    Eval *all = entry_evaluator(t, k, input, -1);
    bool apart = true;
    for (int64_t row = 0; row < t->rows && apart; row++) {
        Eval *one = entry_evaluator(t, k, input, row);
        apart = row_is_alone(t, k, all, one, row);
        eval_free(one);
    }
    eval_free(all);
    return apart;
}

static void compare_outputs(Trial *t, int k, void *const *input) {
    const dl_entry *run = &t->table->entry[k];
    void *output[MOST_PORTS];
    for (int i = 0; i < run->noutput; i++) output[i] = filled(bytes(t, &run->output[i]));
    int status = run->run(t->model, t->work, t->rows, (const void *const *)input, output);
    if (!status_ok(t, status, run->name)) return;
    Eval *e = entry_evaluator(t, k, input, -1);
    for (int i = 0; i < run->noutput; i++) {
        const dl_tensor *of = &run->output[i];
        compare(t, e, t->m->entry.at[k].output.at[i].node, output[i], of->type, run->name,
                of->name);
        check_mark(t, output[i], bytes(t, of), of->name);
    }
    eval_free(e);
}

/* Any number of rows, more than a batch too. */
static void compare_entries(Trial *t) {
    int64_t rows[] = {t->rows, 1, 2 * t->m->batch + 1};
    for (int k = 0; k < t->table->nentry; k++)
        for (int i = 0; i < 3; i++) {
            const dl_entry *run = &t->table->entry[k];
            void *input[MOST_PORTS];
            t->rows = rows[i];
            for (int j = 0; j < run->ninput; j++)
                input[j] = make_data(t, &run->input[j], 100 + (uint32_t)j);
            if (i < 2 || rows_apart(t, k, input)) compare_outputs(t, k, input);
            t->rows = rows[0];
        }
}

/* The loss of an evaluation. */
static void compare_metrics(Trial *t) {
    const Model *m = t->m;
    double value[4096], *at = value;
    void *totals = filled(t->table->totals_size);
    memset(totals, 0, t->table->totals_size);
    if (!status_ok(t, t->table->evaluate(t->model, t->work, t->rows, t->data, totals), "evaluate"))
        return;
    Eval *e = evaluator(t);
    bind_data(t, e);
    t->table->results(totals, value);
    for (int i = 0; i < m->metric.n; i++) {
        const Metric *of = &m->metric.at[i];
        Eval *f = eval_new(m->graph, 1, t->o->seed, 0);
        eval_keep_scale(f);
        double times = 1; /* what cancelled in a total is uncertain in the result */
        for (int k = 0; k < of->ntotal; k++) {
            const double *total = eval_node(e, of->total[k]);
            eval_bind(f, of->total_leaf[k], total);
            const double *scale = eval_scale(e, of->total[k]);
            for (int64_t j = 0; j < node_elements(of->total[k], 1); j++)
                if (total[j] != 0) times = fmax(times, scale[j] / fabs(total[j]));
        }
        compare_scaled(t, f, of->result, at, DL_F64, "metric", of->name, times);
        at += node_elements(of->result, 1);
        eval_free(f);
    }
    eval_free(e);
}

static void compare_next(
        Trial *t, Eval *after, Var *const *var, int n, dl_role role, const char *what) {
    for (int i = 0; i < n; i++)
        if (var[i]->next) {
            const dl_tensor *of = tensor(t, role, var[i]->path);
            compare(t, after, var[i]->next, t->model + of->offset, of->type, what, var[i]->path);
        }
}

/* The same on another number of threads, to the bit; from the states as they were before. */
static void compare_threads(Trial *t, const char *before) {
    enum { THREADS = 3 };
    float loss;
    void *work = NULL;
    size_t size = t->table->work_size(THREADS);
    char *at = filled(size), *model = filled(t->table->size());
    memcpy(model, before, t->table->size());
    if (!status_ok(t, t->table->work_init(at, size, THREADS, &work), "work_init")) return;
    if (!status_ok(t, t->table->accumulate(model, work, t->rows, t->data, &loss), "accumulate"))
        return;
    for (int i = 0; i < t->table->ntensor; i++) {
        const dl_tensor *of = &t->table->tensor[i];
        if (of->role != DL_GRADIENT) continue;
        if (memcmp((char *)work + of->offset, t->work + of->offset, bytes(t, of)) == 0) continue;
        printf("%s: gradient %s: other bits on %d threads\n", t->o->name, of->name, THREADS);
        t->out->wrong++;
    }
    check_mark(t, at, size, "work area");
}

/* Gradients; then apply, from the gradients as they are in memory. */
static bool compare_step(Trial *t, const char *before) {
    float loss;
    Eval *e = evaluator(t);
    bind_data(t, e);
    int status = t->table->accumulate(t->model, t->work, t->rows, t->data, &loss);
    const double *want = eval_node(e, t->m->loss);
    bool finite = want && isfinite(want[0]);
    if (!finite && status == DL_E_LOSS) return false;
    if (!status_ok(t, status, "accumulate")) return false;
    compare(t, e, t->m->loss, &loss, DL_F32, "loss", "");
    Eval *after = evaluator(t);
    for (int i = 0; i < t->m->param.n; i++) {
        Var *v = t->m->param.at[i];
        const dl_tensor *of = v->grad_leaf ? tensor(t, DL_GRADIENT, v->path) : NULL;
        if (!of) continue;
        if (v->grad) compare(t, e, v->grad, t->work + of->offset, of->type, "gradient", v->path);
        eval_bind(after, v->grad_leaf, doubles(t, t->work + of->offset, of));
    }
    if (!t->o->interpreted) compare_threads(t, before);
    bool ok = status_ok(t, t->table->apply(t->model, t->work), "apply");
    if (ok) {
        compare_next(t, after, t->m->param.at, t->m->param.n, DL_PARAMETER, "after apply");
        compare_next(t, after, t->m->slot.at, t->m->slot.n, DL_SLOT, "after apply");
    }
    eval_free(after);
    eval_free(e);
    return ok;
}

/* train_step writes what accumulate and apply write. */
static void compare_train_step(Trial *t, const char *before) {
    size_t size = t->table->size();
    float loss;
    char *applied = filled(size);
    memcpy(applied, t->model, size);
    memcpy(t->model, before, size);
    Eval *e = evaluator(t);
    bind_data(t, e);
    int status = t->table->train_step(t->model, t->work, t->rows, t->data, &loss);
    if (status_ok(t, status, "train_step")) {
        compare_next(t, e, t->m->state.at, t->m->state.n, DL_STATE, "after a step");
        for (int i = 0; i < t->table->ntensor && !t->o->interpreted; i++) {
            const dl_tensor *of = &t->table->tensor[i];
            bool kept = of->role == DL_PARAMETER || of->role == DL_SLOT || of->role == DL_STATE;
            if (!kept || memcmp(t->model + of->offset, applied + of->offset, of->bytes) == 0)
                continue;
            printf("%s: %s: train_step is not accumulate and apply\n", t->o->name, of->name);
            t->out->wrong++;
        }
    }
    eval_free(e);
}

/* ---- a table
 * ---------------------------------------------------------------------------------------- */

static bool create(Trial *t) {
    const dl_model *table = t->table;
    size_t size = table->size(), work_size = table->work_size(1);
    void *model = NULL, *work = NULL;
    if (!status_ok(t, table->init(filled(size), size, t->o->seed, &model), "init") ||
            !status_ok(t, table->work_init(filled(work_size), work_size, 1, &work), "work_init"))
        return false;
    t->model = model;
    t->work = work;
    t->data = arena_array(t->arena, MOST_PORTS, sizeof *t->data);
    for (int i = 0; i < table->ninput + table->ntarget; i++)
        t->data[i] = make_data(t, &table->input[i], (uint32_t)i + 1);
    return true;
}

void trial_table(Model *m, const dl_model *table, const TrialOptions *o, Outcome *out) {
    Trial t = {.m = m, .table = table, .o = o, .out = out, .arena = arena_new(), .rows = o->rows};
    if (create(&t)) {
        compare_initial(&t);
        disturb(&t);
        compare_entries(&t);
        compare_metrics(&t);
        char *before = filled(table->size());
        memcpy(before, t.model, table->size());
        if (m->loss && compare_step(&t, before)) compare_train_step(&t, before);
        check_mark(&t, t.work, table->work_size(1), "work area");
        check_mark(&t, t.model, table->size(), "model");
    }
    arena_free(t.arena);
}
