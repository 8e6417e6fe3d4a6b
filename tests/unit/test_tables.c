/* Tables: CSV as columns, what is learnt of them from the training rows, and how it comes back with
 * the weights. */
#include <criterion/criterion.h>

#include "../../runtime/trainer/real.h"
#include "../../runtime/trainer/table.h"
#include "../../runtime/trainer/units.h"
#include "opened_table.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(tables, .init = setup, .fini = teardown);

/* ---- numbers --------------------------------------------------------------------------------- */

Test(tables, numbers_are_those_of_strtod) {
    static const char *const good[] = {"0", "-0", "1", "+2.50", "12345678901234567890", ".5", "5.",
            "1e3", "1E-3", "-1.7976931348623157e308", "2.2250738585072014e-308", "4.9e-324",
            "0.1", "123456789012345.6", "9007199254740993", "1e23", "8.5e-23",
            "0.000000000000000000000000000001", "00000000000000000000012", "3.14159265358979323846"};
    static const char *const bad[] = {"", "-", ".", "e5", "1e", "1e+", "0x10", "inf", "nan", "1,5",
            "1.2.3", "12a", "1 2", "--1", "1e999"};
    double v;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_expect(dl_real(good[i], strlen(good[i]), &v), "%s", good[i]);
        double want = strtod(good[i], NULL);
        cr_expect(memcmp(&v, &want, sizeof v) == 0, "%s: %.17g", good[i], v);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(dl_real(bad[i], strlen(bad[i]), &v), "%s", bad[i]);
    uint64_t state = 1;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        state = state * 6364136223846793005u + 1442695040888963407u;
        int n = snprintf(text, sizeof text, "%s%u.%ue%d", state >> 63 ? "-" : "",
                (unsigned)(state >> 11) % 100000000, (unsigned)(state >> 40) % 10000,
                (int)(state >> 20 & 63) - 32);
        cr_assert(dl_real(text, (size_t)n, &v));
        double want = strtod(text, NULL);
        cr_assert(memcmp(&v, &want, sizeof v) == 0, "%s", text);
    }
}

/* ---- columns --------------------------------------------------------------------------------- */

static const char pets[] = "\xef\xbb\xbfsize,kind,Age,\"a \"\"b\"\", c\"\r\n"
                           "1.5,cat,3, red \r\n\r\n2,\"d,o\ng\",4,blue\n-1e3,cat,5,red\n7,ant,6,red\n"
                           "8,cat,7,blue\n";

Test(tables, named_columns_and_those_that_remain) {
    Opened o;
    write_text("t.csv", pets);
    open_table(&o, "csv", 2, LIST("age f32 -1", "x f32 -1 3", "kind i32 -1"), LIST("t.csv"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 4);
    cr_expect_eq(o.data->test.rows, 1);
    near(value(&o.data->train, 0, 1, 0), 4);
    near(value(&o.data->train, 1, 2, 0), -1000);
    near(value(&o.data->train, 1, 0, 1), 0); /* blue, red */
    near(value(&o.data->train, 1, 0, 2), 1);
    near(value(&o.data->train, 2, 1, 0), 2); /* ant, cat, d,o\ng */
    near(value(&o.data->test, 0, 0, 0), 7);
    cr_expect_str_eq(o.data->class_name[0], "ant");
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "categories.kind"), "ant\ncat\nd,o\\ng");
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "columns.x"),
            "size\na \"b\", c\tblue\na \"b\", c\tred");
    close_table(&o);
}

Test(tables, inputs_and_except_choose_columns) {
    static const char *const model[] = {"x f32 -1 2", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", "id,a1,y,a2,b\n9,1,2,3,4\n8,5,6,7,8\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "except=id b"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 1, 0), 5);
    near(value(&o.data->train, 0, 1, 1), 7);
    near(value(&o.data->train, 1, 1, 0), 6);
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "inputs=b, a1"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 0, 0), 4); /* in the order of the list */
    near(value(&o.data->train, 0, 0, 1), 1);
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "inputs=a*"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 0, 1), 3);
    close_table(&o);
    refused("csv", 1, model, LIST("t.csv", "except=idd"),
            "t.csv: has no column 'idd'; did you mean 'id'? its columns are id, a1, y, a2, b");
    refused("csv", 1, model, LIST("t.csv", "inputs=a1"),
            "m.dl:2: 'x' takes 2 numbers a row, and ");
    refused("csv", 1, model, LIST("t.csv"),
            "t.csv has 4 for it: id, a1, a2, b\nWrite x: f32[batch, 4], or choose columns");
}

