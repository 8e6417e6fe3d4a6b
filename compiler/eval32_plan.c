/* eval32_plan.c - the order of nodes, what a scan runs in each step, and where every array is.
 *
 * Nodes that early roots need come first. Among what can be computed next, that goes first
 * which frees most memory. A root that is not early is stored as soon as nothing reads what it
 * replaces. Arrays whose positions do not overlap may share memory; what is read in a scan but
 * made outside lives until the scan's end, and carries and stacks live through it. */
#include "eval32_internal.h"
#include "graph_tables.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct Planner {
    Eval32 *e;
    NodeList order; /* all that the roots need, operands first */
    bool *done;     /* by node id */
    int position;
    Loop32 *open[MAX_VARS];
    int nopen;
} Planner;

/* ---- lifetimes ------------------------------------------------------------------------- */

static bool has_array(const Node *n) {
    bool own = n->kind != N_LEAF || n->leaf == L_UNIFORM || n->leaf == L_ROWS ||
               n->leaf == L_STEP || n->leaf == L_DATA;
    return own;
}

static void live(Eval32 *e, const Node *n, int position) {
    Array32 *a = &e->array[n->id];
    if (!a->planned) a->first = a->last = position;
    a->planned = true;
    if (position < a->first) a->first = position;
    if (position > a->last) a->last = position;
}

/* Also in every scan that is open: what was made before one must last to its end. */
static void read_here(Planner *p, Node *n) {
    live(p->e, n, p->position);
    for (int k = 0; k < p->nopen; k++) vec_push(p->e->arena, &p->open[k]->reads, n);
}

/* ---- what a scan needs ------------------------------------------------------------------- */

static bool is_open(const Planner *p, const Scan *s) {
    for (int k = 0; k < p->nopen; k++)
        if (p->open[k]->scan == s) return true;
    return false;
}

static bool runs_here(const Planner *p, const Node *n) {
    for (int k = 0; k < n->nin; k++)
        if (!is_open(p, n->in[k])) return false;
    return true;
}

/* Marks what `from` needs inside of the scan. False when it needs something outside that is
 * not there yet. */
static bool mark_body(Planner *p, const Scan *s, Node *from, bool *mark) {
    Arena *a = p->e->arena;
    NodeList todo = {0};
    vec_push(a, &todo, from);
    bool ready = true;
    while (todo.n > 0) {
        Node *n = todo.at[--todo.n];
        if (!node_in_scan(n, s)) ready = ready && (p->done[n->id] || !has_array(n));
        if (!node_in_scan(n, s) || mark[n->id]) continue;
        mark[n->id] = true;
        NodeList operand = node_operands(p->e->graph, n);
        for (int k = 0; k < operand.n; k++) vec_push(a, &todo, operand.at[k]);
        for (int k = 0; k < n->nin; k++) /* what changes with time alone still needs the scan */
            for (int j = 0; n->in[k] != s && j < n->in[k]->n; j++)
                vec_push(a, &todo, n->in[k]->init[j]);
    }
    return ready;
}

static void plan_list(Planner *p, NodeList list, StepList *out);

/* The stacks that can be filled together with this one. */
static bool *choose_stacks(Planner *p, Loop32 *l, Node *stack) {
    Eval32 *e = p->e;
    bool *mark = NEW_ARRAY(e->arena, bool, e->n);
    for (int k = 0; k < l->scan->n; k++) mark_body(p, l->scan, l->scan->next[k], mark);
    for (int k = 0; k < p->order.n; k++) {
        Node *n = p->order.at[k];
        if (n->kind != N_STACK || n->scan != l->scan || p->done[n->id]) continue;
        bool *with = arena_copy(e->arena, mark, (size_t)e->n * sizeof *mark);
        if (!mark_body(p, l->scan, n->of, with) && n != stack) continue;
        mark = with;
        vec_push(e->arena, &l->stacks, n);
    }
    return mark;
}

/* What a scan itself reads and writes in every step. */
static void read_ends(Planner *p, const Loop32 *l) {
    for (int k = 0; k < l->scan->n; k++) {
        read_here(p, l->scan->carry[k]);
        read_here(p, l->scan->next[k]);
        read_here(p, l->scan->init[k]);
    }
    for (int k = 0; k < l->stacks.n; k++) {
        read_here(p, l->stacks.at[k]);
        read_here(p, l->stacks.at[k]->of);
    }
}

