/* show.c - see show.h. A model is a classifier when its first output has as many elements a
 * row as there are classes (the largest wins), or one element for two classes (from 0.5 on,
 * it is the second) and its first target is one whole number a row. */
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "progress.h"
#include "reader.h"

enum { MOST_VALUES = 12 }; /* of a row; then "..." */

bool dl_tensor_has_rows(const dl_tensor *t) {
    return t->rank > 0 && t->shape[0] < 0;
}

size_t dl_tensor_elements(const dl_tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] >= 0) n *= (size_t)t->shape[i];
    return n;
}

void **dl_outputs_new(const dl_model *m, int64_t rows, DlError *e) {
    int n = m->nentry > 0 ? m->entry[0].noutput : 0;
    void **output = calloc((size_t)n + 1, sizeof *output);
    for (int k = 0; output && k < n; k++) {
        const dl_tensor *t = &m->entry[0].output[k];
        size_t bytes = dl_tensor_elements(t) * dl_type_size(t->type);
        output[k] = calloc(dl_tensor_has_rows(t) ? (size_t)rows + 1 : 1, bytes ? bytes : 1);
        if (!output[k]) {
            dl_outputs_free(m, output);
            output = NULL;
        }
    }
    if (!output) dl_error(e, "out of memory for the outputs of %lld rows", (long long)rows);
    return output;
}

void dl_outputs_free(const dl_model *m, void **output) {
    for (int k = 0; output && k < m->entry[0].noutput; k++) free(output[k]);
    free(output);
}

/* ---- values ------------------------------------------------------------------------- */

static double value_at(dl_type t, const void *at, size_t i) {
    switch (t) {
    case DL_F32:
        return (double)((const float *)at)[i];
    case DL_I32:
        return (double)((const int32_t *)at)[i];
    case DL_F64:
        return ((const double *)at)[i];
    case DL_I64:
        return (double)((const int64_t *)at)[i];
    case DL_U8:
        break;
    }
    return (double)((const unsigned char *)at)[i];
}

/* The class of a row of the output, or -1 when it gives none. */
static int class_of(const dl_tensor *t, const void *at, int64_t row, DlClasses c, double *weight) {
    size_t n = dl_tensor_elements(t), first = (size_t)row * n;
    if (c.n < 2 || !dl_tensor_has_rows(t) || (n != (size_t)c.n && !(n == 1 && c.n == 2))) return -1;
    double best = value_at(t->type, at, first);
    int class = 0;
    if (n == 1) {
        class = best >= 0.5;
        *weight = class ? best : 1 - best;
        return class;
    }
    for (int i = 1; i < c.n; i++)
        if (value_at(t->type, at, first + (size_t)i) > best) {
            best = value_at(t->type, at, first + (size_t)i);
            class = i;
        }
    *weight = best;
    return class;
}

static void print_row(FILE *f, const dl_tensor *t, const void *at, int64_t row) {
    size_t n = dl_tensor_elements(t), first = dl_tensor_has_rows(t) ? (size_t)row * n : 0;
    for (size_t i = 0; i < n && i < MOST_VALUES; i++)
        fprintf(f, "%s%.6g", i > 0 ? " " : "", value_at(t->type, at, first + i));
    if (n > MOST_VALUES) fprintf(f, " ... (%zu)", n);
}

/* ---- outputs of given rows ---------------------------------------------------------- */

static void show_row(FILE *f, const dl_model *m, void *const *output, int64_t row, DlClasses c) {
    const dl_entry *p = &m->entry[0];
    double weight;
    fprintf(f, "%lld:", (long long)row);
    for (int k = 0; k < p->noutput; k++) {
        fprintf(f, "  %s ", p->output[k].name);
        print_row(f, &p->output[k], output[k], row);
    }
    int class = p->noutput > 0 ? class_of(&p->output[0], output[0], row, c, &weight) : -1;
    if (class >= 0) fprintf(f, "  %s", c.name[class]);
    fputc('\n', f);
}

