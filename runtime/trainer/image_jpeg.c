/* image_jpeg.c - JPEG files, gray or in colour, by libjpeg, as four bytes a pixel, turned as the
 * camera says (EXIF orientation).
 *
 * libjpeg is left by longjmp when something is wrong; what it holds is freed in one place. What it
 * calls a warning, data that are cut short or damaged, is an error here. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "image.h"

enum { EXIF = JPEG_APP0 + 1, ORIENTATION = 0x0112 };

typedef struct Jpeg {
    struct jpeg_error_mgr errors; /* first: libjpeg's pointer to it is one to all of this */
    struct jpeg_decompress_struct d;
    DlPool *pool;
    const DlBytes *b;
    unsigned char *line; /* of the file's own components */
    unsigned way;        /* up */
    DlImage *out;
    DlError *e;
    char why[JMSG_LENGTH_MAX];
    jmp_buf leave;
} Jpeg;

_Noreturn static void leave(j_common_ptr d) {
    Jpeg *s = (Jpeg *)(void *)d->err;
    s->errors.format_message(d, s->why);
    longjmp(s->leave, 1);
}

static void on_message(j_common_ptr d, int level) {
    if (level < 0) leave(d);
}

static void be_silent(j_common_ptr d) {
    (void)d;
}

/* ---- which way up ----------------------------------------------------------------------- */

/* A number of the EXIF data, whose first letters say which end of a number comes first. */
static unsigned number(const unsigned char *at, int size, bool little) {
    unsigned v = 0;
    for (int i = 0; i < size; i++) v |= (unsigned)at[i] << 8 * (little ? i : size - 1 - i);
    return v;
}

/* 1 to 8; 1, upright, where nothing or nonsense is said. */
static unsigned orientation(const unsigned char *at, size_t n) {
    if (n < 20 || memcmp(at, "Exif\0\0", 6) != 0) return 1;
    at += 6;
    n -= 6;
    bool little = at[0] == 'I';
    size_t list = number(at + 4, 4, little);
    if (list > n - 2) return 1;
    size_t count = number(at + list, 2, little), entry = list + 2;
    for (; count > 0 && entry <= n && n - entry >= 12; count--, entry += 12) {
        unsigned v = number(at + entry + 8, 2, little);
        if (number(at + entry, 2, little) == ORIENTATION) return v >= 1 && v <= 8 ? v : 1;
    }
    return 1;
}

static unsigned orientation_of(const Jpeg *s) {
    for (jpeg_saved_marker_ptr m = s->d.marker_list; m; m = m->next)
        if (m->marker == EXIF) return orientation(m->data, m->data_length);
    return 1;
}

/* Orientations from 5 on have rows and columns changed; of the rest, and then, bits say which axes
 * run backwards. */
static bool turn(Jpeg *s, unsigned way) {
    static const struct {
        bool swap, up, left; /* the file's rows run from the bottom, its columns from the right */
    } ways[9] = {{false, false, false}, {false, false, false}, {false, false, true},
            {false, true, true}, {false, true, false}, {true, false, false}, {true, true, false},
            {true, true, true}, {true, false, true}};
    DlImage from = *s->out, to;
    int64_t h = ways[way].swap ? from.width : from.height;
    int64_t w = ways[way].swap ? from.height : from.width;
    if (way == 1) return true;
    if (!dl_image_room(s->pool, s->b, h, w, 4, &to, s->e)) return false;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            int64_t row = ways[way].swap ? x : y, column = ways[way].swap ? y : x;
            if (ways[way].up) row = from.height - 1 - row;
            if (ways[way].left) column = from.width - 1 - column;
            memcpy(to.at + (y * w + x) * 4, from.at + (row * from.width + column) * 4, 4);
        }
    dl_pool_drop(s->pool, from.at);
    *s->out = to;
    return true;
}

/* ---- decoding --------------------------------------------------------------------------- */

static bool check_colours(const Jpeg *s) {
    J_COLOR_SPACE c = s->d.jpeg_color_space;
    if (c != JCS_CMYK && c != JCS_YCCK) return true;
    return dl_fail(s->e,
            "%s: is a JPEG image in the colours of printing (CMYK); convert it to RGB", s->b->path);
}

static void put_line(const Jpeg *s, unsigned char *to) {
    int components = s->d.output_components;
    const unsigned char *from = s->line;
    for (JDIMENSION x = 0; x < s->d.output_width; x++, from += components, to += 4) {
        for (int c = 0; c < 3; c++) to[c] = from[components == 3 ? c : 0];
        to[3] = 0xff;
    }
}

static bool read_lines(Jpeg *s) {
    s->d.out_color_space = s->d.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    /* Before a progressive image takes memory for all that its header claims. */
    if (!dl_image_room(s->pool, s->b, s->d.image_height, s->d.image_width, 4, s->out, s->e))
        return false;
    jpeg_start_decompress(&s->d);
    int64_t width = s->d.output_width;
    s->line = dl_pool_array(s->pool, width, (size_t)s->d.output_components, s->e);
    if (!s->line) return false;
    while (s->d.output_scanline < s->d.output_height) {
        int64_t y = s->d.output_scanline;
        jpeg_read_scanlines(&s->d, &s->line, 1);
        put_line(s, s->out->at + y * width * 4);
    }
    jpeg_finish_decompress(&s->d);
    return true;
}

static bool decode(Jpeg *s) {
    if (setjmp(s->leave))
        return dl_fail(s->e, "%s: the JPEG image is damaged: %s", s->b->path, s->why);
    jpeg_create_decompress(&s->d);
    jpeg_mem_src(&s->d, s->b->at, (unsigned long)s->b->size);
    jpeg_save_markers(&s->d, EXIF, 0xffff);
    jpeg_read_header(&s->d, TRUE);
    s->way = orientation_of(s); /* the markers go when decoding ends */
    return check_colours(s) && read_lines(s) && turn(s, s->way);
}

bool dl_jpeg_decode(DlPool *p, const DlBytes *b, DlImage *rgba, DlError *e) {
    Jpeg s = {.pool = p, .b = b, .out = rgba, .e = e};
    s.d.err = jpeg_std_error(&s.errors);
    s.errors.error_exit = leave;
    s.errors.emit_message = on_message;
    s.errors.output_message = be_silent;
    bool ok = decode(&s);
    jpeg_destroy_decompress(&s.d);
    dl_pool_drop(p, s.line);
    return ok;
}
