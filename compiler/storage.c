/* storage.c - in what kind of memory every stored node is.
 *
 * A leaf is where its binding says, a root's value where the root goes if its unit writes
 * it there as it is. Everything else is in the arena: for itself; or, what a scan stacks,
 * as a slot of the stack; or, what a scan carries, in two halves by turns, so that the
 * value of the last step can be read while the next one is made. What is stacked or
 * carried without being computed in the body is copied by units added here.
 *
 * Requires units; leaves every stored node, leaf, stack and carry a Storage. */
#include "graph_tables.h"
#include "kernel.h"

Storage *resolve(Storage *s) {
    while (s->shared) s = s->shared;
    return s;
}

PlaceType place_type(DType t) {
    static const PlaceType of[] = {
            [T_F32] = PT_F32, [T_I32] = PT_I32, [T_U8] = PT_U8, [T_BOOL] = PT_U8};
    return of[t];
}

static int64_t bytes_of(PlaceType t) {
    static const int64_t bytes[] = {
            [PT_F32] = 4, [PT_I32] = 4, [PT_U8] = 1, [PT_F64] = 8, [PT_I64] = 8};
    return bytes[t];
}

/* From row to row: elements of the axes behind the batch axis. */
static int64_t row_stride(const Node *n) {
    int axis = batch_axis(n);
    int64_t stride = axis >= 0;
    for (int i = axis + 1; i < n->rank && axis >= 0; i++) stride *= n->dim[i];
    return stride;
}

static void set_bytes(Storage *s) {
    s->bytes = s->elements * bytes_of(s->type);
    if (s->halves) s->bytes = 2 * ((s->bytes + 63) / 64 * 64);
}

void storage_resize(Storage *s, int64_t rows_now, int64_t rows) {
    s->elements = s->elements / rows_now * rows;
    set_bytes(s);
}

static Storage *storage_new(Kernels *k, StorageKind kind, const Node *n, const Scan *home) {
    Storage *s = NEW(k->arena, Storage);
    s->kind = kind;
    s->type = place_type(n->dtype);
    s->elements = node_elements(n, k->batch);
    s->name = n->name;
    s->home = home;
    s->lo = 0;
    s->hi = -1;
    if (n->dtype != T_F32) node_range(n, &s->lo, &s->hi);
    s->first = INT32_MAX;
    s->last = -1;
    s->row_stride = row_stride(n);
    set_bytes(s);
    vec_push(k->arena, &k->storage, s);
    return s;
}

bool same_place(const Place *a, const Place *b) {
    return a->object == b->object && a->arg == b->arg && a->offset == b->offset;
}

uint64_t place_hash(const Place *p) {
    return hash_mix(hash_mix((uint64_t)p->object, (uint64_t)p->arg), (uint64_t)p->offset);
}

Storage *place_storage(Kernels *k, Place p, const Node *n) {
    uint64_t hash = place_hash(&p);
    for (int e = lookup_first(&k->placed, hash); e >= 0; e = lookup_next(&k->placed, e)) {
        Storage *s = k->storage.at[lookup_item(&k->placed, e)];
        if (same_place(&s->place, &p)) return s;
    }
    lookup_add(k->arena, &k->placed, hash, k->storage.n);
    Storage *s = storage_new(k, ST_PLACE, n, NULL);
    s->place = p;
    s->type = p.type;
    if (p.name) s->name = p.name;
    return s;
}

Storage *scratch_storage(Kernels *k, const Node *n) {
    return storage_new(k, ST_ARENA, n, NULL);
}

/* ---- leaves and direct roots --------------------------------------------------------- */

void bindings_build(Kernels *k) {
    for (int i = k->routine->leaf.n - 1; i >= 0; i--) {
        const Binding *b = &k->routine->leaf.at[i];
        view_of(k, b->leaf)->binding = b;
        lookup_add(k->arena, &k->bound, place_hash(&b->from), i);
    }
}

static Storage *bound_storage(Kernels *k, const Binding *b) {
    Storage *s = place_storage(k, b->from, b->leaf);
    if (b->bound > 0) {
        s->lo = 0;
        s->hi = b->bound - 1;
    }
    return s;
}

static Storage *leaf_storage(Kernels *k, Node *n) {
    if (n->leaf == L_DATA) {
        Storage *s = storage_new(k, ST_TABLE, n, NULL);
        s->table = codegen_table(k->codegen, n);
        return s;
    }
    const Binding *binding = view_of(k, n)->binding;
    if (binding) return bound_storage(k, binding);
    if (n->leaf == L_UNIFORM || n->leaf == L_ROWS || n->leaf == L_STEP) return NULL;
    ICE(n->span, "no place is given for %s", n->name ? n->name : "a leaf");
}

/* Where the node's own unit writes it unchanged, or NULL. */
static Storage *written_place(const View *v) {
    for (int i = 0; v->unit && i < v->unit->write.n; i++) {
        const Write *w = &v->unit->write.at[i];
        if (w->value == v->node && !w->add && w->to->type == place_type(v->node->dtype))
            return w->to;
    }
    return NULL;
}

/* ---- scans --------------------------------------------------------------------------- */

static bool is_in(const Node *n, const Scan *s) {
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] == s) return true;
    return false;
}

static const Scan *around(const Scan *s) {
    return s->nin ? s->in[s->nin - 1] : NULL;
}

/* Computed in the body of s itself, with memory of its own. */
static bool made_in(const Node *n, const Scan *s) {
    return (n->kind == N_COMP || n->kind == N_STACK) && innermost_scan(n) == s;
}

