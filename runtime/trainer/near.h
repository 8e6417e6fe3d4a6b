/* near.h - the name that somebody may have meant. */
#ifndef DL_NEAR_H
#define DL_NEAR_H

#include <stddef.h>

typedef struct DlNear {
    const char *word; /* as it was written */
    const char *best; /* the nearest name offered so far, or NULL; `length` long */
    size_t length;
    int distance; /* insertions, deletions and exchanges to get there */
} DlNear;

DlNear dl_near(const char *word);
void dl_near_offer(DlNear *n, const char *name, size_t length);
/* "; did you mean 'train'?", or "" when nothing is near. */
void dl_near_hint(const DlNear *n, char *text, size_t size);

#endif
