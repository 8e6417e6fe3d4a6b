/* help.c - what the command line says about itself: all commands in short, one at length. */
#include <string.h>

#include "commands.h"
#include "version.h"

static const char exit_codes[] =
        "Exit codes\n"
        "  0     done\n"
        "  1     the input is wrong: program, data, weights, or a file that cannot be read or\n"
        "        written; messages say which, where, and what to do; files are whole or untouched\n"
        "  2     the usage is wrong: there is no such command, option or value\n"
        "  70    the compiler is wrong: please report it with the model\n"
        "  130   interrupted by Ctrl-C (143: by SIGTERM); a run of train was saved before\n";

void print_help(FILE *f) {
    fprintf(f, "dlc " DLC_VERSION ": an ahead-of-time compiler for neural networks\n\n"
               "  dlc model.dl -o model.c\n"
               "  dlc COMMAND model.dl [options]\n\nCommands\n");
    for (int i = 0; i < command_count; i++)
        fprintf(f, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(f, "  %-12s %s\n", "help COMMAND", "  its options, and examples");
    fprintf(f, "\n%s\nResults go to standard output, everything else to standard error.\n",
            exit_codes);
}

/* A group's title stands before the first of its options that the command has. */
static void print_flags(FILE *f, const Command *c) {
    const char *title = NULL;
    for (int i = 0; i < flag_count; i++) {
        char left[64];
        if (!flags[i].name) title = flags[i].help;
        if (!flags[i].name || !(flags[i].commands & c->bit)) continue;
        if (title) fprintf(f, "\n%s\n", title);
        title = NULL;
        snprintf(left, sizeof left, "%s%s%s", flags[i].name, flags[i].value ? " " : "",
                flags[i].value ? flags[i].value : "");
        dl_print_option(f, left, flags[i].help);
    }
}

void print_command_help(FILE *f, const Command *c) {
    fprintf(f, "dlc %s %s\n\n%s\nExamples\n", c->name, c->arguments, c->more);
    for (const char *line = c->example; *line; line = strchr(line, '\n') + 1)
        fprintf(f, "  %.*s\n", (int)strcspn(line, "\n"), line);
    if (c->trainer) dl_print_options(f, c->name);
    print_flags(f, c);
    fprintf(f, "\nExit codes: see dlc --help.\n");
}
