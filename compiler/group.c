/* group.c - fusion of consumers and siblings: stored nodes that are computed in one loop nest.
 *
 * An elementwise node joins the unit that computes one of its operands when it has the
 * same extents, loads what that unit computes at its own index, and needs nothing that
 * comes after that unit: bias, activation, their derivatives, an optimiser's update of a
 * gradient just computed. A fold joins a unit whose folds run over the same elements in the
 * same way and read one of its operands, so that it is read once; so does an elementwise root
 * (an update) one of others. Scans become units that hold the units of their bodies.
 *
 * Then every root gets its write. One that changes a leaf's place must come after all
 * reads of the old value, and one that is not early after the check of the loss; where
 * the unit that computes the value cannot wait so long, a unit of its own copies it.
 *
 * Requires views; leaves units with their dependences, which have no cycle. */
#include "kernel.h"

enum { MOST_WRITES = 4 };   /* of a unit */
#include "mechanism.h"

/* ---- units and dependences ----------------------------------------------------------- */

static Unit *unit_new(Kernels *k, UnitKind kind, Unit *parent) {
    Unit *u = NEW(k->arena, Unit);
    u->kind = kind;
    u->id = k->unit.n;
    u->parent = parent;
    vec_push(k->arena, &k->unit, u);
    if (parent)
        vec_push(k->arena, &parent->child, u);
    else
        vec_push(k->arena, &k->top, u);
    return u;
}

static Unit *scan_unit(Kernels *k, const Scan *s) {
    if (!s) return NULL;
    while (k->scan.n <= s->id) vec_push(k->arena, &k->scan, NULL);
    if (k->scan.at[s->id]) return k->scan.at[s->id];
    Unit *u = unit_new(k, U_SCAN, scan_unit(k, s->nin ? s->in[s->nin - 1] : NULL));
    u->scan = s;
    k->scan.at[s->id] = u;
    return u;
}

/* The unit of the list that `among` is in and in which u stands, or NULL. */
static Unit *peer(Unit *u, const Unit *among) {
    while (u && u->parent != among->parent) u = u->parent;
    return u;
}

/* What comes after a unit is deeper. */
static void deepen(Kernels *k, Unit *u, int depth) {
    if (u->depth >= depth) return;
    if (depth > k->unit.n) ICE((Span){0}, "units wait for each other");
    u->depth = depth;
    for (int i = 0; i < u->before.n; i++) deepen(k, u->before.at[i], depth + 1);
}

static void add_after(Kernels *k, Unit *u, Unit *before) {
    if (!before || before == u) return;
    for (int i = 0; i < u->after.n; i++)
        if (u->after.at[i] == before) return;
    vec_push(k->arena, &u->after, before);
    vec_push(k->arena, &before->before, u);
    deepen(k, u, before->depth + 1);
}

static void add_reader(Kernels *k, Node *n, Unit *u) {
    vec_push(k->arena, &view_of(k, n)->readers, u);
}

/* u needs what n's unit computes: so does every scan around u up to n's level. */
static void depend_on(Kernels *k, Unit *u, Node *n) {
    Unit *from = view_of(k, n)->unit;
    for (; u && from; u = u->parent) add_after(k, u, peer(from, u));
}

static bool reaches(Unit *from, const Unit *to, int mark) {
    if (from == to) return true;
    if (from->mark == mark || from->depth <= to->depth) return false;
    from->mark = mark;
    for (int i = 0; i < from->after.n; i++)
        if (reaches(from->after.at[i], to, mark)) return true;
    return false;
}

/* Does `from` come after `to`, directly or not? */
static bool comes_after(Kernels *k, Unit *from, const Unit *to) {
    return from && reaches(from, to, ++k->mark);
}

/* ---- joining ------------------------------------------------------------------------- */

/* Looks for loads of one node, or of what one unit computes, at other indices. */
typedef struct Away {
    Kernels *k;
    const Unit *unit;
    const Node *node;
    bool found;
} Away;

bool at_own_index(const Expr *load) {
    if (load->guard) return false;
    for (int i = 0; i < load->narg; i++) {
        const Expr *index = load->arg[i];
        bool only = load->node->dim[i] == 1 && index->kind == E_CONST;
        if (!only && (index->kind != E_VAR || index->var != i)) return false;
    }
    return true;
}

static void find_away(void *ctx, Expr *e) {
    Away *w = ctx;
    if (e->kind != E_LOAD) return;
    bool ours = w->node ? e->node == w->node
                        : e->node->kind == N_COMP && view_of(w->k, e->node)->unit == w->unit;
    if (ours) w->found |= !at_own_index(e);
}

bool loads_away(Kernels *k, const View *v, const Node *n) {
    Away w = {.k = k, .node = n};
    view_visit(k, v, find_away, &w);
    return w.found || (v->node->fold != F_NONE && loads_node(v, n));
}

