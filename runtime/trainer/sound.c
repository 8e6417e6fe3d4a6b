/* sound.c - log-mel frames of a signal.
 *
 * Frame t of a signal x is made of the `window` samples from t * hop on:
 *     power[k] = |sum(i) x[t * hop + i] * hann[i] * exp(-2 pi j k i / window)| ** 2
 *     hann[i]  = (1 - cos(2 pi i / window)) / 2
 *     band[m]  = sum(k) weight[m][k] * power[k],  k the frequency k * rate / window
 *     frame[m] = 10 log10(max(band[m], 1e-10)), at least 80 less than the recording's highest
 * Floor and range are those of Keras's MelSpectrogram (min_power, top_db).
 *
 * The bands are triangles that overlap by half; bands + 2 edges lie evenly on a mel scale from
 * `low` to `high`. There are two such scales in use:
 *     htk     mel = 1127 ln(1 + f / 700); sides straight over mel, as high as 1: the weights of
 *             Keras's MelSpectrogram and tf.signal (the scale of Young and others, The HTK Book)
 *     slaney  linear below 1000 Hz, 200/3 Hz a mel, from there 27 mel for a factor of 6.4; sides
 *             straight over f, each triangle of area 1 Hz: the default of librosa (Slaney,
 *             Auditory Toolbox, 1998) */
#include <kissfft/kiss_fftr.h>
#include <math.h>

#include "sound.h"

#define PI 3.14159265358979323846
#define LEAST_POWER 1e-10
#define RANGE 80 /* decibels below the highest that are told apart */

enum { MOST_SAMPLES = 1 << 28 };

typedef struct Band { /* the frequencies k in [first, first + n) have weights */
    int64_t first, n;
    float *weight;
} Band;

struct DlSound {
    DlSoundForm form;
    kiss_fftr_cfg fft;
    float *hann, *windowed; /* [window] */
    kiss_fft_cpx *spectrum; /* [window / 2 + 1] */
    float *power;           /* the same */
    Band *band;
};

/* ---- mel scales --------------------------------------------------------------------- */

static const double slaney_knee = 1000, slaney_slope = 200.0 / 3;

static double slaney_step(void) {
    return log(6.4) / 27;
}

static double mel_of(DlMel kind, double f) {
    if (kind == DL_MEL_HTK) return 1127 * log1p(f / 700);
    if (f < slaney_knee) return f / slaney_slope;
    return slaney_knee / slaney_slope + log(f / slaney_knee) / slaney_step();
}

static double frequency_of(DlMel kind, double mel) {
    double knee = slaney_knee / slaney_slope;
    if (kind == DL_MEL_HTK) return 700 * expm1(mel / 1127);
    return mel < knee ? mel * slaney_slope : slaney_knee * exp((mel - knee) * slaney_step());
}

/* ---- the bands ---------------------------------------------------------------------- */

typedef struct Triangle {
    double left, top, right; /* over the axis along which its sides are straight */
    double height;
} Triangle;

static Triangle triangle(const DlSoundForm *f, int64_t m) {
    double from = mel_of(f->mel, f->low), to = mel_of(f->mel, f->high), edge[3];
    for (int i = 0; i < 3; i++) {
        edge[i] = from + (to - from) * (double)(m + i) / (double)(f->bands + 1);
        if (f->mel == DL_MEL_SLANEY) edge[i] = frequency_of(f->mel, edge[i]);
    }
    double height = f->mel == DL_MEL_SLANEY ? 2 / (edge[2] - edge[0]) : 1;
    return (Triangle){edge[0], edge[1], edge[2], height};
}

static double weight_at(const DlSoundForm *f, const Triangle *t, int64_t k) {
    double at = (double)k * (double)f->rate / (double)f->window;
    if (f->mel == DL_MEL_HTK) at = mel_of(f->mel, at);
    double rise = (at - t->left) / (t->top - t->left), fall = (t->right - at) / (t->right - t->top);
    return t->height * fmax(0, fmin(rise, fall));
}

/* A band between two frequencies of the transform would be the same for every recording. */
static bool no_frequency(const DlSoundForm *f, const char *who, int64_t m, DlError *e) {
    double from = mel_of(f->mel, f->low), to = mel_of(f->mel, f->high);
    double step = (to - from) / (double)(f->bands + 1);
    return dl_fail(e,
            "%s: band %lld of %lld, from %.0f to %.0f Hz, holds none of the frequencies that a "
            "window of %lld samples tells apart, which are %.1f Hz from one another; take fewer "
            "bands, a longer window, or `low` higher",
            who, (long long)m, (long long)f->bands, frequency_of(f->mel, from + step * (double)m),
            frequency_of(f->mel, from + step * (double)(m + 2)), (long long)f->window,
            (double)f->rate / (double)f->window);
}

/* The constant part, k = 0, belongs to no band: it is no sound. */
static bool make_band(DlSound *s, DlPool *p, const char *who, int64_t m, DlError *e) {
    const DlSoundForm *f = &s->form;
    Band *b = &s->band[m];
    Triangle t = triangle(f, m);
    int64_t end = f->window / 2 + 1;
    for (b->first = 1; b->first < end && !(weight_at(f, &t, b->first) > 0);) b->first++;
    while (b->first + b->n < end && weight_at(f, &t, b->first + b->n) > 0) b->n++;
    if (b->n == 0) return no_frequency(f, who, m, e);
    b->weight = dl_pool_array(p, b->n, sizeof *b->weight, e);
    for (int64_t i = 0; b->weight && i < b->n; i++)
        b->weight[i] = (float)weight_at(f, &t, b->first + i);
    return b->weight != NULL;
}

