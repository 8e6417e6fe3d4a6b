/* routine.c - a routine's driver: the C function that calls its kernels in order.
 *
 * Pointers into model, work, arena and arguments are named once at the top; those that
 * move with a scan's step at the top of its loop. */
#include "emit_text.h"
#include "program.h"
#include "routine.h"

#include <ctype.h>
#include <string.h>

typedef struct Driver {
    Kernels *k;
    Text text;
    int indent;
    Vec(const char *) name;
    Vec(int) number;         /* the last that was put behind each */
    Vec(const Scan *) scan;  /* open ones */
    Vec(const char *) time;  /* their steps' names */
    Vec(Storage *) declared; /* in the open blocks */
} Driver;

static void start_line(Driver *d) {
    text_printf(&d->text, "%*s", 4 * d->indent, "");
}

/* ---- names --------------------------------------------------------------------------- */

const char *c_name(Arena *a, const char *text, const char *otherwise) {
    if (!text) return otherwise;
    const char *dot = strrchr(text, '.');
    return c_identifier(a, dot ? dot + 1 : text);
}

static int place_of_name(const Driver *d, const char *name) {
    int i = 0;
    while (i < d->name.n && d->name.at[i] != name) i++;
    return i;
}

/* The wish, or the wish with the least number from 2 on that is free. */
static const char *unique(Driver *d, const char *wish) {
    const char *name = intern(wish);
    int first = place_of_name(d, name);
    while (place_of_name(d, name) < d->name.n)
        name = intern(arena_printf(d->k->arena, "%s_%d", wish, ++d->number.at[first]));
    vec_push(d->k->arena, &d->name, name);
    vec_push(d->k->arena, &d->number, 1);
    return name;
}

/* ---- pointers ------------------------------------------------------------------------ */

static const char *time_of(const Driver *d, const Scan *s) {
    for (int i = 0; i < d->scan.n; i++)
        if (d->scan.at[i] == s) return d->time.at[i];
    ICE(s->span, "a step's time is asked for outside of the scan");
}

static const RoutineArg *argument_of(const Driver *d, const Storage *s) {
    return s->place.object == P_ARG ? &d->k->routine->arg.at[s->place.arg] : NULL;
}

static bool writes_model(const Routine *r) {
    for (int i = 0; i < r->root.n; i++)
        if (r->root.at[i].to.object == P_MODEL) return true;
    return false;
}

/* Is what it points to read only, as the driver sees it? */
static bool is_const(const Driver *d, const Storage *s) {
    if (s->kind == ST_TABLE || s->kind == ST_CARRY) return true;
    if (s->kind != ST_PLACE) return false;
    if (s->place.object == P_MODEL) return !writes_model(d->k->routine);
    const RoutineArg *arg = argument_of(d, s);
    return arg && !arg->written;
}

static const char *c_pointer(Driver *d, const Storage *s) {
    return arena_printf(
            d->k->arena, "%s%s *", is_const(d, s) ? "const " : "", place_type_c(s->type));
}

static const char *object_text(Driver *d, const Storage *s) {
    Arena *a = d->k->arena;
    const RoutineArg *arg = argument_of(d, s);
    const char *cast = c_pointer(d, s);
    if (arg && !arg->struct_type && s->place.offset == 0) return arg->name;
    const char *base =
            arg ? arena_printf(a, "(%schar *)%s", is_const(d, s) ? "const " : "", arg->name)
            : s->place.object == P_MODEL ? "model"
                                         : "work";
    return arena_printf(a, "(%s)(%s + %lld)", cast, base, (long long)s->place.offset);
}

static void declare(Driver *d, Storage *s);

static const char *last_text(Driver *d, Storage *s) {
    Arena *a = d->k->arena;
    Storage *base = s->base;
    if (base->kind != ST_FLIP) return base->text;
    int64_t step = s->scan->reversed ? 0 : s->scan->extent - 1;
    int64_t half = step % 2 ? base->base->bytes / 2 : 0;
    if (!half) return base->base->text;
    int64_t size = base->base->bytes / 2 / (base->elements ? base->elements : 1);
    (void)size;
    return arena_printf(
            a, "(%s)((char *)%s + %lld)", c_pointer(d, s), base->base->text, (long long)half);
}

