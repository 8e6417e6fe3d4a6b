/* lower_elementwise.c - operators applied to values: at compile time, on elements inside of
 * index notation, and on whole tensors aligned from the right; matrix products; and the
 * choice between two tensors by a third.
 *
 * Whole tensors: an operator makes one node. A choice makes one node in which all that is
 * elementwise in its branches is inlined: a select, whose gradient is absent in the branch
 * that was not taken. */
#include "lower.h"
#include "ops.h"

#include <math.h>
#include <string.h>

/* ---- compile time --------------------------------------------------------------- */

static Value fold_integers(Lower *L, Op op, const Value *arg, int n, Span at) {
    double x[3] = {0};
    for (int k = 0; k < n; k++) x[k] = (double)arg[k].i;
    if ((op == OP_idiv || op == OP_imod) && arg[1].i == 0) {
        lower_error(L, at, "division by zero at compile time");
        return value_poison();
    }
    double r = op_real(op, x[0], x[1], x[2]);
    if (fabs(r) <= 9007199254740992.0) return value_int((int64_t)r);
    lower_error(L, at, "the integer is too large (beyond 2^53)");
    return value_poison();
}

static Value fold_op(Lower *L, Op op, const Value *arg, int n, Span at) {
    bool integers = true;
    double x[3] = {0};
    for (int k = 0; k < n; k++) {
        integers = integers && arg[k].kind != V_REAL;
        x[k] = value_number(arg[k]);
    }
    switch (op_info[op].type) {
    case OT_SAME:
    case OT_INT:
        if (integers) return fold_integers(L, op, arg, n, at);
        return value_real(op_real(op, x[0], x[1], x[2]));
    case OT_TEST:
        return value_bool(op_real(op, x[0], x[1], x[2]) != 0);
    case OT_LOGIC:
        return value_bool(op_integer(op, (int32_t)x[0], (int32_t)x[1], 0) != 0);
    case OT_TOINT:
        return value_int((int64_t)x[0]);
    case OT_BRANCH:
        return arg[0].i ? arg[1] : arg[2];
    case OT_REAL:
        if (op == OP_div && x[1] == 0) {
            lower_error(L, at, "division by zero at compile time");
            return value_poison();
        }
        return value_real(op_real(op, x[0], x[1], x[2]));
    case OT_TOREAL:
        break;
    }
    return value_real(x[0]);
}

/* Equality of what is no number: strings, and sizes of which one is open. */
static bool fold_equality(Op op, const Value *arg, Value *out) {
    if (op != OP_eq && op != OP_ne) return false;
    bool sizes = (arg[0].kind == V_BATCH || arg[1].kind == V_BATCH) &&
                 (arg[0].kind == V_BATCH || arg[0].kind == V_INT) &&
                 (arg[1].kind == V_BATCH || arg[1].kind == V_INT);
    bool strings = arg[0].kind == V_STRING && arg[1].kind == V_STRING;
    if (!sizes && !strings) return false;
    bool equal = sizes ? arg[0].kind == arg[1].kind : arg[0].text == arg[1].text;
    *out = value_bool(equal == (op == OP_eq));
    return true;
}

/* ---- alignment ------------------------------------------------------------------ */

static bool axis_fits(int64_t a, int64_t b, int64_t *out) {
    *out = a == 1 ? b : a;
    return a == b || a == 1 || b == 1;
}

static void misaligned(Lower *L, const Shape *a, const Shape *b, int64_t da, int64_t db, Span at) {
    if (da == DIM_BATCH || db == DIM_BATCH)
        lower_error(L, at,
                "the shapes %s and %s do not align from the right: batch aligns with batch only",
                shape_text(L, a), shape_text(L, b));
    else
        lower_error(L, at, "the shapes %s and %s do not align from the right: %s against %s",
                shape_text(L, a), shape_text(L, b), size_text(L, da), size_text(L, db));
}

