/* syntax.c - what to say about a token that the grammar does not take.
 *
 * A parser knows what it could have taken, which is seldom what a person got wrong. So the
 * common mistakes are told first, each by a rule that looks at the tokens around the place;
 * what no rule knows says what was expected, if that is little, and what was found. */
#include <stdlib.h>
#include <string.h>

#include "token.h"

typedef struct Place {
    Arena *arena;
    const Token *all, *found;                  /* the tokens, and the one of them not taken */
    const Token *before, *after;               /* its neighbours; END where there is none */
    const char *const *expected;
    int nexpected;
    Span at;                                   /* of the message; a rule may move it */
} Place;

#define SAY(...) arena_printf(p->arena, __VA_ARGS__)

/* A rule gives the message, or NULL where it does not apply. */
typedef const char *Rule(Place *p);

static bool expects(const Place *p, const char *what) {
    for (int i = 0; i < p->nexpected; i++)
        if (strcmp(p->expected[i], what) == 0) return true;
    return false;
}

static const char *token_text(Arena *a, const Token *t) {
    if (t->kind == END) return "the end of the file";
    if (t->kind == SEPARATOR && t->span.start == t->span.end) return "the end of the line";
    int n = (int)(t->span.end - t->span.start);
    return arena_printf(a, "`%.*s%s`", n < 40 ? n : 40, t->span.src->text + t->span.start,
            n < 40 ? "" : "...");
}

static const char *found_text(const Place *p) { return token_text(p->arena, p->found); }
static const char *before_text(const Place *p) { return token_text(p->arena, p->before); }

static bool is_word(const Token *t) {
    return t->kind >= IF && t->kind <= ON;
}

static bool starts_statement(const Place *p, const Token *t) {
    if (t == p->all) return true;
    int kind = t[-1].kind;
    return kind == SEPARATOR || kind == '{';
}

/* The first token of the statement that the place is in. */
static const Token *statement(const Place *p) {
    const Token *t = p->found;
    while (t > p->all && t[-1].kind != SEPARATOR && t[-1].kind != '{' && t[-1].kind != '}') t--;
    return t;
}

static bool is_closer(int kind) { return kind == ')' || kind == ']' || kind == '}'; }

static bool is_end(int kind) {
    return is_closer(kind) || kind == SEPARATOR || kind == END || kind == ',' || kind == '{';
}

/* ---- names and words ------------------------------------------------------- */

static const char *keyword_as_name(Place *p) {
    if (!is_word(p->found) || !expects(p, "a name") || p->nexpected > 3) return NULL;
    return SAY("%s is a word of the language and cannot be a name; choose another", found_text(p));
}

