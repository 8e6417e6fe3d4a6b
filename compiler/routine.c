/* routine.c - a routine's driver: the C function that calls its kernels in order.
 *
 * Pointers into model, work, arena and arguments are named once at the top; those that
 * move with a scan's step at the top of its loop. */
#include "emit_text.h"
#include "graph_tables.h"
#include "program.h"
#include "routine.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* A storage with a name, and the declaration that it hides. */
typedef struct Declared {
    Storage *storage;
    const char *text;
    int place;
} Declared;

typedef struct Driver {
    Kernels *k;
    Text text;
    int indent;
    Vec(const char *) name;
    Vec(int) number;         /* the last that was put behind each */
    Lookup named;            /* indices of names */
    Vec(const Scan *) scan;  /* open ones */
    Vec(const char *) time;  /* their steps' names */
    Vec(Declared) declared;  /* in the open blocks */
    const Stretch *stretch;  /* open, or NULL */
    int stretch_start;       /* of what is declared in it */
    const char *group, *first, *rows, *local;   /* names in it */
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
    int e = lookup_first(&d->named, hash_text(name));
    while (e >= 0 && d->name.at[lookup_item(&d->named, e)] != name) e = lookup_next(&d->named, e);
    return e < 0 ? d->name.n : lookup_item(&d->named, e);
}

/* The wish, or the wish with the least number from 2 on that is free. */
static const char *unique(Driver *d, const char *wish) {
    const char *name = intern(wish);
    int first = place_of_name(d, name);
    while (place_of_name(d, name) < d->name.n)
        name = intern(arena_printf(d->k->arena, "%s_%d", wish, ++d->number.at[first]));
    lookup_add(d->k->arena, &d->named, hash_text(name), d->name.n);
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
                                                                        : resolve(next)->text;
    return arena_printf(d->k->arena, "%s == %lld ? %s : %s", time_of(d, s->scan), (long long)first,
            resolve(s->init)->text, then);
}

/* Where it is depends on the slice: its rows, its group's part, or the thread's own. */
static bool moves_with_slice(const Driver *d, const Storage *s) {
    return d->stretch && (s->row_stride || s->grouped);
}

static bool is_declared(const Driver *d, const Storage *s) {
    int from = moves_with_slice(d, s) ? d->stretch_start : 0;
    return s->declared >= from && s->declared < d->declared.n &&
           d->declared.at[s->declared].storage == s;
}

