/* schedule_scatter.c - sums that add at a row found in the fold: gradients of embeddings,
 * histograms, confusion matrices.
 *
 * By definition every element tests every term of the fold. Here each term looks up its row,
 * once. In either of two forms an element is the same chain in order of the fold:
 *   - added: the output is zeroed, then the fold runs once and each term adds at its row, when
 *     it is one. Output variables that are neither rows nor needed to find them are innermost.
 *   - sorted, where there are many rows: the positions of the fold are sorted by row, stably
 *     and in linear time (start[r] .. start[r + 1] are those of row r). Then each row is added
 *     up by itself, in a local array, and what becomes of it (an optimiser's update) follows at
 *     once: rows are independent and no table of gradients is made. Rows without a term that
 *     stand still (still.c) are passed over. */
#include "mechanism.h"
#include "schedule.h"
#include "still.h"

enum { FEWEST_ROWS = 16, MOST_INNER = 4096 };

typedef struct ScatterState {
    Builder *b;
    Node *node;
    View *view;
    const Scatter *scatter;
    int64_t rows, terms, inner;  /* sorted: rows of the output, positions, elements of a row */
    LoopArray *start, *order;
    LoopExpr *row;               /* flat number of the row at hand */
} ScatterState;

static LoopExpr *number(const ScatterState *s, int64_t v) {
    return lx_int(s->b->a, LT_INDEX, v);
}

/* Looks the row of an axis up; what follows is inside the test that it is one. */
static void find_row(ScatterState *s, int axis) {
    Builder *b = s->b;
    LoopExpr *row = build_index(b, s->scatter->row[axis]);
    row = ls_let(b->a, builder_block(b), loop_var(b->a, LT_INDEX, "at"), row);
    LoopExpr *least = lx_test(b->a, X_LE, number(s, 0), row);
    LoopExpr *most = lx_test(b->a, X_LT, row, builder_extent(b, s->node->dim[axis]));
    builder_open_if(b, lx_and(b->a, least, most));
    b->level[b->depth].vars |= 1u << axis;
    b->var[axis] = row;
}

static void find_rows(ScatterState *s) {
    for (int i = 0; i < s->node->rank; i++)
        if (s->scatter->row[i]) find_row(s, i);
}

static void open_folds(ScatterState *s) {
    Builder *b = s->b;
    for (int i = 0; i < s->node->nfold; i++) {
        int var = s->node->rank + i;
        LoopVar *v = fold_var(b, s->node, i);
        builder_open(b, v, number(s, 0), builder_extent(b, s->node->fold_dim[i]), 1, 1u << var);
        b->var[var] = lx_var(b->a, v);
    }
}

static LoopExpr *zero_of(const ScatterState *s) {
    return s->node->dtype == T_F32 ? lx_real(s->b->a, 0) : lx_int(s->b->a, LT_I32, 0);
}

/* ---- added --------------------------------------------------------------------------- */

static void zero_output(ScatterState *s) {
    Builder *b = s->b;
    for (int i = 0; i < s->node->rank; i++) builder_open_axis(b, s->node, i);
    build_store(b, s->node, s->view->storage, zero_of(s), false);
    builder_close_to(b, 0);
}

static void add_terms(ScatterState *s) {
    Builder *b = s->b;
    const Scatter *scatter = s->scatter;
    for (int i = 0; i < s->node->rank; i++)
        if (scatter->outer >> i & 1) builder_open_axis(b, s->node, i);
    open_folds(s);
    find_rows(s);
    for (int i = 0; i < s->node->rank; i++)
        if (!scatter->row[i] && !(scatter->outer >> i & 1)) builder_open_axis(b, s->node, i);
    builder_open_if(b, build_condition(b, scatter->rest));
    build_store(b, s->node, s->view->storage, build_value(b, s->view->body), true);
    builder_close_to(b, 0);
}

/* The sums are whole only now: they go where the unit also writes them, or adds them. */
static void write_output(ScatterState *s) {
    Builder *b = s->b;
    bool elsewhere = false;
    for (int i = 0; i < b->unit->write.n; i++) {
        const Write *w = &b->unit->write.at[i];
        elsewhere = elsewhere || w->add || w->to != s->view->storage;
    }
    if (!elsewhere) return;
    b->in_memory = s->node;
    for (int i = 0; i < s->node->rank; i++) builder_open_axis(b, s->node, i);
    build_epilogue(b);
    builder_close_to(b, 0);
    b->in_memory = NULL;
}

