/* passes.h - the pipeline by name (passes.def): dumps, timings, stopping early.
 *
 * A stage calls passes_... when it is done; what is printed, and whether anything is,
 * depends on the options. Dumps go to standard output, only where a pass changed something. */
#ifndef DLC_PASSES_H
#define DLC_PASSES_H

#include "model.h"

void passes_begin(const char *dump, const char *stop_after, bool time);
void passes_ast(const char *pass, const Ast *program);
void passes_model(const char *pass, const Model *m);
/* For stages that print themselves: the file to print to, or NULL when nobody asked.
 * passes_end_dump is to follow in either case. */
FILE *passes_start_dump(const char *pass);
void passes_end_dump(const char *pass);
bool passes_stopped(void);       /* --stop-after was reached */
void passes_list(FILE *f);

#endif
