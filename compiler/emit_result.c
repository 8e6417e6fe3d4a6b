/* emit_result.c - a metric's result as the body of a C function in double precision.
 *
 * The value is a scalar over the metric's totals (L_TOTAL leaves, members of `totals`),
 * computed once per evaluation: plain text, one line for each shared operation. */
#include "emit_result.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"

typedef struct Done { const Expr *of; const char *text; } Done;

typedef struct Printer {
    Arena *arena;
    FILE *out;
    const Metric *metric;
    const char *c_name;
    Vec(Done) done;
    int temps;
} Printer;

static const char *print_node(Printer *p, const Node *n);

/* An operator's C text with its operands in place of x, y, z and double functions. */
static const char *fill_in(Printer *p, const char *text, const char *const *arg) {
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    if (!f) ICE(p->metric->span, "out of memory");
    for (const char *s = text; *s;) {
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        if (n == 1 && *s >= 'x' && *s <= 'z')
            fputs(arg[*s - 'x'], f);
        else if (n > 3 && strncmp(s, "dl_", 3) == 0)
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

static const char *print_expr(Printer *p, const Expr *e) {
    if (e->kind == E_CONST) return arena_printf(p->arena, "%.17g", e->value);
    if (e->kind == E_LOAD) return print_node(p, e->node);
    if (e->kind != E_OP) ICE(p->metric->span, "a metric's result is a scalar of its totals");
    for (int i = 0; i < p->done.n; i++)
        if (p->done.at[i].of == e) return p->done.at[i].text;
    const char *arg[3] = {"", "", ""};
    for (int i = 0; i < e->narg; i++) arg[i] = print_expr(p, e->arg[i]);
    const OpInfo *op = &op_info[e->op];
    const char *value = fill_in(p, op->real ? op->real : op->integer, arg);
    const char *temp = arena_printf(p->arena, "t%d", p->temps++);
    fprintf(p->out, "    const %s %s = %s;\n", e->dtype == T_BOOL ? "int" : "double", temp, value);
    vec_push(p->arena, &p->done, ((Done){e, temp}));
    return temp;
}

static const char *print_node(Printer *p, const Node *n) {
    for (int i = 0; i < p->metric->ntotal; i++)
        if (p->metric->total_leaf[i] == n)
            return arena_printf(p->arena, "(double)totals->%s_%s", p->c_name,
                    p->metric->total_name[i]);
    if (n->kind == N_LEAF && n->leaf == L_DATA)
        return arena_printf(p->arena, "%.17g", n->data[0]);
    if (n->kind != N_COMP || n->fold != F_NONE)
        ICE(n->span, "a metric's result is a scalar of its totals");
    return print_expr(p, n->body);
}

void emit_result(Arena *a, FILE *out, const Metric *m, const char *c_name) {
    Printer p = {.arena = a, .out = out, .metric = m, .c_name = c_name};
    const char *value = print_node(&p, m->result);
    fprintf(out, "    return %s;\n", value);
}
