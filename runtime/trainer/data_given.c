/* data_given.c - the rows that a user names: --input x.npy, --input words=review.txt. A .npy
 * file is one input; another file goes through the reader of the training data, which
 * prepares it as it prepared those. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

static bool is_named(const DlBinding *b, const char *name) {
    return b->name && strlen(name) == b->length && strncmp(b->name, name, b->length) == 0;
}

static bool ends_in_npy(const char *file) {
    size_t n = strlen(file);
    return n > 4 && strcmp(file + n - 4, ".npy") == 0;
}

static void list_names(const dl_tensor *t, int n, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", i ? ", " : "", t[i].name);
    }
}

/* Every binding must name one of the tensors, unless there is one of each. */
static bool check_names(
        const dl_tensor *t, int n, const char *kind, const DlBinding *b, int count, DlError *e) {
    char names[512];
    list_names(t, n, names, sizeof names);
    for (int i = 0; i < count; i++) {
        int known = 0;
        for (int k = 0; k < n; k++) known += is_named(&b[i], t[k].name);
        if (b[i].name && !known)
            return dl_fail(e, "--%s %s: there is no %s of that name; there is %s", kind, b[i].name,
                    kind, names);
        if (!b[i].name && (n != 1 || count != 1))
            return dl_fail(e,
                    "--%s %s: say which of them it is: --%s NAME=%s, where NAME is one of %s", kind,
                    b[i].file, kind, b[i].file, names);
    }
    return true;
}

static bool read_array(
        const DlReading *r, const dl_tensor *t, const char *path, DlSplit *s, DlArray *a) {
    int64_t rows;
    if (!dl_npy_read(r->data->pool, path, a, &rows, r->error)) return false;
    if (t->rank == 0 || t->shape[0] >= 0) return dl_array_fix(a, rows, r->error);
    if (s->rows > 0 && s->rows != rows)
        return dl_fail(r->error, "%s: has %lld rows, and the arrays before it %lld", path,
                (long long)rows, (long long)s->rows);
    s->rows = rows;
    return true;
}

/* Arrays for the tensors [first, first + n) of the table, from .npy files. */
static bool read_arrays(const DlReading *r, int first, int n, const char *kind, const DlBinding *b,
        int count, DlSplit *s) {
    const dl_tensor *t = r->request->table->input + first;
    if (!check_names(t, n, kind, b, count, r->error)) return false;
    for (int k = 0; k < n; k++) {
        const char *file = NULL;
        for (int i = 0; i < count; i++)
            if (!b[i].name || is_named(&b[i], t[k].name)) file = b[i].file;
        if (!file)
            return dl_fail(r->error, "no file is given for '%s': add --%s %s=FILE.npy", t[k].name,
                    kind, t[k].name);
        if (!read_array(r, &t[k], file, s, &s->array[first + k])) return false;
    }
    return true;
}

static bool prepare(DlReading *r, const char *file, DlSplit *s) {
    r->reader = dl_reader_named(r->request->config->readers, r->request->config->reader);
    if (!r->reader || !r->reader->prepare)
        return dl_fail(r->error,
                "%s: is not a .npy file, and there is no reader here that makes "
                "inputs of others; store it with numpy.save",
                file);
    return r->reader->prepare(r, file, s);
}

static bool read_given(DlReading *r, const DlOptions *o, bool targets) {
    const dl_model *m = r->request->table;
    DlSplit *s = &r->data->train;
    s->array = dl_pool_array(r->data->pool, m->ninput + m->ntarget, sizeof(DlArray), r->error);
    if (!s->array) return false;
    bool whole = o->ninput == 1 && !ends_in_npy(o->input[0].file);
    bool ok = whole ? prepare(r, o->input[0].file, s)
                    : read_arrays(r, 0, m->ninput, "input", o->input, o->ninput, s);
    if (ok && targets)
        ok = read_arrays(r, m->ninput, m->ntarget, "target", o->target, o->ntarget, s);
    if (ok && s->rows < 1) return dl_fail(r->error, "the input holds no rows");
    return ok && dl_split_check(m, s, m->ninput + (targets ? m->ntarget : 0), "given", r->error);
}

DlData *dl_data_given(const DlRequest *q, const DlOptions *o, bool targets, DlError *e) {
    DlData *d = calloc(1, sizeof *d);
    if (d) d->pool = dl_pool_new();
    if (d && d->pool) dl_pool_bound(d->pool, q->data_memory);
    DlReading r = {.request = q, .data = d, .error = e};
    if (!d || !d->pool)
        dl_error(e, "out of memory");
    else if (read_given(&r, o, targets))
        return d;
    dl_data_free(d);
    return NULL;
}
