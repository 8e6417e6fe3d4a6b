/* schedule_prefetch.c - what a tile of a contraction asks for before it needs it.
 *
 * A tile goes through its folds for thousands of cycles; then its epilogue meets lines that no
 * cache holds: results of the whole batch, an optimiser's moments. And operands whose lines lie
 * far apart come line by line, for which the machine does not look ahead. So
 *   - before the folds, the lines of the epilogue are asked for (prefetch_epilogue);
 *   - in each step of the folds, those that the next tile wants (prefetch_operands).
 * What lives in a slice of rows that L2 holds, or is small, is near in any case. Nothing is
 * read, and no value depends on it: an index may lie outside of its array. */
#include "schedule_tile.h"

enum {
    FAR_BYTES = 65536,        /* of an array: a smaller one is near */
    NEAR_BYTES = 524288,      /* of what lives in a slice: L2 holds so much */
    FAR_APART = 128,          /* elements from line to line that are far apart */
    LEAST_STEPS = 64,         /* of the folds, which hide the wait */
    REUSED_ROWS = 3,          /* of a tile whose products hide it too */
    MOST_ARRAYS = 8           /* of an epilogue */
};

/* An array of 4-byte elements that other work has driven out of the caches meanwhile. */
static bool is_far(const Kernels *k, const Storage *s) {
    bool words = s && (s->type == PT_F32 || s->type == PT_I32);
    bool near = s && s->local && k->local_bytes <= NEAR_BYTES;
    return words && !near && s->elements * 4 >= FAR_BYTES;
}

static double steps_of(const Tiling *t) {
    const Node *n = t->c.node;
    double steps = 1;
    for (int i = 0; i < n->nfold; i++) steps *= (double)extent_of(t->b->k, n->fold_dim[i]);
    return steps;
}

/* ---- the epilogue -------------------------------------------------------------------- */

typedef struct Epilogue {
    Tiling *t;
    int n;
    Access at[MOST_ARRAYS];   /* of the element that the variables stand for */
    int64_t stride[MOST_ARRAYS];   /* from row to row of the tile's last variable */
} Epilogue;

/* Elements from one index of the axis to the next; 0: it depends on the call. */
static int64_t stride_of(const Node *n, int axis) {
    int64_t stride = 1;
    for (int i = axis + 1; i < n->rank; i++) stride *= n->dim[i] == DIM_BATCH ? 0 : n->dim[i];
    return stride;
}

static void add_access(Epilogue *e, Storage *s, const Node *n, Expr *const *index, int axis) {
    Kernels *k = e->t->b->k;
    if (e->n == MOST_ARRAYS || !is_far(k, s) || stride_of(n, axis) == 0) return;
    Access at = build_access(e->t->b, s, n, index);
    for (int i = 0; i < e->n; i++)
        if (e->at[i].array == at.array) return;
    e->stride[e->n] = stride_of(n, axis);
    e->at[e->n++] = at;
}

/* Does it run along the vectors, and in another axis from row to row of the tile? */
static bool is_by_rows(const Tiling *t, const Expr *load, int *axis) {
    bool runs = load_along(load, t->c.vec, NULL) == CONTIGUOUS && !ex_has_load(load->guard);
    for (int i = 0; i < load->narg; i++) runs &= !ex_has_load(load->arg[i]);
    for (int i = 0; i < t->c.ntile; i++)
        runs &= load_along(load, t->c.tile_var[i], axis) == ELSEWHERE;
    return runs && !(load->vars >> t->c.node->rank);
}

static void add_load(void *ctx, Expr *e) {
    Epilogue *epilogue = ctx;
    Tiling *t = epilogue->t;
    int axis = 0;
    if (e->kind != E_LOAD || e->guard || !is_by_rows(t, e, &axis)) return;
    const View *v = view_of(t->b->k, e->node);
    bool made_here = e->node->kind == N_COMP && v->unit == t->b->unit;
    if (!made_here) add_access(epilogue, v->storage, e->node, e->arg, axis);
}

static void find_accesses(Epilogue *e) {
    Builder *b = e->t->b;
    const Unit *u = b->unit;
    const Node *n = e->t->c.node;
    int axis = e->t->c.tile_var[e->t->c.ntile - 1];
    Expr *own[MAX_RANK];
    for (int i = 0; i < n->rank; i++) own[i] = ex_var(b->g, i, n->dim[i]);
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(b->k, u->member.at[i]);
        view_visit(b->k, v, add_load, e);
        if (is_stored(b, v->node)) add_access(e, v->storage, v->node, own, axis);
    }
    for (int i = 0; i < u->write.n; i++)
        add_access(e, u->write.at[i].to, u->write.at[i].value, own, axis);
}

