/* ast.c - the constructors that the grammar calls.
 *
 * A constructor fills one node. Where the grammar takes more than the language means (the
 * left side of `=`, the callee of a call), the constructor says so at the part that is
 * wrong, and gives a node that the rest of the compiler can still read. The depth of each
 * node is kept, and limited, so that every later walk may recurse. */
#include "token.h"

#include <string.h>

/* ---- nodes and chains ------------------------------------------------------ */

Ast *ast_new(Arena *a, AstKind k, Span at) {
    Ast *x = NEW(a, Ast);
    x->kind = k;
    x->span = at;
    x->last = x;
    return x;
}

Ast *ast_append(Ast *list, Ast *item) {
    if (!list) return item;
    list->last->next = item;
    list->last = item->last;
    if (item->depth > list->depth) list->depth = item->depth;    /* the head knows the deepest */
    return list;
}

int ast_count(const Ast *list) {
    int n = 0;
    for (; list; list = list->next) n++;
    return n;
}

static void deepen(Ast *x, const Ast *part) {
    if (part && part->depth >= x->depth) x->depth = part->depth + 1;
}

static bool is_statement(const Ast *x) { return x->kind < A_NUMBER; }

/* Every constructor ends here. Expressions count expressions, and statements blocks. A node
 * that is too deep loses its parts, so that what is built on it is shallow again. */
static Ast *finish(Ast *x) {
    if (!is_statement(x)) {
        deepen(x, x->a);
        deepen(x, x->b);
        deepen(x, x->c);
    }
    if (!is_statement(x) || x->kind == A_BLOCK) deepen(x, x->list);
    deepen(x, x->body);
    deepen(x, x->body2);
    if (x->depth <= MAX_NESTING) return x;
    diag_error(x->span, "this is nested too deeply: it has more than %d levels%s", MAX_NESTING,
            is_statement(x) ? "" : "; name a part of it on a line of its own");
    Span at = x->span;
    memset(x, 0, sizeof *x);
    x->kind = A_ERROR;
    x->span = at;
    x->last = x;
    return x;
}

Ast *ast_node(Arena *m, AstKind k, Span at, const char *name, Ast *a, Ast *b) {
    Ast *x = ast_new(m, k, at);
    x->name = name;
    x->a = a;
    x->b = b;
    return finish(x);
}

Ast *ast_list(Arena *m, AstKind k, Span at, const char *name, Ast *list) {
    Ast *x = ast_new(m, k, at);
    x->name = name;
    x->list = list;
    return finish(x);
}

Ast *ast_text(Arena *m, AstKind k, Span at, const char *text) {
    Ast *x = ast_new(m, k, at);
    x->text = text;
    return x;
}

static Ast *error_node(Arena *m, Span at) { return ast_new(m, A_ERROR, at); }

/* ---- expressions ----------------------------------------------------------- */

Ast *ast_number(Arena *m, Span at, double value, bool real) {
    Ast *x = ast_new(m, A_NUMBER, at);
    x->num = value;
    x->flag = real;
    return x;
}

Ast *ast_bool(Arena *m, Span at, bool value) {
    Ast *x = ast_new(m, A_BOOL, at);
    x->flag = value;
    return x;
}

/* Brackets only group; the span takes them in, so that carets do. */
Ast *ast_grouped(Span at, Ast *expr) {
    expr->span = at;
    expr->depth++;
    return expr;
}

Ast *ast_unary(Arena *m, Span at, const char *op, Ast *a) {
    Ast *x = ast_new(m, A_UNARY, at);
    x->text = intern(op);
    x->a = a;
    return finish(x);
}

Ast *ast_binary(Arena *m, Span at, const char *op, Ast *a, Ast *b) {
    Ast *x = ast_new(m, A_BINARY, at);
    x->text = intern(op);
    x->a = a;
    x->b = b;
    return finish(x);
}

