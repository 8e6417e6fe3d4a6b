/* explain.c - methods that explain single rows, by calls of the entry `explain`.
 *
 * Saliency (Simonyan and others, 2013): the size of the score's gradient.
 * Integrated gradients (Sundararajan, Taly and Yan, 2017): the mean of the gradients on the
 * straight way from the baseline to the row, at the middles of equal steps, times that way. What
 * they add up to is the score's difference between the two, but for the steps' error, which is
 * reported.
 * Occlusion (Zeiler and Fergus, 2014): what the score loses where a patch is as in the baseline; a
 * place has the mean over the patches that hide it.
 *
 * A call has the same row in all its places, with other presences. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* ---- the entry's tensors --------------------------------------------------------------------- */

static int port_named(const dl_tensor *t, int n, const char *name, const char *suffix) {
    size_t length = strlen(name);
    for (int k = 0; k < n; k++)
        if (strncmp(t[k].name, name, length) == 0 && strcmp(t[k].name + length, suffix) == 0)
            return k;
    return -1;
}

/* A row as a picture: a list lies, and leading axes stand below one another. */
static void measure(DlPart *p) {
    const dl_tensor *t = p->tensor;
    p->height = p->width = p->depth = 1;
    if (t->rank == 2) p->width = t->shape[1];
    if (t->rank < 3) return;
    int last = t->rank > 3 ? t->rank - 1 : t->rank;
    for (int k = 1; k < last - 1; k++) p->height *= t->shape[k];
    p->width = t->shape[last - 1];
    if (t->rank > 3) p->depth = t->shape[last];
}

static bool add_part(DlExplainer *x, int input) {
    const dl_entry *e = x->entry;
    const dl_tensor *t = &x->session->table->input[input];
    int presence = port_named(e->input, e->ninput, t->name, "_presence");
    if (presence < 0) return true; /* the output does not need it, or it is one for all rows */
    if (x->n == DL_PARTS)
        return dl_fail(x->error, "more than %d inputs are to be explained", DL_PARTS);
    DlPart *p = &x->part[x->n++];
    *p = (DlPart){.name = t->name,
            .tensor = t,
            .input = input,
            .presence = presence,
            .baseline = port_named(e->input, e->ninput, t->name, "_baseline"),
            .attribution = port_named(e->output, e->noutput, t->name, "_attribution"),
            .gradient = port_named(e->output, e->noutput, t->name, "_gradient"),
            .elements = dl_tensor_elements(t)};
    measure(p);
    p->base = dl_pool_array(x->pool, (int64_t)p->elements, dl_type_size(t->type), x->error);
    return p->base != NULL;
}

/* Room for the entry's own inputs and its outputs. */
static bool make_room(DlExplainer *x) {
    const dl_entry *e = x->entry;
    x->in = dl_pool_array(x->pool, e->ninput, sizeof *x->in, x->error);
    x->out = dl_pool_array(x->pool, e->noutput, sizeof *x->out, x->error);
    x->order = dl_pool_array(x->pool, x->rows, sizeof *x->order, x->error);
    if (!x->in || !x->out || !x->order) return false;
    for (int k = 0; k < e->ninput + e->noutput; k++) {
        const dl_tensor *t = k < e->ninput ? &e->input[k] : &e->output[k - e->ninput];
        bool own = k >= e->ninput ||
                   port_named(x->session->table->input, x->session->table->ninput, t->name, "") < 0;
        int64_t count;
        if (!own) continue;
        void *at = dl_times((int64_t)dl_tensor_elements(t), x->rows, &count)
                           ? dl_pool_array(x->pool, count, dl_type_size(t->type), x->error)
                           : NULL;
        if (!at) return dl_fail(x->error, "out of memory for explanations");
        if (k < e->ninput)
            x->in[k] = at;
        else
            x->out[k - e->ninput] = at;
    }
    return true;
}

