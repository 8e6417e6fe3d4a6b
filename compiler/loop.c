/* loop.c - building the loop IR. Index arithmetic folds constants and drops neutral
 * elements, so that schedules may write the general form and readers see the special one.
 * Everything lives in the arena that is passed along. */
#include "loop.h"

static LoopExpr *make(Arena *a, LoopExprKind kind, LoopType type, int narg, LoopExpr *const *arg) {
    LoopExpr *e = NEW(a, LoopExpr);
    e->kind = kind;
    e->type = type;
    e->narg = narg;
    e->arg = narg ? arena_copy(a, arg, (size_t)narg * sizeof *arg) : NULL;
    return e;
}

static LoopExpr *make2(Arena *a, LoopExprKind kind, LoopType type, LoopExpr *x, LoopExpr *y) {
    return make(a, kind, type, 2, (LoopExpr *[]){x, y});
}

static bool is_int(const LoopExpr *e, int64_t v) {
    return e->kind == X_INT && e->integer == v;
}

LoopExpr *lx_int(Arena *a, LoopType t, int64_t v) {
    LoopExpr *e = make(a, X_INT, t, 0, NULL);
    e->integer = v;
    return e;
}

LoopExpr *lx_real(Arena *a, double v) {
    LoopExpr *e = make(a, X_REAL, LT_F32, 0, NULL);
    e->real = v;
    return e;
}

LoopExpr *lx_var(Arena *a, LoopVar *v) {
    LoopExpr *e = make(a, X_VAR, v->type, 0, NULL);
    e->var = v;
    return e;
}

/* ---- index arithmetic ---------------------------------------------------------------- */

static LoopExpr *index_int(Arena *a, int64_t v) {
    return lx_int(a, LT_INDEX, v);
}

LoopExpr *lx_add(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (x->kind == X_INT && y->kind == X_INT) return index_int(a, x->integer + y->integer);
    if (is_int(x, 0)) return y;
    if (is_int(y, 0)) return x;
    if (x->kind == X_INT) return lx_add(a, y, x);
    if (y->kind == X_INT && x->kind == X_ADD && x->arg[1]->kind == X_INT)
        return lx_add(a, x->arg[0], index_int(a, x->arg[1]->integer + y->integer));
    if (y->kind == X_INT && x->kind == X_SUB && x->arg[1]->kind == X_INT)
        return lx_add(a, x->arg[0], index_int(a, y->integer - x->arg[1]->integer));
    if (y->kind == X_INT && y->integer < 0)
        return make2(a, X_SUB, LT_INDEX, x, index_int(a, -y->integer));
    return make2(a, X_ADD, LT_INDEX, x, y);
}

LoopExpr *lx_sub(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (y->kind == X_INT) return lx_add(a, x, index_int(a, -y->integer));
    return make2(a, X_SUB, LT_INDEX, x, y);
}

LoopExpr *lx_mul(Arena *a, LoopExpr *x, int64_t c) {
    if (x->kind == X_INT) return index_int(a, x->integer * c);
    if (c == 0) return index_int(a, 0);
    if (c == 1) return x;
    return make2(a, X_MUL, LT_INDEX, x, index_int(a, c));
}

LoopExpr *lx_times(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (y->kind == X_INT) return lx_mul(a, x, y->integer);
    if (x->kind == X_INT) return lx_mul(a, y, x->integer);
    return make2(a, X_MUL, LT_INDEX, x, y);
}

LoopExpr *lx_quo(Arena *a, LoopExpr *x, int64_t c) {
    return c == 1 ? x : make2(a, X_QUO, LT_INDEX, x, index_int(a, c));
}

LoopExpr *lx_rem(Arena *a, LoopExpr *x, int64_t c) {
    return c == 1 ? index_int(a, 0) : make2(a, X_REM, LT_INDEX, x, index_int(a, c));
}

LoopExpr *lx_min(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (x->kind == X_INT && y->kind == X_INT) return x->integer < y->integer ? x : y;
    return make2(a, X_MIN, LT_INDEX, x, y);
}

LoopExpr *lx_max(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (x->kind == X_INT && y->kind == X_INT) return x->integer > y->integer ? x : y;
    return make2(a, X_MAX, LT_INDEX, x, y);
}

LoopExpr *lx_test(Arena *a, LoopExprKind k, LoopExpr *x, LoopExpr *y) {
    return make2(a, k, LT_BOOL, x, y);
}

LoopExpr *lx_and(Arena *a, LoopExpr *x, LoopExpr *y) {
    if (!x) return y;
    if (!y) return x;
    return make2(a, X_AND, LT_BOOL, x, y);
}

