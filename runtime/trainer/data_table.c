/* data_table.c - readers of tables, CSV and JSON lines: a plan is made of the `data` line and the
 * model, or taken from the weights; it learns from the training rows, is stored, and fills the
 * arrays (prepare.h). */
#include <string.h>

#include "data_readers.h"
#include "prepare.h"

/* ---- how the file is written ----------------------------------------------------------------- */

static bool take_separator(const DlReading *r, char *out) {
    static const struct {
        const char *word;
        char separator;
    } known[] = {{"comma", ','}, {"tab", '\t'}, {"semicolon", ';'}, {"bar", '|'}, {"blank", ' '}};
    const char *said = dl_arg(r, "separator");
    for (size_t i = 0; said && i < sizeof known / sizeof *known; i++)
        if (strcmp(said, known[i].word) == 0 ||
                (said[0] == known[i].separator && said[1] == '\0')) {
            *out = known[i].separator;
            return true;
        }
    return !said || dl_fail(r->error,
                            "data %s: separator is '%s', and must be comma, tab, semicolon, bar or "
                            "blank",
                            r->reader->name, said);
}

static bool take_choice(const DlReading *r, const char *name, int *out) {
    const char *said = dl_arg(r, name);
    if (said) *out = strcmp(said, "true") == 0 ? 1 : -1;
    return !said || *out > 0 || strcmp(said, "false") == 0 ||
           dl_fail(r->error, "data %s: %s is '%s', and must be true or false", r->reader->name,
                   name, said);
}

bool dl_table_format(const DlReading *r, DlTableFormat *f) {
    *f = (DlTableFormat){.json = strcmp(r->reader->name, "jsonl") == 0};
    return take_separator(r, &f->separator) && take_choice(r, "header", &f->header) &&
           take_choice(r, "quotes", &f->quotes);
}

/* ---- training ------------------------------------------------------------------------------ */

static bool name_classes(DlReading *r, const DlPreparation *p) {
    const dl_model *m = r->request->table;
    const DlPlan *a = &p->plan[m->ninput];
    if (p->table->nclass > 0) return dl_data_classes(r, p->table->nclass, p->table->class_name);
    if (m->ntarget != 1 || a->n != 1 || !a->feature[0].is_category) return true;
    const DlFeature *f = &a->feature[0];
    if (f->text) return dl_data_classes(r, (int)f->n, f->text);
    const char **name = dl_pool_array(r->data->pool, f->n, sizeof *name, r->error);
    for (int64_t i = 0; name && i < f->n; i++) {
        char text[40];
        dl_category_text(f->value[i], text, sizeof text);
        name[i] = dl_pool_text(r->data->pool, text, strlen(text), r->error);
        if (!name[i]) return false;
    }
    return name && dl_data_classes(r, (int)f->n, name);
}

static bool prepare(DlPreparation *p, double test) {
    DlReading *r = p->reading;
    const dl_model *m = r->request->table;
    bool stored = r->request->stored != NULL;
    if (!(stored ? dl_plan_load(p) : dl_plan_choose(p)) || !dl_plan_read(p, test) ||
            !(stored || dl_plan_learn(p)) || !dl_plan_store(p) || !dl_plan_check(p) ||
            !dl_data_shape(r, m->ninput, m->ntarget) ||
            !dl_plan_fill(p, ROW_TRAINS, ROW_VALIDATES, &r->data->train) ||
            !dl_plan_fill(p, ROW_TESTS, ROW_TESTS, &r->data->test) || !dl_plan_note(p) ||
            !name_classes(r, p))
        return false;
    dl_table_drop(p->table);
    return true;
}

static bool read_table(DlReading *r, const char *file, const DlTableFormat *f) {
    double test;
    DlTable t;
    DlPreparation p = {.reading = r, .table = &t};
    const char *path = dl_find_named(r, file);
    return path && dl_arg_real(r, "test", 0.2, 0, 1, &test) &&
           dl_table_open(r->data->pool, path, f, &t, r->error) && prepare(&p, test);
}

static bool read_named(DlReading *r, const char *example) {
    const char *file = dl_arg(r, "file"), *name = r->reader->name;
    DlTableFormat f;
    if (!file)
        return dl_fail(r->error, "data %s: name the file: %s(\"%s\", target: \"column\")", name,
                name, example);
    return dl_table_format(r, &f) && read_table(r, file, &f);
}

static bool read_csv(DlReading *r) {
    return read_named(r, "table.csv");
}

static bool read_jsonl(DlReading *r) {
    return read_named(r, "records.jsonl");
}

/* scikit-learn's 8 x 8 digits: 64 values from 0 to 16 and the digit. */
static bool read_digits(DlReading *r) {
    static const char *const digit[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const char *file = dl_arg(r, "file");
    const DlTableFormat f = {.header = -1};
    return read_table(r, file ? file : "digits.csv", &f) && dl_data_classes(r, 10, digit);
}

/* ---- a user's own table ---------------------------------------------------------------------- */

/* The columns of all inputs, one a line: what a header must have. */
static const char *expected_names(DlReading *r) {
    const dl_model *m = r->request->table;
    char key[256], *all = dl_pool_array(r->data->pool, 1, 1, r->error);
    for (int k = 0; all && k < m->ninput; k++) {
        snprintf(key, sizeof key, "columns.%s", m->input[k].name);
        const char *list = dl_meta_get(r->request->stored, key);
        size_t n = strlen(all), more = list ? strlen(list) : 0;
        char *longer = dl_pool_resize(r->data->pool, all, n + more + 2, r->error);
        if (!longer) return NULL;
        snprintf(longer + n, more + 2, "%s\n", list ? list : "");
        all = longer;
    }
    return all;
}

static bool prepare_given(DlReading *r, const char *path, DlSplit *out) {
    const dl_model *m = r->request->table;
    DlTableFormat f;
    DlTable t;
    DlPreparation p = {.reading = r, .table = &t, .given = true};
    if (!dl_table_format(r, &f)) return false;
    f = (DlTableFormat){.expects = expected_names(r), .quotes = f.quotes};
    return f.expects && dl_table_open(r->data->pool, path, &f, &t, r->error) && dl_plan_load(&p) &&
           dl_plan_read(&p, 0) && dl_plan_check(&p) && dl_data_shape(r, m->ninput, m->ntarget) &&
           dl_plan_fill(&p, ROW_TRAINS, ROW_TRAINS, out) && dl_plan_note(&p);
}

#define COLUMNS "categories missing standardize one_hot"

const DlReader dl_reader_digits = {
        .name = "digits",
        .arguments = "file test",
        .folders = "digits small",
        .files = "digits.csv",
        .remedy = DL_PLACE,
        .libraries = "-lcjson",
        .read = read_digits,
};

const DlReader dl_reader_csv = {
        .name = "csv",
        .arguments = "file target test header inputs except " COLUMNS " separator quotes",
        .folders = "",
        .files = "one .csv file",
        .remedy = DL_PLACE,
        .libraries = "-lcjson",
        .read = read_csv,
        .prepare = prepare_given,
};

const DlReader dl_reader_jsonl = {
        .name = "jsonl",
        .arguments = "file target test inputs except " COLUMNS,
        .folders = "",
        .files = "one file of JSON lines",
        .remedy = DL_PLACE,
        .libraries = "-lcjson",
        .read = read_jsonl,
        .prepare = prepare_given,
};
