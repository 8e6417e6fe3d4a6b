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

enum { MAX_BOUNDS = 32 };

typedef struct Loops {
    int nloop;
    int var[MAX_VARS];        /* variable of loop k, outermost first; -1: of several */
    int64_t extent[MAX_VARS]; /* of loop k */
    int64_t points, elements;
    double *column[MAX_VARS]; /* by variable; filled where a program reads it */
    uint32_t used;
    Counter *out;      /* the element that a point belongs to */
    Counter *position; /* in the fold, for arg folds; or NULL */
    int ncounter;
    Counter **counter; /* these two and the loads' elements */
    int nbound;
    Counter *bound[MAX_BOUNDS]; /* a point is left out unless each is negative */
    int64_t *at;                /* by counter, then by bound: its value at the cursor */
    int64_t (*step)[MAX_VARS];  /* the same, and by loop */
    int named;                  /* the out variable that is computed, or -1 */
    int64_t named_extent, named_stride;
    Program *name, *guard, *body;
} Loops;

/* ---- setting up ------------------------------------------------------------------------ */

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

/* Row-major strides of the n variables from `first` on; returns the number of elements. */
static int64_t strides(const Eval *e, int first, int n, const int64_t *dim, Counter *c) {
    int64_t size = 1;
    for (int k = n - 1; k >= 0; k--) {
        c->stride[first + k] = size;
        size *= eval_extent(e, dim[k]);
    }
    return size;
}

static void add_loops(Eval *e, Loops *l, const Node *n) {
    l->out = NEW(e->arena, Counter);
    l->elements = strides(e, 0, n->rank, n->dim, l->out);
    if (n->fold == F_ARGMAX || n->fold == F_ARGMIN) {
        l->position = NEW(e->arena, Counter);
        strides(e, n->rank, n->nfold, n->fold_dim, l->position);
    }
    l->points = 1;
    for (int v = 0; v < n->rank + n->nfold; v++) {
        int64_t extent = eval_extent(e, v < n->rank ? n->dim[v] : n->fold_dim[v - n->rank]);
        l->column[v] = NEW_ARRAY(e->arena, double, BLOCK);
        if (v == l->named) {
            l->named_extent = extent;
            l->named_stride = l->out->stride[v];
            continue;
        }
        l->var[l->nloop] = v;
        l->extent[l->nloop++] = extent;
        l->points *= extent;
    }
}

/* sum < 0 as a bound. False where loops do not count everything in it. */
static bool add_bound(Eval *e, Loops *l, const Affine *sum, int64_t sign, int64_t c0) {
    Counter *b = NEW(e->arena, Counter);
    b->c0 = sign * sum->c0 + c0;
    for (int k = 0; k < sum->n; k++) {
        const Expr *v = sum->term[k].atom;
        if (v->kind != E_VAR || v->var == l->named) return false;
        b->stride[v->var] = sign * sum->term[k].c;
    }
    l->bound[l->nbound++] = b;
    return true;
}

/* Takes a test of integers that says something of loop variables alone as bounds of the
 * loops: they need not visit what it leaves out. */
static bool bounds_loops(Eval *e, Loops *l, const Expr *test) {
    Affine a, b;
    int64_t lo, hi;
    bool order = test->kind == E_OP && (test->op == OP_lt || test->op == OP_eq);
    if (!order || l->nbound + 2 > MAX_BOUNDS || !ex_affine(test->arg[0], &a) ||
            !ex_affine(test->arg[1], &b) || !affine_range(&a, &lo, &hi) ||
            !affine_range(&b, &lo, &hi) || !affine_add(&a, &b, -1))
        return false;
    if (test->op == OP_lt) return add_bound(e, l, &a, 1, 0);
    return add_bound(e, l, &a, 1, -1) && add_bound(e, l, &a, -1, -1);
}

/* Sets the bounds; what is left of the guard is asked at every point. */
static Expr *bound_loops(Eval *e, Loops *l, const Node *n) {
    Expr *rest = NULL;
    for (Expr *g = n->guard; g;) {
        bool more = g->kind == E_OP && g->op == OP_and;
        Expr *test = more ? g->arg[1] : g;
        if (!bounds_loops(e, l, test)) rest = ex_and(e->graph, rest, test);
        g = more ? g->arg[0] : NULL;
    }
    return rest;
}

