/* The checks that generated code makes before any work, and after a step. */
#include "../../runtime/dl_object.h"

#include <criterion/criterion.h>
#include <math.h>

Test(object, memory) {
    _Alignas(64) char room[256];
    cr_expect_eq(dl_check_memory(room, 128, 128), DL_OK);
    cr_expect_eq(dl_check_memory(room, 127, 128), DL_E_SIZE);
    cr_expect_eq(dl_check_memory(room + 4, 128, 128), DL_E_SIZE);
    cr_expect_eq(dl_check_memory(NULL, 128, 128), DL_E_NULL);
}

Test(object, a_refusal_is_noted) {
    dl_work_head work = {0};
    cr_expect_eq(dl_refuse(&work, DL_E_RANGE, 3, 17), DL_E_RANGE);
    cr_expect(work.fault.status == DL_E_RANGE && work.fault.tensor == 3 && work.fault.element == 17);
}

Test(object, indices_outside_their_bound) {
    int32_t v[100];
    for (int i = 0; i < 100; i++) v[i] = i % 10;
    for (int64_t n = 0; n <= 100; n++) cr_expect_eq(dl_outside(v, n, 10), -1);
    cr_expect_eq(dl_outside(v, 100, 9), 9);
    cr_expect_eq(dl_outside(v, 9, 9), -1);
    static const int32_t bad[] = {10, -1, INT32_MIN, INT32_MAX};
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 100; i++) {
            int32_t kept = v[i];
            v[i] = v[99] = bad[k];
            cr_expect_eq(dl_outside(v, 100, 10), i);
            cr_expect_eq(dl_outside(v, i, 10), -1);
            v[i] = kept;
            v[99] = 9;
        }
    int32_t most = INT32_MAX;
    cr_expect_eq(dl_outside(&most, 1, (int64_t)INT32_MAX + 1), -1);
}

Test(object, numbers_that_are_not_finite) {
    float v[100];
    for (int i = 0; i < 100; i++) v[i] = i % 2 ? -3.4e38f : 1e-45f * (float)i;
    for (int64_t n = 0; n <= 100; n++) cr_expect_eq(dl_nonfinite(v, n), -1);
    static const float bad[] = {INFINITY, -INFINITY, NAN, -NAN};
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 100; i++) {
            float kept = v[i];
            v[i] = v[99] = bad[k];
            cr_expect_eq(dl_nonfinite(v, 100), i);
            cr_expect_eq(dl_nonfinite(v, i), -1);
            v[i] = kept;
            v[99] = 0;
        }
}
