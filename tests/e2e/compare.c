/* compare.c - generated code, or with -i the interpreter's table (-s: the one in single
 * precision), against the definition.
 *
 *     compare [-i|-s] [-n ROWS] [-t THREADS] FILE.dl...
 *
 * Every file is compiled, built by $CC and run on made-up data, in a process of its own.
 * From the same weights as floats the interpreter computes in double: initial values,
 * outputs of all entries, metrics, loss, gradients, and what apply makes of them. A number
 * is right when it is within 1e-5 of the sum of absolute terms that made it; one that is
 * not is excused when a comparison it depends on was decided by less than 1e-5.
 * Prints what is wrong, and `N passed, N failed` (files) at the end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../compiler/driver.h"
#include "../../compiler/eval.h"
#include "../../runtime/dl_object.h"
#include "../../runtime/dl_random.h"

static const double TOLERANCE = 1e-5, TIE = 1e-5;
static const double PLAIN = 1e-3; /* of the tensor's largest element: the sums of terms grow
                                   * with the depth, and would let a wrong number pass */

typedef struct Job {
    const char *file;
    Arena *arena;
    Model *m;
    const dl_model *table;
    bool interpreted;
    int64_t rows;
    char *model, *work;
    void **data; /* of inputs, then targets */
    long compared, excused, wrong;
} Job;

/* ---- memory and numbers ------------------------------------------------------------------- */

static void *memory(Job *j, size_t size) {
    char *p = arena_alloc(j->arena, size + 128);
    return p + (64 - (uintptr_t)p % 64);
}

