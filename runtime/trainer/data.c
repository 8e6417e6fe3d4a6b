/* data.c - the readers' arguments, the parts of a data set that they all build, and how one is
 * opened: found, read, held against the model. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "near.h"
#include "reader.h"

/* ---- arguments ---------------------------------------------------------------------- */

/* The place of a name in a list separated by blanks, or -1. */
static int place_of(const char *list, const char *name) {
    size_t length = strlen(name);
    for (int i = 0; *list != '\0'; i++) {
        size_t n = strcspn(list, " ");
        if (n == length && strncmp(list, name, n) == 0) return i;
        list += n + strspn(list + n, " ");
    }
    return -1;
}

static int count_words(const char *list) {
    int n = 0;
    for (; *list != '\0'; n++) {
        list += strcspn(list, " ");
        list += strspn(list, " ");
    }
    return n;
}

const char *dl_arg(const DlReading *r, const char *name) {
    const DlConfig *c = r->request->config;
    if (r->request->whole && strcmp(name, "test") == 0) return "0";
    int place = place_of(r->reader->arguments, name), position = 0;
    for (int i = 0; i < c->narg; i++) {
        if (c->arg[i].name ? strcmp(c->arg[i].name, name) == 0 : position == place)
            return c->arg[i].text;
        position += c->arg[i].name == NULL;
    }
    return NULL;
}

static bool no_argument(const DlReading *r, const char *name) {
    char hint[96];
    DlNear near = dl_near(name);
    for (const char *list = r->reader->arguments; *list != '\0';) {
        size_t n = strcspn(list, " ");
        dl_near_offer(&near, list, n);
        list += n + strspn(list + n, " ");
    }
    dl_near_hint(&near, hint, sizeof hint);
    return dl_fail(r->error, "data %s: has no argument '%s'%s It takes %s", r->reader->name, name,
            hint[0] ? hint : ".", r->reader->arguments);
}

static bool check_arguments(const DlReading *r) {
    const DlConfig *c = r->request->config;
    int position = 0;
    for (int i = 0; i < c->narg; i++) {
        if (c->arg[i].name && place_of(r->reader->arguments, c->arg[i].name) < 0)
            return no_argument(r, c->arg[i].name);
        position += c->arg[i].name == NULL;
    }
    if (position > count_words(r->reader->arguments))
        return dl_fail(r->error, "data %s: %d arguments are given; it takes %s", r->reader->name,
                position, r->reader->arguments);
    return true;
}

bool dl_arg_real(const DlReading *r, const char *name, double otherwise, double least, double most,
        double *out) {
    const char *text = dl_arg(r, name);
    char *end = NULL;
    *out = text ? strtod(text, &end) : otherwise;
    if (text && (end == text || *end != '\0' || !isfinite(*out) || *out < least || *out > most))
        return dl_fail(r->error, "data %s: %s is '%s', and must be a number from %g to %g",
                r->reader->name, name, text, least, most);
    return true;
}

bool dl_arg_integer(const DlReading *r, const char *name, int64_t otherwise, int64_t least,
        int64_t most, int64_t *out) {
    const char *text = dl_arg(r, name);
    char *end = NULL;
    errno = 0;
    *out = text ? strtoll(text, &end, 10) : otherwise;
    if (text && (end == text || *end != '\0' || errno != 0 || *out < least || *out > most))
        return dl_fail(r->error,
                "data %s: %s is '%s', and must be a whole number from %lld to %lld",
                r->reader->name, name, text, (long long)least, (long long)most);
    return true;
}

/* ---- building ----------------------------------------------------------------------- */

bool dl_data_shape(DlReading *r, int ninput, int ntarget) {
    DlData *d = r->data;
    d->ninput = ninput;
    d->ntarget = ntarget;
    d->train.array = dl_pool_array(d->pool, ninput + ntarget, sizeof(DlArray), r->error);
    d->test.array = dl_pool_array(d->pool, ninput + ntarget, sizeof(DlArray), r->error);
    return d->train.array && d->test.array;
}

static bool describe_array(DlReading *r, DlArray *a, const char *name, dl_type type, int64_t rows,
        int rank, const int64_t *shape, int64_t *bytes) {
    int64_t stride = (int64_t)dl_type_size(type);
    *a = (DlArray){.name = name, .type = type, .rank = rank};
    for (int i = 0; i < rank; i++) {
        a->shape[i] = shape[i];
        if (!dl_times(stride, shape[i], &stride))
            return dl_fail(r->error, "data %s: a row of %s is too large", r->reader->name, name);
    }
    if (!dl_times(stride, rows, bytes))
        return dl_fail(r->error, "data %s: %lld rows of %s are too many", r->reader->name,
                (long long)rows, name);
    a->stride = (size_t)stride;
    return true;
}

