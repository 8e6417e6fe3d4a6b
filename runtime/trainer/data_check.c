/* data_check.c - holds data against the model: as many arrays as it has inputs and targets,
 * rows of their shapes, values that their types can hold, indices and labels in range.
 *
 * A row is laid out row-major on both sides, so shapes agree when one only merges or splits
 * neighbouring axes of the other: 28 x 28 is 784 is 28 x 28 x 1, but 32 x 32 x 3 is not
 * 3 x 32 x 32. Numbers may change their type as long as no value changes; reals may lose
 * digits. */
#include <math.h>
#include <string.h>

#include "reader.h"

/* f32[batch, 28, 28] of a tensor of the table, and u8[28, 28] of a row of data. */
static void put_shape(char *text, size_t size, const char *type, int rank, const int64_t *shape) {
    size_t n = (size_t)snprintf(text, size, "%s", type);
    for (int i = 0; i < rank && n < size; i++) {
        const char *before = i == 0 ? "[" : ", ";
        n += (size_t)(shape[i] < 0 ? snprintf(text + n, size - n, "%sbatch", before)
                                   : snprintf(text + n, size - n, "%s%lld", before,
                                             (long long)shape[i]));
    }
    if (rank > 0 && n < size) snprintf(text + n, size - n, "]");
}

/* The axes longer than 1. */
static int drop_ones(int n, const int64_t *shape, int64_t *out) {
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (shape[i] != 1) out[kept++] = shape[i];
    return kept;
}

/* Walks both shapes to where the products of their axes meet: between two meetings at most
 * one of them may have more than one axis. */
static bool shapes_agree(int m, const int64_t *full_a, int n, const int64_t *full_b) {
    int64_t a[DL_RANK], b[DL_RANK];
    if (m > DL_RANK || n > DL_RANK) return false;
    m = drop_ones(m, full_a, a);
    n = drop_ones(n, full_b, b);
    int i = 0, k = 0;
    while (i < m && k < n) {
        int64_t p = a[i++], q = b[k++];
        int more_a = 0, more_b = 0;
        while (p != q) {
            if (p < q && i < m && dl_times(p, a[i++], &p))
                more_a++;
            else if (q < p && k < n && dl_times(q, b[k++], &q))
                more_b++;
            else
                return false;
        }
        if (more_a > 0 && more_b > 0) return false;
    }
    return i == m && k == n;
}

/* An array without the axis of the rows: the user has one row in mind. */
static bool is_one_row(const dl_tensor *t, const DlArray *a, int64_t rows) {
    int64_t shape[DL_RANK + 1] = {rows};
    memcpy(shape + 1, a->shape, (size_t)a->rank * sizeof *shape);
    return shapes_agree(t->rank - 1, t->shape + 1, a->rank + 1, shape);
}

static bool check_shape(const dl_model *m, const dl_tensor *t, const DlArray *a, int64_t rows,
        const char *what, DlError *e) {
    int skip = t->rank > 0 && t->shape[0] < 0;
    if (skip == a->fixed)
        return dl_fail(e,
                skip ? "%s:%d: '%s' has one value for each row, and the data one for all"
                     : "%s:%d: '%s' has no batch axis, and the data one value for each row",
                m->source, t->line, t->name);
    if (shapes_agree(t->rank - skip, t->shape + skip, a->rank, a->shape)) return true;
    char want[200], have[200];
    put_shape(want, sizeof want, dl_type_name(t->type), t->rank, t->shape);
    put_shape(have, sizeof have, dl_type_name(a->type), a->rank, a->shape);
    const char *remedy = skip && is_one_row(t, a, rows) ? "; if it is one row, store x[None]" : "";
    return dl_fail(e, "%s:%d: '%s' is %s, but a row of the %s data ('%s') is %s%s", m->source,
            t->line, t->name, want, what, a->name, have, remedy);
}

