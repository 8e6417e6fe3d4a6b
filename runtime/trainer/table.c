/* table.c - see table.h: what is the same for all kinds of tables. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "real.h"
#include "table.h"
#include "utf8.h"

enum { MOST_COLUMNS = 1 << 20 };

bool dl_cell_is_missing(const char *text, size_t n) {
    static const char *const word[] = {
            "?", "NA", "na", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A"};
    for (size_t i = 0; n > 0 && n <= 4 && i < sizeof word / sizeof *word; i++)
        if (strlen(word[i]) == n && memcmp(word[i], text, n) == 0) return true;
    return n == 0;
}

/* ---- the first pass -------------------------------------------------------------------------- */

static bool survey(void *context, int64_t row, int64_t line, const DlCell *cell, DlError *e) {
    DlTable *t = context;
    DlColumn *c = &t->column[cell->column];
    double v;
    (void)row, (void)line, (void)e;
    if (!cell->text || dl_real(cell->text, cell->length, &v)) {
        if (c->numbers++ == 0 && cell->vector) c->width = cell->width;
    } else if (!dl_cell_is_missing(cell->text, cell->length)) {
        c->texts++;
        c->letters += (int64_t)cell->length;
    }
    return true;
}

static bool looks_like_json(const DlBytes *b) {
    size_t at = 0;
    while (at < b->size && isspace(b->at[at])) at++;
    return at < b->size && b->at[at] == '{';
}

static bool check_text(const DlBytes *b, DlError *e) {
    if (b->size >= 2 && (memcmp(b->at, "\xff\xfe", 2) == 0 || memcmp(b->at, "\xfe\xff", 2) == 0))
        return dl_fail(e, "%s: is UTF-16 text; store it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
                b->path);
    const unsigned char *zero = memchr(b->at, '\0', b->size);
    if (!zero) return true;
    long long line = 1;
    for (const unsigned char *p = b->at; p < zero; p++) line += *p == '\n';
    return dl_fail(e, "%s:%lld: is not text: it holds a zero byte", b->path, line);
}

bool dl_table_open(DlPool *p, const char *path, const DlTableFormat *f, DlTable *t, DlError *e) {
    *t = (DlTable){.pool = p, .path = path, .begin_line = 1};
    if (f) t->format = *f;
    if (!dl_bytes_read(p, path, &t->bytes, e) || !check_text(&t->bytes, e)) return false;
    t->path = t->bytes.path;
    if (t->bytes.size >= 3 && memcmp(t->bytes.at, "\xef\xbb\xbf", 3) == 0) t->begin = 3;
    t->format.json = t->format.json || looks_like_json(&t->bytes);
    if (!(t->format.json ? dl_jsonl_open(t, e) : dl_csv_open(t, e)) || !t->scan(t, survey, t, e))
        return false;
    if (t->rows == 0)
        return dl_fail(e, "%s: holds no records%s", path, t->named ? " after its header" : "");
    return t->format.json || dl_csv_check(t, e);
}

/* ---- the second pass ------------------------------------------------------------------------- */

static bool no_number(const DlTable *t, const DlColumn *c, int64_t line, const DlCell *cell,
        DlError *e) {
    return dl_fail(e,
            "%s:%lld: column '%s' holds '%.*s', and a number is needed; correct it, leave it empty "
            "where nothing is known, or list the column under categories",
            t->path, (long long)line, c->name, cell->length > 60 ? 60 : (int)cell->length,
            cell->text);
}

static bool other_width(
        const DlTable *t, const DlColumn *c, int64_t line, int64_t width, DlError *e) {
    return dl_fail(e, "%s:%lld: column '%s' holds %lld numbers, and in the records before it %lld",
            t->path, (long long)line, c->name, (long long)width, (long long)c->width);
}

static bool load_number(
        const DlTable *t, DlColumn *c, int64_t row, int64_t line, const DlCell *cell, DlError *e) {
    double *at = c->number + row * c->width, v = cell->number;
    int64_t width = cell->vector ? cell->width : 1;
    if (cell->text && !dl_real(cell->text, cell->length, &v))
        return dl_cell_is_missing(cell->text, cell->length) || no_number(t, c, line, cell, e);
    if (width != c->width) return other_width(t, c, line, width, e);
    for (int64_t i = 0; i < width; i++) at[i] = cell->vector ? cell->vector[i] : v;
    return true;
}

static bool load_text(
        const DlTable *t, DlColumn *c, int64_t row, int64_t line, const DlCell *cell, DlError *e) {
    char made[40];
    const char *text = cell->text;
    size_t n = cell->length;
    if (cell->vector) return other_width(t, c, line, cell->width, e);
    if (!text) {
        n = (size_t)snprintf(made, sizeof made, "%.15g", cell->number);
        text = made;
    } else if (dl_cell_is_missing(text, n)) {
        return true;
    }
    size_t wrong = dl_utf8_wrong(text, n);
    if (wrong < n)
        return dl_fail(e,
                "%s:%lld: column '%s' is not UTF-8 text (a byte 0x%02x); convert the file, with "
                "iconv -f LATIN1 -t UTF-8 for example",
                t->path, (long long)line, c->name, (unsigned char)text[wrong]);
    c->code[row] = dl_dictionary_add(&c->text, text, n, e);
    return c->code[row] >= 0;
}

