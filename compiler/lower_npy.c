/* lower_npy.c - load("x.npy"): a constant tensor from a file in NumPy's format, found beside
 * the program. Little-endian f4, f8, i4, i8, u1 in C order; integers must fit into 32 bits
 * and become i32, the rest f32. Anything else is refused with the reason. */
#include "lower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Npy {
    const char *path;
    const unsigned char *at, *end; /* the file's bytes not yet read */
    char descr[8];
    Shape shape;
    int64_t elements;
    Span span;
    Lower *L;
} Npy;

static bool refuse(const Npy *f, const char *why) {
    lower_error(f->L, f->span, "%s: %s", f->path, why);
    return false;
}

/* The value of a key of the header's dictionary, or NULL. */
static const char *header_value(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':') at++;
    return at;
}

static bool read_shape(Npy *f, const char *at) {
    f->elements = 1;
    if (*at++ != '(') return refuse(f, "the header's shape is not a tuple");
    while (*at && *at != ')') {
        char *end;
        long long dim = strtoll(at, &end, 10);
        if (end == at || dim < 1 || dim > INT32_MAX || f->elements > INT32_MAX / dim)
            return refuse(f, "a size in the header is not between 1 and 2^31 - 1");
        if (f->shape.rank == MAX_RANK) return refuse(f, "the tensor has too many axes");
        f->shape.dim[f->shape.rank++] = dim;
        f->elements *= dim;
        at = end;
        while (*at == ',' || *at == ' ') at++;
    }
    return *at == ')' || refuse(f, "the header is cut short");
}

static bool read_header(Lower *L, Npy *f) {
    if (f->end - f->at < 12 || memcmp(f->at, "\x93NUMPY", 6) != 0)
        return refuse(f, "this is not a .npy file");
    bool wide = f->at[6] >= 2;
    size_t length = (size_t)f->at[8] | (size_t)f->at[9] << 8;
    if (wide) length |= (size_t)f->at[10] << 16 | (size_t)f->at[11] << 24;
    f->at += wide ? 12 : 10;
    if ((size_t)(f->end - f->at) < length) return refuse(f, "the header is cut short");
    char *header = arena_alloc(L->arena, length + 1);
    memcpy(header, f->at, length);
    f->at += length;
    const char *descr = header_value(header, "'descr'"),
               *order = header_value(header, "'fortran_order'");
    const char *shape = header_value(header, "'shape'");
    if (!descr || !order || !shape)
        return refuse(f, "the header lacks descr, fortran_order or shape");
    if (strncmp(order, "False", 5) != 0)
        return refuse(f, "the array is in Fortran order; save it in C order");
    for (size_t k = 0; k + 1 < sizeof f->descr && descr[k + 1] && descr[k + 1] != '\''; k++)
        f->descr[k] = descr[k + 1];
    return read_shape(f, shape);
}

static double f4(const unsigned char *p) {
    float v;
    memcpy(&v, p, 4);
    return v;
}
static double f8(const unsigned char *p) {
    double v;
    memcpy(&v, p, 8);
    return (float)v;
}
static double i4(const unsigned char *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}
static double i8(const unsigned char *p) {
    int64_t v;
    memcpy(&v, p, 8);
    return (double)v;
}
static double u1(const unsigned char *p) {
    return *p;
}

static bool read_data(Lower *L, Npy *f, double **out) {
    static const struct {
        const char *descr;
        size_t size;
        DType type;
        double (*get)(const unsigned char *);
    } kind[] = {
            {"<f4", 4, T_F32, f4},
            {"<f8", 8, T_F32, f8},
            {"<i4", 4, T_I32, i4},
            {"<i8", 8, T_I32, i8},
            {"|u1", 1, T_I32, u1},
    };
    size_t k = 0, kinds = sizeof kind / sizeof *kind;
    while (k < kinds && strcmp(kind[k].descr, f->descr) != 0) k++;
    if (k == kinds) return refuse(f, "the elements' type is none of <f4, <f8, <i4, <i8, |u1");
    if ((size_t)(f->end - f->at) != (size_t)f->elements * kind[k].size)
        return refuse(f, "the file's size does not fit the shape in its header");
    f->shape.dtype = kind[k].type;
    *out = NEW_ARRAY(L->arena, double, f->elements);
    for (int64_t i = 0; i < f->elements; i++) {
        (*out)[i] = kind[k].get(f->at + (size_t)i * kind[k].size);
        if (kind[k].type == T_I32 && ((*out)[i] < INT32_MIN || (*out)[i] > INT32_MAX))
            return refuse(f, "an integer does not fit into 32 bits");
    }
    return true;
}

/* Beside the program that names it, unless the name is absolute. */
static const char *beside(Lower *L, const char *file, Span at) {
    const char *slash = at.src ? strrchr(at.src->path, '/') : NULL;
    if (*file == '/' || !slash) return file;
    return arena_printf(L->arena, "%.*s/%s", (int)(slash - at.src->path), at.src->path, file);
}

/* The whole file's bytes; NULL with a message. */
static unsigned char *read_bytes(Lower *L, const Npy *f, const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        lower_error(L, f->span, "cannot read %s: %s", f->path, strerror(errno));
        return NULL;
    }
    unsigned char *bytes = NULL;
    bool ok = fseek(file, 0, SEEK_END) == 0;
    long n = ok ? ftell(file) : -1;
    ok = n >= 0 && fseek(file, 0, SEEK_SET) == 0;
    if (ok) bytes = arena_alloc(L->arena, (size_t)n + 1);
    ok = ok && fread(bytes, 1, (size_t)n, file) == (size_t)n;
    fclose(file);
    *size = ok ? (size_t)n : 0;
    if (!ok) refuse(f, "the file cannot be read");
    return ok ? bytes : NULL;
}

Value load_npy(Lower *L, const char *file, Span at) {
    Npy f = {.path = file, .span = at, .L = L};
    double *data;
    size_t size;
    const char *path = beside(L, file, at);
    f.at = read_bytes(L, &f, path, &size);
    if (!f.at) return value_poison();
    f.end = f.at + size;
    vec_push(L->arena, &L->model->loaded, path);
    if (!read_header(L, &f) || !read_data(L, &f, &data)) return value_poison();
    Shape *s = &f.shape;
    return value_node(node_data(L->graph, s->dtype, s->rank, s->dim, data, at));
}
