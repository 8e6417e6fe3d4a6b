/* random_program.c - prints a random program in index notation.
 *
 *     random_program SEED > x.dl
 *
 * A program is a row of statements, each defining one tensor from those before it, and a
 * loss line for each tensor that nothing else uses, so that a statement that a failure does
 * not need can be taken out by its line. Values stay small: what grows goes through sin or
 * tanh. The same seed gives the same text. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = 40, RANK = 4, LARGEST = 3000, TEXT = 1024 };

typedef struct Tensor {
    char name[8];
    int rank;
    int dim[RANK]; /* dim[0] is the batch where `rows` */
    bool rows, used;
    bool from_first; /* a differentiable function of the first input */
} Tensor;

static Tensor tensor[TENSORS];
static int tensors;
static uint64_t state;

static int below(int n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}

static bool chance(int percent) {
    return below(100) < percent;
}

static int size(void) {
    static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 17};
    return sizes[below((int)(sizeof sizes / sizeof *sizes))];
}

static const char *pick(const char *const *list, int n) {
    return list[below(n)];
}
#define PICK(...)                                                                                  \
    pick((const char *const[]){__VA_ARGS__},                                                       \
            (int)(sizeof(const char *const[]){__VA_ARGS__} / sizeof(const char *)))

/* ---- tensors ---------------------------------------------------------------------------- */

/* How many elements of a row. */
static int elements(const Tensor *t) {
    int n = 1;
    for (int i = t->rows; i < t->rank; i++) n *= t->dim[i];
    return n;
}

static Tensor *add(const char *prefix, bool rows, int rank) {
    Tensor *t = &tensor[tensors];
    snprintf(t->name, sizeof t->name, "%.3s%d", prefix, tensors++);
    t->rows = rows;
    t->rank = rank;
    t->used = false;
    return t;
}

static bool from_first; /* so is one that the present statement reads */

static Tensor *any(void) {
    Tensor *t =
            &tensor[chance(60) ? tensors - 1 - below(tensors < 3 ? tensors : 3) : below(tensors)];
    return t;
}

/* Notes that the present statement reads it. */
static Tensor *use(Tensor *t) {
    t->used = true;
    from_first |= t->from_first;
    return t;
}

/* One with rows and at least one more axis: the first input is. */
static Tensor *any_matrix(void) {
    for (int tries = 0; tries < 20; tries++) {
        Tensor *t = any();
        if (t->rows && t->rank > 1) return t;
    }
    return &tensor[0];
}

static void print_type(const Tensor *t) {
    printf("f32[");
    for (int i = 0; i < t->rank; i++) {
        if (i > 0) printf(", ");
        if (i == 0 && t->rows)
            printf("batch");
        else
            printf("%d", t->dim[i]);
    }
    printf("]");
}

static void leaf(bool param) {
    Tensor *t = add(param ? "w" : "x", !param && (tensors == 0 || chance(90)), 1 + below(3));
    if (!param && t->rank < 2) t->rank = 2;
    for (int i = t->rows; i < t->rank; i++) t->dim[i] = size();
    printf(param ? "    param %s: " : "    input %s: ", t->name);
    print_type(t);
    printf(param ? " = random_normal(stddev: 0.7)\n" : "\n");
}

/* ---- pieces of text ------------------------------------------------------------------------- */

typedef struct Text {
    char at[TEXT];
    size_t n;
} Text;

static void put(Text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->n, TEXT - t->n, format, args);
    va_end(args);
    if (n < 0 || t->n + (size_t)n >= TEXT) exit(3);
    t->n += (size_t)n;
}

static const char *const letter[] = {"n", "i", "j", "k"};

/* An index into an axis of `extent`, from variables v[0..count) with extents e, which may
 * leave the axis: the load has an `else`. */
static void put_wild_index(Text *t, int extent, const char *const *v, const int *e, int count) {
    int a = below(count), b = below(count);
    switch (below(8)) {
    case 0:
        put(t, "%d * %s + %s", 1 + below(3), v[a], v[b]);
        break;
    case 1:
        put(t, "%s - %s", v[a], v[b]);
        break;
    case 2:
        put(t, "%s + %d", v[a], below(5) - 2);
        break;
    case 3:
        put(t, "%d - %s", below(extent + 2), v[a]);
        break;
    case 4:
        put(t, "(%s * %d + %s) // %d", v[a], 1 + e[b], v[b], 2 + below(4));
        break;
    case 5:
        put(t, "(%s * %d + %s) %% %d", v[a], 1 + below(4), v[b], extent);
        break;
    case 6:
        put(t, "%s // %d", v[a], 1 + below(3));
        break;
    default:
        put(t, "%d * %s - %d", 2 + below(2), v[a], below(3));
    }
}

static void put_function(Text *t, const char *what) {
    const char *f = PICK("tanh", "sin", "sigmoid", "softplus", "gelu", "relu", "cos", "silu", "elu",
            "atan", "erf", "leaky_relu");
    put(t, "%s(%s)", f, what);
}

/* ---- statements --------------------------------------------------------------------------------
 */

