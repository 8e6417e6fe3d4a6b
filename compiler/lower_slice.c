/* lower_slice.c - subscripts of whole tensors: x[:, t], x[..., 0], x[a:b], table[words]. An
 * axis is kept, cut, dropped by an integer, or replaced by the axes of an integer tensor;
 * axes without a subscript stay. One comprehension that copies. */
#include "lower.h"

#include <inttypes.h>

typedef struct Slice {
    Lower *L;
    Node *node; /* what is sliced */
    Shape out;
    Expr *index[MAX_RANK];
    Span at[MAX_RANK];
    int axis; /* the next of node */
} Slice;

static bool add_axis(Slice *s, int64_t dim, Span at) {
    if (s->out.rank == MAX_RANK) {
        lower_error(s->L, at, "a tensor has at most %d axes", MAX_RANK);
        return false;
    }
    s->out.dim[s->out.rank++] = dim;
    return true;
}

static Expr *last_var(Slice *s) {
    return ex_var(s->L->graph, s->out.rank - 1, s->out.dim[s->out.rank - 1]);
}

static bool keep_axis(Slice *s, Span at) {
    if (!add_axis(s, s->node->dim[s->axis], at)) return false;
    s->index[s->axis] = last_var(s);
    s->at[s->axis++] = at;
    return true;
}

static bool slice_end(Slice *s, const Ast *e, int64_t absent, int64_t *out) {
    int64_t dim = s->node->dim[s->axis];
    *out = absent;
    if (!e) return true;
    if (!value_to_int(s->L, lower_expr(s->L, e), e->span, "the end of a slice", out)) return false;
    if (*out < 0) *out += dim;
    if (*out >= 0 && *out <= dim) return true;
    lower_error(s->L, e->span, "the end of this slice lies outside of the axis of %s in %s",
            size_text(s->L, dim), node_shape_text(s->L, s->node));
    return false;
}

static bool cut_axis(Slice *s, const Ast *e) {
    int64_t from, to, dim = s->node->dim[s->axis];
    if (!e->a && !e->b) return keep_axis(s, e->span);
    if (dim == DIM_BATCH) {
        lower_error(
                s->L, e->span, "the batch axis has no fixed extent to cut: it is kept whole, `:`");
        return false;
    }
    if (!slice_end(s, e->a, 0, &from) || !slice_end(s, e->b, dim, &to)) return false;
    if (from >= to) {
        lower_error(s->L, e->span, "the slice %" PRId64 ":%" PRId64 " is empty", from, to);
        return false;
    }
    if (!add_axis(s, to - from, e->span)) return false;
    s->index[s->axis] = ex_op2(s->L->graph, OP_add, last_var(s), ex_int(s->L->graph, from));
    s->at[s->axis++] = e->span;
    return true;
}

/* An integer drops the axis; an integer tensor's axes take its place. */
static bool pick(Slice *s, const Ast *e) {
    Graph *g = s->L->graph;
    Value v = list_as_tensor(s->L, lower_expr(s->L, e), e->span);
    Shape own = {0};
    if (v.kind == V_POISON) return false;
    if (v.kind == V_INT && v.i < 0 && s->node->dim[s->axis] > 0) v.i += s->node->dim[s->axis];
    if (!value_shape_of(v, &own) || (own.dtype != T_I32 && own.dtype != T_U8)) {
        lower_error(s->L, e->span, "an index is an integer; this is %s", value_text_of(s->L, v));
        return false;
    }
    Expr *x = NULL, *var[MAX_RANK];
    if (v.kind == V_TENSOR) {
        for (int k = 0; k < own.rank; k++) {
            if (!add_axis(s, own.dim[k], e->span)) return false;
            var[k] = last_var(s);
        }
        x = ex_load(g, v.node, var, NULL);
    } else {
        x = value_to_expr(s->L, v, e->span);
    }
    s->index[s->axis] = x;
    s->at[s->axis++] = e->span;
    return x != NULL;
}

static bool slice_items(Slice *s, const Ast *e) {
    int items = ast_count(e->list), rest = s->node->rank - items;
    bool ellipsis = false;
    for (const Ast *i = e->list; i; i = i->next) {
        if (i->kind == A_ELLIPSIS) {
            ellipsis = true;
            for (int k = 0; k < rest + 1; k++)
                if (!keep_axis(s, i->span)) return false;
        } else if (s->axis == s->node->rank) {
            break;
        } else if (i->kind == A_SLICE ? !cut_axis(s, i) : !pick(s, i)) {
            return false;
        }
    }
    if (rest + ellipsis < 0) {
        lower_error(s->L, e->span, "%s has %d %s; there are %d indices",
                node_shape_text(s->L, s->node), s->node->rank, s->node->rank == 1 ? "axis" : "axes",
                items - ellipsis);
        return false;
    }
    while (s->axis < s->node->rank)
        if (!keep_axis(s, e->span)) return false;
    return true;
}

Value lower_slice(Lower *L, Value base, const Ast *e) {
    Slice s = {.L = L, .node = base.node, .out.dtype = base.node->dtype};
    if (!slice_items(&s, e) || !shape_check(L, &s.out, e->span)) return value_poison();
    Expr *load = guarded_load(L, s.node, s.index, s.at, e->span);
    if (!load) return value_poison();
    return value_node(make_node(L, s.out.rank, s.out.dim, F_NONE, 0, NULL, NULL, load, e->span));
}
