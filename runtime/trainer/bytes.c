/* bytes.c - a whole file in memory, decompressed when it is gzip or xz. What the file is
 * follows from its first bytes. A file that is cut short or damaged is a message, never
 * a short result. */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "reader.h"

/* More than this after decompression is taken for a mistake (or an attack), not for data. */
#define MOST_BYTES ((size_t)1 << 35)

typedef struct Buffer {
    unsigned char *at;
    size_t size, capacity;
} Buffer;

/* Makes room for one more chunk; false: out of memory or more than a file may hold. */
static bool grow(Buffer *b, const char *path, DlError *e) {
    if (b->capacity >= MOST_BYTES)
        return dl_fail(e, "%s: holds more than %zu bytes; split it", path, MOST_BYTES);
    size_t capacity = b->capacity ? 2 * b->capacity : (size_t)1 << 20;
    unsigned char *at = realloc(b->at, capacity);
    if (!at) return dl_fail(e, "%s: out of memory after %zu bytes", path, b->size);
    b->at = at;
    b->capacity = capacity;
    return true;
}

static bool read_plain(FILE *f, const char *path, Buffer *b, DlError *e) {
    struct stat st;
    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
        return dl_fail(e, "%s: is a folder, and a file is needed", path);
    for (;;) {
        if (b->size == b->capacity && !grow(b, path, e)) return false;
        size_t n = fread(b->at + b->size, 1, b->capacity - b->size, f);
        if (n == 0) break;
        b->size += n;
    }
    return !ferror(f) || dl_fail(e, "%s: cannot be read: %s", path, strerror(errno));
}

static bool damaged(
        const char *path, const char *kind, bool cut, size_t at, size_t size, DlError *e) {
    if (cut)
        return dl_fail(e, "%s: the %s data are cut short after %zu bytes; fetch the file again",
                path, kind, size);
    return dl_fail(e, "%s: the %s data are damaged near byte %zu of %zu; fetch the file again",
            path, kind, at, size);
}

/* zlib counts in 32 bits: input and output go through in pieces of at most 1 GiB. */
static uInt piece(size_t n) {
    return n > ((size_t)1 << 30) ? (uInt)1 << 30 : (uInt)n;
}

static bool inflate_all(z_stream *z, const Buffer *in, const char *path, Buffer *out, DlError *e) {
    size_t taken = 0;
    for (;;) {
        if (out->size == out->capacity && !grow(out, path, e)) return false;
        z->next_in = in->at + taken;
        z->avail_in = piece(in->size - taken);
        z->next_out = out->at + out->size;
        z->avail_out = piece(out->capacity - out->size);
        int status = inflate(z, Z_NO_FLUSH);
        size_t used = (size_t)(z->next_in - (in->at + taken));
        size_t made = (size_t)(z->next_out - (out->at + out->size));
        taken += used;
        out->size += made;
        if (status == Z_STREAM_END) {
            if (taken == in->size) return true;
            if (inflateReset(z) != Z_OK) /* the next member of the file */
                return damaged(path, "gzip", false, taken, in->size, e);
        } else if (status == Z_MEM_ERROR) {
            return dl_fail(e, "%s: out of memory after %zu bytes", path, out->size);
        } else if (status != Z_OK || (used == 0 && made == 0)) {
            return damaged(
                    path, "gzip", status == Z_BUF_ERROR || status == Z_OK, taken, in->size, e);
        }
    }
}

static bool unpack_gzip(const Buffer *in, const char *path, Buffer *out, DlError *e) {
    z_stream z;
    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return dl_fail(e, "%s: out of memory for decompression", path);
    bool ok = inflate_all(&z, in, path, out, e);
    inflateEnd(&z);
    return ok;
}

static bool decode_all(
        lzma_stream *x, const Buffer *in, const char *path, Buffer *out, DlError *e) {
    x->next_in = in->at;
    x->avail_in = in->size;
    for (;;) {
        if (out->size == out->capacity && !grow(out, path, e)) return false;
        x->next_out = out->at + out->size;
        x->avail_out = out->capacity - out->size;
        lzma_ret status = lzma_code(x, LZMA_FINISH);
        out->size = (size_t)(x->next_out - out->at);
        if (status == LZMA_STREAM_END) return true;
        if (status == LZMA_MEM_ERROR || status == LZMA_MEMLIMIT_ERROR)
            return dl_fail(e, "%s: decompressing needs too much memory", path);
        if (status != LZMA_OK)
            return damaged(path, "xz", status == LZMA_BUF_ERROR, (size_t)x->total_in, in->size, e);
    }
}

static bool unpack_xz(const Buffer *in, const char *path, Buffer *out, DlError *e) {
    lzma_stream x = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&x, (uint64_t)1 << 30, LZMA_CONCATENATED) != LZMA_OK)
        return dl_fail(e, "%s: out of memory for decompression", path);
    bool ok = decode_all(&x, in, path, out, e);
    lzma_end(&x);
    return ok;
}

static bool unpack(const Buffer *in, const char *path, Buffer *out, DlError *e) {
    if (in->size >= 2 && in->at[0] == 0x1f && in->at[1] == 0x8b)
        return unpack_gzip(in, path, out, e);
    return unpack_xz(in, path, out, e);
}

static bool is_packed(const Buffer *b) {
    static const unsigned char xz[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return (b->size >= 2 && b->at[0] == 0x1f && b->at[1] == 0x8b) ||
           (b->size >= sizeof xz && memcmp(b->at, xz, sizeof xz) == 0);
}

static bool read_and_unpack(FILE *f, const char *path, Buffer *b, DlError *e) {
    if (!read_plain(f, path, b, e)) return false;
    if (!is_packed(b)) return true;
    Buffer plain = {0};
    bool ok = unpack(b, path, &plain, e);
    free(b->at);
    *b = plain;
    return ok;
}

bool dl_bytes_read(DlPool *p, const char *path, DlBytes *out, DlError *e) {
    FILE *f = fopen(path, "rb");
    if (!f) return dl_fail(e, "%s: cannot be opened: %s", path, strerror(errno));
    Buffer b = {0};
    bool ok = read_and_unpack(f, path, &b, e);
    fclose(f);
    unsigned char *at = ok ? realloc(b.at, b.size + 1) : NULL;
    if (!at) {
        free(b.at);
        return dl_fail(e, "%s: out of memory after %zu bytes", path, b.size);
    }
    at[b.size] = '\0';
    if (!dl_pool_adopt(p, at, e)) return false;
    *out = (DlBytes){.path = dl_pool_text(p, path, strlen(path), e), .at = at, .size = b.size};
    return out->path != NULL;
}
