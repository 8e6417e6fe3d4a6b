/* lines.c - fusion of units line by line: the folds and maps of a softmax, a normalisation of
 * each row, a cross-entropy and their gradients are one kernel, which goes through them one
 * after another for every line, while it is in the nearest memory.
 *
 * A line is the elements at one index of the first `shared` axes, which all members of the
 * unit have in common. The invariant: whatever a part of the unit reads of another part is of
 * its own line. So all parts of a line may run before the next line begins, lines are
 * independent of each other, and what only later parts read needs room for one line.
 *
 * A unit joins an earlier one of the same list when nothing in between has to come first.
 * Values do not change: each part is computed as it would be by itself.
 *
 * Requires the units' order; leaves it with fewer units, numbered anew. */
#include "kernel.h"

#include "mechanism.h"

enum {
    WIDE = 8,             /* elements or terms of a line that are worth one */
    MOST_ELEMENTS = 4096, /* of a line */
    MOST_IN_LINES = 16384,/* elements of all members' lines */
    FAR = 12              /* units in between */
};

/* ---- sizes --------------------------------------------------------------------------- */

static double elements_after(const Kernels *k, const Node *n, int axis) {
    double elements = 1;
    for (int i = axis; i < n->rank; i++) elements *= (double)extent_of(k, n->dim[i]);
    return elements;
}

/* Elements computed, or terms added, in a line. */
static double width_of(const Kernels *k, const Unit *u, int shared) {
    const Node *n = u->member.at[0];
    double width = elements_after(k, n, shared);
    for (int i = 0; i < n->nfold; i++) width *= (double)extent_of(k, n->fold_dim[i]);
    return width;
}

static bool is_wide(const Kernels *k, const Unit *u, int shared) {
    for (int i = 0; i < u->part.n; i++)
        if (width_of(k, u->part.at[i], shared) >= WIDE) return true;
    return width_of(k, u, shared) >= WIDE;
}

static bool fits(const Kernels *k, const Unit *a, const Unit *b, int shared) {
    double all = 0;
    for (int i = 0; i < a->member.n + b->member.n; i++) {
        const Node *n = i < a->member.n ? a->member.at[i] : b->member.at[i - a->member.n];
        double elements = elements_after(k, n, shared);
        if (elements > MOST_ELEMENTS) return false;
        all += elements;
    }
    return all <= MOST_IN_LINES;
}

/* ---- which units, and how many axes -------------------------------------------------- */

/* Marks units that run again where memory was free in between (repeat.c), and those that are
 * the last before that: they stay as they are. */
static void mark_repeated(Kernels *k) {
    k->mark++;
    for (int i = 0; i < k->storage.n; i++) {
        Unit *const unit[] = {k->storage.at[i]->resting, k->storage.at[i]->again};
        for (int j = 0; j < 2; j++)
            if (unit[j]) unit[j]->mark = k->mark;
    }
}

static bool writes_members(const Kernels *k, const Unit *u) {
    for (int i = 0; i < u->write.n; i++) {
        const View *v = k->view.at[u->write.at[i].value->id];
        if (u->write.at[i].from || v->node->kind != N_COMP || v->unit != u) return false;
    }
    return true;
}

/* Axes that may be shared: all of a map, or of a fold that has no lanes along the last one;
 * none of what is computed otherwise. */
static int most_shared(Kernels *k, const Unit *u) {
    if (u->kind != U_KERNEL || !u->member.n || u->adds || u->scratch.n) return 0;
    if (!writes_members(k, u) || u->mark == k->mark) return 0;
    const View *v = view_of(k, u->member.at[0]);
    if (!is_map(v->node)) return fold_free_axes(k, v);
    return u->member.n == 1 && v->body->kind == E_LOAD ? 0 : v->node->rank;
}

/* A map of a few elements a line is better off with lines joined to one loop. */
static bool is_worth_lines(const Kernels *k, const Unit *u, int shared) {
    double width = width_of(k, u, shared);
    return !is_map(u->member.at[0]) || width == 1 || width >= WIDE;
}

