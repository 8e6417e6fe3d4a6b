/* data_images.c - a folder or an archive of PNG and JPEG files: the input is an image of bytes in
 * the model's size, gray or in colour, the target the number of the class that a file's folder (or
 * its name) says. A user's own images are prepared the same way, for every reader of images.
 *
 * The folders `train` and `test` (or `validation`) divide the files, where there are both; else
 * `test` does, a share of them or a pattern of their names. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_readers.h"
#include "image.h"
#include "labels.h"


typedef struct Form {
    int64_t height, width;
    int channels;
} Form;

typedef struct Images {
    DlFiles files;
    Form form;
    const char **path;
    int32_t *class; /* NULL: the model has no target */
    bool *tests;
    bool skips; /* files that cannot be read are left out */
    int64_t skipped;
    const char *first; /* why the first of them cannot be read */
} Images;

/* ---- what the model asks for -------------------------------------------------------------- */

static int64_t side_of(int64_t pixels) {
    int64_t side = (int64_t)(sqrt((double)pixels) + 0.5);
    return side * side == pixels ? side : 0;
}

/* The image that an input is: [h, w], [h, w, 1], [h, w, 3], or as many numbers as a square one. */
static bool is_image(const dl_tensor *t, Form *f) {
    if (t->rank < 2 || t->shape[0] >= 0) return false;
    int64_t n = t->shape[1], gray = side_of(n), colour = n % 3 == 0 ? side_of(n / 3) : 0;
    if (t->rank == 4)
        *f = (Form){n, t->shape[2], t->shape[3] == 1 || t->shape[3] == 3 ? (int)t->shape[3] : 0};
    else if (t->rank == 3)
        *f = (Form){n, t->shape[2], 1};
    else
        *f = gray ? (Form){gray, gray, 1} : (Form){colour, colour, 3};
    return t->rank <= 4 && f->height > 0 && f->channels > 0;
}

/* 28, or 48x64: height and width. */
static bool read_size(DlReading *r, const char *text, Form *f) {
    char *end, *last = NULL;
    long height = strtol(text, &end, 10), width = height;
    if (end > text && *end == 'x') width = strtol(end + 1, &last, 10);
    bool read = end > text && (last ? last > end + 1 && *last == '\0' : *end == '\0');
    if (read && height == f->height && width == f->width) return true;
    return dl_fail(r->error,
            "data images: size is '%s', and the model's input is %lld x %lld (height x width); "
            "leave it out, or say it as 28 or 48x64",
            text, (long long)f->height, (long long)f->width);
}

static bool form_of(DlReading *r, Form *f) {
    const dl_model *m = r->request->table;
    if (m->ninput != 1 || !is_image(&m->input[0], f))
        return dl_fail(r->error,
                "data %s: images are for a model with one input [batch, height, width, channels], "
                "of 1 or 3 channels, or [batch, height, width]; %s has others",
                r->reader->name, m->source);
    return true;
}

static bool wants_skipping(DlReading *r, bool *skips) {
    const char *text = dl_arg(r, "corrupt");
    *skips = text && strcmp(text, "skip") == 0;
    return !text || *skips || strcmp(text, "fail") == 0 ||
           dl_fail(r->error, "data images: corrupt is '%s', and must be \"fail\" or \"skip\"", text);
}

/* ---- files -------------------------------------------------------------------------------- */

static bool list_paths(DlReading *r, Images *s) {
    s->path = dl_pool_array(r->data->pool, s->files.n, sizeof *s->path, r->error);
    s->tests = dl_pool_array(r->data->pool, s->files.n, sizeof *s->tests, r->error);
    for (int64_t i = 0; s->path && i < s->files.n; i++) s->path[i] = s->files.file[i].path;
    return s->path && s->tests;
}

static bool label_all(DlReading *r, Images *s) {
    const char *pattern = dl_arg(r, "label");
    if (r->request->table->ntarget == 0) return true;
    const char **label = dl_pool_array(r->data->pool, s->files.n, sizeof *label, r->error);
    s->class = dl_pool_array(r->data->pool, s->files.n, sizeof *s->class, r->error);
    if (!label || !s->class) return false;
    for (int64_t i = 0; i < s->files.n; i++) {
        label[i] = dl_label_of(r, s->files.from, s->path[i], pattern);
        if (!label[i]) return false;
    }
    return dl_label_classes(r, s->files.from, s->files.n, s->path, label, s->class);
}

/* Whether a folder of that name is in the path. */
static bool lies_in(const char *path, const char *name) {
    size_t n = strlen(name);
    for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && p[n] == '/') return true;
    return false;
}

/* The rows that test, where folders say it. */
static bool tests_by_folder(Images *s) {
    static const char *const name[] = {"test", "validation", "val"};
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        int64_t train = 0, test = 0;
        for (int64_t i = 0; i < s->files.n; i++) {
            train += lies_in(s->path[i], "train");
            test += s->tests[i] = lies_in(s->path[i], name[k]);
        }
        if (train > 0 && test > 0) return true;
    }
    return false;
}

