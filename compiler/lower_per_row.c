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
