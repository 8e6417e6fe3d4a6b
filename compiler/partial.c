/* partial.c - see partial.h.
 *
 * A routine that has enough to do runs by slices of rows (stretch.c): a weight's gradient is
 * then added up slice by slice, which threads can only do apart from each other. So a sum
 * over the rows,
 *     s[o] = sum(row, r) body,
 * becomes a partial sum for each group of rows, and a fixed tree over the groups:
 *     p[g, o] = sum(row, r) if g * R <= row < (g + 1) * R then body
 *     s[o]    = (p[0, o] + p[1, o]) + (p[2, o] + p[3, o]) ...
 * How many groups there are follows from shapes alone, and so do the bits; how the partial
 * sums are computed, by slices or not, does not show.
 *
 * A sum stays whole where its copies would be nearly as large as the operands that it saves
 * from being kept for the whole batch (a large dense layer's weights),
 * where a group has too few terms to be worth reading and writing them (the same), and where
 * it adds at rows that it looks up (a table). Such a sum is computed over the whole batch, after the slices. */
#include "partial.h"

#include <math.h>

#include "graph_tables.h"
#include "mechanism.h"

enum {
    LEAST_WORK = 400000,      /* multiply-adds in a call that are worth slices */
    MOST_GROUPS = 8,
    FEWEST_GROUPS = 2,        /* where memory is dear */
    FORCED_ROWS = 2,          /* of a group, where slices are asked for in any case */
    LEAST_OPERANDS = 65536,   /* bytes that are worth not being kept */
    LEAST_GAIN = 3,           /* times as many as the copies, which are read once more */
    SMALL_SUM = 65536,        /* bytes that stay in the caches beside the operands */
    LEAST_TERMS = 32,         /* of a slice, for each element of such a sum */
    MANY_TERMS = 128,         /* of a larger one: it is read and written for each slice */
    WEIGHT_COST = 2,          /* multiply-adds in the time of loading a weight from L2 */
    LARGE_WEIGHTS = 2 << 20   /* bytes that L2 does not hold */
};
static const double most_overhead = 0.1;   /* of loading weights, beside multiplying */

int batch_axis(const Node *n) {
    for (int i = 0; i < n->rank; i++)
        if (n->dim[i] == DIM_BATCH) return i;
    return -1;
}

static double elements_of(const Node *n, int64_t batch) {
    double count = 1;
    for (int i = 0; i < n->rank; i++) count *= (double)(n->dim[i] == DIM_BATCH ? batch : n->dim[i]);
    return count;
}

static double terms_of(const Node *n, int64_t batch) {
    double count = 1;
    for (int i = 0; n->kind == N_COMP && i < n->nfold; i++)
        count *= (double)(n->fold_dim[i] == DIM_BATCH ? batch : n->fold_dim[i]);
    return count;
}

/* ---- how many rows a group has ------------------------------------------------------- */

/* Elements of a row that use one weight: the last axis runs over weights. */
static double uses_of_weight(const Node *n) {
    double uses = 1;
    int last = n->rank - 1;
    while (last >= 0 && n->dim[last] == 1) last--;
    for (int i = 0; i < last; i++)
        if (n->dim[i] != DIM_BATCH) uses *= (double)n->dim[i];
    return uses;
}

typedef struct Work {
    double all;       /* multiply-adds */
    double loads;     /* of weights, in the time of these, if a slice had one row */
    double bytes;     /* of weights */
} Work;

static Work work_of(Graph *g, NodeList order, int64_t batch) {
    Work w = {0};
    bool *met = NEW_ARRAY(g->arena, bool, g->t->node.n);
    for (int i = 0; i < order.n; i++) {
        const Node *n = order.at[i];
        if (n->kind != N_COMP || batch_axis(n) < 0) continue;
        double work = elements_of(n, batch) * terms_of(n, batch) * node_steps(n);
        w.all += work;
        if (n->fold != F_SUM) continue;
        NodeList operand = node_operands(g, n);
        for (int j = 0; j < operand.n; j++) {
            const Node *weight = operand.at[j];
            if (batch_axis(weight) >= 0 || weight->rank < 2) continue;
            w.loads += work * WEIGHT_COST / uses_of_weight(n);
            if (!met[weight->id]) w.bytes += elements_of(weight, batch) * 4;
            met[weight->id] = true;
        }
    }
    return w;
}

