/* explain.h - inside `explain`: which elements of the inputs mattered to an output.
 *
 *   explain.c          calls of the entry `explain` (compiler/explain.h), and the methods on rows
 *   permute.c          permutation importance, over many rows
 *   explain_parts.c    what an element is called: words, columns; which picture it is part of
 *   explain_print.c    explanations for people and as JSON
 *   explain_picture.c, explain_lists.c  the same as pictures
 *   command_explain.c  the command
 *
 * Words: a PART is an input that is explained. An ATTRIBUTION is a number for each element of a
 * part: what it has added to the score, or (saliency) how strongly the score depends on it. The
 * SCORE is the element of the output that is explained, or what --class makes of it. */
#ifndef DL_EXPLAIN_H
#define DL_EXPLAIN_H

#include "job.h"
#include "show.h"

typedef enum { DL_SALIENCY, DL_INTEGRATED, DL_OCCLUSION, DL_PERMUTATION } DlMethod;

enum { DL_PARTS = 128 };

typedef struct DlPart {
    const char *name;
    const dl_tensor *tensor;   /* of the table's inputs */
    int input;                 /* the table's */
    int baseline, presence;    /* the entry's inputs */
    int attribution, gradient; /* its outputs; gradient -1: elements are no numbers to the model */
    size_t elements;           /* of a row */
    int64_t height, width, depth; /* of a row as a picture; of a list height is 1 */
    unsigned char *base;          /* the baseline, one row in the tensor's type */
    const char **text;            /* of the vocabulary: what index i means; NULL: nothing known */
    int64_t texts;
    const char **column; /* of each element; NULL: they have no names */
} DlPart;

typedef struct DlExplainer {
    const DlSession *session;
    const dl_entry *entry;
    DlError *error;
    DlPool *pool;
    int n;
    DlPart part[DL_PARTS];
    int weight;      /* the entry's input */
    size_t outputs;  /* elements of a row of `value` */
    int64_t classes; /* of its last axis */
    int64_t rows;    /* most in a call */
    DlBatch given;   /* of the table's inputs, the same row in all places */
    int64_t *order;  /* of that row */
    const void **in;
    void **out;
} DlExplainer;

/* Of one row. */
typedef struct DlExplained {
    int64_t row;
    int class;                    /* of the output's last axis */
    double sign;                  /* score = sign * value, or 1 - value where it is -1 */
    double score, absent;         /* with everything there, and with nothing */
    double sum;                   /* of attributions that should be score - absent */
    float *attribution[DL_PARTS]; /* in the explainer's pool */
} DlExplained;

bool dl_explainer_open(DlExplainer *x, const DlSession *s, DlPool *pool, DlError *e);
void dl_explainer_close(DlExplainer *x);
/* All parts begin with 0, or with the number or the row of a .npy file that --baseline names. */
bool dl_explainer_baseline(DlExplainer *x, const char *said);
/* class: an index of the output's last axis, or -1 for the largest; sign -1 explains what the
 * score of a single output lacks to 1. */
bool dl_explain_row(DlExplainer *x, DlMethod method, const DlSplit *s, int64_t row,
        const struct DlExplanation *how, int class, double sign, DlExplained *out);

/* ---- explain_parts.c --------------------------------------------------------------------- */

/* What elements are called, from what came with the weights. */
bool dl_parts_name(DlExplainer *x, const DlMeta *stored);
/* "film", "(padding)", "median income": of an element of a given row. */
const char *dl_part_text(
        const DlPart *p, const DlSplit *s, int64_t row, size_t element, char *text, size_t size);
/* Padding that changes nothing is not. */
bool dl_part_is_shown(const DlPart *p, const DlSplit *s, int64_t row, size_t element, float v);
bool dl_part_is_picture(const DlPart *p); /* rather than a list */
/* The largest size of what elements were given, 1 when all are 0: what colours and bars are a share
 * of. */
double dl_part_most(const float *v, size_t n);
/* One number for each place of a picture: of saliency the largest of its channels, of occlusion
 * any, of attributions their sum. */
void dl_part_heat(const DlPart *p, DlMethod method, const float *attribution, float *heat);
/* Of a list, its places by the size of what they are given. `order` has room for all. */
void dl_part_order(const DlPart *p, const float *attribution, int64_t *order);

/* ---- explain_print.c, explain_picture.c ----------------------------------------------------- */

typedef struct DlReport {
    const DlExplainer *explainer;
    DlMethod method;
    const DlSplit *split;
    DlClasses classes;
    int64_t rows;
    const DlExplained *row;
} DlReport;

void dl_explain_print(const DlReport *r, int64_t row, bool json);
/* A line for a person: "row 3: cat 0.93". */
void dl_explain_title(const DlReport *r, int64_t row, char *text, size_t size);
/* Of the first input that is a picture; else of words, or of the columns of one row. */
bool dl_explain_picture(const DlReport *r, const char *path, DlError *e);
bool dl_explain_lists(const DlReport *r, const char *path, DlError *e);

/* ---- permute.c ------------------------------------------------------------------------------- */

/* What a metric loses when one column (or one whole input that is no list of columns) comes from
 * other rows. */
typedef struct DlFeature {
    const char *name;
    int input;               /* the table's */
    int64_t column, columns; /* elements of a row; -1: all of it */
    double mean, deviation;  /* over the repeats: of the change, and its standard deviation */
} DlFeature;

typedef struct DlPermutation {
    const char *metric;
    double before;
    int64_t rows;
    int repeats, n;
    DlFeature *feature; /* the largest change first */
} DlPermutation;

bool dl_permute(Job *j, const DlSplit *s, const struct DlExplanation *how, DlPermutation *out);
void dl_permutation_print(const DlPermutation *p, bool json);
bool dl_permutation_picture(const DlPermutation *p, const char *path, DlError *e);

#endif
