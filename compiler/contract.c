/* contract.c - deciding how a contraction is computed; see contract.h.
 *
 * Vectors run along the output's last axis, unless it is short. One operand has to be contiguous
 * there; where none is, a copy of it with that axis last is made first (contraction_pack), which
 * costs little beside the products. Rows of a tile are output variables that only the other
 * operand has, so that a vector of the first is used once a row. Conditions bound the folds
 * but do not concern the tile's own variables: so a convolution with padding has its rows
 * along the batch, where there is no condition, or among the pixels away from the padding.
 *
 * All choices follow from shapes. Only the order and the split of the folds show in the bits. */
#include "contract.h"
#include "graph_tables.h"

#include <string.h>

enum {
    FEWEST_LANES = 4,      /* a narrower output is not worth vectors, */
    MANY_TERMS = 64,       /* but of so many terms, unless the fold is */
    FEW_ROWS = 6,          /* a tile with fewer takes a second variable */
    SMALL_ROWS = 6,        /* of a small tile, of one vector */
    ONE_VECTOR_ROWS = 16,  /* of a large tile of so many vectors */
    THREE_VECTOR_ROWS = 8,
    BATCH_ROWS = 8,
    FAR_BYTES = 512 << 10, /* of a wide operand that L2 does not hold beside the other */
    COPY_BYTES = 192 << 10, /* of one that is worth copying by panels, */
    COPY_ROWS = 96,        /* for so many rows */
    PANEL_ELEMENTS = 1 << 17, /* of a copy: half of L2 */
    PANEL_FOLDS = 288,     /* of one of several copies, about: beside a tile's rows in L1 */
    ALL_FOLDS = 512,       /* of the only one */
    PANELS = 4,            /* at least, alike, for threads; and a rest */
    SAME_PLACE = 4096,     /* bytes from address to address of the same lines of L1, */
    SAME_ROWS = 8,         /* which holds so many of them */
    PACK_GAIN = 4,         /* products for each element packed */
    LONG_FOLD = 1024       /* terms in one chain before the outer folds leave the tile */
};

/* ---- how an operand depends on a variable -------------------------------------------- */

Along load_along(const Expr *load, int var, int *axis) {
    int found = -1;
    for (int i = 0; i < load->narg; i++) {
        Affine sum;
        if (!(load->arg[i]->vars >> var & 1)) continue;
        if (found >= 0 || !ex_affine(load->arg[i], &sum)) return TANGLED;
        for (int t = 0; t < sum.n; t++) {
            const Expr *atom = sum.term[t].atom;
            bool plain = atom->kind == E_VAR && atom->var == var && sum.term[t].c == 1;
            if (!plain && atom->vars >> var & 1) return TANGLED;
        }
        found = i;
    }
    if (found < 0) return ABSENT;
    if (axis) *axis = found;
    bool last = true;
    for (int i = found + 1; i < load->narg; i++) last &= load->node->dim[i] == 1;
    return last ? CONTIGUOUS : ELSEWHERE;
}

static bool has_plain_index(const Expr *load) {
    for (int i = 0; i < load->narg; i++)
        if (ex_has_load(load->arg[i])) return false;
    return load->node->kind != N_LEAF || load->node->leaf != L_UNIFORM;
}

/* Are vectors along the output's axis better than along the last fold, or than plain chains? */
static bool is_wide(const Kernels *k, const Node *n, const Expr *product, int64_t width) {
    bool along_fold = true;
    double terms = 1;
    for (int i = 0; i < 2; i++)
        along_fold &= load_along(product->arg[i], n->rank + n->nfold - 1, NULL) == CONTIGUOUS;
    for (int i = 0; i < n->nfold; i++)
        terms *= (double)(n->fold_dim[i] == DIM_BATCH ? k->model_batch : n->fold_dim[i]);
    return width >= FEWEST_LANES || (width > 1 && terms >= MANY_TERMS && !along_fold);
}

/* The last output axis with more than one element. */
static int last_axis(const Node *n) {
    int axis = n->rank - 1;
    while (axis >= 0 && n->dim[axis] == 1) axis--;
    return axis;
}

static double elements_of(const Kernels *k, const Node *n) {
    return (double)node_elements(n, k->batch);
}

