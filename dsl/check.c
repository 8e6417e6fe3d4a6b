/* check.c - what can be said of a program without shapes and without resolving names.
 *
 * Three things: statements stand where they mean something (the table `places`); what is
 * bound is bound once; and each definition is whole (a layer returns, a metric has a
 * result, a setting exists). Reads the tree of the user's files, changes nothing. */
#include <string.h>

#include "ast.h"
#include "settings.h"

/* ---- where statements belong ----------------------------------------------- */

typedef enum {
    TOP = 1, MODEL_ = 2, ENTRY_ = 4, LAYER_ = 8, FN_ = 16, METRIC_ = 32, OPTIMIZER_ = 64,
    INITIALIZER_ = 128, EACH = 256, TRAIN_ = 512, UPDATE_ = 1024, EACH_UPDATE = 2048,
    BODIES = MODEL_ | ENTRY_ | LAYER_ | FN_ | METRIC_ | OPTIMIZER_ | INITIALIZER_ | EACH |
             UPDATE_ | EACH_UPDATE
} Where;

static const struct { Where where; const char *name; } where_name[] = {
    {TOP, "outside of all definitions"}, {MODEL_, "in a model"}, {ENTRY_, "in an entry"},
    {LAYER_, "in a layer"}, {FN_, "in a fn"}, {METRIC_, "in a metric"},
    {OPTIMIZER_, "in an optimizer"}, {INITIALIZER_, "in an initializer"},
    {EACH, "in a loop over the parameters"}, {TRAIN_, "in a train block"},
    {UPDATE_, "in an update"}, {EACH_UPDATE, "in a loop over the parameters"},
};

/* A kind of statement, where it may stand, and what to do where it may not. */
typedef struct Place {
    const char *keyword;
    int where;
    const char *advice;
} Place;

static const Place places[] = {
        [A_IMPORT] = {"import", TOP, "it is written at the start of the file"},
        [A_MODEL] = {"model", TOP, "write it beside this definition, not inside"},
        [A_TRAIN] = {"train", TOP, "write it beside this definition, not inside"},
        [A_LAYER] = {"layer", TOP, "write it beside this definition, not inside"},
        [A_FN] = {"fn", TOP, "write it beside this definition, not inside"},
        [A_OPTIMIZER] = {"optimizer", TOP, "which one to use is said in train NAME { ... }"},
        [A_UPDATE] = {"update", TOP, "a line of train NAME { ... } begins with its name"},
        [A_METRIC] = {"metric", TOP, "write it beside this definition, not inside"},
        [A_INITIALIZER] = {"initializer", TOP, "write it beside this definition, not inside"},
        [A_CONST] = {"const", TOP | BODIES, "write it before the block"},
        [A_INPUT] = {"input", MODEL_ | ENTRY_,
                "what a layer or fn takes are its arguments, in ( )"},
        [A_TARGET] = {"target", MODEL_, "it belongs in model NAME { ... }"},
        [A_PARAM] = {"param", MODEL_ | LAYER_, "parameters belong to layers and models"},
        [A_STATE] = {"state",
                MODEL_ | ENTRY_ | LAYER_ | OPTIMIZER_ | EACH | UPDATE_ | EACH_UPDATE,
                "states belong to layers, models and optimizers"},
        [A_OUTPUT] = {"output", MODEL_ | ENTRY_ | EACH_UPDATE,
                "layers and functions give values by return, metrics by result"},
        [A_LOSS] = {"loss", MODEL_,
                "it belongs in model NAME { ... }; a layer adds to it by penalty"},
        [A_PENALTY] = {"penalty", LAYER_ | MODEL_ | UPDATE_ | EACH_UPDATE, "it belongs in a layer"},
        [A_METRIC_USE] = {"metric", MODEL_,
                "it belongs in model NAME { ... }; a definition is metric NAME(...) { ... }"},
        [A_ENTRY] = {"entry", MODEL_, "it belongs in model NAME { ... }"},
        [A_FREEZE] = {"freeze", MODEL_, "it belongs in model NAME { ... }"},
        [A_ASSIGN] = {"a value", BODIES,
                "a constant for all definitions is written const NAME = ..."},
        [A_DEFINE] = {"a definition by elements", BODIES, "it belongs in a model, layer or fn"},
        [A_EXPR_STMT] = {"an expression", BODIES, "it belongs in a model, layer or fn"},
        [A_RETURN] = {"return", LAYER_ | FN_ | INITIALIZER_,
                "a model gives values by output, a metric by result"},
        [A_SCAN] = {"scan", BODIES, "it belongs in a model, layer or fn"},
        [A_FOR] = {"for", BODIES, "it belongs in a model, layer or fn"},
        [A_IF_STMT] = {"if", BODIES, "it belongs in a model, layer or fn"},
        [A_EACH_PARAM] = {"for ... in parameters()", OPTIMIZER_ | UPDATE_,
                "only an optimizer goes through them"},
        [A_TOTAL] = {"total", METRIC_, "totals belong in metric NAME(...) { ... }"},
        [A_RESULT] = {"result", METRIC_,
                "it belongs in metric NAME(...) { ... }; a layer or fn has return"},
        [A_SETTING] = {"a setting", TRAIN_, "it belongs in train NAME { ... }"},
};
enum { PLACES = sizeof places / sizeof *places };

