/* data_wav.c - recordings, a folder or an archive of them, as log-mel frames (sound.h): the input
 * is f32[batch, frames, bands], the target the number of the class that a file's name or folder
 * says. Which recordings test is a pattern of their names, or a share of them.
 *
 * Each band is brought to mean 0 and standard deviation 1 over the frames of the training
 * recordings (`scale: false` leaves the decibels). How frames were made, means and deviations
 * and the classes' names are kept with the weights, and applied to the recordings of a user. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data_readers.h"
#include "labels.h"
#include "sound.h"

typedef struct Recordings {
    DlFiles files; /* those of sound alone */
    DlSoundForm form;
    bool scaled;
    DlSound *sound;
    float *signal;
    const char **path;  /* of each, as in `files` */
    const char **label; /* NULL: the model has no target */
    int32_t *class;
    bool *tests; /* none, until choose_tests */
} Recordings;

/* ---- what the model asks for --------------------------------------------------------- */

static bool form_of(DlReading *r, DlSoundForm *f) {
    const dl_model *m = r->request->table;
    const dl_tensor *x = m->ninput > 0 ? &m->input[0] : NULL, *y = &m->input[m->ninput];
    bool fits = m->ninput == 1 && m->ntarget <= 1 && x && x->type == DL_F32 && x->rank == 3;
    if (fits && m->ntarget == 1) fits = y->type == DL_I32 && y->rank == 1;
    if (!fits)
        return dl_fail(r->error,
                "data wav: is for a model with an input f32[batch, frames, bands] and a target "
                "i32[batch], or none; %s has others",
                m->source);
    const char *mel = dl_arg(r, "mel");
    *f = (DlSoundForm){.frames = x->shape[1], .bands = x->shape[2]};
    if (mel && !dl_mel_named(mel, &f->mel))
        return dl_fail(r->error, "data wav: mel is '%s', and must be htk or slaney", mel);
    if (!dl_arg_integer(r, "rate", 16000, 1000, 768000, &f->rate) ||
            !dl_arg_integer(r, "window", 512, 2, 65536, &f->window) ||
            !dl_arg_integer(r, "hop", f->window > 3 ? f->window / 4 : 1, 1, 1 << 20, &f->hop))
        return false;
    double half = (double)f->rate / 2;
    return dl_arg_real(r, "low", 20, 0, half, &f->low) &&
           dl_arg_real(r, "high", half, 0, half, &f->high);
}

static bool wants_scale(DlReading *r, bool *scaled) {
    const char *text = dl_arg(r, "scale");
    *scaled = !text || strcmp(text, "true") == 0;
    return *scaled || strcmp(text, "false") == 0 ||
           dl_fail(r->error, "data wav: scale is '%s', and must be true or false", text);
}

/* ---- files --------------------------------------------------------------------------- */

static bool is_sound(const char *path) {
    static const char *const ending[] = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff",
            ".aifc", ".au", ".caf", ".w64", ".rf64"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof ending / sizeof *ending; i++)
        if (strcasecmp(dot, ending[i]) == 0) return true;
    return false;
}

static bool list_paths(DlReading *r, Recordings *s) {
    s->path = dl_pool_array(r->data->pool, s->files.n, sizeof *s->path, r->error);
    s->tests = dl_pool_array(r->data->pool, s->files.n, sizeof *s->tests, r->error);
    for (int64_t i = 0; s->path && i < s->files.n; i++) s->path[i] = s->files.file[i].path;
    return s->path && s->tests;
}

static bool label_all(DlReading *r, Recordings *s) {
    const char *pattern = dl_arg(r, "label");
    if (r->request->table->ntarget == 0) return true;
    s->label = dl_pool_array(r->data->pool, s->files.n, sizeof *s->label, r->error);
    s->class = dl_pool_array(r->data->pool, s->files.n, sizeof *s->class, r->error);
    if (!s->label || !s->class) return false;
    for (int64_t i = 0; i < s->files.n; i++) {
        s->label[i] = dl_label_of(r, s->files.from, s->path[i], pattern);
        if (!s->label[i]) return false;
    }
    return dl_label_classes(r, s->files.from, s->files.n, s->path, s->label, s->class);
}

/* `test` is a share of the recordings or a pattern of their names. */
static bool choose_tests(DlReading *r, Recordings *s) {
    const char *text = dl_arg(r, "test");
    char *end = NULL;
    bool is_share = !text || (strtod(text, &end), end != text && *end == '\0');
    double share = 0;
    int64_t count = 0;
    if (is_share && !dl_arg_real(r, "test", 0.2, 0, 1, &share)) return false;
    for (int64_t i = 0; i < s->files.n; i++)
        count += s->tests[i] = is_share ? dl_row_tests(i, share) : dl_file_fits(text, s->path[i]);
    if (count == s->files.n || (count == 0 && !is_share))
        return dl_fail(r->error,
                "%s: test: \"%s\" takes %s of the %lld recordings; the first is %s", s->files.from,
                text ? text : "0.2", count ? "all" : "none", (long long)s->files.n, s->path[0]);
    return true;
}

/* ---- frames -------------------------------------------------------------------------- */

static bool make_sound(DlReading *r, Recordings *s, const char *who) {
    s->sound = dl_sound_new(r->data->pool, &s->form, who, r->error);
    if (!s->sound) return false;
    s->signal =
            dl_pool_array(r->data->pool, dl_sound_samples(&s->form), sizeof *s->signal, r->error);
    return s->signal != NULL;
}

