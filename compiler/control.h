/* control.h - the settings of a train block that steer a run (runtime/trainer/control.h): read
 * from the program's text, and written into programs of their own. */
#ifndef DLC_CONTROL_H
#define DLC_CONTROL_H

#include "model.h"

/* The settings of the block that are control's: values are checked, names are left to the
 * run, which knows the data. */
struct Lower;
void lower_control(struct Lower *L, const Ast *train);

/* `.validation = 0.1, ...`: the members that are not zero, for an initialiser in C. */
const char *control_initializer(Arena *a, const Model *m);

#endif
