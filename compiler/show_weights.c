/* show_weights.c - see show_weights.h: a file's weights in an object of the interpreter's. */
#include "show_weights.h"

#include <string.h>

bool trained_open(Arena *a, Trained *t, const Model *m, const char *path) {
    *t = (Trained){.pool = dl_pool_new()};
    if (!t->pool) return dl_fail(&t->error, "out of memory");
    Model *model = arena_copy(a, m, sizeof *m);
    const dl_model *table = interpret_table32(a, model);
    return table && dl_session_open(&t->session, table, 1, 0, &t->error) &&
           dl_weights_meta(path, t->pool, &t->meta, &t->error) &&
           dl_weights_load(&t->session, path, &t->error);
}

void trained_close(Trained *t) {
    dl_session_close(&t->session);
    dl_pool_free(t->pool);
}

const float *trained_values(Trained *t, const Node *parameter) {
    const dl_model *m = t->session.table;
    for (int i = 0; i < m->ntensor; i++) {
        const dl_tensor *k = &m->tensor[i];
        if (k->role == DL_PARAMETER && k->type == DL_F32 && strcmp(k->name, parameter->name) == 0)
            return (const float *)(const void *)((const char *)t->session.model + k->offset);
    }
    dl_error(&t->error, "%s: is not among the weights", parameter->name);
    return NULL;
}