static const char *name_of(Where where) {
    for (size_t i = 0; i < sizeof where_name / sizeof *where_name; i++)
        if (where_name[i].where == where) return where_name[i].name;
    return "here";
}

static bool belongs(const Ast *s, Where where) {
    return (places[s->kind].where & (int)where) != 0;
}

static void check_place(const Ast *s, Where where) {
    if ((size_t)s->kind >= PLACES || !places[s->kind].keyword) return;
    const Place *p = &places[s->kind];
    if (belongs(s, where)) return;
    bool word = p->keyword[0] != 'a' || p->keyword[1] != ' ';
    diag_error(ast_head(s), word ? "`%s` cannot stand %s: %s" : "%s cannot stand %s: %s",
            p->keyword,
            name_of(where), p->advice);
}

/* ---- names bound once ------------------------------------------------------ */

/* Of the items from `list` to `x`, the one before x that has its name. */
static const Ast *same_name(const Ast *list, const Ast *x) {
    for (; list && list != x; list = list->next)
        if (list->name && list->name == x->name) return list;
    return NULL;
}

static void check_distinct(const Ast *list, const char *what) {
    for (const Ast *x = list; x; x = x->next) {
        const Ast *first = same_name(list, x);
        if (first && x->name) {
            diag_error(
                    x->span, "the %s `%s` is there twice; give each its own name", what, x->name);
            diag_note(first->span, "first here");
        }
    }
}

/* What shares a space of names: layers and functions do. */
static AstKind name_space(AstKind k) { return k == A_FN ? A_LAYER : k; }

static bool defines(const Ast *s) { return s->kind <= A_CONST && s->kind > A_IMPORT; }

static Span name_span(const Ast *s) {
    const char *text = s->span.src->text;
    uint32_t i = s->span.start;
    size_t n = strlen(s->name);
    while (text[i] > ' ') i++;
    while (text[i] && strncmp(text + i, s->name, n) != 0) i++;
    return (Span){s->span.src, i, i + (uint32_t)n};
}

static void check_definitions_distinct(const Ast *program) {
    for (const Ast *x = program->list; x; x = x->next) {
        if (!defines(x)) continue;
        for (const Ast *y = program->list; y != x; y = y->next) {
            if (!defines(y) || y->name != x->name || name_space(x->kind) != name_space(y->kind))
                continue;
            diag_error(name_span(x), "`%s` is defined twice", x->name);
            diag_note(name_span(y), "first here");
            break;
        }
    }
}

static bool declares(const Ast *s) {
    return s->kind == A_INPUT || s->kind == A_TARGET || s->kind == A_PARAM || s->kind == A_STATE;
}

/* Declarations of one block; outputs, totals and entries each among themselves. */
static void check_declarations_distinct(const Ast *block) {
    for (const Ast *x = block->list; x; x = x->next) {
        bool own = x->kind == A_OUTPUT || x->kind == A_TOTAL || x->kind == A_ENTRY;
        if (!own && !declares(x)) continue;
        for (const Ast *y = block->list; y != x; y = y->next) {
            if (y->name != x->name || (own ? y->kind != x->kind : !declares(y))) continue;
            diag_error(name_span(x), "`%s` is declared twice", x->name);
            diag_note(name_span(y), "first here");
            break;
        }
    }
}

/* ---- expressions ----------------------------------------------------------- */

static void check_expr(const Ast *x, bool in_fold);

static void check_list(const Ast *list) {
    for (; list; list = list->next) check_expr(list, false);
}

