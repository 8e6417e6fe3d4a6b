/* test_vectorize.c - loops as vector code: which become it, what it looks like, and that the
 * checker refuses vectors which reach too far. Values and bits are the business of
 * test_codegen.c and test_kernels.c, whose programs all go through here. */
#include "../../compiler/loop.h"

#include <criterion/criterion.h>

#include <string.h>

enum { BATCH = 40 };

/* out[i] = f(in, i) for i in [0, size), and what may be put in. */
typedef struct Map {
    Arena *a;
    LoopFunction f;
    LoopArray *in, *out;
    LoopVar *i;
    LoopStmt *loop;
    int64_t size;
} Map;

static Map begin(int64_t size, PlaceType in, PlaceType out) {
    Map m = {.a = arena_new(), .size = size};
    m.in = loop_array(m.a, in, size, "in");
    m.out = loop_array(m.a, out, size, "out");
    vec_push(m.a, &m.f.array, m.in);
    vec_push(m.a, &m.f.array, m.out);
    m.f.name = "map";
    m.i = loop_var(m.a, LT_INDEX, "i");
    LoopExpr *end = lx_int(m.a, LT_INDEX, size);
    m.loop = ls_for(m.a, &m.f.body, m.i, lx_int(m.a, LT_INDEX, 0), end, 1);
    return m;
}

static LoopExpr *number(Map *m, int64_t v) {
    return lx_int(m->a, LT_INDEX, v);
}

static LoopExpr *i_plus(Map *m, int64_t v) {
    return lx_add(m->a, lx_var(m->a, m->i), number(m, v));
}

static LoopExpr *load(Map *m, LoopArray *from, LoopExpr *at) {
    return lx_load(m->a, from, 1, &m->size, &at);
}

static void store(Map *m, LoopExpr *at, LoopExpr *value) {
    ls_store(m->a, &m->loop->body, m->out, 1, &m->size, &at, value, false);
}

static LoopExpr *op2(Map *m, Op op, LoopExpr *x, LoopExpr *y) {
    return lx_op(m->a, op, x->type, (LoopExpr *[]){x, y});
}

/* The text after vectorize(), which has to be sound. */
static const char *vectorized(Map *m) {
    const char *before = loop_check(m->a, &m->f, BATCH);
    cr_assert(!before, "%s", before);
    vectorize(m->a, &m->f, BATCH);
    const char *wrong = loop_check(m->a, &m->f, BATCH);
    const char *text = emit_function(m->a, &m->f, BATCH, false);
    cr_expect(!wrong, "%s\n%s", wrong, text);
    return text;
}

static void expect_text(Map *m, const char *wanted) {
    const char *text = vectorized(m);
    cr_expect(strstr(text, wanted), "no `%s` in\n%s", wanted, text);
    arena_free(m->a);
}

static void expect_scalars(Map *m) {
    const char *text = vectorized(m);
    cr_expect(!strstr(text, "dl_v"), "%s", text);
    arena_free(m->a);
}

/* ---- what becomes vector code -------------------------------------------------------- */

Test(vectorize, contiguous) {
    Map m = begin(1000 * 16, PT_F32, PT_F32);
    LoopExpr *x = load(&m, m.in, i_plus(&m, 0));
    store(&m, i_plus(&m, 0), op2(&m, OP_max, x, lx_real(m.a, 0)));
    expect_text(&m, "    for (int64_t i = 0; i < 16000; i += 16) {\n"
                    "        dl_store16(&out[i], dl_v_max(dl_load16(&in[i]), dl_set16(0.0f)));\n"
                    "    }\n");
}

Test(vectorize, what_is_left_is_a_part) {
    Map m = begin(10, PT_U8, PT_F32);
    store(&m, i_plus(&m, 0), lx_cast(m.a, LT_F32, load(&m, m.in, i_plus(&m, 0))));
    expect_text(&m, "dl_store_part(&out[0], dl_v_real(dl_nload_part_u8(&in[0], 10)), 10);");
}

Test(vectorize, rows_that_are_known_at_run_time_only) {
    Map m = begin(BATCH, PT_F32, PT_F32);
    m.f.rows = loop_var(m.a, LT_INDEX, "n");
    m.f.rows->lo = 1;
    m.f.rows->hi = BATCH;
    m.loop->hi = lx_var(m.a, m.f.rows);
    LoopExpr *x = load(&m, m.in, i_plus(&m, 0));
    store(&m, i_plus(&m, 0), op2(&m, OP_add, x, x));
    const char *text = vectorized(&m);
    cr_expect(strstr(text, "for (int64_t i = 0; i < n - 15; i += 16)"), "%s", text);
    cr_expect(strstr(text, "for (int64_t i_2 = n / 16 * 16; i_2 < n; i_2 += 16)"), "%s", text);
    arena_free(m.a);
}

