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

/* The one loop whose variable x is made of, or -1. */
static int only_loop(const Space *s, const Expr *x) {
    for (int k = 0; k < s->n; k++)
        if (x->vars == 1u << s->var[k])
            return depends_on_one(x, s->var[k], s->extent[k]) ? k : -1;
    return -1;
}

static void add_jumps(Eval32 *e, const Space *s, Expr *x, int64_t c, int loop, Form *out) {
    const int64_t *value = values_of(e, x, s->var[loop], s->extent[loop]), *old = out->jump[loop];
    int64_t *jump = arena_array(e->arena, (size_t)s->extent[loop], sizeof *jump);
    for (int64_t i = 0; i < s->extent[loop]; i++) jump[i] = c * value[i] + (old ? old[i] : 0);
    out->jump[loop] = jump;
}

bool form_add(Eval32 *e, const Space *s, const Affine *a, int64_t factor, Form *out) {
    out->c0 += factor * a->c0;
    for (int k = 0; k < a->n; k++) {
        Expr *atom = a->term[k].atom;
        int64_t c = factor * a->term[k].c;
        int loop = atom->kind == E_VAR ? loop_of(s, atom->var) : only_loop(s, atom);
        if (loop >= 0 && atom->kind == E_VAR) {
            out->stride[loop] += c;
        } else if (loop >= 0) {
            add_jumps(e, s, atom, c, loop, out);
        } else if (atom->kind == E_TIME && out->ntime < 4) {
            out->time[out->ntime].c = c;
            out->time[out->ntime++].scan = atom->scan;
        } else {
            return false;
        }
    }
    return true;
}

/* What a loop adds at a position. */
static int64_t step_of(const Form *f, int loop, int64_t position) {
    return f->stride[loop] * position + (f->jump[loop] ? f->jump[loop][position] : 0);
}

/* factor * sum + c0 < 0 as a bound; false where there is no room or other things count. */
static bool add_bound(Eval32 *e, const Space *s, const Affine *sum, int64_t factor, int64_t c0,
        Form *bound, int *n) {
    if (*n == MAX_BOUNDS32) return false;
    bound[*n] = (Form){.c0 = c0};
    if (!form_add(e, s, sum, factor, &bound[*n])) return false;
    ++*n;
    return true;
}

static bool take_bound(Eval32 *e, const Space *s, const Expr *test, Form *bound, int *n) {
    Affine a, b;
    int64_t lo, hi;
    bool order =
            test->kind == E_OP && op_info[test->op].type == OT_TEST && test->arg[0]->dtype == T_I32;
    if (!order || !ex_affine(test->arg[0], &a) || !ex_affine(test->arg[1], &b) ||
            !affine_range(&a, &lo, &hi) || !affine_range(&b, &lo, &hi) || !affine_add(&a, &b, -1))
        return false;
    int before = *n;
    bool taken = false;
    switch (test->op) {
    case OP_lt:
        taken = add_bound(e, s, &a, 1, 0, bound, n);
        break;
    case OP_le:
        taken = add_bound(e, s, &a, 1, -1, bound, n);
        break;
    case OP_gt:
        taken = add_bound(e, s, &a, -1, 0, bound, n);
        break;
    case OP_ge:
        taken = add_bound(e, s, &a, -1, -1, bound, n);
        break;
    case OP_eq:
        taken = add_bound(e, s, &a, 1, -1, bound, n) && add_bound(e, s, &a, -1, -1, bound, n);
        break;
    default:
        break;
    }
    if (!taken) *n = before;
    return taken;
}

int bounds_of(
        Eval32 *e, const Space *s, const ConditionList *all, Form *bound, ConditionList *rest) {
    int n = 0;
    for (int k = 0; k < all->n; k++)
        if (!take_bound(e, s, all->at[k], bound, &n)) vec_push(e->arena, rest, all->at[k]);
    return n;
}

/* ---- proofs ------------------------------------------------------------------------------ */

