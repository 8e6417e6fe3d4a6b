/* embedded.h - real files of the source tree inside the compiler: templates and runtime. */
#ifndef DLC_EMBEDDED_H
#define DLC_EMBEDDED_H

#include "template.h"

const char *embedded_text(const char *base_name);     /* ICE when there is none */

/* Sets the keys by which the templates fold the runtime into a standalone file. */
void embedded_runtime(Arena *a, Dict *d, bool standalone);

#endif
