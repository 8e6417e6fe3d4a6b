/* test_routine.c - what a routine promises beyond values: leaves that it changes keep their
 * old values until their last read, results add up where asked to, and nothing but early
 * results is written when the checked value is not finite. */
#include "emitted.h"
#include "../../runtime/dl.h"

#include <criterion/criterion.h>

enum { SIZE = 5, BATCH = 4 };

typedef struct Model {
    float p[16], q[16], r[16], u[16], v[16];
} Model;
typedef struct Totals {
    double sum;
    int64_t count;
} Totals;
typedef int Step(char *model, char *work, char *arena, int64_t n, int threads, uint64_t seed,
        uint32_t step, const float *x, float *loss, Totals *totals);

typedef struct Built {
    Trial *t;
    void *so;
    Step *step;
} Built;

static Expr *at(Graph *g, Node *n, int var) {
    Expr *i = ex_var(g, var, SIZE);
    return ex_load(g, n, &i, NULL);
}

static Node *vector(Graph *g, Expr *body) {
    return node_comp(g, 1, &(int64_t){SIZE}, F_NONE, 0, NULL, NULL, body, (Span){0});
}

static void root(Trial *t, Routine *r, Node *value, Place to, bool add, bool early) {
    vec_push(t->arena, &r->root, ((Root){value, to, add, early}));
}

static Place in_model(size_t offset) {
    return (Place){.object = P_MODEL, .offset = (int64_t)offset, .type = PT_F32};
}

/* p and q change each other, r becomes the old p; the loss is the sum of x times the sum
 * of p; totals count rows and add up x; u and v become each other. */
static Routine *make_routine(Trial *t) {
    Graph *g = t->g;
    Routine *r = NEW(t->arena, Routine);
    int64_t dim[] = {DIM_BATCH, SIZE};
    Node *p = node_leaf(g, L_PARAM, T_F32, 1, dim + 1, "p", (Span){0});
    Node *q = node_leaf(g, L_PARAM, T_F32, 1, dim + 1, "q", (Span){0});
    Node *old = node_leaf(g, L_PARAM, T_F32, 1, dim + 1, "r", (Span){0});
    Node *x = node_leaf(g, L_INPUT, T_F32, 2, dim, "x", (Span){0});
    Node *rows = node_leaf(g, L_ROWS, T_I32, 0, NULL, "rows", (Span){0});
    Expr *two = ex_real(g, 2), *xi[] = {ex_var(g, 0, DIM_BATCH), ex_var(g, 1, SIZE)};
    Node *sum_p = node_comp(g, 0, NULL, F_SUM, 1, dim + 1, NULL, at(g, p, 0), (Span){0});
    Node *sum_x = node_comp(g, 0, NULL, F_SUM, 2, dim, NULL, ex_load(g, x, xi, NULL), (Span){0});
    Node *loss = node_map(g, OP_mul, (Node *[]){sum_p, sum_x}, (Span){0});
    Node *new_p = vector(g, ex_op2(g, OP_add, at(g, p, 0), ex_op2(g, OP_mul, two, at(g, q, 0))));
    Expr *mirror = ex_op2(g, OP_sub, ex_int(g, SIZE - 1), ex_var(g, 0, SIZE));
    Expr *mirrored = ex_load(g, p, &mirror, NULL);
    Node *new_q = vector(g, ex_op2(g, OP_sub, at(g, q, 0), mirrored));
    vec_push(t->arena, &r->leaf, ((Binding){p, in_model(offsetof(Model, p)), 0}));
    vec_push(t->arena, &r->leaf, ((Binding){q, in_model(offsetof(Model, q)), 0}));
    vec_push(t->arena, &r->leaf, ((Binding){old, in_model(offsetof(Model, r)), 0}));
    Place arg = {.object = P_ARG, .type = PT_F32};
    vec_push(t->arena, &r->leaf, ((Binding){x, arg, 0}));
    root(t, r, new_p, in_model(offsetof(Model, p)), false, false);
    root(t, r, new_q, in_model(offsetof(Model, q)), false, false);
    root(t, r, p, in_model(offsetof(Model, r)), false, false);
    arg.arg = 1;
    root(t, r, loss, arg, false, true);
    Place total = {.object = P_ARG, .arg = 2, .type = PT_F64};
    root(t, r, sum_x, total, true, false);
    total.offset = offsetof(Totals, count);
    total.type = PT_I64;
    root(t, r, rows, total, true, false);
    Node *u = node_leaf(g, L_STATE, T_F32, 1, dim + 1, "u", (Span){0});
    Node *v = node_leaf(g, L_STATE, T_F32, 1, dim + 1, "v", (Span){0});
    vec_push(t->arena, &r->leaf, ((Binding){u, in_model(offsetof(Model, u)), 0}));
    vec_push(t->arena, &r->leaf, ((Binding){v, in_model(offsetof(Model, v)), 0}));
    root(t, r, u, in_model(offsetof(Model, v)), false, false);
    root(t, r, v, in_model(offsetof(Model, u)), false, false);
    r->finite = loss;
    return r;
}

