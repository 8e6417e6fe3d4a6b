/* kernel.h - between graph and loops: what is stored, computed together, and where.
 *
 * Compiling a routine goes through these structures in order:
 *   view.c      which nodes are stored, and every stored node's body over stored nodes
 *               alone (everything else is inlined)                    -> View
 *   group.c     stored nodes that are computed in one loop nest; scans hold the units of
 *               their bodies; dependences                              -> Unit
 *   storage.c   in what kind of memory every stored node is            -> Storage
 *   order.c     an order of the units in which memory dies early
 *   stretch.c   units that run one after another for a slice of rows       -> Stretch
 *   recompute.c what a later stretch makes again rather than have it kept
 *   repeat.c    units that run twice rather than have their result kept
 *   lines.c     units that run one after another for each line of their elements
 *   plan.c      lifetimes, what is in place of what, offsets
 *   alike.c     units that become one function, before they have loops
 *   schedule*.c a unit's loops                                         -> LoopFunction
 *   routine.c   the driver, as text
 * A Kernels is one routine's compilation. Nodes are never changed. */
#ifndef DLC_KERNEL_H
#define DLC_KERNEL_H

#include "lookup.h"
#include "loop.h"
#include "partial.h"

typedef struct Unit Unit;
typedef struct Storage Storage;
typedef Vec(Unit *) UnitList;

/* A node as this routine sees it. */
typedef struct View {
    Node *node;
    bool needed;              /* by a root, directly or not */
    bool stored;              /* its elements are in memory; always so of folds */
    bool forced;              /* ... because something other than a load wants them there */
    bool partial;             /* sums over the rows of a group (partial.c) */
    bool contraction;         /* a sum of products of two loads */
    Expr *guard, *body;       /* of a comprehension, over loads of stored nodes */
    NodeList loads;           /* the nodes that guard and body load */
    bool operand;             /* loaded by a contraction */
    int load_count;           /* different loads of it, over all bodies */
    int own_loads;            /* of these, at the own index of elementwise nodes */
    double evaluations;       /* of its elements, if it were inlined into them */
    Unit *unit;               /* that computes it, or whose scan carries or stacks it */
    UnitList readers;         /* units that read it, by loads, writes or as carries */
    NodeList users;           /* needed nodes that load, stack or carry it */
    const Binding *binding;   /* of a leaf that has one */
    Storage *storage;
} View;

typedef enum { U_KERNEL, U_SCAN, U_CHECK } UnitKind;

/* A value written to a place beyond the one where others read it. */
typedef struct Write {
    Node *value;
    Storage *to;
    bool add;
    Storage *from;            /* a copy of the value; NULL: where the value is */
} Write;

/* Neighbouring units outside of scans, each row's work independent of other rows': they run
 * for a slice of rows at a time, and what lives in between alone needs room for a slice. */
typedef struct Stretch {
    int first, last;          /* positions of its units */
    int64_t slice_rows;       /* most rows of a slice; divides the rows of a group */
} Stretch;

struct Unit {
    UnitKind kind;
    int id;                   /* order of creation */
    Unit *parent;             /* the scan that it stands in, or NULL */
    NodeList member;          /* stored comprehensions of equal extents: folds over the same
                               * elements, then elementwise ones, operands first */
    Vec(Write) write;
    const Scan *scan;         /* U_SCAN */
    UnitList child;           /* its body, in order */
    UnitList part;            /* of one that runs line by line (lines.c): what it was made of */
    int shared;               /* then: the first axes, at an index of which is a line */
    UnitList after;           /* units of the same list that come before it */
    UnitList before;          /* the reverse: those that it is in `after` of */
    int depth;                /* more than that of every unit before it */
    int mark, state, index;   /* of walks */
    int phase;                /* even: of the whole batch; odd: of a stretch */
    Stretch *stretch;         /* that it is in, with its body; NULL: none */
    bool adds;                /* its results are a slice's, added to those of its group */
    int position;             /* in order of execution; a scan's is its first child's */
    int last_position;        /* of a scan: its last child's */
    LoopFunction *function;
    Vec(Storage *) argument;  /* of its function's arrays, in order */
    Vec(const Scan *) time;   /* of its function's scalars */
    Vec(uint32_t) stream;     /* of random numbers that its function draws */
    Vec(Storage *) scratch;   /* memory that it alone uses */
    const char *function_name;
    int timer;                /* its number where kernels are timed */
};

