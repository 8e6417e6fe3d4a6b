/* label.c - says what is on pictures, and draws test images beside what the network takes them for.
 *
 *     label WEIGHTS FILE.png...               the three likeliest classes of each picture
 *     label WEIGHTS --picture GRID.png        forty test images (it needs gnuplot)
 *     label WEIGHTS --save NUMBER FILE.png    a test image as a file of its own
 *
 * Pictures may be PNG or JPEG, of any size; the generated network takes 32 x 32 pixels. The test
 * images are sought in DLC_DATA. */
#include <stdlib.h>
#include <string.h>

#include "../../runtime/trainer/data_readers.h"
#include "../../runtime/trainer/image.h"
#include "../../runtime/trainer/picture.h"
#include "../../runtime/trainer/plot.h"
#include "cifar10.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, CLASSES = 10, COLUMNS = 8, ROWS = 5, SHOWN = 3 };
enum { CELL_WIDTH = 44, CELL_HEIGHT = 48, ZOOM = 3 };

static const char *const class_name[] = {"airplane", "automobile", "bird", "cat", "deer", "dog",
        "frog", "horse", "ship", "truck"};

typedef struct Network {
    cifar10 *model;
    cifar10_work *work;
} Network;

static bool open_network(Network *n, const char *weights, DlError *e) {
    *n = (Network){cifar10_create(0), cifar10_work_create(1)};
    if (!n->model || !n->work) return dl_fail(e, "out of memory");
    int status = cifar10_load(n->model, weights);
    return status == 0 || dl_fail(e, "%s: %s", weights, cifar10_message(status));
}

static void close_network(Network *n) {
    cifar10_work_free(n->work);
    cifar10_free(n->model);
}

static bool look(const Network *n, const unsigned char *image, float probability[CLASSES],
        DlError *e) {
    int status = cifar10_predict(n->model, n->work, 1, image, probability);
    return status == 0 || dl_fail(e, "%s", cifar10_message(status));
}

/* The likeliest class that is not taken yet. */
static int next_likely(const float probability[CLASSES], bool taken[CLASSES]) {
    int best = -1;
    for (int c = 0; c < CLASSES; c++)
        if (!taken[c] && (best < 0 || probability[c] > probability[best])) best = c;
    taken[best] = true;
    return best;
}

/* ---- pictures of one's own ------------------------------------------------------------- */

static bool read_picture(DlPool *pool, const char *file, unsigned char *pixels, DlError *e) {
    DlBytes bytes;
    DlImage image;
    return dl_bytes_read(pool, file, &bytes, e) && dl_image_decode(pool, &bytes, 3, &image, e) &&
           dl_image_resize(pool, &image, SIDE, SIDE, pixels, e);
}

static bool label(const Network *n, const char *file, DlError *e) {
    unsigned char pixels[3 * PIXELS];
    float probability[CLASSES];
    bool taken[CLASSES] = {false};
    DlPool *pool = dl_pool_new();
    bool ok = (pool || dl_fail(e, "out of memory")) && read_picture(pool, file, pixels, e) &&
              look(n, pixels, probability, e);
    if (pool) dl_pool_free(pool);
    if (!ok) return false;
    printf("%s:", file);
    for (int i = 0; i < SHOWN; i++) {
        int c = next_likely(probability, taken);
        printf("%s %s %.1f %%", i ? "," : "", class_name[c], 100 * (double)probability[c]);
    }
    putchar('\n');
    return true;
}

/* ---- test images ------------------------------------------------------------------------ */

static DlData *open_data(DlError *e) {
    static const DlReader *const readers[] = {&dl_reader_cifar10, NULL};
    static const DlConfig config = {.readers = readers, .reader = "cifar10", .directory = "."};
    return dl_data_open(&(DlRequest){.table = cifar10_model(), .config = &config}, e);
}

static bool save_image(const DlData *data, int64_t number, const char *file, DlError *e) {
    DlPicture p;
    if (number < 0 || number >= data->test.rows)
        return dl_fail(e, "there are test images 0 to %lld", (long long)data->test.rows - 1);
    if (!dl_picture_make(&p, SIDE, SIDE, e)) return false;
    memcpy(p.rgb, dl_row(&data->test, 0, number), 3 * PIXELS);
    bool ok = dl_picture_write(&p, file, e);
    dl_picture_free(&p);
    return ok;
}

