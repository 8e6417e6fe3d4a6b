/* eval.c - the interpreter: which nodes have to be computed, in what order, and scans.
 *
 * eval_node brings everything that the node needs into graph_order and computes what lies
 * outside of all scans once. A stack runs its scan: per step, the nodes of the body in the
 * same order, then the carries move on. A scan that lies inside another runs anew in each
 * step of that one; buffers are allocated once. */
#include "eval_internal.h"
#include "graph_tables.h"

#include "../runtime/dl_random.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ------------------------------------------------------------------------------ */

Eval *eval_new(Graph *g, int64_t rows, uint64_t seed, uint32_t step) {
    Arena *a = arena_new();
    Eval *e = NEW(a, Eval);
    *e = (Eval){.graph = g, .arena = a, .rows = rows, .seed = seed, .step = step};
    return e;
}

static void free_values(Values v) {
    free(v.value);
    free(v.scale);
    free(v.margin);
}

void eval_free(Eval *e) {
    if (!e) return;
    eval_free(e->margins);
    for (int k = 0; k < e->n; k++) free_values(e->state[k].v);
    for (int k = 0; k < e->runs.n; k++)
        for (int j = 0; j < e->runs.at[k]->scan->n; j++) free_values(e->runs.at[k]->next[j]);
    arena_free(e->arena);
}

const char *eval_error(const Eval *e) {
    return e->error;
}

bool eval_fail(Eval *e, Span at, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (e->error) return false;
    if (at.src) {
        int line, col;
        span_line_col(at, &line, &col);
        e->error = arena_printf(e->arena, "%s:%d:%d: %s", at.src->path, line, col, text);
    } else {
        e->error = arena_printf(e->arena, "%s", text);
    }
    return false;
}

/* ---- room ------------------------------------------------------------------------------ */

int64_t eval_extent(const Eval *e, int64_t dim) {
    return dim == DIM_BATCH ? e->rows : dim;
}

/* The graph may have grown since the last call. */
static void cover_graph(Eval *e) {
    int n = e->graph->t->node.n, scans = e->graph->t->scan.n;
    NodeState *state = NEW_ARRAY(e->arena, NodeState, n);
    if (e->n) memcpy(state, e->state, (size_t)e->n * sizeof *state);
    e->state = state;
    e->n = n;
    e->time = NEW_ARRAY(e->arena, int64_t, scans);
}

static bool counted(const Eval *e, const Node *n, size_t *count) {
    size_t c = 1;
    for (int k = 0; k < n->rank; k++) {
        size_t d = (size_t)eval_extent(e, n->dim[k]);
        if (d && c > SIZE_MAX / sizeof(double) / 4 / d) return false;
        c *= d;
    }
    *count = c;
    return true;
}

bool eval_room(Eval *e, const Node *n) {
    Values *v = &e->state[n->id].v;
    size_t count;
    if (v->value) return true;
    if (!counted(e, n, &count)) return eval_fail(e, n->span, "a tensor's size overflows");
    v->value = calloc(count + 1, sizeof(double));
    if (e->keep_scale) v->scale = calloc(count + 1, sizeof(double));
    if (e->keep_margin) v->margin = calloc(count + 1, sizeof(double));
    if (!v->value || (e->keep_scale && !v->scale) || (e->keep_margin && !v->margin))
        return eval_fail(e, n->span, "no memory for a tensor of %zu elements", count);
    return true;
}

static size_t elements(const Eval *e, const Node *n) {
    return (size_t)node_elements(n, e->rows);
}

/* ---- leaves ---------------------------------------------------------------------------- */

/* A leaf is exact: its scale is its size, and nothing was compared. */
static void complete_leaf(Eval *e, const Node *n) {
    NodeState *s = &e->state[n->id];
    for (size_t k = 0; k < elements(e, n); k++) {
        if (s->v.scale) s->v.scale[k] = fabs(s->v.value[k]);
        if (s->v.margin) s->v.margin[k] = HUGE_VAL;
    }
    s->done = true;
}

void eval_bind(Eval *e, const Node *leaf, const double *value) {
    if (leaf->id >= e->n) cover_graph(e);
    if (!eval_room(e, leaf)) return;
    memcpy(e->state[leaf->id].v.value, value, elements(e, leaf) * sizeof *value);
    complete_leaf(e, leaf);
    if (e->margins) eval_bind(e->margins, leaf, value);
}