static const Counter *count_of(const Loops *l, int c) {
    return c < l->ncounter ? l->counter[c] : l->bound[c - l->ncounter];
}

static void add_counters(Eval *e, Loops *l) {
    const Program *p[3] = {l->name, l->guard, l->body};
    int most = 2 + l->name->counter.n + l->guard->counter.n + l->body->counter.n + l->nbound;
    l->counter = NEW_ARRAY(e->arena, Counter *, most);
    l->counter[l->ncounter++] = l->out;
    if (l->position) l->counter[l->ncounter++] = l->position;
    for (int k = 0; k < 3; k++) {
        l->used |= p[k]->used;
        for (int j = 0; j < p[k]->counter.n; j++) l->counter[l->ncounter++] = p[k]->counter.at[j];
    }
    l->at = NEW_ARRAY(e->arena, int64_t, most);
    l->step = arena_array(e->arena, (size_t)most, sizeof *l->step);
    for (int c = 0; c < l->ncounter + l->nbound; c++)
        for (int k = 0; k < l->nloop; k++) l->step[c][k] = count_of(l, c)->stride[l->var[k]];
}

static bool is_read(const Loops *l, int k) {
    return l->var[k] >= 0 && l->used >> l->var[k] & 1;
}

/* Whether loops k and k + 1 count as one: nobody reads their variables, and every counter
 * goes on over the end of the inner one. */
static bool are_one(const Loops *l, int k) {
    bool one = !is_read(l, k) && !is_read(l, k + 1);
    for (int c = 0; one && c < l->ncounter + l->nbound; c++)
        one = l->step[c][k] == l->extent[k + 1] * l->step[c][k + 1];
    return one;
}

static void move_loop(Loops *l, int to, int from) {
    l->extent[to] = l->extent[from];
    l->var[to] = l->var[from];
    for (int c = 0; c < l->ncounter + l->nbound; c++) l->step[c][to] = l->step[c][from];
}

static void join_loops(Loops *l) {
    for (int k = l->nloop - 2; k >= 0; k--) {
        if (!are_one(l, k)) continue;
        int64_t extent = l->extent[k];
        move_loop(l, k, k + 1);
        l->extent[k] *= extent;
        l->var[k] = -1;
        for (int j = k + 1; j + 1 < l->nloop; j++) move_loop(l, j, j + 1);
        l->nloop--;
    }
}

/* Long runs cost least. Loops over elements may stand anywhere: each element meets its terms
 * in the order of the fold all the same. So the longest of them goes innermost where the
 * fold's last loop is short. (The place behind the loops is free: it is the hand.) */
static void choose_inner(Loops *l) {
    int best = l->nloop - 1;
    for (int k = l->nloop - 1; k >= 0; k--) {
        bool elements = l->step[0][k] != 0;
        if (elements && l->extent[k] > 2 * l->extent[best]) best = k;
    }
    if (l->nloop == MAX_VARS || best < 0 || l->extent[l->nloop - 1] >= BLOCK / 4) return;
    move_loop(l, l->nloop, best);
    for (int k = best; k < l->nloop; k++) move_loop(l, k, k + 1);
}

static Loops *loops_of(Eval *e, Node *n) {
    NodeState *s = &e->state[n->id];
    if (s->loops) return s->loops;
    Loops *l = s->loops = NEW(e->arena, Loops);
    l->named = -1;
    Expr *name = n->guard ? find_named(e->graph, n, &l->named) : NULL;
    uint32_t counted = l->named < 0 ? ~0u : ~(1u << l->named);
    add_loops(e, l, n);
    l->name = program_new(e, name, l->column, counted, n->span);
    l->guard = program_new(e, bound_loops(e, l, n), l->column, counted, n->span);
    l->body = program_new(e, n->body, l->column, counted, n->span);
    add_counters(e, l);
    join_loops(l);
    choose_inner(l);
    join_loops(l);
    return l;
}

