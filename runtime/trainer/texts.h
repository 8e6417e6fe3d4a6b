/* texts.h - labelled texts: a table with a column of them, or a folder for each class.
 *
 * texts.c finds and reads them; data_text.c makes indices of them. */
#ifndef DL_TEXTS_H
#define DL_TEXTS_H

#include "table.h"

typedef struct DlText {
    const char *at;
    size_t length;
} DlText;

typedef struct DlTexts {
    int64_t n;
    DlText *text;  /* in the pool */
    double *label; /* or NULL */
    const char *from; /* of the first, for messages */
    bool *tests;      /* [n]: whether it is in a folder `test`; NULL: nothing says */
} DlTexts;

/* How a table of texts is written. */
typedef struct DlTextTable {
    const char *text, *label; /* columns; NULL: as they look */
    DlTableFormat format;
    bool labelled; /* labels are wanted */
} DlTextTable;

/* All rows of a table; those without a label are left out. The columns are kept in the metadata,
 * `text` and `label`. */
bool dl_texts_of_table(DlReading *r, const char *path, const DlTextTable *how, DlTexts *out);
/* The files CLASS/... .txt of a folder or an archive, below `train` and `test` where there are
 * these; with `classes`, only files of the classes that it names. */
bool dl_texts_of_files(
        DlReading *r, const char *path, const char *classes, bool labelled, DlTexts *out);
/* The lines of a file, each a text; an empty last line is none. */
bool dl_texts_of_lines(DlReading *r, const char *path, DlTexts *out);

#endif
