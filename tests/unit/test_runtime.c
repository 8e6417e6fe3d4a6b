/* Saving and loading: what is written comes back; what is damaged, foreign or of another
 * model is refused and changes nothing; a failed save leaves the old file. */
#include "../../runtime/dl_file.h"
#include "../../runtime/dl_object.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Object {
    dl_head head;
    float kernel[3][5];
    unsigned char flag[3];
    int64_t count;
    float mean[7];
    float slot[3][5];
    float rate;
} Object;

static const int64_t shape_kernel[] = {3, 5}, shape_flag[] = {3}, shape_mean[] = {7};

#define AT(member) offsetof(Object, member), sizeof((Object *)0)->member
static const dl_tensor tensors[] = {
    {"dense.w", DL_PARAMETER, DL_F32, 2, shape_kernel, AT(kernel), 0, 1},
    {"flag \"\\", DL_STATE, DL_U8, 1, shape_flag, AT(flag), 0, 2},
    {"count", DL_STATE, DL_I64, 0, NULL, AT(count), 0, 3},
    {"norm.mean", DL_STATE, DL_F32, 1, shape_mean, AT(mean), 0, 4},
    {"adam.m/dense.w", DL_SLOT, DL_F32, 2, shape_kernel, AT(slot), 0, 5},
    {"adam.rate", DL_NUMBER, DL_F32, 0, NULL, AT(rate), 0, 6},
    {"x", DL_INPUT, DL_F32, 1, shape_mean, 0, 28, 0, 7},
};
#define TENSORS ((int)(sizeof tensors / sizeof *tensors))
static const dl_model table = {.abi = DL_ABI, .name = "toy", .ntensor = TENSORS, .tensor = tensors};

static char folder[64], path[128];

static void open_folder(void) {
    strcpy(folder, "/tmp/test_runtime_XXXXXX");
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/toy.safetensors", folder);
}

/* Nothing but the one file may have been left in the folder. */
static void expect_clean(void) {
    unlink(path);
    cr_expect(rmdir(folder) == 0 && mkdir(folder, 0700) == 0, "something was left in %s", folder);
}

static void close_folder(void) {
    unlink(path);
    rmdir(folder);
}

TestSuite(file, .init = open_folder, .fini = close_folder);

static Object filled(int seed) {
    Object o;
    memset(&o, 0, sizeof o);
    o.head.magic = 17;
    o.head.seed = UINT64_MAX - (uint64_t)seed;
    o.head.step = 1000 + seed;
    for (int i = 0; i < 15; i++) o.kernel[i / 5][i % 5] = (float)(i + seed);
    for (int i = 0; i < 15; i++) o.slot[i / 5][i % 5] = (float)(2 * i - seed);
    for (int i = 0; i < 7; i++) o.mean[i] = 1.0f / (float)(i + seed + 1);
    for (int i = 0; i < 3; i++) o.flag[i] = (unsigned char)(100 * i + seed);
    o.count = INT64_MIN + seed;
    o.rate = 0.25f * (float)seed;
    return o;
}

static size_t read_file(unsigned char *to, size_t size) {
    FILE *f = fopen(path, "rb");
    cr_assert(f);
    size_t n = fread(to, 1, size, f);
    fclose(f);
    return n;
}

static void write_file(const void *from, size_t n) {
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(from, 1, n, f) == n && fclose(f) == 0);
}

/* A file with this header and so many bytes of data, all 1. */
static void write_header(const char *header, size_t bytes) {
    unsigned char file[4096];
    size_t n = strlen(header);
    memset(file, 0, 8);
    file[0] = (unsigned char)(n & 255);
    file[1] = (unsigned char)(n >> 8);
    memcpy(file + 8, header, n);
    memset(file + 8 + n, 1, bytes);
    write_file(file, 8 + n + bytes);
}

/* Loading gives this status, and the model is untouched unless that is DL_OK. */
static void expect_load(const dl_model *m, dl_kind kind, int status, int tensor) {
    Object o = filled(1), before = o;
    dl_fault fault = {0};
    int got = dl_load_file(m, &o, kind, path, &fault);
    cr_expect_eq(got, status, "status %d, not %d", got, status);
    cr_expect_eq(fault.tensor, tensor, "tensor %d, not %d", fault.tensor, tensor);
    if (got) cr_expect(memcmp(&o, &before, sizeof o) == 0, "a refused file changed the model");
}

