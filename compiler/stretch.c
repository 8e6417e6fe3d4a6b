/* stretch.c - units that run one after another for a slice of rows.
 *
 * A unit is of the rows when each row of its results needs the same row of what it reads,
 * and nothing of other rows; a scan, when all of its body is. Units of the rows that follow
 * each other form a stretch: it runs slice by slice, each thread taking groups of slices,
 * with no barrier in between, and what no other unit reads needs room for one slice a
 * thread. A partial sum over the rows of a group (partial.c) is of the rows as well: each
 * slice adds its share.
 *
 * Phases are numbers of barriers: units of an odd phase are of the rows, those of an even
 * one need the whole batch (sums of the partial sums, updates, what couples rows). A unit
 * comes as early as it can:
 *   - of the rows, in the phase of a unit of the rows that it reads row by row; else after;
 *   - any other after the last stretch that it reads.
 * Units of one phase keep the order they had (order.c), in which memory dies early.
 *
 * Requires the units' order; leaves it sorted by phase, numbered, with stretches marked. */
#include "guards.h"

#include <string.h>

enum {
    LEAST_WORK = 100000,      /* of a stretch: below it a parallel region costs more */
    SLICE_BYTES = 524288      /* of what lives in a slice: it is to stay in L2 */
};

static Unit *outermost(Unit *u) {
    while (u && u->parent) u = u->parent;
    return u;
}

static bool is_partial(const Kernels *k, const Node *n) {
    return k->view.at[n->id]->partial;
}

/* The variable that runs over the rows, or -1: of the output, or of a partial sum's fold. */
static int row_variable(const Kernels *k, const Node *n) {
    if (!is_partial(k, n)) return batch_axis(n);
    for (int i = 0; i < n->nfold; i++)
        if (n->fold_dim[i] == DIM_BATCH) return n->rank + i;
    return -1;
}

/* ---- how rows are read --------------------------------------------------------------- */

typedef struct RowLoads {
    Kernels *k;
    int row;              /* the reader's variable */
    const Unit *from;     /* look at what this one makes; NULL: at everything */
    bool met, away;       /* a load; one of another row, or of what has no rows */
} RowLoads;

static bool is_made_by(RowLoads *l, const Node *n) {
    return n->kind != N_LEAF && outermost(l->k->view.at[n->id]->unit) == l->from;
}

static void look_at_load(void *ctx, Expr *e) {
    RowLoads *l = ctx;
    if (e->kind != E_LOAD) return;
    const Node *n = e->node;
    bool drawn = n->kind == N_LEAF && n->leaf == L_UNIFORM;
    if (drawn || (l->from && !is_made_by(l, n))) return;
    int axis = batch_axis(n);
    l->met = true;
    if (axis < 0)
        l->away |= l->from != NULL;
    else
        l->away |= e->arg[axis]->kind != E_VAR || e->arg[axis]->var != l->row;
}

static void look_at_unit(RowLoads *l, const Unit *u) {
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(l->k, u->member.at[i]);
        l->row = row_variable(l->k, v->node);
        view_visit(l->k, v, look_at_load, l);
    }
    for (int i = 0; i < u->write.n && l->from; i++) l->met |= is_made_by(l, u->write.at[i].value);
    for (int i = 0; l->from && u->scan && i < u->scan->n; i++) {
        bool read = is_carry_needed(l->k, u->scan, i);
        l->met |= read && is_made_by(l, u->scan->init[i]);
    }
    for (int i = 0; i < u->child.n; i++) look_at_unit(l, u->child.at[i]);
}

static bool writes_rows(const Unit *u) {
    for (int i = 0; i < u->write.n; i++)
        if (batch_axis(u->write.at[i].value) < 0) return false;
    return true;
}

/* Has every result rows, in the body of a scan too, and is a partial sum in its unit alone
 * with others? What adds at rows that it finds needs all terms, and memory to sort them in. */
