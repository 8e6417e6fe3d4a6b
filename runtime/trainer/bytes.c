/* bytes.c - a whole file in memory, unpacked when it is packed (stream.c). */
#include <string.h>
#include <sys/stat.h>

#include "reader.h"

/* More than this after decompression is taken for a mistake (or an attack), not for data. */
#define MOST_BYTES ((size_t)1 << 40)
#define FIRST_BYTES ((size_t)1 << 16)

/* All that is left of the stream, with one NUL byte behind, as a piece of the pool. */
static unsigned char *read_all(DlPool *p, DlStream *s, const char *path, size_t *size, DlError *e) {
    unsigned char *at = NULL;
    size_t room = 0, got;
    for (*size = 0;; *size += got) {
        if (room >= MOST_BYTES) {
            dl_error(e, "%s: holds more than %zu bytes; split it", path, MOST_BYTES);
            return NULL;
        }
        room = room ? room + (room < (size_t)1 << 30 ? room : (size_t)1 << 30) : FIRST_BYTES;
        unsigned char *more = dl_pool_resize(p, at, room, e);
        if (!more || !dl_stream_read(s, more + *size, room - *size, &got, e)) return NULL;
        at = more;
        if (got < room - *size) break;
    }
    *size += got;
    at[*size] = '\0';
    return dl_pool_resize(p, at, *size + 1, e);
}

/* A file that memory has no room for, where it is. False, without a message: it is to be read. */
static bool map(DlPool *p, DlStream *s, DlBytes *out, DlError *e) {
    struct stat st;
    FILE *f = dl_stream_plain(s);
    if (!f || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 1) return false;
    out->at = dl_pool_map(p, f, (size_t)st.st_size, e);
    out->size = (size_t)st.st_size;
    out->mapped = out->at != NULL;
    return out->mapped;
}

static bool finish(DlPool *p, DlStream *s, const char *path, DlBytes *out, DlError *e) {
    *out = (DlBytes){.path = dl_pool_text(p, path, strlen(path), e)};
    if (s && out->path && !map(p, s, out, e) && e->text[0] == '\0')
        out->at = read_all(p, s, path, &out->size, e);
    dl_stream_close(s);
    out->paged = out->at && dl_pool_is_file(p, out->at);
    return out->at != NULL;
}

bool dl_bytes_read(DlPool *p, const char *path, DlBytes *out, DlError *e) {
    return finish(p, dl_stream_open(path, e), path, out, e);
}

bool dl_bytes_unpack(DlPool *p, const DlBytes *packed, DlBytes *out, DlError *e) {
    return finish(p, dl_stream_of(packed->path, packed->at, packed->size, e), packed->path, out, e);
}

/* Nobody writes into an array that is marked as mapped; others are memory of ours. */
bool dl_bytes_array(const DlBytes *b, size_t offset, DlArray *a) {
    unsigned char *at = (unsigned char *)(uintptr_t)b->at + offset;
    if ((uintptr_t)at % dl_type_size(a->type) != 0) return false;
    a->at = at;
    a->mapped = b->mapped;
    a->paged = b->paged;
    return true;
}