/* ---- making one --------------------------------------------------------------------- */

static bool between(
        const char *who, const char *what, int64_t v, int64_t least, int64_t most, DlError *e) {
    return (v >= least && v <= most) ||
           dl_fail(e, "%s: %s is %lld, and must be from %lld to %lld", who, what, (long long)v,
                   (long long)least, (long long)most);
}

static bool check_sizes(const DlSoundForm *f, const char *who, DlError *e) {
    int64_t samples;
    if (!between(who, "rate", f->rate, 1000, 768000, e) ||
            !between(who, "window", f->window, 2, 65536, e) ||
            !between(who, "hop", f->hop, 1, 1 << 20, e) ||
            !between(who, "frames", f->frames, 1, 1 << 24, e) ||
            !between(who, "bands", f->bands, 1, 32768, e))
        return false;
    return (dl_times(f->frames, f->hop, &samples) && samples <= MOST_SAMPLES) ||
           dl_fail(e, "%s: %lld frames, one every %lld samples, are longer than %d samples", who,
                   (long long)f->frames, (long long)f->hop, MOST_SAMPLES);
}

static bool check_form(const DlSoundForm *f, const char *who, DlError *e) {
    if (!check_sizes(f, who, e)) return false;
    if (f->window % 2 != 0)
        return dl_fail(e, "%s: window is %lld, and must be even", who, (long long)f->window);
    if (f->high > (double)f->rate / 2)
        return dl_fail(e,
                "%s: high is %g Hz, and %lld samples a second hold frequencies up to %g Hz", who,
                f->high, (long long)f->rate, (double)f->rate / 2);
    if (!(f->low >= 0 && f->low < f->high))
        return dl_fail(e, "%s: low is %g Hz, and must lie below high, %g Hz", who, f->low, f->high);
    return true;
}

/* The transform's tables, in the pool. */
static bool make_transform(DlSound *s, DlPool *p, DlError *e) {
    size_t size = 0;
    kiss_fftr_alloc((int)s->form.window, 0, NULL, &size);
    void *at = dl_pool_array(p, (int64_t)size, 1, e);
    s->fft = at ? kiss_fftr_alloc((int)s->form.window, 0, at, &size) : NULL;
    return s->fft ||
           dl_fail(e, "out of memory for a window of %lld samples", (long long)s->form.window);
}

static bool make_tables(DlSound *s, DlPool *p, const char *who, DlError *e) {
    int64_t n = s->form.window, half = n / 2 + 1;
    s->hann = dl_pool_array(p, n, sizeof *s->hann, e);
    s->windowed = dl_pool_array(p, n, sizeof *s->windowed, e);
    s->spectrum = dl_pool_array(p, half, sizeof *s->spectrum, e);
    s->power = dl_pool_array(p, half, sizeof *s->power, e);
    s->band = dl_pool_array(p, s->form.bands, sizeof *s->band, e);
    if (!s->hann || !s->windowed || !s->spectrum || !s->power || !s->band) return false;
    for (int64_t i = 0; i < n; i++)
        s->hann[i] = (float)(0.5 - 0.5 * cos(2 * PI * (double)i / (double)n));
    for (int64_t m = 0; m < s->form.bands; m++)
        if (!make_band(s, p, who, m, e)) return false;
    return make_transform(s, p, e);
}

DlSound *dl_sound_new(DlPool *p, const DlSoundForm *f, const char *who, DlError *e) {
    if (!check_form(f, who, e)) return NULL;
    DlSound *s = dl_pool_array(p, 1, sizeof *s, e);
    if (!s) return NULL;
    s->form = *f;
    return make_tables(s, p, who, e) ? s : NULL;
}

int64_t dl_sound_samples(const DlSoundForm *f) {
    return (f->frames - 1) * f->hop + f->window;
}

/* ---- frames ------------------------------------------------------------------------- */

static void measure_power(DlSound *s, const float *signal) {
    for (int64_t i = 0; i < s->form.window; i++) s->windowed[i] = signal[i] * s->hann[i];
    kiss_fftr(s->fft, s->windowed, s->spectrum);
    for (int64_t k = 0; k <= s->form.window / 2; k++)
        s->power[k] = s->spectrum[k].r * s->spectrum[k].r + s->spectrum[k].i * s->spectrum[k].i;
}

static float band_power(const DlSound *s, const Band *b) {
    float sum = 0;
    for (int64_t i = 0; i < b->n; i++) sum += b->weight[i] * s->power[b->first + i];
    return sum;
}

void dl_sound_frames(DlSound *s, const float *signal, float *frame) {
    int64_t count = s->form.frames * s->form.bands;
    float highest = -INFINITY;
    for (int64_t t = 0; t < s->form.frames; t++) {
        measure_power(s, signal + t * s->form.hop);
        for (int64_t m = 0; m < s->form.bands; m++) {
            double power = fmax((double)band_power(s, &s->band[m]), LEAST_POWER);
            float level = (float)(10 * log10(power));
            frame[t * s->form.bands + m] = level;
            highest = fmaxf(highest, level);
        }
    }
    for (int64_t i = 0; i < count; i++) frame[i] = fmaxf(frame[i], highest - RANGE);
}
