/* schedule_fold.c - folds that are no contraction: sums of a bias gradient, means, maxima
 * of windows, row maxima, argmax.
 *
 * One of three forms, chosen by how the body's loads run:
 *   - lanes of the output: the last output axis is contiguous in the loads. A block of
 *     elements is folded side by side, each a chain in order of the fold.
 *   - lanes of the fold: the last fold axis is contiguous. Term i goes to lane i mod 16,
 *     and the lanes are joined by a fixed tree of halves. A vector of any width can do it.
 *   - a scalar chain.
 * Long sums in the first and third form are sums of partial sums. The form depends on
 * shapes alone, and so do the bits. */
#include "graph_tables.h"
#include "schedule.h"

#include <math.h>

enum { FEWEST_LANES = 4, MOST_LANES = 64, LONG_CHAIN = 512 };

typedef struct FoldState {
    Builder *b;
    Node *node;
    View *view;
    ExprList conditions; /* of the guard, and of terms that are zero */
    Expr *guard;
    LoopType type;
    bool lanes;
    LoopArray *best, *at;       /* accumulators, by lane */
    LoopVar *best_var, *at_var; /* or scalars */
    int outer;                  /* folds outside of partial sums */
} FoldState;

/* ---- how loads run ------------------------------------------------------------------- */

typedef struct Strides {
    int var;
    bool jumps, runs;
} Strides;

static void look_at_load(void *ctx, Expr *e) {
    Strides *s = ctx;
    Affine sum;
    if (e->kind != E_LOAD || !(e->vars >> s->var & 1)) return;
    bool last = true;
    for (int i = 0; i + 1 < e->narg; i++) last &= !(e->arg[i]->vars >> s->var & 1);
    bool one = false;
    Expr *index = e->narg ? e->arg[e->narg - 1] : NULL;
    if (last && index && ex_affine(index, &sum))
        for (int i = 0; i < sum.n; i++) {
            Expr *atom = sum.term[i].atom;
            if (atom->kind == E_VAR && atom->var == s->var)
                one = sum.term[i].c == 1;
            else if (atom->vars >> s->var & 1)
                last = false;
        }
    if (last && one)
        s->runs = true;
    else
        s->jumps = true;
}

static Strides strides_of(Builder *b, View *v, int var) {
    Strides s = {.var = var};
    view_visit(b->k, v, look_at_load, &s);
    return s;
}

/* ---- accumulators -------------------------------------------------------------------- */

static bool is_arg(const Node *n) {
    return n->fold == F_ARGMAX || n->fold == F_ARGMIN;
}

static bool is_largest(const Node *n) {
    return n->fold == F_MAX || n->fold == F_ARGMAX;
}

static LoopExpr *first_value(const FoldState *s) {
    Arena *a = s->b->a;
    bool real = s->type == LT_F32;
    switch (s->node->fold) {
    case F_PROD:
        return real ? lx_real(a, 1) : lx_int(a, s->type, 1);
    case F_MAX:
    case F_ARGMAX:
        return real ? lx_real(a, -(double)INFINITY) : lx_int(a, s->type, INT32_MIN);
    case F_MIN:
    case F_ARGMIN:
        return real ? lx_real(a, (double)INFINITY) : lx_int(a, s->type, INT32_MAX);
    default:
        return real ? lx_real(a, 0) : lx_int(a, s->type, 0);
    }
}

static LoopExpr *lane_load(Arena *a, LoopArray *array, LoopExpr *lane) {
    LoopExpr *x = lx_load(a, array, 1, &array->elements, &lane);
    return x;
}

static void lane_store(FoldState *s, LoopArray *array, LoopExpr *lane, LoopExpr *value) {
    ls_store(s->b->a, builder_block(s->b), array, 1, &array->elements, &lane, value, false);
}

static LoopExpr *combine(FoldState *s, LoopExpr *x, LoopExpr *y) {
    static const Op op[] = {
            [F_SUM] = OP_add, [F_PROD] = OP_mul, [F_MAX] = OP_max, [F_MIN] = OP_min};
    return lx_op(s->b->a, op[s->node->fold], s->type, (LoopExpr *[]){x, y});
}

static LoopExpr *best_now(FoldState *s, LoopExpr *lane) {
    return s->lanes ? lane_load(s->b->a, s->best, lane) : lx_var(s->b->a, s->best_var);
}

static LoopExpr *at_now(FoldState *s, LoopExpr *lane) {
    return s->lanes ? lane_load(s->b->a, s->at, lane) : lx_var(s->b->a, s->at_var);
}

static void set_best(FoldState *s, LoopExpr *lane, LoopExpr *value) {
    if (s->lanes)
        lane_store(s, s->best, lane, value);
    else
        ls_set(s->b->a, builder_block(s->b), s->best_var, value);
}

