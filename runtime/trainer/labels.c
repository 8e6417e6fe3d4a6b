/* labels.c - labels of files, from a pattern of their names or from their folders, and the numbers
 * of the classes that they make. A pattern matches from the left with as little as will do: of
 * "{label}_*.wav", `7_jackson_32.wav` has the label 7. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "labels.h"

enum { LONGEST_NAME = 4096 };

static const char mark[] = "{label}";

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool dl_file_fits(const char *pattern, const char *path) {
    return fnmatch(pattern, strchr(pattern, '/') ? path : last_part(path), 0) == 0;
}

/* ---- a label ------------------------------------------------------------------------ */

static bool part_fits(const char *pattern, const char *text, size_t length) {
    char part[LONGEST_NAME];
    if (length >= sizeof part) return false;
    memcpy(part, text, length);
    part[length] = '\0';
    return fnmatch(pattern, part, 0) == 0;
}

/* Where in `name` the label lies: the first begin, and for that the first end, that leave the
 * pattern's two sides what fits them. */
static bool find_label(const char *pattern, const char *name, const char **at, size_t *length) {
    const char *after = strstr(pattern, mark);
    char before[LONGEST_NAME];
    size_t n = strlen(name), side = (size_t)(after - pattern);
    if (side >= sizeof before) return false;
    memcpy(before, pattern, side);
    before[side] = '\0';
    after += strlen(mark);
    for (size_t i = 0; i < n; i++) {
        if (!part_fits(before, name, i)) continue;
        for (size_t k = i + 1; k <= n; k++)
            if (fnmatch(after, name + k, 0) == 0) {
                *at = name + i;
                *length = k - i;
                return true;
            }
    }
    return false;
}

static const char *label_by_pattern(
        DlReading *r, const char *from, const char *path, const char *pattern) {
    const char *name = strchr(pattern, '/') ? path : last_part(path), *at;
    size_t length;
    if (!strstr(pattern, mark)) {
        dl_error(r->error,
                "data %s: label is '%s', and must say where in a file's name the label "
                "stands: label: \"{label}_*\"",
                r->reader->name, pattern);
        return NULL;
    }
    if (find_label(pattern, name, &at, &length))
        return dl_pool_text(r->data->pool, at, length, r->error);
    dl_error(r->error,
            "%s: %s does not fit label: \"%s\"; rename or remove it, or change the pattern", from,
            path, pattern);
    return NULL;
}

const char *dl_label_of(DlReading *r, const char *from, const char *path, const char *pattern) {
    if (pattern) return label_by_pattern(r, from, path, pattern);
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/') begin--;
    if (end) return dl_pool_text(r->data->pool, begin, (size_t)(end - begin), r->error);
    dl_error(r->error,
            "%s: %s lies in no folder that says its class; make a folder of each class, or "
            "say where in the name the class stands: label: \"{label}_*\"",
            from, path);
    return NULL;
}

/* ---- classes ------------------------------------------------------------------------ */

typedef struct Classes {
    int64_t n;
    const char **name; /* in the order of their numbers */
} Classes;

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool distinct(DlReading *r, int64_t n, const char *const *label, Classes *c) {
    c->name = dl_pool_array(r->data->pool, n + 1, sizeof *c->name, r->error);
    if (!c->name) return false;
    for (int64_t i = 0; i < n; i++) c->name[i] = label[i];
    if (n > 0) qsort(c->name, (size_t)n, sizeof *c->name, by_name);
    for (int64_t i = 0; i < n; i++)
        if (c->n == 0 || strcmp(c->name[c->n - 1], c->name[i]) != 0) c->name[c->n++] = c->name[i];
    return true;
}

/* One a line, sorted as they were made. */
static bool stored(DlReading *r, const char *list, Classes *c) {
    int64_t lines = 1;
    for (const char *p = list; *p != '\0'; p++) lines += *p == '\n';
    c->name = dl_pool_array(r->data->pool, lines, sizeof *c->name, r->error);
    for (; c->name && c->n < lines; c->n++) {
        size_t length = strcspn(list, "\n");
        c->name[c->n] = dl_pool_text(r->data->pool, list, length, r->error);
        if (!c->name[c->n]) return false;
        list += length + (list[length] == '\n');
    }
    return c->name != NULL;
}

static bool no_class(const DlReading *r, const char *from, const char *path, const char *label,
        const Classes *c) {
    char list[1024] = "";
    for (int64_t i = 0; i < c->n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", c->name[i]);
    }
    return dl_fail(r->error, "%s: %s is a '%s', and the classes that the weights know are %s", from,
            path, label, list);
}

bool dl_label_classes(DlReading *r, const char *from, int64_t n, const char *const *path,
        const char *const *label, int32_t *number) {
    const char *list = dl_meta_get(r->request->stored, "classes");
    Classes c = {0};
    if (!(list ? stored(r, list, &c) : distinct(r, n, label, &c))) return false;
    if (c.n > INT32_MAX) return dl_fail(r->error, "%s: holds too many classes", from);
    for (int64_t i = 0; i < n; i++) {
        const char **at = bsearch(&label[i], c.name, (size_t)c.n, sizeof *c.name, by_name);
        if (!at) return no_class(r, from, path[i], label[i], &c);
        number[i] = (int32_t)(at - c.name);
    }
    return dl_data_classes(r, (int)c.n, c.name);
}
