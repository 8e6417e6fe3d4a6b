/* host.c - a program that links two generated models and holds them to their interface:
 * every wrong call is refused with a status, and nothing is changed by it; splitting a step
 * in halves, copying objects, saving and loading keep every bit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "tiny.h"

static int passed, failed;

#define CHECK(condition) \
    do { \
        if (condition) passed++; \
        else failed++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
    } while (0)

enum { ROWS = 16 };
static uint8_t image[ROWS * 64 * 3];
static int32_t kind[ROWS * 3], label[ROWS * 3];

static void make_data(void) {
    for (int i = 0; i < ROWS * 64 * 3; i++) image[i] = (uint8_t)(i * 37 % 251);
    for (int i = 0; i < ROWS * 3; i++) kind[i] = i % 5, label[i] = i % 3;
}

/* The bytes of a model before a call that must not change them. */
static unsigned char *snapshot(const tiny *m) {
    unsigned char *copy = malloc(tiny_size());
    memcpy(copy, m, tiny_size());
    return copy;
}

static int unchanged(const tiny *m, unsigned char *before) {
    int same = memcmp(m, before, tiny_size()) == 0;
    free(before);
    return same;
}

static void test_refusals(tiny *m, tiny_work *w) {
    float loss = 0;
    unsigned char *before = snapshot(m);
    CHECK(tiny_train_step(NULL, w, ROWS, image, kind, label, &loss) == DL_E_NULL);
    CHECK(tiny_train_step(m, NULL, ROWS, image, kind, label, &loss) == DL_E_NULL);
    CHECK(tiny_train_step(m, w, ROWS, NULL, kind, label, &loss) == DL_E_NULL);
    CHECK(tiny_train_step(m, w, ROWS, image, kind, NULL, &loss) == DL_E_NULL);
    CHECK(tiny_train_step(m, w, ROWS, image, kind, label, NULL) == DL_E_NULL);
    CHECK(tiny_train_step(m, w, 0, image, kind, label, &loss) == DL_E_ROWS);
    CHECK(tiny_train_step(m, w, -3, image, kind, label, &loss) == DL_E_ROWS);
    CHECK(tiny_train_step(m, w, ROWS + 1, image, kind, label, &loss) == DL_E_ROWS);
    CHECK(tiny_apply(m, w) == DL_E_ROWS);
    CHECK(tiny_predict(m, w, -1, image, kind, &loss) == DL_E_ROWS);
    const int32_t wrong[] = {-1, 3, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        int32_t old = label[7];
        label[7] = wrong[i];
        CHECK(tiny_train_step(m, w, ROWS, image, kind, label, &loss) == DL_E_RANGE);
        const dl_fault *f = tiny_model()->fault(w);
        CHECK(f->element == 7 && strcmp(tiny_model()->tensor[f->tensor].name, "label") == 0);
        label[7] = old;
    }
    int32_t old = kind[2];
    kind[2] = 5;
    CHECK(tiny_train_step(m, w, ROWS, image, kind, label, &loss) == DL_E_RANGE);
    float p[ROWS * 3];
    CHECK(tiny_predict(m, w, ROWS, image, kind, p) == DL_E_RANGE);
    kind[2] = old;
    CHECK(unchanged(m, before));
    CHECK(strlen(tiny_message(DL_E_RANGE)) > 10);
}

static void test_memory(void) {
    static _Alignas(64) unsigned char small[64];
    tiny *m;
    tiny_work *w;
    CHECK(tiny_init(NULL, tiny_size(), 1, &m) == DL_E_NULL);
    CHECK(tiny_init(small, sizeof small, 1, &m) == DL_E_SIZE);
    CHECK(tiny_work_init(small, sizeof small, 1, &w) == DL_E_SIZE);
    CHECK(tiny_work_init(small, sizeof small, 0, &w) == DL_E_THREADS);
    char *memory = aligned_alloc(64, tiny_size() + 64);
    CHECK(tiny_init(memory + 4, tiny_size(), 1, &m) == DL_E_SIZE);
    CHECK(tiny_init(memory, tiny_size(), 1, NULL) == DL_E_NULL);
    CHECK(tiny_init(memory, tiny_size(), 1, &m) == DL_OK && (char *)m == memory);
    free(memory);
}

/* A loss that is not finite is refused, and nothing is changed. */
static void test_nonfinite(line *m, line_work *w) {
    float x[2] = {1, INFINITY}, y[2] = {1, 2}, loss = 0;
    unsigned char *before = malloc(line_size());
    memcpy(before, m, line_size());
    CHECK(line_train_step(m, w, 2, x, y, &loss) == DL_E_LOSS);
    x[1] = NAN;
    CHECK(line_train_step(m, w, 2, x, y, &loss) == DL_E_LOSS);
    CHECK(memcmp(m, before, line_size()) == 0);
    free(before);
    x[1] = 2;
    CHECK(line_train_step(m, w, 2, x, y, &loss) == DL_OK && isfinite(loss));
}

