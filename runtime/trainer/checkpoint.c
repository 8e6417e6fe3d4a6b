/* checkpoint.c - see training.h. A checkpoint is a safetensors file with everything that the
 * model object holds (weights, states, the optimiser's slots, numbers, seed and step), the
 * weights of the best epoch under the names "best/...", and where the run stands as pairs:
 *
 *     run.data      rows, batch, batches a step, shuffled, a checksum of the training rows
 *     run.position  epochs and batches done, the sum of losses and the rows of this epoch
 *     run.stop      what stop_early has seen: best, its epoch, epochs waited, stopped
 *     run.reduce    the same of reduce_on_plateau, and epochs to cool
 *     run.set       the --set options that the run began with
 *     run.history   the records of its epochs (history.h)
 *
 * Real numbers are written as hexadecimals, and come back the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../dl_format.h"
#include "../dl_object.h"
#include "reader.h"
#include "training.h"

static const char of_best[] = "best/";
enum { PAIRS = 6, TEXT = 256, SETTINGS = 4096 };

void dl_checkpoint_path(const char *weights, char *path, size_t size) {
    static const char usual[] = ".safetensors";
    size_t n = strlen(weights), k = sizeof usual - 1;
    if (n > k && strcmp(weights + n - k, usual) == 0) n -= k;
    snprintf(path, size, "%.*s.checkpoint", (int)n, weights);
}

/* ---- the model and its best, side by side ------------------------------------------- */

/* Two objects in one block of memory, and the table of both. */
typedef struct Pair {
    dl_model table;
    dl_tensor *tensor;
    char *name; /* of the best's tensors */
    unsigned char *block;
    size_t size; /* of one object */
} Pair;

static void pair_close(Pair *p) {
    free(p->tensor);
    free(p->name);
    free(p->block);
}

static size_t names_size(const dl_model *m) {
    size_t n = 1;
    for (int i = 0; i < m->ntensor; i++) n += strlen(m->tensor[i].name) + sizeof of_best;
    return n;
}

/* Rows for the best's weights, behind those of the table. */
static void describe_best(Pair *p, const dl_model *m) {
    char *name = p->name;
    for (int i = 0; i < m->ntensor; i++) {
        if (!dl_is_stored(&m->tensor[i], DL_WEIGHTS)) continue;
        dl_tensor *t = &p->tensor[p->table.ntensor++];
        *t = m->tensor[i];
        t->name = name;
        t->role = DL_SLOT;
        t->offset += p->size;
        name += sprintf(name, "%s%s", of_best, m->tensor[i].name) + 1;
    }
}

/* Copies of the model, and of `best`, which may be NULL: then there is room for it only. */
static bool pair_open(Pair *p, const DlSession *s, const void *best, bool both, DlError *e) {
    const dl_model *m = s->table;
    size_t object = m->size();
    *p = (Pair){.table = *m, .size = (object + 63) / 64 * 64};
    p->tensor = calloc(2 * (size_t)m->ntensor + 1, sizeof *p->tensor);
    p->name = calloc(names_size(m), 1);
    p->block = aligned_alloc(64, 2 * p->size);
    if (!p->tensor || !p->name || !p->block) {
        pair_close(p);
        return dl_fail(e, "out of memory for a checkpoint of %zu bytes", 2 * p->size);
    }
    memcpy(p->tensor, m->tensor, (size_t)m->ntensor * sizeof *p->tensor);
    memset(p->block, 0, 2 * p->size);
    memcpy(p->block, s->model, object);
    if (best) memcpy(p->block + p->size, best, object);
    p->table.tensor = p->tensor;
    if (both) describe_best(p, m);
    return true;
}

/* ---- saving ------------------------------------------------------------------------- */

static uint64_t sum_of_rows(const DlData *d) {
    dl_sum sum = {0};
    for (int k = 0; k < d->ninput + d->ntarget; k++) {
        const DlArray *a = &d->train.array[k];
        int64_t rows = a->fixed ? 1 : d->train.rows;
        for (int64_t i = 0; i < rows; i++) dl_sum_bytes(&sum, dl_row(&d->train, k, i), a->stride);
    }
    return dl_sum_end(&sum);
}

static void describe_data(const DlTraining *t, char text[TEXT]) {
    const DlConfig *c = t->run.config;
    snprintf(text, TEXT, "%lld %lld %lld %d %016llx", (long long)t->run.data->train.rows,
            (long long)t->run.session->table->batch,
            (long long)(c->control.accumulate > 1 ? c->control.accumulate : 1), !c->keep_order,
            (unsigned long long)sum_of_rows(t->run.data));
}

static void describe_watch(const DlWatch *w, int64_t last, char text[TEXT]) {
    snprintf(text, TEXT, "%a %lld %lld %lld", w->best, (long long)w->best_epoch,
            (long long)w->waited, (long long)last);
}

