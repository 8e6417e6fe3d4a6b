/* graph_read.c - reading a printed graph (graph_text.h), a statement a line, through the
 * constructors. The first error is reported and ends the reading. */
#include "graph_text.h"
#include "graph_tables.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    Graph *g;
    const Source *src;
    const char *at;
    bool failed;
    NodeList node;    /* by number */
    Vec(Scan *) scan; /* by number */
    /* the comprehension being read */
    int nvar;
    int64_t extent[MAX_VARS];
    Vec(Expr *) named;            /* by number; NULL until its definition is read */
    Vec(const char *) named_text; /* where the definition stands */
} Reader;

/* ---- words ----------------------------------------------------------------------------- */

static void fail(Reader *r, const char *expected) {
    if (r->failed) return;
    r->failed = true;
    uint32_t at = (uint32_t)(r->at - r->src->text);
    uint32_t end = at < r->src->length ? at + 1 : at;
    diag_error((Span){r->src, at, end}, "expected %s", expected);
}

static void skip_blanks(Reader *r) {
    while (*r->at == ' ' || *r->at == '\t') r->at++;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* Takes the text if it comes next; a word only when it ends there. */
static bool take(Reader *r, const char *text) {
    skip_blanks(r);
    size_t n = strlen(text);
    if (strncmp(r->at, text, n) != 0) return false;
    if (is_word(text[n - 1]) && is_word(r->at[n])) return false;
    r->at += n;
    return true;
}

static void want(Reader *r, const char *text) {
    if (!take(r, text)) fail(r, text);
}

static int64_t read_integer(Reader *r) {
    skip_blanks(r);
    char *end;
    int64_t v = strtoll(r->at, &end, 10);
    if (end == r->at) fail(r, "a number");
    r->at = end;
    return v;
}

/* "n12" with letter 'n': 12. Fails unless 0 <= 12 < limit. */
static int read_name(Reader *r, char letter, int limit) {
    skip_blanks(r);
    if (*r->at != letter || !isdigit((unsigned char)r->at[1])) {
        fail(r, letter == 'n' ? "a node" : letter == 's' ? "a scan" : "a name");
        return 0;
    }
    r->at++;
    int64_t v = read_integer(r);
    if (v >= limit) fail(r, "something defined before");
    return r->failed ? 0 : (int)v;
}

static const char *read_text(Reader *r) {
    if (!take(r, "\"")) return NULL;
    Vec(char) text = {0};
    while (*r->at && *r->at != '"' && *r->at != '\n') {
        if (*r->at == '\\' && r->at[1]) r->at++;
        vec_push(r->g->arena, &text, *r->at++);
    }
    want(r, "\"");
    return intern_n(text.at ? text.at : "", (size_t)text.n);
}

static int64_t read_extent(Reader *r) {
    int64_t d = read_integer(r);
    if (d < 1 || d > MAX_ROWS) fail(r, "an extent before this");
    return r->failed ? 1 : d;
}

static int read_dims(Reader *r, int64_t *dim, int limit, const char *end) {
    int n = 0;
    while (!r->failed && !take(r, end)) {
        if (n) want(r, ",");
        if (n == limit) fail(r, "fewer axes");
        if (r->failed) return 0;
        dim[n++] = take(r, "batch") ? DIM_BATCH : read_extent(r);
    }
    return n;
}

static DType read_type(Reader *r, int *rank, int64_t *dim) {
    DType t = T_F32;
    *rank = 0;
    while (t <= T_BOOL && !take(r, dtype_name(t))) t++;
    if (t > T_BOOL) {
        fail(r, "a type");
        return T_F32;
    }
    want(r, "[");
    *rank = read_dims(r, dim, MAX_RANK, "]");
    return t;
}

/* ---- expressions ----------------------------------------------------------------------- */

static Expr *read_expr(Reader *r);

static Expr *read_number(Reader *r) {
    if (take(r, "nan")) return ex_real(r->g, (double)NAN);
    if (take(r, "inf")) return ex_real(r->g, HUGE_VAL);
    if (take(r, "-inf")) return ex_real(r->g, -HUGE_VAL);
    if (take(r, "true")) return ex_bool(r->g, true);
    if (take(r, "false")) return ex_bool(r->g, false);
    skip_blanks(r);
    char *end;
    double v = strtod(r->at, &end);
    bool real = false;
    for (const char *c = r->at; c < end; c++) real = real || *c == '.' || *c == 'e';
    r->at = end;
    return real ? ex_real(r->g, v) : ex_int(r->g, (int64_t)v);
}

/* A name behind `with` is read where it is first needed. */
static Expr *read_named(Reader *r) {
    int k = read_name(r, 'e', r->named_text.n);
    if (r->failed) return ex_int(r->g, 0);
    if (!r->named.at[k]) {
        const char *back = r->at;
        if (!r->named_text.at[k]) fail(r, "a name that does not need itself");
        if (r->failed) return ex_int(r->g, 0);
        r->at = r->named_text.at[k];
        r->named_text.at[k] = NULL;
        Expr *e = read_expr(r);
        r->named.at[k] = e;
        if (!r->failed) r->at = back;
    }
    return r->named.at[k];
}

static Expr *read_load(Reader *r) {
    int k = read_name(r, 'n', r->node.n);
    if (r->failed) return ex_int(r->g, 0);
    Node *n = r->node.at[k];
    Expr *index[MAX_RANK], *guard = NULL;
    want(r, "[");
    for (int j = 0; !r->failed && j < n->rank; j++) {
        if (j) want(r, ",");
        index[j] = read_expr(r);
        if (index[j]->dtype != T_I32) fail(r, "an integer as index");
    }
    if (take(r, "?")) guard = read_expr(r);
    if (guard && guard->dtype != T_BOOL) fail(r, "a test as guard");
    want(r, "]");
    return r->failed ? ex_int(r->g, 0) : ex_load(r->g, n, index, guard);
}

static bool type_fits(Op op, Expr *const *arg) {
    bool logic = op_info[op].type == OT_LOGIC;
    for (int k = 0; k < op_info[op].arity; k++)
        if ((logic || (op_info[op].type == OT_BRANCH && k == 0)) && arg[k]->dtype != T_BOOL)
            return false;
    return true;
}

static Expr *apply(Reader *r, Op op, Expr *const *arg) {
    if (!r->failed && !type_fits(op, arg)) fail(r, "tests as operands");
    return r->failed ? ex_int(r->g, 0) : ex_op(r->g, op, arg);
}

static Expr *read_call(Reader *r) {
    char name[32] = {0};
    size_t n = 0;
    while (is_word(r->at[n]) && n + 1 < sizeof name) n++;
    memcpy(name, r->at, n);
    Op op = op_by_name(name);
    if (op == OP_COUNT) {
        fail(r, "an expression");
        return ex_int(r->g, 0);
    }
    r->at += n;
    Expr *arg[3];
    want(r, "(");
    for (int k = 0; !r->failed && k < op_info[op].arity; k++) {
        if (k) want(r, ",");
        arg[k] = read_expr(r);
    }
    want(r, ")");
    return apply(r, op, arg);
}

static bool is_variable(const char *at, char letter) {
    return *at == letter && isdigit((unsigned char)at[1]);
}

static Expr *read_operand(Reader *r) {
    if (take(r, "(")) {
        Expr *e = read_expr(r);
        want(r, ")");
        return e;
    }
    skip_blanks(r);
    if (is_variable(r->at, 'i')) {
        int k = read_name(r, 'i', r->nvar);
        return ex_var(r->g, k, r->failed ? 1 : r->extent[k]);
    }
    if (is_variable(r->at, 't')) {
        int k = read_name(r, 't', r->scan.n);
        return r->failed ? ex_int(r->g, 0) : ex_time(r->g, r->scan.at[k]);
    }
    if (is_variable(r->at, 'n')) return read_load(r);
    if (is_variable(r->at, 'e')) return read_named(r);
    bool number = isdigit((unsigned char)*r->at) || *r->at == '-';
    static const char *const word[] = {"nan", "inf", "true", "false"};
    for (int k = 0; k < 4; k++) {
        size_t n = strlen(word[k]);
        number = number || (strncmp(r->at, word[k], n) == 0 && !is_word(r->at[n]));
    }
    return number ? read_number(r) : read_call(r);
}

/* The longest symbol that comes next. */
static Op read_symbol(Reader *r) {
    Op best = OP_COUNT;
    size_t length = 0;
    skip_blanks(r);
    for (int k = 0; k < OP_COUNT; k++) {
        const char *s = op_symbol((Op)k);
        if (!s || strlen(s) <= length || strncmp(r->at, s, strlen(s)) != 0) continue;
        best = (Op)k;
        length = strlen(s);
    }
    r->at += length;
    return best;
}

static Expr *read_expr(Reader *r) {
    if (r->failed) return ex_int(r->g, 0);
    Expr *left = read_operand(r);
    Op op = r->failed ? OP_COUNT : read_symbol(r);
    if (op == OP_COUNT) return left;
    Expr *right = read_operand(r);
    return apply(r, op, (Expr *[]){left, right});
}

/* ---- comprehensions -------------------------------------------------------------------- */

/* Notes where the definitions behind `with` stand: " eK =" up to the end of the line. */
static void find_named(Reader *r) {
    const char *end = r->at + strcspn(r->at, "\n");
    r->named.n = r->named_text.n = 0;
    const char *with = NULL;
    for (const char *c = r->at; c + 6 < end && !with; c++)
        if (strncmp(c, " with ", 6) == 0) with = c + 6;
    for (const char *c = with; c && c < end; c++) {
        bool starts = c == with || (c[-1] == ' ' && c[-2] == ',');
        if (!starts || !is_variable(c, 'e')) continue;
        const char *after = c + 1;
        while (isdigit((unsigned char)*after)) after++;
        if (strncmp(after, " = ", 3) != 0) continue;
        vec_push(r->g->arena, &r->named_text, after + 3);
        vec_push(r->g->arena, &r->named, (Expr *)NULL);
    }
}

static Fold read_fold(Reader *r, int rank, int *nfold) {
    int f = F_SUM;
    *nfold = 0;
    while (f < FOLD_WORDS && !take(r, fold_word[f])) f++;
    if (f == FOLD_WORDS) return F_NONE;
    want(r, "(");
    *nfold = read_dims(r, r->extent + rank, MAX_VARS - rank, ")");
    return (Fold)f;
}

static Node *read_comp(Reader *r) {
    const char *name = read_text(r);
    bool is_grad = take(r, "grad");
    int rank, nfold;
    int64_t dim[MAX_RANK];
    read_type(r, &rank, dim);
    memcpy(r->extent, dim, (size_t)rank * sizeof *dim);
    Fold fold = read_fold(r, rank, &nfold);
    r->nvar = rank + nfold;
    find_named(r);
    Expr *guard = take(r, "if") ? read_expr(r) : NULL;
    if (guard && guard->dtype != T_BOOL) fail(r, "a test as guard");
    want(r, ":");
    Expr *body = read_expr(r);
    if (!r->failed && take(r, "with")) r->at += strcspn(r->at, "\n");
    if (r->failed) return NULL;
    Node *n = node_comp(r->g, rank, dim, fold, nfold, r->extent + rank, guard, body, (Span){0});
    if (name) n->name = name;
    n->is_grad = n->is_grad || is_grad;
    return n;
}

/* ---- statements ------------------------------------------------------------------------ */

static Node *read_leaf(Reader *r, LeafKind kind) {
    const char *name = read_text(r);
    int rank;
    int64_t dim[MAX_RANK];
    DType t = read_type(r, &rank, dim);
    if (kind == L_UNIFORM)
        return node_uniform(r->g, rank, dim, (uint32_t)read_integer(r), (Span){0});
    if (kind != L_DATA)
        return r->failed ? NULL : node_leaf(r->g, kind, t, rank, dim, name, (Span){0});
    Vec(double) data = {0};
    want(r, "{");
    while (!r->failed && !take(r, "}")) {
        if (data.n) want(r, ",");
        vec_push(r->g->arena, &data, read_number(r)->value);
    }
    int64_t count = 1;
    for (int k = 0; k < rank && count >= 1 && count <= data.n; k++) count *= dim[k];
    if (data.n != count) fail(r, "as many elements as the shape has");
    return r->failed ? NULL : node_data(r->g, t, rank, dim, data.at, (Span){0});
}

static Node *read_scan_node(Reader *r, bool stack) {
    int s = read_name(r, 's', r->scan.n);
    int k = 0;
    if (stack)
        k = read_name(r, 'n', r->node.n);
    else
        k = (int)read_integer(r);
    if (!stack && !r->failed && (k < 0 || k >= r->scan.at[s]->n)) fail(r, "a carried value");
    const char *name = read_text(r);
    bool is_grad = take(r, "grad");
    if (r->failed) return NULL;
    Scan *scan = r->scan.at[s];
    if (stack && (!scan->closed || r->node.at[k]->rank == MAX_RANK)) {
        fail(r, "a closed scan and a node of fewer axes before this");
        return NULL;
    }
    Node *n = stack ? node_stack(r->g, scan, r->node.at[k], (Span){0}) : scan->carry[k];
    if (name) n->name = name;
    n->is_grad = n->is_grad || is_grad;
    return n;
}

static Node *read_node(Reader *r) {
    if (take(r, "comp")) return read_comp(r);
    if (take(r, "carry")) return read_scan_node(r, false);
    if (take(r, "stack")) return read_scan_node(r, true);
    for (int k = 0; k < LEAF_WORDS; k++)
        if (take(r, leaf_word[k])) return read_leaf(r, (LeafKind)k);
    fail(r, "comp, carry, stack or a kind of leaf");
    return NULL;
}

static NodeList read_nodes(Reader *r) {
    NodeList list = {0};
    want(r, "(");
    while (!r->failed && !take(r, ")")) {
        if (list.n) want(r, ",");
        int k = read_name(r, 'n', r->node.n);
        if (!r->failed) vec_push(r->g->arena, &list, r->node.at[k]);
    }
    return list;
}

static void read_scan(Reader *r) {
    want(r, "scan");
    int64_t extent = read_extent(r);
    bool reversed = take(r, "reversed");
    int around = take(r, "in") ? read_name(r, 's', r->scan.n) : -1;
    NodeList init = read_nodes(r);
    if (r->failed) return;
    Scan *s = scan_open(r->g, extent, reversed, init.n, init.at, (Span){0});
    if (around >= 0) scan_nest(r->g, s, r->scan.at[around]);
    vec_push(r->g->arena, &r->scan, s);
}

static bool alike(const Node *a, const Node *b) {
    bool same = a->rank == b->rank && a->dtype == b->dtype;
    for (int k = 0; same && k < a->rank; k++) same = a->dim[k] == b->dim[k];
    return same;
}

static void read_close(Reader *r) {
    int s = read_name(r, 's', r->scan.n);
    if (!r->failed && r->scan.at[s]->closed) fail(r, "a scan that is open before this");
    NodeList next = read_nodes(r);
    if (r->failed) return;
    Scan *scan = r->scan.at[s];
    bool fits = next.n == scan->n;
    for (int k = 0; fits && k < next.n; k++) fits = alike(next.at[k], scan->carry[k]);
    if (fits)
        scan_close(r->g, scan, next.at);
    else
        fail(r, "a value like each that is carried before this");
}

static void read_definition(Reader *r) {
    bool scan = *r->at == 's';
    int number = read_name(r, scan ? 's' : 'n', INT32_MAX);
    if (number != (scan ? r->scan.n : r->node.n)) fail(r, "the next number");
    want(r, "=");
    if (r->failed) return;
    if (scan) {
        read_scan(r);
    } else {
        Node *n = read_node(r);
        if (!r->failed) vec_push(r->g->arena, &r->node, n);
    }
}

bool graph_read(Graph *g, const Source *src, NodeList *root, const char ***root_name) {
    Reader r = {.g = g, .src = src, .at = src->text};
    Vec(const char *) name = {0};
    *root = (NodeList){0};
    while (!r.failed && *r.at) {
        if (*r.at == '\n') {
            r.at++;
            continue;
        }
        if (take(&r, "out")) {
            const char *text = read_text(&r);
            want(&r, "=");
            int k = read_name(&r, 'n', r.node.n);
            if (!r.failed) {
                vec_push(g->arena, &name, text ? text : "");
                vec_push(g->arena, root, r.node.at[k]);
            }
        } else if (take(&r, "close")) {
            read_close(&r);
        } else {
            read_definition(&r);
        }
        skip_blanks(&r);
        if (!r.failed && *r.at && *r.at != '\n') fail(&r, "the end of the line");
    }
    *root_name = name.at;
    return !r.failed;
}
