/* real.h - numbers of tables, read fast. */
#ifndef DL_REAL_H
#define DL_REAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the n bytes are a decimal number, nothing else, and finite; *v is the double nearest to
 * it, as of strtod. Blanks around it are none of the number. */
bool dl_real(const char *text, size_t n, double *v);

#endif
