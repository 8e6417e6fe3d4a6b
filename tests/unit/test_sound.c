/* Sound: log-mel frames beside reference numbers, resampling, decoding of whole, damaged and
 * mangled files, and the reader of recordings with what it keeps. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "../../runtime/trainer/data_readers.h"
#include "../../runtime/trainer/labels.h"
#include "../../runtime/trainer/sound.h"
#include "trainer_line.h"

#define PI 3.14159265358979323846

static DlPool *pool;
static DlError error;

static void setup(void) {
    make_folder();
    pool = dl_pool_new();
    error.text[0] = '\0';
}

static void teardown(void) {
    dl_pool_free(pool);
    remove_folder();
}

TestSuite(sound, .init = setup, .fini = teardown);

static void *room(size_t n, size_t size) {
    void *at = dl_pool_array(pool, (int64_t)n, size, &error);
    cr_assert(at, "%s", error.text);
    return at;
}

static void expect_message(bool done, const char *part) {
    cr_expect(!done && strstr(error.text, part), "'%s' is not in: %s", part, error.text);
    error.text[0] = '\0';
}

/* ---- frames ------------------------------------------------------------------------- */

static DlSoundForm speech_form(int64_t frames, int64_t bands) {
    return (DlSoundForm){8000, 256, 128, frames, bands, 20, 4000, DL_MEL_HTK};
}

/* make_sound.py has the same. */
static float reference_signal(int64_t i, int64_t rate) {
    double t = (double)i / (double)rate;
    return (float)(0.5 * sin(2 * PI * 440 * t) + 0.1 * sin(2 * PI * (1000 + 4000 * t) * t));
}

static void compare_case(const DlSoundForm *f, FILE *reference) {
    int64_t n = dl_sound_samples(f);
    DlSound *s = dl_sound_new(pool, f, "test", &error);
    cr_assert(s, "%s", error.text);
    float *signal = room((size_t)n, sizeof *signal);
    float *frame = room((size_t)(f->frames * f->bands), sizeof *frame);
    for (int64_t i = 0; i < n; i++) signal[i] = reference_signal(i, f->rate);
    dl_sound_frames(s, signal, frame);
    for (int64_t i = 0; i < f->frames * f->bands; i++) {
        double want;
        cr_assert_eq(fscanf(reference, "%lf", &want), 1);
        cr_expect_float_eq((double)frame[i], want, 0.01,
                "frame %" PRId64 " band %" PRId64 ": %g, not %g", i / f->bands, i % f->bands,
                (double)frame[i], want);
    }
}

Test(sound, frames_as_the_reference_has_them) {
    FILE *f = fopen("tests/ref/sound.ref", "r");
    cr_assert(f);
    char line[256], mel[16];
    int cases = 0;
    cr_assert(fgets(line, sizeof line, f));
    DlSoundForm form;
    while (fscanf(f,
                   " case %15s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %lf %lf",
                   mel, &form.rate, &form.window, &form.hop, &form.frames, &form.bands, &form.low,
                   &form.high) == 8) {
        cr_assert(dl_mel_named(mel, &form.mel));
        compare_case(&form, f);
        cases++;
    }
    fclose(f);
    cr_expect_eq(cases, 3);
}

/* The band of a tone is the one whose triangle it lies in the middle of. */
Test(sound, a_tone_lights_its_band) {
    enum { BANDS = 40 };
    DlSoundForm f = speech_form(2, BANDS);
    DlSound *s = dl_sound_new(pool, &f, "test", &error);
    int64_t n = dl_sound_samples(&f);
    float *signal = room((size_t)n, sizeof *signal), frame[2 * BANDS];
    double from = 1127 * log(1 + 20 / 700.0), to = 1127 * log(1 + 4000 / 700.0);
    for (int band = 8; band < BANDS; band++) {
        double tone = 700 * (exp((from + (to - from) * (band + 1) / (BANDS + 1)) / 1127) - 1);
        for (int64_t i = 0; i < n; i++) signal[i] = (float)sin(2 * PI * tone * (double)i / 8000);
        dl_sound_frames(s, signal, frame);
        for (int m = 0; m < BANDS; m++)
            cr_expect(m == band || frame[BANDS + m] < frame[BANDS + band], "%g Hz: band %d, not %d",
                    tone, m, band);
    }
}