Test(message, every_status_has_its_own) {
    for (int i = 0; i < DL_STATUS_COUNT; i++)
        for (int j = -1; j < i; j++) cr_expect_str_neq(dl_message(i), dl_message(j));
    cr_expect_str_eq(dl_message(-5), dl_message(DL_STATUS_COUNT));
}

Test(file, weights_come_back_and_nothing_else_changes) {
    Object a = filled(1), b = filled(2), want = b;
    errno = 77;
    cr_assert_eq(dl_save(&table, &a, path), DL_OK);
    cr_assert_eq(dl_load(&table, &b, path), DL_OK);
    cr_expect_eq(errno, 77);
    memcpy(want.kernel, a.kernel, sizeof a.kernel);
    memcpy(want.flag, a.flag, sizeof a.flag);
    memcpy(want.mean, a.mean, sizeof a.mean);
    want.count = a.count;
    cr_expect(memcmp(&b, &want, sizeof b) == 0);
}

Test(file, a_checkpoint_comes_back_whole) {
    Object a = filled(1), b = filled(2);
    dl_kind kind = DL_WEIGHTS;
    cr_assert_eq(dl_save_file(&table, &a, DL_CHECKPOINT, 0, NULL, path), DL_OK);
    cr_assert_eq(dl_file_kind(path, &kind), DL_OK);
    cr_expect_eq(kind, DL_CHECKPOINT);
    cr_assert_eq(dl_load_file(&table, &b, DL_CHECKPOINT, path, NULL), DL_OK);
    cr_expect(memcmp(&a, &b, sizeof a) == 0);
}

Test(file, a_checkpoint_serves_as_weights_but_not_the_reverse) {
    Object a = filled(1), b = filled(2);
    cr_assert_eq(dl_save_file(&table, &a, DL_CHECKPOINT, 0, NULL, path), DL_OK);
    cr_assert_eq(dl_load(&table, &b, path), DL_OK);
    cr_expect(memcmp(a.kernel, b.kernel, sizeof a.kernel) == 0);
    cr_expect(memcmp(a.slot, b.slot, sizeof a.slot) != 0);
    cr_expect_eq(b.head.step, 1002);
    cr_assert_eq(dl_save(&table, &a, path), DL_OK);
    expect_load(&table, DL_CHECKPOINT, DL_E_MISMATCH, -1);
}

Test(file, the_text_of_the_header) {
    static const char want[] =
            "{\"__metadata__\":{\"dlc.format\":\"1\",\"dlc.kind\":\"weights\","
            "\"dlc.model\":\"toy\",\"a\":\"\\u000a\\\"\",\"dlc.checksum\":\"";
    static const char then[] =
            "\"},\"count\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
            "\"dense.w\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[8,68]},"
            "\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[68,96]},"
            "\"flag \\\"\\\\\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[96,99]}}";
    Object a = filled(1);
    dl_pair pair = {"a", "\n\""};
    unsigned char file[4096];
    cr_assert_eq(dl_save_file(&table, &a, DL_WEIGHTS, 1, &pair, path), DL_OK);
    size_t n = read_file(file, sizeof file), header = file[0] + 256u * file[1];
    cr_expect_eq(n, 8 + header + 99);
    cr_expect_eq(header % 8, 0);
    cr_expect(memcmp(file + 8, want, sizeof want - 1) == 0);
    cr_expect(memcmp(file + 8 + sizeof want - 1 + 16, then, sizeof then - 1) == 0);
    cr_expect(memcmp(file + 8 + header, &a.count, 8) == 0);
}