Ast *ast_choice(Arena *m, Span at, Ast *condition, Ast *a, Ast *b) {
    Ast *x = ast_new(m, A_IF, at);
    x->a = condition;
    x->b = a;
    x->c = b;
    return finish(x);
}

Ast *ast_default(Arena *m, Span at, Ast *load, Ast *value) {
    if (load->kind == A_SUBSCRIPT) return ast_node(m, A_ELSE, at, NULL, load, value);
    diag_error(load->span, "`else` gives a default to a load, as in x[i - 1] else 0; this is no "
            "load (a choice is written: if c then a else b)");
    return error_node(m, at);
}

Ast *ast_fold(Arena *m, Span at, const char *name, Ast *binders, Ast *body) {
    Ast *x = ast_new(m, A_FOLD, at);
    x->name = name;
    x->list = binders;
    x->a = body;
    return finish(x);
}

Ast *ast_call(Arena *m, Span at, Ast *callee, Ast *args) {
    if (callee->kind != A_NAME && callee->kind != A_MEMBER) {
        diag_error(callee->span, "only a name can be called, as in f(x) or e.f(x)%s",
                callee->kind == A_NUMBER ? "; a product is written with *" : "");
        return error_node(m, at);
    }
    Ast *x = ast_new(m, A_CALL, at);
    x->a = callee;
    x->list = args;
    return finish(x);
}

Ast *ast_misnamed_argument(Arena *m, Span at, Span sign, const char *name, Ast *value) {
    diag_error(sign, "an argument is named with `:`, not `=`: write %s: ...", name);
    return ast_node(m, A_ARG, at, name, value, NULL);
}

Ast *ast_subscript(Arena *m, Span at, Ast *a, Ast *items) {
    Ast *x = ast_new(m, A_SUBSCRIPT, at);
    x->a = a;
    x->list = items;
    return finish(x);
}

static Ast *need_range(Arena *m, Ast *range, const char *what) {
    if (range->kind == A_RANGE || range->kind == A_ERROR) return range;
    diag_error(range->span, "%s runs over a range, first..end with the end left out; write 0..n "
            "for n steps", what);
    return ast_node(m, A_RANGE, range->span, NULL, ast_number(m, range->span, 0, false), range);
}

Ast *ast_index(Arena *m, Span at, const char *name, Ast *range) {
    Ast *x = ast_new(m, A_INDEX, at);
    x->name = name;
    x->flag = !name;
    x->a = range ? need_range(m, range, "an index variable") : NULL;
    return finish(x);
}

/* ---- types ----------------------------------------------------------------- */

static const char *const type_name[] = {
    "f32", "i32", "u8", "bool", "int", "real", "string", "function", "list",
};
enum { TYPES = sizeof type_name / sizeof *type_name };

static bool is_type(const char *name) {
    for (int i = 0; i < TYPES; i++)
        if (strcmp(type_name[i], name) == 0) return true;
    return false;
}

