/* emit_result.c - a metric's result as the body of a C function in double precision.
 *
 * In: a graph over the metric's totals (L_TOTAL leaves, members of `totals`), of numbers and of
 * tensors whose extents are known; it is computed once per evaluation, so plain text will do.
 * Out: a loop nest for each node on the way into an array of its own, operands first, one line
 * for each shared operation; a scalar result is returned, a tensor's elements go to `result`.
 * Reals are doubles, whatever counts or indexes is an int32_t. */
#include "emit_result.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { MAX_DEPTH = 2 * MAX_RANK };

typedef struct Done { const Expr *of; const char *text; } Done;

typedef struct Printer {
    Arena *arena;
    FILE *out;
    const Metric *metric;
    const char *c_name;
    NodeList made;           /* nodes that have an array, number k in t<k> */
    Vec(Done) done;          /* operations of the node that is being printed */
    int temps, depth;
} Printer;

static const char *print_expr(Printer *p, const Expr *e);

static void indent(Printer *p) {
    fprintf(p->out, "%*s", 4 * (p->depth + 1), "");
}

static const char *c_type(DType t) {
    return t == T_F32 ? "double" : t == T_BOOL ? "int" : "int32_t";
}

/* ---- expressions ----------------------------------------------------------------------- */

/* An operator's C text with its operands in place of x, y, z and double functions for real ones. */
static const char *fill_in(Printer *p, const char *text, bool real, const char *const *arg) {
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    if (!f) ICE(p->metric->span, "out of memory");
    for (const char *s = text; *s;) {
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        if (n == 1 && *s >= 'x' && *s <= 'z')
            fputs(arg[*s - 'x'], f);
        else if (real && n > 3 && strncmp(s, "dl_", 3) == 0)
            fprintf(f, "dl_double_%.*s", (int)(n - 3), s + 3);
        else
            fwrite(s, 1, n ? n : 1, f);
        s += n ? n : 1;
    }
    fclose(f);
    const char *kept = arena_printf(p->arena, "%s", out);
    free(out);
    return kept;
}

static const char *print_constant(Printer *p, DType t, double v) {
    if (t != T_F32) return arena_printf(p->arena, v < 0 ? "(%" PRId64 ")" : "%" PRId64, (int64_t)v);
    if (isnan(v)) return "(double)NAN";
    if (isinf(v)) return v < 0 ? "(double)-INFINITY" : "(double)INFINITY";
    const char *text = arena_printf(p->arena, "%.17g", v);
    if (!strpbrk(text, ".e")) text = arena_printf(p->arena, "%s.0", text);
    return v < 0 ? arena_printf(p->arena, "(%s)", text) : text;
}

static int number_of(const Printer *p, const Node *n) {
    for (int k = 0; k < p->made.n; k++)
        if (p->made.at[k] == n) return k;
    ICE(n->span, "a metric's result is made of its totals");
}

/* The array that holds a node, without its indices. */
static const char *array_of(Printer *p, const Node *n) {
    for (int k = 0; k < p->metric->ntotal; k++)
        if (p->metric->total_leaf[k] == n)
            return arena_printf(p->arena, "totals->%s_%s", p->c_name, p->metric->total_name[k]);
    return arena_printf(p->arena, "t%d", number_of(p, n));
}

/* A number that is no fold: written where it is needed. */
static const char *print_scalar(Printer *p, const Node *n) {
    if (n->kind == N_COMP) return print_expr(p, n->body);
    if (n->leaf == L_DATA) return print_constant(p, n->dtype, n->data[0]);
    return arena_printf(p->arena, "(double)%s", array_of(p, n));
}

static bool is_inlined(const Node *n) {
    return n->rank == 0 && (n->kind == N_LEAF || n->fold == F_NONE);
}

