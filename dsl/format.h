/* format.h - a program in the one form that programs are written in (LANGUAGE.md, section 2). */
#ifndef DLC_FORMAT_H
#define DLC_FORMAT_H

#include "base.h"

/* The text in its form, NUL-terminated; NULL after messages, when the text is no program. The
 * result parses to the same tree, which is made sure of. */
char *format_program(Arena *a, const Source *src, size_t *length);

#endif
