/* data_imdb.c - film reviews and whether they praise (1) or not (0). Takes lines of
 * label TAB rating TAB id TAB text (*train*.tsv, *test*.tsv), or the publisher's folder
 * (train/pos, train/neg, test/pos, test/neg: a file a review). Words become indices by a
 * vocabulary that is learnt from the training text, or comes with the weights. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"

typedef struct Review {
    const char *text;
    size_t length;
    unsigned char label;
} Review;

typedef struct Reviews {
    Review *at;
    int64_t n, capacity;
} Reviews;

static bool add_review(DlReading *r, Reviews *s, const char *text, size_t length, int label) {
    if (s->n == s->capacity) {
        int64_t capacity = s->capacity ? 2 * s->capacity : 1024;
        Review *at = dl_pool_array(r->data->pool, capacity, sizeof *at, r->error);
        if (!at) return false;
        if (s->n > 0) memcpy(at, s->at, (size_t)s->n * sizeof *at);
        s->at = at;
        s->capacity = capacity;
    }
    s->at[s->n++] = (Review){text, length, (unsigned char)label};
    return true;
}

/* ---- one file of lines -------------------------------------------------------------- */

static bool read_line(
        DlReading *r, const char *path, int64_t number, const char *line, size_t n, Reviews *out) {
    const char *field = line, *end = line + n;
    for (int i = 0; i < 3; i++) {
        const char *tab = memchr(field, '\t', (size_t)(end - field));
        if (!tab)
            return dl_fail(r->error,
                    "%s:%lld: has %d fields, and a review is label TAB rating TAB "
                    "id TAB text",
                    path, (long long)number, i + 1);
        field = tab + 1;
    }
    if ((line[0] != '0' && line[0] != '1') || line[1] != '\t')
        return dl_fail(r->error,
                "%s:%lld: the label must be 0 or 1, and the line begins with '%.*s'", path,
                (long long)number, (int)strcspn(line, "\t") > 20 ? 20 : (int)strcspn(line, "\t"),
                line);
    const char *tab = memchr(field, '\t', (size_t)(end - field));
    return add_review(r, out, field, (size_t)((tab ? tab : end) - field), line[0] - '0');
}

static bool read_lines(DlReading *r, const char *path, Reviews *out) {
    DlBytes b;
    if (!dl_bytes_read(r->data->pool, path, &b, r->error)) return false;
    const char *line = (const char *)b.at, *end = line + b.size;
    for (int64_t number = 1; line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (!read_line(r, path, number, line, n, out)) return false;
        line += n + 1;
    }
    return out->n > 0 || dl_fail(r->error, "%s: holds no reviews; fetch the file again", path);
}

/* ---- the publisher's folder --------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The .txt files of a folder in the order of their names, in the pool; -1 after a message. */
static int64_t list_folder(DlReading *r, const char *folder, const char ***name) {
    DIR *d = opendir(folder);
    int64_t n = 0, capacity = 16384;
    *name = dl_pool_array(r->data->pool, capacity, sizeof **name, r->error);
    if (!d) dl_error(r->error, "%s: this folder is missing; unpack the archive again", folder);
    for (const struct dirent *f; d && *name && (f = readdir(d)) != NULL && n < capacity;) {
        size_t length = strlen(f->d_name);
        if (length > 4 && strcmp(f->d_name + length - 4, ".txt") == 0)
            (*name)[n++] = dl_pool_text(r->data->pool, f->d_name, length, r->error);
    }
    if (d) closedir(d);
    if (!d || !*name || r->error->text[0] != '\0') return -1;
    qsort(*name, (size_t)n, sizeof **name, by_name);
    return n;
}

static bool read_folder(DlReading *r, const char *folder, int label, Reviews *out) {
    const char **name;
    int64_t n = list_folder(r, folder, &name);
    for (int64_t i = 0; i < n; i++) {
        DlBytes b;
        const char *path = dl_path(r, folder, name[i]);
        if (!path || !dl_bytes_read(r->data->pool, path, &b, r->error) ||
                !add_review(r, out, (const char *)b.at, b.size, label))
            return false;
    }
    return n >= 0 && (n > 0 || dl_fail(r->error, "%s: holds no .txt files", folder));
}

static bool read_publisher(DlReading *r, const char *split, Reviews *out) {
    static const char *const side[] = {"neg", "pos"};
    for (int label = 1; label >= 0; label--) {
        const char *half = dl_path(r, r->folder, split);
        const char *folder = half ? dl_path(r, half, side[label]) : NULL;
        if (!folder || !read_folder(r, folder, label, out)) return false;
    }
    return true;
}

/* ---- words to indices --------------------------------------------------------------- */