/* What a type is called elsewhere. */
static const char *foreign_type(const char *name) {
    static const char *const pair[][2] = {
            {"float", "f32"},
            {"float32", "f32"},
            {"f64", "f32"},
            {"double", "f32"},
            {"float64", "f32"},
            {"int32", "i32"},
            {"i64", "i32"},
            {"int64", "i32"},
            {"long", "i32"},
            {"uint8", "u8"},
            {"byte", "u8"},
            {"boolean", "bool"},
            {"integer", "int"},
            {"number", "real"},
            {"str", "string"},
            {"tensor", "f32"},
            {"fn", "function"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (strcmp(pair[i][0], name) == 0) return pair[i][1];
    return NULL;
}

static void check_dims(Ast *dims) {
    int ellipses = 0;
    for (Ast *d = dims; d; d = d->next) {
        if (d->kind == A_SLICE || d->kind == A_INDEX)
            diag_error(d->span, "a dimension is a size: a number, a name, or ...");
        if (d->kind == A_ELLIPSIS && ellipses++)
            diag_error(d->span, "a type can leave open ... only once");
    }
}

Ast *ast_type(Arena *m, Span at, const char *name, bool brackets, Ast *dims) {
    if (!is_type(name)) {
        Span word = {at.src, at.start, at.start + (uint32_t)strlen(name)};
        const char *near = foreign_type(name);
        if (!near) near = diag_nearest(name, type_name, TYPES);
        if (near) diag_error(word, "there is no type `%s`; did you mean `%s`?", name, near);
        else
            diag_error(word,
                    "there is no type `%s`; the types are f32, i32, u8 and bool, with [sizes], "
                    "and for arguments int, real, string, function and list",
                    name);
    }
    check_dims(dims);
    Ast *x = ast_new(m, A_TYPE, at);
    x->name = name;
    x->flag = brackets;
    x->list = dims;
    return finish(x);
}

/* ---- statements ------------------------------------------------------------ */

Ast *ast_expression(Arena *m, Span at, Ast *exprs) {
    if (exprs->next)
        diag_error(at, "several values alone do nothing; write a, b = ... or return a, b");
    return ast_node(m, A_EXPR_STMT, at, NULL, exprs, NULL);
}

/* y[n, o, i in 0..3, ...]: the items as the index variables that they bind. */
static bool bind_items(Arena *m, Ast *items, Ast **bound) {
    bool fine = true;
    *bound = NULL;
    for (Ast *i = items, *next; i; i = next) {
        next = i->next;
        Ast *x = i;
        if (i->kind == A_NAME) x = ast_index(m, i->span, i->name, NULL);
        else if (i->kind == A_ELLIPSIS) x = ast_index(m, i->span, NULL, NULL);
        else if (i->kind != A_INDEX) {
            diag_error(i->span,
                    "left of `=` each index is a variable of its own, as in y[n, i] = ...; "
                    "this is no name");
            fine = false;
            continue;
        }
        x->next = NULL;
        x->last = x;
        *bound = ast_append(*bound, x);
    }
    return fine;
}

static Ast *define_elements(Arena *m, Span at, Ast *target, Ast *value) {
    Ast *bound;
    if (target->a->kind != A_NAME) {
        diag_error(target->a->span, "left of `=` a tensor is named, as in y[n, i] = ...");
        return error_node(m, at);
    }
    if (!bind_items(m, target->list, &bound)) return error_node(m, at);
    Ast *x = ast_new(m, A_DEFINE, at);
    x->name = target->a->name;
    x->list = bound;
    x->a = value;
    return finish(x);
}

Ast *ast_assign(Arena *m, Span at, Ast *targets, Ast *value) {
    if (targets->kind == A_SUBSCRIPT && !targets->next)
        return define_elements(m, at, targets, value);
    for (Ast *t = targets; t; t = t->next) {
        if (t->kind == A_NAME) continue;
        if (t->kind == A_SUBSCRIPT)
            diag_error(t->span, "elements are defined one tensor at a time: write two lines");
        else
            diag_error(t->span, "left of `=` there must be a name, as in y = ... or y[n, i] = ...");
        return error_node(m, at);
    }
    Ast *x = ast_new(m, A_ASSIGN, at);
    x->list = targets;
    x->a = value;
    return finish(x);
}

Ast *ast_carried(Arena *m, Span at, Span name_at, const char *name, Ast *value) {
    return ast_assign(m, at, ast_node(m, A_NAME, name_at, name, NULL, NULL), value);
}

Ast *ast_scan(Arena *m, Span at, const char *name, Ast *axis, bool reversed, Ast *carried,
        Ast *body) {
    Ast *x = ast_new(m, A_SCAN, at);
    x->name = name;
    x->a = axis;
    x->flag = reversed;
    x->list = carried;
    x->body = body;
    return finish(x);
}

static bool calls_parameters(const Ast *x) {
    return x->kind == A_CALL && x->a->kind == A_NAME && strcmp(x->a->name, "parameters") == 0;
}

Ast *ast_for(Arena *m, Span at, const char *name, const char *name2, Ast *over, Ast *body) {
    bool each = calls_parameters(over);
    Ast *x = ast_new(m, each ? A_EACH_PARAM : A_FOR, at);
    x->name = name;
    x->name2 = name2;
    x->body = body;
    if (each) {
        for (const Ast *arg = over->list; arg; arg = arg->next) {
            bool per = arg->name && strcmp(arg->name, "per") == 0;
            if (per && arg->a->kind == A_NAME && strcmp(arg->a->name, "batch") == 0)
                x->flag = true;
            else if (arg->name && strcmp(arg->name, "weight") == 0)
                x->a = arg->a;
            else if (!arg->name && arg->a->kind == A_STRING && !x->text)
                x->text = arg->a->text;
            else
                diag_error(arg->span, "parameters(...) takes one pattern, a string as in "
                        "parameters(\"conv2d*\"), or nothing for all; per: batch, for the "
                        "gradients of each row; or weight: w, for rows that count differently");
        }
        if ((x->flag || x->a) && !name2)
            diag_error(over->span, "these gradients need a name: for p, g in "
                    "parameters(per: batch)");
    } else if (name2) {
        diag_error(at, "two names go through the parameters: for p, g in parameters() { ... }");
    } else {
        x->a = over->kind == A_NUMBER ? need_range(m, over, "`for`") : over; /* or a list */
    }
    return finish(x);
}

Ast *ast_if(Arena *m, Span at, Ast *condition, Ast *body, Ast *otherwise) {
    Ast *x = ast_new(m, A_IF_STMT, at);
    x->a = condition;
    x->body = body;
    x->body2 = otherwise;
    return finish(x);
}

Ast *ast_restriction(Arena *m, Span at, Ast *on, Ast *except) {
    return ast_node(m, A_SETTING, at, NULL, on, except);
}

bool ast_assigns(const Ast *value) {
    return value && (value->kind == A_ASSIGN || value->kind == A_DEFINE);
}

Ast *ast_setting(Arena *m, Span at, const char *name, Ast *values, Ast *restriction) {
    Ast *x = ast_new(m, A_SETTING, at);
    x->name = name;
    x->list = values;
    x->a = restriction ? restriction->a : NULL;
    x->b = restriction ? restriction->b : NULL;
    return finish(x);
}

/* ---- definitions ----------------------------------------------------------- */

/* `layer f(x) = expr` is short for a body that returns it; a fn keeps its expression. */
Ast *ast_define(Arena *m, AstKind k, Span at, const char *name, Ast *params, Ast *a, Ast *body) {
    if (k == A_LAYER && a)
        body = ast_list(m, A_BLOCK, a->span, NULL, ast_list(m, A_RETURN, a->span, NULL, a));
    Ast *x = ast_new(m, k, at);
    x->name = name;
    x->params = params;
    x->a = k == A_LAYER ? NULL : a;
    x->body = body;
    return finish(x);
}

Ast *ast_update(Arena *m, Span at, const char *name, Ast *params, const char *stage, Ast *body) {
    Ast *x = ast_define(m, A_UPDATE, at, name, params, NULL, body);
    x->text = stage;
    return x;
}

Ast *ast_initializer(Arena *m, Span at, const char *name, Ast *params, const char *name2, Ast *a,
        Ast *body) {
    Ast *x = ast_new(m, A_INITIALIZER, at);
    x->name = name;
    x->params = params;
    x->name2 = name2;
    x->a = a;
    x->body = body;
    return finish(x);
}

Ast *ast_broken(Arena *m, Span at, Ast *block) {
    Ast *x = ast_new(m, A_ERROR, at);
    x->body = block;
    return finish(x);
}

Span ast_head(const Ast *s) {
    Span at = s->span;
    uint32_t end = at.start;
    while (end < at.end && at.src->text[end] > ' ') end++;
    at.end = end;
    return at;
}
