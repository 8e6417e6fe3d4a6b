/* prepare.c - which columns an input or a target takes, and as what; which rows train.
 *
 * An input that has a column's name is that column; another takes all columns that remain, in order,
 * or those that `inputs` lists, without those of `except`. A target that has no column's name is
 * what `target` lists, or the last column. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare.h"

/* ---- lists of names ---------------------------------------------------------------------------- */

char **dl_names(DlReading *r, const char *list, int *n) {
    const char *divider = strchr(list, ',') ? "," : " ";
    char **name = dl_pool_array(r->data->pool, (int64_t)strlen(list) + 1, sizeof *name, r->error);
    *n = 0;
    while (name && *list != '\0') {
        list += strspn(list, " ");
        size_t length = strcspn(list, divider), end = length;
        while (end > 0 && list[end - 1] == ' ') end--;
        if (end > 0) name[*n] = dl_pool_text(r->data->pool, list, end, r->error);
        if (end > 0 && !name[(*n)++]) return NULL;
        list += length;
        list += strspn(list, divider);
    }
    return name;
}

bool dl_names_have(char *const *name, int n, const char *sought) {
    for (int i = 0; i < n; i++)
        if (dl_pattern_matches(name[i], sought)) return true;
    return false;
}

/* An argument that is a list of columns. */
typedef struct Names {
    char **name;
    int n;
} Names;

/* Each name must be a column's, or match one; it is replaced by the column's own. */
static bool take_names(DlPreparation *p, const char *argument, Names *out) {
    DlReading *r = p->reading;
    const char *list = dl_arg(r, argument);
    *out = (Names){0};
    if (!list) return true;
    out->name = dl_names(r, list, &out->n);
    for (int i = 0; out->name && i < out->n; i++) {
        int at = dl_table_column(p->table, out->name[i]), matches = 0;
        for (int k = 0; k < p->table->columns; k++)
            matches += dl_pattern_matches(out->name[i], p->table->column[k].name);
        if (at < 0 && matches == 0)
            return dl_table_no_column(p->table, out->name[i], r->error);
        const char *own = at < 0 ? NULL : p->table->column[at].name;
        if (own) out->name[i] = dl_pool_text(r->data->pool, own, strlen(own), r->error);
        if (!out->name[i]) return false;
    }
    return out->name != NULL;
}

/* ---- choosing -------------------------------------------------------------------------------- */

typedef struct Chooser {
    DlPreparation *p;
    bool *taken; /* [columns] */
    Names inputs, targets, except, categories, standardize;
    bool standardize_inputs, standardize_targets, one_hot;
} Chooser;

static bool is_real(const dl_tensor *t) {
    return t->type == DL_F32 || t->type == DL_F64;
}

static bool text_as_number(const Chooser *h, const DlPlan *a, const DlColumn *c) {
    const DlReading *r = h->p->reading;
    return dl_fail(r->error,
            "%s:%d: '%s' is one real number, and column '%s' of %s is text; %s: i32[batch] takes "
            "its index, and f32[batch, categories] a place for each",
            r->request->table->source, a->tensor->line, a->tensor->name, c->name, h->p->table->path,
            a->tensor->name);
}

static bool add_feature(Chooser *h, DlPlan *a, int at) {
    const DlColumn *c = &h->p->table->column[at];
    bool numeric = dl_column_is_numeric(c), real = is_real(a->tensor);
    bool category = !numeric || dl_names_have(h->categories.name, h->categories.n, c->name);
    bool vector = real && (int64_t)dl_tensor_elements(a->tensor) > 1;
    if (category && real && !vector && !a->target) return text_as_number(h, a, c);
    if (category && numeric && c->width > 1)
        return dl_fail(h->p->reading->error,
                "%s: column '%s' holds arrays of numbers, which are no categories", h->p->table->path,
                c->name);
    DlFeature *f = &a->feature[a->n++];
    *f = (DlFeature){.column = c->name,
            .at = at,
            .width = c->width,
            .is_category = category,
            .numeric = numeric,
            .one_hot = category && vector && (h->one_hot || a->target)};
    bool asked = a->target ? h->standardize_targets : h->standardize_inputs;
    f->standardized = !category && real &&
                      (asked || dl_names_have(h->standardize.name, h->standardize.n, c->name));
    h->taken[at] = true;
    return true;
}

