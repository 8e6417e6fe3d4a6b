/* schedule_tile.h - what the schedules of contractions share: the tile at hand, and computing it.
 *
 * A tile is `count` values of every tile variable from `base` on, and lanes of the vector axis
 * from `lane` on; schedules open loops, set these, and call tile_compute. Its sums are new, or go
 * on from where they are in the output. In both cases an element is one chain in order of the
 * folds. */
#ifndef DLC_SCHEDULE_TILE_H
#define DLC_SCHEDULE_TILE_H

#include "contract.h"
#include "schedule.h"

/* A copy of the wide operand's lanes [lane, lane + lanes) for `folds` values of the innermost
 * fold, from `first` on: block after block of a tile's vectors, of each all its folds. */
typedef struct Panel {
    LoopArray *array;             /* NULL: the operand is read where it is */
    LoopExpr *first, *lane;
    int64_t lanes, folds;
} Panel;

typedef struct Tiling {
    Builder *b;
    Contraction c;
    Storage *to;
    bool direct;                  /* nothing but the sum is stored */
    int split;                    /* the axis in front of which the outer folds are; -1: none */
    int64_t begin[MAX_RANK], end[MAX_RANK];   /* of the output: this part; all of the batch */
    int64_t count[MAX_TILE_VARS]; /* of this tile: the last may have fewer rows */
    LoopExpr *base[MAX_TILE_VARS];
    LoopExpr *lane;               /* where this tile begins along vec, */
    LoopExpr *offset;             /* counted from where its blocks begin */
    int vectors, last_lanes;      /* of this tile */
    Panel panel;
    LoopExpr *fold_lo, *fold_hi;  /* of the innermost fold: the part at hand; NULL: all of it */
} Tiling;

int64_t tile_rows(const Tiling *t);
int tile_index(const Tiling *t, int var);      /* which tile variable it is; -1: none */
LoopExpr *tile_number(const Tiling *t, int64_t v);
void tile_at_row(Tiling *t, int64_t r, int v);  /* the variables stand for row r, vector v */
LoopExpr *tile_open_rows(Tiling *t, int vars); /* loops over the first variables' values;
                                                * the number of these */
void tile_open_folds(Tiling *t, int from, int to);
void tile_compute(Tiling *t);
/* Calls for lanes [0, lanes) from `start` in blocks of the tile's vectors, set in t. */
void tile_blocks(Tiling *t, LoopExpr *start, int64_t lanes, void (*call)(Tiling *t));
/* A loop just opened over the output: divided among threads, if it may be. */
void tile_divide(Tiling *t, LoopStmt *loop);

/* ---- schedule_prefetch.c: asking for lines before they are needed --------------------- */

void prefetch_epilogue(Tiling *t);             /* before the folds of a tile that completes sums */
void prefetch_operands(Tiling *t);             /* in a step of them */

/* ---- schedule_panel.c: another order of the same sums --------------------------------- */

/* Tiles of all rows beside a panel of the wide operand, which is copied for them. */
void panel_loops(Tiling *t, void (*rows)(Tiling *t, int axis));
void panel_blocks(Tiling *t);                  /* the lanes of a panel, for a tile's rows */
LoopExpr *panel_index(Tiling *t, int v);       /* of vector v of this tile, at this fold */

#endif
