/* grad_rules.c - the gradient column of ops.def as functions.
 *
 * The column's words become Rules: an expression with its graph, so that the builders
 * op_NAME need no other argument. A Rule without a graph is a dry run: it only tells which
 * kind of derivative the column states. */
#include "grad_internal.h"

typedef struct Rule {
    Graph *g;
    Expr *e;
    Derivative kind;
} Rule;

static Rule build(Op op, int n, const Rule *arg) {
    if (!arg[0].g) return (Rule){NULL, NULL, D_SOME};
    Expr *e[3] = {NULL};
    for (int k = 0; k < n; k++) e[k] = arg[k].e;
    return (Rule){arg[0].g, ex_op(arg[0].g, op, e), D_SOME};
}

/* op_NAME for every row, whether the column uses it or not. */
#define BUILDER static __attribute__((unused)) Rule
#define BUILD_1(name)                                                                              \
    BUILDER op_##name(Rule a) {                                                                    \
        return build(OP_##name, 1, &a);                                                            \
    }
#define BUILD_2(name)                                                                              \
    BUILDER op_##name(Rule a, Rule b) {                                                            \
        return build(OP_##name, 2, (Rule[]){a, b});                                                \
    }
#define BUILD_3(name)                                                                              \
    BUILDER op_##name(Rule a, Rule b, Rule c) {                                                    \
        return build(OP_##name, 3, (Rule[]){a, b, c});                                             \
    }
#define OP(name, arity, ...) BUILD_##arity(name)
#include "ops.def"

/* A row's list of gradients, of which operand k's is wanted. */
#define PICK_1(a) (a)
#define PICK_2(a, b) (k == 0 ? (a) : (b))
#define PICK_3(a, b, c) (k == 0 ? (a) : k == 1 ? (b) : (c))

#define FLAT ((Rule){NULL, NULL, D_FLAT})
#define NONE ((Rule){NULL, NULL, D_NONE})
#define K(v) ((Rule){G.g, G.g ? ex_real(G.g, (v)) : NULL, D_SOME})

static Rule rule(Op op, int k, Rule G, Rule X, Rule Y, Rule Z, Rule R) {
    (void)Z;
    switch (op) {
#define OP(name, arity, type, flags, lo, hi, real, integer, gradients)                             \
    case OP_##name:                                                                                \
        return PICK_##arity gradients;
#include "ops.def"
    case OP_COUNT:
        break;
    }
    return FLAT;
}

Derivative op_derivative(Op op, int k) {
    Rule dry = {NULL, NULL, D_SOME};
    return rule(op, k, dry, dry, dry, dry, dry).kind;
}

Expr *op_contribution(Graph *g, Op op, int k, Expr *const *arg, Expr *result, Expr *adjoint) {
    Rule operand[3] = {{g, NULL, D_SOME}, {g, NULL, D_SOME}, {g, NULL, D_SOME}};
    for (int j = 0; j < op_info[op].arity; j++) operand[j].e = arg[j];
    return rule(op, k, (Rule){g, adjoint, D_SOME}, operand[0], operand[1], operand[2],
            (Rule){g, result, D_SOME})
            .e;
}
