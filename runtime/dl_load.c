/* dl_load.c - see dl_file.h: reads weights, checkpoints and their pairs.
 *
 * One pull parser for the subset of JSON that safetensors headers are. Loading makes passes
 * over the header: what does the file say of itself; do its tensors match the table's; and,
 * after the data were read once for the checksum, where do they go. */
#include "dl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dl_format.h"
#include "dl_object.h"

#define DL_HEADER_MOST 100000000     /* bytes: the format's own limit */
enum { DL_NAME = 1024, DL_AXES = 16 };

/* ---- reading the header ------------------------------------------------------------------- */

typedef struct dl_reader {
    int fd, status;                  /* the first failure stays */
    uint64_t size;                   /* of the file */
    uint64_t data;                   /* where the data begin */
    uint64_t next;                   /* of the header, to be read into the buffer */
    size_t at, filled;
    bool begun;                      /* entries were read */
    bool inside, pairs_seen;         /* we are in __metadata__; it began before */
    dl_sum sum;                      /* of the pairs */
    unsigned char buffer[DL_CHUNK];
} dl_reader;

/* An item of the header, or a pair of its __metadata__. */
typedef struct dl_item {
    bool pair;
    char name[DL_NAME];              /* or key; cut off when longer, and then `length` tells */
    size_t length;
    char *value;                     /* of a pair: the caller's room */
    size_t value_size, value_length;
    char type[8];
    int rank;
    uint64_t shape[DL_AXES];
    uint64_t begin, end;
} dl_item;

static void dl_reader_fail(dl_reader *r, int status) {
    if (!r->status) r->status = status;
}

/* n bytes from a place in the file. */
static bool dl_read_at(dl_reader *r, void *to, size_t n, uint64_t from) {
    unsigned char *at = to;
    while (n > 0 && !r->status) {
        ssize_t got = pread(r->fd, at, n, (off_t)from);
        if (got > 0) {
            at += got;
            from += (uint64_t)got;
            n -= (size_t)got;
        } else if (got == 0) dl_reader_fail(r, DL_E_FORMAT);
        else if (errno != EINTR) dl_reader_fail(r, DL_E_OPEN);
    }
    return !r->status;
}

/* Begins (again) at the header's first byte. */
static void dl_rewind(dl_reader *r) {
    r->next = 8;
    r->at = r->filled = 0;
    r->begun = r->inside = r->pairs_seen = false;
    r->sum = (dl_sum){0};
}

static void dl_reader_open(dl_reader *r, const char *path) {
    struct stat st;
    unsigned char length[8];
    *r = (dl_reader){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (r->fd < 0 || fstat(r->fd, &st) != 0) {
        dl_reader_fail(r, DL_E_OPEN);
        return;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 8) {
        dl_reader_fail(r, DL_E_FORMAT);
        return;
    }
    r->size = (uint64_t)st.st_size;
    if (!dl_read_at(r, length, 8, 0)) return;
    uint64_t n = dl_read_u64(length);
    if (n > DL_HEADER_MOST || n > r->size - 8) dl_reader_fail(r, DL_E_FORMAT);
    r->data = 8 + n;
    dl_rewind(r);
}

/* Closes; the status of it all. errno is as before unless that is DL_E_OPEN. */
static int dl_reader_close(dl_reader *r, int before) {
    int why = errno;
    if (r->fd >= 0) close(r->fd);
    errno = r->status == DL_E_OPEN ? why : before;
    return r->status;
}

/* The next byte of the header without taking it; -1 at the end or after a failure. */
static int dl_peek(dl_reader *r) {
    if (r->status) return -1;
    if (r->at == r->filled) {
        uint64_t left = r->data - r->next;
        size_t n = left < DL_CHUNK ? (size_t)left : DL_CHUNK;
        if (n == 0 || !dl_read_at(r, r->buffer, n, r->next)) return -1;
        r->next += n;
        r->at = 0;
        r->filled = n;
    }
    return r->buffer[r->at];
}

static int dl_take(dl_reader *r) {
    int c = dl_peek(r);
    if (c >= 0) r->at++;
    return c;
}

/* The next byte that is not white space. */
static int dl_peek_token(dl_reader *r) {
    int c = dl_peek(r);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        r->at++;
        c = dl_peek(r);
    }
    return c;
}

/* Takes c if it comes next. */
static bool dl_accept(dl_reader *r, int c) {
    if (dl_peek_token(r) != c) return false;
    r->at++;
    return true;
}

