/* data_select.c - some of the rows of a labelled data set: `classes` (names or numbers, divided
 * by blanks) keeps the rows of these classes, which become 0, 1, ... in that order; `each`
 * keeps the first so many training rows of each class. For the readers of images, whose second
 * array is the label, a byte. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

enum { MOST = 256 };

typedef struct Selection {
    int n;           /* classes kept */
    int place[MOST]; /* of an old label: its new one, or -1 */
    const char *name[MOST];
} Selection;

/* The class of that name, or of that number. */
static int class_named(const DlData *d, const char *text, size_t length) {
    char *end;
    for (int i = 0; i < d->nclass; i++)
        if (strlen(d->class_name[i]) == length && memcmp(d->class_name[i], text, length) == 0)
            return i;
    if (!isdigit((unsigned char)*text)) return -1;
    long v = strtol(text, &end, 10);
    return end == text + length && v < d->nclass ? (int)v : -1;
}

static bool no_class(DlReading *r, const char *text, size_t length) {
    char list[1024] = "";
    for (int i = 0; i < r->data->nclass; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", r->data->class_name[i]);
    }
    return dl_fail(r->error, "data %s: has no class '%.*s'; its classes are %s", r->reader->name,
            (int)length, text, list);
}

static bool read_classes(DlReading *r, Selection *s) {
    const char *list = dl_arg(r, "classes");
    *s = (Selection){.n = 0};
    for (int i = 0; i < MOST; i++) s->place[i] = list ? -1 : i;
    while (list && *list != '\0') {
        size_t length = strcspn(list, " ");
        int c = class_named(r->data, list, length);
        if (c < 0) return no_class(r, list, length);
        if (s->place[c] >= 0)
            return dl_fail(r->error, "data %s: class '%.*s' is named twice", r->reader->name,
                    (int)length, list);
        s->name[s->n] = r->data->class_name[c];
        s->place[c] = s->n++;
        list += length;
        list += strspn(list, " ");
    }
    return true;
}

/* Labels that may be written. */
static bool own_labels(DlReading *r, DlSplit *split) {
    const DlArray file = split->array[1];
    int64_t rows = dl_split_places(split);
    if (!file.mapped) return true;
    if (!dl_array_make(r, &split->array[1], file.name, file.type, rows, file.rank, file.shape))
        return false;
    memcpy(split->array[1].at, file.at, (size_t)rows);
    return true;
}

static bool keep_rows(DlReading *r, DlSplit *split, const Selection *s, int64_t each) {
    int64_t count[MOST] = {0};
    bool *leaves = dl_pool_array(r->data->pool, split->rows, sizeof *leaves, r->error);
    if (!leaves || !own_labels(r, split)) return false;
    for (int64_t i = 0; i < split->rows; i++) {
        unsigned char *label = dl_row(split, 1, i);
        int place = s->place[*label];
        leaves[i] = place < 0 || count[place] >= each;
        if (leaves[i]) continue;
        count[place]++;
        *label = (unsigned char)place;
    }
    return dl_split_take(r, split, NULL, leaves);
}

bool dl_data_select(DlReading *r) {
    Selection s;
    int64_t each;
    if (!dl_arg_integer(r, "each", INT64_MAX, 1, INT64_MAX, &each) || !read_classes(r, &s))
        return false;
    if (s.n == 0 && each == INT64_MAX) return true;
    if (r->data->train.array[1].type != DL_U8 || r->data->test.array[1].type != DL_U8)
        return dl_fail(r->error, "data %s: `classes` and `each` need labels of one byte",
                r->reader->name);
    if (!keep_rows(r, &r->data->train, &s, each) ||
            !keep_rows(r, &r->data->test, &s, INT64_MAX))
        return false;
    return s.n == 0 || dl_data_classes(r, s.n, s.name);
}
