/* lower_train.c - the train block: its settings, which parameters a line is for, and the
 * gradients of the losses. What is then done with them is said in lower_update.c. */
#include "control.h"
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- settings ------------------------------------------------------------------- */

static bool positive(Lower *L, const Ast *s, int64_t *out) {
    if (!s->list) return false;
    if (!value_to_int(L, lower_expr(L, s->list), s->list->span,
                arena_printf(L->arena, "`%s`", s->name), out))
        return false;
    if (*out >= 1 && *out <= INT32_MAX) return true;
    lower_error(L, s->list->span, "`%s` is at least 1; this is %" PRId64, s->name, *out);
    return false;
}

static const char *data_text(Lower *L, const Ast *arg) {
    Value v = arg->a->kind == A_NAME ? value_text(arg->a->name) : lower_expr(L, arg->a);
    switch (v.kind) {
    case V_STRING:
        return v.text;
    case V_INT:
        return arena_printf(L->arena, "%" PRId64, v.i);
    case V_REAL:
        return arena_printf(L->arena, "%.17g", v.r);
    case V_BOOL:
        return v.i ? "true" : "false";
    case V_POISON:
        return NULL;
    default:
        break;
    }
    lower_error(L, arg->span, "a reader's arguments are strings and numbers; this is %s",
            value_text_of(L, v));
    return NULL;
}

void lower_source(Lower *L, const Ast *s, DataSetting *out) {
    const Ast *call = s->list;
    if (!call || call->kind != A_CALL || call->a->kind != A_NAME) return;
    out->reader = call->a->name;
    out->span = s->span;
    for (const Ast *a = call->list; a; a = a->next) {
        const char *text = data_text(L, a);
        if (text) vec_push(L->arena, &out->arg, ((DataArg){a->name, text}));
    }
}

static void set_shuffle(Lower *L, const Ast *s) {
    bool on;
    if (s->list && value_to_bool(L, lower_expr(L, s->list), s->list->span, "`shuffle`", &on))
        L->model->shuffle = on;
}

/* ---- lines for some parameters: `optimizer adam() on "embedding"`, `decay 0.01 except "*.b"` */

static bool any_matches(const Ast *pattern, const char *path) {
    for (; pattern; pattern = pattern->next)
        if (path_matches(pattern->text, path)) return true;
    return false;
}

/* Of the lines of one word: the first whose patterns match; else the first without them. */
const Ast *line_for(const Ast *train, const char *word, const char *path) {
    const Ast *rest = NULL;
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (s->kind != A_SETTING || strcmp(s->name, word) != 0 || any_matches(s->b, path)) continue;
        if (any_matches(s->a, path)) return s;
        if (!s->a && !rest) rest = s;
    }
    return rest;
}

void warn_unmatched_lines(Lower *L, const Ast *train) {
    for (const Ast *s = train->body->list; s; s = s->next) {
        if (s->kind != A_SETTING) continue;
        for (const Ast *p = s->a; p; p = p->next) warn_unmatched(L, p->text, p->span);
        for (const Ast *p = s->b; p; p = p->next) warn_unmatched(L, p->text, p->span);
    }
}

void lower_settings(Lower *L, const Ast *train) {
    int64_t n;
    for (const Ast *s = train ? train->body->list : NULL; s; s = s->next) {
        if (s->kind != A_SETTING) continue;
        if (!strcmp(s->name, "batch") && positive(L, s, &n)) L->model->batch = n;
        if (!strcmp(s->name, "epochs") && positive(L, s, &n)) L->model->epochs = (int)n;
        if (!strcmp(s->name, "shuffle")) set_shuffle(L, s);
        if (!strcmp(s->name, "data")) lower_source(L, s, &L->model->data);
        if (!strcmp(s->name, "optimizer") || !setting_is_known(s)) line_definition(L, s);
    }
    lower_control(L, train);
}

/* ---- gradients ------------------------------------------------------------------ */

static Node *add_nodes(Lower *L, Node *a, Node *b, Span at) {
    if (!a || !b) return a ? a : b;
    Value v[] = {value_node(a), value_node(b)};
    return apply_op(L, OP_add, v, 2, at).node;
}

/* The name of the loss that a parameter is to make small, NULL: all of them. */
static const char *loss_name(Lower *L, const char *path) {
    const Ast *line = L->train_ast ? line_for(L->train_ast, "loss", path) : NULL;
    return line && line->list && line->list->kind == A_NAME ? line->list->name : NULL;
}

/* A penalty on a parameter belongs to the loss that the parameter follows. */
static bool belongs_to(Lower *L, const LossTerm *t, const char *name) {
    return !name || t->name == name || (t->of && loss_name(L, t->of->path) == name);
}

/* The sum of the losses of a name; of all when there is none. */
Node *total_loss(Lower *L, const char *name) {
    Node *sum = NULL;
    for (int k = 0; k < L->loss.n; k++)
        if (belongs_to(L, &L->loss.at[k], name))
            sum = add_nodes(L, sum, L->loss.at[k].node, L->loss.at[k].span);
    return sum;
}

/* What a parameter is to make small: the total, unless a `loss` line of the block says less. */
static Node *loss_for(Lower *L, const Var *v) {
    const Ast *line = L->train_ast ? line_for(L->train_ast, "loss", v->path) : NULL;
    const Ast *value = line ? line->list : NULL;
    if (!value) return L->model->loss;
    Node *loss = value->kind == A_NAME ? total_loss(L, value->name) : NULL;
    if (loss) return loss;
    lower_error(L, value->span, "the model has no loss of this name (`loss NAME = ...` gives one)");
    return NULL;
}

static void gradients_of(Lower *L, Node *loss, Var **var, int n) {
    Node **x = NEW_ARRAY(L->arena, Node *, n + 1), **out = NEW_ARRAY(L->arena, Node *, n + 1);
    for (int k = 0; k < n; k++) x[k] = var[k]->leaf;
    if (!grad(L->graph, loss, x, n, out)) return;
    for (int k = 0; k < n; k++) {
        Var *v = var[k];
        v->grad = out[k];
        if (out[k] && out[k]->kind == N_COMP && !out[k]->name) out[k]->name = v->path;
        v->grad_leaf =
                node_leaf(L->graph, L_GRAD, T_F32, v->leaf->rank, v->leaf->dim, v->path, v->span);
        if (!v->grad)
            diag_warning(v->span,
                    "the loss does not depend on the parameter `%s`; it is never trained", v->path);
    }
}

/* All parameters with one loss are differentiated together. */
void lower_gradients(Lower *L) {
    Model *m = L->model;
    int left = 0;
    Node **loss = NEW_ARRAY(L->arena, Node *, m->param.n + 1);
    for (int k = 0; k < m->param.n; k++) {
        loss[k] = m->param.at[k]->trained ? loss_for(L, m->param.at[k]) : NULL;
        left += loss[k] != NULL;
    }
    while (left > 0) {
        Var **group = NEW_ARRAY(L->arena, Var *, left + 1);
        Node *of = NULL;
        int n = 0;
        for (int k = 0; k < m->param.n; k++) {
            if (!loss[k] || (of && loss[k] != of)) continue;
            of = loss[k];
            loss[k] = NULL;
            group[n++] = m->param.at[k];
        }
        left -= n;
        gradients_of(L, of, group, n);
    }
}
