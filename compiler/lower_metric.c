/* lower_metric.c - metrics: a definition's totals and result, or any scalar, weighted by
 * rows; and the loss as the first of them. Totals are one call's contribution; the host adds
 * them up and evaluates the result over their sums. */
#include "lower.h"

static const char *unique_metric_name(Lower *L, const char *name) {
    const char *own = name;
    for (int k = 1;; k++) {
        bool taken = L->loss.n > 0 && own == intern("loss");
        for (int i = 0; i < L->model->metric.n; i++)
            taken = taken || L->model->metric.at[i].name == own;
        if (!taken) return own;
        own = intern(arena_printf(L->arena, "%s_%d", name, k));
    }
}

static Node *add_total(Lower *L, Metric *m, const char *name, Node *n, Span at) {
    int k = m->ntotal++;
    const char **names = NEW_ARRAY(L->arena, const char *, k + 1);
    Node **total = NEW_ARRAY(L->arena, Node *, k + 1), **leaf = NEW_ARRAY(L->arena, Node *, k + 1);
    for (int i = 0; i < k; i++)
        names[i] = m->total_name[i], total[i] = m->total[i], leaf[i] = m->total_leaf[i];
    names[k] = name;
    total[k] = n;
    leaf[k] = node_leaf(L->graph, L_TOTAL, T_F32, n->rank, n->dim,
            arena_printf(L->arena, "%s.%s", m->name, name), at);
    m->total_name = names;
    m->total = total;
    m->total_leaf = leaf;
    return leaf[k];
}

/* value * n and n, and their quotient. */
static Metric weighted_metric(Lower *L, const char *name, const char *total, Node *value, Span at) {
    Graph *g = L->graph;
    Metric m = {.name = name, .span = at};
    Expr *rows = value_to_expr(L, value_batch(), at), *v = ex_load(g, value, NULL, NULL);
    Node *sum = make_node(L, 0, NULL, F_NONE, 0, NULL, NULL, ex_op2(g, OP_mul, v, rows), at);
    Node *a = add_total(L, &m, total, sum, at);
    Node *b = add_total(L, &m, "rows", rows->node, at);
    Expr *quotient = ex_op2(g, OP_div, ex_load(g, a, NULL, NULL), ex_load(g, b, NULL, NULL));
    m.result = make_node(L, 0, NULL, F_NONE, 0, NULL, NULL, quotient, at);
    return m;
}

Metric loss_metric(Lower *L, Node *loss, Span at) {
    return weighted_metric(L, "loss", "sum", loss, at);
}

/* ---- statements of a metric's definition ---------------------------------------- */

/* Totals and results are numbers, or tensors of which every extent is known. */
static Node *fixed_node(Lower *L, const Ast *e, const char *what) {
    Node *n = value_to_node(L, lower_expr(L, e), e->span);
    for (int k = 0; n && k < n->rank; k++) {
        if (n->dim[k] != DIM_BATCH) continue;
        lower_error(L, e->span,
                "%s has no batch axis; this is %s: fold it over the rows, sum(...) x[...]", what,
                node_shape_text(L, n));
        return NULL;
    }
    return n;
}

static void lower_total(Lower *L, const Ast *s) {
    Node *n = fixed_node(L, s->a, "a total");
    Value v = value_poison();
    if (n && n->dtype != T_F32) n = convert_node(L, n, T_I32, s->span);
    if (n) v = value_node(add_total(L, L->metric, s->name, n, s->span));
    scope_bind(L, L->scope, s->name, v, s->span);
}

static bool counts_rows(const Node *n) {
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] == DIM_BATCH) return true;
    for (int k = 0; n->kind == N_COMP && k < n->nfold; k++)
        if (n->fold_dim[k] == DIM_BATCH) return true;
    return false;
}

/* What is evaluated over totals once, on the stack of its caller: see emit_result.c. */
static void check_result(Lower *L, Node *n, Span at) {
    enum { MOST_ELEMENTS = 32768 };
    int64_t elements = 0;
    NodeList order = graph_order(L->graph, &n, 1);
    for (int k = 0; k < order.n; k++) {
        const Node *on_way = order.at[k];
        bool total = on_way->kind == N_LEAF && on_way->leaf == L_TOTAL;
        bool made = on_way->kind == N_COMP && !counts_rows(on_way);
        if (!total && !made && (on_way->kind != N_LEAF || on_way->leaf != L_DATA)) {
            lower_error(L, at, "a metric's result is made of its totals alone; this also needs %s",
                    on_way->kind == N_STACK || on_way->kind == N_CARRY ? "a scan"
                    : on_way->name ? arena_printf(L->arena, "`%s`", on_way->name)
                                   : "other values");
            return;
        }
        if (made && on_way != n) elements += node_elements(on_way, 1);
    }
    if (elements <= MOST_ELEMENTS) return;
    lower_error(L, at,
            "a metric's result may need %d numbers on the way; this needs %lld", MOST_ELEMENTS,
            (long long)elements);
}