static const char *flip_text(Driver *d, const Storage *s, bool before) {
    const char *t = time_of(d, s->scan);
    return arena_printf(d->k->arena, "(%s)((char *)%s + (%s%s) %% 2 * %lld)", c_pointer(d, s),
            s->base->text, t, before ? " + 1" : "", (long long)(s->base->bytes / 2));
}

static const char *slot_text(Driver *d, const Storage *s, bool before) {
    const char *t = time_of(d, s->scan);
    const char *earlier = s->scan->reversed ? " + 1" : " - 1";
    return arena_printf(d->k->arena, "%s + (%s%s) * %lld", s->base->text, t, before ? earlier : "",
            (long long)s->elements);
}

static const char *carry_text(Driver *d, const Storage *s) {
    int64_t first = s->scan->reversed ? s->scan->extent - 1 : 0;
    Storage *next = s->base;
    const char *then = next->kind == ST_FLIP && next->scan == s->scan   ? flip_text(d, next, true)
                       : next->kind == ST_SLOT && next->scan == s->scan ? slot_text(d, next, true)
                                                                        : next->text;
    return arena_printf(d->k->arena, "%s == %lld ? %s : %s", time_of(d, s->scan), (long long)first,
            s->init->text, then);
}

static bool is_declared(const Driver *d, const Storage *s) {
    for (int i = 0; i < d->declared.n; i++)
        if (d->declared.at[i] == s) return true;
    return false;
}

/* What the pointer is made of, declared first. */
static void declare_bases(Driver *d, Storage *s) {
    if (s->kind == ST_CARRY) {
        declare(d, s->init);
        Storage *next = s->base;
        bool moves = (next->kind == ST_FLIP || next->kind == ST_SLOT) && next->scan == s->scan;
        declare(d, moves ? next->base : next);
    } else if (s->kind == ST_LAST) {
        declare(d, s->base->kind == ST_FLIP ? s->base->base : s->base);
    } else if (s->base) {
        declare(d, s->base);
    }
}

static const char *pointer_text(Driver *d, Storage *s) {
    Arena *a = d->k->arena;
    switch (s->kind) {
    case ST_PLACE:
        return object_text(d, s);
    case ST_ARENA:
        return arena_printf(a, "(%s)(arena + %lld)", c_pointer(d, s), (long long)s->offset);
    case ST_TABLE:
        return table_name(d->k->codegen, s->table);
    case ST_SLOT:
        return slot_text(d, s, false);
    case ST_FLIP:
        return flip_text(d, s, false);
    case ST_CARRY:
        return carry_text(d, s);
    case ST_LAST:
        return last_text(d, s);
    }
    return NULL;
}

static void declare(Driver *d, Storage *s) {
    s = resolve(s);
    if (is_declared(d, s)) return;
    declare_bases(d, s);
    vec_push(d->k->arena, &d->declared, s);
    const char *text = pointer_text(d, s);
    const RoutineArg *arg = s->kind == ST_PLACE ? argument_of(d, s) : NULL;
    if (s->kind == ST_TABLE || (arg && text == arg->name)) {
        s->text = text;
        return;
    }
    s->text = unique(d, c_name(d->k->arena, s->name, "x"));
    start_line(d);
    text_printf(&d->text, "%s%s = %s;\n", c_pointer(d, s), s->text, text);
}

/* Does the pointer stay where it is while scans step? */
static bool is_fixed(const Storage *s) {
    switch (s->kind) {
    case ST_PLACE:
    case ST_ARENA:
    case ST_TABLE:
        return true;
    case ST_LAST:
        return is_fixed(s->base->kind == ST_FLIP ? s->base->base : s->base);
    default:
        return false;
    }
}

/* ---- calls --------------------------------------------------------------------------- */

static void declare_fixed(Driver *d, const UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        for (int j = 0; j < u->argument.n; j++) {
            Storage *s = resolve(u->argument.at[j]);
            if (is_fixed(s)) declare(d, s);
        }
        declare_fixed(d, &u->child);
    }
}

static void separate(Driver *d, bool *any) {
    if (*any) text_printf(&d->text, ", ");
    *any = true;
}

