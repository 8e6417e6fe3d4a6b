/* command_explain.c - `explain`, from options to exit code. Without --method: of a table, when no
 * rows are given, permutation importance over the test rows; else integrated gradients of the given
 * rows, or of the first test rows. Results go to standard output, or where -o says. */
#include <stdlib.h>
#include <string.h>

#include "drawing.h"
#include "explain.h"
#include "near.h"

static bool ends_in(const char *file, const char *end) {
    size_t n = strlen(file), k = strlen(end);
    return n > k && strcmp(file + n - k, end) == 0;
}

static bool is_picture_file(const char *file) {
    return ends_in(file, ".png") || ends_in(file, ".svg");
}

/* What can be known to be wrong before the work begins. */
/* Before any work is done for them. */
static bool check_files(Job *j, DlMethod method) {
    for (int i = 0; i < j->options->noutput; i++) {
        const char *file = j->options->output[i].file;
        if (is_picture_file(file)) {
            if (!dl_drawing_possible(&dl_gnuplot, file, &j->error)) return false;
        } else if (method == DL_PERMUTATION) {
            return dl_fail(&j->error,
                    "-o %s: of permutations a picture can be written (.png, .svg); "
                    "--json prints the numbers",
                    file);
        } else if (!ends_in(file, ".npy")) {
            return dl_fail(&j->error,
                    "-o %s: a picture (.png, .svg) or attributions (.npy) can be "
                    "written",
                    file);
        }
    }
    return true;
}

/* ---- which method
 * --------------------------------------------------------------------------------- */

static DlMethod method_named(const char *name) {
    static const char *const known[] = {"saliency", "integrated", "occlusion"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, known[i]) == 0) return (DlMethod)i;
    return DL_PERMUTATION;
}

/* A model of a table: its inputs are lists of reals, or single values. */
static bool is_table(const dl_model *m) {
    for (int k = 0; k < m->ninput; k++)
        if (m->input[k].rank > 2 || (m->input[k].rank == 2 && m->input[k].type != DL_F32))
            return false;
    return true;
}

static DlMethod method_of(const Job *j) {
    const DlOptions *o = j->options;
    if (o->explanation.method) return method_named(o->explanation.method);
    return o->ninput == 0 && is_table(j->table) ? DL_PERMUTATION : DL_INTEGRATED;
}

/* ---- which class
 * ---------------------------------------------------------------------------------- */

/* An index or a name; of a single output with two classes the first is what it lacks to 1. */
static bool choose_class(Job *j, const DlReport *r, int *class, double *sign) {
    const char *said = j->options->explanation.class;
    int64_t n = r->explainer->classes == 1 && r->classes.n == 2 ? 2 : r->explainer->classes;
    DlNear near = dl_near(said ? said : "");
    char hint[96];
    *class = -1;
    *sign = 1;
    if (!said) return true;
    char *end;
    long index = strtol(said, &end, 10);
    bool number = end != said && *end == '\0' && index >= 0 && index < n;
    for (int i = 0; i < r->classes.n && !number; i++) {
        dl_near_offer(&near, r->classes.name[i], strlen(r->classes.name[i]));
        if (strcmp(r->classes.name[i], said) != 0 || r->classes.n != n) continue;
        index = i;
        number = true;
    }
    dl_near_hint(&near, hint, sizeof hint);
    if (!number)
        return dl_fail(&j->error,
                "--class %s: an element of the output from 0 to %lld was expected, "
                "or the name of a class%s",
                said, (long long)n - 1, hint);
    bool single = r->explainer->classes == 1;
    *class = single ? 0 : (int)index;
    *sign = single && n == 2 && index == 0 ? -1 : 1;
    return true;
}

/* ---- files
 * ---------------------------------------------------------------------------------------- */

static int part_named(const DlExplainer *x, const DlBinding *b) {
    for (int k = 0; k < x->n; k++)
        if (b->name ? strlen(x->part[k].name) == b->length &&
                                strncmp(x->part[k].name, b->name, b->length) == 0
                    : x->n == 1)
            return k;
    return -1;
}

