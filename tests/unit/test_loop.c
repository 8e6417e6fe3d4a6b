/* test_loop.c - the loop checker: sound functions pass, and each planted fault is refused.
 * A function here copies rows: out[i, j] = in[i, j] for i < n, j < 8. */
#include "../../compiler/loop.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

enum { BATCH = 6, WIDTH = 8 };

typedef struct Copy {
    Arena *a;
    LoopFunction f;
    LoopArray *in, *out;
    LoopVar *i, *j;
    LoopStmt *rows, *columns;
    int64_t dim[2];
    LoopExpr *index[2];
} Copy;

static LoopExpr *number(Copy *c, int64_t v) {
    return lx_int(c->a, LT_INDEX, v);
}

static LoopExpr *plus(Copy *c, LoopExpr *x, int64_t v) {
    return lx_add(c->a, x, number(c, v));
}

static LoopExpr *load(Copy *c, LoopExpr *i, LoopExpr *j) {
    return lx_load(c->a, c->in, 2, c->dim, (LoopExpr *[]){i, j});
}

static void store(Copy *c, LoopExpr *i, LoopExpr *j, LoopExpr *value) {
    ls_store(c->a, &c->columns->body, c->out, 2, c->dim, (LoopExpr *[]){i, j}, value, false);
}

/* The loops, without what they do. */
static Copy begin(void) {
    Copy c = {.a = arena_new(), .dim = {BATCH, WIDTH}};
    c.in = loop_array(c.a, PT_F32, BATCH * WIDTH, "in");
    c.out = loop_array(c.a, PT_F32, BATCH * WIDTH, "out");
    vec_push(c.a, &c.f.array, c.in);
    vec_push(c.a, &c.f.array, c.out);
    c.f.name = "copy";
    c.f.rows = loop_var(c.a, LT_INDEX, "n");
    c.f.rows->lo = 1;
    c.f.rows->hi = BATCH;
    c.i = loop_var(c.a, LT_INDEX, "i");
    c.j = loop_var(c.a, LT_INDEX, "j");
    c.rows = ls_for(c.a, &c.f.body, c.i, number(&c, 0), lx_var(c.a, c.f.rows), 1);
    c.columns = ls_for(c.a, &c.rows->body, c.j, number(&c, 0), number(&c, WIDTH), 1);
    c.index[0] = lx_var(c.a, c.i);
    c.index[1] = lx_var(c.a, c.j);
    return c;
}

static void expect(Copy *c, const char *fault) {
    const char *wrong = loop_check(c->a, &c->f, BATCH);
    if (!fault)
        cr_expect(!wrong, "%s", wrong);
    else
        cr_expect(wrong && strstr(wrong, fault), "%s", wrong ? wrong : "nothing is wrong");
    arena_free(c->a);
}

Test(loop, copy_is_sound) {
    Copy c = begin();
    c.rows->parallel = true;
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, NULL);
}

Test(loop, index_beyond_the_end) {
    Copy c = begin();
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], plus(&c, c.index[1], 1)));
    expect(&c, "out of bounds: in");
}

Test(loop, index_before_the_start) {
    Copy c = begin();
    store(&c, c.index[0], plus(&c, c.index[1], -1), load(&c, c.index[0], c.index[1]));
    expect(&c, "out of bounds: out");
}

Test(loop, guard_keeps_inside) {
    Copy c = begin();
    LoopExpr *next = plus(&c, c.index[1], 1);
    LoopExpr *guard = lx_test(c.a, X_LT, next, number(&c, WIDTH));
    LoopExpr *value = lx_select(c.a, guard, load(&c, c.index[0], next), lx_real(c.a, 0));
    store(&c, c.index[0], c.index[1], value);
    expect(&c, NULL);
}

Test(loop, guard_of_the_other_side) {
    Copy c = begin();
    LoopExpr *next = plus(&c, c.index[1], 1);
    LoopExpr *guard = lx_test(c.a, X_LT, next, number(&c, WIDTH));
    LoopExpr *value = lx_select(c.a, guard, lx_real(c.a, 0), load(&c, c.index[0], next));
    store(&c, c.index[0], c.index[1], value);
    expect(&c, "out of bounds: in");
}

