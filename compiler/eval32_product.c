/* eval32_product.c - sums of products of two loads as products of matrices.
 *
 *     out[g, m, n] = sum(k) A[g, m, k] * B[g, k, n]
 *
 * where g, m, n, k are the variables that both, the left, the right, or none of the output's
 * indices have: dense layers, attention, recurrences, convolutions and all their gradients.
 * An operand whose elements lie as a matrix does is used in place. Any other is copied into
 * one first, a piece at a time (for a convolution that is im2col); what its guard leaves out
 * is zero there. */
#include "eval32_internal.h"
#include "graph_tables.h"

#include <string.h>

enum { PIECE = 1 << 20 }; /* most elements of a copy at a time, but for one row of it */
enum { MANY = 1 << 20 };  /* multiplications of all groups that are worth sharing */

/* A list of variables, as one index. */
typedef struct Vars {
    int n, var[MAX_VARS];
    int64_t extent;
} Vars;

typedef struct Operand {
    Expr *load;
    uint32_t vars;
    int64_t stride[MAX_VARS]; /* of the element number, as far as it is a sum of variables */
    bool sum;                 /* it is, and of times */
    /* in place */
    bool direct;
    int64_t row, col; /* strides of its two indices: (m, k) or (k, n) */
    Walk *groups;     /* first element of group g */
    /* copied */
    bool turned; /* the copy has k, not the other one, for rows */
    Space space; /* of the copy: groups, rows, columns */
    Body *body;
} Operand;

struct Product {
    Node *node;
    Vars g, m, n, k;
    Operand a, b;
    int64_t row, col; /* strides of m and n in the output */
    Walk *groups;     /* first element of each group in the output */
    bool scattered;   /* it is no matrix there: computed apart, then put in place */
    Walk *out;
    int64_t spare_a, spare_b, spare_c; /* elements */
    int64_t *first;                    /* of every group: in A, B, the output */
};

/* ---- recognising --------------------------------------------------------------------------- */

static int64_t extent_of_var(const Eval32 *e, const Node *n, int var) {
    return eval32_extent(e, var < n->rank ? n->dim[var] : n->fold_dim[var - n->rank]);
}

static bool set_operand(const Eval32 *e, Operand *o, Expr *load) {
    if (load->kind != E_LOAD || load->node->dtype != T_F32) return false;
    int64_t step = 1;
    o->load = load;
    o->vars = load->vars;
    o->sum = true;
    memset(o->stride, 0, sizeof o->stride);
    for (int k = load->node->rank - 1; k >= 0; k--) {
        Affine a;
        ex_affine(load->arg[k], &a);
        for (int j = 0; j < a.n; j++) {
            const Expr *atom = a.term[j].atom;
            if (atom->kind == E_VAR)
                o->stride[atom->var] += step * a.term[j].c;
            else if (atom->kind != E_TIME)
                o->sum = false;
        }
        step *= eval32_extent(e, load->node->dim[k]);
    }
    return true;
}

static void add_var(Vars *v, int var, int64_t extent) {
    v->var[v->n++] = var;
    v->extent *= extent;
}

/* Puts every variable where it belongs. False when one is in neither load. */
static bool sort_vars(const Eval32 *e, Product *p) {
    const Node *n = p->node;
    p->g.extent = p->m.extent = p->n.extent = p->k.extent = 1;
    for (int v = 0; v < n->rank + n->nfold; v++) {
        int64_t extent = extent_of_var(e, n, v);
        bool in_a = p->a.vars >> v & 1, in_b = p->b.vars >> v & 1;
        if (extent == 1) continue;
        if (!in_a && !in_b) return false;
        add_var(v >= n->rank ? &p->k : in_a && in_b ? &p->g : in_a ? &p->m : &p->n, v, extent);
    }
    return true;
}

/* Where a product pays: not where it would be one dot product after the other, or products by
 * vectors whose groups lie side by side. */
