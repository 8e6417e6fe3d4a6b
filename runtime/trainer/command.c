/* command.c - train, evaluate, predict and gradients, from options to exit code. Results go
 * to standard output, everything else to standard error. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"
#include "reader.h"
#include "show.h"

/* What a command has opened; all of it is closed in one place. */
typedef struct Job {
    const dl_model *table;
    const DlConfig *config;
    const DlOptions *options;
    DlError error;
    DlSession session;
    DlData *data;
    DlPool *pool; /* of what came with the weights */
    DlMeta stored;
    char weights[512]; /* the path */
    double *metric;
} Job;

static bool job_begin(Job *j, const dl_model *table, const DlConfig *c, const DlOptions *o) {
    *j = (Job){.table = table, .config = c, .options = o};
    if (o->weights)
        snprintf(j->weights, sizeof j->weights, "%s", o->weights);
    else
        snprintf(j->weights, sizeof j->weights, "%s.safetensors", table->name);
    j->pool = dl_pool_new();
    j->metric = calloc((size_t)table->nmetric + 1, sizeof *j->metric);
    return (j->pool && j->metric) || dl_fail(&j->error, "out of memory");
}

static int job_end(Job *j, bool ok, const char *command) {
    if (!ok) fprintf(stderr, "%s %s: error: %s\n", j->options->program, command, j->error.text);
    dl_session_close(&j->session);
    dl_data_free(j->data);
    dl_pool_free(j->pool);
    free(j->metric);
    return ok ? 0 : 1;
}

static DlRequest request_of(const Job *j, const DlMeta *stored) {
    return (DlRequest){.table = j->table,
            .config = j->config,
            .data_dir = j->options->data_dir,
            .stored = stored};
}

/* A model with the weights of the file, and what prepared their data. */
static bool load_weights(Job *j) {
    if (!j->options->weights && access(j->weights, F_OK) != 0)
        return dl_fail(&j->error,
                "there are no weights: %s is not here; name a file with --weights, "
                "or make one with train",
                j->weights);
    return dl_weights_meta(j->weights, j->pool, &j->stored, &j->error) &&
           dl_session_open(&j->session, j->table, j->options->threads, 0, &j->error) &&
           dl_weights_load(&j->session, j->weights, &j->error);
}

/* ---- results ------------------------------------------------------------------------ */

static void print_metrics(const Job *j) {
    if (j->options->json) {
        putchar('{');
        dl_json_metrics(stdout, j->table, j->metric);
        printf("}\n");
        return;
    }
    for (int i = 0; i < j->table->nmetric; i++)
        printf("%s%s %.6g", i > 0 ? "  " : "", j->table->metric[i], j->metric[i]);
    putchar('\n');
}

static DlClasses classes_of(const DlData *d) {
    return (DlClasses){d->nclass, (const char *const *)d->class_name};
}

/* --show: with --json, standard output is for objects alone. */
static bool show_predictions(Job *j, const DlSplit *s) {
    if (j->options->show == 0 || j->table->nentry < 1) return true;
    void **output = dl_outputs_new(j->table, s->rows, &j->error);
    bool ok = output && dl_predict(&j->session, s, output, &j->error);
    if (ok)
        dl_show_split(j->options->json ? stderr : stdout, j->table, output, s, classes_of(j->data),
                j->options->show);
    if (output) dl_outputs_free(j->table, output);
    return ok;
}

/* The test split, or the training rows when there is none. */
static const DlSplit *split_to_test(const Job *j) {
    if (j->data->test.rows > 0) return &j->data->test;
    return &j->data->train;
}

static void say_split(const Job *j) {
    if (!j->options->quiet && j->data->test.rows == 0)
        fprintf(stderr, "there are no test rows: the metrics are those of the training rows\n");
}

/* ---- train -------------------------------------------------------------------------- */

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

static bool train_epoch(Job *j, DlRun *r, DlProgress *p) {
    float loss;
    for (int64_t i = dl_run_batches(r); i > 0; i--) {
        if (!dl_run_step(r, &loss, &j->error)) return false;
        dl_progress_batch(p, r);
    }
    bool tested = j->data->test.rows > 0;
    if (tested && !dl_evaluate(&j->session, &j->data->test, j->metric, &j->error)) return false;
    DlEpoch e = {r->epoch + 1, dl_run_loss(r), tested ? j->metric : NULL};
    dl_progress_epoch(p, r, &e);
    dl_run_next(r);
    return true;
}