bool dl_explainer_open(DlExplainer *x, const DlSession *s, DlPool *pool, DlError *e) {
    const dl_model *m = s->table;
    *x = (DlExplainer){.session = s,
            .entry = dl_entry_named(m, "explain"),
            .pool = pool,
            .error = e,
            .rows = m->batch < 64 ? m->batch : 64};
    if (!x->entry)
        return dl_fail(e,
                "%s: was generated without the entry that explains; add --explain to the "
                "command that generates it",
                m->name);
    for (int k = 0; k < m->ninput; k++)
        if (!add_part(x, k)) return false;
    x->weight = port_named(x->entry->input, x->entry->ninput, "weight", "");
    const dl_tensor *value = &x->entry->output[0];
    x->outputs = dl_tensor_elements(value);
    x->classes = value->rank > 1 ? value->shape[value->rank - 1] : 1;
    return make_room(x) && dl_batch_open(&x->given, m->input, m->ninput, x->rows, e);
}

void dl_explainer_close(DlExplainer *x) {
    dl_batch_close(&x->given);
}

/* ---- baselines --------------------------------------------------------------------------------
 */

static bool fill_number(const DlPart *p, double v, DlError *e) {
    bool whole = v >= floor(v) && v >= 0;
    double most = p->tensor->bound           ? (double)p->tensor->bound - 1
                  : p->tensor->type == DL_U8 ? 255
                                             : 2147483647.0;
    if (p->tensor->type == DL_F32 && !isfinite((float)v))
        return dl_fail(e, "--baseline: '%s' holds numbers up to 3.4e38", p->name);
    if (p->tensor->type != DL_F32 && (!whole || v > most))
        return dl_fail(e, "--baseline: '%s' holds whole numbers from 0 to %.0f", p->name, most);
    for (size_t i = 0; i < p->elements; i++) {
        if (p->tensor->type == DL_F32)
            ((float *)(void *)p->base)[i] = (float)v;
        else if (p->tensor->type == DL_I32)
            ((int32_t *)(void *)p->base)[i] = (int32_t)v;
        else
            p->base[i] = (unsigned char)v;
    }
    return true;
}

/* A .npy file of one row, held against the model as data are. */
static bool fill_row(DlExplainer *x, DlPart *p, const char *path) {
    DlArray a;
    int64_t rows;
    dl_model one = *x->session->table;
    one.input = p->tensor;
    one.ninput = 1;
    one.ntarget = 0;
    if (!dl_npy_read(x->pool, path, &a, &rows, x->error)) return false;
    DlSplit s = {.rows = rows, .array = &a};
    if (rows != 1)
        return dl_fail(
                x->error, "%s: a baseline is one row, and this has %lld", path, (long long)rows);
    DlBatch b;
    if (!dl_split_check(&one, &s, 1, "baseline", x->error) ||
            !dl_batch_open(&b, p->tensor, 1, 1, x->error))
        return false;
    dl_batch_fill(&b, &s, NULL, 0, 1);
    memcpy(p->base, b.data[0], p->elements * dl_type_size(p->tensor->type));
    dl_batch_close(&b);
    return true;
}

static bool set_baseline(DlExplainer *x, DlPart *p, const char *said) {
    char *end;
    double v = strtod(said, &end);
    if (end != said && *end == '\0') return isfinite(v) && fill_number(p, v, x->error);
    if (x->n > 1)
        return dl_fail(x->error,
                "--baseline %s: the model has several inputs, so that a "
                "baseline can only be a number",
                said);
    return fill_row(x, p, said);
}

bool dl_explainer_baseline(DlExplainer *x, const char *said) {
    for (int k = 0; k < x->n; k++) {
        DlPart *p = &x->part[k];
        size_t bytes = p->elements * dl_type_size(p->tensor->type);
        if (said && !set_baseline(x, p, said))
            return dl_fail(x->error,
                    "--baseline %s: a number was "
                    "expected, or a .npy file",
                    said);
        for (int64_t i = 0; i < x->rows; i++)
            memcpy((unsigned char *)(uintptr_t)x->in[p->baseline] + (size_t)i * bytes, p->base,
                    bytes);
    }
    return true;
}

/* ---- one call ----------------------------------------------------------------------------------
 */

static float *presence(const DlExplainer *x, const DlPart *p, int64_t place) {
    return (float *)(uintptr_t)x->in[p->presence] + (size_t)place * p->elements;
}

static void set_presence(const DlExplainer *x, int64_t place, double v) {
    for (int k = 0; k < x->n; k++) {
        float *at = presence(x, &x->part[k], place);
        for (size_t i = 0; i < x->part[k].elements; i++) at[i] = (float)v;
    }
}

