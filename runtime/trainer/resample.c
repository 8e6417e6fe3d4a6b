/* resample.c - a signal at another rate, by a windowed sinc.
 *
 * Sample n of the result lies at the time t = n * source_rate / rate of the source:
 *     out[n] = c * sum(k) source[k] * h(c * (k - t)),   c = 0.9 * min(1, rate / source_rate)
 *     h(u)   = sin(pi u) / (pi u) * kaiser(u / 16) for |u| < 16, else 0
 * so frequencies above half of the lower rate are gone (by 80 decibels and more from there on;
 * 0.9 leaves room for the filter's slope). kaiser(v) = I0(b sqrt(1 - v * v)) / I0(b), b = 8.6
 * (Kaiser 1974). h is looked up in a table, 512 entries between two zeros of the sine, and
 * interpolated on straight lines (J. O. Smith, Digital Audio Resampling Home Page). */
#include <math.h>
#include <stdlib.h>

#include "sound.h"

enum { ZEROS = 16, STEPS = 512, ENTRIES = ZEROS * STEPS + 2 };

#define PI 3.14159265358979323846
#define BETA 8.6

/* The modified Bessel function of order 0, by its power series. */
static double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-12 * sum; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* h at the multiples of 1 / STEPS; the last entries are 0. */
static void fill_table(float *h) {
    double top = bessel_i0(BETA);
    for (int i = 0; i < ENTRIES; i++) {
        double u = (double)i / STEPS, v = u / ZEROS;
        double sinc = i == 0 ? 1 : sin(PI * u) / (PI * u);
        h[i] = v < 1 ? (float)(sinc * bessel_i0(BETA * sqrt(1 - v * v)) / top) : 0;
    }
}

static double cutoff(int64_t source_rate, int64_t rate) {
    return 0.9 * fmin(1, (double)rate / (double)source_rate);
}

static float resample_at(const float *source, int64_t n, double t, double c, const float *h) {
    int64_t first = (int64_t)ceil(fmax(t - ZEROS / c, 0));
    double sum = 0;
    for (int64_t k = first; k < n && (double)k < t + ZEROS / c; k++) {
        double place = fabs((double)k - t) * c * STEPS;
        int i = (int)place;
        if (i + 1 >= ENTRIES) continue;
        double part = place - i;
        sum += (double)source[k] * ((1 - part) * (double)h[i] + part * (double)h[i + 1]);
    }
    return (float)(c * sum);
}

int64_t dl_resample_reach(int64_t samples, int64_t source_rate, int64_t rate) {
    if (source_rate == rate) return samples;
    double last = (double)(samples - 1) * (double)source_rate / (double)rate;
    return (int64_t)ceil(last + ZEROS / cutoff(source_rate, rate)) + 1;
}

bool dl_resample(const float *source, int64_t n, int64_t source_rate, int64_t rate, float *out,
        int64_t samples, DlError *e) {
    float *h = malloc(ENTRIES * sizeof *h);
    if (!h) return dl_fail(e, "out of memory for resampling");
    fill_table(h);
    double c = cutoff(source_rate, rate);
    for (int64_t i = 0; i < samples; i++)
        out[i] = resample_at(source, n, (double)i * (double)source_rate / (double)rate, c, h);
    free(h);
    return true;
}
