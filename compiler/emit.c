/* emit.c - the one printer: a loop function as C text.
 *
 * Input: a LoopFunction. Output: its text, ending in a newline; the same input gives the
 * same text. Names are made unique in a function here; unnamed scalars are numbered.
 * Expressions get the parentheses that C's precedence needs, and those that readers and
 * compilers' warnings want around mixed comparisons and bit operators. */
#include "emit_text.h"
#include "loop.h"

#include <string.h>

typedef struct Printer {
    Text text;
    Arena *arena;
    int64_t batch;
    bool canonical;
    int indent;
    bool parallel; /* inside of a loop that is divided among threads */
    int unnamed;
    Vec(const char *) name; /* wishes met so far */
    Vec(int) name_count;    /* and how often */
} Printer;

static const char *c_type(LoopType t) {
    static const char *const name[] = {[LT_INDEX] = "int64_t",
            [LT_F32] = "float",
            [LT_I32] = "int32_t",
            [LT_BOOL] = "int",
            [LT_VEC] = "dl_v16",
            [LT_NVEC] = "dl_n16",
            [LT_MASK] = "dl_m16"};
    return name[t];
}

const char *place_type_c(PlaceType t) {
    static const char *const name[] = {[PT_F32] = "float",
            [PT_I32] = "int32_t",
            [PT_U8] = "uint8_t",
            [PT_F64] = "double",
            [PT_I64] = "int64_t"};
    return name[t];
}

/* ---- names --------------------------------------------------------------------------- */

static bool is_taken(const Printer *p, const char *name) {
    for (int k = 0; k < p->name.n; k++)
        if (p->name.at[k] == name) return true;
    return false;
}

static const char *next_number(Printer *p) {
    const char *name;
    do name = intern(arena_printf(p->arena, "t%d", ++p->unnamed));
    while (is_taken(p, name));
    return name;
}

static const char *unique(Printer *p, const char *wish) {
    if (!wish || p->canonical) wish = next_number(p);
    wish = intern(wish);
    for (int k = 0; k < p->name.n; k++)
        if (p->name.at[k] == wish)
            return unique(p, arena_printf(p->arena, "%s_%d", wish, ++p->name_count.at[k]));
    vec_push(p->arena, &p->name, wish);
    vec_push(p->arena, &p->name_count, 1);
    return wish;
}

/* ---- expressions --------------------------------------------------------------------- */

static void print(Printer *p, const LoopExpr *e, int least);

static void print_term(Printer *p, const LoopExpr *e, int64_t stride, bool rows) {
    bool product = e->kind == X_MUL && e->arg[1]->kind == X_INT;
    if (product) {
        stride *= e->arg[1]->integer;
        e = e->arg[0];
    }
    print(p, e, stride == 1 && !rows ? P_ADD : P_MUL);
    if (stride != 1) {
        text_add(&p->text, " * ");
        text_int(&p->text, stride);
    }
    if (rows) text_add(&p->text, " * n");
}

/* The constant that an index ends in, and what is left of it (NULL: nothing). */
static int64_t split_constant(const LoopExpr *e, const LoopExpr **rest) {
    *rest = e;
    if (e->kind == X_INT) {
        *rest = NULL;
        return e->integer;
    }
    bool sum = e->kind == X_ADD || e->kind == X_SUB;
    if (!sum || e->arg[1]->kind != X_INT) return 0;
    *rest = e->arg[0];
    return e->kind == X_ADD ? e->arg[1]->integer : -e->arg[1]->integer;
}

/* Row-major: the last axis is contiguous. The strides of axes outside of an open batch
 * axis (only in a caller's array) have the factor n. */
static void print_flat_index(Printer *p, int rank, const int64_t *dim, LoopExpr *const *index) {
    int64_t stride[MAX_RANK], constant = 0;
    bool rows[MAX_RANK], any = false;
    for (int k = rank - 1; k >= 0; k--) {
        bool last = k == rank - 1;
        rows[k] = !last && (rows[k + 1] || dim[k + 1] == DIM_BATCH);
        stride[k] = last ? 1 : stride[k + 1] * (dim[k + 1] == DIM_BATCH ? 1 : dim[k + 1]);
    }
    for (int k = 0; k < rank; k++) {
        const LoopExpr *rest = index[k];
        if (!rows[k]) constant += stride[k] * split_constant(index[k], &rest);
        if (!rest) continue;
        if (any) text_add(&p->text, " + ");
        print_term(p, rest, stride[k], rows[k]);
        any = true;
    }
    if (!any)
        text_int(&p->text, constant);
    else if (constant > 0)
        text_printf(&p->text, " + %lld", (long long)constant);
    else if (constant < 0)
        text_printf(&p->text, " - %lld", (long long)-constant);
}