/* ---- packing ------------------------------------------------------------------------- */

static Node *move_axis_last(Kernels *k, Node *n, int axis) {
    Graph *g = k->graph;
    int64_t dim[MAX_RANK];
    Expr *index[MAX_RANK];
    for (int i = 0, to = 0; i < n->rank; i++)
        if (i != axis) dim[to++] = n->dim[i];
    dim[n->rank - 1] = n->dim[axis];
    for (int i = 0; i < n->rank; i++) {
        int from = i == axis ? n->rank - 1 : i < axis ? i : i - 1;
        index[i] = ex_var(g, from, n->dim[i]);
    }
    Expr *body = ex_load(g, n, index, NULL);
    Node *packed = node_comp(g, n->rank, dim, F_NONE, 0, NULL, NULL, body, n->span);
    if (!packed->name) packed->name = n->name;
    return packed;
}

/* Packing makes a contraction of what would be another fold: the same for any number of rows. */
static bool is_read_often(const Kernels *k, const Node *n, const Node *operand) {
    Kernels all = *k;
    all.batch = k->model_batch;
    return points_of(&all, n) >= PACK_GAIN * elements_of(&all, operand);
}

Expr *contraction_pack(Kernels *k, const View *v, Expr *operand, Node **packed) {
    const Node *n = v->node;
    int axis = 0, vec = last_axis(n);
    if (vec < 0 || n->dim[vec] == DIM_BATCH || !is_wide(k, n, v->body, n->dim[vec])) return NULL;
    if (load_along(operand, vec, &axis) != ELSEWHERE || !has_plain_index(operand)) return NULL;
    Expr *other = v->body->arg[v->body->arg[0] == operand];
    if (load_along(other, vec, NULL) != ABSENT) return NULL;
    if (!is_read_often(k, n, operand->node)) return NULL;
    *packed = move_axis_last(k, operand->node, axis);
    Expr *index[MAX_RANK];
    int to = 0;
    for (int i = 0; i < operand->narg; i++)
        if (i != axis) index[to++] = operand->arg[i];
    index[to] = operand->arg[axis];
    return ex_load(k->graph, *packed, index, operand->guard);
}

/* ---- tiles --------------------------------------------------------------------------- */

static uint32_t condition_vars(const ExprList *conditions) {
    uint32_t vars = 0;
    for (int i = 0; i < conditions->n; i++) vars |= conditions->at[i]->vars;
    return vars;
}

/* May the variable's values be rows: only the operand that is not wide has it? */
static bool can_be_row(const Contraction *c, int var, uint32_t taken) {
    if (var == c->vec || c->node->dim[var] == 1 || taken >> var & 1) return false;
    return !(c->operand[1]->vars >> var & 1) && c->operand[0]->vars >> var & 1;
}

/* At most `most` rows: a divisor where one is large enough, else equal parts and a rest. */
static int64_t rows_of(int64_t extent, int64_t most) {
    if (extent <= most) return extent;
    for (int64_t rows = most; rows >= FEW_ROWS; rows--)
        if (extent % rows == 0) return rows;
    int64_t parts = (extent + most - 1) / most;
    return (extent + parts - 1) / parts;
}

static void add_tile_var(Contraction *c, int var, int64_t count) {
    for (int i = c->ntile; i > 0; i--) {
        c->tile_var[i] = c->tile_var[i - 1];
        c->tile_count[i] = c->tile_count[i - 1];
    }
    c->tile_var[0] = var;
    c->tile_count[0] = count;
    c->ntile++;
    c->rows *= count;
}

static void choose_rows(Contraction *c, uint32_t taken, int64_t limit) {
    const Node *n = c->node;
    c->rows = 1;
    c->ntile = 0;
    for (int var = n->rank - 1; var >= 0 && c->ntile < MAX_TILE_VARS; var--) {
        if (n->dim[var] == DIM_BATCH || !can_be_row(c, var, taken)) continue;
        if (c->rows >= FEW_ROWS) break;
        bool whole = c->ntile == 0 || c->tile_count[0] == n->dim[c->tile_var[0]];
        int64_t both = limit <= SMALL_ROWS ? limit : 2 * MOST_ROWS;
        int64_t most = c->ntile == 0 ? limit : both / c->rows;
        int64_t count = rows_of(n->dim[var], most);
        if (whole && count > 1) add_tile_var(c, var, count);
    }
    int64_t rows = limit < BATCH_ROWS ? BATCH_ROWS / 2 : BATCH_ROWS; /* batches divide so */
    for (int var = 0; var < n->rank && c->rows == 1; var++)
        if (n->dim[var] == DIM_BATCH && can_be_row(c, var, taken)) add_tile_var(c, var, rows);
}

