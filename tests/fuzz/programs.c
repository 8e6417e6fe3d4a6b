/* programs.c - random programs: generated code against the interpreter in double precision.
 *
 *     programs [-n COUNT] [-s SEED] [-j JOBS] [-k KEPT] [-q QUICK] [-d EVERY] [-r TRIES] [-g]
 *
 * Runs every program kept in the folder KEPT, then COUNT random ones from SEED on. Each is
 * compiled in a process of its own; the C of a group of them is built into one shared object
 * by $CC with $CFLAGS (and -include QUICK); then each process runs its own against the
 * definition (trial.c). Of every EVERYth the gradients are held to differences, too, and
 * the interpreter's tables, in double and in single precision, are run like generated code.
 * A random program that fails is made smaller (reduce.c) with TRIES tries, printed and kept;
 * 0: neither. With -g nothing is generated: gradients and differences, and the interpreter in
 * single precision. */
#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "reduce.h"
#include "trial.h"

enum { GROUP = 20, TIME = 120, MOST_REDUCED = 2, PATH = 512, MOST_KEPT = 1000 };

/* In the order in which they are found. */
typedef enum { RIGHT, REFUSED, BROKEN, UNBUILT, CRASHED, WRONG } Kind;
static const char *const kind_name[] = {"right", "refused by the compiler",
        "the compiler ended abnormally", "the generated C does not compile",
        "ended abnormally when run", "wrong"};

typedef struct Case {
    char name[64]; /* of its files and its functions */
    uint64_t seed;
    bool kept;
    char path[PATH]; /* .dl */
    pid_t child;
    int to, from; /* pipes */
    Kind kind;
    Outcome outcome;
} Case;

typedef struct Totals {
    long passed, failed, refused;
    Outcome all;
} Totals;

static const char *work, *kept_folder = "tests/fuzz/kept", *quick = "tests/fuzz/quick.h";
static unsigned every = 4;
static int tries = 120;
static bool tables = true; /* build and run generated code */

/* ---- files ----------------------------------------------------------------------------------- */

static void path_of(const Case *c, const char *suffix, char *path) {
    snprintf(path, PATH, "%s/%s%s", work, c->name, suffix);
}

static char *read_text(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);
    if (f && text && fread(text, 1, (1 << 16) - 1, f) == 0) text[0] = 0;
    if (f) fclose(f);
    return text;
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

static void write_random(const Case *c, bool gradients) {
    FILE *f = fopen(c->path, "wb");
    if (!f) exit(2);
    random_program(f, c->name, c->seed, gradients);
    fclose(f);
}

/* ---- the process of one program
 * ------------------------------------------------------------------ */

static bool send_byte(int to, char value) {
    return write(to, &value, 1) == 1;
}

static void run_table(const Case *c, Model *m, TrialOptions o, Outcome *out) {
    char path[PATH], symbol[PATH];
    snprintf(path, sizeof path, "%s/group.so", work);
    snprintf(symbol, sizeof symbol, "%s_model", c->name);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *address = object ? dlsym(object, symbol) : NULL;
    const dl_model *(*table)(void) = NULL;
    memcpy(&table, &address, sizeof table);
    if (table) {
        trial_table(m, table(), &o, out);
    } else {
        printf("%s: %s\n", c->name, dlerror());
        out->wrong++;
    }
}

