/* readers.c - the readers of a train block's data lines as a program of its own needs them
 * (--main): that they exist, and the libraries that it links because of them.
 *
 * The emitted main refers to its readers alone, so that a program that reads tables wants no
 * library for images. The trainer's rows (runtime/trainer/reader.h) say what each needs. */
#include "readers.h"

#include <string.h>

#include "../runtime/trainer/near.h"
#include "../runtime/trainer/reader.h"

static bool unknown(const DataSetting *s) {
    char hint[96];
    DlNear near = dl_near(s->reader);
    for (const DlReader *const *k = dl_all_readers; *k; k++)
        dl_near_offer(&near, (*k)->name, strlen((*k)->name));
    dl_near_hint(&near, hint, sizeof hint);
    diag_error(s->span, "there is no reader of data `%s`%s", s->reader, hint);
    return false;
}

static bool has_word(const char *list, const char *word, size_t n) {
    for (const char *p = list; (p = strstr(p, word)) != NULL; p++)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) return true;
    return false;
}

/* Those of `more` that the list has not. */
static const char *join(Arena *a, const char *list, const char *more) {
    while (more && *more != '\0') {
        size_t n = strcspn(more, " ");
        const char *word = arena_printf(a, "%.*s", (int)n, more);
        if (!has_word(list, word, n)) list = arena_printf(a, "%s %s", list, word);
        more += n + strspn(more + n, " ");
    }
    return list;
}

bool readers_libraries(Arena *a, const Model *m, const char **libraries) {
    const DataSetting *const source[] = {&m->data, &m->validation};
    *libraries = "-lz -llzma -lzstd";
    for (int i = 0; i < 2; i++) {
        if (!source[i]->reader) continue;
        const DlReader *k = dl_reader_named(dl_all_readers, source[i]->reader);
        if (!k) return unknown(source[i]);
        *libraries = join(a, *libraries, k->libraries);
    }
    *libraries = join(a, *libraries, "-lpthread -lm");
    return true;
}
