/* watch.c - see record.h: a value that is hoped to get better, as Keras's callbacks watch one. A
 * loss is better when it is smaller; of other metrics the train block says it. */
#include <math.h>
#include <string.h>

#include "near.h"
#include "record.h"

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static bool no_column(const char *name, const char *setting, const DlRecord *r, DlError *e) {
    char list[1024] = "", hint[96];
    DlNear near = dl_near(name);
    for (int i = 0; i < r->n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", r->name[i]);
        dl_near_offer(&near, r->name[i], strlen(r->name[i]));
    }
    dl_near_hint(&near, hint, sizeof hint);
    if (strncmp(name, "validation_", 11) == 0 && !(r->split && strcmp(r->split, "validation") == 0))
        return dl_fail(e,
                "%s: nothing is validated, so that there is no '%s'; add `validation 0.1` "
                "to the train block",
                setting, name);
    return dl_fail(e, "%s: there is no '%s' to monitor%s There are %s", setting, name,
            hint[0] ? hint : ".", list);
}

bool dl_watch_open(
        DlWatch *w, const DlMonitor *m, const char *setting, const DlRecord *r, DlError *e) {
    const char *name = m->name;
    if (!name)
        name = dl_record_column(r, "validation_loss") >= 0 ? "validation_loss" : "train_loss";
    *w = (DlWatch){.monitor = m, .name = name, .column = dl_record_column(r, name)};
    if (w->column < 0) return no_column(name, setting, r, e);
    if (m->better == 0 && !ends_with(name, "loss"))
        return dl_fail(e,
                "%s: is a greater '%s' better, or a smaller one? Add mode: max, or mode: min",
                setting, name);
    w->greater = m->better > 0;
    w->best = w->greater ? -INFINITY : INFINITY;
    return true;
}

bool dl_watch_look(DlWatch *w, const DlRecord *r) {
    double v = r->value[w->column], delta = w->monitor->min_delta;
    w->waited++;
    if (!(w->greater ? v > w->best + delta : v < w->best - delta)) return false;
    w->best = v;
    w->best_epoch = r->epoch;
    w->waited = 0;
    return true;
}
