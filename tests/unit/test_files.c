/* Folders and archives as sorted lists of files: whatever the packing, the same list and bytes;
 * whatever is wrong with one, a message. */
#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "trainer_line.h"

static DlPool *pool;

static void setup(void) {
    make_folder();
    pool = dl_pool_new();
}

static void teardown(void) {
    dl_pool_free(pool);
    remove_folder();
}

TestSuite(files, .init = setup, .fini = teardown);

/* ---- making them ---------------------------------------------------------------------- */

typedef struct Member {
    const char *name, *text;
} Member;

static const Member members[] = {
        {"b/2.txt", "two"},
        {"b/10.txt", "ten"},
        {"a.txt", ""},
        {"b/c/x", "deep"},
        {".hidden", "no"},
        {NULL, NULL},
};
static const char sorted[] = "a.txt= b/10.txt=ten b/2.txt=two b/c/x=deep ";

static unsigned char bytes[1 << 16], packed[1 << 17];

static size_t make_archive(bool zip, const Member *m) {
    size_t n = 0;
    struct archive *a = archive_write_new();
    if (zip)
        archive_write_set_format_zip(a);
    else
        archive_write_set_format_ustar(a);
    archive_write_set_bytes_in_last_block(a, 1);
    cr_assert_eq(archive_write_open_memory(a, bytes, sizeof bytes, &n), ARCHIVE_OK);
    for (; m->name; m++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, m->name);
        archive_entry_set_size(entry, (la_int64_t)strlen(m->text));
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
        cr_assert_eq(archive_write_data(a, m->text, strlen(m->text)),
                (la_ssize_t)strlen(m->text));
        archive_entry_free(entry);
    }
    archive_write_close(a);
    archive_write_free(a);
    return n;
}

static size_t pack_gzip(const void *from, size_t n) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)from,
            .avail_in = (uInt)n,
            .next_out = packed,
            .avail_out = sizeof packed};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static size_t pack_xz(const void *from, size_t n) {
    size_t used = 0;
    cr_assert_eq(lzma_easy_buffer_encode(
                         1, LZMA_CHECK_CRC64, NULL, from, n, packed, &used, sizeof packed),
            LZMA_OK);
    return used;
}

static size_t pack_zstd(const void *from, size_t n) {
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    size_t used = ZSTD_compress2(c, packed, sizeof packed, from, n);
    cr_assert(!ZSTD_isError(used));
    ZSTD_freeCCtx(c);
    return used;
}

typedef size_t Pack(const void *from, size_t n);
static Pack *const packs[] = {pack_gzip, pack_xz, pack_zstd};

/* ---- reading them --------------------------------------------------------------------- */

/* "path=text " of each file; or what is wrong. */
static const char *listed(const char *name) {
    static char text[8192];
    DlError e = {""};
    DlFiles f;
    text[0] = '\0';
    if (!dl_files_open(pool, in_folder(name), &f, &e)) {
        cr_expect(e.text[0] != '\0');
        snprintf(text, sizeof text, "%s", e.text);
        return text;
    }
    for (int64_t i = 0; i < f.n; i++) {
        DlBytes b;
        if (!dl_files_read(pool, &f, i, &b, &e)) {
            snprintf(text, sizeof text, "%s", e.text);
            return text;
        }
        cr_expect_eq(b.at[b.size], 0);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s=%.*s ", f.file[i].path, (int)b.size,
                (const char *)b.at);
        dl_pool_drop(pool, b.at);
    }
    return text;
}

static void make_tree(const char *top) {
    char path[128];
    static const char *const folders[] = {"", "/b", "/b/c", "/.git", "/empty"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s%s", folder, top, folders[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    for (const Member *m = members; m->name; m++) {
        snprintf(path, sizeof path, "%s/%s", top, m->name);
        write_text(path, m->text);
    }
    snprintf(path, sizeof path, "%s/.git/config", top);
    write_text(path, "no");
}

Test(files, of_a_folder) {
    char path[128];
    make_tree("tree");
    snprintf(path, sizeof path, "%s/tree/b/c/up", folder);
    cr_assert_eq(symlink("../..", path), 0); /* a circle */
    cr_expect_str_eq(listed("tree"), sorted);
    cr_expect_str_eq(listed("tree///"), sorted);
}

Test(files, packed_in_a_folder) {
    size_t n = pack_zstd("hello", 5);
    make_tree("tree");
    write_file("tree/z", packed, n);
    cr_expect(strstr(listed("tree"), " z=hello "), "%s", listed("tree"));
}

