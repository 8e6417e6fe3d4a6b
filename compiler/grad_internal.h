/* grad_internal.h - what the files of the gradient share.
 *
 *   grad_rules.c  the derivative of an operator, from ops.def
 *   grad_body.c   reverse mode over the body of one comprehension
 *   grad_comp.c   from the loads of a comprehension to the gradients of what they load
 *   grad_scan.c   the reverse scan, and where a gradient inside a scan is computed
 *   grad.c        which nodes matter, in which order, and how contributions add up
 *
 * Words: the ADJOINT of a node or an expression is d(sum of y)/d(it). A CONTRIBUTION is
 * what one use of it adds to its adjoint. An adjoint is ABSENT where its condition fails:
 * it is 0 there, and no factor is ever multiplied to it. */
#ifndef DLC_GRAD_INTERNAL_H
#define DLC_GRAD_INTERNAL_H

#include "grad.h"
#include "solve.h"

/* ---- grad_rules.c ------------------------------------------------------------- */

typedef enum { D_FLAT, D_NONE, D_SOME } Derivative;

/* How the operator depends on operand k: by definition not, in no way that has a
 * derivative, or by a rule. */
Derivative op_derivative(Op op, int k);

/* The contribution to operand k of an operator's application with this result and adjoint;
 * only where op_derivative says D_SOME. */
Expr *op_contribution(Graph *g, Op op, int k, Expr *const *arg, Expr *result, Expr *adjoint);

/* ---- grad_body.c -------------------------------------------------------------- */

/* A value that is absent where the condition fails (NULL: never). `test` is what of the
 * condition has still to be asked: where it holds and the condition fails, the value is 0
 * by itself, as an adjoint is that was stored so (NULL: nothing). */
typedef struct Partial {
    Expr *where, *value, *test;
} Partial;
typedef Vec(Partial) Partials;

/* The sum of partials: present where one of them is. */
Partial partial_sum(Graph *g, const Partials *parts);
/* The value where the condition holds, else 0. */
Expr *partial_value(Graph *g, Partial p);

/* The tests of a conjunction that use no variable from `rank` on: they hold or fail for a
 * whole fold. */
Expr *outer_part(Graph *g, Expr *where, int rank);
/* The tests that compare index expressions, without loads. */
Expr *structural_part(Graph *g, Expr *where);
/* Whether it is made of more than `limit` expressions. */
bool is_larger(Arena *tmp, Expr *e, int limit);

/* What a load contributes to the adjoint of the element it loads, in the variables of the
 * comprehension in whose body it stands. */
typedef struct LoadAdjoint {
    Expr *load;
    Partial adjoint;
} LoadAdjoint;
typedef Vec(LoadAdjoint) LoadAdjoints;

typedef bool WantedFn(void *ctx, const Node *n);

/* The loads on whose values e depends differentiably, each once. */
typedef Vec(Expr *) ExprList;
void differentiable_loads(Arena *tmp, Expr *e, ExprList *out);

/* Reverse mode from the root, whose adjoint is given, to the loads of wanted nodes. `result`
 * stands for the root where a derivative asks for it. False after a message at the span
 * where an operator on the way has no derivative. */
bool body_uses(Graph *g, Arena *tmp, Expr *root, Expr *result, Partial adjoint, WantedFn *wanted,
        void *ctx, Span at, LoadAdjoints *out);

/* Whether an operator in it may have an infinite derivative. */
bool body_is_singular(Arena *tmp, Expr *root);

/* ---- the gradient under construction -------------------------------------------- */

/* What is known of a node that y needs. */
typedef struct Info {
    NodeList target; /* nodes on whose values it depends differentiably */
    bool active;     /* depends differentiably on one of the x's, or is one */
    bool ordered;
    unsigned mark;
    Partials part; /* contributions so far, over the node's axes */
    Node *adjoint; /* their sum, once it is asked for; NULL: there is none */
    Expr *where;   /* where the adjoint is present; NULL: everywhere */
} Info;

/* One use of a tensor T[e] inside a computation over a box of variables. */
typedef struct Contribution {
    Scan *level; /* the innermost scan in which it stands, or NULL */
    int n;       /* variables, numbered from 0 */
    int64_t dim[MAX_VARS];
    Expr *guard;           /* the part of the box that counts; NULL: all */
    Expr *pin;             /* i32 that is 0 where it counts; NULL: nothing more to hold */
    Node *to;              /* T */
    Expr *index[MAX_RANK]; /* e */
    Expr *read;            /* guard of the load; NULL: always read */
    Partial adjoint;       /* of the load's value */
    Span span;
} Contribution;
typedef Vec(Contribution) Contributions;

/* Of a scan that the gradient crosses. */
typedef struct ScanInfo {
    bool ordered;
    Scan *reverse;         /* the scan of its adjoints; NULL: not begun */
    NodeList body;         /* active nodes in it, at any depth */
    NodeList stack;        /* active stacks over it */
    Contributions waiting; /* to what is outside of it: formed when the reverse is closed */
} ScanInfo;

typedef struct Grad {
    Graph *g;
    Arena *tmp;
    Node *y;
    Info *info; /* by id, of the first ninfo nodes of the graph */
    int ninfo;
    ScanInfo *scan; /* by id */
    unsigned mark;
    bool failed;
} Grad;

/* ---- grad.c --------------------------------------------------------------------- */

bool is_active(const Grad *gr, const Node *n);

/* The innermost scan that the gradient crosses and n stands in; NULL: none. Scans that y
 * stands in are not crossed: there, y and the adjoints belong to one step. */
Scan *level_of(const Grad *gr, const Node *n);
Scan *level_around(const Grad *gr, const Scan *s);
/* The scan in which the reverse of s stands; NULL: none. */
Scan *scan_around_reverse(const Grad *gr, const Scan *s);

/* The sum of the contributions to n so far; NULL: none. */
Node *adjoint_of(Grad *gr, Node *n);

/* Passes adjoints on from the roots, which stand at the level, to all that is at the level
 * or inside of it, users first. */
void grad_level(Grad *gr, Scan *level, Node *const *root, int n);

/* A node of the gradient. */
Node *grad_comp(Grad *gr, int rank, const int64_t *dim, int nfold, const int64_t *fold_dim,
        Expr *guard, Expr *body, Span at);

/* ---- grad_comp.c ------------------------------------------------------------------ */

/* Passes a comprehension's adjoint on to what it loads. */
void grad_of_comp(Grad *gr, Node *v);

/* Adds the contribution to its target, now or when the scans between are closed. */
void contribute(Grad *gr, const Contribution *c);

/* ---- grad_scan.c ------------------------------------------------------------------- */

/* Passes the adjoints of a scan's stacks through its steps. */
void grad_of_scan(Grad *gr, Scan *s);

/* Moves expressions of a scan's body to where adjoints are computed. Inside the reverse scan
 * the time is the reverse's; outside of it, an axis; of the values of a step, the stack. */
typedef struct Relocation {
    Scan *scan, *reverse;
    Expr *time;
    bool outside;
} Relocation;
/* The relocations from the inside out. */
Expr *relocate(Grad *gr, Expr *e, const Relocation *place, int n);

#endif