/* The class's elements of the output have the sign as their weight, in all places. */
static void set_weight(const DlExplainer *x, int class, double sign) {
    float *at = (float *)(uintptr_t)x->in[x->weight];
    for (size_t i = 0; i < (size_t)x->rows * x->outputs; i++)
        at[i] = (int)((int64_t)i % x->classes) == class ? (float)sign : 0;
}

static bool take_row(DlExplainer *x, const DlSplit *s, int64_t row) {
    const dl_model *m = x->session->table;
    for (int64_t i = 0; i < x->rows; i++) x->order[i] = row;
    dl_batch_fill(&x->given, s, x->order, 0, x->rows);
    for (int k = 0; k < m->ninput; k++) {
        int at = port_named(x->entry->input, x->entry->ninput, m->input[k].name, "");
        if (at >= 0) x->in[at] = x->given.data[k];
    }
    return true;
}

static bool call(const DlExplainer *x, int64_t n) {
    const DlSession *s = x->session;
    int status = x->entry->run(s->model, s->work, n, x->in, x->out);
    if (status != DL_OK) dl_session_error(s, status, "explaining", x->error);
    return status == DL_OK;
}

static double class_value(const DlExplainer *x, int64_t place, int class) {
    const float *value = (const float *)x->out[0] + (size_t)place * x->outputs;
    double sum = 0;
    for (size_t i = (size_t) class; i < x->outputs; i += (size_t)x->classes)
        sum += (double)value[i];
    return sum;
}

static double score_of(const DlExplainer *x, int64_t place, const DlExplained *e) {
    double v = class_value(x, place, e->class);
    return e->sign < 0 ? 1 - v : v;
}

static int largest_class(const DlExplainer *x) {
    int best = 0;
    for (int c = 1; c < (int)x->classes; c++)
        if (class_value(x, 0, c) > class_value(x, 0, best)) best = c;
    return best;
}

/* ---- methods -----------------------------------------------------------------------------------
 */

static bool saliency(DlExplainer *x, DlExplained *e) {
    set_presence(x, 0, 1);
    if (!call(x, 1)) return false;
    for (int k = 0; k < x->n; k++) {
        const DlPart *p = &x->part[k];
        const float *g = x->out[p->gradient >= 0 ? p->gradient : p->attribution];
        for (size_t i = 0; i < p->elements; i++) e->attribution[k][i] = fabsf(g[i]);
    }
    return true;
}

static bool integrated(DlExplainer *x, int steps, DlExplained *e) {
    double *sum[DL_PARTS];
    for (int k = 0; k < x->n; k++) {
        sum[k] = dl_pool_array(x->pool, (int64_t)x->part[k].elements, sizeof *sum[k], x->error);
        if (!sum[k]) return false;
    }
    for (int first = 0; first < steps; first += (int)x->rows) {
        int n = steps - first < x->rows ? steps - first : (int)x->rows;
        for (int i = 0; i < n; i++) set_presence(x, i, (first + i + 0.5) / steps);
        if (!call(x, n)) return false;
        for (int k = 0; k < x->n; k++) {
            const float *g = x->out[x->part[k].attribution];
            size_t size = x->part[k].elements;
            for (size_t i = 0; i < (size_t)n * size; i++) sum[k][i % size] += (double)g[i];
        }
    }
    for (int k = 0; k < x->n; k++) {
        for (size_t i = 0; i < x->part[k].elements; i++) {
            e->attribution[k][i] = (float)(sum[k][i] / steps);
            e->sum += sum[k][i] / steps;
        }
        dl_pool_drop(x->pool, sum[k]);
    }
    return true;
}

/* A patch of a part, as far as it lies in it. */
typedef struct Patch {
    int64_t top, left, bottom, right;
} Patch;

typedef void PlaceFn(void *context, size_t element);

static void visit(const DlPart *p, const Patch *q, PlaceFn *f, void *context) {
    for (int64_t y = q->top; y < q->bottom; y++)
        for (int64_t v = q->left; v < q->right; v++)
            for (int64_t c = 0; c < p->depth; c++)
                f(context, (size_t)((y * p->width + v) * p->depth + c));
}

