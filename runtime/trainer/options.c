/* options.c - the options of the trainer's commands: one table, from which parsing, help and
 * suggestions follow. `--name value` and `--name=value` are the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "trainer.h"

enum { TRAIN = 1, EVALUATE = 2, PREDICT = 4, GRADIENTS = 8, EXPLAIN = 16, ALL = 31 };

static const struct {
    const char *name;
    unsigned bit;
} commands[] = {
        {"train", TRAIN},
        {"evaluate", EVALUATE},
        {"predict", PREDICT},
        {"gradients", GRADIENTS},
        {"explain", EXPLAIN},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Sets what the value says; NULL, or what was expected instead. */
typedef const char *Set(DlOptions *o, const char *value);

/* ---- setters ------------------------------------------------------------------------ */

static bool whole(const char *text, long long least, long long most, long long *v) {
    char *end;
    errno = 0;
    *v = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *v >= least && *v <= most;
}

static const char *set_epochs(DlOptions *o, const char *value) {
    long long n;
    if (!whole(value, 1, 1000000000, &n)) return "a number from 1 to 1000000000";
    o->epochs = (int)n;
    return NULL;
}

static const char *set_threads(DlOptions *o, const char *value) {
    long long n;
    if (!whole(value, 1, 1024, &n)) return "a number from 1 to 1024";
    o->threads = (int)n;
    return NULL;
}

static const char *set_seed(DlOptions *o, const char *value) {
    char *end;
    errno = 0;
    o->seed_given = true;
    o->seed = strtoull(value, &end, 10);
    return end == value || *end != '\0' || errno != 0 || value[0] == '-'
                   ? "a number from 0 to 18446744073709551615"
                   : NULL;
}

static const char *set_show(DlOptions *o, const char *value) {
    long long n;
    if (!whole(value, 1, 1000, &n)) return "a number from 1 to 1000";
    o->show = (int)n;
    return NULL;
}

static const char *set_data(DlOptions *o, const char *value) {
    o->data_dir = value;
    return NULL;
}

/* Bytes, or thousands of them and so on as people write them: 256K is 256 * 1024. */
static const char *set_data_memory(DlOptions *o, const char *value) {
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    int64_t scale = unit ? (int64_t)1024 << 10 * (unit - units) : 1;
    if (end == value || errno != 0 || end[unit ? 1 : 0] != '\0' || n < 1 || n > INT64_MAX / scale)
        return "a number of bytes, as in 400000, 256M or 6G";
    o->data_memory = n * scale;
    return NULL;
}

static const char *set_weights(DlOptions *o, const char *value) {
    o->weights = value;
    return NULL;
}

static const char *set_initial(DlOptions *o, const char *value) {
    o->initial_weights = value;
    return NULL;
}

static const char *listed(const char **list, int *n, const char *value) {
    if (*n == DL_BINDINGS) return "one of 32 at most";
    list[(*n)++] = value;
    return NULL;
}

static const char *set_match(DlOptions *o, const char *value) {
    return listed(o->match, &o->nmatch, value);
}

static const char *set_number(DlOptions *o, const char *value) {
    size_t name = strcspn(value, "=");
    if (name == 0 || value[name] == '\0') return "a number's name and value, as in rate=0.01";
    return listed(o->set, &o->nset, value);
}

static const char *set_log(DlOptions *o, const char *value) {
    const char *dot = strrchr(value, '.');
    bool known = dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".jsonl") == 0);
    o->log = value;
    return known ? NULL : "a file whose name ends with .csv or .jsonl";
}

static const char *picture(const char **to, const char *value) {
    const char *dot = strrchr(value, '.');
    *to = value;
    return dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".svg") == 0)
                   ? NULL
                   : "a file whose name ends with .png or .svg";
}

static const char *set_plot(DlOptions *o, const char *value) {
    return picture(&o->plot, value);
}

static const char *set_confusion(DlOptions *o, const char *value) {
    return picture(&o->confusion, value);
}

static const char *set_calibration(DlOptions *o, const char *value) {
    return picture(&o->calibration, value);
}

static const char *set_checkpoint(DlOptions *o, const char *value) {
    long long n;
    if (!whole(value, 1, 1000000000, &n)) return "a number from 1 to 1000000000";
    o->checkpoint_every = (int)n;
    return NULL;
}

