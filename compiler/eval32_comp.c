/* eval32_comp.c - comprehensions: maps, folds, and sums that add at rows they look up.
 *
 * The points of a fold are visited in the order in which its largest load lies in memory,
 * whatever that is: terms are folded into their elements run by run. An out variable that the
 * guard equates with something else (`words[n, t] == v`) is no loop: each point computes it,
 * and adds to the element that it names. */
#include "eval32_internal.h"
#include "graph_tables.h"
#include "solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1 << 15, MOST_PARTIAL = 1 << 16 }; /* points worth a thread; elements of a part */

typedef struct Named {
    int reg;
    int64_t stride;
} Named;

struct Comp {
    Node *node;
    Space space;
    Body *body;
    int value, mask; /* registers; mask -1: none */
    int64_t elements;
    Walk *out;      /* of a fold: a point's element, */
    Walk *position; /* and its place in the fold, for arg folds */
    int nnamed;
    Named named[MAX_RANK]; /* what is added to the element */
    bool outer_is_out;     /* the outermost loop is over elements */
    int parts;             /* of a fold that threads share; each has its own elements where
                            * the outermost loop is not over elements */
    int64_t partial;       /* words of spare memory: elements of parts, or an arg fold's best */
};

/* ---- maps -------------------------------------------------------------------------------- */

typedef struct MapJob {
    Eval32 *e;
    const Body *body;
    DType type;
    int64_t first, n, share;
    char *to;
} MapJob;

static void map_part(void *context, int part) {
    MapJob *j = context;
    Frame *f = &j->e->frame[part];
    int64_t done = part * j->share, end = done + j->share < j->n ? done + j->share : j->n;
    size_t size = dtype_size(j->type);
    int result = j->body->instr.n - 1;
    frame_begin(j->body, f, j->n);
    while (done < end) {
        int n = (int)(end - done < COLUMN ? end - done : COLUMN);
        char *to = j->to + (size_t)done * size;
        if (!body_run(j->body, f, j->first + done, n, size == 4 ? to : NULL)) return;
        if (size == 1)
            column_bytes(n, f->reg[result], (uint8_t *)to);
        else if (f->reg[result] != (void *)to)
            memcpy(to, f->reg[result], (size_t)n * size);
        done += n;
    }
}

bool map_points(Eval32 *e, const Body *b, DType t, int64_t first, int64_t n, char *to) {
    int parts = n >= MANY ? pool_threads(e->pool) : 1;
    int64_t share = (n + parts - 1) / parts;
    share = (share + COLUMN - 1) / COLUMN * COLUMN;
    MapJob j = {e, b, t, first, n, share, to};
    for (int k = 0; k < pool_threads(e->pool); k++) e->frame[k].failed = NULL;
    pool_run(e->pool, parts, map_part, &j);
    return !frame_failed(e, b);
}

/* ---- the order of a fold's points ---------------------------------------------------------- */

typedef struct MainLoad {
    const Eval32 *e;
    const Node *node;
    int64_t stride[MAX_VARS];
    double size;
} MainLoad;

static int64_t extent_of_var(const Eval32 *e, const Node *n, int var) {
    return eval32_extent(e, var < n->rank ? n->dim[var] : n->fold_dim[var - n->rank]);
}

static void see_load(void *context, Expr *x) {
    MainLoad *m = context;
    if (x->kind != E_LOAD) return;
    int64_t stride[MAX_VARS] = {0}, step = 1;
    for (int k = x->node->rank - 1; k >= 0; k--) {
        Affine a;
        ex_affine(x->arg[k], &a);
        for (int j = 0; j < a.n; j++)
            if (a.term[j].atom->kind == E_VAR) stride[a.term[j].atom->var] += step * a.term[j].c;
        step *= eval32_extent(m->e, x->node->dim[k]);
    }
    double size = 1;
    for (int v = 0; v < m->node->rank + m->node->nfold; v++)
        if (stride[v]) size *= (double)extent_of_var(m->e, m->node, v);
    if (size <= m->size) return;
    m->size = size;
    memcpy(m->stride, stride, sizeof stride);
}

static int64_t magnitude(int64_t v) {
    return v < 0 ? -v : v;
}

/* All variables but those in `without`, by the largest load's strides; what it does not depend
 * on is outermost. */
