/* load.c - from files to one tree.
 *
 * ast_load reads a program and, in front of it, each file that it imports, once, in the
 * order of first use. A path in an import is relative to the file that says it. Files are
 * told apart by device and inode, so that two spellings of a path are one file. */
#include "token.h"

#include <string.h>
#include <sys/stat.h>

Ast *ast_parse(Arena *a, const Source *src) {
    Tokens raw = {0};
    Parser p = {.arena = a, .src = src};
    Span start = {src, 0, 0};
    diag_hold();
    lex(a, src, &raw);
    if (raw.n == 1)
        diag_error(start, "the file is empty: a program is at least model NAME { ... }");
    else if (layout(a, &raw, &p.token))
        parse_tokens(&p);
    diag_release();
    return p.program ? p.program : ast_new(a, A_PROGRAM, start);
}

/* ---- imports --------------------------------------------------------------- */

/* A file being read or read already. */
typedef struct File {
    const struct File *from;       /* the file that imports it first */
    Span at;                       /* there */
    const char *path;
    dev_t device;
    ino_t inode;
    bool done;                     /* false: it is being read, further up the chain */
} File;

typedef struct Loader {
    Arena *arena;
    Vec(File *) file;
    Ast *program;
} Loader;

static const char *relative_to(Arena *a, const char *from, const char *path) {
    const char *slash = strrchr(from, '/');
    if (path[0] == '/' || !slash) return path;
    return arena_printf(a, "%.*s%s", (int)(slash + 1 - from), from, path);
}

static File *find_file(const Loader *l, const struct stat *s) {
    for (int i = 0; i < l->file.n; i++)
        if (l->file.at[i]->device == s->st_dev && l->file.at[i]->inode == s->st_ino)
            return l->file.at[i];
    return NULL;
}

/* `again` is being read, and `from` imports it at `at`. */
static void report_cycle(const File *again, const File *from, Span at) {
    diag_error(at, "`%s` imports itself%s; move what both need into a third file", again->path,
            from == again ? "" : " in a circle");
    for (const File *f = from; f != again; f = f->from)
        diag_note(f->at, "`%s` is imported here", f->path);
}

static bool load(Loader *l, const char *path, const File *from, Span at);

/* Moves the statements of a file behind what has been loaded; imports become what they name. */
static void take_statements(Loader *l, const File *f, Ast *statements) {
    for (Ast *s = statements; s; s = s->next)
        if (s->kind == A_IMPORT) load(l, relative_to(l->arena, f->path, s->text), f, s->span);
    for (Ast *s = statements, *next; s; s = next) {
        next = s->next;
        s->next = NULL;
        s->last = s;
        if (s->kind != A_IMPORT) l->program->list = ast_append(l->program->list, s);
    }
}

static bool load(Loader *l, const char *path, const File *from, Span at) {
    struct stat status = {0};
    if (stat(path, &status) == 0) {
        const File *known = find_file(l, &status);
        if (known && !known->done) report_cycle(known, from, at);
        if (known) return known->done;
    }
    const Source *src = source_read(l->arena, path, at);
    if (!src) return false;
    File *f = NEW(l->arena, File);
    *f = (File){from, at, path, status.st_dev, status.st_ino, false};
    vec_push(l->arena, &l->file, f);
    Ast *program = ast_parse(l->arena, src);
    if (!from) l->program->span = program->span;
    take_statements(l, f, program->list);
    f->done = true;
    return true;
}

Ast *ast_load(Arena *a, const char *path) {
    Loader l = {.arena = a, .program = ast_new(a, A_PROGRAM, (Span){0})};
    return load(&l, path, NULL, (Span){0}) ? l.program : NULL;
}

/* ---- the library ----------------------------------------------------------- */

Ast *ast_load_std(Arena *a) {
    Ast *library = ast_new(a, A_PROGRAM, (Span){0});
    for (int i = 0; i < std_file_count; i++) {
        const char *path = arena_printf(a, "std/%s", std_files[i].name);
        const Source *src = source_from_text(a, path, std_files[i].text, std_files[i].length);
        library->list = ast_append(library->list, ast_parse(a, src)->list);
    }
    return library;
}
