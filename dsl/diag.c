/* diag.c - messages to the user: where, what, and the line it is about.
 *
 *     net.dl:7:18: error: unknown name `xs`; did you mean `x`?
 *        7 |     y = relu(xs)
 *          |              ^~
 *     net.dl:3:5: note: `x` is defined here
 *
 * Messages go to standard error as they come, or, while they are held back, in the order
 * of their places: lexer, layout and grammar each go over the whole text. The same message at the
 * same place is shown once (a model's text is instantiated more than once); after MAX_SHOWN errors
 * the rest is counted and not shown, and likewise warnings. A note shares the fate of its message.
 */
#include "base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SHOWN = 20, WIDTH = 96, ICE_EXIT = 70 };

typedef struct Kind {
    const char *name, *colour;
    int count, shown;
    bool more;                               /* it has been said that there are more */
} Kind;

static Kind error_kind = {"error", "\033[1;31m", 0, 0, false};
static Kind warning_kind = {"warning", "\033[1;35m", 0, 0, false};
static Kind note_kind = {"note", "\033[1;36m", 0, 0, false};
static const char *shown[2 * MAX_SHOWN];     /* interned, so that equal texts are equal pointers */
static int nshown;
static bool hidden;                          /* the last message was not shown: nor are its notes */

Span span_join(Span a, Span b) {
    if (!a.src) return b;
    if (!b.src || a.src != b.src) return a;
    if (b.start < a.start) a.start = b.start;
    if (b.end > a.end) a.end = b.end;
    return a;
}

/* ---- lines and columns ----------------------------------------------------- */

/* The bytes of the UTF-8 character at s, of which n are there; 0: not valid UTF-8. */
static int utf8_length(const char *s, size_t n) {
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) return 1;
    int want = u[0] >= 0xf0 && u[0] <= 0xf4 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || n < (size_t)want) return 0;
    for (int i = 1; i < want; i++)
        if ((u[i] & 0xc0) != 0x80) return 0;
    bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xed && u[1] > 0x9f;
    bool beyond = u[0] == 0xf4 && u[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : want;
}

static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static size_t line_start(Span s) {
    size_t i = s.start;
    while (i > 0 && s.src->text[i - 1] != '\n') i--;
    return i;
}

static size_t line_end(Span s) {
    size_t i = s.start;
    while (i < s.src->length && s.src->text[i] != '\n') i++;
    if (i > line_start(s) && s.src->text[i - 1] == '\r') i--;
    return i;
}

static int columns(const char *text, size_t from, size_t to) {
    int n = 0;
    for (size_t i = from; i < to; i++) n += starts_character(text[i]);
    return n;
}

void span_line_col(Span s, int *line, int *col) {
    *line = *col = 0;
    if (!s.src) return;
    *line = 1;
    for (size_t i = 0; i < s.start; i++) *line += s.src->text[i] == '\n';
    *col = 1 + columns(s.src->text, line_start(s), s.start);
}

/* ---- showing a message ----------------------------------------------------- */

static bool colours(void) {
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && isatty(STDERR_FILENO);
}

static const char *colour(const char *code) { return colours() ? code : ""; }

/* Characters that a terminal would act upon, and broken ones, are shown as '?'. */
static void show_text(const char *text, size_t from, size_t to) {
    for (size_t i = from; i < to;) {
        int n = utf8_length(text + i, to - i);
        unsigned char c = (unsigned char)text[i];
        bool plain = n > 0 && ((c >= ' ' && c != 0x7f) || c == '\t');
        if (plain) fwrite(text + i, 1, (size_t)n, stderr);
        else fputc('?', stderr);
        i += n ? (size_t)n : 1;
    }
}

/* As much of the line as fits, with the start of the span in it. */
static void window(Span s, size_t *from, size_t *to) {
    const char *text = s.src->text;
    *from = line_start(s);
    *to = line_end(s);
    while (s.start - *from > WIDTH / 2 && *to - *from > WIDTH) ++*from;
    while (*from < s.start && !starts_character(text[*from])) ++*from;
    if (*to - *from > WIDTH) *to = *from + WIDTH;
    while (*to > *from && *to < s.src->length && !starts_character(text[*to])) --*to;
}

