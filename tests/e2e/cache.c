/* cache.c - an entry that keeps keys and values gives the logits of the whole context: step by
 * step, and after a prompt of several steps. Host program of tests/programs/gpt_cache.dl. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpt_cache.h"

enum { ROWS = 5, STEPS = 6, PROMPT = 3, WORDS = 7 };

static int32_t tokens[ROWS * STEPS];
static float whole[ROWS * STEPS * WORDS], part[ROWS * STEPS * WORDS];
static int passed, failed;

static void need(int status) {
    if (status == 0) return;
    printf("%s\n", gpt_cache_message(status));
    exit(1);
}

/* Columns from..from+n of all rows' tokens. */
static const int32_t *columns(int from, int n) {
    static int32_t some[ROWS * STEPS];
    for (int r = 0; r < ROWS; r++)
        for (int t = 0; t < n; t++) some[r * n + t] = tokens[r * STEPS + from + t];
    return some;
}

static void compare(const char *what, int from, int n) {
    double worst = 0;
    for (int r = 0; r < ROWS; r++)
        for (int t = 0; t < n; t++)
            for (int w = 0; w < WORDS; w++) {
                double a = (double)part[(r * n + t) * WORDS + w];
                double b = (double)whole[(r * STEPS + from + t) * WORDS + w];
                double off = fabs(a - b);
                if (!(off <= worst)) worst = off;
            }
    if (worst <= 1e-5) {
        passed++;
        return;
    }
    printf("FAIL %s %d: off by %g\n", what, from, worst);
    failed++;
}

static void steps(gpt_cache *model, gpt_cache_work *work, int from) {
    for (int t = from; t < STEPS; t++) {
        need(gpt_cache_next(model, work, ROWS, columns(t, 1), part));
        compare("step", t, 1);
    }
}

int main(void) {
    gpt_cache *model = gpt_cache_create(7);
    gpt_cache_work *work = gpt_cache_work_create(1);
    if (!model || !work) return 1;
    for (int i = 0; i < ROWS * STEPS; i++) tokens[i] = (i * i + 3 * i) % WORDS;
    need(gpt_cache_predict(model, work, ROWS, tokens, whole));
    for (int round = 0; round < 2; round++) {
        steps(model, work, 0);
        need(gpt_cache_reset(work));
    }
    need(gpt_cache_prompt(model, work, ROWS, columns(0, PROMPT), part));
    compare("prompt", 0, PROMPT);
    steps(model, work, PROMPT);
    gpt_cache_work_free(work);
    gpt_cache_free(model);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
