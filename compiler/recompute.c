/* recompute.c - computing a slice's values once more in a later stretch, instead of keeping
 * them for the whole batch in between.
 *
 * Where rows are coupled (by the statistics of a normalisation, say) one stretch ends and the
 * next begins, and what a later one reads of an earlier one is kept for all rows: written to
 * memory and read from it. An elementwise result is worth that only if it is dear. If it is
 * cheap, and what it is made of is there in the later stretch anyway, each slice makes it
 * again there; then it lives in one slice in either place.
 *
 * A result is made again in every later stretch that reads it, or in none: kept for one it
 * would be there for all. What it is made of (a convolution's sums) may have to be kept in
 * its place, which pays when several results go back to it: a normalisation's differences, its
 * result, that after relu, and that with zeros around for the next convolution. Values do not
 * change: the operations are the same. Where memory is limited, what is dear is made again as
 * well (Thrift).
 *
 * Requires stretches and storages; adds units to stretches, each a copy of a node with a
 * storage of its own, and makes the readers there read the copy. */
#include "kernel.h"

#include "graph_tables.h"
#include "mechanism.h"

enum {
    LARGE_BYTES = 65536,      /* of the whole batch: less is not worth the trouble */
    MOST_OPERATORS = 12,      /* of a result and what is made again for it */
    MORE_OPERATORS = 400,     /* the same where memory is dear */
    FUNCTION = 10             /* what an operator that is not cheap counts as */
};
static const double least_gain = 1.5;   /* bytes not kept, for each byte kept in their place */

typedef Vec(Stretch *) StretchList;

/* What is known of a node, by id. */
typedef struct Known {
    UnitList readers;         /* units outside of scans that read it */
    Node *copy;               /* in the stretch that is worked on */
    double gain;              /* bytes of results that would go back to it */
    bool granted;             /* is kept for them */
} Known;

typedef struct Recompute {
    Kernels *k;
    Vec(Known) known;
    NodeList copied;          /* of the stretch */
    bool asking;              /* what is granted is not known yet: note who asks */
    NodeList asked;           /* by the result that is looked at */
    UnitList list;            /* units in their new order */
    Lookup written;           /* the routine's roots, by their places */
} Recompute;

static Known *known_of(Recompute *r, const Node *n) {
    while (r->known.n <= n->id) vec_push(r->k->arena, &r->known, ((Known){0}));
    return &r->known.at[n->id];
}

/* ---- readers ------------------------------------------------------------------------- */

static void add_reader(Recompute *r, const Node *n, Unit *u) {
    UnitList *readers = &known_of(r, n)->readers;
    if (readers->n == 0 || readers->at[readers->n - 1] != u) vec_push(r->k->arena, readers, u);
}

static void add_readers(Recompute *r, const Unit *u, Unit *top) {
    for (int i = 0; i < u->member.n; i++) {
        const NodeList *loads = &view_of(r->k, u->member.at[i])->loads;
        for (int j = 0; j < loads->n; j++) add_reader(r, loads->at[j], top);
    }
    for (int i = 0; i < u->write.n; i++) add_reader(r, u->write.at[i].value, top);
    for (int i = 0; u->scan && i < u->scan->n; i++) {
        add_reader(r, u->scan->init[i], top);
        add_reader(r, u->scan->next[i], top);
    }
    for (int i = 0; i < u->child.n; i++) add_readers(r, u->child.at[i], top);
}

/* ---- what may be made again ---------------------------------------------------------- */

typedef struct Budget {
    bool dear;                /* operators that are not cheap, and random numbers, are allowed */
    int left;
} Budget;

static void count_operator(void *ctx, Expr *e) {
    Budget *b = ctx;
    bool dear = e->kind == E_OP && !(op_info[e->op].flags & OPF_CHEAP);
    bool drawn = e->kind == E_LOAD && e->node->kind == N_LEAF && e->node->leaf == L_UNIFORM;
    if ((dear || drawn) && !b->dear) b->left = 0;
    b->left -= dear || drawn ? FUNCTION : e->kind == E_OP;
}

static int operators(const Kernels *k) {
    return k->slicing.thrift >= THRIFT_FUNCTIONS ? MORE_OPERATORS : MOST_OPERATORS;
}

/* Is it elementwise, or of a kind that memory is dearer than, large, and made in an earlier
 * stretch for its own sake? */
