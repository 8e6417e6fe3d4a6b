/* graph.c - nodes and scans: construction, interning, the order of a graph.
 *
 * Nodes are interned by content; ids follow creation, so that operands come before users.
 * A scan's carries are unique. What a node changes with (`in`) is known while building but
 * for one thing: what a scan's own body takes from scans around it, which scan_close adds to
 * everything built since the scan was opened. */
#include "graph_tables.h"

#include <math.h>
#include <string.h>

const char *dtype_name(DType t) {
    static const char *const name[] = {"f32", "i32", "u8", "bool"};
    return name[t];
}

size_t dtype_size(DType t) {
    return t == T_F32 || t == T_I32 ? 4 : 1;
}

Graph *graph_new(Arena *a) {
    Graph *g = NEW(a, Graph);
    g->arena = a;
    g->t = NEW(a, struct GraphTables);
    return g;
}

int graph_nodes(const Graph *g) {
    return g->t->node.n;
}

/* ---- sets of scans, ascending by id ---------------------------------------------------- */

ScanSet scan_union(Graph *g, ScanSet a, ScanSet b) {
    if (b.n == 0 || (a.n == b.n && memcmp(a.at, b.at, (size_t)a.n * sizeof *a.at) == 0)) return a;
    if (a.n == 0) return b;
    const Scan **both = NEW_ARRAY(g->arena, const Scan *, a.n + b.n);
    int n = 0;
    for (int i = 0, j = 0; i < a.n || j < b.n;) {
        bool left = j == b.n || (i < a.n && a.at[i]->id <= b.at[j]->id);
        bool right = i == a.n || (j < b.n && b.at[j]->id <= a.at[i]->id);
        both[n++] = left ? a.at[i] : b.at[j];
        i += left;
        j += right;
    }
    if (n == a.n) return a;
    return n == b.n ? b : (ScanSet){both, n};
}

static ScanSet scan_without(Graph *g, ScanSet a, const Scan *s) {
    const Scan **rest = NEW_ARRAY(g->arena, const Scan *, a.n);
    int n = 0;
    for (int k = 0; k < a.n; k++)
        if (a.at[k] != s) rest[n++] = a.at[k];
    return n == 0 ? (ScanSet){0} : (ScanSet){rest, n};
}

static bool has_scan(ScanSet set, const Scan *s) {
    for (int k = 0; k < set.n; k++)
        if (set.at[k] == s) return true;
    return false;
}

bool node_in_scan(const Node *n, const Scan *s) {
    return has_scan((ScanSet){n->in, n->nin}, s);
}

double node_steps(const Node *n) {
    double steps = 1;
    for (int k = 0; k < n->nin; k++) steps *= (double)n->in[k]->extent;
    return steps;
}

/* ---- interning ------------------------------------------------------------------------- */

static uint64_t dims_hash(uint64_t h, int n, const int64_t *dim) {
    h = hash_mix(h, (uint64_t)n);
    for (int k = 0; k < n; k++) h = hash_mix(h, (uint64_t)dim[k]);
    return h;
}

static uint64_t data_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t content_hash(const Node *n) {
    uint64_t h = hash_mix((uint64_t)n->kind, (uint64_t)n->dtype);
    h = dims_hash(h, n->rank, n->dim);
    switch (n->kind) {
    case N_LEAF:
        h = hash_mix(hash_mix(h, (uint64_t)n->leaf), n->stream);
        h = hash_mix(h, hash_text(n->name));
        for (int64_t k = 0; n->leaf == L_DATA && k < node_elements(n, 1); k++)
            h = hash_mix(h, data_bits(n->data[k]));
        break;
    case N_COMP:
        h = hash_mix(h, (uint64_t)n->fold);
        h = dims_hash(h, n->nfold, n->fold_dim);
        h = hash_mix(hash_mix(h, n->body->hash), n->guard ? n->guard->hash : 0);
        h = hash_mix(h, (uint64_t)n->copy);
        break;
    case N_CARRY:
        h = hash_mix(hash_mix(h, n->scan->hash), (uint64_t)n->carry);
        break;
    case N_STACK:
        h = hash_mix(hash_mix(h, n->scan->hash), n->of->hash);
        break;
    }
    return h;
}

static bool same_dims(int n, const int64_t *a, const int64_t *b) {
    return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static bool same_leaf(const Node *a, const Node *b) {
    if (a->leaf != b->leaf || a->stream != b->stream) return false;
    if (a->leaf == L_DATA)
        return memcmp(a->data, b->data, (size_t)node_elements(a, 1) * sizeof *a->data) == 0;
    return a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0);
}

