/* spill.c - data that have no room in memory lie in a file that is mapped: the system keeps in
 * memory what is used, and of the rest as much as it likes.
 *
 * The file is in TMPDIR, else in /var/tmp (/tmp is memory on many machines), and loses its name as
 * soon as it is open, so that nothing remains of it however the process ends. Its room on the disk
 * is taken beforehand: a full disk is a message here and never a signal (SIGBUS) at a later
 * store. A user's own file that is mapped must stay as long as it is while it is used. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spill.h"

size_t dl_spill_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t memory = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : (size_t)1 << 32;
    unsigned long long given;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    if (f && fscanf(f, "%llu", &given) == 1 && given < memory) memory = (size_t)given;
    if (f) fclose(f);
    return memory;
}

static const char *folder(void) {
    const char *said = getenv("TMPDIR");
    if (said && said[0] != '\0') return said;
    return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

static bool no_room(size_t size, int why, DlError *e) {
    return dl_fail(e,
            "the data need %zu bytes more than memory is to hold, and %s has no room for them: %s\n"
            "Set TMPDIR to a folder on a larger disk, or give more memory with --data-memory.",
            size, folder(), strerror(why));
}

/* A file that has lost its name already, or -1. */
static int open_nameless(void) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/dlc.XXXXXX", folder());
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int file = mkstemp(path);
    if (file >= 0) unlink(path);
    return file;
}

/* The file gets its room on the disk, and its place in memory. */
static bool map_file(DlSpill *s, int file, size_t size, DlError *e) {
    int why = posix_fallocate(file, 0, (off_t)size);
    if (why != 0) return no_room(size, why, e);
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) return no_room(size, errno, e);
    *s = (DlSpill){at, size, file};
    return true;
}

bool dl_spill_open(DlSpill *s, size_t size, DlError *e) {
    int file = open_nameless();
    if (file < 0) return no_room(size, errno, e);
    if (map_file(s, file, size, e)) return true;
    close(file);
    return false;
}

bool dl_spill_resize(DlSpill *s, size_t size, DlError *e) {
    DlSpill to;
    if (size <= s->size) {
        long page = sysconf(_SC_PAGESIZE);
        size_t kept = (size + (size_t)page - 1) / (size_t)page * (size_t)page;
        if (kept < s->size) munmap((char *)s->at + kept, s->size - kept);
        s->size = kept < s->size ? kept : s->size;
        if (s->file >= 0 && ftruncate(s->file, (off_t)s->size) != 0)
            return dl_fail(e, "a temporary file cannot be cut: %s", strerror(errno));
        dl_spill_fix(s); /* what was cut has its size: of many such, none keeps a file open */
        return true;
    }
    if (s->file < 0) { /* nobody has meant it to grow */
        if (!dl_spill_open(&to, size, e)) return false;
        memcpy(to.at, s->at, s->size);
    } else if (!map_file(&to, s->file, size, e)) {
        return false;
    }
    munmap(s->at, s->size);
    *s = to;
    return true;
}

void dl_spill_fix(DlSpill *s) {
    if (s->file >= 0) close(s->file);
    s->file = -1;
}

/* The last page of a file is filled up with zeros; behind a file that fills its last page lies one
 * more, from the device of zeros. */
bool dl_spill_map(DlSpill *s, FILE *f, size_t size) {
    int zero = open("/dev/zero", O_RDONLY);
    if (zero < 0) return false;
    void *at = mmap(NULL, size + 1, PROT_READ, MAP_PRIVATE, zero, 0);
    close(zero);
    if (at == MAP_FAILED) return false;
    if (mmap(at, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fileno(f), 0) == MAP_FAILED) {
        munmap(at, size + 1);
        return false;
    }
    *s = (DlSpill){at, size + 1, -1};
    return true;
}

void dl_spill_close(DlSpill *s) {
    if (s->at) munmap(s->at, s->size);
    dl_spill_fix(s);
    s->at = NULL;
}
