/* reduce.c - makes a failing program smaller, on its tree: takes out statements, puts an
 * expression's part or a number in its place, makes numbers smaller (everywhere the same
 * number stands, so that shapes go on fitting), as long as it still fails. */
#include "reduce.h"

#include <stdlib.h>
#include <string.h>

typedef Vec(Ast **) Places;

typedef struct Reducer {
    Arena *arena;
    Ast *program;
    StillFails *fails;
    void *ctx;
    int tries;
    const char *best;
} Reducer;

/* ---- places ------------------------------------------------------------------------------- */

static bool is_expression(const Ast *x) {
    return x->kind >= A_NUMBER && x->kind <= A_SUBSCRIPT;
}

/* Top-level items, statements, settings and arguments may be left out of their lists. */
static bool is_item(const Ast *x) {
    return x->kind <= A_CONST || (x->kind >= A_INPUT && x->kind <= A_SETTING) || x->kind == A_ARG;
}

typedef bool Wanted(const Ast *x);

/* Every pointer in the tree to a node that is wanted, outer ones first. */
static void find(Arena *a, Ast **at, Wanted *wanted, Places *found) {
    for (; *at; at = &(*at)->next) {
        Ast *x = *at;
        if (wanted(x)) vec_push(a, found, at);
        Ast **child[] = {&x->params, &x->a, &x->b, &x->c, &x->list, &x->body, &x->body2};
        for (int i = 0; i < (int)(sizeof child / sizeof *child); i++)
            find(a, child[i], wanted, found);
    }
}

static Places places(Reducer *r, Wanted *wanted) {
    Places found = {0};
    find(r->arena, &r->program->list, wanted, &found);
    return found;
}

static const char *text_of(Arena *a, const Ast *program) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) return "";
    ast_print(f, program);
    fclose(f);
    const char *copy = arena_copy(a, text, n + 1);
    free(text);
    return copy;
}

/* Whether the tree as it is now fails; then it is the best. */
static bool good(Reducer *r) {
    if (r->tries <= 0) return false;
    const char *text = text_of(r->arena, r->program);
    if (strcmp(text, r->best) == 0) return false;
    r->tries--;
    if (!r->fails(r->ctx, text)) return false;
    r->best = text;
    return true;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static bool drop_items(Reducer *r) {
    bool any = false;
    Places p = places(r, is_item);
    for (int i = p.n - 1; i >= 0; i--) {
        Ast *x = *p.at[i];
        if (!x) continue;
        *p.at[i] = x->next;
        if (good(r))
            any = true;
        else
            *p.at[i] = x;
    }
    return any;
}

/* In x's place in its list. */
static bool try_instead(Reducer *r, Ast **at, const Ast *other) {
    Ast *x = *at, *copy = arena_copy(r->arena, other, sizeof *other);
    copy->next = x->next;
    *at = copy;
    if (good(r)) return true;
    *at = x;
    return false;
}

static bool shrink_at(Reducer *r, Ast **at) {
    const Ast *x = *at, *first = x->list && x->list->kind == A_ARG ? x->list->a : NULL;
    const Ast *part[] = {x->a, x->b, x->c, first};
    if (x->kind == A_NUMBER || x->kind == A_NAME || x->kind == A_STRING) return false;
    for (int i = 0; i < 4; i++)
        if (part[i] && is_expression(part[i]) && part[i]->kind != A_NAME &&
                try_instead(r, at, part[i]))
            return true;
    Ast *one = ast_number(r->arena, x->span, 0.5, true);
    if (try_instead(r, at, one)) return true;
    for (int i = 0; i < 4; i++)
        if (part[i] && part[i]->kind == A_NAME && try_instead(r, at, part[i])) return true;
    return false;
}

static bool shrink_expressions(Reducer *r) {
    bool any = false;
    for (int i = 0; r->tries > 0; i++) {
        Places p = places(r, is_expression);
        if (i >= p.n) break;
        while (shrink_at(r, p.at[i])) any = true;
    }
    return any;
}

static bool is_number(const Ast *x) {
    return x->kind == A_NUMBER && !x->flag;
}

static bool replace_number(Reducer *r, Places p, double from, double to) {
    for (int i = 0; i < p.n; i++)
        if ((*p.at[i])->num == from) (*p.at[i])->name2 = "changed", (*p.at[i])->num = to;
    bool ok = good(r);
    for (int i = 0; i < p.n; i++) {
        Ast *x = *p.at[i];
        if (x->name2 && !ok) x->num = from;
        x->name2 = NULL;
    }
    return ok;
}

static bool shrink_numbers(Reducer *r) {
    bool any = false;
    Places p = places(r, is_number);
    for (int i = 0; i < p.n && r->tries > 0; i++) {
        double v = (*p.at[i])->num;
        double smaller[] = {1, 2, (double)(int)(v / 2), v - 1};
        for (int k = 0; k < 4; k++)
            if (smaller[k] >= 1 && smaller[k] < v && replace_number(r, p, v, smaller[k])) {
                any = true;
                break;
            }
    }
    return any;
}

const char *reduce(Arena *a, const char *text, StillFails *fails, void *ctx, int tries) {
    const Source *src = source_from_text(a, "reduced.dl", text, strlen(text));
    Reducer r = {.arena = a,
            .program = ast_parse(a, src),
            .fails = fails,
            .ctx = ctx,
            .tries = tries,
            .best = text};
    if (!r.program) return text;
    for (bool again = true; again && r.tries > 0;) {
        again = drop_items(&r);
        again = shrink_numbers(&r) || again;
        again = shrink_expressions(&r) || again;
    }
    return r.best;
}