static const char *set_resume(DlOptions *o, const char *value) {
    (void)value;
    o->resume = true;
    return NULL;
}

/* "file" or "name=file"; the text stays the caller's, so the name is kept with its length. */
static const char *bind(DlBinding *list, int *n, const char *value) {
    if (*n == DL_BINDINGS) return "32 files at most";
    size_t name = strcspn(value, "=/.");
    bool named = name > 0 && value[name] == '=';
    list[(*n)++] =
            (DlBinding){named ? value : NULL, named ? name : 0, value + (named ? name + 1 : 0)};
    return list[*n - 1].file[0] == '\0' ? "a file name" : NULL;
}

static const char *set_input(DlOptions *o, const char *value) {
    return bind(o->input, &o->ninput, value);
}

static const char *set_target(DlOptions *o, const char *value) {
    return bind(o->target, &o->ntarget, value);
}

static const char *set_output(DlOptions *o, const char *value) {
    return bind(o->output, &o->noutput, value);
}

/* "name" or "name=file"; names have dots in them. */
static const char *set_tap(DlOptions *o, const char *value) {
    if (o->ntap == DL_BINDINGS) return "one of 32 at most";
    size_t name = strcspn(value, "=");
    if (name == 0) return "a tensor's name, and maybe a file, as in conv2d_1=maps.npy";
    o->tap[o->ntap++] =
            (DlBinding){value, name, value[name] == '=' && value[name + 1] ? value + name + 1 : NULL};
    return NULL;
}

/* ---- of explain --------------------------------------------------------------------- */

static const char *set_method(DlOptions *o, const char *value) {
    static const char *const known[] = {"saliency", "integrated", "occlusion", "permutation"};
    o->explanation.method = value;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i]) == 0) return NULL;
    return "saliency, integrated, occlusion or permutation";
}

static const char *set_class(DlOptions *o, const char *value) {
    o->explanation.class = value;
    return NULL;
}

static const char *set_metric(DlOptions *o, const char *value) {
    o->explanation.metric = value;
    return NULL;
}

static const char *set_baseline(DlOptions *o, const char *value) {
    o->explanation.baseline = value;
    return NULL;
}

static const char *set_count(int *to, const char *value, const char *expected) {
    long long n;
    if (!whole(value, 1, 1000000, &n)) return expected;
    *to = (int)n;
    return NULL;
}

static const char *set_steps(DlOptions *o, const char *value) {
    return set_count(&o->explanation.steps, value, "a number from 1 to 1000000");
}

static const char *set_patch(DlOptions *o, const char *value) {
    return set_count(&o->explanation.patch, value, "a number of pixels from 1 on");
}

static const char *set_stride(DlOptions *o, const char *value) {
    return set_count(&o->explanation.stride, value, "a number of pixels from 1 on");
}

static const char *set_repeats(DlOptions *o, const char *value) {
    return set_count(&o->explanation.repeats, value, "a number from 1 to 1000000");
}

static const char *set_rows(DlOptions *o, const char *value) {
    int n = 0;
    const char *expected = set_count(&n, value, "a number of rows from 1 to 1000000");
    o->explanation.rows = n;
    return expected;
}

static const char *set_json(DlOptions *o, const char *value) {
    (void)value;
    o->json = true;
    return NULL;
}

static const char *set_quiet(DlOptions *o, const char *value) {
    (void)value;
    o->quiet = true;
    return NULL;
}

/* ---- the table ---------------------------------------------------------------------- */

typedef struct Option {
    const char *name, *value; /* value NULL: a flag */
    unsigned commands;
    Set *set;
    const char *help;
} Option;

/* A row without a name heads a group. */
#define GROUP(title) {NULL, NULL, 0, NULL, title}