static void check_args(const Ast *args) {
    const Ast *named = NULL;
    for (const Ast *x = args; x; x = x->next) {
        if (x->name) named = x;
        else if (named)
            diag_error(x->span,
                    "an argument by place stands before those with names; name this one too");
    }
    check_distinct(args, "argument");
    check_list(args);
}

static void check_items(const Ast *items) {
    int ellipses = 0;
    for (const Ast *x = items; x; x = x->next) {
        if (x->kind == A_INDEX)
            diag_error(x->span,
                    "`in` binds an index left of `=` and in the ( ) of a fold; here the index "
                    "is only used");
        if (x->kind == A_ELLIPSIS && ellipses++)
            diag_error(x->span, "`...` stands once in [ ]: two would be ambiguous");
    }
    check_list(items);
}

/* An if may lack its else only as the body of a fold, where it leaves elements out. */
static void check_choice(const Ast *x, bool in_fold) {
    if (!x->c && !in_fold)
        diag_error(ast_head(x),
                "`else` is missing: write if c then a else b (only the body of a fold may "
                "leave it out, as in sum(k) if c then x[k])");
    check_expr(x->a, false);
    check_expr(x->b, in_fold);
    if (x->c) check_expr(x->c, in_fold);
}

static void check_expr(const Ast *x, bool in_fold) {
    if (!x) return;
    switch (x->kind) {
    case A_IF: check_choice(x, in_fold); return;
    case A_FOLD:
        check_distinct(x->list, "index");
        for (const Ast *i = x->list; i; i = i->next) check_expr(i->a, false);
        check_expr(x->a, true);
        return;
    case A_CALL: check_args(x->list); return;
    case A_SUBSCRIPT: check_expr(x->a, false); check_items(x->list); return;
    default:
        check_expr(x->a, false);
        check_expr(x->b, false);
        check_list(x->list);
        return;
    }
}

/* ---- statements ------------------------------------------------------------ */

static void check_statements(const Ast *block, Where where, bool in_scan);

static void check_assign(const Ast *s) {
    static const char *const given[] = {"batch", "training"};
    check_distinct(s->list, "name");
    for (const Ast *t = s->list; t; t = t->next)
        for (size_t i = 0; i < sizeof given / sizeof *given; i++)
            if (strcmp(t->name, given[i]) == 0)
                diag_error(t->span,
                        i == 0 ? "`%s` is the number of rows; it cannot be given a value here "
                                 "(its size is set in the train block)"
                               : "`%s` is known to the compiler; it cannot be given a value",
                        t->name);
    check_expr(s->a, false);
}

static bool is_first_word(const char *name) {
    static const char *const word[] = {
#define WORD(token, text, use) text,
#include "words.def"
#undef WORD
    };
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcmp(word[i], name) == 0) return true;
    return false;
}

/* An effect without a value is what `check(...)` has; a layer may have a penalty. */
static void check_unused(const Ast *s) {
    if (s->a->kind == A_NAME && is_first_word(s->a->name)) {
        diag_error(s->span, "the rest of this statement is missing: `%s` alone says nothing",
                s->a->name);
        return;
    }
    if (s->a->kind != A_CALL && s->a->kind != A_ERROR)
        diag_error(s->span,
                "this value is not used: name it (y = ...), return it, or take the line out");
    check_list(s->a);
}

static void check_block_of(const Ast *s, Where where, bool in_scan) {
    if (s->body) check_statements(s->body, where, in_scan);
    if (s->body2 && s->body2->kind == A_BLOCK) check_statements(s->body2, where, in_scan);
}

static void check_if(const Ast *s, Where where, bool in_scan) {
    for (; s && s->kind == A_IF_STMT; s = s->body2) {
        check_expr(s->a, false);
        check_block_of(s, where, in_scan);
    }
}

static void check_scan(const Ast *s, Where where) {
    for (const Ast *c = s->list; c; c = c->next) {
        for (const Ast *d = s->list; d != c; d = d->next)
            if (d->list->name == c->list->name)
                diag_error(c->span, "the scan carries `%s` twice", c->list->name);
        check_expr(c->a, false);
    }
    if (!s->list)
        diag_error(ast_head(s),
                "a scan carries values from step to step: scan %s in ... with h = zeros(...) "
                "{ ... }",
                s->name);
    check_expr(s->a, false);
    check_statements(s->body, where, true);
}

