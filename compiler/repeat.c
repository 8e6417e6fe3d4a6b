/* repeat.c - computing once more what is cheap, instead of keeping it.
 *
 * What an elementwise unit makes of the caller's arrays alone (pixels to floats, say) can
 * be made again at any time. Where such a result is read early and late in a step and not
 * in between, the unit runs twice, and its memory is free for others meanwhile.
 *
 * Requires the units' order and storages; adds units to the outermost list. */
#include "kernel.h"

enum { LARGE_BYTES = 65536, LONG_GAP = 8 };

/* Is it always there, and never changed? */
static bool is_callers(const Kernels *k, const Node *n) {
    if (n->kind != N_LEAF) return false;
    for (int i = 0; i < k->routine->leaf.n; i++) {
        const Binding *b = &k->routine->leaf.at[i];
        if (b->leaf == n)
            return b->from.object == P_ARG && !k->routine->arg.at[b->from.arg].written;
    }
    return false;
}

static bool can_repeat(Kernels *k, const Unit *u) {
    if (!is_kernel(u) || u->member.n != 1 || u->write.n || !is_map(u->member.at[0])) return false;
    const View *v = view_of(k, u->member.at[0]);
    if (v->storage->kind != ST_ARENA || v->storage->bytes < LARGE_BYTES) return false;
    for (int i = 0; i < v->loads.n; i++)
        if (!is_callers(k, v->loads.at[i])) return false;
    return true;
}

static bool reads(Kernels *k, const Unit *u, const Node *n) {
    for (int i = 0; i < u->member.n; i++)
        if (loads_node(view_of(k, u->member.at[i]), n)) return true;
    for (int i = 0; i < u->write.n; i++)
        if (u->write.at[i].value == n) return true;
    for (int i = 0; i < u->child.n; i++)
        if (reads(k, u->child.at[i], n)) return true;
    return false;
}

/* The reader before the longest stretch without one, and the one after it. */
static bool find_gap(Kernels *k, const Node *n, int *before, int *after) {
    int last = -1, longest = LONG_GAP;
    for (int i = 0; i < k->top.n; i++) {
        if (!reads(k, k->top.at[i], n)) continue;
        if (last >= 0 && i - last > longest) {
            longest = i - last;
            *before = last;
            *after = i;
        }
        last = i;
    }
    return longest > LONG_GAP;
}

static void insert(Kernels *k, int at, Unit *u) {
    vec_push(k->arena, &k->top, u);
    for (int i = k->top.n - 1; i > at; i--) k->top.at[i] = k->top.at[i - 1];
    k->top.at[at] = u;
}

void repeat_build(Kernels *k) {
    for (int i = 0; i < k->top.n; i++) {
        Unit *u = k->top.at[i];
        int before, after;
        if (!can_repeat(k, u) || !find_gap(k, u->member.at[0], &before, &after)) continue;
        Storage *s = view_of(k, u->member.at[0])->storage;
        if (s->again) continue;
        s->resting = k->top.at[before];
        s->again = arena_copy(k->arena, u, sizeof *u);
        insert(k, after, s->again);
    }
}
