/* first_losses.c - the losses of a model's first training steps, one a line.
 *
 *     first_losses [-i] [-s WEIGHTS] MODEL.dl DATA_FOLDER STEPS
 *
 * Rows come in the data's order, weights from seed 0; -s saves these first, -i interprets.
 * Another framework that begins with the same weights must see the same losses. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../compiler/driver.h"
#include "../../runtime/trainer/trainer.h"

static DlConfig config_of(Arena *a, const Model *m) {
    DlArg *arg = NEW_ARRAY(a, DlArg, m->data.arg.n + 1);
    for (int i = 0; i < m->data.arg.n; i++)
        arg[i] = (DlArg){m->data.arg.at[i].name, m->data.arg.at[i].text};
    return (DlConfig){.readers = dl_all_readers, .reader = m->data.reader,
            .narg = m->data.arg.n,
            .arg = arg,
            .epochs = 1,
            .keep_order = true};
}

static bool run(DlSession *s, const DlConfig *c, const char *folder, const char *save, int steps,
        DlError *e) {
    DlRequest q = {.table = s->table, .config = c, .data_dir = folder};
    DlData *d = dl_data_open(&q, e);
    DlRun r = {0};
    bool ok =
            d && (!save || dl_weights_save(s, &d->meta, save, e)) && dl_run_open(&r, s, d, c, 0, e);
    for (int i = 0; ok && i < steps; i++) {
        float loss;
        ok = dl_run_step(&r, &loss, e);
        if (ok) printf("%.9g\n", (double)loss);
    }
    return ok;
}

int main(int argc, char **argv) {
    bool interpret = false;
    const char *save = NULL;
    for (int c; (c = getopt(argc, argv, "is:")) != -1;) {
        if (c == 'i')
            interpret = true;
        else if (c == 's')
            save = optarg;
        else
            return 2;
    }
    if (argc - optind != 3) return 2;
    Arena *a = arena_new();
    Options o = {.input = argv[optind]};
    Model *m = driver_model(a, &o);
    const dl_model *table = !m ? NULL : interpret ? interpret_table(a, m) : build_table(a, &o, m);
    if (!table) return 1;
    DlError e = {""};
    DlSession s;
    DlConfig c = config_of(a, m);
    if (!dl_session_open(&s, table, 1, 0, &e) ||
            !run(&s, &c, argv[optind + 1], save, atoi(argv[optind + 2]), &e)) {
        fprintf(stderr, "first_losses: %s\n", e.text);
        return 1;
    }
    return 0;
}