static void show_line(Span s, int line) {
    const char *text = s.src->text;
    size_t from, to;
    window(s, &from, &to);
    const char *head = from > line_start(s) ? "..." : "", *tail = to < line_end(s) ? "..." : "";
    fprintf(stderr, "%5d | %s", line, head);
    show_text(text, from, to);
    fprintf(stderr, "%s\n      | %*s", tail, (int)strlen(head), "");
    for (size_t i = from; i < s.start; i++)
        if (starts_character(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', stderr);
    fprintf(stderr, "%s^", colour("\033[1;32m"));
    size_t end = s.end < to ? s.end : to;
    for (int n = s.start < end ? columns(text, s.start, end) : 0; n > 1; n--) fputc('~', stderr);
    fprintf(stderr, "%s\n", colour("\033[0m"));
}

static void show(Span at, const Kind *kind, const char *text) {
    int line, col;
    span_line_col(at, &line, &col);
    if (at.src) fprintf(stderr, "%s:%d:%d: ", at.src->path, line, col);
    fprintf(stderr, "%s%s:%s %s\n", colour(kind->colour), kind->name, colour("\033[0m"), text);
    if (at.src) show_line(at, line);
}

static bool already_shown(Span at, const Kind *kind, const char *text) {
    Arena *scratch = arena_new();
    const char *key = intern(arena_printf(scratch, "%s:%lu:%s: %s", at.src ? at.src->path : "",
            (unsigned long)at.start, kind->name, text));
    arena_free(scratch);
    for (int i = 0; i < nshown; i++)
        if (shown[i] == key) return true;
    if (nshown < 2 * MAX_SHOWN) shown[nshown++] = key;
    return false;
}

/* Shows a message, or counts it where enough have been shown. */
static void show_counted(Span at, Kind *kind, const char *text) {
    hidden = kind->shown == MAX_SHOWN;
    if (!hidden) {
        kind->shown++;
        show(at, kind, text);
    } else if (!kind->more) {
        kind->more = true;
        fprintf(stderr, "%s: more than %d %ss; the others are not shown\n", kind->name, MAX_SHOWN,
                kind->name);
    }
}

/* ---- holding messages back ------------------------------------------------- */

/* A message, or a note of the message before it. */
typedef struct Held {
    Span at;
    Kind *kind;
    const char *text;
    int order;
    struct Held *notes;            /* the last of them first */
} Held;

static struct {
    Arena *arena;                  /* NULL: nothing is held */
    Vec(Held *) message;
} held;

static Held *hold(Span at, Kind *kind, const char *text) {
    Held *h = NEW(held.arena, Held);
    *h = (Held){at, kind, arena_printf(held.arena, "%s", text), held.message.n, NULL};
    return h;
}

static void hold_note(Span at, const char *text) {
    if (!held.message.n) return;
    Held *message = held.message.at[held.message.n - 1], *note = hold(at, &note_kind, text);
    note->notes = message->notes;
    message->notes = note;
}

static void show_notes(const Held *note) {
    if (!note) return;
    show_notes(note->notes);
    show(note->at, note->kind, note->text);
}

static int by_place(const void *a, const void *b) {
    const Held *x = *(Held *const *)a, *y = *(Held *const *)b;
    if (x->at.start != y->at.start) return x->at.start < y->at.start ? -1 : 1;
    return x->order - y->order;
}

void diag_hold(void) {
    if (!held.arena) held.arena = arena_new();
}

void diag_release(void) {
    if (!held.arena) return;
    if (held.message.n)
        qsort(held.message.at, (size_t)held.message.n, sizeof *held.message.at, by_place);
    for (int i = 0; i < held.message.n; i++) {
        const Held *h = held.message.at[i];
        show_counted(h->at, h->kind, h->text);
        if (!hidden) show_notes(h->notes);
    }
    arena_free(held.arena);
    memset(&held, 0, sizeof held);
}

/* ---- the messages ---------------------------------------------------------- */

static char *format(Arena *a, const char *fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    size_t size = n < 0 ? 1 : (size_t)n + 1;
    char *text = arena_alloc(a, size);
    vsnprintf(text, size, fmt, args);
    return text;
}

static void report(Span at, Kind *kind, const char *fmt, va_list args) {
    Arena *scratch = arena_new();
    const char *text = format(scratch, fmt, args);
    hidden = already_shown(at, kind, text);
    if (!hidden) {
        kind->count++;
        if (held.arena) vec_push(held.arena, &held.message, hold(at, kind, text));
        else show_counted(at, kind, text);
    }
    arena_free(scratch);
}

void diag_error(Span at, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    report(at, &error_kind, fmt, args);
    va_end(args);
}

void diag_warning(Span at, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    report(at, &warning_kind, fmt, args);
    va_end(args);
}

void diag_note(Span at, const char *fmt, ...) {
    if (hidden) return;
    va_list args;
    va_start(args, fmt);
    Arena *scratch = arena_new();
    const char *text = format(scratch, fmt, args);
    if (held.arena) hold_note(at, text);
    else show(at, &note_kind, text);
    arena_free(scratch);
    va_end(args);
}

int diag_errors(void) { return error_kind.count; }

void diag_reset(void) {
    error_kind.count = error_kind.shown = warning_kind.count = warning_kind.shown = 0;
    error_kind.more = warning_kind.more = false;
    nshown = 0;
    hidden = false;
}

void diag_ice(const char *file, int line, Span at, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    Arena *scratch = arena_new();
    const char *text = format(scratch, fmt, args);
    fprintf(stderr, "dlc: internal error at %s:%d: %s\n", file, line, text);
    va_end(args);
    if (at.src) show(at, &note_kind, "while working on this");
    fputs("dlc: this is a fault of the compiler, not of the program; please report it\n", stderr);
    exit(ICE_EXIT);
}

/* ---- near names ------------------------------------------------------------ */

enum { MAX_NAME = 64 };

static int min3(int a, int b, int c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }

/* Edits (insert, remove, replace, swap neighbours) that make b of a. */
static int distance(const char *a, size_t na, const char *b, size_t nb) {
    int row[3][MAX_NAME + 1];
    int *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++) last[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, change);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
        }
        int *t = before;
        before = last;
        last = now;
        now = t;
    }
    return last[nb];
}

