/* lookup.h - finding items by a hash of their content, in the same time among any number.
 *
 * A Lookup holds numbers of items, such as indices into a list; whoever asks compares the
 * items themselves:
 *
 *     for (int e = lookup_first(&l, hash); e >= 0; e = lookup_next(&l, e))
 *         if (is_wanted(list.at[lookup_item(&l, e)])) ...
 *
 * The newest comes first; what was added last can be dropped again. Hashes come from content
 * and numbers, never from addresses. */
#ifndef DLC_LOOKUP_H
#define DLC_LOOKUP_H

#include "../dsl/base.h"

typedef struct LookupEntry { uint64_t hash; int item, next; } LookupEntry;

typedef struct Lookup {
    Vec(LookupEntry) entry;
    int *chain;              /* the newest entry of each, or -1 */
    size_t chains;           /* 0, or a power of two, at least the number of entries */
} Lookup;

void lookup_add(Arena *a, Lookup *l, uint64_t hash, int item);
void lookup_keep(Lookup *l, int n);                      /* drops all but the n oldest entries */
int lookup_first(const Lookup *l, uint64_t hash);        /* entry of that hash; -1: none */
int lookup_next(const Lookup *l, int entry);             /* the next older one; -1: none */

static inline int lookup_item(const Lookup *l, int entry) { return l->entry.at[entry].item; }

#endif
