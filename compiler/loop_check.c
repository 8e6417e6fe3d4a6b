/* loop_check.c - whether a loop function is sound. */
#include "loop.h"

const char *loop_check(Arena *a, const LoopFunction *f, int64_t batch) {
    (void)a;
    (void)batch;
    return f->body.n || f->array.n == 0 ? NULL : "a function with parameters does nothing";
}
