/* embed.c - a host tool of the build: texts in, C out.
 *
 *     embed NAME FILE ... > NAMEs.c
 *
 * Writes the definitions of NAMEs[] and NAME_count (struct StdFile of ast.h): a string
 * literal a line, sorted by base name. Nothing of the output depends on where the files lie. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int by_base_name(const void *a, const void *b) {
    return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

static void put_character(int c) {
    if (c == '"' || c == '\\') printf("\\%c", c);
    else if (c == '\n') fputs("\\n\"\n        \"", stdout);
    else if (c == '?') fputs("\\?", stdout);                   /* no trigraphs */
    else if (c < ' ' || c > '~') printf("\\%03o", (unsigned)c);
    else putchar(c);
}

/* One element of std_files[]. */
static bool put_file(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return false;
    }
    long length = 0;
    printf("    {\"%s\",\n        \"", base_name(path));
    for (int c; (c = getc(f)) != EOF; length++) put_character(c);
    printf("\", %ld},\n", length);
    fclose(f);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: embed NAME FILE ...\n");
        return EXIT_FAILURE;
    }
    bool ok = true;
    qsort(argv + 2, (size_t)argc - 2, sizeof *argv, by_base_name);
    printf("/* Made by embed from files of the source tree. */\n"
           "#include \"ast.h\"\n\n"
           "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n"
           "extern const struct StdFile %ss[];\n"
           "extern const int %s_count;\n\n"
           "const struct StdFile %ss[] = {\n", argv[1], argv[1], argv[1]);
    for (int i = 2; i < argc; i++) ok &= put_file(argv[i]);
    printf("    {0, 0, 0}};\n\nconst int %s_count = %d;\n", argv[1], argc - 2);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
