/* data_series.c - a table whose rows follow one another in time, as windows: the input of a row
 * is what the columns were at `length` times, f32[batch, length] of one column or
 * f32[batch, length, columns]; its target what the target's column is at the times after
 * them, f32[batch] of one or f32[batch, times]. The last part of the table is for testing; its
 * windows may begin before it, since all but the targets is known by then.
 *
 * Each column is brought to mean 0 and standard deviation 1 over the training part (`scale:
 * false` leaves it). Columns, means and deviations are kept with the weights, for a user's
 * table and for the predictions, which are told in the target's own units (units.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"
#include "real.h"
#include "table.h"

/* What the model asks for. */
typedef struct Windows {
    int64_t length, times; /* of the input; of the target */
    int64_t columns;       /* of the input */
    bool has_columns, has_times, scale;
} Windows;

/* The chosen columns, [rows][n] in the order of the input; the target's is one of them or,
 * where it is not, one more at the end. */
typedef struct Series {
    const char *path;
    int64_t rows;
    int n, target;
    char **name;
    double *at, *mean, *deviation;
} Series;

static bool windows_of(DlReading *r, Windows *w) {
    const dl_model *m = r->request->table;
    const dl_tensor *x = m->ninput > 0 ? &m->input[0] : NULL, *y = &m->input[m->ninput];
    bool fits = m->ninput == 1 && m->ntarget <= 1 && x && x->type == DL_F32 &&
                (x->rank == 2 || x->rank == 3);
    if (fits && m->ntarget == 1) fits = y->type == DL_F32 && (y->rank == 1 || y->rank == 2);
    const char *scale = dl_arg(r, "scale");
    if (!fits)
        return dl_fail(r->error,
                "data series: is for a model with an input f32[batch, length] or f32[batch, "
                "length, columns] and a target f32[batch] or f32[batch, times]; %s has others",
                m->source);
    if (scale && strcmp(scale, "true") != 0 && strcmp(scale, "false") != 0)
        return dl_fail(r->error, "data series: scale is '%s', and must be true or false", scale);
    w->length = x->shape[1];
    w->has_columns = x->rank == 3;
    w->columns = w->has_columns ? x->shape[2] : 1;
    w->has_times = m->ntarget == 1 && y->rank == 2;
    w->times = w->has_times ? y->shape[1] : 1;
    w->scale = !scale || strcmp(scale, "true") == 0;
    return true;
}

/* ---- columns ------------------------------------------------------------------------ */

static bool want_column(DlReading *r, DlTable *t, const char *name) {
    int column = dl_table_column(t, name);
    if (column < 0) return dl_table_no_column(t, name, r->error);
    if (t->column[column].width > 1)
        return dl_fail(r->error, "%s: column '%s' holds arrays, and a series is of numbers", t->path,
                name);
    t->column[column].wanted = true;
    return true;
}

static bool take_column(DlReading *r, DlTable *t, const char *name, double *at, int stride) {
    const double *number = t->column[dl_table_column(t, name)].number;
    for (int64_t i = 0; i < t->rows; i++) {
        if (isnan(number[i]))
            return dl_fail(r->error,
                    "%s:%lld: column '%s' has no value; a series has one at each time: fill it in",
                    t->path, (long long)dl_table_line(t, i), name);
        at[i * stride] = number[i];
    }
    return true;
}

/* The texts of a list that `separator` divides. */
static char **divide_list(DlReading *r, const char *list, const char *separator, int *n) {
    char **text = dl_pool_array(r->data->pool, (int64_t)strlen(list) + 1, sizeof *text, r->error);
    *n = 0;
    while (text && *list != '\0') {
        size_t length = strcspn(list, separator);
        text[*n] = dl_pool_text(r->data->pool, list, length, r->error);
        if (!text[(*n)++]) return NULL;
        list += length;
        list += strspn(list, separator);
    }
    return text;
}

/* Which columns: those of `columns` (the target's alone, or all that the model has room for). */
static bool choose(DlReading *r, const DlTable *t, const Windows *w, Series *s) {
    const char *target = dl_arg(r, "target"), *list = dl_arg(r, "columns");
    if (!target) target = t->column[t->columns - 1].name;
    if (list) {
        s->name = divide_list(r, list, " ", &s->n);
    } else {
        s->name = dl_pool_array(r->data->pool, t->columns + 1, sizeof *s->name, r->error);
        for (int i = 0; s->name && w->columns > 1 && i < t->columns; i++)
            s->name[s->n++] = (char *)t->column[i].name;
        if (s->name && w->columns == 1) s->name[s->n++] = (char *)target;
    }
    if (!s->name) return false;
    if (s->n != w->columns)
        return dl_fail(r->error,
                "data series: the model's input has %lld column%s, and %d are given; name them: "
                "columns: \"a b\"",
                (long long)w->columns, w->columns == 1 ? "" : "s", s->n);
    for (s->target = 0; s->target < s->n; s->target++)
        if (strcmp(s->name[s->target], target) == 0) return true;
    char **more = dl_pool_array(r->data->pool, s->n + 1, sizeof *more, r->error);
    if (!more) return false;
    memcpy(more, s->name, (size_t)s->n * sizeof *more);
    more[s->n] = (char *)target;
    s->name = more;
    s->target = s->n++;
    return true;
}