static void hide(void *context, size_t element) {
    ((float *)context)[element] = 0;
}

typedef struct Drops {
    float *sum, *count;
    float drop;
} Drops;

static void add_drop(void *context, size_t element) {
    Drops *d = context;
    d->sum[element] += d->drop;
    d->count[element]++;
}

typedef struct Sliding {
    int64_t patch_height, patch_width, down, right; /* sizes, and strides */
    int64_t columns, n;
} Sliding;

static int64_t places(int64_t extent, int64_t patch, int64_t stride) {
    return extent <= patch ? 1 : (extent - patch + stride - 1) / stride + 1;
}

static Sliding sliding(const DlPart *p, const struct DlExplanation *how) {
    bool picture = dl_part_is_picture(p);
    int64_t shorter = p->height < p->width ? p->height : p->width;
    int64_t patch = how->patch ? how->patch : picture && shorter > 6 ? shorter / 6 : 1;
    int64_t stride = how->stride ? how->stride : patch > 1 ? patch / 2 : 1;
    Sliding s = {picture ? patch : 1, patch, stride, stride, 0, 0};
    s.columns = places(p->width, s.patch_width, s.right);
    s.n = s.columns * places(p->height, s.patch_height, s.down);
    return s;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static Patch patch_at(const DlPart *p, const Sliding *s, int64_t k) {
    int64_t top = k / s->columns * s->down, left = k % s->columns * s->right;
    return (Patch){top, left, least(top + s->patch_height, p->height),
            least(left + s->patch_width, p->width)};
}

static bool occlude_part(DlExplainer *x, int k, const Sliding *s, DlExplained *e) {
    DlPart *p = &x->part[k];
    float *count = dl_pool_array(x->pool, (int64_t)p->elements, sizeof *count, x->error);
    Drops d = {e->attribution[k], count, 0};
    for (int64_t first = 0; count && first < s->n; first += x->rows) {
        int64_t n = least(s->n - first, x->rows);
        for (int64_t i = 0; i < n; i++) {
            Patch q = patch_at(p, s, first + i);
            set_presence(x, i, 1);
            visit(p, &q, hide, presence(x, p, i));
        }
        if (!call(x, n)) return false;
        for (int64_t i = 0; i < n; i++) {
            Patch q = patch_at(p, s, first + i);
            d.drop = (float)(e->score - score_of(x, i, e));
            visit(p, &q, add_drop, &d);
        }
    }
    for (size_t i = 0; count && i < p->elements; i++)
        if (count[i] > 0) d.sum[i] /= count[i];
    if (count) dl_pool_drop(x->pool, count);
    return count != NULL;
}

static bool occlusion(DlExplainer *x, const struct DlExplanation *how, DlExplained *e) {
    for (int k = 0; k < x->n; k++) {
        Sliding s = sliding(&x->part[k], how);
        if (!occlude_part(x, k, &s, e)) return false;
    }
    return true;
}

/* The score of the row, and of the baseline; and which class it is of. */
static bool ends(DlExplainer *x, int class, DlExplained *e) {
    set_presence(x, 0, 1);
    if (!call(x, 1)) return false;
    e->class = class >= 0 ? class : largest_class(x);
    set_weight(x, e->class, e->sign);
    e->score = score_of(x, 0, e);
    set_presence(x, 0, 0);
    if (!call(x, 1)) return false;
    e->absent = score_of(x, 0, e);
    return true;
}

bool dl_explain_row(DlExplainer *x, DlMethod method, const DlSplit *s, int64_t row,
        const struct DlExplanation *how, int class, double sign, DlExplained *out) {
    *out = (DlExplained){.row = row, .sign = sign};
    for (int k = 0; k < x->n; k++) {
        out->attribution[k] =
                dl_pool_array(x->pool, (int64_t)x->part[k].elements, sizeof(float), x->error);
        if (!out->attribution[k]) return false;
    }
    if (!take_row(x, s, row) || !ends(x, class, out)) return false;
    if (method == DL_SALIENCY) return saliency(x, out);
    if (method == DL_OCCLUSION) return occlusion(x, how, out);
    return integrated(x, how->steps ? how->steps : 100, out);
}
