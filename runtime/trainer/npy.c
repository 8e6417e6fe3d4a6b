/* npy.c - NumPy's .npy files: a magic string, a version, the length of a header, the header
 * (a Python dictionary of three entries, as NumPy writes it), the values. Read strictly:
 * what is not exactly such a file is refused. Booleans and small integers are widened. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

typedef struct NpyType {
    const char *code;
    int size;
    bool sign;
    dl_type type;
} NpyType;

static const NpyType npy_types[] = {
        {"<f4", 4, false, DL_F32},
        {"<f8", 8, false, DL_F64},
        {"|u1", 1, false, DL_U8},
        {"|b1", 1, false, DL_U8},
        {"|i1", 1, true, DL_I32},
        {"<i2", 2, true, DL_I32},
        {"<u2", 2, false, DL_I32},
        {"<i4", 4, true, DL_I32},
        {"<u4", 4, false, DL_I64},
        {"<i8", 8, true, DL_I64},
};

typedef struct NpyHeader {
    const NpyType *type;
    int rank;
    int64_t shape[DL_RANK + 1];
    size_t at; /* where the values begin */
} NpyHeader;

/* Steps over blanks and then `text`; false when something else stands there. */
static bool take(const char **p, const char *text) {
    while (**p == ' ') ++*p;
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0) return false;
    *p += n;
    return true;
}

static bool take_type(const char **p, const char *path, NpyHeader *h, DlError *e) {
    char code[16];
    const char *stop = take(p, "'") ? strchr(*p, '\'') : NULL;
    if (!stop || stop - *p >= (ptrdiff_t)sizeof code)
        return dl_fail(
                e, "%s: its header does not name one element type; store a plain array", path);
    memcpy(code, *p, (size_t)(stop - *p));
    code[stop - *p] = '\0';
    *p = stop + 1;
    for (size_t i = 0; i < sizeof npy_types / sizeof *npy_types; i++)
        if (strcmp(npy_types[i].code, code) == 0) {
            h->type = &npy_types[i];
            return true;
        }
    return dl_fail(e,
            "%s: holds elements of type '%s'; store it as float32, int32 or uint8 "
            "(x.astype('float32'))",
            path, code);
}

static bool take_shape(const char **p, const char *path, NpyHeader *h, DlError *e) {
    if (!take(p, "(")) return dl_fail(e, "%s: the shape in its header cannot be read", path);
    while (!take(p, ")")) {
        char *end;
        errno = 0;
        long long n = strtoll(*p, &end, 10);
        if (end == *p || n < 0 || errno != 0)
            return dl_fail(e, "%s: the shape in its header cannot be read", path);
        if (h->rank > DL_RANK) return dl_fail(e, "%s: has more than %d axes", path, DL_RANK + 1);
        h->shape[h->rank++] = n;
        *p = end;
        if (!take(p, ",") && (take(p, " "), **p != ')'))
            return dl_fail(e, "%s: the shape in its header cannot be read", path);
    }
    return true;
}

static bool take_order(const char **p, const char *path, DlError *e) {
    if (take(p, "False")) return true;
    if (take(p, "True"))
        return dl_fail(e,
                "%s: is stored column by column; store it row by row "
                "(numpy.ascontiguousarray)",
                path);
    return dl_fail(e, "%s: its header cannot be read", path);
}

static bool read_dictionary(const char *p, const char *path, NpyHeader *h, DlError *e) {
    int seen = 0;
    if (!take(&p, "{")) return dl_fail(e, "%s: its header cannot be read", path);
    while (!take(&p, "}")) {
        bool ok = false;
        if (take(&p, "'descr':"))
            ok = take_type(&p, path, h, e), seen |= 1;
        else if (take(&p, "'fortran_order':"))
            ok = take_order(&p, path, e), seen |= 2;
        else if (take(&p, "'shape':"))
            h->rank = 0, ok = take_shape(&p, path, h, e), seen |= 4;
        if (!ok) return dl_fail(e, "%s: its header cannot be read", path);
        if (!take(&p, ",") && (take(&p, " "), *p != '}'))
            return dl_fail(e, "%s: its header cannot be read", path);
    }
    return seen == 7 || dl_fail(e, "%s: its header lacks descr, fortran_order or shape", path);
}

static bool read_header(DlPool *pool, const DlBytes *b, NpyHeader *h, DlError *e) {
    if (b->size < 12 || memcmp(b->at, "\x93NUMPY", 6) != 0)
        return dl_fail(e, "%s: is not a .npy file; numpy.save writes one", b->path);
    int version = b->at[6];
    size_t length = b->at[8] | (size_t)b->at[9] << 8, start = 10;
    if (version >= 2) {
        length |= (size_t)b->at[10] << 16 | (size_t)b->at[11] << 24;
        start = 12;
    }
    if (version < 1 || version > 3 || length > b->size - start)
        return dl_fail(e, "%s: is a .npy file of an unknown version, or is cut short", b->path);
    char *text = dl_pool_text(pool, (const char *)b->at + start, length, e);
    h->at = start + length;
    return text && read_dictionary(text, b->path, h, e);
}

