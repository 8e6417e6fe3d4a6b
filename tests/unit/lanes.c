/* lanes.c - sixteen lanes against one: a program that test_vector.c builds for each width and
 * compiler. Every row of ops.def has its vector functions, whose lanes are the bits of the
 * row's own text of one lane; memory beyond a part, or under a false lane, is not touched;
 * folds are their trees. Prints what differs, then a hash of the operators' and folds' results;
 * fails if anything did. */
#include "../../runtime/dl_vector.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

enum { ROUNDS = 1500, SPECIALS = 32 };

static int failures;
static uint64_t hash = 14695981039346656037u;

/* ---- arguments: every pair of special values, then random ones ---- */

static uint32_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static const float special[SPECIALS] = {0.0f, -0.0f, 1, -1, 2, -2, 0.5f, -0.5f, 1.5f, -2.5f, 3,
    1e-40f, -1e-40f, 0x1p-149f, 0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f, INFINITY, -INFINITY,
    NAN, -NAN, 88.7f, -103.9f, -87.5f, 1e5f, -3e9f, 2147483648.0f, 16777218, 8388607.5f, 1e-8f,
    0.99999994f, -1.0000001f};
static const int32_t ispecial[SPECIALS] = {0, 1, -1, 2, -2, 3, -3, 7, -7, 8, -8, 10, 100, -100, 255,
    256, 65535, 65536, -65536, 1 << 24, (1 << 24) + 1, INT32_MAX, INT32_MAX - 1, INT32_MIN,
    INT32_MIN + 1, 12345678, -12345678, 4, 5, 6, 9, 1 << 30};

/* All bit patterns, and as often numbers of common size. */
static float random_float(void) {
    uint32_t u = random_bits();
    if (random_bits() % 2) return dl_from_bits(u);
    return (float)(int32_t)u * 0x1p-27f;
}
static int32_t random_int(void) {
    int32_t x = (int32_t)random_bits();
    return random_bits() % 2 ? x : x % 50;
}

/* The operands of one round, lane by lane. */
static float xs[16], ys[16];
static int32_t ns[16], ms[16];
static uint8_t ps[16], qs[16], rs[16];

static void arguments(int round) {
    for (int i = 0; i < 16; i++) {
        int pair = round * 16 + i, x = pair / SPECIALS, y = pair % SPECIALS;
        bool all = x < SPECIALS;
        xs[i] = all ? special[x] : random_float();
        ys[i] = all ? special[y] : random_float();
        ns[i] = all ? ispecial[x] : random_int();
        ms[i] = all ? ispecial[y] : random_int();
        ps[i] = random_bits() % 2, qs[i] = random_bits() % 2, rs[i] = random_bits() % 2;
    }
}

/* ---- comparing ---- */

static bool same_bytes(const void *x, const void *y, size_t size) { return !memcmp(x, y, size); }

static void fold(uint32_t bits) { hash = (hash ^ bits) * 1099511628211u; }

static void differs(const char *what, int lane, double x, double y, double got, double want) {
    if (failures++ < 20)
        printf("%s: lane %d of (%.9g, %.9g) is %a, not %a\n", what, lane, x, y, got, want);
}

static void same_float(const char *what, int i, float got, float want) {
    bool same = (got != got && want != want) || dl_bits(got) == dl_bits(want);
    if (!same) differs(what, i, (double)xs[i], (double)ys[i], (double)got, (double)want);
    fold(want != want ? 0x7fc00000u : dl_bits(want));
}

static void same_int(const char *what, int i, int32_t got, int32_t want) {
    if (got != want) differs(what, i, ns[i], ms[i], got, want);
    fold((uint32_t)want);
}

/* ---- the rows of ops.def ---- */

#define VX dl_load16(xs)
#define VY dl_load16(ys)
#define NX dl_nload16(ns)
#define NY dl_nload16(ms)
#define MX dl_mload16_u8(ps)
#define MY dl_mload16_u8(qs)
#define MZ dl_mload16_u8(rs)
#define CALL1(f, x, y) f(x)
#define CALL2(f, x, y) f(x, y)

