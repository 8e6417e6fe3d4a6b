/* numbers.c - what a table holds beside weights, by name: settable numbers, such as the rate of
 * an optimiser, and the averages of parameters, `average/PATH`, which are evaluated and saved in
 * the parameters' place.
 *
 * Invariant: averages stand in the model object beside their parameters, of the same size. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "trainer.h"

static const char average[] = "average/";

static void *place(const DlSession *s, const dl_tensor *t) {
    return (unsigned char *)s->model + t->offset;
}

/* ---- numbers ------------------------------------------------------------------------ */

static const dl_tensor *number_named(const dl_model *m, const char *name, size_t length) {
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].role == DL_NUMBER && strlen(m->tensor[i].name) == length &&
                strncmp(m->tensor[i].name, name, length) == 0)
            return &m->tensor[i];
    return NULL;
}

float *dl_number(const DlSession *s, const char *name) {
    const dl_tensor *t = number_named(s->table, name, strlen(name));
    return t ? (float *)place(s, t) : NULL;
}

bool dl_number_is(const dl_tensor *t, const char *name) {
    size_t n = strlen(t->name), k = strlen(name);
    if (n < k || strcmp(t->name + n - k, name) != 0) return false;
    return n == k || t->name[n - k - 1] == '.';
}

static bool no_number(const dl_model *m, const char *setting, size_t length, DlError *e) {
    char list[1024] = "", name[128], hint[96];
    snprintf(name, sizeof name, "%.*s", length < sizeof name ? (int)length : 127, setting);
    DlNear near = dl_near(name);
    for (int i = 0; i < m->ntensor; i++) {
        if (m->tensor[i].role != DL_NUMBER) continue;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", m->tensor[i].name);
        dl_near_offer(&near, m->tensor[i].name, strlen(m->tensor[i].name));
    }
    dl_near_hint(&near, hint, sizeof hint);
    if (!list[0])
        return dl_fail(e, "--set %s: the optimiser of %s has no numbers to set", setting, m->name);
    return dl_fail(e, "--set %s: there is no number '%s'%s The numbers of %s are %s", setting, name,
            hint[0] ? hint : ".", m->name, list);
}

bool dl_number_set(const DlSession *s, const char *setting, DlError *e) {
    size_t length = strcspn(setting, "=");
    const dl_tensor *t = number_named(s->table, setting, length);
    if (setting[length] == '\0')
        return dl_fail(e, "--set %s: a value is missing: --set %s=0.001", setting, setting);
    if (!t) return no_number(s->table, setting, length, e);
    char *end;
    float v = strtof(setting + length + 1, &end);
    if (end == setting + length + 1 || *end != '\0' || !isfinite(v))
        return dl_fail(e, "--set %s: '%s' is not a number", setting, setting + length + 1);
    memcpy(place(s, t), &v, sizeof v);
    return true;
}

/* ---- averages ----------------------------------------------------------------------- */

/* The parameter that an average is of, or NULL. */
static const dl_tensor *averaged(const dl_model *m, const dl_tensor *t) {
    size_t n = sizeof average - 1;
    if (t->role != DL_SLOT || strncmp(t->name, average, n) != 0) return NULL;
    for (int i = 0; i < m->ntensor; i++) {
        const dl_tensor *p = &m->tensor[i];
        if (p->role == DL_PARAMETER && strcmp(p->name, t->name + n) == 0 && p->bytes == t->bytes)
            return p;
    }
    return NULL;
}

static void swap(unsigned char *a, unsigned char *b, size_t n) {
    unsigned char held[4096];
    while (n > 0) {
        size_t part = n < sizeof held ? n : sizeof held;
        memcpy(held, a, part);
        memcpy(a, b, part);
        memcpy(b, held, part);
        a += part;
        b += part;
        n -= part;
    }
}

void dl_average_swap(const DlSession *s) {
    for (int i = 0; i < s->table->ntensor; i++) {
        const dl_tensor *t = &s->table->tensor[i], *p = averaged(s->table, t);
        if (p) swap(place(s, t), place(s, p), t->bytes);
    }
}

void dl_average_begin(const DlSession *s, const unsigned char *loaded) {
    for (int i = 0; i < s->table->ntensor; i++) {
        const dl_tensor *t = &s->table->tensor[i], *p = averaged(s->table, t);
        if (p && loaded[p - s->table->tensor] && !loaded[i])
            memcpy(place(s, t), place(s, p), t->bytes);
    }
}
