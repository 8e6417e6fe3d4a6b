/* ast.h - the program as written. No meaning here: names are not resolved and shapes not
 * known; the compiler's lower.c instantiates it.
 *
 * One fat struct for every construct (kinds below say which fields they use), since a
 * reader of the tree asks for few things of many kinds. Lists are sibling chains. */
#ifndef DLC_AST_H
#define DLC_AST_H

#include "base.h"

typedef struct Ast Ast;

typedef enum {
    /* ---- top level: `list` of a program, in order ---- */
    A_PROGRAM,     /* list */
    A_IMPORT,      /* text: the file as written; resolved by ast_load */
    A_MODEL,       /* name, body */
    A_TRAIN,       /* name, body of A_SETTING */
    A_LAYER,       /* name, params, body;  layer dense(x: f32[..., n], units: int) { } */
    A_FN,          /* name, params, body or (a = the expression of `= expr`) */
    A_OPTIMIZER,   /* name, params, body: statements, then A_EACH_PARAM */
    A_UPDATE,      /* the same; text = "before" or "after" the optimizer, NULL: in the loss */
    A_METRIC,      /* name, params, body: statements, A_TOTAL, A_RESULT */
    A_INITIALIZER, /* initializer N(scale = 1) for p = expr;  name, params, name2 = p, a or body */
    A_CONST,       /* name, a;  also a statement */

    A_PARAM_DECL,  /* a formal parameter: name, a = type or NULL, b = default or NULL */

    /* ---- types ---- */
    A_TYPE,        /* name = "f32" "i32" "u8" "bool" "int" "real" "string" "function" "list", list = dims
                    * when flag (brackets were written); dims: expressions (sizes, or names that
                    * are bound by matching), or A_ELLIPSIS */
    A_TYPE_LIKE,   /* like p: name */

    /* ---- statements ---- */
    A_BLOCK,       /* list */
    A_INPUT,       /* input name: type;          name, a = type */
    A_TARGET,      /* the same */
    A_PARAM,       /* param name: type = init;   name, a = type, b = initial value expression */
    A_STATE,       /* state name: type = init;   name, a = type, b = init or NULL */
    A_OUTPUT,      /* output name = expr;        name, a (a NULL: output of the tensor `name`) */
    A_LOSS,        /* loss expr;                 a  (name: `loss NAME = expr`, or NULL) */
    A_PENALTY,     /* penalty expr;              a */
    A_METRIC_USE,  /* metric accuracy(s, l);     a = the call; name: `metric NAME = call` or NULL */
    A_ENTRY,       /* entry name { };            name, body */
    A_FREEZE,      /* freeze "pattern";          text */
    A_ASSIGN,      /* names = expr;              list of A_NAME targets (one or several), a */
    A_DEFINE,      /* y[n, o] = expr;            name, list of A_INDEX items, a */
    A_EXPR_STMT,   /* a: an expression alone (an error unless it is a call with effects) */
    A_RETURN,      /* list of values */
    A_SCAN,        /* scan t in time [reversed] with h = e, ... { };  name = t, a = axis: expression
                    * or A_RANGE, list = carried as A_ASSIGN (one target), flag: reversed; body */
    A_FOR,         /* for i in a..b { };         name, a = A_RANGE or a list's expression, body */
    A_IF_STMT,     /* if c { } else { };         a, body, body2: A_BLOCK, A_IF_STMT or NULL */
    A_EACH_PARAM,  /* for p, g in parameters("pattern") { };  name = p, name2 = g or NULL,
                    * text = pattern or NULL, flag: g is each row's (per: batch), a: the rows'
                    * weights (weight: expr) or NULL, body */
    A_TOTAL,       /* total a = expr;            name, a */
    A_RESULT,      /* result expr;               a */
    A_SETTING,     /* in train: WORD values;     name, list = expressions and A_ARGs, or one
                    * A_ASSIGN or A_DEFINE (augment image = ...); which
                    * parameters: a = patterns after `on`, b = those after `except` (A_STRINGs) */

    /* ---- expressions ---- */
    A_NUMBER,      /* num; flag = written as a real (has a point or an exponent) */
    A_STRING,      /* text, unescaped */
    A_BOOL,        /* flag */
    A_NAME,        /* name */
    A_MEMBER,      /* a.name */
    A_CALL,        /* a = callee (A_NAME or A_MEMBER), list = A_ARGs */
    A_ARG,         /* name (of `name: value`, or NULL), a */
    A_PIPE,        /* a |> b: b is A_NAME, A_MEMBER or A_CALL; a becomes its first argument */
    A_UNARY,       /* text = "-" "not";  a */
    A_BINARY,      /* text = "+" "-" "*" "/" "//" "%" "**" "@" "==" "!=" "<" "<=" ">" ">=" "and"
                    * "or"; a, b */
    A_IF,          /* if a then b else c;  c NULL only in a fold */
    A_ELSE,        /* x[i-1] else 0:  a, b */
    A_FOLD,        /* name = "sum" "max" "min" "prod" "argmax" "argmin", list = A_INDEX, a = body */
    A_SUBSCRIPT,   /* a[list];  items: expressions, A_SLICE, A_ELLIPSIS */
    A_SLICE,       /* a : b, either may be NULL */
    A_ELLIPSIS,    /* ... */
    A_RANGE,       /* a..b, b exclusive */
    A_INDEX,       /* an index variable being bound: name, a = A_RANGE or NULL; flag: it is `...` */
    A_ALL,         /* all h: name */
    A_LIST,        /* [1, 2, 3] or nested: list */
    A_ERROR        /* the parser recovered here; already reported */
} AstKind;

