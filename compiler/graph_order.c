/* graph_order.c - walking a graph: what a node needs, all that roots need, replacing.
 *
 * Walks keep their own stack: a graph may be thousands of layers deep. */
#include "graph_tables.h"

#include <string.h>

/* ---- operands -------------------------------------------------------------------------- */

typedef struct Loads {
    Graph *g;
    NodeList *list;
} Loads;

static void add_once(Graph *g, NodeList *list, Node *n) {
    for (int k = 0; k < list->n; k++)
        if (list->at[k] == n) return;
    vec_push(g->arena, list, n);
}

static void visit_load(void *ctx, Expr *e) {
    Loads *l = ctx;
    if (e->kind == E_LOAD) add_once(l->g, l->list, e->node);
}

NodeList node_operands(Graph *g, const Node *n) {
    struct GraphTables *t = g->t;
    while (t->operands.n <= n->id) vec_push(g->arena, &t->operands, (NodeList *)NULL);
    if (t->operands.at[n->id]) return *t->operands.at[n->id];
    NodeList *list = NEW(g->arena, NodeList);
    if (n->kind == N_COMP) {
        Loads l = {g, list};
        expr_walk_begin(g);
        expr_walk_more(g, n->guard, visit_load, &l);
        expr_walk_more(g, n->body, visit_load, &l);
    }
    if (n->kind == N_STACK) add_once(g, list, n->of);
    for (int k = 0; n->scan && k < n->scan->n; k++) {
        add_once(g, list, n->scan->init[k]);
        if (n->scan->closed) add_once(g, list, n->scan->next[k]);
    }
    if (!n->scan || n->scan->closed) t->operands.at[n->id] = list;
    return *list;
}

/* ---- order ----------------------------------------------------------------------------- */

/* The k-th node that has to come before n, or NULL: its operands and what the scans that it
 * stands in begin with; but a carry waits for nothing of its own body. A stack waits for the
 * whole scan. */
static Node *before(Graph *g, const Node *n, int k) {
    NodeList operand = {0};
    if (n->kind != N_CARRY) operand = node_operands(g, n);
    if (k < operand.n) return operand.at[k];
    k -= operand.n;
    for (int j = 0; j < n->nin; j++) {
        if (k < n->in[j]->n) return n->in[j]->init[k];
        k -= n->in[j]->n;
    }
    return NULL;
}

typedef struct Frame {
    Node *node;
    int next;
} Frame;
typedef Vec(Frame) FrameStack;

typedef struct Walk {
    Graph *g;
    NodeList out;
    FrameStack stack;
} Walk;

/* The marks of all walks stand in one array, as the number of the walk: orders are asked for
 * often, of a few nodes of a large graph. */
static void enter(Walk *w, Node *n) {
    struct GraphTables *t = w->g->t;
    if (t->node_mark.at[n->id] == t->node_walk) return;
    t->node_mark.at[n->id] = t->node_walk;
    vec_push(w->g->arena, &w->stack, ((Frame){n, 0}));
}

static void walk_from(Walk *w, Node *root) {
    enter(w, root);
    while (w->stack.n > 0) {
        Frame *top = &w->stack.at[w->stack.n - 1];
        Node *need = before(w->g, top->node, top->next);
        if (need) {
            top->next++;
            enter(w, need);
        } else {
            vec_push(w->g->arena, &w->out, top->node);
            w->stack.n--;
        }
    }
}

bool node_list_has(NodeList list, const Node *n) {
    for (int k = 0; k < list.n; k++)
        if (list.at[k] == n) return true;
    return false;
}

NodeList graph_order(Graph *g, Node *const *root, int n) {
    struct GraphTables *t = g->t;
    Walk w = {.g = g};
    while (t->node_mark.n < t->node.n) vec_push(g->arena, &t->node_mark, 0);
    t->node_walk++;
    for (int k = 0; k < n; k++) walk_from(&w, root[k]);
    /* A root inside a body: the rest of the scan belongs to it as well. */
    for (int k = 0; k < w.out.n; k++) {
        const Node *c = w.out.at[k];
        for (int j = 0; c->kind == N_CARRY && c->scan->closed && j < c->scan->n; j++)
            walk_from(&w, c->scan->next[j]);
    }
    return w.out;
}

/* ---- replacing ------------------------------------------------------------------------- */

typedef struct Replace {
    Graph *g;
    NodeList order;
    Node **map;         /* by id: what stands for the node; NULL: itself */
    bool *changed;      /* by id */
    bool *scan_changed; /* by scan id: a carry of it changed, so that it is cloned */
    Scan **clone;       /* by scan id */
    const bool *wanted; /* by id: what `make` makes anew; NULL: nothing */
    NodeMakeFn *make;
    void *ctx;
} Replace;

static Node *image(const Replace *r, Node *n) {
    return r->map[n->id] ? r->map[n->id] : n;
}

static bool any_changed(const Replace *r, const Node *n) {
    NodeList operand = node_operands(r->g, n);
    for (int k = 0; k < operand.n; k++)
        if (r->changed[operand.at[k]->id]) return true;
    for (int k = 0; k < n->nin; k++)
        if (r->scan_changed[n->in[k]->id]) return true;
    return false;
}

