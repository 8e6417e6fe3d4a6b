/* split.c - some rows of a split set aside: to test, to validate, or because nobody wants them.
 *
 * Rows are moved together in memory. Those of a user's own file that is mapped stay where they are,
 * and the split gets a list of its rows; so do all arrays of that split. */
#include <math.h>
#include <string.h>

#include "reader.h"

unsigned char *dl_row(const DlSplit *s, int k, int64_t i) {
    const DlArray *a = &s->array[k];
    return a->fixed ? a->at : a->at + (size_t)(s->row ? s->row[i] : i) * a->stride;
}

int64_t dl_split_places(const DlSplit *s) {
    int64_t most = 0;
    for (int64_t i = 0; s->row && i < s->rows; i++) most = s->row[i] >= most ? s->row[i] + 1 : most;
    return s->row ? most : s->rows;
}

static int count_arrays(const DlReading *r) {
    return r->data->ninput + r->data->ntarget;
}

static int64_t count_taken(const bool *take, int64_t rows) {
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) n += take[i];
    return n;
}

static bool stays(const DlReading *r, const DlSplit *s) {
    bool mapped = s->row != NULL;
    for (int k = 0; k < count_arrays(r); k++) mapped = mapped || s->array[k].mapped;
    return mapped;
}

/* Lists of rows instead of rows. */
static bool list_rows(DlReading *r, DlSplit *from, DlSplit *to, const bool *take, int64_t count) {
    int64_t *left = dl_pool_array(r->data->pool, from->rows - count, sizeof *left, r->error);
    int64_t *taken = dl_pool_array(r->data->pool, count, sizeof *taken, r->error);
    if (!left || !taken) return false;
    for (int64_t i = 0, a = 0, b = 0; i < from->rows; i++) {
        int64_t place = from->row ? from->row[i] : i;
        if (take[i])
            taken[b++] = place;
        else
            left[a++] = place;
    }
    if (to) memcpy(to->array, from->array, (size_t)count_arrays(r) * sizeof *to->array);
    if (to) to->row = taken;
    from->row = left;
    return true;
}

static bool move_rows(DlReading *r, DlArray *all, DlArray *part, int64_t rows, const bool *take,
        int64_t count) {
    if (all->fixed) {
        if (part) *part = *all;
        return true;
    }
    if (part && !dl_array_make(r, part, all->name, all->type, count, all->rank, all->shape))
        return false;
    unsigned char *left = all->at, *taken = part ? part->at : NULL;
    for (int64_t i = 0; i < rows; i++) {
        unsigned char **to = take[i] ? &taken : &left;
        if (!*to) continue;
        memmove(*to, all->at + (size_t)i * all->stride, all->stride);
        *to += all->stride;
    }
    return true;
}

bool dl_split_take(DlReading *r, DlSplit *from, DlSplit *to, const bool *take) {
    int64_t count = count_taken(take, from->rows);
    if (stays(r, from)) {
        if (!list_rows(r, from, to, take, count)) return false;
    } else {
        for (int k = 0; k < count_arrays(r); k++)
            if (!move_rows(r, &from->array[k], to ? &to->array[k] : NULL, from->rows, take, count))
                return false;
    }
    from->rows -= count;
    if (to) to->rows = count;
    return true;
}

/* Whether a row tests: evenly spaced, so that files sorted by class are divided fairly.
 * Counted in millionths, so that it is the same on every machine. */
static bool tests(int64_t row, int64_t millionths) {
    int64_t before = row % 1000000 * millionths / 1000000;
    int64_t after = (row % 1000000 + 1) * millionths / 1000000;
    return after > before;
}

bool dl_row_tests(int64_t row, double fraction) {
    return tests(row, llround(fraction * 1e6));
}

bool dl_data_divide(DlReading *r, double fraction) {
    DlData *d = r->data;
    int64_t rows = d->train.rows;
    bool *take = dl_pool_array(d->pool, rows, sizeof *take, r->error);
    if (!take) return false;
    for (int64_t i = 0; i < rows; i++) take[i] = dl_row_tests(i, fraction);
    if (rows > 0 && count_taken(take, rows) == rows)
        return dl_fail(r->error,
                "data %s: of %lld rows none is left for training; make 'test' smaller",
                r->reader->name, (long long)rows);
    bool ok = dl_split_take(r, &d->train, &d->test, take);
    dl_pool_drop(d->pool, take);
    return ok;
}