static void check_statement(const Ast *s, Where where, bool in_scan) {
    check_place(s, where);
    switch (s->kind) {
    case A_ASSIGN: check_assign(s); break;
    case A_DEFINE:
        check_distinct(s->list, "index");
        check_list(s->list);
        check_expr(s->a, false);
        break;
    case A_EXPR_STMT: check_unused(s); break;
    case A_RETURN:
        if (in_scan && belongs(s, where))
            diag_error(ast_head(s), "`return` cannot leave a scan: return after it");
        check_list(s->list);
        break;
    case A_PARAM:
        if (!s->b)
            diag_error(name_span(s),
                    "the parameter `%s` has no initial value: write = glorot_uniform() or "
                    "= zeros() behind its type",
                    s->name);
        check_expr(s->b, false);
        break;
    case A_STATE: check_expr(s->b, false); break;
    case A_METRIC_USE:
        if (s->a->kind != A_CALL && s->a->kind != A_ERROR)
            diag_error(s->a->span,
                    "a metric is named and given its arguments: metric accuracy(scores, label)");
        check_expr(s->a, false);
        break;
    case A_SCAN: check_scan(s, where); break;
    case A_FOR: check_expr(s->a, false); check_statements(s->body, where, in_scan); break;
    case A_EACH_PARAM:
        check_expr(s->a, false);
        check_statements(s->body, where == UPDATE_ ? EACH_UPDATE : EACH, in_scan);
        break;
    case A_IF_STMT: check_if(s, where, in_scan); break;
    case A_ENTRY: check_statements(s->body, ENTRY_, false); break;
    case A_ERROR: check_block_of(s, where, in_scan); break;
    default: if (!defines(s) || s->kind == A_CONST) check_expr(s->a, false); break;
    }
}

static void check_statements(const Ast *block, Where where, bool in_scan) {
    check_declarations_distinct(block);
    for (const Ast *s = block->list; s; s = s->next) {
        check_statement(s, where, in_scan);
        if (s->kind == A_RETURN && s->next && belongs(s, where))
            diag_warning(ast_head(s->next),
                    "this is never reached: the `return` before it ends the definition");
    }
}

/* ---- definitions ----------------------------------------------------------- */

static int count_kind(const Ast *block, AstKind k) {
    int n = 0;
    for (const Ast *s = block ? block->list : NULL; s; s = s->next) {
        n += s->kind == k;
        if (s->kind == A_FOR) n += count_kind(s->body, k);
        for (const Ast *i = s; i && i->kind == A_IF_STMT; i = i->body2) {
            n += count_kind(i->body, k);
            if (i->body2 && i->body2->kind == A_BLOCK) n += count_kind(i->body2, k);
        }
    }
    return n;
}

static void check_formals(const Ast *params) {
    check_distinct(params, "argument");
    const Ast *before = NULL;
    for (const Ast *p = params; p; p = p->next) {
        if (before && !p->b)
            diag_error(p->span,
                    "`%s` has no default, but `%s` before it has one: those without come first",
                    p->name, before->name);
        if (p->b) before = p;
        check_expr(p->b, false);
    }
}

static void need(const Ast *s, AstKind k, const char *what) {
    if (s->body && !count_kind(s->body, k)) diag_error(name_span(s), what, s->name);
}

static void check_callable(const Ast *s, Where where) {
    static const char *const fold[] = {"sum", "prod", "argmax", "argmin", "max", "min"};
    for (size_t i = 0; i < sizeof fold / sizeof *fold; i++)
        if (where != METRIC_ && strcmp(s->name, fold[i]) == 0)
            diag_error(
                    name_span(s), "`%s` is a fold of the language and cannot be defined", s->name);
    check_formals(s->params);
    if (s->body) check_statements(s->body, where, false);
    check_expr(s->a, false);
}

static void check_metric(const Ast *s) {
    check_callable(s, METRIC_);
    if (s->a) return;
    need(s, A_RESULT, "the metric `%s` has no result: end it with result NAME or result a / b");
    if (count_kind(s->body, A_RESULT) > 1)
        diag_error(name_span(s), "the metric `%s` has several results; it has one", s->name);
}

/* ---- train blocks ---------------------------------------------------------- */

/* `augment image = ...`; a sign of equality in any other line stands for a colon. */
static void check_assignment(const Ast *s, const Setting *known) {
    const Ast *value = s->list;
    if (known && known->form == ASSIGNMENT) {
        if (ast_assigns(value)) check_statement(value, MODEL_, false);
        else if (!value || value->kind != A_ERROR)
            diag_error(ast_head(s), "`%s` says what an input or target becomes: write %s %s",
                    s->name, s->name, known->example);
    } else if (known && known->form != NAMED) {
        diag_error(value->span, "`%s` takes no assignment: write %s %s", s->name, s->name,
                known->example);
    } else {
        const char *name = value->kind == A_DEFINE ? value->name : value->list->name;
        diag_error(value->span, "a value of `%s` is named with a colon: %s: ...", s->name, name);
    }
}

