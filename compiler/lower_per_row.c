/* lower_per_row.c - grad(y, x, per: batch): one gradient a row. The gradient of a parameter
 * is a sum over rows; here that sum is left undone: its variable becomes the first axis.
 *
 * Takes the ordinary gradient, a node without a batch axis; gives one with that axis in
 * front, whose sum over it is the former. Only adjoints are taken apart: a node in which one
 * fold runs over the rows, or one that is made of such nodes (linearly, as adjoints are). */
#include "lower.h"

typedef struct Apart {
    Lower *L;
    Vec(Node *) from, to; /* done before; to: NULL, does not come from rows */
    Expr *row;            /* the row in the node that is being made */
    bool mixed;           /* a part comes from rows, another does not */
} Apart;

static Node *take_apart(Apart *p, Node *n);

static int row_folds(const Node *n, int *which) {
    int rows = 0;
    for (int k = 0; k < n->nfold; k++) {
        if (n->fold_dim[k] != DIM_BATCH) continue;
        rows++;
        *which = k;
    }
    return rows;
}

/* Loads of adjoints are replaced by loads of the same with a row in front. */
static Expr *apart_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Apart *p = ctx;
    Node *apart = n->is_grad && n->rank < MAX_RANK ? take_apart(p, n) : NULL;
    if (!apart) return ex_load(g, n, index, guard);
    Expr *with_row[MAX_RANK] = {p->row};
    for (int k = 0; k < n->rank; k++) with_row[k + 1] = index[k];
    return ex_load(g, apart, with_row, guard);
}

/* The node with variable `row` (a fold over the batch, or -1: none) moved to the front. */
static Node *rebuild(Apart *p, const Node *n, int row) {
    Graph *g = p->L->graph;
    Expr *to[MAX_VARS], *before = p->row;
    int64_t dim[MAX_RANK] = {DIM_BATCH}, fold_dim[MAX_VARS];
    int nfold = 0;
    p->row = ex_var(g, 0, DIM_BATCH);
    for (int k = 0; k < n->rank; k++) {
        dim[k + 1] = n->dim[k];
        to[k] = ex_var(g, k + 1, n->dim[k]);
    }
    for (int k = 0; k < n->nfold; k++) {
        if (k == row) {
            to[n->rank + k] = p->row;
            continue;
        }
        fold_dim[nfold] = n->fold_dim[k];
        to[n->rank + k] = ex_var(g, n->rank + 1 + nfold, n->fold_dim[k]);
        nfold++;
    }
    ExLoadFn *load = row < 0 ? apart_load : NULL;
    Expr *body = ex_rewrite(g, n->body, to, NULL, NULL, load, p);
    Expr *guard = n->guard ? ex_rewrite(g, n->guard, to, NULL, NULL, NULL, NULL) : NULL;
    p->row = before;
    Fold fold = nfold || guard ? n->fold : F_NONE;
    return make_node(p->L, n->rank + 1, dim, fold, nfold, fold_dim, guard, body, n->span);
}

/* Whether some adjoint that n loads comes from rows. */
static bool loads_rows(Apart *p, Node *n) {
    NodeList operands = node_operands(p->L->graph, n);
    int rows = 0, adjoints = 0;
    for (int k = 0; k < operands.n; k++) {
        if (!operands.at[k]->is_grad) continue;
        adjoints++;
        rows += take_apart(p, operands.at[k]) != NULL;
    }
    if (rows && rows < adjoints) p->mixed = true;
    return rows > 0;
}

static bool has_row_axis(const Node *n) {
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] == DIM_BATCH) return true;
    return false;
}

