/* files.c - many files as one sorted list: those of a folder and of its folders, or those of an
 * archive (tar and zip, by libarchive, packed with gzip, xz or zstd or not).
 *
 * An archive is read once, from front to back, and its files are kept in the pool, which may put
 * them on disk under no name. Names in it are only names: absolute ones, or such with "..", lead
 * nowhere. Of several files of one name, as tar appends them, the last counts.
 *
 * Invariant: the list follows from the names alone, never from the order in which a folder gives
 * them. Links are followed, but not into a folder that one is in already. */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reader.h"

enum { LONGEST_PATH = 4096, DEEPEST = 64, TAR_BLOCK = 512 };
#define MOST_BYTES ((size_t)1 << 40) /* more is taken for an attack */

/* The list while it grows. */
typedef struct Listing {
    DlPool *pool;
    DlFiles *files;
    int64_t capacity;
    DlError *error;
} Listing;

static bool add_file(Listing *l, const char *path, size_t at, size_t size) {
    DlFiles *f = l->files;
    if (f->n == l->capacity) {
        int64_t capacity = l->capacity ? 2 * l->capacity : 256;
        DlFile *file =
                dl_pool_resize(l->pool, f->file, (size_t)capacity * sizeof *f->file, l->error);
        if (!file) return false;
        f->file = file;
        l->capacity = capacity;
    }
    const char *kept = dl_pool_text(l->pool, path, strlen(path), l->error);
    if (kept) f->file[f->n++] = (DlFile){kept, at, size};
    return kept != NULL;
}

/* Of one path, in the order in which the archive has them. */
static int by_path(const void *a, const void *b) {
    const DlFile *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

static void sort_files(DlFiles *f) {
    int64_t kept = 0;
    if (f->n > 0) qsort(f->file, (size_t)f->n, sizeof *f->file, by_path);
    for (int64_t i = 0; i < f->n; i++)
        if (i + 1 == f->n || strcmp(f->file[i].path, f->file[i + 1].path) != 0)
            f->file[kept++] = f->file[i];
    f->n = kept;
}

/* ---- a folder ------------------------------------------------------------------------- */

typedef struct Level { /* the folders that one is in */
    const struct Level *above;
    dev_t device;
    ino_t number;
    int depth;
} Level;

static bool is_above(const Level *l, const struct stat *st) {
    for (; l; l = l->above)
        if (l->device == st->st_dev && l->number == st->st_ino) return true;
    return false;
}

static bool list_folder(Listing *l, char *path, size_t start, const Level *level);

/* What stands at `path`, of which the list has the part from `start` on. */
static bool list_entry(Listing *l, char *path, size_t start, const Level *level) {
    struct stat st;
    if (stat(path, &st) != 0) /* a link that leads nowhere, most often */
        return dl_fail(l->error, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode)) return add_file(l, path + start, 0, 0);
    if (!S_ISDIR(st.st_mode) || is_above(level, &st)) return true;
    Level below = {level, st.st_dev, st.st_ino, level ? level->depth + 1 : 0};
    if (below.depth > DEEPEST)
        return dl_fail(l->error, "%s: lies more than %d folders deep", path, DEEPEST);
    return list_folder(l, path, start, &below);
}

static bool list_folder(Listing *l, char *path, size_t start, const Level *level) {
    DIR *d = opendir(path);
    size_t n = strlen(path);
    bool ok = d || dl_fail(l->error, "%s: cannot be read: %s", path, strerror(errno));
    for (const struct dirent *f; ok && (f = readdir(d)) != NULL;) {
        if (f->d_name[0] == '.') continue;
        if (n + 1 + strlen(f->d_name) >= LONGEST_PATH) {
            ok = dl_fail(l->error, "%s/%s: the path is too long", path, f->d_name);
            break;
        }
        path[n] = '/';
        strcpy(path + n + 1, f->d_name);
        ok = list_entry(l, path, start, level);
        path[n] = '\0';
    }
    if (d) closedir(d);
    return ok;
}

static bool open_folder(Listing *l, const char *folder, const struct stat *st) {
    char path[LONGEST_PATH];
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') n--;
    if (n >= sizeof path) return dl_fail(l->error, "%s: the path is too long", folder);
    memcpy(path, folder, n);
    path[n] = '\0';
    Level top = {NULL, st->st_dev, st->st_ino, 0};
    return list_folder(l, path, n + 1, &top);
}