bool metric_statement(Lower *L, const Ast *s) {
    if (s->kind != A_TOTAL && s->kind != A_RESULT) return false;
    if (!L->metric) {
        lower_error(L, s->span, "totals and results stand in a metric's definition only");
        return true;
    }
    if (s->kind == A_TOTAL) {
        lower_total(L, s);
        return true;
    }
    Node *n = fixed_node(L, s->a, "a metric's result");
    if (!n) return true;
    check_result(L, n, s->span);
    L->metric->result = convert_node(L, n, T_F32, s->span);
    return true;
}

/* ---- uses ----------------------------------------------------------------------- */

/* Where the text stands that is about to run, to be put back after it. */
typedef struct Place {
    Scope *scope;
    bool in_library;
    Span call_site;
    Value *returned;
} Place;

static Place place_save(const Lower *L) {
    return (Place){L->scope, L->in_library, L->call_site, L->returned};
}

static void place_restore(Lower *L, Place p) {
    L->scope = p.scope;
    L->in_library = p.in_library;
    L->call_site = p.call_site;
    L->returned = p.returned;
}

static bool run_metric(Lower *L, Function *fn, Args args, Metric *m, int depth);

/* metric f1(x, t) = fbeta(x, t, beta: 1): another one, of arguments made of its own. */
static void run_other(Lower *L, const Ast *def, Metric *m, int depth) {
    const Ast *call = def->a;
    bool named = call->kind == A_CALL && call->a->kind == A_NAME;
    Function *other = named ? find_definition(L, A_METRIC, call->a->name) : NULL;
    if (!other)
        lower_error(L, call->span,
                "a metric is defined by its totals and a result, in { }, or by the call of another "
                "metric");
    else if (depth > 16)
        lower_error(L, call->span, "the metric `%s` is defined by itself", def->name);
    else
        run_metric(L, other, args_of(L, call->list, NULL, call->span, call->span), m, depth + 1);
}

static bool run_metric(Lower *L, Function *fn, Args args, Metric *m, int depth) {
    int n = formal_count(fn), errors = diag_errors();
    Value *given = NEW_ARRAY(L->arena, Value, n + 1);
    Span *given_at = NEW_ARRAY(L->arena, Span, n + 1);
    for (int k = 0; k < n; k++) given[k] = value_none();
    if (!match_args(L, fn, args, false, given, given_at)) return false;
    Scope *s = scope_new(L, fn->scope);
    Place before = place_save(L);
    Value nothing = value_none(); /* so that a failed check gives the text up */
    if (!L->in_library) L->call_site = args.span;
    L->called = fn->name;
    L->in_library = fn->scope == L->library;
    L->returned = &nothing;
    if (bind_formals(L, fn, s, given, given_at, args.span)) {
        L->scope = s;
        L->metric = m;
        if (fn->def->a)
            run_other(L, fn->def, m, depth);
        else
            lower_block(L, fn->def->body);
    }
    place_restore(L, before);
    L->metric = NULL;
    L->abandoned = false;
    return diag_errors() == errors && m->result;
}

static bool scalar_metric(Lower *L, const Ast *s, const char *name, Metric *m) {
    Value v = lower_expr(L, s->a);
    Node *n = value_to_node(L, v, s->a->span);
    if (!n) return false;
    if (n->rank) {
        lower_error(L, s->a->span,
                "a metric is one number for the whole batch; this is %s: take its mean, mean(...)",
                node_shape_text(L, n));
        return false;
    }
    *m = weighted_metric(L, name, "sum", convert_node(L, n, T_F32, s->span), s->span);
    return true;
}

/* A name that is called and no function either was meant to be a metric. */
static bool unknown_metric(Lower *L, const Ast *call, Value callee) {
    const char *name = call->a->name;
    if (scope_find(L->scope, name) || callee.kind != V_NONE) return false;
    const char *near = nearest_definition(L, A_METRIC, name);
    if (near)
        lower_error(L, call->a->span, "there is no metric `%s`; did you mean `%s`?", name, near);
    else
        lower_error(L, call->a->span, "there is no metric `%s`", name);
    return true;
}

void lower_metric_use(Lower *L, const Ast *s) {
    bool call = s->a->kind == A_CALL && s->a->a->kind == A_NAME;
    Function *fn = call ? find_definition(L, A_METRIC, s->a->a->name) : NULL;
    if (call && !fn && unknown_metric(L, s->a, scope_provided(L, s->a->a->name))) return;
    const char *base = s->name                ? s->name
                       : call                 ? s->a->a->name
                       : s->a->kind == A_NAME ? s->a->name
                                              : intern("metric");
    const char *name = unique_metric_name(L, base);
    Metric m = {.name = name, .span = s->span};
    bool ok = fn ? run_metric(L, fn, args_of(L, s->a->list, NULL, s->span, s->a->span), &m, 0)
                 : scalar_metric(L, s, name, &m);
    if (ok) vec_push(L->arena, &L->model->metric, m);
}
