/* eval32_walk.c - index maps over the points of a space, run by run.
 *
 * A form counts along the loops of a space. A walk joins the loops over which all its forms
 * run on, so that a contiguous array is one run; its bounds narrow each run of the innermost
 * loop that is left, instead of being asked at every point. */
#include "eval32_internal.h"
#include "graph_tables.h"

#include <string.h>

void space_add(Space *s, int var, int64_t extent) {
    if (s->n == 0) s->points = 1;
    s->var[s->n] = var;
    s->extent[s->n++] = extent;
    s->points *= extent;
}

/* ---- forms ----------------------------------------------------------------------------- */

static int loop_of(const Space *s, int var) {
    for (int k = 0; k < s->n; k++)
        if (s->var[k] == var) return k;
    return -1;
}

bool form_of(const Space *s, const Affine *a, int64_t factor, Form *out) {
    out->c0 += factor * a->c0;
    for (int k = 0; k < a->n; k++) {
        const Expr *atom = a->term[k].atom;
        int loop = atom->kind == E_VAR ? loop_of(s, atom->var) : -1;
        if (loop >= 0) {
            out->stride[loop] += factor * a->term[k].c;
        } else if (atom->kind == E_TIME && out->ntime < 4) {
            out->time[out->ntime].c = factor * a->term[k].c;
            out->time[out->ntime++].scan = atom->scan;
        } else {
            return false;
        }
    }
    return true;
}

/* factor * sum + c0 < 0 as a bound; false where there is no room or other things count. */
static bool add_bound(const Space *s, const Affine *sum, int64_t factor, int64_t c0, Form *bound, int *n) {
    if (*n == MAX_BOUNDS32) return false;
    bound[*n] = (Form){.c0 = c0};
    if (!form_of(s, sum, factor, &bound[*n])) return false;
    ++*n;
    return true;
}

static bool take_bound(const Space *s, const Expr *test, Form *bound, int *n) {
    Affine a, b;
    int64_t lo, hi;
    bool order = test->kind == E_OP && op_info[test->op].type == OT_TEST &&
            test->arg[0]->dtype == T_I32;
    if (!order || !ex_affine(test->arg[0], &a) || !ex_affine(test->arg[1], &b) ||
            !affine_range(&a, &lo, &hi) || !affine_range(&b, &lo, &hi) || !affine_add(&a, &b, -1))
        return false;
    int before = *n;
    bool taken = false;
    switch (test->op) {
    case OP_lt: taken = add_bound(s, &a, 1, 0, bound, n); break;
    case OP_le: taken = add_bound(s, &a, 1, -1, bound, n); break;
    case OP_gt: taken = add_bound(s, &a, -1, 0, bound, n); break;
    case OP_ge: taken = add_bound(s, &a, -1, -1, bound, n); break;
    case OP_eq:
        taken = add_bound(s, &a, 1, -1, bound, n) && add_bound(s, &a, -1, -1, bound, n);
        break;
    default: break;
    }
    if (!taken) *n = before;
    return taken;
}

int bounds_of(Graph *g, const Space *s, const ConditionList *all, Form *bound, ConditionList *rest) {
    int n = 0;
    for (int k = 0; k < all->n; k++)
        if (!take_bound(s, all->at[k], bound, &n)) vec_push(g->arena, rest, all->at[k]);
    return n;
}

/* ---- walks ------------------------------------------------------------------------------ */

static bool runs_on(const Walk *w, int k) {
    for (int f = 0; f < w->nform; f++)
        if (w->form[f].stride[k] != w->extent[k + 1] * w->form[f].stride[k + 1]) return false;
    return true;
}

static void drop_loop(Walk *w, int k) {
    w->n--;
    for (int j = k; j < w->n; j++) {
        w->extent[j] = w->extent[j + 1];
        for (int f = 0; f < w->nform; f++) w->form[f].stride[j] = w->form[f].stride[j + 1];
    }
}

