/* schedule_contract.c - contractions as register tiles.
 *
 * Loops run over the output's axes in their order, the tile's variables in steps of a tile,
 * the vector axis in blocks of the tile's vectors; then the inner folds, with a named
 * accumulator for every row and vector of the tile. What is left over at the ends gets
 * tiles of its own, the last vector with fewer lanes. So an element is one chain in order
 * of the inner folds, whatever the tile.
 *
 * Where the first folds are outside of tiles, elements start from zero in memory and every
 * run of the inner folds is added to them.
 *
 * The epilogue (bias, activation, update) runs over a tile when its sums are complete, in
 * a small array; a bare sum goes from registers to memory. */
#include "mechanism.h"
#include "schedule_tile.h"

enum {
    SMALL_TILE = 6,         /* accumulators for which every machine has registers */
    SMALL_BODY_WORK = 65536 /* multiply-adds that are worth a second body */
};

/* ---- loops over the output ----------------------------------------------------------- */

static void output_loops(Tiling *t, int axis);

/* All lanes of the tile's rows; or those of a panel. */
static void lanes_of_rows(Tiling *t) {
    if (t->panel.array)
        panel_blocks(t);
    else if (streams(t))
        stream_rows(t);
    else
        tile_blocks(t, tile_number(t, 0), t->c.width, tile_compute);
}


/* Rows [lo, hi) of the first tile variable in steps of `count`. */
static void tile_loop(Tiling *t, int axis, LoopExpr *lo, LoopExpr *hi, int64_t count) {
    Builder *b = t->b;
    int depth = b->depth;
    bool once = lo->kind == X_INT && hi->kind == X_INT && hi->integer - lo->integer == count;
    t->count[0] = count;
    if (once) {
        t->base[0] = lo;
        builder_open_block(b);
    } else {
        LoopVar *v = out_var(b, t->c.node, axis);
        LoopStmt *loop = builder_open(b, v, lo, hi, count, 0);
        t->base[0] = lx_var(b->a, v);
        tile_divide(t, loop);
    }
    output_loops(t, axis + 1);
    builder_close_to(b, depth);
}

static void tile_loops(Tiling *t, int axis) {
    Builder *b = t->b;
    int64_t extent = t->c.node->dim[axis], count = t->c.tile_count[0];
    LoopExpr *zero = tile_number(t, 0), *end = builder_extent(b, extent);
    if (extent != DIM_BATCH) {
        int64_t whole = extent / count * count;
        if (whole) tile_loop(t, axis, zero, tile_number(t, whole), count);
        if (whole < extent) tile_loop(t, axis, tile_number(t, whole), end, extent - whole);
        return;
    }
    int64_t most = builder_most_rows(b) < count ? builder_most_rows(b) : count;
    if (most > 1) tile_loop(t, axis, zero, lx_sub(b->a, end, tile_number(t, most - 1)), most);
    LoopExpr *rest = most > 1 ? lx_mul(b->a, lx_quo(b->a, end, most), most) : zero;
    tile_loop(t, axis, rest, builder_extent(b, extent), 1);
}

static void plain_loop(Tiling *t, int axis) {
    Builder *b = t->b;
    int depth = b->depth;
    LoopStmt *loop = builder_open_axis(b, t->c.node, axis);
    if (loop) tile_divide(t, loop);
    output_loops(t, axis + 1);
    builder_close_to(b, depth);
}

/* ---- outer folds --------------------------------------------------------------------- */

/* Loops over what is left of the output inside of the open ones, an element at a time. */
static void open_region(Tiling *t, int from) {
    Builder *b = t->b;
    for (int axis = 0; axis < t->c.node->rank; axis++) {
        int i = tile_index(t, axis);
        if (axis >= from && i <= 0) builder_open_axis(b, t->c.node, axis);
        if (axis < from && i != 0) continue;
        if (axis < from || i > 0) {
            LoopVar *v = loop_var(b->a, LT_INDEX, "r");
            builder_open(b, v, tile_number(t, 0), tile_number(t, t->count[i]), 1, 1u << axis);
            b->var[axis] = lx_add(b->a, t->base[i], lx_var(b->a, v));
        }
    }
}

static void region_epilogue(Tiling *t, int from) {
    Builder *b = t->b;
    Node *n = t->c.node;
    Expr *index[MAX_RANK];
    int depth = b->depth;
    if (t->direct) return;
    open_region(t, from);
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    Access at = build_access(b, t->to, n, index);
    builder_add_member(b, n, lx_load(b->a, at.array, at.rank, at.dim, at.index));
    build_epilogue(b);
    b->member.n = 0;
    builder_close_to(b, depth);
}

/* From here on all tiles are visited once for every value of the outer folds. */
static void outer_folds(Tiling *t, int axis) {
    Builder *b = t->b;
    int depth = b->depth, folds = t->c.outer_folds, assumed = b->assumed.n;
    if (!b->unit->adds) {
        open_region(t, axis);
        build_store(b, t->c.node, t->to, lx_real(b->a, 0), false);
        builder_close_to(b, depth);
    }
    tile_open_folds(t, 0, folds);
    t->split = -1;
    output_loops(t, axis);
    t->split = axis;
    builder_close_to(b, depth);
    b->assumed.n = assumed;
    region_epilogue(t, axis);
}

static void output_loops(Tiling *t, int axis) {
    int i = tile_index(t, axis);
    if (axis == t->split)
        outer_folds(t, axis);
    else if (axis == t->c.node->rank)
        lanes_of_rows(t);
    else if (axis == t->c.vec)
        output_loops(t, axis + 1);
    else if (i == 0)
        tile_loops(t, axis);
    else if (i > 0)
        output_loops(t, axis + 1);
    else
        plain_loop(t, axis);
}

/* The outer folds go inside of the first loops of the output, over which the work is
 * divided: those before the tile's, or its own. */
static int split_of(const Tiling *t) {
    int axis = 0;
    while (axis < t->c.node->rank && axis != t->c.vec && tile_index(t, axis) < 0) axis++;
    if (axis == 0 && tile_index(t, 0) == 0) axis = 1;
    return axis;
}

/* Would smaller tiles be better on machines with fewer registers, and the work worth the text? */
static bool wants_small_body(const Tiling *t) {
    const Contraction *c = &t->c;
    return c->rows * c->vectors > SMALL_TILE && points_of(t->b->k, c->node) >= SMALL_BODY_WORK;
}

bool schedule_contraction(Builder *b) {
    View *v = view_of(b->k, b->unit->member.at[0]);
    Tiling t = {.b = b, .to = v->storage, .split = -1};
    TileSize size = b->small_tiles ? TILES_SMALL : TILES_LARGE;
    if (!mechanism_on(MECHANISM_tiles) || !contraction_of(b->k, v, size, &t.c)) return false;
    bool alone = b->unit->member.n == 1;
    for (int i = 0; i < b->unit->write.n; i++)
        alone &= b->unit->write.at[i].to == v->storage && !b->unit->write.at[i].add;
    t.direct = alone;
    for (int i = 0; i < t.c.ntile; i++) {
        t.count[i] = t.c.tile_count[i];
        t.base[i] = tile_number(&t, 0);
    }
    if (t.c.outer_folds > 0) t.split = split_of(&t);
    if (t.c.outer_folds > 0 || t.c.panel) b->in_memory = v->node;
    b->tiled = size == TILES_LARGE && wants_small_body(&t);
    if (t.c.panel)
        panel_loops(&t, output_loops);
    else
        output_loops(&t, 0);
    builder_close_to(b, 0);
    return true;
}
