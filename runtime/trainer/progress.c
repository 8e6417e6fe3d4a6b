/* progress.c - see progress.h. A line is made in a buffer and written at once. On a terminal it is
 * redrawn ten times a second at most, never longer than the terminal is wide at that moment; what
 * stays of an epoch goes on in further lines where one is not enough. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "line.h"
#include "progress.h"

#define LINES 50 /* of that many epochs each gets its line; of more, every k-th */
#define WAIT 1.0 /* seconds, or a hundredth of the run: before, nobody knows how long it takes */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Asked for at every line: people resize their windows. */
static int width_of(const DlProgress *p) {
    struct winsize w;
    if (!p->terminal) return 0;
    return ioctl(fileno(p->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

static double epochs_done(const DlRun *r) {
    return (double)r->epoch + (double)r->batch / (double)dl_run_batches(r);
}

/* Whether the terminal takes UTF-8, as the environment says. */
static bool takes_utf8(void) {
    static const char *const name[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL;
    for (size_t i = 0; i < sizeof name / sizeof *name && !(locale && locale[0]); i++)
        locale = getenv(name[i]);
    const char *set = locale ? strchr(locale, '.') : NULL;
    return set && (strncasecmp(set, ".utf-8", 6) == 0 || strncasecmp(set, ".utf8", 5) == 0);
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
            .utf8 = smart && takes_utf8(),
            .table = r->session->table,
            .epochs = epochs,
            .batches = dl_run_batches(r),
            .before = epochs_done(r),
            .begun = now(),
            .epoch_begun = now(),
    };
}

/* ---- pieces of a line --------------------------------------------------------------- */

static void put_epoch(DlLine *l, const DlProgress *p, int64_t epoch) {
    char text[64];
    int wide = snprintf(text, sizeof text, "%lld", (long long)p->epochs);
    snprintf(text, sizeof text, "epoch %*lld/%lld", wide, (long long)epoch, (long long)p->epochs);
    dl_line_text(l, text);
}

enum { SHORTEST_BAR = 6, LONGEST_BAR = 30 };

/* A sixth of the line. "[=====>    ]", or a heavy line in a light one. */
static void put_bar(DlLine *l, const DlProgress *p, double share) {
    static const char *const ascii[] = {"=", ">", " "}, *const drawn[] = {"━", "╸", "─"};
    const char *const *sign = p->utf8 ? drawn : ascii;
    char text[3 * LONGEST_BAR + 32] = "";
    int length = l->width / 6, full;
    length = length < SHORTEST_BAR ? SHORTEST_BAR : length > LONGEST_BAR ? LONGEST_BAR : length;
    full = (int)(share * length);
    if (!p->utf8) strcat(text, "[");
    if (p->colour) strcat(text, "\x1b[36m");
    for (int i = 0; i < length; i++) strcat(text, sign[i < full ? 0 : i == full ? 1 : 2]);
    if (p->colour) strcat(text, "\x1b[0m");
    if (!p->utf8) strcat(text, "]");
    dl_line_put(l, text, length + (p->utf8 ? 0 : 2));
}

static void write_line(const DlProgress *p, const DlLine *l, const char *end) {
    fprintf(p->out, "%s%s%s", p->terminal ? "\r\x1b[K" : "", l->text, end);
    fflush(p->out);
}

static double rate(const DlProgress *p, const DlRun *r) {
    return (double)(r->rows_done - p->rows_before) / (p->trained + 1e-9);
}

/* ---- the line during an epoch ------------------------------------------------------- */

/* How long the rest of the run takes, evaluations included; below 0: it is too early to say. */
static double time_left(const DlProgress *p, const DlRun *r, double time) {
    double done = epochs_done(r) - p->before, left = (double)p->epochs - epochs_done(r);
    double taken = time - p->begun;
    bool known = taken >= WAIT || done >= 0.01 * (done + left);
    return known && done > 0 ? taken / done * left : -1;
}

static void draw(const DlProgress *p, const DlRun *r, double time, const char *doing) {
    DlLine l = {.width = width_of(p)};
    double left = time_left(p, r, time);
    put_epoch(&l, p, r->epoch + 1);
    put_bar(&l, p, (double)r->batch / (double)p->batches);
    dl_line_number(&l, "loss", dl_run_loss(r));
    if (doing)
        dl_line_text(&l, doing);
    else if (left >= 0)
        dl_line_duration(&l, "", left, " left");
    dl_line_count(&l, rate(p, r), "samples/s");
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
    draw(p, r, time, NULL);
}

void dl_progress_evaluating(DlProgress *p, const DlRun *r) {
    if (!p->quiet && p->terminal && p->trained >= 0.1) draw(p, r, now(), "evaluating");
}

/* ---- the line after an epoch -------------------------------------------------------- */

/* "loss 0.5  | validation loss 0.6  accuracy 0.8  rate 0.001" */
static void put_record(DlLine *l, const DlProgress *p, const DlRecord *r) {
    dl_line_number(l, "loss", r->value[0]);
    for (int i = r->metric; i < r->rate; i++) {
        char name[160];
        const char *metric = r->name[i] + strlen(r->split) + 1;
        snprintf(name, sizeof name, i == r->metric ? "| %.20s %.100s" : "%.0s%.100s", r->split,
                metric);
        dl_line_number(l, name, r->value[i]);
    }
    for (int i = r->rate; i < r->n; i++)
        if (p->rates || i == r->epsilon) dl_line_number(l, r->name[i], r->value[i]);
}

/* The times of evaluation, and of waiting for data, are said where they show. */
static void put_times(DlLine *l, const DlProgress *p, const DlRecord *r) {
    double evaluated = r->seconds - p->trained;
    DlLine part = {.n = 0};
    dl_line_duration(&part, " (", evaluated, " evaluating)");
    bool shows = r->split && evaluated >= 0.1 && evaluated >= 0.05 * r->seconds;
    dl_line_count(l, r->samples_per_second, "samples/s");
    dl_line_duration(l, "", r->seconds, shows ? part.text : "");
    if (r->waited >= 0.1 && r->waited >= 0.05 * r->seconds)
        dl_line_duration(l, "waited ", r->waited, " for data");
}

/* A line that stays goes on where it needs to, behind "epoch 1/10  ". */
static void print_epoch(const DlProgress *p, const DlRecord *r, bool stays) {
    DlLine l = {.width = width_of(p)};
    put_epoch(&l, p, r->epoch);
    if (stays) l.indent = l.width > 3 * l.shown ? l.shown + 2 : 4;
    put_record(&l, p, r);
    put_times(&l, p, r);
    write_line(p, &l, stays ? "\n" : "");
}

void dl_progress_epoch(DlProgress *p, const DlRun *r, DlRecord *record, bool last) {
    double time = now();
    int64_t every = (p->epochs + LINES - 1) / LINES;
    bool kept = record->epoch % every == 0 || record->epoch == p->epochs || last;
    record->seconds = time - p->epoch_begun;
    record->samples_per_second = rate(p, r);
    record->waited = r->waited;
    if (p->json) {
        dl_json_record(p->json, record);
        fflush(p->json);
    }
    if (!p->quiet && kept)
        print_epoch(p, record, true);
    else if (!p->quiet && p->terminal && time - p->drawn >= 0.1) {
        print_epoch(p, record, false);
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
