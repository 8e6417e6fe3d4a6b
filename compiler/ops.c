/* ops.c - the operator table as data, and what its C text means in double and int32.
 *
 * The `real` and `integer` columns of ops.def are compiled here with the dl_ functions
 * bound to libm in double and to wrapping int32 arithmetic: what constant folding and the
 * interpreter compute is the text that generated code runs, but for the precision.
 * Integer arithmetic is total: it wraps, and a quotient or remainder by zero is zero. */
#include "ops.h"

#include <math.h>
#include <string.h>

enum {
    COMM = OPF_COMM,
    ASSOC = OPF_ASSOC,
    IDEM = OPF_IDEM,
    CHEAP = OPF_CHEAP,
    SYNTAX = OPF_SYNTAX,
    SINGULAR = OPF_SINGULAR,
    LINEAR = OPF_LINEAR
};

/* The text of a column after NO has become nothing: no text, no pointer. */
#define TEXT(column) TEXT_(column)
#define TEXT_(column) (sizeof(#column) == 1 ? NULL : #column)
#define NO

const OpInfo op_info[OP_COUNT] = {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    {#name, arity, OT_##type, flags, lo, hi, TEXT(real), TEXT(integer)},
#include "ops.def"
};
#undef NO

Op op_by_name(const char *name) {
    int k = 0;
    while (k < OP_COUNT && strcmp(op_info[k].name, name) != 0) k++;
    return (Op)k;
}

/* ---- the integer functions of the table ------------------------------------------------ */

static int32_t wrap(uint32_t bits) {
    int32_t v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int32_t dl_iadd(int32_t x, int32_t y) {
    return wrap((uint32_t)x + (uint32_t)y);
}
static int32_t dl_isub(int32_t x, int32_t y) {
    return wrap((uint32_t)x - (uint32_t)y);
}
static int32_t dl_imul(int32_t x, int32_t y) {
    return wrap((uint32_t)x * (uint32_t)y);
}
static int32_t dl_iabs(int32_t x) {
    return x < 0 ? dl_isub(0, x) : x;
}
static int32_t dl_isign(int32_t x) {
    return (x > 0) - (x < 0);
}
static int32_t dl_imax(int32_t x, int32_t y) {
    return x > y ? x : y;
}
static int32_t dl_imin(int32_t x, int32_t y) {
    return x < y ? x : y;
}
static int32_t dl_real(int32_t x) {
    return x;
}

/* Floor division, in 64 bits so that the one overflow wraps like the rest. */
static int32_t dl_idiv(int32_t x, int32_t y) {
    if (y == 0) return 0;
    int64_t q = (int64_t)x / y;
    if ((int64_t)x % y != 0 && (x < 0) != (y < 0)) q--;
    return wrap((uint32_t)q);
}

static int32_t dl_imod(int32_t x, int32_t y) {
    return y == 0 ? 0 : dl_isub(x, dl_imul(dl_idiv(x, y), y));
}

/* ---- the real ones, in double ---------------------------------------------------------- */

#define dl_floor floor
#define dl_ceil ceil
#define dl_round nearbyint /* half to even in the default mode, which nothing changes */
#define dl_abs fabs
#define dl_sqrt sqrt
#define dl_exp exp
#define dl_expm1 expm1
#define dl_log log
#define dl_log1p log1p
#define dl_pow pow
#define dl_sin sin
#define dl_cos cos
#define dl_atan atan
#define dl_tanh tanh
#define dl_erf erf

/* NaN passes through; of two equal operands the second is taken, as the gradient does. */
static double dl_max(double x, double y) {
    return x > y || x != x ? x : y;
}
static double dl_min(double x, double y) {
    return x < y || x != x ? x : y;
}
static double dl_sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : x;
}
static double dl_sigmoid(double x) {
    double e = exp(-fabs(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
static double dl_softplus(double x) {
    return dl_max(x, 0) + log1p(exp(-fabs(x)));
}

/* Towards zero; what does not fit saturates, and NaN is 0. */
static int32_t dl_int(double x) {
    if (x != x) return 0;
    if (x >= 2147483647.0) return INT32_MAX;
    if (x <= -2147483648.0) return INT32_MIN;
    return (int32_t)x;
}

/* ---- one element, and many ------------------------------------------------------------- */

#define NO 0
/* A select's condition is held in a double here. */
#pragma GCC diagnostic ignored "-Wfloat-conversion"

double op_real(Op op, double x, double y, double z) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        return real;
#include "ops.def"
    case OP_COUNT:
        break;
    }
    return 0;
}

int32_t op_integer(Op op, int32_t x, int32_t y, int32_t z) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        return integer;
#include "ops.def"
    case OP_COUNT:
        break;
    }
    return 0;
}

/* The loop stands inside the switch, so that a block of elements costs one dispatch. */
void op_real_block(
        Op op, int n, const double *xs, const double *ys, const double *zs, double *out) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        for (int k = 0; k < n; k++) {                                                              \
            double x = xs[k], y = ys[k], z = zs[k];                                                \
            (void)x, (void)y, (void)z;                                                             \
            out[k] = real;                                                                         \
        }                                                                                          \
        break;
#include "ops.def"
    case OP_COUNT:
        break;
    }
}

void op_integer_block(
        Op op, int n, const double *xs, const double *ys, const double *zs, double *out) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        for (int k = 0; k < n; k++) {                                                              \
            int32_t x = (int32_t)xs[k], y = (int32_t)ys[k], z = (int32_t)zs[k];                    \
            (void)x, (void)y, (void)z;                                                             \
            out[k] = integer;                                                                      \
        }                                                                                          \
        break;
#include "ops.def"
    case OP_COUNT:
        break;
    }
}
