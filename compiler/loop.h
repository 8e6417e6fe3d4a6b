/* loop.h - the loop IR: what a kernel does, as loops, scalars and arrays.
 *
 * It is small enough to be checked (loop_check.c: accesses in bounds, parallel loops free
 * of conflicts, definitions before uses) and close enough to C that one printer (emit.c)
 * turns it into text. Schedules (schedule*.c) build it; nothing before the printer makes
 * C text.
 *
 * Types of values: LT_INDEX is int64_t, for loop variables and subscripts; its arithmetic
 * never overflows, since extents were checked. LT_I32 is the language's integer, with
 * wrapping operators from ops.def. LT_VEC, LT_NVEC and LT_MASK are sixteen floats, integers
 * and truth values, of dl_vector.h: vectorize.c makes them of scalars. */
#ifndef DLC_LOOP_H
#define DLC_LOOP_H

#include "codegen.h"

enum { LANES = 16 };          /* of a vector, on every machine */

typedef enum { LT_INDEX, LT_F32, LT_I32, LT_BOOL, LT_VEC, LT_NVEC, LT_MASK } LoopType;

typedef struct LoopExpr LoopExpr;
typedef struct LoopStmt LoopStmt;
typedef Vec(LoopStmt *) LoopBlock;

/* A scalar with a name: a loop variable, a constant, an accumulator, a parameter. */
typedef struct LoopVar {
    const char *name;         /* wish; NULL: numbered */
    const char *text;         /* its name in the text, the printer's */
    LoopType type;
    bool mutable;             /* an accumulator */
    int64_t lo, hi;           /* LT_INDEX: bounds of its value, inclusive, where known */
} LoopVar;

/* An array: a parameter of the function, or local to a block (lanes of accumulators). */
typedef struct LoopArray {
    const char *name;         /* wish */
    const char *text;         /* the printer's */
    PlaceType type;
    int64_t elements;         /* with all rows */
    int64_t lo, hi;           /* of integers: range of the values, where known */
    bool written, local;
} LoopArray;

typedef enum {
    X_INT,                    /* integer, LT_INDEX or LT_I32 or LT_BOOL */
    X_REAL,                   /* number, LT_F32 */
    X_VAR,
    X_ADD, X_SUB, X_MUL,      /* of LT_INDEX */
    X_QUO, X_REM,             /* floor division by a positive integer, LT_INDEX */
    X_MIN, X_MAX,             /* LT_INDEX */
    X_LT, X_LE, X_EQ, X_NE,   /* of LT_INDEX, LT_BOOL */
    X_AND,                    /* of LT_BOOL; the right side may rely on the left */
    X_OP,                     /* an operator of ops.def on scalars, or on vectors lane by lane */
    X_SELECT,                 /* arg[0] ? arg[1] : arg[2]; only the chosen side is evaluated */
    X_CAST,                   /* to `type`; float from an integer rounds to nearest */
    X_LOAD,                   /* array[index...] */
    X_VLOAD,                  /* a vector of the array's elements; see VectorPart */
    X_SPLAT,                  /* a scalar in every lane */
    X_LANE,                   /* the lanes' numbers, LT_NVEC */
    X_FIRST,                  /* the first arg[0] lanes, LT_MASK */
    X_VADD,                   /* of LT_VEC */
    X_FMA,                    /* arg[0] * arg[1] + arg[2], rounded once; LT_VEC */
    X_VFOLD,                  /* the lanes of arg[0] joined by `op` in a fixed tree; a scalar */
    X_UNIFORM                 /* element arg[0] of the function's random stream `integer`; as
                               * a vector, of sixteen from there on */
} LoopExprKind;

/* Which elements a vector stands for in memory: lane l's indices are index[i] + l * step[i]
 * where that is LT_INDEX, and lane l of it where it is LT_NVEC. Lanes that are left out are
 * neither read nor written, and 0 in what is read. */
typedef struct VectorPart {
    const int64_t *step;      /* one an axis */
    int lanes;                /* that many from the first on */
    LoopExpr *count;          /* not more than this either; NULL: no matter */
    LoopExpr *mask;           /* LT_MASK: of these, where it is true; NULL: all */
} VectorPart;

struct LoopExpr {
    LoopExprKind kind;
    LoopType type;
    Op op;
    int64_t integer;
    double real;
    LoopVar *var;
    int narg;
    LoopExpr **arg;           /* operands; of a load: one index an axis */
    LoopArray *array;
    const int64_t *dim;       /* of a load: extents of the axes; strides follow, row-major */
    VectorPart part;          /* X_VLOAD */
};

typedef enum {
    S_FOR,                    /* for (var = lo; var < hi; var += step) */
    S_LET,                    /* const var = value */
    S_VAR,                    /* var = value, mutable */
    S_SET,                    /* var = value again */
    S_ARRAY,                  /* a local array, zero at first; `filled`: not set at first */
    S_STORE,                  /* array[index...] = value, or += */
    S_VSTORE,                 /* the same for a vector; see VectorPart */
    S_TRANSPOSE,              /* a local array of 16 x 16 floats: its rows become columns */
    S_PREFETCH,               /* lines from array[index...] on will be needed; nothing is read, and
                               * indices may be out of bounds */
    S_IF,
    S_BLOCK,                  /* statements for which the names are reused after it */
    S_COMMENT
} LoopStmtKind;

struct LoopStmt {
    LoopStmtKind kind;
    LoopVar *var;
    LoopExpr *lo, *hi;
    int64_t step;
    bool parallel;            /* iterations are independent: divided among threads, also with
                               * a parallel loop around of which it is the whole body */
    LoopExpr *value;          /* or the condition */
    LoopArray *array;
    int rank;
    LoopExpr **index;
    const int64_t *dim;
    bool add;                 /* a store that accumulates */
    bool filled;              /* an array: every element is stored before it is read */
    VectorPart part;          /* S_VSTORE */
    int64_t rows;             /* S_PREFETCH: so many, each `step` elements behind the one before, */
    int lines;                /* of so many lines of the cache */
    LoopBlock body;
    const char *text;
};