static void dl_expect(dl_reader *r, int c) {
    if (!dl_accept(r, c)) dl_reader_fail(r, DL_E_FORMAT);
}

/* A string's bytes as they are decoded: stored while there is room, counted, summed. */
typedef struct dl_text {
    char *to;
    size_t size, length;
    dl_sum *sum;                     /* or NULL */
} dl_text;

static void dl_text_byte(dl_text *t, unsigned c) {
    if (t->length + 1 < t->size) t->to[t->length] = (char)(unsigned char)c;
    if (t->sum) dl_sum_byte(t->sum, (unsigned char)c);
    t->length++;
}

static void dl_text_end(dl_text *t) {
    if (t->size) t->to[t->length < t->size ? t->length : t->size - 1] = 0;
    if (t->sum) dl_sum_byte(t->sum, 0);
}

static void dl_text_utf8(dl_text *t, uint32_t code) {
    if (code < 0x80) {
        dl_text_byte(t, code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    dl_text_byte(t, lead[more] | code >> 6 * more);
    while (more-- > 0) dl_text_byte(t, 0x80 | (code >> 6 * more & 0x3f));
}

static uint32_t dl_take_hex4(dl_reader *r) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int c = dl_take(r);
        int digit = c >= '0' && c <= '9' ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) dl_reader_fail(r, DL_E_FORMAT);
        v = v << 4 | (uint32_t)(digit & 15);
    }
    return v;
}

/* After a backslash. Surrogates come in pairs; the character 0 is refused. */
static void dl_take_escape(dl_reader *r, dl_text *t) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = dl_take(r);
    const char *simple = c > 0 ? strchr(from, c) : NULL;
    if (simple) {
        dl_text_byte(t, (unsigned char)to[simple - from]);
        return;
    }
    uint32_t code = c == 'u' ? dl_take_hex4(r) : 0;
    if (code >= 0xd800 && code < 0xdc00) {
        bool second = dl_take(r) == '\\' && dl_take(r) == 'u';
        uint32_t low = second ? dl_take_hex4(r) : 0;
        bool pair = low >= 0xdc00 && low < 0xe000;
        code = pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0;
    } else if (code >= 0xdc00 && code < 0xe000) code = 0;
    if (code == 0) dl_reader_fail(r, DL_E_FORMAT);
    else dl_text_utf8(t, code);
}

static void dl_take_string(dl_reader *r, dl_text *t) {
    dl_expect(r, '"');
    for (;;) {
        int c = dl_take(r);
        if (c == '"') break;
        if (c == '\\') dl_take_escape(r, t);
        else if (c >= 0x20) dl_text_byte(t, (unsigned)c);
        else dl_reader_fail(r, DL_E_FORMAT);
        if (r->status) break;
    }
    dl_text_end(t);
}

static uint64_t dl_take_number(dl_reader *r) {
    uint64_t v = 0;
    int digits = 0, c = dl_peek_token(r);
    bool zero = c == '0';
    for (; c >= '0' && c <= '9'; c = dl_peek(r)) {
        v = v * 10 + (uint64_t)(c - '0');
        r->at++;
        if (++digits > 18) break;
    }
    if (digits < 1 || digits > 18 || (zero && digits > 1)) dl_reader_fail(r, DL_E_FORMAT);
    return v;
}

/* [number, ...]; how many. */
static int dl_take_numbers(dl_reader *r, uint64_t *to, int most) {
    int n = 0;
    dl_expect(r, '[');
    if (dl_accept(r, ']')) return 0;
    do {
        uint64_t v = dl_take_number(r);
        if (n == most) dl_reader_fail(r, DL_E_FORMAT);
        else to[n++] = v;
    } while (!r->status && dl_accept(r, ','));
    dl_expect(r, ']');
    return n;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...} in any order, each once. */
static void dl_take_tensor(dl_reader *r, dl_item *e) {
    bool type = false, shape = false, place = false;
    dl_expect(r, '{');
    for (int i = 0; i < 3 && !r->status; i++) {
        char key[16];
        dl_text t = {key, sizeof key, 0, NULL};
        uint64_t offset[2];
        if (i) dl_expect(r, ',');
        dl_take_string(r, &t);
        dl_expect(r, ':');
        if (strcmp(key, "dtype") == 0 && !type) {
            dl_text name = {e->type, sizeof e->type, 0, NULL};
            dl_take_string(r, &name);
            type = true;
        } else if (strcmp(key, "shape") == 0 && !shape) {
            e->rank = dl_take_numbers(r, e->shape, DL_AXES);
            shape = true;
        } else if (strcmp(key, "data_offsets") == 0 && !place) {
            if (dl_take_numbers(r, offset, 2) == 2) e->begin = offset[0], e->end = offset[1];
            else dl_reader_fail(r, DL_E_FORMAT);
            place = true;
        } else dl_reader_fail(r, DL_E_FORMAT);
    }
    dl_expect(r, '}');
}

