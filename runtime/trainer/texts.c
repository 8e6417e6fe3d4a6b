/* texts.c - see texts.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labels.h"
#include "texts.h"
#include "utf8.h"

/* ---- a table --------------------------------------------------------------------------------- */

/* The column of texts: the one that is named, one called as the input or `text`, or that with the
 * most letters. */
static int find_text(DlReading *r, const DlTable *t, const DlTextTable *how) {
    const dl_model *m = r->request->table;
    int at = dl_table_column(t, how->text ? how->text : m->input[0].name), most = 0;
    if (at >= 0) return at;
    if (how->text) {
        dl_table_no_column(t, how->text, r->error);
        return -1;
    }
    at = dl_table_column(t, "text");
    for (int i = 1; i < t->columns; i++)
        if (t->column[i].letters > t->column[most].letters) most = i;
    return at >= 0 ? at : most;
}

/* The column of labels: the one that is named, one called as the target or `label`, or the other
 * one of two. */
static int find_label(DlReading *r, const DlTable *t, const DlTextTable *how, int text) {
    const dl_model *m = r->request->table;
    int at = dl_table_column(t, how->label ? how->label : m->input[m->ninput].name);
    if (at < 0 && !how->label) at = dl_table_column(t, "label");
    if (at < 0 && !how->label && t->columns == 2) at = 1 - text;
    if (at >= 0 && at != text) return at;
    if (how->label)
        dl_table_no_column(t, how->label, r->error);
    else
        dl_error(r->error, "%s: which of its %d columns has the labels? Say label: \"COLUMN\"",
                t->path, t->columns);
    return -1;
}

/* Labels that are texts become classes. */
static bool take_labels(DlReading *r, const DlTable *t, const DlColumn *c, DlTexts *out) {
    out->label = dl_pool_array(r->data->pool, t->rows, sizeof *out->label, r->error);
    if (!out->label) return false;
    if (c->number) {
        for (int64_t i = 0, n = 0; i < t->rows; i++)
            if (!isnan(c->number[i])) out->label[n++] = c->number[i];
        return true;
    }
    const char **label = dl_pool_array(r->data->pool, t->rows, sizeof *label, r->error);
    int32_t *class = dl_pool_array(r->data->pool, t->rows, sizeof *class, r->error);
    int64_t n = 0;
    for (int64_t i = 0; label && i < t->rows; i++)
        if (c->code[i] >= 0) label[n++] = c->text.entry[c->code[i]].text;
    if (!label || !class || !dl_label_classes(r, t->path, n, label, label, class)) return false;
    for (int64_t i = 0; i < n; i++) out->label[i] = class[i];
    dl_pool_drop(r->data->pool, label);
    dl_pool_drop(r->data->pool, class);
    return true;
}

static bool take_texts(DlReading *r, const DlTable *t, const DlColumn *text, const DlColumn *label,
        DlTexts *out) {
    *out = (DlTexts){.from = t->path};
    out->text = dl_pool_array(r->data->pool, t->rows, sizeof *out->text, r->error);
    if (!out->text || (label && !take_labels(r, t, label, out))) return false;
    for (int64_t i = 0; i < t->rows; i++) {
        if (label && (label->number ? isnan(label->number[i]) : label->code[i] < 0)) continue;
        DlText empty = {"", 0};
        const DlEntry *k = text->code[i] >= 0 ? &text->text.entry[text->code[i]] : NULL;
        out->text[out->n++] = k ? (DlText){k->text, k->length} : empty;
    }
    if (out->n == t->rows) return true;
    return dl_data_note(r, "%s: %lld of %lld rows are left out: they lack the label", t->path,
            (long long)(t->rows - out->n), (long long)t->rows);
}

bool dl_texts_of_table(DlReading *r, const char *path, const DlTextTable *how, DlTexts *out) {
    DlTable t;
    if (!dl_table_open(r->data->pool, path, &how->format, &t, r->error)) return false;
    int text = find_text(r, &t, how), label = -1;
    if (text >= 0 && how->labelled) label = find_label(r, &t, how, text);
    if (text < 0 || (how->labelled && label < 0)) return false;
    t.column[text].wanted = t.column[text].as_text = true;
    if (label >= 0) t.column[label].wanted = true;
    if (label >= 0) t.column[label].as_text = !dl_column_is_numeric(&t.column[label]);
    const char *name = t.column[text].name, *other = label >= 0 ? t.column[label].name : NULL;
    if (!dl_table_load(&t, r->error) ||
            !take_texts(r, &t, &t.column[text], label >= 0 ? &t.column[label] : NULL, out) ||
            !dl_meta_put(&r->data->meta, r->data->pool, "text", name, r->error) ||
            (other && !dl_meta_put(&r->data->meta, r->data->pool, "label", other, r->error)))
        return false;
    dl_table_drop(&t);
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_text_file(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".txt") == 0 && strchr(path, '/') != NULL;
}

