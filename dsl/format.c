/* format.c - pieces become lines: which begin where, what is aligned, and where a line that is
 * too long is ended. Requires a text that parses; keeps the tree (verified) and all comments. */
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"

/* ---- where lines begin -------------------------------------------------------------------- */

/* Whether lines of comments stand between the piece before and this one. */
static bool is_commented(const Piece *p) {
    return p->comment.n > 0 && p->comment.at[p->comment.n - 1].own_line;
}

static bool in_flat_block(const Format *f, const Piece *p) {
    return p->block >= 0 && !f->piece.at[p->block + 1].line;
}

/* A block has all of its statements on lines of their own, or none; a chain is broken before
 * its |>, and an else follows its }. */
static void settle_lines(Format *f) {
    for (int i = 0; i < f->piece.n; i++) {
        Piece *p = &f->piece.at[i], *last = p - 1;
        bool block = p->kind == '{' && !format_is_flat(f, i);
        if (block) f->piece.at[i + 1].line = f->piece.at[p->match].line = true;
        if (i == 0) continue;
        if (p->parted && !in_flat_block(f, p)) p->line = true;
        if ((last->kind == '{' && !is_commented(p)) || p->kind == '}') p->blank = false;
        if (p->comment.n) continue;
        if (p->kind == ELSE && last->kind == '}') p->line = false;
        if (last->kind == PIPE && p->line) {
            p->line = false;
            last->line = true;
        }
    }
}

static void open_block(Format *f, int open) {
    for (int i = open + 1; i <= f->piece.at[open].match; i++) {
        Piece *p = &f->piece.at[i];
        if ((p->block == open && p->parted) || i == open + 1 || i == f->piece.at[open].match)
            p->line = true;
    }
}

/* ---- columns ------------------------------------------------------------------------------ */

/* The first piece of the line that piece i stands on. */
static int line_of(const Format *f, int i) {
    while (i > 0 && !f->piece.at[i].line) i--;
    return i;
}

/* No line of the formatter's own making begins further right. */
enum { DEEPEST = 60 };

/* A line stands where its anchor says, unless its author put it one indentation in from the line
 * of the anchor. */
static int column_by_anchor(const Format *f, const Piece *p) {
    const Piece *anchor = &f->piece.at[p->anchor], *line = &f->piece.at[line_of(f, p->anchor)];
    int column = anchor->column + p->extra, hanging = line->column + FORMAT_INDENT;
    bool aligned = p->source_column == anchor->source_column + p->extra;
    bool hangs = p->source_column == line->source_column + FORMAT_INDENT && !aligned;
    return (p->authored ? hangs : column > DEEPEST) ? hanging : column;
}

static int column_of_line(const Format *f, int i) {
    const Piece *p = &f->piece.at[i];
    if (p->parted || p->kind == '}' || p->kind == END) return FORMAT_INDENT * p->blocks;
    if (p->kind == ')' || p->kind == ']') return f->piece.at[line_of(f, p->match)].column;
    if (p->anchor >= 0) return column_by_anchor(f, p);
    int around = p->open >= 0 ? line_of(f, p->open) : p->statement;
    return f->piece.at[around].column + FORMAT_INDENT;
}

/* Gives the pieces of the line that begins at i their columns; returns the next line's first. */
static int place_line(Format *f, int i) {
    Piece *p = &f->piece.at[i];
    p->column = column_of_line(f, i);
    int end = i + 1;
    for (; end < f->piece.n && !f->piece.at[end].line; end++) {
        const Piece *last = &f->piece.at[end - 1];
        bool parts = f->piece.at[end].parted && last->kind != '{';
        f->piece.at[end].column = last->column + last->length + format_gap(f, end) + parts;
    }
    return end;
}

static int right_of(const Piece *p) { return p->column + p->length; }

/* ---- ends of long lines ------------------------------------------------------------------- */

enum { NO_BREAK = 1000 };

static bool is_definition(const Format *f, const Piece *equals) {
    int kind = f->piece.at[equals->statement].kind;
    return equals->brackets == 0 && (kind == FN || kind == LAYER || kind == METRIC_DEFINITION ||
            kind == INITIALIZER);
}

/* How bad it is to begin a line at piece i: the more brackets are around, and the tighter the
 * operator is, the worse. */
