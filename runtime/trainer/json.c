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

void dl_json_record(FILE *f, const DlRecord *r) {
    fprintf(f, "{\"epoch\": %lld, \"step\": %lld", (long long)r->epoch, (long long)r->step);
    for (int i = 0; i < r->n; i++) {
        fputs(", ", f);
        dl_json_text(f, r->name[i]);
        fputs(": ", f);
        dl_json_number(f, r->value[i]);
    }
    fprintf(f,
            ", \"samples_per_second\": %.0f, \"seconds\": %.6f, \"waiting_seconds\": %.6f}\n",
            r->samples_per_second, r->seconds, r->waited);
}

/* The elements of axis k and the axes behind it; `at` moves on over them. */
static void print_axis(FILE *f, const dl_tensor *t, int k, const double **at) {
    if (k == t->rank) {
        dl_json_number(f, *(*at)++);
        return;
    }
    for (int64_t i = 0; i < t->shape[k]; i++) {
        fputs(i > 0 ? ", " : "[", f);
        print_axis(f, t, k + 1, at);
    }
    fputc(']', f);
}

void dl_json_metrics(FILE *f, const dl_model *table, const double *metric) {
    for (int i = 0; i < table->nmetric; i++) {
        fputs(i > 0 ? ", " : "", f);
        dl_json_text(f, table->metric[i]);
        fputs(": ", f);
        if (table->result)
            print_axis(f, &table->result[i], 0, &metric);
        else
            dl_json_number(f, metric[i]);
    }
}
