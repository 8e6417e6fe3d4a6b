/* sound_kept.c - what is kept of the preparation of recordings with the weights, as the text
 * "sound" of their metadata: a line of how frames are made, then for each band a line of its mean
 * and deviation over the frames of the training recordings. */
#include <math.h>
#include <string.h>

#include "sound.h"

static const char *const mel_name[] = {[DL_MEL_HTK] = "htk", [DL_MEL_SLANEY] = "slaney"};

bool dl_mel_named(const char *name, DlMel *out) {
    for (int i = 0; i < 2; i++)
        if (strcmp(name, mel_name[i]) == 0) {
            *out = (DlMel)i;
            return true;
        }
    return false;
}

static void put_form(const DlSoundForm *f, char *line, size_t size) {
    snprintf(line, size,
            "rate %lld window %lld hop %lld frames %lld bands %lld low %.9g high %.9g mel %s",
            (long long)f->rate, (long long)f->window, (long long)f->hop, (long long)f->frames,
            (long long)f->bands, f->low, f->high, mel_name[f->mel]);
}

/* ---- the scale ---------------------------------------------------------------------- */

bool dl_sound_scale_make(DlPool *p, int64_t bands, DlSoundScale *s, DlError *e) {
    s->bands = bands;
    s->mean = dl_pool_array(p, bands, sizeof *s->mean, e);
    s->deviation = dl_pool_array(p, bands, sizeof *s->deviation, e);
    for (int64_t m = 0; s->deviation && m < bands; m++) s->deviation[m] = 1;
    return s->mean && s->deviation;
}

/* One band of all recordings, of which those that are held back do not count. */
typedef struct Band {
    const DlSoundScale *scale;
    int64_t m, recordings, frames;
    const bool *held;
    const float *frame;
} Band;

/* Of its values less `mean`, or of the squares of that; *count: how many they are. */
static double band_sum(const Band *b, bool squared, double mean, int64_t *count) {
    double sum = 0;
    *count = 0;
    for (int64_t i = 0; i < b->recordings; i++) {
        if (b->held[i]) continue;
        const float *at = b->frame + i * b->frames * b->scale->bands + b->m;
        for (int64_t t = 0; t < b->frames; t++) {
            double d = (double)at[t * b->scale->bands] - mean;
            sum += squared ? d * d : d;
        }
        *count += b->frames;
    }
    return sum;
}

void dl_sound_scale_measure(
        DlSoundScale *s, int64_t recordings, int64_t frames, const bool *held, const float *frame) {
    for (int64_t m = 0; m < s->bands; m++) {
        Band b = {s, m, recordings, frames, held, frame};
        int64_t count;
        double sum = band_sum(&b, false, 0, &count);
        if (count == 0) return;
        s->mean[m] = sum / (double)count;
        double square = band_sum(&b, true, s->mean[m], &count);
        s->deviation[m] = square > 0 ? sqrt(square / (double)count) : 1;
    }
}

void dl_sound_scale_apply(const DlSoundScale *s, int64_t frames, float *frame) {
    for (int64_t t = 0; t < frames; t++)
        for (int64_t m = 0; m < s->bands; m++, frame++)
            *frame = (float)(((double)*frame - s->mean[m]) / s->deviation[m]);
}

/* ---- text --------------------------------------------------------------------------- */

bool dl_sound_keep(
        DlMeta *meta, DlPool *p, const DlSoundForm *f, const DlSoundScale *s, DlError *e) {
    size_t size = 512 + (size_t)s->bands * 64;
    char *text = dl_pool_array(p, (int64_t)size, 1, e);
    if (!text) return false;
    put_form(f, text, size);
    size_t used = strlen(text);
    for (int64_t m = 0; m < s->bands; m++)
        used += (size_t)snprintf(
                text + used, size - used, "\n%.17g\t%.17g", s->mean[m], s->deviation[m]);
    return dl_meta_put(meta, p, "sound", text, e);
}

static const char *find_text(const DlMeta *meta, DlError *e) {
    const char *text = dl_meta_get(meta, "sound");
    if (!text)
        dl_error(e, "these weights came without the preparation of the recordings that they were "
                    "trained on; train again, or give the input as .npy");
    return text;
}

static bool damaged(DlError *e) {
    return dl_fail(e, "the preparation of recordings in the weights' file is damaged; train again");
}

bool dl_sound_kept_scale(
        const DlMeta *meta, DlPool *p, const DlSoundForm *f, DlSoundScale *s, DlError *e) {
    char line[512];
    const char *text = find_text(meta, e);
    if (!text || !dl_sound_scale_make(p, f->bands, s, e)) return false;
    put_form(f, line, sizeof line);
    size_t n = strcspn(text, "\n");
    if (n != strlen(line) || memcmp(text, line, n) != 0)
        return dl_fail(e,
                "these weights are of recordings with %.*s, and the model's text says %s; make the "
                "`data` line as it was, or train again",
                (int)(n < 400 ? n : 400), text, line);
    for (int64_t m = 0; m < f->bands; m++) {
        text = strchr(text, '\n');
        if (!text || sscanf(++text, "%lf\t%lf", &s->mean[m], &s->deviation[m]) != 2 ||
                !isfinite(s->mean[m]) || !(s->deviation[m] > 0) || !isfinite(s->deviation[m]))
            return damaged(e);
    }
    return true;
}

bool dl_sound_kept_form(const DlMeta *meta, DlSoundForm *f, DlError *e) {
    long long v[5];
    char mel[16];
    const char *text = find_text(meta, e);
    if (!text) return false;
    int n = sscanf(text,
            "rate %18lld window %18lld hop %18lld frames %18lld bands %18lld low %lf high %lf "
            "mel %15s",
            &v[0], &v[1], &v[2], &v[3], &v[4], &f->low, &f->high, mel);
    if (n != 8 || !dl_mel_named(mel, &f->mel)) return damaged(e);
    f->rate = v[0], f->window = v[1], f->hop = v[2], f->frames = v[3], f->bands = v[4];
    return true;
}

/* ---- a file for a program ------------------------------------------------------------ */

bool dl_sound_of_file(DlPool *p, const DlMeta *meta, const char *path, int64_t frames,
        int64_t bands, float *frame, DlError *e) {
    DlSoundForm f;
    DlSoundScale scale;
    DlBytes file;
    if (!dl_sound_kept_form(meta, &f, e)) return false;
    if (f.frames != frames || f.bands != bands)
        return dl_fail(e,
                "these weights are of %lld frames of %lld bands, and the model has %lld "
                "of %lld",
                (long long)f.frames, (long long)f.bands, (long long)frames, (long long)bands);
    DlSound *sound = dl_sound_new(p, &f, path, e);
    float *signal = sound ? dl_pool_array(p, dl_sound_samples(&f), sizeof *signal, e) : NULL;
    if (!signal || !dl_sound_kept_scale(meta, p, &f, &scale, e) ||
            !dl_bytes_read(p, path, &file, e) ||
            !dl_recording_decode(path, file.at, file.size, f.rate, dl_sound_samples(&f), signal, e))
        return false;
    dl_sound_frames(sound, signal, frame);
    dl_sound_scale_apply(&scale, frames, frame);
    return true;
}
