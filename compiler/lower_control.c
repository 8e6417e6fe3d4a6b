/* lower_control.c - see control.h. One table says which settings take which values, of which
 * kind, and where they go; reading, messages and the text for programs follow from it. */
#include "control.h"
#include "lower.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { WORD, TARGET, FLAG, COUNT, SHARE, AMOUNT, BETTER } Kind;

/* A value of a setting: by its name, or the only one without a name. */
typedef struct Argument {
    const char *setting, *name; /* name NULL: without one */
    Kind kind;
    int64_t least; /* of a count */
    size_t at;     /* in DlControl */
} Argument;

#define AT(member) offsetof(DlControl, member)

static const Argument arguments[] = {
        {"validation", NULL, SHARE, 0, AT(validation)},
        {"validation", "last", FLAG, 0, AT(validation_last)},
        {"accumulate", NULL, COUNT, 1, AT(accumulate)},
        {"class_weight", NULL, TARGET, 0, AT(weight)},
        {"class_weight", "of", TARGET, 0, AT(weight_of)},
        {"privacy", "delta", SHARE, 0, AT(delta)},
    {"stop_early", "monitor", WORD, 0, AT(stop.name)},
        {"stop_early", "mode", BETTER, 0, AT(stop.better)},
        {"stop_early", "min_delta", AMOUNT, 0, AT(stop.min_delta)},
        {"stop_early", "patience", COUNT, 0, AT(stop_patience)},
        {"stop_early", "restore_best_weights", FLAG, 0, AT(restore_best)},
        {"reduce_on_plateau", "monitor", WORD, 0, AT(reduce.name)},
        {"reduce_on_plateau", "mode", BETTER, 0, AT(reduce.better)},
        {"reduce_on_plateau", "min_delta", AMOUNT, 0, AT(reduce.min_delta)},
        {"reduce_on_plateau", "patience", COUNT, 0, AT(reduce_patience)},
        {"reduce_on_plateau", "cooldown", COUNT, 0, AT(cooldown)},
        {"reduce_on_plateau", "factor", SHARE, 0, AT(factor)},
        {"reduce_on_plateau", "min_rate", AMOUNT, 0, AT(least)},
        {"reduce_on_plateau", "number", WORD, 0, AT(number)},
};
enum { ARGUMENTS = sizeof arguments / sizeof *arguments };

/* ---- values ------------------------------------------------------------------------- */

static const char *word_of(Lower *L, const Ast *e) {
    Value v = e->kind == A_NAME ? value_text(e->name) : lower_expr(L, e);
    if (v.kind == V_STRING) return v.text;
    if (v.kind != V_POISON)
        lower_error(L, e->span, "a name was expected; this is %s", value_text_of(L, v));
    return NULL;
}

static bool number_of(Lower *L, const Ast *e, const char *what, double *out) {
    Value v = lower_expr(L, e);
    if (v.kind == V_POISON) return false;
    if (value_is_number(v)) {
        *out = value_number(v);
        return true;
    }
    lower_error(L, e->span, "`%s` is a number; this is %s", what, value_text_of(L, v));
    return false;
}

static void set_count(Lower *L, const Ast *e, const Argument *k, const char *what, int64_t *to) {
    int64_t n;
    if (!value_to_int(L, lower_expr(L, e), e->span, arena_printf(L->arena, "`%s`", what), &n))
        return;
    if (n >= k->least && n <= INT32_MAX)
        *to = n;
    else
        lower_error(
                L, e->span, "`%s` is at least %" PRId64 "; this is %" PRId64, what, k->least, n);
}

static void set_real(Lower *L, const Ast *e, const Argument *k, const char *what, double *to) {
    double v;
    if (!number_of(L, e, what, &v)) return;
    bool share = k->kind == SHARE;
    if (isfinite(v) && (share ? v > 0 && v < 1 : v >= 0))
        *to = v;
    else
        lower_error(L, e->span,
                share ? "`%s` lies between 0 and 1; this is %g"
                      : "`%s` is 0 or greater; this is %g",
                what, v);
}