static bool train_epochs(Job *j, int64_t epochs) {
    DlRun r;
    DlProgress p;
    if (!dl_run_open(&r, &j->session, j->data, j->config, j->options->seed, &j->error))
        return false;
    bool ok = true;
    dl_progress_begin(&p, stderr, j->options->json ? stdout : NULL, j->options->quiet, &r, epochs);
    while (ok && r.epoch < epochs) ok = train_epoch(j, &r, &p);
    dl_progress_end(&p);
    dl_run_close(&r);
    return ok;
}

static void say_data(const Job *j) {
    if (!j->options->quiet)
        fprintf(stderr, "%s: %lld training rows, %lld test rows, %d thread%s\n", j->table->name,
                (long long)j->data->train.rows, (long long)j->data->test.rows, j->session.threads,
                j->session.threads == 1 ? "" : "s");
}

static bool train(Job *j) {
    const DlOptions *o = j->options;
    DlRequest q = request_of(j, NULL);
    int64_t epochs = o->epochs > 0 ? o->epochs : j->config->epochs > 0 ? j->config->epochs : 1;
    if (!check_writable(j)) return false;
    j->data = dl_data_open(&q, &j->error);
    if (!j->data || !dl_session_open(&j->session, j->table, o->threads, o->seed, &j->error))
        return false;
    say_data(j);
    /* The metrics of the last epoch are those of the result. */
    bool tested = j->data->test.rows > 0;
    if (!train_epochs(j, epochs) ||
            (!tested && !dl_evaluate(&j->session, &j->data->train, j->metric, &j->error)) ||
            !dl_weights_save(&j->session, &j->data->meta, j->weights, &j->error))
        return false;
    if (!o->quiet) fprintf(stderr, "weights written to %s\n", j->weights);
    say_split(j);
    if (!show_predictions(j, split_to_test(j))) return false;
    print_metrics(j);
    return true;
}

int dl_command_train(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    bool ok = job_begin(&j, table, c, o) && train(&j);
    return job_end(&j, ok, "train");
}

/* ---- evaluate ----------------------------------------------------------------------- */

static bool evaluate(Job *j) {
    if (j->table->nmetric < 1)
        return dl_fail(&j->error, "%s: has nothing to measure; add a loss or a metric to the model",
                j->table->source);
    if (!load_weights(j)) return false;
    DlRequest q = request_of(j, &j->stored);
    j->data = dl_data_open(&q, &j->error);
    if (!j->data || !dl_evaluate(&j->session, split_to_test(j), j->metric, &j->error)) return false;
    say_split(j);
    if (!show_predictions(j, split_to_test(j))) return false;
    print_metrics(j);
    return true;
}

int dl_command_evaluate(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    bool ok = job_begin(&j, table, c, o) && evaluate(&j);
    return job_end(&j, ok, "evaluate");
}

/* ---- predict ------------------------------------------------------------------------ */

/* Class names as they were stored: a text with one name a line. */
static DlClasses stored_classes(Job *j) {
    const char *list = dl_meta_get(&j->stored, "classes");
    int n = list ? 1 : 0;
    for (const char *p = list; p && *p != '\0'; p++) n += *p == '\n';
    const char **name = dl_pool_array(j->pool, n, sizeof *name, &j->error);
    for (int i = 0; name && i < n; i++) {
        size_t length = strcspn(list, "\n");
        name[i] = dl_pool_text(j->pool, list, length, &j->error);
        if (!name[i]) return (DlClasses){0};
        list += length + (list[length] == '\n');
    }
    return (DlClasses){name ? n : 0, (const char *const *)name};
}

static int output_named(const Job *j, const DlBinding *b) {
    const dl_entry *p = &j->table->entry[0];
    if (!b->name) return p->noutput == 1 ? 0 : -1;
    for (int k = 0; k < p->noutput; k++)
        if (strlen(p->output[k].name) == b->length &&
                strncmp(p->output[k].name, b->name, b->length) == 0)
            return k;
    return -1;
}

static bool check_outputs(Job *j) {
    const dl_entry *p = &j->table->entry[0];
    char names[512] = "";
    for (int k = 0; k < p->noutput; k++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", k ? ", " : "", p->output[k].name);
    }
    for (int i = 0; i < j->options->noutput; i++)
        if (output_named(j, &j->options->output[i]) < 0)
            return dl_fail(&j->error,
                    "-o %s: say which output goes there: -o NAME=FILE.npy, where "
                    "NAME is one of %s",
                    j->options->output[i].file, names);
    return true;
}

