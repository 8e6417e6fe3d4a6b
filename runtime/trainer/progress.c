/* progress.c - see progress.h. A line is made in a buffer and written at once; the line on
 * a terminal is never longer than the terminal is wide, and is redrawn ten times a second
 * at most. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define BAR 20
#define LINES 50 /* of that many epochs each gets its line; of more, every k-th */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int width_of(FILE *out) {
    struct winsize w;
    if (ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 20) return w.ws_col;
    return 80;
}

static double epochs_done(const DlRun *r) {
    return (double)r->epoch + (double)r->batch / (double)dl_run_batches(r);
}

void dl_progress_begin(
        DlProgress *p, FILE *out, FILE *json, bool quiet, const DlRun *r, int64_t epochs) {
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool smart = isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
    *p = (DlProgress){
            .out = out,
            .json = json,
            .quiet = quiet,
            .terminal = smart,
            .colour = smart && !(no_colour && no_colour[0] != '\0'),
            .width = width_of(out),
            .table = r->session->table,
            .epochs = epochs,
            .batches = dl_run_batches(r),
            .rows = r->data->train.rows,
            .before = epochs_done(r),
            .begun = now(),
            .epoch_begun = now(),
    };
}

/* ---- pieces of a line --------------------------------------------------------------- */

typedef struct Line {
    char text[512];
    size_t n;
    int shown;
} Line; /* shown: columns taken */

static void put(Line *l, const char *text) {
    size_t n = strlen(text);
    if (l->n + n + 1 > sizeof l->text) return;
    memcpy(l->text + l->n, text, n + 1);
    l->n += n;
    l->shown += (int)n;
}

static void put_colour(Line *l, const DlProgress *p, const char *code) {
    int shown = l->shown;
    if (p->colour) put(l, code);
    l->shown = shown;
}

static void put_number(Line *l, const char *name, double v) {
    char text[200];
    snprintf(text, sizeof text, "  %s %.4g", name, v);
    put(l, text);
}

/* 12,345 */
static void put_count(Line *l, double v) {
    char digits[32], text[48];
    int n = snprintf(digits, sizeof digits, "%.0f", v), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    put(l, text);
}

static void put_duration(Line *l, double seconds) {
    char text[48];
    if (seconds < 0.001)
        snprintf(text, sizeof text, "%.0f us", 1e6 * seconds);
    else if (seconds < 0.0995)
        snprintf(text, sizeof text, "%.1f ms", 1000 * seconds);
    else if (seconds < 60)
        snprintf(text, sizeof text, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
    else if (seconds < 3600)
        snprintf(text, sizeof text, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(text, sizeof text, "%.0f h %02d min", seconds / 3600 - 0.5,
                (int)(seconds / 60) % 60);
    put(l, text);
}

static void put_epoch(Line *l, const DlProgress *p, int64_t epoch) {
    char text[64];
    int wide = snprintf(text, sizeof text, "%lld", (long long)p->epochs);
    snprintf(text, sizeof text, "epoch %*lld/%lld", wide, (long long)epoch, (long long)p->epochs);
    put(l, text);
}

static void put_bar(Line *l, const DlProgress *p, double share) {
    char bar[BAR + 1];
    int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[BAR] = '\0';
    put(l, "  [");
    put_colour(l, p, "\x1b[36m");
    put(l, bar);
    put_colour(l, p, "\x1b[0m");
    put(l, "]");
}

/* Where the line is too long for the terminal, what stands last is left out: two spaces part. */
static void write_line(const DlProgress *p, Line *l, const char *end) {
    if (p->terminal && l->shown >= p->width) {
        size_t cut = l->n - (size_t)(l->shown - p->width + 1), at = cut;
        while (at > 0 && memcmp(l->text + at, "  ", 2) != 0) at--;
        l->text[at > cut / 2 ? at : cut] = '\0';
    }
    fprintf(p->out, "%s%s%s", p->terminal ? "\r\x1b[K" : "", l->text, end);
    fflush(p->out);
}

static double rate(const DlProgress *p, const DlRun *r) {
    return (double)(r->rows_done - p->rows_before) / (p->trained + 1e-9);
}

/* ---- the line during an epoch ------------------------------------------------------- */

static void draw(const DlProgress *p, const DlRun *r, double time) {
    Line l = {.n = 0};
    double share = (double)r->batch / (double)p->batches;
    double done = epochs_done(r) - p->before, left = (double)p->epochs - epochs_done(r);
    put_epoch(&l, p, r->epoch + 1);
    put_bar(&l, p, share);
    put_number(&l, "loss", dl_run_loss(r));
    put(&l, "  ");
    put_duration(&l, (time - p->begun) / done * left);
    put(&l, " left  ");
    put_count(&l, rate(p, r));
    put(&l, " samples/s");
    write_line(p, &l, "");
}

void dl_progress_start(DlProgress *p, const DlRun *r) {
    p->epoch_begun = now();
    p->rows_before = r->rows_done;
}

void dl_progress_batch(DlProgress *p, const DlRun *r) {
    double time = now();
    p->trained = time - p->epoch_begun;
    if (p->quiet || !p->terminal || time - p->drawn < 0.1) return;
    p->drawn = time;
    draw(p, r, time);
}

/* ---- the line after an epoch -------------------------------------------------------- */

/* "loss 0.5  | validation loss 0.6  accuracy 0.8  rate 0.001" */
static void put_record(Line *l, const DlProgress *p, const DlRecord *r) {
    put_number(l, "loss", r->value[0]);
    for (int i = r->metric; i < r->rate; i++) {
        char name[160];
        const char *metric = r->name[i] + strlen(r->split) + 1;
        snprintf(name, sizeof name, i == r->metric ? "| %.20s %.100s" : "%.0s%.100s", r->split,
                metric);
        put_number(l, name, r->value[i]);
    }
    for (int i = r->rate; i < r->n; i++)
        if (p->rates || i == r->epsilon) put_number(l, r->name[i], r->value[i]);
}

static void print_epoch(const DlProgress *p, const DlRecord *r, const char *end) {
    Line l = {.n = 0};
    put_epoch(&l, p, r->epoch);
    put_record(&l, p, r);
    put(&l, "  ");
    put_count(&l, r->samples_per_second);
    put(&l, " samples/s  ");
    put_duration(&l, r->seconds);
    write_line(p, &l, end);
}

void dl_progress_epoch(DlProgress *p, const DlRun *r, DlRecord *record, bool last) {
    double time = now();
    int64_t every = (p->epochs + LINES - 1) / LINES;
    bool kept = record->epoch % every == 0 || record->epoch == p->epochs || last;
    record->seconds = time - p->epoch_begun;
    record->samples_per_second = rate(p, r);
    if (p->json) {
        dl_json_record(p->json, record);
        fflush(p->json);
    }
    if (!p->quiet && kept)
        print_epoch(p, record, "\n");
    else if (!p->quiet && p->terminal && time - p->drawn >= 0.1) {
        print_epoch(p, record, "");
        p->drawn = time;
    }
}

void dl_progress_note(DlProgress *p, const char *fmt, ...) {
    va_list list;
    if (p->quiet) return;
    va_start(list, fmt);
    if (p->terminal) fputs("\r\x1b[K", p->out);
    vfprintf(p->out, fmt, list);
    fputc('\n', p->out);
    fflush(p->out);
    va_end(list);
}

void dl_progress_end(DlProgress *p) {
    if (!p->quiet && p->terminal) {
        fputs("\r\x1b[K", p->out);
        fflush(p->out);
    }
}