/* A kernel as a function. Parameters: n and threads where used, arrays, scalars. */
typedef struct LoopFunction {
    const char *name;
    const char *avoid;        /* a name that parameters and locals may not hide, or NULL */
    const char *comment;      /* what it computes, where from, its shape; lines */
    LoopVar *rows, *threads;  /* NULL: not used */
    LoopVar *total, *first;   /* rows of the whole call where `rows` are a slice's; its first */
    Vec(LoopArray *) array;
    Vec(LoopVar *) scalar;    /* times of scans */
    LoopVar *seed, *step;     /* of random streams; NULL: not used */
    int streams;              /* that it draws from, parameters too */
    LoopBlock body;
    LoopBlock small;          /* the same for machines with few vector registers; or empty */
} LoopFunction;

/* ---- loop.c: constructors; index arithmetic folds constants -------------------------- */

LoopExpr *lx_int(Arena *a, LoopType t, int64_t v);
LoopExpr *lx_real(Arena *a, double v);
LoopExpr *lx_var(Arena *a, LoopVar *v);
LoopExpr *lx_add(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_sub(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_mul(Arena *a, LoopExpr *x, int64_t c);
LoopExpr *lx_times(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_quo(Arena *a, LoopExpr *x, int64_t c);
LoopExpr *lx_rem(Arena *a, LoopExpr *x, int64_t c);
LoopExpr *lx_min(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_max(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_test(Arena *a, LoopExprKind k, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_and(Arena *a, LoopExpr *x, LoopExpr *y);       /* NULL stands for true */
LoopExpr *lx_op(Arena *a, Op op, LoopType t, LoopExpr *const *arg);
LoopExpr *lx_select(Arena *a, LoopExpr *c, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_cast(Arena *a, LoopType t, LoopExpr *x);
LoopExpr *lx_load(Arena *a, LoopArray *from, int rank, const int64_t *dim, LoopExpr *const *index);
LoopExpr *lx_vload(Arena *a, LoopArray *from, int rank, const int64_t *dim, LoopExpr *const *index,
                   int lanes);
LoopExpr *lx_vload_part(Arena *a, LoopType t, LoopArray *from, int rank, const int64_t *dim,
                        LoopExpr *const *index, VectorPart part);
LoopExpr *lx_splat(Arena *a, LoopExpr *x);
LoopExpr *lx_lane(Arena *a);
LoopExpr *lx_first(Arena *a, LoopExpr *count);
LoopExpr *lx_vfold(Arena *a, Op op, LoopExpr *x);
LoopExpr *lx_vadd(Arena *a, LoopExpr *x, LoopExpr *y);
LoopExpr *lx_fma(Arena *a, LoopExpr *x, LoopExpr *y, LoopExpr *z);
LoopExpr *lx_uniform(Arena *a, int64_t stream, LoopExpr *element);

LoopVar *loop_var(Arena *a, LoopType t, const char *name);
LoopArray *loop_array(Arena *a, PlaceType t, int64_t elements, const char *name);
LoopType loop_type(DType t);
LoopType vector_type(LoopType scalar);   /* of LT_F32, LT_I32, LT_BOOL */
bool is_vector(LoopType t);
/* How far apart in memory lanes are; false: not by a constant. */
bool vector_stride(int rank, const int64_t *dim, LoopExpr *const *index, const int64_t *step,
                   int64_t *stride);

LoopStmt *ls_for(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *lo, LoopExpr *hi, int64_t step);
LoopExpr *ls_let(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value);   /* a use of it */
void ls_var(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value);
void ls_set(Arena *a, LoopBlock *to, LoopVar *v, LoopExpr *value);
LoopStmt *ls_array(Arena *a, LoopBlock *to, LoopArray *array);
LoopStmt *ls_store(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
                   LoopExpr *const *index, LoopExpr *value, bool add);
LoopStmt *ls_vstore(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
                    LoopExpr *const *index, LoopExpr *value, int lanes);
LoopStmt *ls_vstore_part(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
                         LoopExpr *const *index, LoopExpr *value, VectorPart part);
void ls_transpose(Arena *a, LoopBlock *to, LoopArray *array);
LoopStmt *ls_prefetch(Arena *a, LoopBlock *to, LoopArray *array, int rank, const int64_t *dim,
                      LoopExpr *const *index);   /* of one row and line */
LoopStmt *ls_if(Arena *a, LoopBlock *to, LoopExpr *condition);
LoopStmt *ls_block(Arena *a, LoopBlock *to);
void ls_comment(Arena *a, LoopBlock *to, const char *text);

/* ---- vectorize.c --------------------------------------------------------------------- */

/* Loops as vector code, where that is allowed and pays; values keep their bits. */
void vectorize(Arena *a, LoopFunction *f, int64_t batch);

/* ---- loop_check.c -------------------------------------------------------------------- */

/* NULL when f is sound, else what is wrong with it (in the arena). `batch`: most rows. */
const char *loop_check(Arena *a, const LoopFunction *f, int64_t batch);

/* ---- emit.c -------------------------------------------------------------------------- */

/* The function's text. Canonical: without comment and with numbered names instead of
 * names for people, so that functions alike but for their operands have equal text. */
char *emit_function(Arena *a, const LoopFunction *f, int64_t batch, bool canonical);
/* A float constant as C text. */
char *emit_real(Arena *a, double v);
const char *place_type_c(PlaceType t);

#endif
