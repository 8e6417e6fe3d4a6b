/* Images by class: PNG and JPEG of every kind become the bytes that a model takes; what is wrong
 * with a file or a folder is said. */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <png.h>

#include "../../runtime/trainer/image.h"
#include "trainer_line.h"

static DlPool *pool;
static DlError error;

static void setup(void) {
    make_folder();
    pool = dl_pool_new();
    error.text[0] = '\0';
}

static void teardown(void) {
    dl_pool_free(pool);
    remove_folder();
}

TestSuite(images, .init = setup, .fini = teardown);

/* ---- making files ------------------------------------------------------------------------- */

static unsigned char file[1 << 16];
static size_t length;

static void keep(png_structp png, png_bytep at, size_t n) {
    (void)png;
    memcpy(file + length, at, n);
    length += n;
}

static void finish(png_structp png) {
    (void)png;
}

/* A PNG of rows as they are to be stored. */
static void make_png(int width, int height, int depth, int colour, bool interlaced,
        const unsigned char *rows, size_t stride) {
    static const png_color palette[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {10, 20, 30}};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep row[64];
    length = 0;
    for (int y = 0; y < height; y++) row[y] = (png_bytep)(uintptr_t)rows + (size_t)y * stride;
    png_set_write_fn(png, NULL, keep, finish);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, colour,
            interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
            PNG_FILTER_TYPE_DEFAULT);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
    png_set_rows(png, info, row);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
}

/* A JPEG of one colour a quarter; `exif`: an orientation, or 0. */
static void make_jpeg(int width, int height, J_COLOR_SPACE colours, int components, int exif) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *at = NULL, line[4 * 64];
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &at, &n);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = components;
    c.in_color_space = colours;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    jpeg_start_compress(&c, TRUE);
    unsigned char tag[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
            3, 0, 0, 0, 1, 0, (unsigned char)exif, 0, 0, 0, 0, 0, 0};
    if (exif) jpeg_write_marker(&c, JPEG_APP0 + 1, tag, sizeof tag);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++)
            for (int k = 0; k < components; k++)
                line[x * components + k] =
                        (unsigned char)(y < height / 2 ? x < width / 2 ? 250 : 10 : 120);
        JSAMPROW row = line;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    memcpy(file, at, n);
    length = n;
    free(at);
}

static DlImage decoded(int channels) {
    DlImage m = {0};
    DlBytes b = {.path = "x", .at = file, .size = length};
    dl_image_decode(pool, &b, channels, &m, &error);
    return m;
}

static void expect_pixels(int channels, const unsigned char *pixel, size_t n) {
    DlImage m = decoded(channels);
    cr_assert(m.at, "%s", error.text);
    cr_assert_eq((size_t)(m.width * m.height * m.channels), n);
    for (size_t i = 0; i < n; i++) cr_expect_eq(m.at[i], pixel[i], "%zu: %d", i, m.at[i]);
}

/* ---- PNG ---------------------------------------------------------------------------------- */

Test(images, png_of_bytes) {
    static const unsigned char rgb[] = {255, 0, 0, 0, 255, 0, 1, 2, 3, 9, 9, 9};
    static const unsigned char grays[] = {76, 150, 2, 9};
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        make_png(2, 2, 8, PNG_COLOR_TYPE_RGB, interlaced, rgb, 6);
        expect_pixels(3, rgb, sizeof rgb);
        expect_pixels(1, grays, sizeof grays);
        make_png(2, 2, 8, PNG_COLOR_TYPE_GRAY, interlaced, grays, 2);
        expect_pixels(1, grays, sizeof grays);
    }
}

Test(images, png_on_white) {
    static const unsigned char rgba[] = {0, 0, 0, 255, 0, 0, 0, 0, 100, 200, 0, 51};
    static const unsigned char on_white[] = {0, 0, 0, 255, 255, 255, 224, 244, 204};
    static const unsigned char gray_alpha[] = {0, 255, 0, 0}, grays[] = {0, 255};
    make_png(3, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, false, rgba, 12);
    expect_pixels(3, on_white, sizeof on_white);
    make_png(2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, gray_alpha, 4);
    expect_pixels(1, grays, sizeof grays);
}

