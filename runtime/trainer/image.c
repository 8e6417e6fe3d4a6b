/* image.c - a PNG or JPEG file as the bytes that a model takes: decoded, laid on white where it was
 * transparent, in gray or in colour, and in the model's size.
 *
 * Sizes change as PIL's and TensorFlow's antialiased bilinear filters do: an output pixel is the
 * mean of the input pixels under a triangle around its place, which is as wide as the output pixel
 * when the image shrinks, and two input pixels wide when it grows. Proportions are not kept. */
#include "image.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define MOST_PIXELS ((int64_t)1 << 28) /* more is taken for an attack */

bool dl_image_named(const char *path) {
    static const char *const ending[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof ending / sizeof *ending; i++)
        if (strcasecmp(dot, ending[i]) == 0) return true;
    return false;
}

bool dl_image_room(DlPool *p, const DlBytes *b, int64_t height, int64_t width, int channels,
        DlImage *out, DlError *e) {
    if (height < 1 || width < 1 || height > MOST_PIXELS / width)
        return dl_fail(e, "%s: an image of %lld x %lld pixels is too large; make it smaller", b->path,
                (long long)height, (long long)width);
    *out = (DlImage){height, width, channels,
            dl_pool_array(p, height * width, (size_t)channels, e)};
    return out->at != NULL;
}

/* ---- colours ---------------------------------------------------------------------------- */

static unsigned char on_white(unsigned char v, unsigned char alpha) {
    return (unsigned char)((v * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* Brightness as JPEG and television have it; of three equal values, that value. */
static unsigned char gray(const unsigned char *rgb) {
    return (unsigned char)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}

static void lay(const DlImage *rgba, DlImage *out) {
    const unsigned char *from = rgba->at;
    unsigned char *to = out->at, rgb[3];
    for (int64_t i = 0; i < out->height * out->width; i++, from += 4, to += out->channels) {
        for (int c = 0; c < 3; c++) rgb[c] = on_white(from[c], from[3]);
        if (out->channels == 1)
            *to = gray(rgb);
        else
            memcpy(to, rgb, 3);
    }
}

bool dl_image_decode(DlPool *p, const DlBytes *b, int channels, DlImage *out, DlError *e) {
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const unsigned char jpeg[] = {0xff, 0xd8, 0xff};
    DlImage rgba = {0};
    bool ok = false;
    if (b->size > sizeof png && memcmp(b->at, png, sizeof png) == 0)
        ok = dl_png_decode(p, b, &rgba, e);
    else if (b->size > sizeof jpeg && memcmp(b->at, jpeg, sizeof jpeg) == 0)
        ok = dl_jpeg_decode(p, b, &rgba, e);
    else
        dl_error(e, "%s: is neither a PNG nor a JPEG image", b->path);
    ok = ok && dl_image_room(p, b, rgba.height, rgba.width, channels, out, e);
    if (ok) lay(&rgba, out);
    dl_pool_drop(p, rgba.at);
    return ok;
}

/* ---- sizes ------------------------------------------------------------------------------ */

/* How the pixels of one axis are made of `n` others. */
typedef struct Axis {
    int64_t n, most; /* input pixels; most of them for one output pixel */
    double scale, reach;
} Axis;

static Axis axis_of(int64_t from, int64_t to) {
    double scale = (double)from / (double)to, reach = scale > 1 ? scale : 1;
    return (Axis){from, (int64_t)ceil(2 * reach) + 2, scale, reach};
}

/* The first input pixel under output pixel i, and how many; their weights add up to 1. */
static int64_t weigh(const Axis *a, int64_t i, int64_t *first, float *weight) {
    double centre = ((double)i + 0.5) * a->scale, sum = 0;
    int64_t begin = (int64_t)floor(centre - a->reach + 0.5), n = 0;
    int64_t end = (int64_t)floor(centre + a->reach + 0.5);
    *first = begin > 0 ? begin : 0;
    for (int64_t k = *first; k < end && k < a->n; k++, n++) {
        double w = 1 - fabs((double)k + 0.5 - centre) / a->reach;
        weight[n] = w > 0 ? (float)w : 0;
        sum += (double)weight[n];
    }
    for (int64_t k = 0; k < n; k++) weight[k] = (float)((double)weight[k] / sum);
    return n;
}

/* Every row of the image in the new width, as numbers. */
static void resize_rows(const DlImage *m, int64_t width, float *weight, float *out) {
    Axis a = axis_of(m->width, width);
    int64_t c = m->channels, first;
    for (int64_t x = 0; x < width; x++) {
        int64_t n = weigh(&a, x, &first, weight);
        for (int64_t y = 0; y < m->height; y++)
            for (int64_t k = 0; k < c; k++) {
                const unsigned char *from = m->at + (y * m->width + first) * c + k;
                float sum = 0;
                for (int64_t i = 0; i < n; i++) sum += weight[i] * (float)from[i * c];
                out[(y * width + x) * c + k] = sum;
            }
    }
}

static void resize_columns(const DlImage *m, const float *rows, int64_t height, int64_t width,
        float *weight, unsigned char *to) {
    Axis a = axis_of(m->height, height);
    int64_t row = width * m->channels, first;
    for (int64_t y = 0; y < height; y++) {
        int64_t n = weigh(&a, y, &first, weight);
        for (int64_t x = 0; x < row; x++) {
            float sum = 0;
            for (int64_t i = 0; i < n; i++) sum += weight[i] * rows[(first + i) * row + x];
            to[y * row + x] = (unsigned char)fminf(fmaxf(sum + 0.5f, 0), 255);
        }
    }
}

bool dl_image_resize(DlPool *p, const DlImage *m, int64_t height, int64_t width, unsigned char *to,
        DlError *e) {
    if (height == m->height && width == m->width) {
        memcpy(to, m->at, (size_t)(height * width * m->channels));
        return true;
    }
    int64_t across = axis_of(m->width, width).most, down = axis_of(m->height, height).most;
    float *rows = dl_pool_array(p, m->height * width * m->channels, sizeof *rows, e);
    float *weight = rows ? dl_pool_array(p, across + down, sizeof *weight, e) : NULL;
    if (weight) {
        resize_rows(m, width, weight, rows);
        resize_columns(m, rows, height, width, weight, to);
    }
    dl_pool_drop(p, weight);
    dl_pool_drop(p, rows);
    return weight != NULL;
}