static bool read_series(DlReading *r, DlTable *t, Series *s) {
    int64_t count;
    s->path = t->path;
    s->rows = t->rows;
    if (!dl_times(t->rows, s->n, &count))
        return dl_fail(r->error, "%s: is too large", t->path);
    s->at = dl_pool_array(r->data->pool, count, sizeof *s->at, r->error);
    for (int i = 0; s->at && i < s->n; i++)
        if (!want_column(r, t, s->name[i])) return false;
    if (!s->at || !dl_table_load(t, r->error)) return false;
    for (int i = 0; i < s->n; i++)
        if (!take_column(r, t, s->name[i], s->at + i, s->n)) return false;
    dl_table_drop(t);
    return true;
}

/* ---- scale -------------------------------------------------------------------------- */

static bool measure(DlReading *r, Series *s, const Windows *w, int64_t rows) {
    s->mean = dl_pool_array(r->data->pool, s->n, sizeof *s->mean, r->error);
    s->deviation = dl_pool_array(r->data->pool, s->n, sizeof *s->deviation, r->error);
    for (int k = 0; s->mean && s->deviation && k < s->n; k++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < rows; i++) sum += s->at[i * s->n + k];
        double mean = w->scale ? sum / (double)rows : 0;
        for (int64_t i = 0; i < rows; i++)
            square += (s->at[i * s->n + k] - mean) * (s->at[i * s->n + k] - mean);
        s->mean[k] = mean;
        s->deviation[k] = w->scale && square > 0 ? sqrt(square / (double)rows) : 1;
    }
    return s->mean && s->deviation;
}

static void apply_scale(Series *s) {
    for (int64_t i = 0; i < s->rows; i++)
        for (int k = 0; k < s->n; k++)
            s->at[i * s->n + k] = (s->at[i * s->n + k] - s->mean[k]) / s->deviation[k];
}

static bool store(DlReading *r, const Series *s) {
    size_t size = 1;
    for (int k = 0; k < s->n; k++) size += strlen(s->name[k]) + 64;
    char *list = dl_pool_array(r->data->pool, (int64_t)size, 1, r->error), *p = list;
    for (int k = 0; list && k < s->n; k++)
        p += snprintf(p, size - (size_t)(p - list), "%s\t%.17g\t%.17g\n", s->name[k], s->mean[k],
                s->deviation[k]);
    return list && dl_meta_put(&r->data->meta, r->data->pool, "series", list, r->error);
}

/* What units.c makes predictions of: one scale for all times. */
static bool store_scale(DlReading *r, const Series *s, const Windows *w) {
    const dl_model *m = r->request->table;
    char key[256], scale[80];
    if (!w->scale || m->ntarget == 0) return true;
    snprintf(key, sizeof key, "scale.%s", m->input[m->ninput].name);
    snprintf(scale, sizeof scale, "%.17g %.17g", s->mean[s->target], s->deviation[s->target]);
    return dl_meta_put(&r->data->meta, r->data->pool, key, scale, r->error);
}

static bool load(DlReading *r, Series *s) {
    const char *list = dl_meta_get(r->request->stored, "series");
    if (!list)
        return dl_fail(r->error,
                "these weights came without the scale of the columns that they were trained on; "
                "train again, or give the input as .npy");
    int n;
    char **text = divide_list(r, list, "\t\n", &n);
    s->n = n / 3;
    s->name = dl_pool_array(r->data->pool, s->n + 1, sizeof *s->name, r->error);
    s->mean = dl_pool_array(r->data->pool, s->n + 1, sizeof *s->mean, r->error);
    s->deviation = dl_pool_array(r->data->pool, s->n + 1, sizeof *s->deviation, r->error);
    if (!text || !s->name || !s->mean || !s->deviation) return false;
    for (int k = 0; k < s->n; k++) {
        s->name[k] = text[3 * k];
        const char *mean = text[3 * k + 1], *deviation = text[3 * k + 2];
        if (!dl_real(mean, strlen(mean), &s->mean[k]) ||
                !dl_real(deviation, strlen(deviation), &s->deviation[k]) || !(s->deviation[k] > 0))
            return dl_fail(r->error, "the scale of the columns in the weights is damaged");
    }
    return true;
}