Test(files, of_archives) {
    size_t n = make_archive(false, members);
    write_file("t", bytes, n);
    cr_expect_str_eq(listed("t"), sorted);
    for (size_t i = 0; i < 3; i++) {
        write_file("t", packed, packs[i](bytes, n));
        cr_expect_str_eq(listed("t"), sorted);
    }
    write_file("t", bytes, make_archive(true, members));
    cr_expect_str_eq(listed("t"), sorted);
}

Test(files, packed_in_an_archive) {
    static unsigned char inner[256];
    size_t n = pack_gzip("hello", 5);
    memcpy(inner, packed, n);
    struct archive *a = archive_write_new();
    size_t used = 0;
    archive_write_set_format_ustar(a);
    archive_write_open_memory(a, bytes, sizeof bytes, &used);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, "greeting.gz");
    archive_entry_set_size(entry, (la_int64_t)n);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(a, entry);
    archive_write_data(a, inner, n);
    archive_entry_free(entry);
    archive_write_close(a);
    archive_write_free(a);
    write_file("t", bytes, used);
    cr_expect_str_eq(listed("t"), "greeting.gz=hello ");
}

/* Names that lead elsewhere are names, or left out, and nothing is written anywhere. */
Test(files, names_that_lead_elsewhere) {
    static const Member evil[] = {{"/etc/passwd", "x"}, {"../../up", "y"}, {"./here", "z"},
            {"twice", "old"}, {"twice", "new"}, {NULL, NULL}};
    write_file("t", bytes, make_archive(false, evil));
    cr_expect_str_eq(listed("t"), "etc/passwd=x here=z twice=new ");
}

/* ---- what is wrong -------------------------------------------------------------------- */

static void refused(const char *name, const char *part) {
    const char *text = listed(name);
    cr_expect(strstr(text, part) && strstr(text, name), "%s\nlacks: %s", text, part);
}

Test(files, refused) {
    refused("nothing", "No such file");
    write_text("t.tar", "certainly no archive");
    refused("t.tar", "is not an archive");
    write_text("empty.tar", "");
    refused("empty.tar", "archive");
    write_file("none.tar", bytes, make_archive(false, members + 5));
    refused("none.tar", "holds no files");
}

/* A tar file may be cut anywhere, also between two of its files. */
Test(files, cut_short) {
    size_t n = make_archive(false, members);
    for (size_t cut = 0; cut + 1024 < n; cut += 256) {
        write_file("t", bytes, cut);
        cr_expect(strstr(listed("t"), "archive"), "%zu: %s", cut, listed("t"));
    }
    for (size_t i = 0; i < 3; i++) {
        size_t all = packs[i](bytes, n);
        for (size_t cut = 8; cut < all; cut += 7) {
            write_file("t", packed, cut);
            cr_expect(strstr(listed("t"), "cut short"), "%zu: %s", cut, listed("t"));
        }
    }
    n = make_archive(true, members);
    for (size_t cut = 0; cut < n; cut += 61) {
        write_file("t", bytes, cut);
        cr_expect_str_neq(listed("t"), sorted);
    }
}

/* A changed bit of what was packed is found by the checksums. */
Test(files, checksums) {
    static char text[3000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 23);
    for (size_t k = 0; k < 3; k++) {
        size_t n = packs[k](text, sizeof text);
        for (size_t at = n / 2; at < n; at += 5) {
            DlError e = {""};
            DlBytes b;
            packed[at] ^= 0x10;
            write_file("t", packed, n);
            packed[at] ^= 0x10;
            bool same = dl_bytes_read(pool, in_folder("t"), &b, &e);
            cr_expect(!same || memcmp(b.at, text, sizeof text) == 0, "%zu: byte %zu", k, at);
        }
    }
}

static uint64_t draw(int round, int what, uint64_t n) {
    return (uint64_t)(dl_draw(3, DL_DRAW_DATA, (uint64_t)round, (uint64_t)what) * (double)n);
}

/* Whatever the bytes are: a list or a message (the sanitizers watch). */
Test(files, damaged) {
    int accepted = 0, rounds = 300;
    for (int round = 0; round < rounds; round++) {
        DlError e = {""};
        DlFiles f;
        size_t n = make_archive(round % 2, members);
        for (int i = 0; i < 1 + round % 5; i++)
            bytes[draw(round, 2 * i, n)] = (unsigned char)draw(round, 2 * i + 1, 256);
        write_file("t", bytes, n);
        bool ok = dl_files_open(pool, in_folder("t"), &f, &e);
        cr_expect_neq(ok, e.text[0] != '\0');
        accepted += ok;
    }
    cr_expect(accepted > 0 && accepted < rounds);
}
