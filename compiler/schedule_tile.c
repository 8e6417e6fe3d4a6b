/* schedule_tile.c - one register tile of a contraction: accumulators, the inner folds, and what
 * becomes of the sums. See schedule_tile.h. */
#include "schedule_tile.h"

enum {
    MOST_TILE_ROWS = 2 * MOST_ROWS,
    REUSED_ROWS = 4, /* of a tile: a vector that is loaded is used so often, */
    REUSE = 8        /* and products take so much less time than other terms */
};

int64_t tile_rows(const Tiling *t) {
    int64_t rows = 1;
    for (int i = 0; i < t->c.ntile; i++) rows *= t->count[i];
    return rows;
}

int tile_index(const Tiling *t, int var) {
    for (int i = 0; i < t->c.ntile; i++)
        if (t->c.tile_var[i] == var) return i;
    return -1;
}

LoopExpr *tile_number(const Tiling *t, int64_t v) {
    return lx_int(t->b->a, LT_INDEX, v);
}

/* The tile's variables stand for row r, lanes from vector v on. */
void tile_at_row(Tiling *t, int64_t r, int v) {
    Builder *b = t->b;
    for (int i = t->c.ntile - 1; i >= 0; i--) {
        b->var[t->c.tile_var[i]] = lx_add(b->a, t->base[i], tile_number(t, r % t->count[i]));
        r /= t->count[i];
    }
    b->var[t->c.vec] = lx_add(b->a, t->lane, tile_number(t, (int64_t)v * LANES));
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

static LoopExpr *from_panel(Tiling *t, int v) {
    Builder *b = t->b;
    LoopExpr *at = panel_index(t, v);
    return lx_vload(b->a, t->panel.array, 1, &t->panel.array->elements, &at, LANES);
}

static LoopExpr *operand(Tiling *t, int which, int64_t r, int v) {
    Builder *b = t->b;
    const Expr *e = t->c.operand[which];
    tile_at_row(t, r, v);
    if (which == 1 && t->panel.array) return from_panel(t, v);
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
    prefetch_operands(t);
    for (int v = 0; v < t->vectors; v++) reg->wide[v] = named(t, "w", v, operand(t, 1, 0, v));
    for (int64_t r = 0; r < tile_rows(t); r++) {
        if (!t->c.wide[0]) reg->narrow[r] = named(t, "x", r, operand(t, 0, r, 0));
        for (int v = 0; v < t->vectors; v++) {
            LoopExpr *x = t->c.wide[0] ? operand(t, 0, r, v) : reg->narrow[r];
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            ls_set(b->a, builder_block(b), reg->sum[r][v], lx_fma(b->a, x, reg->wide[v], sum));
        }
    }
}

/* Where the sums of row r, vector v are between runs of the folds. */
static Access sums_at(Tiling *t, int64_t r, int v) {
    Builder *b = t->b;
    const Node *n = t->c.node;
    Expr *index[MAX_RANK];
    tile_at_row(t, r, v);
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    return build_access(b, t->to, n, index);
}

/* The lanes of vector v among them. */
static VectorPart sums_part(Tiling *t, const Access *at, int v) {
    int64_t *step = NEW_ARRAY(t->b->a, int64_t, at->rank + 1);
    step[t->c.vec] = 1;
    return (VectorPart){.step = step, .lanes = lanes_of(t, v)};
}

static LoopExpr *load_sums(Tiling *t, const Access *at, int v) {
    VectorPart part = sums_part(t, at, v);
    if (t->c.in_parts) /* none before the first part */
        part.count = lx_min(t->b->a, tile_number(t, part.lanes), t->fold_lo);
    return lx_vload_part(t->b->a, LT_VEC, at->array, at->rank, at->dim, at->index, part);
}

static void start_sums(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    for (int64_t r = 0; r < tile_rows(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            const char *name = arena_printf(b->a, "c%d_%d", (int)r, v);
            LoopExpr *start = lx_splat(b->a, lx_real(b->a, 0));
            if (t->c.in_parts) {
                Access at = sums_at(t, r, v);
                start = load_sums(t, &at, v);
            }
            reg->sum[r][v] = loop_var(b->a, LT_VEC, name);
            ls_var(b->a, builder_block(b), reg->sum[r][v], start);
        }
}

static LoopExpr *untaken_conditions(Tiling *t) {
    LoopExpr *x = NULL;
    for (int i = 0; i < t->c.conditions.n; i++)
        x = lx_and(t->b->a, x, build_condition(t->b, t->c.conditions.at[i]));
    return x;
}

void tile_open_folds(Tiling *t, int from, int to) {
    for (int i = from; i < to; i++) {
        int fold = t->c.fold[i];
        FoldLoop loop = fold_bounds(t->b, t->c.node, fold, &t->c.conditions);
        fold_enter(t->b, t->c.node, fold, loop.lo, &loop);
    }
}

static void open_inner(Tiling *t) {
    int last = t->c.node->nfold - 1;
    tile_open_folds(t, t->fold_lo ? last : t->c.outer_folds, last);
    if (!t->fold_lo) {
        tile_open_folds(t, last, last + 1);
        return;
    }
    FoldLoop loop = {.lo = t->fold_lo, .hi = t->fold_hi, .step = 1};
    fold_enter(t->b, t->c.node, t->c.fold[last], loop.lo, &loop);
}

static void fold_inner(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    int depth = b->depth, barrier = b->barrier, assumed = b->assumed.n;
    open_inner(t);
    builder_open_if(b, untaken_conditions(t));
    multiply(t, reg);
    builder_close_to(b, depth);
    b->barrier = barrier;
    b->assumed.n = assumed;
}

/* Stored, or added to what earlier folds left there. */
static void store_sums(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    bool add = t->c.outer_folds > 0 || b->unit->adds;
    for (int64_t r = 0; r < tile_rows(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            Access at = sums_at(t, r, v);
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            if (add) sum = lx_vadd(b->a, load_sums(t, &at, v), sum);
            ls_vstore_part(b->a, builder_block(b), at.array, at.rank, at.dim, at.index, sum,
                    sums_part(t, &at, v));
        }
}

LoopExpr *tile_open_rows(Tiling *t, int vars) {
    Builder *b = t->b;
    LoopExpr *row = tile_number(t, 0);
    for (int i = 0; i < vars; i++) {
        int var = t->c.tile_var[i];
        LoopVar *v = loop_var(b->a, LT_INDEX, "r");
        builder_open(b, v, tile_number(t, 0), tile_number(t, t->count[i]), 1, 1u << var);
        b->var[var] = lx_add(b->a, t->base[i], lx_var(b->a, v));
        row = lx_add(b->a, lx_mul(b->a, row, t->count[i]), lx_var(b->a, v));
    }
    return row;
}

/* Loops over the rows and lanes of the tile; inside, the variables stand for an element. */
static LoopExpr *open_elements(Tiling *t, int64_t width, int64_t lanes) {
    Builder *b = t->b;
    LoopExpr *row = tile_open_rows(t, t->c.ntile);
    LoopVar *v = loop_var(b->a, LT_INDEX, "lane");
    builder_open(b, v, tile_number(t, 0), tile_number(t, lanes), 1, 1u << t->c.vec);
    b->var[t->c.vec] = lx_add(b->a, t->lane, lx_var(b->a, v));
    return lx_add(b->a, lx_mul(b->a, row, width), lx_var(b->a, v));
}

static void tile_epilogue(Tiling *t, LoopArray *tile, int64_t width, int64_t lanes) {
    Builder *b = t->b;
    int depth = b->depth;
    LoopExpr *at = open_elements(t, width, lanes);
    builder_add_member(b, t->c.node, lx_load(b->a, tile, 1, &tile->elements, &at));
    build_epilogue(b);
    b->member.n = 0;
    builder_close_to(b, depth);
}

static void finish_tile(Tiling *t, Registers *reg) {
    Builder *b = t->b;
    int64_t width = (int64_t)t->vectors * LANES;
    LoopArray *tile = loop_array(b->a, PT_F32, tile_rows(t) * width, "tile");
    ls_array(b->a, builder_block(b), tile)->filled = true;
    for (int64_t r = 0; r < tile_rows(t); r++)
        for (int v = 0; v < t->vectors; v++) {
            LoopExpr *at = tile_number(t, r * width + (int64_t)v * LANES);
            LoopExpr *sum = lx_var(b->a, reg->sum[r][v]);
            ls_vstore(b->a, builder_block(b), tile, 1, &tile->elements, &at, sum, LANES);
        }
    tile_epilogue(t, tile, width, width - LANES + t->last_lanes);
}

void tile_compute(Tiling *t) {
    Registers reg;
    bool partly = t->c.in_parts || t->c.outer_folds > 0;
    if (!partly && !t->b->unit->adds) prefetch_epilogue(t);
    start_sums(t, &reg);
    fold_inner(t, &reg);
    if (t->direct || partly)
        store_sums(t, &reg);
    else
        finish_tile(t, &reg);
}

/* ---- blocks along the vector axis ---------------------------------------------------- */

/* A loop just opened over the output: the first one is divided among threads, and with it
 * those that follow it directly, so that there are tasks enough. */
void tile_divide(Tiling *t, LoopStmt *loop) {
    Builder *b = t->b;
    for (int i = 1; i < b->depth; i++) {
        const Level *level = &b->level[i];
        if (!level->loop->parallel) continue;
        const Level *around = &b->level[b->depth - 1];
        bool direct = around->loop->parallel && around->block.n == 0;
        if (!direct) return;
    }
    double work = points_of(b->k, t->c.node);
    builder_parallel(b, loop, tile_rows(t) < REUSED_ROWS ? work : work / REUSE);
}

typedef struct Blocks {
    LoopExpr *start;
    void (*call)(Tiling *t);
} Blocks;

static void block(Tiling *t, Blocks by, LoopExpr *offset, int vectors, int last_lanes) {
    t->offset = offset;
    t->lane = lx_add(t->b->a, by.start, offset);
    t->vectors = vectors;
    t->last_lanes = last_lanes;
    by.call(t);
}

/* Of lanes [0, whole). Counted from 0 on or, where that is a number, from the start: threads
 * are seen to keep apart then. */
static void block_loop(Tiling *t, Blocks by, int64_t whole) {
    Builder *b = t->b;
    int64_t size = (int64_t)t->c.vectors * LANES;
    LoopVar *v = loop_var(b->a, LT_INDEX, "block");
    LoopExpr *lo = by.start->kind == X_INT ? by.start : tile_number(t, 0);
    LoopExpr *hi = lx_add(b->a, lo, tile_number(t, whole));
    tile_divide(t, builder_open(b, v, lo, hi, size, 0));
    block(t, by, lx_sub(b->a, lx_var(b->a, v), lo), t->c.vectors, LANES);
    builder_close(b);
}

void tile_blocks(Tiling *t, LoopExpr *start, int64_t lanes, void (*call)(Tiling *t)) {
    Builder *b = t->b;
    Blocks by = {start, call};
    int64_t size = (int64_t)t->c.vectors * LANES, whole = lanes / size * size;
    if (whole > size)
        block_loop(t, by, whole);
    else if (whole)
        block(t, by, tile_number(t, 0), t->c.vectors, LANES);
    int rest = (int)(lanes - whole);
    if (!rest) return;
    LoopStmt *scope = whole ? builder_open_block(b) : NULL;
    block(t, by, tile_number(t, whole), (rest + LANES - 1) / LANES, (rest - 1) % LANES + 1);
    if (scope) builder_close(b);
}
