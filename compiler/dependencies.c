/* dependencies.c - a rule for make that says what a model's C files were made of.
 *
 * In: the program as it was read, the model. Out: the text of
 *
 *     model.c model.h: model.dl layers.dl table.npy
 *     layers.dl:
 *     table.npy:
 *
 * where the targets without prerequisites let make go on when an import was deleted or renamed.
 * CMake, Meson and Ninja read the same format. The library of dlc is part of dlc, and no file. */
#include "dependencies.h"

#include <string.h>

typedef Vec(const char *) Paths;

static void add(Arena *a, Paths *p, const char *path) {
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->at[i], path) == 0) return;
    vec_push(a, p, path);
}

/* A path as make reads it: blanks and # are escaped by a backslash, $ by itself. */
static void print_path(FILE *f, const char *path) {
    for (; *path; path++) {
        if (*path == ' ' || *path == '#') fputc('\\', f);
        if (*path == '$') fputc('$', f);
        fputc(*path, f);
    }
}

void dependencies_print(FILE *f, Arena *a, const Ast *program, const Model *m, const char *output,
        const char *header) {
    Paths from = {0};
    add(a, &from, m->span.src->path);
    for (const Ast *item = program->list; item; item = item->next)
        if (item->span.src) add(a, &from, item->span.src->path);
    for (int i = 0; i < m->loaded.n; i++) add(a, &from, m->loaded.at[i]);
    print_path(f, output);
    fputc(' ', f);
    print_path(f, header);
    fputc(':', f);
    for (int i = 0; i < from.n; i++) {
        fputc(' ', f);
        print_path(f, from.at[i]);
    }
    fputc('\n', f);
    for (int i = 1; i < from.n; i++) {
        print_path(f, from.at[i]);
        fputs(":\n", f);
    }
}
