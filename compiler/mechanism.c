/* mechanism.c - the registry of mechanisms that can be left out. */
#include "mechanism.h"

#include <stddef.h>
#include <string.h>

static bool left_out[MECHANISM_COUNT];

static const char *const name_of[MECHANISM_COUNT] = {
#define MECHANISM(name, without) #name,
#include "mechanism.def"
};

static const char *const without_of[MECHANISM_COUNT] = {
#define MECHANISM(name, without) without,
#include "mechanism.def"
};

bool mechanism_on(Mechanism m) {
    return !left_out[m];
}

const char *mechanism_name(int m) {
    return name_of[m];
}

const char *mechanism_without(int m) {
    return without_of[m];
}

static bool leave_out(const char *name, size_t length) {
    for (int m = 0; m < MECHANISM_COUNT; m++)
        if (strlen(name_of[m]) == length && memcmp(name_of[m], name, length) == 0)
            return left_out[m] = true;
    return false;
}

bool mechanism_leave_out(const char *names) {
    for (const char *at = names; *at;) {
        size_t length = strcspn(at, ",");
        if (!leave_out(at, length)) return false;
        at += length + (at[length] == ',');
    }
    return true;
}