static void set_better(Lower *L, const Ast *e, int *to) {
    const char *word = word_of(L, e);
    if (!word) return;
    *to = !strcmp(word, "max") ? 1 : !strcmp(word, "min") ? -1 : 0;
    if (!*to)
        lower_error(
                L, e->span, "`mode` is max (a greater value is better) or min; this is `%s`", word);
}

/* The name of one of the model's targets; the model's text has not been run yet. */
static void set_target(Lower *L, const Ast *e, const char **to) {
    const char *word = word_of(L, e), *known[64], *near;
    int n = 0;
    for (const Ast *s = L->model_ast->body->list; word && s; s = s->next) {
        if (s->kind != A_TARGET) continue;
        if (!strcmp(s->name, word)) *to = word;
        if (n < 64) known[n++] = s->name;
    }
    if (!word || *to) return;
    near = diag_nearest(word, known, n);
    lower_error(L, e->span,
            near ? "the model has no target `%s`; did you mean `%s`?"
                 : "the model has no target `%s`",
            word, near);
}

static void set_argument(Lower *L, const Ast *e, const Argument *k) {
    char *to = (char *)&L->model->control + k->at;
    const char *what = k->name ? k->name : k->setting;
    bool flag;
    switch (k->kind) {
    case WORD:
        *(const char **)(void *)to = word_of(L, e);
        break;
    case TARGET:
        set_target(L, e, (const char **)(void *)to);
        break;
    case FLAG:
        if (value_to_bool(
                    L, lower_expr(L, e), e->span, arena_printf(L->arena, "`%s`", what), &flag))
            *(bool *)(void *)to = flag;
        break;
    case COUNT:
        set_count(L, e, k, what, (int64_t *)(void *)to);
        break;
    case SHARE:
    case AMOUNT:
        set_real(L, e, k, what, (double *)(void *)to);
        break;
    case BETTER:
        set_better(L, e, (int *)(void *)to);
        break;
    }
}

/* ---- settings ------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b) {
    return a && b ? !strcmp(a, b) : a == b;
}

static const Argument *find_argument(const char *setting, const char *name) {
    for (int i = 0; i < ARGUMENTS; i++)
        if (!strcmp(arguments[i].setting, setting) && same_name(arguments[i].name, name))
            return &arguments[i];
    return NULL;
}

static void no_argument(Lower *L, const Ast *x, const char *setting) {
    const char *known[ARGUMENTS], *list = "";
    int n = 0;
    for (int i = 0; i < ARGUMENTS; i++) {
        if (strcmp(arguments[i].setting, setting) || !arguments[i].name) continue;
        known[n++] = arguments[i].name;
        list = arena_printf(L->arena, "%s%s%s", list, n > 1 ? ", " : "", arguments[i].name);
    }
    const char *near = x->kind == A_ARG ? diag_nearest(x->name, known, n) : NULL;
    if (near)
        lower_error(L, x->span, "`%s` has no `%s`; did you mean `%s`?", setting, x->name, near);
    else if (x->kind == A_ARG)
        lower_error(L, x->span, "`%s` has no `%s`; it takes %s", setting, x->name, list);
    else
        lower_error(L, x->span, "the values of `%s` have names: %s", setting, list);
}

static const char *value_name(const Ast *x) {
    return x->kind == A_ARG ? x->name : NULL;
}

/* A value of the same name, or of none, before x. */
static bool came_before(const Ast *list, const Ast *x) {
    for (; list != x; list = list->next)
        if (same_name(value_name(list), value_name(x))) return true;
    return false;
}

static void set_values(Lower *L, const Ast *s) {
    for (const Ast *x = s->list; x; x = x->next) {
        const char *name = value_name(x);
        const Argument *k = find_argument(s->name, name);
        if (k && came_before(s->list, x) && name)
            lower_error(L, x->span, "`%s` is there twice", name);
        else if (k && came_before(s->list, x))
            lower_error(L, x->span, "`%s` has one value without a name", s->name);
        else if (k)
            set_argument(L, name ? x->a : x, k);
        else
            no_argument(L, x, s->name);
    }
}