Test(loop, rows_beyond_the_batch) {
    Copy c = begin();
    c.rows->hi = plus(&c, c.rows->hi, 1);
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, "out of bounds");
}

Test(loop, vector_beyond_the_row) {
    Copy c = begin();
    LoopExpr *value = lx_vload(c.a, c.in, 2, c.dim, c.index, 2);
    ls_vstore(c.a, &c.columns->body, c.out, 2, c.dim, c.index, value, 1);
    expect(&c, "out of bounds: in");
}

Test(loop, vectors_of_a_whole_row) {
    Copy c = begin();
    c.columns->step = WIDTH;
    LoopExpr *value = lx_vload(c.a, c.in, 2, c.dim, c.index, WIDTH);
    ls_vstore(c.a, &c.columns->body, c.out, 2, c.dim, c.index, value, WIDTH);
    expect(&c, NULL);
}

Test(loop, bounds_of_loops_depend_on_each_other) {
    Copy c = begin(); /* j from max(0, i - 2) to min(8, i + 3): loads at j - i + 2 */
    c.columns->lo = lx_max(c.a, number(&c, 0), plus(&c, c.index[0], -2));
    c.columns->hi = lx_min(c.a, number(&c, WIDTH), plus(&c, c.index[0], 3));
    LoopExpr *at = plus(&c, lx_sub(c.a, c.index[1], c.index[0]), 2);
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], at));
    expect(&c, NULL);
}

Test(loop, bounds_that_leave_one_too_many) {
    Copy c = begin();
    c.columns->lo = lx_max(c.a, number(&c, 0), plus(&c, c.index[0], -3));
    c.columns->hi = lx_min(c.a, number(&c, WIDTH), plus(&c, c.index[0], 3));
    LoopExpr *at = plus(&c, lx_sub(c.a, c.index[1], c.index[0]), 2);
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], at));
    expect(&c, "out of bounds: in");
}

Test(loop, quotient_and_remainder) {
    Copy c = begin();
    LoopExpr *q = lx_quo(c.a, c.index[1], 2), *r = lx_rem(c.a, c.index[0], 3);
    int64_t dim[2] = {3, WIDTH / 2};
    LoopExpr *value = lx_load(c.a, c.in, 2, dim, (LoopExpr *[]){r, q});
    store(&c, c.index[0], c.index[1], value);
    expect(&c, NULL);
}

Test(loop, remainder_of_too_much) {
    Copy c = begin();
    int64_t dim[2] = {3, WIDTH};
    LoopExpr *r = lx_rem(c.a, c.index[0], 4);
    store(&c, c.index[0], c.index[1], lx_load(c.a, c.in, 2, dim, (LoopExpr *[]){r, c.index[1]}));
    expect(&c, "out of bounds: in");
}

Test(loop, axes_larger_than_the_array) {
    Copy c = begin();
    c.in->elements--;
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, "do not fit");
}

Test(loop, parallel_iterations_store_the_same) {
    Copy c = begin();
    c.rows->parallel = true;
    store(&c, number(&c, 0), c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, "parallel loop meet: out");
}

Test(loop, parallel_iterations_overlap) {
    Copy c = begin(); /* rows i and i + 1 by steps of one */
    c.rows->parallel = true;
    c.rows->hi = plus(&c, c.rows->hi, -1);
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], c.index[1]));
    store(&c, plus(&c, c.index[0], 1), c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, "parallel loop meet: out");
}

Test(loop, parallel_tiles_keep_apart) {
    Copy c = begin(); /* rows i and i + 1 by steps of two */
    c.rows->parallel = true;
    c.rows->step = 2;
    c.rows->hi = plus(&c, c.rows->hi, -1);
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], c.index[1]));
    store(&c, plus(&c, c.index[0], 1), c.index[1], load(&c, c.index[0], c.index[1]));
    expect(&c, NULL);
}