static void elementwise(void) {
    Tensor *a = use(any()), *b = chance(30) ? a : any();
    bool fits = b->rank <= a->rank && !(b->rows && b->rank < a->rank);
    for (int i = 0; fits && i < b->rank; i++)
        fits = a->dim[a->rank - 1 - i] == b->dim[b->rank - 1 - i];
    if (b->rows && !a->rows) fits = false;
    if (fits) use(b);
    Tensor *y = add("e", a->rows, a->rank);
    memcpy(y->dim, a->dim, sizeof y->dim);
    Text f = {0};
    put_function(&f, a->name);
    if (!fits)
        printf("    %s = %s * %d + %s\n", y->name, f.at, 1 + below(2), a->name);
    else if (chance(30))
        printf("    %s = if %s > %s then %s else %s\n", y->name, a->name, b->name, f.at, b->name);
    else if (chance(30))
        printf("    %s = %s(%s, sin(%s))\n", y->name, PICK("max", "min"), f.at, b->name);
    else
        printf("    %s = %s %s sin(%s)\n", y->name, f.at, PICK("*", "+", "-"), b->name);
}

/* The list of index variables of a result of that shape, with ranges. */
static void put_left(Text *t, const Tensor *y) {
    put(t, "%s[", y->name);
    for (int i = 0; i < y->rank; i++) {
        if (i > 0) put(t, ", ");
        if (i == 0 && y->rows)
            put(t, "n");
        else
            put(t, "%s in 0..%d", letter[i + !y->rows], y->dim[i]);
    }
    put(t, "]");
}

static void gather(void) {
    Tensor *x = use(any());
    Tensor *y = add("g", x->rows, (x->rows ? 2 : 1) + below(2));
    for (int i = y->rows; i < y->rank; i++) y->dim[i] = size();
    Text t = {0};
    put_left(&t, y);
    put(&t, " = %s[%s", x->name, x->rows ? "n" : "");
    int first = 1, count = y->rank - y->rows;
    const int *e = y->dim + y->rows;
    for (int i = x->rows; i < x->rank; i++) {
        if (i > 0) put(&t, ", ");
        put_wild_index(&t, x->dim[i], letter + first, e, count);
    }
    printf("    %s] else %s\n", t.at, PICK("0", "0.5", "-1"));
}

/* sum over the last axis (and a window) of products, matrix products, poolings. */
static void fold(void) {
    Tensor *x = any();
    if (x->rank < 2) {
        elementwise();
        return;
    }
    use(x);
    int keep = x->rank - x->rows - 1;
    Tensor *y = add("f", x->rows, x->rows + keep);
    for (int i = 0; i < y->rank; i++) y->dim[i] = x->dim[i];
    const char *kind = PICK("sum", "sum", "max", "min", "prod");
    printf("    %s[", y->name);
    for (int i = 0; i < y->rank; i++) printf("%s%s", i > 0 ? ", " : "", letter[i + !x->rows]);
    Text load = {0};
    put(&load, "%s[", x->name);
    for (int i = 0; i < y->rank; i++) put(&load, "%s, ", letter[i + !x->rows]);
    put(&load, "q]");
    printf("] = %s(q) ", kind);
    if (chance(30)) /* each leaves something, so that no maximum is infinite */
        printf("if %s then ", PICK("q % 2 == 0", "q < 3", "q % 3 != 1", "q * 2 < 7"));
    if (strcmp(kind, "sum") == 0 && chance(50))
        printf("%s * sin(%s)\n", load.at, load.at);
    else if (strcmp(kind, "prod") == 0)
        printf("(1 + 0.3 * sin(%s))\n", load.at);
    else
        printf("%s\n", load.at);
}

static void matrix_product(void) {
    Tensor *x = any_matrix();
    use(x);
    int k = x->dim[x->rank - 1], m = size();
    Tensor *w = add("w", false, 2);
    w->dim[0] = k;
    w->dim[1] = m;
    w->used = true;
    printf("    param %s: f32[%d, %d] = glorot_uniform()\n", w->name, k, m);
    Tensor *y = add("m", true, x->rank);
    memcpy(y->dim, x->dim, sizeof y->dim);
    y->dim[y->rank - 1] = m;
    printf("    %s[..., o] = sum(k) %s[..., k] * %s[k, o]\n", y->name, x->name, w->name);
}

/* A convolution along the first axis after the batch, of any stride and dilation. */
static void convolution(void) {
    Tensor *x = any_matrix();
    int window = 1 + below(3), stride = 1 + below(3), dilation = 1 + below(2);
    if (x->rank < 3 || (window - 1) * dilation + 1 > x->dim[1]) {
        matrix_product();
        return;
    }
    use(x);
    int filters = 1 + below(4), last = x->dim[x->rank - 1];
    Tensor *w = add("w", false, 3);
    w->used = true;
    printf("    param %s: f32[%d, %d, %d] = glorot_uniform()\n", w->name, window, last, filters);
    w->dim[0] = window, w->dim[1] = last, w->dim[2] = filters;
    Tensor *y = add("c", true, x->rank);
    memcpy(y->dim, x->dim, sizeof y->dim);
    y->dim[1] = (x->dim[1] - 1 - (window - 1) * dilation) / stride + 1;
    y->dim[y->rank - 1] = filters;
    const char *middle = x->rank == 4 ? "j, " : "";
    printf("    %s[n, i, %so] = sum(p, c) %s[n, %d * i + %d * p, %sc] * %s[p, c, o]\n", y->name,
            middle, x->name, stride, dilation, middle, w->name);
}

