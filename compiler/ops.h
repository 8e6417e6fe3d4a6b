/* ops.h - evaluating an operator of the table: in double, or as wrapping int32. Operands
 * beyond the arity are ignored. Tests and logic give 0 or 1. */
#ifndef DLC_OPS_H
#define DLC_OPS_H

#include "graph.h"

double op_real(Op op, double x, double y, double z);
int32_t op_integer(Op op, int32_t x, int32_t y, int32_t z);

/* The same over n elements; integers are held in doubles, exactly. */
void op_real_block(Op op, int n, const double *x, const double *y, const double *z, double *out);
void op_integer_block(Op op, int n, const double *x, const double *y, const double *z, double *out);

#endif
