/* eval32_internal.h - the single-precision interpreter's parts, bottom up:
 *   eval32_ops.c      operators and folds over columns of numbers
 *   eval32_walk.c     index maps over the points of a space, run by run
 *   eval32_body.c     expressions as lists of column operations
 *   eval32_comp.c     comprehensions: maps, folds, scatters
 *   eval32_product.c  comprehensions that are matrix products
 *   eval32_blas.c     the BLAS
 *   eval32_pool.c     threads
 *   eval32_plan.c     the order of nodes, scans, and where every buffer is
 *   eval32.c          leaves, running
 *
 * Numbers are float or int32_t in columns (bools are 0 and 1), in arrays as eval32_bind has
 * them. */
#ifndef DLC_EVAL32_INTERNAL_H
#define DLC_EVAL32_INTERNAL_H

#include "eval32.h"

enum { COLUMN = 1024 };      /* points evaluated at a time: some columns fit into the L1 cache */

/* ---- eval32_pool.c ----------------------------------------------------------------- */

typedef struct Pool Pool;
typedef void PoolJob(void *context, int part);
Pool *pool_new(int threads);                 /* fewer when threads cannot be made */
void pool_free(Pool *p);
int pool_threads(const Pool *p);
/* job(context, 0) .. job(context, parts - 1), at most one a thread at the same time; a part
 * may use what belongs to the part's number. parts <= threads. */
void pool_run(Pool *p, int parts, PoolJob *job, void *context);

/* ---- eval32_ops.c -------------------------------------------------------------------- */

/* out[i] = op(x[i], y[i], z[i]); the operands' and the result's types as the graph has them. */
void column_op(const Expr *e, int n, const void *x, const void *y, const void *z, void *out);

/* The rest of what columns need: v[i] where mask[i], else 0 (words of 4 bytes); at[i] += c *
 * v[i]; the first i with an index outside [0, extent), or -1 (mask may be NULL); elements of an
 * array by their numbers; numbers to bytes. */
void column_mask(int n, const int32_t *mask, const void *v, void *out);
void column_add(int n, int64_t c, const int32_t *v, int64_t *at);
int column_outside(int n, const int32_t *mask, const int32_t *index, int64_t extent);
void column_gather(int n, DType t, const void *from, const int32_t *mask, int64_t *at, void *out);
void column_bytes(int n, const int32_t *v, uint8_t *out);

/* rows times n words: to[r*n + i] = from[r*row + i*step]. */
void copy_rows(const uint32_t *from, int64_t rows, int64_t row, int64_t n, int64_t step,
        uint32_t *to);

/* Folds n terms into out[0], out[stride], ... (stride 0: all into one). F_SUM, F_PROD, F_MAX,
 * F_MIN. */
void fold_reals(Fold f, float *out, int64_t stride, const float *term, int64_t n);
void fold_ints(Fold f, int32_t *out, int64_t stride, const int32_t *term, int64_t n);

/* Where the extreme of each element is: its term so far and that one's position, below 0 before
 * there is one. Of equals the first position counts; NaN stays once it came. mask may be NULL. */
typedef struct Extremes { bool largest; float *real; int32_t *whole, *at; } Extremes;
void fold_positions(const Extremes *x, int64_t first, int64_t stride, const void *term,
        const int32_t *position, const int32_t *mask, int64_t n);

/* ---- eval32_walk.c ------------------------------------------------------------------- */

/* Points: all values of the variables, the last loop fastest. */
typedef struct Space {
    int n;
    int var[MAX_VARS];
    int64_t extent[MAX_VARS];
    int64_t points;
} Space;

/* A whole number at each point: c0, what each loop adds, and a sum of times. A loop adds
 * stride * position, or, where something is made of its variable alone (i // 2), jump[position]. */
typedef struct Form {
    int64_t c0, stride[MAX_VARS];
    const int64_t *jump[MAX_VARS];   /* of loops; NULL: none */
    int ntime;
    struct { int64_t c; const Scan *scan; } time[4];
    int64_t now;              /* c0 and the times, of this run */
} Form;

/* An element number, and where it counts: where every bound is negative. Loops over which all
 * forms run on are one. */