/* in[i + away] where that is there. */
static Map neighbour(int64_t away) {
    Map m = begin(1008, PT_F32, PT_F32);
    LoopExpr *at = i_plus(&m, away);
    LoopExpr *inside = away < 0 ? lx_test(m.a, X_LE, number(&m, 0), at)
                                : lx_test(m.a, X_LT, at, number(&m, m.size));
    LoopExpr *value = lx_select(m.a, inside, load(&m, m.in, at), lx_real(m.a, 0));
    store(&m, i_plus(&m, 0), lx_op(m.a, OP_exp, LT_F32, &value));
    return m;
}

Test(vectorize, conditions_are_masks) {
    Map m = begin(1008, PT_F32, PT_F32);
    LoopArray *table = loop_array(m.a, PT_F32, 600, "table");
    vec_push(m.a, &m.f.array, table);
    LoopExpr *i = lx_var(m.a, m.i), *inside = lx_test(m.a, X_LT, i, number(&m, 600));
    LoopExpr *x = lx_load(m.a, table, 1, (int64_t[]){600}, &i);
    m.loop->hi = number(&m, 600);
    store(&m, i, lx_select(m.a, inside, x, lx_real(m.a, 0)));
    expect_text(&m, "dl_load_masked(&table[i], t1)");
}

Test(vectorize, pointers_stay_in_their_array) {
    Map m = neighbour(-3);
    expect_text(&m, "dl_gather16(&in[0], ");
    m = neighbour(3);
    expect_text(&m, "dl_gather16(&in[0], ");
}

Test(vectorize, lookups_are_gathered) {
    Map m = begin(1008, PT_I32, PT_F32);
    LoopArray *table = loop_array(m.a, PT_F32, 7, "table");
    vec_push(m.a, &m.f.array, table);
    m.in->lo = 0;
    m.in->hi = 6;
    LoopExpr *at = lx_cast(m.a, LT_INDEX, load(&m, m.in, i_plus(&m, 0)));
    LoopExpr *x = lx_load(m.a, table, 1, &(int64_t){7}, &at);
    store(&m, i_plus(&m, 0), lx_op(m.a, OP_exp, LT_F32, &x));
    expect_text(&m, "dl_v_exp(dl_gather16(&table[0], dl_nload16(&in[i]), dl_first(16)))");
}

Test(vectorize, axes_in_step_with_the_vector) {
    Map m = begin(512, PT_F32, PT_F32); /* in[i / 32, i % 32] is in[i] */
    LoopExpr *i = lx_var(m.a, m.i);
    LoopExpr *at[] = {lx_quo(m.a, i, 32), lx_rem(m.a, i, 32)};
    LoopExpr *x = lx_load(m.a, m.in, 2, (int64_t[]){16, 32}, at);
    store(&m, i, op2(&m, OP_add, x, x));
    expect_text(&m, "dl_load16(&in[i / 32 * 32 + i % 32])");
}

/* ---- what does not ------------------------------------------------------------------- */

Test(vectorize, each_element_from_the_one_before) {
    Map m = begin(64, PT_F32, PT_F32);
    m.loop->lo = number(&m, 1);
    store(&m, i_plus(&m, 0), load(&m, m.out, i_plus(&m, -1)));
    expect_scalars(&m);
}

Test(vectorize, a_chain_keeps_its_order) {
    Map m = begin(64, PT_F32, PT_F32);
    LoopVar *acc = loop_var(m.a, LT_F32, "acc");
    LoopBlock body = {0};
    ls_var(m.a, &body, acc, lx_real(m.a, 0));
    vec_push(m.a, &body, m.loop);
    LoopExpr *sum = op2(&m, OP_add, lx_var(m.a, acc), load(&m, m.in, i_plus(&m, 0)));
    ls_set(m.a, &m.loop->body, acc, sum);
    LoopExpr *zero = number(&m, 0);
    ls_store(m.a, &body, m.out, 1, &m.size, &zero, lx_var(m.a, acc), false);
    m.f.body = body;
    expect_scalars(&m);
}

/* ---- local arrays -------------------------------------------------------------------- */

Test(vectorize, lanes_of_a_fold_are_a_named_vector) {
    Map m = begin(16, PT_F32, PT_F32);
    LoopArray *lanes = loop_array(m.a, PT_F32, 16, "lanes");
    LoopBlock body = {0};
    ls_array(m.a, &body, lanes);
    vec_push(m.a, &body, m.loop);
    LoopExpr *i = lx_var(m.a, m.i), *zero = number(&m, 0);
    LoopExpr *sum = op2(&m, OP_add, load(&m, lanes, i), load(&m, m.in, i));
    ls_store(m.a, &m.loop->body, lanes, 1, &m.size, &i, sum, false);
    LoopExpr *all = lx_vload(m.a, lanes, 1, &m.size, &zero, LANES);
    ls_store(m.a, &body, m.out, 1, &m.size, &zero, lx_vfold(m.a, OP_add, all), false);
    m.f.body = body;
    expect_text(&m, "    dl_v16 lanes = dl_set16(0.0f);\n"
                    "    lanes = dl_v_add(lanes, dl_load16(&in[0]));\n"
                    "    out[0] = dl_sum16(lanes);\n");
}

