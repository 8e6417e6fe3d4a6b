/* quick.h - put in front of generated code, so that hundreds of programs build in a minute.
 *
 * It stands in for dl_arithmetic.h (contraction is switched off on the command line) and lets
 * the compiler decide what to inline; the results are the same bits. Being a header of its
 * own it can be precompiled. */
#define DL_ARITHMETIC_H
#define DL_INLINE static inline __attribute__((unused))

#include "dl_file.h"
#include "dl_loop.h"
#include "dl_math.h"
#include "dl_object.h"
#include "dl_random.h"
#include "dl_vector.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
