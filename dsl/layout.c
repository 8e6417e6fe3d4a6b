/* layout.c - raw tokens to the tokens that the grammar reads.
 *
 * Takes the lexer's list; gives one in which
 *   - brackets match: what is missing has been reported and put in, strays are gone;
 *   - statements are parted by SEPARATOR, never first or last in a block, never doubled;
 *   - a word is a keyword only where it acts as one (words.def);
 *   - FOLD is a fold word before a fold, `max(a, b)` has a NAME; DEFAULT is the `else` of a
 *     guarded load, ELSE that of an if; PATTERN is the string before a setting's value.
 * So the grammar needs neither lookahead nor ties to the lexer.
 *
 * A new line ends a statement, except inside ( ) and [ ], after a token that wants more
 * (an infix operator, `,` `=` `:` `then` ...), before one that cannot start a statement
 * (an infix operator but `-`, `then`, `else`, `with`, `,`, `{`), and after a fold's binders. */
#include <string.h>

#include "token.h"

/* ---- what a token is ------------------------------------------------------- */

bool token_is_infix(int kind) {
    switch (kind) {
    case '+': case '-': case '*': case '/': case '%': case '@': case '<': case '>':
    case PIPE: case POWER: case FLOOR_DIVIDE: case EQUAL: case UNEQUAL: case LESS_EQUAL:
    case GREATER_EQUAL: case AND: case OR:
        return true;
    default:
        return false;
    }
}

bool token_ends_operand(int kind) {
    return kind == NAME || kind == NUMBER || kind == STRING || kind == TRUE_ || kind == FALSE_ ||
           kind == ')' || kind == ']' || kind == ELLIPSIS;
}

/* Of the tokens that cannot also continue an expression. */
bool token_starts_operand(int kind) {
    return kind == NAME || kind == NUMBER || kind == STRING || kind == TRUE_ || kind == FALSE_ ||
           kind == IF || kind == NOT || kind == FOLD;
}

static bool wants_more(int kind) {
    return token_is_infix(kind) || kind == ',' || kind == '=' || kind == ':' || kind == '.' ||
           kind == IF || kind == THEN || kind == ELSE || kind == NOT || kind == IN ||
           kind == WITH || kind == DOTS;
}

static bool cannot_start(int kind) {
    return (token_is_infix(kind) && kind != '-') || kind == THEN || kind == ELSE ||
           kind == WITH || kind == ',' || kind == '{' || kind == DOTS;
}

enum { STRAY = -1 };           /* a raw token that the matcher has thrown out */

static bool is_open(int kind) { return kind == '(' || kind == '[' || kind == '{'; }
static bool is_close(int kind) { return kind == ')' || kind == ']' || kind == '}'; }
static int closer_of(int kind) { return kind == '(' ? ')' : kind == '[' ? ']' : '}'; }

static bool is_fold_word(const char *text) {
    static const char *const fold[] = {"sum", "max", "min", "prod", "argmax", "argmin"};
    for (size_t i = 0; i < sizeof fold / sizeof *fold; i++)
        if (strcmp(fold[i], text) == 0) return true;
    return false;
}

/* ---- matching brackets ----------------------------------------------------- */

typedef struct Mend { int before, kind; } Mend;     /* a closer to put before a raw token */

typedef struct Matcher {
    Arena *arena;
    Token *raw;
    Vec(int) open;             /* the raw tokens that open what is not closed yet */
    Vec(Mend) mend;            /* by position */
    int *match;                /* of each raw opener: its closer; 0: none */
} Matcher;

static const Word *statement_word(const Token *t) {
    const Word *w = t->kind == NAME ? find_word(t->value.text) : NULL;
    return w && w->use != RESERVED && w->use != LOCAL ? w : NULL;
}

/* A line that can only be a statement, whatever is open or unfinished before it: it begins
 * with a keyword and a name. (`y = ...` would not do: a default looks like it.) */
static bool surely_starts_statement(const Token *raw, int i) {
    return raw[i].first && statement_word(&raw[i]) && raw[i + 1].kind == NAME && !raw[i + 1].first;
}