Test(loop, parallel_iterations_read_what_others_store) {
    Copy c = begin();
    c.rows->parallel = true;
    c.in = c.out;
    store(&c, c.index[0], c.index[1], load(&c, number(&c, 0), c.index[1]));
    expect(&c, "parallel loop meet: out");
}

Test(loop, threads_share_an_accumulator) {
    Copy c = begin();
    LoopVar *sum = loop_var(c.a, LT_F32, "sum");
    LoopBlock body = {0};
    c.rows->parallel = true;
    ls_var(c.a, &body, sum, lx_real(c.a, 0));
    vec_push(c.a, &body, c.rows);
    ls_set(c.a, &c.columns->body, sum, load(&c, c.index[0], c.index[1]));
    c.f.body = body;
    expect(&c, "threads share: sum");
}

Test(loop, used_before_it_is_defined) {
    Copy c = begin();
    LoopVar *k = loop_var(c.a, LT_INDEX, "k");
    store(&c, c.index[0], c.index[1], load(&c, c.index[0], lx_rem(c.a, lx_var(c.a, k), WIDTH)));
    expect(&c, "before it is defined: k");
}

Test(loop, used_after_its_block) {
    Copy c = begin();
    LoopStmt *block = ls_block(c.a, &c.columns->body);
    LoopVar *t = loop_var(c.a, LT_F32, "t");
    LoopExpr *value = ls_let(c.a, &block->body, t, load(&c, c.index[0], c.index[1]));
    store(&c, c.index[0], c.index[1], value);
    expect(&c, "before it is defined: t");
}

Test(loop, constant_set_again) {
    Copy c = begin();
    LoopVar *t = loop_var(c.a, LT_F32, "t");
    LoopExpr *value = ls_let(c.a, &c.columns->body, t, load(&c, c.index[0], c.index[1]));
    ls_set(c.a, &c.columns->body, t, lx_real(c.a, 0));
    store(&c, c.index[0], c.index[1], value);
    expect(&c, "cannot be set: t");
}

/* ---- the printer ------------------------------------------------------------------------ */

Test(loop, parentheses_where_precedence_needs_them) {
    Copy c = begin();
    LoopExpr *i = c.index[0], *j = c.index[1];
    LoopExpr *x = load(&c, i, j), *two = lx_real(c.a, 2);
    LoopExpr *sum = lx_op(c.a, OP_add, LT_F32, (LoopExpr *[]){x, two});
    LoopExpr *product = lx_op(c.a, OP_mul, LT_F32, (LoopExpr *[]){sum, sum});
    LoopExpr *left = lx_op(c.a, OP_sub, LT_F32, (LoopExpr *[]){product, sum});
    store(&c, i, j, left);
    const char *text = emit_function(c.a, &c.f, BATCH, false);
    const char *want = "out[i * 8 + j] = (in[i * 8 + j] + 2.0f) * (in[i * 8 + j] + 2.0f) - "
                       "(in[i * 8 + j] + 2.0f);";
    cr_expect(strstr(text, want), "%s", text);
    arena_free(c.a);
}

Test(loop, constants_of_an_index_come_last) {
    Copy c = begin();
    LoopExpr *i = c.index[0], *j = plus(&c, c.index[1], -1);
    store(&c, i, c.index[1], load(&c, plus(&c, i, 2), j));
    const char *text = emit_function(c.a, &c.f, BATCH, false);
    cr_expect(strstr(text, "in[i * 8 + j + 15]"), "%s", text);
    arena_free(c.a);
}

Test(loop, shortest_reals) {
    Arena *a = arena_new();
    cr_expect_str_eq(emit_real(a, 0.1), "0.1f");
    cr_expect_str_eq(emit_real(a, 1), "1.0f");
    cr_expect_str_eq(emit_real(a, 1e30), "1e+30f");
    cr_expect_str_eq(emit_real(a, 1.0 / 3), "0.33333334f");
    cr_expect_str_eq(emit_real(a, -HUGE_VAL), "-INFINITY");
    arena_free(a);
}
