/* prepare_meta.c - a plan as pairs that are stored with the weights, and back:
 *
 *     table           JSON: for each array its name and its columns, with what was learnt of them
 *     columns.INPUT   what each element of an input is, one a line: its column; of a one-hot column
 *                     then a tab and the category, of a vector a tab and the element's number
 *     categories.COLUMN   the categories of a column, one a line, in order
 *     scale.TARGET    mean and deviation of a standardised target, one element a line
 *
 * Of these, `table` and `categories` are read again; the others are for programs. In a category a
 * line end is written \n and a backslash \\. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare.h"

void dl_category_text(double v, char *text, size_t size) {
    snprintf(text, size, "%.15g", v);
    if (strtod(text, NULL) < v || strtod(text, NULL) > v) snprintf(text, size, "%.17g", v);
}

/* ---- texts that grow --------------------------------------------------------------------------- */

typedef struct Growing {
    DlReading *r;
    char *at;
    size_t n, room;
    int64_t lines;
    bool failed;
} Growing;

static void add_letters(Growing *g, const char *text, size_t n) {
    if (g->n + n + 1 > g->room) {
        size_t room = 2 * (g->n + n + 1) + 256;
        char *at = dl_pool_resize(g->r->data->pool, g->at, room, g->r->error);
        g->failed |= !at;
        if (!at) return;
        g->at = at;
        g->room = room;
    }
    memcpy(g->at + g->n, text, n);
    g->n += n;
    g->at[g->n] = '\0';
}

static void add_escaped(Growing *g, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\\')
            add_letters(g, *text == '\n' ? "\\n" : "\\\\", 2);
        else
            add_letters(g, text, 1);
    }
}

static void add_line(Growing *g, const char *text) {
    if (g->lines++ > 0) add_letters(g, "\n", 1);
    add_escaped(g, text);
}

/* Keeps the text under a key made of the two parts. */
static bool put(Growing *g, const char *kind, const char *name) {
    DlReading *r = g->r;
    size_t n = strlen(kind) + strlen(name) + 2;
    char *key = dl_pool_array(r->data->pool, (int64_t)n, 1, r->error);
    if (g->failed || !key) return false;
    snprintf(key, n, "%s.%s", kind, name);
    return dl_meta_put(&r->data->meta, r->data->pool, key, g->at ? g->at : "", r->error);
}

/* ---- storing --------------------------------------------------------------------------------- */

static bool store_categories(DlReading *r, const DlFeature *f) {
    Growing g = {.r = r};
    for (int64_t i = 0; i < f->n; i++) {
        char made[40];
        if (f->value) dl_category_text(f->value[i], made, sizeof made);
        add_line(&g, f->value ? made : f->text[i]);
    }
    return put(&g, "categories", f->column);
}

static void add_element(Growing *g, const DlFeature *f, int64_t k) {
    char made[40];
    snprintf(made, sizeof made, "%lld", (long long)k);
    if (f->one_hot && f->value) dl_category_text(f->value[k], made, sizeof made);
    add_line(g, f->column);
    if (f->places == 1 && !f->one_hot) return;
    add_letters(g, "\t", 1);
    add_escaped(g, f->one_hot && f->text ? f->text[k] : made);
}

static bool store_columns(DlReading *r, const DlPlan *a) {
    Growing g = {.r = r};
    for (int i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->feature[i].places; k++) add_element(&g, &a->feature[i], k);
    return put(&g, "columns", a->tensor->name);
}

static bool store_scale(DlReading *r, const DlPlan *a) {
    Growing g = {.r = r};
    bool any = false;
    for (int i = 0; i < a->n; i++) {
        const DlFeature *f = &a->feature[i];
        any |= f->standardized;
        for (int64_t k = 0; k < f->places; k++) {
            char line[80];
            bool scaled = f->standardized;
            snprintf(line, sizeof line, "%.17g %.17g", scaled ? f->mean[k] : 0,
                    scaled ? f->deviation[k] : 1);
            add_line(&g, line);
        }
    }
    return !any || put(&g, "scale", a->tensor->name);
}

/* NaN, which is no JSON, becomes null. */
static cJSON *numbers_to_json(const double *v, int64_t n) {
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, isnan(v[i]) ? cJSON_CreateNull() : cJSON_CreateNumber(v[i]));
    return list;
}

