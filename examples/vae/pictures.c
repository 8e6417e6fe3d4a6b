/* pictures.c - draws what a trained VAE makes up: points of a normal distribution in the space
 * of its 8 numbers, each as a picture; and in the last row a way from one point to another.
 *
 *     pictures vae.safetensors samples.png */
#include <math.h>

#include "../picture.h"
#include "vae.h"

enum { ROWS = 6, COLUMNS = 10, SIZE = 8, SIDE = 28 };

/* Two of a normal distribution from two of a uniform one (Box and Muller 1958). */
static void draw_normal(float *pair) {
    double u = (rand() + 1.0) / (RAND_MAX + 1.0), v = rand() / (RAND_MAX + 1.0);
    double radius = sqrt(-2 * log(u)), angle = 2 * 3.141592653589793 * v;
    pair[0] = (float)(radius * cos(angle));
    pair[1] = (float)(radius * sin(angle));
}

static void fill_points(float (*point)[SIZE]) {
    const int last = (ROWS - 1) * COLUMNS;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        for (int k = 0; k < SIZE; k += 2) draw_normal(&point[i][k]);
    for (int i = 1; i < COLUMNS - 1; i++)
        for (int k = 0; k < SIZE; k++) {
            float way = (float)i / (COLUMNS - 1);
            point[last + i][k] =
                    (1 - way) * point[last][k] + way * point[last + COLUMNS - 1][k];
        }
}

static int draw(vae *model, vae_work *work, const char *weights, const char *path) {
    static float point[ROWS * COLUMNS][SIZE], drawn[ROWS * COLUMNS][SIDE][SIDE];
    int status = vae_load(model, weights);
    srand(1);
    fill_points(point);
    if (status == 0) status = vae_sample(model, work, ROWS * COLUMNS, point[0], drawn[0][0]);
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", weights, vae_message(status));
        return 1;
    }
    return write_pictures(path, drawn[0][0], ROWS, COLUMNS, SIDE, 2) ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: pictures WEIGHTS FILE.png\n");
        return 2;
    }
    vae *model = vae_create(0);
    vae_work *work = vae_work_create(1);
    int failed = 1;
    if (model && work)
        failed = draw(model, work, argv[1], argv[2]);
    else
        fprintf(stderr, "out of memory\n");
    vae_work_free(work);
    vae_free(model);
    return failed;
}
