/* eval_internal.h - the interpreter's parts: values (eval.c), the compiled expressions that a
 * comprehension runs block by block (eval_expr.c), its loops and folds (eval_comp.c). */
#ifndef DLC_EVAL_INTERNAL_H
#define DLC_EVAL_INTERNAL_H

#include "eval.h"

enum { BLOCK = 256 };       /* points evaluated at a time */

/* Elements, and beside them what was asked for. */
typedef struct Values { double *value, *scale, *margin; } Values;

/* One way of running a scan: for the stacks that it fills. */
typedef struct ScanRun {
    Scan *scan;
    NodeList body;              /* in order; none of them in a scan that is not running */
    NodeList stacks;
    Values *next;               /* what the carries become, by carry */
} ScanRun;

typedef struct NodeState {
    Values v;
    bool done;
    struct Loops *loops;        /* of a comprehension, compiled */
    ScanRun *run;               /* of a stack */
} NodeState;

struct Eval {
    Graph *graph;
    Arena *arena;               /* programs and lists; values are malloc'ed */
    int64_t rows;
    uint64_t seed;
    uint32_t step;
    bool keep_scale, keep_margin;
    int n;                      /* nodes that have a state */
    NodeState *state;           /* by node id */
    int64_t *time;              /* by scan id: the step it is in */
    NodeList order;             /* what the node asked for needs */
    Vec(ScanRun *) runs;
    const char *error;
    Eval *margins;              /* the same with margins kept, once somebody asked */
};

int64_t eval_extent(const Eval *e, int64_t dim);
bool eval_fail(Eval *e, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Room for the node's elements; false when there is none. */
bool eval_room(Eval *e, const Node *n);

/* ---- eval_expr.c ------------------------------------------------------------------- */

/* Numbers that loops count along: value c0 + sum stride[v] * (variable v). */
typedef struct Counter {
    int64_t c0, stride[MAX_VARS];
    int64_t column[BLOCK];
} Counter;

/* An instruction writes the register of its number: a column of BLOCK values. */
typedef struct Instr {
    const Expr *expr;
    int src[3];
    /* A load's element is a sum of variables, which the loops count, and of columns: its index
     * map and its strides are one sum. */
    Counter *element;
    int nterm;
    struct LoadTerm { int64_t c; int reg; } *term;
    int ncheck;                 /* axes whose index no range proves to be in bounds */
    struct LoadCheck { int reg, axis; } *check;
    int guard;                  /* register, or -1 */
} Instr;

typedef struct Program {
    int n, cap;
    Instr *instr;
    Values *reg;                /* columns; those of variables belong to the loops */
    int *reg_of;                /* by expression id, + 1; only while compiling */
    double *const *var;         /* columns of the variables */
    uint32_t counted;           /* variables that loops count, */
    uint32_t used;              /* and those whose columns the program reads */
    Vec(Counter *) counter;
    Span span;
} Program;

/* var[k]: the column of variable k. NULL body: an empty program. */
Program *program_new(Eval *e, Expr *body, double *const *var, uint32_t counted, Span span);
/* Runs it over n points; false after a failure. The last register is the result. */
bool program_run(Eval *e, Program *p, int n);
Values program_result(const Program *p);

/* ---- eval_comp.c --------------------------------------------------------------------- */

bool eval_comp(Eval *e, Node *n);

#endif