static bool makes_rows(Kernels *k, const Unit *u) {
    if (u->kind == U_CHECK || !writes_rows(u)) return false;
    for (int i = 0; i < u->member.n; i++) {
        const Node *n = u->member.at[i];
        Scatter scatter;
        if (scatter_of(k, view_of(k, u->member.at[i]), &scatter)) return false;
        if (row_variable(k, n) < 0 || is_partial(k, n) != is_partial(k, u->member.at[0]))
            return false;
    }
    for (int i = 0; u->scan && i < u->scan->n; i++)
        if (is_carry_needed(k, u->scan, i) && batch_axis(u->scan->carry[i]) < 0) return false;
    for (int i = 0; i < u->child.n; i++)
        if (!makes_rows(k, u->child.at[i])) return false;
    return true;
}

static bool is_of_rows(Kernels *k, const Unit *u) {
    RowLoads l = {.k = k};
    if (!makes_rows(k, u)) return false;
    look_at_unit(&l, u);
    return !l.away;
}

static bool reads_row_by_row(Kernels *k, const Unit *u, const Unit *from) {
    RowLoads l = {.k = k, .from = from};
    look_at_unit(&l, u);
    return l.met && !l.away;
}

/* ---- phases -------------------------------------------------------------------------- */

static int phase_after(Kernels *k, const Unit *u, const Unit *before, bool rows) {
    int phase = before->phase;
    if (!rows) return phase + phase % 2;
    if (phase % 2 == 0) return phase + 1;
    return reads_row_by_row(k, u, before) ? phase : phase + 2;
}

static void find_phase(Kernels *k, Unit *u) {
    bool rows = is_of_rows(k, u);
    u->phase = rows;
    for (int i = 0; i < u->after.n; i++) {
        int phase = phase_after(k, u, u->after.at[i], rows);
        if (phase > u->phase) u->phase = phase;
    }
}

static void sort_by_phase(Kernels *k) {
    int n = k->top.n, last = 0;
    Unit **sorted = NEW_ARRAY(k->arena, Unit *, n + 1);
    for (int i = 0; i < n; i++)
        if (k->top.at[i]->phase > last) last = k->top.at[i]->phase;
    int *start = NEW_ARRAY(k->arena, int, last + 2);
    for (int i = 0; i < n; i++) start[k->top.at[i]->phase + 1]++;
    for (int p = 0; p <= last; p++) start[p + 1] += start[p];
    for (int i = 0; i < n; i++) sorted[start[k->top.at[i]->phase]++] = k->top.at[i];
    memcpy(k->top.at, sorted, (size_t)n * sizeof *sorted);
}

/* ---- marking ------------------------------------------------------------------------- */

static double work_of(Kernels *k, const Unit *u, double steps) {
    double work = 0;
    if (u->scan) steps *= (double)u->scan->extent;
    for (int i = 0; i < u->member.n; i++) work += points_of(k, u->member.at[i]) * steps;
    for (int i = 0; i < u->child.n; i++) work += work_of(k, u->child.at[i], steps);
    return work;
}

/* A slice's rows are all of its group: the guard says no more. */
static void drop_group(Kernels *k, View *v) {
    ExprList all = {0};
    guard_conditions(k->arena, v->guard, &all);
    v->guard = NULL;
    for (int i = 0; i < all.n; i++)
        if (!(all.at[i]->vars & 1u)) v->guard = ex_and(k->graph, v->guard, all.at[i]);
}

static void mark(Kernels *k, Unit *u, Stretch *s) {
    u->stretch = s;
    u->adds = u->member.n && is_partial(k, u->member.at[0]);
    for (int i = 0; u->adds && i < u->member.n; i++) {
        View *v = view_of(k, u->member.at[i]);
        drop_group(k, v);
        v->storage->grouped = true;
    }
    for (int i = 0; i < u->child.n; i++) mark(k, u->child.at[i], s);
}

static bool must_slice(const Kernels *k) {
    return k->slicing.forced || k->slicing.thrift > THRIFT_NONE;
}