static void begin_scan(Planner *p, Loop32 *l) {
    Eval32 *e = p->e;
    int64_t bytes = 0;
    l->first = ++p->position;
    for (int k = 0; k < l->stacks.n; k++) live(e, l->stacks.at[k], l->first);
    for (int k = 0; k < l->scan->n; k++) {
        live(e, l->scan->carry[k], l->first);
        bytes += eval32_elements(e, l->scan->carry[k]) *
                 (int64_t)dtype_size(l->scan->carry[k]->dtype);
    }
    eval32_need(e, bytes);
    p->open[p->nopen++] = l;
}

static void end_scan(Planner *p, Loop32 *l) {
    l->last = ++p->position;
    read_ends(p, l);
    p->nopen--;
    for (int k = 0; k < l->reads.n; k++)
        if (p->e->array[l->reads.at[k]->id].first <= l->first) live(p->e, l->reads.at[k], l->last);
    for (int k = 0; k < l->stacks.n; k++) p->done[l->stacks.at[k]->id] = true;
}

static void plan_scan(Planner *p, Node *stack, StepList *out) {
    Eval32 *e = p->e;
    Loop32 *l = NEW(e->arena, Loop32);
    l->scan = stack->scan;
    bool *mark = choose_stacks(p, l, stack);
    begin_scan(p, l);
    NodeList body = {0};
    for (int k = 0; k < p->order.n; k++) {
        Node *n = p->order.at[k];
        if (!mark[n->id] || !runs_here(p, n)) continue;
        p->done[n->id] = n->kind == N_CARRY && n->scan == l->scan;
        vec_push(e->arena, &body, n);
    }
    plan_list(p, body, &l->body);
    end_scan(p, l);
    vec_push(e->arena, out, ((Step){.kind = S_SCAN, .loop = l, .position = l->first}));
}

/* ---- nodes ------------------------------------------------------------------------------- */

/* What its expressions load is live here. */
static void read_operands(Planner *p, const Node *n) {
    NodeList operand = node_operands(p->e->graph, n);
    for (int k = 0; k < operand.n; k++) read_here(p, operand.at[k]);
}

static void plan_node(Planner *p, Node *n, StepList *out) {
    Eval32 *e = p->e;
    if (n->kind == N_STACK) {
        plan_scan(p, n, out);
        return;
    }
    p->done[n->id] = true;
    if (n->kind == N_CARRY || (n->kind == N_LEAF && n->leaf != L_UNIFORM)) return;
    p->position++;
    live(e, n, p->position);
    Step s = {.kind = S_NODE, .node = n, .position = p->position};
    if (n->kind == N_COMP) {
        read_operands(p, n);
        s.product = product_new(e, n);
        if (!s.product) s.comp = comp_new(e, n);
    }
    vec_push(e->arena, out, s);
}

static void plan_list(Planner *p, NodeList list, StepList *out) {
    for (int k = 0; k < list.n; k++)
        if (!p->done[list.at[k]->id] && runs_here(p, list.at[k])) plan_node(p, list.at[k], out);
}

/* ---- order --------------------------------------------------------------------------------- */

typedef struct Orderer {
    Planner *p;
    int *readers; /* by node id: nodes outside of scans yet to come that read it */
    int *missing; /* by place in the list: operands that are not there yet */
    bool *taken;
} Orderer;

/* Nodes outside of all scans that n stands for, as one thing to do: a stack needs all that its
 * scan's body reads. */
static NodeList needs(Eval32 *e, Node *n) {
    NodeList out = {0};
    if (n->kind == N_COMP) return node_operands(e->graph, n);
    if (n->kind != N_STACK) return out;
    bool *seen = NEW_ARRAY(e->arena, bool, e->n);
    NodeList todo = {0};
    vec_push(e->arena, &todo, n->of);
    for (int k = 0; k < n->scan->n; k++) {
        vec_push(e->arena, &todo, n->scan->init[k]);
        vec_push(e->arena, &todo, n->scan->next[k]);
    }
    while (todo.n > 0) {
        Node *m = todo.at[--todo.n];
        if (seen[m->id]) continue;
        seen[m->id] = true;
        if (m->nin == 0) {
            vec_push(e->arena, &out, m);
            continue;
        }
        NodeList operand = node_operands(e->graph, m);
        for (int k = 0; k < operand.n; k++) vec_push(e->arena, &todo, operand.at[k]);
    }
    return out;
}

