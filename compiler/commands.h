/* commands.h - what the command line offers: commands.c has the table of commands, arguments.c
 * the options and their reading, help.c what is said about both. */
#ifndef DLC_COMMANDS_H
#define DLC_COMMANDS_H

#include "../runtime/trainer/trainer.h"
#include "driver.h"

/* Exit codes; a run that is interrupted leaves with 128 and the signal's number (130: Ctrl-C), and
 * an internal error of the compiler with 70 (diag.c). */
enum { DONE = 0, INPUT_WRONG = 1, USAGE_WRONG = 2 };

/* Sets of commands, one bit each. */
enum {
    COMPILE = 1, TRAIN_IT = 2, EVALUATE = 4, PREDICT = 8, GRADIENTS = 16, SHOW = 32, BENCH = 64,
    CHECK = 128, FMT = 256, EXPLAIN = 512, PLOT = 1024,
    RUNS = TRAIN_IT | EVALUATE | PREDICT | GRADIENTS | EXPLAIN, /* of a trained or training model */
    GENERATES = COMPILE | RUNS | SHOW | BENCH,             /* C */
    READS = GENERATES | CHECK                              /* a model, and knows what it means */
};

typedef struct Command {
    const char *name, *arguments;
    const char *help;              /* one line */
    const char *more;              /* what a newcomer wants to know, in lines; ends with one */
    const char *example;           /* command lines, one each */
    unsigned bit;
    bool trainer;                  /* takes the trainer's options too */
    bool several;                  /* files */
    int (*run)(Arena *a, Options *o, DlOptions *t);
} Command;

extern const Command commands[];
extern const int command_count;
const Command *command_named(const char *word);

/* An option of the compiler's own: a flag, or a text. A row without a name heads a group. */
typedef struct Flag {
    const char *name, *value, *help;
    unsigned commands;
    int (*take)(Options *o, const char *value);    /* 0, or what main leaves with after a message */
    size_t flag, text;             /* offset in Options of what it sets instead; 0: the other one */
} Flag;

extern const Flag flags[];
extern const int flag_count;

/* Reads all that follows the command; 0, or what main leaves with after a message. */
int read_arguments(Options *o, DlOptions *t, const Command *c, int first, int argc, char **argv);

void print_help(FILE *f);
void print_command_help(FILE *f, const Command *c);

int run_fmt(Arena *a, Options *o, DlOptions *t);   /* command_fmt.c */

#endif