/* ---- an archive ----------------------------------------------------------------------- */

/* What libarchive reads from. */
typedef struct Source {
    DlStream *stream;
    FILE *plain; /* may be sought in, as zip needs; or NULL */
    DlError *error;
    unsigned char piece[1 << 16];
    bool ended, zeros; /* all was read; its last TAR_BLOCK bytes are zeros */
} Source;

static bool all_zeros(const unsigned char *at, size_t n) {
    while (n > 0 && at[n - 1] == 0) n--;
    return n == 0;
}

static la_ssize_t read_source(struct archive *a, void *context, const void **piece) {
    Source *s = context;
    size_t n;
    (void)a;
    *piece = s->piece;
    if (s->plain)
        n = fread(s->piece, 1, sizeof s->piece, s->plain);
    else if (!dl_stream_read(s->stream, s->piece, sizeof s->piece, &n, s->error))
        return -1;
    if (n >= TAR_BLOCK) s->zeros = all_zeros(s->piece + n - TAR_BLOCK, TAR_BLOCK);
    s->ended = n < sizeof s->piece;
    return (la_ssize_t)n;
}

static la_int64_t seek_source(struct archive *a, void *context, la_int64_t to, int from) {
    Source *s = context;
    (void)a;
    if (!s->plain || fseeko(s->plain, (off_t)to, from) != 0) return ARCHIVE_FATAL;
    return (la_int64_t)ftello(s->plain);
}

/* The store of all files' bytes, each with a NUL byte behind it. */
typedef struct Store {
    unsigned char *at;
    size_t used, room;
} Store;

static bool make_room(Listing *l, Store *s, size_t more) {
    while (s->room - s->used < more) {
        if (s->room >= MOST_BYTES)
            return dl_fail(l->error, "%s: holds more than %zu bytes; split it", l->files->from,
                    MOST_BYTES);
        size_t step = s->room < (size_t)1 << 30 ? s->room : (size_t)1 << 30;
        size_t room = s->room ? s->room + step : (size_t)1 << 18;
        unsigned char *at = dl_pool_resize(l->pool, s->at, room, l->error);
        if (!at) return false;
        s->at = at;
        s->room = room;
    }
    return true;
}

static bool bad_archive(const Listing *l, struct archive *a) {
    const char *why = archive_error_string(a);
    return dl_fail(l->error,
            "%s: is not an archive (tar or zip), or one that is cut short or damaged: %s",
            l->files->from, why ? why : "it cannot be read");
}

/* The bytes of the entry at hand, to the end of the store. */
static bool read_entry(Listing *l, struct archive *a, Store *s) {
    for (la_ssize_t n = 1; n > 0; s->used += n > 0 ? (size_t)n : 0) {
        if (!make_room(l, s, ((size_t)1 << 16) + 1)) return false;
        n = archive_read_data(a, s->at + s->used, (size_t)1 << 16);
        if (n < 0) return bad_archive(l, a);
    }
    s->at[s->used++] = '\0';
    return true;
}

/* Without what leads to the root of the disk or to the folder that one is in. */
static const char *plain_name(struct archive_entry *entry) {
    const char *name = archive_entry_pathname_utf8(entry);
    if (!name) name = archive_entry_pathname(entry);
    while (name && (name[0] == '/' || (name[0] == '.' && name[1] == '/')))
        name += name[0] == '/' ? 1 : 2;
    return name;
}

/* Hidden files, and what macOS adds to archives. */
static bool is_hidden(const char *name) {
    return name[0] == '.' || strstr(name, "/.") || strncmp(name, "__MACOSX/", 9) == 0;
}

static bool add_entry(Listing *l, struct archive *a, struct archive_entry *entry, Store *s) {
    const char *name = plain_name(entry);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) return true;
    if (!name || name[0] == '\0' || is_hidden(name)) return true;
    if (strlen(name) >= LONGEST_PATH)
        return dl_fail(l->error, "%s: holds a path of more than %d bytes", l->files->from,
                LONGEST_PATH);
    size_t at = s->used;
    return read_entry(l, a, s) && add_file(l, name, at, s->used - at - 1);
}

