/* classify.h - what a classifier says of rows: a class, and how sure it is.
 *
 * A model is a classifier when its first output has as many elements a row as there are classes
 * (the largest wins), or one element for two classes (from 0.5 on, it is the second), and its first
 * target is one whole number a row. Where the data have no names for classes, the numbers are. */
#ifndef DL_CLASSIFY_H
#define DL_CLASSIFY_H

#include "show.h"

typedef struct DlClassifier {
    const dl_tensor *tensor; /* its output */
    const void *output;      /* of the split's rows */
    const DlSplit *split;
    int target; /* the array of the split */
    int64_t rows;
    DlClasses c;
} DlClassifier;

/* False: it is none, or a label of the split is no class. */
bool dl_classifier_open(
        DlClassifier *k, const dl_model *m, void *const *output, const DlSplit *s, DlClasses c);
/* Of one row. weight: the element of the output that won (of two classes with one element, how far
 * it is from the other). */
int dl_class_true(const DlClassifier *k, int64_t row);
int dl_class_predicted(const DlClassifier *k, int64_t row, double *weight);
/* The same of an output's row without a classifier: -1 when it gives no class. */
int dl_class_of(const dl_tensor *t, const void *at, int64_t row, DlClasses c, double *weight);
/* Whether weights are probabilities: the outputs of a row are none below 0 and add up to 1. */
bool dl_classifier_is_sure(const DlClassifier *k);
/* count[true * n + predicted], of all rows. */
void dl_class_confusions(const DlClassifier *k, int64_t *count);

/* The numbers from 0 on as names, for as many classes as the split's labels and the model's output
 * have; none when it is no classifier. In the pool. */
DlClasses dl_classes_numbered(const dl_model *m, const DlSplit *s, DlPool *pool, DlError *e);

#endif