/* Are the other operand's elements for neighbouring rows where L1 has the same place for them? */
static bool meet(const Contraction *c) {
    const Expr *load = c->operand[0];
    const Node *n = load->node;
    int64_t stride = 4;
    for (int i = n->rank - 1; i >= 0; i--) {
        bool row = false;
        for (int var = 0; var < c->node->rank; var++)
            row |= var != c->vec && load->arg[i]->vars >> var & 1;
        if (row) return stride % SAME_PLACE == 0;
        if (n->dim[i] == DIM_BATCH) return false;
        stride *= n->dim[i];
    }
    return false;
}

static int least_of(int64_t a, int64_t b) {
    return (int)(a < b ? a : b);
}

int tile_vectors(const Contraction *c, int64_t rows, TileSize size) {
    int64_t all = (c->width + LANES - 1) / LANES;
    if (size == TILES_SMALL) return least_of(all, rows <= 1 ? 6 : rows <= 3 ? 6 / rows : 1);
    if (all == 3 && rows <= THREE_VECTOR_ROWS) return 3;
    return least_of(all, rows <= 4 ? MOST_VECTORS / rows : rows <= MOST_ROWS ? 2 : 1);
}

static int64_t most_rows(const Contraction *c, TileSize size) {
    int64_t all = (c->width + LANES - 1) / LANES;
    if (size == TILES_SMALL) return SMALL_ROWS;
    if (all == 3) return THREE_VECTOR_ROWS;
    if (meet(c)) return SAME_ROWS;
    return all == 1 ? ONE_VECTOR_ROWS : MOST_ROWS;
}

/* Rows and vectors: as many accumulators as there are registers, less those of operands. */
static void choose_tile(Contraction *c, uint32_t taken, TileSize size) {
    choose_rows(c, taken, most_rows(c, size));
    c->vectors = tile_vectors(c, c->rows, size);
}

/* Is the wide operand a matrix, the same for all rows? */
static bool is_matrix(const Contraction *c) {
    const Node *n = c->node;
    uint32_t own = 1u << c->vec | 1u << n->rank;
    return n->nfold == 1 && !c->conditions.n && !c->wide[0] && !(c->operand[1]->vars & ~own);
}

/* A large matrix is visited by panels: some of its lanes for all rows, then the next ones. For
 * many rows each panel is copied, so that it is without gaps and stays in the nearest caches. */
static void choose_panels(Kernels *k, Contraction *c, const View *v) {
    const Stretch *slices = v->unit ? v->unit->stretch : NULL;
    if (!is_matrix(c)) return;
    int64_t folds = extent_of(k, c->node->fold_dim[0]);
    double rows = elements_of(k, c->node) / (double)c->width;
    if (slices) rows *= (double)slices->slice_rows / (double)k->batch;
    double bytes = (double)folds * (double)c->width * 4;
    bool copied = !slices && rows >= COPY_ROWS;
    if (bytes < (copied ? COPY_BYTES : FAR_BYTES) || rows < 2 * MOST_ROWS) return;
    c->panel_lanes = 2 * LANES;
    if (!copied) return;
    int64_t parts = folds <= ALL_FOLDS ? 1 : (folds + PANEL_FOLDS - 1) / PANEL_FOLDS;
    c->in_parts = parts > 1;
    c->panel_folds = (folds + parts - 1) / parts;
    int64_t lanes = c->width / PANELS, most = PANEL_ELEMENTS / c->panel_folds;
    int64_t blocks = (lanes < most ? lanes : most) / c->panel_lanes;
    if (blocks > 1) c->panel_lanes *= blocks;
}

/* Terms are added in the order of the folds, but for one along which an operand is
 * contiguous: that comes last, inside of those that conditions bound. */