static bool loads_unit_away(Kernels *k, const View *v, const Unit *u) {
    Away w = {.k = k, .unit = u};
    view_visit(k, v, find_away, &w);
    return w.found;
}

/* Is everything that v loads there before u, or made in it where that may be? */
static bool can_come_at(Kernels *k, const View *v, Unit *u, bool own) {
    for (int i = 0; i < v->loads.n; i++) {
        Unit *other = peer(view_of(k, v->loads.at[i])->unit, u);
        if (other && !(own && other == u) && comes_after(k, other, u)) return false;
    }
    return true;
}

static bool can_join(Kernels *k, View *v, Unit *u) {
    Node *first = u->kind == U_KERNEL && u->member.n ? u->member.at[0] : NULL;
    if (!first || !same_extents(first, v->node)) return false;
    Scatter scatter;
    View *fold = view_of(k, first);
    if (scatter_of(k, fold, &scatter) && !is_sorted_scatter(k, fold)) return false;
    return !loads_unit_away(k, v, u) && can_come_at(k, v, u, true);
}

static bool can_join_fold(Kernels *k, const View *v, Unit *u) {
    return folds_alike(k, view_of(k, u->member.at[0]), v) && can_come_at(k, v, u, false);
}

/* Updates alone: nothing in the unit is wanted early, as the loss may be. */
static bool can_join_update(Kernels *k, View *v, Unit *u) {
    if (!v->forced) return false;
    for (int i = 0; i < u->member.n; i++) {
        const Node *n = u->member.at[i];
        if (!is_map(n) || !view_of(k, u->member.at[i])->forced) return false;
    }
    return can_join(k, v, u);
}

/* A unit that v can join since it reads the same, the first one, or NULL. */
static Unit *sibling(Kernels *k, View *v) {
    bool map = is_map(v->node);
    for (int i = 0; i < v->loads.n; i++) {
        const Node *operand = v->loads.at[i];
        const UnitList *readers = &view_of(k, v->loads.at[i])->readers;
        for (int j = 0; operand->rank && j < readers->n; j++) {
            Unit *u = readers->at[j];
            bool kernel = u->kind == U_KERNEL && u->member.n > 0;
            if (!kernel || innermost_scan(u->member.at[0]) != innermost_scan(v->node)) continue;
            if (map ? can_join_update(k, v, u) : can_join_fold(k, v, u)) return u;
        }
    }
    return NULL;
}

/* Folds come first among a unit's members. */
static void add_member(Kernels *k, Unit *u, Node *n) {
    int at = u->member.n;
    vec_push(k->arena, &u->member, n);
    while (!is_map(n) && at > 0 && is_map(u->member.at[at - 1])) {
        u->member.at[at] = u->member.at[at - 1];
        u->member.at[--at] = n;
    }
}

/* The unit of an operand that v can join, the latest one, or NULL. */
static Unit *unit_to_join(Kernels *k, View *v) {
    Unit *best = NULL;
    for (int i = 0; i < v->loads.n; i++) {
        View *operand = view_of(k, v->loads.at[i]);
        Unit *u = operand->node->kind == N_COMP ? operand->unit : NULL;
        if (!u || (best && u->id <= best->id)) continue;
        if (innermost_scan(operand->node) != innermost_scan(v->node)) continue;
        if (can_join(k, v, u)) best = u;
    }
    return best;
}

static void place_comprehension(Kernels *k, View *v) {
    bool fuse = mechanism_on(MECHANISM_fuse);
    Unit *u = fuse && is_map(v->node) ? unit_to_join(k, v) : NULL;
    if (fuse && !u) u = sibling(k, v);
    if (!u) u = unit_new(k, U_KERNEL, scan_unit(k, innermost_scan(v->node)));
    v->unit = u;
    add_member(k, u, v->node);
    for (int i = 0; i < v->loads.n; i++) {
        depend_on(k, u, v->loads.at[i]);
        add_reader(k, v->loads.at[i], u);
    }
}

/* A scan needs what it begins with; a body's nodes do not wait for its own carries, which
 * are of the step before. When a stack comes its body is complete (view.c). */
static void place_node(Kernels *k, Node *n) {
    View *v = view_of(k, n);
    if (n->kind == N_COMP && v->stored) place_comprehension(k, v);
    if (n->kind != N_CARRY && n->kind != N_STACK) return;
    const Scan *s = n->scan;
    v->unit = scan_unit(k, s);
    if (n->kind == N_CARRY) depend_on(k, v->unit, s->init[n->carry]);
    if (n->kind == N_STACK) depend_on(k, v->unit, n->of);
    for (int c = 0; n->kind == N_STACK && c < s->n; c++)
        if (is_carry_needed(k, s, c)) depend_on(k, v->unit, s->next[c]);
}

