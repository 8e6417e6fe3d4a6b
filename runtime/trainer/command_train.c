/* command_train.c - `train`: a run from options to exit code; what is watched, shown, logged and
 * saved while it goes on. The weights' file is written once, when all is done: whatever goes
 * wrong before leaves it as it was. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "job.h"
#include "plot_curves.h"
#include "progress.h"
#include "training.h"

typedef struct Train {
    Job job;
    DlTraining run;
    DlProgress progress;
    DlLog log;
    DlCurves curves;
    int64_t epochs; /* of the whole run */
    char checkpoint[512];
    bool evaluated; /* job.metric are those of the model as it is, on the rows to report */
    bool interrupted, watched; /* watched: signals are */
} Train;

/* ---- before ------------------------------------------------------------------------- */

/* Better said before an hour of training than after it. */
static bool check_writable(Job *j) {
    char folder[512];
    struct stat st;
    snprintf(folder, sizeof folder, "%s", j->weights);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder ? 1 : 0] = '\0';
    if (stat(j->weights, &st) == 0 && !S_ISREG(st.st_mode))
        return dl_fail(&j->error, "%s: is not a file; name another for the weights with --weights",
                j->weights);
    if (access(slash ? folder : ".", W_OK) == 0) return true;
    return dl_fail(&j->error,
            "%s: the weights could not be written there: %s; name another file with --weights",
            j->weights, strerror(errno));
}

static bool check_trainable(Job *j) {
    const dl_model *m = j->table;
    if (m->train_step) return true;
    return dl_fail(
            &j->error, "%s: has nothing to train: add a loss to the model %s", m->source, m->name);
}

static int count_numbers(const Job *j, const char *name) {
    int n = 0;
    for (int i = 0; i < j->table->ntensor; i++)
        n += j->table->tensor[i].role == DL_NUMBER && dl_number_is(&j->table->tensor[i], name);
    return n;
}

static const char *number_to_reduce(const Job *j) {
    const char *name = j->config->control.number;
    return name ? name : "rate";
}

static bool open_watches(Train *t) {
    Job *j = &t->job;
    const DlControl *c = &j->config->control;
    if (c->stops && !dl_watch_open(&t->run.stop, &c->stop, "stop_early", &t->run.record, &j->error))
        return false;
    if (!c->reduces) return true;
    if (count_numbers(j, number_to_reduce(j)) == 0)
        return dl_fail(&j->error, "reduce_on_plateau: the optimiser of %s has no number '%s'",
                j->table->name, number_to_reduce(j));
    return dl_watch_open(
            &t->run.reduce, &c->reduce, "reduce_on_plateau", &t->run.record, &j->error);
}

static const char *split_of_epochs(const DlData *d) {
    return d->validation.rows > 0 ? "validation" : d->test.rows > 0 ? "test" : NULL;
}

static void say_data(const Job *j) {
    const DlData *d = j->data;
    if (j->options->quiet) return;
    dl_data_say(stderr, d);
    fprintf(stderr, "%s: %lld training rows, ", j->table->name, (long long)d->train.rows);
    if (d->validation.rows > 0)
        fprintf(stderr, "%lld validation rows, ", (long long)d->validation.rows);
    fprintf(stderr, "%lld test rows, %d thread%s\n", (long long)d->test.rows, j->session.threads,
            j->session.threads == 1 ? "" : "s");
}

/* The model as it begins: from the seed, from a file's weights, with numbers as they are set. */
static bool begin_model(Train *t) {
    Job *j = &t->job;
    const DlOptions *o = j->options;
    if (o->initial_weights && !dl_weights_begin(&j->session, o->initial_weights, o->nmatch,
                                      o->match, o->quiet ? NULL : stderr, &j->error))
        return false;
    if (o->initial_weights && !o->quiet &&
            !dl_weights_compare(o->initial_weights, &j->data->meta, j->pool, stderr, &j->error))
        return false;
    for (int i = 0; i < o->nset; i++)
        if (!dl_number_set(&j->session, o->set[i], &j->error)) return false;
    return true;
}