Test(sound, silence_is_the_floor) {
    DlSoundForm f = speech_form(3, 20);
    DlSound *s = dl_sound_new(pool, &f, "test", &error);
    float *signal = room((size_t)dl_sound_samples(&f), sizeof *signal), frame[60];
    dl_sound_frames(s, signal, frame);
    for (int i = 0; i < 60; i++) cr_expect_float_eq((double)frame[i], -100, 1e-4);
}

Test(sound, forms_that_cannot_be) {
    DlSoundForm f = speech_form(2, 400);
    expect_message(dl_sound_new(pool, &f, "data wav", &error), "holds none of the frequencies");
    f = speech_form(2, 40);
    f.window = 255;
    expect_message(dl_sound_new(pool, &f, "data wav", &error), "window is 255, and must be even");
    f = speech_form(2, 40);
    f.high = 4001;
    expect_message(dl_sound_new(pool, &f, "data wav", &error), "frequencies up to 4000 Hz");
    f.high = 20;
    expect_message(dl_sound_new(pool, &f, "data wav", &error), "must lie below high");
    f = speech_form(1 << 24, 40);
    f.hop = 1 << 20;
    expect_message(dl_sound_new(pool, &f, "data wav", &error), "are longer than");
}

/* ---- resampling --------------------------------------------------------------------- */

/* The largest difference, away from the ends, of a tone that was resampled. */
static double worst_difference(int64_t from, int64_t to, double tone, double level) {
    enum { N = 2000 };
    int64_t n = dl_resample_reach(N, from, to);
    float *source = room((size_t)n, sizeof *source), out[N];
    for (int64_t i = 0; i < n; i++)
        source[i] = (float)sin(2 * PI * tone * (double)i / (double)from);
    cr_assert(dl_resample(source, n, from, to, out, N, &error));
    double worst = 0;
    for (int i = 200; i < N; i++)
        worst = fmax(worst, fabs((double)out[i] - level * sin(2 * PI * tone * i / (double)to)));
    return worst;
}

Test(sound, tones_survive_resampling) {
    cr_expect_lt(worst_difference(44100, 8000, 440, 1), 1e-3);
    cr_expect_lt(worst_difference(44100, 16000, 6000, 1), 1e-3);
    cr_expect_lt(worst_difference(8000, 16000, 3000, 1), 1e-3);
    cr_expect_lt(worst_difference(11025, 8000, 1000, 1), 1e-3);
}

Test(sound, what_the_new_rate_cannot_hold_is_gone) {
    cr_expect_lt(worst_difference(44100, 8000, 4400, 0), 1e-3);
    cr_expect_lt(worst_difference(48000, 8000, 11000, 0), 1e-3);
}

/* ---- files --------------------------------------------------------------------------- */

typedef struct Wav {
    unsigned char at[1 << 16];
    size_t size;
} Wav;

static void put(Wav *w, uint32_t v, int bytes) {
    for (int i = 0; i < bytes; i++) w->at[w->size++] = (unsigned char)(v >> 8 * i);
}

static void put_text(Wav *w, const char *text) {
    memcpy(w->at + w->size, text, 4);
    w->size += 4;
}

/* The header of `samples` samples a channel, of `bits` bits (32: reals). */
static void begin_wav(Wav *w, uint32_t rate, uint32_t channels, uint32_t bits, uint32_t samples) {
    uint32_t row = channels * bits / 8, data = samples * row;
    w->size = 0;
    put_text(w, "RIFF");
    put(w, 36 + data, 4);
    put_text(w, "WAVE");
    put_text(w, "fmt ");
    put(w, 16, 4);
    put(w, bits == 32 ? 3 : 1, 2);
    put(w, channels, 2);
    put(w, rate, 4);
    put(w, rate * row, 4);
    put(w, row, 2);
    put(w, bits, 2);
    put_text(w, "data");
    put(w, data, 4);
}

/* A tone of 16 bits. */
static void tone_wav(Wav *w, uint32_t rate, double tone, uint32_t samples) {
    begin_wav(w, rate, 1, 16, samples);
    for (uint32_t i = 0; i < samples; i++)
        put(w, (uint32_t)(int32_t)lround(16000 * sin(2 * PI * tone * i / rate)), 2);
}

static bool decode(const Wav *w, int64_t rate, int64_t samples, float *signal) {
    return dl_recording_decode("x.wav", w->at, w->size, rate, samples, signal, &error);
}

