/* builder_value.c - graph expressions as loop expressions.
 *
 * Shared and large parts become named scalars, so that text stays linear in the graph;
 * what does not change in the innermost loop is named in front of it. Integer expressions
 * are computed as indices (int64_t, never wrapping) where they index, and where they are
 * sums of variables that cannot leave 32 bits. A load under a guard is one conditional
 * expression: nothing is read where the guard is false. */
#include "graph_tables.h"
#include "schedule.h"

#include <string.h>

enum { LARGE = 6 }; /* operators in an expression before it gets a name */

/* ---- what is placed ------------------------------------------------------------------ */

typedef struct Placed {
    Expr *e;
    LoopExpr *value;
    int depth, serial;
} Placed;

static Placed *placed_slot(const Builder *b, const Expr *e) {
    size_t k = (size_t)hash_mix(5, (uint64_t)e->id) & (b->placed_cap - 1);
    while (b->placed[k].e && b->placed[k].e != e) k = (k + 1) & (b->placed_cap - 1);
    return &b->placed[k];
}

static void grow_placed(Builder *b) {
    Placed *old = b->placed;
    size_t cap = b->placed_cap;
    b->placed_cap = cap ? 2 * cap : 64;
    b->placed = NEW_ARRAY(b->a, Placed, b->placed_cap);
    for (size_t k = 0; k < cap; k++)
        if (old[k].e) *placed_slot(b, old[k].e) = old[k];
}

static LoopExpr *find_placed(Builder *b, const Expr *e) {
    if (!b->placed_cap) return NULL;
    const Placed *p = placed_slot(b, e);
    bool open = p->e && p->depth <= b->depth && b->level[p->depth].serial == p->serial;
    return open ? p->value : NULL;
}

static void remember(Builder *b, Expr *e, LoopExpr *value, int depth) {
    if (2 * (b->placed_n + 1) > b->placed_cap) grow_placed(b);
    Placed *p = placed_slot(b, e);
    if (!p->e) b->placed_n++;
    *p = (Placed){e, value, depth, b->level[depth].serial};
}

/* ---- uses ---------------------------------------------------------------------------- */

/* How often each expression of a kernel is an operand, 2 standing for more than once; as
 * large as the kernel, not as the graph. */
typedef struct Used {
    const Expr *e;
    int count;
} Used;
struct UseTable {
    Arena *arena;
    Used *used;
    size_t cap, n;
};

static Used *used_slot(const struct UseTable *t, const Expr *e) {
    size_t k = (size_t)hash_mix(7, (uint64_t)e->id) & (t->cap - 1);
    while (t->used[k].e && t->used[k].e != e) k = (k + 1) & (t->cap - 1);
    return &t->used[k];
}

static void grow_uses(struct UseTable *t) {
    Used *old = t->used;
    size_t cap = t->cap;
    t->cap = cap ? 2 * cap : 64;
    t->used = NEW_ARRAY(t->arena, Used, t->cap);
    for (size_t k = 0; k < cap; k++)
        if (old[k].e) *used_slot(t, old[k].e) = old[k];
}

static void count_use(struct UseTable *t, const Expr *e) {
    if (!e) return;
    if (2 * (t->n + 1) > t->cap) grow_uses(t);
    Used *u = used_slot(t, e);
    if (!u->e) t->n++;
    u->e = e;
    if (u->count < 2) u->count++;
}

static void count_operands(void *ctx, Expr *e) {
    struct UseTable *t = ctx;
    for (int i = 0; i < e->narg; i++) count_use(t, e->arg[i]);
    count_use(t, e->guard);
}

void builder_count_uses(Builder *b, Expr *e) {
    if (!b->uses) {
        b->uses = NEW(b->a, struct UseTable);
        b->uses->arena = b->a;
    }
    if (!e) return;
    count_use(b->uses, e);
    expr_walk_more(b->g, e, count_operands, b->uses);
}

static bool shared(const Builder *b, const Expr *e) {
    return b->uses && b->uses->cap && used_slot(b->uses, e)->count > 1;
}

/* ---- placing ------------------------------------------------------------------------- */

