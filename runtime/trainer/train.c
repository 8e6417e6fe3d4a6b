/* train.c - the training loop, one batch a call, so that progress, checkpoints and the like
 * stand outside of it. The rows are shuffled anew in each epoch, from the seed; the last
 * batch of an epoch may be short, and is trained. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

static void begin_epoch(DlRun *r) {
    r->batch = 0;
    r->loss_sum = 0;
    r->rows_done = 0;
    if (r->order) dl_draw_order(r->seed, r->epoch, r->order, r->data->train.rows);
}

bool dl_run_open(
        DlRun *r, DlSession *s, const DlData *d, const DlConfig *c, uint64_t seed, DlError *e) {
    const dl_model *m = s->table;
    *r = (DlRun){.session = s, .data = d, .config = c, .seed = seed};
    if (!dl_batch_open(&r->rows, m->input, m->ninput + m->ntarget, m->batch, e)) return false;
    if (!c->keep_order) {
        r->order = malloc((size_t)d->train.rows * sizeof *r->order);
        if (!r->order) {
            dl_run_close(r);
            return dl_fail(e, "out of memory for the order of %lld rows", (long long)d->train.rows);
        }
    }
    begin_epoch(r);
    return true;
}

void dl_run_close(DlRun *r) {
    dl_batch_close(&r->rows);
    free(r->order);
    r->order = NULL;
}

int64_t dl_run_batches(const DlRun *r) {
    int64_t batch = r->session->table->batch;
    return (r->data->train.rows + batch - 1) / batch;
}

void dl_run_next(DlRun *r) {
    r->epoch++;
    begin_epoch(r);
}

double dl_run_loss(const DlRun *r) {
    return r->rows_done > 0 ? r->loss_sum / (double)r->rows_done : 0;
}

/* The loss is not finite: who knows the model's inside says where that began. */
static bool bad_loss(const DlRun *r, int64_t n, DlError *e) {
    const DlSession *s = r->session;
    char text[2048] = "";
    if (r->config->explain)
        r->config->explain(r->config->context, s->table, s->model, s->work, n, r->rows.data, text,
                sizeof text);
    return dl_fail(e,
            "%s: the loss is not finite in epoch %lld, batch %lld; the weights are those "
            "before this batch%s%s\nA smaller learning rate often helps, or inputs scaled "
            "to about 1.",
            s->table->name, (long long)r->epoch + 1, (long long)r->batch + 1, text[0] ? "\n" : "",
            text);
}

bool dl_run_step(DlRun *r, float *loss, DlError *e) {
    const DlSession *s = r->session;
    int64_t first = r->batch * s->table->batch, left = r->data->train.rows - first;
    int64_t n = left < s->table->batch ? left : s->table->batch;
    if (n < 1) return dl_fail(e, "this epoch is over");
    dl_batch_fill(&r->rows, &r->data->train, r->order, first, n);
    int status = s->table->train_step(s->model, s->work, n, r->rows.data, loss);
    if (status == DL_E_LOSS) return bad_loss(r, n, e);
    if (status != DL_OK) {
        dl_session_error(s, status, "training", e);
        return false;
    }
    r->loss_sum += (double)*loss * (double)n;
    r->rows_done += n;
    r->batch++;
    return true;
}