/* The values that a tensor may hold: [least, most], whole or real. */
typedef struct Range {
    double least, most;
    bool whole;
} Range;

static Range range_of(const dl_tensor *t) {
    Range r = {-INFINITY, INFINITY, true};
    if (t->type == DL_U8)
        r = (Range){0, UINT8_MAX, true};
    else if (t->type == DL_I32)
        r = (Range){INT32_MIN, INT32_MAX, true};
    else
        r.whole = t->type == DL_I64;
    if (t->bound > 0 && r.whole) {
        r.least = 0;
        r.most = fmin(r.most, (double)(t->bound - 1));
    }
    return r;
}

/* Whether every value of the array's own type lies in the range: nothing is to be checked. */
static bool always_in(const DlArray *a, Range r) {
    if (a->type == DL_U8) return r.least <= 0 && r.most >= UINT8_MAX;
    return a->type == DL_I32 && r.least <= INT32_MIN && r.most >= INT32_MAX;
}

static bool bad_value(const dl_model *m, const dl_tensor *t, const DlArray *a, const char *what,
        int64_t row, double v, Range r, DlError *e) {
    if (!isfinite(v))
        return dl_fail(e, "%s data, row %lld: '%s' is %s; remove the row or fill in a number", what,
                (long long)row, a->name, isnan(v) ? "not a number" : "infinite");
    if (r.whole && v != floor(v))
        return dl_fail(e, "%s:%d: '%s' is %s, but row %lld of the %s data ('%s') holds %.9g",
                m->source, t->line, t->name, dl_type_name(t->type), (long long)row, what, a->name,
                v);
    return dl_fail(e,
            "%s:%d: '%s' must lie from %.0f to %.0f, but row %lld of the %s data ('%s') "
            "holds %.9g",
            m->source, t->line, t->name, r.least, r.most, (long long)row, what, a->name, v);
}

static bool check_values(const dl_model *m, const DlSplit *s, int k, const char *what, DlError *e) {
    const dl_tensor *t = &m->input[k];
    const DlArray *a = &s->array[k];
    Range r = range_of(t);
    size_t each = a->stride / dl_type_size(a->type);
    int64_t rows = a->fixed && s->rows > 0 ? 1 : s->rows;
    if (always_in(a, r)) return true;
    for (int64_t row = 0; row < rows; row++) {
        const unsigned char *at = dl_row(s, k, row);
        for (size_t i = 0; i < each; i++) {
            double v = dl_value_at(a->type, at, i);
            if (!(v >= r.least && v <= r.most && isfinite(v)) || (r.whole && v != floor(v)))
                return bad_value(m, t, a, what, row, v, r, e);
        }
    }
    return true;
}

bool dl_split_check(const dl_model *m, const DlSplit *s, int narray, const char *what, DlError *e) {
    for (int k = 0; k < narray; k++)
        if (!check_shape(m, &m->input[k], &s->array[k], s->rows, what, e) ||
                !check_values(m, s, k, what, e))
            return false;
    return true;
}

bool dl_data_check(const DlReading *r) {
    const dl_model *m = r->request->table;
    DlData *d = r->data;
    const char *name = r->reader->name;
    if (d->ninput != m->ninput)
        return dl_fail(r->error, "%s: the model has %d input%s, and data %s has %d", m->source,
                m->ninput, m->ninput == 1 ? "" : "s", name, d->ninput);
    if (d->ntarget < m->ntarget)
        return dl_fail(r->error, "%s: the model has %d target%s, and data %s has %d", m->source,
                m->ntarget, m->ntarget == 1 ? "" : "s", name, d->ntarget);
    if (d->train.rows < 1) return dl_fail(r->error, "data %s: holds no training rows", name);
    d->ntarget = m->ntarget; /* an auto-encoder has no use for the labels */
    return dl_split_check(m, &d->train, m->ninput + m->ntarget, "training", r->error) &&
           dl_split_check(m, &d->test, m->ninput + m->ntarget, "test", r->error);
}
