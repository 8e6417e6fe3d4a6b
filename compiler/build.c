/* build.c - generated code in this process: compile to C in a temporary folder, build a
 * shared object with the user's C compiler, load it.
 *
 * $CC names the compiler (default cc), $CFLAGS the options (default -O3 -march=native).
 * The folder is removed when the object is loaded; on a failed build it is kept and named. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"

static const char *or_default(const char *variable, const char *otherwise) {
    const char *value = getenv(variable);
    return value && value[0] ? value : otherwise;
}

static bool have_compiler(Arena *a, const char *cc) {
    const char *command = arena_printf(a, "command -v %s >/dev/null 2>&1", cc);
    return system(command) == 0;
}

static void remove_folder(Arena *a, const char *folder) {
    static const char *const files[] = {"model.c", "model.h", "model.so", "cc.log"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(arena_printf(a, "%s/%s", folder, files[i]));
    rmdir(folder);
}

/* Runs the C compiler; its messages go to cc.log in the folder. */
static bool run_compiler(Arena *a, const char *cc, const char *folder) {
    const char *command = arena_printf(a,
            "%s -std=c11 %s -fopenmp -fPIC -shared -o '%s/model.so' '%s/model.c' -lm >'%s/cc.log' 2>&1",
            cc, or_default("CFLAGS", "-O3 -march=native"), folder, folder, folder);
    int status = system(command);
    if (status == 0) return true;
    fprintf(stderr, "dlc: error: the C compiler failed on generated code; the command was\n    %s\n",
            command);
    fprintf(stderr, "dlc: its messages are in %s/cc.log; please report this, with the model\n", folder);
    return false;
}

static void *load(Arena *a, const char *folder) {
    void *library = dlopen(arena_printf(a, "%s/model.so", folder), RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "dlc: error: cannot load the generated code: %s\n", dlerror());
    return library;
}

static const char *find_compiler(Arena *a) {
    const char *cc = or_default("CC", "cc");
    if (have_compiler(a, cc)) return cc;
    fprintf(stderr, "dlc: error: no C compiler: '%s' is not there. Install one, name one in CC, "
                    "or add --interpret to run the model without.\n", cc);
    return NULL;
}

static char *make_folder(Arena *a) {
    char *folder = arena_printf(a, "%s/dlc.XXXXXX", or_default("TMPDIR", "/tmp"));
    if (mkdtemp(folder)) return folder;
    fprintf(stderr, "dlc: error: cannot make the folder %s: set TMPDIR to a writable one\n", folder);
    return NULL;
}

/* The model's code, or a text, in a folder of its own; built and loaded. */
static void *build(Arena *a, const Options *o, const Model *m, const char *text) {
    const char *cc = find_compiler(a), *folder = cc ? make_folder(a) : NULL;
    if (!folder) return NULL;
    const char *source = arena_printf(a, "%s/model.c", folder);
    bool written = m ? driver_write(a, o, m, source, arena_printf(a, "%s/model.h", folder))
                     : driver_write_text(a, source, text);
    if (!written || !run_compiler(a, cc, folder)) return NULL;
    void *library = load(a, folder);
    remove_folder(a, folder);
    return library;
}

void *build_text(Arena *a, const char *text) {
    return build(a, NULL, NULL, text);
}

void *build_library(Arena *a, const Options *o, const Model *m, bool timed) {
    Options all = *o;
    all.standalone = true;
    all.with_main = false;
    all.timed = timed;
    all.prefix = c_type_name(a, m->name);
    return build(a, &all, m, NULL);
}

const dl_model *library_table(Arena *a, void *library, const Model *m) {
    const dl_model *(*table)(void) = NULL;
    void *symbol = dlsym(library, arena_printf(a, "%s_model", c_type_name(a, m->name)));
    memcpy(&table, &symbol, sizeof table);
    if (symbol) return table();
    fprintf(stderr, "dlc: error: cannot load the generated code: %s\n", dlerror());
    return NULL;
}

const dl_model *build_table(Arena *a, const Options *o, Model *m) {
    void *library = build_library(a, o, m, false);
    return library ? library_table(a, library, m) : NULL;
}