static bool same(const Node *a, const Node *b) {
    if (a->kind != b->kind || a->dtype != b->dtype || a->rank != b->rank ||
            !same_dims(a->rank, a->dim, b->dim))
        return false;
    switch (a->kind) {
    case N_LEAF:
        return same_leaf(a, b);
    case N_COMP:
        return a->fold == b->fold && a->nfold == b->nfold && a->body == b->body &&
               a->guard == b->guard && a->copy == b->copy && same_dims(a->nfold, a->fold_dim, b->fold_dim);
    case N_CARRY:
        return a->scan == b->scan && a->carry == b->carry;
    case N_STACK:
        return a->scan == b->scan && a->of == b->of;
    }
    return false;
}

static NodeSlot *slot_of(struct GraphTables *t, const Node *key) {
    size_t k = (size_t)key->hash & (t->node_cap - 1);
    for (NodeSlot *s; (s = &t->node_slot[k])->n; k = (k + 1) & (t->node_cap - 1))
        if (s->hash == key->hash && same(s->n, key)) break;
    return &t->node_slot[k];
}

static void grow_table(Graph *g) {
    struct GraphTables *t = g->t;
    const NodeSlot *old = t->node_slot;
    size_t cap = t->node_cap;
    t->node_cap = cap ? 2 * cap : 256;
    t->node_slot = NEW_ARRAY(g->arena, NodeSlot, t->node_cap);
    for (size_t i = 0; i < cap; i++) {
        size_t k = (size_t)old[i].hash & (t->node_cap - 1);
        if (!old[i].n) continue;
        while (t->node_slot[k].n) k = (k + 1) & (t->node_cap - 1);
        t->node_slot[k] = old[i];
    }
}

Node *node_intern(Graph *g, const Node *given) {
    struct GraphTables *t = g->t;
    Node key = *given;
    key.hash = content_hash(&key);
    if (2 * (size_t)t->node.n >= t->node_cap) grow_table(g);
    NodeSlot *slot = slot_of(t, &key);
    if (slot->n) return slot->n;
    Node *n = arena_copy(g->arena, &key, sizeof key);
    *slot = (NodeSlot){key.hash, n};
    n->id = t->node.n;
    n->dim = key.rank ? arena_copy(g->arena, key.dim, (size_t)key.rank * sizeof *key.dim) : NULL;
    if (key.nfold)
        n->fold_dim = arena_copy(g->arena, key.fold_dim, (size_t)key.nfold * sizeof *key.fold_dim);
    vec_push(g->arena, &t->node, n);
    return n;
}

Node *node_copy(Graph *g, const Node *n) {
    Node key = *n;
    key.copy = g->t->node.n;
    return node_intern(g, &key);
}

/* ---- leaves ---------------------------------------------------------------------------- */

bool node_has_rows(const Node *n) { return n->rank > 0 && n->dim[0] == DIM_BATCH; }

int64_t node_elements(const Node *n, int64_t batch) {
    int64_t count = 1;
    for (int k = 0; k < n->rank; k++) {
        int64_t d = n->dim[k] == DIM_BATCH ? batch : n->dim[k];
        if (d > 0 && count > INT64_MAX / d) ICE(n->span, "a tensor's size overflows");
        count *= d;
    }
    return count;
}

Node *node_leaf(
        Graph *g, LeafKind k, DType t, int rank, const int64_t *dim, const char *name, Span at) {
    return node_intern(g, &(Node){.kind = N_LEAF,
                                  .leaf = k,
                                  .dtype = t,
                                  .rank = rank,
                                  .dim = dim,
                                  .name = name,
                                  .span = at});
}

Node *node_data(Graph *g, DType t, int rank, const int64_t *dim, const double *data, Span at) {
    Node key = {.kind = N_LEAF,
            .leaf = L_DATA,
            .dtype = t,
            .rank = rank,
            .dim = dim,
            .data = data,
            .span = at};
    size_t size = (size_t)node_elements(&key, 1) * sizeof *data;
    key.data = arena_copy(g->arena, data, size);
    return node_intern(g, &key);
}

Node *node_uniform(Graph *g, int rank, const int64_t *dim, uint32_t stream, Span at) {
    return node_intern(g, &(Node){.kind = N_LEAF,
                                  .leaf = L_UNIFORM,
                                  .dtype = T_F32,
                                  .rank = rank,
                                  .dim = dim,
                                  .stream = stream,
                                  .span = at});
}

/* ---- scans ----------------------------------------------------------------------------- */