static bool same_lines(const Node *a, const Node *b, int shared) {
    bool same = a->rank >= shared && b->rank >= shared;
    for (int i = 0; same && i < shared; i++) same = a->dim[i] == b->dim[i];
    return same;
}

/* ---- what is read of whose line ------------------------------------------------------ */

typedef struct LineLoads {
    Kernels *k;
    const Unit *unit;     /* loads of what it makes ... */
    const Node *node;     /* ... or of this node */
    int shared;
    bool met, away;
} LineLoads;

static bool is_own(const Expr *load, int axis) {
    const Expr *index = load->arg[axis];
    bool only = load->node->dim[axis] == 1 && index->kind == E_CONST;
    return only || (index->kind == E_VAR && index->var == axis);
}

/* In its axis for all values of the variables, whatever a guard may say. */
static bool is_inside(const Expr *load, int axis) {
    const Expr *index = load->arg[axis];
    int64_t extent = load->node->dim[axis];
    return extent == DIM_BATCH ? index->kind == E_VAR : index->lo >= 0 && index->hi < extent;
}

static void look_at_load(void *ctx, Expr *e) {
    LineLoads *l = ctx;
    if (e->kind != E_LOAD) return;
    const Node *n = e->node;
    if (l->node ? n != l->node : n->kind != N_COMP || view_of(l->k, e->node)->unit != l->unit)
        return;
    l->met = true;
    l->away |= n->rank < l->shared;
    for (int i = 0; i < n->rank; i++)
        l->away |= i < l->shared ? !is_own(e, i) : l->unit && !is_inside(e, i);
}

bool reads_own_line(Kernels *k, const View *v, const Node *n, int shared) {
    LineLoads l = {.k = k, .node = n, .shared = shared};
    view_visit(k, v, look_at_load, &l);
    return !l.away;
}

/* Does b read what a makes at its own line only, and nowhere beside it? *met: it reads some. */
static bool reads_lines_of(Kernels *k, const Unit *b, const Unit *a, int shared, bool *met) {
    LineLoads l = {.k = k, .unit = a, .shared = shared};
    for (int i = 0; i < b->member.n; i++)
        view_visit(k, view_of(k, b->member.at[i]), look_at_load, &l);
    *met |= l.met;
    return !l.away;
}

static bool loads(Kernels *k, const Unit *u, const Node *n) {
    for (int i = 0; i < u->member.n; i++)
        if (loads_node(view_of(k, u->member.at[i]), n)) return true;
    for (int i = 0; i < u->write.n; i++)
        if (u->write.at[i].value == n) return true;
    for (int i = 0; i < u->child.n; i++)
        if (loads(k, u->child.at[i], n)) return true;
    return false;
}

/* What b writes in place of a leaf, a has read at the same line, if at all. */
static bool writes_after_reads(Kernels *k, const Unit *b, const Unit *a, int shared) {
    for (int i = 0; i < b->write.n; i++) {
        const Storage *to = b->write.at[i].to;
        Node *leaf = to->kind == ST_PLACE ? leaf_at(k, &to->place) : NULL;
        for (int j = 0; leaf && j < a->member.n; j++)
            if (!reads_own_line(k, view_of(k, a->member.at[j]), leaf, shared)) return false;
    }
    return true;
}

/* Do both read an operand of the size of a line or more? */
static bool share_operand(Kernels *k, const Unit *a, const Unit *b, int shared) {
    for (int i = 0; i < b->member.n; i++) {
        const NodeList *list = &view_of(k, b->member.at[i])->loads;
        for (int j = 0; j < list->n; j++) {
            const Node *n = list->at[j];
            if (n->rank >= shared && same_lines(n, b->member.at[0], shared) && loads(k, a, n))
                return true;
        }
    }
    return false;
}

