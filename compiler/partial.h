/* partial.h - sums over the rows as sums of partial sums, one a group of rows. */
#ifndef DLC_PARTIAL_H
#define DLC_PARTIAL_H

#include "codegen.h"

/* Group g is the rows from g * group_rows on, group_rows of them or what is left. */
typedef struct Slicing {
    int64_t groups;           /* 0: the routine is not run by slices of rows */
    int64_t group_rows;
    int64_t least_rows;       /* in a slice, for weights to be read often enough */
    bool forced;              /* whatever it costs */
    Thrift thrift;
    NodeList partial;         /* [group, ...]: sums over the rows of a group */
} Slicing;

/* Chooses, and rebuilds what the n roots need (root[] is overwritten). From shapes alone. */
Slicing partial_build(Graph *g, Node **root, int n, int64_t batch, Threading how,
        Thrift thrift);

/* The axis of the rows, or -1. */
int batch_axis(const Node *n);

#endif
