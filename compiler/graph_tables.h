/* graph_tables.h - what the files that build graphs share: the hash tables and interning.
 *
 * Keys are content and ids, never addresses, and nothing iterates over a table's slots:
 * what is built depends on the order of calls alone. */
#ifndef DLC_GRAPH_TABLES_H
#define DLC_GRAPH_TABLES_H

#include "graph.h"

typedef struct ScanSet { const Scan *const *at; int n; } ScanSet;

/* A place in a hash table; the hash is beside the pointer, since a table of a large graph is
 * larger than the caches, and what it points to even more so. */
typedef struct ExprSlot { uint64_t hash; Expr *e; } ExprSlot;
typedef struct NodeSlot { uint64_t hash; Node *n; } NodeSlot;

struct GraphTables {
    Vec(Expr *) expr;            /* by id */
    Vec(Node *) node;            /* by id */
    Vec(Scan *) scan;            /* by id */
    ExprSlot *expr_slot; size_t expr_cap;
    NodeSlot *node_slot; size_t node_cap;
    Vec(int) expr_mark;          /* by id: the last walk that met it */
    int walk;
    Vec(int) node_mark;          /* the same for nodes (graph_order) */
    int node_walk;
    Vec(NodeList *) operands;    /* by node id; NULL: not asked for yet */
    Vec(void *) memo[32];        /* empty tables of rewrites, by the logarithm of their size */
};

/* expr.c: the expression equal to the key, made if need be. The key's kind, dtype and the
 * fields that its kind uses are set; the rest follows from them. */
Expr *expr_intern(Graph *g, const Expr *key);

/* An operator's application as it stands: operands converted, nothing simplified. */
Expr *expr_raw(Graph *g, Op op, DType dtype, Expr *const *arg);

/* expr_int.c: simplifies an operator over i32 operands; NULL: it stays as it is. */
Expr *expr_int(Graph *g, Op op, Expr *const *arg);
/* expr_test.c: the same for tests, logic and select over any operands. */
Expr *expr_test(Graph *g, Op op, Expr *const *arg);
void expr_range(const Expr *key, int64_t *lo, int64_t *hi); /* of an i32 or bool operator */

/* Whether the key adds, subtracts or scales, and the terms of it. */
bool affine_sum(const Expr *key, Affine *out);
/* An i32 as terms; what is no sum is a single atom. */
Affine affine_of(const Expr *e);
/* a + k*b; false where a coefficient or the number of terms would not fit. */
bool affine_add(Affine *a, const Affine *b, int64_t k);
/* The exact range; false where it leaves 32 bits, so that values may wrap. */
bool affine_range(const Affine *a, int64_t *lo, int64_t *hi);

/* graph.c: the same for nodes. */
Node *node_intern(Graph *g, const Node *key);

/* The largest number of rows: counts and row numbers stay inside an int32. */
#define MAX_ROWS ((int64_t)INT32_MAX)

/* Range of the elements of a node that is no f32. */
void node_range(const Node *n, int64_t *lo, int64_t *hi);

/* Whether ranges alone prove that the index of that axis is in bounds. */
bool index_in_bounds(const Node *n, int axis, const Expr *index);

ScanSet scan_union(Graph *g, ScanSet a, ScanSet b);

/* Calls visit for every expression under e once, operands first; NULL is nothing. */
typedef void ExprVisit(void *ctx, Expr *e);
void expr_walk(Graph *g, Expr *e, ExprVisit *visit, void *ctx);
void expr_walk_begin(Graph *g);                 /* forgets what was met */
void expr_walk_more(Graph *g, Expr *e, ExprVisit *visit, void *ctx);

/* e where the n tests hold: those that they decide are constants in it. */
Expr *expr_assume(Graph *g, Expr *e, int n, Expr *const *known);

uint64_t hash_mix(uint64_t h, uint64_t v);
uint64_t hash_text(const char *text);

#endif