static bool open_plan(Chooser *h, DlPlan *a, int k) {
    const dl_model *m = h->p->reading->request->table;
    *a = (DlPlan){.tensor = &m->input[k], .target = k >= m->ninput};
    a->feature = dl_pool_array(h->p->reading->data->pool, h->p->table->columns,
            sizeof *a->feature, h->p->reading->error);
    return a->feature != NULL;
}

static bool choose_target(Chooser *h, DlPlan *a, bool only) {
    const DlTable *t = h->p->table;
    DlError *e = h->p->reading->error;
    int at = dl_table_column(t, a->tensor->name);
    if (only && h->targets.n > 0) {
        for (int i = 0; i < t->columns; i++)
            if (dl_names_have(h->targets.name, h->targets.n, t->column[i].name) &&
                    !add_feature(h, a, i))
                return false;
        return true;
    }
    if (at < 0 && !only) return dl_table_no_column(t, a->tensor->name, e);
    return add_feature(h, a, at < 0 ? t->columns - 1 : at);
}

/* The columns that no array has taken: in the order of `inputs`, or of the table. */
static bool choose_rest(Chooser *h, DlPlan *a) {
    const DlTable *t = h->p->table;
    char *every = "*", **order = h->inputs.n > 0 ? h->inputs.name : &every;
    for (int k = 0; k < (h->inputs.n > 0 ? h->inputs.n : 1); k++)
        for (int i = 0; i < t->columns; i++) {
            const char *name = t->column[i].name;
            bool out = h->taken[i] || !dl_pattern_matches(order[k], name) ||
                       dl_names_have(h->except.name, h->except.n, name);
            if (!out && !add_feature(h, a, i)) return false;
        }
    return a->n > 0 || dl_fail(h->p->reading->error, "%s: no column is left for the input '%s'",
                               t->path, a->tensor->name);
}