static void mark_phase(Kernels *k, int from, int to) {
    double work = 0;
    for (int i = from; i < to; i++) work += work_of(k, k->top.at[i], 1);
    if (k->top.at[from]->phase % 2 == 0 || (work < LEAST_WORK && !must_slice(k))) return;
    Stretch *s = NEW(k->arena, Stretch);
    vec_push(k->arena, &k->stretch, s);
    s->first = k->top.at[from]->position;
    s->last = k->top.at[to - 1]->last_position;
    for (int i = from; i < to; i++) mark(k, k->top.at[i], s);
}

void stretch_build(Kernels *k) {
    if (k->slicing.groups == 0) return;
    for (int i = 0; i < k->top.n; i++) find_phase(k, k->top.at[i]);
    sort_by_phase(k);
    order_number(k);
    for (int from = 0, to; from < k->top.n; from = to) {
        to = from + 1;
        while (to < k->top.n && k->top.at[to]->phase == k->top.at[from]->phase) to++;
        mark_phase(k, from, to);
    }
}

/* ---- slices -------------------------------------------------------------------------- */

const Stretch *stretch_at(const Kernels *k, int position) {
    int lo = 0, hi = k->stretch.n;
    while (lo < hi) {
        int middle = lo + (hi - lo) / 2;
        if (k->stretch.at[middle]->last < position)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < k->stretch.n && k->stretch.at[lo]->first <= position ? k->stretch.at[lo] : NULL;
}

static const Stretch *stretch_around(const Kernels *k, const Storage *s) {
    const Stretch *t = stretch_at(k, s->first);
    return t && s->last <= t->last ? t : NULL;
}

static Storage *memory_of(Storage *s) {
    while (s->kind != ST_CARRY && s->base) s = s->base;
    return s;
}

/* A carried value is at one address or another: rows must be equally far apart in both. */
static bool share_carried(Kernels *k) {
    bool changed = false;
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        if (s->kind != ST_CARRY || s->row_stride * k->batch == s->elements) continue;
        Storage *a = memory_of(s->init), *b = memory_of(s->base);
        if (a->local == b->local) continue;
        a->local = b->local = NULL;
        changed = true;
    }
    return changed;
}

/* All that is in the arena, has rows, and is used in one stretch alone. */
static void find_local(Kernels *k) {
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        if (s->kind == ST_ARENA && s->row_stride && s->last >= 0) s->local = stretch_around(k, s);
    }
    while (share_carried(k)) continue;
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        s->local = memory_of(s->kind == ST_CARRY ? s->base : s)->local;
    }
}

/* By position: how many more bytes of all rows are live there, in stretches, than before. */
static double *changes(const Kernels *k) {
    const Stretch *last = k->stretch.at[k->stretch.n - 1];
    double *change = NEW_ARRAY(k->arena, double, last->last + 2);
    for (int i = 0; i < k->storage.n; i++) {
        const Storage *s = k->storage.at[i];
        if (!s->local || s->kind != ST_ARENA) continue;
        change[s->first] += (double)s->bytes;
        change[s->last + 1] -= (double)s->bytes;
    }
    return change;
}

/* Bytes of one row that are live at a time, at most. */
static double row_bytes(const Kernels *k, const Stretch *s, const double *change) {
    double most = 0, live = 0;
    for (int at = s->first; at <= s->last; at++) {
        live += change[at];
        if (live > most) most = live;
    }
    return most / (double)k->batch;
}

/* As many rows as L2 holds, and no fewer than weights want; slices of a group are alike. */
static int64_t slice_rows(const Kernels *k, const Stretch *s, const double *change) {
    if (must_slice(k)) return 1;
    int64_t rows = k->slicing.group_rows, least = k->slicing.least_rows;
    double bytes = row_bytes(k, s, change);
    while (rows % 2 == 0 && rows / 2 >= least && (double)rows * bytes > SLICE_BYTES) rows /= 2;
    return rows;
}

void stretch_slice(Kernels *k) {
    if (k->stretch.n == 0) return;
    find_local(k);
    const double *change = changes(k);
    for (int i = 0; i < k->stretch.n; i++)
        k->stretch.at[i]->slice_rows = slice_rows(k, k->stretch.at[i], change);
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        if (s->local) storage_resize(s, k->batch, s->local->slice_rows);
    }
}
