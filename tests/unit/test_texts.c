/* Labelled texts: tokens of all scripts, tables and folders of texts, and a user's own texts. */
#include <criterion/criterion.h>

#include "../../runtime/trainer/utf8.h"
#include "../../runtime/trainer/words.h"
#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(texts, .init = setup, .fini = teardown);

static const char *const model[] = {"words i32 -1 4", "label i32 -1", NULL};

/* Arguments as "name=value", the first without a name; NULL ends. */
static DlData *open_texts(Described *d, const char *const *argument, const DlMeta *stored) {
    static char text[8][256];
    describe(d, 1, model);
    for (int i = 0; argument[i]; i++) {
        snprintf(text[i], sizeof text[i], "%s", argument[i]);
        char *equal = i > 0 ? strchr(text[i], '=') : NULL;
        if (equal) *equal = '\0';
        d->arg[i] = (DlArg){equal ? text[i] : NULL, equal ? equal + 1 : text[i]};
    }
    return open_data(d, "text", stored);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *const *argument, const char *part) {
    Described d;
    DlData *data = open_texts(&d, argument, NULL);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

static const int32_t *row(const DlSplit *s, int64_t i) {
    return (const int32_t *)(const void *)(s->array[0].at + (size_t)i * s->array[0].stride);
}

static void expect_row(const DlSplit *s, int64_t i, int a, int b, int c, int d) {
    const int32_t *r = row(s, i);
    cr_expect(r[0] == a && r[1] == b && r[2] == c && r[3] == d, "row %d: %d %d %d %d", (int)i, r[0],
            r[1], r[2], r[3]);
}

static double label(const DlSplit *s, int64_t i) {
    return ((const double *)(const void *)s->array[1].at)[i];
}

static DlData *given(Described *d, const char *file, const DlMeta *stored) {
    DlRequest q = {.table = &d->model, .config = &d->config, .stored = stored};
    DlOptions options = {.ninput = 1, .input = {{NULL, 0, in_folder(file)}}};
    d->error.text[0] = '\0';
    return dl_data_given(&q, &options, false, &d->error);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void expect_list(DlTokens tokens, const char *text, const char *want) {
    DlError e = {""};
    DlPool *pool = dl_pool_new();
    DlWords *w = dl_words_new(tokens), *again = dl_words_new(tokens);
    cr_assert(dl_words_count(w, text, strlen(text), &e) && dl_words_rank(w, 100, &e));
    const char *list = dl_words_list(w, pool, &e);
    cr_expect_str_eq(list, want);
    int32_t a[16], b[16];
    cr_assert(dl_words_load(again, list, &e));
    dl_words_index(w, text, strlen(text), a, 16);
    dl_words_index(again, text, strlen(text), b, 16);
    cr_expect_arr_eq(a, b, sizeof a);
    dl_words_free(w);
    dl_words_free(again);
    dl_pool_free(pool);
}

Test(texts, words_of_all_scripts) {
    expect_list(DL_WORDS, "\xc3\x84pfel \xc3\xa4PFEL, \xd0\x9c\xd0\xb8\xd1\x80!",
            "\xc3\xa4pfel\n\xd0\xbc\xd0\xb8\xd1\x80\n");
    expect_list(DL_WORDS, "it\xe2\x80\x99s \xe2\x80\x9cgood\xe2\x80\x9d\xe2\x80\x94 caf\xc3\xa9<br />x",
            "it's\ngood\ncaf\xc3\xa9\nx\n");
    expect_list(DL_PLAIN_WORDS, "caf\xc3\xa9 A", "caf\na\n");
}

Test(texts, characters_and_bytes) {
    int32_t got[4];
    expect_list(DL_CHARACTERS, "a\nb\\\xc3\xa9" "aa", "a\n\\n\nb\n\\\\\n\xc3\xa9\n");
    DlWords *w = dl_words_new(DL_BYTES);
    dl_words_index(w, "a\xff", 2, got, 4);
    cr_expect(got[0] == 0 && got[1] == 0 && got[2] == 'a' + 1 && got[3] == 256);
    cr_expect_eq(dl_words_size(w), 257);
    dl_words_free(w);
}

Test(texts, well_formed_utf8_alone) {
    static const char *const bad[] = {"a\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
            "\xe2\x82", "\x80"};
    uint32_t code;
    char text[4];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_lt(dl_utf8_wrong(bad[i], strlen(bad[i])), strlen(bad[i]));
    for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 977) {
        if (c >= 0xd800 && c < 0xe000) continue;
        int n = dl_utf8_encode(c, text);
        cr_assert(dl_utf8_decode((const unsigned char *)text, (size_t)n, &code) == n && code == c);
        cr_assert_eq(dl_utf8_lower(dl_utf8_lower(c)), dl_utf8_lower(c));
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

Test(texts, of_a_table_without_header) {
    Described d;
    write_text("t", "ham\tsee you, \"later\nspam\tfree prize\nham\tsee, you\nspam\tfree\nham\tbye, you\n");
    DlData *data = open_texts(&d, LIST("t"), NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 4);
    expect_row(&data->train, 0, 0, 2, 3, 5); /* see you later: by frequency, then first */
    expect_row(&data->train, 1, 0, 0, 4, 6);
    expect_row(&data->test, 0, 0, 0, 1, 3); /* "bye" did not occur in training */
    cr_expect_eq(label(&data->train, 1), 1);
    cr_expect_str_eq(data->class_name[0], "ham");
    write_text("u.txt", "you\nSEE nothing free\r\n");
    DlData *mine = given(&d, "u.txt", &data->meta);
    cr_assert(mine, "%s", d.error.text);
    cr_expect_eq(mine->train.rows, 2);
    expect_row(&mine->train, 1, 0, 2, 1, 4);
    dl_data_free(mine);
    write_text("u.csv", "see,you\n");
    cr_expect_null(given(&d, "u.csv", &(DlMeta){0, NULL}));
    cr_expect(strstr(d.error.text, "u.csv: text needs the vocabulary"), "%s", d.error.text);
    close_described(&d, data);
}

Test(texts, of_named_columns) {
    Described d;
    write_text("t.csv", "id,Review,label\n1,\"good, \"\"good\"\"\",1\n2,bad,0\n3,,1\n4,bad,\n");
    DlData *data = open_texts(&d, LIST("t.csv", "text=review", "test=0"), NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 3);
    expect_row(&data->train, 0, 0, 0, 2, 2);
    expect_row(&data->train, 2, 0, 0, 0, 0);
    cr_expect_eq(label(&data->train, 2), 1);
    cr_expect(strstr(data->note, "1 of 4 rows are left out: they lack the label"));
    write_text("u.jsonl", "{\"stars\": 3, \"Review\": \"a bad one\"}\n");
    DlData *mine = given(&d, "u.jsonl", &data->meta);
    cr_assert(mine, "%s", d.error.text);
    expect_row(&mine->train, 0, 0, 1, 3, 1);
    dl_data_free(mine);
    close_described(&d, data);
    refused(LIST("t.csv", "text=reviews"), "t.csv: has no column 'reviews'; did you mean 'Review'?");
    refused(LIST("t.csv", "text=review", "label=x"), "has no column 'x'");
    refused(LIST("t.csv", "tokens=letters"), "tokens is 'letters', and must be words, characters or");
    write_text("t.csv", "a,b,c\n1,good,x\n");
    refused(LIST("t.csv", "text=b"), "which of its 3 columns has the labels? Say label: \"COLUMN\"");
}

Test(texts, that_test_in_a_file_of_their_own) {
    Described d;
    write_text("a.tsv", "pos\tgood\nneg\tbad\n");
    write_text("b.tsv", "neg\tbad good new\n");
    DlData *data = open_texts(&d, LIST("a.tsv", "test=b.tsv", "tokens=characters"), NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 2);
    cr_expect_eq(data->test.rows, 1);
    cr_expect_eq(label(&data->test, 0), 0);
    cr_expect_eq(row(&data->test, 0)[3], 1); /* w */
    close_described(&d, data);
    write_text("b.tsv", "other\tbad\n");
    refused(LIST("a.tsv", "test=b.tsv"), "is a 'other', and the classes that the weights know are neg, pos");
}

Test(texts, that_are_no_utf8) {
    write_text("t.tsv", "ham\tgood\nspam\t\xa3" "5\n");
    refused(LIST("t.tsv"), "t.tsv:2: column '2' is not UTF-8 text (a byte 0xa3); convert the file");
    refused(LIST("none.tsv"), "there is no folder or archive none.tsv");
}

/* ---- folders --------------------------------------------------------------------------------- */

static void folders(const char *const *name) {
    for (; *name; name++) cr_assert_eq(mkdir(in_folder(*name), 0700), 0);
}

Test(texts, of_a_folder_for_each_class) {
    Described d;
    folders(LIST("r", "r/train", "r/test", "r/train/neg", "r/train/pos", "r/test/neg", "r/test/pos"));
    write_text("r/train/pos/1.txt", "good\n");
    write_text("r/train/pos/2.txt", "good good");
    write_text("r/train/neg/1.txt", "bad");
    write_text("r/test/neg/1.txt", "bad bad");
    refused(LIST("r"), "r/test/pos: this folder holds no .txt files; put some there, or remove it");
    write_text("r/test/pos/1.txt", "good bad");
    DlData *data = open_texts(&d, LIST("r"), NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 3);
    expect_row(&data->test, 0, 0, 0, 3, 3);
    expect_row(&data->test, 1, 0, 0, 2, 3);
    cr_expect_eq(label(&data->test, 1), 1);
    cr_expect_str_eq(data->class_name[1], "pos");
    close_described(&d, data);
    write_text("r/train/pos/1.txt", "a\ngood \xe9\n");
    refused(LIST("r"), "train/pos/1.txt:2: is not UTF-8 text (a byte 0xe9)");
}
