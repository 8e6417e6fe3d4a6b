/* emit_text.h - what printers of C share: text that grows, precedences, and how an
 * operator's text from ops.def takes its operands. */
#ifndef DLC_EMIT_TEXT_H
#define DLC_EMIT_TEXT_H

#include "../dsl/base.h"

typedef struct Text {
    Arena *arena;
    char *at;                 /* NUL-terminated once anything was printed */
    size_t n, cap;
} Text;

void text_add(Text *t, const char *text);
void text_char(Text *t, char c);
void text_int(Text *t, int64_t v);
void text_printf(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* C's precedences; more binds tighter. */
enum {
    P_ASSIGN = 2, P_COND, P_LOR, P_LAND, P_BOR, P_BXOR, P_BAND, P_EQ, P_REL, P_SHIFT, P_ADD,
    P_MUL, P_UNARY, P_POSTFIX, P_PRIMARY
};

/* Least precedences of operands beside which no parentheses are needed, and the result's. */
typedef struct OpShape { int left, right, result; } OpShape;
OpShape op_shape(const char *text);

bool is_word(char c);         /* part of an identifier or number */

#endif
