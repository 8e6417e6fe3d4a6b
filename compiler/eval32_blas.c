/* eval32_blas.c - products of matrices by the BLAS that the system has, found when the first
 * product is computed; by plain loops where there is none.
 *
 * The shared library is opened by name, so that neither building nor starting dlc needs it. */
#include "eval32_internal.h"

#include <dlfcn.h>
#include <string.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* cblas.h */

typedef void Gemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
        int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void Gemv(int order, int t, int m, int n, float alpha, const float *a, int lda,
        const float *x, int incx, float beta, float *y, int incy);

static struct Blas {
    bool sought, forbidden;
    int threads; /* as last set; 0: not yet */
    Gemm *gemm;
    Gemv *gemv;
    void (*set_threads)(int);
} blas;

/* A function's address is an object's here, which C leaves to the system. */
static void symbol(void *library, const char *name, void *function) {
    void *at = dlsym(library, name);
    memcpy(function, &at, sizeof at);
}

static void find_blas(void) {
    static const char *const name[] = {
            "libopenblas.so.0", "libblis.so.4", "libcblas.so.3", "libblas.so.3"};
    blas.sought = true;
    for (size_t k = 0; k < sizeof name / sizeof *name && !blas.gemm; k++) {
        void *library = dlopen(name[k], RTLD_NOW | RTLD_LOCAL);
        if (!library) continue;
        symbol(library, "cblas_sgemm", &blas.gemm);
        symbol(library, "cblas_sgemv", &blas.gemv);
        symbol(library, "openblas_set_num_threads", &blas.set_threads);
        if (!blas.gemv) blas.gemm = NULL;
    }
    if (!blas.gemm)
        fprintf(stderr, "dlc: no BLAS is installed (libopenblas.so.0): products are plain loops\n");
}

bool blas_present(void) {
    if (!blas.sought && !blas.forbidden) find_blas();
    return blas.gemm && !blas.forbidden;
}

void blas_forbid(bool forbid) {
    blas.forbidden = forbid;
}

void blas_threads(int threads) {
    if (threads == blas.threads || !blas_present() || !blas.set_threads) return;
    blas.set_threads(threads);
    blas.threads = threads;
}

static void plain_product(
        int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float *c, int64_t ldc) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++) {
            float x = a.at[i * a.row + l * a.col];
            const float *row = b.at + l * b.row;
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] += x * row[j * b.col];
        }
}

/* The leading dimension; of a single row it is whatever the BLAS wants at least. */
static int leading(Matrix a, int64_t rows, int64_t cols) {
    int64_t lead = a.col == 1 ? a.row : a.col, least = a.col == 1 ? cols : rows;
    return (int)(lead > least ? lead : least);
}

void blas_product(
        int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, bool add, float *c, int64_t ldc) {
    if (blas_present()) {
        blas.gemm(ROW_MAJOR, a.col == 1 ? PLAIN : TRANSPOSED, b.col == 1 ? PLAIN : TRANSPOSED,
                (int)m, (int)n, (int)k, 1, a.at, leading(a, m, k), b.at, leading(b, k, n),
                add ? 1 : 0, c, (int)(ldc > n ? ldc : n));
        return;
    }
    for (int64_t i = 0; !add && i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    plain_product(m, n, k, a, b, c, ldc);
}

void blas_vector(int64_t m, int64_t k, Matrix a, const float *x, int64_t incx, bool add, float *y,
        int64_t incy) {
    bool plain = a.col == 1;
    if (blas_present()) {
        blas.gemv(ROW_MAJOR, plain ? PLAIN : TRANSPOSED, (int)(plain ? m : k), (int)(plain ? k : m),
                1, a.at, leading(a, m, k), x, (int)incx, add ? 1 : 0, y, (int)incy);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        float sum = add ? y[i * incy] : 0;
        for (int64_t l = 0; l < k; l++) sum += a.at[i * a.row + l * a.col] * x[l * incx];
        y[i * incy] = sum;
    }
}
