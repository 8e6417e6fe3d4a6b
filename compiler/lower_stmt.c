/* lower_stmt.c - statements: bindings, returns, compile-time loops and conditions. Blocks of
 * `if` and `for` are no scopes: what is bound in them is bound around them. */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

/* ---- bindings ------------------------------------------------------------------- */

/* A state, slot or parameter that the name stands for, here or around an entry or scan. */
static Binding *variable_binding(Lower *L, const char *name) {
    Binding *b = scope_find(L->scope, name);
    return b && b->var ? b : NULL;
}

static void warn_hidden_size(Lower *L, const char *name, Span at) {
    Binding *b = L->first && !L->in_library ? scope_find_here(L->globals, name) : NULL;
    if (!b || b->value.kind != V_INT || L->scope == L->globals) return;
    diag_warning(at, "`%s` hides the constant of the same name", name);
    diag_note(b->span, "the constant is here");
}

/* A hint for people: what the text calls the tensor; the user's names before the library's,
 * and the first before later ones. */
static void name_node(Lower *L, Value v, const char *name) {
    if (v.kind != V_TENSOR || v.node->kind == N_LEAF) return;
    if (v.node->name && (L->in_library || v.node == L->named)) return;
    const char *inside = *L->module->path ? L->module->path : L->function;
    v.node->name = inside ? arena_printf(L->arena, "%s.%s", inside, name) : name;
    if (!L->in_library) L->named = v.node;
}

void assign(Lower *L, const char *name, Value v, Span at) {
    Binding *b = variable_binding(L, name);
    if (b) {
        assign_var(L, b, v, at);
        return;
    }
    if (v.kind == V_NONE) {
        lower_error(L, at, "there is no value to bind to `%s`: no `return` was met", name);
        v = value_poison();
    }
    if (!scope_find_here(L->scope, name)) warn_hidden_size(L, name, at);
    name_node(L, v, name);
    scope_bind(L, L->scope, name, v, at);
}

/* An instance gets its path from the first name that it is bound to. */
static void name_instance(Lower *L, Value v, const char *name) {
    if (v.kind == V_INSTANCE && !v.inst->path && is_layer(v.inst->fn))
        v.inst->path = module_name(L, L->module, name);
}

static void assign_several(Lower *L, const Ast *s, Value v) {
    int n = ast_count(s->list);
    if (v.kind != V_POISON && (v.kind != V_LIST || v.i != n)) {
        lower_error(L, s->span, "%d names are bound here, but the right side is %s", n,
                value_text_of(L, v));
        v = value_poison();
    }
    int k = 0;
    for (const Ast *t = s->list; t; t = t->next, k++)
        assign(L, t->name, v.kind == V_POISON ? v : v.item[k], t->span);
}

static void lower_assign(Lower *L, const Ast *s) {
    Value v = lower_expr(L, s->a);
    if (s->list->next) {
        assign_several(L, s, v);
        return;
    }
    name_instance(L, v, s->list->name);
    assign(L, s->list->name, v, s->span);
}

/* ---- check(condition, "message") ------------------------------------------------ */

Span user_span(const Lower *L, Span own) {
    return L->in_library && L->call_site.src ? L->call_site : own;
}

void abandon(Lower *L) {
    if (!L->returned) return;
    *L->returned = value_poison();
    L->abandoned = true;
}

void lower_check(Lower *L, const Ast *call) {
    const Ast *cond = call->list, *message = cond ? cond->next : NULL;
    const Ast *found = message ? message->next : NULL;
    bool holds;
    if (!message || (found && found->next)) {
        lower_error(L, call->span,
                "check takes a condition, a message, and maybe what was found: "
                "check(n > 0, \"n is positive\", n)");
        return;
    }
    Value v = lower_expr(L, cond->a), text = lower_expr(L, message->a);
    if (!value_to_bool(L, v, cond->span, "what is checked", &holds) || holds) return;
    const char *what = text.kind == V_STRING ? text.text : "a check failed";
    if (found)
        lower_error(L, user_span(L, call->span), "%s; this is %s", what,
                value_text_of(L, lower_expr(L, found->a)));
    else
        lower_error(L, user_span(L, call->span), "%s", what);
    abandon(L);
}

static void lower_alone(Lower *L, const Ast *s) {
    const Ast *e = s->a;
    if (e->kind == A_CALL && e->a->kind == A_NAME && !strcmp(e->a->name, "check")) {
        lower_check(L, e);
        return;
    }
    Value v = lower_expr(L, e);
    if (v.kind != V_POISON && v.kind != V_NONE)
        lower_error(L, s->span, "the value of this expression is not used; bind it to a name");
}