bool broadcast(Lower *L, const Shape *a, const Shape *b, Span at, Shape *out) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    out->rank = rank;
    for (int k = 1; k <= rank; k++) {
        int64_t da = k <= a->rank ? a->dim[a->rank - k] : 1;
        int64_t db = k <= b->rank ? b->dim[b->rank - k] : 1;
        if (axis_fits(da, db, &out->dim[rank - k])) continue;
        misaligned(L, a, b, da, db, at);
        return false;
    }
    int rows = 0;
    for (int k = 0; k < rank; k++) rows += out->dim[k] == DIM_BATCH;
    if (rows < 2) return true;
    lower_error(L, at,
            "%s against %s would give the batch axis twice: they align from the right; "
            "drop or add an axis, as in x[..., 0]",
            shape_text(L, a), shape_text(L, b));
    return false;
}

Expr *aligned_load(Lower *L, Node *n, int rank, Expr *const *var, Expr *guard) {
    Expr *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        index[k] = n->dim[k] == 1 ? ex_int(L->graph, 0) : var[rank - n->rank + k];
    return ex_load(L->graph, n, index, guard);
}

static void output_vars(Lower *L, const Shape *s, Expr **var) {
    for (int k = 0; k < s->rank; k++) var[k] = ex_var(L->graph, k, s->dim[k]);
}

/* A node written by one operator; remembered when it stands in a branch. */
static Node *map_node(Lower *L, const Shape *s, Expr *body, Span at) {
    Node *n = make_node(L, s->rank, s->dim, F_NONE, 0, NULL, NULL, body, at);
    for (Branch *b = L->branch; b; b = b->up)
        if (n->kind == N_COMP && n->fold == F_NONE) vec_push(L->arena, &b->made, n);
    return n;
}

Node *broadcast_to(Lower *L, Node *n, const Shape *s, Span at) {
    Shape own = shape_of_node(n);
    if (shape_equal(&own, s)) return n;
    Expr *var[MAX_RANK];
    output_vars(L, s, var);
    return map_node(L, s, aligned_load(L, n, s->rank, var, NULL), at);
}

/* ---- operators on tensors ------------------------------------------------------- */

static DType operand_type(Value v) {
    Shape s;
    value_shape_of(v, &s);
    return s.dtype == T_U8 ? T_I32 : s.dtype;
}

static const char *op_text(Op op) {
    static const struct {
        Op op;
        const char *text;
    } symbol[] = {
            {OP_add, "+"},
            {OP_sub, "-"},
            {OP_mul, "*"},
            {OP_div, "/"},
            {OP_idiv, "//"},
            {OP_imod, "%"},
            {OP_neg, "-"},
            {OP_lt, "<"},
            {OP_le, "<="},
            {OP_gt, ">"},
            {OP_ge, ">="},
            {OP_eq, "=="},
            {OP_ne, "!="},
    };
    for (size_t k = 0; k < sizeof symbol / sizeof *symbol; k++)
        if (symbol[k].op == op) return symbol[k].text;
    return op_info[op].name;
}

static bool operand_fits(Op op, DType t, DType other) {
    switch (op_info[op].type) {
    case OT_LOGIC:
        return t == T_BOOL;
    case OT_INT:
        return t == T_I32;
    case OT_TEST:
        return (t == T_BOOL) == (other == T_BOOL) && (t != T_BOOL || op_info[op].flags & OPF_COMM);
    case OT_TOREAL:
    case OT_TOINT:
    case OT_BRANCH:
        return true;
    default:
        return t != T_BOOL;
    }
}

