/* vectorize_code.c - expressions and statements of a loop's body as vector code. See
 * vectorize.h.
 *
 * Every operator is applied lane by lane, so each lane has the bits that its iteration would
 * have. A condition that changes from lane to lane becomes a mask: stores and memory that is
 * read under it are masked, everything else is computed in all lanes and chosen from. */
#include "vectorize.h"

#include <string.h>

static LoopExpr *vector_of(Lanes *l, LoopExpr *e, int copy);

static LoopExpr *fail(Lanes *l) {
    l->failed = true;
    return lx_splat(l->a, lx_int(l->a, LT_I32, 0));
}

/* ---- kinds of vectors ---------------------------------------------------------------- */

static LoopExpr *splat_int(Lanes *l, int64_t v) {
    return lx_splat(l->a, lx_int(l->a, LT_I32, v));
}

static LoopExpr *op2(Lanes *l, Op op, LoopType t, LoopExpr *x, LoopExpr *y) {
    return lx_op(l->a, op, t, (LoopExpr *[]){x, y});
}

static bool is_splat(const LoopExpr *x) {
    return x->kind == X_SPLAT;
}

/* As a vector of that kind; truth values are 0 and 1. */
static LoopExpr *as_kind(Lanes *l, LoopExpr *x, LoopType kind) {
    static const LoopType scalar[] = {[LT_VEC] = LT_F32, [LT_NVEC] = LT_I32, [LT_MASK] = LT_BOOL};
    if (x->type == kind) return x;
    if (is_splat(x) && kind != LT_MASK)
        return lx_splat(l->a, lx_cast(l->a, scalar[kind], x->arg[0]));
    if (kind == LT_MASK && x->type == LT_NVEC) return op2(l, OP_ne, LT_MASK, x, splat_int(l, 0));
    if (kind == LT_MASK) return fail(l);
    if (kind == LT_NVEC && x->type == LT_VEC) return fail(l);
    return lx_cast(l->a, kind, x);
}

static LoopExpr *vector_as(Lanes *l, LoopExpr *e, int copy, LoopType kind) {
    return as_kind(l, vector_of(l, e, copy), kind);
}

/* A name in front of the statement, unless it might be evaluated there in vain. */
static LoopExpr *named(Lanes *l, LoopExpr *x) {
    if (x->kind == X_VAR || x->kind == X_SPLAT || l->lazy) return x;
    return ls_let(l->a, l->to, loop_var(l->a, x->type, NULL), x);
}

/* ---- masks --------------------------------------------------------------------------- */

static LoopExpr *both(Lanes *l, LoopExpr *x, LoopExpr *y) {
    return x && y ? op2(l, OP_and, LT_MASK, x, y) : x ? x : y;
}

static LoopExpr *inverse(Lanes *l, LoopExpr *mask) {
    return lx_op(l->a, OP_not, LT_MASK, &mask);
}

/* The lanes that are iterations of the loop, or NULL: all are. */
static LoopExpr *iterations(Lanes *l) {
    if (l->count) return lx_first(l->a, l->count);
    return l->lanes < LANES ? lx_first(l->a, lx_int(l->a, LT_INDEX, l->lanes)) : NULL;
}

/* ---- integers ------------------------------------------------------------------------ */

static LoopExpr *splat_index(Lanes *l, LoopExpr *x) {
    return lx_splat(l->a, lx_cast(l->a, LT_I32, x));
}

static LoopExpr *stepping(Lanes *l, LoopExpr *first, int64_t step) {
    LoopExpr *x = splat_index(l, first), *lane = lx_lane(l->a);
    if (step == 0) return x;
    if (step != 1) lane = op2(l, OP_mul, LT_NVEC, lane, splat_int(l, step));
    return op2(l, OP_add, LT_NVEC, x, lane);
}

