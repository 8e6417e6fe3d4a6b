/* data_made.c - data made by a formula and counter-based random numbers, so that they are
 * the same on every machine: a line with noise, a half plane, sequences of symbols. As many
 * rows again as train are the test split. The seed is the reader's own and not the run's:
 * another run sees the same data. */
#include <string.h>

#include "data_readers.h"

typedef struct Made {
    int64_t rows, seed;
} Made;

static bool begin(DlReading *r, int64_t otherwise, Made *m) {
    return dl_arg_integer(r, "rows", otherwise, 1, 100000000, &m->rows) &&
           dl_arg_integer(r, "seed", 0, 0, INT64_MAX, &m->seed) && dl_data_shape(r, 1, 1);
}

static float uniform(const Made *m, int64_t row, int64_t element) {
    return (float)dl_draw((uint64_t)m->seed, DL_DRAW_DATA, (uint64_t)row, (uint64_t)element);
}

/* Both splits are windows of one endless table: training rows first. */
static DlSplit *split_of(DlReading *r, int which, int64_t rows, int64_t *first) {
    DlSplit *s = which == 0 ? &r->data->train : &r->data->test;
    s->rows = rows;
    *first = which * rows;
    return s;
}

static bool read_linear(DlReading *r) {
    static const int64_t one[] = {1};
    double slope, intercept, noise;
    Made m;
    if (!begin(r, 100, &m) || !dl_arg_real(r, "slope", 2, -1e6, 1e6, &slope) ||
            !dl_arg_real(r, "intercept", 1, -1e6, 1e6, &intercept) ||
            !dl_arg_real(r, "noise", 0.1, 0, 1e6, &noise))
        return false;
    for (int which = 0; which < 2; which++) {
        int64_t first;
        DlSplit *s = split_of(r, which, m.rows, &first);
        if (!dl_array_make(r, &s->array[0], "x", DL_F32, m.rows, 1, one) ||
                !dl_array_make(r, &s->array[1], "y", DL_F32, m.rows, 1, one))
            return false;
        float *x = (float *)(void *)s->array[0].at, *y = (float *)(void *)s->array[1].at;
        for (int64_t i = 0; i < m.rows; i++) {
            x[i] = uniform(&m, first + i, 0);
            double error = noise * dl_draw_normal((uint64_t)m.seed, (uint64_t)(first + i), 0);
            y[i] = (float)(slope * (double)x[i] + intercept + error);
        }
    }
    return true;
}

static bool read_logistic(DlReading *r) {
    static const int64_t two[] = {2};
    Made m;
    if (!begin(r, 100, &m)) return false;
    for (int which = 0; which < 2; which++) {
        int64_t first;
        DlSplit *s = split_of(r, which, m.rows, &first);
        if (!dl_array_make(r, &s->array[0], "x", DL_F32, m.rows, 1, two) ||
                !dl_array_make(r, &s->array[1], "class", DL_U8, m.rows, 0, NULL))
            return false;
        float *x = (float *)(void *)s->array[0].at;
        for (int64_t i = 0; i < m.rows; i++) {
            x[2 * i] = uniform(&m, first + i, 0);
            x[2 * i + 1] = uniform(&m, first + i, 1);
            s->array[1].at[i] = x[2 * i] + x[2 * i + 1] > 1;
        }
    }
    return true;
}

/* The length of a sequence and the number of symbols are the model's: i32[batch, length],
 * indices below a bound (2 when it has none). */
static bool sequence_shape(DlReading *r, int64_t *length, int64_t *symbols) {
    const dl_model *m = r->request->table;
    const dl_tensor *t = m->ninput > 0 ? &m->input[0] : NULL;
    if (!t || t->rank != 2 || t->shape[1] < 1)
        return dl_fail(r->error,
                "data random_sequences: is for a model whose input is "
                "i32[batch, length]; %s has another",
                m->source);
    *length = t->shape[1];
    *symbols = t->bound > 1 ? t->bound : 2;
    return true;
}

/* Something to learn: the second half of the sequence adds up to more than the first, so
 * that the order matters, and a recurrent layer has something to remember. */
static unsigned char rises(const int32_t *x, int64_t length) {
    int64_t difference = 0;
    for (int64_t t = 0; t < length; t++)
        difference += t < length / 2 ? -(int64_t)x[t] : (int64_t)x[t];
    return difference > 0;
}

/* `labels`: "random" (there is nothing to learn but the rows themselves) or "rises". */
static bool read_random_sequences(DlReading *r) {
    Made m;
    int64_t length, symbols;
    const char *labels = dl_arg(r, "labels");
    if (!sequence_shape(r, &length, &symbols) || !begin(r, 100, &m)) return false;
    bool rule = labels && strcmp(labels, "rises") == 0;
    if (labels && !rule && strcmp(labels, "random") != 0)
        return dl_fail(r->error,
                "data random_sequences: labels are '%s', and must be random or rises", labels);
    for (int which = 0; which < 2; which++) {
        int64_t first;
        DlSplit *s = split_of(r, which, m.rows, &first);
        if (!dl_array_make(r, &s->array[0], "symbols", DL_I32, m.rows, 1, &length) ||
                !dl_array_make(r, &s->array[1], "class", DL_U8, m.rows, 0, NULL))
            return false;
        int32_t *x = (int32_t *)(void *)s->array[0].at;
        for (int64_t i = 0; i < m.rows; i++, x += length) {
            for (int64_t t = 0; t < length; t++)
                x[t] = (int32_t)(dl_draw((uint64_t)m.seed, DL_DRAW_DATA, (uint64_t)(first + i),
                                         (uint64_t)t) *
                                 (double)symbols);
            s->array[1].at[i] = rule ? rises(x, length) : uniform(&m, first + i, length) >= 0.5f;
        }
    }
    return true;
}

const DlReader dl_reader_linear = {
        .name = "linear",
        .arguments = "rows slope intercept noise seed",
        .folders = "",
        .files = "",
        .remedy = "",
        .read = read_linear,
};

const DlReader dl_reader_logistic = {
        .name = "logistic",
        .arguments = "rows seed",
        .folders = "",
        .files = "",
        .remedy = "",
        .read = read_logistic,
};

const DlReader dl_reader_random_sequences = {
        .name = "random_sequences",
        .arguments = "rows seed labels",
        .folders = "",
        .files = "",
        .remedy = "",
        .read = read_random_sequences,
};
