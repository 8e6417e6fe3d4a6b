/* promote.c - local arrays as named vectors.
 *
 * Input: vector code (vectorize.c). An array is replaced when all that happens to it are loads
 * and stores of neighbouring elements from constant multiples of the vector's width on: each
 * such stretch becomes a variable, which compilers keep in a register. Where a store leaves
 * lanes out, the variable keeps what it has there. Others stay arrays. */
#include "vectorize.h"

enum { MOST_VECTORS = 32 };   /* registers, and not much more */

typedef struct Promotion {
    Arena *a;
    const LoopArray *array;
    bool refused;
    LoopVar *vector[MOST_VECTORS];
} Promotion;

/* The number of the vector at that index, or -1. */
static int64_t vector_at(int rank, LoopExpr *const *index, const VectorPart *part) {
    bool constant = rank == 1 && index[0]->kind == X_INT && part->step[0] == 1;
    bool whole = constant && index[0]->integer % LANES == 0;
    return whole ? index[0]->integer / LANES : -1;
}

/* ---- may it be replaced? ------------------------------------------------------------- */

static void look_at_expr(Promotion *p, const LoopExpr *e) {
    if (!e) return;
    for (int i = 0; i < e->narg; i++) look_at_expr(p, e->arg[i]);
    look_at_expr(p, e->part.mask);
    if (e->array != p->array) return;
    p->refused |= e->kind != X_VLOAD || vector_at(e->narg, e->arg, &e->part) < 0;
}

static void look_at_block(Promotion *p, const LoopBlock *block) {
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        look_at_expr(p, s->value);
        look_at_expr(p, s->lo);
        look_at_expr(p, s->hi);
        look_at_expr(p, s->part.mask);
        for (int j = 0; j < s->rank; j++) look_at_expr(p, s->index[j]);
        if (s->array == p->array)
            p->refused |= s->kind != S_VSTORE || vector_at(s->rank, s->index, &s->part) < 0;
        look_at_block(p, &s->body);
    }
}

/* ---- replacing ----------------------------------------------------------------------- */

static bool mentions(const Promotion *p, const LoopExpr *e) {
    if (!e) return false;
    if (e->array == p->array || mentions(p, e->part.mask)) return true;
    for (int i = 0; i < e->narg; i++)
        if (mentions(p, e->arg[i])) return true;
    return false;
}

/* A copy: the expression may be part of another version of the function. */
static LoopExpr *replaced(Promotion *p, LoopExpr *e) {
    if (!mentions(p, e)) return e;
    if (e->array == p->array)
        return lx_var(p->a, p->vector[vector_at(e->narg, e->arg, &e->part)]);
    LoopExpr *x = arena_copy(p->a, e, sizeof *e);
    x->arg = NEW_ARRAY(p->a, LoopExpr *, e->narg);
    for (int i = 0; i < e->narg; i++) x->arg[i] = replaced(p, e->arg[i]);
    x->part.mask = replaced(p, e->part.mask);
    return x;
}

static LoopExpr *lanes_written(Promotion *p, const VectorPart *part) {
    LoopExpr *count = part->count;
    if (!count && part->lanes < LANES) count = lx_int(p->a, LT_INDEX, part->lanes);
    LoopExpr *first = count ? lx_first(p->a, count) : NULL;
    if (!first || !part->mask) return first ? first : part->mask;
    return lx_op(p->a, OP_and, LT_MASK, (LoopExpr *[]){part->mask, first});
}

/* A store becomes the variable's next value. */
static void replace_store(Promotion *p, LoopStmt *s) {
    LoopVar *v = p->vector[vector_at(s->rank, s->index, &s->part)];
    LoopExpr *mask = lanes_written(p, &s->part), *value = s->value;
    if (mask) value = lx_op(p->a, OP_select, v->type, (LoopExpr *[]){mask, value, lx_var(p->a, v)});
    *s = (LoopStmt){.kind = S_SET, .var = v, .value = value};
}

static void replace_in(Promotion *p, LoopBlock *block) {
    for (int i = 0; i < block->n; i++) {
        LoopStmt *s = block->at[i];
        s->value = replaced(p, s->value);
        s->part.mask = replaced(p, s->part.mask);
        if (s->kind == S_VSTORE && s->array == p->array) replace_store(p, s);
        replace_in(p, &s->body);
    }
}

/* A variable that is set before anything else happens starts with that. */
static void start_with(LoopBlock *rest, LoopStmt *definition) {
    for (int i = 0; i < rest->n && !rest->at[i]->body.n; i++) {
        LoopStmt *s = rest->at[i];
        bool constant = s->value && s->value->kind == X_SPLAT && s->value->arg[0]->narg == 0;
        if ((s->kind != S_SET && s->kind != S_VAR) || !constant) return;
        if (s->kind != S_SET || s->var != definition->var) continue;
        definition->value = s->value;
        for (rest->n--; i < rest->n; i++) rest->at[i] = rest->at[i + 1];
        return;
    }
}

static LoopExpr *zeros(Arena *a, LoopType t) {
    return lx_splat(a, t == LT_VEC ? lx_real(a, 0) : lx_int(a, LT_I32, 0));
}

/* The declaration becomes those of its vectors. */
static void declare(Promotion *p, LoopBlock *to) {
    LoopType type = p->array->type == PT_F32 ? LT_VEC : LT_NVEC;
    int64_t count = (p->array->elements + LANES - 1) / LANES;
    for (int64_t i = 0; i < count; i++) {
        const char *name = count == 1 ? p->array->name
                                      : arena_printf(p->a, "%s%d", p->array->name, (int)i);
        p->vector[i] = loop_var(p->a, type, name);
        ls_var(p->a, to, p->vector[i], zeros(p->a, type));
    }
}

static bool may_replace(Promotion *p, const LoopBlock *block) {
    PlaceType type = p->array->type;
    int64_t elements = p->array->elements;
    if ((type != PT_F32 && type != PT_I32) || elements > MOST_VECTORS * LANES) return false;
    look_at_block(p, block);
    return !p->refused;
}

void promote_arrays(Arena *a, LoopBlock *body) {
    LoopBlock to = {0};
    for (int i = 0; i < body->n; i++) {
        LoopStmt *s = body->at[i];
        Promotion p = {.a = a, .array = s->array};
        LoopBlock rest = {.at = body->at + i + 1, .n = body->n - i - 1};
        if (s->kind == S_ARRAY && may_replace(&p, &rest)) {
            int first = to.n;
            declare(&p, &to);
            replace_in(&p, &rest);
            for (int k = first; k < to.n; k++) start_with(&rest, to.at[k]);
            body->n = i + 1 + rest.n;
            continue;
        }
        promote_arrays(a, &s->body);
        vec_push(a, &to, s);
    }
    *body = to;
}
