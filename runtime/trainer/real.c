/* real.c - see real.h. A number of at most 15 digits whose power of ten is exact in a double too is
 * one exact integer times or by one exact power, which rounds once: so it is the nearest double
 * (Clinger 1990). Others are left to strtod. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "real.h"

enum { EXACT_DIGITS = 15, EXACT_POWER = 22, LONGEST = 1024 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What stands in a number: digits (leading zeros do not count), and the power of ten. */
typedef struct Parts {
    uint64_t digits;
    int count, power;
    bool any, negative;
} Parts;

static const char *take_digits(const char *p, const char *end, Parts *r, int each) {
    for (; p < end && is_digit(*p); p++) {
        r->any = true;
        r->count += r->digits > 0 || *p != '0';
        if (r->count <= EXACT_DIGITS) r->digits = 10 * r->digits + (uint64_t)(*p - '0');
        if (r->power > -LONGEST) r->power += each;
    }
    return p;
}

/* The exponent behind an e; NULL: it is none. */
static const char *take_exponent(const char *p, const char *end, Parts *r) {
    bool negative = p < end && *p == '-';
    int exponent = 0;
    p += p < end && (*p == '-' || *p == '+');
    if (p == end || !is_digit(*p)) return NULL;
    for (; p < end && is_digit(*p); p++)
        if (exponent < 10000) exponent = 10 * exponent + (*p - '0');
    r->power += negative ? -exponent : exponent;
    return p;
}

static bool slowly(const char *text, size_t n, double *v) {
    char copy[LONGEST + 1];
    if (n > LONGEST) return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    *v = strtod(copy, NULL);
    return isfinite(*v);
}

bool dl_real(const char *text, size_t n, double *v) {
    static const double ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    while (n > 0 && *text == ' ') text++, n--;
    while (n > 0 && text[n - 1] == ' ') n--;
    const char *p = text, *end = text + n;
    Parts r = {.negative = n > 0 && *p == '-'};
    p += p < end && (*p == '-' || *p == '+');
    p = take_digits(p, end, &r, 0);
    if (p < end && *p == '.') p = take_digits(p + 1, end, &r, -1);
    if (!r.any) return false;
    if (p < end && (*p == 'e' || *p == 'E')) p = take_exponent(p + 1, end, &r);
    if (p != end) return false;
    if (r.count > EXACT_DIGITS || r.power > EXACT_POWER || r.power < -EXACT_POWER)
        return slowly(text, n, v);
    double whole = (double)r.digits;
    *v = r.power < 0 ? whole / ten[-r.power] : whole * ten[r.power];
    if (r.negative) *v = -*v;
    return true;
}
