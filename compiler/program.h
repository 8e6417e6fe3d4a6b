/* program.h - a Model as the set of routines that its generated code consists of, with
 * every stored tensor given a C name. Between model.h (what it means) and codegen.h. */
#ifndef DLC_PROGRAM_H
#define DLC_PROGRAM_H

#include "codegen.h"
#include "lookup.h"
#include "model.h"

/* A tensor that an object of the generated code holds, as a member of its struct. */
typedef struct Member {
    const char *path;          /* as in saved files */
    const char *c_name;
    Node *leaf;
    int64_t elements;          /* with batch rows */
    int64_t offset;            /* bytes from the object's start: what the C compiler will find too */
    int role;                  /* dl_role, by value */
    PlaceType type;
    const Var *var;            /* NULL: a number */
    double value;              /* of a number */
    Span span;
} Member;

/* Whether it begins as zeros, which init leaves there. */
bool member_begins_zero(const Member *m);

/* What is found by a member's name or leaf. */
typedef struct MemberName { const char *c_name; const Node *leaf; Place place; } MemberName;

/* A routine and, once generated, its plan. */
typedef struct Use { Routine routine; const Plan *plan; } Use;

/* An entry is compiled twice: for a row alone, and for up to the batch's. */
typedef struct EntryUse {
    const Entry *entry;
    const char *c_name;
    Use *run;
    Use *one;                  /* NULL where the batch is one row, or nothing has rows */
} EntryUse;

typedef struct Program {
    const Model *model;
    const char *prefix;        /* of every exported name: the model's name, or --prefix */
    Vec(Member) in_model, in_work;   /* in the order of the structs */
    Vec(MemberName) member;          /* of both */
    Lookup by_name, by_leaf;         /* their indices */
    int64_t model_bytes, work_bytes; /* up to the end of the last member, 64-byte aligned */
    Use *init, *step, *accumulate, *apply, *evaluate;   /* NULL without a loss */
    Vec(EntryUse) entry;
    Vec(Use *) all;            /* in order of emission */
} Program;

/* Builds the routines; code generation has not run yet. */
Program *program_build(Arena *a, const Model *m, const char *prefix);

/* A C identifier for a path, distinct from those already taken. */
const char *c_identifier(Arena *a, const char *path);
const char *c_type_name(Arena *a, const char *model);    /* the prefix of a model's names */
const char *c_api_name(Arena *a, const char *wish);      /* of an entry or metric */

/* emit_api.c: generates all kernels and prints the two files. */
typedef struct EmitOptions {
    const char *header;        /* as it is to be included */
    bool standalone, with_main;
    const char *libraries;     /* of with_main: what the program links */
    bool timed;                /* for `dlc bench`: every kernel's time is added up */
    Threading threading;
    int64_t memory;            /* of a routine's scratch on one thread; 0: no limit */
} EmitOptions;
int place_bytes(PlaceType t);
void emit_program(Program *p, const EmitOptions *o, FILE *header, FILE *source);

#endif
