/* dictionary.h - different texts, numbered as they are added.
 *
 * Invariant: slot[] is an open-addressing table of places in entry[], a power of two in size and at
 * most half full. All memory is the pool's. */
#ifndef DL_DICTIONARY_H
#define DL_DICTIONARY_H

#include "reader.h"

typedef struct DlEntry {
    const char *text; /* NUL-terminated */
    uint32_t length, hash;
    int64_t count, seen; /* how often it was added; its place among the first occurrences */
} DlEntry;

typedef struct DlDictionary {
    DlPool *pool;
    DlEntry *entry; /* [n] */
    int32_t n, capacity;
    int32_t *slot; /* 1 + place in entry[]; 0: free */
    size_t slots;
    char *letters; /* where the next texts go, `room` bytes */
    size_t room;
} DlDictionary;

/* The place of a text, which is new or counted once more; -1 after a message. */
int32_t dl_dictionary_add(DlDictionary *d, const char *text, size_t n, DlError *e);
int32_t dl_dictionary_find(const DlDictionary *d, const char *text, size_t n); /* -1: not there */
/* Sorts the entries (of equal ones, in any order), keeps the first `most` of them, and numbers them
 * anew. */
bool dl_dictionary_arrange(DlDictionary *d, int (*compare)(const void *, const void *),
        int32_t most, DlError *e);

#endif
