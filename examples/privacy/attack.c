/* attack.c - membership inference by the loss (Yeom et al. 2018): who has the weights guesses that
 * a picture was trained on when its loss is small. The area under the curve of this guess is 0.5
 * where nothing can be told, and 1 where all can.
 *
 *     attack WEIGHTS FOLDER
 *
 * Built once with each of the two models: -DMODEL=privacy, -DMODEL=unprotected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/trainer/data_readers.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(what) JOIN(MODEL, what)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#include TEXT(MODEL.h)

enum { CLASSES = 10 };

typedef struct Loss {
    double value;
    bool trained_on;
} Loss;

static int by_value(const void *a, const void *b) {
    double x = ((const Loss *)a)->value, y = ((const Loss *)b)->value;
    return (x > y) - (x < y);
}

/* The losses of a split's rows. */
static bool add_losses(
        MODEL *model, NAME(work) * work, const DlSplit *s, bool trained_on, Loss *to) {
    float *p = malloc((size_t)s->rows * CLASSES * sizeof *p);
    int status = p ? NAME(predict)(model, work, s->rows, s->array[0].at, p) : 0;
    for (int64_t i = 0; p && status == 0 && i < s->rows; i++)
        to[i] = (Loss){-log((double)p[i * CLASSES + s->array[1].at[i]] + 1e-30), trained_on};
    if (status != 0) fprintf(stderr, "%s\n", NAME(message)(status));
    free(p);
    return p && status == 0;
}

/* How often a row that was trained on has a smaller loss than one that was not. */
static double area(Loss *loss, int64_t n) {
    double members = 0, pairs = 0;
    int64_t others = 0;
    qsort(loss, (size_t)n, sizeof *loss, by_value);
    for (int64_t i = 0; i < n; i++) {
        if (loss[i].trained_on) members++;
        else {
            pairs += members;
            others++;
        }
    }
    return pairs / (members * (double)others);
}

static bool attack(MODEL *model, NAME(work) * work, const DlData *d) {
    int64_t n = d->train.rows + d->test.rows;
    Loss *loss = calloc((size_t)n, sizeof *loss);
    bool done = loss && add_losses(model, work, &d->train, true, loss) &&
                add_losses(model, work, &d->test, false, loss + d->train.rows);
    if (done) printf("%s: area under the curve of the attack %.3f\n", TEXT(MODEL), area(loss, n));
    free(loss);
    return done;
}

static DlData *open_data(const char *folder, DlError *e) {
    static const DlReader *const readers[] = {&dl_reader_fashion_mnist, NULL};
    static const DlConfig config = {.readers = readers, .reader = "fashion_mnist"};
    DlRequest q = {.table = NAME(model)(), .config = &config, .data_dir = folder};
    return dl_data_open(&q, e);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: attack WEIGHTS FOLDER\n");
        return 2;
    }
    DlError e = {""};
    MODEL *model = NAME(create)(0);
    NAME(work) *work = NAME(work_create)(1);
    DlData *d = open_data(argv[2], &e);
    int status = model ? NAME(load)(model, argv[1]) : 0;
    bool done = model && work && d && status == 0 && attack(model, work, d);
    if (e.text[0]) fprintf(stderr, "%s\n", e.text);
    if (status != 0) fprintf(stderr, "%s: %s\n", argv[1], NAME(message)(status));
    if (d) dl_data_free(d);
    NAME(work_free)(work);
    NAME(free)(model);
    return done ? 0 : 1;
}
