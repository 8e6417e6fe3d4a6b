/* near.c - see near.h. A name is near when about a third of the word is mistyped at most; of one letter, none. */
#include <stdio.h>
#include <string.h>

#include "near.h"

enum { LONGEST = 40 };

static int least(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

static int distance(const char *a, size_t m, const char *b, size_t n) {
    int row[LONGEST + 1];
    if (m > LONGEST || n > LONGEST) return LONGEST;
    for (size_t k = 0; k <= n; k++) row[k] = (int)k;
    for (size_t i = 1; i <= m; i++) {
        int corner = row[0];
        row[0] = (int)i;
        for (size_t k = 1; k <= n; k++) {
            int above = row[k];
            row[k] = least(above + 1, row[k - 1] + 1, corner + (a[i - 1] != b[k - 1]));
            corner = above;
        }
    }
    return row[n];
}

DlNear dl_near(const char *word) {
    int most = (int)(strlen(word) / 3) + 2;
    return (DlNear){.word = word, .distance = word[0] && word[1] ? most : 1};
}

void dl_near_offer(DlNear *n, const char *name, size_t length) {
    int here = distance(n->word, strlen(n->word), name, length);
    if (here >= n->distance) return;
    n->distance = here;
    n->best = name;
    n->length = length;
}

void dl_near_hint(const DlNear *n, char *text, size_t size) {
    text[0] = '\0';
    if (n->best) snprintf(text, size, "; did you mean '%.*s'?", (int)n->length, n->best);
}
