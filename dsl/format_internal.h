/* format_internal.h - what the files of the formatter share.
 *
 *     text -format_pieces.c-> pieces -format_anchors.c-> pieces -format.c-> text
 *
 * A piece is a token with the comments before it. Lines end where their author ended them;
 * blanks, indentation and aligned columns are the formatter's, and so are the ends of lines that
 * would be too long. */
#ifndef DLC_FORMAT_INTERNAL_H
#define DLC_FORMAT_INTERNAL_H

#include "format.h"
#include "token.h"

enum { FORMAT_WIDTH = 100, FORMAT_INDENT = 4 };

typedef struct Comment {
    const char *text;
    int length;
    bool own_line;             /* not behind code */
    bool blank_before;
} Comment;

typedef struct Piece {
    int kind;                  /* of the token; END is the last piece */
    const char *text;
    int length;
    uint32_t start;            /* its place in the source */
    int source_column;
    Vec(Comment) comment;      /* between the piece before and this one */
    bool line, blank;          /* a line begins here; after a blank one */
    bool authored;             /* the author began that line */
    bool parted;               /* a separator stands before it */
    bool closes_fold;          /* the ) of a fold's binders */
    int match;                 /* of a bracket: the other one; else -1 */
    int statement;             /* the first piece of its statement */
    int open;                  /* the innermost ( or [ around it, or -1 */
    int brackets;              /* how many of these are around it */
    int block;                 /* the innermost { around it, or -1 */
    int blocks;
    int anchor, extra;         /* where a line that begins here stands: so far right of that
                                * piece; -1: by its statement alone */
    int pad;                   /* blanks more than one before it, for aligned columns */
    int column;                /* where it came to stand */
} Piece;

typedef struct Format {
    Arena *arena;
    Vec(Piece) piece;
} Format;

/* format_pieces.c: tokens and comments of a text without errors. */
void format_pieces(Format *f, const Source *src);
bool format_is_flat(const Format *f, int open);    /* a { } that its author wrote in one line */
int format_gap(const Format *f, int i);            /* blanks before piece i within a line */

/* format_anchors.c: where the parts of expressions go that begin a line. */
void format_anchors(Format *f, const Ast *program);

#endif
