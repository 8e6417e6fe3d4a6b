/* plot_classes.h - pictures of what a classifier makes of rows with known classes. */
#ifndef DL_PLOT_CLASSES_H
#define DL_PLOT_CLASSES_H

#include "classify.h"

enum { CALIBRATION_BINS = 15 }; /* as Guo et al., On Calibration of Modern Neural Networks (2017) */

/* Confidence is the probability of the class that is predicted; a bin has the rows whose
 * confidence lies in the same 15th of [0, 1]. */
typedef struct DlCalibration {
    int64_t rows[CALIBRATION_BINS];
    double right[CALIBRATION_BINS], sure[CALIBRATION_BINS]; /* means over the bin's rows */
    double error; /* expected calibration error: of |right - sure|, the mean over all rows */
} DlCalibration;

void dl_calibration(const DlClassifier *k, DlCalibration *c);

/* A row a true class, a column a predicted one; colours are shares of the row. `title`: of what
 * rows. */
bool dl_plot_confusion(const char *path, const char *title, const DlClassifier *k, DlError *e);
/* How often the model is right when it is so sure, and how often it is so sure. */
bool dl_plot_calibration(const char *path, const char *title, const DlClassifier *k, DlError *e);

#endif
