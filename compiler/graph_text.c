/* graph_text.c - printing a graph; the form is described in graph_text.h. */
#include "graph_text.h"
#include "graph_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const leaf_word[] = {
        [L_INPUT] = "input",
        [L_TARGET] = "target",
        [L_PARAM] = "param",
        [L_STATE] = "state",
        [L_ROW_STATE] = "row_state",
        [L_SLOT] = "slot",
        [L_GRAD] = "gradient",
        [L_NUMBER] = "number",
        [L_STEP] = "step",
        [L_ROWS] = "rows",
        [L_TOTAL] = "total",
        [L_DATA] = "data",
        [L_UNIFORM] = "uniform",
};
const char *const fold_word[] = {
        [F_NONE] = "",
        [F_SUM] = "sum",
        [F_PROD] = "prod",
        [F_MAX] = "max",
        [F_MIN] = "min",
        [F_ARGMAX] = "argmax",
        [F_ARGMIN] = "argmin",
};

const char *op_symbol(Op op) {
    static const char *const symbol[OP_COUNT] = {
            [OP_add] = "+",
            [OP_sub] = "-",
            [OP_mul] = "*",
            [OP_div] = "/",
            [OP_idiv] = "//",
            [OP_imod] = "%",
            [OP_lt] = "<",
            [OP_le] = "<=",
            [OP_gt] = ">",
            [OP_ge] = ">=",
            [OP_eq] = "==",
            [OP_ne] = "!=",
            [OP_and] = "and",
            [OP_or] = "or",
    };
    return symbol[op];
}

typedef struct Printer {
    FILE *f;
    Graph *g;
    int *node;         /* by node id: its number */
    int *scan, nscan;  /* by scan id: its number + 1, 0 before it was opened */
    bool *closed;      /* by scan id */
    int *uses, *name;  /* by expression id, in one comprehension; name: number + 1 */
    Vec(Expr *) named; /* in the order of need */
    int printed;       /* of these */
} Printer;

/* ---- expressions ----------------------------------------------------------------------- */

static void print_number(FILE *f, double v, bool real) {
    char text[40];
    if (v != v || fabs(v) == HUGE_VAL) {
        fputs(v != v ? "nan" : v > 0 ? "inf" : "-inf", f);
        return;
    }
    int digits = 15;
    do snprintf(text, sizeof text, "%.*g", digits++, v);
    while (digits <= 17 && strtod(text, NULL) != v);
    fputs(text, f);
    if (real && !strpbrk(text, ".e")) fputs(".0", f);
}

static void print_expr(Printer *p, Expr *e);

/* A leaf, or a load by leaves: repeating it is as short as a name. */
static bool is_short(const Expr *e) {
    bool is = e->kind != E_OP && !e->guard;
    for (int k = 0; k < e->narg; k++) is = is && e->arg[k]->narg == 0;
    return is;
}

static void print_operand(Printer *p, Expr *e, bool inside) {
    bool named = p->uses[e->id] > 1 && !is_short(e);
    if (!named) {
        bool infix = inside && e->kind == E_OP && op_symbol(e->op);
        if (infix) fputc('(', p->f);
        print_expr(p, e);
        if (infix) fputc(')', p->f);
        return;
    }
    if (!p->name[e->id]) {
        vec_push(p->g->arena, &p->named, e);
        p->name[e->id] = p->named.n;
    }
    fprintf(p->f, "e%d", p->name[e->id] - 1);
}

static void print_list(Printer *p, int n, Expr **arg) {
    for (int k = 0; k < n; k++) {
        if (k) fputs(", ", p->f);
        print_operand(p, arg[k], false);
    }
}

static void print_expr(Printer *p, Expr *e) {
    switch (e->kind) {
    case E_CONST:
        if (e->dtype == T_BOOL)
            fputs(e->value != 0 ? "true" : "false", p->f);
        else
            print_number(p->f, e->value, e->dtype == T_F32);
        break;
    case E_VAR:
        fprintf(p->f, "i%d", e->var);
        break;
    case E_TIME:
        fprintf(p->f, "t%d", p->scan[e->scan->id] - 1);
        break;
    case E_LOAD:
        fprintf(p->f, "n%d[", p->node[e->node->id]);
        print_list(p, e->narg, e->arg);
        if (e->guard) {
            fputs(" ? ", p->f);
            print_operand(p, e->guard, false);
        }
        fputc(']', p->f);
        break;
    case E_OP:
        if (op_symbol(e->op)) {
            print_operand(p, e->arg[0], true);
            fprintf(p->f, " %s ", op_symbol(e->op));
            print_operand(p, e->arg[1], true);
            break;
        }
        fprintf(p->f, "%s(", op_info[e->op].name);
        print_list(p, e->narg, e->arg);
        fputc(')', p->f);
        break;
    }
}

static void count_uses(void *ctx, Expr *e) {
    Printer *p = ctx;
    for (int k = 0; k < e->narg; k++) p->uses[e->arg[k]->id]++;
    if (e->guard) p->uses[e->guard->id]++;
}

