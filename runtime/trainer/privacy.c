/* privacy.c - the accountant of differentially private training: Renyi divergences of a
 * sampled normal mechanism add up over steps, and become an epsilon for a given delta. All
 * sums are of logarithms, since their terms leave the range of a double. */
#include "privacy.h"

#include <math.h>

static double log_binomial(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static double log_add(double a, double b) {
    double most = a > b ? a : b, least = a > b ? b : a;
    return least == -INFINITY ? most : most + log1p(exp(least - most));
}

/* log of the mean of (ratio of densities) ^ order; the ratio is 1 - q + q exp(...), and its
 * power a sum over k of how often the second part is taken. */
static double log_moment(double q, double noise, int order) {
    double sum = -INFINITY;
    for (int k = 0; k <= order; k++) {
        double missed = k == order ? 0 : (order - k) * log1p(-q); /* 0 * log(0) is 0 */
        double term = log_binomial(order, k) + missed + k * log(q) +
                      ((double)k * k - k) / (2 * noise * noise);
        sum = log_add(sum, term);
    }
    return sum;
}

double dl_privacy_divergence(const DlPrivacy *p, int order) {
    return (double)p->steps * fmax(log_moment(p->sampling, p->noise, order), 0) / (order - 1);
}

/* `tight` takes off what the older conversion gives away. */
static double least_epsilon(const DlPrivacy *p, double delta, int tight) {
    double least = INFINITY;
    for (int order = 2; p->steps > 0 && order <= DL_PRIVACY_ORDERS; order++) {
        double epsilon = dl_privacy_divergence(p, order) - log(delta) / (order - 1);
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