Test(tables, several_targets) {
    Opened o;
    write_text("t.csv", "a,u,v\n1,2,3\n4,5,6\n");
    open_table(&o, "csv", 1, LIST("a f32 -1", "y f32 -1 2"), LIST("t.csv", "test=0", "target=u v"),
            NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 1, 1, 1), 6);
    close_table(&o);
    open_table(&o, "csv", 1, LIST("a f32 -1", "u f32 -1", "V f32 -1"), LIST("t.csv", "test=0"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 2, 0, 0), 3);
    close_table(&o);
}

Test(tables, a_first_line_of_class_names) {
    static const char *const model[] = {"x f32 -1 2", "y i32 -1", NULL};
    Opened o;
    write_text("t.csv", "3,2,one,two\n1,2,0\n3,4,1\n5,6,0\n");
    open_table(&o, "csv", 1, model, LIST("t.csv.gz", "test=0"), NULL); /* the packed file's name */
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 3);
    cr_expect_eq(o.data->test.rows, 0);
    cr_expect_eq(o.data->nclass, 2);
    cr_expect_str_eq(o.data->class_name[1], "two");
    near(value(&o.data->train, 0, 2, 1), 6);
    close_table(&o);
    write_text("t.csv", "2,2,one,two\n1,2,0\n1,2,0\n1,2,0\n");
    refused("csv", 1, model, LIST("t.csv"), "t.csv:1: announces 2 records, and 3 follow");
}

Test(tables, separators_are_recognised) {
    static const char *const model[] = {"x f32 -1 2", "y f32 -1", NULL};
    static const char *const text[] = {"a;b;y\n1;2;3\n4;5;6\n", "a\tb\ty\n1\t2\t3\n4\t5\t6\n",
            "a|b|y\n1|2|3\n4|5|6\n", "1,2,3\n4,5,6"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        Opened o;
        write_text("t.csv", text[i]);
        open_table(&o, "csv", 1, model, LIST("t.csv", "test=0"), NULL);
        cr_assert(o.data, "%s", o.d.error.text);
        near(value(&o.data->train, 0, 1, 1), 5);
        close_table(&o);
    }
    Opened o;
    write_text("t.csv", "  1   2 3\n 4 5  6  \n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "separator=blank"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 1, 1, 0), 6);
    close_table(&o);
    refused("csv", 1, model, LIST("t.csv", "separator=colon"),
            "separator is 'colon', and must be comma, tab, semicolon, bar or blank");
}

/* ---- what is learnt from the training rows --------------------------------------------------- */

/* Rows 1, 2, 4 and 5 train: every third tests. */
static const char gaps[] = "a,k,y\n1,u,1\n,v,2\n100,w,3\n3,,4\n8,u,5\nNA,x,6\n";

Test(tables, missing_values_are_filled_from_training_rows) {
    static const char *const model[] = {"x f32 -1 4", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", gaps);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.333334"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 4);
    near(value(&o.data->train, 0, 1, 0), 3); /* the median of 1, 3, 8: not of 100 */
    near(value(&o.data->test, 0, 1, 0), 3);
    near(value(&o.data->train, 0, 2, 1), 1); /* a category of their own, then u, v */
    for (int k = 1; k < 4; k++) near(value(&o.data->test, 0, 0, k), 0); /* w: not seen */
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "categories.k"), "\nu\nv");
    said(o.data->note, "column 'a' has no value in 2 rows, filled by 3\n");
    said(o.data->note, "column 'k' has no value in 1 row, filled by a category of their own\n");
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.333334", "missing=mean"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 1, 0), 4);
    close_table(&o);
    static const char *const three[] = {"x f32 -1 3", "y f32 -1", NULL};
    open_table(&o, "csv", 1, three, LIST("t.csv", "test=0.333334", "missing=most_frequent"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 1, 0), 1);
    near(value(&o.data->train, 0, 2, 1), 1); /* u */
    close_table(&o);
    refused("csv", 1, model, LIST("t.csv", "missing=zero"),
            "missing is 'zero', and must be median, mean, most_frequent, drop or refuse");
    refused("csv", 1, model, LIST("t.csv", "missing=refuse"), "t.csv:3: column 'a' has no value");
}

Test(tables, rows_may_be_left_out) {
    static const char *const model[] = {"a f32 -1", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", "a,y\n1,1\n,2\n3,\n4,4\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 3);
    said(o.data->note, "1 of 4 rows are left out: they lack the target");
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "missing=drop"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 2);
    near(value(&o.data->train, 0, 1, 0), 4);
    write_text("u.csv", "a\n1\n?\n");
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "u.csv:3: column 'a' has no value");
    close_table(&o);
    write_text("t.csv", "a,y\n1,\n,2\n");
    refused("csv", 1, model, LIST("t.csv", "missing=drop"), "no record has values in all of the columns");
}

