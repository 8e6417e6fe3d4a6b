/* vectorize.c - loops as vector code.
 *
 * Input: a function of scalar loops, as a schedule made it (contractions are vector code
 * already). Output: the same function, in which every loop whose iterations are independent
 * (loop_parallel.c), and for which it is the cheapest choice in its nest (vectorize_cost.c),
 * runs in steps of sixteen lanes (vectorize_code.c). Values keep their bits: a lane computes
 * what its iteration did, and the order in which a fold adds is the schedule's.
 *
 * Invariants: independence is asked of the loop as it was, so that any order of iterations is
 * as good; what is left over at the end of a loop is a vector with fewer lanes. A function
 * whose vectors loop_check.c cannot prove to stay in bounds is left as it was. */
#include "vectorize.h"

enum { STRAIGHT = 4 * LANES };   /* loops up to that length have no loop in vector code */

typedef struct Vectorizer {
    Arena *a;
    Known known;
    int64_t batch;
} Vectorizer;

/* ---- loops --------------------------------------------------------------------------- */

/* Has it got a loop in which something is accumulated? Then several vectors at once hide
 * how long an addition takes. */
static bool accumulates(const LoopBlock *block, bool inside) {
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        if (s->kind == S_SET && inside) return true;
        if (accumulates(&s->body, inside || s->kind == S_FOR)) return true;
    }
    return false;
}

static int copies_of(const LoopStmt *s, int64_t vectors) {
    bool alone = s->parallel && vectors > 1; /* leave something for other threads */
    int64_t most = alone ? vectors / 2 : vectors;
    if (vectors > MOST_COPIES && !accumulates(&s->body, false)) return 1;
    int copies = most < MOST_COPIES ? (int)most : MOST_COPIES;
    while (copies > 1 && vectors % copies) copies--;
    return copies > 1 ? copies : 1;
}

static LoopExpr *index_of(Vectorizer *v, int64_t i) {
    return lx_int(v->a, LT_INDEX, i);
}

/* The body for `copies` vectors from `base` on. */
static bool vectors_at(Vectorizer *v, Lanes l, LoopExpr *base, int copies, LoopBlock *to) {
    l.a = v->a;
    l.known = &v->known;
    l.copies = copies;
    for (int u = 0; u < copies; u++)
        l.base[u] = lx_add(v->a, base, index_of(v, (int64_t)u * LANES));
    return vector_body(&l, &l.loop->body, to);
}

static bool vector_loop(Vectorizer *v, Lanes l, LoopExpr *lo, LoopExpr *hi, int copies,
        LoopBlock *to) {
    LoopStmt *loop = ls_for(v->a, to, l.loop->var, lo, hi, (int64_t)copies * LANES);
    loop->parallel = l.loop->parallel;
    return vectors_at(v, l, lx_var(v->a, l.loop->var), copies, &loop->body);
}

/* What is made more than once has names of its own each time. */
static LoopBlock *scope_of(Vectorizer *v, bool own, LoopBlock *to) {
    return own ? &ls_block(v->a, to)->body : to;
}

static bool constant_loop(Vectorizer *v, Lanes l, LoopBlock *to) {
    int64_t lo = l.loop->lo->integer, size = l.loop->hi->integer - lo;
    int64_t vectors = size / LANES, whole = lo + vectors * LANES;
    int copies = copies_of(l.loop, vectors);
    l.aligned = lo % LANES == 0;
    if (vectors > copies && !vector_loop(v, l, l.loop->lo, index_of(v, whole), copies, to))
        return false;
    bool both = vectors && size % LANES;
    if (vectors == copies && !vectors_at(v, l, l.loop->lo, copies, scope_of(v, both, to)))
        return false;
    l.lanes = (int)(size % LANES);
    return !l.lanes || vectors_at(v, l, index_of(v, whole), 1, scope_of(v, both, to));
}

/* Not longer than a vector: no loop. */
static bool short_loop(Vectorizer *v, Lanes l, LoopBlock *to) {
    LoopVar *count = loop_var(v->a, LT_INDEX, "count");
    l.count = ls_let(v->a, to, count, lx_sub(v->a, l.loop->hi, l.loop->lo));
    l.aligned = l.loop->lo->kind == X_INT && l.loop->lo->integer % LANES == 0;
    return vectors_at(v, l, l.loop->lo, 1, to);
}

static bool is_short(const LoopStmt *s) {
    const LoopExpr *hi = s->hi;
    if (hi->kind != X_MIN || s->lo->kind != X_INT) return false;
    for (int i = 0; i < 2; i++)
        if (hi->arg[i]->kind == X_INT && hi->arg[i]->integer - s->lo->integer <= LANES) return true;
    return false;
}

