/* eval32_body.c - expressions as lists of column operations.
 *
 * Each expression that is needed is one instruction, operands first, run over a column of
 * points at a time. Sums of variables are counted, not computed; what variables alone decide
 * (i // 2, i < j) is a table, filled when the body is made; a load whose index is a sum of
 * variables is read run by run, or where it is; what does not change from point to point is
 * computed once a run. */
#include "eval32_internal.h"
#include "graph_tables.h"
#include "solve.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_TABLE = 1 << 16 };

void conditions_of(Arena *a, Expr *e, ConditionList *out) {
    if (!e) return;
    if (e->kind == E_OP && e->op == OP_and) {
        conditions_of(a, e->arg[0], out);
        conditions_of(a, e->arg[1], out);
    } else {
        vec_push(a, out, e);
    }
}

Expr *all_of(Graph *g, const ConditionList *conditions) {
    Expr *all = NULL;
    for (int k = 0; k < conditions->n; k++) all = ex_and(g, all, conditions->at[k]);
    return all;
}

Body *body_new(Eval32 *e, const Space *s, Span span) {
    Body *b = NEW(e->arena, Body);
    *b = (Body){.e = e, .space = s, .span = span, .tables = true};
    return b;
}

/* Expressions may be made while others are compiled: by id, with room for more. */
static int *register_of(Body *b, const Expr *x) {
    static const int room = 1024;
    int n = b->e->graph->t->expr.n;
    if (!b->reg_of || x->id >= b->reg_of[0]) {
        int size = n + room, old = b->reg_of ? b->reg_of[0] : 0;
        int *grown = calloc((size_t)size + 1, sizeof *grown);
        if (!grown) ICE(b->span, "out of memory");
        if (old) memcpy(grown, b->reg_of, ((size_t)old + 1) * sizeof *grown);
        free(b->reg_of);
        grown[0] = size;
        b->reg_of = grown;
    }
    return &b->reg_of[1 + x->id];
}

static int push(Body *b, Instr32 in) {
    vec_push(b->e->arena, &b->instr, in);
    return b->instr.n - 1;
}

void body_close(Body *b) {
    free(b->reg_of);
    b->reg_of = NULL;
    b->registers = b->instr.n;
    for (int k = 0; k < b->instr.n; k++) {
        if (b->instr.at[k].kind != I_GATHER) continue;
        b->instr.at[k].offsets = b->registers;
        b->registers += b->instr.at[k].lenient ? 3 : 2;
    }
    b->spare = b->registers;
    b->registers += 3;
    if (b->registers > b->e->most_registers) b->e->most_registers = b->registers;
}

/* ---- numbers and tables ------------------------------------------------------------------- */

static Walk *walk_of_form(const Body *b, const Form *f) {
    return walk_new(b->e->arena, b->space, 1, f, 0, NULL);
}

/* A sum of variables and times; while a table is filled, of nothing that needs one. */
static bool counted(const Body *b, const Expr *x, Form *f) {
    Affine a;
    *f = (Form){0};
    for (int k = 0; !b->tables && x->affine && k < x->affine->n; k++)
        if (x->affine->term[k].atom->kind != E_VAR) return false;
    if (!b->tables && !x->affine && x->kind != E_VAR) return false;
    return x->dtype == T_I32 && x->kind != E_CONST && ex_affine(x, &a) &&
           form_add(b->e, b->space, &a, 1, f);
}

/* The space of the variables that x depends on; false when a table is too much. */
static bool table_space(const Body *b, const Expr *x, Space *s) {
    *s = (Space){0};
    for (int k = 0; k < b->space->n; k++) {
        if (!(x->vars >> b->space->var[k] & 1)) continue;
        space_add(s, b->space->var[k], b->space->extent[k]);
        if (s->points > MOST_TABLE) return false;
    }
    return s->n > 0;
}

static bool is_pure(const Expr *x) {
    return x->kind == E_OP && x->nin == 0 && !ex_has_load(x);
}

static const void *fill_table(const Body *b, Expr *x, const Space *s) {
    Body *of = body_new(b->e, s, b->span);
    of->tables = false;
    body_add(of, x);
    body_close(of);
    Frame f = {.scratch = malloc((size_t)of->registers * COLUMN * 4),
            .reg = NEW_ARRAY(b->e->arena, void *, of->registers)};
    char *table = arena_alloc(b->e->arena, (size_t)s->points * 4);
    if (!f.scratch) ICE(b->span, "out of memory");
    body_begin(of);
    frame_begin(of, &f, s->points);
    for (int64_t first = 0; first < s->points; first += COLUMN) {
        int n = (int)(s->points - first < COLUMN ? s->points - first : COLUMN);
        body_run(of, &f, first, n, NULL);
        memcpy(table + first * 4, f.reg[of->instr.n - 1], (size_t)n * 4);
    }
    free(f.scratch);
    return table;
}

