/* Tables that are wrong, and what is said of them; JSON lines. */
#include <criterion/criterion.h>

#include "opened_table.h"

static void setup(void) {
    make_folder();
}

static void teardown(void) {
    remove_folder();
}

TestSuite(table_files, .init = setup, .fini = teardown);

/* ---- JSON lines ------------------------------------------------------------------------------ */

Test(table_files, json_lines) {
    static const char *const model[] = {"v f32 -1 3", "x f32 -1 3", "kind i32 -1", NULL};
    Opened o;
    write_text("t.jsonl", "{\"v\": [1, 2, 3], \"size\": 1.5, \"kind\": \"cat\", \"ok\": true}\n\n"
                          " {\"kind\": \"d\\u00f6g\", \"size\": null, \"v\": [4, 5, 6], \"new\": 7}\r\n");
    open_table(&o, "jsonl", 2, model, LIST("t.jsonl", "test=0"), NULL);
    cr_assert(o.data, "%s", o.d.error.text);
    near(value(&o.data->train, 0, 1, 2), 6);
    near(value(&o.data->train, 1, 1, 0), 1.5);
    near(value(&o.data->train, 1, 0, 1), 1);
    near(value(&o.data->train, 1, 0, 2), 7);
    near(value(&o.data->train, 2, 1, 0), 1);
    cr_expect_str_eq(o.data->class_name[1], "d\xc3\xb6g");
    cr_expect_str_eq(dl_meta_get(&o.data->meta, "columns.v"), "v\t0\nv\t1\nv\t2");
    close_table(&o);
}

