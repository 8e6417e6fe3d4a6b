/* alike.h - units that become the same function, found before their loops are made.
 *
 * A unit's function follows from what scheduling reads of the unit: expressions, extents, and
 * where its operands are. unit_key() writes that down with operands, scans and random streams
 * numbered in the order in which they are met; units of equal keys are one function, called
 * with what has the same numbers. A deep model has few different units. */
#ifndef DLC_ALIKE_H
#define DLC_ALIKE_H

#include "kernel.h"

typedef struct UnitKey {
    Vec(uint64_t) word;
    uint64_t hash;
    Vec(Storage *) storage;   /* resolved, by number */
    Vec(const Scan *) scan;
    Vec(uint32_t) stream;
} UnitKey;

/* In the scratch arena. */
UnitKey unit_key(Kernels *k, const Unit *u);
bool same_key(const UnitKey *a, const UnitKey *b);

/* Of what a function is called with, the numbers. */
typedef struct CallForm {
    Vec(int) argument, time, stream;
} CallForm;

/* The form of a scheduled unit's call. */
CallForm call_form(Arena *a, const UnitKey *key, const Unit *u);
/* Gives the unit the call of that form. */
void call_alike(Arena *a, const UnitKey *key, const CallForm *form, Unit *u);

#endif