static bool read_frames(DlReading *r, Recordings *s, int64_t i, float *frame) {
    DlBytes b;
    if (!dl_files_read(r->data->pool, &s->files, i, &b, r->error) ||
            !dl_recording_decode(b.path, b.at, b.size, s->form.rate, dl_sound_samples(&s->form),
                    s->signal, r->error))
        return false;
    dl_pool_drop(r->data->pool, b.at);
    dl_pool_drop(r->data->pool, b.path);
    dl_sound_frames(s->sound, s->signal, frame);
    return true;
}

/* The recordings that test, or the others. */
static bool fill(DlReading *r, Recordings *s, bool test, DlSplit *out) {
    const int64_t shape[] = {s->form.frames, s->form.bands};
    int64_t rows = 0;
    for (int64_t i = 0; i < s->files.n; i++) rows += s->tests[i] == test;
    if (!dl_array_make(r, &out->array[0], "frames", DL_F32, rows, 2, shape)) return false;
    if (s->class && !dl_array_make(r, &out->array[1], "class", DL_I32, rows, 0, NULL)) return false;
    for (int64_t i = 0; i < s->files.n; i++) {
        if (s->tests[i] != test) continue;
        float *frame =
                (float *)(void *)(out->array[0].at + (size_t)out->rows * out->array[0].stride);
        if (!read_frames(r, s, i, frame)) return false;
        if (s->class) ((int32_t *)(void *)out->array[1].at)[out->rows] = s->class[i];
        out->rows++;
    }
    return true;
}

static void apply(const DlSoundScale *scale, int64_t frames, DlSplit *s) {
    dl_sound_scale_apply(scale, s->rows * frames, (float *)(void *)s->array[0].at);
}

static bool learn_scale(DlReading *r, const Recordings *s, DlSoundScale *scale) {
    const DlSplit *train = &r->data->train;
    bool *held = dl_pool_array(r->data->pool, train->rows, sizeof *held, r->error);
    if (!held || !dl_sound_scale_make(r->data->pool, s->form.bands, scale, r->error) ||
            !dl_data_held(r, train->rows, held))
        return false;
    if (s->scaled)
        dl_sound_scale_measure(scale, train->rows, s->form.frames, held,
                (const float *)(const void *)train->array[0].at);
    return true;
}

/* The scale that came with the weights, or that of the training recordings; kept, and applied. */
static bool bring_to_scale(DlReading *r, const Recordings *s) {
    const DlMeta *stored = r->request->stored;
    DlData *d = r->data;
    DlSoundScale scale;
    bool have = dl_meta_get(stored, "sound")
                        ? dl_sound_kept_scale(stored, d->pool, &s->form, &scale, r->error)
                        : learn_scale(r, s, &scale);
    if (!have) return false;
    apply(&scale, s->form.frames, &d->train);
    apply(&scale, s->form.frames, &d->test);
    return dl_sound_keep(&d->meta, d->pool, &s->form, &scale, r->error);
}

static bool read_wav(DlReading *r) {
    Recordings s = {0};
    DlData *d = r->data;
    bool read = form_of(r, &s.form) && wants_scale(r, &s.scaled) && make_sound(r, &s, "data wav") &&
                dl_find_files(r, is_sound, "sound files", &s.files) && list_paths(r, &s) &&
                label_all(r, &s) && choose_tests(r, &s) &&
                dl_data_shape(r, 1, r->request->table->ntarget) && fill(r, &s, false, &d->train) &&
                fill(r, &s, true, &d->test);
    dl_pool_drop(d->pool, s.files.bytes);
    return read && bring_to_scale(r, &s);
}

/* ---- a user's recording, or a folder of them ------------------------------------------ */

/* The list of one file, or of a folder's. */
static bool list_given(DlReading *r, const char *path, Recordings *s) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return dl_files_fitting(r, path, is_sound, "sound files", &s->files);
    const char *slash = strrchr(path, '/');
    size_t n = slash > path ? (size_t)(slash - path) : 1;
    s->files = (DlFiles){.from = slash ? dl_pool_text(r->data->pool, path, n, r->error) : ".",
            .n = 1,
            .file = dl_pool_array(r->data->pool, 1, sizeof *s->files.file, r->error)};
    if (!s->files.file || !s->files.from) return false;
    s->files.file[0].path = slash ? slash + 1 : path;
    return true;
}

static bool prepare_wav(DlReading *r, const char *path, DlSplit *out) {
    Recordings s = {0};
    DlSoundScale scale;
    if (!form_of(r, &s.form) ||
            !dl_sound_kept_scale(r->request->stored, r->data->pool, &s.form, &scale, r->error) ||
            !make_sound(r, &s, path) || !list_given(r, path, &s) || !list_paths(r, &s) ||
            !dl_data_shape(r, 1, r->request->table->ntarget) || !fill(r, &s, false, out))
        return false;
    apply(&scale, s.form.frames, out);
    return true;
}

const DlReader dl_reader_wav = {
        .name = "wav",
        .arguments = "folder label test rate window hop low high mel scale",
        .folders = "",
        .files = "a folder or an archive of sound files (.wav, .flac, .ogg, ...)",
        .remedy = DL_PLACE,
        .libraries = "-lsndfile -lkissfft-float -larchive",
        .read = read_wav,
        .prepare = prepare_wav,
};