/* ---- roots --------------------------------------------------------------------------- */

Node *leaf_at(Kernels *k, const Place *p) {
    for (int e = lookup_first(&k->bound, place_hash(p)); e >= 0; e = lookup_next(&k->bound, e)) {
        const Binding *b = &k->routine->leaf.at[lookup_item(&k->bound, e)];
        if (same_place(&b->from, p)) return b->leaf;
    }
    return NULL;
}

/* A scan reads what its carries begin with and go on with. */
static void add_scan_reads(Kernels *k, Unit *u) {
    for (int c = 0; u->scan && c < u->scan->n; c++) {
        if (!is_carry_needed(k, u->scan, c)) continue;
        add_reader(k, u->scan->init[c], u);
        add_reader(k, u->scan->next[c], u);
    }
}

/* What a write of this root has to wait for, in the list of units outside of scans. */
static UnitList waits_for(Kernels *k, const Root *root) {
    UnitList list = {0};
    Node *leaf = leaf_at(k, &root->to);
    for (int i = 0; leaf && i < view_of(k, leaf)->readers.n; i++) {
        Unit *u = view_of(k, leaf)->readers.at[i];
        while (u->parent) u = u->parent;
        vec_push(k->arena, &list, u);
    }
    if (k->check && !root->early) vec_push(k->arena, &list, k->check);
    return list;
}

/* May the unit write it itself: nothing that the write waits for comes after the unit, and
 * the unit reads the old value only at the element that it writes. */
static bool can_write(Kernels *k, Unit *u, const Root *root, const UnitList *waits) {
    for (int i = 0; i < waits->n; i++)
        if (waits->at[i] != u && comes_after(k, waits->at[i], u)) return false;
    Node *leaf = leaf_at(k, &root->to);
    for (int i = 0; leaf && i < u->member.n; i++)
        if (loads_away(k, view_of(k, u->member.at[i]), leaf)) return false;
    return true;
}

Unit *kernel_unit(Kernels *k) {
    return unit_new(k, U_KERNEL, NULL);
}

Unit *copy_unit(Kernels *k, Node *value, const Scan *in) {
    Unit *u = unit_new(k, U_KERNEL, scan_unit(k, in));
    depend_on(k, u, value);
    return u;
}

static void add_write(Kernels *k, Unit *u, Node *value, Storage *to, bool add, Storage *from) {
    vec_push(k->arena, &u->write, ((Write){value, to, add, from}));
    if (!from) add_reader(k, value, u);
}

/* Two leaves may become each other: then one is copied aside first. A value that goes to many
 * places is copied to most, by one function: a unit of all writes would be one of a kind. */
static void place_write(Kernels *k, const Root *root, Unit *u) {
    UnitList waits = waits_for(k, root);
    Storage *aside = NULL;
    if (u->write.n == MOST_WRITES || !can_write(k, u, root, &waits)) {
        Unit *reader = u->member.n ? NULL : u;
        u = copy_unit(k, root->value, NULL);
        if (reader) {
            aside = scratch_storage(k, root->value);
            add_write(k, reader, root->value, aside, false, NULL);
            add_after(k, u, reader);
        }
    }
    for (int i = 0; i < waits.n; i++) add_after(k, u, waits.at[i]);
    Storage *to = place_storage(k, root->to, root->value);
    add_write(k, u, root->value, to, root->accumulate, aside);
}

/* Values that no unit outside of scans computes are copied; their units come first, since
 * they may read what another root changes. */
static void place_writes(Kernels *k) {
    int n = k->routine->root.n;
    Unit **unit = NEW_ARRAY(k->arena, Unit *, n);
    for (int i = 0; i < n; i++) {
        Node *value = k->routine->root.at[i].value;
        bool computed = value->kind == N_COMP && is_kernel(view_of(k, value)->unit);
        unit[i] = computed ? view_of(k, value)->unit : copy_unit(k, value, NULL);
        if (!computed) add_reader(k, value, unit[i]);
    }
    for (int i = 0; i < n; i++) place_write(k, &k->routine->root.at[i], unit[i]);
}

void group_build(Kernels *k) {
    for (int i = 0; i < k->order.n; i++) place_node(k, k->order.at[i]);
    for (int i = 0; i < k->unit.n; i++) add_scan_reads(k, k->unit.at[i]);
    if (k->routine->finite) {
        k->check = unit_new(k, U_CHECK, NULL);
        depend_on(k, k->check, k->routine->finite);
    }
    place_writes(k);
    for (int i = 0; i < k->unit.n; i++) {
        Unit *u = k->unit.at[i];
        if (u->member.n && is_sorted_scatter(k, view_of(k, u->member.at[0])))
            sorted_scatter_scratch(k, u);
    }
}