Test(file, pairs_come_back) {
    Object a = filled(1);
    static char words[20000];
    for (int i = 0; i < 19999; i++) words[i] = (char)(1 + i % 255);
    dl_pair pair[] = {{"classes", "caf\xc3\xa9,\xf0\x9f\x8d\x95"}, {"words", words}, {"", ""}};
    cr_assert_eq(dl_save_file(&table, &a, DL_WEIGHTS, 3, pair, path), DL_OK);
    static char value[30000];
    char key[DL_KEY];
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(dl_file_pair(path, i, key, value, sizeof value, &length), DL_OK);
        cr_expect_str_eq(key, pair[i].key);
        cr_expect_str_eq(value, pair[i].value);
        cr_expect_eq(length, strlen(pair[i].value));
    }
    cr_expect_eq(dl_file_pair(path, 3, key, value, sizeof value, &length), DL_E_MISMATCH);
    cr_assert_eq(dl_file_value(path, "words", value, 5, &length), DL_OK);
    cr_expect_eq(length, 19999);
    cr_expect(memcmp(value, words, 4) == 0 && value[4] == 0);
    cr_assert_eq(dl_file_value(path, "classes", NULL, 0, &length), DL_OK);
    cr_expect_eq(length, 10);
    cr_expect_eq(dl_file_value(path, "dlc.kind", value, 5, &length), DL_E_MISMATCH);
    expect_load(&table, DL_WEIGHTS, DL_OK, -1);
}

Test(file, bad_pairs_are_refused) {
    Object a = filled(1);
    dl_pair own = {"dlc.step", "5"}, twice[] = {{"a", "1"}, {"a", "2"}}, null = {"a", NULL};
    cr_expect_eq(dl_save_file(&table, &a, DL_WEIGHTS, 1, &own, path), DL_E_OPEN);
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(dl_save_file(&table, &a, DL_WEIGHTS, 2, twice, path), DL_E_OPEN);
    cr_expect_eq(dl_save_file(&table, &a, DL_WEIGHTS, 1, &null, path), DL_E_NULL);
}

Test(file, cut_short_at_every_byte) {
    Object a = filled(3);
    unsigned char file[4096];
    cr_assert_eq(dl_save_file(&table, &a, DL_CHECKPOINT, 0, NULL, path), DL_OK);
    size_t n = read_file(file, sizeof file);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(truncate(path, (off_t)(n - 1 - i)), 0);
        expect_load(&table, DL_CHECKPOINT, DL_E_FORMAT, -1);
    }
    file[n] = 0;
    write_file(file, n + 1);
    expect_load(&table, DL_CHECKPOINT, DL_E_FORMAT, -1);
}

Test(file, every_flipped_bit_is_noticed) {
    Object a = filled(3);
    dl_pair pair = {"words", "the,of,and"};
    unsigned char file[4096];
    cr_assert_eq(dl_save_file(&table, &a, DL_CHECKPOINT, 1, &pair, path), DL_OK);
    size_t n = read_file(file, sizeof file);
    for (size_t i = 0; i < 8 * n; i++) {
        file[i / 8] = (unsigned char)(file[i / 8] ^ 1 << i % 8);
        write_file(file, n);
        Object o = filled(1), before = o;
        cr_expect_neq(dl_load_file(&table, &o, DL_CHECKPOINT, path, NULL), DL_OK, "bit %zu", i);
        cr_expect(memcmp(&o, &before, sizeof o) == 0, "bit %zu changed the model", i);
        file[i / 8] = (unsigned char)(file[i / 8] ^ 1 << i % 8);
    }
}

/* Bytes put in, taken out, repeated: whatever it is, it is refused or loaded whole. */
Test(file, random_damage) {
    Object a = filled(3);
    unsigned char file[4096], bad[8192];
    char key[DL_KEY], value[64];
    size_t length;
    uint32_t random = 1;
    cr_assert_eq(dl_save_file(&table, &a, DL_CHECKPOINT, 0, NULL, path), DL_OK);
    size_t n = read_file(file, sizeof file);
    for (int round = 0; round < 3000; round++) {
        random = random * 1664525u + 1013904223u;
        size_t at = (random >> 8) % n, to = (random >> 3) % n, count = (random >> 24) % 16;
        memcpy(bad, file, at);
        memcpy(bad + at, file + (to + count > n ? 0 : to), count);
        memcpy(bad + at + count, file + at, n - at);
        size_t skip = round % 2 ? count : 0;
        memmove(bad + at + count, bad + at + count + skip, n - at > skip ? n - at - skip : 0);
        write_file(bad, n + (n - at > skip ? count - skip : 0));
        Object o = filled(1), before = o;
        int status = dl_load_file(&table, &o, DL_CHECKPOINT, path, NULL);
        if (status) cr_expect(memcmp(&o, &before, sizeof o) == 0);
        else cr_expect(memcmp(o.kernel, a.kernel, sizeof o.kernel) == 0);
        dl_file_pair(path, round % 4, key, value, sizeof value, &length);
    }
}

