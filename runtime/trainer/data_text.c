/* data_text.c - labelled texts as indices of words, characters or bytes: of a table (CSV, tab
 * separated, JSON lines) with a column of texts and one of labels, or of a folder for each class with
 * .txt files. Every fifth text tests, unless `test` says another share or names a file, or there are
 * folders `train` and `test`. The vocabulary is that of the training texts, or comes with the
 * weights. `imdb` is this for its publisher's film reviews. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data_readers.h"
#include "texts.h"
#include "words.h"

/* What the model and the arguments ask for. */
typedef struct Sizes {
    DlTokens tokens;
    int64_t length, vocabulary;
    bool labelled;
} Sizes;

static bool take_tokens(const DlReading *r, Sizes *z) {
    static const char *const word[] = {
            [DL_WORDS] = "words", [DL_CHARACTERS] = "characters", [DL_BYTES] = "bytes"};
    const char *said = dl_arg(r, "tokens");
    for (int i = DL_WORDS; said && i <= DL_BYTES; i++)
        if (strcmp(said, word[i]) == 0) {
            z->tokens = (DlTokens)i;
            return true;
        }
    return !said || dl_fail(r->error, "data %s: tokens is '%s', and must be words, characters or "
                                      "bytes",
                            r->reader->name, said);
}

/* `length` is the argument's name. */
static bool take_sizes(const DlReading *r, DlTokens tokens, const char *length, Sizes *z) {
    const dl_model *m = r->request->table;
    const dl_tensor *t = m->ninput == 1 ? &m->input[0] : NULL;
    *z = (Sizes){.tokens = tokens, .labelled = m->ntarget > 0};
    if (!t || t->rank != 2 || t->type != DL_I32 || m->ntarget > 1)
        return dl_fail(r->error,
                "data %s: is for a model with one input i32[batch, length], the indices of a text's "
                "%s, and one target at most; %s has others",
                r->reader->name, tokens == DL_PLAIN_WORDS ? "words" : "tokens", m->source);
    return take_tokens(r, z) &&
           dl_arg_integer(r, length, t->shape[1], 1, 1 << 20, &z->length) &&
           dl_arg_integer(r, "vocabulary", t->bound > 2 ? t->bound : 20000, 3, 1 << 24,
                   &z->vocabulary);
}

/* ---- the vocabulary -------------------------------------------------------------------------- */

typedef enum Role { TRAINS, VALIDATES, TESTS } Role;

static bool learn_words(DlReading *r, DlWords *w, const Sizes *z, const DlTexts *texts,
        const unsigned char *role) {
    const char *stored = dl_meta_get(r->request->stored, "words");
    if (stored) return dl_words_load(w, stored, r->error);
    for (int64_t i = 0; i < texts->n; i++)
        if (role[i] == TRAINS &&
                !dl_words_count(w, texts->text[i].at, texts->text[i].length, r->error))
            return false;
    return dl_words_rank(w, z->vocabulary, r->error);
}

static bool store_words(DlReading *r, const DlWords *w, const Sizes *z) {
    static const char *const name[] = {"words", "words", "characters", "bytes"};
    char *list = dl_words_list(w, r->data->pool, r->error);
    return list && dl_meta_put(&r->data->meta, r->data->pool, "words", list, r->error) &&
           dl_meta_put(&r->data->meta, r->data->pool, "tokens", name[z->tokens], r->error);
}

/* ---- texts to arrays ------------------------------------------------------------------------- */

static bool fill_split(DlReading *r, const DlWords *w, const Sizes *z, const DlTexts *texts,
        const unsigned char *role, bool test, DlSplit *out) {
    out->rows = 0;
    for (int64_t i = 0; i < texts->n; i++) out->rows += (role[i] == TESTS) == test;
    if (!dl_array_make(r, &out->array[0], "text", DL_I32, out->rows, 1, &z->length) ||
            (z->labelled && !dl_array_make(r, &out->array[1], "label", DL_F64, out->rows, 0, NULL)))
        return false;
    int32_t *index = (int32_t *)(void *)out->array[0].at;
    double *label = z->labelled ? (double *)(void *)out->array[1].at : NULL;
    for (int64_t i = 0; i < texts->n; i++) {
        if ((role[i] == TESTS) != test) continue;
        dl_words_index(w, texts->text[i].at, texts->text[i].length, index, z->length);
        index += z->length;
        if (label) *label++ = texts->label[i];
    }
    return true;
}

/* Which texts train, validate, test: by a mark, or evenly spaced. */
static unsigned char *settle_roles(DlReading *r, const DlTexts *texts, double test) {
    unsigned char *role = dl_pool_array(r->data->pool, texts->n, 1, r->error);
    bool *held = dl_pool_array(r->data->pool, texts->n, sizeof *held, r->error);
    int64_t trains = 0;
    if (!role || !held) return NULL;
    for (int64_t i = 0; i < texts->n; i++) {
        bool tests = texts->tests ? texts->tests[i] : dl_row_tests(i, test);
        role[i] = tests ? TESTS : TRAINS;
        trains += !tests;
    }
    if (trains == 0) {
        dl_error(r->error, "data %s: %s: no text is left for training", r->reader->name, texts->from);
        return NULL;
    }
    if (!dl_data_held(r, trains, held)) return NULL;
    for (int64_t i = 0, n = 0; i < texts->n; i++)
        if (role[i] == TRAINS && held[n++]) role[i] = VALIDATES;
    return role;
}