Scan *scan_open(Graph *g, int64_t extent, bool reversed, int n, Node *const *init, Span at) {
    Scan *s = NEW(g->arena, Scan);
    *s = (Scan){.id = g->t->scan.n, .extent = extent, .reversed = reversed, .n = n, .span = at};
    s->hash = hash_mix(hash_mix((uint64_t)extent, reversed), (uint64_t)n);
    ScanSet outside = {0};
    for (int k = 0; k < n; k++) {
        outside = scan_union(g, outside, (ScanSet){init[k]->in, init[k]->nin});
        s->hash = hash_mix(s->hash, init[k]->hash);
    }
    s->in = outside.at;
    s->nin = outside.n;
    s->init = arena_copy(g->arena, init, (size_t)n * sizeof(Node *));
    s->carry = NEW_ARRAY(g->arena, Node *, n);
    const Scan **own = NEW(g->arena, const Scan *);
    *own = s;
    ScanSet in = scan_union(g, outside, (ScanSet){own, 1});
    for (int k = 0; k < n; k++)
        s->carry[k] = node_intern(g, &(Node){.kind = N_CARRY,
                                             .dtype = init[k]->dtype,
                                             .rank = init[k]->rank,
                                             .dim = init[k]->dim,
                                             .span = at,
                                             .scan = s,
                                             .carry = k,
                                             .in = in.at,
                                             .nin = in.n});
    vec_push(g->arena, &g->t->scan, s);
    s->first_expr = g->t->expr.n;
    s->first_node = n ? s->carry[0]->id : g->t->node.n;
    return s;
}

void scan_nest(Graph *g, Scan *s, const Scan *around) {
    const Scan **outer = NEW(g->arena, const Scan *);
    *outer = s->around = around;
    ScanSet more = scan_union(g, (ScanSet){around->in, around->nin}, (ScanSet){outer, 1});
    ScanSet in = scan_union(g, (ScanSet){s->in, s->nin}, more);
    s->in = in.at;
    s->nin = in.n;
    for (int k = 0; k < s->n; k++) {
        Node *c = s->carry[k];
        ScanSet wide = scan_union(g, (ScanSet){c->in, c->nin}, in);
        c->in = wide.at;
        c->nin = wide.n;
    }
}

/* What was built in the scan's body changes with the scans that the body takes from. */
static void widen(Graph *g, Scan *s, ScanSet more) {
    struct GraphTables *t = g->t;
    for (int k = s->first_expr; k < t->expr.n; k++) {
        Expr *e = t->expr.at[k];
        ScanSet in = {e->in, e->nin};
        if (!has_scan(in, s)) continue;
        in = scan_union(g, in, more);
        e->in = in.at;
        e->nin = in.n;
    }
    for (int k = s->first_node; k < t->node.n; k++) {
        Node *n = t->node.at[k];
        ScanSet in = {n->in, n->nin};
        if (!has_scan(in, s)) continue;
        in = scan_union(g, in, more);
        n->in = in.at;
        n->nin = in.n;
    }
}

void scan_close(Graph *g, Scan *s, Node *const *next) {
    if (s->closed) ICE(s->span, "a scan is closed twice");
    s->next = arena_copy(g->arena, next, (size_t)s->n * sizeof(Node *));
    s->closed = true;
    ScanSet around = {s->in, s->nin};
    for (int k = 0; k < s->n; k++) {
        if (next[k]->rank != s->carry[k]->rank || next[k]->dtype != s->carry[k]->dtype ||
                !same_dims(next[k]->rank, next[k]->dim, s->carry[k]->dim))
            ICE(s->span, "a carried value changes its shape or type");
        around = scan_union(g, around, (ScanSet){next[k]->in, next[k]->nin});
    }
    around = scan_without(g, around, s);
    if (around.n == s->nin) return;
    s->in = around.at;
    s->nin = around.n;
    widen(g, s, around);
}

static Node *load_of(Graph *g, Node *n, Expr *first, Span at) {
    Expr *index[MAX_RANK];
    int lead = first ? 1 : 0;
    int rank = n->rank - lead;
    if (first) index[0] = first;
    for (int k = 0; k < rank; k++) index[lead + k] = ex_var(g, k, n->dim[lead + k]);
    return node_comp(g, rank, n->dim + lead, F_NONE, 0, NULL, NULL, ex_load(g, n, index, NULL), at);
}

Node *node_stack(Graph *g, Scan *s, Node *of, Span at) {
    int64_t dim[MAX_RANK];
    if (of->rank + 1 > MAX_RANK) ICE(at, "a stack of more than %d axes", MAX_RANK);
    dim[0] = s->extent;
    for (int k = 0; k < of->rank; k++) dim[k + 1] = of->dim[k];
    if (!node_in_scan(of, s)) { /* the same in every step */
        Expr *index[MAX_RANK];
        for (int k = 0; k < of->rank; k++) index[k] = ex_var(g, k + 1, of->dim[k]);
        return node_comp(
                g, of->rank + 1, dim, F_NONE, 0, NULL, NULL, ex_load(g, of, index, NULL), at);
    }
    if (!s->closed) ICE(at, "a stack over a scan that is not closed");
    ScanSet in =
            scan_union(g, (ScanSet){s->in, s->nin}, scan_without(g, (ScanSet){of->in, of->nin}, s));
    return node_intern(g, &(Node){.kind = N_STACK,
                                  .dtype = of->dtype,
                                  .rank = of->rank + 1,
                                  .dim = dim,
                                  .span = at,
                                  .scan = s,
                                  .of = of,
                                  .name = of->name,
                                  .in = in.at,
                                  .nin = in.n});
}

