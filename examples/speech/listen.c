/* listen.c - says which digit is spoken in a sound file, and how sure the model is.
 *
 *     listen speech.safetensors FILE.wav [PICTURE.png]
 *
 * The file may have any rate and number of channels, and any format that libsndfile reads. The
 * picture has the frames that the model hears, and below what it believed while it heard them:
 * the probabilities of the same recording with silence from that time on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/trainer/plot.h"
#include "../../runtime/trainer/sound.h"
#include "speech.h"

enum { FRAMES = 39, BANDS = 64, DIGITS = 10 };

typedef struct Listener {
    speech *model;
    speech_work *work;
    DlPool *pool;
    DlMeta meta; /* came with the weights */
    char name[DIGITS][32];
} Listener;

static bool read_names(Listener *l, DlError *e) {
    const char *list = dl_meta_get(&l->meta, "classes");
    for (int i = 0; list && i < DIGITS; i++) {
        size_t n = strcspn(list, "\n");
        snprintf(l->name[i], sizeof l->name[i], "%.*s", (int)n, list);
        list += n + (list[n] == '\n');
    }
    return list || dl_fail(e, "the weights came without the names of their classes");
}

static bool open_listener(Listener *l, const char *weights, DlError *e) {
    *l = (Listener){
            .model = speech_create(0), .work = speech_work_create(1), .pool = dl_pool_new()};
    if (!l->model || !l->work || !l->pool) return dl_fail(e, "out of memory");
    int status = speech_load(l->model, weights);
    if (status != 0) return dl_fail(e, "%s: %s", weights, speech_message(status));
    return dl_weights_meta(weights, l->pool, &l->meta, e) && read_names(l, e);
}

static void close_listener(Listener *l) {
    if (l->pool) dl_pool_free(l->pool);
    speech_work_free(l->work);
    speech_free(l->model);
}

static bool predict(Listener *l, int64_t rows, const float *frame, float *probability, DlError *e) {
    int status = speech_predict(l->model, l->work, rows, frame, probability);
    return status == 0 || dl_fail(e, "%s", speech_message(status));
}

static int most_probable(const float *probability) {
    int best = 0;
    for (int i = 1; i < DIGITS; i++)
        if (probability[i] > probability[best]) best = i;
    return best;
}

static bool say(Listener *l, const char *file, DlError *e) {
    float frame[FRAMES * BANDS], probability[DIGITS];
    if (!dl_sound_of_file(l->pool, &l->meta, file, FRAMES, BANDS, frame, e) ||
            !predict(l, 1, frame, probability, e))
        return false;
    printf("%s: %s\n", file, l->name[most_probable(probability)]);
    for (int i = 0; i < DIGITS; i++)
        printf("  %s  %5.1f %%  %.*s\n", l->name[i], 100 * (double)probability[i],
                (int)lroundf(40 * probability[i]), "########################################");
    return true;
}

/* ---- the picture --------------------------------------------------------------------- */

typedef struct Hearing {
    DlSoundForm form;
    float decibel[FRAMES * BANDS]; /* of the whole */
    float belief[FRAMES][DIGITS];  /* after each frame */
    float beginning[FRAMES]
                   [FRAMES * BANDS]; /* the recording up to that frame, as the model has it */
} Hearing;

static int64_t end_of_frame(const DlSoundForm *f, int t) {
    return t * f->hop + f->window;
}

/* The frames of the signal up to each one's end, the last first: silence eats it from behind. */
static void hear_beginnings(Hearing *h, DlSound *sound, const DlSoundScale *scale, float *signal) {
    for (int t = FRAMES - 1; t >= 0; t--) {
        for (int64_t i = end_of_frame(&h->form, t); i < dl_sound_samples(&h->form); i++)
            signal[i] = 0;
        dl_sound_frames(sound, signal, h->beginning[t]);
        if (t == FRAMES - 1) memcpy(h->decibel, h->beginning[t], sizeof h->decibel);
        dl_sound_scale_apply(scale, FRAMES, h->beginning[t]);
    }
}

static bool hear(Listener *l, const char *file, Hearing *h, DlError *e) {
    DlSoundScale scale;
    DlBytes b;
    if (!dl_sound_kept_form(&l->meta, &h->form, e) ||
            !dl_sound_kept_scale(&l->meta, l->pool, &h->form, &scale, e) ||
            !dl_bytes_read(l->pool, file, &b, e))
        return false;
    int64_t samples = dl_sound_samples(&h->form);
    DlSound *sound = dl_sound_new(l->pool, &h->form, file, e);
    float *signal = dl_pool_array(l->pool, samples, sizeof *signal, e);
    if (!sound || !signal ||
            !dl_recording_decode(file, b.at, b.size, h->form.rate, samples, signal, e))
        return false;
    hear_beginnings(h, sound, &scale, signal);
    return predict(l, FRAMES, h->beginning[0], h->belief[0], e);
}

