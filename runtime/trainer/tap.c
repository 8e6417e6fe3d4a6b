/* tap.c - --tap: named tensors of the model for the rows of a split, each into a .npy file. The
 * tensors are the outputs of the entry `tap`, made when the model was compiled. */
#include <string.h>

#include "job.h"
#include "near.h"

static int output_named(Job *j, const dl_entry *entry, const char *name) {
    DlNear near = dl_near(name);
    char hint[96];
    for (int k = 0; k < entry->noutput; k++) {
        if (strcmp(entry->output[k].name, name) == 0) return k;
        dl_near_offer(&near, entry->output[k].name, strlen(entry->output[k].name));
    }
    dl_near_hint(&near, hint, sizeof hint);
    dl_error(&j->error, "--tap %s: the program was generated without it%s", name, hint);
    return -1;
}

static bool write_tap(
        Job *j, const dl_entry *entry, const DlBinding *b, const DlSplit *s, void *const *output) {
    char name[256], file[300];
    int64_t shape[DL_RANK + 4];
    snprintf(name, sizeof name, "%.*s", (int)b->length, b->name);
    int k = output_named(j, entry, name);
    if (k < 0) return false;
    const dl_tensor *t = &entry->output[k];
    if (t->rank > DL_RANK + 4) return dl_fail(&j->error, "%s: has too many axes for a file", name);
    for (int i = 0; i < t->rank; i++) shape[i] = t->shape[i] < 0 ? s->rows : t->shape[i];
    snprintf(file, sizeof file, "%s.npy", name);
    return dl_npy_write(b->file ? b->file : file, t->type, t->rank, shape, output[k], &j->error);
}

bool dl_job_tap(Job *j, const DlSplit *s) {
    const DlOptions *o = j->options;
    if (o->ntap == 0) return true;
    const dl_entry *entry = dl_entry_named(j->table, "tap");
    if (!entry)
        return dl_fail(&j->error,
                "--tap: the program was generated without it; add --tap NAME to the "
                "command that generates it");
    void **output = dl_entry_outputs_new(entry, s->rows, &j->error);
    bool ok = output && dl_entry_run(&j->session, entry, s, output, &j->error);
    for (int i = 0; ok && i < o->ntap; i++) ok = write_tap(j, entry, &o->tap[i], s, output);
    if (output) dl_entry_outputs_free(entry, output);
    return ok;
}
