/* words.c - text to indices. A text is cut into tokens: words, characters or bytes. Index 0 pads; of
 * words and characters 1 is any one outside the vocabulary, and from 2 on come those of the training
 * text by falling frequency, ties by first occurrence; a byte's index is its value and 1.
 *
 * A word is a longest run of letters, digits and apostrophes of the lower-cased text; "<br />" counts
 * as a blank. Letters of plain words are those of ASCII; of words, those of all scripts.
 *
 * Invariant: the dictionary is in order of first occurrence until dl_words_rank, in order of index
 * (less 2) after it. */
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "utf8.h"
#include "words.h"

enum { PAD, UNKNOWN, FIRST };

struct DlWords {
    DlTokens tokens;
    DlPool *pool;
    DlDictionary dictionary;
};

DlWords *dl_words_new(DlTokens tokens) {
    DlWords *w = calloc(1, sizeof *w);
    if (w) *w = (DlWords){.tokens = tokens, .pool = dl_pool_new()};
    if (w) w->dictionary.pool = w->pool;
    if (w && w->pool) return w;
    free(w);
    return NULL;
}

void dl_words_free(DlWords *w) {
    if (w) dl_pool_free(w->pool);
    free(w);
}

/* ---- tokens of a text ------------------------------------------------------------------------ */

enum { LONGEST = 1024 }; /* a longer run counts as several words */

/* One character's lower case when it may belong to a plain word, or 0. Two letters outside ASCII
 * have a lower case inside it: the dotted capital I and the Kelvin sign. */
static char letter(const char *p, const char *end, size_t *bytes) {
    *bytes = 1;
    if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '\'') return *p;
    if (*p >= 'A' && *p <= 'Z') return (char)(*p - 'A' + 'a');
    *bytes = 2;
    if (end - p >= 2 && memcmp(p, "\xc4\xb0", 2) == 0) return 'i';
    *bytes = 3;
    if (end - p >= 3 && memcmp(p, "\xe2\x84\xaa", 3) == 0) return 'k';
    return 0;
}

static bool is_break(const char *p, const char *end) {
    return end - p >= 6 && p[0] == '<' && (p[1] == 'b' || p[1] == 'B') &&
           (p[2] == 'r' || p[2] == 'R') && memcmp(p + 3, " />", 3) == 0;
}

static size_t next_plain_word(const char **p, const char *end, char *word) {
    size_t n = 0, bytes;
    while (*p < end && n < LONGEST) {
        char c = letter(*p, end, &bytes);
        if (c == 0 && n > 0) break;
        if (c != 0) word[n++] = c;
        *p += c != 0 ? (ptrdiff_t)bytes : is_break(*p, end) ? 6 : 1;
        if (c != 0 && bytes == 2) break; /* the dot of the capital I is a character of its own */
    }
    return n;
}

/* A byte that is no part of a character counts as a blank. */
static size_t next_word(const char **p, const char *end, char *word) {
    enum { CLOSING_QUOTE = 0x2019 }; /* stands for the apostrophe, too */
    size_t n = 0;
    while (*p < end && n + 4 <= LONGEST) {
        uint32_t code = 0, lower = 0;
        size_t bytes;
        int length = 1;
        if (**p >= 0) {
            lower = (unsigned char)letter(*p, end, &bytes);
        } else {
            length = dl_utf8_decode((const unsigned char *)*p, (size_t)(end - *p), &code);
            if (code == CLOSING_QUOTE)
                lower = '\'';
            else if (length > 0 && !dl_utf8_divides(code))
                lower = dl_utf8_lower(code);
        }
        if (lower == 0 && n > 0) break;
        if (lower != 0) n += (size_t)dl_utf8_encode(lower, word + n);
        *p += lower == 0 && is_break(*p, end) ? 6 : length > 0 ? length : 1;
    }
    return n;
}

static size_t next_character(const char **p, const char *end, char *character) {
    uint32_t code;
    if (*p == end) return 0;
    int length = dl_utf8_decode((const unsigned char *)*p, (size_t)(end - *p), &code);
    size_t n = length > 0 ? (size_t)length : 1;
    memcpy(character, *p, n);
    *p += n;
    return n;
}

