/* test_lower_npy.c - load("x.npy"): every element type, and what is refused. */
#include "lower_text.h"

#include <unistd.h>

static char path[64];

/* A file in NumPy's format 1.0: the header's dictionary, then these bytes. */
static void write_npy(const char *header, const void *data, size_t size) {
    snprintf(path, sizeof path, "/tmp/dlc_npy_XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "wb");
    cr_assert(f);
    size_t n = strlen(header);
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc((int)(n & 255), f);
    fputc((int)(n >> 8), f);
    fwrite(header, 1, n, f);
    fwrite(data, 1, size, f);
    fclose(f);
}

static Model *load_model(void) {
    char text[256];
    snprintf(text, sizeof text,
            "model m {\n input x: f32[batch, 1]\n output y = load(\"%s\") + 0 * x[0, 0]\n}\n",
            path);
    return lower_text(text);
}

static void expect_loaded(const char *descr, const void *data, size_t size, const double *want) {
    char header[128];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 2), }\n",
            descr);
    write_npy(header, data, size);
    Model *m = load_model();
    cr_assert(m, "%s is refused", descr);
    Eval *e = bound_eval(m, 1);
    expect_near(values_of(e, output_node(m, "y")), want, 4, descr);
    eval_free(e);
    arena_free(arena);
    unlink(path);
}

static void expect_refused(const char *header, size_t size) {
    write_npy(header, (char[64]){0}, size);
    cr_assert_null(load_model(), "accepted: %s", header);
    cr_assert_eq(diag_errors(), 1);
    unlink(path);
}

Test(lower_npy, element_types) {
    double want[] = {1, 2.5, -3, 4}, whole[] = {1, 2, 3, 255};
    expect_loaded("<f4", (float[]){1, 2.5f, -3, 4}, 16, want);
    expect_loaded("<f8", want, 32, want);
    expect_loaded("<i4", (int32_t[]){1, 2, 3, 255}, 16, whole);
    expect_loaded("<i8", (int64_t[]){1, 2, 3, 255}, 32, whole);
    expect_loaded("|u1", (uint8_t[]){1, 2, 3, 255}, 4, whole);
}

Test(lower_npy, what_is_refused) {
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", 15);
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", 17);
    expect_refused("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n", 16);
    expect_refused("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }\n", 32);
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2), }\n", 16);
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9), }\n", 16);
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2", 16);
    expect_refused("{'descr': '<f4', 'shape': (2, 2), }\n", 16);
}
