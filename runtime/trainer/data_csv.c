/* data_csv.c - tables: each input and target of the model is a column of its name; an input
 * that is no column takes all columns that remain, in order; a target that is no column is
 * the one that `target` names, or the last. Columns of text become categories, numbered in
 * the order of their names. Which columns and categories they were is kept with the weights,
 * so that a user's table is prepared in the same way. */
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "data_readers.h"

/* Which columns make one array; a named column is one value, the rest is a vector. */
typedef struct Choice {
    const char *name; /* of the input or target */
    int n;
    int *column;
    bool alone;
} Choice;

/* ---- choosing columns --------------------------------------------------------------- */

static bool choose_target(
        DlReading *r, const CsvTable *t, const dl_tensor *target, int count, Choice *c) {
    const char *said = count == 1 ? dl_arg(r, "target") : NULL;
    int at = dl_csv_column(t, said ? said : target->name);
    if (at < 0 && said) return dl_csv_no_column(t, said, r->error);
    if (at < 0 && count > 1) return dl_csv_no_column(t, target->name, r->error);
    c->column = dl_pool_array(r->data->pool, 1, sizeof *c->column, r->error);
    if (!c->column) return false;
    c->column[c->n++] = at < 0 ? t->columns - 1 : at;
    return true;
}

/* The columns that no array has taken. */
static bool choose_rest(DlReading *r, const CsvTable *t, const bool *taken, Choice *c) {
    c->alone = false;
    c->column = dl_pool_array(r->data->pool, t->columns, sizeof *c->column, r->error);
    for (int i = 0; c->column && i < t->columns; i++)
        if (!taken[i]) c->column[c->n++] = i;
    return c->column != NULL;
}

static bool choose_inputs(
        DlReading *r, const CsvTable *t, const dl_model *m, bool *taken, Choice *c) {
    Choice *rest = NULL;
    for (int k = 0; k < m->ninput; k++) {
        int at = dl_csv_column(t, m->input[k].name);
        if (at < 0 && rest) return dl_csv_no_column(t, m->input[k].name, r->error);
        if (at < 0) {
            rest = &c[k];
            continue;
        }
        c[k].column = dl_pool_array(r->data->pool, 1, sizeof *c[k].column, r->error);
        if (!c[k].column) return false;
        c[k].column[c[k].n++] = at;
        taken[at] = true;
    }
    return !rest || choose_rest(r, t, taken, rest);
}

static bool choose(DlReading *r, const CsvTable *t, Choice *c) {
    const dl_model *m = r->request->table;
    bool *taken = dl_pool_array(r->data->pool, t->columns, sizeof *taken, r->error);
    if (!taken) return false;
    for (int k = 0; k < m->ninput + m->ntarget; k++)
        c[k] = (Choice){.name = m->input[k].name, .alone = true};
    for (int k = m->ninput; k < m->ninput + m->ntarget; k++) {
        if (!choose_target(r, t, &m->input[k], m->ntarget, &c[k])) return false;
        taken[c[k].column[0]] = true;
    }
    return choose_inputs(r, t, m, taken, c);
}

/* ---- categories --------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The different texts of a column, sorted; NULL after a message. */
static char **distinct(DlReading *r, const CsvTable *t, int column, int *n) {
    char **list = dl_pool_array(r->data->pool, t->rows, sizeof *list, r->error);
    if (!list) return NULL;
    for (int64_t i = 0; i < t->rows; i++) list[i] = t->cell[i * t->columns + column];
    qsort(list, (size_t)t->rows, sizeof *list, by_text);
    int64_t kept = 1;
    for (int64_t i = 1; i < t->rows; i++)
        if (strcmp(list[i], list[kept - 1]) != 0) list[kept++] = list[i];
    *n = kept > INT32_MAX ? INT32_MAX : (int)kept;
    return list;
}

/* A list of one text a line. */
static char *join_lines(DlReading *r, char *const *text, int n) {
    size_t size = 1, at = 0;
    for (int i = 0; i < n; i++) size += strlen(text[i]) + 1;
    char *list = dl_pool_array(r->data->pool, (int64_t)size, 1, r->error);
    for (int i = 0; list && i < n; i++) {
        size_t length = strlen(text[i]);
        memcpy(list + at, text[i], length);
        at += length;
        if (i + 1 < n) list[at++] = '\n';
    }
    return list;
}

