/* eval_comp.c - running a comprehension: its points in row-major order, out variables
 * outermost, block by block; the guard thins a block out before the body sees it.
 *
 * An out variable that the guard equates with something that does not depend on it
 * (`words[n, t] == v` in the gradient of an embedding) is no loop: each point computes it,
 * and adds to the element that it names. Every element still meets its terms in the order
 * of the fold. */
#include "eval_internal.h"
#include "graph_tables.h"
#include "ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Loops {
    int nloop;
    int var[MAX_VARS];               /* variable of loop k, outermost first */
    int64_t extent[MAX_VARS];        /* of loop k */
    int64_t out_stride[MAX_VARS];    /* of loop k: what a step adds to the out element */
    int64_t fold_stride[MAX_VARS];   /* and to the position in the fold */
    double *column[MAX_VARS];        /* by variable */
    int nvar;
    int64_t points, elements;
    int64_t out[BLOCK], position[BLOCK];
    int named;                       /* the out variable that is computed, or -1 */
    int64_t named_extent, named_stride;
    Program *name, *guard, *body;
} Loops;

/* ---- setting up ------------------------------------------------------------------------- */

/* The expression that a test equates with variable v alone, or NULL. */
static Expr *equated(Graph *g, const Expr *test, int v) {
    Affine a, b;
    bool equality = test->kind == E_OP && test->op == OP_eq && test->arg[0]->dtype == T_I32;
    if (!equality || !ex_affine(test->arg[0], &a) || !ex_affine(test->arg[1], &b) ||
            !affine_add(&a, &b, -1))
        return NULL;
    Affine rest = {0};
    int64_t sign = 0;
    for (int k = 0; k < a.n; k++) {
        Expr *atom = a.term[k].atom;
        if (atom->kind == E_VAR && atom->var == v)
            sign = a.term[k].c;
        else if (atom->vars >> v & 1)
            return NULL;
        else
            rest.term[rest.n++] = a.term[k];
    }
    rest.c0 = a.c0;
    Affine value = {0};
    if ((sign != 1 && sign != -1) || !affine_add(&value, &rest, -sign)) return NULL;
    return ex_from_affine(g, &value);
}

/* The first out variable that the guard names, and its value. */
static Expr *find_named(Graph *g, const Node *n, int *named) {
    for (int v = 0; v < n->rank; v++) {
        for (Expr *e = n->guard; e;) {
            bool more = e->kind == E_OP && e->op == OP_and;
            Expr *value = equated(g, more ? e->arg[1] : e, v);
            if (value) {
                *named = v;
                return value;
            }
            e = more ? e->arg[0] : NULL;
        }
    }
    return NULL;
}

static void add_loops(Eval *e, Loops *l, const Node *n) {
    int64_t stride[MAX_VARS] = {0}, size = 1;
    for (int k = n->rank - 1; k >= 0; k--) {
        stride[k] = size;
        size *= eval_extent(e, n->dim[k]);
    }
    l->elements = size;
    int64_t fold = 1, fold_stride[MAX_VARS] = {0};
    for (int k = n->nfold - 1; k >= 0; k--) {
        fold_stride[n->rank + k] = fold;
        fold *= eval_extent(e, n->fold_dim[k]);
    }
    l->nvar = n->rank + n->nfold;
    l->points = 1;
    for (int v = 0; v < l->nvar; v++) {
        int64_t extent = eval_extent(e, v < n->rank ? n->dim[v] : n->fold_dim[v - n->rank]);
        l->column[v] = NEW_ARRAY(e->arena, double, BLOCK);
        if (v == l->named) {
            l->named_extent = extent;
            l->named_stride = stride[v];
            continue;
        }
        l->var[l->nloop] = v;
        l->extent[l->nloop] = extent;
        l->out_stride[l->nloop] = stride[v];
        l->fold_stride[l->nloop++] = fold_stride[v];
        l->points *= extent;
    }
}

static Loops *loops_of(Eval *e, Node *n) {
    NodeState *s = &e->state[n->id];
    if (s->loops) return s->loops;
    Loops *l = s->loops = NEW(e->arena, Loops);
    l->named = -1;
    Expr *name = n->guard ? find_named(e->graph, n, &l->named) : NULL;
    add_loops(e, l, n);
    l->name = program_new(e, name, l->column, n->span);
    l->guard = program_new(e, n->guard, l->column, n->span);
    l->body = program_new(e, n->body, l->column, n->span);
    return l;
}

