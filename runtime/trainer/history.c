/* history.c - see history.h. The text: a line with the columns' names, then a line an epoch,
 * numbers as hexadecimals, blanks between. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

static char *copy_of(const char *text, size_t n) {
    char *copy = malloc(n + 1);
    if (!copy) return NULL;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

bool dl_history_open(DlHistory *h, int n, char *const *name, DlError *e) {
    *h = (DlHistory){.name = calloc((size_t)n + 1, sizeof *h->name)};
    for (; h->name && h->n < n; h->n++)
        if (!(h->name[h->n] = copy_of(name[h->n], strlen(name[h->n])))) break;
    if (h->name && h->n == n) return true;
    dl_history_close(h);
    return dl_fail(e, "out of memory for the history of a run");
}

void dl_history_close(DlHistory *h) {
    for (int i = 0; h->name && i < h->n; i++) free(h->name[i]);
    free(h->name);
    free(h->value);
    *h = (DlHistory){0};
}

double *dl_history_row(DlHistory *h, double epoch, DlError *e) {
    size_t width = (size_t)h->n + 1;
    if (h->rows == h->room) {
        int64_t room = h->room ? 2 * h->room : 32;
        double *value = realloc(h->value, (size_t)room * width * sizeof *value);
        if (!value) {
            dl_error(e, "out of memory for the history of a run");
            return NULL;
        }
        h->value = value;
        h->room = room;
    }
    double *row = dl_history_at(h, h->rows++);
    row[0] = epoch;
    for (int i = 0; i < h->n; i++) row[1 + i] = NAN;
    return row;
}

bool dl_history_add(DlHistory *h, const DlRecord *r, DlError *e) {
    double *row = dl_history_row(h, (double)r->epoch, e);
    for (int i = 0; row && i < h->n && i < r->n; i++) row[1 + i] = r->value[i];
    return row != NULL;
}

/* ---- as text ------------------------------------------------------------------------------- */

char *dl_history_text(const DlHistory *h) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    for (int i = 0; i < h->n; i++) fprintf(f, "%s%s", i ? " " : "", h->name[i]);
    fputc('\n', f);
    for (int64_t r = 0; r < h->rows; r++)
        for (int i = 0; i <= h->n; i++)
            fprintf(f, "%a%c", dl_history_at(h, r)[i], i == h->n ? '\n' : ' ');
    bool ok = !ferror(f);
    if (fclose(f) == 0 && ok) return text;
    free(text);
    return NULL;
}

static int column_named(const DlHistory *h, const char *name, size_t length) {
    for (int i = 0; i < h->n; i++)
        if (strlen(h->name[i]) == length && strncmp(h->name[i], name, length) == 0) return i;
    return -1;
}

/* Which column of ours each of the first line's is; how many they are. */
static int match_columns(const DlHistory *h, const char *line, int *to, int most) {
    int n = 0;
    for (size_t length; *line != '\n' && *line != '\0' && n < most; line += length) {
        line += *line == ' ';
        length = strcspn(line, " \n");
        to[n++] = column_named(h, line, length);
    }
    return n;
}

static bool take_row(DlHistory *h, const char **at, const int *to, int n, DlError *e) {
    char *end;
    double epoch = strtod(*at, &end), *row = dl_history_row(h, epoch, e);
    if (!row || end == *at) return false;
    for (int i = 0; i < n; i++) {
        const char *from = end;
        double v = strtod(from, &end);
        if (*from != ' ' || end == from) return false; /* the line has fewer numbers */
        if (to[i] >= 0) row[1 + to[i]] = v;
    }
    *at = end + (*end == '\n');
    return *end == '\n' || *end == '\0';
}

bool dl_history_take(DlHistory *h, const char *text, DlError *e) {
    size_t most = strcspn(text, "\n") + 1;
    int *to = calloc(most, sizeof *to);
    if (!to) return dl_fail(e, "out of memory for the history of a run");
    int n = match_columns(h, text, to, (int)most);
    const char *at = text + strcspn(text, "\n");
    bool ok = *at == '\n';
    h->rows = 0;
    for (at += ok; ok && *at != '\0';) ok = take_row(h, &at, to, n, e);
    if (!ok) h->rows = 0;
    free(to);
    return ok;
}