static bool index_texts(DlReading *r, const Sizes *z, const DlTexts *texts, double test) {
    DlWords *w = dl_words_new(z->tokens);
    if (!w) return dl_fail(r->error, "data %s: out of memory for the vocabulary", r->reader->name);
    const unsigned char *role = settle_roles(r, texts, test);
    bool ok = role && learn_words(r, w, z, texts, role) && store_words(r, w, z) &&
              dl_data_shape(r, 1, z->labelled) &&
              fill_split(r, w, z, texts, role, false, &r->data->train) &&
              fill_split(r, w, z, texts, role, true, &r->data->test);
    dl_words_free(w);
    return ok;
}

/* Two sources as one, of which the second tests. */
static bool join(DlReading *r, const DlTexts *a, const DlTexts *b, DlTexts *out) {
    int64_t n = a->n + b->n;
    *out = (DlTexts){.from = a->from, .n = n};
    out->text = dl_pool_array(r->data->pool, n, sizeof *out->text, r->error);
    out->label = a->label ? dl_pool_array(r->data->pool, n, sizeof *out->label, r->error) : NULL;
    out->tests = dl_pool_array(r->data->pool, n, sizeof *out->tests, r->error);
    if (!out->text || (a->label && !out->label) || !out->tests) return false;
    for (int64_t i = 0; i < n; i++) {
        const DlTexts *from = i < a->n ? a : b;
        int64_t k = i < a->n ? i : i - a->n;
        out->text[i] = from->text[k];
        if (out->label) out->label[i] = from->label[k];
        out->tests[i] = from == b;
    }
    return true;
}

/* ---- text("...") ----------------------------------------------------------------------------- */

static const char *expected_names(DlReading *r, const DlTextTable *how) {
    const dl_model *m = r->request->table;
    char list[1024];
    snprintf(list, sizeof list, "%s\n%s\n%s\n%s\ntext\nlabel", how->text ? how->text : "text",
            how->label ? how->label : "label", m->input[0].name,
            m->ntarget > 0 ? m->input[m->ninput].name : "label");
    return dl_pool_text(r->data->pool, list, strlen(list), r->error);
}

/* A first line is a header only if it names one of the columns, since texts look like names. */
static bool take_table(DlReading *r, const Sizes *z, DlTextTable *how) {
    const DlMeta *stored = r->request->stored;
    *how = (DlTextTable){
            .text = dl_arg(r, "text"), .label = dl_arg(r, "label"), .labelled = z->labelled};
    if (!how->text) how->text = dl_meta_get(stored, "text");
    if (!how->label) how->label = dl_meta_get(stored, "label");
    if (!dl_table_format(r, &how->format)) return false;
    if (how->format.header != 0) return true;
    how->format.header = -1;
    how->format.expects = expected_names(r, how);
    return how->format.expects != NULL;
}

