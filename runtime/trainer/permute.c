/* permute.c - permutation importance (Breiman, 2001): how much worse a trained model gets when one
 * column's values come from other rows, so that they tell nothing of their own row any more. The
 * mean over several permutations, and their standard deviation. Order and repeats follow from the
 * seed alone. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "near.h"
#include "plot.h"
#include "progress.h"

typedef struct Permuting {
    Job *job;
    const DlSplit *split; /* the first of the given rows, with arrays of its own */
    int64_t metric;       /* where it is among the results */
    double *result;
    int64_t *order;
    const DlSplit *given; /* the rows as they are */
} Permuting;

static bool measure(Permuting *p, double *value) {
    if (!dl_evaluate(&p->job->session, p->split, p->result, &p->job->error)) return false;
    *value = p->result[p->metric];
    return true;
}

/* ---- what is permuted
 * ----------------------------------------------------------------------------- */

static size_t elements_of(const DlArray *a) {
    return a->stride / dl_type_size(a->type);
}

/* A vector of reals is a list of columns; anything else is one thing. */
static bool has_columns(const dl_model *m, int k, const DlArray *a) {
    return a->rank == 1 && m->input[k].type == DL_F32;
}

/* Places of one category, "colour TAB red" and "colour TAB blue", are one column. */
static size_t same_column(const char *line, const char *list) {
    size_t n = strcspn(line, "\t\n"), count = 0;
    while (*list != '\0' && strncmp(line, list, n) == 0 && strcspn(list, "\t\n") == n) {
        count++;
        list += strcspn(list, "\n");
        list += *list == '\n';
    }
    return count;
}

static size_t count_lines(const char *list) {
    size_t n = *list ? 1 : 0;
    for (const char *c = list; *c; c++) n += *c == '\n' && c[1] != '\0';
    return n;
}

static bool add_feature(Job *j, DlPermutation *out, DlFeature f, const char *name, size_t length) {
    f.name = dl_pool_text(j->pool, name, length, &j->error);
    out->feature[out->n++] = f;
    return f.name != NULL;
}

/* Columns of a list, by the names that came with the weights or by their numbers. */
static bool add_columns(Job *j, DlPermutation *out, int input, size_t elements) {
    char key[256], text[256];
    const char *name = j->table->input[input].name;
    snprintf(key, sizeof key, "columns.%s", name);
    const char *list = dl_meta_get(&j->stored, key);
    bool named = list && count_lines(list) == elements;
    for (size_t c = 0, n; c < elements; c += n) {
        n = named ? same_column(list, list) : 1;
        DlFeature f = {.input = input, .column = (int64_t)c, .columns = (int64_t)n};
        snprintf(text, sizeof text, "%s[%zu]", name, c);
        if (!(named ? add_feature(j, out, f, list, strcspn(list, "\t\n"))
                    : add_feature(j, out, f, text, strlen(text))))
            return false;
        for (size_t i = 0; named && i < n; i++)
            list += strcspn(list, "\n") + (i + c + 1 < elements);
    }
    return true;
}

static bool list_features(Job *j, const DlSplit *s, DlPermutation *out) {
    const dl_model *m = j->table;
    int64_t n = 0;
    for (int k = 0; k < m->ninput; k++)
        n += s->array[k].fixed                 ? 0
             : has_columns(m, k, &s->array[k]) ? (int64_t)elements_of(&s->array[k])
                                               : 1;
    if (n < 1 || n > 1 << 20) return dl_fail(&j->error, "%lld columns to permute", (long long)n);
    out->feature = dl_pool_array(j->pool, n, sizeof *out->feature, &j->error);
    for (int k = 0; out->feature && k < m->ninput; k++) {
        const DlArray *a = &s->array[k];
        if (a->fixed) continue;
        const char *name = m->input[k].name;
        bool ok = has_columns(m, k, a) ? add_columns(j, out, k, elements_of(a))
                                       : add_feature(j, out, (DlFeature){.input = k, .column = -1},
                                                 name, strlen(name));
        if (!ok) return false;
    }
    return out->feature != NULL;
}

/* ---- one permutation
 * --------------------------------------------------------------------------------- */

static void shuffle(Permuting *p, const DlFeature *f) {
    const DlArray *a = &p->split->array[f->input];
    size_t size = dl_type_size(a->type), at = f->column < 0 ? 0 : (size_t)f->column * size;
    size_t wide = f->column < 0 ? a->stride : (size_t)f->columns * size;
    for (int64_t r = 0; r < p->split->rows; r++)
        memcpy(dl_row(p->split, f->input, r) + at, dl_row(p->given, f->input, p->order[r]) + at,
                wide);
}

static bool permute_feature(Permuting *p, DlPermutation *out, DlFeature *f, int number) {
    double sum = 0, squares = 0;
    for (int k = 0; k < out->repeats; k++) {
        double after;
        dl_draw_order(p->job->options->seed + (uint64_t)number, k, p->order, p->split->rows);
        shuffle(p, f);
        if (!measure(p, &after)) return false;
        sum += after - out->before;
        squares += (after - out->before) * (after - out->before);
    }
    f->mean = sum / out->repeats;
    double variance = out->repeats > 1 ? (squares - sum * f->mean) / (out->repeats - 1) : 0;
    f->deviation = sqrt(fmax(variance, 0));
    return true;
}

static void restore(Permuting *p, int input) {
    size_t wide = p->split->array[input].stride;
    for (int64_t r = 0; r < p->split->rows; r++)
        memcpy(dl_row(p->split, input, r), dl_row(p->given, input, r), wide);
}

