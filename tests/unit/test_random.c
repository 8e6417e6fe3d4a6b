/* Random numbers: the published vectors of Philox4x32-10, and how elements are numbered. */
#include "../../runtime/dl_random.h"

#include <criterion/criterion.h>
#include <math.h>

typedef struct Known { uint32_t counter[4], key[2], word[4]; } Known;

/* Random123's kat_vectors, philox4x32 10. */
static const Known known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

Test(random, published_vectors) {
    for (int i = 0; i < 3; i++) {
        const Known *k = &known[i];
        dl_philox c = {{k->counter[0], k->counter[1], k->counter[2], k->counter[3]}};
        dl_philox r = dl_philox4x32(c, k->key[0], k->key[1]);
        for (int j = 0; j < 4; j++) cr_expect_eq(r.word[j], k->word[j]);
    }
}

/* Where seed, step, stream, part and block go: the third vector again. */
Test(random, numbering) {
    uint64_t block = UINT64_C(0x0370243f6a88), seed = UINT64_C(0x299f31d0a4093822);
    dl_philox r = dl_random_block(seed, 0x13198a2e, 0x85a308d3, 0x7344, block);
    for (int j = 0; j < 4; j++) cr_expect_eq(r.word[j], known[2].word[j]);
    for (uint64_t i = 0; i < 4; i++) {
        dl_philox b = dl_random_block(seed, 5, 6, 0, UINT64_C(0x0370243f6a88));
        float want = (float)(b.word[i] >> 8) * 0x1p-24f;
        cr_expect_eq(dl_uniform(seed, 5, 6, 4 * UINT64_C(0x0370243f6a88) + i), want);
    }
}

Test(random, many_are_the_same_as_one_by_one) {
    static float many[1000];
    for (uint64_t first = 0; first < 9; first++)
        for (int64_t n = 0; n < 200; n += 7) {
            uint64_t from = first + (UINT64_C(1) << 34) - 30;
            many[n] = -1;
            dl_uniforms(many, n, 42, 3, 9, from);
            for (int64_t i = 0; i < n; i++)
                cr_assert_eq(many[i], dl_uniform(42, 3, 9, from + (uint64_t)i));
            cr_expect_eq(many[n], -1);
        }
}

Test(random, uniform_and_unlike_each_other) {
    enum { N = 100000 };
    double sum = 0, square = 0, cross[4] = {0};
    for (uint64_t i = 0; i < N; i++) {
        float x = dl_uniform(1, 2, 3, i);
        cr_assert(x >= 0 && x < 1);
        double d = x - 0.5;
        sum += d;
        square += d * d;
        cross[0] += d * (dl_uniform(2, 2, 3, i) - 0.5);
        cross[1] += d * (dl_uniform(1, 3, 3, i) - 0.5);
        cross[2] += d * (dl_uniform(1, 2, 4, i) - 0.5);
        cross[3] += d * (dl_uniform(1, 2, 3, i + 1) - 0.5);
    }
    double sigma = sqrt(1.0 / 12 / N);
    cr_expect(fabs(sum / N) < 4 * sigma);
    cr_expect(fabs(square / N - 1.0 / 12) < 4 * sqrt(1.0 / 180 / N));
    for (int k = 0; k < 4; k++) cr_expect(fabs(cross[k] / N) < 4.0 / 12 / sqrt(N), "%d", k);
}