static void scan(void) {
    Tensor *x = any_matrix();
    if (x->rank < 3) {
        matrix_product();
        return;
    }
    use(x);
    int steps = x->dim[1], width = x->dim[x->rank - 1];
    bool all = chance(50);
    Tensor *y = add("s", true, all ? 3 : 2);
    y->dim[1] = all ? steps : width;
    if (all) y->dim[2] = width;
    const char *rest = x->rank == 4 ? ", 0" : "";
    printf("    scan t in %d%s with h%s = zeros(batch, %d) { h%s = tanh(%s[:, t%s] + 0.8 * "
           "%s(h%s)) }; ",
            steps, chance(30) ? " reversed" : "", y->name, width, y->name, x->name, rest,
            PICK("sin", "sigmoid", "relu"), y->name);
    printf("%s = %sh%s\n", y->name, all ? "all " : "", y->name);
}

static void library(void) {
    Tensor *x = use(any_matrix());
    Tensor *y = add("l", true, x->rank);
    memcpy(y->dim, x->dim, sizeof y->dim);
    printf("    %s = %s |> %s\n", y->name, x->name,
            PICK("softmax", "layer_norm", "log_softmax", "batch_norm", "softmax |> tanh",
                    "dropout(0.3)"));
}

static void concatenation(void) {
    static const char *const zeros[] = {"", ", 0", ", 0, 0"};
    Tensor *a = use(any_matrix()), *b = use(any_matrix());
    int n = a->dim[a->rank - 1], m = b->dim[b->rank - 1];
    Tensor *y = add("k", true, 2);
    y->dim[1] = n + m;
    printf("    %s[n, i in 0..%d] = if i < %d then %s[n%s, i] else %s[n%s, i - %d]\n", y->name,
            n + m, n, a->name, zeros[a->rank - 2], b->name, zeros[b->rank - 2], n);
}

/* By an index that is data: the place of the greatest of a row. */
static void by_index(void) {
    Tensor *x = any_matrix();
    if (x->rank != 2) {
        library();
        return;
    }
    Tensor *w = add("w", false, 2), *y = add("b", true, 2);
    w->dim[0] = x->dim[1], w->dim[1] = y->dim[1] = size();
    w->used = x->used = true;
    printf("    param %s: f32[%d, %d] = random_normal(stddev: 0.7)\n", w->name, w->dim[0],
            w->dim[1]);
    printf("    %s[n, d] = sum(m in 0..1) %s[argmax(q) %s[n, q], d]\n", y->name, w->name, x->name);
}

/* A gradient, to be differentiated again. */
static void gradient(void) {
    for (int i = tensors - 1; i > 0; i--) {
        if (!tensor[i].from_first || tensor[i].name[0] == 'd') continue;
        Tensor *y = add("d", true, tensor[0].rank);
        memcpy(y->dim, tensor[0].dim, sizeof y->dim);
        printf("    %s = grad(sin(%s), %s)\n", y->name, tensor[i].name, tensor[0].name);
        tensor[i].used = from_first = true;
        return;
    }
    elementwise();
}

static void losses(void) {
    for (int i = 0; i < tensors; i++)
        if (!tensor[i].used || chance(10))
            printf("    loss %smean(sin(%s) * %s)\n", chance(30) ? "0.5 * " : "", tensor[i].name,
                    tensor[i].name);
}

int main(int argc, char **argv) {
    static void (*const statement[])(void) = {elementwise, elementwise, gather, gather, fold, fold,
            matrix_product, convolution, scan, library, concatenation, by_index, gradient};
    if (argc != 2) return 2;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 12345;
    printf("model fuzz {\n");
    leaf(false);
    tensor[0].from_first = true;
    if (chance(50)) leaf(false);
    leaf(true);
    for (int n = 3 + below(8); n > 0 && tensors < TENSORS - 4;) {
        from_first = false;
        statement[below((int)(sizeof statement / sizeof *statement))]();
        tensor[tensors - 1].from_first = from_first;
        n -= elements(&tensor[tensors - 1]) < LARGEST ? 1 : n;
    }
    for (int i = 0; i < tensors; i++)
        if (tensor[i].rows && strchr("efgmcslkbd", tensor[i].name[0]) && chance(30))
            printf("    output %s\n", tensor[i].name);
    losses();
    printf("}\ntrain fuzz { optimizer %s; batch %d }\n",
            PICK("adam()", "sgd(rate: 0.1)", "sgd(momentum: 0.9)"), 1 + below(7));
    return 0;
}
