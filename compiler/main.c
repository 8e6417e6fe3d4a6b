/* main.c - the command line of dlc: which command is meant, and what it leaves with. Commands are
 * in commands.c, their options in arguments.c, the texts about both in help.c. */
#include <signal.h>
#include <string.h>

#include "commands.h"
#include "mechanism.h"
#include "passes.h"
#include "version.h"

static void list_mechanisms(void) {
    for (int m = 0; m < MECHANISM_COUNT; m++)
        printf("%-10s without: %s\n", mechanism_name(m), mechanism_without(m));
}

/* A first word that is neither a command nor looks like a file is a command misspelt. */
static int unknown_command(const char *word) {
    const char *names[32];
    int n = 0;
    for (; n < command_count && n < 32; n++) names[n] = commands[n].name;
    const char *near = diag_nearest(word, names, n);
    fprintf(stderr, "dlc: there is no command '%s'%s%s%s (see dlc --help)\n", word,
            near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return USAGE_WRONG;
}

/* dlc help [COMMAND] */
static int help(const char *word) {
    const Command *c = word ? command_named(word) : NULL;
    if (word && !c) return unknown_command(word);
    if (c) print_command_help(stdout, c);
    else print_help(stdout);
    return DONE;
}

static int run(const Command *c, int first, int argc, char **argv) {
    Arena *a = arena_new();
    Options o = {.lower = {.freeze = NEW_ARRAY(a, const char *, argc),
            .unfreeze = NEW_ARRAY(a, const char *, argc)},
            .files = NEW_ARRAY(a, const char *, argc), .tap = NEW_ARRAY(a, const char *, argc),
            .reference = NEW_ARRAY(a, const char *, argc)};
    DlOptions t = {.program = "dlc", .argc = argc, .argv = argv};
    int status = read_arguments(&o, &t, c, first, argc, argv);
    if (status == DONE && o.help) print_command_help(stdout, c);
    else if (status == DONE && o.list_passes) passes_list(stdout);
    else if (status == DONE && o.without && strcmp(o.without, "list") == 0) list_mechanisms();
    else if (status == DONE) status = c->run(a, &o, &t);
    arena_free(a);
    return status;
}

int main(int argc, char **argv) {
    /* A file that grows beyond what the user may write is an error of the write, and no signal. */
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return USAGE_WRONG;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0) return help(NULL);
    if (strcmp(word, "help") == 0) return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(word, "--version") == 0) {
        printf("dlc " DLC_VERSION "\n");
        return DONE;
    }
    const Command *c = command_named(word);
    if (!c && word[0] != '-' && !strpbrk(word, "./")) return unknown_command(word);
    return run(c ? c : command_named("compile"), c ? 2 : 1, argc, argv);
}
