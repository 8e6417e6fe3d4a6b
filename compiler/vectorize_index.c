/* vectorize_index.c - how integers move from lane to lane. See vectorize.h. */
#include "vectorize.h"

const Bound *bound_of(const Lanes *l, const LoopVar *v) {
    for (int i = l->bound.n - 1; i >= 0; i--)
        if (l->bound.at[i].var == v) return &l->bound.at[i];
    return NULL;
}

bool varies(const Lanes *l, const LoopExpr *e) {
    if (e->kind == X_VAR) return e->var == l->loop->var || bound_of(l, e->var);
    for (int i = 0; i < e->narg; i++)
        if (varies(l, e->arg[i])) return true;
    return false;
}

bool reads(const LoopExpr *e) {
    if (e->kind == X_LOAD || e->kind == X_VLOAD) return true;
    for (int i = 0; i < e->narg; i++)
        if (reads(e->arg[i])) return true;
    return false;
}

/* ---- steps --------------------------------------------------------------------------- */

/* Is the first lane's value a multiple of LANES? */
static bool is_aligned(const Lanes *l, const LoopExpr *e) {
    if (e->kind == X_INT) return e->integer % LANES == 0;
    if (e->kind == X_VAR) return e->var == l->loop->var && l->aligned;
    if (e->kind == X_MUL && e->arg[1]->kind == X_INT && e->arg[1]->integer % LANES == 0)
        return true;
    if (e->kind != X_ADD && e->kind != X_SUB && e->kind != X_MUL) return false;
    return is_aligned(l, e->arg[0]) && (e->kind == X_MUL || is_aligned(l, e->arg[1]));
}

/* (x + lane * step) / c, its remainder: exact where c divides the step, or where the lanes
 * stay between two multiples of c. */
static bool quotient_step(const Lanes *l, const LoopExpr *e, int64_t *step) {
    int64_t c = e->arg[1]->integer, inner;
    bool quotient = e->kind == X_QUO;
    if (!step_of(l, e->arg[0], &inner)) return false;
    bool together = inner == 1 && c % LANES == 0 && is_aligned(l, e->arg[0]);
    *step = together ? !quotient : quotient ? inner / c : 0;
    return together || inner % c == 0;
}

static bool sum_step(const Lanes *l, const LoopExpr *e, int64_t *step) {
    int64_t x, y;
    if (!step_of(l, e->arg[0], &x) || !step_of(l, e->arg[1], &y)) return false;
    *step = e->kind == X_ADD ? x + y : x - y;
    return true;
}

static bool variable_step(const Lanes *l, const LoopVar *v, int64_t *step) {
    const Bound *bound = bound_of(l, v);
    *step = bound ? bound->step : 1;
    return v == l->loop->var || (bound && !bound->vector);
}

bool step_of(const Lanes *l, const LoopExpr *e, int64_t *step) {
    *step = 0;
    if (!varies(l, e)) return true;
    bool integer = e->type == LT_INDEX || e->type == LT_I32;
    if (!integer) return false;
    switch (e->kind) {
    case X_VAR:
        return variable_step(l, e->var, step);
    case X_ADD:
    case X_SUB:
        return sum_step(l, e, step);
    case X_MUL:
        if (e->arg[1]->kind != X_INT || !step_of(l, e->arg[0], step)) return false;
        *step *= e->arg[1]->integer;
        return true;
    case X_QUO:
    case X_REM:
        return quotient_step(l, e, step);
    case X_CAST:
        return step_of(l, e->arg[0], step);
    default:
        return false;
    }
}

/* ---- the first lane ------------------------------------------------------------------ */

static LoopExpr *rebuilt(const Lanes *l, LoopExpr *e, LoopExpr **arg) {
    Arena *a = l->a;
    LoopExpr *x;
    switch (e->kind) {
    case X_ADD:
        return lx_add(a, arg[0], arg[1]);
    case X_SUB:
        return lx_sub(a, arg[0], arg[1]);
    case X_MUL:
        return lx_times(a, arg[0], arg[1]);
    case X_QUO:
    case X_REM:
        if (arg[0]->kind == X_INT && arg[0]->integer >= 0) {
            int64_t c = arg[1]->integer, v = arg[0]->integer;
            return lx_int(a, e->type, e->kind == X_QUO ? v / c : v % c);
        }
        x = e->kind == X_QUO ? lx_quo(a, arg[0], arg[1]->integer)
                             : lx_rem(a, arg[0], arg[1]->integer);
        x->integer = e->integer;
        return x;
    case X_MIN:
        return lx_min(a, arg[0], arg[1]);
    case X_MAX:
        return lx_max(a, arg[0], arg[1]);
    case X_CAST:
        return lx_cast(a, e->type, arg[0]);
    default:
        x = arena_copy(a, e, sizeof *e);
        x->arg = arg;
        return x;
    }
}

LoopExpr *first_lane(const Lanes *l, LoopExpr *e, int copy) {
    if (!varies(l, e)) return e;
    if (e->kind == X_VAR) {
        const Bound *bound = bound_of(l, e->var);
        return bound ? lx_var(l->a, bound->copy[copy]) : l->base[copy];
    }
    LoopExpr **arg = NEW_ARRAY(l->a, LoopExpr *, e->narg);
    for (int i = 0; i < e->narg; i++) arg[i] = first_lane(l, e->arg[i], copy);
    return rebuilt(l, e, arg);
}
