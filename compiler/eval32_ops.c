/* eval32_ops.c - the operators' C texts (ops.def) and the folds as loops over columns.
 *
 * One loop for each operator and kind of operands, each compiled for the vectors of several
 * processors, so that the program chooses when it starts. Columns do not overlap. */
#include "eval32_internal.h"

#include "../runtime/dl_math.h"

#if defined(__GNUC__) && !defined(__clang__)
/* Flat loops over columns, without loads under a condition: choices may become masks. */
#pragma GCC optimize("tree-loop-if-convert", "no-trapping-math")
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#elif defined(__clang__)
#pragma clang diagnostic ignored "-Wfloat-conversion"
#pragma clang diagnostic ignored "-Wimplicit-int-float-conversion"
#pragma clang diagnostic ignored "-Wimplicit-float-conversion"
#endif

#if defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__) || !defined(__gnu_linux__)
#define WIDE
#elif defined(__clang__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

#define NO 0

/* A case for every operator: from columns of type T to one of type OUT. */
#define LOOP(name, T, OUT, text)                                                                   \
    case OP_##name:                                                                                \
        for (int k = 0; k < n; k++) {                                                              \
            T x = xs[k], y = ys[k], z = zs[k];                                                     \
            (void)x, (void)y, (void)z;                                                             \
            out[k] = (OUT)(text);                                                                  \
        }                                                                                          \
        break;

WIDE static void real_to_real(Op op, int n, const float *restrict xs, const float *restrict ys,
        const float *restrict zs, float *restrict out) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    LOOP(name, float, float, real)
#include "ops.def"
    default:
        break;
    }
}

WIDE static void real_to_int(Op op, int n, const float *restrict xs, const float *restrict ys,
        const float *restrict zs, int32_t *restrict out) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    LOOP(name, float, int32_t, real)
#include "ops.def"
    default:
        break;
    }
}

WIDE static void int_to_int(Op op, int n, const int32_t *restrict xs, const int32_t *restrict ys,
        const int32_t *restrict zs, int32_t *restrict out) {
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    LOOP(name, int32_t, int32_t, integer)
#include "ops.def"
    default:
        break;
    }
}

WIDE static void int_to_real(int n, const int32_t *restrict xs, float *restrict out) {
    for (int k = 0; k < n; k++) out[k] = dl_real(xs[k]);
}

WIDE static void choose_real(int n, const int32_t *restrict c, const float *restrict ys,
        const float *restrict zs, float *restrict out) {
    for (int k = 0; k < n; k++) {
        float y = ys[k], z = zs[k];
        out[k] = c[k] ? y : z;
    }
}

void column_op(const Expr *e, int n, const void *x, const void *y, const void *z, void *out) {
    bool from_real = e->arg[0]->dtype == T_F32, to_real = e->dtype == T_F32;
    if (op_info[e->op].type == OT_BRANCH && to_real)
        choose_real(n, x, y, z, out);
    else if (from_real && to_real)
        real_to_real(e->op, n, x, y, z, out);
    else if (from_real)
        real_to_int(e->op, n, x, y, z, out);
    else if (to_real)
        int_to_real(n, x, out);
    else
        int_to_int(e->op, n, x, y, z, out);
}

/* ---- masks and elements ----------------------------------------------------------------- */

WIDE static void mask_words(
        int n, const int32_t *restrict mask, const int32_t *restrict v, int32_t *restrict out) {
    for (int i = 0; i < n; i++) out[i] = v[i] & (mask[i] ? -1 : 0);
}

void column_mask(int n, const int32_t *mask, const void *v, void *out) {
    mask_words(n, mask, v, out);
}

WIDE void column_add(int n, int64_t c, const int32_t *v, int64_t *at) {
    for (int i = 0; i < n; i++) at[i] += c * v[i];
}

/* No axis is longer than int32_t counts. */
WIDE static uint32_t largest(int n, const int32_t *restrict index) {
    uint32_t most = 0;
    for (int i = 0; i < n; i++) most = (uint32_t)index[i] > most ? (uint32_t)index[i] : most;
    return most;
}

WIDE static uint32_t largest_of(
        int n, const int32_t *restrict mask, const int32_t *restrict index) {
    uint32_t most = 0;
    for (int i = 0; i < n; i++) {
        uint32_t v = mask[i] ? (uint32_t)index[i] : 0;
        most = v > most ? v : most;
    }
    return most;
}

int column_outside(int n, const int32_t *mask, const int32_t *index, int64_t extent) {
    uint32_t most = mask ? largest_of(n, mask, index) : largest(n, index);
    if (most < extent) return -1;
    int i = 0;
    while ((mask && !mask[i]) || (index[i] >= 0 && index[i] < extent)) i++;
    return i;
}

void column_gather(int n, DType t, const void *from, const int32_t *mask, int64_t *at, void *out) {
    uint32_t *to = out;
    for (int i = 0; mask && i < n; i++) at[i] = mask[i] ? at[i] : 0;
    if (dtype_size(t) == 4)
        for (int i = 0; i < n; i++) to[i] = ((const uint32_t *)from)[at[i]];
    else
        for (int i = 0; i < n; i++) to[i] = ((const uint8_t *)from)[at[i]];
    for (int i = 0; mask && i < n; i++) to[i] = mask[i] ? to[i] : 0;
}

