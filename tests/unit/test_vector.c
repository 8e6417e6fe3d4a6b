/* Sixteen lanes: every operation against one lane at a time, parts that end where they say,
 * and the fixed trees. The same file passes at every width and with -DDLC_PLAIN. */
#include "../../runtime/dl_vector.h"

#include <criterion/criterion.h>

/* A sequence with products that one rounding and two tell apart. */
static void fill(float *to, int n, uint32_t random) {
    for (int i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        to[i] = (float)(int32_t)random / 0x1p29f;
    }
}

static bool same(float a, float b) { return dl_bits(a) == dl_bits(b); }

Test(vector, load_store_set_add) {
    float a[20], b[20], c[20] = {0};
    fill(a, 20, 1);
    fill(b, 20, 2);
    dl_store16(c + 1, dl_add16(dl_load16(a + 3), dl_load16(b + 1)));
    for (int i = 0; i < 16; i++) cr_expect(same(c[1 + i], a[3 + i] + b[1 + i]));
    cr_expect(c[0] == 0 && c[17] == 0);
    dl_store16(c, dl_set16(-0.0f));
    for (int i = 0; i < 16; i++) cr_expect(same(c[i], -0.0f));
    dl_store16(c, dl_set16(a[0]));
    for (int i = 0; i < 16; i++) cr_expect(same(c[i], a[0]));
}

/* The product of two floats is exact in double, and so is the sum of these in range. */
Test(vector, fma_rounds_once_where_the_target_can) {
    int unlike = 0;
    for (uint32_t round = 0; round < 1000; round++) {
        float a[16], b[16], c[16], d[16];
        fill(a, 16, 3 * round);
        fill(b, 16, 3 * round + 1);
        for (int i = 0; i < 16; i++) c[i] = -a[i] * b[i] * 1.0001f;
        dl_store16(d, DL_FMA(dl_load16(a), dl_load16(b), dl_load16(c)));
        for (int i = 0; i < 16; i++) {
            float once = (float)((double)a[i] * (double)b[i] + (double)c[i]);
            volatile float product = a[i] * b[i];
            float twice = product + c[i];
            unlike += once != twice;
#ifdef DL_HAS_FMA
            cr_expect(same(d[i], once));
#else
            cr_expect(same(d[i], twice));
#endif
            cr_expect(same(d[i], dl_fma(a[i], b[i], c[i])));
        }
    }
    cr_expect(unlike > 1000, "the numbers do not tell");
}

Test(vector, parts_end_where_they_say) {
    for (int count = 0; count <= 16; count++) {
        float a[16], b[18], c[16];
        fill(a, 16, 5);
        for (int i = 0; i < 18; i++) b[i] = 7;
        dl_v16 v = dl_load_part(a + 16 - count, count);
        dl_store16(c, v);
        for (int i = 0; i < 16; i++) cr_expect(same(c[i], i < count ? a[16 - count + i] : 0));
        dl_store_part(b + 1, dl_load16(a), count);
        for (int i = 0; i < 18; i++)
            cr_expect(same(b[i], i > 0 && i <= count ? a[i - 1] : 7), "%d of %d", i, count);
    }
}

Test(vector, folds_are_fixed_trees) {
    for (uint32_t round = 0; round < 100; round++) {
        float a[16], s[16];
        fill(a, 16, round);
        memcpy(s, a, sizeof s);
        for (int width = 8; width > 0; width /= 2)
            for (int i = 0; i < width; i++) s[i] = s[i] + s[i + width];
        cr_expect(same(dl_sum16(dl_load16(a)), s[0]));
        float most = a[0], least = a[0];
        for (int i = 1; i < 16; i++) most = dl_max(most, a[i]), least = dl_min(least, a[i]);
        cr_expect(same(dl_max16(dl_load16(a)), most));
        cr_expect(same(dl_min16(dl_load16(a)), least));
        a[round % 16] = NAN;
        cr_expect(isnan(dl_max16(dl_load16(a))) && isnan(dl_min16(dl_load16(a))));
        cr_expect(isnan(dl_sum16(dl_load16(a))));
    }
}
