/* sweep_make.c - emits the contractions of the sweep as C, one file a shape.
 *
 *     sweep_make FOLDER      writes FOLDER/shapeN.c, each with a SweepKernel
 *
 * The graphs are what models make of the same products and convolutions: the gradients of a
 * convolution are the compiler's own. A shape's file is compiled like any emitted model. */
#include "sweep.h"

#include "../../compiler/codegen.h"
#include "../../compiler/grad.h"

#include <stdlib.h>

typedef struct Maker {
    const SweepShape *s;
    Arena *arena;
    Graph *g;
    Routine routine;
    int64_t model_bytes, work_bytes, a, b;
} Maker;

static int64_t rows_of(const SweepShape *s) {
    if (s->kind != SWEEP_PRODUCT) return s->batch;
    return s->open == 'r' ? s->rows : s->open == 'k' ? s->inner : 1;
}

static int64_t bytes_of(const Maker *m, const Node *n) {
    return (node_elements(n, rows_of(m->s)) * 4 + 63) / 64 * 64;
}

static Node *leaf(Maker *m, int rank, const int64_t *dim, const char *name, int64_t *offset) {
    Node *n = node_leaf(m->g, L_PARAM, T_F32, rank, dim, name, (Span){0});
    *offset = m->model_bytes;
    m->model_bytes += bytes_of(m, n);
    Place from = {.object = P_MODEL, .offset = *offset, .type = PT_F32};
    vec_push(m->arena, &m->routine.leaf, ((Binding){n, from, 0}));
    return n;
}

/* ---- products ------------------------------------------------------------------------ */

/* The axes [group, head,] first, second, with the head's inside or not; at most four. */
static int axes(const SweepShape *s, bool inside, int64_t first, int64_t second, int64_t *dim) {
    int rank = 0;
    if (s->groups) dim[rank++] = s->groups;
    if (s->groups && !inside) dim[rank++] = SWEEP_HEADS;
    dim[rank++] = first;
    if (s->groups && inside) dim[rank++] = SWEEP_HEADS;
    dim[rank++] = second;
    return rank;
}

static Expr *element(Maker *m, Node *n, bool inside, Expr *group, Expr *head, Expr *first,
        Expr *second) {
    Expr *at[4];
    int k = 0;
    if (m->s->groups) at[k++] = group;
    if (m->s->groups && !inside) at[k++] = head;
    at[k++] = first;
    if (m->s->groups && inside) at[k++] = head;
    at[k++] = second;
    return ex_load(m->g, n, at, NULL);
}

static Node *matrix(Maker *m, bool turn, bool inside, int64_t rows, int64_t columns,
        const char *name, int64_t *offset) {
    int64_t dim[4];
    int rank = axes(m->s, inside, turn ? columns : rows, turn ? rows : columns, dim);
    return leaf(m, rank, dim, name, offset);
}

static Node *product(Maker *m) {
    const SweepShape *s = m->s;
    Graph *g = m->g;
    int64_t rows = s->open == 'r' ? DIM_BATCH : s->rows;
    int64_t inner = s->open == 'k' ? DIM_BATCH : s->inner;
    bool in_a = s->inside & INSIDE_A, in_b = s->inside & INSIDE_B, in_c = s->inside & INSIDE_C;
    Node *a = matrix(m, s->turn_a, in_a, rows, inner, "a", &m->a);
    Node *b = matrix(m, s->turn_b, in_b, inner, s->columns, "b", &m->b);
    int64_t dim[4];
    int rank = axes(s, in_c, rows, s->columns, dim);
    Expr *i = ex_var(g, s->groups && !in_c ? 2 : s->groups ? 1 : 0, rows);
    Expr *j = ex_var(g, rank - 1, s->columns), *k = ex_var(g, rank, inner);
    Expr *group = s->groups ? ex_var(g, 0, s->groups) : NULL;
    Expr *head = s->groups ? ex_var(g, in_c ? 2 : 1, SWEEP_HEADS) : NULL;
    Expr *x = element(m, a, in_a, group, head, s->turn_a ? k : i, s->turn_a ? i : k);
    Expr *y = element(m, b, in_b, group, head, s->turn_b ? j : k, s->turn_b ? k : j);
    return node_comp(g, rank, dim, F_SUM, 1, &inner, NULL, ex_op2(g, OP_mul, x, y), (Span){0});
}

/* ---- convolutions -------------------------------------------------------------------- */

static Expr *place(Graph *g, const SweepShape *s, Expr *out, Expr *tap) {
    Expr *at = ex_op2(g, OP_mul, out, ex_int(g, s->stride));
    return ex_op2(g, OP_add, ex_op2(g, OP_add, at, tap), ex_int(g, -s->pad));
}

