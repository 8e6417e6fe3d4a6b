/* test_terminal.c - what training shows on a terminal: the trainer runs in a child on a
 * pseudo-terminal, and what it writes is drawn on a screen as a terminal would draw it. Looked at
 * is the screen: what stands there in the end, and whether a line ever ran over its edge. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "../../runtime/trainer/line.h"
#include "trainer_line.h"

static const DlArg args[] = {{"rows", "20"}, {"noise", "0"}};
static DlConfig config;

static void setup(void) {
    make_folder();
    config = (DlConfig){
            .readers = dl_all_readers, .reader = "linear", .narg = 2, .arg = args, .epochs = 3,
            .directory = folder};
    if (chdir(folder) != 0) abort();
    unsetenv("NO_COLOR");
    setenv("LC_ALL", "C", 1);
    setenv("TERM", "xterm", 1);
}

static void teardown(void) {
    if (chdir("/") != 0) abort();
    remove_folder();
}

TestSuite(terminal, .init = setup, .fini = teardown);

/* ---- a screen ----------------------------------------------------------------------- */

enum { ROWS = 400, COLUMNS = 200 };

/* A cell of more than one byte is shown as #. */
typedef struct Screen {
    char cell[ROWS][COLUMNS + 1];
    int row, column, width;
    int escape; /* bytes of an escape sequence so far */
    bool overrun, coloured;
    char unknown; /* what ended an escape sequence that nobody knows */
    char ever[1 << 16]; /* all that was drawn, a line each time the cursor went back */
    size_t never;
} Screen;

static Screen screen;

static void note(char c) {
    if (screen.never + 1 < sizeof screen.ever) screen.ever[screen.never++] = c;
    screen.ever[screen.never] = '\0';
}

/* Messages may go on in the next line, as terminals do it; lines of progress never. */
static bool is_progress(const char *row) {
    return strncmp(row, "epoch", 5) == 0 || strspn(row, " ") > 10;
}

static void put_cell(char c) {
    if (screen.column >= screen.width) {
        screen.overrun = screen.overrun || is_progress(screen.cell[screen.row]);
        screen.column = 0;
        screen.row += screen.row + 1 < ROWS;
    }
    note(c);
    char *row = screen.cell[screen.row];
    for (int k = (int)strlen(row); k < screen.column; k++) row[k] = ' ';
    row[screen.column++] = c;
}

static void take_escape(char c) {
    screen.escape++;
    if (screen.escape == 2 && c == '[') return;
    if (screen.escape > 2 && ((c >= '0' && c <= '9') || c == ';')) return;
    if (c == 'K')
        memset(screen.cell[screen.row] + screen.column, 0, (size_t)(COLUMNS - screen.column));
    else if (c == 'm')
        screen.coloured = true;
    else
        screen.unknown = c;
    screen.escape = 0;
}

static void draw(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (screen.escape)
            take_escape(text[i]);
        else if (c == 0x1b)
            screen.escape = 1;
        else if (c == '\r')
            screen.column = 0, note('\n');
        else if (c == '\n')
            screen.row += screen.row + 1 < ROWS;
        else if (c >= 0xc0)
            put_cell('#');
        else if (c >= ' ' && c < 0x80)
            put_cell(text[i]);
    }
}

static int rows_with(const char *text) {
    int n = 0;
    for (int i = 0; i < ROWS; i++) n += strstr(screen.cell[i], text) != NULL;
    return n;
}

