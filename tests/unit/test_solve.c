/* test_solve.c - inverting index maps, checked by enumeration: for every value of the outer
 * variables, the assignments that the solution describes are those that satisfy the
 * equations, each met once. Random systems, and the maps that gradients are made of, for
 * which the number of values left to enumerate is pinned too. */
#include "../../compiler/ops.h"
#include "../../compiler/solve.h"

#include <criterion/criterion.h>

#include <string.h>

static uint64_t rng_state = 1;

static int draw(int lo, int hi) { /* inclusive */
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return lo + (int)((rng_state >> 33) % (uint64_t)(hi - lo + 1));
}

/* ---- evaluation ------------------------------------------------------------------ */

static int64_t rows; /* what DIM_BATCH stands for */

static int64_t size_of(int64_t dim) {
    return dim == DIM_BATCH ? rows : dim;
}

static int32_t value_of(const Expr *e, const int *var) {
    int32_t v[3] = {0};
    if (e->kind == E_CONST) return (int32_t)e->value;
    if (e->kind == E_VAR) return var[e->var];
    if (e->kind == E_LOAD) {
        if (e->guard && !value_of(e->guard, var)) return 0;
        if (e->node->leaf == L_ROWS) return (int32_t)rows;
        int64_t at = 0;
        for (int k = 0; k < e->narg; k++) {
            int32_t i = value_of(e->arg[k], var);
            cr_assert(i >= 0 && i < e->node->dim[k], "a load out of bounds");
            at = at * e->node->dim[k] + i;
        }
        return (int32_t)e->node->data[at];
    }
    for (int k = 0; k < e->narg; k++) v[k] = value_of(e->arg[k], var);
    return op_integer(e->op, v[0], v[1], v[2]);
}

/* Steps through a box; false after the last point. */
static bool advance(int n, const int64_t *dim, int *at) {
    for (int k = n; k-- > 0;) {
        if (++at[k] < size_of(dim[k])) return true;
        at[k] = 0;
    }
    return false;
}

typedef struct Case {
    Graph *g;
    int nold, neq, nouter;
    int64_t old_dim[MAX_VARS], outer_dim[MAX_VARS];
    Equation eq[MAX_VARS];
} Case;

static bool satisfied(const Case *c, const int *old, const int *outer) {
    for (int k = 0; k < c->neq; k++)
        if (value_of(c->eq[k].lhs, old) != value_of(c->eq[k].rhs, outer)) return false;
    return true;
}

static int position(const Case *c, const int *old) {
    int64_t at = 0;
    for (int k = 0; k < c->nold; k++) at = at * size_of(c->old_dim[k]) + old[k];
    return (int)at;
}

enum { MAX_POINTS = 6 * 6 * 6 * 6 * 6 };

static void check_at(const Case *c, const Solution *s, const int *outer) {
    static int met[MAX_POINTS];
    memset(met, 0, sizeof met);
    int var[MAX_VARS] = {0}, old[MAX_VARS] = {0};
    memcpy(var, outer, (size_t)c->nouter * sizeof *var);
    do {
        if (s->guard && !value_of(s->guard, var)) continue;
        for (int k = 0; k < c->nold; k++) {
            old[k] = value_of(s->value[k], var);
            cr_assert(old[k] >= 0 && old[k] < size_of(c->old_dim[k]), "outside its extent");
        }
        cr_assert(satisfied(c, old, outer), "an assignment that does not satisfy");
        met[position(c, old)]++;
    } while (advance(s->nfresh, s->fresh_dim, var + c->nouter));
    memset(old, 0, sizeof old);
    do
        cr_assert(met[position(c, old)] == satisfied(c, old, outer), "met %d times",
                met[position(c, old)]);
    while (advance(c->nold, c->old_dim, old));
}

static Solution check(const Case *c) {
    Solution s = solve(c->g, c->nold, c->old_dim, c->neq, c->eq, c->nouter);
    for (int k = 0; k < s.nfresh; k++)
        if (s.fresh_old[k] >= 0) cr_assert(s.fresh_dim[k] == c->old_dim[s.fresh_old[k]]);
    int outer[MAX_VARS] = {0};
    do check_at(c, &s, outer);
    while (advance(c->nouter, c->outer_dim, outer));
    return s;
}

/* ---- random systems ----------------------------------------------------------------- */

