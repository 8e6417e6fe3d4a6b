/* Makes images of two classes, squares that lie above and below the middle, of several sizes:
 *     squares FOLDER */
#include <sys/stat.h>

#include "../../runtime/trainer/picture.h"

static int write_square(const char *folder, int class, int i) {
    static const char *const name[] = {"above", "below"};
    static const unsigned char light[] = {240, 220, 40}, dark[] = {20, 30, 60};
    char path[512];
    DlPicture p;
    DlError e = {""};
    int side = 16 + i % 5 * 8, square = side / 3, x = i * 7 % (side - square);
    if (!dl_picture_make(&p, side, side, &e)) return 1;
    dl_picture_fill(&p, 0, 0, side, side, dark);
    dl_picture_fill(&p, x, class * (side / 2) + i % 2, square, square, light);
    snprintf(path, sizeof path, "%s/%s", folder, name[class]);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%02d.png", folder, name[class], i);
    bool written = dl_picture_write(&p, path, &e);
    dl_picture_free(&p);
    return !written;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    mkdir(argv[1], 0700);
    for (int i = 0; i < 60; i++)
        if (write_square(argv[1], i % 2, i)) return 1;
    return 0;
}