/* ---- the checker --------------------------------------------------------------------- */

static void expect_fault(Map *m, const char *fault) {
    const char *wrong = loop_check(m->a, &m->f, BATCH);
    if (fault)
        cr_expect(wrong && strstr(wrong, fault), "%s", wrong ? wrong : "nothing is wrong");
    else
        cr_expect(!wrong, "%s", wrong);
    arena_free(m->a);
}

/* in[i + lane * step] for i in steps of 16, at those lanes. */
static LoopExpr *vector(Map *m, int64_t step, int lanes, LoopExpr *count, LoopExpr *mask) {
    VectorPart part = {arena_copy(m->a, &step, sizeof step), lanes, count, mask};
    LoopExpr *i = lx_var(m->a, m->i);
    m->loop->step = LANES;
    return lx_vload_part(m->a, LT_VEC, m->in, 1, &m->size, &i, part);
}

static void store_vector(Map *m, LoopExpr *value, int lanes) {
    LoopExpr *i = lx_var(m->a, m->i);
    ls_vstore(m->a, &m->loop->body, m->out, 1, &m->size, &i, value, lanes);
}

Test(vectorize, parts_that_reach_too_far) {
    Map m = begin(40, PT_F32, PT_F32);
    store_vector(&m, vector(&m, 1, 16, NULL, NULL), 8);
    expect_fault(&m, "out of bounds: in");
    m = begin(40, PT_F32, PT_F32);
    store_vector(&m, vector(&m, 1, 8, NULL, NULL), 8);
    expect_fault(&m, NULL);
    m = begin(40, PT_F32, PT_F32);
    store_vector(&m, vector(&m, 2, 8, NULL, NULL), 8);
    expect_fault(&m, "out of bounds: in");
}

Test(vectorize, counts_that_reach_too_far) {
    for (int64_t size = 40; size < 42; size++) {
        Map m = begin(40, PT_F32, PT_F32);
        LoopExpr *left = lx_sub(m.a, number(&m, size), lx_var(m.a, m.i));
        LoopExpr *count = lx_min(m.a, number(&m, 16), left);
        store_vector(&m, vector(&m, 1, 16, count, NULL), 8);
        expect_fault(&m, size > 40 ? "out of bounds: in" : NULL);
    }
}

Test(vectorize, masks_that_reach_too_far) {
    for (int64_t size = 40; size < 42; size++) {
        Map m = begin(40, PT_F32, PT_F32);
        LoopExpr *i = lx_splat(m.a, lx_cast(m.a, LT_I32, lx_var(m.a, m.i)));
        LoopExpr *at = lx_op(m.a, OP_add, LT_NVEC, (LoopExpr *[]){i, lx_lane(m.a)});
        LoopExpr *end = lx_splat(m.a, lx_int(m.a, LT_I32, size));
        LoopExpr *mask = lx_op(m.a, OP_lt, LT_MASK, (LoopExpr *[]){at, end});
        store_vector(&m, vector(&m, 1, 16, NULL, mask), 8);
        expect_fault(&m, size > 40 ? "out of bounds: in" : NULL);
    }
}

Test(vectorize, vectors_and_scalars_do_not_mix) {
    Map m = begin(48, PT_F32, PT_F32);
    LoopExpr *arg[] = {vector(&m, 1, 16, NULL, NULL), lx_real(m.a, 1)};
    store_vector(&m, lx_op(m.a, OP_add, LT_VEC, arg), 16);
    expect_fault(&m, "a vector and a scalar meet");
}

Test(vectorize, vectors_of_two_kinds_do_not_mix) {
    Map m = begin(48, PT_F32, PT_F32);
    LoopExpr *arg[] = {vector(&m, 1, 16, NULL, NULL), lx_lane(m.a)};
    store_vector(&m, lx_op(m.a, OP_add, LT_VEC, arg), 16);
    expect_fault(&m, "vectors of two kinds meet");
}

Test(vectorize, vectors_of_a_parallel_loop_meet) {
    for (int step = 15; step <= 16; step++) {
        Map m = begin(48, PT_F32, PT_F32);
        m.loop->parallel = true;
        m.loop->hi = number(&m, 31);
        store_vector(&m, vector(&m, 1, 16, NULL, NULL), 16);
        m.loop->step = step;
        expect_fault(&m, step < 16 ? "iterations of a parallel loop meet: out" : NULL);
    }
}