static bool begin_or_resume(Train *t) {
    Job *j = &t->job;
    if (!j->options->resume) return begin_model(t);
    if (!dl_checkpoint_load(&t->run, t->checkpoint, &j->error)) return false;
    const DlRun *r = &t->run.run;
    if (j->options->quiet) return true;
    fprintf(stderr, "resumed from %s: after epoch %lld of %lld", t->checkpoint, (long long)r->epoch,
            (long long)t->epochs);
    if (r->batch > 0)
        fprintf(stderr, ", batch %lld of %lld", (long long)r->batch, (long long)dl_run_batches(r));
    fputc('\n', stderr);
    if (t->run.stopped)
        fprintf(stderr, "nothing is left to train: stop_early has ended this run\n");
    else if (r->epoch >= t->epochs)
        fprintf(stderr, "nothing is left to train; --epochs N, of more than %lld, goes on\n",
                (long long)r->epoch);
    return true;
}

static bool open_run(Train *t) {
    Job *j = &t->job;
    const DlOptions *o = j->options;
    DlRequest q = dl_job_request(j, NULL);
    j->data = dl_data_open(&q, &j->error);
    if (!j->data || !dl_session_open(&j->session, j->table, o->threads, o->seed, &j->error))
        return false;
    say_data(j);
    t->run = (DlTraining){.options = o, .meta = &j->data->meta};
    if (!dl_run_open(&t->run.run, &j->session, j->data, j->config, o->seed, &j->error) ||
            !dl_record_open(&t->run.record, &t->run.run, split_of_epochs(j->data), &j->error) ||
            !dl_history_open(&t->run.history, t->run.record.n, t->run.record.name, &j->error) ||
            !open_watches(t))
        return false;
    if (j->config->control.stops && j->config->control.restore_best) {
        t->run.best = calloc(1, j->table->size());
        if (!t->run.best) return dl_fail(&j->error, "out of memory for the best weights");
    }
    return begin_or_resume(t) && (t->run.run.share == 0 || dl_sample_open(&t->run.run, &j->error)) &&
           dl_log_open(&t->log, o->log, &t->run.record, t->run.run.epoch, &j->error);
}

static void close_run(Train *t) {
    dl_run_close(&t->run.run);
    dl_record_close(&t->run.record);
    dl_history_close(&t->run.history);
    dl_log_close(&t->log);
    free(t->run.best);
}

/* ---- an epoch ----------------------------------------------------------------------- */

static bool train_batches(Train *t) {
    DlRun *r = &t->run.run;
    float loss;
    for (int64_t left = dl_run_batches(r) - r->batch; left > 0; left--) {
        if (!dl_run_step(r, &loss, &t->job.error)) return false;
        dl_progress_batch(&t->progress, r);
        t->interrupted = dl_interrupted() && dl_run_between_steps(r);
        if (t->interrupted) return true;
    }
    return true;
}

/* With the averages of the parameters, where there are any: they will be the result. */
static bool evaluate_epoch(Train *t) {
    Job *j = &t->job;
    const DlSplit *s = j->data->validation.rows > 0 ? &j->data->validation : &j->data->test;
    if (!t->run.record.split) return true;
    dl_progress_evaluating(&t->progress, &t->run.run);
    dl_average_swap(&j->session);
    bool ok = dl_evaluate(&j->session, s, j->metric, &j->error);
    dl_average_swap(&j->session);
    t->evaluated = s == dl_job_split(j);
    return ok;
}

static void look_for_best(Train *t) {
    DlTraining *k = &t->run;
    const DlControl *c = &t->job.config->control;
    if (!c->stops) return;
    if (dl_watch_look(&k->stop, &k->record)) {
        if (k->best) memcpy(k->best, k->run.session->model, t->job.table->size());
        k->has_best = k->best != NULL;
        return;
    }
    k->stopped = k->stop.waited >= (c->stop_patience > 1 ? c->stop_patience : 1);
}

static void say_stopped(Train *t) {
    const DlWatch *w = &t->run.stop;
    if (w->best_epoch > 0)
        dl_progress_note(&t->progress, "stopped after epoch %lld: %s was best in epoch %lld, %.6g",
                (long long)t->run.record.epoch, w->name, (long long)w->best_epoch, w->best);
    else
        dl_progress_note(&t->progress, "stopped after epoch %lld: %s is not a number",
                (long long)t->run.record.epoch, w->name);
}

static void reduce_numbers(Train *t) {
    const Job *j = &t->job;
    const DlControl *c = &j->config->control;
    for (int i = 0; i < j->table->ntensor; i++) {
        const dl_tensor *k = &j->table->tensor[i];
        if (k->role != DL_NUMBER || !dl_number_is(k, number_to_reduce(j))) continue;
        float *at = dl_number(&j->session, k->name), before = *at;
        *at = fmaxf((float)((double)before * c->factor), fminf(before, (float)c->least));
        if (*at < before)
            dl_progress_note(&t->progress, "epoch %lld: %s %.6g -> %.6g",
                    (long long)t->run.record.epoch, k->name, (double)before, (double)*at);
    }
}

