/* emit_api.c - model.h and model.c around the kernels: fills in compiler/templates.
 *
 * Everything here is names, sizes and lists; what the texts say stands in the templates,
 * what the kernels say comes from codegen(). Offsets and sizes in the table are left to the
 * C compiler (offsetof, sizeof), so that they cannot disagree with the structs. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/dl.h"
#include "control.h"
#include "embedded.h"
#include "emit_result.h"
#include "program.h"
#include "template.h"
#include "version.h"

typedef struct Api {
    Arena *arena;
    const Program *p;
    const Model *m;
    Dict *top;
    int shapes;
    int tensors;               /* rows of the table so far */
    int first_input;
} Api;

/* ---- small texts ------------------------------------------------------------------- */

static const char *c_type(PlaceType t) {
    static const char *const name[] = {"float", "int32_t", "uint8_t", "double", "int64_t"};
    return name[t];
}

static const char *table_type(PlaceType t) {
    static const char *const name[] = {"DL_F32", "DL_I32", "DL_U8", "DL_F64", "DL_I64"};
    return name[t];
}

static const char *role_name(int role) {
    switch (role) {
    case DL_PARAMETER: return "DL_PARAMETER";
    case DL_STATE: return "DL_STATE";
    case DL_SLOT: return "DL_SLOT";
    case DL_NUMBER: return "DL_NUMBER";
    case DL_GRADIENT: return "DL_GRADIENT";
    case DL_ROW_STATE: return "DL_ROW_STATE";
    case DL_INPUT: return "DL_INPUT";
    case DL_TARGET: return "DL_TARGET";
    case DL_RESULT: return "DL_RESULT";
    default: return "DL_OUTPUT";
    }
}

/* Elements of one row; of the whole where there are no rows. */
static int64_t row_elements(const Node *n) { return node_elements(n, 1); }

/* [n,32,32,3] as comments show it, {-1, 32, 32, 3} as the table has it. */
static const char *shape_text(Arena *a, const Node *n, const char *rows) {
    const char *text = "";
    for (int i = 0; i < n->rank; i++) {
        const char *comma = i ? "," : "";
        text = n->dim[i] == DIM_BATCH ? arena_printf(a, "%s%s%s", text, comma, rows)
                                      : arena_printf(a, "%s%s%" PRId64, text, comma, n->dim[i]);
    }
    return text;
}

static const char *with_commas(Arena *a, int64_t n) {
    if (n < 1000) return arena_printf(a, "%" PRId64, n);
    return arena_printf(a, "%s,%03d", with_commas(a, n / 1000), (int)(n % 1000));
}

static const char *upper(Arena *a, const char *name) {
    char *text = arena_printf(a, "%s", name);
    for (char *p = text; *p; p++) *p = (char)toupper((unsigned char)*p);
    return text;
}

/* Appends to a comma-separated list. */
static const char *listed(Arena *a, const char *list, const char *comma, const char *item) {
    return list[0] ? arena_printf(a, "%s%s%s", list, comma, item) : item;
}

static int line_of(Span at) {
    int line = 0, col = 0;
    if (at.src) span_line_col(at, &line, &col);
    return line;
}

/* ---- structs ------------------------------------------------------------------------- */

static Dict *add_member(Api *api, const char *list, const Member *k) {
    Dict *d = dict_add(api->top, list);
    dict_set(d, "type", "%s", c_type(k->type));
    dict_set(d, "member", "%s", k->c_name);
    dict_set(d, "elements", "%" PRId64, k->elements ? k->elements : 1);
    dict_set(d, "shape", "[%s]", shape_text(api->arena, k->leaf, "batch"));
    dict_set(d, "path", "%s%s", k->role == DL_GRADIENT ? "gradient of " : "", k->path);
    const char *v = arena_printf(api->arena, "%.9g", k->value);
    dict_set(d, "value", "%s%s", v, strpbrk(v, ".e") ? "f" : ".0f");
    return d;
}

static int64_t bytes_of(const Member *k) {
    int64_t bytes = k->elements * place_bytes(k->type);
    return (bytes + 63) / 64 * 64;
}