static void dl_take_name(dl_reader *r, dl_item *e, dl_sum *sum) {
    dl_text t = {e->name, sizeof e->name, 0, sum};
    dl_take_string(r, &t);
    e->length = t.length;
    dl_expect(r, ':');
}

/* A pair. All are summed but the checksum, which stands last. */
static void dl_take_pair(dl_reader *r, dl_item *e) {
    dl_sum before = r->sum;
    dl_take_name(r, e, &r->sum);
    dl_text v = {e->value, e->value_size, 0, &r->sum};
    dl_take_string(r, &v);
    e->value_length = v.length;
    if (strcmp(e->name, "dlc.checksum") == 0) r->sum = before;
    if (!dl_accept(r, ',')) {
        dl_expect(r, '}');
        r->inside = false;
    }
}

/* After the last entry there is nothing but white space. */
static bool dl_take_end(dl_reader *r) {
    dl_expect(r, '}');
    if (dl_peek_token(r) >= 0) dl_reader_fail(r, DL_E_FORMAT);
    return false;
}

/* The next tensor or pair; false at the end, or after a failure. */
static bool dl_next_item(dl_reader *r, dl_item *e) {
    for (;;) {
        if (r->status) return false;
        e->pair = r->inside;
        if (r->inside) {
            dl_take_pair(r, e);
            return !r->status;
        }
        if (!r->begun) dl_expect(r, '{');
        if (dl_peek_token(r) == '}') return dl_take_end(r);
        if (r->begun) dl_expect(r, ',');
        r->begun = true;
        dl_take_name(r, e, NULL);
        if (strcmp(e->name, "__metadata__") != 0) {
            dl_take_tensor(r, e);
            return !r->status;
        }
        if (r->pairs_seen) dl_reader_fail(r, DL_E_FORMAT);
        dl_expect(r, '{');
        r->pairs_seen = true;
        r->inside = !dl_accept(r, '}');
    }
}

/* ---- loading ---------------------------------------------------------------------------- */

/* What a file says of itself. */
typedef struct dl_facts {
    bool ours;
    bool has_checksum;
    dl_kind kind;
    uint64_t seed;
    int64_t step;
    uint64_t checksum;
} dl_facts;

/* All of text as a number; false if it is not one. */
static bool dl_number_of(const char *text, unsigned base, uint64_t *v) {
    static const char digits[] = "0123456789abcdef";
    *v = 0;
    for (const char *s = text; *s; s++) {
        const char *d = memchr(digits, *s, base);
        if (!d || *v > (UINT64_MAX - (uint64_t)(d - digits)) / base) return false;
        *v = *v * base + (uint64_t)(d - digits);
    }
    return *text != 0;
}

/* Notes one pair of our own; false if its value makes no sense. */
static bool dl_note_pair(dl_facts *f, const char *key, const char *value) {
    uint64_t v = 0;
    if (strcmp(key, "dlc.format") == 0) return f->ours = strcmp(value, DL_FORMAT_VERSION) == 0;
    if (strcmp(key, "dlc.kind") == 0) {
        f->kind = strcmp(value, "checkpoint") == 0 ? DL_CHECKPOINT : DL_WEIGHTS;
        return f->kind == DL_CHECKPOINT || strcmp(value, "weights") == 0;
    }
    if (strcmp(key, "dlc.seed") == 0) return dl_number_of(value, 10, &f->seed);
    if (strcmp(key, "dlc.step") == 0) {
        bool good = dl_number_of(value, 10, &v) && v <= INT64_MAX;
        f->step = (int64_t)v;
        return good;
    }
    if (strcmp(key, "dlc.checksum") == 0) {
        f->has_checksum = true;
        return dl_number_of(value, 16, &f->checksum);
    }
    return true;
}

static dl_facts dl_read_facts(dl_reader *r) {
    dl_facts f = {0};
    char value[24];
    dl_item e = {.value = value, .value_size = sizeof value};
    dl_rewind(r);
    while (dl_next_item(r, &e))
        if (e.pair && !dl_note_pair(&f, e.name, value)) dl_reader_fail(r, DL_E_FORMAT);
    if (f.ours && !f.has_checksum) dl_reader_fail(r, DL_E_FORMAT);
    return f;
}