static const char *all_rows(void) {
    static char text[ROWS * 64];
    size_t n = 0;
    text[0] = '\0';
    for (int i = 0; i <= screen.row && n + COLUMNS + 2 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", screen.cell[i]);
    return text;
}

#define EXPECT_ROWS(n, text) cr_expect_eq(rows_with(text), n, "'%s' in:\n%s", text, all_rows())

/* ---- a run on it -------------------------------------------------------------------- */

typedef struct Terminal {
    unsigned short columns;
    unsigned short then; /* columns, once a bar was seen; 0: they stay */
    const char *keys;    /* pressed when that is done */
} Terminal;

static void run_child(const char *command) {
    char line[256], *argv[16];
    int argc = 0, null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    snprintf(line, sizeof line, "line %s", command);
    for (char *w = strtok(line, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    argv[argc] = NULL;
    int status = dl_main(&line_model, &config, argc, argv);
    fflush(NULL);
    _exit(status);
}

static void wait_a_little(void) {
    nanosleep(&(struct timespec){0, 250000000}, NULL);
}

static void resize(int master, unsigned short columns) {
    struct winsize size = {24, columns, 0, 0};
    cr_assert_eq(ioctl(master, TIOCSWINSZ, &size), 0);
}

/* Reads what the child writes until nothing comes for so long, or it has ended. */
static bool read_for(int master, int milliseconds) {
    char text[4096];
    struct pollfd p = {master, POLLIN, 0};
    while (poll(&p, 1, milliseconds) > 0) {
        ssize_t got = read(master, text, sizeof text);
        if (got <= 0) return false;
        draw(text, (size_t)got);
        if (milliseconds && strstr(screen.ever, "samples/s")) return true;
    }
    return true;
}

/* The exit code. */
static int run_on(Terminal t, const char *command) {
    int master, status = -1;
    struct winsize size = {24, t.columns, 0, 0};
    memset(&screen, 0, sizeof screen);
    screen.width = t.columns;
    fflush(NULL);
    pid_t child = forkpty(&master, NULL, NULL, &size);
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGINT, SIG_DFL); /* which is ignored where the tests run in the background */
        run_child(command);
    }
    if (t.then || t.keys) {
        read_for(master, 20000);
        if (t.then) {
            resize(master, t.then);
            wait_a_little(); /* a line of the old width may be on its way */
            read_for(master, 0);
            memset(&screen, 0, sizeof screen);
            screen.width = t.then;
            wait_a_little();
            read_for(master, 0);
        }
        if (t.keys)
            cr_expect_eq(write(master, t.keys, strlen(t.keys)), (ssize_t)strlen(t.keys));
    }
    char text[4096];
    for (ssize_t got; (got = read(master, text, sizeof text)) > 0;) draw(text, (size_t)got);
    close(master);
    waitpid(child, &status, 0);
    cr_expect(!screen.overrun, "a line is wider than %d:\n%s", screen.width, all_rows());
    cr_expect(!screen.unknown, "an unknown escape sequence %d:\n%s", screen.unknown,
            all_rows());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- tests -------------------------------------------------------------------------- */

Test(terminal, one_line_is_redrawn_and_one_stays_of_each_epoch) {
    cr_expect_eq(run_on((Terminal){.columns = 120}, "train --epochs 3"), 0);
    cr_expect_eq(strncmp(screen.cell[0], "line: 20 training rows, 20 test rows, ", 38), 0);
    for (int i = 1; i <= 3; i++) {
        char want[32];
        snprintf(want, sizeof want, "epoch %d/3  loss ", i);
        cr_expect_eq(strncmp(screen.cell[i], want, strlen(want)), 0, "%s", all_rows());
    }
    EXPECT_ROWS(3, "| test loss ");
    EXPECT_ROWS(0, "[");
    EXPECT_ROWS(0, " left");
    cr_expect_str_eq(screen.cell[4], "weights written to line.safetensors");
    cr_expect(strstr(screen.ever, "epoch 1/3  [======>             ]  loss "), "%s", screen.ever);
    cr_expect(strstr(screen.ever, " left  "), "%s", screen.ever);
    cr_expect(strstr(screen.ever, " samples/s"), "%s", screen.ever);
    cr_expect(screen.coloured);
}

Test(terminal, the_bar_is_a_sixth_of_the_line) {
    cr_expect_eq(run_on((Terminal){.columns = 40}, "train --epochs 3"), 0);
    cr_expect(strstr(screen.ever, "epoch 1/3  [==>   ]  loss "), "%s", screen.ever);
    cr_expect_eq(run_on((Terminal){.columns = 80}, "train --epochs 3"), 0);
    cr_expect(strstr(screen.ever, "epoch 1/3  [====>        ]  loss "), "%s", screen.ever);
    cr_expect_eq(run_on((Terminal){.columns = 200}, "train --epochs 3"), 0);
    cr_expect(strstr(screen.ever, "  [==========>                   ]  loss "), "%s", screen.ever);
}

Test(terminal, what_stays_goes_on_in_further_lines) {
    cr_expect_eq(run_on((Terminal){.columns = 40}, "train --epochs 3"), 0);
    cr_expect_eq(strncmp(screen.cell[2], "epoch 1/3  loss ", 16), 0, "%s", all_rows());
    cr_expect_eq(strncmp(screen.cell[3], "           | test loss ", 23), 0, "%s", all_rows());
    cr_expect_eq(strncmp(screen.cell[4], "           mean_absolute_error ", 31), 0, "%s", all_rows());
    EXPECT_ROWS(3, "           mean_absolute_error ");
    EXPECT_ROWS(3, " samples/s");
}

Test(terminal, a_window_may_be_resized) {
    Terminal t = {.columns = 150, .then = 60, .keys = "\x03"};
    cr_expect_eq(run_on(t, "train --epochs 90000000"), 130);
    cr_expect(strstr(screen.ever, "/90000000  "), "%s", screen.ever);
}

Test(terminal, characters_and_colours_are_those_of_the_terminal) {
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    cr_expect_eq(run_on((Terminal){.columns = 120}, "train --epochs 3"), 0);
    cr_expect(strstr(screen.ever, "epoch 1/3  ####################  loss "), "%s", screen.ever);
    setenv("LC_ALL", "C", 1);
    setenv("NO_COLOR", "1", 1);
    cr_expect_eq(run_on((Terminal){.columns = 120}, "train --epochs 3"), 0);
    cr_expect(!screen.coloured);
    cr_expect(strstr(screen.ever, "  [======>             ]  loss "), "%s", screen.ever);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    cr_expect_eq(run_on((Terminal){.columns = 120}, "train --epochs 3"), 0);
    cr_expect(!screen.coloured);
    cr_expect(!strstr(screen.ever, "["), "%s", screen.ever);
    EXPECT_ROWS(3, "/3  loss ");
}

Test(terminal, quiet_is_quiet) {
    cr_expect_eq(run_on((Terminal){.columns = 80}, "train --epochs 3 --quiet"), 0);
    cr_expect_str_eq(screen.ever, "");
}

static void same_file(const char *a, const char *b) {
    static char text[2][1 << 16];
    size_t n[2];
    const char *name[] = {a, b};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(name[i], "rb");
        cr_assert_not_null(f, "%s", name[i]);
        n[i] = fread(text[i], 1, sizeof text[i], f);
        fclose(f);
    }
    cr_expect(n[0] == n[1] && memcmp(text[0], text[1], n[0]) == 0, "%s and %s differ", a, b);
}

Test(terminal, control_c_saves_the_run_which_goes_on_to_the_same_bits) {
    int epoch, n = 0;
    char command[160];
    Terminal t = {.columns = 120, .keys = "\x03"};
    cr_expect_eq(run_on(t, "train --seed 5 --epochs 100000000 --weights part.safetensors"), 130);
    while (n < ROWS - 1 && sscanf(screen.cell[n], "interrupted after epoch %d of", &epoch) != 1) n++;
    cr_assert_lt(n, ROWS - 1, "%s", all_rows());
    EXPECT_ROWS(1, " of 3; part.checkpoint has the run, and");
    cr_expect_str_eq(screen.cell[n + 1],
            "    line train --seed 5 --epochs 100000000 --weights part.safetensors --resume");
    cr_expect_str_eq(screen.cell[n + 2], "goes on with it");
    cr_expect_eq(access("part.safetensors", F_OK), -1);
    t = (Terminal){.columns = 120};
    snprintf(command, sizeof command,
            "train --resume --seed 5 --epochs %d --weights part.safetensors", epoch + 3);
    cr_expect_eq(run_on(t, command), 0, "%s", all_rows());
    EXPECT_ROWS(1, "resumed from part.checkpoint: after epoch ");
    snprintf(command, sizeof command, "train --seed 5 --epochs %d --weights whole.safetensors",
            epoch + 3);
    cr_expect_eq(run_on(t, command), 0);
    same_file("whole.safetensors", "part.safetensors");
}

/* ---- pieces of lines ---------------------------------------------------------------- */

static void expect_duration(double seconds, const char *want) {
    DlLine l = {.n = 0};
    dl_line_duration(&l, "", seconds, "");
    cr_expect_str_eq(l.text, want);
}

Test(terminal, durations) {
    expect_duration(0.0000123, "12 us");
    expect_duration(0.0123, "12.3 ms");
    expect_duration(9.94, "9.9 s");
    expect_duration(59.4, "59 s");
    expect_duration(59.6, "1 min 00 s");
    expect_duration(3599.7, "1 h 00 min");
    expect_duration(3600, "1 h 00 min");
    expect_duration(5400, "1 h 30 min");
    expect_duration(200000, "2 d 07 h");
    expect_duration(1e300, "11574074074 d 01 h");
    expect_duration(-1, "0 us");
}

Test(terminal, what_does_not_fit_is_left_out_or_goes_on) {
    DlLine l = {.width = 20};
    dl_line_text(&l, "12345678");
    dl_line_put(&l, "\xe2\x94\x81\xe2\x94\x81", 2);
    dl_line_text(&l, "too long for this line");
    dl_line_text(&l, "x");
    cr_expect_str_eq(l.text, "12345678  \xe2\x94\x81\xe2\x94\x81");
    l = (DlLine){.width = 20, .indent = 3};
    dl_line_text(&l, "12345678");
    dl_line_count(&l, 1234567, "samples/s");
    dl_line_number(&l, "loss", 0.5);
    cr_expect_str_eq(l.text, "12345678\n   1,234,567 samples/s\n   loss 0.5");
}
