/* index_names.c - see index_names.h. */
#include <string.h>

#include "index_names.h"

enum { FIRST_WORD = 2, KEY = 256 };

static size_t line_length(const char *at) {
    return strcspn(at, "\n");
}

/* Bytes of a UTF-8 character. */
static size_t letter_length(const char *at) {
    size_t n = 1;
    while (((unsigned char)at[n] & 0xc0) == 0x80) n++;
    return n;
}

/* The pieces of a text, from index `first` on; `end`: bytes that stand between two of them. */
static const char **pieces(DlPool *pool, const char *text, size_t (*length)(const char *),
        size_t end, int64_t first, int64_t *n, DlError *e) {
    const char **name = dl_pool_array(pool, first + (int64_t)strlen(text) + 1, sizeof *name, e);
    *n = 0;
    if (!name) return NULL;
    for (*n = first; *text != '\0';) {
        size_t k = length(text);
        name[*n] = dl_pool_text(pool, text, k, e);
        if (!name[(*n)++]) return NULL;
        text += k;
        text += *text != '\0' ? end : 0;
    }
    return name;
}

const char **dl_index_names(
        DlPool *pool, const DlMeta *stored, const char *input, int64_t *n, DlError *e) {
    char key[KEY];
    const char *text = dl_meta_get(stored, "words");
    *n = 0;
    if (text) {
        const char **name = pieces(pool, text, line_length, 1, FIRST_WORD, n, e);
        if (!name) return NULL;
        name[0] = "(padding)";
        name[1] = "(unknown)";
        return name;
    }
    text = dl_meta_get(stored, "characters");
    if (text) return pieces(pool, text, letter_length, 0, 0, n, e);
    snprintf(key, sizeof key, "columns.%s", input); /* which column it is, where names differ */
    text = dl_meta_get(stored, key);
    snprintf(key, sizeof key, "categories.%s", text && !strchr(text, '\n') ? text : input);
    text = dl_meta_get(stored, key);
    return text ? pieces(pool, text, line_length, 1, 0, n, e) : NULL;
}
