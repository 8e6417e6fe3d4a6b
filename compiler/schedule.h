/* schedule.h - what the schedules share: building one unit's loop function.
 *
 * A Builder holds the loops that are open. Each open loop is a level: its block is filled
 * while it is open and joins the block around it when it is closed, so that a scalar which
 * does not change in an inner loop can still be defined before it. An expression is placed
 * at the outermost level where its variables are known. */
#ifndef DLC_SCHEDULE_H
#define DLC_SCHEDULE_H

#include "guards.h"

enum { MAX_LEVELS = MAX_VARS + 8 };

typedef struct Level {
    LoopBlock block;
    LoopStmt *loop;           /* whose body the block becomes; NULL: the function's */
    uint32_t vars;            /* variables known here */
    int serial;               /* tells levels at one depth apart */
} Level;

/* A node's value where it is computed, for the others of the unit. */
typedef struct MemberValue { Node *node; LoopExpr *value; int depth; } MemberValue;

/* A member's elements of the line at hand, for later parts (schedule_lines.c). */
typedef struct Line { const Node *node; LoopArray *array; } Line;

typedef struct Builder {
    Kernels *k;
    Arena *a;
    Graph *g;
    Unit *unit;
    Unit *part;               /* of it, at hand; else it itself */
    int shared, base;         /* axes that the parts share; the level inside their loops */
    Vec(Line) line;
    LoopFunction *f;
    Level level[MAX_LEVELS];
    int depth;                /* index of the innermost level */
    Clamp clamp;
    int barrier;              /* level of the innermost test, or loop that took over a guard */
    int serials;
    LoopExpr *var[MAX_VARS];  /* what stands for variable k */
    uint32_t row_vars;        /* in a stretch: variables that run over a slice's rows */
    int merged[MAX_RANK];     /* output axes that its loop stands for: 1, or 0 inside one */
    Vec(MemberValue) member;
    bool small_tiles;         /* this body is for machines with few vector registers */
    bool tiled;               /* large tiles were used: another body may be better there */
    const Node *in_memory;    /* a member that is stored already */
    ExprList assumed;         /* conditions that the open loops take care of */
    struct Placed *placed;    /* expressions that have a value, by id */
    size_t placed_n, placed_cap;
    struct UseTable *uses;
} Builder;

/* ---- builder.c ----------------------------------------------------------------------- */

Builder *builder_new(Kernels *k, Unit *u);
LoopBlock *builder_block(Builder *b);                  /* of the innermost level */
/* Opens `for (v = lo; v < hi; v += step)`; `vars` become known in it. */
LoopStmt *builder_open(Builder *b, LoopVar *v, LoopExpr *lo, LoopExpr *hi, int64_t step,
                       uint32_t vars);
LoopStmt *builder_open_block(Builder *b);              /* a scope for names */
void builder_open_if(Builder *b, LoopExpr *condition);    /* NULL: no test, no level */
void builder_close(Builder *b);
void builder_close_to(Builder *b, int depth);          /* until that level is the innermost */
void builder_begin_part(Builder *b, Unit *part);
void builder_count_uses(Builder *b, Expr *e);          /* before values are asked for */

LoopArray *builder_array(Builder *b, Storage *s);      /* the function's parameter */
LoopExpr *builder_rows(Builder *b);                    /* of this call: n, or a slice's */
int64_t builder_most_rows(const Builder *b);           /* what that may be */
LoopExpr *builder_total(Builder *b);                   /* n, in a slice too */
LoopExpr *builder_first(Builder *b);                   /* the number of this call's first row */
bool builder_is_row(const Builder *b, const Expr *e);  /* a variable over a slice's rows */
LoopExpr *builder_extent(Builder *b, int64_t dim);     /* of a loop: n for the batch */
bool builder_parallel(Builder *b, LoopStmt *loop, double work);   /* if it pays */

LoopVar *out_var(Builder *b, const Node *n, int axis);     /* a loop variable with a name */
LoopVar *fold_var(Builder *b, const Node *n, int fold);

/* ---- builder_value.c: expressions ---------------------------------------------------- */

LoopExpr *build_value(Builder *b, Expr *e);
LoopExpr *build_index(Builder *b, Expr *e);            /* of an i32, as LT_INDEX */
LoopExpr *build_condition(Builder *b, Expr *e);        /* NULL: always true here */
LoopExpr *build_identity_load(Builder *b, Node *n);    /* of n at the output variables */
LoopExpr *build_load_from(Builder *b, const Node *n, Storage *from);   /* a copy's element there */
/* Stores a node's element, at the output variables. */
void build_store(Builder *b, Node *n, Storage *to, LoopExpr *value, bool add);

/* The array, extents and indices of a load. */
typedef struct Access {
    LoopArray *array;
    int rank;
    int64_t dim[MAX_RANK];
    LoopExpr *index[MAX_RANK];
} Access;
Access build_access(Builder *b, Storage *s, const Node *n, Expr *const *index);
/* The same of an array that holds a line of n. */
Access build_line_access(Builder *b, LoopArray *line, const Node *n, Expr *const *index);
LoopArray *builder_line(const Builder *b, const Node *n);      /* or NULL */

/* ---- schedules: each fills the builder's function ------------------------------------ */

void schedule_map(Builder *b);         /* schedule.c: units without a fold */
void schedule_fold(Builder *b);        /* schedule_fold.c */
void schedule_lines(Builder *b);       /* schedule_lines.c */
void schedule_scatter(Builder *b, const Scatter *s);   /* schedule_scatter.c */
bool schedule_transpose(Builder *b);   /* schedule_transpose.c; false: not of that form */
bool schedule_contraction(Builder *b); /* schedule_contract.c; false: not of that form */

/* Bounds of a fold variable under what the open loops know; conditions that the loop takes
 * over are assumed from here on. */
typedef struct FoldLoop { LoopExpr *lo, *hi; int64_t step; bool narrowed; } FoldLoop;
FoldLoop fold_bounds(Builder *b, const Node *n, int fold, const ExprList *conditions);
void fold_enter(Builder *b, const Node *n, int fold, LoopExpr *lo, const FoldLoop *loop);

void builder_add_member(Builder *b, Node *n, LoopExpr *value);   /* known from here on */
/* A loop over an output axis; an axis of one element is no loop. NULL then. */
LoopStmt *builder_open_axis(Builder *b, const Node *n, int axis);

/* Members without a fold, then all stores, at the point where the folds' values are known. */
void build_epilogue(Builder *b);
bool is_stored(const Builder *b, const Node *n);       /* a member, in its memory */

#endif
