/* steer.c - says how the wheel is turned at a frame of the camera in front, and draws test frames
 * beside what the driver and the network did, and where the network looked.
 *
 *     steer WEIGHTS FRAME.png...              the angle at each frame, -1 (left) to 1 (right)
 *     steer WEIGHTS --picture STRIP.png       ten test frames (it needs gnuplot)
 *     steer WEIGHTS --save NUMBER FRAME.png   a test frame as a file of its own
 *
 * Frames may be PNG or JPEG, of any size; the generated network takes 32 x 80 pixels. The test
 * frames are sought in DLC_DATA. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/trainer/data_readers.h"
#include "../../runtime/trainer/image.h"
#include "../../runtime/trainer/picture.h"
#include "../../runtime/trainer/plot.h"
#include "steering.h"

enum { HEIGHT = 32, WIDTH = 80, PIXELS = HEIGHT * WIDTH, FRAME = 3 * PIXELS };
enum { COLUMNS = 5, ROWS = 2, CELL_WIDTH = 88, CELL_HEIGHT = 112, ZOOM = 3 };
enum { SEEN = HEIGHT + 2, DIAL = SEEN + HEIGHT + 27, NEEDLE = 22 }; /* places in a cell */

typedef struct Network {
    steering *model;
    steering_work *work;
} Network;

/* At a frame: how far the wheel is turned, and how much each pixel matters for that. */
typedef struct Look {
    float turn, seen[PIXELS];
} Look;

static bool open_network(Network *n, const char *weights, DlError *e) {
    *n = (Network){steering_create(0), steering_work_create(1)};
    if (!n->model || !n->work) return dl_fail(e, "out of memory");
    int status = steering_load(n->model, weights);
    return status == 0 || dl_fail(e, "%s: %s", weights, steering_message(status));
}

static void close_network(Network *n) {
    steering_work_free(n->work);
    steering_free(n->model);
}

static bool look(const Network *n, const unsigned char *frame, Look *l, DlError *e) {
    int status = steering_predict(n->model, n->work, 1, frame, &l->turn, l->seen);
    return status == 0 || dl_fail(e, "%s", steering_message(status));
}

/* ---- frames of one's own ------------------------------------------------------------------ */

static bool read_frame(DlPool *pool, const char *file, unsigned char *frame, DlError *e) {
    DlBytes bytes;
    DlImage image;
    return dl_bytes_read(pool, file, &bytes, e) && dl_image_decode(pool, &bytes, 3, &image, e) &&
           dl_image_resize(pool, &image, HEIGHT, WIDTH, frame, e);
}

static bool steer(const Network *n, const char *file, DlError *e) {
    unsigned char frame[FRAME];
    Look l;
    DlPool *pool = dl_pool_new();
    bool ok = (pool || dl_fail(e, "out of memory")) && read_frame(pool, file, frame, e) &&
              look(n, frame, &l, e);
    if (pool) dl_pool_free(pool);
    if (ok) printf("%s: %+.3f\n", file, (double)l.turn);
    return ok;
}

/* ---- test frames ---------------------------------------------------------------------------- */

static DlData *open_data(DlError *e) {
    static const DlReader *const readers[] = {&dl_reader_records, NULL};
    static const DlArg arg[] = {{NULL, "steering/steering_32x80_bal1500.bin"},
            {"layout", "angle: f32, frame: u8[32, 80, 3] planar"}};
    static const DlConfig config = {.readers = readers, .reader = "records", .narg = 2, .arg = arg,
            .directory = "."};
    return dl_data_open(&(DlRequest){.table = steering_model(), .config = &config}, e);
}

static bool save_frame(const DlData *data, int64_t number, const char *file, DlError *e) {
    DlPicture p;
    if (number < 0 || number >= data->test.rows)
        return dl_fail(e, "there are test frames 0 to %lld", (long long)data->test.rows - 1);
    if (!dl_picture_make(&p, WIDTH, HEIGHT, e)) return false;
    memcpy(p.rgb, dl_row(&data->test, 0, number), FRAME);
    bool ok = dl_picture_write(&p, file, e);
    dl_picture_free(&p);
    return ok;
}

/* ---- the picture: in each cell a frame, the same with what mattered, and two needles --- */

static int64_t shown_row(const DlData *data, int cell) {
    return (2 * cell + 1) * data->test.rows / (2 * COLUMNS * ROWS);
}

/* The frame in grey, and over it in orange the pixels that matter, averaged over 3 x 3. */
static void overlay(const unsigned char *frame, const float *seen, unsigned char *out) {
    static const float orange[] = {230, 97, 0};
    float mean[PIXELS], most = 0;
    for (int i = 0; i < HEIGHT; i++)
        for (int j = 0; j < WIDTH; j++) {
            float sum = 0;
            for (int p = i > 0 ? i - 1 : 0; p <= i + 1 && p < HEIGHT; p++)
                for (int q = j > 0 ? j - 1 : 0; q <= j + 1 && q < WIDTH; q++)
                    sum += seen[p * WIDTH + q];
            mean[i * WIDTH + j] = sum;
            most = fmaxf(most, sum);
        }
    for (int i = 0; i < PIXELS; i++) {
        float t = most > 0 ? fminf(1, 1.3f * mean[i] / most) : 0;
        float grey = 0.3f * frame[3 * i] + 0.6f * frame[3 * i + 1] + 0.1f * frame[3 * i + 2];
        for (int c = 0; c < 3; c++)
            out[3 * i + c] = (unsigned char)((1 - t) * (90 + 0.6f * grey) + t * orange[c]);
    }
}

