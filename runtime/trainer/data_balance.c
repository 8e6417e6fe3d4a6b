/* data_balance.c - weights of rows that make classes count alike: the target named in
 * `class_weight weight, of: label` is not read, but holds for each row
 *
 *     rows / (classes * rows of its class),    counted in the training rows,
 *
 * and 1 for a class that has none. The weights of the classes are kept with the model's weights,
 * so that an evaluation has the loss that training had. Readers see the model without this
 * target: dl_balance_hide and dl_balance_insert stand around them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"

enum { MOST = 1 << 20 }; /* classes */

static const char key[] = "class_weight";

static int target_named(const dl_model *m, const char *name) {
    for (int k = m->ninput; k < m->ninput + m->ntarget; k++)
        if (strcmp(m->input[k].name, name) == 0) return k;
    return -1;
}

bool dl_balance_hide(DlReading *r, dl_model *without) {
    const dl_model *m = r->request->table;
    const DlControl *c = &r->request->config->control;
    int at = target_named(m, c->weight);
    if (at < 0) return dl_fail(r->error, "class_weight: the model has no target '%s'", c->weight);
    const dl_tensor *t = &m->input[at];
    if (t->type != DL_F32 || t->rank != 1 || t->shape[0] >= 0)
        return dl_fail(r->error, "%s:%d: the target '%s' holds a weight for each row: f32[batch]",
                m->source, t->line, t->name);
    dl_tensor *list = dl_pool_array(r->data->pool, m->ninput + m->ntarget, sizeof *list, r->error);
    if (!list) return false;
    *without = *m;
    for (int k = 0, n = 0; k < m->ninput + m->ntarget; k++)
        if (k != at) list[n++] = m->input[k];
    without->input = list;
    without->ntarget--;
    return true;
}

/* ---- the weight of each class ------------------------------------------------------- */

typedef struct Classes {
    int64_t n;
    double *weight;
} Classes;

/* The class of row i, by target k. */
static double label_of(const DlSplit *s, int k, int64_t i) {
    return dl_value_at(s->array[k].type, dl_row(s, k, i), 0);
}

static bool check_labels(DlReading *r, const DlSplit *s, int k) {
    const DlArray *a = &s->array[k];
    for (int64_t i = 0; i < s->rows; i++) {
        double v = label_of(s, k, i);
        if (a->stride != dl_type_size(a->type) || !(v >= 0 && v < MOST) || v != floor(v))
            return dl_fail(r->error,
                    "class_weight: '%s' has no class in each row, a whole number from 0 on: row "
                    "%lld holds %g",
                    a->name, (long long)i, v);
    }
    return true;
}

static bool count_classes(DlReading *r, int label, Classes *c) {
    const DlSplit *s = &r->data->train;
    int64_t present = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        double v = label_of(s, label, i);
        c->n = v >= (double)c->n ? (int64_t)v + 1 : c->n;
    }
    c->weight = dl_pool_array(r->data->pool, c->n, sizeof *c->weight, r->error);
    if (!c->weight) return false;
    for (int64_t i = 0; i < s->rows; i++) c->weight[(int64_t)label_of(s, label, i)]++;
    for (int64_t k = 0; k < c->n; k++) present += c->weight[k] > 0;
    for (int64_t k = 0; k < c->n; k++)
        c->weight[k] = c->weight[k] > 0 ? (double)s->rows / ((double)present * c->weight[k]) : 1;
    return true;
}

/* As a text: one number a class. */
static bool store(DlReading *r, const Classes *c) {
    char *text = dl_pool_array(r->data->pool, 32 * c->n + 1, 1, r->error);
    size_t used = 0;
    for (int64_t k = 0; text && k < c->n; k++)
        used += (size_t)snprintf(text + used, 32, "%s%.17g", k ? " " : "", c->weight[k]);
    return text && dl_meta_put(&r->data->meta, r->data->pool, key, text, r->error);
}

static bool recall(DlReading *r, const char *text, Classes *c) {
    int64_t room = (int64_t)strlen(text) / 2 + 1;
    c->weight = dl_pool_array(r->data->pool, room, sizeof *c->weight, r->error);
    while (c->weight && *text != '\0' && c->n < room) {
        char *end;
        c->weight[c->n++] = strtod(text, &end);
        if (end == text) return dl_fail(r->error, "the weights file has no numbers in %s", key);
        text = end;
    }
    return c->weight != NULL;
}

/* ---- the target --------------------------------------------------------------------- */

static bool insert(DlReading *r, DlSplit *s, int at, int of, const Classes *c) {
    const dl_model *m = r->request->table;
    int n = m->ninput + m->ntarget;
    DlArray *list = dl_pool_array(r->data->pool, n, sizeof *list, r->error);
    if (!list) return false;
    for (int k = 0, from = 0; k < n; k++)
        if (k != at) list[k] = s->array[from++];
    s->array = list;
    if (!dl_array_make(r, &list[at], m->input[at].name, DL_F32, dl_split_places(s), 0, NULL) ||
            !check_labels(r, s, of))
        return false;
    for (int64_t i = 0; i < s->rows; i++) {
        double v = label_of(s, of, i);
        float *weight = (float *)(void *)dl_row(s, at, i);
        *weight = v < (double)c->n ? (float)c->weight[(int64_t)v] : 1;
    }
    return true;
}

bool dl_balance_insert(DlReading *r) {
    const dl_model *m = r->request->table;
    const DlControl *c = &r->request->config->control;
    DlData *d = r->data;
    int at = target_named(m, c->weight), of = target_named(m, c->weight_of);
    if (of < 0)
        return dl_fail(r->error, "class_weight: the model has no target '%s'", c->weight_of);
    int label = of - (of > at);
    const char *text = dl_meta_get(r->request->stored, key);
    Classes k = {0, NULL};
    if (!check_labels(r, &d->train, label) ||
            !(text ? recall(r, text, &k) : count_classes(r, label, &k)) || !store(r, &k))
        return false;
    bool ok = insert(r, &d->train, at, of, &k) && insert(r, &d->test, at, of, &k) &&
              (d->validation.rows == 0 || insert(r, &d->validation, at, of, &k));
    d->ntarget = m->ntarget;
    return ok;
}
