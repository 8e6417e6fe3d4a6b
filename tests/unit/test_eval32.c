/* test_eval32.c - the interpreter in single precision against the one in double: every operator
 * and fold, guards, scatters, scans, random programs with their gradients, one thread and
 * several; which nodes become products of matrices, by the BLAS and by plain loops. */
#include "random_program.h"

#include "../../compiler/eval32_internal.h"

static const Span here = {0};

/* Float results are right within this part of the sum of absolute terms that made them. */
static const double TOLERANCE = 3e-5;

enum { MOST_ROOTS = 64 };

typedef struct Run {
    Trial t;
    int threads;
    int n;
    Root32 root[MOST_ROOTS];
    void *stored[MOST_ROOTS];
    int order[MOST_ROOTS], norder;
} Run;

static Trial fresh(int64_t rows) {
    random_seed(1);
    return trial_new(rows);
}

static void *as_stored(const Node *n, int64_t size, const double *v) {
    void *p = calloc((size_t)size + 1, 4);
    for (int64_t i = 0; i < size; i++) {
        if (n->dtype == T_F32)
            ((float *)p)[i] = (float)v[i];
        else if (n->dtype == T_I32)
            ((int32_t *)p)[i] = (int32_t)v[i];
        else
            ((uint8_t *)p)[i] = (uint8_t)v[i];
    }
    return p;
}

static bool keep(void *context, int root, const void *value) {
    Run *r = context;
    const Node *n = r->root[root].value;
    size_t bytes = (size_t)size_in(&r->t, n) * dtype_size(n->dtype);
    r->stored[root] = memcpy(malloc(bytes + 1), value, bytes);
    r->order[r->norder++] = root;
    return true;
}

static double stored_at(const Run *r, int root, int64_t i) {
    const Node *n = r->root[root].value;
    const void *p = r->stored[root];
    return n->dtype == T_F32   ? (double)((const float *)p)[i]
           : n->dtype == T_I32 ? ((const int32_t *)p)[i]
                               : ((const uint8_t *)p)[i];
}

static Eval *definition(const Trial *t) {
    Eval *d = eval_new(t->g, t->rows, 7, 3);
    eval_keep_scale(d);
    for (int k = 0; k < t->n; k++) {
        double rounded[MAX_SIZE];
        for (int64_t i = 0; i < size_in(t, t->leaf[k]); i++)
            rounded[i] =
                    t->leaf[k]->dtype == T_F32 ? (double)(float)t->value[k][i] : t->value[k][i];
        eval_bind(d, t->leaf[k], rounded);
    }
    return d;
}

/* Elements that differ from the definition's, but for those behind a comparison near a tie. */
static int64_t differences(const Run *r, Eval *d, int root) {
    Node *n = r->root[root].value;
    const double *want = eval_node(d, n), *scale = eval_scale(d, n), *margin = eval_margin(d, n);
    int64_t wrong = 0;
    cr_assert(want, "%s", eval_error(d));
    for (int64_t i = 0; i < size_in(&r->t, n); i++) {
        double got = stored_at(r, root, i);
        bool same = got == want[i] || (isnan(got) && isnan(want[i]));
        if (!same && !(fabs(got - want[i]) <= TOLERANCE * fmax(scale[i], 1e-3)) && margin[i] > 1e-5)
            wrong++;
    }
    return wrong;
}

/* Runs it twice, since buffers are used again; the second result counts. */
static bool run_all(Run *r, Eval32 *e) {
    void *bound[MAX_LEAVES];
    bool ok = true;
    for (int k = 0; k < r->t.n; k++) {
        bound[k] = as_stored(r->t.leaf[k], size_in(&r->t, r->t.leaf[k]), r->t.value[k]);
        eval32_bind(e, r->t.leaf[k], bound[k]);
    }
    for (int k = 0; k < 2 && ok; k++) {
        for (int i = 0; i < r->n; i++) free(r->stored[i]), r->stored[i] = NULL;
        r->norder = 0;
        ok = eval32_run(e, 7, 3, keep, r);
    }
    for (int k = 0; k < r->t.n; k++) free(bound[k]);
    return ok;
}

