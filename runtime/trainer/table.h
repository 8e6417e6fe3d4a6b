/* table.h - a file of records as columns of numbers or of texts: CSV (csv.c) or JSON lines
 * (jsonl.c), known apart by the first byte.
 *
 * Reading is two passes over the file's bytes. dl_table_open goes through all records and knows
 * then how many there are and what each column holds; the caller says which columns it wants, and
 * as what; dl_table_load reads these. Nothing is kept of the others.
 *
 * A cell is a number, a text, a vector of numbers (JSON only) or missing: empty, or one of the words
 * for nothing known (NA, NaN, null, None, ?, ...). */
#ifndef DL_TABLE_H
#define DL_TABLE_H

#include "dictionary.h"

/* How the file is written; zero: as it looks. */
typedef struct DlTableFormat {
    int header;          /* 1: the first record names the columns; -1: not, unless: */
    const char *expects; /* names (separated by newlines) of which a header has at least one */
    char separator;      /* of CSV: a comma, tab, semicolon, bar or blank (then runs of them) */
    int quotes;          /* 1: fields may be quoted, -1: quotes are letters; 0: unless tabs divide */
    bool json;           /* it must be JSON lines */
    bool overlong;       /* fields behind the last column are no mistake, and not read */
} DlTableFormat;

typedef struct DlColumn {
    const char *name;       /* made up ("1", "2", ...) when there is no header */
    int64_t numbers, texts; /* cells of each kind; a vector of numbers is one number */
    int64_t letters;        /* bytes of its texts */
    int64_t width;          /* numbers in a cell; more than 1 in a column of vectors */
    bool wanted, as_text;   /* by the caller: to be loaded; as texts */
    double *number;         /* [rows][width], NaN where missing; NULL when not loaded so */
    int32_t *code;          /* [rows]: which text of the dictionary, -1 where missing; or NULL */
    DlDictionary text;
} DlColumn;

typedef struct DlCell {
    int column;
    const char *text; /* `length` bytes, no NUL behind them; NULL: it is a number or a vector */
    size_t length;
    double number;
    const double *vector; /* [width], or NULL */
    int64_t width;
} DlCell;

typedef struct DlTable DlTable;
/* Sees each cell, and where its record begins; false, with a message, ends the scan. */
typedef bool DlVisit(void *context, int64_t row, int64_t line, const DlCell *cell, DlError *e);

struct DlTable {
    DlPool *pool;
    const char *path;
    DlBytes bytes;
    DlTableFormat format;
    size_t begin; /* where the records begin, behind the header */
    int64_t begin_line;
    int64_t rows;
    bool named; /* the columns have names of the file's own */
    int columns, capacity;
    DlColumn *column;
    int nclass; /* scikit-learn's first line names the classes */
    const char **class_name, *announced; /* and the number of records */
    bool (*scan)(DlTable *t, DlVisit *visit, void *context, DlError *e); /* all records in order */
};

bool dl_table_open(DlPool *p, const char *path, const DlTableFormat *f, DlTable *t, DlError *e);
bool dl_table_load(DlTable *t, DlError *e);
/* Frees what was loaded, and the file's bytes. */
void dl_table_drop(DlTable *t);

/* Whether a column is one of numbers: at most a tenth of its cells are texts, which are then
 * mistakes. */
bool dl_column_is_numeric(const DlColumn *c);
/* The column of that name; else the only one whose name is that but for case and the characters that
 * a name in a model cannot have (_ stands for them); -1: there is none. */
int dl_table_column(const DlTable *t, const char *name);
bool dl_table_no_column(const DlTable *t, const char *name, DlError *e); /* says so: false */
int64_t dl_table_line(DlTable *t, int64_t row); /* where a record begins */
bool dl_cell_is_missing(const char *text, size_t n);

/* ---- for csv.c and jsonl.c ------------------------------------------------------------------- */

/* Adds a column; its place, or -1 after a message. */
int dl_table_add_column(DlTable *t, const char *name, size_t length, DlError *e);
/* Set scan, begin, names and columns. */
bool dl_csv_open(DlTable *t, DlError *e);
bool dl_jsonl_open(DlTable *t, DlError *e);
/* What only the whole file shows to be wrong with what dl_csv_open found. */
bool dl_csv_check(const DlTable *t, DlError *e);

#endif
