/* program_whole.c - random statements over whole tensors: operators with broadcasting,
 * subscripts, reshapes, scans, layers of the library, gradients, choices at compile time. */
#include <math.h>
#include <string.h>

#include "program.h"

static bool rows_first(const Maker *m, const Tensor *t) {
    (void)m;
    return t->rank >= 2 && t->rank <= 4 && t->dim[0] == ROWS && row_elements(t) < 1200;
}

static bool any_small(const Maker *m, const Tensor *t) {
    (void)m;
    return row_elements(t) < 2000;
}

/* Begins a statement that reads these. */
static Tensor *made_of(Maker *m, Tensor *y, Tensor *a, Tensor *b) {
    m->from = 0;
    m->target = false;
    note_use(m, a);
    if (b) note_use(m, b);
    y->from = m->from;
    y->target = m->target;
    y->magnitude = fmax(a->magnitude, b ? b->magnitude : 0);
    return y;
}

/* Whether b aligns with a from the right, every axis equal or one of them 1. */
static bool aligns(const Tensor *a, const Tensor *b, int *rank, int *dim) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    int rows = 0;
    for (int i = 0; i < *rank; i++) { /* from the right */
        int d = i < a->rank ? a->dim[a->rank - 1 - i] : 1;
        int e = i < b->rank ? b->dim[b->rank - 1 - i] : 1;
        if (d != e && d != 1 && e != 1) return false;
        dim[*rank - 1 - i] = d == 1 ? e : d;
        rows += d == ROWS || e == ROWS;
    }
    return rows <= 1;
}

static void put_elementwise(Maker *m) {
    Tensor *a = any_tensor(m, REAL, any_small), *b = a;
    int rank = 0, dim[2 * MAX_AXES];
    for (int tries = 0; tries < 20; tries++) {
        b = any_tensor(m, REAL, any_small);
        if (b != a && aligns(a, b, &rank, dim)) break;
        b = a;
    }
    aligns(a, b, &rank, dim);
    double size = a->magnitude + b->magnitude;
    const char *f = PICK(m, "tanh", "sin", "sigmoid", "softplus", "gelu", "relu", "silu", "elu",
            "atan", "erf", "leaky_relu");
    Tensor *y = made_of(m, new_tensor(m, "e", REAL, rank, dim), a, b);
    y->magnitude = fmin(size, 5);
    switch (below(m, 6)) {
    case 0:
        put(&m->out, "    %s = if %s > %s then %s(%s) else 0.5 * %s\n", y->name, a->name, b->name,
                f, a->name, b->name);
        break;
    case 1:
        put(&m->out, "    %s = %s(%s, sin(%s))\n", y->name, PICK(m, "max", "min"), a->name,
                b->name);
        break;
    case 2:
        put(&m->out, "    %s = %s(%s) / (1.5 + cos(%s))\n", y->name, f, a->name, b->name);
        break;
    case 3:
        put(&m->out, "    %s = %s |> %s |> %s + %s\n", y->name, a->name, f, f, b->name);
        break;
    default:
        put(&m->out, "    %s = %s(%s) %s sin(%s)\n", y->name, f, a->name, PICK(m, "*", "+", "-"),
                b->name);
    }
}

/* One axis cut, or an element taken. */
static void put_subscript(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x) return;
    int k = 1 + below(m, x->rank - 1), size = x->dim[k], rank = 0, dim[MAX_AXES];
    bool take = chance(m, 40);
    int at = below(m, size), end = at + 1 + below(m, size - at);
    for (int i = 0; i < x->rank; i++)
        if (i != k || !take) dim[rank++] = i == k ? end - at : x->dim[i];
    Tensor *y = made_of(m, new_tensor(m, "q", REAL, rank, dim), x, NULL);
    put(&m->out, "    %s = %s[", y->name, x->name);
    bool dots = k == x->rank - 1 && chance(m, 50);
    if (dots) put(&m->out, "..., ");
    for (int i = 0; i < k && !dots; i++) put(&m->out, ":, ");
    bool back = chance(m, 40);
    if (take)
        put(&m->out, "%d", back ? at - size : at);
    else if (end == size)
        put(&m->out, "%d:", back && at > 0 ? at - size : at);
    else
        put(&m->out, "%d:%d", at, back ? end - size : end);
    put(&m->out, "]\n");
}

