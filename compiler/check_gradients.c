/* check_gradients.c - `dlc check --gradients`: the symbolic gradient of the loss against
 * central differences, in double precision, at the initial weights and random data.
 *
 * Of each parameter up to SAMPLES elements are moved by h * max(1, |w|), h = 1e-5, 1e-6, 1e-7;
 * the nearest of the three differences counts, since a step that crosses a kink (of relu, of a
 * maximum) says nothing, and the smaller ones hardly do. The error is measured against the largest of |g|, |difference|, 1e-3 of the parameter's largest
 * gradient and 1e-5 of the loss: below these, rounding of the difference takes over. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/dl_random.h"
#include "driver.h"
#include "eval.h"

enum { SAMPLES = 12, ROWS = 3, SEED = 1 };
static const double tolerance = 1e-5;

typedef struct Values { const Node *leaf; double *at; int64_t n; } Values;

typedef struct Point {
    Arena *arena;
    Model *model;
    int64_t rows;
    Vec(Values) values;
} Point;

/* Random values that the port may have: floats in [-1, 1), indices in range, bytes. */
static void add_port(Point *p, const Port *port) {
    Values v = {.leaf = port->node, .n = node_elements(port->node, p->rows)};
    v.at = NEW_ARRAY(p->arena, double, v.n + 1);
    uint32_t stream = (uint32_t)p->values.n + 1;
    for (int64_t i = 0; i < v.n; i++) {
        double u = (double)dl_uniform(SEED, 0, stream, (uint64_t)i);
        if (port->node->dtype == T_F32) v.at[i] = 2 * u - 1;
        else v.at[i] = floor(u * (double)(port->bound ? port->bound : port->node->dtype == T_U8 ? 256 : 2));
    }
    vec_push(p->arena, &p->values, v);
}

static bool add_initial(Point *p, Eval *e, const Var *var) {
    const double *init = var->init ? eval_node(e, var->init) : NULL;
    Values v = {.leaf = var->leaf, .n = node_elements(var->leaf, p->rows)};
    v.at = NEW_ARRAY(p->arena, double, v.n + 1);
    if (var->init && !init) return false;
    if (init) memcpy(v.at, init, (size_t)v.n * sizeof *v.at);
    vec_push(p->arena, &p->values, v);
    return true;
}

static bool make_point(Point *p) {
    const Model *m = p->model;
    Eval *e = eval_new(m->graph, p->rows, SEED, 0);
    bool ok = true;
    for (int i = 0; i < m->input.n; i++) add_port(p, &m->input.at[i]);
    for (int i = 0; i < m->target.n; i++) add_port(p, &m->target.at[i]);
    for (int i = 0; i < m->param.n; i++) ok = ok && add_initial(p, e, m->param.at[i]);
    for (int i = 0; i < m->state.n; i++) ok = ok && add_initial(p, e, m->state.at[i]);
    if (!ok) fprintf(stderr, "dlc: error: %s\n", eval_error(e));
    eval_free(e);
    return ok;
}

static Eval *eval_at(const Point *p) {
    Eval *e = eval_new(p->model->graph, p->rows, SEED, 0);
    for (int i = 0; i < p->values.n; i++) eval_bind(e, p->values.at[i].leaf, p->values.at[i].at);
    return e;
}

static double loss_at(const Point *p) {
    Eval *e = eval_at(p);
    const double *loss = eval_node(e, p->model->loss);
    double value = loss ? loss[0] : NAN;
    eval_free(e);
    return value;
}

static double *values_of(const Point *p, const Node *leaf) {
    for (int i = 0; i < p->values.n; i++)
        if (p->values.at[i].leaf == leaf) return p->values.at[i].at;
    return NULL;
}

static double difference(const Point *p, double *w, double step) {
    double old = *w, h = step * fmax(1, fabs(old));
    *w = old + h;
    double up = loss_at(p);
    *w = old - h;
    double down = loss_at(p);
    *w = old;
    return (up - down) / (2 * h);
}

/* The error of one element. */
static double check_element(const Point *p, double *w, double g, double least) {
    double error = HUGE_VAL;
    for (double step = 1e-5; step > 0.5e-7 && !(error <= tolerance); step /= 10) {
        double d = difference(p, w, step);
        error = fmin(error, fabs(d - g) / fmax(fmax(fabs(d), fabs(g)), least));
    }
    return error;
}

/* The largest relative error of one parameter. */
static double check_parameter(const Point *p, const Var *v, const double *g) {
    int64_t n = node_elements(v->leaf, 1), count = n < SAMPLES ? n : SAMPLES;
    double largest = 0, worst = 0, *w = values_of(p, v->leaf);
    double least = 1e-5 * fmax(1, fabs(loss_at(p)));
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(g[i]));
    for (int64_t k = 0; k < count; k++) {
        int64_t i = n <= SAMPLES ? k : (int64_t)((double)dl_uniform(SEED, 1, 0, (uint64_t)k) * (double)n);
        double error = check_element(p, &w[i], g[i], fmax(1e-3 * largest, least));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

int check_gradients(Arena *a, Model *m) {
    if (!m->loss) {
        fprintf(stderr, "dlc: error: model %s has no loss, so there is no gradient to check\n", m->name);
        return 1;
    }
    Point p = {.arena = a, .model = m, .rows = m->batch < ROWS ? m->batch : ROWS};
    if (!make_point(&p)) return 1;
    int failed = 0;
    for (int i = 0; i < m->param.n; i++) {
        const Var *v = m->param.at[i];
        if (!v->grad) continue;
        Eval *e = eval_at(&p);
        const double *g = eval_node(e, v->grad);
        double error = g ? check_parameter(&p, v, g) : NAN;
        bool ok = error <= tolerance;
        printf("%-32s relative error %.1e%s\n", v->path, error, ok ? "" : "   WRONG");
        failed += !ok;
        if (!g) fprintf(stderr, "dlc: error: %s\n", eval_error(e));
        eval_free(e);
    }
    return failed ? 1 : 0;
}
