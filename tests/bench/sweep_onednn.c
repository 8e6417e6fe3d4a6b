/* sweep_onednn.c - the contractions of the sweep by oneDNN.
 *
 * In: a shape, and its arrays as ours has them. Products are its matmul, with strides for what
 * is transposed or inside of another axis. Convolutions are given images with channels last, and
 * filters in whatever order it likes best: the copies between that and ours are made in each
 * run, as a framework that trains has to make them. Out: the result, in our order. */
#include "sweep_onednn.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_STEPS = 2, MOST_MEMORIES = 4 };

typedef struct Step {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arg[3];
    int args;
} Step;

struct Onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    Step step[MOST_STEPS]; /* in order */
    int steps;
    dnnl_memory_t memory[MOST_MEMORIES];
    int memories;
};

static void check(dnnl_status_t status) {
    if (status == dnnl_success) return;
    fprintf(stderr, "oneDNN: status %d\n", (int)status);
    exit(3);
}

static dnnl_memory_t memory_of(Onednn *o, const dnnl_memory_desc_t *d, void *at) {
    dnnl_memory_t m;
    check(dnnl_memory_create(&m, d, o->engine, at));
    o->memory[o->memories++] = m;
    return m;
}

static Step *add_step(Onednn *o, dnnl_primitive_desc_t d) {
    Step *s = &o->step[o->steps++];
    check(dnnl_primitive_create(&s->primitive, d));
    check(dnnl_primitive_desc_destroy(d));
    return s;
}

static void add_arg(Step *s, int what, dnnl_memory_t m) {
    s->arg[s->args++] = (dnnl_exec_arg_t){what, m};
}

/* ---- products ------------------------------------------------------------------------ */

/* [group, head,] rows, columns; the heads' axis may be inside of the first of the two. */
static dnnl_memory_desc_t matrix(
        const SweepShape *s, bool turn, bool inside, int64_t rows, int64_t columns) {
    dnnl_memory_desc_t d;
    int64_t outer = turn ? columns : rows, inner = turn ? rows : columns, heads = SWEEP_HEADS;
    int64_t step = inside ? heads * inner : inner;
    dnnl_dims_t dim = {s->groups, heads, rows, columns};
    dnnl_dims_t stride = {heads * rows * columns, inside ? inner : outer * inner, turn ? 1 : step,
            turn ? step : 1};
    int from = s->groups ? 0 : 2;
    check(dnnl_memory_desc_init_by_strides(&d, 4 - from, dim + from, dnnl_f32, stride + from));
    return d;
}

static void make_product(Onednn *o, const SweepShape *s, float *a, float *b, float *c) {
    dnnl_memory_desc_t da = matrix(s, s->turn_a, s->inside & INSIDE_A, s->rows, s->inner);
    dnnl_memory_desc_t db = matrix(s, s->turn_b, s->inside & INSIDE_B, s->inner, s->columns);
    dnnl_memory_desc_t dc = matrix(s, false, s->inside & INSIDE_C, s->rows, s->columns);
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t d;
    check(dnnl_matmul_desc_init(&product, &da, &db, NULL, &dc));
    check(dnnl_primitive_desc_create(&d, &product, NULL, o->engine, NULL));
    Step *step = add_step(o, d);
    add_arg(step, DNNL_ARG_SRC, memory_of(o, &da, a));
    add_arg(step, DNNL_ARG_WEIGHTS, memory_of(o, &db, b));
    add_arg(step, DNNL_ARG_DST, memory_of(o, &dc, c));
}

/* ---- convolutions -------------------------------------------------------------------- */

typedef struct Images {
    dnnl_memory_desc_t image, out, filter, any; /* filters as ours are, and as it likes */
    dnnl_dims_t stride, pad;
} Images;

static dnnl_memory_desc_t tagged(int64_t a, int64_t b, int64_t c, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t d;
    dnnl_dims_t dim = {a, b, c, c};
    check(dnnl_memory_desc_init_by_tag(&d, 4, dim, dnnl_f32, tag));
    return d;
}

static Images images_of(const SweepShape *s) {
    return (Images){.image = tagged(s->batch, s->inner, s->size, dnnl_nhwc),
            .out = tagged(s->batch, s->columns, sweep_out(s), dnnl_nhwc),
            .filter = tagged(s->columns, s->inner, s->rows, dnnl_hwio),
            .any = tagged(s->columns, s->inner, s->rows, dnnl_format_tag_any),
            .stride = {s->stride, s->stride},
            .pad = {s->pad, s->pad}};
}

