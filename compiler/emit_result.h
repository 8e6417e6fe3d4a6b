/* emit_result.h - a metric's result, printed as the body of a C function. */
#ifndef DLC_EMIT_RESULT_H
#define DLC_EMIT_RESULT_H

#include "model.h"

void emit_result(Arena *a, FILE *out, const Metric *m, const char *c_name);

#endif
