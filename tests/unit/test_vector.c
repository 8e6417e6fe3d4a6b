/* test_vector.c - dl_vector.h at every width that this machine can run, and without vectors,
 * by each compiler there is: builds and runs lanes.c, which compares sixteen lanes with one.
 * All machines with a fused multiply-add have one hash of results, and all others. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITH_FMA "0xcad1ab163c44e9a7"
#define WITHOUT_FMA "0x75cc0aa3196d75a7"

static bool exists(const char *cc) {
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null", cc);
    return system(command) == 0;
}

/* The last line of what lanes.c prints, compiled so; the other lines go to stderr. */
static void run(const char *cc, const char *flags, char hash[32]) {
    char program[] = "/tmp/dlc_lanes_XXXXXX", command[512], line[256];
    int fd = mkstemp(program);
    cr_assert(fd >= 0);
    close(fd);
    snprintf(command, sizeof command,
            "%s -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror "
            "-O1 %s -o %s tests/unit/lanes.c -lm && %s",
            cc, flags, program, program);
    FILE *f = popen(command, "r");
    cr_assert(f);
    while (fgets(line, sizeof line, f)) {
        fputs(strncmp(line, "0x", 2) ? line : "", stderr);
        snprintf(hash, 32, "%.*s", (int)strcspn(line, "\n"), line);
    }
    cr_expect(pclose(f) == 0, "%s %s", cc, flags);
    unlink(program);
}

static void check(const char *flags, bool can_run, const char *want) {
    static const char *const compiler[] = {"gcc", "clang"};
    if (!can_run) return;
    for (int i = 0; i < 2; i++) {
        char hash[32] = "";
        if (!exists(compiler[i])) continue;
        run(compiler[i], flags, hash);
        cr_expect_str_eq(hash, want, "%s %s: %s", compiler[i], flags, hash);
    }
}

#ifdef __x86_64__
#define CAN(feature) (__builtin_cpu_supports(feature) != 0)

Test(vector, sixteen_lanes, .timeout = 100) {
    bool can = CAN("avx512f") && CAN("avx512bw") && CAN("avx512dq") && CAN("avx512vl");
    check("-march=skylake-avx512", can, WITH_FMA);
}
Test(vector, eight_lanes, .timeout = 100) { check("-mavx2 -mfma", CAN("fma"), WITH_FMA); }
Test(vector, eight_lanes_without_fma, .timeout = 100) { check("-mavx", CAN("avx"), WITHOUT_FMA); }
Test(vector, four_lanes, .timeout = 100) { check("", true, WITHOUT_FMA); }
Test(vector, four_lanes_that_round, .timeout = 100) {
    check("-msse4.1", CAN("sse4.1"), WITHOUT_FMA);
}
Test(vector, no_vectors, .timeout = 100) { check("-DDLC_PLAIN", true, WITHOUT_FMA); }
Test(vector, no_vectors_but_fma, .timeout = 100) {
    check("-DDLC_PLAIN -mfma", CAN("fma"), WITH_FMA);
}
#else
Test(vector, vectors_of_this_machine, .timeout = 100) {
    check("", true, sizeof(void *) == 8 ? WITH_FMA : WITHOUT_FMA);
}
#endif
