/* template.h - fills in the texts of compiler/templates: the parts of model.c and model.h
 * that are the same for every model but for names, sizes and lists.
 *
 *   @name@            the value of a key, here or further out
 *   @each list        up to the matching @end once for every item of the list
 *   @if key           up to @else or @end when the key has a value that is not empty
 *
 * Directives stand alone on their lines. An unknown key is an internal error. */
#ifndef DLC_TEMPLATE_H
#define DLC_TEMPLATE_H

#include "../dsl/base.h"

typedef struct Dict Dict;

Dict *dict_new(Arena *a, const Dict *outer);
void dict_set(Dict *d, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void dict_list(Dict *d, const char *list);      /* makes the list exist, if empty */
Dict *dict_add(Dict *d, const char *list);      /* a new item at its end */

void template_print(FILE *out, const char *text, const Dict *d);

#endif
