/* test_contract.c - contractions of every shape of tile, against the interpreter: full and
 * part vectors, rows that do not divide, operands in every order of axes, rows of the batch,
 * with and without an epilogue; convolutions with strides, padding and dilation and their
 * gradients; copies that exchange axes. And the same bits whatever instructions the vectors
 * are made of. */
#include "emitted_nets.h"

#include <criterion/criterion.h>

static void add_product(Trial *t, int64_t rows, int64_t columns, int64_t inner, int turn,
        bool epilogue) {
    Graph *g = t->g;
    int64_t dim[] = {rows, columns}, a_dim[] = {turn & 1 ? inner : rows, turn & 1 ? rows : inner};
    int64_t b_dim[] = {turn & 2 ? columns : inner, turn & 2 ? inner : columns};
    Node *a = trial_leaf(t, 2, a_dim, -1, 1), *b = trial_leaf(t, 2, b_dim, -1, 1);
    Expr *i = var(t, 0, rows), *j = var(t, 1, columns), *k = var(t, 2, inner);
    Expr *ai[] = {turn & 1 ? k : i, turn & 1 ? i : k}, *bi[] = {turn & 2 ? j : k, turn & 2 ? k : j};
    Expr *body = product_of(t, ex_load(g, a, ai, NULL), ex_load(g, b, bi, NULL));
    Node *c = node_comp(g, 2, dim, F_SUM, 1, &inner, NULL, body, (Span){0});
    if (epilogue) c = relu_of(t, c);
    trial_root(t, c);
}

static void add_convolution(Trial *t, int64_t size, int64_t from, int64_t to, int64_t stride,
        int64_t dilation, int64_t pad) {
    Graph *g = t->g;
    int64_t out = (size + 2 * pad - 2 * dilation - 1) / stride + 1;
    int64_t dim[] = {DIM_BATCH, out, out, to}, fold[] = {3, 3, from};
    Node *x = trial_leaf(t, 4, (int64_t[]){DIM_BATCH, size, size, from}, -1, 1);
    Node *k = trial_leaf(t, 4, (int64_t[]){3, 3, from, to}, -1, 1);
    Expr *at[2];
    for (int axis = 0; axis < 2; axis++) {
        Expr *start = product_of(t, var(t, 1 + axis, out), ex_int(g, stride));
        Expr *tap = product_of(t, var(t, 4 + axis, 3), ex_int(g, dilation));
        at[axis] = sum_of(t, sum_of(t, start, tap), ex_int(g, -pad));
    }
    Expr *inside = ex_and(g, ex_in_range(g, at[0], size), ex_in_range(g, at[1], size));
    Expr *c = var(t, 6, from), *xi[] = {var(t, 0, DIM_BATCH), at[0], at[1], c};
    Expr *ki[] = {var(t, 4, 3), var(t, 5, 3), c, var(t, 3, to)};
    Expr *body = product_of(t, ex_load(g, x, xi, inside), ex_load(g, k, ki, NULL));
    Node *y = node_comp(g, 4, dim, F_SUM, 3, fold, NULL, body, (Span){0});
    root_gradients(t, energy_of(t, y), (Node *[]){x, k}, 2);
    trial_root(t, y);
}

/* y[axes in another order] = x[axes]; with what is last in the place of what was `run`. */
static void add_exchange(Trial *t, int64_t first, int64_t run, int64_t last) {
    Graph *g = t->g;
    int64_t dim[] = {run, first, last};
    Node *x = trial_leaf(t, 3, (int64_t[]){first, last, run}, -1, 1);
    Expr *at[] = {var(t, 1, first), var(t, 2, last), var(t, 0, run)};
    trial_root(t, node_comp(g, 3, dim, F_NONE, 0, NULL, NULL, ex_load(g, x, at, NULL), (Span){0}));
}

/* ---- all of them in one file ---------------------------------------------------------- */

typedef Vec(Trial *) TrialList;

static Trial *add_trial(Arena *a, TrialList *list, int64_t batch, int64_t rows) {
    Trial *t = trial_new(batch, rows);
    vec_push(a, list, t);
    return t;
}

static const int64_t extent[] = {1, 3, 4, 5, 8, 12, 13, 16, 17, 31, 32, 33, 48, 65, 100};

static int64_t any_extent(void) {
    return extent[random_int(0, (int)(sizeof extent / sizeof extent[0]) - 1)];
}

/* Wide operands that are visited by panels: in one copy, in parts, where they are; narrow outputs
 * with vectors across, or of a few lanes. Of the batch are (1) rows or (2) terms. */