static void show_object(FILE *f, const dl_model *m, void *const *output, int64_t row, DlClasses c) {
    const dl_entry *p = &m->entry[0];
    double weight;
    fprintf(f, "{\"row\": %lld", (long long)row);
    for (int k = 0; k < p->noutput; k++) {
        const dl_tensor *t = &p->output[k];
        size_t n = dl_tensor_elements(t), first = dl_tensor_has_rows(t) ? (size_t)row * n : 0;
        fputs(", ", f);
        dl_json_text(f, t->name);
        fputs(": [", f);
        for (size_t i = 0; i < n; i++) {
            fputs(i > 0 ? ", " : "", f);
            dl_json_number(f, value_at(t->type, output[k], first + i));
        }
        fputc(']', f);
    }
    int class = p->noutput > 0 ? class_of(&p->output[0], output[0], row, c, &weight) : -1;
    if (class >= 0) {
        fputs(", \"class\": ", f);
        dl_json_text(f, c.name[class]);
    }
    fputs("}\n", f);
}

void dl_show_outputs(
        FILE *f, const dl_model *m, void *const *output, int64_t rows, DlClasses c, bool json) {
    for (int64_t i = 0; i < rows; i++)
        if (json)
            show_object(f, m, output, i, c);
        else
            show_row(f, m, output, i, c);
}

/* ---- small pictures ----------------------------------------------------------------- */

/* An input of bytes, [h, w] or [h, w, channels], small enough for a terminal. */
static bool is_picture(const DlArray *a) {
    return a->type == DL_U8 && !a->fixed && (a->rank == 2 || (a->rank == 3 && a->shape[2] <= 4)) &&
           a->shape[0] >= 8 && a->shape[0] <= 40 && a->shape[1] >= 8 && a->shape[1] <= 40;
}

/* Brightness of a character's place: the mean of two rows, since characters are tall. */
static int brightness(const DlArray *a, int64_t row, int64_t y, int64_t x) {
    int64_t channels = a->rank == 3 ? a->shape[2] : 1, sum = 0, n = 0;
    for (int64_t i = 2 * y; i < 2 * y + 2 && i < a->shape[0]; i++)
        for (int64_t c = 0; c < channels; c++, n++)
            sum += a->at[(size_t)row * a->stride + (size_t)((i * a->shape[1] + x) * channels + c)];
    return (int)(sum / n);
}

static void print_pictures(FILE *f, const DlArray *a, int64_t first, int64_t n) {
    static const char ink[] = " .:-=+*#%@";
    for (int64_t y = 0; 2 * y < a->shape[0]; y++) {
        for (int64_t r = first; r < first + n; r++) {
            for (int64_t x = 0; x < a->shape[1]; x++)
                fputc(ink[brightness(a, r, y, x) * 9 / 255], f);
            fputs("  ", f);
        }
        fputc('\n', f);
    }
}

/* ---- a classifier's test rows
 * --------------------------------------------------------------------- */

typedef struct Classifier {
    const dl_tensor *tensor; /* its output */
    const void *output;
    const DlArray *target;
    DlClasses c;
} Classifier;

static int true_class(const Classifier *k, int64_t row) {
    return (int)value_at(k->target->type, k->target->at, (size_t)row);
}

static void print_captions(FILE *f, const Classifier *k, int64_t first, int64_t n, int width) {
    for (int64_t r = first; r < first + n; r++) {
        char text[64];
        double weight = 0;
        int class = class_of(k->tensor, k->output, r, k->c, &weight);
        snprintf(text, sizeof text, "%s (%.0f %%)", k->c.name[class], 100 * weight);
        fprintf(f, "%-*.*s  ", width, width, text);
    }
    fputc('\n', f);
    for (int64_t r = first; r < first + n; r++) {
        char text[64];
        double weight;
        bool right = class_of(k->tensor, k->output, r, k->c, &weight) == true_class(k, r);
        snprintf(text, sizeof text, "%s%s",
                right ? "right" : "is: ", right ? "" : k->c.name[true_class(k, r)]);
        fprintf(f, "%-*.*s  ", width, width, text);
    }
    fputs("\n\n", f);
}

