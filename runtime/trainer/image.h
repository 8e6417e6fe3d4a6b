/* image.h - PNG and JPEG files as bytes of brightness, in the size that a model takes. */
#ifndef DL_IMAGE_H
#define DL_IMAGE_H

#include "reader.h"

/* Rows from the top, pixels from the left, `channels` bytes a pixel: gray, or red, green, blue.
 * What was transparent lies on white. */
typedef struct DlImage {
    int64_t height, width;
    int channels;      /* 1 or 3 */
    unsigned char *at; /* in the pool */
} DlImage;

/* Whether a file's name ends as an image's: .png, .jpg, .jpeg. */
bool dl_image_named(const char *path);
/* What the bytes are follows from the first of them. */
bool dl_image_decode(DlPool *p, const DlBytes *b, int channels, DlImage *out, DlError *e);
/* In another size, into to[height, width, channels]. */
bool dl_image_resize(DlPool *p, const DlImage *image, int64_t height, int64_t width,
        unsigned char *to, DlError *e);

/* image_png.c, image_jpeg.c. `rgba`: four bytes a pixel in any case. */
bool dl_png_decode(DlPool *p, const DlBytes *b, DlImage *rgba, DlError *e);
bool dl_jpeg_decode(DlPool *p, const DlBytes *b, DlImage *rgba, DlError *e);
/* Room for so many pixels; false: too many, or no memory. */
bool dl_image_room(DlPool *p, const DlBytes *b, int64_t height, int64_t width, int channels,
        DlImage *out, DlError *e);

#endif