bool depends_on_one(const Expr *x, int var, int64_t extent) {
    return x->kind == E_OP && x->vars == 1u << var && x->nin == 0 && extent <= MOST_TABLE &&
           !ex_has_load(x);
}

const int64_t *values_of(Eval32 *e, Expr *x, int var, int64_t extent) {
    for (int k = 0; k < e->values.n; k++)
        if (e->values.at[k].of == x && e->values.at[k].extent == extent) return e->values.at[k].at;
    Space *s = NEW(e->arena, Space);
    space_add(s, var, extent);
    Body b = {.e = e, .space = s};
    const int32_t *table = fill_table(&b, x, s);
    int64_t *value = arena_array(e->arena, (size_t)extent, sizeof *value);
    for (int64_t i = 0; i < extent; i++) value[i] = table[i];
    vec_push(e->arena, &e->values, ((Values32){x, extent, value}));
    return value;
}

static bool add_table(Body *b, Expr *x, Instr32 *in) {
    Space s;
    if (!b->tables || !is_pure(x) || !table_space(b, x, &s)) return false;
    Form f = {0};
    int64_t stride = 1;
    for (int k = s.n - 1; k >= 0; k--) {
        for (int j = 0; j < b->space->n; j++)
            if (b->space->var[j] == s.var[k]) f.stride[j] = stride;
        stride *= s.extent[k];
    }
    Space *kept = arena_copy(b->e->arena, &s, sizeof s);
    in->kind = I_WALK;
    in->table = fill_table(b, x, kept);
    in->walk = walk_of_form(b, &f);
    return true;
}

/* ---- loads -------------------------------------------------------------------------------- */

/* A load along a walk: its element's form, the bounds where it counts, its axes' forms. */
typedef struct Path {
    Form form[1 + MAX_BOUNDS32 + MAX_RANK];
    int nbound, ncheck;
    int64_t below[MAX_RANK];
    ConditionList rest; /* of the load's own guard */
} Path;

static bool add_axes(Eval32 *e, const Space *s, const Expr *x, Form *element, Form *axis) {
    int64_t stride = 1;
    for (int k = x->node->rank - 1; k >= 0; k--) {
        Affine a;
        axis[k] = (Form){0};
        ex_affine(x->arg[k], &a);
        if (!form_add(e, s, &a, 1, &axis[k]) || !form_add(e, s, &a, stride, element)) return false;
        stride *= eval32_extent(e, x->node->dim[k]);
    }
    return true;
}

/* False where the index is no sum of variables. Axes that neither ranges nor the conditions
 * keep in bounds are left to be checked. */
static bool find_path(Eval32 *e, const Space *s, Expr *x, const ConditionList *guard, Path *p) {
    Form axis[MAX_RANK];
    *p = (Path){0};
    if (!add_axes(e, s, x, &p->form[0], axis)) return false;
    ConditionList own = {0}, unused = {0};
    conditions_of(e->arena, x->guard, &own);
    p->nbound = bounds_of(e, s, &own, p->form + 1, &p->rest);
    bool proven = true;
    for (int k = 0; k < x->node->rank; k++)
        proven = proven && index_in_bounds(x->node, k, x->arg[k]);
    if (proven) return true;
    for (int k = 0; guard && k < guard->n; k++) vec_push(e->arena, &own, guard->at[k]);
    p->nbound = bounds_of(e, s, &own, p->form + 1, &unused);
    for (int k = 0; k < x->node->rank; k++) {
        int64_t extent = eval32_extent(e, x->node->dim[k]);
        if (index_in_bounds(x->node, k, x->arg[k]) ||
                form_bounded(s, &axis[k], extent, p->form + 1, p->nbound))
            continue;
        p->form[1 + p->nbound + p->ncheck] = axis[k];
        p->below[p->ncheck++] = extent;
    }
    return true;
}

