/* data_npy.c - NumPy arrays: train_NAME.npy and test_NAME.npy for each input and target NAME
 * of the model. Without test files, evenly spaced training rows test. An input without a
 * batch axis is one file, NAME.npy. */
#include <string.h>

#include "data_readers.h"

static bool read_one(DlReading *r, const char *split, const dl_tensor *t, bool required, DlSplit *s,
        DlArray *a) {
    char file[256];
    int64_t rows;
    bool fixed = t->rank == 0 || t->shape[0] >= 0;
    snprintf(file, sizeof file, "%s%s%s.npy", fixed ? "" : split, fixed ? "" : "_", t->name);
    const char *path = dl_find(r, file, required);
    if (!path) return !required && r->error->text[0] == '\0';
    if (!dl_npy_read(r->data->pool, path, a, &rows, r->error)) return false;
    if (fixed) return dl_array_fix(a, rows, r->error);
    if (s->rows > 0 && s->rows != rows)
        return dl_fail(r->error, "%s: has %lld rows, and the arrays before it %lld", path,
                (long long)rows, (long long)s->rows);
    s->rows = rows;
    return true;
}

static bool read_split(DlReading *r, const char *split, bool required, DlSplit *s) {
    const dl_model *m = r->request->table;
    for (int k = 0; k < m->ninput + m->ntarget; k++)
        if (!read_one(r, split, &m->input[k], required || s->rows > 0, s, &s->array[k]))
            return false;
    return true;
}

static bool read_npy(DlReading *r) {
    const dl_model *m = r->request->table;
    double test;
    return dl_arg_real(r, "test", 0.2, 0, 1, &test) && dl_data_shape(r, m->ninput, m->ntarget) &&
           read_split(r, "train", true, &r->data->train) &&
           read_split(r, "test", false, &r->data->test) &&
           (r->data->test.rows > 0 || dl_data_divide(r, test));
}

const DlReader dl_reader_npy = {
        .name = "npy",
        .arguments = "folder test",
        .folders = "",
        .files = "train_NAME.npy and test_NAME.npy for each input and target NAME",
        .remedy = DL_PLACE,
        .read = read_npy,
};
