/* limits.c - what this machine can do at most: multiply-adds and memory traffic, as `dlc bench`
 * measures them too.
 *
 *     cc -O2 -march=native -fopenmp limits.c;  ./limits THREADS SECONDS
 *
 * Out: one line of `name=value`, gflops, triad and stream as described there. */
#include "../../compiler/templates/limits.c.in"

#include <stdio.h>

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    double seconds = argc > 2 ? atof(argv[2]) : 1, flops, plain, past;
    if (!dl_limits(threads, seconds, &flops, &plain, &past)) return 1;
    printf("gflops=%.1f triad=%.2f stream=%.2f\n", flops, plain, past);
    return 0;
}
