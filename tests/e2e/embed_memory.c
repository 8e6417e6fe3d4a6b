/* embed_memory.c - a host that gives a model memory with pages on both sides that nobody may touch,
 * an allocator that aborts, and a floating-point mode, a locale, an errno and signals of its own.
 * Sizes are exact, nothing is allocated, and all is afterwards as it was.
 *
 *     embed_memory FOLDER [STEPS]     so many further steps, over which memory stays flat */
#include "embed.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

int passed, failed;

Table one_model, three_model;

/* ---- an allocator that aborts ------------------------------------------------------------ */

static volatile sig_atomic_t forbidden;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t to, size_t size);
int __real_posix_memalign(void **p, size_t to, size_t size);
void __real_free(void *p);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t to, size_t size);
int __wrap_posix_memalign(void **p, size_t to, size_t size);
void __wrap_free(void *p);

static void refuse(void) {
    if (forbidden) abort();
}
void *__wrap_malloc(size_t size) { return refuse(), __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return refuse(), __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t size) { return refuse(), __real_realloc(p, size); }
void *__wrap_aligned_alloc(size_t to, size_t size) {
    return refuse(), __real_aligned_alloc(to, size);
}
int __wrap_posix_memalign(void **p, size_t to, size_t size) {
    return refuse(), __real_posix_memalign(p, to, size);
}
void __wrap_free(void *p) {
    refuse();
    __real_free(p);
}

/* ---- memory between pages that nobody may touch -------------------------------------------- */

typedef struct Fenced {
    unsigned char *map, *at;
    size_t mapped, size, slack; /* of a multiple of 64 bytes less than 64 remain behind `size` */
} Fenced;

enum { MARK = 0xa5 };

/* At the end, so that what is behind is a fence (but for the slack, which is marked); or at the
 * beginning, so that what is before is one. */
static Fenced fenced(size_t size, int at_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (size + page - 1) / page * page;
    Fenced f = {.mapped = used + 2 * page, .size = size};
    f.map = mmap(NULL, f.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f.map == MAP_FAILED || mprotect(f.map + page, used, PROT_READ | PROT_WRITE)) exit(3);
    f.slack = at_end ? (64 - size % 64) % 64 : 0;
    f.at = at_end ? f.map + page + used - size - f.slack : f.map + page;
    memset(f.at + size, MARK, f.slack);
    return f;
}

static void open_fence(Fenced *f) {
    for (size_t i = 0; i < f->slack; i++) CHECK(f->at[f->size + i] == MARK);
    munmap(f->map, f->mapped);
}

/* The host's arrays need no alignment but their type's: they end exactly at the fence. */
static Fenced fenced_array(size_t size, int at_end) {
    Fenced f = fenced(size, at_end);
    f.at += f.slack;
    f.slack = 0;
    return f;
}

static uint64_t fenced_hash(Table *table, int threads, int steps, int at_end) {
    const dl_model *m = table();
    Guest g = {.table = m, .ndata = m->ninput + m->ntarget};
    Fenced data[MOST_DATA], out[MOST_DATA];
    const dl_entry *e = &m->entry[0];
    void *output[MOST_DATA];
    Fenced model = fenced(m->size(), at_end), work = fenced(m->work_size(threads), at_end);
    Fenced totals = fenced_array(m->totals_size, at_end);
    for (int i = 0; i < g.ndata; i++) {
        data[i] = fenced_array(m->input[i].bytes, at_end);
        g.data[i] = data[i].at;
        fill_tensor(&m->input[i], g.data[i], (uint32_t)i);
    }
    for (int i = 0; i < e->noutput; i++) {
        out[i] = fenced_array(e->output[i].bytes, at_end);
        output[i] = out[i].at;
    }
    memset(totals.at, 0, totals.size);
    const void *const *rows = (const void *const *)g.data;
    /* One call with all threads first: the OpenMP library makes its threads once, with memory. */
    trained_hash(table, threads, 1);
    forbidden = 1;
    int status = m->init(model.at, model.size, 1, &g.model);
    if (!status) status = m->work_init(work.at, work.size, threads, &g.work);
    if (!status) status = guest_train(&g, steps);
    if (!status) status = e->run(g.model, g.work, m->batch, rows, output);
    if (!status) status = e->run(g.model, g.work, 1, rows, output);
    if (!status) status = m->evaluate(g.model, g.work, m->batch, rows, totals.at);
    forbidden = 0;
    CHECK(status == DL_OK);
    uint64_t h = guest_hash(&g);
    CHECK(m->init(model.at, model.size - 1, 1, &g.model) == DL_E_SIZE);
    CHECK(m->work_init(work.at, work.size - 1, threads, &g.work) == DL_E_SIZE);
    for (int i = 0; i < g.ndata; i++) open_fence(&data[i]);
    for (int i = 0; i < e->noutput; i++) open_fence(&out[i]);
    open_fence(&model);
    open_fence(&work);
    open_fence(&totals);
    return h;
}