typedef struct Walk {
    int n;
    int64_t extent[MAX_VARS];
    int nform;
    Form *form;               /* element; bounds; then checks: numbers that must not be ... */
    int nbound;
    int64_t *below;           /* ... negative, nor as large as this, by check */
    bool ragged;              /* the innermost loop's jumps: runs are single points */
} Walk;

enum { MAX_BOUNDS32 = 24 };

typedef Vec(Expr *) ConditionList;

void space_add(Space *s, int var, int64_t extent);
/* Adds factor * a. False where something else is in the sum. */
bool form_add(Eval32 *e, const Space *s, const Affine *a, int64_t factor, Form *out);
/* Takes the conditions that are bounds of the space's variables, as forms that are negative
 * where they hold; the others are put into `rest`. */
int bounds_of(Eval32 *e, const Space *s, const ConditionList *all, Form *bound,
        ConditionList *rest);
/* Whether 0 <= f < extent wherever the bounds are kept. */
bool form_bounded(const Space *s, const Form *f, int64_t extent, const Form *bound, int n);
Walk *walk_new(Arena *a, const Space *s, int nform, const Form *form, int nbound,
        const int64_t *below);
void walk_begin(Walk *w, const int64_t *time);      /* times by scan id */
bool walk_is_linear(const Walk *w, int64_t *step);   /* a constant step, and no bounds */
/* Columns of the points [first, first + n): of elements of an array (0 where a bound is not
 * kept), or of the element numbers themselves. False when a check fails. */
bool walk_load(const Walk *w, DType t, const void *from, int64_t first, int64_t n, void *out);
void walk_numbers(const Walk *w, int64_t first, int64_t n, int32_t *out);
void walk_offsets(const Walk *w, int64_t first, int64_t n, int64_t *out);
/* Calls visit with (how many points before, first element, step, length) for each run. */
typedef void WalkVisit(void *context, int64_t before, int64_t at, int64_t step, int64_t n);
void walk_visit(const Walk *w, int64_t first, int64_t n, WalkVisit *visit, void *context);

/* ---- eval32_body.c ------------------------------------------------------------------- */

typedef enum {
    I_CONST,                   /* the expression's value */
    I_NUMBER,                  /* a form's numbers */
    I_NEAR,                    /* elements that follow each other: read where they are */
    I_WALK,                    /* elements along a walk */
    I_GATHER,                  /* elements whose numbers are computed */
    I_MASK,                    /* src[1] where src[0] holds, else 0 */
    I_OP
} InstrKind;

typedef struct Instr32 {
    InstrKind kind;
    bool fixed;                /* the same at all points: computed once a run */
    const Expr *expr;
    int src[3];                /* registers; of a gather: [0] its mask, or -1 */
    Walk *walk;
    const void *table;         /* constant elements, or NULL: the array of the load's node */
    int nterm;                 /* of a gather: columns that its element numbers add, */
    struct GatherTerm { int64_t c; int reg; } *term;
    int ncheck;                /* and indices that are looked at */
    struct GatherCheck { int reg, axis; } check[MAX_RANK];
    bool lenient;              /* what is outside is 0, not an error */
    int offsets;               /* of a gather: the first of two further registers; three if
                                * lenient */
} Instr32;

typedef struct Body {
    Eval32 *e;
    const Space *space;
    Span span;
    Vec(Instr32) instr;        /* each writes the register of its number */
    int registers;             /* with those of element numbers, */
    int spare;                 /* and three behind them for who runs it */
    int *reg_of;               /* by expression id, + 1; while compiling */
    bool tables;               /* what variables alone decide is computed once, now */
    ConditionList guard;       /* what holds wherever the results count: loads may rely on it */
    bool lenient;              /* what is added is asked where it does not count, too: a condition
                                * where those before it are false, an index beside its guard */
} Body;

/* Columns of one thread, and which instruction failed on which axis. */
typedef struct Frame {
    char *scratch;
    void **reg;
    const Instr32 *failed;
    int axis;
    int64_t index;
} Frame;

void conditions_of(Arena *a, Expr *guard, ConditionList *out);
Expr *all_of(Graph *g, const ConditionList *conditions);    /* NULL: none */