Test(sound, channels_are_averaged_and_ends_padded) {
    Wav w;
    float got[5];
    begin_wav(&w, 8000, 2, 16, 3);
    for (int i = 0; i < 3; i++) {
        put(&w, 16384, 2);
        put(&w, (uint32_t)(-8192 * i), 2);
    }
    cr_assert(decode(&w, 8000, 5, got), "%s", error.text);
    const float want[] = {0.25f, 0.125f, 0, 0, 0};
    cr_expect_arr_eq(got, want, sizeof want);
    cr_assert(decode(&w, 8000, 2, got)); /* and longer ones cut */
    cr_expect_arr_eq(got, want, 2 * sizeof *want);
}

Test(sound, bytes_and_reals) {
    Wav w;
    float got[2];
    begin_wav(&w, 8000, 1, 8, 2);
    put(&w, 0xc0, 1), put(&w, 0x00, 1);
    cr_assert(decode(&w, 8000, 2, got), "%s", error.text);
    cr_expect(got[0] == 0.5f && got[1] == -1);
    begin_wav(&w, 8000, 1, 32, 2);
    put(&w, 0x3e800000, 4), put(&w, 0xbf000000, 4);
    cr_assert(decode(&w, 8000, 2, got), "%s", error.text);
    cr_expect(got[0] == 0.25f && got[1] == -0.5f);
}

Test(sound, another_rate_is_resampled) {
    Wav w;
    enum { N = 1000 };
    float got[N];
    tone_wav(&w, 44100, 500, 20000);
    cr_assert(decode(&w, 8000, N, got), "%s", error.text);
    for (int i = 100; i < N; i++)
        cr_assert_float_eq((double)got[i], 16000 / 32768.0 * sin(2 * PI * 500 * i / 8000.0), 1e-3);
}

Test(sound, files_that_are_no_sound) {
    Wav w;
    float got[600];
    tone_wav(&w, 8000, 500, 500);
    w.size -= 300;
    expect_message(decode(&w, 8000, 600, got), "promises 1000 bytes of sound, and 700 follow");
    begin_wav(&w, 8000, 1, 16, 0);
    expect_message(decode(&w, 8000, 600, got), "holds no sound");
    begin_wav(&w, 8000, 1, 32, 1);
    put(&w, 0x7fc00000, 4);
    expect_message(decode(&w, 8000, 600, got), "sample 0 is not a finite number");
    begin_wav(&w, 8000, 65, 16, 1);
    w.size += 130;
    expect_message(decode(&w, 8000, 600, got), "65 channels");
    w.size = 0;
    expect_message(decode(&w, 8000, 600, got), "x.wav: is empty");
    w.size = (size_t)snprintf(
            (char *)w.at, sizeof w.at, "just text, and long enough to be looked at");
    expect_message(decode(&w, 8000, 600, got), "no sound file that can be read");
}

/* Whatever stands in a file: samples that are numbers, or a message, and nothing else happens. */
Test(sound, mangled_files) {
    Wav w, bad;
    float got[600];
    tone_wav(&w, 8000, 500, 500);
    for (uint64_t turn = 0; turn < 3000; turn++) {
        bad = w;
        int changes = 1 + (int)(4 * dl_draw(1, DL_DRAW_DATA, turn, 0));
        for (int k = 0; k < changes; k++) {
            uint64_t n = turn % 2 ? 64 : w.size, at = 16 * turn + 2 * (uint64_t)k;
            size_t place = (size_t)((double)n * dl_draw(1, DL_DRAW_DATA, at, 1));
            bad.at[place] = (unsigned char)(256 * dl_draw(1, DL_DRAW_DATA, at, 2));
        }
        if (turn % 5 == 0) bad.size = (size_t)((double)w.size * dl_draw(1, DL_DRAW_DATA, turn, 3));
        error.text[0] = '\0';
        bool done = decode(&bad, 8000, 600, got);
        cr_assert(done == (error.text[0] == '\0'), "turn %" PRIu64 ": %s", turn, error.text);
        for (int i = 0; done && i < 600; i++) cr_assert(isfinite(got[i]), "turn %" PRIu64, turn);
    }
}

/* ---- labels -------------------------------------------------------------------------- */

static void expect_label(const char *path, const char *pattern, const char *want) {
    DlData data = {.pool = pool};
    DlReading r = {.reader = &dl_reader_wav, .data = &data, .error = &error};
    const char *got = dl_label_of(&r, "voices", path, pattern);
    if (want)
        cr_expect(got && strcmp(got, want) == 0, "%s: %s", path, got ? got : error.text);
    else
        cr_expect_null(got);
}

