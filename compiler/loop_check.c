/* loop_check.c - whether a loop function is sound: the last gate before text.
 *
 *   - Names are defined before they are used, and constants once.
 *   - Every access is in bounds: each index, under the loops and tests around it, lies in
 *     its axis, and the axes together in the array.
 *   - Iterations of a parallel loop are independent: each array that is stored in the loop
 *     has an axis along which iterations keep to ranges of their own, in loads too; scalars
 *     and local arrays that change are defined inside. */
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

/* 0 <= index and index + reach < extent */
static bool is_inside(const Check *c, const LoopExpr *index, int64_t extent, int64_t reach) {
    Linear low = linear_of(&c->known, index), end = linear_number(extent - 1 - reach);
    Linear high = linear_sum(&end, &low, -1);
    return is_never_negative(&c->known, &low) && is_never_negative(&c->known, &high);
}

/* The axis along which a vector's lanes lie. */
static int lane_axis(int rank, const int64_t *dim) {
    int axis = rank - 1;
    while (axis > 0 && dim[axis] == 1) axis--;
    return axis;
}

static void check_access(Check *c, const LoopArray *a, int rank, const int64_t *dim,
        LoopExpr *const *index, int lanes) {
    int64_t elements = 1;
    for (int i = 0; i < rank; i++) {
        int64_t extent = extent_of(c, dim[i]);
        elements *= extent;
        if (!is_inside(c, index[i], extent, i == lane_axis(rank, dim) ? lanes - 1 : 0))
            fail(c, "an index may be out of bounds", array_name(a));
    }
    if (elements > a->elements) fail(c, "the axes do not fit the array", array_name(a));
    if (a->local && !is_local(c, a)) fail(c, "used before it is there", array_name(a));
}

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
    if (e->kind == X_LOAD) check_access(c, e->array, e->narg, e->dim, e->arg, 1);
    if (e->kind == X_VLOAD) check_access(c, e->array, e->narg, e->dim, e->arg, e->lanes);
}

/* ---- parallel loops ------------------------------------------------------------------ */

typedef struct Parallel {
    Check *check;
    const LoopStmt *loop;
    const LoopArray *array; /* the one that is looked at */
    uint32_t axes;          /* along which all its accesses so far keep apart */
    int rank;
    Vec(const LoopArray *) stored;
    Vec(const LoopVar *) inside;
    Vec(const LoopArray *) arrays_inside;
} Parallel;

/* Is the index c * v + rest with rest in [0, c * step)? */
static bool keeps_apart(Parallel *p, const LoopExpr *index, int reach) {
    const Known *k = &p->check->known;
    Linear rest = linear_of(k, index);
    int64_t c = 0;
    for (int i = 0; i < rest.n; i++) {
        const LoopExpr *atom = rest.term[i].atom;
        if (atom->kind != X_VAR || atom->var != p->loop->var) continue;
        c = rest.term[i].c;
        rest.term[i] = rest.term[--rest.n];
        break;
    }
    if (c <= 0) return false;
    Linear room = linear_number(c * p->loop->step - 1 - reach), left = linear_sum(&room, &rest, -1);
    return is_never_negative(k, &rest) && is_never_negative(k, &left);
}

static void narrow_axes(Parallel *p, const LoopArray *a, int rank, const int64_t *dim,
        LoopExpr *const *index, int lanes) {
    if (a != p->array) return;
    uint32_t axes = 0;
    for (int i = 0; i < rank; i++)
        if (keeps_apart(p, index[i], i == lane_axis(rank, dim) ? lanes - 1 : 0)) axes |= 1u << i;
    if (p->rank >= 0 && p->rank != rank) axes = 0;
    p->rank = rank;
    p->axes &= axes;
}

static void look_at_expr(Parallel *p, const LoopExpr *e) {
    for (int i = 0; i < e->narg; i++) look_at_expr(p, e->arg[i]);
    if (e->kind == X_LOAD) narrow_axes(p, e->array, e->narg, e->dim, e->arg, 1);
    if (e->kind == X_VLOAD) narrow_axes(p, e->array, e->narg, e->dim, e->arg, e->lanes);
}

static VarFact loop_fact(const LoopStmt *s) {
    VarFact f = {.var = s->var, .lo = s->lo, .hi = s->hi, .last = INT64_MAX};
    if (s->lo->kind == X_INT && s->hi->kind == X_INT) {
        int64_t lo = s->lo->integer, hi = s->hi->integer;
        f.last = hi > lo ? lo + (hi - 1 - lo) / s->step * s->step : lo;
    }
    return f;
}

