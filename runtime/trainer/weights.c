/* weights.c - weight files, with what prepared the data beside the weights; the runtime's
 * file functions do the work, and this says in words what went wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "training.h"

static bool file_error(const DlSession *s, int status, const char *doing, const char *path,
        const dl_fault *f, DlError *e) {
    const dl_model *m = s->table;
    if (status == DL_E_OPEN)
        return dl_fail(e, "%s: cannot be %s: %s%s", path, doing, strerror(errno),
                doing[0] == 'w' ? "; what was there is as it was" : "");
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
    dl_kind kind = DL_WEIGHTS;
    if (dl_file_kind(path, &kind) == DL_OK && kind == DL_CHECKPOINT)
        return dl_checkpoint_weights(s, path, e);
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

/* ---- initial weights: what fits of a file of any model ------------------------------- */

/* Lists of names, as long as there is room; `n` counts all. */
typedef struct Names {
    int n;
    char text[1500];
} Names;

static void add_name(Names *list, const char *name) {
    size_t used = strlen(list->text);
    if (used + strlen(name) + 8 < sizeof list->text)
        snprintf(list->text + used, sizeof list->text - used, "%s%s", used ? ", " : "", name);
    else if (used + 6 < sizeof list->text && strcmp(list->text + used - 3, "...") != 0)
        strcat(list->text, ", ...");
    list->n++;
}

typedef struct Beginning {
    const dl_model *table;
    unsigned char *wanted, *loaded, *told; /* by tensor */
    Names other_shape, other_name;
} Beginning;

static void put_shape(
        char *text, size_t size, int rank, const int64_t *here, const uint64_t *there) {
    size_t used = strlen(text);
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "[",
                here ? (long long)here[i] : (long long)there[i]);
    if (used < size) snprintf(text + used, size - used, rank ? "]" : "[]");
}

static void tell(void *context, const dl_found *f) {
    Beginning *b = context;
    char text[512];
    if (f->tensor < 0 && !strchr(f->name, '/')) add_name(&b->other_name, f->name);
    if (f->tensor < 0) return;
    b->loaded[f->tensor] = f->loaded != 0;
    b->told[f->tensor] = 1;
    if (f->loaded || !b->wanted[f->tensor]) return;
    const dl_tensor *t = &b->table->tensor[f->tensor];
    snprintf(text, sizeof text, "%.200s (", t->name);
    put_shape(text, sizeof text - 32, t->rank, t->shape, NULL);
    strcat(text, " here, ");
    put_shape(text, sizeof text - 16, f->rank, NULL, f->shape);
    strcat(text, " there)");
    add_name(&b->other_shape, text);
}

static bool is_weight(const dl_tensor *t) {
    return t->role == DL_PARAMETER || t->role == DL_STATE;
}

static bool choose(Beginning *b, int npattern, const char *const *pattern, DlError *e) {
    for (int k = 0; k < npattern; k++) {
        int met = 0;
        for (int i = 0; i < b->table->ntensor; i++) {
            const dl_tensor *t = &b->table->tensor[i];
            if (!is_weight(t) || !dl_pattern_matches(pattern[k], t->name)) continue;
            b->wanted[i] = 1;
            met++;
        }
        if (!met)
            return dl_fail(e,
                    "--match %s: no parameter of %s has such a path; `*` is any text, as in "
                    "--match \"conv2d*\"",
                    pattern[k], b->table->name);
    }
    for (int i = 0; i < b->table->ntensor && npattern == 0; i++)
        b->wanted[i] = is_weight(&b->table->tensor[i]);
    return true;
}

static void say_beginning(const Beginning *b, const char *path, FILE *say) {
    Names missing = {0};
    int wanted = 0, loaded = 0;
    for (int i = 0; i < b->table->ntensor; i++) {
        wanted += b->wanted[i];
        loaded += b->loaded[i];
        if (b->wanted[i] && !b->told[i]) add_name(&missing, b->table->tensor[i].name);
    }
    fprintf(say, "initial weights from %s: %d of %d tensors\n", path, loaded, wanted);
    if (missing.n) fprintf(say, "  not in it: %s\n", missing.text);
    if (b->other_shape.n) fprintf(say, "  of another shape in it: %s\n", b->other_shape.text);
    if (b->other_name.n) fprintf(say, "  in it alone: %s\n", b->other_name.text);
}

static bool load_matching(const DlSession *s, Beginning *b, const char *path, DlError *e) {
    const dl_matching matching = {b->wanted, tell, b};
    int status = dl_load_matching(s->table, s->model, path, &matching);
    int loaded = 0;
    for (int i = 0; i < s->table->ntensor; i++) loaded += b->loaded[i];
    if (status != DL_OK) return file_error(s, status, "read", path, NULL, e);
    if (loaded == 0)
        return dl_fail(e, "%s: none of its tensors has the name and the shape of a parameter of %s",
                path, s->table->name);
    dl_average_begin(s, b->loaded);
    return true;
}

bool dl_weights_begin(const DlSession *s, const char *path, int npattern,
        const char *const *pattern, FILE *say, DlError *e) {
    size_t n = (size_t)s->table->ntensor + 1;
    Beginning *b = calloc(1, sizeof *b);
    unsigned char *flags = calloc(3, n);
    bool ok = (b && flags) || dl_fail(e, "out of memory");
    if (ok) {
        *b = (Beginning){
                .table = s->table, .wanted = flags, .loaded = flags + n, .told = flags + 2 * n};
        ok = choose(b, npattern, pattern, e) && load_matching(s, b, path, e);
    }
    if (ok && say) say_beginning(b, path, say);
    free(flags);
    free(b);
    return ok;
}

/* What tells the meaning of an index, in whole or at the beginning. */
static bool names_indices(const char *key) {
    return strcmp(key, "words") == 0 || strcmp(key, "characters") == 0 ||
           strncmp(key, "categories.", 11) == 0;
}

bool dl_weights_compare(
        const char *path, const DlMeta *here, DlPool *pool, FILE *say, DlError *e) {
    DlMeta there = {0};
    Names other = {0};
    if (!dl_weights_meta(path, pool, &there, e)) return false;
    for (int i = 0; i < here->n; i++) {
        const char *value = dl_meta_get(&there, here->pair[i].key);
        bool differs = value && strcmp(value, here->pair[i].value) != 0;
        if (differs && names_indices(here->pair[i].key)) add_name(&other, here->pair[i].key);
    }
    if (other.n)
        fprintf(say,
                "  its %s are others than those of these data: what it learnt of one is taken for "
                "what has the same index here; leave such layers out with --match\n",
                other.text);
    return true;
}
