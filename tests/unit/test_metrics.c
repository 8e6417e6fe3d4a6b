/* Results of an evaluation that are tensors: where they are, how they are shown. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/trainer/progress.h"

static const int64_t matrix[] = {2, 3}, blocks[] = {2, 1, 2};
static const char *const names[] = {"loss", "confusion", "f1", "parts"};
static const dl_tensor results[] = {
        {"loss", DL_RESULT, DL_F64, 0, matrix, 0, 8, 0, 1},
        {"confusion", DL_RESULT, DL_F64, 2, matrix, 8, 48, 0, 2},
        {"f1", DL_RESULT, DL_F64, 0, matrix, 56, 8, 0, 3},
        {"parts", DL_RESULT, DL_F64, 3, blocks, 64, 32, 0, 4},
};
static const dl_model table = {
        .nmetric = 4, .metric = names, .result = results, .results_size = 96};
static const dl_model plain = {.nmetric = 2, .metric = names};
static double value[] = {0.5, 1, 2, 3, 4, 5, 6, 0.25, 7, 8, 9, 10};

static const char *written(const dl_model *t, int metric) {
    static char text[400];
    FILE *f = fmemopen(text, sizeof text, "w");
    if (metric < 0)
        dl_json_metrics(f, t, value);
    else
        dl_metric_print(f, t, value, metric);
    fclose(f);
    return text;
}

Test(metrics, each_has_its_place) {
    cr_assert_eq(dl_metric_size(&table), 12);
    cr_assert_eq(dl_metric_size(&plain), 2);
    cr_assert(dl_metric_is_number(&table, 0) && !dl_metric_is_number(&table, 1));
    cr_assert(dl_metric_is_number(&plain, 1));
    cr_assert_eq(dl_metric_values(&table, value, 2), value + 7);
    cr_assert_eq(dl_metric_values(&plain, value, 1), value + 1);
}

Test(metrics, a_tensor_is_nested_in_json) {
    cr_assert_str_eq(written(&table, -1), "\"loss\": 0.5, \"confusion\": [[1, 2, 3], [4, 5, 6]], "
                                          "\"f1\": 0.25, \"parts\": [[[7, 8]], [[9, 10]]]");
    cr_assert_str_eq(written(&plain, -1), "\"loss\": 0.5, \"confusion\": 1");
}

Test(metrics, a_tensor_is_shown_in_rows) {
    cr_assert_str_eq(written(&table, 1), "confusion\n"
                                         "           1           2           3\n"
                                         "           4           5           6\n");
    cr_assert_str_eq(written(&table, 3), "parts\n           7           8\n\n"
                                         "           9          10\n");
}
