/* generate.c - writes on from a prompt, character by character, with the trained transformer.
 *
 *     generate gpt_mini.safetensors [PROMPT [CHARACTERS [TEMPERATURE]]]
 *
 * Each character costs one call of gpt_mini_next, which keeps what it needs of the characters
 * before. When the context is full, the last half of it is read again as a new beginning. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../runtime/trainer/reader.h"
#include "gpt_mini.h"

enum { CONTEXT = 64, SYMBOLS = 65 };

typedef struct Writer {
    gpt_mini *model;
    gpt_mini_work *work;
    const char *letter[SYMBOLS]; /* where each symbol's bytes begin; they are UTF-8 */
    int length[SYMBOLS];
    int32_t recent[CONTEXT]; /* what the model has seen since it began anew */
    int seen;
    float score[SYMBOLS]; /* of the next one */
    double temperature;
} Writer;

/* The list of characters that came with the weights. */
static bool read_alphabet(Writer *w, const DlMeta *meta) {
    const char *p = dl_meta_get(meta, "characters");
    for (int i = 0; p && i < SYMBOLS && *p != '\0'; i++) {
        w->letter[i] = p++;
        while ((*p & 0xc0) == 0x80) p++;
        w->length[i] = (int)(p - w->letter[i]);
    }
    return w->length[SYMBOLS - 1] > 0;
}

static bool feed(Writer *w, int32_t symbol) {
    int status = gpt_mini_next(w->model, w->work, 1, &symbol, w->score);
    w->recent[w->seen++] = symbol;
    if (status != 0) fprintf(stderr, "%s\n", gpt_mini_message(status));
    return status == 0;
}

/* A full context: its last half becomes the beginning of a new one. */
static bool begin_anew(Writer *w) {
    int32_t kept[CONTEXT / 2];
    memcpy(kept, w->recent + CONTEXT / 2, sizeof kept);
    gpt_mini_reset(w->work);
    w->seen = 0;
    for (int i = 0; i < CONTEXT / 2; i++)
        if (!feed(w, kept[i])) return false;
    return true;
}

static bool add(Writer *w, int32_t symbol) {
    return (w->seen < CONTEXT || begin_anew(w)) && feed(w, symbol);
}

/* Draws from softmax(score / temperature). */
static int32_t draw(const Writer *w) {
    double most = w->score[0], sum = 0;
    for (int i = 1; i < SYMBOLS; i++) most = fmax(most, w->score[i]);
    for (int i = 0; i < SYMBOLS; i++) sum += exp((w->score[i] - most) / w->temperature);
    double rest = sum * rand() / (RAND_MAX + 1.0);
    for (int i = 0; i < SYMBOLS - 1; i++) {
        rest -= exp((w->score[i] - most) / w->temperature);
        if (rest < 0) return i;
    }
    return SYMBOLS - 1;
}

/* The symbol that the text begins with, or -1. */
static int32_t symbol_at(const Writer *w, const char *text) {
    for (int i = 0; i < SYMBOLS; i++)
        if (strncmp(text, w->letter[i], (size_t)w->length[i]) == 0) return i;
    return -1;
}

static bool read_prompt(Writer *w, const char *text) {
    while (*text != '\0') {
        int32_t symbol = symbol_at(w, text);
        if (symbol < 0) {
            fprintf(stderr, "the model knows no character like the one at '%s'\n", text);
            return false;
        }
        if (!add(w, symbol)) return false;
        text += w->length[symbol];
    }
    return true;
}

static bool write_on(Writer *w, long count) {
    struct timespec start, stop;
    timespec_get(&start, TIME_UTC);
    for (long i = 0; i < count; i++) {
        int32_t symbol = draw(w);
        printf("%.*s", w->length[symbol], w->letter[symbol]);
        if (!add(w, symbol)) return false;
    }
    timespec_get(&stop, TIME_UTC);
    double seconds = (double)(stop.tv_sec - start.tv_sec) +
                     1e-9 * (double)(stop.tv_nsec - start.tv_nsec);
    printf("\n");
    fprintf(stderr, "%.0f characters a second\n", (double)count / seconds);
    return true;
}

static bool run(Writer *w, int argc, char **argv, DlPool *pool) {
    const char *prompt = argc > 2 ? argv[2] : "\n";
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 500;
    DlError error = {""};
    DlMeta meta = {0};
    w->temperature = argc > 4 ? strtod(argv[4], NULL) : 0.8;
    int status = gpt_mini_load(w->model, argv[1]);
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], gpt_mini_message(status));
        return false;
    }
    if (!dl_weights_meta(argv[1], pool, &meta, &error) || !read_alphabet(w, &meta)) {
        fprintf(stderr, "%s: %s\n", argv[1],
                error.text[0] ? error.text : "came without its list of characters");
        return false;
    }
    if (*prompt == '\0' || count < 0 || !(w->temperature > 0)) {
        fprintf(stderr, "a prompt has a character or more, the temperature is above 0\n");
        return false;
    }
    printf("%s", prompt);
    return read_prompt(w, prompt) && write_on(w, count);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: generate WEIGHTS [PROMPT [CHARACTERS [TEMPERATURE]]]\n");
        return 2;
    }
    Writer w = {.model = gpt_mini_create(0), .work = gpt_mini_work_create(1)};
    DlPool *pool = dl_pool_new();
    bool done = w.model && w.work && pool && run(&w, argc, argv, pool);
    if (!w.model || !w.work || !pool) fprintf(stderr, "out of memory\n");
    if (pool) dl_pool_free(pool);
    gpt_mini_work_free(w.work);
    gpt_mini_free(w.model);
    return done ? 0 : 1;
}
