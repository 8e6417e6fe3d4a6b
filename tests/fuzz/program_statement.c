/* program_statement.c - random statements in index notation: maps, folds of every kind,
 * contractions, convolutions, concatenations, integer and truth tensors. */
#include <math.h>
#include <string.h>

#include "program.h"

enum { MOST_ELEMENTS = 3000, MOST_COST = 30000 };

/* ---- variables ---------------------------------------------------------------------------- */

static Index *add_index(Maker *m, const char *letters, int extent) {
    Index *v = &m->index[m->nindex++];
    *v = (Index){.lo = 0, .hi = extent};
    if (extent == ROWS)
        snprintf(v->name, sizeof v->name, "n");
    else
        snprintf(v->name, sizeof v->name, "%c", letters[m->nindex - 1]);
    return v;
}

static bool any_rows(Maker *m) {
    for (int i = 0; i < m->nindex; i++)
        if (m->index[i].hi == ROWS) return true;
    return false;
}

static bool small(const Maker *m, const Tensor *t) {
    (void)m;
    return t->rank <= 4 && row_elements(t) <= MOST_ELEMENTS;
}

/* Free variables: those of a tensor at hand, or what comes. */
static void choose_free(Maker *m) {
    m->nindex = 0;
    m->from = 0;
    m->target = m->rows_loaded = false;
    m->cost = 1;
    Tensor *like = any_tensor(m, REAL, small);
    if (like && chance(m, 55)) {
        int turn = chance(m, 20) ? below(m, like->rank ? like->rank : 1) : 0;
        for (int i = 0; i < like->rank; i++)
            add_index(m, "ijklabc", like->dim[(i + turn) % like->rank]);
    } else {
        if (chance(m, 85)) add_index(m, "ijklabc", ROWS);
        for (int n = below(m, 4), elements = 1; n > 0; n--) {
            int size = pick_size(m);
            if (elements * size > 1000) size = 1 + below(m, 2);
            elements *= size;
            add_index(m, "ijklabc", size);
        }
    }
    for (int i = 0; i < m->nindex; i++)
        if (m->index[i].hi != ROWS) m->cost *= m->index[i].hi;
}

static void choose_folds(Maker *m, int most) {
    Tensor *like = any_tensor(m, REAL, small);
    int n = 1 + below(m, most);
    bool rows = any_rows(m);
    for (int i = 0; i < n && m->nindex < MAX_INDICES - 2; i++) {
        if (!rows && chance(m, 30)) {
            add_index(m, "pqrstuv", ROWS);
            rows = true;
            continue;
        }
        int size = like && like->rank > 0 && chance(m, 60) ? like->dim[below(m, like->rank)]
                                                           : pick_size(m);
        if (size == ROWS || m->cost * size > MOST_COST) size = 1 + below(m, 3);
        m->cost *= size;
        Index *v = add_index(m, "pqrstuv", size);
        if (chance(m, 10) && size > 2) v->lo = 1;
    }
}

/* ---- a statement ------------------------------------------------------------------------------
 */

static Tensor *result(Maker *m, const char *letter, Type type, int nfree) {
    int dim[MAX_INDICES];
    for (int i = 0; i < nfree; i++) dim[i] = m->index[i].hi;
    Tensor *y = new_tensor(m, letter, type, nfree, dim);
    y->from = m->from;
    y->target = m->target;
    return y;
}

static void put_left(Maker *m, const Tensor *y, int nfree) {
    put(&m->out, nfree ? "    %s[" : "    %s", y->name);
    put_indices(m, &m->out, m->index, nfree);
    put(&m->out, nfree ? "] = " : " = ");
}

static bool with_rows(const Maker *m, const Tensor *t) {
    (void)m;
    return has_rows(t);
}

/* A variable over the batch needs a load that says so. */
static void load_rows(Maker *m, Text *body) {
    if (!any_rows(m) || m->rows_loaded) return;
    Tensor *of = any_tensor(m, REAL, with_rows);
    put(body, " + 0.2 * ");
    put_load(m, body, of);
}

