/* units.c - see units.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "show.h"
#include "units.h"

/* ---- the scale of a target --------------------------------------------------------------------- */

static const char *scale_of(const DlMeta *meta, const dl_tensor *target) {
    char key[256];
    snprintf(key, sizeof key, "scale.%s", target->name);
    return dl_meta_get(meta, key);
}

/* Every element's mean and deviation, in turn: one line for all, or a line for each. */
static void restore(const char *scale, int64_t rows, int64_t size, float *at) {
    for (int64_t i = 0; i < size; i++) {
        char *end;
        double mean = strtod(scale, &end), deviation = strtod(end, &end);
        for (int64_t r = 0; r < rows; r++)
            at[r * size + i] = (float)((double)at[r * size + i] * deviation + mean);
        if (*end == '\n') scale = end + 1;
    }
}

/* ---- which output predicts which target ------------------------------------------------------ */

static bool predicts(const dl_tensor *output, const dl_tensor *target) {
    return output->type == DL_F32 && output->rank > 0 && output->shape[0] < 0 &&
           (int64_t)dl_tensor_elements(output) == (int64_t)dl_tensor_elements(target);
}

/* The output that predicts target k (counted after the inputs), or -1. */
static int output_of(const dl_model *m, const DlMeta *meta, int k) {
    const dl_tensor *target = &m->input[m->ninput + k];
    int place = 0, targets = 0, outputs = 0, found = -1;
    if (m->nentry < 1 || !scale_of(meta, target)) return -1;
    for (int i = 0; i < m->ntarget; i++) {
        const dl_tensor *other = &m->input[m->ninput + i];
        bool alike = scale_of(meta, other) && (int64_t)dl_tensor_elements(other) == (int64_t)dl_tensor_elements(target);
        place += alike && i < k;
        targets += alike;
    }
    for (int i = 0; i < m->entry[0].noutput; i++)
        if (predicts(&m->entry[0].output[i], target) && outputs++ == place) found = i;
    return outputs == targets ? found : -1;
}

void dl_units_restore(const dl_model *m, const DlMeta *meta, int64_t rows, void *const *output) {
    for (int k = 0; k < m->ntarget; k++) {
        int at = output_of(m, meta, k);
        const dl_tensor *target = &m->input[m->ninput + k];
        if (at >= 0) restore(scale_of(meta, target), rows, (int64_t)dl_tensor_elements(target), output[at]);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

typedef struct Errors {
    double absolute, square;
} Errors;

static bool measure(const DlSession *s, const DlSplit *split, int k, const char *scale,
        const float *predicted, Errors *out, DlError *e) {
    const dl_tensor *target = &s->table->input[s->table->ninput + k];
    const int64_t step = s->table->batch, size = (int64_t)dl_tensor_elements(target);
    DlSplit targets = *split;
    DlBatch b;
    double n = (double)split->rows * (double)size;
    targets.array = split->array + s->table->ninput + k;
    float *row = malloc((size_t)size * sizeof *row);
    bool ok = row || dl_fail(e, "out of memory");
    ok = ok && dl_batch_open(&b, target, 1, step, e);
    *out = (Errors){0};
    for (int64_t first = 0; ok && first < split->rows; first += step) {
        int64_t count = step < split->rows - first ? step : split->rows - first;
        dl_batch_fill(&b, &targets, NULL, first, count);
        for (int64_t i = 0; i < count; i++) {
            memcpy(row, (const float *)b.data[0] + i * size, (size_t)size * sizeof *row);
            restore(scale, 1, size, row);
            for (int64_t j = 0; j < size; j++) {
                double off = (double)(predicted[(first + i) * size + j] - row[j]);
                out->absolute += fabs(off) / n;
                out->square += off * off / n;
            }
        }
    }
    if (ok) dl_batch_close(&b);
    free(row);
    return ok;
}

static void print_errors(FILE *f, const dl_tensor *target, const Errors *k, bool json) {
    if (!json) {
        fprintf(f, "%s in its own units: mean absolute error %.6g, root mean squared error %.6g\n",
                target->name, k->absolute, sqrt(k->square));
        return;
    }
    fputs(", ", f);
    dl_json_text(f, target->name);
    fputs(": {\"mean_absolute_error\": ", f);
    dl_json_number(f, k->absolute);
    fputs(", \"root_mean_squared_error\": ", f);
    dl_json_number(f, sqrt(k->square));
    fputs("}", f);
}

bool dl_units_print(FILE *f, const DlSession *s, const DlSplit *split, const DlMeta *meta,
        bool json, DlError *e) {
    const dl_model *m = s->table;
    bool any = false, ok = true;
    for (int k = 0; k < m->ntarget; k++) any |= output_of(m, meta, k) >= 0;
    if (!any) return true;
    void **output = dl_outputs_new(m, split->rows, e);
    ok = output && dl_predict(s, split, output, e);
    if (ok) dl_units_restore(m, meta, split->rows, output);
    for (int k = 0; ok && k < m->ntarget; k++) {
        Errors errors;
        int at = output_of(m, meta, k);
        const dl_tensor *target = &m->input[m->ninput + k];
        if (at < 0) continue;
        ok = measure(s, split, k, scale_of(meta, target), output[at], &errors, e);
        if (ok) print_errors(f, target, &errors, json);
    }
    if (output) dl_outputs_free(m, output);
    return ok;
}
