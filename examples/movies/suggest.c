/* suggest.c - five films for a user: of those that he has not rated, the ones of which the model
 * expects the most stars.
 *
 *     suggest movies.safetensors RATINGS.csv USER [MOVIES.csv [PICTURE.png]]
 *
 * RATINGS.csv has the columns userId, movieId and rating, MOVIES.csv movieId, title and genres;
 * both may be packed. Without MOVIES.csv films are known by their numbers. The picture is a map of
 * the films that are rated most often: the two directions in which their vectors differ most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../runtime/trainer/plot.h"
#include "../../runtime/trainer/table.h"
#include "movies.h"

enum { SIZE = 32, USERS = 611, FILMS = 9356, SUGGESTIONS = 5, MOST_STARS = 5 };

typedef struct Film {
    int64_t number; /* the publisher's */
    const char *title, *genres;
    int ratings; /* by all users */
    float given; /* by the user; 0: none */
    float stars; /* that the model expects of him */
} Film;

typedef struct Library {
    movies *model;
    movies_work *work;
    DlPool *pool;
    DlMeta meta;
    int users, films; /* that training has met */
    int64_t user_number[USERS];
    Film film[FILMS];
} Library;

/* ---- numbers and places ---------------------------------------------------------------- */

/* The list of what stands for a column's indices, one a line; names count without case. */
static const char *find_list(const DlMeta *meta, const char *column, DlError *e) {
    char key[64];
    snprintf(key, sizeof key, "categories.%s", column);
    for (int i = 0; i < meta->n; i++)
        if (strcasecmp(meta->pair[i].key, key) == 0) return meta->pair[i].value;
    dl_error(e, "the weights came without the list of each %s; train again", column);
    return NULL;
}

static int64_t next_number(const char **list) {
    char *end;
    int64_t v = strtoll(*list, &end, 10);
    *list = *end == '\n' ? end + 1 : end;
    return v;
}

static bool read_lists(Library *l, DlError *e) {
    const char *user = find_list(&l->meta, "userid", e), *film = find_list(&l->meta, "movieid", e);
    while (user && *user != '\0' && l->users < USERS - 1)
        l->user_number[l->users++] = next_number(&user);
    while (film && *film != '\0' && l->films < FILMS - 1)
        l->film[l->films++].number = next_number(&film);
    return user && film;
}

static int user_place(const Library *l, int64_t number) {
    for (int i = 0; i < l->users; i++)
        if (l->user_number[i] == number) return i;
    return -1;
}

