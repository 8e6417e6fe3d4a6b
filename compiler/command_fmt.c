/* command_fmt.c - `dlc fmt`: programs brought into their form, in place. A file is written whole
 * or not at all, and only when its text changes; one with errors is left as it is. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../dsl/format.h"
#include "commands.h"

static const Source *standard_input(Arena *a) {
    Vec(char) text = {0};
    for (int c; (c = getchar()) != EOF;) vec_push(a, &text, (char)c);
    if (ferror(stdin)) {
        fprintf(stderr, "dlc fmt: standard input cannot be read\n");
        return NULL;
    }
    return source_from_text(a, "<standard input>", text.at ? text.at : "", (size_t)text.n);
}

/* The file that a link names, and who may read and write it, stay what they were. */
static bool replace_text(Arena *a, const char *path, const char *text) {
    struct stat st;
    bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    char *target = link ? realpath(path, NULL) : NULL;
    const char *file = target ? target : path;
    bool allowed = stat(file, &st) == 0 && access(file, W_OK) == 0;
    if (!allowed) fprintf(stderr, "%s: error: cannot write: %s\n", path, strerror(errno));
    bool written = allowed && driver_write_text(a, file, text);
    if (written && chmod(file, st.st_mode & 07777) != 0)
        fprintf(stderr, "%s: warning: its mode cannot be set: %s\n", path, strerror(errno));
    free(target);
    return written;
}

/* --check names a file that would be changed; otherwise it is changed. */
static int settle(Arena *a, const Options *o, const Source *src, const char *text, size_t n) {
    bool same = n == src->length && memcmp(text, src->text, n) == 0;
    if (same) return DONE;
    if (o->check_only) {
        printf("%s: not in its form; dlc fmt %s\n", src->path, src->path);
        return INPUT_WRONG;
    }
    return replace_text(a, src->path, text) ? DONE : INPUT_WRONG;
}

static int format_file(Arena *a, const Options *o, const char *path) {
    bool piped = strcmp(path, "-") == 0;
    diag_reset();
    const Source *src = piped ? standard_input(a) : source_read(a, path, (Span){0});
    size_t n;
    const char *text = src ? format_program(a, src, &n) : NULL;
    if (!text) return INPUT_WRONG;
    if (!piped || o->check_only) return settle(a, o, src, text, n);
    bool written = fwrite(text, 1, n, stdout) == n && fflush(stdout) == 0;
    if (!written) fprintf(stderr, "dlc fmt: standard output cannot be written\n");
    return written ? DONE : INPUT_WRONG;
}

int run_fmt(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    int status = DONE;
    for (int i = 0; i < o->nfiles; i++) {
        int one = format_file(a, o, o->files[i]);
        if (one) status = one;
    }
    return status;
}