/* ---- windows ------------------------------------------------------------------------ */

static bool make_arrays(DlReading *r, const Windows *w, DlSplit *s) {
    const int64_t shape[] = {w->length, w->columns};
    return dl_array_make(
            r, &s->array[0], "window", DL_F32, s->rows, w->has_columns ? 2 : 1, shape);
}

static void fill_input(const Windows *w, const Series *s, int64_t first, float *x) {
    for (int64_t t = 0; t < w->length; t++)
        for (int64_t k = 0; k < w->columns; k++)
            x[t * w->columns + k] = (float)s->at[(first + t) * s->n + k];
}

/* The windows whose targets lie in rows [begin, end) of the series. */
static bool fill(
        DlReading *r, const Windows *w, const Series *s, int64_t begin, int64_t end, DlSplit *out) {
    int64_t first = begin > w->length ? begin : w->length;
    out->rows = end - first - w->times + 1 > 0 ? end - first - w->times + 1 : 0;
    if (!make_arrays(r, w, out) || !dl_array_make(r, &out->array[1], "following", DL_F32,
                                           out->rows, w->has_times ? 1 : 0, &w->times))
        return false;
    float *x = (float *)(void *)out->array[0].at, *y = (float *)(void *)out->array[1].at;
    for (int64_t i = 0; i < out->rows; i++) {
        fill_input(w, s, first + i - w->length, x + i * w->length * w->columns);
        for (int64_t t = 0; t < w->times; t++)
            y[i * w->times + t] = (float)s->at[(first + i + t) * s->n + s->target];
    }
    return true;
}

/* The scale that came with the weights, where there is one; else that of the training part. */
static bool settle_scale(DlReading *r, Series *s, const Windows *w, int64_t end) {
    if (!dl_meta_get(r->request->stored, "series")) return measure(r, s, w, end);
    Series kept = {0};
    if (!load(r, &kept)) return false;
    bool same = kept.n == s->n;
    for (int k = 0; same && k < s->n; k++) same = strcmp(kept.name[k], s->name[k]) == 0;
    if (!same)
        return dl_fail(r->error, "data series: these weights are of other columns than the model "
                "file names; train again, or name the columns that they are of");
    s->mean = kept.mean;
    s->deviation = kept.deviation;
    return true;
}

static bool read_windows(DlReading *r) {
    const char *file = dl_arg(r, "file"), *path;
    double test;
    Windows w;
    DlTable t;
    Series s = {0};
    if (!file) return dl_fail(r->error, "data series: name the file: series(\"table.csv\")");
    path = dl_find_named(r, file);
    if (!path || !dl_arg_real(r, "test", 0.2, 0, 1, &test) || !windows_of(r, &w) ||
            !dl_table_open(r->data->pool, path, NULL, &t, r->error) || !choose(r, &t, &w, &s) ||
            !read_series(r, &t, &s) || !dl_data_shape(r, 1, 1))
        return false;
    int64_t end = s.rows - llround(test * (double)s.rows);
    if (end < w.length + w.times)
        return dl_fail(r->error,
                "%s: has %lld rows for training, and a window and its target take %lld", path,
                (long long)end, (long long)(w.length + w.times));
    if (!settle_scale(r, &s, &w, end) || !store(r, &s) || !store_scale(r, &s, &w))
        return false;
    apply_scale(&s);
    return fill(r, &w, &s, 0, end, &r->data->train) &&
           fill(r, &w, &s, end, s.rows, &r->data->test);
}

/* The end of a user's table, one window: what comes next? */
static bool prepare_series(DlReading *r, const char *path, DlSplit *out) {
    Windows w;
    DlTable t;
    Series s = {0};
    if (!windows_of(r, &w) || !dl_table_open(r->data->pool, path, NULL, &t, r->error) || !load(r, &s))
        return false;
    if (s.n < w.columns)
        return dl_fail(r->error, "these weights are of a series of %d columns, and the model's "
                "input has %lld", s.n, (long long)w.columns);
    if (!read_series(r, &t, &s)) return false;
    if (s.rows < w.length)
        return dl_fail(r->error, "%s: has %lld rows; the model looks at %lld", path,
                (long long)s.rows, (long long)w.length);
    apply_scale(&s);
    out->rows = 1;
    if (!dl_data_shape(r, 1, r->request->table->ntarget) || !make_arrays(r, &w, out)) return false;
    fill_input(&w, &s, s.rows - w.length, (float *)(void *)out->array[0].at);
    return true;
}

const DlReader dl_reader_series = {
        .name = "series",
        .arguments = "file target columns test scale",
        .folders = "",
        .files = "one .csv file",
        .remedy = DL_PLACE,
        .libraries = "-lcjson",
        .read = read_windows,
        .prepare = prepare_series,
};