static bool add_walk(Body *b, Expr *x, Instr32 *in) {
    Path p;
    if (!find_path(b->e, b->space, x, &b->guard, &p)) return false;
    if (p.ncheck > 0 && (b->lenient || p.rest.n > 0 || b->guard.n > 0)) return false;
    in->walk = walk_new(b->e->arena, b->space, 1 + p.nbound + p.ncheck, p.form, p.nbound, p.below);
    int64_t step;
    bool near = walk_is_linear(in->walk, &step) && step == 1 && dtype_size(x->node->dtype) == 4;
    in->kind = near && !in->fixed ? I_NEAR : I_WALK;
    Expr *rest = all_of(b->e->graph, &p.rest);
    if (!rest) return true;
    int value = push(b, *in), mask = body_add_condition(b, rest);
    *in = (Instr32){.kind = I_MASK, .expr = x, .fixed = in->fixed, .src = {mask, value}};
    return true;
}

/* What the loops count goes to the form, everything else is a column. */
static void add_index(Body *b, Instr32 *in, Form *f, const Expr *index, int64_t stride) {
    Affine a;
    ex_affine(index, &a);
    f->c0 += stride * a.c0;
    for (int k = 0; k < a.n; k++) {
        Affine one = {.n = 1, .term = {a.term[k]}};
        int64_t c = stride * a.term[k].c;
        Form with = *f;
        if (form_add(b->e, b->space, &one, stride, &with)) {
            *f = with;
            continue;
        }
        int reg = body_add(b, a.term[k].atom), j = 0;
        while (j < in->nterm && in->term[j].reg != reg) j++;
        if (j == in->nterm) in->term[in->nterm++] = (struct GatherTerm){0, reg};
        in->term[j].c += c;
    }
}

/* What is computed once a run knows no point's conditions: it may be outside if none holds. */
static void add_gather(Body *b, Expr *x, Instr32 *in) {
    Form f = {0};
    int64_t stride = 1;
    ConditionList when = {0};
    bool lenient = b->lenient;
    in->kind = I_GATHER;
    in->lenient = lenient || (in->fixed && b->guard.n > 0);
    b->lenient = lenient || x->guard;
    in->term = NEW_ARRAY(b->e->arena, struct GatherTerm, x->node->rank * MAX_TERMS);
    conditions_of(b->e->arena, x->guard, &when);
    for (int k = x->node->rank - 1; k >= 0; k--) {
        add_index(b, in, &f, x->arg[k], stride);
        stride *= eval32_extent(b->e, x->node->dim[k]);
        if (index_in_bounds(x->node, k, x->arg[k])) continue;
        in->check[in->ncheck++] = (struct GatherCheck){body_add(b, x->arg[k]), k};
    }
    b->lenient = lenient;
    for (int k = 0; in->ncheck > 0 && !in->fixed && k < b->guard.n; k++)
        vec_push(b->e->arena, &when, b->guard.at[k]);
    Expr *mask = all_of(b->e->graph, &when);
    in->src[0] = mask ? body_add_condition(b, mask) : -1;
    in->walk = walk_of_form(b, &f);
}

/* ---- all of it ----------------------------------------------------------------------------- */

int body_add(Body *b, Expr *x) {
    int known = *register_of(b, x);
    if (known) return known - 1;
    Instr32 in = {.expr = x, .fixed = x->vars == 0, .kind = I_OP};
    Form f;
    if (x->kind == E_CONST) {
        in.kind = I_CONST;
    } else if (counted(b, x, &f)) {
        in.kind = I_NUMBER;
        in.walk = walk_of_form(b, &f);
    } else if (x->kind == E_LOAD) {
        if (!add_walk(b, x, &in)) add_gather(b, x, &in);
    } else if (!add_table(b, x, &in)) {
        for (int k = 0; k < x->narg; k++) in.src[k] = body_add(b, x->arg[k]);
    }
    int reg = push(b, in);
    *register_of(b, x) = reg + 1;
    return reg;
}

int body_add_condition(Body *b, Expr *x) {
    ConditionList guard = b->guard;
    bool lenient = b->lenient;
    b->guard = (ConditionList){0};
    b->lenient = true;
    int reg = body_add(b, x);
    b->guard = guard;
    b->lenient = lenient;
    return reg;
}

/* ---- running ------------------------------------------------------------------------------- */

static void fill_constant(const Expr *x, int n, void *out) {
    float *real = out, v = (float)x->value;
    int32_t *number = out;
    if (x->dtype == T_F32)
        for (int i = 0; i < n; i++) real[i] = v;
    else
        for (int i = 0; i < n; i++) number[i] = (int32_t)x->value;
}

static bool fail(Frame *f, const Instr32 *in, int axis, int64_t index) {
    f->failed = in;
    f->axis = axis;
    f->index = index;
    return false;
}

