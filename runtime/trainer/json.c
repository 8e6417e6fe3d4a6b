/* json.c - the little JSON that the trainer writes. */
#include <math.h>
#include <stdlib.h>

#include "progress.h"

void dl_json_number(FILE *f, double v) {
    char text[40];
    if (!isfinite(v)) {
        fputs("null", f);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (!(strtod(text, NULL) < v || strtod(text, NULL) > v)) break;
    }
    fputs(text, f);
}

void dl_json_text(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 0x20)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

void dl_json_metrics(FILE *f, const dl_model *table, const double *metric) {
    for (int i = 0; i < table->nmetric; i++) {
        fputs(i > 0 ? ", " : "", f);
        dl_json_text(f, table->metric[i]);
        fputs(": ", f);
        dl_json_number(f, metric[i]);
    }
}