static bool check_operands(Lower *L, Op op, const Value *arg, int n, Span at) {
    for (int k = 0; k < n; k++) {
        if (!value_is_number(arg[k]) && !value_is_tensor(arg[k]) && arg[k].kind != V_BATCH) {
            lower_error(L, at, "`%s` takes numbers and tensors; operand %d is %s", op_text(op),
                    k + 1, value_text_of(L, arg[k]));
            return false;
        }
    }
    for (int k = 0; k < n; k++) {
        DType t = operand_type(arg[k]);
        if (operand_fits(op, t, operand_type(arg[n - 1 - k]))) continue;
        if (op_info[op].type == OT_LOGIC)
            lower_error(L, at, "`%s` takes conditions (bool); operand %d is %s", op_text(op), k + 1,
                    value_text_of(L, arg[k]));
        else if (op_info[op].type == OT_INT)
            lower_error(L, at, "`%s` takes integers; operand %d is %s", op_text(op), k + 1,
                    value_text_of(L, arg[k]));
        else
            lower_error(L, at,
                    "`%s` does not take a condition (bool) here; real(c) or int(c) is 1 "
                    "where it holds, and `if c then a else b` chooses",
                    op_text(op));
        return false;
    }
    return true;
}

static Value element_op(Lower *L, Op op, const Value *arg, int n, Span at) {
    Expr *e[3];
    for (int k = 0; k < n; k++)
        if (!(e[k] = value_to_expr(L, arg[k], at))) return value_poison();
    return value_expr(ex_op(L->graph, op, e));
}

static Value tensor_op(Lower *L, Op op, const Value *arg, int n, Span at) {
    Shape s = {0};
    for (int k = 0; k < n; k++) {
        Shape own, sum;
        value_shape_of(arg[k], &own);
        if (!broadcast(L, &s, &own, at, &sum)) return value_poison();
        s = sum;
        s.dtype = own.dtype;
    }
    if (!shape_check(L, &s, at)) return value_poison();
    Expr *var[MAX_RANK], *e[3];
    output_vars(L, &s, var);
    for (int k = 0; k < n; k++) {
        e[k] = arg[k].kind == V_TENSOR ? aligned_load(L, arg[k].node, s.rank, var, NULL)
                                       : value_to_expr(L, arg[k], at);
        if (!e[k]) return value_poison();
    }
    return value_node(map_node(L, &s, ex_op(L->graph, op, e), at));
}

/* Elements meet as an element, tensors as a tensor; scalars alone stay elements inside of
 * index notation and become tensors outside, where each is computed once. */
static bool is_element_op(const Lower *L, const Value *arg, int n) {
    bool any_tensor = false, any_expr = false;
    for (int k = 0; k < n; k++) {
        if (arg[k].kind == V_EXPR && arg[k].expr->vars) return true;
        any_expr = any_expr || arg[k].kind == V_EXPR || arg[k].kind == V_BATCH;
        any_tensor = any_tensor || (arg[k].kind == V_TENSOR && arg[k].node->rank > 0);
    }
    return !any_tensor && (any_expr || L->index);
}

Value apply_op(Lower *L, Op op, const Value *given, int n, Span at) {
    bool numbers = true;
    Value out, arg[3];
    for (int k = 0; k < n; k++) {
        arg[k] = list_as_tensor(L, given[k], at);
        if (arg[k].kind == V_POISON) return value_poison();
        numbers = numbers && value_is_number(arg[k]);
    }
    if (n == 2 && fold_equality(op, arg, &out)) return out;
    if (!check_operands(L, op, arg, n, at)) return value_poison();
    if (numbers) return fold_op(L, op, arg, n, at);
    return is_element_op(L, arg, n) ? element_op(L, op, arg, n, at) : tensor_op(L, op, arg, n, at);
}

/* ---- matrix product ------------------------------------------------------------- */

static bool inner_axes_fit(Lower *L, const Node *a, const Node *b, Span at) {
    if (a->rank == 0 || b->rank == 0) {
        lower_error(L, at, "`@` multiplies matrices and vectors; these are %s and %s",
                node_shape_text(L, a), node_shape_text(L, b));
        return false;
    }
    int64_t ka = a->dim[a->rank - 1], kb = b->dim[b->rank == 1 ? 0 : b->rank - 2];
    if (ka == kb) return true;
    lower_error(L, at, "%s @ %s: the last axis of the left, %s, is not the %s of the right, %s",
            node_shape_text(L, a), node_shape_text(L, b), size_text(L, ka),
            b->rank == 1 ? "axis" : "last but one", size_text(L, kb));
    return false;
}

