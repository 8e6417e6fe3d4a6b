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
#include "contract.h"
#include "mechanism.h"
#include "schedule.h"

enum { MOST_TILE_ROWS = 2 * MOST_ROWS, MOST_VECTORS = 8 };

typedef struct Tiling {
    Builder *b;
    Contraction c;
    Storage *to;
    bool direct;                  /* nothing but the sum is stored */
    int split;                    /* the axis in front of which the outer folds are; -1: none */
    int64_t count[MAX_TILE_VARS]; /* of this tile: the last may have fewer rows */
    LoopExpr *base[MAX_TILE_VARS];
    LoopExpr *lane;          /* where this tile begins along vec */
    int vectors, last_lanes; /* of this tile */
} Tiling;

static int64_t rows_of(const Tiling *t) {
    int64_t rows = 1;
    for (int i = 0; i < t->c.ntile; i++) rows *= t->count[i];
    return rows;
}

static int tile_index(const Tiling *t, int var) {
    for (int i = 0; i < t->c.ntile; i++)
        if (t->c.tile_var[i] == var) return i;
    return -1;
}

static LoopExpr *index_of(Tiling *t, int64_t v) {
    return lx_int(t->b->a, LT_INDEX, v);
}

/* The tile's variables stand for row r, lanes from vector v on. */
static void at_row(Tiling *t, int64_t r, int v) {
    Builder *b = t->b;
    for (int i = t->c.ntile - 1; i >= 0; i--) {
        b->var[t->c.tile_var[i]] = lx_add(b->a, t->base[i], index_of(t, r % t->count[i]));
        r /= t->count[i];
    }
    b->var[t->c.vec] = lx_add(b->a, t->lane, index_of(t, (int64_t)v * LANES));
}

static int lanes_of(const Tiling *t, int v) {
    return v == t->vectors - 1 ? t->last_lanes : LANES;
}

/* ---- a tile -------------------------------------------------------------------------- */

typedef struct Registers {
    LoopVar *sum[MOST_TILE_ROWS][MOST_VECTORS];
    LoopExpr *narrow[MOST_TILE_ROWS];
    LoopExpr *wide[MOST_VECTORS];
} Registers;

static LoopExpr *operand(Tiling *t, int which, int64_t r, int v) {
    Builder *b = t->b;
    const Expr *e = t->c.operand[which];
    at_row(t, r, v);
    Access at = build_access(b, view_of(b->k, e->node)->storage, e->node, e->arg);
    LoopExpr *x = t->c.wide[which]
                          ? lx_vload(b->a, at.array, at.rank, at.dim, at.index, lanes_of(t, v))
                          : lx_splat(b->a, lx_load(b->a, at.array, at.rank, at.dim, at.index));
    return x;
}

static LoopExpr *named(Tiling *t, const char *name, int64_t number, LoopExpr *value) {
    Builder *b = t->b;
    LoopVar *v = loop_var(b->a, LT_VEC, arena_printf(b->a, "%s%d", name, (int)number));
    return ls_let(b->a, builder_block(b), v, value);
}

/* One step of the folds. */
static void multiply(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    for (int v = 0; v < t->vectors; v++) reg->wide[v] = named(t, "w", v, operand(t, 1, 0, v));
    for (int64_t r = 0; r < rows_of(t); r++) {
        if (!t->c.wide[0]) reg->narrow[r] = named(t, "x", r, operand(t, 0, r, 0));
        for (int v = 0; v < t->vectors; v++) {
            LoopExpr *x = t->c.wide[0] ? operand(t, 0, r, v) : reg->narrow[r];
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            ls_set(b->a, builder_block(b), reg->sum[r][v], lx_fma(b->a, x, reg->wide[v], sum));
        }
    }
}

