/* format_pieces.c - a text as pieces: its tokens, each with the comments before it, the brackets
 * around it, and whether a line of the text begins there. Requires a text that parses. */
#include <string.h>

#include "format_internal.h"

/* ---- comments ---------------------------------------------------------------------------- */

static int trimmed(const char *text, int n) {
    while (n > 0 && strchr(" \t\r\f", text[n - 1])) n--;
    return n;
}

/* Reads what stands between two tokens: blanks, ends of lines, comments, `;`. */
static void take_gap(Format *f, Piece *p, const char *text, size_t n) {
    int lines = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') lines++;
        if (text[i] != '/') continue;
        const char *end = memchr(text + i, '\n', n - i);
        size_t length = end ? (size_t)(end - text) - i : n - i;
        bool own = lines > 0 || f->piece.n == 0;
        Comment c = {text + i, trimmed(text + i, (int)length), own, lines > 1};
        vec_push(f->arena, &p->comment, c);
        i += length - 1;
        lines = 0;
    }
    p->line = p->authored = lines > 0 || p->comment.n > 0;
    p->blank = lines > 1;
}

/* ---- brackets and statements ------------------------------------------------------------- */

/* What is open at a place; of each { the statement that it belongs to. */
typedef struct Nest {
    int open, brackets, block, blocks, statement;
} Nest;

static bool is_open(int kind) { return kind == '(' || kind == '[' || kind == '{'; }
static bool is_close(int kind) { return kind == ')' || kind == ']' || kind == '}'; }

static Nest inside_of(const Nest *around, int i, int kind) {
    Nest n = *around;
    if (kind == '{') {
        n = (Nest){.open = -1, .block = i, .blocks = around->blocks + 1, .statement = i + 1};
    } else {
        n.open = i;
        n.brackets++;
    }
    return n;
}

static int column_in(const Source *src, uint32_t place) {
    uint32_t from = place;
    while (from > 0 && src->text[from - 1] != '\n') from--;
    return (int)(place - from);
}

static void take_token(Format *f, const Token *t, Nest *now, bool parted) {
    int i = f->piece.n;
    if (parted) now->statement = i;
    Piece p = {.kind = t->kind, .text = t->span.src->text + t->span.start,
            .length = (int)(t->span.end - t->span.start), .start = t->span.start,
            .source_column = column_in(t->span.src, t->span.start),
            .parted = parted, .match = -1, .statement = now->statement, .open = now->open,
            .brackets = now->brackets, .block = now->block, .blocks = now->blocks, .anchor = -1};
    uint32_t end = 0;
    if (i > 0) {
        const Piece *last = &f->piece.at[i - 1];
        end = last->start + (uint32_t)last->length;
    }
    take_gap(f, &p, t->span.src->text + end, t->span.start - end);
    vec_push(f->arena, &f->piece, p);
}

void format_pieces(Format *f, const Source *src) {
    Tokens raw = {0}, token = {0};
    lex(f->arena, src, &raw);
    layout(f->arena, &raw, &token);
    Vec(Nest) nest = {0};
    Vec(int) open = {0};
    Nest now = {.open = -1, .block = -1};
    bool parted = true;
    for (int k = 0; k < token.n; k++) {
        const Token *t = &token.at[k];
        if (t->kind == SEPARATOR) {
            parted = true;
            continue;
        }
        int i = f->piece.n;
        if (is_close(t->kind)) now = nest.at[--nest.n];
        take_token(f, t, &now, parted && t->kind != '}');
        parted = t->kind == '{';
        if (is_close(t->kind)) {
            int other = open.at[--open.n];
            f->piece.at[i].match = other;
            f->piece.at[other].match = i;
            f->piece.at[i].closes_fold = other > 0 && f->piece.at[other - 1].kind == FOLD;
        }
        if (!is_open(t->kind)) continue;
        vec_push(f->arena, &nest, now);
        vec_push(f->arena, &open, i);
        now = inside_of(&now, i, t->kind);
    }
}

bool format_is_flat(const Format *f, int open) {
    for (int i = open + 1; i <= f->piece.at[open].match; i++)
        if (f->piece.at[i].line) return false;
    return true;
}

/* ---- blanks within a line ---------------------------------------------------------------- */

/* Whether the piece ends an operand, so that what follows may be a call, an index or a minus
 * of two numbers. A fold's binders end none. */
static bool ends_operand(const Piece *p) { return token_ends_operand(p->kind) && !p->closes_fold; }

static bool is_sign(const Format *f, int i) {
    return f->piece.at[i].kind == '-' && (i == 0 || !ends_operand(&f->piece.at[i - 1]));
}

/* A colon parts a slice's ends in [ ], and names from values elsewhere. */
static bool parts_slice(const Format *f, const Piece *p) {
    return p->kind == ':' && p->open >= 0 && f->piece.at[p->open].kind == '[';
}

static bool is_tight(const Format *f, int i) {
    const Piece *p = &f->piece.at[i], *last = p - 1;
    switch (p->kind) {
    case ',': case ')': case ']': case '.': case DOTS: case ':': return true;
    case '(': case '[':
        if (last->kind == FOLD || ends_operand(last)) return true;
        break;
    default: break;
    }
    return last->kind == '(' || last->kind == '[' || last->kind == '.' || last->kind == DOTS ||
           parts_slice(f, last) || is_sign(f, i - 1);
}

int format_gap(const Format *f, int i) { return (is_tight(f, i) ? 0 : 1) + f->piece.at[i].pad; }
