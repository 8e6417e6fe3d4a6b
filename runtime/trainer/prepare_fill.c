/* prepare_fill.c - a plan applied: columns become arrays, of those rows whose role is asked for. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare.h"

/* ---- does it fit? ---------------------------------------------------------------------------- */

/* "age, sex (2 places: female, male)", as far as there is room. */
static void list_features(const DlPlan *a, char *text, size_t size) {
    size_t at = 0;
    for (int i = 0; i < a->n && at + 200 < size; i++) {
        const DlFeature *f = &a->feature[i];
        at += (size_t)snprintf(text + at, size - at, "%s%.80s", i ? ", " : "", f->column);
        if (f->places == 1 || at + 100 > size) continue;
        at += (size_t)snprintf(text + at, size - at, " (%lld places", (long long)f->places);
        for (int64_t k = 0; f->text && k < f->n && k < 3; k++)
            at += (size_t)snprintf(text + at, size - at, "%s%.20s", k ? ", " : ": ",
                    f->text[k][0] ? f->text[k] : "missing");
        at += (size_t)snprintf(text + at, size - at, f->text && f->n > 3 ? ", ...)" : ")");
    }
    if (at + 200 >= size) snprintf(text + at, size - at, ", ...");
}

static bool check_size(const DlPreparation *p, const DlPlan *a) {
    const dl_model *m = p->reading->request->table;
    const dl_tensor *t = a->tensor;
    char list[2400], type[16];
    if (a->places == (int64_t)dl_tensor_elements(t)) return true;
    list_features(a, list, sizeof list);
    snprintf(type, sizeof type, "%s", dl_type_name(t->type));
    return dl_fail(p->reading->error,
            "%s:%d: '%s' takes %lld number%s a row, and %s has %lld for it: %s\nWrite %s: %s[batch, "
            "%lld], or choose columns with inputs: \"...\" or except: \"...\" in the data line.",
            m->source, t->line, t->name, (long long)(int64_t)dl_tensor_elements(t), (int64_t)dl_tensor_elements(t) == 1 ? "" : "s",
            p->table->path, (long long)a->places, list, t->name, type, (long long)a->places);
}

/* Indices of categories: 0 to n - 1, and n for what was not seen, if the model has room for it. */
static bool check_bound(const DlPreparation *p, const DlPlan *a, const DlFeature *f) {
    const dl_tensor *t = a->tensor;
    if (!f->is_category || f->one_hot || t->bound <= 0 || f->n <= t->bound) return true;
    const dl_model *m = p->reading->request->table;
    if (a->target)
        return dl_fail(p->reading->error,
                "%s:%d: '%s' has %lld classes in the model, and column '%s' has %lld", m->source,
                t->line, t->name, (long long)t->bound, f->column, (long long)f->n);
    return dl_fail(p->reading->error,
            "%s:%d: '%s' is an index from 0 to %lld, and column '%s' has %lld categories in "
            "training and one more for others: it needs a table of %lld rows, embedding(%lld, ...)",
            m->source, t->line, t->name, (long long)t->bound - 1, f->column, (long long)f->n,
            (long long)f->n + 1, (long long)f->n + 1);
}