/* ---- control -------------------------------------------------------------------- */

static bool lower_if(Lower *L, const Ast *s) {
    bool taken;
    if (!value_to_bool(
                L, lower_expr(L, s->a), s->a->span, "the condition of an `if` statement", &taken))
        return false;
    const Ast *block = taken ? s->body : s->body2;
    if (!block) return false;
    return block->kind == A_IF_STMT ? lower_if(L, block) : lower_block(L, block);
}

/* What a loop goes over: the integers of a range, or the items of a list. */
static bool loop_range(Lower *L, const Ast *over, Value *list, int64_t *from, int64_t *to) {
    *list = value_none();
    if (over->kind == A_RANGE)
        return value_to_int(L, lower_expr(L, over->a), over->a->span, "the end of a range", from) &&
               value_to_int(L, lower_expr(L, over->b), over->b->span, "the end of a range", to);
    *list = lower_expr(L, over);
    *from = 0;
    *to = list->i;
    if (list->kind != V_LIST && list->kind != V_POISON)
        lower_error(L, over->span,
                "`for` goes over a range, first..end with the end left out, or over a list; "
                "this is %s",
                value_text_of(L, *list));
    return list->kind == V_LIST;
}

static bool lower_for(Lower *L, const Ast *s) {
    enum { MAX_ROUNDS = 100000 };
    int64_t from, to;
    Value list;
    if (!loop_range(L, s->a, &list, &from, &to)) return false;
    if (to - from > MAX_ROUNDS) {
        lower_error(L, s->a->span,
                "a compile-time loop has at most %d rounds; a `scan` runs longer", MAX_ROUNDS);
        return false;
    }
    const char *suffix = L->module->suffix;
    Binding kept = scope_keep(L->scope, s->name);
    int errors = diag_errors();
    bool returned = false;
    for (int64_t i = from; i < to && !returned && diag_errors() == errors; i++) {
        L->module->suffix = arena_printf(L->arena, "%s.%" PRId64, suffix, i);
        Value v = list.kind == V_LIST ? list.item[i] : value_int(i);
        scope_bind(L, L->scope, s->name, v, s->span);
        returned = lower_block(L, s->body);
    }
    L->module->suffix = suffix;
    scope_restore(L->scope, s->name, kept);
    return returned;
}

static bool lower_return(Lower *L, const Ast *s) {
    int n = ast_count(s->list), k = 0;
    if (!L->returned) {
        lower_error(L, s->span, "`return` stands in a layer or function only");
        return true;
    }
    Value *v = NEW_ARRAY(L->arena, Value, n + 1);
    for (const Ast *e = s->list; e; e = e->next) v[k++] = lower_expr(L, e);
    *L->returned = n == 1 ? v[0] : value_list(L, n, v);
    return true;
}

static void lower_penalty(Lower *L, const Ast *s) {
    Node *n = value_to_node(L, lower_expr(L, s->a), s->a->span);
    if (!n) return;
    if (n->rank || n->dtype != T_F32) {
        lower_error(L, s->a->span, "a penalty is a real number for the whole batch; this is %s",
                node_shape_text(L, n));
        return;
    }
    vec_push(L->arena, &L->loss, ((LossTerm){n, s->span, NULL, penalised(L, s->span)}));
}

static bool lower_statement(Lower *L, const Ast *s) {
    L->folded.n = 0;
    switch (s->kind) {
    case A_ASSIGN:
        lower_assign(L, s);
        return false;
    case A_DEFINE:
        lower_define(L, s);
        return false;
    case A_CONST:
        assign(L, s->name, lower_expr(L, s->a), s->span);
        return false;
    case A_EXPR_STMT:
        lower_alone(L, s);
        return false;
    case A_RETURN:
        return lower_return(L, s);
    case A_SCAN:
        lower_scan(L, s);
        return false;
    case A_FOR:
        return lower_for(L, s);
    case A_IF_STMT:
        return lower_if(L, s);
    case A_BLOCK:
        return lower_block(L, s);
    case A_PENALTY:
        lower_penalty(L, s);
        return false;
    case A_ERROR:
        return false;
    default:
        break;
    }
    if (optimizer_statement(L, s) || metric_statement(L, s)) return false;
    if (s->kind == A_PARAM)
        lower_param(L, s);
    else if (s->kind == A_STATE)
        lower_state(L, s);
    else if (!lower_model_statement(L, s))
        lower_error(L, s->span, "this statement does not belong here");
    return false;
}

bool lower_block(Lower *L, const Ast *block) {
    for (const Ast *s = block ? block->list : NULL; s; s = s->next)
        if (lower_statement(L, s) || L->abandoned) return true;
    return false;
}
