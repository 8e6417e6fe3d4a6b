/* interrupt.c - see interrupt.h. A file that grows beyond what the user may write is an error of
 * the write and not a signal: what is saved then stays whole. */
#include <signal.h>
#include <stddef.h>

#include "interrupt.h"

static const int kept[] = {SIGINT, SIGTERM};
enum { KEPT = sizeof kept / sizeof *kept };

static volatile sig_atomic_t caught;
static struct sigaction before[KEPT], size_before;

static void keep(int number) {
    caught = number;
}

void dl_interrupt_begin(void) {
    struct sigaction a = {.sa_handler = keep, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    caught = 0;
    sigemptyset(&a.sa_mask);
    sigemptyset(&ignore.sa_mask);
    for (int i = 0; i < KEPT; i++) {
        sigaction(kept[i], &a, &before[i]);
        /* What was ignored, as in the background of a shell, goes on being so. */
        if (before[i].sa_handler == SIG_IGN) sigaction(kept[i], &before[i], NULL);
    }
    sigaction(SIGXFSZ, &ignore, &size_before);
}

int dl_interrupted(void) {
    return caught;
}

void dl_interrupt_end(void) {
    for (int i = 0; i < KEPT; i++) sigaction(kept[i], &before[i], NULL);
    sigaction(SIGXFSZ, &size_before, NULL);
}
