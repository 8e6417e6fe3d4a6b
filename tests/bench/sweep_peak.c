/* sweep_peak.c - the machine's multiply-adds, GFLOP/s of all threads: the loop by which `dlc bench`
 * measures them, with the clock of the sweep. */
#include "../../compiler/templates/limits.c.in"

double sweep_peak(int threads, double (*clock)(void));
double sweep_peak(int threads, double (*clock)(void)) {
    double start = clock(), done = gflops(threads) > 0;
    return done * 2.0 * CHAINS * LANES * ROUNDS * threads / (clock() - start) * 1e-9;
}