/* A change travels to users, and through a carry to all of its scan. */
static void spread_changes(Replace *r) {
    for (bool more = true; more;) {
        more = false;
        for (int k = 0; k < r->order.n; k++) {
            const Node *n = r->order.at[k];
            if (r->changed[n->id] || !any_changed(r, n)) continue;
            r->changed[n->id] = true;
            more = true;
            if (n->kind == N_CARRY) r->scan_changed[n->scan->id] = true;
        }
    }
}

static Expr *load_image(void *ctx, Graph *g, Node *n, Expr *const *index, Expr *guard) {
    return ex_load(g, image(ctx, n), index, guard);
}

static Scan *clone_of(Replace *r, Scan *s) {
    if (r->clone[s->id]) return r->clone[s->id];
    Scan *around = s->around ? r->g->t->scan.at[s->around->id] : NULL;
    if (around && r->scan_changed[around->id]) around = clone_of(r, around);
    Node **init = NEW_ARRAY(r->g->arena, Node *, s->n);
    for (int k = 0; k < s->n; k++) init[k] = image(r, s->init[k]);
    Scan *c = scan_open(r->g, s->extent, s->reversed, s->n, init, s->span);
    for (int k = 0; k < s->n; k++) c->carry[k]->name = s->carry[k]->name;
    r->clone[s->id] = c;
    if (around) scan_nest(r->g, c, around);
    return c;
}

/* The time of a cloned scan is the clone's. */
static Expr *rebuilt(Replace *r, Expr *e) {
    if (!e) return NULL;
    Expr *out = ex_rewrite(r->g, e, NULL, NULL, NULL, load_image, r);
    for (int k = 0; k < e->nin; k++) {
        Scan *s = r->g->t->scan.at[e->in[k]->id];
        if (r->scan_changed[s->id])
            out = ex_rewrite(r->g, out, NULL, s, ex_time(r->g, clone_of(r, s)), NULL, NULL);
    }
    return out;
}

static void close_clone(Replace *r, const Scan *s) {
    Scan *c = r->clone[s->id];
    if (!c || c->closed || !s->closed) return;
    Node **next = NEW_ARRAY(r->g->arena, Node *, s->n);
    for (int k = 0; k < s->n; k++) next[k] = image(r, s->next[k]);
    scan_close(r->g, c, next);
}

static Node *rebuild(Replace *r, Node *n) {
    switch (n->kind) {
    case N_LEAF:
        return n;
    case N_COMP:
        return node_comp(r->g, n->rank, n->dim, n->fold, n->nfold, n->fold_dim,
                rebuilt(r, n->guard), rebuilt(r, n->body), n->span);
    case N_CARRY:
        return clone_of(r, n->scan)->carry[n->carry];
    case N_STACK:
        close_clone(r, n->scan);
        return node_stack(r->g, r->clone[n->scan->id] ? r->clone[n->scan->id] : n->scan,
                image(r, n->of), n->span);
    }
    return n;
}

static void rebuild_changed(Replace *r) {
    for (int k = 0; k < r->order.n; k++) {
        Node *n = r->order.at[k];
        if (!r->changed[n->id] || r->map[n->id]) continue;
        Node *to = rebuild(r, n);
        if (r->wanted && r->wanted[n->id]) to = r->make(r->ctx, r->g, to);
        if (!to->name && to != n) to->name = n->name;
        to->is_grad = to->is_grad || n->is_grad;
        to->kept = to->kept || n->kept;
        r->map[n->id] = to;
    }
    for (int k = 0; k < r->order.n; k++)
        if (r->order.at[k]->kind == N_CARRY) close_clone(r, r->order.at[k]->scan);
}

static Replace replace_new(Graph *g, Node *const *root, int n) {
    Replace r = {.g = g, .order = graph_order(g, root, n)};
    r.map = NEW_ARRAY(g->arena, Node *, g->t->node.n);
    r.changed = NEW_ARRAY(g->arena, bool, g->t->node.n);
    r.scan_changed = NEW_ARRAY(g->arena, bool, g->t->scan.n);
    r.clone = NEW_ARRAY(g->arena, Scan *, g->t->scan.n);
    return r;
}

static void replace_all(Replace *r, Node **root, int n) {
    spread_changes(r);
    rebuild_changed(r);
    for (int k = 0; k < n; k++) root[k] = image(r, root[k]);
}

void graph_replace(Graph *g, Node **root, int n, Node *const *from, Node *const *to, int m) {
    Replace r = replace_new(g, root, n);
    for (int k = 0; k < m; k++) {
        r.map[from[k]->id] = to[k];
        r.changed[from[k]->id] = from[k] != to[k];
    }
    replace_all(&r, root, n);
}

void graph_remake(Graph *g, Node **root, int n, const bool *wanted, NodeMakeFn *make, void *ctx) {
    Replace r = replace_new(g, root, n);
    r.wanted = wanted;
    r.make = make;
    r.ctx = ctx;
    for (int k = 0; k < r.order.n; k++)
        r.changed[r.order.at[k]->id] = wanted[r.order.at[k]->id];
    replace_all(&r, root, n);
}
