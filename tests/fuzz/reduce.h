/* reduce.h - the smallest program that still fails. */
#ifndef DLC_FUZZ_REDUCE_H
#define DLC_FUZZ_REDUCE_H

#include "../../dsl/ast.h"

/* Whether the text fails as the first one did. */
typedef bool StillFails(void *ctx, const char *text);

/* A program made from `text` that fails, after at most `tries` questions. */
const char *reduce(Arena *a, const char *text, StillFails *fails, void *ctx, int tries);

#endif
