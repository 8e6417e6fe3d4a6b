/* program.c - see program.h.
 *
 * Who writes what, and when, follows from the promises of a step: the loss is an early
 * root, so that a routine can refuse before anything that the model holds is written;
 * parameters, slots and states are written in place, after the last read of the old value.
 *
 * Gradient accumulation keeps the running mean over rows,
 *     G <- g                     on the first call after an apply (share = 1),
 *     G <- G + (g - G) * share   afterwards, share = n / (rows so far + n),
 * so that one accumulate followed by apply has the bits of the fused step, and several
 * have the gradient of the mean loss over all their rows. Running statistics follow each
 * call; they depend on no gradient. */
#include "program.h"

#include "graph_tables.h"

#include <ctype.h>
#include <string.h>

#include "../runtime/dl_object.h"

/* ---- names in C ----------------------------------------------------------------------------
 *
 * What users name (models, tensors, entries, metrics) and what the emitted file names for itself
 * cannot meet: names of the latter begin with dl_ or end in kernel, those of C's types in _t,
 * and c_identifier makes none of these of a user's name. */

static const char *const c_words[] = {"auto", "break", "case", "char", "const", "continue",
        "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if",
        "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
        "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
        "class", "delete", "new", "operator", "private", "public", "template", "this", "virtual",
        /* names that the emitted functions use themselves */
        "n", "model", "work", "totals", "arena", "head", "loss", "row", "rows", "status", "mem",
        "size", "threads", "seed", "step", "out", "data", "path", "main", "metric", "result",
        /* macros of the standard headers */
        "errno", "NULL", "EOF", "NAN", "INFINITY", "HUGE_VAL", "RAND_MAX", "BUFSIZ", "offsetof",
        "assert", "bool", "true", "false", "unix", "linux"};

/* Functions of the C library in the headers that an emitted file includes, and in those that
 * its users are likely to; of math.h's there is one with an f and one with an l behind it, too. */
static const char *const c_functions[] = {"abort", "abs", "atexit", "atof", "atoi", "atol", "bsearch",
        "calloc", "clock", "div", "exit", "free", "getenv", "index", "labs", "ldiv", "llabs", "lldiv",
        "malloc", "mblen", "memchr", "memcmp", "memcpy", "memmove", "memset", "perror", "printf",
        "puts", "qsort", "raise", "rand", "read", "realloc", "remove", "rename", "rewind", "scanf",
        "select", "signal", "sleep", "srand", "strcat", "strchr", "strcmp", "strcoll", "strcpy",
        "strcspn", "strdup", "strerror", "strlen", "strncat", "strncmp", "strncpy", "strndup",
        "strnlen", "strpbrk", "strrchr", "strspn", "strstr", "strtod", "strtof", "strtok", "strtol",
        "strtold", "strtoll", "strtoul", "strtoull", "strxfrm", "system", "time", "write",
        "posix_memalign", "random", "link", "pipe", "fork", "wait", "stat", "access", "FILE"};
static const char *const c_math[] = {"acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt",
        "ceil", "copysign", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "fdim",
        "floor", "fma", "fmax", "fmin", "fmod", "frexp", "gamma", "hypot", "ilogb", "j0", "j1", "jn",
        "ldexp", "lgamma", "llrint", "llround", "log", "log10", "log1p", "log2", "logb", "lrint",
        "lround", "modf", "nan", "nearbyint", "nextafter", "nexttoward", "pow", "remainder", "remquo",
        "rint", "round", "scalbln", "scalbn", "sin", "sinh", "sqrt", "tan", "tanh", "tgamma", "trunc",
        "y0", "y1", "yn"};

