/* program.c - a random program as a whole: leaves, statements, outputs, losses, training.
 *
 * Statements define one tensor each from those before it. What nothing else reads goes into
 * the loss, so that every parameter is reached. */
#include "program.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers and text ------------------------------------------------------------ */

int below(Maker *m, int n) {
    m->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = m->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

bool chance(Maker *m, int percent) {
    return below(m, 100) < percent;
}

/* Ones, primes, powers of two; now and then more than a tile or two vectors. */
int pick_size(Maker *m) {
    static const int small[] = {1, 2, 3, 3, 4, 5, 5, 6, 7, 8}, large[] = {11, 13, 16, 17, 19, 33};
    static const int huge[] = {64, 65, 71, 97};
    int kind = below(m, 100);
    if (kind < 70) return small[below(m, 10)];
    return kind < 96 ? large[below(m, 6)] : huge[below(m, 4)];
}

void put(Text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->n, sizeof t->at - t->n, format, args);
    va_end(args);
    if (n < 0 || t->n + (size_t)n >= sizeof t->at) {
        fprintf(stderr, "random program: a text is too long\n");
        exit(2);
    }
    t->n += (size_t)n;
}

const char *pick_text(Maker *m, const char *const *list, int n) {
    return list[below(m, n)];
}

/* ---- tensors ---------------------------------------------------------------------------- */

bool has_rows(const Tensor *t) {
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] == ROWS) return true;
    return false;
}

int row_elements(const Tensor *t) {
    int n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->dim[i] == ROWS ? 1 : t->dim[i];
    return n;
}

Tensor *new_tensor(Maker *m, const char *letter, Type type, int rank, const int *dim) {
    Tensor *t = &m->tensor[m->ntensor++];
    *t = (Tensor){.type = type, .rank = rank, .magnitude = 1};
    snprintf(t->name, sizeof t->name, "%s%d", letter, m->names++);
    for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
    return t;
}

/* One that fits, rather a late one; NULL when there is none. */
Tensor *any_tensor(Maker *m, Type type, bool (*fits)(const Maker *, const Tensor *)) {
    Tensor *found[MAX_TENSORS];
    int n = 0;
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].type == type && (!fits || fits(m, &m->tensor[i])))
            found[n++] = &m->tensor[i];
    if (n == 0) return NULL;
    if (n > 4 && chance(m, 50)) return found[n - 1 - below(m, 3)];
    return found[below(m, n)];
}

void note_use(Maker *m, Tensor *t) {
    t->used = true;
    m->rows_loaded = m->rows_loaded || has_rows(t);
    m->target = m->target || t->target;
    bool moves = t->type == REAL && t->name[0] != 'c'; /* what is made of constants is one */
    if (m->flat == 0 && moves) m->from |= t->from | (uint64_t)1 << (t - m->tensor);
}

void put_type(Text *t, const Tensor *of) {
    for (int i = 0; i < of->rank; i++) {
        put(t, i > 0 ? ", " : "");
        if (of->dim[i] == ROWS)
            put(t, "batch");
        else
            put(t, "%d", of->dim[i]);
    }
}

/* ---- leaves ----------------------------------------------------------------------------- */

static int leaf_dims(Maker *m, int *dim, bool rows, int most) {
    int rank = 0, elements = 1;
    if (rows) dim[rank++] = ROWS;
    for (int n = below(m, most) + (rows && chance(m, 90)); n > 0; n--) {
        int size = pick_size(m);
        if (elements * size > 1500) size = 2;
        elements *= size;
        dim[rank++] = size;
    }
    return rank;
}

static void put_input(Maker *m, const char *word, const char *type, bool rows) {
    int dim[MAX_AXES], rank = leaf_dims(m, dim, rows, 3);
    if (rank == 0) dim[rank++] = pick_size(m);
    Tensor *t = new_tensor(m, word[0] == 't' ? "t" : "x", REAL, rank, dim);
    put(&m->out, "    %s %s: %s[", word, t->name, type);
    put_type(&m->out, t);
    put(&m->out, "]\n");
    t->target = word[0] == 't';
    if (strcmp(type, "f32") == 0) return;
    t->type = INTEGER;
    t->data = true;
    if (strcmp(type, "u8") == 0) t->bound = 256, t->data = false;
}

static void put_param(Maker *m) {
    int dim[MAX_AXES], rank = leaf_dims(m, dim, false, 4);
    if (rank == 0 && chance(m, 70)) dim[rank++] = pick_size(m);
    Tensor *t = new_tensor(m, "w", REAL, rank, dim);
    put(&m->out, "    param %s: f32[", t->name);
    put_type(&m->out, t);
    const char *init =
            rank == 2 && chance(m, 15) ? "orthogonal()"
            : rank > 1 && chance(m, 30)
                    ? PICK(m, "glorot_uniform()", "he_normal()", "glorot_normal()")
                    : PICK(m, "random_normal(stddev: 0.7)", "random_uniform(minval: -1, maxval: 1)",
                              "random_normal(stddev: 0.5)", "constant(0.5)", "0.3",
                              "truncated_normal(0, 0.6)");
    put(&m->out, "] = %s\n", init);
}