static Space fold_space(const Eval32 *e, const Node *n, Expr *body, uint32_t without) {
    MainLoad m = {.e = e, .node = n};
    int order[MAX_VARS], count = 0;
    expr_walk(e->graph, body, see_load, &m);
    for (int v = 0; v < n->rank + n->nfold; v++) {
        if (without >> v & 1) continue;
        int64_t stride = m.stride[v] ? magnitude(m.stride[v]) : INT64_MAX;
        int k = count++;
        for (; k > 0 && m.size > 0; k--) {
            int u = order[k - 1];
            if ((m.stride[u] ? magnitude(m.stride[u]) : INT64_MAX) >= stride) break;
            order[k] = u;
        }
        order[k] = v;
    }
    Space s = {.points = 1};
    for (int k = 0; k < count; k++) space_add(&s, order[k], extent_of_var(e, n, order[k]));
    return s;
}

/* ---- named elements ------------------------------------------------------------------------ */

/* What a test equates out variable v with; NULL: it does not. */
static Expr *equated(Graph *g, const Expr *test, int v) {
    Affine a, b, value = {0};
    bool equality = test->kind == E_OP && test->op == OP_eq && test->arg[0]->dtype == T_I32;
    if (!equality || !ex_affine(test->arg[0], &a) || !ex_affine(test->arg[1], &b) ||
            !affine_add(&a, &b, -1))
        return NULL;
    int64_t c = 0;
    Affine rest = {.c0 = a.c0};
    for (int k = 0; k < a.n; k++) {
        if (a.term[k].atom->kind == E_VAR && a.term[k].atom->var == v)
            c = a.term[k].c;
        else if (a.term[k].atom->vars >> v & 1)
            return NULL;
        else
            rest.term[rest.n++] = a.term[k];
    }
    if ((c != 1 && c != -1) || !affine_add(&value, &rest, -c)) return NULL;
    return ex_from_affine(g, &value);
}

/* Takes the conditions that name an out variable; to[v] is its value, over other variables. */
static uint32_t take_names(Graph *g, const Node *n, ConditionList *guard, Expr **to) {
    uint32_t named = 0, needed = 0;
    ConditionList rest = {0};
    for (int k = 0; k < guard->n; k++) {
        Expr *value = NULL;
        int v = 0;
        for (; v < n->rank && !value; v++) {
            if ((named | needed) >> v & 1) continue;
            value = equated(g, guard->at[k], v);
            if (value && value->vars & named) value = NULL;
        }
        if (!value) {
            vec_push(g->arena, &rest, guard->at[k]);
            continue;
        }
        to[v - 1] = value;
        named |= 1u << (v - 1);
        needed |= value->vars;
    }
    *guard = rest;
    return named;
}

/* The same conditions and body over the variables that are loops, and that names are elements. */
static Expr *without_names(
        const Eval32 *e, const Node *n, uint32_t named, Expr *const *to, ConditionList *guard) {
    Graph *g = e->graph;
    Expr *inside = NULL;
    for (int v = 0; v < n->rank; v++)
        if (named >> v & 1)
            inside = ex_and(g, inside, ex_in_range(g, to[v], eval32_extent(e, n->dim[v])));
    for (int k = 0; k < guard->n; k++)
        guard->at[k] = ex_where(g, inside, ex_subst(g, guard->at[k], to));
    conditions_of(g->arena, inside, guard);
    return ex_subst(g, n->body, to);
}

/* ---- compiling ----------------------------------------------------------------------------- */

static Walk *count_walk(const Eval32 *e, const Space *s, const Node *n, int first, int count) {
    Form f = {0};
    int64_t stride = 1;
    for (int v = first + count - 1; v >= first; v--) {
        for (int k = 0; k < s->n; k++)
            if (s->var[k] == v) f.stride[k] = stride;
        stride *= extent_of_var(e, n, v);
    }
    return walk_new(e->arena, s, 1, &f, 0, NULL);
}

static bool is_arg(const Node *n) {
    return n->fold == F_ARGMAX || n->fold == F_ARGMIN;
}

/* How threads share a fold, and what memory that takes. */
static void share_fold(Eval32 *e, Comp *c) {
    const Node *n = c->node;
    c->outer_is_out = c->space.n > 0 && c->space.var[0] < n->rank;
    int threads = c->space.points >= MANY && c->nnamed == 0 ? pool_threads(e->pool) : 1;
    if (c->outer_is_out && c->space.extent[0] < threads) threads = (int)c->space.extent[0];
    bool copies = !c->outer_is_out && threads > 1;
    if (copies && (is_arg(n) || n->dtype == T_BOOL || c->elements > MOST_PARTIAL ||
                          c->elements * 4 > c->space.points))
        threads = 1, copies = false;
    c->parts = threads;
    c->partial = is_arg(n)            ? c->elements
                 : n->dtype == T_BOOL ? c->elements
                 : copies             ? c->elements * (threads - 1)
                                      : 0;
    eval32_need(e, c->partial * 4);
}

