/* data_validation.c - the rows to validate on: a share of the training rows, or a source of
 * their own, prepared as the training data were.
 *
 * Which rows make the share follows from their number alone, so that runs of different seeds,
 * and a run that is resumed, are measured on the same rows; they come from everywhere, so that
 * a file sorted by class is divided fairly, unless the last ones are asked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

/* held[i]: row i is set aside. */
static bool choose_rows(DlReading *r, bool *held, int64_t rows, int64_t count, bool last) {
    int64_t *order = dl_pool_array(r->data->pool, rows, sizeof *order, r->error);
    if (!order) return false;
    const int64_t no_epoch = -1; /* an order that no epoch has */
    if (!last) dl_draw_order(0, no_epoch, order, rows);
    for (int64_t i = 0; last && i < rows; i++) order[i] = rows - 1 - i;
    for (int64_t i = 0; i < count; i++) held[order[i]] = true;
    dl_pool_drop(r->data->pool, order);
    return true;
}

/* How many rows are set aside; -1 after a message. */
static int64_t share_of(DlReading *r, int64_t rows) {
    double share = r->request->config->control.validation;
    int64_t count = llround(share * (double)rows);
    if (count < 1) count = 1;
    if (count < rows) return count;
    dl_error(r->error,
            "validation %g: of %lld training rows none is left to train on; make it smaller",
            share, (long long)rows);
    return -1;
}

bool dl_data_held(DlReading *r, int64_t rows, bool *held) {
    const DlConfig *c = r->request->config;
    if (c->validation_reader || c->control.validation <= 0) return true;
    int64_t count = share_of(r, rows);
    return count > 0 && choose_rows(r, held, rows, count, c->control.validation_last);
}

static bool take_share(DlReading *r) {
    DlData *d = r->data;
    int64_t rows = d->train.rows;
    int n = d->ninput + d->ntarget;
    bool *held = dl_pool_array(d->pool, rows, sizeof *held, r->error);
    d->validation.array = dl_pool_array(d->pool, n, sizeof(DlArray), r->error);
    if (!held || !d->validation.array || !dl_data_held(r, rows, held) ||
            !dl_split_take(r, &d->train, &d->validation, held))
        return false;
    dl_pool_drop(d->pool, held);
    return true;
}

static bool read_source(DlReading *r) {
    DlConfig c = *r->request->config;
    DlRequest q = *r->request;
    c.reader = c.validation_reader;
    c.narg = c.validation_narg;
    c.arg = c.validation_arg;
    c.validation_reader = NULL;
    c.control = (DlControl){0};
    q.config = &c;
    q.stored = &r->data->meta;
    q.whole = true;
    r->data->source = dl_data_open(&q, r->error);
    if (!r->data->source) return false;
    r->data->validation = r->data->source->train;
    return true;
}

bool dl_data_validate(DlReading *r) {
    const DlConfig *c = r->request->config;
    if (c->validation_reader) return read_source(r);
    return c->control.validation <= 0 || take_share(r);
}
