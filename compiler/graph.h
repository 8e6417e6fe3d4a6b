/* graph.h - the graph: tensors defined by their elements.
 *
 * Three ideas:
 *  - A Node is a tensor: a leaf, a comprehension `out[i...] = fold(r...) body`, the value
 *    carried into a step of a scan, or the values that a node had over a scan's steps.
 *  - A comprehension's body is a scalar Expr: a DAG over constants, variables, loads and
 *    the operators of ops.def.
 *  - Both are hash-consed in their Graph: equal things are the same pointer, so that
 *    common subexpressions never exist twice and `==` is equality.
 * Everything is immutable once built, but for a Scan's `next`, set when it is closed.
 * The constructors (the only way to build) simplify locally: constants fold, integer
 * expressions take one canonical affine form, tests decided by ranges vanish. Real
 * arithmetic is never reassociated, and x*0 is not 0 (NaN, infinity).
 *
 * Absence. A load has an optional guard: where the guard is false nothing is read and the
 * value is 0 (false for bool). So `x[i-1] else 7` is select(g, load(x, i-1; g), 7), and
 * select needs no laziness. A comprehension has an optional guard too: elements of the
 * fold where it is false are left out (sum 0, prod 1, max -inf, min inf, arg... 0 when
 * nothing remains), and the body is not evaluated there. */
#ifndef DLC_GRAPH_H
#define DLC_GRAPH_H

#include "../dsl/base.h"

enum { MAX_RANK = 12 };      /* of a tensor */
enum { MAX_VARS = 24 };      /* of a comprehension: out and fold variables together */

/* The one extent that is open at run time: the number of rows n, 1 <= n <= batch. */
#define DIM_BATCH ((int64_t)-1)

typedef enum { T_F32, T_I32, T_U8, T_BOOL } DType;
const char *dtype_name(DType t);              /* "f32" ... */
size_t dtype_size(DType t);                   /* bytes in memory: 4 4 1 1 */

/* ---- operators: ops.def expanded ----------------------------------------- */

typedef enum {
#define OP(name, ...) OP_##name,
#include "ops.def"
    OP_COUNT
} Op;

typedef enum { OT_REAL, OT_SAME, OT_INT, OT_TEST, OT_LOGIC, OT_BRANCH, OT_TOREAL, OT_TOINT } OpType;
enum { OPF_COMM = 1, OPF_ASSOC = 2, OPF_IDEM = 4, OPF_CHEAP = 8, OPF_SYNTAX = 16, OPF_SINGULAR = 32,
       OPF_LINEAR = 64 };

typedef struct OpInfo {
    const char *name;
    int arity;
    OpType type;
    unsigned flags;
    double lo, hi;
    const char *real, *integer;   /* C text over x, y, z; integer == NULL: none */
} OpInfo;
extern const OpInfo op_info[OP_COUNT];
Op op_by_name(const char *name);              /* OP_COUNT: no such operator */

/* ---- expressions ----------------------------------------------------------- */

typedef struct Graph Graph;
typedef struct Node Node;
typedef struct Expr Expr;
typedef struct Scan Scan;

typedef enum {
    E_CONST,    /* value */
    E_VAR,      /* variable `var` of the comprehension: 0..rank-1 out, rank.. fold; i32 */
    E_TIME,     /* the step of `scan`, 0 <= t < extent (the natural index, reversed or not) */
    E_LOAD,     /* node[arg...], guard */
    E_OP        /* op(arg...) */
} ExprKind;

struct Expr {
    ExprKind kind;
    DType dtype;              /* f32, i32 or bool; loads of u8 are i32 */
    Op op;
    int narg;
    Expr **arg;               /* operands, or a load's index expressions (i32, one an axis) */
    Expr *guard;              /* of a load, bool; NULL: always */
    Node *node;               /* of a load */
    Scan *scan;               /* of E_TIME */
    double value;             /* of a constant: exact for i32 and bool */
    int var;
    int64_t extent;           /* of a variable: 0 <= var < extent; may be DIM_BATCH */
    int64_t lo, hi;           /* range of an i32 or bool expression, inclusive */
    uint32_t vars;            /* which variables occur in it (bit = number), guards included */
    bool loads;               /* is a load, or has one in it */
    const struct Affine *affine; /* of a sum of i32: its terms; NULL: an atom, or not i32 */
    const Scan *const *in; int nin; /* scans whose time or carries occur in it, as Node.in */
    uint64_t hash;            /* of its content, the same in every graph that has it */
    int id;                   /* order of creation in its graph */
};

/* Constructors, expr.c. Operands of mixed types are converted as ops.def says. An integer
 * or test whose range is one value is a constant: also the variable of an extent of 1. */
