/* line.h - a line of progress, made of pieces that two blanks part: as wide as there is room.
 * Columns are counted, not bytes. */
#ifndef DL_LINE_H
#define DL_LINE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct DlLine {
    char text[2048];
    size_t n;
    int shown, width; /* columns taken; columns there are, 0: without end */
    int indent;       /* what does not fit goes into the next line, so far in; 0: is left out */
    bool full;        /* something was left out, and so is all after it */
} DlLine;

/* Adds a piece; its text takes `columns` of them. */
void dl_line_put(DlLine *l, const char *text, int columns);
void dl_line_text(DlLine *l, const char *text);
void dl_line_number(DlLine *l, const char *name, double v);
/* "12,345 samples/s" */
void dl_line_count(DlLine *l, double v, const char *unit);
/* "1 min 05 s" and what stands around it */
void dl_line_duration(DlLine *l, const char *before, double seconds, const char *behind);

#endif