static void order_folds(Contraction *c) {
    const Node *n = c->node;
    int last = n->nfold - 1;
    for (int i = n->nfold - 1; i >= 0; i--) {
        int var = n->rank + i;
        bool runs = load_along(c->operand[0], var, NULL) == CONTIGUOUS ||
                    load_along(c->operand[1], var, NULL) == CONTIGUOUS;
        if (!runs || n->fold_dim[i] == DIM_BATCH) continue;
        last = i;
        break;
    }
    int to = 0;
    for (int i = 0; i < n->nfold; i++)
        if (i != last) c->fold[to++] = i;
    c->fold[to] = last;
}

/* The first folds leave the tile when the chain would be long; what remains is a chain that
 * is worth a tile. */
static void split_folds(Kernels *k, Contraction *c) {
    const Node *n = c->node;
    double inner = 1;
    for (int i = 0; i < n->nfold; i++) inner *= (double)extent_of(k, n->fold_dim[i]);
    while (c->outer_folds + 1 < n->nfold && inner > LONG_FOLD) {
        double rest = inner / (double)extent_of(k, n->fold_dim[c->fold[c->outer_folds]]);
        if (rest < 4 * LANES) break;
        inner = rest;
        c->outer_folds++;
    }
}

/* ---- interiors ----------------------------------------------------------------------- */

/* Limits of the variable within which the condition, an inequality, always holds. */
static bool interior_of(const Expr *e, int var, int64_t *lo, int64_t *hi) {
    Affine sum, y;
    int64_t least, most, c = 0;
    bool below = e->kind == E_OP && (e->op == OP_lt || e->op == OP_le);
    bool above = e->kind == E_OP && (e->op == OP_gt || e->op == OP_ge);
    if (!below && !above) return false;
    if (!ex_affine(e->arg[0], &sum) || !ex_affine(e->arg[1], &y)) return false;
    if (!affine_add(&sum, &y, -1)) return false;
    int kept = 0;
    for (int i = 0; i < sum.n; i++) {
        bool own = sum.term[i].atom->kind == E_VAR && sum.term[i].atom->var == var;
        if (!own && sum.term[i].atom->vars >> var & 1) return false;
        if (own)
            c = sum.term[i].c;
        else
            sum.term[kept++] = sum.term[i];
    }
    sum.n = kept;
    if (c == 0 || !affine_range(&sum, &least, &most)) return false;
    int64_t room = below ? -most : least; /* c v <= room, or -c v <= room */
    if (e->op == OP_lt || e->op == OP_gt) room--;
    if (above) c = -c;
    int64_t size = c < 0 ? -c : c, limit = room >= 0 ? room / size : -((size - 1 - room) / size);
    if (c > 0 && limit + 1 < *hi) *hi = limit + 1;
    if (c < 0 && -limit > *lo) *lo = -limit;
    return true;
}

static Interior find_interior(Kernels *k, const Contraction *c, int var) {
    Interior in = {.var = var, .lo = 0, .hi = c->node->dim[var]};
    for (int i = 0; i < c->conditions.n; i++) {
        Expr *e = c->conditions.at[i];
        if (!(e->vars >> var & 1))
            vec_push(k->arena, &in.left, e);
        else if (!interior_of(e, var, &in.lo, &in.hi))
            return (Interior){.var = -1};
    }
    if (in.hi - in.lo < FEW_ROWS) in.var = -1;
    return in;
}

/* How many rows tiles really have: slices of the batch may be short. */
static int64_t rows_at_hand(Kernels *k, const Contraction *c, const View *v) {
    if (c->ntile == 0 || c->node->dim[c->tile_var[0]] != DIM_BATCH) return c->rows;
    bool slices = v->unit && v->unit->stretch;
    int64_t rows = slices ? v->unit->stretch->slice_rows : k->batch;
    return rows < c->rows ? rows : c->rows;
}

/* Where conditions keep the rows few, they are taken of the interior of what those bound: a
 * convolution's pixels away from the padding. */
