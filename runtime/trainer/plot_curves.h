/* plot_curves.h - what a run did, as curves over its epochs. */
#ifndef DL_PLOT_CURVES_H
#define DL_PLOT_CURVES_H

#include "history.h"

/* Losses in one panel, metrics below, the learning rate where it changes. `title`: whose run. */
bool dl_plot_curves(const char *path, const char *title, const DlHistory *h, DlError *e);

/* The curves of a run that goes on, drawn after each epoch, unless the last drawing was so dear
 * that drawing would take more than one part in PLOT_SHARE of the time; and once more at the end.
 */
typedef struct DlCurves {
    const char *path, *title; /* path NULL: none are wanted */
    double before;            /* no drawing before this time of the clock */
    int64_t drawn;            /* rows of the last drawing */
} DlCurves;

enum { PLOT_SHARE = 50 };

bool dl_curves_open(DlCurves *c, const char *path, const char *title, DlError *e);
/* last: whatever it costs. False, with a message; then no more are drawn. */
bool dl_curves_draw(DlCurves *c, const DlHistory *h, bool last, DlError *e);

/* command_plot.c: the curves of a log, as `program plot`; an exit code. */
int dl_plot_log(const char *program, const char *log, const char *picture);

#endif