static void release(Run *r, Eval32 *e, Eval *d) {
    for (int k = 0; k < r->n; k++) free(r->stored[k]);
    eval32_free(e);
    eval_free(d);
}

/* The number of nodes that are products; asserts that every root is right. */
static int check(const Trial *t, Node *const *node, int n, int threads, const char *what) {
    Run r = {.t = *t, .threads = threads, .n = n};
    for (int k = 0; k < n; k++) r.root[k] = (Root32){.value = node[k]};
    Eval32 *e = eval32_new(t->g, t->rows, threads, r.root, n);
    Eval *d = definition(t);
    bool ok = run_all(&r, e);
    cr_assert(ok, "%s: %s", what, eval32_error(e));
    int products = 0;
    for (int k = 0; k < e->steps.n; k++) products += e->steps.at[k].product != NULL;
    for (int k = 0; k < n; k++) {
        int64_t wrong = differences(&r, d, k);
        cr_expect(wrong == 0, "%s, %d threads: root %d: %lld elements are wrong", what, threads, k,
                (long long)wrong);
    }
    release(&r, e, d);
    return products;
}

static int check_both(const Trial *t, Node *node, const char *what) {
    int products = check(t, &node, 1, 1, what);
    cr_expect(check(t, &node, 1, 3, what) == products);
    blas_forbid(true);
    cr_expect(check(t, &node, 1, 1, what) == products);
    blas_forbid(false);
    return products;
}

/* ---- random programs --------------------------------------------------------------------- */

static void run_random(int from, int to, bool scans) {
    for (int seed = from; seed < to; seed++) {
        Maker m = make(seed, scans);
        Node *root[MOST_ROOTS], *gradient[MAX_LEAVES];
        int n = 0;
        for (int k = 0; k < m.npool; k++)
            if (m.pool[k]->nin == 0) root[n++] = m.pool[k];
        if (grad(m.g, random_form(&m.t, m.pool[m.npool - 1]), m.t.leaf, m.t.n, gradient))
            for (int k = 0; k < m.t.n; k++)
                if (gradient[k]) root[n++] = gradient[k];
        char what[40];
        snprintf(what, sizeof what, "seed %d", seed);
        check(&m.t, root, n, 1 + seed % 2, what);
        trial_free(&m.t);
    }
}

Test(eval32, random_comprehensions) {
    run_random(1, 700, false);
}

Test(eval32, random_scans) {
    run_random(1, 250, true);
}

/* ---- operators and folds ------------------------------------------------------------------ */

static Node *leaf_of(Trial *t, DType type, int rank, const int64_t *dim, double lo, double hi) {
    Node *f = trial_leaf(t, rank, dim, lo, hi);
    if (type == T_F32) return f;
    int k = t->n - 1;
    t->leaf[k] =
            node_leaf(t->g, L_INPUT, type, rank, dim, arena_printf(t->g->arena, "n%d", k), here);
    for (int64_t i = 0; i < size_in(t, f); i++) t->value[k][i] = floor(t->value[k][i]);
    return t->leaf[k];
}

Test(eval32, every_operator_of_reals) {
    Trial t = fresh(1);
    int64_t dim[] = {1500}; /* more than a column */
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        Trial one = fresh(1);
        if (info->type == OT_INT || info->type == OT_LOGIC) continue;
        Expr *i = ex_var(one.g, 0, 1500), *arg[3];
        for (int k = 0; k < info->arity; k++) {
            Node *x = trial_leaf(&one, 1, dim, info->lo, info->hi);
            arg[k] = ex_load(one.g, x, &i, NULL);
            if (info->type == OT_BRANCH && k == 0)
                arg[k] = ex_op2(one.g, OP_lt, arg[k], ex_real(one.g, 0));
        }
        Node *y = node_comp(one.g, 1, dim, F_NONE, 0, NULL, NULL, ex_op(one.g, (Op)op, arg), here);
        check(&one, &y, 1, 1, info->name);
        trial_free(&one);
    }
    trial_free(&t);
}