static cJSON *feature_to_json(const DlFeature *f) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddStringToObject(j, "column", f->column);
    if (f->is_category) {
        cJSON_AddNumberToObject(j, "categories", (double)f->n);
        cJSON_AddBoolToObject(j, "numeric", f->numeric);
        cJSON_AddBoolToObject(j, "one_hot", f->one_hot);
        cJSON_AddNumberToObject(j, "missing", f->keeps_missing ? -1 : (double)f->missing);
        return j;
    }
    cJSON_AddItemToObject(j, "fill", numbers_to_json(f->fill, f->width));
    if (f->standardized) {
        cJSON_AddItemToObject(j, "mean", numbers_to_json(f->mean, f->width));
        cJSON_AddItemToObject(j, "deviation", numbers_to_json(f->deviation, f->width));
    }
    return j;
}

static bool store_table(const DlPreparation *p) {
    DlReading *r = p->reading;
    cJSON *table = cJSON_CreateArray();
    for (int k = 0; k < p->nplan; k++) {
        cJSON *array = cJSON_CreateObject(), *features = cJSON_CreateArray();
        cJSON_AddStringToObject(array, "name", p->plan[k].tensor->name);
        for (int i = 0; i < p->plan[k].n; i++)
            cJSON_AddItemToArray(features, feature_to_json(&p->plan[k].feature[i]));
        cJSON_AddItemToObject(array, "columns", features);
        cJSON_AddItemToArray(table, array);
    }
    char *text = cJSON_PrintUnformatted(table);
    cJSON_Delete(table);
    bool ok = text ? dl_meta_put(&r->data->meta, r->data->pool, "table", text, r->error)
                   : dl_fail(r->error, "out of memory");
    cJSON_free(text);
    return ok;
}

bool dl_plan_store(const DlPreparation *p) {
    DlReading *r = p->reading;
    for (int k = 0; k < p->nplan; k++) {
        const DlPlan *a = &p->plan[k];
        if (!(a->target ? store_scale(r, a) : store_columns(r, a))) return false;
        for (int i = 0; i < a->n; i++)
            if (a->feature[i].is_category && !store_categories(r, &a->feature[i])) return false;
    }
    return store_table(p);
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool damaged(const DlPreparation *p) {
    return dl_fail(p->reading->error,
            "what these weights say of the table that they were trained on cannot be read; train "
            "again, or give the input as .npy");
}

static double *json_to_numbers(DlPreparation *p, const cJSON *list, int64_t n, double otherwise) {
    DlReading *r = p->reading;
    double *v = dl_pool_array(r->data->pool, n, sizeof *v, r->error);
    const cJSON *k = list ? list->child : NULL;
    for (int64_t i = 0; v && i < n; i++, k = k ? k->next : NULL)
        v[i] = !list ? otherwise : cJSON_IsNumber(k) ? k->valuedouble : (double)NAN;
    return v;
}

/* A line of a list of categories, in the pool. */
static const char *take_line(DlReading *r, const char **list) {
    size_t n = strcspn(*list, "\n");
    char *text = dl_pool_text(r->data->pool, *list, n, r->error), *to = text;
    for (const char *from = text; from && *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0')
            *to++ = *++from == 'n' ? '\n' : *from;
        else
            *to++ = *from;
    }
    if (to) *to = '\0';
    *list += n + ((*list)[n] == '\n');
    return text;
}

static bool load_categories(DlPreparation *p, DlFeature *f, int64_t n) {
    DlReading *r = p->reading;
    char key[1024];
    snprintf(key, sizeof key, "categories.%s", f->column);
    const char *list = dl_meta_get(r->request->stored, key);
    size_t most = list ? strlen(list) + 1 : 0;
    if (!list || n < 0 || (size_t)n > most) return damaged(p);
    f->n = n;
    f->text = dl_pool_array(r->data->pool, n, sizeof *f->text, r->error);
    f->value = f->numeric ? dl_pool_array(r->data->pool, n, sizeof *f->value, r->error) : NULL;
    if (!f->text || (f->numeric && !f->value)) return false;
    for (int64_t i = 0; i < n; i++) {
        f->text[i] = take_line(r, &list);
        if (!f->text[i]) return false;
        if (f->numeric) f->value[i] = strtod(f->text[i], NULL);
    }
    return true;
}

static bool load_category(DlPreparation *p, const cJSON *j, DlFeature *f) {
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(j, "categories");
    const cJSON *missing = cJSON_GetObjectItemCaseSensitive(j, "missing");
    f->is_category = true;
    f->numeric = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j, "numeric"));
    f->one_hot = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j, "one_hot"));
    if (!cJSON_IsNumber(missing) || !load_categories(p, f, (int64_t)n->valueint)) return damaged(p);
    f->keeps_missing = missing->valueint < 0;
    f->missing = f->keeps_missing || missing->valueint > f->n ? f->n : missing->valueint;
    f->width = 1;
    f->places = f->one_hot ? f->n : 1;
    return true;
}