static void print_binary(Printer *p, const LoopExpr *e, const char *token, int left, int right) {
    print(p, e->arg[0], left);
    text_printf(&p->text, " %s ", token);
    print(p, e->arg[1], right);
}

static void print_call(Printer *p, const char *function, const LoopExpr *e) {
    text_add(&p->text, function);
    text_char(&p->text, '(');
    for (int k = 0; k < e->narg; k++) {
        if (k) text_add(&p->text, ", ");
        print(p, e->arg[k], P_ASSIGN);
    }
    text_add(&p->text, ")");
}

/* An operator on vectors, by the kind of its operands: dl_v_NAME, dl_n_NAME, dl_m_NAME. */
static void print_vector_op(Printer *p, const LoopExpr *e) {
    static const char kind[] = {[LT_VEC] = 'v', [LT_NVEC] = 'n', [LT_MASK] = 'm'};
    const char *name = op_info[e->op].name;
    text_add(&p->text, "dl_");
    text_char(&p->text, kind[e->arg[e->narg - 1]->type]);
    text_char(&p->text, '_');
    print_call(p, name, e);
}

static void print_vector_cast(Printer *p, const LoopExpr *e) {
    bool mask = e->arg[0]->type == LT_MASK;
    const char *name = e->type == LT_VEC ? "dl_v_real" : "dl_n_int";
    print_call(p, arena_printf(p->arena, "%s%s", name, mask ? "_m" : ""), e);
}

static void print_cast(Printer *p, const LoopExpr *e) {
    LoopType from = e->arg[0]->type;
    if (is_vector(e->type)) {
        print_vector_cast(p, e);
        return;
    }
    bool implied = e->type == LT_BOOL || (e->type == LT_I32 && from == LT_BOOL);
    if (!implied) text_printf(&p->text, "(%s)", c_type(e->type));
    print(p, e->arg[0], P_UNARY);
}

/* ---- vectors in memory ---- */

/* An access of a vector: X_VLOAD or S_VSTORE. */
typedef struct VectorAccess {
    const char *verb;         /* load, store */
    LoopType type;
    const LoopArray *array;
    int rank;
    const int64_t *dim;
    LoopExpr *const *index;
    const VectorPart *part;
    const LoopExpr *value;    /* of a store */
} VectorAccess;

/* Where each lane's element is, from the place on to which the scalar indices lead. */
static LoopExpr *gathered(Printer *p, const VectorAccess *v) {
    LoopExpr *sum = NULL;
    int64_t stride = 1;
    for (int i = v->rank - 1; i >= 0; stride *= v->dim[i--]) {
        LoopExpr *x = v->index[i];
        if (x->type != LT_NVEC && !v->part->step[i]) continue;
        int64_t c = x->type == LT_NVEC ? stride : stride * v->part->step[i];
        if (x->type != LT_NVEC) x = lx_lane(p->arena);
        LoopExpr *factor = lx_splat(p->arena, lx_int(p->arena, LT_I32, c));
        if (c != 1) x = lx_op(p->arena, OP_mul, LT_NVEC, (LoopExpr *[]){x, factor});
        sum = sum ? lx_op(p->arena, OP_add, LT_NVEC, (LoopExpr *[]){x, sum}) : x;
    }
    return sum;
}

static void print_count(Printer *p, const VectorPart *part) {
    if (part->count) {
        text_add(&p->text, "(int)");
        print(p, part->count, P_UNARY);
    } else {
        text_printf(&p->text, "%d", part->lanes);
    }
}

/* The lanes that are read, as a mask. */
static void print_mask(Printer *p, const VectorPart *part) {
    if (part->mask) {
        print(p, part->mask, P_ASSIGN);
        return;
    }
    text_add(&p->text, "dl_first(");
    print_count(p, part);
    text_add(&p->text, ")");
}

static bool is_gather(const VectorAccess *v) {
    for (int i = 0; i < v->rank; i++)
        if (v->index[i]->type == LT_NVEC) return true;
    return false;
}

