/* test_reference.c - the library against numbers made by Keras in float64 (tests/ref).
 *
 * A case is a program and tensors by name or path. The program is lowered, its leaves are
 * bound, and everything the case lists is evaluated by the double interpreter and compared:
 * outputs, the loss, its gradients, states after a step, metrics (evaluated over all rows at
 * once and over several batches), and the parameters after each of a series of optimiser steps
 * on given gradients. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/grad.h"
#include "../../compiler/model.h"

enum { TENSORS = 64, WORD = 64 };
static const double TOLERANCE = 1e-9; /* relative to the larger of 1 and the number */

typedef struct Tensor {
    char kind[WORD], name[WORD];
    int rank;
    int64_t dim[MAX_RANK], size;
    double *value;
} Tensor;

typedef struct Case {
    const char *file;
    char name[WORD];
    char *program;
    size_t length;
    Tensor tensor[TENSORS];
    int n;
} Case;

/* ---- reading -------------------------------------------------------------------------- */

static void read_tensor(Case *c, const char *line) {
    Tensor *t = &c->tensor[c->n++];
    int used = 0;
    cr_assert_leq(c->n, TENSORS);
    cr_assert_eq(
            sscanf(line, "%63s %63s f64[%n", t->kind, t->name, &used), 2, "%s: %s", c->file, line);
    char *at = (char *)line + used;
    for (t->size = 1; *at != ']'; t->rank++) {
        t->dim[t->rank] = strtoll(at + (*at == ','), &at, 10);
        t->size *= t->dim[t->rank];
    }
    at++;
    t->value = calloc((size_t)t->size, sizeof *t->value);
    for (int64_t i = 0; i < t->size; i++) {
        char *end;
        t->value[i] = strtod(at, &end);
        cr_assert_neq(at, end, "%s: case %s: %s has too few numbers", c->file, c->name, t->name);
        at = end;
    }
}

static void read_program_line(Case *c, const char *line) {
    size_t n = strlen(line);
    c->program = realloc(c->program, c->length + n + 2);
    memcpy(c->program + c->length, line, n);
    c->length += n;
    c->program[c->length++] = '\n';
    c->program[c->length] = '\0';
}

/* ---- a case at work ---------------------------------------------------------------------- */

static const Tensor *find(const Case *c, const char *kind, const char *name) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->tensor[i].kind, kind) == 0 && strcmp(c->tensor[i].name, name) == 0)
            return &c->tensor[i];
    return NULL;
}

static int64_t rows_of(const Case *c) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->tensor[i].kind, "input") == 0) return c->tensor[i].dim[0];
    return 1;
}

/* Of a tensor with rows, those from `first` on. */
static void bind_rows(Eval *e, const Case *c, const char *kind, const char *name, const Node *leaf,
        int64_t first) {
    const Tensor *t = find(c, kind, name);
    cr_assert_not_null(t, "%s: case %s has no %s %s", c->file, c->name, kind, name);
    bool rows = leaf->rank > 0 && leaf->dim[0] == DIM_BATCH;
    eval_bind(e, leaf, t->value + (rows ? first * (t->size / t->dim[0]) : 0));
}

static void bind(Eval *e, const Case *c, const char *kind, const char *name, const Node *leaf) {
    bind_rows(e, c, kind, name, leaf, 0);
}

static Eval *bound_rows(const Case *c, const Model *m, int64_t first, int64_t rows) {
    Eval *e = eval_new(m->graph, rows, 1, 0);
    for (int i = 0; i < m->input.n; i++)
        bind_rows(e, c, "input", m->input.at[i].name, m->input.at[i].node, first);
    for (int i = 0; i < m->target.n; i++)
        bind_rows(e, c, "target", m->target.at[i].name, m->target.at[i].node, first);
    for (int i = 0; i < m->param.n; i++)
        bind(e, c, "param", m->param.at[i]->path, m->param.at[i]->leaf);
    for (int i = 0; i < m->state.n; i++)
        bind(e, c, "state", m->state.at[i]->path, m->state.at[i]->leaf);
    for (int i = 0; i < m->number.n; i++)
        eval_bind(e, m->number.at[i].leaf, &m->number.at[i].value);
    return e;
}

