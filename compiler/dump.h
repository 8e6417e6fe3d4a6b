/* dump.h - what a routine is after each stage of code generation, for --dump=PASS. */
#ifndef DLC_DUMP_H
#define DLC_DUMP_H

#include "kernel.h"

/* The graph under the routine's roots, when a pass made others of them. */
void dump_roots(const char *pass, Graph *g, const Routine *r, Node *const *before,
        Node *const *after, int n);
void dump_units(const char *pass, const Kernels *k);       /* kernels and scans, in order */
void dump_plan(const char *pass, const Kernels *k);        /* offsets and lifetimes */
void dump_functions(const char *pass, const Kernels *k, const char *const *text, int n);

#endif
