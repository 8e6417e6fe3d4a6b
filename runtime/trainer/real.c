/* real.c - see real.h. A number whose digits make a whole number that a double holds exactly, and
 * whose power of ten it holds too, is the one times or by the other, which rounds once: so it is the
 * nearest double (Clinger 1990). Others are left to strtod. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "real.h"

enum { MOST_DIGITS = 19, EXACT_POWER = 22, LONGEST = 1024, LARGE_EXPONENT = 10000 };
#define EXACT_WHOLE ((uint64_t)1 << 53)

/* The digits at p, behind those that came before; exact as long as they are MOST_DIGITS in all. */
static inline const char *take_digits(const char *p, const char *end, uint64_t *digits) {
    uint64_t v = *digits;
    for (unsigned digit; p < end && (digit = (unsigned)(*p - '0')) < 10; p++) v = 10 * v + digit;
    *digits = v;
    return p;
}

/* The exponent behind an e; NULL: it is none. */
static const char *take_exponent(const char *p, const char *end, int *power) {
    bool negative = p < end && *p == '-';
    int exponent = 0;
    p += p < end && (*p == '-' || *p == '+');
    const char *from = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (exponent < LARGE_EXPONENT) exponent = 10 * exponent + (*p - '0');
    *power += negative ? -exponent : exponent;
    return p > from ? p : NULL;
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
    uint64_t digits = 0;
    int power = 0;
    bool negative = n > 0 && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    const char *from = p;
    p = take_digits(p, end, &digits);
    ptrdiff_t count = p - from;
    if (p < end && *p == '.') {
        from = ++p;
        p = take_digits(p, end, &digits);
        count += p - from;
        power = n <= LONGEST ? -(int)(p - from) : 0;
    }
    if (count == 0) return false;
    if (p < end && (*p | 0x20) == 'e') p = take_exponent(p + 1, end, &power);
    if (p != end) return false;
    if (count > MOST_DIGITS || digits > EXACT_WHOLE || power > EXACT_POWER || power < -EXACT_POWER)
        return slowly(text, n, v);
    double whole = negative ? -(double)digits : (double)digits;
    *v = power < 0 ? whole / ten[-power] : whole * ten[power];
    return true;
}