Test(eval32, every_operator_of_integers) {
    int64_t dim[] = {1500};
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = &op_info[op];
        if (!info->integer) continue;
        Trial t = fresh(1);
        Expr *i = ex_var(t.g, 0, 1500), *arg[3];
        for (int k = 0; k < info->arity; k++) {
            Node *x = leaf_of(&t, T_I32, 1, dim, -5, 6);
            arg[k] = ex_load(t.g, x, &i, NULL);
            bool test = info->type == OT_LOGIC || (info->type == OT_BRANCH && k == 0);
            if (test) arg[k] = ex_op2(t.g, OP_lt, arg[k], ex_int(t.g, 0));
        }
        Node *y = node_comp(t.g, 1, dim, F_NONE, 0, NULL, NULL, ex_op(t.g, (Op)op, arg), here);
        check(&t, &y, 1, 1, info->name);
        trial_free(&t);
    }
}

/* Folds over rows and over columns, guarded by a triangle and by values, of reals and integers. */
Test(eval32, folds) {
    Trial t = fresh(1);
    int64_t dim[] = {40, 40}, one[] = {40};
    Node *x = trial_leaf(&t, 2, dim, -1, 1), *n = leaf_of(&t, T_I32, 2, dim, -3, 3), *y[MOST_ROOTS];
    Graph *g = t.g;
    int ny = 0;
    t.value[0][7] = NAN;
    for (int f = F_SUM; f <= F_ARGMIN; f++)
        for (int way = 0; way < 8; way++) {
            Expr *i = ex_var(g, 0, 40), *k = ex_var(g, 1, 40);
            Expr **at = way & 1 ? (Expr *[]){i, k} : (Expr *[]){k, i};
            Expr *real = ex_load(g, x, at, NULL), *whole = ex_load(g, n, at, NULL);
            Expr *guard = way & 4 ? ex_op2(g, OP_lt, k, i)
                                  : ex_op2(g, OP_lt, ex_int(g, 0), ex_load(g, n, at, NULL));
            y[ny++] = node_comp(g, 1, one, (Fold)f, 1, one, guard, way & 2 ? real : whole, here);
        }
    check(&t, y, ny, 1, "folds");
    check(&t, y, ny, 2, "folds");
    trial_free(&t);
}

/* Sizes at which threads share the work: elements, rows, and terms of one sum. */
Test(eval32, work_that_threads_share) {
    Trial t = fresh(1);
    int64_t wide[] = {1000}, all[] = {300, 1000}, tall[] = {300};
    Graph *g = t.g;
    Node *x = trial_leaf(&t, 1, wide, -1, 1), *y[6];
    Expr *i = ex_var(g, 0, 300), *j = ex_var(g, 1, 1000), *xj = ex_load(g, x, &j, NULL);
    y[0] = node_comp(
            g, 2, all, F_NONE, 0, NULL, NULL, ex_op2(g, OP_mul, xj, ex_op1(g, OP_real, i)), here);
    Expr *a = ex_load(g, y[0], (Expr *[]){i, j}, NULL);
    y[1] = node_comp(g, 1, tall, F_SUM, 1, wide, NULL, a, here);
    y[2] = node_comp(g, 1, tall, F_ARGMAX, 1, wide, NULL, a, here);
    Expr *r = ex_var(g, 1, 300), *c = ex_var(g, 0, 1000),
         *b = ex_load(g, y[0], (Expr *[]){r, c}, NULL);
    y[3] = node_comp(g, 1, wide, F_SUM, 1, tall, NULL, b, here);
    y[4] = node_comp(g, 1, wide, F_MAX, 1, tall,
            ex_op2(g, OP_lt, c, ex_op2(g, OP_mul, r, ex_int(g, 3))), b, here);
    y[5] = node_comp(g, 1, wide, F_ARGMIN, 1, tall, NULL, b, here);
    for (int threads = 1; threads < 4; threads++) check(&t, y, 6, threads, "large");
    trial_free(&t);
}