/* ---- sorting ------------------------------------------------------------------------- */

static LoopExpr *entry(const ScatterState *s, LoopArray *array, LoopExpr *at) {
    return lx_load(s->b->a, array, 1, &array->elements, &at);
}

static void set_entry(ScatterState *s, LoopArray *array, LoopExpr *at, LoopExpr *value, bool add) {
    ls_store(s->b->a, builder_block(s->b), array, 1, &array->elements, &at, value, add);
}

static LoopExpr *row_after(const ScatterState *s, int64_t distance) {
    return lx_add(s->b->a, s->row, number(s, distance));
}

/* The rows' number, row-major over the axes that are rows. */
static LoopExpr *flat_row(const ScatterState *s) {
    Builder *b = s->b;
    LoopExpr *row = number(s, 0);
    for (int i = 0; i < s->node->rank; i++)
        if (s->scatter->row[i])
            row = lx_add(b->a, lx_mul(b->a, row, extent_of(b->k, s->node->dim[i])), b->var[i]);
    return row;
}

static LoopExpr *open_entries(ScatterState *s, int64_t count) {
    LoopVar *v = loop_var(s->b->a, LT_INDEX, "i");
    builder_open(s->b, v, number(s, 0), number(s, count), 1, 0);
    return lx_var(s->b->a, v);
}

/* start[r + 2] becomes the number of row r's terms. */
static void count_terms(ScatterState *s) {
    Builder *b = s->b;
    set_entry(s, s->start, open_entries(s, s->rows + 2), lx_int(b->a, LT_I32, 0), false);
    builder_close_to(b, 0);
    open_folds(s);
    find_rows(s);
    s->row = flat_row(s);
    set_entry(s, s->start, row_after(s, 2), lx_int(b->a, LT_I32, 1), true);
    builder_close_to(b, 0);
}

/* start[r + 1] becomes the place of row r's first term. */
static void add_counts(ScatterState *s) {
    Builder *b = s->b;
    LoopVar *sum = loop_var(b->a, LT_I32, "sum");
    ls_var(b->a, builder_block(b), sum, lx_int(b->a, LT_I32, 0));
    s->row = open_entries(s, s->rows);
    LoopExpr *both[] = {lx_var(b->a, sum), entry(s, s->start, row_after(s, 2))};
    ls_set(b->a, builder_block(b), sum, lx_op(b->a, OP_add, LT_I32, both));
    set_entry(s, s->start, row_after(s, 2), lx_var(b->a, sum), false);
    builder_close_to(b, 0);
}

/* Position in the fold, row-major, the batch with all its rows. */
static LoopExpr *position(const ScatterState *s) {
    Builder *b = s->b;
    LoopExpr *at = number(s, 0);
    for (int i = 0; i < s->node->nfold; i++) {
        int64_t extent = extent_of(b->k, s->node->fold_dim[i]);
        at = lx_add(b->a, lx_mul(b->a, at, extent), b->var[s->node->rank + i]);
    }
    return lx_cast(b->a, LT_I32, at);
}

/* Terms go to their places in order of the fold; start[r + 1] moves on to the end of row r. */
static void place_terms(ScatterState *s) {
    Builder *b = s->b;
    open_folds(s);
    find_rows(s);
    s->row = flat_row(s);
    LoopVar *place = loop_var(b->a, LT_I32, "place");
    place->lo = 0;
    place->hi = s->terms - 1;
    LoopExpr *at = ls_let(b->a, builder_block(b), place, entry(s, s->start, row_after(s, 1)));
    set_entry(s, s->order, lx_cast(b->a, LT_INDEX, at), position(s), false);
    LoopExpr *next[] = {at, lx_int(b->a, LT_I32, 1)};
    set_entry(s, s->start, row_after(s, 1), lx_op(b->a, OP_add, LT_I32, next), false);
    builder_close_to(b, 0);
}

/* ---- sorted: row by row -------------------------------------------------------------- */