static size_t next_byte(const char **p, const char *end, char *byte) {
    if (*p == end) return 0;
    *byte = *(*p)++;
    return 1;
}

/* The next token at or after *p; its length, or 0 at the end of the text. */
static size_t next_token(const DlWords *w, const char **p, const char *end, char *token) {
    static size_t (*const next[])(const char **p, const char *end, char *token) = {
            [DL_PLAIN_WORDS] = next_plain_word,
            [DL_WORDS] = next_word,
            [DL_CHARACTERS] = next_character,
            [DL_BYTES] = next_byte};
    return next[w->tokens](p, end, token);
}

/* ---- the vocabulary -------------------------------------------------------------------------- */

bool dl_words_count(DlWords *w, const char *text, size_t length, DlError *e) {
    char token[LONGEST];
    const char *end = text + length;
    if (w->tokens == DL_BYTES) return true;
    for (size_t n; (n = next_token(w, &text, end, token)) > 0;)
        if (dl_dictionary_add(&w->dictionary, token, n, e) < 0) return false;
    return true;
}

static int more_frequent(const void *a, const void *b) {
    const DlEntry *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->seen < y->seen ? -1 : 1;
}

bool dl_words_rank(DlWords *w, int64_t vocabulary, DlError *e) {
    int64_t most = vocabulary > FIRST ? vocabulary - FIRST : 0;
    return dl_dictionary_arrange(&w->dictionary, more_frequent,
            most < INT32_MAX ? (int32_t)most : INT32_MAX, e);
}

int64_t dl_words_size(const DlWords *w) {
    return w->tokens == DL_BYTES ? 257 : FIRST + w->dictionary.n;
}

static int32_t index_of(const DlWords *w, const char *token, size_t n) {
    if (w->tokens == DL_BYTES) return 1 + (unsigned char)*token;
    int32_t at = dl_dictionary_find(&w->dictionary, token, n);
    return at >= 0 ? at + FIRST : UNKNOWN;
}

void dl_words_index(const DlWords *w, const char *text, size_t length, int32_t *out, int64_t n) {
    char token[LONGEST];
    const char *end = text + length, *p = text;
    int64_t tokens = 0;
    while (next_token(w, &p, end, token) > 0) tokens++;
    int64_t skip = tokens > n ? tokens - n : 0, place = tokens > n ? 0 : n - tokens;
    for (int64_t i = 0; i < place; i++) out[i] = PAD;
    p = text;
    for (size_t m; (m = next_token(w, &p, end, token)) > 0;)
        if (skip > 0)
            skip--;
        else
            out[place++] = index_of(w, token, m);
}

/* ---- as text, to be stored with the weights -------------------------------------------------- */

char *dl_words_list(const DlWords *w, DlPool *pool, DlError *e) {
    size_t size = 1;
    for (int32_t i = 0; i < w->dictionary.n; i++) size += 2 * w->dictionary.entry[i].length + 1;
    char *list = dl_pool_array(pool, (int64_t)size, 1, e), *p = list;
    for (int32_t i = 0; list && i < w->dictionary.n; i++) {
        for (const char *text = w->dictionary.entry[i].text; *text != '\0'; text++) {
            if (*text == '\n' || *text == '\\') *p++ = '\\';
            *p++ = *text == '\n' ? 'n' : *text;
        }
        *p++ = '\n';
    }
    return list;
}

bool dl_words_load(DlWords *w, const char *list, DlError *e) {
    char token[LONGEST];
    while (*list != '\0') {
        size_t n = 0;
        for (; *list != '\0' && *list != '\n' && n < sizeof token; list++) {
            bool escaped = *list == '\\' && list[1] != '\0' && list[1] != '\n';
            if (escaped) list++;
            token[n++] = escaped && *list == 'n' ? '\n' : *list;
        }
        if (dl_dictionary_add(&w->dictionary, token, n, e) < 0) return false;
        list += *list == '\n';
    }
    return true;
}