static void print_pointer(Printer *p, const VectorAccess *v) {
    LoopExpr *index[MAX_RANK];
    for (int i = 0; i < v->rank; i++)
        index[i] = v->index[i]->type == LT_NVEC ? lx_int(p->arena, LT_INDEX, 0) : v->index[i];
    text_printf(&p->text, "(&%s[", v->array->text);
    print_flat_index(p, v->rank, v->dim, index);
    text_add(&p->text, "], ");
}

static void print_vector_access(Printer *p, const VectorAccess *v) {
    static const char *const prefix[] = {[LT_VEC] = "", [LT_NVEC] = "n", [LT_MASK] = "m"};
    const VectorPart *part = v->part;
    const char *of = v->array->type == PT_U8 ? "_u8" : "";
    int64_t stride = 0;
    bool gather = is_gather(v), fewer = part->count || part->lanes < LANES;
    bool apart = !gather && (!vector_stride(v->rank, v->dim, v->index, part->step, &stride) ||
                                    stride != 1);
    const char *how = apart        ? "_stride"
                      : gather     ? "16"
                      : part->mask ? "_masked"
                      : fewer      ? "_part"
                                   : "16";
    text_printf(&p->text, "dl_%s%s%s%s", prefix[v->type], gather ? "gather" : v->verb, how, of);
    print_pointer(p, v);
    if (apart) text_printf(&p->text, "%lld, ", (long long)stride);
    if (gather) {
        print(p, gathered(p, v), P_ASSIGN);
        text_add(&p->text, ", ");
    }
    if (v->value) {
        print(p, v->value, P_ASSIGN);
        text_add(&p->text, ", ");
    }
    if (gather || (part->mask && !apart))
        print_mask(p, part);
    else if (apart || fewer)
        print_count(p, part);
    else
        p->text.n -= 2; /* nothing follows the comma */
    text_add(&p->text, ")");
}

static void print_vload(Printer *p, const LoopExpr *e) {
    VectorAccess v = {"load", e->type, e->array, e->narg, e->dim, e->arg, &e->part, NULL};
    print_vector_access(p, &v);
}

static void print_load(Printer *p, const LoopExpr *e) {
    text_add(&p->text, e->array->text);
    text_char(&p->text, '[');
    print_flat_index(p, e->narg, e->dim, e->arg);
    text_add(&p->text, "]");
}

static void print_select(Printer *p, const LoopExpr *e) {
    print(p, e->arg[0], P_EQ);
    text_add(&p->text, " ? ");
    print(p, e->arg[1], P_COND + 1);
    text_add(&p->text, " : ");
    print(p, e->arg[2], P_COND + 1);
}

static const char *stream_name(Printer *p, int stream) {
    return stream ? arena_printf(p->arena, "stream_%d", stream + 1) : "stream";
}

static void print_uniform(Printer *p, const LoopExpr *e) {
    text_printf(&p->text, "dl_uniform%s(seed, step, %s, (uint64_t)(", is_vector(e->type) ? "16" : "",
            stream_name(p, (int)e->integer));
    print(p, e->arg[0], P_ASSIGN);
    text_add(&p->text, "))");
}

/* A real operator's text for reals, an integer one's for integers. */
static const char *op_text(const LoopExpr *e) {
    const OpInfo *info = &op_info[e->op];
    bool real = e->arg[e->narg - 1]->type == LT_F32;
    const char *text = real ? info->real : info->integer;
    return text ? text : real ? info->integer : info->real;
}

/* The table's text with x, y, z replaced by the operands. */
static void print_op(Printer *p, const LoopExpr *e) {
    if (is_vector(e->type)) {
        print_vector_op(p, e);
        return;
    }
    const char *text = op_text(e);
    OpShape shape = op_shape(text);
    for (const char *c = text; *c; c++) {
        bool word = (c > text && is_word(c[-1])) || is_word(c[1]);
        bool operand = *c >= 'x' && *c <= 'z' && !word;
        if (!operand)
            text_char(&p->text, *c);
        else
            print(p, e->arg[*c - 'x'], *c == 'x' ? shape.left : shape.right);
    }
}

/* Infix operators of the IR, and least precedences of their operands. */
typedef struct Infix {
    const char *token;
    int precedence, left, right;
} Infix;