/* Loops over a row's elements; the number of the element. */
static LoopExpr *open_row(ScatterState *s) {
    Builder *b = s->b;
    LoopExpr *at = number(s, 0);
    for (int i = 0; i < s->node->rank; i++) {
        if (s->scatter->row[i]) continue;
        builder_open_axis(b, s->node, i);
        at = lx_add(b->a, lx_mul(b->a, at, s->node->dim[i]), b->var[i]);
    }
    return at;
}

/* The fold's variables stand for the term at this position. */
static void at_term(ScatterState *s, LoopExpr *position) {
    Builder *b = s->b;
    int64_t stride = s->terms;
    uint32_t used = s->view->body->vars | (s->scatter->rest ? s->scatter->rest->vars : 0);
    if (!(used >> s->node->rank)) return;
    position = ls_let(b->a, builder_block(b), loop_var(b->a, LT_INDEX, "term"), position);
    for (int i = 0; i < s->node->nfold; i++) {
        int64_t extent = extent_of(b->k, s->node->fold_dim[i]);
        stride /= extent;
        if (!(used >> (s->node->rank + i) & 1)) continue;
        LoopExpr *v = lx_quo(b->a, position, stride);
        if (i > 0) v = lx_rem(b->a, v, extent);
        LoopVar *name = fold_var(b, s->node, i);
        b->var[s->node->rank + i] = ls_let(b->a, builder_block(b), name, v);
    }
}

static void add_row(ScatterState *s, LoopArray *sums, LoopExpr *first, LoopExpr *end) {
    Builder *b = s->b;
    int depth = b->depth;
    uint32_t folds = ((1u << s->node->nfold) - 1) << s->node->rank;
    LoopVar *v = loop_var(b->a, LT_INDEX, "i");
    builder_open(b, v, first, end, 1, folds);
    at_term(s, lx_cast(b->a, LT_INDEX, entry(s, s->order, lx_var(b->a, v))));
    LoopExpr *at = open_row(s);
    builder_open_if(b, build_condition(b, s->scatter->rest));
    set_entry(s, sums, at, build_value(b, s->view->body), true);
    builder_close_to(b, depth);
}

/* `so_far`, or one of the leaves' elements at hand is not zero. */
static LoopExpr *or_not_zero(ScatterState *s, const NodeList *leaves, LoopExpr *so_far) {
    Builder *b = s->b;
    for (int i = 0; i < leaves->n; i++) {
        LoopExpr *pair[] = {build_identity_load(b, leaves->at[i]), lx_real(b->a, 0)};
        LoopExpr *both[] = {so_far, lx_op(b->a, OP_ne, LT_BOOL, pair)};
        so_far = lx_op(b->a, OP_or, LT_BOOL, both);
    }
    return so_far;
}

/* Passes over a row without terms that stands still. One whose first elements are not zero
 * does not, so that the others are looked at where they are likely to be zero alone. */
static void open_moving(ScatterState *s, const Still *still, LoopExpr *has_terms) {
    Builder *b = s->b;
    int depth = b->depth;
    LoopVar *moves = loop_var(b->a, LT_BOOL, "moves");
    if (still->given) {
        LoopExpr *given = build_value(b, still->given), *both[2] = {has_terms};
        both[1] = lx_op(b->a, OP_not, LT_BOOL, &given);
        has_terms = lx_op(b->a, OP_or, LT_BOOL, both);
    }
    for (int i = 0; i < s->node->rank; i++)
        if (!s->scatter->row[i]) b->var[i] = number(s, 0);
    ls_var(b->a, builder_block(b), moves, or_not_zero(s, &still->zero, has_terms));
    LoopExpr *now = lx_var(b->a, moves);
    if (still->zero.n && s->inner > 1) {
        builder_open_if(b, lx_op(b->a, OP_not, LT_BOOL, &now));
        open_row(s);
        ls_set(b->a, builder_block(b), moves, or_not_zero(s, &still->zero, now));
        builder_close_to(b, depth);
    }
    builder_open_if(b, now);
}

static LoopExpr *bound(ScatterState *s, const char *name, int64_t distance) {
    Builder *b = s->b;
    LoopExpr *at = lx_cast(b->a, LT_INDEX, entry(s, s->start, row_after(s, distance)));
    return ls_let(b->a, builder_block(b), loop_var(b->a, LT_INDEX, name), at);
}

