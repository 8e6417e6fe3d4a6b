/* The elementary functions against MPFR, their special values, and their bits; where this file
 * is compiled without a fused multiply-add and the machine has one, once more with it.
 *
 * Arguments are every stride-th float by its bits, so all exponents and both signs; the
 * environment's DLC_STRIDE (an odd number; 1 is every float there is) asks for more. */
#include "../../runtime/dl_math.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t stride(void) {
    const char *text = getenv("DLC_STRIDE");
    long v = text ? strtol(text, NULL, 10) : 0;
    return v > 0 ? (uint32_t)v : 60013;
}

typedef void Exact(mpfr_t y, const mpfr_t x);

static void exact_exp(mpfr_t y, const mpfr_t x) { mpfr_exp(y, x, MPFR_RNDN); }
static void exact_expm1(mpfr_t y, const mpfr_t x) { mpfr_expm1(y, x, MPFR_RNDN); }
static void exact_log(mpfr_t y, const mpfr_t x) { mpfr_log(y, x, MPFR_RNDN); }
static void exact_log1p(mpfr_t y, const mpfr_t x) { mpfr_log1p(y, x, MPFR_RNDN); }
static void exact_sin(mpfr_t y, const mpfr_t x) { mpfr_sin(y, x, MPFR_RNDN); }
static void exact_cos(mpfr_t y, const mpfr_t x) { mpfr_cos(y, x, MPFR_RNDN); }
static void exact_atan(mpfr_t y, const mpfr_t x) { mpfr_atan(y, x, MPFR_RNDN); }
static void exact_tanh(mpfr_t y, const mpfr_t x) { mpfr_tanh(y, x, MPFR_RNDN); }
static void exact_erf(mpfr_t y, const mpfr_t x) { mpfr_erf(y, x, MPFR_RNDN); }
static void exact_sigmoid(mpfr_t y, const mpfr_t x) {
    mpfr_neg(y, x, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_add_ui(y, y, 1, MPFR_RNDN);
    mpfr_ui_div(y, 1, y, MPFR_RNDN);
}
static void exact_softplus(mpfr_t y, const mpfr_t x) {
    mpfr_abs(y, x, MPFR_RNDN);
    mpfr_neg(y, y, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_log1p(y, y, MPFR_RNDN);
    if (mpfr_sgn(x) > 0) mpfr_add(y, y, x, MPFR_RNDN);
}

#define LOOP(name)                                                                          \
    static void many_##name(float *restrict y, const float *restrict x, int n) {           \
        for (int i = 0; i < n; i++) y[i] = dl_##name(x[i]);                                \
    }
LOOP(exp)
LOOP(expm1)
LOOP(log)
LOOP(log1p)
LOOP(sin)
LOOP(cos)
LOOP(atan)
LOOP(tanh)
LOOP(sigmoid)
LOOP(softplus)
LOOP(erf)
LOOP(sqrt)
LOOP(floor)
LOOP(ceil)
LOOP(round)
LOOP(abs)
LOOP(sign)

/* Two powers of a base, in turn. */
static void many_pow(float *restrict y, const float *restrict x, int n) {
    for (int i = 0; i < n; i++) y[i] = dl_pow(x[i], i % 2 ? -1.7f : 3.0f);
}

typedef struct Function {
    const char *name;
    void (*many)(float *restrict, const float *restrict, int);
    Exact *exact;
    double bound;                /* units of the last place */
    float most;                  /* largest argument for which it holds */
    uint64_t bits[2];            /* hash of the results at every 60013th float; with FMA */
} Function;

static const Function functions[] = {
    {"exp", many_exp, exact_exp, 1, INFINITY,
        {UINT64_C(0x579d11195e0e9b53), UINT64_C(0x6552cad5f4229d42)}},
    {"expm1", many_expm1, exact_expm1, 2, INFINITY,
        {UINT64_C(0x7ff2816ed8104d89), UINT64_C(0x4c318747b81bbade)}},
    {"log", many_log, exact_log, 1, INFINITY,
        {UINT64_C(0xe23ef5e420f49ceb), UINT64_C(0xed4b12ffbf3c4ee2)}},
    {"log1p", many_log1p, exact_log1p, 2, INFINITY,
        {UINT64_C(0xec5dbb6aee64bb86), UINT64_C(0xd7bef9015d6ef73d)}},
    {"sin", many_sin, exact_sin, 2, 1e5f,
        {UINT64_C(0x026de2342e8c0915), UINT64_C(0x12fa2abce29fdc2c)}},
    {"cos", many_cos, exact_cos, 2, 1e5f,
        {UINT64_C(0x103e503647ebf921), UINT64_C(0x0993f0bfdc41c01b)}},
    {"atan", many_atan, exact_atan, 2, INFINITY,
        {UINT64_C(0xf9d7d6f503ba4d43), UINT64_C(0xf1a10210f81306fb)}},
    {"tanh", many_tanh, exact_tanh, 3, INFINITY,
        {UINT64_C(0xb6c640f20257cd8d), UINT64_C(0x1abc58a24f8bb8c4)}},
    {"sigmoid", many_sigmoid, exact_sigmoid, 2, INFINITY,
        {UINT64_C(0x9d69a986a2332efc), UINT64_C(0x7cdd7dde01437ba8)}},
    {"softplus", many_softplus, exact_softplus, 2, INFINITY,
        {UINT64_C(0xe71f14c5ad7e1743), UINT64_C(0x6473f0d33a5a79b1)}},
    {"erf", many_erf, exact_erf, 3, INFINITY,
        {UINT64_C(0xef603a94764d5d82), UINT64_C(0x2657217727897d18)}},
    {"pow", many_pow, NULL, 0, INFINITY,
        {UINT64_C(0x77ff29a5a82dbdc7), UINT64_C(0x77ff29a5a82dbdc7)}},
    {"sqrt", many_sqrt, NULL, 0, INFINITY,
        {UINT64_C(0xeec3fbd2e5d5530e), UINT64_C(0xeec3fbd2e5d5530e)}},
    {"floor", many_floor, NULL, 0, INFINITY,
        {UINT64_C(0xcb362af73f8d9223), UINT64_C(0xcb362af73f8d9223)}},
    {"ceil", many_ceil, NULL, 0, INFINITY,
        {UINT64_C(0x17a11f142be44879), UINT64_C(0x17a11f142be44879)}},
    {"round", many_round, NULL, 0, INFINITY,
        {UINT64_C(0xc34b0df9ef03531d), UINT64_C(0xc34b0df9ef03531d)}},
    {"abs", many_abs, NULL, 0, INFINITY,
        {UINT64_C(0x7db0810be87f131d), UINT64_C(0x7db0810be87f131d)}},
    {"sign", many_sign, NULL, 0, INFINITY,
        {UINT64_C(0xc6d16d74b107fa65), UINT64_C(0xc6d16d74b107fa65)}},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, CHUNK = 4096 };

/* |y - r| in units of r's last place; an infinite y counts as 2**128. */
static double distance(float y, double r) {
    if (isnan(r) || isnan(y)) return isnan(r) && isnan(y) ? 0 : INFINITY;
    if (!signbit(y) != !signbit(r)) return INFINITY;
    double a = isinf(y) ? 0x1p128 : fabs((double)y), b = fmin(fabs(r), 0x1p128);
    int e;
    frexp(b, &e);
    return fabs(a - b) / ldexp(1, (e < -125 ? -125 : e > 128 ? 128 : e) - 24);
}

/* The next CHUNK arguments from `*at` on; how many. */
static int arguments(float *x, uint64_t *at, uint32_t step) {
    int n = 0;
    for (; n < CHUNK && *at <= UINT32_MAX; *at += step) x[n++] = dl_from_bits((uint32_t)*at);
    return n;
}

static double exact_value(Exact *f, float x) {
    mpfr_t a, b;
    mpfr_init2(a, 24);
    mpfr_init2(b, 160);
    mpfr_set_flt(a, x, MPFR_RNDN);
    f(b, a);
    double r = mpfr_get_d(b, MPFR_RNDN);
    mpfr_clear(a);
    mpfr_clear(b);
    return r;
}

static double worst(const Function *f, uint32_t step, float *where) {
    static float x[CHUNK], y[CHUNK];
    double most = 0;
    uint64_t at = 0;
    for (int n; (n = arguments(x, &at, step)) > 0;) {
        f->many(y, x, n);
        for (int i = 0; i < n; i++) {
            if (fabsf(x[i]) > f->most) continue;
            double d = distance(y[i], exact_value(f->exact, x[i]));
            if (d > most) most = d, *where = x[i];
        }
    }
    return most;
}

Test(math, bounds, .timeout = 100000) {
    for (int i = 0; i < FUNCTIONS; i++) {
        const Function *f = &functions[i];
        float where = 0;
        if (!f->exact) continue;
        double d = worst(f, stride(), &where);
        cr_log_info("%-9s %.3f at %.9g", f->name, d, where);
        cr_expect(d <= f->bound, "%s is %.3f units off at %.9g (%a)", f->name, d, where, where);
    }
}

/* Where an argument's neighbours decide: multiples of pi/2, breaks of the reductions. */
Test(math, hard_places) {
    for (int i = 0; i < FUNCTIONS; i++) {
        const Function *f = &functions[i];
        for (int k = -1000; f->exact && k <= 1000; k++) {
            double place[] = {k * 1.5707963267948966 * 60, k * 0.34657359027997265, k * 0.25,
                    pow(2, k / 10.0)};
            for (int j = 0; j < 4; j++) {
                float x[3] = {(float)place[j], 0, 0}, y[3];
                x[1] = nextafterf(x[0], INFINITY);
                x[2] = nextafterf(x[0], -INFINITY);
                f->many(y, x, 3);
                for (int m = 0; m < 3; m++) {
                    if (fabsf(x[m]) > f->most) continue;
                    double d = distance(y[m], exact_value(f->exact, x[m]));
                    cr_expect(d <= f->bound, "%s is %.3f units off at %a", f->name, d, x[m]);
                }
            }
        }
    }
}

#ifdef DL_HAS_FMA
enum { FUSED = 1 };
#else
enum { FUSED = 0 };
#endif

/* One hash of all results: a compiler or machine that computes otherwise is found out. */
static uint64_t hash_of(const Function *f) {
    static float x[CHUNK], y[CHUNK];
    uint64_t at = 0, h = 14695981039346656037u;
    for (int n; (n = arguments(x, &at, 60013)) > 0;) {
        f->many(y, x, n);
        for (int i = 0; i < n; i++) {
            uint32_t u = isnan(y[i]) ? 0x7fc00000u : dl_bits(y[i]);
            h = (h ^ u) * 1099511628211u;
        }
    }
    return h;
}

Test(math, the_same_bits_everywhere) {
    for (int i = 0; i < FUNCTIONS; i++) {
        uint64_t h = hash_of(&functions[i]);
        cr_expect_eq(h, functions[i].bits[FUSED], "%s: 0x%016" PRIx64, functions[i].name, h);
    }
}

typedef struct Special {
    float x, exp, expm1, log, log1p, atan, tanh, sigmoid, softplus, erf;
} Special;

static bool same(float a, float b) {
    return (isnan(a) && isnan(b)) || dl_bits(a) == dl_bits(b);
}

Test(math, special_values) {
    static const Special special[] = {
        {0.0f, 1, 0.0f, -INFINITY, 0.0f, 0.0f, 0.0f, 0.5f, 0x1.62e43p-1f, 0.0f},
        {-0.0f, 1, -0.0f, -INFINITY, -0.0f, -0.0f, -0.0f, 0.5f, 0x1.62e43p-1f, -0.0f},
        {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, 0x1.921fb6p0f, 1, 1, INFINITY, 1},
        {-INFINITY, 0, -1, NAN, NAN, -0x1.921fb6p0f, -1, 0, 0, -1},
        {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        const Special *s = &special[i];
        cr_expect(same(dl_exp(s->x), s->exp), "exp(%g)", s->x);
        cr_expect(same(dl_expm1(s->x), s->expm1), "expm1(%g)", s->x);
        cr_expect(same(dl_log(s->x), s->log), "log(%g)", s->x);
        cr_expect(same(dl_log1p(s->x), s->log1p), "log1p(%g)", s->x);
        cr_expect(same(dl_atan(s->x), s->atan), "atan(%g)", s->x);
        cr_expect(same(dl_tanh(s->x), s->tanh), "tanh(%g)", s->x);
        cr_expect(same(dl_sigmoid(s->x), s->sigmoid), "sigmoid(%g)", s->x);
        cr_expect(same(dl_softplus(s->x), s->softplus), "softplus(%g)", s->x);
        cr_expect(same(dl_erf(s->x), s->erf), "erf(%g)", s->x);
    }
    cr_expect(same(dl_log(1), 0) && same(dl_log1p(-1), -INFINITY) && isnan(dl_log1p(-2)));
    cr_expect(same(dl_sin(-0.0f), -0.0f) && same(dl_cos(0), 1));
    cr_expect(isnan(dl_sin(INFINITY)) && isnan(dl_cos(-INFINITY)) && isnan(dl_sin(NAN)));
    for (float x = 1e5f; x < INFINITY; x *= 1.37f)
        cr_expect(fabsf(dl_sin(x)) <= 1 && fabsf(dl_cos(-x)) <= 1, "at %g", x);
}

/* Every pair of these, against C's pow in double (whose own error is far below a float's). */
Test(math, pow_special_values) {
    static const float v[] = {0.0f, 1, 2, 3, 0.5f, 2.5f, 1.5f, 0.1f, 7, 10, 100, 1e-3f, 1e-40f,
        1e38f, 0x1.fffffep127f, 0x1p-149f, 16777215, 16777216, 8388607, 8388607.5f, 0.99999994f,
        1.0000001f, INFINITY, NAN};
    int n = sizeof v / sizeof *v;
    for (int i = 0; i < 4 * n * n; i++) {
        float x = i & 1 ? -v[i / 4 % n] : v[i / 4 % n], y = i & 2 ? -v[i / 4 / n] : v[i / 4 / n];
        double d = distance(dl_pow(x, y), pow((double)x, (double)y));
        cr_expect(d <= 1, "pow(%.9g, %.9g) is %.9g, %g units off", x, y, dl_pow(x, y), d);
    }
    for (uint64_t at = 0; at <= UINT32_MAX; at += 100003) {
        float x = dl_from_bits((uint32_t)at);
        cr_expect(dl_pow(x, 0) == 1 && same(dl_pow(x, 1), x), "at %a", x);
        cr_expect(same(dl_pow(x, 2), x * x) || x != x || (float)fabs(x * x) < 0x1p-126f, "%a", x);
    }
}

Test(math, pow_bound) {
    double most = 0;
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(random >> 33), near = (bits & 0x03ffffff) + 0x3e000000;
        float x = dl_from_bits(i % 2 ? near : bits), y = (float)(random >> 20 & 8191) / 64 - 64;
        double d = distance(dl_pow(x, y), pow((double)x, (double)y));
        if (d > most) most = d;
    }
    cr_log_info("pow       %.3f", most);
    cr_expect(most <= 1, "pow is %.3f units off", most);
}

Test(math, exact_functions) {
    for (uint64_t at = 0; at <= UINT32_MAX; at += 10007) {
        float x = dl_from_bits((uint32_t)at);
        cr_expect(same(dl_floor(x), floorf(x)), "floor(%a)", x);
        cr_expect(same(dl_ceil(x), ceilf(x)), "ceil(%a)", x);
        cr_expect(same(dl_round(x), rintf(x)), "round(%a)", x);
        cr_expect(same(dl_abs(x), fabsf(x)), "abs(%a)", x);
        cr_expect(same(dl_sqrt(x), sqrtf(x)), "sqrt(%a)", x);
        double d = isnan(x) ? 0 : fmax(INT32_MIN, fmin(INT32_MAX, (double)x));
        cr_expect_eq(dl_int(x), (int32_t)d, "int(%a)", x);
    }
    for (int k = -1000; k <= 1000; k++) {
        float x = (float)k / 4;
        cr_expect(same(dl_floor(x), floorf(x)) && same(dl_ceil(x), ceilf(x)));
        cr_expect(same(dl_round(x), rintf(x)), "round(%g)", x);
        cr_expect_eq(dl_int(x), (int)x);
    }
}

Test(math, nan_passes_through) {
    cr_expect(isnan(dl_max(NAN, 1)) && isnan(dl_max(1, NAN)));
    cr_expect(isnan(dl_min(NAN, 1)) && isnan(dl_min(1, NAN)));
    cr_expect(dl_max(2, 1) == 2 && dl_max(1, 2) == 2 && dl_min(2, 1) == 1 && dl_min(1, 2) == 1);
    cr_expect(dl_max(-INFINITY, -1) == -1 && dl_min(INFINITY, -1) == -1);
    cr_expect(isnan(dl_sign(NAN)) && isnan(dl_abs(NAN)) && isnan(dl_floor(NAN)));
    cr_expect(dl_sign(-3) == -1 && dl_sign(1e-45f) == 1 && same(dl_sign(-0.0f), -0.0f));
}

Test(math, integers) {
    static const int32_t v[] = {INT32_MIN, INT32_MIN + 1, -8, -7, -3, -2, -1, 0, 1, 2, 3, 7, 8,
        65536, INT32_MAX - 1, INT32_MAX};
    int n = sizeof v / sizeof *v;
    for (int i = 0; i < n * n; i++) {
        int32_t x = v[i / n], y = v[i % n];
        int64_t a = x, b = y, q = b ? a / b - ((a % b != 0) & ((a < 0) != (b < 0))) : 0;
        cr_expect_eq(dl_iadd(x, y), (int32_t)(uint32_t)(a + b));
        cr_expect_eq(dl_isub(x, y), (int32_t)(uint32_t)(a - b));
        cr_expect_eq(dl_imul(x, y), (int32_t)(uint32_t)(a * b));
        cr_expect_eq(dl_idiv(x, y), (int32_t)(uint32_t)q, "%d // %d", x, y);
        cr_expect_eq(dl_imod(x, y), b ? (int32_t)(a - q * b) : 0, "%d %% %d", x, y);
        cr_expect_eq(dl_imax(x, y), x > y ? x : y);
        cr_expect_eq(dl_imin(x, y), x < y ? x : y);
    }
    cr_expect(dl_iabs(-5) == 5 && dl_iabs(5) == 5 && dl_iabs(INT32_MIN) == INT32_MIN);
    cr_expect(dl_isign(-5) == -1 && dl_isign(0) == 0 && dl_isign(5) == 1);
}

/* The other of the two results that there are. (By that variable Criterion tells a process that
 * it is to run one test.) */
#if defined(__x86_64__) && !defined(DL_HAS_FMA)
Test(math, with_a_fused_multiply_add, .timeout = 100000) {
    char program[] = "/tmp/dlc_math_XXXXXX", command[256];
    if (!__builtin_cpu_supports("fma")) return;
    int fd = mkstemp(program);
    cr_assert(fd >= 0);
    close(fd);
    snprintf(command, sizeof command,
            "gcc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -mfma -o %s tests/unit/test_math.c "
            "-lcriterion -lmpfr -lgmp -lm && env -u BXFI_MAP %s",
            program, program);
    cr_expect(system(command) == 0);
    unlink(program);
}
#endif
