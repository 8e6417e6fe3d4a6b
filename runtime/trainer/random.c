/* random.c - the trainer's own random numbers: functions of seed, purpose and place, from
 * the generator that the models use (part 0 is theirs), by integer and exact arithmetic
 * only, so that data and orders are the same on every machine. */
#include "../dl_random.h"
#include "reader.h"

/* Sixty-four random bits. */
static uint64_t bits(uint64_t seed, int purpose, uint64_t a, uint64_t b) {
    dl_philox p = dl_random_block(seed, (uint32_t)a, (uint32_t)(a >> 32), (uint32_t)purpose + 1, b);
    return (uint64_t)p.word[0] << 32 | p.word[1];
}

double dl_draw(uint64_t seed, int purpose, uint64_t a, uint64_t b) {
    return (double)(bits(seed, purpose, a, b) >> 11) * 0x1p-53;
}

/* The sum of twelve uniforms has variance 1; unlike a logarithm it is the same everywhere. */
double dl_draw_normal(uint64_t seed, uint64_t a, uint64_t b) {
    double sum = -6;
    for (uint64_t i = 0; i < 12; i++) sum += dl_draw(seed, DL_DRAW_NOISE, a, 12 * b + i);
    return sum;
}

/* A number in [0, n), n < 2^31: the upper half of a product; its bias is below 2^-33. */
static int64_t below(uint64_t word, int64_t n) {
    return (int64_t)((word >> 32) * (uint64_t)n >> 32);
}

/* Fisher and Yates: every order of the rows is as likely as any other. */
void dl_draw_order(uint64_t seed, int64_t epoch, int64_t *order, int64_t n) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = below(bits(seed, DL_DRAW_SHUFFLE, (uint64_t)epoch, (uint64_t)i), i + 1);
        int64_t held = order[i];
        order[i] = order[k];
        order[k] = held;
    }
}