/* Memory that is free after the node, less what it takes. */
static int64_t gain(const Orderer *o, const NodeList *operand, const Node *n) {
    const Eval32 *e = o->p->e;
    int64_t freed = 0;
    for (int k = 0; k < operand->n; k++) {
        const Node *m = operand->at[k];
        if (has_array(m) && o->readers[m->id] == 1)
            freed += eval32_elements(e, m) * (int64_t)dtype_size(m->dtype);
    }
    return freed - eval32_elements(e, n) * (int64_t)dtype_size(n->dtype);
}

/* The list in an order in which memory dies early; operands stay before users. */
static NodeList frugal_order(Planner *p, NodeList list) {
    Eval32 *e = p->e;
    Orderer o = {p, NEW_ARRAY(e->arena, int, e->n), NEW_ARRAY(e->arena, int, list.n),
            NEW_ARRAY(e->arena, bool, list.n)};
    NodeList *operand = NEW_ARRAY(e->arena, NodeList, list.n), out = {0};
    int *place = NEW_ARRAY(e->arena, int, e->n);
    for (int k = 0; k < e->n; k++) place[k] = -1;
    for (int k = 0; k < list.n; k++) place[list.at[k]->id] = k;
    for (int k = 0; k < list.n; k++) {
        operand[k] = needs(e, list.at[k]);
        for (int j = 0; j < operand[k].n; j++) o.readers[operand[k].at[j]->id]++;
    }
    while (out.n < list.n) {
        int best = -1;
        int64_t most = 0;
        for (int k = 0, seen = 0; k < list.n && seen < 64; k++) { /* the first that are ready */
            if (o.taken[k]) continue;
            bool ready = true;
            for (int j = 0; j < operand[k].n && ready; j++) {
                int at = place[operand[k].at[j]->id];
                ready = at < 0 || at == k || o.taken[at];
            }
            if (!ready) continue;
            seen++;
            int64_t g = gain(&o, &operand[k], list.at[k]);
            if (best < 0 || g > most) best = k, most = g;
            if (g >= 0) break;
        }
        o.taken[best] = true;
        for (int j = 0; j < operand[best].n; j++) o.readers[operand[best].at[j]->id]--;
        vec_push(e->arena, &out, list.at[best]);
    }
    return out;
}

/* ---- roots --------------------------------------------------------------------------------- */

static void add_store(Planner *p, int root) {
    Eval32 *e = p->e;
    live(e, e->root[root].value, ++p->position);
    vec_push(e->arena, &e->steps, ((Step){.kind = S_STORE, .root = root, .position = p->position}));
}

static NodeList nodes_of(Planner *p, bool early) {
    Eval32 *e = p->e;
    Node **root = NEW_ARRAY(e->arena, Node *, e->nroot + 1);
    int n = 0;
    for (int k = 0; k < e->nroot; k++)
        if (e->root[k].early || !early) root[n++] = e->root[k].value;
    NodeList all = graph_order(e->graph, root, n), outside = {0};
    for (int k = 0; k < all.n; k++)
        if (all.at[k]->nin == 0 && !p->done[all.at[k]->id]) vec_push(e->arena, &outside, all.at[k]);
    return outside;
}

/* Whether root k may be stored at a position: its value is there, its place no longer read. */
static bool can_store(const Eval32 *e, int k, int position) {
    const Root32 *r = &e->root[k];
    const Array32 *value = &e->array[r->value->id];
    const Array32 *old = r->replaces ? &e->array[r->replaces->id] : NULL;
    bool known = !has_array(r->value) || (value->planned && value->first <= position);
    return known && (!old || !old->planned || old->last <= position);
}

/* Stores of roots that are not early, each as soon as it may be. */
static void place_stores(Planner *p) {
    Eval32 *e = p->e;
    StepList steps = {0};
    bool *stored = NEW_ARRAY(e->arena, bool, e->nroot + 1);
    int early = 0;
    for (int k = 0; k < e->nroot; k++) early += e->root[k].early;
    for (int i = -1; i < e->steps.n; i++) {
        if (i >= 0) vec_push(e->arena, &steps, e->steps.at[i]);
        if (i >= 0 && e->steps.at[i].kind == S_STORE) early--;
        int last = i + 1 < e->steps.n ? e->steps.at[i + 1].position - 1 : p->position;
        for (int k = 0; k < e->nroot && early == 0; k++) {
            if (stored[k] || e->root[k].early || !can_store(e, k, last)) continue;
            stored[k] = true;
            live(e, e->root[k].value, last);
            vec_push(e->arena, &steps, ((Step){.kind = S_STORE, .root = k, .position = last}));
        }
    }
    e->steps = steps;
}

