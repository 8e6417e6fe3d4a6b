/* still.c - proof that an update changes nothing where the gradient is zero.
 *
 * Zero is put for the gradient into the values that the unit writes. A leaf is kept when its
 * new value then is the old one plus or minus what depends on no element (so: when that is
 * zero); any other leaf that is written has to be zero and to stay so. Plain descent keeps
 * the parameter; momentum's and Adam's averages are of the second kind, and so with them a
 * parameter stands still until its row is first met. Weight decay moves every row.
 *
 * Values are equal as numbers: -0 may stay where it would become 0. Requires storages and
 * lifetimes. */
#include "still.h"

enum { MOST_PARTS = 256 }; /* expressions looked at, with repetition */

typedef enum { MOVES, KEPT, FIXED } RestKind;

/* What an expression is where the gradient is zero: the leaf's old value, or `value`, which
 * is the same for all elements, or neither. */
typedef struct Rest {
    RestKind kind;
    const Node *leaf;
    Expr *value;
} Rest;

typedef struct Proof {
    Kernels *k;
    const Unit *unit;
    const Node *gradient;
    NodeList kept, zero; /* of the leaves that the unit writes */
    Expr *given;
    int parts;
} Proof;

static bool is_among(const NodeList *list, const Node *n) {
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == n) return true;
    return false;
}

static Rest fixed(Expr *value) {
    return (Rest){.kind = FIXED, .value = value};
}

static void require_zero(Proof *p, Expr *value) {
    Graph *g = p->k->graph;
    if (ex_is_const(value, 0)) return;
    p->given = ex_and(g, p->given, ex_op2(g, OP_eq, value, ex_real(g, 0)));
}

static Rest rest_of(Proof *p, Expr *e);

static bool is_member(const Unit *u, const Node *n) {
    for (int i = 0; i < u->member.n; i++)
        if (u->member.at[i] == n) return true;
    return false;
}

static Rest rest_of_load(Proof *p, Expr *e) {
    Node *n = e->node;
    bool own = at_own_index(e);
    if (n == p->gradient && own) return fixed(ex_real(p->k->graph, 0));
    if (is_member(p->unit, n) && own) return rest_of(p, view_of(p->k, n)->body);
    if (is_among(&p->kept, n) && own) return (Rest){.kind = KEPT, .leaf = n};
    if (is_among(&p->zero, n) && own) return fixed(ex_real(p->k->graph, 0));
    return e->vars ? (Rest){.kind = MOVES} : fixed(e);
}

static Rest rest_of_operator(Proof *p, Expr *e) {
    Rest rest[3];
    Expr *arg[3];
    bool all = true;
    for (int i = 0; i < e->narg; i++) {
        rest[i] = rest_of(p, e->arg[i]);
        arg[i] = rest[i].value;
        all &= rest[i].kind == FIXED;
    }
    if (all) return fixed(ex_op(p->k->graph, e->op, arg));
    int kept = e->op == OP_add && rest[1].kind == KEPT;
    bool sum = e->op == OP_add || e->op == OP_sub;
    if (!sum || rest[kept].kind != KEPT || rest[!kept].kind != FIXED) return (Rest){.kind = MOVES};
    require_zero(p, rest[!kept].value);
    return rest[kept];
}

static Rest rest_of(Proof *p, Expr *e) {
    if (++p->parts > MOST_PARTS || e->kind == E_VAR) return (Rest){.kind = MOVES};
    if (e->kind == E_LOAD) return rest_of_load(p, e);
    if (e->kind == E_OP) return rest_of_operator(p, e);
    return fixed(e);
}

/* The leaf whose place is written, or NULL. */
static Node *leaf_of(const Proof *p, const Write *w) {
    bool plain = !w->from && w->value->dtype == T_F32 && w->to->kind == ST_PLACE;
    return plain ? leaf_at(p->k, &w->to->place) : NULL;
}

/* Is the member read by others, so that all of its elements have to be there? */
static bool is_read(const Proof *p, const Node *n) {
    const Storage *s = p->k->view.at[n->id]->storage;
    if (!s || s->kind == ST_PLACE) return false;
    return s->kind != ST_ARENA || s->last > p->unit->position;
}

/* Tells the leaves that keep their value from those that have to be zero. */
static bool sort_leaves(Proof *p) {
    for (int i = 0; i < p->unit->member.n; i++)
        if (is_read(p, p->unit->member.at[i])) return false;
    NodeList kept = {0}, zero = {0};
    for (int i = 0; i < p->unit->write.n; i++) {
        const Write *w = &p->unit->write.at[i];
        Node *leaf = leaf_of(p, w);
        if (w->add) continue;
        if (!leaf) return false;
        vec_push(p->k->arena, &p->zero, leaf);
    }
    for (int i = 0; i < p->unit->write.n; i++) {
        const Write *w = &p->unit->write.at[i];
        if (w->add) continue;
        Node *leaf = leaf_of(p, w);
        p->kept.at = &leaf, p->kept.n = 1;
        Rest rest = is_member(p->unit, w->value) ? rest_of(p, view_of(p->k, w->value)->body)
                                                 : (Rest){.kind = MOVES};
        vec_push(p->k->arena, rest.kind == KEPT ? &kept : &zero, leaf);
    }
    p->kept = kept;
    p->zero = zero;
    p->given = NULL;
    return true;
}

bool stands_still(Kernels *k, const Unit *u, const Node *gradient, Still *out) {
    Proof p = {.k = k, .unit = u, .gradient = gradient};
    if (!u->write.n || !sort_leaves(&p)) return false;
    for (int i = 0; i < u->write.n; i++) {
        const Write *w = &u->write.at[i];
        if (!is_member(u, w->value)) return false;
        Node *leaf = leaf_of(&p, w);
        Rest rest = w->value == gradient ? fixed(ex_real(k->graph, 0))
                                         : rest_of(&p, view_of(k, w->value)->body);
        bool keeps = !w->add && is_among(&p.kept, leaf);
        if (rest.kind != (keeps ? KEPT : FIXED) || (keeps && rest.leaf != leaf)) return false;
        if (!keeps) require_zero(&p, rest.value);
    }
    *out = (Still){p.zero, p.given};
    return true;
}