static void set_at(FoldState *s, LoopExpr *lane, LoopExpr *value) {
    if (s->lanes)
        lane_store(s, s->at, lane, value);
    else
        ls_set(s->b->a, builder_block(s->b), s->at_var, value);
}

/* Position in the fold, row-major. */
static LoopExpr *position(FoldState *s) {
    Builder *b = s->b;
    LoopExpr *at = lx_int(b->a, LT_INDEX, 0);
    for (int i = 0; i < s->node->nfold; i++) {
        LoopExpr *extent = builder_extent(b, s->node->fold_dim[i]);
        at = lx_add(b->a, lx_times(b->a, at, extent), b->var[s->node->rank + i]);
    }
    return lx_cast(b->a, LT_I32, at);
}

/* The first term, then one that is beyond the best so far; NaN comes and stays. */
static LoopExpr *is_better(FoldState *s, LoopExpr *term, LoopExpr *best, LoopExpr *at) {
    Arena *a = s->b->a;
    Op beyond = is_largest(s->node) ? OP_gt : OP_lt;
    LoopExpr *none = lx_op(a, OP_lt, LT_BOOL, (LoopExpr *[]){at, lx_int(a, LT_I32, 0)});
    LoopExpr *more = lx_op(a, beyond, LT_BOOL, (LoopExpr *[]){term, best});
    if (s->type == LT_F32) {
        LoopExpr *nan = lx_op(a, OP_ne, LT_BOOL, (LoopExpr *[]){term, term});
        LoopExpr *number = lx_op(a, OP_eq, LT_BOOL, (LoopExpr *[]){best, best});
        more = lx_op(a, OP_and, LT_BOOL,
                (LoopExpr *[]){number, lx_op(a, OP_or, LT_BOOL, (LoopExpr *[]){more, nan})});
    }
    return lx_op(a, OP_or, LT_BOOL, (LoopExpr *[]){none, more});
}

static void add_term(FoldState *s, LoopExpr *lane) {
    Builder *b = s->b;
    int depth = b->depth, barrier = b->barrier;
    builder_open_if(b, build_condition(b, s->guard));
    LoopExpr *term = build_value(b, s->view->body);
    if (!is_arg(s->node)) {
        set_best(s, lane, combine(s, best_now(s, lane), term));
    } else {
        LoopVar *name = loop_var(b->a, s->type, NULL), *best = loop_var(b->a, s->type, "best");
        LoopVar *at = loop_var(b->a, LT_I32, "at"), *better = loop_var(b->a, LT_BOOL, "better");
        term = ls_let(b->a, builder_block(b), name, term);
        LoopExpr *now = ls_let(b->a, builder_block(b), best, best_now(s, lane));
        LoopExpr *where = ls_let(b->a, builder_block(b), at, at_now(s, lane));
        LoopExpr *is = ls_let(b->a, builder_block(b), better, is_better(s, term, now, where));
        set_best(s, lane, lx_select(b->a, is, term, now));
        set_at(s, lane, lx_select(b->a, is, position(s), where));
    }
    builder_close_to(b, depth);
    b->barrier = barrier;
}

/* A position is one of the fold's; 0 where everything was left out. */
static LoopExpr *result(FoldState *s, LoopExpr *lane) {
    if (!is_arg(s->node)) return best_now(s, lane);
    Arena *a = s->b->a;
    LoopExpr *at = at_now(s, lane);
    if (s->guard) at = lx_op(a, OP_max, LT_I32, (LoopExpr *[]){at, lx_int(a, LT_I32, 0)});
    LoopVar *position = loop_var(a, LT_I32, "position");
    node_range(s->node, &position->lo, &position->hi);
    return ls_let(a, builder_block(s->b), position, at);
}

static void epilogue(FoldState *s, LoopExpr *lane) {
    s->b->assumed.n = 0;
    builder_add_member(s->b, s->node, result(s, lane));
    build_epilogue(s->b);
}

/* ---- loops --------------------------------------------------------------------------- */

static void open_folds(FoldState *s, int from, int to) {
    for (int i = from; i < to; i++) {
        FoldLoop loop = fold_bounds(s->b, s->node, i, &s->conditions);
        fold_enter(s->b, s->node, i, loop.lo, &loop);
    }
}

static void open_outputs(FoldState *s, int count) {
    bool parallel = false;
    for (int i = 0; i < count; i++) {
        LoopStmt *loop = builder_open_axis(s->b, s->node, i);
        if (!loop || parallel) continue;
        builder_parallel(s->b, loop, points_of(s->b->k, s->node));
        parallel = true;
    }
}