static const char *foreign_statement(const char *name) {
    static const char *const pair[][2] = {
        {"def", "a function is written fn NAME(x) = ... or fn NAME(x) { ... }"},
        {"function", "a function is written fn NAME(x) = ... or fn NAME(x) { ... }"},
        {"func", "a function is written fn NAME(x) = ... or fn NAME(x) { ... }"},
        {"class", "a layer is written layer NAME(x) { ... }, a model model NAME { ... }"},
        {"module", "a layer is written layer NAME(x) { ... }, a model model NAME { ... }"},
        {"network", "a model is written model NAME { ... }"},
        {"let", "a value is named without a keyword: NAME = ..."},
        {"var", "a value is named without a keyword: NAME = ..."},
        {"while", "loops run over ranges: for i in 0..n { ... }"},
        {"elif", "it is written else if ... { ... }"},
        {"weight", "a parameter is written param NAME: f32[sizes] = glorot_uniform()"},
        {"parameter", "a parameter is written param NAME: f32[sizes] = glorot_uniform()"},
        {"include", "a file is taken in by import \"file.dl\""},
        {"from", "a file is taken in by import \"file.dl\""},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (strcmp(pair[i][0], name) == 0) return pair[i][1];
    return NULL;
}

/* A word and something after it, as only a statement's keyword has. */
static const char *unknown_statement(Place *p) {
    const Token *t = p->before;
    bool fits = t->kind == NAME && starts_statement(p, t) &&
                (token_starts_operand(p->found->kind) || p->found->kind == '{');
    if (!fits) return NULL;
    const char *name = t->value.text, *known = foreign_statement(name);
    if (known) return SAY("there is no statement `%s`: %s", name, known);
    const char *candidate[64];
    int n = 0;
    for (int i = 0; i < word_count && n < 64; i++)
        if (words[i].use != LOCAL) candidate[n++] = words[i].text;
    const char *near = diag_nearest(name, candidate, n);
    if (near)
        return SAY("there is no statement `%s`; did you mean `%s`?", name, near);
    return SAY("there is no statement `%s`, and an operator is missing before %s", name,
            found_text(p));
}

static const char *missing_quotes(Place *p) {
    if (p->nexpected != 1 || !expects(p, "a string")) return NULL;
    if (p->found->kind != NAME) return SAY("a string in quotes is missing, found %s", found_text(p));
    return SAY("this is written in quotes: \"%s\"", p->found->value.text);
}

static const char *missing_name(Place *p) {
    if (p->nexpected != 1 || !expects(p, "a name")) return NULL;
    if (p->before->kind == '.')
        return SAY("a name belongs after `.`, found %s", found_text(p));
    return SAY("a name is missing after %s, found %s", before_text(p), found_text(p));
}

/* ---- signs that mean something else ---------------------------------------- */

static const char *setting_sign(Place *p) {
    bool sign = p->found->kind == '=' || p->found->kind == ':';
    if (!sign || p->before->kind != SETTING) return NULL;
    const char *name = p->before->value.text;
    if (p->after->kind != NUMBER)
        return SAY(
                "a setting is written without `%c`: optimizer adam(rate: 0.001)", p->found->kind);
    return SAY("a setting is written without `%c`: %s %g", p->found->kind, name,
            p->after->value.number.value);
}

static const char *declaration_without_type(Place *p) {
    int kind = statement(p)->kind;
    bool declares = kind == INPUT || kind == TARGET || kind == PARAM || kind == STATE;
    if (!declares || p->nexpected != 1 || !expects(p, "`:`")) return NULL;
    return SAY("a type is missing: write %s %s: f32[sizes]%s",
            statement(p)->value.text, p->before->value.text, kind == PARAM ? " = zeros()" : "");
}

static const char *value_for_type(Place *p) {
    if (p->before->kind != ':' || !expects(p, "a name") || p->nexpected > 2) return NULL;
    int kind = p->found->kind;
    if (kind == NUMBER || kind == STRING || kind == TRUE_ || kind == FALSE_ || kind == '-')
        return "a type belongs after `:`; a default value is written with `=`, as in rate = 0.001";
    return SAY("a type belongs after `:`, as in f32[n, 3] or int; found %s",
            found_text(p));
}

/* A line that wants more, and then a new statement `b = ...`. */
static const char *unfinished_line(Place *p) {
    bool begins = p->found->kind == '=' && p->before->kind == NAME && p->before->first &&
                  p->before > p->all;
    if (!begins) return NULL;
    const Token *end = p->before - 1;
    if (!token_is_infix(end->kind) && end->kind != '=' && end->kind != ',') return NULL;
    p->at = end->span;
    return SAY("a value is missing after %s: the line ends", token_text(p->arena, end));
}

static const char *stray_equals(Place *p) {
    if (p->found->kind != '=') return NULL;
    const Token *first = statement(p);
    if (first->kind == OUTPUT || first->kind == CONST || first->kind == TOTAL) return NULL;
    if (first->kind == FREEZE || first->kind == IMPORT) return NULL;
    if (token_ends_operand(p->before->kind))
        return "`=` gives a value a name; to compare, write ==";
    return NULL;
}

static const char *stray_colon(Place *p) {
    if (p->found->kind != ':') return NULL;
    if (p->before->kind == NAME && starts_statement(p, p->before))
        return SAY("only what is declared has a type here: param %s: ..., input %s: ... "
                "and so on; a value is named by %s = ...",
                p->before->value.text, p->before->value.text, p->before->value.text);
    return NULL;
}

static bool compares(int kind) {
    return kind == '<' || kind == '>' || kind == LESS_EQUAL || kind == GREATER_EQUAL ||
           kind == EQUAL || kind == UNEQUAL;
}

static const char *chained_comparison(Place *p) {
    if (!compares(p->found->kind) || !token_ends_operand(p->before->kind)) return NULL;
    return "comparisons do not chain: write a < b and b < c";
}

static const char *stray_range(Place *p) {
    if (p->found->kind == DOTS)
        return "a range a..b stands only after `in`; a slice is written a:b";
    if (p->found->kind == ELLIPSIS)
        return "`...` stands for axes, inside of [ ] or as sum(...); it is no value";
    return NULL;
}

/* ---- values that are missing or too many ----------------------------------- */

/* The bracket that the place is in: ( or [ or {; 0 for none. */
static int bracket(const Place *p) {
    int depth = 0;
    for (const Token *t = p->found; t > p->all; t--) {
        int kind = t[-1].kind;
        if (is_closer(kind)) depth++;
        if ((kind == '(' || kind == '[' || kind == '{') && depth-- == 0) return kind;
    }
    return 0;
}

static const char *missing_item(Place *p) {
    int before = p->before->kind, found = p->found->kind;
    bool gap = (before == '[' || before == '(' || before == ',') &&
               (found == ',' || found == ']' || found == ')');
    if (!gap) return NULL;
    if (bracket(p) == '[')
        return SAY("something is missing between %s and %s: each place in [ ] holds a "
                "size, an index, `:` or `...`",
                before_text(p), found_text(p));
    return SAY("something is missing between %s and %s", before_text(p), found_text(p));
}

static const char *bad_number(Place *p) {
    if (p->found->kind != '.' && p->before->kind != '.') return NULL;
    const Token *number = p->found->kind == '.' ? p->before : p->before - (p->before > p->all);
    if (number->kind != NUMBER) return NULL;
    return "a real number has a digit after its point: write 1.0, not 1.";
}

static const char *bad_pipe(Place *p) {
    if (p->before->kind != PIPE) return NULL;
    return SAY("right of |> stands a layer or a function, as in x |> relu or "
            "x |> dense(10); found %s", found_text(p));
}

static const char *missing_operand(Place *p) {
    int before = p->before->kind;
    if (!expects(p, "a number")) return NULL;
    if (before == RETURN) return "`return` needs a value: return y";
    if (token_is_infix(p->found->kind))
        return SAY(p->found->kind == '+' ? "there is no sign %s: a value is missing before it"
                                      : "a value is missing before %s",
                found_text(p));
    if (!is_end(p->found->kind)) return NULL;
    return SAY("a value is missing after %s, found %s", before_text(p), found_text(p));
}

/* `mean(k) x[k]`: looks like a fold, and is none. */
static const char *no_fold(Place *p) {
    if (p->before->kind != ')') return NULL;
    const Token *t = p->before;
    for (int depth = 0; t > p->all; t--) {
        depth += (t->kind == ')') - (t->kind == '(');
        if (depth == 0) break;
    }
    if (t <= p->all + 1 || t[-1].kind != NAME || starts_statement(p, t - 1)) return NULL;
    const char *name = t[-1].value.text;
    return SAY("an operator is missing before %s; or is `%s(...)` meant as a fold? the folds "
            "are sum, prod, max, min, argmax and argmin",
            found_text(p), name);
}

static const char *two_operands(Place *p) {
    if (!token_ends_operand(p->before->kind)) return NULL;
    if (!token_starts_operand(p->found->kind) && p->found->kind != ALL) return NULL;
    const char *fold = no_fold(p);
    if (fold) return fold;
    if (p->before->kind == NUMBER && p->found->kind == NAME)
        return SAY("an operator is missing before %s; a product is written with *", found_text(p));
    if (expects(p, "`,`"))
        return SAY("a `,` or an operator is missing before %s", found_text(p));
    return SAY("an operator or a new line is missing before %s", found_text(p));
}

/* ---- if, then, else -------------------------------------------------------- */

static const char *missing_then(Place *p) {
    if (!expects(p, "`then`")) return NULL;
    if (expects(p, "`{`"))
        return SAY("`then` is missing after the condition (if c then a else b), or `{` of "
                "an if with statements; found %s",
                found_text(p));
    return SAY(
            "`then` is missing after the condition: if c then a else b; found %s", found_text(p));
}

static const char *stray_word(Place *p) {
    int before = p->before->kind;
    if (p->found->kind == '{' && (before == ELSE || before == DEFAULT)) {
        p->at = p->before->span;
        return "this `else` belongs to no `if`: it follows the } of one";
    }
    switch (p->found->kind) {
    case THEN: return "`then` without an `if` before it: if c then a else b";
    case ELSE: case DEFAULT:
        return "`else` without an `if` before it: if c then a else b, or if c { ... } else { ... }";
    case IN: return "`in` stands only after a name that it binds: for i in 0..n, sum(k in 0..n)";
    case WITH: return "`with` stands only in scan t in time with h = zeros(...) { ... }";
    case FOR: return "`for` is a statement: start a new line before it";
    case RETURN: return "`return` is a statement: start a new line before it";
    default: return NULL;
    }
}

/* ---- headers --------------------------------------------------------------- */

static const char *header(Place *p) {
    const Token *first = statement(p);
    if (first->kind == FN && p->before->kind == ')' && expects(p, "`{`"))
        return SAY("the body is missing after `)`: = EXPRESSION, or { ... return y }; found %s",
                found_text(p));
    bool callable = first->kind == LAYER || first->kind == FN || first->kind == OPTIMIZER ||
                    first->kind == INITIALIZER;
    if (callable && p->nexpected == 1 && expects(p, "`(`"))
        return SAY("the arguments in ( ) are missing: %s %s(...)",
                first->value.text, p->before->value.text);
    if (first->kind == INITIALIZER && expects(p, "`for`"))
        return SAY("an initializer says what it fills: initializer %s(...) for p = ...; found %s",
                first[1].value.text, found_text(p));
    bool loops = (first->kind == FOR || first->kind == SCAN) && is_end(p->found->kind);
    if (expects(p, "`{`") && (p->nexpected <= 2 || loops))
        return SAY("the body in { } is missing after %s, found %s",
                before_text(p), found_text(p));
    return NULL;
}

/* ---- all rules, the most telling first ------------------------------------- */

static Rule *const rule[] = {
        bad_pipe,
        bad_number,
        value_for_type,
        keyword_as_name,
        setting_sign,
        declaration_without_type,
        unknown_statement,
        header,
        missing_quotes,
        missing_name,
        missing_item,
        unfinished_line,
        stray_equals,
        stray_colon,
        chained_comparison,
        missing_then,
        stray_word,
        missing_operand,
        two_operands,
        stray_range,
};

static const char *what_was_expected(const Place *p) {
    const char *list = "";
    for (int i = 0; i < p->nexpected; i++)
        list = SAY("%s%s%s", list,
                i == 0                 ? ""
                : i + 1 < p->nexpected ? ", "
                                       : " or ",
                p->expected[i]);
    return list;
}

void syntax_error(Parser *p, Span at, const char *const *expected, int nexpected) {
    static const Token none = {.kind = END};
    int i = p->taken;
    const Token *all = p->token.at;
    Place place = {p->arena, all, &all[i], i > 0 ? &all[i - 1] : &none,
            all[i].kind == END ? &none : &all[i + 1], expected, nexpected, at};
    const char *text = NULL;
    for (size_t r = 0; r < sizeof rule / sizeof *rule && !text; r++) text = rule[r](&place);
    if (text) diag_error(place.at, "%s", text);
    else if (nexpected > 0 && nexpected <= 4)
        diag_error(at, "expected %s, found %s", what_was_expected(&place), found_text(&place));
    else diag_error(at, "%s cannot stand here", found_text(&place));
}