static bool write_output(Job *j, const DlBinding *b, void *const *output) {
    int k = output_named(j, b);
    const dl_tensor *t = &j->table->entry[0].output[k];
    int64_t shape[DL_RANK + 1];
    if (t->rank > DL_RANK + 1)
        return dl_fail(&j->error, "%s: has more than %d axes", t->name, DL_RANK + 1);
    for (int i = 0; i < t->rank; i++)
        shape[i] = t->shape[i] < 0 ? j->data->train.rows : t->shape[i];
    return dl_npy_write(b->file, t->type, t->rank, shape, output[k], &j->error);
}

static bool give_outputs(Job *j, void *const *output) {
    if (j->options->noutput == 0) {
        dl_show_outputs(
                stdout, j->table, output, j->data->train.rows, stored_classes(j), j->options->json);
        return true;
    }
    for (int i = 0; i < j->options->noutput; i++)
        if (!write_output(j, &j->options->output[i], output)) return false;
    return true;
}

static bool predict(Job *j) {
    if (j->table->nentry < 1 || j->table->entry[0].noutput < 1)
        return dl_fail(&j->error,
                "%s: has no output to predict; add one to the model: output NAME = "
                "expression",
                j->table->source);
    if (!check_outputs(j) || !load_weights(j)) return false;
    DlRequest q = request_of(j, &j->stored);
    j->data = dl_data_given(&q, j->options, false, &j->error);
    if (!j->data) return false;
    void **output = dl_outputs_new(j->table, j->data->train.rows, &j->error);
    bool ok = output && dl_predict(&j->session, &j->data->train, output, &j->error) &&
              give_outputs(j, output);
    if (output) dl_outputs_free(j->table, output);
    return ok;
}

static int missing_option(const DlOptions *o, const char *command, const char *option) {
    fprintf(stderr, "%s %s: %s is needed; see %s --help\n", o->program, command, option,
            o->program);
    return 2;
}

int dl_command_predict(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    if (o->ninput == 0) return missing_option(o, "predict", "--input FILE.npy");
    bool ok = job_begin(&j, table, c, o) && predict(&j);
    return job_end(&j, ok, "predict");
}

/* ---- gradients
 * ----------------------------------------------------------------------------------- */

/* The gradients, as a table of what is stored: so that they are written like weights. */
static bool save_gradients(Job *j, const char *path) {
    const dl_model *m = j->table;
    dl_tensor *tensor = dl_pool_array(j->pool, m->ntensor, sizeof *tensor, &j->error);
    if (!tensor) return false;
    dl_model table = *m;
    table.ntensor = 0;
    table.tensor = tensor;
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].role == DL_GRADIENT) {
            tensor[table.ntensor] = m->tensor[i];
            tensor[table.ntensor++].role = DL_PARAMETER;
        }
    DlSession s = {.table = &table, .model = j->session.work};
    return dl_weights_save(&s, &(DlMeta){0}, path, &j->error);
}

static bool accumulate(Job *j, float *loss) {
    const dl_model *m = j->table;
    DlBatch b;
    int64_t n = j->data->train.rows;
    if (n > m->batch)
        return dl_fail(&j->error,
                "%lld rows are given, and one step takes at most %lld; give fewer, "
                "or set `batch %lld` in the train block",
                (long long)n, (long long)m->batch, (long long)n);
    if (!dl_batch_open(&b, m->input, m->ninput + m->ntarget, n, &j->error)) return false;
    dl_batch_fill(&b, &j->data->train, NULL, 0, n);
    int status = m->accumulate(j->session.model, j->session.work, n, b.data, loss);
    dl_batch_close(&b);
    if (status != DL_OK) dl_session_error(&j->session, status, "computing gradients", &j->error);
    return status == DL_OK;
}

static bool gradients(Job *j) {
    float loss = 0;
    if (!load_weights(j)) return false;
    DlRequest q = request_of(j, &j->stored);
    j->data = dl_data_given(&q, j->options, true, &j->error);
    if (!j->data || !accumulate(j, &loss) || !save_gradients(j, j->options->output[0].file))
        return false;
    printf(j->options->json ? "{\"loss\": " : "loss ");
    dl_json_number(stdout, (double)loss);
    printf(j->options->json ? "}\n" : "\n");
    return true;
}

int dl_command_gradients(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    if (o->ninput == 0) return missing_option(o, "gradients", "--input FILE.npy");
    if (o->noutput != 1) return missing_option(o, "gradients", "-o FILE.safetensors");
    bool ok = job_begin(&j, table, c, o) && gradients(&j);
    return job_end(&j, ok, "gradients");
}