static bool is_folder(const char *path) {
    struct stat st;
    return dl_is_archive(path) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static bool read_source(DlReading *r, const Sizes *z, const char *name, DlTexts *out) {
    DlTextTable how;
    const char *path = dl_find_place(r, name, "texts");
    if (!path) return false;
    if (is_folder(path)) return dl_texts_of_files(r, path, NULL, z->labelled, out);
    return take_table(r, z, &how) && dl_texts_of_table(r, path, &how, out);
}

/* Texts to test with, whose classes are those of the first source. */
static bool read_tests(DlReading *r, const Sizes *z, const char *name, DlTexts *out) {
    const DlRequest *own = r->request;
    DlRequest q = *own;
    if (!q.stored) q.stored = &r->data->meta;
    r->request = &q;
    bool ok = read_source(r, z, name, out);
    r->request = own;
    return ok;
}

static bool read_text(DlReading *r) {
    const char *name = dl_arg(r, "folder"), *test = dl_arg(r, "test");
    char *end = NULL;
    double share = 0.2;
    Sizes z;
    DlTexts first, second, both;
    if (!name)
        return dl_fail(r->error, "data text: name the file or the folder: text(\"reviews.tsv\")");
    if (!take_sizes(r, DL_WORDS, "length", &z) || !read_source(r, &z, name, &first)) return false;
    bool number = !test || (strtod(test, &end) >= 0 && end > test && *end == '\0');
    if (number)
        return dl_arg_real(r, "test", share, 0, 1, &share) && index_texts(r, &z, &first, share);
    return read_tests(r, &z, test, &second) && join(r, &first, &second, &both) &&
           index_texts(r, &z, &both, 0);
}

/* ---- a user's own texts ---------------------------------------------------------------------- */

static bool is_table(const char *path) {
    static const char *const ending[] = {".csv", ".tsv", ".jsonl", ".ndjson"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        size_t k = strlen(ending[i]);
        if (n > k && strcmp(path + n - k, ending[i]) == 0) return true;
    }
    return false;
}

/* A table by its ending; else a text a line. */
static bool read_given(DlReading *r, const char *path, DlTexts *out) {
    const char *column = dl_meta_get(r->request->stored, "text");
    DlTextTable how = {.text = column, .format = {.header = -1, .expects = column}};
    if (!is_table(path)) return dl_texts_of_lines(r, path, out);
    if (!column) how.format.expects = "text";
    return dl_texts_of_table(r, path, &how, out);
}

static bool prepare_given(DlReading *r, const char *path, const Sizes *z, DlSplit *out) {
    const char *stored = dl_meta_get(r->request->stored, "words");
    DlTexts texts;
    if (!stored && z->tokens != DL_BYTES)
        return dl_fail(r->error,
                "%s: text needs the vocabulary of the training, and these weights came without one; "
                "train again, or give indices as .npy",
                path);
    if (!read_given(r, path, &texts) || !dl_data_shape(r, 1, r->request->table->ntarget))
        return false;
    const unsigned char *role = dl_pool_array(r->data->pool, texts.n, 1, r->error);
    DlWords *w = dl_words_new(z->tokens);
    Sizes unlabelled = *z;
    unlabelled.labelled = false;
    bool ok = w && role && (!stored || dl_words_load(w, stored, r->error)) &&
              fill_split(r, w, &unlabelled, &texts, role, false, out);
    dl_words_free(w);
    return ok || dl_fail(r->error, "%s: out of memory", path);
}

static bool prepare_text(DlReading *r, const char *path, DlSplit *out) {
    Sizes z;
    return take_sizes(r, DL_WORDS, "length", &z) && prepare_given(r, path, &z, out);
}

/* ---- film reviews ---------------------------------------------------------------------------- */

static bool check_verdicts(DlReading *r, const DlTexts *t) {
    for (int64_t i = 0; t->label && i < t->n; i++)
        if (t->label[i] < 0 || t->label[i] > 1)
            return dl_fail(r->error, "%s: record %lld: the label must be 0 or 1, and is %g", t->from,
                    (long long)i + 1, t->label[i]);
    return true;
}

/* Lines of label TAB rating TAB id TAB text. */
static bool read_lines(DlReading *r, const Sizes *z, DlTexts *out) {
    const DlTextTable how = {.text = "4",
            .label = "1",
            .format = {.header = -1, .separator = '\t', .quotes = -1, .overlong = true},
            .labelled = z->labelled};
    DlTexts train, test;
    const char *a = dl_find(r, "*train*.tsv", true);
    const char *b = a ? dl_find(r, "*test*.tsv", true) : NULL;
    return b && dl_texts_of_table(r, a, &how, &train) && dl_texts_of_table(r, b, &how, &test) &&
           check_verdicts(r, &train) && check_verdicts(r, &test) && join(r, &train, &test, out);
}

static bool read_imdb(DlReading *r) {
    static const char *const verdict[] = {"negative", "positive"};
    Sizes z;
    DlTexts texts;
    if (!take_sizes(r, DL_PLAIN_WORDS, "words", &z)) return false;
    bool folder = dl_find(r, "imdb.vocab", false) != NULL; /* a file of the publisher's folder */
    DlRequest unnamed = *r->request;
    const DlRequest *own = r->request;
    unnamed.stored = NULL; /* whose classes are verdicts, and the folders are neg and pos */
    if (folder) r->request = &unnamed;
    bool ok = folder ? dl_texts_of_files(r, r->folder, "neg pos", z.labelled, &texts)
                     : read_lines(r, &z, &texts);
    r->request = own;
    return ok && index_texts(r, &z, &texts, 0) && dl_data_classes(r, 2, verdict);
}

static bool prepare_imdb(DlReading *r, const char *path, DlSplit *out) {
    Sizes z;
    return take_sizes(r, DL_PLAIN_WORDS, "words", &z) && prepare_given(r, path, &z, out);
}

const DlReader dl_reader_text = {
        .name = "text",
        .arguments = "folder text label tokens length vocabulary test header separator quotes",
        .folders = "",
        .files = "a table of texts and labels (.csv, .tsv, .jsonl), or a folder for each class with "
                 ".txt files",
        .remedy = DL_PLACE,
        .libraries = "-larchive -lcjson",
        .read = read_text,
        .prepare = prepare_text,
};

const DlReader dl_reader_imdb = {
        .name = "imdb",
        .arguments = "folder words vocabulary",
        .folders = "aclImdb imdb",
        .files = "the publisher's folder aclImdb, or *train*.tsv and *test*.tsv",
        .remedy = DL_FETCH,
        .libraries = "-larchive -lcjson",
        .read = read_imdb,
        .prepare = prepare_imdb,
};