/* Where weights outweigh everything and each is used once a row, kernels are better parallel
 * by themselves. */
static void divide(Slicing *s, int64_t batch, int64_t groups, int64_t least_rows) {
    s->least_rows = least_rows;
    s->group_rows = (batch + groups - 1) / groups;
    if (s->group_rows < least_rows) s->group_rows = least_rows;
    s->groups = (batch + s->group_rows - 1) / s->group_rows;
}

static Slicing choose(Graph *g, NodeList order, int64_t batch, Threading how, Thrift thrift) {
    Slicing s = {.forced = how == THREADING_SLICES, .thrift = thrift};
    bool never = how == THREADING_KERNELS || !mechanism_on(MECHANISM_slices);
    if (never || batch < 2) return s;
    if (s.forced || thrift > THRIFT_NONE) {
        int64_t groups = thrift >= THRIFT_GROUPS ? FEWEST_GROUPS : MOST_GROUPS;
        divide(&s, batch, groups, s.forced ? FORCED_ROWS : 1);
        s.least_rows = 1;
        return s;
    }
    Work w = work_of(g, order, batch);
    if (w.all < LEAST_WORK) return s;
    double overhead = w.loads / w.all;
    if (w.bytes > LARGE_WEIGHTS && overhead > WEIGHT_COST / 2.0) return s;
    int64_t rows = 1;
    while (rows < batch && overhead / (double)rows > most_overhead) rows *= 2;
    divide(&s, batch, MOST_GROUPS, rows);
    if (s.groups < 2) return (Slicing){0};
    return s;
}

/* ---- which sums are split ------------------------------------------------------------ */

typedef struct Partial {
    Slicing slicing;
    int64_t batch;
    bool *wanted;     /* by node id */
} Partial;

static bool uses_output(const Expr *e, int rank) {
    if (e->kind == E_VAR) return e->var < rank;
    for (int i = 0; i < e->narg && e->kind != E_LOAD; i++)
        if (uses_output(e->arg[i], rank)) return true;
    return false;
}

/* Is an output's index equal to something looked up, so that the sum adds at rows it finds? */
static bool looks_up(const Expr *guard, int rank) {
    if (!guard) return false;
    bool equal = guard->kind == E_OP && guard->op == OP_eq && guard->arg[0]->dtype == T_I32;
    if (equal && ex_has_load(guard) && uses_output(guard, rank)) return true;
    for (int i = 0; i < guard->narg && guard->kind != E_LOAD; i++)
        if (looks_up(guard->arg[i], rank)) return true;
    return false;
}

static int batch_fold(const Node *n) {
    for (int i = 0; i < n->nfold; i++)
        if (n->fold_dim[i] == DIM_BATCH) return i;
    return -1;
}

/* Rows that a slice needs for a sum to be worth reading and writing. */
static int64_t slice_for(const Node *n, int64_t batch) {
    double terms = terms_of(n, batch) / (double)batch;
    int least = elements_of(n, batch) * 4 <= SMALL_SUM ? LEAST_TERMS : MANY_TERMS;
    return (int64_t)ceil(least / terms);
}

static bool is_worth_splitting(Graph *g, const Node *n, const Partial *p) {
    if (n->kind != N_COMP || n->fold != F_SUM || n->dtype != T_F32 || n->nin > 0) return false;
    if (batch_axis(n) >= 0 || batch_fold(n) < 0 || n->rank + 1 >= MAX_RANK) return false;
    if (looks_up(n->guard, n->rank)) return false;
    if (p->slicing.forced) return true;
    NodeList operand = node_operands(g, n);
    double kept = 0, copies = elements_of(n, p->batch) * (double)p->slicing.groups;
    for (int i = 0; i < operand.n; i++) {
        const Node *o = operand.at[i];
        if (o->kind != N_LEAF && batch_axis(o) >= 0) kept += elements_of(o, p->batch) * 4;
    }
    if (kept < LEAST_OPERANDS || LEAST_GAIN * copies * 4 > kept) return false;
    return slice_for(n, p->batch) <= p->slicing.group_rows;
}