/* ---- points ---------------------------------------------------------------------------- */

typedef struct Cursor {
    int64_t at[MAX_VARS];
    int64_t left;
} Cursor;

static void rewind_counters(Loops *l) {
    for (int c = 0; c < l->ncounter + l->nbound; c++) l->at[c] = count_of(l, c)->c0;
}

/* Moves on by a run of the innermost loop. */
static void advance(Loops *l, Cursor *c, int64_t run) {
    int k = l->nloop - 1;
    c->left -= run;
    if (k < 0) return;
    c->at[k] += run;
    for (int j = 0; j < l->ncounter + l->nbound; j++) l->at[j] += run * l->step[j][k];
    for (; k > 0 && c->at[k] == l->extent[k]; k--) {
        c->at[k] = 0;
        c->at[k - 1]++;
        for (int j = 0; j < l->ncounter + l->nbound; j++)
            l->at[j] += l->step[j][k - 1] - l->extent[k] * l->step[j][k];
    }
}

/* Narrows a run [*first, *end) of the innermost loop, counted from the cursor, to what every
 * bound leaves. */
static void narrow(const Loops *l, int *first, int *end) {
    for (int j = l->ncounter; j < l->ncounter + l->nbound; j++) {
        int64_t at = l->at[j], step = l->nloop > 0 ? l->step[j][l->nloop - 1] : 0;
        if (step == 0 && at >= 0) *end = *first;
        if (step > 0) { /* at + k*step < 0 up to here */
            int64_t k = at < 0 ? (-at + step - 1) / step : 0;
            if (k < *end) *end = (int)k;
        }
        if (step < 0) { /* from here on */
            int64_t k = at < 0 ? 0 : at / -step + 1;
            if (k > *first) *first = k < *end ? (int)k : *end;
        }
    }
}

/* Writes the points [first, end) of a run behind the n that there are. */
static void fill(const Loops *l, const Cursor *c, int n, int first, int end) {
    int inner = l->nloop - 1, count = end - first;
    for (int k = 0; k < l->nloop; k++) {
        if (!is_read(l, k)) continue;
        double *column = l->column[l->var[k]] + n, v = (double)c->at[k];
        if (k == inner) v += first;
        for (int i = 0; i < count; i++) column[i] = k == inner ? v + i : v;
    }
    for (int j = 0; j < l->ncounter; j++) {
        int64_t step = inner >= 0 ? l->step[j][inner] : 0, at = l->at[j] + first * step;
        int64_t *column = l->counter[j]->column + n;
        for (int i = 0; i < count; i++) column[i] = at + i * step;
    }
}

/* Fills the columns with the next points, a run of the innermost loop at a time. Returns how
 * many there are: none only when all are done. */
static int next_block(Loops *l, Cursor *c) {
    int n = 0, inner = l->nloop - 1;
    while (n < BLOCK && c->left > 0) {
        int64_t left = inner >= 0 ? l->extent[inner] - c->at[inner] : 1;
        int run = left > BLOCK - n ? BLOCK - n : (int)left, first = 0, end = run;
        narrow(l, &first, &end);
        if (first < end) {
            fill(l, c, n, first, end);
            n += end - first;
        }
        advance(l, c, run);
    }
    return n;
}

/* Moves point `from` to place `to`, which is not behind it. */
static void keep_point(Loops *l, int to, int from) {
    if (to == from) return;
    for (int k = 0; k < l->nloop; k++)
        if (is_read(l, k)) l->column[l->var[k]][to] = l->column[l->var[k]][from];
    if (l->named >= 0) l->column[l->named][to] = l->column[l->named][from];
    for (int c = 0; c < l->ncounter; c++) l->counter[c]->column[to] = l->counter[c]->column[from];
}

/* Computes the named variable; points where it is outside of its extent go. */
static int name_elements(Eval *e, Loops *l, int n) {
    if (l->named < 0) return n;
    if (!program_run(e, l->name, n)) return -1;
    const double *value = program_result(l->name).value;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        double v = value[i];
        if (v < 0 || v >= (double)l->named_extent) continue;
        keep_point(l, kept, i);
        l->column[l->named][kept] = v;
        l->out->column[kept++] += (int64_t)v * l->named_stride;
    }
    return kept;
}