static void start_sums(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    for (int64_t r = 0; r < rows_of(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            const char *name = arena_printf(b->a, "c%d_%d", (int)r, v);
            reg->sum[r][v] = loop_var(b->a, LT_VEC, name);
            ls_var(b->a, builder_block(b), reg->sum[r][v], lx_splat(b->a, lx_real(b->a, 0)));
        }
}

static LoopExpr *untaken_conditions(Tiling *t) {
    LoopExpr *x = NULL;
    for (int i = 0; i < t->c.conditions.n; i++)
        x = lx_and(t->b->a, x, build_condition(t->b, t->c.conditions.at[i]));
    return x;
}

static void open_folds(Tiling *t, int from, int to) {
    for (int i = from; i < to; i++) {
        int fold = t->c.fold[i];
        FoldLoop loop = fold_bounds(t->b, t->c.node, fold, &t->c.conditions);
        fold_enter(t->b, t->c.node, fold, loop.lo, &loop);
    }
}

static void fold_inner(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    int depth = b->depth, barrier = b->barrier, assumed = b->assumed.n;
    open_folds(t, t->c.outer_folds, t->c.node->nfold);
    builder_open_if(b, untaken_conditions(t));
    multiply(t, reg);
    builder_close_to(b, depth);
    b->barrier = barrier;
    b->assumed.n = assumed;
}

/* Into the node's own memory: stored, or added to what earlier folds left there. */
static void store_sums(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    Node *n = t->c.node;
    Expr *index[MAX_RANK];
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    for (int64_t r = 0; r < rows_of(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            at_row(t, r, v);
            Access at = build_access(b, t->to, n, index);
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            int lanes = lanes_of(t, v);
            if (t->c.outer_folds > 0 || b->unit->adds) {
                LoopExpr *before = lx_vload(b->a, at.array, at.rank, at.dim, at.index, lanes);
                sum = lx_vadd(b->a, before, sum);
            }
            ls_vstore(b->a, builder_block(b), at.array, at.rank, at.dim, at.index, sum, lanes);
        }
}

/* Loops over the rows and lanes of the tile; inside, the variables stand for an element. */
static LoopExpr *open_elements(Tiling *t) {
    Builder *b = t->b;
    LoopExpr *row = index_of(t, 0);
    for (int i = 0; i < t->c.ntile; i++) {
        int var = t->c.tile_var[i];
        LoopVar *v = loop_var(b->a, LT_INDEX, "r");
        builder_open(b, v, index_of(t, 0), index_of(t, t->count[i]), 1, 1u << var);
        b->var[var] = lx_add(b->a, t->base[i], lx_var(b->a, v));
        row = lx_add(b->a, lx_mul(b->a, row, t->count[i]), lx_var(b->a, v));
    }
    LoopVar *v = loop_var(b->a, LT_INDEX, "lane");
    int64_t lanes = (t->vectors - 1) * LANES + t->last_lanes;
    builder_open(b, v, index_of(t, 0), index_of(t, lanes), 1, 1u << t->c.vec);
    b->var[t->c.vec] = lx_add(b->a, t->lane, lx_var(b->a, v));
    int64_t width = (int64_t)t->vectors * LANES;
    return lx_add(b->a, lx_mul(b->a, row, width), lx_var(b->a, v));
}

static void finish_tile(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    int64_t size = rows_of(t) * t->vectors * LANES;
    LoopArray *tile = loop_array(b->a, PT_F32, size, "tile");
    int depth = b->depth;
    ls_array(b->a, builder_block(b), tile)->filled = true;
    for (int64_t r = 0; r < rows_of(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            LoopExpr *at = index_of(t, (r * t->vectors + v) * LANES);
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            ls_vstore(b->a, builder_block(b), tile, 1, &size, &at, sum, LANES);
        }
    LoopExpr *at = open_elements(t);
    builder_add_member(b, t->c.node, lx_load(b->a, tile, 1, &size, &at));
    build_epilogue(b);
    b->member.n = 0;
    builder_close_to(b, depth);
}

static void compute_tile(Tiling *t) {
    Registers reg;
    start_sums(t, &reg);
    fold_inner(t, &reg);
    if (t->direct || t->c.outer_folds > 0)
        store_sums(t, &reg);
    else
        finish_tile(t, &reg);
}

/* ---- blocks along the vector axis ---------------------------------------------------- */

/* A loop just opened over the output: the first one is divided among threads, and with it
 * those that follow it directly, so that there are tasks enough. */
static void divide_loop(Tiling *t, LoopStmt *loop) {
    Builder *b = t->b;
    for (int i = 1; i < b->depth; i++) {
        const Level *level = &b->level[i];
        if (!level->loop->parallel) continue;
        const Level *around = &b->level[b->depth - 1];
        bool direct = around->loop->parallel && around->block.n == 0;
        if (!direct) return;
    }
    builder_parallel(b, loop, points_of(b->k, t->c.node));
}

static void vector_block(Tiling *t, LoopExpr *lane, int vectors, int last_lanes) {
    t->lane = lane;
    t->vectors = vectors;
    t->last_lanes = last_lanes;
    compute_tile(t);
}

static void vector_blocks(Tiling *t) {
    Builder *b = t->b;
    int64_t block = (int64_t)t->c.vectors * LANES, whole = t->c.width / block * block;
    int depth = b->depth;
    if (whole > block) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "block");
        LoopStmt *loop = builder_open(b, v, index_of(t, 0), index_of(t, whole), block, 0);
        divide_loop(t, loop);
        vector_block(t, lx_var(b->a, v), t->c.vectors, LANES);
        builder_close_to(b, depth);
    } else if (whole) {
        vector_block(t, index_of(t, 0), t->c.vectors, LANES);
    }
    int rest = (int)(t->c.width - whole);
    if (!rest) return;
    LoopStmt *scope = whole ? builder_open_block(b) : NULL;
    vector_block(t, index_of(t, whole), (rest + LANES - 1) / LANES, (rest - 1) % LANES + 1);
    if (scope) builder_close(b);
}

/* ---- loops over the output ----------------------------------------------------------- */

static void output_loops(Tiling *t, int axis);


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
        divide_loop(t, loop);
    }
    output_loops(t, axis + 1);
    builder_close_to(b, depth);
}

