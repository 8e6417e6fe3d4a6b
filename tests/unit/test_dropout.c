/* test_dropout.c - the library's dropout: elements are 0 or grown by what is missing, two
 * dropouts are independent, steps differ, and outside of training nothing happens. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/eval.h"
#include "../../compiler/model.h"

enum { ROWS = 40, WIDTH = 50, ELEMENTS = ROWS * WIDTH };

static const char text[] = "model m {\n"
                           "    input x: f32[batch, 50]\n"
                           "    a = x |> dropout(0.25)\n"
                           "    b = x |> dropout(0.25)\n"
                           "    output y = a + 2 * b\n"
                           "    loss kept = mean(a)\n"
                           "    loss values = 1000 * mean(a * (a - 1 / 0.75))\n"
                           "    loss both = 10 * mean(a * b)\n"
                           "}\n";

typedef struct Fixture {
    Arena *arena;
    Model *m;
    double *ones;
} Fixture;

static Fixture fixture(void) {
    Fixture f = {.arena = arena_new(), .ones = malloc(ELEMENTS * sizeof(double))};
    diag_reset();
    Ast *program = ast_parse(f.arena, source_from_text(f.arena, "d.dl", text, strlen(text)));
    f.m = lower(f.arena, ast_load_std(f.arena), program, "d.dl", &(LowerOptions){.batch = ROWS});
    cr_assert(f.m != NULL && diag_errors() == 0);
    for (int i = 0; i < ELEMENTS; i++) f.ones[i] = 1;
    return f;
}

static double loss(const Fixture *f, uint32_t step) {
    Eval *e = eval_new(f->m->graph, ROWS, 2, step);
    eval_bind(e, f->m->input.at[0].node, f->ones);
    const double *value = eval_node(e, f->m->loss);
    cr_assert_not_null(value, "%s", eval_error(e));
    double v = *value;
    eval_free(e);
    return v;
}

/* mean(a) is about 1, a (a - 4/3) is 0 everywhere, and mean(a b) is about 1 (it would be 4/3
 * if both dropped the same). */
Test(dropout, training) {
    Fixture f = fixture();
    double first = loss(&f, 0), next = loss(&f, 1);
    cr_expect(fabs(first - 11) < 0.6, "%g", first);
    cr_expect(fabs(next - 11) < 0.6, "%g", next);
    cr_expect(first != next, "two steps drop the same elements");
    cr_expect(first == loss(&f, 0), "the same step drops other elements");
    arena_free(f.arena);
    free(f.ones);
}

Test(dropout, prediction) {
    Fixture f = fixture();
    Eval *e = eval_new(f.m->graph, ROWS, 2, 0);
    eval_bind(e, f.m->input.at[0].node, f.ones);
    const double *y = eval_node(e, f.m->entry.at[0].output.at[0].node);
    cr_assert_not_null(y, "%s", eval_error(e));
    for (int i = 0; i < ELEMENTS; i++) cr_expect_eq(y[i], 3);
    eval_free(e);
    arena_free(f.arena);
    free(f.ones);
}
