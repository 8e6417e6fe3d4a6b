/* test_format.c - dlc fmt: its rules one by one; and on all programs of the project, as they are
 * and with their blanks and lines in disorder: what is formatted once stays as it is, and no
 * comment is lost. That the tree stays the same is made sure of by the formatter itself. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "format_internal.h"

static Arena *arena;

static void begin(void) { arena = arena_new(); }
static void end(void) { arena_free(arena); }

TestSuite(format, .init = begin, .fini = end);

static const char *formatted(const char *text) {
    size_t n;
    diag_reset();
    const char *result =
            format_program(arena, source_from_text(arena, "test.dl", text, strlen(text)), &n);
    cr_assert_not_null(result, "%s", text);
    cr_assert_eq(strlen(result), n);
    return result;
}

static void expect_form(const char *text, const char *want) {
    cr_expect_str_eq(formatted(text), want);
    cr_expect_str_eq(formatted(want), want);
}

/* ---- rules ------------------------------------------------------------------------------ */

Test(format, blanks) {
    expect_form("fn f( x,y : real=1e-5 ){y=- x [ :,0 : 2*n ]*( x-1 );return sum( k )x[k]**2}\n",
            "fn f(x, y: real = 1e-5) { y = -x[:, 0:2 * n] * (x - 1); return sum(k) x[k] ** 2 }\n");
    expect_form("fn f(x)=sum(k in 0 .. 3)(x[k]+1)//2 @ g( a :1 ) .w\n",
            "fn f(x) = sum(k in 0..3) (x[k] + 1) // 2 @ g(a: 1).w\n");
    expect_form("fn f(x)=if not x>0 then-x else not(x)\n",
            "fn f(x) = if not x > 0 then -x else not (x)\n");
}

Test(format, blocks) {
    expect_form("model m{input x:f32[batch,2]\nif training{x=x+1\ny=x}\nelse{y=2}\noutput y}",
            "model m {\n"
            "    input x: f32[batch, 2]\n"
            "    if training {\n"
            "        x = x + 1\n"
            "        y = x\n"
            "    } else { y = 2 }\n"
            "    output y\n"
            "}\n");
}

Test(format, columns) {
    expect_form("model m {\ninput x: f32[batch]\ntarget y: f32[batch]\n\ninput z: i32[batch]\n"
                "param w: f32[2] = ones()\nparam long: f32[3] = zeros()\n"
                "output x\nloss mean(x)\n// a comment parts columns\nloss mean(y)\n}\n",
            "model m {\n"
            "    input  x: f32[batch]\n"
            "    target y: f32[batch]\n"
            "\n"
            "    input z: i32[batch]\n"
            "    param w: f32[2]    = ones()\n"
            "    param long: f32[3] = zeros()\n"
            "    output x\n"
            "    loss   mean(x)\n"
            "    // a comment parts columns\n"
            "    loss mean(y)\n"
            "}\n");
    expect_form("train m {\nbatch 8\noptimizer sgd()\nreduce_on_plateau patience: 3\nepochs 2\n}\n",
            "train m {\n"
            "    batch     8\n"
            "    optimizer sgd()\n"
            "    reduce_on_plateau patience: 3\n"
            "    epochs    2\n"
            "}\n");
}

Test(format, comments) {
    expect_form("// first  \n\n\n\n// second\nfn f(x)=x// one\nfn long(x)=x     // two\n\n\n"
                "fn g(x) { // body\n\n\n// own\nreturn x\n\n // last\n}\n// end",
            "// first\n\n// second\nfn f(x) = x     // one\nfn long(x) = x  // two\n\n"
            "fn g(x) {  // body\n    // own\n    return x\n\n    // last\n}\n// end\n");
}

Test(format, chains) {
    expect_form("fn f(x) {\ny = x |> dense(1) |>\nrelu |>\ndense(2)\nz = x\n|> relu\n|> tanh\n"
                "return y\n}\n",
            "fn f(x) {\n"
            "    y = x |> dense(1)\n"
            "          |> relu\n"
            "          |> dense(2)\n"
            "    z = x\n"
            "        |> relu\n"
            "        |> tanh\n"
            "    return y\n"
            "}\n");
}

Test(format, lines_of_expressions) {
    expect_form("fn f(x, y) {\nz = g(x,\ny,\nh(1,\n2))\nw = if x > 0 and\ny > 0\nthen x\n"
                "else if y > 0\nthen 1\nelse x +\n        2\nreturn z\n}\n",
            "fn f(x, y) {\n"
            "    z = g(x,\n"
            "          y,\n"
            "          h(1,\n"
            "            2))\n"
            "    w = if x > 0 and\n"
            "           y > 0\n"
            "        then x\n"
            "        else if y > 0\n"
            "        then 1\n"
            "        else x +\n"
            "             2\n"
            "    return z\n"
            "}\n");
    expect_form("fn f(x) = g(x[n, i*2,\n                 j * 3])\n",
            "fn f(x) = g(x[n, i * 2,\n                 j * 3])\n"); /* under the second item */
    expect_form("fn f(x) = sum(k in 0..3)\n    x[k]\n", "fn f(x) = sum(k in 0..3)\n    x[k]\n");
}