static void compile_fold(Eval32 *e, Comp *c) {
    Node *n = c->node;
    Expr *to[MAX_VARS] = {0}, *body = n->body;
    ConditionList guard = {0};
    conditions_of(e->arena, n->guard, &guard);
    uint32_t named =
            n->guard && !is_arg(n) && n->dtype != T_BOOL ? take_names(e->graph, n, &guard, to) : 0;
    if (named) body = without_names(e, n, named, to, &guard);
    c->space = fold_space(e, n, body, named);
    c->body = body_new(e, &c->space, n->span);
    Expr *mask = all_of(e->graph, &guard);
    c->mask = mask ? body_add_condition(c->body, mask) : -1;
    c->body->guard = guard;
    int64_t stride = 1;
    for (int v = n->rank - 1; v >= 0; v--) {
        if (named >> v & 1) c->named[c->nnamed++] = (Named){body_add(c->body, to[v]), stride};
        stride *= eval32_extent(e, n->dim[v]);
    }
    c->value = body_add(c->body, body);
    body_close(c->body);
    c->out = count_walk(e, &c->space, n, 0, n->rank);
    if (is_arg(n)) c->position = count_walk(e, &c->space, n, n->rank, n->nfold);
    share_fold(e, c);
}

Comp *comp_new(Eval32 *e, Node *n) {
    Comp *c = NEW(e->arena, Comp);
    *c = (Comp){.node = n, .mask = -1, .space = {.points = 1}, .elements = eval32_elements(e, n)};
    if (n->fold != F_NONE) {
        compile_fold(e, c);
        return c;
    }
    for (int v = 0; v < n->rank; v++) space_add(&c->space, v, eval32_extent(e, n->dim[v]));
    c->body = body_new(e, &c->space, n->span);
    c->value = body_add(c->body, n->body);
    body_close(c->body);
    return c;
}

/* ---- folding ------------------------------------------------------------------------------- */

typedef struct FoldJob {
    Eval32 *e;
    const Comp *c;
    char *out[256]; /* of each part */
    void *best;     /* of an arg fold: words */
    int64_t share;  /* points of a part */
} FoldJob;

typedef struct FoldBlock {
    const Comp *c;
    char *out;
    const void *term;
    bool real;
    void *best;
    const int32_t *mask, *position;
} FoldBlock;

static void fold_run(void *context, int64_t before, int64_t at, int64_t step, int64_t n) {
    FoldBlock *b = context;
    Fold f = b->c->node->fold;
    if (b->real)
        fold_reals(f, (float *)(void *)b->out + at, step, (const float *)b->term + before, n);
    else
        fold_ints(f, (int32_t *)(void *)b->out + at, step, (const int32_t *)b->term + before, n);
}

static void arg_run(void *context, int64_t before, int64_t at, int64_t step, int64_t n) {
    FoldBlock *b = context;
    Extremes x = {.largest = b->c->node->fold == F_ARGMAX, .at = (int32_t *)(void *)b->out};
    if (b->real)
        x.real = b->best;
    else
        x.whole = b->best;
    const char *term = b->term;
    fold_positions(&x, at, step, term + 4 * before, b->position + before,
            b->mask ? b->mask + before : NULL, n);
}

static float first_real(Fold f) {
    return f == F_PROD ? 1 : f == F_MAX ? -HUGE_VALF : f == F_MIN ? HUGE_VALF : 0;
}

static int32_t first_int(const Node *n) {
    if (is_arg(n)) return -1;
    return n->fold == F_PROD ? 1 : n->fold == F_MAX ? INT32_MIN : n->fold == F_MIN ? INT32_MAX : 0;
}

/* Terms where the mask holds, elsewhere what changes nothing. */
static const void *masked(
        const Node *n, int count, const int32_t *mask, const void *term, void *out) {
    bool real = n->body->dtype == T_F32;
    if (n->fold == F_SUM) {
        column_mask(count, mask, term, out);
        return out;
    }
    float *to_real = out, neutral = first_real(n->fold);
    int32_t *to_int = out, zero = first_int(n);
    for (int i = 0; i < count; i++) {
        if (real)
            to_real[i] = mask[i] ? ((const float *)term)[i] : neutral;
        else
            to_int[i] = mask[i] ? ((const int32_t *)term)[i] : zero;
    }
    return out;
}