/* Whether a + sign * b is the same everywhere, and what. */
static bool constant_sum(const Space *s, const Form *a, int64_t sign, const Form *b, int64_t *sum) {
    *sum = a->c0 + sign * b->c0;
    if (a->ntime != b->ntime) return false;
    for (int k = 0; k < a->ntime; k++)
        if (a->time[k].scan != b->time[k].scan || a->time[k].c + sign * b->time[k].c != 0)
            return false;
    for (int k = 0; k < s->n; k++)
        for (int64_t i = 0; i < s->extent[k]; i++) {
            if (step_of(a, k, i) + sign * step_of(b, k, i) != 0) return false;
            if (!a->jump[k] && !b->jump[k] && i > 0) break;
        }
    return true;
}

/* Whether a bound leaves a position of a loop in, as far as that loop alone decides. */
static bool leaves_in(const Space *s, const Form *bound, int n, int loop, int64_t position) {
    for (int b = 0; b < n; b++) {
        bool alone = bound[b].ntime == 0;
        for (int k = 0; k < s->n && alone; k++)
            alone = k == loop || (bound[b].stride[k] == 0 && !bound[b].jump[k]);
        if (alone && bound[b].c0 + step_of(&bound[b], loop, position) >= 0) return false;
    }
    return true;
}

/* The range of a form over the positions that the bounds of single loops leave in. */
static void form_range(
        const Space *s, const Form *f, const Form *bound, int n, int64_t *lo, int64_t *hi) {
    *lo = *hi = f->c0;
    for (int k = 0; k < f->ntime; k++) {
        int64_t end = f->time[k].c * (f->time[k].scan->extent - 1);
        *(end < 0 ? lo : hi) += end;
    }
    for (int k = 0; k < s->n; k++) {
        if (f->stride[k] == 0 && !f->jump[k]) continue;
        int64_t least = INT64_MAX, most = INT64_MIN;
        for (int64_t i = 0; i < s->extent[k]; i++) {
            if (!leaves_in(s, bound, n, k, i)) continue;
            int64_t v = step_of(f, k, i);
            least = v < least ? v : least;
            most = v > most ? v : most;
        }
        *lo += least == INT64_MAX ? 0 : least;
        *hi += most == INT64_MIN ? 0 : most;
    }
}

bool form_bounded(const Space *s, const Form *f, int64_t extent, const Form *bound, int n) {
    int64_t lo, hi;
    bool above = false, below = false;
    form_range(s, f, bound, n, &lo, &hi);
    above = lo >= 0;
    below = hi < extent;
    for (int k = 0; k < n; k++) {
        int64_t sum; /* the bound is negative: sum - f < 0, or f - sum < 0 */
        above = above || (constant_sum(s, f, 1, &bound[k], &sum) && sum >= -1);
        below = below || (constant_sum(s, f, -1, &bound[k], &sum) && sum <= extent);
    }
    return above && below;
}

/* ---- walks ------------------------------------------------------------------------------ */

static bool runs_on(const Walk *w, int k) {
    for (int f = 0; f < w->nform; f++) {
        const Form *form = &w->form[f];
        if (form->jump[k] || form->jump[k + 1]) return false;
        if (form->stride[k] != w->extent[k + 1] * form->stride[k + 1]) return false;
    }
    return true;
}

static void drop_loop(Walk *w, int k) {
    w->n--;
    for (int j = k; j < w->n; j++) {
        w->extent[j] = w->extent[j + 1];
        for (int f = 0; f < w->nform; f++) {
            w->form[f].stride[j] = w->form[f].stride[j + 1];
            w->form[f].jump[j] = w->form[f].jump[j + 1];
        }
    }
}

static void join_loops(Walk *w) {
    for (int k = w->n - 1; k >= 0; k--) {
        if (w->extent[k] > 1) continue;
        for (int f = 0; f < w->nform; f++)
            if (w->form[f].jump[k]) w->form[f].c0 += w->form[f].jump[k][0];
        drop_loop(w, k);
    }
    for (int k = w->n - 2; k >= 0; k--) {
        if (!runs_on(w, k)) continue;
        w->extent[k + 1] *= w->extent[k];
        drop_loop(w, k);
    }
}

