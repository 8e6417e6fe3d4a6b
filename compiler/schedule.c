/* schedule.c - from a unit to its loop function: which schedule fits, elementwise units,
 * and what all schedules end in.
 *
 * An elementwise unit is a nest over its extents, the last axis innermost, where compilers
 * make vector code of it. Neighbouring axes over which every access runs on without a gap
 * are one loop. */
#include "graph_tables.h"
#include "schedule.h"

/* ---- values at a point --------------------------------------------------------------- */

static bool is_read_elsewhere(const Kernels *k, const Unit *u, const Node *n) {
    const View *v = k->view.at[n->id];
    return v->storage && v->storage->last > u->position;
}

static bool must_be_kept(const Storage *s) {
    return s->kind == ST_PLACE || s->kind == ST_SLOT || s->kind == ST_FLIP;
}

bool is_stored(const Builder *b, const Node *n) {
    Storage *s = b->k->view.at[n->id]->storage;
    bool kept = s && n != b->in_memory;
    return kept && (is_read_elsewhere(b->k, b->unit, n) || must_be_kept(resolve(s)));
}

static void store_line(Builder *b, Node *n, LoopArray *line) {
    Expr *index[MAX_RANK];
    for (int i = 0; i < n->rank; i++) index[i] = ex_var(b->g, i, n->dim[i]);
    Access at = build_line_access(b, line, n, index);
    LoopExpr *value = build_identity_load(b, n);
    ls_store(b->a, builder_block(b), at.array, at.rank, at.dim, at.index, value, false);
}

/* All values come before all stores: one may be in place of what another reads. */
void build_epilogue(Builder *b) {
    Unit *u = b->part;
    for (int i = 0; i < u->member.n; i++) {
        View *v = view_of(b->k, u->member.at[i]);
        if (!is_map(v->node)) continue;
        LoopExpr *value = build_value(b, v->body);
        if (value->kind != X_VAR) {
            LoopVar *name = loop_var(b->a, value->type, NULL);
            value = ls_let(b->a, builder_block(b), name, value);
        }
        builder_add_member(b, v->node, value);
    }
    LoopExpr **written = NEW_ARRAY(b->a, LoopExpr *, u->write.n);
    for (int i = 0; i < u->write.n; i++) {
        const Write *w = &u->write.at[i];
        written[i] =
                w->from ? build_load_from(b, w->value, w->from) : build_identity_load(b, w->value);
    }
    for (int i = 0; i < u->member.n; i++) {
        Node *n = u->member.at[i];
        LoopArray *line = builder_line(b, n);
        if (line)
            store_line(b, n, line);
        else if (is_stored(b, n))
            build_store(b, n, view_of(b->k, n)->storage, build_identity_load(b, n), u->adds);
    }
    for (int i = 0; i < u->write.n; i++) {
        const Write *w = &u->write.at[i];
        if (w->add || w->to != view_of(b->k, w->value)->storage)
            build_store(b, w->value, w->to, written[i], w->add);
    }
}

/* ---- merging axes -------------------------------------------------------------------- */

typedef struct Merge {
    int rank;
    const int64_t *dim;
    bool apart[MAX_RANK]; /* axis k and k + 1 must stay two loops */
} Merge;

static void split_all(Merge *m, uint32_t vars) {
    for (int k = 0; k < m->rank; k++) {
        if (!(vars >> k & 1)) continue;
        m->apart[k] = true;
        if (k > 0) m->apart[k - 1] = true;
    }
}

/* A load lets k and k + 1 be one loop when they index neighbouring axes whole. */
static void split_load(Merge *m, const Expr *e) {
    uint32_t seen = 0;
    for (int j = 0; j < e->narg; j++) {
        const Expr *index = e->arg[j];
        if (index->kind != E_VAR) {
            split_all(m, index->vars);
            continue;
        }
        int k = index->var;
        const Expr *next = j + 1 < e->narg ? e->arg[j + 1] : NULL;
        bool runs_on = next && next->kind == E_VAR && next->var == k + 1 && k + 1 < m->rank &&
                       e->node->dim[j + 1] == m->dim[k + 1];
        const Expr *last = j > 0 ? e->arg[j - 1] : NULL;
        bool goes_on = last && last->kind == E_VAR && last->var == k - 1;
        if (!runs_on) m->apart[k] = true;
        if (!goes_on && k > 0) m->apart[k - 1] = true;
        if (seen >> k & 1) split_all(m, 1u << k);
        seen |= 1u << k;
    }
    split_all(m, e->guard ? e->guard->vars : 0);
}