static bool not_utf8(DlReading *r, const char *path, const char *text, size_t at) {
    long long line = 1;
    for (size_t i = 0; i < at; i++) line += text[i] == '\n';
    return dl_fail(r->error,
            "%s:%lld: is not UTF-8 text (a byte 0x%02x); convert it, with iconv -f LATIN1 -t UTF-8 "
            "for example",
            path, line, (unsigned char)text[at]);
}

static bool read_text(DlReading *r, const DlFiles *files, int64_t i, DlText *out) {
    DlBytes b;
    if (!dl_files_read(r->data->pool, files, i, &b, r->error)) return false;
    *out = (DlText){(const char *)b.at, b.size};
    size_t wrong = dl_utf8_wrong(out->at, out->length);
    return wrong == out->length || not_utf8(r, b.path, out->at, wrong);
}

/* Whether the path has this folder in it. */
static bool lies_in(const char *path, const char *folder) {
    size_t n = strlen(folder);
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, folder, n) == 0 && p[n] == '/') return true;
    }
    return false;
}

static bool is_class(const char *list, const char *label) {
    size_t n = strlen(label);
    for (const char *p = list; *p != '\0';) {
        size_t length = strcspn(p, " ");
        if (length == n && strncmp(p, label, n) == 0) return true;
        p += length + strspn(p + length, " ");
    }
    return false;
}

/* The files of classes that are asked for, and their labels. */
static int64_t choose_files(
        DlReading *r, DlFiles *files, const char *classes, const char **label, const char **path) {
    int64_t n = 0;
    for (int64_t i = 0; i < files->n; i++) {
        label[n] = dl_label_of(r, files->from, files->file[i].path, NULL);
        if (!label[n]) return -1;
        if (classes && !is_class(classes, label[n])) continue;
        path[n] = files->file[i].path;
        files->file[n++] = files->file[i];
    }
    files->n = n;
    if (n == 0) dl_error(r->error, "%s: holds no .txt files of the classes %s", files->from, classes);
    return n > 0 ? n : -1;
}

bool dl_texts_of_files(
        DlReading *r, const char *path, const char *classes, bool labelled, DlTexts *out) {
    DlPool *pool = r->data->pool;
    DlFiles files;
    if (!dl_files_fitting(r, path, is_text_file, ".txt files in a folder for each class",
                &files) ||
            !dl_folders_hold(r, &files, ".txt files"))
        return false;
    const char **label = dl_pool_array(pool, files.n, sizeof *label, r->error);
    const char **name = dl_pool_array(pool, files.n, sizeof *name, r->error);
    int32_t *class = dl_pool_array(pool, files.n, sizeof *class, r->error);
    *out = (DlTexts){.from = files.from};
    out->text = dl_pool_array(pool, files.n, sizeof *out->text, r->error);
    out->label = dl_pool_array(pool, files.n, sizeof *out->label, r->error);
    out->tests = dl_pool_array(pool, files.n, sizeof *out->tests, r->error);
    if (!label || !name || !class || !out->text || !out->label || !out->tests) return false;
    out->n = choose_files(r, &files, classes, label, name);
    if (out->n < 0 ||
            (labelled && !dl_label_classes(r, files.from, out->n, name, label, class)))
        return false;
    bool any = false;
    for (int64_t i = 0; i < out->n; i++) {
        if (!read_text(r, &files, i, &out->text[i])) return false;
        out->label[i] = class[i];
        out->tests[i] = lies_in(name[i], "test");
        any |= out->tests[i];
    }
    if (!any) out->tests = NULL;
    return true;
}

/* ---- lines ----------------------------------------------------------------------------------- */

bool dl_texts_of_lines(DlReading *r, const char *path, DlTexts *out) {
    DlBytes b;
    if (!dl_bytes_read(r->data->pool, path, &b, r->error)) return false;
    const char *at = (const char *)b.at, *end = at + b.size;
    size_t wrong = dl_utf8_wrong(at, b.size);
    if (wrong < b.size) return not_utf8(r, path, at, wrong);
    int64_t most = 1;
    for (const char *p = at; p < end; p++) most += *p == '\n';
    *out = (DlTexts){.from = path};
    out->text = dl_pool_array(r->data->pool, most, sizeof *out->text, r->error);
    while (out->text && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        bool ended = n > 0 && at[n - 1] == '\r';
        out->text[out->n++] = (DlText){at, n - ended};
        at += n + 1;
    }
    return out->text != NULL;
}
