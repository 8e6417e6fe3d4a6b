/* trial_gradients.c - the interpreter's gradients against central differences in double.
 *
 * Each parameter is moved as a whole along a random direction, so that two losses check all
 * of its elements. Where a comparison is nearly tied the loss has a kink, and a difference
 * that goes across it says nothing. Two step sizes tell how good the difference is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../runtime/dl_random.h"
#include "trial.h"

static const double STEP = 1e-6, RELATIVE = 1e-6, ROUNDING = 1e-8, KINK = 1e-3;

typedef struct Values {
    const Node *leaf;
    double *at;
    int64_t n;
} Values;

typedef struct Point {
    Arena *arena;
    Model *m;
    const TrialOptions *o;
    Vec(Values) values;
} Point;

static double uniform(const Point *p, uint32_t stream, int64_t i) {
    return (double)dl_uniform(p->o->seed, 0, stream, (uint64_t)i);
}

static void add_port(Point *p, const Port *port) {
    Values v = {.leaf = port->node, .n = node_elements(port->node, p->o->rows)};
    v.at = NEW_ARRAY(p->arena, double, v.n + 1);
    DType type = port->node->dtype;
    double bound = port->bound ? (double)port->bound : type == T_U8 ? 256 : 4;
    for (int64_t i = 0; i < v.n; i++) {
        double u = uniform(p, (uint32_t)p->values.n + 1, i);
        v.at[i] = type == T_F32 ? 3 * u - 1.5 : floor(u * bound);
    }
    vec_push(p->arena, &p->values, v);
}

static void add_var(Point *p, Eval *e, const Var *var) {
    const double *init = var->init ? eval_node(e, var->init) : NULL;
    Values v = {.leaf = var->leaf, .n = node_elements(var->leaf, p->o->rows)};
    v.at = NEW_ARRAY(p->arena, double, v.n + 1);
    for (int64_t i = 0; i < v.n; i++)
        v.at[i] = (init ? init[i] : 0) + 0.1 * uniform(p, (uint32_t)p->values.n + 50, i);
    vec_push(p->arena, &p->values, v);
}

static Eval *eval_at(const Point *p) {
    Eval *e = eval_new(p->m->graph, p->o->rows, p->o->seed, 0);
    for (int i = 0; i < p->values.n; i++) eval_bind(e, p->values.at[i].leaf, p->values.at[i].at);
    return e;
}

static double loss_at(const Point *p, double *margin) {
    Eval *e = eval_at(p);
    const double *loss = eval_node(e, p->m->loss);
    double value = loss ? loss[0] : NAN;
    if (margin && loss) *margin = *eval_margin(e, p->m->loss);
    eval_free(e);
    return value;
}

static double *values_of(const Point *p, const Node *leaf) {
    for (int i = 0; i < p->values.n; i++)
        if (p->values.at[i].leaf == leaf) return p->values.at[i].at;
    return NULL;
}

/* The slope of the loss along the direction. */
static double slope(const Point *p, double *w, const double *direction, int64_t n, double step) {
    double *old = arena_copy(p->arena, w, (size_t)n * sizeof *w);
    for (int64_t i = 0; i < n; i++) w[i] = old[i] + step * direction[i];
    double up = loss_at(p, NULL);
    for (int64_t i = 0; i < n; i++) w[i] = old[i] - step * direction[i];
    double down = loss_at(p, NULL);
    memcpy(w, old, (size_t)n * sizeof *w);
    return (up - down) / (2 * step);
}

static void check_parameter(Point *p, const Var *v, const double *g, Outcome *out) {
    int64_t n = node_elements(v->leaf, p->o->rows);
    double *direction = NEW_ARRAY(p->arena, double, n + 1), want = 0, size = 0, margin = 0;
    for (int64_t i = 0; i < n; i++) {
        direction[i] = 2 * uniform(p, 99, i) - 1;
        want += g[i] * direction[i];
        size += fabs(g[i] * direction[i]);
    }
    double *w = values_of(p, v->leaf), loss = loss_at(p, NULL);
    double allowed = RELATIVE * size + ROUNDING * fmax(1, fabs(loss));
    double coarse = slope(p, w, direction, n, 2 * STEP), got = slope(p, w, direction, n, STEP);
    out->differences++;
    if (fabs(got - want) <= allowed + 2 * fabs(coarse - got)) return;
    if (loss_at(p, &margin), margin < KINK) {
        out->kinks++;
        return;
    }
    printf("%s: gradient %s: along a direction it is %.9g, by differences %.9g (terms %.3g)\n",
            p->o->name, v->path, want, got, size);
    out->wrong++;
}

void trial_gradients(Model *m, const TrialOptions *o, Outcome *out) {
    Point p = {.arena = arena_new(), .m = m, .o = o};
    Eval *start = eval_new(m->graph, o->rows, o->seed, 0);
    for (int i = 0; i < m->input.n; i++) add_port(&p, &m->input.at[i]);
    for (int i = 0; i < m->target.n; i++) add_port(&p, &m->target.at[i]);
    for (int i = 0; i < m->param.n; i++) add_var(&p, start, m->param.at[i]);
    for (int i = 0; i < m->state.n; i++) add_var(&p, start, m->state.at[i]);
    Eval *e = eval_at(&p);
    const double *loss = eval_node(e, m->loss);
    for (int i = 0; i < m->param.n && loss && isfinite(loss[0]); i++) {
        const Var *v = m->param.at[i];
        const double *g = v->grad ? eval_node(e, v->grad) : NULL;
        if (g) check_parameter(&p, v, g, out);
        if (g || !v->grad) continue;
        printf("%s: gradient %s: %s\n", o->name, v->path, eval_error(e));
        out->wrong++;
    }
    eval_free(e);
    eval_free(start);
    arena_free(p.arena);
}
