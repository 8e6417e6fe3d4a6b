/* data_addition.c - sums of two numbers, as texts: "27+385 " and "412 ". The longest numbers have
 * as many digits as fit into the model's input, i32[batch, 2 digits + 1]; the target is
 * i32[batch, digits + 1]. Symbols are 0 to 9, then + (10) and the blank (11) that fills up.
 *
 * How many digits a number has and which they are is drawn for each row. A pair of numbers, in
 * either order, is one for testing or one for training by a draw of its own, so that no
 * question of the test was ever seen. */
#include <string.h>

#include "data_readers.h"

enum { PLUS = 10, BLANK, SYMBOLS, MOST = 9 };

typedef struct Addition {
    int digits;
    int64_t rows, tests;
    uint64_t seed;
    uint64_t next; /* number of draws so far */
} Addition;

static bool addition_of(DlReading *r, Addition *a) {
    const dl_model *m = r->request->table;
    const dl_tensor *x = &m->input[0], *y = &m->input[1];
    int64_t seed;
    bool fits = m->ninput == 1 && m->ntarget == 1 && x->type == DL_I32 && x->rank == 2 &&
                y->type == DL_I32 && y->rank == 2;
    if (fits)
        fits = x->shape[1] % 2 == 1 && x->shape[1] <= 2 * MOST + 1 &&
               y->shape[1] == x->shape[1] / 2 + 1 && x->shape[1] >= 3;
    if (!fits)
        return dl_fail(r->error,
                "data addition: is for a model with an input i32[batch, 2*d + 1] and a target "
                "i32[batch, d + 1], for numbers of up to d digits, d from 1 to %d; %s has others",
                MOST, m->source);
    a->digits = (int)(x->shape[1] / 2);
    a->next = 0;
    if (!dl_arg_integer(r, "rows", 50000, 1, 100000000, &a->rows) ||
            !dl_arg_integer(r, "tests", 1000, 0, 100000000, &a->tests) ||
            !dl_arg_integer(r, "seed", 0, 0, INT64_MAX, &seed))
        return false;
    a->seed = (uint64_t)seed;
    return true;
}

static int64_t below(Addition *a, int64_t bound) {
    return (int64_t)(dl_draw(a->seed, DL_DRAW_DATA, a->next++, 0) * (double)bound);
}

static int64_t number(Addition *a) {
    int64_t v = 0;
    for (int64_t n = 1 + below(a, a->digits); n > 0; n--) v = 10 * v + below(a, 10);
    return v;
}

/* A tenth of all pairs is for testing. */
static bool is_test(const Addition *a, int64_t x, int64_t y) {
    uint64_t less = (uint64_t)(x < y ? x : y), more = (uint64_t)(x < y ? y : x);
    return dl_draw(a->seed, DL_DRAW_SPLIT, less, more) < 0.1;
}

/* The digits of v from the first on; how many they are. */
static int write_number(int64_t v, int32_t *at) {
    int n = 1;
    for (int64_t rest = v / 10; rest > 0; rest /= 10) n++;
    for (int i = n - 1; i >= 0; i--, v /= 10) at[i] = (int32_t)(v % 10);
    return n;
}

static void fill_up(int32_t *at, int from, int to) {
    for (int i = from; i < to; i++) at[i] = BLANK;
}

static void write_row(const Addition *a, int64_t x, int64_t y, int32_t *question, int32_t *answer) {
    int n = write_number(x, question);
    question[n++] = PLUS;
    n += write_number(y, question + n);
    fill_up(question, n, 2 * a->digits + 1);
    fill_up(answer, write_number(x + y, answer), a->digits + 1);
}

static bool fill(DlReading *r, Addition *a, bool test, DlSplit *s) {
    const int64_t wide = 2 * a->digits + 1, narrow = a->digits + 1;
    s->rows = test ? a->tests : a->rows;
    if (!dl_array_make(r, &s->array[0], "question", DL_I32, s->rows, 1, &wide) ||
            !dl_array_make(r, &s->array[1], "answer", DL_I32, s->rows, 1, &narrow))
        return false;
    int32_t *question = (int32_t *)(void *)s->array[0].at;
    int32_t *answer = (int32_t *)(void *)s->array[1].at;
    for (int64_t i = 0; i < s->rows;) {
        int64_t x = number(a), y = number(a);
        if (is_test(a, x, y) != test) continue;
        write_row(a, x, y, question + i * wide, answer + i * narrow);
        i++;
    }
    return true;
}

/* With few digits it might be that no pair is a test: then there would be no end. */
static bool both_kinds(const Addition *a) {
    bool found[2] = {false, false};
    for (int64_t x = 0; x < 10; x++)
        for (int64_t y = x; y < 10; y++) found[is_test(a, x, y)] = true;
    return found[0] && found[1];
}

static bool read_addition(DlReading *r) {
    static const char *const symbol[SYMBOLS] = {
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "+", " "};
    Addition a;
    if (!addition_of(r, &a)) return false;
    if (!both_kinds(&a)) return dl_fail(r->error, "data addition: choose another seed");
    return dl_data_shape(r, 1, 1) && fill(r, &a, false, &r->data->train) &&
           fill(r, &a, true, &r->data->test) && dl_data_classes(r, SYMBOLS, symbol);
}

const DlReader dl_reader_addition = {
        .name = "addition",
        .arguments = "rows tests seed",
        .folders = "",
        .files = "",
        .remedy = "",
        .read = read_addition,
};
