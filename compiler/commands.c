/* commands.c - the commands of dlc: one table, and what each row does. */
#include "commands.h"

#include <string.h>

#include "../runtime/trainer/plot_curves.h"

static int run_compile(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    return driver_compile(a, o) ? DONE : INPUT_WRONG;
}

static int run_check(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    Model *m = driver_model(a, o);
    if (!m) return INPUT_WRONG;
    return o->gradients ? check_gradients(a, m) : DONE;
}

static int run_show(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    Model *m = driver_model(a, o);
    return m ? show_model(a, o, m) : INPUT_WRONG;
}

static int run_bench(Arena *a, Options *o, DlOptions *t) {
    (void)t;
    return bench_model(a, o);
}

static int run_plot(Arena *a, Options *o, DlOptions *t) {
    (void)a;
    if (o->output) return dl_plot_log(t->program, o->input, o->output);
    fprintf(stderr, "dlc plot: -o FILE.png, or FILE.svg, is needed: where the picture goes\n");
    return USAGE_WRONG;
}

/* ---- commands of the trainer ------------------------------------------------------------ */

static void explain_loss(void *context, const dl_model *table, const void *model, void *work, int64_t n,
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
    return (DlConfig){.readers = dl_all_readers, .reader = m->data.reader, .narg = m->data.arg.n,
            .arg = arguments_of(a, &m->data),
            .validation_reader = m->validation.reader, .validation_narg = m->validation.arg.n,
            .validation_arg = arguments_of(a, &m->validation), .control = m->control,
            .epochs = m->epochs, .keep_order = !m->shuffle,
            .directory = directory_of(a, o->input), .explain = explain_loss, .context = m};
}

typedef int TableCommand(const dl_model *table, const DlConfig *c, const DlOptions *o);

static int run_with_table(Arena *a, Options *o, DlOptions *t, TableCommand *use) {
    for (int i = 0; i < t->ntap; i++)
        o->tap[o->ntap++] = arena_printf(a, "%.*s", (int)t->tap[i].length, t->tap[i].name);
    Model *m = driver_model(a, o);
    if (!m) return INPUT_WRONG;
    const dl_model *table = o->definition ? interpret_table(a, m)
            : o->interpret                ? interpret_table32(a, m)
                                          : build_table(a, o, m);
    if (!table) return INPUT_WRONG;
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

static int run_explain(Arena *a, Options *o, DlOptions *t) {
    o->explain = true;
    return run_with_table(a, o, t, dl_command_explain);
}

/* ---- the table -------------------------------------------------------------------------- */

const Command commands[] = {
    {"compile", "model.dl -o model.c", "write C that trains and runs the model",
            "Writes model.c and model.h: C11 that needs libc, libm and, for threads, OpenMP. The word\n"
            "`compile` may be left out.\n",
            "dlc model.dl -o model.c && cc -O3 -march=native -fopenmp -c model.c\n"
            "dlc model.dl -o model.c --main      # with a main: a program that trains and predicts\n",
            COMPILE, false, false, run_compile},
    {"train", "model.dl", "train, and save the weights",
            "Compiles the model, builds it with $CC (default: cc), reads the data of its train block\n"
            "and trains. The weights go to NAME.safetensors, in the current folder. Ctrl-C saves the\n"
            "run and says the command that goes on with it, to the same bits.\n",
            "dlc train model.dl --epochs 3 --set rate=0.01\n"
            "dlc train model.dl --log run.csv --checkpoint-every 5\n",
            TRAIN_IT, true, false, run_train},
    {"evaluate", "model.dl --weights F", "losses and metrics on the test data",
            "Reads the test data of the train block, prepared as the training data were.\n",
            "dlc evaluate model.dl\n"
            "dlc evaluate model.dl --show 10     # ten rows with what was predicted, and confusions\n"
            "dlc evaluate model.dl --confusion confusion.png --calibration calibration.png\n",
            EVALUATE, true, false, run_evaluate},
    {"predict", "model.dl --weights F --input x.npy", "outputs for rows of a file",
            "Files are prepared as the training data were: tables need their columns only, texts are\n"
            "taken as texts. Outputs are printed as a table, or written by -o.\n",
            "dlc predict model.dl --input new.csv\n"
            "dlc predict model.dl --input image=x.npy -o y.npy\n",
            PREDICT, true, false, run_predict},
    {"gradients", "model.dl --weights F --input x.npy --target y.npy -o g.safetensors",
            "the gradient of the loss for every parameter",
            "Writes a tensor for each parameter, under the paths that weights have.\n",
            "dlc gradients model.dl --input x.npy --target y.npy -o g.safetensors\n",
            GRADIENTS, true, false, run_gradients},
    {"explain", "model.dl --weights F", "which elements of the input mattered",
            "Pixels, words, columns: by gradients, by hiding them, by shuffling them over the test\n"
            "rows. Of given rows (--input), or of test rows. Prints, or draws with -o (needs gnuplot).\n",
            "dlc explain model.dl --input x.npy -o x.png\n"
            "dlc explain table.dl                # permutation importance of each column\n",
            EXPLAIN, true, false, run_explain},
    {"show", "model.dl", "layers, shapes, parameters, memory",
            "Prints what the model is made of, and what a training step needs.\n",
            "dlc show model.dl\n"
            "dlc show model.dl --graph-layers layers.svg --plot plan.png\n",
            SHOW, false, false, run_show},
    {"bench", "model.dl", "how fast: generated against interpreted, each kernel beside the limits",
            "Measures steps on random rows, and each kernel of a training step beside what the machine\n"
            "can multiply and move.\n",
            "dlc bench model.dl --threads 4 --plot bench.png\n",
            BENCH, false, false, run_bench},
    {"check", "model.dl", "errors only; or whether the gradients are right",
            "Prints the errors of the program, if there are any.\n",
            "dlc check model.dl\n"
            "dlc check model.dl --gradients      # against central differences, in double precision\n",
            CHECK, false, false, run_check},
    {"fmt", "model.dl...", "format programs in place",
            "Blanks, indentation, aligned columns and lines of 100 characters, as in the library;\n"
            "comments and the ends of lines stay where they are. `-` formats standard input to\n"
            "standard output. A file with errors is left as it is.\n",
            "dlc fmt model.dl parts/*.dl\n"
            "dlc fmt --check *.dl                # exit code 1 and the names of what would change\n",
            FMT, false, true, run_fmt},
    {"plot", "run.csv -o curves.png", "the curves of a run from its log",
            "Draws what `dlc train --log` has written (.csv or .jsonl): losses, metrics, and the rate\n"
            "where it changes. `dlc train --plot` draws the same while it trains. Needs gnuplot.\n",
            "dlc plot run.csv -o curves.svg\n",
            PLOT, false, false, run_plot},
};
const int command_count = sizeof commands / sizeof *commands;

const Command *command_named(const char *word) {
    for (int i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, word) == 0) return &commands[i];
    return NULL;
}
