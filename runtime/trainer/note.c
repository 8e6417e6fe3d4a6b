/* note.c - what preparation did to the data that their user may want to know: lines that a command
 * says once. */
#include <stdarg.h>
#include <string.h>

#include "reader.h"

bool dl_data_note(DlReading *r, const char *fmt, ...) {
    char line[1024];
    DlData *d = r->data;
    size_t n = d->note ? strlen(d->note) : 0;
    va_list list;
    va_start(list, fmt);
    vsnprintf(line, sizeof line, fmt, list);
    va_end(list);
    char *note = dl_pool_resize(d->pool, d->note, n + strlen(line) + 2, r->error);
    if (!note) return false;
    memcpy(note + n, line, strlen(line));
    memcpy(note + n + strlen(line), "\n", 2);
    d->note = note;
    return true;
}

void dl_data_say(FILE *f, const DlData *d) {
    if (d->note) fputs(d->note, f);
    if (d->source) dl_data_say(f, d->source);
}