/* What is large is squashed. */
static double squash(Maker *m, const char *value, double size) {
    if (size > 5)
        put(&m->out, "%s((%s) * %.2g)\n", PICK(m, "tanh", "sin", "atan"), value, 2 / size);
    else
        put(&m->out, "%s\n", value);
    return size > 5 ? 1 : size;
}

static void put_map(Maker *m) {
    choose_free(m);
    int nfree = m->nindex;
    Text body = {.n = 0};
    double size = put_real(m, &body, m->cost > 4000 ? 2 : 3);
    load_rows(m, &body);
    Tensor *y = result(m, "y", REAL, nfree);
    put_left(m, y, nfree);
    y->magnitude = squash(m, body.at, size);
}

/* Terms of a fold, with what leaves some of them out; factors that stay near 1 where there
 * are many (of how many? 0: not a product). */
static double put_terms(Maker *m, Text *body, double factors) {
    if (chance(m, 30)) {
        put(body, "if ");
        put_condition(m, body, 1);
        put(body, " then ");
    }
    if (factors > 0)
        put(body, "(1 + %.2g * sin(", 1 / (1 + factors));
    else
        put(body, "(");
    double size = put_real(m, body, m->cost > 4000 ? 1 : 2);
    load_rows(m, body);
    put(body, factors > 0 ? "))" : ")");
    return factors > 0 ? 1 : size;
}

static void put_fold(Maker *m) {
    choose_free(m);
    int nfree = m->nindex;
    const char *fold = PICK(m, "sum", "sum", "sum", "max", "min", "prod");
    choose_folds(m, 3);
    double terms = 1;
    for (int i = nfree; i < m->nindex; i++) terms *= m->index[i].hi == ROWS ? 4 : m->index[i].hi;
    if (terms > 60) fold = PICK(m, "sum", "max", "min"); /* roundings of a product add up */
    Text body = {.n = 0};
    double size = put_terms(m, &body, fold[0] == 'p' ? terms : 0);
    Tensor *y = result(m, "f", REAL, nfree);
    put_left(m, y, nfree);
    Text value = {.n = 0};
    put(&value, "(%s(", fold);
    put_indices(m, &value, m->index + nfree, m->nindex - nfree);
    put(&value, ") %s)", body.at);
    if (fold[0] == 's') put(&value, " * %.3g", 1 / sqrt(terms));
    if (fold[0] == 's') size *= sqrt(terms) / 2;
    if (strstr(body.at, "if ") && (fold[0] == 'm')) { /* where nothing is left, infinite */
        put(&m->out, "max(-2, min(2, %s))\n", value.at);
        y->magnitude = 2;
        return;
    }
    y->magnitude = squash(m, value.at, fold[0] == 'p' ? 3 : size);
}

/* The place of the greatest or least: an integer tensor. */
static void put_arg_fold(Maker *m) {
    choose_free(m);
    int nfree = m->nindex, bound = 1;
    choose_folds(m, 2);
    for (int i = nfree; i < m->nindex; i++) {
        Index *v = &m->index[i];
        if (v->hi == ROWS) v->hi = 3;
        v->lo = 0;
        bound *= v->hi;
    }
    Text body = {.n = 0};
    m->flat++;
    put(&body, "(");
    put_real(m, &body, 1);
    load_rows(m, &body);
    put(&body, ")");
    m->flat--;
    Tensor *y = result(m, "a", INTEGER, nfree);
    y->bound = bound;
    put_left(m, y, nfree);
    put(&m->out, "%s(", PICK(m, "argmax", "argmin"));
    put_indices(m, &m->out, m->index + nfree, m->nindex - nfree);
    put(&m->out, ") %s\n", body.at);
}

/* Integers made of integers. */
static void put_numbers(Maker *m, int nfree, int most) {
    Text body = {.n = 0};
    for (int i = 0; i < nfree; i++) m->index[i].fits = m->index[i].misfits = 0;
    put_integer(m, &body);
    Tensor *y = result(m, "k", INTEGER, nfree);
    y->bound = most;
    put_left(m, y, nfree);
    put(&m->out, "(2 * (%s) + 1) %% %d\n", body.at, most);
}

