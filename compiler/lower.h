/* lower.h - inside the lowering: an abstract interpreter of the program's text.
 *
 * Running a model's body builds its graph. A value met on the way is either known at
 * compile time (a number, a size, a string, a function, a layer instance), or a tensor
 * (a graph Node), or one element of a comprehension that is being written (an Expr).
 * Layers and functions are instantiated at every call; names, shapes and paths exist only
 * here, and the graph keeps none of them but for messages.
 *
 * V_POISON is the value of what was already reported: everything made of it is poison and
 * silent, so that one mistake gives one message. */
#ifndef DLC_LOWER_H
#define DLC_LOWER_H

#include "grad.h"
#include "lookup.h"
#include "model.h"

typedef struct Lower Lower;
typedef struct Value Value;
typedef struct Scope Scope;
typedef struct Function Function;
typedef struct Instance Instance;
typedef struct Pack Pack;

enum { MAX_CALL_DEPTH = 200 }; /* of nested calls: deeper is a recursion without an end */

/* An error. Of the library's text it is said at the user's call, with the place as a note. */
void lower_error(Lower *L, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- values: lower_value.c ------------------------------------------------------ */

typedef enum {
    V_POISON,
    V_NONE, /* nothing: a layer without `return`, a formal that was not given */
    V_ABSENT, /* `none`: what an optional argument is when it is left out */
    V_INT,
    V_REAL,
    V_BOOL,
    V_STRING,
    V_BATCH, /* the open size */
    V_LIST,
    V_SHAPE, /* a tensor of shape only: what an initializer fills */
    V_FUNCTION,
    V_INSTANCE,
    V_TENSOR,
    V_EXPR, /* an element: its variables belong to the index context */
    V_PACK  /* what `...` stands for in an index context */
} ValueKind;

typedef struct Shape {
    int rank;
    int64_t dim[MAX_RANK];
    DType dtype;
} Shape;

struct Value {
    ValueKind kind;
    int64_t i;        /* V_INT; V_BOOL: 0 or 1; the length of a V_LIST */
    double r;         /* V_REAL */
    const char *text; /* V_STRING, interned */
    Value *item;      /* V_LIST */
    const Ast *ast;   /* V_LIST: as written, or NULL */
    Shape *shape;     /* V_SHAPE */
    Function *fn;     /* V_FUNCTION */
    Instance *inst;   /* V_INSTANCE */
    Node *node;       /* V_TENSOR */
    Expr *expr;       /* V_EXPR */
    Pack *pack;       /* V_PACK */
};

Value value_poison(void);
Value value_none(void);
Value value_absent(void);
Value value_int(int64_t i);
Value value_real(double r);
Value value_bool(bool b);
Value value_text(const char *text);
Value value_batch(void);
Value value_node(Node *n);
Value value_expr(Expr *e);
Value value_shape(Lower *L, const Shape *s);
Value value_list(Lower *L, int n, const Value *item);
Value value_function(Function *fn);
Value value_instance(Instance *inst);

bool value_is_number(Value v); /* V_INT, V_REAL, V_BOOL */
bool value_is_tensor(Value v); /* has elements: V_TENSOR, V_EXPR */
double value_number(Value v);
bool value_shape_of(Value v, Shape *out); /* of tensors, elements, numbers and V_SHAPE */

const char *shape_text(Lower *L, const Shape *s); /* "f32[batch, 3]" */
const char *node_shape_text(Lower *L, const Node *n);
const char *size_text(Lower *L, int64_t dim); /* "batch" or the number */
const char *value_text_of(Lower *L, Value v); /* "the number 3", "f32[batch, 10]" */
Shape shape_of_node(const Node *n);
bool shape_equal(const Shape *a, const Shape *b); /* dims only */

/* Conversions; an error and NULL (or false) where there is none. `what` names the thing in
 * the message: "the size of an axis". */
Node *value_to_node(Lower *L, Value v, Span at);
Expr *value_to_expr(Lower *L, Value v, Span at);
bool value_to_int(Lower *L, Value v, Span at, const char *what, int64_t *out);
bool value_to_size(Lower *L, Value v, Span at, int64_t *out); /* >= 1, or DIM_BATCH */
bool value_to_bool(Lower *L, Value v, Span at, const char *what, bool *out);
/* Rank and number of elements are in bounds, and at most one axis is batch. */
bool shape_check(Lower *L, const Shape *s, Span at);
/* node_comp, with the span that the user knows. */
Node *make_node(Lower *L, int rank, const int64_t *dim, Fold f, int nfold, const int64_t *fold_dim,
        Expr *guard, Expr *body, Span at);
Node *convert_node(Lower *L, Node *n, DType t, Span at);

/* ---- lists: lower_list.c -------------------------------------------------------- */

Value lower_list(Lower *L, const Ast *e);
bool list_shape(Value v, Shape *out); /* of the tensor that a list of numbers is; or false */
Node *list_to_node(Lower *L, Value v, Span at);
Value list_as_tensor(Lower *L, Value v, Span at); /* values that are no lists stay */
bool add_sizes(Lower *L, Value v, Span at, Shape *s); /* a size, or those of a list, to a shape */
/* list[k] with k known at compile time, or list[a:b]: true, and the item or the list of
 * those from a to b. False: a tensor's elements. */
bool list_item(Lower *L, Value list, const Ast *e, Value *item);

/* ---- names: lower_scope.c ------------------------------------------------------- */

typedef struct Binding {
    const char *name;
    Value value;
    Span span;
    Var *var;      /* assigning the name writes this variable: a state, slot or parameter */
    Node *each;    /* bound in a scan's body: its value there, for `all name` */
    Scan *scan;    /* ... and the scan */
    bool readable; /* false: only `all name` is known outside of the scan */
} Binding;

struct Scope {
    Scope *up;
    Vec(Binding) binding;
};

Scope *scope_new(Lower *L, Scope *up);
Binding *scope_find(Scope *s, const char *name); /* here or further up, or NULL */
Binding *scope_find_here(Scope *s, const char *name);
Binding *scope_bind(Lower *L, Scope *s, const char *name, Value v, Span at); /* again: replaces */
Binding scope_keep(Scope *s, const char *name);
void scope_restore(Scope *s, const char *name, Binding kept);
void scope_add_globals(Lower *L, Scope *s, const Ast *program);
Value scope_value(Lower *L, const char *name, Span at); /* of a name in the present scope; error */
/* An operator, built-in, initializer, or `none`; V_NONE: nothing of that name. */
Value scope_provided(Lower *L, const char *name);
Function *scope_initializer(Lower *L, Scope *s, const char *name);
/* A definition of that kind (A_METRIC, A_OPTIMIZER, ...), the user's before the library's. */
Function *find_definition(Lower *L, AstKind kind, const char *name);
const char *nearest_definition(Lower *L, AstKind kind, const char *name);
typedef Vec(const char *) NameList;
NameList definition_names(Lower *L, AstKind kind);

/* ---- calls: lower_call.c, lower_args.c ------------------------------------------ */

typedef enum { FN_DEF, FN_OP, FN_BUILTIN } FunctionKind;
typedef struct Builtin Builtin;

struct Function {
    FunctionKind kind;
    const char *name;
    const Ast *def; /* FN_DEF: A_LAYER, A_FN, A_INITIALIZER, A_METRIC, A_OPTIMIZER */
    Scope *scope;   /* where it was written */
    Op op;
    const Builtin *builtin;
};

/* An argument: written (ast) or already a value (of a pipe, or a partial application). */
typedef struct Arg {
    const char *name;
    const Ast *ast;
    Value value;
    bool done;
    Span span;
} Arg;
typedef struct Args {
    int n;
    Arg *at;
    Span span; /* of the call; in a pipe without what flows in */
} Args;

/* A layer (or function) with all but its leading tensors given. Its path is fixed when it
 * is bound to a name or first applied; parameters exist from its first application. */
struct Instance {
    Function *fn;
    Value *given; /* one a formal; V_NONE: open */
    Span *given_at;
    const char *path;
    struct Module *made_in;
    Span span;
};

struct Builtin {
    const char *name;
    const char *usage; /* "extent(x, axis)", for messages */
    int least, most;   /* number of arguments; most < 0: any */
    Value (*call)(Lower *L, const Value *arg, const Span *at, int n, Span span);
    const char *option; /* the name that the last argument may have, or NULL */
};
const Builtin *builtin_find(const char *name);
int builtin_count(void);
const char *builtin_name(int k);

Value call_value(Lower *L, const Ast *callee, Args args);
Value call_function(Lower *L, Function *fn, Args args);
Value apply_instance(Lower *L, Instance *inst, Args args);
Args args_of(Lower *L, const Ast *list, const Value *first, Span first_at, Span span);
Value arg_value(Lower *L, Arg *a);
int formal_count(const Function *fn);
const Ast *formal_at(const Function *fn, int k);
/* Fills given[] from args; `skip`: positional arguments begin after the leading tensors.
 * Entries given before stay. False after an error. */
bool match_args(Lower *L, const Function *fn, Args args, bool skip, Value *given, Span *given_at);
int leading_tensors(const Function *fn);
/* The argument of that name that an instance was given, or else its default; false: none is. */
bool instance_argument(Lower *L, const Instance *inst, const char *name, Value *out);
/* Not a leading tensor but what follows is a list: max_pool2d([2, 3]) lacks its tensor. */
bool list_comes_later(const Function *fn);
Value run_definition(Lower *L, Function *fn, const Value *given, const Span *given_at, Span call,
        const char *path);
Value call_initializer(Lower *L, Function *fn, Args args, const Value *given, const Span *given_at);
bool is_layer(const Function *fn);
/* Binds the formals in scope, matching the patterns of their types; false after an error. */
bool bind_formals(Lower *L, const Function *fn, Scope *s, const Value *given, const Span *given_at,
        Span call);

/* ---- paths, parameters, states: lower_param.c ----------------------------------- */

typedef struct Module {
    const char *path;        /* "" for the model itself */
    const char *suffix;      /* indices of the compile-time loops: ".3" */
    Vec(const char *) taken; /* names given out in it */
    Lookup place;            /* their indices */
} Module;

Module *module_new(Lower *L, const char *path);
const char *module_name(Lower *L, Module *m, const char *name); /* a path not yet taken */
uint32_t next_stream(Lower *L); /* of random numbers: by path and order of the draws */
void lower_param(Lower *L, const Ast *s);
void lower_state(Lower *L, const Ast *s);
Var *find_var(Lower *L, const char *path);
void note_var(Lower *L, Var *v); /* find_var finds it from now on */
Node *present_value(Lower *L, Var *v); /* what was assigned last in this run, or the leaf */
/* Repeats and converts a value so that it has this shape and type. */
Node *fit_to_shape(Lower *L, Value v, const Shape *s, const char *what, Span at);
bool type_shape(Lower *L, const Ast *type, Shape *out); /* of a declaration */
Node *initial_value(Lower *L, const Ast *init, const Shape *s, const char *path, Span at);
void assign_var(Lower *L, Binding *b, Value v, Span at);
bool path_matches(const char *pattern, const char *path); /* with `*`, whole or a prefix of it */

/* ---- expressions: lower_expr.c, lower_elementwise.c ----------------------------- */

Value lower_expr(Lower *L, const Ast *e);
Value apply_op(Lower *L, Op op, const Value *arg, int n, Span at);
Value matmul(Lower *L, Value a, Value b, Span at);
Value choose(Lower *L, const Ast *e); /* `if c then a else b` */
bool broadcast(Lower *L, const Shape *a, const Shape *b, Span at, Shape *out);
/* The element of v that aligns with position var[0..rank) of a result of that rank. */
Expr *aligned_load(Lower *L, Node *n, int rank, Expr *const *var, Expr *guard);
Node *broadcast_to(Lower *L, Node *n, const Shape *s, Span at); /* shapes fit */
Node *node_of_expr(Lower *L, Expr *e, Span at, Expr ***outer);  /* over the variables in e */
Value lower_all(Lower *L, const Ast *e);
/* Of a gradient that is a sum over rows: its terms, [batch, ...]; or a message. */
Node *gradient_per_row(Lower *L, Node *gradient, Span at);
/* The same gradient of a loss in which row b counts weight[b] times. */
Node *weighted_gradient(Lower *L, Node *gradient, Node *weight, Span at);
Value load_npy(Lower *L, const char *file, Span at);

/* ---- index notation: lower_index.c, lower_extent.c ------------------------------ */

typedef struct IndexVar {
    const char *name; /* NULL: one of a pack */
    Span span;
    int number;           /* its E_VAR number in the context; -1: not numbered */
    int64_t from, extent; /* values from..from+extent-1; extent 0: not known yet */
    bool by_range;        /* written as `i in a..b` */
    bool in_branch;       /* only loads in branches say its extent */
    Span reason;          /* the index that gave it its extent */
} IndexVar;

struct Pack {
    int n;
    IndexVar **var;
    bool known;
};

typedef struct Binder { /* one A_INDEX of a definition or fold */
    const Ast *ast;
    IndexVar *var; /* NULL for a pack */
    Pack *pack;
} Binder;

typedef struct Memo {
    const Ast *ast;
    Value value;
} Memo;

/* One definition, or one fold that stands in no definition: found extents and what was
 * evaluated on the way. Nested ones (through calls) number their variables further up. */
typedef struct IndexContext {
    struct IndexContext *up;
    Vec(Binder) binder;
    Vec(Memo) memo;
    int nvar;           /* numbers given out so far */
    int64_t extent[32]; /* by number */
} IndexContext;

/* Collects what must hold for the loads of `x[...] else v`. */
typedef struct ElseCatch {
    Expr *in_range;
} ElseCatch;

void lower_define(Lower *L, const Ast *s);
Value lower_fold(Lower *L, const Ast *e);
Value lower_subscript(Lower *L, const Ast *e);
Value lower_else(Lower *L, const Ast *e);
Value lower_slice(Lower *L, Value base, const Ast *e); /* whole tensors */
Expr *guarded_load(Lower *L, Node *n, Expr *const *index, const Span *at, Span whole);
/* Finds the extents of all variables that the statement binds; false after an error. */
bool find_extents(Lower *L, IndexContext *c, const Ast *binders, const Ast *body);
const Value *memo_find(const Lower *L, const Ast *e);
Binder *binder_find(IndexContext *c, const Ast *ast);
Port *index_port(Lower *L, const Expr *e); /* the input whose element e is, or NULL */
void bound_port(Port *p, int64_t extent);

/* ---- statements: lower_stmt.c, lower_scan.c ------------------------------------- */

bool lower_block(Lower *L, const Ast *block); /* true: a return was met */
void lower_scan(Lower *L, const Ast *s);
void assign(Lower *L, const char *name, Value v, Span at);
void lower_check(Lower *L, const Ast *call);
/* Gives up the running layer or function, after a message, and of the library's those that
 * called it; their value is poison. */
void abandon(Lower *L);
/* Where the user wrote what the library's text is about to complain of. */
Span user_span(const Lower *L, Span own);

/* ---- the model and its training: lower_model.c, lower_entry.c, lower_metric.c,
 * lower_train.c, lower_update.c */

/* False: not a statement of that kind of text, or not inside of one. */
bool lower_model_statement(Lower *L, const Ast *s);
bool optimizer_statement(Lower *L, const Ast *s);
bool metric_statement(Lower *L, const Ast *s);
void lower_metric_use(Lower *L, const Ast *s);
Metric loss_metric(Lower *L, Node *loss, Span at);
Entry run_entry(Lower *L, const Ast *ast);
Entry make_predict(Lower *L);
/* The reader and its arguments: data csv("points.csv"). */
void lower_source(Lower *L, const Ast *setting, DataSetting *out);
void lower_settings(Lower *L, const Ast *train);
Node *total_loss(Lower *L, const char *name); /* NULL: of all names; NULL when there is none */
void collect_freezes(Lower *L);
void check_freezes(Lower *L); /* that each pattern matches something */
bool parameter_frozen(const Lower *L, const char *path);
bool path_frozen(Lower *L, const char *path); /* of the layer that asks */
void warn_unmatched(Lower *L, const char *pattern, Span at); /* when no parameter matches */
void lower_gradients(Lower *L);
/* The line of a word (`optimizer`, `loss`, `decay`) that a parameter follows; or NULL. */
const Ast *line_for(const Ast *train, const char *word, const char *path);
void warn_unmatched_lines(Lower *L, const Ast *train);
Function *line_definition(Lower *L, const Ast *line); /* of the optimizer or update it names */
void lower_loss_updates(Lower *L);                    /* penalties on parameters */
void lower_updates(Lower *L, const Ast *train);       /* a step: next values of what is trained */
const Var *penalised(Lower *L, Span at);
const char *updated_path(const Lower *L); /* of the parameter that a loop is at, or NULL */
/* The `augment` lines: lower_augment.c. Held against the model before it is run; then carried out
 * behind the declaration s of an input or target. */
void plan_augmentation(Lower *L);
void lower_augmentation(Lower *L, const Ast *s);
void warn_unused(Lower *L);
void count_layer_parameters(Lower *L);

/* ---- the state of execution ----------------------------------------------------- */

/* The scans around the present statement, innermost first. */
typedef struct OpenScan {
    struct OpenScan *up;
    Scan *scan;
} OpenScan;

/* What a state, slot or parameter was assigned last in this run. */
typedef struct Pending {
    Var *var;
    Node *value;
} Pending;

/* A `loss` (by its name, or NULL) or a `penalty`: one of the terms that add up. */
typedef struct LossTerm {
    Node *node;
    Span span;
    const char *name;
    const Var *of; /* the parameter that an update has penalised, or NULL */
} LossTerm;

/* An `augment` line of the train block, and the declaration that it is carried out behind. */
typedef struct Augment {
    const Ast *line, *after;
} Augment;

/* How many random tensors a module's text has drawn in this run. */
typedef struct Draws {
    const char *path;
    int n;
} Draws;

/* The stream of random numbers given to a place of the text, for all runs. */
typedef struct Stream {
    const char *key;
    uint32_t stream;
} Stream;

/* A branch of a tensor's `if`: elementwise nodes made in it are inlined into its select. */
typedef struct Branch {
    struct Branch *up;
    Vec(Node *) made;
} Branch;

struct Lower {
    Arena *arena;
    Graph *graph;
    Model *model;
    const Ast *std, *program, *model_ast, *train_ast;
    const LowerOptions *options; /* or NULL */
    Scope *library, *globals, *model_scope;

    /* where execution stands */
    Scope *scope;
    Module *module;
    Value *returned;     /* of the running function, or NULL outside of one */
    IndexContext *index; /* NULL: whole tensors */
    Expr *guard;         /* the element is needed only where this holds; NULL: always */
    ElseCatch *catching;
    Branch *branch;
    const Shape *wanted; /* initial-value position: the declared shape */
    OpenScan *scan;      /* innermost open scan */
    Entry *entry;        /* the user's entry that is being run */
    Metric *metric;
    struct UpdateLine *optimizing; /* the optimizer or update that is being run */
    Span call_site;       /* of the last call that the user's own text makes */
    const char *called;   /* what it calls */
    bool in_library;      /* the running text is the library's */
    const char *function; /* the name of the running one, or NULL */
    const Node *named;    /* got its name from the user last */
    bool abandoned;       /* the running body is given up */
    int depth, layer_depth;

    bool training; /* `training` */
    bool first;    /* first run: messages are given; later ones repeat it silently */
    Vec(const Ast *) warned;
    Vec(const char *) folded; /* variables of this statement's folds so far, for a hint */
    Vec(Draws) draws;
    Lookup drawn;         /* their indices, by path */
    Vec(Stream) stream;
    Lookup stream_key, stream_used; /* their indices, by key and by number */
    Vec(Var *) var;       /* of all kinds */
    Lookup path;          /* their indices, by path */
    Vec(LossTerm) loss;
    Vec(Pending) pending; /* present values of states, slots and parameters */
    Vec(const char *) freeze; /* patterns, and where they are written */
    Vec(Span) freeze_at;
    Vec(const Ast *) freeze_except; /* patterns of the same line that win over it */
    Vec(const char *) asked_frozen; /* layers' paths */
    Vec(Augment) augment;
    Module *augmenting; /* where they stand; apart from the model's own names */
    Vec(Port) output;
    Vec(const Ast *) entry_ast; /* run after the model's body */
};

#endif
