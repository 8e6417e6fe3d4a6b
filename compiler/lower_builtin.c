/* lower_builtin.c - the functions that are not library text, because they ask for shapes,
 * make random numbers, read files or differentiate. A row of the table is all that one is. */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- shapes --------------------------------------------------------------------- */

static bool shape_of(Lower *L, Value v, Span at, Shape *s) {
    if (value_shape_of(v, s)) return true;
    lower_error(L, at, "a tensor is needed here; this is %s", value_text_of(L, v));
    return false;
}

static Value rank_of(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s;
    (void)n, (void)span;
    return shape_of(L, arg[0], at[0], &s) ? value_int(s.rank) : value_poison();
}

static Value extent_of(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s;
    int64_t k;
    (void)n, (void)span;
    if (!shape_of(L, arg[0], at[0], &s) ||
            !value_to_int(L, arg[1], at[1], "the number of an axis", &k))
        return value_poison();
    if (k < -s.rank || k >= s.rank) {
        lower_error(L, at[1], "%s has no axis %" PRId64, shape_text(L, &s), k);
        return value_poison();
    }
    int64_t dim = s.dim[k < 0 ? k + s.rank : k];
    return dim == DIM_BATCH ? value_batch() : value_int(dim);
}

/* With a batch axis: that many times n, the rows of the call. */
static Value elements_of(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s;
    int64_t count = 1;
    bool rows = false;
    (void)n;
    if (!shape_of(L, arg[0], at[0], &s) || !shape_check(L, &s, at[0])) return value_poison();
    for (int k = 0; k < s.rank; k++) {
        if (s.dim[k] == DIM_BATCH)
            rows = true;
        else
            count *= s.dim[k];
    }
    if (!rows) return value_int(count);
    Value both[] = {value_batch(), value_int(count)};
    return apply_op(L, OP_mul, both, 2, span);
}

static Value is_real(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s;
    (void)n, (void)span;
    return shape_of(L, arg[0], at[0], &s) ? value_bool(s.dtype == T_F32) : value_poison();
}

/* Whether an optional argument has a value. */
static Value given(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)L, (void)at, (void)n, (void)span;
    return value_bool(arg[0].kind != V_ABSENT);
}

/* ---- arrangement ---------------------------------------------------------------- */

/* The values of all arguments from the second on; a list counts by its items. */
static bool flatten(Lower *L, Value v, Span at, int *n, Value *out) {
    if (v.kind == V_LIST) {
        for (int k = 0; k < v.i; k++)
            if (!flatten(L, v.item[k], at, n, out)) return false;
        return true;
    }
    if (*n == MAX_RANK) {
        lower_error(L, at, "a tensor has at most %d axes", MAX_RANK);
        return false;
    }
    out[(*n)++] = v;
    return true;
}

static bool flatten_rest(
        Lower *L, const Value *arg, const Span *at, int n, int *count, Value *out) {
    *count = 0;
    for (int k = 1; k < n; k++)
        if (!flatten(L, arg[k], at[k], count, out)) return false;
    return true;
}

static int64_t static_elements(const Shape *s) {
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] != DIM_BATCH) n *= s->dim[k];
    return n;
}

/* The sizes as given, the one that is -1 made of what the others leave. */
static bool reshape_sizes(
        Lower *L, const Shape *own, const Value *size, int n, Span at, Shape *out) {
    int open = -1;
    for (int k = 0; k < n; k++) {
        if (out->rank == MAX_RANK) {
            lower_error(L, at, "a tensor has at most %d axes", MAX_RANK);
            return false;
        }
        int64_t *dim = &out->dim[out->rank++];
        bool is_open = size[k].kind == V_INT && size[k].i == -1 && open < 0;
        if (is_open) open = out->rank - 1;
        *dim = 1;
        if (!is_open && !value_to_size(L, size[k], at, dim)) return false;
    }
    int64_t rest = static_elements(out);
    if (open >= 0 && static_elements(own) % rest == 0) out->dim[open] = static_elements(own) / rest;
    return true;
}

