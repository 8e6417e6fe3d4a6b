/* utf8.h - characters of UTF-8 text (RFC 3629). */
#ifndef DL_UTF8_H
#define DL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at p, which has `left` bytes: its length, or 0 when it is not well-formed. */
int dl_utf8_decode(const unsigned char *p, size_t left, uint32_t *code);
/* Its bytes, at most 4, without an end; how many they are. */
int dl_utf8_encode(uint32_t code, char *out);
/* Where the first byte stands that is not well-formed; n: nowhere. */
size_t dl_utf8_wrong(const char *text, size_t n);
/* The lower case of a letter of the Latin, Greek, Cyrillic and Armenian scripts, where it is one
 * character; any other character itself. */
uint32_t dl_utf8_lower(uint32_t code);
/* Whether a character beyond ASCII is punctuation, a symbol or a blank, and so ends a word. */
bool dl_utf8_divides(uint32_t code);

#endif