static Expr *linear(Case *c, int terms) {
    Expr *e = ex_int(c->g, draw(-2, 3));
    for (int k = 0; k < terms; k++) {
        int v = draw(0, c->nold - 1);
        Expr *t = ex_op2(c->g, OP_mul, ex_int(c->g, draw(-3, 3)), ex_var(c->g, v, c->old_dim[v]));
        e = ex_op2(c->g, OP_add, e, t);
    }
    return e;
}

static Expr *table(Case *c, Expr *index) {
    double data[5];
    for (int k = 0; k < 5; k++) data[k] = draw(0, 4);
    Node *n = node_data(c->g, T_I32, 1, &(int64_t){5}, data, (Span){0});
    return ex_load(c->g, n, &index, NULL);
}

static Expr *random_lhs(Case *c) {
    Expr *e = linear(c, draw(1, 3));
    Expr *u = linear(c, draw(1, 2));
    switch (draw(0, 6)) {
    case 0:
        return ex_op2(c->g, OP_idiv, e, ex_int(c->g, draw(2, 4)));
    case 1:
        return ex_op2(c->g, OP_imod, e, ex_int(c->g, draw(2, 4)));
    case 2:
        return ex_op2(c->g, OP_add, e, ex_op2(c->g, OP_idiv, u, ex_int(c->g, draw(2, 5))));
    case 3:
        return ex_op2(c->g, OP_add, e, ex_op2(c->g, OP_imod, u, ex_int(c->g, draw(2, 5))));
    case 4:
        return ex_op2(c->g, OP_add, e, table(c, ex_op2(c->g, OP_imod, u, ex_int(c->g, 5))));
    default:
        return e;
    }
}

static Case random_case(Arena *a) {
    Case c = {.g = graph_new(a), .nold = draw(1, 4), .neq = draw(1, 3), .nouter = draw(1, 2)};
    rows = draw(1, 5);
    for (int k = 0; k < c.nold; k++) c.old_dim[k] = draw(0, 7) ? draw(1, 6) : DIM_BATCH;
    for (int k = 0; k < c.nouter; k++) c.outer_dim[k] = draw(0, 7) ? draw(1, 9) : DIM_BATCH;
    for (int k = 0; k < c.neq; k++) {
        Expr *rhs = ex_var(c.g, k % c.nouter, c.outer_dim[k % c.nouter]);
        if (k >= c.nouter) rhs = ex_op2(c.g, OP_sub, rhs, ex_int(c.g, draw(-3, 3)));
        c.eq[k] = (Equation){random_lhs(&c), rhs};
    }
    /* A quotient and a remainder of one sum, as reshapes have. */
    if (c.neq > 1 && draw(0, 1)) {
        Expr *u = linear(&c, 2), *d = ex_int(c.g, draw(2, 5));
        c.eq[0].lhs = ex_op2(c.g, OP_idiv, u, d);
        c.eq[1].lhs = ex_op2(c.g, OP_imod, u, d);
    }
    return c;
}

Test(solve, random_systems) {
    for (int seed = 1; seed <= 20000; seed++) {
        Arena *a = arena_new();
        rng_state = (uint64_t)seed;
        Case c = random_case(a);
        check(&c);
        arena_free(a);
    }
}

/* ---- maps with a known inverse --------------------------------------------------------- */

typedef struct Term2 {
    int c, var, c2, var2;
} Term2;

static Case plain_case(
        Arena *a, int nold, const int64_t *old_dim, int nouter, const int64_t *outer_dim) {
    Case c = {.g = graph_new(a), .nold = nold, .nouter = nouter, .neq = nouter};
    memcpy(c.old_dim, old_dim, (size_t)nold * sizeof *old_dim);
    memcpy(c.outer_dim, outer_dim, (size_t)nouter * sizeof *outer_dim);
    for (int k = 0; k < nouter; k++) c.eq[k].rhs = ex_var(c.g, k, outer_dim[k]);
    return c;
}

static Expr *sum2(const Case *c, Term2 t) {
    Expr *a = ex_op2(c->g, OP_mul, ex_int(c->g, t.c), ex_var(c->g, t.var, c->old_dim[t.var]));
    Expr *b = ex_op2(c->g, OP_mul, ex_int(c->g, t.c2), ex_var(c->g, t.var2, c->old_dim[t.var2]));
    return ex_op2(c->g, OP_add, a, b);
}

/* The one equation c*i + c2*p == t for extents of i, p and t. */
static Solution window(Arena *a, Case *c, Term2 t, int64_t i, int64_t p, int64_t extent) {
    *c = plain_case(a, 2, (int64_t[]){i, p}, 1, &extent);
    c->eq[0].lhs = sum2(c, t);
    return check(c);
}

