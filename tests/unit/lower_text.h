/* lower_text.h - for tests of the lowering: a program's text to a model, and its values.
 *
 * Inputs and targets are bound to sequences: real elements 0.5, 1, 1.5, ..., integer ones
 * 0, 1, 2, ... wrapped at their bound (or at 5). Parameters have their initial values. */
#ifndef LOWER_TEXT_H
#define LOWER_TEXT_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/model.h"

static Arena *arena;

/* The model of a text; NULL after errors. */
static inline Model *lower_text(const char *text) {
    arena = arena_new();
    diag_reset();
    const Source *s = source_from_text(arena, "test.dl", text, strlen(text));
    Ast *std = ast_load_std(arena), *program = ast_parse(arena, s);
    LowerOptions o = {0};
    return diag_errors() ? NULL : lower(arena, std, program, "test.dl", &o);
}

static inline Model *model_of(const char *text) {
    Model *m = lower_text(text);
    cr_assert(m, "does not lower:\n%s", text);
    return m;
}

static inline void bind_sequence(Eval *e, const Port *p, int64_t rows) {
    int64_t n = node_elements(p->node, rows), bound = p->bound ? p->bound : 5;
    double *v = malloc((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = p->node->dtype == T_F32 ? 0.5 * (double)(i + 1) : (double)(i % bound);
    eval_bind(e, p->node, v);
    free(v);
}

static inline void bind_initial(Eval *e, Eval *init, const Var *v) {
    const double *value = eval_node(init, v->init);
    cr_assert(value, "%s: %s", v->path, eval_error(init));
    eval_bind(e, v->leaf, value);
}

/* An evaluation of the model with everything bound. */
static inline Eval *bound_eval(Model *m, int64_t rows) {
    Eval *e = eval_new(m->graph, rows, 1, 0), *init = eval_new(m->graph, rows, 1, 0);
    for (int k = 0; k < m->input.n; k++) bind_sequence(e, &m->input.at[k], rows);
    for (int k = 0; k < m->target.n; k++) bind_sequence(e, &m->target.at[k], rows);
    for (int k = 0; k < m->entry.n; k++)
        for (int i = 0; k && i < m->entry.at[k].input.n; i++)
            bind_sequence(e, &m->entry.at[k].input.at[i], rows);
    for (int k = 0; k < m->param.n; k++) bind_initial(e, init, m->param.at[k]);
    for (int k = 0; k < m->state.n; k++) bind_initial(e, init, m->state.at[k]);
    for (int k = 0; k < m->row_state.n; k++) bind_initial(e, init, m->row_state.at[k]);
    for (int k = 0; k < m->slot.n; k++) bind_initial(e, init, m->slot.at[k]);
    for (int k = 0; k < m->number.n; k++)
        eval_bind(e, m->number.at[k].leaf, &m->number.at[k].value);
    eval_free(init);
    return e;
}

static inline const double *values_of(Eval *e, Node *n) {
    const double *v = eval_node(e, n);
    cr_assert(v, "%s", eval_error(e));
    return v;
}

/* An output's node by its name. */
static inline Node *output_node(const Model *m, const char *name) {
    for (int k = 0; k < m->entry.n; k++)
        for (int i = 0; i < m->entry.at[k].output.n; i++)
            if (!strcmp(m->entry.at[k].output.at[i].name, name))
                return m->entry.at[k].output.at[i].node;
    cr_assert(false, "no output %s", name);
    return NULL;
}

static inline Var *var_at(const Model *m, const char *path) {
    for (int k = 0; k < m->param.n; k++)
        if (!strcmp(m->param.at[k]->path, path)) return m->param.at[k];
    for (int k = 0; k < m->state.n; k++)
        if (!strcmp(m->state.at[k]->path, path)) return m->state.at[k];
    for (int k = 0; k < m->slot.n; k++)
        if (!strcmp(m->slot.at[k]->path, path)) return m->slot.at[k];
    cr_assert(false, "no variable %s", path);
    return NULL;
}

static inline void expect_near(const double *got, const double *want, int n, const char *what) {
    for (int i = 0; i < n; i++)
        cr_assert(got[i] == want[i] || fabs(got[i] - want[i]) <= 1e-6 * (1 + fabs(want[i])),
                "%s: element %d is %.9g, not %.9g", what, i, got[i], want[i]);
}

/* y of a model with input x (0.5, 1, ...) of the given type, for 2 rows. */
static inline void expect_output(const char *type, const char *body, int n, const double *want) {
    char text[4096];
    snprintf(text, sizeof text, "model m {\n input x: %s\n %s\n output y\n}\n", type, body);
    Model *m = model_of(text);
    Node *y = output_node(m, "y");
    cr_assert_eq(
            node_elements(y, 2), n, "%s: %d elements, not %d", body, (int)node_elements(y, 2), n);
    Eval *e = bound_eval(m, 2);
    expect_near(values_of(e, y), want, n, body);
    eval_free(e);
    arena_free(arena);
}

/* y's shape without evaluating it, as "batch 3 4". */
static inline void expect_shape(const char *type, const char *body, const char *want) {
    char text[4096], got[128] = "";
    snprintf(text, sizeof text, "model m {\n input x: %s\n %s\n output y\n}\n", type, body);
    Node *y = output_node(model_of(text), "y");
    for (int k = 0; k < y->rank; k++) {
        size_t at = strlen(got);
        if (y->dim[k] == DIM_BATCH)
            snprintf(got + at, sizeof got - at, "%sbatch", k ? " " : "");
        else
            snprintf(got + at, sizeof got - at, "%s%d", k ? " " : "", (int)y->dim[k]);
    }
    cr_assert_str_eq(got, want, "%s: y is [%s], not [%s]", body, got, want);
    arena_free(arena);
}

#define VALUES(...)                                                                                \
    (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]) {                          \
        __VA_ARGS__                                                                                \
    }

#endif