static void enter_statement(Known *k, const LoopStmt *s) {
    if (s->kind == S_FOR) vec_push(k->arena, &k->var, loop_fact(s));
    if (s->kind == S_LET)
        vec_push(k->arena, &k->var,
                ((VarFact){.var = s->var, .last = INT64_MAX, .value = s->value}));
    if (s->kind == S_IF) assume(k, s->value);
}

static void look_at_block(Parallel *p, const LoopBlock *block) {
    Known *k = &p->check->known;
    int vars = k->var.n;
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        int inner = k->var.n, facts = k->fact.n;
        if (s->value) look_at_expr(p, s->value);
        if (s->lo) look_at_expr(p, s->lo);
        if (s->hi) look_at_expr(p, s->hi);
        for (int j = 0; j < s->rank; j++) look_at_expr(p, s->index[j]);
        if (s->kind == S_STORE) narrow_axes(p, s->array, s->rank, s->dim, s->index, 1);
        if (s->kind == S_VSTORE) narrow_axes(p, s->array, s->rank, s->dim, s->index, s->lanes);
        enter_statement(k, s);
        look_at_block(p, &s->body);
        if (s->kind != S_LET) k->var.n = inner;
        k->fact.n = facts;
    }
    k->var.n = vars;
}

static bool is_in_arrays(const Parallel *p, const LoopArray *a) {
    for (int i = 0; i < p->arrays_inside.n; i++)
        if (p->arrays_inside.at[i] == a) return true;
    return false;
}

static bool is_in_vars(const Parallel *p, const LoopVar *v) {
    for (int i = 0; i < p->inside.n; i++)
        if (p->inside.at[i] == v) return true;
    return false;
}

/* What the loop's body defines, and which arrays from outside it stores. */
static void collect(Parallel *p, const LoopBlock *block) {
    Arena *a = p->check->arena;
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        if (s->kind == S_VAR) vec_push(a, &p->inside, s->var);
        if (s->kind == S_ARRAY) vec_push(a, &p->arrays_inside, s->array);
        if (s->kind == S_SET && !is_in_vars(p, s->var))
            fail(p->check, "threads share", s->var->name);
        bool stores = s->kind == S_STORE || s->kind == S_VSTORE || s->kind == S_TRANSPOSE;
        if (stores && !is_in_arrays(p, s->array)) vec_push(a, &p->stored, s->array);
        collect(p, &s->body);
    }
}

static void check_parallel(Check *c, const LoopStmt *loop) {
    Parallel p = {.check = c, .loop = loop};
    collect(&p, &loop->body);
    for (int i = 0; i < p.stored.n && !c->wrong; i++) {
        p.array = p.stored.at[i];
        p.axes = ~0u;
        p.rank = -1;
        look_at_block(&p, &loop->body);
        if (!p.axes) fail(c, "iterations of a parallel loop meet", array_name(p.array));
    }
}

/* ---- statements ---------------------------------------------------------------------- */

static void check_block(Check *c, const LoopBlock *block);

static void check_inside(Check *c, const LoopStmt *s) {
    Known *k = &c->known;
    int vars = k->var.n, facts = k->fact.n;
    enter_statement(k, s);
    if (s->kind == S_FOR && s->parallel) check_parallel(c, s);
    check_block(c, &s->body);
    k->var.n = vars;
    k->fact.n = facts;
}

static void check_statement(Check *c, const LoopStmt *s) {
    if (s->lo) check_expr(c, s->lo);
    if (s->hi) check_expr(c, s->hi);
    if (s->value) check_expr(c, s->value);
    for (int i = 0; i < s->rank; i++) check_expr(c, s->index[i]);
    if (s->kind == S_STORE) check_access(c, s->array, s->rank, s->dim, s->index, 1);
    if (s->kind == S_VSTORE) check_access(c, s->array, s->rank, s->dim, s->index, s->lanes);
    if (s->kind == S_TRANSPOSE && (!is_local(c, s->array) || s->array->elements != LANES * LANES))
        fail(c, "no local array of rows and columns", array_name(s->array));
    if (s->kind == S_ARRAY) vec_push(c->arena, &c->local, s->array);
    if (s->kind == S_FOR || s->kind == S_LET || s->kind == S_VAR) define(c, s->var);
    if (s->kind == S_SET && (!s->var->mutable || !is_defined(c, s->var)))
        fail(c, "cannot be set", s->var->name);
    if (s->kind == S_LET) enter_statement(&c->known, s);
    if (s->kind == S_FOR || s->kind == S_IF || s->kind == S_BLOCK) check_inside(c, s);
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
    return c.wrong;
}
