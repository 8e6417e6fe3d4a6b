/* csv.h - a CSV file as a table of texts: what csv.c reads and data_csv.c makes arrays of. */
#ifndef DL_CSV_H
#define DL_CSV_H

#include "reader.h"

typedef struct CsvTable {
    const char *path;
    int64_t rows;
    int columns;
    char **name;   /* [columns]; made up ("1", "2", ...) when there is no header */
    bool named;    /* the file has a header */
    char **cell;   /* [rows][columns], NUL-terminated, quotes undone */
    int64_t *line; /* [rows]: where a record begins */
    int nclass;    /* scikit-learn's first line names the classes */
    char **class_name;
} CsvTable;

/* header: 1 there is one, 0 there is none, -1 as it looks. */
bool dl_csv_read(DlPool *p, const char *path, int header, CsvTable *t, DlError *e);
bool dl_csv_number(const char *text, double *v);
int dl_csv_column(const CsvTable *t, const char *name); /* -1: there is none */
bool dl_csv_no_column(const CsvTable *t, const char *name, DlError *e); /* says so: false */
/* A column of numbers, every `stride`-th of `at`; false, with a message, where a cell is none. */
bool dl_csv_numbers(const CsvTable *t, int column, double *at, int64_t stride, DlError *e);

#endif
