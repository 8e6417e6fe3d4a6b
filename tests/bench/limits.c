/* limits.c - what this machine can do at most: multiply-adds and memory traffic.
 *
 *     cc -O2 -march=native -fopenmp limits.c;  ./limits THREADS SECONDS
 *
 * Out: one line of `name=value`, each the best of several runs in SECONDS:
 *     gflops  fused multiply-adds on vectors in registers, two operations each
 *     triad   GB/s of a[i] = b[i] + s * c[i], far beyond any cache, 12 bytes an element
 *     stream  the same with stores that go round the caches, where the machine has them
 * The compiler's target decides the width of a vector: what generated code can use too. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined __AVX512F__
enum { LANES = 16 };
#elif defined __AVX__
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));

enum { ELEMENTS = 1 << 24, ROUNDS = 1 << 20, CHAINS = 12 };

static float *a, *b, *c;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Twelve independent chains, each a named variable so that it stays in a register: two
 * pipes of four or five cycles of latency need eight to ten. The empty statement hides a
 * value from the compiler, which would else add two steps of a chain in one. */
#define HIDE(x) __asm__ volatile("" : "+x"(x))
#define STEP(x) x = x * shrink + grow
#define EACH(F) \
    F(c0); F(c1); F(c2); F(c3); F(c4); F(c5); F(c6); F(c7); F(c8); F(c9); F(c10); F(c11)

static float chains(void) {
    Vector zero = {0}, shrink = zero + 0.999f, grow = zero + 0.001f;
    Vector c0 = zero, c1 = zero + 1, c2 = zero + 2, c3 = zero + 3, c4 = zero + 4, c5 = zero + 5;
    Vector c6 = zero + 6, c7 = zero + 7, c8 = zero + 8, c9 = zero + 9, c10 = zero + 10;
    Vector c11 = zero + 11;
    HIDE(shrink);
    HIDE(grow);
    for (int i = 0; i < ROUNDS; i++) {
        EACH(STEP);
        EACH(HIDE);
    }
    Vector sum = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
    return sum[0];
}

static double gflops(int threads) {
    float all = 0;
    double start = now();
#pragma omp parallel num_threads(threads) reduction(+ : all)
    all += chains();
    double time = now() - start;
    return all == 0 ? 0 : 2.0 * CHAINS * LANES * ROUNDS * threads / time * 1e-9;
}

static double triad(int threads) {
    double start = now();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < ELEMENTS; i++) a[i] = b[i] + 0.5f * c[i];
    return 12.0 * ELEMENTS / (now() - start) * 1e-9;
}

static double stream(int threads) {
#ifdef __SSE2__
    double start = now();
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (long i = 0; i < ELEMENTS / LANES; i++) {
            Vector v = *(Vector *)(b + i * LANES) + 0.5f * *(Vector *)(c + i * LANES);
#if defined __AVX512F__
            _mm512_stream_ps(a + i * LANES, (__m512)v);
#elif defined __AVX__
            _mm256_stream_ps(a + i * LANES, (__m256)v);
#else
            _mm_stream_ps(a + i * LANES, (__m128)v);
#endif
        }
        _mm_sfence();
    }
    return 12.0 * ELEMENTS / (now() - start) * 1e-9;
#else
    return triad(threads);
#endif
}

static double best(double (*run)(int), int threads, double seconds) {
    double most = 0, end = now() + seconds;
    do {
        double rate = run(threads);
        if (rate > most) most = rate;
    } while (now() < end);
    return most;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    size_t size = ELEMENTS * sizeof *a;
    a = aligned_alloc(64, size), b = aligned_alloc(64, size), c = aligned_alloc(64, size);
    if (!a || !b || !c) return 1;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < ELEMENTS; i++) a[i] = 0, b[i] = 1, c[i] = (float)(i % 7);
    double share = seconds / 3, flops = best(gflops, threads, share);
    double plain = best(triad, threads, share), past = best(stream, threads, share);
    printf("gflops=%.1f triad=%.2f stream=%.2f\n", flops, plain, past);
    return 0;
}
