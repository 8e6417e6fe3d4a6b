/* opened_table.h - for tests of tables: a model, a `data` line, the data that come of them, and what a
 * user's file becomes. Included by one file of a test program. */
#ifndef OPENED_TABLE_H
#define OPENED_TABLE_H

#include "trainer_line.h"

/* ---- a model, its `data` line, and the data that come of it ---------------------------------- */

typedef struct Opened {
    Described d;
    DlData *data;
} Opened;

/* Arguments as "name=value", of which the first may be a file alone; NULL ends. */
static inline void open_table(Opened *o, const char *reader, int ninput, const char *const *model,
        const char *const *argument, const DlMeta *stored) {
    static char text[8][256];
    describe(&o->d, ninput, model);
    for (int i = 0; argument[i]; i++) {
        snprintf(text[i], sizeof text[i], "%s", argument[i]);
        char *equal = strchr(text[i], '=');
        if (equal) *equal = '\0';
        o->d.arg[i] = (DlArg){equal ? text[i] : NULL, equal ? equal + 1 : text[i]};
    }
    o->data = open_data(&o->d, reader, stored);
}

static inline void close_table(Opened *o) {
    close_described(&o->d, o->data);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline double value(const DlSplit *s, int array, int64_t row, int column) {
    const DlArray *a = &s->array[array];
    const void *at = a->at + (size_t)row * a->stride;
    if (a->type == DL_F32) return (double)((const float *)at)[column];
    return a->type == DL_I32 ? ((const int32_t *)at)[column] : ((const double *)at)[column];
}

static inline void near(double got, double want) {
    cr_expect(fabs(got - want) < 1e-6, "%.9g, not %.9g", got, want);
}

static inline void said(const char *text, const char *part) {
    cr_expect(text && strstr(text, part) != NULL, "'%s' is not in: %s", part, text ? text : "");
}

static inline void refused(const char *reader, int ninput, const char *const *model,
        const char *const *argument, const char *part) {
    Opened o;
    open_table(&o, reader, ninput, model, argument, NULL);
    cr_expect_null(o.data);
    said(o.d.error.text, part);
    close_table(&o);
}

/* A user's file, prepared by what came with the weights. */
static inline DlData *given(Opened *o, const char *reader, const char *file, const DlMeta *stored) {
    DlRequest q = {.table = &o->d.model, .config = &o->d.config, .stored = stored};
    DlOptions options = {.ninput = 1, .input = {{NULL, 0, in_folder(file)}}};
    o->d.config.reader = reader;
    o->d.error.text[0] = '\0';
    return dl_data_given(&q, &options, false, &o->d.error);
}

#endif