typedef enum {
    ST_PLACE,                 /* of a leaf or root: model, work, argument */
    ST_ARENA,
    ST_TABLE,                 /* constant data of the emitted file */
    ST_SLOT,                  /* step t of a stack: base + t elements */
    ST_FLIP,                  /* of a carry's next: one of two halves of base, by turns */
    ST_CARRY,                 /* init in the first step, then where next was one step ago */
    ST_LAST                   /* what a flipped one holds after the scan */
} StorageKind;

struct Storage {
    StorageKind kind;
    PlaceType type;
    int64_t elements;         /* with all rows, or a slice's if it is local */
    int64_t row_stride;       /* elements from row to row; 0: it has no rows */
    bool halves;              /* twice, each half aligned (of a flip) */
    bool grouped;             /* a part for each group of rows */
    const Stretch *local;     /* of one slice: each thread has its own; NULL: shared */
    int64_t lo, hi;           /* range of integers in it; lo > hi: not known */
    const char *name;
    Place place;
    int table;                /* ST_TABLE: number in the file */
    const Scan *scan;         /* slot, flip, carry, last */
    const Scan *home;         /* the innermost scan in whose body it lives, or NULL */
    Storage *base;            /* slot, flip, last; of a carry: where next goes */
    Storage *init;            /* of a carry */
    bool one_step;            /* a stack of which only the last step is kept */
    int64_t offset, bytes;    /* ST_ARENA */
    int first, last;          /* positions where it is live; last < first: nowhere */
    int begin, end;           /* positions from and to which its memory is taken */
    Unit *resting, *again;    /* after the one its memory is free, until the other makes it anew */
    Storage *shared;          /* in place of: the storage that this one is now, or NULL */
    const char *text;         /* its pointer in the driver ... */
    int declared;             /* ... its place among those that are declared */
};

typedef struct Kernels {
    Arena *arena;
    Arena *scratch;           /* of the loops of one unit, until its function is kept */
    Graph *graph;
    const Routine *routine;
    int64_t batch;            /* most rows of a call */
    int64_t model_batch;      /* whatever changes bits asks for this one instead, so that a row
                               * has the same bits in a routine for fewer rows */
    Codegen *codegen;
    Vec(View *) view;         /* by node id; NULL: not met */
    NodeList order;           /* needed nodes, operands first */
    UnitList unit;            /* all, by id */
    UnitList top;             /* outside of scans, in order after order.c */
    Unit *check;              /* of `finite`, or NULL */
    Slicing slicing;
    Vec(Stretch *) stretch;   /* in order */
    int mark;
    Vec(Storage *) storage;   /* all */
    Lookup placed;            /* the numbers of those of places, by place */
    Lookup bound;             /* numbers of the routine's bindings, by place */
    UnitList scan;            /* by the scan's id; NULL: none yet */
    int64_t arena_bytes;      /* shared by all threads */
    int64_t local_bytes;      /* of each thread, behind that */
    Plan *plan;
} Kernels;

View *view_of(Kernels *k, Node *n);
int64_t extent_of(const Kernels *k, int64_t dim);        /* DIM_BATCH: all rows */
double points_of(const Kernels *k, const Node *n);       /* elements times fold */
bool is_map(const Node *n);                               /* comprehension without a fold */
const Scan *innermost_scan(const Node *n);               /* or NULL */