WIDE void column_bytes(int n, const int32_t *v, uint8_t *out) {
    for (int i = 0; i < n; i++) out[i] = (uint8_t)v[i];
}

static void copy_row(
        const uint32_t *restrict from, int64_t n, int64_t step, uint32_t *restrict to) {
    if (step == 1 && n >= 32) {
        memcpy(to, from, (size_t)n * sizeof *to);
    } else if (step == 0) {
        uint32_t v = *from;
        for (int64_t i = 0; i < n; i++) to[i] = v;
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = from[i * step];
    }
}

/* A few words a row, unrolled: the common case of small windows and few channels. */
#define FEW(N)                                                                                     \
    case N:                                                                                        \
        for (int64_t r = 0; r < rows; r++)                                                         \
            for (int i = 0; i < N; i++) to[r * N + i] = from[r * row + i];                         \
        return;

void copy_rows(
        const uint32_t *from, int64_t rows, int64_t row, int64_t n, int64_t step, uint32_t *to) {
    if (step == 1) {
        switch (n) {
            FEW(1) FEW(2) FEW(3) FEW(4) FEW(5) FEW(6) FEW(7) FEW(8) FEW(9) FEW(16) default : break;
        }
    }
    for (int64_t r = 0; r < rows; r++) copy_row(from + r * row, n, step, to + r * n);
}

/* ---- folds ------------------------------------------------------------------------------ */

enum { LANES = 32 };

WIDE static float sum_all(const float *restrict term, int64_t n) {
    float lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += term[i + j];
    for (; i < n; i++) sum += term[i];
    for (int j = 0; j < LANES && n >= LANES; j++) sum += lane[j];
    return sum;
}

static float larger(float best, float term) {
    float m = term > best ? term : best;
    return term != term ? term : m;
}

static float smaller(float best, float term) {
    float m = term < best ? term : best;
    return term != term ? term : m;
}

/* Each term into its own element. */
WIDE static void fold_rows(Fold f, float *restrict out, const float *restrict term, int64_t n) {
    switch (f) {
    case F_SUM:
        for (int64_t i = 0; i < n; i++) out[i] += term[i];
        break;
    case F_PROD:
        for (int64_t i = 0; i < n; i++) out[i] *= term[i];
        break;
    case F_MAX:
        for (int64_t i = 0; i < n; i++) out[i] = larger(out[i], term[i]);
        break;
    default:
        for (int64_t i = 0; i < n; i++) out[i] = smaller(out[i], term[i]);
        break;
    }
}

static float fold_one(Fold f, float out, float term) {
    switch (f) {
    case F_SUM:
        return out + term;
    case F_PROD:
        return out * term;
    case F_MAX:
        return larger(out, term);
    default:
        return smaller(out, term);
    }
}

void fold_reals(Fold f, float *out, int64_t stride, const float *term, int64_t n) {
    if (stride == 1) {
        fold_rows(f, out, term, n);
    } else if (stride == 0 && f == F_SUM) {
        *out += sum_all(term, n);
    } else {
        for (int64_t i = 0; i < n; i++) out[i * stride] = fold_one(f, out[i * stride], term[i]);
    }
}

void fold_ints(Fold f, int32_t *out, int64_t stride, const int32_t *term, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int32_t *to = out + i * stride;
        if (f == F_SUM) *to = dl_iadd(*to, term[i]);
        if (f == F_PROD) *to = dl_imul(*to, term[i]);
        if (f == F_MAX) *to = dl_imax(*to, term[i]);
        if (f == F_MIN) *to = dl_imin(*to, term[i]);
    }
}

/* ---- positions of extremes ------------------------------------------------------------ */

/* Smallest values are largest with the other sign. */
WIDE static void position_rows(float sign, float *restrict best, int32_t *restrict at,
        const float *restrict term, const int32_t *restrict position, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float t = sign * term[i], b = best[i];
        int32_t p = position[i], a = at[i];
        int equal = (t == b) | ((t != t) & (b != b)), more = (t > b) | ((t != t) & (b == b));
        int take = (a < 0) | more | (equal & (p < a));
        best[i] = take ? t : b;
        at[i] = take ? p : a;
    }
}

static void position_real(const Extremes *x, int64_t o, float term, int32_t position) {
    float t = x->largest ? term : -term, b = x->real[o];
    int32_t a = x->at[o];
    bool equal = t == b || (t != t && b != b), more = t > b || (t != t && b == b);
    if (a >= 0 && !more && !(equal && position < a)) return;
    x->real[o] = t;
    x->at[o] = position;
}

static void position_whole(const Extremes *x, int64_t o, int32_t term, int32_t position) {
    int32_t b = x->whole[o], a = x->at[o];
    bool more = x->largest ? term > b : term < b;
    if (a >= 0 && !more && !(term == b && position < a)) return;
    x->whole[o] = term;
    x->at[o] = position;
}

void fold_positions(const Extremes *x, int64_t first, int64_t stride, const void *term,
        const int32_t *position, const int32_t *mask, int64_t n) {
    if (x->real && stride == 1 && !mask) {
        position_rows(x->largest ? 1 : -1, x->real + first, x->at + first, term, position, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t o = first + i * stride;
        if (mask && !mask[i]) continue;
        if (x->real)
            position_real(x, o, ((const float *)term)[i], position[i]);
        else
            position_whole(x, o, ((const int32_t *)term)[i], position[i]);
    }
}