/* dT[v, d] = sum(n) if words[n] == v then dy[n, d]: with a loop over v this would take hours. */
Test(eval32, a_scatter_visits_its_terms_alone) {
    Trial t = fresh(1);
    int64_t words[] = {2000}, rows[] = {2000, 2}, table[] = {1 << 20, 2}, few[] = {5, 7};
    Graph *g = t.g;
    Node *n = leaf_of(&t, T_I32, 1, words, -2, 1 << 20), *m = leaf_of(&t, T_I32, 1, words, 0, 7);
    Node *dy = trial_leaf(&t, 2, rows, -1, 1);
    Expr *v = ex_var(g, 0, 1 << 20), *d = ex_var(g, 1, 2), *k = ex_var(g, 2, 2000);
    Expr *is = ex_op2(g, OP_eq, ex_load(g, n, &k, NULL), v);
    Node *y[2];
    y[0] = node_comp(
            g, 2, table, F_SUM, 1, words, is, ex_load(g, dy, (Expr *[]){k, d}, NULL), here);
    Expr *p = ex_var(g, 0, 5), *q = ex_var(g, 1, 7), *mk = ex_load(g, m, &k, NULL);
    Expr *cell = ex_and(
            g, ex_op2(g, OP_eq, ex_op2(g, OP_imod, mk, ex_int(g, 5)), p), ex_op2(g, OP_eq, mk, q));
    y[1] = node_comp(g, 2, few, F_SUM, 1, words, cell, ex_int(g, 1), here);
    check(&t, y + 1, 1, 1, "confusions");
    Root32 root = {.value = y[0]};
    Run r = {.t = t, .threads = 1, .n = 1, .root = {root}};
    Eval32 *e = eval32_new(g, 1, 1, r.root, 1);
    cr_assert(run_all(&r, e));
    Eval *def = definition(&t);
    cr_expect(differences(&r, def, 0) == 0);
    release(&r, e, def);
    trial_free(&t);
}

/* ---- products ------------------------------------------------------------------------------ */

typedef struct Index {
    int n;
    Expr *at[4];
} Index;

/* out[dim] = sum over fold of a[ai] * b[bi]. */
static Node *product(Graph *g, int rank, const int64_t *dim, int nfold, const int64_t *fold,
        Expr *guard, Node *a, Index ai, Node *b, Index bi) {
    Expr *body = ex_op2(g, OP_mul, ex_load(g, a, ai.at, NULL), ex_load(g, b, bi.at, NULL));
    return node_comp(g, rank, dim, F_SUM, nfold, fold, guard, body, here);
}

/* Gradients of a product are products; they and it are right. */
static void check_product(Trial *t, Node *y, int products, const char *what) {
    Node *gradient[MAX_LEAVES];
    cr_expect(check_both(t, y, what) == products, "%s", what);
    cr_assert(grad(t->g, random_form(t, y), t->leaf, t->n, gradient));
    for (int k = 0; k < t->n; k++)
        cr_expect(check_both(t, gradient[k], what) >= products, "%s", what);
    trial_free(t);
}

Test(eval32, dense_layers_are_products) {
    Trial t = fresh(5);
    int64_t xd[] = {DIM_BATCH, 6}, wd[] = {6, 9}, yd[] = {DIM_BATCH, 9}, fold[] = {6};
    Node *x = trial_leaf(&t, 2, xd, -1, 1), *w = trial_leaf(&t, 2, wd, -1, 1);
    Expr *n = ex_var(t.g, 0, DIM_BATCH), *o = ex_var(t.g, 1, 9), *k = ex_var(t.g, 2, 6);
    Node *y = product(t.g, 2, yd, 1, fold, NULL, x, (Index){2, {n, k}}, w, (Index){2, {k, o}});
    check_product(&t, y, 1, "dense");
}

Test(eval32, products_by_vectors_and_of_one_row) {
    for (int64_t rows = 1; rows < 3; rows++) {
        Trial t = fresh(rows);
        int64_t xd[] = {DIM_BATCH, 70}, wd[] = {70, 1}, yd[] = {DIM_BATCH, 1}, fold[] = {70};
        Node *x = trial_leaf(&t, 2, xd, -1, 1), *w = trial_leaf(&t, 2, wd, -1, 1);
        Expr *n = ex_var(t.g, 0, DIM_BATCH), *o = ex_var(t.g, 1, 1), *k = ex_var(t.g, 2, 70);
        Node *y = product(t.g, 2, yd, 1, fold, NULL, x, (Index){2, {n, k}}, w, (Index){2, {k, o}});
        cr_expect(check_both(&t, y, "vector") == (rows > 1));
        trial_free(&t);
    }
}

