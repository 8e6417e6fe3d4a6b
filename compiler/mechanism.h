/* mechanism.h - which of the mechanisms of mechanism.def are at work. All are, unless they were
 * left out before the first pass; the choice holds for the process. For measurements and for
 * finding out which pass is to blame; the output is a function of it, as of any option. */
#ifndef DLC_MECHANISM_H
#define DLC_MECHANISM_H

#include <stdbool.h>

typedef enum Mechanism {
#define MECHANISM(name, without) MECHANISM_##name,
#include "mechanism.def"
    MECHANISM_COUNT
} Mechanism;

bool mechanism_on(Mechanism m);

/* Leaves out those of a list of names with commas between them; false if one is unknown. */
bool mechanism_leave_out(const char *names);

const char *mechanism_name(int m);
const char *mechanism_without(int m);    /* what happens then */

#endif
