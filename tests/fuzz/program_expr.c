/* program_expr.c - the right side of index notation: expressions of elements.
 *
 * The variables of the statement stand in m->index. A load of a static axis takes any map
 * of them; where its range leaves the axis, the load has a default. */
#include <math.h>
#include <string.h>

#include "program.h"

/* ---- indices ----------------------------------------------------------------------------- */

/* An integer expression and its range, hi included. */
typedef struct Range {
    int lo, hi;
} Range;

static Index *any_index(Maker *m) {
    Index *found[MAX_INDICES];
    int n = 0;
    for (int i = 0; i < m->nindex; i++)
        if (m->index[i].hi != ROWS) found[n++] = &m->index[i];
    return n ? found[below(m, n)] : NULL;
}

static Index *rows_index(Maker *m) {
    for (int i = 0; i < m->nindex; i++)
        if (m->index[i].hi == ROWS) return &m->index[i];
    return NULL;
}

/* One that runs over just this axis. */
static Index *fitting_index(Maker *m, int extent) {
    Index *found[MAX_INDICES];
    int n = 0;
    for (int i = 0; i < m->nindex; i++)
        if (m->index[i].lo == 0 && m->index[i].hi == extent) found[n++] = &m->index[i];
    return n ? found[below(m, n)] : NULL;
}

static Range put_alone(Text *t, Index *v, int extent) {
    if (v->lo == 0 && v->hi == extent)
        v->fits++;
    else
        v->misfits++;
    put(t, "%s", v->name);
    return (Range){v->lo, v->hi - 1};
}

static Range put_scaled(Maker *m, Text *t, const Index *v) {
    int a = chance(m, 50) ? 1 : 2 + below(m, 2);
    if (a == 1)
        put(t, "%s", v->name);
    else if (chance(m, 50))
        put(t, "%s * %d", v->name, a);
    else
        put(t, "%d * %s", a, v->name);
    return (Range){a * v->lo, a * (v->hi - 1)};
}

static Range put_affine(Maker *m, Text *t, const Index *v, const Index *u) {
    size_t start = t->n;
    Range r = put_scaled(m, t, v);
    if (u && chance(m, 70)) {
        bool minus = chance(m, 30);
        put(t, minus ? " - " : " + ");
        Range s = put_scaled(m, t, u);
        r = minus ? (Range){r.lo - s.hi, r.hi - s.lo} : (Range){r.lo + s.lo, r.hi + s.hi};
    }
    int c = below(m, 5) - 2;
    if (c == 0 && t->n - start == strlen(v->name)) c = 1; /* alone it would be its range */
    if (c != 0) put(t, c > 0 ? " + %d" : " - %d", c > 0 ? c : -c);
    return (Range){r.lo + c, r.hi + c};
}

static int floor_quotient(int a, int b) {
    return (a - ((a % b + b) % b)) / b;
}

static bool loadable(const Maker *m, const Tensor *t) {
    bool rows = false;
    for (int i = 0; i < m->nindex; i++) rows = rows || m->index[i].hi == ROWS;
    return rows || !has_rows(t);
}

static bool gathers(const Maker *m, const Tensor *t) {
    return (t->bound > 0 || t->data) && t->rank <= 3 && loadable(m, t);
}

/* The element of an integer tensor, as it is or brought into range. */
static bool put_gather(Maker *m, Text *t, int extent) {
    Tensor *of = any_tensor(m, INTEGER, gathers);
    if (!of) return false;
    m->flat++;
    bool direct = of->data || of->bound <= extent;
    if (!direct || chance(m, 20)) {
        put(t, "(");
        put_safe_load(m, t, of);
        if (chance(m, 30)) put(t, " + %d", 1 + below(m, 3));
        put(t, ") %% %d", extent);
    } else {
        put_safe_load(m, t, of);
    }
    m->flat--;
    return true;
}

