/* schedule_transpose.c - copies that exchange axes: what is contiguous in the copy is not so
 * in the source, and another axis is there.
 *
 * Element by element, either side would jump from line to line of the cache. So blocks of
 * 16 x 16 elements go through a small array: its rows are read from the source as vectors,
 * become columns, and are stored as vectors. At the ends blocks have fewer rows or lanes. */
#include "contract.h"
#include "schedule.h"

enum { FEWEST = 4 }; /* elements along either axis that are worth a block */

/* Along the output's axis `run` the source is contiguous, along `last` the copy. */
typedef struct Turn {
    Builder *b;
    Node *n;
    Expr *load;
    int run, last;
    bool divided;
} Turn;

static LoopExpr *number(const Turn *t, int64_t v) {
    return lx_int(t->b->a, LT_INDEX, v);
}

/* ---- a block ------------------------------------------------------------------------- */

/* Row r of the block, along the axis, is at hand; its place in the small array. */
static LoopExpr *at_row(Turn *t, int axis, LoopExpr *start, LoopExpr *r) {
    t->b->var[axis] = lx_add(t->b->a, start, r);
    return lx_mul(t->b->a, r, LANES);
}

static void read_row(Turn *t, LoopArray *tile, LoopExpr *at, int lanes) {
    Builder *b = t->b;
    Node *source = t->load->node;
    Access from = build_access(b, view_of(b->k, source)->storage, source, t->load->arg);
    LoopExpr *row = lx_vload(b->a, from.array, from.rank, from.dim, from.index, lanes);
    ls_vstore(b->a, builder_block(b), tile, 1, &tile->elements, &at, row, LANES);
}

static void write_row(Turn *t, LoopArray *tile, LoopExpr *at, int lanes) {
    Builder *b = t->b;
    Expr *index[MAX_RANK];
    for (int i = 0; i < t->n->rank; i++) index[i] = ex_var(b->g, i, t->n->dim[i]);
    Access to = build_access(b, view_of(b->k, t->n)->storage, t->n, index);
    LoopExpr *row = lx_vload(b->a, tile, 1, &tile->elements, &at, LANES);
    ls_vstore(b->a, builder_block(b), to.array, to.rank, to.dim, to.index, row, lanes);
}

/* All rows of the block: of a whole one each by itself, for compilers to keep in registers. */
static void each_row(Turn *t, LoopArray *tile, int axis, LoopExpr *start, int rows, int lanes,
        void (*row)(Turn *t, LoopArray *tile, LoopExpr *at, int lanes)) {
    Builder *b = t->b;
    for (int r = 0; r < rows && rows == LANES; r++)
        row(t, tile, at_row(t, axis, start, number(t, r)), lanes);
    if (rows == LANES) return;
    LoopVar *v = loop_var(b->a, LT_INDEX, "r");
    builder_open(b, v, number(t, 0), number(t, rows), 1, 1u << axis);
    row(t, tile, at_row(t, axis, start, lx_var(b->a, v)), lanes);
    builder_close(b);
}

static void turn_block(Turn *t, LoopExpr *run, int runs, LoopExpr *last, int lasts) {
    Builder *b = t->b;
    LoopArray *tile = loop_array(b->a, PT_F32, LANES * LANES, "tile");
    ls_array(b->a, builder_block(b), tile)->filled = lasts == LANES;
    b->var[t->run] = run;
    each_row(t, tile, t->last, last, lasts, runs, read_row);
    ls_transpose(b->a, builder_block(b), tile);
    b->var[t->last] = last;
    each_row(t, tile, t->run, run, runs, lasts, write_row);
}

/* ---- loops --------------------------------------------------------------------------- */

static void divide(Turn *t, LoopStmt *loop) {
    double work = 4 * points_of(t->b->k, t->n);
    if (loop && !t->divided) t->divided = builder_parallel(t->b, loop, work);
}

/* Opens a loop over the whole blocks along an axis; NULL: there is none. */
static LoopStmt *open_blocks(Turn *t, int axis, LoopExpr **start) {
    Builder *b = t->b;
    int64_t whole = t->n->dim[axis] / LANES * LANES;
    if (!whole) return NULL;
    LoopVar *v = out_var(b, t->n, axis);
    *start = lx_var(b->a, v);
    return builder_open(b, v, number(t, 0), number(t, whole), LANES, 0);
}

/* What is left of an axis behind its whole blocks. */
static int rest_of(const Turn *t, int axis, LoopExpr **start) {
    int rest = (int)(t->n->dim[axis] % LANES);
    *start = number(t, t->n->dim[axis] - rest);
    return rest;
}

static void blocks_along_last(Turn *t, LoopExpr *run, int runs) {
    Builder *b = t->b;
    LoopExpr *last;
    if (open_blocks(t, t->last, &last)) {
        turn_block(t, run, runs, last, LANES);
        builder_close(b);
    }
    int rest = rest_of(t, t->last, &last);
    if (!rest) return;
    builder_open_block(b);
    turn_block(t, run, runs, last, rest);
    builder_close(b);
}

static void blocks(Turn *t) {
    Builder *b = t->b;
    LoopExpr *run;
    LoopStmt *loop = open_blocks(t, t->run, &run);
    if (loop) {
        divide(t, loop);
        blocks_along_last(t, run, LANES);
        builder_close(b);
    }
    int rest = rest_of(t, t->run, &run);
    if (!rest) return;
    builder_open_block(b);
    blocks_along_last(t, run, rest);
    builder_close(b);
}

/* ---- the form ------------------------------------------------------------------------ */

static bool is_float_array(Builder *b, Node *n) {
    const Storage *s = view_of(b->k, n)->storage;
    return n->dtype == T_F32 && s && s->type == PT_F32;
}

/* A copy of stored elements to one place, without a condition. */
static bool is_copy(Builder *b) {
    const Unit *u = b->unit;
    if (u->member.n != 1) return false;
    Node *n = u->member.at[0];
    const View *v = view_of(b->k, n);
    bool load = v->body->kind == E_LOAD && !v->body->guard && !v->guard;
    if (!load || !is_float_array(b, n) || !is_float_array(b, v->body->node)) return false;
    for (int i = 0; i < u->write.n; i++)
        if (u->write.at[i].to != v->storage || u->write.at[i].add) return false;
    return true;
}

static bool find_axes(Turn *t) {
    const Node *n = t->n;
    t->run = -1;
    t->last = n->rank - 1;
    while (t->last >= 0 && n->dim[t->last] == 1) t->last--;
    if (t->last < 0 || load_along(t->load, t->last, NULL) != ELSEWHERE) return false;
    for (int i = 0; i < n->rank; i++) {
        Along how = load_along(t->load, i, NULL);
        if (how == TANGLED) return false;
        if (how == CONTIGUOUS && i != t->last) t->run = i;
    }
    return t->run >= 0 && n->dim[t->run] >= FEWEST && n->dim[t->last] >= FEWEST;
}

bool schedule_transpose(Builder *b) {
    if (!is_copy(b)) return false;
    Turn t = {.b = b, .n = b->unit->member.at[0]};
    t.load = view_of(b->k, t.n)->body;
    if (!find_axes(&t)) return false;
    for (int i = 0; i < t.n->rank; i++)
        if (i != t.run && i != t.last) divide(&t, builder_open_axis(b, t.n, i));
    blocks(&t);
    builder_close_to(b, 0);
    return true;
}