static const Option options[] = {
        GROUP("Files and data"),
        {"--weights", "FILE", ALL, set_weights,
                "the weights, written by train and read by the others (default: NAME.safetensors)"},
        {"--data", "DIR", TRAIN | EVALUATE | EXPLAIN, set_data,
                "where data are sought first; then beside the model, then in DLC_DATA"},
        {"--data-memory", "BYTES", ALL, set_data_memory,
                "of data, what is kept in memory (4G); the rest lies in a file in TMPDIR (default: half "
                "of the memory)"},
        GROUP("The run"),
        {"--epochs", "N", TRAIN, set_epochs,
                "passes over the training data (default: the train block's)"},
        {"--seed", "N", TRAIN, set_seed, "of initial weights, order and dropout (default: 0)"},
        {"--seed", "N", EXPLAIN, set_seed, "of permutations (default: 0)"},
        {"--set", "NAME=VALUE", TRAIN, set_number,
                "a number of the optimiser, as in --set rate=0.01; may be there several times"},
        {"--initial-weights", "FILE", TRAIN, set_initial,
                "begin with what fits of a file of any model: tensors of the same path and shape"},
        {"--match", "PATTERN", TRAIN, set_match,
                "of --initial-weights only these paths, as in \"conv2d*\"; may be there several "
                "times"},
        GROUP("Breaking off and going on"),
        {"--checkpoint-every", "N", TRAIN, set_checkpoint,
                "save the run after every N epochs, beside the weights: NAME.checkpoint"},
        {"--resume", NULL, TRAIN, set_resume,
                "go on with the run of NAME.checkpoint, to the same weights as without a break"},
        GROUP("Watching"),
        {"--log", "FILE", TRAIN, set_log,
                "a row an epoch: losses, metrics, rate, time; FILE.csv or FILE.jsonl"},
        {"--plot", "FILE", TRAIN, set_plot,
                "curves of losses, metrics and rate, drawn while it trains; FILE.png or FILE.svg"},
        {"--confusion", "FILE", EVALUATE, set_confusion,
                "a picture of which classes are taken for which; FILE.png or FILE.svg"},
        {"--calibration", "FILE", EVALUATE, set_calibration,
                "a picture of how often the model is right when it is so sure; FILE.png or "
                "FILE.svg"},
        GROUP("Rows and results"),
        {"--input", "[NAME=]FILE", PREDICT | GRADIENTS | EXPLAIN, set_input,
                "an input, a .npy file (or what the reader of the training data prepares)"},
        {"--target", "[NAME=]FILE", GRADIENTS, set_target, "a target, a .npy file"},
        {"-o", "[NAME=]FILE", PREDICT, set_output,
                "where an output goes, a .npy file (default: a table on standard output)"},
        {"-o", "FILE", GRADIENTS, set_output, "where the gradients go, a safetensors file"},
        {"-o", "[NAME=]FILE", EXPLAIN, set_output,
                "FILE.png: a picture; FILE.npy: the attributions (default: on standard output)"},
        {"--method", "NAME", EXPLAIN, set_method,
                "saliency, integrated, occlusion or permutation (default: integrated gradients of "
                "given rows, permutation importance of a table)"},
        {"--class", "NAME|INDEX", EXPLAIN, set_class,
                "which element of the output (default: the largest of each row)"},
        {"--baseline", "NUMBER|FILE", EXPLAIN, set_baseline,
                "what rows are compared with: a number for all, or one row (default: 0)"},
        {"--steps", "N", EXPLAIN, set_steps, "of integrated gradients (default: 100)"},
        {"--patch", "N", EXPLAIN, set_patch,
                "of occlusion: pixels, or words, hidden together (default: a sixth of the width)"},
        {"--stride", "N", EXPLAIN, set_stride, "of occlusion (default: half a patch)"},
        {"--repeats", "N", EXPLAIN, set_repeats, "of each permutation (default: 10)"},
        {"--metric", "NAME", EXPLAIN, set_metric,
                "what permutations are measured by (default: loss)"},
        {"--rows", "N", EXPLAIN, set_rows,
                "so many test rows (default: all for permutations, else 1)"},
        {"--tap", "NAME[=FILE]", TRAIN | EVALUATE | PREDICT, set_tap,
                "write a tensor of the model by its name (conv2d_1) to FILE, or NAME.npy; may be "
                "there several times"},
        GROUP("Running and showing"),
        {"--threads", "N", ALL, set_threads, "threads (default: one a processor)"},
        {"--show", "N", TRAIN | EVALUATE, set_show,
                "print N test rows with predictions, and confusions"},
        {"--json", NULL, ALL, set_json, "results as JSON, one object a line"},
        {"--quiet", NULL, ALL, set_quiet, "no progress"},
};
enum { OPTIONS = sizeof options / sizeof *options };

static unsigned bit_of(const char *command) {
    for (int i = 0; command && i < COMMANDS; i++)
        if (strcmp(commands[i].name, command) == 0) return commands[i].bit;
    return command ? 0 : ALL;
}

