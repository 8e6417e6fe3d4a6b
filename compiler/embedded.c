/* embedded.c - see embedded.h. The array is made by dsl/embed.c when dlc is built. */
#include "embedded.h"

#include <stdlib.h>
#include <string.h>

#include "../dsl/ast.h"

extern const struct StdFile embedded_files[];
extern const int embedded_file_count;

const char *embedded_text(const char *base_name) {
    for (int i = 0; i < embedded_file_count; i++)
        if (strcmp(embedded_files[i].name, base_name) == 0) return embedded_files[i].text;
    ICE((Span){0}, "no file '%s' in the compiler", base_name);
}

/* The file's text without its own includes of runtime files: those stand before it. */
static void fold(FILE *out, const char *base_name) {
    fprintf(out, "/* ==== %s ==== */\n", base_name);
    for (const char *p = embedded_text(base_name); *p;) {
        size_t n = strcspn(p, "\n");
        if (strncmp(p, "#include \"dl", 12) != 0) fprintf(out, "%.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static const char *folded(Arena *a, const char *const *name, int n) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) ICE((Span){0}, "out of memory");
    for (int i = 0; i < n; i++) fold(f, name[i]);
    fclose(f);
    const char *kept = arena_copy(a, text, size + 1);
    free(text);
    return kept;
}

void embedded_runtime(Arena *a, Dict *d, bool standalone) {
    static const char *const header[] = {"dl.h"};
    static const char *const arithmetic[] = {"dl_arithmetic.h"};
    static const char *const runtime[] = {"dl_file.h", "dl_object.h", "dl_math.h", "dl_double.h",
            "dl_random.h", "dl_loop.h", "dl_lanes.h", "dl_lanes_16.h", "dl_lanes_8.h",
            "dl_lanes_4.h", "dl_word.h", "dl_vector.h", "dl_format.h", "dl.c", "dl_save.c",
            "dl_load.c"};
    if (!standalone) return;
    dict_set(d, "runtime_header", "%s", folded(a, header, 1));
    dict_set(d, "arithmetic", "%s", folded(a, arithmetic, 1));
    dict_set(d, "runtime", "#define DL_API static inline\n%s",
            folded(a, runtime, (int)(sizeof runtime / sizeof *runtime)));
}
