/* picture.c - see picture.h. */
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "picture.h"

enum { MOST_SIDE = 32768, PATH_SIZE = 1024 };

bool dl_picture_make(DlPicture *p, int64_t width, int64_t height, DlError *e) {
    *p = (DlPicture){0};
    if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE)
        return dl_fail(e, "a picture of %lld x %lld pixels: sides are from 1 to %d",
                (long long)width, (long long)height, MOST_SIDE);
    size_t size = (size_t)width * (size_t)height * 3;
    p->rgb = malloc(size);
    if (!p->rgb) return dl_fail(e, "out of memory for a picture of %zu bytes", size);
    memset(p->rgb, 255, size);
    p->width = (int)width;
    p->height = (int)height;
    return true;
}

void dl_picture_free(DlPicture *p) {
    free(p->rgb);
    *p = (DlPicture){0};
}

void dl_picture_fill(
        DlPicture *p, int x, int y, int width, int height, const unsigned char rgb[3]) {
    for (int i = y < 0 ? 0 : y; i < p->height && i - y < height; i++)
        for (int k = x < 0 ? 0 : x; k < p->width && k - x < width; k++)
            memcpy(&p->rgb[3 * ((size_t)i * (size_t)p->width + (size_t)k)], rgb, 3);
}

static bool put_png(const DlPicture *p, FILE *f, const char *path, DlError *e) {
    png_image image = {.version = PNG_IMAGE_VERSION,
            .width = (png_uint_32)p->width,
            .height = (png_uint_32)p->height,
            .format = PNG_FORMAT_RGB};
    if (!png_image_write_to_stdio(&image, f, 0, p->rgb, 0, NULL))
        return dl_fail(e, "%s: the picture cannot be written: %s", path, image.message);
    return (fflush(f) == 0 && fsync(fileno(f)) == 0) ||
           dl_fail(e, "%s: the picture cannot be written: %s", path, strerror(errno));
}

bool dl_picture_write(const DlPicture *p, const char *path, DlError *e) {
    char part[PATH_SIZE];
    bool named = (size_t)snprintf(part, sizeof part, "%s.part", path) < sizeof part;
    if (!named) errno = ENAMETOOLONG;
    FILE *f = named ? fopen(part, "wb") : NULL;
    if (!f) return dl_fail(e, "%s: the picture cannot be written: %s", path, strerror(errno));
    bool ok = put_png(p, f, path, e);
    fclose(f);
    if (ok && rename(part, path) != 0)
        ok = dl_fail(e, "%s: the picture cannot be written: %s", path, strerror(errno));
    if (!ok) remove(part);
    return ok;
}