/* ---- points -------------------------------------------------------------------------------- */

typedef struct Cursor { int64_t at[MAX_VARS]; int64_t left; } Cursor;

/* Fills the columns with the next points, a run of the innermost loop at a time. */
static int next_block(Loops *l, Cursor *c) {
    int n = 0, inner = l->nloop - 1;
    while (n < BLOCK && c->left > 0) {
        int64_t run = 1;
        if (inner >= 0) run = l->extent[inner] - c->at[inner];
        if (run > BLOCK - n) run = BLOCK - n;
        int64_t out = 0, position = 0;
        for (int k = 0; k < l->nloop; k++) {
            double *column = l->column[l->var[k]], first = (double)c->at[k];
            for (int i = 0; i < (int)run; i++) column[n + i] = k == inner ? first + i : first;
            out += c->at[k] * l->out_stride[k];
            position += c->at[k] * l->fold_stride[k];
        }
        for (int i = 0; i < (int)run; i++) {
            l->out[n + i] = inner < 0 ? 0 : out + i * l->out_stride[inner];
            l->position[n + i] = inner < 0 ? 0 : position + i * l->fold_stride[inner];
        }
        n += (int)run;
        c->left -= run;
        if (inner >= 0) c->at[inner] += run;
        for (int k = inner; k > 0 && c->at[k] == l->extent[k]; k--) {
            c->at[k] = 0;
            c->at[k - 1]++;
        }
    }
    return n;
}

/* Moves point `from` to place `to`, which is not behind it. */
static void keep_point(Loops *l, int to, int from) {
    for (int v = 0; v < l->nvar; v++) l->column[v][to] = l->column[v][from];
    l->out[to] = l->out[from];
    l->position[to] = l->position[from];
}

/* Computes the named variable; points where it is outside of its extent go. */
static int name_elements(Eval *e, Loops *l, int n) {
    if (l->named < 0) return n;
    if (!program_run(e, l->name, n)) return -1;
    const double *value = program_result(l->name).value;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (value[i] < 0 || value[i] >= (double)l->named_extent) continue;
        keep_point(l, kept, i);
        l->column[l->named][kept] = value[i];
        l->out[kept++] += (int64_t)value[i] * l->named_stride;
    }
    return kept;
}

static int thin_out(Eval *e, Loops *l, int n, Values to) {
    if (l->guard->n == 0) return n;
    if (!program_run(e, l->guard, n)) return -1;
    Values guard = program_result(l->guard);
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (to.margin) to.margin[l->out[i]] = fmin(to.margin[l->out[i]], guard.margin[i]);
        if (guard.value[i] != 0) keep_point(l, kept++, i);
    }
    return kept;
}

/* ---- folds ----------------------------------------------------------------------------------- */

/* What a fold keeps beside its elements. */
typedef struct Extra {
    double *best, *second;      /* extreme so far; the runner-up, for margins */
    unsigned char *seen;        /* whether any term was */
} Extra;

static double first_value(const Node *n) {
    bool real = n->body->dtype == T_F32;
    switch (n->fold) {
    case F_PROD: return 1;
    case F_MAX: return real ? -HUGE_VAL : INT32_MIN;
    case F_MIN: return real ? HUGE_VAL : INT32_MAX;
    default: return 0;
    }
}

/* Whether a term takes the place of the extreme so far: the first of equals stays, and NaN
 * stays once it came. */
static bool beats(bool largest, double term, double best) {
    if (best != best) return false;
    return term != term || (largest ? term > best : term < best);
}