static int depth_of(const Builder *b, const Expr *e) {
    int depth = 0;
    while (depth < b->depth && (e->vars & ~b->level[depth].vars)) depth++;
    return depth;
}

static int weight_of(const LoopExpr *x) {
    if (x->kind == X_VAR || x->kind == X_INT || x->kind == X_REAL) return 0;
    int weight = 1;
    for (int i = 0; i < x->narg && x->kind != X_LOAD; i++) weight += weight_of(x->arg[i]);
    return weight;
}

static bool is_atom(const LoopExpr *x) {
    return x->kind == X_VAR || x->kind == X_INT || x->kind == X_REAL;
}

static bool is_assumed(const Builder *b, const Expr *e) {
    for (int i = 0; i < b->assumed.n; i++)
        if (b->assumed.at[i] == e) return true;
    return false;
}

/* Is what it reads there wherever its variables are known? Else only inside the loops and
 * tests that its guard was taken over by. */
static bool readable_anywhere(const Expr *e) {
    if (e->kind != E_LOAD) {
        for (int i = 0; i < e->narg; i++)
            if (!readable_anywhere(e->arg[i])) return false;
        return true;
    }
    bool inside = true;
    for (int i = 0; i < e->narg; i++) {
        int64_t dim = e->node->dim[i];
        bool rows = dim == DIM_BATCH && e->arg[i]->kind == E_VAR;
        inside &= e->arg[i]->lo >= 0 && (rows || (dim != DIM_BATCH && e->arg[i]->hi < dim));
        if (!readable_anywhere(e->arg[i])) return false;
    }
    return inside;
}

static const MemberValue *member_of(const Builder *b, const Node *n) {
    for (int i = b->member.n - 1; i >= 0; i--)
        if (b->member.at[i].node == n) return &b->member.at[i];
    return NULL;
}

static LoopExpr *member_value(const Builder *b, const Node *n) {
    const MemberValue *m = member_of(b, n);
    return m ? m->value : NULL;
}

/* The level at which the names in an operand's value are defined. */
static int operand_depth(Builder *b, const Expr *e) {
    if (!e) return 0;
    if (find_placed(b, e)) return placed_slot(b, e)->depth;
    int depth = operand_depth(b, e->guard);
    for (int i = 0; i < e->narg; i++) {
        int operand = operand_depth(b, e->arg[i]);
        if (operand > depth) depth = operand;
    }
    return depth;
}

/* The outermost level at which the value may be computed. */
static int least_depth(Builder *b, const Expr *e) {
    int depth = depth_of(b, e), operands = operand_depth(b, e);
    if (operands > depth) depth = operands;
    if (e->kind != E_LOAD) return depth;
    const MemberValue *member = member_of(b, e->node);
    if (member) return e->guard && depth > member->depth ? depth : member->depth;
    return depth >= b->barrier || readable_anywhere(e) ? depth : b->barrier;
}

/* Names the value in front of the loops that do not change it. */
static LoopExpr *place(Builder *b, Expr *e, LoopExpr *value) {
    int depth = least_depth(b, e);
    bool name = !is_atom(value) && (shared(b, e) || depth < b->depth || weight_of(value) > LARGE);
    if (name)
        value = ls_let(b->a, &b->level[depth].block, loop_var(b->a, value->type, NULL), value);
    remember(b, e, value, depth);
    return value;
}

/* ---- indices ------------------------------------------------------------------------- */

static bool by_constant(const Expr *e, Op op) {
    return e->kind == E_OP && e->op == op && e->dtype == T_I32 && e->arg[1]->kind == E_CONST &&
           e->arg[1]->value > 0;
}

static LoopExpr *time_of(Builder *b, const Scan *s) {
    for (int i = 0; i < b->unit->time.n; i++)
        if (b->unit->time.at[i] == s) return lx_var(b->a, b->f->scalar.at[i]);
    LoopVar *t = loop_var(b->a, LT_INDEX, "t");
    t->lo = 0;
    t->hi = s->extent - 1;
    vec_push(b->k->arena, &b->unit->time, s);
    vec_push(b->a, &b->f->scalar, t);
    return lx_var(b->a, t);
}