/* Offsets as the routines use them, for the C compiler to confirm. */
static void add_placed(Api *api, const Member *k, int n, const char *object) {
    for (int i = 0; i < n; i++) {
        Dict *d = dict_add(api->top, "placed");
        dict_set(d, "object", "%s", object);
        dict_set(d, "member", "%s", k[i].c_name);
        dict_set(d, "offset", "%" PRId64, k[i].offset);
    }
}

/* Initial values need room for a moment: where the slots will be, if that is enough and all
 * slots begin as zeros. */
static void add_init_arena(Api *api) {
    int64_t need = api->p->init->plan->arena, slots = 0;
    const char *first = NULL;
    bool free = true;
    for (int i = 0; i < api->p->in_model.n; i++) {
        const Member *k = &api->p->in_model.at[i];
        free = free && (k->role != DL_SLOT || member_begins_zero(k));
    }
    for (int i = 0; free && i < api->p->in_model.n; i++) {
        const Member *k = &api->p->in_model.at[i];
        if (k->role != DL_SLOT) continue;
        if (!first) first = k->c_name;
        slots += bytes_of(k);
    }
    dict_set(api->top, "init_arena", "%s", "");
    if (!need) return;
    if (slots < need) {
        Dict *d = dict_add(api->top, "stored");
        dict_set(d, "type", "float");
        dict_set(d, "member", "room_for_initial_values");
        dict_set(d, "elements", "%" PRId64, (need - slots + 3) / 4);
        dict_set(d, "shape", "%s", "");
        dict_set(d, "path", "used by init only");
        if (!first) first = "room_for_initial_values";
    }
    dict_set(api->top, "init_arena", "offsetof(%s, %s)", api->p->prefix, first);
}

static void add_structs(Api *api) {
    dict_list(api->top, "number");
    dict_list(api->top, "stored");
    dict_list(api->top, "kept");
    dict_list(api->top, "row_state");
    for (int i = 0; i < api->p->in_model.n; i++) {
        const Member *k = &api->p->in_model.at[i];
        add_member(api, k->role == DL_NUMBER ? "number" : "stored", k);
    }
    for (int i = 0; i < api->p->in_work.n; i++) {
        const Member *k = &api->p->in_work.at[i];
        add_member(api, "kept", k);
        if (k->role == DL_ROW_STATE) add_member(api, "row_state", k);
    }
    dict_list(api->top, "placed");
    add_placed(api, api->p->in_model.at, api->p->in_model.n, api->p->prefix);
    add_placed(api, api->p->in_work.at, api->p->in_work.n,
            arena_printf(api->arena, "%s_work", api->p->prefix));
    int64_t arena = 64, local = 0, groups = 1;
    for (int i = 0; i < api->p->all.n; i++) {
        const Plan *plan = api->p->all.at[i]->plan;
        if (api->p->all.at[i] == api->p->init) continue;
        if (plan->arena + plan->local > arena) arena = plan->arena + plan->local;
        if (plan->local > local) local = plan->local;
        if (plan->groups > groups) groups = plan->groups;
    }
    dict_set(api->top, "arena", "%" PRId64, arena / 4);
    dict_set(api->top, "local", "%" PRId64, local);
    dict_set(api->top, "groups", "%" PRId64, groups);
    add_init_arena(api);
}

/* ---- the table --------------------------------------------------------------------------- */

static const char *add_shape(Api *api, const Node *n) {
    if (n->rank == 0) return "NULL";
    const char *name = arena_printf(api->arena, "dl_shape_%d", api->shapes++);
    Dict *d = dict_add(api->top, "shape");
    const char *text = "";
    for (int i = 0; i < n->rank; i++)
        text = arena_printf(api->arena, "%s%s%" PRId64, text, i ? ", " : "", n->dim[i]);
    dict_set(d, "shape_name", "%s", name);
    dict_set(d, "extents", "%s", text);
    return name;
}

