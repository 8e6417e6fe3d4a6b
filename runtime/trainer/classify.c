/* classify.c - see classify.h. */
#include <limits.h>
#include <math.h>

#include "classify.h"
#include "reader.h"

enum { MOST_CLASSES = 1000 };

int dl_class_of(const dl_tensor *t, const void *at, int64_t row, DlClasses c, double *weight) {
    size_t n = dl_tensor_elements(t), first = (size_t)row * n;
    if (c.n < 2 || !dl_tensor_has_rows(t) || (n != (size_t)c.n && !(n == 1 && c.n == 2))) return -1;
    double best = dl_value_at(t->type, at, first);
    int class = 0;
    if (n == 1) {
        class = best >= 0.5;
        *weight = class ? best : 1 - best;
        return class;
    }
    for (int i = 1; i < c.n; i++)
        if (dl_value_at(t->type, at, first + (size_t)i) > best) {
            best = dl_value_at(t->type, at, first + (size_t)i);
            class = i;
        }
    *weight = best;
    return class;
}

int dl_class_true(const DlClassifier *k, int64_t row) {
    return (int)dl_value_at(k->split->array[k->target].type, dl_row(k->split, k->target, row), 0);
}

int dl_class_predicted(const DlClassifier *k, int64_t row, double *weight) {
    return dl_class_of(k->tensor, k->output, row, k->c, weight);
}

/* The largest label of the split's first target, or -1 where that is not one whole number a row,
 * none of them negative. */
static int largest_label(const dl_model *m, const DlSplit *s) {
    const DlArray *a = m->ntarget > 0 ? &s->array[m->ninput] : NULL;
    double most = -1;
    if (!a || a->fixed || a->stride != dl_type_size(a->type)) return -1;
    for (int64_t r = 0; r < s->rows; r++) {
        double v = dl_value_at(a->type, dl_row(s, m->ninput, r), 0);
        if (!(v >= 0 && v <= INT_MAX) || v > floor(v)) return -1;
        most = fmax(most, v);
    }
    return (int)most;
}

bool dl_classifier_open(
        DlClassifier *k, const dl_model *m, void *const *output, const DlSplit *s, DlClasses c) {
    double weight;
    if (m->nentry < 1 || m->entry[0].noutput < 1 || m->ntarget < 1 || s->rows < 1) return false;
    *k = (DlClassifier){&m->entry[0].output[0], output[0], s, m->ninput, s->rows, c};
    int most = largest_label(m, s);
    return most >= 0 && most < c.n && dl_class_predicted(k, 0, &weight) >= 0;
}

bool dl_classifier_is_sure(const DlClassifier *k) {
    size_t n = dl_tensor_elements(k->tensor);
    for (int64_t r = 0; r < k->rows; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            double v = dl_value_at(k->tensor->type, k->output, (size_t)r * n + i);
            if (!(v >= 0 && v <= 1.001)) return false;
            sum += v;
        }
        if (n > 1 && fabs(sum - 1) > 1e-3) return false;
    }
    return true;
}

void dl_class_confusions(const DlClassifier *k, int64_t *count) {
    double weight;
    for (int64_t r = 0; r < k->rows; r++)
        count[dl_class_true(k, r) * k->c.n + dl_class_predicted(k, r, &weight)]++;
}

DlClasses dl_classes_numbered(const dl_model *m, const DlSplit *s, DlPool *pool, DlError *e) {
    int most = m->nentry > 0 && m->entry[0].noutput > 0 ? largest_label(m, s) : -1;
    size_t elements = most >= 0 ? dl_tensor_elements(&m->entry[0].output[0]) : 0;
    int n = elements == 1 ? 2 : elements <= MOST_CLASSES ? (int)elements : 0;
    if (most < 0 || most >= n) return (DlClasses){0};
    const char **name = dl_pool_array(pool, n, sizeof *name, e);
    for (int i = 0; name && i < n; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "%d", i);
        name[i] = dl_pool_text(pool, text, (size_t)length, e);
        if (!name[i]) return (DlClasses){0};
    }
    return (DlClasses){name ? n : 0, (const char *const *)name};
}
