/* schedule_panel.c - another order in which a contraction's tiles may be visited, for a large
 * matrix that many rows meet and that does not stay in the cache. Some of its lanes at a time are
 * taken for all rows. Where these are many, a panel of them is copied into an array of its own, in
 * the order in which tiles read it; of long folds a part at a time, with the sums kept in the
 * output: they go on from part to part, so that elements are the same chains as anywhere else. */
#include "schedule_tile.h"

static int last_fold(const Tiling *t) {
    return t->c.fold[t->c.node->nfold - 1];
}

/* A loop over the innermost fold in steps; what it leaves to each run is set in t. */
static void open_steps(Tiling *t, int64_t step) {
    Builder *b = t->b;
    int64_t extent = t->c.node->fold_dim[last_fold(t)];
    LoopExpr *end = builder_extent(b, extent);
    LoopVar *v = loop_var(b->a, LT_INDEX, "start");
    builder_open(b, v, tile_number(t, 0), end, step, 0);
    t->fold_lo = lx_var(b->a, v);
    t->fold_hi = lx_add(b->a, t->fold_lo, tile_number(t, step));
    if (extent == DIM_BATCH || extent % step) t->fold_hi = lx_min(b->a, t->fold_hi, end);
}

LoopExpr *panel_index(Tiling *t, int v) {
    Builder *b = t->b;
    LoopExpr *fold = lx_sub(b->a, b->var[t->c.node->rank + last_fold(t)], t->panel.first);
    LoopExpr *at = lx_mul(b->a, t->offset, t->panel.folds);
    at = lx_add(b->a, at, lx_mul(b->a, fold, (int64_t)t->vectors * LANES));
    return lx_add(b->a, at, tile_number(t, (int64_t)v * LANES));
}

/* Lanes [offset, offset + lanes) of the panel, one block. */
static void copy_block(Tiling *t, LoopExpr *offset, int64_t lanes) {
    Builder *b = t->b;
    const Expr *e = t->c.operand[1];
    t->offset = offset;
    t->vectors = (int)((lanes + LANES - 1) / LANES);
    for (int v = 0; v < t->vectors; v++) {
        LoopExpr *lane = lx_add(b->a, offset, tile_number(t, (int64_t)v * LANES));
        b->var[t->c.vec] = lx_add(b->a, t->panel.lane, lane);
        Access from = build_access(b, view_of(b->k, e->node)->storage, e->node, e->arg);
        int64_t left = lanes - (int64_t)v * LANES;
        int part = left < LANES ? (int)left : LANES;
        LoopExpr *at = panel_index(t, v);
        LoopExpr *x = lx_vload(b->a, from.array, from.rank, from.dim, from.index, part);
        ls_vstore(b->a, builder_block(b), t->panel.array, 1, &t->panel.array->elements, &at, x,
                LANES);
    }
}

static void copy_panel(Tiling *t, LoopExpr *lane, int64_t lanes) {
    Builder *b = t->b;
    const Node *n = t->c.node;
    int depth = b->depth;
    int64_t size = (int64_t)t->c.vectors * LANES, whole = lanes / size * size;
    FoldLoop loop = {.lo = t->fold_lo, .hi = t->fold_hi, .step = 1};
    if (!t->c.in_parts) {
        loop.lo = tile_number(t, 0);
        loop.hi = builder_extent(b, n->fold_dim[last_fold(t)]);
    }
    t->panel = (Panel){.first = loop.lo, .lane = lane, .lanes = lanes, .folds = t->c.panel_folds};
    int64_t elements = t->panel.folds * ((lanes + LANES - 1) / LANES * LANES);
    t->panel.array = loop_array(b->a, PT_F32, elements, "panel");
    ls_array(b->a, builder_block(b), t->panel.array)->filled = true;
    fold_enter(b, n, last_fold(t), loop.lo, &loop);
    if (whole) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "block");
        builder_open(b, v, tile_number(t, 0), tile_number(t, whole), size, 0);
        copy_block(t, lx_var(b->a, v), size);
        builder_close(b);
    }
    if (whole < lanes) copy_block(t, tile_number(t, whole), lanes - whole);
    builder_close_to(b, depth);
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

void panel_blocks(Tiling *t) {
    tile_blocks(t, t->panel.lane, t->panel.lanes, tile_compute);
}

/* All rows of lanes [0, lanes) from `lane` on. */
static void one_panel(Tiling *t, LoopExpr *lane, int64_t lanes, void (*rows)(Tiling *t, int axis)) {
    Builder *b = t->b;
    int depth = b->depth;
    if (t->c.in_parts) open_steps(t, t->c.panel_folds);
    t->panel = (Panel){.lane = lane, .lanes = lanes};
    if (t->c.panel_folds) copy_panel(t, lane, lanes);
    rows(t, 0);
    builder_close_to(b, depth);
    t->fold_lo = t->fold_hi = NULL;
    if (t->c.in_parts && !t->direct) panel_epilogue(t, lane, lanes);
}

void panel_loops(Tiling *t, void (*rows)(Tiling *t, int axis)) {
    Builder *b = t->b;
    int64_t width = t->c.width, size = t->c.panel_lanes, whole = width / size * size;
    if (whole) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "columns");
        LoopStmt *loop = builder_open(b, v, tile_number(t, 0), tile_number(t, whole), size, 0);
        tile_divide(t, loop);
        one_panel(t, lx_var(b->a, v), size, rows);
        builder_close(b);
    }
    if (whole == width) return;
    builder_open_block(b);
    one_panel(t, tile_number(t, whole), width - whole, rows);
    builder_close(b);
}