static void add_row(Api *api, Dict *d, const char *path, const Node *n, int role, PlaceType type,
        int64_t bound, Span at) {
    dict_set(d, "path", "%s", path);
    dict_set(d, "role", "%s", role_name(role));
    dict_set(d, "type", "%s", table_type(type));
    dict_set(d, "rank", "%d", n->rank);
    dict_set(d, "shape_name", "%s", add_shape(api, n));
    dict_set(d, "offset", "0");
    dict_set(d, "bytes", "%" PRId64, node_elements(n, api->m->batch) * place_bytes(type));
    dict_set(d, "bound", "%" PRId64, bound);
    dict_set(d, "line", "%d", line_of(at));
}

static void add_member_rows(Api *api, const Member *k, int n, const char *object) {
    for (int i = 0; i < n; i++) {
        Dict *d = dict_add(api->top, "tensor");
        add_row(api, d, k[i].path, k[i].leaf, k[i].role, k[i].type, 0, k[i].span);
        dict_set(d, "offset", "offsetof(%s, %s)", object, k[i].c_name);
        const char *list = k[i].role == DL_PARAMETER && k[i].var && k[i].var->next ? "checked"
                : k[i].role == DL_GRADIENT                                         ? "gradient"
                                                                                   : NULL;
        if (list) dict_set(add_member(api, list, &k[i]), "tensor", "%d", api->tensors);
        api->tensors++;
    }
}

static void add_table(Api *api) {
    const Program *p = api->p;
    dict_list(api->top, "shape");
    dict_list(api->top, "tensor");
    dict_list(api->top, "checked");
    dict_list(api->top, "gradient");
    add_member_rows(api, p->in_model.at, p->in_model.n, p->prefix);
    add_member_rows(api, p->in_work.at, p->in_work.n, arena_printf(api->arena, "%s_work", p->prefix));
    api->first_input = api->tensors;
    for (int i = 0; i < api->m->input.n; i++, api->tensors++) {
        const Port *port = &api->m->input.at[i];
        add_row(api, dict_add(api->top, "tensor"), port->name, port->node, DL_INPUT,
                place_type(port->node->dtype), port->bound, port->span);
    }
    for (int i = 0; i < api->m->target.n; i++, api->tensors++) {
        const Port *port = &api->m->target.at[i];
        add_row(api, dict_add(api->top, "tensor"), port->name, port->node, DL_TARGET,
                place_type(port->node->dtype), port->bound, port->span);
    }
    dict_set(api->top, "ntensor", "%d", api->tensors);
    dict_set(api->top, "first_input", "%d", api->first_input);
    dict_set(api->top, "ninput", "%d", api->m->input.n);
    dict_set(api->top, "ntarget", "%d", api->m->target.n);
}

/* ---- arguments ------------------------------------------------------------------------- */

/* One port as an argument, and the checks that it needs. `any`: its name in a generic call. */
static const char *port_args(Api *api, const Port *port, const char *name, bool output) {
    const Node *n = port->node;
    return arena_printf(api->arena, "%s%s *%s /* [%s] */", output ? "" : "const ",
            c_type(place_type(n->dtype)), name,
            shape_text(api->arena, n, "n"));
}

static const char *port_rows(Api *api, const Port *port, const char *name) {
    if (!node_has_rows(port->node)) return name;
    int64_t each = row_elements(port->node);
    if (each == 1) return arena_printf(api->arena, "%s + row", name);
    return arena_printf(api->arena, "%s + row * %" PRId64, name, each);
}

static void add_bound(Dict *d, const Port *port, const char *name, int tensor) {
    if (!port->bound || port->node->dtype != T_I32) return;
    Dict *b = dict_add(d, "bounded");
    dict_set(b, "arg", "%s", name);
    dict_set(b, "bound", "%" PRId64, port->bound);
    dict_set(b, "tensor", "%d", tensor);
    int64_t each = row_elements(port->node);
    dict_set(b, "count", node_has_rows(port->node) ? (each == 1 ? "n" : "n * %" PRId64) : "%" PRId64, each);
}