/* What the model wants of words a review and of indices, unless the arguments say it. */
static bool sizes(DlReading *r, int64_t *words, int64_t *vocabulary) {
    const dl_model *m = r->request->table;
    const dl_tensor *t = m->ninput > 0 ? &m->input[0] : NULL;
    int64_t wide = t && t->rank == 2 && t->shape[1] > 0 ? t->shape[1] : 200;
    int64_t bound = t && t->bound > 2 ? t->bound : 20000;
    return dl_arg_integer(r, "words", wide, 1, 1 << 20, words) &&
           dl_arg_integer(r, "vocabulary", bound, 3, 1 << 24, vocabulary);
}

static bool index_split(
        DlReading *r, const DlWords *w, const Reviews *from, int64_t words, DlSplit *to) {
    if (!dl_array_make(r, &to->array[0], "words", DL_I32, from->n, 1, &words) ||
            !dl_array_make(r, &to->array[1], "label", DL_U8, from->n, 0, NULL))
        return false;
    int32_t *out = (int32_t *)(void *)to->array[0].at;
    for (int64_t i = 0; i < from->n; i++) {
        dl_words_index(w, from->at[i].text, from->at[i].length, out + i * words, words);
        to->array[1].at[i] = from->at[i].label;
    }
    to->rows = from->n;
    return true;
}

/* The vocabulary: what came with the weights, or learnt from the training text. */
static bool fill_words(DlReading *r, DlWords *w, const Reviews *train, int64_t vocabulary) {
    const char *stored = dl_meta_get(r->request->stored, "words");
    bool ok = true;
    if (stored) ok = dl_words_load(w, stored);
    for (int64_t i = 0; !stored && ok && i < train->n; i++)
        ok = dl_words_count(w, train->at[i].text, train->at[i].length);
    if (!stored) ok = ok && dl_words_rank(w, vocabulary);
    return ok || dl_fail(r->error, "data imdb: out of memory for the vocabulary");
}

static bool store_words(DlReading *r, const DlWords *w) {
    char *list = dl_words_list(w);
    bool ok = list ? dl_meta_put(&r->data->meta, r->data->pool, "words", list, r->error)
                   : dl_fail(r->error, "data imdb: out of memory for the vocabulary");
    free(list);
    return ok;
}

static bool index_all(DlReading *r, DlWords *w, const Reviews *train, const Reviews *test) {
    int64_t words, vocabulary;
    return w && sizes(r, &words, &vocabulary) && fill_words(r, w, train, vocabulary) &&
           dl_data_shape(r, 1, 1) && index_split(r, w, train, words, &r->data->train) &&
           index_split(r, w, test, words, &r->data->test) && store_words(r, w);
}

static bool read_imdb(DlReading *r) {
    static const char *const verdict[] = {"negative", "positive"};
    Reviews train = {0}, test = {0};
    if (dl_find(r, "imdb.vocab", false)) { /* a file of the publisher's folder */
        if (!read_publisher(r, "train", &train) || !read_publisher(r, "test", &test)) return false;
    } else {
        const char *a = dl_find(r, "*train*.tsv", true);
        const char *b = a ? dl_find(r, "*test*.tsv", true) : NULL;
        if (!b || !read_lines(r, a, &train) || !read_lines(r, b, &test)) return false;
    }
    DlWords *w = dl_words_new();
    bool ok = index_all(r, w, &train, &test);
    dl_words_free(w);
    return ok && dl_data_classes(r, 2, verdict);
}

/* ---- a user's own text: a review a line --------------------------------------------- */

static bool prepare_lines(DlReading *r, const DlWords *w, const DlBytes *b, DlSplit *out) {
    Reviews s = {0};
    int64_t words, vocabulary;
    const char *line = (const char *)b->at, *end = line + b->size;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (!add_review(r, &s, line, n, 0)) return false;
        line += n + 1;
    }
    return sizes(r, &words, &vocabulary) && index_split(r, w, &s, words, out);
}

static bool prepare_imdb(DlReading *r, const char *path, DlSplit *out) {
    const char *stored = dl_meta_get(r->request->stored, "words");
    DlBytes b;
    if (!stored)
        return dl_fail(r->error,
                "%s: text needs the vocabulary of the training, and these weights "
                "came without one; train again, or give indices as .npy",
                path);
    if (!dl_bytes_read(r->data->pool, path, &b, r->error) || !dl_data_shape(r, 1, 1)) return false;
    DlWords *w = dl_words_new();
    bool ok = w && dl_words_load(w, stored) ? prepare_lines(r, w, &b, out)
                                            : dl_fail(r->error, "%s: out of memory", path);
    dl_words_free(w);
    return ok;
}

const DlReader dl_reader_imdb = {
        .name = "imdb",
        .arguments = "folder words vocabulary",
        .folders = "aclImdb imdb",
        .files = "the publisher's folder aclImdb, or *train*.tsv and *test*.tsv",
        .remedy = DL_FETCH,
        .read = read_imdb,
        .prepare = prepare_imdb,
};
