/* stream.c - the bytes of a file in their order, unpacked when they are gzip, xz or zstd, which
 * follows from the first of them and not from the name. What is packed is never whole in memory:
 * a piece is read, and what comes of it handed on.
 *
 * Invariant: a file that is cut short or damaged is a message and never a short result; all three
 * formats carry checksums, which their libraries compare. */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "reader.h"

/* What a decoder may ask for as its window, whatever the file says: 1 GiB. */
enum { WINDOW_LOG = 30 };

typedef enum Step { MADE, MEMBER_END, DAMAGED, NO_MEMORY } Step;

typedef struct Packing {
    const char *name;
    size_t length; /* of the bytes that it begins with */
    unsigned char magic[6];
    bool (*open)(DlStream *s);
    /* Takes of the piece, puts at most `room` bytes; MEMBER_END: there is nothing to come, unless
     * another member begins behind. */
    Step (*decode)(DlStream *s, unsigned char *to, size_t room, size_t *made);
    void (*close)(DlStream *s);
} Packing;

struct DlStream {
    const char *path;
    FILE *f;                     /* or else */
    const unsigned char *memory; /* `left` bytes that are not in the piece yet */
    size_t left;
    size_t before, n, used; /* bytes in front of the piece, in it, and of it taken */
    bool over;              /* nothing comes after the piece */
    bool whole;             /* what was unpacked is complete, should the file end here */
    bool ended;             /* all has been handed out */
    const Packing *packing; /* NULL: plain */
    union {
        z_stream z;
        lzma_stream x;
        ZSTD_DStream *d;
    } decoder;
    unsigned char piece[1 << 16];
};

static bool next_piece(DlStream *s, DlError *e) {
    s->before += s->n;
    s->used = 0;
    if (s->f) {
        s->n = fread(s->piece, 1, sizeof s->piece, s->f);
    } else {
        s->n = s->left < sizeof s->piece ? s->left : sizeof s->piece;
        if (s->n > 0) memcpy(s->piece, s->memory, s->n);
        s->memory += s->n;
        s->left -= s->n;
    }
    s->over = s->n == 0;
    return !s->f || !ferror(s->f) ||
           dl_fail(e, "%s: cannot be read: %s", s->path, strerror(errno));
}

/* ---- the formats ---------------------------------------------------------------------- */

static bool open_gzip(DlStream *s) {
    return inflateInit2(&s->decoder.z, 16 + MAX_WBITS) == Z_OK;
}

static uInt least(size_t n) { /* zlib counts in 32 bits */
    return n > ((size_t)1 << 30) ? (uInt)1 << 30 : (uInt)n;
}

static Step decode_gzip(DlStream *s, unsigned char *to, size_t room, size_t *made) {
    z_stream *z = &s->decoder.z;
    if (s->whole && inflateReset(z) != Z_OK) return DAMAGED;
    z->next_in = s->piece + s->used;
    z->avail_in = (uInt)(s->n - s->used);
    z->next_out = to;
    z->avail_out = least(room);
    int status = inflate(z, Z_NO_FLUSH);
    s->used = s->n - z->avail_in;
    *made = (size_t)(z->next_out - to);
    if (status == Z_STREAM_END) return MEMBER_END;
    if (status == Z_MEM_ERROR) return NO_MEMORY;
    return status == Z_OK || status == Z_BUF_ERROR ? MADE : DAMAGED;
}

static void close_gzip(DlStream *s) {
    inflateEnd(&s->decoder.z);
}

static bool open_xz(DlStream *s) {
    s->decoder.x = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&s->decoder.x, (uint64_t)1 << WINDOW_LOG, LZMA_CONCATENATED) ==
           LZMA_OK;
}

static Step decode_xz(DlStream *s, unsigned char *to, size_t room, size_t *made) {
    lzma_stream *x = &s->decoder.x;
    x->next_in = s->piece + s->used;
    x->avail_in = s->n - s->used;
    x->next_out = to;
    x->avail_out = room;
    lzma_ret status = lzma_code(x, s->over ? LZMA_FINISH : LZMA_RUN);
    s->used = s->n - x->avail_in;
    *made = (size_t)(x->next_out - to);
    if (status == LZMA_STREAM_END) return MEMBER_END;
    if (status == LZMA_MEM_ERROR || status == LZMA_MEMLIMIT_ERROR) return NO_MEMORY;
    return status == LZMA_OK || status == LZMA_BUF_ERROR ? MADE : DAMAGED;
}

static void close_xz(DlStream *s) {
    lzma_end(&s->decoder.x);
}

static bool open_zstd(DlStream *s) {
    s->decoder.d = ZSTD_createDStream();
    return s->decoder.d && !ZSTD_isError(ZSTD_DCtx_setParameter(s->decoder.d, ZSTD_d_windowLogMax,
                                   WINDOW_LOG));
}

