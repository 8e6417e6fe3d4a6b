/* lower_expr.c - the value of an expression: what each construct of the language asks for,
 * handed to the file that knows how. */
#include "lower.h"

#include <string.h>

/* ---- operators ------------------------------------------------------------------ */

static bool op_of_text(const char *text, Op *op) {
    static const struct {
        const char *text;
        Op op;
    } table[] = {
            {"+", OP_add},
            {"-", OP_sub},
            {"*", OP_mul},
            {"/", OP_div},
            {"//", OP_idiv},
            {"%", OP_imod},
            {"**", OP_pow},
            {"==", OP_eq},
            {"!=", OP_ne},
            {"<", OP_lt},
            {"<=", OP_le},
            {">", OP_gt},
            {">=", OP_ge},
            {"and", OP_and},
            {"or", OP_or},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        if (strcmp(table[k].text, text) != 0) continue;
        *op = table[k].op;
        return true;
    }
    return false;
}

/* The exponent when it is a whole number known at compile time; -1: it is not, or negative. */
static int64_t whole_exponent(Value v) {
    if (v.kind == V_REAL && v.r >= 0 && v.r <= 4 && v.r == (double)(int64_t)v.r)
        return (int64_t)v.r;
    return v.kind == V_INT ? v.i : -1;
}

/* Small whole powers are products: exact for negative bases, and differentiable at 0. Whole
 * powers of integers known at compile time are integers. */
static Value power(Lower *L, const Value *arg, Span at) {
    int64_t k = whole_exponent(arg[1]), most = arg[0].kind == V_INT ? 64 : 4;
    if (k == 0 && arg[0].kind == V_INT) return value_int(1);
    if (k < 1 || k > most) return apply_op(L, OP_pow, arg, 2, at);
    Value x = arg[0];
    for (int64_t i = 1; i < k; i++) x = apply_op(L, OP_mul, (Value[]){x, arg[0]}, 2, at);
    return x;
}

/* `and` and `or` of what is known at compile time look at the right side only if need be. */
static bool decided(const Ast *e, Value left) {
    if (left.kind != V_BOOL) return false;
    return !strcmp(e->text, "and") ? !left.i : !strcmp(e->text, "or") ? left.i != 0 : false;
}

/* `c == label[n]`: a target compared with an index variable lies in the variable's range. */
static void bound_compared(Lower *L, const Value *arg) {
    for (int k = 0; k < 2; k++) {
        if (arg[k].kind != V_EXPR || arg[1 - k].kind != V_EXPR || arg[1 - k].expr->kind != E_VAR)
            continue;
        Port *p = index_port(L, arg[k].expr);
        if (p && arg[1 - k].expr->extent > 0) bound_port(p, arg[1 - k].expr->extent);
    }
}

/* Next to an element a tensor lacks its index: said at the operand, not at the operator. */
static bool indexed(Lower *L, const Ast *e, const Value *arg) {
    for (int k = 0; k < 2; k++) {
        const Value *other = &arg[1 - k];
        bool element = other->kind == V_EXPR && other->expr->vars;
        if (!element || arg[k].kind != V_TENSOR || !arg[k].node->rank) continue;
        value_to_expr(L, arg[k], (k ? e->b : e->a)->span);
        return false;
    }
    return true;
}

/* The right side of `and`, `or` is needed only where the left does not decide. */
static Value right_side(Lower *L, const Ast *e, Value left) {
    bool logic = !strcmp(e->text, "and") || !strcmp(e->text, "or");
    if (!logic || !L->index || left.kind != V_EXPR || left.expr->dtype != T_BOOL)
        return lower_expr(L, e->b);
    Expr *before = L->guard, *c = left.expr;
    if (!strcmp(e->text, "or")) c = ex_op1(L->graph, OP_not, c);
    L->guard = ex_and(L->graph, before, c);
    Value v = lower_expr(L, e->b);
    L->guard = before;
    return v;
}

static Value binary(Lower *L, const Ast *e) {
    Value arg[2];
    arg[0] = lower_expr(L, e->a);
    if (decided(e, arg[0])) return arg[0];
    arg[1] = right_side(L, e, arg[0]);
    Op op;
    if (!strcmp(e->text, "@")) return matmul(L, arg[0], arg[1], e->span);
    if (!op_of_text(e->text, &op)) ICE(e->span, "operator %s", e->text);
    if (L->index && !indexed(L, e, arg)) return value_poison();
    if (op == OP_pow) return power(L, arg, e->span);
    if (op == OP_eq) bound_compared(L, arg);
    return apply_op(L, op, arg, 2, e->span);
}

static Value unary(Lower *L, const Ast *e) {
    Value x = lower_expr(L, e->a);
    return apply_op(L, strcmp(e->text, "-") ? OP_not : OP_neg, &x, 1, e->span);
}

/* ---- calls, pipes, members ------------------------------------------------------ */

static Value pipe(Lower *L, const Ast *e) {
    Value x = lower_expr(L, e->a);
    const Ast *callee = e->b->kind == A_CALL ? e->b->a : e->b;
    const Ast *list = e->b->kind == A_CALL ? e->b->list : NULL;
    return call_value(L, callee, args_of(L, list, &x, e->a->span, e->b->span));
}