static bool write_attributions(Job *j, const DlReport *r, const DlBinding *b) {
    const DlExplainer *x = r->explainer;
    int k = part_named(x, b);
    if (k < 0)
        return dl_fail(&j->error,
                "-o %s: say of which input: -o NAME=FILE.npy, where NAME is one of "
                "the model's inputs, as in %s=%s",
                b->file, x->part[0].name, b->file);
    const DlPart *p = &x->part[k];
    int64_t shape[DL_RANK + 1], count;
    float *all = dl_times(r->rows, (int64_t)p->elements, &count)
                         ? dl_pool_array(j->pool, count, sizeof *all, &j->error)
                         : NULL;
    if (!all) return dl_fail(&j->error, "out of memory for %lld rows", (long long)r->rows);
    for (int64_t i = 0; i < r->rows; i++)
        memcpy(all + (size_t)i * p->elements, r->row[i].attribution[k], p->elements * sizeof *all);
    for (int i = 0; i < p->tensor->rank; i++) shape[i] = i ? p->tensor->shape[i] : r->rows;
    return dl_npy_write(b->file, DL_F32, p->tensor->rank, shape, all, &j->error);
}

static bool give(Job *j, const DlReport *r) {
    const DlOptions *o = j->options;
    for (int64_t i = 0; i < r->rows && (o->noutput == 0 || o->json); i++)
        dl_explain_print(r, i, o->json);
    for (int i = 0; i < o->noutput; i++)
        if (is_picture_file(o->output[i].file)
                        ? !dl_explain_picture(r, o->output[i].file, &j->error)
                        : !write_attributions(j, r, &o->output[i]))
            return false;
    return true;
}

/* ---- rows
 * ----------------------------------------------------------------------------------------- */

static bool explain_rows(Job *j, DlExplainer *x, DlMethod method, const DlSplit *s) {
    const DlOptions *o = j->options;
    int64_t most = o->explanation.rows ? o->explanation.rows : o->ninput ? s->rows : 1;
    DlReport r = {.explainer = x,
            .method = method,
            .split = s,
            .classes = dl_job_classes(j),
            .rows = most < s->rows ? most : s->rows};
    DlExplained *row = dl_pool_array(j->pool, r.rows, sizeof *row, &j->error);
    int class;
    double sign;
    if (!row || !choose_class(j, &r, &class, &sign)) return false;
    r.row = row;
    for (int64_t i = 0; i < r.rows; i++)
        if (!dl_explain_row(x, method, s, i, &o->explanation, class, sign, &row[i])) return false;
    return give(j, &r);
}

static bool explain_given(Job *j, DlMethod method) {
    DlExplainer x;
    const DlSplit *s = j->options->ninput ? &j->data->train : dl_job_split(j);
    bool ok = dl_explainer_open(&x, &j->session, j->pool, &j->error) &&
              dl_explainer_baseline(&x, j->options->explanation.baseline) &&
              dl_parts_name(&x, &j->stored) && explain_rows(j, &x, method, s);
    dl_explainer_close(&x);
    return ok;
}

static bool permute(Job *j) {
    DlPermutation p;
    const DlOptions *o = j->options;
    if (!dl_permute(j, dl_job_split(j), &o->explanation, &p)) return false;
    dl_job_say_split(j);
    if (o->noutput == 0 || o->json) dl_permutation_print(&p, o->json);
    for (int i = 0; i < o->noutput; i++)
        if (!dl_permutation_picture(&p, o->output[i].file, &j->error)) return false;
    return true;
}

static bool explain(Job *j) {
    DlMethod method = method_of(j);
    if (!check_files(j, method) || !dl_job_load(j)) return false;
    DlRequest q = dl_job_request(j, &j->stored);
    j->data = j->options->ninput ? dl_data_given(&q, j->options, false, &j->error)
                                 : dl_data_open(&q, &j->error);
    if (!j->data) return false;
    return method == DL_PERMUTATION ? permute(j) : explain_given(j, method);
}

int dl_command_explain(const dl_model *table, const DlConfig *c, const DlOptions *o) {
    Job j;
    bool given = o->ninput > 0,
         permutes = o->explanation.method && method_named(o->explanation.method) == DL_PERMUTATION;
    if (given && permutes) {
        fprintf(stderr,
                "%s explain: permutations are of test rows, which the data line of the model "
                "says: --input is of the other methods\n",
                o->program);
        return 2;
    }
    bool ok = dl_job_begin(&j, table, c, o) && explain(&j);
    return dl_job_end(&j, ok, "explain");
}
