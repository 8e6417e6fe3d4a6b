/* lookup.c - see lookup.h. Chains of entries, twice as many whenever they are full. */
#include "lookup.h"

static int *chain_of(const Lookup *l, uint64_t hash) {
    return &l->chain[hash & (l->chains - 1)];
}

static void chain_up(Lookup *l, int entry) {
    int *chain = chain_of(l, l->entry.at[entry].hash);
    l->entry.at[entry].next = *chain;
    *chain = entry;
}

static void make_room(Arena *a, Lookup *l) {
    if ((size_t)l->entry.n < l->chains) return;
    l->chains = l->chains ? 2 * l->chains : 16;
    l->chain = NEW_ARRAY(a, int, l->chains);
    for (size_t i = 0; i < l->chains; i++) l->chain[i] = -1;
    for (int i = 0; i < l->entry.n; i++) chain_up(l, i);
}

void lookup_add(Arena *a, Lookup *l, uint64_t hash, int item) {
    make_room(a, l);
    vec_push(a, &l->entry, ((LookupEntry){hash, item, -1}));
    chain_up(l, l->entry.n - 1);
}

/* The newest entry is the head of its chain. */
void lookup_keep(Lookup *l, int n) {
    while (l->entry.n > n) {
        const LookupEntry *last = &l->entry.at[--l->entry.n];
        *chain_of(l, last->hash) = last->next;
    }
}

static int same_hash(const Lookup *l, int entry, uint64_t hash) {
    while (entry >= 0 && l->entry.at[entry].hash != hash) entry = l->entry.at[entry].next;
    return entry;
}

int lookup_first(const Lookup *l, uint64_t hash) {
    return l->chains ? same_hash(l, *chain_of(l, hash), hash) : -1;
}

int lookup_next(const Lookup *l, int entry) {
    return same_hash(l, l->entry.at[entry].next, l->entry.at[entry].hash);
}
