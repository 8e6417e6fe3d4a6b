/* lower_list.c - lists: `[a, b, c]`, shapes, and several values returned together. A list is
 * known at compile time, whatever its items are: sizes, tensors, functions, lists.
 *
 * Where a tensor is needed, a list of numbers, or of such lists of one length, is the tensor
 * of these numbers. It becomes one there and not before, so that `[3, 5]` may be the size of
 * a kernel as well as a vector. */
#include "lower.h"

#include <inttypes.h>

Value lower_list(Lower *L, const Ast *e) {
    int n = ast_count(e->list), k = 0;
    Value *item = NEW_ARRAY(L->arena, Value, n + 1);
    for (const Ast *x = e->list; x; x = x->next) {
        item[k] = lower_expr(L, x);
        if (item[k++].kind == V_POISON) return value_poison();
    }
    Value list = value_list(L, n, item);
    list.ast = e;
    return list;
}

/* ---- the shape of numbers ------------------------------------------------------- */

/* Follows first items down; every list on a level has to be as long as the first one. */
static bool level_fits(Value v, const Shape *s, int depth) {
    if (depth == s->rank) return v.kind == V_INT || v.kind == V_REAL;
    if (v.kind != V_LIST || v.i != s->dim[depth]) return false;
    for (int k = 0; k < v.i; k++)
        if (!level_fits(v.item[k], s, depth + 1)) return false;
    return true;
}

static bool holds_real(Value v) {
    if (v.kind != V_LIST) return v.kind == V_REAL;
    for (int k = 0; k < v.i; k++)
        if (holds_real(v.item[k])) return true;
    return false;
}

bool list_shape(Value v, Shape *out) {
    *out = (Shape){0};
    for (Value first = v; first.kind == V_LIST; first = first.item[0]) {
        if (first.i == 0 || out->rank == MAX_RANK) return false;
        out->dim[out->rank++] = first.i;
    }
    out->dtype = holds_real(v) ? T_F32 : T_I32;
    return level_fits(v, out, 0);
}

/* ---- a list made a tensor ------------------------------------------------------- */

typedef struct Literal {
    Lower *L;
    Shape shape;
    bool shaped[MAX_RANK + 1]; /* the extent at this depth is known */
    bool ok;
    Vec(double) data;
} Literal;

static void literal_fail(Literal *t, Span at, const char *why) {
    if (t->ok) lower_error(t->L, at, "%s", why);
    t->ok = false;
}

static void literal_number(Literal *t, Value v, Span at, int depth) {
    if (v.kind != V_INT && v.kind != V_REAL)
        literal_fail(t, at,
                arena_printf(t->L->arena,
                        "a list is a tensor where its items are numbers known at compile time; "
                        "this is %s",
                        value_text_of(t->L, v)));
    else if (depth != t->shape.rank && t->data.n)
        literal_fail(t, at, "this number is not nested as deeply as those before it");
    t->shape.rank = depth;
    vec_push(t->L->arena, &t->data, value_number(v));
}

static void literal_level(Literal *t, Value v, Span at, int depth) {
    if (v.kind != V_LIST) {
        literal_number(t, v, at, depth);
        return;
    }
    if (depth == MAX_RANK || v.i == 0) {
        literal_fail(t, at,
                v.i ? "the list is nested too deeply to be a tensor"
                    : "an empty list is no tensor: that has at least one element");
        return;
    }
    if (t->shaped[depth] && t->shape.dim[depth] != v.i)
        literal_fail(t, at,
                arena_printf(t->L->arena,
                        "this row has %" PRId64 " entries; those before it have %s", v.i,
                        size_text(t->L, t->shape.dim[depth])));
    t->shaped[depth] = true;
    t->shape.dim[depth] = v.i;
    const Ast *item = v.ast ? v.ast->list : NULL;
    for (int k = 0; k < v.i && t->ok; k++) {
        literal_level(t, v.item[k], item ? item->span : at, depth + 1);
        if (item) item = item->next;
    }
}

Node *list_to_node(Lower *L, Value v, Span at) {
    Literal t = {.L = L, .ok = true};
    literal_level(&t, v, at, 0);
    if (!t.ok) return NULL;
    DType type = holds_real(v) ? T_F32 : T_I32;
    return node_data(L->graph, type, t.shape.rank, t.shape.dim, t.data.at, user_span(L, at));
}

Value list_as_tensor(Lower *L, Value v, Span at) {
    if (v.kind != V_LIST) return v;
    Node *n = list_to_node(L, v, at);
    return n ? value_node(n) : value_poison();
}

bool add_sizes(Lower *L, Value v, Span at, Shape *s) {
    if (v.kind == V_LIST) {
        for (int k = 0; k < v.i; k++)
            if (!add_sizes(L, v.item[k], at, s)) return false;
        return true;
    }
    if (s->rank == MAX_RANK) {
        lower_error(L, at, "a tensor has at most %d axes", MAX_RANK);
        return false;
    }
    return value_to_size(L, v, at, &s->dim[s->rank++]);
}

/* ---- items ---------------------------------------------------------------------- */

/* An end of list[a:b]; one that is not written is where the list begins or ends. */
static bool part_end(Lower *L, Value list, const Ast *e, int64_t absent, int64_t *out) {
    *out = absent;
    if (!e) return true;
    if (!value_to_int(L, lower_expr(L, e), e->span, "the end of a slice", out)) return false;
    if (*out < 0) *out += list.i;
    if (*out >= 0 && *out <= list.i) return true;
    lower_error(L, e->span, "a list of %" PRId64 " has no place %" PRId64 " to be cut at", list.i,
            *out);
    return false;
}

static Value list_part(Lower *L, Value list, const Ast *e) {
    int64_t from, to;
    if (!part_end(L, list, e->a, 0, &from) || !part_end(L, list, e->b, list.i, &to))
        return value_poison();
    return value_list(L, to > from ? (int)(to - from) : 0, list.item + from);
}

bool list_item(Lower *L, Value list, const Ast *e, Value *item) {
    const Ast *at = e->list;
    *item = value_poison();
    if (at->next || at->kind == A_ELLIPSIS) return false;
    if (at->kind == A_SLICE) {
        *item = list_part(L, list, at);
        return true;
    }
    Value k = lower_expr(L, at);
    if (k.kind != V_INT) return k.kind == V_POISON;
    int64_t i = k.i < 0 ? k.i + list.i : k.i;
    if (i >= 0 && i < list.i)
        *item = list.item[i];
    else
        lower_error(L, at->span, "a list of %" PRId64 " has no item %" PRId64, list.i, k.i);
    return true;
}
