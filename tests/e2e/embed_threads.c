/* embed_threads.c - a host with eight models in one binary, two of them copies of one text under
 * different prefixes; that trains sixteen contexts on sixteen threads of its own; that serves one
 * model from several threads while a copy of it learns; that calls from within its own OpenMP
 * region; and that forks. Every run of a model has the bits that it has alone. */
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embed.h"

int passed, failed;

Table one_model, two_model, three_model, four_model, five_model, six_model, seven_model, eight_model;

static Table *const tables[] = {one_model, two_model, three_model, four_model, five_model, six_model,
        seven_model, eight_model};
enum { MODELS = sizeof tables / sizeof *tables, STEPS = 6, CONTEXTS = 16, SERVING = 4 };

static uint64_t alone[MODELS];

/* A step of each in turn: models of one binary share nothing. */
static void test_eight_models(void) {
    Guest g[MODELS];
    for (int i = 0; i < MODELS; i++) alone[i] = trained_hash(tables[i], 1, STEPS);
    for (int i = 0; i < MODELS; i++) g[i] = guest_new(tables[i], 1);
    for (int step = 0; step < STEPS; step++)
        for (int i = 0; i < MODELS; i++) CHECK(guest_train(&g[i], 1) == DL_OK);
    for (int i = 0; i < MODELS; i++) {
        CHECK(guest_hash(&g[i]) == alone[i]);
        guest_free(&g[i]);
    }
    CHECK(alone[0] == alone[1]);      /* one text, two prefixes */
    CHECK(alone[0] != alone[2]);
}

static void *train_context(void *out) {
    Guest g = guest_new(tables[0], 1);
    uint64_t *hash = out;
    *hash = guest_train(&g, STEPS) ? 0 : guest_hash(&g);
    guest_free(&g);
    return NULL;
}

static void test_contexts(void) {
    pthread_t thread[CONTEXTS];
    uint64_t hash[CONTEXTS];
    for (int i = 0; i < CONTEXTS; i++) pthread_create(&thread[i], NULL, train_context, &hash[i]);
    for (int i = 0; i < CONTEXTS; i++) {
        pthread_join(thread[i], NULL);
        CHECK(hash[i] == alone[0]);
    }
}

/* ---- one model served while a copy learns ---------------------------------------------- */

typedef struct Server {
    const Guest *shared;       /* whose model is read only */
    const unsigned char *want; /* its prediction */
    size_t size;
    atomic_int *stop;
    long wrong, served;
} Server;

static size_t output_size(const Guest *g) { return g->table->entry[0].output[0].bytes; }

static int predict(const Guest *g, void *work, void *out) {
    const dl_entry *e = &g->table->entry[0];
    void *output[MOST_DATA] = {out};
    return e->run(g->model, work, g->table->batch, (const void *const *)g->data, output);
}

static void *serve(void *argument) {
    Server *s = argument;
    const dl_model *m = s->shared->table;
    void *memory = aligned_memory(m->work_size(1)), *work, *out = aligned_memory(s->size);
    if (m->work_init(memory, m->work_size(1), 1, &work)) s->wrong++;
    while (!atomic_load(s->stop) || s->served == 0) {
        if (predict(s->shared, work, out) || memcmp(out, s->want, s->size) != 0) s->wrong++;
        s->served++;
    }
    free(memory);
    free(out);
    return NULL;
}

static void test_serving(void) {
    Guest shared = guest_new(tables[0], 1), learning = guest_new(tables[0], 1);
    size_t size = output_size(&shared);
    unsigned char *want = aligned_memory(size);
    atomic_int stop = 0;
    pthread_t thread[SERVING];
    Server server[SERVING];
    CHECK(guest_train(&shared, 3) == DL_OK);
    memcpy(learning.memory, shared.memory, shared.table->size());
    CHECK(predict(&shared, shared.work, want) == DL_OK);
    for (int i = 0; i < SERVING; i++) {
        server[i] = (Server){&shared, want, size, &stop, 0, 0};
        pthread_create(&thread[i], NULL, serve, &server[i]);
    }
    CHECK(guest_train(&learning, 200) == DL_OK);
    atomic_store(&stop, 1);
    for (int i = 0; i < SERVING; i++) {
        pthread_join(thread[i], NULL);
        CHECK(server[i].wrong == 0 && server[i].served > 0);
    }
    free(want);
    guest_free(&shared);
    guest_free(&learning);
}

/* ---- inside the host's own parallel region ---------------------------------------------- */

static void test_parallel_region(void) {
    uint64_t hash[4] = {0};
    for (int nested = 1; nested <= 2; nested++) {
        omp_set_max_active_levels(nested);
        #pragma omp parallel for num_threads(4)
        for (int i = 0; i < 4; i++) {
            Guest g = guest_new(tables[0], 2);
            hash[i] = guest_train(&g, STEPS) ? 0 : guest_hash(&g);
            guest_free(&g);
        }
        for (int i = 0; i < 4; i++) CHECK(hash[i] == alone[0]);
    }
}

/* ---- after fork ------------------------------------------------------------------------- */

/* What a child that goes on with the parent's context says of it. */
static int child_result(Guest *g, int threads) {
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        int done = threads == 1 ? guest_train(g, STEPS / 2) : DL_OK;
        _exit(done ? 2 : trained_hash(tables[0], threads, STEPS) != alone[0] ||
                (threads == 1 && guest_hash(g) != alone[0]));
    }
    alarm(60);
    if (child > 0) waitpid(child, &status, 0);
    alarm(0);
    return status;
}

/* A child may use what the parent made. More than one thread in it wants the parent to have let go of
 * its OpenMP threads, which do not live on in the child. */
static void test_fork(void) {
    Guest g = guest_new(tables[0], 1);
    CHECK(guest_train(&g, STEPS - STEPS / 2) == DL_OK);
    CHECK(child_result(&g, 1) == 0);
    CHECK(trained_hash(tables[0], 2, STEPS) == alone[0]);
    CHECK(child_result(&g, 1) == 0);
    CHECK(omp_pause_resource_all(omp_pause_soft) == 0);
    CHECK(child_result(&g, 2) == 0);
    CHECK(guest_train(&g, STEPS / 2) == DL_OK);
    CHECK(guest_hash(&g) == alone[0]);
    guest_free(&g);
}

int main(void) {
    test_eight_models();
    test_contexts();
    test_serving();
    test_parallel_region();
    test_fork();
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
