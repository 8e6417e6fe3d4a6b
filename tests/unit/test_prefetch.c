/* test_prefetch.c - which lines tiles ask for before they need them: those that are far. */
#include "../../compiler/program.h"
#include "lower_text.h"

#include <stdlib.h>

static char *source_of(const char *text) {
    static const EmitOptions options = {.header = "test.h"};
    Program *p = program_build(arena, model_of(text), NULL);
    char *header = NULL, *source = NULL;
    size_t size;
    FILE *h = open_memstream(&header, &size), *c = open_memstream(&source, &size);
    cr_assert(h && c);
    emit_program(p, &options, h, c);
    fclose(h);
    fclose(c);
    free(header);
    return source;
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (text = strstr(text, part); text; text = strstr(text + 1, part)) n++;
    return n;
}

#define NET(in, width, batch)                                                                   \
    "model m {\n input x: f32[batch, " in "]\n target y: i32[batch]\n"                          \
    " scores = x |> dense(" width ") |> relu |> dense(10)\n output scores\n"                     \
    " loss cross_entropy(scores, y)\n}\n"                                                       \
    "train m {\n optimizer adam(rate: 0.001)\n batch " batch "\n}\n"

/* A weight's rows of 2 KB are far apart; its moments are met when a tile is complete. */
Test(prefetch, what_is_far_is_asked_for) {
    char *text = source_of(NET("96", "512", "128"));
    cr_expect(count(text, "    dl_prefetch(dense_w, ") > 0, "the weight's next lanes");
    cr_expect(count(text, "    dl_prefetch_rows(adam_m_dense_w, ") > 0, "moments");
    cr_expect(count(text, "    dl_prefetch_rows(adam_v_dense_w, ") > 0);
    cr_expect(count(text, "    dl_prefetch_rows(dense_w, ") > 0, "the weight that is updated");
    free(text);
}

Test(prefetch, what_is_near_is_not) {
    char *text = source_of(NET("96", "32", "128"));
    cr_expect_eq(count(text, "dl_prefetch"), 0);
    free(text);
}

/* Too few steps to hide the wait. */
Test(prefetch, short_folds_do_not_ask) {
    char *text = source_of(NET("48", "512", "32"));
    cr_expect_eq(count(text, "dl_prefetch"), 0);
    free(text);
}

/* Tiles of 32 lanes that are all a head has: what comes next is the next head. Its rows are those
 * of all four. */
Test(prefetch, the_next_head_is_asked_for) {
    char *text = source_of("model m {\n input x: f32[batch, 64, 128]\n target y: i32[batch]\n"
                           " scores = x |> multi_head_attention(4, 32) |> flatten |> dense(10)\n"
                           " output scores\n loss cross_entropy(scores, y)\n}\n"
                           "train m {\n optimizer sgd(rate: 0.001)\n batch 12\n}\n");
    const char *next = "dl_prefetch(multi_head_attention_query_w, p * 128 + k * 32 + 32)";
    cr_expect(count(text, next) > 0, "the next head's lanes at the same step");
    free(text);
}
