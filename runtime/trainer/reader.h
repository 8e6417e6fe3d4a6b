/* reader.h - what the data readers share: memory, arguments, finding and reading files.
 *
 * A reader is one file, data_NAME.c, which ends with its row, dl_reader_NAME. It fills the two
 * splits of reading->data with arrays as the files have them; data_check.c then holds
 * them against the model. Files are untrusted: every size is checked before it is used,
 * and every message names the file, the line or record, and what to do. */
#ifndef DL_READER_H
#define DL_READER_H

#include "trainer.h"

/* ---- pool.c: memory that lives as long as the data ---------------------------------- */

DlPool *dl_pool_new(void);
void dl_pool_free(DlPool *p);
/* So many bytes are kept in memory, further large pieces in a file that is mapped; 0: half of the
 * machine's memory. */
void dl_pool_bound(DlPool *p, int64_t bytes);
/* Zeroed, 64-byte aligned; NULL, with a message, when count * size does not fit. */
void *dl_pool_array(DlPool *p, int64_t count, size_t size, DlError *e);
void dl_pool_drop(DlPool *p, const void *at); /* frees that piece now; others' memory: nothing */
/* A piece with another size, what fits of it kept, the rest undefined; at NULL: a new one. NULL,
 * with a message: as before. */
void *dl_pool_resize(DlPool *p, void *at, size_t size, DlError *e);
bool dl_pool_is_file(const DlPool *p, const void *at); /* whether that lies in a file */
/* The file's first `size` bytes, to be read only, where it is; one NUL byte follows. NULL: memory
 * has the room to read it, or (with a message) there is none for anything. */
const void *dl_pool_map(DlPool *p, FILE *f, size_t size, DlError *e);
char *dl_pool_text(DlPool *p, const char *text, size_t length, DlError *e);
/* Adds a pair, or gives its key another value. */
bool dl_meta_put(DlMeta *m, DlPool *p, const char *key, const char *value, DlError *e);

/* Two sizes multiplied; false when the product does not fit. */
bool dl_times(int64_t a, int64_t b, int64_t *product);

/* ---- one reading -------------------------------------------------------------------- */

typedef struct DlReading DlReading;

struct DlReader {
    const char *name;
    const char *arguments; /* names, separated by blanks; positional in this order */
    const char *folders;   /* the usual folder names, separated by blanks */
    const char *files;     /* that it takes, for messages; "" when it takes none */
    const char *remedy;    /* how to come by them */
    const char *libraries; /* what it needs when it is linked, beside -lz -llzma -lzstd; or NULL */
    bool (*read)(DlReading *r);
    /* Turns a user's file into one split of inputs, as training's were prepared; NULL: .npy only.
     */
    bool (*prepare)(DlReading *r, const char *path, DlSplit *out);
};

struct DlReading {
    const DlRequest *request;
    const DlReader *reader;
    DlData *data;
    DlError *error;
    const char *folder; /* where the first file was found; the rest must be there */
};

/* Of a list that ends with NULL; NULL: none. */
const DlReader *dl_reader_named(const DlReader *const *list, const char *name);

/* The argument by name or position, or NULL. */
const char *dl_arg(const DlReading *r, const char *name);
bool dl_arg_integer(const DlReading *r, const char *name, int64_t otherwise, int64_t least,
        int64_t most, int64_t *out);
bool dl_arg_real(const DlReading *r, const char *name, double otherwise, double least, double most,
        double *out);

/* Sets the splits' arrays to `ninput` + `ntarget` empty ones. */
bool dl_data_shape(DlReading *r, int ninput, int ntarget);
/* Room for an array of `rows` rows of the given type and shape. */
bool dl_array_make(DlReading *r, DlArray *a, const char *name, dl_type type, int64_t rows, int rank,
        const int64_t *shape);
/* The same around memory that is in the pool already. */
bool dl_array_around(DlReading *r, DlArray *a, const char *name, dl_type type, int64_t rows,
        int rank, const int64_t *shape, void *at);
bool dl_data_classes(DlReading *r, int n, const char *const *name);