static void look_for_plateau(Train *t) {
    DlWatch *w = &t->run.reduce;
    const DlControl *c = &t->job.config->control;
    if (!c->reduces) return;
    if (w->cooling > 0) {
        w->cooling--;
        w->waited = 0;
    }
    bool better = dl_watch_look(w, &t->run.record);
    if (better || w->cooling > 0 || w->waited < (c->reduce_patience > 1 ? c->reduce_patience : 1))
        return;
    reduce_numbers(t);
    w->cooling = c->cooldown;
    w->waited = 0;
}

/* A failure to write what is not the result is said, and training goes on. */
static void warn(Train *t, DlError *e) {
    dl_progress_note(&t->progress, "%s %s: warning: %s; training goes on", t->job.options->program,
            "train", e->text);
}

static void draw_curves(Train *t, bool last) {
    DlError e = {""};
    if (!dl_curves_draw(&t->curves, &t->run.history, last, &e)) warn(t, &e);
}

static void save_checkpoint(Train *t) {
    int every = t->job.options->checkpoint_every;
    DlError e = {""};
    bool last = t->run.stopped || t->run.run.epoch >= t->epochs;
    if (every == 0 || (t->run.run.epoch % every != 0 && !last)) return;
    if (!dl_checkpoint_save(&t->run, t->checkpoint, &e)) warn(t, &e);
}

static bool train_epoch(Train *t) {
    DlTraining *k = &t->run;
    DlError e = {""};
    t->evaluated = false;
    dl_progress_start(&t->progress, &t->run.run);
    if (!train_batches(t)) return false;
    if (t->interrupted && k->run.batch < dl_run_batches(&k->run)) return true;
    if (!evaluate_epoch(t)) return false;
    k->record.epoch = k->run.epoch + 1;
    k->record.step = dl_run_steps(&k->run);
    dl_record_fill(&k->record, &k->run, t->job.metric);
    look_for_best(t);
    dl_progress_epoch(&t->progress, &k->run, &k->record, k->stopped);
    if (!dl_log_row(&t->log, &k->record, &e)) warn(t, &e);
    if (!dl_history_add(&k->history, &k->record, &t->job.error)) return false;
    draw_curves(t, false);
    if (k->stopped)
        say_stopped(t);
    else
        look_for_plateau(t);
    dl_run_next(&k->run);
    save_checkpoint(t);
    return true;
}

/* ---- the run ------------------------------------------------------------------------ */

/* The command line once more, for a shell, with --resume. */
static void say_again(const DlOptions *o) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=:,+@%";
    fputs("   ", stderr);
    for (int i = 0; i < o->argc; i++) {
        const char *word = o->argv[i];
        if (strcmp(word, "--resume") == 0) continue;
        if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
            fprintf(stderr, " %s", word);
            continue;
        }
        fputs(" '", stderr);
        for (; *word != '\0'; word++) {
            if (*word == '\'')
                fputs("'\\''", stderr);
            else
                fputc(*word, stderr);
        }
        fputc('\'', stderr);
    }
    fputs(" --resume\n", stderr);
}

static bool save_interrupted(Train *t) {
    const DlRun *r = &t->run.run;
    if (!dl_checkpoint_save(&t->run, t->checkpoint, &t->job.error)) return false;
    fprintf(stderr,
            "interrupted after epoch %lld of %lld, batch %lld of %lld; %s has the run, and\n",
            (long long)r->epoch, (long long)t->epochs, (long long)r->batch,
            (long long)dl_run_batches(r), t->checkpoint);
    say_again(t->job.options);
    fputs("goes on with it\n", stderr);
    return true;
}

__attribute__((format(printf, 2, 3))) static void add(DlError *e, const char *fmt, ...) {
    size_t used = strlen(e->text);
    va_list list;
    va_start(list, fmt);
    vsnprintf(e->text + used, sizeof e->text - used, fmt, list);
    va_end(list);
}

/* What the message of a failed step does not know: which files there are. */
static void add_files(Train *t) {
    DlError *e = &t->job.error;
    if (access(t->job.weights, F_OK) == 0)
        add(e, "\n%s is as it was before this run.", t->job.weights);
    if (t->job.options->checkpoint_every > 0 && access(t->checkpoint, F_OK) == 0)
        add(e, "\n%s is from before: --resume goes on there, with --set rate=... at a smaller rate.",
                t->checkpoint);
}