static void describe_settings(const DlOptions *o, char text[SETTINGS]) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < o->nset && used < SETTINGS; i++)
        used += (size_t)snprintf(text + used, SETTINGS - used, "%s\n", o->set[i]);
}

bool dl_checkpoint_save(const DlTraining *t, const char *path, DlError *e) {
    const DlSession *s = t->run.session;
    char text[PAIRS - 2][TEXT], settings[SETTINGS], *history = dl_history_text(&t->history);
    Pair both;
    dl_pair *pair = calloc((size_t)t->meta->n + PAIRS, sizeof *pair);
    bool room = (pair && history) || dl_fail(e, "out of memory");
    if (!room || !pair_open(&both, s, t->best, t->has_best, e)) {
        free(pair);
        free(history);
        return false;
    }
    describe_data(t, text[0]);
    snprintf(text[1], TEXT, "%lld %lld %a %lld", (long long)t->run.epoch, (long long)t->run.batch,
            t->run.loss_sum, (long long)t->run.rows_done);
    describe_watch(&t->stop, t->stopped, text[2]);
    describe_watch(&t->reduce, t->reduce.cooling, text[3]);
    describe_settings(t->options, settings);
    static const char *const key[] = {"run.data", "run.position", "run.stop", "run.reduce"};
    for (int i = 0; i < PAIRS - 2; i++) pair[i] = (dl_pair){key[i], text[i]};
    pair[PAIRS - 2] = (dl_pair){"run.set", settings};
    pair[PAIRS - 1] = (dl_pair){"run.history", history};
    for (int i = 0; i < t->meta->n; i++) pair[PAIRS + i] = t->meta->pair[i];
    int status =
            dl_save_file(&both.table, both.block, DL_CHECKPOINT, t->meta->n + PAIRS, pair, path);
    int why = errno;
    pair_close(&both);
    free(pair);
    free(history);
    return status == DL_OK || dl_fail(e, "%s: the checkpoint cannot be written: %s", path,
                                      status == DL_E_OPEN ? strerror(why) : dl_message(status));
}

/* ---- loading ------------------------------------------------------------------------ */

static bool value_of(const char *path, const char *key, char *text, size_t size) {
    size_t length;
    return dl_file_value(path, key, text, size, &length) == DL_OK && length < size;
}

static bool check_kind(const char *path, DlError *e) {
    dl_kind kind;
    if (access(path, F_OK) != 0)
        return dl_fail(e,
                "there is nothing to resume: %s is not here; a run leaves it with "
                "--checkpoint-every N, or when it is interrupted",
                path);
    int status = dl_file_kind(path, &kind);
    if (status == DL_E_OPEN) return dl_fail(e, "%s: cannot be read: %s", path, strerror(errno));
    if (status != DL_OK) return dl_fail(e, "%s: cannot be read: %s", path, dl_message(status));
    return kind == DL_CHECKPOINT || dl_fail(e,
                                            "%s: holds weights alone, and no run to resume; "
                                            "--initial-weights %s begins a new one with them",
                                            path, path);
}

/* A run goes on with the data and the batches that it began with. */
static bool check_data(const DlTraining *t, const char *path, DlError *e) {
    static const char *const what[] = {"training rows", "rows a batch", "batches a step"};
    char mine[TEXT], its[TEXT];
    long long a[4] = {0}, b[4] = {0};
    describe_data(t, mine);
    if (!value_of(path, "run.data", its, sizeof its))
        return dl_fail(e, "%s: is no checkpoint of a training run", path);
    if (strcmp(mine, its) == 0) return true;
    sscanf(mine, "%lld %lld %lld %lld", &a[0], &a[1], &a[2], &a[3]);
    sscanf(its, "%lld %lld %lld %lld", &b[0], &b[1], &b[2], &b[3]);
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return dl_fail(e,
                    "%s: the run that is resumed has %lld %s, and now there are %lld; a run "
                    "goes on as it began, or begins anew without --resume",
                    path, b[i], what[i], a[i]);
    if (a[3] != b[3])
        return dl_fail(e,
                "%s: the run that is resumed was%s shuffled, and now it would%s be; a run "
                "goes on as it began, or begins anew without --resume",
                path, b[3] ? "" : " not", a[3] ? "" : " not");
    return dl_fail(e,
            "%s: the training data are not those that the run began with; begin anew "
            "without --resume",
            path);
}

static bool read_watch(const char *path, const char *key, DlWatch *w, long long *last) {
    char text[TEXT];
    long long epoch, waited;
    if (!value_of(path, key, text, sizeof text) ||
            sscanf(text, "%la %lld %lld %lld", &w->best, &epoch, &waited, last) != 4)
        return false;
    w->best_epoch = epoch;
    w->waited = waited;
    return true;
}

