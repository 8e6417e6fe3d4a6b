/* data_characters.c - a text as windows of character indices: the input of a row is a window of
 * characters, its target the ones that follow, one for each place (i32[batch, length]) or only
 * the one after the window (i32[batch]). Windows begin every `stride` characters, the model's
 * length if nothing is said. The last part of the text is for testing.
 *
 * A character is a Unicode code point. Its index is its place among all characters of the
 * text in the order of their codes; this list is kept with the weights, so that a user's text
 * gets the same indices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"
#include "utf8.h"

typedef struct Text {
    const char *path;
    uint32_t *code; /* [length] */
    int64_t length;
} Text;

typedef struct Alphabet {
    uint32_t *code; /* [n], rising */
    int n;
} Alphabet;

/* ---- reading ------------------------------------------------------------------------- */

static bool bad_character(const Text *t, const DlBytes *b, size_t at, DlError *e) {
    int64_t line = 1;
    for (size_t i = 0; i < at; i++) line += b->at[i] == '\n';
    return dl_fail(e, "%s:%lld: is not UTF-8 text (a byte 0x%02x); convert it, with iconv for example",
            t->path, (long long)line, b->at[at]);
}

static bool read_text(DlReading *r, const char *path, Text *t) {
    DlPool *pool = r->data->pool;
    DlBytes b;
    if (!dl_bytes_read(pool, path, &b, r->error)) return false;
    *t = (Text){.path = path};
    t->code = dl_pool_array(pool, (int64_t)b.size, sizeof *t->code, r->error);
    if (!t->code) return false;
    for (size_t at = 0; at < b.size;) {
        int n = dl_utf8_decode(b.at + at, b.size - at, &t->code[t->length++]);
        if (n == 0) return bad_character(t, &b, at, r->error);
        at += (size_t)n;
    }
    dl_pool_drop(pool, b.at);
    return true;
}

/* ---- the alphabet ------------------------------------------------------------------- */

