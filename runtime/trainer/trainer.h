/* trainer.h - trains, evaluates and predicts with any model that a dl_model table describes:
 * generated code linked into the program or loaded from a shared object, or the interpreter
 * behind the same table. The table is all that is known of a model.
 *
 * In: a table, a DlConfig (what the model's `train` block says), data files, options.
 * Out: weights in a safetensors file, metrics on standard output, progress on standard error.
 * Nothing here keeps global state. Functions that can fail return false (or NULL) and leave
 * one message in a DlError; only the command line (options.c, command.c) and progress.c print. */
#ifndef DL_TRAINER_H
#define DL_TRAINER_H

#include <stdbool.h>
#include <stdio.h>

#include "../dl_file.h"
#include "control.h"

/* ---- messages (error.c) ------------------------------------------------------------- */

typedef struct DlError {
    char text[4096];
} DlError;

/* Keeps the message, unless there is one. dl_fail is false, so that a check is one line. */
void dl_error(DlError *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define dl_fail(...) (dl_error(__VA_ARGS__), false)

/* ---- what the model file says (filled by the compiler) ------------------------------ */

/* One argument of the `data` line: imdb("reviews", words: 200) has {NULL, "reviews"} and
 * {"words", "200"}. Numbers stay as written. */
typedef struct DlArg {
    const char *name, *text;
} DlArg;

/* Called when the loss of a batch is not finite: appends to `text` which tensor is the
 * first that is not, with its source line. `data` are the batch's arrays. */
typedef void DlExplain(void *context, const dl_model *table, const void *model, void *work,
        int64_t n, const void *const *data, char *text, size_t size);

typedef struct DlReader DlReader; /* reader.h */
extern const DlReader *const dl_all_readers[];

typedef struct DlConfig {
    const DlReader *const *readers; /* those that the program has, and NULL */
    const char *reader; /* NULL: the program has no `data` line */
    int narg;
    const DlArg *arg;
    int epochs;
    bool keep_order;       /* `shuffle false` */
    const char *directory; /* of the model file, where data are sought first; NULL: none */
    const char *validation_reader; /* rows of their own to validate on; NULL: none */
    int validation_narg;
    const DlArg *validation_arg;
    DlControl control;
    DlExplain *explain;    /* may be NULL */
    void *context;
} DlConfig;

/* ---- data (data.c and the readers) -------------------------------------------------- */

#define DL_RANK 8 /* most axes of a row */

typedef struct DlArray {
    const char *name;
    dl_type type; /* as the file has it */
    int rank;
    int64_t shape[DL_RANK]; /* of one row */
    bool fixed;             /* one array for all rows: the input has no batch axis */
    bool mapped;            /* in the user's own file: nothing is written there */
    bool paged;             /* in some file: rows may have to be fetched from disk */
    size_t stride;          /* bytes of one row (of the whole array, when fixed) */
    unsigned char *at;      /* [rows] rows */
} DlArray;

typedef struct DlSplit {
    int64_t rows;
    DlArray *array; /* the inputs, then the targets, in the model's order */
    const int64_t *row; /* which rows of the arrays they are; NULL: the first ones, in order */
} DlSplit;

/* What prepared the data: vocabulary, class names, scaling. Stored with the weights and
 * applied again when they are used. */
typedef struct DlMeta {
    int n;
    dl_pair *pair;
} DlMeta;

typedef struct DlPool DlPool; /* owns all that a DlData points to */

typedef struct DlData {
    DlPool *pool;
    int ninput, ntarget;
    DlSplit train, validation, test;
    struct DlData *source; /* of validation rows of their own, or NULL */
    int nclass; /* 0: not a classification, or its classes have no names */
    const char **class_name;
    DlMeta meta;
    char *note; /* what preparation did that is to be said, in lines; or NULL */
} DlData;

typedef struct DlRequest {
    const dl_model *table;
    const DlConfig *config;
    const char *data_dir; /* of --data, or NULL */
    const DlMeta *stored; /* what came with the weights: applied. NULL: learnt anew */
    bool whole;           /* no row is set aside for tests */
    int64_t data_memory;  /* bytes of data to keep in memory, the rest on disk; 0: as it fits */
} DlRequest;

/* The share of the training rows that `validation` asks for is set aside; which rows these are
 * depends on nothing but their number.
 * Finds, reads and prepares the data, and checks them against the model's inputs and
 * targets: their number, shapes, types and the ranges of indices and labels. */
DlData *dl_data_open(const DlRequest *r, DlError *e);
void dl_data_free(DlData *d);
void dl_data_say(FILE *f, const DlData *d); /* its notes */

const char *dl_meta_get(const DlMeta *m, const char *key); /* NULL: not there */

/* What the user names on the command line: files for the inputs (and targets) of the table,
 * in `train`; prepared as the training data were. */
struct DlOptions;
DlData *dl_data_given(const DlRequest *r, const struct DlOptions *o, bool targets, DlError *e);

/* ---- a model in memory (session.c) -------------------------------------------------- */

typedef struct DlSession {
    const dl_model *table;
    void *memory[2];    /* 64-byte aligned, of the sizes that the table asks for */
    void *model, *work; /* the objects in them */
    int threads;
} DlSession;

/* threads 0: one a processor. */
bool dl_session_open(DlSession *s, const dl_model *table, int threads, uint64_t seed, DlError *e);
void dl_session_close(DlSession *s);
/* The message of a failed call: what, which tensor, which element. */
void dl_session_error(const DlSession *s, int status, const char *doing, DlError *e);

/* ---- rows for a call (batch.c) ------------------------------------------------------ */

typedef struct DlBatch {
    int n;                   /* arrays */
    const dl_tensor *tensor; /* what they must look like */
    int64_t rows;            /* most rows */
    void **buffer;
    const void **data; /* what to pass: the buffers, or the data themselves */
} DlBatch;

bool dl_batch_open(DlBatch *b, const dl_tensor *tensor, int n, int64_t rows, DlError *e);
void dl_batch_close(DlBatch *b);
size_t dl_batch_bytes(const dl_tensor *t, int64_t rows); /* of so many rows of one array */
/* Rows order[first..first+n) of the split (first.. when order is NULL), in the model's types. */
void dl_batch_fill(DlBatch *b, const DlSplit *s, const int64_t *order, int64_t first, int64_t n);

/* ---- numbers and averages of a model (numbers.c) ------------------------------------- */

/* The settable number of that name, or NULL. */
float *dl_number(const DlSession *s, const char *name);
/* Of numbers that several optimisers may have: whether it is `name`, or ends in ".name". */
bool dl_number_is(const dl_tensor *t, const char *name);
/* NAME=VALUE; the message names the numbers that there are. */
bool dl_number_set(const DlSession *s, const char *setting, DlError *e);
/* Puts the averages of parameters where the parameters are, and these in their place: done
 * twice, nothing has happened. Nor has it in a model without averages. */
void dl_average_swap(const DlSession *s);
/* Averages whose parameter was loaded, and they not, begin with it. loaded: by tensor. */
void dl_average_begin(const DlSession *s, const unsigned char *loaded);

/* ---- training (train.c) ------------------------------------------------------------- */

/* A run between two batches. (seed, epoch, batch) and the model's own object are all that
 * a resumed run needs, between two steps: the order of the rows is a function of seed and
 * epoch. A step is made of the gradients of one batch, or of `accumulate` of them; the last
 * step of an epoch may have fewer. */
typedef struct DlRun {
    DlSession *session;
    const DlData *data;
    const DlConfig *config;
    uint64_t seed;
    int64_t epoch;     /* epochs done */
    int64_t batch;     /* batches done in this epoch */
    double loss_sum;   /* of loss times rows, over the batches of this epoch */
    int64_t rows_done; /* in this epoch */
    int64_t *order;    /* this epoch's order of the training rows; NULL: as they are; by lot: the
                        * rows of the step */
    double share;      /* by lot: the probability of each row in each step; 0: not so */
    struct DlAhead *ahead;
    const DlBatch *rows; /* of the last step */
    double waited;       /* seconds of this epoch in which steps waited for their rows */
} DlRun;

bool dl_run_open(
        DlRun *r, DlSession *s, const DlData *d, const DlConfig *c, uint64_t seed, DlError *e);
void dl_run_close(DlRun *r);
int64_t dl_run_batches(const DlRun *r); /* in an epoch, the short one included */
/* Trains one batch. After the last of an epoch, dl_run_next begins the next. */
bool dl_run_step(DlRun *r, float *loss, DlError *e);
bool dl_run_between_steps(const DlRun *r);
int64_t dl_run_steps(const DlRun *r); /* done or begun, from the first epoch on */
void dl_run_seek(DlRun *r, int64_t epoch, int64_t batch);
void dl_run_next(DlRun *r);
/* sample.c: rows by lot, by the numbers as they are when it is opened (again). The epsilon of all steps done or begun, at the delta of `privacy`. */
bool dl_sample_open(DlRun *r, DlError *e);
int64_t dl_sample_draw(const DlRun *r); /* fills `order`; how many they are */
double dl_sample_epsilon(const DlRun *r);
double dl_run_loss(const DlRun *r); /* mean over the rows of this epoch so far */

/* ---- files (weights.c) -------------------------------------------------------------- */

bool dl_weights_save(const DlSession *s, const DlMeta *meta, const char *path, DlError *e);
bool dl_weights_load(const DlSession *s, const char *path, DlError *e);
/* Loads the parameters and states that match one of the patterns (all, when there are none) and
 * that the file has with their name, type and shape; says on `say` which the others are. None:
 * an error. */
bool dl_weights_begin(const DlSession *s, const char *path, int npattern,
        const char *const *pattern, FILE *say, DlError *e);
/* Says on `say` where the file was trained with another vocabulary than `here` has. */
bool dl_weights_compare(
        const char *path, const DlMeta *here, DlPool *pool, FILE *say, DlError *e);
bool dl_pattern_matches(const char *pattern, const char *path);
/* What was stored with the weights, into the pool. */
bool dl_weights_meta(const char *path, DlPool *pool, DlMeta *meta, DlError *e);

/* ---- using (evaluate.c) ------------------------------------------------------------- */

bool dl_evaluate(const DlSession *s, const DlSplit *split,
        double *metric /* [dl_metric_size(table)] */, DlError *e);
/* The split's arrays are the model's inputs in the table's order. `output`: one array an
 * output, with room for the split's rows. */
bool dl_predict(const DlSession *s, const DlSplit *split, void *const *output, DlError *e);
/* The same of any entry whose inputs training has too. */
bool dl_entry_run(const DlSession *s, const dl_entry *entry, const DlSplit *split,
        void *const *output, DlError *e);
const dl_entry *dl_entry_named(const dl_model *m, const char *name); /* NULL: there is none */

/* ---- what an evaluation gives (metrics.c) ---------------------------------------------- */

size_t dl_metric_size(const dl_model *table); /* of all results, in doubles */
bool dl_metric_is_number(const dl_model *table, int i);
/* Where metric i's values are in the results of an evaluation. */
const double *dl_metric_values(const dl_model *table, const double *metric, int i);
/* One that is no number: its name, and a line for each row. */
void dl_metric_print(FILE *f, const dl_model *table, const double *metric, int i);

/* ---- the command line (options.c, command.c) ---------------------------------------- */

enum { DL_BINDINGS = 32 }; /* most --input, --target or -o in one call */

typedef struct DlBinding { /* --input words=review.txt */
    const char *name;      /* NULL: not given, there is only one */
    size_t length;         /* of the name, which no NUL ends */
    const char *file;
} DlBinding;

typedef struct DlOptions {
    const char *program; /* begins every message; "dlc" or the program's name */
    int epochs;          /* 0: as the model file says */
    uint64_t seed;
    int threads; /* 0: one a processor */
    const char *data_dir, *weights;
    int64_t data_memory; /* bytes of data to keep in memory; 0: as it fits */
    bool json, quiet;
    int show; /* so many predictions of test rows, and the confusion matrix */
    const char *initial_weights;
    int nmatch, nset;
    const char *match[DL_BINDINGS], *set[DL_BINDINGS];
    const char *log; /* a .csv or .jsonl file: a row an epoch */
    const char *plot, *confusion, *calibration; /* pictures: .png or .svg files */
    int checkpoint_every; /* epochs; 0: never */
    int ntap;
    DlBinding tap[DL_BINDINGS]; /* file NULL: NAME.npy */
    struct DlExplanation {
        const char *method, *class, *baseline, *metric; /* NULL: chosen */
        int steps, patch, stride, repeats;                       /* 0: chosen */
        int64_t rows;
    } explanation;
    bool resume, seed_given;
    int argc; /* the whole command line, to be said again */
    char **argv;
    int ninput, ntarget, noutput;
    DlBinding input[DL_BINDINGS], target[DL_BINDINGS], output[DL_BINDINGS];
} DlOptions;

/* Takes argv[*i] when it is an option of `command`; *i then stands at the last word of it
 * (`--seed 1` is two). 1: taken, 0: not an option of that command, -1: a wrong value, already
 * reported. */
int dl_option(DlOptions *o, const char *command, int argc, char **argv, int *i);
/* Reports an unknown option or command, with the nearest name of the trainer's and of
 * `more` (NULL-terminated, may be NULL). Returns 2, the exit code. */
int dl_usage_error(
        const DlOptions *o, const char *command, const char *word, const char *const *more);
/* For --help: a command's options in their groups; and any option in the same columns. */
void dl_print_options(FILE *f, const char *command);
void dl_print_option(FILE *f, const char *left, const char *help);

/* Each returns the exit code: 0, 1 (the input is wrong), 2 (the usage is wrong); a training
 * that a signal has interrupted returns 128 and the signal's number. */
int dl_command_train(const dl_model *table, const DlConfig *c, const DlOptions *o);
int dl_command_evaluate(const dl_model *table, const DlConfig *c, const DlOptions *o);
int dl_command_predict(const dl_model *table, const DlConfig *c, const DlOptions *o);
int dl_command_gradients(const dl_model *table, const DlConfig *c, const DlOptions *o);
int dl_command_explain(const dl_model *table, const DlConfig *c, const DlOptions *o);

/* The whole `main` of a program that holds one model. */
int dl_main(const dl_model *table, const DlConfig *c, int argc, char **argv);

#endif
