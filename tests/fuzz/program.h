/* program.h - random programs: what the parts of the generator share.
 *
 * A program is text of the language, well formed by construction: the generator knows the
 * shape of every tensor and the range of every index. Values stay tame: each expression has
 * an estimate of its magnitude, and what grows is squashed. The same seed gives the same
 * text. */
#ifndef DLC_FUZZ_PROGRAM_H
#define DLC_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_TENSORS = 60, MAX_AXES = 6, MAX_INDICES = 8, MAX_TEXT = 8192 };
enum { ROWS = -1 }; /* the extent of the batch axis */

typedef enum { REAL, INTEGER, TRUTH } Type;

typedef struct Tensor {
    char name[12];
    Type type;
    int rank, dim[MAX_AXES];
    int bound;         /* integers: values in [0, bound); 0: unknown */
    double magnitude;  /* of its elements, about */
    uint64_t from;     /* a bit for each tensor that it is a differentiable function of */
    bool data;         /* an integer input or target: its range follows from its use */
    bool used, target; /* read by something; made of a target */
} Tensor;

/* An index variable of the statement that is being made. */
typedef struct Index {
    char name[4];
    int lo, hi;        /* hi excluded; ROWS: over the batch */
    int fits, misfits; /* how often it stands alone on an axis of its extent, of another */
} Index;

typedef struct Text {
    char at[MAX_TEXT];
    size_t n;
} Text;

typedef struct Maker {
    uint64_t state; /* of the random numbers */
    bool gradients; /* may use grad(y, x) */
    Text out;       /* the body of the model */
    Text top;       /* definitions in front of it */
    int ntensor, names;
    Tensor tensor[MAX_TENSORS];
    int nindex;
    Index index[MAX_INDICES];
    /* of the statement that is being made */
    uint64_t from;
    int flat; /* depth of operators without a derivative */
    bool rows_loaded, target;
    double cost; /* evaluations of its body, about */
} Maker;

/* program.c */
int below(Maker *m, int n);
bool chance(Maker *m, int percent);
int pick_size(Maker *m);
void put(Text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *pick_text(Maker *m, const char *const *list, int n);
#define PICK(m, ...)                                                                               \
    pick_text(m, (const char *const[]){__VA_ARGS__},                                               \
            (int)(sizeof(const char *const[]){__VA_ARGS__} / sizeof(const char *)))

Tensor *new_tensor(Maker *m, const char *letter, Type type, int rank, const int *dim);
Tensor *any_tensor(Maker *m, Type type, bool (*fits)(const Maker *, const Tensor *));
bool has_rows(const Tensor *t);
int row_elements(const Tensor *t);
void note_use(Maker *m, Tensor *t);
void put_type(Text *t, const Tensor *of);

/* program_expr.c: elements */
double put_real(Maker *m, Text *t, int depth); /* returns the magnitude */
void put_condition(Maker *m, Text *t, int depth);
void put_integer(Maker *m, Text *t);
double put_load(Maker *m, Text *t, Tensor *of);
bool put_safe_load(Maker *m, Text *t, Tensor *of); /* of a tensor, plain where it can */
void put_indices(Maker *m, Text *t, const Index *index, int n);

/* program_statement.c: statements in index notation; program_whole.c: whole tensors, scans,
 * layers, gradients */
void put_element_statement(Maker *m);
void put_whole_statement(Maker *m);

/* Prints a program; model and train block have that name. */
void random_program(FILE *f, const char *name, uint64_t seed, bool gradients);

#endif
