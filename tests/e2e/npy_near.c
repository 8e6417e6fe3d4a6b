/* npy_near.c - are two .npy files of floats the same within a tolerance?
 *     npy_near A.npy B.npy TOLERANCE
 * Prints the largest difference; leaves with 1 where it is too large or the shapes differ. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Array {
    char header[256];
    float *value;
    size_t n;
} Array;

/* Version 1 of the format: magic, two bytes of version, two of the header's length. */
static int read_array(const char *path, Array *a) {
    unsigned char start[10];
    FILE *f = fopen(path, "rb");
    if (!f || fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) return 0;
    size_t length = start[8] + 256u * start[9];
    if (length >= sizeof a->header || fread(a->header, 1, length, f) != length) return 0;
    a->header[length] = '\0';
    if (!strstr(a->header, "<f4")) return 0;
    enum { MOST = 1 << 20 };
    a->value = malloc(MOST * sizeof *a->value);
    if (!a->value) return 0;
    a->n = fread(a->value, sizeof *a->value, MOST, f);
    fclose(f);
    return 1;
}

/* "(4, 5)", without the blanks that fill the header up. */
static const char *shape(Array *a) {
    char *at = strstr(a->header, "'shape':");
    if (!at) return "";
    char *end = strchr(at, ')');
    if (end) *end = '\0';
    return strchr(at, '(') ? strchr(at, '(') : "";
}

int main(int argc, char **argv) {
    Array a = {0}, b = {0};
    if (argc != 4 || !read_array(argv[1], &a) || !read_array(argv[2], &b)) {
        printf("npy_near: two .npy files of f32 and a tolerance are needed\n");
        return 2;
    }
    double worst = 0;
    if (a.n != b.n || strcmp(shape(&a), shape(&b)) != 0) {
        printf("the shapes differ: %s) and %s)\n", shape(&a), shape(&b));
        return 1;
    }
    for (size_t i = 0; i < a.n; i++) {
        double off = fabs((double)a.value[i] - (double)b.value[i]);
        if (!(off <= worst)) worst = off;
    }
    printf("%.2g\n", worst);
    free(a.value);
    free(b.value);
    return !(worst <= atof(argv[3]));
}