static int badness(const Format *f, int i) {
    const Piece *p = &f->piece.at[i], *last = p - 1;
    int around = 10 * p->brackets;
    if (last->kind == '=') return p->brackets ? NO_BREAK : is_definition(f, last) ? 0 : 9;
    if (last->kind == ',')
        return around - 3 + (p->open >= 0 && f->piece.at[p->open].kind == '[' ? 5 : 0);
    switch (p->kind) {
    case PIPE: return around + 1;
    case ELSE: case DEFAULT: return around + 2;
    case AND: case OR: return around + 3;
    case '+': return around + 5;
    case '-': return p->brackets && token_ends_operand(last->kind) ? around + 5 : NO_BREAK;
    case THEN: return around + 6;
    case '<': case '>': case EQUAL: case UNEQUAL: case LESS_EQUAL: case GREATER_EQUAL:
        return around + 7;
    case '*': case '/': case '%': case '@': case FLOOR_DIVIDE: return around + 8;
    default: return NO_BREAK;
    }
}

/* The piece before which the line from `begin` is ended: among the least bad the last that the
 * line has room for, or the first if there is room for none; 0: nowhere. */
static int best_break(const Format *f, int begin, int end) {
    int best = 0, least = NO_BREAK, any = 0;
    for (int i = begin + 1; i < end; i++) {
        int bad = badness(f, i);
        if (bad == NO_BREAK || column_of_line(f, i) >= f->piece.at[i].column) continue;
        if (!any) any = i;
        if (right_of(&f->piece.at[i - 1]) > FORMAT_WIDTH || bad > least) continue;
        best = i;
        least = bad;
    }
    return best ? best : any;
}

/* Ends the line that begins at i before it is too long; false: it stays as it is. */
static bool end_line(Format *f, int i, int end) {
    for (int k = i; k < end; k++)
        if (f->piece.at[k].kind == '{' && k + 1 < end) {
            open_block(f, k);
            return true;
        }
    int at = best_break(f, i, end);
    if (at) f->piece.at[at].line = true;
    return at > 0;
}

static void place(Format *f) {
    for (int i = 0; i < f->piece.n;) {
        int end = place_line(f, i);
        if (right_of(&f->piece.at[end - 1]) > FORMAT_WIDTH && end_line(f, i, end))
            end = place_line(f, i);
        else
            i = end;
    }
}

/* ---- aligned columns ---------------------------------------------------------------------- */

/* The piece after which a statement's columns are parted, and which neighbours share them. */
typedef enum { NO_COLUMNS, INTERFACE, SETTINGS, VALUES } Columns;

static Columns columns_of(const Format *f, int i) {
    const Piece *p = &f->piece.at[i];
    if (!p->parted || !p->line) return NO_COLUMNS;
    switch (p->kind) {
    case INPUT: case TARGET: case OUTPUT: case LOSS: case METRIC: return INTERFACE;
    case SETTING: return SETTINGS;
    case PARAM: case STATE: return VALUES;
    default: return NO_COLUMNS;
    }
}

/* Words longer than that stand out of their column. */
enum { LONGEST_WORD = 12 };

/* What is to be aligned in the statement that begins at i: the piece after its word, or its =;
 * 0: nothing. */
static int aligned_piece(const Format *f, int i, Columns c) {
    bool stands_out = f->piece.at[i].length > LONGEST_WORD || f->piece.at[i + 1].line;
    if (c != VALUES) return stands_out ? 0 : i + 1;
    for (int k = i + 1; k < f->piece.n && !f->piece.at[k].line && !f->piece.at[k].parted; k++)
        if (f->piece.at[k].kind == '=' && f->piece.at[k].brackets == 0) return k;
    return 0;
}

static int next_statement(const Format *f, int i) {
    int k = i + 1;
    while (f->piece.at[k].kind != END && f->piece.at[k].statement == i) k++;
    return k;
}

/* Of the pieces from i to `at`, as they stand in a line. */
static int width_before(const Format *f, int i, int at) {
    int width = 0;
    for (int k = i; k < at; k++) width += f->piece.at[k].length + format_gap(f, k + 1);
    return width;
}

/* Aligns the run of statements that begins at i; returns what follows it. A run is not
 * interrupted by a blank line or a comment; words that stand out of the column belong to it. */
static int align_run(Format *f, int i) {
    Columns c = columns_of(f, i);
    int widest = 0, end = i;
    do {
        int width = width_before(f, end, aligned_piece(f, end, c));
        if (width > widest) widest = width;
        end = next_statement(f, end);
    } while (columns_of(f, end) == c && !f->piece.at[end].blank &&
             !is_commented(&f->piece.at[end]));
    for (int k = i; k < end; k = next_statement(f, k)) {
        int at = aligned_piece(f, k, c);
        if (at) f->piece.at[at].pad = widest - width_before(f, k, at);
    }
    return end;
}