static bool load_numbers(DlPreparation *p, const cJSON *j, DlFeature *f) {
    const cJSON *fill = cJSON_GetObjectItemCaseSensitive(j, "fill");
    const cJSON *mean = cJSON_GetObjectItemCaseSensitive(j, "mean");
    const cJSON *deviation = cJSON_GetObjectItemCaseSensitive(j, "deviation");
    f->width = f->places = cJSON_GetArraySize(fill);
    f->standardized = mean != NULL;
    f->fill = json_to_numbers(p, fill, f->width, 0);
    f->mean = json_to_numbers(p, mean, f->width, 0);
    f->deviation = json_to_numbers(p, deviation, f->width, 1);
    if (!f->fill || !f->mean || !f->deviation) return false;
    f->keeps_missing = f->width > 0 && isnan(f->fill[0]);
    for (int64_t k = 0; k < f->width; k++)
        if (!isfinite(f->mean[k]) || !(f->deviation[k] > 0)) return damaged(p);
    return f->width > 0 || damaged(p);
}

static bool load_feature(DlPreparation *p, const cJSON *j, DlFeature *f) {
    DlReading *r = p->reading;
    const cJSON *column = cJSON_GetObjectItemCaseSensitive(j, "column");
    if (!cJSON_IsString(column)) return damaged(p);
    f->column = dl_pool_text(r->data->pool, column->valuestring, strlen(column->valuestring),
            r->error);
    if (!f->column) return false;
    bool category = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(j, "categories"));
    if (!(category ? load_category(p, j, f) : load_numbers(p, j, f))) return false;
    f->at = dl_table_column(p->table, f->column);
    if (f->at < 0) return dl_table_no_column(p->table, f->column, r->error);
    const DlColumn *c = &p->table->column[f->at];
    return (f->is_category && !f->numeric) || c->numbers == 0 || c->width == f->width ||
           dl_fail(r->error, "%s: column '%s' holds %lld numbers in a record, and in training %lld",
                   p->table->path, c->name, (long long)c->width, (long long)f->width);
}

static bool load_plan(DlPreparation *p, const cJSON *array, DlPlan *a) {
    DlReading *r = p->reading;
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(array, "columns");
    int n = cJSON_GetArraySize(columns);
    a->feature = dl_pool_array(r->data->pool, n, sizeof *a->feature, r->error);
    if (!cJSON_IsArray(columns) || !a->feature) return a->feature ? damaged(p) : false;
    for (const cJSON *k = columns->child; k; k = k->next) {
        DlFeature *f = &a->feature[a->n++];
        if (!load_feature(p, k, f)) return false;
        a->places += f->places;
    }
    return true;
}

static const cJSON *array_named(const cJSON *table, const char *name) {
    for (const cJSON *k = table ? table->child : NULL; k; k = k->next) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(k, "name");
        if (cJSON_IsString(own) && strcmp(own->valuestring, name) == 0) return k;
    }
    return NULL;
}

static bool load_plans(DlPreparation *p, const cJSON *table) {
    DlReading *r = p->reading;
    const dl_model *m = r->request->table;
    p->nplan = m->ninput + (p->given ? 0 : m->ntarget);
    p->plan = dl_pool_array(r->data->pool, p->nplan, sizeof *p->plan, r->error);
    for (int k = 0; p->plan && k < p->nplan; k++) {
        const cJSON *array = array_named(table, m->input[k].name);
        p->plan[k] = (DlPlan){.tensor = &m->input[k], .target = k >= m->ninput};
        if (!array)
            return dl_fail(r->error,
                    "these weights were trained on a table without '%s'; they are of another model, "
                    "or must be trained again",
                    m->input[k].name);
        if (!load_plan(p, array, &p->plan[k])) return false;
    }
    return p->plan != NULL;
}

bool dl_plan_load(DlPreparation *p) {
    const char *text = dl_meta_get(p->reading->request->stored, "table");
    if (!text)
        return dl_fail(p->reading->error,
                "%s: these weights came without the names of the columns they were trained on; train "
                "again, or give the input as .npy",
                p->table->path);
    cJSON *table = cJSON_Parse(text);
    bool ok = cJSON_IsArray(table) ? load_plans(p, table) : damaged(p);
    cJSON_Delete(table);
    return ok;
}