Test(images, png_of_few_and_many_bits) {
    static const unsigned char deep[] = {0xff, 0xff, 0x80, 0x80, 0, 0}, rgb[] = {255, 128, 0};
    static const unsigned char bits[] = {0xa0}, grays[] = {255, 0, 255};
    static const unsigned char places[] = {0x1b}; /* 0, 1, 2, 3 of two bits */
    static const unsigned char colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30};
    make_png(1, 1, 16, PNG_COLOR_TYPE_RGB, false, deep, 6);
    expect_pixels(3, rgb, sizeof rgb);
    make_png(3, 1, 1, PNG_COLOR_TYPE_GRAY, false, bits, 1);
    expect_pixels(1, grays, sizeof grays);
    make_png(4, 1, 2, PNG_COLOR_TYPE_PALETTE, false, places, 1);
    expect_pixels(3, colours, sizeof colours);
}

/* ---- JPEG --------------------------------------------------------------------------------- */

static int near(int a, int b) {
    return abs(a - b) <= 6;
}

Test(images, jpeg) {
    make_jpeg(32, 16, JCS_RGB, 3, 0);
    DlImage m = decoded(3);
    cr_assert(m.at, "%s", error.text);
    cr_expect(m.width == 32 && m.height == 16);
    cr_expect(near(m.at[0], 250) && near(m.at[31 * 3], 10) && near(m.at[15 * 32 * 3], 120));
    make_jpeg(32, 16, JCS_GRAYSCALE, 1, 0);
    m = decoded(1);
    cr_expect(m.at && near(m.at[0], 250) && near(m.at[31], 10) && near(m.at[15 * 32], 120));
}

/* Where the light quarter and the dark one come to lie, for each way of holding the camera. */
Test(images, jpeg_turned) {
    static const struct {
        bool wide;
        int light_y, light_x, dark_y, dark_x; /* 0: first, 1: last */
    } way[9] = {{0}, {true, 0, 0, 0, 1}, {true, 0, 1, 0, 0}, {true, 1, 1, 1, 0}, {true, 1, 0, 1, 1},
            {false, 0, 0, 1, 0}, {false, 0, 1, 1, 1}, {false, 1, 1, 0, 1}, {false, 1, 0, 0, 0}};
    for (int k = 1; k <= 8; k++) {
        make_jpeg(32, 16, JCS_RGB, 3, k);
        DlImage m = decoded(1);
        cr_assert(m.at, "%s", error.text);
        cr_assert_eq(m.width, way[k].wide ? 32 : 16, "%d", k);
        cr_assert_eq(m.height, way[k].wide ? 16 : 32, "%d", k);
        int64_t light = way[k].light_y * (m.height - 1) * m.width + way[k].light_x * (m.width - 1);
        int64_t dark = way[k].dark_y * (m.height - 1) * m.width + way[k].dark_x * (m.width - 1);
        cr_expect(near(m.at[light], 250), "%d: %d", k, m.at[light]);
        cr_expect(near(m.at[dark], 10), "%d: %d", k, m.at[dark]);
    }
}

Test(images, jpeg_for_printing) {
    make_jpeg(16, 16, JCS_CMYK, 4, 0);
    cr_expect_null(decoded(3).at);
    cr_expect(strstr(error.text, "x: is a JPEG image in the colours of printing (CMYK)"));
}

/* ---- what is wrong ------------------------------------------------------------------------ */

static void expect_refused(const char *part) {
    cr_expect_null(decoded(3).at, "%s", part);
    cr_expect(strstr(error.text, part), "%s", error.text);
    error.text[0] = '\0';
}