/* ---- scalars and vectors ------------------------------------------------------------- */

LoopExpr *lx_op(Arena *a, Op op, LoopType t, LoopExpr *const *arg) {
    LoopExpr *e = make(a, X_OP, t, op_info[op].arity, arg);
    e->op = op;
    return e;
}

LoopExpr *lx_select(Arena *a, LoopExpr *c, LoopExpr *x, LoopExpr *y) {
    return make(a, X_SELECT, x->type, 3, (LoopExpr *[]){c, x, y});
}

LoopExpr *lx_cast(Arena *a, LoopType t, LoopExpr *x) {
    if (x->type == t) return x;
    if (x->kind == X_INT && t != LT_F32) return lx_int(a, t, x->integer);
    return make(a, X_CAST, t, 1, &x);
}

static LoopType element_type(PlaceType t) {
    return t == PT_F32 ? LT_F32 : LT_I32;
}

static LoopExpr *access(Arena *a, LoopExprKind kind, LoopType type, LoopArray *from, int rank,
        const int64_t *dim, LoopExpr *const *index) {
    LoopExpr *e = make(a, kind, type, rank, index);
    e->array = from;
    e->dim = rank ? arena_copy(a, dim, (size_t)rank * sizeof *dim) : NULL;
    return e;
}

LoopExpr *lx_load(Arena *a, LoopArray *from, int rank, const int64_t *dim, LoopExpr *const *index) {
    return access(a, X_LOAD, element_type(from->type), from, rank, dim, index);
}

LoopExpr *lx_vload_part(Arena *a, LoopType t, LoopArray *from, int rank, const int64_t *dim,
        LoopExpr *const *index, VectorPart part) {
    LoopExpr *e = access(a, X_VLOAD, t, from, rank, dim, index);
    e->part = part;
    return e;
}

/* `lanes` neighbours along the last axis that is more than one element. */
static VectorPart neighbours(Arena *a, int rank, const int64_t *dim, int lanes) {
    int64_t *step = NEW_ARRAY(a, int64_t, rank + 1);
    int axis = rank - 1;
    while (axis > 0 && dim[axis] == 1) axis--;
    if (rank) step[axis] = 1;
    return (VectorPart){.step = step, .lanes = lanes};
}

LoopExpr *lx_vload(Arena *a, LoopArray *from, int rank, const int64_t *dim, LoopExpr *const *index,
        int lanes) {
    return lx_vload_part(a, LT_VEC, from, rank, dim, index, neighbours(a, rank, dim, lanes));
}

bool vector_stride(int rank, const int64_t *dim, LoopExpr *const *index, const int64_t *step,
        int64_t *stride) {
    int64_t unit = 1;
    *stride = 0;
    for (int i = rank - 1; i >= 0; i--) {
        if (index[i]->type == LT_NVEC || (unit == 0 && step[i] != 0)) return false;
        *stride += step[i] * unit;
        unit = dim[i] == DIM_BATCH ? 0 : unit * dim[i]; /* outside of the rows: not constant */
    }
    return true;
}

LoopType vector_type(LoopType scalar) {
    return scalar == LT_F32 ? LT_VEC : scalar == LT_BOOL ? LT_MASK : LT_NVEC;
}

bool is_vector(LoopType t) {
    return t == LT_VEC || t == LT_NVEC || t == LT_MASK;
}

LoopExpr *lx_splat(Arena *a, LoopExpr *x) {
    return make(a, X_SPLAT, vector_type(x->type), 1, &x);
}

LoopExpr *lx_lane(Arena *a) {
    return make(a, X_LANE, LT_NVEC, 0, NULL);
}

LoopExpr *lx_first(Arena *a, LoopExpr *count) {
    return make(a, X_FIRST, LT_MASK, 1, &count);
}

LoopExpr *lx_vfold(Arena *a, Op op, LoopExpr *x) {
    LoopExpr *e = make(a, X_VFOLD, x->type == LT_VEC ? LT_F32 : LT_I32, 1, &x);
    e->op = op;
    return e;
}

LoopExpr *lx_vadd(Arena *a, LoopExpr *x, LoopExpr *y) {
    return make2(a, X_VADD, LT_VEC, x, y);
}

LoopExpr *lx_fma(Arena *a, LoopExpr *x, LoopExpr *y, LoopExpr *z) {
    return make(a, X_FMA, LT_VEC, 3, (LoopExpr *[]){x, y, z});
}

LoopExpr *lx_uniform(Arena *a, int64_t stream, LoopExpr *element) {
    LoopExpr *e = make(a, X_UNIFORM, LT_F32, 1, &element);
    e->integer = stream;
    return e;
}

