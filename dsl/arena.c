/* arena.c - memory that lives and dies together, growable arrays, and interned names.
 *
 * An arena is a chain of chunks; allocation bumps a pointer in the newest. Everything is
 * zeroed and 16-byte aligned. A request that does not fit a standard chunk gets one of
 * its own. No other file of the compiler calls malloc or free, and running out of memory
 * is fatal here and nowhere else. */
#include "base.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 * 1024, ALIGN = 16 };

typedef struct Chunk {
    struct Chunk *before;
    size_t used, size;         /* of the bytes that follow this header */
} Chunk;

enum { HEADER = (sizeof(Chunk) + ALIGN - 1) / ALIGN * ALIGN };

struct Arena {
    Chunk *newest;
};

static _Noreturn void out_of_memory(void) {
    fputs("dlc: out of memory\n", stderr);
    exit(70);
}

static void *allocate(size_t size) {
    void *p = calloc(1, size);
    if (!p) out_of_memory();
    return p;
}

Arena *arena_new(void) { return allocate(sizeof(Arena)); }

void arena_free(Arena *a) {
    for (Chunk *c = a->newest; c;) {
        Chunk *before = c->before;
        free(c);
        c = before;
    }
    free(a);
}

/* One standard chunk stays, for what comes next. */
void arena_clear(Arena *a) {
    Chunk *kept = NULL;
    for (Chunk *c = a->newest; c;) {
        Chunk *before = c->before;
        if (!kept && c->size == CHUNK)
            kept = c;
        else
            free(c);
        c = before;
    }
    a->newest = kept;
    if (!kept) return;
    memset((char *)kept + HEADER, 0, kept->used);
    kept->before = NULL;
    kept->used = 0;
}

static Chunk *chunk_new(size_t size) {
    if (size > SIZE_MAX - HEADER) out_of_memory();
    Chunk *c = allocate(HEADER + size);
    c->size = size;
    return c;
}

void *arena_alloc(Arena *a, size_t size) {
    if (size > SIZE_MAX - ALIGN) out_of_memory();
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    Chunk *c = a->newest;
    if (!c || c->size - c->used < size) {
        Chunk *fresh = chunk_new(size > CHUNK ? size : CHUNK);
        fresh->before = c;
        a->newest = c = fresh;
    }
    void *p = (char *)c + HEADER + c->used;
    c->used += size;
    return p;
}

void *arena_array(Arena *a, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) out_of_memory();
    return arena_alloc(a, count * size);
}

void *arena_copy(Arena *a, const void *from, size_t size) {
    void *p = arena_alloc(a, size);
    if (size) memcpy(p, from, size);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) out_of_memory();
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

/* Twice the room, in a new place; the old one stays behind in the arena. */
void *vec_grow(Arena *a, void *at, int *cap, size_t size) {
    if (*cap > INT_MAX / 2) out_of_memory();
    int bigger = *cap ? 2 * *cap : 8;
    void *fresh = arena_array(a, (size_t)bigger, size);
    if (*cap) memcpy(fresh, at, (size_t)*cap * size);
    *cap = bigger;
    return fresh;
}

/* ---- interned names -------------------------------------------------------- */

/* A hash table of chains that doubles when it holds as many names as it has chains. It
 * lives as long as the process, so that pointers of names may be compared for ever. */
typedef struct Name {
    struct Name *next;
    uint64_t hash;
    size_t length;
    char text[];
} Name;

static struct {
    Arena *arena;
    Name **chain;
    size_t nchain, nname;
} names;

static uint64_t hash_text(const char *text, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;                 /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h;
}

static void grow_table(void) {
    size_t bigger = names.nchain ? 2 * names.nchain : 1024;
    Name **chain = arena_array(names.arena, bigger, sizeof *chain);
    for (size_t i = 0; i < names.nchain; i++)
        for (Name *s = names.chain[i], *next; s; s = next) {
            next = s->next;
            s->next = chain[s->hash & (bigger - 1)];
            chain[s->hash & (bigger - 1)] = s;
        }
    names.chain = chain;
    names.nchain = bigger;
}

const char *intern_n(const char *text, size_t n) {
    if (!names.arena) names.arena = arena_new();
    if (names.nname == names.nchain) grow_table();
    uint64_t h = hash_text(text, n);
    Name **chain = &names.chain[h & (names.nchain - 1)];
    for (Name *s = *chain; s; s = s->next)
        if (s->hash == h && s->length == n && (!n || memcmp(s->text, text, n) == 0)) return s->text;
    if (n > SIZE_MAX - sizeof(Name) - 1) out_of_memory();
    Name *s = arena_alloc(names.arena, sizeof(Name) + n + 1);
    s->next = *chain;
    s->hash = h;
    s->length = n;
    if (n) memcpy(s->text, text, n);
    *chain = s;
    names.nname++;
    return s->text;
}

const char *intern(const char *text) { return intern_n(text, strlen(text)); }