static Eval *bound(const Case *c, const Model *m) {
    return bound_rows(c, m, 0, rows_of(c));
}

static void compare(
        const Case *c, const Tensor *t, const double *value, const double *want, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double scale = fmax(1, fabs(want[i]));
        cr_expect(fabs(value[i] - want[i]) <= TOLERANCE * scale,
                "%s: case %s: %s %s, element %lld is %.17g and should be %.17g", c->file, c->name,
                t->kind, t->name, (long long)i, value[i], want[i]);
        if (!(fabs(value[i] - want[i]) <= TOLERANCE * scale)) return;
    }
}

static void expect_node(const Case *c, Eval *e, const Tensor *t, Node *node) {
    cr_assert_not_null(node, "%s: case %s: there is no %s %s", c->file, c->name, t->kind, t->name);
    const double *value = eval_node(e, node);
    cr_assert_not_null(
            value, "%s: case %s: %s %s: %s", c->file, c->name, t->kind, t->name, eval_error(e));
    cr_assert_eq(node->rank, t->rank, "%s: case %s: %s %s has another rank", c->file, c->name,
            t->kind, t->name);
    for (int i = 0; i < t->rank; i++)
        cr_assert(node->dim[i] == t->dim[i] || node->dim[i] == DIM_BATCH,
                "%s: case %s: %s %s has another shape", c->file, c->name, t->kind, t->name);
    compare(c, t, value, t->value, t->size);
}

static Node *input_gradient(const Model *m, const char *name) {
    for (int i = 0; i < m->input.n; i++)
        if (strcmp(m->input.at[i].name, name) == 0) {
            Node *out;
            cr_assert(grad(m->graph, m->loss, &m->input.at[i].node, 1, &out));
            return out;
        }
    return NULL;
}

static Node *gradient(const Model *m, const char *name) {
    for (int i = 0; i < m->param.n; i++)
        if (strcmp(m->param.at[i]->path, name) == 0) return m->param.at[i]->grad;
    return input_gradient(m, name);
}

static Node *after_step(const Model *m, const char *path) {
    for (int i = 0; i < m->state.n; i++)
        if (strcmp(m->state.at[i]->path, path) == 0) return m->state.at[i]->next;
    return NULL;
}

static Node *output(const Model *m, const char *name) {
    for (int i = 0; i < m->entry.at[0].output.n; i++)
        if (strcmp(m->entry.at[0].output.at[i].name, name) == 0)
            return m->entry.at[0].output.at[i].node;
    return NULL;
}

static void add_total(const Case *c, Eval *e, const Metric *metric, int k, double *sum) {
    const double *total = eval_node(e, metric->total[k]);
    cr_assert_not_null(total, "%s: case %s: %s", c->file, c->name, eval_error(e));
    for (int64_t i = 0; i < node_elements(metric->total[k], 1); i++) sum[i] += total[i];
}

/* Totals of so many rows at a time, added up, and the result of them. */
static void expect_result(
        const Case *c, const Model *m, const Metric *metric, const Tensor *t, int64_t step) {
    Eval *f = eval_new(m->graph, 1, 1, 0);
    double *sum[16];
    cr_assert_leq(metric->ntotal, 16);
    for (int k = 0; k < metric->ntotal; k++)
        sum[k] = calloc((size_t)node_elements(metric->total[k], 1), sizeof *sum[k]);
    for (int64_t first = 0; first < rows_of(c); first += step) {
        int64_t left = rows_of(c) - first;
        Eval *e = bound_rows(c, m, first, left < step ? left : step);
        for (int k = 0; k < metric->ntotal; k++) add_total(c, e, metric, k, sum[k]);
        eval_free(e);
    }
    for (int k = 0; k < metric->ntotal; k++) {
        eval_bind(f, metric->total_leaf[k], sum[k]);
        free(sum[k]);
    }
    expect_node(c, f, t, metric->result);
    eval_free(f);
}

