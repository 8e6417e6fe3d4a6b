/* order.c - an order of the units in which memory dies early.
 *
 * List scheduling: of the units whose operands are there, the one that adds least to the
 * memory in use comes next, the first made among equals. So a weight's gradient and its
 * update come as soon as they can. The check of the loss comes as soon as it can. Then a
 * unit that makes more than it lets go moves down to the first one that waits for it. A
 * scan's body is ordered in the same way, by itself. */
#include "kernel.h"

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

typedef struct Order {
    Kernels *k;
    UnitList *list;
    Reads *reads; /* by index in list */
    int *left;    /* by node id: units still to come that read it */
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

static bool ready(const Unit *u) {
    for (int i = 0; i < u->after.n; i++)
        if (u->after.at[i]->state != 2) return false;
    return true;
}

static void take(Order *o, int index) {
    Unit *u = o->list->at[index];
    const NodeList *read = &o->reads[index].node;
    for (int i = 0; i < read->n; i++) o->left[read->at[i]->id]--;
    u->state = 2;
    vec_push(o->k->arena, &o->done, u);
}

/* ---- moving down --------------------------------------------------------------------- */

static bool waits(const Unit *u, const Unit *for_this) {
    for (int i = 0; i < u->after.n; i++)
        if (u->after.at[i] == for_this) return true;
    return false;
}

static bool is_read_after(const Reads *later, int n, const Node *node) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < later[i].node.n; j++)
            if (later[i].node.at[j] == node) return true;
    return false;
}

/* Bytes made less the bytes of operands that live no longer than to this unit. */
static double made(const Order *o, int at, const Reads *reads, int n) {
    Unit *u = o->list->at[at];
    double bytes = 0;
    for (int i = 0; i < u->member.n; i++) bytes += node_bytes(o, u->member.at[i]);
    for (int i = 0; i < reads[at].node.n; i++) {
        Node *node = reads[at].node.at[i];
        if (view_of(o->k, node)->unit == u) continue;
        if (!is_read_after(&reads[at + 1], n - at - 1, node)) bytes -= node_bytes(o, node);
    }
    return bytes;
}

static void move_down(Order *o) {
    int n = o->list->n;
    Reads *reads = NEW_ARRAY(o->k->arena, Reads, n + 1);
    for (int i = 0; i < n; i++) collect(o->k, o->list->at[i], &reads[i]);
    for (int i = n - 2; i >= 0; i--) {
        Unit *u = o->list->at[i];
        Reads own = reads[i];
        if (u->kind != U_KERNEL || u->write.n || made(o, i, reads, n) <= 0) continue;
        int to = i;
        for (; to + 1 < n && !waits(o->list->at[to + 1], u); to++) {
            o->list->at[to] = o->list->at[to + 1];
            reads[to] = reads[to + 1];
        }
        o->list->at[to] = u;
        reads[to] = own;
    }
}

static void order_list(Kernels *k, UnitList *list) {
    if (list->n == 0) return;
    Order o = {.k = k, .list = list};
    o.reads = NEW_ARRAY(k->arena, Reads, list->n + 1);
    o.left = NEW_ARRAY(k->arena, int, k->view.n);
    for (int i = 0; i < list->n; i++) {
        order_list(k, &list->at[i]->child);
        collect(k, list->at[i], &o.reads[i]);
        for (int j = 0; j < o.reads[i].node.n; j++) o.left[o.reads[i].node.at[j]->id]++;
    }
    while (o.done.n < list->n) {
        int best = -1;
        double least = 0;
        for (int i = 0; i < list->n; i++) {
            if (list->at[i]->state == 2 || !ready(list->at[i])) continue;
            double bytes = growth(&o, i);
            if (best < 0 || bytes < least) best = i, least = bytes;
        }
        if (best < 0) ICE((Span){0}, "units wait for each other");
        take(&o, best);
    }
    list->at = o.done.at;
    move_down(&o);
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
    order_list(k, &k->top);
    if (k->slicing.groups == 0) repeat_build(k);
    order_number(k);
}
