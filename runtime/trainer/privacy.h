/* privacy.h - what training with noise on clipped gradients gives away about a row of the data. */
#ifndef DL_PRIVACY_H
#define DL_PRIVACY_H

#include <stdint.h>

/* Differentially private stochastic gradient descent (Abadi et al. 2016), adding or leaving out
 * one row. Each step takes every row with the probability `sampling` and adds to the sum of
 * their gradients, each of norm at most c, normal noise of standard deviation noise * c. */
typedef struct DlPrivacy {
    double sampling; /* in (0, 1] */
    double noise;    /* > 0 */
    int64_t steps;
} DlPrivacy;

/* The order of the Renyi divergence goes from 2 to DL_PRIVACY_ORDERS. */
enum { DL_PRIVACY_ORDERS = 512 };

/* The divergence of all steps at a whole order from 2 to DL_PRIVACY_ORDERS: Mironov, Talwar and
 * Zhang (2019), section 3.3. Infinite where it does not fit into a double. */
double dl_privacy_divergence(const DlPrivacy *p, int order);

/* The least epsilon of (epsilon, delta)-privacy over all orders, by the conversion of
 * Canonne, Kamath and Steinke (2020), proposition 12. 0 for no steps. */
double dl_privacy_epsilon(const DlPrivacy *p, double delta);

/* The same by the older conversion, epsilon = divergence - log(delta) / (order - 1)
 * (Mironov 2017, proposition 3), in which many results were published. */
double dl_privacy_epsilon_2017(const DlPrivacy *p, double delta);

#endif