static LoopExpr *index_atom(Builder *b, Expr *e) {
    if (builder_is_row(b, e)) return lx_add(b->a, builder_first(b), b->var[e->var]);
    if (e->kind == E_VAR) return b->var[e->var];
    if (e->kind == E_TIME) return time_of(b, e->scan);
    if (e->kind == E_CONST) return lx_int(b->a, LT_INDEX, e->lo);
    if (by_constant(e, OP_idiv) || by_constant(e, OP_imod)) {
        int64_t c = (int64_t)e->arg[1]->value;
        LoopExpr *x = build_index(b, e->arg[0]);
        LoopExpr *q = e->op == OP_idiv ? lx_quo(b->a, x, c) : lx_rem(b->a, x, c);
        if (q != x && (q->kind == X_QUO || q->kind == X_REM)) q->integer = e->arg[0]->lo < 0;
        return q;
    }
    return lx_cast(b->a, LT_INDEX, build_value(b, e));
}

LoopExpr *build_index(Builder *b, Expr *e) {
    Affine sum;
    int64_t lo, hi;
    if (!ex_affine(e, &sum) || !affine_range(&sum, &lo, &hi))
        return lx_cast(b->a, LT_INDEX, build_value(b, e));
    LoopExpr *x = lx_int(b->a, LT_INDEX, 0);
    for (int positive = 1; positive >= 0; positive--)
        for (int i = 0; i < sum.n; i++) {
            int64_t c = sum.term[i].c;
            if ((c > 0) != positive) continue;
            LoopExpr *atom = index_atom(b, sum.term[i].atom);
            x = c > 0 ? lx_add(b->a, x, lx_mul(b->a, atom, c))
                      : lx_sub(b->a, x, lx_mul(b->a, atom, -c));
        }
    return lx_add(b->a, x, lx_int(b->a, LT_INDEX, sum.c0));
}

/* Sums, quotients and remainders of variables, times and constants. */
static bool is_index(const Expr *e) {
    Affine sum;
    int64_t lo, hi;
    if (e->dtype != T_I32) return false;
    if (e->kind == E_VAR || e->kind == E_TIME) return true;
    if (by_constant(e, OP_idiv) || by_constant(e, OP_imod)) return is_index(e->arg[0]);
    if (e->kind != E_OP || !ex_affine(e, &sum) || !affine_range(&sum, &lo, &hi)) return false;
    for (int i = 0; i < sum.n; i++)
        if (sum.term[i].atom == e || !is_index(sum.term[i].atom)) return false;
    return true;
}

/* ---- loads --------------------------------------------------------------------------- */

/* How many axes from k on are indexed by one loop over all of them. */
static int merged_at(const Builder *b, const Node *n, Expr *const *index, int k) {
    int var = index[k]->kind == E_VAR ? index[k]->var : MAX_RANK;
    int count = var < MAX_RANK ? b->merged[var] : 1;
    if (count <= 1 || k + count > n->rank) return 1;
    for (int i = 0; i < count; i++)
        if (index[k + i]->kind != E_VAR || index[k + i]->var != var + i) return 1;
    return count;
}

static bool wants_clamp(const Builder *b, const Expr *index) {
    if (b->clamp == CLAMP_ALL) return index->kind != E_VAR && index->kind != E_CONST;
    return b->clamp == CLAMP_LOOKED_UP && !is_index(index);
}

/* The nearest index of the axis: reading elsewhere is not to be excluded. */
static LoopExpr *clamped(Builder *b, LoopExpr *index, int64_t dim) {
    LoopExpr *last = lx_sub(b->a, builder_extent(b, dim), lx_int(b->a, LT_INDEX, 1));
    return lx_min(b->a, lx_max(b->a, index, lx_int(b->a, LT_INDEX, 0)), last);
}

/* Where axes from k on are indexed by the digits of one number, x / 6, x / 2 % 3, x % 2: that
 * number, and how many axes these are. A flattened tensor is read so. */