static const Infix *infix_of(const LoopExpr *e) {
    static const Infix table[] = {[X_ADD] = {"+", P_ADD, P_ADD, P_ADD},
            [X_SUB] = {"-", P_ADD, P_ADD, P_MUL},
            [X_MUL] = {"*", P_MUL, P_MUL, P_UNARY},
            [X_QUO] = {"/", P_MUL, P_MUL, P_UNARY},
            [X_REM] = {"%", P_MUL, P_MUL, P_UNARY},
            [X_LT] = {"<", P_REL, P_ADD, P_ADD},
            [X_LE] = {"<=", P_REL, P_ADD, P_ADD},
            [X_EQ] = {"==", P_EQ, P_ADD, P_ADD},
            [X_NE] = {"!=", P_EQ, P_ADD, P_ADD},
            [X_AND] = {"&&", P_LAND, P_LAND, P_LAND}};
    bool call = (e->kind == X_QUO || e->kind == X_REM) && e->integer; /* of what may be negative */
    size_t size = sizeof table / sizeof table[0];
    return !call && (size_t)e->kind < size && table[e->kind].token ? &table[e->kind] : NULL;
}

static const char *function_of(const LoopExpr *e) {
    static const char *const splat[] = {
            [LT_VEC] = "dl_set16", [LT_NVEC] = "dl_nset16", [LT_MASK] = "dl_mset16"};
    static const char *const name[] = {[X_QUO] = "dl_floor_div",
            [X_REM] = "dl_floor_mod",
            [X_MIN] = "dl_least",
            [X_MAX] = "dl_most",
            [X_LANE] = "dl_lane16",
            [X_VADD] = "dl_add16",
            [X_FMA] = "DL_FMA"};
    return e->kind == X_SPLAT ? splat[e->type] : name[e->kind];
}

/* The lanes joined: dl_sum16, dl_nsum16 and so on. */
static void print_vector_fold(Printer *p, const LoopExpr *e) {
    const char *of = e->op == OP_add ? "sum" : e->op == OP_mul ? "prod" : op_info[e->op].name;
    const char *kind = e->arg[0]->type == LT_NVEC ? "n" : "";
    print_call(p, arena_printf(p->arena, "dl_%s%s16", kind, of), e);
}

static void print_first(Printer *p, const LoopExpr *e) {
    VectorPart part = {.count = e->arg[0]->kind == X_INT ? NULL : e->arg[0],
            .lanes = (int)e->arg[0]->integer};
    print_mask(p, &part);
}

static int precedence(const LoopExpr *e) {
    const Infix *infix = infix_of(e);
    if (infix) return infix->precedence;
    switch (e->kind) {
    case X_INT:
        return e->integer < 0 ? P_UNARY : P_PRIMARY;
    case X_REAL:
        return e->real < 0 ? P_UNARY : P_PRIMARY;
    case X_OP:
        return is_vector(e->type) ? P_PRIMARY : op_shape(op_text(e)).result;
    case X_SELECT:
        return P_COND;
    case X_CAST:
        return is_vector(e->type) ? P_PRIMARY : P_UNARY;
    default:
        return P_PRIMARY;
    }
}

static void print_bare(Printer *p, const LoopExpr *e) {
    const Infix *infix = infix_of(e);
    if (infix) {
        print_binary(p, e, infix->token, infix->left, infix->right);
        return;
    }
    switch (e->kind) {
    case X_INT:
        text_int(&p->text, e->integer);
        break;
    case X_REAL:
        text_add(&p->text, emit_real(p->arena, e->real));
        break;
    case X_VAR:
        text_add(&p->text, e->var->text);
        break;
    case X_OP:
        print_op(p, e);
        break;
    case X_SELECT:
        print_select(p, e);
        break;
    case X_CAST:
        print_cast(p, e);
        break;
    case X_LOAD:
        print_load(p, e);
        break;
    case X_VLOAD:
        print_vload(p, e);
        break;
    case X_VFOLD:
        print_vector_fold(p, e);
        break;
    case X_FIRST:
        print_first(p, e);
        break;
    case X_UNIFORM:
        print_uniform(p, e);
        break;
    default:
        print_call(p, function_of(e), e);
        break;
    }
}

static void print(Printer *p, const LoopExpr *e, int least) {
    bool parentheses = precedence(e) < least;
    if (parentheses) text_add(&p->text, "(");
    print_bare(p, e);
    if (parentheses) text_add(&p->text, ")");
}

/* ---- statements ---------------------------------------------------------------------- */

