/* order.c - an order of the units in which memory dies early.
 *
 * List scheduling: of the units whose operands are there, the one that adds least to the
 * memory in use comes next, the first made among equals. So a weight's gradient and its
 * update come as soon as they can. The check of the loss comes as soon as it can. Then a
 * unit that makes more than it lets go moves down to the first one that waits for it. A
 * scan's body is ordered in the same way, by itself. */
#include "kernel.h"

enum { DONE = 1 };

typedef struct Reads {
    NodeList node;
} Reads;

static void add_read(Kernels *k, Reads *r, Node *n) {
    for (int i = 0; i < r->node.n; i++)
        if (r->node.at[i] == n) return;
    vec_push(k->arena, &r->node, n);
}

static bool makes(Kernels *k, const Unit *u, Node *n) {
    return n->kind == N_COMP && view_of(k, n)->unit == u;
}

/* What a unit reads that others made, its body's units included. */
static void collect(Kernels *k, const Unit *u, Reads *r) {
    for (int i = 0; i < u->member.n; i++) {
        const NodeList *loads = &view_of(k, u->member.at[i])->loads;
        for (int j = 0; j < loads->n; j++)
            if (!makes(k, u, loads->at[j])) add_read(k, r, loads->at[j]);
    }
    for (int i = 0; i < u->write.n; i++)
        if (!makes(k, u, u->write.at[i].value)) add_read(k, r, u->write.at[i].value);
    for (int i = 0; i < u->child.n; i++) collect(k, u->child.at[i], r);
    for (int c = 0; u->scan && c < u->scan->n; c++) {
        if (!is_carry_needed(k, u->scan, c)) continue;
        add_read(k, r, u->scan->init[c]);
        add_read(k, r, u->scan->next[c]);
    }
}

typedef Vec(int) Indices;

/* A unit that is ready, and what it would add if it came next. */
typedef struct Ready {
    double bytes;
    int index;
} Ready;

typedef struct Order {
    Kernels *k;
    UnitList *list;
    Reads *reads;      /* by index in list */
    Indices *readers;  /* by node id: units that read it; empty between lists */
    int *left;         /* by node id: how many of these are still to come */
    int *missing;      /* by index: units still to come that it waits for */
    Vec(Ready) heap;   /* no entry is less than the one at half its place */
    UnitList done;
} Order;

static double node_bytes(const Order *o, Node *n) {
    const View *v = view_of(o->k, n);
    bool planned = v->storage && (v->storage->kind == ST_ARENA || v->storage->kind == ST_FLIP);
    return planned ? (double)v->storage->bytes : 0;
}

/* Bytes that are in use after the unit and were not before it. */
static double growth(const Order *o, int index) {
    Unit *u = o->list->at[index];
    double bytes = 0;
    if (u->kind == U_CHECK) return -1e30;
    for (int i = 0; i < u->member.n; i++)
        if (o->left[u->member.at[i]->id] > 0) bytes += node_bytes(o, u->member.at[i]);
    const NodeList *read = &o->reads[index].node;
    for (int i = 0; i < read->n; i++) {
        View *v = view_of(o->k, read->at[i]);
        if (v->unit == u && v->node->kind != N_STACK) continue;
        if (v->unit != u && o->left[read->at[i]->id] == 1) bytes -= node_bytes(o, read->at[i]);
    }
    return bytes;
}

/* ---- list scheduling ----------------------------------------------------------------- */

static bool comes_first(const Ready *a, const Ready *b) {
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->index < b->index;
}

