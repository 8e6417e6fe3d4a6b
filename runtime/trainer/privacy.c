/* privacy.c - the accountant of differentially private training: Renyi divergences of a
 * sampled normal mechanism add up over steps, and become an epsilon for a given delta. All
 * sums are of logarithms, since their terms leave the range of a double; logarithms of
 * factorials are looked up, since all orders are asked for after each epoch. */
#include "privacy.h"

#include <math.h>

typedef struct Factorials {
    double log[DL_PRIVACY_ORDERS + 1];
} Factorials;

static void fill(Factorials *f, int most) {
    for (int i = 0; i <= most; i++) f->log[i] = lgamma(i + 1.0);
}

/* log of the mean of (ratio of densities) ^ order; the ratio is 1 - q + q exp(...), and its
 * power a sum over k of how often the second part is taken. */
static double log_moment(const Factorials *f, double q, double noise, int order) {
    double term[DL_PRIVACY_ORDERS + 1], most = -INFINITY, sum = 0;
    const double taken = log(q), missed = log1p(-q), spread = 1 / (2 * noise * noise);
    for (int k = 0; k <= order; k++) {
        term[k] = f->log[order] - f->log[k] - f->log[order - k] + k * taken +
                  (k == order ? 0 : (order - k) * missed) + /* 0 * log(0) is 0 */
                  ((double)k * k - k) * spread;
        most = fmax(most, term[k]);
    }
    for (int k = 0; k <= order; k++) sum += exp(term[k] - most);
    return most + log(sum);
}

static double divergence(const Factorials *f, const DlPrivacy *p, int order) {
    return (double)p->steps * fmax(log_moment(f, p->sampling, p->noise, order), 0) / (order - 1);
}

double dl_privacy_divergence(const DlPrivacy *p, int order) {
    Factorials f;
    fill(&f, order);
    return divergence(&f, p, order);
}

/* `tight` takes off what the older conversion gives away. */
static double least_epsilon(const DlPrivacy *p, double delta, int tight) {
    Factorials f;
    double least = INFINITY;
    fill(&f, DL_PRIVACY_ORDERS);
    for (int order = 2; p->steps > 0 && order <= DL_PRIVACY_ORDERS; order++) {
        double epsilon = divergence(&f, p, order) - log(delta) / (order - 1);
        if (tight) epsilon += log1p(-1.0 / order) - log(order) / (order - 1);
        if (epsilon < least) least = epsilon;
    }
    return p->steps > 0 ? fmax(least, 0) : 0;
}

double dl_privacy_epsilon(const DlPrivacy *p, double delta) {
    return least_epsilon(p, delta, 1);
}

double dl_privacy_epsilon_2017(const DlPrivacy *p, double delta) {
    return least_epsilon(p, delta, 0);
}