static void put_reshape(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x) return;
    int n = row_elements(x), a = 1;
    for (int tries = 0; tries < 9 && a == 1; tries++) {
        a = 1 + below(m, n < 40 ? n : 40);
        if (n % a != 0) a = 1;
    }
    int rank = 3;
    Tensor *y = made_of(m, new_tensor(m, "h", REAL, rank, (int[]){ROWS, n / a, a}), x, NULL);
    put(&m->out, "    %s = reshape(%s, batch, %d, %d)\n", y->name, x->name, n / a, a);
}

/* ---- scans --------------------------------------------------------------------------------- */

/* A recurrence over the first axis after the batch. */
static void put_recurrence(Maker *m, Tensor *x) {
    int steps = x->dim[1], width = x->dim[2], units = 1 + below(m, 9), k = m->names;
    bool matrix = chance(m, 50), two = chance(m, 40), all = chance(m, 50), guard = chance(m, 30);
    if (!matrix) units = width;
    Tensor *w = new_tensor(m, "w", REAL, 2, (int[]){matrix ? width : units, units});
    w->used = true;
    put(&m->out, "    param %s: f32[%d, %d] = %s\n", w->name, w->dim[0], units,
            PICK(m, "orthogonal()", "glorot_uniform()"));
    put(&m->out, "    scan t in %d %swith g%d = zeros(batch, %d)", steps,
            chance(m, 35) ? "reversed " : "", k, units);
    if (two) put(&m->out, ", d%d = zeros(batch, %d)", k, units);
    put(&m->out, " {\n        u = ");
    if (matrix)
        put(&m->out, "tanh(%s[:, t] @ %s + 0.8 * g%d)\n", x->name, w->name, k);
    else
        put(&m->out, "%s(%s[:, t] + g%d @ %s)\n", PICK(m, "tanh", "sin"), x->name, k, w->name);
    if (two) put(&m->out, "        d%d = 0.7 * d%d + u * g%d\n", k, k, k);
    if (two) put(&m->out, "        u = sigmoid(d%d) * u\n", k);
    if (guard)
        put(&m->out, "        g%d[n, i] = if %s then u[n, i] else %s\n", k,
                PICK(m, "t % 2 == 0", "t > 0", "i <= t", "u[n, i] > -0.3", "(t + i) % 3 != 0"),
                PICK(m, "0", "0.5 * u[n, i]", "0.1"));
    else
        put(&m->out, "        g%d = u\n", k);
    put(&m->out, "    }\n");
    int dim[3] = {ROWS, all ? steps : units, units};
    Tensor *y = made_of(m, new_tensor(m, "r", REAL, all ? 3 : 2, dim), x, w);
    y->magnitude = two ? 2 : 1;
    put(&m->out, "    %s = %s%s%d\n", y->name, all ? "all " : "", two && chance(m, 40) ? "d" : "g",
            k);
}

/* A running value, by elements: cumulative sum, product or maximum. */
static void put_running(Maker *m, Tensor *x) {
    int steps = x->dim[1], k = m->names;
    bool reversed = chance(m, 40), all = chance(m, 70);
    put(&m->out, "    scan t in %d %swith g%d = %s(batch) {\n        g%d[n] = %s(0.9 * g%d[n], ",
            steps, reversed ? "reversed " : "", k, PICK(m, "zeros", "ones"), k,
            PICK(m, "max", "min", "max"), k);
    put(&m->out, "%s[n, t])\n", x->name);
    if (chance(m, 60)) put(&m->out, "        g%d = 0.5 * g%d + %s[:, t]\n", k, k, x->name);
    put(&m->out, "    }\n");
    Tensor *y = made_of(m, new_tensor(m, "r", REAL, all ? 2 : 1, (int[]){ROWS, steps}), x, NULL);
    y->magnitude = 2 * x->magnitude;
    put(&m->out, "    %s = %sg%d\n", y->name, all ? "all " : "", k);
}

/* A scan inside of a scan, which carries on from the outer one's state. */
static void put_nested_scans(Maker *m, Tensor *x) {
    int outer = x->dim[1], inner = x->dim[2], units = 1 + below(m, 4), k = m->names;
    bool back = chance(m, 50), all = chance(m, 40);
    Tensor *w = new_tensor(m, "w", REAL, 2, (int[]){units, units});
    w->used = true;
    put(&m->out, "    param %s: f32[%d, %d] = glorot_uniform()\n", w->name, units, units);
    put(&m->out, "    scan t in %d%s with g%d = zeros(batch, %d) {\n", outer,
            back ? "" : " reversed", k, units);
    put(&m->out, "        scan s in %d%s with d%d = g%d {\n", inner, back ? " reversed" : "", k, k);
    put(&m->out,
            "            d%d[n, i] = tanh(d%d[n, i] * 0.5 + %s[n, t, s] * (i + 1) * 0.3 + sum(j) "
            "d%d[n, j] * %s[j, i])\n",
            k, k, x->name, k, w->name);
    put(&m->out, "        }\n        g%d = 0.5 * g%d + d%d\n    }\n", k, k, k);
    int dim[3] = {ROWS, all ? outer : units, units};
    Tensor *y = made_of(m, new_tensor(m, "r", REAL, all ? 3 : 2, dim), x, w);
    put(&m->out, "    %s = %sg%d\n", y->name, all ? "all " : "", k);
    y->magnitude = 2;
}

