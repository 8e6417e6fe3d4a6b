/* schedule_fold.c - folds that are no contraction: sums of a bias gradient, means, maxima
 * of windows, row maxima, argmax.
 *
 * Folds that are alike (folds_alike) are computed in one nest, an accumulator for each: the
 * largest value of a window and its position, say. One of three forms, chosen by how the
 * body's loads run:
 *   - lanes of the output: the last output axis is contiguous in the loads. A block of
 *     elements is folded side by side, each a chain in order of the fold.
 *   - lanes of the fold: the last fold axis is contiguous, or there are few elements. Term i
 *     goes to lane i mod 16, and the lanes are joined by a fixed tree of halves.
 *   - a scalar chain.
 * Long sums in the first and third form are sums of partial sums. The form depends on
 * shapes alone, and so do the bits. */
#include "contract.h"
#include "graph_tables.h"
#include "schedule.h"

#include <math.h>

enum { FEWEST_LANES = 4, MOST_LANES = 64, LONG_CHAIN = 512 };

/* What one fold of the unit has come to so far. */
typedef struct Accumulator {
    Node *node;
    View *view;
    LoopType type;
    LoopArray *best, *at;       /* by lane */
    LoopVar *best_var, *at_var; /* or scalars */
    struct Accumulator *beside; /* of an argmax: that of the same terms' max, or NULL */
} Accumulator;