/* The table's tensor of the entry's name, most often the one after `last`; or -1. */
static int dl_find_tensor(const dl_model *table, dl_kind kind, const dl_item *e, int last) {
    if (e->length >= DL_NAME) return -1;
    for (int i = 0; i < table->ntensor; i++) {
        int k = (last + 1 + i) % table->ntensor;
        const dl_tensor *t = &table->tensor[k];
        if (dl_is_stored(t, kind) && strcmp(t->name, e->name) == 0) return k;
    }
    return -1;
}

static bool dl_same_tensor(const dl_tensor *t, const dl_item *e) {
    bool same = strcmp(e->type, dl_type_name(t->type)) == 0 && e->rank == t->rank &&
            e->end - e->begin == t->bytes;
    for (int i = 0; same && i < t->rank; i++) same = e->shape[i] == (uint64_t)t->shape[i];
    return same;
}

/* One pass: every entry is a tensor of the table and they lie one behind the other; none of
 * those numbered first .. first + 8 * DL_CHUNK - 1 is missing. Returns the tensor at fault,
 * or -1. Of tensors that come twice, another pass or the count sees that one is missing. */
static int dl_check_tensors(dl_reader *r, const dl_model *table, dl_kind kind, int first) {
    unsigned char seen[DL_CHUNK] = {0};
    uint64_t offset = 0;
    int last = -1;
    dl_item e = {0};
    dl_rewind(r);
    while (dl_next_item(r, &e)) {
        if (e.pair) continue;
        last = dl_find_tensor(table, kind, &e, last);
        if (last < 0 || !dl_same_tensor(&table->tensor[last], &e)) {
            dl_reader_fail(r, DL_E_MISMATCH);
            return last;
        }
        int bit = last - first;
        bool here = bit >= 0 && bit < 8 * DL_CHUNK;
        bool twice = here && (seen[bit / 8] >> bit % 8 & 1);
        if (e.begin != offset || e.end > r->size - r->data || twice) dl_reader_fail(r, DL_E_FORMAT);
        if (here) seen[bit / 8] = (unsigned char)(seen[bit / 8] | 1 << bit % 8);
        offset = e.end;
    }
    if (!r->status && offset != r->size - r->data) dl_reader_fail(r, DL_E_FORMAT);
    for (int bit = 0; !r->status && bit < 8 * DL_CHUNK && first + bit < table->ntensor; bit++)
        if (dl_is_stored(&table->tensor[first + bit], kind) && !(seen[bit / 8] >> bit % 8 & 1)) {
            dl_reader_fail(r, DL_E_MISMATCH);
            return first + bit;
        }
    return -1;
}

/* Reads all data once. The sum of the pairs is still in the reader. */
static void dl_check_sum(dl_reader *r, const dl_facts *f) {
    unsigned char piece[DL_CHUNK];
    dl_sum sum = r->sum;
    for (uint64_t at = r->data; at < r->size && !r->status;) {
        size_t n = r->size - at < DL_CHUNK ? (size_t)(r->size - at) : DL_CHUNK;
        if (dl_read_at(r, piece, n, at)) dl_sum_bytes(&sum, piece, n);
        at += n;
    }
    if (f->has_checksum && dl_sum_end(&sum) != f->checksum) dl_reader_fail(r, DL_E_FORMAT);
}

/* The last pass. */
static void dl_read_tensors(dl_reader *r, const dl_model *table, unsigned char *model,
        dl_kind kind, dl_kind wanted) {
    int last = -1;
    dl_item e = {0};
    dl_rewind(r);
    while (dl_next_item(r, &e)) {
        if (e.pair) continue;
        last = dl_find_tensor(table, kind, &e, last);
        if (last < 0 || !dl_same_tensor(&table->tensor[last], &e)) {
            dl_reader_fail(r, DL_E_FORMAT);
            return;
        }
        const dl_tensor *t = &table->tensor[last];
        if (!dl_is_stored(t, wanted)) continue;
        if (!dl_read_at(r, model + t->offset, t->bytes, r->data + e.begin)) return;
        dl_file_order(model + t->offset, t->bytes, dl_element_size(t->type));
    }
}

