/* dl_file.h - status messages; weights and checkpoints as safetensors files.
 *
 * Everything is driven by the table of dl.h. Weights are the parameters and states;
 * a checkpoint has the optimiser's slots, the settable numbers, the seed and the step too.
 * A file may carry pairs of strings, such as what prepared the data (UTF-8).
 *
 * Saving writes beside the target, syncs and renames: after a failure or a loss of power
 * there is the old file or the new one. Loading changes the model only when the whole file
 * was found in order: names, shapes, types and layout exactly those of the table, and the
 * checksum where the file has one (ours do; files of other tools need not). Nothing here
 * allocates. Hosts of either byte order read and write the same files. */
#ifndef DL_FILE_H
#define DL_FILE_H

#include "dl.h"

/* `static inline` where all this is part of a single file; what that file does not call is
 * no reason for a warning. */
#ifndef DL_API
#define DL_API
#elif defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-function"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dl_kind { DL_WEIGHTS, DL_CHECKPOINT } dl_kind;

/* Keys are distinct, shorter than DL_KEY and do not begin with "dlc.". */
typedef struct dl_pair { const char *key, *value; } dl_pair;
enum { DL_KEY = 256 };

/* One English sentence, static. */
DL_API const char *dl_message(int status);

/* The model's weights, without pairs. */
DL_API int dl_save(const dl_model *table, const void *model, const char *path);
/* DL_E_OPEN: errno says why (EINVAL: a bad key, or the path is not a regular file). */
DL_API int dl_save_file(const dl_model *table, const void *model, dl_kind kind, int npair,
        const dl_pair *pair, const char *path);

/* The weights of a file of either kind. */
DL_API int dl_load(const dl_model *table, void *model, const char *path);
/* DL_WEIGHTS: as dl_load. DL_CHECKPOINT: everything, and weights alone are DL_E_MISMATCH.
 * fault (may be NULL): the first tensor of the table that is missing or different, or -1.
 * The data are read twice; only if the disk fails, or the file is changed, in between the two
 * can a model be half loaded (DL_E_OPEN or DL_E_FORMAT). */
DL_API int dl_load_file(const dl_model *table, void *model, dl_kind kind, const char *path,
        dl_fault *fault);

/* What a file has, as dl_load_matching finds it. */
typedef struct dl_found {
    const char *name, *type;         /* "F32" */
    int rank;
    const uint64_t *shape;
    int tensor;                      /* the table's of that name, or -1 */
    int loaded;                      /* it is wanted, and of that type and shape */
} dl_found;

typedef struct dl_matching {
    const unsigned char *wanted;     /* by tensor of the table; NULL: all */
    void (*tell)(void *context, const dl_found *found);     /* each of the file's, or NULL */
    void *context;
} dl_matching;

/* From a file of any model, the weights that have the name, type and shape of one of the table's
 * parameters and states; the others of the model stay as they are. */
DL_API int dl_load_matching(const dl_model *table, void *model, const char *path,
        const dl_matching *matching);

/* What kind of file is it? DL_WEIGHTS for files of other tools. */
DL_API int dl_file_kind(const char *path, dl_kind *kind);
/* The pair number `index` in the order of saving, or of that key; DL_E_MISMATCH when there is
 * none. As much of the value as fits into size bytes is stored, ended by 0; *length is that
 * of the whole (value NULL and size 0: the length alone). */
DL_API int dl_file_pair(const char *path, int index, char key[DL_KEY], char *value, size_t size,
        size_t *length);
DL_API int dl_file_value(const char *path, const char *key, char *value, size_t size,
        size_t *length);

#ifdef __cplusplus
}
#endif
#endif
