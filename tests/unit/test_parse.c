/* test_parse.c - from text to tree: arena, names, the line rules, `//`, words, precedence,
 * and the printer, whose output must parse back to itself. Error texts are in tests/errors. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../dsl/ast.h"

static Ast *parse(Arena *a, const char *text) {
    return ast_parse(a, source_from_text(a, "test.dl", text, strlen(text)));
}

static char *print(const Ast *program) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    ast_print(f, program);
    fclose(f);
    return text;
}

/* The text parses without an error, prints as `want`, and that prints as itself again. */
static void expect(const char *text, const char *want) {
    Arena *a = arena_new();
    diag_reset();
    char *first = print(parse(a, text));
    cr_expect_eq(diag_errors(), 0, "errors in: %s", text);
    cr_expect_str_eq(first, want, "of: %s\n got: %swant: %s", text, first, want);
    char *second = print(parse(a, first));
    cr_expect_str_eq(second, first);
    free(first);
    free(second);
    arena_free(a);
}

/* An expression, through `y = ...`. */
static void expect_expr(const char *text, const char *want) {
    char from[512], to[512];
    snprintf(from, sizeof from, "y = %s", text);
    snprintf(to, sizeof to, "y = %s\n", want);
    expect(from, to);
}

static int errors_of(const char *text) {
    Arena *a = arena_new();
    diag_reset();
    parse(a, text);
    int n = diag_errors();
    diag_reset();
    arena_free(a);
    return n;
}

/* ---- base.h ---------------------------------------------------------------- */

Test(base, names_are_equal_as_pointers) {
    cr_expect_eq(intern("abc"), intern_n("abcd", 3));
    cr_expect_neq(intern("abc"), intern("abd"));
    const char *first = intern("first");
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        intern(name);
    }
    cr_expect_eq(first, intern("first"));
}

Test(base, arena_gives_zeroed_aligned_memory) {
    Arena *a = arena_new();
    for (size_t size = 1; size < 200000; size = size * 3 + 1) {
        char *p = arena_alloc(a, size);
        cr_expect_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++) cr_assert_eq(p[i], 0);
        memset(p, 1, size);
    }
    Vec(int) v = {0};
    for (int i = 0; i < 1000; i++) vec_push(a, &v, i);
    for (int i = 0; i < 1000; i++) cr_assert_eq(v.at[i], i);
    arena_free(a);
}

Test(base, near_names) {
    static const char *const names[] = {"label", "image", "scores", "w"};
    cr_expect_str_eq(diag_nearest("labl", names, 4), "label");
    cr_expect_str_eq(diag_nearest("lable", names, 4), "label");
    cr_expect_str_eq(diag_nearest("score", names, 4), "scores");
    cr_expect_null(diag_nearest("weights", names, 4));
    cr_expect_null(diag_nearest("x", names, 4));
    cr_expect_null(diag_nearest("label", names, 1), "a name is not near to itself");
}

Test(base, line_and_column_count_characters) {
    Arena *a = arena_new();
    const char *text = "a\n\xc3\xa9\xc3\xa9 x";
    Span s = {source_from_text(a, "t", text, strlen(text)), 7, 8};
    int line, col;
    span_line_col(s, &line, &col);
    cr_expect_eq(line, 2);
    cr_expect_eq(col, 4);
    arena_free(a);
}

/* ---- lines ----------------------------------------------------------------- */

Test(lines, end_statements) {
    expect("a = 1\nb = 2", "a = 1\nb = 2\n");
    expect("a = 1; b = 2;\n\n;c = 3", "a = 1\nb = 2\nc = 3\n");
    expect("x = f(a,\n  b\n)\n", "x = f(a, b)\n");
    expect("x = a +\n  b", "x = a + b\n");
    expect("x = a\n  |> f\n\n  // then\n  |> g", "x = a |> f |> g\n");
    expect("x = a\n  + b\n  and c", "x = a + b and c\n");
    expect("x =\n  if a\n  then b\n  else c", "x = if a then b else c\n");
    expect("x = a\nf(b)", "x = a\nf(b)\n");
    expect("fn f(x)\n{\n return x }\nmodel m { a = 1; }", 
            "fn f(x) {\n    return x\n}\nmodel m {\n    a = 1\n}\n");
    expect("if a { b = 1 }\nelse if c { b = 2 } else { b = 3 }",
            "if a {\n    b = 1\n} else if c {\n    b = 2\n} else {\n    b = 3\n}\n");
    cr_expect_gt(errors_of("x = a\n- b c"), 0);
}

