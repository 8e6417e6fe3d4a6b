/* line.c - see line.h. */
#include "line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void append(DlLine *l, const char *text) {
    size_t n = strlen(text);
    if (l->n + n + 1 > sizeof l->text) return;
    memcpy(l->text + l->n, text, n + 1);
    l->n += n;
}

void dl_line_put(DlLine *l, const char *text, int columns) {
    char blanks[64];
    int gap = l->shown > 0 ? 2 : 0;
    bool fits = l->width == 0 || l->shown + gap + columns < l->width;
    l->full = l->full || (!fits && l->indent == 0);
    if (l->full) return;
    if (!fits && l->shown > l->indent) {
        snprintf(blanks, sizeof blanks, "\n%*s", l->indent, "");
        append(l, blanks);
        l->shown = l->indent;
        gap = 0;
    }
    if (gap) append(l, "  ");
    append(l, text);
    l->shown += gap + columns;
}

void dl_line_text(DlLine *l, const char *text) {
    dl_line_put(l, text, (int)strlen(text));
}

void dl_line_number(DlLine *l, const char *name, double v) {
    char text[200];
    snprintf(text, sizeof text, "%s %.4g", name, v);
    dl_line_text(l, text);
}

void dl_line_count(DlLine *l, double v, const char *unit) {
    char digits[32], text[96];
    int n = snprintf(digits, sizeof digits, "%.0f", fmin(fmax(v, 0), 1e15)), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    snprintf(text + at, sizeof text - (size_t)at, " %s", unit);
    dl_line_text(l, text);
}

void dl_line_duration(DlLine *l, const char *before, double seconds, const char *behind) {
    char time[64], text[160];
    long long whole = (long long)fmin(fmax(seconds, 0) + 0.5, 1e15);
    long long minutes = whole / 60, hours = minutes / 60;
    if (seconds < 0.001)
        snprintf(time, sizeof time, "%.0f us", 1e6 * fmax(seconds, 0));
    else if (seconds < 0.0995)
        snprintf(time, sizeof time, "%.1f ms", 1000 * seconds);
    else if (whole < 60)
        snprintf(time, sizeof time, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
    else if (hours < 1)
        snprintf(time, sizeof time, "%lld min %02lld s", minutes, whole % 60);
    else if (hours < 48)
        snprintf(time, sizeof time, "%lld h %02lld min", hours, minutes % 60);
    else
        snprintf(time, sizeof time, "%lld d %02lld h", hours / 24, hours % 24);
    snprintf(text, sizeof text, "%s%s%s", before, time, behind);
    dl_line_text(l, text);
}