LoopVar *loop_var(Arena *a, LoopType t, const char *name) {
    LoopVar *v = NEW(a, LoopVar);
    v->name = name;
    v->type = t;
    v->lo = INT64_MIN;
    v->hi = INT64_MAX;
    return v;
}

LoopArray *loop_array(Arena *a, PlaceType t, int64_t elements, const char *name) {
    LoopArray *array = NEW(a, LoopArray);
    array->name = name;
    array->type = t;
    array->elements = elements;
    array->lo = t == PT_U8 ? 0 : INT32_MIN;
    array->hi = t == PT_U8 ? UINT8_MAX : INT32_MAX;
    return array;
}

LoopType loop_type(DType t) {
    static const LoopType of[] = {
            [T_F32] = LT_F32, [T_I32] = LT_I32, [T_U8] = LT_I32, [T_BOOL] = LT_BOOL};
    return of[t];
}

/* ---- statements ---------------------------------------------------------------------- */

static LoopStmt *append(Arena *a, LoopBlock *to, LoopStmtKind kind) {
    LoopStmt *s = NEW(a, LoopStmt);
    s->kind = kind;
    vec_push(a, to, s);
    return s;
}

LoopStmt *ls_for(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *lo, LoopExpr *hi, int64_t step) {
    LoopStmt *s = append(a, to, S_FOR);
    s->var = v;
    s->lo = lo;
    s->hi = hi;
    s->step = step;
    return s;
}

static void define(Arena *a, LoopBlock *to, LoopStmtKind kind, LoopVar *v, LoopExpr *value) {
    LoopStmt *s = append(a, to, kind);
    s->var = v;
    s->value = value;
}

LoopExpr *ls_let(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value) {
    define(a, to, S_LET, v, value);
    return lx_var(a, v);
}

void ls_var(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value) {
    v->mutable = true;
    define(a, to, S_VAR, v, value);
}

void ls_set(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value) {
    define(a, to, S_SET, v, value);
}

LoopStmt *ls_array(Arena *a, LoopBlock *to, LoopArray *array) {
    LoopStmt *s = append(a, to, S_ARRAY);
    array->local = array->written = true;
    s->array = array;
    return s;
}

void ls_transpose(Arena *a, LoopBlock *to, LoopArray *array) {
    append(a, to, S_TRANSPOSE)->array = array;
}

static LoopStmt *store(Arena *a, LoopBlock *to, LoopStmtKind kind, LoopArray *array, int rank,
        const int64_t *dim, LoopExpr *const *index, LoopExpr *value) {
    LoopStmt *s = append(a, to, kind);
    array->written = true;
    s->array = array;
    s->rank = rank;
    s->dim = rank ? arena_copy(a, dim, (size_t)rank * sizeof *dim) : NULL;
    s->index = rank ? arena_copy(a, index, (size_t)rank * sizeof *index) : NULL;
    s->value = value;
    return s;
}

LoopStmt *ls_prefetch(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
        LoopExpr *const *index) {
    LoopStmt *s = append(a, to, S_PREFETCH);
    s->array = array;
    s->rank = rank;
    s->dim = rank ? arena_copy(a, dim, (size_t)rank * sizeof *dim) : NULL;
    s->index = rank ? arena_copy(a, index, (size_t)rank * sizeof *index) : NULL;
    s->rows = s->lines = 1;
    return s;
}

LoopStmt *ls_store(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
        LoopExpr *const *index, LoopExpr *value, bool add) {
    LoopStmt *s = store(a, to, S_STORE, array, rank, dim, index, value);
    s->add = add;
    return s;
}

LoopStmt *ls_vstore_part(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
        LoopExpr *const *index, LoopExpr *value, VectorPart part) {
    LoopStmt *s = store(a, to, S_VSTORE, array, rank, dim, index, value);
    s->part = part;
    return s;
}

LoopStmt *ls_vstore(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
        LoopExpr *const *index, LoopExpr *value, int lanes) {
    VectorPart part = neighbours(a, rank, dim, lanes);
    return ls_vstore_part(a, to, array, rank, dim, index, value, part);
}

LoopStmt *ls_if(Arena *a, LoopBlock *to, LoopExpr *condition) {
    LoopStmt *s = append(a, to, S_IF);
    s->value = condition;
    return s;
}

LoopStmt *ls_block(Arena *a, LoopBlock *to) {
    return append(a, to, S_BLOCK);
}

void ls_comment(Arena *a, LoopBlock *to, const char *text) {
    append(a, to, S_COMMENT)->text = text;
}
