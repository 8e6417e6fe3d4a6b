/* plan.c - lifetimes, what is in place of what, and offsets in the arena.
 *
 * What lives in one stretch alone (stretch.c) has room for a slice of rows, in a part of the
 * arena that each thread has for itself; the rest of what a stretch uses is taken for all of
 * it, since its slices are at different points of it at the same time.
 *
 * A storage is live from the unit that first writes it to the one that last reads it; what
 * is used in a scan but lives outside of its body is live for the whole scan. The result of
 * an element's computation takes the place of an operand that dies there and is read at
 * the same element only. Offsets are first fit, large ones first, 64-byte aligned.
 *
 * Requires the units' order; leaves every arena storage its offset. */
#include "contract.h"

#include <stdlib.h>

/* ---- lifetimes ----------------------------------------------------------------------- */

static bool stands_in(const Scan *inner, const Scan *outer) {
    if (!outer) return true;
    if (inner == outer) return true;
    for (int i = 0; inner && i < inner->nin; i++)
        if (inner->in[i] == outer) return true;
    return false;
}

/* The storage is used by this unit. */
static void touch(Storage *s, const Unit *u) {
    if (!s) return;
    if (s->kind == ST_CARRY) touch(s->init, u);
    if (s->base) touch(s->base, u);
    while (u->parent && !stands_in(s->home, u->parent->scan)) u = u->parent;
    if (u->position < s->first) s->first = u->position;
    if (u->last_position > s->last) s->last = u->last_position;
}

static void touch_unit(Kernels *k, const Unit *u) {
    for (int i = 0; i < u->child.n; i++) touch_unit(k, u->child.at[i]);
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(k, u->member.at[i]);
        for (int j = 0; j < v->loads.n; j++) {
            const View *operand = view_of(k, v->loads.at[j]);
            if (operand->unit != u || operand->node->kind != N_COMP) touch(operand->storage, u);
        }
    }
    for (int i = 0; i < u->write.n; i++) {
        touch(u->write.at[i].to, u);
        touch(u->write.at[i].from, u);
        const View *v = view_of(k, u->write.at[i].value);
        if (v->unit != u) touch(v->storage, u);
    }
    for (int i = 0; i < u->scratch.n; i++) touch(u->scratch.at[i], u);
    if (u->kind == U_CHECK) touch(view_of(k, k->routine->finite)->storage, u);
}

/* A result that nobody reads from memory is not stored; one that is, from its unit on. */
static void touch_results(Kernels *k) {
    for (int i = 0; i < k->unit.n; i++)
        for (int j = 0; j < k->unit.at[i]->member.n; j++) {
            View *v = view_of(k, k->unit.at[i]->member.at[j]);
            Storage *s = v->storage;
            bool kept = s->last >= 0 || contraction_in_memory(k, v) || is_added_scatter(k, v) ||
                        s->kind == ST_SLOT || s->kind == ST_FLIP || s->kind == ST_PLACE;
            if (kept) touch(s, k->unit.at[i]);
        }
}

/* ---- in place ------------------------------------------------------------------------ */

typedef struct Reader {
    const Node *node;
    bool elsewhere;
} Reader;

static void look_at_load(void *ctx, Expr *e) {
    Reader *r = ctx;
    if (e->kind == E_LOAD && e->node == r->node) r->elsewhere |= !at_own_index(e);
}

/* The part of the unit that computes the result, if those before it read the operand at their
 * own line alone, and those after it, which would find the result there, do not; else NULL. */
static const Unit *last_reader(Kernels *k, const Unit *u, const Node *result, Node *operand) {
    const Unit *part = NULL;
    for (int i = 0; i < u->part.n; i++) {
        const Unit *p = u->part.at[i];
        for (int j = 0; j < p->member.n; j++) {
            const View *v = view_of(k, p->member.at[j]);
            if (v->node == result) part = p;
            if (!loads_node(v, operand)) continue;
            if ((part && p != part) || !reads_own_line(k, v, operand, u->shared)) return NULL;
        }
    }
    return part;
}

static bool read_at_own_index(Kernels *k, const Unit *u, Node *operand) {
    Reader r = {operand, false};
    for (int i = 0; i < u->member.n; i++) {
        const View *v = view_of(k, u->member.at[i]);
        if (!loads_node(v, operand)) continue;
        if (!is_map(v->node)) return false;
        view_visit(k, v, look_at_load, &r);
    }
    return !r.elsewhere;
}

/* May the result of u be where the operand is? */
static bool can_replace(Kernels *k, const Unit *u, Node *result, Node *operand) {
    Storage *from = view_of(k, operand)->storage, *to = view_of(k, result)->storage;
    if (!from || from->kind != ST_ARENA || from->one_step || from->local != to->local) return false;
    from = resolve(from);
    if (from->kind != ST_ARENA || from->home != to->home || from->type != to->type) return false;
    if (from->bytes != to->bytes || from->last != u->position || from->first >= u->position)
        return false;
    if (!same_extents(result, operand)) return false;
    if (u->part.n) u = last_reader(k, u, result, operand);
    return u && read_at_own_index(k, u, operand);
}