/* The option of that name of one of the commands. */
static const Option *option_named(const char *word, size_t n, unsigned of) {
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].name && strlen(options[i].name) == n && strncmp(options[i].name, word, n) == 0 &&
                (options[i].commands & of))
            return &options[i];
    return NULL;
}

static int wrong(const DlOptions *o, const char *command, const char *text, const char *name,
        const char *value, const char *expected) {
    fprintf(stderr, "%s %s: ", o->program, command);
    fprintf(stderr, text, name, value);
    fprintf(stderr, "%s\n", expected);
    return -1;
}

int dl_option(DlOptions *o, const char *command, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    size_t n = strcspn(word, "=");
    const Option *k = option_named(word, n, bit_of(command));
    if (!k) return 0;
    const char *value = word[n] == '=' ? word + n + 1 : NULL;
    if (!k->value && value)
        return wrong(o, command, "%s takes no value, and '%s' is given", k->name, value, "");
    if (k->value && !value) {
        if (*i + 1 >= argc) return wrong(o, command, "%s needs a value: %s", k->name, k->value, "");
        value = argv[++*i];
    }
    const char *expected = k->set(o, value);
    return expected ? wrong(o, command, "%s is '%s', and must be ", k->name, value, expected) : 1;
}

enum { LEFT = 27, WIDTH = 98 }; /* columns of a help text's begin and end */

void dl_print_option(FILE *f, const char *left, const char *help) {
    int at = fprintf(f, "  %-*s", LEFT - 3, left);
    while (*help) {
        size_t n = strcspn(help, " ");
        if (at + 1 + (int)n > WIDTH) at = fprintf(f, "\n%*s", LEFT - 1, "") - 1;
        at += fprintf(f, " %.*s", (int)n, help);
        help += n + (help[n] == ' ');
    }
    fputc('\n', f);
}

void dl_print_options(FILE *f, const char *command) {
    const char *title = NULL;
    for (int i = 0; i < OPTIONS; i++) {
        const Option *k = &options[i];
        char left[64];
        if (!k->name) title = k->help;
        if (!k->name || !(k->commands & bit_of(command))) continue;
        if (title) fprintf(f, "\n%s\n", title);
        title = NULL;
        snprintf(left, sizeof left, "%s%s%s", k->name, k->value ? " " : "",
                k->value ? k->value : "");
        dl_print_option(f, left, k->help);
    }
}

/* ---- near names --------------------------------------------------------------------- */

/* A command's name is sought among commands, an option's among the command's options. */
static DlNear nearest(const char *command, const char *word, const char *const *more) {
    DlNear near = dl_near(word);
    for (int i = 0; word[0] != '-' && i < COMMANDS; i++)
        dl_near_offer(&near, commands[i].name, strlen(commands[i].name));
    for (int i = 0; word[0] == '-' && i < OPTIONS; i++)
        if (options[i].name && (options[i].commands & bit_of(command)))
            dl_near_offer(&near, options[i].name, strlen(options[i].name));
    for (; more && *more; more++) dl_near_offer(&near, *more, strlen(*more));
    return near;
}

/* An option that another command has. */
static int misplaced(const Option *k, const char *command) {
    fprintf(stderr, "%s is an option of", k->name);
    for (int i = 0, said = 0; i < COMMANDS; i++)
        if (k->commands & commands[i].bit)
            fprintf(stderr, "%s %s", said++ ? "," : "", commands[i].name);
    fprintf(stderr, command ? "; not of %s\n" : "\n", command);
    return 2;
}

int dl_usage_error(
        const DlOptions *o, const char *command, const char *word, const char *const *more) {
    char name[64], hint[96];
    size_t n = strcspn(word, "=");
    snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, word);
    const Option *k = option_named(word, n, ALL);
    fprintf(stderr, "%s%s%s: ", o->program, command ? " " : "", command ? command : "");
    if (k) return misplaced(k, command);
    DlNear near = nearest(command, name, more);
    dl_near_hint(&near, hint, sizeof hint);
    fprintf(stderr, "there is no %s '%s'%s", word[0] == '-' ? "option" : "command", name, hint);
    if (near.best)
        fputc('\n', stderr);
    else
        fprintf(stderr, "; see %s --help\n", o->program);
    return 2;
}