static void put_truth(Maker *m) {
    choose_free(m);
    int nfree = m->nindex;
    Text body = {.n = 0};
    put_condition(m, &body, 2);
    if (any_rows(m) && !m->rows_loaded) {
        put(&body, " and ");
        put_load(m, &body, any_tensor(m, REAL, with_rows));
        put(&body, " > -0.5");
    }
    m->from = 0;
    if (chance(m, 60)) {
        Tensor *y = result(m, "b", TRUTH, nfree);
        put_left(m, y, nfree);
        put(&m->out, "%s\n", body.at);
        return;
    }
    int most = 2 + below(m, 6);
    if (!any_rows(m) && chance(m, 50)) {
        put_numbers(m, nfree, most);
        return;
    }
    Tensor *y = result(m, "k", INTEGER, nfree);
    y->bound = most;
    put_left(m, y, nfree);
    put(&m->out, "if %s then %d else %d\n", body.at, below(m, most), below(m, most));
}

/* ---- contractions -------------------------------------------------------------------------------
 */

static bool matrix(const Maker *m, const Tensor *t) {
    (void)m;
    return t->rank >= 2 && t->rank <= 4 && t->dim[0] == ROWS && row_elements(t) < 1500;
}

static Tensor *put_weights(Maker *m, int rank, const int *dim) {
    Tensor *w = new_tensor(m, "w", REAL, rank, dim);
    w->used = true;
    put(&m->out, "    param %s: f32[", w->name);
    put_type(&m->out, w);
    put(&m->out, "] = %s\n", PICK(m, "glorot_uniform()", "he_uniform()", "glorot_normal()"));
    return w;
}

static Tensor *from_two(Maker *m, Tensor *y, Tensor *x, Tensor *w) {
    m->from = 0;
    m->target = false;
    note_use(m, x);
    if (w) note_use(m, w);
    y->from = m->from;
    y->target = m->target;
    y->magnitude = fmax(1, x->magnitude);
    return y;
}

static void put_product(Maker *m) {
    Tensor *x = any_tensor(m, REAL, matrix);
    if (!x) {
        put_map(m);
        return;
    }
    int k = x->dim[x->rank - 1], o = pick_size(m), dim[MAX_AXES];
    if (row_elements(x) * o > MOST_COST) o = 2;
    Tensor *w = put_weights(m, 2, (int[]){k, o});
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = o;
    Tensor *y = from_two(m, new_tensor(m, "m", REAL, x->rank, dim), x, w);
    const char *f = PICK(m, "", "", "tanh", "relu", "sigmoid");
    if (chance(m, 40))
        put(&m->out, "    %s = %s(%s @ %s)\n", y->name, f, x->name, w->name);
    else if (chance(m, 40))
        put(&m->out, "    %s[..., o] = %s((sum(k) %s[..., k] * %s[k, o]) + 0.1)\n", y->name, f,
                x->name, w->name);
    else
        put(&m->out, "    %s[..., o] = sum(k) %s[..., k] * %s[k, o]\n", y->name, x->name, w->name);
}

/* A window along the first axis after the batch, the range of its places found by the
 * compiler; padded now and then. */
static void put_convolution(Maker *m) {
    Tensor *x = any_tensor(m, REAL, matrix);
    int window = 1 + below(m, 4), stride = 1 + below(m, 3), dilation = 1 + below(m, 2);
    int reach = (window - 1) * dilation + 1;
    if (!x || x->rank < 3 || reach > x->dim[1] || x->dim[x->rank - 1] > 40) {
        put_product(m);
        return;
    }
    int filters = 1 + below(m, 6), c = x->dim[x->rank - 1], dim[MAX_AXES];
    bool pad = chance(m, 30);
    Tensor *w = put_weights(m, 3, (int[]){window, c, filters});
    memcpy(dim, x->dim, sizeof dim);
    dim[1] = pad ? (x->dim[1] + stride - 1) / stride : (x->dim[1] - reach) / stride + 1;
    dim[x->rank - 1] = filters;
    Tensor *y = from_two(m, new_tensor(m, "v", REAL, x->rank, dim), x, w);
    const char *middle = x->rank == 4 ? "j, " : "";
    if (pad)
        put(&m->out,
                "    %s[n, i in 0..%d, %so] = sum(p, c) (%s[n, %d * i + %d * p - %d, %sc] else 0)"
                " * %s[p, c, o]\n",
                y->name, dim[1], middle, x->name, stride, dilation, reach / 2, middle, w->name);
    else
        put(&m->out, "    %s[n, i, %so] = sum(p, c) %s[n, %d * i + %d * p, %sc] * %s[p, c, o]\n",
                y->name, middle, x->name, stride, dilation, middle, w->name);
}