/* An index in 32 bits, which it has to fit. */
static LoopExpr *index_vector(Lanes *l, LoopExpr *e, int copy) {
    static const Op op[] = {[X_ADD] = OP_add,
            [X_SUB] = OP_sub,
            [X_MUL] = OP_mul,
            [X_QUO] = OP_idiv,
            [X_REM] = OP_imod,
            [X_MIN] = OP_min,
            [X_MAX] = OP_max};
    int64_t step;
    Linear value = linear_of(l->known, e);
    if (!fits_i32(l->known, &value)) return fail(l);
    if (step_of(l, e, &step)) return stepping(l, first_lane(l, e, copy), step);
    if (e->kind == X_VAR) return lx_var(l->a, bound_of(l, e->var)->copy[copy]);
    if (e->kind == X_CAST) return vector_as(l, e->arg[0], copy, LT_NVEC);
    if (e->kind > X_MAX || e->kind < X_ADD) return fail(l);
    LoopExpr *x = index_vector(l, e->arg[0], copy), *y = index_vector(l, e->arg[1], copy);
    return op2(l, op[e->kind], LT_NVEC, x, y);
}

static LoopExpr *index_test(Lanes *l, const LoopExpr *e, int copy) {
    Op op = e->kind == X_LT ? OP_lt : e->kind == X_LE ? OP_le : e->kind == X_EQ ? OP_eq : OP_ne;
    LoopExpr *x = index_vector(l, e->arg[0], copy), *y = index_vector(l, e->arg[1], copy);
    return op2(l, op, LT_MASK, x, y);
}

/* ---- loads --------------------------------------------------------------------------- */

/* The indices of the first lane, with their steps; those that have none as vectors. */
static VectorPart part_of(Lanes *l, int rank, LoopExpr *const *from, LoopExpr **index, int copy) {
    int64_t *step = NEW_ARRAY(l->a, int64_t, rank + 1);
    for (int i = 0; i < rank; i++) {
        bool steps = step_of(l, from[i], &step[i]);
        if (!steps) step[i] = 0;
        index[i] = steps ? first_lane(l, from[i], copy) : index_vector(l, from[i], copy);
    }
    return (VectorPart){.step = step, .lanes = l->lanes, .count = l->count};
}

static void mask_part(Lanes *l, VectorPart *part, LoopExpr *mask) {
    part->mask = both(l, mask, iterations(l));
    part->lanes = LANES;
    part->count = NULL;
}

/* Lanes far apart under a condition are gathered. */
static void gather_steps(Lanes *l, int rank, LoopExpr **index, const VectorPart *part) {
    for (int i = 0; i < rank; i++)
        if (part->step[i] || i == rank - 1) {
            index[i] = stepping(l, index[i], part->step[i]);
            ((int64_t *)part->step)[i] = 0;
        }
}

/* Is the first lane's element there, whether it is read or not? Pointers may not leave their
 * array. */
static bool starts_inside(Lanes *l, int rank, const int64_t *dim, LoopExpr *const *index) {
    for (int i = 0; i < rank; i++) {
        if (index[i]->type == LT_NVEC) continue;
        int64_t extent = dim[i] == DIM_BATCH ? l->known->batch : dim[i];
        Linear at = linear_of(l->known, index[i]), last = linear_number(extent - 1);
        Linear left = linear_sum(&last, &at, -1);
        if (!is_never_negative(l->known, &at) || !is_never_negative(l->known, &left)) return false;
    }
    return true;
}

static LoopExpr *load_as(Lanes *l, LoopExpr *e, int copy, LoopType kind) {
    LoopExpr *index[MAX_RANK], *mask = l->mask[copy];
    VectorPart part = part_of(l, e->narg, e->arg, index, copy);
    bool small = e->array->elements <= INT32_MAX;
    int64_t stride;
    if (e->array->type == PT_F64 || e->array->type == PT_I64 || e->narg == 0) return fail(l);
    bool gather = !vector_stride(e->narg, e->dim, index, part.step, &stride);
    bool runs = stride == 1 && starts_inside(l, e->narg, e->dim, index);
    if (mask && !runs && !gather) {
        gather_steps(l, e->narg, index, &part);
        gather = true;
    }
    if (gather && !small) return fail(l);
    if (mask || (gather && iterations(l))) mask_part(l, &part, mask);
    return lx_vload_part(l->a, kind, e->array, e->narg, e->dim, index, part);
}

static LoopExpr *load_vector(Lanes *l, LoopExpr *e, int copy) {
    return load_as(l, e, copy, vector_type(e->type));
}

/* ---- conditions ---------------------------------------------------------------------- */

/* A side of a choice, where only some lanes take it. */
static LoopExpr *side(Lanes *l, LoopExpr *e, int copy, LoopExpr *mask, LoopType kind) {
    LoopExpr *before = l->mask[copy];
    if (reads(e)) l->mask[copy] = named(l, both(l, before, mask));
    LoopExpr *x = vector_as(l, e, copy, kind);
    l->mask[copy] = before;
    return x;
}

