/* format_anchors.c - where a line stands that begins within an expression.
 *
 *   - An operator, or what follows one, stands under the beginning of its left operand;
 *   - `|>` under the first `|>` of its chain, which itself stands one indentation in;
 *   - `then` and `else` under their `if`, and so do all of a chain of else if; what they lead
 *     to, one indentation in from it;
 *   - a fold's body one indentation in from the fold.
 *   - in brackets, under their first item, or under the item of theirs that its author put it
 *     under; where the first begins a line itself, one indentation in from the line of the bracket;
 *   - everything else one indentation in from its statement. */
#include "format_internal.h"

static void visit(Format *f, const Ast *x);

/* The first piece that does not begin before a place. */
static int piece_at(const Format *f, uint32_t place) {
    int low = 0, high = f->piece.n - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (f->piece.at[middle].start < place) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void put(Format *f, int i, int anchor, int extra) {
    f->piece.at[i].anchor = anchor;
    f->piece.at[i].extra = extra;
}

/* Brackets around a node widen its span beyond that of its first part. */
static bool grouped(const Ast *x, const Ast *first) { return x->span.start < first->span.start; }

static void visit_binary(Format *f, const Ast *x) {
    int left = piece_at(f, x->a->span.start), sign = piece_at(f, x->a->span.end);
    put(f, sign, left, 0);
    put(f, piece_at(f, x->b->span.start), left, 0);
}

static void visit_pipe(Format *f, const Ast *x) {
    const Ast *first = x;
    while (first->a->kind == A_PIPE && !grouped(first->a, first->a->a)) first = first->a;
    int sign = piece_at(f, x->a->span.end), first_sign = piece_at(f, first->a->span.end);
    if (x != first) put(f, sign, first_sign, 0);
    else if (f->piece.at[sign].open >= 0) put(f, sign, piece_at(f, x->a->span.start), FORMAT_INDENT);
}

static int word_of(const Format *f, const Ast *choice) {
    return piece_at(f, choice->a->span.start) - 1;
}

/* word: the `if` under which all of a chain stand. */
static void visit_choice(Format *f, const Ast *x, int word) {
    put(f, word + 1, word, FORMAT_INDENT);
    put(f, piece_at(f, x->a->span.end), word, 0);
    put(f, piece_at(f, x->b->span.start), word, FORMAT_INDENT);
    visit(f, x->a);
    visit(f, x->b);
    if (!x->c) return;
    int otherwise = piece_at(f, x->b->span.end), next = piece_at(f, x->c->span.start);
    put(f, otherwise, word, 0);
    bool chain = x->c->kind == A_IF && f->piece.at[next].kind == IF;
    put(f, next, word, chain ? 0 : FORMAT_INDENT);
    if (chain) visit_choice(f, x->c, word);
    else visit(f, x->c);
}

static void visit_list(Format *f, const Ast *list) {
    for (const Ast *x = list; x; x = x->next) visit(f, x);
}

static void visit(Format *f, const Ast *x) {
    if (!x) return;
    if (x->kind == A_IF) {
        visit_choice(f, x, word_of(f, x));
        return;
    }
    if (x->kind == A_BINARY) visit_binary(f, x);
    if (x->kind == A_PIPE) visit_pipe(f, x);
    if (x->kind == A_FOLD)
        put(f, piece_at(f, x->a->span.start), piece_at(f, x->span.start), FORMAT_INDENT);
    visit(f, x->a);
    visit(f, x->b);
    visit(f, x->c);
    visit_list(f, x->list);
    visit_list(f, x->params);
    visit(f, x->body);
    visit(f, x->body2);
}

/* ---- brackets ---------------------------------------------------------------------------- */

static bool begins_item(const Format *f, int i) {
    const Piece *p = &f->piece.at[i];
    return p->open == i - 1 || f->piece.at[i - 1].kind == ',';
}

static void put_in_brackets(Format *f, int i) {
    Piece *p = &f->piece.at[i];
    if (i == p->open + 1) return;                      /* by the line of the bracket */
    int anchor = p->open + 1;
    for (int k = i - 1; k > p->open + 1; k--) {
        const Piece *item = &f->piece.at[k];
        bool under = item->open == p->open && item->source_column == p->source_column;
        if (under && p->authored && begins_item(f, k)) anchor = k;
    }
    if (f->piece.at[p->open + 1].source_column == p->source_column) anchor = p->open + 1;
    put(f, i, anchor, 0);
}

void format_anchors(Format *f, const Ast *program) {
    for (int i = 1; i < f->piece.n; i++)
        if (f->piece.at[i].open >= 0) put_in_brackets(f, i);
    visit_list(f, program->list);
}
