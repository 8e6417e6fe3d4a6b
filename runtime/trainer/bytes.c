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

/* A file as it comes, a piece at a time: what is packed is never whole in memory beside what
 * becomes of it. */
typedef struct Stream {
    FILE *f;
    const char *path;
    size_t before, n;      /* bytes in front of the piece, and in it */
    unsigned char piece[1 << 16];
} Stream;

/* The next piece; n is 0 at the end of the file. */
static bool next_piece(Stream *s, DlError *e) {
    s->before += s->n;
    s->n = fread(s->piece, 1, sizeof s->piece, s->f);
    return !ferror(s->f) || dl_fail(e, "%s: cannot be read: %s", s->path, strerror(errno));
}

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

static bool read_plain(Stream *s, Buffer *b, DlError *e) {
    while (s->n > 0) {
        while (b->capacity - b->size < s->n)
            if (!grow(b, s->path, e)) return false;
        memcpy(b->at + b->size, s->piece, s->n);
        b->size += s->n;
        if (!next_piece(s, e)) return false;
    }
    return true;
}

static bool cut_short(const Stream *s, const char *kind, DlError *e) {
    return dl_fail(e, "%s: the %s data are cut short after %zu bytes; fetch the file again", s->path,
            kind, s->before + s->n);
}

static bool damaged(const Stream *s, const char *kind, size_t left, DlError *e) {
    return dl_fail(e, "%s: the %s data are damaged near byte %zu; fetch the file again", s->path,
            kind, s->before + s->n - left);
}

static uInt least(size_t n) { /* zlib counts in 32 bits */
    return n > ((size_t)1 << 30) ? (uInt)1 << 30 : (uInt)n;
}

/* One call of the decoder; refilled when it has used up the piece. */
static int inflate_some(z_stream *z, Buffer *out) {
    z->next_out = out->at + out->size;
    z->avail_out = least(out->capacity - out->size);
    int status = inflate(z, Z_NO_FLUSH);
    out->size = (size_t)(z->next_out - out->at);
    return status;
}

static bool inflate_all(z_stream *z, Stream *s, Buffer *out, DlError *e) {
    z->next_in = s->piece;
    z->avail_in = (uInt)s->n;
    for (bool whole = false;;) { /* whole: at the end of a member of the file */
        if (z->avail_in == 0) {
            if (!next_piece(s, e)) return false;
            z->next_in = s->piece;
            z->avail_in = (uInt)s->n;
            if (s->n == 0) return whole || cut_short(s, "gzip", e);
        }
        if (out->size == out->capacity && !grow(out, s->path, e)) return false;
        if (whole && inflateReset(z) != Z_OK) return damaged(s, "gzip", z->avail_in, e);
        int status = inflate_some(z, out);
        whole = status == Z_STREAM_END;
        if (status == Z_MEM_ERROR)
            return dl_fail(e, "%s: out of memory after %zu bytes", s->path, out->size);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return damaged(s, "gzip", z->avail_in, e);
    }
}

static bool unpack_gzip(Stream *s, Buffer *out, DlError *e) {
    z_stream z;
    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return dl_fail(e, "%s: out of memory for decompression", s->path);
    bool ok = inflate_all(&z, s, out, e);
    inflateEnd(&z);
    return ok;
}

static bool decode_all(lzma_stream *x, Stream *s, Buffer *out, DlError *e) {
    x->next_in = s->piece;
    x->avail_in = s->n;
    for (;;) {
        if (x->avail_in == 0 && s->n > 0) {
            if (!next_piece(s, e)) return false;
            x->next_in = s->piece;
            x->avail_in = s->n;
        }
        if (out->size == out->capacity && !grow(out, s->path, e)) return false;
        x->next_out = out->at + out->size;
        x->avail_out = out->capacity - out->size;
        lzma_ret status = lzma_code(x, s->n > 0 ? LZMA_RUN : LZMA_FINISH);
        out->size = (size_t)(x->next_out - out->at);
        if (status == LZMA_STREAM_END) return true;
        if (status == LZMA_MEM_ERROR || status == LZMA_MEMLIMIT_ERROR)
            return dl_fail(e, "%s: decompressing needs too much memory", s->path);
        if (status == LZMA_BUF_ERROR) return cut_short(s, "xz", e);
        if (status != LZMA_OK) return damaged(s, "xz", x->avail_in, e);
    }
}

static bool unpack_xz(Stream *s, Buffer *out, DlError *e) {
    lzma_stream x = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&x, (uint64_t)1 << 30, LZMA_CONCATENATED) != LZMA_OK)
        return dl_fail(e, "%s: out of memory for decompression", s->path);
    bool ok = decode_all(&x, s, out, e);
    lzma_end(&x);
    return ok;
}

static bool read_and_unpack(Stream *s, Buffer *out, DlError *e) {
    static const unsigned char xz[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    struct stat st;
    if (fstat(fileno(s->f), &st) == 0 && S_ISDIR(st.st_mode))
        return dl_fail(e, "%s: is a folder, and a file is needed", s->path);
    if (!next_piece(s, e)) return false;
    if (s->n >= 2 && s->piece[0] == 0x1f && s->piece[1] == 0x8b) return unpack_gzip(s, out, e);
    if (s->n >= sizeof xz && memcmp(s->piece, xz, sizeof xz) == 0) return unpack_xz(s, out, e);
    return read_plain(s, out, e);
}

bool dl_bytes_read(DlPool *p, const char *path, DlBytes *out, DlError *e) {
    Stream s = {.f = fopen(path, "rb"), .path = path};
    if (!s.f) return dl_fail(e, "%s: cannot be opened: %s", path, strerror(errno));
    Buffer b = {0};
    bool ok = read_and_unpack(&s, &b, e);
    fclose(s.f);
    unsigned char *at = ok ? realloc(b.at, b.size + 1) : NULL;
    if (!at) {
        free(b.at);
        return ok ? dl_fail(e, "%s: out of memory after %zu bytes", path, b.size) : false;
    }
    at[b.size] = '\0';
    if (!dl_pool_adopt(p, at, e)) return false;
    *out = (DlBytes){.path = dl_pool_text(p, path, strlen(path), e), .at = at, .size = b.size};
    return out->path != NULL;
}