/* The values of x, which depends on one variable alone, by the variable. */
const int64_t *values_of(Eval32 *e, Expr *x, int var, int64_t extent);
bool depends_on_one(const Expr *x, int var, int64_t extent);

Body *body_new(Eval32 *e, const Space *s, Span span);
int body_add(Body *b, Expr *x);                 /* its register */
int body_add_condition(Body *b, Expr *x);       /* the same; it may load outside of arrays */
void body_close(Body *b);
void body_begin(const Body *b);                 /* once a run, then by every thread: */
void frame_begin(const Body *b, Frame *f, int64_t points);
/* Points [first, first + n), n <= COLUMN. The last register is put to `into` where that saves a
 * copy. */
bool body_run(const Body *b, Frame *f, int64_t first, int n, void *into);
bool frame_failed(Eval32 *e, const Body *b);    /* reports what any thread's frame holds */

/* ---- eval32_comp.c, eval32_product.c -------------------------------------------------- */

typedef struct Comp Comp;
typedef struct Product Product;
Comp *comp_new(Eval32 *e, Node *n);
bool comp_run(Eval32 *e, Comp *c);
/* NULL: it is none. */
Product *product_new(Eval32 *e, Node *n);
bool product_run(Eval32 *e, Product *p);
/* The last register at points [first, first + n), to consecutive elements of type t. */
bool map_points(Eval32 *e, const Body *b, DType t, int64_t first, int64_t n, char *to);

/* ---- eval32_blas.c --------------------------------------------------------------------- */

/* C[m, n] (+)= A[m, k] * B[k, n]; an operand's element (i, j) is at i*row + j*col, one of
 * which is 1; C's rows are apart by ldc. */
typedef struct Matrix { const float *at; int64_t row, col; } Matrix;
void blas_product(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, bool add, float *c,
        int64_t ldc);
/* y (+)= A * x; any steps. */
void blas_vector(int64_t m, int64_t k, Matrix a, const float *x, int64_t incx, bool add, float *y,
        int64_t incy);
void blas_threads(int threads);

/* ---- eval32_plan.c ---------------------------------------------------------------------- */

typedef enum { S_NODE, S_SCAN, S_STORE } StepKind;

typedef struct Step Step;
typedef Vec(Step) StepList;

typedef struct Loop32 {         /* one way of running a scan: for the stacks that it fills */
    Scan *scan;
    StepList body;
    NodeList stacks;
    NodeList reads;             /* what is read in it; while planning */
    int first, last;            /* positions of its begin and end */
} Loop32;

struct Step {
    StepKind kind;
    Node *node;
    Comp *comp;
    Product *product;
    Loop32 *loop;
    int root;
    int position;
};

typedef struct Values32 { const Expr *of; int64_t extent; const int64_t *at; } Values32;

/* A node's array. */
typedef struct Array32 {
    const char *at;
    char *own;                  /* where it is computed; NULL: bound */
    bool planned;
    int first, last;            /* positions where it is live */
    int64_t offset;
} Array32;

struct Eval32 {
    Graph *graph;
    Arena *arena;
    Pool *pool;
    int64_t rows;
    uint64_t seed;
    uint32_t step;
    int nroot;
    const Root32 *root;
    char **kept;                /* by root: a copy of a leaf's elements, since its place may be
                                 * written before they are stored; else NULL */
    int n;
    Array32 *array;             /* by node id */
    int64_t *time;              /* by scan id */
    StepList steps;
    NodeList leaves;            /* of the kinds that have values of their own */
    char *memory;               /* all arrays, */
    int64_t bytes;
    char *spare;                /* and what products and folds use while they run */
    int64_t spare_bytes;
    Frame *frame;               /* one a thread */
    Vec(Values32) values;       /* of values_of, so that equal ones are one */
    int most_registers;
    const char *error;
};

int64_t eval32_extent(const Eval32 *e, int64_t dim);
int64_t eval32_elements(const Eval32 *e, const Node *n);
bool eval32_fail(Eval32 *e, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Room in the spare memory, for one node at a time; returns the bytes so far. */
void eval32_need(Eval32 *e, int64_t bytes);
bool plan32(Eval32 *e);

#endif
