/* trainer_line.h - for the trainer's tests: a model written by hand behind the describing
 * table, y = w x + b with squared error and gradient descent; and tables that describe
 * models without any code, for the data readers. Included by one file of a test program. */
#ifndef TRAINER_LINE_H
#define TRAINER_LINE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../runtime/dl_object.h"
#include "../../runtime/trainer/reader.h"

/* ---- y = w x + b -------------------------------------------------------------------- */

typedef struct Line {
    dl_head head; /* as every model has it: seed and step are saved from there */
    float rate, w, b;
} Line;
typedef struct LineWork {
    dl_fault fault;
    float dw, db;
} LineWork;
typedef struct LineTotals {
    double square, absolute;
    int64_t rows;
} LineTotals;

static const int64_t line_shape[] = {-1, 1}, line_one[] = {1};

static const dl_tensor line_tensors[] = {
        {"dense.w", DL_PARAMETER, DL_F32, 1, line_one, offsetof(Line, w), 4, 0, 5},
        {"dense.b", DL_PARAMETER, DL_F32, 1, line_one, offsetof(Line, b), 4, 0, 5},
        {"rate", DL_NUMBER, DL_F32, 0, NULL, offsetof(Line, rate), 4, 0, 9},
        {"dense.w", DL_GRADIENT, DL_F32, 1, line_one, offsetof(LineWork, dw), 4, 0, 5},
        {"dense.b", DL_GRADIENT, DL_F32, 1, line_one, offsetof(LineWork, db), 4, 0, 5},
        {"x", DL_INPUT, DL_F32, 2, line_shape, 0, 32, 0, 2},
        {"y", DL_TARGET, DL_F32, 2, line_shape, 0, 32, 0, 3},
};

static const dl_tensor line_output[] = {
        {"prediction", DL_OUTPUT, DL_F32, 2, line_shape, 0, 32, 0, 6},
};

static size_t line_size(void) {
    return sizeof(Line);
}

static size_t line_work_size(int threads) {
    return threads > 0 ? sizeof(LineWork) : 0;
}

static int line_init(void *mem, size_t size, uint64_t seed, void **model) {
    if (!mem || size < sizeof(Line) || (uintptr_t)mem % 64 != 0) return DL_E_SIZE;
    *(Line *)mem = (Line){.head = {.seed = seed}, .rate = 0.1f, .w = (float)(seed % 7) - 3};
    *model = mem;
    return DL_OK;
}

static int line_work_init(void *mem, size_t size, int threads, void **work) {
    if (!mem || size < sizeof(LineWork) || threads < 1 || (uintptr_t)mem % 64 != 0)
        return DL_E_SIZE;
    *(LineWork *)mem = (LineWork){{DL_OK, -1, -1}, 0, 0};
    *work = mem;
    return DL_OK;
}

static int line_accumulate(
        void *model, void *work, int64_t n, const void *const *data, float *loss) {
    const Line *l = model;
    LineWork *k = work;
    const float *x = data[0], *y = data[1];
    k->dw = k->db = *loss = 0;
    if (n < 1 || n > 8) return DL_E_ROWS;
    for (int64_t i = 0; i < n; i++) {
        float e = l->w * x[i] + l->b - y[i];
        *loss += e * e / (float)n;
        k->dw += 2 * e * x[i] / (float)n;
        k->db += 2 * e / (float)n;
    }
    if (isfinite(*loss)) return DL_OK;
    k->fault = (dl_fault){DL_E_LOSS, -1, -1};
    return DL_E_LOSS;
}

static int line_apply(void *model, void *work) {
    Line *l = model;
    const LineWork *k = work;
    l->head.step++;
    l->w -= l->rate * k->dw;
    l->b -= l->rate * k->db;
    return DL_OK;
}

static int line_step(void *model, void *work, int64_t n, const void *const *data, float *loss) {
    int status = line_accumulate(model, work, n, data, loss);
    return status == DL_OK ? line_apply(model, work) : status;
}

static int line_evaluate(
        const void *model, void *work, int64_t n, const void *const *data, void *totals) {
    const Line *l = model;
    LineTotals *t = totals;
    const float *x = data[0], *y = data[1];
    (void)work;
    for (int64_t i = 0; i < n; i++) {
        double e = (double)(l->w * x[i] + l->b - y[i]);
        t->square += e * e;
        t->absolute += fabs(e);
        t->rows++;
    }
    return DL_OK;
}