/* What was declared since is gone; what it hid is called as before. */
static void forget_declared(Driver *d, int from) {
    while (d->declared.n > from) {
        const Declared *last = &d->declared.at[--d->declared.n];
        last->storage->text = last->text;
        last->storage->declared = last->place;
    }
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
        return arena_printf(a, "(%s)(%s + %lld)", c_pointer(d, s), s->local ? d->local : "arena",
                (long long)s->offset);
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

/* The pointer's text, moved to the first row of the open slice or to its group's part. */
static const char *at_slice(Driver *d, const Storage *s, const char *text) {
    Arena *a = d->k->arena;
    bool whole = (s->kind == ST_PLACE || s->kind == ST_ARENA) && !s->local;
    if (!moves_with_slice(d, s) || !whole) return text;
    if (s->grouped)
        return arena_printf(a, "%s + %s * %lld", text, d->group,
                (long long)(s->elements / d->k->slicing.groups));
    if (s->row_stride == 1) return arena_printf(a, "%s + %s", text, d->first);
    return arena_printf(a, "%s + %s * %lld", text, d->first, (long long)s->row_stride);
}

static void declare(Driver *d, Storage *s) {
    s = resolve(s);
    if (is_declared(d, s)) return;
    declare_bases(d, s);
    vec_push(d->k->arena, &d->declared, ((Declared){s, s->text, s->declared}));
    s->declared = d->declared.n - 1;
    const char *text = at_slice(d, s, pointer_text(d, s));
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

/* In a stretch what moves with the slice is declared there. */
static void declare_fixed(Driver *d, const UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        Unit *u = list->at[i];
        for (int j = 0; j < u->argument.n; j++) {
            Storage *s = resolve(u->argument.at[j]);
            bool inside = u->stretch && (s->row_stride || s->grouped);
            if (is_fixed(s) && inside == (d->stretch != NULL)) declare(d, s);
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
    bool timed = codegen_times_kernels(d->k->codegen);
    if (timed) text_printf(&d->text, "DL_TIMED(%d, ", u->timer);
    text_printf(&d->text, "%s(", u->function_name);
    const char *scalar[] = {f->rows ? u->stretch ? d->rows : "n" : NULL, f->total ? "n" : NULL,
            f->first ? d->first : NULL, f->threads ? "threads" : NULL, f->seed ? "seed" : NULL,
            f->step ? "step" : NULL};
    for (int i = 0; i < 6; i++) {
        if (!scalar[i]) continue;
        separate(d, &any);
        text_printf(&d->text, "%s", scalar[i]);
    }
    for (int i = 0; i < u->stream.n; i++) {
        separate(d, &any);
        text_printf(&d->text, "%" PRIu32 "u", u->stream.at[i]);
    }
    for (int i = 0; i < u->argument.n; i++) {
        separate(d, &any);
        text_printf(&d->text, "%s", resolve(u->argument.at[i])->text);
    }
    for (int i = 0; i < u->time.n; i++) {
        separate(d, &any);
        text_printf(&d->text, "%s", time_of(d, u->time.at[i]));
    }
    text_printf(&d->text, timed ? "));\n" : ");\n");
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
    d->name.n = d->number.n = names;
    lookup_keep(&d->named, names);
    forget_declared(d, declared);
}

static void print_check(Driver *d) {
    Storage *s = view_of(d->k, d->k->routine->finite)->storage;
    declare(d, s);
    start_line(d);
    text_printf(&d->text, "if (!(*%s * 0.0f == 0.0f)) return DL_E_LOSS;\n", resolve(s)->text);
}

static void print_unit(Driver *d, Unit *u) {
    if (u->kind == U_SCAN)
        print_scan(d, u);
    else if (u->kind == U_CHECK)
        print_check(d);
    else
        print_call(d, u);
}

/* ---- stretches ----------------------------------------------------------------------- */

/* A group's parts of sums begin at zero; each slice adds to them. */
static void clear_sums(Driver *d, const UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        const Unit *u = list->at[i];
        for (int j = 0; u->adds && j < u->member.n; j++) {
            Storage *s = view_of(d->k, u->member.at[j])->storage;
            declare(d, s);
            start_line(d);
            text_printf(&d->text, "memset(%s, 0, %lld);\n", s->text,
                    (long long)(s->bytes / d->k->slicing.groups));
        }
    }
}

static bool uses_local(const UnitList *list) {
    for (int i = 0; i < list->n; i++) {
        const Unit *u = list->at[i];
        for (int j = 0; j < u->argument.n; j++)
            if (resolve(u->argument.at[j])->local) return true;
        if (uses_local(&u->child)) return true;
    }
    return false;
}

static void open_groups(Driver *d, const UnitList *units) {
    const Slicing *s = &d->k->slicing;
    long long groups = s->groups, rows = s->group_rows, slice = d->stretch->slice_rows;
    d->group = unique(d, "group");
    start_line(d);
    if (slice == rows)
        text_printf(&d->text, "/* The rows in %lld slices of %lld. */\n", groups, rows);
    else
        text_printf(&d->text, "/* The rows in %lld groups of %lld, by slices of %lld. */\n", groups,
                rows, slice);
    start_line(d);
    text_printf(&d->text, "DL_PARALLEL_GROUPS(threads, %lld)\n", groups);
    start_line(d);
    text_printf(&d->text, "for (int64_t %s = 0; %s < %lld; %s++) {\n", d->group, d->group, groups,
            d->group);
    d->indent++;
    if (!uses_local(units)) return;
    d->local = unique(d, "local");
    start_line(d);
    text_printf(&d->text, "char *%s = arena + %lld + dl_thread() * (size_t)%lld;\n", d->local,
            (long long)d->k->arena_bytes, (long long)d->k->local_bytes);
}

static void open_slices(Driver *d) {
    long long rows = d->k->slicing.group_rows, slice = d->stretch->slice_rows;
    const char *end = unique(d, "end");
    d->first = unique(d, "first");
    d->rows = unique(d, "rows");
    start_line(d);
    text_printf(&d->text, "const int64_t %s = dl_least(n, (%s + 1) * %lld);\n", end, d->group, rows);
    start_line(d);
    text_printf(&d->text, "for (int64_t %s = %s * %lld; %s < %s; %s += %lld) {\n", d->first, d->group,
            rows, d->first, end, d->first, slice);
    d->indent++;
    start_line(d);
    text_printf(&d->text, "const int64_t %s = dl_least(%s - %s, %lld);\n", d->rows, end, d->first,
            slice);
}

static void close_loop(Driver *d) {
    d->indent--;
    start_line(d);
    text_printf(&d->text, "}\n");
}

static void print_stretch(Driver *d, const UnitList *units) {
    int names = d->name.n, declared = d->declared.n;
    d->stretch = units->at[0]->stretch;
    d->stretch_start = declared;
    open_groups(d, units);
    clear_sums(d, units);
    open_slices(d);
    declare_fixed(d, units);
    for (int i = 0; i < units->n; i++) print_unit(d, units->at[i]);
    close_loop(d);
    close_loop(d);
    forget_declared(d, declared);
    d->stretch = NULL;
    d->name.n = d->number.n = names;
    lookup_keep(&d->named, names);
}

static void print_units(Driver *d, const UnitList *list) {
    for (int i = 0; i < list->n;) {
        UnitList same = {0};
        const Stretch *s = list->at[i]->stretch;
        if (!s || d->stretch) {
            print_unit(d, list->at[i++]);
            continue;
        }
        while (i < list->n && list->at[i]->stretch == s) vec_push(d->k->arena, &same, list->at[i++]);
        print_stretch(d, &same);
    }
}

/* ---- the function -------------------------------------------------------------------- */

/* Kernels from which on a routine is a long one, for which compilers take more than in proportion
 * although it only calls. */
enum { LONG_ROUTINE = 500 };

static void print_head(Driver *d) {
    const Routine *r = d->k->routine;
    static const char *const fixed[] = {"model", "work", "arena", "n", "threads", "seed", "step"};
    if (r->comment) text_printf(&d->text, "/* %s */\n", r->comment);
    if (d->k->plan->kernel.n >= LONG_ROUTINE) text_printf(&d->text, "DL_LONG_ROUTINE ");
    text_printf(&d->text,
            "static int dl_%s(%schar *model, char *work, char *arena, int64_t n, int threads,\n",
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