/* An index for an axis; its range may leave it. */
static Range put_wild_index(Maker *m, Text *t, int extent) {
    Index *v = any_index(m), *u = any_index(m);
    if (v == u) u = NULL;
    int q = 2 + below(m, 3);
    switch (v ? below(m, 9) : 0) {
    case 0: {
        int c = below(m, extent);
        put(t, "%d", c);
        return (Range){c, c};
    }
    case 1:
        put(t, "%d - %s", extent - 1, v->name);
        return (Range){extent - v->hi, extent - 1 - v->lo};
    case 2: {
        int c = below(m, extent + 2);
        put(t, "%d - ", c);
        Range r = put_scaled(m, t, v);
        return (Range){c - r.hi, c - r.lo};
    }
    case 3: {
        put(t, "(");
        Range r = put_affine(m, t, v, u);
        put(t, ") // %d", q);
        return (Range){floor_quotient(r.lo, q), floor_quotient(r.hi, q)};
    }
    case 4:
    case 5:
        q = chance(m, 70) ? extent : 1 + below(m, extent);
        put(t, "(");
        put_affine(m, t, v, u);
        put(t, ") %% %d", q);
        return (Range){0, q - 1};
    case 6:
        if (put_gather(m, t, extent)) return (Range){0, extent - 1};
        return put_alone(t, v, extent);
    case 7:
        return put_alone(t, v, extent);
    default:
        return put_affine(m, t, v, u);
    }
}

/* Rather one that is right: the variable itself, or a map that stays inside. */
static Range put_index(Maker *m, Text *t, int extent) {
    Index *fit = fitting_index(m, extent);
    if (fit && chance(m, 60)) return put_alone(t, fit, extent);
    for (int tries = 0;; tries++) {
        Index before[MAX_INDICES];
        bool rows_loaded = m->rows_loaded;
        size_t n = t->n;
        memcpy(before, m->index, sizeof before);
        Range r = put_wild_index(m, t, extent);
        if ((r.lo >= 0 && r.hi < extent) || tries > 3) return r;
        memcpy(m->index, before, sizeof before);
        m->rows_loaded = rows_loaded;
        t->n = n;
        t->at[n] = 0;
    }
}

/* ---- loads ------------------------------------------------------------------------------- */

/* The load alone; false when it may be out of bounds. There is an index over the batch
 * where the tensor needs one. */
static bool put_load_alone(Maker *m, Text *t, Tensor *of) {
    bool safe = true;
    note_use(m, of);
    put(t, "%s", of->name);
    if (of->rank == 0) return true;
    put(t, "[");
    for (int i = 0; i < of->rank; i++) {
        put(t, i > 0 ? ", " : "");
        if (of->dim[i] == ROWS) {
            put_alone(t, rows_index(m), ROWS + 1);
            continue;
        }
        Range r = put_index(m, t, of->dim[i]);
        safe = safe && r.lo >= 0 && r.hi < of->dim[i];
    }
    put(t, "]");
    return safe;
}

double put_load(Maker *m, Text *t, Tensor *of) {
    size_t n = t->n;
    put(t, "(");
    if (put_load_alone(m, t, of)) {
        memmove(t->at + n, t->at + n + 1, t->n - n);
        t->n--;
        return of->magnitude;
    }
    if (of->type == TRUTH)
        put(t, " else %s)", PICK(m, "true", "false"));
    else
        put(t, " else %s)", of->type == REAL ? PICK(m, "0", "0.5", "-1", "0") : PICK(m, "0", "1"));
    return of->magnitude + 1;
}

/* With plain variables, constants and remainders only: always in bounds. */
bool put_safe_load(Maker *m, Text *t, Tensor *of) {
    note_use(m, of);
    put(t, "%s", of->name);
    if (of->rank == 0) return true;
    put(t, "[");
    for (int i = 0; i < of->rank; i++) {
        put(t, i > 0 ? ", " : "");
        Index *v = of->dim[i] == ROWS ? rows_index(m) : fitting_index(m, of->dim[i]);
        Index *u = any_index(m);
        if (v)
            put_alone(t, v, of->dim[i] == ROWS ? ROWS + 1 : of->dim[i]);
        else if (u && chance(m, 70))
            put(t, "%s %% %d", u->name, of->dim[i]);
        else
            put(t, "%d", below(m, of->dim[i]));
    }
    put(t, "]");
    return true;
}