/* Compiles; says so; waits for the build; runs; sends the outcome. */
static void child_main(const Case *c, int in, int to) {
    char log[PATH], source[PATH], header[PATH];
    path_of(c, ".log", log);
    path_of(c, ".c", source);
    path_of(c, ".h", header);
    if (!freopen(log, "wb", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(2);
    alarm(TIME);
    Arena *a = arena_new();
    static const char *const threading[] = {NULL, "slices", "kernels"};
    Options o = {.input = c->path, .prefix = c->name, .parallel = threading[c->seed % 3]};
    Model *m = driver_model(a, &o);
    if (!m || (tables && !driver_write(a, &o, m, source, header))) _exit(1);
    char go = 0;
    fflush(stdout);
    if (!send_byte(to, 'c') || read(in, &go, 1) != 1 || go != 'g') _exit(0);
    Outcome out = {0};
    TrialOptions t = {
            .name = c->name, .seed = c->seed, .rows = 1 + (int64_t)(c->seed % (uint64_t)m->batch)};
    char *text = read_text(c->path);
    bool slow = c->kept || c->seed % every == 0;
    if (slow && m->loss && !strstr(text, "stop_gradient")) trial_gradients(m, &t, &out);
    if (tables) run_table(c, m, t, &out);
    t.interpreted = true;
    t.name = "interpreted";
    if (tables && slow) trial_table(m, interpret_table(a, m), &t, &out);
    t.name = "in single precision";
    if (!tables || slow) trial_table(m, interpret_table32(a, m), &t, &out);
    fflush(stdout);
    bool ok = write(to, &out, sizeof out) == (ssize_t)sizeof out;
    _exit(ok ? 0 : 2);
}

static void start(Case *c) {
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) exit(2);
    fflush(stdout);
    c->child = fork();
    if (c->child == 0) {
        close(down[1]);
        close(up[0]);
        child_main(c, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    c->to = down[1];
    c->from = up[0];
}

/* The child has ended. */
static int status_of(Case *c) {
    int status = 0;
    close(c->to);
    close(c->from);
    if (c->child < 0 || waitpid(c->child, &status, 0) != c->child) return -1;
    c->child = -1;
    return status;
}

static bool compiled(Case *c) {
    char byte = 0;
    start(c);
    if (read(c->from, &byte, 1) == 1) return true;
    int status = status_of(c);
    c->kind = WIFEXITED(status) && WEXITSTATUS(status) == 1 ? REFUSED : BROKEN;
    return false;
}

/* A gradient that is zero everywhere is refused, rightly: then one without. */
static void compile(Case *c) {
    c->kind = RIGHT;
    if (compiled(c) || c->kind != REFUSED || c->kept) return;
    char log[PATH];
    path_of(c, ".log", log);
    if (!strstr(read_text(log), "does not depend on the second")) return;
    write_random(c, false);
    c->kind = RIGHT;
    compiled(c);
}

static void finish(Case *c) {
    bool sent = send_byte(c->to, 'g') &&
                read(c->from, &c->outcome, sizeof c->outcome) == (ssize_t)sizeof c->outcome;
    int status = status_of(c);
    if (!sent || status != 0)
        c->kind = CRASHED;
    else if (c->outcome.wrong > 0)
        c->kind = WRONG;
}

/* ---- groups
 * ------------------------------------------------------------------------------------------ */

static const char *or_default(const char *variable, const char *otherwise) {
    const char *value = getenv(variable);
    return value && value[0] ? value : otherwise;
}

/* Builds what compiled of these; the compiler's messages go to the first one's .cc. */
static bool build(const Case *c, int n) {
    size_t size = (size_t)n * PATH + 4 * PATH;
    char *command = calloc(1, size), log[PATH];
    if (!command) exit(2);
    path_of(c, ".cc", log);
    size_t at = (size_t)snprintf(command, size,
            "%s -std=c11 %s -Werror=implicit-function-declaration -ffp-contract=off -fopenmp -fPIC "
            "-shared -Iruntime -include %s "
            "-o '%s/group.so'",
            or_default("CC", "cc"), or_default("CFLAGS", "-O1 -march=native"), quick, work);
    int sources = 0;
    for (int i = 0; i < n; i++)
        if (c[i].kind == RIGHT) {
            at += (size_t)snprintf(command + at, size - at, " '%s/%s.c'", work, c[i].name);
            sources++;
        }
    snprintf(command + at, size - at, " -lm >'%s' 2>&1", log);
    bool ok = sources == 0 || system(command) == 0;
    free(command);
    return ok;
}

static void run_group(Case *c, int n) {
    for (int i = 0; i < n; i++) compile(&c[i]);
    bool ok = !tables || build(c, n);
    for (int i = 0; i < n; i++) {
        if (c[i].kind != RIGHT) continue;
        if (ok || build(&c[i], 1)) {
            finish(&c[i]);
        } else {
            send_byte(c[i].to, 's');
            status_of(&c[i]);
            c[i].kind = UNBUILT;
        }
    }
}

/* ---- failures
 * ---------------------------------------------------------------------------------------- */

static char *messages(const Case *c) {
    char log[PATH];
    path_of(c, c->kind == UNBUILT ? ".cc" : ".log", log);
    return read_text(log);
}

/* What was said first, without what changes as the program shrinks. */
static void symptom(const Case *c, char *text, size_t size) {
    char *all = messages(c), *from = all ? strstr(all, "rror: ") : NULL;
    size_t n = 0;
    bool quoted = false;
    for (const char *p = from && c->kind < CRASHED ? from : ""; *p && *p != '\n' && n + 1 < size;
            p++) {
        quoted = quoted != (*p == '`' || *p == '\'');
        if (!quoted && !(*p >= '0' && *p <= '9')) text[n++] = *p;
    }
    text[n] = 0;
    free(all);
}

typedef struct Failure {
    Case *c;
    Kind kind;
    char symptom[200];
} Failure;

static bool fails_alike(void *ctx, const char *text) {
    Failure *f = ctx;
    char now[200];
    write_text(f->c->path, text);
    run_group(f->c, 1);
    symptom(f->c, now, sizeof now);
    return f->c->kind == f->kind && strcmp(now, f->symptom) == 0;
}

static void show(const char *text, const char *before) {
    char line[300];
    int lines = 0;
    for (const char *p = text; *p && lines < 12; lines++) {
        size_t n = strcspn(p, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        printf("%s%s\n", before, line);
        p += n + (p[n] == '\n');
    }
}

static void keep(Case *c) {
    Failure f = {.c = c, .kind = c->kind};
    symptom(c, f.symptom, sizeof f.symptom);
    Arena *a = arena_new();
    Case again = *c;
    again.kept = true; /* as it will be run from now on */
    f.c = &again;
    const char *text = read_text(c->path);
    text = fails_alike(&f, text) ? reduce(a, text, fails_alike, &f, tries) : text;
    char path[2 * PATH], *whole = arena_printf(a, "// seed %" PRIu64 "\n%s", c->seed, text);
    snprintf(path, sizeof path, "%s/seed_%" PRIu64 ".dl", kept_folder, c->seed);
    mkdir(kept_folder, 0777);
    write_text(path, whole);
    printf("    kept as %s:\n%s", path, whole);
    fails_alike(&f, text);
    show(messages(&again), "    ");
    arena_free(a);
}

static void count(Case *c, Totals *t, int *reduced) {
    t->all.compared += c->outcome.compared;
    t->all.excused += c->outcome.excused;
    t->all.differences += c->outcome.differences;
    t->all.kinks += c->outcome.kinks;
    *(c->kind == RIGHT ? &t->passed : &t->failed) += 1;
    if (c->kind == RIGHT) return;
    printf("FAIL %s: %s\n", c->kept ? c->path : c->name, kind_name[c->kind]);
    show(messages(c), "    ");
    if (!c->kept && tries > 0 && (*reduced)++ < MOST_REDUCED) keep(c);
    fflush(stdout);
}

/* ---- all of them
 * --------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
    return strcmp(((const Case *)a)->path, ((const Case *)b)->path);
}

/* The kept programs, each with the seed that its first line names. */
static int find_kept(Case *c) {
    int n = 0;
    DIR *d = opendir(kept_folder);
    for (struct dirent *e; d && (e = readdir(d)) && n < MOST_KEPT;) {
        size_t length = strlen(e->d_name);
        if (length < 4 || strcmp(e->d_name + length - 3, ".dl") != 0) continue;
        c[n] = (Case){.kept = true, .seed = 1};
        snprintf(c[n].path, PATH, "%s/%s", kept_folder, e->d_name);
        char *text = read_text(c[n].path);
        if (text && strncmp(text, "// seed ", 8) == 0) c[n].seed = strtoull(text + 8, NULL, 10);
        free(text);
        n++;
    }
    if (d) closedir(d);
    qsort(c, (size_t)n, sizeof *c, by_path);
    for (int i = 0; i < n; i++) snprintf(c[i].name, sizeof c[i].name, "kept%d", i);
    return n;
}

/* Every jobs-th group, from the job-th on. */
static Totals run_job(Case *c, int n, int job, int jobs) {
    Totals t = {0};
    int reduced = 0;
    char *folder = calloc(1, PATH), command[PATH + 20];
    snprintf(folder, PATH, "%s/dlc_fuzz.XXXXXX", or_default("TMPDIR", "/tmp"));
    work = mkdtemp(folder);
    if (!work) exit(2);
    for (int g = job * GROUP; g < n; g += jobs * GROUP) {
        int size = n - g < GROUP ? n - g : GROUP;
        for (int i = g; i < g + size; i++) {
            if (c[i].kept) continue;
            path_of(&c[i], ".dl", c[i].path);
            write_random(&c[i], true);
        }
        run_group(c + g, size);
        for (int i = g; i < g + size; i++) count(&c[i], &t, &reduced);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", work);
    if (system(command) != 0) perror(work);
    return t;
}

static Totals run_all(Case *c, int n, int jobs) {
    Totals all = {0}, t;
    int from[64];
    for (int j = 0; j < jobs; j++) {
        int ends[2];
        if (pipe(ends) != 0) exit(2);
        if (fork() == 0) {
            t = run_job(c, n, j, jobs);
            fflush(stdout);
            _exit(write(ends[1], &t, sizeof t) != (ssize_t)sizeof t);
        }
        close(ends[1]);
        from[j] = ends[0];
    }
    for (int j = 0; j < jobs; j++) {
        if (read(from[j], &t, sizeof t) != (ssize_t)sizeof t) t = (Totals){.failed = 1};
        all.passed += t.passed;
        all.failed += t.failed;
        all.all.compared += t.all.compared;
        all.all.excused += t.all.excused;
        all.all.differences += t.all.differences;
        all.all.kinks += t.all.kinks;
    }
    while (wait(NULL) > 0) {
    }
    return all;
}

int main(int argc, char **argv) {
    int count = 500, jobs = 2;
    uint64_t seed = 1;
    for (int o; (o = getopt(argc, argv, "n:s:j:k:q:d:r:g")) != -1;) {
        switch (o) {
        case 'n':
            count = atoi(optarg);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            jobs = atoi(optarg);
            break;
        case 'k':
            kept_folder = optarg;
            break;
        case 'q':
            quick = optarg;
            break;
        case 'd':
            every = (unsigned)atoi(optarg);
            break;
        case 'r':
            tries = atoi(optarg);
            break;
        case 'g':
            tables = false;
            break;
        default:
            return 2;
        }
    }
    Case *c = calloc((size_t)count + MOST_KEPT, sizeof *c);
    if (!c || jobs < 1 || jobs > 64 || every < 1) return 2;
    signal(SIGPIPE, SIG_IGN);
    int n = find_kept(c);
    for (int i = 0; i < count; i++, n++) {
        c[n].seed = seed + (uint64_t)i;
        snprintf(c[n].name, sizeof c[n].name, "f%" PRIu64, c[n].seed);
    }
    Totals t = run_all(c, n, jobs);
    printf("%ld numbers compared, %ld behind a near tie; %ld gradients against differences, %ld at "
           "a kink\n",
            t.all.compared, t.all.excused, t.all.differences, t.all.kinks);
    bool many = t.all.excused * 10000 > t.all.compared;
    if (many) printf("FAIL more than one number in 10,000 stands behind a near tie\n");
    printf("%ld passed, %ld failed\n", t.passed, t.failed + many);
    return t.failed + many > 0;
}
