/* drawing.h - files that other programs draw: gnuplot plots, graphviz lays graphs out.
 *
 * Neither is needed for anything but a picture: where one is absent, the message names the package
 * that has it, and nothing but the picture is missing. No shell stands between, no file name is
 * part of a command, and a picture appears whole or not at all. */
#ifndef DL_DRAWING_H
#define DL_DRAWING_H

#include "trainer.h"

typedef struct DlArtist {
    const char *program, *package; /* Debian's name of it */
} DlArtist;

extern const DlArtist dl_gnuplot, dl_graphviz;

/* ".png" or ".svg", the two kinds there are, from the file's ending; NULL, with a message, for
 * another. */
const char *dl_picture_kind(const char *path, DlError *e);
/* Whether the picture could be drawn: its ending and folder, and that the program is there. Better
 * asked before an hour of work than after it. */
bool dl_drawing_possible(const DlArtist *a, const char *path, DlError *e);
/* Runs the program with these arguments (argument[0] is its name, NULL ends them) and the text as
 * its standard input; what it writes on standard output becomes the file. */
bool dl_drawing_make(const DlArtist *a, const char *const *argument, const char *text, size_t size,
        const char *path, DlError *e);

#endif