static void join_loops(Walk *w) {
    for (int k = w->n - 1; k >= 0; k--)
        if (w->extent[k] == 1) drop_loop(w, k);
    for (int k = w->n - 2; k >= 0; k--) {
        if (!runs_on(w, k)) continue;
        w->extent[k + 1] *= w->extent[k];
        drop_loop(w, k);
    }
}

Walk *walk_new(Arena *a, const Space *s, int nform, const Form *form, int nbound,
        const int64_t *below) {
    Walk *w = NEW(a, Walk);
    w->n = s->n;
    w->nform = nform;
    w->nbound = nbound;
    memcpy(w->extent, s->extent, sizeof w->extent);
    w->form = arena_copy(a, form, (size_t)nform * sizeof *form);
    int nchecks = nform - 1 - nbound;
    if (nchecks > 0) w->below = arena_copy(a, below, (size_t)nchecks * sizeof *below);
    join_loops(w);
    return w;
}

void walk_begin(Walk *w, const int64_t *time) {
    for (int f = 0; f < w->nform; f++) {
        Form *form = &w->form[f];
        form->now = form->c0;
        for (int k = 0; k < form->ntime; k++) form->now += form->time[k].c * time[form->time[k].scan->id];
    }
}

bool walk_is_linear(const Walk *w, int64_t *step) {
    if (w->nform > 1 || w->n > 1) return false;
    *step = w->n ? w->form[0].stride[0] : 1;
    return true;
}

/* ---- runs -------------------------------------------------------------------------------- */

/* Where a walk is: its position in every loop, and what every form is there. */
typedef struct Place32 {
    int64_t position[MAX_VARS];
    int64_t at[1 + MAX_BOUNDS32 + MAX_RANK];
} Place32;

static void go_to(const Walk *w, int64_t point, Place32 *p) {
    for (int f = 0; f < w->nform; f++) p->at[f] = w->form[f].now;
    for (int k = w->n - 1; k >= 0; k--) {
        p->position[k] = k ? point % w->extent[k] : point;
        point = k ? point / w->extent[k] : 0;
        for (int f = 0; f < w->nform; f++) p->at[f] += p->position[k] * w->form[f].stride[k];
    }
}

/* Moves on by n points of the innermost loop. */
static void go_on(const Walk *w, int64_t n, Place32 *p) {
    int k = w->n - 1;
    if (k < 0) return;
    p->position[k] += n;
    for (int f = 0; f < w->nform; f++) p->at[f] += n * w->form[f].stride[k];
    for (; k > 0 && p->position[k] == w->extent[k]; k--) {
        p->position[k] = 0;
        p->position[k - 1]++;
        for (int f = 0; f < w->nform; f++)
            p->at[f] += w->form[f].stride[k - 1] - w->extent[k] * w->form[f].stride[k];
    }
}

/* Narrows the run [*first, *end) from here to where every bound is negative. */
static void narrow(const Walk *w, const Place32 *p, int64_t *first, int64_t *end) {
    for (int f = 1; f <= w->nbound; f++) {
        int64_t at = p->at[f], step = w->n ? w->form[f].stride[w->n - 1] : 0;
        if (step == 0) {
            if (at >= 0) *end = *first;
        } else if (step > 0) {
            int64_t k = at < 0 ? (-at + step - 1) / step : 0;
            if (k < *end) *end = k > *first ? k : *first;
        } else {
            int64_t k = at < 0 ? 0 : at / -step + 1;
            if (k > *first) *first = k < *end ? k : *end;
        }
    }
}

/* Along a run a checked number is largest and smallest at the ends. */
static bool checked(const Walk *w, const Place32 *p, int64_t first, int64_t end) {
    for (int f = 1 + w->nbound; f < w->nform; f++) {
        int64_t step = w->n ? w->form[f].stride[w->n - 1] : 0, below = w->below[f - 1 - w->nbound];
        int64_t a = p->at[f] + first * step, b = p->at[f] + (end - 1) * step;
        if (a < 0 || b < 0 || a >= below || b >= below) return false;
    }
    return true;
}