static char **split_lines(DlReading *r, const char *list, int *n) {
    *n = 1;
    for (const char *p = list; *p != '\0'; p++) *n += *p == '\n';
    char **text = dl_pool_array(r->data->pool, *n, sizeof *text, r->error);
    for (int i = 0; text && i < *n; i++) {
        size_t length = strcspn(list, "\n");
        text[i] = dl_pool_text(r->data->pool, list, length, r->error);
        list += length + (list[length] == '\n');
        if (!text[i]) return NULL;
    }
    return text;
}

/* Empty, or a word for nothing known. */
static bool is_missing(const char *text) {
    static const char *const word[] = {"", "?", "NA", "N/A", "NaN", "nan", "null"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcmp(text, word[i]) == 0) return true;
    return false;
}

static bool is_numeric(const CsvTable *t, int column) {
    double v;
    for (int64_t i = 0; i < t->rows; i++)
        if (!dl_csv_number(t->cell[i * t->columns + column], &v) &&
                !is_missing(t->cell[i * t->columns + column]))
            return false;
    return true;
}

static bool check_present(DlReading *r, const CsvTable *t, int column) {
    for (int64_t i = 0; i < t->rows; i++)
        if (is_missing(t->cell[i * t->columns + column]))
            return dl_fail(r->error,
                    "%s:%lld: column '%s' has no value ('%s'); fill it in or "
                    "remove the record",
                    t->path, (long long)t->line[i], t->name[column],
                    t->cell[i * t->columns + column]);
    return true;
}

/* ---- columns to arrays -------------------------------------------------------------- */

typedef struct Into {
    double *at;
    int stride;
} Into; /* one column of an array */

static bool fill_categories(
        DlReading *r, const CsvTable *t, int column, char **list, int n, Into to) {
    for (int64_t i = 0; i < t->rows; i++) {
        char *const *cell = &t->cell[i * t->columns + column];
        char **found = bsearch(cell, list, (size_t)n, sizeof *list, by_text);
        if (!found)
            return dl_fail(r->error,
                    "%s:%lld: column '%s' holds '%s', which did not occur in training", t->path,
                    (long long)t->line[i], t->name[column], *cell);
        to.at[i * to.stride] = (double)(found - list);
    }
    return true;
}

/* `learn`: the categories found are kept; else those kept with the weights hold. */
static bool fill_column(
        DlReading *r, const CsvTable *t, int column, bool target, bool learn, Into to) {
    char key[256];
    int n = 0;
    snprintf(key, sizeof key, "categories.%s", t->name[column]);
    const char *stored = dl_meta_get(r->request->stored, key);
    if (!check_present(r, t, column)) return false;
    if (!stored && (!learn || is_numeric(t, column))) /* not numeric: it says which cell is none */
        return dl_csv_numbers(t, column, to.at, to.stride, r->error);
    char **list = stored ? split_lines(r, stored, &n) : distinct(r, t, column, &n);
    const char *joined = list ? join_lines(r, list, n) : NULL;
    if (!joined || (learn && !dl_meta_put(&r->data->meta, r->data->pool, key, joined, r->error)))
        return false;
    if (target && !dl_data_classes(r, n, (const char *const *)list)) return false;
    return fill_categories(r, t, column, list, n, to);
}

static bool fill_array(
        DlReading *r, const CsvTable *t, const Choice *c, bool target, bool learn, DlArray *a) {
    int64_t wide = c->n;
    if (!dl_array_make(r, a, c->name, DL_F64, t->rows, c->alone ? 0 : 1, &wide)) return false;
    for (int i = 0; i < c->n; i++) {
        Into to = {(double *)(void *)a->at + i, c->n};
        if (!fill_column(r, t, c->column[i], target, learn, to)) return false;
    }
    return true;
}

static bool store_choice(DlReading *r, const CsvTable *t, const Choice *c) {
    char key[256];
    char **name = dl_pool_array(r->data->pool, c->n, sizeof *name, r->error);
    for (int i = 0; name && i < c->n; i++) name[i] = t->name[c->column[i]];
    char *list = name ? join_lines(r, name, c->n) : NULL;
    snprintf(key, sizeof key, "columns.%s", c->name);
    return list && dl_meta_put(&r->data->meta, r->data->pool, key, list, r->error);
}