Expr *ex_real(Graph *g, double v);
Expr *ex_int(Graph *g, int64_t v);
Expr *ex_bool(Graph *g, bool v);
Expr *ex_var(Graph *g, int var, int64_t extent);
Expr *ex_time(Graph *g, Scan *s);
Expr *ex_load(Graph *g, Node *n, Expr *const *index, Expr *guard);
Expr *ex_element(Graph *g, Node *n);   /* loaded at the variables 0, 1, ... of its own axes */
Expr *ex_op(Graph *g, Op op, Expr *const *arg);
Expr *ex_op1(Graph *g, Op op, Expr *a);
Expr *ex_op2(Graph *g, Op op, Expr *a, Expr *b);
Expr *ex_select(Graph *g, Expr *c, Expr *a, Expr *b);
Expr *ex_and(Graph *g, Expr *a, Expr *b);   /* NULL is true, on either side and as the result */
Expr *ex_in_range(Graph *g, Expr *e, int64_t extent); /* 0 <= e < extent; NULL when always */
Expr *ex_rows(Graph *g);                                /* n, the rows of this call; i32 */
bool ex_is_const(const Expr *e, double v);
static inline bool ex_has_load(const Expr *e) { return e && e->loads; }

/* Rebuild with every variable k replaced by to[k] (NULL: kept), through the constructors. */
Expr *ex_subst(Graph *g, Expr *e, Expr *const *to);
/* Rebuild with every load (index and guard already rebuilt) replaced by what f returns. */
typedef Expr *ExLoadFn(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard);
/* Both at once, and E_TIME of `scan` by `time` when time is not NULL. f NULL: loads stay. */
Expr *ex_rewrite(Graph *g, Expr *e, Expr *const *to, Scan *scan, Expr *time, ExLoadFn *f,
        void *ctx);

/* An i32 expression as  c0 + sum c[k]*atom[k]; atoms are variables, times, or opaque
 * expressions (quotients, remainders, loads, products of unknowns), in order of kind, number
 * and content (ex_before), so that no order of building shows. A sum of more than
 * MAX_TERMS terms is itself an atom. Values wrap at 32 bits as machine integers do; what
 * does not hold under wrapping is concluded only where ranges exclude it. */
enum { MAX_TERMS = 16 };
typedef struct Term { int64_t c; Expr *atom; } Term;
typedef struct Affine { int64_t c0; int n; Term term[MAX_TERMS]; } Affine;
bool ex_affine(const Expr *e, Affine *out);        /* false: not an i32 */
Expr *ex_from_affine(Graph *g, const Affine *a);
bool ex_before(const Expr *a, const Expr *b);

/* ---- nodes ------------------------------------------------------------------ */

typedef enum {
    N_LEAF,
    N_COMP,     /* comprehension */
    N_CARRY,    /* value carried into a step of `scan`: what init or the last step left */
    N_STACK     /* [extent, ...of]: the values of node `of` over the steps of `scan` */
} NodeKind;

typedef enum {
    L_INPUT, L_TARGET,      /* from the caller, per call */
    L_PARAM,                /* trained; by its path */
    L_STATE,                /* running statistics and the like: per model */
    L_ROW_STATE,            /* per row, in the work area (first axis is batch) */
    L_SLOT,                 /* an optimiser's state, by path "rule/param" */
    L_GRAD,                 /* accumulated gradient of a parameter (in apply only) */
    L_NUMBER,               /* a named scalar, settable at run time; f32[] */
    L_STEP,                 /* number of training steps done, from 0; i32[] */
    L_ROWS,                 /* n, the rows of this call; i32[] */
    L_TOTAL,                /* a metric's total (in result expressions only) */
    L_DATA,                 /* constant elements, `data` */
    L_UNIFORM               /* random numbers in [0, 1), never stored: element e is
                             * Philox4x32-10 of (seed, step, stream, logical index) */
} LeafKind;

typedef enum { F_NONE, F_SUM, F_PROD, F_MAX, F_MIN, F_ARGMAX, F_ARGMIN } Fold;
/* arg folds give the first position as i32; several variables count row-major. */

struct Node {
    NodeKind kind;
    DType dtype;
    int rank;
    const int64_t *dim;        /* DIM_BATCH for the rows */
    int id;                    /* order of creation: operands come before users */
    Span span;                 /* where it comes from; a gradient has its primal's */
    const char *name;          /* leaf: path or name; else a hint for people, or NULL */
    bool is_grad;
    bool kept;                 /* stored, not made again where it is used (factor.h) */
    /* leaf */
    LeafKind leaf;
    const double *data;        /* L_DATA: row-major */
    uint32_t stream;           /* L_UNIFORM */
    /* comprehension */
    Fold fold;
    int nfold;
    const int64_t *fold_dim;   /* variable rank+k has extent fold_dim[k] */
    Expr *guard;               /* only with a fold; NULL: nothing left out */
    Expr *body;
    int copy;                  /* nodes alike but for this are computed apart; as a rule 0 */
    /* carry, stack */
    Scan *scan;
    int carry;                 /* N_CARRY: which */
    Node *of;                  /* N_STACK */
    /* the open scans whose time or carries it depends on, by id, ascending: a node with
     * none is computed once, others once a step */
    const Scan *const *in; int nin;
    uint64_t hash;             /* of its content */
};