/* ---- memory -------------------------------------------------------------------------------- */

static int64_t padded(int64_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
}

static int by_first(const void *a, const void *b) {
    const Array32 *const *x = a, *const *y = b;
    if ((*x)->first != (*y)->first) return (*x)->first < (*y)->first ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

typedef struct Block {
    Array32 *array;
    int64_t offset, bytes;
} Block;

/* The lowest place that is free for as long; live ones are sorted by offset. */
static int64_t find_place(const Block *live_at, int n, int64_t bytes, int *at) {
    int64_t offset = 0;
    *at = 0;
    for (; *at < n && live_at[*at].offset - offset < bytes; ++*at)
        offset = live_at[*at].offset + live_at[*at].bytes;
    return offset;
}

static void place_arrays(Eval32 *e, Array32 **list, int n, const int64_t *bytes) {
    Block *block = NEW_ARRAY(e->arena, Block, n + 1);
    int nlive = 0;
    qsort(list, (size_t)n, sizeof(Array32 *), by_first);
    for (int k = 0; k < n; k++) {
        int kept = 0, at;
        for (int j = 0; j < nlive; j++)
            if (block[j].array->last >= list[k]->first) block[kept++] = block[j];
        nlive = kept;
        int64_t size = bytes[list[k] - e->array];
        list[k]->offset = find_place(block, nlive, size, &at);
        memmove(block + at + 1, block + at, (size_t)(nlive - at) * sizeof *block);
        block[at] = (Block){list[k], list[k]->offset, size};
        nlive++;
        if (list[k]->offset + size > e->bytes) e->bytes = list[k]->offset + size;
    }
}

static bool allocate(Eval32 *e) {
    Array32 **list = NEW_ARRAY(e->arena, Array32 *, e->n);
    int64_t *bytes = NEW_ARRAY(e->arena, int64_t, e->n);
    int n = 0;
    for (int k = 0; k < e->n; k++) {
        const Node *node = e->graph->t->node.at[k];
        if (!e->array[k].planned || !has_array(node)) continue;
        bytes[k] = padded(eval32_elements(e, node) * (int64_t)dtype_size(node->dtype));
        bool always = node->kind == N_LEAF && node->leaf != L_UNIFORM;
        if (always) e->array[k].first = 0, e->array[k].last = INT32_MAX;
        list[n++] = &e->array[k];
    }
    place_arrays(e, list, n, bytes);
    e->memory = aligned_alloc(ALIGN, (size_t)padded(e->bytes));
    e->spare = aligned_alloc(ALIGN, (size_t)padded(e->spare_bytes));
    if (!e->memory || !e->spare)
        return eval32_fail(
                e, (Span){0}, "no memory for %lld bytes", (long long)(e->bytes + e->spare_bytes));
    for (int k = 0; k < n; k++) list[k]->at = list[k]->own = e->memory + list[k]->offset;
    return true;
}

bool plan32(Eval32 *e) {
    Planner p = {.e = e, .done = NEW_ARRAY(e->arena, bool, e->n)};
    Node **root = NEW_ARRAY(e->arena, Node *, e->nroot + 1);
    for (int k = 0; k < e->nroot; k++) root[k] = e->root[k].value;
    p.order = graph_order(e->graph, root, e->nroot);
    for (int k = 0; k < p.order.n; k++) {
        Node *n = p.order.at[k];
        if (n->kind == N_LEAF) live(e, n, 0);
        if (n->kind == N_LEAF && has_array(n)) vec_push(e->arena, &e->leaves, n);
    }
    plan_list(&p, frugal_order(&p, nodes_of(&p, true)), &e->steps);
    for (int k = 0; k < e->nroot; k++)
        if (e->root[k].early) add_store(&p, k);
    plan_list(&p, frugal_order(&p, nodes_of(&p, false)), &e->steps);
    place_stores(&p);
    return !e->error && allocate(e);
}