Test(sound, labels_of_names_and_folders) {
    expect_label("a/7_jackson_32.wav", "{label}_*_*.wav", "7");
    expect_label("a_b_c_d.wav", "{label}_*_*.wav", "a");
    expect_label("a/jackson-seven.wav", "*-{label}.wav", "seven");
    expect_label("a/b/one.wav", "a/{label}/*.wav", "b");
    expect_label("voices/seven/1.wav", NULL, "seven");
    expect_label("seven/1.wav", NULL, "seven");
    expect_label("a/jackson.wav", "{label}_*.wav", NULL);
    expect_message(false, "a/jackson.wav does not fit label: \"{label}_*.wav\"");
    expect_label("1.wav", NULL, NULL);
    expect_message(false, "lies in no folder that says its class");
    expect_label("1.wav", "*_*", NULL);
    expect_message(false, "must say where in a file's name");
}

/* ---- the reader ----------------------------------------------------------------------- */

static const char *const heard[] = {"sound f32 -1 4 20", "class i32 -1", NULL};

static void write_wav(const char *name, double tone) {
    Wav w;
    tone_wav(&w, 8000, tone, 700);
    write_file(name, w.at, w.size);
}

static void make_voices(void) {
    cr_assert_eq(mkdir(in_folder("voices"), 0700), 0);
    write_wav("voices/low_0.wav", 300);
    write_wav("voices/low_1.wav", 350);
    write_wav("voices/high_0.wav", 2000);
    write_wav("voices/high_1.wav", 2200);
    write_text("voices/README.txt", "not a sound");
}

static DlData *open_voices(
        Described *d, const char *place, const char *test, const DlMeta *stored) {
    static const DlArg fixed[] = {{"label", "{label}_*.wav"}, {"rate", "8000"}};
    describe(d, 1, heard);
    d->arg[0].text = place;
    d->arg[1] = fixed[0];
    d->arg[2] = fixed[1];
    d->arg[3] = (DlArg){"test", test};
    return open_data(d, "wav", stored);
}