static void put_scan(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x || x->rank > 3 || x->dim[1] > 20)
        put_elementwise(m);
    else if (x->rank == 3 && x->dim[1] < 6 && x->dim[2] < 9 && chance(m, 30))
        put_nested_scans(m, x);
    else if (x->rank == 3)
        put_recurrence(m, x);
    else
        put_running(m, x);
}

/* ---- the library ------------------------------------------------------------------------------
 */

static bool words(const Maker *m, const Tensor *t) {
    (void)m;
    return t->rank >= 1 && t->rank <= 2 && t->dim[0] == ROWS && (t->bound > 0 || t->data);
}

static void put_embedding(Maker *m) {
    Tensor *x = any_tensor(m, INTEGER, words);
    if (!x) {
        put_elementwise(m);
        return;
    }
    int units = 1 + below(m, 9), rank = x->rank + 1, dim[3] = {ROWS, units, units};
    if (rank == 3) dim[1] = x->dim[1];
    int vocabulary = x->data ? 3 + below(m, 20) : x->bound + below(m, 3);
    Tensor *y = made_of(m, new_tensor(m, "l", REAL, rank, dim), x, NULL);
    put(&m->out, "    %s = %s |> embedding(%d, %d)\n", y->name, x->name, vocabulary, units);
    y->magnitude = 1;
}

static void put_image_layer(Maker *m, Tensor *x) {
    int h = x->dim[1], w = x->dim[2], size = 1 + below(m, 3), stride = 1 + below(m, 2);
    bool same = chance(m, 50), pool = chance(m, 50);
    if (size > h || size > w) same = true;
    int filters = pool ? x->dim[3] : 1 + below(m, 5);
    int dim[4] = {ROWS, same ? (h + stride - 1) / stride : (h - size) / stride + 1,
            same ? (w + stride - 1) / stride : (w - size) / stride + 1, filters};
    Tensor *y = made_of(m, new_tensor(m, "l", REAL, 4, dim), x, NULL);
    if (pool)
        put(&m->out, "    %s = %s |> %s(%d, stride: %d%s)\n", y->name, x->name,
                PICK(m, "max_pool2d", "average_pool2d"), size, stride,
                same ? ", padding: same" : "");
    else
        put(&m->out, "    %s = %s |> conv2d(%d, %d, stride: %d%s%s)\n", y->name, x->name, filters,
                size, stride, same ? ", padding: same" : "",
                same && chance(m, 40)      ? ", dilation: 2"
                : filters % x->dim[3] == 0 ? PICK(m, ", groups: 1", ", activation: relu")
                                           : PICK(m, "", ", activation: relu"));
}

static void put_layer(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x) return;
    if (x->rank == 4 && x->dim[3] < 20 && chance(m, 60)) {
        put_image_layer(m, x);
        return;
    }
    int units = 1 + below(m, 8), last = x->dim[x->rank - 1], dim[MAX_AXES];
    if (x->rank == 3 && x->dim[1] < 9 && chance(m, 40)) {
        bool all = chance(m, 50);
        int shape[3] = {ROWS, all ? x->dim[1] : units, units};
        Tensor *y = made_of(m, new_tensor(m, "l", REAL, all ? 3 : 2, shape), x, NULL);
        put(&m->out, "    %s = %s |> %s(%d%s%s)\n", y->name, x->name,
                PICK(m, "lstm", "gru", "simple_rnn"), units, all ? ", return_sequences: true" : "",
                PICK(m, "", ", go_backwards: true"));
        y->magnitude = 1;
        return;
    }
    memcpy(dim, x->dim, sizeof dim);
    bool dense = chance(m, 40);
    if (dense) dim[x->rank - 1] = units;
    Tensor *y = made_of(m, new_tensor(m, "l", REAL, x->rank, dim), x, NULL);
    if (dense)
        put(&m->out, "    %s = %s |> dense(%d%s)\n", y->name, x->name, units,
                PICK(m, "", ", tanh", ", bias: false"));
    else
        put(&m->out, "    %s = %s |> %s\n", y->name, x->name,
                last == 1 ? PICK(m, "softmax", "gelu", "dropout(0.3)")
                          : PICK(m, "softmax", "log_softmax", "layer_norm", "batch_norm",
                                    "dropout(0.3)", "layer_norm(scale: false)"));
    y->magnitude = 3;
}