Test(table_files, json_lines_that_are_wrong) {
    static const char *const model[] = {"x f32 -1 1", "y f32 -1", NULL};
    static const char *const good = "{\"x\": 1, \"y\": 2}\n";
    static const struct {
        const char *line, *part;
    } bad[] = {{"{\"x\": 1, \"y\": 2", "t.jsonl:2: is no JSON object"},
            {"{\"x\": 1, \"y\": 2} 3", "t.jsonl:2: is no JSON object"},
            {"[{\"x\": 1, \"y\": 2}]", "t.jsonl:2: is no JSON object; a line is one record"},
            {"{\"x\": {\"a\": 1}, \"y\": 2}", "t.jsonl:2: 'x' holds an object"},
            {"{\"x\": [\"a\"], \"y\": 2}", "t.jsonl:2: 'x' holds an array of other things"},
            {"{\"x\": [], \"y\": 2}", "t.jsonl:2: 'x' holds an empty array"},
            {"{\"x\": [1, 2], \"y\": 2}", "t.jsonl:2: column 'x' holds 2 numbers, and in the records"},
            {"{\"x\": 1e999, \"y\": 2}", "t.jsonl:2: 'x' holds a number that is too large"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s", good, bad[i].line);
        write_text("t.jsonl", text);
        refused("jsonl", 1, model, LIST("t.jsonl", "test=0"), bad[i].part);
    }
    write_text("t.jsonl", "x,y\n1,2\n");
    refused("jsonl", 1, model, LIST("t.jsonl"), "t.jsonl:1: is no JSON object");
    refused("jsonl", 1, model, LIST("test=0"), "data jsonl: name the file");
}

/* ---- tables that are wrong ------------------------------------------------------------------- */

Test(table_files, csv_that_is_wrong) {
    static const char *const model[] = {"x f32 -1 2", "y i32 -1", NULL};
    static const struct {
        const char *text, *part;
    } bad[] = {{"", "t.csv: holds no records"},
            {"a,b,y\n", "t.csv: holds no records after its header"},
            {"a,b,y\n1,2,0\n1,2\n", "t.csv:3: has 2 fields, and the header 3"},
            {"a,b\n1,2,0\n1,2,3\n", "t.csv:2: has 3 fields, and the header 2"},
            {"1,2,3\n1,2,3\n1\n", "t.csv:3: has 1 field, and the records before it 3"},
            {"a,b,y\n1,2,0\n1,\"2,0\n", "t.csv:3: a quoted field is not closed"},
            {"a,b,y\n1,\"x\ny\",0\n1,2\n", "t.csv:4: has 2 fields"},
            {"a,b,y\n1,\"2\"3,0\n", "t.csv:2: text follows a quoted field"},
            {"a,b,y\n1,2,0.5\n1,2,0\n", "m.dl:3: 'y' is i32, but row 0 of the training data ('y')"},
            {"a,b,y\n1,2,0\n1,-1e39,0\n", "t.csv:3: column 'b' gives -1e+39, which is larger"},
            {"a,b,a\n1,2,3\n", "t.csv:1: two columns are called 'a'"},
            {"a,b,y\n1,\xff,0\n2,x,0\n", "t.csv:2: column 'b' is not UTF-8 text (a byte 0xff)"},
            {"a,\xe9,y\n1,2,0\n", "t.csv:1: the name of column 2 is not UTF-8"},
            {"\xff\xfe""a", "t.csv: is UTF-16 text"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("t.csv", bad[i].text);
        refused("csv", 1, model, LIST("t.csv", "test=0"), bad[i].part);
    }
    write_file("t.csv", "a,b\n\0,y\n", 8);
    refused("csv", 1, model, LIST("t.csv"), "t.csv:2: is not text");
    refused("csv", 1, model, LIST("none.csv"), "no file none.csv");
    refused("csv", 1, model, LIST("test=0"), "name the file");
    write_text("t.csv", "a,b,y\n1,2,0\n3,2,1\n");
    refused("csv", 2, LIST("x f32 -1", "uvw f32 -1", "y i32 -1"), LIST("t.csv"),
            "t.csv: has no column 'uvw'; its columns are a, b, y");
    /* One text among numbers is a mistake. */
    char text[400] = "a,b,y\n";
    for (int i = 0; i < 20; i++) strcat(text, i == 12 ? "1,l2,0\n" : "1,2,0\n");
    write_text("t.csv", text);
    refused("csv", 1, model, LIST("t.csv"), "t.csv:14: column 'b' holds 'l2', and a number is needed");
}

Test(table_files, arguments_that_are_wrong) {
    static const char *const model[] = {"x f32 -1 1", "y i32 -1", NULL};
    write_text("t.csv", "a,y\n1,0\n");
    refused("csv", 1, model, LIST("t.csv", "tset=0"),
            "data csv: has no argument 'tset'; did you mean 'test'? It takes file target test header");
    refused("csv", 1, model, LIST("t.csv", "test=2"),
            "data csv: test is '2', and must be a number from 0 to 1");
    refused("csv", 1, model, LIST("t.csv", "header=yes"),
            "data csv: header is 'yes', and must be true or false");
    refused("csv", 1, model, LIST("t.csv", "target=zzz"), "has no column 'zzz'; its columns are a, y");
    refused("cvs", 1, model, LIST("t.csv"),
            "data cvs: there is no such reader; did you mean 'csv'? The readers are cifar10, mnist");
}

/* A file that is cut short or changed anywhere is read or refused with a message. */
Test(table_files, damaged_files_do_no_harm) {
    static const char *const model[] = {"x f32 -1 3", "kind i32 -1", NULL};
    static const char json[] = "{\"size\": 1.5, \"kind\": \"cat\", \"v\": [1, 2]}\n{\"size\": 2, "
                               "\"kind\": \"dog\", \"v\": [3, 4]}\n";
    static const struct {
        const char *reader, *text;
    } file[] = {{"csv", "\xef\xbb\xbfsize,kind,\"a \"\"b\"\", c\"\r\n1.5,cat, red \r\n\r\n2,\"d,o\ng\",blue\n"}, {"jsonl", json}};
    for (int f = 0; f < 2; f++) {
        size_t n = strlen(file[f].text);
        for (size_t i = 0; i < 2 * n; i++) {
            char copy[256];
            Opened o;
            memcpy(copy, file[f].text, n);
            if (i >= n) copy[i - n] = (char)(i * 37 % 255 + 1);
            write_file("t", copy, i < n ? i : n);
            open_table(&o, file[f].reader, 1, model, LIST("t", "test=0"), NULL);
            cr_expect(o.data || o.d.error.text[0] != '\0');
            close_table(&o);
        }
    }
}