static Expr *number_in_digits(const Builder *b, const Node *n, Expr *const *index, int k,
        int *count) {
    for (int last = n->rank - 1; last > k; last--) {
        int64_t size = n->dim[last];
        if (!by_constant(index[last], OP_imod) || (int64_t)index[last]->arg[1]->value != size)
            continue;
        Expr *x = index[last]->arg[0];
        int axis = last - 1;
        for (; axis >= k && n->dim[axis] != DIM_BATCH; axis--) {
            Expr *digit = ex_op2(b->g, OP_idiv, x, ex_int(b->g, size));
            if (axis > k) digit = ex_op2(b->g, OP_imod, digit, ex_int(b->g, n->dim[axis]));
            if (digit != index[axis]) break;
            size *= n->dim[axis];
        }
        if (axis >= k) continue;
        *count = last - k + 1;
        return x;
    }
    return NULL;
}

/* Axes from `from` on; `rows`: how many there are, DIM_BATCH: as many as in the call, but for
 * the first axis. */
static void add_axes(Builder *b, Access *to, const Node *n, Expr *const *index, int from,
        int64_t rows, bool caller) {
    for (int k = from; k < n->rank;) {
        int count = merged_at(b, n, index, k);
        Expr *number = count > 1 ? NULL : number_in_digits(b, n, index, k, &count);
        Expr *first = number ? number : index[k];
        int64_t dim = n->dim[k];
        if (dim == DIM_BATCH && (!caller || k == 0)) dim = rows;
        for (int i = 1; i < count; i++) dim *= n->dim[k + i];
        to->dim[to->rank] = dim;
        bool merged = !number && count > 1;
        bool own = merged || (n->dim[k] == DIM_BATCH && builder_is_row(b, first));
        LoopExpr *at = own ? b->var[first->var] : build_index(b, first);
        to->index[to->rank++] = wants_clamp(b, first) ? clamped(b, at, dim) : at;
        k += count;
    }
}

Access build_access(Builder *b, Storage *s, const Node *n, Expr *const *index) {
    Access access = {.array = builder_array(b, s)};
    bool caller = resolve(s)->kind == ST_PLACE && resolve(s)->place.object == P_ARG;
    int64_t rows = s->local ? s->local->slice_rows : b->k->batch;
    add_axes(b, &access, n, index, s->one_step ? 1 : 0, rows, caller);
    return access;
}

Access build_line_access(Builder *b, LoopArray *line, const Node *n, Expr *const *index) {
    Access access = {.array = line};
    add_axes(b, &access, n, index, b->shared, builder_most_rows(b), false);
    return access;
}

/* An element of a random stream is numbered with the batch axis slowest. */
static LoopExpr *number_of(Builder *b, const Node *n, Expr *const *index) {
    LoopExpr *element = lx_int(b->a, LT_INDEX, 0);
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] == DIM_BATCH && merged_at(b, n, index, k) == 1)
            element = build_index(b, index[k]);
    for (int k = 0; k < n->rank;) {
        int count = merged_at(b, n, index, k);
        bool rows = n->dim[k] == DIM_BATCH;
        int64_t size = rows ? 1 : n->dim[k];
        for (int i = 1; i < count; i++) size *= n->dim[k + i];
        LoopExpr *at = count > 1 ? b->var[index[k]->var] : build_index(b, index[k]);
        if (rows && count > 1) at = lx_add(b->a, lx_mul(b->a, builder_first(b), size), at);
        if (!rows || count > 1) element = lx_add(b->a, lx_mul(b->a, element, size), at);
        k += count;
    }
    return element;
}

/* A parameter, so that kernels which differ in it alone are one function. */
static int stream_of(Builder *b, uint32_t stream) {
    for (int i = 0; i < b->unit->stream.n; i++)
        if (b->unit->stream.at[i] == stream) return i;
    vec_push(b->k->arena, &b->unit->stream, stream);
    return b->f->streams++;
}

static LoopExpr *draw(Builder *b, const Expr *e) {
    LoopExpr *element = number_of(b, e->node, e->arg);
    if (!b->f->seed) {
        b->f->seed = loop_var(b->a, LT_INDEX, "seed");
        b->f->step = b->f->step ? b->f->step : loop_var(b->a, LT_INDEX, "step");
    }
    return lx_uniform(b->a, stream_of(b, e->node->stream), element);
}

