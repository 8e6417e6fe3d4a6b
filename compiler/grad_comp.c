/* grad_comp.c - the gradient of a comprehension: every load's scatter turned into a gather.
 *
 * Where y[o] = fold(r) if guard then body, and the body's derivative by a load T[e(o, r)] is
 * known (grad_body.c), the contribution to T is
 *
 *     dT[t] += sum over all (o, r) with e(o, r) == t and guard of the load's adjoint
 *
 * and solve() says which (o, r) those are. With none left to enumerate it is an elementwise
 * expression over T's axes, else a sum over the fresh variables.
 *
 * A maximum is differentiated at the position of its maximum, which is one more equation on
 * (o, r). In a product, the factor of each element is the product of the others, which is
 * exact with zeros among them. */
#include "grad_internal.h"

#include <string.h>

static void variables(Graph *g, int n, const int64_t *dim, Expr **out) {
    for (int k = 0; k < n; k++) out[k] = ex_var(g, k, dim[k]);
}

/* Extents of all its variables. */
static void axes(const Node *v, int64_t *dim) {
    for (int k = 0; k < v->rank; k++) dim[k] = v->dim[k];
    for (int k = 0; k < v->nfold; k++) dim[v->rank + k] = v->fold_dim[k];
}

/* ---- one contribution ------------------------------------------------------------- */

/* The scans around the contribution, from the inside out. Of those that the target does not
 * stand in, the time becomes one more variable. */
static int places(Grad *gr, Contribution *c, Relocation *out) {
    Scan *target = level_of(gr, c->to);
    int n = 0;
    bool outside = true;
    for (Scan *s = c->level; s; s = level_around(gr, s)) {
        if (s == target) outside = false;
        Scan *reverse = gr->scan[s->id].reverse;
        Expr *time = outside ? ex_var(gr->g, c->n, s->extent) : ex_time(gr->g, reverse);
        if (outside) {
            if (c->n == MAX_VARS) ICE(c->span, "too many variables around a load");
            c->dim[c->n++] = s->extent;
        }
        out[n++] = (Relocation){s, reverse, time, outside};
    }
    return n;
}

/* All of the contribution's expressions, moved to where it is computed. */
static void move(Grad *gr, Contribution *c) {
    Relocation place[MAX_VARS];
    int n = places(gr, c, place);
    if (n == 0) return;
    for (int k = 0; k < c->to->rank; k++) c->index[k] = relocate(gr, c->index[k], place, n);
    c->read = relocate(gr, c->read, place, n);
    c->guard = relocate(gr, c->guard, place, n);
    c->pin = relocate(gr, c->pin, place, n);
    c->adjoint.where = relocate(gr, c->adjoint.where, place, n);
    c->adjoint.test = relocate(gr, c->adjoint.test, place, n);
    c->adjoint.value = relocate(gr, c->adjoint.value, place, n);
}

/* The variables for which the load reads element t of its node, as a function of t. */
static Solution invert(Grad *gr, const Contribution *c) {
    Graph *g = gr->g;
    const Node *target = c->to;
    Equation eq[MAX_RANK + 1];
    int n = 0;
    Expr *valid = ex_and_then(g, c->guard, c->read);
    for (int k = 0; k < target->rank; k++)
        eq[n++] = (Equation){ex_where(g, valid, c->index[k]), ex_var(g, k, target->dim[k])};
    if (c->pin) eq[n++] = (Equation){ex_where(g, c->guard, c->pin), ex_int(g, 0)};
    return solve(g, c->n, c->dim, n, eq, target->rank);
}

static void form(Grad *gr, Contribution c) {
    Graph *g = gr->g;
    Node *target = c.to;
    move(gr, &c);
    Solution s = invert(gr, &c);
    Expr *to[MAX_VARS] = {NULL}, *test = s.guard;
    memcpy(to, s.value, (size_t)c.n * sizeof *to);
    Expr *condition[] = {c.guard, c.read, c.adjoint.test};
    for (int k = 0; k < 3; k++)
        if (condition[k]) test = ex_and_then(g, test, ex_subst(g, condition[k], to));
    Expr *where = c.adjoint.where ? ex_subst(g, c.adjoint.where, to) : NULL;
    where = ex_and_then(g, test, where);
    if (where && ex_is_const(where, 0)) return;
    Expr *value = ex_subst(g, c.adjoint.value, to);
    Partial p = {where, ex_where(g, test, value), test};
    if (s.nfresh > 0) {
        Node *sum = grad_comp(
                gr, target->rank, target->dim, s.nfresh, s.fresh_dim, test, value, c.span);
        Expr *index[MAX_RANK];
        variables(g, target->rank, target->dim, index);
        p = (Partial){outer_part(g, where, target->rank), ex_load(g, sum, index, NULL), NULL};
    }
    vec_push(gr->tmp, &gr->info[target->id].part, p);
}

