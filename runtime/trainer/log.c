/* log.c - see record.h: a row an epoch, as a table with a header (.csv) or as one object a line
 * (.jsonl). Each row is written out at once, so that a run can be watched, or killed. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "record.h"

static bool cannot(const char *path, DlError *e) {
    return dl_fail(e, "%s: the log cannot be written: %s", path, strerror(errno));
}

/* The epoch of a row: its first number; the header has none. */
static long long epoch_of(const char *line) {
    const char *digit = line + strcspn(line, "0123456789\n");
    return *digit >= '0' && *digit <= '9' ? strtoll(digit, NULL, 10) : 0;
}

static bool is_header(const char *line) {
    return strncmp(line, "epoch,", 6) == 0;
}

/* Cuts off the rows of later epochs than `epochs`, and what a killed run has left half written. */
static bool cut_after(FILE *f, int64_t epochs) {
    char line[1 << 16];
    long end = 0;
    while (fgets(line, sizeof line, f) && strchr(line, '\n')) {
        if (!is_header(line) && epoch_of(line) > epochs) break;
        end = ftell(f);
    }
    return end >= 0 && ftruncate(fileno(f), end) == 0 && fseek(f, 0, SEEK_END) == 0;
}

static void put_header(FILE *f, const DlRecord *r) {
    fputs("epoch,step", f);
    for (int i = 0; i < r->n; i++) fprintf(f, ",%s", r->name[i]);
    fputs(",samples_per_second,seconds,waiting_seconds\n", f);
}

bool dl_log_open(DlLog *l, const char *path, const DlRecord *r, int64_t epochs, DlError *e) {
    const char *dot = path ? strrchr(path, '.') : NULL;
    *l = (DlLog){.path = path, .json = dot && strcmp(dot, ".jsonl") == 0};
    if (!path) return true;
    if (epochs > 0) l->file = fopen(path, "r+");
    if (l->file && !cut_after(l->file, epochs)) return cannot(path, e);
    if (!l->file) l->file = fopen(path, "w");
    if (!l->file) return cannot(path, e);
    if (!l->json && ftell(l->file) == 0) put_header(l->file, r);
    return fflush(l->file) == 0 || cannot(path, e);
}

static void put_csv(FILE *f, const DlRecord *r) {
    fprintf(f, "%lld,%lld", (long long)r->epoch, (long long)r->step);
    for (int i = 0; i < r->n; i++) {
        fputc(',', f);
        if (isfinite(r->value[i])) dl_json_number(f, r->value[i]);
    }
    fprintf(f, ",%.0f,%.6f,%.6f\n", r->samples_per_second, r->seconds, r->waited);
}

bool dl_log_row(DlLog *l, const DlRecord *r, DlError *e) {
    if (!l->file) return true;
    if (l->json)
        dl_json_record(l->file, r);
    else
        put_csv(l->file, r);
    if (fflush(l->file) == 0) return true;
    cannot(l->path, e);
    dl_log_close(l);
    return false;
}

void dl_log_close(DlLog *l) {
    if (l->file) fclose(l->file);
    l->file = NULL;
}
