/* lower_value.c - the values that lowering computes with: making them, describing them in
 * messages, and turning one kind into another. See lower.h for what each kind means. */
#include "lower.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

static bool is_library_text(const Lower *L, Span at) {
    for (const Ast *d = L->std->list; d; d = d->next)
        if (d->span.src == at.src) return true;
    return false;
}

void lower_error(Lower *L, Span at, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!is_library_text(L, at) || !L->call_site.src) {
        diag_error(at, "%s", text);
        return;
    }
    diag_error(L->call_site, "in %s(): %s", L->called, text);
    diag_note(at, "in the library's text, here");
}

Value value_poison(void) {
    return (Value){.kind = V_POISON};
}
Value value_none(void) {
    return (Value){.kind = V_NONE};
}
Value value_absent(void) {
    return (Value){.kind = V_ABSENT};
}
Value value_int(int64_t i) {
    return (Value){.kind = V_INT, .i = i};
}
Value value_real(double r) {
    return (Value){.kind = V_REAL, .r = r};
}
Value value_bool(bool b) {
    return (Value){.kind = V_BOOL, .i = b};
}
Value value_text(const char *text) {
    return (Value){.kind = V_STRING, .text = text};
}
Value value_batch(void) {
    return (Value){.kind = V_BATCH};
}
Value value_node(Node *n) {
    return (Value){.kind = V_TENSOR, .node = n};
}
Value value_expr(Expr *e) {
    return (Value){.kind = V_EXPR, .expr = e};
}
Value value_function(Function *fn) {
    return (Value){.kind = V_FUNCTION, .fn = fn};
}
Value value_instance(Instance *inst) {
    return (Value){.kind = V_INSTANCE, .inst = inst};
}

Value value_shape(Lower *L, const Shape *s) {
    return (Value){.kind = V_SHAPE, .shape = arena_copy(L->arena, s, sizeof *s)};
}

Value value_list(Lower *L, int n, const Value *item) {
    Value *copy = NEW_ARRAY(L->arena, Value, n);
    for (int k = 0; k < n; k++) copy[k] = item[k];
    return (Value){.kind = V_LIST, .i = n, .item = copy};
}

bool value_is_number(Value v) {
    return v.kind == V_INT || v.kind == V_REAL || v.kind == V_BOOL;
}

bool value_is_tensor(Value v) {
    return v.kind == V_TENSOR || v.kind == V_EXPR;
}

double value_number(Value v) {
    return v.kind == V_REAL ? v.r : (double)v.i;
}

/* ---- shapes --------------------------------------------------------------------- */

Shape shape_of_node(const Node *n) {
    Shape s = {.rank = n->rank, .dtype = n->dtype};
    for (int k = 0; k < n->rank; k++) s.dim[k] = n->dim[k];
    return s;
}

bool shape_equal(const Shape *a, const Shape *b) {
    if (a->rank != b->rank) return false;
    for (int k = 0; k < a->rank; k++)
        if (a->dim[k] != b->dim[k]) return false;
    return true;
}

bool value_shape_of(Value v, Shape *out) {
    *out = (Shape){0};
    switch (v.kind) {
    case V_TENSOR:
        *out = shape_of_node(v.node);
        return true;
    case V_EXPR:
        out->dtype = v.expr->dtype;
        return true;
    case V_SHAPE:
        *out = *v.shape;
        return true;
    case V_LIST:
        return list_shape(v, out);
    case V_REAL:
        out->dtype = T_F32;
        return true;
    case V_INT:
    case V_BATCH:
        out->dtype = T_I32;
        return true;
    case V_BOOL:
        out->dtype = T_BOOL;
        return true;
    default:
        return false;
    }
}

const char *size_text(Lower *L, int64_t dim) {
    return dim == DIM_BATCH ? "batch" : arena_printf(L->arena, "%" PRId64, dim);
}

const char *shape_text(Lower *L, const Shape *s) {
    const char *text = arena_printf(L->arena, "%s[", dtype_name(s->dtype));
    for (int k = 0; k < s->rank; k++)
        text = arena_printf(L->arena, "%s%s%s", text, k ? ", " : "", size_text(L, s->dim[k]));
    return arena_printf(L->arena, "%s]", text);
}

