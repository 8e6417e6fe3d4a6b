/* prepare.h - how the columns of a table become a model's arrays: what each array takes of which
 * column, and what is learnt for it from the training rows.
 *
 * A column of numbers is a number a row (or a vector, of JSON), filled where it is missing and, if
 * asked for, standardised. A column of texts, or one that is listed under `categories`, has a
 * category a row: as an index, or as one place of several that is 1 (one-hot) where a real vector
 * takes it. Categories are those of the training rows, in order; what is not one of them is the
 * index behind the last, or no place at all.
 *
 * prepare.c makes a plan, prepare_learn.c learns, prepare_meta.c keeps a plan with the weights and
 * takes it from there, prepare_fill.c applies it. */
#ifndef DL_PREPARE_H
#define DL_PREPARE_H

#include "table.h"

/* What is done with a row: also with respect to what may be learnt from it. */
typedef enum DlRole { ROW_TRAINS, ROW_VALIDATES, ROW_TESTS, ROW_LEFT_OUT } DlRole;

typedef enum DlMissing {
    MISSING_MEDIAN, /* of texts: a category of its own, without a name */
    MISSING_MEAN,   /* the same */
    MISSING_MOST_FREQUENT,
    MISSING_DROP,
    MISSING_REFUSE
} DlMissing;

/* A column, as an array takes it. */
typedef struct DlFeature {
    const char *column;
    int at; /* its place in the table at hand */
    int64_t width, places; /* numbers of a cell; elements of the array's row */
    bool is_category, numeric, one_hot; /* numeric: the categories are numbers */
    bool standardized;
    bool keeps_missing; /* a missing value has nothing to stand for it */
    double *fill, *mean, *deviation; /* [width]: of numbers */
    int64_t n;                       /* categories, rising: */
    const char **text;               /* [n], or */
    double *value;                   /* [n] */
    int64_t missing;                 /* the index of a missing value; n: as one not seen */
    int64_t filled;                  /* values that were missing */
} DlFeature;

/* An input's or a target's columns. */
typedef struct DlPlan {
    const dl_tensor *tensor;
    bool target;
    int n;
    DlFeature *feature;
    int64_t places;
} DlPlan;

typedef struct DlPreparation {
    DlReading *reading;
    DlTable *table;
    int nplan;
    DlPlan *plan;        /* the inputs, then the targets */
    unsigned char *role; /* of each row of the table */
    int64_t count[ROW_LEFT_OUT + 1];
    DlMissing missing;
    bool given; /* a user's rows: none is left out, targets are not read */
} DlPreparation;

/* The names of a list: divided by commas, or by blanks where there is no comma; in the pool. */
char **dl_names(DlReading *r, const char *list, int *n);
/* Whether a name is one of the list's, or matches one with `*`. */
bool dl_names_have(char *const *name, int n, const char *sought);

bool dl_plan_choose(DlPreparation *p); /* by the arguments of the `data` line and the model */
bool dl_plan_load(DlPreparation *p);   /* as it was stored */
bool dl_plan_store(const DlPreparation *p);
/* Loads the columns of the plan, and says which rows train, test, or are left out. */
bool dl_plan_read(DlPreparation *p, double test);
bool dl_plan_learn(DlPreparation *p);
/* Whether arrays have as many elements as the model wants; the message lists the columns. */
bool dl_plan_check(const DlPreparation *p);
/* Makes the arrays of the rows with the roles `first` to `last`. */
bool dl_plan_fill(DlPreparation *p, DlRole first, DlRole last, DlSplit *out);
bool dl_plan_note(const DlPreparation *p); /* says what was filled and left out */

/* The word for a number as a category: whole numbers without a point. */
void dl_category_text(double v, char *text, size_t size);

#endif