Test(tables, standardized_by_training_rows) {
    static const char *const model[] = {"x f32 -1 2", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", "a,b,y\n1,5,10\n3,5,30\n1000,7,9000\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.333334", "standardize=true"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 0, 0), -1);
    near(value(&o.data->train, 0, 1, 0), 1);
    near(value(&o.data->train, 0, 1, 1), 0); /* does not vary: keeps its unit */
    near(value(&o.data->test, 0, 0, 0), 998);
    near(value(&o.data->test, 0, 0, 1), 2);
    near(value(&o.data->train, 1, 0, 0), 10);
    cr_expect_null(dl_meta_get(&o.data->meta, "scale.y"));
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.333334", "standardize=all"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 1, 0, 0), -1);
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "scale.y"), "20 10");
    close_table(&o);
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.333334", "standardize=b y"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 0, 0), 1);
    near(value(&o.data->train, 1, 1, 0), 1);
    close_table(&o);
}

Test(tables, validation_rows_teach_nothing) {
    static const char *const model[] = {"x f32 -1", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", "x,y\n0,1\n2,1\n4,1\n1e6,1\n");
    describe(&o.d, 1, model);
    o.d.config.control.validation = 0.25;
    o.d.config.control.validation_last = true;
    o.d.arg[0] = (DlArg){NULL, "t.csv"};
    o.d.arg[1] = (DlArg){"standardize", "true"};
    o.d.arg[2] = (DlArg){"test", "0"};
    o.data = open_data(&o.d, "csv", NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    cr_expect_eq(o.data->train.rows, 3);
    near(value(&o.data->train, 0, 1, 0), 0);
    close_table(&o);
}

/* ---- categories ------------------------------------------------------------------------------ */

Test(tables, identifiers_become_indices_by_value) {
    static const char *const model[] = {"user i32 -1", "rating f32 -1", NULL};
    Opened o;
    write_text("t.csv", "User,time,rating\n100,1,1\n9,2,2\n100,3,3\n20,4,4\n9,5,5\n7,6,6\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0.166667", "categories=user"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    static const int32_t want[] = {2, 0, 2, 1, 0};
    cr_expect_arr_eq(o.data->train.array[0].at, want, sizeof want);
    near(value(&o.data->test, 0, 0, 0), 3); /* not seen: behind the others */
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "categories.User"), "9\n20\n100");
    DlData *mine = NULL;
    write_text("u.csv", "time,USER\n1,20\n2,21\n");
    mine = given(&o, "csv", "u.csv", &o.data->meta);
    cr_assert(mine, "%s", o.d.error.text);
    near(value(&mine->train, 0, 0, 0), 1);
    near(value(&mine->train, 0, 1, 0), 3);
    dl_data_free(mine);
    o.d.tensor[0].bound = 3; /* a table without room for others */
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "u.csv:3: column 'User' holds '21', which did not occur in training");
    o.d.tensor[0].bound = 2;
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "it needs a table of 4 rows, embedding(4, ...)");
    close_table(&o);
}

Test(tables, text_where_a_number_is_expected) {
    Opened o;
    write_text("t.csv", "a,y\nred,1\nblue,0\n");
    refused("csv", 1, LIST("a f32 -1", "y f32 -1"), LIST("t.csv", "test=0"),
            "'a' is one real number, and column 'a' of ");
    open_table(&o, "csv", 1, LIST("x f32 -1 1", "a f32 -1"), LIST("t.csv", "test=0"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 1, 0, 0), 1); /* a target of two classes as 0 and 1 */
    close_table(&o);
    open_table(&o, "csv", 1, LIST("x f32 -1 1", "a f32 -1 2"), LIST("t.csv", "test=0"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 1, 0, 1), 1); /* or as places */
    near(value(&o.data->train, 1, 0, 0), 0);
    close_table(&o);
    open_table(&o, "csv", 1, LIST("x f32 -1 2", "y f32 -1"), LIST("t.csv", "test=0"), NULL);
    cr_expect(o.data, "%s", o.d.error.text);
    close_table(&o);
    write_text("t.csv", "b,a,y\n1,red,1\n2,blue,0\n");
    open_table(&o, "csv", 1, LIST("x f32 -1 2", "y f32 -1"), LIST("t.csv", "test=0", "one_hot=false"),
            NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 0, 1), 1);
    close_table(&o);
}

