/* expr.c - building scalar expressions: conversion, folding, interning, rewriting.
 *
 * ex_op is the gate. Operands are converted to the operator's type, constants fold, and
 * then one of three parts simplifies: integers (expr_int.c), tests and branches
 * (expr_test.c), reals (here: only what is exact for every value, NaN and -0 included).
 * What remains is interned, so that equal expressions are one pointer.
 *
 * Constants are kept in double, however they arise; generated code rounds them. */
#include "graph_tables.h"
#include "ops.h"

#include <math.h>
#include <string.h>

/* ---- interning ------------------------------------------------------------------------- */

uint64_t hash_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

uint64_t hash_text(const char *text) {
    uint64_t h = 7;
    for (; text && *text; text++) h = hash_mix(h, (unsigned char)*text);
    return h;
}

static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t content_hash(const Expr *e) {
    uint64_t h = hash_mix((uint64_t)e->kind, (uint64_t)e->dtype);
    switch (e->kind) {
    case E_CONST:
        h = hash_mix(h, bits_of(e->value));
        break;
    case E_VAR:
        h = hash_mix(hash_mix(h, (uint64_t)e->var), (uint64_t)e->extent);
        break;
    case E_TIME:
        h = hash_mix(h, e->scan->hash);
        break;
    case E_LOAD:
        h = hash_mix(h, e->node->hash);
        break;
    case E_OP:
        h = hash_mix(h, hash_text(op_info[e->op].name));
        break;
    }
    for (int k = 0; k < e->narg; k++) h = hash_mix(h, e->arg[k]->hash);
    return e->guard ? hash_mix(h, e->guard->hash) : h;
}

static bool same(const Expr *a, const Expr *b) {
    if (a->kind != b->kind || a->dtype != b->dtype || a->op != b->op || a->narg != b->narg || a->guard != b->guard || a->node != b->node ||
            a->scan != b->scan || a->var != b->var || a->extent != b->extent ||
            bits_of(a->value) != bits_of(b->value))
        return false;
    for (int k = 0; k < a->narg; k++)
        if (a->arg[k] != b->arg[k]) return false;
    return true;
}

static ExprSlot *slot_of(struct GraphTables *t, const Expr *key) {
    size_t k = (size_t)key->hash & (t->expr_cap - 1);
    for (ExprSlot *s; (s = &t->expr_slot[k])->e; k = (k + 1) & (t->expr_cap - 1))
        if (s->hash == key->hash && same(s->e, key)) break;
    return &t->expr_slot[k];
}

static void grow_table(Graph *g) {
    struct GraphTables *t = g->t;
    const ExprSlot *old = t->expr_slot;
    size_t cap = t->expr_cap;
    t->expr_cap = cap ? 2 * cap : 1024;
    t->expr_slot = NEW_ARRAY(g->arena, ExprSlot, t->expr_cap);
    for (size_t i = 0; i < cap; i++) {
        size_t k = (size_t)old[i].hash & (t->expr_cap - 1);
        if (!old[i].e) continue;
        while (t->expr_slot[k].e) k = (k + 1) & (t->expr_cap - 1);
        t->expr_slot[k] = old[i];
    }
}

static Expr *find(Graph *g, const Expr *key) {
    struct GraphTables *t = g->t;
    if (2 * (size_t)t->expr.n >= t->expr_cap) grow_table(g);
    return slot_of(t, key)->e;
}

/* Of an operator that commutes, the order that was written first stands for both. */
static Expr *find_swapped(Graph *g, const Expr *key) {
    if (key->kind != E_OP || key->narg != 2 || !(op_info[key->op].flags & OPF_COMM)) return NULL;
    Expr *arg[2] = {key->arg[1], key->arg[0]};
    Expr swapped = *key;
    swapped.arg = arg;
    swapped.hash = content_hash(&swapped);
    return find(g, &swapped);
}

static void integer_range(Expr *e) {
    if (e->kind == E_OP) {
        expr_range(e, &e->lo, &e->hi);
    } else if (e->kind == E_LOAD) {
        node_range(e->node, &e->lo, &e->hi);
        if (e->guard && e->lo > 0) e->lo = 0;
        if (e->guard && e->hi < 0) e->hi = 0;
    } else if (e->kind == E_CONST) {
        e->lo = e->hi = (int64_t)e->value;
    } else {
        int64_t extent = e->kind == E_TIME ? e->scan->extent : e->extent;
        e->hi = (extent == DIM_BATCH ? MAX_ROWS : extent) - 1;
    }
}

