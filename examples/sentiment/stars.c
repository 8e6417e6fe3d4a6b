/* stars.c - stars for a review that is typed, and the words that mattered.
 *
 *     stars sentiment.safetensors       reads reviews from standard input, one a line
 *
 * The words that mattered come from sentiment_explain, which `dlc --explain` adds to the generated
 * code: of a review whose words are there to a degree alpha, it gives the score's gradient by each
 * word's presence. Their mean over alpha from 0 to 1 is what each word has added (integrated
 * gradients); together they make the difference between this review and an empty one. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../runtime/trainer/words.h"
#include "sentiment.h"

enum { LENGTH = 400, STEPS = 32, MOST_LINE = 16384, MENTIONED = 4 };

/* A word as it was typed, blanks excluded. */
typedef struct Typed {
    const char *text;
    int length;
    float added; /* to the score */
} Typed;

typedef struct Reader {
    sentiment *model;
    sentiment_work *work;
    DlWords *words; /* the vocabulary of the training */
    int32_t index[STEPS][LENGTH], nothing[STEPS][LENGTH];
    float presence[STEPS][LENGTH], gradient[STEPS][LENGTH];
    float weight[STEPS], value[STEPS];
    Typed typed[LENGTH];
    int owner[LENGTH]; /* which typed word a place of the model's input belongs to; -1: none */
    int n;             /* typed words */
} Reader;

/* ---- from a line to the model's input ------------------------------------------------------- */

/* Splits the line at blanks; "isn't" is one word of the model's, "well-made" two of them. */
static void read_line(Reader *r, const char *line) {
    int32_t all[LENGTH], part[8];
    int owner[LENGTH], count = 0;
    r->n = 0;
    while (r->n < LENGTH) {
        while (isspace((unsigned char)*line)) line++;
        if (*line == '\0') break;
        Typed *t = &r->typed[r->n];
        *t = (Typed){.text = line, .length = (int)strcspn(line, " \t\r\n")};
        dl_words_index(r->words, line, (size_t)t->length, part, 8);
        for (int k = 0; k < 8 && count < LENGTH; k++) {
            if (part[k] == 0) continue; /* padding in front */
            all[count] = part[k];
            owner[count++] = r->n;
        }
        line += t->length;
        r->n++;
    }
    for (int k = 0; k < LENGTH; k++) {
        int from = k - (LENGTH - count);
        r->owner[k] = from < 0 ? -1 : owner[from];
        for (int s = 0; s < STEPS; s++) r->index[s][k] = from < 0 ? 0 : all[from];
    }
}

/* ---- what mattered ---------------------------------------------------------------------------- */

/* One call for all steps: each row is the same review, further on the way from nothing to all. */
static int explain(Reader *r) {
    for (int s = 0; s < STEPS; s++) {
        r->weight[s] = 1;
        for (int k = 0; k < LENGTH; k++) r->presence[s][k] = ((float)s + 0.5f) / STEPS;
    }
    int status = sentiment_explain(r->model, r->work, STEPS, r->index[0], r->nothing[0],
            r->presence[0], r->weight, r->value, r->gradient[0]);
    for (int s = 0; s < STEPS; s++)
        for (int k = 0; k < LENGTH; k++)
            if (r->owner[k] >= 0) r->typed[r->owner[k]].added += r->gradient[s][k] / STEPS;
    return status;
}

static int by_added(const void *a, const void *b) {
    float x = ((const Typed *)a)->added, y = ((const Typed *)b)->added;
    return (x < y) - (x > y);
}

static void mention(const Typed *t, int n, int step, const char *what) {
    printf("%s", what);
    int said = 0;
    for (int k = 0; k < n && k < MENTIONED; k++, t += step)
        if (step > 0 ? t->added > 0.005f : t->added < -0.005f)
            said += printf("  %.*s (%+.2f)", t->length, t->text, (double)t->added);
    printf(said ? "\n" : "  nothing\n");
}

/* The review on grounds of orange and blue, where the terminal has colours. */
static void print_review(const Reader *r) {
    static const int up[] = {231, 230, 223, 222, 215, 208}, down[] = {231, 195, 153, 117, 75, 33};
    float most = 0.02f;
    for (int k = 0; k < r->n; k++) most = fmaxf(most, fabsf(r->typed[k].added));
    for (int k = 0; k < r->n; k++) {
        const Typed *t = &r->typed[k];
        int strength = (int)lroundf(5 * fabsf(t->added) / most);
        printf("\x1b[30;48;5;%dm%.*s\x1b[0m ", (t->added > 0 ? up : down)[strength], t->length,
                t->text);
    }
    printf("\n");
}

/* ---- a review -------------------------------------------------------------------------------- */

static int judge(Reader *r, const char *line, int coloured) {
    float probability;
    read_line(r, line);
    int status = sentiment_predict(r->model, r->work, 1, r->index[0], &probability);
    if (!status) status = explain(r);
    if (status) {
        fprintf(stderr, "stars: %s\n", sentiment_message(status));
        return 1;
    }
    int stars = 1 + (int)lroundf(4 * probability);
    for (int k = 0; k < 5; k++) printf("%s", k < stars ? "\xe2\x98\x85" : "\xe2\x98\x86");
    printf("  %d of 5 (praise: %.0f %%)\n", stars, 100 * (double)probability);
    if (coloured) print_review(r);
    qsort(r->typed, (size_t)r->n, sizeof *r->typed, by_added);
    mention(r->typed, r->n, 1, "for:    ");
    mention(r->typed + r->n - 1, r->n, -1, "against:");
    fflush(stdout);
    return 0;
}

static int judge_lines(Reader *r) {
    static char line[MOST_LINE];
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    int terminal = isatty(STDIN_FILENO), failed = 0;
    int coloured = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 &&
                   !(no_colour && *no_colour);
    if (terminal) printf("Type a review, and Enter; Ctrl-D ends.\n> "), fflush(stdout);
    while (!failed && fgets(line, sizeof line, stdin)) {
        if (line[strspn(line, " \t\r\n")] != '\0') failed = judge(r, line, coloured);
        if (terminal) printf("> "), fflush(stdout);
    }
    return failed;
}

/* ---- the model and its vocabulary ------------------------------------------------------------- */

static int load(Reader *r, const char *path, DlPool *pool) {
    DlError error = {""};
    DlMeta meta = {0};
    int status = sentiment_load(r->model, path);
    if (status) {
        fprintf(stderr, "stars: %s: %s\n", path, sentiment_message(status));
        return 1;
    }
    const char *list = NULL;
    if (dl_weights_meta(path, pool, &meta, &error)) list = dl_meta_get(&meta, "words");
    if (list && dl_words_load(r->words, list, &error)) return 0;
    fprintf(stderr, "stars: %s: %s\n", path, error.text[0] ? error.text : "came without its vocabulary");
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: stars sentiment.safetensors <reviews.txt\n");
        return 2;
    }
    Reader *r = calloc(1, sizeof *r);
    DlPool *pool = dl_pool_new();
    int failed = 1;
    if (r) {
        r->model = sentiment_create(0);
        r->work = sentiment_work_create(1);
        r->words = dl_words_new(DL_PLAIN_WORDS);
        if (r->model && r->work && r->words && pool)
            failed = load(r, argv[1], pool) || judge_lines(r);
        else
            fprintf(stderr, "stars: out of memory\n");
        dl_words_free(r->words);
        sentiment_work_free(r->work);
        sentiment_free(r->model);
    }
    dl_pool_free(pool);
    free(r);
    return failed;
}