static bool train_epochs(Train *t) {
    DlTraining *k = &t->run;
    const DlOptions *o = t->job.options;
    bool ok = true;
    dl_progress_begin(&t->progress, stderr, o->json ? stdout : NULL, o->quiet, &k->run, t->epochs);
    t->progress.rates = t->job.config->control.reduces || k->record.scheduled;
    dl_interrupt_begin();
    t->watched = true;
    while (ok && !t->interrupted && !k->stopped && k->run.epoch < t->epochs) ok = train_epoch(t);
    dl_progress_end(&t->progress);
    draw_curves(t, true);
    if (!ok) add_files(t);
    if (ok && t->interrupted && !k->stopped && k->run.epoch < t->epochs)
        ok = save_interrupted(t);
    else
        t->interrupted = false;
    return ok;
}

/* The weights of the best epoch, with the averages and states that it had. */
static void restore_best(Train *t) {
    const dl_model *m = t->job.table;
    unsigned char *model = t->job.session.model;
    if (!t->run.has_best || t->run.stop.best_epoch == t->run.run.epoch) return;
    for (int i = 0; i < m->ntensor; i++) {
        const dl_tensor *k = &m->tensor[i];
        if (k->role == DL_PARAMETER || k->role == DL_STATE || k->role == DL_SLOT)
            memcpy(model + k->offset, t->run.best + k->offset, k->bytes);
    }
    t->evaluated = false;
    if (!t->job.options->quiet)
        fprintf(stderr, "the weights are those of epoch %lld\n", (long long)t->run.stop.best_epoch);
}

/* Hours of training are not lost because a disk is full: another place is tried. */
static bool save_weights(Train *t) {
    Job *j = &t->job;
    const char *folder = getenv("TMPDIR");
    char path[512];
    DlError e = {""};
    if (dl_weights_save(&j->session, &j->data->meta, j->weights, &j->error)) return true;
    snprintf(path, sizeof path, "%s/%s.%ld.safetensors", folder && folder[0] ? folder : "/tmp",
            j->table->name, (long)getpid());
    if (dl_weights_save(&j->session, &j->data->meta, path, &e))
        add(&j->error, "\nThe trained weights are in %s instead.", path);
    else if (j->options->checkpoint_every > 0 && access(t->checkpoint, F_OK) == 0)
        add(&j->error, "\n%s has the run: make room, and go on with --resume.", t->checkpoint);
    return false;
}

static void say_privacy(const Train *t) {
    const DlRun *r = &t->run.run;
    if (r->share == 0 || t->job.options->quiet) return;
    fprintf(stderr, "privacy: epsilon %.3g at delta %g, after %lld steps of %g rows on the average\n",
            dl_sample_epsilon(r), r->config->control.delta, (long long)dl_run_steps(r),
            r->share * (double)r->data->train.rows);
}

static bool finish(Train *t) {
    Job *j = &t->job;
    const DlSplit *s = dl_job_split(j);
    restore_best(t);
    dl_average_swap(&j->session); /* for good: the averages are the result */
    if (!t->evaluated && !dl_evaluate(&j->session, s, j->metric, &j->error)) return false;
    if (!save_weights(t)) return false;
    if (!j->options->quiet) fprintf(stderr, "weights written to %s\n", j->weights);
    say_privacy(t);
    dl_job_say_split(j);
    if (!dl_job_show(j, s) || !dl_job_tap(j, s)) return false;
    return dl_job_print(j);
}

static bool train(Train *t) {
    Job *j = &t->job;
    int epochs = j->options->epochs;
    t->epochs = epochs > 0 ? epochs : j->config->epochs > 0 ? j->config->epochs : 1;
    dl_checkpoint_path(j->weights, t->checkpoint, sizeof t->checkpoint);
    bool ok = check_trainable(j) && check_writable(j) &&
              dl_curves_open(&t->curves, j->options->plot, j->table->name, &j->error) && open_run(t);
    ok = ok && train_epochs(t) && (t->interrupted || finish(t));
    close_run(t);
    return ok;
}

int dl_command_train(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Train t = {.interrupted = false};
    bool ok = dl_job_begin(&t.job, table, c, o) && train(&t);
    int signal = dl_interrupted(), code = dl_job_end(&t.job, ok, "train");
    if (t.watched) dl_interrupt_end();
    return ok && t.interrupted ? 128 + signal : code;
}