static void collect(Graph *g, Expr *e, ScanSet *in, const Expr *from) {
    if (!from) return;
    e->vars |= from->vars;
    e->loads |= from->loads;
    *in = scan_union(g, *in, (ScanSet){from->in, from->nin});
}

/* What occurs in it: variables, and scans whose steps it changes with. */
static void dependences(Graph *g, Expr *e) {
    ScanSet in = {0};
    e->loads = e->kind == E_LOAD;
    if (e->kind == E_VAR) e->vars = 1u << e->var;
    if (e->kind == E_LOAD) in = (ScanSet){e->node->in, e->node->nin};
    if (e->kind == E_TIME) {
        const Scan **own = NEW(g->arena, const Scan *);
        *own = e->scan;
        in = scan_union(g, (ScanSet){own, 1}, (ScanSet){e->scan->in, e->scan->nin});
    }
    for (int k = 0; k < e->narg; k++) collect(g, e, &in, e->arg[k]);
    collect(g, e, &in, e->guard);
    e->in = in.at;
    e->nin = in.n;
}

Expr *expr_intern(Graph *g, const Expr *given) {
    Expr key = *given;
    key.hash = content_hash(&key);
    Expr *old = find(g, &key);
    if (!old) old = find_swapped(g, &key);
    if (old) return old;
    Affine sum;
    bool is_sum = key.kind == E_OP && affine_sum(&key, &sum);
    if (is_sum) key.affine = &sum;
    if (key.dtype != T_F32) {
        integer_range(&key);
        if (key.lo == key.hi && key.kind != E_CONST)
            return key.dtype == T_BOOL ? ex_bool(g, key.lo != 0) : ex_int(g, key.lo);
    }
    Expr *e = arena_copy(g->arena, &key, sizeof key);
    e->arg = key.narg ? arena_copy(g->arena, key.arg, (size_t)key.narg * sizeof *key.arg) : NULL;
    if (is_sum) {
        size_t unused = (size_t)(MAX_TERMS - sum.n) * sizeof(Term);
        e->affine = arena_copy(g->arena, &sum, sizeof sum - unused);
    }
    dependences(g, e);
    e->id = g->t->expr.n;
    *slot_of(g->t, e) = (ExprSlot){e->hash, e};
    vec_push(g->arena, &g->t->expr, e);
    return e;
}

Expr *expr_raw(Graph *g, Op op, DType dtype, Expr *const *arg) {
    Expr *copy[3];
    int n = op_info[op].arity;
    memcpy(copy, arg, (size_t)n * sizeof *copy);
    return expr_intern(g, &(Expr){.kind = E_OP, .dtype = dtype, .op = op, .narg = n, .arg = copy});
}

/* ---- leaves of expressions ------------------------------------------------------------- */

static Expr *constant(Graph *g, DType dtype, double v) {
    if (v != v) v = (double)NAN; /* one NaN */
    return expr_intern(g, &(Expr){.kind = E_CONST, .dtype = dtype, .value = v});
}

Expr *ex_real(Graph *g, double v) {
    return constant(g, T_F32, v);
}
Expr *ex_bool(Graph *g, bool v) {
    return constant(g, T_BOOL, v);
}

Expr *ex_int(Graph *g, int64_t v) {
    int32_t wrapped = op_integer(OP_add, (int32_t)(v >> 16), 0, 0);
    wrapped = op_integer(OP_mul, wrapped, 1 << 16, 0);
    return constant(g, T_I32, op_integer(OP_add, wrapped, (int32_t)(v & 0xffff), 0));
}

Expr *ex_var(Graph *g, int var, int64_t extent) {
    return expr_intern(g, &(Expr){.kind = E_VAR, .dtype = T_I32, .var = var, .extent = extent});
}

Expr *ex_time(Graph *g, Scan *s) {
    return expr_intern(g, &(Expr){.kind = E_TIME, .dtype = T_I32, .scan = s});
}

bool ex_is_const(const Expr *e, double v) {
    return e->kind == E_CONST && bits_of(e->value) == bits_of(v);
}