const char *node_shape_text(Lower *L, const Node *n) {
    Shape s = shape_of_node(n);
    return shape_text(L, &s);
}

static const char *list_text(Lower *L, Value v) {
    const char *text = "[";
    for (int k = 0; k < v.i; k++) {
        Value x = v.item[k];
        const char *item = x.kind == V_LIST    ? list_text(L, x)
                           : x.kind == V_INT   ? size_text(L, x.i)
                           : x.kind == V_BATCH ? "batch"
                           : x.kind == V_REAL  ? arena_printf(L->arena, "%g", x.r)
                                               : value_text_of(L, x);
        if (k == 8) return arena_printf(L->arena, "%s, ...]", text);
        text = arena_printf(L->arena, "%s%s%s", text, k ? ", " : "", item);
    }
    return arena_printf(L->arena, "%s]", text);
}

const char *value_text_of(Lower *L, Value v) {
    switch (v.kind) {
    case V_INT:
        return arena_printf(L->arena, "the number %" PRId64, v.i);
    case V_REAL:
        return arena_printf(L->arena, "the number %g", v.r);
    case V_BOOL:
        return v.i ? "true" : "false";
    case V_STRING:
        return arena_printf(L->arena, "the string \"%s\"", v.text);
    case V_BATCH:
        return "the size batch";
    case V_LIST:
        return arena_printf(L->arena, "the list %s", list_text(L, v));
    case V_SHAPE:
        return arena_printf(L->arena, "the shape %s", shape_text(L, v.shape));
    case V_FUNCTION:
        if (v.fn->kind != FN_DEF) return arena_printf(L->arena, "the function %s", v.fn->name);
        return arena_printf(L->arena, "the %s %s",
                v.fn->def->kind == A_LAYER         ? "layer"
                : v.fn->def->kind == A_INITIALIZER ? "initializer"
                                                   : "function",
                v.fn->name);
    case V_INSTANCE:
        return arena_printf(L->arena, "an instance of %s", v.inst->fn->name);
    case V_TENSOR:
        return node_shape_text(L, v.node);
    case V_EXPR:
        return arena_printf(L->arena, "an element of type %s", dtype_name(v.expr->dtype));
    case V_PACK:
        return "`...`";
    case V_NONE:
        return "nothing";
    case V_ABSENT:
        return "none";
    case V_POISON:
        break;
    }
    return "an error";
}

static bool batch_once(Lower *L, const Shape *s, Span at) {
    int rows = 0;
    for (int k = 0; k < s->rank; k++) rows += s->dim[k] == DIM_BATCH;
    if (rows < 2) return true;
    lower_error(L, at, "the result would be %s, with the batch axis twice", shape_text(L, s));
    return false;
}

bool shape_check(Lower *L, const Shape *s, Span at) {
    const int64_t most = INT64_C(1) << 40;
    if (s->rank > MAX_RANK) {
        lower_error(
                L, at, "a tensor has at most %d axes; this one would have %d", MAX_RANK, s->rank);
        return false;
    }
    if (!batch_once(L, s, at)) return false;
    int64_t elements = 1;
    for (int k = 0; k < s->rank; k++) {
        int64_t dim = s->dim[k] == DIM_BATCH ? L->model->batch : s->dim[k];
        if (dim > INT32_MAX || elements > most / dim) {
            lower_error(L, at, "%s is too large: it would have more than %" PRId64 " elements",
                    shape_text(L, s), dim > INT32_MAX ? (int64_t)INT32_MAX : most);
            return false;
        }
        elements *= dim;
    }
    return true;
}

/* ---- conversions ---------------------------------------------------------------- */

Node *make_node(Lower *L, int rank, const int64_t *dim, Fold f, int nfold, const int64_t *fold_dim,
        Expr *guard, Expr *body, Span at) {
    return node_comp(L->graph, rank, dim, f, nfold, fold_dim, guard, body, user_span(L, at));
}

static Node *rank0(Lower *L, Expr *e, Span at) {
    return make_node(L, 0, NULL, F_NONE, 0, NULL, NULL, e, at);
}

