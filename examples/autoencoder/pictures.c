/* pictures.c - test pictures of clothes, and below each what an autoencoder makes of it.
 *
 *     pictures autoencoder.safetensors fashion-300-test-images-idx3-ubyte.gz out.png */
#include "../../runtime/trainer/reader.h"
#include "../picture.h"
#include "autoencoder.h"

enum { PAIRS = 3, COLUMNS = 12, SHOWN = PAIRS * COLUMNS, SIDE = 28, PIXELS = SIDE * SIDE };
enum { HEADER = 16 }; /* bytes of an IDX file before its pictures */

/* A row of pictures and a row of what became of them, PAIRS times. */
static bool write_pairs(const char *path, const unsigned char *image, const float *again) {
    static float value[2 * SHOWN][PIXELS];
    for (int i = 0; i < SHOWN; i++) {
        int row = 2 * (i / COLUMNS), column = i % COLUMNS;
        float *above = value[row * COLUMNS + column], *below = value[(row + 1) * COLUMNS + column];
        for (int k = 0; k < PIXELS; k++) above[k] = (float)image[i * PIXELS + k] / 255;
        memcpy(below, again + i * PIXELS, sizeof value[0]);
    }
    return write_pictures(path, value[0], 2 * PAIRS, COLUMNS, SIDE, 2);
}

static bool read_images(DlPool *pool, const char *path, DlBytes *file) {
    DlError error = {""};
    if (!dl_bytes_read(pool, path, file, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return false;
    }
    if (file->size >= HEADER + SHOWN * PIXELS) return true;
    fprintf(stderr, "%s: has less than %d pictures\n", path, SHOWN);
    return false;
}

static bool draw(autoencoder *model, autoencoder_work *work, DlPool *pool, char **argv) {
    static float again[SHOWN * PIXELS], code[SHOWN * 32];
    DlBytes file;
    int status = autoencoder_load(model, argv[1]);
    if (status == 0 && !read_images(pool, argv[2], &file)) return false;
    if (status == 0)
        status = autoencoder_predict(model, work, SHOWN, file.at + HEADER, again, code);
    if (status == 0) return write_pairs(argv[3], file.at + HEADER, again);
    fprintf(stderr, "%s: %s\n", argv[1], autoencoder_message(status));
    return false;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: pictures WEIGHTS IMAGES FILE.png\n");
        return 2;
    }
    autoencoder *model = autoencoder_create(0);
    autoencoder_work *work = autoencoder_work_create(1);
    DlPool *pool = dl_pool_new();
    bool done = model && work && pool && draw(model, work, pool, argv);
    if (!model || !work || !pool) fprintf(stderr, "out of memory\n");
    if (pool) dl_pool_free(pool);
    autoencoder_work_free(work);
    autoencoder_free(model);
    return done ? 0 : 1;
}
