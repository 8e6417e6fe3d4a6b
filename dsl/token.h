/* token.h - what lexer, layout, grammar and its messages share; nobody else needs it.
 *
 *     text -lex.l-> raw tokens -layout.c-> tokens -parse.y-> tree
 *
 * The raw tokens are words, numbers and signs. The layout turns them into what the grammar
 * reads: it matches brackets and mends what is missing, ends statements, and tells words
 * that are keywords here from names. Both lists end with END (0). */
#ifndef DLC_TOKEN_H
#define DLC_TOKEN_H

#include "ast.h"
#include "parse.tab.h"

typedef struct Token {
    int kind;                  /* a token of parse.y, or a character */
    bool first;                /* of its line */
    YYSTYPE value;
    Span span;
} Token;

typedef Vec(Token) Tokens;

struct Parser {
    Arena *arena;
    const Source *src;
    Tokens token;              /* what the grammar reads */
    int at;                    /* the next of them */
    int taken;                 /* the last that the grammar asked for: its lookahead */
    Ast *program;
};

/* The words of the language, by words.def. */
typedef enum { NOT_A_WORD, RESERVED, STATEMENT, SCALAR, HEADER, LOCAL } WordUse;
typedef struct Word { int token; const char *text; WordUse use; } Word;
extern const Word words[];
extern const int word_count;
const Word *find_word(const char *text);      /* NULL: a name like any other */

enum { MAX_NESTING = 1000 };                  /* brackets, and levels of an expression */

/* lex.l */
void lex(Arena *a, const Source *src, Tokens *raw);
/* layout.c: false after an error that leaves nothing to parse. */
bool layout(Arena *a, const Tokens *raw, Tokens *out);
bool token_ends_operand(int kind);
bool token_starts_operand(int kind);
bool token_is_infix(int kind);
/* syntax.c: the message for a token that the grammar does not take. */
void syntax_error(Parser *p, Span at, const char *const *expected, int nexpected);

#endif