static Node *take_apart(Apart *p, Node *n) {
    for (int k = 0; k < p->from.n; k++)
        if (p->from.at[k] == n) return p->to.at[k];
    Node *apart = NULL;
    int row = -1, rows = n->kind == N_COMP && n->rank < MAX_RANK ? row_folds(n, &row) : 0;
    bool sum = n->kind == N_COMP && (n->fold == F_SUM || n->fold == F_NONE) && !has_row_axis(n);
    if (sum && rows == 1)
        apart = rebuild(p, n, row);
    else if (sum && rows == 0 && loads_rows(p, n))
        apart = rebuild(p, n, -1);
    vec_push(p->L->arena, &p->from, n);
    vec_push(p->L->arena, &p->to, apart);
    return apart;
}

Node *gradient_per_row(Lower *L, Node *gradient, Span at) {
    Apart p = {.L = L};
    Node *n = has_row_axis(gradient) ? NULL : take_apart(&p, gradient);
    if (n && !p.mixed) return n;
    lower_error(L, at,
            "this gradient is no sum over rows, so there is none for each row: the first "
            "argument has a value a row, and the second, without a batch axis, acts on each "
            "row by itself");
    return NULL;
}

/* ---- gradients of a loss in which rows count differently --------------------------------
 *
 * A gradient is linear in the adjoints it is made of, and each of its terms goes once from an
 * adjoint of all rows (of a mean, a sum) to one of a row. There the row's weight is put in:
 * what comes after is the backward pass as it was, and no row's gradient is stored. */

typedef struct Weighing {
    Lower *L;
    Apart apart;      /* which nodes without a batch axis are sums over rows */
    Node *weight;     /* [batch] */
    Expr *row;        /* in the node that is being rewritten, or NULL */
    bool loads;       /* it loads adjoints */
    Vec(Node *) from, to;
} Weighing;

static Node *weigh(Weighing *w, Node *n);

static Expr *weighed_load(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Weighing *w = ctx;
    if (!n->is_grad) return ex_load(g, n, index, guard);
    w->loads = true;
    bool of_rows = has_row_axis(n) || take_apart(&w->apart, n);
    Expr *load = ex_load(g, of_rows ? weigh(w, n) : n, index, guard);
    if (of_rows || !w->row) return load;
    return ex_op2(g, OP_mul, load, ex_load(g, w->weight, &w->row, NULL));
}

/* The variable of the node's batch axis, or of its fold over the batch. */
static Expr *row_variable(Graph *g, const Node *n) {
    for (int k = 0; k < n->rank; k++)
        if (n->dim[k] == DIM_BATCH) return ex_var(g, k, DIM_BATCH);
    for (int k = 0; k < n->nfold; k++)
        if (n->fold_dim[k] == DIM_BATCH) return ex_var(g, n->rank + k, DIM_BATCH);
    return NULL;
}

static Node *weigh(Weighing *w, Node *n) {
    for (int k = 0; k < w->from.n; k++)
        if (w->from.at[k] == n) return w->to.at[k];
    if (n->kind != N_COMP) return n;
    Graph *g = w->L->graph;
    Expr *before = w->row;
    bool loads = w->loads;
    w->row = row_variable(g, n);
    w->loads = false;
    Expr *body = ex_rewrite(g, n->body, NULL, NULL, NULL, weighed_load, w);
    /* The adjoint of all rows may have been a constant. */
    if (w->row && !w->loads)
        body = ex_op2(g, OP_mul, body, ex_load(g, w->weight, &w->row, NULL));
    w->row = before;
    w->loads = loads;
    Node *to = make_node(
            w->L, n->rank, n->dim, n->fold, n->nfold, n->fold_dim, n->guard, body, n->span);
    if (!to->name) to->name = n->name;
    to->is_grad = true;
    vec_push(w->L->arena, &w->from, n);
    vec_push(w->L->arena, &w->to, to);
    return to;
}

Node *weighted_gradient(Lower *L, Node *gradient, Node *weight, Span at) {
    Weighing w = {.L = L, .apart = {.L = L}, .weight = weight};
    return gradient_per_row(L, gradient, at) ? weigh(&w, gradient) : NULL;
}
