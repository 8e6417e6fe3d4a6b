/* loop_check.c - whether a loop function is sound: the last gate before text.
 *
 *   - Names are defined before they are used, and constants once.
 *   - Every access is in bounds: each index, under the loops and tests around it, lies in
 *     its axis, and the axes together in the array.
 *   - Iterations of a parallel loop are independent (loop_parallel.c).
 *   - Operators on vectors have vectors of one kind as operands. */
#include "loop_prove.h"

typedef struct Check {
    Arena *arena;
    Known known;
    Vec(const LoopVar *) defined;
    Vec(const LoopArray *) local;
    const char *wrong;
} Check;

static void fail(Check *c, const char *what, const char *name) {
    if (!c->wrong)
        c->wrong = arena_printf(c->arena, "%s%s%s", what, name ? ": " : "", name ? name : "");
}

static const char *array_name(const LoopArray *a) {
    return a->name ? a->name : "an array";
}

/* ---- names --------------------------------------------------------------------------- */

static bool is_defined(const Check *c, const LoopVar *v) {
    for (int i = 0; i < c->defined.n; i++)
        if (c->defined.at[i] == v) return true;
    return false;
}

static void define(Check *c, const LoopVar *v) {
    if (is_defined(c, v)) fail(c, "defined twice", v->name);
    vec_push(c->arena, &c->defined, v);
}

static bool is_local(const Check *c, const LoopArray *a) {
    for (int i = 0; i < c->local.n; i++)
        if (c->local.at[i] == a) return true;
    return false;
}

/* ---- bounds -------------------------------------------------------------------------- */

static int64_t extent_of(const Check *c, int64_t dim) {
    return dim == DIM_BATCH ? c->known.batch : dim;
}

/* 0 <= index and index < extent, both at a lane that is linear in the first `count`. */
static bool is_inside(const Check *c, const Linear *low, const Linear *high, int64_t extent) {
    Linear end = linear_number(extent - 1);
    Linear left = linear_sum(&end, high, -1);
    return is_never_negative(&c->known, low) && is_never_negative(&c->known, &left);
}

/* The lanes' indices, each by itself: those that are left out need not be inside. */
static bool lanes_inside(Check *c, const LoopExpr *index, int64_t extent, const VectorPart *part,
        int64_t step) {
    Known *k = &c->known;
    int facts = k->fact.n;
    if (part->mask) assume(k, part->mask);
    if (part->count) assume(k, lx_first(c->arena, part->count));
    if (part->lanes < LANES)
        assume(k, lx_first(c->arena, lx_int(c->arena, LT_INDEX, part->lanes)));
    Linear lane = linear_of(k, lx_lane(c->arena)), first = linear_of(k, index);
    Linear at = linear_sum(&first, &lane, step);
    bool inside = is_inside(c, &at, &at, extent);
    k->fact.n = facts;
    return inside;
}

/* The first and the last lane. */
static bool ends_inside(
        Check *c, const LoopExpr *index, int64_t extent, const VectorPart *part, int64_t step) {
    Linear first = linear_of(&c->known, index), last = first;
    if (part->count) {
        Linear count = linear_of(&c->known, part->count);
        last = linear_sum(&last, &count, step);
        last.c0 -= step;
    } else {
        last.c0 += step * (part->lanes - 1);
    }
    return step < 0 ? is_inside(c, &last, &first, extent) : is_inside(c, &first, &last, extent);
}

static bool vector_inside(
        Check *c, const LoopExpr *index, int64_t extent, const VectorPart *part, int64_t step) {
    bool by_lanes = part->mask || index->type == LT_NVEC;
    return by_lanes ? lanes_inside(c, index, extent, part, step)
                    : ends_inside(c, index, extent, part, step);
}

static void check_access(Check *c, const LoopArray *a, int rank, const int64_t *dim,
        LoopExpr *const *index, const VectorPart *part) {
    int64_t elements = 1;
    for (int i = 0; i < rank; i++) {
        int64_t extent = extent_of(c, dim[i]);
        elements *= extent;
        if (!vector_inside(c, index[i], extent, part, part->step ? part->step[i] : 0))
            fail(c, "an index may be out of bounds", array_name(a));
    }
    if (elements > a->elements) fail(c, "the axes do not fit the array", array_name(a));
    if (a->local && !is_local(c, a)) fail(c, "used before it is there", array_name(a));
}

static const VectorPart one_lane = {.lanes = 1};

static void check_expr(Check *c, const LoopExpr *e);

/* The chosen side is evaluated under the condition, the other one under its opposite. */
static void check_select(Check *c, const LoopExpr *e) {
    int facts = c->known.fact.n;
    check_expr(c, e->arg[0]);
    assume(&c->known, e->arg[0]);
    check_expr(c, e->arg[1]);
    c->known.fact.n = facts;
    check_expr(c, e->arg[2]);
}

/* An operator's operands are scalars, or vectors of one kind; a choice's first is a mask. */
static void check_kinds(Check *c, const LoopExpr *e) {
    if (e->kind != X_OP) return;
    const OpInfo *info = &op_info[e->op];
    bool vectors = is_vector(e->type), choice = info->type == OT_BRANCH;
    LoopType kind = e->arg[e->narg - 1]->type;
    for (int i = 0; i < e->narg; i++) {
        LoopType is = e->arg[i]->type, wanted = choice && i == 0 ? LT_MASK : kind;
        if (is_vector(is) != vectors) fail(c, "a vector and a scalar meet in", info->name);
        if (vectors && is_vector(kind) && is != wanted)
            fail(c, "vectors of two kinds meet in", info->name);
    }
    LoopType result = info->type == OT_TEST ? LT_MASK : kind;
    if (vectors && e->type != result) fail(c, "a vector of another kind comes of", info->name);
}

