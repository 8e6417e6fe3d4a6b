/* dl_save.c - see dl_file.h: writes weights and checkpoints.
 *
 * The header is written twice, first only to learn its length. Tensors go in the table's
 * order, those of 8 bytes an element first, then 4, then 1, which aligns them all. */
#include "dl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dl_format.h"
#include "dl_object.h"

enum { DL_PATH = 4096 };       /* most bytes of a path */

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct dl_writer {
    int fd;                          /* -1: nothing is written, only counted */
    bool failed;                     /* errno says why */
    uint64_t total;
    size_t used;
    unsigned char buffer[DL_CHUNK];
} dl_writer;

static void dl_flush(dl_writer *w) {
    size_t done = 0;
    while (w->fd >= 0 && !w->failed && done < w->used) {
        ssize_t n = write(w->fd, w->buffer + done, w->used - done);
        if (n > 0) done += (size_t)n;
        else if (n == 0 || errno != EINTR) w->failed = true;
    }
    w->used = 0;
}

static void dl_put(dl_writer *w, const void *from, size_t n) {
    const unsigned char *at = from;
    w->total += n;
    while (n > 0) {
        size_t room = DL_CHUNK - w->used, part = n < room ? n : room;
        memcpy(w->buffer + w->used, at, part);
        w->used += part;
        at += part;
        n -= part;
        if (w->used == DL_CHUNK) dl_flush(w);
    }
}

static void dl_put_text(dl_writer *w, const char *text) { dl_put(w, text, strlen(text)); }

static void dl_put_number(dl_writer *w, uint64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    dl_put_text(w, text);
}

static void dl_put_string(dl_writer *w, const char *s) {
    dl_put_text(w, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char escaped[8];
        if (c == '"' || c == '\\') snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20) snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else escaped[0] = *s, escaped[1] = 0;
        dl_put_text(w, escaped);
    }
    dl_put_text(w, "\"");
}

/* What a file is to hold. */
typedef struct dl_content {
    const dl_model *table;
    const unsigned char *model;
    dl_kind kind;
    int npair;
    const dl_pair *pair;
    char seed[24], step[24];         /* in a checkpoint */
    char checksum[20];
} dl_content;

/* Calls visit for each pair, our own first; the checksum is not one of them. */
static void dl_each_pair(const dl_content *c, void (*visit)(void *, const char *, const char *),
        void *to) {
    visit(to, "dlc.format", DL_FORMAT_VERSION);
    visit(to, "dlc.kind", c->kind == DL_CHECKPOINT ? "checkpoint" : "weights");
    visit(to, "dlc.model", c->table->name);
    if (c->kind == DL_CHECKPOINT) {
        visit(to, "dlc.seed", c->seed);
        visit(to, "dlc.step", c->step);
    }
    for (int i = 0; i < c->npair; i++) visit(to, c->pair[i].key, c->pair[i].value);
}

static void dl_put_pair(void *to, const char *key, const char *value) {
    dl_writer *w = to;
    dl_put_string(w, key);
    dl_put_text(w, ":");
    dl_put_string(w, value);
    dl_put_text(w, ",");
}

static void dl_sum_pair(void *to, const char *key, const char *value) {
    dl_sum_bytes(to, (const unsigned char *)key, strlen(key) + 1);
    dl_sum_bytes(to, (const unsigned char *)value, strlen(value) + 1);
}

/* Calls visit for each tensor in the file's order. */
static void dl_each_tensor(const dl_content *c,
        void (*visit)(void *, const dl_tensor *, const unsigned char *), void *to) {
    for (size_t size = 8; size > 0; size = size == 8 ? 4 : size == 4 ? 1 : 0)
        for (int i = 0; i < c->table->ntensor; i++) {
            const dl_tensor *t = &c->table->tensor[i];
            if (dl_is_stored(t, c->kind) && dl_element_size(t->type) == size)
                visit(to, t, c->model + t->offset);
        }
}

typedef struct dl_layout { dl_writer *writer; uint64_t offset; } dl_layout;

static void dl_put_item(void *to, const dl_tensor *t, const unsigned char *at) {
    dl_layout *l = to;
    dl_writer *w = l->writer;
    (void)at;
    dl_put_text(w, ",");
    dl_put_string(w, t->name);
    dl_put_text(w, ":{\"dtype\":");
    dl_put_string(w, dl_type_name(t->type));
    dl_put_text(w, ",\"shape\":[");
    for (int i = 0; i < t->rank; i++) {
        if (i) dl_put_text(w, ",");
        dl_put_number(w, (uint64_t)t->shape[i]);
    }
    dl_put_text(w, "],\"data_offsets\":[");
    dl_put_number(w, l->offset);
    dl_put_text(w, ",");
    dl_put_number(w, l->offset += t->bytes);
    dl_put_text(w, "]}");
}