/* Rows stay apart: a batch axis in front stays in front, named or not. */
static bool reshape_dims(
        Lower *L, const Node *x, const Value *arg, const Span *at, int n, Shape *out) {
    Value size[MAX_RANK];
    int count;
    Shape own = shape_of_node(x);
    if (!flatten_rest(L, arg, at, n, &count, size)) return false;
    bool rows = x->rank && x->dim[0] == DIM_BATCH, named = false;
    for (int k = 0; k < count; k++) named = named || size[k].kind == V_BATCH;
    if (rows && !named) out->dim[out->rank++] = DIM_BATCH;
    if (!reshape_sizes(L, &own, size, count, at[1], out)) return false;
    if (rows == (out->rank && out->dim[0] == DIM_BATCH)) return true;
    lower_error(L, at[0],
            "a reshape keeps the batch axis first and apart: %s becomes [batch, ...]",
            node_shape_text(L, x));
    return false;
}

/* Row-major number of the element without its row, and from it the indices in x. */
static Expr *flat_index(Graph *g, const Shape *s, Expr *const *var) {
    Expr *flat = ex_int(g, 0);
    for (int k = 0; k < s->rank; k++) {
        if (s->dim[k] == DIM_BATCH) continue;
        flat = ex_op2(g, OP_add, ex_op2(g, OP_mul, flat, ex_int(g, s->dim[k])), var[k]);
    }
    return flat;
}

static Value reshape(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Graph *g = L->graph;
    Node *x = value_to_node(L, arg[0], at[0]);
    Shape s = {.dtype = x ? x->dtype : T_F32};
    if (!x || !reshape_dims(L, x, arg, at, n, &s) || !shape_check(L, &s, span))
        return value_poison();
    Shape own = shape_of_node(x);
    if (static_elements(&own) != static_elements(&s)) {
        lower_error(L, span, "%s has %" PRId64 " elements%s and %s has %" PRId64,
                shape_text(L, &own), static_elements(&own),
                s.rank && s.dim[0] == DIM_BATCH ? " a row" : "", shape_text(L, &s),
                static_elements(&s));
        return value_poison();
    }
    Expr *var[MAX_RANK], *index[MAX_RANK];
    for (int k = 0; k < s.rank; k++) var[k] = ex_var(g, k, s.dim[k]);
    Expr *flat = flat_index(g, &s, var);
    int64_t stride = 1;
    for (int k = own.rank; k-- > 0;) {
        if (own.dim[k] == DIM_BATCH) {
            index[k] = var[0];
            continue;
        }
        Expr *q = ex_op2(g, OP_idiv, flat, ex_int(g, stride));
        index[k] = ex_op2(g, OP_imod, q, ex_int(g, own.dim[k]));
        stride *= own.dim[k];
    }
    return value_node(
            make_node(L, s.rank, s.dim, F_NONE, 0, NULL, NULL, ex_load(g, x, index, NULL), span));
}

/* Axis k of the result is x's axis order[k]; every axis occurs once. */
static bool axis_order(
        Lower *L, const Node *x, const Value *arg, const Span *at, int n, int *order) {
    Value axis[MAX_RANK];
    int count;
    unsigned seen = 0;
    if (!flatten_rest(L, arg, at, n, &count, axis)) return false;
    for (int k = 0; k < count; k++) {
        int64_t a;
        if (!value_to_int(L, axis[k], at[1], "the number of an axis", &a)) return false;
        if (a < 0) a += x->rank;
        bool is_axis = a >= 0 && a < x->rank && !(seen >> a & 1);
        if (is_axis) seen |= 1u << a;
        order[k] = (int)a;
        if (is_axis && k < x->rank) continue;
        lower_error(L, at[1], "%s has no axis %" PRId64 " to stand here: each of 0 to %d, once",
                node_shape_text(L, x), axis[k].i, x->rank - 1);
        return false;
    }
    if (count == x->rank) return true;
    lower_error(L, at[1], "transpose() takes all %d axes of %s; here are %d", x->rank,
            node_shape_text(L, x), count);
    return false;
}

static Value transpose(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Node *x = value_to_node(L, arg[0], at[0]);
    int order[MAX_RANK];
    int64_t dim[MAX_RANK];
    Expr *index[MAX_RANK];
    if (!x || !axis_order(L, x, arg, at, n, order)) return value_poison();
    bool same = true;
    for (int k = 0; k < x->rank; k++) {
        dim[k] = x->dim[order[k]];
        index[order[k]] = ex_var(L->graph, k, dim[k]);
        same = same && order[k] == k;
    }
    if (same) return value_node(x);
    Expr *e = ex_load(L->graph, x, index, NULL);
    return value_node(make_node(L, x->rank, dim, F_NONE, 0, NULL, NULL, e, span));
}

