/* driver.c - from a file's name to a Model and to the two C files.
 *
 * Output files appear whole or not at all: both texts are made in memory first, then
 * written beside their places and renamed. */
#include "driver.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dependencies.h"
#include "explain.h"
#include "graph.h"
#include "passes.h"
#include "readers.h"

Model *driver_model(Arena *a, const Options *o) {
    passes_begin(o->dump, o->stop_after, o->time_passes);
    Ast *std = ast_load_std(a);
    Ast *program = ast_load(a, o->input);
    if (!program || diag_errors()) return NULL;
    ast_check(program);
    passes_ast("parse", program);
    if (diag_errors() || passes_stopped()) return NULL;
    Model *m = lower(a, std, program, o->input, &o->lower);
    if (!m || diag_errors()) return NULL;
    if (o->explain && !explain_add(a, m, o->explained)) return NULL;
    if (o->ntap && !tap_add(a, m, o->tap, o->ntap)) return NULL;
    passes_model("lower", m);
    return m;
}

static const char *without_suffix(Arena *a, const char *path, const char *suffix) {
    size_t n = strlen(path), k = strlen(suffix);
    if (n > k && strcmp(path + n - k, suffix) == 0) n -= k;
    return arena_printf(a, "%.*s", (int)n, path);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool file_error(const char *path, const char *what) {
    fprintf(stderr, "%s: error: cannot %s: %s\n", path, what, strerror(errno));
    return false;
}

static bool write_whole(Arena *a, const char *path, const char *text, size_t size) {
    const char *temp = arena_printf(a, "%s.part", path);
    FILE *f = fopen(temp, "wb");
    if (!f) return file_error(path, "write");
    bool ok = fwrite(text, 1, size, f) == size;
    ok = fclose(f) == 0 && ok;
    if (ok && rename(temp, path) == 0) return true;
    int saved = errno;
    remove(temp);
    errno = saved;
    return file_error(path, "write");
}

bool driver_write_text(Arena *a, const char *path, const char *text) {
    return write_whole(a, path, text, strlen(text));
}

static bool write_dependencies(Arena *a, const Options *o, const Model *m, const char *output,
        const char *header) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return file_error(output, "allocate memory for");
    dependencies_print(f, a, ast_load(a, o->input), m, output, header);
    fclose(f);
    const char *path = o->dependency_file;
    if (!path) path = arena_printf(a, "%s.d", without_suffix(a, output, ".c"));
    bool ok = write_whole(a, path, text, size);
    free(text);
    return ok;
}

/* Both texts of a model, malloc'ed. */
typedef struct Texts { char *header, *source; size_t header_size, source_size; } Texts;

static bool threading_of(const Options *o, Threading *out) {
    const char *how = o->parallel;
    *out = !how ? THREADING_BY_COST : !strcmp(how, "slices") ? THREADING_SLICES : THREADING_KERNELS;
    if (!how || !strcmp(how, "slices") || !strcmp(how, "kernels")) return true;
    fprintf(stderr, "dlc: error: --parallel is `slices` or `kernels`, not `%s`\n", how);
    return false;
}

/* Bytes, or thousands of them and so on as people write them: 256K is 256 * 1024. */
static bool memory_of(const Options *o, int64_t *bytes) {
    static const char units[] = "KMG";
    *bytes = 0;
    if (!o->memory) return true;
    char *end;
    errno = 0;
    long long n = strtoll(o->memory, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int64_t scale = unit ? (int64_t)1024 << 10 * (unit - units) : 1;
    bool whole = end != o->memory && !end[unit ? 1 : 0];
    if (whole && !errno && n > 0 && n <= INT64_MAX / scale) {
        *bytes = n * scale;
        return true;
    }
    fprintf(stderr, "dlc: error: --memory is a number of bytes, as in 400000, 256K or 6M, not `%s`\n",
            o->memory);
    return false;
}

/* What fitting the limit of memory costs, and whether it was possible. */
static bool report_memory(const Options *o, const Program *p, int64_t limit) {
    bool fits = true;
    for (int i = 0; limit && i < p->all.n; i++) {
        const Use *u = p->all.at[i];
        long long bytes = (long long)(u->plan->arena + u->plan->local);
        double more = u->plan->flops_before > 0 ? u->plan->flops / u->plan->flops_before - 1 : 0;
        if (u == p->init) continue;
        if (bytes > limit) {
            fprintf(stderr, "dlc: error: --memory=%s: `%s` needs %lld bytes at least; "
                    "a smaller --batch needs less\n", o->memory, u->routine.name, bytes);
            fits = false;
        } else if (more > 0.0005) {
            fprintf(stderr, "dlc: to need no more than %lld bytes, `%s` does %.1f %% more operations\n",
                    bytes, u->routine.name, 100 * more);
        }
    }
    return fits;
}

static Program *make_texts(Arena *a, const Options *o, const Model *m, const char *header, Texts *t) {
    FILE *h = open_memstream(&t->header, &t->header_size);
    FILE *c = open_memstream(&t->source, &t->source_size);
    if (!h || !c) {
        file_error(header, "allocate memory for");
        return NULL;
    }
    Threading threading;
    int64_t memory;
    if (!threading_of(o, &threading) || !memory_of(o, &memory)) return NULL;
    Program *p = program_build(a, m, o->prefix);
    EmitOptions e = {.threading = threading, .memory = memory, .header = base_name(header), .standalone = o->standalone,
            .with_main = o->with_main, .timed = o->timed};
    if (e.with_main && !readers_libraries(a, m, &e.libraries)) return NULL;
    emit_program(p, &e, h, c);
    bool closed = fclose(h) == 0;
    closed = fclose(c) == 0 && closed;
    return closed && report_memory(o, p, memory) ? p : NULL;
}

bool driver_compile(Arena *a, const Options *o) {
    Model *m = driver_model(a, o);
    if (!m || passes_stopped()) return passes_stopped();
    const char *output = o->output ? o->output : arena_printf(a, "%s.c", m->name);
    const char *header = o->header ? o->header
                                   : arena_printf(a, "%s.h", without_suffix(a, output, ".c"));
    if (o->stop_after) return driver_plan(a, o, m) != NULL;   /* at a pass of code generation */
    if (!driver_write(a, o, m, output, header)) return false;
    bool asked = o->dependencies || o->dependency_file;
    return !asked || write_dependencies(a, o, m, output, header);
}

bool driver_write(Arena *a, const Options *o, const Model *m, const char *output, const char *header) {
    Texts t = {0};
    bool ok = make_texts(a, o, m, header, &t) &&
            write_whole(a, header, t.header, t.header_size) &&
            write_whole(a, output, t.source, t.source_size);
    free(t.header);
    free(t.source);
    return ok;
}

Program *driver_plan(Arena *a, const Options *o, const Model *m) {
    Texts t = {0};
    Program *p = make_texts(a, o, m, "model.h", &t);
    free(t.header);
    free(t.source);
    return p;
}