/* The element of a node whose elements are known here, or NULL. */
static Expr *known_element(Graph *g, const Node *n, Expr *const *index, DType dtype) {
    if (n->kind == N_COMP && n->fold == F_NONE && n->body->kind == E_CONST) return n->body;
    if (n->kind != N_LEAF || n->leaf != L_DATA) return NULL;
    int64_t at = 0;
    for (int k = 0; k < n->rank; k++) {
        if (index[k]->kind != E_CONST) return NULL;
        int64_t i = (int64_t)index[k]->value;
        if (i < 0 || i >= n->dim[k]) return NULL;
        at = at * n->dim[k] + i;
    }
    return constant(g, dtype, n->data[at]);
}

Expr *ex_load(Graph *g, Node *n, Expr *const *index, Expr *guard) {
    DType dtype = n->dtype == T_U8 ? T_I32 : n->dtype;
    Expr *zero = constant(g, dtype, 0);
    if (guard && guard->kind == E_CONST) {
        if (guard->value == 0) return zero;
        guard = NULL;
    }
    Expr *at[MAX_RANK];
    for (int k = 0; k < n->rank; k++) {
        if (index[k]->dtype != T_I32) ICE(n->span, "index %d of a load is no i32", k);
        at[k] = n->dim[k] == 1 ? ex_int(g, 0) : index[k]; /* in bounds it can be nothing else */
    }
    Expr *known = known_element(g, n, at, dtype);
    if (known) return guard ? ex_select(g, guard, known, zero) : known;
    return expr_intern(g, &(Expr){.kind = E_LOAD,
                                  .dtype = dtype,
                                  .node = n,
                                  .narg = n->rank,
                                  .arg = at,
                                  .guard = guard});
}

Expr *ex_element(Graph *g, Node *n) {
    Expr *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++) index[k] = ex_var(g, k, n->dim[k]);
    return ex_load(g, n, index, NULL);
}

/* ---- operators ------------------------------------------------------------------------- */

static Expr *to_real(Graph *g, Expr *e) {
    if (e->dtype == T_F32) return e;
    if (e->kind == E_CONST) return ex_real(g, e->value);
    return expr_raw(g, OP_real, T_F32, &e);
}

static Expr *to_int(Graph *g, Expr *e) {
    if (e->dtype == T_I32) return e;
    if (e->kind == E_CONST) return ex_int(g, (int64_t)op_real(OP_int, e->value, 0, 0));
    /* A float holds every integer of 24 bits. */
    Expr *from = e->kind == E_OP && op_info[e->op].type == OT_TOREAL ? e->arg[0] : NULL;
    if (from && from->lo >= -(1 << 24) && from->hi <= 1 << 24) return to_int(g, from);
    return expr_raw(g, OP_int, T_I32, &e);
}

/* Converts n operands to the type that they share. */
static DType alike(Graph *g, int n, Expr **arg, bool keep_bools) {
    bool real = false, bools = keep_bools;
    for (int k = 0; k < n; k++) {
        real = real || arg[k]->dtype == T_F32;
        bools = bools && arg[k]->dtype == T_BOOL;
    }
    if (bools) return T_BOOL;
    for (int k = 0; k < n; k++) arg[k] = real ? to_real(g, arg[k]) : to_int(g, arg[k]);
    return real ? T_F32 : T_I32;
}

static void want(const Expr *e, DType t, Op op) {
    if (e->dtype != t)
        ICE((Span){0}, "%s takes a %s, not a %s", op_info[op].name, dtype_name(t),
                dtype_name(e->dtype));
}

/* Converts the operands; the result is the result's type. */
static DType convert(Graph *g, Op op, Expr **arg) {
    int n = op_info[op].arity;
    switch (op_info[op].type) {
    case OT_REAL:
        for (int k = 0; k < n; k++) arg[k] = to_real(g, arg[k]);
        return T_F32;
    case OT_SAME:
        return alike(g, n, arg, false);
    case OT_INT:
        for (int k = 0; k < n; k++) want(arg[k], T_I32, op);
        return T_I32;
    case OT_TEST:
        alike(g, n, arg, false);
        return T_BOOL;
    case OT_LOGIC:
        for (int k = 0; k < n; k++) want(arg[k], T_BOOL, op);
        return T_BOOL;
    case OT_BRANCH:
        want(arg[0], T_BOOL, op);
        return alike(g, n - 1, arg + 1, true);
    case OT_TOREAL:
        return T_F32;
    case OT_TOINT:
        return T_I32;
    }
    return T_F32;
}