static void align_columns(Format *f) {
    for (int i = 0; i < f->piece.n - 1;) i = columns_of(f, i) ? align_run(f, i) : i + 1;
}

/* ---- the text ----------------------------------------------------------------------------- */

typedef struct Line {
    const char *code, *comment;        /* either may be empty */
    bool blank_before;
} Line;

typedef Vec(Line) Lines;

static const char *code_of(const Format *f, int i, int end) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) ICE((Span){0}, "no memory for a line");
    int at = 0;
    for (int k = i; k < end; k++) {
        const Piece *p = &f->piece.at[k];
        if (k > i && p->parted && p[-1].kind != '{') at += fprintf(out, ";");
        at += fprintf(out, "%*s%.*s", p->column - at, "", p->length, p->text);
    }
    fclose(out);
    const char *code = arena_printf(f->arena, "%s", text);
    free(text);
    return code;
}

/* Comments on lines of their own stand where the code after them does, or would. */
static void put_comments(Format *f, const Piece *p, Lines *lines) {
    int column = p->kind == '}' ? FORMAT_INDENT * (p->blocks + 1) : p->column;
    int before = lines->n;
    for (int k = 0; k < p->comment.n; k++) {
        const Comment *c = &p->comment.at[k];
        const char *text = arena_printf(f->arena, "%.*s", c->length, c->text);
        if (!c->own_line && lines->n) {
            lines->at[lines->n - 1].comment = text;
            continue;
        }
        bool first = lines->n == 0 || (p > f->piece.at && p[-1].kind == '{' && lines->n == before);
        Line l = {arena_printf(f->arena, "%*s%s", column, "", text), "",
                c->blank_before && !first};
        vec_push(f->arena, lines, l);
    }
}

static void put_lines(Format *f, Lines *lines) {
    for (int i = 0; i < f->piece.n - 1;) {
        const Piece *p = &f->piece.at[i];
        int end = i + 1;
        while (end < f->piece.n && !f->piece.at[end].line && f->piece.at[end].kind != END) end++;
        put_comments(f, p, lines);
        Line l = {code_of(f, i, end), "", p->blank && lines->n > 0};
        vec_push(f->arena, lines, l);
        i = end;
    }
    put_comments(f, &f->piece.at[f->piece.n - 1], lines);
}

/* Comments behind the code of neighbouring lines begin in one column. */
static int comment_column(const Lines *lines, int i) {
    int column = 0, first = i;
    while (first > 0 && lines->at[first - 1].comment[0] && !lines->at[first].blank_before) first--;
    for (int k = first; k < lines->n && lines->at[k].comment[0]; k++) {
        int n = (int)strlen(lines->at[k].code) + 2;
        if (k > first && lines->at[k].blank_before) break;
        if (n > column) column = n;
    }
    return column;
}

static char *print_lines(const Lines *lines, size_t *length) {
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    if (!out) ICE((Span){0}, "no memory for the text");
    for (int i = 0; i < lines->n; i++) {
        const Line *l = &lines->at[i];
        if (l->blank_before) fputc('\n', out);
        if (l->comment[0]) fprintf(out, "%-*s%s\n", comment_column(lines, i), l->code, l->comment);
        else fprintf(out, "%s\n", l->code);
    }
    fclose(out);
    return text;
}

static char *printed(const Ast *program) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) ICE((Span){0}, "no memory for the tree");
    ast_print(out, program);
    fclose(out);
    return text;
}

/* The text has changed; the program must not have. */
static void verify(Arena *a, const Source *src, const Ast *before, const char *text, size_t n) {
    const Ast *after = ast_parse(a, source_from_text(a, src->path, text, n));
    char *was = printed(before), *is = printed(after);
    if (diag_errors() || strcmp(was, is) != 0)
        ICE((Span){0}, "%s: the formatted program would be another; nothing was written",
                src->path);
    free(was);
    free(is);
}

char *format_program(Arena *a, const Source *src, size_t *length) {
    const Ast *program = ast_parse(a, src);
    if (diag_errors()) return NULL;
    Format f = {.arena = a};
    Lines lines = {0};
    format_pieces(&f, src);
    format_anchors(&f, program);
    settle_lines(&f);
    align_columns(&f);
    place(&f);
    put_lines(&f, &lines);
    char *text = print_lines(&lines, length);
    verify(a, src, program, text, *length);
    char *kept = arena_copy(a, text, *length + 1);
    free(text);
    return kept;
}
