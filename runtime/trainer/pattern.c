/* pattern.c - the patterns of paths, as the language has them: a whole path or the front of one
 * up to a point; `*` is any text. */
#include "trainer.h"

bool dl_pattern_matches(const char *pattern, const char *path) {
    if (*pattern == '\0') return *path == '\0' || *path == '.';
    if (*pattern != '*') return *pattern == *path && dl_pattern_matches(pattern + 1, path + 1);
    for (;; path++) {
        if (dl_pattern_matches(pattern + 1, path)) return true;
        if (*path == '\0') return false;
    }
}