static Expr *fold_constants(Graph *g, Op op, DType dtype, Expr *const *arg) {
    double v[3] = {0};
    bool real = false;
    for (int k = 0; k < op_info[op].arity; k++) {
        if (arg[k]->kind != E_CONST) return NULL;
        v[k] = arg[k]->value;
        real = real || arg[k]->dtype == T_F32;
    }
    if (real) return constant(g, dtype, op_real(op, v[0], v[1], v[2]));
    return constant(g, dtype, op_integer(op, (int32_t)v[0], (int32_t)v[1], (int32_t)v[2]));
}

/* Operands that leave the other as it is, to the bit: x + 0 is not among them (-0 + 0 is
 * 0) and x * 0 is not 0 (infinity, NaN). */
static const struct {
    Op op;
    int side;
    double value;
} neutral[] = {
        {OP_mul, 0, 1.0},
        {OP_mul, 1, 1.0},
        {OP_div, 1, 1.0},
        {OP_pow, 1, 1.0},
        {OP_sub, 1, 0.0},
        {OP_add, 0, -0.0},
        {OP_add, 1, -0.0},
};

static bool is_op(const Expr *e, Op op) {
    return e->kind == E_OP && e->op == op;
}

/* Reals. A square is a product (and so is its derivative); signs move to where they cost
 * nothing. */
static Expr *simplify_real(Graph *g, Op op, Expr *const *arg) {
    for (size_t k = 0; k < sizeof neutral / sizeof *neutral; k++)
        if (neutral[k].op == op && ex_is_const(arg[neutral[k].side], neutral[k].value))
            return arg[1 - neutral[k].side];
    if (op == OP_neg && is_op(arg[0], OP_neg)) return arg[0]->arg[0];
    if (op == OP_pow && ex_is_const(arg[1], 2)) return ex_op2(g, OP_mul, arg[0], arg[0]);
    if (op == OP_mul && ex_is_const(arg[1], -1)) return ex_op1(g, OP_neg, arg[0]);
    if (op == OP_mul && ex_is_const(arg[0], -1)) return ex_op1(g, OP_neg, arg[1]);
    if (op == OP_add && is_op(arg[1], OP_neg)) return ex_op2(g, OP_sub, arg[0], arg[1]->arg[0]);
    if (op == OP_add && is_op(arg[0], OP_neg)) return ex_op2(g, OP_sub, arg[1], arg[0]->arg[0]);
    if (op == OP_sub && is_op(arg[1], OP_neg)) return ex_op2(g, OP_add, arg[0], arg[1]->arg[0]);
    return NULL;
}

Expr *ex_op(Graph *g, Op op, Expr *const *given) {
    Expr *arg[3];
    const OpInfo *info = &op_info[op];
    memcpy(arg, given, (size_t)info->arity * sizeof *arg);
    DType dtype = convert(g, op, arg);
    if (info->type == OT_TOREAL) return to_real(g, arg[0]);
    if (info->type == OT_TOINT) return to_int(g, arg[0]);
    Expr *e = fold_constants(g, op, dtype, arg);
    if (e) return e;
    if ((info->flags & OPF_IDEM) && arg[0] == arg[1]) return arg[0];
    if (info->type == OT_TEST || info->type == OT_LOGIC || info->type == OT_BRANCH)
        e = expr_test(g, op, arg);
    else if (dtype == T_I32)
        e = expr_int(g, op, arg);
    else
        e = simplify_real(g, op, arg);
    return e ? e : expr_raw(g, op, dtype, arg);
}

Expr *ex_op1(Graph *g, Op op, Expr *a) {
    return ex_op(g, op, &a);
}
Expr *ex_op2(Graph *g, Op op, Expr *a, Expr *b) {
    return ex_op(g, op, (Expr *[]){a, b});
}
Expr *ex_select(Graph *g, Expr *c, Expr *a, Expr *b) {
    return ex_op(g, OP_select, (Expr *[]){c, a, b});
}

Expr *ex_and(Graph *g, Expr *a, Expr *b) {
    Expr *both = !a ? b : !b ? a : ex_op2(g, OP_and, a, b);
    return both && ex_is_const(both, 1) ? NULL : both;
}