/* What the interface has for every model, behind its name. */
static const char *const api_words[] = {"init", "work_init", "create", "free", "work_create",
        "work_free", "work_size", "work", "train_step", "accumulate", "apply", "evaluate", "totals",
        "reset", "save", "load", "message", "batch"};

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))
static bool is_one_of(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

static bool ends_in(const char *name, const char *end) {
    size_t n = strlen(name), size = strlen(end);
    return n >= size && strcmp(name + n - size, end) == 0;
}

const char *c_identifier(Arena *a, const char *path) {
    char *name = arena_printf(a, "%s%s", isdigit((unsigned char)path[0]) ? "_" : "", path);
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    if (strncmp(name, "dl_", 3) == 0 || strncmp(name, "DL_", 3) == 0) name = arena_printf(a, "_%s", name);
    bool taken = ends_in(name, "kernel") || ends_in(name, "_t") || IS_ONE_OF(name, c_words);
    return taken ? arena_printf(a, "%s_", name) : name;
}

/* With an underscore behind it what would be the name of a type or function of the library. */
const char *c_type_name(Arena *a, const char *model) {
    const char *name = c_identifier(a, model);
    if (strcmp(name, "dl") == 0 || strcmp(name, "DL") == 0) return arena_printf(a, "_%s", name);
    bool taken = IS_ONE_OF(name, c_functions) || IS_ONE_OF(name, c_math);
    size_t n = strlen(name);
    if (n > 1 && (name[n - 1] == 'f' || name[n - 1] == 'l'))
        taken = taken || IS_ONE_OF(arena_printf(a, "%.*s", (int)n - 1, name), c_math);
    return taken ? arena_printf(a, "%s_", name) : name;
}

/* Of an entry or metric: the interface has it behind the model's name. */
const char *c_api_name(Arena *a, const char *wish) {
    const char *name = c_identifier(a, wish);
    return IS_ONE_OF(name, api_words) ? arena_printf(a, "%s_", name) : name;
}

int place_bytes(PlaceType t) { return t == PT_U8 ? 1 : t == PT_F64 || t == PT_I64 ? 8 : 4; }

/* ---- members: layout of the two structs ----------------------------------------- */

enum { ALIGNMENT = 64 };

static int64_t aligned(int64_t offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool taken(const Program *p, const char *name) {
    const Lookup *l = &p->by_name;
    for (int e = lookup_first(l, hash_text(name)); e >= 0; e = lookup_next(l, e))
        if (strcmp(p->member.at[lookup_item(l, e)].c_name, name) == 0) return true;
    return false;
}

static Place member_place(const Member *m) {
    bool in_work = m->role == DL_ROW_STATE || m->role == DL_GRADIENT;
    return (Place){.object = in_work ? P_WORK : P_MODEL, .offset = m->offset, .type = m->type,
            .name = m->c_name};
}

static void note_member(Arena *a, Program *p, const Member *m) {
    lookup_add(a, &p->by_name, hash_text(m->c_name), p->member.n);
    lookup_add(a, &p->by_leaf, (uint64_t)m->leaf->id, p->member.n);
    vec_push(a, &p->member, ((MemberName){m->c_name, m->leaf, member_place(m)}));
}

/* Adds a member at the end of the model's or the work area's struct. */
static Member *add_member(Arena *a, Program *p, Node *leaf, const char *path, const char *c_path,
        int role) {
    bool in_work = role == DL_ROW_STATE || role == DL_GRADIENT;
    int64_t *end = in_work ? &p->work_bytes : &p->model_bytes;
    const char *base = c_identifier(a, c_path), *name = base;
    for (int i = 2; taken(p, name); i++) name = arena_printf(a, "%s_%d", base, i);
    Member m = {.path = path, .c_name = name, .leaf = leaf, .role = role,
            .elements = node_elements(leaf, p->model->batch), .type = place_type(leaf->dtype),
            .span = leaf->span};
    m.offset = role == DL_NUMBER ? *end : aligned(*end);
    *end = m.offset + (m.elements ? m.elements : 1) * place_bytes(m.type);
    note_member(a, p, &m);
    if (in_work) {
        vec_push(a, &p->in_work, m);
        return &p->in_work.at[p->in_work.n - 1];
    }
    vec_push(a, &p->in_model, m);
    return &p->in_model.at[p->in_model.n - 1];
}

static void add_vars(Arena *a, Program *p, Var *const *var, int n, int role) {
    for (int i = 0; i < n; i++) {
        Member *k = add_member(a, p, var[i]->leaf, var[i]->path, var[i]->path, role);
        k->var = var[i];
        k->span = var[i]->span;    /* in the user's text; the leaf's may be the library's */
    }
}

static void add_members(Arena *a, Program *p) {
    const Model *m = p->model;
    p->model_bytes = sizeof(dl_head);
    p->work_bytes = sizeof(dl_work_head);
    for (int i = 0; i < m->number.n; i++) {
        const Number *k = &m->number.at[i];
        add_member(a, p, k->leaf, k->path, k->path, DL_NUMBER)->value = k->value;
    }
    add_vars(a, p, m->param.at, m->param.n, DL_PARAMETER);
    add_vars(a, p, m->state.at, m->state.n, DL_STATE);
    add_vars(a, p, m->slot.at, m->slot.n, DL_SLOT);
    add_vars(a, p, m->row_state.at, m->row_state.n, DL_ROW_STATE);
    for (int i = 0; i < m->param.n; i++) {
        const Var *v = m->param.at[i];
        if (!v->grad) continue;
        const char *c_path = arena_printf(a, "gradient_%s", v->path);
        add_member(a, p, v->grad_leaf, v->path, c_path, DL_GRADIENT)->var = v;
    }
    p->model_bytes = aligned(p->model_bytes);
    p->work_bytes = aligned(p->work_bytes);
}

static Place place_of_leaf(const Program *p, const Node *leaf) {
    const Lookup *l = &p->by_leaf;
    for (int e = lookup_first(l, (uint64_t)leaf->id); e >= 0; e = lookup_next(l, e))
        if (p->member.at[lookup_item(l, e)].leaf == leaf) return p->member.at[lookup_item(l, e)].place;
    ICE(leaf->span, "leaf '%s' has no place", leaf->name);
}

/* ---- routines -------------------------------------------------------------------- */

static Use *new_use(Arena *a, Program *p, const char *name, const char *comment) {
    Use *u = NEW(a, Use);
    u->routine.name = name;
    u->routine.comment = comment;
    for (int i = 0; i < p->in_model.n; i++)
        vec_push(a, &u->routine.leaf,
                ((Binding){.leaf = p->in_model.at[i].leaf, .from = member_place(&p->in_model.at[i])}));
    for (int i = 0; i < p->in_work.n; i++)
        vec_push(a, &u->routine.leaf,
                ((Binding){.leaf = p->in_work.at[i].leaf, .from = member_place(&p->in_work.at[i])}));
    vec_push(a, &p->all, u);
    return u;
}

/* Names of arguments differ from each other and hide none of the model's type. */
static const char *argument_name(Arena *a, const Program *p, const Routine *r, const char *wish) {
    const char *base = c_identifier(a, wish), *name = base;
    for (int i = -1, count = 1; i < r->arg.n; i++) {
        if (strcmp(i < 0 ? p->prefix : r->arg.at[i].name, name) != 0) continue;
        name = arena_printf(a, "%s_%d", base, ++count);
        i = -2;
    }
    return name;
}

static Place add_argument(Arena *a, const Program *p, Routine *r, const char *name, PlaceType type,
        bool written) {
    RoutineArg arg = {.name = argument_name(a, p, r, name), .type = type, .written = written};
    vec_push(a, &r->arg, arg);
    return (Place){.object = P_ARG, .arg = r->arg.n - 1, .type = type};
}

static void add_ports(Arena *a, const Program *p, Routine *r, const Port *port, int n) {
    for (int i = 0; i < n; i++) {
        Place from = add_argument(a, p, r, port[i].name, place_type(port[i].node->dtype), false);
        vec_push(a, &r->leaf, ((Binding){port[i].node, from, port[i].bound}));
    }
}

static void add_root(Arena *a, Routine *r, Node *value, Place to) {
    vec_push(a, &r->root, ((Root){.value = value, .to = to}));
}

bool member_begins_zero(const Member *m) {
    const Node *init = m->var ? m->var->init : NULL;
    return init && init->kind == N_COMP && init->fold == F_NONE && init->body->kind == E_CONST &&
           init->body->value == 0;
}

/* Slots that begin as zeros are left out: their place is the room for the others' values. */
static Use *build_init(Arena *a, Program *p) {
    Use *u = new_use(a, p, "initial_values", "Draws the initial values of parameters, states and slots.");
    for (int i = 0; i < p->in_model.n; i++) {
        const Member *m = &p->in_model.at[i];
        if (m->role == DL_SLOT && member_begins_zero(m)) continue;
        if (m->var && m->var->init) add_root(a, &u->routine, m->var->init, member_place(m));
    }
    return u;
}

static Use *build_data_use(Arena *a, Program *p, const char *name, const char *comment) {
    Use *u = new_use(a, p, name, comment);
    add_ports(a, p, &u->routine, p->model->input.at, p->model->input.n);
    add_ports(a, p, &u->routine, p->model->target.at, p->model->target.n);
    return u;
}

/* The loss is written first, and refuses the step when it is not finite. */
static void add_loss(Arena *a, const Program *p, Routine *r) {
    Place to = add_argument(a, p, r, "loss_out", PT_F32, true);
    vec_push(a, &r->root, ((Root){.value = p->model->loss, .to = to, .early = true}));
    r->finite = p->model->loss;
}

static Node *rows_leaf(Graph *g, NodeList value) {
    NodeList order = graph_order(g, value.at, value.n);
    for (int i = 0; i < order.n; i++)
        if (order.at[i]->kind == N_LEAF && order.at[i]->leaf == L_ROWS) return order.at[i];
    return NULL;
}

/* Of a step from gradients in memory, `batch` is the rows that they are of. */
static Node *rows_so_far(Arena *a, Graph *g, Routine *r) {
    Node *leaf = node_leaf(g, L_NUMBER, T_F32, 0, NULL, "rows so far", (Span){0});
    Place at = {.object = P_WORK, .offset = offsetof(dl_work_head, rows), .type = PT_F32};
    vec_push(a, &r->leaf, ((Binding){.leaf = leaf, .from = at}));
    return node_comp(g, 0, NULL, F_NONE, 0, NULL, NULL,
            ex_op1(g, OP_int, ex_load(g, leaf, NULL, NULL)), (Span){0});
}

/* Everything that training writes in the model: parameters, slots and, with `states`,
 * running statistics. From gradients in memory, or computed on the way. */
static void add_updates(Arena *a, const Program *p, Routine *r, bool from_memory, bool states) {
    const Model *m = p->model;
    NodeList value = {0}, from = {0}, to = {0};
    Vec(Place) place = {0};
    for (int i = 0; i < p->in_model.n; i++) {
        const Member *k = &p->in_model.at[i];
        if (!k->var || !k->var->next || (k->role == DL_STATE && !states)) continue;
        vec_push(a, &value, k->var->next);
        vec_push(a, &place, member_place(k));
    }
    for (int i = 0; i < m->param.n && !from_memory; i++) {
        if (!m->param.at[i]->grad) continue;
        vec_push(a, &from, m->param.at[i]->grad_leaf);
        vec_push(a, &to, m->param.at[i]->grad);
    }
    Node *rows = from_memory ? rows_leaf(m->graph, value) : NULL;
    if (rows) {
        vec_push(a, &from, rows);
        vec_push(a, &to, rows_so_far(a, m->graph, r));
    }
    graph_replace(m->graph, value.at, value.n, from.at, to.at, from.n);
    for (int i = 0; i < value.n; i++) add_root(a, r, value.at[i], place.at[i]);
}

static Use *build_step(Arena *a, Program *p) {
    Use *u = build_data_use(a, p, "step", "One training step: the loss, its gradients, the update.");
    add_loss(a, p, &u->routine);
    add_updates(a, p, &u->routine, false, true);
    return u;
}

/* The running mean of a parameter's gradient over rows, as the head of this file has it. */
static Node *mean_gradient(Graph *g, const Var *v, Node *share) {
    int rank = v->leaf->rank;
    Expr *index[MAX_RANK] = {0};
    for (int k = 0; k < rank; k++) index[k] = ex_var(g, k, v->leaf->dim[k]);
    Expr *now = ex_load(g, v->grad, index, NULL), *old = ex_load(g, v->grad_leaf, index, NULL);
    Expr *w = ex_load(g, share, NULL, NULL);
    Expr *mean = ex_op2(g, OP_add, old, ex_op2(g, OP_mul, ex_op2(g, OP_sub, now, old), w));
    Expr *first = ex_op2(g, OP_eq, w, ex_real(g, 1));
    return node_comp(g, rank, v->leaf->dim, F_NONE, 0, NULL, NULL,
            ex_select(g, first, now, mean), v->span);
}

static Use *build_accumulate(Arena *a, Program *p) {
    const Model *m = p->model;
    Use *u = build_data_use(a, p, "gradients", "The loss and its gradients, added to the running mean.");
    add_loss(a, p, &u->routine);
    Node *share = node_leaf(m->graph, L_NUMBER, T_F32, 0, NULL, "share of the rows", m->span);
    Place at = {.object = P_WORK, .offset = offsetof(dl_work_head, share), .type = PT_F32};
    vec_push(a, &u->routine.leaf, ((Binding){.leaf = share, .from = at}));
    for (int i = 0; i < m->param.n; i++) {
        const Var *v = m->param.at[i];
        if (!v->grad) continue;
        add_root(a, &u->routine, mean_gradient(m->graph, v, share), place_of_leaf(p, v->grad_leaf));
    }
    for (int i = 0; i < m->state.n; i++) {
        const Var *v = m->state.at[i];
        if (v->next) add_root(a, &u->routine, v->next, place_of_leaf(p, v->leaf));
    }
    return u;
}

static Use *build_apply(Arena *a, Program *p) {
    Use *u = new_use(a, p, "update", "The optimiser's step from gradients in memory.");
    add_updates(a, p, &u->routine, true, false);
    return u;
}

static Use *build_evaluate(Arena *a, Program *p) {
    Use *u = build_data_use(a, p, "add_totals", "Adds what some rows contribute to the metrics' totals.");
    int argument = u->routine.arg.n;
    RoutineArg totals = {.name = "totals", .type = PT_F64, .written = true,
            .struct_type = arena_printf(a, "%s_totals", p->prefix)};
    vec_push(a, &u->routine.arg, totals);
    int64_t offset = 0;
    for (int i = 0; i < p->model->metric.n; i++) {
        const Metric *k = &p->model->metric.at[i];
        for (int j = 0; j < k->ntotal; j++) {
            Place to = {.object = P_ARG, .arg = argument, .offset = offset,
                    .type = k->total[j]->dtype == T_F32 ? PT_F64 : PT_I64};
            vec_push(a, &u->routine.root,
                    ((Root){.value = k->total[j], .to = to, .accumulate = true}));
            offset += 8 * node_elements(k->total[j], 1);
        }
    }
    return u;
}

static Use *build_entry_use(Arena *a, Program *p, const Entry *e, const char *name,
        const char *comment, int64_t rows) {
    Use *u = new_use(a, p, name, comment);
    u->routine.rows = rows;
    add_ports(a, p, &u->routine, e->input.at, e->input.n);
    for (int i = 0; i < e->output.n; i++) {
        const Port *o = &e->output.at[i];
        Place to = add_argument(a, p, &u->routine, o->name, place_type(o->node->dtype), true);
        add_root(a, &u->routine, o->node, to);
    }
    for (int i = 0; i < e->writes.n; i++)
        add_root(a, &u->routine, e->next.at[i], place_of_leaf(p, e->writes.at[i]->leaf));
    return u;
}

static bool has_rows(const Port *port, int n) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < port[i].node->rank; k++)
            if (port[i].node->dim[k] == DIM_BATCH) return true;
    return false;
}