/* Whether raw token i would start a statement if no bracket were open. */
static bool breaks_line(const Token *raw, int i) {
    if (!raw[i].first || i == 0) return false;
    return (!wants_more(raw[i - 1].kind) && !cannot_start(raw[i].kind)) ||
           surely_starts_statement(raw, i);
}

static void put_mend(Matcher *m, int before, int kind) {
    Mend fresh = {before, kind};
    vec_push(m->arena, &m->mend, fresh);
    int i = m->mend.n - 1;
    for (; i > 0 && m->mend.at[i - 1].before > before; i--) m->mend.at[i] = m->mend.at[i - 1];
    m->mend.at[i] = fresh;
}

/* Where the parenthesis that raw token `open` opens was to end, as the lines suggest it: at
 * the end of its statement, and at token i at the latest. No `=` stands in [ ]. */
static int likely_end(const Matcher *m, int open, int i) {
    int j = open + 1;
    for (; j < i && !breaks_line(m->raw, j); j++) {
        if (m->raw[open].kind == '[' && m->raw[j].kind == '=') break;
        if (m->match[j]) j = m->match[j];
    }
    return j;
}

/* The innermost open bracket has no closer before raw token i. */
static void close_unclosed(Matcher *m, int i) {
    int open = m->open.at[--m->open.n], kind = m->raw[open].kind;
    Span at = m->raw[open].span;
    if (kind != '{') {
        diag_error(at, "this `%c` is never closed: a `%c` is missing", kind, closer_of(kind));
    } else {
        int line, col;
        span_line_col(at, &line, &col);
        diag_error(m->raw[i].span, "a `}` is missing before this: the `{` of line %d is still open",
                line);
        diag_note(at, "opened here");
    }
    put_mend(m, kind == '{' ? i : likely_end(m, open, i), closer_of(kind));
}

static int innermost(const Matcher *m) {
    return m->open.n ? m->raw[m->open.at[m->open.n - 1]].kind : 0;
}

static void close_parentheses(Matcher *m, int i) {
    while (innermost(m) == '(' || innermost(m) == '[') close_unclosed(m, i);
}

static void match_close(Matcher *m, int i) {
    Token *t = &m->raw[i];
    if (t->kind == '}') close_parentheses(m, i);
    int open = innermost(m);
    if (!open || (open == '{') != (t->kind == '}')) {
        diag_error(t->span, "this `%c` closes nothing: there is no `%c` before it", t->kind,
                t->kind == ')' ? '(' : t->kind == ']' ? '[' : '{');
        t->kind = STRAY;
        return;
    }
    int at = m->open.at[--m->open.n];
    if (t->kind != closer_of(open)) {
        diag_error(t->span, "expected `%c`, found `%c`", closer_of(open), t->kind);
        diag_note(m->raw[at].span, "to close this `%c`", open);
        t->kind = closer_of(open);
    }
    m->match[at] = i;
}

/* A definition that starts in the first column, while braces are open. */
static bool surely_starts_definition(const Token *raw, int i) {
    Span at = raw[i].span;
    bool margin = at.start == 0 || at.src->text[at.start - 1] == '\n';
    const Word *w = margin && surely_starts_statement(raw, i) ? statement_word(&raw[i]) : NULL;
    return w && w->use == HEADER && w->token != METRIC && w->token != OPTIMIZER &&
           w->token != ENTRY;
}

static bool match_brackets(Matcher *m, int n) {
    for (int i = 0; i < n; i++) {
        int kind = m->raw[i].kind;
        if (kind == '{' || kind == END || surely_starts_statement(m->raw, i))
            close_parentheses(m, i);
        if (kind == END || surely_starts_definition(m->raw, i))
            while (m->open.n) close_unclosed(m, i);
        if (is_close(kind)) match_close(m, i);
        if (!is_open(kind)) continue;
        if (m->open.n == MAX_NESTING) {
            diag_error(m->raw[i].span, "brackets are nested too deeply: more than %d levels",
                    MAX_NESTING);
            return false;
        }
        vec_push(m->arena, &m->open, i);
    }
    return true;
}