/* The axes before the last two (of a: before the last one or two). */
static Shape leading_shape(const Node *n) {
    Shape s = {.rank = n->rank > 2 ? n->rank - 2 : 0, .dtype = n->dtype};
    for (int k = 0; k < s.rank; k++) s.dim[k] = n->dim[k];
    return s;
}

static Expr *matrix_element(
        Lower *L, Node *n, const Shape *lead, Expr *const *var, Expr *row, Expr *col) {
    Expr *index[MAX_RANK];
    int own = leading_shape(n).rank, at = 0;
    for (; at < own; at++)
        index[at] = n->dim[at] == 1 ? ex_int(L->graph, 0) : var[lead->rank - own + at];
    if (row) index[at++] = row;
    if (col) index[at++] = col;
    return ex_load(L->graph, n, index, NULL);
}

Value matmul(Lower *L, Value va, Value vb, Span at) {
    if (va.kind == V_POISON || vb.kind == V_POISON) return value_poison();
    Node *a = value_to_node(L, va, at), *b = value_to_node(L, vb, at);
    if (!a || !b || !inner_axes_fit(L, a, b, at)) return value_poison();
    Shape la = leading_shape(a), lb = leading_shape(b), s;
    if (!broadcast(L, &la, &lb, at, &s)) return value_poison();
    Shape lead = s;
    if (a->rank > 1) s.dim[s.rank++] = a->dim[a->rank - 2];
    if (b->rank > 1) s.dim[s.rank++] = b->dim[b->rank - 1];
    s.dtype = a->dtype;
    if (!shape_check(L, &s, at)) return value_poison();
    Expr *var[MAX_RANK + 1];
    output_vars(L, &s, var);
    int64_t inner = a->dim[a->rank - 1];
    Expr *k = ex_var(L->graph, s.rank, inner);
    Expr *row = a->rank > 1 ? var[lead.rank] : NULL;
    Expr *col = b->rank > 1 ? var[s.rank - 1] : NULL;
    Expr *x = matrix_element(L, a, &lead, var, row, k),
         *y = matrix_element(L, b, &lead, var, k, col);
    return value_node(make_node(
            L, s.rank, s.dim, F_SUM, 1, &inner, NULL, ex_op2(L->graph, OP_mul, x, y), at));
}

/* ---- choice --------------------------------------------------------------------- */

typedef struct Inline {
    const Branch *branch;
    Vec(Expr *) load;    /* met before ... */
    Vec(Expr *) becomes; /* ... and what it became */
    Arena *arena;
} Inline;

static bool made_in(const Branch *b, const Node *n) {
    for (int k = 0; k < b->made.n; k++)
        if (b->made.at[k] == n) return true;
    return false;
}

static Expr *inline_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Inline *in = ctx;
    Expr *load = ex_load(g, n, index, guard);
    if (guard || !made_in(in->branch, n)) return load;
    for (int k = 0; k < in->load.n; k++)
        if (in->load.at[k] == load) return in->becomes.at[k];
    Expr *e = ex_rewrite(g, n->body, index, NULL, NULL, inline_load, in);
    vec_push(in->arena, &in->load, load);
    vec_push(in->arena, &in->becomes, e);
    return e;
}

static Expr *branch_element(Lower *L, Node *n, const Branch *b, const Shape *s, Expr *const *var) {
    Inline in = {.branch = b, .arena = L->arena};
    Expr *index[MAX_RANK + 1];
    for (int k = 0; k < n->rank; k++)
        index[k] = n->dim[k] == 1 ? ex_int(L->graph, 0) : var[s->rank - n->rank + k];
    return inline_load(&in, L->graph, n, index, NULL);
}

static Node *lower_branch(Lower *L, const Ast *e, Branch *b) {
    b->up = L->branch;
    L->branch = b;
    Node *n = value_to_node(L, lower_expr(L, e), e->span);
    L->branch = b->up;
    return n;
}