Walk *walk_new(
        Arena *a, const Space *s, int nform, const Form *form, int nbound, const int64_t *below) {
    Walk *w = NEW(a, Walk);
    w->n = s->n;
    w->nform = nform;
    w->nbound = nbound;
    memcpy(w->extent, s->extent, sizeof w->extent);
    w->form = arena_copy(a, form, (size_t)nform * sizeof *form);
    int nchecks = nform - 1 - nbound;
    if (nchecks > 0) w->below = arena_copy(a, below, (size_t)nchecks * sizeof *below);
    join_loops(w);
    for (int f = 0; f < nform && w->n > 0; f++) w->ragged |= w->form[f].jump[w->n - 1] != NULL;
    return w;
}

void walk_begin(Walk *w, const int64_t *time) {
    for (int f = 0; f < w->nform; f++) {
        Form *form = &w->form[f];
        form->now = form->c0;
        for (int k = 0; k < form->ntime; k++)
            form->now += form->time[k].c * time[form->time[k].scan->id];
    }
}

bool walk_is_linear(const Walk *w, int64_t *step) {
    if (w->nform > 1 || w->n > 1 || w->ragged) return false;
    *step = w->n ? w->form[0].stride[0] : 1;
    return true;
}

/* ---- runs -------------------------------------------------------------------------------- */

/* Where a walk is: its position in every loop, and what the loops outside of each make of
 * every form. */
typedef struct Place32 {
    int64_t position[MAX_VARS];
    int64_t base[MAX_VARS][1 + MAX_BOUNDS32 + MAX_RANK];
} Place32;

/* Brings up to date what is inside of loop k. */
static void enter(const Walk *w, int k, Place32 *p) {
    for (; k < w->n - 1; k++)
        for (int f = 0; f < w->nform; f++)
            p->base[k + 1][f] = p->base[k][f] + step_of(&w->form[f], k, p->position[k]);
}

static void go_to(const Walk *w, int64_t point, Place32 *p) {
    for (int f = 0; f < w->nform; f++) p->base[0][f] = w->form[f].now;
    for (int k = w->n - 1; k >= 0; k--) {
        p->position[k] = k ? point % w->extent[k] : point;
        point = k ? point / w->extent[k] : 0;
    }
    enter(w, 0, p);
}

/* Moves loop k on by n. */
static void go_on(const Walk *w, int k, int64_t n, Place32 *p) {
    if (k < 0) return;
    p->position[k] += n;
    for (; k > 0 && p->position[k] == w->extent[k]; k--) {
        p->position[k] = 0;
        p->position[k - 1]++;
    }
    if (p->position[k] < w->extent[k]) enter(w, k, p);
}

/* Every form here, at the start of a run, and how long that may be. */
static int64_t run_here(const Walk *w, const Place32 *p, int64_t most, int64_t *at) {
    int inner = w->n - 1;
    if (inner < 0) {
        for (int f = 0; f < w->nform; f++) at[f] = w->form[f].now;
        return 1;
    }
    for (int f = 0; f < w->nform; f++)
        at[f] = p->base[inner][f] + step_of(&w->form[f], inner, p->position[inner]);
    int64_t left = w->extent[inner] - p->position[inner];
    return w->ragged ? 1 : left < most ? left : most;
}