/* A loop over lanes at the innermost level; its variable stands for base + lane. */
static LoopExpr *open_lanes(FoldState *s, int var, LoopExpr *base, LoopExpr *lanes) {
    Builder *b = s->b;
    LoopVar *v = loop_var(b->a, LT_INDEX, "lane");
    builder_open(b, v, lx_int(b->a, LT_INDEX, 0), lanes, 1, var < 0 ? 0 : 1u << var);
    if (var >= 0) b->var[var] = lx_add(b->a, base, lx_var(b->a, v));
    return lx_var(b->a, v);
}

static void fill(FoldState *s, LoopArray *array, LoopExpr *value) {
    LoopExpr *count = lx_int(s->b->a, LT_INDEX, array->elements);
    LoopExpr *lane = open_lanes(s, -1, NULL, count);
    lane_store(s, array, lane, value);
    builder_close(s->b);
}

static bool is_zero(const LoopExpr *x) {
    return x->kind == X_REAL ? x->real == 0 : x->integer == 0;
}

static void make_lanes(FoldState *s, int64_t lanes) {
    Builder *b = s->b;
    PlaceType type = s->type == LT_F32 ? PT_F32 : PT_I32;
    s->lanes = true;
    s->best = loop_array(b->a, type, lanes, is_arg(s->node) ? "bests" : "lanes");
    ls_array(b->a, builder_block(b), s->best);
    if (!is_zero(first_value(s))) fill(s, s->best, first_value(s));
    if (!is_arg(s->node)) return;
    s->at = loop_array(b->a, PT_I32, lanes, "positions");
    ls_array(b->a, builder_block(b), s->at);
    fill(s, s->at, lx_int(b->a, LT_I32, -1));
}

static void add_lanes(FoldState *s, LoopArray *total, LoopExpr *lane) {
    Arena *a = s->b->a;
    lane_store(s, total, lane, combine(s, lane_load(a, total, lane), lane_load(a, s->best, lane)));
}

/* ---- lanes of the output ------------------------------------------------------------- */

/* How many elements side by side: all, or a divisor that is a multiple of the vector, or a
 * number that leaves a shorter last block. */
static int64_t block_of(int64_t extent) {
    if (extent <= MOST_LANES && extent > 0) return extent;
    for (int64_t lanes = MOST_LANES; lanes >= LANES; lanes -= LANES)
        if (extent > 0 && extent % lanes == 0) return lanes;
    return 2 * LANES;
}

static void lanes_of_output(FoldState *s) {
    Builder *b = s->b;
    int last = s->node->rank - 1;
    int64_t extent = s->node->dim[last], lanes = block_of(extent);
    open_outputs(s, last);
    LoopExpr *base = lx_int(b->a, LT_INDEX, 0), *count = lx_int(b->a, LT_INDEX, lanes);
    if (extent != lanes) {
        LoopVar *v = loop_var(b->a, LT_INDEX, "block");
        LoopStmt *loop = builder_open(b, v, base, builder_extent(b, extent), lanes, 0);
        if (last == 0) builder_parallel(b, loop, points_of(b->k, s->node));
        base = lx_var(b->a, v);
        if (extent < 0 || extent % lanes)
            count = lx_min(b->a, count, lx_sub(b->a, builder_extent(b, extent), base));
    }
    make_lanes(s, lanes);
    int depth = b->depth;
    open_folds(s, 0, s->outer);
    int inner = b->depth;
    LoopArray *total = s->best;
    if (s->outer) make_lanes(s, lanes);
    open_folds(s, s->outer, s->node->nfold);
    add_term(s, open_lanes(s, last, base, count));
    builder_close_to(b, inner);
    if (s->outer) add_lanes(s, total, open_lanes(s, -1, NULL, count));
    builder_close_to(b, depth);
    s->best = total;
    epilogue(s, open_lanes(s, last, base, count));
}

/* ---- lanes of the fold --------------------------------------------------------------- */

static void join_lanes(FoldState *s) {
    Builder *b = s->b;
    for (int64_t half = LANES / 2; half > 0; half /= 2) {
        LoopExpr *lane = open_lanes(s, -1, NULL, lx_int(b->a, LT_INDEX, half));
        LoopExpr *other = lx_add(b->a, lane, lx_int(b->a, LT_INDEX, half));
        lane_store(s, s->best, lane,
                combine(s, lane_load(b->a, s->best, lane), lane_load(b->a, s->best, other)));
        builder_close(b);
    }
}

/* The terms up to `end`, a block of lanes at a time; the last block may be shorter unless
 * all are known to be full. */
static void add_blocks(FoldState *s, FoldLoop loop, LoopExpr *end, bool full) {
    Builder *b = s->b;
    LoopVar *v = loop_var(b->a, LT_INDEX, "block");
    builder_open(b, v, loop.lo, end, LANES, 0);
    if (loop.narrowed) b->barrier = b->depth;
    LoopExpr *base = lx_var(b->a, v), *lanes = lx_int(b->a, LT_INDEX, LANES);
    LoopExpr *count = full ? lanes : lx_min(b->a, lanes, lx_sub(b->a, loop.hi, base));
    add_term(s, open_lanes(s, s->node->rank + s->node->nfold - 1, base, count));
    builder_close(b);
    builder_close(b);
}