static void add_data(Api *api) {
    Arena *a = api->arena;
    const char *args = "", *names = "", *rows = "", *any = "";
    dict_list(api->top, "data");
    dict_list(api->top, "bounded");
    const Use *use = api->p->step ? api->p->step : api->p->evaluate;
    int count = use ? api->m->input.n + api->m->target.n : 0;
    for (int i = 0; i < count; i++) {
        const char *name = use->routine.arg.at[i].name;
        const Port *port = i < api->m->input.n ? &api->m->input.at[i]
                                               : &api->m->target.at[i - api->m->input.n];
        args = listed(a, args, ",\n        ", port_args(api, port, name, false));
        names = listed(a, names, ", ", name);
        rows = listed(a, rows, ", ", port_rows(api, port, name));
        any = listed(a, any, ", ", arena_printf(a, "data[%d]", i));
        Dict *d = dict_add(api->top, "data");
        dict_set(d, "arg", "%s", name);
        dict_set(d, "tensor", "%d", api->first_input + i);
        add_bound(api->top, port, name, api->first_input + i);
    }
    dict_set(api->top, "data_args", "%s", args);
    dict_set(api->top, "data_names", "%s", names);
    dict_set(api->top, "data_rows", "%s", rows);
    dict_set(api->top, "data_any", "%s", any);
}

/* The row of the table that describes an entry's input, when training has it too. */
static int tensor_of(const Api *api, const Node *leaf) {
    for (int i = 0; i < api->m->input.n; i++)
        if (api->m->input.at[i].node == leaf) return api->first_input + i;
    for (int i = 0; i < api->m->target.n; i++)
        if (api->m->target.at[i].node == leaf) return api->first_input + api->m->input.n + i;
    return -1;
}

static void add_entry(Api *api, const EntryUse *er) {
    Arena *a = api->arena;
    const Entry *e = er->entry;
    Dict *d = dict_add(api->top, "entry");
    const char *args = "", *rows = "", *all = "", *any = "";
    dict_list(d, "bounded");
    dict_list(d, "present");
    dict_list(d, "port");
    for (int i = 0; i < e->input.n + e->output.n; i++) {
        bool output = i >= e->input.n;
        const Port *port = output ? &e->output.at[i - e->input.n] : &e->input.at[i];
        const char *name = er->run->routine.arg.at[i].name;
        args = arena_printf(a, "%s,\n        %s", args, port_args(api, port, name, output));
        rows = arena_printf(a, "%s, %s", rows, port_rows(api, port, name));
        all = arena_printf(a, "%s, %s", all, name);
        any = arena_printf(a, output ? "%s, output[%d]" : "%s, input[%d]", any,
                output ? i - e->input.n : i);
        dict_set(dict_add(d, "present"), "arg", "%s", name);
        if (!output) add_bound(d, port, name, tensor_of(api, port->node));
        add_row(api, dict_add(d, "port"), port->name, port->node, output ? DL_OUTPUT : DL_INPUT,
                place_type(port->node->dtype), port->bound, port->span);
    }
    dict_set(d, "entry", "%s", er->c_name);
    dict_set(d, "args", "%s", args);
    dict_set(d, "rows", "%s", rows);
    dict_set(d, "all", "%s", all);
    dict_set(d, "one", "%s", er->one ? "yes" : "");
    dict_set(d, "any", "%s", any);
    dict_set(d, "inputs", "%d", e->input.n);
    dict_set(d, "outputs", "%d", e->output.n);
    dict_set(d, "max_rows", "%s", e->writes.n ? arena_printf(a, " || n > %s_BATCH", upper(a, api->p->prefix)) : "");
    dict_set(d, "reset", "%s", api->m->row_state.n ? "dl_any_reset" : "NULL");
}

/* ---- metrics ---------------------------------------------------------------------------------- */

static const char *declared_extents(Arena *a, const Node *n) {
    const char *text = "";
    for (int k = 0; k < n->rank; k++) text = arena_printf(a, "%s[%" PRId64 "]", text, n->dim[k]);
    return text;
}

static void add_totals(Api *api, const Metric *k, const char *name) {
    for (int j = 0; j < k->ntotal; j++) {
        Dict *t = dict_add(api->top, "total");
        dict_set(t, "type", "%s", k->total[j]->dtype == T_F32 ? "double" : "int64_t");
        dict_set(t, "field", "%s_%s%s", name, k->total_name[j],
                declared_extents(api->arena, k->total[j]));
    }
}