static void test_memory(Table *table) {
    uint64_t want = trained_hash(table, 1, 5);
    for (int threads = 1; threads <= 2; threads++)
        for (int at_end = 0; at_end <= 1; at_end++)
            CHECK(fenced_hash(table, threads, 5, at_end) == want);
}

/* ---- what belongs to the host ---------------------------------------------------------------- */

static unsigned float_mode(void) {
#ifdef __SSE__
    return _mm_getcsr() & ~0x3fu;      /* without the flags of what has happened */
#else
    return (unsigned)fegetround();
#endif
}

static void test_untouched(Table *table, const char *folder) {
    const dl_model *m = table();
    Guest g = guest_new(table, 2);
    struct sigaction before[NSIG], after;
    sigset_t blocked, blocked_after;
    char file[512];
    snprintf(file, sizeof file, "%s/untouched.safetensors", folder);
    for (int s = 1; s < NSIG; s++) {
        memset(&before[s], 0, sizeof before[s]);
        sigaction(s, NULL, &before[s]);
    }
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    const char *comma = setlocale(LC_ALL, "de_DE.UTF-8");
    char locale[64];
    snprintf(locale, sizeof locale, "%s", setlocale(LC_ALL, NULL));
    unsigned mode = float_mode();
    errno = 77;
    CHECK(guest_train(&g, 5) == DL_OK && errno == 77);
    CHECK(guest_hash(&g) == trained_hash(table, 1, 5));
    uint64_t h = weights_hash(&g);
    CHECK(m->save(g.model, file) == DL_OK);
    CHECK(guest_train(&g, 1) == DL_OK && weights_hash(&g) != h);
    CHECK(m->load(g.model, file) == DL_OK && weights_hash(&g) == h);
    CHECK(float_mode() == mode);
    CHECK(strcmp(locale, setlocale(LC_ALL, NULL)) == 0);
    sigprocmask(SIG_BLOCK, NULL, &blocked_after);
    for (int s = 1; s < NSIG; s++) {
        memset(&after, 0, sizeof after);
        sigaction(s, NULL, &after);
        CHECK(after.sa_handler == before[s].sa_handler && after.sa_flags == before[s].sa_flags);
        CHECK(sigismember(&blocked, s) == sigismember(&blocked_after, s));
    }
    if (!comma) printf("without the locale de_DE.UTF-8: tested in %s\n", locale);
    setlocale(LC_ALL, "C");
    guest_free(&g);
}

/* ---- long runs -------------------------------------------------------------------------------- */

static void test_flat(Table *table, int steps) {
    Guest g = guest_new(table, 2);
    CHECK(guest_train(&g, 100) == DL_OK);
    long before = resident();
    CHECK(guest_train(&g, steps) == DL_OK);
    CHECK(resident() <= before + 64);
    guest_free(&g);
}

int main(int argc, char **argv) {
    if (argc < 2) return 3;
    test_memory(one_model);
    test_memory(three_model);
    test_untouched(one_model, argv[1]);
    test_flat(one_model, argc > 2 ? atoi(argv[2]) : 1000);
    test_flat(three_model, argc > 2 ? atoi(argv[2]) : 1000);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