Test(sound, recordings) {
    Described d;
    make_voices();
    DlData *data = open_voices(&d, "voices", "*_1.wav", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect(data->train.rows == 2 && data->test.rows == 2 && data->nclass == 2);
    const int32_t class[] = {0, 1}; /* high, low: in the order of the names */
    cr_expect_str_eq(data->class_name[0], "high");
    cr_expect_arr_eq(data->train.array[1].at, class, sizeof class);
    cr_expect_arr_eq(data->test.array[1].at, class, sizeof class);
    const float *x = (const float *)(const void *)data->train.array[0].at;
    for (int m = 0; m < 20; m++) {
        double sum = 0, square = 0;
        for (int t = 0; t < 8; t++) {
            sum += (double)x[t * 20 + m];
            square += (double)x[t * 20 + m] * (double)x[t * 20 + m];
        }
        cr_expect_float_eq(sum, 0, 1e-4);
        cr_expect_float_eq(square / 8, 1, 1e-4);
    }
    close_described(&d, data);
}

/* Of the recordings that are set aside to validate nothing is learnt. */
Test(sound, the_scale_is_that_of_what_is_trained_on) {
    DlSoundScale s;
    const float frame[3][2][1] = {{{1}, {3}}, {{100}, {200}}, {{5}, {7}}};
    const bool held[] = {false, true, false};
    cr_assert(dl_sound_scale_make(pool, 1, &s, &error));
    dl_sound_scale_measure(&s, 3, 2, held, frame[0][0]);
    cr_expect_float_eq(s.mean[0], 4, 1e-9);
    cr_expect_float_eq(s.deviation[0], sqrt(5), 1e-9);
    Described d;
    make_voices();
    describe(&d, 1, heard);
    d.config.control.validation = 0.5;
    const DlArg arg[] = {
            {NULL, "voices"}, {"label", "{label}_*.wav"}, {"rate", "8000"}, {"test", "0"}};
    memcpy(d.arg, arg, sizeof arg);
    DlData *data = open_data(&d, "wav", NULL);
    cr_assert(data, "%s", d.error.text);
    const float *x = (const float *)(const void *)data->train.array[0].at;
    double sum = 0;
    for (int t = 0; t < 8; t++) sum += (double)x[t * 20];
    cr_expect_eq(data->validation.rows, 2);
    cr_expect_float_eq(sum, 0, 1e-4);
    close_described(&d, data);
}

/* What was learnt in training is applied to the file of a user: the same numbers come of it. */
Test(sound, a_recording_is_prepared_as_in_training) {
    Described d;
    DlMeta kept;
    float frame[4][20];
    make_voices();
    DlData *data = open_voices(&d, "voices", "*_1.wav", NULL);
    cr_assert(data, "%s", d.error.text);
    kept = data->meta;
    DlOptions o = {.ninput = 1, .input = {{.file = in_folder("voices/high_1.wav")}}};
    DlRequest q = {.table = &d.model, .config = &d.config, .stored = &kept};
    DlData *given = dl_data_given(&q, &o, false, &d.error);
    cr_assert(given, "%s", d.error.text);
    cr_expect_eq(given->train.rows, 1);
    cr_expect_arr_eq(given->train.array[0].at, data->test.array[0].at, sizeof frame);
    cr_assert(dl_sound_of_file(pool, &kept, o.input[0].file, 4, 20, frame[0], &error), "%s",
            error.text);
    cr_expect_arr_eq(frame, data->test.array[0].at, sizeof frame);
    dl_data_free(given);
    o.input[0].file = in_folder("voices"); /* all of a folder, in the order of their names */
    given = dl_data_given(&q, &o, false, &d.error);
    cr_assert(given, "%s", d.error.text);
    cr_expect_eq(given->train.rows, 4);
    cr_expect_arr_eq(given->train.array[0].at + sizeof frame, data->test.array[0].at, sizeof frame);
    dl_data_free(given);
    close_described(&d, data);
}

Test(sound, archives) {
    Described d;
    char command[256];
    make_voices();
    cr_assert_eq(mkdir(in_folder("packed"), 0700), 0);
    snprintf(command, sizeof command, "cd '%s' && tar -cJf packed/v1.tar.xz voices && rm -r voices",
            folder);
    cr_assert_eq(system(command), 0);
    const char *const place[] = {"packed", "packed/v1.tar.xz", "packed/v1"};
    for (int i = 0; i < 3; i++) {
        DlData *data = open_voices(&d, place[i], "0.5", NULL);
        cr_assert(data, "%s", d.error.text);
        cr_expect(data->train.rows == 2 && data->test.rows == 2);
        close_described(&d, data);
    }
}

static void refused(const char *place, const char *test, const DlMeta *stored, const char *part) {
    Described d;
    DlData *data = open_voices(&d, place, test, stored);
    cr_expect(!data && strstr(d.error.text, part), "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

Test(sound, what_the_reader_refuses) {
    make_voices();
    dl_pair pair[] = {{"classes", "high\nmiddle"}, {"sound", "rate 16000 window 512"}};
    refused("nowhere", "0.5", NULL, "there is no folder or archive nowhere in any of");
    refused("voices", "*_9.wav", NULL, "test: \"*_9.wav\" takes none of the 4 recordings");
    refused("voices", "*.wav", NULL, "takes all of the 4 recordings");
    refused("voices", "1", NULL, "takes all of the 4 recordings");
    refused("voices", "0.5", &(DlMeta){1, pair},
            "low_0.wav is a 'low', and the classes that the weights know are high, middle");
    refused("voices", "0.5", &(DlMeta){1, pair + 1},
            "these weights are of recordings with rate 16000 window 512, and the model's text says "
            "rate 8000 window 512 hop 128 frames 4 bands 20 low 20 high 4000 mel htk");
    write_text("voices/high_2.wav", "RIFF");
    refused("voices", "0.5", NULL, "voices/high_2.wav: is no sound file that can be read");
    cr_assert_eq(mkdir(in_folder("empty"), 0700), 0);
    refused("empty", "0.5", NULL, "empty: holds no sound files");
}

Test(sound, weights_of_something_else) {
    DlSoundForm f = speech_form(4, 20);
    DlSoundScale s;
    float frame[80];
    dl_pair pair = {"sound", "rate 8000 window 256 hop 128 frames 4 bands 20 low 20 high 4000 mel "
                             "htk\n1\t0"};
    DlMeta none = {0}, damaged = {1, &pair};
    expect_message(dl_sound_kept_scale(&none, pool, &f, &s, &error), "without the preparation");
    expect_message(dl_sound_kept_scale(&damaged, pool, &f, &s, &error), "is damaged");
    expect_message(dl_sound_of_file(pool, &damaged, "x.wav", 4, 30, frame, &error),
            "are of 4 frames of 20 bands, and the model has 4 of 30");
    pair.value = "rate 99999999999999999999 window";
    expect_message(dl_sound_kept_form(&damaged, &f, &error), "is damaged");
}
