/* dl_memory.h - memory for hosts that have nothing better at hand, to be given to a table's init
 * and work_init. Generated code does not call it. */
#ifndef DL_MEMORY_H
#define DL_MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* At least `size` bytes, aligned as init and work_init ask, for free() to give back; NULL: there
 * are none. What fills large pages is on such ones where the system has them to give. */
void *dl_memory(size_t size);

#ifdef __cplusplus
}
#endif
#endif