static void forget_uses(void *ctx, Expr *e) {
    Printer *p = ctx;
    p->uses[e->id] = p->name[e->id] = 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static void print_text(FILE *f, const char *text) {
    fputs(" \"", f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void print_dims(FILE *f, int n, const int64_t *dim) {
    for (int k = 0; k < n; k++) {
        if (k) fputs(", ", f);
        if (dim[k] == DIM_BATCH)
            fputs("batch", f);
        else
            fprintf(f, "%lld", (long long)dim[k]);
    }
}

static void print_type(FILE *f, const Node *n) {
    fprintf(f, " %s[", dtype_name(n->dtype));
    print_dims(f, n->rank, n->dim);
    fputc(']', f);
}

static void print_comp(Printer *p, const Node *n) {
    p->named.n = p->printed = 0;
    expr_walk_begin(p->g);
    expr_walk_more(p->g, n->guard, count_uses, p);
    expr_walk_more(p->g, n->body, count_uses, p);
    p->uses[n->body->id]++;
    if (n->guard) p->uses[n->guard->id]++;
    if (n->fold != F_NONE) {
        fprintf(p->f, " %s(", fold_word[n->fold]);
        print_dims(p->f, n->nfold, n->fold_dim);
        fputc(')', p->f);
    }
    if (n->guard) {
        fputs(" if ", p->f);
        print_operand(p, n->guard, false);
    }
    fputs(" : ", p->f);
    print_operand(p, n->body, false);
    for (; p->printed < p->named.n; p->printed++) {
        fprintf(p->f, "%s e%d = ", p->printed ? "," : " with", p->printed);
        print_expr(p, p->named.at[p->printed]);
    }
    expr_walk_begin(p->g);
    expr_walk_more(p->g, n->guard, forget_uses, p);
    expr_walk_more(p->g, n->body, forget_uses, p);
}

static void print_leaf(Printer *p, const Node *n) {
    fprintf(p->f, " %s", leaf_word[n->leaf]);
    if (n->name) print_text(p->f, n->name);
    print_type(p->f, n);
    if (n->leaf == L_UNIFORM) fprintf(p->f, " %u", (unsigned)n->stream);
    if (n->leaf != L_DATA) return;
    fputs(" {", p->f);
    for (int64_t k = 0; k < node_elements(n, 1); k++) {
        if (k) fputs(", ", p->f);
        print_number(p->f, n->data[k], n->dtype == T_F32);
    }
    fputc('}', p->f);
}

static void print_nodes(Printer *p, int n, Node *const *node) {
    fputs(" (", p->f);
    for (int k = 0; k < n; k++) fprintf(p->f, "%sn%d", k ? ", " : "", p->node[node[k]->id]);
    fputs(")\n", p->f);
}

static void open_scan(Printer *p, const Scan *s) {
    if (p->scan[s->id]) return;
    if (s->around) open_scan(p, s->around);
    p->scan[s->id] = ++p->nscan;
    fprintf(p->f, "s%d = scan %lld%s", p->nscan - 1, (long long)s->extent,
            s->reversed ? " reversed" : "");
    if (s->around) fprintf(p->f, " in s%d", p->scan[s->around->id] - 1);
    print_nodes(p, s->n, s->init);
}

static void close_scan(Printer *p, const Scan *s) {
    if (p->closed[s->id] || !s->closed) return;
    p->closed[s->id] = true;
    fprintf(p->f, "close s%d", p->scan[s->id] - 1);
    print_nodes(p, s->n, s->next);
}

static void print_node(Printer *p, const Node *n) {
    for (int k = 0; k < n->nin; k++) open_scan(p, n->in[k]);
    if (n->scan) open_scan(p, n->scan);
    if (n->kind == N_STACK) close_scan(p, n->scan);
    fprintf(p->f, "n%d =", p->node[n->id]);
    switch (n->kind) {
    case N_LEAF:
        print_leaf(p, n);
        break;
    case N_COMP:
        fputs(" comp", p->f);
        break;
    case N_CARRY:
        fprintf(p->f, " carry s%d %d", p->scan[n->scan->id] - 1, n->carry);
        break;
    case N_STACK:
        fprintf(p->f, " stack s%d n%d", p->scan[n->scan->id] - 1, p->node[n->of->id]);
        break;
    }
    if (n->kind != N_LEAF && n->name) print_text(p->f, n->name);
    if (n->is_grad) fputs(" grad", p->f);
    if (n->kind == N_COMP) {
        print_type(p->f, n);
        print_comp(p, n);
    }
    fputc('\n', p->f);
}

void graph_print(FILE *f, Graph *g, Node *const *root, const char *const *root_name, int n) {
    NodeList order = graph_order(g, root, n);
    Printer p = {.f = f, .g = g};
    p.node = NEW_ARRAY(g->arena, int, g->t->node.n);
    p.scan = NEW_ARRAY(g->arena, int, g->t->scan.n);
    p.closed = NEW_ARRAY(g->arena, bool, g->t->scan.n);
    p.uses = NEW_ARRAY(g->arena, int, g->t->expr.n);
    p.name = NEW_ARRAY(g->arena, int, g->t->expr.n);
    for (int k = 0; k < order.n; k++) p.node[order.at[k]->id] = k;
    for (int k = 0; k < order.n; k++) print_node(&p, order.at[k]);
    for (int k = 0; k < order.n; k++)
        if (order.at[k]->kind == N_CARRY) close_scan(&p, order.at[k]->scan);
    for (int k = 0; k < n; k++) {
        fputs("out", f);
        print_text(f, root_name[k] ? root_name[k] : "");
        fprintf(f, " = n%d\n", p.node[root[k]->id]);
    }
}