static void check_setting(const Ast *s) {
    const Setting *known = setting_named(s->name);
    if (ast_assigns(s->list) || (known && known->form == ASSIGNMENT)) {
        check_assignment(s, known);
        return;
    }
    if (!known) {   /* an update of the library or the program: lowering knows */
        check_args(s->list);
        return;
    }
    const Ast *last = s->list;
    for (const Ast *x = s->list; x; x = x->next) {
        if (x->kind == A_ARG && known->form != NAMED)
            diag_error(x->span, "`%s` has no values with names: write %s %s", s->name, s->name,
                    known->example);
        last = x;
    }
    if (!last)
        diag_error(ast_head(s), "`%s` has no value: write %s %s", s->name, s->name, known->example);
    else if (known->form == CALL && last->kind != A_CALL && last->kind != A_ERROR &&
             last->kind != A_ARG)
        diag_error(last->span, "`%s` is given by a call: write %s %s", s->name, s->name,
                known->example);
    check_list(s->list);
}

static bool has_pattern(const Ast *s) {
    return s->a || s->b;
}

/* The same setting before s. Those with patterns may be many, beside one without. */
static const Ast *set_before(const Ast *list, const Ast *s) {
    const Setting *known = setting_named(s->name);
    if (has_pattern(s) || (known && s->list && s->list->kind == A_STRING)) return NULL;
    if (ast_assigns(s->list) || (known && known->form == ASSIGNMENT)) return NULL;
    for (; list != s; list = list->next)
        if (list->kind == A_SETTING && list->name == s->name && !has_pattern(list)) return list;
    return NULL;
}

static void check_train(const Ast *train, const Ast *program) {
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (s->kind != A_SETTING) {
            check_place(s, TRAIN_);
            continue;
        }
        check_setting(s);
        const Ast *first = set_before(train->body->list, s);
        if (first) {
            diag_error(ast_head(s), "`%s` is set twice", s->name);
            diag_note(ast_head(first), "first here");
        }
    }
    const char *model[32];
    int n = 0;
    for (const Ast *m = program->list; m; m = m->next) {
        if (m->kind == A_MODEL && m->name == train->name) return;
        if (m->kind == A_MODEL && n < 32) model[n++] = m->name;
    }
    const char *near = diag_nearest(train->name, model, n);
    if (near)
        diag_error(name_span(train), "there is no model `%s` to train; did you mean `%s`?",
                train->name, near);
    else
        diag_error(name_span(train),
                "there is no model `%s` to train; a train block has its model's name", train->name);
}

/* ---- the program ----------------------------------------------------------- */

static void check_definition(const Ast *s, const Ast *program) {
    switch (s->kind) {
    case A_MODEL: check_statements(s->body, MODEL_, false); break;
    case A_TRAIN: check_train(s, program); break;
    case A_LAYER:
        check_callable(s, LAYER_);
        need(s, A_RETURN, "the layer `%s` returns nothing: end it with return y");
        break;
    case A_FN:
        check_callable(s, FN_);
        if (count_kind(s->body, A_EXPR_STMT)) break; /* of checks, which a caller shares */
        need(s, A_RETURN, "the fn `%s` returns nothing: end it with return y");
        break;
    case A_INITIALIZER:
        check_callable(s, INITIALIZER_);
        need(s, A_RETURN, "the initializer `%s` returns nothing: end it with return y");
        break;
    case A_OPTIMIZER:
        check_callable(s, OPTIMIZER_);
        need(s, A_EACH_PARAM,
                "the optimizer `%s` changes nothing: it needs a loop for p, g in parameters() "
                "{ p = ... }");
        break;
    case A_UPDATE:
        check_callable(s, UPDATE_);
        need(s, A_EACH_PARAM,
                "the update `%s` changes nothing: it needs a loop for p, g in parameters() "
                "{ ... }");
        break;
    case A_METRIC: check_metric(s); break;
    default: check_statement(s, TOP, false); break;
    }
}

void ast_check(const Ast *program) {
    check_definitions_distinct(program);
    for (const Ast *s = program->list; s; s = s->next) check_definition(s, program);
}
