/* explain_parts.c - what the elements of an input are called, and how they lie in a picture. Names
 * are those that came with the weights: a vocabulary's words or characters, a table's columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "index_names.h"

/* ---- names --------------------------------------------------------------------------------------
 */

/* "colour TAB red", the place of a category: "colour = red". */
static const char *column_text(DlExplainer *x, const char *line, size_t length) {
    char text[256];
    const char *tab = memchr(line, '\t', length);
    size_t column = tab ? (size_t)(tab - line) : length, rest = tab ? length - column - 1 : 0;
    snprintf(text, sizeof text, "%.*s%s%.*s", (int)column, line,
            !tab   ? ""
            : rest ? " = "
                   : " = (missing)",
            (int)rest, tab ? tab + 1 : "");
    return dl_pool_text(x->pool, text, strlen(text), x->error);
}

static const char **lines(DlExplainer *x, const char *list, int64_t *n) {
    const char **line = dl_pool_array(x->pool, (int64_t)strlen(list) + 1, sizeof *line, x->error);
    for (*n = 0; line && *list != '\0';) {
        size_t length = strcspn(list, "\n");
        line[*n] = column_text(x, list, length);
        if (!line[(*n)++]) return NULL;
        list += length + (list[length] == '\n');
    }
    return line;
}

static bool name_indices(DlExplainer *x, DlPart *p, const DlMeta *stored) {
    p->text = dl_index_names(x->pool, stored, p->name, &p->texts, x->error);
    return p->text || x->error->text[0] == '\0';
}

/* A column that is a number by itself has its input's name. */
static bool name_columns(DlExplainer *x, DlPart *p, const DlMeta *stored) {
    char key[256];
    int64_t n;
    snprintf(key, sizeof key, "columns.%s", p->name);
    const char *list = dl_meta_get(stored, key);
    const char **column = list ? lines(x, list, &n) : NULL;
    if (list && !column) return false;
    if (column && n == (int64_t)p->elements) p->column = column;
    return true;
}

bool dl_parts_name(DlExplainer *x, const DlMeta *stored) {
    for (int k = 0; k < x->n; k++) {
        DlPart *p = &x->part[k];
        bool named = p->tensor->bound > 0 ? name_indices(x, p, stored) : name_columns(x, p, stored);
        if (!named) return false;
    }
    return true;
}

static int64_t index_at(const DlPart *p, const DlSplit *s, int64_t row, size_t element) {
    return (int64_t)dl_value_at(s->array[p->input].type, dl_row(s, p->input, row), element);
}

double dl_part_most(const float *v, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)v[i]));
    return most > 0 ? most : 1;
}

const char *dl_part_text(
        const DlPart *p, const DlSplit *s, int64_t row, size_t element, char *text, size_t size) {
    int64_t index = p->text ? index_at(p, s, row, element) : -1;
    bool known = index >= 0 && index < p->texts;
    if (known && p->elements == 1)
        snprintf(text, size, "%s = %s", p->name, p->text[index]);
    else if (known)
        snprintf(text, size, "%s", p->text[index]);
    else if (p->column)
        snprintf(text, size, "%s", p->column[element]);
    else if (p->elements == 1)
        snprintf(text, size, "%s", p->name);
    else
        snprintf(text, size, "%s[%zu]", p->name, element);
    return text;
}

bool dl_part_is_shown(const DlPart *p, const DlSplit *s, int64_t row, size_t element, float v) {
    bool padding = p->text && index_at(p, s, row, element) == 0 &&
                   strcmp(p->text[0], "(padding)") == 0;
    return !padding || v < 0 || v > 0;
}

/* ---- pictures and lists
 * ---------------------------------------------------------------------------- */

bool dl_part_is_picture(const DlPart *p) {
    return p->height > 1 && p->width > 1;
}

void dl_part_heat(const DlPart *p, DlMethod method, const float *attribution, float *heat) {
    for (int64_t i = 0; i < p->height * p->width; i++) {
        const float *at = attribution + i * p->depth;
        float v = method == DL_OCCLUSION ? at[0] : 0;
        for (int64_t c = 0; c < p->depth && method != DL_OCCLUSION; c++)
            v = method == DL_SALIENCY ? fmaxf(v, at[c]) : v + at[c];
        heat[i] = v;
    }
}

/* Places of equal size stay in their order. */
void dl_part_order(const DlPart *p, const float *attribution, int64_t *order) {
    int64_t n = (int64_t)p->elements;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t gap = n / 2; gap > 0; gap /= 2)
        for (int64_t i = gap; i < n; i++) {
            int64_t k = order[i], j = i;
            for (; j >= gap; j -= gap) {
                float before = fabsf(attribution[order[j - gap]]), own = fabsf(attribution[k]);
                if (before > own || (before >= own && order[j - gap] < k)) break;
                order[j] = order[j - gap];
            }
            order[j] = k;
        }
}
