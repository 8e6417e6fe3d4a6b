/* main.c - the command line of dlc: options, commands, exit codes.
 *
 * 0: done. 1: the input is wrong (messages have said where). 2: the usage is wrong.
 * Results go to standard output, everything else to standard error. */
#include <stdlib.h>
#include <string.h>

#include "../runtime/trainer/trainer.h"
#include "driver.h"
#include "mechanism.h"
#include "passes.h"
#include "version.h"

typedef struct Command {
    const char *name, *arguments, *help;
    bool trainer;                  /* takes the trainer's options too */
    int (*run)(Arena *a, Options *o, DlOptions *t);
} Command;

static int run_compile(Arena *a, Options *o, DlOptions *t);
static int run_check(Arena *a, Options *o, DlOptions *t);
static int run_show(Arena *a, Options *o, DlOptions *t);
static int run_bench(Arena *a, Options *o, DlOptions *t);
static int run_train(Arena *a, Options *o, DlOptions *t);
static int run_evaluate(Arena *a, Options *o, DlOptions *t);
static int run_predict(Arena *a, Options *o, DlOptions *t);
static int run_gradients(Arena *a, Options *o, DlOptions *t);

static const Command commands[] = {
    {"compile", "model.dl -o model.c", "write C that trains and runs the model", false, run_compile},
    {"train", "model.dl", "compile, build with $CC, train, save the weights", true, run_train},
    {"evaluate", "model.dl --weights F", "the metrics on the test data", true, run_evaluate},
    {"predict", "model.dl --weights F --input x.npy", "outputs for rows of a file", true, run_predict},
    {"gradients", "model.dl --weights F --input x.npy --target y.npy -o g.safetensors",
            "the gradient of the loss for every parameter", true, run_gradients},
    {"show", "model.dl", "layers, shapes, parameters, memory", false, run_show},
    {"bench", "model.dl", "generated against interpreted; each kernel beside the machine's limits",
            false, run_bench},
    {"check", "model.dl", "errors only; --gradients compares them with differences", false, run_check},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* An option of the compiler's own: a flag, or a text. */
typedef struct Flag {
    const char *name, *value, *help;
    size_t flag, text;             /* offset in Options of what it sets; 0: the other one */
} Flag;

#define FLAG(name, member, help) {name, NULL, help, offsetof(Options, member), 0}
#define TEXT(name, value, member, help) {name, value, help, 0, offsetof(Options, member)}

static const Flag flags[] = {
    TEXT("-o", "FILE", output, "the C file to write (default: the model's name and .c)"),
    TEXT("-h", "FILE", header, "the header (default: beside the C file)"),
    TEXT("--prefix", "NAME", prefix, "begins every exported name (default: the model's name)"),
    TEXT("--model", "NAME", lower.model, "which model of the file (default: the last)"),
    TEXT("--parallel", "HOW", parallel, "slices of rows, or inside of kernels: `slices`, `kernels` (default: by cost)"),
    TEXT("--without", "NAMES", without, "leave out mechanisms, to see what each brings; `list` lists them"),
    TEXT("--memory", "BYTES", memory, "most scratch of a routine on one thread (256K, 6M): results are made again to fit"),
    FLAG("--standalone", standalone, "fold the runtime in: one file, no library to link"),
    FLAG("--main", with_main, "add a main that trains, evaluates and predicts"),
    FLAG("-MD", dependencies, "write FILE.d, the files that the output depends on, for make"),
    FLAG("--interpret", interpret, "no C compiler: whole arrays at a time, in single precision"),
    FLAG("--interpret=double", definition, "the model's definition, in double precision; slow"),
    FLAG("--gradients", gradients, "(check) compare gradients with central differences"),
    TEXT("--seconds", "S", seconds, "(bench) how long each thing is measured (default: 1)"),
    TEXT("--threads", "N", threads, "(bench) one thread, and N (default: one a processor)"),
    FLAG("--json", json, "(bench) one object a line"),
    FLAG("--dot", dot, "(show) the graph for graphviz"),
    FLAG("--paths", paths, "(show) path, type and shape of each parameter and state, a line each"),
    TEXT("--dump", "PASS", dump, "print what a pass made, if it changed anything; `all`: each"),
    TEXT("--stop-after", "PASS", stop_after, "go no further"),
    FLAG("--time-passes", time_passes, "say how long each pass took"),
    FLAG("--list-passes", list_passes, "the passes in order, each with the reason for its place"),
};
enum { FLAGS = sizeof flags / sizeof *flags };

static void print_help(FILE *f) {
    fprintf(f, "dlc " DLC_VERSION ": an ahead-of-time compiler for neural networks\n\n"
               "    dlc model.dl -o model.c\n");
    for (int i = 1; i < COMMANDS; i++) fprintf(f, "    dlc %s %s\n", commands[i].name, commands[i].arguments);
    fprintf(f, "\nCommands\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(f, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(f, "\nOptions\n");
    for (int i = 0; i < FLAGS; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", flags[i].name,
                flags[i].value ? (flags[i].name[1] == '-' ? "=" : " ") : "",
                flags[i].value ? flags[i].value : "");
        fprintf(f, "  %-22s %s\n", left, flags[i].help);
    }
    fprintf(f, "  %-22s %s\n", "--freeze=PATTERN", "keep parameters of these paths as they are, "
            "as `freeze` does; may be there several times");
    fprintf(f, "  %-22s %s\n", "--unfreeze=PATTERN", "train parameters of these paths although "
            "the text freezes them");
    fprintf(f, "  %-22s %s\n", "--batch=N", "most rows of a training step (default: the train block's, or 32)");
    fprintf(f, "\nOptions of train, evaluate, predict and gradients\n");
    dl_print_options(f, NULL);
    fprintf(f, "\nExit codes: 0 done, 1 the input is wrong, 2 the usage is wrong, 130 interrupted.\n");
}

/* The value of an option: --name=value, or the next word. NULL after a message. */
static const char *option_value(int argc, char **argv, int *i, size_t name_length) {
    if (argv[*i][name_length] == '=') return argv[*i] + name_length + 1;
    if (*i + 1 < argc) return argv[++*i];
    fprintf(stderr, "dlc: %s needs a value; see dlc --help\n", argv[*i]);
    return NULL;
}

/* `--name=value` of a flag that takes none, or not this one. */
static bool unknown_value(const char *word) {
    const char *value = strchr(word, '=');
    for (int k = 0; k < FLAGS && value; k++) {
        size_t n = strlen(flags[k].name);
        bool same = n == (size_t)(value - word) && strncmp(word, flags[k].name, n) == 0;
        if (flags[k].value || !same) continue;
        fprintf(stderr, "dlc: %s: there is no such value; see dlc --help\n", word);
        return true;
    }
    return false;
}

static bool is_option(const char *word, const char *name) {
    size_t n = strlen(name);
    return strncmp(word, name, n) == 0 && (word[n] == '\0' || word[n] == '=');
}

static int take_batch(Options *o, int argc, char **argv, int *i) {
    if (!is_option(argv[*i], "--batch")) return 0;
    const char *value = option_value(argc, argv, i, 7);
    if (!value) return -1;
    char *end;
    long n = strtol(value, &end, 10);
    if (*end || n < 1 || n > 1 << 24) {
        fprintf(stderr, "dlc: --batch=%s: a number of rows from 1 to 16777216 was expected\n", value);
        return -1;
    }
    o->lower.batch = n;
    return 1;
}

/* --freeze and --unfreeze may be there several times; the lists have room for every word. */
static int take_pattern(Options *o, int argc, char **argv, int *i) {
    static const char *const name[] = {"--freeze", "--unfreeze"};
    bool un = is_option(argv[*i], name[1]);
    if (!un && !is_option(argv[*i], name[0])) return 0;
    const char *value = option_value(argc, argv, i, strlen(name[un]));
    if (!value) return -1;
    if (un) o->lower.unfreeze[o->lower.nunfreeze++] = value;
    else o->lower.freeze[o->lower.nfreeze++] = value;
    return 1;
}

/* 1: taken; 0: not ours; -1: wrong, reported. */
static int take_flag(Options *o, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    for (int k = 0; k < FLAGS; k++) {
        size_t n = strlen(flags[k].name);
        bool same = strcmp(word, flags[k].name) == 0;
        bool with_value = flags[k].value && strncmp(word, flags[k].name, n) == 0 && word[n] == '=';
        if (!same && !with_value) continue;
        if (!flags[k].value) {
            *(bool *)((char *)o + flags[k].flag) = true;
            return 1;
        }
        const char *value = option_value(argc, argv, i, n);
        if (value) *(const char **)((char *)o + flags[k].text) = value;
        return value ? 1 : -1;
    }
    if (unknown_value(word)) return -1;
    int taken = take_pattern(o, argc, argv, i);
    return taken ? taken : take_batch(o, argc, argv, i);
}

/* ---- commands ----------------------------------------------------------------------- */

static int run_compile(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    return driver_compile(a, o) ? 0 : 1;
}

static int run_check(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    Model *m = driver_model(a, o);
    if (!m) return 1;
    return o->gradients ? check_gradients(a, m) : 0;
}

static int run_show(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    Model *m = driver_model(a, o);
    return m ? show_model(a, o, m) : 1;
}

static int run_bench(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    return bench_model(a, o);
}

static void explain(void *context, const dl_model *table, const void *model, void *work, int64_t n,
        const void *const *data, char *text, size_t size) {
    (void)work;
    interpret_explain(context, table, model, n, data, text, size);
}

static const char *directory_of(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_printf(a, "%.*s", (int)(slash - path), path) : ".";
}

static const DlArg *arguments_of(Arena *a, const DataSetting *s) {
    DlArg *arg = NEW_ARRAY(a, DlArg, s->arg.n + 1);
    for (int i = 0; i < s->arg.n; i++) arg[i] = (DlArg){s->arg.at[i].name, s->arg.at[i].text};
    return arg;
}

/* What the train block says, as the trainer takes it. */
static DlConfig config_of(Arena *a, const Options *o, Model *m) {
    return (DlConfig){.reader = m->data.reader, .narg = m->data.arg.n,
            .arg = arguments_of(a, &m->data),
            .validation_reader = m->validation.reader, .validation_narg = m->validation.arg.n,
            .validation_arg = arguments_of(a, &m->validation), .control = m->control,
            .epochs = m->epochs, .keep_order = !m->shuffle,
            .directory = directory_of(a, o->input), .explain = explain, .context = m};
}

typedef int TableCommand(const dl_model *table, const DlConfig *c, const DlOptions *o);

static int run_with_table(Arena *a, Options *o, DlOptions *t, TableCommand *use) {
    Model *m = driver_model(a, o);
    if (!m) return 1;
    const dl_model *table = o->definition ? interpret_table(a, m)
            : o->interpret                ? interpret_table32(a, m)
                                          : build_table(a, o, m);
    if (!table) return 1;
    DlConfig config = config_of(a, o, m);
    return use(table, &config, t);
}

static int run_train(Arena *a, Options *o, DlOptions *t) {
    return run_with_table(a, o, t, dl_command_train);
}

static int run_evaluate(Arena *a, Options *o, DlOptions *t) {
    return run_with_table(a, o, t, dl_command_evaluate);
}

static int run_predict(Arena *a, Options *o, DlOptions *t) {
    return run_with_table(a, o, t, dl_command_predict);
}

static int run_gradients(Arena *a, Options *o, DlOptions *t) {
    return run_with_table(a, o, t, dl_command_gradients);
}

/* ---- arguments -------------------------------------------------------------------------- */

static const Command *find_command(const char *word) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, word) == 0) return &commands[i];
    return NULL;
}