static void replace_operands(Kernels *k, Unit *u) {
    for (int i = 0; i < u->member.n; i++) {
        Node *result = u->member.at[i];
        Storage *to = view_of(k, result)->storage;
        if (!is_map(result) || to->kind != ST_ARENA || to->last < 0 || to->shared) continue;
        for (int m = 0; m < u->member.n && !to->shared; m++) {
            const NodeList *loads = &view_of(k, u->member.at[m])->loads;
            for (int j = 0; j < loads->n && !to->shared; j++) {
                if (!can_replace(k, u, result, loads->at[j])) continue;
                Storage *from = resolve(view_of(k, loads->at[j])->storage);
                to->shared = from;
                from->last = to->last;
                if (!from->name) from->name = to->name;
            }
        }
    }
}

static void replace_in(Kernels *k, UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        replace_operands(k, list->at[i]);
        replace_in(k, &list->at[i]->child);
    }
}

/* ---- offsets ------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    const Storage *x = *(Storage *const *)a, *y = *(Storage *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->offset < y->offset ? -1 : 1; /* order of creation, kept there until placed */
}

static int by_start(const void *a, const void *b) {
    const Storage *x = *(Storage *const *)a, *y = *(Storage *const *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return by_size(a, b);
}

/* Is b live only while a's memory is free in between? */
static bool is_in_rest(const Storage *a, const Storage *b) {
    return a->again && b->first > a->resting->last_position && b->last < a->again->position;
}

static int64_t aligned(int64_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* A storage that has its place; what each later one asks of it is here, not behind a pointer. */
typedef struct Placed {
    int64_t offset, end;
    int first, last;          /* positions in which its memory is taken */
    const Storage *s;
} Placed;

/* The lowest offset at which no placed storage is live at the same time; those that are
 * placed are in order of their offsets. */
static int64_t first_fit(const Placed *placed, int n, const Storage *s) {
    int64_t offset = 0, size = aligned(s->bytes);
    for (int i = 0; i < n && placed[i].offset < offset + size; i++) {
        const Placed *o = &placed[i];
        bool both = o->first <= s->end && s->begin <= o->last;
        if (o->end > offset && both && !is_in_rest(s, o->s) && !is_in_rest(o->s, s))
            offset = o->end;
    }
    return offset;
}

static void insert_by_offset(Placed *placed, int n, const Storage *s) {
    int at = n;
    for (; at > 0 && placed[at - 1].offset > s->offset; at--) placed[at] = placed[at - 1];
    placed[at] = (Placed){s->offset, s->offset + aligned(s->bytes), s->begin, s->end, s};
}

/* Places all in the given order; how much it takes. */
static int64_t place_all(Arena *a, Storage *const *all, int n) {
    int64_t end = 0;
    Placed *placed = NEW_ARRAY(a, Placed, n);
    for (int i = 0; i < n; i++) {
        all[i]->offset = first_fit(placed, i, all[i]);
        insert_by_offset(placed, i, all[i]);
        int64_t last = all[i]->offset + aligned(all[i]->bytes);
        if (last > end) end = last;
    }
    return end;
}

/* Where memory is taken: a shared one in all of a stretch that it is used in. */
static void find_extents(Kernels *k) {
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        s->begin = s->first;
        s->end = s->last;
        const Stretch *first = stretch_at(k, s->begin), *last = stretch_at(k, s->end);
        if (first && !s->local) s->begin = first->first;
        if (last && !s->local) s->end = last->last;
    }
}

/* Large ones first is good as a rule, early ones first now and then. */
static int64_t assign_offsets(Kernels *k, bool local) {
    typedef int Compare(const void *, const void *);
    Compare *const rule[] = {by_size, by_start, by_size};
    Vec(Storage *) all = {0};
    for (int i = 0; i < k->storage.n; i++) {
        Storage *s = k->storage.at[i];
        bool taken = s->kind == ST_ARENA && !s->shared && s->last >= 0;
        if (taken && local == (s->local != NULL)) vec_push(k->arena, &all, s);
    }
    int64_t end[2] = {0}, bytes = 0;
    for (int i = 0; i < 3 && all.n; i++) {
        if (i == 2 && end[1] <= end[0]) break;
        for (int j = 0; j < all.n; j++) all.at[j]->offset = j;
        qsort(all.at, (size_t)all.n, sizeof *all.at, rule[i]);
        bytes = end[i % 2] = place_all(k->arena, all.at, all.n);
    }
    return bytes;
}

static void report(Kernels *k) {
    for (int i = 0; i < k->storage.n; i++) {
        const Storage *s = k->storage.at[i];
        if (s->kind != ST_ARENA || s->shared || s->last < 0) continue;
        PlanBuffer buffer = {.name = s->name, .offset = s->offset, .bytes = s->bytes,
                .local = s->local != NULL, .first = s->first, .last = s->last};
        vec_push(k->arena, &k->plan->buffer, buffer);
    }
    k->plan->arena = k->arena_bytes;
    k->plan->local = k->local_bytes;
    k->plan->groups = k->slicing.groups;
    k->plan->group_rows = k->slicing.group_rows;
    for (int i = 0; i < k->stretch.n; i++) {
        const Stretch *s = k->stretch.at[i];
        PlanStretch row = {.first = s->first, .last = s->last, .slice_rows = s->slice_rows};
        vec_push(k->arena, &k->plan->stretch, row);
    }
}

void plan_build(Kernels *k) {
    for (int i = 0; i < k->top.n; i++) touch_unit(k, k->top.at[i]);
    touch_results(k);
    stretch_slice(k);
    replace_in(k, &k->top);
    find_extents(k);
    k->arena_bytes = assign_offsets(k, false);
    k->local_bytes = assign_offsets(k, true);
    report(k);
}