/* Keras's defaults. */
static void begin(Lower *L, const Ast *s) {
    DlControl *c = &L->model->control;
    if (!strcmp(s->name, "stop_early")) c->stops = true;
    if (!strcmp(s->name, "privacy")) c->samples = true;
    if (strcmp(s->name, "reduce_on_plateau") != 0) return;
    c->reduces = true;
    c->factor = 0.1;
    c->reduce_patience = 10;
    c->reduce.min_delta = 1e-4;
}

static void check_class_weight(Lower *L, const Ast *s) {
    const DlControl *c = &L->model->control;
    if (c->weight && c->weight_of && strcmp(c->weight, c->weight_of) != 0) return;
    if (!diag_errors())
        lower_error(L, s->span,
                "say which target gets the weights, and whose classes they balance: "
                "class_weight weight, of: label");
}

void lower_control(Lower *L, const Ast *train) {
    for (const Ast *s = train ? train->body->list : NULL; s; s = s->next) {
        if (s->kind != A_SETTING) continue;
        bool source = !strcmp(s->name, "validation") && s->list && s->list->kind == A_CALL;
        bool ours = false;
        for (int i = 0; i < ARGUMENTS; i++) ours = ours || !strcmp(arguments[i].setting, s->name);
        if (source) lower_source(L, s, &L->model->validation);
        if (!ours || source) continue;
        begin(L, s);
        set_values(L, s);
        if (!strcmp(s->name, "class_weight")) check_class_weight(L, s);
    }
}

/* ---- the text for programs -------------------------------------------------------------- */

static const char *member_text(Arena *a, const char *text, const char *member, const char *value) {
    return arena_printf(a, "%s%s.%s = %s", text, text[0] ? ", " : "", member, value);
}

/* A name of the language is a C string as it stands. */
static const char *word_text(Arena *a, const char *text, const char *member, const char *word) {
    return word ? member_text(a, text, member, arena_printf(a, "\"%s\"", word)) : text;
}

/* As short as it reads back the same. */
static const char *real_text(Arena *a, const char *text, const char *member, double v) {
    char digits[40];
    int n = 6;
    do snprintf(digits, sizeof digits, "%.*g", n, v);
    while (n++ < 17 && (strtod(digits, NULL) < v || strtod(digits, NULL) > v));
    return v > 0 ? member_text(a, text, member, arena_printf(a, "%s", digits)) : text;
}

static const char *count_text(Arena *a, const char *text, const char *member, int64_t n) {
    return n ? member_text(a, text, member, arena_printf(a, "%" PRId64, n)) : text;
}

static const char *monitor_text(
        Arena *a, const char *text, const char *member, const DlMonitor *m) {
    text = word_text(a, text, arena_printf(a, "%s.name", member), m->name);
    text = count_text(a, text, arena_printf(a, "%s.better", member), m->better);
    return real_text(a, text, arena_printf(a, "%s.min_delta", member), m->min_delta);
}

const char *control_initializer(Arena *a, const Model *m) {
    const DlControl *c = &m->control;
    const char *t = real_text(a, "", "validation", c->validation);
    t = count_text(a, t, "validation_last", c->validation_last);
    t = count_text(a, t, "accumulate", c->accumulate);
    t = word_text(a, t, "weight", c->weight);
    t = word_text(a, t, "weight_of", c->weight_of);
    t = count_text(a, t, "samples", c->samples);
    t = real_text(a, t, "delta", c->delta);
    t = count_text(a, t, "stops", c->stops);
    t = monitor_text(a, t, "stop", &c->stop);
    t = count_text(a, t, "stop_patience", c->stop_patience);
    t = count_text(a, t, "restore_best", c->restore_best);
    t = count_text(a, t, "reduces", c->reduces);
    t = monitor_text(a, t, "reduce", &c->reduce);
    t = count_text(a, t, "reduce_patience", c->reduce_patience);
    t = count_text(a, t, "cooldown", c->cooldown);
    t = real_text(a, t, "factor", c->factor);
    t = real_text(a, t, "least", c->least);
    t = word_text(a, t, "number", c->number);
    return t[0] ? t : "0";
}