static LoopExpr *step_number(Builder *b) {
    if (!b->f->step) b->f->step = loop_var(b->a, LT_INDEX, "step");
    return lx_cast(b->a, LT_I32, lx_var(b->a, b->f->step));
}

/* The element as it is in memory, or drawn; guards are the caller's. */
static LoopExpr *element_of(Builder *b, Expr *e) {
    Node *n = e->node;
    if (n->kind == N_LEAF && n->leaf == L_ROWS) return lx_cast(b->a, LT_I32, builder_total(b));
    if (n->kind == N_LEAF && n->leaf == L_STEP) return step_number(b);
    if (n->kind == N_LEAF && n->leaf == L_UNIFORM) return draw(b, e);
    LoopArray *line = builder_line(b, n);
    Access at = line ? build_line_access(b, line, n, e->arg)
                     : build_access(b, view_of(b->k, n)->storage, n, e->arg);
    LoopExpr *x = lx_load(b->a, at.array, at.rank, at.dim, at.index);
    if (e->dtype == T_BOOL) x = lx_cast(b->a, LT_BOOL, x);
    return x;
}

static LoopExpr *zero_of(Builder *b, LoopType t) {
    return t == LT_F32 ? lx_real(b->a, 0) : lx_int(b->a, t, 0);
}

/* A name for a value that is not one already, where it was placed. */
static LoopExpr *named_value(Builder *b, Expr *e) {
    LoopExpr *x = build_value(b, e);
    if (is_atom(x)) return x;
    int depth = placed_slot(b, e)->depth;
    x = ls_let(b->a, &b->level[depth].block, loop_var(b->a, x->type, NULL), x);
    remember(b, e, x, depth);
    return x;
}

/* What can be read anywhere is read in any case, and then chosen or not: compilers make
 * vector code of that, and not of a load under a condition. */
static LoopExpr *load_value(Builder *b, Expr *e) {
    LoopExpr *here = member_value(b, e->node);
    LoopExpr *guard = build_condition(b, e->guard);
    if (here) return guard ? lx_select(b->a, guard, here, zero_of(b, here->type)) : here;
    if (!guard) return element_of(b, e);
    Expr *bare = readable_anywhere(e) ? ex_load(b->g, e->node, e->arg, NULL) : NULL;
    LoopExpr *x = bare && bare != e ? named_value(b, bare) : element_of(b, e);
    return lx_select(b->a, guard, x, zero_of(b, x->type));
}

LoopExpr *build_identity_load(Builder *b, Node *n) {
    Expr *index[MAX_RANK];
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    LoopExpr *here = member_value(b, n);
    if (here) return here;
    Expr *e = ex_load(b->g, n, index, NULL);
    if (e->kind != E_LOAD) return build_value(b, e);
    return element_of(b, e);
}

LoopExpr *build_load_from(Builder *b, const Node *n, Storage *from) {
    Expr *index[MAX_RANK];
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    Access at = build_access(b, from, n, index);
    return lx_load(b->a, at.array, at.rank, at.dim, at.index);
}

void build_store(Builder *b, Node *n, Storage *to, LoopExpr *value, bool add) {
    Expr *index[MAX_RANK];
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    Access at = build_access(b, to, n, index);
    ls_store(b->a, builder_block(b), at.array, at.rank, at.dim, at.index, value, add);
}

/* ---- conditions ---------------------------------------------------------------------- */

LoopExpr *build_condition(Builder *b, Expr *e) {
    ExprList all = {0};
    LoopExpr *x = NULL;
    bool some = false;
    guard_conditions(b->a, e, &all);
    for (int i = 0; i < all.n; i++) some |= is_assumed(b, all.at[i]);
    if (!some) return e ? build_value(b, e) : NULL;
    for (int i = 0; i < all.n; i++)
        if (!is_assumed(b, all.at[i])) x = lx_and(b->a, x, build_value(b, all.at[i]));
    return x;
}