static Node *rows_leaf(Lower *L, Span at) {
    return node_leaf(L->graph, L_ROWS, T_I32, 0, NULL, "rows", user_span(L, at));
}

static bool int32_fits(Lower *L, int64_t i, Span at) {
    (void)L;
    if (i >= INT32_MIN && i <= INT32_MAX) return true;
    lower_error(L, at, "the integer %" PRId64 " does not fit into an i32 tensor", i);
    return false;
}

Node *value_to_node(Lower *L, Value v, Span at) {
    if (v.kind == V_TENSOR) return v.node;
    if (v.kind == V_POISON) return NULL;
    if (v.kind == V_LIST) return list_to_node(L, v, at);
    if (v.kind == V_EXPR && v.expr->vars) {
        lower_error(L, at,
                "this is one element of a tensor under its index variables; "
                "a whole tensor is needed here");
        return NULL;
    }
    Expr *e = value_to_expr(L, v, at);
    return e ? rank0(L, e, at) : NULL;
}

Expr *value_to_expr(Lower *L, Value v, Span at) {
    Graph *g = L->graph;
    switch (v.kind) {
    case V_INT:
        return int32_fits(L, v.i, at) ? ex_int(g, v.i) : NULL;
    case V_REAL:
        return ex_real(g, v.r);
    case V_BOOL:
        return ex_bool(g, v.i != 0);
    case V_BATCH:
        return ex_load(g, rows_leaf(L, at), NULL, NULL);
    case V_EXPR:
        return v.expr;
    case V_LIST:
    case V_TENSOR:
        v = list_as_tensor(L, v, at);
        if (v.kind == V_POISON) return NULL;
        if (v.node->rank == 0) return ex_load(g, v.node, NULL, NULL);
        lower_error(L, at, "%s stands here without an index for each of its axes",
                node_shape_text(L, v.node));
        return NULL;
    case V_POISON:
        return NULL;
    default:
        lower_error(L, at, "a number or a tensor is needed here; this is %s", value_text_of(L, v));
        return NULL;
    }
}

bool value_to_int(Lower *L, Value v, Span at, const char *what, int64_t *out) {
    *out = v.i;
    if (v.kind == V_INT) return true;
    if (v.kind == V_REAL)
        lower_error(
                L, at, "%s is an integer; %g is a real number (// divides integers)", what, v.r);
    else if (value_is_tensor(v))
        lower_error(L, at, "%s is known at compile time; this is a tensor's value", what);
    else if (v.kind != V_POISON)
        lower_error(L, at, "%s is an integer; this is %s", what, value_text_of(L, v));
    return false;
}

bool value_to_size(Lower *L, Value v, Span at, int64_t *out) {
    *out = DIM_BATCH;
    if (v.kind == V_BATCH) return true;
    if (!value_to_int(L, v, at, "a size", out)) return false;
    if (*out >= 1 && *out <= INT32_MAX) return true;
    lower_error(L, at, "a size is between 1 and %d; this is %" PRId64, INT32_MAX, *out);
    return false;
}

bool value_to_bool(Lower *L, Value v, Span at, const char *what, bool *out) {
    *out = v.i != 0;
    if (v.kind == V_BOOL) return true;
    if (value_is_tensor(v))
        lower_error(L, at,
                "%s is known at compile time; this is a tensor's value "
                "(`if c then a else b` chooses between values)",
                what);
    else if (v.kind != V_POISON)
        lower_error(L, at, "%s is true or false; this is %s", what, value_text_of(L, v));
    return false;
}

/* Elementwise to another type; u8 already reads as i32 in expressions. */
Node *convert_node(Lower *L, Node *n, DType t, Span at) {
    if (n->dtype == t) return n;
    Expr *e = ex_element(L->graph, n);
    if (e->dtype != t && t == T_F32) e = ex_op1(L->graph, OP_real, e);
    if (e->dtype != t && t == T_I32) e = ex_op1(L->graph, OP_int, e);
    return make_node(L, n->rank, n->dim, F_NONE, 0, NULL, NULL, e, at);
}