/* accumulate and apply are the fused step, bit for bit; models may be copied. */
static void test_halves(tiny *m, tiny_work *w) {
    tiny *copy = aligned_alloc(64, tiny_size());
    float a = 0, b = 0;
    memcpy(copy, m, tiny_size());
    for (int i = 0; i < 3; i++) {
        CHECK(tiny_train_step(m, w, ROWS, image, kind, label, &a) == DL_OK);
        CHECK(tiny_accumulate(copy, w, ROWS, image, kind, label, &b) == DL_OK);
        CHECK(tiny_apply(copy, w) == DL_OK);
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
    const dl_model *t = tiny_model();
    for (int i = 0; i < t->ntensor; i++)
        if (t->tensor[i].role == DL_PARAMETER || t->tensor[i].role == DL_SLOT)
            CHECK(memcmp((char *)m + t->tensor[i].offset, (char *)copy + t->tensor[i].offset,
                          t->tensor[i].bytes) == 0);
    free(copy);
}

/* predict and evaluate take any number of rows, and a row has the same bits in each. */
static void test_any_rows(const tiny *m, tiny_work *w) {
    float all[ROWS * 3 * 3], one[3];
    CHECK(tiny_predict(m, w, ROWS * 3, image, kind, all) == DL_OK);
    for (int i = 0; i < ROWS * 3; i++) {
        CHECK(tiny_predict(m, w, 1, image + 64 * i, kind + i, one) == DL_OK);
        CHECK(memcmp(one, all + 3 * i, sizeof one) == 0);
        CHECK(fabsf(one[0] + one[1] + one[2] - 1) < 1e-5f);
    }
    tiny_totals t = {0};
    CHECK(tiny_evaluate(m, w, ROWS * 3, image, kind, label, &t) == DL_OK);
    int right = 0;
    for (int i = 0; i < ROWS * 3; i++) {
        const float *p = all + 3 * i;
        int best = p[1] > p[0] ? 1 : 0;
        if (p[2] > p[best]) best = 2;
        right += best == label[i];
    }
    CHECK(fabs(tiny_accuracy(&t) - right / (ROWS * 3.0)) < 1e-12);
    CHECK(isfinite(tiny_loss(&t)) && tiny_loss(&t) > 0);
}

static void test_files(tiny *m, tiny_work *w, const char *folder) {
    char path[4096], other[4096];
    snprintf(path, sizeof path, "%s/tiny.safetensors", folder);
    snprintf(other, sizeof other, "%s/cut.safetensors", folder);
    CHECK(tiny_save(m, path) == DL_OK);
    tiny *read = tiny_create(99);
    CHECK(tiny_load(read, path) == DL_OK);
    float a[ROWS * 3], b[ROWS * 3];
    CHECK(tiny_predict(m, w, ROWS, image, kind, a) == DL_OK);
    CHECK(tiny_predict(read, w, ROWS, image, kind, b) == DL_OK);
    CHECK(memcmp(a, b, sizeof a) == 0);
    unsigned char *before = snapshot(read);
    FILE *in = fopen(path, "rb"), *out = fopen(other, "wb");
    for (int c, n = 0; n < 700 && (c = getc(in)) != EOF; n++) putc(c, out);
    fclose(in);
    fclose(out);
    CHECK(tiny_load(read, other) == DL_E_FORMAT);
    CHECK(tiny_load(read, "/nowhere/at/all") == DL_E_OPEN);
    CHECK(tiny_save(read, "/nowhere/at/all") == DL_E_OPEN);
    line *l = line_create(1);
    CHECK(line_save(l, other) == DL_OK);
    CHECK(tiny_load(read, other) == DL_E_MISMATCH);
    CHECK(unchanged(read, before));
    line_free(l);
    tiny_free(read);
}

int main(int argc, char **argv) {
    make_data();
    tiny *m = tiny_create(1);
    tiny_work *w = tiny_work_create(2);
    line *l = line_create(1);
    line_work *lw = line_work_create(1);
    test_memory();
    test_refusals(m, w);
    test_nonfinite(l, lw);
    test_halves(m, w);
    test_any_rows(m, w);
    test_files(m, w, argc > 1 ? argv[1] : ".");
    line_free(l);
    line_work_free(lw);
    tiny_free(m);
    tiny_work_free(w);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
