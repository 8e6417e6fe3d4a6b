/* words.c - text to indices. A word is a longest run of letters, digits and apostrophes of
 * the lower-cased text, "<br />" counting as a blank. Index 0 pads, 1 is any word outside the
 * vocabulary, from 2 on the words of the training text by falling frequency, ties by first
 * occurrence.
 *
 * Invariant: word[] is in order of first occurrence until dl_words_rank, in order of index
 * (less 2) after it; slot[] is an open-addressing table of places in word[], a power of two
 * in size and at most half full. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

enum { PAD, UNKNOWN, FIRST };

typedef struct Word {
    size_t text; /* offset into letters[] */
    uint32_t length, hash;
    int64_t count, seen; /* occurrences; place of the first one among all words */
} Word;

struct DlWords {
    Word *word;
    size_t n, capacity;
    char *letters;
    size_t used, room;
    int32_t *slot; /* 1 + place in word[]; 0: free */
    size_t slots;
};

DlWords *dl_words_new(void) {
    return calloc(1, sizeof(DlWords));
}

void dl_words_free(DlWords *w) {
    if (!w) return;
    free(w->word);
    free(w->letters);
    free(w->slot);
    free(w);
}

/* ---- the table ---------------------------------------------------------------------- */

static uint32_t hash_of(const char *text, size_t n) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

/* The slot of a word: its own, or the free one where it belongs. */
static size_t slot_of(const DlWords *w, const char *text, size_t n, uint32_t hash) {
    for (size_t i = hash & (w->slots - 1);; i = (i + 1) & (w->slots - 1)) {
        if (w->slot[i] == 0) return i;
        const Word *v = &w->word[w->slot[i] - 1];
        if (v->hash == hash && v->length == n && memcmp(w->letters + v->text, text, n) == 0)
            return i;
    }
}

static bool rehash(DlWords *w, size_t slots) {
    int32_t *slot = calloc(slots, sizeof *slot);
    if (!slot) return false;
    free(w->slot);
    w->slot = slot;
    w->slots = slots;
    for (size_t i = 0; i < w->n; i++) {
        const Word *v = &w->word[i];
        w->slot[slot_of(w, w->letters + v->text, v->length, v->hash)] = (int32_t)(i + 1);
    }
    return true;
}

static bool make_room(DlWords *w, size_t length) {
    if (2 * (w->n + 1) > w->slots && !rehash(w, w->slots ? 2 * w->slots : 1024)) return false;
    if (w->n == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 512;
        Word *word = realloc(w->word, capacity * sizeof *word);
        if (!word) return false;
        w->word = word;
        w->capacity = capacity;
    }
    if (w->room - w->used < length) {
        size_t room = 2 * w->room + length + 4096;
        char *letters = realloc(w->letters, room);
        if (!letters) return false;
        w->letters = letters;
        w->room = room;
    }
    return w->n < INT32_MAX - 1;
}

static bool add(DlWords *w, const char *text, size_t n) {
    uint32_t hash = hash_of(text, n);
    if (!make_room(w, n)) return false;
    size_t at = slot_of(w, text, n, hash);
    if (w->slot[at] == 0) {
        memcpy(w->letters + w->used, text, n);
        w->word[w->n] =
                (Word){.text = w->used, .length = (uint32_t)n, .hash = hash, .seen = (int64_t)w->n};
        w->used += n;
        w->slot[at] = (int32_t)++w->n;
    }
    w->word[w->slot[at] - 1].count++;
    return true;
}

/* ---- words of a text ---------------------------------------------------------------- */

enum { LONGEST = 1024 }; /* a longer run counts as several words */

/* One character's lower case when it may belong to a word, or 0. Two letters outside ASCII
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

/* The next word at or after *p, lower-cased; its length, or 0 at the end of the text. */
static size_t next_word(const char **p, const char *end, char *word) {
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

bool dl_words_count(DlWords *w, const char *text, size_t length) {
    char word[LONGEST];
    const char *end = text + length;
    for (size_t n; (n = next_word(&text, end, word)) > 0;)
        if (!add(w, word, n)) return false;
    return true;
}

static int more_frequent(const void *a, const void *b) {
    const Word *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->seen < y->seen ? -1 : 1;
}

bool dl_words_rank(DlWords *w, int64_t vocabulary) {
    if (w->n > 0) qsort(w->word, w->n, sizeof *w->word, more_frequent);
    if (vocabulary > FIRST && (size_t)(vocabulary - FIRST) < w->n)
        w->n = (size_t)(vocabulary - FIRST);
    return rehash(w, w->slots ? w->slots : 1024);
}

static int32_t index_of(const DlWords *w, const char *text, size_t n) {
    int32_t at = w->slot[slot_of(w, text, n, hash_of(text, n))];
    return at ? at - 1 + FIRST : UNKNOWN;
}

void dl_words_index(const DlWords *w, const char *text, size_t length, int32_t *out, int64_t n) {
    char word[LONGEST];
    const char *end = text + length, *p = text;
    int64_t words = 0;
    while (next_word(&p, end, word) > 0) words++;
    int64_t skip = words > n ? words - n : 0, place = words > n ? 0 : n - words;
    for (int64_t i = 0; i < place; i++) out[i] = PAD;
    p = text;
    for (size_t m; (m = next_word(&p, end, word)) > 0;)
        if (skip > 0)
            skip--;
        else
            out[place++] = index_of(w, word, m);
}

/* ---- as text, to be stored with the weights ----------------------------------------- */

char *dl_words_list(const DlWords *w) {
    size_t size = 1;
    for (size_t i = 0; i < w->n; i++) size += w->word[i].length + 1;
    char *list = malloc(size), *p = list;
    for (size_t i = 0; list && i < w->n; i++) {
        memcpy(p, w->letters + w->word[i].text, w->word[i].length);
        p += w->word[i].length;
        *p++ = '\n';
    }
    if (list) *p = '\0';
    return list;
}

bool dl_words_load(DlWords *w, const char *list) {
    while (*list != '\0') {
        size_t n = strcspn(list, "\n");
        if (!add(w, list, n)) return false;
        list += n + (list[n] == '\n');
    }
    return rehash(w, w->slots ? w->slots : 1024);
}
