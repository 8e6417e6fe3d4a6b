/* steps.c - trains any model on made-up data through its table and prints a hash of the
 * parameters: the same for every number of threads, compiler and level.
 *
 *     cc -DTABLE=cifar10_model steps.c cifar10.c ...;  ./steps THREADS STEPS [SECONDS]
 *
 * With SECONDS, also how long a step takes (median), for people; no test looks at it. */
#include "embed.h"

#include <inttypes.h>
#include <time.h>

int passed, failed;      /* of embed.h, where checks are counted */

const dl_model *TABLE(void);

enum { BATCHES = 4 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *make_data(const dl_tensor *t, uint32_t stream) {
    void *p = aligned_memory(t->bytes + 64);
    fill_tensor(t, p, stream);
    return p;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1, steps = argc > 2 ? atoi(argv[2]) : 50;
    double seconds = argc > 3 ? atof(argv[3]) : 0;
    const dl_model *m = TABLE();
    void *model, *work;
    if (m->init(aligned_memory(m->size()), m->size(), 1, &model)) return 3;
    if (m->work_init(aligned_memory(m->work_size(threads)), m->work_size(threads), threads, &work)) return 3;
    const void *data[BATCHES][MOST_DATA];
    for (int b = 0; b < BATCHES; b++)
        for (int i = 0; i < m->ninput + m->ntarget; i++)
            data[b][i] = make_data(&m->input[i], (uint32_t)(b * MOST_DATA + i));
    float loss = 0;
    for (int s = 0; s < steps; s++) {
        int64_t rows = s % 5 == 4 && m->batch > 1 ? m->batch - 1 : m->batch;   /* short batches too */
        int status = m->train_step(model, work, rows, data[s % BATCHES], &loss);
        if (status) {
            fprintf(stderr, "step %d: %s\n", s, m->message(status));
            return 1;
        }
    }
    printf("%s loss %.9g hash %016" PRIx64 "\n", m->name, (double)loss, hash_to(m, model, DL_SLOT));
    static double time[100000];
    int n = 0;
    for (double end = now() + seconds; seconds > 0 && now() < end && n < 100000; n++) {
        double start = now();
        m->train_step(model, work, m->batch, data[n % BATCHES], &loss);
        time[n] = now() - start;
    }
    if (n) {
        qsort(time, (size_t)n, sizeof *time, by_value);
        printf("median step %.1f us, %.0f rows/s\n", time[n / 2] * 1e6, (double)m->batch / time[n / 2]);
    }
    return 0;
}