static void add_named(const Comp *c, Frame *f, int64_t first, int n, FoldBlock *b) {
    int64_t *at = f->reg[c->body->spare + 1];
    walk_offsets(c->out, first, n, at);
    for (int k = 0; k < c->nnamed; k++)
        column_add(n, c->named[k].stride, f->reg[c->named[k].reg], at);
    for (int i = 0; i < n; i++)
        if (!b->mask || b->mask[i]) fold_run(b, i, at[i], 0, 1);
}

static void fold_block(const Comp *c, Frame *f, int64_t first, int n, FoldBlock *b) {
    b->term = f->reg[c->value];
    b->mask = c->mask >= 0 ? f->reg[c->mask] : NULL;
    if (c->nnamed > 0) {
        add_named(c, f, first, n, b);
    } else if (c->position) {
        int32_t *position = f->reg[c->body->spare];
        walk_numbers(c->position, first, n, position);
        b->position = position;
        walk_visit(c->out, first, n, arg_run, b);
    } else {
        if (b->mask) b->term = masked(c->node, n, b->mask, b->term, f->reg[c->body->spare]);
        walk_visit(c->out, first, n, fold_run, b);
    }
}

static void start(const Comp *c, void *out) {
    const Node *n = c->node;
    float *real = out, r = first_real(n->fold);
    int32_t *number = out, v = first_int(n);
    for (int64_t k = 0; k < c->elements; k++)
        if (n->dtype == T_F32)
            real[k] = r;
        else
            number[k] = v;
}

static void fold_part(void *context, int part) {
    FoldJob *j = context;
    const Comp *c = j->c;
    Frame *f = &j->e->frame[part];
    FoldBlock b = {
            .c = c, .out = j->out[part], .real = c->node->body->dtype == T_F32, .best = j->best};
    int64_t at = part * j->share, end = at + j->share;
    if (end > c->space.points) end = c->space.points;
    if (c->parts == 1 || !c->outer_is_out) start(c, j->out[part]);
    frame_begin(c->body, f, c->space.points);
    while (at < end) {
        int n = (int)(end - at < COLUMN ? end - at : COLUMN);
        if (!body_run(c->body, f, at, n, NULL)) return;
        fold_block(c, f, at, n, &b);
        at += n;
    }
}

static void join_parts(const Comp *c, FoldJob *j) {
    for (int k = 1; k < c->parts && !c->outer_is_out; k++) {
        FoldBlock b = {
                .c = c, .out = j->out[0], .term = j->out[k], .real = c->node->dtype == T_F32};
        fold_run(&b, 0, 0, 1, c->elements);
    }
}

static void finish(const Comp *c, const int32_t *from, char *own) {
    int32_t *position = (int32_t *)(void *)own;
    for (int64_t k = 0; c->position && k < c->elements; k++)
        if (position[k] < 0) position[k] = 0;
    if (c->node->dtype != T_BOOL) return;
    for (int64_t k = 0; k < c->elements; k++) own[k] = from[k] != 0;
}

static bool run_fold(Eval32 *e, Comp *c) {
    char *own = e->array[c->node->id].own;
    bool narrow = c->node->dtype == T_BOOL;
    FoldJob j = {.e = e, .c = c, .best = e->spare};
    int64_t outer = c->outer_is_out ? c->space.extent[0] : c->space.points;
    j.share = (outer + c->parts - 1) / c->parts * (c->space.points / (outer ? outer : 1));
    for (int k = 0; k < c->parts; k++)
        j.out[k] = c->outer_is_out || k == 0 ? own : e->spare + (k - 1) * c->elements * 4;
    if (narrow) j.out[0] = e->spare;
    for (int k = 1; narrow && c->outer_is_out && k < c->parts; k++) j.out[k] = e->spare;
    walk_begin(c->out, e->time);
    if (c->position) walk_begin(c->position, e->time);
    for (int k = 0; k < pool_threads(e->pool); k++) e->frame[k].failed = NULL;
    if (c->outer_is_out && c->parts > 1) start(c, j.out[0]);
    pool_run(e->pool, c->parts, fold_part, &j);
    if (frame_failed(e, c->body)) return false;
    join_parts(c, &j);
    finish(c, (const int32_t *)(const void *)j.out[0], own);
    return true;
}

bool comp_run(Eval32 *e, Comp *c) {
    body_begin(c->body);
    if (c->node->fold != F_NONE) return run_fold(e, c);
    return map_points(e, c->body, c->node->dtype, 0, c->elements, e->array[c->node->id].own);
}