static bool is_kept(Kernels *k, const Node *n, const Stretch *in) {
    const View *v = view_of(k, (Node *)n);
    bool again = is_map(n) || (n->kind == N_COMP && k->slicing.thrift >= THRIFT_SUMS);
    if (!again || v->partial || !v->stored || !is_kernel(v->unit) || n->nin) return false;
    if (v->storage->kind != ST_ARENA || v->storage->bytes < LARGE_BYTES) return false;
    return v->unit->stretch && v->unit->stretch != in;
}

static bool is_overwritten(const Recompute *r, const Node *leaf) {
    const Binding *b = view_of(r->k, (Node *)leaf)->binding;
    int e = b ? lookup_first(&r->written, place_hash(&b->from)) : -1;
    for (; e >= 0; e = lookup_next(&r->written, e))
        if (same_place(&r->k->routine->root.at[lookup_item(&r->written, e)].to, &b->from))
            return true;
    return false;
}

/* Is the operand there in the stretch: small, or read then or later in any case? */
static bool is_there(Recompute *r, const Node *n, const Stretch *in) {
    const Storage *s = view_of(r->k, (Node *)n)->storage;
    const UnitList *readers = &known_of(r, n)->readers;
    bool later = false;
    for (int i = 0; i < readers->n; i++) later |= readers->at[i]->last_position >= in->first;
    if (n->kind == N_LEAF) return later || !is_overwritten(r, n);
    if (!s || (s->kind == ST_PLACE && !later)) return false;
    return later || (s->row_stride == 0 && s->bytes < LARGE_BYTES);
}

/* Would it be there if it were kept in place of others? */
static bool is_granted(Recompute *r, Node *n) {
    const View *v = view_of(r->k, n);
    bool sum = n->kind == N_COMP && !is_map(n) && v->storage && v->storage->kind == ST_ARENA;
    if (!sum || n->nin || !v->storage->row_stride) return false;
    if (r->asking) vec_push(r->k->arena, &r->asked, n);
    return r->asking || known_of(r, n)->granted;
}

/* Can it be made again there, for no more than so many operators? */
static bool can_copy(Recompute *r, const Node *n, const Stretch *in, int *left) {
    if (!is_kept(r->k, n, in)) return false;
    const View *v = view_of(r->k, (Node *)n);
    Budget budget = {r->k->slicing.thrift >= THRIFT_FUNCTIONS, *left - 1};
    view_visit(r->k, v, count_operator, &budget);
    *left = budget.left;
    for (int i = 0; i < v->loads.n && *left >= 0; i++) {
        Node *operand = v->loads.at[i];
        if (is_there(r, operand, in) || can_copy(r, operand, in, left)) continue;
        if (!is_granted(r, operand)) return false;
    }
    return *left >= 0;
}

/* Every unit of a later phase that reads it can make it. */
static bool is_worth_copying(Recompute *r, const Node *n) {
    bool later = false;
    const Unit *made = view_of(r->k, (Node *)n)->unit;
    const UnitList *readers = &known_of(r, n)->readers;
    for (int i = 0; i < readers->n; i++) {
        int left = operators(r->k);
        const Stretch *s = readers->at[i]->stretch;
        if (s == made->stretch) continue;
        if (!s || readers->at[i]->kind != U_KERNEL || !can_copy(r, n, s, &left)) return false;
        later = true;
    }
    return later;
}

/* Grants what enough results ask for. */
static void grant(Recompute *r) {
    r->asking = true;
    for (int i = 0; i < r->k->order.n; i++) {
        Node *n = r->k->order.at[i];
        r->asked.n = 0;
        if (n->kind != N_COMP || !is_kept(r->k, n, NULL) || !is_worth_copying(r, n)) continue;
        for (int j = 0; j < r->asked.n; j++) {
            bool first = true;
            for (int m = 0; m < j; m++) first &= r->asked.at[m] != r->asked.at[j];
            double bytes = (double)view_of(r->k, n)->storage->bytes;
            if (first) known_of(r, r->asked.at[j])->gain += bytes;
        }
    }
    r->asking = false;
    for (int i = 0; i < r->known.n; i++) {
        Known *known = &r->known.at[i];
        if (known->gain == 0) continue;
        known->granted = known->gain >= least_gain * (double)r->k->view.at[i]->storage->bytes;
    }
}

