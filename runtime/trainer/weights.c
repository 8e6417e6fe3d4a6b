/* weights.c - weight files, with what prepared the data beside the weights; the runtime's
 * file functions do the work, and this says in words what went wrong. */
#include <errno.h>
#include <string.h>

#include "reader.h"

static bool file_error(const DlSession *s, int status, const char *doing, const char *path,
        const dl_fault *f, DlError *e) {
    const dl_model *m = s->table;
    if (status == DL_E_OPEN)
        return dl_fail(e, "%s: cannot be %s: %s", path, doing, strerror(errno));
    if (status == DL_E_MISMATCH && f && f->tensor >= 0 && f->tensor < m->ntensor)
        return dl_fail(e,
                "%s: holds the weights of another model: '%s' (%s:%d) is not in it, or has "
                "another shape there; train this model, or use the model that wrote the file",
                path, m->tensor[f->tensor].name, m->source, m->tensor[f->tensor].line);
    if (status == DL_E_MISMATCH)
        return dl_fail(e, "%s: holds the weights of another model, not of %s (%s)", path, m->name,
                m->source);
    return dl_fail(e, "%s: cannot be %s: %s", path, doing, dl_message(status));
}

bool dl_weights_save(const DlSession *s, const DlMeta *meta, const char *path, DlError *e) {
    int status = dl_save_file(s->table, s->model, DL_WEIGHTS, meta->n, meta->pair, path);
    return status == DL_OK || file_error(s, status, "written", path, NULL, e);
}

bool dl_weights_load(const DlSession *s, const char *path, DlError *e) {
    dl_fault f = {.tensor = -1};
    int status = dl_load_file(s->table, s->model, DL_WEIGHTS, path, &f);
    return status == DL_OK || file_error(s, status, "read", path, &f, e);
}

bool dl_weights_meta(const char *path, DlPool *pool, DlMeta *meta, DlError *e) {
    char key[DL_KEY];
    size_t length;
    *meta = (DlMeta){0};
    for (int i = 0;; i++) {
        int status = dl_file_pair(path, i, key, NULL, 0, &length);
        if (status == DL_E_MISMATCH) return true;
        char *value = status == DL_OK ? dl_pool_array(pool, (int64_t)length + 1, 1, e) : NULL;
        if (value) status = dl_file_pair(path, i, key, value, length + 1, &length);
        if (status == DL_E_OPEN) return dl_fail(e, "%s: cannot be read: %s", path, strerror(errno));
        if (status != DL_OK) return dl_fail(e, "%s: cannot be read: %s", path, dl_message(status));
        if (!value || !dl_meta_put(meta, pool, key, value, e)) return false;
    }
}