/* Products of rows of one tensor with each other: scores of attention. */
static void put_scores(Maker *m) {
    Tensor *x = any_tensor(m, REAL, matrix);
    if (!x || x->rank != 3 || x->dim[1] > 40) {
        put_product(m);
        return;
    }
    int t = x->dim[1];
    Tensor *y = from_two(m, new_tensor(m, "s", REAL, 3, (int[]){ROWS, t, t}), x, NULL);
    put(&m->out, "    %s[n, i, j] = (sum(d) %s[n, i, d] * %s[n, j, d]) * %.3g\n", y->name, x->name,
            x->name, 1 / sqrt(x->dim[2]));
    if (chance(m, 50)) {
        Tensor *z = from_two(m, new_tensor(m, "s", REAL, 3, (int[]){ROWS, t, t}), y, NULL);
        put(&m->out, "    %s = %s |> softmax\n", z->name, y->name);
        y = z;
    }
    y->magnitude = x->magnitude * x->magnitude * 2;
    Tensor *v = any_tensor(m, REAL, matrix);
    if (v->rank != 3 || v->dim[1] != t || !chance(m, 70)) return;
    Tensor *z = from_two(m, new_tensor(m, "s", REAL, 3, v->dim), y, v);
    put(&m->out, "    %s[n, i, d] = sum(j) %s%s[n, i, j] * %s[n, j, d]\n", z->name,
            PICK(m, "", "if j <= i then "), y->name, v->name);
    z->magnitude = y->magnitude * v->magnitude;
}

static void put_concatenation(Maker *m) {
    Tensor *a = any_tensor(m, REAL, matrix), *b = any_tensor(m, REAL, matrix);
    if (!a) return;
    int n = a->dim[a->rank - 1], k = b->dim[b->rank - 1];
    static const char *const first[] = {"", "", "", ", 0", ", 0, 0"};
    Tensor *y = from_two(m, new_tensor(m, "j", REAL, 2, (int[]){ROWS, n + k}), a, b);
    y->magnitude = fmax(a->magnitude, b->magnitude);
    put(&m->out, "    %s[n, i in 0..%d] = if i < %d then %s[n%s, i] else %s[n%s, i - %d]\n",
            y->name, n + k, n, a->name, first[a->rank], b->name, first[b->rank], n);
}

/* A tensor defined again by its former self. */
static void put_again(Maker *m) {
    Tensor *x = any_tensor(m, REAL, matrix);
    if (!x || x->rank != 2 || x->name[0] == 'x' || x->name[0] == 't') {
        put_map(m);
        return;
    }
    Tensor *y = from_two(m, new_tensor(m, "z", REAL, 2, x->dim), x, NULL);
    put(&m->out, "    %s = sin(%s)\n    %s[n, i] = %s[n, %d - i] + 0.5 * %s[n, i]\n", y->name,
            x->name, y->name, y->name, x->dim[1] - 1, y->name);
    y->magnitude = 1.5;
}

void put_element_statement(Maker *m) {
    static void (*const make[])(Maker *) = {put_map, put_map, put_map, put_map, put_fold, put_fold,
            put_fold, put_fold, put_product, put_product, put_convolution, put_scores, put_arg_fold,
            put_truth, put_concatenation, put_again};
    make[below(m, (int)(sizeof make / sizeof *make))](m);
}