bool same_extents(const Node *a, const Node *b);
bool is_kernel(const Unit *u);
bool loads_node(const View *v, const Node *n);
bool is_carry_needed(Kernels *k, const Scan *s, int carry);
/* Calls visit for every expression of guard and body once, operands first. */
void view_visit(Kernels *k, const View *v, void (*visit)(void *ctx, Expr *e), void *ctx);
void view_note_loads(Kernels *k, View *v);   /* of guard and body, as they are now */
/* Does v load n at another index than its own, or in a fold? */
bool loads_away(Kernels *k, const View *v, const Node *n);
Storage *place_storage(Kernels *k, Place p, const Node *n);  /* storage.c */
bool same_place(const Place *a, const Place *b);             /* storage.c */
uint64_t place_hash(const Place *p);                         /* storage.c */
Storage *scratch_storage(Kernels *k, const Node *n);         /* storage.c: in the arena */
Unit *copy_unit(Kernels *k, Node *value, const Scan *in);    /* group.c */
Unit *kernel_unit(Kernels *k);                               /* group.c: outside of scans */
bool at_own_index(const Expr *load);
Node *leaf_at(Kernels *k, const Place *p);                   /* group.c: kept there, or NULL */

/* lines.c: does v load n at its own index of the first axes only? */
bool reads_own_line(Kernels *k, const View *v, const Node *n, int shared);
/* schedule_fold.c: how many of the first axes its loops can be divided at; 0: it is computed
 * otherwise. */
int fold_free_axes(Kernels *k, const View *v);
/* schedule_fold.c: can the two be computed in one nest, with the bits they have alone? */
bool folds_alike(Kernels *k, const View *a, const View *b);

/* guards.c: a sum that adds at rows which its guard finds: zero, then += in order of the
 * fold. row[i] is the index in axis i over fold variables and `outer` output variables,
 * or NULL; rows and outer are sets of variables; rest is what else the guard asks. */
typedef struct Scatter { Expr *row[MAX_RANK]; uint32_t rows, outer; Expr *rest; } Scatter;
bool scatter_of(Kernels *k, const View *v, Scatter *out);
/* schedule_scatter.c: of those, one whose terms are sorted by row first, so that a row is
 * complete at once, and the memory for that. */
bool is_sorted_scatter(Kernels *k, const View *v);
bool is_added_scatter(Kernels *k, const View *v);
void sorted_scatter_scratch(Kernels *k, Unit *u);

void bindings_build(Kernels *k);      /* storage.c: what the routine's bindings bind */
void view_build(Kernels *k);          /* view.c */
void group_build(Kernels *k);         /* group.c */
void storage_build(Kernels *k);       /* storage.c */
void order_build(Kernels *k);         /* order.c */
void order_number(Kernels *k);        /* order.c: positions */
void stretch_build(Kernels *k);       /* stretch.c: after the order */
void recompute_build(Kernels *k);     /* recompute.c: after the stretches */
/* stretch.c: the stretch that a position is in, or NULL. */
const Stretch *stretch_at(const Kernels *k, int position);
void stretch_slice(Kernels *k);       /* stretch.c: after lifetimes; what is local, how large */
void storage_resize(Storage *s, int64_t rows_now, int64_t rows);   /* storage.c */
void repeat_build(Kernels *k);        /* repeat.c; called by order.c */
void lines_build(Kernels *k);         /* lines.c: the last before lifetimes */
void stretch_ends(Kernels *k);        /* recompute.c: positions of the first and last units */
void plan_build(Kernels *k);          /* plan.c: what is in place of what, offsets */
/* Which indices are kept in their axis by force: those that were looked up, where no guard
 * is known to; all that are more than a variable, where no proof was found. */
typedef enum { CLAMP_NONE, CLAMP_LOOKED_UP, CLAMP_ALL } Clamp;
void schedule_unit(Kernels *k, Unit *u, Clamp clamp);        /* schedule.c */

Storage *resolve(Storage *s);         /* follows `shared` */

/* codegen.c: the number of a table of constants in the file; alike ones are one. */
int codegen_table(Codegen *cg, Node *data);
/* The type's name in the file, which no local name may hide. */
const char *codegen_prefix(const Codegen *cg);
bool codegen_times_kernels(const Codegen *cg);

#endif
