/* error.c - one message of a failed call. The first failure wins: what comes after it in
 * the same call is its consequence. */
#include <stdarg.h>

#include "trainer.h"

void dl_error(DlError *e, const char *fmt, ...) {
    if (e->text[0] != '\0') return;
    va_list list;
    va_start(list, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, list);
    va_end(list);
}