static Step decode_zstd(DlStream *s, unsigned char *to, size_t room, size_t *made) {
    ZSTD_inBuffer in = {s->piece, s->n, s->used};
    ZSTD_outBuffer out = {to, room, 0};
    size_t more = ZSTD_decompressStream(s->decoder.d, &out, &in);
    s->used = in.pos;
    *made = out.pos;
    if (ZSTD_isError(more))
        return strstr(ZSTD_getErrorName(more), "memory") ? NO_MEMORY : DAMAGED;
    return more == 0 ? MEMBER_END : MADE;
}

static void close_zstd(DlStream *s) {
    ZSTD_freeDStream(s->decoder.d);
}

static const Packing packings[] = {
        {"gzip", 2, {0x1f, 0x8b}, open_gzip, decode_gzip, close_gzip},
        {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, open_xz, decode_xz, close_xz},
        {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, open_zstd, decode_zstd, close_zstd},
};

static const Packing *packing_of(const unsigned char *at, size_t n) {
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
        if (n >= packings[i].length && memcmp(at, packings[i].magic, packings[i].length) == 0)
            return &packings[i];
    return NULL;
}

bool dl_stream_is_packed(const void *at, size_t n) {
    return packing_of(at, n) != NULL;
}

/* ---- reading -------------------------------------------------------------------------- */

static bool begin(DlStream *s, DlError *e) {
    if (!next_piece(s, e)) return false;
    s->packing = packing_of(s->piece, s->n);
    if (!s->packing || s->packing->open(s)) return true;
    return dl_fail(e, "%s: out of memory for decompression", s->path);
}

static DlStream *start(DlStream *s, DlError *e) {
    if (begin(s, e)) return s;
    dl_stream_close(s);
    return NULL;
}

DlStream *dl_stream_open(const char *path, DlError *e) {
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f) {
        dl_error(e, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    bool folder = fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode);
    DlStream *s = folder ? NULL : calloc(1, sizeof *s);
    if (!s) {
        dl_error(e, folder ? "%s: is a folder, and a file is needed" : "%s: out of memory", path);
        fclose(f);
        return NULL;
    }
    s->path = path;
    s->f = f;
    return start(s, e);
}

DlStream *dl_stream_of(const char *name, const void *memory, size_t size, DlError *e) {
    DlStream *s = calloc(1, sizeof *s);
    if (!s) {
        dl_error(e, "%s: out of memory", name);
        return NULL;
    }
    s->path = name;
    s->memory = memory;
    s->left = size;
    return start(s, e);
}

void dl_stream_close(DlStream *s) {
    if (!s) return;
    if (s->packing) s->packing->close(s);
    if (s->f) fclose(s->f);
    free(s);
}

FILE *dl_stream_plain(DlStream *s) {
    return s->packing || s->before > 0 || s->used > 0 ? NULL : s->f;
}

static bool check_step(const DlStream *s, Step step, size_t made, DlError *e) {
    const char *kind = s->packing->name;
    if (step == NO_MEMORY)
        return dl_fail(e, "%s: decompressing needs too much memory", s->path);
    if (step == DAMAGED)
        return dl_fail(e, "%s: the %s data are damaged near byte %zu; fetch the file again",
                s->path, kind, s->before + s->used);
    if (s->over && made == 0 && !s->whole)
        return dl_fail(e, "%s: the %s data are cut short after %zu bytes; fetch the file again",
                s->path, kind, s->before);
    return true;
}

/* Some bytes of what is packed. */
static bool unpack(DlStream *s, unsigned char *to, size_t room, size_t *made, DlError *e) {
    if (s->over && s->whole) {
        s->ended = true;
        return true;
    }
    Step step = s->packing->decode(s, to, room, made);
    s->whole = step == MEMBER_END;
    return check_step(s, step, *made, e);
}

static size_t take(DlStream *s, unsigned char *to, size_t room) {
    size_t n = s->n - s->used < room ? s->n - s->used : room;
    memcpy(to, s->piece + s->used, n);
    s->used += n;
    s->ended = s->over;
    return n;
}

bool dl_stream_read(DlStream *s, void *to, size_t n, size_t *got, DlError *e) {
    *got = 0;
    while (*got < n && !s->ended) {
        unsigned char *at = (unsigned char *)to + *got;
        size_t made = 0;
        if (s->used == s->n && !s->over && !next_piece(s, e)) return false;
        if (!s->packing)
            made = take(s, at, n - *got);
        else if (!unpack(s, at, n - *got, &made, e))
            return false;
        *got += made;
    }
    return true;
}