static void split_value(Merge *m, const Expr *e) {
    if (e && e->kind == E_VAR) split_all(m, e->vars);
}

static void split_at(void *ctx, Expr *e) {
    Merge *m = ctx;
    if (e->kind == E_LOAD)
        split_load(m, e);
    else
        for (int i = 0; i < e->narg; i++) split_value(m, e->arg[i]);
}

/* A caller's array with the batch axis further in has no fixed strides. */
static bool rows_inside(const Merge *m) {
    for (int k = 1; k < m->rank; k++)
        if (m->dim[k] == DIM_BATCH) return true;
    return false;
}

static void merge_axes(Builder *b, int rank, const int64_t *dim) {
    Merge m = {.rank = rank, .dim = dim};
    for (int k = 0; k < rank; k++)
        if (dim[k] == 1 || k < b->shared) split_all(&m, 1u << k);
    for (int i = 0; i < b->part->member.n; i++) {
        View *v = view_of(b->k, b->part->member.at[i]);
        if (v->body->kind == E_VAR) split_all(&m, v->body->vars);
        view_visit(b->k, v, split_at, &m);
    }
    if (rows_inside(&m)) return;
    for (int k = 0; k < rank;) {
        int n = 1;
        while (k + n < rank && !m.apart[k + n - 1]) n++;
        b->merged[k] = n;
        for (int i = 1; i < n; i++) b->merged[k + i] = 0;
        k += n;
    }
}

/* ---- elementwise units --------------------------------------------------------------- */

static const Node *shape_of(const Unit *u) {
    return u->member.n ? u->member.at[0] : u->write.at[0].value;
}

static LoopExpr *merged_extent(Builder *b, const int64_t *dim, int k) {
    LoopExpr *extent = builder_extent(b, dim[k]);
    for (int i = 1; i < b->merged[k]; i++) extent = lx_mul(b->a, extent, dim[k + i]);
    return extent;
}

static LoopStmt *open_merged(Builder *b, const Node *n, int k) {
    LoopVar *v = out_var(b, n, k);
    uint32_t vars = ((1u << b->merged[k]) - 1) << k;
    LoopExpr *zero = lx_int(b->a, LT_INDEX, 0);
    b->var[k] = lx_var(b->a, v);
    return builder_open(b, v, zero, merged_extent(b, n->dim, k), 1, vars);
}

static void count_unit_uses(Builder *b) {
    expr_walk_begin(b->g);
    for (int i = 0; i < b->unit->member.n; i++) {
        View *v = view_of(b->k, b->unit->member.at[i]);
        builder_count_uses(b, v->body);
        builder_count_uses(b, v->guard);
    }
}

void schedule_map(Builder *b) {
    const Node *n = shape_of(b->part);
    double work = points_of(b->k, n) * 4;
    merge_axes(b, n->rank, n->dim);
    bool parallel = false;
    for (int k = 0; k < n->rank; k += b->merged[k]) {
        LoopStmt *loop = b->merged[k] > 1 ? open_merged(b, n, k) : builder_open_axis(b, n, k);
        if (!loop || parallel) continue;
        builder_parallel(b, loop, work);
        parallel = true;
    }
    build_epilogue(b);
    builder_close_to(b, b->base);
}

/* ---- choosing ------------------------------------------------------------------------ */

static void fill_function(Builder *b) {
    Node *first = b->unit->member.n ? b->unit->member.at[0] : NULL;
    Scatter scatter;
    count_unit_uses(b);
    if (b->unit->part.n) {
        schedule_lines(b);
        return;
    }
    if (first && is_map(first) && schedule_transpose(b)) return;
    if (!first || is_map(first))
        schedule_map(b);
    else if (scatter_of(b->k, view_of(b->k, first), &scatter))
        schedule_scatter(b, &scatter);
    else if (!schedule_contraction(b))
        schedule_fold(b);
}

/* The same function again, for machines with fewer registers. */
static void small_body(Kernels *k, Unit *u, Clamp clamp) {
    Builder *b = builder_new(k, u);
    b->clamp = clamp;
    b->small_tiles = true;
    b->f = u->function;
    fill_function(b);
    b->f->small = *builder_block(b);
}

void schedule_unit(Kernels *k, Unit *u, Clamp clamp) {
    u->argument.n = u->time.n = u->stream.n = 0;
    Builder *b = builder_new(k, u);
    b->clamp = clamp;
    fill_function(b);
    b->f->body = *builder_block(b);
    u->function = b->f;
    if (b->tiled) small_body(k, u, clamp);
}
