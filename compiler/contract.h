/* contract.h - how a contraction is computed: which loops, what in registers. */
#ifndef DLC_CONTRACT_H
#define DLC_CONTRACT_H

#include "guards.h"

enum { MAX_TILE_VARS = 2, MOST_ROWS = 12, MOST_VECTORS = 16 };

/* How a load runs along a variable: not at all; from element to element of its last axis;
 * with coefficient 1 in another axis; otherwise. */
typedef enum { ABSENT, CONTIGUOUS, ELSEWHERE, TANGLED } Along;
Along load_along(const Expr *load, int var, int *axis);    /* axis: of ELSEWHERE; may be NULL */

/* out[...] = sum of operand[0] * operand[1]. The lanes of a vector are neighbouring elements
 * along output variable `vec`. A tile is rows x vectors of them, kept in registers through
 * the inner folds; its rows are `tile_count` values of each tile variable. */
/* Values [lo, hi) of an output variable for which some conditions hold wherever the folds
 * are; `left` are the others. */
typedef struct Interior {
    int var;                  /* -1: none */
    int64_t lo, hi;
    ExprList left;
} Interior;

typedef struct Contraction {
    Node *node;
    Expr *operand[2];         /* loads; [1] is contiguous along vec */
    bool wide[2];             /* contiguous along vec; else the same for all of it */
    int vec;
    int64_t width;            /* extent of vec */
    bool across;              /* which is not the output's last axis: vectors are stored with gaps */
    int ntile;                /* tile variables, outermost first */
    int tile_var[MAX_TILE_VARS];
    int64_t tile_count[MAX_TILE_VARS];     /* all but the first: the whole extent */
    int64_t rows;             /* of a tile */
    int vectors;              /* of a tile */
    int fold[MAX_VARS];       /* the folds in the order in which an element's terms are added */
    int outer_folds;          /* the first of them, outside of tiles: sums are added up in memory */
    int64_t panel_lanes;      /* of the wide operand, for which all rows are visited; 0: of all */
    int64_t panel_folds;      /* of it, copied so many at a time; 0: not copied */
    bool in_parts;            /* that is not all of them: in between sums are in memory */
    ExprList conditions;      /* of the guards; over variables outside of tiles, or: */
    Interior inner[2];        /* rows are of the first in its interior; outside of that, of the
                               * second in its; or there is one row. var -1: no such */
} Contraction;

/* Tiles for 32 registers of sixteen floats, or for half as many bytes: dl_vector.h says which
 * the machine has. */
typedef enum { TILES_LARGE, TILES_SMALL } TileSize;

/* Vectors of a tile of so many rows. */
int tile_vectors(const Contraction *c, int64_t rows, TileSize size);

/* Whether the node is a contraction in this form, and how. */
bool contraction_of(Kernels *k, const View *v, TileSize size, Contraction *out);

/* Its elements are in memory before they are complete. */
bool contraction_in_memory(Kernels *k, const View *v);

/* An operand of the node's product that runs along the output's last axis only with gaps,
 * as a node with that axis moved to the end; NULL: there is none, or it does not pay. */
Expr *contraction_pack(Kernels *k, const View *v, Expr *operand, Node **packed);

#endif
