/* emit_result.h - a metric's result, printed as the body of a C function: a number is returned,
 * a tensor's elements are written to `result`, row-major. */
#ifndef DLC_EMIT_RESULT_H
#define DLC_EMIT_RESULT_H

#include "model.h"

void emit_result(Arena *a, FILE *out, Graph *g, const Metric *m, const char *c_name);

#endif
