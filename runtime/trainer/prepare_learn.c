/* prepare_learn.c - what a plan learns from the rows that train, and from no others: what stands for
 * missing numbers, means and deviations, categories. Classes of a target are those of all rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare.h"

static bool learns_from(const DlPreparation *p, int64_t row, bool target) {
    return p->role[row] == ROW_TRAINS || (target && p->role[row] != ROW_LEFT_OUT);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values of element k of a column that are there, in the order of the rows; how many. */
static int64_t collect(
        const DlPreparation *p, const DlFeature *f, int64_t k, bool target, double *out) {
    const DlColumn *c = &p->table->column[f->at];
    int64_t n = 0;
    for (int64_t i = 0; i < p->table->rows; i++) {
        double v = c->number[i * c->width + k];
        if (learns_from(p, i, target) && !isnan(v)) out[n++] = v;
    }
    return n;
}

static double mean_of(const double *v, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return sum / (double)n;
}

/* Of sorted values; the least of those that are equally frequent. */
static double most_frequent(const double *v, int64_t n) {
    double best = v[0];
    int64_t most = 0;
    for (int64_t i = 0, begin = 0; i < n; i++) {
        if (v[i] > v[begin]) begin = i;
        if (i - begin + 1 <= most) continue;
        most = i - begin + 1;
        best = v[begin];
    }
    return best;
}

/* What stands for a missing value; NaN: nothing does. Sorts the values. */
static double filling(const DlPreparation *p, double *v, int64_t n) {
    if (p->missing >= MISSING_DROP) return (double)NAN;
    if (n == 0) return 0;
    if (p->missing == MISSING_MEAN) return mean_of(v, n);
    qsort(v, (size_t)n, sizeof *v, by_value);
    if (p->missing == MISSING_MOST_FREQUENT) return most_frequent(v, n);
    return n % 2 == 1 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
}

/* Mean and deviation, the filled values among them. A column that does not vary keeps its unit. */
static void measure(DlFeature *f, int64_t k, const double *v, int64_t n, int64_t filled) {
    double all = (double)(n + filled), fill = filled > 0 ? f->fill[k] : 0, square = 0;
    if (n + filled == 0) return;
    double mean = mean_of(v, n > 0 ? n : 1) * ((double)n / all) + fill * ((double)filled / all);
    for (int64_t i = 0; i < n; i++) square += (v[i] - mean) * (v[i] - mean);
    square += (double)filled * (fill - mean) * (fill - mean);
    f->mean[k] = mean;
    if (square > 0) f->deviation[k] = sqrt(square / all);
}

static bool learn_numbers(DlPreparation *p, const DlPlan *a, DlFeature *f) {
    DlReading *r = p->reading;
    DlPool *pool = r->data->pool;
    int64_t rows = 0;
    double *v = dl_pool_array(pool, p->table->rows, sizeof *v, r->error);
    f->fill = dl_pool_array(pool, f->width, sizeof *f->fill, r->error);
    f->mean = dl_pool_array(pool, f->width, sizeof *f->mean, r->error);
    f->deviation = dl_pool_array(pool, f->width, sizeof *f->deviation, r->error);
    if (!v || !f->fill || !f->mean || !f->deviation) return false;
    for (int64_t i = 0; i < p->table->rows; i++) rows += learns_from(p, i, false);
    for (int64_t k = 0; k < f->width; k++) {
        f->deviation[k] = 1;
        int64_t n = collect(p, f, k, false, v);
        f->fill[k] = a->target ? (double)NAN : filling(p, v, n);
        if (f->standardized) measure(f, k, v, n, rows - n);
    }
    f->keeps_missing = isnan(f->fill[0]);
    f->places = f->width;
    dl_pool_drop(pool, v);
    return true;
}

/* ---- categories ------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* How often each text of a column occurs in the rows that are learnt from; [n] is for missing. */
static int64_t *count_texts(const DlPreparation *p, const DlColumn *c, bool target) {
    DlReading *r = p->reading;
    int64_t *count = dl_pool_array(r->data->pool, c->text.n + 1, sizeof *count, r->error);
    for (int64_t i = 0; count && i < p->table->rows; i++)
        if (learns_from(p, i, target)) count[c->code[i] < 0 ? c->text.n : c->code[i]]++;
    return count;
}

static int64_t place_of(const DlFeature *f, const char *text) {
    const char *const *found =
            bsearch(&text, f->text, (size_t)f->n, sizeof *f->text, by_text);
    return found ? found - f->text : f->n;
}

/* Where missing values occur in training they are a category, the empty text. */
static bool learn_texts(DlPreparation *p, const DlPlan *a, DlFeature *f) {
    DlReading *r = p->reading;
    const DlColumn *c = &p->table->column[f->at];
    const char *common = NULL;
    int64_t most = 0, *count = count_texts(p, c, a->target);
    f->text = dl_pool_array(r->data->pool, c->text.n + 1, sizeof *f->text, r->error);
    if (!count || !f->text) return false;
    for (int32_t i = 0; i < c->text.n; i++) {
        const char *text = c->text.entry[i].text;
        if (count[i] == 0) continue;
        f->text[f->n++] = text;
        bool more = count[i] > most || (count[i] == most && strcmp(text, common) < 0);
        if (more) common = text;
        if (more) most = count[i];
    }
    bool own = count[c->text.n] > 0 && p->missing < MISSING_MOST_FREQUENT && !a->target;
    if (own) f->text[f->n++] = "";
    qsort(f->text, (size_t)f->n, sizeof *f->text, by_text);
    f->missing = own ? 0 : f->n;
    if (p->missing == MISSING_MOST_FREQUENT && common) f->missing = place_of(f, common);
    dl_pool_drop(r->data->pool, count);
    return true;
}

static bool learn_values(DlPreparation *p, const DlPlan *a, DlFeature *f) {
    DlReading *r = p->reading;
    double *v = dl_pool_array(r->data->pool, p->table->rows, sizeof *v, r->error);
    if (!v) return false;
    int64_t n = collect(p, f, 0, a->target, v);
    qsort(v, (size_t)n, sizeof *v, by_value);
    double common = n > 0 ? most_frequent(v, n) : 0;
    for (int64_t i = 0; i < n; i++)
        if (f->n == 0 || v[i] > v[f->n - 1]) v[f->n++] = v[i];
    f->value = v;
    f->missing = f->n;
    for (int64_t i = 0; p->missing == MISSING_MOST_FREQUENT && i < f->n; i++)
        if (!(v[i] < common || v[i] > common)) f->missing = i;
    return true;
}

static bool learn_categories(DlPreparation *p, const DlPlan *a, DlFeature *f) {
    if (!(f->numeric ? learn_values(p, a, f) : learn_texts(p, a, f))) return false;
    f->keeps_missing = a->target || p->missing >= MISSING_DROP;
    f->places = f->one_hot ? f->n : 1;
    return true;
}

bool dl_plan_learn(DlPreparation *p) {
    for (int k = 0; k < p->nplan; k++) {
        DlPlan *a = &p->plan[k];
        for (int i = 0; i < a->n; i++) {
            DlFeature *f = &a->feature[i];
            if (!(f->is_category ? learn_categories(p, a, f) : learn_numbers(p, a, f)))
                return false;
            a->places += f->places;
        }
    }
    return true;
}