/* Little-endian values; those whose size differs from their type's are widened. */
static void widen(const NpyType *t, const unsigned char *from, unsigned char *to, size_t n) {
    size_t wide = dl_type_size(t->type);
    for (size_t i = 0; i < n; i++, from += t->size, to += wide) {
        uint64_t v = 0;
        for (int k = 0; k < t->size; k++) v |= (uint64_t)from[k] << (8 * k);
        if (t->sign && t->size < 8 && (v >> (8 * t->size - 1) & 1))
            v |= ~(uint64_t)0 << (8 * t->size);
        uint32_t low = (uint32_t)v;
        if (wide == 8)
            memcpy(to, &v, 8);
        else if (wide == 4)
            memcpy(to, &low, 4);
        else
            *to = (unsigned char)v;
    }
}

/* Whether the file has values as they are in memory. */
static bool is_plain(const NpyType *t) {
    static const uint16_t one = 1;
    return t->size == (int)dl_type_size(t->type) &&
           (t->size == 1 || *(const unsigned char *)&one == 1);
}

bool dl_npy_read(DlPool *p, const char *path, DlArray *out, int64_t *rows, DlError *e) {
    DlBytes b;
    return dl_bytes_read(p, path, &b, e) && dl_npy_of(p, &b, out, rows, e);
}

bool dl_npy_of(DlPool *p, const DlBytes *b, DlArray *out, int64_t *rows, DlError *e) {
    NpyHeader h = {0};
    if (!read_header(p, b, &h, e)) return false;
    int64_t each = 1, count, bytes;
    *out = (DlArray){.name = b->path, .type = h.type->type};
    for (int i = 1; i < h.rank; i++) {
        out->shape[out->rank++] = h.shape[i];
        if (!dl_times(each, h.shape[i], &each))
            return dl_fail(e, "%s: the shape in its header is too large", b->path);
    }
    *rows = h.rank > 0 ? h.shape[0] : 1;
    if (!dl_times(each, *rows, &count) || !dl_times(count, h.type->size, &bytes) ||
            (size_t)bytes != b->size - h.at)
        return dl_fail(e,
                "%s: its header announces other than the %zu bytes of values that follow; "
                "the file is cut short or damaged",
                b->path, b->size - h.at);
    out->stride = (size_t)each * dl_type_size(out->type);
    if (is_plain(h.type) && dl_bytes_array(b, h.at, out)) return true;
    out->at = dl_pool_array(p, count, dl_type_size(out->type), e);
    if (!out->at) return false;
    widen(h.type, b->at + h.at, out->at, (size_t)count);
    dl_pool_drop(p, b->at);
    return true;
}

bool dl_array_fix(DlArray *a, int64_t rows, DlError *e) {
    if (a->rank == DL_RANK) return dl_fail(e, "%s: has more than %d axes", a->name, DL_RANK);
    memmove(a->shape + 1, a->shape, (size_t)a->rank * sizeof *a->shape);
    a->shape[0] = rows;
    a->rank++;
    a->stride *= (size_t)rows;
    a->fixed = true;
    return true;
}

static const char *code_of(dl_type t) {
    static const char *const code[] = {[DL_F32] = "<f4",
            [DL_I32] = "<i4",
            [DL_U8] = "|u1",
            [DL_F64] = "<f8",
            [DL_I64] = "<i8"};
    return code[t];
}

/* The header of version 1, padded with blanks to a multiple of 64 bytes. */
static size_t make_header(char *text, size_t size, dl_type type, int rank, const int64_t *shape) {
    int n = snprintf(text + 10, size - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (",
            code_of(type));
    size_t at = 10 + (size_t)n;
    for (int i = 0; i < rank; i++)
        at += (size_t)snprintf(
                text + at, size - at, i == 0 ? "%lld," : " %lld,", (long long)shape[i]);
    if (rank > 1) at--; /* only a single axis keeps its comma */
    at += (size_t)snprintf(text + at, size - at, "), }");
    while ((at + 1) % 64 != 0) text[at++] = ' ';
    text[at++] = '\n';
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)((at - 10) & 0xff);
    text[9] = (char)((at - 10) >> 8);
    return at;
}

bool dl_npy_write(const char *path, dl_type type, int rank, const int64_t *shape, const void *at,
        DlError *e) {
    char header[1024];
    size_t count = 1, n = make_header(header, sizeof header - 64, type, rank, shape);
    for (int i = 0; i < rank; i++) count *= (size_t)shape[i];
    FILE *f = fopen(path, "wb");
    if (!f) return dl_fail(e, "%s: cannot be written: %s", path, strerror(errno));
    bool ok = fwrite(header, 1, n, f) == n && fwrite(at, dl_type_size(type), count, f) == count;
    int why = errno;
    if (fclose(f) != 0 && ok) {
        ok = false;
        why = errno;
    }
    return ok || dl_fail(e, "%s: cannot be written: %s", path, strerror(why));
}
