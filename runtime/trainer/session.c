/* session.c - a model and a work area in memory, allocated once, of the sizes that the table
 * asks for; and what a failed call means, in words. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../dl_memory.h"
#include "trainer.h"

/* One a processor; OMP_NUM_THREADS, where it is set, is what the user wants. */
static int default_threads(void) {
    const char *said = getenv("OMP_NUM_THREADS");
    long n = said ? strtol(said, NULL, 10) : 0;
    if (n < 1) n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 64 ? 64 : (int)n;
}

static bool check(const DlSession *s, int status, const char *doing, DlError *e) {
    if (status != DL_OK) dl_session_error(s, status, doing, e);
    return status == DL_OK;
}

bool dl_session_open(DlSession *s, const dl_model *table, int threads, uint64_t seed, DlError *e) {
    *s = (DlSession){.table = table, .threads = threads > 0 ? threads : default_threads()};
    if (table->abi != DL_ABI)
        return dl_fail(e,
                "%s: was generated for interface %d of the runtime, and this is %d; "
                "generate it again",
                table->name, table->abi, DL_ABI);
    size_t size = table->size(), work = table->work_size(s->threads);
    s->memory[0] = dl_memory(size);
    s->memory[1] = dl_memory(work);
    if (!s->memory[0] || !s->memory[1])
        dl_error(e, "out of memory: the model needs %zu bytes and its work area %zu", size, work);
    else if (check(s, table->init(s->memory[0], size, seed, &s->model), "creating the model", e) &&
             check(s, table->work_init(s->memory[1], work, s->threads, &s->work),
                     "creating the work area", e))
        return true;
    dl_session_close(s);
    return false;
}

void dl_session_close(DlSession *s) {
    free(s->memory[0]);
    free(s->memory[1]);
    s->memory[0] = s->memory[1] = NULL;
    s->model = s->work = NULL;
}

void dl_session_error(const DlSession *s, int status, const char *doing, DlError *e) {
    const dl_model *m = s->table;
    const dl_fault *f = s->work ? m->fault(s->work) : NULL;
    bool placed = f && f->status == status && f->tensor >= 0 && f->tensor < m->ntensor;
    if (!placed)
        dl_error(e, "%s: %s: %s", m->name, doing, m->message(status));
    else if (f->element < 0)
        dl_error(e, "%s: %s: %s: '%s' (%s:%d)", m->name, doing, m->message(status),
                m->tensor[f->tensor].name, m->source, m->tensor[f->tensor].line);
    else
        dl_error(e, "%s: %s: %s: element %lld of '%s' (%s:%d)", m->name, doing, m->message(status),
                (long long)f->element, m->tensor[f->tensor].name, m->source,
                m->tensor[f->tensor].line);
}