static void choose_interior(Kernels *k, Contraction *c, const View *v, TileSize size) {
    int64_t all = (c->width + LANES - 1) / LANES;
    int64_t most = size == TILES_SMALL ? SMALL_ROWS : MOST_ROWS;
    bool few = rows_at_hand(k, c, v) < FEW_ROWS;
    if (!few || c->panel_lanes || c->outer_folds || !c->conditions.n) return;
    int found = 0;
    for (int var = c->node->rank - 1; var >= 0 && found < 2; var--) {
        if (c->node->dim[var] == DIM_BATCH || !can_be_row(c, var, 0)) continue;
        c->inner[found] = find_interior(k, c, var);
        if (c->inner[found].var >= 0) found++;
    }
    if (!found) return;
    c->ntile = 0;
    c->rows = 1;
    if (size == TILES_LARGE && all == 1) most = ONE_VECTOR_ROWS;
    if (size == TILES_LARGE && all == 3) most = THREE_VECTOR_ROWS;
    add_tile_var(c, c->inner[0].var, rows_of(c->inner[0].hi - c->inner[0].lo, most));
    c->vectors = size == TILES_SMALL ? 1 : all == 3 ? 3 : least_of(all, 2);
}

/* ---- the form ------------------------------------------------------------------------ */

static bool take_operands(Contraction *c, const Expr *body) {
    Along how[2];
    for (int i = 0; i < 2; i++) {
        if (!has_plain_index(body->arg[i])) return false;
        how[i] = load_along(body->arg[i], c->vec, NULL);
        if (how[i] != ABSENT && how[i] != CONTIGUOUS) return false;
    }
    if (how[0] == ABSENT && how[1] == ABSENT) return false;
    int wide = how[1] == CONTIGUOUS;
    c->operand[1] = body->arg[wide];
    c->operand[0] = body->arg[!wide];
    c->wide[1] = true;
    c->wide[0] = how[!wide] == CONTIGUOUS;
    return true;
}

/* Nothing but the sum is stored, in one place. */
static bool stands_alone(const View *v) {
    const Unit *u = v->unit;
    bool alone = u && u->member.n == 1;
    for (int i = 0; alone && i < u->write.n; i++)
        alone = u->write.at[i].to == v->storage && !u->write.at[i].add;
    return alone;
}

/* An output narrower than a vector takes its vectors from another axis, if it can: along which
 * one operand is contiguous, which the other one does not have. */
static void widen(Contraction *c, const View *v, uint32_t taken) {
    const Node *n = c->node;
    if (c->width > LANES / 2 + LANES / 4 || c->wide[0] || !stands_alone(v)) return;
    for (int var = n->rank - 1; var >= 0; var--) {
        if (n->dim[var] == DIM_BATCH) return; /* outside of it gaps are no constants */
        bool long_enough = var != c->vec && n->dim[var] >= 2 * LANES && !(taken >> var & 1);
        if (!long_enough || load_along(c->operand[0], var, NULL) != CONTIGUOUS) continue;
        if (load_along(c->operand[1], var, NULL) != ABSENT) continue;
        Expr *narrow = c->operand[1];
        c->operand[1] = c->operand[0];
        c->operand[0] = narrow;
        c->vec = var;
        c->width = n->dim[var];
        c->across = true;
        return;
    }
}

bool contraction_of(Kernels *k, const View *v, TileSize size, Contraction *c) {
    *c = (Contraction){.node = v->node, .vec = last_axis(v->node)};
    c->inner[0].var = c->inner[1].var = -1;
    if (!v->contraction || c->vec < 0) return false;
    c->width = v->node->dim[c->vec];
    if (c->width == DIM_BATCH || !is_wide(k, c->node, v->body, c->width)) return false;
    guard_conditions(k->arena, v->guard, &c->conditions);
    guard_of_term(k->arena, v->body, &c->conditions);
    uint32_t taken = condition_vars(&c->conditions);
    if (taken >> c->vec & 1 || !take_operands(c, v->body)) return false;
    widen(c, v, taken);
    order_folds(c);
    split_folds(k, c);
    choose_panels(k, c, v);
    choose_tile(c, taken, size);
    choose_interior(k, c, v, size);
    return true;
}

bool contraction_in_memory(Kernels *k, const View *v) {
    Contraction c;
    Scatter s;
    if (scatter_of(k, v, &s) || !contraction_of(k, v, TILES_LARGE, &c)) return false;
    return c.outer_folds > 0 || c.in_parts;
}