static void set_result(Api *api, Dict *d, const Metric *k, const char *name) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) ICE(k->span, "out of memory");
    emit_result(api->arena, f, api->m->graph, k, name);
    fclose(f);
    dict_set(d, "result", "%s", text);
    free(text);
}

/* The function of a metric returns a number, or writes a tensor's elements. */
static void add_metric(Api *api, int number, int64_t place, bool described) {
    const Metric *k = &api->m->metric.at[number];
    const char *name = c_api_name(api->arena, k->name);
    bool tensor = k->result->rank > 0;
    Dict *d = dict_add(api->top, "metric");
    if (described) {
        add_row(api, d, k->name, k->result, DL_RESULT, PT_F64, 0, k->span);
        dict_set(d, "offset", "%" PRId64, 8 * place);
    }
    dict_set(d, "metric", "%s", strcmp(k->name, "loss") == 0 ? "loss" : name);
    dict_set(d, "gives", "%s", tensor ? "void" : "double");
    dict_set(d, "to", "%s", tensor ? ", double *result" : "");
    dict_set(d, "axes", "%s", declared_extents(api->arena, k->result));
    dict_set(d, "place", "%" PRId64, place);
    set_result(api, d, k, name);
    add_totals(api, k, name);
}

static void add_metrics(Api *api) {
    const char *names = "";
    int64_t place = 0;
    bool tensors = false;
    dict_list(api->top, "metric");
    dict_list(api->top, "total");
    for (int i = 0; i < api->m->metric.n; i++)
        tensors = tensors || api->m->metric.at[i].result->rank > 0;
    for (int i = 0; i < api->m->metric.n; i++) {
        const Metric *k = &api->m->metric.at[i];
        names = listed(api->arena, names, ", ", arena_printf(api->arena, "\"%s\"", k->name));
        add_metric(api, i, place, tensors);
        place += node_elements(k->result, 1);
    }
    dict_set(api->top, "metric_names", "%s", names);
    dict_set(api->top, "nmetric", "%d", api->m->metric.n);
    dict_set(api->top, "tensor_results", "%s", tensors ? "yes" : "");
    dict_set(api->top, "results_size", "%" PRId64, 8 * place);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

/* FNV-1a over what the layout depends on. */
static uint64_t layout_hash(const Program *p) {
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < p->in_model.n + p->in_work.n; i++) {
        const Member *k = i < p->in_model.n ? &p->in_model.at[i] : &p->in_work.at[i - p->in_model.n];
        for (const char *s = k->path; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
        h = (h ^ (uint64_t)k->elements) * 1099511628211u;
        h = (h ^ (uint64_t)k->role) * 1099511628211u;
    }
    for (const char *s = p->model->name; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static const char *summary(Api *api) {
    int64_t parameters = 0;
    for (int i = 0; i < api->m->param.n; i++)
        parameters += node_elements(api->m->param.at[i]->leaf, 1);
    return arena_printf(api->arena, "%s parameters, batch %" PRId64,
            with_commas(api->arena, parameters), api->m->batch);
}

static void add_layers(Api *api) {
    dict_list(api->top, "layer");
    for (int i = 0; i < api->m->layer.n; i++) {
        const Layer *k = &api->m->layer.at[i];
        if (k->depth) continue;
        dict_set(dict_add(api->top, "layer"), "line", "%-24s %-16s [%s]", k->path, k->kind,
                k->out ? shape_text(api->arena, k->out, "n") : "");
    }
}

/* A C string literal, or NULL. */
static const char *quoted(Arena *a, const char *text) {
    if (!text) return "NULL";
    const char *out = "\"";
    for (const char *p = text; *p; p++)
        out = *p == '"' || *p == '\\'   ? arena_printf(a, "%s\\%c", out, *p)
                : *p < ' ' || *p > '~' ? arena_printf(a, "%s\\%03o", out, (unsigned char)*p)
                                       : arena_printf(a, "%s%c", out, *p);
    return arena_printf(a, "%s\"", out);
}

static void add_source(Api *api, const DataSetting *s, const char *list, const char *reader,
        const char *nargs) {
    dict_list(api->top, list);
    for (int i = 0; i < s->arg.n; i++) {
        Dict *d = dict_add(api->top, list);
        dict_set(d, "key", "%s", quoted(api->arena, s->arg.at[i].name));
        dict_set(d, "text", "%s", quoted(api->arena, s->arg.at[i].text));
    }
    dict_set(api->top, reader, "%s", quoted(api->arena, s->reader));
    dict_set(api->top, nargs, "%d", s->arg.n);
}

/* The program's own list of readers. */
static void add_reader(Api *api, const char *name) {
    dict_list(api->top, "own_reader");
    if (name) dict_set(dict_add(api->top, "own_reader"), "reader_name", "%s", name);
}

static bool same_text(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static void add_main(Api *api, const EmitOptions *o) {
    const Model *m = api->m;
    dict_set(api->top, "main", "%s", o->with_main ? "yes" : "");
    add_source(api, &m->data, "data_arg", "reader", "nargs");
    add_source(api, &m->validation, "validation_arg", "validation_reader", "validation_nargs");
    add_reader(api, m->data.reader);
    if (!same_text(m->data.reader, m->validation.reader)) add_reader(api, m->validation.reader);
    dict_set(api->top, "libraries", "%s", o->libraries ? o->libraries : "");
    dict_set(api->top, "control", "%s", control_initializer(api->arena, m));
    dict_set(api->top, "epochs", "%d", m->epochs);
    dict_set(api->top, "keep_order", "%s", m->shuffle ? "false" : "true");
}

static void add_texts(Api *api, const EmitOptions *o, const char *kernels) {
    Dict *d = api->top;
    dict_set(d, "name", "%s", api->p->prefix);
    dict_set(d, "NAME", "%s", upper(api->arena, api->p->prefix));
    dict_set(d, "file", "%s", api->p->prefix);
    dict_set(d, "source", "%s", api->m->file);
    dict_set(d, "version", "%s", DLC_VERSION);
    dict_set(d, "abi", "%d", DL_ABI);
    dict_set(d, "header", "%s", o->header);
    dict_set(d, "summary", "%s", summary(api));
    dict_set(d, "batch", "%" PRId64, api->m->batch);
    dict_set(d, "magic", "UINT64_C(0x%016" PRIx64 ")", layout_hash(api->p));
    dict_set(d, "kernels", "%s", kernels);
    dict_set(d, "trains", "%s", api->p->step ? "yes" : "");
    dict_set(d, "evaluates", "%s", api->p->evaluate ? "yes" : "");
    dict_set(d, "nentry", "%d", api->p->entry.n);
    dict_set(d, "standalone", "%s", o->standalone ? "yes" : "");
}

void emit_program(Program *p, const EmitOptions *o, FILE *header, FILE *source) {
    Arena *a = arena_new();
    Api api = {.arena = a, .p = p, .m = p->model, .top = dict_new(a, NULL)};
    char *kernels = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&kernels, &size);
    if (!f) ICE(p->model->span, "out of memory");
    Graph *g = p->model->graph;      /* in its arena: the plans outlive this function */
    Codegen *cg = codegen_new(g->arena, g, p->prefix, p->model->file, p->model->batch);
    if (o->timed) codegen_time_kernels(cg);
    codegen_threading(cg, o->threading);
    codegen_memory(cg, o->memory);
    for (int i = 0; i < p->all.n; i++) p->all.at[i]->plan = codegen_routine(cg, &p->all.at[i]->routine);
    codegen_print(cg, f);
    fclose(f);
    add_texts(&api, o, kernels);
    add_structs(&api);
    add_table(&api);
    add_data(&api);
    dict_list(api.top, "entry");
    for (int i = 0; i < p->entry.n; i++) add_entry(&api, &p->entry.at[i]);
    add_metrics(&api);
    add_layers(&api);
    add_main(&api, o);
    embedded_runtime(a, api.top, o->standalone);
    template_print(header, embedded_text("model.h.in"), api.top);
    template_print(source, embedded_text("model.c.in"), api.top);
    free(kernels);
    arena_free(a);
}