#define KERNEL "\"dense.w\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,60]}"
#define MEAN "\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[60,88]}"
#define COUNT "\"count\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[88,96]}"
#define FLAG "\"flag \\\"\\\\\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[96,99]}"

Test(file, files_of_other_tools) {
    write_header("{" KERNEL "," MEAN "," COUNT "," FLAG "}", 99);
    expect_load(&table, DL_WEIGHTS, DL_OK, -1);
    write_header(" {\n\"dens\\u0065.w\" : {\"data_offsets\" : [ 0 , 60 ],\t\"shape\":[ 3,5 ] , "
                 "\"dtype\":\"F32\"}\r,\"__metadata__\":{}," MEAN "," COUNT "," FLAG " } ",
            99);
    expect_load(&table, DL_WEIGHTS, DL_OK, -1);
    write_header("{\"__metadata__\":{\"format\":\"pt\"}," KERNEL "," MEAN "," COUNT "," FLAG "}",
            99);
    expect_load(&table, DL_WEIGHTS, DL_OK, -1);
}

Test(file, another_layout_is_refused) {
    static const char *const header[] = {
        "", "[]", "{", "{}}", "{,}", "{\"a\"}", "nul",
        "{" KERNEL "," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{" MEAN "," KERNEL "," COUNT "," FLAG "}",
        "{" KERNEL "," MEAN "," COUNT "," FLAG ",}",
        "{" KERNEL "," MEAN "," COUNT " " FLAG "}",
        "{" KERNEL "," MEAN "," COUNT "," FLAG "}x",
        "{\"__metadata__\":{},\"__metadata__\":{}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"a\":1}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"a\":\"1\",}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"a\":\"\\u0000\"}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"a\":\"\\ud800\"}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"dlc.format\":\"1\"}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{\"__metadata__\":{\"dlc.format\":\"2\"}," KERNEL "," MEAN "," COUNT "," FLAG "}",
        "{" KERNEL ",\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[07],\"data_offsets\":[60,88]},"
        COUNT "," FLAG "}",
        "{\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,28,56]}}",
        "{\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"shape\":[7]}}",
        "{\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[-7],\"data_offsets\":[0,28]}}",
        "{\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":"
        "[0,99999999999999999999]}}",
    };
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
        write_header(header[i], 99);
        expect_load(&table, DL_WEIGHTS, DL_E_FORMAT, -1);
    }
}

Test(file, another_model_is_refused) {
    write_header("{" KERNEL "," MEAN "," COUNT "}", 96);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, 1);
    write_header("{" KERNEL "," MEAN "," COUNT "," FLAG
                 ",\"more\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[99,103]}}", 103);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, -1);
    write_header("{\"dense.w\":{\"dtype\":\"F32\",\"shape\":[5,3],\"data_offsets\":[0,60]}}", 60);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, 0);
    write_header("{\"dense.w\":{\"dtype\":\"I32\",\"shape\":[3,5],\"data_offsets\":[0,60]}}", 60);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, 0);
    write_header("{\"norm.mean\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[28,0]}}", 28);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, 3);
    write_header("{\"adam.rate\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4);
    expect_load(&table, DL_WEIGHTS, DL_E_MISMATCH, -1);
}

Test(file, more_tensors_than_one_pass_takes) {
    enum { MANY = 33000 };
    static dl_tensor many[MANY];
    static char name[MANY][16];
    static struct { dl_head head; float at[MANY]; } a, b;
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "t%d", i);
        many[i] = (dl_tensor){.name = name[i], .type = DL_F32, .bytes = 4,
                .offset = (size_t)((char *)&a.at[i] - (char *)&a)};
        a.at[i] = (float)i;
    }
    dl_model m = {.name = "many", .ntensor = MANY, .tensor = many};
    cr_assert_eq(dl_save(&m, &a, path), DL_OK);
    cr_assert_eq(dl_load(&m, &b, path), DL_OK);
    cr_expect(memcmp(&a, &b, sizeof a) == 0);
    many[MANY - 1].name = "u";
    dl_fault fault;
    cr_expect_eq(dl_load_file(&m, &b, DL_WEIGHTS, path, &fault), DL_E_MISMATCH);
    many[MANY - 1].name = name[MANY - 2];
    cr_assert_eq(dl_save(&m, &a, path), DL_OK);
    many[MANY - 1].name = name[MANY - 1];
    cr_expect_eq(dl_load_file(&m, &b, DL_WEIGHTS, path, &fault), DL_E_FORMAT);
}

