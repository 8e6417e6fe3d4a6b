/* base.h - what every file of the compiler stands on.
 *
 * Lifetimes: everything the compiler builds lives in one Arena and dies with it;
 * nothing is freed on its own. Running out of memory is fatal in one place (arena.c).
 * Names are interned: two equal names are the same pointer.
 * Messages to the user go through diag_*; they name file, line and column, show the
 * source line with a caret, and are counted, so that several come in one run. */
#ifndef DLC_BASE_H
#define DLC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- arena.c ------------------------------------------------------------- */

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);
void arena_clear(Arena *a);                                   /* nothing is in it any more */
void *arena_alloc(Arena *a, size_t size);                     /* zeroed, 16-byte aligned */
void *arena_array(Arena *a, size_t count, size_t size);       /* the same, overflow-checked */
void *arena_copy(Arena *a, const void *from, size_t size);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define NEW_ARRAY(a, T, n) ((T *)arena_array((a), (size_t)(n), sizeof(T)))

/* A growable array in an arena:  Vec(Node *) v = {0};  vec_push(a, &v, node);  v.at[i], v.n */
#define Vec(T) struct { T *at; int n, cap; }
#define vec_push(a, v, x) \
    ((v)->n == (v)->cap \
         ? ((v)->at = vec_grow((a), (v)->at, &(v)->cap, sizeof *(v)->at), (void)0) \
         : (void)0, \
     (v)->at[(v)->n++] = (x))
void *vec_grow(Arena *a, void *at, int *cap, size_t size);

/* Interned, NUL-terminated; lives as long as the process. */
const char *intern(const char *text);
const char *intern_n(const char *text, size_t n);

/* ---- diag.c -------------------------------------------------------------- */

/* A file's text, kept whole so that messages can show its lines. */
typedef struct Source {
    const char *path;      /* as shown in messages */
    const char *text;      /* NUL-terminated */
    size_t length;
} Source;

/* Bytes [start, end) of a source; src == NULL: no place in any text. */
typedef struct Span {
    const Source *src;
    uint32_t start, end;
} Span;

Span span_join(Span a, Span b);
void span_line_col(Span s, int *line, int *col);   /* 1-based */

void diag_error(Span at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_warning(Span at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A note belongs to the message before it. */
void diag_note(Span at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_hold(void);       /* keep messages back ... */
void diag_release(void);    /* ... and show them in the order of their places */
int diag_errors(void);      /* so far; after 20 the rest is counted, not shown */
void diag_reset(void);      /* for tests and for a second model in one process */

/* The nearest of the candidates to a misspelt name, or NULL when none is near. */
const char *diag_nearest(const char *name, const char *const *candidates, int n);

/* An internal error: the compiler is wrong, not the user. Says where, exits 70. */
#define ICE(at, ...) diag_ice(__FILE__, __LINE__, (at), __VA_ARGS__)
_Noreturn void diag_ice(const char *file, int line, Span at, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* Reads a whole file; NULL with a message (at the importing span) when it cannot. */
const Source *source_read(Arena *a, const char *path, Span at);
const Source *source_from_text(Arena *a, const char *path, const char *text, size_t n);

#endif