static void tile_loops(Tiling *t, int axis) {
    Builder *b = t->b;
    int64_t extent = t->c.node->dim[axis], count = t->c.tile_count[0];
    LoopExpr *zero = index_of(t, 0), *end = builder_extent(b, extent);
    if (extent != DIM_BATCH) {
        int64_t whole = extent / count * count;
        if (whole) tile_loop(t, axis, zero, index_of(t, whole), count);
        if (whole < extent) tile_loop(t, axis, index_of(t, whole), end, extent - whole);
        return;
    }
    int64_t most = builder_most_rows(b) < count ? builder_most_rows(b) : count;
    if (most > 1) tile_loop(t, axis, zero, lx_sub(b->a, end, index_of(t, most - 1)), most);
    LoopExpr *rest = most > 1 ? lx_mul(b->a, lx_quo(b->a, end, most), most) : zero;
    tile_loop(t, axis, rest, builder_extent(b, extent), 1);
}

static void plain_loop(Tiling *t, int axis) {
    Builder *b = t->b;
    int depth = b->depth;
    LoopStmt *loop = builder_open_axis(b, t->c.node, axis);
    if (loop) divide_loop(t, loop);
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
            builder_open(b, v, index_of(t, 0), index_of(t, t->count[i]), 1, 1u << axis);
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
    open_folds(t, 0, folds);
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
        vector_blocks(t);
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

bool schedule_contraction(Builder *b) {
    View *v = view_of(b->k, b->unit->member.at[0]);
    Tiling t = {.b = b, .to = v->storage, .split = -1};
    if (!mechanism_on(MECHANISM_tiles) || !contraction_of(b->k, v, &t.c)) return false;
    bool alone = b->unit->member.n == 1;
    for (int i = 0; i < b->unit->write.n; i++)
        alone &= b->unit->write.at[i].to == v->storage && !b->unit->write.at[i].add;
    t.direct = alone;
    for (int i = 0; i < t.c.ntile; i++) {
        t.count[i] = t.c.tile_count[i];
        t.base[i] = index_of(&t, 0);
    }
    if (t.c.outer_folds > 0) {
        t.split = split_of(&t);
        b->in_memory = v->node;
    }
    output_loops(&t, 0);
    builder_close_to(b, 0);
    return true;
}