static bool branch_types_fit(Lower *L, const Ast *e, DType a, DType b) {
    if ((a == T_BOOL) == (b == T_BOOL)) return true;
    lower_error(L, e->span, "the branches of this `if` have types %s and %s", dtype_name(a),
            dtype_name(b));
    (void)L;
    return false;
}

static Value tensor_choice(Lower *L, const Ast *e, Value cond) {
    Branch ba = {0}, bb = {0};
    Node *c = value_to_node(L, cond, e->a->span);
    Node *a = lower_branch(L, e->b, &ba), *b = lower_branch(L, e->c, &bb);
    if (!a || !b || !c || !branch_types_fit(L, e, a->dtype, b->dtype)) return value_poison();
    Shape sa = shape_of_node(a), sb = shape_of_node(b), sc = shape_of_node(c), ab, s;
    if (!broadcast(L, &sa, &sb, e->span, &ab)) return value_poison();
    ab.dtype = a->dtype;
    if (!broadcast(L, &sc, &ab, e->span, &s) || !shape_check(L, &s, e->span)) return value_poison();
    Graph *g = L->graph;
    Expr *var[MAX_RANK];
    output_vars(L, &s, var);
    Expr *test = aligned_load(L, c, s.rank, var, NULL);
    Expr *x = branch_element(L, a, &ba, &s, var);
    Expr *y = branch_element(L, b, &bb, &s, var);
    return value_node(map_node(L, &s, ex_select(g, test, x, y), e->span));
}

static Expr *guarded_branch(Lower *L, const Ast *e, Expr *guard) {
    Expr *before = L->guard;
    L->guard = ex_and(L->graph, before, guard);
    Expr *x = value_to_expr(L, lower_expr(L, e), e->span);
    L->guard = before;
    return x;
}

static Value element_choice(Lower *L, const Ast *e, Value cond) {
    Expr *c = value_to_expr(L, cond, e->a->span);
    if (!c) return value_poison();
    if (c->kind == E_CONST) return lower_expr(L, c->value != 0 ? e->b : e->c);
    Expr *a = guarded_branch(L, e->b, c);
    Expr *b = guarded_branch(L, e->c, ex_op1(L->graph, OP_not, c));
    if (!a || !b || !branch_types_fit(L, e, a->dtype, b->dtype)) return value_poison();
    return value_expr(ex_select(L->graph, c, a, b));
}

Value choose(Lower *L, const Ast *e) {
    Value c = lower_expr(L, e->a);
    if (c.kind == V_POISON) return c;
    if (!e->c) {
        lower_error(L, e->span,
                "an `if` without `else` leaves elements out of a fold; "
                "here it needs an `else`");
        return value_poison();
    }
    Shape s = {0};
    if (c.kind == V_BOOL) return lower_expr(L, c.i ? e->b : e->c);
    if (!value_is_tensor(c) || !value_shape_of(c, &s) || s.dtype != T_BOOL) {
        lower_error(L, e->a->span, "a condition is needed here (bool); this is %s",
                value_text_of(L, c));
        return value_poison();
    }
    return L->index && s.rank == 0 ? element_choice(L, e, c) : tensor_choice(L, e, c);
}

/* ---- an element made a tensor --------------------------------------------------- */

Node *node_of_expr(Lower *L, Expr *e, Span at, Expr ***outer) {
    int64_t dim[MAX_VARS];
    Expr *to[32] = {0}, **from = NEW_ARRAY(L->arena, Expr *, MAX_VARS);
    int n = 0;
    for (int v = 0; v < 32; v++) {
        if (!(e->vars >> v & 1)) continue;
        if (n == MAX_RANK) ICE(at, "an element under more than %d variables", MAX_RANK);
        dim[n] = L->index->extent[v];
        from[n] = ex_var(L->graph, v, dim[n]);
        to[v] = ex_var(L->graph, n, dim[n]);
        n++;
    }
    *outer = from;
    return make_node(L, n, dim, F_NONE, 0, NULL, NULL, ex_subst(L->graph, e, to), at);
}