Test(images, refused) {
    static const unsigned char rgb[12] = {0};
    memcpy(file, "GIF89a....", length = 10);
    expect_refused("x: is neither a PNG nor a JPEG image");
    length = 0;
    expect_refused("x: is neither a PNG nor a JPEG image");
    make_png(2, 2, 8, PNG_COLOR_TYPE_RGB, false, rgb, 6);
    length -= 20;
    expect_refused("x: the PNG image is damaged: it is cut short");
    make_png(2, 2, 8, PNG_COLOR_TYPE_RGB, false, rgb, 6);
    file[45] ^= 1;
    expect_refused("x: the PNG image is damaged");
    make_jpeg(32, 32, JCS_RGB, 3, 0);
    length /= 2;
    expect_refused("x: the JPEG image is damaged: ");
}

static uint64_t draw(int round, int what, uint64_t n) {
    return (uint64_t)(dl_draw(5, DL_DRAW_DATA, (uint64_t)round, (uint64_t)what) * (double)n);
}

/* Whatever the bytes are: an image or a message (the sanitizers watch). */
Test(images, damaged) {
    static unsigned char rgb[3 * 32 * 32];
    int accepted = 0, rounds = 400;
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (unsigned char)(i * i);
    for (int round = 0; round < rounds; round++) {
        error.text[0] = '\0';
        if (round % 2)
            make_jpeg(32, 32, JCS_RGB, 3, round % 9);
        else
            make_png(32, 32, 8, PNG_COLOR_TYPE_RGB, round % 4, rgb, 96);
        for (int i = 0; i < 1 + round % 3; i++)
            file[draw(round, 2 * i, length)] = (unsigned char)draw(round, 2 * i + 1, 256);
        if (round % 5 == 0) length = draw(round, 99, length);
        bool ok = decoded(1 + round % 4 / 2 * 2).at != NULL;
        cr_expect_neq(ok, error.text[0] != '\0', "%d: %s", round, error.text);
        accepted += ok;
    }
    cr_expect(accepted > 0 && accepted < rounds);
}

/* ---- sizes -------------------------------------------------------------------------------- */

static void resized(const DlImage *m, int64_t height, int64_t width, unsigned char *to) {
    cr_assert(dl_image_resize(pool, m, height, width, to, &error), "%s", error.text);
}

Test(images, sizes) {
    unsigned char at[] = {0, 100, 200, 40, 60, 80, 10, 20, 30, 250, 250, 250}, to[64];
    DlImage m = {2, 6, 1, at};
    resized(&m, 2, 6, to);
    cr_expect_arr_eq(to, at, sizeof at);
    /* Growing twofold: 1/4 and 3/4 of the neighbours, the ends as they are. */
    static const unsigned char grown[] = {0, 25, 75, 125, 175, 160, 80, 45, 55, 65, 75, 80};
    DlImage line = {1, 6, 1, at};
    resized(&line, 1, 12, to);
    cr_expect_arr_eq(to, grown, sizeof grown);
    /* Halved: weights 1/8 3/8 3/8 1/8; at the ends what is there of them. */
    static const unsigned char halved[] = {
            (unsigned char)((3 * 0 + 3 * 100 + 200) / 7.0 + 0.5),
            (unsigned char)((100 + 3 * 200 + 3 * 40 + 60) / 8.0 + 0.5),
            (unsigned char)((40 + 3 * 60 + 3 * 80) / 7.0 + 0.5)};
    resized(&line, 1, 3, to);
    cr_expect_arr_eq(to, halved, sizeof halved);
    /* One colour stays, in every size. */
    memset(at, 77, sizeof at);
    DlImage flat = {2, 2, 3, at};
    resized(&flat, 5, 3, to);
    for (int i = 0; i < 45; i++) cr_expect_eq(to[i], 77);
    resized(&flat, 1, 1, to);
    cr_expect_eq(to[2], 77);
}

/* ---- by class ----------------------------------------------------------------------------- */

static const char *const model[] = {"picture f32 -1 2 2 1", "kind i32 -1", NULL};

static void write_png(const char *path, unsigned char v) {
    unsigned char rows[4] = {v, v, v, v};
    make_png(2, 2, 8, PNG_COLOR_TYPE_GRAY, false, rows, 2);
    write_file(path, file, length);
}

