/* test_kernels.c - generated kernels of small networks: their text, pinned by golden files
 * (BLESS=1 writes these anew; read the difference before committing it), their values, and
 * the same bits from every compiler, level and number of threads. */
#include "emitted_nets.h"

#include <criterion/criterion.h>

typedef Trial *MakeNet(int64_t batch, int64_t rows);

/* ---- text ---------------------------------------------------------------------------------- */

static char *read_all(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (!f) return NULL;
    if (getdelim(&text, &size, '\0', f) < 0) text = NULL;
    fclose(f);
    return text;
}

static void check_golden(Trial *t, const char *name) {
    char path[128], *text = NULL;
    size_t size;
    snprintf(path, sizeof path, "tests/golden/%s.kernels", name);
    FILE *f = open_memstream(&text, &size);
    trial_emit(t, f, 0);
    fclose(f);
    if (getenv("BLESS")) {
        f = fopen(path, "w");
        cr_assert(f && fputs(text, f) >= 0);
        fclose(f);
    }
    char *want = read_all(path);
    cr_expect(want && !strcmp(want, text), "%s is not what is emitted now", path);
    free(want);
    free(text);
    arena_free(t->arena);
}

Test(kernels, dense_text) {
    Trial *t = trial_new(8, 8);
    Node *x = trial_leaf(t, 2, (int64_t[]){DIM_BATCH, 12}, -1, 1);
    Node *w = trial_leaf(t, 2, (int64_t[]){12, 40}, -1, 1);
    Node *b = trial_leaf(t, 1, (int64_t[]){40}, -1, 1);
    root_gradients(t, energy_of(t, relu_of(t, dense_of(t, x, w, b))), (Node *[]){w, x}, 2);
    check_golden(t, "dense");
}

/* [batch, a, b, c] as [batch, a b c]. */
static Node *flat_of(Trial *t, Node *x) {
    Graph *g = t->g;
    int64_t size = x->dim[1] * x->dim[2] * x->dim[3], inner = x->dim[2] * x->dim[3];
    Expr *i = ex_var(g, 1, size);
    Expr *a = ex_op2(g, OP_idiv, i, ex_int(g, inner));
    Expr *b = ex_op2(g, OP_imod, ex_op2(g, OP_idiv, i, ex_int(g, x->dim[3])),
            ex_int(g, x->dim[2]));
    Expr *c = ex_op2(g, OP_imod, i, ex_int(g, x->dim[3]));
    Expr *body = ex_load(g, x, (Expr *[]){ex_var(g, 0, DIM_BATCH), a, b, c}, NULL);
    return node_comp(g, 2, (int64_t[]){DIM_BATCH, size}, F_NONE, 0, NULL, NULL, body, (Span){0});
}

/* Digits of an index that only make up the index again are not computed. */
Test(kernels, flattening_costs_nothing) {
    Trial *t = trial_new(8, 8);
    Node *x = trial_leaf(t, 4, (int64_t[]){DIM_BATCH, 3, 4, 2}, -1, 1);
    Node *w = trial_leaf(t, 2, (int64_t[]){24, 40}, -1, 1);
    Node *b = trial_leaf(t, 1, (int64_t[]){40}, -1, 1);
    trial_root(t, dense_of(t, flat_of(t, x), w, b));
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    trial_emit(t, f, 0);
    fclose(f);
    cr_expect(strstr(text, "row * 24 + p]"));
    cr_expect_not(strstr(text, " % 2"));
    free(text);
    arena_free(t->arena);
}

Test(kernels, padded_convolution_text) {
    Trial *t = trial_new(8, 8);
    Node *x = trial_leaf(t, 4, (int64_t[]){DIM_BATCH, 6, 6, 4}, -1, 1);
    Node *k = trial_leaf(t, 4, (int64_t[]){3, 3, 4, 16}, -1, 1);
    root_gradients(t, energy_of(t, conv_of(t, x, k, 1)), (Node *[]){x}, 1);
    check_golden(t, "convolution");
}

Test(kernels, embedding_text) {
    Trial *t = trial_new(8, 8);
    Node *word = trial_integers(t, T_I32, 2, (int64_t[]){DIM_BATCH, 5}, 0, 29);
    Node *table = trial_leaf(t, 2, (int64_t[]){30, 6}, -1, 1);
    root_gradients(t, energy_of(t, embedding_of(t, table, word)), &table, 1);
    check_golden(t, "embedding");
}

Test(kernels, recurrence_text) {
    check_golden(recurrent_net(8, 8), "recurrence");
}

/* ---- values and bits --------------------------------------------------------------------------
 */

static const char *const compiler[] = {"gcc", "clang"};
static const char *const level[] = {"-O1", "-O2", "-O3"};
static const int threads[] = {1, 2, 3, 4, 8};

static uint64_t hash_of(const Trial *t) {
    uint64_t h = 1;
    for (int64_t k = 0; k < t->work_bytes; k++)
        h = (h ^ (unsigned char)t->work[k]) * 0x100000001b3u;
    return h;
}

static void *build_net(const char *folder, const char *cc, const char *options, Trial *t) {
    char c_file[128], so_file[128], flags[128];
    static int number;
    snprintf(c_file, sizeof c_file, "%s/net%d.c", folder, number);
    snprintf(so_file, sizeof so_file, "%s/net%d.so", folder, number++);
    snprintf(flags, sizeof flags, "%s -march=native -fopenmp", options);
    FILE *f = fopen(c_file, "w");
    cr_assert(f);
    emit_head(f);
    trial_emit(t, f, 0);
    fclose(f);
    void *so = build_shared(cc, flags, c_file, so_file);
    remove(c_file);
    remove(so_file);
    cr_assert(so);
    return so;
}

static void check_bits(MakeNet *make, int64_t batch, int64_t rows) {
    char folder[] = "/tmp/dlc_kernels_XXXXXX";
    uint64_t first = 0;
    cr_assert(mkdtemp(folder));
    for (int k = 0; k < 6; k++) {
        random_seed(5);
        Trial *t = make(batch, rows);
        void *so = build_net(folder, compiler[k / 3], level[k % 3], t);
        EmittedStep *step;
        *(void **)&step = dlsym(so, "run0");
        for (int i = 0; i < 5; i++) {
            cr_assert(trial_run(t, step, threads[i]) == 0);
            uint64_t h = hash_of(t);
            if (!first) first = h;
            cr_expect(h == first, "%s %s, %d threads", compiler[k / 3], level[k % 3], threads[i]);
        }
        Match m = trial_match(t, 1e-5);
        cr_expect(m.wrong == 0, "%d elements are wrong, worst %g", (int)m.wrong, m.worst);
        free(t->work);
        arena_free(t->arena);
    }
    remove(folder);
}

Test(kernels, convolution_bits) {
    check_bits(convolution_net, 32, 32);
}

Test(kernels, convolution_bits_of_a_short_batch) {
    check_bits(convolution_net, 16, 11);
}

Test(kernels, recurrent_bits) {
    check_bits(recurrent_net, 32, 27);
}