/* The lists are in the order of the numbers. */
static Film *film_of(Library *l, int64_t number) {
    int low = 0, high = l->films;
    while (low < high) {
        int middle = (low + high) / 2;
        if (l->film[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->films && l->film[low].number == number ? &l->film[low] : NULL;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* The columns of these names, loaded; as_text: those behind the first. */
static bool load_columns(DlPool *p, const char *path, int n, const char *const *name, bool as_text,
        DlTable *t, DlColumn **column, DlError *e) {
    if (!dl_table_open(p, path, NULL, t, e)) return false;
    for (int i = 0; i < n; i++) {
        int at = dl_table_column(t, name[i]);
        if (at < 0) return dl_table_no_column(t, name[i], e);
        column[i] = &t->column[at];
        column[i]->wanted = true;
        column[i]->as_text = as_text && i > 0;
    }
    return dl_table_load(t, e);
}

static bool read_ratings(Library *l, const char *path, int64_t user, DlError *e) {
    static const char *const name[] = {"userid", "movieid", "rating"};
    DlTable t;
    DlColumn *c[3];
    if (!load_columns(l->pool, path, 3, name, false, &t, c, e)) return false;
    for (int64_t i = 0; i < t.rows; i++) {
        Film *f = film_of(l, (int64_t)c[1]->number[i]);
        if (!f) continue;
        f->ratings++;
        if (c[0]->number[i] == (double)user) f->given = (float)c[2]->number[i];
    }
    return true;
}

static const char *text_at(const DlColumn *c, int64_t row) {
    return c->code[row] < 0 ? "" : c->text.entry[c->code[row]].text;
}

static bool read_titles(Library *l, const char *path, DlError *e) {
    static const char *const name[] = {"movieid", "title", "genres"};
    DlTable t;
    DlColumn *c[3];
    if (!load_columns(l->pool, path, 3, name, true, &t, c, e)) return false;
    for (int64_t i = 0; i < t.rows; i++) {
        Film *f = film_of(l, (int64_t)c[0]->number[i]);
        if (!f) continue;
        f->title = text_at(c[1], i);
        f->genres = text_at(c[2], i);
    }
    return true;
}

/* ---- suggestions ------------------------------------------------------------------------- */

static bool expect_stars(Library *l, int user, DlError *e) {
    static int32_t users[FILMS], films[FILMS];
    static float stars[FILMS];
    for (int i = 0; i < l->films; i++) {
        users[i] = user;
        films[i] = i;
    }
    int status = movies_predict(l->model, l->work, l->films, users, films, stars);
    for (int i = 0; i < l->films; i++) l->film[i].stars = stars[i];
    return status == 0 || dl_fail(e, "%s", movies_message(status));
}

/* The n films with the most of what `value` says, the most first; how many have any of it. */
static int best(Library *l, float (*value)(const Film *), int n, Film **out) {
    int count = 0;
    for (int i = 0; i < l->films; i++) {
        float v = value(&l->film[i]);
        int k = count < n ? count : n;
        if (!(v > 0) || (k == n && v <= value(out[n - 1]))) continue;
        for (k = k < n ? k : n - 1; k > 0 && value(out[k - 1]) < v; k--) out[k] = out[k - 1];
        out[k] = &l->film[i];
        if (count < n) count++;
    }
    return count;
}

static float stars_if_unseen(const Film *f) {
    return f->given > 0 ? 0 : f->stars;
}

static float stars_given(const Film *f) {
    return f->given;
}

static float ratings_of(const Film *f) {
    return (float)f->ratings;
}

static void print_films(int n, Film *const *film, float (*stars)(const Film *)) {
    for (int i = 0; i < n; i++) {
        printf("  %.1f  ", (double)fminf(stars(film[i]), MOST_STARS));
        if (film[i]->title)
            printf("%s  (%s)\n", film[i]->title, film[i]->genres);
        else
            printf("film %lld\n", (long long)film[i]->number);
    }
}

static int suggest(Library *l, int64_t user, Film **suggestion, DlError *e) {
    Film *liked[SUGGESTIONS];
    int place = user_place(l, user);
    if (place < 0) {
        dl_error(e,
                "user %lld has rated nothing that the model was trained on; there are %lld to "
                "%lld",
                (long long)user, (long long)l->user_number[0],
                (long long)l->user_number[l->users - 1]);
        return 0;
    }
    if (!expect_stars(l, place, e)) return 0;
    printf("User %lld has liked, and given\n", (long long)user);
    print_films(best(l, stars_given, SUGGESTIONS, liked), liked, stars_given);
    int n = best(l, stars_if_unseen, SUGGESTIONS, suggestion);
    printf("and may like, and give\n");
    print_films(n, suggestion, stars_if_unseen);
    return n;
}

/* ---- the map ------------------------------------------------------------------------------ */

enum { SHOWN = 300, ROUNDS = 200 };

typedef struct Map {
    int n;
    const Film *film[SHOWN];
    double centred[SHOWN][SIZE], at[SHOWN][2];
    double axis[2][SIZE]; /* the first principal components */
} Map;

/* The vectors of the films, [FILMS][SIZE]; NULL: the model has none of that name. */
static const float *film_vectors(const Library *l) {
    const dl_model *m = movies_model();
    for (int i = 0; i < m->ntensor; i++)
        if (m->tensor[i].role == DL_PARAMETER && strcmp(m->tensor[i].name, "films.table") == 0)
            return (const float *)(const void *)((const char *)l->model + m->tensor[i].offset);
    return NULL;
}

static void centre(const Library *l, const float *vector, Map *m) {
    double mean[SIZE] = {0};
    for (int i = 0; i < m->n; i++)
        for (int k = 0; k < SIZE; k++) {
            m->centred[i][k] = (double)vector[(m->film[i] - l->film) * SIZE + k];
            mean[k] += m->centred[i][k] / m->n;
        }
    for (int i = 0; i < m->n; i++)
        for (int k = 0; k < SIZE; k++) m->centred[i][k] -= mean[k];
}

static double product(const double *a, const double *b) {
    double sum = 0;
    for (int k = 0; k < SIZE; k++) sum += a[k] * b[k];
    return sum;
}

/* Length 1, and at a right angle to `other` (NULL: to nothing). */
static void make_unit(double *v, const double *other) {
    double along = other ? product(v, other) : 0;
    for (int k = 0; other && k < SIZE; k++) v[k] -= along * other[k];
    double length = sqrt(product(v, v));
    for (int k = 0; k < SIZE; k++) v[k] /= length > 0 ? length : 1;
}

/* By power iteration: a vector times the matrix of products turns towards the first component. */
static void find_axis(Map *m, double *v, const double *other) {
    for (int k = 0; k < SIZE; k++) v[k] = 1.0 / (k + 1);
    make_unit(v, other);
    for (int round = 0; round < ROUNDS; round++) {
        double next[SIZE] = {0};
        for (int i = 0; i < m->n; i++) {
            double along = product(m->centred[i], v);
            for (int k = 0; k < SIZE; k++) next[k] += along * m->centred[i][k];
        }
        memcpy(v, next, sizeof next);
        make_unit(v, other);
    }
}

static void find_places(const Library *l, const float *vector, Map *m) {
    centre(l, vector, m);
    find_axis(m, m->axis[0], NULL);
    find_axis(m, m->axis[1], m->axis[0]);
    for (int i = 0; i < m->n; i++)
        for (int k = 0; k < 2; k++) m->at[i][k] = product(m->centred[i], m->axis[k]);
}

/* ---- the picture ---------------------------------------------------------------------------- */

enum { WIDTH = 1000, HEIGHT = 760, LETTER = 8, LINE = 15, LABELS = 60, TITLE = 24 };

typedef struct Label { /* in pixels, as far as they can be known before gnuplot draws */
    double x, y, width;
} Label;

typedef struct Labels {
    int n;
    Label label[LABELS];
    double scale[2]; /* pixels for one unit of the map */
} Labels;

/* "Shawshank Redemption" of "Shawshank Redemption, The (1994)". */
static void shorten(const char *title, char *out, size_t size) {
    const char *end = strstr(title, " (");
    size_t n = end ? (size_t)(end - title) : strlen(title);
    const char *article = strstr(title, ", The");
    if (article && (size_t)(article - title) < n) n = (size_t)(article - title);
    snprintf(out, size, "%.*s", (int)n, title);
}

/* Whether a label has room beside its point; then it is kept. */
static bool has_room(Labels *l, const double *at, const char *text) {
    double letters = fmin((double)strlen(text), TITLE) + 2;
    Label k = {at[0] * l->scale[0], at[1] * l->scale[1], letters * LETTER};
    for (int i = 0; i < l->n; i++)
        if (fabs(l->label[i].y - k.y) < LINE && k.x < l->label[i].x + l->label[i].width &&
                l->label[i].x < k.x + k.width)
            return false;
    if (l->n == LABELS) return false;
    l->label[l->n++] = k;
    return true;
}

static void put_labels(FILE *f, const Map *m, int nsuggestion) {
    double most[2] = {0, 0};
    for (int i = 0; i < m->n; i++)
        for (int k = 0; k < 2; k++) most[k] = fmax(most[k], fabs(m->at[i][k]));
    Labels labels = {0, {{0, 0, 0}}, {0.42 * WIDTH / most[0], 0.42 * HEIGHT / most[1]}};
    for (int i = 0; i < m->n; i++) {
        char text[128];
        if (!m->film[i]->title) continue;
        shorten(m->film[i]->title, text, sizeof text);
        if (!has_room(&labels, m->at[i], text)) continue;
        fputs("set label ", f);
        dl_plot_text(f, text, TITLE);
        fprintf(f, " at %.5g,%.5g offset character 0.6,0 left front tc rgb '%s'\n", m->at[i][0],
                m->at[i][1], i < nsuggestion ? "#d55e00" : "#303030");
    }
    fprintf(f, "set xrange [%.4g:%.4g]\nset yrange [%.4g:%.4g]\n", -1.1 * most[0], 1.3 * most[0],
            -1.1 * most[1], 1.1 * most[1]);
}

/* The kinds of points: suggested, liked, all others. */
static void put_points(
        FILE *f, const Map *m, int nsuggestion, const char *name, bool suggested, bool liked) {
    fprintf(f, "$%s << END\n", name);
    for (int i = 0; i < m->n; i++) {
        bool is_suggested = i < nsuggestion, is_liked = !is_suggested && m->film[i]->given >= 4.5f;
        if (is_suggested == suggested && is_liked == liked)
            fprintf(f, "%.5g %.5g\n", m->at[i][0], m->at[i][1]);
    }
    fputs("END\n", f);
}

/* The suggestions first, then the films that are rated most often. */
static void choose_films(Library *l, int n, Film *const *suggestion, Map *m) {
    Film *known[SHOWN];
    int count = best(l, ratings_of, SHOWN, known);
    for (int i = 0; i < n; i++) m->film[m->n++] = suggestion[i];
    for (int i = 0; i < count && m->n < SHOWN; i++) {
        bool there = false;
        for (int k = 0; k < n; k++) there = there || suggestion[k] == known[i];
        if (!there) m->film[m->n++] = known[i];
    }
}

static bool draw_map(
        Library *l, int64_t user, int n, Film *const *suggestion, const char *picture, DlError *e) {
    static Map m;
    DlPlot p;
    const float *vector = film_vectors(l);
    if (!vector) return dl_fail(e, "the model has no parameter films.table");
    choose_films(l, n, suggestion, &m);
    find_places(l, vector, &m);
    if (!dl_plot_begin(&p, picture, WIDTH, HEIGHT, e)) return false;
    put_labels(p.script, &m, n);
    put_points(p.script, &m, n, "others", false, false);
    put_points(p.script, &m, n, "liked", false, true);
    put_points(p.script, &m, n, "suggested", true, false);
    fprintf(p.script,
            "set title 'The %d films that are rated most often, by their vectors'\n"
            "set xlabel 'first principal component'\nset ylabel 'second principal component'\n"
            "set key bottom left\n"
            "plot $others using 1:2 with points pt 7 ps 0.6 lc rgb '#b0b0b0' title 'films', "
            "$liked using 1:2 with points pt 7 ps 1.1 lc rgb '#0072b2' title 'user %lld gave 4.5 "
            "or 5', $suggested using 1:2 with points pt 9 ps 1.6 lc rgb '#d55e00' title "
            "'suggested'\n",
            m.n, (long long)user);
    return dl_plot_end(&p, e);
}

static bool open_library(Library *l, const char *weights, DlError *e) {
    l->model = movies_create(0);
    l->work = movies_work_create(1);
    l->pool = dl_pool_new();
    if (!l->model || !l->work || !l->pool) return dl_fail(e, "out of memory");
    int status = movies_load(l->model, weights);
    if (status != 0) return dl_fail(e, "%s: %s", weights, movies_message(status));
    return dl_weights_meta(weights, l->pool, &l->meta, e) && read_lists(l, e);
}

static void close_library(Library *l) {
    if (l->pool) dl_pool_free(l->pool);
    movies_work_free(l->work);
    movies_free(l->model);
}

static bool run(Library *l, int argc, char **argv, DlError *e) {
    Film *suggestion[SUGGESTIONS];
    char *end;
    int64_t user = strtoll(argv[3], &end, 10);
    if (end == argv[3] || *end != '\0') return dl_fail(e, "'%s' is no number of a user", argv[3]);
    if (!open_library(l, argv[1], e) || !read_ratings(l, argv[2], user, e) ||
            (argc > 4 && !read_titles(l, argv[4], e)))
        return false;
    int n = suggest(l, user, suggestion, e);
    return n > 0 && (argc < 6 || draw_map(l, user, n, suggestion, argv[5], e));
}

int main(int argc, char **argv) {
    static Library library;
    DlError error = {""};
    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: suggest WEIGHTS RATINGS.csv USER [MOVIES.csv [PICTURE.png]]\n");
        return 2;
    }
    bool done = run(&library, argc, argv, &error);
    if (!done) fprintf(stderr, "%s\n", error.text);
    close_library(&library);
    return done ? 0 : 1;
}
