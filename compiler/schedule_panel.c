/* schedule_panel.c - two other orders in which a contraction's tiles may be visited, for wide
 * operands that do not stay in the cache. Sums go on from run to run of the innermost fold, so
 * elements are the same chains as anywhere else.
 *
 * stream_rows: one or two rows times a large matrix is bound by reading the matrix. Lanes are
 * taken in chunks whose sums are in a small array; a few of the matrix's rows at a time are
 * read from left to right, in the order of memory.
 *
 * panel_loops: a large matrix that many rows meet. Panels of it are copied into a small array,
 * so that they are contiguous and in the nearest caches for all rows; sums are kept in the
 * output between panels. */
#include "schedule_tile.h"

enum {
    STREAM_ROWS = 2,      /* of a tile, at most */
    STREAM_BYTES = 65536, /* of the wide operand: a smaller one is near anyway */
    STREAM_LANES = 256,   /* of a chunk */
    STREAM_FOLDS = 8      /* rows of the matrix at a time */
};

static int last_fold(const Tiling *t) {
    return t->c.fold[t->c.node->nfold - 1];
}

/* A loop over the innermost fold in steps; what it leaves to each run is set in t. */
static void open_steps(Tiling *t, int64_t step) {
    Builder *b = t->b;
    int64_t extent = t->c.node->fold_dim[last_fold(t)];
    LoopVar *v = loop_var(b->a, LT_INDEX, "start");
    builder_open(b, v, tile_number(t, 0), tile_number(t, extent), step, 0);
    t->fold_lo = lx_var(b->a, v);
    t->fold_hi = lx_add(b->a, t->fold_lo, tile_number(t, step));
    if (extent % step) t->fold_hi = lx_min(b->a, t->fold_hi, tile_number(t, extent));
}

/* ---- few rows ------------------------------------------------------------------------ */

bool streams(const Tiling *t) {
    const Node *n = t->c.node, *matrix = t->c.operand[1]->node;
    int64_t extent = n->fold_dim[last_fold(t)];
    bool whole = t->c.conditions.n == 0 && t->c.outer_folds == 0 && !t->b->unit->adds;
    if (!whole || t->c.wide[0] || tile_rows(t) > STREAM_ROWS || extent == DIM_BATCH) return false;
    if (extent <= STREAM_FOLDS) return false;
    return t->c.width > LANES && node_elements(matrix, t->b->k->batch) * 4 >= STREAM_BYTES;
}

static void stream_block(Tiling *t) {
    t->sums.lane = t->offset;
    tile_compute(t);
}

/* Lanes from t->lane on. */
static void stream_chunk(Tiling *t, int64_t lanes) {
    Builder *b = t->b;
    int64_t width = (lanes + LANES - 1) / LANES * LANES;
    int depth = b->depth;
    LoopExpr *first = t->lane;
    LoopArray *sums = loop_array(b->a, PT_F32, tile_rows(t) * width, "sums");
    ls_array(b->a, builder_block(b), sums);
    t->sums = (SumArray){.array = sums, .lanes = width};
    t->panel.lane = first;
    t->going_on = true;
    tile_open_folds(t, 0, t->c.node->nfold - 1);
    open_steps(t, STREAM_FOLDS);
    tile_blocks(t, first, lanes, stream_block);
    builder_close_to(b, depth);
    t->going_on = false;
    t->sums.array = NULL;
    t->fold_lo = t->fold_hi = NULL;
    t->lane = first;
    tile_epilogue(t, sums, width, lanes);
}

void stream_rows(Tiling *t) {
    Builder *b = t->b;
    int64_t width = t->c.width, whole = width / STREAM_LANES * STREAM_LANES;
    if (whole) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "chunk");
        LoopStmt *loop =
                builder_open(b, v, tile_number(t, 0), tile_number(t, whole), STREAM_LANES, 0);
        tile_divide(t, loop);
        t->lane = lx_var(b->a, v);
        stream_chunk(t, STREAM_LANES);
        builder_close(b);
    }
    if (whole == width) return;
    builder_open_block(b);
    t->lane = tile_number(t, whole);
    stream_chunk(t, width - whole);
    builder_close(b);
}

/* ---- panels -------------------------------------------------------------------------- */