/* A comparison of indices, or NULL. */
static LoopExpr *index_test(Builder *b, Expr *e) {
    static const struct {
        Op op;
        LoopExprKind kind;
        bool swap;
    } test[] = {{OP_lt, X_LT, false}, {OP_le, X_LE, false}, {OP_gt, X_LT, true},
            {OP_ge, X_LE, true}, {OP_eq, X_EQ, false}, {OP_ne, X_NE, false}};
    bool constant = e->arg[0]->kind == E_CONST || is_index(e->arg[0]);
    if (!constant || !(e->arg[1]->kind == E_CONST || is_index(e->arg[1]))) return NULL;
    for (size_t i = 0; i < sizeof test / sizeof test[0]; i++) {
        if (test[i].op != e->op) continue;
        Expr *x = e->arg[test[i].swap], *y = e->arg[!test[i].swap];
        return lx_test(b->a, test[i].kind, build_index(b, x), build_index(b, y));
    }
    return NULL;
}

/* ---- values -------------------------------------------------------------------------- */

static bool loads(const LoopExpr *x) {
    if (x->kind == X_LOAD) return true;
    for (int i = 0; i < x->narg; i++)
        if (loads(x->arg[i])) return true;
    return false;
}

/* Both sides of a select are evaluated; C's conditional expression would not. */
static LoopExpr *operand_value(Builder *b, Expr *e) {
    return loads(build_value(b, e)) ? named_value(b, e) : build_value(b, e);
}

static LoopExpr *select_value(Builder *b, Expr *e) {
    LoopExpr *condition = build_condition(b, e->arg[0]);
    if (!condition) return build_value(b, e->arg[1]);
    LoopExpr *arg[3] = {condition, operand_value(b, e->arg[1]), operand_value(b, e->arg[2])};
    return lx_op(b->a, e->op, arg[1]->type, arg);
}

static bool calls(const LoopExpr *x) {
    bool index = (x->kind == X_QUO || x->kind == X_REM) && x->integer;
    if (index || x->kind == X_MIN || x->kind == X_MAX || x->kind == X_UNIFORM) return true;
    const char *text = x->kind == X_OP ? op_info[x->op].integer : NULL;
    if (text && strchr(text, '(')) return true;
    for (int i = 0; i < x->narg; i++)
        if (calls(x->arg[i])) return true;
    return false;
}

/* Both sides of a logical operator are evaluated; compilers warn when one of them calls. */
static LoopExpr *logic_operand(Builder *b, Expr *e) {
    return calls(build_value(b, e)) ? named_value(b, e) : build_value(b, e);
}

static LoopExpr *op_value(Builder *b, Expr *e) {
    bool test = op_info[e->op].type == OT_TEST && e->arg[0]->dtype == T_I32;
    LoopExpr *x = test ? index_test(b, e) : NULL;
    if (x) return x;
    if (op_info[e->op].type == OT_BRANCH) return select_value(b, e);
    if (is_index(e)) return lx_cast(b->a, LT_I32, build_index(b, e));
    LoopExpr *arg[3];
    bool logic = op_info[e->op].type == OT_LOGIC;
    for (int i = 0; i < e->narg; i++)
        arg[i] = logic ? logic_operand(b, e->arg[i]) : build_value(b, e->arg[i]);
    return lx_op(b->a, e->op, loop_type(e->dtype), arg);
}

static LoopExpr *constant_value(Builder *b, const Expr *e) {
    if (e->dtype == T_F32) return lx_real(b->a, e->value);
    return lx_int(b->a, loop_type(e->dtype), e->lo);
}

LoopExpr *build_value(Builder *b, Expr *e) {
    LoopExpr *known = find_placed(b, e);
    if (known) return known;
    switch (e->kind) {
    case E_CONST:
        return constant_value(b, e);
    case E_VAR:
    case E_TIME:
        return place(b, e, lx_cast(b->a, LT_I32, index_atom(b, e)));
    case E_LOAD:
        return place(b, e, load_value(b, e));
    case E_OP:
        return place(b, e, op_value(b, e));
    }
    return NULL;
}
