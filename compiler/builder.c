/* builder.c - open loops, levels and parameters of the function being built. See schedule.h. */
#include "graph_tables.h"
#include "routine.h"
#include "schedule.h"

/* An estimate, in operations: below it a parallel region costs more than it saves. */
enum { PARALLEL_WORK = 60000 };

static void push_level(Builder *b, LoopStmt *loop, uint32_t vars) {
    if (b->depth + 1 >= MAX_LEVELS) ICE((Span){0}, "loops nest too deeply");
    b->depth++;
    b->level[b->depth] = (Level){.loop = loop, .vars = vars, .serial = ++b->serials};
}

/* In a stretch: the variables that run over the rows of a slice. Arrays begin at its first
 * row there; elsewhere a row's number is counted from the first of the call. */
static uint32_t row_variables(const Unit *u) {
    const Node *n = u->member.n ? u->member.at[0] : u->write.n ? u->write.at[0].value : NULL;
    uint32_t vars = 0;
    if (!u->stretch || !n) return 0;
    for (int i = 0; i < n->rank; i++)
        if (n->dim[i] == DIM_BATCH) vars |= 1u << i;
    for (int i = 0; n->kind == N_COMP && i < n->nfold; i++)
        if (n->fold_dim[i] == DIM_BATCH) vars |= 1u << (n->rank + i);
    return vars;
}

Builder *builder_new(Kernels *k, Unit *u) {
    Builder *b = NEW(k->scratch, Builder);
    b->k = k;
    b->a = k->scratch;
    b->g = k->graph;
    b->unit = b->part = u;
    b->f = NEW(b->a, LoopFunction);
    b->depth = -1;
    push_level(b, NULL, 0);
    builder_begin_part(b, u);
    return b;
}

void builder_begin_part(Builder *b, Unit *part) {
    b->part = part;
    b->row_vars = row_variables(part);
    b->assumed.n = b->barrier = 0;
    for (int i = 0; i < MAX_RANK; i++) b->merged[i] = 1;
}

LoopBlock *builder_block(Builder *b) {
    return &b->level[b->depth].block;
}

LoopStmt *builder_open(
        Builder *b, LoopVar *v, LoopExpr *lo, LoopExpr *hi, int64_t step, uint32_t vars) {
    LoopBlock detached = {0};
    LoopStmt *loop = ls_for(b->a, &detached, v, lo, hi, step);
    push_level(b, loop, b->level[b->depth].vars | vars);
    return loop;
}

void builder_open_if(Builder *b, LoopExpr *condition) {
    if (!condition) return;
    LoopBlock detached = {0};
    LoopStmt *test = ls_if(b->a, &detached, condition);
    push_level(b, test, b->level[b->depth].vars);
    b->barrier = b->depth;
}

LoopStmt *builder_open_block(Builder *b) {
    LoopBlock detached = {0};
    LoopStmt *block = ls_block(b->a, &detached);
    push_level(b, block, b->level[b->depth].vars);
    return block;
}

void builder_close(Builder *b) {
    Level *inner = &b->level[b->depth--];
    inner->loop->body = inner->block;
    vec_push(b->a, builder_block(b), inner->loop);
    if (b->barrier > b->depth) b->barrier = 0;
}

void builder_close_to(Builder *b, int depth) {
    while (b->depth > depth) builder_close(b);
}

/* ---- parameters ---------------------------------------------------------------------- */

LoopArray *builder_array(Builder *b, Storage *s) {
    s = resolve(s);
    for (int i = 0; i < b->unit->argument.n; i++)
        if (b->unit->argument.at[i] == s) return b->f->array.at[i];
    LoopArray *array = loop_array(b->a, s->type, s->elements, c_name(b->a, s->name, NULL));
    if (s->lo <= s->hi) {
        array->lo = s->lo;
        array->hi = s->hi;
    }
    vec_push(b->k->arena, &b->unit->argument, s);
    vec_push(b->a, &b->f->array, array);
    return array;
}

int64_t builder_most_rows(const Builder *b) {
    return b->unit->stretch ? b->unit->stretch->slice_rows : b->k->batch;
}

LoopExpr *builder_rows(Builder *b) {
    if (b->k->batch == 1) return lx_int(b->a, LT_INDEX, 1);
    if (!b->f->rows) {
        b->f->rows = loop_var(b->a, LT_INDEX, "n");
        b->f->rows->lo = 1;
        b->f->rows->hi = builder_most_rows(b);
    }
    return lx_var(b->a, b->f->rows);
}

static LoopExpr *row_parameter(Builder *b, LoopVar **v, const char *name, int64_t lo, int64_t hi) {
    if (!*v) {
        *v = loop_var(b->a, LT_INDEX, name);
        (*v)->lo = lo;
        (*v)->hi = hi;
    }
    return lx_var(b->a, *v);
}

LoopExpr *builder_total(Builder *b) {
    if (!b->unit->stretch) return builder_rows(b);
    return row_parameter(b, &b->f->total, "total", 1, b->k->batch);
}