static bool choose_inputs(Chooser *h, int ninput) {
    const DlTable *t = h->p->table;
    DlPlan *rest = NULL;
    for (int k = 0; k < ninput; k++) {
        DlPlan *a = &h->p->plan[k];
        int at = dl_table_column(t, a->tensor->name);
        if (at < 0 && rest)
            return dl_table_no_column(t, a->tensor->name, h->p->reading->error);
        if (at < 0)
            rest = a;
        else if (!add_feature(h, a, at))
            return false;
    }
    return !rest || choose_rest(h, rest);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool take_boolean(const DlReading *r, const char *name, bool otherwise, bool *out) {
    const char *text = dl_arg(r, name);
    *out = text ? strcmp(text, "true") == 0 : otherwise;
    return !text || *out || strcmp(text, "false") == 0 ||
           dl_fail(r->error, "data %s: %s is '%s', and must be true or false", r->reader->name,
                   name, text);
}

static bool take_standardize(Chooser *h) {
    const char *said = dl_arg(h->p->reading, "standardize");
    if (!said || strcmp(said, "false") == 0) return true;
    h->standardize_targets = strcmp(said, "all") == 0;
    h->standardize_inputs = h->standardize_targets || strcmp(said, "true") == 0;
    return h->standardize_inputs || take_names(h->p, "standardize", &h->standardize);
}

static bool take_arguments(Chooser *h) {
    return take_names(h->p, "inputs", &h->inputs) && take_names(h->p, "target", &h->targets) &&
           take_names(h->p, "except", &h->except) &&
           take_names(h->p, "categories", &h->categories) && take_standardize(h) &&
           take_boolean(h->p->reading, "one_hot", true, &h->one_hot);
}

bool dl_plan_choose(DlPreparation *p) {
    const DlReading *r = p->reading;
    const dl_model *m = r->request->table;
    Chooser h = {.p = p};
    p->nplan = m->ninput + m->ntarget;
    p->plan = dl_pool_array(r->data->pool, p->nplan, sizeof *p->plan, r->error);
    h.taken = dl_pool_array(r->data->pool, p->table->columns, sizeof *h.taken, r->error);
    if (!p->plan || !h.taken || !take_arguments(&h)) return false;
    for (int k = 0; k < p->nplan; k++)
        if (!open_plan(&h, &p->plan[k], k)) return false;
    for (int k = m->ninput; k < p->nplan; k++)
        if (!choose_target(&h, &p->plan[k], m->ntarget == 1)) return false;
    for (int i = 0; m->ntarget == 0 && i < p->table->columns; i++)
        h.taken[i] = dl_names_have(h.targets.name, h.targets.n, p->table->column[i].name);
    return choose_inputs(&h, m->ninput);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool take_missing(DlPreparation *p) {
    static const char *const word[] = {"median", "mean", "most_frequent", "drop", "refuse"};
    const char *said = dl_arg(p->reading, "missing");
    for (int i = MISSING_MEDIAN; said && i <= MISSING_REFUSE; i++)
        if (strcmp(said, word[i]) == 0) {
            p->missing = (DlMissing)i;
            return true;
        }
    return !said || dl_fail(p->reading->error,
                            "data %s: missing is '%s', and must be median, mean, most_frequent, drop "
                            "or refuse",
                            p->reading->reader->name, said);
}

static bool is_missing(const DlTable *t, const DlFeature *f, int64_t row) {
    const DlColumn *c = &t->column[f->at];
    return c->code ? c->code[row] < 0 : isnan(c->number[row * c->width]);
}

static bool missing_value(const DlPreparation *p, const DlFeature *f, int64_t row) {
    return dl_fail(p->reading->error,
            "%s:%lld: column '%s' has no value; fill it in%s", p->table->path,
            (long long)dl_table_line(p->table, row), f->column,
            p->given ? ", since what was trained on had none missing or left such rows out"
                     : ", remove the record, or say how: missing: \"median\", \"mean\", "
                       "\"most_frequent\" or \"drop\"");
}

/* What lacks its target says nothing; what lacks an input may be filled. */
static bool settle_row(DlPreparation *p, int64_t row, bool *out) {
    for (int k = 0; k < p->nplan; k++) {
        const DlPlan *a = &p->plan[k];
        for (int i = 0; i < a->n; i++) {
            if ((!a->target && !a->feature[i].keeps_missing && p->missing < MISSING_DROP) ||
                    !is_missing(p->table, &a->feature[i], row))
                continue;
            if (p->given || p->missing == MISSING_REFUSE)
                return missing_value(p, &a->feature[i], row);
            *out = true;
        }
    }
    return true;
}

/* Rows keep their order; every so many-th tests, and validation takes its share of the others. */
static bool settle_rows(DlPreparation *p, double test) {
    DlReading *r = p->reading;
    int64_t rows = p->table->rows, kept = 0, trains = 0;
    p->role = dl_pool_array(r->data->pool, rows, 1, r->error);
    bool *held = dl_pool_array(r->data->pool, rows, sizeof *held, r->error);
    if (!p->role || !held) return false;
    for (int64_t i = 0; i < rows; i++) {
        bool out = false;
        if (!settle_row(p, i, &out)) return false;
        p->role[i] = out ? ROW_LEFT_OUT : dl_row_tests(kept++, test) ? ROW_TESTS : ROW_TRAINS;
        trains += p->role[i] == ROW_TRAINS;
    }
    if (trains == 0 && kept == 0)
        return dl_fail(r->error, "%s: no record has values in all of the columns that are needed",
                p->table->path);
    if (!p->given && !dl_data_held(r, trains, held)) return false;
    for (int64_t i = 0, n = 0; i < rows; i++) {
        if (p->role[i] == ROW_TRAINS && held[n++]) p->role[i] = ROW_VALIDATES;
        p->count[p->role[i]]++;
    }
    dl_pool_drop(r->data->pool, held);
    return p->count[ROW_TRAINS] > 0 ||
           dl_fail(r->error, "data %s: of %lld rows none is left for training; make 'test' smaller",
                   r->reader->name, (long long)kept);
}

bool dl_plan_read(DlPreparation *p, double test) {
    if (!p->given && !take_missing(p)) return false;
    for (int k = 0; k < p->nplan; k++)
        for (int i = 0; i < p->plan[k].n; i++) {
            const DlFeature *f = &p->plan[k].feature[i];
            DlColumn *c = &p->table->column[f->at];
            if (c->wanted && c->as_text != (f->is_category && !f->numeric))
                return dl_fail(p->reading->error,
                        "%s: column '%s' is wanted as numbers and as texts", p->table->path,
                        c->name);
            c->wanted = true;
            c->as_text = f->is_category && !f->numeric;
        }
    return dl_table_load(p->table, p->reading->error) && settle_rows(p, test);
}
