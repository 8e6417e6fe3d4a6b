/* alike.c - see alike.h.
 *
 * Whatever schedule*.c and builder*.c ask of a unit, a view, a node or a storage has to be in
 * the key; names are not, since the canonical text of a function has none. An expression or
 * node is written where it is met first and is a number from then on, so that a key is as long
 * as the DAG. */
#include "alike.h"
#include "graph_tables.h"

#include <string.h>

typedef struct KeyWriter {
    Kernels *k;
    UnitKey *key;
    Lookup expr, node;        /* ids that were met; the place in the list is the number */
} KeyWriter;

static void word(KeyWriter *w, uint64_t x) {
    vec_push(w->k->scratch, &w->key->word, x);
    w->key->hash = hash_mix(w->key->hash, x);
}

static void integer(KeyWriter *w, int64_t x) {
    word(w, (uint64_t)x);
}

/* Writes the id's number; false: it was met before, and what it stands for is written. */
static bool is_new(KeyWriter *w, Lookup *met, int id) {
    uint64_t hash = hash_mix(11, (uint64_t)id);
    for (int e = lookup_first(met, hash); e >= 0; e = lookup_next(met, e)) {
        if (lookup_item(met, e) != id) continue;
        integer(w, e);
        return false;
    }
    integer(w, met->entry.n);
    lookup_add(w->k->scratch, met, hash, id);
    return true;
}

/* ---- what is passed in a call -------------------------------------------------------- */

static int storage_number(KeyWriter *w, Storage *s, bool *new) {
    UnitKey *key = w->key;
    for (int i = 0; i < key->storage.n; i++)
        if (key->storage.at[i] == s) return i;
    *new = true;
    vec_push(w->k->scratch, &key->storage, s);
    return key->storage.n - 1;
}

static int64_t slice_rows(const Stretch *s) {
    return s ? s->slice_rows : 0;
}

static void storage(KeyWriter *w, Storage *s) {
    bool new = false;
    if (!s) {
        integer(w, -1);
        return;
    }
    integer(w, s->one_step);
    integer(w, slice_rows(s->local));
    s = resolve(s);
    integer(w, storage_number(w, s, &new));
    if (!new) return;
    integer(w, s->kind);
    integer(w, s->kind == ST_PLACE ? (int)s->place.object : s->kind == ST_TABLE ? s->table : 0);
    integer(w, s->type);
    integer(w, s->elements);
    integer(w, s->lo);
    integer(w, s->hi);
}

static void scan(KeyWriter *w, const Scan *s) {
    UnitKey *key = w->key;
    int i = 0;
    while (i < key->scan.n && key->scan.at[i] != s) i++;
    integer(w, i);
    if (i < key->scan.n) return;
    vec_push(w->k->scratch, &key->scan, s);
    integer(w, s->extent);
}

static void stream(KeyWriter *w, uint32_t number) {
    UnitKey *key = w->key;
    int i = 0;
    while (i < key->stream.n && key->stream.at[i] != number) i++;
    integer(w, i);
    if (i == key->stream.n) vec_push(w->k->scratch, &key->stream, number);
}

/* ---- nodes and expressions ----------------------------------------------------------- */

static void dims(KeyWriter *w, int n, const int64_t *dim) {
    integer(w, n);
    for (int i = 0; i < n; i++) integer(w, dim[i]);
}

static void expression(KeyWriter *w, const Expr *e);

/* Its own body is no matter where it is loaded, unless it is known that all elements are one. */
static void node(KeyWriter *w, Node *n) {
    if (!is_new(w, &w->node, n->id)) return;
    integer(w, n->kind);
    integer(w, n->dtype);
    dims(w, n->rank, n->dim);
    if (n->kind == N_LEAF) integer(w, n->leaf);
    if (n->kind == N_LEAF && n->leaf == L_UNIFORM) stream(w, n->stream);
    if (is_map(n) && n->body->kind == E_CONST) expression(w, n->body);
    storage(w, view_of(w->k, n)->storage);
}

static void affine(KeyWriter *w, const Affine *sum) {
    integer(w, sum->c0);
    integer(w, sum->n);
    for (int i = 0; i < sum->n; i++) {
        integer(w, sum->term[i].c);
        expression(w, sum->term[i].atom);
    }
}

static void constant(KeyWriter *w, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    word(w, bits);
}