static void start_line(Printer *p) {
    for (int k = 0; k < p->indent; k++) text_add(&p->text, "    ");
}

static void print_block(Printer *p, const LoopBlock *block);

static void print_braced(Printer *p, const LoopBlock *block) {
    text_add(&p->text, "{\n");
    p->indent++;
    print_block(p, block);
    p->indent--;
    start_line(p);
    text_add(&p->text, "}\n");
}

/* Parallel loops that are nothing but one another's bodies are divided as one. */
static void print_division(Printer *p, const LoopStmt *s) {
    int loops = 1;
    for (; s->body.n == 1; loops++) {
        s = s->body.at[0];
        if (s->kind != S_FOR || !s->parallel) break;
    }
    if (loops == 1)
        text_add(&p->text, "DL_PARALLEL_FOR(threads)\n");
    else
        text_printf(&p->text, "DL_PARALLEL_LOOPS(threads, %d)\n", loops);
    start_line(p);
}

static void print_for(Printer *p, const LoopStmt *s) {
    s->var->text = unique(p, s->var->name);
    const char *v = s->var->text;
    bool divided = s->parallel && !p->parallel;
    if (divided) print_division(p, s);
    p->parallel |= divided;
    text_printf(&p->text, "for (int64_t %s = ", v);
    print(p, s->lo, P_ASSIGN);
    text_printf(&p->text, "; %s < ", v);
    print(p, s->hi, P_ADD);
    if (s->step == 1)
        text_printf(&p->text, "; %s++) ", v);
    else
        text_printf(&p->text, "; %s += %lld) ", v, (long long)s->step);
    print_braced(p, &s->body);
    if (divided) p->parallel = false;
}

static void print_store(Printer *p, const LoopStmt *s) {
    text_printf(&p->text, "%s[", s->array->text);
    print_flat_index(p, s->rank, s->dim, s->index);
    text_add(&p->text, s->add ? "] += " : "] = ");
    bool narrow = s->array->type == PT_U8;
    if (narrow) text_add(&p->text, "(uint8_t)");
    print(p, s->value, narrow ? P_UNARY : P_ASSIGN);
    text_add(&p->text, ";\n");
}

static void print_vstore(Printer *p, const LoopStmt *s) {
    VectorAccess v = {
            "store", s->value->type, s->array, s->rank, s->dim, s->index, &s->part, s->value};
    print_vector_access(p, &v);
    text_add(&p->text, ";\n");
}

static void print_prefetch(Printer *p, const LoopStmt *s) {
    bool one = s->rows == 1 && s->lines == 1;
    text_printf(&p->text, "dl_prefetch%s(%s, ", one ? "" : "_rows", s->array->text);
    print_flat_index(p, s->rank, s->dim, s->index);
    if (!one) text_printf(&p->text, ", %d, %d, %d", (int)s->rows, (int)s->step, s->lines);
    text_add(&p->text, ");\n");
}

static void print_definition(Printer *p, const LoopStmt *s) {
    const char *name = s->kind == S_SET ? s->var->text : unique(p, s->var->name);
    if (s->kind == S_LET) text_add(&p->text, "const ");
    if (s->kind != S_SET) text_printf(&p->text, "%s ", c_type(s->var->type));
    text_add(&p->text, name);
    text_add(&p->text, " = ");
    print(p, s->value, P_ASSIGN);
    text_add(&p->text, ";\n");
    s->var->text = name;
}

static void print_array(Printer *p, const LoopStmt *s) {
    s->array->text = unique(p, s->array->name);
    text_printf(&p->text, "%s %s[%lld]%s;\n", place_type_c(s->array->type), s->array->text,
            (long long)s->array->elements, s->filled ? "" : " = {0}");
}

static void print_statement(Printer *p, const LoopStmt *s) {
    if (s->kind == S_COMMENT && p->canonical) return;
    start_line(p);
    switch (s->kind) {
    case S_FOR:
        print_for(p, s);
        break;
    case S_LET:
    case S_VAR:
    case S_SET:
        print_definition(p, s);
        break;
    case S_ARRAY:
        print_array(p, s);
        break;
    case S_STORE:
        print_store(p, s);
        break;
    case S_VSTORE:
        print_vstore(p, s);
        break;
    case S_PREFETCH:
        print_prefetch(p, s);
        break;
    case S_TRANSPOSE:
        text_printf(&p->text, "dl_transpose16(%s);\n", s->array->text);
        break;
    case S_IF:
        text_add(&p->text, "if (");
        print(p, s->value, P_ASSIGN);
        text_add(&p->text, ") ");
        print_braced(p, &s->body);
        break;
    case S_BLOCK:
        print_braced(p, &s->body);
        break;
    case S_COMMENT:
        text_printf(&p->text, "/* %s */\n", s->text);
        break;
    }
}

