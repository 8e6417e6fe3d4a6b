/* ast_print.c - a tree as a program that parses back to the same tree.
 *
 * Brackets are put where the grammar needs them and nowhere else: each expression is
 * printed for a place that takes a level at least, and put in ( ) if it is looser. A
 * statement is one line; blocks are indented by four blanks. Comments are gone. */
#include <string.h>

#include "ast.h"

/* The levels of parse.y, loosest first. */
typedef enum {
    L_PIPE, L_IF, L_OR, L_AND, L_NOT, L_COMPARE, L_SUM, L_FOLD, L_PRODUCT, L_NEGATIVE, L_POWER,
    L_OPERAND, L_POSTFIX, L_BRACKETS
} Level;

static void print_expr(FILE *f, const Ast *x, Level at_least);
static void print_statement(FILE *f, const Ast *s, int indent);

/* ---- expressions ----------------------------------------------------------- */

static Level binary_level(const char *op) {
    static const struct { const char *op; Level level; } row[] = {
        {"or", L_OR}, {"and", L_AND}, {"==", L_COMPARE}, {"!=", L_COMPARE}, {"<", L_COMPARE},
        {"<=", L_COMPARE}, {">", L_COMPARE}, {">=", L_COMPARE}, {"+", L_SUM}, {"-", L_SUM},
        {"**", L_POWER},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (strcmp(row[i].op, op) == 0) return row[i].level;
    return L_PRODUCT;
}

static Level level(const Ast *x) {
    switch (x->kind) {
    case A_PIPE: return L_PIPE;
    case A_IF: return L_IF;
    case A_FOLD: return L_FOLD;
    case A_UNARY: return x->text[0] == '-' ? L_NEGATIVE : L_NOT;
    case A_BINARY: return binary_level(x->text);
    case A_ELSE: case A_ALL: return L_OPERAND;
    default: return L_POSTFIX;
    }
}

/* Whether the expression's text ends in one that would swallow an operator, an else or a
 * product behind it. Such an operand left of an operator goes into brackets. */
static bool open_ended(const Ast *x) {
    switch (x->kind) {
    case A_IF: case A_FOLD: case A_ELSE: return true;
    case A_UNARY: return open_ended(x->a);
    case A_BINARY: return open_ended(x->b);
    default: return false;
    }
}

static void print_list(FILE *f, const Ast *list) {
    for (const Ast *x = list; x; x = x->next) {
        print_expr(f, x, L_PIPE);
        if (x->next) fputs(", ", f);
    }
}

static void print_string(FILE *f, const char *text) {
    fputc('"', f);
    for (const char *s = text; *s; s++) {
        if (*s == '\n') fputs("\\n", f);
        else if (*s == '\t') fputs("\\t", f);
        else if (*s == '"' || *s == '\\') fprintf(f, "\\%c", *s);
        else fputc(*s, f);
    }
    fputc('"', f);
}

/* The shortest digits that read back as the same number. */
static void print_number(FILE *f, const Ast *x) {
    char text[40];
    if (!x->flag) {
        fprintf(f, "%.0f", x->num);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, x->num);
        if (sscanf(text, "%lf", &back) == 1 && back == x->num) break;
    }
    fprintf(f, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_left(FILE *f, const Ast *x, Level at_least) {
    print_expr(f, x, open_ended(x) ? L_POSTFIX : at_least);
}

static void print_binary(FILE *f, const Ast *x) {
    Level own = binary_level(x->text);
    bool right = own == L_POWER, chains = own != L_COMPARE;
    print_left(f, x->a, right || !chains ? own + 1 : own);
    fprintf(f, " %s ", x->text);
    print_expr(f, x->b, right ? own : own + 1);
}

/* Whether the text starts with a token after which `sum(k)` is a fold: not with - or [. */
static bool starts_as_operand(const Ast *x) {
    switch (x->kind) {
    case A_BINARY: case A_PIPE: case A_ELSE: case A_SUBSCRIPT: case A_CALL: case A_MEMBER:
        return starts_as_operand(x->a);
    case A_LIST: case A_ALL: return false;
    case A_UNARY: return x->text[0] != '-';
    default: return true;
    }
}

/* The body of a fold takes the product: anything tighter than a sum, or an if. */
static void print_fold(FILE *f, const Ast *x) {
    fprintf(f, "%s(", x->name);
    print_list(f, x->list);
    fputs(") ", f);
    Level at_least = x->a->kind == A_IF ? L_IF : L_FOLD;
    print_expr(f, x->a, starts_as_operand(x->a) ? at_least : L_BRACKETS);
}

static void print_choice(FILE *f, const Ast *x) {
    fputs("if ", f);
    print_expr(f, x->a, L_PIPE);
    fputs(" then ", f);
    print_left(f, x->b, L_IF);
    if (!x->c) return;
    fputs(" else ", f);
    print_expr(f, x->c, L_IF);
}

static void print_range(FILE *f, const Ast *x) {
    print_expr(f, x->a, L_PIPE);
    fputs("..", f);
    print_expr(f, x->b, L_PIPE);
}

static void print_index(FILE *f, const Ast *x) {
    fputs(x->flag ? "..." : x->name, f);
    if (!x->a) return;
    fputs(" in ", f);
    print_range(f, x->a);
}

static void print_bare(FILE *f, const Ast *x) {
    switch (x->kind) {
    case A_NUMBER: print_number(f, x); break;
    case A_STRING: print_string(f, x->text); break;
    case A_BOOL: fputs(x->flag ? "true" : "false", f); break;
    case A_NAME: fputs(x->name, f); break;
    case A_MEMBER: print_expr(f, x->a, L_POSTFIX); fprintf(f, ".%s", x->name); break;
    case A_CALL:
        print_expr(f, x->a, L_POSTFIX);
        fputc('(', f);
        print_list(f, x->list);
        fputc(')', f);
        break;
    case A_ARG:
        if (x->name) fprintf(f, "%s: ", x->name);
        print_expr(f, x->a, L_PIPE);
        break;
    case A_PIPE:
        print_left(f, x->a, L_PIPE);
        fputs(" |> ", f);
        print_expr(f, x->b, L_POSTFIX);
        break;
    case A_UNARY:
        fputs(x->text[0] == '-' ? "-" : "not ", f);
        print_expr(f, x->a, x->a->kind == A_UNARY ? L_OPERAND : level(x));
        break;
    case A_BINARY: print_binary(f, x); break;
    case A_IF: print_choice(f, x); break;
    case A_ELSE:
        print_expr(f, x->a, L_POSTFIX);
        fputs(" else ", f);
        print_expr(f, x->b, L_OPERAND);
        break;
    case A_FOLD: print_fold(f, x); break;
    case A_SUBSCRIPT:
        print_expr(f, x->a, L_POSTFIX);
        fputc('[', f);
        print_list(f, x->list);
        fputc(']', f);
        break;
    case A_SLICE:
        if (x->a) print_expr(f, x->a, L_PIPE);
        fputc(':', f);
        if (x->b) print_expr(f, x->b, L_PIPE);
        break;
    case A_ELLIPSIS: fputs("...", f); break;
    case A_RANGE: print_range(f, x); break;
    case A_INDEX: print_index(f, x); break;
    case A_ALL: fprintf(f, "all %s", x->name); break;
    case A_LIST: fputc('[', f); print_list(f, x->list); fputc(']', f); break;
    default: fputs("error", f); break;
    }
}

static void print_expr(FILE *f, const Ast *x, Level at_least) {
    bool loose = level(x) < at_least;
    if (loose) fputc('(', f);
    print_bare(f, x);
    if (loose) fputc(')', f);
}

/* ---- types and formal parameters ------------------------------------------- */

static void print_type(FILE *f, const Ast *x) {
    if (x->kind == A_TYPE_LIKE) {
        fprintf(f, "like %s", x->name);
        return;
    }
    fputs(x->name, f);
    if (!x->flag) return;
    fputc('[', f);
    print_list(f, x->list);
    fputc(']', f);
}

static void print_params(FILE *f, const Ast *params) {
    fputc('(', f);
    for (const Ast *p = params; p; p = p->next) {
        fputs(p->name, f);
        if (p->a) {
            fputs(": ", f);
            print_type(f, p->a);
        }
        if (p->b) {
            fputs(" = ", f);
            print_expr(f, p->b, L_PIPE);
        }
        if (p->next) fputs(", ", f);
    }
    fputc(')', f);
}

/* ---- statements ------------------------------------------------------------ */

static void print_block(FILE *f, const Ast *block, int indent) {
    fputs(" {\n", f);
    for (const Ast *s = block->list; s; s = s->next) print_statement(f, s, indent + 4);
    fprintf(f, "%*s}", indent, "");
}

/* keyword [name] [: type] [= value] */
static void print_declaration(FILE *f, const char *keyword, const char *name, const Ast *type,
        const Ast *value) {
    fputs(keyword, f);
    if (name) fprintf(f, " %s", name);
    if (type) {
        fputs(": ", f);
        print_type(f, type);
    }
    if (!value) return;
    fputs(name ? " = " : " ", f);
    print_expr(f, value, L_PIPE);
}

static void print_definition(FILE *f, const char *keyword, const Ast *s, bool params, int indent) {
    fprintf(f, "%s %s", keyword, s->name);
    if (params) print_params(f, s->params);
    if (s->name2) fprintf(f, " for %s", s->name2);
    if (s->text) fprintf(f, " %s", s->text);
    if (s->a) {
        fputs(" = ", f);
        print_expr(f, s->a, L_PIPE);
    } else if (s->body) {
        print_block(f, s->body, indent);
    }
}

static void print_if(FILE *f, const Ast *s, int indent) {
    fputs("if ", f);
    print_expr(f, s->a, L_PIPE);
    print_block(f, s->body, indent);
    if (!s->body2) return;
    fputs(" else", f);
    if (s->body2->kind == A_BLOCK) {
        print_block(f, s->body2, indent);
    } else {
        fputc(' ', f);
        print_if(f, s->body2, indent);
    }
}

static void print_scan(FILE *f, const Ast *s, int indent) {
    fprintf(f, "scan %s in ", s->name);
    print_expr(f, s->a, L_PIPE);
    if (s->flag) fputs(" reversed", f);
    if (s->list) fputs(" with ", f);
    for (const Ast *c = s->list; c; c = c->next) {
        fprintf(f, "%s = ", c->list->name);
        print_expr(f, c->a, L_PIPE);
        if (c->next) fputs(", ", f);
    }
    print_block(f, s->body, indent);
}

static void print_for(FILE *f, const Ast *s, int indent) {
    fprintf(f, "for %s", s->name);
    if (s->name2) fprintf(f, ", %s", s->name2);
    fputs(" in ", f);
    if (s->kind == A_FOR) {
        print_expr(f, s->a, L_PIPE);
    } else {
        fputs("parameters(", f);
        if (s->text) print_string(f, s->text);
        if (s->flag) fputs(s->text ? ", per: batch" : "per: batch", f);
        if (s->kind == A_EACH_PARAM && s->a) {
            fputs(s->text || s->flag ? ", weight: " : "weight: ", f);
            print_expr(f, s->a, L_PIPE);
        }
        fputc(')', f);
    }
    print_block(f, s->body, indent);
}

static void print_bare_statement(FILE *f, const Ast *s, int indent);

static void print_setting(FILE *f, const Ast *s) {
    const Ast *part[] = {s->list, s->a, s->b};
    static const char *const word[] = {" ", " on ", " except "};
    fprintf(f, "%s", s->name);
    if (ast_assigns(s->list)) {
        fputc(' ', f);
        print_bare_statement(f, s->list, 0);
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (part[i]) fputs(word[i], f);
        print_list(f, part[i]);
    }
}

static void print_bare_statement(FILE *f, const Ast *s, int indent) {
    switch (s->kind) {
    case A_IMPORT: fputs("import ", f); print_string(f, s->text); break;
    case A_MODEL: print_definition(f, "model", s, false, indent); break;
    case A_TRAIN: print_definition(f, "train", s, false, indent); break;
    case A_ENTRY: print_definition(f, "entry", s, false, indent); break;
    case A_LAYER: print_definition(f, "layer", s, true, indent); break;
    case A_FN: print_definition(f, "fn", s, true, indent); break;
    case A_OPTIMIZER: print_definition(f, "optimizer", s, true, indent); break;
    case A_UPDATE: print_definition(f, "update", s, true, indent); break;
    case A_METRIC: print_definition(f, "metric", s, true, indent); break;
    case A_INITIALIZER: print_definition(f, "initializer", s, true, indent); break;
    case A_CONST: print_declaration(f, "const", s->name, NULL, s->a); break;
    case A_INPUT: print_declaration(f, "input", s->name, s->a, NULL); break;
    case A_TARGET: print_declaration(f, "target", s->name, s->a, NULL); break;
    case A_PARAM: print_declaration(f, "param", s->name, s->a, s->b); break;
    case A_STATE: print_declaration(f, "state", s->name, s->a, s->b); break;
    case A_OUTPUT: print_declaration(f, "output", s->name, NULL, s->a); break;
    case A_LOSS: print_declaration(f, "loss", s->name, NULL, s->a); break;
    case A_PENALTY: print_declaration(f, "penalty", NULL, NULL, s->a); break;
    case A_METRIC_USE: print_declaration(f, "metric", s->name, NULL, s->a); break;
    case A_TOTAL: print_declaration(f, "total", s->name, NULL, s->a); break;
    case A_RESULT: print_declaration(f, "result", NULL, NULL, s->a); break;
    case A_FREEZE: fputs("freeze ", f); print_string(f, s->text); break;
    case A_ASSIGN: print_list(f, s->list); fputs(" = ", f); print_expr(f, s->a, L_PIPE); break;
    case A_DEFINE:
        fprintf(f, "%s[", s->name);
        print_list(f, s->list);
        fputs("] = ", f);
        print_expr(f, s->a, L_PIPE);
        break;
    case A_EXPR_STMT: print_list(f, s->a); break;
    case A_RETURN: fputs("return ", f); print_list(f, s->list); break;
    case A_SCAN: print_scan(f, s, indent); break;
    case A_FOR: case A_EACH_PARAM: print_for(f, s, indent); break;
    case A_IF_STMT: print_if(f, s, indent); break;
    case A_SETTING: print_setting(f, s); break;
    default: fputs("error", f); break;
    }
}

static void print_statement(FILE *f, const Ast *s, int indent) {
    fprintf(f, "%*s", indent, "");
    print_bare_statement(f, s, indent);
    fputc('\n', f);
}

void ast_print(FILE *f, const Ast *program) {
    for (const Ast *s = program->list; s; s = s->next) print_statement(f, s, 0);
}
