/* train.c - the training loop, one batch a call, so that progress, checkpoints and the like
 * stand outside of it. The rows are shuffled anew in each epoch, from the seed; the last
 * batch of an epoch may be short, and is trained. Gradients of several batches may make one
 * step; an epoch ends with a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ahead.h"
#include "reader.h"

static void begin_epoch(DlRun *r) {
    dl_ahead_drop(r->ahead);
    r->waited = 0;
    r->batch = 0;
    r->loss_sum = 0;
    r->rows_done = 0;
    if (r->order && r->share == 0) dl_draw_order(r->seed, r->epoch, r->order, r->data->train.rows);
}

bool dl_run_open(
        DlRun *r, DlSession *s, const DlData *d, const DlConfig *c, uint64_t seed, DlError *e) {
    const dl_model *m = s->table;
    *r = (DlRun){.session = s, .data = d, .config = c, .seed = seed};
    r->ahead = dl_ahead_open(m->input, m->ninput + m->ntarget, m->batch, &d->train, e);
    if (!r->ahead) return false;
    if (!c->keep_order || c->control.samples) {
        r->order = malloc((size_t)d->train.rows * sizeof *r->order);
        if (!r->order) {
            dl_run_close(r);
            return dl_fail(e, "out of memory for the order of %lld rows", (long long)d->train.rows);
        }
    }
    if (c->control.samples && !dl_sample_open(r, e)) {
        dl_run_close(r);
        return false;
    }
    begin_epoch(r);
    return true;
}

void dl_run_close(DlRun *r) {
    dl_ahead_close(r->ahead);
    r->ahead = NULL;
    free(r->order);
    r->order = NULL;
}

int64_t dl_run_batches(const DlRun *r) {
    int64_t batch = r->session->table->batch;
    if (r->share > 0) return llround(1 / r->share);
    return (r->data->train.rows + batch - 1) / batch;
}

static int64_t batches_a_step(const DlRun *r) {
    int64_t n = r->config->control.accumulate;
    return n > 1 ? n : 1;
}

bool dl_run_between_steps(const DlRun *r) {
    return r->batch % batches_a_step(r) == 0 || r->batch == dl_run_batches(r);
}

int64_t dl_run_steps(const DlRun *r) {
    int64_t each = batches_a_step(r), whole = (dl_run_batches(r) + each - 1) / each;
    return r->epoch * whole + (r->batch + each - 1) / each;
}

void dl_run_next(DlRun *r) {
    r->epoch++;
    begin_epoch(r);
}

void dl_run_seek(DlRun *r, int64_t epoch, int64_t batch) {
    r->epoch = epoch;
    begin_epoch(r);
    r->batch = batch;
}

double dl_run_loss(const DlRun *r) {
    return r->rows_done > 0 ? r->loss_sum / (double)r->rows_done : 0;
}

/* Where the run is, for messages: "epoch 3, batch 12 (step 812)". */
static const char *place(const DlRun *r, char text[96]) {
    snprintf(text, 96, "epoch %lld, batch %lld (step %lld)", (long long)r->epoch + 1,
            (long long)r->batch + 1, (long long)dl_run_steps(r) + dl_run_between_steps(r));
    return text;
}

/* The loss is not finite: who knows the model's inside says where that began. */
static bool bad_loss(const DlRun *r, int64_t n, DlError *e) {
    const DlSession *s = r->session;
    char text[2048] = "", where[96];
    if (r->config->explain)
        r->config->explain(r->config->context, s->table, s->model, s->work, n, r->rows->data, text,
                sizeof text);
    return dl_fail(e,
            "%s: the loss is not finite in %s; the weights are those before this batch%s%s\n"
            "A smaller learning rate often helps, or inputs scaled to about 1.",
            s->table->name, place(r, where), text[0] ? "\n" : "", text);
}

/* The loss was finite, but its gradient is not: a root of 0, an overflow. */
static bool bad_gradient(const DlRun *r, DlError *e) {
    const DlSession *s = r->session;
    const dl_model *m = s->table;
    const dl_fault *f = m->fault(s->work);
    char where[96];
    bool known = f && f->tensor >= 0 && f->tensor < m->ntensor;
    return dl_fail(e,
            "%s: a gradient is not finite in %s, although the loss is%s%s%s\n"
            "The derivatives of sqrt, log and division are infinite at 0: add a small number "
            "there; or clip the gradients.",
            m->name, place(r, where), known ? ": that of '" : "",
            known ? m->tensor[f->tensor].name : "", known ? "'" : "");
}

/* Gradients of `n` rows, and the step, when they are its last. */
static int train_rows(const DlRun *r, int64_t n, float *loss) {
    const DlSession *s = r->session;
    const dl_model *m = s->table;
    int64_t each = batches_a_step(r), done = r->batch + 1;
    if (each == 1) return m->train_step(s->model, s->work, n, r->rows->data, loss);
    int status = m->accumulate(s->model, s->work, n, r->rows->data, loss);
    bool last = done % each == 0 || done == dl_run_batches(r);
    return status == DL_OK && last ? m->apply(s->model, s->work) : status;
}

static bool check_status(const DlRun *r, int64_t n, int status, DlError *e) {
    if (status == DL_E_LOSS) return bad_loss(r, n, e);
    if (status == DL_E_GRADIENT) return bad_gradient(r, e);
    if (status != DL_OK) dl_session_error(r->session, status, "training", e);
    return status == DL_OK;
}

static void count_batch(DlRun *r, float loss, int64_t rows) {
    r->loss_sum += (double)loss * (double)rows;
    r->rows_done += rows;
    r->batch++;
}

/* Rows [first, first + n) of the epoch or of the lot, of `all`; and those behind them are begun with,
 * n at most. */
static void take_rows(DlRun *r, int64_t first, int64_t n, int64_t all) {
    int64_t behind = first + n, left = all - behind, most = r->session->table->batch;
    DlWanted next = {r->order, behind, left < most ? left : most};
    r->rows = dl_ahead_take(r->ahead, (DlWanted){r->order, first, n}, next);
    r->waited += dl_ahead_waited(r->ahead);
}

/* Rows by lot; those that do not fit into one batch are accumulated. */
static bool sampled_step(DlRun *r, float *loss, DlError *e) {
    const DlSession *s = r->session;
    const dl_model *m = s->table;
    int64_t rows = dl_sample_draw(r);
    int status = DL_OK;
    *loss = 0;
    for (int64_t done = 0, n; done < rows; done += n) {
        float part;
        n = rows - done < m->batch ? rows - done : m->batch;
        take_rows(r, done, n, rows);
        status = rows <= m->batch ? m->train_step(s->model, s->work, n, r->rows->data, &part)
                                  : m->accumulate(s->model, s->work, n, r->rows->data, &part);
        if (!check_status(r, n, status, e)) return false;
        *loss += part * (float)n / (float)rows;
    }
    if (rows > m->batch) status = m->apply(s->model, s->work);
    if (!check_status(r, rows, status, e)) return false;
    count_batch(r, *loss, rows);
    return true;
}

bool dl_run_step(DlRun *r, float *loss, DlError *e) {
    const DlSession *s = r->session;
    if (r->share > 0) return sampled_step(r, loss, e);
    int64_t first = r->batch * s->table->batch, left = r->data->train.rows - first;
    int64_t n = left < s->table->batch ? left : s->table->batch;
    if (n < 1) return dl_fail(e, "this epoch is over");
    take_rows(r, first, n, r->data->train.rows);
    if (!check_status(r, n, train_rows(r, n, loss), e)) return false;
    count_batch(r, *loss, n);
    return true;
}
