/* data_npy.c - NumPy arrays: train_NAME and test_NAME for each input and target NAME of the model,
 * each in a .npy file of a folder, or all in one .npz file, where NAME alone serves too. Without
 * arrays to test with, evenly spaced training rows test. An input without a batch axis is one array,
 * NAME. */
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"

/* Where arrays come from: a folder that is sought, or an archive. */
typedef struct Source {
    DlReading *r;
    const DlFiles *archive; /* NULL: files */
} Source;

static int by_path(const void *a, const void *b) {
    return strcmp(((const DlFile *)a)->path, ((const DlFile *)b)->path);
}

static const DlFile *file_named(const DlFiles *a, const char *name) {
    const DlFile sought = {.path = name};
    return bsearch(&sought, a->file, (size_t)a->n, sizeof *a->file, by_path);
}

static bool no_array(Source *s, const char *file) {
    const DlFiles *a = s->archive;
    char list[1024] = "";
    for (int64_t i = 0; i < a->n; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", a->file[i].path);
    }
    return dl_fail(s->r->error, "%s: holds no array %s; it has %s", a->from, file, list);
}

/* *found: whether the array is there. False after a message. */
static bool fetch(
        Source *s, const char *file, bool required, DlArray *a, int64_t *rows, bool *found) {
    DlReading *r = s->r;
    DlBytes b;
    if (!s->archive) {
        const char *path = dl_find(r, file, required);
        *found = path != NULL;
        return path ? dl_npy_read(r->data->pool, path, a, rows, r->error)
                    : !required && r->error->text[0] == '\0';
    }
    const DlFile *at = file_named(s->archive, file);
    *found = at != NULL;
    if (!at) return !required || no_array(s, file);
    return dl_files_read(r->data->pool, s->archive, at - s->archive->file, &b, r->error) &&
           dl_npy_of(r->data->pool, &b, a, rows, r->error);
}

static bool read_one(
        Source *s, const char *split, const dl_tensor *t, bool required, DlSplit *out, DlArray *a) {
    char file[256];
    int64_t rows;
    bool fixed = t->rank == 0 || t->shape[0] >= 0, found;
    const char *before = fixed ? "" : split;
    snprintf(file, sizeof file, "%s%s%s.npy", before, before[0] ? "_" : "", t->name);
    if (!fetch(s, file, required, a, &rows, &found)) return false;
    if (!found) return true;
    if (fixed) return dl_array_fix(a, rows, s->r->error);
    if (out->rows > 0 && out->rows != rows)
        return dl_fail(s->r->error, "%s: has %lld rows, and the arrays before it %lld", a->name,
                (long long)rows, (long long)out->rows);
    out->rows = rows;
    return true;
}

/* The first `n` arrays; what is there of them must be there of all. */
static bool read_split(Source *s, const char *split, bool required, int n, DlSplit *out) {
    const dl_model *m = s->r->request->table;
    for (int k = 0; k < n; k++)
        if (!read_one(s, split, &m->input[k], required || out->rows > 0, out, &out->array[k]))
            return false;
    return true;
}

static bool read_splits(Source *s, const char *train) {
    DlReading *r = s->r;
    const dl_model *m = r->request->table;
    const int n = m->ninput + m->ntarget;
    double test;
    return dl_arg_real(r, "test", 0.2, 0, 1, &test) && dl_data_shape(r, m->ninput, m->ntarget) &&
           read_split(s, train, true, n, &r->data->train) &&
           read_split(s, "test", false, n, &r->data->test) &&
           (r->data->test.rows > 0 || dl_data_divide(r, test));
}

static bool read_npy(DlReading *r) {
    Source s = {r, NULL};
    return read_splits(&s, "train");
}

/* ---- .npz ------------------------------------------------------------------------------------ */

/* "train", when the arrays are called so. */
static const char *prefix_of(const dl_model *m, const DlFiles *a) {
    char file[256];
    for (int k = 0; k < m->ninput; k++) {
        snprintf(file, sizeof file, "train_%s.npy", m->input[k].name);
        if (file_named(a, file)) return "train";
    }
    return "";
}

static bool read_npz(DlReading *r) {
    const char *name = dl_arg(r, "file"), *path;
    DlFiles archive;
    Source s = {r, &archive};
    if (!name) return dl_fail(r->error, "data npz: name the file: npz(\"arrays.npz\")");
    path = dl_find_named(r, name);
    return path && dl_files_open(r->data->pool, path, &archive, r->error) &&
           read_splits(&s, prefix_of(r->request->table, &archive));
}

static bool prepare_npz(DlReading *r, const char *path, DlSplit *out) {
    const dl_model *m = r->request->table;
    DlFiles archive;
    Source s = {r, &archive};
    return dl_files_open(r->data->pool, path, &archive, r->error) &&
           dl_data_shape(r, m->ninput, m->ntarget) && read_split(&s, "", true, m->ninput, out);
}

const DlReader dl_reader_npy = {
        .name = "npy",
        .arguments = "folder test",
        .folders = "",
        .files = "train_NAME.npy and test_NAME.npy for each input and target NAME",
        .remedy = DL_PLACE,
        .libraries = "-larchive",
        .read = read_npy,
};

const DlReader dl_reader_npz = {
        .name = "npz",
        .arguments = "file test",
        .folders = "",
        .files = "one .npz file",
        .remedy = DL_PLACE,
        .libraries = "-larchive",
        .read = read_npz,
        .prepare = prepare_npz,
};
