/* picture.h - an image in memory, and the one place that writes PNG files (with libpng). */
#ifndef DL_PICTURE_H
#define DL_PICTURE_H

#include "trainer.h"

typedef struct DlPicture {
    int width, height;
    unsigned char *rgb; /* [height][width][3] */
} DlPicture;

/* White. */
bool dl_picture_make(DlPicture *p, int64_t width, int64_t height, DlError *e);
void dl_picture_free(DlPicture *p);
/* A rectangle of one colour; what lies outside of the picture is left out. */
void dl_picture_fill(DlPicture *p, int x, int y, int width, int height, const unsigned char rgb[3]);
/* Whole or not at all. */
bool dl_picture_write(const DlPicture *p, const char *path, DlError *e);

#endif