static void fold_extreme(const Node *n, const Loops *l, int count, Values term, Values to, Extra x) {
    bool largest = n->fold == F_MAX || n->fold == F_ARGMAX;
    bool arg = n->fold == F_ARGMAX || n->fold == F_ARGMIN;
    for (int i = 0; i < count; i++) {
        int64_t o = l->out[i];
        bool better = !x.seen[o] || beats(largest, term.value[i], x.best[o]);
        double loser = better ? x.best[o] : term.value[i];
        if (x.second && x.seen[o] && (x.seen[o] == 1 || beats(largest, loser, x.second[o]))) {
            x.second[o] = loser;
            x.seen[o] = 2;
        }
        if (!x.seen[o]) x.seen[o] = 1;
        if (!better) continue;
        x.best[o] = term.value[i];
        to.value[o] = arg ? (double)l->position[i] : term.value[i];
        if (to.scale) to.scale[o] = arg ? to.value[o] : term.scale[i];
    }
}

static void fold_integers(const Node *n, const Loops *l, int count, Values term, Values to) {
    Op op = n->fold == F_SUM ? OP_add : OP_mul;
    for (int i = 0; i < count; i++) {
        double *sum = &to.value[l->out[i]];
        *sum = op_integer(op, (int32_t)*sum, (int32_t)term.value[i], 0);
        if (to.scale) to.scale[l->out[i]] = fabs(*sum);
    }
}

static void fold_terms(const Node *n, const Loops *l, int count, Values term, Values to) {
    const int64_t *out = l->out;
    if (n->fold == F_NONE) {
        for (int i = 0; i < count; i++) to.value[out[i]] = term.value[i];
        for (int i = 0; to.scale && i < count; i++) to.scale[out[i]] = term.scale[i];
    } else if (n->dtype == T_I32) {
        fold_integers(n, l, count, term, to);
    } else if (n->fold == F_SUM) {
        for (int i = 0; i < count; i++) to.value[out[i]] += term.value[i];
        for (int i = 0; to.scale && i < count; i++) to.scale[out[i]] += term.scale[i];
    } else {
        for (int i = 0; i < count; i++) to.value[out[i]] *= term.value[i];
        for (int i = 0; to.scale && i < count; i++) to.scale[out[i]] *= term.scale[i];
    }
}

static void start(const Node *n, int64_t elements, Values to) {
    double v = first_value(n);
    for (int64_t o = 0; o < elements; o++) {
        to.value[o] = v;
        if (to.scale) to.scale[o] = n->fold == F_PROD;
        if (to.margin) to.margin[o] = HUGE_VAL;
    }
}

static void finish_extreme(int64_t elements, Values to, Extra x) {
    for (int64_t o = 0; to.margin && o < elements; o++) {
        if (x.seen[o] != 2 || x.best[o] == x.second[o]) continue;
        double size = fmax(1, fmax(fabs(x.best[o]), fabs(x.second[o])));
        to.margin[o] = fmin(to.margin[o], fabs(x.best[o] - x.second[o]) / size);
    }
}

static bool run(Eval *e, Node *n, Loops *l, Values to, Extra x) {
    Cursor c = {.left = l->points};
    bool extreme = n->fold >= F_MAX;
    for (int count; (count = next_block(l, &c)) > 0;) {
        count = name_elements(e, l, count);
        if (count > 0) count = thin_out(e, l, count, to);
        if (count < 0 || !program_run(e, l->body, count)) return false;
        Values term = program_result(l->body);
        if (extreme)
            fold_extreme(n, l, count, term, to, x);
        else
            fold_terms(n, l, count, term, to);
        for (int i = 0; to.margin && i < count; i++)
            to.margin[l->out[i]] = fmin(to.margin[l->out[i]], term.margin[i]);
    }
    return true;
}

bool eval_comp(Eval *e, Node *n) {
    Loops *l = loops_of(e, n);
    Values to = e->state[n->id].v;
    Extra x = {0};
    bool extreme = n->fold >= F_MAX, ok = !e->error;
    if (extreme) {
        size_t size = (size_t)l->elements;
        x.seen = calloc(size + 1, 1);
        x.best = calloc(size + 1, sizeof *x.best);
        x.second = e->keep_margin ? calloc(size + 1, sizeof *x.second) : NULL;
        if (!x.seen || !x.best || (e->keep_margin && !x.second))
            ok = eval_fail(e, n->span, "out of memory");
    }
    if (ok) {
        start(n, l->elements, to);
        ok = run(e, n, l, to, x);
    }
    if (ok && extreme) finish_extreme(l->elements, to, x);
    free(x.seen);
    free(x.best);
    free(x.second);
    return ok;
}