static void put_constant(Maker *m) {
    int dim[2] = {1 + below(m, 4), 1 + below(m, 5)}, rank = 1 + below(m, 2);
    bool integers = chance(m, 30);
    Tensor *t = new_tensor(m, "c", integers ? INTEGER : REAL, rank, dim + 2 - rank);
    Text *to = &m->top;
    t->bound = 4;
    put(to, "const %s = %s", t->name, rank == 2 ? "[" : "");
    for (int i = 0; i < (rank == 2 ? dim[0] : 1); i++) {
        put(to, "%s[", i > 0 ? ", " : "");
        for (int k = 0; k < dim[1]; k++) {
            put(to, k > 0 ? ", " : "");
            if (integers)
                put(to, "%d", below(m, 4));
            else
                put(to, "%s%d.%d", chance(m, 30) ? "-" : "", below(m, 2), 1 + below(m, 9));
        }
        put(to, "]");
    }
    put(to, "%s\n", rank == 2 ? "]" : "");
}

static void put_leaves(Maker *m) {
    put_input(m, "input", "f32", true);
    if (chance(m, 40)) put_input(m, "input", "f32", chance(m, 70));
    if (chance(m, 50)) put_input(m, "input", "i32", chance(m, 80));
    if (chance(m, 20)) put_input(m, "input", "u8", chance(m, 80));
    if (chance(m, 40)) put_input(m, "target", chance(m, 75) ? "f32" : "i32", true);
    for (int n = 1 + below(m, 3); n > 0; n--) put_param(m);
    if (chance(m, 25)) put_constant(m);
}

/* ---- the end ---------------------------------------------------------------------------- */

static bool rows_first(const Maker *m, const Tensor *t) {
    (void)m;
    return t->rank > 0 && t->dim[0] == ROWS;
}

/* Only what does not depend on a target may be an output. */
static bool may_be_output(const Maker *m, const Tensor *t) {
    if (t->rank > 0 && has_rows(t) && !rows_first(m, t)) return false;
    return !t->target && !strchr("txcw", t->name[0]);
}

static void put_loss(Maker *m, Tensor *t) {
    const char *f = PICK(m, "sin", "tanh", "atan", "gelu", "sigmoid");
    const char *mean = t->rank > 0 ? "mean" : "";
    put(&m->out, "    loss ");
    if (t->rank > 0 && chance(m, 40))
        put(&m->out, "(sum(...) %s(%s[...]) * %s[...]) / %s%d\n", f, t->name, t->name,
                has_rows(t) ? "batch / " : "", row_elements(t));
    else if (chance(m, 50))
        put(&m->out, "%s(%s * %s(%s))\n", mean, t->name, f, t->name);
    else
        put(&m->out, "0.%d * %s((%s - 0.%d) ** 2)\n", 1 + below(m, 9), mean, t->name, below(m, 9));
}

static void put_end(Maker *m) {
    int outputs = 0, losses = 0;
    for (int i = 0; i < m->ntensor; i++) {
        Tensor *t = &m->tensor[i];
        if (may_be_output(m, t) && outputs < 6 &&
                (chance(m, 25) || (outputs == 0 && i == m->ntensor - 1))) {
            put(&m->out, "    output %s\n", t->name);
            outputs++;
            if (t->type != REAL) t->used = true;
        }
    }
    for (int i = m->ntensor - 1; i >= 0; i--) {
        Tensor *t = &m->tensor[i];
        bool moves = t->type == REAL && (t->from != 0 || strchr("xw", t->name[0]));
        if (moves && (!t->used || losses == 0 || chance(m, 5))) {
            put_loss(m, t);
            losses++;
        }
    }
}

/* How far two tensors are apart. */
static void put_metric(Maker *m) {
    Tensor *a = any_tensor(m, REAL, rows_first), *b = any_tensor(m, REAL, rows_first);
    if (!a || a->rank != b->rank || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim))
        return;
    put(&m->out, "    metric %s(%s, %s)\n",
            PICK(m, "mean_squared_error", "mean_absolute_error", "root_mean_squared_error"),
            a->name, b->name);
}

static void put_training(Maker *m, FILE *f, const char *name) {
    fprintf(f, "train %s {\n    optimizer %s\n    batch %d\n}\n", name,
            PICK(m, "adam(rate: 0.01)", "sgd(rate: 0.1)", "sgd(rate: 0.1, momentum: 0.9)",
                    "sgd(momentum: 0.9, nesterov: true)", "rmsprop(rate: 0.01)"),
            1 + below(m, 7));
}

void random_program(FILE *f, const char *name, uint64_t seed, bool gradients) {
    Maker *m = calloc(1, sizeof *m);
    if (!m) exit(2);
    m->state = seed;
    m->state = (uint64_t)below(m, 1 << 30) << 30 ^ seed; /* apart from the next seed's row */
    m->gradients = gradients;
    put_leaves(m);
    for (int n = 1 + below(m, 6); n > 0 && m->ntensor < MAX_TENSORS - 6; n--) {
        if (chance(m, 65))
            put_element_statement(m);
        else
            put_whole_statement(m);
    }
    put_end(m);
    put_metric(m);
    fprintf(f, "%smodel %s {\n%s}\n", m->top.at, name, m->out.at);
    put_training(m, f, name);
    free(m);
}