/* A disk that fills up: the old file stays, the new one leaves nothing behind. */
Test(file, a_full_disk) {
    Object a = filled(1), b = filled(2);
    unsigned char before[4096], after[4096];
    struct rlimit limit, small;
    cr_assert_eq(dl_save(&table, &a, path), DL_OK);
    size_t n = read_file(before, sizeof before);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (size_t room = 0; room < n; room += 16) {
        small = (struct rlimit){room, limit.rlim_max};
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        int status = dl_save(&table, &b, path), why = errno;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_expect_eq(status, DL_E_OPEN);
        cr_expect_eq(why, EFBIG);
        cr_expect_eq(read_file(after, sizeof after), n);
        cr_expect(memcmp(before, after, n) == 0);
    }
    expect_clean();
}

Test(file, places_that_cannot_be_written) {
    Object a = filled(1);
    struct stat st;
    cr_expect_eq(dl_save(&table, &a, "/nowhere/at/all"), DL_E_OPEN);
    cr_expect_eq(errno, ENOENT);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(dl_save(&table, &a, path), DL_E_OPEN);
    cr_expect(stat(path, &st) == 0 && S_ISFIFO(st.st_mode), "a pipe was replaced");
    cr_expect_eq(dl_load(&table, &a, path), DL_E_FORMAT);
    expect_clean();
    cr_expect_eq(dl_save(&table, &a, folder), DL_E_OPEN);
    if (geteuid() == 0) return;          /* to whom nothing is read-only */
    cr_assert_eq(chmod(folder, 0500), 0);
    cr_expect_eq(dl_save(&table, &a, path), DL_E_OPEN);
    cr_expect_eq(errno, EACCES);
    cr_assert_eq(chmod(folder, 0700), 0);
}

Test(file, a_relative_path) {
    Object a = filled(1), b = filled(2);
    char old[4096];
    cr_assert(getcwd(old, sizeof old) && chdir(folder) == 0);
    cr_expect_eq(dl_save(&table, &a, "toy.safetensors"), DL_OK);
    cr_expect_eq(dl_load(&table, &b, "toy.safetensors"), DL_OK);
    cr_assert_eq(chdir(old), 0);
}

Test(file, places_that_cannot_be_read) {
    Object a = filled(1);
    dl_kind kind;
    cr_expect_eq(dl_load(&table, &a, path), DL_E_OPEN);
    cr_expect_eq(errno, ENOENT);
    cr_expect_eq(dl_load(&table, &a, folder), DL_E_FORMAT);
    cr_expect_eq(dl_load(&table, &a, "/dev/null"), DL_E_FORMAT);
    cr_expect_eq(dl_file_kind(path, &kind), DL_E_OPEN);
}

Test(file, null_pointers) {
    Object a = filled(1);
    cr_expect_eq(dl_save(NULL, &a, path), DL_E_NULL);
    cr_expect_eq(dl_save(&table, NULL, path), DL_E_NULL);
    cr_expect_eq(dl_save(&table, &a, NULL), DL_E_NULL);
    cr_expect_eq(dl_save_file(&table, &a, DL_WEIGHTS, 1, NULL, path), DL_E_NULL);
    cr_expect_eq(dl_load(NULL, &a, path), DL_E_NULL);
    cr_expect_eq(dl_load(&table, NULL, path), DL_E_NULL);
    cr_expect_eq(dl_load(&table, &a, NULL), DL_E_NULL);
    cr_expect_eq(dl_file_kind(path, NULL), DL_E_NULL);
    cr_expect_eq(dl_file_value(path, NULL, NULL, 0, NULL), DL_E_NULL);
}