/* `text` computes in x, y, z what lane i of `value` is to be. */
#define LANES(name, value, store, lane_type, same, type, x_of, y_of, z_of, text)             \
    do {                                                                                   \
        lane_type got[16];                                                                 \
        store(got, value);                                                                 \
        for (int i = 0; i < 16; i++) {                                                     \
            type x = x_of[i], y = y_of[i], z = z_of[i];                                    \
            (void)x, (void)y, (void)z;                                                     \
            same(#name, i, got[i], text);                                                  \
        }                                                                                  \
    } while (0)
#define FLOATS(name, value, type, x_of, y_of, z_of, text) \
    LANES(name, value, dl_store16, float, same_float, type, x_of, y_of, z_of, text)
#define INTS(name, value, type, x_of, y_of, z_of, text) \
    LANES(name, value, dl_nstore16, int32_t, same_int, type, x_of, y_of, z_of, text)
#define TRUTHS(name, value, type, x_of, y_of, z_of, text) \
    LANES(name, value, dl_mstore16_u8, uint8_t, same_int, type, x_of, y_of, z_of, text)

/* By the type column: the functions that a row has. */
#define REAL(name, arity, real, integer) \
    FLOATS(name, CALL##arity(dl_v_##name, VX, VY), float, xs, ys, ys, real)
#define INT(name, arity, real, integer) \
    INTS(name, CALL##arity(dl_n_##name, NX, NY), int32_t, ns, ms, ms, integer)
#define SAME(name, arity, real, integer) \
    REAL(name, arity, real, integer);    \
    INT(name, arity, real, integer)
#define LOGIC(name, arity, real, integer) \
    TRUTHS(name, CALL##arity(dl_m_##name, MX, MY), int, ps, qs, qs, integer)
#define TEST(name, arity, real, integer)                                        \
    TRUTHS(name, dl_v_##name(VX, VY), float, xs, ys, ys, real);                 \
    TRUTHS(name, dl_n_##name(NX, NY), int32_t, ns, ms, ms, integer);            \
    LOGIC(name, arity, real, integer)
#define BRANCH(name, arity, real, integer)                                      \
    FLOATS(name, dl_v_##name(MX, VX, VY), float, ps, xs, ys, real);             \
    INTS(name, dl_n_##name(MX, NX, NY), int32_t, ps, ns, ms, integer);          \
    TRUTHS(name, dl_m_##name(MX, MY, MZ), int, ps, qs, rs, integer)
#define TOREAL(name, arity, real, integer)                                      \
    FLOATS(name, dl_v_##name(NX), int32_t, ns, ms, ms, integer);                \
    FLOATS(name, dl_v_##name##_m(MX), int32_t, ps, ms, ms, integer)
#define TOINT(name, arity, real, integer)                                       \
    INTS(name, dl_n_##name(VX), float, xs, ys, ys, real);                       \
    INTS(name, dl_n_##name##_m(MX), int32_t, ps, ms, ms, integer)

#define OP(name, arity, type, flags, lo, hi, real, integer, gradients) \
    static void row_##name(void) { type(name, arity, real, integer); }
#pragma GCC diagnostic ignored "-Wconversion"
#include "../../compiler/ops.def"

static void operators(void) {
    for (int round = 0; round < ROUNDS; round++) {
        arguments(round);
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients) row_##name();
#include "../../compiler/ops.def"
        FLOATS(fma, dl_fma16(VX, VY, VX), float, xs, ys, ys, dl_fma(x, y, x));
    }
}

/* ---- folds ---- */

#define TREE(name, lane_type, from, load, f, same)                                          \
    do {                                                                                   \
        lane_type at[16];                                                                  \
        memcpy(at, from, sizeof at);                                                       \
        for (int half = 8; half > 0; half /= 2)                                            \
            for (int i = 0; i < half; i++) at[i] = f(at[i], at[i + half]);                 \
        same(#name, 0, name(load), at[0]);                                                 \
    } while (0)

static void folds(void) {
    for (int round = 0; round < ROUNDS; round++) {
        arguments(round);
        TREE(dl_sum16, float, xs, VX, dl_add, same_float);
        TREE(dl_prod16, float, xs, VX, dl_mul, same_float);
        TREE(dl_max16, float, xs, VX, dl_max, same_float);
        TREE(dl_min16, float, xs, VX, dl_min, same_float);
        TREE(dl_nsum16, int32_t, ns, NX, dl_iadd, same_int);
        TREE(dl_nprod16, int32_t, ns, NX, dl_imul, same_int);
        TREE(dl_nmax16, int32_t, ns, NX, dl_imax, same_int);
        TREE(dl_nmin16, int32_t, ns, NX, dl_imin, same_int);
        unsigned bits = 0;
        for (int i = 0; i < 16; i++) bits |= (unsigned)ps[i] << i;
        same_int("dl_truths16", 0, (int32_t)dl_truths16(MX), (int32_t)bits);
        same_int("dl_any16", 0, dl_any16(MX), bits != 0);
        same_int("dl_all16", 0, dl_all16(MX), bits == 0xffff);
    }
}

/* ---- memory ---- */

enum { PAGE = 4096 };
static unsigned char *page;             /* between two that may not be touched */

/* Lanes `first` to before `end` of an access, and no others, lie on the page: at its end if
 * `end` < 16, else at its start. */
static void *edge(int first, int end, size_t size) {
    if (end < 16) return page + PAGE - (size_t)end * size;
    return page - (ptrdiff_t)((size_t)first * size);
}

/* One kind of element: `m` of its lanes are accessed, all before `end` and from `first` on. */
#define ACCESS(memory, lanes, write, load_m, store_m, value, first, end, truths, what)        \
    do {                                                                                   \
        memory *p = (memory *)edge(first, end, sizeof(memory));                            \
        lanes got[16], out[16];                                                            \
        for (int i = 0; i < PAGE; i++) page[i] = (unsigned char)(random_bits() & 1);       \
        write(got, load_m);                                                                \
        for (int i = 0; i < 16; i++)                                                       \
            same_int(what " load", i, got[i] == (truths >> i & 1 ? (lanes)p[i] : 0), 1);   \
        write(out, value);                                                                 \
        unsigned char before[PAGE];                                                        \
        memcpy(before, page, PAGE);                                                        \
        store_m;                                                                           \
        for (int i = first; i < end; i++) {                                                \
            memory want = (memory)out[i];                                                  \
            size_t place = (size_t)((unsigned char *)&p[i] - page);                        \
            if (!(truths >> i & 1)) memcpy(&want, before + place, sizeof want);            \
            same_int(what " store", i, same_bytes(&p[i], &want, sizeof want), 1);          \
        }                                                                                  \
        unsigned char *from = (unsigned char *)&p[first], *to = (unsigned char *)&p[end];  \
        same_int(what " around", 0, memcmp(before, page, (size_t)(from - page)) == 0 &&    \
                memcmp(before + (to - page), to, (size_t)(page + PAGE - to)) == 0, 1);     \
    } while (0)

static void parts(void) {
    for (int count = 0; count <= 16; count++) {
        unsigned truths = (1u << count) - 1u;
        arguments(100000 + count);
        same_int("dl_first", 0, (int32_t)dl_truths16(dl_first(count)), (int32_t)truths);
        ACCESS(float, float, dl_store16, dl_load_part(p, count), dl_store_part(p, VX, count), VX,
                0, count, truths, "float part");
        ACCESS(int32_t, int32_t, dl_nstore16, dl_nload_part(p, count),
                dl_nstore_part(p, NX, count), NX, 0, count, truths, "int part");
        ACCESS(uint8_t, int32_t, dl_nstore16, dl_nload_part_u8(p, count),
                dl_nstore_part_u8(p, NX, count), NX, 0, count, truths, "byte part");
        ACCESS(uint8_t, uint8_t, dl_mstore16_u8, dl_mload_part_u8(p, count),
                dl_mstore_part_u8(p, MX, count), MX, 0, count, truths, "truth part");
    }
}

/* Counts that the compiler knows take other ways. */
#define KNOWN(count)                                                                       \
    ACCESS(float, float, dl_store16, dl_load_part(p, count), dl_store_part(p, VX, count), VX, 0, \
            count, ((1u << count) - 1u), "float part")
static void known_parts(void) {
    arguments(100000);
    KNOWN(0);
    KNOWN(1);
    KNOWN(3);
    KNOWN(6);
    KNOWN(8);
    KNOWN(9);
    KNOWN(13);
    KNOWN(16);
}

static void masked(void) {
    for (int round = 0; round < 200; round++) {
        int first = (int)(random_bits() % 16), end = (int)(random_bits() % 17);
        if (round % 2) first = 0;
        else end = 16;
        unsigned truths = random_bits() & ((1u << end) - 1u) & ~((1u << first) - 1u);
        uint8_t at[16];
        for (int i = 0; i < 16; i++) at[i] = truths >> i & 1;
        dl_m16 m = dl_mload16_u8(at);
        arguments(100000);
        ACCESS(float, float, dl_store16, dl_load_masked(p, m), dl_store_masked(p, VX, m), VX, first,
                end, truths, "float masked");
        ACCESS(int32_t, int32_t, dl_nstore16, dl_nload_masked(p, m), dl_nstore_masked(p, NX, m), NX,
                first, end, truths, "int masked");
        ACCESS(uint8_t, int32_t, dl_nstore16, dl_nload_masked_u8(p, m),
                dl_nstore_masked_u8(p, NX, m), NX, first, end, truths, "byte masked");
        ACCESS(uint8_t, uint8_t, dl_mstore16_u8, dl_mload_masked_u8(p, m),
                dl_mstore_masked_u8(p, MX, m), MX, first, end, truths, "truth masked");
    }
}

/* Stride s: lanes s apart, ending with the page or starting with it. */
#define STRIDED(memory, lanes, write, load, store, gather, value, what)                       \
    do {                                                                                   \
        ptrdiff_t length = count ? s * (count - 1) : 0;                                    \
        memory *p = (memory *)page + (s < 0 ? -length : 0);                       \
        if (s > 0) p = (memory *)(page + PAGE) - length - 1;                               \
        lanes got[16], out[16];                                                            \
        int32_t index[16];                                                                 \
        for (int i = 0; i < PAGE; i++) page[i] = (unsigned char)(random_bits() & 1);       \
        write(got, load(p, s, count));                                                     \
        for (int i = 0; i < 16; i++)                                                       \
            same_int(what " strided load", i, got[i] == (i < count ? (lanes)p[i * s] : 0), 1); \
        for (int i = 0; i < 16; i++) index[i] = (int32_t)(i * s);                          \
        write(got, gather(p, dl_nload16(index), dl_first(count)));                         \
        for (int i = 0; i < 16; i++)                                                       \
            same_int(what " gather", i, got[i] == (i < count ? (lanes)p[i * s] : 0), 1);   \
        write(out, value);                                                                 \
        store(p, s, value, count);                                                         \
        for (int i = 0; i < count && s; i++) {                                             \
            memory want = (memory)out[i];                                                  \
            same_int(what " strided store", i, same_bytes(&p[i * s], &want, sizeof want), 1); \
        }                                                                                  \
    } while (0)

static void strided(void) {
    for (ptrdiff_t s = -20; s <= 20; s++)
        for (int count = 0; count <= 16; count++) {
            arguments(100000);
            STRIDED(float, float, dl_store16, dl_load_stride, dl_store_stride, dl_gather16, VX,
                    "float");
            STRIDED(int32_t, int32_t, dl_nstore16, dl_nload_stride, dl_nstore_stride, dl_ngather16,
                    NX, "int");
            STRIDED(uint8_t, int32_t, dl_nstore16, dl_nload_stride_u8, dl_nstore_stride_u8,
                    dl_ngather16_u8, NX, "byte");
            STRIDED(uint8_t, uint8_t, dl_mstore16_u8, dl_mload_stride_u8, dl_mstore_stride_u8,
                    dl_mgather16_u8, MX, "truth");
        }
}

static void transposed(void) {
    float from[256], to[256];
    for (int i = 0; i < 256; i++) from[i] = to[i] = random_float();
    dl_transpose16(to);
    for (int i = 0; i < 256; i++)
        same_int("dl_transpose16", i % 16, (int32_t)dl_bits(to[i]),
                (int32_t)dl_bits(from[i % 16 * 16 + i / 16]));
}

static void random_numbers(void) {
    float at[16];
    for (uint64_t round = 0; round < 200; round++) {
        uint64_t seed = (uint64_t)random_bits() << 32 | random_bits();
        uint32_t step = random_bits(), stream = random_bits();
        uint64_t first = round % 2 ? round : (uint64_t)random_bits() << 18 | random_bits();
        if (round % 5 == 0) first = (UINT64_C(1) << 34) - 7 + round;
        dl_store16(at, dl_uniform16(seed, step, stream, first));
        for (int i = 0; i < 16; i++)
            same_int("dl_uniform16", i, (int32_t)dl_bits(at[i]),
                    (int32_t)dl_bits(dl_uniform(seed, step, stream, first + (uint64_t)i)));
    }
}

static void constants(void) {
    float at[16];
    int32_t nat[16];
    for (int i = 0; i < SPECIALS; i++) {
        dl_store16(at, dl_set16(special[i]));
        dl_nstore16(nat, dl_nset16(ispecial[i]));
        for (int k = 0; k < 16; k++) same_float("dl_set16", k, at[k], special[i]);
        for (int k = 0; k < 16; k++) same_int("dl_nset16", k, nat[k], ispecial[i]);
    }
    dl_nstore16(nat, dl_lane16());
    for (int k = 0; k < 16; k++) same_int("dl_lane16", k, nat[k], k);
    same_int("dl_mset16", 0, (int32_t)dl_truths16(dl_mset16(1)), 0xffff);
    same_int("dl_mset16", 0, (int32_t)dl_truths16(dl_mset16(0)), 0);
}

int main(void) {
    page = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 1;
    page += PAGE;
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE)) return 1;
    operators();
    folds();
    uint64_t results = hash;
    parts();
    known_parts();
    masked();
    strided();
    constants();
    transposed();
    random_numbers();
    if (failures) printf("%d differ\n", failures);
    printf("0x%016" PRIx64 "\n", results);
    return failures != 0;
}