/* ---- what came with the weights -------------------------------------------------------------- */

Test(tables, a_users_table_is_prepared_in_the_same_way) {
    static const char *const model[] = {"x f32 -1 3", "y f32 -1", NULL};
    Opened o;
    write_text("t.csv", "a,k,y\n1,u,1\n3,v,2\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "standardize=true"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    /* Another order, another separator, a column more, none of the target. */
    write_text("u.csv", "more;k;a\n9;w;5\n9;v;\n");
    DlData *mine = given(&o, "csv", "u.csv", &o.data->meta);
    cr_assert(mine, "%s", o.d.error.text);
    static const float want[] = {3, 0, 0, 0, 0, 1};
    cr_expect_arr_eq(mine->train.array[0].at, want, sizeof want);
    dl_data_free(mine);
    write_text("u.jsonl", "{\"k\": \"v\", \"a\": 5}\n");
    mine = given(&o, "csv", "u.jsonl", &o.data->meta);
    cr_assert(mine, "%s", o.d.error.text);
    cr_expect_eq(((const float *)(const void *)mine->train.array[0].at)[2], 1);
    dl_data_free(mine);
    write_text("u.csv", "k,b\nu,5\n");
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "u.csv: has no column 'a'");
    write_text("u.csv", "5,u\n");
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "its columns are 1, 2; names for them may stand in a first line");
    write_text("u.csv", "a,k\nx5,u\n");
    cr_expect_null(given(&o, "csv", "u.csv", &o.data->meta));
    said(o.d.error.text, "u.csv:2: column 'a' holds 'x5', and a number is needed");
    dl_pair pair = {"table", "[{\"name\": \"x\", \"columns\": [{\"column\": \"a\", \"fill\": []}]}]"};
    write_text("u.csv", "a,k\n5,u\n");
    cr_expect_null(given(&o, "csv", "u.csv", &(DlMeta){1, &pair}));
    said(o.d.error.text, "cannot be read; train again");
    cr_expect_null(given(&o, "csv", "u.csv", &(DlMeta){0, NULL}));
    said(o.d.error.text, "without the names of the columns");
    close_table(&o);
}

Test(tables, evaluation_uses_what_was_learnt) {
    static const char *const model[] = {"x f32 -1 1", "y f32 -1", NULL};
    Opened o, other;
    write_text("t.csv", "a,y\n1,1\n3,2\n");
    write_text("other.csv", "y,a\n1,11\n2,\n");
    open_table(&o, "csv", 1, model, LIST("t.csv", "test=0", "standardize=all"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    open_table(&other, "csv", 1, model, LIST("other.csv", "test=0"), &o.data->meta);
    cr_assert(other.data, "%s", other.d.error.text);
    near(value(&other.data->train, 0, 0, 0), 9);
    near(value(&other.data->train, 0, 1, 0), 0);
    near(value(&other.data->train, 1, 0, 0), -1);
    cr_expect_str_eq(dl_meta_get(&other.data->meta, "table"), dl_meta_get(&o.data->meta, "table"));
    close_table(&other);
    close_table(&o);
}

/* ---- a target's own units -------------------------------------------------------------------- */

Test(tables, predictions_in_the_targets_own_units) {
    static const int64_t two[] = {-1, 2}, one[] = {-1, 1};
    dl_pair pair = {"scale.y", "20 10\n-1 0.5"};
    const DlMeta meta = {1, &pair};
    dl_tensor output[] = {{.name = "p", .type = DL_F32, .rank = 2, .shape = one},
            {.name = "q", .type = DL_F32, .rank = 2, .shape = two},
            {.name = "r", .type = DL_F32, .rank = 2, .shape = two}};
    dl_entry entry = {.name = "predict", .noutput = 2, .output = output};
    float p[] = {1, 2}, q[] = {-1, 0, 1, 2};
    void *at[] = {p, q, q};
    Described d;
    describe(&d, 1, LIST("x f32 -1", "y f32 -1 2"));
    d.model.nentry = 1;
    d.model.entry = &entry;
    dl_units_restore(&d.model, &meta, 2, at);
    near((double)p[0], 1); /* another shape: no prediction of y */
    near((double)q[0], 10);
    near((double)q[1], -1);
    near((double)q[2], 30);
    near((double)q[3], 0);
    entry.noutput = 3; /* which of two? */
    dl_units_restore(&d.model, &meta, 2, at);
    near((double)q[0], 10);
    close_described(&d, NULL);
}