static bool fill(DlReading *r, const CsvTable *t, const Choice *c) {
    const dl_model *m = r->request->table;
    DlData *d = r->data;
    if (!dl_data_shape(r, m->ninput, m->ntarget)) return false;
    for (int k = 0; k < m->ninput + m->ntarget; k++)
        if (!fill_array(r, t, &c[k], k >= m->ninput && m->ntarget == 1, true, &d->train.array[k]) ||
                (k < m->ninput && !store_choice(r, t, &c[k])))
            return false;
    d->train.rows = t->rows;
    return t->nclass == 0 || dl_data_classes(r, t->nclass, (const char *const *)t->class_name);
}

static bool read_table(DlReading *r, const char *file, int header) {
    const dl_model *m = r->request->table;
    double test;
    CsvTable t;
    Choice *c = dl_pool_array(r->data->pool, m->ninput + m->ntarget, sizeof *c, r->error);
    const char *path = dl_find_named(r, file);
    return c && path && dl_arg_real(r, "test", 0.2, 0, 1, &test) &&
           dl_csv_read(r->data->pool, path, header, &t, r->error) && choose(r, &t, c) &&
           fill(r, &t, c) && dl_data_divide(r, test);
}

static bool read_csv(DlReading *r) {
    const char *file = dl_arg(r, "file"), *header = dl_arg(r, "header");
    if (!file)
        return dl_fail(r->error, "data csv: name the file: csv(\"table.csv\", target: \"column\")");
    if (header && strcmp(header, "true") != 0 && strcmp(header, "false") != 0)
        return dl_fail(r->error, "data csv: header is '%s', and must be true or false", header);
    return read_table(r, file, header ? strcmp(header, "true") == 0 : -1);
}

/* scikit-learn's 8 x 8 digits: 64 values from 0 to 16 and the digit. */
static bool read_digits(DlReading *r) {
    static const char *const digit[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const char *file = dl_arg(r, "file");
    return read_table(r, file ? file : "digits.csv", 0) && dl_data_classes(r, 10, digit);
}

/* ---- a user's own table
 * --------------------------------------------------------------------------- */

static bool stored_choice(DlReading *r, const CsvTable *t, const char *name, Choice *c) {
    char key[256];
    snprintf(key, sizeof key, "columns.%s", name);
    const char *list = dl_meta_get(r->request->stored, key);
    if (!list)
        return dl_fail(r->error,
                "%s: these weights came without the names of the columns they were "
                "trained on; train again, or give the input as .npy",
                t->path);
    char **column = split_lines(r, list, &c->n);
    c->name = name;
    c->alone = c->n == 1;
    c->column = dl_pool_array(r->data->pool, c->n, sizeof *c->column, r->error);
    for (int i = 0; column && c->column && i < c->n; i++) {
        c->column[i] = dl_csv_column(t, column[i]);
        if (c->column[i] < 0) return dl_csv_no_column(t, column[i], r->error);
    }
    return column && c->column;
}

static bool prepare_csv(DlReading *r, const char *path, DlSplit *out) {
    const dl_model *m = r->request->table;
    CsvTable t;
    if (!dl_csv_read(r->data->pool, path, -1, &t, r->error) ||
            !dl_data_shape(r, m->ninput, m->ntarget))
        return false;
    for (int k = 0; k < m->ninput; k++) {
        Choice c = {0};
        if (!stored_choice(r, &t, m->input[k].name, &c) ||
                !fill_array(r, &t, &c, false, false, &out->array[k]))
            return false;
    }
    out->rows = t.rows;
    return true;
}

const DlReader dl_reader_digits = {
        .name = "digits",
        .arguments = "file test",
        .folders = "digits small",
        .files = "digits.csv",
        .remedy = DL_PLACE,
        .read = read_digits,
};

const DlReader dl_reader_csv = {
        .name = "csv",
        .arguments = "file target test header",
        .folders = "",
        .files = "one .csv file",
        .remedy = DL_PLACE,
        .read = read_csv,
        .prepare = prepare_csv,
};
