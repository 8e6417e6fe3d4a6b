/* dl.c - see dl_file.h: the texts of the status codes. */
#include "dl_file.h"

DL_API const char *dl_message(int status) {
    static const char *const text[DL_STATUS_COUNT] = {
        [DL_OK] = "no error",
        [DL_E_NULL] = "a pointer is null",
        [DL_E_SIZE] = "the memory is too small or not aligned to 64 bytes",
        [DL_E_ROWS] = "the number of rows is out of range",
        [DL_E_THREADS] = "the number of threads is out of range",
        [DL_E_RANGE] = "an index or label is out of range",
        [DL_E_LOSS] = "the loss is not finite; nothing was changed",
        [DL_E_GRADIENT] = "a gradient is not finite although the loss is; the step was done",
        [DL_E_MEMORY] = "out of memory",
        [DL_E_OPEN] = "the file cannot be opened, read or written",
        [DL_E_FORMAT] = "the file is not a safetensors file, or it is damaged or cut short",
        [DL_E_MISMATCH] = "the file's tensors are not those of this model",
        [DL_E_OBJECT] = "the pointer is not an initialised object of this model",
    };
    return status >= 0 && status < DL_STATUS_COUNT ? text[status] : "unknown status";
}
