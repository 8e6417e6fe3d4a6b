/* show.c - see show.h; what a classifier is, classify.h says. */
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "progress.h"
#include "reader.h"

enum { MOST_VALUES = 12 }; /* of a row; then "..." */

void **dl_outputs_new(const dl_model *m, int64_t rows, DlError *e) {
    static const dl_entry none = {0};
    return dl_entry_outputs_new(m->nentry > 0 ? &m->entry[0] : &none, rows, e);
}

void **dl_entry_outputs_new(const dl_entry *entry, int64_t rows, DlError *e) {
    void **output = calloc((size_t)entry->noutput + 1, sizeof *output);
    for (int k = 0; output && k < entry->noutput; k++) {
        const dl_tensor *t = &entry->output[k];
        size_t bytes = dl_tensor_elements(t) * dl_type_size(t->type);
        output[k] = calloc(dl_tensor_has_rows(t) ? (size_t)rows + 1 : 1, bytes ? bytes : 1);
        if (!output[k]) {
            dl_entry_outputs_free(entry, output);
            output = NULL;
        }
    }
    if (!output) dl_error(e, "out of memory for the outputs of %lld rows", (long long)rows);
    return output;
}

void dl_outputs_free(const dl_model *m, void **output) {
    dl_entry_outputs_free(&m->entry[0], output);
}

void dl_entry_outputs_free(const dl_entry *entry, void **output) {
    for (int k = 0; output && k < entry->noutput; k++) free(output[k]);
    free(output);
}

/* ---- values -------------------------------------------------------------------------------- */

static void print_row(FILE *f, const dl_tensor *t, const void *at, int64_t row) {
    size_t n = dl_tensor_elements(t), first = dl_tensor_has_rows(t) ? (size_t)row * n : 0;
    for (size_t i = 0; i < n && i < MOST_VALUES; i++)
        fprintf(f, "%s%.6g", i > 0 ? " " : "", dl_value_at(t->type, at, first + i));
    if (n > MOST_VALUES) fprintf(f, " ... (%zu)", n);
}

/* ---- outputs of given rows ----------------------------------------------------------------- */

static void show_row(FILE *f, const dl_model *m, void *const *output, int64_t row, DlClasses c) {
    const dl_entry *p = &m->entry[0];
    double weight;
    fprintf(f, "%lld:", (long long)row);
    for (int k = 0; k < p->noutput; k++) {
        fprintf(f, "  %s ", p->output[k].name);
        print_row(f, &p->output[k], output[k], row);
    }
    int class = p->noutput > 0 ? dl_class_of(&p->output[0], output[0], row, c, &weight) : -1;
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
            dl_json_number(f, dl_value_at(t->type, output[k], first + i));
        }
        fputc(']', f);
    }
    int class = p->noutput > 0 ? dl_class_of(&p->output[0], output[0], row, c, &weight) : -1;
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

/* ---- small pictures ------------------------------------------------------------------------ */

/* An input of bytes, [h, w] or [h, w, channels], small enough for a terminal. */
static bool is_picture(const DlArray *a) {
    return a->type == DL_U8 && !a->fixed && (a->rank == 2 || (a->rank == 3 && a->shape[2] <= 4)) &&
           a->shape[0] >= 8 && a->shape[0] <= 40 && a->shape[1] >= 8 && a->shape[1] <= 40;
}

/* Brightness of a character's place: the mean of two rows, since characters are tall. */
static int brightness(const DlArray *a, const unsigned char *row, int64_t y, int64_t x) {
    int64_t channels = a->rank == 3 ? a->shape[2] : 1, sum = 0, n = 0;
    for (int64_t i = 2 * y; i < 2 * y + 2 && i < a->shape[0]; i++)
        for (int64_t c = 0; c < channels; c++, n++)
            sum += row[(i * a->shape[1] + x) * channels + c];
    return (int)(sum / n);
}

static void print_pictures(FILE *f, const DlSplit *s, int64_t first, int64_t n) {
    const DlArray *a = &s->array[0];
    static const char ink[] = " .:-=+*#%@";
    for (int64_t y = 0; 2 * y < a->shape[0]; y++) {
        for (int64_t r = first; r < first + n; r++) {
            for (int64_t x = 0; x < a->shape[1]; x++)
                fputc(ink[brightness(a, dl_row(s, 0, r), y, x) * 9 / 255], f);
            fputs("  ", f);
        }
        fputc('\n', f);
    }
}

/* ---- a classifier's test rows -------------------------------------------------------------- */

static void print_captions(FILE *f, const DlClassifier *k, int64_t first, int64_t n, int width) {
    for (int64_t r = first; r < first + n; r++) {
        char text[64];
        double weight = 0;
        int class = dl_class_predicted(k, r, &weight);
        snprintf(text, sizeof text, "%s (%.0f %%)", k->c.name[class], 100 * weight);
        fprintf(f, "%-*.*s  ", width, width, text);
    }
    fputc('\n', f);
    for (int64_t r = first; r < first + n; r++) {
        char text[64];
        double weight;
        bool right = dl_class_predicted(k, r, &weight) == dl_class_true(k, r);
        snprintf(text, sizeof text, "%s%s",
                right ? "right" : "is: ", right ? "" : k->c.name[dl_class_true(k, r)]);
        fprintf(f, "%-*.*s  ", width, width, text);
    }
    fputs("\n\n", f);
}

static void print_examples(FILE *f, const DlClassifier *k, const DlSplit *s, int64_t count) {
    const DlArray *image = &s->array[0];
    if (is_picture(image)) {
        int width = (int)image->shape[1];
        int64_t together = 78 / (width + 2) > 0 ? 78 / (width + 2) : 1;
        for (int64_t first = 0; first < count; first += together) {
            int64_t n = count - first < together ? count - first : together;
            print_pictures(f, s, first, n);
            print_captions(f, k, first, n, width);
        }
        return;
    }
    for (int64_t r = 0; r < count; r++) {
        double weight = 0;
        int class = dl_class_predicted(k, r, &weight);
        fprintf(f, "row %lld: %s (%.0f %%), is %s\n", (long long)r, k->c.name[class], 100 * weight,
                k->c.name[dl_class_true(k, r)]);
    }
    fputc('\n', f);
}

/* Rows are the true classes, columns the predicted ones, in the same order. */
static void print_confusions(FILE *f, const DlClassifier *k, int64_t *count) {
    int n = k->c.n, wide = 5;
    dl_class_confusions(k, count);
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
                fprintf(f, " %.6g", dl_value_at(a->type, dl_row(s, k, r), i));
        }
        fputc('\n', f);
    }
}

void dl_show_split(
        FILE *f, const dl_model *m, void *const *output, const DlSplit *s, DlClasses c, int count) {
    DlClassifier k;
    int64_t n = count < s->rows ? count : s->rows;
    bool classifies = dl_classifier_open(&k, m, output, s, c);
    int64_t *table = classifies ? calloc((size_t)c.n * (size_t)c.n, sizeof *table) : NULL;
    if (classifies) {
        print_examples(f, &k, s, n);
        if (table && c.n <= 20) print_confusions(f, &k, table);
    } else {
        show_values(f, m, output, s, n);
    }
    free(table);
}
