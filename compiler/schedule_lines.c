/* schedule_lines.c - units that go through their parts line by line (lines.c): loops over the
 * shared axes, and in them the loops of one part after the other.
 *
 * What is one number a line is a scalar for the later parts. Elements of a line that only
 * they read are in a local array; what others read, too, is in its memory. */
#include "graph_tables.h"
#include "routine.h"
#include "schedule.h"

/* Do other parts read it, element by element of the line? */
static bool is_read_by_others(Builder *b, const Unit *part, const Node *n) {
    const Unit *u = b->unit;
    for (int i = 0; i < u->part.n; i++) {
        const Unit *other = u->part.at[i];
        for (int j = 0; other != part && j < other->member.n; j++)
            if (loads_node(view_of(b->k, other->member.at[j]), n)) return true;
    }
    return false;
}

static void declare_lines(Builder *b, const Unit *part) {
    for (int i = 0; i < part->member.n; i++) {
        Node *n = part->member.at[i];
        if (n->rank == b->shared || is_stored(b, n) || !is_read_by_others(b, part, n)) continue;
        int64_t elements = 1;
        for (int axis = b->shared; axis < n->rank; axis++)
            elements *= n->dim[axis] == DIM_BATCH ? builder_most_rows(b) : n->dim[axis];
        const char *name = c_name(b->a, n->name, "line");
        LoopArray *line = loop_array(b->a, place_type(n->dtype), elements, name);
        if (n->dtype != T_F32) node_range(n, &line->lo, &line->hi);
        ls_array(b->a, builder_block(b), line)->filled = true;
        vec_push(b->a, &b->line, ((Line){n, line}));
    }
}

/* Later parts know what is one number a line; elements they read from memory. */
static void forget_elements(Builder *b) {
    int kept = 0;
    for (int i = 0; i < b->member.n; i++)
        if (b->member.at[i].node->rank == b->shared) b->member.at[kept++] = b->member.at[i];
    b->member.n = kept;
}

void schedule_lines(Builder *b) {
    const Unit *u = b->unit;
    const Node *n = u->member.at[0];
    double work = 0;
    for (int i = 0; i < u->member.n; i++) work += 4 * points_of(b->k, u->member.at[i]);
    bool parallel = false;
    for (int i = 0; i < u->shared; i++) {
        LoopStmt *loop = builder_open_axis(b, n, i);
        if (loop && !parallel) parallel = builder_parallel(b, loop, work);
    }
    b->shared = u->shared;
    b->base = b->depth;
    for (int i = 0; i < u->part.n; i++) declare_lines(b, u->part.at[i]);
    for (int i = 0; i < u->part.n; i++) {
        builder_begin_part(b, u->part.at[i]);
        if (is_map(b->part->member.at[0]))
            schedule_map(b);
        else
            schedule_fold(b);
        forget_elements(b);
    }
    builder_close_to(b, 0);
}