static bool is_zero(const LoopExpr *x) {
    if (!is_splat(x)) return false;
    x = x->arg[0];
    return (x->kind == X_REAL && x->real == 0) || (x->kind == X_INT && x->integer == 0);
}

static LoopType kind_of(const LoopExpr *e) {
    return vector_type(e->type);
}

/* One condition for all lanes: only the chosen side is evaluated. */
static LoopExpr *choose_all(Lanes *l, LoopExpr *e, int copy) {
    l->lazy++;
    LoopExpr *x = vector_as(l, e->arg[1], copy, kind_of(e));
    LoopExpr *y = vector_as(l, e->arg[2], copy, kind_of(e));
    l->lazy--;
    return lx_select(l->a, e->arg[0], x, y);
}

static LoopExpr *choose(Lanes *l, LoopExpr *e, int copy) {
    if (!varies(l, e->arg[0]) && !(l->mask[copy] && reads(e->arg[0])))
        return choose_all(l, e, copy);
    LoopExpr *mask = named(l, vector_as(l, e->arg[0], copy, LT_MASK));
    LoopExpr *x = side(l, e->arg[1], copy, mask, kind_of(e));
    LoopExpr *y = side(l, e->arg[2], copy, inverse(l, mask), kind_of(e));
    bool masked = e->arg[1]->kind == X_LOAD && x->kind == X_VLOAD && is_zero(y);
    if (masked) return x; /* lanes that are left out are 0 */
    return lx_op(l->a, OP_select, kind_of(e), (LoopExpr *[]){mask, x, y});
}

/* The right side may rely on the left. */
static LoopExpr *conjunction(Lanes *l, LoopExpr *e, int copy) {
    LoopExpr *x = vector_as(l, e->arg[0], copy, LT_MASK);
    if (reads(e->arg[1])) x = named(l, x);
    return op2(l, OP_and, LT_MASK, x, side(l, e->arg[1], copy, x, LT_MASK));
}

/* ---- operators ----------------------------------------------------------------------- */

static LoopType widest(const LoopExpr *x, const LoopExpr *y) {
    bool real = x->type == LT_VEC || y->type == LT_VEC;
    return real ? LT_VEC : LT_NVEC;
}

static LoopExpr *test_vector(Lanes *l, const LoopExpr *e, int copy) {
    LoopExpr *x = vector_of(l, e->arg[0], copy), *y = vector_of(l, e->arg[1], copy);
    LoopType kind = widest(x, y);
    return op2(l, e->op, LT_MASK, as_kind(l, x, kind), as_kind(l, y, kind));
}

/* Its text is its operand's: a conversion to the same, or no operation at all. */
static bool changes_nothing(const LoopExpr *e, bool real) {
    const char *text = real ? op_info[e->op].real : op_info[e->op].integer;
    return text && !strcmp(text, "x");
}

static LoopExpr *operator_vector(Lanes *l, LoopExpr *e, int copy) {
    const OpInfo *info = &op_info[e->op];
    LoopExpr *arg[3];
    if (info->type == OT_TEST) return test_vector(l, e, copy);
    if (info->type == OT_BRANCH) return choose(l, e, copy);
    if (info->type == OT_TOREAL || info->type == OT_TOINT) {
        LoopExpr *x = vector_of(l, e->arg[0], copy);
        bool real = x->type == LT_VEC;
        if (changes_nothing(e, real) && x->type == kind_of(e)) return x;
        return lx_cast(l->a, kind_of(e), x);
    }
    if (e->narg == 1 && changes_nothing(e, e->type == LT_F32)) return vector_of(l, e->arg[0], copy);
    for (int i = 0; i < e->narg; i++) arg[i] = vector_as(l, e->arg[i], copy, kind_of(e));
    return lx_op(l->a, e->op, kind_of(e), arg);
}

static LoopExpr *cast_vector(Lanes *l, LoopExpr *e, int copy) {
    LoopExpr *x = e->arg[0];
    if (e->type == LT_BOOL && x->kind == X_LOAD && x->array->type == PT_U8)
        return load_as(l, x, copy, LT_MASK);
    if (x->type == LT_INDEX) return as_kind(l, index_vector(l, x, copy), kind_of(e));
    return vector_as(l, x, copy, kind_of(e));
}

