/* fuzz_parse.c - programs damaged at random, through the parser.
 *
 *     fuzz_parse SEED RUNS FILE...
 *
 * Each run takes one of the files, damages it a few times (bytes, lines, words of the
 * language, pieces of another file) and parses it. Whatever comes out:
 *   - there is no crash (build it with the sanitizers);
 *   - a tree with an A_ERROR has been reported;
 *   - what parses without an error prints as a program that parses and prints the same.
 * The text of each run is written to fuzz_parse.dl before it is parsed, so that a crash
 * leaves it there. Output: the failures, then "N passed, N failed". */
#include <stdlib.h>
#include <string.h>

#include "../../dsl/ast.h"

typedef struct Text { char *at; size_t n; } Text;

static uint64_t state;

static size_t below(size_t n) {                    /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return n ? (size_t)((state * 0x2545f4914f6cdd1du) >> 33) % n : 0;
}

static Text read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    Text t = {malloc(1 << 20), 0};
    if (!t.at) exit(2);
    t.n = fread(t.at, 1, 1 << 18, f);
    fclose(f);
    return t;
}

/* ---- damage ---------------------------------------------------------------- */

/* Puts n bytes in the place of those in [from, to). */
static void replace(Text *t, size_t from, size_t to, const char *with, size_t n) {
    if (t->n - (to - from) + n > 1 << 19) return;
    char *out = malloc(1 << 20);
    if (!out) exit(2);
    memcpy(out, t->at, from);
    memcpy(out + from, with, n);
    memcpy(out + from + n, t->at + to, t->n - to);
    t->n = t->n - (to - from) + n;
    free(t->at);
    t->at = out;
}

static const char *const piece[] = {
#define WORD(token, text, use) " " text " ",
#include "../../dsl/words.def"
#undef WORD
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "\n",
        ":",
        "=",
        "==",
        "|>",
        "//",
        " // ",
        "..",
        "...",
        ".",
        "**",
        "-",
        "+ ",
        "*",
        "/",
        "@",
        "<",
        "sum(k) ",
        "max(p in 0..3)\n",
        "x[i - 1] else 0",
        "1e9",
        "0x",
        "\"",
        "'",
        "\\",
        "if c then ",
        "else",
        "all h",
        "é",
        "\t",
        "\r\n",
        "/*",
        "*/",
        "#",
        "-1",
        "99999999999999999",
        "layer f(x) { return x }\n",
        "y[n, i] = ",
        "model m {\n",
        "}\n",
        "train m {\n",
        "((((((((",
        "]]]]",
};

static void damage(Text *t, const Text *other) {
    size_t from = below(t->n + 1), to = from + below(8);
    if (to > t->n) to = t->n;
    const char *p = piece[below(sizeof piece / sizeof *piece)];
    char byte = (char)(1 + below(255));
    size_t start = below(other->n), length = below(200);
    if (start + length > other->n) length = other->n - start;
    switch (below(6)) {
    case 0: replace(t, from, to, "", 0); break;
    case 1: replace(t, from, from, p, strlen(p)); break;
    case 2: replace(t, from, to, p, strlen(p)); break;
    case 3: replace(t, from, to, &byte, 1); break;
    case 4: replace(t, from, from, other->at + start, length); break;
    default: replace(t, from, from + below(t->n - from + 1), "", 0); break;
    }
}

/* ---- one run --------------------------------------------------------------- */

static bool has_error(const Ast *x) {
    for (; x; x = x->next)
        if (x->kind == A_ERROR || has_error(x->a) || has_error(x->b) || has_error(x->c) ||
                has_error(x->list) || has_error(x->params) || has_error(x->body) ||
                has_error(x->body2))
            return true;
    return false;
}

static char *print(const Ast *program) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    ast_print(f, program);
    fclose(f);
    return text;
}

static Ast *parse(Arena *a, const char *text, size_t n) {
    diag_reset();
    return ast_parse(a, source_from_text(a, "fuzz.dl", text, n));
}

/* NULL, or what is wrong. */
static const char *try(const Text *t) {
    const char *wrong = NULL;
    Arena *a = arena_new();
    Ast *program = parse(a, t->at, t->n);
    if (diag_errors() == 0) {
        char *first = print(program), *second;
        bool error = has_error(program);
        ast_check(program);
        Ast *again = parse(a, first, strlen(first));
        second = print(again);
        if (error) wrong = "an A_ERROR without a message";
        else if (strlen(first) && diag_errors()) wrong = "what it prints does not parse";
        else if (strcmp(first, second) != 0) wrong = "what it prints parses to another tree";
        free(first);
        free(second);
    }
    arena_free(a);
    return wrong;
}

static void keep(const Text *t, const char *path) {
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite(t->at, 1, t->n, f);
    fclose(f);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_parse SEED RUNS FILE...\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 2 + 1;
    long runs = strtol(argv[2], NULL, 10), failed = 0;
    int n = argc - 3;
    Text *file = calloc((size_t)n, sizeof *file);
    if (!file) return 2;
    for (int i = 0; i < n; i++) file[i] = read_file(argv[3 + i]);
    if (!freopen("/dev/null", "w", stderr)) return 2;
    for (long r = 0; r < runs; r++) {
        Text t = {malloc(1 << 20), 0};
        if (!t.at) return 2;
        const Text *from = &file[below((size_t)n)];
        memcpy(t.at, from->at, t.n = from->n);
        for (size_t i = 1 + below(4); i > 0; i--) damage(&t, &file[below((size_t)n)]);
        keep(&t, "fuzz_parse.dl");
        const char *wrong = try(&t);
        if (wrong && ++failed <= 5) {
            char path[64];
            snprintf(path, sizeof path, "fuzz_parse.%ld.dl", r);
            keep(&t, path);
            printf("run %ld: %s; see %s\n", r, wrong, path);
        }
        free(t.at);
    }
    printf("%ld passed, %ld failed\n", runs - failed, failed);
    return failed != 0;
}