/* Narrows the run [*first, *end) from here to where every bound is negative. */
static void narrow(const Walk *w, const int64_t *form, int64_t *first, int64_t *end) {
    for (int f = 1; f <= w->nbound; f++) {
        int64_t at = form[f], step = w->n ? w->form[f].stride[w->n - 1] : 0;
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
static bool checked(const Walk *w, const int64_t *form, int64_t first, int64_t end) {
    for (int f = 1 + w->nbound; f < w->nform; f++) {
        int64_t step = w->n ? w->form[f].stride[w->n - 1] : 0, below = w->below[f - 1 - w->nbound];
        int64_t a = form[f] + first * step, b = form[f] + (end - 1) * step;
        if (a < 0 || b < 0 || a >= below || b >= below) return false;
    }
    return true;
}

typedef enum { W_WORDS, W_BYTES, W_NUMBERS, W_OFFSETS } WalkKind;

static void count_off(WalkKind kind, int64_t at, int64_t step, int64_t n, void *to) {
    int32_t *number = to;
    int64_t *offset = to;
    if (kind == W_NUMBERS)
        for (int64_t i = 0; i < n; i++) number[i] = (int32_t)(at + i * step);
    else
        for (int64_t i = 0; i < n; i++) offset[i] = at + i * step;
}

static void take_run(
        WalkKind kind, const void *from, int64_t at, int64_t step, int64_t n, char *to) {
    if (n == 0) return;
    if (kind == W_WORDS) {
        copy_rows((const uint32_t *)from + at, 1, 0, n, step, (uint32_t *)(void *)to);
    } else if (kind == W_BYTES) {
        const uint8_t *byte = (const uint8_t *)from + at;
        int32_t *number = (int32_t *)(void *)to;
        for (int64_t i = 0; i < n; i++) number[i] = byte[i * step];
    } else {
        count_off(kind, at, step, n, to);
    }
}

/* Whole runs of the innermost loop, as many as the next loop has of them: none where something
 * else than its strides matters. Returns how many points that were. */
static int64_t take_rows(const Walk *w, const void *from, int64_t n, Place32 *p, char *to) {
    int inner = w->n - 1;
    if (inner < 1 || w->nform > 1 || w->ragged || w->form[0].jump[inner - 1] || p->position[inner])
        return 0;
    int64_t length = w->extent[inner], rows = n / length,
            left = w->extent[inner - 1] - p->position[inner - 1];
    if (rows > left) rows = left;
    if (rows == 0) return 0;
    copy_rows((const uint32_t *)from + p->base[inner][0], rows, w->form[0].stride[inner - 1],
            length, w->form[0].stride[inner], (uint32_t *)(void *)to);
    go_on(w, inner - 1, rows, p);
    return rows * length;
}

static bool take_bounded(const Walk *w, WalkKind kind, const void *from, const int64_t *at,
        int64_t run, size_t size, char *to) {
    int64_t begin = 0, end = run, step = w->n ? w->form[0].stride[w->n - 1] : 0;
    narrow(w, at, &begin, &end);
    if (begin < end && !checked(w, at, begin, end)) return false;
    memset(to, 0, (size_t)begin * size);
    memset(to + (size_t)end * size, 0, (size_t)(run - end) * size);
    take_run(kind, from, at[0] + begin * step, step, end - begin, to + (size_t)begin * size);
    return true;
}

static bool take(
        const Walk *w, WalkKind kind, const void *from, int64_t first, int64_t n, char *to) {
    Place32 p;
    int64_t at[1 + MAX_BOUNDS32 + MAX_RANK];
    size_t size = kind == W_OFFSETS ? 8 : 4;
    int inner = w->n - 1;
    int64_t step = inner >= 0 ? w->form[0].stride[inner] : 0;
    go_to(w, first, &p);
    while (n > 0) {
        int64_t run = kind == W_WORDS ? take_rows(w, from, n, &p, to) : 0;
        if (run == 0) {
            run = run_here(w, &p, n, at);
            if (w->nform == 1)
                take_run(kind, from, at[0], step, run, to);
            else if (!take_bounded(w, kind, from, at, run, size, to))
                return false;
            go_on(w, inner, run, &p);
        }
        to += (size_t)run * size;
        n -= run;
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
    int64_t at[1 + MAX_BOUNDS32 + MAX_RANK];
    int inner = w->n - 1;
    int64_t step = inner >= 0 ? w->form[0].stride[inner] : 0;
    go_to(w, first, &p);
    for (int64_t done = 0; done < n;) {
        int64_t run = run_here(w, &p, n - done, at);
        visit(context, done, at[0], step, run);
        done += run;
        go_on(w, inner, run, &p);
    }
}