/* Attention: groups of rows and heads, operands with their heads inside. */
Test(eval32, attention_is_a_product_for_every_head) {
    Trial t = fresh(2);
    int64_t qd[] = {DIM_BATCH, 7, 3, 5}, yd[] = {DIM_BATCH, 3, 7, 7}, fold[] = {5};
    Node *q = trial_leaf(&t, 4, qd, -1, 1), *key = trial_leaf(&t, 4, qd, -1, 1);
    Expr *n = ex_var(t.g, 0, DIM_BATCH), *h = ex_var(t.g, 1, 3), *i = ex_var(t.g, 2, 7);
    Expr *j = ex_var(t.g, 3, 7), *d = ex_var(t.g, 4, 5);
    Node *y = product(
            t.g, 4, yd, 1, fold, NULL, q, (Index){4, {n, i, h, d}}, key, (Index){4, {n, j, h, d}});
    check_product(&t, y, 1, "attention");
}

/* Enough work for threads to share the groups. */
Test(eval32, threads_share_the_groups_of_a_product) {
    Trial t = fresh(1);
    int64_t xd[] = {512}, qd[] = {12, 48, 40}, yd[] = {12, 48, 48}, fold[] = {40};
    Graph *g = t.g;
    Node *x = trial_leaf(&t, 1, xd, -1, 1);
    Expr *h = ex_var(g, 0, 12), *i = ex_var(g, 1, 48), *d = ex_var(g, 2, 40);
    Expr *at = ex_op2(g, OP_add, ex_op2(g, OP_mul, h, ex_int(g, 7)),
            ex_op2(g, OP_add, ex_op2(g, OP_mul, i, ex_int(g, 9)), d));
    Node *q = node_comp(g, 3, qd, F_NONE, 0, NULL, NULL,
            ex_load(g, x, (Expr *[]){ex_op2(g, OP_imod, at, ex_int(g, 512))}, NULL), here);
    Expr *j = ex_var(g, 2, 48), *k = ex_var(g, 3, 40);
    Node *y = product(g, 3, yd, 1, fold, NULL, q, (Index){3, {h, i, k}}, q, (Index){3, {h, j, k}});
    cr_expect(check_both(&t, y, "groups") == 1);
    trial_free(&t);
}

/* Strides and padding; both gradients. */
Test(eval32, convolutions_are_products) {
    for (int stride = 1; stride < 3; stride++) {
        Trial t = fresh(2);
        int64_t xd[] = {DIM_BATCH, 9, 3}, kd[] = {3, 3, 4}, yd[] = {DIM_BATCH, 9 / stride, 4},
                fold[] = {3, 3};
        Graph *g = t.g;
        Node *x = trial_leaf(&t, 3, xd, -1, 1), *k = trial_leaf(&t, 3, kd, -1, 1);
        Expr *n = ex_var(g, 0, DIM_BATCH), *i = ex_var(g, 1, 9 / stride), *o = ex_var(g, 2, 4);
        Expr *p = ex_var(g, 3, 3), *c = ex_var(g, 4, 3);
        Expr *at = ex_op2(g, OP_sub, ex_op2(g, OP_add, ex_op2(g, OP_mul, i, ex_int(g, stride)), p),
                ex_int(g, 1));
        Expr *inside = ex_in_range(g, at, 9);
        Expr *body = ex_op2(g, OP_mul, ex_load(g, x, (Expr *[]){n, at, c}, inside),
                ex_load(g, k, (Expr *[]){p, c, o}, NULL));
        Node *y = node_comp(g, 3, yd, F_SUM, 2, fold, NULL, body, here);
        check_product(&t, y, 1, "convolution");
    }
}