Test(lines, follow_the_binders_of_a_fold) {
    expect("y[n] = max(p in 0..3)\n  if c then x[p]\nz = 1",
            "y[n] = max(p in 0..3) if c then x[p]\nz = 1\n");
    expect("y = max(a, b)\nz = 1", "y = max(a, b)\nz = 1\n");
}

/* ---- division and comments ------------------------------------------------- */

Test(slashes, divide_or_comment) {
    expect_expr("x[i // 2]", "x[i // 2]");
    expect_expr("x[i//2, j]", "x[i // 2, j]");
    expect_expr("n // stride", "n // stride");
    expect_expr("(a + b) // 4", "(a + b) // 4");
    expect_expr("a // b // c", "a // b // c");
    expect_expr("a // 2   // half of it", "a // 2");
    expect_expr("if a // 2 == 1 then b else c", "if a // 2 == 1 then b else c");
    expect_expr("x   // logits", "x");
    expect_expr("x  // 2", "x");
    expect_expr("x // of the logit", "x");
    expect_expr("x // it's", "x");
    expect_expr("x //2", "x");
    expect_expr("f(a, // first\n b) // second one", "f(a, b)");
    expect("fn f(x: int   // size\n) = x", "fn f(x: int) = x\n");
    expect("// only\na = 1 //\n//", "a = 1\n");
}

/* ---- words ----------------------------------------------------------------- */

Test(words, are_names_where_they_cannot_be_keywords) {
    expect("loss = 1\nloss loss\nloss l2 = w * w\nloss (a + b) / 2\nloss -a",
            "loss = 1\nloss loss\nloss l2 = w * w\nloss (a + b) / 2\nloss -a\n");
    expect("loss[n] = x[n]\ntarget[n] = 2", "loss[n] = x[n]\ntarget[n] = 2\n");
    expect("state = input + time * batch\ninput input: f32[batch, time]",
            "state = input + time * batch\ninput input: f32[batch, time]\n");
    expect("metric near(x) = mean(x, 1)", "metric near(x) = mean(x, 1)\n");
    expect("metric accuracy(a, b)\nmetric top = accuracy(a, b)\nmetric m(x) { result x }",
            "metric accuracy(a, b)\nmetric top = accuracy(a, b)\nmetric m(x) {\n    result x\n}\n");
    expect("x = all h\ny = all(h) + all", "x = all h\ny = all(h) + all\n");
    expect("scan t in reversed reversed with h = a { h = h }",
            "scan t in reversed reversed with h = a {\n    h = h\n}\n");
    expect("state m: like p = zeros()\nlike = 1", "state m: like p = zeros()\nlike = 1\n");
    expect("train m { data x(\"d\")\noptimizer \"conv*\" sgd()\noptimizer adam(rate: 0.1) on "
           "\"dense*\"\n"
           "batch 64; shuffle false }",
            "train m {\n    data x(\"d\")\n    optimizer sgd() on \"conv*\"\n    optimizer "
            "adam(rate: 0.1) on \"dense*\"\n    batch 64\n    shuffle false\n}\n");
    expect("train m { decay 0.1 on \"a\", \"b\" except \"c\"\nclip limit: 1; average\n"
           "freeze \"x\" except \"y\" }",
            "train m {\n    decay 0.1 on \"a\", \"b\" except \"c\"\n    clip limit: 1\n    average\n"
            "    freeze \"x\" except \"y\"\n}\n");
    expect("update u(a = 1) before { before = 2; for p, g in parameters(\"w\", per: batch) { } }\n"
           "update v() { for p in parameters() { penalty f(p) } }",
            "update u(a = 1) before {\n    before = 2\n    for p, g in parameters(\"w\", per: batch) {\n"
            "    }\n}\nupdate v() {\n    for p in parameters() {\n        penalty f(p)\n    }\n}\n");
}

