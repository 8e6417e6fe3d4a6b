/* eval32.h - the interpreter in single precision: what an eager framework would do.
 *
 * Every node of the graph is one operation over whole arrays of its own element type, in
 * buffers planned once and used again when their last reader is done; sums of products of two
 * loads are matrix products of the system's BLAS. Nothing is fused across nodes; inside of one,
 * an expression of several operators goes through columns of a thousand elements. Results
 * equal eval.h's to rounding, but for one thing: an absent term of a product (a padded
 * convolution) is 0 times the other factor here. */
#ifndef DLC_EVAL32_H
#define DLC_EVAL32_H

#include "graph.h"

typedef struct Eval32 Eval32;

/* A value to compute. Early ones are computed and stored before all others; another is stored
 * as soon as it is known and nothing reads `replaces` any more (a leaf in whose memory the
 * value goes; NULL: none). */
typedef struct Root32 { Node *value; bool early; const Node *replaces; } Root32;

/* Takes the value of root number k, in the memory form of its dtype, row-major; false ends
 * the run. */
typedef bool Store32(void *context, int root, const void *value);

/* Compiled for so many rows: every DIM_BATCH axis has `rows` elements. Uses up to `threads`
 * threads. */
Eval32 *eval32_new(Graph *g, int64_t rows, int threads, const Root32 *root, int n);
void eval32_free(Eval32 *e);

/* The leaf's elements are at `at` (row-major; 4-byte floats and integers, 1-byte u8 and bool)
 * while it runs. L_UNIFORM, L_DATA, L_ROWS, L_STEP need none. */
void eval32_bind(Eval32 *e, const Node *leaf, const void *at);

/* False after an error, which eval32_error describes, or when `store` said so. */
bool eval32_run(Eval32 *e, uint64_t seed, uint32_t step, Store32 *store, void *context);
const char *eval32_error(const Eval32 *e);     /* NULL: none */

/* Bytes of all its buffers. */
size_t eval32_bytes(const Eval32 *e);

/* Whether products go to a BLAS; false: to plain loops, since none is installed (or after
 * blas_forbid, for tests). */
bool blas_present(void);
void blas_forbid(bool forbid);

#endif