/* A result that is no matrix where it lies: m and n alternate. */
Test(eval32, products_into_places_that_are_no_matrix) {
    Trial t = fresh(1);
    int64_t ad[] = {2, 3, 4}, bd[] = {4, 5, 2}, yd[] = {2, 5, 3, 2}, fold[] = {4};
    Node *a = trial_leaf(&t, 3, ad, -1, 1), *b = trial_leaf(&t, 3, bd, -1, 1);
    Expr *i = ex_var(t.g, 0, 2), *j = ex_var(t.g, 1, 5), *k = ex_var(t.g, 2, 3),
         *l = ex_var(t.g, 3, 2);
    Expr *f = ex_var(t.g, 4, 4);
    Node *y =
            product(t.g, 4, yd, 1, fold, NULL, a, (Index){3, {i, k, f}}, b, (Index){3, {f, j, l}});
    check_product(&t, y, 1, "scattered");
}

/* Copies larger than a piece: several products, of rows and of parts of sums. */
Test(eval32, large_copies_are_made_in_pieces) {
    Trial t = fresh(1);
    int64_t xd[] = {2100}, kd[] = {700, 3}, yd[] = {1400, 3}, fold[] = {700};
    Node *x = trial_leaf(&t, 1, xd, -1, 1), *k = trial_leaf(&t, 2, kd, -1, 1), *gradient[2];
    Expr *i = ex_var(t.g, 0, 1400), *o = ex_var(t.g, 1, 3), *p = ex_var(t.g, 2, 700);
    Node *y = product(t.g, 2, yd, 1, fold, NULL, x, (Index){1, {ex_op2(t.g, OP_add, i, p)}}, k,
            (Index){2, {p, o}});
    cr_assert(grad(t.g, random_form(&t, y), t.leaf, t.n, gradient));
    cr_expect(check_both(&t, y, "pieces") == 1);
    cr_expect(check_both(&t, gradient[1], "pieces") >= 1);
    trial_free(&t);
}

/* ---- places and errors ----------------------------------------------------------------------- */

/* Two leaves that take each other's place, and an early value: all were read before they were
 * overwritten. */
Test(eval32, values_are_stored_when_their_places_are_free) {
    Trial t = fresh(1);
    int64_t dim[] = {4};
    Graph *g = t.g;
    Node *a = trial_leaf(&t, 1, dim, -1, 1), *b = trial_leaf(&t, 1, dim, -1, 1);
    Node *sum = node_map(g, OP_add, (Node *[]){a, b}, here);
    Root32 root[] = {{b, false, a}, {a, false, b}, {sum, true, NULL},
            {node_map(g, OP_neg, &sum, here), false, NULL}};
    Run r = {.t = t, .threads = 1, .n = 4};
    memcpy(r.root, root, sizeof root);
    Eval32 *e = eval32_new(g, 1, 1, r.root, 4);
    Eval *d = definition(&t);
    cr_assert(run_all(&r, e), "%s", eval32_error(e));
    cr_expect(r.order[0] == 2, "the early one comes first");
    for (int k = 0; k < 4; k++) cr_expect(differences(&r, d, k) == 0, "root %d", k);
    release(&r, e, d);
    trial_free(&t);
}

Test(eval32, says_which_index_is_wrong) {
    Trial t = fresh(1);
    int64_t dim[] = {4};
    Graph *g = t.g;
    Node *x = trial_leaf(&t, 1, dim, -1, 1), *n = leaf_of(&t, T_I32, 1, dim, 2, 9);
    Expr *i = ex_var(g, 0, 4), *at = ex_load(g, n, &i, NULL);
    t.value[1][2] = 4;
    Root32 root = {
            .value = node_comp(g, 1, dim, F_NONE, 0, NULL, NULL, ex_load(g, x, &at, NULL), here)};
    Run r = {.t = t, .threads = 1, .n = 1, .root = {root}};
    Eval32 *e = eval32_new(g, 1, 1, r.root, 1);
    cr_assert_not(run_all(&r, e));
    cr_expect(strstr(eval32_error(e), "of x0 is outside of axis 0, which has 4"), "%s",
            eval32_error(e));
    eval32_free(e);
    e = eval32_new(g, 1, 1, r.root, 1);
    cr_assert_not(eval32_run(e, 7, 3, keep, &r));
    cr_expect(strstr(eval32_error(e), "has no value"), "%s", eval32_error(e));
    eval32_free(e);
    trial_free(&t);
}
