/* metrics.c - the results of an evaluation: where each metric's are in the array that the
 * model's `results` fills, and how those that are no single number are shown.
 *
 * In: the table and the array, dl_metric_size(table) doubles. A metric's values lie together,
 * a tensor's row-major; where the table has no `result` each metric is one number. */
#include "trainer.h"

size_t dl_metric_size(const dl_model *table) {
    return table->result ? table->results_size / sizeof(double) : (size_t)table->nmetric;
}

bool dl_metric_is_number(const dl_model *table, int i) {
    return !table->result || table->result[i].rank == 0;
}

const double *dl_metric_values(const dl_model *table, const double *metric, int i) {
    return metric + (table->result ? table->result[i].offset / sizeof(double) : (size_t)i);
}

static int64_t elements(const dl_tensor *t) {
    int64_t n = 1;
    for (int k = 0; k < t->rank; k++) n *= t->shape[k];
    return n;
}

/* Its name, then a line for each row of its last axis; rows of other axes stand apart. */
void dl_metric_print(FILE *f, const dl_model *table, const double *metric, int i) {
    const dl_tensor *t = &table->result[i];
    const double *value = dl_metric_values(table, metric, i);
    int64_t width = t->shape[t->rank - 1], n = elements(t);
    int64_t block = t->rank > 2 ? width * t->shape[t->rank - 2] : n;
    fprintf(f, "%s\n", t->name);
    for (int64_t k = 0; k < n; k++) {
        if (k > 0 && k % block == 0) fputc('\n', f);
        fprintf(f, " %11.6g%s", value[k], (k + 1) % width == 0 ? "\n" : "");
    }
}