/* Beyond the last window that fits nothing is read: a negative pad. */
static void pad_of_end(const SweepShape *s, dnnl_dims_t pad) {
    pad[0] = pad[1] = (sweep_out(s) - 1) * s->stride + s->rows - s->size - s->pad;
}

static dnnl_primitive_desc_t convolution(Onednn *o, const SweepShape *s, Images *i) {
    dnnl_convolution_desc_t forward, c;
    dnnl_primitive_desc_t hint, d;
    dnnl_dims_t end;
    dnnl_alg_kind_t way = dnnl_convolution_direct;
    pad_of_end(s, end);
    bool alone = s->kind == SWEEP_FORWARD;
    check(dnnl_convolution_forward_desc_init(&forward,
            alone ? dnnl_forward_inference : dnnl_forward_training, way, &i->image, &i->any, NULL,
            &i->out, i->stride, i->pad, end));
    check(dnnl_primitive_desc_create(&hint, &forward, NULL, o->engine, NULL));
    if (alone) return hint;
    if (s->kind == SWEEP_DATA)
        check(dnnl_convolution_backward_data_desc_init(
                &c, way, &i->image, &i->any, &i->out, i->stride, i->pad, end));
    else
        check(dnnl_convolution_backward_weights_desc_init(
                &c, way, &i->image, &i->any, NULL, &i->out, i->stride, i->pad, end));
    check(dnnl_primitive_desc_create(&d, &c, NULL, o->engine, hint));
    check(dnnl_primitive_desc_destroy(hint));
    return d;
}

static void add_copy(Onednn *o, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
        dnnl_memory_t source, dnnl_memory_t target) {
    dnnl_primitive_desc_t d;
    check(dnnl_reorder_primitive_desc_create(&d, from, o->engine, to, o->engine, NULL));
    Step *step = add_step(o, d);
    add_arg(step, DNNL_ARG_FROM, source);
    add_arg(step, DNNL_ARG_TO, target);
}

static void make_convolution(Onednn *o, const SweepShape *s, float *a, float *b, float *c) {
    Images i = images_of(s);
    dnnl_primitive_desc_t d = convolution(o, s, &i);
    bool made = s->kind == SWEEP_WEIGHT;
    const dnnl_memory_desc_t *like = dnnl_primitive_desc_query_md(
            d, made ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    dnnl_memory_desc_t liked = *like;
    bool copied = !dnnl_memory_desc_equal(&liked, &i.filter);
    dnnl_memory_t filter = memory_of(o, &i.filter, made ? c : b);
    dnnl_memory_t used = copied ? memory_of(o, &liked, DNNL_MEMORY_ALLOCATE) : filter;
    if (copied && !made) add_copy(o, &i.filter, &liked, filter, used);
    Step *step = add_step(o, d);
    dnnl_memory_t image = memory_of(o, &i.image, s->kind == SWEEP_DATA ? c : a);
    dnnl_memory_t out = memory_of(o, &i.out, s->kind == SWEEP_DATA ? a : made ? b : c);
    add_arg(step, s->kind == SWEEP_DATA ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, image);
    add_arg(step, made ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, used);
    add_arg(step, s->kind == SWEEP_FORWARD ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, out);
    if (copied && made) add_copy(o, &liked, &i.filter, used, filter);
}

/* -------------------------------------------------------------------------------------- */

Onednn *onednn_new(const SweepShape *s, int threads, float *a, float *b, float *c) {
    Onednn *o = calloc(1, sizeof *o);
    if (!o) exit(3);
    omp_set_num_threads(threads);
    check(dnnl_engine_create(&o->engine, dnnl_cpu, 0));
    check(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags));
    if (s->kind == SWEEP_PRODUCT)
        make_product(o, s, a, b, c);
    else
        make_convolution(o, s, a, b, c);
    return o;
}

void onednn_run(Onednn *o) {
    for (int i = 0; i < o->steps; i++) {
        const Step *s = &o->step[i];
        check(dnnl_primitive_execute(s->primitive, o->stream, s->args, s->arg));
    }
    check(dnnl_stream_wait(o->stream));
}

void onednn_free(Onednn *o) {
    for (int i = 0; i < o->steps; i++) check(dnnl_primitive_destroy(o->step[i].primitive));
    for (int i = 0; i < o->memories; i++) check(dnnl_memory_destroy(o->memory[i]));
    check(dnnl_stream_destroy(o->stream));
    check(dnnl_engine_destroy(o->engine));
    free(o);
}