static Built build(void) {
    Trial *t = trial_new(BATCH, BATCH);
    Routine *r = make_routine(t);
    char folder[] = "/tmp/dlc_routine_XXXXXX", c_file[64], so_file[64];
    r->name = "routine";
    vec_push(t->arena, &r->arg, ((RoutineArg){"x", PT_F32, false, NULL}));
    vec_push(t->arena, &r->arg, ((RoutineArg){"loss", PT_F32, true, NULL}));
    vec_push(t->arena, &r->arg, ((RoutineArg){"totals", PT_F64, true, "totals_of_model"}));
    Codegen *cg = codegen_new(t->arena, t->g, "model", "trial.dl", t->batch);
    t->plan = codegen_routine(cg, r);
    cr_assert(mkdtemp(folder));
    snprintf(c_file, sizeof c_file, "%s/a.c", folder);
    snprintf(so_file, sizeof so_file, "%s/a.so", folder);
    FILE *f = fopen(c_file, "w");
    emit_head(f);
    fputs("typedef struct totals_of_model { double sum; int64_t count; } totals_of_model;\n\n", f);
    codegen_print(cg, f);
    const char *head =
            "(char *model, char *work, char *arena, int64_t n, int threads, uint64_t seed, "
            "uint32_t step, const float *x, float *loss, totals_of_model *totals)";
    fprintf(f,
            "int run%s;\nint run%s\n{\n    return dl_routine(model, work, arena, n, threads, seed, "
            "step, "
            "x, loss, totals);\n}\n",
            head, head);
    fclose(f);
    Built b = {.t = t, .so = build_shared("gcc", "-O1", c_file, so_file)};
    cr_assert(b.so);
    *(void **)&b.step = dlsym(b.so, "run");
    remove(c_file);
    remove(so_file);
    remove(folder);
    return b;
}

static Model first_model(void) {
    Model m = {{0}, {0}, {0}, {0}, {0}};
    for (int i = 0; i < SIZE; i++) {
        m.p[i] = (float)(i + 1);
        m.q[i] = (float)(10 * i);
        m.u[i] = (float)(3 * i);
        m.v[i] = (float)(7 - i);
    }
    return m;
}

Test(routine, old_values_and_totals) {
    Built b = build();
    Model was = first_model(), *m = (Model *)(void *)memory64(sizeof was, 0);
    char *arena = memory64(b.t->plan->arena, 0x7f), *work = memory64(64, 0);
    float x[BATCH * SIZE], loss = 0;
    Totals totals = {.sum = 100, .count = 7};
    for (int i = 0; i < BATCH * SIZE; i++) x[i] = 0.5f;
    *m = was;
    cr_assert(b.step((char *)m, work, arena, 3, 1, 0, 0, x, &loss, &totals) == 0);
    for (int i = 0; i < SIZE; i++) {
        cr_expect(m->p[i] == was.p[i] + 2 * was.q[i], "p[%d]", i);
        cr_expect(m->q[i] == was.q[i] - was.p[SIZE - 1 - i], "q[%d]", i);
        cr_expect(m->r[i] == was.p[i], "r[%d]", i);
        cr_expect(m->u[i] == was.v[i] && m->v[i] == was.u[i], "u, v[%d]", i);
    }
    cr_expect(loss == 15 * 7.5f && totals.sum == 107.5 && totals.count == 10);
}

Test(routine, nothing_is_written_when_the_loss_is_not_finite) {
    Built b = build();
    Model was = first_model(), *m = (Model *)(void *)memory64(sizeof was, 0);
    char *arena = memory64(b.t->plan->arena, 0x7f), *work = memory64(64, 0);
    float x[BATCH * SIZE] = {0}, loss = 0;
    Totals totals = {.sum = 100, .count = 7};
    x[2] = NAN;
    *m = was;
    cr_expect(b.step((char *)m, work, arena, 3, 1, 0, 0, x, &loss, &totals) == DL_E_LOSS);
    cr_expect(isnan(loss) && totals.sum == 100 && totals.count == 7);
    cr_expect(memcmp(m, &was, sizeof was) == 0);
}
