/* dependencies.h - what generated files depend on, as a rule for make. */
#ifndef DLC_DEPENDENCIES_H
#define DLC_DEPENDENCIES_H

#include <stdio.h>

#include "../dsl/ast.h"
#include "model.h"

void dependencies_print(FILE *f, Arena *a, const Ast *program, const Model *m, const char *output,
        const char *header);

#endif
