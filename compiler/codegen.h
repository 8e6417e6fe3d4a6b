/* codegen.h - from graph to C functions: what the rest of the compiler asks of this part.
 *
 * A Routine is a set of values to compute and the places where they go. Compiling one
 * fuses its nodes into kernels, schedules these as loops, plans one arena for everything
 * in between, and leaves the loops in the Codegen; printing writes, in this order, the
 * constant tables, a static C function for each kernel (kernels alike but for their
 * operands are one function), and a static driver function for each routine:
 *
 *   static int NAME([const] char *model, char *work, char *arena, int64_t n, int threads,
 *                   uint64_t seed, uint32_t step, <the routine's own arguments>)
 *
 * which returns DL_OK, or DL_E_LOSS when the value of `finite` is not (then nothing but
 * early roots was written). Unused parameters are marked as such by a cast to void; a
 * scalar parameter that no kernel needs is still there, so all drivers are called alike.
 * model is const where no root is placed in the model. The text stands on
 * runtime/{dl_arithmetic.h,dl.h,dl_math.h,dl_random.h,dl_vector.h} and <stdint.h>, which the
 * caller includes before, dl_arithmetic.h first.
 *
 * Alignment: model, work, arena are 64-byte aligned, offsets of places at least 4. */
#ifndef DLC_CODEGEN_H
#define DLC_CODEGEN_H

#include "graph.h"

typedef enum { P_MODEL, P_WORK, P_ARG } PlaceObject;
typedef enum { PT_F32, PT_I32, PT_U8, PT_F64, PT_I64 } PlaceType;   /* bool is PT_U8 */

/* Where the elements of a tensor are: row-major, the batch axis with `batch` rows in
 * model and work, with the call's n in arguments. */
typedef struct Place {
    PlaceObject object;
    int64_t offset;          /* bytes from the start of the object (of an argument too: totals) */
    int arg;                 /* P_ARG: which of the routine's arguments */
    const char *name;        /* of the member there, for people; NULL: the tensor's */
    PlaceType type;
} Place;

PlaceType place_type(DType t);          /* how a dtype is usually stored */

typedef struct Root {
    Node *value;             /* no dependence on open scans */
    Place to;
    bool accumulate;         /* += (gradients; totals in f64, i64) */
    bool early;              /* written before the check of `finite` */
} Root;

typedef struct Binding {
    Node *leaf;
    Place from;
    int64_t bound;           /* the caller has checked 0 <= values < bound; 0: unknown */
} Binding;

typedef struct RoutineArg {
    const char *name;        /* of the C parameter */
    PlaceType type;
    bool written;            /* else pointer to const */
    const char *struct_type; /* NULL, or the pointer's type ("cifar10_totals"): seen as bytes */
} RoutineArg;

/* Leaves that need no binding: L_DATA, L_UNIFORM, L_ROWS (n), L_STEP (step). A leaf that is
 * also the place of a root keeps its old value until its last read. */
typedef struct Routine {
    const char *name;        /* of the driver function */
    const char *comment;     /* one line above it */
    Vec(RoutineArg) arg;
    Vec(Root) root;
    Vec(Binding) leaf;
    Node *finite;            /* one of the early roots' values: f32 scalar; NULL: no check */
    int64_t rows;            /* most rows of a call; 0: those of the batch */
} Routine;

typedef struct PlanBuffer {
    const char *name;        /* for people: path, name, or source line */
    int64_t offset, bytes;   /* in the arena, or in each thread's part of it */
    bool local;
    int first, last;         /* kernels, in order of execution, that write and last read it */
} PlanBuffer;

/* Kernels that run one after another for a slice of rows at a time. */
typedef struct PlanStretch {
    int first, last;         /* kernels */
    int64_t slice_rows;
} PlanStretch;

/* What a kernel reads or writes: a place in memory, and what is there for people. */
typedef struct PlanArray {
    const void *memory;      /* equal to others' at the same place */
    const char *name;
    bool written;
} PlanArray;

typedef struct PlanKernel {
    const char *function;    /* C function, or "scan" */
    const char *what;        /* what it computes, one line */
    int depth;               /* nesting in scans */
    double flops, bytes;     /* a call with all rows */
    double times;            /* it is called so often: steps of the scans that it stands in */
    int timer;               /* its number in code that times its kernels */
    Vec(PlanArray) array;
} PlanKernel;

/* Of the backward pass: a gradient is named so where it is made (grad.c). */
bool plan_kernel_is_gradient(const PlanKernel *k);

typedef struct Plan {
    int64_t arena;           /* bytes, a multiple of 64 */
    double flops;            /* operations on reals, of a call with all rows */
    double flops_before;     /* what they would be without a limit of memory */
    int64_t local, groups;   /* more, behind them, for each thread; no more than `groups` */
    int64_t group_rows;
    Vec(PlanStretch) stretch;
    Vec(PlanBuffer) buffer;
    Vec(PlanKernel) kernel;
} Plan;

typedef struct Codegen Codegen;

/* How threads share a routine's work: slices of rows through many kernels, or each kernel for
 * itself. It shows in the last bits, so it is no function of the machine. */
typedef enum { THREADING_BY_COST, THREADING_SLICES, THREADING_KERNELS } Threading;

/* How much a routine does to need less memory; each does what those before it do. */
typedef enum {
    THRIFT_NONE,
    THRIFT_SLICES,           /* slices of one row, wherever there can be slices */
    THRIFT_FUNCTIONS,        /* elementwise results are made again, however dear they are */
    THRIFT_SUMS,             /* and sums: convolutions, products */
    THRIFT_GROUPS,           /* two groups of rows: fewer partial sums, no more than two threads */
    THRIFTS
} Thrift;

/* prefix: begins every emitted name ("cifar10"); file: the source's name, for comments. */
Codegen *codegen_new(Arena *a, Graph *g, const char *prefix, const char *file, int64_t batch);
void codegen_threading(Codegen *cg, Threading how);
/* Arena and one thread's part are to fit these bytes (0: no limit), if they can. */
void codegen_memory(Codegen *cg, int64_t bytes);
/* Every call of a kernel is DL_TIMED(timer, call): templates/timed.h.in. */
void codegen_time_kernels(Codegen *cg);
const Plan *codegen_routine(Codegen *cg, const Routine *r);

void codegen_print(Codegen *cg, FILE *f);         /* tables, kernels, drivers */

#endif
