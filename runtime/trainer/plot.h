/* plot.h - plots, drawn by gnuplot: one style for all of them, and the few kinds that more than
 * one command needs.
 *
 * A plot is a text of commands for gnuplot, written with fprintf to `script` between dl_plot_begin
 * and dl_plot_end. Names that come from elsewhere go into it by dl_plot_text and no other way.
 * Line styles 1 to 8 are colours that colour-blind people tell apart (Okabe and Ito's). */
#ifndef DL_PLOT_H
#define DL_PLOT_H

#include "drawing.h"

typedef struct DlPlot {
    FILE *script;
    char *text; /* what the script is, once it is closed */
    size_t size;
    const char *path, *kind;
    int width, height; /* of the picture, in pixels */
} DlPlot;

/* Of a file that ends with .png or .svg. */
bool dl_plot_begin(DlPlot *p, const char *path, int width, int height, DlError *e);
/* Draws, and frees everything; also after an error. */
bool dl_plot_end(DlPlot *p, DlError *e);
/* Frees everything and draws nothing: for errors between the two. */
void dl_plot_drop(DlPlot *p);

/* The text as gnuplot quotes texts, at most `most` characters of it (0: all). */
void dl_plot_text(FILE *script, const char *text, size_t most);

/* Values with error bars, or without (error NULL), each a bar to the right from its name, the
 * first on top. */
typedef struct DlBars {
    const char *title, *axis; /* what the values are, with their unit */
    int n;
    const char *const *name;
    const double *value, *error; /* error: half the length of the bar, in the unit of the values */
    const char *const *note;     /* written behind each bar; NULL: its value */
    const int *style;            /* of each, from 1 on; NULL: all 1 */
} DlBars;

bool dl_plot_bars(const char *path, const DlBars *b, DlError *e);

#endif
