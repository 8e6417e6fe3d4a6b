/* arguments.c - the options of the compiler's own, and the reading of a command's arguments.
 * `--name value` and `--name=value` are the same. Options of the trainer's commands are read by
 * the trainer (options.c there), before these. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "mechanism.h"

/* ---- options that do more than set a member ------------------------------------------------ */

static int take_batch(Options *o, const char *value) {
    char *end;
    long n = strtol(value, &end, 10);
    if (!*end && n >= 1 && n <= 1 << 24) {
        o->lower.batch = n;
        return DONE;
    }
    fprintf(stderr, "dlc: --batch=%s: a number of rows from 1 to 16777216 was expected\n", value);
    return USAGE_WRONG;
}

/* These may be there several times; the lists have room for every word of the command line. */
static int take_freeze(Options *o, const char *value) {
    o->lower.freeze[o->lower.nfreeze++] = value;
    return DONE;
}

static int take_unfreeze(Options *o, const char *value) {
    o->lower.unfreeze[o->lower.nunfreeze++] = value;
    return DONE;
}

static int take_reference(Options *o, const char *value) {
    o->reference[o->nreference++] = value;
    return DONE;
}

static int take_tap(Options *o, const char *value) {
    o->tap[o->ntap++] = value;
    return DONE;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define GROUP(title) {NULL, NULL, title, ~0u, NULL, 0, 0}
#define FLAG(of, name, member, help) {name, NULL, help, of, NULL, offsetof(Options, member), 0}
#define TEXT(of, name, value, member, help) \
    {name, value, help, of, NULL, 0, offsetof(Options, member)}
#define TAKEN(of, name, value, take, help) {name, value, help, of, take, 0, 0}

const Flag flags[] = {
    GROUP("Output"),
    TEXT(COMPILE, "-o", "FILE", output, "the C file to write (default: the model's name and .c)"),
    TEXT(COMPILE, "-h", "FILE", header, "the header (default: beside the C file)"),
    TEXT(COMPILE, "--prefix", "NAME", prefix,
            "begins every exported name (default: the model's name)"),
    FLAG(COMPILE, "--standalone", standalone, "fold the runtime in: one file, no library to link"),
    FLAG(COMPILE, "--main", with_main, "add a main that trains, evaluates and predicts"),
    FLAG(COMPILE, "--explain", explain,
            "add the entry NAME_explain: which elements of the inputs mattered"),
    TAKEN(COMPILE, "--tap", "NAME", take_tap,
            "add the entry NAME_tap, which gives this tensor of the text, or layer's output; may be "
            "there several times"),
    FLAG(COMPILE, "-MD", dependencies,
            "write FILE.d, for make: the files that FILE.c and its header were made of"),
    TEXT(COMPILE, "-MF", "FILE", dependency_file, "the same, to this file"),
    TEXT(COMPILE | EXPLAIN, "--output", "NAME", explained,
            "which output, or other tensor of the text, is explained (default: the first output)"),
    TEXT(PLOT, "-o", "FILE", output, "the picture: a .png or .svg file"),
    FLAG(SHOW, "--dot", dot, "the graph for graphviz, on standard output"),
    FLAG(SHOW, "--dot=fused", dot_fused, "the kernels that it becomes, and what passes between them"),
    TEXT(SHOW, "--graph", "FILE", graph, "the graph drawn (needs graphviz); FILE.svg or FILE.png"),
    TEXT(SHOW, "--graph-layers", "FILE", graph_layers, "its layers alone drawn (needs graphviz)"),
    TEXT(SHOW, "--graph-fused", "FILE", graph_fused, "the kernels drawn (needs graphviz)"),
    TEXT(SHOW, "--plot", "FILE", plot,
            "the memory plan of a training step drawn (needs gnuplot); FILE.png or FILE.svg"),
    TEXT(SHOW, "--filters", "FILE", filters,
            "filters of the first convolution over an image, of --weights; FILE.png"),
    TEXT(SHOW, "--embedding", "FILE", embedding,
            "rows of the first table of words or items, of --weights, in a plane (needs gnuplot)"),
    TEXT(SHOW, "--weights", "FILE", weights,
            "trained weights to be drawn (default: NAME.safetensors)"),
    FLAG(SHOW, "--paths", paths, "path, type and shape of each parameter and state, a line each"),
    FLAG(CHECK, "--gradients", gradients, "compare gradients with central differences"),
    FLAG(FMT, "--check", check_only, "change nothing; exit code 1 when a file would be changed"),

    GROUP("Measuring"),
    TEXT(BENCH, "--seconds", "S", seconds, "how long each thing is measured (default: 1)"),
    TEXT(BENCH, "--threads", "N", threads, "one thread, and N (default: one a processor)"),
    FLAG(BENCH, "--json", json, "one object a line"),
    TEXT(BENCH, "--plot", "FILE", plot,
            "bars of all systems, and each kernel beside the machine's limits (needs gnuplot)"),
    TAKEN(BENCH, "--reference", "NAME=US", take_reference,
            "a bar of a training step measured elsewhere, in microseconds; may be there several "
            "times"),

    GROUP("Model"),
    TEXT(READS, "--model", "NAME", lower.model, "which model of the file (default: the last)"),
    TAKEN(READS, "--batch", "N", take_batch,
            "most rows of a training step (default: the train block's, or 32)"),
    TAKEN(READS, "--freeze", "PATTERN", take_freeze,
            "keep parameters of these paths as they are, as `freeze` does; may be there several "
            "times"),
    TAKEN(READS, "--unfreeze", "PATTERN", take_unfreeze,
            "train parameters of these paths although the text freezes them"),

    GROUP("Generated code"),
    FLAG(RUNS, "--interpret", interpret,
            "no C compiler: whole arrays at a time, in single precision"),
    FLAG(RUNS, "--interpret=double", definition,
            "the model's definition, in double precision; slow"),
    TEXT(GENERATES, "--parallel", "HOW", parallel,
            "slices of rows, or inside of kernels: `slices`, `kernels` (default: by cost)"),
    TEXT(GENERATES, "--memory", "BYTES", memory,
            "most scratch of a routine on one thread (256K, 6M): results are made again to fit"),
    TEXT(GENERATES, "--without", "NAMES", without,
            "leave out mechanisms, to see what each brings; `list` lists them"),

    GROUP("Inside the compiler"),
    TEXT(READS, "--dump", "PASS", dump,
            "print what a pass made, if it changed anything; `all`: each"),
    TEXT(READS, "--stop-after", "PASS", stop_after, "go no further"),
    FLAG(READS, "--time-passes", time_passes, "say how long each pass took"),
    FLAG(READS, "--list-passes", list_passes,
            "the passes in order, each with the reason for its place"),
};
const int flag_count = sizeof flags / sizeof *flags;

/* ---- reading -------------------------------------------------------------------------------- */

/* The option that a word is: by its whole text, or by what stands before =. */
static const Flag *flag_of(const char *word, unsigned of) {
    size_t name = strcspn(word, "=");
    for (int whole = 1; whole >= 0; whole--)
        for (int k = 0; k < flag_count; k++) {
            const Flag *f = &flags[k];
            size_t n = whole ? strlen(word) : name;
            if (f->name && (f->commands & of) && strlen(f->name) == n &&
                    strncmp(f->name, word, n) == 0)
                return f;
        }
    return NULL;
}

static int set_flag(Options *o, const Flag *f, const char *value) {
    if (f->take) return f->take(o, value);
    if (f->value) *(const char **)((char *)o + f->text) = value;
    else *(bool *)((char *)o + f->flag) = true;
    return DONE;
}

static int take_flag(Options *o, const Flag *f, const Command *c, int argc, char **argv, int *i) {
    const char *word = argv[*i], *value = strchr(word, '=');
    if (!f->value && value && strcmp(word, f->name) != 0) {
        fprintf(stderr, "dlc: %s: there is no such value; see dlc help %s\n", word, c->name);
        return USAGE_WRONG;
    }
    if (f->value && value) value++;
    else if (f->value && *i + 1 < argc) value = argv[++*i];
    if (!f->value || value) return set_flag(o, f, value);
    fprintf(stderr, "dlc: %s needs a value; see dlc help %s\n", word, c->name);
    return USAGE_WRONG;
}

/* An option that other commands have, or none has. */
static int unknown_option(const DlOptions *t, const Command *c, const char *word) {
    const char *names[64] = {0};
    int n = 0;
    const Flag *f = flag_of(word, ~0u);
    if (f) {
        fprintf(stderr, "dlc %s: %s is an option of", c->name, f->name);
        for (int i = 0, said = 0; i < command_count; i++)
            if (f->commands & commands[i].bit)
                fprintf(stderr, "%s %s", said++ ? "," : "", commands[i].name);
        fprintf(stderr, "; not of %s\n", c->name);
        return USAGE_WRONG;
    }
    for (int k = 0; k < flag_count && n < 63; k++)
        if (flags[k].name && (flags[k].commands & c->bit)) names[n++] = flags[k].name;
    return dl_usage_error(t, c->name, word, names);
}

static int take_file(Options *o, const Command *c, const char *word) {
    if (o->nfiles && !c->several) {
        fprintf(stderr, "dlc: one model at a time: '%s' and '%s' were given\n", o->input, word);
        return USAGE_WRONG;
    }
    if (!o->nfiles) o->input = word;
    o->files[o->nfiles++] = word;
    return DONE;
}

static int take_word(Options *o, DlOptions *t, const Command *c, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    if (word[0] != '-' || word[1] == '\0') return take_file(o, c, word);
    if (strcmp(word, "--help") == 0) {
        o->help = true;
        return DONE;
    }
    int taken = c->trainer ? dl_option(t, c->name, argc, argv, i) : 0;
    if (taken) return taken > 0 ? DONE : USAGE_WRONG;
    const Flag *f = flag_of(word, c->bit);
    return f ? take_flag(o, f, c, argc, argv, i) : unknown_option(t, c, word);
}

static int leave_out(const char *names) {
    if (!names || strcmp(names, "list") == 0 || mechanism_leave_out(names)) return DONE;
    fprintf(stderr, "dlc: --without=%s: unknown; --without=list lists the mechanisms\n", names);
    return USAGE_WRONG;
}

int read_arguments(Options *o, DlOptions *t, const Command *c, int first, int argc, char **argv) {
    for (int i = first; i < argc; i++) {
        int status = take_word(o, t, c, argc, argv, &i);
        if (status || o->help) return status;
    }
    bool lists = o->list_passes || (o->without && strcmp(o->without, "list") == 0);
    if (o->input || lists) return leave_out(o->without);
    bool compile = c->bit == COMPILE;
    fprintf(stderr, "dlc: which model? Usage: dlc %s%s%s\n", compile ? "" : c->name,
            compile ? "" : " ", c->arguments);
    return USAGE_WRONG;
}