const char *diag_nearest(const char *name, const char *const *candidates, int n) {
    size_t length = strlen(name);
    const char *best = NULL;
    int near = (int)(length < 3 ? 1 : length < 6 ? 2 : length / 3 + 1);
    if (length > MAX_NAME) return NULL;
    for (int i = 0; i < n; i++) {
        size_t other = strlen(candidates[i]);
        if (other > MAX_NAME || other <= (size_t)near / 2) continue;
        int d = distance(name, length, candidates[i], other);
        if (d > 0 && d <= near && d < (int)length) {
            best = candidates[i];
            near = d - 1;
        }
    }
    return best;
}

/* ---- reading a source ------------------------------------------------------ */

enum { MAX_SOURCE = 16 * 1024 * 1024 };

const Source *source_from_text(Arena *a, const char *path, const char *text, size_t n) {
    Source *s = NEW(a, Source);
    char *copy = arena_alloc(a, n + 1);
    if (n) memcpy(copy, text, n);
    s->path = arena_copy(a, path, strlen(path) + 1);
    s->text = copy;
    s->length = n;
    return s;
}

/* The whole of an open file, or NULL when it is larger than any program. */
static char *read_all(Arena *a, FILE *f, size_t *n) {
    size_t cap = 64 * 1024;
    char *text = arena_alloc(a, cap);
    *n = 0;
    for (size_t got; (got = fread(text + *n, 1, cap - *n, f)) > 0;) {
        *n += got;
        if (*n > MAX_SOURCE) return NULL;
        if (*n < cap) continue;
        char *bigger = arena_alloc(a, 2 * cap);
        memcpy(bigger, text, *n);
        text = bigger;
        cap *= 2;
    }
    return text;
}

/* Whether the bytes are text; otherwise says where they stop being so. */
static bool check_text(const Source *s, Span from) {
    for (size_t i = 0; i < s->length;) {
        int n = s->text[i] ? utf8_length(s->text + i, s->length - i) : 0;
        if (!n) {
            Span at = {s, (uint32_t)i, (uint32_t)i + 1};
            unsigned byte = (unsigned char)s->text[i];
            if (!byte)
                diag_error(at, "this is a binary file, not a program: it has a NUL byte here");
            else diag_error(at, "the file is not UTF-8 text: byte 0x%02x here", byte);
            if (from.src) diag_note(from, "imported here");
            return false;
        }
        i += (size_t)n;
    }
    return true;
}

const Source *source_read(Arena *a, const char *path, Span at) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        diag_error(at, "cannot open `%s`: no such file, or no right to read it", path);
        return NULL;
    }
    size_t n;
    const char *text = read_all(a, f, &n);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad) diag_error(at, "cannot read `%s`: is it a folder?", path);
    else if (!text) diag_error(at, "`%s` is larger than 16 MB: not a program", path);
    if (bad || !text) return NULL;
    const Source *s = source_from_text(a, path, text, n);
    return check_text(s, at) ? s : NULL;
}
