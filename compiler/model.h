/* model.h - what lowering makes of a program: one graph, and what its nodes are for.
 *
 * The model's text is instantiated once in training mode and once without (`if training`),
 * in one Graph, with parameters and states as shared leaves. An Entry is one function of
 * the generated code: a set of root nodes and where their values go. */
#ifndef DLC_MODEL_H
#define DLC_MODEL_H

#include "../dsl/ast.h"
#include "../runtime/trainer/control.h"
#include "graph.h"

/* A stored tensor: a parameter, a state, or an optimiser's slot. */
typedef struct Var {
    const char *path;       /* "conv2d_1.k"; a slot: "adam.m/conv2d_1.k" */
    Node *leaf;
    Node *init;             /* initial value: uniforms, constants, other parameters' inits */
    bool trained;           /* false: frozen, or not a parameter */
    Node *grad_leaf;        /* L_GRAD, of the same path; NULL when not trained */
    Node *grad;             /* of the training loss; NULL when not trained or not reached */
    Node *next;             /* value after a training step; NULL: never written by training.
                             * Of parameters and slots: over L_GRAD leaves, which `apply` reads
                             * from memory and the fused step replaces by `grad` */
    Span span;
    int pending;            /* of lowering alone: its place among the values to come */
} Var;

/* A number of the train block, settable at run time. */
typedef struct Number { const char *path; Node *leaf; double value; Span span; } Number;

typedef struct Port {       /* an input, target or output */
    const char *name;
    Node *node;             /* leaf, or the output's value */
    int64_t bound;          /* i32 in- and targets that index something: values must be in
                             * [0, bound); 0: unbounded */
    Span span;
} Port;

typedef struct Metric {
    const char *name;
    int ntotal;
    const char **total_name;
    Node **total;           /* per call: no batch axis, f32 (kept as f64) or i32 (as i64) */
    Node **total_leaf;      /* L_TOTAL leaves that `result` loads, all real */
    Node *result;           /* over them, evaluated in double; no batch axis */
    Span span;
} Metric;

typedef struct Entry {      /* predict, and the user's own */
    const char *name;
    Vec(Port) input, output;
    Vec(Var *) writes;      /* row states: Var.next is per entry in `next` below */
    Vec(Node *) next;
    Span span;
} Entry;

typedef struct Layer {      /* for `show`: one line a layer instance that is not the library's own */
    const char *path, *kind;
    int depth;              /* layers that it stands in */
    Node *out;
    int64_t params;
    Span span;
} Layer;

/* An application of a layer has made the nodes with first <= id < last; those of layers inside it
 * are among them. */
typedef struct LayerNodes { int layer, first, last; } LayerNodes;

/* A tensor by the name that the model's text gave it last. */
typedef struct Named { const char *name; Node *node; } Named;

/* data imdb("reviews", words: 200): arguments {NULL, "reviews"}, {"words", "200"}; numbers as written */
typedef struct DataArg { const char *name, *text; } DataArg;
typedef struct DataSetting { const char *reader; Vec(DataArg) arg; Span span; } DataSetting;

typedef struct Model {
    Graph *graph;
    const char *name;
    const char *file;              /* base name of the source, for comments */
    int64_t batch;
    int epochs;
    DataSetting data, validation;  /* validation: rows of its own, or none */
    bool shuffle;
    DlControl control;
    Vec(Port) input, target;       /* of training and evaluation */
    Vec(Var *) param, state, row_state, slot;
    Vec(Number) number;
    Vec(Metric) metric;            /* [0] is the loss, in evaluation mode */
    Node *loss;                    /* scalar, training mode */
    Vec(Entry) entry;              /* [0] is predict */
    Vec(Layer) layer;
    Vec(LayerNodes) layer_nodes;
    Vec(Named) named;              /* in evaluation mode */
    Vec(const char *) loaded;      /* paths of the files that load() read */
    Span span;
} Model;

typedef struct LowerOptions {
    int64_t batch;                 /* 0: from the train block, or 32 */
    const char *model;             /* which, when the file has several; NULL: the last */
    int nfreeze, nunfreeze;        /* patterns: what the text says first, then these, in this order */
    const char **freeze, **unfreeze;
} LowerOptions;

/* lower.c: NULL after errors. */
Model *lower(Arena *a, const Ast *std, const Ast *program, const char *path, const LowerOptions *o);

#endif
