/* command_plot.c - the curves of a run from the log that it has left. */
#include <string.h>

#include "plot_curves.h"

int dl_plot_log(const char *program, const char *log, const char *picture) {
    const char *slash = strrchr(log, '/');
    DlError e = {""};
    DlHistory h = {0};
    bool ok = dl_history_read(&h, log, &e) &&
              dl_plot_curves(picture, slash ? slash + 1 : log, &h, &e);
    if (!ok) fprintf(stderr, "%s plot: error: %s\n", program, e.text);
    dl_history_close(&h);
    return ok ? 0 : 1;
}