static Node *forward(Maker *m, Node *image, Node *filter) {
    const SweepShape *s = m->s;
    Graph *g = m->g;
    int64_t out = sweep_out(s), dim[] = {DIM_BATCH, out, out, s->columns};
    int64_t fold[] = {s->rows, s->rows, s->inner};
    Expr *p = ex_var(g, 4, s->rows), *q = ex_var(g, 5, s->rows), *c = ex_var(g, 6, s->inner);
    Expr *i = place(g, s, ex_var(g, 1, out), p), *j = place(g, s, ex_var(g, 2, out), q);
    Expr *inside = ex_and(g, ex_in_range(g, i, s->size), ex_in_range(g, j, s->size));
    Expr *xi[] = {ex_var(g, 0, DIM_BATCH), i, j, c}, *ki[] = {p, q, c, ex_var(g, 3, s->columns)};
    Expr *x = ex_load(g, image, xi, inside), *k = ex_load(g, filter, ki, NULL);
    return node_comp(g, 4, dim, F_SUM, 3, fold, NULL, ex_op2(g, OP_mul, x, k), (Span){0});
}

/* The gradient of sum(y * dy) by x. */
static Node *gradient(Maker *m, Node *y, Node *dy, Node *x) {
    Graph *g = m->g;
    Expr *at[4], *arg[2];
    Node *dx = NULL;
    for (int i = 0; i < 4; i++) at[i] = ex_var(g, i, y->dim[i]);
    arg[0] = ex_load(g, y, at, NULL);
    arg[1] = ex_load(g, dy, at, NULL);
    Node *loss = node_comp(g, 0, NULL, F_SUM, 4, y->dim, NULL, ex_op(g, OP_mul, arg), (Span){0});
    grad(g, loss, &x, 1, &dx);
    return dx;
}

static Node *convolution(Maker *m) {
    const SweepShape *s = m->s;
    int64_t out = sweep_out(s), unused;
    int64_t in_dim[] = {DIM_BATCH, s->size, s->size, s->inner};
    int64_t out_dim[] = {DIM_BATCH, out, out, s->columns};
    int64_t filter_dim[] = {s->rows, s->rows, s->inner, s->columns};
    Node *image = leaf(m, 4, in_dim, "image", s->kind == SWEEP_DATA ? &unused : &m->a);
    Node *filter = leaf(m, 4, filter_dim, "filter", s->kind == SWEEP_WEIGHT ? &unused : &m->b);
    Node *y = forward(m, image, filter);
    if (s->kind == SWEEP_FORWARD) return y;
    Node *dy = leaf(m, 4, out_dim, "dy", s->kind == SWEEP_DATA ? &m->a : &m->b);
    return gradient(m, y, dy, s->kind == SWEEP_DATA ? image : filter);
}

/* ---- files --------------------------------------------------------------------------- */

static void print_shape(Maker *m, FILE *f, int number) {
    Routine *r = &m->routine;
    const char *prefix = arena_printf(m->arena, "shape%d", number);
    Codegen *cg = codegen_new(m->arena, m->g, prefix, "sweep", rows_of(m->s));
    r->name = arena_printf(m->arena, "%s_step", prefix);
    const Plan *plan = codegen_routine(cg, r);
    fprintf(f, "#include \"dl_arithmetic.h\"\n#include \"dl.h\"\n#include \"dl_math.h\"\n"
               "#include \"dl_random.h\"\n#include \"dl_vector.h\"\n#include \"sweep.h\"\n\n");
    codegen_print(cg, f);
    fprintf(f,
            "static int run(char *model, char *work, char *arena, int64_t n, int threads, "
            "uint64_t seed,\n        uint32_t step)\n{\n"
            "    return %s(model, work, arena, n, threads, seed, step);\n}\n\n"
            "const SweepKernel sweep_kernel%d = {%lld, %lld, %lld, %lld, %lld, %lld, %lld, run};\n",
            r->name, number, (long long)m->a, (long long)m->b, (long long)m->model_bytes,
            (long long)m->work_bytes, (long long)plan->arena, (long long)plan->local,
            (long long)rows_of(m->s));
}

static void make_shape(const char *folder, int number) {
    Maker m = {.s = &sweep_shape[number], .arena = arena_new()};
    m.g = graph_new(m.arena);
    Node *c = m.s->kind == SWEEP_PRODUCT ? product(&m) : convolution(&m);
    m.work_bytes = bytes_of(&m, c);
    Place to = {.object = P_WORK, .type = PT_F32};
    vec_push(m.arena, &m.routine.root, ((Root){c, to, false, false}));
    const char *path = arena_printf(m.arena, "%s/shape%d.c", folder, number);
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    print_shape(&m, f, number);
    fclose(f);
    arena_free(m.arena);
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: sweep_make FOLDER\n"), 2;
    for (int i = 0; i < (int)SWEEP_COUNT; i++) make_shape(argv[1], i);
    return 0;
}