typedef struct LastOnly {
    const Node *stack;
    int64_t step;
    bool other;
} LastOnly;

static void look_at_load(void *ctx, Expr *e) {
    LastOnly *l = ctx;
    if (e->kind != E_LOAD || e->node != l->stack) return;
    const Expr *index = e->arg[0];
    l->other |= index->kind != E_CONST || (int64_t)index->value != l->step;
}

/* Is the value of the last step all that is read of a stack? */
static bool only_last_is_read(Kernels *k, Node *stack) {
    LastOnly l = {stack, stack->scan->reversed ? 0 : stack->scan->extent - 1, false};
    const View *v = view_of(k, stack);
    for (int i = 0; i < v->users.n; i++) {
        if (v->users.at[i]->kind != N_COMP) return false;
        view_visit(k, view_of(k, v->users.at[i]), look_at_load, &l);
    }
    for (int i = 0; i < k->routine->root.n; i++)
        if (k->routine->root.at[i].value == stack) return false;
    return !l.other;
}

/* The needed stack of a node over s, or NULL. */
static Node *stack_of(Kernels *k, const Node *n, const Scan *s) {
    const NodeList *users = &view_of(k, (Node *)n)->users;
    for (int i = 0; i < users->n; i++) {
        Node *stack = users->at[i];
        if (stack->kind == N_STACK && stack->of == n && stack->scan == s) return stack;
    }
    return NULL;
}

static bool is_carried(Kernels *k, const Node *n, const Scan *s) {
    for (int c = 0; c < s->n; c++)
        if (s->next[c] == n && is_carry_needed(k, s, c)) return true;
    return false;
}

static Storage *node_storage(Kernels *k, Node *n);

static Storage *slot_of(Kernels *k, Node *n, Node *stack) {
    Storage *s = storage_new(k, ST_SLOT, n, around(stack->scan));
    s->base = node_storage(k, stack);
    s->scan = stack->scan;
    return s;
}

static Storage *flip_of(Kernels *k, Node *n, const Scan *scan) {
    Storage *base = storage_new(k, ST_ARENA, n, around(scan));
    base->halves = true;
    set_bytes(base);
    Storage *s = storage_new(k, ST_FLIP, n, around(scan));
    s->base = base;
    s->scan = scan;
    return s;
}

/* Small integers that only this routine sees take a byte: positions in windows, say. */
static void narrow(Kernels *k, Storage *s, Node *n) {
    int64_t lo, hi;
    if (n->kind != N_COMP || n->dtype != T_I32 || n->nin || view_of(k, n)->forced) return;
    node_range(n, &lo, &hi);
    if (lo < 0 || hi > UINT8_MAX) return;
    s->type = PT_U8;
    set_bytes(s);
}

/* Memory of what a body or the routine itself makes. */
static Storage *own_storage(Kernels *k, Node *n) {
    const Scan *scan = innermost_scan(n);
    Node *stack = scan ? stack_of(k, n, scan) : NULL;
    if (stack && !only_last_is_read(k, stack)) return slot_of(k, n, stack);
    if (scan && is_carried(k, n, scan)) return flip_of(k, n, scan);
    Storage *s = storage_new(k, ST_ARENA, n, scan);
    narrow(k, s, n);
    return s;
}

/* Copies a value into a scan's memory in every step. */
static void copy_each_step(Kernels *k, Node *value, const Scan *scan, Storage *to) {
    Unit *u = copy_unit(k, value, scan);
    vec_push(k->arena, &u->write, ((Write){value, to, false, NULL}));
}

static Storage *stack_storage(Kernels *k, Node *n) {
    bool last = only_last_is_read(k, n), made = made_in(n->of, n->scan);
    if (!last) {
        Storage *s = own_storage(k, n);
        view_of(k, n)->storage = s;
        if (!made) copy_each_step(k, n->of, n->scan, slot_of(k, n->of, n));
        return s;
    }
    Storage *of, *s;
    if (made) {
        of = node_storage(k, n->of);
    } else {
        of = storage_new(k, ST_ARENA, n->of, around(n->scan));
        copy_each_step(k, n->of, n->scan, of);
    }
    s = storage_new(k, ST_LAST, n->of, of->home);
    s->base = of;
    s->scan = n->scan;
    s->one_step = true;
    return s;
}

static Storage *carry_storage(Kernels *k, Node *n) {
    const Scan *scan = n->scan;
    Node *next = scan->next[n->carry];
    Storage *s = storage_new(k, ST_CARRY, n, around(scan));
    view_of(k, n)->storage = s;
    s->scan = scan;
    s->init = node_storage(k, scan->init[n->carry]);
    if (made_in(next, scan)) {
        s->base = node_storage(k, next);
    } else if (is_in(next, scan)) { /* another carry */
        s->base = flip_of(k, next, scan);
        copy_each_step(k, next, scan, s->base);
    } else {
        s->base = node_storage(k, next);
    }
    return s;
}

static Storage *node_storage(Kernels *k, Node *n) {
    View *v = view_of(k, n);
    if (v->storage) return v->storage;
    switch (n->kind) {
    case N_LEAF:
        v->storage = leaf_storage(k, n);
        break;
    case N_STACK:
        v->storage = stack_storage(k, n);
        break;
    case N_CARRY:
        v->storage = carry_storage(k, n);
        break;
    case N_COMP:
        if (v->stored) v->storage = written_place(v);
        if (v->stored && !v->storage) v->storage = own_storage(k, n);
        break;
    }
    return v->storage;
}

void storage_build(Kernels *k) {
    for (int i = 0; i < k->order.n; i++) node_storage(k, k->order.at[i]);
}
