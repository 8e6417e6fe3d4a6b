/* test_data_records.c - files of records: every type, planes, passed over fields, a header, packed
 * files; layouts that say nothing, fields that are missing, and files cut short anywhere. */
#include <criterion/criterion.h>
#include <lzma.h>

#include "trainer_line.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(data_records, .init = setup, .fini = teardown);

static DlData *read_layout(
        Described *d, int inputs, const char *const *model, const char *layout,
        const char *header) {
    describe(d, inputs, model);
    d->arg[0].text = "all.bin";
    d->arg[1] = (DlArg){"layout", layout};
    d->arg[2] = (DlArg){"header", header};
    d->config.narg = header ? 3 : 2;
    return open_data(d, "records", NULL);
}

/* Expects a message that holds `part`. */
static void refused(const char *const *model, const char *layout, const char *part) {
    Described d;
    DlData *data = read_layout(&d, 1, model, layout, NULL);
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, part) != NULL, "'%s' is not in: %s", part, d.error.text);
    close_described(&d, data);
}

static const char *const two[] = {"x f32 -1", "y i32 -1", NULL};

/* -2 as i16, 40000 as u16, -3 as i32, 1.5 as f32, -0.25 as f64, 7 as i64, 200 as u8. */
static const unsigned char one_of_each[] = {0xfe, 0xff, 0x40, 0x9c, 0xfd, 0xff, 0xff, 0xff, 0, 0,
        0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 0xd0, 0xbf, 7, 0, 0, 0, 0, 0, 0, 0, 200};
static const char each[] = "a: i16, b: u16, c: i32, d: f32, e: f64, f: i64, g: u8";

static double value(const DlArray *a) {
    if (a->type == DL_U8) return a->at[0];
    if (a->type == DL_I32) return ((const int32_t *)(const void *)a->at)[0];
    if (a->type == DL_I64) return (double)((const int64_t *)(const void *)a->at)[0];
    if (a->type == DL_F64) return ((const double *)(const void *)a->at)[0];
    return (double)((const float *)(const void *)a->at)[0];
}

Test(data_records, every_type) {
    static const char *const model[] = {"a f32 -1", "b f32 -1", "c i32 -1", "d f32 -1", NULL};
    static const char *const rest[] = {"e f32 -1", "f i32 -1", "g u8 -1", NULL};
    static const double wanted[] = {-2, 40000, -3, 1.5, -0.25, 7, 200};
    Described d;
    write_file("all.bin", one_of_each, sizeof one_of_each);
    DlData *data = read_layout(&d, 4, model, each, NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 1);
    for (int k = 0; k < 4; k++) cr_expect_eq(value(&data->train.array[k]), wanted[k], "%d", k);
    close_described(&d, data);
    data = read_layout(&d, 3, rest, each, NULL);
    cr_assert(data, "%s", d.error.text);
    for (int k = 0; k < 3; k++) cr_expect_eq(value(&data->train.array[k]), wanted[4 + k], "%d", k);
    close_described(&d, data);
}

/* Two planes of 2 x 2 become two channels; the header and the field `time` are passed over. */
static const unsigned char planes[] = {'h', 'd', 'r', 99, 1, 2, 3, 4, 5, 6, 7, 8, 3};
static const char planar[] = " time : u8 , image: u8[2,2, 2] planar, label: u8";
static const char *const image_model[] = {"image u8 -1 2 2 2", "label i32 -1", NULL};

static void expect_channels(void) {
    static const unsigned char channels[] = {1, 5, 2, 6, 3, 7, 4, 8};
    Described d;
    DlData *data = read_layout(&d, 1, image_model, planar, "3");
    cr_assert(data, "%s", d.error.text);
    cr_expect_arr_eq(data->train.array[0].at, channels, sizeof channels);
    cr_expect_eq(data->train.array[1].at[0], 3);
    close_described(&d, data);
}

Test(data_records, planes) {
    write_file("all.bin", planes, sizeof planes);
    expect_channels();
}

Test(data_records, packed) {
    unsigned char out[512];
    size_t used = 0;
    cr_assert_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, planes, sizeof planes, out,
                         &used, sizeof out),
            LZMA_OK);
    write_file("all.bin.xz", out, used);
    expect_channels();
}