void contribute(Grad *gr, const Contribution *c) {
    Scan *target = level_of(gr, c->to), *last = NULL;
    for (Scan *s = c->level; s != target; s = level_around(gr, s)) {
        if (!s) ICE(c->span, "a value of a scan's step is used outside of the scan");
        last = s;
    }
    if (last && !gr->scan[last->id].reverse->closed)
        vec_push(gr->tmp, &gr->scan[last->id].waiting, *c);
    else
        form(gr, *c);
}

/* ---- the folds --------------------------------------------------------------------- */

/* The row-major position of the fold variables, less that of the fold's extremum: 0 where
 * the element is the one that was taken. */
static Expr *pin_to_extremum(Grad *gr, const Node *v) {
    Graph *g = gr->g;
    Node *taken = node_comp(g, v->rank, v->dim, v->fold == F_MAX ? F_ARGMAX : F_ARGMIN, v->nfold,
            v->fold_dim, v->guard, v->body, v->span);
    Expr *index[MAX_RANK], *position = ex_int(g, 0);
    variables(g, v->rank, v->dim, index);
    for (int k = 0; k < v->nfold; k++) {
        Expr *extent = ex_int(g, v->fold_dim[k]);
        if (v->fold_dim[k] == DIM_BATCH)
            extent =
                    ex_load(g, node_leaf(g, L_ROWS, T_I32, 0, NULL, "rows", (Span){0}), NULL, NULL);
        Expr *var = ex_var(g, v->rank + k, v->fold_dim[k]);
        position = ex_op2(g, OP_add, ex_op2(g, OP_mul, position, extent), var);
    }
    return ex_op2(g, OP_sub, position, ex_load(g, taken, index, NULL));
}

/* others[o, r] = prod(q) if q != r and guard(o, q) then body(o, q), loaded at (o, r). */
static Expr *product_of_others(Grad *gr, const Node *v) {
    Graph *g = gr->g;
    int rank = v->rank + v->nfold;
    int64_t dim[MAX_VARS];
    axes(v, dim);
    if (rank > MAX_RANK || rank + v->nfold > MAX_VARS)
        ICE(v->span, "the gradient of a product over %d axes", v->nfold);
    Expr *to[MAX_VARS] = {NULL}, *other = NULL, *index[MAX_RANK];
    for (int k = 0; k < v->nfold; k++) {
        Expr *r = ex_var(g, v->rank + k, v->fold_dim[k]), *q = ex_var(g, rank + k, v->fold_dim[k]);
        Expr *differs = ex_op2(g, OP_ne, q, r);
        other = other ? ex_op2(g, OP_or, other, differs) : differs;
        to[v->rank + k] = q;
    }
    Expr *guard = v->guard ? ex_subst(g, v->guard, to) : NULL;
    Node *others = node_comp(g, rank, dim, F_PROD, v->nfold, v->fold_dim, ex_and(g, guard, other),
            ex_subst(g, v->body, to), v->span);
    others->is_grad = true;
    variables(g, rank, dim, index);
    return ex_load(g, others, index, NULL);
}

/* ---- the comprehension -------------------------------------------------------------- */

static bool wanted(void *ctx, const Node *n) {
    return is_active(ctx, n);
}

/* The adjoint's condition as far as it is worth passing on. Into a fold only what bounds
 * the index variables (it narrows loops): a test of values would burden every product, for
 * factors that are finite where the values are; unless a derivative may be infinite. */
static Expr *condition_for(Grad *gr, const Node *v, Expr *where) {
    if (!where || v->fold == F_NONE || body_is_singular(gr->tmp, v->body)) return where;
    return structural_part(gr->g, where);
}

void grad_of_comp(Grad *gr, Node *v) {
    Graph *g = gr->g;
    Contribution c = {
            .level = level_of(gr, v), .n = v->rank + v->nfold, .guard = v->guard, .span = v->span};
    axes(v, c.dim);
    Expr *index[MAX_RANK], *result = v->body;
    variables(g, v->rank, v->dim, index);
    Partial adjoint = {condition_for(gr, v, gr->info[v->id].where),
            ex_load(g, adjoint_of(gr, v), index, NULL), NULL};
    if (v->fold == F_NONE) result = ex_load(g, v, index, NULL);
    if (v->fold == F_MAX || v->fold == F_MIN) c.pin = pin_to_extremum(gr, v);
    if (v->fold == F_PROD)
        adjoint.value = ex_op2(g, OP_mul, adjoint.value, product_of_others(gr, v));
    LoadAdjoints uses = {0};
    if (!body_uses(g, gr->tmp, v->body, result, adjoint, wanted, gr, v->span, &uses))
        gr->failed = true;
    for (int k = 0; k < uses.n; k++) {
        const Expr *load = uses.at[k].load;
        c.to = load->node;
        c.read = load->guard;
        if (load->narg) memcpy(c.index, load->arg, (size_t)load->narg * sizeof *c.index);
        c.adjoint = uses.at[k].adjoint;
        contribute(gr, &c);
    }
}
