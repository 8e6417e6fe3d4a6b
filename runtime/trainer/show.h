/* show.h - predictions for people: values or class names, small pictures, confusions. */
#ifndef DL_SHOW_H
#define DL_SHOW_H

#include "trainer.h"

typedef struct DlClasses {
    int n;
    const char *const *name;
} DlClasses;

/* Room for the outputs of `rows` rows; freed with dl_outputs_free. */
void **dl_outputs_new(const dl_model *m, int64_t rows, DlError *e);
void dl_outputs_free(const dl_model *m, void **output);
void **dl_entry_outputs_new(const dl_entry *entry, int64_t rows, DlError *e);
void dl_entry_outputs_free(const dl_entry *entry, void **output);

/* One line a row on standard output, or one object a row. */
void dl_show_outputs(
        FILE *f, const dl_model *m, void *const *output, int64_t rows, DlClasses c, bool json);
/* The first `count` rows with what was predicted for them, and the confusion matrix; for a
 * model that is no classifier, its outputs beside its targets. */
void dl_show_split(
        FILE *f, const dl_model *m, void *const *output, const DlSplit *s, DlClasses c, int count);

#endif