/* 1,000 records of x and y = x % 7: every fifth tests. */
Test(data_records, many) {
    static unsigned char bytes[5000];
    Described d;
    for (int i = 0; i < 1000; i++) {
        float x = (float)i;
        memcpy(bytes + 5 * i, &x, 4);
        bytes[5 * i + 4] = (unsigned char)(i % 7);
    }
    write_file("all.bin", bytes, sizeof bytes);
    DlData *data = read_layout(&d, 1, two, "x: f32, y: u8", NULL);
    cr_assert(data, "%s", d.error.text);
    cr_expect_eq(data->train.rows, 800);
    cr_expect_eq(data->test.rows, 200);
    for (int64_t i = 0; i < data->test.rows; i++) {
        float x;
        memcpy(&x, dl_row(&data->test, 0, i), 4);
        cr_expect_eq(x, (float)(5 * i + 4));
        cr_expect_eq(*dl_row(&data->test, 1, i), (5 * i + 4) % 7);
    }
    close_described(&d, data);
}

Test(data_records, layouts) {
    write_file("all.bin", one_of_each, sizeof one_of_each);
    refused(two, "x: f32 y: u8", "x is 'y'; what may stand there is planar");
    refused(two, "x f32, y: u8", "has no colon and type at \"f32, y: u8\"");
    refused(two, "x: f32, y: i8", "y has the type 'i8'; the types are u8, i16");
    refused(two, "x: f32, y: u8[2", "has no closing ] at \"\"");
    refused(two, "x: f32, y: u8[-2]", "has no size at \"-2]\"");
    refused(two, "x: f32, y: u8[0]", "has no size at \"0]\"");
    refused(two, "x: f32, y: u8; z: u8", "has no comma at \"; z: u8\"");
    refused(two, "x: f32, x: u8", "x is there twice");
    refused(two, "x: f32, y: u8[4294967296, 4294967296]", "y is too large");
    refused(two, "x: f32, y: u8[4000000000]", "y is too large");
    refused(two, "x: f32, y: u8 planar", "with two axes or more");
    refused(two, "", "has no name at \"\"");
    refused(two, NULL, "has no layout");
    refused(two, "x: f32, z: u8", "has no field 'y', which the model wants; fields have the names");
    refused(image_model, "imag: u8[8], label: u8", "no field 'image', which the model wants; did "
                                                   "you mean 'imag'?");
}

Test(data_records, cut_short) {
    Described d;
    for (size_t n = 0; n < sizeof one_of_each; n++) {
        write_file("all.bin", one_of_each, n);
        refused(two, "x: i16, y: u16, rest: u8[25]", "all.bin: record 0 has ");
    }
    write_file("all.bin", one_of_each, sizeof one_of_each);
    refused(two, "x: i16, y: u16, rest: u8[16]", "all.bin: record 1 has 9 bytes of the 20");
    DlData *data = read_layout(&d, 1, two, "x: i16, y: u16", "100");
    cr_expect_null(data);
    cr_expect(strstr(d.error.text, "ends within its header of 100 bytes") != NULL, "%s",
            d.error.text);
    close_described(&d, data);
}

static size_t drawn(uint64_t seed, int round, int i, size_t below) {
    return (size_t)(dl_draw(seed, DL_DRAW_DATA, (uint64_t)round, (uint64_t)i) * (double)below);
}

/* Whatever a layout is, there are data or one message. */
Test(data_records, damaged_layouts) {
    static const char letters[] = ":,[]0123456789 uif_-plnar";
    write_file("all.bin", one_of_each, sizeof one_of_each);
    for (int round = 0; round < 500; round++) {
        char layout[sizeof planar];
        Described d;
        memcpy(layout, planar, sizeof planar);
        for (int i = 0; i < 1 + round % 3; i++)
            layout[drawn(1, round, i, sizeof planar - 1)] =
                    letters[drawn(2, round, i, sizeof letters - 1)];
        DlData *data = read_layout(&d, 1, image_model, layout, NULL);
        cr_assert_neq(data != NULL, d.error.text[0] != '\0', "%s: %s", layout, d.error.text);
        close_described(&d, data);
    }
}

Test(data_records, no_file) {
    refused(two, "x: f32, y: u8", "no file all.bin");
}
