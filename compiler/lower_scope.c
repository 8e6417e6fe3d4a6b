/* lower_scope.c - names: scopes of bindings, the definitions of a program's top level, and
 * what to suggest for a name that is not there. The library's scope lies under the
 * program's, so that a user's definition hides the library's for the user alone. */
#include "lower.h"

#include <string.h>

Scope *scope_new(Lower *L, Scope *up) {
    Scope *s = NEW(L->arena, Scope);
    s->up = up;
    return s;
}

Binding *scope_find_here(Scope *s, const char *name) {
    for (int k = s->binding.n; k-- > 0;)
        if (s->binding.at[k].name == name) return &s->binding.at[k];
    return NULL;
}

Binding *scope_find(Scope *s, const char *name) {
    for (; s; s = s->up) {
        Binding *b = scope_find_here(s, name);
        if (b) return b;
    }
    return NULL;
}

Binding *scope_bind(Lower *L, Scope *s, const char *name, Value v, Span at) {
    Binding *b = scope_find_here(s, name);
    if (!b) {
        vec_push(L->arena, &s->binding, (Binding){0});
        b = &s->binding.at[s->binding.n - 1];
    }
    *b = (Binding){.name = name, .value = v, .span = at, .readable = true};
    return b;
}

/* What the name was bound to here before a loop bound it; name NULL: nothing. */
Binding scope_keep(Scope *s, const char *name) {
    Binding *b = scope_find_here(s, name);
    return b ? *b : (Binding){0};
}

void scope_restore(Scope *s, const char *name, Binding kept) {
    Binding *b = scope_find_here(s, name);
    if (b && kept.name) {
        *b = kept;
    } else if (b) {
        memmove(b, b + 1, (size_t)(s->binding.at + s->binding.n - (b + 1)) * sizeof *b);
        s->binding.n--;
    }
}

/* ---- the top level of a program ------------------------------------------------- */

static Function *function_new(Lower *L, Scope *s, const Ast *def) {
    Function *fn = NEW(L->arena, Function);
    *fn = (Function){.kind = FN_DEF, .name = def->name, .def = def, .scope = s};
    return fn;
}

/* Definitions of the other namespaces are bound under a prefix that no name can have. */
static const char *qualified(Lower *L, AstKind kind, const char *name) {
    const char *space = kind == A_INITIALIZER ? "initializer"
                        : kind == A_METRIC    ? "metric"
                        : kind == A_UPDATE    ? "update"
                                              : "optimizer";
    return intern(arena_printf(L->arena, "%s %s", space, name));
}

static bool is_definition(AstKind k) {
    return k == A_LAYER || k == A_FN || k == A_INITIALIZER || k == A_METRIC || k == A_OPTIMIZER ||
           k == A_UPDATE;
}

/* `const mse = mean_squared_error` is another name of a definition in each space of names that
 * has it; true where that is all that it is. */
static bool add_other_name(Lower *L, Scope *s, const Ast *d) {
    static const AstKind kinds[] = {A_METRIC, A_OPTIMIZER, A_UPDATE, A_INITIALIZER};
    bool found = false;
    for (size_t k = 0; d->a->kind == A_NAME && k < sizeof kinds / sizeof *kinds; k++) {
        Binding *b = scope_find(s, qualified(L, kinds[k], d->a->name));
        if (!b) continue;
        scope_bind(L, s, qualified(L, kinds[k], d->name), b->value, d->span);
        found = true;
    }
    return found && !scope_find(s, d->a->name);
}

void scope_add_globals(Lower *L, Scope *s, const Ast *program) {
    for (const Ast *d = program ? program->list : NULL; d; d = d->next) {
        if (!is_definition(d->kind)) continue;
        bool plain = d->kind == A_LAYER || d->kind == A_FN;
        const char *name = plain ? d->name : qualified(L, d->kind, d->name);
        scope_bind(L, s, name, value_function(function_new(L, s, d)), d->span);
    }
    Scope *before = L->scope;
    L->scope = s;
    for (const Ast *d = program ? program->list : NULL; d; d = d->next)
        if (d->kind == A_CONST && !add_other_name(L, s, d))
            scope_bind(L, s, d->name, lower_expr(L, d->a), d->span);
    L->scope = before;
}

Function *find_definition(Lower *L, AstKind kind, const char *name) {
    Binding *b = scope_find(L->globals, qualified(L, kind, name));
    return b ? b->value.fn : NULL;
}