typedef struct FoldState {
    Builder *b;
    Node *node;          /* the first: all have its extents, folds and guard */
    ExprList conditions; /* of the guard, and of terms that are zero */
    Expr *guard;
    bool lanes;
    Accumulator *acc;    /* an argmax before its max, which it compares with */
    int n;
    int outer;           /* folds outside of partial sums */
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
    int end = e->narg;
    while (end > 1 && e->node->dim[end - 1] == 1) end--; /* no steps along these */
    for (int i = 0; i + 1 < end; i++) last &= !(e->arg[i]->vars >> s->var & 1);
    bool one = false;
    Expr *index = end ? e->arg[end - 1] : NULL;
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

static Strides strides_of(Kernels *k, const View *v, int var) {
    Strides s = {.var = var};
    view_visit(k, v, look_at_load, &s);
    return s;
}

/* ---- accumulators -------------------------------------------------------------------- */

static bool is_arg(const Node *n) {
    return n->fold == F_ARGMAX || n->fold == F_ARGMIN;
}

static bool is_largest(const Node *n) {
    return n->fold == F_MAX || n->fold == F_ARGMAX;
}

static LoopExpr *first_value(const FoldState *s, const Accumulator *acc) {
    Arena *a = s->b->a;
    bool real = acc->type == LT_F32;
    switch (acc->node->fold) {
    case F_PROD:
        return real ? lx_real(a, 1) : lx_int(a, acc->type, 1);
    case F_MAX:
    case F_ARGMAX:
        return real ? lx_real(a, -(double)INFINITY) : lx_int(a, acc->type, INT32_MIN);
    case F_MIN:
    case F_ARGMIN:
        return real ? lx_real(a, (double)INFINITY) : lx_int(a, acc->type, INT32_MAX);
    default:
        return real ? lx_real(a, 0) : lx_int(a, acc->type, 0);
    }
}

/* Before the first term: none, or what it is when all terms are -infinity. */
static LoopExpr *first_position(const FoldState *s) {
    return lx_int(s->b->a, LT_I32, s->guard ? -1 : 0);
}

static LoopExpr *lane_load(Arena *a, LoopArray *array, LoopExpr *lane) {
    LoopExpr *x = lx_load(a, array, 1, &array->elements, &lane);
    return x;
}

static void lane_store(FoldState *s, LoopArray *array, LoopExpr *lane, LoopExpr *value) {
    ls_store(s->b->a, builder_block(s->b), array, 1, &array->elements, &lane, value, false);
}

static const Op fold_op[] = {
        [F_SUM] = OP_add, [F_PROD] = OP_mul, [F_MAX] = OP_max, [F_MIN] = OP_min};

static LoopExpr *combine(FoldState *s, const Accumulator *acc, LoopExpr *x, LoopExpr *y) {
    return lx_op(s->b->a, fold_op[acc->node->fold], acc->type, (LoopExpr *[]){x, y});
}

static LoopExpr *best_now(FoldState *s, const Accumulator *acc, LoopExpr *lane) {
    return s->lanes ? lane_load(s->b->a, acc->best, lane) : lx_var(s->b->a, acc->best_var);
}

static LoopExpr *at_now(FoldState *s, const Accumulator *acc, LoopExpr *lane) {
    return s->lanes ? lane_load(s->b->a, acc->at, lane) : lx_var(s->b->a, acc->at_var);
}

static void set_best(FoldState *s, const Accumulator *acc, LoopExpr *lane, LoopExpr *value) {
    if (s->lanes)
        lane_store(s, acc->best, lane, value);
    else
        ls_set(s->b->a, builder_block(s->b), acc->best_var, value);
}

static void set_at(FoldState *s, const Accumulator *acc, LoopExpr *lane, LoopExpr *value) {
    if (s->lanes)
        lane_store(s, acc->at, lane, value);
    else
        ls_set(s->b->a, builder_block(s->b), acc->at_var, value);
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

/* Beyond the best so far: not within it, so that NaN comes, and stays. Where terms may be left
 * out, the first one that is not is better than none, also when it is -infinity. */
static LoopExpr *is_better(
        FoldState *s, const Accumulator *acc, LoopExpr *term, LoopExpr *best, LoopExpr *at) {
    Arena *a = s->b->a;
    Op within = is_largest(acc->node) ? OP_le : OP_ge;
    LoopExpr *is = lx_op(a, within, LT_BOOL, (LoopExpr *[]){term, best});
    is = lx_op(a, OP_not, LT_BOOL, (LoopExpr *[]){is});
    if (acc->type == LT_F32) {
        LoopExpr *number = lx_op(a, OP_eq, LT_BOOL, (LoopExpr *[]){best, best});
        is = lx_op(a, OP_and, LT_BOOL, (LoopExpr *[]){number, is});
    }
    if (!s->guard) return is;
    LoopExpr *none = lx_op(a, OP_lt, LT_BOOL, (LoopExpr *[]){at, lx_int(a, LT_I32, 0)});
    return lx_op(a, OP_or, LT_BOOL, (LoopExpr *[]){none, is});
}

static LoopExpr *named(FoldState *s, LoopType type, const char *name, LoopExpr *value) {
    return ls_let(s->b->a, builder_block(s->b), loop_var(s->b->a, type, name), value);
}

static void add_position(FoldState *s, const Accumulator *acc, LoopExpr *lane, LoopExpr *term) {
    const Accumulator *value = acc->beside ? acc->beside : acc;
    if (term->kind != X_VAR) term = named(s, acc->type, NULL, term);
    LoopExpr *now = named(s, acc->type, "best", best_now(s, value, lane));
    LoopExpr *where = named(s, LT_I32, "at", at_now(s, acc, lane));
    LoopExpr *is = named(s, LT_BOOL, "better", is_better(s, acc, term, now, where));
    if (!acc->beside) set_best(s, acc, lane, lx_select(s->b->a, is, term, now));
    set_at(s, acc, lane, lx_select(s->b->a, is, position(s), where));
}

static void add_terms(FoldState *s, LoopExpr *lane) {
    Builder *b = s->b;
    int depth = b->depth, barrier = b->barrier;
    builder_open_if(b, build_condition(b, s->guard));
    for (int i = 0; i < s->n; i++) {
        const Accumulator *acc = &s->acc[i];
        LoopExpr *term = build_value(b, acc->view->body);
        if (is_arg(acc->node))
            add_position(s, acc, lane, term);
        else
            set_best(s, acc, lane, combine(s, acc, best_now(s, acc, lane), term));
    }
    builder_close_to(b, depth);
    b->barrier = barrier;
}

/* A position is one of the fold's; 0 where everything was left out. */
static LoopExpr *result(FoldState *s, const Accumulator *acc, LoopExpr *lane) {
    if (!is_arg(acc->node)) return best_now(s, acc, lane);
    Arena *a = s->b->a;
    LoopExpr *at = at_now(s, acc, lane);
    if (s->guard) at = lx_op(a, OP_max, LT_I32, (LoopExpr *[]){at, lx_int(a, LT_I32, 0)});
    LoopVar *position = loop_var(a, LT_I32, "position");
    node_range(acc->node, &position->lo, &position->hi);
    return ls_let(a, builder_block(s->b), position, at);
}

static void epilogue(FoldState *s, LoopExpr *lane) {
    s->b->assumed.n = 0;
    for (int i = 0; i < s->n; i++)
        builder_add_member(s->b, s->acc[i].node, result(s, &s->acc[i], lane));
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

static LoopArray *new_lanes(FoldState *s, PlaceType type, const char *name, int64_t lanes) {
    LoopArray *array = loop_array(s->b->a, type, lanes, name);
    ls_array(s->b->a, builder_block(s->b), array);
    return array;
}

static void start_lanes(FoldState *s, Accumulator *acc, int64_t lanes) {
    bool arg = is_arg(acc->node);
    LoopExpr *first = first_value(s, acc);
    if (!acc->beside) {
        PlaceType type = acc->type == LT_F32 ? PT_F32 : PT_I32;
        acc->best = new_lanes(s, type, arg ? "bests" : "lanes", lanes);
        if (!is_zero(first)) fill(s, acc->best, first);
    }
    if (!arg) return;
    acc->at = new_lanes(s, PT_I32, "positions", lanes);
    if (s->guard) fill(s, acc->at, first_position(s));
}

static void make_lanes(FoldState *s, int64_t lanes) {
    s->lanes = true;
    for (int i = 0; i < s->n; i++) start_lanes(s, &s->acc[i], lanes);
}

/* The accumulators as they are now: of the totals, while others take partial sums. */
static Accumulator *totals_of(const FoldState *s) {
    return arena_copy(s->b->a, s->acc, (size_t)s->n * sizeof *s->acc);
}

static void add_lanes(FoldState *s, const Accumulator *total, LoopExpr *lane) {
    Arena *a = s->b->a;
    for (int i = 0; i < s->n; i++) {
        LoopArray *to = total[i].best;
        LoopExpr *part = lane_load(a, s->acc[i].best, lane);
        lane_store(s, to, lane, combine(s, &total[i], lane_load(a, to, lane), part));
    }
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
    Accumulator *total = totals_of(s);
    if (s->outer) make_lanes(s, lanes);
    open_folds(s, s->outer, s->node->nfold);
    add_terms(s, open_lanes(s, last, base, count));
    builder_close_to(b, inner);
    if (s->outer) add_lanes(s, total, open_lanes(s, -1, NULL, count));
    builder_close_to(b, depth);
    s->acc = total;
    epilogue(s, open_lanes(s, last, base, count));
}

/* ---- lanes of the fold --------------------------------------------------------------- */

/* From here on the accumulators are scalars: their lanes joined. */
static void join_lanes(FoldState *s) {
    Arena *a = s->b->a;
    int64_t lanes = LANES;
    VectorPart all = {.step = arena_copy(a, &(int64_t){1}, sizeof(int64_t)), .lanes = LANES};
    LoopExpr *zero = lx_int(a, LT_INDEX, 0);
    for (int i = 0; i < s->n; i++) {
        Accumulator *acc = &s->acc[i];
        LoopType type = vector_type(acc->type);
        LoopExpr *x = lx_vload_part(a, type, acc->best, 1, &lanes, &zero, all);
        acc->best_var = loop_var(a, acc->type, "total");
        x = lx_vfold(a, fold_op[acc->node->fold], x);
        ls_let(a, builder_block(s->b), acc->best_var, x);
    }
    s->lanes = false;
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
    add_terms(s, open_lanes(s, s->node->rank + s->node->nfold - 1, base, count));
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
        add_terms(s, open_lanes(s, var, whole, tail));
    }
    builder_close_to(b, depth);
    b->barrier = 0;
    join_lanes(s);
    epilogue(s, NULL);
}

/* ---- a chain ------------------------------------------------------------------------- */

static void start_chain(FoldState *s, Accumulator *acc) {
    Builder *b = s->b;
    bool arg = is_arg(acc->node);
    if (!acc->beside) {
        acc->best_var = loop_var(b->a, acc->type, arg ? "best" : "acc");
        ls_var(b->a, builder_block(b), acc->best_var, first_value(s, acc));
    }
    if (!arg) return;
    acc->at_var = loop_var(b->a, LT_I32, "at");
    ls_var(b->a, builder_block(b), acc->at_var, first_position(s));
}

static void start_chains(FoldState *s) {
    for (int i = 0; i < s->n; i++) start_chain(s, &s->acc[i]);
}

static void add_parts(FoldState *s, const Accumulator *total) {
    Arena *a = s->b->a;
    for (int i = 0; i < s->n; i++) {
        LoopExpr *before = lx_var(a, total[i].best_var), *part = lx_var(a, s->acc[i].best_var);
        ls_set(a, builder_block(s->b), total[i].best_var, combine(s, &total[i], before, part));
    }
}

static void chain(FoldState *s) {
    Builder *b = s->b;
    open_outputs(s, s->node->rank);
    int depth = b->depth;
    start_chains(s);
    open_folds(s, 0, s->outer);
    int inner = b->depth;
    Accumulator *total = totals_of(s);
    if (s->outer) start_chains(s);
    open_folds(s, s->outer, s->node->nfold);
    add_terms(s, NULL);
    builder_close_to(b, inner);
    if (s->outer) add_parts(s, total);
    builder_close_to(b, depth);
    s->acc = total;
    epilogue(s, NULL);
}

/* ---- choosing ------------------------------------------------------------------------ */

typedef enum { LANES_OF_OUTPUT, LANES_OF_FOLD, CHAIN } Form;

static bool takes_steps(Kernels *k, const Node *n, const ExprList *conditions) {
    ExprList taken = {0};
    uint32_t all = ~0u;
    for (int i = 0; i < n->nfold; i++)
        if (guard_range(k->graph, n->rank + i, all, conditions, &taken).step != 1) return true;
    return false;
}

/* Long sums are sums of partial sums: the first folds are outside of these. */
static int outer_folds(const Kernels *k, const Node *n) {
    double inner = 1;
    int outer = 0;
    if (n->fold != F_SUM || n->dtype != T_F32) return 0;
    for (int i = 0; i < n->nfold; i++) inner *= (double)extent_of(k, n->fold_dim[i]);
    while (outer + 1 < n->nfold && inner > LONG_CHAIN) {
        inner /= (double)extent_of(k, n->fold_dim[outer]);
        outer++;
    }
    return outer;
}

static ExprList conditions_of(Kernels *k, const View *v) {
    ExprList conditions = {0};
    guard_conditions(k->arena, v->guard, &conditions);
    if (v->node->fold == F_SUM) guard_of_term(k->arena, v->body, &conditions);
    return conditions;
}

static Form form_of(Kernels *k, const View *v, const ExprList *conditions) {
    const Node *n = v->node;
    int last = n->rank - 1;
    Strides out = {0}, in = strides_of(k, v, n->rank + n->nfold - 1);
    if (last >= 0) out = strides_of(k, v, last);
    bool wide = last >= 0 && (n->dim[last] < 0 || n->dim[last] >= FEWEST_LANES);
    int64_t inner = n->fold_dim[n->nfold - 1];
    if (wide && out.runs && !out.jumps) return LANES_OF_OUTPUT;
    bool lanes = (in.runs && !in.jumps) || node_elements(n, LANES) < LANES;
    bool fits = !is_arg(n) && (inner < 0 || inner >= LANES) && !takes_steps(k, n, conditions);
    return lanes && fits ? LANES_OF_FOLD : CHAIN;
}

static bool same_conditions(const ExprList *a, const ExprList *b) {
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) same = a->at[i] == b->at[i];
    return same;
}

/* Is it left to this file? */
static bool is_plain(Kernels *k, const View *v) {
    Contraction contraction;
    Scatter scatter;
    return !scatter_of(k, v, &scatter) && !contraction_of(k, v, TILES_LARGE, &contraction);
}

int fold_free_axes(Kernels *k, const View *v) {
    if (!is_plain(k, v)) return 0;
    ExprList conditions = conditions_of(k, v);
    return v->node->rank - (form_of(k, v, &conditions) == LANES_OF_OUTPUT);
}

bool folds_alike(Kernels *k, const View *a, const View *b) {
    const Node *x = a->node, *y = b->node;
    if (!same_extents(x, y) || x->nfold != y->nfold || a->guard != b->guard) return false;
    for (int i = 0; i < x->nfold; i++)
        if (x->fold_dim[i] != y->fold_dim[i]) return false;
    if (!is_plain(k, a) || !is_plain(k, b)) return false;
    ExprList given = conditions_of(k, a), others = conditions_of(k, b);
    return outer_folds(k, x) == outer_folds(k, y) && same_conditions(&given, &others) &&
           form_of(k, a, &given) == form_of(k, b, &others);
}

/* The fold whose best value is what this one's position is of. */
static Accumulator *value_of(FoldState *s, const Accumulator *arg) {
    Fold wanted = arg->node->fold == F_ARGMAX ? F_MAX : F_MIN;
    for (int i = 0; is_arg(arg->node) && i < s->n; i++)
        if (s->acc[i].node->fold == wanted && s->acc[i].view->body == arg->view->body)
            return &s->acc[i];
    return NULL;
}

static void collect_folds(FoldState *s, bool arg) {
    const Unit *u = s->b->part;
    for (int i = 0; i < u->member.n; i++) {
        View *v = view_of(s->b->k, u->member.at[i]);
        if (is_map(v->node) || is_arg(v->node) != arg) continue;
        LoopType type = loop_type(v->body->dtype);
        if (type == LT_BOOL) type = LT_I32;
        s->acc[s->n++] = (Accumulator){.node = v->node, .view = v, .type = type};
    }
}

void schedule_fold(Builder *b) {
    View *v = view_of(b->k, b->part->member.at[0]);
    FoldState s = {.b = b, .node = v->node, .guard = v->guard};
    s.conditions = conditions_of(b->k, v);
    s.outer = outer_folds(b->k, v->node);
    s.acc = NEW_ARRAY(b->a, Accumulator, b->part->member.n);
    collect_folds(&s, true);
    collect_folds(&s, false);
    for (int i = 0; i < s.n; i++) s.acc[i].beside = value_of(&s, &s.acc[i]);
    switch (form_of(b->k, v, &s.conditions)) {
    case LANES_OF_OUTPUT:
        lanes_of_output(&s);
        break;
    case LANES_OF_FOLD:
        lanes_of_fold(&s);
        break;
    case CHAIN:
        chain(&s);
        break;
    }
    builder_close_to(b, b->base);
}