static void print_examples(FILE *f, const Classifier *k, const DlSplit *s, int64_t count) {
    const DlArray *image = &s->array[0];
    if (is_picture(image)) {
        int width = (int)image->shape[1];
        int64_t together = 78 / (width + 2) > 0 ? 78 / (width + 2) : 1;
        for (int64_t first = 0; first < count; first += together) {
            int64_t n = count - first < together ? count - first : together;
            print_pictures(f, image, first, n);
            print_captions(f, k, first, n, width);
        }
        return;
    }
    for (int64_t r = 0; r < count; r++) {
        double weight = 0;
        int class = class_of(k->tensor, k->output, r, k->c, &weight);
        fprintf(f, "row %lld: %s (%.0f %%), is %s\n", (long long)r, k->c.name[class], 100 * weight,
                k->c.name[true_class(k, r)]);
    }
    fputc('\n', f);
}

/* Rows are the true classes, columns the predicted ones, in the same order. */
static void print_confusions(FILE *f, const Classifier *k, int64_t rows, int64_t *count) {
    int n = k->c.n, wide = 5;
    for (int64_t r = 0; r < rows; r++) {
        double weight;
        count[true_class(k, r) * n + class_of(k->tensor, k->output, r, k->c, &weight)]++;
    }
    for (int i = 0; i < n; i++)
        wide = (int)strlen(k->c.name[i]) > wide ? (int)strlen(k->c.name[i]) : wide;
    wide = wide > 16 ? 16 : wide;
    fprintf(f, "%-*s  predicted\n%-*s", wide, "", wide, "is");
    for (int i = 0; i < n; i++) fprintf(f, " %5.5s", k->c.name[i]);
    fputc('\n', f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "%-*.*s", wide, wide, k->c.name[i]);
        for (int j = 0; j < n; j++)
            fprintf(f, count[i * n + j] ? " %5lld" : "     .", (long long)count[i * n + j]);
        fputc('\n', f);
    }
}

static bool is_classifier(
        const dl_model *m, void *const *output, const DlSplit *s, DlClasses c, Classifier *k) {
    double weight;
    if (m->nentry < 1 || m->entry[0].noutput < 1 || m->ntarget < 1 || s->rows < 1) return false;
    const DlArray *target = &s->array[m->ninput];
    *k = (Classifier){&m->entry[0].output[0], output[0], target, c};
    return target->stride == dl_type_size(target->type) &&
           class_of(k->tensor, output[0], 0, c, &weight) >= 0;
}

/* Labels come from files: one that no class has keeps the table from being drawn. */
static bool labels_in_range(const Classifier *k, int64_t rows) {
    for (int64_t r = 0; r < rows; r++)
        if (true_class(k, r) < 0 || true_class(k, r) >= k->c.n) return false;
    return true;
}

static void show_values(
        FILE *f, const dl_model *m, void *const *output, const DlSplit *s, int64_t count) {
    const dl_entry *p = &m->entry[0];
    for (int64_t r = 0; r < count; r++) {
        fprintf(f, "row %lld:", (long long)r);
        for (int k = 0; k < p->noutput; k++) {
            fprintf(f, "  %s ", p->output[k].name);
            print_row(f, &p->output[k], output[k], r);
        }
        for (int k = m->ninput; k < m->ninput + m->ntarget; k++) {
            const DlArray *a = &s->array[k];
            size_t n = a->stride / dl_type_size(a->type);
            fprintf(f, "  %s (target)", m->input[k].name);
            for (size_t i = 0; i < n && i < MOST_VALUES && !a->fixed; i++)
                fprintf(f, " %.6g", value_at(a->type, a->at, (size_t)r * n + i));
        }
        fputc('\n', f);
    }
}

void dl_show_split(
        FILE *f, const dl_model *m, void *const *output, const DlSplit *s, DlClasses c, int count) {
    Classifier k;
    int64_t n = count < s->rows ? count : s->rows;
    bool classifies = is_classifier(m, output, s, c, &k) && labels_in_range(&k, s->rows);
    int64_t *table = classifies ? calloc((size_t)c.n * (size_t)c.n, sizeof *table) : NULL;
    if (classifies) {
        print_examples(f, &k, s, n);
        if (table && c.n <= 20) print_confusions(f, &k, s->rows, table);
    } else {
        show_values(f, m, output, s, n);
    }
    free(table);
}