/* The element's number when the batch axis, wherever it stands, counts as the slowest. */
static uint64_t logical_index(const Eval *e, const Node *n, size_t element) {
    uint64_t index = 0, stride = 1, row = 0;
    bool batch = false;
    for (int k = n->rank - 1; k >= 0; k--) {
        size_t d = (size_t)eval_extent(e, n->dim[k]), at = element % d;
        element /= d;
        if (n->dim[k] == DIM_BATCH) {
            row = at;
            batch = true;
        } else {
            index += at * stride;
            stride *= d;
        }
    }
    return batch ? index + row * stride : index;
}

static bool eval_leaf(Eval *e, const Node *n) {
    double *v = e->state[n->id].v.value;
    size_t count = elements(e, n);
    switch (n->leaf) {
    case L_ROWS:
        *v = (double)e->rows;
        break;
    case L_STEP:
        *v = e->step;
        break;
    case L_DATA:
        memcpy(v, n->data, count * sizeof *v);
        break;
    case L_UNIFORM:
        for (size_t k = 0; k < count; k++)
            v[k] = (double)dl_uniform(e->seed, e->step, n->stream, logical_index(e, n, k));
        break;
    default:
        return eval_fail(e, n->span, "%s has no value", n->name ? n->name : "a leaf");
    }
    complete_leaf(e, n);
    return true;
}

/* ---- scans ------------------------------------------------------------------------------------
 */

static bool running(const Node *n, const Scan *const *open, int nopen) {
    for (int k = 0; k < n->nin; k++) {
        bool found = false;
        for (int j = 0; j < nopen; j++) found = found || n->in[k] == open[j];
        if (!found) return false;
    }
    return true;
}

/* Marks what `from` needs inside of the scan. False when it needs something outside that
 * has no value yet. */
static bool mark_body(Eval *e, const Scan *s, Node *from, bool *mark) {
    NodeList todo = {0};
    vec_push(e->arena, &todo, from);
    bool ready = true;
    while (todo.n > 0) {
        Node *n = todo.at[--todo.n];
        if (!node_in_scan(n, s)) ready = ready && e->state[n->id].done;
        if (!node_in_scan(n, s) || mark[n->id]) continue;
        mark[n->id] = true;
        NodeList operand = node_operands(e->graph, n);
        for (int k = 0; k < operand.n; k++) vec_push(e->arena, &todo, operand.at[k]);
        for (int k = 0; k < n->nin; k++) /* what changes with time alone still needs the scan */
            for (int j = 0; n->in[k] != s && j < n->in[k]->n; j++)
                vec_push(e->arena, &todo, n->in[k]->init[j]);
    }
    return ready;
}

/* The run that fills the stack, and with it every other stack of the scan that can be. */
static ScanRun *run_of(Eval *e, Node *stack, const Scan *const *open, int nopen) {
    NodeState *state = &e->state[stack->id];
    if (state->run) return state->run;
    ScanRun *r = state->run = NEW(e->arena, ScanRun);
    Scan *s = r->scan = stack->scan;
    bool *mark = NEW_ARRAY(e->arena, bool, e->n);
    for (int k = 0; k < s->n; k++) mark_body(e, s, s->next[k], mark);
    for (int k = 0; k < e->order.n; k++) {
        Node *n = e->order.at[k];
        if (n->kind != N_STACK || n->scan != s || e->state[n->id].done) continue;
        bool *with = arena_copy(e->arena, mark, (size_t)e->n * sizeof *mark);
        if (!mark_body(e, s, n->of, with) && n != stack) continue;
        mark = with;
        vec_push(e->arena, &r->stacks, n);
    }
    const Scan **inner = NEW_ARRAY(e->arena, const Scan *, nopen + 1);
    for (int k = 0; k < nopen; k++) inner[k] = open[k];
    inner[nopen] = s;
    for (int k = 0; k < e->order.n; k++) {
        Node *n = e->order.at[k];
        if (mark[n->id] && running(n, inner, nopen + 1)) vec_push(e->arena, &r->body, n);
    }
    r->next = NEW_ARRAY(e->arena, Values, s->n);
    vec_push(e->arena, &e->runs, r);
    return r;
}

static void copy_values(Values to, Values from, size_t at, size_t count) {
    if (count == 0) return;
    memcpy(to.value + at, from.value, count * sizeof(double));
    if (to.scale) memcpy(to.scale + at, from.scale, count * sizeof(double));
    if (to.margin) memcpy(to.margin + at, from.margin, count * sizeof(double));
}

static bool eval_list(Eval *e, NodeList list, const Scan *const *open, int nopen);

/* Carries move on together: one may be the next value of another, so all are copied before
 * any is exchanged. */
