/* schedule_scatter.c - sums that add at a row found in the fold: gradients of embeddings,
 * histograms, confusion matrices.
 *
 * By definition every element tests every term of the fold. Here the output is zeroed, and
 * the fold runs once: each term looks up its row and adds there, when the row is one. The
 * fold runs in its own order, so every element is the same chain. Output variables that
 * are neither rows nor needed to find them are innermost. */
#include "schedule.h"

#include <string.h>

typedef struct ScatterState {
    Builder *b;
    Node *node;
    View *view;
    const Scatter *scatter;
    Storage *to;
} ScatterState;

static void zero_output(ScatterState *s) {
    Builder *b = s->b;
    bool real = s->node->dtype == T_F32;
    for (int i = 0; i < s->node->rank; i++) builder_open_axis(b, s->node, i);
    LoopExpr *zero = real ? lx_real(b->a, 0) : lx_int(b->a, LT_I32, 0);
    build_store(b, s->node, s->to, zero, false);
    builder_close_to(b, 0);
}

/* Looks the row of an axis up; what follows is inside the test that it is one. */
static void find_row(ScatterState *s, int axis) {
    Builder *b = s->b;
    LoopExpr *row = build_index(b, s->scatter->row[axis]);
    row = ls_let(b->a, builder_block(b), loop_var(b->a, LT_INDEX, "at"), row);
    LoopExpr *zero = lx_int(b->a, LT_INDEX, 0);
    LoopExpr *least = lx_test(b->a, X_LE, zero, row);
    LoopExpr *most = lx_test(b->a, X_LT, row, builder_extent(b, s->node->dim[axis]));
    builder_open_if(b, lx_and(b->a, least, most));
    b->level[b->depth].vars |= 1u << axis;
    b->var[axis] = row;
}

static void open_folds(ScatterState *s) {
    Builder *b = s->b;
    for (int i = 0; i < s->node->nfold; i++) {
        int var = s->node->rank + i;
        LoopVar *v = fold_var(b, s->node, i);
        LoopExpr *zero = lx_int(b->a, LT_INDEX, 0);
        builder_open(b, v, zero, builder_extent(b, s->node->fold_dim[i]), 1, 1u << var);
        b->var[var] = lx_var(b->a, v);
    }
}

void schedule_scatter(Builder *b, const Scatter *scatter) {
    View *v = view_of(b->k, b->unit->member.at[0]);
    ScatterState s = {b, v->node, v, scatter, v->storage};
    zero_output(&s);
    for (int i = 0; i < v->node->rank; i++)
        if (scatter->outer >> i & 1) builder_open_axis(b, s.node, i);
    open_folds(&s);
    for (int i = 0; i < v->node->rank; i++)
        if (scatter->row[i]) find_row(&s, i);
    for (int i = 0; i < v->node->rank; i++)
        if (!scatter->row[i] && !(scatter->outer >> i & 1)) builder_open_axis(b, s.node, i);
    builder_open_if(b, build_condition(b, scatter->rest));
    build_store(b, v->node, v->storage, build_value(b, v->body), true);
    builder_close_to(b, 0);
}
