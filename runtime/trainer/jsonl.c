/* jsonl.c - JSON lines: an object a line, whose keys are columns. A value is a number, a text, true
 * or false (1 and 0), null or left out (missing), or an array of numbers, as many in each record.
 * Empty lines are no records. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "table.h"
#include "utf8.h"

typedef struct Scan {
    DlTable *t;
    DlDictionary names; /* place of a key: its column */
    double *vector;
    int64_t room;
    int64_t row, line;
    DlVisit *visit;
    void *context;
    DlError *e;
} Scan;

static int column_of(Scan *s, const char *key, int guess) {
    DlTable *t = s->t;
    size_t n = strlen(key);
    if (guess < t->columns && strcmp(t->column[guess].name, key) == 0) return guess;
    int32_t place = dl_dictionary_find(&s->names, key, n);
    if (place >= 0) return place;
    if (dl_utf8_wrong(key, n) < n) {
        dl_error(s->e, "%s:%lld: a key is not UTF-8 text", t->path, (long long)s->line);
        return -1;
    }
    place = dl_dictionary_add(&s->names, key, n, s->e);
    return place < 0 ? -1 : dl_table_add_column(t, key, n, s->e);
}

static bool wrong_value(const Scan *s, const cJSON *k, const char *what) {
    return dl_fail(s->e,
            "%s:%lld: '%s' holds %s; a value is a number, a text, true, false, null or an array of "
            "numbers",
            s->t->path, (long long)s->line, k->string, what);
}

static bool take_array(Scan *s, const cJSON *k, DlCell *c) {
    int64_t n = 0;
    for (const cJSON *v = k->child; v; v = v->next, n++) {
        if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
            return wrong_value(s, k, "an array of other things than numbers");
        if (n == s->room) {
            int64_t room = s->room ? 2 * s->room : 64;
            double *vector =
                    dl_pool_resize(s->t->pool, s->vector, (size_t)room * sizeof *vector, s->e);
            if (!vector) return false;
            s->vector = vector;
            s->room = room;
        }
        s->vector[n] = v->valuedouble;
    }
    if (n == 0) return wrong_value(s, k, "an empty array");
    c->vector = s->vector;
    c->width = n;
    return true;
}

static bool take_value(Scan *s, const cJSON *k, int guess) {
    DlCell c = {.column = column_of(s, k->string, guess)};
    if (c.column < 0) return false;
    if (cJSON_IsNull(k)) return true;
    if (cJSON_IsObject(k)) return wrong_value(s, k, "an object");
    if (cJSON_IsArray(k) && !take_array(s, k, &c)) return false;
    if (cJSON_IsBool(k)) c.number = cJSON_IsTrue(k);
    if (cJSON_IsNumber(k)) c.number = k->valuedouble;
    if (cJSON_IsNumber(k) && !isfinite(k->valuedouble))
        return wrong_value(s, k, "a number that is too large");
    if (cJSON_IsString(k)) {
        c.text = k->valuestring;
        c.length = strlen(c.text);
    }
    return s->visit(s->context, s->row, s->line, &c, s->e);
}

static bool take_object(Scan *s, const char *line, size_t n) {
    const char *stop = NULL;
    cJSON *object = cJSON_ParseWithLengthOpts(line, n, &stop, 0);
    size_t read = object && stop ? (size_t)(stop - line) : n;
    while (read < n && strchr(" \t\r", line[read])) read++;
    bool ok = cJSON_IsObject(object) && read == n;
    if (!ok)
        dl_error(s->e,
                "%s:%lld: is no JSON object; a line is one record, {\"column\": value, ...}%s",
                s->t->path, (long long)s->line,
                *line == '[' ? " (of a JSON array, jq -c '.[]' makes such lines)" : "");
    int guess = 0;
    for (const cJSON *k = ok ? object->child : NULL; ok && k; k = k->next)
        ok = take_value(s, k, guess++);
    cJSON_Delete(object);
    return ok;
}

static bool index_names(Scan *s) {
    s->names = (DlDictionary){.pool = s->t->pool};
    for (int i = 0; i < s->t->columns; i++) {
        const char *name = s->t->column[i].name;
        if (dl_dictionary_add(&s->names, name, strlen(name), s->e) < 0) return false;
    }
    return true;
}

static bool scan_jsonl(DlTable *t, DlVisit *visit, void *context, DlError *e) {
    Scan s = {.t = t, .line = t->begin_line, .visit = visit, .context = context, .e = e};
    const char *at = (const char *)t->bytes.at + t->begin;
    const char *end = (const char *)t->bytes.at + t->bytes.size;
    if (!index_names(&s)) return false;
    for (; at < end; s.line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        size_t blank = 0;
        while (blank < n && strchr(" \t\r", at[blank])) blank++;
        if (blank < n && !take_object(&s, at + blank, n - blank)) return false;
        s.row += blank < n;
        at += n + 1;
    }
    t->rows = s.row;
    return true;
}

bool dl_jsonl_open(DlTable *t, DlError *e) {
    (void)e;
    t->named = true;
    t->scan = scan_jsonl;
    return true;
}