Test(solve, convolution_keeps_the_kernel_index) {
    Arena *a = arena_new();
    Case c;
    Solution s = window(a, &c, (Term2){1, 0, 1, 1}, 6, 3, 8);
    cr_assert(s.nfresh == 1 && s.fresh_old[0] == 1 && s.fresh_dim[0] == 3);
    s = window(a, &c, (Term2){2, 0, 1, 1}, 5, 3, 11);
    cr_assert(s.nfresh == 1 && s.fresh_old[0] == 1, "stride: quotient and divisibility");
    s = window(a, &c, (Term2){1, 0, 2, 1}, 6, 3, 10);
    cr_assert(s.nfresh == 1 && s.fresh_old[0] == 1, "dilation");
    arena_free(a);
}

Test(solve, disjoint_windows_have_one_source) {
    Arena *a = arena_new();
    Case c;
    Solution s = window(a, &c, (Term2){2, 0, 1, 1}, 4, 2, 8);
    cr_assert(s.nfresh == 0 && !s.guard);
    s = window(a, &c, (Term2){3, 0, 1, 1}, 3, 2, 9);
    cr_assert(s.nfresh == 0 && s.guard, "a gap between windows needs a guard");
    s = window(a, &c, (Term2){-3, 0, 1, 1}, 3, 3, 9);
    cr_assert(s.nfresh == 0);
    arena_free(a);
}

Test(solve, reshape_is_the_reshape_back) {
    Arena *a = arena_new();
    Case c = plain_case(a, 2, (int64_t[]){8, 3}, 2, (int64_t[]){6, 4});
    Expr *u = sum2(&c, (Term2){3, 0, 1, 1}), *four = ex_int(c.g, 4);
    c.eq[0].lhs = ex_op2(c.g, OP_idiv, u, four);
    c.eq[1].lhs = ex_op2(c.g, OP_imod, u, four);
    Solution s = check(&c);
    cr_assert(s.nfresh == 0 && !s.guard);
    arena_free(a);
}

Test(solve, diagonals) {
    Arena *a = arena_new();
    Case c = plain_case(a, 2, (int64_t[]){5, 5}, 2, (int64_t[]){9, 9});
    c.eq[0].lhs = sum2(&c, (Term2){1, 0, 1, 1});
    c.eq[1].lhs = ex_op2(c.g, OP_add, sum2(&c, (Term2){1, 0, -1, 1}), ex_int(c.g, 4));
    cr_assert(check(&c).nfresh == 0);
    c = plain_case(a, 1, (int64_t[]){5}, 2, (int64_t[]){5, 5});
    c.eq[0].lhs = c.eq[1].lhs = ex_var(c.g, 0, 5);
    Solution s = check(&c);
    cr_assert(s.nfresh == 0 && s.guard);
    arena_free(a);
}

Test(solve, upsampling_and_phases) {
    Arena *a = arena_new();
    Case c = plain_case(a, 1, (int64_t[]){10}, 1, (int64_t[]){5});
    c.eq[0].lhs = ex_op2(c.g, OP_idiv, ex_var(c.g, 0, 10), ex_int(c.g, 2));
    Solution s = check(&c);
    cr_assert(s.nfresh == 1 && s.fresh_dim[0] == 2 && !s.guard);
    c = plain_case(a, 1, (int64_t[]){10}, 1, (int64_t[]){3});
    c.eq[0].lhs = ex_op2(c.g, OP_imod, ex_var(c.g, 0, 10), ex_int(c.g, 3));
    s = check(&c);
    cr_assert(s.nfresh == 1 && s.fresh_dim[0] == 4);
    arena_free(a);
}

Test(solve, rows_are_never_enumerated_when_they_can_be_solved) {
    Arena *a = arena_new();
    rows = 4;
    Case c = plain_case(a, 2, (int64_t[]){DIM_BATCH, 3}, 1, (int64_t[]){7});
    c.eq[0].lhs = sum2(&c, (Term2){1, 0, 1, 1});
    Solution s = check(&c);
    cr_assert(s.nfresh == 1 && s.fresh_old[0] == 1);
    c = plain_case(a, 1, (int64_t[]){DIM_BATCH}, 1, (int64_t[]){2});
    c.eq[0].lhs = ex_op2(c.g, OP_imod, ex_var(c.g, 0, DIM_BATCH), ex_int(c.g, 2));
    s = check(&c);
    cr_assert(s.nfresh == 1 && s.fresh_dim[0] == DIM_BATCH, "no quotient of the rows as a loop");
    arena_free(a);
}