/* ---- the layout ------------------------------------------------------------ */

typedef struct Frame {
    int kind;                  /* of the bracket; 0 outside of all */
    int thens;                 /* without their else so far, in this statement or item */
    bool train;                /* the block of a train */
    bool fold;                 /* the binders of a fold */
} Frame;

typedef struct Layout {
    Matcher match;
    Tokens *out;
    Vec(Frame) frame;
    bool starts_statement;     /* nothing of the statement has been put yet */
    bool train_next;           /* the next { opens the block of a train */
    bool fold_next;            /* the next ( opens the binders of a fold */
    bool fold_closed;          /* the last token closed them: a line may end here */
} Layout;

static Frame *top(Layout *l) { return &l->frame.at[l->frame.n - 1]; }

static int last_kind(const Layout *l) { return l->out->n ? l->out->at[l->out->n - 1].kind : 0; }

static void put(Layout *l, Token t, int kind) {
    t.kind = kind;
    vec_push(l->match.arena, l->out, t);
    l->starts_statement = kind == SEPARATOR || kind == '{';
    l->fold_closed = false;
}

/* The separator's place is the end of the statement. */
static void end_statement(Layout *l, Token t) {
    if (t.kind != ';' && l->out->n) {
        t.span = l->out->at[l->out->n - 1].span;
        t.span.start = t.span.end;
    }
    if (!l->starts_statement) put(l, t, SEPARATOR);
    top(l)->thens = 0;
}

static void put_open(Layout *l, Token t) {
    put(l, t, t.kind);
    Frame f = {t.kind, 0, t.kind == '{' && l->train_next, t.kind == '(' && l->fold_next};
    if (t.kind == '{') l->train_next = false;
    l->fold_next = false;
    vec_push(l->match.arena, &l->frame, f);
}

static void put_close(Layout *l, Token t, int kind) {
    if (kind == '}' && last_kind(l) == SEPARATOR) l->out->n--;
    bool fold = top(l)->fold;
    if (l->frame.n > 1) l->frame.n--;
    put(l, t, kind);
    l->fold_closed = fold;
}

/* `sum(k) x[k]` against `sum(x)`: what follows the brackets decides, and binders that say
 * `in` or are `...` are a fold's wherever its body stands. */
static bool is_fold(Layout *l, int i) {
    const Token *raw = l->match.raw;
    if (!is_fold_word(raw[i].value.text) || raw[i + 1].kind != '(') return false;
    int close = l->match.match[i + 1];
    if (!close) return false;
    int depth = 0;
    for (int j = i + 2; j < close; j++) {
        depth += is_open(raw[j].kind) - is_close(raw[j].kind);
        if (depth == 0 && (raw[j].kind == IN || (raw[j].kind == ELLIPSIS && j == i + 2)))
            return true;
    }
    const Token *next = &raw[close + 1];
    bool may_follow = !next->first || top(l)->kind == '(' || top(l)->kind == '[';
    return may_follow && (token_starts_operand(next->kind) || next->kind == '(');
}

static bool is_reserved(int kind) {
    for (int i = 0; i < word_count; i++)
        if (words[i].token == kind) return words[i].use == RESERVED;
    return false;
}

/* Whether the statement word at raw token i acts as one. */
static bool acts_as_keyword(const Layout *l, int i, const Word *w) {
    const Token *raw = l->match.raw, *next = &raw[i + 1];
    if (next->first) return false;
    if (w->use == HEADER && next->kind == '{') return true;
    if (token_starts_operand(next->kind)) return true;
    if (w->use != SCALAR) return is_reserved(next->kind);
    if (next->kind == '[') return raw[l->match.match[i + 1] + 1].kind != '=';
    return next->kind == '(' || next->kind == '-';
}

static bool restricts(const Word *w) { return w && (w->token == ON || w->token == EXCEPT); }

