/* command.c - evaluate, predict and gradients, from options to exit code, and what training
 * shares with them. Results go to standard output, everything else to standard error. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "plot_classes.h"
#include "progress.h"
#include "show.h"
#include "units.h"

bool dl_job_begin(Job *j, const dl_model *table, const DlConfig *c, const DlOptions *o) {
    *j = (Job){.table = table, .config = c, .options = o};
    if (o->weights)
        snprintf(j->weights, sizeof j->weights, "%s", o->weights);
    else
        snprintf(j->weights, sizeof j->weights, "%s.safetensors", table->name);
    j->pool = dl_pool_new();
    j->metric = calloc(dl_metric_size(table) + 1, sizeof *j->metric);
    return (j->pool && j->metric) || dl_fail(&j->error, "out of memory");
}

int dl_job_end(Job *j, bool ok, const char *command) {
    if (!ok) fprintf(stderr, "%s %s: error: %s\n", j->options->program, command, j->error.text);
    dl_session_close(&j->session);
    dl_data_free(j->data);
    dl_pool_free(j->pool);
    free(j->metric);
    return ok ? 0 : 1;
}

DlRequest dl_job_request(const Job *j, const DlMeta *stored) {
    return (DlRequest){.table = j->table,
            .config = j->config,
            .data_dir = j->options->data_dir,
            .data_memory = j->options->data_memory,
            .stored = stored};
}

bool dl_job_load(Job *j) {
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

bool dl_job_print(Job *j) {
    const dl_model *m = j->table;
    bool ok = true;
    if (j->options->json) {
        putchar('{');
        dl_json_metrics(stdout, m, j->metric);
        ok = dl_units_print(stdout, &j->session, dl_job_split(j), &j->data->meta, true, &j->error);
        printf("}\n");
        return ok;
    }
    const char *between = "";
    for (int i = 0; i < m->nmetric; i++) {
        if (!dl_metric_is_number(m, i)) continue;
        printf("%s%s %.6g", between, m->metric[i], *dl_metric_values(m, j->metric, i));
        between = "  ";
    }
    if (m->nmetric > 0) putchar('\n');
    for (int i = 0; i < m->nmetric; i++)
        if (!dl_metric_is_number(m, i)) dl_metric_print(stdout, m, j->metric, i);
    return dl_units_print(stdout, &j->session, dl_job_split(j), &j->data->meta, false, &j->error);
}

static DlClasses classes_of(const DlData *d) {
    return (DlClasses){d->nclass, (const char *const *)d->class_name};
}

/* --show: with --json, standard output is for objects alone. */
bool dl_job_show(Job *j, const DlSplit *s) {
    if (j->options->show == 0 || j->table->nentry < 1) return true;
    void **output = dl_outputs_new(j->table, s->rows, &j->error);
    bool ok = output && dl_predict(&j->session, s, output, &j->error);
    if (ok)
        dl_show_split(j->options->json ? stderr : stdout, j->table, output, s, classes_of(j->data),
                j->options->show);
    if (output) dl_outputs_free(j->table, output);
    return ok;
}

const DlSplit *dl_job_split(const Job *j) {
    const DlData *d = j->data;
    return d->test.rows > 0 ? &d->test : d->validation.rows > 0 ? &d->validation : &d->train;
}

void dl_job_say_split(const Job *j) {
    if (!j->options->quiet && j->data->test.rows == 0)
        fprintf(stderr, "there are no test rows: the metrics are those of the %s rows\n",
                j->data->validation.rows > 0 ? "validation" : "training");
}

/* ---- evaluate ----------------------------------------------------------------------- */

static const char *split_name(const Job *j) {
    const DlSplit *s = dl_job_split(j);
    return s == &j->data->test ? "test" : s == &j->data->validation ? "validation" : "training";
}

static bool open_classifier(Job *j, void *const *output, DlClassifier *k) {
    const DlSplit *s = dl_job_split(j);
    DlClasses c = classes_of(j->data);
    if (c.n == 0) c = dl_classes_numbered(j->table, s, j->pool, &j->error);
    return dl_classifier_open(k, j->table, output, s, c) ||
           dl_fail(&j->error,
                   "%s: is no classifier, so there are no confusions and no calibration: its first "
                   "output has no element for each class (or one, for two), or its first target is "
                   "not the number of a class",
                   j->table->source);
}

static bool plot_classes(Job *j, const DlClassifier *k) {
    const DlOptions *o = j->options;
    char title[256];
    snprintf(title, sizeof title, "%s, %s rows", j->table->name, split_name(j));
    return (!o->confusion || dl_plot_confusion(o->confusion, title, k, &j->error)) &&
           (!o->calibration || dl_plot_calibration(o->calibration, title, k, &j->error));
}

static bool draw_classes(Job *j) {
    DlClassifier k;
    if (!j->options->confusion && !j->options->calibration) return true;
    if (j->table->nentry < 1)
        return dl_fail(&j->error, "%s: has no output to draw; add one to the model: output NAME = "
                "expression", j->table->source);
    const DlSplit *s = dl_job_split(j);
    void **output = dl_outputs_new(j->table, s->rows, &j->error);
    bool ok = output && dl_predict(&j->session, s, output, &j->error) &&
              open_classifier(j, output, &k) && plot_classes(j, &k);
    if (output) dl_outputs_free(j->table, output);
    return ok;
}

static bool evaluate(Job *j) {
    if (j->table->nmetric < 1)
        return dl_fail(&j->error, "%s: has nothing to measure; add a loss or a metric to the model",
                j->table->source);
    if (!dl_job_load(j)) return false;
    DlRequest q = dl_job_request(j, &j->stored);
    j->data = dl_data_open(&q, &j->error);
    if (!j->data || !dl_evaluate(&j->session, dl_job_split(j), j->metric, &j->error)) return false;
    if (!j->options->quiet) dl_data_say(stderr, j->data);
    dl_job_say_split(j);
    if (!dl_job_show(j, dl_job_split(j)) || !dl_job_tap(j, dl_job_split(j))) return false;
    if (!dl_job_print(j)) return false;
    fflush(stdout);
    return draw_classes(j);
}

int dl_command_evaluate(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    bool ok = dl_job_begin(&j, table, c, o) && evaluate(&j);
    return dl_job_end(&j, ok, "evaluate");
}

/* ---- predict ------------------------------------------------------------------------ */

/* A text with one name a line. */
DlClasses dl_job_classes(Job *j) {
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
                stdout, j->table, output, j->data->train.rows, dl_job_classes(j), j->options->json);
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
    if (!check_outputs(j) || !dl_job_load(j)) return false;
    DlRequest q = dl_job_request(j, &j->stored);
    j->data = dl_data_given(&q, j->options, false, &j->error);
    if (!j->data) return false;
    if (!j->options->quiet) dl_data_say(stderr, j->data);
    void **output = dl_outputs_new(j->table, j->data->train.rows, &j->error);
    bool ok = output && dl_predict(&j->session, &j->data->train, output, &j->error);
    if (ok) dl_units_restore(j->table, &j->stored, j->data->train.rows, output);
    ok = ok && dl_job_tap(j, &j->data->train) && give_outputs(j, output);
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
    bool ok = dl_job_begin(&j, table, c, o) && predict(&j);
    return dl_job_end(&j, ok, "predict");
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
    if (!dl_job_load(j)) return false;
    DlRequest q = dl_job_request(j, &j->stored);
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
    bool ok = dl_job_begin(&j, table, c, o) && gradients(&j);
    return dl_job_end(&j, ok, "gradients");
}