/* One loop over whole vectors, one for what is left. */
static bool open_loop(Vectorizer *v, Lanes l, LoopBlock *to) {
    Arena *a = v->a;
    LoopExpr *lo = l.loop->lo, *hi = l.loop->hi;
    bool whole = hi->kind == X_MUL && hi->arg[1]->kind == X_INT &&
                 hi->arg[1]->integer % LANES == 0 && lo->kind == X_INT && lo->integer == 0;
    l.aligned = lo->kind == X_INT && lo->integer % LANES == 0;
    if (whole) return vector_loop(v, l, lo, hi, 1, to);
    bool from_zero = lo->kind == X_INT && lo->integer == 0;
    if (from_zero && !vector_loop(v, l, lo, lx_sub(a, hi, index_of(v, LANES - 1)), 1, to))
        return false;
    LoopExpr *rest = from_zero ? lx_mul(a, lx_quo(a, hi, LANES), LANES) : lo;
    if (from_zero && rest->arg[0]->kind == X_QUO) rest->arg[0]->integer = hi->kind != X_VAR;
    LoopVar *again = loop_var(a, LT_INDEX, l.loop->var->name);
    LoopStmt *loop = ls_for(a, to, again, rest, hi, LANES);
    LoopExpr *at = lx_var(a, again);
    LoopExpr *count = lx_min(a, index_of(v, LANES), lx_sub(a, hi, at));
    l.count = ls_let(a, &loop->body, loop_var(a, LT_INDEX, "count"), count);
    return vectors_at(v, l, at, 1, &loop->body);
}

static bool as_vectors(Vectorizer *v, const LoopStmt *s, LoopBlock *to) {
    Lanes l = {.loop = s, .lanes = LANES};
    if (is_short(s)) return short_loop(v, l, to);
    if (s->lo->kind == X_INT && s->hi->kind == X_INT) return constant_loop(v, l, to);
    return open_loop(v, l, to);
}

/* ---- which of a nest ----------------------------------------------------------------- */

/* Arrays of its own and vectors in it are not for vector code. */
static bool is_scalar_code(const LoopBlock *block) {
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        bool array = s->kind == S_ARRAY || s->kind == S_VSTORE || s->kind == S_TRANSPOSE;
        if (array || !is_scalar_code(&s->body)) return false;
        if (s->var && is_vector(s->var->type)) return false;
    }
    return true;
}

static bool is_empty(const LoopStmt *s) {
    return s->lo->kind == X_INT && s->hi->kind == X_INT && s->hi->integer <= s->lo->integer;
}

static LoopBlock cheapest(Vectorizer *v, const LoopBlock *block);

static LoopStmt *with_body(Vectorizer *v, const LoopStmt *s) {
    LoopStmt *copy = arena_copy(v->a, s, sizeof *s);
    Known *k = &v->known;
    int vars = k->var.n, facts = k->fact.n;
    if (s->kind != S_LET) known_enter(k, s);
    copy->body = cheapest(v, &s->body);
    k->var.n = vars;
    k->fact.n = facts;
    return copy;
}

/* The loop as vector code; false: it is not to be. */
static bool vectorized(Vectorizer *v, const LoopStmt *s, LoopBlock *to) {
    Known *k = &v->known;
    int vars = k->var.n, facts = k->fact.n;
    if (s->step != 1 || is_empty(s) || !is_scalar_code(&s->body)) return false;
    known_enter(k, s);
    bool done = !loop_shares(k, s) && as_vectors(v, s, to);
    k->var.n = vars;
    k->fact.n = facts;
    return done;
}

static void choose_loop(Vectorizer *v, const LoopStmt *s, LoopBlock *to) {
    LoopBlock plain = {0}, lanes = {0};
    vec_push(v->a, &plain, with_body(v, s));
    bool better = vectorized(v, s, &lanes) &&
                  block_cost(&lanes, v->batch) < block_cost(&plain, v->batch);
    const LoopBlock *best = better ? &lanes : &plain;
    for (int i = 0; i < best->n; i++) vec_push(v->a, to, best->at[i]);
}

static LoopBlock cheapest(Vectorizer *v, const LoopBlock *block) {
    LoopBlock to = {0};
    int vars = v->known.var.n;
    for (int i = 0; i < block->n; i++) {
        const LoopStmt *s = block->at[i];
        if (s->kind == S_FOR) {
            choose_loop(v, s, &to);
            continue;
        }
        vec_push(v->a, &to, with_body(v, s));
        if (s->kind == S_LET) known_enter(&v->known, s);
    }
    v->known.var.n = vars;
    return to;
}

static bool runs_parallel(const LoopBlock *block) {
    for (int i = 0; i < block->n; i++)
        if (block->at[i]->parallel || runs_parallel(&block->at[i]->body)) return true;
    return false;
}

static void vectorize_body(Arena *a, LoopBlock *body, int64_t batch) {
    struct Patience patience = {0};
    Vectorizer v = {a, {.arena = a, .batch = batch, .patience = &patience}, batch};
    *body = cheapest(&v, body);
    promote_arrays(a, body);
}

void vectorize(Arena *a, LoopFunction *f, int64_t batch) {
    LoopFunction scalar = *f;
    vectorize_body(a, &f->body, batch);
    vectorize_body(a, &f->small, batch);
    bool parallel = runs_parallel(&f->body) || runs_parallel(&f->small);
    if (!parallel) f->threads = NULL; /* its loop is one vector */
    if (loop_check(a, f, batch)) *f = scalar;
}