static void swap(Ready *a, Ready *b) {
    Ready kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_push(Order *o, int index) {
    vec_push(o->k->arena, &o->heap, ((Ready){growth(o, index), index}));
    Ready *at = o->heap.at;
    for (int i = o->heap.n - 1; i > 0 && comes_first(&at[i], &at[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&at[i], &at[(i - 1) / 2]);
}

static Ready heap_pop(Order *o) {
    Ready *at = o->heap.at, first = at[0];
    int n = --o->heap.n;
    at[0] = at[n];
    for (int i = 0, least;; i = least) {
        least = i;
        for (int j = 2 * i + 1; j <= 2 * i + 2 && j < n; j++)
            if (comes_first(&at[j], &at[least])) least = j;
        if (least == i) return first;
        swap(&at[i], &at[least]);
    }
}

/* The last reader of a node lets it go: it adds less than before. Its old entry stays and is
 * skipped when its turn comes. */
static void last_reader(Order *o, const Node *n) {
    for (int i = 0; i < o->readers[n->id].n; i++) {
        int index = o->readers[n->id].at[i];
        if (o->list->at[index]->state != DONE && !o->missing[index]) heap_push(o, index);
    }
}

static void take(Order *o, int index) {
    Unit *u = o->list->at[index];
    const NodeList *read = &o->reads[index].node;
    u->state = DONE;
    vec_push(o->k->arena, &o->done, u);
    for (int i = 0; i < read->n; i++)
        if (--o->left[read->at[i]->id] == 1) last_reader(o, read->at[i]);
    for (int i = 0; i < u->before.n; i++) {
        int next = u->before.at[i]->index;
        if (--o->missing[next] == 0) heap_push(o, next);
    }
}

static void find_readers(Order *o) {
    int n = o->list->n;
    for (int i = 0; i < n; i++) {
        const NodeList *read = &o->reads[i].node;
        o->list->at[i]->index = i;
        o->missing[i] = o->list->at[i]->after.n;
        for (int j = 0; j < read->n; j++) {
            vec_push(o->k->arena, &o->readers[read->at[j]->id], i);
            o->left[read->at[j]->id]++;
        }
    }
}

static void schedule_list(Order *o) {
    find_readers(o);
    for (int i = 0; i < o->list->n; i++)
        if (!o->missing[i]) heap_push(o, i);
    while (o->heap.n) {
        Ready first = heap_pop(o);
        if (o->list->at[first.index]->state != DONE) take(o, first.index);
    }
    if (o->done.n < o->list->n) ICE((Span){0}, "units wait for each other");
}

/* ---- moving down --------------------------------------------------------------------- */

/* Bytes made less the bytes of operands that live no longer than to this unit: those that
 * none of the units after it, which have been counted in `left`, reads. */
static double made(const Order *o, Unit *u) {
    const NodeList *read = &o->reads[u->index].node;
    double bytes = 0;
    for (int i = 0; i < u->member.n; i++) bytes += node_bytes(o, u->member.at[i]);
    for (int i = 0; i < read->n; i++) {
        if (view_of(o->k, read->at[i])->unit == u) continue;
        if (!o->left[read->at[i]->id]) bytes -= node_bytes(o, read->at[i]);
    }
    return bytes;
}

/* Lets the units at [at + 1, n) pass that do not wait for the one at `at`. */
static void pass_by(UnitList *list, int at, int mark) {
    Unit *u = list->at[at];
    for (int i = 0; i < u->before.n; i++) u->before.at[i]->mark = mark;
    for (; at + 1 < list->n && list->at[at + 1]->mark != mark; at++)
        list->at[at] = list->at[at + 1];
    list->at[at] = u;
}

static void move_down(Order *o) {
    for (int i = o->list->n - 1; i >= 0; i--) {
        Unit *u = o->list->at[i];
        const NodeList *read = &o->reads[u->index].node;
        bool moves = i + 1 < o->list->n && u->kind == U_KERNEL && !u->write.n && made(o, u) > 0;
        for (int j = 0; j < read->n; j++) o->left[read->at[j]->id]++;
        if (moves) pass_by(o->list, i, ++o->k->mark);
    }
}

/* For the next list. */
static void forget(Order *o) {
    for (int i = 0; i < o->list->n; i++)
        for (int j = 0; j < o->reads[i].node.n; j++) {
            int id = o->reads[i].node.at[j]->id;
            o->left[id] = o->readers[id].n = 0;
        }
}

static void order_list(const Order *shared, UnitList *list) {
    if (list->n == 0) return;
    Kernels *k = shared->k;
    Order o = *shared;
    o.list = list;
    o.reads = NEW_ARRAY(k->arena, Reads, list->n + 1);
    o.missing = NEW_ARRAY(k->arena, int, list->n + 1);
    for (int i = 0; i < list->n; i++) {
        order_list(shared, &list->at[i]->child);
        collect(k, list->at[i], &o.reads[i]);
    }
    schedule_list(&o);
    list->at = o.done.at;
    move_down(&o);
    forget(&o);
}

static void number(UnitList *list, int *position) {
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        u->position = *position;
        if (u->kind != U_SCAN) ++*position;
        number(&u->child, position);
        u->last_position = *position - 1;
    }
}

void order_number(Kernels *k) {
    int position = 0;
    number(&k->top, &position);
}

/* By slices of rows nothing large is kept that could be made again. */
void order_build(Kernels *k) {
    Order shared = {.k = k, .left = NEW_ARRAY(k->arena, int, k->view.n)};
    shared.readers = arena_array(k->arena, (size_t)k->view.n, sizeof *shared.readers);
    order_list(&shared, &k->top);
    if (k->slicing.groups == 0) repeat_build(k);
    order_number(k);
}