LoopExpr *builder_first(Builder *b) {
    if (!b->unit->stretch) return lx_int(b->a, LT_INDEX, 0);
    return row_parameter(b, &b->f->first, "first", 0, b->k->batch - 1);
}

bool builder_is_row(const Builder *b, const Expr *e) {
    return e->kind == E_VAR && b->row_vars >> e->var & 1;
}

LoopExpr *builder_extent(Builder *b, int64_t dim) {
    return dim == DIM_BATCH ? builder_rows(b) : lx_int(b->a, LT_INDEX, dim);
}

bool builder_parallel(Builder *b, LoopStmt *loop, double work) {
    if (work < PARALLEL_WORK || b->unit->stretch || b->shared) return false;
    if (!b->f->threads) b->f->threads = loop_var(b->a, LT_INDEX, "threads");
    loop->parallel = true;
    return true;
}

/* ---- names of loops ------------------------------------------------------------------ */

LoopVar *out_var(Builder *b, const Node *n, int axis) {
    static const char *const name[MAX_RANK] = {
            "i", "j", "k", "l", "m", "i5", "i6", "i7", "i8", "i9", "i10", "i11"};
    bool rows = n->dim[axis] == DIM_BATCH;
    return loop_var(b->a, LT_INDEX, rows ? "row" : name[axis]);
}

LoopVar *fold_var(Builder *b, const Node *n, int fold) {
    static const char *const name[] = {"p", "q", "r", "s", "u", "v"};
    int names = (int)(sizeof name / sizeof name[0]);
    if (n->fold_dim[fold] == DIM_BATCH) return loop_var(b->a, LT_INDEX, "row");
    return loop_var(b->a, LT_INDEX, fold < names ? name[fold] : "w");
}

LoopStmt *builder_open_axis(Builder *b, const Node *n, int axis) {
    LoopExpr *zero = lx_int(b->a, LT_INDEX, 0);
    if (axis < b->shared) return NULL;
    b->var[axis] = zero;
    bool group = b->unit->adds && axis == 0; /* the array is its part */
    if (n->dim[axis] == 1 || group) return NULL;
    LoopVar *v = out_var(b, n, axis);
    b->var[axis] = lx_var(b->a, v);
    return builder_open(b, v, zero, builder_extent(b, n->dim[axis]), 1, 1u << axis);
}

void builder_add_member(Builder *b, Node *n, LoopExpr *value) {
    vec_push(b->a, &b->member, ((MemberValue){n, value, b->depth}));
}

LoopArray *builder_line(const Builder *b, const Node *n) {
    for (int i = 0; i < b->line.n; i++)
        if (b->line.at[i].node == n) return b->line.at[i].array;
    return NULL;
}

/* ---- folds --------------------------------------------------------------------------- */

static LoopExpr *limit_by(
        Builder *b, const ExprList *list, LoopExpr *offset, LoopExpr *limit, bool lo) {
    for (int i = 0; i < list->n; i++) {
        LoopExpr *x = lx_sub(b->a, build_index(b, list->at[i]), offset);
        limit = lo ? lx_max(b->a, limit, x) : lx_min(b->a, limit, x);
    }
    return limit;
}

/* Limits of a row's number are counted from the first row of the call. */
static LoopExpr *builder_first_if(Builder *b, const Range *r) {
    bool used = r->lo.n || r->hi.n || r->step != 1;
    return used ? builder_first(b) : lx_int(b->a, LT_INDEX, 0);
}

FoldLoop fold_bounds(Builder *b, const Node *n, int fold, const ExprList *conditions) {
    int var = n->rank + fold, taken = b->assumed.n;
    Range r = guard_range(b->g, var, b->level[b->depth].vars, conditions, &b->assumed);
    FoldLoop loop = {.step = r.step, .narrowed = b->assumed.n > taken};
    LoopExpr *zero = lx_int(b->a, LT_INDEX, 0);
    LoopExpr *first = b->row_vars >> var & 1 ? builder_first_if(b, &r) : zero;
    loop.lo = limit_by(b, &r.lo, first, zero, true);
    loop.hi = limit_by(b, &r.hi, first, builder_extent(b, n->fold_dim[fold]), false);
    if (r.step != 1) { /* the first one congruent to the residue */
        LoopExpr *off = lx_sub(b->a, lx_sub(b->a, build_index(b, r.residue), first), loop.lo);
        LoopExpr *skip = lx_rem(b->a, off, r.step);
        skip->integer = 1;
        loop.lo = lx_add(b->a, loop.lo, skip);
    }
    return loop;
}

void fold_enter(Builder *b, const Node *n, int fold, LoopExpr *lo, const FoldLoop *loop) {
    int var = n->rank + fold;
    LoopVar *v = fold_var(b, n, fold);
    builder_open(b, v, lo, loop->hi, loop->step, 1u << var);
    if (loop->narrowed) b->barrier = b->depth;
    b->var[var] = lx_var(b->a, v);
}
