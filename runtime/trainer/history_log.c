/* history_log.c - see history.h: the log of a run, read again. A .csv log is a table; a .jsonl log
 * has an object a line. A row without an epoch is none; a value that is not there stays unknown. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "history.h"

static bool is_result(const char *name) {
    static const char *const other[] = {"epoch", "step", "samples_per_second", "seconds"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(name, other[i]) == 0) return false;
    return true;
}

static bool no_log(const char *path, DlError *e) {
    return dl_fail(e,
            "%s: is no log of a run: there is no column 'epoch'; dlc train --log FILE.csv writes one",
            path);
}

/* ---- .csv ------------------------------------------------------------------------------------ */

static bool take_cells(DlHistory *h, const CsvTable *t, int64_t r, int epoch, DlError *e) {
    char **cell = t->cell + r * t->columns;
    double v;
    if (!dl_csv_number(cell[epoch], &v))
        return dl_fail(e, "%s:%lld: the epoch is '%s', which is no number", t->path,
                (long long)t->line[r], cell[epoch]);
    double *row = dl_history_row(h, v, e);
    for (int c = 0, i = 0; row && c < t->columns; c++) {
        if (!is_result(t->name[c])) continue;
        if (dl_csv_number(cell[c], &v)) row[1 + i] = v;
        i++;
    }
    return row != NULL;
}

static bool read_csv(DlHistory *h, DlPool *pool, const char *path, DlError *e) {
    CsvTable t;
    if (!dl_csv_read(pool, path, 1, &t, e)) return false;
    int epoch = dl_csv_column(&t, "epoch"), n = 0;
    if (epoch < 0) return no_log(path, e);
    char **name = dl_pool_array(pool, t.columns, sizeof *name, e);
    for (int c = 0; name && c < t.columns; c++)
        if (is_result(t.name[c])) name[n++] = t.name[c];
    bool ok = name && dl_history_open(h, n, name, e);
    for (int64_t r = 0; ok && r < t.rows; r++) ok = take_cells(h, &t, r, epoch, e);
    return ok;
}

/* ---- .jsonl ---------------------------------------------------------------------------------- */

/* The first object's names are the columns. */
static bool open_object(DlHistory *h, DlPool *pool, const cJSON *object, DlError *e) {
    int n = 0;
    char **name = dl_pool_array(pool, cJSON_GetArraySize(object), sizeof *name, e);
    if (!name) return false;
    for (const cJSON *k = object->child; k; k = k->next)
        if (is_result(k->string)) name[n++] = k->string;
    return dl_history_open(h, n, name, e);
}

static bool take_object(
        DlHistory *h, DlPool *pool, const cJSON *object, const char *path, DlError *e) {
    const cJSON *epoch = cJSON_GetObjectItemCaseSensitive(object, "epoch");
    if (!cJSON_IsNumber(epoch)) return no_log(path, e);
    if (!h->name && !open_object(h, pool, object, e)) return false;
    double *row = dl_history_row(h, epoch->valuedouble, e);
    for (int i = 0; row && i < h->n; i++) {
        const cJSON *k = cJSON_GetObjectItemCaseSensitive(object, h->name[i]);
        if (cJSON_IsNumber(k)) row[1 + i] = k->valuedouble;
    }
    return row != NULL;
}

static bool read_jsonl(DlHistory *h, DlPool *pool, const char *path, DlError *e) {
    DlBytes b;
    bool ok = dl_bytes_read(pool, path, &b, e);
    int line = 1;
    for (char *at = ok ? (char *)b.at : NULL; ok && *at != '\0'; line++) {
        size_t n = strcspn(at, "\n");
        bool last = at[n] == '\0';
        at[n] = '\0';
        cJSON *object = n > 0 ? cJSON_Parse(at) : NULL;
        if (n > 0 && !cJSON_IsObject(object))
            ok = dl_fail(e, "%s:%d: an object with the results of an epoch was expected", path, line);
        else if (n > 0)
            ok = take_object(h, pool, object, path, e);
        cJSON_Delete(object);
        at += n + !last;
    }
    return ok;
}

bool dl_history_read(DlHistory *h, const char *path, DlError *e) {
    const char *dot = strrchr(path, '.');
    DlPool *pool = dl_pool_new();
    *h = (DlHistory){0};
    if (!pool) return dl_fail(e, "out of memory");
    bool ok = dot && strcmp(dot, ".jsonl") == 0 ? read_jsonl(h, pool, path, e)
                                                : read_csv(h, pool, path, e);
    if (ok && h->rows == 0) ok = dl_fail(e, "%s: has no epoch yet", path);
    dl_pool_free(pool);
    if (!ok) dl_history_close(h);
    return ok;
}