/* The token that a name is in its place. */
static int kind_of_name(Layout *l, int i) {
    const Token *raw = l->match.raw;
    const char *text = raw[i].value.text;
    int next = raw[i + 1].first ? 0 : raw[i + 1].kind;
    if (l->starts_statement && top(l)->train) return SETTING;
    const Word *w = find_word(text);
    if (w && l->starts_statement && w->use != LOCAL && acts_as_keyword(l, i, w)) {
        int close = raw[i + 1].kind == NAME && raw[i + 2].kind == '(' ? l->match.match[i + 2] : 0;
        if (w->token == METRIC && close && (raw[close + 1].kind == '{' || raw[close + 1].kind == '='))
            return METRIC_DEFINITION;
        l->train_next = w->token == TRAIN;
        return w->token;
    }
    if (w && w->token == ALL && next == NAME) return ALL;
    if (w && w->token == LIKE && next == NAME && last_kind(l) == ':') return LIKE;
    if (w && w->token == REVERSED && token_ends_operand(last_kind(l)) &&
        (raw[i + 1].kind == WITH || raw[i + 1].kind == '{'))
        return REVERSED;
    if (restricts(w) && raw[i + 1].kind == STRING && top(l)->train) return w->token;
    if (w && (w->token == BEFORE || w->token == AFTER) && last_kind(l) == ')' &&
        raw[i + 1].kind == '{')
        return w->token;
    return is_fold(l, i) ? FOLD : NAME;
}

static int kind_of_else(Layout *l) {
    if (last_kind(l) == '}') return ELSE;
    if (top(l)->thens == 0) return token_ends_operand(last_kind(l)) ? DEFAULT : ELSE;
    top(l)->thens--;
    return ELSE;
}

static int kind_of_string(const Layout *l, int i) {
    const Token *next = &l->match.raw[i + 1];
    bool value = next->kind == NAME && !next->first && !restricts(find_word(next->value.text));
    return last_kind(l) == SETTING && value ? PATTERN : STRING;
}

/* Puts a separator before raw token i where the statement before it has ended. */
static void part_statements(Layout *l, int i) {
    Token *t = &l->match.raw[i];
    int before = last_kind(l);
    bool inside = top(l)->kind == '(' || top(l)->kind == '[';
    if (inside || l->starts_statement || t->kind == '}' || t->kind == ELSE) return;
    bool new_line = breaks_line(l->match.raw, i) && !l->fold_closed;
    if (new_line || before == '}') end_statement(l, *t);
}

static void take(Layout *l, int i) {
    Token t = l->match.raw[i];
    part_statements(l, i);
    switch (t.kind) {
    case STRAY: return;
    case ';': end_statement(l, t); return;
    case '(': case '[': case '{': put_open(l, t); return;
    case ')': case ']': case '}': put_close(l, t, t.kind); return;
    case NAME: {
        int kind = kind_of_name(l, i);
        put(l, t, kind);
        l->fold_next = kind == FOLD;
        return;
    }
    case STRING: put(l, t, kind_of_string(l, i)); return;
    case ELSE: put(l, t, kind_of_else(l)); return;
    case THEN: top(l)->thens++; break;
    case ',': top(l)->thens = 0; break;
    default: break;
    }
    put(l, t, t.kind);
}

bool layout(Arena *a, const Tokens *raw, Tokens *out) {
    Layout l = {.match = {.arena = a, .raw = raw->at}, .out = out, .starts_statement = true};
    l.match.match = NEW_ARRAY(a, int, raw->n);
    if (!match_brackets(&l.match, raw->n)) return false;
    vec_push(a, &l.frame, ((Frame){0}));
    int mended = 0;
    for (int i = 0; i < raw->n; i++) {
        for (; mended < l.match.mend.n && l.match.mend.at[mended].before == i; mended++)
            put_close(&l, raw->at[i], l.match.mend.at[mended].kind);
        if (i + 1 < raw->n) take(&l, i);
    }
    if (last_kind(&l) == SEPARATOR) out->n--;
    put(&l, raw->at[raw->n - 1], END);
    return true;
}
