/* loop_parallel.c - whether the iterations of a loop are independent, so that they may run on
 * several threads, or side by side in the lanes of vectors.
 *
 * They are when each array that is stored in the loop has an axis along which iterations keep
 * to ranges of their own, in loads too, and when scalars and local arrays that change are
 * defined inside. Along an axis, all accesses have to be c * v + outer + rest: v the loop's
 * variable, c and outer (what does not change in the loop) the same for all of them, rest in
 * [0, c * step). An access that takes neighbouring axes for one has the first axis in common
 * with others, where as many elements lie behind it. */
#include "loop_prove.h"

/* How an index moves with the loop. */
typedef struct Apart {
    int64_t c;
    Linear outer;
} Apart;

typedef struct Parallel {
    Known *known;
    const LoopStmt *loop;
    const LoopArray *array;   /* the one that is looked at */
    uint32_t axes;            /* along which all its accesses so far keep apart */
    int rank;                 /* of the first access; -1: none so far */
    const int64_t *dim;       /* its extents */
    Apart axis[MAX_RANK];
    Vec(const LoopArray *) stored;
    Vec(const LoopVar *) inside;
    Vec(const LoopArray *) arrays_inside;
    const char *shared;       /* by all iterations */
} Parallel;

/* ---- one index ----------------------------------------------------------------------- */

/* May it have another value in another iteration, though no variable of it is inside? */
static bool may_change(const LoopExpr *e) {
    if (e->kind == X_VAR && e->var->mutable) return true;
    bool load = e->kind == X_LOAD || e->kind == X_VLOAD;
    if (load && e->array->written) return true;
    for (int i = 0; i < e->narg; i++)
        if (may_change(e->arg[i])) return true;
    return false;
}

static bool is_outer(const Parallel *p, const LoopExpr *atom) {
    int order = order_of(p->known, atom), loop = p->known->var.n - 1;
    while (loop >= 0 && p->known->var.at[loop].var != p->loop->var) loop--;
    return order < loop && !may_change(atom);
}

/* Takes the loop's variable out of the sum; its coefficient. */
static int64_t take_variable(const Parallel *p, Linear *rest) {
    for (int i = 0; i < rest->n; i++) {
        const LoopExpr *atom = rest->term[i].atom;
        if (atom->kind != X_VAR || atom->var != p->loop->var) continue;
        int64_t c = rest->term[i].c;
        rest->term[i] = rest->term[--rest->n];
        return c;
    }
    return 0;
}

/* 0 <= rest and rest + reach < size */
static bool stays_in(const Known *k, const Linear *rest, int64_t reach, int64_t size) {
    Linear room = linear_number(size - 1 - reach), left = linear_sum(&room, rest, -1);
    return is_never_negative(k, rest) && is_never_negative(k, &left);
}

/* What does not change in the loop, in multiples of what an iteration may reach. */
static Linear take_outer(const Parallel *p, Linear *rest, int64_t size) {
    Linear outer = linear_number(rest->c0 - ((rest->c0 % size) + size) % size);
    rest->c0 -= outer.c0;
    for (int i = 0; i < rest->n;) {
        if (!is_outer(p, rest->term[i].atom)) {
            i++;
            continue;
        }
        outer.term[outer.n++] = rest->term[i];
        rest->term[i] = rest->term[--rest->n];
    }
    return outer;
}

static bool keeps_apart(const Parallel *p, const LoopExpr *index, int64_t reach, Apart *apart) {
    if (index->type != LT_INDEX || reach < 0) return false;
    Linear rest = linear_of(p->known, index);
    *apart = (Apart){.c = take_variable(p, &rest)};
    int64_t size = apart->c * p->loop->step;
    if (apart->c <= 0 || rest.broken) return false;
    if (stays_in(p->known, &rest, reach, size)) return true;
    apart->outer = take_outer(p, &rest, size);
    return stays_in(p->known, &rest, reach, size);
}

static bool same_way(const Apart *a, const Apart *b) {
    Linear difference = linear_sum(&a->outer, &b->outer, -1);
    return a->c == b->c && !difference.broken && difference.n == 0 && difference.c0 == 0;
}

/* ---- all accesses -------------------------------------------------------------------- */

/* Elements from one index of the first axis to the next; 0: not known. */
static int64_t first_stride(const int64_t *dim, int rank) {
    int64_t stride = 1;
    for (int i = 1; i < rank; i++) stride = dim[i] > 0 ? stride * dim[i] : 0;
    return stride;
}