bool dl_plan_check(const DlPreparation *p) {
    for (int k = 0; k < p->nplan; k++) {
        for (int i = 0; i < p->plan[k].n; i++)
            if (!check_bound(p, &p->plan[k], &p->plan[k].feature[i])) return false;
        if (!check_size(p, &p->plan[k])) return false;
    }
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put(DlArray *a, int64_t at, double v) {
    if (a->type == DL_F32)
        ((float *)(void *)a->at)[at] = (float)v;
    else if (a->type == DL_I32)
        ((int32_t *)(void *)a->at)[at] = (int32_t)v;
    else
        ((double *)(void *)a->at)[at] = v;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The category of each text of the column; n: none. */
static int64_t *map_texts(DlPreparation *p, const DlFeature *f, const DlColumn *c) {
    DlReading *r = p->reading;
    int64_t *map = dl_pool_array(r->data->pool, c->text.n, sizeof *map, r->error);
    for (int32_t i = 0; map && i < c->text.n; i++) {
        const char *text = c->text.entry[i].text;
        const char *const *found = bsearch(&text, f->text, (size_t)f->n, sizeof text, by_text);
        map[i] = found ? found - f->text : f->n;
    }
    return map;
}

static int64_t category_of(
        const DlFeature *f, const DlColumn *c, const int64_t *map, int64_t row) {
    if (c->code) return c->code[row] < 0 ? f->missing : map[c->code[row]];
    if (isnan(c->number[row])) return f->missing;
    const double *found =
            bsearch(&c->number[row], f->value, (size_t)f->n, sizeof *f->value, by_value);
    return found ? found - f->value : f->n;
}

static bool not_seen(DlPreparation *p, const DlPlan *a, const DlFeature *f, int64_t row) {
    const DlColumn *c = &p->table->column[f->at];
    char made[40] = "nothing";
    if (c->number && !isnan(c->number[row])) dl_category_text(c->number[row], made, sizeof made);
    const char *text = c->code && c->code[row] >= 0 ? c->text.entry[c->code[row]].text : made;
    return dl_fail(p->reading->error,
            "%s:%lld: column '%s' holds '%s', which did not occur in training%s", p->table->path,
            (long long)dl_table_line(p->table, row), f->column, text,
            a->target ? "" : "; for values not seen the model's table needs one more row");
}

/* ---- columns to arrays ----------------------------------------------------------------------- */

/* Where a feature goes. */
typedef struct Into {
    DlArray *array;
    int64_t first, stride; /* elements */
    DlRole from, to;       /* roles of the rows */
} Into;

static bool fill_categories(DlPreparation *p, const DlPlan *a, DlFeature *f, Into w) {
    const DlColumn *c = &p->table->column[f->at];
    int64_t *map = c->code ? map_texts(p, f, c) : NULL, at = w.first;
    int64_t most = a->target ? f->n : a->tensor->bound > 0 ? a->tensor->bound : f->n + 1;
    if (c->code && !map) return false;
    for (int64_t i = 0; i < p->table->rows; i++) {
        if (p->role[i] < w.from || p->role[i] > w.to) continue;
        int64_t k = category_of(f, c, map, i);
        f->filled += c->code ? c->code[i] < 0 : isnan(c->number[i]);
        if (f->one_hot && k < f->n)
            put(w.array, at + k, 1);
        else if (!f->one_hot && k < most)
            put(w.array, at, (double)k);
        else if (!f->one_hot || a->target)
            return not_seen(p, a, f, i);
        at += w.stride;
    }
    dl_pool_drop(p->reading->data->pool, map);
    return true;
}

static bool too_large(DlPreparation *p, const DlFeature *f, int64_t row, double v) {
    return dl_fail(p->reading->error,
            "%s:%lld: column '%s' gives %g, which is larger than f32 holds; correct it, or "
            "standardize the column",
            p->table->path, (long long)dl_table_line(p->table, row), f->column, v);
}

static bool fill_numbers(DlPreparation *p, DlFeature *f, Into w) {
    const DlColumn *c = &p->table->column[f->at];
    int64_t at = w.first;
    for (int64_t i = 0; i < p->table->rows; i++) {
        if (p->role[i] < w.from || p->role[i] > w.to) continue;
        const double *cell = c->number + i * c->width;
        bool missing = isnan(cell[0]);
        f->filled += missing;
        for (int64_t k = 0; k < f->width; k++) {
            double v = missing ? f->fill[k] : cell[k];
            if (f->standardized) v = (v - f->mean[k]) / f->deviation[k];
            if (w.array->type == DL_F32 && !(fabs(v) <= (double)FLT_MAX))
                return too_large(p, f, i, v);
            put(w.array, at + k, v);
        }
        at += w.stride;
    }
    return true;
}

/* Reals as the model rounds them; an index alone as an integer; others as they are, to be checked. */
static dl_type type_of(const DlPlan *a) {
    if (a->tensor->type == DL_F32) return DL_F32;
    return a->n == 1 && a->feature[0].is_category ? DL_I32 : DL_F64;
}

static bool fill_array(DlPreparation *p, DlPlan *a, DlRole from, DlRole to, int64_t rows, DlArray *out) {
    Into w = {.array = out, .stride = a->places, .from = from, .to = to};
    int rank = a->places == 1 && a->n == 1 ? 0 : 1;
    if (!dl_array_make(p->reading, out, a->tensor->name, type_of(a), rows, rank, &a->places))
        return false;
    for (int i = 0; i < a->n; i++) {
        DlFeature *f = &a->feature[i];
        if (!(f->is_category ? fill_categories(p, a, f, w) : fill_numbers(p, f, w))) return false;
        w.first += f->places;
    }
    return true;
}

bool dl_plan_fill(DlPreparation *p, DlRole first, DlRole last, DlSplit *out) {
    out->rows = 0;
    for (int k = (int)first; k <= (int)last; k++) out->rows += p->count[k];
    for (int k = 0; k < p->nplan; k++)
        if (!fill_array(p, &p->plan[k], first, last, out->rows, &out->array[k])) return false;
    return true;
}

/* ---- what was done --------------------------------------------------------------------------- */

static bool note_feature(const DlPreparation *p, const DlFeature *f) {
    char by[80] = "as values not seen";
    if (f->filled == 0) return true;
    if (!f->is_category)
        snprintf(by, sizeof by, "%s %.6g", f->width > 1 ? "by vectors, from" : "by", f->fill[0]);
    else if (f->missing < f->n && f->text && f->text[f->missing][0] == '\0')
        snprintf(by, sizeof by, "by a category of their own");
    else if (f->missing < f->n && f->text)
        snprintf(by, sizeof by, "by '%.60s'", f->text[f->missing]);
    return dl_data_note(p->reading, "%s: column '%s' has no value in %lld row%s, filled %s",
            p->table->path, f->column, (long long)f->filled, f->filled == 1 ? "" : "s", by);
}

bool dl_plan_note(const DlPreparation *p) {
    for (int k = 0; k < p->nplan; k++)
        for (int i = 0; i < p->plan[k].n; i++)
            if (!note_feature(p, &p->plan[k].feature[i])) return false;
    return p->count[ROW_LEFT_OUT] == 0 ||
           dl_data_note(p->reading, "%s: %lld of %lld rows are left out: they lack %s",
                   p->table->path, (long long)p->count[ROW_LEFT_OUT], (long long)p->table->rows,
                   p->missing == MISSING_DROP ? "a value that is needed" : "the target");
}
