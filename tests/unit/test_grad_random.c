/* test_grad_random.c - random programs of comprehensions and of scans against central
 * differences, to third order. */
#include "random_program.h"

static void run(int from, int to, bool scans, int order) {
    int count[4] = {0};
    for (int seed = from; seed < to; seed++) {
        Maker m = make(seed, scans);
        Verdict v = check_orders(&m.t, m.pool[m.npool - 1], seed % order + 1);
        cr_expect(v != GRAD_WRONG, "seed %d", seed);
        count[v]++;
        trial_free(&m.t);
    }
    fprintf(stderr, "right %d, kinks %d, constant %d\n", count[GRAD_RIGHT], count[GRAD_KINK],
            count[GRAD_NONE]);
    cr_assert(count[GRAD_RIGHT] > (to - from) / 2 && count[GRAD_KINK] < (to - from) / 10);
}

Test(grad, random_comprehensions) {
    run(1, 1500, false, 3);
}

Test(grad, random_scans) {
    run(1, 500, true, 2);
}