static void copy_panel(Tiling *t, LoopExpr *lane, int64_t lanes) {
    Builder *b = t->b;
    const Expr *e = t->c.operand[1];
    Panel *panel = &t->panel;
    FoldLoop loop = {.lo = t->fold_lo, .hi = t->fold_hi, .step = 1};
    fold_enter(b, t->c.node, last_fold(t), loop.lo, &loop);
    LoopExpr *row = lx_sub(b->a, b->var[t->c.node->rank + last_fold(t)], panel->first);
    for (int64_t v = 0; v < lanes; v += LANES) {
        LoopExpr *at[2] = {row, tile_number(t, v)};
        b->var[t->c.vec] = lx_add(b->a, lane, tile_number(t, v));
        Access from = build_access(b, view_of(b->k, e->node)->storage, e->node, e->arg);
        int part = lanes - v < LANES ? (int)(lanes - v) : LANES;
        LoopExpr *x = lx_vload(b->a, from.array, from.rank, from.dim, from.index, part);
        ls_vstore(b->a, builder_block(b), panel->array, 2, panel->dim, at, x, LANES);
    }
    builder_close(b);
}

/* Loops over all elements of lanes [0, lanes) from `lane` on. */
static void open_elements(Tiling *t, LoopExpr *lane, int64_t lanes) {
    Builder *b = t->b;
    for (int axis = 0; axis < t->c.node->rank; axis++)
        if (axis != t->c.vec) builder_open_axis(b, t->c.node, axis);
    LoopVar *v = loop_var(b->a, LT_INDEX, "lane");
    builder_open(b, v, tile_number(t, 0), tile_number(t, lanes), 1, 1u << t->c.vec);
    b->var[t->c.vec] = lx_add(b->a, lane, lx_var(b->a, v));
}

static void panel_epilogue(Tiling *t, LoopExpr *lane, int64_t lanes) {
    Builder *b = t->b;
    Node *n = t->c.node;
    Expr *index[MAX_RANK];
    int depth = b->depth;
    open_elements(t, lane, lanes);
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    Access at = build_access(b, t->to, n, index);
    builder_add_member(b, n, lx_load(b->a, at.array, at.rank, at.dim, at.index));
    build_epilogue(b);
    b->member.n = 0;
    builder_close_to(b, depth);
}

static void panel_block(Tiling *t) {
    t->panel.lane = t->offset;
    tile_compute(t);
}

void panel_blocks(Tiling *t) {
    tile_blocks(t, t->sums.lane, t->sums.lanes, panel_block);
}

/* All rows of lanes [0, lanes) from `lane` on. */
static void one_panel(Tiling *t, LoopExpr *lane, int64_t lanes, void (*rows)(Tiling *t, int axis)) {
    Builder *b = t->b;
    int depth = b->depth;
    open_elements(t, lane, lanes);
    build_store(b, t->c.node, t->to, lx_real(b->a, 0), false);
    builder_close_to(b, depth);
    open_steps(t, PANEL_FOLDS);
    t->panel.dim[0] = PANEL_FOLDS;
    t->panel.dim[1] = (lanes + LANES - 1) / LANES * LANES;
    t->panel.first = t->fold_lo;
    t->panel.array = loop_array(b->a, PT_F32, PANEL_FOLDS * t->panel.dim[1], "panel");
    ls_array(b->a, builder_block(b), t->panel.array)->filled = true;
    copy_panel(t, lane, lanes);
    t->sums = (SumArray){.lane = lane, .lanes = lanes};
    t->going_on = true;
    rows(t, 0);
    builder_close_to(b, depth);
    t->panel.array = NULL;
    if (!t->direct) panel_epilogue(t, lane, lanes);
}

void panel_loops(Tiling *t, void (*rows)(Tiling *t, int axis)) {
    Builder *b = t->b;
    int64_t width = t->c.width, whole = width / PANEL_LANES * PANEL_LANES;
    if (whole) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "columns");
        LoopStmt *loop =
                builder_open(b, v, tile_number(t, 0), tile_number(t, whole), PANEL_LANES, 0);
        tile_divide(t, loop);
        one_panel(t, lx_var(b->a, v), PANEL_LANES, rows);
        builder_close(b);
    }
    if (whole == width) return;
    builder_open_block(b);
    one_panel(t, tile_number(t, whole), width - whole, rows);
    builder_close(b);
}