static void expect_metric(const Case *c, const Model *m, const Tensor *t) {
    for (int i = 0; i < m->metric.n; i++) {
        const Metric *metric = &m->metric.at[i];
        if (strcmp(metric->name, t->name) != 0) continue;
        expect_result(c, m, metric, t, rows_of(c));
        expect_result(c, m, metric, t, 2);
        return;
    }
    cr_assert_fail("%s: case %s: there is no metric %s", c->file, c->name, t->name);
}

/* ---- a series of optimiser steps ------------------------------------------------------------ */

static double *keep(Eval *e, Node *node, int64_t n) {
    const double *value = eval_node(e, node);
    cr_assert_not_null(value, "%s", eval_error(e));
    double *copy = calloc((size_t)n, sizeof *copy);
    memcpy(copy, value, (size_t)n * sizeof *copy);
    return copy;
}

/* The next values of what is stored, each put in its present value's place. */
static void advance(Eval *e, Var *const *var, int n, double **value) {
    for (int k = 0; k < n; k++)
        if (var[k]->next) value[k] = keep(e, var[k]->next, node_elements(var[k]->leaf, 1));
}

static void bind_numbers(Eval *e, const Model *m) {
    for (int i = 0; i < m->number.n; i++)
        eval_bind(e, m->number.at[i].leaf, &m->number.at[i].value);
}

static void run_step(const Case *c, const Model *m, int64_t step, double **value, double **slot) {
    Eval *e = eval_new(m->graph, 1, 1, (uint32_t)step);
    for (int k = 0; k < m->param.n; k++) {
        const Var *v = m->param.at[k];
        const Tensor *given = find(c, "given", v->path);
        eval_bind(e, v->leaf, value[k]);
        if (given) eval_bind(e, v->grad_leaf, given->value + step * node_elements(v->leaf, 1));
    }
    for (int k = 0; k < m->slot.n; k++) eval_bind(e, m->slot.at[k]->leaf, slot[k]);
    bind_numbers(e, m);
    advance(e, m->slot.at, m->slot.n, slot);
    advance(e, m->param.at, m->param.n, value);
    eval_free(e);
}

/* Row `step` of what a stored tensor is after each step. */
static void expect_after(const Case *c, const Var *v, int64_t step, const double *value) {
    const Tensor *after = find(c, "after", v->path);
    int64_t n = node_elements(v->leaf, 1);
    if (after) compare(c, after, value, after->value + step * n, n);
}

static void expect_steps(const Case *c, const Model *m, const Tensor *last) {
    double *value[TENSORS], *slot[TENSORS];
    cr_assert(m->param.n <= TENSORS && m->slot.n <= TENSORS);
    Eval *first = eval_new(m->graph, 1, 1, 0);
    for (int k = 0; k < m->param.n; k++)
        value[k] = keep(first, m->param.at[k]->init, node_elements(m->param.at[k]->leaf, 1));
    for (int k = 0; k < m->slot.n; k++)
        slot[k] = keep(first, m->slot.at[k]->init, node_elements(m->slot.at[k]->leaf, 1));
    for (int64_t step = 0; step < last->dim[0]; step++) {
        run_step(c, m, step, value, slot);
        for (int k = 0; k < m->param.n; k++) expect_after(c, m->param.at[k], step, value[k]);
        for (int k = 0; k < m->slot.n; k++) expect_after(c, m->slot.at[k], step, slot[k]);
    }
    eval_free(first);
}

static void run_case(const Case *c) {
    Arena *a = arena_new();
    diag_reset();
    const Source *text = source_from_text(a, c->file, c->program, c->length);
    Ast *program = ast_parse(a, text);
    cr_assert_eq(diag_errors(), 0, "%s: case %s does not parse", c->file, c->name);
    Model *m = lower(a, ast_load_std(a), program, c->file, &(LowerOptions){0});
    cr_assert(m != NULL && diag_errors() == 0, "%s: case %s does not compile:\n%s", c->file,
            c->name, c->program);
    if (c->tensor[c->n - 1].kind[0] == 'a') {
        expect_steps(c, m, &c->tensor[c->n - 1]);
        arena_free(a);
        return;
    }
    Eval *e = bound(c, m);
    for (int i = 0; i < c->n; i++) {
        const Tensor *t = &c->tensor[i];
        if (strcmp(t->kind, "output") == 0)
            expect_node(c, e, t, output(m, t->name));
        else if (strcmp(t->kind, "loss") == 0)
            expect_node(c, e, t, m->loss);
        else if (strcmp(t->kind, "gradient") == 0)
            expect_node(c, e, t, gradient(m, t->name));
        else if (strcmp(t->kind, "next") == 0)
            expect_node(c, e, t, after_step(m, t->name));
        else if (strcmp(t->kind, "metric") == 0)
            expect_metric(c, m, t);
    }
    eval_free(e);
    arena_free(a);
}