DL_API int dl_load_file(const dl_model *table, void *model, dl_kind kind, const char *path,
        dl_fault *fault) {
    if (!table || !model || !path) return DL_E_NULL;
    int before = errno, at = -1;
    dl_reader r;
    dl_reader_open(&r, path);
    dl_facts facts = dl_read_facts(&r);
    if (kind == DL_CHECKPOINT && facts.kind == DL_WEIGHTS) dl_reader_fail(&r, DL_E_MISMATCH);
    for (int first = 0; !r.status && first < table->ntensor; first += 8 * DL_CHUNK)
        at = dl_check_tensors(&r, table, facts.kind, first);
    dl_check_sum(&r, &facts);
    if (!r.status) dl_read_tensors(&r, table, model, facts.kind, kind);
    if (!r.status && kind == DL_CHECKPOINT) {
        ((dl_head *)model)->seed = facts.seed;
        ((dl_head *)model)->step = facts.step;
    }
    if (fault) *fault = (dl_fault){.status = r.status, .tensor = at, .element = -1};
    return dl_reader_close(&r, before);
}

DL_API int dl_load(const dl_model *table, void *model, const char *path) {
    return dl_load_file(table, model, DL_WEIGHTS, path, NULL);
}

/* One pass over a file whose tensors may be others than the table's: each lies behind the one
 * before, in the file. With `take`, those that are wanted and fit are read. */
static void dl_match_tensors(dl_reader *r, const dl_model *table, unsigned char *model,
        const dl_matching *take) {
    uint64_t offset = 0;
    int last = -1;
    dl_item e = {0};
    dl_rewind(r);
    while (dl_next_item(r, &e)) {
        if (e.pair) continue;
        if (e.begin != offset || e.end < e.begin || e.end > r->size - r->data) {
            dl_reader_fail(r, DL_E_FORMAT);
            return;
        }
        offset = e.end;
        if (!take) continue;
        int at = dl_find_tensor(table, DL_WEIGHTS, &e, last);
        bool fits = at >= 0 && (!take->wanted || take->wanted[at]) &&
                dl_same_tensor(&table->tensor[at], &e);
        if (at >= 0) last = at;
        if (fits) {
            const dl_tensor *t = &table->tensor[at];
            if (!dl_read_at(r, model + t->offset, t->bytes, r->data + e.begin)) return;
            dl_file_order(model + t->offset, t->bytes, dl_element_size(t->type));
        }
        if (take->tell)
            take->tell(take->context, &(dl_found){e.name, e.type, e.rank, e.shape, at, fits});
    }
    if (!r->status && offset != r->size - r->data) dl_reader_fail(r, DL_E_FORMAT);
}

DL_API int dl_load_matching(const dl_model *table, void *model, const char *path,
        const dl_matching *matching) {
    if (!table || !model || !path || !matching) return DL_E_NULL;
    int before = errno;
    dl_reader r;
    dl_reader_open(&r, path);
    dl_facts facts = dl_read_facts(&r);
    if (!r.status) dl_match_tensors(&r, table, model, NULL);
    if (!r.status) dl_check_sum(&r, &facts);
    if (!r.status) dl_match_tensors(&r, table, model, matching);
    return dl_reader_close(&r, before);
}

DL_API int dl_file_kind(const char *path, dl_kind *kind) {
    if (!path || !kind) return DL_E_NULL;
    int before = errno;
    dl_reader r;
    dl_reader_open(&r, path);
    *kind = dl_read_facts(&r).kind;
    return dl_reader_close(&r, before);
}

/* ---- pairs -------------------------------------------------------------------------------- */

/* The pair of this key, or else the one of this number. */
static int dl_find_pair(const char *path, const char *key, int index, char *name, char *value,
        size_t size, size_t *length) {
    int before = errno;
    bool found = false;
    dl_reader r;
    dl_item e = {.value = value, .value_size = value ? size : 0};
    dl_reader_open(&r, path);
    while (!found && dl_next_item(&r, &e)) {
        if (!e.pair || strncmp(e.name, "dlc.", 4) == 0) continue;
        found = key ? strcmp(e.name, key) == 0 : index-- == 0;
    }
    if (found) {
        *length = e.value_length;
        if (name) snprintf(name, DL_KEY, "%.*s", DL_KEY - 1, e.name);
    } else dl_reader_fail(&r, DL_E_MISMATCH);
    return dl_reader_close(&r, before);
}

DL_API int dl_file_pair(const char *path, int index, char key[DL_KEY], char *value, size_t size,
        size_t *length) {
    if (!path || !key || !length) return DL_E_NULL;
    return dl_find_pair(path, NULL, index, key, value, size, length);
}

DL_API int dl_file_value(const char *path, const char *key, char *value, size_t size,
        size_t *length) {
    if (!path || !key || !length) return DL_E_NULL;
    return dl_find_pair(path, key, 0, NULL, value, size, length);
}