static LoopExpr *variable_vector(Lanes *l, const LoopExpr *e, int copy) {
    const Bound *bound = bound_of(l, e->var);
    LoopExpr *value = lx_var(l->a, bound->copy[copy]);
    return bound->vector ? value : stepping(l, value, bound->step);
}

static LoopExpr *draw(Lanes *l, LoopExpr *e, int copy) {
    int64_t step;
    if (!step_of(l, e->arg[0], &step) || step != 1) return fail(l);
    LoopExpr *x = lx_uniform(l->a, e->integer, first_lane(l, e->arg[0], copy));
    x->type = LT_VEC;
    return x;
}

static LoopExpr *vector_of(Lanes *l, LoopExpr *e, int copy) {
    if (l->failed) return fail(l);
    bool safe = !l->mask[copy] || !reads(e);
    if (is_vector(e->type)) return fail(l);
    if (e->type == LT_INDEX) return index_vector(l, e, copy);
    if (!varies(l, e) && safe) return lx_splat(l->a, e);
    switch (e->kind) {
    case X_VAR:
        return variable_vector(l, e, copy);
    case X_OP:
        return operator_vector(l, e, copy);
    case X_SELECT:
        return choose(l, e, copy);
    case X_CAST:
        return cast_vector(l, e, copy);
    case X_LOAD:
        return load_vector(l, e, copy);
    case X_AND:
        return conjunction(l, e, copy);
    case X_LT:
    case X_LE:
    case X_EQ:
    case X_NE:
        return index_test(l, e, copy);
    case X_UNIFORM:
        return draw(l, e, copy);
    default:
        return fail(l);
    }
}

/* ---- statements ---------------------------------------------------------------------- */

static bool is_masked(const Lanes *l) {
    return l->mask[0] != NULL;
}

/* May a scalar be evaluated once for all lanes? */
static bool is_scalar(const Lanes *l, const LoopExpr *e) {
    return !varies(l, e) && !(is_masked(l) && reads(e));
}

static Bound *bind(Lanes *l, const LoopStmt *s, bool vector, int64_t step) {
    Bound bound = {.var = s->var, .vector = vector, .step = step};
    LoopType type = vector ? vector_type(s->var->type) : s->var->type;
    for (int u = 0; u < l->copies; u++) {
        bound.copy[u] = loop_var(l->a, type, s->var->name);
        if (vector && !is_masked(l) && s->var->lo != INT64_MIN) {
            bound.copy[u]->lo = s->var->lo;
            bound.copy[u]->hi = s->var->hi;
        }
    }
    vec_push(l->a, &l->bound, bound);
    return &l->bound.at[l->bound.n - 1];
}

static void vector_let(Lanes *l, const LoopStmt *s) {
    int64_t step;
    LoopExpr *value[MOST_COPIES];
    if (is_scalar(l, s->value)) {
        ls_let(l->a, l->to, s->var, s->value);
        return;
    }
    bool steps = step_of(l, s->value, &step) && !(is_masked(l) && reads(s->value));
    for (int u = 0; u < l->copies; u++)
        value[u] = steps ? first_lane(l, s->value, u) : vector_of(l, s->value, u);
    if (l->failed) return;
    Bound *bound = bind(l, s, !steps, step);
    for (int u = 0; u < l->copies; u++) {
        if (!steps) bound->copy[u]->type = value[u]->type;
        ls_let(l->a, l->to, bound->copy[u], value[u]);
    }
}

static void vector_var(Lanes *l, const LoopStmt *s) {
    LoopExpr *value[MOST_COPIES];
    if (s->var->type == LT_INDEX || is_vector(s->var->type)) {
        fail(l);
        return;
    }
    LoopType kind = vector_type(s->var->type);
    for (int u = 0; u < l->copies; u++) value[u] = vector_as(l, s->value, u, kind);
    const Bound *bound = bind(l, s, true, 0);
    for (int u = 0; u < l->copies; u++) ls_var(l->a, l->to, bound->copy[u], value[u]);
}

