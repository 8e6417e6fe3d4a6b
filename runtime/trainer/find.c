/* find.c - where the data are. Places are sought in a fixed order: --data (what is said on
 * the command line wins over what ships), beside the model file, DLC_DATA, and as given.
 * In each place: the folder that the `data` line names, the reader's usual folder names,
 * the place itself. A message about a missing file lists every folder that was looked into. */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reader.h"

typedef struct Places {
    DlReading *r;
    const char *pattern; /* of the file sought */
    const char *found;
    char looked[2048]; /* the folders, one a line, for the message */
    bool failed;       /* a message has been left */
} Places;

const char *dl_path(DlReading *r, const char *folder, const char *name) {
    size_t n = strlen(folder), m = strlen(name);
    char *path = dl_pool_array(r->data->pool, (int64_t)(n + m + 2), 1, r->error);
    if (!path) return NULL;
    memcpy(path, folder, n);
    path[n] = '/';
    memcpy(path + n + 1, name, m);
    return path;
}

/* The length of a file name without .gz, .xz or .zst. */
static size_t stem(const char *name) {
    static const char *const packed[] = {".gz", ".xz", ".zst"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        size_t end = strlen(packed[i]);
        if (n > end && strcmp(name + n - end, packed[i]) == 0) return n - end;
    }
    return n;
}

static bool matches(const char *pattern, const char *name) {
    char text[256];
    size_t n = stem(name);
    if (n >= sizeof text) return false;
    memcpy(text, name, n);
    text[n] = '\0';
    return fnmatch(pattern, text, FNM_PERIOD) == 0;
}

/* Keeps the better of two matches: of one file plain and packed, the plain one. */
static bool choose(Places *p, const char *folder, char *best, const char *name) {
    if (best[0] == '\0' || (stem(best) == stem(name) && strncmp(best, name, stem(name)) == 0)) {
        if (best[0] == '\0' || strlen(name) < strlen(best)) memcpy(best, name, strlen(name) + 1);
        return true;
    }
    p->failed = true;
    return dl_fail(p->r->error, "%s: both %s and %s may be the %s sought; leave one of them there",
            folder, strcmp(best, name) < 0 ? best : name, strcmp(best, name) < 0 ? name : best,
            p->pattern);
}

/* Notes a folder for the message, once. */
static void note(Places *p, const char *folder) {
    size_t n = strlen(folder), used = strlen(p->looked);
    for (const char *line = p->looked; (line = strstr(line, "\n  ")) != NULL;) {
        line += 3;
        if (strncmp(line, folder, n) == 0 && (line[n] == '\n' || line[n] == '\0')) return;
    }
    snprintf(p->looked + used, sizeof p->looked - used, "\n  %s", folder);
}

static void look_into(Places *p, const char *folder) {
    if (!folder) {
        p->failed = true;
        return;
    }
    note(p, folder);
    DIR *d = opendir(folder);
    if (!d) return;
    char best[256] = "";
    for (const struct dirent *f; !p->failed && (f = readdir(d)) != NULL;)
        if (strlen(f->d_name) < sizeof best && matches(p->pattern, f->d_name) &&
                !choose(p, folder, best, f->d_name))
            break;
    closedir(d);
    if (best[0] != '\0' && !p->failed) {
        p->found = dl_path(p->r, folder, best);
        p->r->folder = dl_pool_text(p->r->data->pool, folder, strlen(folder), p->r->error);
        p->failed = !p->found || !p->r->folder;
    }
}

static bool done(const Places *p) {
    return p->found || p->failed;
}

static void look_below(Places *p, const char *root, const char *name) {
    if (name && !done(p)) look_into(p, strcmp(name, ".") == 0 ? root : dl_path(p->r, root, name));
    for (const char *f = p->r->reader->folders; *f != '\0' && !done(p);) {
        size_t n = strcspn(f, " ");
        const char *usual = dl_pool_text(p->r->data->pool, f, n, p->r->error);
        if (usual) look_into(p, dl_path(p->r, root, usual));
        f += n + strspn(f + n, " ");
    }
    if (!done(p)) look_into(p, root);
}

int dl_roots(const DlReading *r, const char *root[DL_ROOTS]) {
    const char *all[DL_ROOTS] = {
            r->request->data_dir, r->request->config->directory, getenv("DLC_DATA"), "."};
    int n = 0;
    for (int i = 0; i < DL_ROOTS; i++)
        if (all[i] && all[i][0] != '\0') root[n++] = all[i];
    return n;
}

static void look_everywhere(Places *p, const char *name) {
    const char *root[DL_ROOTS];
    int n = dl_roots(p->r, root);
    if (p->r->folder) {
        look_into(p, p->r->folder);
        return;
    }
    if (name && name[0] == '/') {
        look_into(p, name);
        return;
    }
    for (int i = 0; i < n && !done(p); i++) look_below(p, root[i], name);
}

static const char *finish(Places *p, bool required) {
    if (p->found || p->failed || !required) return p->failed ? NULL : p->found;
    const DlReader *k = p->r->reader;
    dl_error(p->r->error,
            "data %s: no file %s (or with .gz, .xz, .zst) is in any of%s\n"
            "The reader takes %s; %s.",
            k->name, p->pattern, p->looked, k->files, k->remedy);
    return NULL;
}

const char *dl_find(DlReading *r, const char *pattern, bool required) {
    Places p = {.r = r, .pattern = pattern};
    look_everywhere(&p, dl_arg(r, "folder"));
    return finish(&p, required);
}

/* A pattern for one name, packed or not; characters that would be read as wild are quoted. */
static char *quoted(DlReading *r, const char *name) {
    const char *end = name + stem(name);
    char *pattern = dl_pool_array(r->data->pool, (int64_t)(2 * strlen(name) + 1), 1, r->error);
    for (char *q = pattern; pattern && name < end; name++) {
        if (strchr("*?[]\\", *name)) *q++ = '\\';
        *q++ = *name;
    }
    return pattern;
}

const char *dl_find_named(DlReading *r, const char *name) {
    const char *slash = strrchr(name, '/');
    const char *folder = NULL;
    if (slash)
        folder = dl_pool_text(
                r->data->pool, name, slash == name ? 1 : (size_t)(slash - name), r->error);
    Places p = {.r = r, .pattern = quoted(r, slash ? slash + 1 : name)};
    if (!p.pattern || (slash && !folder)) return NULL;
    look_everywhere(&p, folder);
    return finish(&p, true);
}