static void check_part(Check *c, const VectorPart *part) {
    if (part->count) check_expr(c, part->count);
    if (part->mask) check_expr(c, part->mask);
    if (part->mask && part->mask->type != LT_MASK) fail(c, "a mask is none", NULL);
}

static void check_expr(Check *c, const LoopExpr *e) {
    if (c->wrong) return;
    bool branch = e->kind == X_SELECT || (e->kind == X_OP && op_info[e->op].type == OT_BRANCH);
    if (branch) {
        check_select(c, e);
        return;
    }
    if (e->kind == X_VAR && !is_defined(c, e->var))
        fail(c, "used before it is defined", e->var->name);
    int facts = c->known.fact.n;
    for (int i = 0; i < e->narg; i++) {
        check_expr(c, e->arg[i]);
        if (e->kind == X_AND) assume(&c->known, e->arg[i]);
    }
    c->known.fact.n = facts;
    check_kinds(c, e);
    if (e->kind == X_LOAD) check_access(c, e->array, e->narg, e->dim, e->arg, &one_lane);
    if (e->kind == X_VLOAD) {
        check_part(c, &e->part);
        check_access(c, e->array, e->narg, e->dim, e->arg, &e->part);
    }
}

/* ---- what is known ------------------------------------------------------------------- */

static bool is_multiple(const LoopExpr *e, int64_t of) {
    if (e->kind == X_INT) return e->integer % of == 0;
    if (e->kind == X_MUL) return is_multiple(e->arg[0], of) || is_multiple(e->arg[1], of);
    bool sum = e->kind == X_ADD || e->kind == X_SUB;
    return sum && is_multiple(e->arg[0], of) && is_multiple(e->arg[1], of);
}

static VarFact loop_fact(const LoopStmt *s) {
    VarFact f = {.var = s->var, .lo = s->lo, .hi = s->hi, .below = 1, .last = INT64_MAX};
    f.step = s->step;
    if (is_multiple(s->lo, s->step) && is_multiple(s->hi, s->step)) f.below = s->step;
    if (s->lo->kind == X_INT && s->hi->kind == X_INT) {
        int64_t lo = s->lo->integer, hi = s->hi->integer;
        f.last = hi > lo ? lo + (hi - 1 - lo) / s->step * s->step : lo;
    }
    return f;
}

void known_enter(Known *k, const LoopStmt *s) {
    if (s->kind == S_FOR) vec_push(k->arena, &k->var, loop_fact(s));
    if (s->kind == S_LET)
        vec_push(k->arena, &k->var,
                ((VarFact){.var = s->var, .last = INT64_MAX, .value = s->value}));
    if (s->kind == S_IF) assume(k, s->value);
}

/* ---- statements ---------------------------------------------------------------------- */

static void check_block(Check *c, const LoopBlock *block);

static void check_inside(Check *c, const LoopStmt *s) {
    Known *k = &c->known;
    int vars = k->var.n, facts = k->fact.n;
    known_enter(k, s);
    if (s->kind == S_FOR && s->parallel && !c->wrong) c->wrong = loop_shares(k, s);
    check_block(c, &s->body);
    k->var.n = vars;
    k->fact.n = facts;
}

static void check_statement(Check *c, const LoopStmt *s) {
    if (s->lo) check_expr(c, s->lo);
    if (s->hi) check_expr(c, s->hi);
    if (s->value) check_expr(c, s->value);
    for (int i = 0; i < s->rank; i++) check_expr(c, s->index[i]);
    if (s->kind == S_STORE) check_access(c, s->array, s->rank, s->dim, s->index, &one_lane);
    if (s->kind == S_VSTORE) {
        check_part(c, &s->part);
        check_access(c, s->array, s->rank, s->dim, s->index, &s->part);
    }
    if (s->kind == S_TRANSPOSE && (!is_local(c, s->array) || s->array->elements != LANES * LANES))
        fail(c, "no local array of rows and columns", array_name(s->array));
    if (s->kind == S_ARRAY) vec_push(c->arena, &c->local, s->array);
    int defined = c->defined.n;
    if (s->kind == S_FOR || s->kind == S_LET || s->kind == S_VAR) define(c, s->var);
    if (s->kind == S_SET && (!s->var->mutable || !is_defined(c, s->var)))
        fail(c, "cannot be set", s->var->name);
    if (s->kind == S_LET) known_enter(&c->known, s);
    if (s->kind == S_FOR || s->kind == S_IF || s->kind == S_BLOCK) check_inside(c, s);
    if (s->kind == S_FOR) c->defined.n = defined;
}

/* What a block defines is gone after it. */
static void check_block(Check *c, const LoopBlock *block) {
    int defined = c->defined.n, local = c->local.n, vars = c->known.var.n;
    for (int i = 0; i < block->n && !c->wrong; i++) check_statement(c, block->at[i]);
    c->defined.n = defined;
    c->local.n = local;
    c->known.var.n = vars;
}

const char *loop_check(Arena *a, const LoopFunction *f, int64_t batch) {
    struct Patience patience = {0};
    Check c = {.arena = a, .known = {.arena = a, .batch = batch, .patience = &patience}};
    LoopVar *const parameter[] = {f->rows, f->threads, f->seed, f->step, f->total, f->first};
    for (int i = 0; i < 6; i++)
        if (parameter[i]) define(&c, parameter[i]);
    for (int i = 0; i < f->scalar.n; i++) define(&c, f->scalar.at[i]);
    check_block(&c, &f->body);
    check_block(&c, &f->small);
    return c.wrong;
}
