/* embed_loads.c - a host, without OpenMP of its own, that loads a model from a shared object, trains
 * it and unloads it, a thousand times: each time with the same result, and memory stays flat.
 *
 *     embed_loads ./model.so MODEL_TABLE TIMES */
#include "embed.h"

#include <dlfcn.h>

int passed, failed;

static uint64_t load_and_train(const char *file, const char *name, int threads) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("%s\n", dlerror());
        exit(3);
    }
    Table *table;
    *(void **)&table = dlsym(library, name);
    uint64_t h = trained_hash(table, threads, 2);
    CHECK(dlclose(library) == 0);
    CHECK(!dlopen(file, RTLD_NOW | RTLD_NOLOAD));
    return h;
}

int main(int argc, char **argv) {
    if (argc != 4) return 3;
    uint64_t want = load_and_train(argv[1], argv[2], 1);
    long before = 0;
    for (int i = 0; i < atoi(argv[3]); i++) {
        CHECK(load_and_train(argv[1], argv[2], 1 + i % 2) == want);
        if (i == 20) before = resident();
    }
    CHECK(resident() <= before + 256);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