/* ---- the grid ----------------------------------------------------------------------------- */

static int64_t shown_row(const DlData *data, int cell) {
    return cell * data->test.rows / (COLUMNS * ROWS);
}

/* A pixel of the grid; between the images it is white. */
static void put_pixel(FILE *f, const DlData *data, int x, int y) {
    int column = x / CELL_WIDTH, row = y / CELL_HEIGHT;
    int i = y % CELL_HEIGHT, j = x % CELL_WIDTH - (CELL_WIDTH - SIDE) / 2;
    const unsigned char *image = dl_row(&data->test, 0, shown_row(data, row * COLUMNS + column));
    bool inside = i < SIDE && j >= 0 && j < SIDE;
    const unsigned char *p = inside ? image + 3 * (i * SIDE + j) : NULL;
    fprintf(f, "%d %d %d %d %d\n", x, y, p ? p[0] : 255, p ? p[1] : 255, p ? p[2] : 255);
}

static void put_words(FILE *f, int cell, int line, const char *words, const char *colour) {
    fputs("set label ", f);
    dl_plot_text(f, words, 0);
    fprintf(f, " at %g,%g center textcolor rgb '%s' front\n", (cell % COLUMNS + 0.5) * CELL_WIDTH,
            cell / COLUMNS * CELL_HEIGHT + SIDE + 3.5 + 5 * line, colour);
}

/* What is on the image, and below it what the network says, with a question mark where that is
 * wrong. */
static bool put_cell(FILE *f, const Network *n, const DlData *data, int cell, DlError *e) {
    char words[64];
    bool taken[CLASSES] = {false};
    float probability[CLASSES];
    int64_t row = shown_row(data, cell);
    if (!look(n, dl_row(&data->test, 0, row), probability, e)) return false;
    int truth = *dl_row(&data->test, 1, row), guess = next_likely(probability, taken);
    put_words(f, cell, 0, class_name[truth], "#000000");
    snprintf(words, sizeof words, "%s%s %.0f %%", class_name[guess], guess == truth ? "" : "?",
            100 * (double)probability[guess]);
    put_words(f, cell, 1, words, guess == truth ? "#0072b2" : "#d55e00");
    return true;
}

static bool draw_grid(const Network *n, const DlData *data, const char *file, DlError *e) {
    const int width = COLUMNS * CELL_WIDTH, height = ROWS * CELL_HEIGHT;
    DlPlot p;
    if (!dl_plot_begin(&p, file, ZOOM * width, ZOOM * height, e)) return false;
    FILE *f = p.script;
    fprintf(f, "unset border\nunset tics\nunset grid\nset margins 0,0,0,0\nset xrange [0:%d]\n"
               "set yrange [%d:-2]\n", width, height);
    for (int cell = 0; cell < COLUMNS * ROWS; cell++)
        if (!put_cell(f, n, data, cell, e)) {
            dl_plot_drop(&p);
            return false;
        }
    fputs("$images << END\n", f);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) put_pixel(f, data, x, y);
    fputs("END\nplot $images using 1:2:3:4:5 with rgbimage\n", f);
    return dl_plot_end(&p, e);
}

static bool with_data(const Network *n, int argc, char **argv, DlError *e) {
    DlData *data = open_data(e);
    bool ok = data && (argc == 4 ? draw_grid(n, data, argv[3], e)
                                 : save_image(data, strtoll(argv[3], NULL, 10), argv[4], e));
    dl_data_free(data);
    return ok;
}

int main(int argc, char **argv) {
    Network n;
    DlError error = {""};
    bool grid = argc == 4 && strcmp(argv[2], "--picture") == 0;
    bool save = argc == 5 && strcmp(argv[2], "--save") == 0;
    if (argc < 3 || (argv[2][0] == '-' && !grid && !save)) {
        fputs("usage: label WEIGHTS FILE.png... | --picture GRID.png | --save NUMBER FILE.png\n",
                stderr);
        return 2;
    }
    bool ok = open_network(&n, argv[1], &error);
    if (grid || save) ok = ok && with_data(&n, argc, argv, &error);
    for (int i = 2; ok && !grid && !save && i < argc; i++) ok = label(&n, argv[i], &error);
    if (!ok) fprintf(stderr, "label: %s\n", error.text);
    close_network(&n);
    return ok ? 0 : 1;
}