static int by_code(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The different characters of a text. */
static bool collect(DlReading *r, const Text *t, Alphabet *a) {
    uint32_t *all = dl_pool_array(r->data->pool, t->length + 1, sizeof *all, r->error);
    if (!all) return false;
    if (t->length > 0) memcpy(all, t->code, (size_t)t->length * sizeof *all);
    qsort(all, (size_t)t->length, sizeof *all, by_code);
    *a = (Alphabet){.code = all};
    for (int64_t i = 0; i < t->length; i++)
        if (a->n == 0 || all[i] != all[a->n - 1]) all[a->n++] = all[i];
    return true;
}

static bool store(DlReading *r, const Alphabet *a) {
    char *list = dl_pool_array(r->data->pool, 4 * (int64_t)a->n + 1, 1, r->error), *p = list;
    if (!list) return false;
    for (int i = 0; i < a->n; i++) {
        if (a->code[i] == 0)
            return dl_fail(r->error, "data characters: the text holds a zero byte; it is no text");
        p += dl_utf8_encode(a->code[i], p);
    }
    return dl_meta_put(&r->data->meta, r->data->pool, "characters", list, r->error);
}

static bool load(DlReading *r, Alphabet *a) {
    const char *list = dl_meta_get(r->request->stored, "characters");
    if (!list)
        return dl_fail(r->error,
                "these weights came without the list of characters that they were trained on; "
                "train again, or give the input as .npy");
    size_t left = strlen(list);
    a->n = 0;
    a->code = dl_pool_array(r->data->pool, (int64_t)left, sizeof *a->code, r->error);
    while (a->code && left > 0) {
        int n = dl_utf8_decode((const unsigned char *)list, left, &a->code[a->n++]);
        if (n == 0) return dl_fail(r->error, "the list of characters in the weights is damaged");
        list += n;
        left -= (size_t)n;
    }
    return a->code != NULL;
}

/* Codes become indices, in place. */
static bool index_text(DlReading *r, const Text *t, const Alphabet *a) {
    for (int64_t i = 0; i < t->length; i++) {
        uint32_t *found = bsearch(&t->code[i], a->code, (size_t)a->n, sizeof *a->code, by_code);
        if (!found) {
            char shown[8] = "";
            dl_utf8_encode(t->code[i], shown);
            return dl_fail(r->error,
                    "%s: the character '%s' (U+%04X) did not occur in the text that the weights "
                    "were trained on",
                    t->path, shown, (unsigned)t->code[i]);
        }
        t->code[i] = (uint32_t)(found - a->code);
    }
    return true;
}

/* ---- windows ------------------------------------------------------------------------ */

/* What the model asks for. */
typedef struct Windows {
    int64_t length, stride;
    int ntarget;
    bool each; /* a target for each place, else one after the window */
} Windows;

static bool windows_of(DlReading *r, Windows *w) {
    const dl_model *m = r->request->table;
    const dl_tensor *x = m->ninput > 0 ? &m->input[0] : NULL, *y = &m->input[m->ninput];
    bool fits = x && x->rank == 2 && x->type == DL_I32 && m->ninput == 1 && m->ntarget <= 1;
    if (fits && m->ntarget == 1)
        fits = y->type == DL_I32 && (y->rank == 1 || (y->rank == 2 && y->shape[1] == x->shape[1]));
    if (!fits)
        return dl_fail(r->error,
                "data characters: is for a model with an input i32[batch, length] and a target "
                "i32[batch, length] (what follows each place) or i32[batch]; %s has others",
                m->source);
    w->length = x->shape[1];
    w->ntarget = m->ntarget;
    w->each = m->ntarget == 1 && y->rank == 2;
    return dl_arg_integer(r, "stride", w->length, 1, INT32_MAX, &w->stride);
}

static void fill_row(const Windows *w, const uint32_t *code, DlArray *array, int64_t row) {
    int32_t *x = (int32_t *)(void *)array[0].at + row * w->length;
    for (int64_t i = 0; i < w->length; i++) x[i] = (int32_t)code[i];
    if (w->ntarget == 0) return;
    int32_t *y = (int32_t *)(void *)array[1].at;
    if (!w->each) y[row] = (int32_t)code[w->length];
    for (int64_t i = 0; w->each && i < w->length; i++)
        y[row * w->length + i] = (int32_t)code[i + 1];
}

/* All windows of a part of the text that also have the character after them. */
static bool fill(DlReading *r, const Windows *w, const uint32_t *code, int64_t length, DlSplit *s) {
    s->rows = length > w->length ? (length - w->length - 1) / w->stride + 1 : 0;
    if (!dl_array_make(r, &s->array[0], "characters", DL_I32, s->rows, 1, &w->length) ||
            (w->ntarget == 1 && !dl_array_make(r, &s->array[1], "following", DL_I32, s->rows,
                                        w->each ? 1 : 0, &w->length)))
        return false;
    for (int64_t i = 0; i < s->rows; i++) fill_row(w, code + i * w->stride, s->array, i);
    return true;
}

static bool read_characters(DlReading *r) {
    const char *file = dl_arg(r, "file"), *path;
    double test;
    Windows w;
    Text t;
    Alphabet a;
    if (!file) return dl_fail(r->error, "data characters: name the file: characters(\"text.txt\")");
    path = dl_find_named(r, file);
    if (!path || !dl_arg_real(r, "test", 0.1, 0, 1, &test) || !windows_of(r, &w) ||
            !read_text(r, path, &t) ||
            !(r->request->stored ? load(r, &a) : collect(r, &t, &a)) || !store(r, &a) ||
            !index_text(r, &t, &a) || !dl_data_shape(r, 1, w.ntarget))
        return false;
    int64_t last = llround(test * (double)t.length), first = t.length - last;
    if (first <= w.length)
        return dl_fail(r->error,
                "%s: has %lld characters for training, and a window takes %lld and one more", path,
                (long long)first, (long long)w.length);
    return fill(r, &w, t.code, first, &r->data->train) &&
           fill(r, &w, t.code + first, last, &r->data->test);
}

/* The end of a user's text, one window: what would follow? */
static bool prepare_characters(DlReading *r, const char *path, DlSplit *out) {
    Windows w;
    Text t;
    Alphabet a;
    if (!windows_of(r, &w) || !read_text(r, path, &t) || !load(r, &a) || !index_text(r, &t, &a))
        return false;
    if (t.length < w.length)
        return dl_fail(r->error, "%s: has %lld characters; the model looks at %lld", path,
                (long long)t.length, (long long)w.length);
    out->rows = 1;
    w.ntarget = 0;
    if (!dl_data_shape(r, 1, r->request->table->ntarget) ||
            !dl_array_make(r, &out->array[0], "characters", DL_I32, 1, 1, &w.length))
        return false;
    fill_row(&w, t.code + t.length - w.length, out->array, 0);
    return true;
}

const DlReader dl_reader_characters = {
        .name = "characters",
        .arguments = "file test stride",
        .folders = "",
        .files = "one text file",
        .remedy = DL_PLACE,
        .read = read_characters,
        .prepare = prepare_characters,
};