struct Ast {
    AstKind kind;
    Span span;
    const char *name, *name2;      /* interned */
    const char *text;              /* interned */
    double num;
    bool flag;
    Ast *a, *b, *c;
    Ast *list;                     /* first child */
    Ast *params;                   /* first A_PARAM_DECL */
    Ast *body, *body2;             /* A_BLOCK */
    Ast *next;                     /* sibling */
    Ast *last;                     /* of the chain that this one heads (ast_append) */
    int depth;                     /* levels below; bounded, so that walks may recurse */
};

/* ast.c: the constructors that the grammar calls. Each says here what is wrong with its
 * parts, where they cannot be what it needs. */
Ast *ast_new(Arena *a, AstKind k, Span at);
Ast *ast_append(Ast *list, Ast *item);          /* returns the list's head */
int ast_count(const Ast *list);

Ast *ast_node(Arena *m, AstKind k, Span at, const char *name, Ast *a, Ast *b);
Ast *ast_list(Arena *m, AstKind k, Span at, const char *name, Ast *list);
Ast *ast_text(Arena *m, AstKind k, Span at, const char *text);
Ast *ast_number(Arena *m, Span at, double value, bool real);
Ast *ast_bool(Arena *m, Span at, bool value);
Ast *ast_grouped(Span at, Ast *expr);           /* ( expr ) */
Ast *ast_unary(Arena *m, Span at, const char *op, Ast *a);
Ast *ast_binary(Arena *m, Span at, const char *op, Ast *a, Ast *b);
Ast *ast_choice(Arena *m, Span at, Ast *condition, Ast *a, Ast *b);
Ast *ast_default(Arena *m, Span at, Ast *load, Ast *value);
Ast *ast_fold(Arena *m, Span at, const char *name, Ast *binders, Ast *body);
Ast *ast_call(Arena *m, Span at, Ast *callee, Ast *args);
Ast *ast_misnamed_argument(Arena *m, Span at, Span sign, const char *name, Ast *value);
Ast *ast_subscript(Arena *m, Span at, Ast *a, Ast *items);
Ast *ast_index(Arena *m, Span at, const char *name, Ast *range);   /* name NULL: `...` */
Ast *ast_type(Arena *m, Span at, const char *name, bool brackets, Ast *dims);

Ast *ast_expression(Arena *m, Span at, Ast *exprs);
Ast *ast_assign(Arena *m, Span at, Ast *targets, Ast *value);
Ast *ast_carried(Arena *m, Span at, Span name_at, const char *name, Ast *value);
Ast *ast_scan(Arena *m, Span at, const char *name, Ast *axis, bool reversed, Ast *carried,
        Ast *body);
Ast *ast_for(Arena *m, Span at, const char *name, const char *name2, Ast *over, Ast *body);
Ast *ast_if(Arena *m, Span at, Ast *condition, Ast *body, Ast *otherwise);
Ast *ast_restriction(Arena *m, Span at, Ast *on, Ast *except);
Ast *ast_setting(Arena *m, Span at, const char *name, Ast *values, Ast *restriction);
Ast *ast_define(Arena *m, AstKind k, Span at, const char *name, Ast *params, Ast *a, Ast *body);
Ast *ast_initializer(Arena *m, Span at, const char *name, Ast *params, const char *name2, Ast *a,
        Ast *body);
Ast *ast_update(Arena *m, Span at, const char *name, Ast *params, const char *stage, Ast *body);
Ast *ast_broken(Arena *m, Span at, Ast *block);    /* a statement whose header is wrong */

/* ast_print.c: the tree as a program, which parses back to the same tree. */
void ast_print(FILE *f, const Ast *program);

/* load.c over lex.l and parse.y: a file and its imports, each once, in order of first
 * use; cycles are an error. The result has no A_IMPORT left: imported items come first.
 * NULL only when the file cannot be read; otherwise look at diag_errors(). */
Ast *ast_load(Arena *a, const char *path);
Ast *ast_parse(Arena *a, const Source *src);    /* one text, imports unresolved */

/* check.c: what can be said without shapes: duplicate names, return outside a function,
 * statements in the wrong place, unknown settings of a train block, and the like. */
void ast_check(const Ast *program);
Span ast_head(const Ast *s); /* the first word, where messages about a whole statement point */
bool ast_assigns(const Ast *value); /* a setting's value that is a statement: image = ... */

/* settings.c. A line of a train block that is no setting of the language begins with an update's
 * name; where there is no such update, setting_unknown says so (`update`: the names that there
 * are). */
bool setting_is_known(const Ast *setting);
void setting_unknown(const Ast *setting, const char *const *update, int updates);

/* std_files.c (made at build time from dsl/std): the library, parsed in front of every program. */
extern const struct StdFile { const char *name, *text; size_t length; } std_files[];
extern const int std_file_count;
Ast *ast_load_std(Arena *a);

#endif