/* ---- splitting ----------------------------------------------------------------------- */

static Expr *tree_of_groups(Graph *g, Node *partial, int64_t first, int64_t end) {
    if (end - first > 1) {
        int64_t middle = (first + end + 1) / 2;
        Expr *low = tree_of_groups(g, partial, first, middle);
        return ex_op2(g, OP_add, low, tree_of_groups(g, partial, middle, end));
    }
    Expr *index[MAX_RANK] = {ex_int(g, first)};
    for (int i = 1; i < partial->rank; i++) index[i] = ex_var(g, i - 1, partial->dim[i]);
    return ex_load(g, partial, index, NULL);
}

static Node *partial_sums(const Partial *p, Graph *g, const Node *n) {
    const Slicing *s = &p->slicing;
    int64_t dim[MAX_RANK];
    Expr *to[MAX_VARS] = {0};
    dim[0] = s->groups;
    for (int i = 0; i < n->rank; i++) {
        dim[i + 1] = n->dim[i];
        to[i] = ex_var(g, i + 1, n->dim[i]);
    }
    for (int i = 0; i < n->nfold; i++) to[n->rank + i] = ex_var(g, n->rank + 1 + i, n->fold_dim[i]);
    Expr *row = to[n->rank + batch_fold(n)];
    Expr *first = ex_op2(g, OP_mul, ex_var(g, 0, s->groups), ex_int(g, s->group_rows));
    Expr *end = ex_op2(g, OP_add, first, ex_int(g, s->group_rows));
    Expr *guard = n->guard ? ex_subst(g, n->guard, to) : NULL;
    guard = ex_and(g, guard, ex_op2(g, OP_ge, row, first));
    guard = ex_and(g, guard, ex_op2(g, OP_lt, row, end));
    return node_comp(g, n->rank + 1, dim, F_SUM, n->nfold, n->fold_dim, guard,
            ex_subst(g, n->body, to), n->span);
}

static Node *split(void *ctx, Graph *g, Node *n) {
    Partial *p = ctx;
    if (n->kind != N_COMP || n->fold != F_SUM || batch_fold(n) < 0) return n;
    Node *partial = partial_sums(p, g, n);
    bool small = p->slicing.forced || p->slicing.thrift > THRIFT_NONE;
    int64_t rows = small ? 1 : slice_for(n, p->batch);
    if (partial->kind != N_COMP || partial->fold != F_SUM || partial->rank != n->rank + 1) return n;
    if (!partial->name) partial->name = n->name;
    partial->is_grad |= n->is_grad;
    if (rows > p->slicing.least_rows) p->slicing.least_rows = rows;
    vec_push(g->arena, &p->slicing.partial, partial);
    Expr *sum = tree_of_groups(g, partial, 0, p->slicing.groups);
    Node *whole = node_comp(g, n->rank, n->dim, F_NONE, 0, NULL, NULL, sum, n->span);
    whole->is_grad |= n->is_grad;
    return whole;
}

Slicing partial_build(Graph *g, Node **root, int n, int64_t batch, Threading how, Thrift thrift) {
    NodeList order = graph_order(g, root, n);
    Partial p = {.slicing = choose(g, order, batch, how, thrift), .batch = batch};
    if (p.slicing.groups == 0) return p.slicing;
    p.wanted = NEW_ARRAY(g->arena, bool, g->t->node.n);
    for (int i = 0; i < order.n; i++)
        p.wanted[order.at[i]->id] = is_worth_splitting(g, order.at[i], &p);
    graph_remake(g, root, n, p.wanted, split, &p);
    return p.slicing;
}
