/* csv.c - comma-separated values (RFC 4180): quoted fields may hold commas, line ends and
 * doubled quotes. Every record must have as many fields as the first. The first record is a
 * header when no field of it is a number; or scikit-learn's: rows, columns, class names.
 *
 * Fields are unquoted in place, so that the table is pointers into the file's bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"

typedef struct Scan {
    DlPool *pool;
    DlError *e;
    const char *path;
    char *at, *end;
    int64_t line; /* of `at` */
    char **cell;  /* fields so far */
    int64_t n, capacity;
} Scan;

bool dl_csv_number(const char *text, double *v) {
    char *end;
    *v = strtod(text, &end);
    if (end == text) return false;
    while (*end == ' ') end++;
    return *end == '\0' && isfinite(*v);
}

static bool push(Scan *s, char *text) {
    if (s->n == s->capacity) {
        int64_t capacity = s->capacity ? 2 * s->capacity : 1024;
        char **cell = dl_pool_array(s->pool, capacity, sizeof *cell, s->e);
        if (!cell) return false;
        if (s->n > 0) memcpy(cell, s->cell, (size_t)s->n * sizeof *cell);
        s->cell = cell;
        s->capacity = capacity;
    }
    s->cell[s->n++] = text;
    return true;
}

/* The text of a quoted field, from after the quote; leaves s->at behind the closing one. */
static bool unquote(Scan *s, char **stop) {
    int64_t began = s->line;
    char *to = s->at;
    for (;; s->at++) {
        if (s->at == s->end)
            return dl_fail(s->e, "%s:%lld: a quoted field is not closed before the end of the file",
                    s->path, (long long)began);
        if (*s->at == '"' && s->at + 1 < s->end && s->at[1] == '"')
            s->at++;
        else if (*s->at == '"')
            break;
        s->line += *s->at == '\n';
        *to++ = *s->at;
    }
    s->at++;
    *stop = to;
    return true;
}

/* One field; *last when a line end or the end of the file follows it. */
static bool read_field(Scan *s, bool *last) {
    while (s->at < s->end && *s->at == ' ') s->at++;
    char *text = s->at, *stop;
    if (s->at < s->end && *s->at == '"') {
        text = ++s->at;
        if (!unquote(s, &stop)) return false;
    } else {
        while (s->at < s->end && *s->at != ',' && *s->at != '\n') s->at++;
        stop = s->at;
        while (stop > text && (stop[-1] == '\r' || stop[-1] == ' ')) stop--;
    }
    while (s->at < s->end && (*s->at == '\r' || *s->at == ' ')) s->at++;
    if (s->at < s->end && *s->at != ',' && *s->at != '\n')
        return dl_fail(s->e, "%s:%lld: text follows a quoted field; double the quotes inside it",
                s->path, (long long)s->line);
    *last = s->at == s->end || *s->at == '\n';
    s->line += s->at < s->end && *s->at == '\n';
    s->at += s->at < s->end;
    *stop = '\0'; /* the byte after the file's last is ours, too */
    return push(s, text);
}

static bool read_record(Scan *s, int64_t *fields) {
    int64_t before = s->n;
    for (bool last = false; !last;)
        if (!read_field(s, &last)) return false;
    *fields = s->n - before;
    return true;
}

static bool is_blank_line(const Scan *s) {
    return *s->at == '\n' || (*s->at == '\r' && s->at + 1 < s->end && s->at[1] == '\n');
}

static bool looks_like_header(char *const *field, int n) {
    double v;
    for (int i = 0; i < n; i++)
        if (dl_csv_number(field[i], &v)) return false;
    return n > 0;
}

/* "150,4,setosa,versicolor,virginica" over 150 records of 5 fields. */
static bool is_class_line(char *const *field, int64_t n, int64_t rows, int64_t columns) {
    double a, b;
    return n > 2 && dl_csv_number(field[0], &a) && dl_csv_number(field[1], &b) &&
           a == (double)rows && b == (double)(columns - 1) &&
           looks_like_header(field + 2, (int)n - 2);
}

static bool name_columns(Scan *s, CsvTable *t, char **header) {
    t->named = header != NULL;
    t->name = header;
    if (header) return true;
    t->name = dl_pool_array(s->pool, t->columns, sizeof *t->name, s->e);
    for (int i = 0; t->name && i < t->columns; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i + 1);
        t->name[i] = dl_pool_text(s->pool, text, strlen(text), s->e);
        if (!t->name[i]) return false;
    }
    return t->name != NULL;
}

