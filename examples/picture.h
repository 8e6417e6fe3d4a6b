/* picture.h - for the examples' programs: many small grey pictures as one PNG file, with libpng. */
#ifndef PICTURE_H
#define PICTURE_H

#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `rows` rows of `columns` pictures of side x side values from 0 (black) to 1 (white), one
 * after the other in `value`; each is drawn `zoom` times as large, with a grey line between.
 * False, with a message on standard error, when the file cannot be written. */
static inline bool write_pictures(
        const char *path, const float *value, int rows, int columns, int side, int zoom) {
    const size_t cell = (size_t)side * (size_t)zoom + 1;
    const size_t width = (size_t)columns * cell + 1, height = (size_t)rows * cell + 1;
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)width,
            .height = (png_uint_32)height, .format = PNG_FORMAT_GRAY};
    unsigned char *at = malloc(width * height);
    if (!at) {
        fprintf(stderr, "%s: out of memory\n", path);
        return false;
    }
    memset(at, 128, width * height);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            if (x % cell == 0 || y % cell == 0) continue;
            size_t which = y / cell * (size_t)columns + x / cell;
            size_t i = (y % cell - 1) / (size_t)zoom, k = (x % cell - 1) / (size_t)zoom;
            float v = value[(which * (size_t)side + i) * (size_t)side + k];
            at[y * width + x] = (unsigned char)(255 * (v < 0 ? 0 : v > 1 ? 1 : v) + 0.5f);
        }
    int done = png_image_write_to_file(&image, path, 0, at, 0, NULL);
    if (!done) fprintf(stderr, "%s: %s\n", path, image.message);
    free(at);
    return done != 0;
}

#endif