static bool load_cell(void *context, int64_t row, int64_t line, const DlCell *cell, DlError *e) {
    const DlTable *t = context;
    DlColumn *c = &t->column[cell->column];
    if (!c->wanted) return true;
    return c->as_text ? load_text(t, c, row, line, cell, e)
                      : load_number(t, c, row, line, cell, e);
}

static bool make_column(DlTable *t, DlColumn *c, DlError *e) {
    int64_t count;
    if (c->as_text) {
        c->text = (DlDictionary){.pool = t->pool};
        c->code = dl_pool_array(t->pool, t->rows, sizeof *c->code, e);
        for (int64_t i = 0; c->code && i < t->rows; i++) c->code[i] = -1;
        return c->code != NULL;
    }
    if (!dl_times(t->rows, c->width, &count))
        return dl_fail(e, "%s: column '%s' is too large", t->path, c->name);
    c->number = dl_pool_array(t->pool, count, sizeof *c->number, e);
    for (int64_t i = 0; c->number && i < count; i++) c->number[i] = (double)NAN;
    return c->number != NULL;
}

bool dl_table_load(DlTable *t, DlError *e) {
    for (int i = 0; i < t->columns; i++)
        if (t->column[i].wanted && !make_column(t, &t->column[i], e)) return false;
    return t->scan(t, load_cell, t, e);
}

void dl_table_drop(DlTable *t) {
    for (int i = 0; i < t->columns; i++) {
        dl_pool_drop(t->pool, t->column[i].number);
        dl_pool_drop(t->pool, t->column[i].code);
        t->column[i].number = NULL;
        t->column[i].code = NULL;
    }
    dl_pool_drop(t->pool, t->bytes.at);
    t->bytes.at = NULL;
}

/* ---- columns --------------------------------------------------------------------------------- */

bool dl_column_is_numeric(const DlColumn *c) {
    return c->texts == 0 || c->numbers >= 9 * c->texts;
}

int dl_table_add_column(DlTable *t, const char *name, size_t length, DlError *e) {
    if (t->columns == MOST_COLUMNS) {
        dl_error(e, "%s: has more than %d columns", t->path, MOST_COLUMNS);
        return -1;
    }
    if (t->columns == t->capacity) {
        int capacity = t->capacity ? 2 * t->capacity : 32;
        DlColumn *column =
                dl_pool_resize(t->pool, t->column, (size_t)capacity * sizeof *column, e);
        if (!column) return -1;
        t->column = column;
        t->capacity = capacity;
    }
    t->column[t->columns] =
            (DlColumn){.name = dl_pool_text(t->pool, name, length, e), .width = 1};
    return t->column[t->columns].name ? t->columns++ : -1;
}

static int folded(char c) {
    unsigned char u = (unsigned char)c;
    return isalnum(u) || u >= 0x80 ? tolower(u) : '_';
}

static bool alike(const char *a, const char *b) {
    while (*a != '\0' && folded(*a) == folded(*b)) a++, b++;
    return *a == '\0' && *b == '\0';
}

int dl_table_column(const DlTable *t, const char *name) {
    int found = -1, n = 0;
    for (int i = 0; name && i < t->columns; i++) {
        if (strcmp(t->column[i].name, name) == 0) return i;
        if (!alike(t->column[i].name, name)) continue;
        found = i;
        n++;
    }
    return n == 1 ? found : -1;
}

bool dl_table_no_column(const DlTable *t, const char *name, DlError *e) {
    char list[2048] = "", hint[96];
    DlNear near = dl_near(name);
    for (int i = 0; i < t->columns; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", t->column[i].name);
        dl_near_offer(&near, t->column[i].name, strlen(t->column[i].name));
    }
    dl_near_hint(&near, hint, sizeof hint);
    return dl_fail(e, "%s: has no column '%s'%s%s its columns are %s%s", t->path, name, hint,
            hint[0] ? "" : ";", list,
            t->named ? "" : "; names for them may stand in a first line");
}

/* ---- lines ----------------------------------------------------------------------------------- */

typedef struct Sought {
    int64_t row, line;
} Sought;

static bool note_line(void *context, int64_t row, int64_t line, const DlCell *cell, DlError *e) {
    Sought *s = context;
    (void)cell, (void)e;
    if (row == s->row) s->line = line;
    return row < s->row; /* a record without cells has no line of its own: the next one's */
}

int64_t dl_table_line(DlTable *t, int64_t row) {
    Sought s = {row, 0};
    DlError ignored = {""};
    int64_t rows = t->rows;
    t->scan(t, note_line, &s, &ignored);
    t->rows = rows;
    return s.line;
}