Test(words, fold_or_call) {
    expect_expr("sum(k) x[k] * w[k] + b", "(sum(k) x[k] * w[k]) + b");
    expect_expr("sum(k) (x[k] + 1)", "sum(k) (x[k] + 1)");
    expect_expr("sum(k) if c then x[k]", "sum(k) if c then x[k]");
    expect_expr("sum(...) x[...] / n", "sum(...) x[...] / n");
    expect_expr("sum(x) - 1", "sum(x) - 1");
    expect_expr("max(a, b) * max(c, d)", "max(a, b) * max(c, d)");
    expect_expr("a * sum(i) sum(j) x[i, j] * y", "a * (sum(i) sum(j) x[i, j] * y)");
    expect_expr("(sum(k) x[k]) / n", "(sum(k) x[k]) / n");
    expect_expr("max(k in 0..n, ...) x[k, ...]", "max(k in 0..n, ...) x[k, ...]");
    expect_expr("sum(k) (-x[k]) * y[k]", "sum(k) (-x[k] * y[k])");
    expect_expr("max(max(a, b), c)", "max(max(a, b), c)");
}

/* ---- expressions ----------------------------------------------------------- */

Test(expressions, bind_as_the_language_says) {
    expect_expr("a - b - (c - d)", "a - b - (c - d)");
    expect_expr("-a ** -b ** c", "-a ** (-b ** c)");
    expect_expr("(-a) ** 2", "(-a) ** 2");
    expect_expr("- -a", "-(-a)");
    expect_expr("not a == b and not (c or d)", "not a == b and not (c or d)");
    expect_expr("a + b |> f + c |> g.h(1)", "(a + b |> f) + c |> g.h(1)");
    expect_expr("if a then b else c + d |> f", "if a then b else (c + d |> f)");
    expect_expr("(if a then b else c) + d", "(if a then b else c) + d");
    expect_expr("if a then if b then c else d else e", "if a then (if b then c else d) else e");
    expect_expr("x[i - 1] else 0 + y", "(x[i - 1] else 0) + y");
    expect_expr("x[i] else y[i] else -1", "x[i] else y[i] else (-1)");
    expect_expr("if c then x[i] else 0", "if c then x[i] else 0");
    expect_expr("if c then (x[i] else 0) else 1", "if c then (x[i] else 0) else 1");
    expect_expr("f(if c then a, x[i] else 0)", "f(if c then a, x[i] else 0)");
    expect_expr("x[:, t, 1:-1, :2, ...]", "x[:, t, 1:-1, :2, ...]");
    expect_expr("e.table[w[n], d] @ [[1, 2], [3, 4.5]]", "e.table[w[n], d] @ [[1, 2], [3, 4.5]]");
    expect_expr("grad(l, w, per: n)", "grad(l, w, per: n)");
    expect_expr(".5 + 0x1f + 1_000 + 1e-7 + 2e3", "0.5 + 31 + 1000 + 1e-07 + 2e+03");
    expect_expr("\"a\\n\\\"b\\\\\"", "\"a\\n\\\"b\\\\\"");
}

Test(statements, of_every_kind) {
    static const char all[] =
            "import \"x.dl\"\n"
            "const width = 128\n"
            "layer dense(x: f32[..., n], units: int, bias: bool = true, rate = 0.1) {\n"
            "    param w: f32[n, units] = glorot_uniform()\n"
            "    state s: f32[n]\n"
            "    penalty 0.1 * w\n"
            "    scan t in n reversed with h = zeros(batch, n), c = 0 {\n"
            "        h = h + c\n"
            "    }\n"
            "    return h, all c\n"
            "}\n"
            "fn gelu(x) = 0.5 * x * (1 + erf(x / sqrt(2)))\n"
            "initializer ones() for p = 1\n"
            "initializer unit(gain: real = 1) for p {\n"
            "    return gain\n"
            "}\n"
            "optimizer sgd(rate = 0.01) {\n"
            "    for p, g in parameters(\"*\") {\n"
            "        p = p - rate * g\n"
            "    }\n"
            "}\n"
            "metric m(a, b) {\n"
            "    total t = sum(n) a[n]\n"
            "    result t / 2\n"
            "}\n"
            "model net {\n"
            "    input x: u8[batch, 3]\n"
            "    target y: i32[batch]\n"
            "    a, b = f(x)\n"
            "    z[n, i in 0..3, ...] = x[n, i + 1, ...] else 0\n"
            "    for i in 0..12 {\n"
            "        x = x |> dense(i)\n"
            "    }\n"
            "    freeze \"dense*\"\n"
            "    entry decode {\n"
            "        output z\n"
            "    }\n"
            "    output p = softmax(z)\n"
            "    loss extra = 0.1 * a\n"
            "}\n";
    expect(all, all);
}

/* ---- files ----------------------------------------------------------------- */

static const char *write_file(const char *folder, const char *name, const char *text) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

