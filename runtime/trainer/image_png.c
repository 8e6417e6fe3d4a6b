/* image_png.c - PNG files of every kind (palettes, 1 to 16 bits, transparency, interlaced), by
 * libpng, as four bytes a pixel.
 *
 * libpng leaves by longjmp when something is wrong. Whatever it allocated is in the two structs that
 * are freed in one place, and the image is the pool's; no variable of the function that has set the
 * jump changes after it. */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "image.h"

typedef struct Png {
    png_structp png;
    png_infop info;
    DlPool *pool;
    const DlBytes *b;
    size_t at; /* bytes read */
    png_bytep *row;
    DlImage *out;
    DlError *e;
    char why[160];
    jmp_buf leave;
} Png;

_Noreturn static void leave(png_structp png, png_const_charp why) {
    Png *s = png_get_error_ptr(png);
    snprintf(s->why, sizeof s->why, "%s", why);
    longjmp(s->leave, 1);
}

static void be_silent(png_structp png, png_const_charp why) {
    (void)png;
    (void)why;
}

static void read_bytes(png_structp png, png_bytep to, size_t n) {
    Png *s = png_get_io_ptr(png);
    if (n > s->b->size - s->at) png_error(png, "it is cut short");
    memcpy(to, s->b->at + s->at, n);
    s->at += n;
}

/* Everything to red, green, blue, alpha of 8 bits. */
static void ask_for_rgba(Png *s) {
    png_set_expand(s->png);
    png_set_scale_16(s->png);
    png_set_gray_to_rgb(s->png);
    png_set_add_alpha(s->png, 0xff, PNG_FILLER_AFTER);
    png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
}

static bool make_rows(Png *s, int64_t height, int64_t width) {
    if (!dl_image_room(s->pool, s->b, height, width, 4, s->out, s->e)) return false;
    s->row = dl_pool_array(s->pool, height, sizeof *s->row, s->e);
    for (int64_t y = 0; s->row && y < height; y++) s->row[y] = s->out->at + y * width * 4;
    return s->row != NULL;
}

static bool decode(Png *s) {
    if (setjmp(s->leave))
        return dl_fail(s->e, "%s: the PNG image is damaged: %s", s->b->path, s->why);
    s->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, s, leave, be_silent);
    s->info = s->png ? png_create_info_struct(s->png) : NULL;
    if (!s->info) return dl_fail(s->e, "%s: out of memory", s->b->path);
    png_set_read_fn(s->png, s, read_bytes);
    png_read_info(s->png, s->info);
    ask_for_rgba(s);
    if (!make_rows(s, png_get_image_height(s->png, s->info), png_get_image_width(s->png, s->info)))
        return false;
    if (png_get_rowbytes(s->png, s->info) != 4 * (size_t)s->out->width)
        return dl_fail(s->e, "%s: is a PNG image of an unknown kind", s->b->path);
    png_read_image(s->png, s->row);
    png_read_end(s->png, NULL);
    return true;
}

bool dl_png_decode(DlPool *p, const DlBytes *b, DlImage *rgba, DlError *e) {
    Png s = {.pool = p, .b = b, .out = rgba, .e = e};
    bool ok = decode(&s);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    dl_pool_drop(p, s.row);
    return ok;
}
