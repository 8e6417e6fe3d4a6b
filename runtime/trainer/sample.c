/* sample.c - rows by lot, as the accountant of privacy.c counts on: in each step every training
 * row takes part with the same probability, independently of the others, so that the number
 * of rows varies. On the average it is the optimiser's number `expected_batch`. A step of more
 * rows than fit into a batch has several parts; one of no rows is left out, but counted.
 *
 * In: the optimiser's numbers `expected_batch` and `noise`. A draw depends on the seed, the step
 * and the row alone: a resumed run draws what the whole one would have drawn. */
#include <math.h>

#include "privacy.h"
#include "reader.h"

static const float *number(const DlRun *r, const char *name) {
    const dl_model *m = r->session->table;
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].role == DL_NUMBER && dl_number_is(&m->tensor[i], name))
            return dl_number(r->session, m->tensor[i].name);
    return NULL;
}

bool dl_sample_open(DlRun *r, DlError *e) {
    const char *source = r->session->table->source;
    int64_t rows = r->data->train.rows;
    const float *expected = number(r, "expected_batch"), *noise = number(r, "noise");
    if (!expected || !noise)
        return dl_fail(e,
                "%s: `privacy` needs an optimizer with the numbers expected_batch and noise, "
                "such as dp_sgd",
                source);
    if (r->config->control.accumulate > 1)
        return dl_fail(e, "%s: with `privacy`, expected_batch says how many rows make a step; "
                "take `accumulate` out", source);
    if (!(*expected >= 1) || (double)*expected > (double)rows)
        return dl_fail(e, "%s: expected_batch is %g, and must be from 1 to the %lld training rows",
                source, (double)*expected, (long long)rows);
    r->share = (double)*expected / (double)rows;
    return true;
}

int64_t dl_sample_draw(const DlRun *r) {
    uint64_t step = (uint64_t)dl_run_steps(r);
    int64_t n = 0;
    for (int64_t i = 0; i < r->data->train.rows; i++)
        if (dl_draw(r->seed, DL_DRAW_SAMPLE, step, (uint64_t)i) < r->share) r->order[n++] = i;
    return n;
}

double dl_sample_epsilon(const DlRun *r) {
    const float *noise = number(r, "noise");
    const DlPrivacy p = {r->share, noise ? (double)*noise : 0, dl_run_steps(r)};
    return p.noise > 0 ? dl_privacy_epsilon(&p, r->config->control.delta) : INFINITY;
}
