/* find_files.c - the folder or archive of many files that a `data` line names, sought in the same
 * places as single files (find.c), and of its files those that the reader takes. So an archive
 * serves as it was fetched, and the folder that comes of it, too. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "reader.h"

static const char *const archive_ending[] = {
        ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst"};
static const char *const packed_ending[] = {".gz", ".xz", ".zst"};

enum {
    ENDINGS = sizeof archive_ending / sizeof *archive_ending,
    PACKED = sizeof packed_ending / sizeof *packed_ending
};

bool dl_is_archive(const char *path) {
    size_t n = strlen(path);
    for (int i = 0; i < ENDINGS; i++) {
        size_t k = strlen(archive_ending[i]);
        if (n > k && strcmp(path + n - k, archive_ending[i]) == 0) return true;
    }
    return false;
}

/* path, or path with the ending of an archive or a packed file, in the pool; NULL: there is none.
 */
static const char *existing(DlReading *r, const char *path) {
    struct stat st;
    if (stat(path, &st) == 0) return path;
    for (int i = 0; i < ENDINGS + PACKED; i++) {
        const char *ending = i < ENDINGS ? archive_ending[i] : packed_ending[i - ENDINGS];
        char longer[4096];
        int n = snprintf(longer, sizeof longer, "%s%s", path, ending);
        if (n > 0 && (size_t)n < sizeof longer && stat(longer, &st) == 0)
            return dl_pool_text(r->data->pool, longer, (size_t)n, r->error);
    }
    return NULL;
}

/* Whether a folder is one of those before it: that of a model may be the current one. */
static bool seen(const char *const *root, int i) {
    for (int k = 0; k < i; k++)
        if (strcmp(root[k], root[i]) == 0) return true;
    return false;
}

const char *dl_find_place(DlReading *r, const char *name, const char *what) {
    const char *root[DL_ROOTS], *found = NULL;
    char looked[2048] = "";
    if (!name) {
        dl_error(r->error, "data %s: name the folder or archive of %s: %s(\"FOLDER\")",
                r->reader->name, what, r->reader->name);
        return NULL;
    }
    if (name[0] == '/') found = existing(r, name);
    int n = name[0] == '/' ? 0 : dl_roots(r, root);
    for (int i = 0; !found && i < n; i++) {
        if (seen(root, i)) continue;
        const char *path = dl_path(r, root[i], name);
        size_t used = strlen(looked);
        snprintf(looked + used, sizeof looked - used, "\n  %s", root[i]);
        found = path ? existing(r, path) : NULL;
    }
    if (!found && r->error->text[0] == '\0')
        dl_error(r->error, "data %s: there is no folder or archive %s%s%s\n%s", r->reader->name,
                name, n > 0 ? " in any of" : "", looked, r->reader->remedy);
    return found;
}

static bool open_fitting(
        DlReading *r, const char *path, bool (*fits)(const char *path), DlFiles *out) {
    int64_t kept = 0;
    if (!dl_files_open(r->data->pool, path, out, r->error)) return false;
    for (int64_t i = 0; i < out->n; i++)
        if (fits(out->file[i].path)) out->file[kept++] = out->file[i];
    out->n = kept;
    return true;
}

/* The one archive that lies in a folder, NULL: none, or several. */
static const char *inner_archive(DlReading *r, const char *folder) {
    DlFiles archives;
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode) ||
            !open_fitting(r, folder, dl_is_archive, &archives) || archives.n != 1)
        return NULL;
    return dl_path(r, folder, archives.file[0].path);
}

bool dl_files_fitting(DlReading *r, const char *path, bool (*fits)(const char *path),
        const char *what, DlFiles *out) {
    if (!open_fitting(r, path, fits, out)) return false;
    const char *inner = out->n == 0 ? inner_archive(r, path) : NULL;
    if (inner && !open_fitting(r, inner, fits, out)) return false;
    if (out->n > 0 || r->error->text[0] != '\0') return out->n > 0;
    return dl_fail(r->error, "%s: holds no %s", path, what);
}

bool dl_find_files(DlReading *r, bool (*fits)(const char *path), const char *what, DlFiles *out) {
    const char *path = dl_find_place(r, dl_arg(r, "folder"), what);
    return path && dl_files_fitting(r, path, fits, what, out);
}

/* ---- folders without files ------------------------------------------------------------------- */

enum { DEEPEST = 16 }; /* folders below one another that are looked into */

static bool holds_files(const DlFiles *files, const char *below) {
    size_t n = strlen(below);
    for (int64_t i = 0; i < files->n; i++)
        if (strncmp(files->file[i].path, below, n) == 0 && files->file[i].path[n] == '/')
            return true;
    return false;
}

/* `path` begins with the folder of all files, `start` bytes long. */
static bool check_folder(DlReading *r, const DlFiles *files, const char *path, size_t start,
        const char *what, int depth) {
    DIR *d = depth < DEEPEST ? opendir(path) : NULL;
    bool ok = true;
    for (const struct dirent *f; d && ok && (f = readdir(d)) != NULL;) {
        struct stat st;
        const char *below = f->d_name[0] == '.' ? NULL : dl_path(r, path, f->d_name);
        if (!below || stat(below, &st) != 0 || !S_ISDIR(st.st_mode)) continue;
        ok = holds_files(files, below + start)
                     ? check_folder(r, files, below, start, what, depth + 1)
                     : dl_fail(r->error,
                               "%s: this folder holds no %s; put some there, or remove it", below,
                               what);
    }
    if (d) closedir(d);
    return ok;
}

bool dl_folders_hold(DlReading *r, const DlFiles *files, const char *what) {
    return files->bytes || check_folder(r, files, files->from, strlen(files->from) + 1, what, 0);
}
