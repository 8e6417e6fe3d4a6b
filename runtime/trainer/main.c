/* main.c - the command line of a program that holds one model. */
#include <string.h>

#include "trainer.h"

typedef int Run(const dl_model *table, const DlConfig *c, const DlOptions *o);

typedef struct Command {
    const char *name, *help;
    Run *run;
} Command;

static const Command commands[] = {
        {"train", "trains, and writes the weights", dl_command_train},
        {"evaluate", "prints the metrics on the test data", dl_command_evaluate},
        {"predict", "prints or writes the outputs for given inputs", dl_command_predict},
        {"gradients", "writes the gradient of the loss for every parameter", dl_command_gradients},
        {"explain", "which elements of the input mattered", dl_command_explain},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *f, const char *program) {
    fprintf(f, "usage: %s COMMAND [options]\n\nCommands\n", program);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(f, "\n%s COMMAND --help lists a command's options.\n", program);
    fprintf(f, "\nExit codes: 0 done, 1 the input is wrong, 2 the usage is wrong, 130 interrupted.\n");
}

static void print_command_help(const char *program, const Command *c) {
    printf("usage: %s %s [options]: %s\n", program, c->name, c->help);
    dl_print_options(stdout, c->name);
}

static const Command *command_named(const char *word) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, word) == 0) return &commands[i];
    return NULL;
}

int dl_main(const dl_model *table, const DlConfig *c, int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    DlOptions o = {.program = slash      ? slash + 1
                              : argc > 0 ? argv[0]
                                         : table->name,
            .argc = argc,
            .argv = argv};
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help(argc < 2 ? stderr : stdout, o.program);
        return argc < 2 ? 2 : 0;
    }
    const Command *command = command_named(argv[1]);
    if (!command) return dl_usage_error(&o, NULL, argv[1], NULL);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_command_help(o.program, command);
            return 0;
        }
        int taken = dl_option(&o, command->name, argc, argv, &i);
        if (taken < 0) return 2;
        if (!taken) return dl_usage_error(&o, command->name, argv[i], NULL);
    }
    return command->run(table, c, &o);
}
