/* labels.h - what files are called says what they are: labels from names and folders, as classes
 * numbered in the order of their names. */
#ifndef DL_LABELS_H
#define DL_LABELS_H

#include "reader.h"

/* Whether a path fits a pattern (fnmatch); one without '/' is held against the path's last part. */
bool dl_file_fits(const char *pattern, const char *path);

/* The label of a file, in the pool: what stands for {label} in the pattern, "{label}_*.wav";
 * without a pattern, the name of the folder that the file lies in. NULL, with a message that begins
 * with `from`, the folder or archive that the path is of. */
const char *dl_label_of(DlReading *r, const char *from, const char *path, const char *pattern);

/* The classes' numbers of n labels, and the classes into the data: all different labels in the
 * order of their names, or the classes that came with the weights. `path` is for the message about
 * a label that is none of these. */
bool dl_label_classes(DlReading *r, const char *from, int64_t n, const char *const *path,
        const char *const *label, int32_t *number);

#endif