static void print_call(Driver *d, Unit *u) {
    bool any = false;
    const LoopFunction *f = u->function;
    for (int i = 0; i < u->argument.n; i++) declare(d, u->argument.at[i]);
    start_line(d);
    text_printf(&d->text, "%s(", u->function_name);
    const char *scalar[] = {f->rows ? "n" : NULL, f->threads ? "threads" : NULL,
            f->seed ? "seed" : NULL, f->step ? "step" : NULL};
    for (int i = 0; i < 4; i++) {
        if (!scalar[i]) continue;
        separate(d, &any);
        text_printf(&d->text, "%s", scalar[i]);
    }
    for (int i = 0; i < u->argument.n; i++) {
        separate(d, &any);
        text_printf(&d->text, "%s", resolve(u->argument.at[i])->text);
    }
    for (int i = 0; i < u->time.n; i++) {
        separate(d, &any);
        text_printf(&d->text, "%s", time_of(d, u->time.at[i]));
    }
    text_printf(&d->text, ");\n");
}

static void print_units(Driver *d, const UnitList *list);

static void print_scan(Driver *d, Unit *u) {
    static const char *const wish[] = {"t", "u", "v", "w"};
    const Scan *s = u->scan;
    int names = d->name.n, declared = d->declared.n;
    const char *t = unique(d, d->scan.n < 4 ? wish[d->scan.n] : "t");
    vec_push(d->k->arena, &d->scan, s);
    vec_push(d->k->arena, &d->time, t);
    start_line(d);
    if (s->reversed)
        text_printf(&d->text, "for (int64_t %s = %lld; %s >= 0; %s--) {\n", t,
                (long long)(s->extent - 1), t, t);
    else
        text_printf(&d->text, "for (int64_t %s = 0; %s < %lld; %s++) {\n", t, t,
                (long long)s->extent, t);
    d->indent++;
    print_units(d, &u->child);
    d->indent--;
    start_line(d);
    text_printf(&d->text, "}\n");
    d->scan.n--;
    d->time.n--;
    d->name.n = names;
    d->declared.n = declared;
}

static void print_check(Driver *d) {
    Storage *s = view_of(d->k, d->k->routine->finite)->storage;
    declare(d, s);
    start_line(d);
    text_printf(&d->text, "if (!(*%s * 0.0f == 0.0f)) return DL_E_LOSS;\n", resolve(s)->text);
}

static void print_units(Driver *d, const UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        if (u->kind == U_SCAN)
            print_scan(d, u);
        else if (u->kind == U_CHECK)
            print_check(d);
        else
            print_call(d, u);
    }
}

/* ---- the function -------------------------------------------------------------------- */

static void print_head(Driver *d) {
    const Routine *r = d->k->routine;
    static const char *const fixed[] = {"model", "work", "arena", "n", "threads", "seed", "step"};
    if (r->comment) text_printf(&d->text, "/* %s */\n", r->comment);
    text_printf(&d->text,
            "static int %s(%schar *model, char *work, char *arena, int64_t n, int threads,\n",
            r->name, writes_model(r) ? "" : "const ");
    text_printf(&d->text, "        uint64_t seed, uint32_t step");
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) unique(d, fixed[i]);
    unique(d, codegen_prefix(d->k->codegen));
    for (int i = 0; i < r->arg.n; i++) {
        const RoutineArg *arg = &r->arg.at[i];
        const char *type = arg->struct_type ? arg->struct_type : place_type_c(arg->type);
        text_printf(
                &d->text, ", %s%s *%s", arg->written ? "" : "const ", type, unique(d, arg->name));
    }
    text_printf(&d->text, ")\n{\n");
}

static void print_unused(Driver *d) {
    text_printf(&d->text, "    (void)model, (void)work, (void)arena, (void)n, (void)threads, "
                          "(void)seed, (void)step;\n");
    const Routine *r = d->k->routine;
    for (int i = 0; i < r->arg.n; i++) text_printf(&d->text, "    (void)%s;\n", r->arg.at[i].name);
}

char *routine_text(Kernels *k) {
    Driver d = {.k = k, .text = {.arena = k->arena}, .indent = 1};
    print_head(&d);
    print_unused(&d);
    declare_fixed(&d, &k->top);
    print_units(&d, &k->top);
    text_printf(&d.text, "    return DL_OK;\n}\n");
    return d.text.at;
}