bool dl_array_make(DlReading *r, DlArray *a, const char *name, dl_type type, int64_t rows, int rank,
        const int64_t *shape) {
    int64_t bytes;
    if (!describe_array(r, a, name, type, rows, rank, shape, &bytes)) return false;
    a->at = dl_pool_array(r->data->pool, bytes, 1, r->error);
    a->paged = a->at && dl_pool_is_file(r->data->pool, a->at);
    return a->at != NULL;
}

bool dl_array_around(DlReading *r, DlArray *a, const char *name, dl_type type, int64_t rows,
        int rank, const int64_t *shape, void *at) {
    int64_t bytes;
    if (!describe_array(r, a, name, type, rows, rank, shape, &bytes)) return false;
    a->at = at;
    a->paged = dl_pool_is_file(r->data->pool, at);
    return true;
}

bool dl_data_classes(DlReading *r, int n, const char *const *name) {
    const char **copy = dl_pool_array(r->data->pool, n, sizeof *copy, r->error);
    int64_t length = 1;
    for (int i = 0; copy && i < n; i++) {
        copy[i] = dl_pool_text(r->data->pool, name[i], strlen(name[i]), r->error);
        if (!copy[i]) return false;
        length += (int64_t)strlen(name[i]) + 1;
    }
    char *list = dl_pool_array(r->data->pool, length, 1, r->error);
    if (!copy || !list) return false;
    for (int i = 0; i < n; i++) {
        strcat(list, name[i]);
        strcat(list, i + 1 < n ? "\n" : "");
    }
    r->data->nclass = n;
    r->data->class_name = copy;
    return dl_meta_put(&r->data->meta, r->data->pool, "classes", list, r->error);
}

/* ---- opening ------------------------------------------------------------------------ */

static void no_such_reader(const DlRequest *q, DlError *e) {
    char list[512] = "", hint[96];
    DlNear near = dl_near(q->config->reader ? q->config->reader : "");
    for (const DlReader *const *k = q->config->readers; k && *k; k++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", (*k)->name);
        dl_near_offer(&near, (*k)->name, strlen((*k)->name));
    }
    dl_near_hint(&near, hint, sizeof hint);
    if (!q->config->reader)
        dl_error(e, "%s: the train block has no `data` line; the readers are %s", q->table->source,
                list);
    else
        dl_error(e, "data %s: there is no such reader%s The readers are %s", q->config->reader,
                hint[0] ? hint : ".", list);
}

const DlReader *dl_reader_named(const DlReader *const *list, const char *name) {
    for (; name && list && *list; list++)
        if (strcmp((*list)->name, name) == 0) return *list;
    return NULL;
}

/* What is said on the command line is meant: a misspelt folder is not passed over. */
static bool check_folder(const DlReading *r) {
    const char *folder = r->request->data_dir;
    if (!folder || access(folder, R_OK | X_OK) == 0) return true;
    return dl_fail(r->error, "--data %s: cannot be read: %s", folder, strerror(errno));
}

static bool read_and_check(DlReading *r) {
    return check_folder(r) && check_arguments(r) && r->reader->read(r) && dl_data_check(r) &&
           dl_meta_put(&r->data->meta, r->data->pool, "reader", r->reader->name, r->error) &&
           dl_data_validate(r);
}

/* Where a target holds weights of classes, it is hidden from the reader, and from the check. */
static bool read_and_balance(DlReading *r) {
    const DlRequest *request = r->request;
    if (!request->config->control.weight) return read_and_check(r);
    dl_model without;
    if (!dl_balance_hide(r, &without)) return false;
    DlRequest hidden = *request;
    hidden.table = &without;
    r->request = &hidden;
    bool read = read_and_check(r);
    r->request = request;
    return read && dl_balance_insert(r);
}

DlData *dl_data_open(const DlRequest *q, DlError *e) {
    const DlReader *reader = dl_reader_named(q->config->readers, q->config->reader);
    if (!reader) {
        no_such_reader(q, e);
        return NULL;
    }
    DlData *d = calloc(1, sizeof *d);
    if (d) d->pool = dl_pool_new();
    if (d && d->pool) dl_pool_bound(d->pool, q->data_memory);
    DlReading r = {.request = q, .reader = reader, .data = d, .error = e};
    if (!d || !d->pool)
        dl_error(e, "out of memory");
    else if (read_and_balance(&r))
        return d;
    dl_data_free(d);
    return NULL;
}

void dl_data_free(DlData *d) {
    if (d) dl_data_free(d->source);
    if (d) dl_pool_free(d->pool);
    free(d);
}
