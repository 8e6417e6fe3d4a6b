/* sound.h - recordings as log-mel frames: what a neural network hears.
 *
 * A recording becomes one signal of `rate` samples a second (recording.c: decoded, its channels
 * averaged; resample.c: brought to the rate), cut or padded with silence at its end to the
 * length of `frames` frames. A frame is the power in `bands` mel bands of `window` samples, in
 * decibels; the next one begins `hop` samples later (sound.c). */
#ifndef DL_SOUND_H
#define DL_SOUND_H

#include "reader.h"

typedef enum DlMel { DL_MEL_HTK, DL_MEL_SLANEY } DlMel;

typedef struct DlSoundForm {
    int64_t rate;        /* samples a second */
    int64_t window, hop; /* in samples; the window is even */
    int64_t frames, bands;
    double low, high; /* Hz: where the first band begins and the last one ends */
    DlMel mel;
} DlSoundForm;

typedef struct DlSound DlSound; /* a form's tables and work space, in a pool */

/* NULL, with a message that begins with `who`, when the form cannot be: a band that holds no
 * frequency of the window, a band above half the rate. */
DlSound *dl_sound_new(DlPool *p, const DlSoundForm *f, const char *who, DlError *e);
int64_t dl_sound_samples(const DlSoundForm *f); /* that the frames of a recording cover */
/* frame[frames][bands] of signal[dl_sound_samples]. */
void dl_sound_frames(DlSound *s, const float *signal, float *frame);

/* recording.c: decodes a sound file in memory, of any format that libsndfile reads, into
 * signal[samples] at `rate`. `name` is the file's in messages. */
bool dl_recording_decode(const char *name, const unsigned char *at, size_t size, int64_t rate,
        int64_t samples, float *signal, DlError *e);

/* resample.c: samples at source_rate, n of them, to `rate`: out[samples]. Before its first
 * and after its last sample a signal is 0. */
bool dl_resample(const float *source, int64_t n, int64_t source_rate, int64_t rate, float *out,
        int64_t samples, DlError *e);
/* How many samples of the source the first `samples` samples of the result are made of. */
int64_t dl_resample_reach(int64_t samples, int64_t source_rate, int64_t rate);

/* ---- sound_kept.c: what is kept with the weights -------------------------------------- */

bool dl_mel_named(const char *name, DlMel *out); /* "htk", "slaney" */

typedef struct DlSoundScale { /* of each band, over the frames of the training recordings */
    int64_t bands;
    double *mean, *deviation;
} DlSoundScale;

/* One that changes nothing. */
bool dl_sound_scale_make(DlPool *p, int64_t bands, DlSoundScale *s, DlError *e);
/* frame[recordings][frames][bands]; of recordings that are held back, to validate, nothing is
 * learnt. */
void dl_sound_scale_measure(
        DlSoundScale *s, int64_t recordings, int64_t frames, const bool *held, const float *frame);
void dl_sound_scale_apply(const DlSoundScale *s, int64_t frames, float *frame);

bool dl_sound_keep(
        DlMeta *meta, DlPool *p, const DlSoundForm *f, const DlSoundScale *s, DlError *e);
/* The form that recordings had in training. */
bool dl_sound_kept_form(const DlMeta *meta, DlSoundForm *f, DlError *e);
/* The scale, when it is that of recordings of this form; else a message. */
bool dl_sound_kept_scale(
        const DlMeta *meta, DlPool *p, const DlSoundForm *f, DlSoundScale *s, DlError *e);
/* A sound file as the model of these weights takes it: frame[frames][bands]. For programs. */
bool dl_sound_of_file(DlPool *p, const DlMeta *meta, const char *path, int64_t frames,
        int64_t bands, float *frame, DlError *e);

#endif
