/* routine.h - printing a routine's driver, and the names in it. */
#ifndef DLC_ROUTINE_H
#define DLC_ROUTINE_H

#include "kernel.h"

char *routine_text(Kernels *k);

/* The last part of a path as a C identifier; `otherwise` when there is none. */
const char *c_name(Arena *a, const char *text, const char *otherwise);

const char *table_name(const Codegen *cg, int table);      /* codegen.c */

#endif
