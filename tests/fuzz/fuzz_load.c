/* fuzz_load.c - weight files damaged at random, through the loader.
 *
 *     fuzz_load SEED RUNS
 *
 * Each run takes a file of ours or of another tool, damages it a few times (bits, pieces
 * moved, repeated, taken out, words of the format put in) and loads it. Whatever comes out:
 *   - there is no crash (build it with the sanitizers);
 *   - a file that is refused has left the model as it was;
 *   - a file that has our format, which ends in a checksum, loads only the values saved.
 * The file of each run is fuzz_load.safetensors, so that a crash leaves it there.
 * Output: the failures, then "N passed, N failed". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/dl_file.h"
#include "../../runtime/dl_object.h"

typedef struct Object {
    dl_head head;
    float kernel[3][5];
    unsigned char flag[3];
    int64_t count;
    float slot[2];
} Object;

static const int64_t shape_kernel[] = {3, 5}, shape_flag[] = {3}, shape_slot[] = {2};

#define AT(member) offsetof(Object, member), sizeof((Object *)0)->member
static const dl_tensor tensors[] = {
    {"dense.w", DL_PARAMETER, DL_F32, 2, shape_kernel, AT(kernel), 0, 1},
    {"flag\"", DL_STATE, DL_U8, 1, shape_flag, AT(flag), 0, 2},
    {"count", DL_STATE, DL_I64, 0, NULL, AT(count), 0, 3},
    {"adam.m/dense.w", DL_SLOT, DL_F32, 1, shape_slot, AT(slot), 0, 4},
};
static const dl_model table = {.abi = DL_ABI, .name = "toy", .ntensor = 4, .tensor = tensors};

static const char file_name[] = "fuzz_load.safetensors";

enum { ROOM = 1 << 16 };
typedef struct File { size_t n; unsigned char at[ROOM]; } File;

static uint64_t state;

static size_t below(size_t n) {                    /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return n ? (size_t)((state * 0x2545f4914f6cdd1du) >> 33) % n : 0;
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void read_file(File *f) {
    FILE *in = fopen(file_name, "rb");
    if (!in) fail(file_name);
    f->n = fread(f->at, 1, ROOM, in);
    fclose(in);
}

static void write_file(const File *f) {
    FILE *out = fopen(file_name, "wb");
    if (!out || fwrite(f->at, 1, f->n, out) != f->n || fclose(out)) fail(file_name);
}

/* Replaces `taken` bytes at a place by `n` others. */
static void splice(File *f, size_t at, size_t taken, const void *by, size_t n) {
    if (taken > f->n - at) taken = f->n - at;
    if (f->n - taken + n > ROOM) return;
    unsigned char piece[256];
    memcpy(piece, by, n);
    memmove(f->at + at + n, f->at + at + taken, f->n - at - taken);
    memcpy(f->at + at, piece, n);
    f->n = f->n - taken + n;
}

static void damage(File *f) {
    static const char *const word[] = {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9",
        "\\ud83d", "\\udc00", "\"__metadata__\":{", "\"dtype\":\"F32\"", "\"shape\":[",
        "\"data_offsets\":[0,4]", "\"dlc.format\":\"1\",", "\"dlc.kind\":\"checkpoint\",",
        "18446744073709551615", "0", "-1", " ", "\n", "\"dense.w\"", "\xff"};
    size_t at = below(f->n + 1), n = below(20), from = below(f->n);
    if (n > f->n - from) n = f->n - from;
    const char *w = word[below(sizeof word / sizeof *word)];
    switch (below(5)) {
    case 0: if (at < f->n) f->at[at] = (unsigned char)(f->at[at] ^ 1 << below(8)); break;
    case 1: splice(f, at, n, "", 0); break;
    case 2: splice(f, at, below(2) ? n : 0, f->at + from, n); break;
    case 3: splice(f, at, below(4), w, strlen(w)); break;
    case 4: f->n = at; break;
    }
}

/* The header's length is put right now and then, or else little would get past it. */
static void set_length(File *f, size_t data) {
    size_t n = f->n >= 8 + data ? f->n - 8 - data : 0;
    for (size_t i = 0; i < 8 && i < f->n; i++) f->at[i] = (unsigned char)((uint64_t)n >> 8 * i);
}

static const char foreign[] =
    "{\"dense.w\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,60]},\"count\":"
    "{\"shape\":[],\"dtype\":\"I64\",\"data_offsets\":[60,68]}, \"flag\\\"\":"
    "{\"data_offsets\":[68,71],\"dtype\":\"U8\",\"shape\":[3]}}";

/* The files to begin with, and how many bytes of data they have: 0: of another tool; 1: our
 * weights; 2: our checkpoint. */
static File whole[3];
static const size_t data_of[3] = {71, 71, 79};

static void make_files(const Object *saved) {
    dl_pair pair[] = {{"words", "the,of,and"}, {"classes", "caf\xc3\xa9\n"}};
    File *f = &whole[0];
    f->n = 8 + sizeof foreign - 1 + data_of[0];
    memcpy(f->at + 8, foreign, sizeof foreign - 1);
    set_length(f, data_of[0]);
    for (int kind = 0; kind < 2; kind++) {
        if (dl_save_file(&table, saved, (dl_kind)kind, 2, pair, file_name)) fail(file_name);
        read_file(&whole[1 + kind]);
    }
}

/* What dl_load_matching tells must be readable. */
static void look(void *context, const dl_found *f) {
    size_t *sum = context;
    *sum += strlen(f->name) + strlen(f->type);
    for (int i = 0; i < f->rank; i++) *sum += (size_t)f->shape[i];
    if (f->tensor >= table.ntensor || (f->loaded && f->tensor < 0)) abort();
}

/* Whether something is wrong. */
static int run(const Object *saved) {
    static File f;
    Object before, o;
    size_t kind = below(3), length;
    char key[DL_KEY], value[8];
    f = whole[kind];
    for (size_t n = 1 + below(4); n > 0; n--) damage(&f);
    if (below(4)) set_length(&f, data_of[kind]);
    write_file(&f);
    memset(&before, 0x55, sizeof before);
    o = before;
    int status = dl_load(&table, &o, file_name);
    for (int i = 0; i < 3; i++) dl_file_pair(file_name, i, key, value, sizeof value, &length);
    if (status && memcmp(&o, &before, sizeof o) != 0) return 1;
    Object other = before;
    size_t sum = 0;
    const dl_matching all = {NULL, look, &sum};
    int matching = dl_load_matching(&table, &other, file_name, &all);
    if (matching && memcmp(&other, &before, sizeof other) != 0) return 1;
    if (status) return 0;
    if (matching || memcmp(&other, &o, sizeof o) != 0) return 1;
    return kind > 0 && memcmp(o.kernel, saved->kernel, sizeof o.kernel) != 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long runs = strtol(argv[2], NULL, 10), failed = 0;
    Object saved;
    memset(&saved, 0x33, sizeof saved);
    saved.head.step = 5;
    make_files(&saved);
    for (long i = 0; i < runs; i++) {
        state = (uint64_t)strtol(argv[1], NULL, 10) * 0x9e3779b97f4a7c15u + (uint64_t)i + 1;
        for (int k = 0; k < 4; k++) below(1);
        if (!run(&saved)) continue;
        printf("run %ld: the model was changed, or is not the one saved\n", i);
        failed++;
    }
    printf("%ld passed, %ld failed\n", runs - failed, failed);
    return failed ? 1 : 0;
}
