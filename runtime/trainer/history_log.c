/* history_log.c - see history.h: the log of a run, .csv or .jsonl, read again as a table. A value
 * that is not there stays unknown. */
#include <string.h>

#include "history.h"
#include "table.h"

static bool is_result(const char *name) {
    static const char *const other[] = {
            "epoch", "step", "samples_per_second", "seconds", "waiting_seconds"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(name, other[i]) == 0) return false;
    return true;
}

static bool no_log(const char *path, DlError *e) {
    return dl_fail(e,
            "%s: is no log of a run: there is no column 'epoch'; "
            "dlc train --log FILE.csv writes one",
            path);
}

static bool take_rows(DlHistory *h, const DlTable *t, int epoch, DlError *e) {
    for (int64_t r = 0; r < t->rows; r++) {
        double *row = dl_history_row(h, t->column[epoch].number[r], e);
        if (!row) return false;
        for (int c = 0, i = 0; c < t->columns; c++)
            if (is_result(t->column[c].name)) row[1 + i++] = t->column[c].number[r];
    }
    return true;
}

static bool take_table(DlHistory *h, DlTable *t, DlError *e) {
    int epoch = dl_table_column(t, "epoch"), n = 0;
    if (epoch < 0) return no_log(t->path, e);
    char **name = dl_pool_array(t->pool, t->columns, sizeof *name, e);
    for (int c = 0; name && c < t->columns; c++) {
        t->column[c].wanted = c == epoch || is_result(t->column[c].name);
        if (is_result(t->column[c].name)) name[n++] = (char *)t->column[c].name;
    }
    return name && dl_history_open(h, n, name, e) && dl_table_load(t, e) &&
           take_rows(h, t, epoch, e);
}

bool dl_history_read(DlHistory *h, const char *path, DlError *e) {
    const DlTableFormat format = {.header = 1};
    DlPool *pool = dl_pool_new();
    DlTable t;
    *h = (DlHistory){0};
    if (!pool) return dl_fail(e, "out of memory");
    bool ok = dl_table_open(pool, path, &format, &t, e) && take_table(h, &t, e);
    dl_pool_free(pool);
    if (!ok) dl_history_close(h);
    return ok;
}