Node *scan_last(Graph *g, Scan *s, Node *of, Span at) {
    if (!node_in_scan(of, s)) return of;
    int64_t last = s->reversed ? 0 : s->extent - 1;
    return load_of(g, node_stack(g, s, of, at), ex_int(g, last), at);
}

/* ---- ranges ---------------------------------------------------------------------------- */

static int64_t positions(const Node *n) {
    int64_t count = 1;
    for (int k = 0; k < n->nfold; k++) {
        int64_t d = n->fold_dim[k] == DIM_BATCH ? MAX_ROWS : n->fold_dim[k];
        count = d > 0 && count > MAX_ROWS / d ? MAX_ROWS : count * d;
    }
    return count;
}

static void comp_range(const Node *n, int64_t *lo, int64_t *hi) {
    if (n->fold == F_NONE || ((n->fold == F_MAX || n->fold == F_MIN) && !n->guard)) {
        *lo = n->body->lo;
        *hi = n->body->hi;
    } else if (n->fold == F_ARGMAX || n->fold == F_ARGMIN) {
        *lo = 0;
        *hi = positions(n) - 1;
    } else if (n->fold == F_SUM && n->body->lo >= 0 && n->body->hi <= MAX_ROWS / positions(n)) {
        *lo = 0;
        *hi = n->body->hi * positions(n);
    }
}

static void data_range(const Node *n, int64_t *lo, int64_t *hi) {
    int64_t count = node_elements(n, 1);
    for (int64_t k = 0; k < count; k++) {
        int64_t v = (int64_t)n->data[k];
        if (k == 0 || v < *lo) *lo = v;
        if (k == 0 || v > *hi) *hi = v;
    }
}

void node_range(const Node *n, int64_t *lo, int64_t *hi) {
    while (n->kind == N_STACK) n = n->of;
    *lo = n->dtype == T_I32 ? INT32_MIN : 0;
    *hi = n->dtype == T_I32 ? INT32_MAX : n->dtype == T_U8 ? 255 : 1;
    if (n->dtype == T_F32 || n->kind == N_CARRY) return;
    if (n->kind == N_COMP) {
        comp_range(n, lo, hi);
    } else if (n->leaf == L_DATA) {
        data_range(n, lo, hi);
    } else if (n->leaf == L_ROWS || n->leaf == L_STEP) {
        *lo = n->leaf == L_ROWS;
    }
}

bool index_in_bounds(const Node *n, int axis, const Expr *index) {
    if (n->dim[axis] != DIM_BATCH) return index->lo >= 0 && index->hi < n->dim[axis];
    return index->kind == E_VAR && index->extent == DIM_BATCH;
}

/* ---- whole tensors --------------------------------------------------------------------- */

Node *node_map(Graph *g, Op op, Node *const *arg, Span at) {
    int n = op_info[op].arity, rank = 0;
    int64_t dim[MAX_RANK];
    for (int k = 0; k < n; k++)
        if (arg[k]->rank > rank) rank = arg[k]->rank;
    for (int i = 0; i < rank; i++) dim[i] = 1;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < arg[k]->rank; i++)
            if (arg[k]->dim[i] != 1) dim[rank - arg[k]->rank + i] = arg[k]->dim[i];
    Expr *value[3];
    for (int k = 0; k < n; k++) {
        Expr *index[MAX_RANK];
        int skip = rank - arg[k]->rank;
        for (int i = 0; i < arg[k]->rank; i++)
            index[i] = arg[k]->dim[i] == 1 ? ex_int(g, 0) : ex_var(g, skip + i, dim[skip + i]);
        value[k] = ex_load(g, arg[k], index, NULL);
    }
    return node_comp(g, rank, dim, F_NONE, 0, NULL, NULL, ex_op(g, op, value), at);
}

Node *node_scalar(Graph *g, double v, Span at) {
    return node_comp(g, 0, NULL, F_NONE, 0, NULL, NULL, ex_real(g, v), at);
}

Node *node_zeros(Graph *g, DType t, int rank, const int64_t *dim, Span at) {
    Expr *zero = t == T_F32 ? ex_real(g, 0) : t == T_BOOL ? ex_bool(g, false) : ex_int(g, 0);
    return node_comp(g, rank, dim, F_NONE, 0, NULL, NULL, zero, at);
}