static void expression(KeyWriter *w, const Expr *e) {
    if (!e) {
        integer(w, -1);
        return;
    }
    if (!is_new(w, &w->expr, e->id)) return;
    integer(w, e->kind);
    integer(w, e->dtype);
    integer(w, e->lo);
    integer(w, e->hi);
    if (e->kind == E_CONST) constant(w, e->value);
    if (e->kind == E_VAR) integer(w, e->var);
    if (e->kind == E_VAR) integer(w, e->extent);
    if (e->kind == E_TIME) scan(w, e->scan);
    if (e->kind == E_OP) integer(w, e->op);
    if (e->kind == E_LOAD) node(w, e->node);
    integer(w, e->narg);
    for (int i = 0; i < e->narg; i++) expression(w, e->arg[i]);
    expression(w, e->guard);
    integer(w, e->affine != NULL);
    if (e->affine) affine(w, e->affine);
}

/* ---- units --------------------------------------------------------------------------- */

static void own_unit(KeyWriter *w, const Unit *u) {
    integer(w, u ? slice_rows(u->stretch) : -1);
    integer(w, u && u->adds);
}

static void view(KeyWriter *w, const Unit *u, const View *v) {
    const Node *n = v->node;
    int64_t lo = 0, hi = -1;
    node(w, v->node);
    if (n->dtype != T_F32) node_range(n, &lo, &hi);
    integer(w, lo);
    integer(w, hi);
    integer(w, n->fold);
    dims(w, n->nfold, n->fold_dim);
    integer(w, v->partial);
    integer(w, v->contraction);
    integer(w, v->storage && v->storage->last > u->position);
    own_unit(w, v->unit);
    expression(w, v->body);
    expression(w, v->guard);
}

static void unit(KeyWriter *w, const Unit *u, const Unit *whole) {
    own_unit(w, u);
    integer(w, u->shared);
    integer(w, u->member.n);
    for (int i = 0; i < u->member.n; i++) view(w, whole, view_of(w->k, u->member.at[i]));
    integer(w, u->write.n);
    for (int i = 0; i < u->write.n; i++) {
        const Write *write = &u->write.at[i];
        node(w, write->value);
        storage(w, write->to);
        storage(w, write->from);
        integer(w, write->to == view_of(w->k, write->value)->storage);
        integer(w, write->add);
    }
    integer(w, u->scratch.n);
    for (int i = 0; i < u->scratch.n; i++) storage(w, u->scratch.at[i]);
    integer(w, u->part.n);
    for (int i = 0; i < u->part.n; i++) unit(w, u->part.at[i], whole);
}

UnitKey unit_key(Kernels *k, const Unit *u) {
    UnitKey key = {.hash = 1};
    KeyWriter w = {.k = k, .key = &key};
    integer(&w, k->batch);
    integer(&w, k->slicing.groups);
    unit(&w, u, u);
    return key;
}

bool same_key(const UnitKey *a, const UnitKey *b) {
    return a->hash == b->hash && a->word.n == b->word.n &&
           !memcmp(a->word.at, b->word.at, (size_t)a->word.n * sizeof *a->word.at);
}

/* ---- calls --------------------------------------------------------------------------- */

CallForm call_form(Arena *a, const UnitKey *key, const Unit *u) {
    CallForm form = {0};
    for (int i = 0; i < u->argument.n; i++) {
        int number = 0;
        while (number < key->storage.n && key->storage.at[number] != u->argument.at[i]) number++;
        if (number == key->storage.n) ICE((Span){0}, "an argument that the unit does not name");
        vec_push(a, &form.argument, number);
    }
    for (int i = 0; i < u->time.n; i++) {
        int number = 0;
        while (key->scan.at[number] != u->time.at[i]) number++;
        vec_push(a, &form.time, number);
    }
    for (int i = 0; i < u->stream.n; i++) {
        int number = 0;
        while (key->stream.at[number] != u->stream.at[i]) number++;
        vec_push(a, &form.stream, number);
    }
    return form;
}

void call_alike(Arena *a, const UnitKey *key, const CallForm *form, Unit *u) {
    for (int i = 0; i < form->argument.n; i++)
        vec_push(a, &u->argument, key->storage.at[form->argument.at[i]]);
    for (int i = 0; i < form->time.n; i++)
        vec_push(a, &u->time, key->scan.at[form->time.at[i]]);
    for (int i = 0; i < form->stream.n; i++)
        vec_push(a, &u->stream, key->stream.at[form->stream.at[i]]);
}
