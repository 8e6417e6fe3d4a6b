/* template.c - see template.h. A text is read once, line by line; blocks nest by recursion. */
#include "template.h"

#include <stdarg.h>
#include <string.h>

typedef struct Entry {
    const char *key;           /* interned */
    const char *value;         /* NULL: a list */
    Vec(Dict *) items;
} Entry;

struct Dict {
    Arena *arena;
    const Dict *outer;
    Vec(Entry) entry;
};

Dict *dict_new(Arena *a, const Dict *outer) {
    Dict *d = NEW(a, Dict);
    d->arena = a;
    d->outer = outer;
    return d;
}

static Entry *entry_of(Dict *d, const char *key) {
    key = intern(key);
    for (int i = 0; i < d->entry.n; i++)
        if (d->entry.at[i].key == key) return &d->entry.at[i];
    vec_push(d->arena, &d->entry, ((Entry){.key = key}));
    return &d->entry.at[d->entry.n - 1];
}

void dict_set(Dict *d, const char *key, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *text = arena_alloc(d->arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    entry_of(d, key)->value = text;
}

void dict_list(Dict *d, const char *list) { entry_of(d, list); }

Dict *dict_add(Dict *d, const char *list) {
    Dict *item = dict_new(d->arena, d);
    Entry *e = entry_of(d, list);
    vec_push(d->arena, &e->items, item);
    return item;
}

static const Entry *find(const Dict *d, const char *key, size_t n) {
    const char *name = intern_n(key, n);
    for (; d; d = d->outer)
        for (int i = 0; i < d->entry.n; i++)
            if (d->entry.at[i].key == name) return &d->entry.at[i];
    ICE((Span){0}, "template: nothing is called '%s'", name);
}

static const char *line_end(const char *p) {
    const char *e = strchr(p, '\n');
    return e ? e + 1 : p + strlen(p);
}

/* The word after a directive's name, or NULL when the line is not that directive. */
static const char *directive(const char *line, const char *word, size_t *n) {
    line += strspn(line, " ");
    size_t len = strlen(word);
    if (strncmp(line, word, len) != 0) return NULL;
    const char *arg = line + len + strspn(line + len, " ");
    *n = strcspn(arg, " \n");
    return arg;
}

static bool is_directive(const char *line, const char *word) {
    size_t n;
    return directive(line, word, &n) != NULL;
}

static void print_line(FILE *out, const char *p, const char *end, const Dict *d) {
    while (p < end) {
        const char *at = memchr(p, '@', (size_t)(end - p));
        const char *close = at ? memchr(at + 1, '@', (size_t)(end - at - 1)) : NULL;
        if (!close) break;
        fwrite(p, 1, (size_t)(at - p), out);
        const Entry *e = find(d, at + 1, (size_t)(close - at - 1));
        if (e->value) fputs(e->value, out);
        p = close + 1;
    }
    fwrite(p, 1, (size_t)(end - p), out);
}

static const char *print_block(FILE *out, const char *p, const Dict *d);

/* Past the block that starts at p, printing nothing; stops behind @end, or @else if asked. */
static const char *skip_block(const char *p, bool stop_at_else, bool *at_else) {
    for (int depth = 0; *p;) {
        const char *line = p;
        p = line_end(p);
        if (is_directive(line, "@each ") || is_directive(line, "@if ")) depth++;
        if (is_directive(line, "@else") && depth == 0 && stop_at_else) {
            *at_else = true;
            return p;
        }
        if (is_directive(line, "@end") && depth-- == 0) return p;
    }
    ICE((Span){0}, "template: a block has no @end");
}

static const char *print_each(FILE *out, const char *body, const Entry *list) {
    for (int i = 0; i < list->items.n; i++) print_block(out, body, list->items.at[i]);
    bool at_else = false;
    return skip_block(body, false, &at_else);
}

static const char *print_if(FILE *out, const char *body, const Entry *key, const Dict *d) {
    bool yes = key->value ? key->value[0] != 0 : key->items.n > 0;
    if (yes) return print_block(out, body, d);
    bool at_else = false;
    const char *p = skip_block(body, true, &at_else);
    return at_else ? print_block(out, p, d) : p;
}

/* Prints up to the @end (or the text's end) that closes this block; returns what follows. */
static const char *print_block(FILE *out, const char *p, const Dict *d) {
    while (*p) {
        const char *line = p, *arg;
        size_t n;
        p = line_end(p);
        bool at_else = false;
        if (is_directive(line, "@end")) return p;
        if (is_directive(line, "@else")) return skip_block(p, false, &at_else);
        if ((arg = directive(line, "@each ", &n)))
            p = print_each(out, p, find(d, arg, n));
        else if ((arg = directive(line, "@if ", &n)))
            p = print_if(out, p, find(d, arg, n), d);
        else
            print_line(out, line, p, d);
    }
    return p;
}

void template_print(FILE *out, const char *text, const Dict *d) { print_block(out, text, d); }
