/* csv.c - fields divided by commas, tabs, semicolons or bars (RFC 4180), or by runs of blanks:
 * quoted fields may hold separators, line ends and doubled quotes; blanks around a field are none of
 * it. Every record must have as many fields as the first. In a file divided by tabs quotes are
 * letters, unless it is said that they quote.
 *
 * The separator is the one that gives the first records the same number of fields, and the most of
 * them. The first record is a header when it is said to be one, when it has one of the names that
 * are expected, or else when no field of it is a number; or it is scikit-learn's: rows, columns,
 * class names. */
#include <stdlib.h>
#include <string.h>

#include "real.h"
#include "table.h"
#include "utf8.h"

typedef struct Scan {
    const DlTable *t;
    const char *at, *end;
    int64_t line; /* of `at` */
    char separator;
    bool quotes;
    char *scratch; /* for fields with doubled quotes */
    size_t room;
    DlError *e;
} Scan;

static Scan scan_from(const DlTable *t, size_t begin, int64_t line, DlError *e) {
    const DlTableFormat *f = &t->format;
    const char *bytes = (const char *)t->bytes.at;
    return (Scan){.t = t,
            .at = bytes + begin,
            .end = bytes + t->bytes.size,
            .line = line,
            .separator = f->separator,
            .quotes = f->quotes == 0 ? f->separator != '\t' : f->quotes > 0,
            .e = e};
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\r';
}

/* A field whose doubled quotes become single ones. */
static bool undouble(Scan *s, const char *from, size_t n, DlCell *c) {
    if (n > s->room) {
        char *scratch = dl_pool_resize(s->t->pool, s->scratch, 2 * n, s->e);
        if (!scratch) return false;
        s->scratch = scratch;
        s->room = 2 * n;
    }
    char *to = s->scratch;
    for (size_t i = 0; i < n; i++) {
        *to++ = from[i];
        i += from[i] == '"';
    }
    c->text = s->scratch;
    c->length = (size_t)(to - s->scratch);
    return true;
}

/* A quoted field, from behind its quote; leaves s->at behind the closing one. */
static bool take_quoted(Scan *s, DlCell *c) {
    const char *from = s->at;
    int64_t began = s->line;
    bool doubled = false;
    for (;; s->at++) {
        if (s->at == s->end)
            return dl_fail(s->e,
                    "%s:%lld: a quoted field is not closed before the end of the file; close it, "
                    "or say quotes: false if the quotes are part of the text",
                    s->t->path, (long long)began);
        s->line += *s->at == '\n';
        if (*s->at != '"') continue;
        if (s->at + 1 == s->end || s->at[1] != '"') break;
        doubled = true;
        s->at++;
    }
    size_t n = (size_t)(s->at++ - from);
    c->text = from;
    c->length = n;
    return !doubled || undouble(s, from, n, c);
}

static void take_plain(Scan *s, DlCell *c) {
    const char *p = s->at, *end = s->end;
    const char separator = s->separator;
    while (p < end && *p != separator && *p != '\n') p++;
    c->text = s->at;
    s->at = p;
    while (p > c->text && is_blank(p[-1])) p--;
    c->length = (size_t)(p - c->text);
}

static bool at_line_end(const Scan *s) {
    return s->at == s->end || *s->at == '\n' ||
           (*s->at == '\r' && (s->at + 1 == s->end || s->at[1] == '\n'));
}

/* One field, and what divides it from the next; *last when a line end or the end follows. */
static bool take_field(Scan *s, DlCell *c, bool *last) {
    while (s->at < s->end && is_blank(*s->at) && !at_line_end(s)) s->at++;
    if (s->quotes && s->at < s->end && *s->at == '"') {
        s->at++;
        if (!take_quoted(s, c)) return false;
    } else {
        take_plain(s, c);
    }
    while (s->at < s->end && is_blank(*s->at)) s->at++;
    *last = s->at == s->end || *s->at == '\n';
    if (*last) {
        s->line += s->at < s->end;
        s->at += s->at < s->end;
    } else if (*s->at == s->separator) {
        s->at++;
    } else if (s->separator != ' ') {
        return dl_fail(s->e,
                "%s:%lld: text follows a quoted field; double the quotes inside it, or say "
                "quotes: false if the quotes are part of the text",
                s->t->path, (long long)s->line);
    }
    return true;
}

/* Empty lines are no records. False: the file has ended. */
static bool next_record(Scan *s) {
    for (; s->at < s->end && at_line_end(s); s->line++) {
        s->at += *s->at == '\r';
        s->at += s->at < s->end;
    }
    return s->at < s->end;
}

/* ---- records --------------------------------------------------------------------------------- */

static bool ragged(const Scan *s, int64_t line, int fields) {
    const DlTable *t = s->t;
    return dl_fail(s->e,
            "%s:%lld: has %d field%s, and %s %d; quote a field that holds the separator, or "
            "correct the record",
            t->path, (long long)line, fields, fields == 1 ? "" : "s",
            t->named ? "the header" : "the records before it", t->columns);
}

static bool scan_csv(DlTable *t, DlVisit *visit, void *context, DlError *e) {
    Scan s = scan_from(t, t->begin, t->begin_line, e);
    int64_t row = 0;
    for (; next_record(&s); row++) {
        int64_t line = s.line;
        DlCell c = {0};
        for (bool last = false; !last; c.column++) {
            if (!take_field(&s, &c, &last)) return false;
            if (c.column < t->columns && !visit(context, row, line, &c, e)) return false;
        }
        if (c.column < t->columns || (c.column > t->columns && !t->format.overlong))
            return ragged(&s, line, c.column);
    }
    t->rows = row;
    return true;
}

/* ---- the separator --------------------------------------------------------------------------- */