Test(format, long_lines_are_ended) {
    expect_form("model m {\n    scores = x |> conv2d(32, 3, activation: relu) |> max_pool2d(2) |> "
                "conv2d(64, 3, activation: relu) |> flatten |> dense(10)\n}\n",
            "model m {\n    scores = x |> conv2d(32, 3, activation: relu) |> max_pool2d(2)\n"
            "               |> conv2d(64, 3, activation: relu) |> flatten |> dense(10)\n}\n");
    expect_form("layer something(x: f32[batch, time, n], units: int, activation: function = tanh, "
                "bias: bool = true) = x\n",
            "layer something(x: f32[batch, time, n], units: int, activation: function = tanh,\n"
            "                bias: bool = true) = x\n");
    expect_form("fn f(x) { if something_that_is_long(x) > 0 { return x }; return another_one_that_is"
                "_long(x, 1, 2, 3, 4) }\n",
            "fn f(x) {\n    if something_that_is_long(x) > 0 { return x }\n"
            "    return another_one_that_is_long(x, 1, 2, 3, 4)\n}\n");
}

Test(format, a_text_with_errors_is_none) {
    size_t n;
    const char *text = "model m {\n    loss mean(\n}\n";
    diag_reset();
    cr_redirect_stderr();
    cr_expect_null(format_program(arena, source_from_text(arena, "t.dl", text, strlen(text)), &n));
}

/* ---- all programs ----------------------------------------------------------------------- */

static const char *comments_of(const char *text) {
    Format f = {.arena = arena};
    const char *all = "";
    format_pieces(&f, source_from_text(arena, "test.dl", text, strlen(text)));
    for (int i = 0; i < f.piece.n; i++)
        for (int k = 0; k < f.piece.at[i].comment.n; k++) {
            const Comment *c = &f.piece.at[i].comment.at[k];
            all = arena_printf(arena, "%s%.*s\n", all, c->length, c->text);
        }
    return all;
}

static void expect_kept(const char *name, const char *text) {
    const char *once = formatted(text), *twice = formatted(once);
    cr_expect_str_eq(twice, once, "%s: formatted twice it is another text", name);
    cr_expect_str_eq(comments_of(once), comments_of(text), "%s: comments", name);
}

static unsigned drawn(unsigned *state) {
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

/* The program with other blanks: none, several, and new lines where they mean nothing. */
static const char *in_disorder(const char *text, unsigned seed) {
    Format f = {.arena = arena};
    size_t n, room = 8 * strlen(text) + 100;
    char *out = arena_alloc(arena, room);
    format_pieces(&f, source_from_text(arena, "test.dl", text, strlen(text)));
    FILE *file = fmemopen(out, room, "w");
    for (int i = 0; i < f.piece.n - 1; i++) {
        const Piece *p = &f.piece.at[i];
        for (int k = 0; k < p->comment.n; k++)
            fprintf(file, "%s  %.*s", p->comment.at[k].own_line ? "\n" : "",
                    p->comment.at[k].length, p->comment.at[k].text);
        int before = i > 0 ? f.piece.at[i - 1].kind : 0;
        bool divides = p->kind == FLOOR_DIVIDE || before == FLOOR_DIVIDE; /* no comment yet */
        bool may_end = (p->open >= 0 || before == PIPE) && !divides && before != ALL;
        if (p->line || (may_end && drawn(&seed) % 4 == 0)) fputc('\n', file);
        else if (p->parted && i > 0 && before != '{') fputc(';', file);
        fprintf(file, "%*s%.*s", divides ? 1 : i ? 1 + (int)(drawn(&seed) % 3) : 0, "", p->length, p->text);
    }
    const Piece *last = &f.piece.at[f.piece.n - 1];
    for (int k = 0; k < last->comment.n; k++)
        fprintf(file, "\n%.*s", last->comment.at[k].length, last->comment.at[k].text);
    fclose(file);
    n = strlen(out);
    return arena_copy(arena, out, n + 1);
}

Test(format, all_programs_stay_as_they_are_formatted) {
    static const char *const pattern[] = {
            "dsl/std/*.dl", "examples/*/*.dl", "examples/*/*/*.dl", "tests/programs/*.dl",
            "tests/e2e/*.dl", "tests/golden/*.dl"};
    glob_t found = {0};
    for (size_t k = 0; k < sizeof pattern / sizeof *pattern; k++)
        glob(pattern[k], k ? GLOB_APPEND : 0, NULL, &found);
    cr_assert_gt(found.gl_pathc, 80);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const Source *src = source_read(arena, found.gl_pathv[i], (Span){0});
        cr_assert_not_null(src);
        expect_kept(src->path, src->text);
        for (unsigned seed = 1; seed <= 3; seed++)
            expect_kept(src->path, in_disorder(src->text, seed));
    }
    globfree(&found);
}