static void vector_set(Lanes *l, const LoopStmt *s) {
    const Bound *bound = bound_of(l, s->var);
    if (!bound) {
        fail(l);
        return;
    }
    for (int u = 0; u < l->copies; u++) {
        LoopVar *v = bound->copy[u];
        LoopExpr *value = vector_as(l, s->value, u, v->type);
        if (l->mask[u]) {
            LoopExpr *arg[] = {l->mask[u], value, lx_var(l->a, v)};
            value = lx_op(l->a, OP_select, v->type, arg);
        }
        ls_set(l->a, l->to, v, value);
    }
}

static LoopType stored_kind(const LoopArray *array, const LoopExpr *value) {
    if (array->type == PT_F32) return LT_VEC;
    return array->type == PT_U8 && value->type == LT_MASK ? LT_MASK : LT_NVEC;
}

static void store_copy(Lanes *l, const LoopStmt *s, int copy) {
    LoopExpr *index[MAX_RANK], *mask = l->mask[copy];
    VectorPart part = part_of(l, s->rank, s->index, index, copy);
    int64_t stride;
    bool reached = vector_stride(s->rank, s->dim, index, part.step, &stride) && stride != 0;
    bool runs = stride == 1 && (!mask || starts_inside(l, s->rank, s->dim, index));
    if (!reached || (mask && !runs) || s->array->type == PT_F64 || s->array->type == PT_I64) {
        fail(l);
        return;
    }
    if (mask) mask_part(l, &part, mask);
    LoopExpr *value = vector_of(l, s->value, copy);
    value = as_kind(l, value, stored_kind(s->array, value));
    if (s->add) {
        LoopExpr *old = lx_vload_part(l->a, value->type, s->array, s->rank, s->dim, index, part);
        value = op2(l, OP_add, value->type, old, value);
    }
    ls_vstore_part(l->a, l->to, s->array, s->rank, s->dim, index, value, part);
}

static void vector_statements(Lanes *l, const LoopBlock *body);

static void vector_if(Lanes *l, const LoopStmt *s) {
    LoopBlock *to = l->to;
    LoopExpr *before[MOST_COPIES];
    if (is_scalar(l, s->value)) {
        l->to = &ls_if(l->a, to, s->value)->body;
        vector_statements(l, &s->body);
        l->to = to;
        return;
    }
    memcpy(before, l->mask, sizeof before);
    for (int u = 0; u < l->copies; u++) {
        LoopExpr *mask = vector_as(l, s->value, u, LT_MASK);
        l->mask[u] = named(l, both(l, before[u], mask));
    }
    vector_statements(l, &s->body);
    memcpy(l->mask, before, sizeof before);
}

static void vector_for(Lanes *l, const LoopStmt *s) {
    LoopBlock *to = l->to;
    if (!is_scalar(l, s->lo) || !is_scalar(l, s->hi)) {
        fail(l);
        return;
    }
    l->to = &ls_for(l->a, to, s->var, s->lo, s->hi, s->step)->body;
    vector_statements(l, &s->body);
    l->to = to;
}

static void vector_statement(Lanes *l, const LoopStmt *s) {
    switch (s->kind) {
    case S_LET:
        vector_let(l, s);
        break;
    case S_VAR:
        vector_var(l, s);
        break;
    case S_SET:
        vector_set(l, s);
        break;
    case S_STORE:
        for (int u = 0; u < l->copies && !l->failed; u++) store_copy(l, s, u);
        break;
    case S_IF:
        vector_if(l, s);
        break;
    case S_FOR:
        vector_for(l, s);
        break;
    case S_BLOCK:
        vector_statements(l, &s->body);
        break;
    case S_COMMENT:
        ls_comment(l->a, l->to, s->text);
        break;
    default:
        fail(l);
        break;
    }
}

/* What was known before is known after it, but for what constants are. */
static void vector_statements(Lanes *l, const LoopBlock *body) {
    Known *k = l->known;
    int vars = k->var.n;
    for (int i = 0; i < body->n && !l->failed; i++) {
        const LoopStmt *s = body->at[i];
        int inner = k->var.n, facts = k->fact.n;
        if (s->kind != S_LET) known_enter(k, s);
        vector_statement(l, s);
        k->var.n = inner;
        k->fact.n = facts;
        if (s->kind == S_LET) known_enter(k, s);
    }
    k->var.n = vars;
}

bool vector_body(Lanes *l, const LoopBlock *body, LoopBlock *to) {
    l->to = to;
    vector_statements(l, body);
    return !l->failed;
}