static bool pays(const Product *p) {
    if (p->m.extent * p->n.extent == 1) return false;
    bool vector = p->m.extent == 1 || p->n.extent == 1;
    int last = p->node->rank - 1;
    return !(vector && p->g.n > 0 && p->g.var[p->g.n - 1] == last) && p->k.extent > 1;
}

static bool covers(const Operand *o, const Expr *condition) {
    return !(condition->vars & ~o->vars);
}

static void guard_load(Graph *g, Operand *o, Expr *condition) {
    Expr *guard = ex_and(g, o->load->guard, condition);
    o->load = ex_load(g, o->load->node, o->load->arg, guard);
}

static bool needs_guard(const Operand *o) {
    for (int k = 0; k < o->load->node->rank; k++)
        if (!index_in_bounds(o->load->node, k, o->load->arg[k])) return true;
    return false;
}

/* Every condition of the fold becomes one of a load that has its variables: of those that may
 * be out of bounds without, or else of one. False where a load would have to do without. */
static bool place_guards(const Eval32 *e, Product *p) {
    ConditionList guard = {0};
    conditions_of(e->arena, p->node->guard, &guard);
    for (int k = 0; k < guard.n; k++) {
        Expr *c = guard.at[k];
        bool a = covers(&p->a, c), b = covers(&p->b, c);
        if (!a && !b) return false;
        bool in_a = needs_guard(&p->a), in_b = needs_guard(&p->b);
        if ((in_a && !a) || (in_b && !b)) return false;
        if (!in_a && !in_b) *(a ? &in_a : &in_b) = true;
        if (in_a) guard_load(e->graph, &p->a, c);
        if (in_b) guard_load(e->graph, &p->b, c);
        if (p->a.load->kind != E_LOAD || p->b.load->kind != E_LOAD) return false;
    }
    return true;
}

/* ---- matrices in place ---------------------------------------------------------------------- */

/* The one stride of several variables as an index; false: they have none. */
static bool one_stride(
        const Eval32 *e, const Node *n, const Vars *v, const int64_t *stride, int64_t *one) {
    *one = v->n ? stride[v->var[v->n - 1]] : 0;
    int64_t next = *one;
    for (int k = v->n - 1; k >= 0; k--) {
        if (stride[v->var[k]] != next) return false;
        next *= extent_of_var(e, n, v->var[k]);
    }
    return true;
}

/* A matrix of rows x cols with these strides, as the BLAS takes it: one stride is 1, the other
 * at least what it spans. A stride of an extent of 1 is free. */
static bool is_matrix(int64_t rows, int64_t *row, int64_t cols, int64_t *col) {
    if (cols == 1) *col = *row == 1 ? rows : 1;
    if (rows == 1) *row = *col == 1 ? cols : 1;
    return (*col == 1 && *row >= cols) || (*row == 1 && *col >= rows);
}

/* Whether the load reads every element of a matrix, without a guard. */
static void find_direct(
        const Eval32 *e, Product *p, Operand *o, const Vars *rows, const Vars *cols) {
    o->direct = o->sum && !o->load->guard && !needs_guard(o) &&
                one_stride(e, p->node, rows, o->stride, &o->row) &&
                one_stride(e, p->node, cols, o->stride, &o->col) &&
                is_matrix(rows->extent, &o->row, cols->extent, &o->col);
}

static void sort_by(Vars *v, const int64_t *stride) {
    for (int k = 1; k < v->n; k++) {
        int var = v->var[k], j = k;
        for (; j > 0 && stride[v->var[j - 1]] < stride[var]; j--) v->var[j] = v->var[j - 1];
        v->var[j] = var;
    }
}

/* The elements that would have to be copied if k's variables were in this order. */
static int64_t copied(const Eval32 *e, Product *p) {
    find_direct(e, p, &p->a, &p->m, &p->k);
    find_direct(e, p, &p->b, &p->k, &p->n);
    int64_t a = p->a.direct ? 0 : p->m.extent, b = p->b.direct ? 0 : p->n.extent;
    return (a + b) * p->k.extent;
}