static void lanes_of_fold(FoldState *s) {
    Builder *b = s->b;
    int last = s->node->nfold - 1, var = s->node->rank + last;
    open_outputs(s, s->node->rank);
    make_lanes(s, LANES);
    int depth = b->depth;
    open_folds(s, 0, last);
    FoldLoop loop = fold_bounds(b, s->node, last, &s->conditions);
    LoopExpr *size = lx_sub(b->a, loop.hi, loop.lo);
    bool constant = size->kind == X_INT;
    LoopExpr *tail = constant ? lx_int(b->a, LT_INDEX, size->integer % LANES) : NULL;
    LoopExpr *whole = constant ? lx_sub(b->a, loop.hi, tail) : loop.hi;
    if (!constant || size->integer >= LANES) add_blocks(s, loop, whole, constant);
    if (constant && tail->integer > 0) {
        if (loop.narrowed) b->barrier = b->depth;
        add_term(s, open_lanes(s, var, whole, tail));
    }
    builder_close_to(b, depth);
    b->barrier = 0;
    join_lanes(s);
    epilogue(s, lx_int(b->a, LT_INDEX, 0));
}

/* ---- a chain ------------------------------------------------------------------------- */

static void start_chain(FoldState *s) {
    Builder *b = s->b;
    s->best_var = loop_var(b->a, s->type, is_arg(s->node) ? "best" : "acc");
    ls_var(b->a, builder_block(b), s->best_var, first_value(s));
    if (!is_arg(s->node)) return;
    s->at_var = loop_var(b->a, LT_I32, "at");
    ls_var(b->a, builder_block(b), s->at_var, lx_int(b->a, LT_I32, -1));
}

static void chain(FoldState *s) {
    Builder *b = s->b;
    open_outputs(s, s->node->rank);
    int depth = b->depth;
    start_chain(s);
    open_folds(s, 0, s->outer);
    int inner = b->depth;
    LoopVar *total = s->best_var;
    if (s->outer) start_chain(s);
    open_folds(s, s->outer, s->node->nfold);
    add_term(s, NULL);
    builder_close_to(b, inner);
    LoopExpr *part = lx_var(b->a, s->best_var);
    if (s->outer) ls_set(b->a, builder_block(b), total, combine(s, lx_var(b->a, total), part));
    builder_close_to(b, depth);
    s->best_var = total;
    epilogue(s, NULL);
}

/* ---- choosing ------------------------------------------------------------------------ */

static bool takes_steps(FoldState *s) {
    ExprList taken = {0};
    uint32_t all = ~0u;
    for (int i = 0; i < s->node->nfold; i++)
        if (guard_range(s->b->g, s->node->rank + i, all, &s->conditions, &taken).step != 1)
            return true;
    return false;
}

/* Long sums are sums of partial sums: the first folds are outside of these. */
static int outer_folds(FoldState *s) {
    const Node *n = s->node;
    double inner = 1;
    int outer = 0;
    if (n->fold != F_SUM || s->type != LT_F32) return 0;
    for (int i = 0; i < n->nfold; i++) inner *= (double)extent_of(s->b->k, n->fold_dim[i]);
    while (outer + 1 < n->nfold && inner > LONG_CHAIN) {
        inner /= (double)extent_of(s->b->k, n->fold_dim[outer]);
        outer++;
    }
    return outer;
}

void schedule_fold(Builder *b) {
    View *v = view_of(b->k, b->unit->member.at[0]);
    Node *n = v->node;
    FoldState s = {
            .b = b, .node = n, .view = v, .guard = v->guard, .type = loop_type(v->body->dtype)};
    if (s.type == LT_BOOL) s.type = LT_I32;
    guard_conditions(b->a, v->guard, &s.conditions);
    if (n->fold == F_SUM) guard_of_term(b->a, v->body, &s.conditions);
    s.outer = outer_folds(&s);
    int last = n->rank - 1;
    Strides out = {0}, in = strides_of(b, v, n->rank + n->nfold - 1);
    if (last >= 0) out = strides_of(b, v, last);
    bool wide = last >= 0 && (n->dim[last] < 0 || n->dim[last] >= FEWEST_LANES);
    int64_t inner = n->fold_dim[n->nfold - 1];
    if (wide && out.runs && !out.jumps)
        lanes_of_output(&s);
    else if (!is_arg(n) && in.runs && !in.jumps && (inner < 0 || inner >= LANES) &&
             !takes_steps(&s))
        lanes_of_fold(&s);
    else
        chain(&s);
    builder_close_to(b, 0);
}