/* A loop over `extent` steps. A node of its body is one that depends on its time or
 * carries; what does not depend on them is outside by construction. Results leave only
 * through N_STACK (the last value is a load of it at the last step), so a gradient may
 * stack more of the body's nodes without a new scan. */
struct Scan {
    int id;
    int64_t extent;
    bool reversed;
    int n;                     /* carried values */
    Node **carry;              /* N_CARRY */
    Node **init;               /* outside the scan */
    Node **next;               /* set by scan_close */
    bool closed;
    Span span;
    const Scan *const *in; int nin;   /* scans it stands in itself; known when it is closed */
    const Scan *around;               /* of scan_nest; NULL: none */
    uint64_t hash;
    int first_expr, first_node;       /* what was built before has other ids */
};

struct Graph { Arena *arena; struct GraphTables *t; };   /* tables: graph.c */

Graph *graph_new(Arena *a);

Node *node_leaf(Graph *g, LeafKind k, DType t, int rank, const int64_t *dim, const char *name,
        Span at);
Node *node_data(Graph *g, DType t, int rank, const int64_t *dim, const double *data, Span at);
/* Logical index of an element: row-major, with the batch axis (if any) counted as the
 * slowest. Numbers drawn afresh in each step of a scan: an axis for the time, loaded at t. */
Node *node_uniform(Graph *g, int rank, const int64_t *dim, uint32_t stream, Span at);
/* The workhorse. Variables in guard and body as described at E_VAR. Simplifies: fold axes
 * of extent 1 vanish, a sum over variables that occur nowhere is a multiple, a fold variable
 * fixed by an equality guard is eliminated (solve.h), a guard without a fold becomes a
 * select, an identity copy is its source. dtype of the result: the body's (i32 for arg
 * folds). */
Node *node_comp(Graph *g, int rank, const int64_t *dim, Fold f, int nfold, const int64_t *fold_dim,
                Expr *guard, Expr *body, Span at);
Node *node_stack(Graph *g, Scan *s, Node *of, Span at);

/* A scan is opened with its initial values, its body is built from s->carry[] and
 * ex_time(s), and it is closed with the values for the next step (same shapes, dtypes). */
Scan *scan_open(Graph *g, int64_t extent, bool reversed, int n, Node *const *init, Span at);
void scan_close(Graph *g, Scan *s, Node *const *next);
/* Says, before its body is built, that a scan stands in another, although its carries may
 * not depend on that one: other nodes of its body do. */
void scan_nest(Graph *g, Scan *s, const Scan *around);
Node *scan_last(Graph *g, Scan *s, Node *of, Span at);  /* a body node's value in the last step */

bool node_in_scan(const Node *n, const Scan *s);
double node_steps(const Node *n);       /* how often it is computed: steps of the scans around */
/* Overflow is an ICE: shapes were checked on entry. */
int64_t node_elements(const Node *n, int64_t batch);
bool node_has_rows(const Node *n);     /* its first axis is the batch */

/* Whole-tensor helpers on top of node_comp, aligned from the right as the language aligns. */
/* Elementwise with broadcasting; the caller has checked the shapes. */
Node *node_map(Graph *g, Op op, Node *const *arg, Span at);
Node *node_scalar(Graph *g, double v, Span at);
Node *node_zeros(Graph *g, DType t, int rank, const int64_t *dim, Span at);

/* All nodes that the roots need, operands first, scan bodies included; deterministic. */
typedef Vec(Node *) NodeList;
NodeList graph_order(Graph *g, Node *const *root, int n);
bool node_list_has(NodeList list, const Node *n);
int graph_nodes(const Graph *g);        /* built so far: the next one's id */
/* Nodes loaded by n's expressions (a carry: its scan's inits and nexts; a stack: of and those). */
NodeList node_operands(Graph *g, const Node *n);

/* A comprehension like n that is not n. */
Node *node_copy(Graph *g, const Node *n);

/* Rebuilds what the roots need with every node from[k] replaced by to[k] (scans are cloned
 * when anything inside them changes); root[] is overwritten. */
void graph_replace(Graph *g, Node **root, int n, Node *const *from, Node *const *to, int m);

/* Rebuilds what the roots need with what `make` makes of every wanted comprehension (by id),
 * which it is given with its operands already rebuilt. */
typedef Node *NodeMakeFn(void *ctx, Graph *g, Node *n);
void graph_remake(Graph *g, Node **root, int n, const bool *wanted, NodeMakeFn *make, void *ctx);

/* ---- the other files over graphs ------------------------------------------- */

/* graph_text.c: prints roots and what they need (graph_text.h describes the form);
 * graph_read.c reads it back to the same text. */
void graph_print(FILE *f, Graph *g, Node *const *root, const char *const *root_name, int n);
/* false with a diag_error when the text is wrong. */
bool graph_read(Graph *g, const Source *src, NodeList *root, const char ***root_name);

/* graph_check.c: every load has its node's rank and is not out of bounds for certain, types
 * fit, variables are the comprehension's own, no cycles but through carries, nothing leaves a
 * scan but through a stack; ICE otherwise. */
void graph_check(Graph *g, Node *const *root, int n);

#endif