static bool has_module(Lower *L, const char *prefix) {
    size_t n = strlen(prefix);
    for (int k = 0; k < L->model->param.n; k++)
        if (!strncmp(L->model->param.at[k]->path, prefix, n)) return true;
    for (int k = 0; k < L->model->state.n; k++)
        if (!strncmp(L->model->state.at[k]->path, prefix, n)) return true;
    return false;
}

/* e.units: an argument of an instance; e.table: a parameter or state; e.attention: an
 * instance inside it. */
static Value instance_member(Lower *L, const Ast *e, Instance *inst) {
    const char *path = inst->path ? inst->path : inst->fn->name;
    Value argument;
    if (instance_argument(L, inst, e->name, &argument)) return argument;
    if (!inst->path || !has_module(L, arena_printf(L->arena, "%s.", path))) {
        lower_error(L, e->span,
                "`%s` has no parameters yet: they are made where it is first applied "
                "to a tensor",
                path);
        return value_poison();
    }
    const char *full = intern(arena_printf(L->arena, "%s.%s", path, e->name));
    Var *v = find_var(L, full);
    if (v) return value_node(v->leaf);
    if (!has_module(L, arena_printf(L->arena, "%s.", full))) {
        lower_error(L, e->span, "`%s` has no parameter, state or layer `%s`", path, e->name);
        return value_poison();
    }
    Instance *inner = NEW(L->arena, Instance);
    *inner = (Instance){.fn = inst->fn, .path = full, .span = e->span};
    return value_instance(inner);
}

static Value member(Lower *L, const Ast *e) {
    Value v = lower_expr(L, e->a);
    Shape s;
    if (v.kind == V_POISON) return v;
    if (v.kind == V_INSTANCE) return instance_member(L, e, v.inst);
    if (value_shape_of(v, &s) && !strcmp(e->name, "shape")) {
        Value dim[MAX_RANK];
        for (int k = 0; k < s.rank; k++)
            dim[k] = s.dim[k] == DIM_BATCH ? value_batch() : value_int(s.dim[k]);
        return value_list(L, s.rank, dim);
    }
    lower_error(L, e->span, "%s has no member `%s`", value_text_of(L, v), e->name);
    return value_poison();
}

/* ---- literals ------------------------------------------------------------------- */

static Value number(Lower *L, const Ast *e) {
    if (e->flag) return value_real(e->num);
    if (e->num <= 9007199254740992.0) return value_int((int64_t)e->num);
    lower_error(L, e->span, "the integer is too large (beyond 2^53)");
    return value_poison();
}

/* ---- a value over the steps of a scan ------------------------------------------- */

/* The time axis stands after a leading batch axis, as in [batch, time, units]. */
Value lower_all(Lower *L, const Ast *e) {
    Binding *b = scope_find(L->scope, e->name);
    if (!b || !b->each) {
        lower_error(L, e->span,
                b ? "`%s` was not bound by a scan before this place"
                  : "unknown name `%s`; `all` takes a name bound by a scan",
                e->name);
        return value_poison();
    }
    Node *stack = node_stack(L->graph, b->scan, b->each, user_span(L, e->span));
    if (stack->rank < 2 || stack->dim[1] != DIM_BATCH) return value_node(stack);
    int64_t dim[MAX_RANK];
    Expr *var[MAX_RANK], *index[MAX_RANK];
    for (int k = 0; k < stack->rank; k++) dim[k] = stack->dim[k < 2 ? 1 - k : k];
    for (int k = 0; k < stack->rank; k++) var[k] = ex_var(L->graph, k, dim[k]);
    for (int k = 0; k < stack->rank; k++) index[k] = var[k < 2 ? 1 - k : k];
    return value_node(make_node(L, stack->rank, dim, F_NONE, 0, NULL, NULL,
            ex_load(L->graph, stack, index, NULL), e->span));
}

/* ---- all constructs ------------------------------------------------------------- */

static Value misplaced(Lower *L, const Ast *e) {
    if (e->kind == A_RANGE)
        lower_error(L, e->span, "a range a..b stands after `in` only");
    else if (e->kind == A_ELLIPSIS)
        lower_error(L, e->span, "`...` stands in the index of a tensor only");
    else if (e->kind != A_ERROR)
        ICE(e->span, "an expression of kind %d", (int)e->kind);
    return value_poison();
}

Value lower_expr(Lower *L, const Ast *e) {
    const Value *known = memo_find(L, e);
    if (known) return *known;
    switch (e->kind) {
    case A_NUMBER:
        return number(L, e);
    case A_STRING:
        return value_text(e->text);
    case A_BOOL:
        return value_bool(e->flag);
    case A_NAME:
        return scope_value(L, e->name, e->span);
    case A_MEMBER:
        return member(L, e);
    case A_CALL:
        return call_value(L, e->a, args_of(L, e->list, NULL, e->span, e->span));
    case A_PIPE:
        return pipe(L, e);
    case A_UNARY:
        return unary(L, e);
    case A_BINARY:
        return binary(L, e);
    case A_IF:
        return choose(L, e);
    case A_ELSE:
        return lower_else(L, e);
    case A_FOLD:
        return lower_fold(L, e);
    case A_SUBSCRIPT:
        return lower_subscript(L, e);
    case A_ALL:
        return lower_all(L, e);
    case A_LIST:
        return lower_list(L, e);
    default:
        return misplaced(L, e);
    }
}
