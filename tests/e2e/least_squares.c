/* The least-squares line through the points of the reader `linear`, computed in double:
 *     least_squares FILE.npy
 * prints its slope and intercept, and writes x = 0 and x = 1 for a model to predict. */
#include "../../runtime/trainer/data_readers.h"

static const int64_t shape[] = {-1, 1};
static const dl_tensor tensor[] = {
    {.name = "x", .role = DL_INPUT, .type = DL_F32, .rank = 2, .shape = shape, .line = 1},
    {.name = "y", .role = DL_TARGET, .type = DL_F32, .rank = 2, .shape = shape, .line = 2},
};

int main(int argc, char **argv) {
    dl_model m = {.name = "line", .source = "line.dl", .ninput = 1, .ntarget = 1, .input = tensor};
    static const DlReader *const readers[] = {&dl_reader_linear, NULL};
    DlConfig c = {.readers = readers, .reader = "linear"};
    DlRequest q = {.table = &m, .config = &c};
    DlError e = {""};
    const float ends[] = {0, 1};
    const int64_t two[] = {2, 1};
    DlData *d = argc == 2 ? dl_data_open(&q, &e) : NULL;
    if (!d || !dl_npy_write(argv[1], DL_F32, 2, two, ends, &e)) {
        fprintf(stderr, "least_squares: %s\n", e.text);
        return 1;
    }
    const float *x = (const float *)(const void *)d->train.array[0].at;
    const float *y = (const float *)(const void *)d->train.array[1].at;
    double n = (double)d->train.rows, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int64_t i = 0; i < d->train.rows; i++) {
        sx += (double)x[i];
        sy += (double)y[i];
        sxx += (double)x[i] * (double)x[i];
        sxy += (double)x[i] * (double)y[i];
    }
    double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    printf("%.9f %.9f\n", slope, (sy - slope * sx) / n);
    dl_data_free(d);
    return 0;
}
