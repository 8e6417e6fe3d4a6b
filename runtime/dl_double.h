/* dl_double.h - the operators' functions in double precision: for a metric's result, which
 * is computed once from its totals. Names follow dl_math.h's with dl_double_ in front. */
#ifndef DL_DOUBLE_H
#define DL_DOUBLE_H

#include <math.h>

static inline double dl_double_abs(double x) { return fabs(x); }
static inline double dl_double_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static inline double dl_double_max(double x, double y) { return x > y || x != x ? x : y; }
static inline double dl_double_min(double x, double y) { return x < y || x != x ? x : y; }
static inline double dl_double_floor(double x) { return floor(x); }
static inline double dl_double_ceil(double x) { return ceil(x); }
static inline double dl_double_round(double x) { return rint(x); }
static inline double dl_double_sqrt(double x) { return sqrt(x); }
static inline double dl_double_exp(double x) { return exp(x); }
static inline double dl_double_expm1(double x) { return expm1(x); }
static inline double dl_double_log(double x) { return log(x); }
static inline double dl_double_log1p(double x) { return log1p(x); }
static inline double dl_double_pow(double x, double y) { return pow(x, y); }
static inline double dl_double_sin(double x) { return sin(x); }
static inline double dl_double_cos(double x) { return cos(x); }
static inline double dl_double_atan(double x) { return atan(x); }
static inline double dl_double_tanh(double x) { return tanh(x); }
static inline double dl_double_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static inline double dl_double_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static inline double dl_double_erf(double x) { return erf(x); }
static inline double dl_double_real(double x) { return x; }
static inline double dl_double_int(double x) { return trunc(x); }

#endif