static double put_any_load(Maker *m, Text *t) {
    Tensor *of = any_tensor(m, REAL, loadable);
    if (of) return put_load(m, t, of);
    put(t, "0.%d", 1 + below(m, 9));
    return 1;
}

/* ---- conditions --------------------------------------------------------------------------- */

/* An integer for its own sake. */
void put_integer(Maker *m, Text *t) {
    Index *v = any_index(m), *u = any_index(m);
    Tensor *of = any_tensor(m, INTEGER, loadable);
    if (of && (!v || chance(m, 30))) {
        put_safe_load(m, t, of);
        if (chance(m, 30)) put(t, " %% %d", 2 + below(m, 3));
    } else if (!v) {
        put(t, "%d", below(m, 4));
    } else if (chance(m, 40)) {
        put(t, "%s", v->name);
    } else if (chance(m, 50)) {
        put(t, "(");
        put_affine(m, t, v, v == u ? NULL : u);
        put(t, ") %s %d", PICK(m, "//", "%"), 2 + below(m, 3));
    } else {
        put_affine(m, t, v, v == u ? NULL : u);
    }
}

void put_condition(Maker *m, Text *t, int depth) {
    Tensor *of = any_tensor(m, TRUTH, loadable);
    m->flat++;
    if (depth > 0 && chance(m, 20)) {
        put(t, chance(m, 25) ? "(not " : "(");
        put_condition(m, t, depth - 1);
        put(t, " %s ", PICK(m, "and", "or"));
        put_condition(m, t, depth - 1);
        put(t, ")");
    } else if (of && chance(m, 30)) {
        put_load(m, t, of);
    } else if (chance(m, 60)) {
        put_integer(m, t);
        put(t, " %s ", PICK(m, "<", "<=", ">", ">=", "==", "!="));
        if (chance(m, 50))
            put(t, "%d", below(m, 6));
        else
            put_integer(m, t);
    } else {
        put_any_load(m, t);
        put(t, " %s ", PICK(m, "<", "<=", ">", ">="));
        put_real(m, t, 0);
    }
    m->flat--;
}

/* ---- real values ---------------------------------------------------------------------------- */

static double put_call(Maker *m, Text *t, int depth) {
    static const struct {
        const char *before, *after;
        double limit, gain;
    } f[] = {{"sin(", ")", 1, 0}, {"cos(", ")", 1, 0}, {"tanh(", ")", 1, 0},
            {"sigmoid(", ")", 1, 0}, {"atan(", ")", 1.6, 0}, {"erf(", ")", 1, 0},
            {"softplus(", ")", 1, 1}, {"abs(", ")", 0, 1}, {"exp(tanh(", "))", 2.8, 0},
            {"log(0.5 + abs(", "))", 1, 1}, {"log(0.3 + softplus(", "))", 1, 1},
            {"sqrt(0.3 + abs(", "))", 0.6, 1}, {"expm1(sin(", "))", 1.8, 0},
            {"log1p(0.8 * cos(", "))", 1.7, 0}, {"(1.5 + sin(", ")) ** 1.5", 4, 0},
            {"(", ") ** 2", 0, -1}, {"1 / (1.2 + sin(", "))", 5, 0}, {"relu(", ")", 0, 1},
            {"gelu(", ")", 0, 1}, {"silu(", ")", 0, 1}, {"elu(", ")", 0, 1},
            {"softsign(", ")", 1, 0}, {"leaky_relu(", ")", 0, 1}, {"relu6(", ")", 0, 1},
            {"(", ") % 0.9", 0.9, 0}, {"-(", ")", 0, 1}, {"max(0.1, ", ")", 0.1, 1},
            {"min(0.4, ", ")", 0.4, 1}};
    int k = below(m, (int)(sizeof f / sizeof *f));
    put(t, "%s", f[k].before);
    double size = put_real(m, t, depth - 1);
    put(t, "%s", f[k].after);
    return f[k].gain < 0 ? size * size : fmax(f[k].limit, f[k].gain * size);
}