/* ---- lists ---------------------------------------------------------------------- */

static Value length_of(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)n, (void)span;
    if (arg[0].kind == V_LIST) return value_int(arg[0].i);
    lower_error(L, at[0], "a list is needed here, [a, b, c]; this is %s", value_text_of(L, arg[0]));
    return value_poison();
}

static Value is_list(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)L, (void)at, (void)n, (void)span;
    return value_bool(arg[0].kind == V_LIST);
}

/* One list of the items of several. */
static Value join(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Vec(Value) item = {0};
    for (int k = 0; k < n; k++) {
        if (length_of(L, &arg[k], &at[k], 1, span).kind == V_POISON) return value_poison();
        for (int i = 0; i < arg[k].i; i++) vec_push(L->arena, &item, arg[k].item[i]);
    }
    return value_list(L, item.n, item.at);
}

/* ---- random numbers ------------------------------------------------------------- */

static void push_axis(Shape *s, Expr **index, int64_t dim, Expr *at) {
    index[s->rank] = at;
    s->dim[s->rank++] = dim;
}

/* Inside of scans the numbers are drawn afresh in each step: an axis for each open scan,
 * outermost first, behind a leading batch axis. */
static Value random_tensor(Lower *L, const Shape *shape, Span span) {
    const OpenScan *open[MAX_RANK];
    Shape s = {.dtype = T_F32}, out = *shape;
    Expr *index[MAX_RANK], *var[MAX_RANK];
    int scans = 0, first = shape->rank && shape->dim[0] == DIM_BATCH;
    for (const OpenScan *o = L->scan; o && scans < MAX_RANK; o = o->up) open[scans++] = o;
    out.dtype = T_F32;
    if (!shape_check(L, &out, span)) return value_poison();
    if (scans + shape->rank > MAX_RANK) {
        lower_error(L, span, "random numbers of more than %d axes, with the scans'", MAX_RANK);
        return value_poison();
    }
    for (int k = 0; k < shape->rank; k++) var[k] = ex_var(L->graph, k, shape->dim[k]);
    for (int k = 0; k < first; k++) push_axis(&s, index, shape->dim[k], var[k]);
    for (int k = scans; k-- > 0;)
        push_axis(&s, index, open[k]->scan->extent, ex_time(L->graph, open[k]->scan));
    for (int k = first; k < shape->rank; k++) push_axis(&s, index, shape->dim[k], var[k]);
    Node *n = node_uniform(L->graph, s.rank, s.dim, next_stream(L), user_span(L, span));
    if (!scans) return value_node(n);
    return value_node(make_node(
            L, out.rank, out.dim, F_NONE, 0, NULL, NULL, ex_load(L->graph, n, index, NULL), span));
}

static Value uniform(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s = {.dtype = T_F32};
    for (int k = 0; k < n; k++)
        if (!add_sizes(L, arg[k], at[k], &s)) return value_poison();
    return random_tensor(L, &s, span);
}

static Value uniform_like(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Shape s;
    (void)n;
    return shape_of(L, arg[0], at[0], &s) ? random_tensor(L, &s, span) : value_poison();
}

/* ---- gradients ------------------------------------------------------------------ */

static Value per_row(Lower *L, Node *gradient, Value per, Span per_at, Span span) {
    if (per.kind != V_BATCH) {
        lower_error(L, per_at, "a gradient is kept apart per row only: per: batch; this is %s",
                value_text_of(L, per));
        return value_poison();
    }
    Node *n = gradient_per_row(L, gradient, span);
    return n ? value_node(n) : value_poison();
}

