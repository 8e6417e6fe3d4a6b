/* ahead.c - two buffers and a thread: while a step computes with the rows in one of them, the thread
 * gathers, converts, and fetches from disk those of the next step into the other.
 *
 * Who owns what: the front buffer is the caller's. The back buffer and the job are the thread's from
 * the post of `begin` to the wait for `done` (`busy`), and the caller's otherwise; so each is
 * written by one side at a time, and the semaphores order the two. The split and the orders are
 * read only meanwhile.
 *
 * What is returned depends on what was asked for alone and never on the guess: a wrong one costs time
 * and changes no bit. So resuming, rows by lot and parts of steps need no care here. A thread cannot
 * fail: there is nothing in a fill that does.
 *
 * Small batches from memory are filled when they are asked for: a thread would cost more than that
 * takes. So is everything when there can be no thread. */
#include "ahead.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Bytes of a batch from which on a thread pays, when all of the data are in memory. */
#define WORTH_A_THREAD ((size_t)1 << 16)
/* Below this many, looking at the clock costs more than filling: one call of SOME is measured. */
#define WORTH_A_LOOK ((size_t)1 << 12)
enum { SOME = 64 };

struct DlAhead {
    const DlSplit *split;
    DlBatch batch[2];
    int front;
    bool threaded, busy, stops;
    DlWanted job;
    sem_t begin, done;
    pthread_t thread;
    double waited;
    int every, calls; /* one call of `every` is measured */
};

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the thread --------------------------------------------------------------------------- */

/* Rows that lie in a file are asked for together before they are waited for one after the other. */
static void fetch(const DlSplit *s, int k, DlWanted w) {
    const DlArray *a = &s->array[k];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), last = 0;
    if (!a->paged || a->fixed) return;
    for (int64_t i = 0; i < w.n; i++) {
        uintptr_t at = (uintptr_t)dl_row(s, k, w.order ? w.order[w.first + i] : w.first + i);
        uintptr_t begin = at / page * page;
        if (begin == last) continue;
        last = begin;
        posix_madvise((void *)begin, at + a->stride - begin, POSIX_MADV_WILLNEED);
    }
}

/* Rows that are passed on where they lie are fetched by looking at each of their pages. */
static void touch(const DlBatch *b, const DlSplit *s, int k, int64_t n) {
    const volatile unsigned char *at = b->data[k];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = s->array[k].stride * (size_t)n;
    if (b->data[k] == b->buffer[k] || !s->array[k].paged) return;
    for (size_t i = 0; i < size; i += page) (void)at[i];
}

static void *run(void *context) {
    DlAhead *a = context;
    for (;;) {
        while (sem_wait(&a->begin) != 0) {}
        if (a->stops) return NULL;
        DlBatch *b = &a->batch[!a->front];
        for (int k = 0; k < b->n; k++) fetch(a->split, k, a->job);
        dl_batch_fill(b, a->split, a->job.order, a->job.first, a->job.n);
        for (int k = 0; k < b->n; k++) touch(b, a->split, k, a->job.n);
        sem_post(&a->done);
    }
}

/* Signals are for those who train. */
static bool start(DlAhead *a) {
    sigset_t all, before;
    sigfillset(&all);
    if (sem_init(&a->begin, 0, 0) != 0 || sem_init(&a->done, 0, 0) != 0) return false;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&a->thread, NULL, run, a) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void await(DlAhead *a) {
    if (!a->busy) return;
    while (sem_wait(&a->done) != 0) {}
    a->busy = false;
}

/* ---- the caller --------------------------------------------------------------------------- */

static size_t bytes_of(const dl_tensor *tensor, int n, int64_t rows) {
    size_t bytes = 0;
    for (int k = 0; k < n; k++) bytes += dl_batch_bytes(&tensor[k], rows);
    return bytes;
}

static bool is_paged(const DlSplit *s, int n) {
    bool paged = false;
    for (int k = 0; k < n; k++) paged = paged || s->array[k].paged;
    return paged;
}

DlAhead *dl_ahead_open(
        const dl_tensor *tensor, int n, int64_t rows, const DlSplit *split, DlError *e) {
    DlAhead *a = calloc(1, sizeof *a);
    size_t bytes = bytes_of(tensor, n, rows);
    bool wanted = bytes >= WORTH_A_THREAD || is_paged(split, n);
    if (!a) {
        dl_error(e, "out of memory");
        return NULL;
    }
    a->split = split;
    a->every = wanted || bytes >= WORTH_A_LOOK ? 1 : SOME;
    if (!dl_batch_open(&a->batch[0], tensor, n, rows, e) ||
            (wanted && !dl_batch_open(&a->batch[1], tensor, n, rows, e))) {
        dl_ahead_close(a);
        return NULL;
    }
    a->threaded = wanted && start(a);
    return a;
}

void dl_ahead_close(DlAhead *a) {
    if (!a) return;
    await(a);
    if (a->threaded) {
        a->stops = true;
        sem_post(&a->begin);
        pthread_join(a->thread, NULL);
        sem_destroy(&a->begin);
        sem_destroy(&a->done);
    }
    dl_batch_close(&a->batch[0]);
    dl_batch_close(&a->batch[1]);
    free(a);
}

static bool same(DlWanted a, DlWanted b) {
    return a.order == b.order && a.first == b.first && a.n == b.n;
}

static void get(DlAhead *a, DlWanted now) {
    bool guessed = a->busy && same(a->job, now);
    await(a);
    if (guessed)
        a->front = !a->front;
    else
        dl_batch_fill(&a->batch[a->front], a->split, now.order, now.first, now.n);
}

const DlBatch *dl_ahead_take(DlAhead *a, DlWanted now, DlWanted next) {
    bool measured = ++a->calls % a->every == 0;
    double begun = measured ? seconds() : 0;
    get(a, now);
    if (a->threaded && next.n > 0) {
        a->job = next;
        a->busy = true;
        sem_post(&a->begin);
    }
    if (measured) a->waited += (seconds() - begun) * a->every;
    return &a->batch[a->front];
}

void dl_ahead_drop(DlAhead *a) {
    await(a);
}

double dl_ahead_waited(DlAhead *a) {
    double waited = a->waited;
    a->waited = 0;
    return waited;
}