static void line_results(const void *totals, double *metric) {
    const LineTotals *t = totals;
    metric[0] = t->square / (double)t->rows;
    metric[1] = t->absolute / (double)t->rows;
}

static int line_predict(
        const void *model, void *work, int64_t n, const void *const *input, void *const *output) {
    const Line *l = model;
    const float *x = input[0];
    float *y = output[0];
    (void)work;
    for (int64_t i = 0; i < n; i++) y[i] = l->w * x[i] + l->b;
    return DL_OK;
}

static const dl_fault *line_fault(const void *work) {
    return &((const LineWork *)work)->fault;
}

static const char *line_message(int status) {
    return dl_message(status);
}

static const char *const line_metrics[] = {"loss", "mean_absolute_error"};

static const dl_entry line_entry = {
        "predict", 1, 1, &line_tensors[5], line_output, line_predict, NULL};

static int line_save(const void *model, const char *path);
static int line_load(void *model, const char *path);

static const dl_model line_model = {
        DL_ABI,
        "line",
        "line.dl",
        "0.1",
        8,
        7,
        line_tensors,
        1,
        1,
        &line_tensors[5],
        2,
        line_metrics,
        sizeof(LineTotals),
        1,
        &line_entry,
        line_size,
        line_work_size,
        line_init,
        line_work_init,
        line_step,
        line_accumulate,
        line_apply,
        line_evaluate,
        line_results,
        line_save,
        line_load,
        line_fault,
        line_message,
        NULL,
        0,
};

static int line_save(const void *model, const char *path) {
    return dl_save(&line_model, model, path);
}

static int line_load(void *model, const char *path) {
    return dl_load(&line_model, model, path);
}

/* ---- a folder of files -------------------------------------------------------------- */

static char folder[64];

static inline void make_folder(void) {
    unsetenv("DLC_DATA");
    strcpy(folder, "/tmp/trainer.XXXXXX");
    if (!mkdtemp(folder)) abort();
}

static inline void remove_folder(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) abort();
}

static inline const char *in_folder(const char *name) {
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static inline void write_file(const char *name, const void *bytes, size_t n) {
    FILE *f = fopen(in_folder(name), "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) abort();
}

static inline void write_text(const char *name, const char *text) {
    write_file(name, text, strlen(text));
}

/* ---- describing models for the readers ---------------------------------------------- */

typedef struct Described {
    dl_tensor tensor[4];
    dl_model model;
    DlConfig config;
    DlArg arg[8];
    DlError error;
} Described;

/* inputs and targets as "name type shape", such as "image u8 -1 28 28"; NULL ends. */
static inline void describe(Described *d, int ninput, const char *const *tensor) {
    static int64_t shapes[4][6];
    *d = (Described){.model = {.abi = DL_ABI, .name = "m", .source = "m.dl", .batch = 4}};
    int n = 0;
    for (; tensor[n]; n++) {
        char name[4][32] = {""};
        long long s[5];
        int axes = sscanf(tensor[n], "%31s %31s %lld %lld %lld %lld %lld", name[0], name[1], &s[0],
                           &s[1], &s[2], &s[3], &s[4]) -
                   2;
        for (int i = 0; i < axes; i++) shapes[n][i] = s[i];
        dl_type t = strcmp(name[1], "u8") == 0    ? DL_U8
                    : strcmp(name[1], "i32") == 0 ? DL_I32
                                                  : DL_F32;
        d->tensor[n] = (dl_tensor){.name = strdup(name[0]),
                .type = t,
                .rank = axes,
                .shape = shapes[n],
                .line = n + 2,
                .role = n < ninput ? DL_INPUT : DL_TARGET};
    }
    d->model.ninput = ninput;
    d->model.ntarget = n - ninput;
    d->model.input = d->tensor;
    d->config.directory = folder;
}

static inline DlData *open_data(Described *d, const char *reader, const DlMeta *stored) {
    DlRequest q = {.table = &d->model, .config = &d->config, .stored = stored};
    d->config.readers = dl_all_readers;
    d->config.reader = reader;
    d->config.arg = d->arg;
    while (d->config.narg < 8 && d->arg[d->config.narg].text) d->config.narg++;
    d->error.text[0] = '\0';
    return dl_data_open(&q, &d->error);
}

static inline void close_described(Described *d, DlData *data) {
    dl_data_free(data);
    for (int i = 0; i < 4; i++) free((char *)(uintptr_t)d->tensor[i].name);
}

#endif
