/* test_stretch.c - which kernels run by slices of rows, what is then local to a slice, what
 * stays for the whole batch, and what a limit of memory changes. Values and bits are compared
 * elsewhere (random programs, tests/e2e). */
#include "../../compiler/program.h"
#include "lower_text.h"

static const EmitOptions by_cost = {.header = "test.h"};

/* The plan of one training step of the text's model. */
static const Plan *plan_with(const char *text, const EmitOptions *o, char **source) {
    Model *m = model_of(text);
    Program *p = program_build(arena, m, NULL);
    char *header = NULL;
    size_t size;
    FILE *h = open_memstream(&header, &size), *c = open_memstream(source, &size);
    cr_assert(h && c);
    emit_program(p, o, h, c);
    fclose(h);
    fclose(c);
    free(header);
    return p->step->plan;
}

static const Plan *plan_of(const char *text) {
    char *source = NULL;
    const Plan *plan = plan_with(text, &by_cost, &source);
    free(source);
    return plan;
}

#define HEAD "model m {\n input x: f32[batch, 64]\n target y: i32[batch]\n"
#define TAIL                                                                                    \
    " scores = z |> dense(10)\n output scores\n loss cross_entropy(scores, y)\n}\n"             \
    "train m {\n optimizer sgd(rate: 0.1)\n batch 64\n}\n"

static int local_buffers(const Plan *p) {
    int count = 0;
    for (int i = 0; i < p->buffer.n; i++) count += p->buffer.at[i].local;
    return count;
}

Test(stretch, independent_rows_are_one_stretch) {
    const Plan *p = plan_of(HEAD " z = x |> dense(128) |> relu |> dense(128) |> relu\n" TAIL);
    cr_expect(p->stretch.n == 1, "%d stretches", p->stretch.n);
    cr_expect(p->groups >= 2 && p->groups * p->group_rows >= 64);
    cr_expect(p->stretch.at[0].slice_rows <= p->group_rows);
    cr_expect(local_buffers(p) > 0 && p->local > 0);
}

Test(stretch, little_work_has_no_slices) {
    const Plan *p = plan_of(HEAD " z = x |> dense(8) |> relu\n" TAIL);
    cr_expect(p->stretch.n == 0 && p->groups == 0 && p->local == 0);
}

/* A mean over the rows needs all of them: what it is subtracted from comes after. */
Test(stretch, rows_that_are_coupled_end_it) {
    const Plan *p = plan_of(HEAD " h = x |> dense(128) |> relu\n m[j] = (sum(n) h[n, j]) / 64\n"
                                 " z = h - m |> dense(128) |> relu\n" TAIL);
    cr_expect(p->stretch.n >= 2, "%d stretches", p->stretch.n);
    for (int i = 1; i < p->stretch.n; i++)
        cr_expect(p->stretch.at[i].first > p->stretch.at[i - 1].last + 1, "a sum is in between");
}

/* Another row's element is no row's own. */
Test(stretch, other_rows_end_it) {
    const Plan *p = plan_of(HEAD " h = x |> dense(256) |> relu\n"
                                 " g[a, j] = (sum(b) if x[b, 0] > x[a, 0] then h[b, j]) / 64\n"
                                 " z = g |> dense(256) |> relu\n" TAIL);
    cr_expect(p->stretch.n >= 2, "%d stretches", p->stretch.n);
}

/* A scan over time is of the rows, with all of its body. */
Test(stretch, scans_are_of_the_rows) {
    const char *text = "model m {\n input x: f32[batch, 20, 32]\n target y: i32[batch]\n"
                       " z = x |> simple_rnn(64)\n" TAIL;
    const Plan *p = plan_of(text);
    cr_expect(p->stretch.n == 1, "%d stretches", p->stretch.n);
    for (int i = 0; i < p->kernel.n; i++)
        if (!strcmp(p->kernel.at[i].function, "scan")) return;
    cr_expect(false, "there is no scan");
}

static const char *const coupled =
        "model m {\n input x: f32[batch, 12, 12, 8]\n target y: i32[batch]\n"
        " a = x |> conv2d(16, 3, padding: same) |> batch_norm |> relu\n"
        " z = a |> conv2d(16, 3, padding: same) |> batch_norm |> relu |> flatten\n" TAIL;

static int64_t scratch_of(const EmitOptions *o) {
    char *source = NULL;
    const Plan *p = plan_with(coupled, o, &source);
    free(source);
    return p->arena + p->local;
}

Test(stretch, memory_is_fitted) {
    int64_t free_bytes = scratch_of(&by_cost);
    EmitOptions tight = by_cost;
    tight.memory = free_bytes * 3 / 4;
    int64_t bytes = scratch_of(&tight);
    cr_expect(bytes <= tight.memory, "%lld of %lld", (long long)bytes, (long long)tight.memory);
    tight.memory = 1; /* the least there is */
    int64_t least = scratch_of(&tight);
    cr_expect(least <= bytes && least > 1);
}

Test(stretch, results_made_again_cost_operations) {
    char *source = NULL;
    EmitOptions tight = by_cost;
    tight.memory = 1;
    const Plan *p = plan_with(coupled, &tight, &source);
    cr_expect(p->flops > p->flops_before, "%g, before %g", p->flops, p->flops_before);
    free(source);
}

Test(stretch, threading_is_as_asked_for) {
    const char *text = HEAD " z = x |> dense(128) |> relu |> dense(128) |> relu\n" TAIL;
    EmitOptions kernels = by_cost, slices = by_cost;
    kernels.threading = THREADING_KERNELS;
    slices.threading = THREADING_SLICES;
    char *source = NULL;
    cr_expect(plan_with(text, &kernels, &source)->stretch.n == 0);
    cr_expect(!strstr(source, "DL_PARALLEL_GROUPS(threads"));
    free(source);
    const Plan *p = plan_with(HEAD " z = x |> dense(4)\n" TAIL, &slices, &source);
    cr_expect(p->stretch.n >= 1 && p->stretch.at[0].slice_rows == 1);
    cr_expect(strstr(source, "DL_PARALLEL_GROUPS(threads"));
    free(source);
}

/* A weight's gradient is added up by groups where the operands are larger than the copies. */
Test(stretch, large_sums_stay_whole) {
    char *source = NULL;
    plan_with(HEAD " z = x |> dense(512) |> relu |> dense(512) |> relu\n" TAIL, &by_cost, &source);
    cr_expect(strstr(source, "DL_PARALLEL_GROUPS(threads"));
    cr_expect(!strstr(source, " + group * 262144"), "copies of a large weight's gradient");
    free(source);
    const char *images = "model m {\n input x: f32[batch, 16, 16, 4]\n target y: i32[batch]\n"
                         " z = x |> conv2d(8, 3) |> relu |> conv2d(8, 3) |> relu |> flatten\n" TAIL;
    plan_with(images, &by_cost, &source);
    cr_expect(strstr(source, " + group * 288"), "a convolution's gradient is kept for all rows");
    free(source);
}
