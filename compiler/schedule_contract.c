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

/* All lanes of the tile's rows; or those of a panel. Fewer rows than usual leave registers. */
static void lanes_of_rows(Tiling *t) {
    int vectors = t->c.vectors;
    TileSize size = t->b->small_tiles ? TILES_SMALL : TILES_LARGE;
    if (t->c.panel_lanes) {
        panel_blocks(t);
        return;
    }
    if (tile_rows(t) < t->c.rows) t->c.vectors = tile_vectors(&t->c, tile_rows(t), size);
    tile_blocks(t, tile_number(t, 0), t->c.width, tile_compute);
    t->c.vectors = vectors;
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

/* Threads do not meet for the rows just looped over, where there are none. */
static void test_for_rest(Tiling *t, LoopExpr *any) {
    LoopBlock *block = builder_block(t->b);
    LoopStmt *loop = block->at[block->n - 1];
    if (loop->kind != S_FOR || !loop->parallel) return;
    block->n--;
    LoopStmt *test = ls_if(t->b->a, block, any);
    vec_push(t->b->a, &test->body, loop);
}

static void tile_loops(Tiling *t, int axis) {
    Builder *b = t->b;
    int64_t extent = t->c.node->dim[axis], count = t->c.tile_count[0];
    if (extent != DIM_BATCH) {
        int64_t from = t->begin[axis], to = t->end[axis];
        int64_t whole = from + (to - from) / count * count;
        LoopExpr *middle = tile_number(t, whole);
        if (whole > from) tile_loop(t, axis, tile_number(t, from), middle, count);
        if (whole < to) tile_loop(t, axis, middle, tile_number(t, to), to - whole);
        return;
    }
    LoopExpr *zero = tile_number(t, 0), *end = builder_extent(b, extent);
    int64_t most = builder_most_rows(b) < count ? builder_most_rows(b) : count;
    if (most > 1) tile_loop(t, axis, zero, lx_sub(b->a, end, tile_number(t, most - 1)), most);
    LoopExpr *rest = most > 1 ? lx_mul(b->a, lx_quo(b->a, end, most), most) : zero;
    tile_loop(t, axis, rest, builder_extent(b, extent), 1);
    if (most > 1) test_for_rest(t, lx_test(b->a, X_LT, rest, end));
}

/* A loop over the axis, or the part of it that is wanted. */
static LoopStmt *open_part(Tiling *t, int axis) {
    Builder *b = t->b;
    int64_t extent = t->c.node->dim[axis], from = t->begin[axis], to = t->end[axis];
    if (extent == DIM_BATCH || to - from == extent) return builder_open_axis(b, t->c.node, axis);
    b->var[axis] = tile_number(t, from);
    if (to - from == 1) return NULL;
    LoopVar *v = out_var(b, t->c.node, axis);
    b->var[axis] = lx_var(b->a, v);
    return builder_open(b, v, tile_number(t, from), tile_number(t, to), 1, 1u << axis);
}

static void plain_loop(Tiling *t, int axis) {
    Builder *b = t->b;
    int depth = b->depth;
    LoopStmt *loop = open_part(t, axis);
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

/* ---- interiors and edges ------------------------------------------------------------- */

/* What is left of an axis on either side of its interior; false: nothing. */
static bool take_edge(Tiling *t, const Interior *in, int side) {
    int64_t extent = t->c.node->dim[in->var];
    t->begin[in->var] = side ? in->hi : 0;
    t->end[in->var] = side ? extent : in->lo;
    return t->begin[in->var] < t->end[in->var];
}

static void take_all(Tiling *t, int axis) {
    t->begin[axis] = 0;
    t->end[axis] = t->c.node->dim[axis];
}

/* Rows are of the variable within its interior, where fewer conditions remain. */
static void interior_loops(Tiling *t, const Interior *in, int64_t most) {
    Contraction all = t->c;
    int64_t rows = in->hi - in->lo;
    t->c.conditions = in->left;
    t->c.ntile = 1;
    t->c.tile_var[0] = in->var;
    t->c.tile_count[0] = rows < most ? rows : most;
    t->begin[in->var] = in->lo;
    t->end[in->var] = in->hi;
    output_loops(t, 0);
    t->c = all;
    take_all(t, in->var);
}

/* Single rows under all conditions. */
static void edge_loops(Tiling *t) {
    int ntile = t->c.ntile;
    t->c.ntile = 0;
    output_loops(t, 0);
    t->c.ntile = ntile;
}

static void interior_and_edges(Tiling *t) {
    const Interior first = t->c.inner[0], second = t->c.inner[1];
    int64_t most = t->c.tile_count[0];
    interior_loops(t, &first, most);
    for (int side = 0; side < 2; side++) {
        if (!take_edge(t, &first, side)) continue;
        if (second.var < 0) {
            edge_loops(t);
            continue;
        }
        interior_loops(t, &second, most);
        for (int corner = 0; corner < 2; corner++)
            if (take_edge(t, &second, corner)) edge_loops(t);
        take_all(t, second.var);
    }
    take_all(t, first.var);
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
    if (t.c.outer_folds > 0 || t.c.in_parts) b->in_memory = v->node;
    b->tiled = size == TILES_LARGE && wants_small_body(&t);
    for (int i = 0; i < v->node->rank; i++) take_all(&t, i);
    if (t.c.panel_lanes)
        panel_loops(&t, output_loops);
    else if (t.c.inner[0].var >= 0)
        interior_and_edges(&t);
    else
        output_loops(&t, 0);
    builder_close_to(b, 0);
    return true;
}