static void put_pixels(FILE *f, int left, int top, const unsigned char *rgb) {
    for (int i = 0; i < PIXELS; i++)
        fprintf(f, "%d %d %d %d %d\n", left + i % WIDTH, top + i / WIDTH, rgb[3 * i],
                rgb[3 * i + 1], rgb[3 * i + 2]);
}

/* Straight up is straight on; a whole turn of the value is 60 degrees. */
static void put_needle(FILE *f, int x, int y, double turn, const char *colour, int width) {
    double angle = turn * 3.14159265 / 3;
    fprintf(f, "set arrow from %d,%d to %.2f,%.2f nohead lw %d lc rgb '%s' front\n", x, y,
            x + NEEDLE * sin(angle), y - NEEDLE * cos(angle), width, colour);
}

static void put_words(FILE *f, int x, double y, const char *colour, const char *who, double turn) {
    fprintf(f, "set label '%s %+.2f' at %d,%.1f center textcolor rgb '%s' front\n", who, turn, x, y,
            colour);
}

typedef struct Cell {
    int left, top;
    const unsigned char *frame;
    float driver;
    Look network;
} Cell;

static bool make_cell(Cell *c, const Network *n, const DlData *data, int k, DlError *e) {
    int64_t row = shown_row(data, k);
    c->left = k % COLUMNS * CELL_WIDTH + (CELL_WIDTH - WIDTH) / 2;
    c->top = k / COLUMNS * CELL_HEIGHT + 2;
    c->frame = dl_row(&data->test, 0, row);
    memcpy(&c->driver, dl_row(&data->test, 1, row), sizeof c->driver);
    return look(n, c->frame, &c->network, e);
}

static void put_needles(FILE *f, const Cell *c) {
    int x = c->left + WIDTH / 2, y = c->top + DIAL;
    put_needle(f, x, y, (double)c->driver, "#000000", 5);
    put_needle(f, x, y, (double)c->network.turn, "#d55e00", 2);
    put_words(f, x, y + 4, "#000000", "driver", (double)c->driver);
    put_words(f, x, y + 9.5, "#d55e00", "network", (double)c->network.turn);
}

static void draw_cells(FILE *f, const Cell *cell) {
    unsigned char over[FRAME];
    fprintf(f, "unset border\nunset tics\nunset grid\nset margins 0,0,0,0\nset xrange [0:%d]\n"
               "set yrange [%d:0]\n", COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT);
    for (int k = 0; k < COLUMNS * ROWS; k++) put_needles(f, &cell[k]);
    for (int k = 0; k < COLUMNS * ROWS; k++) {
        overlay(cell[k].frame, cell[k].network.seen, over);
        fprintf(f, "$frame%d << END\n", k);
        put_pixels(f, cell[k].left, cell[k].top, cell[k].frame);
        fprintf(f, "END\n$seen%d << END\n", k);
        put_pixels(f, cell[k].left, cell[k].top + SEEN, over);
        fputs("END\n", f);
    }
    for (int k = 0; k < COLUMNS * ROWS; k++)
        fprintf(f,
                "%s $frame%d using 1:2:3:4:5 with rgbimage, $seen%d using 1:2:3:4:5 with rgbimage",
                k ? "," : "plot", k, k);
    fputc('\n', f);
}

static bool draw_strip(const Network *n, const DlData *data, const char *file, DlError *e) {
    DlPlot p;
    Cell cell[COLUMNS * ROWS];
    for (int k = 0; k < COLUMNS * ROWS; k++)
        if (!make_cell(&cell[k], n, data, k, e)) return false;
    if (!dl_plot_begin(&p, file, ZOOM * COLUMNS * CELL_WIDTH, ZOOM * ROWS * CELL_HEIGHT, e))
        return false;
    draw_cells(p.script, cell);
    return dl_plot_end(&p, e);
}

static bool with_data(const Network *n, int argc, char **argv, DlError *e) {
    DlData *data = open_data(e);
    bool ok = data && (argc == 4 ? draw_strip(n, data, argv[3], e)
                                 : save_frame(data, strtoll(argv[3], NULL, 10), argv[4], e));
    dl_data_free(data);
    return ok;
}

int main(int argc, char **argv) {
    Network n;
    DlError error = {""};
    bool strip = argc == 4 && strcmp(argv[2], "--picture") == 0;
    bool save = argc == 5 && strcmp(argv[2], "--save") == 0;
    if (argc < 3 || (argv[2][0] == '-' && !strip && !save)) {
        fputs("usage: steer WEIGHTS FRAME.png... | --picture STRIP.png | --save NUMBER FRAME.png\n",
                stderr);
        return 2;
    }
    bool ok = open_network(&n, argv[1], &error);
    if (strip || save) ok = ok && with_data(&n, argc, argv, &error);
    for (int i = 2; ok && !strip && !save && i < argc; i++) ok = steer(&n, argv[i], &error);
    if (!ok) fprintf(stderr, "steer: %s\n", error.text);
    close_network(&n);
    return ok ? 0 : 1;
}