/* Between which bands a frequency lies, counted from 0 at the middle of the first. */
static double band_of(const DlSoundForm *f, double frequency) {
    double low = log1p(f->low / 700), high = log1p(f->high / 700);
    return (log1p(frequency / 700) - low) / (high - low) * (double)(f->bands + 1) - 1;
}

static double seconds(const DlSoundForm *f, int64_t samples) {
    return (double)samples / (double)f->rate;
}

static void put_spectrogram(FILE *f, const Hearing *h) {
    static const int hertz[] = {100, 250, 500, 1000, 1500, 2000, 3000};
    fprintf(f, "set ylabel 'frequency in Hz'\nset yrange [-0.5:%d.5]\nset ytics (", BANDS - 1);
    for (size_t i = 0; i < sizeof hertz / sizeof *hertz; i++)
        fprintf(f, "%s'%d' %.3f", i ? ", " : "", hertz[i], band_of(&h->form, hertz[i]));
    fputs(")\nset cblabel 'level in dB' offset 0.5\n"
          "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21908d', 0.75 '#5dc963', 1 "
          "'#fde725')\n$frames << END\n",
            f);
    for (int t = 0; t < FRAMES; t++)
        for (int m = 0; m < BANDS; m++)
            fprintf(f, "%.6g %d %.4g\n", seconds(&h->form, t * h->form.hop + h->form.window / 2), m,
                    (double)h->decibel[t * BANDS + m]);
    fputs("END\nplot $frames using 1:2:3 with image\n", f);
}

/* The digits that were worth a thought at some time, one line each. */
static void put_belief(FILE *f, const Listener *l, const Hearing *h) {
    int style = 0;
    fputs("set ylabel 'probability'\nset yrange [0:1.02]\nset ytics 0.25\n"
          "set xlabel 'heard so far, in seconds'\nset key center right\n$belief << END\n",
            f);
    for (int t = 0; t < FRAMES; t++) {
        fprintf(f, "%.6g", seconds(&h->form, end_of_frame(&h->form, t)));
        for (int i = 0; i < DIGITS; i++) fprintf(f, " %.4g", (double)h->belief[t][i]);
        fputc('\n', f);
    }
    fputs("END\n", f);
    for (int i = 0; i < DIGITS; i++) {
        float most = 0;
        for (int t = 0; t < FRAMES; t++) most = fmaxf(most, h->belief[t][i]);
        if (most < 0.2f) continue;
        fprintf(f, "%s $belief using 1:%d with lines ls %d title ", style ? "," : "plot", i + 2,
                style + 1);
        dl_plot_text(f, l->name[i], 0);
        style++;
    }
    fputc('\n', f);
}

static bool draw(Listener *l, const char *file, const char *picture, DlError *e) {
    DlPlot p;
    Hearing *h = dl_pool_array(l->pool, 1, sizeof *h, e);
    if (!h || !hear(l, file, h, e) || !dl_plot_begin(&p, picture, 760, 640, e)) return false;
    FILE *f = p.script;
    const char *slash = strrchr(file, '/');
    fprintf(f,
            "set multiplot layout 2,1\nset lmargin at screen 0.12\n"
            "set rmargin at screen 0.85\nset xrange [0:%.4g]\n"
            "unset grid\nset title ",
            seconds(&h->form, dl_sound_samples(&h->form)));
    char title[300];
    snprintf(title, sizeof title, "%.200s, heard as: %s", slash ? slash + 1 : file,
            l->name[most_probable(h->belief[FRAMES - 1])]);
    dl_plot_text(f, title, 0);
    fputc('\n', f);
    put_spectrogram(f, h);
    fputs("unset title\nset grid\n", f);
    put_belief(f, l, h);
    fputs("unset multiplot\n", f);
    return dl_plot_end(&p, e);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: listen WEIGHTS FILE.wav [PICTURE.png]\n");
        return 2;
    }
    Listener l;
    DlError error = {""};
    bool done = open_listener(&l, argv[1], &error) && say(&l, argv[2], &error) &&
                (argc < 4 || draw(&l, argv[2], argv[3], &error));
    if (!done) fprintf(stderr, "%s\n", error.text);
    close_listener(&l);
    return done ? 0 : 1;
}