/* Jumps and steps: no derivative. */
static double put_flat(Maker *m, Text *t, int depth) {
    bool quotient = chance(m, 20);
    m->flat++;
    put(t, "%s(", quotient ? "" : PICK(m, "floor", "sign", "ceil", "round", "stop_gradient"));
    double size = put_real(m, t, depth - 1);
    put(t, quotient ? ") // 0.7" : ")");
    m->flat--;
    return size + 1;
}

static double put_binary(Maker *m, Text *t, int depth) {
    const char *op = PICK(m, "+", "-", "*", "*", "/");
    put(t, "(");
    double a = put_real(m, t, depth - 1);
    put(t, " %s ", op);
    put(t, op[0] == '/' ? "(1.5 + tanh(" : "");
    double b = put_real(m, t, depth - 1);
    put(t, op[0] == '/' ? ")))" : ")");
    return op[0] == '*' ? a * b : op[0] == '/' ? 2 * a : a + b;
}

static double put_power(Maker *m, Text *t, int depth) {
    put(t, "(1.2 + sin(");
    put_real(m, t, depth - 1);
    put(t, ")) ** tanh(");
    put_real(m, t, depth - 1);
    put(t, ")");
    return 5;
}

static double put_choice(Maker *m, Text *t, int depth) {
    put(t, "(if ");
    put_condition(m, t, 1);
    put(t, " then ");
    double a = put_real(m, t, depth - 1);
    put(t, " else ");
    double b = put_real(m, t, depth - 1);
    put(t, ")");
    return fmax(a, b);
}

/* A fold inside of an expression, over one more variable. */
static double put_inner_fold(Maker *m, Text *t, int depth) {
    if (m->nindex == MAX_INDICES) return put_any_load(m, t);
    Index *v = &m->index[m->nindex++];
    *v = (Index){.name = "", .lo = 0, .hi = 1 + below(m, 5)};
    snprintf(v->name, sizeof v->name, "i%d", m->nindex % 10);
    const char *fold = PICK(m, "sum", "max", "min", "prod");
    Text body = {.n = 0};
    m->cost *= v->hi;
    double size = put_real(m, &body, depth - 1);
    put(t, "(%s(", fold);
    v->fits = 0; /* always with its range */
    put_indices(m, t, v, 1);
    m->nindex--;
    if (fold[0] == 'p')
        put(t, ") cos(%s))", body.at);
    else
        put(t, ") %s)", body.at);
    return fold[0] == 'p' ? 1 : fold[0] == 's' ? size * v->hi : size;
}

double put_real(Maker *m, Text *t, int depth) {
    if (depth <= 0) {
        if (chance(m, 85)) return put_any_load(m, t);
        put(t, "%d.%d", below(m, 2), 1 + below(m, 9));
        return 1;
    }
    int kind = below(m, 100);
    if (kind < 30) return put_any_load(m, t);
    if (kind < 60) return put_call(m, t, depth);
    if (kind < 80) return put_binary(m, t, depth);
    if (kind < 82) return put_power(m, t, depth);
    if (kind < 90) return put_choice(m, t, depth);
    if (kind < 93) return put_flat(m, t, depth);
    if (kind < 96 && m->cost < 2000) return put_inner_fold(m, t, depth);
    if (kind < 98) {
        put(t, "%s(", PICK(m, "max", "min"));
        double a = put_real(m, t, depth - 1);
        put(t, ", ");
        double b = put_real(m, t, depth - 1);
        put(t, ")");
        return fmax(a, b);
    }
    put(t, "0.%d * ", 1 + below(m, 5));
    put(t, "(");
    put_integer(m, t);
    put(t, ")");
    return 2;
}

/* The list of variables, with the ranges that do not follow from the loads. */
void put_indices(Maker *m, Text *t, const Index *index, int n) {
    for (int i = 0; i < n; i++) {
        const Index *v = &index[i];
        put(t, "%s%s", i > 0 ? ", " : "", v->name);
        if (v->hi == ROWS) continue;
        if (v->lo == 0 && v->fits > 0 && v->misfits == 0 && chance(m, 70)) continue;
        put(t, " in %d..%d", v->lo, v->hi);
    }
}
