/* data_records.c - a file of records that are all alike, as programs write structures: numbers one
 * after the other, least byte first, nothing between them.
 *
 *     data records("frames.bin", layout: "angle: f32, frame: u8[32, 80, 3] planar", header: 16)
 *
 * The layout lists the fields of a record in their order; the model's inputs and targets are the
 * fields of their names, and the others are passed over. Sizes are as the model sees them; a planar
 * field is stored as planes, its last axis first. The file comes as a stream, one record at a time,
 * so that it may be packed and larger than memory. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"
#include "image.h"
#include "near.h"

enum { FIELDS = 64, NAME = 64 };

/* A type of the file, and the one that its values are kept in. */
typedef struct Kind {
    const char *name;
    size_t size; /* bytes in the file */
    dl_type kept;
} Kind;

static const Kind kinds[] = {
        {"u8", 1, DL_U8},
        {"i16", 2, DL_I32},
        {"u16", 2, DL_I32},
        {"i32", 4, DL_I32},
        {"i64", 8, DL_I64},
        {"f32", 4, DL_F32},
        {"f64", 8, DL_F64},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct Field {
    char name[NAME];
    const Kind *kind;
    int rank;
    int64_t shape[DL_RANK];
    int64_t count; /* of numbers */
    bool planar;
    int64_t at;    /* in the record */
    int array;     /* which of the model's arrays it is; -1: none */
} Field;

typedef struct Records {
    DlReading *r;
    Field field[FIELDS];
    int nfield;
    int64_t size; /* of a record, in bytes */
    int64_t rows, room;
    unsigned char **at; /* of each of the model's arrays */
} Records;

/* ---- the layout ------------------------------------------------------------------------ */

typedef struct Text {
    const char *all, *at;
} Text;

static const char usage[] = "\"angle: f32, frame: u8[32, 80, 3] planar\"";

static bool misread(const DlReading *r, const Text *t, const char *expected) {
    return dl_fail(r->error,
            "data records: layout: \"%s\" has no %s at \"%.16s\"; it is written %s", t->all, expected, t->at, usage);
}

static void skip_blanks(Text *t) {
    while (isspace((unsigned char)*t->at)) t->at++;
}

static bool take(Text *t, char c) {
    skip_blanks(t);
    if (*t->at != c) return false;
    t->at++;
    return true;
}

static bool take_word(Text *t, char *word) {
    size_t n = 0;
    skip_blanks(t);
    while ((isalnum((unsigned char)t->at[n]) || t->at[n] == '_') && n + 1 < NAME) n++;
    memcpy(word, t->at, n);
    word[n] = '\0';
    t->at += n;
    return n > 0;
}

static const Kind *kind_named(const char *name) {
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    return NULL;
}

static bool read_kind(const DlReading *r, Text *t, Field *f) {
    char word[NAME];
    if (!take_word(t, word)) return misread(r, t, "type");
    f->kind = kind_named(word);
    if (f->kind) return true;
    return dl_fail(r->error,
            "data records: layout: %s has the type '%s'; the types are u8, i16, u16, i32, i64, f32 "
            "and f64",
            f->name, word);
}

static bool read_sizes(const DlReading *r, Text *t, Field *f) {
    f->count = 1;
    if (!take(t, '[')) return true;
    do {
        skip_blanks(t);
        char *end;
        long long n = isdigit((unsigned char)*t->at) ? strtoll(t->at, &end, 10) : 0;
        if (n < 1) return misread(r, t, "size");
        if (f->rank == DL_RANK || !dl_times(f->count, n, &f->count))
            return dl_fail(r->error, "data records: layout: %s is too large", f->name);
        f->shape[f->rank++] = n;
        t->at = end;
    } while (take(t, ','));
    return take(t, ']') || misread(r, t, "closing ]");
}

static bool read_field(Records *s, Text *t) {
    Field *f = &s->field[s->nfield];
    char word[NAME];
    int64_t bytes;
    *f = (Field){.array = -1, .at = s->size};
    if (!take_word(t, f->name)) return misread(s->r, t, "name");
    if (!take(t, ':')) return misread(s->r, t, "colon and type");
    if (!read_kind(s->r, t, f) || !read_sizes(s->r, t, f)) return false;
    if (take_word(t, word)) {
        f->planar = strcmp(word, "planar") == 0 && f->rank >= 2;
        if (!f->planar)
            return dl_fail(s->r->error,
                    "data records: layout: %s is '%s'; what may stand there is planar, of a field "
                    "with two axes or more",
                    f->name, word);
    }
    for (int i = 0; i < s->nfield; i++)
        if (strcmp(s->field[i].name, f->name) == 0)
            return dl_fail(s->r->error, "data records: layout: %s is there twice", f->name);
    if (!dl_times(f->count, (int64_t)f->kind->size, &bytes) || bytes > INT32_MAX - s->size)
        return dl_fail(s->r->error, "data records: layout: %s is too large", f->name);
    s->size += bytes;
    s->nfield++;
    return true;
}

static bool read_layout(Records *s) {
    const char *layout = dl_arg(s->r, "layout");
    if (!layout)
        return dl_fail(s->r->error, "data records: has no layout; write layout: %s", usage);
    Text t = {layout, layout};
    do {
        if (s->nfield == FIELDS)
            return dl_fail(s->r->error, "data records: layout: more than %d fields", FIELDS);
        if (!read_field(s, &t)) return false;
    } while (take(&t, ','));
    skip_blanks(&t);
    return *t.at == '\0' || misread(s->r, &t, "comma");
}

/* ---- which fields are wanted ------------------------------------------------------------- */

static bool no_such_field(const Records *s, const char *name) {
    char hint[96];
    DlNear near = dl_near(name);
    for (int i = 0; i < s->nfield; i++)
        dl_near_offer(&near, s->field[i].name, strlen(s->field[i].name));
    dl_near_hint(&near, hint, sizeof hint);
    return dl_fail(s->r->error,
            "data records: the layout has no field '%s', which the model wants%s", name,
            hint[0] ? hint : "; fields have the names of inputs and targets");
}

static bool match_fields(Records *s) {
    const dl_model *m = s->r->request->table;
    for (int k = 0; k < m->ninput + m->ntarget; k++) {
        int i = 0;
        while (i < s->nfield && strcmp(s->field[i].name, m->input[k].name) != 0) i++;
        if (i == s->nfield) return no_such_field(s, m->input[k].name);
        if (m->input[k].rank == 0 || m->input[k].shape[0] >= 0)
            return dl_fail(s->r->error,
                    "data records: '%s' is the same for all rows (it has no batch axis), and "
                    "records give a value for each row",
                    m->input[k].name);
        s->field[i].array = k;
    }
    return true;
}

/* ---- values ------------------------------------------------------------------------------ */

static uint64_t number_at(const unsigned char *p, size_t size) {
    uint64_t v = 0;
    for (size_t i = size; i-- > 0;) v = v << 8 | p[i];
    return v;
}

/* One number of the file as it is kept. */
static void keep_number(const Kind *k, const unsigned char *from, unsigned char *to) {
    if (k->size == 1) {
        *to = *from;
        return;
    }
    uint64_t v = number_at(from, k->size);
    if (k->size == 8) {
        memcpy(to, &v, 8);
        return;
    }
    uint32_t low = (uint32_t)v;
    if (k->name[0] == 'i' && k->size == 2 && low >= 0x8000) low |= 0xffff0000u;
    memcpy(to, &low, 4);
}

/* A planar field has its last axis first: number i of plane c is number i * planes + c here. */
static void keep_field(const Field *f, const unsigned char *record, unsigned char *row) {
    const size_t size = dl_type_size(f->kind->kept);
    const unsigned char *from = record + f->at;
    const int64_t planes = f->planar ? f->shape[f->rank - 1] : 1, plane = f->count / planes;
    for (int64_t c = 0; c < planes; c++)
        for (int64_t i = 0; i < plane; i++, from += f->kind->size)
            keep_number(f->kind, from, row + (size_t)(i * planes + c) * size);
}

static size_t row_size(const Field *f) {
    return (size_t)f->count * dl_type_size(f->kind->kept);
}

static bool set_room(Records *s, int64_t room) {
    for (int i = 0; i < s->nfield; i++) {
        const Field *f = &s->field[i];
        int64_t bytes;
        if (f->array < 0) continue;
        if (!dl_times(room, (int64_t)row_size(f), &bytes))
            return dl_fail(s->r->error, "data records: %s has too many rows", f->name);
        void *at = dl_pool_resize(s->r->data->pool, s->at[f->array], (size_t)bytes, s->r->error);
        if (!at) return false;
        s->at[f->array] = at;
    }
    s->room = room;
    return true;
}

static bool add_record(Records *s, const unsigned char *record) {
    if (s->rows == s->room && !set_room(s, s->room ? 2 * s->room : 256)) return false;
    for (int i = 0; i < s->nfield; i++) {
        const Field *f = &s->field[i];
        if (f->array >= 0)
            keep_field(f, record, s->at[f->array] + (size_t)s->rows * row_size(f));
    }
    s->rows++;
    return true;
}

/* ---- the file ----------------------------------------------------------------------------- */

static bool skip_header(const DlReading *r, DlStream *file, const char *path, int64_t header) {
    unsigned char part[4096];
    size_t got;
    for (int64_t left = header; left > 0; left -= (int64_t)got) {
        size_t n = left < (int64_t)sizeof part ? (size_t)left : sizeof part;
        if (!dl_stream_read(file, part, n, &got, r->error)) return false;
        if (got < n)
            return dl_fail(r->error, "%s: ends within its header of %lld bytes", path,
                    (long long)header);
    }
    return true;
}

static bool read_records(Records *s, DlStream *file, const char *path, unsigned char *record) {
    for (size_t got;;) {
        if (!dl_stream_read(file, record, (size_t)s->size, &got, s->r->error)) return false;
        if (got == 0 && s->rows > 0) return true;
        if (got < (size_t)s->size)
            return dl_fail(s->r->error,
                    "%s: record %lld has %zu bytes of the %lld that the layout says; the file is "
                    "cut off, or its layout or header is another one",
                    path, (long long)s->rows, got, (long long)s->size);
        if (!add_record(s, record)) return false;
    }
}

static bool read_file(Records *s, const char *path) {
    int64_t header;
    if (!dl_arg_integer(s->r, "header", 0, 0, INT32_MAX, &header)) return false;
    unsigned char *record = dl_pool_array(s->r->data->pool, s->size, 1, s->r->error);
    DlStream *file = record ? dl_stream_open(path, s->r->error) : NULL;
    bool ok = file && skip_header(s->r, file, path, header) && read_records(s, file, path, record);
    dl_stream_close(file);
    if (record) dl_pool_drop(s->r->data->pool, record);
    return ok;
}

static bool make_arrays(Records *s, DlSplit *out) {
    out->rows = s->rows;
    if (!set_room(s, s->rows)) return false;
    for (int i = 0; i < s->nfield; i++) {
        const Field *f = &s->field[i];
        if (f->array < 0) continue;
        const char *name = s->r->request->table->input[f->array].name;
        if (!dl_array_around(s->r, &out->array[f->array], name, f->kind->kept, s->rows, f->rank,
                    f->shape, s->at[f->array]))
            return false;
    }
    return true;
}

/* All records of the file at `path`; the file of the train block when that is NULL. */
static bool read_split(DlReading *r, const char *path, DlSplit *out) {
    const dl_model *m = r->request->table;
    Records s = {.r = r};
    const char *name = dl_arg(r, "file");
    if (!path && !name)
        return dl_fail(r->error, "data records: has no file; write records(\"frames.bin\", ...)");
    if (!read_layout(&s) || !match_fields(&s)) return false;
    if (!path) path = dl_find_named(r, name);
    s.at = dl_pool_array(r->data->pool, m->ninput + m->ntarget + 1, sizeof *s.at, r->error);
    return path && s.at && dl_data_shape(r, m->ninput, m->ntarget) && read_file(&s, path) &&
           make_arrays(&s, out);
}

static bool read_data(DlReading *r) {
    double test;
    return dl_arg_real(r, "test", 0.2, 0, 1, &test) && read_split(r, NULL, &r->data->train) &&
           dl_data_divide(r, test);
}

/* A user's file: an image for a model of images, or records of the same layout. */
static bool prepare(DlReading *r, const char *path, DlSplit *out) {
    return dl_image_named(path) ? dl_prepare_images(r, path, out) : read_split(r, path, out);
}

const DlReader dl_reader_records = {
        .name = "records",
        .arguments = "file layout test header",
        .folders = "",
        .files = "a file of records that are all alike",
        .remedy = DL_PLACE,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_data,
        .prepare = prepare,
};