static void list_mechanisms(void) {
    for (int m = 0; m < MECHANISM_COUNT; m++)
        printf("%-10s without: %s\n", mechanism_name(m), mechanism_without(m));
}

static int leave_out(const char *names) {
    if (!names || mechanism_leave_out(names)) return 0;
    fprintf(stderr, "dlc: --without=%s: unknown; --without=list lists the mechanisms\n", names);
    return 2;
}

static int unknown_option(const DlOptions *t, const Command *c, const char *word) {
    const char *names[FLAGS + 4] = {0};
    for (int i = 0; i < FLAGS; i++) names[i] = flags[i].name;
    names[FLAGS] = "--batch";
    names[FLAGS + 1] = "--freeze";
    names[FLAGS + 2] = "--unfreeze";
    return dl_usage_error(t, c->trainer ? c->name : NULL, word, names);
}

static int read_options(Options *o, DlOptions *t, const Command *c, int first, int argc, char **argv) {
    for (int i = first; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            if (o->input) {
                fprintf(stderr, "dlc: one model at a time: '%s' and '%s' were given\n", o->input, word);
                return 2;
            }
            o->input = word;
            continue;
        }
        int taken = c->trainer ? dl_option(t, c->name, argc, argv, &i) : 0;
        if (!taken) taken = take_flag(o, argc, argv, &i);
        if (taken < 0) return 2;
        if (!taken) return unknown_option(t, c, word);
    }
    if (o->without && strcmp(o->without, "list") == 0) return 0;
    if (o->input || o->list_passes) return leave_out(o->without);
    fprintf(stderr, "dlc: which model? Usage: dlc %s%s%s\n", c == commands ? "" : c->name,
            c == commands ? "" : " ", c->arguments);
    return 2;
}

/* A first word that is neither a command nor looks like a file is a command misspelt. */
static int unknown_command(const char *word) {
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *near = diag_nearest(word, names, COMMANDS);
    fprintf(stderr, "dlc: there is no command '%s'%s%s%s (see dlc --help)\n", word,
            near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("dlc " DLC_VERSION "\n");
        return 0;
    }
    const Command *c = find_command(argv[1]);
    if (!c && argv[1][0] != '-' && !strpbrk(argv[1], "./")) return unknown_command(argv[1]);
    Arena *a = arena_new();
    Options o = {.lower = {.freeze = NEW_ARRAY(a, const char *, argc),
            .unfreeze = NEW_ARRAY(a, const char *, argc)}};
    DlOptions t = {.program = "dlc", .argc = argc, .argv = argv};
    int status = read_options(&o, &t, c ? c : commands, c ? 2 : 1, argc, argv);
    if (status == 0 && o.list_passes) passes_list(stdout);
    else if (status == 0 && o.without && strcmp(o.without, "list") == 0) list_mechanisms();
    else if (status == 0) status = (c ? c : commands)->run(a, &o, &t);
    arena_free(a);
    return status;
}