static void narrow_axes(Parallel *p, const LoopArray *a, int rank, const int64_t *dim,
        LoopExpr *const *index, const VectorPart *part) {
    if (a != p->array) return;
    uint32_t axes = 0;
    bool first = p->rank < 0;
    if (first) {
        p->rank = rank;
        p->dim = dim;
    }
    int64_t stride = first_stride(dim, rank);
    int common = rank == p->rank ? rank : stride > 0 && stride == first_stride(p->dim, p->rank);
    for (int i = 0; i < common; i++) {
        int64_t reach = part ? part->step[i] * (part->lanes - 1) : 0;
        Apart apart;
        if (!keeps_apart(p, index[i], reach, &apart)) continue;
        if (first) p->axis[i] = apart;
        if (first || same_way(&apart, &p->axis[i])) axes |= 1u << i;
    }
    p->axes &= axes;
}

static void look_at_expr(Parallel *p, const LoopExpr *e) {
    if (!e) return;
    for (int i = 0; i < e->narg; i++) look_at_expr(p, e->arg[i]);
    look_at_expr(p, e->part.count);
    look_at_expr(p, e->part.mask);
    if (e->kind == X_LOAD) narrow_axes(p, e->array, e->narg, e->dim, e->arg, NULL);
    if (e->kind == X_VLOAD) narrow_axes(p, e->array, e->narg, e->dim, e->arg, &e->part);
}

static void look_at_block(Parallel *p, const LoopBlock *block);

static void look_at_statement(Parallel *p, const LoopStmt *s) {
    Known *k = p->known;
    int vars = k->var.n, facts = k->fact.n;
    look_at_expr(p, s->value);
    look_at_expr(p, s->lo);
    look_at_expr(p, s->hi);
    look_at_expr(p, s->part.count);
    look_at_expr(p, s->part.mask);
    for (int j = 0; j < s->rank; j++) look_at_expr(p, s->index[j]);
    if (s->kind == S_STORE) narrow_axes(p, s->array, s->rank, s->dim, s->index, NULL);
    if (s->kind == S_VSTORE) narrow_axes(p, s->array, s->rank, s->dim, s->index, &s->part);
    known_enter(k, s);
    look_at_block(p, &s->body);
    if (s->kind != S_LET) k->var.n = vars;
    k->fact.n = facts;
}

static void look_at_block(Parallel *p, const LoopBlock *block) {
    int vars = p->known->var.n;
    for (int i = 0; i < block->n; i++) look_at_statement(p, block->at[i]);
    p->known->var.n = vars;
}

/* ---- what there is to look at -------------------------------------------------------- */

static bool is_inside_array(const Parallel *p, const LoopArray *a) {
    for (int i = 0; i < p->arrays_inside.n; i++)
        if (p->arrays_inside.at[i] == a) return true;
    return false;
}

static bool is_inside(const Parallel *p, const LoopVar *v) {
    for (int i = 0; i < p->inside.n; i++)
        if (p->inside.at[i] == v) return true;
    return false;
}

static bool is_stored(const Parallel *p, const LoopArray *a) {
    for (int i = 0; i < p->stored.n; i++)
        if (p->stored.at[i] == a) return true;
    return false;
}

/* What the loop's body defines, and which arrays from outside it stores. */
static void collect(Parallel *p, const LoopBlock *block) {
    Arena *a = p->known->arena;
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        if (s->kind == S_VAR) vec_push(a, &p->inside, s->var);
        if (s->kind == S_ARRAY) vec_push(a, &p->arrays_inside, s->array);
        if (s->kind == S_SET && !is_inside(p, s->var))
            p->shared = arena_printf(a, "threads share: %s", s->var->name);
        bool stores = s->kind == S_STORE || s->kind == S_VSTORE || s->kind == S_TRANSPOSE;
        if (stores && !is_inside_array(p, s->array) && !is_stored(p, s->array))
            vec_push(a, &p->stored, s->array);
        collect(p, &s->body);
    }
}

const char *loop_shares(Known *k, const LoopStmt *loop) {
    Parallel p = {.known = k, .loop = loop};
    collect(&p, &loop->body);
    for (int i = 0; i < p.stored.n && !p.shared; i++) {
        p.array = p.stored.at[i];
        p.axes = ~0u;
        p.rank = -1;
        look_at_block(&p, &loop->body);
        if (!p.axes)
            p.shared = arena_printf(k->arena, "iterations of a parallel loop meet: %s",
                    p.array->name ? p.array->name : "an array");
    }
    return p.shared;
}
