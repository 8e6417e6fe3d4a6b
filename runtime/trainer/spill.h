/* spill.h - bytes that lie in a file and are used as memory. */
#ifndef DL_SPILL_H
#define DL_SPILL_H

#include "trainer.h"

typedef struct DlSpill {
    void *at;    /* NULL: none */
    size_t size; /* of what is mapped */
    int file;    /* of one that may still be resized; -1: none */
} DlSpill;

/* Bytes of memory that this process may hope for: the machine's, or what its container is given. */
size_t dl_spill_memory(void);
/* `size` zeroed bytes in a file without a name, for which the disk has the room. */
bool dl_spill_open(DlSpill *s, size_t size, DlError *e);
bool dl_spill_resize(DlSpill *s, size_t size, DlError *e);
void dl_spill_fix(DlSpill *s); /* it will not be resized again */
/* The first `size` bytes of the user's file, and one NUL byte, to be read only. Without a message:
 * the file cannot be mapped. */
bool dl_spill_map(DlSpill *s, FILE *f, size_t size);
void dl_spill_close(DlSpill *s);

#endif
