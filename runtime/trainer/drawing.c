/* drawing.c - see drawing.h: a program runs with files for its standard input, output and error,
 * so that it cannot block on us, nor end us by closing a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drawing.h"

extern char **environ;

const DlArtist dl_gnuplot = {"gnuplot", "gnuplot-nox"}, dl_graphviz = {"dot", "graphviz"};

enum { PATH_SIZE = 1024 };

const char *dl_picture_kind(const char *path, DlError *e) {
    static const char *const kind[] = {".png", ".svg"};
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot && i < 2; i++)
        if (strcmp(dot, kind[i]) == 0) return kind[i];
    dl_error(e, "%s: pictures are .png or .svg files: end the name with one of them", path);
    return NULL;
}

/* ---- one run of the program ---------------------------------------------------------------- */

/* Its first line on standard error says best what it did not like. */
static void add_complaint(FILE *said, char *text, size_t size) {
    rewind(said);
    while (fgets(text, (int)size, said))
        if (text[strspn(text, " \t\r\n^")] != '\0') {
            text[strcspn(text, "\n")] = '\0';
            return;
        }
    snprintf(text, size, "it does not say why");
}

/* A group of its own: Ctrl-C, which lets a run end well, is not for the program that draws. */
static int start(const char *const *argument, int in, int out, int said, pid_t *child) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int why = posix_spawn_file_actions_adddup2(&files, in, 0);
    if (why == 0) why = posix_spawn_file_actions_adddup2(&files, out, 1);
    if (why == 0) why = posix_spawn_file_actions_adddup2(&files, said, 2);
    if (why == 0) why = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (why == 0)
        why = posix_spawnp(
                child, argument[0], &files, &attributes, (char *const *)argument, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return why;
}

static bool run(const DlArtist *a, const char *const *argument, FILE *in, int out, FILE *said,
        const char *path, DlError *e) {
    char complaint[512];
    pid_t child;
    int status = 0, why = start(argument, fileno(in), out, fileno(said), &child);
    if (why == ENOENT)
        return dl_fail(e, "%s: cannot be drawn: %s is not installed; its package is %s", path,
                a->program, a->package);
    if (why != 0) return dl_fail(e, "%s: cannot be drawn: %s: %s", path, a->program, strerror(why));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return dl_fail(e, "%s: cannot be drawn: %s: %s", path, a->program, strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return dl_fail(e, "%s: cannot be drawn: %s cannot be run; its package is %s", path,
                a->program, a->package);
    add_complaint(said, complaint, sizeof complaint);
    return dl_fail(e, "%s: %s failed: %s", path, a->program, complaint);
}

/* Standard input with the text, standard error to look at afterwards. */
static bool run_with(const DlArtist *a, const char *const *argument, const char *text, size_t size,
        int out, const char *path, DlError *e) {
    FILE *in = tmpfile(), *said = tmpfile();
    bool ok = in && said && fwrite(text, 1, size, in) == size && fflush(in) == 0 &&
              lseek(fileno(in), 0, SEEK_SET) == 0;
    if (!ok)
        dl_error(e, "%s: cannot be drawn: no temporary file can be written: %s", path,
                strerror(errno));
    ok = ok && run(a, argument, in, out, said, path, e);
    if (in) fclose(in);
    if (said) fclose(said);
    return ok;
}

/* ---- files --------------------------------------------------------------------------------- */

static int cannot_write(const char *path, DlError *e) {
    dl_error(e, "%s: the picture cannot be written: %s", path, strerror(errno));
    return -1;
}

static int open_part(const char *path, char part[PATH_SIZE], DlError *e) {
    if ((size_t)snprintf(part, PATH_SIZE, "%s.part", path) >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        return cannot_write(path, e);
    }
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return file >= 0 ? file : cannot_write(path, e);
}

bool dl_drawing_possible(const DlArtist *a, const char *path, DlError *e) {
    const char *const argument[] = {a->program, a == &dl_gnuplot ? "--version" : "-V", NULL};
    char part[PATH_SIZE];
    struct stat st;
    if (!dl_picture_kind(path, e)) return false;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return dl_fail(e, "%s: is not a file; name another for the picture", path);
    int file = open_part(path, part, e);
    if (file < 0) return false;
    bool there = run_with(a, argument, "", 0, file, path, e);
    close(file);
    remove(part);
    return there;
}

bool dl_drawing_make(const DlArtist *a, const char *const *argument, const char *text, size_t size,
        const char *path, DlError *e) {
    char part[PATH_SIZE];
    int file = open_part(path, part, e);
    if (file < 0) return false;
    bool ok = run_with(a, argument, text, size, file, path, e);
    if (ok && lseek(file, 0, SEEK_END) <= 0) {
        ok = dl_fail(e, "%s: %s has drawn nothing", path, a->program);
    } else if (ok && (fsync(file) != 0 || rename(part, path) != 0)) {
        cannot_write(path, e);
        ok = false;
    }
    close(file);
    if (!ok) remove(part);
    return ok;
}