static int64_t elements(const Job *j, const dl_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->shape[i] < 0 ? j->rows : t->shape[i];
    return n;
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

static double *doubles(Job *j, const void *at, dl_type type, int64_t n) {
    double *value = memory(j, (size_t)n * sizeof *value);
    for (int64_t i = 0; i < n; i++) value[i] = get(at, type, i);
    return value;
}

/* Values that the tensor may have. */
static void *make_data(Job *j, const dl_tensor *t, uint32_t stream) {
    int64_t n = elements(j, t);
    char *p = memory(j, (size_t)n * 4);
    for (int64_t i = 0; i < n; i++) {
        double u = (double)dl_uniform(7, 0, stream, (uint64_t)i);
        if (t->type == DL_U8)
            ((uint8_t *)p)[i] = (uint8_t)(u * (t->bound ? (double)t->bound : 256));
        else if (t->type == DL_I32)
            ((int32_t *)p)[i] = (int32_t)(u * (t->bound ? (double)t->bound : 4));
        else
            ((float *)p)[i] = (float)(2 * u - 1);
    }
    return p;
}

static const dl_tensor *tensor(const Job *j, dl_role role, const char *name) {
    for (int i = 0; i < j->table->ntensor; i++)
        if (j->table->tensor[i].role == role && strcmp(j->table->tensor[i].name, name) == 0)
            return &j->table->tensor[i];
    return NULL;
}

static bool status_ok(Job *j, int status, const char *what) {
    if (status == DL_OK) return true;
    printf("%s: %s: %s\n", j->file, what, j->table->message(status));
    j->wrong++;
    return false;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

/* `loss`: how many times as large the error may be, since what the node is made of has
 * already lost digits (1: nothing). */
static void compare_made(Job *j, Eval *e, Node *node, const void *at, dl_type type,
        const char *what, const char *name, double loss) {
    const double *want = eval_node(e, node), *scale = want ? eval_scale(e, node) : NULL;
    if (!want) {
        printf("%s: %s %s: %s\n", j->file, what, name, eval_error(e));
        j->wrong++;
        return;
    }
    const double *margin = NULL;
    int64_t n = node_elements(node, j->rows), bad = 0;
    double greatest = 0;
    for (int64_t i = 0; i < n; i++) greatest = fmax(greatest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        double got = get(at, type, i), size = fmax(scale[i] * loss, 1e-30);
        j->compared++;
        double error = fabs(got - want[i]);
        if ((error <= TOLERANCE * size && error <= PLAIN * fmax(greatest, 0.01)) ||
                (isnan(got) && isnan(want[i])) || got == want[i])
            continue;
        if (!margin) margin = eval_margin(e, node);
        if (margin && margin[i] < TIE)
            j->excused++;
        else if (bad++ == 0)
            printf("%s: %s %s: element %lld is %.9g and should be %.9g (of terms %.3g)\n", j->file,
                    what, name, (long long)i, got, want[i], scale[i]);
    }
    if (bad > 0)
        printf("%s: %s %s: %lld of %lld are wrong\n", j->file, what, name, (long long)bad,
                (long long)n);
    j->wrong += bad > 0;
}

static void compare(Job *j, Eval *e, Node *node, const void *at, dl_type type, const char *what,
        const char *name) {
    compare_made(j, e, node, at, type, what, name, 1);
}

/* ---- evaluators
 * ---------------------------------------------------------------------------------- */

static void bind_vars(Job *j, Eval *e, Var *const *var, int n, dl_role role) {
    for (int i = 0; i < n; i++) {
        const dl_tensor *t = tensor(j, role, var[i]->path);
        if (!t) {
            printf("%s: the table lacks %s\n", j->file, var[i]->path);
            j->wrong++;
            continue;
        }
        eval_bind(e, var[i]->leaf, doubles(j, j->model + t->offset, t->type, elements(j, t)));
    }
}

/* A row state as after a reset. */
static void bind_row_states(Job *j, Eval *e) {
    Eval *first = eval_new(j->m->graph, j->rows, 0, 0);
    for (int i = 0; i < j->m->row_state.n; i++) {
        Var *v = j->m->row_state.at[i];
        int64_t n = node_elements(v->leaf, j->rows);
        double *zero = memory(j, (size_t)n * sizeof *zero);
        const double *value = v->init ? eval_node(first, v->init) : zero;
        eval_bind(e, v->leaf, value ? value : zero);
    }
    eval_free(first);
}

/* With everything stored bound to what the model object holds now. */
static Eval *evaluator(Job *j, uint64_t seed) {
    Eval *e = eval_new(j->m->graph, j->rows, seed, 0);
    eval_keep_scale(e);
    bind_vars(j, e, j->m->param.at, j->m->param.n, DL_PARAMETER);
    bind_vars(j, e, j->m->state.at, j->m->state.n, DL_STATE);
    bind_vars(j, e, j->m->slot.at, j->m->slot.n, DL_SLOT);
    bind_row_states(j, e);
    for (int i = 0; i < j->m->number.n; i++) {
        const dl_tensor *t = tensor(j, DL_NUMBER, j->m->number.at[i].path);
        double value = t ? get(j->model + t->offset, t->type, 0) : j->m->number.at[i].value;
        eval_bind(e, j->m->number.at[i].leaf, &value);
    }
    return e;
}

static void bind_port(Job *j, Eval *e, const Port *port, const dl_tensor *t, const void *at) {
    eval_bind(e, port->node, doubles(j, at, t->type, elements(j, t)));
}

static void bind_data(Job *j, Eval *e) {
    for (int i = 0; i < j->m->input.n; i++)
        bind_port(j, e, &j->m->input.at[i], &j->table->input[i], j->data[i]);
    for (int i = 0; i < j->m->target.n; i++) {
        int k = j->m->input.n + i;
        bind_port(j, e, &j->m->target.at[i], &j->table->input[k], j->data[k]);
    }
}

/* ---- what is compared
 * ------------------------------------------------------------------------------- */

enum { SEED = 5 };

static void compare_initial(Job *j) {
    Eval *e = eval_new(j->m->graph, j->rows, SEED, 0);
    eval_keep_scale(e);
    for (int i = 0; i < j->m->param.n; i++) {
        Var *v = j->m->param.at[i];
        const dl_tensor *t = tensor(j, DL_PARAMETER, v->path);
        if (t) compare(j, e, v->init, j->model + t->offset, t->type, "initial value", v->path);
    }
    eval_free(e);
}

/* So that gains differ from 1 and biases from 0. */
static void disturb(Job *j) {
    for (int i = 0; i < j->table->ntensor; i++) {
        const dl_tensor *t = &j->table->tensor[i];
        float *at = (float *)(void *)(j->model + t->offset);
        float centre = t->role == DL_PARAMETER ? 0.5f : 0; /* a variance stays positive */
        if ((t->role == DL_PARAMETER || t->role == DL_STATE) && t->type == DL_F32)
            for (int64_t k = 0; k < elements(j, t); k++)
                at[k] += (dl_uniform(9, 0, (uint32_t)i, (uint64_t)k) - centre) * 0.2f;
    }
}

static void compare_entry(Job *j, int k) {
    const dl_entry *run = &j->table->entry[k];
    const Entry *entry = &j->m->entry.at[k];
    const void *input[16];
    void *output[16];
    Eval *e = evaluator(j, SEED);
    for (int i = 0; i < run->ninput; i++) {
        void *at = make_data(j, &run->input[i], 100 + (uint32_t)i);
        bind_port(j, e, &entry->input.at[i], &run->input[i], at);
        input[i] = at;
    }
    for (int i = 0; i < run->noutput; i++)
        output[i] = memory(j, (size_t)elements(j, &run->output[i]) * 8);
    if (run->reset) run->reset(j->work);
    if (status_ok(j, run->run(j->model, j->work, j->rows, input, output), run->name))
        for (int i = 0; i < run->noutput; i++)
            compare(j, e, entry->output.at[i].node, output[i], run->output[i].type, run->name,
                    run->output[i].name);
    eval_free(e);
}

static void compare_result(Job *j, Eval *e, const Metric *metric, const double *result) {
    Eval *f = eval_new(j->m->graph, 1, SEED, 0);
    double loss = 1;
    eval_keep_scale(f);
    for (int k = 0; k < metric->ntotal; k++) {
        const double *total = eval_node(e, metric->total[k]);
        if (!total) continue;
        eval_bind(f, metric->total_leaf[k], total);
        const double *scale = eval_scale(e, metric->total[k]);
        for (int64_t i = 0; i < node_elements(metric->total[k], 1); i++)
            if (total[i] < 0 || total[i] > 0) loss = fmax(loss, scale[i] / fabs(total[i]));
    }
    compare_made(j, f, metric->result, result, DL_F64, "metric", metric->name, loss);
    eval_free(f);
}

static void compare_metrics(Job *j) {
    const Model *m = j->m;
    double result[4096], *at = result;
    void *totals = memory(j, j->table->totals_size);
    Eval *e = evaluator(j, SEED);
    bind_data(j, e);
    int status =
            j->table->evaluate(j->model, j->work, j->rows, (const void *const *)j->data, totals);
    if (status_ok(j, status, "evaluate")) {
        j->table->results(totals, result);
        for (int i = 0; i < m->metric.n; i++) {
            compare_result(j, e, &m->metric.at[i], at);
            at += node_elements(m->metric.at[i].result, 1);
        }
    }
    eval_free(e);
}

/* Gradients against the oracle's; then apply, from the gradients as they are in memory. */
static void compare_step(Job *j) {
    float loss;
    Eval *e = evaluator(j, SEED);
    bind_data(j, e);
    int status =
            j->table->accumulate(j->model, j->work, j->rows, (const void *const *)j->data, &loss);
    if (!status_ok(j, status, "accumulate")) return;
    compare(j, e, j->m->loss, &loss, DL_F32, "loss", "");
    Eval *after = evaluator(j, SEED);
    for (int i = 0; i < j->m->param.n; i++) {
        Var *v = j->m->param.at[i];
        const dl_tensor *t = v->grad_leaf ? tensor(j, DL_GRADIENT, v->path) : NULL;
        if (!t) continue;
        if (v->grad) compare(j, e, v->grad, j->work + t->offset, t->type, "gradient", v->path);
        eval_bind(after, v->grad_leaf, doubles(j, j->work + t->offset, t->type, elements(j, t)));
    }
    if (status_ok(j, j->table->apply(j->model, j->work), "apply")) {
        for (int i = 0; i < j->m->param.n; i++) {
            Var *v = j->m->param.at[i];
            if (v->next)
                compare(j, after, v->next, j->model + tensor(j, DL_PARAMETER, v->path)->offset,
                        DL_F32, "after apply", v->path);
        }
        for (int i = 0; i < j->m->slot.n; i++) {
            Var *v = j->m->slot.at[i];
            compare(j, after, v->next, j->model + tensor(j, DL_SLOT, v->path)->offset, DL_F32,
                    "after apply", v->path);
        }
    }
    eval_free(after);
    eval_free(e);
}

/* train_step writes what accumulate and apply write, and the states. (Of the interpreter only
 * the states are looked at: between the two its gradients pass through memory as floats.) */
static void compare_train_step(Job *j, const char *before) {
    size_t size = j->table->size();
    float loss;
    char *applied = memory(j, size);
    memcpy(applied, j->model, size);
    memcpy(j->model, before, size);
    Eval *e = evaluator(j, SEED);
    bind_data(j, e);
    int status =
            j->table->train_step(j->model, j->work, j->rows, (const void *const *)j->data, &loss);
    if (!status_ok(j, status, "train_step")) return;
    for (int i = 0; i < j->m->state.n; i++) {
        Var *v = j->m->state.at[i];
        if (v->next)
            compare(j, e, v->next, j->model + tensor(j, DL_STATE, v->path)->offset, DL_F32,
                    "after a step", v->path);
    }
    for (int i = 0; i < j->table->ntensor && !j->interpreted; i++) {
        const dl_tensor *t = &j->table->tensor[i];
        if ((t->role == DL_PARAMETER || t->role == DL_SLOT) &&
                memcmp(j->model + t->offset, applied + t->offset, t->bytes) != 0) {
            printf("%s: %s: train_step and accumulate with apply differ\n", j->file, t->name);
            j->wrong++;
        }
    }
    eval_free(e);
}

/* The second part of a step draws random numbers of its own. */
static void compare_second_part(Job *j, const char *before) {
    const void *const *data = (const void *const *)j->data;
    float loss;
    memcpy(j->model, before, j->table->size());
    if (!status_ok(j, j->table->accumulate(j->model, j->work, j->rows, data, &loss), "accumulate"))
        return;
    Eval *e = evaluator(j, dl_part_seed(SEED, 1));
    bind_data(j, e);
    if (status_ok(j, j->table->accumulate(j->model, j->work, j->rows, data, &loss), "accumulate"))
        compare(j, e, j->m->loss, &loss, DL_F32, "loss of the second part", "");
    eval_free(e);
}

/* ---- one file
 * -------------------------------------------------------------------------------------------- */

static bool create(Job *j, int threads) {
    const dl_model *t = j->table;
    void *model, *work;
    if (t->init(memory(j, t->size()), t->size(), SEED, &model) != DL_OK ||
            t->work_init(memory(j, t->work_size(threads)), t->work_size(threads), threads, &work) !=
                    DL_OK)
        return false;
    j->model = model;
    j->work = work;
    j->data = memory(j, 64 * sizeof *j->data);
    for (int i = 0; i < t->ninput + t->ntarget; i++)
        j->data[i] = make_data(j, &t->input[i], (uint32_t)i + 1);
    return true;
}

static int run(const char *file, int how, int64_t rows, int threads) {
    Job j = {.file = file, .arena = arena_new(), .interpreted = how != 0};
    Options o = {.input = file};
    j.m = driver_model(j.arena, &o);
    if (!j.m) return 1;
    j.rows = rows < j.m->batch ? rows : j.m->batch;
    j.table = how == 'i' ? interpret_table(j.arena, j.m)
            : how == 's' ? interpret_table32(j.arena, j.m)
                         : build_table(j.arena, &o, j.m);
    if (!j.table || !create(&j, threads)) return 1;
    compare_initial(&j);
    disturb(&j);
    for (int k = 0; k < j.table->nentry; k++) compare_entry(&j, k);
    if (j.table->nmetric > 0) compare_metrics(&j);
    if (j.m->loss) {
        char *before = memory(&j, j.table->size());
        memcpy(before, j.model, j.table->size());
        compare_step(&j);
        compare_train_step(&j, before);
        compare_second_part(&j, before);
    }
    if (j.excused > 0)
        printf("%s: %ld of %ld numbers stand behind a near tie\n", file, j.excused, j.compared);
    return j.wrong > 0 || j.excused * 10000 > j.compared + 10000;
}

/* In a process of its own, so that whatever goes wrong stays there. */
static bool run_apart(const char *file, int how, int64_t rows, int threads) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int result = run(file, how, rows, threads);
        fflush(stdout);
        _exit(result);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    if (WIFSIGNALED(status)) printf("%s: ended by signal %d\n", file, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
    int how = 0;
    int64_t rows = 3;
    int threads = 1, passed = 0, failed = 0;
    for (int c; (c = getopt(argc, argv, "isn:t:")) != -1;) {
        switch (c) {
        case 'i':
        case 's':
            how = c;
            break;
        case 'n':
            rows = atoll(optarg);
            break;
        case 't':
            threads = atoi(optarg);
            break;
        default:
            return 2;
        }
    }
    for (int i = optind; i < argc; i++) {
        bool ok = run_apart(argv[i], how, rows, threads);
        if (!ok) printf("FAIL %s\n", argv[i]);
        *(ok ? &passed : &failed) += 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
