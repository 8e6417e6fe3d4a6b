/* readers.h - see readers.c. */
#ifndef READERS_H
#define READERS_H

#include "model.h"

/* What a program with this model's readers links beside the two archives: "-lz -llzma -lm". False,
 * with a message at the data line: there is no such reader. */
bool readers_libraries(Arena *a, const Model *m, const char **libraries);

#endif