static void make_folders(const char *const *name) {
    for (; *name; name++) cr_assert_eq(mkdir(in_folder(*name), 0700), 0);
}

static void make_pets(void) {
    static const char *const folders[] = {"pets", "pets/cats", "pets/dogs", NULL};
    char path[64];
    make_folders(folders);
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "pets/%s/%d.png", i % 2 ? "dogs" : "cats", i);
        write_png(path, (unsigned char)i);
    }
}

static DlData *open_pets(Described *d, const char *second, const char *value) {
    describe(d, 1, model);
    d->arg[0].text = "pets";
    d->arg[1] = (DlArg){second, value};
    return open_data(d, "images", NULL);
}

static void pets_refused(const char *second, const char *value, const char *part) {
    Described d;
    DlData *data = open_pets(&d, second, value);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part), "%s\nlacks: %s", d.error.text, part);
    close_described(&d, data);
}

Test(images, by_class) {
    Described d;
    make_pets();
    DlData *data = open_pets(&d, "test", "0.2");
    cr_assert(data, "%s", d.error.text);
    cr_expect(data->train.rows == 8 && data->test.rows == 2);
    cr_expect_eq(data->nclass, 2);
    cr_expect_str_eq(dl_meta_get(&data->meta, "classes"), "cats\ndogs");
    for (int64_t i = 0; i < data->train.rows; i++) {
        int32_t kind;
        memcpy(&kind, dl_row(&data->train, 1, i), sizeof kind);
        cr_expect_eq(*dl_row(&data->train, 0, i) % 2, kind);
    }
    close_described(&d, data);
}

Test(images, folders_say_what_tests) {
    static const char *const folders[] = {"pets", "pets/train", "pets/train/cats", "pets/train/dogs",
            "pets/test", "pets/test/cats", NULL};
    Described d;
    make_folders(folders);
    write_png("pets/train/cats/a.png", 1);
    write_png("pets/train/dogs/b.PNG", 2);
    write_png("pets/test/cats/c.png", 3);
    DlData *data = open_pets(&d, NULL, NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect(data->train.rows == 2 && data->test.rows == 1);
    cr_expect_eq(*dl_row(&data->test, 0, 0), 3);
    close_described(&d, data);
}

Test(images, folders_refused) {
    static const char *const empty[] = {"pets/birds", NULL};
    make_pets();
    pets_refused("size", "3", "size is '3', and the model's input is 2 x 2");
    pets_refused("corrupt", "no", "corrupt is 'no', and must be");
    make_folders(empty);
    pets_refused(NULL, NULL, "pets/birds: this folder holds no .png, .jpg or .jpeg files");
}

Test(images, corrupt_files) {
    Described d;
    make_pets();
    write_text("pets/cats/3.png", "no image");
    pets_refused(NULL, NULL, "pets/cats/3.png: is neither a PNG nor a JPEG image");
    pets_refused(NULL, NULL, "corrupt: \"skip\"");
    DlData *data = open_pets(&d, "corrupt", "skip");
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows + data->test.rows, 10);
    close_described(&d, data);
}

/* A user's own image, for a reader of other files. */
Test(images, given) {
    Described d;
    describe(&d, 1, model);
    write_png("mine.png", 9);
    static char path[256];
    snprintf(path, sizeof path, "%s", in_folder("mine.png"));
    DlOptions o = {.ninput = 1, .input = {{NULL, 0, path}}};
    d.config.readers = dl_all_readers;
    const char *const readers[] = {"images", "idx", "mnist", "cifar10"};
    for (int i = 0; i < 4; i++) {
        DlRequest q = {.table = &d.model, .config = &d.config};
        d.config.reader = readers[i];
        DlData *data = dl_data_given(&q, &o, false, &d.error);
        cr_assert(data, "%s", d.error.text);
        cr_expect(data->train.rows == 1 && *dl_row(&data->train, 0, 0) == 9);
        dl_data_free(data);
    }
    close_described(&d, NULL);
}