/* All records; the first may have another number of fields (it may name the classes). */
static bool read_records(Scan *s, CsvTable *t, int64_t *first) {
    int64_t capacity = 1024, fields;
    t->line = dl_pool_array(s->pool, capacity, sizeof *t->line, s->e);
    for (; t->line && s->at < s->end;) {
        if (is_blank_line(s)) {
            s->line++;
            s->at += *s->at == '\r' ? 2 : 1;
            continue;
        }
        if (t->rows == capacity) {
            int64_t *line = dl_pool_array(s->pool, 2 * capacity, sizeof *line, s->e);
            if (!line) return false;
            memcpy(line, t->line, (size_t)capacity * sizeof *line);
            t->line = line;
            capacity *= 2;
        }
        t->line[t->rows++] = s->line;
        if (!read_record(s, &fields)) return false;
        if (t->rows == 1)
            *first = fields;
        else if (t->rows == 2)
            t->columns = (int)fields;
        if (t->rows > 1 && fields != t->columns)
            return dl_fail(s->e, "%s:%lld: has %lld fields, and the records before it %d", s->path,
                    (long long)t->line[t->rows - 1], (long long)fields, t->columns);
    }
    return t->line != NULL;
}

/* Takes the first record away from the others. */
static void drop_first(CsvTable *t, int64_t first) {
    t->cell += first;
    t->line++;
    t->rows--;
}

static bool settle_header(Scan *s, CsvTable *t, int64_t first, int header) {
    if (t->rows == 1) t->columns = (int)first;
    if (header != 1 && is_class_line(t->cell, first, t->rows - 1, t->columns)) {
        t->nclass = (int)first - 2;
        t->class_name = t->cell + 2;
        drop_first(t, first);
        return name_columns(s, t, NULL);
    }
    if (first != t->columns)
        return dl_fail(s->e, "%s:%lld: has %d fields, and the first record %lld", s->path,
                (long long)t->line[1], t->columns, (long long)first);
    if (header == 1 || (header < 0 && looks_like_header(t->cell, t->columns))) {
        char **name = t->cell;
        drop_first(t, first);
        return name_columns(s, t, name);
    }
    return name_columns(s, t, NULL);
}

bool dl_csv_read(DlPool *p, const char *path, int header, CsvTable *t, DlError *e) {
    DlBytes b;
    int64_t first = 0;
    if (!dl_bytes_read(p, path, &b, e)) return false;
    if (memchr(b.at, '\0', b.size))
        return dl_fail(e, "%s: is not text: it holds a zero byte", path);
    bool mark = b.size >= 3 && memcmp(b.at, "\xef\xbb\xbf", 3) == 0;
    Scan s = {.pool = p,
            .e = e,
            .path = b.path,
            .line = 1,
            .at = (char *)b.at + (mark ? 3 : 0),
            .end = (char *)b.at + b.size};
    *t = (CsvTable){.path = b.path};
    if (!read_records(&s, t, &first)) return false;
    t->cell = s.cell;
    if (t->rows == 0 || !settle_header(&s, t, first, header))
        return dl_fail(e, "%s: holds no records", path);
    return t->rows > 0 || dl_fail(e, "%s: holds no records after its header", path);
}

/* ---- columns ------------------------------------------------------------------------ */

int dl_csv_column(const CsvTable *t, const char *name) {
    for (int i = 0; name && i < t->columns; i++)
        if (strcmp(t->name[i], name) == 0) return i;
    return -1;
}

bool dl_csv_no_column(const CsvTable *t, const char *name, DlError *e) {
    char list[1024] = "";
    for (int i = 0; i < t->columns; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", t->name[i]);
    }
    return dl_fail(e, "%s: has no column '%s'; its columns are %s", t->path, name, list);
}

bool dl_csv_numbers(const CsvTable *t, int column, double *at, int64_t stride, DlError *e) {
    for (int64_t i = 0; i < t->rows; i++) {
        const char *cell = t->cell[i * t->columns + column];
        if (!dl_csv_number(cell, &at[i * stride]))
            return dl_fail(e, "%s:%lld: column '%s' holds '%s', and a number is needed", t->path,
                    (long long)t->line[i], t->name[column], cell);
    }
    return true;
}