/* Names of a block are free again after it. */
static void print_block(Printer *p, const LoopBlock *block) {
    int names = p->name.n;
    for (int k = 0; k < block->n; k++) print_statement(p, block->at[k]);
    p->name.n = p->name_count.n = names;
}

/* ---- functions ----------------------------------------------------------------------- */

static void print_comment(Printer *p, const char *text) {
    text_add(&p->text, "/* ");
    for (const char *c = text; *c; c++) text_printf(&p->text, *c == '\n' ? "\n * " : "%c", *c);
    text_add(&p->text, " */\n");
}

static void separate(Printer *p, bool *any) {
    if (*any) text_add(&p->text, ", ");
    *any = true;
}

static void print_named_parameter(Printer *p, const char *name, const char *type, bool *any) {
    separate(p, any);
    vec_push(p->arena, &p->name, intern(name));
    vec_push(p->arena, &p->name_count, 1);
    text_printf(&p->text, "%s %s", type, name);
}

static void print_scalar_parameter(
        Printer *p, LoopVar *v, const char *name, const char *type, bool *any) {
    if (!v) return;
    v->text = name;
    print_named_parameter(p, name, type, any);
}

static void print_parameters(Printer *p, const LoopFunction *f) {
    bool any = false;
    print_scalar_parameter(p, f->rows, "n", "int64_t", &any);
    print_scalar_parameter(p, f->total, "total", "int64_t", &any);
    print_scalar_parameter(p, f->first, "first", "int64_t", &any);
    print_scalar_parameter(p, f->threads, "threads", "int", &any);
    print_scalar_parameter(p, f->seed, "seed", "uint64_t", &any);
    print_scalar_parameter(p, f->step, "step", "uint32_t", &any);
    for (int k = 0; k < f->streams; k++)
        print_named_parameter(p, stream_name(p, k), "uint32_t", &any);
    for (int k = 0; k < f->array.n; k++) {
        LoopArray *array = f->array.at[k];
        separate(p, &any);
        array->text = unique(p, array->name);
        text_printf(&p->text, "%s%s *restrict %s", array->written ? "" : "const ",
                place_type_c(array->type), array->text);
    }
    for (int k = 0; k < f->scalar.n; k++) {
        separate(p, &any);
        f->scalar.at[k]->text = unique(p, f->scalar.at[k]->name);
        text_printf(&p->text, "%s %s", c_type(f->scalar.at[k]->type), f->scalar.at[k]->text);
    }
    if (!any) text_add(&p->text, "void");
}

static bool divides(const LoopBlock *block) {
    for (int i = 0; i < block->n; i++)
        if (block->at[i]->parallel || divides(&block->at[i]->body)) return true;
    return false;
}

/* One of two bodies may have no use for the threads that the other one uses. */
static void print_body(Printer *p, const LoopFunction *f, const LoopBlock *body) {
    text_add(&p->text, "{\n");
    p->indent++;
    if (f->threads && !divides(body)) {
        start_line(p);
        text_add(&p->text, "(void)threads;\n");
    }
    print_block(p, body);
    p->indent--;
    text_add(&p->text, "}\n");
}

char *emit_function(Arena *a, const LoopFunction *f, int64_t batch, bool canonical) {
    Printer p = {.text = {.arena = a}, .arena = a, .batch = batch, .canonical = canonical};
    if (!canonical && f->comment) print_comment(&p, f->comment);
    if (!canonical && f->avoid) unique(&p, f->avoid);
    text_printf(&p.text, "DL_KERNEL void %s(", canonical ? "" : f->name);
    print_parameters(&p, f);
    text_add(&p.text, ")\n");
    if (f->small.n) text_add(&p.text, "#ifdef DL_LARGE_TILES\n");
    print_body(&p, f, &f->body);
    if (f->small.n) {
        text_add(&p.text, "#else\n");
        print_body(&p, f, &f->small);
        text_add(&p.text, "#endif\n");
    }
    return p.text.at;
}