static void move_carries(Eval *e, ScanRun *r) {
    Scan *s = r->scan;
    for (int k = 0; k < s->n; k++)
        copy_values(r->next[k], e->state[s->next[k]->id].v, 0, elements(e, s->carry[k]));
    for (int k = 0; k < s->n; k++) {
        Values *carried = &e->state[s->carry[k]->id].v, old = *carried;
        *carried = r->next[k];
        r->next[k] = old;
    }
}

static bool prepare(Eval *e, ScanRun *r) {
    Scan *s = r->scan;
    for (int k = 0; k < s->n; k++) {
        NodeState *c = &e->state[s->carry[k]->id];
        if (!r->next[k].value) { /* the second buffer of each carry, allocated as the first */
            Values first = c->v;
            c->v = (Values){0};
            if (!eval_room(e, s->carry[k])) return false;
            r->next[k] = c->v;
            c->v = first;
        }
        if (!eval_room(e, s->carry[k])) return false;
        copy_values(c->v, e->state[s->init[k]->id].v, 0, elements(e, s->carry[k]));
        c->done = true;
    }
    for (int k = 0; k < r->stacks.n; k++)
        if (!eval_room(e, r->stacks.at[k])) return false;
    return true;
}

static bool run_scan(Eval *e, ScanRun *r, const Scan *const *open, int nopen) {
    Scan *s = r->scan;
    const Scan *inner[MAX_VARS];
    if (nopen + 1 >= MAX_VARS) return eval_fail(e, s->span, "scans nest too deeply");
    if (nopen) memcpy(inner, open, (size_t)nopen * sizeof *open);
    inner[nopen] = s;
    if (!prepare(e, r)) return false;
    for (int64_t k = 0; k < s->extent; k++) {
        int64_t t = e->time[s->id] = s->reversed ? s->extent - 1 - k : k;
        for (int j = 0; j < r->body.n; j++)
            if (r->body.at[j]->kind != N_CARRY) e->state[r->body.at[j]->id].done = false;
        if (!eval_list(e, r->body, inner, nopen + 1)) return false;
        for (int j = 0; j < r->stacks.n; j++) {
            const Node *n = r->stacks.at[j];
            size_t size = elements(e, n->of);
            copy_values(e->state[n->id].v, e->state[n->of->id].v, (size_t)t * size, size);
        }
        move_carries(e, r);
    }
    for (int k = 0; k < r->stacks.n; k++) e->state[r->stacks.at[k]->id].done = true;
    return true;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static bool eval_one(Eval *e, Node *n, const Scan *const *open, int nopen) {
    if (n->kind == N_CARRY) return true; /* its scan has set it */
    if (n->kind == N_STACK) return run_scan(e, run_of(e, n, open, nopen), open, nopen);
    if (!eval_room(e, n)) return false;
    bool ok = n->kind == N_LEAF ? eval_leaf(e, n) : eval_comp(e, n);
    e->state[n->id].done = ok;
    return ok;
}

static bool eval_list(Eval *e, NodeList list, const Scan *const *open, int nopen) {
    for (int k = 0; k < list.n; k++) {
        Node *n = list.at[k];
        if (e->state[n->id].done || !running(n, open, nopen)) continue;
        if (!eval_one(e, n, open, nopen)) return false;
    }
    return true;
}

const double *eval_node(Eval *e, Node *n) {
    if (e->error) return NULL;
    if (n->id >= e->n || e->n < e->graph->t->node.n) cover_graph(e);
    if (n->nin > 0) {
        eval_fail(e, n->span, "the node has a value only inside of its scan");
        return NULL;
    }
    if (!e->state[n->id].done) {
        e->order = graph_order(e->graph, &n, 1);
        if (!eval_list(e, e->order, NULL, 0)) return NULL;
    }
    return e->state[n->id].v.value;
}

void eval_keep_scale(Eval *e) {
    e->keep_scale = true;
}

const double *eval_scale(Eval *e, Node *n) {
    if (!e->keep_scale || !eval_node(e, n)) return NULL;
    return e->state[n->id].v.scale;
}

/* Margins cost as much as the values: a second interpreter keeps them, with the same leaves,
 * when somebody asks. */
const double *eval_margin(Eval *e, Node *n) {
    if (!e->margins) {
        Eval *m = e->margins = eval_new(e->graph, e->rows, e->seed, e->step);
        m->keep_margin = true;
        for (int k = 0; k < e->n; k++)
            if (e->graph->t->node.at[k]->kind == N_LEAF && e->state[k].done)
                eval_bind(m, e->graph->t->node.at[k], e->state[k].v.value);
    }
    if (!eval_node(e->margins, n)) {
        eval_fail(e, n->span, "%s", eval_error(e->margins));
        return NULL;
    }
    return e->margins->state[n->id].v.margin;
}