/* Another one than those of the metrics and of the entries before it. */
static const char *entry_name(Arena *a, const Program *p, const Entry *e) {
    const char *name = c_api_name(a, e->name);
    for (int i = 0; i < p->model->metric.n; i++)
        if (strcmp(name, c_api_name(a, p->model->metric.at[i].name)) == 0)
            return arena_printf(a, "%s_entry", name);
    for (int i = 0; i < p->entry.n; i++)
        if (strcmp(name, arena_printf(a, "%s_one", p->entry.at[i].c_name)) == 0)
            return arena_printf(a, "%s_", name);
    return name;
}

static void build_entry(Arena *a, Program *p, const Entry *e) {
    const char *name = entry_name(a, p, e);
    EntryUse use = {.entry = e, .c_name = name};
    use.run = build_entry_use(a, p, e, arena_printf(a, "run_%s", name),
            arena_printf(a, "Entry %s.", e->name), 0);
    if (p->model->batch > 1 && (has_rows(e->input.at, e->input.n) || has_rows(e->output.at, e->output.n)))
        use.one = build_entry_use(a, p, e, arena_printf(a, "run_%s_one", name),
                arena_printf(a, "Entry %s, one row.", e->name), 1);
    vec_push(a, &p->entry, use);
}

Program *program_build(Arena *a, const Model *m, const char *prefix) {
    Program *p = NEW(a, Program);
    p->model = m;
    p->prefix = prefix ? prefix : c_type_name(a, m->name);
    add_members(a, p);
    p->init = build_init(a, p);
    if (m->loss) {
        p->step = build_step(a, p);
        p->accumulate = build_accumulate(a, p);
        p->apply = build_apply(a, p);
    }
    if (m->metric.n) p->evaluate = build_evaluate(a, p);
    for (int i = 0; i < m->entry.n; i++) build_entry(a, p, &m->entry.at[i]);
    return p;
}