/* ---- tensor.c ---------------------------------------------------------------------------- */

size_t dl_type_size(dl_type t);
const char *dl_type_name(dl_type t);
double dl_value_at(dl_type t, const void *at, size_t i);
size_t dl_tensor_elements(const dl_tensor *t); /* of one row; of the whole where there are none */
bool dl_tensor_has_rows(const dl_tensor *t);

/* ---- split.c: rows of a split ---------------------------------------------------------- */

/* Row i of array k. */
unsigned char *dl_row(const DlSplit *s, int k, int64_t i);
int64_t dl_split_places(const DlSplit *s); /* the rows that its arrays must have */
/* The rows that are marked leave `from`; they are then those of `to`, which has room for as many
 * arrays, or nobody's, when that is NULL. */
bool dl_split_take(DlReading *r, DlSplit *from, DlSplit *to, const bool *take);
/* Makes the test split of every k-th training row, k = 1 / fraction; and whether that takes a row. */
bool dl_data_divide(DlReading *r, double fraction);
bool dl_row_tests(int64_t row, double fraction);
/* note.c: a line to be said once. */
bool dl_data_note(DlReading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- data_validation.c, data_balance.c ----------------------------------------------- */

/* Sets rows to validate on aside, or reads them. */
bool dl_data_validate(DlReading *r);
/* Which of so many training rows it will set aside: nothing may be learnt from them. held: of all
 * false. */
bool dl_data_held(DlReading *r, int64_t rows, bool *held);
/* The table as the readers see it: without the target that holds weights of classes. */
bool dl_balance_hide(DlReading *r, dl_model *without);
/* Then makes that target, for all splits. */
bool dl_balance_insert(DlReading *r);

/* ---- data_select.c ------------------------------------------------------------------ */

/* Keeps what the arguments `classes` and `each` of a reader of labelled images ask for. */
bool dl_data_select(DlReading *r);

/* ---- find.c: where the data are ----------------------------------------------------- */

/* folder/name, in the pool. */
const char *dl_path(DlReading *r, const char *folder, const char *name);
/* The file that matches a pattern (fnmatch, without .gz, .xz or .zst), sought in the places of
 * DESIGN.md; `required`: a message lists the places when there is none. NULL: not found. */
const char *dl_find(DlReading *r, const char *pattern, bool required);
/* The same for the file that the argument names: data csv("iris.csv"). */
const char *dl_find_named(DlReading *r, const char *name);
enum { DL_ROOTS = 4 };
/* The folders below which data are sought, in their order; how many there are. */
int dl_roots(const DlReading *r, const char *root[DL_ROOTS]);

/* ---- stream.c: a file from front to back --------------------------------------------- */

typedef struct DlStream DlStream;

/* A file's bytes, gz, xz and zst unpacked (known by their first bytes, not by the name). The path
 * stays the caller's. NULL, with a message: cannot be opened. */
DlStream *dl_stream_open(const char *path, DlError *e);
DlStream *dl_stream_of(const char *name, const void *memory, size_t size, DlError *e);
/* The next n bytes; fewer, *got of them, only at the end. */
bool dl_stream_read(DlStream *s, void *to, size_t n, size_t *got, DlError *e);
/* The file itself, wherever it stands, when it is not packed and nothing has been read; or NULL. */
FILE *dl_stream_plain(DlStream *s);
void dl_stream_close(DlStream *s); /* NULL: nothing */
bool dl_stream_is_packed(const void *at, size_t n); /* what begins so */

/* ---- bytes.c: whole files ----------------------------------------------------------- */

typedef struct DlBytes {
    const char *path;
    const unsigned char *at; /* in the pool; one NUL byte follows */
    size_t size;
    bool mapped; /* the user's file itself */
    bool paged;  /* in some file */
} DlBytes;

/* Reads a file, unpacked; one that is not packed and has no room in memory is mapped. */
bool dl_bytes_read(DlPool *p, const char *path, DlBytes *out, DlError *e);
/* The array's values are those of the file from `offset` on, without a copy. False: they do not lie
 * on a place where their type may. */
bool dl_bytes_array(const DlBytes *b, size_t offset, DlArray *a);
/* The same as dl_bytes_read, of what is in memory already. */
bool dl_bytes_unpack(DlPool *p, const DlBytes *packed, DlBytes *out, DlError *e);

/* ---- files.c: many files -------------------------------------------------------------- */

typedef struct DlFile {
    const char *path; /* below the folder, or in the archive: "cats/1.png" */
    size_t at, size;  /* of an archive: where its bytes are in `bytes` */
} DlFile;

/* The files of a folder and of its folders, or of an archive, in the order of their paths, byte by
 * byte. Hidden ones (.name) are left out. Nothing of an archive is ever written to disk under a
 * name of its own. */
typedef struct DlFiles {
    const char *from; /* the folder or the archive */
    int64_t n;
    DlFile *file;
    const unsigned char *bytes; /* all files of an archive; NULL: a folder */
} DlFiles;

/* `path` is a folder or an archive: tar or zip, packed or not. */
bool dl_files_open(DlPool *p, const char *path, DlFiles *out, DlError *e);
/* File i, unpacked; out->path is for messages: "pets.tar: cats/1.png". Pieces of the pool that are
 * no longer wanted go with dl_pool_drop(p, out->at). */
bool dl_files_read(DlPool *p, const DlFiles *f, int64_t i, DlBytes *out, DlError *e);

/* find_files.c: those files that `fits` takes of the folder or archive which the argument `folder`
 * names: a folder; a folder that holds none of them, but one archive; or an archive of that name,
 * with or without its ending. `what` they are, for messages: "sound files". */
bool dl_find_files(DlReading *r, bool (*fits)(const char *path), const char *what, DlFiles *out);
/* The path of a file, folder or archive of that name, with or without the ending of an archive or of
 * a packed file. NULL, with a message that lists where it was sought. */
const char *dl_find_place(DlReading *r, const char *name, const char *what);
bool dl_is_archive(const char *path); /* by its ending */
/* Whether each folder among those of a list of files holds some, at any depth: a class of which
 * nothing is there is a mistake that nobody would see later. */
bool dl_folders_hold(DlReading *r, const DlFiles *files, const char *what);
/* The same of the folder or archive at `path`. */
bool dl_files_fitting(DlReading *r, const char *path, bool (*fits)(const char *path),
        const char *what, DlFiles *out);

/* ---- npy.c -------------------------------------------------------------------------- */

/* The array of a .npy file, its first axis as rows. */
bool dl_npy_read(DlPool *p, const char *path, DlArray *out, int64_t *rows, DlError *e);
bool dl_npy_of(DlPool *p, const DlBytes *b, DlArray *out, int64_t *rows, DlError *e);
/* What was read as rows becomes one array for all rows. */
bool dl_array_fix(DlArray *a, int64_t rows, DlError *e);
bool dl_npy_write(
        const char *path, dl_type type, int rank, const int64_t *shape, const void *at, DlError *e);

/* ---- data_check.c ------------------------------------------------------------------- */

/* Whether the first `narray` arrays fit the table's inputs, then targets: shapes, types,
 * ranges. `what` says in messages which rows they are: "training". */
bool dl_split_check(const dl_model *m, const DlSplit *s, int narray, const char *what, DlError *e);
/* The same of a whole data set, and that it has as many arrays as the model wants. */
bool dl_data_check(const DlReading *r);

/* ---- random.c: the trainer's own draws
 * ----------------------------------------------------------------- */

enum { DL_DRAW_SHUFFLE, DL_DRAW_DATA, DL_DRAW_NOISE, DL_DRAW_SPLIT, DL_DRAW_SAMPLE };

double dl_draw(uint64_t seed, int purpose, uint64_t a, uint64_t b); /* uniform in [0, 1) */
double dl_draw_normal(uint64_t seed, uint64_t a, uint64_t b);
void dl_draw_order(uint64_t seed, int64_t epoch, int64_t *order, int64_t n);

#endif