/* ---- gradients, compile time
 * ---------------------------------------------------------------------- */

static void put_gradient(Maker *m) {
    for (int tries = 0; tries < 10 && m->gradients; tries++) {
        Tensor *of = any_tensor(m, REAL, any_small);
        int by = below(m, m->ntensor);
        if (!(of->from >> by & 1) || of->name[0] == 'd') continue;
        Tensor *x = &m->tensor[by];
        if (row_elements(x) > 500) continue;
        Tensor *y = made_of(m, new_tensor(m, "d", REAL, x->rank, x->dim), of, x);
        put(&m->out, "    %s = %s(grad(%s(%s), %s))\n", y->name, PICK(m, "tanh", "sin", "atan"),
                PICK(m, "sin", "tanh", "exp"), of->name, x->name);
        y->magnitude = 1;
        return;
    }
    put_elementwise(m);
}

static void put_compile_time(Maker *m) {
    Tensor *x = any_tensor(m, REAL, any_small);
    Tensor *y = made_of(m, new_tensor(m, "o", REAL, x->rank, x->dim), x, NULL);
    y->magnitude = 1 + x->magnitude;
    if (chance(m, 40)) {
        put(&m->out,
                "    %s = %s\n    for s in 0..%d {\n        %s = 0.9 * %s + 0.1 * sin(%s * (s + "
                "1))\n"
                "        if s %% 2 == 1 { %s = %s - 0.1 }\n    }\n",
                y->name, x->name, 1 + below(m, 4), y->name, y->name, y->name, y->name, y->name);
    } else {
        put(&m->out, "    %s = if rank(%s) > %d then sin(%s) else cos(%s)\n", y->name, x->name,
                below(m, 4), x->name, x->name);
    }
}

/* A layer of the program's own, with a state, noise and a penalty. */
static void put_own_layer(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x || x->rank != 2) {
        put_elementwise(m);
        return;
    }
    int k = m->names, units = 1 + below(m, 8);
    put(&m->top,
            "layer own%d(x: f32[batch, n], units: int) {\n    param w: f32[n, units] = "
            "he_uniform()\n"
            "    state centre: f32[n] = zeros()\n    penalty 0.01 * sum(i, j) w[i, j] * w[i, j]\n"
            "    if training {\n        m[i] = (sum(b) x[b, i]) / batch\n"
            "        centre = 0.9 * centre + 0.1 * m\n        x = x + 0.1 * (uniform_like(x) - "
            "0.5)\n"
            "    }\n    return (x - centre) @ w\n}\n",
            k);
    Tensor *y = made_of(m, new_tensor(m, "l", REAL, 2, (int[]){ROWS, units}), x, NULL);
    put(&m->out, "    %s = %s |> own%d(%d)\n", y->name, x->name, k, units);
    y->magnitude = 2 * x->magnitude;
}

/* A function of elements, called on elements. */
static void put_function(Maker *m) {
    Tensor *x = any_tensor(m, REAL, rows_first);
    if (!x) return;
    int k = m->names;
    put(&m->top, "fn h%d(a, b) = %s\n", k,
            PICK(m, "a * sin(b)", "if a > b then a - b else tanh(a)", "sqrt(a * a + b * b + 0.5)",
                    "max(a, 0.2 * b) + 0.1", "a / (1 + b ** 2)"));
    Tensor *y = made_of(m, new_tensor(m, "p", REAL, x->rank, x->dim), x, NULL);
    put(&m->out, "    %s[..., i] = h%d(%s[..., i], sin(%s[..., %d - i]))\n", y->name, k, x->name,
            x->name, x->dim[x->rank - 1] - 1);
    y->magnitude = 2 * x->magnitude;
}

void put_whole_statement(Maker *m) {
    static void (*const make[])(Maker *) = {put_elementwise, put_elementwise, put_elementwise,
            put_subscript, put_reshape, put_scan, put_scan, put_scan, put_layer, put_layer,
            put_embedding, put_gradient, put_gradient, put_compile_time, put_function,
            put_own_layer};
    make[below(m, (int)(sizeof make / sizeof *make))](m);
}