static const char *print_load(Printer *p, const Expr *e) {
    const Node *n = e->node;
    if (is_inlined(n)) return print_scalar(p, n);
    const char *text = array_of(p, n);
    for (int k = 0; k < n->rank; k++)
        text = arena_printf(p->arena, "%s[%s]", text, print_expr(p, e->arg[k]));
    if (n->kind == N_LEAF && n->leaf == L_TOTAL) text = arena_printf(p->arena, "(double)%s", text);
    if (!e->guard) return text;
    return arena_printf(p->arena, "(%s ? %s : 0)", print_expr(p, e->guard), text);
}

/* Conversions are casts; tests and choices between integers take the integers' text. */
static const char *print_operation(Printer *p, const Expr *e, const char *const *arg) {
    const OpInfo *op = &op_info[e->op];
    DType from = e->arg[e->narg - 1]->dtype;
    if (op->type == OT_TOREAL) return arena_printf(p->arena, "(double)%s", arg[0]);
    if (op->type == OT_TOINT && from == T_F32)
        return arena_printf(p->arena, "(int32_t)dl_double_int(%s)", arg[0]);
    bool real = from == T_F32 && op->real;
    return fill_in(p, real || !op->integer ? op->real : op->integer, real, arg);
}

static const char *print_expr(Printer *p, const Expr *e) {
    if (e->kind == E_CONST) return print_constant(p, e->dtype, e->value);
    if (e->kind == E_VAR) return arena_printf(p->arena, "i%d", e->var);
    if (e->kind == E_LOAD) return print_load(p, e);
    if (e->kind != E_OP) ICE(p->metric->span, "a metric's result is made of its totals");
    for (int i = 0; i < p->done.n; i++)
        if (p->done.at[i].of == e) return p->done.at[i].text;
    const char *arg[3] = {"", "", ""};
    for (int i = 0; i < e->narg; i++) arg[i] = print_expr(p, e->arg[i]);
    const char *value = print_operation(p, e, arg);
    const char *temp = arena_printf(p->arena, "v%d", p->temps++);
    indent(p);
    fprintf(p->out, "const %s %s = %s;\n", c_type(e->dtype), temp, value);
    vec_push(p->arena, &p->done, ((Done){e, temp}));
    return temp;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void open_loops(Printer *p, int first, const int64_t *dim, int n) {
    for (int k = 0; k < n; k++) {
        indent(p);
        fprintf(p->out, "for (int32_t i%d = 0; i%d < %" PRId64 "; i%d++) {\n", first + k, first + k,
                dim[k], first + k);
        p->depth++;
    }
}

static void close_loops(Printer *p, int n) {
    while (n-- > 0) {
        p->depth--;
        indent(p);
        fputs("}\n", p->out);
    }
}

static const char *fold_start(Fold f) {
    switch (f) {
    case F_PROD: return "1";
    case F_MAX:
    case F_ARGMAX: return "-INFINITY";
    case F_MIN:
    case F_ARGMIN: return "INFINITY";
    default: return "0";
    }
}

static void print_update(Printer *p, const Node *n, const char *value) {
    static const char *const update[] = {
            [F_SUM] = "fold += %s;\n",
            [F_PROD] = "fold *= %s;\n",
            [F_MAX] = "fold = dl_double_max(%s, fold);\n",
            [F_MIN] = "fold = dl_double_min(%s, fold);\n",
            [F_ARGMAX] = "if (%s > fold) { fold = %s; best = place; }\n",
            [F_ARGMIN] = "if (%s < fold) { fold = %s; best = place; }\n",
    };
    indent(p);
    fprintf(p->out, update[n->fold], value, value);
    if (n->fold != F_ARGMAX && n->fold != F_ARGMIN) return;
    indent(p);
    fputs("place++;\n", p->out);
}

/* The fold's value under the loops of its node: the text that stands for it. */
static const char *print_fold(Printer *p, const Node *n) {
    bool place = n->fold == F_ARGMAX || n->fold == F_ARGMIN;
    indent(p);
    fprintf(p->out, "%s fold = %s;\n", place ? "double" : c_type(n->dtype), fold_start(n->fold));
    if (place) {
        indent(p);
        fputs("int32_t best = 0, place = 0;\n", p->out);
    }
    open_loops(p, n->rank, n->fold_dim, n->nfold);
    if (n->guard) {
        const char *guard = print_expr(p, n->guard);
        indent(p);
        fprintf(p->out, "if (!%s) %s\n", guard, place ? "{ place++; continue; }" : "continue;");
    }
    print_update(p, n, print_expr(p, n->body));
    close_loops(p, n->nfold);
    return place ? "best" : "fold";
}

/* `to` with the indices of the node's own variables: nested ones, or the row-major number. */
static const char *element(Printer *p, const Node *n, const char *to, bool flat) {
    if (!flat) {
        for (int k = 0; k < n->rank; k++) to = arena_printf(p->arena, "%s[i%d]", to, k);
        return to;
    }
    const char *at = "i0";
    for (int k = 1; k < n->rank; k++) {
        const char *form = k < n->rank - 1 ? "(%s * %" PRId64 " + i%d)" : "%s * %" PRId64 " + i%d";
        at = arena_printf(p->arena, form, at, n->dim[k], k);
    }
    return arena_printf(p->arena, "%s[%s]", to, at);
}

static void print_value(Printer *p, const Node *n, const char *to, bool flat) {
    open_loops(p, 0, n->dim, n->rank);
    p->done.n = 0;
    const char *value = n->kind == N_LEAF   ? element(p, n, array_of(p, n), false)
                        : n->fold != F_NONE ? print_fold(p, n)
                                            : print_expr(p, n->body);
    if (n->kind == N_LEAF) value = arena_printf(p->arena, "(double)%s", value);
    indent(p);
    fprintf(p->out, "%s = %s;\n", element(p, n, to, flat), value);
    close_loops(p, n->rank);
}

/* Braces around every axis that begins or ends at element i. */
static void print_braces(Printer *p, const Node *n, int64_t i, char brace) {
    int64_t size = 1;
    for (int k = n->rank; k-- > 0;) {
        size *= n->dim[k];
        if (i % size == 0) fputc(brace, p->out);
    }
}

static void print_constants(Printer *p, const Node *n) {
    fputs(" = ", p->out);
    int64_t count = node_elements(n, 1);
    for (int64_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", p->out);
        print_braces(p, n, i, '{');
        fputs(print_constant(p, n->dtype, n->data[i]), p->out);
        print_braces(p, n, i + 1, '}');
    }
    fputs(";\n", p->out);
}

static void print_node(Printer *p, const Node *n, int number) {
    indent(p);
    fprintf(p->out, "%s%s t%d", n->kind == N_LEAF ? "static const " : "", c_type(n->dtype), number);
    for (int k = 0; k < n->rank; k++) fprintf(p->out, "[%" PRId64 "]", n->dim[k]);
    if (n->kind == N_LEAF) {
        print_constants(p, n);
        return;
    }
    fputs(";\n", p->out);
    const char *name = arena_printf(p->arena, "t%d", number);
    if (n->rank > 0) {
        print_value(p, n, name, false);
        return;
    }
    indent(p);
    fputs("{\n", p->out);
    p->depth++;
    print_value(p, n, name, false);
    close_loops(p, 1);
}

void emit_result(Arena *a, FILE *out, Graph *g, const Metric *m, const char *c_name) {
    Printer p = {.arena = a, .out = out, .metric = m, .c_name = c_name};
    Node *result = m->result;
    NodeList order = graph_order(g, &result, 1);
    for (int k = 0; k < order.n; k++) {
        Node *n = order.at[k];
        bool total = n->kind == N_LEAF && n->leaf == L_TOTAL;
        if (total || is_inlined(n) || (n == result && n->rank > 0)) continue;
        print_node(&p, n, p.made.n);
        vec_push(a, &p.made, n);
    }
    if (result->rank > 0) {
        print_value(&p, result, "result", true);
        return;
    }
    p.done.n = 0;
    const char *value = is_inlined(result) ? print_scalar(&p, result) : array_of(&p, result);
    fprintf(out, "    return %s;\n", value);
}