/* The features of one input, whose rows are a copy while it lasts. */
static bool permute_input(Permuting *p, DlPermutation *out, int input) {
    DlArray *a = &p->split->array[input];
    unsigned char *given = a->at;
    int64_t places = dl_split_places(p->split);
    a->at = dl_pool_array(p->job->pool, places, a->stride, &p->job->error);
    bool ok = a->at != NULL;
    if (ok) restore(p, input);
    for (int i = 0; ok && i < out->n; i++) {
        if (out->feature[i].input != input) continue;
        ok = permute_feature(p, out, &out->feature[i], i);
        restore(p, input);
    }
    if (a->at) dl_pool_drop(p->job->pool, a->at);
    a->at = given;
    return ok;
}

/* ---- the whole
 * --------------------------------------------------------------------------------------- */

static bool find_metric(Job *j, const char *name, Permuting *p, DlPermutation *out) {
    const dl_model *m = j->table;
    DlNear near = dl_near(name ? name : "");
    char hint[96];
    for (int i = 0; i < m->nmetric; i++) {
        dl_near_offer(&near, m->metric[i], strlen(m->metric[i]));
        if (!dl_metric_is_number(m, i) || (name && strcmp(m->metric[i], name) != 0)) continue;
        out->metric = m->metric[i];
        p->metric = dl_metric_values(m, p->result, i) - p->result;
        return true;
    }
    dl_near_hint(&near, hint, sizeof hint);
    if (!name) return dl_fail(&j->error, "%s: has no loss and no metric to measure by", m->source);
    return dl_fail(&j->error,
            "--metric %s: the model has no metric of that name that is a number%s", name, hint);
}

static int by_size(const void *a, const void *b) {
    const DlFeature *x = a, *y = b;
    double d = fabs(y->mean) - fabs(x->mean);
    if (d > 0 || d < 0) return d > 0 ? 1 : -1;
    return x->input != y->input ? x->input - y->input : x->column < y->column ? -1 : 1;
}

bool dl_permute(Job *j, const DlSplit *s, const struct DlExplanation *how, DlPermutation *out) {
    DlSplit rows = *s, given = *s;
    int arrays = j->table->ninput + j->table->ntarget;
    rows.array = dl_pool_array(j->pool, arrays, sizeof *rows.array, &j->error);
    if (!rows.array) return false;
    memcpy(rows.array, s->array, (size_t)arrays * sizeof *rows.array);
    if (how->rows && how->rows < rows.rows) rows.rows = how->rows;
    *out = (DlPermutation){.rows = rows.rows, .repeats = how->repeats ? how->repeats : 10};
    Permuting p = {.job = j, .split = &rows, .given = &given, .result = j->metric};
    p.order = dl_pool_array(j->pool, rows.rows, sizeof *p.order, &j->error);
    if (rows.rows < 2) return dl_fail(&j->error, "two rows or more are needed to be exchanged");
    if (!p.order || !find_metric(j, how->metric, &p, out) || !list_features(j, &rows, out) ||
            !measure(&p, &out->before))
        return false;
    for (int k = 0; k < j->table->ninput; k++)
        if (!rows.array[k].fixed && !permute_input(&p, out, k)) return false;
    qsort(out->feature, (size_t)out->n, sizeof *out->feature, by_size);
    return true;
}

/* ---- showing it
 * ---------------------------------------------------------------------------------------- */

void dl_permutation_print(const DlPermutation *p, bool json) {
    static const char bar[] = "########################################";
    double most = p->n ? fabs(p->feature[0].mean) : 0;
    if (!json)
        printf("%s %.6g over %lld rows; its change when a column is shuffled, mean and standard "
               "deviation of %d\n",
                p->metric, p->before, (long long)p->rows, p->repeats);
    for (int i = 0; i < p->n; i++) {
        const DlFeature *f = &p->feature[i];
        if (json) {
            fputs("{\"feature\": ", stdout);
            dl_json_text(stdout, f->name);
            fputs(", \"metric\": ", stdout);
            dl_json_text(stdout, p->metric);
            fputs(", \"change\": ", stdout);
            dl_json_number(stdout, f->mean);
            fputs(", \"deviation\": ", stdout);
            dl_json_number(stdout, f->deviation);
            fputs("}\n", stdout);
        } else {
            printf("  %-24s %+11.5f +- %-9.5f %.*s\n", f->name, f->mean, f->deviation,
                    most > 0 ? (int)lround(30 * fabs(f->mean) / most) : 0, bar);
        }
    }
}

enum { MOST_BARS = 30 };

bool dl_permutation_picture(const DlPermutation *p, const char *path, DlError *e) {
    int n = p->n < MOST_BARS ? p->n : MOST_BARS;
    const char *name[MOST_BARS];
    double value[MOST_BARS], error[MOST_BARS];
    char title[256], axis[256];
    for (int i = 0; i < n; i++) {
        name[i] = p->feature[i].name;
        value[i] = p->feature[i].mean;
        error[i] = p->feature[i].deviation;
    }
    snprintf(title, sizeof title, "Permutation importance (%d of %d columns, %lld rows)", n, p->n,
            (long long)p->rows);
    snprintf(axis, sizeof axis, "change of %s (%.4g) when shuffled, +- deviation of %d times",
            p->metric, p->before, p->repeats);
    DlBars b = {.title = title, .axis = axis, .n = n, .name = name, .value = value, .error = error};
    return dl_plot_bars(path, &b, e);
}
