/* emit_text.c - growing text, C constants, and the shapes of operators' texts. */
#include "emit_text.h"
#include "loop.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void reserve(Text *t, size_t more) {
    if (t->n + more + 1 <= t->cap) return;
    size_t cap = t->cap ? t->cap : 256;
    while (cap < t->n + more + 1) cap *= 2;
    char *at = arena_alloc(t->arena, cap);
    if (t->n) memcpy(at, t->at, t->n);
    t->at = at;
    t->cap = cap;
}

void text_add(Text *t, const char *text) {
    size_t n = strlen(text);
    reserve(t, n);
    memcpy(t->at + t->n, text, n + 1);
    t->n += n;
}

void text_char(Text *t, char c) {
    reserve(t, 1);
    t->at[t->n++] = c;
    t->at[t->n] = '\0';
}

void text_int(Text *t, int64_t v) {
    char digits[24];
    int n = 0;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0) digits[n++] = '-';
    while (n > 0) text_char(t, digits[--n]);
}

/* Most of what is printed fits the room that there is: it is formatted once. */
void text_printf(Text *t, const char *fmt, ...) {
    va_list list, again;
    reserve(t, 32);
    size_t room = t->cap - t->n;
    va_start(list, fmt);
    va_copy(again, list);
    size_t n = (size_t)vsnprintf(t->at + t->n, room, fmt, list);
    va_end(list);
    reserve(t, n);
    if (n >= room) vsnprintf(t->at + t->n, n + 1, fmt, again);
    va_end(again);
    t->n += n;
}

/* The shortest text that reads back as the same float. */
char *emit_real(Arena *a, double v) {
    float f = (float)v;
    if (isnan(f)) return arena_printf(a, "NAN");
    if (isinf(f)) return arena_printf(a, f < 0 ? "-INFINITY" : "INFINITY");
    char text[48];
    int digits = 1;
    do snprintf(text, sizeof text, "%.*g", digits, (double)f);
    while (strtof(text, NULL) != f && digits++ < 9);
    bool plain = !strpbrk(text, ".e");
    return arena_printf(a, "%s%sf", text, plain ? ".0" : "");
}

bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Infix texts are `x TOKEN y`; comparisons and bit operators show their operands'
 * grouping, whatever precedence says. Other texts are taken as they are: a call of its
 * operands needs no parentheses, anything else gets them everywhere. */
OpShape op_shape(const char *text) {
    static const struct {
        const char *text;
        OpShape shape;
    } known[] = {
            {"x", {P_COND, P_COND, P_COND}},
            {"-x", {P_PRIMARY, P_PRIMARY, P_UNARY}},
            {"!x", {P_PRIMARY, P_PRIMARY, P_EQ}},
            {"x + y", {P_ADD, P_MUL, P_ADD}},
            {"x - y", {P_ADD, P_MUL, P_ADD}},
            {"x * y", {P_MUL, P_UNARY, P_MUL}},
            {"x / y", {P_MUL, P_UNARY, P_MUL}},
            {"x < y", {P_ADD, P_ADD, P_REL}},
            {"x <= y", {P_ADD, P_ADD, P_REL}},
            {"x > y", {P_ADD, P_ADD, P_REL}},
            {"x >= y", {P_ADD, P_ADD, P_REL}},
            {"x == y", {P_ADD, P_ADD, P_EQ}},
            {"x != y", {P_ADD, P_ADD, P_EQ}},
            {"x & y", {P_UNARY, P_UNARY, P_BAND}},
            {"x | y", {P_UNARY, P_UNARY, P_BOR}},
            {"x ? y : z", {P_EQ, P_COND + 1, P_COND}},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (!strcmp(text, known[k].text)) return known[k].shape;
    const char *c = text;
    while (is_word(*c)) c++;
    const char *close = strrchr(text, ')');
    bool call = c > text && *c == '(' && close && !close[1] && strchr(text, ')') == close;
    bool plain = !strpbrk(text, "+-*/<>=&|?"); /* operands are arguments by themselves */
    if (call && plain) return (OpShape){P_ASSIGN, P_ASSIGN, P_PRIMARY};
    if (call) return (OpShape){P_PRIMARY, P_PRIMARY, P_PRIMARY};
    return (OpShape){P_PRIMARY, P_PRIMARY, P_ASSIGN};
}