Function *scope_initializer(Lower *L, Scope *s, const char *name) {
    Binding *b = scope_find(s, qualified(L, A_INITIALIZER, name));
    return b ? b->value.fn : NULL;
}

/* ---- lookup with a message ------------------------------------------------------ */

static Value builtin_value(Lower *L, const char *name) {
    Function *fn = NEW(L->arena, Function);
    *fn = (Function){.name = name};
    Op op = op_by_name(name);
    if (op != OP_COUNT && !(op_info[op].flags & OPF_SYNTAX)) {
        fn->kind = FN_OP;
        fn->op = op;
        return value_function(fn);
    }
    fn->kind = FN_BUILTIN;
    fn->builtin = builtin_find(name);
    return fn->builtin ? value_function(fn) : value_none();
}

Value scope_provided(Lower *L, const char *name) {
    if (!strcmp(name, "none")) return value_absent();
    Value v = builtin_value(L, name);
    if (v.kind != V_NONE) return v;
    Function *init = scope_initializer(L, L->scope, name);
    return init ? value_function(init) : value_none();
}

static const char *unqualified(const char *name) {
    const char *space = strchr(name, ' ');
    return space ? space + 1 : name;
}

static void collect_names(Lower *L, NameList *names) {
    for (Scope *s = L->scope; s; s = s->up)
        for (int k = 0; k < s->binding.n; k++)
            if (!strncmp(s->binding.at[k].name, "initializer ", 12) ||
                    !strchr(s->binding.at[k].name, ' '))
                vec_push(L->arena, names, unqualified(s->binding.at[k].name));
    for (int k = 0; k < builtin_count(); k++) vec_push(L->arena, names, builtin_name(k));
    for (int k = 0; k < OP_COUNT; k++)
        if (!(op_info[k].flags & OPF_SYNTAX)) vec_push(L->arena, names, op_info[k].name);
}

static const char *nearest_name(Lower *L, const char *name) {
    NameList names = {0};
    collect_names(L, &names);
    return diag_nearest(name, names.at, names.n);
}

NameList definition_names(Lower *L, AstKind kind) {
    NameList names = {0};
    const char *prefix = qualified(L, kind, "");
    for (Scope *s = L->globals; s; s = s->up)
        for (int k = 0; k < s->binding.n; k++)
            if (!strncmp(s->binding.at[k].name, prefix, strlen(prefix)))
                vec_push(L->arena, &names, unqualified(s->binding.at[k].name));
    return names;
}

const char *nearest_definition(Lower *L, AstKind kind, const char *name) {
    NameList names = definition_names(L, kind);
    return diag_nearest(name, names.at, names.n);
}

/* y = sum(k) x[k] + b[k]: the variable of a fold, outside of it. */
static bool was_folded(const Lower *L, const char *name) {
    for (int k = 0; k < L->folded.n; k++)
        if (L->folded.at[k] == name) return true;
    return false;
}

/* A name of another namespace, used as a function. */
static const char *other_use(Lower *L, const char *name) {
    if (find_definition(L, A_METRIC, name))
        return "a metric: it stands in a line of its own, metric";
    if (find_definition(L, A_OPTIMIZER, name))
        return "an optimizer: it stands in a train block, optimizer";
    if (find_definition(L, A_UPDATE, name)) return "an update: a train block's line begins with it,";
    return NULL;
}

static Value unknown_name(Lower *L, const char *name, Span at) {
    const char *near = nearest_name(L, name), *other = other_use(L, name);
    if (other)
        lower_error(L, at, "`%s` is %s %s(...)", name, other, name);
    else if (was_folded(L, name))
        lower_error(L, at,
                "`%s` is not known outside of its fold, which takes the product to its right: "
                "put what it folds in parentheses",
                name);
    else if (near && near != name)
        lower_error(L, at, "unknown name `%s`; did you mean `%s`?", name, near);
    else
        lower_error(L, at, "unknown name `%s`", name);
    /* Once is enough: later uses of the name are poison, silently. */
    if (L->scope && L->scope != L->library) scope_bind(L, L->scope, name, value_poison(), at);
    return value_poison();
}

Value scope_value(Lower *L, const char *name, Span at) {
    Binding *b = scope_find(L->scope, name);
    if (b && !b->readable) {
        lower_error(L, at,
                "`%s` is known inside of its scan only; `all %s` is its values over the steps",
                name, name);
        return value_poison();
    }
    if (b) return b->value;
    Value v = scope_provided(L, name);
    return v.kind == V_NONE ? unknown_name(L, name, at) : v;
}