static void add_apart(Arena *a, TrialList *list) {
    static const struct { int64_t rows, columns, inner; int turn, batch; } product[] = {
            {97, 130, 400, 0, 0}, {96, 130, 400, 1, 2}, {96, 130, 400, 2, 1}, {97, 97, 520, 0, 0},
            {96, 97, 520, 1, 2}, {99, 120, 530, 2, 1}, {25, 300, 450, 0, 0}, {25, 300, 450, 0, 1},
            {65, 10, 70, 1, 0}, {70, 3, 80, 0, 0}, {33, 2, 65, 2, 0}, {48, 12, 40, 1, 2}};
    for (int k = 0; k < (int)(sizeof product / sizeof product[0]); k++) {
        int64_t open = product[k].batch == 1 ? product[k].rows : product[k].inner;
        int64_t rows = product[k].batch == 1 ? DIM_BATCH : product[k].rows;
        int64_t inner = product[k].batch == 2 ? DIM_BATCH : product[k].inner;
        Trial *t = add_trial(a, list, product[k].batch ? open : 1, product[k].batch ? open - k : 1);
        add_product(t, rows, product[k].columns, inner, product[k].turn, k % 4 % 3);
    }
}

static void add_all(Arena *a, TrialList *list) {
    add_apart(a, list);
    for (int k = 0; k < 72; k++) {
        int64_t rows = any_extent(), columns = any_extent(), inner = any_extent();
        bool open = k % 4 == 0;
        int64_t given = open ? random_int(1, (int)rows) : 1;
        Trial *t = add_trial(a, list, open ? rows : 1, given);
        int turn = open ? k / 4 % 2 * 2 : k % 4;
        add_product(t, open ? DIM_BATCH : rows, columns, inner, turn, k % 3);
    }
    for (int k = 0; k < 12; k++) {
        Trial *t = add_trial(a, list, 5, random_int(1, 5));
        int64_t from = random_int(0, 1) ? 16 : random_int(1, 20);
        add_convolution(t, random_int(5, 11), from, random_int(4, 36), k % 3 ? 1 : 2,
                k % 5 ? 1 : 2, k % 2);
    }
    for (int k = 0; k < 24; k++) {
        Trial *t = add_trial(a, list, 1, 1);
        add_exchange(t, random_int(1, 3), any_extent(), any_extent());
    }
}

static void *build_all(const char *folder, const char *flags, TrialList *list) {
    char c_file[128], so_file[128];
    snprintf(c_file, sizeof c_file, "%s/all.c", folder);
    snprintf(so_file, sizeof so_file, "%s/all%s.so", folder, strrchr(flags, '='));
    FILE *f = fopen(c_file, "w");
    cr_assert(f);
    emit_head(f);
    for (int k = 0; k < list->n; k++) trial_emit(list->at[k], f, k);
    fclose(f);
    void *so = build_shared("gcc", flags, c_file, so_file);
    remove(c_file);
    remove(so_file);
    cr_assert(so);
    return so;
}

static EmittedStep *step_of(void *so, int number) {
    char name[16];
    EmittedStep *step;
    snprintf(name, sizeof name, "run%d", number);
    *(void **)&step = dlsym(so, name);
    cr_assert(step);
    return step;
}

static uint64_t hash_of(const Trial *t) {
    uint64_t h = 1;
    for (int64_t k = 0; k < t->work_bytes; k++)
        h = (h ^ (unsigned char)t->work[k]) * 0x100000001b3u;
    return h;
}

/* Other widths of vectors have other tiles; where there is a fused multiply-add, no other bits. */
Test(contract, tiles, .timeout = 300) {
    static const char *const flags[] = {
            "-O1 -fopenmp -march=native", "-O1 -fopenmp -march=x86-64-v3", "-O1 -march=x86-64"};
    char folder[] = "/tmp/dlc_contract_XXXXXX";
    TrialList list = {0};
    Arena *a = arena_new();
    cr_assert(mkdtemp(folder));
    random_seed(11);
    add_all(a, &list);
    uint64_t *first = NEW_ARRAY(a, uint64_t, list.n);
    for (int build = 0; build < 3; build++) {
        void *so = build_all(folder, flags[build], &list);
        for (int k = 0; k < list.n; k++) {
            Trial *t = list.at[k];
            cr_assert(trial_run(t, step_of(so, k), 1 + k % 3) == 0);
            if (build == 0) first[k] = hash_of(t);
            if (build == 1) {
                cr_expect(first[k] == hash_of(t), "trial %d: other bits", k);
                continue;
            }
            Match m = trial_match(t, 1e-5);
            cr_expect(m.wrong == 0, "trial %d of %s: %d elements are wrong, worst %g", k,
                    flags[build], (int)m.wrong, m.worst);
        }
    }
    rmdir(folder);
    for (int k = 0; k < list.n; k++) {
        free(list.at[k]->work);
        arena_free(list.at[k]->arena);
    }
    arena_free(a);
}