static Value gradient(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    Node *y = value_to_node(L, arg[0], at[0]), *x = value_to_node(L, arg[1], at[1]), *out = NULL;
    if (!y || !x) return value_poison();
    if (x->dtype != T_F32 || y->dtype != T_F32) {
        bool wrong_y = y->dtype != T_F32;
        lower_error(L, at[wrong_y ? 0 : 1],
                wrong_y ? "only real tensors have a gradient; this is %s"
                        : "there is no gradient in integers: this is %s; differentiate "
                          "by real(...) of it, bound to a name",
                node_shape_text(L, wrong_y ? y : x));
        return value_poison();
    }
    if (!grad(L->graph, y, &x, 1, &out)) return value_poison();
    if (out) return n == 3 ? per_row(L, out, arg[2], at[2], span) : value_node(out);
    lower_error(
            L, span, "the first argument does not depend on the second, so there is no gradient");
    return value_poison();
}

static Value stop_gradient(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)n;
    Value v = list_as_tensor(L, arg[0], at[0]);
    if (value_is_number(v)) return v;
    if (v.kind == V_TENSOR) return value_node(node_stop(L->graph, v.node, user_span(L, span)));
    Expr *e = value_to_expr(L, v, at[0]), **outer;
    if (!e) return value_poison();
    Node *x = node_of_expr(L, e, span, &outer);
    return value_expr(ex_load(L->graph, node_stop(L->graph, x, user_span(L, span)), outer, NULL));
}

/* ---- freezing ------------------------------------------------------------------- */

/* Whether the layer that asks is frozen: a pattern matches its path. */
static Value frozen(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)arg, (void)at, (void)n, (void)span;
    return value_bool(path_frozen(L, L->module->path));
}

/* ---- files ---------------------------------------------------------------------- */

static Value load(Lower *L, const Value *arg, const Span *at, int n, Span span) {
    (void)n, (void)span;
    if (arg[0].kind == V_STRING) return load_npy(L, arg[0].text, at[0]);
    lower_error(L, at[0], "the name of a .npy file is needed here, in quotes; this is %s",
            value_text_of(L, arg[0]));
    return value_poison();
}

/* ---- the table ------------------------------------------------------------------ */

/* Of the parameter that the loop of an optimizer or update is at. */
static Value path_matches_pattern(
        Lower *L, const Value *arg, const Span *at, int n, Span span) {
    const char *path = updated_path(L);
    (void)n;
    if (path && arg[0].kind == V_STRING) return value_bool(path_matches(arg[0].text, path));
    if (path)
        lower_error(L, at[0], "a pattern of paths is a string; this is %s", value_text_of(L, arg[0]));
    else
        lower_error(L, span, "path_matches() asks for the parameter of `for p, g in parameters()`");
    return value_poison();
}

static const Builtin table[] = {
        {"rank", "rank(x)", 1, 1, rank_of, NULL},
        {"extent", "extent(x, axis)", 2, 2, extent_of, NULL},
        {"elements", "elements(x)", 1, 1, elements_of, NULL},
        {"is_real", "is_real(x)", 1, 1, is_real, NULL},
        {"given", "given(x)", 1, 1, given, NULL},
        {"reshape", "reshape(x, size, ...)", 2, -1, reshape, NULL},
        {"transpose", "transpose(x, axis, ...)", 2, -1, transpose, NULL},
        {"length", "length(list)", 1, 1, length_of, NULL},
        {"is_list", "is_list(x)", 1, 1, is_list, NULL},
        {"join", "join(list, list, ...)", 1, -1, join, NULL},
        {"uniform", "uniform(size, ...)", 0, -1, uniform, NULL},
        {"uniform_like", "uniform_like(x)", 1, 1, uniform_like, NULL},
        {"grad", "grad(y, x) or grad(y, x, per: batch)", 2, 3, gradient, "per"},
        {"stop_gradient", "stop_gradient(x)", 1, 1, stop_gradient, NULL},
        {"path_matches", "path_matches(pattern)", 1, 1, path_matches_pattern, NULL},
        {"frozen", "frozen()", 0, 0, frozen, NULL},
        {"load", "load(\"file.npy\")", 1, 1, load, NULL},
};

int builtin_count(void) {
    return (int)(sizeof table / sizeof *table);
}
const char *builtin_name(int k) {
    return table[k].name;
}

const Builtin *builtin_find(const char *name) {
    for (int k = 0; k < builtin_count(); k++)
        if (!strcmp(table[k].name, name)) return &table[k];
    return NULL;
}