/* The mask, without the points where an index is outside of its axis. */
static const int32_t *inside_of(const Body *b, const Frame *f, const Instr32 *in, int n,
        const int32_t *mask) {
    int32_t *inside = f->reg[in->offsets + 2];
    for (int i = 0; i < n; i++) inside[i] = !mask || mask[i];
    for (int k = 0; k < in->ncheck; k++) {
        const int32_t *index = f->reg[in->check[k].reg];
        int64_t extent = eval32_extent(b->e, in->expr->node->dim[in->check[k].axis]);
        for (int i = 0; i < n; i++) inside[i] &= index[i] >= 0 && index[i] < extent;
    }
    return inside;
}

static bool run_gather(
        const Body *b, Frame *f, const Instr32 *in, int64_t first, int n, void *out) {
    const Node *node = in->expr->node;
    int64_t *at = f->reg[in->offsets];
    const int32_t *mask = in->src[0] >= 0 ? f->reg[in->src[0]] : NULL;
    walk_offsets(in->walk, first, n, at);
    for (int k = 0; k < in->nterm; k++) column_add(n, in->term[k].c, f->reg[in->term[k].reg], at);
    if (in->lenient) mask = inside_of(b, f, in, n, mask);
    for (int k = 0; k < in->ncheck && !in->lenient; k++) {
        const int32_t *index = f->reg[in->check[k].reg];
        int axis = in->check[k].axis;
        int i = column_outside(n, mask, index, eval32_extent(b->e, node->dim[axis]));
        if (i >= 0) return fail(f, in, axis, index[i]);
    }
    column_gather(n, node->dtype, b->e->array[node->id].at, mask, at, out);
    return true;
}

static bool run_instr(
        const Body *b, Frame *f, const Instr32 *in, int64_t first, int n, void **out) {
    const Expr *x = in->expr;
    switch (in->kind) {
    case I_CONST:
        fill_constant(x, n, *out);
        return true;
    case I_NUMBER:
        walk_numbers(in->walk, first, n, *out);
        return true;
    case I_NEAR:
        *out = (void *)(uintptr_t)(b->e->array[x->node->id].at +
                                   (in->walk->form[0].now + first) * 4);
        return true;
    case I_WALK:
        if (walk_load(in->walk, in->table ? T_I32 : x->node->dtype,
                    in->table ? in->table : b->e->array[x->node->id].at, first, n, *out))
            return true;
        return fail(f, in, -1, 0);
    case I_GATHER:
        return run_gather(b, f, in, first, n, *out);
    case I_MASK:
        column_mask(n, f->reg[in->src[0]], f->reg[in->src[1]], *out);
        return true;
    case I_OP:
        column_op(x, n, f->reg[in->src[0]], f->reg[in->src[1]], f->reg[in->src[2]], *out);
        return true;
    }
    return true;
}

void body_begin(const Body *b) {
    for (int k = 0; k < b->instr.n; k++)
        if (b->instr.at[k].walk) walk_begin(b->instr.at[k].walk, b->e->time);
}

void frame_begin(const Body *b, Frame *f, int64_t points) {
    int n = (int)(points < COLUMN ? points : COLUMN);
    for (int k = 0; k < b->registers; k++) f->reg[k] = f->scratch + (size_t)k * COLUMN * 4;
    f->failed = NULL;
    for (int k = 0; k < b->instr.n; k++)
        if (b->instr.at[k].fixed && !run_instr(b, f, &b->instr.at[k], 0, n, &f->reg[k])) return;
}

bool body_run(const Body *b, Frame *f, int64_t first, int n, void *into) {
    if (f->failed) return false;
    for (int k = 0; k < b->instr.n; k++) {
        const Instr32 *in = &b->instr.at[k];
        if (in->fixed) continue;
        if (into && k == b->instr.n - 1) f->reg[k] = into;
        if (!run_instr(b, f, in, first, n, &f->reg[k])) return false;
    }
    return true;
}

bool frame_failed(Eval32 *e, const Body *b) {
    for (int t = 0; t < pool_threads(e->pool); t++) {
        const Frame *f = &e->frame[t];
        if (!f->failed) continue;
        const Node *n = f->failed->expr->node;
        const char *name = n->name ? n->name : "a tensor";
        if (f->axis < 0)
            eval32_fail(e, b->span, "an index of %s is out of bounds", name);
        else
            eval32_fail(e, b->span, "index %lld of %s is outside of axis %d, which has %lld",
                    (long long)f->index, name, f->axis,
                    (long long)eval32_extent(e, n->dim[f->axis]));
        return true;
    }
    return false;
}
