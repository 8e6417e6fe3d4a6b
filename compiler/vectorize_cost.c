/* vectorize_cost.c - an estimate of what loops take, in simple operations on a register of
 * any width: what decides which loop of a nest becomes vector code. See vectorize.h. */
#include "vectorize.h"

#include <string.h>

enum {
    DIVISION = 5,             /* what is no function, but slow */
    FUNCTION = 25,            /* exp, tanh and so on */
    LOCAL = 8,                /* an element of a local array: its vector could be a register */
    LANE_BY_LANE = 20,        /* sixteen elements that are apart */
    JOINED = 12,              /* the lanes of a vector */
    TEST = 2,                 /* a branch */
    DRAW = 60
};

static double operator_cost(const LoopExpr *e) {
    const OpInfo *info = &op_info[e->op];
    bool integers = e->arg[e->narg - 1]->type == LT_NVEC;
    if (info->flags & OPF_CHEAP) return 1;
    if (integers) return LANE_BY_LANE;
    return info->real && !strchr(info->real, '(') ? DIVISION : FUNCTION;
}

static double vector_access_cost(int rank, const int64_t *dim, LoopExpr *const *index,
        const VectorPart *part) {
    int64_t stride;
    bool apart = !vector_stride(rank, dim, index, part->step, &stride) || stride != 1;
    return apart ? LANE_BY_LANE : 1;
}

static double expr_cost(const LoopExpr *e) {
    double cost = 0;
    for (int i = 0; i < e->narg; i++) cost += expr_cost(e->arg[i]);
    if (e->part.mask) cost += expr_cost(e->part.mask);
    switch (e->kind) {
    case X_INT:
    case X_REAL:
    case X_VAR:
    case X_SPLAT:
    case X_LANE:
        return cost;
    case X_OP:
        return cost + operator_cost(e);
    case X_LOAD:
        return e->array->local ? LOCAL : 1; /* addresses cost nothing */
    case X_VLOAD:
        return cost + vector_access_cost(e->narg, e->dim, e->arg, &e->part);
    case X_VFOLD:
        return cost + JOINED;
    case X_UNIFORM:
        return cost + (is_vector(e->type) ? 4 * DRAW : DRAW);
    case X_SELECT:
        return cost + TEST;
    default:
        return cost + 1;
    }
}

/* How often a loop's body runs; a call has a batch of rows. */
static double turns_of(const LoopStmt *s, int64_t batch) {
    double hi = (double)batch, lo = 0;
    if (s->hi->kind == X_INT) hi = (double)s->hi->integer;
    if (s->hi->kind == X_MUL && s->hi->arg[1]->kind == X_INT)
        hi = (double)batch * (double)s->hi->arg[1]->integer;
    if (s->lo->kind == X_INT) lo = (double)s->lo->integer;
    double turns = (hi - lo) / (double)s->step;
    return turns > 1 ? turns : 1;
}

static double statement_cost(const LoopStmt *s, int64_t batch) {
    double cost = s->value ? expr_cost(s->value) : 0;
    switch (s->kind) {
    case S_FOR:
        return turns_of(s, batch) * (1 + block_cost(&s->body, batch));
    case S_STORE:
        return cost + (s->array->local ? LOCAL : 1);
    case S_VSTORE:
        return cost + vector_access_cost(s->rank, s->dim, s->index, &s->part);
    default:
        return cost + block_cost(&s->body, batch);
    }
}

double block_cost(const LoopBlock *block, int64_t batch) {
    double cost = 0;
    for (int i = 0; i < block->n; i++) cost += statement_cost(block->at[i], batch);
    return cost;
}