/* The variables stand for the tile's first element, but for loops over the first ones' rows. */
void prefetch_epilogue(Tiling *t) {
    Builder *b = t->b;
    Epilogue e = {.t = t};
    int depth = b->depth, last = t->c.ntile - 1;
    if (last < 0 || steps_of(t) < LEAST_STEPS) return;
    tile_open_rows(t, last);
    b->var[t->c.tile_var[last]] = t->base[last];
    b->var[t->c.vec] = t->lane;
    find_accesses(&e);
    for (int i = 0; i < e.n; i++) {
        LoopStmt *s = ls_prefetch(b->a, builder_block(b), e.at[i].array, e.at[i].rank,
                e.at[i].dim, e.at[i].index);
        s->rows = t->count[last];
        s->step = e.stride[i];
        s->lines = t->vectors;
    }
    builder_close_to(b, depth);
}

/* ---- operands ------------------------------------------------------------------------ */

/* Are the operand's elements far apart from step to step of the innermost fold? */
static bool jumps(const Tiling *t, const Expr *e) {
    const Node *n = t->c.node;
    int axis = 0, fold = n->rank + t->c.fold[n->nfold - 1];
    int64_t stride = 1;
    if (load_along(e, fold, &axis) != ELSEWHERE) return false;
    for (int i = axis + 1; i < e->narg; i++) stride *= e->node->dim[i];
    return stride >= FAR_APART && is_far(t->b->k, view_of(t->b->k, e->node)->storage);
}

static void ask_for(Tiling *t, const Expr *e) {
    Builder *b = t->b;
    Access at = build_access(b, view_of(b->k, e->node)->storage, e->node, e->arg);
    ls_prefetch(b->a, builder_block(b), at.array, at.rank, at.dim, at.index);
}

/* The axis of the loop around the tile that brings other vectors of the operand; -1: none. */
static int next_axis(const Tiling *t) {
    for (int axis = t->c.node->rank - 1; axis >= 0; axis--) {
        if (axis == t->c.vec || t->c.node->dim[axis] == 1) continue;
        bool plain = tile_index(t, axis) < 0 && t->c.node->dim[axis] != DIM_BATCH;
        return plain && t->c.operand[1]->vars >> axis & 1 ? axis : -1;
    }
    return -1;
}

/* The same step's vectors where the loop around the tile goes next. */
static void prefetch_around(Tiling *t) {
    int axis = next_axis(t);
    if (axis < 0) return;
    LoopExpr *here = t->b->var[axis];
    t->b->var[axis] = lx_add(t->b->a, here, tile_number(t, 1));
    for (int v = 0; v < t->vectors; v++) {
        tile_at_row(t, 0, v);
        ask_for(t, t->c.operand[1]);
    }
    t->b->var[axis] = here;
}

/* The same step's vectors in the block of lanes that comes next. */
static void prefetch_wide(Tiling *t) {
    int64_t size = (int64_t)t->c.vectors * LANES;
    if (t->panel.array || t->vectors < t->c.vectors) return;
    if (tile_rows(t) < REUSED_ROWS) return; /* it reads faster than lines come */
    if (!jumps(t, t->c.operand[1])) return;
    if (t->c.width < 2 * size) {
        prefetch_around(t);
        return;
    }
    for (int v = 0; v < t->vectors; v++) {
        tile_at_row(t, 0, t->vectors + v);
        ask_for(t, t->c.operand[1]);
    }
}

/* The same step's elements in the rows that come next, where these are neighbours in memory. */
static void prefetch_narrow(Tiling *t) {
    const Expr *e = t->c.operand[0];
    if (t->c.wide[0] || t->c.ntile == 0 || !jumps(t, e)) return;
    int var = t->c.tile_var[0];
    if (load_along(e, var, NULL) != CONTIGUOUS) return;
    tile_at_row(t, 0, 0);
    t->b->var[var] = lx_add(t->b->a, t->b->var[var], tile_number(t, t->count[0]));
    ask_for(t, e);
}

void prefetch_operands(Tiling *t) {
    if (steps_of(t) < LEAST_STEPS || t->fold_lo) return;
    prefetch_wide(t);
    prefetch_narrow(t);
}
