/* words.h - text to indices, by a vocabulary that is learnt or was stored. */
#ifndef DL_WORDS_H
#define DL_WORDS_H

#include "reader.h"

typedef enum DlTokens { DL_PLAIN_WORDS, DL_WORDS, DL_CHARACTERS, DL_BYTES } DlTokens;

typedef struct DlWords DlWords; /* 0 pads, 1 is unknown, 2... by frequency */

DlWords *dl_words_new(DlTokens tokens); /* NULL: out of memory */
void dl_words_free(DlWords *w);
bool dl_words_count(DlWords *w, const char *text, size_t length, DlError *e); /* adds a text's */
/* Closes the counting: so many indices are kept, those for padding and unknown among them. */
bool dl_words_rank(DlWords *w, int64_t vocabulary, DlError *e);
int64_t dl_words_size(const DlWords *w); /* indices lie below it */
/* The last `n` tokens of the text, padded on the left. */
void dl_words_index(const DlWords *w, const char *text, size_t length, int32_t *out, int64_t n);
/* What has the indices from 2 on, one a line, a line end as \n and a backslash as \\; in the pool. */
char *dl_words_list(const DlWords *w, DlPool *pool, DlError *e);
bool dl_words_load(DlWords *w, const char *list, DlError *e); /* the reverse */

#endif