/* How many axes a and b can share, 0: none. */
static int shared_axes(Kernels *k, const Unit *a, const Unit *b) {
    int most = most_shared(k, b), of_a = a->part.n ? a->shared : most_shared(k, a);
    if (of_a < most) most = of_a;
    for (int shared = most; shared > 0; shared--) {
        bool met = false, wide = is_wide(k, a, shared) || is_wide(k, b, shared);
        if (!same_lines(a->member.at[0], b->member.at[0], shared) || !wide) continue;
        if (!fits(k, a, b, shared)) return 0;
        bool worth = is_worth_lines(k, b, shared) && (a->part.n || is_worth_lines(k, a, shared));
        if (!worth) continue;
        if (!reads_lines_of(k, b, a, shared, &met)) continue;
        if (!writes_after_reads(k, b, a, shared)) continue;
        if (met || share_operand(k, a, b, shared)) return shared;
    }
    return 0;
}

/* ---- order --------------------------------------------------------------------------- */

/* The unit of the list that u stands in. */
static const Unit *in_list(const Unit *u, const Unit *peer) {
    while (u && u->parent != peer->parent) u = u->parent;
    return u;
}

/* Must x, which comes before b, stay before it? */
static bool has_to_precede(Kernels *k, const Unit *x, const Unit *b) {
    for (int i = 0; i < b->after.n; i++)
        if (b->after.at[i] == x) return true;
    for (int i = 0; i < b->member.n; i++) {
        const NodeList *list = &view_of(k, b->member.at[i])->loads;
        for (int j = 0; j < list->n; j++)
            if (in_list(view_of(k, list->at[j])->unit, b) == x) return true;
    }
    for (int i = 0; i < b->write.n; i++) {
        const Storage *to = b->write.at[i].to;
        Node *leaf = to->kind == ST_PLACE ? leaf_at(k, &to->place) : NULL;
        if (leaf && loads(k, x, leaf)) return true;
    }
    return false;
}

/* ---- joining ------------------------------------------------------------------------- */

static void add_part(Kernels *k, Unit *a, Unit *b) {
    Unit *part = arena_copy(k->arena, b, sizeof *b);
    vec_push(k->arena, &a->part, part);
}

/* Its results are those of all parts. */
static void collect(Kernels *k, Unit *a) {
    a->member = (NodeList){0};
    a->write.at = NULL, a->write.n = a->write.cap = 0;
    for (int i = 0; i < a->part.n; i++) {
        const Unit *part = a->part.at[i];
        for (int j = 0; j < part->member.n; j++) {
            vec_push(k->arena, &a->member, part->member.at[j]);
            view_of(k, part->member.at[j])->unit = a;
        }
        for (int j = 0; j < part->write.n; j++) vec_push(k->arena, &a->write, part->write.at[j]);
    }
}

static void join(Kernels *k, Unit *a, Unit *b, int shared) {
    if (!a->part.n) add_part(k, a, a);
    add_part(k, a, b);
    a->shared = shared;
    collect(k, a);
    b->member.n = b->write.n = 0;
}

/* Takes what can join the unit out of the list behind it. */
static void gather(Kernels *k, UnitList *list, int at) {
    Unit *a = list->at[at];
    for (int i = at + 1; i < list->n && i <= at + FAR; i++) {
        Unit *b = list->at[i];
        if (b->stretch != a->stretch) return;
        int shared = shared_axes(k, a, b);
        for (int j = at + 1; shared && j < i; j++)
            if (has_to_precede(k, list->at[j], b)) shared = 0;
        if (!shared) continue;
        join(k, a, b, shared);
        list->n--;
        for (int j = i; j < list->n; j++) list->at[j] = list->at[j + 1];
        i--;
    }
}

static void lines_of(Kernels *k, UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        lines_of(k, &list->at[i]->child);
        if (most_shared(k, list->at[i])) gather(k, list, i);
    }
}

void lines_build(Kernels *k) {
    if (!mechanism_on(MECHANISM_lines)) return;
    mark_repeated(k);
    lines_of(k, &k->top);
    order_number(k);
    stretch_ends(k);
}
