/* settings.h - the lines of a train block: what each takes. */
#ifndef DSL_SETTINGS_H
#define DSL_SETTINGS_H

#include "ast.h"

/* What the value of a setting is: an expression; a call; values of which some have names, as in
 * stop_early patience: 3; or an assignment, of which there may be several lines. */
typedef enum { EXPRESSION, CALL, NAMED, ASSIGNMENT } SettingForm;

typedef struct Setting {
    const char *name, *example;
    SettingForm form;
} Setting;

const Setting *setting_named(const char *name); /* NULL: an update, or nothing at all */

#endif