static bool choose_tests(DlReading *r, Images *s) {
    const char *text = dl_arg(r, "test");
    char *end = NULL;
    bool share = !text || (strtod(text, &end), end != text && *end == '\0');
    double fraction = 0;
    int64_t count = 0;
    if (!text && tests_by_folder(s)) return true;
    if (share && !dl_arg_real(r, "test", 0.2, 0, 1, &fraction)) return false;
    for (int64_t i = 0; i < s->files.n; i++)
        count += s->tests[i] = share ? dl_row_tests(i, fraction) : dl_file_fits(text, s->path[i]);
    if (count == s->files.n || (count == 0 && !share))
        return dl_fail(r->error, "%s: test: \"%s\" takes %s of the %lld images; the first is %s",
                s->files.from, text ? text : "0.2", count ? "all" : "none", (long long)s->files.n,
                s->path[0]);
    return true;
}

/* ---- images ------------------------------------------------------------------------------- */

static bool read_image(DlReading *r, const Images *s, int64_t i, unsigned char *to, DlError *e) {
    DlPool *pool = r->data->pool;
    const Form *f = &s->form;
    DlImage image = {0};
    DlBytes b = {0};
    bool ok = dl_files_read(pool, &s->files, i, &b, e) &&
              dl_image_decode(pool, &b, f->channels, &image, e) &&
              dl_image_resize(pool, &image, f->height, f->width, to, e);
    dl_pool_drop(pool, image.at);
    dl_pool_drop(pool, b.at);
    dl_pool_drop(pool, b.path);
    return ok;
}

static bool cannot_read(DlReading *r, Images *s, const DlError *why) {
    if (s->skipped++ == 0)
        s->first = dl_pool_text(r->data->pool, why->text, strlen(why->text), r->error);
    if (s->skips) return s->first != NULL;
    return dl_fail(r->error, "%s\nRepair or remove it%s.", why->text,
            s->class ? ", or say corrupt: \"skip\" to leave such files out" : "");
}

/* The images that test, or the others. */
static bool fill(DlReading *r, Images *s, bool tests, DlSplit *out) {
    const int64_t shape[] = {s->form.height, s->form.width, s->form.channels};
    int64_t rows = 0;
    for (int64_t i = 0; i < s->files.n; i++) rows += s->tests[i] == tests;
    if (!dl_array_make(r, &out->array[0], "image", DL_U8, rows, 3, shape)) return false;
    if (s->class && !dl_array_make(r, &out->array[1], "class", DL_I32, rows, 0, NULL)) return false;
    for (int64_t i = 0; i < s->files.n; i++) {
        DlError why = {""};
        if (s->tests[i] != tests) continue;
        if (!read_image(r, s, i, dl_row(out, 0, out->rows), &why)) {
            if (!cannot_read(r, s, &why)) return false;
            continue;
        }
        if (s->class) memcpy(dl_row(out, 1, out->rows), &s->class[i], sizeof s->class[i]);
        out->rows++;
    }
    return true;
}

static bool read_images(DlReading *r) {
    Images s = {0};
    DlData *d = r->data;
    const char *size = dl_arg(r, "size");
    bool ok = form_of(r, &s.form) && (!size || read_size(r, size, &s.form)) &&
              wants_skipping(r, &s.skips) &&
              dl_find_files(r, dl_image_named, "PNG or JPEG files", &s.files) &&
              list_paths(r, &s) &&
              dl_folders_hold(r, &s.files, ".png, .jpg or .jpeg files") && label_all(r, &s) &&
              choose_tests(r, &s) && dl_data_shape(r, 1, r->request->table->ntarget > 0) &&
              fill(r, &s, false, &d->train) && fill(r, &s, true, &d->test);
    dl_pool_drop(d->pool, s.files.bytes);
    return ok && (s.skipped == 0 || dl_data_note(r, "%lld of %lld images are left out; the first: %s",
                                            (long long)s.skipped, (long long)s.files.n, s.first));
}

/* ---- a user's image, or a folder of them ---------------------------------------------------- */

/* A file, as a folder with that one. */
static bool list_one(DlReading *r, const char *path, DlFiles *out) {
    const char *slash = strrchr(path, '/');
    size_t n = slash > path ? (size_t)(slash - path) : 1;
    *out = (DlFiles){.from = slash ? dl_pool_text(r->data->pool, path, n, r->error) : ".",
            .n = 1,
            .file = dl_pool_array(r->data->pool, 1, sizeof *out->file, r->error)};
    if (!out->file || !out->from) return false;
    out->file[0].path = slash ? slash + 1 : path;
    return true;
}

bool dl_prepare_images(DlReading *r, const char *path, DlSplit *out) {
    Images s = {0};
    bool listed = dl_image_named(path)
                          ? list_one(r, path, &s.files)
                          : dl_files_fitting(
                                    r, path, dl_image_named, "PNG or JPEG files", &s.files);
    bool ok = listed && form_of(r, &s.form) && list_paths(r, &s) &&
              dl_data_shape(r, 1, r->request->table->ntarget) && fill(r, &s, false, out);
    dl_pool_drop(r->data->pool, s.files.bytes);
    return ok;
}

const DlReader dl_reader_images = {
        .name = "images",
        .arguments = "folder test label size corrupt",
        .folders = "",
        .files = "a folder or an archive of .png and .jpg files, a folder a class",
        .remedy = DL_PLACE,
        .libraries = DL_IMAGE_LIBRARIES,
        .read = read_images,
        .prepare = dl_prepare_images,
};
