/* settings.c - the lines of a train block that the language knows: one table, and what is said of
 * a line that is none of them nor an update's. */
#include "settings.h"

#include <string.h>

static const Setting settings[] = {
        {"data", "csv(\"points.csv\")", CALL},
        {"augment", "image = image |> random_flip", ASSIGNMENT},
        {"validation", "0.1", NAMED},
        {"optimizer", "adam(rate: 0.001)", CALL},
        {"batch", "64", EXPRESSION},
        {"epochs", "10", EXPRESSION},
        {"shuffle", "false", EXPRESSION},
        {"loss", "64", EXPRESSION},
        {"accumulate", "4", EXPRESSION},
        {"freeze", "\"conv2d*\"", EXPRESSION},
        {"class_weight", "weight, of: label", NAMED},
        {"privacy", "delta: 1e-5", NAMED},
        {"stop_early", "patience: 3", NAMED},
        {"reduce_on_plateau", "factor: 0.1, patience: 10", NAMED},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static const char *foreign_setting(const char *name) {
    static const char *const pair[][2] = {
        {"batch_size", "batch"}, {"epoch", "epochs"}, {"optim", "optimizer"}, {"dataset", "data"},
        {"steps", "epochs"}, {"optimiser", "optimizer"}, {"seed", "the option --seed"},
        {"rate", "the optimizer's argument rate: optimizer adam(rate: 0.001)"},
        {"learning_rate", "the optimizer's argument rate: optimizer adam(rate: 0.001)"},
        {"early_stopping", "stop_early"}, {"validation_split", "validation"},
        {"reduce_lr_on_plateau", "reduce_on_plateau"}, {"class_weights", "class_weight"},
        {"validation_data", "validation"}, {"accumulation_steps", "accumulate"},
        {"checkpoint", "the option --checkpoint-every"}, {"augmentation", "augment"},
        {"transform", "augment"}, {"transforms", "augment"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (strcmp(pair[i][0], name) == 0) return pair[i][1];
    return NULL;
}

const Setting *setting_named(const char *name) {
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].name, name) == 0) return &settings[i];
    return NULL;
}

bool setting_is_known(const Ast *s) { return setting_named(s->name) != NULL; }

void setting_unknown(const Ast *s, const char *const *update, int updates) {
    enum { MOST = 64 };
    const char *name = s->name, *foreign = foreign_setting(name), *known[SETTINGS + MOST];
    char list[1024] = "";
    int n = 0;
    for (int i = 0; i < SETTINGS; i++) known[n++] = settings[i].name;
    for (int i = 0; i < updates && i < MOST; i++) known[n++] = update[i];
    for (int i = 0; i < n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " and ",
                known[i]);
    }
    const char *near = diag_nearest(name, known, n);
    Span at = ast_head(s);
    if (foreign) diag_error(at, "there is no setting `%s`; here it is %s", name, foreign);
    else if (near) diag_error(at, "there is no setting `%s`; did you mean `%s`?", name, near);
    else diag_error(at, "there is no setting `%s`; the settings are %s", name, list);
}
