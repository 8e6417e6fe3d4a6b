/* factor.c - see factor.h.
 *
 * The form of a gradient's element is base * factor, where base is an element of another
 * gradient, the same for all paths: a product with one operand of that form has it, and a sum
 * of two with one base. Forms are followed through elementwise gradients at their own index, and
 * never through a choice, which may leave its base out altogether. */
#include "factor.h"
#include "graph_tables.h"
#include "kernel.h"
#include "mechanism.h"

enum { MOST_OPERATORS = 32 };   /* of a factor */

typedef struct Form {
    Node *base;               /* NULL: it has no such form */
    Expr *factor;             /* NULL: 1 */
} Form;

typedef struct Factors {
    Graph *g;
    Vec(Form) known;          /* by node id */
    Vec(bool) is_known;
    bool sums;                /* a sum was met in the body at hand */
} Factors;

static Form form_of_node(Factors *f, Node *n);

/* ---- forms --------------------------------------------------------------------------- */

static Form form_of_load(Factors *f, const Node *n, Expr *e) {
    bool own = e->node->is_grad && same_extents(n, e->node) && at_own_index(e);
    if (!own) return (Form){0};
    Form inner = form_of_node(f, e->node);
    return inner.base ? inner : (Form){.base = e->node};
}

static Form form_of(Factors *f, const Node *n, Expr *e);

static Form product(Factors *f, const Node *n, Expr *x, Expr *y) {
    Form a = form_of(f, n, x), b = form_of(f, n, y);
    if (!a.base == !b.base) return (Form){0};
    Form *with = a.base ? &a : &b;
    Expr *other = a.base ? y : x;
    with->factor = with->factor ? ex_op2(f->g, OP_mul, with->factor, other) : other;
    return *with;
}

static Form sum(Factors *f, const Node *n, const Expr *e) {
    Form a = form_of(f, n, e->arg[0]), b = form_of(f, n, e->arg[1]);
    if (!a.base || a.base != b.base) return (Form){0};
    Expr *one = ex_real(f->g, 1);
    f->sums = true;
    a.factor = ex_op2(f->g, e->op, a.factor ? a.factor : one, b.factor ? b.factor : one);
    return a;
}

static Form form_of(Factors *f, const Node *n, Expr *e) {
    if (e->dtype != T_F32) return (Form){0};
    if (e->kind == E_LOAD) return form_of_load(f, n, e);
    if (e->kind == E_OP && e->op == OP_mul) return product(f, n, e->arg[0], e->arg[1]);
    if (e->kind == E_OP && (e->op == OP_add || e->op == OP_sub)) return sum(f, n, e);
    return (Form){0};
}

/* ---- factors ------------------------------------------------------------------------- */

typedef struct Loads {
    bool grads;               /* of gradients */
    int own;                  /* at the own index, of what is computed */
    int operators;
    bool dear;                /* an operator that costs more than a load */
} Loads;

static void look_at(void *ctx, Expr *e) {
    Loads *l = ctx;
    if (e->kind == E_OP) {
        l->operators++;
        l->dear |= !(op_info[e->op].flags & OPF_CHEAP);
    }
    if (e->kind != E_LOAD) return;
    l->grads |= e->node->is_grad;
    l->own += e->node->kind == N_COMP && at_own_index(e);
}

static Loads look_at_factor(Graph *g, Expr *factor) {
    Loads l = {0};
    expr_walk_begin(g);
    expr_walk_more(g, factor, look_at, &l);
    return l;
}

static bool is_plain_map(const Node *n) {
    return is_map(n) && n->nin == 0 && n->dtype == T_F32;
}

static Form form_of_node(Factors *f, Node *n) {
    Form none = {0};
    if (!n->is_grad || !is_plain_map(n)) return none;
    while (f->known.n <= n->id) {
        vec_push(f->g->arena, &f->known, none);
        vec_push(f->g->arena, &f->is_known, false);
    }
    if (f->is_known.at[n->id]) return f->known.at[n->id];
    bool sums = f->sums;
    Form form = form_of(f, n, n->body);
    f->sums = sums;
    if (form.factor && look_at_factor(f->g, form.factor).operators > MOST_OPERATORS) form = none;
    f->known.at[n->id] = form;
    f->is_known.at[n->id] = true;
    return form;
}

/* Is a sum in the gradient's body, of terms with one base, and is what they are multiplied by
 * made of the values of the model alone? */
static bool is_sum_of_one(Factors *f, Node *n, Form *form) {
    if (!is_plain_map(n)) return false;
    f->sums = false;
    *form = form_of(f, n, n->body);
    if (!f->sums || !form->base) return false;
    Loads l = look_at_factor(f->g, form->factor);
    return !l.grads && l.own > 0 && l.operators <= MOST_OPERATORS;
}

static Node *factored(void *ctx, Graph *g, Node *n) {
    Factors *f = ctx;
    Form form;
    Expr *own[MAX_RANK];
    if (!is_sum_of_one(f, n, &form)) return n;
    Loads l = look_at_factor(g, form.factor);
    Node *factor = node_comp(g, n->rank, n->dim, F_NONE, 0, NULL, NULL, form.factor, n->span);
    factor->kept |= l.dear || l.own > 1;
    for (int i = 0; i < n->rank; i++) own[i] = ex_var(g, i, n->dim[i]);
    Expr *x = ex_load(g, form.base, own, NULL), *y = ex_load(g, factor, own, NULL);
    return node_comp(g, n->rank, n->dim, F_NONE, 0, NULL, NULL, ex_op2(g, OP_mul, x, y), n->span);
}

void factor(Graph *g, Node **root, int n) {
    Factors f = {.g = g};
    Form form;
    bool any = false;
    if (!mechanism_on(MECHANISM_factor)) return;
    NodeList order = graph_order(g, root, n);
    bool *wanted = NEW_ARRAY(g->arena, bool, g->t->node.n);
    for (int i = 0; i < order.n; i++) {
        bool sums = order.at[i]->is_grad && is_sum_of_one(&f, order.at[i], &form);
        wanted[order.at[i]->id] = sums;
        any |= sums;
    }
    if (any) graph_remake(g, root, n, wanted, factored, &f);
}