/* Positions are read before anything is changed. */
typedef struct Position {
    long long epoch, batch, rows, stopped, cooling;
    double loss_sum;
    DlWatch stop, reduce;
} Position;

static bool read_position(const DlTraining *t, const char *path, Position *p, DlError *e) {
    char text[TEXT];
    p->stop = t->stop;
    p->reduce = t->reduce;
    bool ok =
            value_of(path, "run.position", text, sizeof text) &&
            sscanf(text, "%lld %lld %la %lld", &p->epoch, &p->batch, &p->loss_sum, &p->rows) == 4 &&
            read_watch(path, "run.stop", &p->stop, &p->stopped) &&
            read_watch(path, "run.reduce", &p->reduce, &p->cooling) && p->epoch >= 0 &&
            p->batch >= 0 && p->batch <= dl_run_batches(&t->run);
    return ok || dl_fail(e, "%s: is damaged: it does not say where the run stands", path);
}

static void take_position(DlTraining *t, const Position *p) {
    t->run.seed = ((const dl_head *)t->run.session->model)->seed;
    dl_run_seek(&t->run, p->epoch, p->batch);
    t->run.loss_sum = p->loss_sum;
    t->run.rows_done = p->rows;
    t->stop = p->stop;
    t->reduce = p->reduce;
    t->reduce.cooling = p->cooling;
    t->stopped = p->stopped != 0;
}

/* What the file holds beside the model, by the first tensor that only a best has. */
static int load_into(
        Pair *p, const DlSession *s, const char *path, bool *has_best, dl_fault *f, DlError *e) {
    int status = DL_E_MISMATCH;
    for (int both = 0; both < 2 && status == DL_E_MISMATCH; both++) {
        if (!pair_open(p, s, NULL, both, e)) return DL_E_MEMORY;
        status = dl_load_file(&p->table, p->block, DL_CHECKPOINT, path, f);
        *has_best = both;
        if (status != DL_OK) pair_close(p);
    }
    return status;
}

static bool load_model(
        const DlSession *s, const char *path, unsigned char *best, bool *has_best, DlError *e) {
    Pair p;
    dl_fault f = {.tensor = -1};
    int status = load_into(&p, s, path, has_best, &f, e);
    if (status == DL_OK) {
        memcpy(s->model, p.block, s->table->size());
        if (*has_best && best) memcpy(best, p.block + p.size, s->table->size());
        pair_close(&p);
        return true;
    }
    if (status == DL_E_MISMATCH)
        return dl_fail(e,
                "%s: is the checkpoint of another model, or of other optimisers; a run goes "
                "on as it began, or begins anew without --resume",
                path);
    return dl_fail(e, "%s: cannot be read: %s", path,
            status == DL_E_OPEN ? strerror(errno) : dl_message(status));
}

/* A --set that the run began with is in the model already, or has been changed since. */
static bool set_new(const DlTraining *t, const char *path, DlError *e) {
    const DlOptions *o = t->options;
    char text[SETTINGS + 2] = "\n", line[SETTINGS];
    value_of(path, "run.set", text + 1, sizeof text - 1);
    for (int i = 0; i < o->nset; i++) {
        snprintf(line, sizeof line, "\n%s\n", o->set[i]);
        if (!strstr(text, line) && !dl_number_set(t->run.session, o->set[i], e)) return false;
    }
    return true;
}

/* Checkpoints of before there were histories have none: then it begins where the run goes on. */
static bool take_history(DlTraining *t, const char *path, DlError *e) {
    size_t length;
    if (dl_file_value(path, "run.history", NULL, 0, &length) != DL_OK) return true;
    char *text = malloc(length + 1);
    if (!text) return dl_fail(e, "out of memory for the history of a run");
    bool ok = value_of(path, "run.history", text, length + 1) &&
              dl_history_take(&t->history, text, e);
    free(text);
    return ok || dl_fail(e, "%s: is damaged: it does not say what its epochs were like", path);
}

bool dl_checkpoint_load(DlTraining *t, const char *path, DlError *e) {
    const DlOptions *o = t->options;
    Position p = {0};
    bool has_best = false;
    if (!check_kind(path, e) || !check_data(t, path, e) || !read_position(t, path, &p, e) ||
            !take_history(t, path, e) ||
            !load_model(t->run.session, path, t->best, &has_best, e))
        return false;
    uint64_t seed = ((const dl_head *)t->run.session->model)->seed;
    if (o->seed_given && o->seed != seed)
        return dl_fail(e, "%s: the run that is resumed has the seed %llu, and --seed %llu is given",
                path, (unsigned long long)seed, (unsigned long long)o->seed);
    t->has_best = has_best && t->best;
    take_position(t, &p);
    return set_new(t, path, e);
}

bool dl_checkpoint_weights(const DlSession *s, const char *path, DlError *e) {
    bool has_best;
    return load_model(s, path, NULL, &has_best, e);
}