/* ---- copies -------------------------------------------------------------------------- */

static Expr *load_copy(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    Node *copy = known_of(ctx, n)->copy;
    return ex_load(g, copy ? copy : n, index, guard);
}

/* The view reads copies, where there are some. */
static void read_copies(Recompute *r, View *v) {
    Kernels *k = r->k;
    v->body = ex_rewrite(k->graph, v->body, NULL, NULL, NULL, load_copy, r);
    if (v->guard) v->guard = ex_rewrite(k->graph, v->guard, NULL, NULL, NULL, load_copy, r);
    view_note_loads(k, v);
}

/* A unit of the same elements that the copy can be computed in: the last one. */
static Unit *unit_to_join(Recompute *r, const View *v, const Stretch *in) {
    Unit *last = r->list.n ? r->list.at[r->list.n - 1] : NULL;
    if (!last || last->stretch != in || !last->member.n || !is_map(v->node)) return NULL;
    Node *first = last->member.at[0];
    if (first->copy == 0 || !is_map(first) || !same_extents(first, v->node)) return NULL;
    for (int i = 0; i < last->member.n; i++)
        if (loads_away(r->k, v, last->member.at[i])) return NULL;
    return last;
}

static void make_copy(Recompute *r, Node *n, Stretch *in) {
    Kernels *k = r->k;
    int left = operators(k);
    if (known_of(r, n)->copy || !can_copy(r, n, in, &left)) return;
    for (int i = 0; i < view_of(k, n)->loads.n; i++)
        make_copy(r, view_of(k, n)->loads.at[i], in);
    Node *copy = node_copy(k->graph, n);
    View *v = view_of(k, copy);
    *v = *view_of(k, n);
    v->node = copy;
    v->loads = (NodeList){0};
    read_copies(r, v);
    v->storage = scratch_storage(k, copy);
    v->unit = unit_to_join(r, v, in);
    if (!v->unit) {
        v->unit = kernel_unit(k);
        v->unit->stretch = in;
        vec_push(k->arena, &r->list, v->unit);
    }
    vec_push(k->arena, &v->unit->member, copy);
    known_of(r, n)->copy = copy;
    vec_push(k->arena, &r->copied, n);
}

static void make_operands(Recompute *r, Unit *u) {
    for (int i = 0; i < u->member.n; i++) {
        View *v = view_of(r->k, u->member.at[i]);
        NodeList loads = v->loads;
        for (int j = 0; j < loads.n; j++)
            if (is_kept(r->k, loads.at[j], u->stretch) && is_worth_copying(r, loads.at[j]))
                make_copy(r, loads.at[j], u->stretch);
        read_copies(r, v);
    }
}

/* ---- the list ------------------------------------------------------------------------ */

static void forget_copies(Recompute *r) {
    for (int i = 0; i < r->copied.n; i++) known_of(r, r->copied.at[i])->copy = NULL;
    r->copied.n = 0;
}

void stretch_ends(Kernels *k) {
    for (int i = 0; i < k->stretch.n; i++) k->stretch.at[i]->first = INT32_MAX;
    for (int i = 0; i < k->top.n; i++) {
        Stretch *s = k->top.at[i]->stretch;
        if (!s) continue;
        if (k->top.at[i]->position < s->first) s->first = k->top.at[i]->position;
        s->last = k->top.at[i]->last_position;
    }
}

void recompute_build(Kernels *k) {
    Recompute r = {.k = k};
    const Stretch *open = NULL;
    if (k->stretch.n < 2 || !mechanism_on(MECHANISM_again)) return;
    for (int i = 0; i < k->routine->root.n; i++)
        lookup_add(k->arena, &r.written, place_hash(&k->routine->root.at[i].to), i);
    for (int i = 0; i < k->top.n; i++) add_readers(&r, k->top.at[i], k->top.at[i]);
    grant(&r);
    int n = k->top.n;
    for (int i = 0; i < n; i++) {
        Unit *u = k->top.at[i];
        if (u->stretch != open) forget_copies(&r);
        open = u->stretch;
        if (u->kind == U_KERNEL && open) make_operands(&r, u);
        vec_push(k->arena, &r.list, u);
    }
    k->top = r.list;
    order_number(k);
    stretch_ends(k);
}
