#include "show.h"
bool show_filters(Arena *a, const Model *m, const char *weights, const char *path) { (void)a; (void)m; (void)weights; (void)path; return false; }
bool show_embedding(Arena *a, const Model *m, const char *weights, const char *path) { (void)a; (void)m; (void)weights; (void)path; return false; }
