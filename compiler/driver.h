/* driver.h - what the command line calls: from a file's name to a Model, to generated C,
 * to a table that can be run. Each prints its own messages; NULL or false after errors. */
#ifndef DLC_DRIVER_H
#define DLC_DRIVER_H

#include "../runtime/dl.h"
#include "model.h"
#include "program.h"

typedef struct Options {
    const char *input;             /* the .dl file, the first of them */
    const char **files;            /* of fmt, which takes several */
    int nfiles;
    const char *output, *header;   /* -o, -h */
    const char *prefix;
    const char *dependency_file;   /* -MF; NULL: beside the output, when `dependencies` asks for one */
    const char *dump;              /* --dump=PASS */
    const char *stop_after;
    const char *parallel;          /* slices, kernels; NULL: by cost */
    const char *memory;            /* of a routine's scratch: bytes, or with K, M, G */
    const char *without;           /* names of mechanism.def, with commas; NULL: all are at work */
    LowerOptions lower;
    bool standalone, with_main, dependencies;
    bool time_passes, list_passes;
    bool help, check_only;         /* --help of a command; --check of fmt */
    bool interpret, definition;    /* in single, or in double precision */
    bool gradients, dot, dot_fused, paths;
    const char *plot;              /* of show: the memory plan; of bench: bars and roofline */
    const char *graph, *graph_layers, *graph_fused, *filters, *embedding;   /* pictures of show */
    int nreference;                /* of bench: NAME=MICROSECONDS, measured elsewhere */
    const char **reference;
    const char *weights;           /* of show: what was trained */
    bool explain;                  /* the entry `explain`, of this output (NULL: the first) */
    const char *explained;
    int ntap;                      /* the entry `tap`, of tensors of these names */
    const char **tap;
    bool timed;                    /* generated code times its kernels */
    bool json;
    const char *seconds, *threads; /* of bench */
} Options;

/* driver.c */
Model *driver_model(Arena *a, const Options *o);                 /* parse, check, lower */
bool driver_compile(Arena *a, const Options *o);                 /* writes the C files, whole or not at all */

bool driver_write(Arena *a, const Options *o, const Model *m, const char *output, const char *header);

bool driver_write_text(Arena *a, const char *path, const char *text);

Program *driver_plan(Arena *a, const Options *o, const Model *m);   /* generated, nothing written */

/* build.c: generated code in this process. The shared object stays loaded. */
const dl_model *build_table(Arena *a, const Options *o, Model *m);
/* The same in two steps; timed: every kernel's time is added up (templates/timed.h.in). */
void *build_library(Arena *a, const Options *o, const Model *m, bool timed);
const dl_model *library_table(Arena *a, void *library, const Model *m);
void *build_text(Arena *a, const char *text);       /* any C text, as a library */

/* interpret.c: the same table, run by the interpreter in double precision, which says what the
 * model means, or in single, as an eager framework would. One model a process. */
const dl_model *interpret_table(Arena *a, Model *m);
const dl_model *interpret_table32(Arena *a, Model *m);
/* Appends which tensor is the first that is not finite, with its source line. */
void interpret_explain(const Model *m, const dl_model *table, const void *model, int64_t n,
        const void *const *data, char *text, size_t size);

/* show.c, bench.c, check_gradients.c */
int show_model(Arena *a, const Options *o, Model *m);
int bench_model(Arena *a, const Options *o);
int check_gradients(Arena *a, Model *m);

#endif