static void order_k(const Eval32 *e, Product *p) {
    Vars by_a = p->k, by_b = p->k;
    sort_by(&by_a, p->a.stride);
    sort_by(&by_b, p->b.stride);
    p->k = by_a;
    int64_t with_a = copied(e, p);
    p->k = by_b;
    if (copied(e, p) <= with_a) return;
    p->k = by_a;
    copied(e, p);
}

static void swap_operands(Product *p) {
    Operand o = p->a;
    Vars v = p->m;
    p->a = p->b;
    p->b = o;
    p->m = p->n;
    p->n = v;
}

/* Strides of m and n in the output; columns are to be contiguous. */
static void place_output(const Eval32 *e, Product *p) {
    int64_t stride[MAX_VARS] = {0}, step = 1;
    for (int v = p->node->rank - 1; v >= 0; v--) {
        stride[v] = step;
        step *= eval32_extent(e, p->node->dim[v]);
    }
    for (int turn = 0; turn < 2; turn++) {
        bool lines = one_stride(e, p->node, &p->m, stride, &p->row) &&
                     one_stride(e, p->node, &p->n, stride, &p->col);
        if (lines && is_matrix(p->m.extent, &p->row, p->n.extent, &p->col) && p->col == 1) return;
        swap_operands(p);
    }
    p->scattered = true;
    p->row = p->n.extent;
    p->col = 1;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void add_vars(const Eval32 *e, Space *s, const Node *n, const Vars *v) {
    for (int k = 0; k < v->n; k++) space_add(s, v->var[k], extent_of_var(e, n, v->var[k]));
}

static Walk *group_walk(const Eval32 *e, const Product *p, const int64_t *stride) {
    Space s = {.points = 1};
    Form f = {0};
    add_vars(e, &s, p->node, &p->g);
    for (int k = 0; k < p->g.n; k++) f.stride[k] = stride[p->g.var[k]];
    return walk_new(e->arena, &s, 1, &f, 0, NULL);
}

/* Rows are what lies further apart in memory. */
static void set_copy(Eval32 *e, Product *p, Operand *o, const Vars *other) {
    const Vars *k = &p->k;
    int64_t last_k = k->n ? o->stride[k->var[k->n - 1]] : 0;
    int64_t last = other->n ? o->stride[other->var[other->n - 1]] : 0;
    o->turned = last != 0 && (last_k == 0 || last < last_k);
    o->space = (Space){.points = 1};
    for (int v = 0; v < p->node->rank + p->node->nfold; v++)
        if (extent_of_var(e, p->node, v) == 1) space_add(&o->space, v, 1);
    add_vars(e, &o->space, p->node, &p->g);
    add_vars(e, &o->space, p->node, o->turned ? k : other);
    add_vars(e, &o->space, p->node, o->turned ? other : k);
    o->body = body_new(e, &o->space, p->node->span);
    body_add(o->body, o->load);
    body_close(o->body);
}

/* Elements of a piece of the copy: all of them, or some rows. */
static int64_t piece(int64_t rows, int64_t cols) {
    int64_t most = PIECE / cols > 1 ? PIECE / cols : 1;
    return (rows < most ? rows : most) * cols;
}

static void set_operands(Eval32 *e, Product *p) {
    if (!p->a.direct) {
        set_copy(e, p, &p->a, &p->m);
        p->spare_a = p->g.extent > 1 ? p->a.space.points
                     : p->a.turned   ? piece(p->k.extent, p->m.extent)
                                     : piece(p->m.extent, p->k.extent);
    }
    if (!p->b.direct) {
        set_copy(e, p, &p->b, &p->n);
        p->spare_b = p->b.space.points;
    }
    p->spare_c = p->scattered ? p->g.extent * p->m.extent * p->n.extent : 0;
    eval32_need(e, (p->spare_a + p->spare_b + p->spare_c) * 4);
}

static void set_groups(const Eval32 *e, Product *p) {
    const Node *n = p->node;
    int64_t stride[MAX_VARS] = {0}, step = 1;
    for (int v = n->rank - 1; v >= 0; v--) {
        stride[v] = step;
        step *= eval32_extent(e, n->dim[v]);
    }
    p->groups = group_walk(e, p, stride);
    p->a.groups = group_walk(e, p, p->a.stride);
    p->b.groups = group_walk(e, p, p->b.stride);
    p->first = NEW_ARRAY(e->arena, int64_t, 3 * p->g.extent);
    Space s = {.points = 1};
    Form f = {0};
    add_vars(e, &s, n, &p->g);
    add_vars(e, &s, n, &p->m);
    add_vars(e, &s, n, &p->n);
    for (int k = 0; k < s.n; k++) f.stride[k] = stride[s.var[k]];
    p->out = walk_new(e->arena, &s, 1, &f, 0, NULL);
}

Product *product_new(Eval32 *e, Node *n) {
    const Expr *body = n->body;
    bool product = body->kind == E_OP && body->op == OP_mul;
    if (n->fold != F_SUM || n->dtype != T_F32 || !product) return NULL;
    Product p = {.node = n};
    if (!set_operand(e, &p.a, body->arg[0]) || !set_operand(e, &p.b, body->arg[1])) return NULL;
    if (!sort_vars(e, &p) || !pays(&p) || !place_guards(e, &p)) return NULL;
    if (p.m.extent > INT32_MAX || p.n.extent > INT32_MAX || p.k.extent > INT32_MAX) return NULL;
    place_output(e, &p);
    order_k(e, &p);
    Product *kept = arena_copy(e->arena, &p, sizeof p);
    set_operands(e, kept);
    set_groups(e, kept);
    return kept;
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct ProductJob {
    Product *p;
    const float *a, *b;
    float *c;
    int64_t share; /* groups of a part */
} ProductJob;

static Matrix copied_matrix(const float *at, bool turned, int64_t rows, int64_t cols) {
    return turned ? (Matrix){at, 1, rows} : (Matrix){at, cols, 1};
}

static Matrix matrix_a(const Product *p, const float *at) {
    return p->a.direct ? (Matrix){at, p->a.row, p->a.col}
                       : copied_matrix(at, p->a.turned, p->m.extent, p->k.extent);
}

/* B's copy has k for rows when it is turned. */
static Matrix matrix_b(const Product *p, const float *at) {
    return p->b.direct ? (Matrix){at, p->b.row, p->b.col}
                       : copied_matrix(at, !p->b.turned, p->k.extent, p->n.extent);
}

static void multiply(
        const Product *p, int64_t m, int64_t k, Matrix a, Matrix b, bool add, float *c) {
    if (p->n.extent == 1)
        blas_vector(m, k, a, b.at, k > 1 ? b.row : 1, add, c, p->m.extent > 1 ? p->row : 1);
    else if (p->m.extent == 1)
        blas_vector(
                p->n.extent, k, (Matrix){b.at, b.col, b.row}, a.at, k > 1 ? a.col : 1, add, c, 1);
    else
        blas_product(m, p->n.extent, k, a, b, add, c, p->row);
}

static void multiply_groups(void *context, int part) {
    ProductJob *j = context;
    const Product *p = j->p;
    int64_t groups = p->g.extent, last = (part + 1) * j->share;
    for (int64_t g = part * j->share; g < last && g < groups; g++)
        multiply(p, p->m.extent, p->k.extent, matrix_a(p, j->a + p->first[g]),
                matrix_b(p, j->b + p->first[groups + g]), false, j->c + p->first[2 * groups + g]);
}

/* The first element of every group, in the operand or in its copy. */
static const float *operand_at(
        const Eval32 *e, const Operand *o, const float *copy, int64_t groups, int64_t *first) {
    if (!o->direct) {
        for (int64_t g = 0; g < groups; g++) first[g] = g * (o->space.points / groups);
        return copy;
    }
    walk_begin(o->groups, e->time);
    walk_offsets(o->groups, 0, groups, first);
    int64_t base = 0, step = 1;
    for (int k = o->load->node->rank - 1; k >= 0; k--) {
        Affine a;
        ex_affine(o->load->arg[k], &a);
        base += step * a.c0;
        for (int j = 0; j < a.n; j++)
            if (a.term[j].atom->kind == E_TIME)
                base += step * a.term[j].c * e->time[a.term[j].atom->scan->id];
        step *= eval32_extent(e, o->load->node->dim[k]);
    }
    return (const float *)(const void *)e->array[o->load->node->id].at + base;
}

static void put_run(void *context, int64_t before, int64_t at, int64_t step, int64_t n) {
    ProductJob *j = context;
    for (int64_t i = 0; i < n; i++) j->c[at + i * step] = j->a[before + i];
}

/* One group, A copied a piece at a time: rows of the output, or a part of every sum. */
static bool multiply_pieces(Eval32 *e, Product *p, float *copy, const float *b, float *c) {
    int64_t rows = p->a.turned ? p->k.extent : p->m.extent;
    int64_t cols = p->a.turned ? p->m.extent : p->k.extent, most = p->spare_a / cols;
    Matrix right = matrix_b(p, b);
    for (int64_t first = 0; first < rows; first += most) {
        int64_t n = rows - first < most ? rows - first : most;
        if (!map_points(e, p->a.body, T_F32, first * cols, n * cols, (char *)copy)) return false;
        if (p->a.turned) {
            Matrix piece_b = {right.at + first * right.row, right.row, right.col};
            multiply(p, p->m.extent, n, (Matrix){copy, 1, cols}, piece_b, first > 0, c);
        } else {
            multiply(p, n, p->k.extent, (Matrix){copy, cols, 1}, right, false, c + first * p->row);
        }
    }
    return true;
}

static bool run_groups(Eval32 *e, Product *p, ProductJob *j, float *copy) {
    int64_t groups = p->g.extent;
    if (!p->a.direct && !map_points(e, p->a.body, T_F32, 0, p->a.space.points, (char *)copy))
        return false;
    j->a = operand_at(e, &p->a, copy, groups, p->first);
    int threads = pool_threads(e->pool);
    int64_t each = p->m.extent * p->n.extent * p->k.extent;
    bool shared = threads > 1 && groups >= 2 * threads && each >= MANY / groups;
    j->share = shared ? (groups + threads - 1) / threads : groups;
    if (shared) blas_threads(1);
    pool_run(e->pool, shared ? threads : 1, multiply_groups, j);
    if (shared) blas_threads(threads);
    return true;
}

bool product_run(Eval32 *e, Product *p) {
    float *spare = (float *)(void *)e->spare, *copy = spare + p->spare_b,
          *own = (float *)(void *)e->array[p->node->id].own;
    int64_t groups = p->g.extent, *first_c = p->first + 2 * groups;
    ProductJob j = {.p = p, .c = p->scattered ? copy + p->spare_a : own};
    if (p->a.body) body_begin(p->a.body);
    if (p->b.body) body_begin(p->b.body);
    if (!p->b.direct && !map_points(e, p->b.body, T_F32, 0, p->b.space.points, (char *)spare))
        return false;
    j.b = operand_at(e, &p->b, spare, groups, p->first + groups);
    walk_begin(p->groups, e->time);
    walk_offsets(p->groups, 0, groups, first_c);
    for (int64_t g = 0; p->scattered && g < groups; g++) first_c[g] = g * p->m.extent * p->n.extent;
    bool ok = groups == 1 && !p->a.direct ? multiply_pieces(e, p, copy, j.b, j.c)
                                          : run_groups(e, p, &j, copy);
    if (!ok || !p->scattered) return ok;
    ProductJob put = {.a = j.c, .c = own};
    walk_begin(p->out, e->time);
    walk_visit(p->out, 0, groups * p->m.extent * p->n.extent, put_run, &put);
    return true;
}
