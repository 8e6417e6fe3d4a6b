/* lower_scan.c - `scan t in time with h = start { ... }`: the body is lowered once, over the
 * values carried into a step; the last bindings of the carried names are carried on. After
 * the scan those names hold the last values, and `all name` the sequence of any name. */
#include "lower.h"

#include <inttypes.h>

typedef struct ScanText {
    const Ast *s;
    int64_t from, extent;
    int n;
    const char **name;
    Span *at;
    Node **init, **next;
} ScanText;

static bool scan_extent(Lower *L, ScanText *x) {
    const Ast *a = x->s->a;
    int64_t to;
    x->from = 0;
    if (a->kind == A_RANGE) {
        if (!value_to_int(L, lower_expr(L, a->a), a->a->span, "the end of a range", &x->from))
            return false;
        a = a->b;
    }
    if (!value_to_size(L, lower_expr(L, a), a->span, &to)) return false;
    if (to == DIM_BATCH) {
        lower_error(L, a->span,
                "a scan runs over a fixed number of steps, not over the batch: rows "
                "know nothing of "
                "each other's order");
        return false;
    }
    x->extent = to - x->from;
    if (x->extent > 0) return true;
    lower_error(L, x->s->a->span, "this scan has no steps");
    return false;
}

static bool scan_starts(Lower *L, ScanText *x) {
    bool ok = true;
    int k = 0;
    x->n = ast_count(x->s->list);
    x->name = NEW_ARRAY(L->arena, const char *, x->n + 1);
    x->at = NEW_ARRAY(L->arena, Span, x->n + 1);
    x->init = NEW_ARRAY(L->arena, Node *, x->n + 1);
    x->next = NEW_ARRAY(L->arena, Node *, x->n + 1);
    for (const Ast *c = x->s->list; c; c = c->next, k++) {
        x->name[k] = c->list->name;
        x->at[k] = c->span;
        Value v = lower_expr(L, c->a);
        if (v.kind == V_INT) v = value_real((double)v.i);
        x->init[k] = value_to_node(L, v, c->a->span);
        if (x->init[k] && x->init[k]->dtype == T_U8)
            x->init[k] = convert_node(L, x->init[k], T_I32, c->span);
        ok = ok && x->init[k];
    }
    return ok;
}

/* The next value of a carried name: its shape and type must be those that it started with. */
static Node *next_value(Lower *L, ScanText *x, int k, Scan *scan, Value v, bool *ok) {
    Node *n = v.kind == V_POISON ? NULL : value_to_node(L, v, x->at[k]);
    if (!n) {
        *ok = false;
        return scan->carry[k];
    }
    const Node *start = x->init[k];
    if (start->dtype == T_F32 && n->dtype == T_I32) n = convert_node(L, n, T_F32, n->span);
    Shape a = shape_of_node(start), b = shape_of_node(n), both;
    bool smaller = b.rank <= a.rank && !shape_equal(&a, &b);
    if (smaller) {
        for (int i = 1; i <= b.rank; i++)
            smaller = smaller && (b.dim[b.rank - i] == 1 || b.dim[b.rank - i] == a.dim[a.rank - i]);
        if (smaller) n = broadcast_to(L, n, &a, n->span), b = a;
    }
    both = b;
    if (shape_equal(&a, &both) && n->dtype == start->dtype) return n;
    lower_error(L, x->at[k],
            "`%s` starts as %s, but a step makes it %s; a carried value keeps its shape and type",
            x->name[k], shape_text(L, &a), node_shape_text(L, n));
    *ok = false;
    return scan->carry[k];
}

static bool is_carried(const ScanText *x, const char *name) {
    for (int k = 0; k < x->n; k++)
        if (x->name[k] == name) return true;
    return false;
}

/* What the body bound is known outside through `all`. */
static void keep_for_all(Lower *L, const ScanText *x, Scan *scan, const Scope *body) {
    for (int k = 0; k < body->binding.n; k++) {
        const Binding *b = &body->binding.at[k];
        if (b->name == x->s->name || is_carried(x, b->name)) continue;
        Node *each = b->value.kind == V_TENSOR ? b->value.node : NULL;
        if (b->value.kind == V_EXPR) each = value_to_node(L, b->value, b->span);
        if (!each) continue;
        Binding *out = scope_find_here(L->scope, b->name);
        if (!out) {
            out = scope_bind(L, L->scope, b->name, value_none(), b->span);
            out->readable = false;
        }
        out->each = each;
        out->scan = scan;
    }
}

static void bind_last(Lower *L, const ScanText *x, Scan *scan, int k, bool ok) {
    Value last = value_poison();
    if (ok)
        last = value_node(node_in_scan(x->next[k], scan)
                                  ? scan_last(L->graph, scan, x->next[k], user_span(L, x->at[k]))
                                  : x->next[k]);
    Binding *b = scope_bind(L, L->scope, x->name[k], last, x->at[k]);
    if (!ok) return;
    b->each = x->next[k];
    b->scan = scan;
}

static Scope *run_scan_body(Lower *L, const ScanText *x, Scan *scan) {
    Scope *outside = L->scope, *body = scope_new(L, outside);
    OpenScan open = {L->scan, scan};
    Expr *t = ex_time(L->graph, scan);
    if (x->from) t = ex_op2(L->graph, OP_add, t, ex_int(L->graph, x->from));
    scope_bind(L, body, x->s->name, value_expr(t), x->s->span);
    for (int k = 0; k < x->n; k++)
        scope_bind(L, body, x->name[k], value_node(scan->carry[k]), x->at[k]);
    L->scope = body;
    L->scan = &open;
    if (lower_block(L, x->s->body) && !L->abandoned)
        lower_error(L, x->s->span, "`return` cannot leave a scan");
    L->scan = open.up;
    L->scope = outside;
    return body;
}

void lower_scan(Lower *L, const Ast *s) {
    ScanText x = {.s = s};
    bool ok = scan_extent(L, &x);
    ok = scan_starts(L, &x) && ok;
    if (!ok) {
        for (int k = 0; k < x.n; k++) scope_bind(L, L->scope, x.name[k], value_poison(), x.at[k]);
        return;
    }
    Scan *scan = scan_open(L->graph, x.extent, s->flag, x.n, x.init, user_span(L, s->span));
    if (L->scan) scan_nest(L->graph, scan, L->scan->scan);
    Scope *body = run_scan_body(L, &x, scan);
    for (int k = 0; k < x.n; k++)
        x.next[k] = next_value(L, &x, k, scan, scope_find_here(body, x.name[k])->value, &ok);
    scan_close(L->graph, scan, x.next);
    for (int k = 0; k < x.n; k++) bind_last(L, &x, scan, k, ok);
    if (ok) keep_for_all(L, &x, scan, body);
}