/* A tar file that is cut between two of its files looks whole to libarchive. */
static bool check_end(const Listing *l, struct archive *a, const Source *source) {
    bool tar = (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
    if (!tar || !source->ended || source->zeros) return true;
    return dl_fail(l->error, "%s: the archive is cut short: its end mark is missing; fetch it again",
            l->files->from);
}

static bool read_entries(Listing *l, struct archive *a, const Source *source) {
    struct archive_entry *entry;
    Store store = {NULL, 0, 0};
    int status;
    /* No file begins where the piece does: who drops a file's bytes does not drop all. */
    if (!make_room(l, &store, 1)) return false;
    store.at[store.used++] = '\0';
    while ((status = archive_read_next_header(a, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN)
        if (!add_entry(l, a, entry, &store)) return false;
    if (status != ARCHIVE_EOF) return bad_archive(l, a);
    l->files->bytes = store.at;
    return check_end(l, a, source);
}

static bool read_archive(Listing *l, Source *source) {
    struct archive *a = archive_read_new();
    if (!a) return dl_fail(l->error, "out of memory");
    archive_read_support_format_tar(a);
    archive_read_support_format_gnutar(a);
    /* A zip file that is cut short lacks the list of its files at its end; read from the front, it
     * would seem whole. What comes unpacked from another format is known to be so. */
    if (source->plain)
        archive_read_support_format_zip_seekable(a);
    else
        archive_read_support_format_zip_streamable(a);
    archive_read_set_read_callback(a, read_source);
    if (source->plain) archive_read_set_seek_callback(a, seek_source);
    archive_read_set_callback_data(a, source);
    bool ok = archive_read_open1(a) == ARCHIVE_OK ? read_entries(l, a, source)
                                                  : bad_archive(l, a);
    archive_read_free(a);
    return ok;
}

static bool open_archive(Listing *l, const char *path) {
    Source *source = calloc(1, sizeof *source);
    if (!source) return dl_fail(l->error, "out of memory");
    source->error = l->error;
    source->stream = dl_stream_open(path, l->error);
    source->plain = source->stream ? dl_stream_plain(source->stream) : NULL;
    bool ok = source->stream && (!source->plain || fseeko(source->plain, 0, SEEK_SET) == 0 ||
                                        dl_fail(l->error, "%s: cannot be read", path)) &&
              read_archive(l, source);
    dl_stream_close(source->stream);
    free(source);
    if (ok && l->files->n == 0) return dl_fail(l->error, "%s: the archive holds no files", path);
    return ok;
}

/* ---- both ----------------------------------------------------------------------------- */

bool dl_files_open(DlPool *p, const char *path, DlFiles *out, DlError *e) {
    struct stat st;
    *out = (DlFiles){.from = dl_pool_text(p, path, strlen(path), e)};
    Listing l = {p, out, 0, e};
    if (!out->from) return false;
    if (stat(path, &st) != 0) return dl_fail(e, "%s: cannot be read: %s", path, strerror(errno));
    if (!(S_ISDIR(st.st_mode) ? open_folder(&l, path, &st) : open_archive(&l, path))) return false;
    sort_files(out);
    return true;
}

bool dl_files_read(DlPool *p, const DlFiles *f, int64_t i, DlBytes *out, DlError *e) {
    static const char *const between[] = {"/", ": "};
    const DlFile *file = &f->file[i];
    const char *middle = between[f->bytes != NULL];
    size_t n = strlen(f->from) + strlen(middle) + strlen(file->path) + 1;
    char *path = dl_pool_array(p, (int64_t)n, 1, e);
    if (!path) return false;
    snprintf(path, n, "%s%s%s", f->from, middle, file->path);
    if (f->bytes) {
        *out = (DlBytes){.path = path, .at = f->bytes + file->at, .size = file->size};
        if (!dl_stream_is_packed(out->at, out->size)) return true;
    }
    bool read = f->bytes ? dl_bytes_unpack(p, out, out, e) : dl_bytes_read(p, path, out, e);
    dl_pool_drop(p, path); /* the bytes have a copy of it */
    return read;
}
