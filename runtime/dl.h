/* dl.h - what generated code and its hosts share: status codes, and the table that
 * describes a model, so that a generic program in any language can drive any model.
 * C11 and C++. Nothing here allocates, prints or exits. */
#ifndef DL_H
#define DL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DL_ABI 2               /* generated code checks it when it is compiled */

typedef enum dl_status {
    DL_OK = 0,
    DL_E_NULL,                   /* a null pointer */
    DL_E_SIZE,                   /* the memory given is too small or misaligned (64 bytes) */
    DL_E_ROWS,                   /* n < 1, or n > batch where a step takes at most batch */
    DL_E_THREADS,                /* threads < 1 or too many */
    DL_E_RANGE,                  /* an index or label is outside its range: see dl_fault */
    DL_E_LOSS,                   /* the loss is not finite; nothing was changed */
    DL_E_GRADIENT,               /* a gradient is not finite under a finite loss; the step was done */
    DL_E_MEMORY,                 /* out of memory (create functions only) */
    DL_E_OPEN,                   /* a file cannot be opened, read or written: errno says why */
    DL_E_FORMAT,                 /* a file is not a safetensors file, or is cut short */
    DL_E_MISMATCH,               /* a weight file of another model: see dl_fault */
    DL_E_OBJECT,                 /* the pointer is not an initialised object of this model */
    DL_STATUS_COUNT
} dl_status;

typedef enum dl_type { DL_F32, DL_I32, DL_U8, DL_F64, DL_I64 } dl_type;

typedef enum dl_role {
    DL_PARAMETER,              /* in the model object; trained (or frozen) */
    DL_STATE,                  /* in the model object: running statistics and the like */
    DL_SLOT,                   /* in the model object: an optimiser's state */
    DL_NUMBER,                 /* in the model object: float, settable (a learning rate) */
    DL_GRADIENT,               /* in the work area, valid between accumulate and apply */
    DL_ROW_STATE,              /* in the work area, per row */
    DL_INPUT, DL_TARGET,       /* the caller's arrays */
    DL_OUTPUT,
    DL_TOTAL,                  /* in the totals */
    DL_RESULT                  /* in what `results` writes */
} dl_role;

typedef struct dl_tensor {
    const char *name;          /* a path: conv2d_1.k */
    dl_role role;
    dl_type type;
    int rank;
    const int64_t *shape;      /* -1: the rows of a call; row-major, no padding */
    size_t offset;             /* bytes from the start of the object that holds it; 0 for the caller's */
    size_t bytes;              /* of the whole tensor (with batch rows) */
    int64_t bound;             /* integer inputs: values lie in [0, bound); 0: any */
    int line;                  /* of the source */
} dl_tensor;

typedef struct dl_entry {      /* predict, and the model's own entries */
    const char *name;
    int ninput, noutput;
    const dl_tensor *input, *output;
    int (*run)(const void *model, void *work, int64_t n, const void *const *input, void *const *output);
    int (*reset)(void *work);  /* clears the row states; NULL when there are none */
} dl_entry;

/* Where the last call with this work area failed. */
typedef struct dl_fault {
    int status;
    int32_t tensor;            /* index into the table's tensors, or -1 */
    int64_t element;           /* flat index of the offending element, or -1 */
} dl_fault;

typedef struct dl_model {
    int abi;
    const char *name, *source, *version;     /* "cifar10", "cifar10.dl", "0.1" */
    int64_t batch;                           /* most rows of one training step */
    int ntensor;
    const dl_tensor *tensor;                 /* everything stored, then inputs and targets in call order */
    int ninput, ntarget;
    const dl_tensor *input;                  /* ninput inputs, then ntarget targets */
    int nmetric;
    const char *const *metric;               /* [0] is "loss" */
    size_t totals_size;
    int nentry;
    const dl_entry *entry;                   /* [0] is predict */

    size_t (*size)(void);
    size_t (*work_size)(int threads);
    int (*init)(void *mem, size_t size, uint64_t seed, void **model);
    int (*work_init)(void *mem, size_t size, int threads, void **work);
    /* data: ninput inputs, then ntarget targets */
    int (*train_step)(void *model, void *work, int64_t n, const void *const *data, float *loss);
    int (*accumulate)(void *model, void *work, int64_t n, const void *const *data, float *loss);
    int (*apply)(void *model, void *work);
    int (*evaluate)(const void *model, void *work, int64_t n, const void *const *data, void *totals);
    void (*results)(const void *totals, double *metric);     /* see `result` */
    int (*save)(const void *model, const char *path);
    int (*load)(void *model, const char *path);
    const dl_fault *(*fault)(const void *work);
    const char *(*message)(int status);
    /* where each metric is in what `results` writes, results_size bytes of doubles; NULL: each
     * is one number, in their order */
    const dl_tensor *result;
    size_t results_size;
} dl_model;

#ifdef __cplusplus
}
#endif
#endif