/* How many fields each of the first records has; 0 when not all have as many. */
static int even_fields(const DlTable *t, char separator) {
    enum { LOOK = 16 };
    DlError ignored = {""};
    Scan s = scan_from(t, t->begin, 1, &ignored);
    int fields = 0;
    s.separator = separator;
    s.quotes = t->format.quotes == 0 ? separator != '\t' : t->format.quotes > 0;
    for (int i = 0; i < LOOK && next_record(&s); i++) {
        DlCell c;
        int n = 0;
        for (bool last = false; !last; n++)
            if (!take_field(&s, &c, &last)) return 0;
        if (i > 1 && n != fields) return 0; /* the first may be scikit-learn's */
        fields = n;
    }
    return fields;
}

static void settle_separator(DlTable *t) {
    static const char candidate[] = ",\t;|";
    int most = 1;
    if (t->format.separator != '\0') return;
    t->format.separator = ',';
    for (const char *c = candidate; *c != '\0'; c++) {
        int fields = even_fields(t, *c);
        if (fields <= most) continue;
        most = fields;
        t->format.separator = *c;
    }
}

/* ---- the header ------------------------------------------------------------------------------ */

/* The fields of the first record. */
typedef struct First {
    char **field;
    int n;
    size_t end;   /* the offset behind it */
    int64_t line; /* and the line there */
} First;

static bool read_first(DlTable *t, First *f, DlError *e) {
    Scan s = scan_from(t, t->begin, 1, e);
    int capacity = 0;
    *f = (First){0};
    if (!next_record(&s)) return dl_fail(e, "%s: holds no records", t->path);
    for (bool last = false; !last;) {
        DlCell c;
        if (!take_field(&s, &c, &last)) return false;
        if (f->n == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            char **field =
                    dl_pool_resize(t->pool, f->field, (size_t)capacity * sizeof *field, e);
            if (!field) return false;
            f->field = field;
        }
        f->field[f->n] = dl_pool_text(t->pool, c.text, c.length, e);
        if (!f->field[f->n++]) return false;
    }
    f->end = (size_t)(s.at - (const char *)t->bytes.at);
    f->line = s.line;
    return true;
}

static bool is_number(const char *text) {
    double v;
    return dl_real(text, strlen(text), &v);
}

static bool is_expected(const char *list, const char *field) {
    size_t n = strlen(field);
    while (n > 0 && *list != '\0') {
        size_t length = strcspn(list, "\n"), name = strcspn(list, "\t\n");
        if (name == n && strncmp(list, field, n) == 0) return true;
        list += length + (list[length] == '\n');
    }
    return false;
}

static bool is_header(const DlTable *t, const First *f) {
    const DlTableFormat *format = &t->format;
    if (format->header > 0) return true;
    for (int i = 0; format->expects && i < f->n; i++)
        if (!is_number(f->field[i]) && is_expected(format->expects, f->field[i])) return true;
    for (int i = 0; i < f->n; i++)
        if (is_number(f->field[i])) return false;
    return format->header == 0;
}

/* "150,4,setosa,versicolor,virginica" before records of 5 fields. */
static bool is_class_line(DlTable *t, const First *f) {
    double rows, inputs;
    First second;
    DlError ignored = {""};
    if (f->n < 4 || !dl_real(f->field[0], strlen(f->field[0]), &rows) ||
            !dl_real(f->field[1], strlen(f->field[1]), &inputs))
        return false;
    for (int i = 2; i < f->n; i++)
        if (is_number(f->field[i])) return false;
    DlTable rest = *t;
    rest.begin = f->end;
    return read_first(&rest, &second, &ignored) && inputs == second.n - 1;
}

static bool name_columns(DlTable *t, const First *f, DlError *e) {
    DlDictionary names = {.pool = t->pool};
    for (int i = 0; i < f->n; i++) {
        size_t n = strlen(f->field[i]);
        if (dl_utf8_wrong(f->field[i], n) < n)
            return dl_fail(e, "%s:1: the name of column %d is not UTF-8 text; convert the file",
                    t->path, i + 1);
        if (n > 0 && dl_dictionary_find(&names, f->field[i], n) >= 0)
            return dl_fail(e, "%s:1: two columns are called '%s'; rename one", t->path,
                    f->field[i]);
        if (dl_dictionary_add(&names, f->field[i], n, e) < 0) return false;
        if (dl_table_add_column(t, f->field[i], n, e) < 0) return false;
    }
    return true;
}

static bool number_columns(DlTable *t, int n, DlError *e) {
    for (int i = 0; i < n; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "%d", i + 1);
        if (dl_table_add_column(t, text, (size_t)length, e) < 0) return false;
    }
    return true;
}

bool dl_csv_open(DlTable *t, DlError *e) {
    First first, second;
    settle_separator(t);
    t->scan = scan_csv;
    if (!read_first(t, &first, e)) return false;
    bool classes = t->format.header <= 0 && is_class_line(t, &first);
    t->named = !classes && is_header(t, &first);
    if (!classes && !t->named) return number_columns(t, first.n, e);
    t->begin = first.end;
    t->begin_line = first.line;
    if (t->named) return name_columns(t, &first, e);
    t->nclass = first.n - 2;
    t->announced = first.field[0];
    t->class_name = (const char **)(void *)(first.field + 2);
    return read_first(t, &second, e) && number_columns(t, second.n, e);
}

bool dl_csv_check(const DlTable *t, DlError *e) {
    double rows;
    if (t->nclass == 0) return true;
    return (dl_real(t->announced, strlen(t->announced), &rows) && rows == (double)t->rows) ||
           dl_fail(e, "%s:1: announces %s records, and %lld follow; the file is cut short, or the "
                      "line is no header", t->path, t->announced, (long long)t->rows);
}