static void sum_rows(ScatterState *s) {
    Builder *b = s->b;
    Still still = {0};
    bool skips = stands_still(b->k, b->unit, s->node, &still);
    bool parallel = false;
    for (int i = 0; i < s->node->rank; i++) {
        LoopStmt *loop = s->scatter->row[i] ? builder_open_axis(b, s->node, i) : NULL;
        double work = (double)s->inner * (double)(s->terms + 4 * s->rows);
        if (loop && !parallel) parallel = builder_parallel(b, loop, work);
    }
    s->row = flat_row(s);
    LoopExpr *first = bound(s, "first", 0), *end = bound(s, "end", 1);
    if (skips) open_moving(s, &still, lx_test(b->a, X_LT, first, end));
    PlaceType type = s->node->dtype == T_F32 ? PT_F32 : PT_I32;
    LoopArray *sums = loop_array(b->a, type, s->inner, "sums");
    ls_array(b->a, builder_block(b), sums);
    add_row(s, sums, first, end);
    LoopExpr *at = open_row(s);
    builder_add_member(b, s->node, entry(s, sums, at));
    build_epilogue(b);
    builder_close_to(b, 0);
}

/* ---- choosing ------------------------------------------------------------------------ */

/* Rows, terms, and elements of a row, of a scatter that is to be sorted. */
static bool sizes_of(Kernels *k, const Node *n, const Scatter *scatter, ScatterState *out) {
    double rows = 1, terms = 1, inner = 1;
    bool row_before = true;
    for (int i = 0; i < n->rank; i++) {
        bool row = scatter->row[i] != NULL;
        if (row ? !row_before : n->dim[i] == DIM_BATCH) return false;
        *(row ? &rows : &inner) *= (double)extent_of(k, n->dim[i]);
        row_before = row;
    }
    for (int i = 0; i < n->nfold; i++) terms *= (double)extent_of(k, n->fold_dim[i]);
    bool fits = rows < INT32_MAX - 2 && terms < INT32_MAX && inner <= MOST_INNER;
    if (scatter->outer || rows < FEWEST_ROWS || !fits) return false;
    if (!mechanism_on(MECHANISM_sort)) return false;
    out->rows = (int64_t)rows;
    out->terms = (int64_t)terms;
    out->inner = (int64_t)inner;
    return true;
}

bool is_sorted_scatter(Kernels *k, const View *v) {
    Scatter scatter;
    ScatterState s = {0};
    return v->node->kind == N_COMP && scatter_of(k, v, &scatter) &&
           sizes_of(k, v->node, &scatter, &s);
}

/* Terms are added in memory, so the sums are there also when no other unit reads them. */
bool is_added_scatter(Kernels *k, const View *v) {
    Scatter scatter;
    return v->node->kind == N_COMP && scatter_of(k, v, &scatter) && !is_sorted_scatter(k, v);
}

static Storage *integers(Kernels *k, int64_t count, int64_t most, const char *name) {
    Storage *s = scratch_storage(k, node_zeros(k->graph, T_I32, 1, &count, (Span){0}));
    s->name = name;
    s->lo = 0;
    s->hi = most;
    return s;
}

void sorted_scatter_scratch(Kernels *k, Unit *u) {
    Scatter scatter;
    ScatterState s = {0};
    View *v = view_of(k, u->member.at[0]);
    scatter_of(k, v, &scatter);
    sizes_of(k, v->node, &scatter, &s);
    vec_push(k->arena, &u->scratch, integers(k, s.rows + 2, s.terms, "start"));
    vec_push(k->arena, &u->scratch, integers(k, s.terms + 1, s.terms - 1, "order"));
}

void schedule_scatter(Builder *b, const Scatter *scatter) {
    View *v = view_of(b->k, b->unit->member.at[0]);
    ScatterState s = {.b = b, .node = v->node, .view = v, .scatter = scatter};
    if (b->unit->scratch.n) {
        sizes_of(b->k, v->node, scatter, &s);
        s.start = builder_array(b, b->unit->scratch.at[0]);
        s.order = builder_array(b, b->unit->scratch.at[1]);
        count_terms(&s);
        add_counts(&s);
        place_terms(&s);
        sum_rows(&s);
    } else {
        zero_output(&s);
        add_terms(&s);
        write_output(&s);
    }
}
