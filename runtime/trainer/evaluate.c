/* evaluate.c - metrics and predictions of a whole split, a batch at a time. Totals are added
 * over the batches in order, so a metric is exact over the split, and always the same. */
#include <stdlib.h>
#include <string.h>

#include "ahead.h"
#include "reader.h"

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool add_totals(
        const DlSession *s, const DlSplit *split, DlAhead *ahead, void *totals, DlError *e) {
    const dl_model *m = s->table;
    for (int64_t first = 0; first < split->rows; first += m->batch) {
        int64_t n = smaller(m->batch, split->rows - first), behind = first + n;
        DlWanted next = {NULL, behind, smaller(m->batch, split->rows - behind)};
        const DlBatch *b = dl_ahead_take(ahead, (DlWanted){NULL, first, n}, next);
        int status = m->evaluate(s->model, s->work, n, b->data, totals);
        if (status != DL_OK) {
            dl_session_error(s, status, "evaluating", e);
            return false;
        }
    }
    return true;
}

bool dl_evaluate(const DlSession *s, const DlSplit *split, double *metric, DlError *e) {
    const dl_model *m = s->table;
    DlAhead *ahead = dl_ahead_open(m->input, m->ninput + m->ntarget, m->batch, split, e);
    if (!ahead) return false;
    size_t size = (m->totals_size + 64) / 64 * 64;
    void *totals = aligned_alloc(64, size);
    bool ok = totals || dl_fail(e, "out of memory for the metrics");
    if (ok) memset(totals, 0, size);
    ok = ok && add_totals(s, split, ahead, totals, e);
    if (ok) m->results(totals, metric);
    free(totals);
    dl_ahead_close(ahead);
    return ok;
}

/* ---- predictions -------------------------------------------------------------------- */

/* The arrays of the entry's inputs, which it may name in another order than training does. */
static bool arrange(const dl_model *m, const dl_entry *entry, const DlSplit *split, DlSplit *out,
        DlError *e) {
    out->rows = split->rows;
    out->row = split->row;
    out->array = calloc((size_t)entry->ninput + 1, sizeof *out->array);
    if (!out->array) return dl_fail(e, "out of memory");
    for (int k = 0; k < entry->ninput; k++) {
        int at = 0;
        while (at < m->ninput && strcmp(m->input[at].name, entry->input[k].name) != 0) at++;
        if (at == m->ninput)
            return dl_fail(e, "%s: '%s' takes an input '%s' that training has not", m->name,
                    entry->name, entry->input[k].name);
        out->array[k] = split->array[at];
    }
    return true;
}

static bool run_batches(const DlSession *s, const dl_entry *entry, const DlSplit *split, DlBatch *b,
        void *const *output, void **part, DlError *e) {
    for (int64_t first = 0; first < split->rows; first += b->rows) {
        for (int k = 0; k < entry->noutput; k++) {
            const dl_tensor *t = &entry->output[k];
            bool rows = t->rank > 0 && t->shape[0] < 0;
            part[k] = (unsigned char *)output[k] + (rows ? (size_t)first * dl_batch_bytes(t, 1) : 0);
        }
        int64_t n = smaller(b->rows, split->rows - first);
        dl_batch_fill(b, split, NULL, first, n);
        int status = entry->run(s->model, s->work, n, b->data, part);
        if (status != DL_OK) {
            dl_session_error(s, status, "predicting", e);
            return false;
        }
    }
    return true;
}

bool dl_predict(const DlSession *s, const DlSplit *split, void *const *output, DlError *e) {
    const dl_model *m = s->table;
    if (m->nentry < 1)
        return dl_fail(
                e, "%s: has no output to predict; add one: output name = expression", m->source);
    return dl_entry_run(s, &m->entry[0], split, output, e);
}

const dl_entry *dl_entry_named(const dl_model *m, const char *name) {
    for (int i = 0; i < m->nentry; i++)
        if (strcmp(m->entry[i].name, name) == 0) return &m->entry[i];
    return NULL;
}

bool dl_entry_run(const DlSession *s, const dl_entry *entry, const DlSplit *split,
        void *const *output, DlError *e) {
    const dl_model *m = s->table;
    DlSplit inputs = {0};
    DlBatch b = {0};
    void **part = calloc((size_t)entry->noutput + 1, sizeof *part);
    bool ok = (part || dl_fail(e, "out of memory")) && arrange(m, entry, split, &inputs, e) &&
              dl_batch_open(&b, entry->input, entry->ninput, m->batch, e) &&
              run_batches(s, entry, &inputs, &b, output, part, e);
    dl_batch_close(&b);
    free(inputs.array);
    free(part);
    return ok;
}