static void dl_put_header(dl_writer *w, const dl_content *c) {
    dl_put_text(w, "{\"__metadata__\":{");
    dl_each_pair(c, dl_put_pair, w);
    dl_put_text(w, "\"dlc.checksum\":");
    dl_put_string(w, c->checksum);
    dl_put_text(w, "}");
    dl_layout l = {w, 0};
    dl_each_tensor(c, dl_put_item, &l);
    dl_put_text(w, "}");
    while (w->total % 8) dl_put_text(w, " ");
}

/* One tensor's bytes in the file's order, a piece at a time. */
static void dl_each_piece(const dl_tensor *t, const unsigned char *at,
        void (*use)(void *, const unsigned char *, size_t), void *to) {
    unsigned char piece[DL_CHUNK];
    for (size_t done = 0; done < t->bytes;) {
        size_t n = t->bytes - done < DL_CHUNK ? t->bytes - done : DL_CHUNK;
        memcpy(piece, at + done, n);
        dl_file_order(piece, n, dl_element_size(t->type));
        use(to, piece, n);
        done += n;
    }
}

static void dl_use_sum(void *to, const unsigned char *at, size_t n) { dl_sum_bytes(to, at, n); }
static void dl_use_put(void *to, const unsigned char *at, size_t n) { dl_put(to, at, n); }

static void dl_sum_tensor(void *to, const dl_tensor *t, const unsigned char *at) {
    dl_each_piece(t, at, dl_use_sum, to);
}
static void dl_put_tensor(void *to, const dl_tensor *t, const unsigned char *at) {
    dl_each_piece(t, at, dl_use_put, to);
}

/* The whole file. */
static void dl_put_content(dl_writer *w, dl_content *c) {
    dl_sum sum = {0};
    dl_each_pair(c, dl_sum_pair, &sum);
    dl_each_tensor(c, dl_sum_tensor, &sum);
    snprintf(c->checksum, sizeof c->checksum, "%016llx", (unsigned long long)dl_sum_end(&sum));

    dl_writer count = {.fd = -1};
    dl_put_header(&count, c);
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)(count.total >> 8 * i);
    dl_put(w, length, 8);
    dl_put_header(w, c);
    dl_each_tensor(c, dl_put_tensor, w);
    dl_flush(w);
}

/* ---- a file that appears all at once, or not --------------------------------------------- */

/* Opens a new file beside `path`; its name goes to `part`. */
static int dl_open_part(const char *path, char part[DL_PATH]) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    int fd = -1;
    for (int i = 0; i < 100 && fd < 0; i++) {
        int n = snprintf(part, DL_PATH, "%s.%ld-%d.part", path, (long)getpid(), i);
        if (n < 0 || n >= DL_PATH) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) return -1;
    }
    return fd;
}

/* Makes a renaming in the folder of `path` last. */
static bool dl_sync_folder(const char *path) {
    char folder[DL_PATH];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof folder) return false;
    memcpy(folder, path, n);
    folder[n] = 0;
    int fd = open(n ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool synced = fsync(fd) == 0 || errno == EINVAL;     /* some file systems have no such thing */
    return close(fd) == 0 && synced;
}

/* Finishes, renames; or removes what was begun, and errno says why. */
static bool dl_close_part(dl_writer *w, const char *part, const char *path) {
    bool good = !w->failed && fsync(w->fd) == 0;
    int why = errno;
    if (close(w->fd) != 0 && good) good = false, why = errno;
    if (good && rename(part, path) != 0) good = false, why = errno;
    if (!good) unlink(part);
    errno = why;
    return good && dl_sync_folder(path);
}

static bool dl_good_pairs(int npair, const dl_pair *pair) {
    for (int i = 0; i < npair; i++) {
        if (strlen(pair[i].key) >= DL_KEY || strncmp(pair[i].key, "dlc.", 4) == 0) return false;
        for (int j = 0; j < i; j++)
            if (strcmp(pair[i].key, pair[j].key) == 0) return false;
    }
    return true;
}

DL_API int dl_save_file(const dl_model *table, const void *model, dl_kind kind, int npair,
        const dl_pair *pair, const char *path) {
    if (!table || !model || !path || (npair && !pair)) return DL_E_NULL;
    for (int i = 0; i < npair; i++)
        if (!pair[i].key || !pair[i].value) return DL_E_NULL;
    int before = errno;
    if (!dl_good_pairs(npair, pair)) {
        errno = EINVAL;
        return DL_E_OPEN;
    }
    const dl_head *head = model;
    dl_content c = {.table = table, .model = model, .kind = kind, .npair = npair, .pair = pair};
    snprintf(c.seed, sizeof c.seed, "%llu", (unsigned long long)head->seed);
    snprintf(c.step, sizeof c.step, "%lld", (long long)head->step);
    char part[DL_PATH];
    dl_writer w = {.fd = dl_open_part(path, part)};
    if (w.fd < 0) return DL_E_OPEN;
    dl_put_content(&w, &c);
    if (!dl_close_part(&w, part, path)) return DL_E_OPEN;
    errno = before;
    return DL_OK;
}

DL_API int dl_save(const dl_model *table, const void *model, const char *path) {
    return dl_save_file(table, model, DL_WEIGHTS, 0, NULL, path);
}