static int thin_out(Eval *e, Loops *l, int n, Values to) {
    if (l->guard->n == 0) return n;
    if (!program_run(e, l->guard, n)) return -1;
    Values guard = program_result(l->guard);
    const int64_t *out = l->out->column;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (to.margin) to.margin[out[i]] = fmin(to.margin[out[i]], guard.margin[i]);
        if (guard.value[i] != 0) keep_point(l, kept++, i);
    }
    return kept;
}

/* ---- folds ----------------------------------------------------------------------------- */

/* What a fold keeps beside its elements. */
typedef struct Extra {
    double *best, *second; /* extreme so far; the runner-up, for margins */
    unsigned char *seen;   /* whether any term was */
} Extra;

static double first_value(const Node *n) {
    bool real = n->body->dtype == T_F32;
    switch (n->fold) {
    case F_PROD:
        return 1;
    case F_MAX:
        return real ? -HUGE_VAL : INT32_MIN;
    case F_MIN:
        return real ? HUGE_VAL : INT32_MAX;
    default:
        return 0;
    }
}

/* Whether a term takes the place of the extreme so far: the first of equals stays, and NaN
 * stays once it came. */
static bool beats(bool largest, double term, double best) {
    if (best != best) return false;
    return term != term || (largest ? term > best : term < best);
}

static void fold_extreme(
        const Node *n, const Loops *l, int count, Values term, Values to, Extra x) {
    bool largest = n->fold == F_MAX || n->fold == F_ARGMAX;
    bool arg = n->fold == F_ARGMAX || n->fold == F_ARGMIN;
    for (int i = 0; i < count; i++) {
        int64_t o = l->out->column[i];
        bool better = !x.seen[o] || beats(largest, term.value[i], x.best[o]);
        double loser = better ? x.best[o] : term.value[i];
        if (x.second && x.seen[o] && (x.seen[o] == 1 || beats(largest, loser, x.second[o]))) {
            x.second[o] = loser;
            x.seen[o] = 2;
        }
        if (!x.seen[o]) x.seen[o] = 1;
        if (!better) continue;
        x.best[o] = term.value[i];
        to.value[o] = arg ? (double)l->position->column[i] : term.value[i];
        if (to.scale) to.scale[o] = arg ? to.value[o] : term.scale[i];
    }
}

static void fold_integers(const Node *n, const Loops *l, int count, Values term, Values to) {
    Op op = n->fold == F_SUM ? OP_add : OP_mul;
    for (int i = 0; i < count; i++) {
        double *sum = &to.value[l->out->column[i]];
        *sum = op_integer(op, (int32_t)*sum, (int32_t)term.value[i], 0);
        if (to.scale) to.scale[l->out->column[i]] = fabs(*sum);
    }
}

/* Terms of one element mostly follow each other: their sum stays in a register. */
static void add_terms(const int64_t *out, int count, const double *term, double *to) {
    for (int i = 0; i < count;) {
        int64_t o = out[i];
        double sum = to[o];
        for (; i < count && out[i] == o; i++) sum += term[i];
        to[o] = sum;
    }
}

static void fold_terms(const Node *n, const Loops *l, int count, Values term, Values to) {
    const int64_t *out = l->out->column;
    if (n->fold == F_NONE) {
        for (int i = 0; i < count; i++) to.value[out[i]] = term.value[i];
        for (int i = 0; to.scale && i < count; i++) to.scale[out[i]] = term.scale[i];
    } else if (n->dtype == T_I32) {
        fold_integers(n, l, count, term, to);
    } else if (n->fold == F_SUM) {
        add_terms(out, count, term.value, to.value);
        if (to.scale) add_terms(out, count, term.scale, to.scale);
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
    rewind_counters(l);
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
        const int64_t *out = l->out->column;
        for (int i = 0; to.margin && i < count; i++)
            to.margin[out[i]] = fmin(to.margin[out[i]], term.margin[i]);
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