typedef enum { W_WORDS, W_BYTES, W_NUMBERS, W_OFFSETS } WalkKind;

static void copy_words(const uint32_t *restrict from, int64_t step, int64_t n, uint32_t *restrict to) {
    if (step == 1) {
        if (n >= 16) memcpy(to, from, (size_t)n * sizeof *to);
        else for (int64_t i = 0; i < n; i++) to[i] = from[i];
    } else if (step == 0) {
        uint32_t v = *from;
        for (int64_t i = 0; i < n; i++) to[i] = v;
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = from[i * step];
    }
}

static void count_off(WalkKind kind, int64_t at, int64_t step, int64_t n, void *to) {
    int32_t *number = to;
    int64_t *offset = to;
    if (kind == W_NUMBERS)
        for (int64_t i = 0; i < n; i++) number[i] = (int32_t)(at + i * step);
    else
        for (int64_t i = 0; i < n; i++) offset[i] = at + i * step;
}

static void take_run(WalkKind kind, const void *from, int64_t at, int64_t step, int64_t n, char *to) {
    if (n == 0) return;
    if (kind == W_WORDS) {
        copy_words((const uint32_t *)from + at, step, n, (uint32_t *)(void *)to);
    } else if (kind == W_BYTES) {
        const uint8_t *byte = (const uint8_t *)from + at;
        int32_t *number = (int32_t *)(void *)to;
        for (int64_t i = 0; i < n; i++) number[i] = byte[i * step];
    } else {
        count_off(kind, at, step, n, to);
    }
}

static bool take(const Walk *w, WalkKind kind, const void *from, int64_t first, int64_t n, char *to) {
    Place32 p;
    size_t size = kind == W_OFFSETS ? 8 : 4;
    go_to(w, first, &p);
    int inner = w->n - 1;
    int64_t step = inner >= 0 ? w->form[0].stride[inner] : 0;
    while (n > 0) {
        int64_t left = inner >= 0 ? w->extent[inner] - p.position[inner] : 1;
        int64_t run = left < n ? left : n, begin = 0, end = run;
        if (w->nform > 1) {
            narrow(w, &p, &begin, &end);
            if (begin < end && !checked(w, &p, begin, end)) return false;
            memset(to, 0, (size_t)begin * size);
            memset(to + (size_t)end * size, 0, (size_t)(run - end) * size);
        }
        take_run(kind, from, p.at[0] + begin * step, step, end - begin, to + (size_t)begin * size);
        to += (size_t)run * size;
        n -= run;
        go_on(w, run, &p);
    }
    return true;
}

bool walk_load(const Walk *w, DType t, const void *from, int64_t first, int64_t n, void *out) {
    return take(w, dtype_size(t) == 4 ? W_WORDS : W_BYTES, from, first, n, out);
}

void walk_numbers(const Walk *w, int64_t first, int64_t n, int32_t *out) {
    take(w, W_NUMBERS, NULL, first, n, (char *)out);
}

void walk_offsets(const Walk *w, int64_t first, int64_t n, int64_t *out) {
    take(w, W_OFFSETS, NULL, first, n, (char *)out);
}

void walk_visit(const Walk *w, int64_t first, int64_t n, WalkVisit *visit, void *context) {
    Place32 p;
    go_to(w, first, &p);
    int inner = w->n - 1;
    int64_t step = inner >= 0 ? w->form[0].stride[inner] : 0;
    for (int64_t done = 0; done < n;) {
        int64_t left = inner >= 0 ? w->extent[inner] - p.position[inner] : 1;
        int64_t run = left < n - done ? left : n - done;
        visit(context, done, p.at[0], step, run);
        done += run;
        go_on(w, run, &p);
    }
}