static void finish(Case *c, int *cases) {
    if (c->n > 0) {
        run_case(c);
        ++*cases;
    }
    for (int i = 0; i < c->n; i++) free(c->tensor[i].value);
    free(c->program);
    *c = (Case){.file = c->file};
}

static void run_file(const char *path, int least) {
    enum { LINE = 1 << 20 };
    FILE *f = fopen(path, "r");
    char *line = malloc(LINE);
    int cases = 0;
    Case c = {.file = path};
    cr_assert_not_null(f, "%s: cannot be read", path);
    while (fgets(line, LINE, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "case ", 5) == 0) {
            finish(&c, &cases);
            snprintf(c.name, sizeof c.name, "%.60s", line + 5);
        } else if (line[0] == '|') {
            read_program_line(&c, line + 1);
        } else if (line[0] != '#') {
            read_tensor(&c, line);
        }
    }
    finish(&c, &cases);
    free(line);
    fclose(f);
    cr_expect_geq(cases, least, "%s: only %d cases", path, cases);
}

Test(reference, dense) {
    run_file("tests/ref/dense.ref", 6);
}
Test(reference, conv2d) {
    run_file("tests/ref/conv2d.ref", 14);
}
Test(reference, convolution) {
    run_file("tests/ref/convolution.ref", 41);
}
Test(reference, transposed_convolution) {
    run_file("tests/ref/transposed_convolution.ref", 23);
}
Test(reference, shapes) {
    run_file("tests/ref/shapes.ref", 60);
}
Test(reference, preparation) {
    run_file("tests/ref/preparation.ref", 9);
}
Test(reference, augmentation) {
    run_file("tests/ref/augmentation.ref", 35);
}
Test(reference, pooling) {
    run_file("tests/ref/pooling.ref", 66);
}
Test(reference, embedding) {
    run_file("tests/ref/embedding.ref", 17);
}
Test(reference, blocks) {
    run_file("tests/ref/blocks.ref", 21);
}
Test(reference, recurrent) {
    run_file("tests/ref/recurrent.ref", 67);
}
Test(reference, conv_lstm) {
    run_file("tests/ref/conv_lstm.ref", 14);
}
Test(reference, normalization) {
    run_file("tests/ref/normalization.ref", 29);
}
Test(reference, activations) {
    run_file("tests/ref/activations.ref", 20);
}
Test(reference, losses) {
    run_file("tests/ref/losses.ref", 14);
}
Test(reference, metrics) {
    run_file("tests/ref/metrics.ref", 11);
}
Test(reference, attention) { run_file("tests/ref/attention.ref", 20); }
Test(reference, optimizers) { run_file("tests/ref/optimizers.ref", 30); }
Test(reference, schedules) { run_file("tests/ref/schedules.ref", 15); }
Test(reference, updates) { run_file("tests/ref/updates.ref", 15); }
Test(reference, regularizers) { run_file("tests/ref/regularizers.ref", 10); }
Test(reference, privacy) { run_file("tests/ref/privacy.ref", 4); }
Test(reference, class_losses) {
    run_file("tests/ref/class_losses.ref", 35);
}
Test(reference, other_losses) {
    run_file("tests/ref/other_losses.ref", 45);
}
Test(reference, more_activations) {
    run_file("tests/ref/more_activations.ref", 48);
}
Test(reference, more_metrics) {
    run_file("tests/ref/more_metrics.ref", 130);
}