Test(files, are_imported_once_and_first) {
    char folder[] = "/tmp/test_parse.XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    write_file(folder, "base.dl", "fn base(x) = x");
    write_file(folder, "middle.dl", "import \"base.dl\"\nfn middle(x) = x");
    const char *path = write_file(folder, "top.dl",
            "fn top(x) = x\nimport \"./middle.dl\"\nimport \"../base.dl\"\nfn end(x) = x\n");
    Arena *a = arena_new();
    diag_reset();
    ast_load(a, path);
    cr_expect_eq(diag_errors(), 1, "there is no ../base.dl");
    diag_reset();
    path = write_file(folder, "top.dl",
            "fn top(x) = x\nimport \"./middle.dl\"\nimport \"base.dl\"\nfn end(x) = x\n");
    char *text = print(ast_load(a, path));
    cr_expect_eq(diag_errors(), 0);
    cr_expect_str_eq(text,
            "fn base(x) = x\nfn middle(x) = x\nfn top(x) = x\nfn end(x) = x\n");
    free(text);
    arena_free(a);
    static const char *const name[] = {"base.dl", "middle.dl", "top.dl"};
    for (int i = 0; i < 3; i++) {
        char gone[256];
        snprintf(gone, sizeof gone, "%s/%s", folder, name[i]);
        remove(gone);
    }
    remove(folder);
}

Test(files, the_library_parses_and_passes_its_checks) {
    Arena *a = arena_new();
    diag_reset();
    Ast *library = ast_load_std(a);
    ast_check(library);
    cr_expect_eq(diag_errors(), 0);
    char *first = print(library), *second = print(parse(a, first));
    cr_expect_gt(ast_count(library->list), 50);
    cr_expect_str_eq(first, second);
    free(first);
    free(second);
    arena_free(a);
}

/* ---- messages -------------------------------------------------------------- */

Test(messages, are_counted_once_at_a_place) {
    Arena *a = arena_new();
    const char *text = "a b c";
    const Source *src = source_from_text(a, "t", text, strlen(text));
    diag_reset();
    for (int i = 0; i < 3; i++) {
        diag_error((Span){src, 2, 3}, "no %s", "b");
        diag_note((Span){src, 0, 1}, "beside this");
        diag_warning((Span){src, 2, 3}, "no %s", "b");
    }
    diag_error((Span){src, 4, 5}, "no %s", "b");
    cr_expect_eq(diag_errors(), 2);
    diag_hold();
    diag_error((Span){src, 4, 5}, "held");
    cr_expect_eq(diag_errors(), 3);
    diag_release();
    cr_expect_eq(diag_errors(), 3);
    diag_reset();
    cr_expect_eq(diag_errors(), 0);
    arena_free(a);
}

/* ---- trouble --------------------------------------------------------------- */

static char *repeated(const char *head, const char *piece, int n, const char *tail) {
    size_t size = strlen(head) + strlen(piece) * (size_t)n + strlen(tail) + 1;
    char *text = malloc(size), *end = text + sprintf(text, "%s", head);
    for (int i = 0; i < n; i++) end += sprintf(end, "%s", piece);
    sprintf(end, "%s", tail);
    return text;
}

Test(trouble, deep_nesting_is_an_error_and_no_crash) {
    static const char *const piece[] = {"(", "[", "-", "not ", "f(", "1 + (", "2 ** ", "x[", "1 + ",
            "if a then b else ", "sum(k) ", "a |> ", "{", "if a {", "if a then "};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
        char *text = repeated("y = ", piece[i], 10000, "1");
        cr_expect_geq(errors_of(text), 1, "10,000 times '%s'", piece[i]);
        free(text);
    }
    char *text = repeated("y = ", "(", 500, "1");
    char *whole = repeated(text, ")", 500, "");
    cr_expect_eq(errors_of(whole), 0);
    free(text);
    free(whole);
}

Test(trouble, long_lists_are_fine) {
    char *text = repeated("y = f(", "x, ", 20000, "x)");
    cr_expect_eq(errors_of(text), 0);
    free(text);
    text = repeated("", "y = x\n", 20000, "");
    cr_expect_eq(errors_of(text), 0);
    free(text);
}

Test(trouble, several_errors_in_one_run) {
    cr_expect_eq(errors_of("model m {\n a = (1 + \n b = 2 3\n c = 4\n d = * 5\n}\n"), 3);
    cr_expect_eq(errors_of("layer a(x {\n y = 1 2\n}\nfn b() = \nfn c(x) = x x"), 4);
}
