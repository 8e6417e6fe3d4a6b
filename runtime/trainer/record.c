/* record.c - see record.h: the columns, and their values. */
#include <stdlib.h>
#include <string.h>

#include "record.h"

static char *text_of(const char *a, const char *b) {
    size_t n = strlen(a) + strlen(b) + 2;
    char *text = malloc(n);
    if (text) snprintf(text, n, "%s%s%s", a, b[0] && a[0] ? "_" : "", b);
    return text;
}

static bool is_rate(const dl_tensor *t) {
    return t->role == DL_NUMBER && dl_number_is(t, "rate");
}

/* Of a number that follows a schedule: the slot with the value of the last step. */
static const dl_tensor *scheduled(const dl_model *m, const dl_tensor *number) {
    char name[DL_KEY];
    const char *dot = strrchr(number->name, '.'), *last = dot ? dot + 1 : number->name;
    snprintf(name, sizeof name, "%.*sschedule.%s", (int)(last - number->name), number->name, last);
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].role == DL_SLOT && m->tensor[i].rank == 0 &&
                strcmp(m->tensor[i].name, name) == 0)
            return &m->tensor[i];
    return NULL;
}

bool dl_record_open(DlRecord *r, const DlRun *run, const char *split, DlError *e) {
    const dl_model *m = run->session->table;
    size_t most = 2 + (size_t)m->nmetric + (size_t)m->ntensor;
    *r = (DlRecord){.split = split,
            .metric = 1,
            .name = calloc(most, sizeof *r->name),
            .value = calloc(most, sizeof *r->value)};
    bool ok = r->name && r->value;
    if (ok) r->name[r->n++] = text_of("train", "loss");
    for (int i = 0; ok && split && i < m->nmetric; i++)
        if (dl_metric_is_number(m, i)) r->name[r->n++] = text_of(split, m->metric[i]);
    r->rate = r->n;
    for (int i = 0; ok && i < m->ntensor; i++)
        if (is_rate(&m->tensor[i])) {
            r->name[r->n++] = text_of("", m->tensor[i].name);
            r->scheduled = r->scheduled || scheduled(m, &m->tensor[i]);
        }
    if (ok && run->share > 0) r->name[r->epsilon = r->n++] = text_of("", "epsilon");
    for (int i = 0; ok && i < r->n; i++) ok = r->name[i] != NULL;
    if (ok) return true;
    dl_record_close(r);
    return dl_fail(e, "out of memory");
}

void dl_record_close(DlRecord *r) {
    for (int i = 0; r->name && i < r->n; i++) free(r->name[i]);
    free(r->name);
    free(r->value);
    *r = (DlRecord){0};
}

int dl_record_column(const DlRecord *r, const char *name) {
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->name[i], name) == 0) return i;
    return -1;
}

/* 0.01, and not the float's 0.00999999978. */
static double as_written(float v) {
    char text[40];
    int digits = 6;
    do snprintf(text, sizeof text, "%.*g", digits, (double)v);
    while (++digits <= 9 && memcmp(&(float){strtof(text, NULL)}, &v, sizeof v) != 0);
    return strtod(text, NULL);
}

static double rate_of(const DlSession *s, const dl_tensor *number) {
    const dl_tensor *t = scheduled(s->table, number);
    float v;
    memcpy(&v, (const unsigned char *)s->model + (t ? t : number)->offset, sizeof v);
    return as_written(v);
}

void dl_record_fill(DlRecord *r, const DlRun *run, const double *metric) {
    const DlSession *s = run->session;
    const dl_model *m = s->table;
    int at = r->metric;
    r->value[0] = dl_run_loss(run);
    for (int i = 0; r->split && metric && i < m->nmetric; i++)
        if (dl_metric_is_number(m, i)) r->value[at++] = *dl_metric_values(m, metric, i);
    at = r->rate;
    for (int i = 0; i < m->ntensor; i++)
        if (is_rate(&m->tensor[i])) r->value[at++] = rate_of(s, &m->tensor[i]);
    if (r->epsilon > 0) r->value[r->epsilon] = dl_sample_epsilon(run);
}
