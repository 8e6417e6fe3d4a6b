/* eval32_pool.c - a few threads that wait for work; the caller is one of them. */
#include "eval32_internal.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST_THREADS = 256 };

struct Pool {
    int threads, started;
    pthread_t thread[MOST_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    PoolJob *job;
    void *context;
    int parts, next, running; /* of the job: all, the first that nobody took, those at work */
    bool over;
};

/* Takes parts until there are none; the lock is held outside of the job. */
static void take_parts(Pool *p) {
    while (p->next < p->parts) {
        int part = p->next++;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        p->job(p->context, part);
        pthread_mutex_lock(&p->lock);
        if (--p->running == 0 && p->next == p->parts) pthread_cond_signal(&p->done);
    }
}

static void *wait_for_work(void *context) {
    Pool *p = context;
    pthread_mutex_lock(&p->lock);
    while (!p->over) {
        take_parts(p);
        if (!p->over) pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

Pool *pool_new(int threads) {
    Pool *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    p->threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    while (p->started + 1 < p->threads &&
            pthread_create(&p->thread[p->started], NULL, wait_for_work, p) == 0)
        p->started++;
    p->threads = p->started + 1;
    return p;
}

void pool_free(Pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->over = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int k = 0; k < p->started; k++) pthread_join(p->thread[k], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int pool_threads(const Pool *p) {
    return p->threads;
}

void pool_run(Pool *p, int parts, PoolJob *job, void *context) {
    if (parts == 1) {
        job(context, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->job = job;
    p->context = context;
    p->parts = parts;
    p->next = p->running = 0;
    pthread_cond_broadcast(&p->work);
    take_parts(p);
    while (p->running > 0) pthread_cond_wait(&p->done, &p->lock);
    p->parts = p->next = 0;
    pthread_mutex_unlock(&p->lock);
}
