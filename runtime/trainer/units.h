/* units.h - a standardised target in its own units again: predictions of it, and how far they are
 * off. What was subtracted and divided by is in the metadata, `scale.TARGET`. */
#ifndef DL_UNITS_H
#define DL_UNITS_H

#include "reader.h"

/* Predictions of standardised targets become those of the targets themselves. An output predicts
 * such a target if a row of it has as many reals; several predict several in their order. Outputs
 * that leave it open which predicts what stay as they are. */
void dl_units_restore(const dl_model *m, const DlMeta *meta, int64_t rows, void *const *output);
/* How far the predictions of the split are from these targets, in a line each (a pair in an object
 * for JSON, after a comma). Nothing where no target is standardised. */
bool dl_units_print(FILE *f, const DlSession *s, const DlSplit *split, const DlMeta *meta,
        bool json, DlError *e);

#endif
